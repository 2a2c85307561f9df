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
 * (Towards our own kind the probes are closer together, at most AMRPC_OURS_MOST apart.)
 * That is 86 s; AMRPC_ONCE_HOLD doubles it for clocks that drift and machines that pause.
 *
 * The window itself, and the refusals, are in rpc_window.c.
 *
 * Locking: kids_lock guards the LRU and insertion; k->lock guards one kid and makes check and
 * mark one step. Look-up is RCU. A kid is never freed within AMRPC_ONCE_HOLD of its last use:
 * whoever finds one stamps it and looks whether it is being evicted, the evictor says so and looks
 * at the stamp, each with a barrier in between; so one of the two notices the other.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "rpc.h"
#include "rpc_hash.h"

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
				if (an->kid_front[amrpc_front(k->kid)] == k)
					WRITE_ONCE(an->kid_front[amrpc_front(k->kid)], NULL);
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
	k = READ_ONCE(an->kid_front[amrpc_front(kid)]);
	if (likely(k && k->kid == kid))
		goto found;
	k = rhashtable_lookup(&an->kids, &kid, kid_params);
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
	/* more than one too many, since the limit was made smaller: they go by their age, one for one */
	if (an->nr_kids >= READ_ONCE(an->tune.max_kernels)) {
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
	smp_store_release(&an->kid_front[amrpc_front(kid)], k);
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
