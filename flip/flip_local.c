// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages between addresses of one namespace, and the mark that keeps upcalls apart.
 *
 * DESIGN NOTES
 * Each processor has a mark "an upcall may be running here" and a queue. The mark is touched only
 * with bottom halves off on that processor, so it needs no lock: a softirq cannot come between.
 * Whoever is about to make upcalls sets the mark; when it was already set, what is sent to a
 * local address goes on the queue and whoever set the mark delivers it at the end. So a reply
 * sent from within a receive upcall is delivered as soon as that upcall has returned, on the same
 * processor, and the stack never grows by more than one upcall. Two endpoints answering each
 * other for ever are pushed to a worker after a number of rounds, so that the processor can do
 * something else; the queue is bounded.
 *
 * No reference to a namespace is held by what is queued: it is delivered before bottom halves
 * are enabled again, which a namespace going down waits for, or by the worker, which
 * flip_ep_destroy() does not know; so the worker looks everything up again, and the namespace
 * waits for the worker when it ends (flip_local_flush()). What it waits for is counted from the
 * moment a packet is queued until its upcall has returned and what that sent is counted: a queue
 * may be empty, and its worker between two turns, while one packet is being delivered.
 */
#include <kunit/visibility.h>
#include <linux/workqueue.h>
#include "flip_int.h"

#define FLIP_LOCAL_ROUNDS	256	/* packets in one go before the worker takes over */

struct flip_local {
	struct sk_buff_head	q;
	unsigned int		undone;		/* queued, or being delivered from the queue */
	bool			busy;
	struct work_struct	work;
};

/* skb->cb of what is queued: struct flip_rx with what only this file knows */
struct flip_local_cb {
	flip_addr_t		dst;
	flip_addr_t		src;
	u32			messid;
	u32			offset;
	u32			total;
	u16			hops;
	u8			flags;
	bool			multi;
	struct flip_ns		*ns;
	const struct flip_ep	*skip;	/* compared, never followed */
};

static DEFINE_PER_CPU(struct flip_local, flip_local);

static void flip_local_drain(struct flip_local *l)
{
	unsigned int rounds = 0;
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&l->q))) {
		struct flip_local_cb *cb = (struct flip_local_cb *)skb->cb;
		struct flip_rx rx = {
			.dst = cb->dst, .src = cb->src, .messid = cb->messid,
			.length = skb->len, .offset = cb->offset, .total = cb->total,
			.hops = cb->hops, .flags = cb->flags, .local = true,
		};

		flip_deliver(cb->ns, skb, &rx, cb->multi, cb->skip);
		/* pairs with smp_load_acquire() in flip_local_flush() */
		smp_store_release(&l->undone, l->undone - 1);
		if (++rounds == FLIP_LOCAL_ROUNDS && !skb_queue_empty(&l->q)) {
			queue_work_on(smp_processor_id(), flip_wq, &l->work);
			return;
		}
	}
}

static void flip_local_worker(struct work_struct *work)
{
	struct flip_local *l = container_of(work, struct flip_local, work);
	bool outer;

	local_bh_disable();
	if (l == this_cpu_ptr(&flip_local)) {
		outer = flip_upcall_begin();
		flip_upcall_end(outer);
	} else {
		/* the processor went away: nobody else looks at its queue */
		rcu_read_lock();
		outer = flip_upcall_begin();
		flip_local_drain(l);
		flip_upcall_end(outer);
		rcu_read_unlock();
	}
	local_bh_enable();
}

/**
 * flip_upcall_begin() - upcalls may be made from here on
 *
 * Context: bottom halves off. Return: argument of flip_upcall_end().
 */
bool flip_upcall_begin(void)
	__acquires(RCU)
{
	struct flip_local *l = this_cpu_ptr(&flip_local);

	rcu_read_lock();
	if (l->busy)
		return false;
	l->busy = true;
	return true;
}

void flip_upcall_end(bool outer)
	__releases(RCU)
{
	struct flip_local *l = this_cpu_ptr(&flip_local);

	if (outer) {
		if (unlikely(!skb_queue_empty(&l->q)))
			flip_local_drain(l);
		l->busy = false;
	}
	rcu_read_unlock();
}

/**
 * flip_local_send() - deliver a packet within the namespace, now or after the current upcall
 * @ns: namespace
 * @skb: payload, consumed
 * @rx: describes it
 * @multi: to all endpoints of the address, not one
 * @skip: not to this endpoint
 *
 * Context: any but hard interrupt.
 */
void flip_local_send(struct flip_ns *ns, struct sk_buff *skb, const struct flip_rx *rx,
		     bool multi, const struct flip_ep *skip)
{
	struct flip_local_cb *cb;
	struct flip_local *l;
	bool outer;

	local_bh_disable();
	flip_stat_inc(ns, LOCAL);
	outer = flip_upcall_begin();
	if (outer) {
		flip_deliver(ns, skb, rx, multi, skip);
		goto out;
	}
	l = this_cpu_ptr(&flip_local);
	if (skb_queue_len(&l->q) >= FLIP_LOCAL_QUEUE) {
		flip_drop(ns, NULL, skb, FLIP_DROP_LOCAL_FULL);
		goto out;
	}
	cb = (struct flip_local_cb *)skb->cb;
	BUILD_BUG_ON(sizeof(*cb) > sizeof(skb->cb));
	*cb = (struct flip_local_cb){
		.dst = rx->dst, .src = rx->src, .messid = rx->messid, .offset = rx->offset,
		.total = rx->total, .hops = rx->hops, .flags = rx->flags, .multi = multi,
		.ns = ns, .skip = skip,
	};
	WRITE_ONCE(l->undone, l->undone + 1);
	skb_queue_tail(&l->q, skb);
out:
	flip_upcall_end(outer);
	local_bh_enable();
}

/* process context: what a worker still had to deliver in this namespace is delivered */
void flip_local_flush(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct flip_local *l = per_cpu_ptr(&flip_local, cpu);

		flush_work(&l->work);
		while (smp_load_acquire(&l->undone)) {
			flush_work(&l->work);
			cond_resched();
		}
	}
}
EXPORT_SYMBOL_IF_KUNIT(flip_local_flush);

int flip_local_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct flip_local *l = per_cpu_ptr(&flip_local, cpu);

		skb_queue_head_init(&l->q);
		INIT_WORK(&l->work, flip_local_worker);
	}
	return 0;
}

void flip_local_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		cancel_work_sync(&per_cpu_ptr(&flip_local, cpu)->work);
}
