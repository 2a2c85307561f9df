// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that serve: getreq, which hands a request out, and the end of the file they served with.
 *
 * DESIGN NOTES
 *
 * A thread waits for one port or for a list of them, standing in line at each (rpc_port.c). The array
 * that keeps its places (struct amrpc_wait_on) belongs to the waiter, and after that to the
 * request it got (tx->on), until that is answered: meanwhile the thread is at work for all its ports.
 * Each listen of it has a user, so it is not freed. Requests for a list are taken in the order in which
 * they came, whatever their port; those that meet a waiting thread need no order.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "rpc.h"
#include "rpc_trace.h"

/* a thread is not at work for it any more, and may come back */
static void unserve(struct amrpc_listen *l)
{
	WRITE_ONCE(l->last, jiffies);
	atomic_dec_return_release(&l->serving);	/* amrpc_listen_alive(), release() of rpc_listen.c */
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
	struct amrpc_file *f = l->file;

	tx->listen = NULL;
	unserve(l);	/* from here on the listen may be freed */
	if (tx->declared)
		atomic_dec(&f->serving);
	if (!tx->nr_on)
		return;
	for (unsigned int i = 0; i < tx->nr_on; i++) {
		unserve(tx->on[i].listen);
		amrpc_listen_put(tx->on[i].listen);
	}
	kfree(tx->on);
	tx->on = NULL;
	tx->nr_on = 0;
}

/* it is at work for all ports of its list; takes @w->on and its users over */
static void keep_list(struct amrpc_tx *tx, struct amrpc_waiter *w)
{
	for (unsigned int i = 0; i < w->nr; i++) {
		struct amrpc_listen *l = w->on[i].listen;

		spin_lock_bh(&l->port->lock);
		atomic_inc(&l->serving);
		spin_unlock_bh(&l->port->lock);
	}
	tx->on = w->on;
	tx->nr_on = w->nr;
}

/* the oldest request waiting for any of the listens, or NULL */
static struct amrpc_tx *take_oldest(struct amrpc_waiter *w)
{
	struct amrpc_tx *tx;

	for (;;) {
		struct amrpc_listen *l, *best = NULL;
		u64 seq, oldest = 0;

		for (unsigned int i = 0; i < w->nr; i++) {
			l = w->on[i].listen;
			spin_lock_bh(&l->port->lock);
			if (amrpc_port_peek(l, &seq) && (!best || seq < oldest)) {
				best = l;
				oldest = seq;
			}
			spin_unlock_bh(&l->port->lock);
		}
		if (!best)
			return NULL;
		spin_lock_bh(&best->port->lock);
		tx = amrpc_port_next(best);
		if (tx)
			amrpc_listen_take(best, tx);
		spin_unlock_bh(&best->port->lock);
		if (tx)
			return tx;
		/* another thread was faster; there may be more */
	}
}

/*
 * Stand in line at one port, or take what is waiting there: the usual server, with its lock taken once.
 * Returns its request, ERR_PTR(-EAGAIN) with @nonblock, or NULL.
 */
static struct amrpc_tx *enter_one(struct amrpc_wait_on *on, bool nonblock)
{
	struct amrpc_listen *l = on->listen;
	struct amrpc_port *p = l->port;
	struct amrpc_tx *tx;

	spin_lock_bh(&p->lock);
	l->off = false;
	tx = amrpc_port_next(l);
	if (tx) {
		amrpc_listen_take(l, tx);
	} else if (nonblock) {
		WRITE_ONCE(l->last, jiffies);
		tx = ERR_PTR(-EAGAIN);
	} else {
		list_add(&on->node, &l->waiters);	/* the one that ran last is warm */
	}
	spin_unlock_bh(&p->lock);
	return tx;
}

/* stand in line everywhere; false when there is something to take already */
static bool enter_all(struct amrpc_waiter *w)
{
	for (unsigned int i = 0; i < w->nr; i++) {
		struct amrpc_listen *l = w->on[i].listen;
		bool waiting;
		u64 seq;

		spin_lock_bh(&l->port->lock);
		l->off = false;
		waiting = amrpc_port_peek(l, &seq);
		if (!waiting)
			list_add(&w->on[i].node, &l->waiters);
		spin_unlock_bh(&l->port->lock);
		if (waiting)
			return false;
	}
	return true;
}

/* out of all lines; the request it was given meanwhile, or @why */
static struct amrpc_tx *leave(struct amrpc_waiter *w, int why)
{
	struct amrpc_tx *tx = cmpxchg(&w->tx, NULL, ERR_PTR(why));

	/* who gave it a request has taken it out of the only line, and does not look at it any more */
	if (w->nr == 1 && tx && !IS_ERR(tx))
		return tx;

	for (unsigned int i = 0; i < w->nr; i++) {
		struct amrpc_listen *l = w->on[i].listen;

		spin_lock_bh(&l->port->lock);
		list_del_init(&w->on[i].node);
		WRITE_ONCE(l->last, jiffies);
		spin_unlock_bh(&l->port->lock);
	}
	return tx ?: ERR_PTR(why);
}

/* the next request for the listens of @w, with the queue's reference; sleeps. @deadline 0: none */
static struct amrpc_tx *wait_request(struct amrpc_file *f, struct amrpc_waiter *w, bool nonblock,
				     unsigned long deadline)
{
	struct amrpc_tx *tx;
	long left;
	bool entered;

	for (;;) {
		if (READ_ONCE(w->cancelled))
			return ERR_PTR(-ECANCELED);
		if (w->nr == 1) {
			tx = enter_one(w->on, nonblock);
			if (tx)
				break;
		} else {
			tx = take_oldest(w);
			if (tx)
				break;
			entered = enter_all(w);
			if (!entered || nonblock) {
				tx = leave(w, -EAGAIN);
				if (!IS_ERR(tx) || entered)
					break;
				smp_store_mb(w->tx, NULL);	/* before looking at w->cancelled */
				continue;
			}
		}
		smp_mb();	/* the waiter is seen before we look who is looking for one */
		for (unsigned int i = 0; i < w->nr; i++)
			amrpc_loc_wake(f->an, w->on[i].listen->port->port);

		left = amrpc_sleep(&w->sleeper, READ_ONCE(w->tx), TASK_INTERRUPTIBLE,
				   amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline));
		/* one that was given is accepted, even when a signal is pending */
		return leave(w, left < 0 ? -EINTR : -ETIMEDOUT);
	}
	if (!IS_ERR(tx))
		amrpc_tx_disarm(tx);
	return tx;
}

/* the next request for any declared port; sleeps */
static struct amrpc_tx *wait_listened(struct amrpc_file *f, struct amrpc_waiter *w, bool nonblock,
				      unsigned long deadline)
{
	struct amrpc_tx *tx = amrpc_listened_next(f);
	long left = 0;

	if (!tx && !nonblock)
		left = flip_wait_interruptible(f->wq,
				READ_ONCE(w->cancelled) || (tx = amrpc_listened_next(f)),
				amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline));
	if (tx)
		return tx;
	if (nonblock)
		return ERR_PTR(-EAGAIN);
	if (READ_ONCE(w->cancelled))
		return ERR_PTR(-ECANCELED);
	return ERR_PTR(left < 0 ? -EINTR : -ETIMEDOUT);
}

/* from here on AMOEBA_CANCEL finds it, until forget() */
static void name(struct amrpc_file *f, struct amrpc_waiter *w)
{
	if (!w->cookie)
		return;
	spin_lock_bh(&f->lock);
	list_add_tail(&w->on_file, &f->waiters);
	spin_unlock_bh(&f->lock);
}

static void forget(struct amrpc_file *f, struct amrpc_waiter *w)
{
	if (!w->cookie)
		return;
	spin_lock_bh(&f->lock);
	list_del(&w->on_file);
	spin_unlock_bh(&f->lock);
}

/* a thread has it but could not take its data */
static void requeue(struct amrpc_tx *tx)
{
	struct amrpc_listen *l = tx->listen;

	atomic_inc(&l->users);		/* it is serving, so nobody frees it */
	amrpc_listen_released(tx);
	amrpc_port_return(l, tx);
	amrpc_listen_put(l);
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

/* the listens of all ports of a list, each with a user */
static int get_listens(struct amrpc_file *f, const u64 *ports, struct amrpc_waiter *w)
{
	for (unsigned int i = 0; i < w->nr; i++) {
		struct amrpc_listen *l = amrpc_listen_get(f, ports[i]);

		if (IS_ERR(l)) {
			while (i--)
				amrpc_listen_put(w->on[i].listen);
			return PTR_ERR(l);
		}
		w->on[i].listen = l;
		w->on[i].w = w;
		INIT_LIST_HEAD(&w->on[i].node);
	}
	return 0;
}

static struct amrpc_tx *next_request(struct amrpc_file *f, struct amrpc_waiter *w,
				     struct amoeba_getreq *g, const u64 *ports,
				     unsigned long deadline)
{
	bool nonblock = g->flags & AMOEBA_GETREQ_NONBLOCK;
	struct amrpc_wait_on one;
	struct amrpc_tx *tx;
	int err;

	amrpc_file_lives(f);
	g->index = 0;
	if (w->tx)
		smp_store_mb(w->tx, NULL);	/* before looking at w->cancelled */
	if (g->flags & AMOEBA_GETREQ_LISTENED)
		return wait_listened(f, w, nonblock, deadline);

	w->nr = g->nports ?: 1;
	w->on = &one;
	if (w->nr > 1) {
		w->on = kmalloc_array(w->nr, sizeof(*w->on), GFP_KERNEL_ACCOUNT);
		if (!w->on)
			return ERR_PTR(-ENOMEM);
	}
	err = get_listens(f, ports, w);
	if (err) {
		tx = ERR_PTR(err);
		goto free;
	}
	tx = wait_request(f, w, nonblock, deadline);
	if (!IS_ERR(tx))
		while (w->on[g->index].listen != tx->listen)
			g->index++;
	if (!IS_ERR(tx) && w->nr > 1) {
		keep_list(tx, w);
		return tx;
	}
	for (unsigned int i = 0; i < w->nr; i++)
		amrpc_listen_put(w->on[i].listen);
free:
	if (w->on != &one)
		kfree(w->on);
	return tx;
}

/* amrpc_getreq() without its name */
static int take_request(struct amrpc_file *f, struct amrpc_waiter *w, struct amoeba_getreq *g,
			const u64 *ports, struct iov_iter *recv)
{
	u32 timeout_ms = g->timeout_ms ?: READ_ONCE(f->getreq_ms);
	size_t room = iov_iter_count(recv);
	struct iov_iter to = *recv;
	unsigned long deadline = 0;
	struct amrpc_tx *tx;
	u32 idx;
	int err;

	if (timeout_ms)
		deadline = (jiffies + msecs_to_jiffies(timeout_ms)) ?: 1;
next:
	tx = next_request(f, w, g, ports, deadline);
	if (IS_ERR(tx))
		return PTR_ERR(tx);
	amrpc_stage_tx(tx, AMRPC_STAGE_TAKEN, 0);

	/* our reference passes to f->served; keep one while we work */
	refcount_inc(&tx->ref);
	err = amrpc_served_add(f, tx, &idx);
	if (err) {
		requeue(tx);
		amrpc_tx_put(tx);
		return err == -EBUSY ? -ENOBUFS : err;
	}
	tx->idx = AMRPC_SERVER_IDX + idx;

	err = tx->straight ? amrpc_straight_take(tx, &to) : min(amrpc_data_copy(&tx->data, &to), 0L);
	if (err == -EAGAIN) {
		/* its client has to hand the data over, or is gone: not executed, the next one */
		amrpc_served_del(f, idx);
		amrpc_listen_released(tx);
		amrpc_straight_miss(tx);
		amrpc_tx_put(tx);
		amrpc_tx_put(tx);
		to = *recv;
		goto next;
	}
	if (err) {
		amrpc_served_del(f, idx);
		requeue(tx);
		amrpc_tx_put(tx);
		return err;
	}
	g->hdr = tx->hdr;
	g->handle = new_handle(f, idx);
	g->len = tx->data.len;
	g->out_flags = 0;
	if (tx->data.len > room)
		g->out_flags |= AMOEBA_OUT_TRUNC;
	if (tx->call)
		g->out_flags |= AMOEBA_OUT_LOCAL;
	if (READ_ONCE(tx->signalled))
		g->out_flags |= AMOEBA_OUT_SIGNAL;
	tx->skb = amrpc_data_keep(&tx->data, NULL);
	/* from here on a putrep finds it, with all that is ours */
	smp_store_release(&tx->handle, g->handle);
	amrpc_count(f->an, SERVED);
	amrpc_tx_put(tx);
	return 0;
}

/**
 * amrpc_getreq() - wait for a request
 * @f: open file of the server
 * @g: argument; hdr, handle, len, out_flags and index are filled
 * @ports: get-ports, key form: that of @g->hdr, or @g->nports of the list; not looked at with
 *	AMOEBA_GETREQ_LISTENED
 * @recv: over the caller's buffer
 *
 * Context: process, sleeps. Return: 0; -EAGAIN; -EINTR; -ETIMEDOUT; -ECANCELED; -EFAULT: the request
 * goes to the next getreq, and so it does when a fatal signal ends the copying of its data; -ENOBUFS:
 * too many transactions open, or too many ports; -ENOMEM.
 */
int amrpc_getreq(struct amrpc_file *f, struct amoeba_getreq *g, const u64 *ports,
		 struct iov_iter *recv)
{
	struct amrpc_waiter w = { .task = current, .cookie = g->cookie };
	int err;

	name(f, &w);
	err = take_request(f, &w, g, ports, recv);
	forget(f, &w);
	return err;
}

/**
 * amrpc_getreq_untold() - the caller cannot be told which request it has
 * @f: open file
 * @handle: of amrpc_getreq()
 *
 * It is given back to its client, who looks for a server again; not executed, since nobody can answer it. A
 * thread that has guessed the handle and answered was faster: nothing is to be done. Context: process.
 */
void amrpc_getreq_untold(struct amrpc_file *f, u64 handle)
{
	struct amrpc_tx *tx = amrpc_served_claim(f, handle);

	if (!tx)
		return;
	amrpc_count(f->an, UNTOLD);
	if (tx->call)
		amrpc_call_event(tx->call, AMRPC_EV_REFUSED);
	else
		amrpc_tx_refuse(tx);
	amrpc_served_end(f, tx, 0);
}

/* ---- the end ----------------------------------------------------------------------------------- */

static void abandon(struct amrpc_tx *tx)
{
	kfree(tx->on);		/* its listens are gone */
	tx->on = NULL;
	tx->nr_on = 0;
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
 * amrpc_give_back() - requests no thread has seen, whose server goes: surely not executed
 * @queue: of amrpc_listen_purge() or amrpc_listen_free()
 *
 * Context: process.
 */
void amrpc_give_back(struct list_head *queue)
{
	struct amrpc_tx *tx, *next;

	list_for_each_entry_safe(tx, next, queue, node) {
		list_del_init(&tx->node);
		amrpc_tx_disarm(tx);
		if (tx->call)
			amrpc_call_event(tx->call, AMRPC_EV_REFUSED);
		else
			amrpc_tx_refuse(tx);
		amrpc_tx_put(tx);
	}
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
	struct amrpc_tx *tx;
	LIST_HEAD(listens);
	LIST_HEAD(queue);

	spin_lock_bh(&f->lock);
	f->dead = true;
	list_splice_init(&f->listens, &listens);
	spin_unlock_bh(&f->lock);

	spin_lock_bh(&f->an->ports_lock);
	list_for_each_entry_safe(l, next_l, &listens, on_file)
		amrpc_listen_free(l, &queue);
	spin_unlock_bh(&f->an->ports_lock);
	amrpc_give_back(&queue);
	while ((tx = amrpc_served_take(f))) {
		abandon(tx);
		amrpc_tx_put(tx);
	}
	/* somebody else has it too */
	if (refcount_read(&f->ref) > 1)
		amrpc_txs_hurry(f);
}
