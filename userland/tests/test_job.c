// SPDX-License-Identifier: LGPL-2.1-or-later
/* Job descriptors: round trip, each prefix, names that must not pass, random bytes. */
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include <amoeba_proc.h>

static void names(void **state)
{
	char longest[AM_NAME_MAX + 2];

	(void)state;
	assert_true(am_job_path_ok("a"));
	assert_true(am_job_path_ok("a/b.c/..d/e..."));
	assert_false(am_job_path_ok(""));
	assert_false(am_job_path_ok("/a"));
	assert_false(am_job_path_ok("a/"));
	assert_false(am_job_path_ok("a//b"));
	assert_false(am_job_path_ok("."));
	assert_false(am_job_path_ok("a/./b"));
	assert_false(am_job_path_ok("a/.."));
	assert_false(am_job_path_ok("../a"));
	memset(longest, 'x', sizeof(longest));
	longest[AM_NAME_MAX + 1] = '\0';
	assert_false(am_job_path_ok(longest));
	longest[AM_NAME_MAX] = '\0';
	assert_true(am_job_path_ok(longest));
}

static char *argv[] = { "cc", "-c", "", NULL }, *env[] = { "A=1", "B=", NULL },
	    *mounts[] = { "home/x", NULL }, *outs[] = { "home/x/a.o", "b", NULL }, *none[] = { NULL };

static struct am_job full(struct am_jobfile in[3])
{
	in[0] = (struct am_jobfile){ .path = "home/x/a.c", .mode = S_IFREG | 0444,
				     .cap = some_cap(1) };
	in[1] = (struct am_jobfile){ .path = "d", .mode = S_IFDIR | 0755 };
	in[2] = (struct am_jobfile){ .path = "l", .mode = S_IFLNK, .target = "../x" };
	return (struct am_job){
		.flags = AM_JOB_STDIN | AM_JOB_MERGE, .lease_ms = 7, .cpu_s = 8, .mem_mib = 9,
		.fsize_mib = 10, .wall_s = 11, .prog = "/usr/bin/cc", .comment = "x", .cwd = "/y",
		.argv = argv, .env = env, .mounts = mounts, .in = in, .nin = 3, .out = outs,
		.store = some_cap(2),
	};
}

static void round_trip(void **state)
{
	struct am_jobfile in[3];
	struct am_job j = full(in), *k;
	void *p;
	size_t n;
	am_cap c;

	(void)state;
	assert_int_equal(am_job_pack(&j, &p, &n), AM_OK);
	assert_int_equal(am_job_unpack(p, n, &k), AM_OK);
	memset(p, 0xff, n);	/* it has bytes of its own */
	assert_int_equal(k->flags, j.flags);
	assert_int_equal(k->lease_ms, 7);
	assert_int_equal(k->wall_s, 11);
	assert_string_equal(k->prog, "/usr/bin/cc");
	assert_string_equal(k->cwd, "/y");
	assert_string_equal(k->argv[2], "");
	assert_null(k->argv[3]);
	assert_string_equal(k->env[1], "B=");
	assert_string_equal(k->mounts[0], "home/x");
	assert_string_equal(k->out[1], "b");
	assert_int_equal(k->nin, 3);
	c = some_cap(1);
	assert_memory_equal(&k->in[0].cap, &c, sizeof(c));
	assert_int_equal(k->in[1].mode, S_IFDIR | 0755);
	assert_string_equal(k->in[2].target, "../x");
	am_job_free(k);
	free(p);
}

static void prefixes(void **state)
{
	struct am_jobfile in[3];
	struct am_job j = full(in), *k;
	size_t n;
	void *p;

	(void)state;
	assert_int_equal(am_job_pack(&j, &p, &n), AM_OK);
	for (size_t i = 0; i < n; i++) {
		uint8_t *q = malloc(i ? i : 1);	/* of that size: ASan sees a step too far */

		memcpy(q, p, i);
		assert_int_equal(am_job_unpack(q, i, &k), AM_STD_ARGBAD);
		free(q);
	}
	free(p);
}

#define REFUSED(change) do {						\
	struct am_jobfile in_[3];					\
	struct am_job j = full(in_);					\
	void *p_;							\
	size_t n_;							\
									\
	change;								\
	assert_int_equal(am_job_pack(&j, &p_, &n_), AM_STD_ARGBAD);	\
} while (0)

static void rules(void **state)
{
	static char huge[AM_JOB_SIZE_MAX + 1];
	struct am_jobfile in[3];
	struct am_job big = full(in);
	size_t n;
	void *p;

	(void)state;
	REFUSED(j.flags = 0x80);
	REFUSED(j.argv = none);
	REFUSED(j.prog = "");
	REFUSED(j.prog_cap = some_cap(3));
	REFUSED(j.env = ((char *[]){ "NOVALUE", NULL }));
	REFUSED(j.env = ((char *[]){ "=x", NULL }));
	REFUSED(j.mounts = ((char *[]){ "/abs", NULL }));
	REFUSED(j.out = ((char *[]){ "../up", NULL }));
	REFUSED(j.in[0].path = "a/../b");
	REFUSED(j.in[0].mode = S_IFREG | 04755);
	REFUSED(j.in[0].mode = S_IFIFO | 0644);
	REFUSED(memset(&j.in[0].cap, 0, sizeof(am_cap)));
	REFUSED(j.in[2].target = "");
	memset(huge, 'x', sizeof(huge) - 1);
	big.comment = huge;
	assert_int_equal(am_job_pack(&big, &p, &n), AM_STD_OVERFLOW);
}

static void fuzz(void **state)
{
	struct am_jobfile in[3];
	struct am_job j = full(in), *k;
	uint8_t *p;
	void *mem;
	size_t n;

	(void)state;
	assert_int_equal(am_job_pack(&j, &mem, &n), AM_OK);
	srandom(1);
	for (int i = 0; i < 20000; i++) {
		p = malloc(n);
		memcpy(p, mem, n);
		for (int c = 0; c < 3; c++)
			p[(size_t)random() % n] = (uint8_t)random();
		if (am_job_unpack(p, n, &k) == AM_OK)
			am_job_free(k);
		free(p);
	}
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names), cmocka_unit_test(round_trip), cmocka_unit_test(prefixes),
		cmocka_unit_test(rules), cmocka_unit_test(fuzz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
