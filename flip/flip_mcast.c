// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multicast on a network: copies to the members, or one frame to a group MAC; facts 1.10.
 *
 * DESIGN NOTES
 * As a sender: when an address has two or more locations on one network, each is asked with MCREQ
 * to listen to the group MAC. Those that have said MCACK are reached by one frame, the others by
 * a frame each.
 *
 * As a member: MCREQ for an address of this namespace, or one we forward to, is answered MCACK
 * when the MAC is in the filter of the device. The filter is changed by a worker, since that may
 * sleep. What was taken is given back when the last endpoint with the address or the network
 * goes. The MAC follows from the address, so nobody can make us listen to anything else.
 */
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include "flip_int.h"

#define FLIP_MC_AGAIN	HZ	/* MCREQ is repeated after this */

/**
 * struct flip_mc - a group MAC of a network
 * @list: in n->mc, under n->mc_lock
 * @addr: the FLIP address
 * @asker: who has to be told
 * @tell: MCACK or MCNAK is due
 * @on: in the filter of the device
 * @drop: to be taken out of it and freed
 */
struct flip_mc {
	struct list_head	list;
	flip_addr_t		addr;
	u8			asker[ETH_ALEN];
	bool			tell;
	bool			on;
	bool			drop;
};

static struct flip_mc *flip_mc_find(struct flip_network *n, flip_addr_t addr)
{
	struct flip_mc *mc;

	lockdep_assert_held(&n->mc_lock);
	list_for_each_entry(mc, &n->mc, list)
		if (mc->addr == addr)
			return mc;
	return NULL;
}

/* one change at a time, so that the lock need not be held over it */
static struct flip_mc *flip_mc_todo(struct flip_network *n)
{
	struct flip_mc *mc;

	list_for_each_entry(mc, &n->mc, list)
		if (mc->drop || mc->tell)
			return mc;
	return NULL;
}

static void flip_mc_work(struct work_struct *work)
{
	struct flip_network *n = container_of(work, struct flip_network, mc_work);
	u8 mac[ETH_ALEN], asker[ETH_ALEN], body[FLIP_MCACK_LEN];
	struct flip_mc *mc;
	bool on, drop;
	int err;

	rtnl_lock();
	spin_lock_bh(&n->mc_lock);
	while (!n->dead && (mc = flip_mc_todo(n))) {
		flip_mc_mac(mc->addr, mac);
		flip_addr_store(body, mc->addr);
		ether_addr_copy(asker, mc->asker);
		on = mc->on;
		drop = mc->drop;
		mc->tell = false;
		if (drop) {
			list_del(&mc->list);
			n->n_mc--;
		}
		spin_unlock_bh(&n->mc_lock);

		err = 0;
		if (drop && on)
			dev_mc_del(n->dev, mac);
		if (!drop && !on)
			err = dev_mc_add(n->dev, mac);
		if (!drop) {
			rcu_read_lock();
			flip_eth_control(n, asker, err ? FLIP_FC_MCNAK : FLIP_FC_MCACK, 0, body,
					 sizeof(body));
			rcu_read_unlock();
		}

		spin_lock_bh(&n->mc_lock);
		/* only this worker frees, so mc is still there */
		if (drop) {
			kfree(mc);
		} else if (!err && !on) {
			mc->on = true;
			flip_stat_inc(n->ns, MC_JOINED);
		} else if (err) {
			mc->drop = true;
		}
	}
	spin_unlock_bh(&n->mc_lock);
	rtnl_unlock();
	flip_network_put(n);
}

static void flip_mc_kick(struct flip_network *n)
{
	if (!refcount_inc_not_zero(&n->refs))
		return;
	if (!queue_work(flip_wq, &n->mc_work))
		flip_network_put(n);
}

void flip_mc_init(struct flip_network *n)
{
	spin_lock_init(&n->mc_lock);
	INIT_LIST_HEAD(&n->mc);
	INIT_WORK(&n->mc_work, flip_mc_work);
}

/* under RTNL, ->dead is set: the worker will not touch the device any more */
void flip_mc_exit(struct flip_network *n)
{
	struct flip_mc *mc, *next;
	u8 mac[ETH_ALEN];
	LIST_HEAD(all);

	ASSERT_RTNL();
	spin_lock_bh(&n->mc_lock);
	list_splice_init(&n->mc, &all);
	n->n_mc = 0;
	spin_unlock_bh(&n->mc_lock);
	list_for_each_entry_safe(mc, next, &all, list) {
		flip_mc_mac(mc->addr, mac);
		if (mc->on)
			dev_mc_del(n->dev, mac);
		kfree(mc);
	}
}

/* somebody wants us to listen to the group MAC of @addr */
static void flip_mc_request(struct flip_network *n, const u8 *asker, flip_addr_t addr)
{
	struct flip_mc *mc;

	spin_lock_bh(&n->mc_lock);
	mc = flip_mc_find(n, addr);
	if (!mc && n->n_mc < FLIP_MAX_MC) {
		mc = kzalloc(sizeof(*mc), GFP_ATOMIC);
		if (mc) {
			mc->addr = addr;
			list_add_tail(&mc->list, &n->mc);
			n->n_mc++;
		}
	}
	if (mc && !mc->drop) {
		ether_addr_copy(mc->asker, asker);
		mc->tell = true;
	} else {
		mc = NULL;
	}
	spin_unlock_bh(&n->mc_lock);
	if (mc)
		flip_mc_kick(n);
}

/* the answer of a member */
static void flip_mc_answer(struct flip_network *n, const u8 *mac, flip_addr_t addr, u8 state)
{
	struct flip_route *r = flip_route_lookup(n->ns, addr);
	struct flip_loc *loc;

	if (!r)
		return;
	list_for_each_entry_rcu(loc, &r->locs, list)
		if (loc->neigh->network == n && ether_addr_equal(loc->neigh->key.mac, mac) &&
		    READ_ONCE(loc->mc) == FLIP_MC_ASKED)
			WRITE_ONCE(loc->mc, state);
}

/**
 * flip_mc_rx() - MCREQ, MCACK or MCNAK came
 * @n: network
 * @mac: sender
 * @type: fc type
 * @body: what follows the fc header
 * @len: its length, enough for the type
 *
 * Context: RCU, softirq.
 */
void flip_mc_rx(struct flip_network *n, const u8 *mac, enum flip_fc type, const u8 *body,
		unsigned int len)
{
	struct flip_ns *ns = n->ns;
	u8 group[ETH_ALEN];
	flip_addr_t addr;
	bool ours;

	if (type != FLIP_FC_MCREQ) {
		flip_mc_answer(n, mac, flip_addr_load(body),
			       type == FLIP_FC_MCACK ? FLIP_MC_MEMBER : FLIP_MC_REFUSED);
		return;
	}
	addr = flip_addr_load(body + FLIP_ADDR_SIZE);
	flip_mc_mac(addr, group);
	ours = flip_ep_lookup(ns, addr) ||
	       (READ_ONCE(ns->tune.forwarding) && flip_route_lookup(ns, addr));
	if (addr == FLIP_ADDR_NULL || !ether_addr_equal_unaligned(group, body) || !ours) {
		flip_drop(ns, n, NULL, FLIP_DROP_MC);
		flip_eth_control(n, mac, FLIP_FC_MCNAK, 0, body + FLIP_ADDR_SIZE,
				 FLIP_ADDR_SIZE);
		return;
	}
	flip_mc_request(n, mac, addr);
}

/* ask a location to listen to the group MAC */
static void flip_mc_ask(struct flip_network *n, struct flip_loc *loc, flip_addr_t addr)
{
	u8 body[FLIP_MCREQ_LEN] = {};

	if (READ_ONCE(loc->mc) == FLIP_MC_ASKED &&
	    time_before(jiffies, READ_ONCE(loc->mc_when) + FLIP_MC_AGAIN))
		return;
	WRITE_ONCE(loc->mc_when, jiffies);
	WRITE_ONCE(loc->mc, FLIP_MC_ASKED);
	flip_mc_mac(addr, body);
	flip_addr_store(body + FLIP_ADDR_SIZE, addr);
	flip_eth_control(n, loc->neigh->key.mac, FLIP_FC_MCREQ, 0, body, sizeof(body));
}

/* one network: a frame for all who listen to the group MAC, one for each of the others */
static void flip_mc_xmit_network(struct flip_ns *ns, struct sk_buff *skb,
				 const struct flip_hdr *h, struct flip_route *r,
				 struct flip_network *n)
{
	unsigned int locs = 0, members = 0;
	struct flip_loc *loc;
	struct sk_buff *copy;
	u8 group[ETH_ALEN];

	list_for_each_entry_rcu(loc, &r->locs, list) {
		if (loc->neigh->network != n)
			continue;
		locs++;
		if (READ_ONCE(loc->mc) == FLIP_MC_MEMBER)
			members++;
	}
	if (locs < 2)
		members = 0;
	if (members) {
		flip_mc_mac(h->dst, group);
		copy = pskb_copy(skb, GFP_ATOMIC);
		if (copy)
			flip_xmit(n, group, copy, h);
		else
			flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
	}
	list_for_each_entry_rcu(loc, &r->locs, list) {
		if (loc->neigh->network != n)
			continue;
		if (members && READ_ONCE(loc->mc) == FLIP_MC_MEMBER)
			continue;
		if (locs >= 2 && READ_ONCE(loc->mc) != FLIP_MC_REFUSED)
			flip_mc_ask(n, loc, h->dst);
		copy = pskb_copy(skb, GFP_ATOMIC);
		if (copy)
			flip_xmit(n, loc->neigh->key.mac, copy, h);
		else
			flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
	}
}

/**
 * flip_mc_xmit() - send a packet to all members known elsewhere
 * @ns: namespace
 * @skb: payload, consumed
 * @h: header, not yet charged
 * @r: route of the group
 * @except: network it came from, or NULL
 *
 * Context: RCU, any but hard interrupt.
 */
void flip_mc_xmit(struct flip_ns *ns, struct sk_buff *skb, const struct flip_hdr *h,
		  struct flip_route *r, const struct flip_network *except)
{
	bool secure = h->flags & FLIP_F_SECURITY;
	struct flip_network *n;
	struct flip_loc *loc;
	struct flip_hdr out;

	list_for_each_entry_rcu(n, &ns->networks, list) {
		u16 weight = READ_ONCE(n->weight);
		bool any = false;

		if (n == except || !flip_network_usable(n) || weight > h->max - h->act ||
		    (secure && !READ_ONCE(n->trusted)))
			continue;
		list_for_each_entry_rcu(loc, &r->locs, list)
			any |= loc->neigh->network == n;
		if (!any)
			continue;
		out = *h;
		out.act += weight;
		if (!READ_ONCE(n->trusted))
			out.flags |= FLIP_F_UNSAFE;
		flip_mc_xmit_network(ns, skb, &out, r, n);
	}
	consume_skb(skb);
}

/* an endpoint has gone: when it was the last of its address, no group MAC is needed for it */
void flip_mc_ep_gone(struct flip_ns *ns, flip_addr_t addr)
{
	struct flip_network *n;
	struct flip_mc *mc;

	rcu_read_lock();
	if (!flip_ep_lookup(ns, addr)) {
		list_for_each_entry_rcu(n, &ns->networks, list) {
			spin_lock_bh(&n->mc_lock);
			mc = flip_mc_find(n, addr);
			if (mc)
				mc->drop = true;
			spin_unlock_bh(&n->mc_lock);
			if (mc)
				flip_mc_kick(n);
		}
	}
	rcu_read_unlock();
}
