// SPDX-License-Identifier: GPL-2.0-only
/*
 * Neighbours: the machines on our own networks, by MAC.
 *
 * DESIGN NOTES
 * A neighbour comes to be when an address is learned at it and is forgotten when it has been
 * silent for FLIP_NEIGH_IDLE_S, gives no credits, its network goes, or the table is full and it
 * is among the least recently heard. All its locations go with it. Forgetting has two steps:
 * flip_neigh_unlink() under ns->lock takes it out of everything and puts it on a list;
 * flip_neigh_bury(), without the lock, fails what waits for it and drops the table's reference.
 */
#include <linux/slab.h>
#include "flip_int.h"

/* entries looked at to find one to evict */
#define FLIP_NEIGH_CHANCES	16

static const struct rhashtable_params flip_neigh_params = {
	.key_len	= sizeof(struct flip_neigh_key),
	.key_offset	= offsetof(struct flip_neigh, key),
	.head_offset	= offsetof(struct flip_neigh, node),
	.automatic_shrinking = true,
};

int flip_neigh_ns_init(struct flip_ns *ns)
{
	spin_lock_init(&ns->lock);
	INIT_LIST_HEAD(&ns->neigh_list);
	return rhashtable_init(&ns->neighs, &flip_neigh_params);
}

void flip_neigh_ns_exit(struct flip_ns *ns)
{
	WARN_ON_ONCE(ns->n_neighs);
	rhashtable_destroy(&ns->neighs);
}

void flip_neigh_key_set(struct flip_neigh_key *key, const struct flip_network *n, const u8 *mac)
{
	key->network = n->index;
	memcpy(key->mac, mac, ETH_ALEN);
	key->zero = 0;
}

/* under RCU */
struct flip_neigh *flip_neigh_lookup(struct flip_ns *ns, const struct flip_network *n,
				     const u8 *mac)
{
	struct flip_neigh_key key;

	flip_neigh_key_set(&key, n, mac);
	return rhashtable_lookup(&ns->neighs, &key, flip_neigh_params);
}

bool flip_neigh_hold(struct flip_neigh *neigh)
{
	return refcount_inc_not_zero(&neigh->refs);
}

static void flip_neigh_free(struct rcu_head *rcu)
{
	struct flip_neigh *neigh = container_of(rcu, struct flip_neigh, rcu);

	flip_network_put(neigh->network);
	kfree(neigh);
}

void flip_neigh_put(struct flip_neigh *neigh)
{
	if (refcount_dec_and_test(&neigh->refs))
		call_rcu(&neigh->rcu, flip_neigh_free);
}

/* the least recently heard of a few at the head of the list; those spared go to its tail */
static struct flip_neigh *flip_neigh_victim(struct flip_ns *ns)
{
	struct flip_neigh *neigh, *victim = NULL;
	unsigned int i;

	for (i = 0; i < FLIP_NEIGH_CHANCES && !list_empty(&ns->neigh_list); i++) {
		neigh = list_first_entry(&ns->neigh_list, struct flip_neigh, list);
		list_move_tail(&neigh->list, &ns->neigh_list);
		if (!victim || time_before(READ_ONCE(neigh->heard), READ_ONCE(victim->heard)))
			victim = neigh;
	}
	return victim;
}

/* the neighbour with this MAC, a new one when unknown; NULL: no memory; evicted go to @gone */
struct flip_neigh *flip_neigh_make(struct flip_ns *ns, struct flip_network *n, const u8 *mac,
				   struct list_head *gone)
{
	struct flip_neigh *neigh, *victim;

	lockdep_assert_held(&ns->lock);
	neigh = flip_neigh_lookup(ns, n, mac);
	if (neigh)
		return neigh;
	if (READ_ONCE(n->dead))
		return NULL;
	if (ns->n_neighs >= READ_ONCE(ns->tune.max_neighbours)) {
		victim = flip_neigh_victim(ns);
		if (victim) {
			flip_stat_inc(ns, NEIGH_EVICTED);
			flip_neigh_unlink(ns, victim, gone);
		}
	}
	neigh = kzalloc(sizeof(*neigh), GFP_ATOMIC);
	if (!neigh)
		return NULL;
	flip_neigh_key_set(&neigh->key, n, mac);
	refcount_set(&neigh->refs, 1);
	INIT_LIST_HEAD(&neigh->locs);
	neigh->heard = jiffies;
	neigh->network = n;
	flip_credit_init(neigh);
	if (rhashtable_insert_fast(&ns->neighs, &neigh->node, flip_neigh_params)) {
		kfree(neigh);
		return NULL;
	}
	refcount_inc(&n->refs);
	list_add_tail(&neigh->list, &ns->neigh_list);
	WRITE_ONCE(ns->n_neighs, ns->n_neighs + 1);
	flip_stat_inc(ns, NEIGH_ADDED);
	flip_nl_notify_neigh(neigh, FLIP_CMD_NEIGH_NEW_NTF);
	return neigh;
}

/* out of the table, with all its locations, onto @gone */
void flip_neigh_unlink(struct flip_ns *ns, struct flip_neigh *neigh, struct list_head *gone)
{
	struct flip_loc *loc, *next;

	lockdep_assert_held(&ns->lock);
	list_for_each_entry_safe(loc, next, &neigh->locs, by_neigh)
		flip_route_loc_unlink(ns, loc);
	rhashtable_remove_fast(&ns->neighs, &neigh->node, flip_neigh_params);
	WRITE_ONCE(ns->n_neighs, ns->n_neighs - 1);
	list_move_tail(&neigh->list, gone);
	WRITE_ONCE(neigh->dead, true);
	flip_stat_inc(ns, NEIGH_REMOVED);
}

void flip_neigh_bury(struct flip_ns *ns, struct list_head *gone)
{
	struct flip_neigh *neigh, *next;

	list_for_each_entry_safe(neigh, next, gone, list) {
		list_del_init(&neigh->list);
		flip_credit_bury(neigh);
		flip_nl_notify_neigh(neigh, FLIP_CMD_NEIGH_LOST_NTF);
		flip_neigh_put(neigh);
	}
}

/* forget one neighbour the caller holds, if nobody has yet */
void flip_neigh_forget(struct flip_neigh *neigh)
{
	struct flip_ns *ns = neigh->network->ns;
	LIST_HEAD(gone);

	spin_lock_bh(&ns->lock);
	if (!neigh->dead)
		flip_neigh_unlink(ns, neigh, &gone);
	spin_unlock_bh(&ns->lock);
	flip_neigh_bury(ns, &gone);
}

/* forget the neighbours of a network, or only what is known to be at them */
void flip_neigh_flush(struct flip_ns *ns, const struct flip_network *n, bool routes_only)
{
	struct flip_neigh *neigh, *next;
	struct flip_loc *loc, *lnext;
	LIST_HEAD(gone);

	spin_lock_bh(&ns->lock);
	list_for_each_entry_safe(neigh, next, &ns->neigh_list, list) {
		if (neigh->network != n)
			continue;
		if (!routes_only) {
			flip_neigh_unlink(ns, neigh, &gone);
			continue;
		}
		list_for_each_entry_safe(loc, lnext, &neigh->locs, by_neigh)
			flip_route_loc_unlink(ns, loc);
	}
	spin_unlock_bh(&ns->lock);
	flip_neigh_bury(ns, &gone);
}

/* facts 1.9: forgotten after 300 s of silence */
void flip_neigh_sweep(struct flip_ns *ns)
{
	struct flip_neigh *neigh, *next;
	unsigned long limit = jiffies - FLIP_NEIGH_IDLE_S * HZ;
	LIST_HEAD(gone);

	spin_lock_bh(&ns->lock);
	list_for_each_entry_safe(neigh, next, &ns->neigh_list, list)
		if (time_before(READ_ONCE(neigh->heard), limit) && !READ_ONCE(neigh->n_msgs))
			flip_neigh_unlink(ns, neigh, &gone);
	spin_unlock_bh(&ns->lock);
	flip_neigh_bury(ns, &gone);
}
