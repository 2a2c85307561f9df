// SPDX-License-Identifier: GPL-2.0-only
/* 6.11: sk_skb_reason_drop() */

#include <linux/skbuff.h>

void probe(struct sock *sk, struct sk_buff *skb);
void probe(struct sock *sk, struct sk_buff *skb)
{
	sk_skb_reason_drop(sk, skb, SKB_DROP_REASON_NOT_SPECIFIED);
}
