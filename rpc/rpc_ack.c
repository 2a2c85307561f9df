// SPDX-License-Identifier: GPL-2.0-only
/*
 * Acknowledging replies: at once, or later (rpc_owed.h: to whom, and why that is safe).
 *
 * DESIGN NOTES
 *
 * The replies of a file that are owed an ACK are under f->owed_lock, which is taken by softirq (a reply
 * has come; the timer) and by threads that send a request. The file's one timer is not stopped when
 * nothing is owed any more, nor set anew with each reply: with calls one after the other it runs
 * every few ms, finds one that is young, and waits for that. It holds no reference: destroy() of
 * rpc_file.c waits for it. A call that still runs holds the file, so nothing is added then.
 */
#include "rpc.h"

/**
 * amrpc_ack_reply() - tell a server that its reply is here, now
 * @f: file of the client
 * @w: RPC header of the reply
 * @peer: FLIP address of the server
 * @flags: FLIP_SEND_*
 *
 * Context: any but hard interrupt.
 */
void amrpc_ack_reply(struct amrpc_file *f, const struct amrpc_wire *w, flip_addr_t peer, u32 flags)
{
	struct amrpc_wire a = {
		.type = AMRPC_ACK, .tid = w->tid, .dest = w->from, .from = w->dest,
	};

	memcpy(&a.kid, f->an->kid, 8);
	amrpc_send_ctl(f, peer, &a, flags, 0, NULL);
}

/**
 * amrpc_ack_later() - the same with the next request, or soon
 * @f: file of the client
 * @w: RPC header of the reply, of one packet
 * @peer: FLIP address of the server, which knows AMRPC_KNOWS_ACKS
 *
 * Context: bottom halves off.
 */
void amrpc_ack_later(struct amrpc_file *f, const struct amrpc_wire *w, flip_addr_t peer)
{
	struct amrpc_debt d = {
		.peer = (__force u64)peer, .tid = w->tid, .when = jiffies,
		.server_idx = w->from, .client_idx = w->dest,
	};
	bool added;

	spin_lock(&f->owed_lock);
	added = amrpc_owed_add(&f->owed, &d);
	if (added && !timer_pending(&f->owed_timer))
		mod_timer(&f->owed_timer, amrpc_owed_next(&f->owed));
	spin_unlock(&f->owed_lock);
	if (added)
		amrpc_count(f->an, ACK_OWED);
	else
		amrpc_ack_reply(f, w, peer, FLIP_SEND_SECURITY);
}

/**
 * amrpc_ack_with() - what can a request acknowledge on its way?
 * @f: file of the client
 * @peer: FLIP address it goes to
 * @tid: set to the transaction whose reply is here
 *
 * Context: process. Return: false when nothing is owed there.
 */
bool amrpc_ack_with(struct amrpc_file *f, flip_addr_t peer, u32 *tid)
{
	bool found;

	if (!READ_ONCE(f->owed.nr))
		return false;
	spin_lock_bh(&f->owed_lock);
	found = amrpc_owed_to(&f->owed, (__force u64)peer, tid);
	spin_unlock_bh(&f->owed_lock);
	if (found)
		amrpc_count(f->an, ACK_WITH);
	return found;
}

/* send those that are due, or all */
static void send_due(struct amrpc_file *f, bool all)
{
	struct amrpc_wire w = {};
	struct amrpc_debt d;
	bool due;

	for (;;) {
		spin_lock_bh(&f->owed_lock);
		due = amrpc_owed_due(&f->owed, jiffies, all, &d);
		if (!due && f->owed.nr)
			mod_timer(&f->owed_timer, amrpc_owed_next(&f->owed));
		spin_unlock_bh(&f->owed_lock);
		if (!due)
			return;
		w.tid = d.tid;
		w.from = d.server_idx;
		w.dest = d.client_idx;
		amrpc_ack_reply(f, &w, (__force flip_addr_t)d.peer, FLIP_SEND_SECURITY);
	}
}

static void owed_timer(struct timer_list *t)
{
	struct amrpc_file *f = timer_container_of(f, t, owed_timer);

	send_due(f, false);
}

void amrpc_ack_init(struct amrpc_file *f)
{
	spin_lock_init(&f->owed_lock);
	timer_setup(&f->owed_timer, owed_timer, 0);
}

/* the descriptor is closed: no request follows; process context */
void amrpc_ack_close(struct amrpc_file *f)
{
	send_due(f, true);
}

/* nobody has the file any more, its endpoint is there still; process context, sleeps */
void amrpc_ack_exit(struct amrpc_file *f)
{
	timer_shutdown_sync(&f->owed_timer);
}
