// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loop cache: which LOCATEs and broadcasts have been here.
 *
 * A direct-mapped table as in the original (facts 1.5): a collision forgets the older entry,
 * which costs at most a round more, bounded by the hop budget. An entry counts for ten seconds,
 * since a machine that has come back may start its message ids anew.
 */
#include <kunit/visibility.h>
#include "flip_int.h"

#define FLIP_LOOP_LIFE	(10 * HZ)

unsigned int flip_loop_slot(flip_addr_t src, u32 messid, u32 offset, u32 seed)
{
	return jhash_2words(flip_addr_hash(src, seed), messid ^ rol32(offset, 16), seed) %
	       FLIP_LOOP_ENTRIES;
}
EXPORT_SYMBOL_IF_KUNIT(flip_loop_slot);

/* has this packet been seen? It has from now on. Nothing loops without a network */
bool flip_loop_seen(struct flip_ns *ns, flip_addr_t src, u32 messid, u32 offset)
{
	struct flip_loop *l = READ_ONCE(ns->loops);
	unsigned long now = jiffies;
	bool seen;

	if (!l)
		return false;
	l += flip_loop_slot(src, messid, offset, ns->seed);
	spin_lock_bh(&ns->loop_lock);
	seen = l->when && l->src == src && l->messid == messid && l->offset == offset &&
	       time_before(now, l->when + FLIP_LOOP_LIFE);
	if (!seen) {
		l->src = src;
		l->messid = messid;
		l->offset = offset;
		l->when = now ?: 1;
	}
	spin_unlock_bh(&ns->loop_lock);
	return seen;
}
EXPORT_SYMBOL_IF_KUNIT(flip_loop_seen);
