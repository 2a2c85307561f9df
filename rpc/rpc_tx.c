// SPDX-License-Identifier: GPL-2.0-only
/*
 * A transaction at the server: its life, from acceptance to DONE. The states and who moves them are
 * at the head of rpc_server.c.
 *
 * References: the hash, file->served, an armed timer, a queued work and whoever works on it hold
 * one each. tx->file is set when it is accepted and dropped with the last reference.
 *
 * A file keeps one that has ended for the next (file->spare_tx), without a grace period. So whoever walks along
 * the hash may stand on one that is becoming another: amrpc_tx_find() gets a reference, and compares the
 * key again; hash.next is never cleared, and rhashtable starts again when a walk ends in another chain than it
 * began in, as with SLAB_TYPESAFE_BY_RCU. When the file goes the spare is freed by RCU.
 *
 * What is in the hash is in one of two places, for as long as it is: in its slot of an->tx_front, if that
 * was empty, or in the table. So a few clients do without the table, whose insertion and removal cost more
 * than all else here.
 */
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "rpc.h"
#include "rpc_hash.h"
#include "rpc_trace.h"

/* struct amrpc_tx.key: address, tid, zero */
static u32 tx_hash(const void *data, u32 len, u32 seed)
{
	const u32 *k = data;

	return jhash_3words(k[0], k[1], k[2], seed);
}

static int tx_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const u64 *a = arg->key, *b = obj + arg->ht->p.key_offset;

	return a[0] != b[0] || a[1] != b[1];
}

static const struct rhashtable_params tx_params = {
	.key_len	= sizeof_field(struct amrpc_tx, key),
	.key_offset	= offsetof(struct amrpc_tx, key),
	.head_offset	= offsetof(struct amrpc_tx, hash),
	.hashfn		= tx_hash,
	.obj_cmpfn	= tx_cmp,
	.automatic_shrinking = true,
};

/* where it is found without the table, perhaps; addresses are as good as random, ids come one after the other */
static struct amrpc_tx **tx_front(struct amrpc_net *an, flip_addr_t peer, u32 tid)
{
	return &an->tx_front[((u32)(__force u64)peer + tid) % AMRPC_FRONT];
}

static bool tx_is(const struct amrpc_tx *tx, flip_addr_t peer, u32 tid)
{
	return tx && tx->key.peer == peer && tx->key.tid == tid;
}

/* not acknowledged at once: now it gets its timer; soon_lock of its file held */
static void start_timer(struct amrpc_soon *s)
{
	struct amrpc_tx *tx = container_of(s, struct amrpc_tx, soon);

	spin_lock(&tx->lock);
	/* unless parts were sent again meanwhile, which wait for longer */
	if (tx->state == AMRPC_TX_REPLIED && !timer_pending(&tx->timer)) {
		long left = max_t(long, tx->ask_at - jiffies, 1);

		if (READ_ONCE(tx->file->dead))	/* amrpc_txs_hurry() did not find a timer */
			left = min_t(long, left, msecs_to_jiffies(AMRPC_LINGER_MS));
		amrpc_tx_arm(tx, jiffies_to_msecs(left));
	}
	spin_unlock(&tx->lock);
	amrpc_tx_put(tx);
}

/**
 * amrpc_tx_new() - a transaction of nobody yet
 * @f: file that may have one to spare
 * @gfp: where it is made
 *
 * Return: tx with one reference, or NULL.
 */
struct amrpc_tx *amrpc_tx_new(struct amrpc_file *f, gfp_t gfp)
{
	struct amrpc_tx *tx = READ_ONCE(f->spare_tx) ? xchg(&f->spare_tx, NULL) : NULL;

	if (tx) {
		memset_startat(tx, 0, file);
		INIT_LIST_HEAD(&tx->node);
		tx->soon.added = false;
		tx->state = AMRPC_TX_QUEUED;
		smp_wmb();	/* amrpc_tx_find(): no key of the old one with a reference to the new */
		refcount_set(&tx->ref, 1);
		return tx;
	}
	tx = kzalloc(sizeof(*tx), gfp);
	if (!tx)
		return NULL;
	refcount_set(&tx->ref, 1);
	tx->an = f->an;
	spin_lock_init(&tx->lock);
	INIT_LIST_HEAD(&tx->node);
	init_waitqueue_head(&tx->wq);
	timer_setup(&tx->timer, amrpc_tx_timer, 0);
	INIT_LIST_HEAD(&tx->soon.node);
	tx->soon.start = start_timer;
	INIT_WORK(&tx->work, amrpc_tx_work);
	amrpc_place_init(&tx->place, &tx->work);
	tx->state = AMRPC_TX_QUEUED;
	return tx;
}

/**
 * amrpc_tx_new_local() - a transaction of a client of this namespace
 * @call: client; referenced
 * @req: request header
 * @buf: data, belongs to the tx on success; or NULL
 * @len: bytes of data; without @buf they are in the client's buffer
 *
 * Context: process. Return: tx with one reference, or NULL.
 */
struct amrpc_tx *amrpc_tx_new_local(struct amrpc_call *call, const struct amoeba_header *req,
				    struct amrpc_buf *buf, size_t len)
{
	struct amrpc_tx *tx = amrpc_tx_new(call->file, GFP_KERNEL_ACCOUNT);

	if (!tx)
		return NULL;
	tx->hdr = *req;
	tx->port = call->port;
	tx->data.buf = buf;
	tx->data.len = len;
	tx->straight = len && !buf;
	refcount_inc(&call->ref);
	tx->call = call;
	return tx;
}

/**
 * amrpc_tx_put() - drop a reference
 * @tx: transaction
 *
 * Context: any but hard interrupt.
 */
void amrpc_tx_put(struct amrpc_tx *tx)
{
	struct amrpc_call *call = tx->call;
	struct amrpc_file *f, *own;

	if (!refcount_dec_and_test(&tx->ref))
		return;
	amrpc_data_free(&tx->data);
	if (tx->skb)
		consume_skb(tx->skb);
	if (tx->kept) {
		atomic_long_sub(tx->rep_len, &tx->file->kept);
		wake_up_interruptible_poll(&tx->file->wq, EPOLLOUT | EPOLLWRNORM);
	}
	amrpc_buf_free(tx->rep_data);
	/* a local one goes back to where it came from */
	f = call ? call->file : tx->file;
	own = tx->file;
	if (!f || cmpxchg(&f->spare_tx, NULL, tx))
		kfree_rcu(tx, rcu);
	/* the last of these free the spare */
	if (own)
		amrpc_file_put(own);
	if (call)
		amrpc_call_put(call);
}

/* the file goes, nothing is found through it any more; process context */
void amrpc_spare_tx_free(struct amrpc_file *f)
{
	struct amrpc_tx *tx = xchg(&f->spare_tx, NULL);

	if (tx)
		kfree_rcu(tx, rcu);
}

/**
 * amrpc_tx_arm() - start the timer of a transaction, or set it anew
 * @tx: referenced
 * @ms: until amrpc_tx_timer() runs
 *
 * Context: any but hard interrupt.
 */
void amrpc_tx_arm(struct amrpc_tx *tx, unsigned int ms)
{
	refcount_inc(&tx->ref);
	if (mod_timer(&tx->timer, jiffies + msecs_to_jiffies(ms)))
		amrpc_tx_put(tx);	/* it was armed and had one */
}

/**
 * amrpc_tx_arm_soon() - the same for a reply that is likely to be acknowledged before
 * @tx: REPLIED, referenced
 * @ms: until amrpc_tx_timer() runs
 *
 * Context: any but hard interrupt; tx->lock not held.
 */
void amrpc_tx_arm_soon(struct amrpc_tx *tx, unsigned int ms)
{
	unsigned long after = msecs_to_jiffies(ms);

	if (after > 2 * AMRPC_SOON) {
		tx->ask_at = jiffies + after;
		refcount_inc(&tx->ref);
		/* one that is acknowledged in this moment is found DONE by start_timer() */
		amrpc_soon_add(tx->file, &tx->soon);
		return;
	}
	spin_lock_bh(&tx->lock);
	if (tx->state == AMRPC_TX_REPLIED)
		amrpc_tx_arm(tx, ms);
	spin_unlock_bh(&tx->lock);
}

/* stop the timer, unless it runs already; any context but hard interrupt, tx->lock not held */
void amrpc_tx_disarm(struct amrpc_tx *tx)
{
	if (READ_ONCE(tx->soon.added) && amrpc_soon_del(tx->file, &tx->soon))
		amrpc_tx_put(tx);
	/* who starts it does so before the state has changed, or not at all */
	if (timer_pending(&tx->timer) && timer_delete(&tx->timer))
		amrpc_tx_put(tx);
}

/**
 * amrpc_tx_find() - the transaction a message is about
 * @an: namespace
 * @peer: FLIP address of the client
 * @tid: of the client's kernel
 *
 * Context: rcu_read_lock(). Return: tx with a reference, or NULL.
 */
struct amrpc_tx *amrpc_tx_find(struct amrpc_net *an, flip_addr_t peer, u32 tid)
{
	struct { flip_addr_t peer; u32 tid; u32 zero; } key = { .peer = peer, .tid = tid };
	struct amrpc_tx *tx = READ_ONCE(*tx_front(an, peer, tid));

	BUILD_BUG_ON(sizeof(key) != sizeof_field(struct amrpc_tx, key));
	if (!tx_is(tx, peer, tid)) {
		/* who asks for one has been told of it since it was counted, or has the kernel's lock */
		if (!atomic_read(&an->txs.nelems))
			return NULL;
		tx = rhashtable_lookup(&an->txs, &key, tx_params);
	}
	if (!tx || !refcount_inc_not_zero(&tx->ref))
		return NULL;
	smp_rmb();	/* amrpc_tx_new() */
	if (!tx_is(tx, peer, tid)) {
		amrpc_tx_put(tx);
		return NULL;
	}
	return tx;
}

/**
 * amrpc_tx_hash() - make an accepted transaction visible
 * @tx: its key is set
 *
 * Context: softirq, rcu_read_lock(); k->lock of its kernel held. Return: 0, -EEXIST, or another error of
 * rhashtable_lookup_insert_fast().
 */
int amrpc_tx_hash(struct amrpc_tx *tx)
{
	struct amrpc_tx **front = tx_front(tx->an, tx->key.peer, tx->key.tid);
	struct rhashtable *table = &tx->an->txs;
	int err = 0;

	tx->hashed = true;
	refcount_inc(&tx->ref);
	if (!READ_ONCE(*front)) {
		if (atomic_read(&table->nelems) && rhashtable_lookup(table, &tx->key, tx_params))
			err = -EEXIST;
		else
			tx->in_front = true;
		/* a release: who finds it sees its key, and where it is */
		if (!err && cmpxchg_release(front, NULL, tx))
			tx->in_front = false;
	} else if (tx_is(READ_ONCE(*front), tx->key.peer, tx->key.tid)) {
		err = -EEXIST;
	}
	if (!err && !tx->in_front)
		err = rhashtable_lookup_insert_fast(table, &tx->hash, tx_params);
	if (err) {
		tx->hashed = false;
		amrpc_tx_put(tx);
	}
	return err;
}

/* nobody finds it any more; who took tx->hashed away */
static void tx_remove(struct amrpc_tx *tx)
{
	if (tx->in_front)
		WRITE_ONCE(*tx_front(tx->an, tx->key.peer, tx->key.tid), NULL);
	else
		rhashtable_remove_fast(&tx->an->txs, &tx->hash, tx_params);
	amrpc_tx_put(tx);
}

/* one that was refused after all; any context but hard interrupt */
void amrpc_tx_unhash(struct amrpc_tx *tx)
{
	bool was;

	spin_lock_bh(&tx->lock);
	was = tx->hashed;
	tx->hashed = false;
	spin_unlock_bh(&tx->lock);
	if (was)
		tx_remove(tx);
}

#define ENDED	1
#define UNHASH	2	/* and is to be taken out of the hash */

/**
 * amrpc_tx_end() - the end of a remote transaction, first half
 * @tx: referenced
 * @lost: given up, not acknowledged
 *
 * Context: tx->lock held. Return: for amrpc_tx_ended(); 0: it has ended before.
 */
unsigned int amrpc_tx_end(struct amrpc_tx *tx, bool lost)
{
	unsigned int how = tx->hashed ? ENDED | UNHASH : ENDED;

	lockdep_assert_held(&tx->lock);
	if (tx->state == AMRPC_TX_DONE)
		return 0;
	WRITE_ONCE(tx->state, AMRPC_TX_DONE);
	tx->hashed = false;
	tx->lost = lost;
	return how;
}

/**
 * amrpc_tx_ended() - second half
 * @tx: referenced
 * @how: what amrpc_tx_end() said
 *
 * Context: any but hard interrupt; tx->lock not held.
 */
void amrpc_tx_ended(struct amrpc_tx *tx, unsigned int how)
{
	if (!how)
		return;
	amrpc_stage_tx(tx, AMRPC_STAGE_DONE, tx->lost);
	if (tx->lost)
		amrpc_count(tx->an, REPLY_LOST);
	amrpc_tx_disarm(tx);
	if (tx->sent.known)
		amrpc_resend_tx_forget(tx);
	if (how & UNHASH)
		tx_remove(tx);
	if (tx->sync)	/* set before it was REPLIED */
		wake_up(&tx->wq);
}

/**
 * amrpc_tx_finish() - the end of a remote transaction
 * @tx: referenced
 * @lost: given up, not acknowledged
 *
 * Context: any but hard interrupt.
 */
void amrpc_tx_finish(struct amrpc_tx *tx, bool lost)
{
	unsigned int how;

	spin_lock_bh(&tx->lock);
	how = amrpc_tx_end(tx, lost);
	spin_unlock_bh(&tx->lock);
	amrpc_tx_ended(tx, how);
}

/**
 * amrpc_tx_withdraw() - take a request back that no thread has seen yet
 * @tx: transaction
 *
 * Context: any but hard interrupt. Return: true when it was still queued; the queue's reference
 * is dropped then.
 */
bool amrpc_tx_withdraw(struct amrpc_tx *tx)
{
	struct amrpc_port *p;
	bool was = false;

	rcu_read_lock();
	/* a queue goes with its port, which empties it first */
	p = amrpc_port_find(tx->an, tx->port);
	if (p) {
		spin_lock_bh(&p->lock);
		if (tx->queue) {
			amrpc_unqueue(tx);
			was = true;
		}
		spin_unlock_bh(&p->lock);
	}
	rcu_read_unlock();
	if (was)
		amrpc_tx_put(tx);
	return was;
}

/**
 * amrpc_tx_send() - a control message to the client of a transaction
 * @tx: remote
 * @type: enum amrpc_type
 * @wflags: AMRPC_F_*
 * @fflags: FLIP_SEND_*
 * @ltime: how long to look for the client, ms
 *
 * Context: any but hard interrupt.
 */
void amrpc_tx_send(struct amrpc_tx *tx, u8 type, u8 wflags, u32 fflags, u32 ltime)
{
	struct amrpc_wire w = {
		.type = type, .flags = wflags, .tid = tx->key.tid,
		.dest = tx->client_idx, .from = tx->idx,
	};

	if (type == AMRPC_RECEIVED)
		memcpy(&w.kid, tx->an->kid, 8);
	else
		w.kid = tx->kid;
	amrpc_send_ctl(tx->file, tx->key.peer, &w, fflags, ltime, NULL);
}

/* the one in a slot, with a reference, or NULL */
static struct amrpc_tx *front_get(struct amrpc_net *an, unsigned int i)
{
	struct amrpc_tx *tx;

	rcu_read_lock();
	tx = READ_ONCE(an->tx_front[i]);
	if (tx && !refcount_inc_not_zero(&tx->ref))
		tx = NULL;
	rcu_read_unlock();
	return tx;
}

/* call @each for all in the hash that are of file @f, or of any when it is NULL; process context */
static void for_each_tx(struct amrpc_net *an, const struct amrpc_file *f,
			void (*each)(struct amrpc_tx *tx))
{
	struct rhashtable_iter it;
	struct amrpc_tx *tx;

	for (unsigned int i = 0; i < AMRPC_FRONT; i++) {
		tx = front_get(an, i);
		if (!tx)
			continue;
		if (!f || tx->file == f)
			each(tx);
		amrpc_tx_put(tx);
	}
	rhashtable_walk_enter(&an->txs, &it);
	rhashtable_walk_start(&it);
	while ((tx = rhashtable_walk_next(&it))) {
		if (IS_ERR(tx) || (f && READ_ONCE(tx->file) != f) || !refcount_inc_not_zero(&tx->ref))
			continue;
		rhashtable_walk_stop(&it);
		if (!f || tx->file == f)	/* of another by now? */
			each(tx);
		amrpc_tx_put(tx);
		rhashtable_walk_start(&it);
	}
	rhashtable_walk_stop(&it);
	rhashtable_walk_exit(&it);
}

static void hurry(struct amrpc_tx *tx)
{
	unsigned long soon = jiffies + msecs_to_jiffies(AMRPC_LINGER_MS);

	spin_lock_bh(&tx->lock);
	if (tx->state == AMRPC_TX_REPLIED && time_after(tx->timer.expires, soon))
		mod_timer_pending(&tx->timer, soon);
	spin_unlock_bh(&tx->lock);
}

/**
 * amrpc_txs_hurry() - a file was closed: its replies do not wait for long
 * @f: file, dead
 *
 * A timer that runs meanwhile sees that the file is dead. Context: process.
 */
void amrpc_txs_hurry(const struct amrpc_file *f)
{
	for_each_tx(f->an, f, hurry);
}

static void give_up(struct amrpc_tx *tx)
{
	amrpc_tx_finish(tx, true);
}

/* the module or the namespace goes: give up what is still unacknowledged; process context */
void amrpc_txs_kill(struct amrpc_net *an)
{
	for_each_tx(an, NULL, give_up);
}

int amrpc_txs_init(struct amrpc_net *an)
{
	return rhashtable_init(&an->txs, &tx_params);
}

void amrpc_txs_exit(struct amrpc_net *an)
{
	rhashtable_destroy(&an->txs);
}
