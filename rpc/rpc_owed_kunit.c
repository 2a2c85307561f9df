// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of what a client owes. Also built in userland (make coverage). */
#include <kunit/test.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>

#include "rpc_owed.h"

#define NOW	((unsigned long)-2)	/* jiffies, about to wrap */

static struct amrpc_debt debt(u64 peer, u32 tid, unsigned long when)
{
	return (struct amrpc_debt){ .peer = peer, .tid = tid, .when = when,
				    .server_idx = 0x4000 + tid, .client_idx = tid };
}

static void owed_with_request(struct kunit *test)
{
	struct amrpc_owed o = {};
	struct amrpc_debt d;
	u32 tid = 0;

	KUNIT_EXPECT_FALSE(test, amrpc_owed_to(&o, 1, &tid));
	for (u32 i = 0; i < 6; i++) {
		d = debt(i % 2, i, NOW);
		KUNIT_EXPECT_TRUE(test, amrpc_owed_add(&o, &d));
	}
	KUNIT_EXPECT_FALSE(test, amrpc_owed_to(&o, 2, &tid));
	/* each to whom it is owed, once, the oldest first */
	for (u32 i = 1; i < 6; i += 2) {
		KUNIT_EXPECT_TRUE(test, amrpc_owed_to(&o, 1, &tid));
		KUNIT_EXPECT_EQ(test, i, tid);
	}
	KUNIT_EXPECT_FALSE(test, amrpc_owed_to(&o, 1, &tid));
	KUNIT_EXPECT_EQ(test, 3U, o.nr);
	/* the others are there, as they came */
	for (u32 i = 0; i < 6; i += 2) {
		KUNIT_EXPECT_TRUE(test, amrpc_owed_due(&o, NOW, true, &d));
		KUNIT_EXPECT_EQ(test, i, d.tid);
		KUNIT_EXPECT_EQ(test, 0ULL, (unsigned long long)d.peer);
		KUNIT_EXPECT_EQ(test, 0x4000U + i, (u32)d.server_idx);
		KUNIT_EXPECT_EQ(test, i, (u32)d.client_idx);
	}
	KUNIT_EXPECT_EQ(test, 0U, o.nr);
}

static void owed_in_time(struct kunit *test)
{
	struct amrpc_owed o = {};
	struct amrpc_debt d;

	KUNIT_EXPECT_FALSE(test, amrpc_owed_due(&o, NOW, false, &d));
	KUNIT_EXPECT_FALSE(test, amrpc_owed_due(&o, NOW, true, &d));
	for (u32 i = 0; i < 3; i++) {
		d = debt(7, i, NOW + i);
		KUNIT_EXPECT_TRUE(test, amrpc_owed_add(&o, &d));
	}
	for (u32 i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, NOW + i + AMRPC_OWED, amrpc_owed_next(&o));
		KUNIT_EXPECT_FALSE(test, amrpc_owed_due(&o, NOW + i + AMRPC_OWED - 1, false, &d));
		KUNIT_EXPECT_TRUE(test, amrpc_owed_due(&o, NOW + i + AMRPC_OWED, false, &d));
		KUNIT_EXPECT_EQ(test, i, d.tid);
	}
	KUNIT_EXPECT_EQ(test, 0U, o.nr);
}

static void owed_full(struct kunit *test)
{
	struct amrpc_owed o = {};
	struct amrpc_debt d;
	u32 tid = 0;

	for (u32 i = 0; i < AMRPC_OWED_MAX; i++) {
		d = debt(7, i, NOW);
		KUNIT_EXPECT_TRUE(test, amrpc_owed_add(&o, &d));
	}
	d = debt(7, 100, NOW);
	KUNIT_EXPECT_FALSE(test, amrpc_owed_add(&o, &d));
	KUNIT_EXPECT_TRUE(test, amrpc_owed_to(&o, 7, &tid));
	KUNIT_EXPECT_EQ(test, 0U, tid);
	KUNIT_EXPECT_TRUE(test, amrpc_owed_add(&o, &d));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(owed_with_request),
	KUNIT_CASE(owed_in_time),
	KUNIT_CASE(owed_full),
	{ }
};

static struct kunit_suite suite = {
	.name = "amoeba_rpc_owed",
	.test_cases = cases,
};
kunit_test_suite(suite);
