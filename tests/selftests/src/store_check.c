// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The directory and the bullet server, asked over the device.
 *
 * usage: store_check path PATH         the capability at PATH
 *        store_check dir ROOT         every directory command, good and bad; status 1 on failure
 *        store_check bullet SERVER    every file command, good and bad
 *        store_check fuzz CAP N SEED  N random requests to the server of CAP, which must live on
 *        store_check make-rows DIR PREFIX [N]    appends rows until it fails or N are made;
 *                                     prints the name of each after the reply
 *        store_check have-rows DIR    reads such names: each must be there
 *        store_check make-files SERVER SEED [N]  the same with files; prints capability, length
 *                                     and seed
 *        store_check have-files       reads such lines: each file must be there and unchanged
 * Capabilities are given as text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "std_test.h"

#define B_DELETE	2002
#define B_INSERT	2004
#define FILE_MAX	200000u

/* one transaction by hand; the reply's capability in @out unless NULL */
static am_status raw(const am_cap *c, int32_t command, uint32_t extra, int64_t offset,
		     const void *body, size_t len, am_cap *out)
{
	struct amoeba_header h;
	uint8_t reply[16384];
	size_t rlen = sizeof(reply);
	am_status s;

	memset(&h, 0, sizeof(h));
	am_hdr_set_cap(&h, c);
	h.command = command;
	h.extra = extra;
	h.offset = offset;
	h.size = len & 0xffff;
	s = am_trans(&h, body, len, reply, &rlen);
	if (!s && out)
		am_hdr_get_cap(&h, out);
	return s;
}

static am_cap weak(const am_cap *c, uint8_t mask)
{
	am_cap out;

	check("restrict", am_std_restrict(c, mask, &out), AM_OK);
	return out;
}

/* a restricted one again: only the server can */
static am_cap weaker(const am_cap *c, uint8_t mask)
{
	am_cap out;

	check("restrict at the server", raw(c, AM_STD_RESTRICT, 0, mask, NULL, 0, &out), AM_OK);
	check_true("rights after restrict", out.rights == (c->rights & mask));
	return out;
}

/* ---- directories ------------------------------------------------------------------------------ */

static int count_row(const struct am_dirent *e, void *arg)
{
	(void)e;
	++*(unsigned int *)arg;
	return 0;
}

static void dir_rows(const am_cap *d)
{
	static const uint32_t masks[AM_DIR_COLUMNS] = { 0xff, 0x06, 0x04, 0 };
	am_cap ro = weak(d, 0x0f), none = weak(d, 0xf0), out;
	static uint8_t big[70000];
	char name[64];
	unsigned int n = 0;

	check("append", am_dir_append(d, "x", d, masks), AM_OK);
	check("append what exists", am_dir_append(d, "x", d, masks), AM_STD_EXISTS);
	check("append without the right", am_dir_append(&ro, "y", d, masks), AM_STD_DENIED);
	check("append of a bad name", raw(d, AM_DIR_APPEND, 0, 0, "a/b", 4, NULL), AM_STD_ARGBAD);
	check("append without a set", raw(d, AM_DIR_APPEND, 0, 0, "y", 2, NULL), AM_STD_ARGBAD);
	check("append without an end", raw(d, AM_DIR_APPEND, 0, 0, "y", 1, NULL), AM_STD_ARGBAD);
	memset(big, 'a', sizeof(big));
	check("append of 70000 bytes", raw(d, AM_DIR_APPEND, 0, 0, big, sizeof(big), NULL),
	      AM_STD_ARGBAD);
	check("lookup", am_lookup(d, "x/x/x", &out), AM_OK);
	check_true("the capability looked up", am_cap_equal(&out, d));
	check("lookup of nothing", am_lookup(d, "nothing", &out), AM_STD_NOTFOUND);
	check("lookup without a column", am_lookup(&none, "x", &out), AM_STD_DENIED);
	ro = weak(d, 0x02);
	check("lookup by the group", am_lookup(&ro, "x", &out), AM_OK);
	check_true("rights of the group", out.rights == 0x06);
	ro = weaker(&out, 0x04);
	check("lookup by others", am_lookup(&ro, "x", &out), AM_OK);
	check_true("rights of others", out.rights == 0x04);
	check("chmod", am_dir_chmod(d, "x", (const uint32_t[]){ 1, 1, 1, 0 }), AM_OK);
	check("chmod of nothing", am_dir_chmod(d, "y", masks), AM_STD_NOTFOUND);
	check("lookup after chmod", am_lookup(d, "x", &out), AM_OK);
	check_true("rights after chmod", out.rights == 1);
	check("replace", am_dir_replace(d, "x", &ro), AM_OK);
	check("replace of nothing", am_dir_replace(d, "y", &ro), AM_STD_NOTFOUND);
	for (unsigned int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "a-row-with-a-long-name-%u", i);
		check("append of many", am_dir_append(d, name, d, masks), AM_OK);
	}
	check("list", am_dir_list(d, count_row, &n), AM_OK);
	check_true("number of rows", n == 301);
	check("list without a column", am_dir_list(&none, count_row, &n), AM_STD_DENIED);
	check("list from no row", raw(d, AM_DIR_LIST, 0xffff, 0, NULL, 0, NULL), AM_STD_ARGBAD);
	check("discard of a full one", am_dir_discard(d), AM_SP_NOTEMPTY);
	for (unsigned int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "a-row-with-a-long-name-%u", i);
		check("delete", am_dir_delete(d, name), AM_OK);
	}
	check("delete", am_dir_delete(d, "x"), AM_OK);
	check("delete of nothing", am_dir_delete(d, "x"), AM_STD_NOTFOUND);
}

static void check_dir(const am_cap *root)
{
	am_cap ro = weak(root, 0x0f), forged = *root, d, super, out;
	char text[128];

	forged.check[2] ^= 4;
	check("list with a false check", raw(&forged, AM_DIR_LIST, 0, 0, NULL, 0, NULL),
	      AM_STD_CAPBAD);
	forged = ro;
	forged.rights = 0xff;
	check("list with rights made up", raw(&forged, AM_DIR_LIST, 0, 0, NULL, 0, NULL),
	      AM_STD_CAPBAD);
	check("an unknown command", raw(root, 2199, 0, 0, NULL, 0, NULL), AM_STD_COMBAD);
	check("info", am_std_info(root, text, sizeof(text)), AM_OK);
	check_true("text of info", !strcmp(text, "/dw1234"));
	check("info", am_std_info(&ro, text, sizeof(text)), AM_OK);
	check_true("text of info", !strcmp(text, "/--1234"));
	check("info into nothing", raw(root, AM_STD_INFO, 0, 0, NULL, 0, NULL), AM_STD_OVERFLOW);
	check("status", am_std_status(root, text, sizeof(text)), AM_OK);
	check("touch", am_std_touch(root), AM_OK);
	check("path of the super capability", am_lookup(root, "profile/cap/dirsvr/default", &super),
	      AM_OK);
	check("list of the super capability", raw(&super, AM_DIR_LIST, 0, 0, NULL, 0, NULL),
	      AM_STD_COMBAD);
	check("create without columns", raw(&super, AM_DIR_CREATE, 0, 0, NULL, 0, NULL),
	      AM_STD_ARGBAD);
	check("create of five columns", raw(&super, AM_DIR_CREATE, 0, 0, "a\0b\0c\0d\0e", 10, NULL),
	      AM_STD_ARGBAD);
	check("create without the right", am_dir_create(&ro, &d), AM_STD_DENIED);
	check("create", am_dir_create(&super, &d), AM_OK);
	dir_rows(&d);
	check("discard", am_dir_discard(&d), AM_OK);
	check("list of what was discarded", raw(&d, AM_DIR_LIST, 0, 0, NULL, 0, NULL),
	      AM_SP_UNREACH);
	check("create at a directory", am_dir_create(root, &d), AM_OK);
	out = weak(&d, 0x7f);
	check("destroy without the right", am_std_destroy(&out), AM_STD_DENIED);
	check("destroy", am_std_destroy(&d), AM_OK);
}

/* ---- files --------------------------------------------------------------------------------------- */

static uint8_t *contents(size_t len, unsigned int seed)
{
	uint8_t *p = malloc(len + 1);

	if (!p) {
		fprintf(stderr, "store_check: out of memory\n");
		exit(2);
	}
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((i + seed) * 2654435761u >> 13);
	return p;
}

static bool same(const am_cap *file, size_t len, unsigned int seed)
{
	uint8_t *want = contents(len, seed);
	void *got = NULL;
	bool ok = false;
	size_t n;

	if (!am_b_load(file, &got, &n))
		ok = n == len && !memcmp(got, want, n);
	free(got);
	free(want);
	return ok;
}

static void bullet_sizes(const am_cap *server)
{
	static const size_t sizes[] = { 0, 1, 1402, 4096, 4097, 29696, 29697, 65536, 1 << 20,
					(1 << 20) + 1, 3500000 };
	am_cap file;
	uint64_t size = 1;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *p = contents(sizes[i], i);
		char what[64];

		snprintf(what, sizeof(what), "file of %zu bytes", sizes[i]);
		check(what, am_b_create(server, p, sizes[i], &file), AM_OK);
		check(what, am_b_size(&file, &size), AM_OK);
		check_true(what, size == sizes[i] && same(&file, sizes[i], i));
		check(what, am_std_destroy(&file), AM_OK);
		free(p);
	}
}

static void check_bullet(const am_cap *server)
{
	am_cap file, ro, forged, out;
	uint64_t size;
	uint8_t buf[16];
	char text[64];
	size_t n;

	bullet_sizes(server);
	check("create", am_b_create(server, "hello", 5, &file), AM_OK);
	check("info", am_std_info(&file, text, sizeof(text)), AM_OK);
	check_true("text of info", !strcmp(text, "-        5 bytes"));
	forged = file;
	forged.check[0] ^= 1;
	check("size with a false check", am_b_size(&forged, &size), AM_STD_CAPBAD);
	forged = *server;
	forged.check[5] ^= 1;
	check("create with a false check", am_b_create(&forged, "x", 1, &out), AM_STD_CAPBAD);
	check("an unknown command", raw(&file, 2099, 0, 0, NULL, 0, NULL), AM_STD_COMBAD);
	check("size of the server", am_b_size(server, &size), AM_STD_COMBAD);
	ro = weak(&file, AM_B_RGT_READ);
	check("size with the right to read", am_b_size(&ro, &size), AM_OK);
	check("modify without the right", raw(&ro, AM_B_MODIFY, 0, 0, "x", 1, NULL), AM_STD_DENIED);
	check("destroy without the right", am_std_destroy(&ro), AM_STD_DENIED);
	ro = weak(&file, AM_B_RGT_DESTROY);
	n = sizeof(buf);
	check("read without the right", am_b_read(&ro, 0, buf, &n), AM_STD_DENIED);
	check("read behind the end", raw(&file, AM_B_READ, 0, 6, NULL, 0, NULL), AM_STD_ARGBAD);
	check("read at a bad offset", raw(&file, AM_B_READ, 0, -5, NULL, 0, NULL), AM_STD_ARGBAD);
	check("create with bad flags", raw(server, AM_B_CREATE, 8, 0, "x", 1, NULL), AM_STD_ARGBAD);

	check("modify", raw(&file, AM_B_MODIFY, AM_B_COMMIT, 0, "J", 1, &out), AM_OK);
	n = sizeof(buf);
	check("read", am_b_read(&out, 0, buf, &n), AM_OK);
	check_true("contents", n == 5 && !memcmp(buf, "Jello", 5));
	n = sizeof(buf);
	check("read", am_b_read(&file, 0, buf, &n), AM_OK);
	check_true("contents of the original", n == 5 && !memcmp(buf, "hello", 5));
	check("modify behind the end", raw(&file, AM_B_MODIFY, 0, 6, "x", 1, NULL), AM_STD_ARGBAD);
	check("insert of nothing", raw(&file, B_INSERT, 0, 0, NULL, 0, NULL), AM_STD_ARGBAD);
	check("delete of nothing", raw(&file, B_DELETE, 0, 0, "\0\0\0\0", 4, NULL), AM_STD_ARGBAD);
	check("delete", raw(&file, B_DELETE, AM_B_COMMIT, 1, "\3\0\0\0", 4, &out), AM_OK);
	check("size", am_b_size(&out, &size), AM_OK);
	check_true("size after delete", size == 2);
	check("the same again", raw(&file, AM_B_CREATE, AM_B_COMMIT, 0, "hello", 5, &out), AM_OK);
	check_true("the same file", am_cap_equal(&out, &file));
	check("copy", raw(server, AM_STD_COPY, 0, 0, &file, sizeof(file), &out), AM_OK);
	check("destroy", am_std_destroy(&file), AM_OK);
	check("destroy again", am_std_destroy(&file), AM_STD_CAPBAD);
	check("size of the copy", am_b_size(&out, &size), AM_OK);

	check("create uncommitted", raw(server, AM_B_CREATE, 0, 0, "abc", 3, &file), AM_OK);
	check("size uncommitted", am_b_size(&file, &size), AM_STD_CAPBAD);
	check("info uncommitted", am_std_info(&file, text, sizeof(text)), AM_STD_CAPBAD);
	check("destroy uncommitted", am_std_destroy(&file), AM_OK);
}

/* ---- random requests -------------------------------------------------------------------------------- */

static void fuzz(const am_cap *cap, unsigned int n, unsigned int seed)
{
	uint8_t body[2000];
	char text[64];
	am_cap c;

	srand(seed);
	while (n--) {
		size_t len = (size_t)rand() % (rand() % 4 ? 40 : sizeof(body));
		int32_t command = rand() % 8 ? (rand() % 2 ? 2000 : 2100) + rand() % 13 :
				  1000 + rand() % 11;

		/* not what would empty the directory or end the graph of the test */
		if (command == AM_DIR_DISCARD || command == AM_DIR_DELETE ||
		    command == AM_STD_DESTROY)
			continue;
		c = *cap;
		if (rand() % 4 == 0)
			((uint8_t *)&c)[6 + (size_t)rand() % 10] ^= (uint8_t)(1 << rand() % 8);
		for (size_t i = 0; i < len; i++)
			body[i] = (uint8_t)(rand() % 2 ? rand() : rand() % 3);
		raw(&c, command, (uint32_t)rand() & 0xffff, (int32_t)((uint32_t)rand() << 1), body,
		    len, NULL);
	}
	check("info after random requests", am_std_info(cap, text, sizeof(text)), AM_OK);
}

/* ---- making and finding ------------------------------------------------------------------------------ */

static int make_rows(const am_cap *dir, const char *prefix, unsigned long n)
{
	char name[AM_NAME_MAX + 1];

	for (unsigned long i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s.%lu", prefix, i);
		if (am_dir_append(dir, name, dir, NULL))
			return 1;
		puts(name);
		fflush(stdout);
	}
	return 0;
}

static int have_rows(const am_cap *dir)
{
	char name[AM_NAME_MAX + 2];
	unsigned int n = 0;
	am_cap out;

	while (fgets(name, sizeof(name), stdin)) {
		name[strcspn(name, "\n")] = '\0';
		check(name, am_lookup(dir, name, &out), AM_OK);
		n++;
	}
	printf("%u rows\n", n);
	return bad;
}

static int make_files(const am_cap *server, unsigned int seed, unsigned long n)
{
	char text[AM_CAP_TEXT];

	for (unsigned long i = 0; i < n; i++) {
		unsigned int s = seed * 1000 + (unsigned int)i;
		size_t len = s * 2654435761u % FILE_MAX;
		uint8_t *p = contents(len, s);
		am_cap file;
		am_status st = am_b_create(server, p, len, &file);

		free(p);
		if (st)
			return 1;
		printf("%s %zu %u\n", am_cap_text(&file, text), len, s);
		fflush(stdout);
	}
	return 0;
}

static int have_files(void)
{
	char text[AM_CAP_TEXT];
	unsigned int n = 0, seed;
	size_t len;

	while (scanf("%63s %zu %u", text, &len, &seed) == 3) {
		am_cap c = parse(text);

		if (!same(&c, len, seed)) {
			printf("FAIL: file %s of %zu bytes is lost or changed\n", text, len);
			bad = 1;
		}
		n++;
	}
	printf("%u files\n", n);
	return bad;
}

static int print_path(const char *path)
{
	char text[AM_CAP_TEXT];
	am_cap c;
	am_status s = am_path(path, &c);

	if (s) {
		fprintf(stderr, "store_check: %s: %s\n", path, am_why(s));
		return 1;
	}
	puts(am_cap_text(&c, text));
	return 0;
}

static unsigned long number(const char *s)
{
	return s ? strtoul(s, NULL, 10) : ~0ul;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	am_cap c;

	if (!strcmp(what, "have-files") && argc == 2)
		return have_files();
	if (argc < 3) {
		fputs("usage: store_check COMMAND CAPABILITY [ARGUMENT]...\n", stderr);
		return 2;
	}
	if (!strcmp(what, "path"))
		return print_path(argv[2]);
	c = parse(argv[2]);
	if (!strcmp(what, "dir"))
		check_dir(&c);
	else if (!strcmp(what, "bullet"))
		check_bullet(&c);
	else if (!strcmp(what, "fuzz") && argc == 5)
		fuzz(&c, (unsigned int)number(argv[3]), (unsigned int)number(argv[4]));
	else if (!strcmp(what, "make-rows") && argc >= 4)
		return make_rows(&c, argv[3], number(argv[4]));
	else if (!strcmp(what, "have-rows"))
		return have_rows(&c);
	else if (!strcmp(what, "make-files") && argc >= 4)
		return make_files(&c, (unsigned int)number(argv[3]), number(argv[4]));
	else
		return 2;
	return bad;
}
