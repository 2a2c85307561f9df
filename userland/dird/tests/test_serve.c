// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The protocol: every command good and bad, straight into the handler of the server loop.
 */
#include "../../bulletd/tests/host.h"
#include "layout.h"
#include "serve.h"

static char *dir;
static struct store *st;
static struct dird d;
static am_cap root, super;

static int setup(void **state)
{
	char path[300], why[256];

	(void)state;
	dir = scratch_make();
	snprintf(path, sizeof(path), "%s/db", dir);
	st = store_lmdb_open(path, 64 << 20, 8, why, sizeof(why));
	assert_non_null(st);
	assert_int_equal(layout_init(st), 0);
	assert_int_equal(dird_setup(&d, st, 4), AM_OK);
	assert_int_equal(layout_root(st, &root), AM_OK);
	am_cap_make(&super, &d.put, 0, 0xff, &d.id.super);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	st->ops->close(st);
	scratch_remove(dir);
	return 0;
}

/* ---- requests --------------------------------------------------------------------------------- */

static am_status run(const am_cap *cap, uint32_t command, const void *body, size_t len)
{
	struct call c;
	am_status s;

	call_init(&c, cap, command, body, len, 16384);
	s = call_run(&c, dird_serve, &d);
	call_done(&c);
	return s;
}

static am_cap restricted(const am_cap *cap, uint8_t mask)
{
	struct call c;
	am_cap out;

	call_init(&c, cap, AM_STD_RESTRICT, NULL, 0, 64);
	c.rq.hdr.offset = mask;
	assert_int_equal(call_run(&c, dird_serve, &d), AM_OK);
	out = call_cap(&c);
	call_done(&c);
	return out;
}

static am_cap create(void)
{
	struct call c;
	am_cap out;

	call_init(&c, &super, AM_DIR_CREATE, "owner\0group\0other", 18, 64);
	assert_int_equal(call_run(&c, dird_serve, &d), AM_OK);
	out = call_cap(&c);
	call_done(&c);
	assert_int_equal(out.rights, 0xff);
	assert_true(am_port_equal(&out.port, &d.put));
	return out;
}

static size_t row_body(uint8_t *buf, size_t size, const char *name, const am_cap *cap,
		       const uint32_t *masks, int nmasks)
{
	struct am_buf b;
	am_capset set;

	am_buf_init(&b, buf, size);
	am_put_str(&b, name);
	if (cap) {
		am_capset_one(&set, cap);
		am_put_capset(&b, &set);
	}
	for (int i = 0; i < nmasks; i++)
		am_put_u32(&b, masks[i]);
	assert_false(b.bad);
	return (size_t)(b.p - buf);
}

static am_status append(const am_cap *to, const char *name, const am_cap *cap,
			uint32_t m0, uint32_t m1, uint32_t m2)
{
	const uint32_t masks[] = { m0, m1, m2 };
	uint8_t buf[512];

	return run(to, AM_DIR_APPEND, buf, row_body(buf, sizeof(buf), name, cap, masks, 3));
}

static am_status lookup(const am_cap *at, const char *path, am_cap *out, char *rest)
{
	struct call c;
	struct am_buf b;
	am_capset set;
	am_status s;

	call_init(&c, at, AM_DIR_LOOKUP, path, strlen(path) + 1, 16384);
	s = call_run(&c, dird_serve, &d);
	if (!s) {
		am_buf_init(&b, c.rq.rbuf, c.rq.rlen);
		strcpy(rest, am_get_str(&b));
		am_get_capset(&b, &set);
		assert_false(b.bad);
		assert_ptr_equal(b.p, b.end);
		assert_int_equal(set.final, 1);
		*out = set.suite[0].cap;
	}
	call_done(&c);
	return s;
}

/* ---- capabilities and standard commands ---------------------------------------------------------- */

static void test_capabilities(void **state)
{
	am_cap bad = root;

	(void)state;
	bad.check[3] ^= 1;
	assert_int_equal(run(&bad, AM_DIR_LIST, NULL, 0), AM_STD_CAPBAD);
	bad = root;
	bad.rights = 0x7f;		/* rights that the check field does not fit */
	assert_int_equal(run(&bad, AM_DIR_LIST, NULL, 0), AM_STD_CAPBAD);
	bad = super;
	bad.check[0] ^= 1;
	assert_int_equal(run(&bad, AM_STD_TOUCH, NULL, 0), AM_STD_CAPBAD);
	bad = root;
	bad.object[2] = 0xff;
	assert_int_equal(run(&bad, AM_DIR_LIST, NULL, 0), AM_STD_CAPBAD);
	assert_int_equal(run(&root, 9999, NULL, 0), AM_STD_COMBAD);
	assert_int_equal(run(&root, AM_B_READ, NULL, 0), AM_STD_COMBAD);
	assert_int_equal(run(&super, AM_DIR_LIST, NULL, 0), AM_STD_COMBAD);
	assert_int_equal(run(&super, AM_STD_DESTROY, NULL, 0), AM_STD_COMBAD);

	/* no column: good for nothing but being restricted and touched */
	bad = restricted(&root, 0xf8);
	assert_int_equal(bad.rights, 0xf8);
	assert_int_equal(run(&bad, AM_DIR_LIST, NULL, 0), AM_STD_DENIED);
	assert_int_equal(run(&bad, AM_STD_INFO, NULL, 0), AM_STD_DENIED);
	assert_int_equal(run(&bad, AM_STD_TOUCH, NULL, 0), AM_OK);
	assert_int_equal(restricted(&bad, 0xc7).rights, 0xc0);
}

static void check_info(const am_cap *cap, const char *text)
{
	struct call c;

	call_init(&c, cap, AM_STD_INFO, NULL, 0, 256);
	c.rq.hdr.size = 100;
	assert_int_equal(call_run(&c, dird_serve, &d), AM_OK);
	assert_int_equal(c.rq.rlen, strlen(text));
	assert_int_equal(c.rq.hdr.size, strlen(text));
	assert_memory_equal(c.rq.rbuf, text, strlen(text));
	call_done(&c);
}

static void test_info(void **state)
{
	struct call c;
	am_cap cap;

	(void)state;
	check_info(&root, "/dw1234");
	cap = restricted(&root, 0x05);
	check_info(&cap, "/--1-3-");
	check_info(&super, "soap generic capability");
	call_init(&c, &root, AM_STD_INFO, NULL, 0, 256);
	c.rq.hdr.size = 6;
	assert_int_equal(call_run(&c, dird_serve, &d), AM_STD_OVERFLOW);
	assert_int_equal(c.rq.hdr.size, 7);
	call_done(&c);
	call_init(&c, &super, AM_STD_STATUS, NULL, 0, 1024);
	c.rq.hdr.size = 1024;
	assert_int_equal(call_run(&c, dird_serve, &d), AM_OK);
	assert_true(c.rq.rlen > 20);
	call_done(&c);
}

/* ---- directories ---------------------------------------------------------------------------------- */

static void test_create(void **state)
{
	am_cap reader = restricted(&root, 0x0f), made;
	char names[2000];

	(void)state;
	assert_int_equal(run(&super, AM_DIR_CREATE, NULL, 0), AM_STD_ARGBAD);
	assert_int_equal(run(&super, AM_DIR_CREATE, "owner", 5), AM_STD_ARGBAD);
	assert_int_equal(run(&super, AM_DIR_CREATE, "a\0b\0c\0d\0e", 10), AM_STD_ARGBAD);
	assert_int_equal(run(&super, AM_DIR_CREATE, "a\0\0c", 5), AM_STD_ARGBAD);
	assert_int_equal(run(&super, AM_DIR_CREATE, "a b", 4), AM_STD_ARGBAD);
	memset(names, 'x', sizeof(names));
	names[256] = '\0';
	assert_int_equal(run(&super, AM_DIR_CREATE, names, 257), AM_STD_ARGBAD);
	names[255] = '\0';
	assert_int_equal(run(&super, AM_DIR_CREATE, names, 256), AM_OK);
	assert_int_equal(run(&super, AM_DIR_CREATE, "a\0b\0c\0d", 8), AM_OK);
	/* a directory does as well as the server, with the right to modify */
	assert_int_equal(run(&root, AM_DIR_CREATE, "owner", 6), AM_OK);
	assert_int_equal(run(&reader, AM_DIR_CREATE, "owner", 6), AM_STD_DENIED);
	made = restricted(&super, 0x0f);
	assert_int_equal(run(&made, AM_DIR_CREATE, "owner", 6), AM_STD_DENIED);
	made = create();
	assert_int_equal(run(&made, AM_DIR_LIST, NULL, 0), AM_OK);
}

static void test_discard(void **state)
{
	am_cap made = create(), weak = restricted(&made, 0x4f);

	(void)state;
	assert_int_equal(run(&weak, AM_DIR_DISCARD, NULL, 0), AM_STD_DENIED);
	assert_int_equal(append(&made, "x", &root, 1, 1, 1), AM_OK);
	assert_int_equal(run(&made, AM_DIR_DISCARD, NULL, 0), AM_SP_NOTEMPTY);
	assert_int_equal(run(&made, AM_STD_DESTROY, NULL, 0), AM_SP_NOTEMPTY);
	assert_int_equal(run(&made, AM_DIR_DELETE, "x", 2), AM_OK);
	assert_int_equal(run(&made, AM_DIR_DISCARD, NULL, 0), AM_OK);
	assert_int_equal(run(&made, AM_DIR_LIST, NULL, 0), AM_SP_UNREACH);
	made = create();
	assert_int_equal(run(&made, AM_STD_DESTROY, NULL, 0), AM_OK);
	assert_int_equal(run(&made, AM_STD_TOUCH, NULL, 0), AM_SP_UNREACH);
}

static void test_append(void **state)
{
	static const uint32_t masks[] = { 0xff, 0x0f, 3, 1, 0 };
	am_cap dirc = create(), weak = restricted(&dirc, 0xbf), null;
	uint8_t buf[600], half[600];
	char name[300];
	size_t n, len;

	(void)state;
	assert_int_equal(append(&weak, "x", &root, 1, 1, 1), AM_STD_DENIED);
	assert_int_equal(append(&dirc, "", &root, 1, 1, 1), AM_STD_ARGBAD);
	assert_int_equal(append(&dirc, "..", &root, 1, 1, 1), AM_STD_ARGBAD);
	assert_int_equal(append(&dirc, "a/b", &root, 1, 1, 1), AM_STD_ARGBAD);
	assert_int_equal(append(&dirc, "a b", &root, 1, 1, 1), AM_STD_ARGBAD);
	assert_int_equal(append(&dirc, "\xff", &root, 1, 1, 1), AM_STD_ARGBAD);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(append(&dirc, name, &root, 1, 1, 1), AM_STD_ARGBAD);
	name[255] = '\0';
	assert_int_equal(append(&dirc, name, &root, 1, 1, 1), AM_OK);
	memset(&null, 0, sizeof(null));
	assert_int_equal(append(&dirc, "null", &null, 1, 1, 1), AM_STD_ARGBAD);

	/* masks: one to four */
	for (int k = 0; k <= 5; k++) {
		snprintf(name, sizeof(name), "masks%d", k);
		len = row_body(buf, sizeof(buf), name, &root, masks, k);
		assert_int_equal(run(&dirc, AM_DIR_APPEND, buf, len),
				 k >= 1 && k <= 4 ? AM_OK : AM_STD_ARGBAD);
	}
	/* a body cut anywhere, or with something behind it */
	len = row_body(buf, sizeof(buf), "cut", &root, masks, 1);
	for (n = 0; n < len; n++)
		assert_int_equal(run(&dirc, AM_DIR_APPEND, buf, n), AM_STD_ARGBAD);
	memcpy(half, buf, len);
	half[len] = 0;
	assert_int_equal(run(&dirc, AM_DIR_APPEND, half, len + 1), AM_STD_ARGBAD);
	/* sets: no member, too many, more initial than final ones */
	half[4] = 0, half[6] = 0;
	assert_int_equal(run(&dirc, AM_DIR_APPEND, half, len), AM_STD_ARGBAD);
	half[6] = 9;
	assert_int_equal(run(&dirc, AM_DIR_APPEND, half, len), AM_STD_ARGBAD);
	half[6] = 0xff, half[7] = 0xff;
	assert_int_equal(run(&dirc, AM_DIR_APPEND, half, len), AM_STD_ARGBAD);
	half[6] = 1, half[7] = 0, half[4] = 2;
	assert_int_equal(run(&dirc, AM_DIR_APPEND, half, len), AM_STD_ARGBAD);

	assert_int_equal(run(&dirc, AM_DIR_APPEND, buf, len), AM_OK);
	assert_int_equal(run(&dirc, AM_DIR_APPEND, buf, len), AM_STD_EXISTS);
}

static void test_trunc(void **state)
{
	struct call c;

	(void)state;
	call_init(&c, &root, AM_DIR_DELETE, "home", 5, 64);
	c.rq.trunc = true;
	assert_int_equal(call_run(&c, dird_serve, &d), AM_STD_ARGBAD);
	call_done(&c);
}

static void test_edit(void **state)
{
	static const uint32_t masks[] = { 1, 2, 4 };
	am_cap dirc = create(), weak = restricted(&dirc, 0x8f), out;
	uint8_t buf[600];
	char rest[64];
	struct call c;
	size_t len;

	(void)state;
	assert_int_equal(append(&dirc, "x", &root, 0xff, 0xff, 0xff), AM_OK);
	len = row_body(buf, sizeof(buf), "x", &super, NULL, 0);
	assert_int_equal(run(&weak, AM_DIR_REPLACE, buf, len), AM_STD_DENIED);
	assert_int_equal(run(&dirc, AM_DIR_REPLACE, buf, len - 1), AM_STD_ARGBAD);
	assert_int_equal(run(&dirc, AM_DIR_REPLACE, buf, len), AM_OK);
	assert_int_equal(lookup(&dirc, "x", &out, rest), AM_OK);
	assert_memory_equal(&out, &super, sizeof(out));
	len = row_body(buf, sizeof(buf), "y", &super, NULL, 0);
	assert_int_equal(run(&dirc, AM_DIR_REPLACE, buf, len), AM_STD_NOTFOUND);

	len = row_body(buf, sizeof(buf), "x", NULL, masks, 3);
	assert_int_equal(run(&weak, AM_DIR_CHMOD, buf, len), AM_STD_DENIED);
	assert_int_equal(run(&dirc, AM_DIR_CHMOD, buf, len - 1), AM_STD_ARGBAD);
	assert_int_equal(run(&dirc, AM_DIR_CHMOD, buf, 2), AM_STD_ARGBAD);
	assert_int_equal(run(&dirc, AM_DIR_CHMOD, buf, len), AM_OK);
	call_init(&c, &dirc, DIR_GETMASKS, "x", 2, 64);
	assert_int_equal(call_run(&c, dird_serve, &d), AM_OK);
	assert_int_equal(c.rq.rlen, 12);
	assert_memory_equal(c.rq.rbuf, "\1\0\0\0\2\0\0\0\4\0\0\0", 12);
	call_done(&c);
	len = row_body(buf, sizeof(buf), "y", NULL, masks, 3);
	assert_int_equal(run(&dirc, AM_DIR_CHMOD, buf, len), AM_STD_NOTFOUND);
	assert_int_equal(run(&dirc, DIR_GETMASKS, "y", 2), AM_STD_NOTFOUND);

	assert_int_equal(run(&weak, AM_DIR_DELETE, "x", 2), AM_STD_DENIED);
	assert_int_equal(run(&dirc, AM_DIR_DELETE, "x", 1), AM_STD_ARGBAD);
	assert_int_equal(run(&dirc, AM_DIR_DELETE, "x\0y", 4), AM_STD_ARGBAD);
	assert_int_equal(run(&dirc, AM_DIR_DELETE, "y", 2), AM_STD_NOTFOUND);
	assert_int_equal(run(&dirc, AM_DIR_DELETE, "x", 2), AM_OK);
	assert_int_equal(run(&dirc, AM_DIR_DELETE, "x", 2), AM_STD_NOTFOUND);

	call_init(&c, &dirc, DIR_GETSEQNR, NULL, 0, 64);
	assert_int_equal(call_run(&c, dird_serve, &d), AM_OK);
	assert_int_equal(c.rq.rlen, 8);
	assert_int_equal(c.rq.rbuf[0], 4);
	call_done(&c);
}

static void test_list(void **state)
{
	am_cap dirc = create();
	unsigned int got = 0, replies = 0;
	bool seen[1000] = { false };
	uint32_t first = 0;
	char name[64];
	struct call c;
	struct am_buf b;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%u.a-name-that-is-somewhat-longer", i);
		assert_int_equal(append(&dirc, name, &root, i & 0xff, 2, 3), AM_OK);
	}
	while (first != 0xffff) {
		unsigned int nrows;

		call_init(&c, &dirc, AM_DIR_LIST, NULL, 0, 16384);
		c.rq.hdr.extra = first;
		assert_int_equal(call_run(&c, dird_serve, &d), AM_OK);
		assert_true(c.rq.rlen <= 8192);
		am_buf_init(&b, c.rq.rbuf, c.rq.rlen);
		assert_int_equal(am_get_u16(&b), 3);
		nrows = am_get_u16(&b);
		assert_string_equal(am_get_str(&b), "owner");
		assert_string_equal(am_get_str(&b), "group");
		assert_string_equal(am_get_str(&b), "other");
		for (unsigned int i = 0; i < nrows; i++) {
			unsigned int n = (unsigned int)atoi(am_get_str(&b));

			assert_true(n < 1000 && !seen[n]);
			seen[n] = true;
			assert_int_equal(am_get_u32(&b), n & 0xff);
			assert_int_equal(am_get_u32(&b), 2);
			assert_int_equal(am_get_u32(&b), 3);
		}
		assert_false(b.bad);
		assert_ptr_equal(b.p, b.end);
		got += nrows;
		replies++;
		first = c.rq.hdr.extra;
		call_done(&c);
	}
	assert_int_equal(got, 1000);
	assert_true(replies > 5);
	call_init(&c, &dirc, AM_DIR_LIST, NULL, 0, 16384);
	c.rq.hdr.extra = 0xffff;
	assert_int_equal(call_run(&c, dird_serve, &d), AM_STD_ARGBAD);
	call_done(&c);
	call_init(&c, &dirc, AM_DIR_LIST, NULL, 0, 8);
	assert_int_equal(call_run(&c, dird_serve, &d), AM_STD_OVERFLOW);
	call_done(&c);
}

/* ---- lookup --------------------------------------------------------------------------------------- */

static void test_lookup(void **state)
{
	static const am_port away = { { 9, 9, 9, 9, 9, 9 } }, random = { { 1, 1, 1, 1, 1, 1 } };
	am_cap out, file, gone;
	char rest[4200], path[4200];

	(void)state;
	assert_int_equal(lookup(&root, "profile/cap/bulletsvr", &out, rest), AM_OK);
	assert_string_equal(rest, "");
	assert_int_equal(out.rights, 0xff);
	assert_int_equal(append(&out, "x", &root, 0xff, 0, 0), AM_OK);
	assert_int_equal(lookup(&root, "//profile///pool/", &out, rest), AM_OK);
	assert_int_equal(lookup(&root, "", &out, rest), AM_OK);
	assert_memory_equal(&out, &root, sizeof(out));
	assert_int_equal(lookup(&root, "nothing", &out, rest), AM_STD_NOTFOUND);
	assert_int_equal(lookup(&root, "profile/nothing/more", &out, rest), AM_STD_NOTFOUND);
	assert_int_equal(lookup(&root, "a b", &out, rest), AM_STD_NOTFOUND);
	assert_int_equal(lookup(&root, "..", &out, rest), AM_STD_NOTFOUND);
	memset(path, 'p', sizeof(path));
	path[256] = '\0';
	assert_int_equal(lookup(&root, path, &out, rest), AM_STD_NOTFOUND);
	path[256] = 'p';
	path[4097] = '\0';
	assert_int_equal(lookup(&root, path, &out, rest), AM_STD_ARGBAD);
	assert_int_equal(run(&root, AM_DIR_LOOKUP, "home", 4), AM_STD_ARGBAD);
	assert_int_equal(run(&root, AM_DIR_LOOKUP, "home\0x", 7), AM_STD_ARGBAD);
	assert_int_equal(run(&root, AM_DIR_LOOKUP, NULL, 0), AM_STD_ARGBAD);

	/* what another server holds goes back with the rest of the path */
	am_cap_make(&file, &away, 5, 0xff, &random);
	assert_int_equal(append(&root, "away", &file, 0xff, 0xff, 0xff), AM_OK);
	assert_int_equal(lookup(&root, "away/and/on", &out, rest), AM_OK);
	assert_string_equal(rest, "and/on");
	assert_memory_equal(&out, &file, sizeof(out));

	/* a directory that is gone, and something that is none */
	gone = create();
	assert_int_equal(append(&root, "gone", &gone, 0xff, 0xff, 0xff), AM_OK);
	assert_int_equal(run(&gone, AM_DIR_DISCARD, NULL, 0), AM_OK);
	assert_int_equal(lookup(&root, "gone/x", &out, rest), AM_SP_UNREACH);
	assert_int_equal(lookup(&root, "gone", &out, rest), AM_OK);
	assert_int_equal(lookup(&root, "profile/cap/dirsvr/default/x", &out, rest), AM_STD_COMBAD);
}

static void test_rights(void **state)
{
	static const am_port away = { { 9, 9, 9, 9, 9, 9 } }, random = { { 1, 1, 1, 1, 1, 1 } };
	am_cap all, group, other, both, out, want, weak, sub = create();
	am_cap dirc = create();
	char rest[64];

	(void)state;
	all = restricted(&dirc, 0xff);
	group = restricted(&dirc, 0x02);
	other = restricted(&dirc, 0x04);
	both = restricted(&dirc, 0x06);
	assert_memory_equal(&all, &dirc, sizeof(all));

	/* restricted here when the stored one has all rights */
	am_cap_make(&out, &away, 5, 0xff, &random);
	assert_int_equal(append(&dirc, "f", &out, 0xff, 0x0b, 0x06), AM_OK);
	assert_int_equal(lookup(&all, "f", &out, rest), AM_OK);
	assert_int_equal(out.rights, 0xff);
	assert_int_equal(lookup(&group, "f", &out, rest), AM_OK);
	am_cap_make(&want, &away, 5, 0x0b, &random);
	assert_memory_equal(&out, &want, sizeof(out));
	assert_int_equal(lookup(&other, "f", &out, rest), AM_OK);
	assert_int_equal(out.rights, 0x06);
	assert_int_equal(lookup(&both, "f", &out, rest), AM_OK);
	assert_int_equal(out.rights, 0x0f);

	/* a stored one with less, of this server: restricted by the random number kept here */
	weak = restricted(&sub, 0x47);
	assert_int_equal(append(&dirc, "d", &weak, 0xff, 0x42, 0x04), AM_OK);
	assert_int_equal(lookup(&all, "d", &out, rest), AM_OK);
	assert_memory_equal(&out, &weak, sizeof(out));
	assert_int_equal(lookup(&group, "d", &out, rest), AM_OK);
	assert_int_equal(out.rights, 0x42);
	assert_int_equal(append(&out, "in", &root, 0xff, 0x06, 0x04), AM_OK);
	assert_int_equal(lookup(&other, "d", &out, rest), AM_OK);
	assert_int_equal(out.rights, 0x04);
	assert_int_equal(append(&out, "in2", &root, 0xff, 0x06, 0x04), AM_STD_DENIED);

	/* rights shrink on the way; no column left ends it */
	assert_int_equal(lookup(&group, "d/in", &out, rest), AM_OK);
	assert_int_equal(out.rights, 0x06);
	assert_int_equal(lookup(&other, "d/in/home", &out, rest), AM_OK);
	assert_int_equal(out.rights, 0x04);
	assert_int_equal(append(&dirc, "blind", &sub, 0xff, 0x40, 0), AM_OK);
	assert_int_equal(lookup(&group, "blind/in", &out, rest), AM_STD_DENIED);
	assert_int_equal(lookup(&other, "blind/in", &out, rest), AM_STD_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_capabilities, setup, teardown),
		cmocka_unit_test_setup_teardown(test_info, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_discard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_append, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trunc, setup, teardown),
		cmocka_unit_test_setup_teardown(test_edit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lookup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rights, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
