// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hardly ever comes to pass: time limits of calls and replies, most of which are over within a
 * millisecond.
 *
 * DESIGN NOTES
 *
 * To start a timer and to stop it costs 330 instructions, and a transaction needs two: the client's, for
 * RECEIVED, and the server's, for the acknowledgement of its reply. So what wants a timer stands in its
 * file's list first. The file's own timer looks at the list AMRPC_SOON after the first of them came and
 * starts real timers for those that stand there that long; whoever is done before is taken out. So no time
 * limit changes; only what is shorter than 2 * AMRPC_SOON has to have a timer at once.
 *
 * f->soon_lock guards the list. @start runs under it, in softirq: no lock within which something is
 * added may be taken there. A tx that stands in the list has a reference, as one whose timer runs;
 * a call is taken out by its thread before that goes on.
 * The file's timer holds no reference; destroy() of rpc_file.c waits for it.
 */
#include "rpc.h"

/**
 * amrpc_soon_add() - start a timer, unless this is taken out soon
 * @f: file
 * @s: in no list; @s->start is set
 *
 * Context: any but hard interrupt.
 */
void amrpc_soon_add(struct amrpc_file *f, struct amrpc_soon *s)
{
	spin_lock_bh(&f->soon_lock);
	s->when = jiffies + AMRPC_SOON;
	list_add_tail(&s->node, &f->soon);
	if (!timer_pending(&f->soon_timer))
		mod_timer(&f->soon_timer, s->when);
	spin_unlock_bh(&f->soon_lock);
}

/**
 * amrpc_soon_del() - no timer is needed any more
 * @f: file
 * @s: perhaps added
 *
 * Context: any but hard interrupt. Return: it was in the list still; if not, @s->start has been called,
 * if it was ever added.
 */
bool amrpc_soon_del(struct amrpc_file *f, struct amrpc_soon *s)
{
	bool was;

	spin_lock_bh(&f->soon_lock);
	was = !list_empty(&s->node);
	list_del_init(&s->node);
	spin_unlock_bh(&f->soon_lock);
	return was;
}

static void soon_timer(struct timer_list *t)
{
	struct amrpc_file *f = timer_container_of(f, t, soon_timer);
	struct amrpc_soon *s;

	spin_lock(&f->soon_lock);
	while ((s = list_first_entry_or_null(&f->soon, struct amrpc_soon, node))) {
		if (time_before(jiffies, s->when)) {
			mod_timer(&f->soon_timer, s->when);
			break;
		}
		list_del_init(&s->node);
		s->start(s);
	}
	spin_unlock(&f->soon_lock);
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
	WARN_ON_ONCE(!list_empty(&f->soon));
}
