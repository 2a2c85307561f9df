// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports served in a namespace: who waits for requests on them, and the bounded queue of each
 * server for requests that come while all its threads are at work.
 *
 * A file becomes a server of a port (a listen) with its first getreq on it. While its threads are
 * at work its requests wait here, instead of being refused and storming back; when no thread has
 * waited and none has worked for AMRPC_IDLE it counts as not there, as the original's do at once.
 *
 * A remote request names the file by its FLIP address and waits in the queue of the listen; a local
 * one is for any server of the namespace and waits in the queue of the port. All under port->lock;
 * look-up of ports is RCU.
 */
#include <linux/slab.h>
#include <net/amcap.h>

#include "rpc.h"
#include "rpc_hash.h"

static const struct rhashtable_params port_params = {
	.key_len	= sizeof(u64),
	.key_offset	= offsetof(struct amrpc_port, port),
	.head_offset	= offsetof(struct amrpc_port, node),
	.hashfn		= amrpc_key_hash,
	.obj_cmpfn	= amrpc_key_cmp,
	.automatic_shrinking = true,
};

/* under rcu_read_lock() */
struct amrpc_port *amrpc_port_find(struct amrpc_net *an, u64 port)
{
	return rhashtable_lookup(&an->ports, &port, port_params);
}

/* is a thread waiting, or can one be expected back soon? port->lock held */
static bool listen_alive(const struct amrpc_listen *l)
{
	return !list_empty(&l->waiters) || l->serving ||
	       time_before(jiffies, l->last + AMRPC_IDLE);
}

/* does anybody in the namespace serve it? any context */
bool amrpc_port_served(struct amrpc_net *an, u64 port)
{
	struct amrpc_listen *l;
	struct amrpc_port *p;
	bool served = false;

	rcu_read_lock();
	p = amrpc_port_find(an, port);
	if (p) {
		spin_lock_bh(&p->lock);
		list_for_each_entry(l, &p->listens, on_port) {
			served = listen_alive(l);
			if (served)
				break;
		}
		spin_unlock_bh(&p->lock);
	}
	rcu_read_unlock();
	return served;
}

/**
 * amrpc_listen_get() - make a file a server of a port, or find that it is one
 * @f: file
 * @get: get-port
 *
 * Context: process. Return: listen, which lives as long as the file is open, or ERR_PTR(-ENOMEM),
 * ERR_PTR(-EBADF) when the file is being closed.
 */
struct amrpc_listen *amrpc_listen_get(struct amrpc_file *f, const u8 get[AMOEBA_PORT_SIZE])
{
	u64 port, secret = amrpc_port_key(get);
	struct amrpc_net *an = f->an;
	struct amrpc_listen *l, *new;
	struct amrpc_port *p, *newp;
	u8 put[AMOEBA_PORT_SIZE];
	int err;

	/* by the get-port: the one-way function costs as much as all the rest of getreq */
	spin_lock_bh(&f->lock);
	list_for_each_entry(l, &f->listens, on_file) {
		if (l->get == secret) {
			spin_unlock_bh(&f->lock);
			return l;
		}
	}
	spin_unlock_bh(&f->lock);

	amcap_one_way(get, put);
	port = amrpc_port_key(put);

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	newp = kzalloc(sizeof(*newp), GFP_KERNEL_ACCOUNT);
	if (!new || !newp) {
		kfree(new);
		kfree(newp);
		return ERR_PTR(-ENOMEM);
	}
	new->file = f;
	new->get = secret;
	INIT_LIST_HEAD(&new->waiters);
	INIT_LIST_HEAD(&new->queue.list);
	new->last = jiffies;
	newp->port = port;
	spin_lock_init(&newp->lock);
	INIT_LIST_HEAD(&newp->listens);
	INIT_LIST_HEAD(&newp->queue.list);

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
	return new;

fail:
	spin_unlock(&f->lock);
	spin_unlock_bh(&an->ports_lock);
	kfree(new);
	kfree(newp);
	return ERR_PTR(err);
}

/* kernel memory a request takes in a queue */
static size_t tx_bytes(const struct amrpc_tx *tx)
{
	return tx->straight ? 0 : tx->data.len;
}

/* put a request into a queue; port->lock held */
void amrpc_enqueue(struct amrpc_port *p, struct amrpc_queue *q, struct amrpc_tx *tx, bool head)
{
	lockdep_assert_held(&p->lock);
	tx->queue = q;
	tx->state = AMRPC_TX_QUEUED;
	q->len++;
	q->bytes += tx_bytes(tx);
	if (head) {
		list_add(&tx->node, &q->list);
	} else {
		tx->seq = p->seq++;
		list_add_tail(&tx->node, &q->list);
	}
}

/* take a request out of its queue; port->lock held */
void amrpc_unqueue(struct amrpc_tx *tx)
{
	struct amrpc_queue *q = tx->queue;

	list_del_init(&tx->node);
	q->len--;
	q->bytes -= tx_bytes(tx);
	tx->queue = NULL;
}

static struct amrpc_tx *queue_head(struct amrpc_queue *q)
{
	return list_first_entry_or_null(&q->list, struct amrpc_tx, node);
}

/**
 * amrpc_port_next() - the request this listen should serve next, out of its queue
 * @l: listen
 *
 * The oldest of those addressed to its file and of those for any server of the namespace.
 * Context: port->lock held. Return: tx with the queue's reference, or NULL.
 */
struct amrpc_tx *amrpc_port_next(struct amrpc_listen *l)
{
	struct amrpc_tx *mine = queue_head(&l->queue), *any = queue_head(&l->port->queue);
	struct amrpc_tx *tx = mine;

	lockdep_assert_held(&l->port->lock);
	if (any && (!mine || any->seq < mine->seq))
		tx = any;
	if (!tx)
		return NULL;
	amrpc_unqueue(tx);
	if (!tx->file)
		tx->file = amrpc_file_get(l->file);
	return tx;
}

static void purge(struct amrpc_queue *q, struct list_head *to)
{
	struct amrpc_tx *tx;

	while ((tx = queue_head(q))) {
		amrpc_unqueue(tx);
		list_add_tail(&tx->node, to);
	}
}

/**
 * amrpc_listen_free() - take a listen off its port
 * @l: listen of a file that is being closed, so nobody waits
 * @queue: what nobody else can take is put here
 *
 * Context: process.
 */
void amrpc_listen_free(struct amrpc_listen *l, struct list_head *queue)
{
	struct amrpc_net *an = l->file->an;
	struct amrpc_port *p = l->port;
	bool last;

	spin_lock_bh(&an->ports_lock);
	spin_lock(&p->lock);
	list_del(&l->on_port);
	purge(&l->queue, queue);
	last = list_empty(&p->listens);
	if (last)
		purge(&p->queue, queue);
	spin_unlock(&p->lock);
	if (last)
		rhashtable_remove_fast(&an->ports, &p->node, port_params);
	spin_unlock_bh(&an->ports_lock);
	WARN_ON_ONCE(!list_empty(&l->waiters));
	if (last)
		kfree_rcu(p, rcu);
	kfree(l);
}

static bool room(const struct amrpc_queue *q, const struct amrpc_tx *tx)
{
	return q->len < AMRPC_QUEUE_LEN && q->bytes + tx_bytes(tx) <= AMRPC_QUEUE_BYTES;
}

/* a listen of @only, or of any file: the best is one with a thread waiting */
static struct amrpc_listen *choose(struct amrpc_port *p, struct amrpc_file *only)
{
	struct amrpc_listen *l, *best = NULL;

	list_for_each_entry(l, &p->listens, on_port) {
		if (only && l->file != only)
			continue;
		if (!list_empty(&l->waiters))
			return l;
		if (listen_alive(l) && (!best || l->queue.len < best->queue.len))
			best = l;
	}
	return best;
}

/**
 * amrpc_port_deliver() - give a new transaction to a server
 * @an: namespace
 * @port: put-port
 * @only: this file only (it was addressed), or NULL for any
 * @tx: not on any list; the caller's reference passes on success
 *
 * Context: any, bottom halves off, rcu_read_lock(). Return: 0; 1: queued, no thread was waiting;
 * -ENOENT: nobody serves it; -ENOBUFS: queue full.
 */
int amrpc_port_deliver(struct amrpc_net *an, u64 port, struct amrpc_file *only,
		       struct amrpc_tx *tx)
{
	struct amrpc_waiter *w;
	struct amrpc_listen *l;
	struct amrpc_queue *q;
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
		tx->listen = l;
		tx->state = AMRPC_TX_SERVING;
		l->serving++;
		w->tx = tx;
		wake_up_interruptible_sync(&w->wq);
		spin_unlock(&p->lock);
		return 0;
	}
	q = only ? &l->queue : &p->queue;
	if (!room(q, tx)) {
		spin_unlock(&p->lock);
		amrpc_count(an, DROP_QUEUE);
		return -ENOBUFS;
	}
	if (only)
		tx->file = amrpc_file_get(l->file);
	amrpc_enqueue(p, q, tx, false);
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
 * A server answers when a thread of it waits, or one can be expected back and its queue has room.
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
	if (l && (!list_empty(&l->waiters) || l->queue.len < AMRPC_QUEUE_LEN)) {
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
