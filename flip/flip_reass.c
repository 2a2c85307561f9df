// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reassembly: the library sockets and transactions share (include/net/flip.h).
 *
 * DESIGN NOTES
 * The classic rule: fragments of a message arrive in order. So a partial message is a list of
 * packets and the offset that comes next; what was there already is a duplicate and ignored. Since
 * several queues of a device may change the order a little, up to FLIP_REASS_EARLY packets
 * from beyond wait for what is before them (flip_early.c); more means that something was lost, and the
 * partial message goes.
 *
 * Unless its sender can be asked (struct flip_reass_ask; partial->patient): then all wait. Once nothing
 * of the message has come for FLIP_REASS_ASK_MS, its owner is told what is missing, gaps and the end
 * alike, and again after twice that time and so on until something comes; at FLIP_REASS_MS without
 * anything the message goes as ever. While packets come nobody asks: so disorder never makes for questions,
 * however large it is, and all that a stream has lost is asked for together. It costs no memory, for the
 * message has to be kept whole in the end. Packets that come after the message was complete, because
 * somebody asked too early, must not begin another one: the last FLIP_REASS_DONE such messages are
 * remembered.
 *
 * A reassembler has a spinlock of its own; the packets of one message are put on its list under
 * it. Partial messages are few (max_msgs), so they are a list, the one added to last in front.
 * Their memory is bounded twice: by the reassembler in payload, by the namespace in truesize, which
 * is counted in 64 bits. A message larger than the whole of the reassembler's limit, in payload or, as soon as it
 * has grown so much, in memory, may be bounded by the namespace and its owner's memory cgroup alone, one at
 * a time, and then stays charged to both until it has been read. There is one place for such a message
 * (->has_big): taken under the lock with its first packet, it goes over to the complete message, whose owner
 * gives it back (flip_reass_big_done()). So a second one cannot begin between the end of the first and its
 * way into a queue. One timer per reassembler runs while there are partial messages.
 */
#include <linux/export.h>
#include <linux/slab.h>
#include "flip_int.h"

/**
 * struct flip_partial - a message coming in
 * @list: in the reassembler, latest progress first
 * @msg: becomes the message
 * @early: packets from beyond @next
 * @next: offset that comes next
 * @bytes: payload of all its packets
 * @truesize: charged to the namespace
 * @big: larger than the reassembler's limit: not counted there
 * @when: time of the last progress
 * @patient: its sender is asked for what is missing
 * @ask_ms: time until then, without progress
 * @ask_at: jiffies, when that is
 */
struct flip_partial {
	struct list_head	list;
	struct flip_msg		*msg;
	struct flip_early	early;
	u32			next;
	u32			bytes;
	u64			truesize;
	bool			big;
	unsigned long		when;
	bool			patient;
	unsigned int		ask_ms;
	unsigned long		ask_at;
};

#define FLIP_REASS_DONE	32	/* complete messages remembered */
#define FLIP_REASS_GAPS	8192	/* in a message whose sender can be asked: 1 GiB that lost 1 % */

struct flip_done {
	flip_addr_t		src;
	u32			messid;
};

struct flip_reass {
	struct flip_ns		*ns;
	spinlock_t		lock;
	struct list_head	partials;
	unsigned int		n_msgs;
	unsigned int		max_msgs;
	u64			bytes;
	u64			max_bytes;
	bool			may_big;
	bool			has_big;
	const struct flip_reass_owner *ops;
	void			*owner;
	struct timer_list	timer;
	const struct flip_reass_ask *ask;
	void			*ask_priv;
	struct timer_list	ask_timer;
	struct flip_range	*missing;	/* FLIP_REASS_ASK of them, for ask_timer */
	struct flip_done	done[FLIP_REASS_DONE];
	unsigned int		n_done;
};

static void flip_partial_uncharge(struct flip_reass *r, struct flip_partial *p)
{
	r->n_msgs--;
	if (!p->big)
		r->bytes -= p->bytes;
	/* a large one stays charged, and the only one, until somebody has read it */
	if (p->big && p->msg && p->next == p->msg->rx.total) {
		p->msg->charge = p->truesize;
		return;
	}
	if (p->big)
		WRITE_ONCE(r->has_big, false);
	atomic64_sub(p->truesize, &r->ns->reass_bytes);
	if (p->big && r->ops)
		r->ops->uncharge(r->owner, p->truesize);
}

static void flip_partial_free(struct flip_reass *r, struct flip_partial *p)
{
	list_del(&p->list);
	flip_partial_uncharge(r, p);
	flip_early_purge(&p->early);
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

/* ---- asking ------------------------------------------------------------------------------ */

/* a patient message whose time has come, or NULL; *@next: when that of another comes */
static struct flip_partial *flip_reass_due(struct flip_reass *r, unsigned long *next, bool *any)
{
	struct flip_partial *p;

	lockdep_assert_held(&r->lock);
	*any = false;
	list_for_each_entry(p, &r->partials, list) {
		if (!p->patient)
			continue;
		if (time_after_eq(jiffies, p->ask_at))
			return p;
		if (!*any || time_before(p->ask_at, *next))
			*next = p->ask_at;
		*any = true;
	}
	return NULL;
}

static void flip_reass_ask_tick(struct timer_list *t)
{
	struct flip_reass *r = timer_container_of(r, t, ask_timer);
	const struct flip_reass_ask *ask;
	struct flip_partial *p;
	unsigned long next;
	struct flip_rx rx;
	unsigned int n;
	bool any;

	for (;;) {
		spin_lock_bh(&r->lock);
		ask = r->ask;
		p = ask ? flip_reass_due(r, &next, &any) : NULL;
		if (!p) {
			if (ask && any)
				mod_timer(&r->ask_timer, next);
			spin_unlock_bh(&r->lock);
			return;
		}
		n = flip_early_missing(&p->early, p->next, p->msg->rx.total, r->missing,
				       FLIP_REASS_ASK);
		p->ask_ms = min(2 * p->ask_ms, FLIP_REASS_ASK_MOST_MS);
		p->ask_at = jiffies + msecs_to_jiffies(p->ask_ms);
		rx = p->msg->rx;
		spin_unlock_bh(&r->lock);
		flip_stat_inc(r->ns, REASS_ASKED);
		flip_stat_add(r->ns, REASS_ASKED_RANGES, n);
		ask->ask(r->ask_priv, &rx, r->missing, n);
	}
}

/* a packet of it has come */
static void flip_reass_hope(struct flip_reass *r, struct flip_partial *p)
{
	p->when = jiffies;
	p->ask_ms = FLIP_REASS_ASK_MS;
	p->ask_at = jiffies + msecs_to_jiffies(p->ask_ms);
	if (p->list.prev != &r->partials)
		list_move(&p->list, &r->partials);
	if (r->ask && !timer_pending(&r->ask_timer))
		mod_timer(&r->ask_timer, p->ask_at);
}

int flip_reass_asks(struct flip_reass *r, const struct flip_reass_ask *ops, void *priv)
{
	r->missing = kmalloc_array(FLIP_REASS_ASK, sizeof(*r->missing), GFP_KERNEL_ACCOUNT);
	if (!r->missing)
		return -ENOMEM;
	r->ask_priv = priv;
	r->ask = ops;
	return 0;
}
EXPORT_SYMBOL_GPL(flip_reass_asks);

void flip_reass_mute(struct flip_reass *r)
{
	spin_lock_bh(&r->lock);
	r->ask = NULL;
	spin_unlock_bh(&r->lock);
	/* whoever arms it looks at ->ask under the lock */
	timer_delete_sync(&r->ask_timer);
}
EXPORT_SYMBOL_GPL(flip_reass_mute);

static bool flip_reass_was_done(const struct flip_reass *r, const struct flip_rx *rx)
{
	unsigned int i;

	for (i = 0; i < min(r->n_done, FLIP_REASS_DONE); i++)
		if (r->done[i].messid == rx->messid && r->done[i].src == rx->src)
			return true;
	return false;
}

/* ---- life ----------------------------------------------------------------------------------- */

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
	timer_setup(&r->ask_timer, flip_reass_ask_tick, 0);
	return r;
}
EXPORT_SYMBOL_GPL(flip_reass_create);

void flip_reass_destroy(struct flip_reass *r)
{
	struct flip_partial *p, *next;

	if (!r)
		return;
	flip_reass_mute(r);
	timer_shutdown_sync(&r->timer);
	list_for_each_entry_safe(p, next, &r->partials, list)
		flip_partial_free(r, p);
	kfree(r->missing);
	kfree(r);
}
EXPORT_SYMBOL_GPL(flip_reass_destroy);

void flip_reass_limit(struct flip_reass *r, u64 max_bytes)
{
	WRITE_ONCE(r->max_bytes, max_bytes);
}

/* before the first packet */
void flip_reass_owned(struct flip_reass *r, const struct flip_reass_owner *ops, void *owner)
{
	r->ops = ops;
	r->owner = owner;
}

void flip_reass_big(struct flip_reass *r, bool allow)
{
	if (READ_ONCE(r->may_big) != allow)
		WRITE_ONCE(r->may_big, allow);
}
EXPORT_SYMBOL_GPL(flip_reass_big);

/* the owner of a large message is done with it; any context, also under the lock of the owner */
void flip_reass_big_done(struct flip_reass *r)
{
	WRITE_ONCE(r->has_big, false);
}
EXPORT_SYMBOL_GPL(flip_reass_big_done);

void flip_reass_uncharge(struct net *net, u64 charge)
{
	atomic64_sub(charge, &flip_ns(net)->reass_bytes);
}
EXPORT_SYMBOL_GPL(flip_reass_uncharge);

void flip_msg_free(struct flip_msg *m)
{
	if (!m)
		return;
	if (m->charge)
		flip_reass_uncharge(m->net, m->charge);
	__skb_queue_purge(&m->skbs);
	kfree(m);
}
EXPORT_SYMBOL_GPL(flip_msg_free);

static struct flip_msg *flip_msg_make(struct flip_ns *ns, const struct flip_rx *rx)
{
	struct flip_msg *m = kmalloc(sizeof(*m), GFP_ATOMIC);

	if (!m)
		return NULL;
	__skb_queue_head_init(&m->skbs);
	m->charge = 0;
	m->net = ns->net;
	m->rx = *rx;
	m->rx.length = rx->total;
	m->rx.offset = 0;
	return m;
}

static struct flip_partial *flip_partial_find(struct flip_reass *r, const struct flip_rx *rx)
{
	struct flip_partial *p;

	list_for_each_entry(p, &r->partials, list)
		if (p->msg->rx.messid == rx->messid && p->msg->rx.src == rx->src &&
		    p->msg->rx.dst == rx->dst)
			return p;
	return NULL;
}

static struct flip_partial *flip_partial_make(struct flip_reass *r, const struct flip_rx *rx)
{
	struct flip_partial *p = kzalloc(sizeof(*p), GFP_ATOMIC);

	if (!p)
		return NULL;
	p->msg = flip_msg_make(r->ns, rx);
	if (!p->msg) {
		kfree(p);
		return NULL;
	}
	p->early.runs = RB_ROOT;
	p->when = jiffies;
	r->n_msgs++;
	list_add(&p->list, &r->partials);
	if (!timer_pending(&r->timer))
		mod_timer(&r->timer, jiffies + msecs_to_jiffies(FLIP_REASS_MS));
	return p;
}

/* a packet of the message, or of what follows; only what is kept is no more the caller's */
static enum flip_early_verdict flip_partial_put(struct flip_partial *p, struct sk_buff *skb,
						u32 offset)
{
	if (offset > p->next)
		return flip_early_keep(&p->early, skb, offset, FLIP_REASS_GAPS);
	if (offset + skb->len > flip_early_first(&p->early))
		return FLIP_EARLY_OVERLAP;
	__skb_queue_tail(&p->msg->skbs, skb);
	p->next = flip_early_take(&p->early, p->next + skb->len, &p->msg->skbs);
	return FLIP_EARLY_KEPT;
}

/*
 * Small in payload, but with its packets' overhead more than the owner may keep: it would be refused when it is
 * complete. It becomes a large one, if there is none; false: it may not.
 */
static bool flip_partial_enlarge(struct flip_reass *r, struct flip_partial *p)
{
	if (r->ops && !r->ops->charge(r->owner, p->truesize))
		return false;
	r->bytes -= p->bytes;
	p->big = true;
	WRITE_ONCE(r->has_big, true);
	return true;
}

/* memory for one more packet; FLIP_STAT_NONE: there is */
static enum flip_stat flip_reass_charge(struct flip_reass *r, struct flip_partial *p,
					const struct sk_buff *skb)
{
	u64 most = READ_ONCE(r->max_bytes);
	struct flip_ns *ns = r->ns;

	if (!p->big && p->truesize + skb->truesize > most && READ_ONCE(r->may_big) &&
	    !READ_ONCE(r->has_big) && !flip_partial_enlarge(r, p))
		return FLIP_DROP_REASS_CGROUP;
	if (!p->big && r->bytes + skb->len > most)
		return FLIP_DROP_REASS_BYTES;
	if (atomic64_add_return(skb->truesize, &ns->reass_bytes) >
	    READ_ONCE(ns->tune.reass_bytes)) {
		atomic64_sub(skb->truesize, &ns->reass_bytes);
		return FLIP_DROP_REASS_BYTES;
	}
	if (p->big && r->ops && !r->ops->charge(r->owner, skb->truesize)) {
		atomic64_sub(skb->truesize, &ns->reass_bytes);
		return FLIP_DROP_REASS_CGROUP;
	}
	p->truesize += skb->truesize;
	p->bytes += skb->len;
	if (!p->big)
		r->bytes += skb->len;
	return FLIP_STAT_NONE;
}

static void flip_reass_uncharge_one(struct flip_reass *r, struct flip_partial *p,
				    const struct sk_buff *skb)
{
	p->truesize -= skb->truesize;
	p->bytes -= skb->len;
	if (!p->big)
		r->bytes -= skb->len;
	else if (r->ops)
		r->ops->uncharge(r->owner, skb->truesize);
	atomic64_sub(skb->truesize, &r->ns->reass_bytes);
}

/*
 * The message that has stood still for longest makes room, if that was for a while: an honest one
 * moves on, so that those never meant to be completed do not keep others out.
 */
static bool flip_reass_make_room(struct flip_reass *r)
{
	struct flip_partial *p = list_last_entry(&r->partials, struct flip_partial, list);

	lockdep_assert_held(&r->lock);
	if (time_before(jiffies, p->when + msecs_to_jiffies(FLIP_REASS_STILL_MS)))
		return false;
	flip_stat_inc(r->ns, REASS_EVICTED);
	flip_partial_free(r, p);
	return true;
}

/* take in a packet of a message of several; *@done: the message is whole */
static enum flip_stat flip_reass_take(struct flip_reass *r, struct sk_buff *skb,
				      const struct flip_rx *rx, struct flip_partial **done)
{
	struct flip_partial *p = flip_partial_find(r, rx);
	enum flip_early_verdict verdict;
	bool big, first = false;
	enum flip_stat why;
	u32 next;

	lockdep_assert_held(&r->lock);
	*done = NULL;
	if (!p) {
		if (r->ask && flip_reass_was_done(r, rx))
			return FLIP_STAT_REASS_DUP;
		if (rx->offset > FLIP_REASS_EARLY * max(rx->length, 1U))
			return FLIP_DROP_REASS_GAP;
		if (r->n_msgs >= r->max_msgs && !flip_reass_make_room(r))
			return FLIP_DROP_REASS_MSGS;
		big = rx->total > READ_ONCE(r->max_bytes);
		if (big && (!READ_ONCE(r->may_big) || READ_ONCE(r->has_big)))
			return FLIP_DROP_REASS_BYTES;
		p = flip_partial_make(r, rx);
		if (!p)
			return FLIP_DROP_NOMEM;
		p->big = big;
		if (big)
			WRITE_ONCE(r->has_big, true);
		first = true;
	}
	if (rx->total != p->msg->rx.total)
		return FLIP_DROP_REASS_TOTAL;
	if (rx->offset < p->next)
		return rx->offset + rx->length <= p->next ? FLIP_STAT_REASS_DUP :
			FLIP_DROP_REASS_GAP;
	/* the first that comes, and that with the headers, say who sends it */
	if ((first || !rx->offset) && !p->patient && r->ask &&
	    r->ask->may(r->ask_priv, skb, rx)) {
		p->patient = true;
		flip_reass_hope(r, p);
	}
	if (rx->offset > p->next && p->early.packets >= FLIP_REASS_EARLY && !p->patient) {
		flip_partial_free(r, p);
		return FLIP_DROP_REASS_GAP;
	}
	why = flip_reass_charge(r, p, skb);
	if (why != FLIP_STAT_NONE) {
		flip_partial_free(r, p);
		return why;
	}
	p->msg->rx.flags = ((p->msg->rx.flags | rx->flags) & FLIP_F_UNSAFE) |
			   (p->msg->rx.flags & rx->flags & FLIP_F_SECURITY);
	next = p->next;
	verdict = flip_partial_put(p, skb, rx->offset);
	if (verdict == FLIP_EARLY_KEPT) {
		if (p->next == rx->total) {
			*done = p;
		} else if (p->patient) {
			flip_reass_hope(r, p);
		} else if (p->next != next) {
			p->when = jiffies;
			if (p->list.prev != &r->partials)
				list_move(&p->list, &r->partials);
		}
		return FLIP_STAT_NONE;
	}
	flip_reass_uncharge_one(r, p, skb);
	switch (verdict) {
	case FLIP_EARLY_DUP:
		return FLIP_STAT_REASS_DUP;
	case FLIP_EARLY_OVERLAP:
		/* cut differently by two senders; what is missing then can be asked for */
		if (!p->patient)
			flip_partial_free(r, p);
		return FLIP_STAT_REASS_OVERLAP;
	default:
		if (!p->patient)
			flip_partial_free(r, p);
		return FLIP_DROP_REASS_GAP;
	}
}

struct flip_msg *flip_reass_add(struct flip_reass *r, struct sk_buff *skb,
				const struct flip_rx *rx)
{
	struct flip_ns *ns = r->ns;
	struct flip_msg *m = NULL;
	struct flip_partial *p;
	enum flip_stat why;

	if (rx->length == rx->total) {
		m = flip_msg_make(ns, rx);
		if (m)
			__skb_queue_tail(&m->skbs, skb);
		else
			flip_drop(ns, NULL, skb, FLIP_DROP_NOMEM);
		return m;
	}
	spin_lock_bh(&r->lock);
	why = flip_reass_take(r, skb, rx, &p);
	if (p) {
		m = p->msg;
		list_del(&p->list);
		flip_partial_uncharge(r, p);
		flip_early_purge(&p->early);
		if (p->patient)
			r->done[r->n_done++ % FLIP_REASS_DONE] = (struct flip_done){
				.src = rx->src, .messid = rx->messid,
			};
		kfree(p);
		flip_stat_inc(ns, REASS_DONE);
	}
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
