// SPDX-License-Identifier: GPL-2.0-only
/* Fragments on their way out: headers written, packets cut for small networks. */
#include "flip_int.h"

/* put the header in front of the payload */
int flip_hdr_push(struct sk_buff *skb, const struct flip_hdr *h)
{
	int err = skb_cow_head(skb, FLIP_HEADROOM);

	if (!err)
		flip_hdr_put(skb_push(skb, FLIP_HDR_LEN), h);
	return err;
}

/* the next piece of @skb from *@at on, at most @room bytes of it, with a header of its own */
static struct sk_buff *flip_cut(struct sk_buff *skb, const struct flip_hdr *h, unsigned int room,
				u32 *at)
{
	struct flip_hdr piece = *h;
	struct sk_buff *out;

	piece.length = min_t(u32, room, h->length - *at);
	piece.offset = h->offset + *at;
	out = flip_eth_alloc(piece.length, GFP_ATOMIC);
	if (!out)
		return NULL;
	out->priority = skb->priority;
	if (skb_copy_bits(skb, *at, skb_put(out, piece.length), piece.length) ||
	    flip_hdr_push(out, &piece)) {
		kfree_skb(out);
		return NULL;
	}
	*at += piece.length;
	return out;
}

/* give one packet with its header to the network, or to the queue of those that cost credits */
static int flip_xmit_one(struct flip_network *n, const u8 *mac, struct flip_neigh *neigh,
			 struct sk_buff *skb, const struct flip_hdr *h, struct flip_neigh *from)
{
	struct flip_ns *ns = n->ns;

	this_cpu_inc(ns->stats->c[FLIP_STAT_TX_LOCATE + h->type - FLIP_LOCATE]);
	if (neigh)
		return flip_credit_forward(neigh, skb, h->dst, from);
	return flip_eth_xmit(n, skb, mac, FLIP_FC_DATA, 0);
}

static int flip_xmit_any(struct flip_network *n, const u8 *mac, struct flip_neigh *neigh,
			 struct sk_buff *skb, const struct flip_hdr *h, struct flip_neigh *from)
{
	unsigned int room = neigh ? flip_neigh_room(neigh) : READ_ONCE(n->mtu);
	struct flip_ns *ns = n->ns;
	struct sk_buff *piece;
	int err = 0;
	u32 at = 0;

	skb_clear_tstamp(skb);
	if (likely(h->length <= room)) {
		err = flip_hdr_push(skb, h);
		if (!err)
			return flip_xmit_one(n, mac, neigh, skb, h, from);
		goto nomem;
	}
	/* design 5: a smaller network gets smaller fragments, same id, offset adjusted */
	flip_stat_inc(ns, REFRAGMENTED);
	while (at < h->length && !err) {
		piece = flip_cut(skb, h, room, &at);
		if (!piece)
			goto nomem;
		err = flip_xmit_one(n, mac, neigh, piece, h, at == h->length ? from : NULL);
	}
	if (at < h->length && from)
		flip_credit_consumed(from);
	consume_skb(skb);
	return err;

nomem:
	flip_drop(ns, NULL, skb, FLIP_DROP_NOMEM);
	if (from)
		flip_credit_consumed(from);
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
	return flip_xmit_any(n, mac, NULL, skb, h, NULL);
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
	bool credited = flip_hdr_credited(h);
	int err;

	err = flip_xmit_any(neigh->network, neigh->key.mac, credited ? neigh : NULL, skb, h, from);
	if (!credited && from)
		flip_credit_consumed(from);
	return err;
}
