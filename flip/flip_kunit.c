// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of FLIP: what can be shown without a device. */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "flip_udp.h"

static flip_addr_t addr(u64 v)
{
	return (__force flip_addr_t)v;
}

/* ---- wire ------------------------------------------------------------------------------- */

/* FLIP header of frame 3 of capture 02_rpc_1500, little-endian, and the same big-endian */
static const u8 flip_kunit_le[FLIP_HDR_LEN] = {
	0x01, 0x03, 0x04, 0x11, 0x03, 0x00, 0x03, 0x00,
	0x9b, 0x7e, 0xa0, 0x78, 0x4a, 0x36, 0x63, 0x00, 0x7f, 0x81, 0x13, 0x90, 0x2c, 0xab, 0xa3, 0x00,
	0x02, 0x00, 0x00, 0x00, 0xb2, 0x05, 0x00, 0x00, 0x64, 0x0b, 0x00, 0x00, 0x68, 0x75, 0x00, 0x00,
};

static const u8 flip_kunit_be[FLIP_HDR_LEN] = {
	0x01, 0x03, 0x05, 0x11, 0x00, 0x03, 0x00, 0x03,
	0x9b, 0x7e, 0xa0, 0x78, 0x4a, 0x36, 0x63, 0x00, 0x7f, 0x81, 0x13, 0x90, 0x2c, 0xab, 0xa3, 0x00,
	0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x05, 0xb2, 0x00, 0x00, 0x0b, 0x64, 0x00, 0x00, 0x75, 0x68,
};

static void flip_kunit_header(struct kunit *test)
{
	const u8 *const both[] = { flip_kunit_le, flip_kunit_be };
	u8 out[FLIP_HDR_LEN + 1], want[FLIP_HDR_LEN];
	struct flip_hdr h;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(both); i++) {
		KUNIT_ASSERT_TRUE(test, flip_hdr_get(both[i], &h));
		KUNIT_EXPECT_EQ(test, FLIP_UNIDATA, h.type);
		KUNIT_EXPECT_EQ(test, FLIP_F_SECURITY, h.flags);
		KUNIT_EXPECT_EQ(test, 3, h.act);
		KUNIT_EXPECT_EQ(test, 3, h.max);
		KUNIT_EXPECT_EQ(test, 0, memcmp(&h.dst, both[i] + 8, 8));
		KUNIT_EXPECT_EQ(test, 0, memcmp(&h.src, both[i] + 16, 8));
		KUNIT_EXPECT_EQ(test, 2, h.messid);
		KUNIT_EXPECT_EQ(test, 1458, h.length);
		KUNIT_EXPECT_EQ(test, 2916, h.offset);
		KUNIT_EXPECT_EQ(test, 30056, h.total);
		/* written in our own order whatever it came in, the reserved byte zero */
		memcpy(want, both[FLIP_F_HOST ? 1 : 0], sizeof(want));
		want[3] = 0;
		flip_hdr_put(out + 1, &h);
		KUNIT_EXPECT_EQ(test, 0, memcmp(out + 1, want, sizeof(want)));
	}
	memcpy(out, flip_kunit_le, FLIP_HDR_LEN);
	out[0] = 2;
	KUNIT_EXPECT_FALSE(test, flip_hdr_get(out, &h));
	out[0] = 1;
	out[2] |= FLIP_F_CODEFIELD;
	KUNIT_EXPECT_FALSE(test, flip_hdr_get(out, &h));
	/* bits nobody has defined are ignored and not passed on */
	out[2] = 0xc8 | FLIP_F_UNSAFE;
	KUNIT_EXPECT_TRUE(test, flip_hdr_get(out, &h));
	flip_hdr_put(out, &h);
	KUNIT_EXPECT_EQ(test, FLIP_F_UNSAFE | FLIP_F_HOST, out[2]);
}

static void flip_kunit_bounds(struct kunit *test)
{
	struct flip_hdr h = { .type = FLIP_UNIDATA };

#define OK(l, o, t) (h.length = (l), h.offset = (o), h.total = (t), flip_hdr_bounds_ok(&h))
	KUNIT_EXPECT_TRUE(test, OK(0, 0, 0));
	KUNIT_EXPECT_TRUE(test, OK(10, 0, 10));
	KUNIT_EXPECT_TRUE(test, OK(1, 9, 10));
	KUNIT_EXPECT_FALSE(test, OK(2, 9, 10));
	KUNIT_EXPECT_FALSE(test, OK(0, 9, 10));
	KUNIT_EXPECT_FALSE(test, OK(0xffffffff, 1, 10));
	KUNIT_EXPECT_FALSE(test, OK(10, 0xfffffff8, 10));
	KUNIT_EXPECT_TRUE(test, OK(128, FLIP_MAX_MSG, FLIP_TOTAL_MAX));
	KUNIT_EXPECT_FALSE(test, OK(128, FLIP_MAX_MSG, FLIP_TOTAL_MAX + 1));
#undef OK
#define HOPS(ty, a, m) (h.type = (ty), h.act = (a), h.max = (m), flip_hdr_hops_ok(&h))
	KUNIT_EXPECT_TRUE(test, HOPS(FLIP_UNIDATA, 25, 25));
	KUNIT_EXPECT_FALSE(test, HOPS(FLIP_UNIDATA, 4, 3));
	KUNIT_EXPECT_FALSE(test, HOPS(FLIP_UNIDATA, 3, 26));
	KUNIT_EXPECT_TRUE(test, HOPS(FLIP_LOCATE, 3, 26));
	KUNIT_EXPECT_FALSE(test, HOPS(FLIP_LOCATE, 3, 27));
#undef HOPS
}

/* wire-observed 2: 30056 bytes are 21 fragments */
static void flip_kunit_fragments(struct kunit *test)
{
	struct flip_hdr h = { .type = FLIP_UNIDATA, .total = 1458 };

	KUNIT_EXPECT_EQ(test, 1458, flip_payload(1500));
	KUNIT_EXPECT_EQ(test, 1458, flip_payload(9000));
	KUNIT_EXPECT_EQ(test, 214, flip_payload(FLIP_MTU_MIN));
	KUNIT_EXPECT_EQ(test, 8958, flip_payload_ours(9000));
	KUNIT_EXPECT_EQ(test, 65493, flip_payload_ours(65535));
	KUNIT_EXPECT_EQ(test, 65493, flip_payload_ours(~0U));
	KUNIT_EXPECT_EQ(test, 1, flip_fragments(0, 1458));
	KUNIT_EXPECT_EQ(test, 1, flip_fragments(1458, 1458));
	KUNIT_EXPECT_EQ(test, 2, flip_fragments(1459, 1458));
	KUNIT_EXPECT_EQ(test, 21, flip_fragments(30056, 1458));
	KUNIT_EXPECT_FALSE(test, flip_hdr_credited(&h));
	h.total = 1459;
	KUNIT_EXPECT_TRUE(test, flip_hdr_credited(&h));
	h.type = FLIP_MULTIDATA;
	KUNIT_EXPECT_FALSE(test, flip_hdr_credited(&h));
	h.type = FLIP_NOTHERE;
	KUNIT_EXPECT_FALSE(test, flip_hdr_credited(&h));
}

/* capture 07: a0e1ae02c6014300 is 55:55:ae:02:c6:01 */
static void flip_kunit_group_mac(struct kunit *test)
{
	static const u8 group[8] = { 0xa0, 0xe1, 0xae, 0x02, 0xc6, 0x01, 0x43, 0x00 };
	static const u8 want[ETH_ALEN] = { 0x55, 0x55, 0xae, 0x02, 0xc6, 0x01 };
	u8 mac[ETH_ALEN];

	flip_mc_mac(flip_addr_load(group), mac);
	KUNIT_EXPECT_EQ(test, 0, memcmp(mac, want, sizeof(want)));
}

/* ---- locate ----------------------------------------------------------------------------- */

/* LOCATEs until @limit ms have passed at a tick, and the time of that tick */
static unsigned int flip_kunit_run(struct flip_schedule *s, u32 limit, u32 *end)
{
	unsigned int n = 1;
	u32 t = s->interval;

	while (t < limit) {
		flip_schedule_next(s);
		n++;
		t += s->interval;
	}
	*end = t;
	return n;
}

static void flip_kunit_schedule(struct kunit *test)
{
	struct flip_schedule s;
	unsigned int i;
	u32 end;

	/* forced, capture 04c: 26 at 0, 100, 300, 700, 1500, 3100, over at 6300 */
	flip_schedule_start(&s, true, 3);
	KUNIT_EXPECT_EQ(test, 26, s.hops);
	KUNIT_EXPECT_EQ(test, 6, flip_kunit_run(&s, 5200, &end));
	KUNIT_EXPECT_EQ(test, 6300, end);
	KUNIT_EXPECT_EQ(test, 26, s.hops);

	/* ordinary, from 1 as the original: over at 5500; from 3 as we: two rounds less */
	flip_schedule_start(&s, false, 1);
	flip_kunit_run(&s, 5200, &end);
	KUNIT_EXPECT_EQ(test, 5500, end);
	flip_schedule_start(&s, false, 3);
	for (i = 3; i < 25; i++) {
		KUNIT_EXPECT_EQ(test, i, s.hops);
		KUNIT_EXPECT_EQ(test, 100, s.interval);
		flip_schedule_next(&s);
	}
	KUNIT_EXPECT_EQ(test, 25, s.hops);
	KUNIT_EXPECT_EQ(test, 100, s.interval);
	flip_schedule_next(&s);
	KUNIT_EXPECT_EQ(test, 25, s.hops);
	KUNIT_EXPECT_EQ(test, 200, s.interval);
	flip_schedule_start(&s, false, 3);
	flip_kunit_run(&s, 5200, &end);
	KUNIT_EXPECT_EQ(test, 5300, end);
	flip_kunit_run(&s, 24 * 3600 * 1000, &end);
	KUNIT_EXPECT_LE(test, s.interval, 12800);
}

/* ---- credits ---------------------------------------------------------------------------- */

static void flip_kunit_credit(struct kunit *test)
{
	unsigned int owed;
	bool excess;

	KUNIT_EXPECT_EQ(test, 6, flip_credit_add(0, 6, FLIP_CREDITS, &excess));
	KUNIT_EXPECT_FALSE(test, excess);
	KUNIT_EXPECT_EQ(test, 8, flip_credit_add(2, 6, FLIP_CREDITS, &excess));
	KUNIT_EXPECT_FALSE(test, excess);
	KUNIT_EXPECT_EQ(test, 8, flip_credit_add(3, 6, FLIP_CREDITS, &excess));
	KUNIT_EXPECT_TRUE(test, excess);
	KUNIT_EXPECT_EQ(test, 8, flip_credit_add(8, 255, FLIP_CREDITS, &excess));
	KUNIT_EXPECT_TRUE(test, excess);
	KUNIT_EXPECT_EQ(test, 8, flip_credit_add(0, 8, FLIP_CREDITS, &excess));
	KUNIT_EXPECT_FALSE(test, excess);
	KUNIT_EXPECT_EQ(test, 64, flip_credit_add(40, 24, FLIP_CREDITS_OURS, &excess));
	KUNIT_EXPECT_FALSE(test, excess);
	KUNIT_EXPECT_EQ(test, 64, flip_credit_add(41, 24, FLIP_CREDITS_OURS, &excess));
	KUNIT_EXPECT_TRUE(test, excess);
	owed = 3;
	KUNIT_EXPECT_EQ(test, 3, flip_credit_take(&owed));
	KUNIT_EXPECT_EQ(test, 0, owed);
	owed = 300;
	KUNIT_EXPECT_EQ(test, 127, flip_credit_take(&owed));
	KUNIT_EXPECT_EQ(test, 173, owed);
}

/* ---- loop cache ------------------------------------------------------------------------- */

static void flip_kunit_loop(struct kunit *test)
{
	struct flip_ns *ns = kunit_kzalloc(test, sizeof(*ns), GFP_KERNEL);
	unsigned int i, slot;

	KUNIT_ASSERT_NOT_NULL(test, ns);
	spin_lock_init(&ns->loop_lock);
	ns->seed = 12345;
	/* without a network nothing loops */
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(1), 1, 0));
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(1), 1, 0));
	ns->loops = kunit_kcalloc(test, FLIP_LOOP_ENTRIES, sizeof(*ns->loops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ns->loops);
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(1), 1, 0));
	KUNIT_EXPECT_TRUE(test, flip_loop_seen(ns, addr(1), 1, 0));
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(1), 1, 1458));
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(1), 2, 0));
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(2), 1, 0));
	/* all zero is an entry like any other */
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(0), 0, 0));
	KUNIT_EXPECT_TRUE(test, flip_loop_seen(ns, addr(0), 0, 0));
	/* one that is old counts no longer */
	slot = flip_loop_slot(addr(2), 1, 0, ns->seed);
	ns->loops[slot].when = jiffies - 11 * HZ;
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(2), 1, 0));
	/* a collision forgets the older */
	for (i = 3; flip_loop_slot(addr(2), i, 0, ns->seed) != slot; i++)
		;
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(2), i, 0));
	KUNIT_EXPECT_FALSE(test, flip_loop_seen(ns, addr(2), 1, 0));
}

/* ---- routes ----------------------------------------------------------------------------- */

static void flip_kunit_route(struct kunit *test)
{
	struct flip_network *n = kunit_kcalloc(test, 3, sizeof(*n), GFP_KERNEL);
	struct flip_neigh *neigh = kunit_kcalloc(test, 3, sizeof(*neigh), GFP_KERNEL);
	struct flip_loc *loc = kunit_kcalloc(test, 3, sizeof(*loc), GFP_KERNEL);
	struct flip_route r = {};
	enum flip_route_why why;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, n && neigh && loc);
	INIT_LIST_HEAD(&r.locs);
	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, NULL, flip_route_best(&r, NULL, 25, false, &why));
	KUNIT_EXPECT_EQ(test, FLIP_ROUTE_UNKNOWN, why);
	for (i = 0; i < 3; i++) {
		n[i].running = true;
		n[i].trusted = true;
		neigh[i].network = &n[i];
		loc[i].neigh = &neigh[i];
		loc[i].trusted = 1;
		loc[i].count = 1;
		list_add_tail(&loc[i].list, &r.locs);
	}
	loc[0].hops = 6;
	loc[1].hops = 3;
	loc[2].hops = 3;
	/* the nearest, the first of two; not the network it came from; within the budget */
	KUNIT_EXPECT_PTR_EQ(test, &loc[1], flip_route_best(&r, NULL, 25, false, &why));
	KUNIT_EXPECT_EQ(test, FLIP_ROUTE_OK, why);
	KUNIT_EXPECT_PTR_EQ(test, &loc[2], flip_route_best(&r, &n[1], 25, true, &why));
	n[2].dead = true;
	KUNIT_EXPECT_PTR_EQ(test, &loc[0], flip_route_best(&r, &n[1], 6, true, &why));
	KUNIT_EXPECT_PTR_EQ(test, NULL, flip_route_best(&r, &n[1], 5, true, &why));
	KUNIT_EXPECT_EQ(test, FLIP_ROUTE_TOOFAR, why);
	n[1].running = false;
	KUNIT_EXPECT_PTR_EQ(test, &loc[0], flip_route_best(&r, NULL, 25, false, &why));
	/* SECURITY: neither the network nor the way behind it may be untrusted */
	loc[0].trusted = 0;
	KUNIT_EXPECT_PTR_EQ(test, NULL, flip_route_best(&r, NULL, 25, true, &why));
	KUNIT_EXPECT_EQ(test, FLIP_ROUTE_UNSAFE, why);
	KUNIT_EXPECT_PTR_EQ(test, &loc[0], flip_route_best(&r, NULL, 25, false, &why));
	loc[0].trusted = 1;
	n[0].trusted = false;
	KUNIT_EXPECT_PTR_EQ(test, NULL, flip_route_best(&r, NULL, 25, true, &why));
	KUNIT_EXPECT_EQ(test, FLIP_ROUTE_UNSAFE, why);
	rcu_read_unlock();
}

/* ---- reassembly ------------------------------------------------------------------------- */

/* give @len bytes at @offset of a message of @total, each byte its own position */
static struct flip_msg *flip_kunit_give(struct kunit *test, struct flip_reass *r, u32 messid,
					u32 offset, u32 len, u32 total)
{
	struct flip_rx rx = {
		.dst = addr(7), .src = addr(9), .messid = messid, .length = len,
		.offset = offset, .total = total, .flags = FLIP_F_SECURITY,
	};
	struct sk_buff *skb = alloc_skb(len, GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	for (i = 0; i < len; i++)
		*(u8 *)skb_put(skb, 1) = offset + i;
	return flip_reass_add(r, skb, &rx);
}

static void flip_kunit_whole(struct kunit *test, struct flip_msg *m, u32 total)
{
	u8 *buf = kunit_kzalloc(test, total, GFP_KERNEL);
	struct iov_iter to;
	struct kvec vec = { buf, total };
	u32 i, wrong = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_EXPECT_EQ(test, total, m->rx.total);
	KUNIT_EXPECT_EQ(test, total, m->rx.length);
	iov_iter_kvec(&to, ITER_DEST, &vec, 1, total);
	KUNIT_EXPECT_EQ(test, (ssize_t)total, flip_msg_copy(m, 0, &to));
	for (i = 0; i < total; i++)
		wrong += buf[i] != (u8)i;
	KUNIT_EXPECT_EQ(test, 0, wrong);
	/* skipping, and into less room */
	vec.iov_len = 100;
	iov_iter_kvec(&to, ITER_DEST, &vec, 1, 100);
	KUNIT_EXPECT_EQ(test, (ssize_t)min(100U, total - 10), flip_msg_copy(m, 10, &to));
	KUNIT_EXPECT_EQ(test, 10, buf[0]);
	flip_msg_free(m);
}

static void flip_kunit_reass(struct kunit *test)
{
	struct flip_reass *r = flip_reass_create(&init_net, 10000, 3);
	struct flip_msg *m;
	unsigned int i;
	s64 before = atomic64_read(&flip_ns(&init_net)->reass_bytes);

	KUNIT_ASSERT_NOT_NULL(test, r);
	/* one packet; in order */
	flip_kunit_whole(test, flip_kunit_give(test, r, 1, 0, 50, 50), 50);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 0, 1458, 3000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 1458, 1458, 3000));
	flip_kunit_whole(test, flip_kunit_give(test, r, 2, 2916, 84, 3000), 3000);
	/* duplicates are ignored, a changed total too */
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 3, 0, 100, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 3, 0, 100, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 3, 100, 100, 301));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 3, 100, 100, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 3, 50, 100, 300));
	flip_kunit_whole(test, flip_kunit_give(test, r, 3, 200, 100, 300), 300);
	/* a little disorder is put right: 3 1 4 0 2 and the last */
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 300, 100, 600));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 100, 100, 600));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 400, 100, 600));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 400, 100, 600));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 0, 100, 600));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 500, 100, 600));
	flip_kunit_whole(test, flip_kunit_give(test, r, 4, 200, 100, 600), 600);
	/* a gap that stays: one early packet too many ends it, and what follows is no new message */
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 5, 0, 100, 10000));
	for (i = 2; i < FLIP_REASS_EARLY + 4; i++)
		KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 5, i * 100, 100, 10000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 5, 100, 100, 10000));
	flip_reass_destroy(r);
	KUNIT_EXPECT_EQ(test, before, atomic64_read(&flip_ns(&init_net)->reass_bytes));

	/* larger than the limit: one at a time if allowed, charged until it is freed */
	r = flip_reass_create(&init_net, 1000, 3);
	KUNIT_ASSERT_NOT_NULL(test, r);
	flip_reass_big(r, true);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 30, 0, 1000, 2000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 31, 0, 1000, 2000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 32, 0, 500, 1000));
	m = flip_kunit_give(test, r, 30, 1000, 1000, 2000);
	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_EXPECT_GT(test, m->charge, 2000);
	KUNIT_EXPECT_GE(test, (u64)atomic64_read(&flip_ns(&init_net)->reass_bytes),
			before + m->charge);
	flip_msg_free(m);
	/* complete is not yet read: no other begins until its reader says so */
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 34, 0, 1000, 2000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 34, 1000, 1000, 2000));
	flip_reass_big_done(r);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 35, 0, 1000, 2000));
	m = flip_kunit_give(test, r, 35, 1000, 1000, 2000);
	KUNIT_EXPECT_NOT_NULL(test, m);
	flip_msg_free(m);
	flip_reass_big_done(r);
	/* one that becomes large with what its packets take besides, 900 bytes in three of them */
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 36, 0, 300, 900));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 36, 300, 300, 900));
	m = flip_kunit_give(test, r, 36, 600, 300, 900);
	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_EXPECT_GT(test, m->charge, 1000);
	flip_msg_free(m);
	flip_reass_big_done(r);
	flip_reass_big(r, false);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 33, 0, 1000, 2000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 33, 1000, 1000, 2000));
	m = flip_kunit_give(test, r, 32, 500, 500, 1000);
	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_EXPECT_EQ(test, m->charge, 0);
	flip_msg_free(m);
	flip_reass_destroy(r);
	KUNIT_EXPECT_EQ(test, before, atomic64_read(&flip_ns(&init_net)->reass_bytes));

	/* the bounds: number, bytes, bytes announced */
	r = flip_reass_create(&init_net, 10000, 3);
	KUNIT_ASSERT_NOT_NULL(test, r);
	for (i = 10; i < 14; i++)
		KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, i, 0, 100, 300));
	m = flip_kunit_give(test, r, 13, 100, 200, 300);
	KUNIT_EXPECT_NULL(test, m);
	/* those that stand still make room, the stillest first: 10 for 14, not 11 and 12 */
	msleep(FLIP_REASS_STILL_MS + 100);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 11, 100, 100, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 12, 100, 100, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 14, 0, 100, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 10, 100, 100, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 10, 200, 100, 300));
	flip_kunit_whole(test, flip_kunit_give(test, r, 11, 200, 100, 300), 300);
	flip_kunit_whole(test, flip_kunit_give(test, r, 12, 200, 100, 300), 300);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 20, 0, 100, 10001));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 20, 100, 9901, 10001));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 21, 0, 5000, 10000));
	/* 100 bytes of another are there already */
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 21, 5000, 5000, 10000));
	flip_reass_destroy(r);
	KUNIT_EXPECT_EQ(test, before, atomic64_read(&flip_ns(&init_net)->reass_bytes));
}

/* ---- reassembly that asks --------------------------------------------------------------- */

struct flip_kunit_asked {
	bool			may;
	unsigned int		mays;
	unsigned int		times;
	unsigned int		n;
	u32			messid;
	struct flip_range	missing[FLIP_REASS_ASK];
};

static bool flip_kunit_may(void *priv, const struct sk_buff *skb, const struct flip_rx *rx)
{
	struct flip_kunit_asked *a = priv;

	a->mays++;
	return a->may;
}

static void flip_kunit_ask(void *priv, const struct flip_rx *rx, const struct flip_range *missing,
			   unsigned int n)
{
	struct flip_kunit_asked *a = priv;

	memcpy(a->missing, missing, n * sizeof(*missing));
	a->n = n;
	a->messid = rx->messid;
	WRITE_ONCE(a->times, a->times + 1);
}

static const struct flip_reass_ask flip_kunit_ask_ops = {
	.may	= flip_kunit_may,
	.ask	= flip_kunit_ask,
};

/* wait until it has been asked @times times */
static void flip_kunit_await(struct flip_kunit_asked *a, unsigned int times)
{
	unsigned int i;

	for (i = 0; i < 500 && READ_ONCE(a->times) < times; i++)
		msleep(10);
}

static void flip_kunit_reass_ask(struct kunit *test)
{
	s64 before = atomic64_read(&flip_ns(&init_net)->reass_bytes);
	struct flip_reass *r = flip_reass_create(&init_net, 1 << 20, 8);
	struct flip_kunit_asked *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);
	unsigned int i, was;
	unsigned long start;
	struct flip_msg *m;

	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_NOT_NULL(test, a);
	/* no assertions from here on: @r must not outlive @a */
	KUNIT_EXPECT_EQ(test, 0, flip_reass_asks(r, &flip_kunit_ask_ops, a));

	/* who cannot be asked is treated as ever; asked about once, and once more for the first byte */
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 1, 100, 100, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 1, 0, 100, 300));
	KUNIT_EXPECT_EQ(test, 2, a->mays);
	msleep(4 * FLIP_REASS_ASK_MS);
	KUNIT_EXPECT_EQ(test, 0, READ_ONCE(a->times));
	flip_kunit_whole(test, flip_kunit_give(test, r, 1, 200, 100, 300), 300);

	/* 500 packets of which every seventh is missing, the first and the last three, too */
	a->may = true;
	start = jiffies;
	for (i = 0; i < 497; i++)
		if (i % 7)
			KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, i * 100, 100, 50000));
	/* unless the machine has stood still meanwhile, which is a gap like any other */
	was = READ_ONCE(a->times);
	if (time_before(jiffies, start + msecs_to_jiffies(FLIP_REASS_ASK_MS)))
		KUNIT_EXPECT_EQ(test, 0, was);
	flip_kunit_await(a, was + 1);
	KUNIT_EXPECT_EQ(test, 72, a->n);
	KUNIT_EXPECT_EQ(test, 2, a->messid);
	for (i = 0; i < 71; i++) {
		KUNIT_EXPECT_EQ(test, i * 700, a->missing[i].from);
		KUNIT_EXPECT_EQ(test, i * 700 + 100, a->missing[i].to);
	}
	KUNIT_EXPECT_EQ(test, 49700, a->missing[71].from);
	KUNIT_EXPECT_EQ(test, 50000, a->missing[71].to);
	/* in vain, so again; then some of it comes, in pieces, twice, and with too much of it */
	flip_kunit_await(a, was + 2);
	KUNIT_EXPECT_EQ(test, 72, a->n);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 49900, 100, 50000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 700, 30, 50000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 750, 50, 50000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 750, 50, 50000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 740, 50, 50000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 1400, 101, 50000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 1399, 101, 50000));
	was = READ_ONCE(a->times);
	flip_kunit_await(a, was + 1);
	KUNIT_EXPECT_EQ(test, 72, a->n);
	KUNIT_EXPECT_EQ(test, 730, a->missing[1].from);
	KUNIT_EXPECT_EQ(test, 750, a->missing[1].to);
	KUNIT_EXPECT_EQ(test, 1400, a->missing[2].from);
	KUNIT_EXPECT_EQ(test, 1500, a->missing[2].to);
	KUNIT_EXPECT_EQ(test, 49700, a->missing[71].from);
	KUNIT_EXPECT_EQ(test, 49900, a->missing[71].to);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 730, 20, 50000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 49700, 200, 50000));
	for (i = 70; i > 1; i--)
		KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, i * 700, 100, 50000));
	m = flip_kunit_give(test, r, 2, 0, 100, 50000);
	flip_kunit_whole(test, m, 50000);

	/* late copies of it are no message of their own, and nobody asks */
	was = READ_ONCE(a->times);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 0, 100, 50000));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 2, 100, 100, 50000));
	msleep(6 * FLIP_REASS_ASK_MS);
	KUNIT_EXPECT_EQ(test, was, READ_ONCE(a->times));

	/* a first packet that is not of it does not make its sender one to be asked */
	a->may = false;
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 100, 100, 300));
	a->may = true;
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 0, 100, 400));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 0, 150, 300));
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 5, 0, 100, 300));
	flip_kunit_await(a, was + 1);
	msleep(FLIP_REASS_ASK_MS);
	KUNIT_EXPECT_LE(test, READ_ONCE(a->times), was + 8);
	flip_kunit_whole(test, flip_kunit_give(test, r, 5, 100, 200, 300), 300);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 4, 0, 100, 300));
	flip_kunit_whole(test, flip_kunit_give(test, r, 4, 200, 100, 300), 300);

	/* more is missing than one question holds: in order, the rest another time */
	for (i = 1; i < 400; i += 2)
		KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 3, i * 100, 100, 40000));
	was = READ_ONCE(a->times);
	flip_kunit_await(a, was + 1);
	KUNIT_EXPECT_EQ(test, FLIP_REASS_ASK, a->n);
	KUNIT_EXPECT_EQ(test, (FLIP_REASS_ASK - 1) * 200, a->missing[FLIP_REASS_ASK - 1].from);

	/* who has been told to be quiet is */
	flip_reass_mute(r);
	was = READ_ONCE(a->times);
	KUNIT_EXPECT_NULL(test, flip_kunit_give(test, r, 3, 0, 100, 40000));
	msleep(6 * FLIP_REASS_ASK_MS);
	KUNIT_EXPECT_EQ(test, was, READ_ONCE(a->times));
	flip_reass_destroy(r);
	KUNIT_EXPECT_EQ(test, before, atomic64_read(&flip_ns(&init_net)->reass_bytes));
}

/* ---- endpoints -------------------------------------------------------------------------- */

struct flip_kunit_ep {
	struct flip_ep	*ep;
	unsigned int	received, undelivered, depth, deepest, right;
	u32		last;
	bool		answer;
};

static void flip_kunit_receive(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx)
{
	struct flip_kunit_ep *k = flip_ep_priv(ep);
	struct flip_send how = { .dst = rx->src };
	u32 left = *(u32 *)skb->data;

	k->received++;
	k->last = left;
	k->deepest = max(k->deepest, ++k->depth);
	if (k->answer && left) {
		struct sk_buff *out = alloc_skb(FLIP_HEADROOM + 64, GFP_ATOMIC);

		if (out) {
			skb_reserve(out, FLIP_HEADROOM);
			*(u32 *)skb_put(out, 4) = left - 1;
			flip_send_skb(ep, out, &how);
		}
	}
	k->depth--;
	kfree_skb(skb);
}

static void flip_kunit_undelivered(struct flip_ep *ep, struct sk_buff *skb,
				   const struct flip_rx *rx, enum flip_undeliv why)
{
	struct flip_kunit_ep *k = flip_ep_priv(ep);

	k->undelivered++;
	kfree_skb(skb);
}

static const struct flip_ep_ops flip_kunit_ops = {
	.receive	= flip_kunit_receive,
	.undelivered	= flip_kunit_undelivered,
};

static int flip_kunit_send(struct flip_ep *ep, struct flip_send *how, u32 value)
{
	struct sk_buff *skb = alloc_skb(FLIP_HEADROOM + 64, GFP_KERNEL);

	if (!skb)
		return -ENOMEM;
	skb_reserve(skb, FLIP_HEADROOM);
	*(u32 *)skb_put(skb, 4) = value;
	return flip_send_skb(ep, skb, how);
}

static void flip_kunit_endpoints(struct kunit *test)
{
	static const u8 priv[8] = { 1, 2, 3, 4, 5, 6, 7, 0 };
	static const u8 pub[8] = { 0xd7, 0x0d, 0x52, 0xd1, 0xb9, 0xd0, 0x19, 0x00 };
	struct flip_kunit_ep *k = kunit_kcalloc(test, 3, sizeof(*k), GFP_KERNEL);
	struct flip_send how = {};
	unsigned int i;
	u8 b[8];

	KUNIT_ASSERT_NOT_NULL(test, k);
	for (i = 0; i < 3; i++) {
		k[i].ep = flip_ep_create(&init_net, i ? FLIP_ADDR_NULL : flip_addr_load(priv),
					 &flip_kunit_ops, THIS_MODULE, &k[i]);
		KUNIT_ASSERT_FALSE(test, IS_ERR(k[i].ep));
	}
	KUNIT_EXPECT_TRUE(test, flip_ep_addr(k[0].ep) == flip_addr_load(pub));
	KUNIT_EXPECT_TRUE(test, flip_ep_addr(k[1].ep) != flip_ep_addr(k[2].ep));
	flip_addr_store(b, flip_ep_addr(k[1].ep));
	KUNIT_EXPECT_EQ(test, 0, b[7]);
	KUNIT_EXPECT_EQ(test, 0, flip_route_distance(&init_net, flip_ep_addr(k[1].ep)));

	/* delivered before the call returns; message ids count from 0 */
	how.dst = flip_ep_addr(k[1].ep);
	KUNIT_EXPECT_EQ(test, 0, flip_kunit_send(k[0].ep, &how, 5));
	KUNIT_EXPECT_EQ(test, 0, how.messid);
	KUNIT_EXPECT_EQ(test, 1, k[1].received);
	KUNIT_EXPECT_EQ(test, 0, flip_kunit_send(k[0].ep, &how, 6));
	KUNIT_EXPECT_EQ(test, 1, how.messid);

	/* two who answer each other: no upcall within an upcall, all done at the end */
	k[0].answer = true;
	k[1].answer = true;
	KUNIT_EXPECT_EQ(test, 0, flip_kunit_send(k[0].ep, &how, 100));
	KUNIT_EXPECT_EQ(test, 50, k[0].received);
	KUNIT_EXPECT_EQ(test, 2 + 51, k[1].received);
	KUNIT_EXPECT_EQ(test, 1, k[0].deepest);
	KUNIT_EXPECT_EQ(test, 1, k[1].deepest);
	/* more rounds than one goes: a worker finishes */
	KUNIT_EXPECT_EQ(test, 0, flip_kunit_send(k[0].ep, &how, 1000));
	flip_local_flush();
	KUNIT_EXPECT_EQ(test, 2 + 51 + 501, k[1].received);

	/* nobody there: at once with no time to look, otherwise told later, or not after the end */
	how.dst = addr(0x1122334455667788ULL);
	KUNIT_EXPECT_EQ(test, -EHOSTUNREACH, flip_kunit_send(k[0].ep, &how, 1));
	KUNIT_EXPECT_EQ(test, -EHOSTUNREACH, flip_route_distance(&init_net, how.dst));
	how.ltime_ms = 50;
	KUNIT_EXPECT_EQ(test, 0, flip_kunit_send(k[0].ep, &how, 1));
	KUNIT_EXPECT_EQ(test, 0, flip_kunit_send(k[2].ep, &how, 1));
	flip_ep_destroy(k[2].ep);
	msleep(300);
	KUNIT_EXPECT_EQ(test, 1, k[0].undelivered);
	KUNIT_EXPECT_EQ(test, 0, k[2].undelivered);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&flip_ns(&init_net)->n_locates));
	flip_ep_destroy(k[0].ep);
	flip_ep_destroy(k[1].ep);
}

/* parts of a message, within the namespace */
static void flip_kunit_part(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx)
{
	struct flip_kunit_ep *k = flip_ep_priv(ep);

	k->received++;
	k->last = rx->offset;
	k->right = 0;
	for (u32 i = 0; i < skb->len; i++) {
		u8 byte;

		skb_copy_bits(skb, i, &byte, 1);
		k->right += byte == (u8)(rx->offset + i);
	}
	if (skb->len != rx->length)
		k->right = 0;
	kfree_skb(skb);
}

static const struct flip_ep_ops flip_kunit_part_ops = {
	.receive	= flip_kunit_part,
	.undelivered	= flip_kunit_undelivered,
};

static void flip_kunit_parts(struct kunit *test)
{
	static const struct { u32 from, to; int err; } parts[] = {
		{ 0, 1 }, { 0, 88 }, { 10, 20 }, { 40, 200 }, { 87, 88 }, { 88, 89 }, { 89, 300 },
		{ 0, 300 }, { 7, 7, -EINVAL }, { 8, 7, -EINVAL }, { 7, 301, -EINVAL },
	};
	struct flip_kunit_ep *k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);
	u8 *message = kunit_kmalloc(test, 300, GFP_KERNEL);
	struct kvec vec = { message + 88, 300 - 88 };
	struct flip_send how = {};
	struct iov_iter data;
	unsigned int i;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, k);
	KUNIT_ASSERT_NOT_NULL(test, message);
	for (i = 0; i < 300; i++)
		message[i] = i;
	k->ep = flip_ep_create(&init_net, FLIP_ADDR_NULL, &flip_kunit_part_ops, THIS_MODULE, k);
	KUNIT_ASSERT_FALSE(test, IS_ERR(k->ep));
	how.dst = flip_ep_addr(k->ep);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		iov_iter_kvec(&data, ITER_SOURCE, &vec, 1, vec.iov_len);
		how.from = parts[i].from;
		how.to = parts[i].to;
		k->received = 0;
		err = flip_send_msg(k->ep, message, 88, &data, &how, MAX_SCHEDULE_TIMEOUT);
		KUNIT_EXPECT_EQ_MSG(test, parts[i].err, err, "%u to %u", how.from, how.to);
		KUNIT_EXPECT_EQ(test, !err, k->received);
		if (err)
			continue;
		KUNIT_EXPECT_EQ(test, parts[i].from, k->last);
		KUNIT_EXPECT_EQ_MSG(test, how.to - how.from, k->right, "bytes of %u to %u",
				    how.from, how.to);
	}
	flip_ep_destroy(k->ep);
}

/* who waits for an address to be found is told to stop */
struct flip_kunit_stop {
	struct timer_list	timer;
	struct task_struct	*task;
	bool			now;
};

static void flip_kunit_stop_now(struct timer_list *t)
{
	struct flip_kunit_stop *s = timer_container_of(s, t, timer);

	WRITE_ONCE(s->now, true);
	wake_up_process(s->task);
}

static bool flip_kunit_stopped(void *priv)
{
	struct flip_kunit_stop *s = priv;

	return READ_ONCE(s->now);
}

static void flip_kunit_stops(struct kunit *test)
{
	struct flip_kunit_stop *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct flip_kunit_ep *k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);
	struct flip_send how = {
		.dst = addr(0x1122334455667788ULL), .ltime_ms = 20000, .stop = flip_kunit_stopped,
	};
	unsigned long begun;
	u8 hdr[4] = {};

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_NOT_NULL(test, k);
	k->ep = flip_ep_create(&init_net, FLIP_ADDR_NULL, &flip_kunit_ops, THIS_MODULE, k);
	KUNIT_ASSERT_FALSE(test, IS_ERR(k->ep));
	how.priv = s;
	s->task = current;
	timer_setup(&s->timer, flip_kunit_stop_now, 0);
	mod_timer(&s->timer, jiffies + msecs_to_jiffies(50));
	begun = jiffies;
	KUNIT_EXPECT_EQ(test, -ECANCELED,
			flip_send_msg(k->ep, hdr, sizeof(hdr), NULL, &how, MAX_SCHEDULE_TIMEOUT));
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, begun + 5 * HZ));
	/* and does not begin to wait */
	KUNIT_EXPECT_EQ(test, -ECANCELED,
			flip_send_msg(k->ep, hdr, sizeof(hdr), NULL, &how, MAX_SCHEDULE_TIMEOUT));
	how.stop = NULL;
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, flip_send_msg(k->ep, hdr, sizeof(hdr), NULL, &how, HZ / 20));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&flip_ns(&init_net)->n_locates));
	timer_shutdown_sync(&s->timer);
	flip_ep_destroy(k->ep);
}

/* ---- UDP overlays ----------------------------------------------------------------------- */

static void flip_kunit_udp(struct kunit *test)
{
	static const u8 want[] = { 0x01, 0x06, 0x00, 0xbf };
	u8 hdr[FLIP_UDP_HDR_LEN], fc[FLIP_FC_LEN + FLIP_HDR_LEN + 100] = {};
	struct flip_hdr h = { .type = FLIP_UNIDATA, .length = 60, .total = 60 };
	u8 type, count;

	flip_udp_hdr_put(hdr, FLIP_FC_ABSCREDIT, 0xbf);
	KUNIT_EXPECT_EQ(test, 0, memcmp(hdr, want, sizeof(want)));
	KUNIT_EXPECT_TRUE(test, flip_udp_hdr_get(hdr, &type, &count));
	KUNIT_EXPECT_EQ(test, FLIP_FC_ABSCREDIT, type);
	KUNIT_EXPECT_EQ(test, 0xbf, count);
	hdr[2] = 1;
	KUNIT_EXPECT_FALSE(test, flip_udp_hdr_get(hdr, &type, &count));
	hdr[2] = 0;
	hdr[0] = 2;
	KUNIT_EXPECT_FALSE(test, flip_udp_hdr_get(hdr, &type, &count));

	/* IP, UDP, our four bytes, FLIP header and payload fill the path */
	KUNIT_EXPECT_EQ(test, 1500 - 20 - 8 - 4 - 40, flip_payload(flip_udp_mtu(1500, false)));
	KUNIT_EXPECT_EQ(test, 1500 - 40 - 8 - 4 - 40, flip_payload(flip_udp_mtu(1500, true)));
	KUNIT_EXPECT_EQ(test, 65505, flip_udp_mtu(~0U, false));
	KUNIT_EXPECT_LE(test, FLIP_MTU_MIN, flip_udp_mtu(0, true));

	/* padding is not sent, and nothing that is not there */
	fc[0] = FLIP_FC_DATA;
	flip_hdr_put(fc + FLIP_FC_LEN, &h);
	KUNIT_EXPECT_EQ(test, 102, flip_udp_frame_len(fc, sizeof(fc)));
	KUNIT_EXPECT_EQ(test, 102, flip_udp_frame_len(fc, 102));
	KUNIT_EXPECT_EQ(test, 0, flip_udp_frame_len(fc, 101));
	KUNIT_EXPECT_EQ(test, 0, flip_udp_frame_len(fc, 41));
	KUNIT_EXPECT_EQ(test, 0, flip_udp_frame_len(fc, 1));
	h.length = ~0U;
	flip_hdr_put(fc + FLIP_FC_LEN, &h);
	KUNIT_EXPECT_EQ(test, 0, flip_udp_frame_len(fc, sizeof(fc)));
	/* what stands beside credits, if anything does */
	fc[0] = FLIP_FC_CREDIT;
	KUNIT_EXPECT_EQ(test, 6, flip_udp_frame_len(fc, 46));
	KUNIT_EXPECT_EQ(test, 2, flip_udp_frame_len(fc, 5));
	memset(fc + FLIP_FC_LEN, 0, sizeof(__le32));
	KUNIT_EXPECT_EQ(test, 2, flip_udp_frame_len(fc, 46));
	fc[0] = FLIP_FC_MCREQ;
	KUNIT_EXPECT_EQ(test, 18, flip_udp_frame_len(fc, 46));
	KUNIT_EXPECT_EQ(test, 0, flip_udp_frame_len(fc, 17));
}

static struct kunit_case flip_kunit_cases[] = {
	KUNIT_CASE(flip_kunit_header),
	KUNIT_CASE(flip_kunit_bounds),
	KUNIT_CASE(flip_kunit_fragments),
	KUNIT_CASE(flip_kunit_group_mac),
	KUNIT_CASE(flip_kunit_schedule),
	KUNIT_CASE(flip_kunit_credit),
	KUNIT_CASE(flip_kunit_loop),
	KUNIT_CASE(flip_kunit_route),
	KUNIT_CASE(flip_kunit_reass),
	KUNIT_CASE(flip_kunit_reass_ask),
	KUNIT_CASE(flip_kunit_endpoints),
	KUNIT_CASE(flip_kunit_parts),
	KUNIT_CASE(flip_kunit_stops),
	KUNIT_CASE(flip_kunit_udp),
	{}
};

static struct kunit_suite flip_kunit_suite = {
	.name		= "flip",
	.test_cases	= flip_kunit_cases,
};
kunit_test_suite(flip_kunit_suite);

COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_DESCRIPTION("KUnit tests of FLIP");
MODULE_LICENSE("GPL");
