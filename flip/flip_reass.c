// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reassembly: the library sockets and transactions share (include/net/flip.h).
 *
 * DESIGN NOTES
 * The classic rule: fragments of a message arrive in order. So a partial message is a list of
 * packets and the offset that must come next; what was there already is a duplicate and ignored,
 * what is beyond means something was lost, and the partial message goes.
 *
 * A reassembler has a spinlock of its own; the packets of one message are put on its list under
 * it. Partial messages are few (max_msgs), so they are a list, the one added to last in front.
 * Their memory is bounded twice: by the reassembler in payload, by the namespace in truesize. One
 * timer per reassembler runs while there are partial messages.
 */
#include <linux/export.h>
#include <linux/slab.h>
#include "flip_int.h"

/**
 * struct flip_partial - a message coming in
 * @list: in the reassembler, latest progress first
 * @msg: becomes the message
 * @next: offset that must come next
 * @truesize: charged to the namespace
 * @when: time of the last progress
 */
struct flip_partial {
	struct list_head	list;
	struct flip_msg		*msg;
	u32			next;
	u64			truesize;
	unsigned long		when;
};

struct flip_reass {
	struct flip_ns		*ns;
	spinlock_t		lock;
	struct list_head	partials;
	unsigned int		n_msgs;
	unsigned int		max_msgs;
	u64			bytes;
	u64			max_bytes;
	struct timer_list	timer;
};

static void flip_partial_uncharge(struct flip_reass *r, struct flip_partial *p)
{
	r->n_msgs--;
	r->bytes -= p->next;
	atomic64_sub(p->truesize, &r->ns->reass_bytes);
}

static void flip_partial_free(struct flip_reass *r, struct flip_partial *p)
{
	list_del(&p->list);
	flip_partial_uncharge(r, p);
	flip_msg_free(p->msg);
	kfree(p);
}

static void flip_reass_expire(struct timer_list *t)
{
	struct flip_reass *r = timer_container_of(r, t, timer);
	unsigned long life = msecs_to_jiffies(FLIP_REASS_MS);
	struct flip_partial *p, *next;

	spin_lock_bh(&r->lock);
	list_for_each_entry_safe_reverse(p, next, &r->partials, list) {
		if (time_before(jiffies, p->when + life)) {
			mod_timer(&r->timer, p->when + life);
			break;
		}
		flip_stat_inc(r->ns, REASS_TIMEOUT);
		flip_partial_free(r, p);
	}
	spin_unlock_bh(&r->lock);
}

struct flip_reass *flip_reass_create(struct net *net, u64 max_bytes, unsigned int max_msgs)
{
	struct flip_reass *r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);

	if (!r)
		return NULL;
	r->ns = flip_ns(net);
	spin_lock_init(&r->lock);
	INIT_LIST_HEAD(&r->partials);
	r->max_msgs = max_msgs;
	r->max_bytes = max_bytes;
	timer_setup(&r->timer, flip_reass_expire, 0);
	return r;
}
EXPORT_SYMBOL_GPL(flip_reass_create);

void flip_reass_destroy(struct flip_reass *r)
{
	struct flip_partial *p, *next;

	if (!r)
		return;
	timer_shutdown_sync(&r->timer);
	list_for_each_entry_safe(p, next, &r->partials, list)
		flip_partial_free(r, p);
	kfree(r);
}
EXPORT_SYMBOL_GPL(flip_reass_destroy);

void flip_reass_limit(struct flip_reass *r, u64 max_bytes)
{
	spin_lock_bh(&r->lock);
	r->max_bytes = max_bytes;
	spin_unlock_bh(&r->lock);
}

void flip_msg_free(struct flip_msg *m)
{
	if (!m)
		return;
	__skb_queue_purge(&m->skbs);
	kfree(m);
}
EXPORT_SYMBOL_GPL(flip_msg_free);

static struct flip_msg *flip_msg_make(struct flip_ns *ns, struct sk_buff *skb,
				      const struct flip_rx *rx)
{
	struct flip_msg *m = kmalloc(sizeof(*m), GFP_ATOMIC);

	if (!m) {
		flip_drop(ns, NULL, skb, FLIP_DROP_NOMEM);
		return NULL;
	}
	__skb_queue_head_init(&m->skbs);
	__skb_queue_tail(&m->skbs, skb);
	m->rx = *rx;
	m->rx.length = rx->total;
	m->rx.offset = 0;
	return m;
}

/* the first packet of a message of several; takes it unless it returns a reason not to */
static enum flip_stat flip_reass_begin(struct flip_reass *r, struct sk_buff *skb,
				       const struct flip_rx *rx)
{
	struct flip_ns *ns = r->ns;
	struct flip_partial *p;

	if (r->n_msgs >= r->max_msgs)
		return FLIP_DROP_REASS_MSGS;
	if (r->bytes + rx->length > r->max_bytes || rx->total > r->max_bytes)
		return FLIP_DROP_REASS_BYTES;
	p = kzalloc(sizeof(*p), GFP_ATOMIC);
	if (!p)
		return FLIP_DROP_NOMEM;
	if (atomic64_add_return(skb->truesize, &ns->reass_bytes) >
	    READ_ONCE(ns->tune.reass_bytes)) {
		atomic64_sub(skb->truesize, &ns->reass_bytes);
		kfree(p);
		return FLIP_DROP_REASS_BYTES;
	}
	p->truesize = skb->truesize;
	p->next = rx->length;
	p->when = jiffies;
	p->msg = flip_msg_make(ns, skb, rx);
	if (!p->msg) {
		atomic64_sub(p->truesize, &ns->reass_bytes);
		kfree(p);
		return FLIP_STAT_NONE;
	}
	r->n_msgs++;
	r->bytes += rx->length;
	list_add(&p->list, &r->partials);
	if (!timer_pending(&r->timer))
		mod_timer(&r->timer, jiffies + msecs_to_jiffies(FLIP_REASS_MS));
	return FLIP_STAT_NONE;
}

struct flip_msg *flip_reass_add(struct flip_reass *r, struct sk_buff *skb,
				const struct flip_rx *rx)
{
	struct flip_partial *p, *found = NULL;
	struct flip_ns *ns = r->ns;
	struct flip_msg *m = NULL;
	enum flip_stat why = FLIP_STAT_NONE;

	if (rx->length == rx->total)
		return flip_msg_make(ns, skb, rx);

	spin_lock_bh(&r->lock);
	list_for_each_entry(p, &r->partials, list) {
		if (p->msg->rx.messid == rx->messid && p->msg->rx.src == rx->src &&
		    p->msg->rx.dst == rx->dst) {
			found = p;
			break;
		}
	}
	p = found;
	if (!p) {
		why = rx->offset ? FLIP_DROP_REASS_GAP : flip_reass_begin(r, skb, rx);
		goto out;
	}
	if (rx->total != p->msg->rx.total) {
		why = FLIP_DROP_REASS_TOTAL;
		goto out;
	}
	if (rx->offset < p->next) {
		why = (u64)rx->offset + rx->length <= p->next ? FLIP_STAT_REASS_DUP :
			FLIP_DROP_REASS_GAP;
		goto out;
	}
	if (rx->offset > p->next) {
		why = FLIP_DROP_REASS_GAP;
		flip_partial_free(r, p);
		goto out;
	}
	if (r->bytes + rx->length > r->max_bytes ||
	    atomic64_add_return(skb->truesize, &ns->reass_bytes) >
	    READ_ONCE(ns->tune.reass_bytes)) {
		if (r->bytes + rx->length <= r->max_bytes)
			atomic64_sub(skb->truesize, &ns->reass_bytes);
		why = FLIP_DROP_REASS_BYTES;
		flip_partial_free(r, p);
		goto out;
	}
	p->truesize += skb->truesize;
	p->next += rx->length;
	r->bytes += rx->length;
	p->when = jiffies;
	__skb_queue_tail(&p->msg->skbs, skb);
	p->msg->rx.flags = ((p->msg->rx.flags | rx->flags) & FLIP_F_UNSAFE) |
			   (p->msg->rx.flags & rx->flags & FLIP_F_SECURITY);
	if (p->next == rx->total) {
		m = p->msg;
		list_del(&p->list);
		flip_partial_uncharge(r, p);
		kfree(p);
		flip_stat_inc(ns, REASS_DONE);
	} else if (p->list.prev != &r->partials) {
		list_move(&p->list, &r->partials);
	}
out:
	spin_unlock_bh(&r->lock);
	if (why != FLIP_STAT_NONE)
		flip_drop(ns, NULL, skb, why);
	return m;
}
EXPORT_SYMBOL_GPL(flip_reass_add);

ssize_t flip_msg_copy(const struct flip_msg *m, size_t skip, struct iov_iter *to)
{
	const struct sk_buff *skb;
	size_t done = 0;

	skb_queue_walk(&m->skbs, skb) {
		size_t len;

		if (skip >= skb->len) {
			skip -= skb->len;
			continue;
		}
		len = min_t(size_t, skb->len - skip, iov_iter_count(to));
		if (!len)
			break;
		if (skb_copy_datagram_iter(skb, skip, to, len))
			return -EFAULT;
		done += len;
		skip = 0;
	}
	return done;
}
EXPORT_SYMBOL_GPL(flip_msg_copy);
