// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages that start here, facts 2: unicast, multicast, broadcast.
 *
 * DESIGN NOTES
 * flip_send_skb() is the fast path of small messages: an endpoint of this namespace, or a route
 * and one frame, or a place in the queue of a locate. flip_send_msg() may sleep, so it copies the
 * caller's data a packet at a time, or takes its pages (flip_pin.c), waits for the locate and for
 * credits, and never has more than a window of packets in memory.
 */
#include <linux/export.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "flip_int.h"

#define FLIP_LOCAL_CHUNK	(32 * 1024)	/* packet of a large message to our own namespace */
#define FLIP_LOCAL_LINEAR	256		/* of which linear: any protocol header */
#define FLIP_HDR_MAX		128		/* flip_send_msg(): @hlen */
#define FLIP_RESOLVE_TRIES	4		/* route found and lost again at once */

static void flip_want_of(struct flip_want *w, struct flip_ep *ep, const struct flip_send *how)
{
	*w = (struct flip_want){
		.ep = ep, .dst = how->dst, .ltime_ms = how->ltime_ms, .members = how->members,
		.secure = how->flags & FLIP_SEND_SECURITY,
		.forced = how->flags & FLIP_SEND_INVAL,
		.skip_src = how->flags & FLIP_SEND_SKIP_SRC,
		.hipri = how->hipri,
		.says_payload = how->says_payload, .payload_at = how->payload_at,
	};
}

/* a message of @w is about to leave by @n: the linear part of @skb is nobody else's */
void flip_say_payload(struct sk_buff *skb, const struct flip_want *w, const struct flip_network *n)
{
	if (w && w->says_payload)
		put_unaligned_le32(READ_ONCE(n->mtu_ours), skb->data + w->payload_at);
}

static u32 flip_send_messid(struct flip_ep *ep, struct flip_send *how)
{
	if (!how->has_messid)
		how->messid = flip_ep_messid(ep);
	return how->messid;
}

static void flip_send_hdr(struct flip_hdr *h, const struct flip_want *w, u32 messid, u32 total)
{
	*h = (struct flip_hdr){
		.type = w->members || w->dst == FLIP_ADDR_NULL ? FLIP_MULTIDATA : FLIP_UNIDATA,
		.flags = w->secure ? FLIP_F_SECURITY : 0,
		.dst = w->dst, .src = w->ep->addr, .messid = messid, .length = total,
		.total = total,
	};
}

/* facts 1.8: the maximum is the distance the route says */
static void flip_send_charge(struct flip_hdr *h, const struct flip_network *n, u16 hops)
{
	h->act = READ_ONCE(n->weight);
	h->max = max(hops, h->act);
	if (!READ_ONCE(n->trusted))
		h->flags |= FLIP_F_UNSAFE;
}

static int flip_send_error(enum flip_route_why why)
{
	return why == FLIP_ROUTE_UNSAFE ? -ENETUNREACH : -EHOSTUNREACH;
}

static void flip_send_local(struct flip_ns *ns, struct sk_buff *skb, const struct flip_hdr *h,
			    const struct flip_want *w)
{
	struct flip_rx rx;

	flip_rx_of(&rx, h);
	rx.local = true;
	flip_local_send(ns, skb, &rx, h->type == FLIP_MULTIDATA, w->skip_src ? w->ep : NULL);
}

/* to everyone: the networks first, then the receivers of this namespace */
static void flip_send_bcast(struct flip_ns *ns, struct sk_buff *skb, struct flip_hdr *h,
			    const struct flip_want *w, u16 hops)
{
	struct sk_buff *copy;

	h->max = clamp_t(u16, hops, 1, FLIP_MAX_HOPS);
	flip_loop_seen(ns, h->src, h->messid, h->offset);
	if (READ_ONCE(ns->n_networks)) {
		copy = pskb_copy(skb, GFP_ATOMIC);
		if (copy)
			flip_flood(ns, copy, h, NULL, w);
		else
			flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
	}
	flip_send_local(ns, skb, h, w);
}

/* to all members known, here and elsewhere; 0: to none */
static unsigned int flip_send_mcast(struct flip_ns *ns, struct sk_buff *skb, struct flip_hdr *h,
				    const struct flip_want *w)
{
	unsigned int known, trusted, here;
	struct flip_route *r;
	struct sk_buff *copy;
	u16 far;

	known = flip_route_count(ns, w->dst, NULL, &trusted, &far);
	if (w->secure)
		known = trusted;
	here = flip_ep_members(ns, w->dst);
	if (!known && !here)
		return 0;
	r = flip_route_lookup(ns, w->dst);
	if (known && r) {
		flip_route_touch(r);
		flip_loop_seen(ns, h->src, h->messid, h->offset);
		h->max = max_t(u16, far, 1);
		copy = here ? pskb_copy(skb, GFP_ATOMIC) : skb;
		if (copy)
			flip_mc_xmit(ns, copy, h, r, NULL);
		else
			flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
		if (!here)
			return known;
	}
	if (here)
		flip_send_local(ns, skb, h, w);
	else
		consume_skb(skb);
	return known + here;
}

/* try to send at once; the skb is consumed unless an error says there is no way */
static int flip_send_now(struct flip_ns *ns, struct sk_buff *skb, const struct flip_want *w,
			 u32 messid)
{
	enum flip_route_why why;
	struct flip_loc *loc;
	struct flip_hdr h;
	int err = 0;

	flip_send_hdr(&h, w, messid, skb->len);
	rcu_read_lock();
	if (unlikely(w->members)) {
		if (!flip_send_mcast(ns, skb, &h, w))
			err = -EHOSTUNREACH;
		goto out;
	}
	if (flip_ep_lookup(ns, w->dst)) {
		flip_send_local(ns, skb, &h, w);
		goto out;
	}
	loc = flip_route_find(ns, w->dst, NULL, FLIP_MAX_HOPS, w->secure, &why);
	if (!loc) {
		err = flip_send_error(why);
		goto out;
	}
	flip_send_charge(&h, loc->neigh->network, READ_ONCE(loc->hops));
	flip_say_payload(skb, w, loc->neigh->network);
	flip_xmit_neigh(loc->neigh, skb, &h, NULL);
out:
	rcu_read_unlock();
	return err;
}

/* enough members known to send to a group at once? */
static bool flip_send_enough(struct flip_ns *ns, const struct flip_want *w)
{
	unsigned int n, trusted;
	u16 far;

	if (likely(!w->members))
		return true;
	rcu_read_lock();
	n = flip_route_count(ns, w->dst, NULL, &trusted, &far);
	n = (w->secure ? trusted : n) + flip_ep_members(ns, w->dst);
	rcu_read_unlock();
	return n >= w->members;
}

int flip_send_skb(struct flip_ep *ep, struct sk_buff *skb, struct flip_send *how)
{
	struct flip_ns *ns = ep->ns;
	struct flip_want w;
	struct flip_hdr h;
	u32 messid;
	int err;

	if (unlikely(skb->len > FLIP_ETH_PAYLOAD)) {
		kfree_skb(skb);
		return -EMSGSIZE;
	}
	if (WARN_ON_ONCE(how->says_payload && how->payload_at + sizeof(u32) > skb_headlen(skb))) {
		kfree_skb(skb);
		return -EINVAL;
	}
	flip_want_of(&w, ep, how);
	messid = flip_send_messid(ep, how);
	if (w.dst == FLIP_ADDR_NULL) {
		flip_send_hdr(&h, &w, messid, skb->len);
		flip_send_bcast(ns, skb, &h, &w, how->hops);
		return 0;
	}
	if (unlikely(w.forced))
		flip_route_remove(ns, w.dst, NULL);
	else if (unlikely(flip_locate_pending(ns)) && flip_locate_join(ns, &w, skb, messid))
		return 0;
	err = -EHOSTUNREACH;
	if (!w.ltime_ms || flip_send_enough(ns, &w))
		err = flip_send_now(ns, skb, &w, messid);
	if (likely(!err))
		return 0;
	if (w.ltime_ms)
		err = flip_locate_queue(ns, &w, skb, messid);
	if (err)
		kfree_skb(skb);
	return err;
}
EXPORT_SYMBOL_GPL(flip_send_skb);

/* a message whose destination was found; between flip_upcall_begin() and flip_upcall_end() */
void flip_send_queued(struct flip_ns *ns, struct sk_buff *skb, const struct flip_want *w,
		      u32 messid)
{
	struct flip_rx rx;
	struct flip_hdr h;
	int err;

	err = flip_send_now(ns, skb, w, messid);
	if (!err)
		return;
	/* lost again in this moment */
	flip_send_hdr(&h, w, messid, skb->len);
	flip_rx_of(&rx, &h);
	flip_undelivered(ns, skb, &rx, err == -ENETUNREACH ? FLIP_UNDELIV_R_UNTRUSTED :
			 FLIP_UNDELIV_R_TIMEOUT);
}

/* ---- large messages --------------------------------------------------------------------- */

/* what flip_send_msg() was given */
struct flip_source {
	const void	*hdr;
	size_t		hlen;
	struct iov_iter	*data;
	u32		from;		/* of it, what is sent */
	u32		to;
};

/* how many of the @len bytes at @offset are of the protocol header */
static u32 flip_fill_hdr(const struct flip_source *s, u32 offset, u32 len)
{
	return offset < s->hlen ? min_t(u32, len, s->hlen - offset) : 0;
}

/* copy the next @len bytes of a message, those at @offset, into a linear skb */
static struct sk_buff *flip_fill_linear(const struct flip_source *s, u32 offset, u32 len)
{
	struct sk_buff *skb = flip_eth_alloc(len, GFP_KERNEL);
	u32 n;

	if (!skb)
		return ERR_PTR(-ENOMEM);
	n = flip_fill_hdr(s, offset, len);
	if (n)
		skb_put_data(skb, s->hdr + offset, n);
	len -= n;
	if (len && !copy_from_iter_full(skb_put(skb, len), len, s->data)) {
		kfree_skb(skb);
		return ERR_PTR(-EFAULT);
	}
	return skb;
}

/* the same into pages; @room is left in front */
static struct sk_buff *flip_fill_pages(const struct flip_source *s, u32 offset, u32 len,
				       unsigned int room)
{
	u32 linear = min_t(u32, len, FLIP_LOCAL_LINEAR), at;
	struct sk_buff *skb;
	int err;

	skb = alloc_skb_with_frags(room + linear, len - linear, 3, &err, GFP_KERNEL);
	if (!skb)
		return ERR_PTR(err);
	skb_reserve(skb, room);
	skb_put(skb, linear);
	skb->data_len = len - linear;
	skb->len += len - linear;
	at = flip_fill_hdr(s, offset, len);
	if (at)
		skb_store_bits(skb, 0, s->hdr + offset, at);
	if (at < len && skb_copy_datagram_from_iter(skb, at, s->data, len - at)) {
		kfree_skb(skb);
		return ERR_PTR(-EFAULT);
	}
	return skb;
}

static struct sk_buff *flip_fill(const struct flip_source *s, u32 offset, u32 len)
{
	return len <= FLIP_ETH_PAYLOAD ? flip_fill_linear(s, offset, len) :
		flip_fill_pages(s, offset, len, FLIP_HEADROOM);
}

/* packets of @chunk bytes, each given to @send; for destinations that take no credits */
static int flip_send_chunks(struct flip_ns *ns, const struct flip_source *s, struct flip_hdr *h,
			    const struct flip_want *w, u16 hops, u32 chunk,
			    const struct flip_patience *p)
{
	u32 end = s->to, at = s->from;
	struct sk_buff *skb;
	int err = 0;

	/* packets sent from several processors could overtake each other */
	migrate_disable();
	do {
		h->offset = at;
		h->length = min(chunk, end - at);
		h->act = 0;
		if (h->type == FLIP_UNIDATA)
			skb = flip_fill_pages(s, at, h->length, 0);
		else
			skb = flip_fill(s, at, h->length);
		if (IS_ERR(skb)) {
			err = PTR_ERR(skb);
			break;
		}
		rcu_read_lock();
		if (h->dst == FLIP_ADDR_NULL) {
			flip_send_bcast(ns, skb, h, w, hops);
		} else if (h->type == FLIP_MULTIDATA) {
			if (!flip_send_mcast(ns, skb, h, w)) {
				kfree_skb(skb);
				err = -EHOSTUNREACH;
			}
		} else if (flip_ep_lookup(ns, h->dst)) {
			flip_send_local(ns, skb, h, w);
		} else {
			kfree_skb(skb);
			err = at ? -ENETDOWN : -EHOSTUNREACH;
		}
		rcu_read_unlock();
		at += h->length;
		cond_resched();
		if (!err && at < end)
			err = flip_impatient(p);
	} while (at < end && !err);
	migrate_enable();
	return err;
}

/* a message that costs credits */
static int flip_send_large(struct flip_ns *ns, const struct flip_source *s, struct flip_hdr *h,
			   const struct flip_want *w, struct flip_neigh *neigh, u16 hops,
			   struct flip_patience *p)
{
	u32 end = s->to, at = s->from, room, n;
	struct flip_txmsg m;
	struct flip_pin pin;
	struct sk_buff *skb;
	int err;

	err = flip_txmsg_begin(&m, neigh, w);
	if (err)
		return err;
	flip_pin_begin(&pin, &m, s->data, end - at, p);
	while (at < end && !err) {
		room = flip_neigh_room(neigh);
		flip_send_charge(h, neigh->network, hops);
		h->offset = at;
		h->length = min(room, end - at);
		n = flip_fill_hdr(s, at, h->length);
		skb = flip_pin_fill(&pin, n ? s->hdr + at : NULL, n, s->data, &h->length, room, p);
		if (!skb)
			skb = flip_fill(s, at, h->length);
		if (IS_ERR(skb)) {
			err = PTR_ERR(skb);
			break;
		}
		flip_hdr_put(skb_push(skb, FLIP_HDR_LEN), h);
		flip_stat_inc(ns, TX_UNIDATA);
		at += h->length;
		err = flip_txmsg_add(&m, skb, p);
		if (!err && at < end)
			err = flip_impatient(p);
	}
	err = flip_txmsg_end(&m, err, p);
	flip_pin_end(&pin, s->data);
	return err;
}

/* where does it go: this namespace (*@neigh NULL), or a neighbour, with a reference */
static int flip_resolve(struct flip_ns *ns, struct flip_want *w, struct flip_neigh **neigh,
			u16 *hops, struct flip_patience *p)
{
	unsigned int tries = 0;
	enum flip_route_why why;
	struct flip_loc *loc;
	int err;

	for (;;) {
		*neigh = NULL;
		rcu_read_lock();
		if (w->members ? flip_send_enough(ns, w) : !!flip_ep_lookup(ns, w->dst)) {
			rcu_read_unlock();
			return 0;
		}
		why = FLIP_ROUTE_UNKNOWN;
		loc = w->members ? NULL :
			flip_route_find(ns, w->dst, NULL, FLIP_MAX_HOPS, w->secure, &why);
		if (loc && flip_neigh_hold(loc->neigh)) {
			*neigh = loc->neigh;
			*hops = READ_ONCE(loc->hops);
			rcu_read_unlock();
			return 0;
		}
		rcu_read_unlock();
		if (!w->ltime_ms || tries++ == FLIP_RESOLVE_TRIES)
			return flip_send_error(why);
		err = flip_locate_wait(ns, w, p);
		if (err)
			return err;
		w->forced = false;
	}
}

int flip_send_msg(struct flip_ep *ep, const void *hdr, size_t hlen, struct iov_iter *data,
		  struct flip_send *how, long tmo)
{
	struct flip_source s = { .hdr = hdr, .hlen = hlen, .data = data };
	u64 total = hlen + (u64)(data ? iov_iter_count(data) : 0);
	struct flip_patience p = { .left = tmo, .stop = how->stop, .priv = how->priv };
	struct flip_ns *ns = ep->ns;
	struct flip_neigh *neigh;
	struct flip_want w;
	struct sk_buff *skb;
	struct flip_hdr h;
	u16 hops = 0;
	int err;

	might_sleep();
	if (total > FLIP_TOTAL_MAX || WARN_ON_ONCE(hlen > FLIP_HDR_MAX))
		return -EMSGSIZE;
	s.to = total;
	if (how->to) {
		if (how->from >= how->to || how->to > total)
			return -EINVAL;
		s.to = how->to;
		s.from = how->from;
		if (s.from > hlen)
			iov_iter_advance(data, s.from - hlen);
	}
	flip_want_of(&w, ep, how);
	flip_send_hdr(&h, &w, flip_send_messid(ep, how), total);
	if (w.dst == FLIP_ADDR_NULL)
		return flip_send_chunks(ns, &s, &h, &w, how->hops, FLIP_ETH_PAYLOAD, &p);
	if (w.forced)
		flip_route_remove(ns, w.dst, NULL);
	err = flip_resolve(ns, &w, &neigh, &hops, &p);
	if (err)
		return err;
	if (!neigh)
		return flip_send_chunks(ns, &s, &h, &w, 0,
					w.members ? FLIP_ETH_PAYLOAD : FLIP_LOCAL_CHUNK, &p);
	if (total > FLIP_ETH_PAYLOAD) {
		err = flip_send_large(ns, &s, &h, &w, neigh, hops, &p);
		goto out;
	}
	h.offset = s.from;
	h.length = s.to - s.from;
	skb = flip_fill(&s, h.offset, h.length);
	err = PTR_ERR_OR_ZERO(skb);
	if (err)
		goto out;
	flip_send_charge(&h, neigh->network, hops);
	rcu_read_lock();
	flip_xmit_neigh(neigh, skb, &h, NULL);
	rcu_read_unlock();
out:
	flip_neigh_put(neigh);
	return err;
}
EXPORT_SYMBOL_GPL(flip_send_msg);
