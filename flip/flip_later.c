// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of several packets whose sender does not wait: MSG_DONTWAIT.
 *
 * DESIGN NOTES
 * Such a message is kept in pages charged to the send buffer of its socket, so it must fit in there,
 * and a worker sends it like one of a sender who waits (flip_send_msg()). One work for each
 * socket, so its messages leave one after the other, in order; those of different sockets
 * do not wait for one another. Failure is told on the error queue.
 *
 * l->lock covers the list and the flags. Closing the socket drops what has not begun, ends what has
 * (the waits of a worker are no business of signals), and waits until the worker is done.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <net/sock.h>
#include "flip_int.h"

/* bytes of a message in one skb: older kernels allot it page by page, 17 of them at most */
#define FLIP_LATER_CHUNK	(64 << 10)

static struct workqueue_struct *flip_later_wq;

/**
 * struct flip_later_msg - a message that will be sent
 * @list: in l->msgs
 * @how: where to
 * @len: bytes
 * @data: they, in pages
 */
struct flip_later_msg {
	struct list_head	list;
	struct flip_send	how;
	size_t			len;
	struct sk_buff_head	data;
};

static void flip_later_free(struct flip_later_msg *m)
{
	__skb_queue_purge(&m->data);
	kfree(m);
}

/* ---- the worker ------------------------------------------------------------------------- */

static struct bio_vec *flip_later_pages(const struct flip_later_msg *m, unsigned int *n)
{
	struct bio_vec *bv;
	struct sk_buff *skb;
	unsigned int i;

	*n = 0;
	skb_queue_walk(&m->data, skb)
		*n += skb_shinfo(skb)->nr_frags;
	bv = kvmalloc_array(*n, sizeof(*bv), GFP_KERNEL);
	if (!bv)
		return NULL;
	*n = 0;
	skb_queue_walk(&m->data, skb) {
		for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
			const skb_frag_t *f = &skb_shinfo(skb)->frags[i];

			bv[(*n)++] = (struct bio_vec){
				.bv_page = skb_frag_page(f), .bv_len = skb_frag_size(f),
				.bv_offset = skb_frag_off(f),
			};
		}
	}
	return bv;
}

static int flip_later_xmit(struct flip_ep *ep, struct flip_later_msg *m)
{
	struct iov_iter it;
	struct bio_vec *bv;
	unsigned int n;
	int err;

	bv = flip_later_pages(m, &n);
	if (!bv)
		return -ENOMEM;
	iov_iter_bvec(&it, ITER_SOURCE, bv, n, m->len);
	err = flip_send_msg(ep, NULL, 0, &it, &m->how, MAX_SCHEDULE_TIMEOUT);
	kvfree(bv);
	return err;
}

static void flip_later_failed(struct flip_ep *ep, const struct flip_later_msg *m, int err)
{
	struct flip_rx rx = {
		.dst = m->how.dst, .src = ep->addr, .messid = m->how.messid,
		.length = m->len, .total = m->len,
	};
	enum flip_undeliv why;

	switch (err) {
	case -EHOSTUNREACH:
		why = FLIP_UNDELIV_R_TIMEOUT;
		break;
	case -ENETUNREACH:
		why = FLIP_UNDELIV_R_UNTRUSTED;
		break;
	default:
		why = FLIP_UNDELIV_R_NETWORK;
	}
	flip_stat_inc(ep->ns, UNDELIVERED);
	local_bh_disable();
	rcu_read_lock();
	ep->ops->undelivered(ep, NULL, &rx, why);
	rcu_read_unlock();
	local_bh_enable();
}

static struct flip_later_msg *flip_later_next(struct flip_later *l)
{
	struct flip_later_msg *m;

	spin_lock_bh(&l->lock);
	m = list_first_entry_or_null(&l->msgs, struct flip_later_msg, list);
	if (m)
		list_del(&m->list);
	WRITE_ONCE(l->busy, m);
	spin_unlock_bh(&l->lock);
	return m;
}

static void flip_later_work(struct work_struct *work)
{
	struct flip_later *l = container_of(work, struct flip_later, work);
	struct flip_later_msg *m;
	int err;

	while ((m = flip_later_next(l))) {
		err = flip_later_xmit(l->ep, m);
		if (err && !READ_ONCE(l->closing))
			flip_later_failed(l->ep, m, err);
		flip_later_free(m);
	}
	wake_up(&l->idle);
}

/* ---- the sender ------------------------------------------------------------------------- */

/* the caller's data into pages charged to the socket */
static int flip_later_fill(struct sock *sk, struct flip_later_msg *m, struct iov_iter *from)
{
	size_t at = 0, len;
	struct sk_buff *skb;
	int err;

	while (at < m->len) {
		len = min_t(size_t, m->len - at, FLIP_LATER_CHUNK);
		skb = sock_alloc_send_pskb(sk, 0, len, 1, &err, PAGE_ALLOC_COSTLY_ORDER);
		if (!skb)
			return err;
		skb->data_len = len;
		skb->len += len;
		__skb_queue_tail(&m->data, skb);
		if (skb_copy_datagram_from_iter(skb, 0, from, len))
			return -EFAULT;
		at += len;
	}
	return 0;
}

/**
 * flip_later_send() - take a message and return
 * @l: of the socket
 * @sk: socket
 * @ep: its endpoint
 * @from: data, advanced on success
 * @how: where to; the message id is drawn here
 *
 * Context: process. Return: 0; -EMSGSIZE: larger than the send buffer; -EAGAIN: no room in it now;
 * -EFAULT; -ENOMEM, -ENOBUFS.
 */
int flip_later_send(struct flip_later *l, struct sock *sk, struct flip_ep *ep,
		    struct iov_iter *from, struct flip_send *how)
{
	size_t len = iov_iter_count(from);
	struct iov_iter it = *from;
	struct flip_later_msg *m;
	int err;

	if (len > READ_ONCE(sk->sk_sndbuf))
		return -EMSGSIZE;
	/* all or nothing: a half of it in the buffer could keep the other out for ever */
	if (len + sk_wmem_alloc_get(sk) > READ_ONCE(sk->sk_sndbuf))
		goto full;
	m = kmalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m)
		return -ENOMEM;
	m->len = len;
	__skb_queue_head_init(&m->data);
	err = flip_later_fill(sk, m, &it);
	if (err) {
		flip_later_free(m);
		return err;
	}
	how->messid = flip_ep_messid(ep);
	how->has_messid = true;
	m->how = *how;
	spin_lock_bh(&l->lock);
	l->ep = ep;
	list_add_tail(&m->list, &l->msgs);
	spin_unlock_bh(&l->lock);
	queue_work(flip_later_wq, &l->work);
	iov_iter_advance(from, len);
	return 0;

full:
	/* whoever polls is told when half of it is free */
	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	return -EAGAIN;
}

/**
 * flip_later_stop() - nothing is sent any more
 * @l: of a socket that is being closed
 *
 * Context: process, may sleep.
 */
void flip_later_stop(struct flip_later *l)
{
	struct flip_later_msg *m, *next;
	LIST_HEAD(dead);

	spin_lock_bh(&l->lock);
	WRITE_ONCE(l->closing, true);
	list_splice_init(&l->msgs, &dead);
	spin_unlock_bh(&l->lock);
	list_for_each_entry_safe(m, next, &dead, list)
		flip_later_free(m);
	/* it may get to its next wait after we have ended the last */
	while (READ_ONCE(l->busy)) {
		flip_locate_drop_ep(l->ep->ns, l->ep);
		flip_txmsg_abort(l->ep->ns, l->ep);
		wait_event_timeout(l->idle, !READ_ONCE(l->busy), HZ / 20 + 1);
	}
	cancel_work_sync(&l->work);
}

void flip_later_init(struct flip_later *l)
{
	spin_lock_init(&l->lock);
	INIT_LIST_HEAD(&l->msgs);
	INIT_WORK(&l->work, flip_later_work);
	init_waitqueue_head(&l->idle);
	l->ep = NULL;
	l->busy = NULL;
	l->closing = false;
}

int flip_later_module_init(void)
{
	flip_later_wq = alloc_workqueue("flip_later", WQ_UNBOUND, 0);
	return flip_later_wq ? 0 : -ENOMEM;
}

void flip_later_module_exit(void)
{
	destroy_workqueue(flip_later_wq);
}
