// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes: where addresses of other machines are, facts 1.6.
 *
 * DESIGN NOTES
 * A route is an address with at least one location; a location is a neighbour, the distance over
 * it and the number of destinations behind it. Locations of all networks are in one list, the
 * one learned last in front, so that of two equally near ones the newer is chosen.
 *
 * Look-ups, and the refresh of a location by a packet that confirms it, run under RCU without
 * a lock and write at most a time stamp. Everything else changes under ns->lock. A few routes used of late
 * are found without the table (ns->route_front): most machines talk to one or two others. When the table
 * is full, the least recently used of a few old routes makes room; when more than three quarters
 * are taken the sweep removes what has been idle for longer than the mean.
 */
#include <kunit/visibility.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include "flip_hash.h"
#include "flip_int.h"
#include <trace/events/flip.h>

/* entries looked at to find one to evict */
#define FLIP_ROUTE_CHANCES	16

static const struct rhashtable_params flip_route_params = {
	.key_len	= sizeof(flip_addr_t),
	.key_offset	= offsetof(struct flip_route, addr),
	.head_offset	= offsetof(struct flip_route, node),
	.hashfn		= flip_key_hash,
	.obj_cmpfn	= flip_key_cmp,
	.automatic_shrinking = true,
};

int flip_route_ns_init(struct flip_ns *ns)
{
	INIT_LIST_HEAD(&ns->route_list);
	return rhashtable_init(&ns->routes, &flip_route_params);
}

void flip_route_ns_exit(struct flip_ns *ns)
{
	WARN_ON_ONCE(ns->n_routes);
	rhashtable_destroy(&ns->routes);
}

/* which of ns->route_front */
static struct flip_route **flip_route_front(struct flip_ns *ns, flip_addr_t addr)
{
	u64 a = (__force u64)addr;

	return &ns->route_front[(u32)(a ^ a >> 32) % FLIP_ROUTE_FRONT];
}

/* it is used now, and will be again */
static void flip_route_promote(struct flip_ns *ns, struct flip_route *r)
{
	struct flip_route **front = flip_route_front(ns, r->addr);

	if (READ_ONCE(*front) == r || !spin_trylock_bh(&ns->lock))
		return;
	/* not one that has been unlinked */
	if (r->n_locs)
		smp_store_release(front, r);
	spin_unlock_bh(&ns->lock);
}

/* under RCU or ns->lock */
struct flip_route *flip_route_lookup(struct flip_ns *ns, flip_addr_t addr)
{
	struct flip_route *r = READ_ONCE(*flip_route_front(ns, addr));

	if (r && r->addr == addr)
		return r;
	return rhashtable_lookup(&ns->routes, &addr, flip_route_params);
}
EXPORT_SYMBOL_IF_KUNIT(flip_route_lookup);

/**
 * flip_route_best() - choose a location
 * @r: route
 * @not_net: a network not to use, or NULL
 * @budget: greatest distance
 * @secure: over trusted networks only
 * @why: result code, facts 1.6
 *
 * Context: RCU. Return: nearest location allowed, or NULL and the reason in @why.
 */
struct flip_loc *flip_route_best(struct flip_route *r, const struct flip_network *not_net,
				 u16 budget, bool secure, enum flip_route_why *why)
{
	struct flip_loc *loc, *best = NULL;

	*why = FLIP_ROUTE_UNKNOWN;
	list_for_each_entry_rcu(loc, &r->locs, list) {
		struct flip_network *n = loc->neigh->network;
		u16 hops = READ_ONCE(loc->hops);

		if (n == not_net || !flip_network_usable(n))
			continue;
		if (secure && !(READ_ONCE(loc->trusted) && READ_ONCE(n->trusted))) {
			if (*why == FLIP_ROUTE_UNKNOWN || *why == FLIP_ROUTE_TOOFAR)
				*why = FLIP_ROUTE_UNSAFE;
			continue;
		}
		if (hops > budget) {
			if (*why == FLIP_ROUTE_UNKNOWN)
				*why = FLIP_ROUTE_TOOFAR;
			continue;
		}
		if (!best || hops < READ_ONCE(best->hops))
			best = loc;
	}
	if (best)
		*why = FLIP_ROUTE_OK;
	return best;
}
EXPORT_SYMBOL_IF_KUNIT(flip_route_best);

/* look up and choose; marks the route used. Under RCU */
struct flip_loc *flip_route_find(struct flip_ns *ns, flip_addr_t addr,
				 const struct flip_network *not_net, u16 budget, bool secure,
				 enum flip_route_why *why)
{
	struct flip_route *r = flip_route_lookup(ns, addr);

	if (!r) {
		*why = FLIP_ROUTE_UNKNOWN;
		return NULL;
	}
	if (READ_ONCE(r->used) != jiffies)
		flip_route_promote(ns, r);
	flip_route_touch(r);
	return flip_route_best(r, not_net, budget, secure, why);
}

/* destinations of an address, the trusted of them, and the distance of the farthest; RCU */
unsigned int flip_route_count(struct flip_ns *ns, flip_addr_t addr,
			      const struct flip_network *not_net, unsigned int *trusted,
			      u16 *farthest)
{
	struct flip_route *r = flip_route_lookup(ns, addr);
	unsigned int count = 0;
	struct flip_loc *loc;

	*trusted = 0;
	*farthest = 0;
	if (!r)
		return 0;
	list_for_each_entry_rcu(loc, &r->locs, list) {
		struct flip_network *n = loc->neigh->network;

		if (n == not_net || !flip_network_usable(n))
			continue;
		count += READ_ONCE(loc->count);
		if (READ_ONCE(n->trusted))
			*trusted += READ_ONCE(loc->trusted);
		*farthest = max(*farthest, READ_ONCE(loc->hops));
	}
	return count;
}

int flip_route_distance(struct net *net, flip_addr_t dst)
{
	struct flip_ns *ns = flip_ns(net);
	enum flip_route_why why;
	struct flip_loc *loc;
	int hops;

	rcu_read_lock();
	if (flip_ep_lookup(ns, dst)) {
		hops = 0;
	} else {
		loc = flip_route_find(ns, dst, NULL, U16_MAX, false, &why);
		hops = loc ? READ_ONCE(loc->hops) : -EHOSTUNREACH;
	}
	rcu_read_unlock();
	return hops;
}
EXPORT_SYMBOL_GPL(flip_route_distance);

/* the packet comes from this location, directly */
static bool flip_loc_direct(const struct flip_loc *loc, const struct flip_rx *rx)
{
	const struct flip_network *n = loc->neigh->network;

	return n->index == rx->network && READ_ONCE(loc->hops) == READ_ONCE(n->weight) &&
	       rx->hops == READ_ONCE(n->weight);
}

void flip_peer_is(struct net *net, const struct flip_rx *rx, bool ours, u32 payload, u8 knows)
{
	struct flip_route *r = flip_route_lookup(flip_ns(net), rx->src);
	struct flip_loc *loc;

	if (!r)
		return;
	list_for_each_entry_rcu(loc, &r->locs, list) {
		if (!flip_loc_direct(loc, rx))
			continue;
		WRITE_ONCE(loc->neigh->knows, ours ? knows : 0);
		flip_credit_ours(loc->neigh, ours, payload);
	}
}
EXPORT_SYMBOL_GPL(flip_peer_is);

u8 flip_peer_knows(struct net *net, const struct flip_rx *rx)
{
	struct flip_route *r = flip_route_lookup(flip_ns(net), rx->src);
	struct flip_loc *loc;

	if (!r)
		return 0;
	list_for_each_entry_rcu(loc, &r->locs, list)
		if (flip_loc_direct(loc, rx))
			return READ_ONCE(loc->neigh->knows);
	return 0;
}
EXPORT_SYMBOL_GPL(flip_peer_knows);

static void flip_route_unlink(struct flip_ns *ns, struct flip_route *r)
{
	struct flip_route **front = flip_route_front(ns, r->addr);

	lockdep_assert_held(&ns->lock);
	rhashtable_remove_fast(&ns->routes, &r->node, flip_route_params);
	if (*front == r)
		WRITE_ONCE(*front, NULL);
	list_del(&r->list);
	WRITE_ONCE(ns->n_routes, ns->n_routes - 1);
	flip_stat_inc(ns, ROUTE_REMOVED);
	kfree_rcu(r, rcu);
}

/* take a location out of everything; with the last one goes the route */
static void flip_loc_unlink(struct flip_ns *ns, struct flip_loc *loc)
{
	struct flip_route *r = loc->route;

	lockdep_assert_held(&ns->lock);
	trace_flip_route_del(r, loc);
	flip_nl_notify_route(loc, FLIP_CMD_ROUTE_LOST_NTF);
	list_del_rcu(&loc->list);
	list_del(&loc->by_neigh);
	loc->neigh->n_locs--;
	r->n_locs--;
	ns->n_locs--;
	flip_neigh_put(loc->neigh);
	kfree_rcu(loc, rcu);
}

void flip_route_loc_unlink(struct flip_ns *ns, struct flip_loc *loc)
{
	struct flip_route *r = loc->route;

	flip_loc_unlink(ns, loc);
	if (!r->n_locs)
		flip_route_unlink(ns, r);
}

static void flip_route_unlink_all(struct flip_ns *ns, struct flip_route *r,
				  const struct flip_network *except)
{
	struct flip_loc *loc, *next;

	list_for_each_entry_safe(loc, next, &r->locs, list)
		if (!except || loc->neigh->network != except)
			flip_loc_unlink(ns, loc);
	if (!r->n_locs)
		flip_route_unlink(ns, r);
}

/* forget an address, but for what is known of it on network @except */
void flip_route_remove(struct flip_ns *ns, flip_addr_t addr, const struct flip_network *except)
{
	struct flip_route *r;

	spin_lock_bh(&ns->lock);
	r = flip_route_lookup(ns, addr);
	if (r)
		flip_route_unlink_all(ns, r, except);
	spin_unlock_bh(&ns->lock);
}

/* forget that an address is at this MAC */
void flip_route_remove_at(struct flip_ns *ns, flip_addr_t addr, const struct flip_network *n,
			  const u8 *mac)
{
	struct flip_loc *loc, *next;
	struct flip_route *r;

	spin_lock_bh(&ns->lock);
	r = flip_route_lookup(ns, addr);
	if (r) {
		list_for_each_entry_safe(loc, next, &r->locs, list)
			if (loc->neigh->network == n && ether_addr_equal(loc->neigh->key.mac, mac))
				flip_loc_unlink(ns, loc);
		if (!r->n_locs)
			flip_route_unlink(ns, r);
	}
	spin_unlock_bh(&ns->lock);
}

/* the least recently used of a few at the head of the list; those spared go to its tail */
static struct flip_route *flip_route_victim(struct flip_ns *ns)
{
	struct flip_route *r, *victim = NULL;
	unsigned int i;

	for (i = 0; i < FLIP_ROUTE_CHANCES && !list_empty(&ns->route_list); i++) {
		r = list_first_entry(&ns->route_list, struct flip_route, list);
		list_move_tail(&r->list, &ns->route_list);
		if (!victim || time_before(READ_ONCE(r->used), READ_ONCE(victim->used)))
			victim = r;
	}
	return victim;
}

/* the route of an address without any location yet; the caller adds one */
static struct flip_route *flip_route_make(struct flip_ns *ns, flip_addr_t addr)
{
	struct flip_route *r, *victim;

	lockdep_assert_held(&ns->lock);
	r = flip_route_lookup(ns, addr);
	if (r)
		return r;
	if (ns->n_routes >= READ_ONCE(ns->tune.max_routes)) {
		victim = flip_route_victim(ns);
		if (victim) {
			flip_stat_inc(ns, ROUTE_EVICTED);
			flip_route_unlink_all(ns, victim, NULL);
		}
	}
	r = kzalloc(sizeof(*r), GFP_ATOMIC);
	if (!r)
		return NULL;
	r->addr = addr;
	r->used = jiffies;
	INIT_LIST_HEAD(&r->locs);
	if (rhashtable_insert_fast(&ns->routes, &r->node, flip_route_params)) {
		kfree(r);
		return NULL;
	}
	list_add_tail(&r->list, &ns->route_list);
	WRITE_ONCE(ns->n_routes, ns->n_routes + 1);
	flip_stat_inc(ns, ROUTE_ADDED);
	return r;
}

static struct flip_loc *flip_route_loc_at(struct flip_route *r, const struct flip_neigh *neigh)
{
	struct flip_loc *loc;

	list_for_each_entry(loc, &r->locs, list)
		if (loc->neigh == neigh)
			return loc;
	return NULL;
}

/* @addr is at @neigh */
static bool flip_route_set(struct flip_ns *ns, flip_addr_t addr, struct flip_neigh *neigh,
			   u16 hops, u16 count, u16 trusted)
{
	struct flip_route *r;
	struct flip_loc *loc;

	r = flip_route_make(ns, addr);
	if (!r)
		return false;
	loc = flip_route_loc_at(r, neigh);
	if (loc) {
		WRITE_ONCE(loc->hops, hops);
		WRITE_ONCE(loc->count, count);
		WRITE_ONCE(loc->trusted, trusted);
		flip_route_touch(r);
		return true;
	}
	/* the oldest location of a route that has as many as one may have makes room */
	if (r->n_locs >= FLIP_MAX_LOCS)
		flip_loc_unlink(ns, list_last_entry(&r->locs, struct flip_loc, list));
	loc = kzalloc(sizeof(*loc), GFP_ATOMIC);
	if (!loc || ns->n_locs >= 2 * READ_ONCE(ns->tune.max_routes) || !flip_neigh_hold(neigh)) {
		kfree(loc);
		if (!r->n_locs)
			flip_route_unlink(ns, r);
		return false;
	}
	loc->route = r;
	loc->neigh = neigh;
	loc->hops = hops;
	loc->count = count;
	loc->trusted = trusted;
	list_add(&loc->by_neigh, &neigh->locs);
	list_add_rcu(&loc->list, &r->locs);
	neigh->n_locs++;
	r->n_locs++;
	ns->n_locs++;
	flip_route_touch(r);
	trace_flip_route_add(r, loc);
	flip_nl_notify_route(loc, FLIP_CMD_ROUTE_NEW_NTF);
	return true;
}

/**
 * flip_route_install() - an address is where this packet came from
 * @ns: namespace
 * @p: packet; ->neigh is filled
 * @addr: address, not null
 * @hops: distance
 * @count: destinations there
 * @trusted: those reached over trusted networks only
 * @only: and nowhere else
 *
 * Context: RCU, bottom halves off. An address of this namespace may have a route too, to the other
 * members of its group. Whoever waits for the address goes on.
 */
void flip_route_install(struct flip_ns *ns, struct flip_pkt *p, flip_addr_t addr, u16 hops,
			u16 count, u16 trusted, bool only)
{
	struct flip_loc *loc, *next;
	struct flip_neigh *neigh;
	LIST_HEAD(gone);
	bool ok = false;

	spin_lock_bh(&ns->lock);
	neigh = flip_neigh_make(ns, p->net, p->mac, &gone);
	if (neigh) {
		ok = flip_route_set(ns, addr, neigh, hops, count, trusted);
		p->neigh = neigh;
	}
	if (ok && only) {
		struct flip_route *r = flip_route_lookup(ns, addr);

		list_for_each_entry_safe(loc, next, &r->locs, list)
			if (loc->neigh != neigh)
				flip_loc_unlink(ns, loc);
	}
	spin_unlock_bh(&ns->lock);
	flip_neigh_bury(ns, &gone);
	if (!ok)
		flip_stat_inc(ns, ROUTE_FULL);
	else if (flip_locate_pending(ns))
		flip_locate_found(ns, addr);
}

static bool flip_route_is_at(struct flip_route *r, const struct flip_pkt *p)
{
	struct flip_loc *loc;

	list_for_each_entry_rcu(loc, &r->locs, list)
		if (loc->neigh->network == p->net &&
		    ether_addr_equal_unaligned(loc->neigh->key.mac, p->mac))
			return true;
	return false;
}

/**
 * flip_route_learn() - the source of this packet is where it came from
 * @ns: namespace
 * @p: packet; ->neigh is filled
 *
 * Nearly always that is known, then nothing but a time stamp is written. An address of our own
 * is not learned: a member of a group sends under the group's.
 * Context: RCU, bottom halves off.
 */
void flip_route_learn(struct flip_ns *ns, struct flip_pkt *p)
{
	u16 trusted = !(p->h.flags & FLIP_F_UNSAFE), count = 1;
	struct flip_route *r;
	struct flip_loc *loc;

	if (p->h.src == FLIP_ADDR_NULL) {
		p->neigh = flip_neigh_lookup(ns, p->net, p->mac);
		return;
	}
	r = flip_route_lookup(ns, p->h.src);
	if (r) {
		list_for_each_entry_rcu(loc, &r->locs, list) {
			struct flip_neigh *neigh = loc->neigh;

			if (neigh->network != p->net ||
			    !ether_addr_equal_unaligned(neigh->key.mac, p->mac))
				continue;
			p->neigh = neigh;
			if (READ_ONCE(loc->hops) == p->h.act &&
			    !READ_ONCE(loc->trusted) == !trusted) {
				flip_route_touch(r);
				return;
			}
			count = READ_ONCE(loc->count);
			if (trusted)
				trusted = max_t(u16, READ_ONCE(loc->trusted), 1);
			break;
		}
	}
	if (!flip_ep_lookup(ns, p->h.src))
		flip_route_install(ns, p, p->h.src, p->h.act, count, trusted, false);
	else
		p->neigh = flip_neigh_lookup(ns, p->net, p->mac);
}

/* facts 1.7: the source of a LOCATE or broadcast is where that came from, and nowhere else */
void flip_route_relearn(struct flip_ns *ns, struct flip_pkt *p)
{
	struct flip_route *r;

	if (p->h.src != FLIP_ADDR_NULL && !flip_ep_lookup(ns, p->h.src)) {
		r = flip_route_lookup(ns, p->h.src);
		if (!r || READ_ONCE(r->n_locs) != 1 || !flip_route_is_at(r, p)) {
			flip_route_install(ns, p, p->h.src, p->h.act, 1,
					   !(p->h.flags & FLIP_F_UNSAFE), true);
			return;
		}
	}
	flip_route_learn(ns, p);
}

/* remove what is idle: for very long, or under pressure for longer than the mean */
void flip_route_sweep(struct flip_ns *ns)
{
	unsigned long now = jiffies, limit = READ_ONCE(ns->tune.route_idle_s) * HZ;
	struct flip_route *r, *next;
	u64 sum = 0;

	spin_lock_bh(&ns->lock);
	if (ns->n_routes > READ_ONCE(ns->tune.max_routes) / 4 * 3) {
		list_for_each_entry(r, &ns->route_list, list)
			sum += now - READ_ONCE(r->used);
		limit = min_t(u64, limit, div_u64(sum, ns->n_routes));
		limit = max_t(unsigned long, limit, HZ);
	}
	list_for_each_entry_safe(r, next, &ns->route_list, list) {
		/* used may be later than now: then it is not idle */
		if (time_after(READ_ONCE(r->used), now) || now - READ_ONCE(r->used) < limit)
			continue;
		flip_stat_inc(ns, ROUTE_AGED);
		flip_route_unlink_all(ns, r, NULL);
	}
	spin_unlock_bh(&ns->lock);
}

void flip_sweep_work(struct work_struct *work)
{
	struct flip_ns *ns = container_of(to_delayed_work(work), struct flip_ns, sweep);

	flip_route_sweep(ns);
	flip_neigh_sweep(ns);
	if (READ_ONCE(ns->n_networks))
		queue_delayed_work(flip_wq, &ns->sweep, FLIP_SWEEP_S * HZ);
}
