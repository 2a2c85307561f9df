// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random requests, a bounded number: valid capabilities and commands with bodies that are random,
 * or good ones spoiled. The handler must answer with a status and stay inside its buffers; most of
 * what this finds, the address sanitizer finds. The seed is printed; AMOEBA_FUZZ=SEED repeats.
 */
#include "../../bulletd/tests/host.h"
#include "layout.h"
#include "serve.h"

#define ROUNDS 30000

static const uint32_t commands[] = {
	AM_DIR_CREATE, AM_DIR_DISCARD, AM_DIR_LIST, AM_DIR_APPEND, AM_DIR_CHMOD, AM_DIR_DELETE,
	AM_DIR_LOOKUP, AM_DIR_REPLACE, DIR_GETMASKS, DIR_GETSEQNR, AM_STD_INFO, AM_STD_STATUS,
	AM_STD_RESTRICT, AM_STD_TOUCH, AM_STD_DESTROY, 2107, 2108, 1002, 0, 65535,
};

static size_t body_random(uint8_t *buf, size_t size)
{
	size_t n = (size_t)rand() % (rand() % 8 ? 64 : size);

	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)(rand() % 3 ? rand() : rand() % 4);
	return n;
}

static size_t body_near(uint8_t *buf, size_t size, const am_cap *cap)
{
	static const char *const names[] = { "a", "b", "home", "profile/cap", "x/y", "", ".." };
	struct am_buf b;
	am_capset set;
	size_t n;

	am_buf_init(&b, buf, size);
	am_put_str(&b, names[(size_t)rand() % 7]);
	if (rand() % 2) {
		am_capset_one(&set, cap);
		set.final = (int16_t)(rand() % 10 ? 1 : rand() % 9);
		am_put_capset(&b, &set);
	}
	for (int k = rand() % 6; k; k--)
		am_put_u32(&b, (uint32_t)rand());
	n = (size_t)(b.p - buf);
	if (n && !(rand() % 3))
		buf[(size_t)rand() % n] = (uint8_t)rand();
	if (n && !(rand() % 3))
		n = (size_t)rand() % n;
	return n;
}

static void test_fuzz(void **state)
{
	const char *env = getenv("AMOEBA_FUZZ");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)getpid();
	char *dir = scratch_make();
	char path[300], why[256];
	unsigned int ok = 0;
	struct store *st;
	struct store_dir dirrec;
	struct dird d;
	uint8_t buf[5000];
	am_cap root, super, caps[3];

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	snprintf(path, sizeof(path), "%s/db", dir);
	st = store_lmdb_open(path, 256 << 20, 8, why, sizeof(why));
	assert_non_null(st);
	assert_int_equal(layout_init(st), 0);
	assert_int_equal(dird_setup(&d, st, 4), AM_OK);
	d.remote_max = 0;	/* no other servers here */
	assert_int_equal(layout_root(st, &root), AM_OK);
	am_cap_make(&super, &d.put, 0, 0xff, &d.id.super);

	caps[0] = root;
	caps[1] = super;
	caps[2] = root;
	for (int i = 0; i < ROUNDS; i++) {
		struct call c;
		const am_cap *cap = &caps[rand() % 3];
		size_t n = rand() % 2 ? body_random(buf, sizeof(buf)) :
				        body_near(buf, sizeof(buf), cap);
		uint32_t command = commands[(size_t)rand() % (sizeof(commands) / 4)];
		am_status s;

		call_init(&c, cap, command, buf, n, rand() % 4 ? 16384 : 1 + (size_t)rand() % 64);
		c.rq.hdr.extra = rand() % 2 ? (uint32_t)rand() & 0xffff : 0;
		c.rq.hdr.offset = (int64_t)(int32_t)((uint32_t)rand() << 1);
		c.rq.hdr.size = (uint64_t)rand() & 0xffff;
		c.rq.trunc = !(rand() % 50);
		s = call_run(&c, dird_serve, &d);
		ok += !s;
		if (!s && (command == AM_DIR_CREATE || command == AM_STD_RESTRICT) && rand() % 2)
			caps[2] = call_cap(&c);
		call_done(&c);
	}
	print_message("%u of %u accepted\n", ok, ROUNDS);
	assert_true(ok > ROUNDS / 20);
	/* the root and what leads to the servers may have lost rows, but it is a directory */
	assert_int_equal(st->ops->dir(st, d.id.root, &dirrec), AM_OK);
	st->ops->close(st);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fuzz) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
