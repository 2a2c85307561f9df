// SPDX-License-Identifier: GPL-2.0-only
/*
 * At most once: what client kernels have had executed here, and which of their requests were
 * refused for good.
 *
 * DESIGN NOTES
 *
 * A request is named by (kid, tid): a kernel incarnation's random id and its transaction counter.
 * For each kid a window of AMRPC_ONCE_WINDOW bits below the highest tid executed says which were;
 * what lies below the window counts as executed. A tid is marked when a request is accepted,
 * before any thread can see it, and unmarked only when it is given back unexecuted, together
 * with a refusal.
 *
 * A refusal (NAK) tells the client that the copy it answers will never be executed, so that it may
 * try another server. A late duplicate of that copy must then be dropped: each refusal is
 * remembered with the FLIP message id it answers, and requests of that tid with the same or an
 * older id are refused silently. RECEIVED answered by NAK counts alike, since its id is younger
 * than that of every copy sent before it. Where a refusal cannot be remembered it is not given:
 * the message is dropped and the client asks again. That goes for a kernel there is no room for,
 * too: once there is, a duplicate of what was refused would be executed.
 *
 * How long must it be remembered? The longest time between a client's first copy of a REQUEST
 * and the last moment another copy of it can still arrive:
 *   AMRPC_TRIES probes of at most AMRPC_RTT_MAX + AMRPC_RECEIVED_EXTRA ms	 20 s
 *   FLIP locates in between, ltime 5200 ms each, rounded up by the doubling	 13 s
 *   waiting for credits, 5 tries of 2 s per copy, two copies			 20 s
 *   the original's queues and reassembly, twice 4 s				  8 s
 *   25 hops of store and forward at 1 s, more than any queue holds		 25 s
 * That is 86 s; AMRPC_ONCE_HOLD doubles it for clocks that drift and machines that pause.
 *
 * Locking: kids_lock guards the LRU and insertion; k->lock guards one kid and makes check and
 * mark one step. Look-up is RCU. A kid is never freed within AMRPC_ONCE_HOLD of its last use:
 * whoever finds one stamps it and looks whether it is being evicted, the evictor says so and looks
 * at the stamp, each with a barrier in between; so one of the two notices the other.
 */
#include <kunit/visibility.h>
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "rpc.h"
#include "rpc_hash.h"

#define AMRPC_ONCE_HOLD		(172 * HZ)
#define AMRPC_ONCE_LEAP		(1U << 20)	/* and a million a second on top */

static const struct rhashtable_params kid_params = {
	.key_len	= sizeof(u64),
	.key_offset	= offsetof(struct amrpc_kid, kid),
	.head_offset	= offsetof(struct amrpc_kid, node),
	.hashfn		= amrpc_key_hash,
	.obj_cmpfn	= amrpc_key_cmp,
	.automatic_shrinking = true,
};

static bool unused(const struct amrpc_kid *k)
{
	return time_after(jiffies, READ_ONCE(k->last) + AMRPC_ONCE_HOLD);
}

/* the oldest, when it is old enough to go; kids_lock held */
static struct amrpc_kid *evict_one(struct amrpc_net *an)
{
	struct amrpc_kid *k;

	lockdep_assert_held(&an->kids_lock);
	/* the LRU is in order of insertion, uses are only stamped: give the used ones a turn */
	for (unsigned int i = 0; i < 16; i++) {
		k = list_first_entry_or_null(&an->kids_lru, struct amrpc_kid, lru);
		if (!k)
			return NULL;
		if (unused(k)) {
			WRITE_ONCE(k->gone, true);
			smp_mb();	/* before the stamp is read again: amrpc_once_get() */
			if (unused(k)) {
				list_del(&k->lru);
				rhashtable_remove_fast(&an->kids, &k->node, kid_params);
				an->nr_kids--;
				return k;
			}
			WRITE_ONCE(k->gone, false);
		}
		list_move_tail(&k->lru, &an->kids_lru);
	}
	return NULL;
}

/**
 * amrpc_once_get() - the entry of a client kernel, made when it is new
 * @an: namespace
 * @kid: kernel id, wire bytes
 *
 * Context: under rcu_read_lock(), bottom halves off. Return: entry, which the caller locks,
 * or NULL: no memory, or the table is full of kernels still within AMRPC_ONCE_HOLD.
 */
struct amrpc_kid *amrpc_once_get(struct amrpc_net *an, u64 kid)
{
	struct amrpc_kid *k, *old, *gone;

again:
	gone = NULL;
	k = rhashtable_lookup_fast(&an->kids, &kid, kid_params);
	if (likely(k))
		goto found;

	k = kzalloc(sizeof(*k), GFP_ATOMIC | __GFP_NOWARN);
	if (!k) {
		amrpc_count(an, DROP_NOMEM);
		return NULL;
	}
	k->kid = kid;
	k->last = jiffies;
	spin_lock_init(&k->lock);

	spin_lock(&an->kids_lock);
	if (an->nr_kids >= AMRPC_ONCE_KIDS) {
		gone = evict_one(an);
		if (!gone) {
			spin_unlock(&an->kids_lock);
			kfree(k);
			amrpc_count(an, DROP_KIDS);
			return NULL;
		}
	}
	old = rhashtable_lookup_get_insert_fast(&an->kids, &k->node, kid_params);
	if (old) {
		spin_unlock(&an->kids_lock);
		kfree(k);
		if (gone)
			kfree_rcu(gone, rcu);
		if (IS_ERR(old))
			return NULL;
		k = old;
		goto found;
	}
	list_add_tail(&k->lru, &an->kids_lru);
	an->nr_kids++;
	spin_unlock(&an->kids_lock);
	if (gone)
		kfree_rcu(gone, rcu);
found:
	WRITE_ONCE(k->last, jiffies);
	smp_mb();	/* the stamp before looking whether it came too late: evict_one() */
	if (unlikely(READ_ONCE(k->gone))) {
		cpu_relax();
		goto again;
	}
	return k;
}

/**
 * amrpc_once_executed() - has this transaction been accepted before?
 * @k: entry, locked
 * @tid: transaction
 */
bool amrpc_once_executed(struct amrpc_kid *k, u32 tid)
{
	s32 d = (s32)(tid - k->top);

	lockdep_assert_held(&k->lock);
	if (!k->any || d > 0)
		return false;
	if (d <= -AMRPC_ONCE_WINDOW)
		return true;
	return test_bit(tid % AMRPC_ONCE_WINDOW, k->done);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_once_executed);

static struct amrpc_nak *find_nak(struct amrpc_kid *k, u32 tid)
{
	for (unsigned int i = 0; i < k->nr_naks; i++)
		if (k->naks[i].used && k->naks[i].tid == tid)
			return &k->naks[i];
	return NULL;
}

/*
 * How far the counter of a kernel can have come since its last transaction here. A header read in
 * the wrong byte order, or a forged one, would else move the window away from the real ones.
 */
static u64 once_leap(const struct amrpc_kid *k)
{
	return AMRPC_ONCE_LEAP + 1000ULL * jiffies_to_msecs(jiffies - k->top_when);
}

/**
 * amrpc_once_check() - may this copy of a request be executed?
 * @k: entry, locked
 * @tid: transaction
 * @messid: FLIP message id of the copy
 */
enum amrpc_once amrpc_once_check(struct amrpc_kid *k, u32 tid, u32 messid)
{
	struct amrpc_nak *n;

	lockdep_assert_held(&k->lock);
	if (amrpc_once_executed(k, tid))
		return AMRPC_ONCE_DONE;
	n = find_nak(k, tid);
	if (n && (s32)(messid - n->messid) <= 0)
		return AMRPC_ONCE_REFUSED;
	if (k->any && (s32)(tid - k->top) > 0 && tid - k->top > once_leap(k))
		return AMRPC_ONCE_ODD;
	return AMRPC_ONCE_NEW;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_once_check);

/* the request is accepted: from now on it counts as executed; locked */
void amrpc_once_mark(struct amrpc_kid *k, u32 tid)
{
	lockdep_assert_held(&k->lock);
	if (!k->any) {
		k->any = true;
		k->top = tid;
		bitmap_zero(k->done, AMRPC_ONCE_WINDOW);
	} else if ((s32)(tid - k->top) > 0) {
		u32 n = tid - k->top;

		if (n >= AMRPC_ONCE_WINDOW) {
			bitmap_zero(k->done, AMRPC_ONCE_WINDOW);
		} else {
			for (u32 t = k->top + 1; t != tid; t++)
				__clear_bit(t % AMRPC_ONCE_WINDOW, k->done);
		}
		k->top = tid;
	}
	if (k->top == tid)
		k->top_when = jiffies;
	__set_bit(tid % AMRPC_ONCE_WINDOW, k->done);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_once_mark);

/* given back unexecuted; the caller refuses it in the same breath; locked */
void amrpc_once_unmark(struct amrpc_kid *k, u32 tid)
{
	lockdep_assert_held(&k->lock);
	if (k->any && (s32)(tid - k->top) > -AMRPC_ONCE_WINDOW && (s32)(tid - k->top) <= 0)
		__clear_bit(tid % AMRPC_ONCE_WINDOW, k->done);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_once_unmark);

/**
 * amrpc_once_refuse() - remember that all copies up to @messid are refused for good
 * @k: entry, locked
 * @tid: transaction
 * @messid: FLIP message id answered
 *
 * Return: true when it is remembered and the NAK may be sent.
 */
bool amrpc_once_refuse(struct amrpc_kid *k, u32 tid, u32 messid)
{
	struct amrpc_nak *n = find_nak(k, tid), *free = NULL;

	lockdep_assert_held(&k->lock);
	if (!n) {
		for (unsigned int i = 0; i < AMRPC_ONCE_NAKS && !free; i++) {
			n = &k->naks[i];
			if (!n->used || time_after(jiffies, n->when + AMRPC_ONCE_HOLD) ||
			    amrpc_once_executed(k, n->tid))
				free = n;
		}
		if (!free)
			return false;
		n = free;
		k->nr_naks = max_t(unsigned int, k->nr_naks, n - k->naks + 1);
		n->used = true;
		n->tid = tid;
		n->messid = messid;
	} else if ((s32)(messid - n->messid) > 0) {
		n->messid = messid;
	}
	n->when = jiffies;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_once_refuse);

int amrpc_once_init(struct amrpc_net *an)
{
	spin_lock_init(&an->kids_lock);
	INIT_LIST_HEAD(&an->kids_lru);
	return rhashtable_init(&an->kids, &kid_params);
}

static void free_kid(void *ptr, void *arg)
{
	kfree(ptr);
}

void amrpc_once_exit(struct amrpc_net *an)
{
	rhashtable_free_and_destroy(&an->kids, free_kid, NULL);
}
