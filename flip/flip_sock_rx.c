// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_FLIP, SOCK_DGRAM: what comes in, and the memory of what waits.
 *
 * DESIGN NOTES
 * Messages come in upcalls, are put together by a reassembler, and wait in sk_receive_queue as one skb,
 * the packets of a larger one on its frag_list, charged as a whole to the receive buffer and the
 * memory cgroup. What would exceed the buffer is dropped and counted: datagrams. One message larger
 * than the buffer is charged to the namespace and the memory cgroup packet by packet, until it has
 * been read.
 *
 * sk_receive_queue.lock covers sk_forward_alloc, too: upcalls come on several processors at once,
 * and readers free what they have read. The reassembler's lock comes before it. It is taken with
 * bottom halves off, which is what tells sock.c not to sleep for memory.
 */
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/memcontrol.h>
#include "flip_sock.h"

/*
 * The packets of a message as one skb; NULL: no memory, it is gone. A message that is charged to the
 * namespace brings its charge along, and then truesize, an int, is not summed.
 */
static struct sk_buff *flip_sock_join(struct flip_ns *ns, struct flip_msg *m)
{
	struct sk_buff *head, *skb, **next;

	if (skb_queue_len(&m->skbs) == 1 && !m->charge) {
		head = __skb_dequeue(&m->skbs);
		goto out;
	}
	head = alloc_skb(0, GFP_ATOMIC);
	if (!head) {
		flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
		goto out;
	}
	next = &skb_shinfo(head)->frag_list;
	while ((skb = __skb_dequeue(&m->skbs))) {
		skb_orphan(skb);
		head->len += skb->len;
		head->data_len += skb->len;
		if (!m->charge)
			head->truesize += skb->truesize;
		*next = skb;
		next = &skb->next;
	}
	*next = NULL;
	m->charge = 0;		/* the socket's from here on */
out:
	flip_msg_free(m);
	return head;
}

/*
 * Is the memory cgroup full? What is charged in softirq is never refused there: a packet or the
 * receive buffer do no harm, but this one may be a gigabyte.
 */
static bool flip_sock_cgroup_full(const struct sock *sk)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *memcg;

	for (memcg = sk->sk_memcg; memcg; memcg = parent_mem_cgroup(memcg))
		if (page_counter_read(&memcg->memory) >= READ_ONCE(memcg->memory.max))
			return true;
#endif
	return false;
}

/*
 * Memory of the socket's cgroup. The reassembler asks for each packet of a large message; so what is
 * taken at once is a page or two, and sk_forward_alloc, an int, does not overflow.
 */
static bool flip_sock_charge(void *owner, unsigned int bytes)
{
	struct sock *sk = owner;
	bool ok;

	spin_lock_bh(&sk->sk_receive_queue.lock);
	ok = bytes <= sk->sk_forward_alloc ||
	     (!flip_sock_cgroup_full(sk) && __sk_mem_schedule(sk, bytes, SK_MEM_RECV));
	if (ok)
		sk_mem_charge(sk, bytes);
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	return ok;
}

static void flip_sock_uncharge(void *owner, u64 bytes)
{
	struct sock *sk = owner;

	spin_lock_bh(&sk->sk_receive_queue.lock);
	while (bytes) {
		int some = min_t(u64, bytes, SZ_1G);

		sk_mem_uncharge(sk, some);
		bytes -= some;
	}
	spin_unlock_bh(&sk->sk_receive_queue.lock);
}

const struct flip_reass_owner flip_sock_reass_owner = {
	.charge		= flip_sock_charge,
	.uncharge	= flip_sock_uncharge,
};

/* destructor of what is in the queue: sock_rfree() under the lock */
static void flip_sock_rfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	atomic_sub(skb->truesize, &sk->sk_rmem_alloc);
	flip_sock_uncharge(sk, skb->truesize);
}

/* a message larger than the buffer has gone: its memory, and the place, for the next may come */
static void flip_sock_big_done(struct sock *sk, u64 charge)
{
	flip_reass_uncharge(sock_net(sk), charge);
	flip_sock_uncharge(sk, charge);
	flip_reass_big_done(flip_sk(sk)->reass);
}

static void flip_sock_big_free(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	flip_sock_big_done(sk, flip_sock_cb(skb)->charge);
	flip_sock_rfree(skb);
}

/* into the queue, if the buffer has room; large messages have been charged already */
static bool flip_sock_queue(struct sock *sk, struct sk_buff *skb, bool big)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	bool ok = false;

	skb_orphan(skb);
	spin_lock_bh(&queue->lock);
	if ((u64)atomic_read(&sk->sk_rmem_alloc) + skb->truesize > READ_ONCE(sk->sk_rcvbuf) ||
	    !sk_rmem_schedule(sk, skb, skb->truesize))
		goto out;
	skb->sk = sk;
	skb->destructor = big ? flip_sock_big_free : flip_sock_rfree;
	atomic_add(skb->truesize, &sk->sk_rmem_alloc);
	sk_mem_charge(sk, skb->truesize);
	__skb_queue_tail(queue, skb);
	ok = true;
out:
	spin_unlock_bh(&queue->lock);
	return ok;
}

static void flip_sock_receive(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx)
{
	struct sock *sk = flip_ep_priv(ep);
	struct flip_sock *fs = flip_sk(sk);
	struct flip_ns *ns = ep->ns;
	struct flip_sock_cb *cb;
	enum flip_stat why;
	struct flip_msg *m;
	struct flip_rx whole;
	u64 charge = 0;

	if (rx->length == rx->total) {
		whole = *rx;
	} else {
		flip_reass_limit(fs->reass, READ_ONCE(sk->sk_rcvbuf));
		m = flip_reass_add(fs->reass, skb, rx);
		if (!m)
			return;
		whole = m->rx;
		charge = m->charge;
		skb = flip_sock_join(ns, m);
		if (!skb) {
			if (charge)
				flip_sock_big_done(sk, charge);
			return;
		}
	}
	why = FLIP_DROP_SOCK_FILTER;
	if (sk_filter(sk, skb))
		goto drop;
	cb = flip_sock_cb(skb);
	*cb = (struct flip_sock_cb){
		.src = whole.src, .dst = whole.dst, .messid = whole.messid, .charge = charge,
		.network = whole.network, .hops = whole.hops, .flags = whole.flags,
	};
	skb->dev = NULL;
	if (!flip_sock_queue(sk, skb, charge)) {
		flip_stat_inc(ns, SOCK_FULL);
		atomic_inc(&sk->sk_drops);
		why = FLIP_DROP_SOCK_RCVBUF;
		goto drop;
	}
	sk->sk_data_ready(sk);
	return;
drop:
	if (charge)
		flip_sock_big_done(sk, charge);
	flip_drop(ns, NULL, skb, why);
}

/* a message came back: onto the error queue, with where it was to go in front of the data */
static void flip_sock_undelivered(struct flip_ep *ep, struct sk_buff *skb,
				  const struct flip_rx *rx, enum flip_undeliv why)
{
	static const u8 errs[] = {
		[FLIP_UNDELIV_R_TIMEOUT] = EHOSTUNREACH,
		[FLIP_UNDELIV_R_NOTHERE] = EHOSTUNREACH,
		[FLIP_UNDELIV_R_UNTRUSTED] = ENETUNREACH,
		[FLIP_UNDELIV_R_NETWORK] = ENETDOWN,
	};
	struct sock *sk = flip_ep_priv(ep);
	unsigned int len = skb ? skb->len : 0;
	struct sock_exterr_skb *serr;
	struct sk_buff *err;

	BUILD_BUG_ON((int)FLIP_UNDELIV_R_TIMEOUT != FLIP_UNDELIV_TIMEOUT ||
		     (int)FLIP_UNDELIV_R_NETWORK != FLIP_UNDELIV_NETWORK);
	err = alloc_skb(FLIP_ADDR_SIZE + len, GFP_ATOMIC);
	if (!err || (len && skb_copy_bits(skb, 0, skb_put(err, FLIP_ADDR_SIZE + len) +
					  FLIP_ADDR_SIZE, len))) {
		kfree_skb(err);
		goto out;
	}
	if (!len)
		skb_put(err, FLIP_ADDR_SIZE);
	flip_addr_store(err->data, rx->dst);
	skb_reset_network_header(err);
	__skb_pull(err, FLIP_ADDR_SIZE);
	serr = SKB_EXT_ERR(err);
	memset(serr, 0, sizeof(*serr));
	serr->ee.ee_errno = errs[why];
	serr->ee.ee_origin = SO_EE_ORIGIN_LOCAL;
	serr->ee.ee_code = why;
	serr->ee.ee_info = rx->messid;
	serr->ee.ee_data = rx->offset;
	if (sock_queue_err_skb(sk, err))
		kfree_skb(err);
out:
	kfree_skb(skb);
}

const struct flip_ep_ops flip_sock_ep_ops = {
	.receive	= flip_sock_receive,
	.undelivered	= flip_sock_undelivered,
};
