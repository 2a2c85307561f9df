// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fragments on their way out: headers written, packets cut for small networks.
 *
 * DESIGN NOTES
 * What costs no credits is cut at once. What does is cut when its turn has come and there are credits
 * (flip_credit_next()): so one that waits counts as one, however many pieces it will be, and the queue of a
 * router bears all that its neighbours have credits for; and what has been waiting while the next machine's
 * MTU became smaller gets there, too.
 */
#include "flip_int.h"

/* put the header in front of the payload */
int flip_hdr_push(struct sk_buff *skb, const struct flip_hdr *h)
{
	int err = skb_cow_head(skb, FLIP_HEADROOM);

	if (!err)
		flip_hdr_put(skb_push(skb, FLIP_HDR_LEN), h);
	return err;
}

/**
 * flip_cut() - a piece of a packet with a header of its own
 * @skb: the packet
 * @skip: bytes in it before the payload
 * @h: its header
 * @room: payload of the piece at most
 * @at: how much of the payload has been cut off before; advanced
 *
 * Context: any but hard interrupt. Return: NULL: no memory.
 */
struct sk_buff *flip_cut(const struct sk_buff *skb, unsigned int skip, const struct flip_hdr *h,
			 unsigned int room, u32 *at)
{
	struct flip_hdr piece = *h;
	struct sk_buff *out;

	piece.length = min_t(u32, room, h->length - *at);
	piece.offset = h->offset + *at;
	out = flip_eth_alloc(piece.length, GFP_ATOMIC);
	if (!out)
		return NULL;
	out->priority = skb->priority;
	if (skb_copy_bits(skb, skip + *at, skb_put(out, piece.length), piece.length) ||
	    flip_hdr_push(out, &piece)) {
		kfree_skb(out);
		return NULL;
	}
	*at += piece.length;
	return out;
}

/* one packet with its header to the network */
static int flip_xmit_one(struct flip_network *n, const u8 *mac, struct sk_buff *skb,
			 const struct flip_hdr *h)
{
	this_cpu_inc(n->ns->stats->c[FLIP_STAT_TX_LOCATE + h->type - FLIP_LOCATE]);
	return flip_eth_xmit(n, skb, mac, FLIP_FC_DATA, 0);
}

static int flip_xmit_room(struct flip_network *n, const u8 *mac, struct sk_buff *skb,
			  const struct flip_hdr *h, unsigned int room)
{
	struct flip_ns *ns = n->ns;
	struct sk_buff *piece;
	int err = 0;
	u32 at = 0;

	skb_clear_tstamp(skb);
	if (likely(h->length <= room)) {
		err = flip_hdr_push(skb, h);
		if (!err)
			return flip_xmit_one(n, mac, skb, h);
		goto nomem;
	}
	/* design 5: a smaller network gets smaller fragments, same id, offset adjusted */
	flip_stat_inc(ns, REFRAGMENTED);
	while (at < h->length && !err) {
		piece = flip_cut(skb, 0, h, room, &at);
		if (!piece)
			goto nomem;
		err = flip_xmit_one(n, mac, piece, h);
	}
	consume_skb(skb);
	return err;

nomem:
	flip_drop(ns, NULL, skb, FLIP_DROP_NOMEM);
	return -ENOMEM;
}

/**
 * flip_xmit() - send a packet that costs no credits
 * @n: network
 * @mac: to whom
 * @skb: payload, consumed
 * @h: header, already charged for the network
 *
 * Context: RCU, any but hard interrupt. Return: 0 or a negative error.
 */
int flip_xmit(struct flip_network *n, const u8 *mac, struct sk_buff *skb, const struct flip_hdr *h)
{
	return flip_xmit_room(n, mac, skb, h, READ_ONCE(n->mtu));
}

/**
 * flip_xmit_neigh() - send a packet to a neighbour, waiting in a queue for credits if it needs any
 * @neigh: neighbour
 * @skb: payload, consumed
 * @h: header, already charged for the network
 * @from: neighbour that gets a credit back when the packet has left, or NULL
 *
 * Context: RCU, any but hard interrupt. Return: 0 or a negative error.
 */
int flip_xmit_neigh(struct flip_neigh *neigh, struct sk_buff *skb, const struct flip_hdr *h,
		    struct flip_neigh *from)
{
	struct flip_ns *ns = neigh->network->ns;
	int err;

	if (!flip_hdr_credited(h)) {
		err = flip_xmit_room(neigh->network, neigh->key.mac, skb, h, flip_neigh_room(neigh));
		if (from)
			flip_credit_consumed(from);
		return err;
	}
	skb_clear_tstamp(skb);
	err = flip_hdr_push(skb, h);
	if (err) {
		flip_drop(ns, NULL, skb, FLIP_DROP_NOMEM);
		if (from)
			flip_credit_consumed(from);
		return err;
	}
	/* what is too large for it is cut when there are credits */
	this_cpu_inc(ns->stats->c[FLIP_STAT_TX_LOCATE + h->type - FLIP_LOCATE]);
	return flip_credit_forward(neigh, skb, h->dst, from);
}
