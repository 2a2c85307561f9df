// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hardly ever comes to pass: time limits of calls and replies, most of which are over within a
 * millisecond.
 *
 * DESIGN NOTES
 *
 * To start a timer and to stop it costs 330 instructions, and a transaction needs two: the client's, for
 * RECEIVED, and the server's, for the acknowledgement of its reply. So what wants a timer is noted at its
 * file first. The file's own timer looks AMRPC_SOON after the first of them came and starts real timers for
 * those that have stood there that long; whoever is done before is taken out. So no time limit changes;
 * only what is shorter than 2 * AMRPC_SOON has to have a timer at once.
 *
 * A file with one thread has one of them at a time: that stands in f->soon_first, which is changed by
 * cmpxchg() alone, and needs no lock. Whoever finds the place taken stands in the list behind it, under
 * f->soon_lock. The timer holds the lock while it starts what it took out of either; so who does
 * not find itself there any more waits for the lock, and then @start is over. It runs in softirq: no lock
 * within which something is added may be taken there. A tx that is in has a reference, as one whose timer
 * runs; a call is taken out by its thread before that goes on; both are freed by RCU.
 * The file's timer holds no reference; destroy() of rpc_file.c waits for it.
 */
#include "rpc.h"

/**
 * amrpc_soon_add() - start a timer, unless this is taken out soon
 * @f: file
 * @s: not added; @s->start is set
 *
 * Context: any but hard interrupt.
 */
void amrpc_soon_add(struct amrpc_file *f, struct amrpc_soon *s)
{
	unsigned long when = jiffies + AMRPC_SOON;

	WRITE_ONCE(s->when, when);
	WRITE_ONCE(s->added, true);
	if (READ_ONCE(f->soon_first) || cmpxchg(&f->soon_first, NULL, s)) {
		spin_lock_bh(&f->soon_lock);
		list_add_tail(&s->node, &f->soon);
		spin_unlock_bh(&f->soon_lock);
	}
	/* one that runs already sees it: it is not pending then, or was not when we were not there */
	if (!timer_pending(&f->soon_timer))
		mod_timer(&f->soon_timer, when);
}

/**
 * amrpc_soon_del() - no timer is needed any more
 * @f: file
 * @s: perhaps added
 *
 * Context: any but hard interrupt. Return: it was in still; if not, @s->start has been called, if it was
 * ever added.
 */
bool amrpc_soon_del(struct amrpc_file *f, struct amrpc_soon *s)
{
	bool was;

	if (READ_ONCE(f->soon_first) == s && cmpxchg(&f->soon_first, s, NULL) == s)
		return true;
	spin_lock_bh(&f->soon_lock);
	was = !list_empty(&s->node);
	list_del_init(&s->node);
	spin_unlock_bh(&f->soon_lock);
	return was;
}

static void soon_timer(struct timer_list *t)
{
	struct amrpc_file *f = timer_container_of(f, t, soon_timer);
	unsigned long next = 0;
	struct amrpc_soon *s;

	spin_lock(&f->soon_lock);
	rcu_read_lock();
	s = READ_ONCE(f->soon_first);
	if (s) {
		unsigned long when = READ_ONCE(s->when);

		/* taken out and added again meanwhile, it is early by a few ms */
		if (time_before(jiffies, when))
			next = when ?: 1;
		else if (cmpxchg(&f->soon_first, s, NULL) == s)
			s->start(s);
	}
	rcu_read_unlock();
	while ((s = list_first_entry_or_null(&f->soon, struct amrpc_soon, node))) {
		if (time_before(jiffies, s->when)) {
			if (!next || time_before(s->when, next))
				next = s->when ?: 1;
			break;
		}
		list_del_init(&s->node);
		s->start(s);
	}
	spin_unlock(&f->soon_lock);
	if (next)
		timer_reduce(&f->soon_timer, next);
}

void amrpc_soon_init(struct amrpc_file *f)
{
	spin_lock_init(&f->soon_lock);
	INIT_LIST_HEAD(&f->soon);
	timer_setup(&f->soon_timer, soon_timer, 0);
}

/* nobody has the file any more; process context, sleeps */
void amrpc_soon_exit(struct amrpc_file *f)
{
	timer_shutdown_sync(&f->soon_timer);
	WARN_ON_ONCE(f->soon_first || !list_empty(&f->soon));
}
