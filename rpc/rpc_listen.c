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
 * Which declared port has the oldest request? file->ready keeps those that may have one, by the number
 * of the oldest they had when they were put there or last looked at. A request goes many ways, so
 * nobody takes a listen out when its queue becomes empty; who looks at the first one puts it where it
 * belongs now, at most once for each request that came or was taken elsewhere. So it costs the same
 * whether a file serves one port or AMOEBA_MAX_LISTEN of them. A listen in the tree is changed with its
 * port->lock held, so it is there, with a number that is not too high, while a request waits.
 *
 * Locks: ports_lock, file->lock, port->lock, file->ready_lock, in this order. file->wq is woken under port->lock, so
 * a wait queue function (epoll's, or that of a server in the kernel) may not call in here; it notes
 * or queues work, as in any other wait queue. A server in the kernel adds its entry before
 * it looks for requests the first time.
 */
#include <linux/poll.h>
#include <linux/slab.h>

#include "rpc.h"

/* ---- which of them has the oldest request? ----------------------------------------------------- */

/* ready_lock held */
static void ready_add(struct amrpc_file *f, struct amrpc_listen *l, u64 seq)
{
	struct rb_node **link = &f->ready.rb_root.rb_node, *parent = NULL;
	bool first = true;

	lockdep_assert_held(&f->ready_lock);
	l->ready_seq = seq;
	while (*link) {
		parent = *link;
		if (seq < rb_entry(parent, struct amrpc_listen, ready)->ready_seq) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			first = false;
		}
	}
	rb_link_node(&l->ready, parent, link);
	rb_insert_color_cached(&l->ready, &f->ready, first);
}

/* ready_lock held */
static void ready_del(struct amrpc_file *f, struct amrpc_listen *l)
{
	lockdep_assert_held(&f->ready_lock);
	if (RB_EMPTY_NODE(&l->ready))
		return;
	rb_erase_cached(&l->ready, &f->ready);
	RB_CLEAR_NODE(&l->ready);
}

/**
 * amrpc_listen_ready() - a request waits for a declared listen
 * @l: listen
 * @seq: of the request
 *
 * Context: port->lock held, so that nobody finds the listen without one meanwhile.
 */
void amrpc_listen_ready(struct amrpc_listen *l, u64 seq)
{
	struct amrpc_file *f = l->file;

	lockdep_assert_held(&l->port->lock);
	spin_lock(&f->ready_lock);
	if (RB_EMPTY_NODE(&l->ready) || seq < l->ready_seq) {
		ready_del(f, l);
		ready_add(f, l, seq);
	}
	spin_unlock(&f->ready_lock);
}

/* it is not declared any more, or goes; port->lock held */
void amrpc_listen_unready(struct amrpc_listen *l)
{
	lockdep_assert_held(&l->port->lock);
	spin_lock(&l->file->ready_lock);
	ready_del(l->file, l);
	spin_unlock(&l->file->ready_lock);
}

/* the first of the tree; file->lock held, so that it stays */
static struct amrpc_listen *ready_first(struct amrpc_file *f)
{
	struct rb_node *node;

	lockdep_assert_held(&f->lock);
	spin_lock(&f->ready_lock);
	node = rb_first_cached(&f->ready);
	spin_unlock(&f->ready_lock);
	return node ? rb_entry(node, struct amrpc_listen, ready) : NULL;
}

/* does a declared listen have a request? With @tx its oldest is taken from it. file->lock held */
static bool oldest(struct amrpc_file *f, struct amrpc_tx **tx)
{
	struct amrpc_listen *l;
	bool found = false;
	u64 seq;

	while (!found && (l = ready_first(f))) {
		spin_lock(&l->port->lock);
		if (!amrpc_port_peek(l, &seq)) {
			amrpc_listen_unready(l);
		} else if (seq > l->ready_seq) {	/* changed under port->lock */
			amrpc_listen_unready(l);
			amrpc_listen_ready(l, seq);
		} else {
			found = true;
			if (tx) {
				*tx = amrpc_port_next(l);
				amrpc_listen_take(l, *tx);
			}
		}
		spin_unlock(&l->port->lock);
	}
	return found;
}

/* ---- declaring --------------------------------------------------------------------------------- */

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
		u64 seq;

		spin_lock_bh(&f->lock);
		spin_lock(&p->lock);
		ls[i]->declared = true;
		ls[i]->off = false;
		if (amrpc_port_peek(ls[i], &seq))	/* came for threads */
			amrpc_listen_ready(ls[i], seq);
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
	lockdep_assert_held(&f->lock);
	if (atomic_cmpxchg(&l->users, 0, INT_MIN))
		return;
	/* serving is raised by users or a declaration */
	if (atomic_read_acquire(&l->serving)) {
		atomic_sub(INT_MIN, &l->users);	/* who serves it may have come as a user meanwhile: requeue() */
		return;
	}
	list_del(&l->on_file);
	f->nr_listens--;
	amrpc_listen_free(l, queue);
}

static void take_back(struct amrpc_file *f, struct amrpc_listen *l, struct list_head *queue)
{
	struct amrpc_port *p = l->port;

	spin_lock(&p->lock);
	l->declared = false;
	amrpc_listen_unready(l);
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
		l = amrpc_listen_find(f, ports[i]);
		if (!l || !l->declared) {
			err = -ENOENT;
			goto out;
		}
	}
	for (unsigned int i = 0; i < nr; i++) {
		l = amrpc_listen_find(f, ports[i]);
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

/**
 * amrpc_listened_next() - the oldest request waiting for a declared port
 * @f: file
 *
 * Context: process; not inside a function of f->wq. Return: it, SERVING, with the queue's reference,
 * or NULL.
 */
struct amrpc_tx *amrpc_listened_next(struct amrpc_file *f)
{
	struct amrpc_tx *tx = NULL;

	amrpc_file_lives(f);
	spin_lock_bh(&f->lock);
	oldest(f, &tx);
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
	bool found;

	amrpc_file_lives(f);
	spin_lock_bh(&f->lock);
	found = oldest(f, NULL);
	spin_unlock_bh(&f->lock);
	return found ? EPOLLIN | EPOLLRDNORM : 0;
}
