// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locating an address, facts 1.8 and wire-observed 2, and what waits for it.
 *
 * DESIGN NOTES
 * There is one pending locate per address. It has waiters in the order they came: a message
 * (queued, and sent when the address is found) or a task (asleep in flip_locate_wait()). The
 * LOCATEs go out in the name of the first waiter's endpoint, each with a new message id of it. A
 * waiter gives up at the first tick of the schedule after its own limit, as the original does.
 *
 * ns->locate_lock covers all of this. A locate is in the table as long as it has waiters; its
 * timer holds a reference, and finds ->done set when it comes too late. A task's waiter lies on
 * its stack: it is finished and woken under the lock, and takes the lock before it returns.
 * Found messages are sent without the lock by one task at a time (->flushing), so that they
 * stay in order; a message sent meanwhile to the same address queues behind them.
 *
 * The first LOCATE has the budget that reaches the nearest network at once: the smaller ones
 * with which the original begins never leave the machine.
 */
#include <kunit/visibility.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "flip_int.h"
#include <trace/events/flip.h>

#define FLIP_INTERVAL_MAX	12800	/* ms */

/**
 * struct flip_locate - an address being looked for
 * @node: in ns->locates
 * @addr: the address
 * @ns: namespace
 * @waiters: struct flip_lwait, oldest first
 * @sched: budget and interval
 * @next: nominal time of the next tick
 * @last: when a LOCATE was sent last
 * @done: out of the table
 * @flushing: somebody sends found messages
 * @again: and shall look at the waiters once more
 * @timer: the schedule
 * @refs: table, timer
 * @rcu: frees it
 */
struct flip_locate {
	struct hlist_node	node;
	flip_addr_t		addr;
	struct flip_ns		*ns;
	struct list_head	waiters;
	struct flip_schedule	sched;
	unsigned long		next;
	unsigned long		last;
	bool			done;
	bool			flushing;
	bool			again;
	struct timer_list	timer;
	refcount_t		refs;
	struct rcu_head		rcu;
};

struct flip_lwait {
	struct list_head	list;
	struct flip_want	want;
	unsigned long		deadline;
	struct sk_buff		*skb;		/* message; NULL: a task */
	u32			messid;
	wait_queue_head_t	wake;		/* task */
	bool			finished;
	int			error;
};

/* ---- schedule --------------------------------------------------------------------------- */

void flip_schedule_start(struct flip_schedule *s, bool forced, u16 first)
{
	s->forced = forced;
	s->hops = forced ? FLIP_HOPS_FORCED : min_t(u16, first, FLIP_MAX_HOPS);
	s->interval = FLIP_LOCATE_MS_MIN;
}
EXPORT_SYMBOL_IF_KUNIT(flip_schedule_start);

/* facts 1.8: one hop more each 100 ms until 25, then and with 26 the interval doubles */
void flip_schedule_next(struct flip_schedule *s)
{
	if (s->hops < FLIP_MAX_HOPS)
		s->hops++;
	else
		s->interval = min_t(u32, 2 * s->interval, FLIP_INTERVAL_MAX);
}
EXPORT_SYMBOL_IF_KUNIT(flip_schedule_next);

/* ---- table ------------------------------------------------------------------------------ */

static struct hlist_head *flip_locate_bucket(struct flip_ns *ns, flip_addr_t addr)
{
	return &ns->locates[flip_addr_hash(addr, ns->seed) % ARRAY_SIZE(ns->locates)];
}

static struct flip_locate *flip_locate_lookup(struct flip_ns *ns, flip_addr_t addr)
{
	struct flip_locate *l;

	lockdep_assert_held(&ns->locate_lock);
	hlist_for_each_entry(l, flip_locate_bucket(ns, addr), node)
		if (l->addr == addr)
			return l;
	return NULL;
}

static void flip_locate_put(struct flip_locate *l)
{
	if (refcount_dec_and_test(&l->refs))
		kfree_rcu(l, rcu);
}

static void flip_locate_arm(struct flip_locate *l)
{
	if (!mod_timer(&l->timer, l->next))
		refcount_inc(&l->refs);
}

/* nobody waits any more */
static void flip_locate_unlink(struct flip_locate *l)
{
	struct flip_ns *ns = l->ns;

	lockdep_assert_held(&ns->locate_lock);
	l->done = true;
	hlist_del(&l->node);
	atomic_dec(&ns->n_locates);
	if (timer_delete(&l->timer))
		flip_locate_put(l);
	flip_locate_put(l);
}

static void flip_locate_send(struct flip_ns *ns, flip_addr_t src, flip_addr_t dst, u32 messid,
			     u16 hops)
{
	struct flip_hdr h = {
		.type = FLIP_LOCATE, .max = hops, .dst = dst, .src = src, .messid = messid,
	};
	struct sk_buff *skb;

	flip_loop_seen(ns, src, messid, 0);
	skb = flip_eth_alloc(0, GFP_ATOMIC);
	if (skb)
		flip_flood(ns, skb, &h, NULL, NULL);
	else
		flip_drop(ns, NULL, NULL, FLIP_DROP_NOMEM);
}

/* a message has waited too long; its sender is told, without the lock */
static void flip_lwait_fail(struct flip_ns *ns, struct flip_lwait *w, enum flip_undeliv why)
{
	struct flip_rx rx = {
		.dst = w->want.dst, .src = w->want.ep->addr, .messid = w->messid,
		.length = w->skb->len, .total = w->skb->len,
		.flags = w->want.secure ? FLIP_F_SECURITY : 0, .local = true,
	};

	flip_stat_inc(ns, UNDELIVERED);
	trace_flip_queue(w->want.ep->addr, w->want.dst, w->messid, false);
	if (w->want.ep->ops->undelivered)
		w->want.ep->ops->undelivered(w->want.ep, w->skb, &rx, why);
	else
		kfree_skb(w->skb);
	kfree(w);
}

/* a task is woken, under the lock */
static void flip_lwait_finish(struct flip_lwait *w, int error)
{
	w->error = error;
	WRITE_ONCE(w->finished, true);
	wake_up(&w->wake);
}

/* can what waits go now? */
static bool flip_want_met(struct flip_ns *ns, const struct flip_want *w)
{
	enum flip_route_why why;
	unsigned int n, trusted;
	bool met;
	u16 far;

	rcu_read_lock();
	if (w->members) {
		n = flip_route_count(ns, w->dst, NULL, &trusted, &far);
		n = (w->secure ? trusted : n) + flip_ep_members(ns, w->dst);
		met = n >= w->members;
	} else {
		met = flip_ep_lookup(ns, w->dst) ||
		      flip_route_find(ns, w->dst, NULL, FLIP_MAX_HOPS, w->secure, &why);
	}
	rcu_read_unlock();
	return met;
}

/* why a locate that found nobody good enough has failed */
static enum flip_undeliv flip_want_why(struct flip_ns *ns, const struct flip_want *w)
{
	enum flip_undeliv ret = FLIP_UNDELIV_R_TIMEOUT;
	enum flip_route_why why;

	rcu_read_lock();
	flip_route_find(ns, w->dst, NULL, FLIP_MAX_HOPS, w->secure, &why);
	if (why == FLIP_ROUTE_UNSAFE)
		ret = FLIP_UNDELIV_R_UNTRUSTED;
	rcu_read_unlock();
	return ret;
}

/* one tick: who has waited too long gives up, the others pay for another LOCATE */
static void flip_locate_tick(struct timer_list *t)
{
	struct flip_locate *l = timer_container_of(l, t, timer);
	struct flip_ns *ns = l->ns;
	struct flip_lwait *w, *next;
	flip_addr_t src = FLIP_ADDR_NULL, dst = l->addr;
	bool outer, failed = false;
	LIST_HEAD(dead);
	u32 messid = 0;
	u16 hops = 0;

	outer = flip_upcall_begin();
	spin_lock_bh(&ns->locate_lock);
	if (l->done)
		goto out;
	list_for_each_entry_safe(w, next, &l->waiters, list) {
		if (time_before(l->next, w->deadline))
			continue;
		failed = true;
		if (w->skb) {
			ns->locate_bytes -= w->skb->truesize;
			list_move_tail(&w->list, &dead);
		} else {
			list_del_init(&w->list);
			flip_lwait_finish(w, flip_want_why(ns, &w->want) ==
					  FLIP_UNDELIV_R_UNTRUSTED ? -ENETUNREACH : -EHOSTUNREACH);
		}
	}
	if (list_empty(&l->waiters)) {
		if (!l->flushing)
			flip_locate_unlink(l);
		goto out;
	}
	flip_schedule_next(&l->sched);
	w = list_first_entry(&l->waiters, struct flip_lwait, list);
	src = w->want.ep->addr;
	messid = flip_ep_messid(w->want.ep);
	hops = l->sched.hops;
	l->last = jiffies;
	l->next += msecs_to_jiffies(l->sched.interval);
	if (time_before_eq(l->next, jiffies))
		l->next = jiffies + 1;
	trace_flip_locate(dst, hops, l->sched.interval, l->sched.forced);
	flip_locate_arm(l);
out:
	spin_unlock_bh(&ns->locate_lock);
	if (hops)
		flip_locate_send(ns, src, dst, messid, hops);
	if (failed) {
		flip_stat_inc(ns, LOCATE_FAILED);
		trace_flip_locate_done(dst, -EHOSTUNREACH);
		flip_nl_notify_locate(ns, dst);
	}
	/* their endpoints stay for this read section: flip_ep_destroy() waits for it */
	list_for_each_entry_safe(w, next, &dead, list)
		flip_lwait_fail(ns, w, flip_want_why(ns, &w->want));
	flip_upcall_end(outer);
	flip_locate_put(l);
}

/*
 * Add a waiter to the locate of its address, a new one if there is none. *@now: a LOCATE is to
 * be sent at once, with message id *@id and budget *@hops.
 */
static int flip_locate_add(struct flip_ns *ns, struct flip_lwait *w, bool *now, u32 *id, u16 *hops)
{
	flip_addr_t addr = w->want.dst;
	struct flip_lwait *before;
	struct list_head *place;
	struct flip_locate *l;

	lockdep_assert_held(&ns->locate_lock);
	*now = false;
	if (READ_ONCE(w->want.ep->dead))
		return -ENOBUFS;
	l = flip_locate_lookup(ns, addr);
	if (!l) {
		if (atomic_read(&ns->n_locates) >= READ_ONCE(ns->tune.max_locates))
			return -ENOBUFS;
		l = kzalloc(sizeof(*l), GFP_ATOMIC);
		if (!l)
			return -ENOBUFS;
		l->addr = addr;
		l->ns = ns;
		INIT_LIST_HEAD(&l->waiters);
		refcount_set(&l->refs, 1);
		timer_setup(&l->timer, flip_locate_tick, 0);
		hlist_add_head(&l->node, flip_locate_bucket(ns, addr));
		atomic_inc(&ns->n_locates);
		flip_stat_inc(ns, LOCATE_STARTED);
		*now = true;
	} else if ((w->want.forced && !l->sched.forced) ||
		   time_after_eq(jiffies, l->last + msecs_to_jiffies(FLIP_LOCATE_MS_MIN))) {
		/* someone new need not sit out the long intervals of someone patient */
		*now = true;
	}
	if (*now) {
		flip_schedule_start(&l->sched, w->want.forced || l->sched.forced,
				    flip_network_least_weight(ns));
		l->last = jiffies;
		l->next = jiffies + msecs_to_jiffies(l->sched.interval);
		*hops = l->sched.hops;
		*id = flip_ep_messid(w->want.ep);
		trace_flip_locate(addr, *hops, l->sched.interval, l->sched.forced);
		flip_locate_arm(l);
	}
	w->deadline = jiffies + msecs_to_jiffies(w->want.ltime_ms);
	place = &l->waiters;
	if (w->want.hipri) {
		list_for_each_entry(before, &l->waiters, list) {
			place = &before->list;
			if (!before->want.hipri)
				break;
			place = &l->waiters;
		}
	}
	list_add_tail(&w->list, place);
	return 0;
}

/* ---- found ------------------------------------------------------------------------------ */

/**
 * flip_locate_found() - something became known of an address
 * @ns: namespace
 * @addr: address
 *
 * Whoever waits for it and can go now goes. Context: any but hard interrupt.
 */
void flip_locate_found(struct flip_ns *ns, flip_addr_t addr)
{
	struct flip_lwait *w, *met;
	struct flip_locate *l;
	bool outer, any = false;
	struct sk_buff *skb;

	local_bh_disable();
	outer = flip_upcall_begin();
	spin_lock_bh(&ns->locate_lock);
	l = flip_locate_lookup(ns, addr);
	if (!l)
		goto out;
	if (l->flushing) {
		l->again = true;
		goto out;
	}
	l->flushing = true;
	do {
		l->again = false;
		met = NULL;
		list_for_each_entry(w, &l->waiters, list) {
			if (flip_want_met(ns, &w->want)) {
				met = w;
				break;
			}
		}
		if (!met)
			continue;
		any = true;
		list_del_init(&met->list);
		l->again = true;
		if (!met->skb) {
			flip_lwait_finish(met, 0);
			continue;
		}
		skb = met->skb;
		ns->locate_bytes -= skb->truesize;
		spin_unlock_bh(&ns->locate_lock);
		trace_flip_queue(met->want.ep->addr, addr, met->messid, false);
		flip_send_queued(ns, skb, &met->want, met->messid);
		kfree(met);
		spin_lock_bh(&ns->locate_lock);
	} while (l->again);
	l->flushing = false;
	if (list_empty(&l->waiters)) {
		flip_locate_unlink(l);
	} else if (!timer_pending(&l->timer)) {
		/* a tick found nobody waiting, then somebody joined */
		l->next = jiffies + msecs_to_jiffies(l->sched.interval);
		flip_locate_arm(l);
	}
out:
	spin_unlock_bh(&ns->locate_lock);
	if (any) {
		flip_stat_inc(ns, LOCATE_FOUND);
		trace_flip_locate_done(addr, 0);
	}
	flip_upcall_end(outer);
	local_bh_enable();
}

/* ---- waiting ---------------------------------------------------------------------------- */

static struct flip_lwait *flip_lwait_alloc(const struct flip_want *want, struct sk_buff *skb,
					   u32 messid)
{
	struct flip_lwait *w = kzalloc(sizeof(*w), GFP_ATOMIC);

	if (!w)
		return NULL;
	w->want = *want;
	w->skb = skb;
	w->messid = messid;
	return w;
}

/**
 * flip_locate_queue() - queue a message until its destination is found
 * @ns: namespace
 * @want: how to look
 * @skb: payload; the caller keeps it on error
 * @messid: its id
 *
 * Context: any but hard interrupt. Return: 0 or -ENOBUFS.
 */
int flip_locate_queue(struct flip_ns *ns, const struct flip_want *want, struct sk_buff *skb,
		      u32 messid)
{
	struct flip_lwait *w;
	bool now = false;
	u16 hops;
	int err;
	u32 id;

	w = flip_lwait_alloc(want, skb, messid);
	if (!w)
		return -ENOBUFS;
	spin_lock_bh(&ns->locate_lock);
	if (ns->locate_bytes + skb->truesize > READ_ONCE(ns->tune.locate_queue_bytes))
		err = -ENOBUFS;
	else
		err = flip_locate_add(ns, w, &now, &id, &hops);
	if (!err) {
		ns->locate_bytes += skb->truesize;
		trace_flip_queue(want->ep->addr, want->dst, messid, true);
	}
	spin_unlock_bh(&ns->locate_lock);
	if (err) {
		flip_stat_inc(ns, LOCATE_FULL);
		kfree(w);
		return err;
	}
	if (now)
		flip_locate_send(ns, want->ep->addr, want->dst, id, hops);
	/* it may have become known between the caller's look and now */
	if (flip_want_met(ns, want))
		flip_locate_found(ns, want->dst);
	return 0;
}

/* queue @skb when messages to the same address, found meanwhile, are just being sent */
bool flip_locate_join(struct flip_ns *ns, const struct flip_want *want, struct sk_buff *skb,
		      u32 messid)
{
	struct flip_lwait *w = NULL;
	struct flip_locate *l;

	if (want->hipri)
		return false;
	spin_lock_bh(&ns->locate_lock);
	l = flip_locate_lookup(ns, want->dst);
	if (l && l->flushing && !list_empty(&l->waiters) &&
	    ns->locate_bytes + skb->truesize <= READ_ONCE(ns->tune.locate_queue_bytes))
		w = flip_lwait_alloc(want, skb, messid);
	if (w) {
		w->deadline = jiffies + msecs_to_jiffies(want->ltime_ms);
		list_add_tail(&w->list, &l->waiters);
		ns->locate_bytes += skb->truesize;
		trace_flip_queue(want->ep->addr, want->dst, messid, true);
		l->again = true;
	}
	spin_unlock_bh(&ns->locate_lock);
	return w;
}

/**
 * flip_locate_wait() - sleep until an address is found
 * @ns: namespace
 * @want: how to look
 * @p: how long it waits; what is left of it is put back
 *
 * Context: process. Return: 0, -EHOSTUNREACH, -ENETUNREACH, -ENOBUFS, -EINTR, -ECANCELED, -ETIMEDOUT.
 */
int flip_locate_wait(struct flip_ns *ns, const struct flip_want *want, struct flip_patience *p)
{
	struct flip_lwait w = { .want = *want };
	struct flip_locate *l;
	bool now = false;
	int err, waited;
	u16 hops;
	u32 id;

	init_waitqueue_head(&w.wake);
	spin_lock_bh(&ns->locate_lock);
	err = flip_locate_add(ns, &w, &now, &id, &hops);
	spin_unlock_bh(&ns->locate_lock);
	if (err) {
		flip_stat_inc(ns, LOCATE_FULL);
		return err;
	}
	if (now)
		flip_locate_send(ns, want->ep->addr, want->dst, id, hops);
	if (flip_want_met(ns, want))
		flip_locate_found(ns, want->dst);

	trace_flip_stall(FLIP_STALL_LOCATE, true);
	waited = flip_wait(w.wake, READ_ONCE(w.finished), p);
	trace_flip_stall(FLIP_STALL_LOCATE, false);
	/* whoever finishes it wakes us under the lock, so it is done with us after this */
	spin_lock_bh(&ns->locate_lock);
	err = w.error;
	if (!w.finished) {
		err = waited;
		list_del(&w.list);
		l = flip_locate_lookup(ns, want->dst);
		if (l && list_empty(&l->waiters) && !l->flushing)
			flip_locate_unlink(l);
	}
	spin_unlock_bh(&ns->locate_lock);
	return err;
}

/**
 * flip_locate_restart() - a network has come up, and what is looked for may be on it
 * @ns: namespace
 *
 * Who is patient asks every 12.8 s in the end; all are asked for now, as when they began, but for those
 * asked for in the last 100 ms: a device that comes and goes makes no more LOCATEs than somebody
 * new who joins. Context: any but hard interrupt.
 */
void flip_locate_restart(struct flip_ns *ns)
{
	u16 first = flip_network_least_weight(ns);
	struct flip_locate *l;
	unsigned int i;

	if (!flip_locate_pending(ns))
		return;
	spin_lock_bh(&ns->locate_lock);
	for (i = 0; i < ARRAY_SIZE(ns->locates); i++) {
		hlist_for_each_entry(l, &ns->locates[i], node) {
			if (list_empty(&l->waiters) ||
			    time_before(jiffies, l->last + msecs_to_jiffies(FLIP_LOCATE_MS_MIN)))
				continue;
			flip_schedule_start(&l->sched, l->sched.forced, first);
			l->next = jiffies;
			flip_locate_arm(l);
		}
	}
	spin_unlock_bh(&ns->locate_lock);
}

/* an endpoint goes: its messages with it */
void flip_locate_drop_ep(struct flip_ns *ns, const struct flip_ep *ep)
{
	struct flip_lwait *w, *next;
	struct flip_locate *l;
	struct hlist_node *n;
	LIST_HEAD(dead);
	unsigned int i;

	spin_lock_bh(&ns->locate_lock);
	if (!flip_locate_pending(ns))
		goto out;
	for (i = 0; i < ARRAY_SIZE(ns->locates); i++) {
		hlist_for_each_entry_safe(l, n, &ns->locates[i], node) {
			list_for_each_entry_safe(w, next, &l->waiters, list) {
				if (w->want.ep != ep)
					continue;
				if (!w->skb) {
					list_del_init(&w->list);
					flip_lwait_finish(w, -EHOSTUNREACH);
					continue;
				}
				ns->locate_bytes -= w->skb->truesize;
				list_move(&w->list, &dead);
			}
			if (list_empty(&l->waiters) && !l->flushing)
				flip_locate_unlink(l);
		}
	}
out:
	spin_unlock_bh(&ns->locate_lock);
	list_for_each_entry_safe(w, next, &dead, list) {
		kfree_skb(w->skb);
		kfree(w);
	}
}

int flip_locate_ns_init(struct flip_ns *ns)
{
	unsigned int i;

	spin_lock_init(&ns->locate_lock);
	for (i = 0; i < ARRAY_SIZE(ns->locates); i++)
		INIT_HLIST_HEAD(&ns->locates[i]);
	atomic_set(&ns->n_locates, 0);
	return 0;
}

void flip_locate_ns_exit(struct flip_ns *ns)
{
	WARN_ON_ONCE(flip_locate_pending(ns));
}
