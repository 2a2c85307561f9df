// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports served in a namespace: who waits for requests on them, and the bounded queue of each
 * server for requests that come while all its threads are at work.
 *
 * A file becomes a server of a port (a listen) with its first getreq on it and stays one until it
 * is closed: between two getreqs of a busy server its requests wait here, instead of being
 * refused and storming back.
 *
 * A remote request names the file by its FLIP address; a local one goes to the listen that has a
 * thread waiting, or else the shortest queue. All under port->lock; look-up of ports is RCU.
 */
#include <linux/slab.h>

#include "rpc.h"

static const struct rhashtable_params port_params = {
	.key_len	= sizeof(u64),
	.key_offset	= offsetof(struct amrpc_port, port),
	.head_offset	= offsetof(struct amrpc_port, node),
	.automatic_shrinking = true,
};

/* under rcu_read_lock() */
struct amrpc_port *amrpc_port_find(struct amrpc_net *an, u64 port)
{
	return rhashtable_lookup(&an->ports, &port, port_params);
}

/* does anybody in the namespace serve it? any context */
bool amrpc_port_served(struct amrpc_net *an, u64 port)
{
	bool served;

	rcu_read_lock();
	served = amrpc_port_find(an, port);
	rcu_read_unlock();
	return served;
}

/**
 * amrpc_listen_get() - make a file a server of a port, or find that it is one
 * @f: file
 * @port: put-port
 *
 * Context: process. Return: listen, which lives as long as the file is open, or ERR_PTR(-ENOMEM),
 * ERR_PTR(-EBADF) when the file is being closed.
 */
struct amrpc_listen *amrpc_listen_get(struct amrpc_file *f, u64 port)
{
	struct amrpc_net *an = f->an;
	struct amrpc_listen *l, *new;
	struct amrpc_port *p, *newp;
	int err;

	spin_lock_bh(&f->lock);
	list_for_each_entry(l, &f->listens, on_file) {
		if (l->port->port == port) {
			spin_unlock_bh(&f->lock);
			return l;
		}
	}
	spin_unlock_bh(&f->lock);

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	newp = kzalloc(sizeof(*newp), GFP_KERNEL_ACCOUNT);
	if (!new || !newp) {
		kfree(new);
		kfree(newp);
		return ERR_PTR(-ENOMEM);
	}
	new->file = f;
	INIT_LIST_HEAD(&new->waiters);
	INIT_LIST_HEAD(&new->queue);
	newp->port = port;
	spin_lock_init(&newp->lock);
	INIT_LIST_HEAD(&newp->listens);

	spin_lock_bh(&an->ports_lock);
	spin_lock(&f->lock);
	if (f->dead) {
		err = -EBADF;
		goto fail;
	}
	list_for_each_entry(l, &f->listens, on_file) {
		if (l->port->port == port) {	/* another thread was faster */
			spin_unlock(&f->lock);
			spin_unlock_bh(&an->ports_lock);
			kfree(new);
			kfree(newp);
			return l;
		}
	}
	p = rhashtable_lookup_fast(&an->ports, &port, port_params);
	if (!p) {
		err = rhashtable_insert_fast(&an->ports, &newp->node, port_params);
		if (err)
			goto fail;
		p = newp;
		newp = NULL;
	}
	new->port = p;
	spin_lock(&p->lock);
	list_add_tail(&new->on_port, &p->listens);
	spin_unlock(&p->lock);
	list_add(&new->on_file, &f->listens);
	spin_unlock(&f->lock);
	spin_unlock_bh(&an->ports_lock);
	kfree(newp);
	amrpc_loc_wake(an, port);	/* somebody here may be looking for it */
	return new;

fail:
	spin_unlock(&f->lock);
	spin_unlock_bh(&an->ports_lock);
	kfree(new);
	kfree(newp);
	return ERR_PTR(err);
}

/* take a request out of its queue; port->lock held */
void amrpc_unqueue(struct amrpc_tx *tx)
{
	struct amrpc_listen *l = tx->listen;

	lockdep_assert_held(&l->port->lock);
	list_del_init(&tx->node);
	l->nr_queued--;
	l->queued_bytes -= tx->data.len;
	tx->listen = NULL;
}

/**
 * amrpc_listen_free() - take a listen off its port
 * @l: listen of a file that is being closed, so nobody waits
 * @queue: what was queued is put here, tx->listen cleared
 *
 * Context: process.
 */
void amrpc_listen_free(struct amrpc_listen *l, struct list_head *queue)
{
	struct amrpc_tx *tx, *next;
	struct amrpc_net *an = l->file->an;
	struct amrpc_port *p = l->port;
	bool last;

	spin_lock_bh(&an->ports_lock);
	spin_lock(&p->lock);
	list_del(&l->on_port);
	list_for_each_entry_safe(tx, next, &l->queue, node) {
		amrpc_unqueue(tx);
		list_add_tail(&tx->node, queue);
	}
	last = list_empty(&p->listens);
	if (last)
		p->dead = true;
	spin_unlock(&p->lock);
	if (last)
		rhashtable_remove_fast(&an->ports, &p->node, port_params);
	spin_unlock_bh(&an->ports_lock);
	WARN_ON_ONCE(!list_empty(&l->waiters));
	if (last)
		kfree_rcu(p, rcu);
	kfree(l);
}

static bool listen_room(const struct amrpc_listen *l, const struct amrpc_tx *tx)
{
	return l->nr_queued < AMRPC_QUEUE_LEN &&
	       l->queued_bytes + tx->data.len <= AMRPC_QUEUE_BYTES;
}

static struct amrpc_listen *choose(struct amrpc_port *p, struct amrpc_file *only)
{
	struct amrpc_listen *l, *best = NULL;

	list_for_each_entry(l, &p->listens, on_port) {
		if (only && l->file != only)
			continue;
		if (!list_empty(&l->waiters))
			return l;
		if (!best || l->nr_queued < best->nr_queued)
			best = l;
	}
	return best;
}

/**
 * amrpc_port_deliver() - give a new transaction to a server
 * @an: namespace
 * @port: put-port
 * @only: this file only (it was addressed), or NULL for any
 * @tx: state AMRPC_TX_QUEUED, not on any list; the caller's reference passes on success
 *
 * Context: any, bottom halves off, rcu_read_lock(). Return: 0; 1: queued, no thread was waiting;
 * -ENOENT: nobody serves it; -ENOBUFS: queue full.
 */
int amrpc_port_deliver(struct amrpc_net *an, u64 port, struct amrpc_file *only,
		       struct amrpc_tx *tx)
{
	struct amrpc_waiter *w;
	struct amrpc_listen *l;
	struct amrpc_port *p;

	p = amrpc_port_find(an, port);
	if (!p)
		return -ENOENT;
	spin_lock(&p->lock);
	l = choose(p, only);
	if (!l) {
		spin_unlock(&p->lock);
		return -ENOENT;
	}
	w = list_first_entry_or_null(&l->waiters, struct amrpc_waiter, node);
	if (w) {
		list_del_init(&w->node);
		tx->file = amrpc_file_get(l->file);
		tx->state = AMRPC_TX_SERVING;
		w->tx = tx;
		wake_up_interruptible_sync(&w->wq);
		spin_unlock(&p->lock);
		return 0;
	}
	if (!listen_room(l, tx)) {
		spin_unlock(&p->lock);
		amrpc_count(an, DROP_QUEUE);
		return -ENOBUFS;
	}
	tx->file = amrpc_file_get(l->file);
	tx->listen = l;
	list_add_tail(&tx->node, &l->queue);
	l->nr_queued++;
	l->queued_bytes += tx->data.len;
	spin_unlock(&p->lock);
	amrpc_count(an, QUEUED);
	return 1;
}

/**
 * amrpc_port_answer() - who answers a LOCATE for this port?
 * @an: namespace
 * @port: put-port
 * @idx: set to the thread index to announce
 * @file: set to the file, a reference of which passes to the caller
 *
 * A server answers when a thread of it waits, or when it has room in its queue.
 * Context: bottom halves off, rcu_read_lock(). Return: its endpoint, or NULL.
 */
struct flip_ep *amrpc_port_answer(struct amrpc_net *an, u64 port, u16 *idx,
				  struct amrpc_file **file)
{
	struct flip_ep *ep = NULL;
	struct amrpc_listen *l;
	struct amrpc_port *p;

	p = amrpc_port_find(an, port);
	if (!p)
		return NULL;
	spin_lock(&p->lock);
	l = choose(p, NULL);
	if (l && (!list_empty(&l->waiters) || l->nr_queued < AMRPC_QUEUE_LEN)) {
		*file = amrpc_file_get(l->file);
		*idx = AMRPC_SERVER_IDX;
		ep = l->file->ep;
	}
	spin_unlock(&p->lock);
	return ep;
}

int amrpc_ports_init(struct amrpc_net *an)
{
	spin_lock_init(&an->ports_lock);
	return rhashtable_init(&an->ports, &port_params);
}

void amrpc_ports_exit(struct amrpc_net *an)
{
	rhashtable_destroy(&an->ports);
}
