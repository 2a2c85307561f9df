// SPDX-License-Identifier: GPL-2.0-only
/*
 * Declared ports: a file that serves without a thread waiting, because it is polled.
 *
 * DESIGN NOTES
 *
 * AMOEBA_LISTEN makes the file a server of a port at once: locates are answered, requests wait in the
 * queues of rpc_port.c, and file->wq is woken for each that comes. POLLIN means that a request is
 * waiting for one of the declared ports; several files that declared the same port all see a local one,
 * and the first to take it has it.
 *
 * Is it there? The rule for threads (AMRPC_IDLE) would make an event loop that works for two
 * seconds, or sleeps in epoll_wait(2), vanish. A declared port is served while its file is open,
 * with one exception: when the file was told of a request AMRPC_QUEUE_MS ago, so that this request has
 * been refused by now, and has shown no sign of life since (poll, or GETREQ), its loop is stuck;
 * it counts as not there until its next sign of life, so that clients find another server or learn
 * that there is none. While a request taken by the file is in work it is there in any case.
 *
 * Taking back (AMOEBA_LISTEN_OFF) ends that at once, and what waits and nobody else can take is given
 * back: surely not executed. A thread that waits in GETREQ for the port goes on serving it.
 *
 * Locks: ports_lock, file->lock, port->lock, in this order. file->wq is woken under port->lock, so
 * a wait queue function (epoll's, or that of a server in the kernel) may not call in here; it notes
 * or queues work, as in any other wait queue. A server in the kernel adds its entry before
 * it looks for requests the first time.
 */
#include <linux/poll.h>
#include <linux/slab.h>

#include "rpc.h"

static struct amrpc_listen *find(struct amrpc_file *f, u64 secret)
{
	struct amrpc_listen *l;

	lockdep_assert_held(&f->lock);
	list_for_each_entry(l, &f->listens, on_file)
		if (l->get == secret)
			return l;
	return NULL;
}

/**
 * amrpc_listen() - declare ports
 * @f: file that serves them from now on
 * @ports: get-ports, key form; those declared already stay so
 * @nr: their number
 *
 * All or none. Context: process. Return: 0, or an error of amrpc_listen_get().
 */
int amrpc_listen(struct amrpc_file *f, const u64 *ports, unsigned int nr)
{
	struct amrpc_listen **ls = kmalloc_array(nr, sizeof(*ls), GFP_KERNEL_ACCOUNT);
	unsigned int got;
	int err = 0;

	if (!ls)
		return -ENOMEM;
	for (got = 0; got < nr; got++) {
		ls[got] = amrpc_listen_get(f, ports[got]);
		if (IS_ERR(ls[got])) {
			err = PTR_ERR(ls[got]);
			break;
		}
	}
	amrpc_file_lives(f);
	for (unsigned int i = 0; i < got && !err; i++) {
		struct amrpc_port *p = ls[i]->port;

		spin_lock_bh(&f->lock);
		spin_lock(&p->lock);
		ls[i]->declared = true;
		ls[i]->off = false;
		spin_unlock(&p->lock);
		spin_unlock_bh(&f->lock);
		smp_mb();	/* it is served before we look who is looking for it */
		amrpc_loc_wake(f->an, p->port);
	}
	while (got--)
		amrpc_listen_put(ls[got]);
	kfree(ls);
	return err;
}

/* take one off its file and its port if nobody has it; ports_lock and file->lock held */
static void release(struct amrpc_file *f, struct amrpc_listen *l, struct list_head *queue)
{
	bool busy;

	lockdep_assert_held(&f->lock);
	if (atomic_read_acquire(&l->users))
		return;
	spin_lock(&l->port->lock);
	busy = l->serving;
	spin_unlock(&l->port->lock);
	if (busy)
		return;
	/* users come under file->lock, and serving by users or a declaration */
	list_del(&l->on_file);
	f->nr_listens--;
	amrpc_listen_free(l, queue);
}

static void take_back(struct amrpc_file *f, struct amrpc_listen *l, struct list_head *queue)
{
	struct amrpc_port *p = l->port;

	spin_lock(&p->lock);
	l->declared = false;
	if (list_empty(&l->waiters)) {	/* otherwise the rules for threads hold */
		l->off = true;
		amrpc_listen_purge(l, queue);
	}
	spin_unlock(&p->lock);
	release(f, l, queue);
}

/**
 * amrpc_unlisten() - take declarations back
 * @f: file
 * @ports: get-ports, key form
 * @nr: their number; 0: all that are declared
 *
 * All or none. Context: process. Return: 0, or -ENOENT: one of them is not declared.
 */
int amrpc_unlisten(struct amrpc_file *f, const u64 *ports, unsigned int nr)
{
	struct amrpc_listen *l, *next;
	LIST_HEAD(queue);
	int err = 0;

	spin_lock_bh(&f->an->ports_lock);
	spin_lock(&f->lock);
	for (unsigned int i = 0; i < nr; i++) {
		l = find(f, ports[i]);
		if (!l || !l->declared) {
			err = -ENOENT;
			goto out;
		}
	}
	for (unsigned int i = 0; i < nr; i++) {
		l = find(f, ports[i]);
		if (l && l->declared)	/* a port may be named twice */
			take_back(f, l, &queue);
	}
	if (!nr)
		list_for_each_entry_safe(l, next, &f->listens, on_file)
			if (l->declared)
				take_back(f, l, &queue);
out:
	spin_unlock(&f->lock);
	spin_unlock_bh(&f->an->ports_lock);
	amrpc_give_back(&queue);
	return err;
}

/* make room: free the listens of threads that have not come back; process context */
void amrpc_listen_reap(struct amrpc_file *f)
{
	struct amrpc_listen *l, *next;
	LIST_HEAD(queue);

	spin_lock_bh(&f->an->ports_lock);
	spin_lock(&f->lock);
	list_for_each_entry_safe(l, next, &f->listens, on_file) {
		bool alive;

		spin_lock(&l->port->lock);
		alive = l->declared || amrpc_listen_alive(l);
		spin_unlock(&l->port->lock);
		if (!alive)
			release(f, l, &queue);
	}
	spin_unlock(&f->lock);
	spin_unlock_bh(&f->an->ports_lock);
	amrpc_give_back(&queue);
}

/* the declared listen with the oldest request; file->lock held, so that it stays */
static struct amrpc_listen *oldest(struct amrpc_file *f)
{
	struct amrpc_listen *l, *best = NULL;
	u64 seq, first = 0;

	list_for_each_entry(l, &f->listens, on_file) {
		if (!l->declared)
			continue;
		spin_lock(&l->port->lock);
		if (amrpc_port_peek(l, &seq) && (!best || seq < first)) {
			best = l;
			first = seq;
		}
		spin_unlock(&l->port->lock);
	}
	return best;
}

/**
 * amrpc_listened_next() - the oldest request waiting for a declared port
 * @f: file
 *
 * Context: process; not inside a function of f->wq. Return: it, SERVING, with the queue's reference,
 * or NULL.
 */
struct amrpc_tx *amrpc_listened_next(struct amrpc_file *f)
{
	struct amrpc_listen *l;
	struct amrpc_tx *tx = NULL;

	amrpc_file_lives(f);
	spin_lock_bh(&f->lock);
	while (!tx && (l = oldest(f))) {
		spin_lock(&l->port->lock);
		tx = amrpc_port_next(l);
		if (tx)
			amrpc_listen_take(l, tx);
		spin_unlock(&l->port->lock);
	}
	spin_unlock_bh(&f->lock);
	if (tx)
		amrpc_tx_disarm(tx);
	return tx;
}

/**
 * amrpc_listen_poll() - is a request waiting for a declared port?
 * @f: file
 *
 * Context: process. Return: EPOLLIN | EPOLLRDNORM or 0.
 */
__poll_t amrpc_listen_poll(struct amrpc_file *f)
{
	struct amrpc_listen *l;

	amrpc_file_lives(f);
	spin_lock_bh(&f->lock);
	l = oldest(f);
	spin_unlock_bh(&f->lock);
	return l ? EPOLLIN | EPOLLRDNORM : 0;
}
