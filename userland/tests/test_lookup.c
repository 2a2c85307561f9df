// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Paths, directory stubs and the root, against a small directory server in this process: object n
 * is directory n, a name "dM" in it leads to directory M of the same server, "fM" to a file,
 * "oM" to directory M but resolved one step at a time, other names are not found.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "broker/broker_run.h"

static struct am_server *server;
static atomic_int requests;
static atomic_int mischief;	/* a malformed reply to LOOKUP or LIST, see the handler */
static uint8_t last[512];
static size_t last_len;
static uint32_t last_command;

static am_cap object(uint32_t n)
{
	static const am_port random = { { 1, 2, 3, 4, 5, 6 } };
	am_cap c;

	am_cap_make(&c, am_server_port(server), n, 0xff, &random);
	return c;
}

static am_status do_lookup(struct am_request *rq)
{
	uint32_t at = rq->hdr.object;
	const char *path;
	struct am_buf b;
	am_capset set;
	am_cap c;

	am_buf_init(&b, rq->data, rq->len);
	path = am_get_str(&b);
	if (!path || strlen(path) > AM_NAME_MAX)
		return AM_STD_ARGBAD;
	while (*path) {
		bool once = *path == 'o';

		if (!strchr("dof", *path) || at >= 10000)
			return AM_STD_NOTFOUND;
		at = atoi(path + 1) + (*path == 'f' ? 10000 : 0);
		path += strcspn(path, "/");
		if (*path)
			path++;
		if (once)
			break;
	}
	c = object(at);
	am_capset_one(&set, &c);
	am_buf_init(&b, rq->rbuf, rq->rsize);
	switch (atomic_load(&mischief)) {
	case 1:		/* more left than was asked */
		am_put_str(&b, "d1/d2/d3/d4/d5/d6/d7/d8/d9");
		break;
	case 2:		/* something else left */
		am_put_str(&b, "x");
		break;
	case 3:		/* no progress */
		am_put_bytes(&b, rq->data, rq->len);
		break;
	default:
		am_put_str(&b, path);
	}
	am_put_capset(&b, &set);
	rq->rlen = b.p - rq->rbuf;
	if (atomic_load(&mischief) == 4)	/* cut */
		rq->rlen -= 3;
	if (atomic_load(&mischief) == 5)	/* no member */
		rq->rbuf[rq->rlen - 20] = rq->rbuf[rq->rlen - 2] = 0;
	return AM_OK;
}

#define ROWS 1000
#define ROWS_EACH 300

static am_status do_list(struct am_request *rq)
{
	unsigned int first = rq->hdr.extra, n = first + ROWS_EACH > ROWS ? ROWS - first : ROWS_EACH;
	struct am_buf b;
	unsigned int i;
	char name[32];

	if (first > ROWS)
		return AM_STD_ARGBAD;
	am_buf_init(&b, rq->rbuf, rq->rsize);
	am_put_u16(&b, atomic_load(&mischief) == 6 ? 5 : 3);
	am_put_u16(&b, n + (atomic_load(&mischief) == 7));
	am_put_str(&b, "owner");
	am_put_str(&b, "group");
	am_put_str(&b, "other");
	for (i = first; i < first + n; i++) {
		snprintf(name, sizeof(name), "row%u", i);
		am_put_str(&b, name);
		am_put_u32(&b, i);
		am_put_u32(&b, 2);
		am_put_u32(&b, 3);
	}
	rq->rlen = b.p - rq->rbuf;
	rq->hdr.extra = first + n < ROWS ? first + n : 0xffff;
	if (atomic_load(&mischief) == 8)
		rq->hdr.extra = first;
	return AM_OK;
}

static am_status handler(struct am_request *rq, void *arg)
{
	(void)arg;
	atomic_fetch_add(&requests, 1);
	last_command = rq->command;
	last_len = rq->len < sizeof(last) ? rq->len : sizeof(last);
	memcpy(last, rq->data, last_len);
	switch (rq->command) {
	case AM_DIR_LOOKUP:
		return do_lookup(rq);
	case AM_DIR_LIST:
		return do_list(rq);
	case AM_DIR_CREATE: {
		am_cap c = object(77);

		am_hdr_set_cap(&rq->hdr, &c);
		return AM_OK;
	}
	case AM_STD_INFO:
		memcpy(rq->rbuf, "/dw1234", 7);
		rq->rlen = 7;
		rq->hdr.size = 7;
		return AM_OK;
	default:
		return AM_OK;
	}
}

static void expect(const char *path, am_status status, uint32_t number)
{
	am_cap start = object(1), c = { 0 };

	assert_int_equal(am_lookup(&start, path, &c), status);
	if (!status)
		assert_int_equal(am_cap_object(&c), number);
}

static void paths(void **state)
{
	char deep[4250] = "";
	int i, before;

	(void)state;
	expect("d2", AM_OK, 2);
	expect("/d2", AM_OK, 2);
	expect("//d2//d3/", AM_OK, 3);
	expect("d2/../d4", AM_OK, 4);
	expect("./d2/./.././../d5/.", AM_OK, 5);
	expect("d2/d3/f4", AM_OK, 10004);
	expect("o2/o3/o4/d5", AM_OK, 5);
	expect("nothing", AM_STD_NOTFOUND, 0);
	expect("d2/nothing/d3", AM_STD_NOTFOUND, 0);
	expect("f2/d3", AM_STD_NOTFOUND, 0);

	before = atomic_load(&requests);
	expect("", AM_OK, 1);
	expect("/", AM_OK, 1);
	expect("..", AM_OK, 1);
	expect("d2/..", AM_OK, 1);
	expect("with blank", AM_STD_ARGBAD, 0);
	expect("umlaut\xc3\xa4", AM_STD_ARGBAD, 0);
	expect("tab\t", AM_STD_ARGBAD, 0);
	memset(deep, 'd', 256);
	expect(deep, AM_STD_ARGBAD, 0);
	assert_int_equal(atomic_load(&requests), before);	/* nothing was sent */

	deep[0] = 0;
	for (i = 0; i < 400; i++)		/* longer than one request takes */
		sprintf(deep + strlen(deep), "d%d/", i);
	expect(deep, AM_OK, 399);
	deep[0] = 0;
	for (i = 0; i < 40; i++)		/* more steps than a path may take */
		strcat(deep, "o1/");
	expect(deep, AM_STD_OVERFLOW, 0);
	memset(deep, 'd', 250);			/* a path too long as a whole */
	for (i = 1; i < 17; i++) {
		memset(deep + 250 * i, 'd', 250);
		deep[250 * i - 1] = '/';
	}
	deep[4249] = 0;
	expect(deep, AM_STD_ARGBAD, 0);
}

static void parents(void **state)
{
	am_cap start = object(1), dir;
	char name[AM_NAME_MAX + 1];

	(void)state;
	assert_int_equal(am_lookup_parent(&start, "/d2/new", &dir, name), AM_OK);
	assert_int_equal(am_cap_object(&dir), 2);
	assert_string_equal(name, "new");
	assert_int_equal(am_lookup_parent(&start, "new//", &dir, name), AM_OK);
	assert_int_equal(am_cap_object(&dir), 1);
	assert_string_equal(name, "new");
	assert_int_equal(am_lookup_parent(&start, "d2/x/../new/.", &dir, name), AM_OK);
	assert_int_equal(am_cap_object(&dir), 2);
	assert_string_equal(name, "new");
	assert_int_equal(am_lookup_parent(&start, "/", &dir, name), AM_STD_ARGBAD);
	assert_int_equal(am_lookup_parent(&start, "d2/..", &dir, name), AM_STD_ARGBAD);
	assert_int_equal(am_lookup_parent(&start, "gone/new", &dir, name), AM_STD_NOTFOUND);
}

static void malformed(void **state)
{
	int i;

	(void)state;
	for (i = 1; i <= 4; i++) {
		atomic_store(&mischief, i);
		expect("d2/d3", AM_STD_SYSERR, 0);
	}
	atomic_store(&mischief, 5);
	expect("d2/d3", AM_STD_NOTFOUND, 0);
	atomic_store(&mischief, 0);
}

static int count(const struct am_dirent *e, void *arg)
{
	unsigned int *n = arg;
	char name[32];

	snprintf(name, sizeof(name), "row%u", *n);
	assert_string_equal(e->name, name);
	assert_int_equal(e->ncols, 3);
	assert_int_equal(e->masks[0], *n);
	assert_int_equal(e->masks[2], 3);
	assert_int_equal(e->masks[3], 0);
	return ++*n == 500 ? 42 : 0;
}

static int any(const struct am_dirent *e, void *arg)
{
	(void)e;
	++*(unsigned int *)arg;
	return 0;
}

static void listing(void **state)
{
	am_cap dir = object(1);
	unsigned int n = 0;
	int i;

	(void)state;
	assert_int_equal(am_dir_list(&dir, count, &n), 42);
	assert_int_equal(n, 500);
	n = 0;
	assert_int_equal(am_dir_list(&dir, any, &n), AM_OK);
	assert_int_equal(n, ROWS);
	for (i = 6; i <= 8; i++) {
		atomic_store(&mischief, i);
		assert_int_equal(am_dir_list(&dir, any, &n), AM_STD_SYSERR);
	}
	atomic_store(&mischief, 0);
}

static void changes(void **state)
{
	static const uint32_t masks[AM_DIR_COLUMNS] = { 0xff, 0x0f, 0x02, 0 };
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "\x7f" };
	am_cap dir = object(1), c = some_cap(0x40), made;
	char name[AM_NAME_MAX + 2];
	size_t i;
	int n;

	(void)state;
	assert_int_equal(am_dir_append(&dir, "n", &c, masks), AM_OK);
	assert_int_equal(last_command, AM_DIR_APPEND);
	assert_int_equal(last_len, 2 + 4 + 18 + 16);
	assert_memory_equal(last, "n\0\1\0\1\0", 6);
	assert_memory_equal(last + 6, &c, 16);
	assert_memory_equal(last + 24, "\xff\0\0\0\x0f\0\0\0\2\0\0\0\0\0\0\0", 16);
	assert_int_equal(am_dir_replace(&dir, "n", &c), AM_OK);
	assert_int_equal(last_command, AM_DIR_REPLACE);
	assert_int_equal(last_len, 2 + 4 + 18);
	assert_int_equal(am_dir_delete(&dir, "n"), AM_OK);
	assert_int_equal(last_command, AM_DIR_DELETE);
	assert_int_equal(last_len, 2);
	assert_int_equal(am_dir_chmod(&dir, "n", masks), AM_OK);
	assert_int_equal(last_command, AM_DIR_CHMOD);
	assert_int_equal(last_len, 2 + 16);
	assert_int_equal(am_dir_discard(&dir), AM_OK);
	assert_int_equal(last_command, AM_DIR_DISCARD);
	assert_int_equal(am_dir_create(&dir, &made), AM_OK);
	assert_int_equal(last_len, 18);
	assert_memory_equal(last, "owner\0group\0other", 18);
	assert_int_equal(am_cap_object(&made), 77);

	n = atomic_load(&requests);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(am_dir_delete(&dir, bad[i]), AM_STD_ARGBAD);
	memset(name, 'x', sizeof(name));
	name[AM_NAME_MAX + 1] = 0;
	assert_int_equal(am_dir_append(&dir, name, &c, NULL), AM_STD_ARGBAD);
	assert_int_equal(atomic_load(&requests), n);
	name[AM_NAME_MAX] = 0;
	assert_int_equal(am_dir_append(&dir, name, &c, NULL), AM_OK);
}

static void standard(void **state)
{
	am_cap c = object(5), r;
	char text[32];

	(void)state;
	assert_int_equal(am_std_info(&c, text, sizeof(text)), AM_OK);
	assert_string_equal(text, "/dw1234");
	assert_int_equal(am_std_info(&c, text, 8), AM_OK);
	assert_string_equal(text, "/dw1234");
	assert_int_equal(am_std_info(&c, text, 4), AM_STD_OVERFLOW);
	assert_string_equal(text, "/dw");
	assert_int_equal(am_std_info(&c, text, 0), AM_STD_ARGBAD);
	c.rights = 0x3f;	/* not the owner's: the server is asked */
	assert_int_equal(am_std_restrict(&c, 1, &r), AM_OK);
	assert_int_equal(last_command, AM_STD_RESTRICT);
	assert_int_equal(am_std_touch(&c), AM_OK);
	assert_int_equal(am_std_destroy(&c), AM_OK);
	assert_int_equal(last_command, AM_STD_DESTROY);
}

static void members(void **state)
{
	am_capset s = { .initial = 2, .final = 2 };
	am_cap c;

	(void)state;
	s.suite[0].cap = some_cap(0x77);	/* its server does not exist */
	s.suite[0].current = 1;
	s.suite[1].cap = object(9);
	s.suite[1].current = 1;
	assert_int_equal(am_capset_choose(&s, &c), AM_OK);
	assert_int_equal(am_cap_object(&c), 9);
}

static void root(void **state)
{
	am_cap want = object(1), c;
	char text[AM_CAP_TEXT], line[AM_CAP_TEXT + 8];

	(void)state;
	snprintf(line, sizeof(line), " %s \n", am_cap_text(&want, text));
	setenv("AMOEBA_ROOT", line, 1);
	assert_int_equal(am_root(&c), AM_OK);
	assert_true(am_cap_equal(&c, &want));
	assert_int_equal(am_path("/d4/f5", &c), AM_OK);
	assert_int_equal(am_cap_object(&c), 10005);
	assert_int_equal(am_path("/", &c), AM_OK);
	assert_true(am_cap_equal(&c, &want));
	setenv("AMOEBA_ROOT", "nonsense", 1);
	assert_int_equal(am_root(&c), AM_STD_CAPBAD);
	setenv("AMOEBA_ROOT", "0:0:0:0:0:0/0(0)/0:0:0:0:0:0", 1);
	assert_int_equal(am_path("/x", &c), AM_STD_CAPBAD);
	unsetenv("AMOEBA_ROOT");
}

static int setup(void **state)
{
	static const struct am_server_opt opt = { .threads = 2, .bufsize = 8192,
						  .rbufsize = 65536 };
	am_port get;

	(void)state;
	if (am_broker_run())
		return -1;
	am_port_random(&get);
	server = am_server_start(&get, handler, NULL, &opt);
	return server ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	am_server_stop(server);
	am_broker_end();
	return 0;
}

/* the same with every third reply or request lost: what may be repeated is, the rest is not */
static void lossy(const char *option)
{
	am_cap start, c, d = some_cap(1);
	int i, failed = 0;

	assert_int_equal(am_broker_run_opt(option), 0);
	server = am_server_start(&(am_port){ { 4 } }, handler, NULL, NULL);
	assert_non_null(server);
	start = object(1);
	for (i = 0; i < 10; i++) {
		assert_int_equal(am_lookup(&start, "d2/d3", &c), AM_OK);
		assert_int_equal(am_cap_object(&c), 3);
	}
	for (i = 0; i < 9; i++)
		failed += am_dir_append(&start, "x", &d, NULL) == AM_RPC_FAILURE;
	assert_int_equal(failed, 3);
	am_server_stop(server);
	am_broker_end();
}

static void lost(void **state)
{
	(void)state;
	lossy("-l3");
	lossy("-r3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(parents),
		cmocka_unit_test(malformed),
		cmocka_unit_test(listing),
		cmocka_unit_test(changes),
		cmocka_unit_test(standard),
		cmocka_unit_test(members),
		cmocka_unit_test(root),
	};
	const struct CMUnitTest lossy_tests[] = {
		cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests(tests, setup, teardown) +
	       cmocka_run_group_tests(lossy_tests, NULL, NULL);
}
