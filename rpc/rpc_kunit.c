// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of the parts of amoeba.ko that are pure: headers, and the at-most-once window. */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "rpc.h"

/* frame 3 of capture 01_null_rpc: little-endian REQUEST, from its RPC header on */
static const u8 captured_request[AMRPC_MSG_HDR] = {
	0x1e, 0xc8, 0x57, 0xfc, 0x4e, 0x93, 0x04, 0x00, 0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86,
	0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
	0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86, 0x53, 0x49, 0x47, 0x4e, 0x41, 0x54,
	0x11, 0x22, 0x33, 0xff, 0x43, 0x48, 0x45, 0x43, 0x4b, 0x46,
	0x34, 0x12, 0x44, 0x33, 0x22, 0x11, 0x00, 0x00, 0x78, 0x56,
};

static void check_header(struct kunit *test, const struct amoeba_header *h)
{
	KUNIT_EXPECT_EQ(test, 0, memcmp(h->signature, "SIGNAT\0\0", 8));
	KUNIT_EXPECT_EQ(test, 0x332211, h->object);
	KUNIT_EXPECT_EQ(test, 0xff, h->rights);
	KUNIT_EXPECT_EQ(test, 0, memcmp(h->check, "CHECKF\0\0\0\0\0\0", 12));
	KUNIT_EXPECT_EQ(test, 0x1234, h->command);
	KUNIT_EXPECT_EQ(test, 0x11223344LL, h->offset);
	KUNIT_EXPECT_EQ(test, 0ULL, h->size);
	KUNIT_EXPECT_EQ(test, 0x5678, h->extra);
}

static void wire_captured(struct kunit *test)
{
	u8 out[AMRPC_MSG_HDR];
	struct amoeba_header h;
	struct amrpc_wire w;

	amrpc_wire_get(captured_request, &w);
	KUNIT_EXPECT_EQ(test, AMRPC_REQUEST, w.type);
	KUNIT_EXPECT_EQ(test, 0, w.tid);
	KUNIT_EXPECT_EQ(test, 1, w.dest);
	KUNIT_EXPECT_EQ(test, 0, w.from);
	amrpc_classic_get(captured_request + AMRPC_HDR, &h, false, false);
	check_header(test, &h);
	amrpc_wire_put(out, &w);
	KUNIT_EXPECT_EQ(test, 0, amrpc_classic_put(out + AMRPC_HDR, &h, false));
	/* on a little-endian machine we send what the original sent */
	if (!(out[15] & AMRPC_F_BIGENDIAN))
		KUNIT_EXPECT_EQ(test, 0, memcmp(out, captured_request, sizeof(out)));
}

/* the same header, its integers the other way round and said so */
static void wire_bigendian(struct kunit *test)
{
	static const u8 at[][2] = { { 16, 4 }, { 20, 2 }, { 22, 2 }, { 46, 2 }, { 48, 4 },
				    { 52, 2 }, { 54, 2 } };
	u8 be[AMRPC_MSG_HDR];
	struct amoeba_header h;
	struct amrpc_wire w;

	memcpy(be, captured_request, sizeof(be));
	be[15] |= AMRPC_F_BIGENDIAN;
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		for (unsigned int j = 0; j < at[i][1]; j++)
			be[at[i][0] + j] = captured_request[at[i][0] + at[i][1] - 1 - j];
	amrpc_wire_get(be, &w);
	KUNIT_EXPECT_EQ(test, 1, w.dest);
	amrpc_classic_get(be + AMRPC_HDR, &h, false, true);
	check_header(test, &h);
}

static void wire_ranges(struct kunit *test)
{
	struct amoeba_header ok = {
		.object = 0xffffff, .rights = 0xff, .command = 0xffff, .extra = 0xffff,
		.offset = S32_MIN, .size = 0xffff,
	};
	struct amoeba_header h, back;
	u8 p[AMRPC_CLASSIC_HDR];

	KUNIT_EXPECT_EQ(test, 0, amrpc_classic_put(p, &ok, false));
#define BAD(field, value) do {								\
		h = ok;									\
		h.field = value;							\
		KUNIT_EXPECT_EQ_MSG(test, -ERANGE, amrpc_classic_put(p, &h, false),	\
				    #field);						\
	} while (0)
	BAD(object, 0x1000000);
	BAD(rights, 0x100);
	BAD(command, 0x10000);
	BAD(command, -1);
	BAD(extra, 0x10000);
	BAD(offset, (s64)S32_MAX + 1);
	BAD(offset, (s64)S32_MIN - 1);
	BAD(size, 0x10000);
	BAD(site, 1);
	BAD(port[6], 1);
	BAD(signature[7], 1);
	BAD(check[6], 1);
#undef BAD
	/* a status is signed */
	for (int s = -32768; s <= 32767; s += 4369) {
		h = ok;
		h.status = s;
		KUNIT_EXPECT_EQ(test, 0, amrpc_classic_put(p, &h, true));
		amrpc_classic_get(p, &back, true, IS_ENABLED(CONFIG_CPU_BIG_ENDIAN));
		KUNIT_EXPECT_EQ(test, s, back.status);
	}
	h.status = -32769;
	KUNIT_EXPECT_EQ(test, -ERANGE, amrpc_classic_put(p, &h, true));
}

/* everything the classic header has no room for; each byte is another one */
static const struct amoeba_header wide_header = {
	.port = { 1, 2, 3, 4, 5, 6 }, .signature = { 7, 8, 9, 10, 11, 12 },
	.object = 0x80000001, .rights = 0xa1b2c3d4,
	.check = { 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24 },
	.site = 0x11223344, .command = -0x10203, .extra = 0x55667788,
	.offset = -0x102030405060708LL, .size = 0xf1f2f3f4f5f6f7f8ULL,
};

/* Documentation/wire.rst */
static const u8 wide_bytes[AMRPC_WIDE_HDR] = {
	1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0,
	0x01, 0, 0, 0x80, 0xd4, 0xc3, 0xb2, 0xa1,
	13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
	0x44, 0x33, 0x22, 0x11, 0xfd, 0xfd, 0xfe, 0xff, 0x88, 0x77, 0x66, 0x55,
	0xf8, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe,
	0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0xf1,
};

static void wide_there_and_back(struct kunit *test)
{
	struct amoeba_header back;
	u8 p[AMRPC_WIDE_HDR];

	memset(p, 0xee, sizeof(p));
	memset(&back, 0xee, sizeof(back));
	KUNIT_EXPECT_EQ(test, 0, amrpc_wide_put(p, &wide_header));
	KUNIT_EXPECT_EQ(test, 0, memcmp(p, wide_bytes, sizeof(p)));
	KUNIT_EXPECT_TRUE(test, amrpc_wide_get(wide_bytes, &back));
	KUNIT_EXPECT_EQ(test, 0, memcmp(&back, &wide_header, sizeof(back)));
	/* none of it fits the classic form, whichever way it goes */
	KUNIT_EXPECT_EQ(test, -ERANGE, amrpc_classic_put(p, &wide_header, false));
	KUNIT_EXPECT_EQ(test, -ERANGE, amrpc_classic_put(p, &wide_header, true));
}

/* what the classic form holds the wide one does, and gives back alike */
static void wide_holds_classic(struct kunit *test)
{
	struct amoeba_header h, back;
	u8 p[AMRPC_WIDE_HDR];

	amrpc_classic_get(captured_request + AMRPC_HDR, &h, false, false);
	KUNIT_EXPECT_EQ(test, 0, amrpc_wide_put(p, &h));
	KUNIT_EXPECT_TRUE(test, amrpc_wide_get(p, &back));
	KUNIT_EXPECT_EQ(test, 0, memcmp(&back, &h, sizeof(h)));
	check_header(test, &back);
}

static void wide_malformed(struct kunit *test)
{
	static const u8 zero[] = { 6, 7, 14, 15 };
	struct amoeba_header h;
	u8 p[AMRPC_WIDE_HDR];

	for (unsigned int i = 0; i < ARRAY_SIZE(zero); i++) {
		memcpy(p, wide_bytes, sizeof(p));
		p[zero[i]] = 0x80;
		KUNIT_EXPECT_FALSE_MSG(test, amrpc_wide_get(p, &h), "byte %u", zero[i]);
		h = wide_header;
		((u8 *)&h)[zero[i]] = 1;
		memset(p, 0xee, sizeof(p));
		KUNIT_EXPECT_EQ(test, -ERANGE, amrpc_wide_put(p, &h));
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(p, 0xee, sizeof(p)), "something written");
	}
}

static struct amrpc_kid *new_kid(struct kunit *test)
{
	struct amrpc_kid *k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, k);
	spin_lock_init(&k->lock);
	return k;
}

static void once_window(struct kunit *test)
{
	struct amrpc_kid *k = new_kid(test);
	u32 start = U32_MAX - 100;	/* across the wrap */

	spin_lock_bh(&k->lock);
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, start, 1));
	for (u32 i = 0; i < 3 * AMRPC_ONCE_WINDOW; i += 2)
		amrpc_once_mark(k, start + i);
	for (u32 i = 2 * AMRPC_ONCE_WINDOW; i < 3 * AMRPC_ONCE_WINDOW; i++)
		KUNIT_EXPECT_EQ_MSG(test, !(i & 1), amrpc_once_executed(k, start + i),
				    "tid %u", i);
	/* older than the window counts as executed, younger than all as new */
	KUNIT_EXPECT_TRUE(test, amrpc_once_executed(k, start + 1));
	KUNIT_EXPECT_FALSE(test, amrpc_once_executed(k, start + 3 * AMRPC_ONCE_WINDOW));
	/* a leap beyond the window forgets nothing wrongly */
	amrpc_once_mark(k, start + 10 * AMRPC_ONCE_WINDOW);
	KUNIT_EXPECT_TRUE(test, amrpc_once_executed(k, start + 3 * AMRPC_ONCE_WINDOW));
	KUNIT_EXPECT_FALSE(test, amrpc_once_executed(k, start + 10 * AMRPC_ONCE_WINDOW - 1));
	spin_unlock_bh(&k->lock);
}

static void once_leap(struct kunit *test)
{
	struct amrpc_kid *k = new_kid(test);

	spin_lock_bh(&k->lock);
	/* the first may be anything, then a counter counts: 5 in the wrong byte order is odd */
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, 4, 1));
	amrpc_once_mark(k, 4);
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_ODD, amrpc_once_check(k, 0x05000000, 2));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, 5, 2));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, 4 + (1 << 20), 2));
	k->top_when = jiffies - 100 * HZ;
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, 0x05000000, 2));
	spin_unlock_bh(&k->lock);
}

static void once_refusals(struct kunit *test)
{
	struct amrpc_kid *k = new_kid(test);

	spin_lock_bh(&k->lock);
	KUNIT_EXPECT_TRUE(test, amrpc_once_refuse(k, 7, 100));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_once_check(k, 7, 100));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_once_check(k, 7, 99));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, 7, 101));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, 8, 100));
	/* the youngest refusal counts, message ids wrap */
	KUNIT_EXPECT_TRUE(test, amrpc_once_refuse(k, 7, 90));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_once_check(k, 7, 100));
	KUNIT_EXPECT_TRUE(test, amrpc_once_refuse(k, 9, U32_MAX));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_once_check(k, 9, U32_MAX - 1));
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, 9, 0));
	/* given back after it was accepted */
	amrpc_once_mark(k, 11);
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_DONE, amrpc_once_check(k, 11, 5));
	amrpc_once_unmark(k, 11);
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NEW, amrpc_once_check(k, 11, 5));
	spin_unlock_bh(&k->lock);
}

static void once_refusals_bounded(struct kunit *test)
{
	struct amrpc_kid *k = new_kid(test);
	unsigned int told = 0;

	spin_lock_bh(&k->lock);
	for (u32 tid = 0; tid < 2 * AMRPC_ONCE_NAKS; tid++)
		told += amrpc_once_refuse(k, tid, 1);
	/* none is forgotten to make room: the others are not given */
	KUNIT_EXPECT_EQ(test, AMRPC_ONCE_NAKS, told);
	for (u32 tid = 0; tid < AMRPC_ONCE_NAKS; tid++)
		KUNIT_EXPECT_EQ(test, AMRPC_ONCE_REFUSED, amrpc_once_check(k, tid, 1));
	/* but one that was executed after all leaves its place */
	amrpc_once_mark(k, 3);
	KUNIT_EXPECT_TRUE(test, amrpc_once_refuse(k, 1000, 1));
	spin_unlock_bh(&k->lock);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(wire_captured),
	KUNIT_CASE(wire_bigendian),
	KUNIT_CASE(wire_ranges),
	KUNIT_CASE(wide_there_and_back),
	KUNIT_CASE(wide_holds_classic),
	KUNIT_CASE(wide_malformed),
	KUNIT_CASE(once_window),
	KUNIT_CASE(once_leap),
	KUNIT_CASE(once_refusals),
	KUNIT_CASE(once_refusals_bounded),
	{ }
};

static struct kunit_suite suite = {
	.name = "amoeba_rpc",
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of amoeba.ko");
MODULE_LICENSE("GPL");
MODULE_VERSION(AMOEBA_VERSION);
COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
