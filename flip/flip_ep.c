// SPDX-License-Identifier: GPL-2.0-only
/*
 * Endpoints: the addresses of this namespace, and delivery to them.
 *
 * DESIGN NOTES
 * An endpoint is found under RCU by its public address; several may have the same, which makes
 * them a group. Upcalls run under RCU with bottom halves off. flip_ep_destroy() takes the
 * endpoint out of the table, marks it dead, which keeps it off the pending locates, takes it off
 * those it is on, and waits for a grace period: then nothing calls it any more.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/amcap.h>
#include "flip_hash.h"
#include "flip_int.h"

static const struct rhashtable_params flip_ep_params = {
	.key_len	= sizeof(flip_addr_t),
	.key_offset	= offsetof(struct flip_ep, addr),
	.head_offset	= offsetof(struct flip_ep, node),
	.hashfn		= flip_key_hash,
	.obj_cmpfn	= flip_key_cmp,
	.automatic_shrinking = true,
};

/* receivers of broadcasts, for all namespaces */
static HLIST_HEAD(flip_bcasts);
static DEFINE_MUTEX(flip_bcast_mutex);

int flip_ep_ns_init(struct flip_ns *ns)
{
	mutex_init(&ns->ep_mutex);
	INIT_LIST_HEAD(&ns->bcast_eps);
	return rhltable_init(&ns->eps, &flip_ep_params);
}

void flip_ep_ns_exit(struct flip_ns *ns)
{
	WARN_ON_ONCE(ns->n_eps);
	rhltable_destroy(&ns->eps);
}

/* which of ns->ep_marks counts it: public addresses are as good as random */
static unsigned int flip_ep_mark(flip_addr_t addr)
{
	u64 a = (__force u64)addr;

	return (u32)(a ^ a >> 32) % FLIP_EP_MARKS;
}

/* all endpoints of this address; under RCU */
struct rhlist_head *flip_ep_list(struct flip_ns *ns, flip_addr_t addr)
{
	unsigned int mark = flip_ep_mark(addr);
	struct flip_ep *ep;

	/* most packets sent are for elsewhere */
	if (!READ_ONCE(ns->ep_marks[mark]))
		return NULL;
	ep = READ_ONCE(ns->ep_front[mark]);
	if (ep && ep->addr == addr)
		return &ep->node;
	return rhltable_lookup(&ns->eps, &addr, flip_ep_params);
}

/* one endpoint of this address; under RCU */
struct flip_ep *flip_ep_lookup(struct flip_ns *ns, flip_addr_t addr)
{
	struct rhlist_head *list = flip_ep_list(ns, addr);

	return list ? container_of(list, struct flip_ep, node) : NULL;
}

/* how many have it; under RCU */
unsigned int flip_ep_members(struct flip_ns *ns, flip_addr_t addr)
{
	struct rhlist_head *list = flip_ep_list(ns, addr), *pos;
	struct flip_ep *ep;
	unsigned int n = 0;

	rhl_for_each_entry_rcu(ep, pos, list, node)
		n++;
	return n;
}

static void flip_ep_public(flip_addr_t priv, flip_addr_t *addr)
{
	u8 b[FLIP_ADDR_SIZE];

	flip_addr_store(b, priv);
	amcap_flip_oneway(b, b);
	*addr = flip_addr_load(b);
	memzero_explicit(b, sizeof(b));
}

/* facts 1.2: random, with space byte 0 */
static flip_addr_t flip_ep_draw(void)
{
	u8 b[FLIP_ADDR_SIZE] = {};

	get_random_bytes(b, FLIP_ADDR_SIZE - 1);
	return flip_addr_load(b);
}

struct flip_ep *flip_ep_create(struct net *net, flip_addr_t priv_addr,
			       const struct flip_ep_ops *ops, struct module *owner, void *priv)
{
	struct flip_ns *ns = flip_ns(net);
	bool draw = priv_addr == FLIP_ADDR_NULL, first;
	struct flip_ep *ep, **front;
	unsigned int *mark;
	int err;

	ep = kzalloc(sizeof(*ep), GFP_KERNEL_ACCOUNT);
	if (!ep)
		return ERR_PTR(-ENOMEM);
	ep->ns = ns;
	ep->ops = ops;
	ep->owner = owner;
	ep->priv = priv;
	INIT_LIST_HEAD(&ep->bcast_node);

	mutex_lock(&ns->ep_mutex);
	if (ns->n_eps >= READ_ONCE(ns->tune.max_endpoints)) {
		flip_stat_inc(ns, EP_FULL);
		err = -ENOBUFS;
		goto out;
	}
	do {
		flip_ep_public(draw ? flip_ep_draw() : priv_addr, &ep->addr);
		rcu_read_lock();
		err = draw && (ep->addr == FLIP_ADDR_NULL || flip_ep_list(ns, ep->addr)) ?
			-EAGAIN : 0;
		rcu_read_unlock();
	} while (err);
	/* null but for the space byte: it stays itself, and a null one means broadcast */
	if (ep->addr == FLIP_ADDR_NULL) {
		err = -EINVAL;
		goto out;
	}
	rcu_read_lock();
	first = !flip_ep_list(ns, ep->addr);
	rcu_read_unlock();
	mark = &ns->ep_marks[flip_ep_mark(ep->addr)];
	WRITE_ONCE(*mark, *mark + 1);		/* before it can be found */
	err = rhltable_insert(&ns->eps, &ep->node, flip_ep_params);
	if (err) {
		WRITE_ONCE(*mark, *mark - 1);
		goto out;
	}
	/* a group is looked up, always */
	front = &ns->ep_front[flip_ep_mark(ep->addr)];
	if (first)
		smp_store_release(front, ep);
	else if (*front && (*front)->addr == ep->addr)
		WRITE_ONCE(*front, NULL);
	__module_get(owner);
	WRITE_ONCE(ns->n_eps, ns->n_eps + 1);
out:
	mutex_unlock(&ns->ep_mutex);
	if (err) {
		kfree(ep);
		return ERR_PTR(err == -EBUSY ? -ENOMEM : err);
	}
	/*
	 * The address is ours now: a route to it would be a machine it has left. Where it was ours
	 * before, the route leads to the other members of a group.
	 */
	if (first)
		flip_route_remove(ns, ep->addr, NULL);
	flip_locate_found(ns, ep->addr);
	return ep;
}
EXPORT_SYMBOL_GPL(flip_ep_create);

void flip_ep_destroy(struct flip_ep *ep)
{
	struct flip_ns *ns = ep->ns;
	flip_addr_t addr = ep->addr;
	unsigned int *mark = &ns->ep_marks[flip_ep_mark(addr)];
	struct flip_ep **front = &ns->ep_front[flip_ep_mark(addr)];

	mutex_lock(&ns->ep_mutex);
	WRITE_ONCE(ep->dead, true);
	if (*front == ep)
		WRITE_ONCE(*front, NULL);
	rhltable_remove(&ns->eps, &ep->node, flip_ep_params);
	WRITE_ONCE(*mark, *mark - 1);
	if (ep->bcast)
		list_del_rcu(&ep->bcast_node);
	WRITE_ONCE(ns->n_eps, ns->n_eps - 1);
	mutex_unlock(&ns->ep_mutex);

	flip_locate_drop_ep(ns, ep);
	synchronize_rcu();
	flip_mc_ep_gone(ns, addr);
	module_put(ep->owner);
	kfree(ep);
}
EXPORT_SYMBOL_GPL(flip_ep_destroy);

void flip_ep_abort(struct flip_ep *ep)
{
	flip_locate_drop_ep(ep->ns, ep);
	flip_txmsg_abort(ep->ns, ep);
}
EXPORT_SYMBOL_GPL(flip_ep_abort);

flip_addr_t flip_ep_addr(const struct flip_ep *ep)
{
	return ep->addr;
}
EXPORT_SYMBOL_GPL(flip_ep_addr);

void *flip_ep_priv(const struct flip_ep *ep)
{
	return ep->priv;
}
EXPORT_SYMBOL_GPL(flip_ep_priv);

struct net *flip_ep_net(const struct flip_ep *ep)
{
	return ep->ns->net;
}
EXPORT_SYMBOL_GPL(flip_ep_net);

/* facts 1.2: a counter from 0, one for each message of any type */
u32 flip_ep_messid(struct flip_ep *ep)
{
	return (u32)atomic_inc_return(&ep->messid) - 1;
}
EXPORT_SYMBOL_GPL(flip_ep_messid);

/* take all broadcasts, or no longer; process context */
void flip_ep_listen_bcast(struct flip_ep *ep, bool on)
{
	struct flip_ns *ns = ep->ns;

	mutex_lock(&ns->ep_mutex);
	if (on && !ep->bcast)
		list_add_tail_rcu(&ep->bcast_node, &ns->bcast_eps);
	if (!on && ep->bcast) {
		list_del_rcu(&ep->bcast_node);
		/* it may come back, and a reader must not follow it into the new place */
		synchronize_rcu();
	}
	ep->bcast = on;
	mutex_unlock(&ns->ep_mutex);
}

int flip_bcast_register(struct flip_bcast *b)
{
	struct flip_bcast *other;
	int err = 0;

	mutex_lock(&flip_bcast_mutex);
	hlist_for_each_entry(other, &flip_bcasts, node)
		if (other->protocol == b->protocol)
			err = -EEXIST;
	if (!err)
		hlist_add_head_rcu(&b->node, &flip_bcasts);
	mutex_unlock(&flip_bcast_mutex);
	return err;
}
EXPORT_SYMBOL_GPL(flip_bcast_register);

void flip_bcast_unregister(struct flip_bcast *b)
{
	mutex_lock(&flip_bcast_mutex);
	hlist_del_rcu(&b->node);
	mutex_unlock(&flip_bcast_mutex);
	synchronize_rcu();
}
EXPORT_SYMBOL_GPL(flip_bcast_unregister);

/* to everyone who takes broadcasts but @skip */
static void flip_deliver_bcast(struct flip_ns *ns, struct sk_buff *skb, const struct flip_rx *rx,
			       const struct flip_ep *skip)
{
	struct flip_bcast *b, *taker = NULL;
	struct sk_buff *copy;
	struct flip_ep *ep;
	bool taken = false;
	u32 protocol;

	list_for_each_entry_rcu(ep, &ns->bcast_eps, bcast_node) {
		if (ep == skip)
			continue;
		taken = true;
		copy = skb_clone(skb, GFP_ATOMIC);
		if (copy)
			ep->ops->receive(ep, copy, rx);
		else
			flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
	}
	/* only the first packet of a message bears the number of its protocol */
	if (rx->offset || rx->length < 4) {
		if (taken)
			consume_skb(skb);
		else
			flip_drop(ns, NULL, skb, FLIP_DROP_BCAST_SHORT);
		return;
	}
	protocol = get_unaligned_be32(skb->data);
	hlist_for_each_entry_rcu(b, &flip_bcasts, node)
		if (b->protocol == protocol)
			taker = b;
	if (taker)
		taker->receive(ns->net, skb, rx);
	else if (taken)
		consume_skb(skb);
	else
		flip_drop(ns, NULL, skb, FLIP_DROP_BCAST_PROTO);
}

/**
 * flip_deliver_list() - hand a packet to endpoints of its destination
 * @ns: namespace
 * @list: what flip_ep_list() found for it, perhaps NULL
 * @skb: payload, consumed
 * @rx: describes it; not a broadcast
 * @multi: to all of the address but @skip, otherwise to one
 * @skip: endpoint left out of a multicast, or NULL
 *
 * Context: between flip_upcall_begin() and flip_upcall_end().
 */
void flip_deliver_list(struct flip_ns *ns, struct rhlist_head *list, struct sk_buff *skb,
		       const struct flip_rx *rx, bool multi, const struct flip_ep *skip)
{
	struct flip_ep *ep, *last = NULL;
	struct rhlist_head *pos;
	struct sk_buff *copy;

	if (!pskb_may_pull(skb, min_t(u32, rx->length, 64))) {
		flip_drop(ns, NULL, skb, FLIP_DROP_NOMEM);
		return;
	}
	rhl_for_each_entry_rcu(ep, pos, list, node) {
		if (multi && ep == skip)
			continue;
		if (last) {
			copy = skb_clone(skb, GFP_ATOMIC);
			if (copy)
				last->ops->receive(last, copy, rx);
			else
				flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
		}
		last = ep;
		if (!multi)
			break;
	}
	if (last)
		last->ops->receive(last, skb, rx);
	else
		flip_drop(ns, NULL, skb, FLIP_DROP_NOBODY);
}

/* look up who gets a packet, which may be a broadcast, and hand it over; as above */
void flip_deliver(struct flip_ns *ns, struct sk_buff *skb, const struct flip_rx *rx, bool multi,
		  const struct flip_ep *skip)
{
	if (rx->dst != FLIP_ADDR_NULL)
		flip_deliver_list(ns, flip_ep_list(ns, rx->dst), skb, rx, multi, skip);
	else if (pskb_may_pull(skb, min_t(u32, rx->length, 64)))
		flip_deliver_bcast(ns, skb, rx, skip);
	else
		flip_drop(ns, NULL, skb, FLIP_DROP_NOMEM);
}

/* tell the sender of @rx; between flip_upcall_begin() and flip_upcall_end() */
void flip_undelivered(struct flip_ns *ns, struct sk_buff *skb, const struct flip_rx *rx,
		      enum flip_undeliv why)
{
	struct flip_ep *ep = flip_ep_lookup(ns, rx->src);

	if (!ep || !ep->ops->undelivered) {
		flip_drop(ns, NULL, skb, FLIP_DROP_UNDELIVERED);
		return;
	}
	flip_stat_inc(ns, UNDELIVERED);
	ep->ops->undelivered(ep, skb, rx, why);
}
