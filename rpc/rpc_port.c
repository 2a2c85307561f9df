// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports served in a namespace: who waits for requests on them, and the bounded queue of each
 * server for requests that come while all its threads are at work.
 *
 * A file becomes a server of a port (a listen) with its first getreq on it, or by AMOEBA_LISTEN
 * (rpc_listen.c). While its threads are at work its requests wait here, instead of being refused and
 * storming back; when no thread has waited and none has worked for AMRPC_IDLE it counts as not there,
 * as the original's do at once. A thread that waited for a list of ports is at work for all of them.
 *
 * A remote request names the file by its FLIP address and waits in the queue of the listen; a local
 * one is for any server of the namespace and waits in the queue of the port. All under port->lock;
 * look-up of ports is RCU.
 *
 * A thread stands in line at each port of its list (struct amrpc_wait_on). Who has a request for it
 * sets waiter->tx from NULL, under the lock of that port; so does the thread itself, with an error,
 * when it stops waiting. The first one wins; one who loses takes the stale entry off and looks for
 * another thread. The thread takes the lock of each of its ports before it leaves, so that nobody
 * has the waiter in hand any more; but not if it has only one, and was given a request there.
 *
 * A listen lives until its file is closed, or until it is taken back and no thread works with it
 * (users, serving): who frees it makes users negative first, so that none comes any more.
 */
#include <linux/poll.h>
#include <linux/slab.h>
#include <net/amcap.h>

#include "rpc.h"
#include "rpc_hash.h"
#include "rpc_trace.h"

static const struct rhashtable_params port_params = {
	.key_len	= sizeof(u64),
	.key_offset	= offsetof(struct amrpc_port, port),
	.head_offset	= offsetof(struct amrpc_port, node),
	.hashfn		= amrpc_key_hash,
	.obj_cmpfn	= amrpc_key_cmp,
	.automatic_shrinking = true,
};

/* struct amrpc_listen.key: a pointer and a port */
static u32 listen_hash(const void *data, u32 len, u32 seed)
{
	return jhash2(data, sizeof_field(struct amrpc_listen, key) / sizeof(u32), seed);
}

static int listen_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct amrpc_listen *l = obj;
	const typeof(l->key) *key = arg->key;

	return l->key.file != key->file || l->key.get != key->get;
}

static const struct rhashtable_params listen_params = {
	.key_len	= sizeof_field(struct amrpc_listen, key),
	.key_offset	= offsetof(struct amrpc_listen, key),
	.head_offset	= offsetof(struct amrpc_listen, by_get),
	.hashfn		= listen_hash,
	.obj_cmpfn	= listen_cmp,
	.automatic_shrinking = true,
};

/**
 * amrpc_listen_find() - is the file a server of a port?
 * @f: file
 * @get: get-port, key form: the one-way function costs as much as all the rest of getreq
 *
 * Context: file->lock held, as long as the listen is looked at. Return: listen or NULL.
 */
struct amrpc_listen *amrpc_listen_find(struct amrpc_file *f, u64 get)
{
	typeof_member(struct amrpc_listen, key) key;
	struct amrpc_listen *l = f->recent;

	lockdep_assert_held(&f->lock);
	if (l && l->key.get == get)
		return l;
	memset(&key, 0, sizeof(key));	/* 32 bit: there is padding */
	key.file = f;
	key.get = get;
	l = rhashtable_lookup_fast(&f->an->listens, &key, listen_params);
	smp_store_release(&f->recent, l);	/* listen_recent() */
	return l;
}

/* the one a file used last, if it is @get and stays, with a user; without a lock */
static struct amrpc_listen *listen_recent(struct amrpc_file *f, u64 get)
{
	struct amrpc_listen *l;

	rcu_read_lock();
	l = READ_ONCE(f->recent);
	if (l && (l->key.get != get || !atomic_inc_unless_negative(&l->users)))
		l = NULL;
	rcu_read_unlock();
	return l;
}

/* under rcu_read_lock() */
struct amrpc_port *amrpc_port_find(struct amrpc_net *an, u64 port)
{
	struct amrpc_port *p = READ_ONCE(an->port_front[amrpc_front(port)]);

	if (p && p->port == port)
		return p;
	return rhashtable_lookup(&an->ports, &port, port_params);
}

/* the file was told of requests AMRPC_QUEUE_MS ago and has neither asked nor taken one since */
static bool deaf(const struct amrpc_file *f)
{
	unsigned long told = READ_ONCE(f->told);

	return told && time_after_eq(jiffies, told + msecs_to_jiffies(AMRPC_QUEUE_MS));
}

/* is a thread waiting, or can one be expected back soon? port->lock held */
bool amrpc_listen_alive(const struct amrpc_listen *l)
{
	const struct amrpc_file *f = l->file;

	lockdep_assert_held(&l->port->lock);
	if (!list_empty(&l->waiters))
		return true;
	if (l->off)
		return false;
	/* who answers says when, and then that it has */
	if (atomic_read_acquire(&l->serving) || time_before(jiffies, READ_ONCE(l->last) + AMRPC_IDLE))
		return true;
	return l->declared && (atomic_read(&f->serving) || !deaf(f));
}

/* does anybody in the namespace, or @only that file, serve it? any context */
bool amrpc_port_served(struct amrpc_net *an, u64 port, const struct amrpc_file *only)
{
	struct amrpc_listen *l;
	struct amrpc_port *p;
	bool served = false;

	rcu_read_lock();
	p = amrpc_port_find(an, port);
	if (p) {
		spin_lock_bh(&p->lock);
		list_for_each_entry(l, &p->listens, on_port) {
			served = (!only || l->file == only) && amrpc_listen_alive(l);
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
 * @secret: get-port, key form
 *
 * Context: process. Return: listen with a user, to be given up by amrpc_listen_put(), or
 * ERR_PTR(-ENOMEM), ERR_PTR(-ENOBUFS): AMOEBA_MAX_LISTEN ports in use, ERR_PTR(-EDQUOT): the user has
 * net.amoeba.max_user_ports, ERR_PTR(-EBADF) when the file is being closed.
 */
struct amrpc_listen *amrpc_listen_get(struct amrpc_file *f, u64 secret)
{
	u8 get[AMOEBA_PORT_SIZE], put[AMOEBA_PORT_SIZE];
	struct amrpc_net *an = f->an;
	struct amrpc_listen *l, *new;
	struct amrpc_port *p, *newp;
	u64 port;
	int err;

	l = listen_recent(f, secret);
	if (l)
		return l;
	spin_lock_bh(&f->lock);
	l = amrpc_listen_find(f, secret);
	if (l) {
		atomic_inc(&l->users);
		spin_unlock_bh(&f->lock);
		return l;
	}
	spin_unlock_bh(&f->lock);

	if (READ_ONCE(f->nr_listens) >= AMOEBA_MAX_LISTEN)
		amrpc_listen_reap(f);
	amrpc_port_bytes(secret, get);
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
	new->key.file = f;
	new->key.get = secret;
	RB_CLEAR_NODE(&new->ready);
	atomic_set(&new->users, 1);
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
	l = amrpc_listen_find(f, secret);
	if (l) {	/* another thread was faster */
		atomic_inc(&l->users);
		spin_unlock(&f->lock);
		spin_unlock_bh(&an->ports_lock);
		kfree(new);
		kfree(newp);
		return l;
	}
	if (f->nr_listens >= AMOEBA_MAX_LISTEN) {
		err = -ENOBUFS;
		goto fail;
	}
	if (!amrpc_user_charge(f->user, AMRPC_USER_PORTS, 1)) {
		amrpc_count(an, USER_PORTS);
		err = -EDQUOT;
		goto fail;
	}
	err = rhashtable_insert_fast(&an->listens, &new->by_get, listen_params);
	if (err)
		goto uncharge;
	p = rhashtable_lookup_fast(&an->ports, &port, port_params);
	if (!p) {
		err = rhashtable_insert_fast(&an->ports, &newp->node, port_params);
		if (err)
			goto unhash;
		p = newp;
		newp = NULL;
		smp_store_release(&an->port_front[amrpc_front(port)], p);
	}
	new->port = p;
	spin_lock(&p->lock);
	list_add_tail(&new->on_port, &p->listens);
	spin_unlock(&p->lock);
	list_add(&new->on_file, &f->listens);
	f->nr_listens++;
	spin_unlock(&f->lock);
	spin_unlock_bh(&an->ports_lock);
	kfree(newp);
	return new;

unhash:
	rhashtable_remove_fast(&an->listens, &new->by_get, listen_params);
uncharge:
	amrpc_user_add(f->user, AMRPC_USER_PORTS, -1);
fail:
	spin_unlock(&f->lock);
	spin_unlock_bh(&an->ports_lock);
	kfree_rcu(new, rcu);
	kfree(newp);
	return ERR_PTR(err);
}

/* kernel memory a request takes in a queue */
static size_t tx_bytes(const struct amrpc_tx *tx)
{
	return tx->straight ? 0 : tx->data.len;
}

/* the caller looks at it no more; any context */
void amrpc_listen_put(struct amrpc_listen *l)
{
	atomic_dec_return_release(&l->users);
}

/**
 * amrpc_listen_take() - a request goes into a thread's hands
 * @l: listen it is taken through
 * @tx: in no queue
 *
 * Context: port->lock held. amrpc_listen_released() is the opposite.
 */
void amrpc_listen_take(struct amrpc_listen *l, struct amrpc_tx *tx)
{
	lockdep_assert_held(&l->port->lock);
	tx->state = AMRPC_TX_SERVING;
	tx->listen = l;
	atomic_inc(&l->serving);
	tx->declared = l->declared;
	if (tx->declared)
		atomic_inc(&l->file->serving);
}

/* one that waits is charged to its client, or if that is elsewhere to the file it waits for */
static void charge(const struct amrpc_tx *tx, long sign)
{
	if (tx->call) {
		amrpc_user_add(tx->call->file->user, AMRPC_USER_QUEUED, sign);
		return;
	}
	amrpc_user_add(tx->file->user, AMRPC_USER_REQUESTS, sign);
	amrpc_user_add(tx->file->user, AMRPC_USER_BYTES, sign * (long)tx->data.len);
}

/* put a request into a queue; port->lock held */
void amrpc_enqueue(struct amrpc_port *p, struct amrpc_queue *q, struct amrpc_tx *tx, bool head)
{
	lockdep_assert_held(&p->lock);
	tx->queue = q;
	tx->state = AMRPC_TX_QUEUED;
	q->len++;
	q->bytes += tx_bytes(tx);
	charge(tx, 1);
	amrpc_stage_tx(tx, AMRPC_STAGE_ARRIVED, 1);
	if (head) {
		list_add(&tx->node, &q->list);
	} else {
		tx->seq = atomic64_inc_return(&tx->an->arrivals);
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
	charge(tx, -1);
	tx->queue = NULL;
}

static struct amrpc_tx *queue_head(struct amrpc_queue *q)
{
	return list_first_entry_or_null(&q->list, struct amrpc_tx, node);
}

/* of those addressed to its file and of those for any server of the namespace, or NULL */
static struct amrpc_tx *oldest(struct amrpc_listen *l)
{
	struct amrpc_tx *mine = queue_head(&l->queue), *any = queue_head(&l->port->queue);

	lockdep_assert_held(&l->port->lock);
	return any && (!mine || any->seq < mine->seq) ? any : mine;
}

/**
 * amrpc_port_peek() - is a request waiting for this listen?
 * @l: listen
 * @seq: set to when the oldest of them came
 *
 * Context: port->lock held.
 */
bool amrpc_port_peek(struct amrpc_listen *l, u64 *seq)
{
	const struct amrpc_tx *tx = oldest(l);

	if (tx)
		*seq = tx->seq;
	return tx;
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
	struct amrpc_tx *tx = oldest(l);

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
 * amrpc_listen_purge() - nobody takes what waits for this listen
 * @l: listen that is going, or was taken back
 * @to: what only it can take is put here, with the queues' references
 *
 * Context: port->lock held.
 */
void amrpc_listen_purge(struct amrpc_listen *l, struct list_head *to)
{
	struct amrpc_port *p = l->port;
	struct amrpc_listen *other;

	purge(&l->queue, to);
	list_for_each_entry(other, &p->listens, on_port)
		if (other != l && amrpc_listen_alive(other))
			return;
	purge(&p->queue, to);
}

/**
 * amrpc_listen_free() - take a listen off its port
 * @l: listen off its file, without users
 * @queue: what nobody else can take is put here
 *
 * Context: an->ports_lock held.
 */
void amrpc_listen_free(struct amrpc_listen *l, struct list_head *queue)
{
	struct amrpc_net *an = l->file->an;
	struct amrpc_port *p = l->port;
	bool last;

	lockdep_assert_held(&an->ports_lock);
	spin_lock(&p->lock);
	list_del(&l->on_port);
	amrpc_listen_unready(l);
	purge(&l->queue, queue);
	last = list_empty(&p->listens);
	if (last)
		purge(&p->queue, queue);
	spin_unlock(&p->lock);
	if (last) {
		rhashtable_remove_fast(&an->ports, &p->node, port_params);
		if (an->port_front[amrpc_front(p->port)] == p)
			WRITE_ONCE(an->port_front[amrpc_front(p->port)], NULL);
	}
	if (l->file->recent == l)
		WRITE_ONCE(l->file->recent, NULL);
	rhashtable_remove_fast(&an->listens, &l->by_get, listen_params);
	amrpc_user_add(l->file->user, AMRPC_USER_PORTS, -1);
	WARN_ON_ONCE(!list_empty(&l->waiters));
	if (last)
		kfree_rcu(p, rcu);
	kfree_rcu(l, rcu);
}

/*
 * A local client waits for a place asleep and in turn; who found none would have to ask again and
 * again, and those who were just served would be there first. What it queues is charged to it.
 */
static bool queue_room(const struct amrpc_queue *q, const struct amrpc_tx *tx)
{
	const struct amrpc_tunables *tune = &tx->an->tune;
	unsigned int most = tx->call ? READ_ONCE(tune->queue_local_len) : READ_ONCE(tune->queue_len);

	return q->len < most && q->bytes + tx_bytes(tx) <= READ_ONCE(tune->queue_bytes);
}

/* may whoever it is charged to have one more wait? @only: file it is addressed to, of one from elsewhere */
static bool user_room(const struct amrpc_tx *tx, const struct amrpc_file *only)
{
	if (tx->call)
		return amrpc_user_room(tx->call->file->user, AMRPC_USER_QUEUED, 1);
	return amrpc_user_room(only->user, AMRPC_USER_REQUESTS, 1) &&
	       amrpc_user_room(only->user, AMRPC_USER_BYTES, tx->data.len);
}

/* is a thread in line that nobody has given a request yet? */
static bool waited_for(const struct amrpc_listen *l)
{
	struct amrpc_wait_on *on;

	list_for_each_entry(on, &l->waiters, node)
		if (!READ_ONCE(on->w->tx))
			return true;
	return false;
}

/* a listen of @only, or of any file: the best is one with a thread waiting */
static struct amrpc_listen *choose(struct amrpc_port *p, struct amrpc_file *only)
{
	struct amrpc_listen *l, *best = NULL;

	list_for_each_entry(l, &p->listens, on_port) {
		if (only && l->file != only)
			continue;
		if (waited_for(l))
			return l;
		if (amrpc_listen_alive(l) && (!best || l->queue.len < best->queue.len))
			best = l;
	}
	return best;
}

/* it is with no thread after all; undoes amrpc_listen_take(), port->lock held */
static void untake(struct amrpc_listen *l, struct amrpc_tx *tx)
{
	if (tx->declared)
		atomic_dec(&l->file->serving);
	atomic_dec(&l->serving);
	tx->listen = NULL;
	tx->state = AMRPC_TX_QUEUED;
}

/*
 * Give it to a thread in line; false when there is none; rcu_read_lock(), port->lock held. With the request the
 * thread goes on, and waits for nobody: all is written before, and the waiter, which is on its stack, not
 * looked at any more.
 */
static bool hand(struct amrpc_listen *l, struct amrpc_tx *tx)
{
	struct amrpc_file *file = tx->file;
	struct task_struct *task;
	struct amrpc_wait_on *on;
	struct amrpc_waiter *w;

	while ((on = list_first_entry_or_null(&l->waiters, struct amrpc_wait_on, node))) {
		list_del_init(&on->node);
		w = on->w;
		if (READ_ONCE(w->tx))
			continue;	/* it has one from another port, or is leaving */
		task = w->task;
		if (!file)
			tx->file = amrpc_file_get(l->file);
		amrpc_listen_take(l, tx);
		amrpc_stage_tx(tx, AMRPC_STAGE_ARRIVED, 0);
		if (!cmpxchg(&w->tx, NULL, tx)) {
			amrpc_wake_task(task, true);
			return true;
		}
		untake(l, tx);
		if (!file) {
			amrpc_file_put(tx->file);
			tx->file = NULL;
		}
	}
	return false;
}

/* the file has a request to take: tell who polls it; port->lock held */
static void tell(struct amrpc_listen *l, const struct amrpc_tx *tx)
{
	struct amrpc_file *f = l->file;

	if (!l->declared)
		return;
	amrpc_listen_ready(l, tx->seq);
	if (!READ_ONCE(f->told))
		WRITE_ONCE(f->told, jiffies ?: 1);
	if (waitqueue_active(&f->wq))	/* who looked before this lock was taken is in it */
		wake_up_interruptible_poll(&f->wq, EPOLLIN | EPOLLRDNORM);
}

/**
 * amrpc_port_return() - a thread could not take a request after all
 * @l: listen it was taken through
 * @tx: released by it; the caller's reference passes
 *
 * To the next thread, or to the head of the queue. Context: process.
 */
void amrpc_port_return(struct amrpc_listen *l, struct amrpc_tx *tx)
{
	struct amrpc_port *p = l->port;
	bool queued;

	rcu_read_lock();
	spin_lock_bh(&p->lock);
	queued = !hand(l, tx);
	if (queued) {
		amrpc_enqueue(p, &l->queue, tx, true);
		tell(l, tx);
		if (!tx->call)
			amrpc_tx_arm(tx, AMRPC_QUEUE_MS);
	}
	spin_unlock_bh(&p->lock);
	rcu_read_unlock();
}

/**
 * amrpc_port_deliver() - give a new transaction to a server
 * @an: namespace
 * @port: put-port
 * @only: this file only (it was addressed), or NULL for any
 * @tx: not on any list; the caller's reference passes on success
 *
 * Context: any, bottom halves off, rcu_read_lock(). Return: 0; 1: queued, no thread was waiting;
 * -ENOENT: nobody serves it; -ENOBUFS: queue full, or the user's share of it.
 */
int amrpc_port_deliver(struct amrpc_net *an, u64 port, struct amrpc_file *only,
		       struct amrpc_tx *tx)
{
	struct amrpc_listen *l;
	struct amrpc_queue *q;
	struct amrpc_port *p;

	p = amrpc_port_find(an, port);
	if (!p)
		return -ENOENT;
	spin_lock(&p->lock);
	for (;;) {
		l = choose(p, only);
		if (!l) {
			spin_unlock(&p->lock);
			return -ENOENT;
		}
		if (!waited_for(l))
			break;
		if (hand(l, tx)) {
			spin_unlock(&p->lock);
			return 0;
		}
		/* the thread it was chosen for was faster elsewhere; its entry is gone */
	}
	q = only ? &l->queue : &p->queue;
	if (!queue_room(q, tx)) {
		spin_unlock(&p->lock);
		amrpc_count(an, DROP_QUEUE);
		return -ENOBUFS;
	}
	if (!user_room(tx, only)) {
		spin_unlock(&p->lock);
		amrpc_count(an, DROP_USER);
		return -ENOBUFS;
	}
	if (only)
		tx->file = amrpc_file_get(l->file);
	amrpc_enqueue(p, q, tx, false);
	if (only)
		tell(l, tx);
	else
		list_for_each_entry(l, &p->listens, on_port)
			tell(l, tx);
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
	if (l && (waited_for(l) || (l->queue.len < READ_ONCE(an->tune.queue_len) &&
				     amrpc_user_room(l->file->user, AMRPC_USER_REQUESTS, 1)))) {
		*file = amrpc_file_get(l->file);
		*idx = AMRPC_SERVER_IDX;
		ep = l->file->ep;
	}
	spin_unlock(&p->lock);
	return ep;
}

int amrpc_ports_init(struct amrpc_net *an)
{
	int err = rhashtable_init(&an->listens, &listen_params);

	if (err)
		return err;
	spin_lock_init(&an->ports_lock);
	err = rhashtable_init(&an->ports, &port_params);
	if (err)
		rhashtable_destroy(&an->listens);
	return err;
}

void amrpc_ports_exit(struct amrpc_net *an)
{
	rhashtable_destroy(&an->ports);
	rhashtable_destroy(&an->listens);
}
