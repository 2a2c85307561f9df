// SPDX-License-Identifier: GPL-2.0-only
/*
 * What FLIP brings: packets are put together, the RPC header is read, and the message goes to the
 * client's or the server's side of the file. And the way out for what fits one packet.
 */
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "rpc.h"
#include "rpc_trace.h"

static struct sk_buff *first(const struct amrpc_data *d)
{
	return d->skb ?: skb_peek(&d->msg->skbs);
}

/* total lengths a type may have: its headers, and what follows */
static bool length_ok(const struct amrpc_wire *w, u32 total)
{
	switch (w->type) {
	case AMRPC_REQUEST:
	case AMRPC_REPLY:
	case AMRPC_REQUEST_WIDE:
	case AMRPC_REPLY_WIDE:
		return total >= amrpc_hdr_len(w) && total - amrpc_hdr_len(w) <= AMOEBA_MAX_DATA;
	case AMRPC_FORWARD:
		return total == AMRPC_HDR + 8;
	case AMRPC_MISSING:
		return total > AMRPC_HDR && !((total - AMRPC_HDR) % sizeof(struct flip_range)) &&
		       (total - AMRPC_HDR) / sizeof(struct flip_range) <= FLIP_REASS_ASK;
	default:
		return total == AMRPC_HDR;
	}
}

/* the header of a REQUEST or REPLY, in either form; false: it is malformed */
bool amrpc_data_hdr(const struct amrpc_data *d, const struct amrpc_wire *w,
		    struct amoeba_header *h)
{
	u8 buf[AMRPC_WIDE_HDR] __uninitialized;
	const u8 *p = skb_header_pointer(first(d), AMRPC_HDR,
					 amrpc_msg_hdr(amrpc_is_wide(w->type)) - AMRPC_HDR, buf);

	return p && amrpc_hdr_get(p, w, h);
}

/* the request says that an earlier reply has arrived, whatever becomes of itself */
static void acknowledged(struct amrpc_file *f, const struct amrpc_data *d,
			 const struct flip_rx *rx)
{
	u8 buf[AMRPC_ACKS_LEN] __uninitialized;
	const u8 *p = skb_header_pointer(first(d), AMRPC_HDR + AMRPC_WIDE_HDR, sizeof(buf), buf);

	/* a first packet that short, of several: its server will ask */
	if (p)
		amrpc_server_acked(f, rx->src, amrpc_acks_get(p));
}

/* a whole message; @d is left to the caller but for what was taken out of it */
static void dispatch(struct amrpc_file *f, struct amrpc_data *d, const struct flip_rx *rx)
{
	struct amrpc_net *an = f->an;
	u8 buf[AMRPC_HDR] __uninitialized;
	struct amrpc_wire w __uninitialized;
	const u8 *p;

	p = rx->total >= AMRPC_HDR ? skb_header_pointer(first(d), 0, sizeof(buf), buf) : NULL;
	if (!p) {
		amrpc_count(an, DROP_SHORT);
		return;
	}
	amrpc_wire_get(p, &w);
	trace_amrpc_receive(f, &w, rx->src, rx->messid, rx->total);
	if (!length_ok(&w, rx->total)) {
		amrpc_count(an, DROP_SHORT);
		return;
	}
	switch (w.type) {
	case AMRPC_REQUEST:
	case AMRPC_REQUEST_WIDE:
		d->len = rx->total - amrpc_hdr_len(&w);
		if (amrpc_has_acks(&w))
			acknowledged(f, d, rx);
		amrpc_server_request(f, &w, d, rx);
		return;
	case AMRPC_REPLY:
	case AMRPC_REPLY_WIDE:
		d->len = rx->total - amrpc_hdr_len(&w);
		amrpc_client_receive(f, &w, d, rx);
		return;
	case AMRPC_HEREIS:
		amrpc_locate_hereis(f, &w, rx);
		return;
	case AMRPC_MISSING:
		amrpc_resend_receive(f, &w, d, rx);
		return;
	case AMRPC_ACK:
	case AMRPC_NAK:
	case AMRPC_ENQUIRE:
	case AMRPC_RECEIVED:
		if (!amrpc_server_receive(f, &w, rx))
			amrpc_client_receive(f, &w, d, rx);
		return;
	case AMRPC_ALIVE:
	case AMRPC_FORWARD:
	case AMRPC_FAIL:
		amrpc_client_receive(f, &w, d, rx);
		return;
	default:		/* LOCATE comes by broadcast only */
		amrpc_count(an, DROP_TYPE);
	}
}

static void amrpc_receive(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx)
{
	struct amrpc_file *f = flip_ep_priv(ep);
	struct amrpc_data d = {};

	if (likely(rx->length == rx->total)) {
		d.skb = skb;
		dispatch(f, &d, rx);
	} else {
		d.msg = flip_reass_add(f->reass, skb, rx);
		if (!d.msg)
			return;
		dispatch(f, &d, &d.msg->rx);
	}
	amrpc_data_free(&d);
}

static void amrpc_undelivered(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx,
			      enum flip_undeliv why)
{
	struct amrpc_file *f = flip_ep_priv(ep);
	u8 buf[AMRPC_HDR];
	struct amrpc_wire w;
	const u8 *p = NULL;

	if (skb && !rx->offset && rx->total >= AMRPC_HDR)
		p = skb_header_pointer(skb, 0, sizeof(buf), buf);
	if (p) {
		amrpc_wire_get(p, &w);
		trace_amrpc_undelivered(f, &w, rx->dst, rx->messid, why);
	}
	/* later packets of a message: only a REQUEST is counted in bytes */
	if (!p)
		amrpc_client_undelivered(f, NULL, rx, why);
	else if (amrpc_is_reply(w.type) || w.type == AMRPC_FORWARD ||
		 (w.type == AMRPC_RECEIVED && w.flags & AMRPC_F_REPLY))
		amrpc_server_undelivered(f, &w, rx, why);
	else if (amrpc_is_request(w.type) || w.type == AMRPC_RECEIVED ||
		 w.type == AMRPC_ENQUIRE)
		amrpc_client_undelivered(f, &w, rx, why);
	kfree_skb(skb);
}

const struct flip_ep_ops amrpc_ep_ops = {
	.receive	= amrpc_receive,
	.undelivered	= amrpc_undelivered,
};

/* most headers are a dozen whole words: less than what a call of memcpy() costs */
static void put_words(struct sk_buff *skb, const u8 *hdr, size_t len)
{
	u8 *to = __skb_put(skb, len);
	size_t i;

#pragma GCC unroll 4
	for (i = 0; i + sizeof(u64) <= len; i += sizeof(u64))
		put_unaligned(get_unaligned((const u64 *)(hdr + i)), (u64 *)(to + i));
	if (i < len)
		memcpy(to + i, hdr + i, len - i);
}

/**
 * amrpc_send_one() - send a message that fits one packet
 * @f: sender
 * @skb: one that was kept (amrpc_skb_keep()), or NULL; consumed
 * @hdr: headers
 * @hlen: their bytes
 * @data: the data, or NULL
 * @len: its bytes
 * @how: destination and manner
 *
 * Context: process when there is data, any otherwise. Return: as flip_send_skb(), -EFAULT,
 * -ENOBUFS when there is no memory.
 */
int amrpc_send_one(struct amrpc_file *f, struct sk_buff *skb, const void *hdr, size_t hlen,
		   struct iov_iter *data, size_t len, struct flip_send *how)
{
	skb = amrpc_skb_again(skb, hlen + len);
	if (!skb) {
		skb = alloc_skb(FLIP_HEADROOM + hlen + len, len ? GFP_KERNEL_ACCOUNT : GFP_ATOMIC);
		if (!skb)
			return -ENOBUFS;
		skb_reserve(skb, FLIP_HEADROOM);
	}
	put_words(skb, hdr, hlen);
	if (len && !copy_from_iter_full(skb_put(skb, len), len, data)) {
		kfree_skb(skb);
		return -EFAULT;
	}
	return flip_send_skb(f->ep, skb, how);
}

/**
 * amrpc_send_ctl() - send a message that is an RPC header and nothing else, ahead of others
 * @f: sender
 * @to: FLIP address
 * @w: header
 * @flags: FLIP_SEND_*
 * @ltime_ms: how long to locate @to; 0: only over a known route
 * @messid: FLIP message id to use, or NULL to have one drawn
 *
 * Context: any but hard interrupt. Return: as flip_send_skb().
 */
int amrpc_send_ctl(struct amrpc_file *f, flip_addr_t to, const struct amrpc_wire *w, u32 flags,
		   u32 ltime_ms, u32 *messid)
{
	struct flip_send how = {
		.dst = to, .flags = flags, .ltime_ms = ltime_ms, .hipri = true,
		.says_payload = w->type == AMRPC_HEREIS && (w->flags & AMRPC_F_OURS),
		.payload_at = AMRPC_PAYLOAD,
	};
	u8 p[AMRPC_HDR];

	if (messid) {
		how.has_messid = true;
		how.messid = *messid;
	}
	amrpc_wire_put(p, w);
	trace_amrpc_send(f, w, to, messid ? *messid : 0, AMRPC_HDR);
	return amrpc_send_one(f, NULL, p, sizeof(p), NULL, 0, &how);
}
