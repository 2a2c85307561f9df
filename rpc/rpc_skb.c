// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet a message came in carries the next one.
 *
 * DESIGN NOTES
 *
 * To get an skb with its memory and to free it costs 600 instructions, and most messages are followed by one of
 * ours that is as small: a request by its reply, a reply by the file's next request. So when the data has
 * been copied a tx, and a call that is kept for the next (file->spare), keeps the skb: at most one each, of
 * at most KEEP_MOST bytes. It is taken when something is sent for the first time, and freed with its owner.
 *
 * Only a plain skb is kept, which nobody else has or looks into, whose memory is neither a driver's nor a
 * reserve for emergencies. What others have hung on it (routes, connections, extensions) goes at once;
 * everything else is cleared before it is used, as alloc_skb() does.
 */
#include <linux/kcov.h>
#include <linux/skbuff.h>
#include <net/dst.h>

#include "rpc.h"

#define KEEP_MOST	1024	/* bytes of memory for data */

static bool plain(const struct sk_buff *skb)
{
	return !skb->data_len && !skb_shared(skb) && !skb_cloned(skb) && !skb->head_frag &&
	       !skb->pp_recycle && !skb_pfmemalloc(skb) && !skb->destructor && !skb->sk &&
	       skb->fclone == SKB_FCLONE_UNAVAILABLE && !skb_shinfo(skb)->nr_frags &&
	       !skb_has_frag_list(skb) && !skb_shinfo(skb)->flags &&
	       skb_end_offset(skb) <= KEEP_MOST;
}

/**
 * amrpc_skb_keep() - a packet is not needed any more
 * @skb: consumed
 *
 * Context: any but hard interrupt. Return: it, to be sent by amrpc_send_one() or freed; NULL: it is gone.
 */
struct sk_buff *amrpc_skb_keep(struct sk_buff *skb)
{
	if (!plain(skb)) {
		consume_skb(skb);
		return NULL;
	}
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	skb_ext_reset(skb);
	skb->dev = NULL;	/* it may go before the file does */
	return skb;
}

/**
 * amrpc_skb_again() - an empty packet out of one that was kept
 * @skb: of amrpc_skb_keep(), or NULL; consumed
 * @len: bytes to be put into it
 *
 * Context: any. Return: skb with FLIP_HEADROOM in front, or NULL: it has no room, or there was none.
 */
struct sk_buff *amrpc_skb_again(struct sk_buff *skb, size_t len)
{
	struct skb_shared_info *shinfo;

	if (!skb)
		return NULL;
	if (skb_end_offset(skb) < FLIP_HEADROOM + len) {
		consume_skb(skb);
		return NULL;
	}
	/* in two pieces the compiler needs no function for it */
	BUILD_BUG_ON(offsetof(struct sk_buff, tail) <= 128);
	memset(skb, 0, 128);
	barrier();
	memset((void *)skb + 128, 0, offsetof(struct sk_buff, tail) - 128);
	skb->data = skb->head + FLIP_HEADROOM;
	skb_reset_tail_pointer(skb);
	skb->mac_header = (typeof(skb->mac_header))~0U;
	skb->transport_header = (typeof(skb->transport_header))~0U;
	skb->alloc_cpu = raw_smp_processor_id();
	shinfo = skb_shinfo(skb);
	memset(shinfo, 0, offsetof(struct skb_shared_info, dataref));
	atomic_set(&shinfo->dataref, 1);
	skb_set_kcov_handle(skb, kcov_common_handle());
	return skb;
}
