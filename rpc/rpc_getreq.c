// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that serve: getreq, which hands a request out, and the end of the file they served with.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>

#include "rpc.h"

/* it is in a thread's hands; port->lock held */
static void taken(struct amrpc_listen *l, struct amrpc_tx *tx)
{
	tx->state = AMRPC_TX_SERVING;
	tx->listen = l;
	l->serving++;
}

/**
 * amrpc_listen_released() - a request is not in a thread's hands any more
 * @tx: SERVING
 *
 * Context: process; the file is open.
 */
void amrpc_listen_released(struct amrpc_tx *tx)
{
	struct amrpc_listen *l = tx->listen;

	spin_lock_bh(&l->port->lock);
	l->serving--;
	l->last = jiffies;
	tx->listen = NULL;
	spin_unlock_bh(&l->port->lock);
}

/* the next request for this listen, with the queue's reference; sleeps. @deadline 0: none */
static struct amrpc_tx *wait_request(struct amrpc_listen *l, bool nonblock, unsigned long deadline)
{
	struct amrpc_port *p = l->port;
	struct amrpc_waiter w;
	struct amrpc_tx *tx;
	long left;

	spin_lock_bh(&p->lock);
	tx = amrpc_port_next(l);
	if (tx) {
		taken(l, tx);
		spin_unlock_bh(&p->lock);
		amrpc_tx_disarm(tx);
		return tx;
	}
	if (nonblock) {
		l->last = jiffies;
		spin_unlock_bh(&p->lock);
		return ERR_PTR(-EAGAIN);
	}
	w.tx = NULL;
	init_waitqueue_head(&w.wq);
	list_add(&w.node, &l->waiters);		/* the one that ran last is warm */
	spin_unlock_bh(&p->lock);
	smp_mb();	/* the waiter is seen before we look who is looking for one */
	amrpc_loc_wake(l->file->an, p->port);

	left = wait_event_interruptible_timeout(w.wq, READ_ONCE(w.tx),
			amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline));

	spin_lock_bh(&p->lock);
	tx = w.tx;
	if (!tx) {
		list_del(&w.node);
		l->last = jiffies;
	}
	spin_unlock_bh(&p->lock);
	if (tx)
		return tx;	/* even when a signal is pending: it is accepted */
	return ERR_PTR(left < 0 ? -EINTR : -ETIMEDOUT);
}

/* a thread has it but could not take its data: back to the head of the queue */
static void requeue(struct amrpc_listen *l, struct amrpc_tx *tx)
{
	struct amrpc_port *p = l->port;

	amrpc_listen_released(tx);
	spin_lock_bh(&p->lock);
	amrpc_enqueue(p, &l->queue, tx, true);
	spin_unlock_bh(&p->lock);
	if (!tx->call)
		amrpc_tx_arm(tx, AMRPC_QUEUE_MS);
}

/* never 0, which is no handle */
static u64 new_handle(struct amrpc_file *f, u32 idx)
{
	u32 generation;

	do
		generation = atomic_inc_return(&f->next_handle);
	while (!generation);
	return (u64)generation << 16 | idx;
}

/**
 * amrpc_getreq() - wait for a request
 * @f: open file of the server
 * @g: argument; hdr, handle, len and out_flags are filled
 * @recv: over the caller's buffer
 *
 * Context: process, sleeps. Return: 0; -EINVAL: null port; -EAGAIN; -EINTR; -ETIMEDOUT;
 * -EFAULT: the request goes to the next getreq, and so it does when a fatal signal ends the
 * copying of its data; -ENOBUFS: too many transactions open.
 */
int amrpc_getreq(struct amrpc_file *f, struct amoeba_getreq *g, struct iov_iter *recv)
{
	size_t room = iov_iter_count(recv);
	struct iov_iter to = *recv;
	unsigned long deadline = 0;
	struct amrpc_listen *l;
	struct amrpc_tx *tx;
	u32 idx;
	int err;

	if (!amrpc_port_key(g->hdr.port))
		return -EINVAL;
	l = amrpc_listen_get(f, g->hdr.port);
	if (IS_ERR(l))
		return PTR_ERR(l);
	if (g->timeout_ms)
		deadline = (jiffies + msecs_to_jiffies(g->timeout_ms)) ?: 1;
next:
	tx = wait_request(l, g->flags & AMOEBA_GETREQ_NONBLOCK, deadline);
	if (IS_ERR(tx))
		return PTR_ERR(tx);

	/* our reference passes to f->served; keep one while we work */
	refcount_inc(&tx->ref);
	err = xa_alloc_bh(&f->served, &idx, tx, XA_LIMIT(0, AMRPC_MAX_OPEN - 1),
			  GFP_KERNEL_ACCOUNT);
	if (err) {
		requeue(l, tx);
		amrpc_tx_put(tx);
		return err == -EBUSY ? -ENOBUFS : err;
	}
	tx->idx = AMRPC_SERVER_IDX + idx;

	err = tx->straight ? amrpc_straight_take(tx, &to) : min(amrpc_data_copy(&tx->data, &to), 0L);
	if (err == -EAGAIN) {
		/* its client has to hand the data over, or is gone: not executed, the next one */
		xa_erase_bh(&f->served, idx);
		amrpc_listen_released(tx);
		amrpc_straight_miss(tx);
		amrpc_tx_put(tx);
		amrpc_tx_put(tx);
		to = *recv;
		goto next;
	}
	if (err) {
		xa_erase_bh(&f->served, idx);
		requeue(l, tx);
		amrpc_tx_put(tx);
		return err;
	}
	/* from here on a putrep finds it */
	WRITE_ONCE(tx->handle, new_handle(f, idx));
	g->hdr = tx->hdr;
	g->handle = tx->handle;
	g->len = tx->data.len;
	g->out_flags = 0;
	if (tx->data.len > room)
		g->out_flags |= AMOEBA_OUT_TRUNC;
	if (tx->call)
		g->out_flags |= AMOEBA_OUT_LOCAL;
	if (READ_ONCE(tx->signalled))
		g->out_flags |= AMOEBA_OUT_SIGNAL;
	amrpc_data_free(&tx->data);
	amrpc_count(f->an, SERVED);
	amrpc_tx_put(tx);
	return 0;
}

/* ---- the end ----------------------------------------------------------------------------------- */

static void abandon(struct amrpc_tx *tx)
{
	if (tx->call) {
		amrpc_call_event(tx->call, AMRPC_EV_FAIL);
		return;
	}
	/* the tx is gone first: a late ENQUIRE is answered FAIL as well */
	amrpc_tx_finish(tx, false);
	amrpc_count(tx->an, FAIL_TX);
	amrpc_tx_send(tx, AMRPC_FAIL, 0, 0, 0);
}

/**
 * amrpc_server_close() - the file is closed: its clients are told at once
 * @f: file
 *
 * Queued requests are given back (surely not executed), those in service fail (maybe executed),
 * replies on their way keep the file until they are acknowledged or given up.
 * Context: process; no other call on the file runs.
 */
void amrpc_server_close(struct amrpc_file *f)
{
	struct amrpc_listen *l, *next_l;
	struct amrpc_tx *tx, *next;
	LIST_HEAD(listens);
	LIST_HEAD(queue);
	unsigned long idx;

	spin_lock_bh(&f->lock);
	f->dead = true;
	list_splice_init(&f->listens, &listens);
	spin_unlock_bh(&f->lock);

	list_for_each_entry_safe(l, next_l, &listens, on_file)
		amrpc_listen_free(l, &queue);
	list_for_each_entry_safe(tx, next, &queue, node) {
		list_del_init(&tx->node);
		amrpc_tx_disarm(tx);
		if (tx->call)
			amrpc_call_event(tx->call, AMRPC_EV_REFUSED);
		else
			amrpc_tx_refuse(tx);
		amrpc_tx_put(tx);
	}
	xa_for_each(&f->served, idx, tx) {
		xa_erase_bh(&f->served, idx);
		abandon(tx);
		amrpc_tx_put(tx);
	}
	/* somebody else has it too */
	if (refcount_read(&f->ref) > 1)
		amrpc_txs_hurry(f);
}
