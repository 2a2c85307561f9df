// SPDX-License-Identifier: GPL-2.0-only
/* Frames: Ethernet header, two bytes of control, FLIP header; facts 1.1. */
#include "flip_int.h"
#include <trace/events/flip.h>

#define FLIP_FRAME_MIN	ETH_ZLEN	/* short frames are padded to this with zeros */

const u8 flip_eth_bcast[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* an skb for @len bytes of payload, with room for all headers in front and padding behind */
struct sk_buff *flip_eth_alloc(unsigned int len, gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb(FLIP_HEADROOM + max(len, 32U), gfp);

	if (skb)
		skb_reserve(skb, FLIP_HEADROOM);
	return skb;
}

/**
 * flip_eth_give() - a finished frame to its device
 * @n: network
 * @skb: consumed
 *
 * Context: RCU, any but hard interrupt. Return: 0 or -ENOBUFS.
 */
int flip_eth_give(struct flip_network *n, struct sk_buff *skb)
{
	int err = dev_queue_xmit(skb);

	if (likely(!net_xmit_eval(err)))
		return 0;
	this_cpu_inc(n->stats->tx_dropped);
	flip_stat_inc(n->ns, TX_FAILED);
	return -ENOBUFS;
}

/**
 * flip_eth_xmit() - send one frame
 * @n: network
 * @skb: FLIP header and payload, or body of a control frame; consumed
 * @mac: to whom
 * @type: fc type
 * @count: fc count
 *
 * Context: RCU, any but hard interrupt. Return: 0 or a negative error; the frame is gone then.
 */
int flip_eth_xmit(struct flip_network *n, struct sk_buff *skb, const u8 *mac, enum flip_fc type,
		  u8 count)
{
	struct flip_ns *ns = n->ns;
	struct net_device *dev;
	unsigned int len;
	u8 *fc;

	if (unlikely(!flip_network_usable(n))) {
		flip_drop(ns, NULL, skb, FLIP_DROP_NETDOWN);
		return -ENETDOWN;
	}
	dev = n->dev;
	if (unlikely(skb_cow_head(skb, LL_RESERVED_SPACE(dev) + FLIP_FC_LEN))) {
		flip_drop(ns, NULL, skb, FLIP_DROP_NOMEM);
		return -ENOMEM;
	}
	fc = skb_push(skb, FLIP_FC_LEN);
	fc[0] = type;
	fc[1] = count;
	skb_reset_network_header(skb);
	skb->dev = dev;
	skb->protocol = htons(FLIP_ETHERTYPE);
	len = skb->len;
	if (dev_hard_header(skb, dev, FLIP_ETHERTYPE, mac, dev->dev_addr, skb->len) < 0) {
		flip_drop(ns, NULL, skb, FLIP_DROP_TXQUEUE);
		return -EIO;
	}
	skb_reset_mac_header(skb);
	if (skb_put_padto(skb, FLIP_FRAME_MIN)) {
		/* it has freed the skb */
		flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
		return -ENOMEM;
	}
	this_cpu_inc(n->stats->tx_packets);
	this_cpu_add(n->stats->tx_bytes, len);
	if (unlikely(READ_ONCE(n->fault.on)))
		return flip_fault_xmit(n, skb);
	return flip_eth_give(n, skb);
}

/* send a control frame, best effort */
void flip_eth_control(struct flip_network *n, const u8 *mac, enum flip_fc type, u8 count,
		      const void *body, unsigned int len)
{
	struct sk_buff *skb = flip_eth_alloc(len, GFP_ATOMIC);
	struct flip_ns *ns = n->ns;

	if (!skb) {
		flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
		return;
	}
	skb->priority = TC_PRIO_CONTROL;
	if (len)
		skb_put_data(skb, body, len);
	switch (type) {
	case FLIP_FC_REQCREDIT:
		flip_stat_inc(ns, TX_REQCREDIT);
		break;
	case FLIP_FC_CREDIT:
		flip_stat_inc(ns, TX_CREDIT);
		break;
	case FLIP_FC_MCREQ:
		flip_stat_inc(ns, TX_MCREQ);
		break;
	case FLIP_FC_MCACK:
		flip_stat_inc(ns, TX_MCACK);
		break;
	case FLIP_FC_MCNAK:
		flip_stat_inc(ns, TX_MCNAK);
		break;
	case FLIP_FC_ABSCREDIT:
		flip_stat_inc(ns, TX_ABSCREDIT);
		break;
	default:
		break;
	}
	flip_eth_xmit(n, skb, mac, type, count);
}

/*
 * A packet from the pages of a program of this machine, which waits until we are done with them: copy it, so
 * that it takes no more memory than if it had come from elsewhere, and is charged for what it takes. Drivers on
 * the way do not, for the pages are refcounted, nor does every kernel before it gives us the packet. Consumes
 * @skb; NULL: no memory.
 */
static struct sk_buff *flip_eth_own(struct sk_buff *skb)
{
	unsigned int data_len = skb->data_len;
	struct sk_buff *copy;

	if (skb->len <= ETH_DATA_LEN) {
		copy = skb_copy(skb, GFP_ATOMIC);
		if (copy)
			consume_skb(skb);
		else
			kfree_skb(skb);
		return copy;
	}
	if (skb_orphan_frags_rx(skb, GFP_ATOMIC)) {
		kfree_skb(skb);
		return NULL;
	}
	skb->truesize += skb_shinfo(skb)->nr_frags * PAGE_SIZE - data_len;
	return skb;
}

static void flip_eth_rcv_control(struct flip_network *n, struct sk_buff *skb, const u8 *mac,
				 u8 type, u8 count)
{
	struct flip_neigh *neigh;
	struct flip_ns *ns = n->ns;
	unsigned int need = 0;

	switch (type) {
	case FLIP_FC_REQCREDIT:
		flip_stat_inc(ns, RX_REQCREDIT);
		break;
	case FLIP_FC_CREDIT:
		flip_stat_inc(ns, RX_CREDIT);
		break;
	case FLIP_FC_ABSCREDIT:
		flip_stat_inc(ns, RX_ABSCREDIT);
		break;
	case FLIP_FC_MCREQ:
		flip_stat_inc(ns, RX_MCREQ);
		need = FLIP_MCREQ_LEN;
		break;
	case FLIP_FC_MCACK:
		flip_stat_inc(ns, RX_MCACK);
		need = FLIP_MCACK_LEN;
		break;
	case FLIP_FC_MCNAK:
		flip_stat_inc(ns, RX_MCNAK);
		need = FLIP_MCACK_LEN;
		break;
	default:
		flip_drop(ns, n, skb, FLIP_DROP_FC_TYPE);
		return;
	}
	if (need) {
		if (!pskb_may_pull(skb, FLIP_FC_LEN + need)) {
			flip_drop(ns, n, skb, FLIP_DROP_SHORT);
			return;
		}
		flip_mc_rx(n, mac, type, skb->data + FLIP_FC_LEN, need);
		consume_skb(skb);
		return;
	}
	neigh = flip_neigh_lookup(ns, n, mac);
	if (neigh && type != FLIP_FC_REQCREDIT)
		flip_credit_said(neigh, skb);
	if (neigh)
		flip_credit_rx(neigh, type, count);
	else if (type == FLIP_FC_REQCREDIT)
		/* forgotten here, so all of the quota is free; of what kind it is is forgotten, too */
		flip_credit_say(n, mac, FLIP_FC_ABSCREDIT,
				n->ours ? FLIP_CREDITS_OURS : FLIP_CREDITS, true);
	consume_skb(skb);
}

/* everything of ethertype 0x8146 that comes in on one of our devices */
int flip_eth_rcv(struct sk_buff *skb, struct net_device *dev, struct packet_type *pt,
		 struct net_device *orig_dev)
{
	struct flip_network *n = container_of(pt, struct flip_network, pt);
	struct flip_pkt p __uninitialized;
	struct flip_ns *ns = n->ns;
	enum flip_stat why;
	bool outer;
	u8 type, count;

	this_cpu_inc(n->stats->rx_packets);
	this_cpu_add(n->stats->rx_bytes, skb->len);
	if (unlikely(skb->pkt_type == PACKET_OTHERHOST || skb->pkt_type == PACKET_LOOPBACK)) {
		flip_drop(ns, n, skb, FLIP_DROP_OTHERHOST);
		return NET_RX_DROP;
	}
	if (unlikely(!flip_network_usable(n))) {
		flip_drop(ns, n, skb, FLIP_DROP_NETDOWN);
		return NET_RX_DROP;
	}
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (unlikely(!skb)) {
		flip_drop(ns, n, NULL, FLIP_DROP_NOMEM);
		return NET_RX_DROP;
	}
	/* a sender of this machine, on another veth, does not wait for what waits here */
	skb_orphan(skb);
	if (unlikely(skb_is_nonlinear(skb) && skb_zcopy(skb))) {
		skb = flip_eth_own(skb);
		if (!skb) {
			flip_drop(ns, n, NULL, FLIP_DROP_NOMEM);
			return NET_RX_DROP;
		}
	}
	if (unlikely(!pskb_may_pull(skb, FLIP_FC_LEN))) {
		flip_drop(ns, n, skb, FLIP_DROP_SHORT);
		return NET_RX_DROP;
	}
	type = skb->data[0];
	count = skb->data[1];
	ether_addr_copy(p.mac, eth_hdr(skb)->h_source);
	if (unlikely(!is_valid_ether_addr(p.mac))) {
		flip_drop(ns, n, skb, FLIP_DROP_ADDRESS);
		return NET_RX_DROP;
	}
	if (unlikely(type != FLIP_FC_DATA)) {
		flip_eth_rcv_control(n, skb, p.mac, type, count);
		return NET_RX_SUCCESS;
	}

	why = FLIP_DROP_SHORT;
	if (unlikely(!pskb_may_pull(skb, FLIP_FC_LEN + FLIP_HDR_LEN)))
		goto drop;
	__skb_pull(skb, FLIP_FC_LEN);
	if (unlikely(!flip_hdr_get(skb->data, &p.h))) {
		why = skb->data[0] == FLIP_VERSION ? FLIP_DROP_FLAGS : FLIP_DROP_VERSION;
		goto drop;
	}
	why = FLIP_DROP_TYPE;
	if (unlikely(p.h.type < FLIP_LOCATE || p.h.type > FLIP_UNTRUSTED))
		goto drop;
	why = FLIP_DROP_LENGTH;
	if (unlikely(p.h.length > skb->len - FLIP_HDR_LEN))
		goto drop;
	why = FLIP_DROP_BOUNDS;
	if (unlikely(!flip_hdr_bounds_ok(&p.h)))
		goto drop;
	why = FLIP_DROP_HOPS;
	if (unlikely(!flip_hdr_hops_ok(&p.h)))
		goto drop;
	/* whatever follows is padding */
	why = FLIP_DROP_NOMEM;
	if (unlikely(pskb_trim_rcsum(skb, FLIP_HDR_LEN + p.h.length)))
		goto drop;
	__skb_pull(skb, FLIP_HDR_LEN);

	p.net = n;
	p.neigh = NULL;
	p.host = skb->pkt_type == PACKET_HOST;
	if (!READ_ONCE(n->trusted))
		p.h.flags |= FLIP_F_UNSAFE;
	this_cpu_inc(ns->stats->c[FLIP_STAT_RX_LOCATE + p.h.type - FLIP_LOCATE]);
	trace_flip_rx(n, &p.h);

	/* also who injects frames from process context must have bottom halves off */
	lockdep_assert_in_softirq();
	outer = flip_upcall_begin();
	flip_switch_rx(ns, skb, &p, count);
	flip_upcall_end(outer);
	return NET_RX_SUCCESS;

drop:
	flip_drop(ns, n, skb, why);
	return NET_RX_DROP;
}
