// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of the at-most-once window. Also built in userland (make coverage). */
#include <kunit/test.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>

#include "rpc_window.h"

#define NOW	1000000UL	/* jiffies */

static struct amrpc_window *new_window(struct kunit *test)
{
	struct amrpc_window *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	return w;
}

static void window_window(struct kunit *test)
{
	struct amrpc_window *w = new_window(test);
	u32 start = U32_MAX - 100;	/* across the wrap */

	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, start, 1, NOW));
	for (u32 i = 0; i < 3 * AMRPC_ONCE_WINDOW; i += 2)
		amrpc_window_mark(w, start + i, NOW);
	for (u32 i = 2 * AMRPC_ONCE_WINDOW; i < 3 * AMRPC_ONCE_WINDOW; i++)
		KUNIT_EXPECT_EQ_MSG(test, !(i & 1), amrpc_window_executed(w, start + i),
				    "tid %u", i);
	/* older than the window counts as executed, younger than all as new */
	KUNIT_EXPECT_TRUE(test, amrpc_window_executed(w, start + 1));
	KUNIT_EXPECT_FALSE(test, amrpc_window_executed(w, start + 3 * AMRPC_ONCE_WINDOW));
	/* a leap beyond the window forgets nothing wrongly */
	amrpc_window_mark(w, start + 10 * AMRPC_ONCE_WINDOW, NOW);
	KUNIT_EXPECT_TRUE(test, amrpc_window_executed(w, start + 3 * AMRPC_ONCE_WINDOW));
	KUNIT_EXPECT_FALSE(test, amrpc_window_executed(w, start + 10 * AMRPC_ONCE_WINDOW - 1));
}

static void window_leap(struct kunit *test)
{
	struct amrpc_window *w = new_window(test);

	/* the first may be anything, then a counter counts: 5 in the wrong byte order is odd */
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, 4, 1, NOW));
	amrpc_window_mark(w, 4, NOW);
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_ODD, amrpc_window_check(w, 0x05000000, 2, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, 5, 2, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, 4 + (1 << 20), 2, NOW));
	w->top_when = NOW - 100 * HZ;
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, 0x05000000, 2, NOW));
}

static void window_refusals(struct kunit *test)
{
	struct amrpc_window *w = new_window(test);

	KUNIT_EXPECT_TRUE(test, amrpc_window_refuse(w, 7, 100, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_window_check(w, 7, 100, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_window_check(w, 7, 99, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, 7, 101, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, 8, 100, NOW));
	/* the youngest refusal counts, message ids wrap */
	KUNIT_EXPECT_TRUE(test, amrpc_window_refuse(w, 7, 90, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_window_check(w, 7, 100, NOW));
	KUNIT_EXPECT_TRUE(test, amrpc_window_refuse(w, 7, 102, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_window_check(w, 7, 102, NOW));
	KUNIT_EXPECT_TRUE(test, amrpc_window_refuse(w, 9, U32_MAX, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_window_check(w, 9, U32_MAX - 1, NOW));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, 9, 0, NOW));
	/* given back after it was accepted */
	amrpc_window_mark(w, 11, NOW);
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_DONE, amrpc_window_check(w, 11, 5, NOW));
	amrpc_window_unmark(w, 11);
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_window_check(w, 11, 5, NOW));
}

static void window_refusals_bounded(struct kunit *test)
{
	struct amrpc_window *w = new_window(test);
	unsigned int told = 0;

	for (u32 tid = 0; tid < 2 * AMRPC_ONCE_NAKS; tid++)
		told += amrpc_window_refuse(w, tid, 1, NOW);
	/* none is forgotten to make room: the others are not given */
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NAKS, told);
	for (u32 tid = 0; tid < AMRPC_ONCE_NAKS; tid++)
		KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_window_check(w, tid, 1, NOW));
	/* but one that was executed after all leaves its place */
	amrpc_window_mark(w, 3, NOW);
	KUNIT_EXPECT_TRUE(test, amrpc_window_refuse(w, 1000, 1, NOW));
	/* and so does one whose copies cannot arrive any more, not a moment earlier */
	KUNIT_EXPECT_FALSE(test, amrpc_window_refuse(w, 1001, 1, NOW + AMRPC_ONCE_HOLD));
	KUNIT_EXPECT_TRUE(test, amrpc_window_refuse(w, 1001, 1, NOW + AMRPC_ONCE_HOLD + 1));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(window_window),
	KUNIT_CASE(window_leap),
	KUNIT_CASE(window_refusals),
	KUNIT_CASE(window_refusals_bounded),
	{ }
};

static struct kunit_suite suite = {
	.name = "amoeba_rpc_window",
	.test_cases = cases,
};
kunit_test_suite(suite);
