// SPDX-License-Identifier: GPL-2.0-or-later
/* Which host is chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rund.h"

atomic_bool stopping;
uint32_t poll_up_ms = POLL_UP_MS;
void note(const char *fmt, ...) { (void)fmt; }
uint64_t now_ms(void) { return 0; }

static double chance(void)
{
	return (double)random() / ((double)RAND_MAX + 1);
}

#define GIB (1ULL << 20)	/* in KiB */

static struct host host(const char *name, struct host *next)
{
	struct host h = { .next = next, .up = true };

	strcpy(h.name, name);
	h.load.ncpu = 2;
	h.load.kips = 100000;
	h.load.mem_free = 4 * GIB;
	h.load.jobs_max = 8;
	return h;
}

static const char *best(struct host *list, uint64_t need, const char *const *avoid)
{
	struct host *b[1];

	return choose(list, 10000, need, avoid, chance, b, 1) ? b[0]->name : "";
}

static void less_loaded(void **state)
{
	struct host a = host("a", NULL), b = host("b", &a);

	(void)state;
	a.load.runnable = 2048;
	assert_string_equal(best(&b, 0, NULL), "b");
	b.promised = 6;		/* six programs were sent there since */
	assert_string_equal(best(&b, 0, NULL), "a");
	b.promised = 0;
	b.load.psi_cpu = 9000;
	a.load.runnable = 512;
	assert_string_equal(best(&b, 0, NULL), "a");
	b.load.psi_cpu = 0;
	b.load.jobs = 3;	/* jobs that sleep count as well */
	assert_string_equal(best(&b, 0, NULL), "a");
}

static void faster(void **state)
{
	struct host a = host("a", NULL), b = host("b", &a);
	int n = 0;

	(void)state;
	b.load.kips = 400000;
	assert_string_equal(best(&b, 0, NULL), "b");
	b.load.kips = 110000;	/* the same speed, measured at another moment */
	for (int i = 0; i < 1000; i++)
		n += !strcmp(best(&b, 0, NULL), "a");
	assert_in_range(n, 400, 600);
}

static void out(void **state)
{
	struct host a = host("a", NULL), b = host("b", &a);
	static const char *const only_a[] = { "b", NULL }, *const nobody[] = { "a", "b", NULL };

	(void)state;
	assert_string_equal(best(&b, 0, only_a), "a");
	assert_string_equal(best(&b, 0, nobody), "");
	assert_string_equal(best(&b, 5 * GIB, NULL), "");
	a.load.mem_free = 8 * GIB;
	assert_string_equal(best(&b, 5 * GIB, NULL), "a");
	a.promised_kib = 4 * GIB;
	assert_string_equal(best(&b, 5 * GIB, NULL), "");
	b.up = false;
	assert_string_equal(best(&b, 0, NULL), "a");
	a.polling = true;
	a.asked_ms = 9500;
	assert_string_equal(best(&b, 0, NULL), "a");
	a.asked_ms = 8000;	/* its answer is overdue */
	assert_string_equal(best(&b, 0, NULL), "");
	a.polling = false;
	a.load.jobs = 8;	/* full */
	assert_string_equal(best(&b, 0, NULL), "");
	assert_string_equal(best(NULL, 0, NULL), "");
}

static void several(void **state)
{
	struct host a = host("a", NULL), b = host("b", &a), c = host("c", &b);
	struct host *got[8];

	(void)state;
	c.load.runnable = 8192;
	a.load.runnable = 1024;
	assert_int_equal(choose(&c, 10000, 0, NULL, chance, got, 8), 3);
	assert_ptr_equal(got[0], &b);
	assert_ptr_equal(got[1], &a);
	assert_ptr_equal(got[2], &c);
	assert_int_equal(choose(&c, 10000, 0, NULL, chance, got, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(less_loaded), cmocka_unit_test(faster), cmocka_unit_test(out),
		cmocka_unit_test(several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
