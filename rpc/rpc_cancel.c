// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMOEBA_CANCEL: calls of an open file that are to end, named by a cookie of the caller's choice.
 *
 * A call is told by its event and ends by itself (rpc_client.c, rpc_local.c). A thread in getreq that
 * has a cookie is on file->waiters; it is told by waiter->cancelled, and by an error in waiter->tx
 * where a request would be, under file->lock, without which it cannot leave.
 */
#include "rpc.h"

static unsigned int cancel_calls(struct amrpc_file *f, u64 cookie)
{
	struct amrpc_call *call;
	unsigned int n = 0;
	unsigned long idx;

	rcu_read_lock();
	xa_for_each(&f->calls, idx, call) {
		if (READ_ONCE(call->cookie) != cookie)
			continue;
		spin_lock_bh(&call->lock);
		/* it may have become another since, or be kept for the next */
		if (call->cookie == cookie && call->m.state != AMRPC_CALL_DONE) {
			amrpc_call_event_locked(call, AMRPC_EV_CANCEL);
			n++;
		}
		spin_unlock_bh(&call->lock);
	}
	rcu_read_unlock();
	return n;
}

/**
 * amrpc_cancel_all() - end all calls of a file that goes
 * @f: file
 *
 * Context: process; none begins any more.
 */
void amrpc_cancel_all(struct amrpc_file *f)
{
	struct amrpc_call *call;
	unsigned long idx;

	rcu_read_lock();
	xa_for_each(&f->calls, idx, call)
		amrpc_call_event(call, AMRPC_EV_CANCEL);
	rcu_read_unlock();
}

static unsigned int cancel_getreqs(struct amrpc_file *f, u64 cookie)
{
	struct amrpc_waiter *w;
	unsigned int n = 0;

	spin_lock_bh(&f->lock);
	list_for_each_entry(w, &f->waiters, on_file) {
		if (w->cookie != cookie)
			continue;
		WRITE_ONCE(w->cancelled, true);
		/* a full barrier: it sees this before it waits again */
		cmpxchg(&w->tx, NULL, ERR_PTR(-ECANCELED));
		amrpc_wake(&w->sleeper, false);
		n++;
	}
	if (n)
		wake_up(&f->wq);	/* those that wait for any declared port */
	spin_unlock_bh(&f->lock);
	return n;
}

/**
 * amrpc_cancel() - end the calls and waits for requests with a cookie
 * @f: file
 * @cookie: not 0
 *
 * Context: process. Return: their number, -ENOENT when there is none.
 */
int amrpc_cancel(struct amrpc_file *f, u64 cookie)
{
	unsigned int n = cancel_calls(f, cookie) + cancel_getreqs(f, cookie);

	if (!n)
		return -ENOENT;
	this_cpu_add(f->an->stats->v[AMRPC_STAT_CANCELLED], n);
	return n;
}
