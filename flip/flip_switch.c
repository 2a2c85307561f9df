// SPDX-License-Identifier: GPL-2.0-only
/*
 * The switch: what is done with each type of packet, facts 1.7.
 *
 * DESIGN NOTES
 * A packet comes here with its header read into struct flip_pkt and the skb at the payload. It
 * is delivered to endpoints of this namespace, forwarded, bounced or dropped; in every case the
 * switch disposes of the skb. All under RCU, bottom halves off, between flip_upcall_begin() and
 * flip_upcall_end(). What is forwarded gets a header of our byte order, as with every machine.
 *
 * A large UNIDATA packet has cost its neighbour a credit, which goes back when we are done with
 * the packet: after the upcall, or when it has left for the next neighbour.
 */
#include "flip_int.h"

void flip_rx_of(struct flip_rx *rx, const struct flip_hdr *h)
{
	*rx = (struct flip_rx){
		.dst = h->dst, .src = h->src, .messid = h->messid, .length = h->length,
		.offset = h->offset, .total = h->total, .hops = h->act,
		.flags = h->flags & FLIP_F_KNOWN,
	};
}

static bool flip_forwarding(struct flip_ns *ns)
{
	return READ_ONCE(ns->tune.forwarding);
}

/* charge the header for crossing @n; false: the budget does not reach */
static bool flip_charge(struct flip_hdr *h, const struct flip_network *n)
{
	u16 weight = READ_ONCE(n->weight);

	if (weight > h->max - h->act)
		return false;
	h->act += weight;
	if (!READ_ONCE(n->trusted))
		h->flags |= FLIP_F_UNSAFE;
	return true;
}

/**
 * flip_flood() - send to every other network within the budget
 * @ns: namespace
 * @skb: payload, consumed
 * @h: header
 * @except: network it came from, or NULL
 * @w: what its sender here wants, NULL: it is not from here
 *
 * All copies leave before any answer is looked at, so that the shortest of several ways wins also
 * between namespaces. Context: any but hard interrupt.
 */
void flip_flood(struct flip_ns *ns, struct sk_buff *skb, const struct flip_hdr *h,
		const struct flip_network *except, const struct flip_want *w)
{
	struct flip_network *n, *last = NULL;
	struct flip_hdr out, last_out;
	struct sk_buff *copy;

	local_bh_disable();
	rcu_read_lock();
	list_for_each_entry_rcu(n, &ns->networks, list) {
		out = *h;
		if (n == except || !flip_network_usable(n))
			continue;
		if ((h->flags & FLIP_F_SECURITY) && h->type != FLIP_LOCATE &&
		    !READ_ONCE(n->trusted))
			continue;
		if (!flip_charge(&out, n))
			continue;
		if (last) {
			copy = pskb_copy(skb, GFP_ATOMIC);
			if (copy) {
				flip_say_payload(copy, w, last);
				flip_xmit(last, flip_eth_bcast, copy, &last_out);
			} else {
				flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
			}
		}
		last = n;
		last_out = out;
	}
	if (last) {
		flip_say_payload(skb, w, last);
		flip_xmit(last, flip_eth_bcast, skb, &last_out);
	} else {
		consume_skb(skb);
	}
	rcu_read_unlock();
	local_bh_enable();
}

/* travel back one network: the weight is taken off again */
static bool flip_refund(struct flip_hdr *h, const struct flip_network *n)
{
	u16 weight = READ_ONCE(n->weight);

	if (h->act < weight)
		return false;
	h->act -= weight;
	return true;
}

/* send a packet back to whoever sent it to us, as @type */
static void flip_bounce(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p, u8 type,
			u8 flags)
{
	struct flip_hdr h = p->h;

	/* a frame for many must not make all of them answer */
	if (h.src == FLIP_ADDR_NULL || !p->host) {
		flip_drop(ns, p->net, skb, FLIP_DROP_NOROUTE);
		return;
	}
	if (!flip_refund(&h, p->net)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_HOPS);
		return;
	}
	h.type = type;
	h.flags |= flags;
	flip_xmit(p->net, p->mac, skb, &h);
}

/* tell an endpoint of ours, or the way back to it, that a packet did not arrive */
static void flip_pass_back(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p,
			   enum flip_undeliv why)
{
	struct flip_hdr h = p->h;
	enum flip_route_why rwhy;
	struct flip_loc *loc;
	struct flip_rx rx;
	bool secure;

	if (h.src == FLIP_ADDR_NULL) {
		flip_drop(ns, p->net, skb, FLIP_DROP_NOROUTE);
		return;
	}
	if (flip_ep_lookup(ns, h.src)) {
		flip_rx_of(&rx, &h);
		rx.network = p->net->index;
		flip_undelivered(ns, skb, &rx, why);
		return;
	}
	if (!flip_forwarding(ns)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_NOFORWARD);
		return;
	}
	secure = why == FLIP_UNDELIV_R_UNTRUSTED || (h.flags & FLIP_F_SECURITY);
	loc = flip_route_find(ns, h.src, p->net, FLIP_MAX_HOPS, secure, &rwhy);
	if (!loc) {
		flip_drop(ns, p->net, skb,
			  rwhy == FLIP_ROUTE_UNSAFE ? FLIP_DROP_UNSAFE : FLIP_DROP_NOROUTE);
		return;
	}
	if (!flip_refund(&h, loc->neigh->network)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_HOPS);
		return;
	}
	flip_stat_inc(ns, FORWARDED);
	flip_xmit(loc->neigh->network, loc->neigh->key.mac, skb, &h);
}

/* ---- LOCATE ----------------------------------------------------------------------------- */

/* @count destinations are @dist beyond us: say so to who asks */
static void flip_answer(struct flip_ns *ns, struct flip_pkt *p, unsigned int count,
			unsigned int trusted, u16 dist)
{
	struct flip_hdr h = p->h;
	struct sk_buff *skb;
	u8 *body;

	h.type = FLIP_HEREIS;
	h.max = h.act + dist;
	h.length = FLIP_HEREIS_LEN;
	h.total = FLIP_HEREIS_LEN;
	if (h.max > FLIP_MAX_HOPS || !flip_refund(&h, p->net))
		return;
	skb = flip_eth_alloc(FLIP_HEREIS_LEN, GFP_ATOMIC);
	if (!skb) {
		flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
		return;
	}
	if (h.flags & FLIP_F_UNSAFE)
		trusted = 0;
	body = skb_put(skb, FLIP_HEREIS_LEN);
	flip_put16(body, min(count, 0xffffU));
	flip_put16(body + 2, min3(trusted, count, 0xffffU));
	flip_xmit(p->net, p->mac, skb, &h);
}

static void flip_rx_locate(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p)
{
	struct flip_hdr *h = &p->h;
	unsigned int count = 0, trusted = 0, here;
	u16 dist = 0;

	if (h->src == FLIP_ADDR_NULL || h->dst == FLIP_ADDR_NULL) {
		flip_drop(ns, p->net, skb, FLIP_DROP_ADDRESS);
		return;
	}
	if (flip_loop_seen(ns, h->src, h->messid, h->offset)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_LOOP);
		return;
	}
	if (!flip_network_locate_ok(p->net)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_LOCATE_RATE);
		return;
	}
	flip_route_relearn(ns, p);

	/* one answer for all that is known here and behind us: the last one heard from us counts */
	here = flip_ep_members(ns, h->dst);
	if (h->act == h->max && flip_forwarding(ns)) {
		count = flip_route_count(ns, h->dst, p->net, &trusted, &dist);
		if (h->flags & FLIP_F_SECURITY)
			count = trusted;
		/* farther than a header can say */
		if (h->act + dist > FLIP_MAX_HOPS)
			count = trusted = 0;
	}
	if (here + count)
		flip_answer(ns, p, here + count, here + trusted, count ? dist : 0);
	if (h->act == h->max || !flip_forwarding(ns)) {
		consume_skb(skb);
		return;
	}
	flip_route_remove(ns, h->dst, p->net);
	flip_flood(ns, skb, h, p->net, NULL);
}

/* ---- HEREIS ----------------------------------------------------------------------------- */

static void flip_rx_hereis(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p, bool be)
{
	struct flip_hdr *h = &p->h, out;
	unsigned int count, trusted, all, safe, here;
	enum flip_route_why why;
	struct flip_loc *loc;
	u16 far;
	u8 *body;

	if (h->src == FLIP_ADDR_NULL || h->dst == FLIP_ADDR_NULL) {
		flip_drop(ns, p->net, skb, FLIP_DROP_ADDRESS);
		return;
	}
	if (h->length != FLIP_HEREIS_LEN || h->total != FLIP_HEREIS_LEN ||
	    !pskb_may_pull(skb, FLIP_HEREIS_LEN)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_HEREIS);
		return;
	}
	count = flip_get16(skb->data, be);
	trusted = flip_get16(skb->data + 2, be);
	if (!count || trusted > count || h->max == h->act) {
		flip_drop(ns, p->net, skb, FLIP_DROP_HEREIS);
		return;
	}
	if (h->flags & FLIP_F_UNSAFE)
		trusted = 0;
	flip_route_install(ns, p, h->dst, h->max - h->act, count, trusted, false);
	if (flip_ep_lookup(ns, h->src)) {
		consume_skb(skb);
		return;
	}
	if (!flip_forwarding(ns)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_NOFORWARD);
		return;
	}
	loc = flip_route_find(ns, h->src, p->net, FLIP_MAX_HOPS, false, &why);
	if (!loc) {
		flip_drop(ns, p->net, skb, FLIP_DROP_NOROUTE);
		return;
	}
	out = *h;
	if (!flip_refund(&out, loc->neigh->network)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_HOPS);
		return;
	}
	if (!READ_ONCE(loc->neigh->network->trusted))
		out.flags |= FLIP_F_UNSAFE;
	/* what is here and behind us, seen from there */
	here = flip_ep_members(ns, h->dst);
	all = flip_route_count(ns, h->dst, loc->neigh->network, &safe, &far) + here;
	safe += here;
	if (!all || skb_ensure_writable(skb, FLIP_HEREIS_LEN)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_NOMEM);
		return;
	}
	body = skb->data;
	flip_put16(body, min(all, 0xffffU));
	flip_put16(body + 2, min3(safe, all, 0xffffU));
	flip_stat_inc(ns, FORWARDED);
	flip_xmit(loc->neigh->network, loc->neigh->key.mac, skb, &out);
}

/* ---- UNIDATA ---------------------------------------------------------------------------- */

/* on to the neighbour of @loc; @from gets its credit back when the packet has left */
static void flip_forward(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p,
			 struct flip_loc *loc, struct flip_neigh *from)
{
	struct flip_hdr h = p->h;

	if (!flip_charge(&h, loc->neigh->network)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_TOOFAR);
		if (from)
			flip_credit_consumed(from);
		return;
	}
	flip_stat_inc(ns, FORWARDED);
	flip_xmit_neigh(loc->neigh, skb, &h, from);
}

static void flip_rx_unidata(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p,
			    u8 credits)
{
	struct flip_hdr *h = &p->h;
	struct flip_neigh *from = NULL;
	struct rhlist_head *list;
	enum flip_route_why why;
	struct flip_loc *loc;
	struct flip_rx rx;

	flip_route_learn(ns, p);
	if (flip_hdr_credited(h)) {
		from = p->neigh;
		if (from)
			flip_credit_data(from, credits);
	}
	if (unlikely(h->dst == FLIP_ADDR_NULL)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_ADDRESS);
		goto consumed;
	}
	list = flip_ep_list(ns, h->dst);
	if (list) {
		flip_rx_of(&rx, h);
		rx.network = p->net->index;
		flip_deliver_list(ns, list, skb, &rx, false, NULL);
		goto consumed;
	}
	loc = NULL;
	why = FLIP_ROUTE_UNKNOWN;
	if (flip_forwarding(ns))
		loc = flip_route_find(ns, h->dst, p->net, h->max - h->act,
				      h->flags & FLIP_F_SECURITY, &why);
	switch (loc ? FLIP_ROUTE_OK : why) {
	case FLIP_ROUTE_OK:
		flip_forward(ns, skb, p, loc, from);
		return;
	case FLIP_ROUTE_UNSAFE:
		flip_bounce(ns, skb, p, FLIP_UNTRUSTED, FLIP_F_UNREACHABLE);
		break;
	case FLIP_ROUTE_TOOFAR:
		flip_drop(ns, p->net, skb, FLIP_DROP_TOOFAR);
		break;
	default:
		flip_bounce(ns, skb, p, FLIP_NOTHERE, 0);
	}
consumed:
	if (from)
		flip_credit_consumed(from);
}

/* ---- MULTIDATA -------------------------------------------------------------------------- */

static void flip_rx_multidata(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p)
{
	struct flip_hdr *h = &p->h;
	bool bcast = h->dst == FLIP_ADDR_NULL, local, on;
	struct flip_route *r = NULL;
	struct sk_buff *copy;
	struct flip_rx rx;

	on = flip_forwarding(ns) && READ_ONCE(ns->n_networks) > 1;
	if ((bcast || on) && flip_loop_seen(ns, h->src, h->messid, h->offset)) {
		flip_drop(ns, p->net, skb, FLIP_DROP_LOOP);
		return;
	}
	if (!h->offset && bcast)
		flip_route_relearn(ns, p);
	else if (!h->offset)
		flip_route_learn(ns, p);
	local = bcast || flip_ep_lookup(ns, h->dst);
	if (!bcast)
		r = flip_route_lookup(ns, h->dst);
	on = on && (bcast || r);
	if (!local && !on) {
		flip_drop(ns, p->net, skb, FLIP_DROP_NOROUTE);
		return;
	}
	if (on) {
		copy = local ? pskb_copy(skb, GFP_ATOMIC) : skb;
		if (!copy) {
			flip_drop(ns, p->net, NULL, FLIP_DROP_NOMEM);
		} else {
			flip_stat_inc(ns, FORWARDED);
			if (bcast)
				flip_flood(ns, copy, h, p->net, NULL);
			else
				flip_mc_xmit(ns, copy, h, r, p->net);
		}
	}
	if (local) {
		flip_rx_of(&rx, h);
		rx.network = p->net->index;
		flip_deliver(ns, skb, &rx, true, NULL);
	}
}

/* ---- what comes back -------------------------------------------------------------------- */

/* try another network for a packet that came back; true: it is on its way */
static bool flip_repair(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p)
{
	struct flip_hdr h = p->h;
	enum flip_route_why why;
	struct flip_loc *loc;

	loc = flip_route_find(ns, h.dst, p->net, h.max - h.act, h.flags & FLIP_F_SECURITY, &why);
	if (!loc)
		return false;
	h.type = FLIP_UNIDATA;
	h.flags &= ~FLIP_F_UNREACHABLE;
	if (!flip_charge(&h, loc->neigh->network))
		return false;
	flip_stat_inc(ns, REPAIRED);
	flip_xmit_neigh(loc->neigh, skb, &h, NULL);
	return true;
}

static void flip_rx_nothere(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p)
{
	if (p->h.dst == FLIP_ADDR_NULL) {
		flip_drop(ns, p->net, skb, FLIP_DROP_ADDRESS);
		return;
	}
	flip_route_remove_at(ns, p->h.dst, p->net, p->mac);
	if (!flip_repair(ns, skb, p))
		flip_pass_back(ns, skb, p, FLIP_UNDELIV_R_NOTHERE);
}

/* an address is there, but not for SECURITY: what is known of it stays, but is trusted no longer */
static void flip_distrust(struct flip_ns *ns, struct flip_pkt *p)
{
	struct flip_route *r = flip_route_lookup(ns, p->h.dst);
	struct flip_loc *loc;

	if (r) {
		list_for_each_entry_rcu(loc, &r->locs, list) {
			if (loc->neigh->network == p->net &&
			    ether_addr_equal_unaligned(loc->neigh->key.mac, p->mac)) {
				WRITE_ONCE(loc->trusted, 0);
				return;
			}
		}
	}
	if (p->h.max > p->h.act && !flip_ep_lookup(ns, p->h.dst))
		flip_route_install(ns, p, p->h.dst, p->h.max - p->h.act, 1, 0, false);
}

static void flip_rx_untrusted(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p)
{
	if (p->h.dst == FLIP_ADDR_NULL) {
		flip_drop(ns, p->net, skb, FLIP_DROP_ADDRESS);
		return;
	}
	flip_distrust(ns, p);
	if (!flip_repair(ns, skb, p))
		flip_pass_back(ns, skb, p, FLIP_UNDELIV_R_UNTRUSTED);
}

/**
 * flip_switch_rx() - take in one packet of a network
 * @ns: namespace
 * @skb: payload, consumed; the header lies before it
 * @p: the packet
 * @credits: fc count
 */
void flip_switch_rx(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p, u8 credits)
{
	switch (p->h.type) {
	case FLIP_UNIDATA:
		flip_rx_unidata(ns, skb, p, credits);
		break;
	case FLIP_MULTIDATA:
		flip_rx_multidata(ns, skb, p);
		break;
	case FLIP_LOCATE:
		flip_rx_locate(ns, skb, p);
		break;
	case FLIP_HEREIS:
		flip_rx_hereis(ns, skb, p, skb->data[2 - FLIP_HDR_LEN] & FLIP_F_BIGENDIAN);
		break;
	case FLIP_NOTHERE:
		flip_rx_nothere(ns, skb, p);
		break;
	case FLIP_UNTRUSTED:
		flip_rx_untrusted(ns, skb, p);
		break;
	}
	if (p->neigh) {
		unsigned long now = jiffies;

		if (READ_ONCE(p->neigh->heard) != now)
			WRITE_ONCE(p->neigh->heard, now);
	}
}
