// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The protocol: every command good and bad, straight into the handler of the server loop.
 */
#include "host.h"
#include "serve.h"

#define CS	(AM_B_COMMIT | AM_B_SAFETY)
#define ROOM	AM_MAX_CHUNK

static char *dir;
static struct volume *vol;
static struct bulletd b;
static am_cap super;

static int setup(void **state)
{
	char path[300], why[512] = "";

	(void)state;
	dir = scratch_make();
	snprintf(path, sizeof(path), "%s/vol", dir);
	if (volume_file_make(path, 16 << 20, 0, why, sizeof(why)))
		fail_msg("%s", why);
	vol = volume_file_open(path, 0, why, sizeof(why));
	assert_non_null(vol);
	bulletd_setup(&b, vol, 4);
	am_cap_make(&super, &b.put, 0, 0xff, &b.id.super);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vol->ops->close(vol);
	scratch_remove(dir);
	return 0;
}

/* ---- requests ---------------------------------------------------------------------------------- */

/* one request: its status, and the capability of the reply in @out unless NULL */
static am_status run(const am_cap *cap, uint32_t command, uint64_t at, uint32_t extra,
		     const void *body, size_t len, am_cap *out)
{
	struct call c;
	am_status s;

	call_init(&c, cap, command, body, len, 4096);
	c.rq.hdr.extra = extra;
	am_b_put_offset(&c.rq.hdr, at);
	s = call_run(&c, bulletd_serve, &b);
	if (!s && out) {
		*out = call_cap(&c);
		if (command != AM_STD_RESTRICT && command != AM_STD_COPY)
			assert_int_equal(am_b_get_chunk(&c.rq.hdr), AM_MAX_CHUNK);
	}
	call_done(&c);
	return s;
}

static am_cap create(const void *body, size_t len, uint32_t flags)
{
	am_cap out;

	assert_int_equal(run(&super, AM_B_CREATE, 0, flags, body, len, &out), AM_OK);
	assert_int_equal(out.rights, 0xff);
	assert_true(am_port_equal(&out.port, &b.put));
	assert_int_not_equal(am_cap_object(&out), 0);
	return out;
}

static am_cap restricted(const am_cap *cap, uint8_t mask)
{
	struct call c;
	am_cap out;

	call_init(&c, cap, AM_STD_RESTRICT, NULL, 0, 64);
	c.rq.hdr.offset = mask;
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_OK);
	out = call_cap(&c);
	call_done(&c);
	return out;
}

static am_status size_of(const am_cap *cap, uint64_t *size)
{
	struct call c;
	am_status s;

	call_init(&c, cap, AM_B_SIZE, NULL, 0, 64);
	s = call_run(&c, bulletd_serve, &b);
	if (!s)
		assert_int_equal(am_b_get_offset(&c.rq.hdr, size), AM_OK);
	call_done(&c);
	return s;
}

static am_status read_at(const am_cap *cap, uint64_t at, uint32_t want, void *buf, size_t *len)
{
	struct call c;
	am_status s;

	call_init(&c, cap, AM_B_READ, NULL, 0, ROOM);
	am_b_put_offset(&c.rq.hdr, at);
	am_b_put_size(&c.rq.hdr, want);
	s = call_run(&c, bulletd_serve, &b);
	if (!s) {
		assert_int_equal(am_b_get_size(&c.rq.hdr), c.rq.rlen);
		*len = c.rq.rlen;
		memcpy(buf, c.rq.rdata ? c.rq.rdata : c.rq.rbuf, c.rq.rlen);
		/* large replies go out without a copy */
		assert_true(c.rq.rlen <= READ_COPY || c.rq.rdata);
	}
	call_done(&c);
	return s;
}

static void holds(const am_cap *cap, const char *text)
{
	char buf[256];
	size_t len = 0;

	assert_int_equal(read_at(cap, 0, sizeof(buf), buf, &len), AM_OK);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(buf, text, len);
}

/* ---- capabilities and standard commands ------------------------------------------------------------ */

static void test_capabilities(void **state)
{
	am_cap file = create("abc", 3, CS), bad = file;

	(void)state;
	bad.check[5] ^= 0x10;
	assert_int_equal(run(&bad, AM_B_SIZE, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	bad = file;
	bad.rights = AM_B_RGT_READ;
	assert_int_equal(run(&bad, AM_B_SIZE, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	bad = super;
	bad.check[0] ^= 1;
	assert_int_equal(run(&bad, AM_B_CREATE, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	bad = file;
	bad.object[1] = 0xff;
	assert_int_equal(run(&bad, AM_B_SIZE, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	bad.object[2] = 0xff;
	assert_int_equal(run(&bad, AM_B_SIZE, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	assert_int_equal(run(&file, 4711, 0, 0, NULL, 0, NULL), AM_STD_COMBAD);
	assert_int_equal(run(&file, AM_DIR_LIST, 0, 0, NULL, 0, NULL), AM_STD_COMBAD);
	/* the server where a file is wanted, and the other way round */
	assert_int_equal(run(&super, AM_B_READ, 0, 0, NULL, 0, NULL), AM_STD_COMBAD);
	assert_int_equal(run(&super, AM_B_SIZE, 0, 0, NULL, 0, NULL), AM_STD_COMBAD);
	assert_int_equal(run(&super, AM_STD_DESTROY, 0, 0, NULL, 0, NULL), AM_STD_COMBAD);
	assert_int_equal(run(&file, B_SYNC, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	assert_int_equal(run(&file, AM_STD_COPY, 0, 0, &file, 16, NULL), AM_STD_CAPBAD);
	assert_int_equal(run(&super, B_SYNC, 0, 0, NULL, 0, NULL), AM_OK);
	assert_int_equal(run(&file, AM_STD_TOUCH, 0, 0, NULL, 0, NULL), AM_OK);
	assert_int_equal(run(&super, AM_STD_TOUCH, 0, 0, NULL, 0, NULL), AM_OK);
}

static void test_rights(void **state)
{
	am_cap file = create("abc", 3, CS), weak, s;

	(void)state;
	weak = restricted(&file, AM_B_RGT_READ);
	assert_int_equal(weak.rights, AM_B_RGT_READ);
	holds(&weak, "abc");
	assert_int_equal(run(&weak, AM_STD_DESTROY, 0, 0, NULL, 0, NULL), AM_STD_DENIED);
	assert_int_equal(run(&weak, AM_B_MODIFY, 0, 0, "x", 1, NULL), AM_STD_DENIED);
	assert_int_equal(run(&weak, B_INSERT, 0, 0, "x", 1, NULL), AM_STD_DENIED);
	assert_int_equal(run(&weak, B_DELETE, 0, 0, "\1\0\0\0", 4, NULL), AM_STD_DENIED);
	assert_int_equal(run(&weak, AM_B_CREATE, 0, CS, "x", 1, NULL), AM_STD_DENIED);
	weak = restricted(&file, (uint8_t)~AM_B_RGT_READ);
	assert_int_equal(run(&weak, AM_B_READ, 0, 0, NULL, 0, NULL), AM_STD_DENIED);
	assert_int_equal(run(&weak, AM_B_SIZE, 0, 0, NULL, 0, NULL), AM_STD_DENIED);
	assert_int_equal(run(&weak, AM_STD_INFO, 0, 0, NULL, 0, NULL), AM_STD_DENIED);
	assert_int_equal(run(&weak, AM_B_MODIFY, 0, 0, "x", 1, NULL), AM_STD_DENIED);
	weak = restricted(&weak, AM_B_RGT_READ | AM_B_RGT_DESTROY);
	assert_int_equal(weak.rights, AM_B_RGT_DESTROY);
	assert_int_equal(run(&weak, AM_STD_DESTROY, 0, 0, NULL, 0, NULL), AM_OK);
	assert_int_equal(run(&file, AM_B_SIZE, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	assert_int_equal(run(&file, AM_STD_DESTROY, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	s = restricted(&super, (uint8_t)~AM_B_RGT_CREATE);
	assert_int_equal(run(&s, AM_B_CREATE, 0, CS, "x", 1, NULL), AM_STD_DENIED);
}

static void test_info(void **state)
{
	am_cap file = create("abc", 3, CS);
	struct call c;

	(void)state;
	call_init(&c, &file, AM_STD_INFO, NULL, 0, 256);
	c.rq.hdr.size = 100;
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_OK);
	assert_int_equal(c.rq.rlen, 16);
	assert_memory_equal(c.rq.rbuf, "-        3 bytes", 16);
	assert_int_equal(c.rq.hdr.size, 16);
	call_done(&c);
	call_init(&c, &file, AM_STD_INFO, NULL, 0, 256);
	c.rq.hdr.size = 15;
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_STD_OVERFLOW);
	assert_int_equal(c.rq.hdr.size, 16);
	call_done(&c);
	call_init(&c, &super, AM_STD_INFO, NULL, 0, 256);
	c.rq.hdr.size = 100;
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_OK);
	assert_memory_equal(c.rq.rbuf, "bullet server", 13);
	call_done(&c);
	call_init(&c, &super, AM_STD_STATUS, NULL, 0, 2048);
	c.rq.hdr.size = 2000;
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_OK);
	assert_true(c.rq.rlen > 100);
	call_done(&c);
}

/* ---- files -------------------------------------------------------------------------------------------- */

static void test_create_read(void **state)
{
	uint8_t *big = malloc(3 << 20), *got = malloc(3 << 20);
	am_cap file = create("hello", 5, CS), empty = create(NULL, 0, CS), large;
	uint64_t size;
	struct call c;
	size_t len;

	(void)state;
	holds(&file, "hello");
	holds(&empty, "");
	assert_int_equal(size_of(&file, &size), AM_OK);
	assert_int_equal(size, 5);
	assert_int_equal(read_at(&file, 5, 10, got, &len), AM_OK);
	assert_int_equal(len, 0);
	assert_int_equal(read_at(&file, 3, 0, got, &len), AM_OK);
	assert_int_equal(len, 0);
	assert_int_equal(read_at(&file, 6, 10, got, &len), AM_STD_ARGBAD);
	assert_int_equal(read_at(&file, AM_B_OFFSET_MAX, 10, got, &len), AM_STD_ARGBAD);
	assert_int_equal(read_at(&file, 0, UINT32_MAX, got, &len), AM_STD_ARGBAD);
	call_init(&c, &file, AM_B_READ, NULL, 0, 64);
	c.rq.hdr.offset = -2;
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_STD_ARGBAD);
	call_done(&c);

	for (size_t i = 0; i < 3 << 20; i++)
		big[i] = (uint8_t)(i * 7 + (i >> 12));
	large = create(big, 1 << 20, CS);
	assert_int_equal(read_at(&large, 0, 3 << 20, got, &len), AM_OK);
	assert_int_equal(len, 1 << 20);
	assert_memory_equal(big, got, len);
	assert_int_equal(read_at(&large, 12345, 70000, got, &len), AM_OK);
	assert_int_equal(len, 70000);
	assert_memory_equal(big + 12345, got, len);

	/* size repeats the length; flags nobody knows */
	call_init(&c, &super, AM_B_CREATE, "hello", 5, 64);
	c.rq.hdr.size = 6;
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_STD_ARGBAD);
	call_done(&c);
	assert_int_equal(run(&super, AM_B_CREATE, 0, 4, "x", 1, NULL), AM_STD_ARGBAD);
	call_init(&c, &super, AM_B_CREATE, "hello", 5, 64);
	c.rq.trunc = true;
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_STD_ARGBAD);
	call_done(&c);
	free(big);
	free(got);
}

/* a pinned reply outlives the file */
static void test_read_destroy(void **state)
{
	uint8_t *big = calloc(1, 100000);
	am_cap file, other;
	struct call c;

	(void)state;
	memset(big, 0xaa, 100000);
	file = create(big, 100000, CS);
	call_init(&c, &file, AM_B_READ, NULL, 0, 64);
	am_b_put_size(&c.rq.hdr, 100000);
	assert_int_equal(call_run(&c, bulletd_serve, &b), AM_OK);
	assert_int_equal(run(&file, AM_STD_DESTROY, 0, 0, NULL, 0, NULL), AM_OK);
	memset(big, 0x55, 100000);
	for (int i = 0; i < 5; i++)
		other = create(big, 100000, CS);
	assert_int_equal(c.rq.rdata[0], 0xaa);
	assert_int_equal(c.rq.rdata[99999], 0xaa);
	call_done(&c);
	(void)other;
	free(big);
}

static void test_pieces(void **state)
{
	am_cap file = create("hello", 5, 0), same, out, weak;
	uint64_t size;
	size_t len;
	char buf[64];

	(void)state;
	/* an uncommitted file answers to changes and destruction only */
	assert_int_equal(size_of(&file, &size), AM_STD_CAPBAD);
	assert_int_equal(read_at(&file, 0, 10, buf, &len), AM_STD_CAPBAD);
	assert_int_equal(run(&file, AM_STD_INFO, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	assert_int_equal(run(&file, AM_STD_TOUCH, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	assert_int_equal(run(&file, AM_B_CREATE, 0, CS, "x", 1, NULL), AM_STD_CAPBAD);
	assert_int_equal(run(&file, AM_B_MODIFY, 6, 0, "x", 1, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&file, AM_B_MODIFY, AM_B_OFFSET_MAX, 0, "x", 1, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&file, AM_B_MODIFY, 5, 0, " world", 6, &same), AM_OK);
	assert_memory_equal(&same, &file, sizeof(same));
	assert_int_equal(run(&file, B_INSERT, 5, 0, ",", 1, &same), AM_OK);
	assert_int_equal(run(&file, B_INSERT, 5, 0, NULL, 0, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&file, B_DELETE, 0, 0, "\1\0\0\0", 4, &same), AM_OK);
	assert_int_equal(run(&file, B_DELETE, 0, 0, "\0\0\0\0", 4, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&file, B_DELETE, 0, 0, "\xff\xff\xff\xff", 4, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&file, B_DELETE, 0, 0, "\1\0\0", 3, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&file, B_DELETE, 99, 0, "\1\0\0\0", 4, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&file, AM_B_MODIFY, 0, CS, NULL, 0, &same), AM_OK);
	assert_memory_equal(&same, &file, sizeof(same));
	holds(&file, "ello, world");

	/* a committed one is copied: the first stays what it was */
	assert_int_equal(run(&file, AM_B_MODIFY, 0, CS, "E", 1, &out), AM_OK);
	assert_int_not_equal(am_cap_object(&out), am_cap_object(&file));
	assert_int_equal(out.rights, 0xff);
	holds(&out, "Ello, world");
	holds(&file, "ello, world");
	assert_int_equal(run(&file, AM_B_MODIFY, 11, AM_B_COMMIT, "!", 1, &out), AM_OK);
	holds(&out, "ello, world!");
	assert_int_equal(run(&file, AM_B_MODIFY, 12, 0, "!", 1, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&file, B_INSERT, 0, CS, "h", 1, &out), AM_OK);
	holds(&out, "hello, world");
	assert_int_equal(run(&file, B_DELETE, 4, CS, "\100\0\0\0\0\0\0\0", 8, &out), AM_OK);
	holds(&out, "ello");
	assert_int_equal(run(&file, B_DELETE, 12, CS, "\1\0\0\0", 4, NULL), AM_STD_ARGBAD);
	weak = restricted(&file, AM_B_RGT_READ | AM_B_RGT_MODIFY);
	assert_int_equal(run(&weak, AM_B_MODIFY, 4, 0, "...", 3, &out), AM_OK);
	assert_int_equal(out.rights, 0xff);
	assert_int_equal(size_of(&out, &size), AM_STD_CAPBAD);
	assert_int_equal(run(&out, AM_STD_DESTROY, 0, 0, NULL, 0, NULL), AM_OK);
	assert_int_equal(run(&out, AM_B_MODIFY, 0, 0, "x", 1, NULL), AM_STD_CAPBAD);
	holds(&file, "ello, world");
}

/* made after a file: equal contents give that file again */
static void test_compare(void **state)
{
	am_cap file = create("hello", 5, CS), same, other, part, weak;

	(void)state;
	assert_int_equal(run(&file, AM_B_CREATE, 0, CS, "hello", 5, &same), AM_OK);
	assert_memory_equal(&same, &file, sizeof(same));
	assert_int_equal(run(&file, AM_B_CREATE, 0, CS, "hellO", 5, &other), AM_OK);
	assert_int_not_equal(am_cap_object(&other), am_cap_object(&file));
	holds(&other, "hellO");
	assert_int_equal(run(&file, AM_B_CREATE, 0, CS, "hello!", 6, &other), AM_OK);
	holds(&other, "hello!");

	/* in pieces */
	assert_int_equal(run(&file, AM_B_CREATE, 0, 0, "hel", 3, &part), AM_OK);
	assert_int_not_equal(am_cap_object(&part), am_cap_object(&file));
	assert_int_equal(run(&part, AM_B_MODIFY, 3, CS, "lo", 2, &same), AM_OK);
	assert_memory_equal(&same, &file, sizeof(same));
	assert_int_equal(run(&part, AM_B_SIZE, 0, 0, NULL, 0, NULL), AM_STD_CAPBAD);
	assert_int_equal(run(&file, AM_B_CREATE, 0, 0, "hel", 3, &part), AM_OK);
	assert_int_equal(run(&part, AM_B_MODIFY, 3, CS, "p", 1, &other), AM_OK);
	assert_memory_equal(&other, &part, sizeof(other));
	holds(&other, "help");

	/* without the right to read nothing is told of the contents */
	weak = restricted(&file, AM_B_RGT_CREATE);
	assert_int_equal(run(&weak, AM_B_CREATE, 0, CS, "hello", 5, &other), AM_OK);
	assert_int_not_equal(am_cap_object(&other), am_cap_object(&file));
	/* and when the original is gone, the new one stays */
	assert_int_equal(run(&file, AM_B_CREATE, 0, 0, "hel", 3, &part), AM_OK);
	assert_int_equal(run(&file, AM_STD_DESTROY, 0, 0, NULL, 0, NULL), AM_OK);
	assert_int_equal(run(&part, AM_B_MODIFY, 3, CS, "lo", 2, &other), AM_OK);
	holds(&other, "hello");
}

static void test_copy(void **state)
{
	am_cap file = create("hello", 5, CS), making = create("x", 1, 0), out, weak, null;

	(void)state;
	memset(&null, 0, sizeof(null));
	assert_int_equal(run(&super, AM_STD_COPY, 0, 0, &file, 16, &out), AM_OK);
	assert_int_not_equal(am_cap_object(&out), am_cap_object(&file));
	holds(&out, "hello");
	assert_int_equal(run(&super, AM_STD_COPY, 0, 0, &file, 15, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&super, AM_STD_COPY, 0, 0, &null, 16, NULL), AM_STD_ARGBAD);
	assert_int_equal(run(&super, AM_STD_COPY, 0, 0, &super, 16, NULL), AM_STD_COMBAD);
	assert_int_equal(run(&super, AM_STD_COPY, 0, 0, &making, 16, NULL), AM_STD_CAPBAD);
	weak = restricted(&file, AM_B_RGT_CREATE);
	assert_int_equal(run(&super, AM_STD_COPY, 0, 0, &weak, 16, NULL), AM_STD_DENIED);
	file.check[0] ^= 1;
	assert_int_equal(run(&super, AM_STD_COPY, 0, 0, &file, 16, NULL), AM_STD_CAPBAD);
}

/* what fails leaves nothing behind */
static void test_no_space(void **state)
{
	struct volume_stat before, after;
	uint8_t *big = calloc(1, AM_MAX_CHUNK);
	am_cap file = create(NULL, 0, 0);
	uint64_t at;
	am_status s = AM_OK;

	(void)state;
	vol->ops->stat(vol, &before);
	for (at = 0; !s; at += s ? 0 : AM_MAX_CHUNK)
		s = run(&file, AM_B_MODIFY, at, 0, big, AM_MAX_CHUNK, NULL);
	assert_int_equal(s, AM_STD_NOSPACE);
	assert_true(at >= 7 << 20);
	while (!run(&super, AM_B_CREATE, 0, AM_B_COMMIT, big, AM_MAX_CHUNK, NULL))
		;
	assert_int_equal(run(&super, AM_B_CREATE, 0, CS, big, AM_MAX_CHUNK, NULL), AM_STD_NOSPACE);
	vol->ops->stat(vol, &after);
	assert_int_equal(after.uncommitted, before.uncommitted);
	assert_int_equal(run(&file, AM_B_MODIFY, 0, CS, NULL, 0, NULL), AM_OK);
	assert_int_equal(size_of(&file, &at), AM_OK);
	assert_int_equal(at % AM_MAX_CHUNK, 0);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_capabilities, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rights, setup, teardown),
		cmocka_unit_test_setup_teardown(test_info, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_destroy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compare, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
