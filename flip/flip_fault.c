// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delay and loss of the frames we send, on purpose: for experiments.
 *
 * DESIGN NOTES
 * A frame that is ready for the device is dropped with the probability asked for, or waits in
 * the queue of its network until it is due; so it is late, but in order. One timer per network, in
 * ticks. The queue is bounded; what does not fit is lost as on a wire that is too slow. Setting the
 * delay to 0 sends what waits at once.
 *
 * f->lock covers the queue. A network that goes marks itself dead, waits for a grace period, so
 * that nobody adds a frame any more, and then empties the queue.
 */
#include <linux/random.h>
#include <linux/rtnetlink.h>
#include "flip_int.h"

#define FLIP_FAULT_QUEUE	4096	/* frames */

/* when a frame is due, in skb->cb */
static unsigned long *flip_fault_due(struct sk_buff *skb)
{
	return (unsigned long *)skb->cb;
}

/* the next frame if it is due; else NULL, and when it will be */
static struct sk_buff *flip_fault_next(struct flip_fault *f, unsigned long *due)
{
	struct sk_buff *skb = skb_peek(&f->queue);

	lockdep_assert_held(&f->lock);
	if (!skb)
		return NULL;
	*due = *flip_fault_due(skb);
	if (time_before(jiffies, *due) && READ_ONCE(f->delay))
		return NULL;
	__skb_unlink(skb, &f->queue);
	return skb;
}

static void flip_fault_run(struct timer_list *t)
{
	struct flip_fault *f = timer_container_of(f, t, timer);
	struct flip_network *n = container_of(f, struct flip_network, fault);
	struct sk_buff *skb;
	unsigned long due;

	rcu_read_lock();
	spin_lock(&f->lock);
	while ((skb = flip_fault_next(f, &due))) {
		spin_unlock(&f->lock);
		if (flip_network_usable(n))
			flip_eth_give(n, skb);
		else
			flip_drop(n->ns, n, skb, FLIP_DROP_NETDOWN);
		spin_lock(&f->lock);
	}
	if (!skb_queue_empty(&f->queue))
		mod_timer(&f->timer, due);
	else
		WRITE_ONCE(f->on, f->delay || f->loss);
	spin_unlock(&f->lock);
	rcu_read_unlock();
}

/**
 * flip_fault_xmit() - what happens to a frame on a network with faults
 * @n: network
 * @skb: whole frame, consumed
 *
 * Context: RCU, any but hard interrupt. Return: 0, also when it is lost; -ENOBUFS.
 */
int flip_fault_xmit(struct flip_network *n, struct sk_buff *skb)
{
	unsigned int loss = READ_ONCE(n->fault.loss), delay = READ_ONCE(n->fault.delay);
	struct flip_fault *f = &n->fault;
	bool full;

	if (loss && get_random_u32_below(FLIP_FAULT_LOSS_ALL) < loss) {
		flip_drop(n->ns, n, skb, FLIP_DROP_FAULT);
		return 0;
	}
	spin_lock_bh(&f->lock);
	if (!delay && skb_queue_empty(&f->queue)) {
		spin_unlock_bh(&f->lock);
		return flip_eth_give(n, skb);
	}
	full = skb_queue_len(&f->queue) >= FLIP_FAULT_QUEUE;
	if (!full) {
		*flip_fault_due(skb) = jiffies + msecs_to_jiffies(delay);
		__skb_queue_tail(&f->queue, skb);
		if (!timer_pending(&f->timer))
			mod_timer(&f->timer, *flip_fault_due(skb));
	}
	spin_unlock_bh(&f->lock);
	if (!full)
		return 0;
	flip_drop(n->ns, n, skb, FLIP_DROP_FAULT);
	return -ENOBUFS;
}

/**
 * flip_fault_set() - change the faults of a network
 * @n: network
 * @delay: ms
 * @loss: hundredths of a per cent
 *
 * Context: RTNL.
 */
void flip_fault_set(struct flip_network *n, unsigned int delay, unsigned int loss)
{
	struct flip_fault *f = &n->fault;

	ASSERT_RTNL();
	spin_lock_bh(&f->lock);
	WRITE_ONCE(f->delay, delay);
	WRITE_ONCE(f->loss, loss);
	/* what waits goes through the queue to its end, so that nothing is overtaken */
	if (!skb_queue_empty(&f->queue))
		mod_timer(&f->timer, jiffies);
	WRITE_ONCE(f->on, delay || loss || !skb_queue_empty(&f->queue));
	spin_unlock_bh(&f->lock);
}

void flip_fault_init(struct flip_network *n)
{
	spin_lock_init(&n->fault.lock);
	__skb_queue_head_init(&n->fault.queue);
	timer_setup(&n->fault.timer, flip_fault_run, 0);
}

/* the network is dead, and a grace period has passed since; process context */
void flip_fault_exit(struct flip_network *n)
{
	timer_shutdown_sync(&n->fault.timer);
	__skb_queue_purge(&n->fault.queue);
}
