// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's side of a transaction (facts 3.6, wire-observed 3).
 *
 * DESIGN NOTES
 *
 *	(whole REQUEST, not executed before)
 *	  |-- a thread waits ----------------> SERVING --putrep--> REPLIED --ACK, tries--> DONE
 *	  |-- room in the queue --> QUEUED ----^   |                 |  \-- NAK: sent again
 *	  \-- no server, no room: NAK      |       \- file closed:   \-- time-out: RECEIVED
 *	                                   |          FAIL, DONE
 *	                                   \- file closed, or AMRPC_QUEUE_MS over: NAK, DONE
 *
 * A remote transaction is in an->txs from acceptance to DONE, so that repetitions of its REQUEST,
 * RECEIVED and ENQUIRE find it; k->lock of its kernel makes "look it up, check the window, accept
 * it, mark it" one step. Local ones are only in file->served.
 *
 * A reply of up to AMRPC_REPLY_KEEP bytes is copied and putrep returns; the timer asks for the
 * missing ACK (16 round trips, clamped) and the namespace's workqueue resends what does not fit
 * one packet. A larger reply is sent from the caller's memory, who waits for the ACK and resends
 * it on demand.
 *
 * References: the hash, file->served, an armed timer, a queued work and whoever works on it hold
 * one each. tx->file is set when it is accepted and dropped with the last reference.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
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

static void tx_timer(struct timer_list *t);
static void tx_work(struct work_struct *work);

/* ---- life of a tx --------------------------------------------------------------------------- */

static struct amrpc_tx *tx_new(struct amrpc_net *an, gfp_t gfp)
{
	struct amrpc_tx *tx = kzalloc(sizeof(*tx), gfp);

	if (!tx)
		return NULL;
	refcount_set(&tx->ref, 1);
	tx->an = an;
	spin_lock_init(&tx->lock);
	INIT_LIST_HEAD(&tx->node);
	init_waitqueue_head(&tx->wq);
	timer_setup(&tx->timer, tx_timer, 0);
	INIT_WORK(&tx->work, tx_work);
	tx->state = AMRPC_TX_QUEUED;
	return tx;
}

/**
 * amrpc_tx_new_local() - a transaction of a client of this namespace
 * @call: client; referenced
 * @req: request header
 * @buf: data or NULL; belongs to the tx on success
 *
 * Context: process. Return: tx with one reference, or NULL.
 */
struct amrpc_tx *amrpc_tx_new_local(struct amrpc_call *call, const struct amoeba_header *req,
				    struct amrpc_buf *buf)
{
	struct amrpc_tx *tx = tx_new(call->file->an, GFP_KERNEL_ACCOUNT);

	if (!tx)
		return NULL;
	tx->hdr = *req;
	tx->port = call->port;
	tx->data.buf = buf;
	tx->data.len = buf ? buf->len : 0;
	refcount_inc(&call->ref);
	tx->call = call;
	return tx;
}

void amrpc_tx_put(struct amrpc_tx *tx)
{
	if (!refcount_dec_and_test(&tx->ref))
		return;
	amrpc_data_free(&tx->data);
	amrpc_buf_free(tx->rep_data);
	if (tx->call)
		amrpc_call_put(tx->call);
	if (tx->file)
		amrpc_file_put(tx->file);
	kfree_rcu(tx, rcu);
}

static void arm(struct amrpc_tx *tx, unsigned int ms)
{
	refcount_inc(&tx->ref);
	if (mod_timer(&tx->timer, jiffies + msecs_to_jiffies(ms)))
		amrpc_tx_put(tx);	/* it was armed and had one */
}

static void disarm(struct amrpc_tx *tx)
{
	if (timer_delete(&tx->timer))
		amrpc_tx_put(tx);
}

static struct amrpc_tx *tx_find(struct amrpc_net *an, flip_addr_t peer, u32 tid)
{
	struct { flip_addr_t peer; u32 tid; u32 zero; } key = { .peer = peer, .tid = tid };

	BUILD_BUG_ON(sizeof(key) != sizeof_field(struct amrpc_tx, key));
	return rhashtable_lookup(&an->txs, &key, tx_params);
}

static void unhash(struct amrpc_net *an, struct amrpc_tx *tx)
{
	bool was;

	spin_lock_bh(&tx->lock);
	was = tx->hashed;
	tx->hashed = false;
	spin_unlock_bh(&tx->lock);
	if (!was)
		return;
	rhashtable_remove_fast(&an->txs, &tx->hash, tx_params);
	amrpc_tx_put(tx);
}

/* the end: acknowledged, or given up; any context */
static void tx_finish(struct amrpc_tx *tx, bool lost)
{
	struct amrpc_net *an = tx->an;
	bool was_done, was_hashed, sync;

	spin_lock_bh(&tx->lock);
	was_done = tx->state == AMRPC_TX_DONE;
	WRITE_ONCE(tx->state, AMRPC_TX_DONE);
	was_hashed = tx->hashed && !was_done;
	if (!was_done) {
		tx->hashed = false;
		tx->lost = lost;
	}
	sync = tx->sync;
	spin_unlock_bh(&tx->lock);
	if (was_done)
		return;
	if (lost)
		amrpc_count(an, REPLY_LOST);
	disarm(tx);
	if (was_hashed) {
		rhashtable_remove_fast(&an->txs, &tx->hash, tx_params);
		amrpc_tx_put(tx);
	}
	if (sync)
		wake_up(&tx->wq);
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

/* ---- control messages ------------------------------------------------------------------------- */

static void send_to_client(struct amrpc_tx *tx, u8 type, u8 wflags, u32 fflags, u32 ltime)
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

/* an answer where there is no tx: indices go back as they came (facts 3.2) */
static void bounce(struct amrpc_file *f, const struct amrpc_wire *in, const struct flip_rx *rx,
		   u8 type)
{
	struct amrpc_wire w = {
		.kid = in->kid, .type = type, .tid = in->tid, .dest = in->from, .from = in->dest,
	};

	if (type == AMRPC_NAK)
		amrpc_count(f->an, NAK_TX);
	else if (type == AMRPC_FAIL)
		amrpc_count(f->an, FAIL_TX);
	amrpc_send_ctl(f, rx->src, &w, 0, 0, NULL);
}

/*
 * Give an accepted remote request back: it has been taken out of its queue and no thread saw it.
 * The refusal is final; when it cannot be remembered the client is left to ask.
 */
static void give_back(struct amrpc_tx *tx)
{
	struct amrpc_net *an = tx->an;
	bool told = false;
	struct amrpc_kid *k;
	struct amrpc_wire w = {
		.kid = tx->kid, .type = AMRPC_NAK, .tid = tx->key.tid,
		.dest = tx->client_idx, .from = tx->req_dest,
	};

	local_bh_disable();
	rcu_read_lock();
	k = amrpc_once_get(an, tx->kid);
	if (k) {
		spin_lock(&k->lock);
		told = amrpc_once_refuse(k, tx->key.tid, tx->req_messid);
		if (told)
			amrpc_once_unmark(k, tx->key.tid);
		spin_unlock(&k->lock);
	}
	rcu_read_unlock();
	if (told) {
		amrpc_count(an, NAK_TX);
		amrpc_send_ctl(tx->file, tx->key.peer, &w, 0, 0, NULL);
	} else {
		amrpc_count(an, DROP_NAKS);
	}
	local_bh_enable();
	tx_finish(tx, false);
}

/* ---- requests coming in ------------------------------------------------------------------------ */

static bool fill_remote(struct amrpc_tx *tx, const struct amrpc_wire *w, struct amrpc_data *d,
			const struct flip_rx *rx)
{
	u8 buf[AMRPC_CLASSIC_HDR];
	const u8 *p = skb_header_pointer(d->skb ?: skb_peek(&d->msg->skbs), AMRPC_HDR,
					 sizeof(buf), buf);

	if (!p)
		return false;
	amrpc_classic_get(p, &tx->hdr, false, w->flags & AMRPC_F_BIGENDIAN);
	amrpc_port_bytes(w->port, tx->hdr.port);
	tx->port = w->port;
	tx->kid = w->kid;
	tx->key.peer = rx->src;
	tx->key.tid = w->tid;
	tx->client_idx = w->from;
	tx->req_dest = w->dest;
	tx->req_messid = rx->messid;
	tx->idx = AMRPC_SERVER_IDX;
	/*
	 * Replies are secure by default; the original even loses the flag of a REQUEST it resends
	 * after a locate (wire-observed 3). Only who chose to cross untrusted networks, and did,
	 * is answered the same way.
	 */
	tx->secure = rx->flags & FLIP_F_SECURITY || !(rx->flags & FLIP_F_UNSAFE);
	tx->data = *d;
	return true;
}

/**
 * amrpc_server_request() - a whole REQUEST has arrived
 * @f: file it is addressed to
 * @w: its RPC header
 * @d: the message; what is kept is taken out of it
 * @rx: FLIP's description
 *
 * Context: bottom halves off, rcu_read_lock().
 */
void amrpc_server_request(struct amrpc_file *f, const struct amrpc_wire *w,
			  struct amrpc_data *d, const struct flip_rx *rx)
{
	struct amrpc_net *an = f->an;
	struct amrpc_tx *tx, *old;
	struct amrpc_kid *k;
	bool told;
	int ret;

	amrpc_count(an, REQUEST_RX);
	tx = tx_new(an, GFP_ATOMIC | __GFP_NOWARN);
	if (!tx) {
		amrpc_count(an, DROP_NOMEM);
		return;
	}
	if (!fill_remote(tx, w, d, rx)) {
		amrpc_count(an, DROP_SHORT);
		goto free;
	}
	k = amrpc_once_get(an, w->kid);
	if (!k) {
		/* no entry, so nothing of this kernel is executed until there is room */
		bounce(f, w, rx, AMRPC_NAK);
		goto free;
	}
	spin_lock(&k->lock);
	old = tx_find(an, rx->src, w->tid);
	if (old) {
		u16 idx = old->idx;

		spin_unlock(&k->lock);
		amrpc_count(an, DROP_DUP);
		if (w->flags & AMRPC_F_RETRANS) {
			struct amrpc_wire a = *w;

			a.dest = idx;	/* goes back as from */
			bounce(f, &a, rx, AMRPC_ACK);
		}
		goto free;
	}
	switch (amrpc_once_check(k, w->tid, rx->messid)) {
	case AMRPC_ONCE_DONE:
		spin_unlock(&k->lock);
		amrpc_count(an, DROP_DUP);
		if (w->flags & AMRPC_F_RETRANS)
			bounce(f, w, rx, AMRPC_FAIL);
		goto free;
	case AMRPC_ONCE_REFUSED:
		spin_unlock(&k->lock);
		amrpc_count(an, DROP_REFUSED);
		goto free;
	case AMRPC_ONCE_ODD:
		spin_unlock(&k->lock);
		amrpc_count(an, DROP_TID);
		goto free;
	case AMRPC_ONCE_NEW:
		break;
	}
	/* accepted: visible from here on */
	tx->hashed = true;
	refcount_inc(&tx->ref);
	ret = rhashtable_insert_fast(&an->txs, &tx->hash, tx_params);
	if (ret) {
		spin_unlock(&k->lock);
		tx->hashed = false;
		amrpc_tx_put(tx);
		amrpc_count(an, DROP_NOMEM);
		goto free;
	}
	amrpc_once_mark(k, w->tid);
	refcount_inc(&tx->ref);		/* for the queue or the thread */
	ret = amrpc_port_deliver(an, w->port, f, tx);
	if (ret < 0) {
		told = amrpc_once_refuse(k, w->tid, rx->messid);
		amrpc_once_unmark(k, w->tid);
		spin_unlock(&k->lock);
		if (told)
			bounce(f, w, rx, AMRPC_NAK);
		else
			amrpc_count(an, DROP_NAKS);
		unhash(an, tx);
		amrpc_tx_put(tx);
		goto free;
	}
	spin_unlock(&k->lock);
	memset(d, 0, sizeof(*d));	/* kept */
	if (ret == 1)
		arm(tx, AMRPC_QUEUE_MS);
	/* several packets are acknowledged at once, one is by its reply (wire-observed 3) */
	if (rx->total > FLIP_ETH_PAYLOAD)
		send_to_client(tx, AMRPC_ACK, 0, 0, 0);
	amrpc_tx_put(tx);
	return;

free:
	memset(&tx->data, 0, sizeof(tx->data));	/* still the caller's */
	amrpc_tx_put(tx);
}

static void receive_received(struct amrpc_file *f, const struct amrpc_wire *w,
			     const struct flip_rx *rx)
{
	struct amrpc_net *an = f->an;
	struct amrpc_kid *k;
	struct amrpc_tx *tx;
	u8 type;

	k = amrpc_once_get(an, w->kid);
	if (!k) {
		bounce(f, w, rx, AMRPC_NAK);
		return;
	}
	spin_lock(&k->lock);
	tx = tx_find(an, rx->src, w->tid);
	if (tx) {
		struct amrpc_wire a = *w;

		spin_unlock(&k->lock);
		a.dest = tx->idx;
		bounce(f, &a, rx, AMRPC_ACK);
		return;
	}
	if (amrpc_once_executed(k, w->tid))
		type = AMRPC_FAIL;
	else if (amrpc_once_refuse(k, w->tid, rx->messid))
		type = AMRPC_NAK;
	else
		type = 0;
	spin_unlock(&k->lock);
	if (type)
		bounce(f, w, rx, type);
	else
		amrpc_count(an, DROP_NAKS);
}

/* the reply is wanted again; softirq. What fits one packet goes out at once. */
static void resend_reply(struct amrpc_tx *tx, bool inval)
{
	struct flip_send how = {
		.dst = tx->key.peer,
		.flags = (tx->secure ? FLIP_SEND_SECURITY : 0) |
			 (inval ? FLIP_SEND_INVAL : 0),
		.ltime_ms = AMOEBA_LOCATE_MS,
	};
	bool sync;

	spin_lock_bh(&tx->lock);
	if (tx->state != AMRPC_TX_REPLIED) {
		spin_unlock_bh(&tx->lock);
		return;
	}
	sync = tx->sync;
	tx->resend = true;
	tx->inval |= inval;
	spin_unlock_bh(&tx->lock);
	if (sync) {
		wake_up(&tx->wq);
		return;
	}
	if (!tx->rep_len) {
		amrpc_count(tx->an, REPLY_RETRANS);
		amrpc_count(tx->an, REPLY_TX);
		amrpc_send_one(tx->file, tx->rep, AMRPC_MSG_HDR, NULL, 0, &how);
		return;
	}
	refcount_inc(&tx->ref);
	if (!queue_work(tx->an->wq, &tx->work))
		amrpc_tx_put(tx);
}

/**
 * amrpc_server_receive() - a message that concerns transactions this file serves
 * @f: file
 * @w: its RPC header: RECEIVED(REQUEST), ENQUIRE, or ACK or NAK to a server index
 * @rx: FLIP's description
 *
 * Context: bottom halves off, rcu_read_lock(). Return: false when it is for the client's side.
 */
bool amrpc_server_receive(struct amrpc_file *f, const struct amrpc_wire *w,
			  const struct flip_rx *rx)
{
	struct amrpc_net *an = f->an;
	struct amrpc_tx *tx;

	switch (w->type) {
	case AMRPC_RECEIVED:
		if (w->flags & AMRPC_F_REPLY)
			return false;
		receive_received(f, w, rx);
		return true;
	case AMRPC_ENQUIRE:
		tx = tx_find(an, rx->src, w->tid);
		if (!tx) {
			bounce(f, w, rx, AMRPC_FAIL);
			return true;
		}
		if (w->flags & AMRPC_F_SIGTRANS)
			WRITE_ONCE(tx->signalled, true);
		send_to_client(tx, AMRPC_ALIVE, 0, 0, 0);
		return true;
	case AMRPC_ACK:
	case AMRPC_NAK:
		if (w->dest < AMRPC_SERVER_IDX)
			return false;
		tx = tx_find(an, rx->src, w->tid);
		if (!tx || READ_ONCE(tx->state) != AMRPC_TX_REPLIED ||
		    !refcount_inc_not_zero(&tx->ref)) {
			amrpc_count(an, DROP_NOTX);
			return true;
		}
		if (w->type == AMRPC_ACK)
			tx_finish(tx, false);
		else
			resend_reply(tx, false);
		amrpc_tx_put(tx);
		return true;
	}
	return false;
}

/**
 * amrpc_server_undelivered() - a REPLY or RECEIVED(REPLY) came back
 * @f: file that sent it
 * @w: its RPC header
 * @rx: FLIP's description of it
 * @why: reason
 *
 * From a router that forgot the way: once more with a forced relocation. From a machine where the
 * client has ended: the relocation finds nobody, and that is the end of it.
 * Context: bottom halves off, rcu_read_lock().
 */
void amrpc_server_undelivered(struct amrpc_file *f, const struct amrpc_wire *w,
			      const struct flip_rx *rx, enum flip_undeliv why)
{
	struct amrpc_tx *tx = tx_find(f->an, rx->dst, w->tid);
	bool again = false;

	if (!tx || READ_ONCE(tx->state) != AMRPC_TX_REPLIED ||
	    !refcount_inc_not_zero(&tx->ref))
		return;
	if (why == FLIP_UNDELIV_R_NOTHERE) {
		spin_lock_bh(&tx->lock);
		again = rx->offset || tx->relocated++ < 2;
		spin_unlock_bh(&tx->lock);
	}
	if (!again)
		tx_finish(tx, true);
	else if (!rx->offset)
		resend_reply(tx, true);
	amrpc_tx_put(tx);
}

/* ---- timer and work ------------------------------------------------------------------------------ */

static unsigned int reply_ms(const struct amrpc_tx *tx)
{
	return clamp_t(unsigned int, 16U * tx->req_dest, AMRPC_REPLY_MIN, AMRPC_REPLY_MAX);
}

static void tx_timer(struct timer_list *t)
{
	struct amrpc_tx *tx = timer_container_of(tx, t, timer);
	unsigned int left = 0;
	bool ask = false;

	if (READ_ONCE(tx->state) == AMRPC_TX_QUEUED) {
		if (amrpc_tx_withdraw(tx))
			give_back(tx);
		goto put;
	}
	spin_lock_bh(&tx->lock);
	if (tx->state == AMRPC_TX_REPLIED && tx->tries) {
		left = --tx->tries;
		ask = true;
		if (left)
			arm(tx, reply_ms(tx));
	}
	spin_unlock_bh(&tx->lock);
	if (ask && left) {
		amrpc_count(tx->an, RECEIVED_TX);
		send_to_client(tx, AMRPC_RECEIVED, AMRPC_F_REPLY,
			       (tx->secure ? FLIP_SEND_SECURITY : 0) |
			       (left < AMRPC_TRIES_INVAL ? FLIP_SEND_INVAL : 0),
			       AMOEBA_LOCATE_MS);
	} else if (ask) {
		tx_finish(tx, true);
	}
put:
	amrpc_tx_put(tx);
}

/* send the kept reply; -EHOSTUNREACH and the like when the client cannot be found */
static int send_reply(struct amrpc_tx *tx, struct iov_iter *from, bool inval)
{
	struct amrpc_file *f = tx->file;
	struct flip_send how = {
		.dst = tx->key.peer,
		.flags = (tx->secure ? FLIP_SEND_SECURITY : 0) |
			 (inval ? FLIP_SEND_INVAL : 0),
		.ltime_ms = AMOEBA_LOCATE_MS,
	};

	amrpc_count(f->an, REPLY_TX);
	if (tx->rep_len <= AMRPC_ONE_PACKET)
		return amrpc_send_one(f, tx->rep, AMRPC_MSG_HDR, from, tx->rep_len, &how);
	return flip_send_msg(f->ep, tx->rep, AMRPC_MSG_HDR, from, &how, MAX_SCHEDULE_TIMEOUT);
}

static void tx_work(struct work_struct *work)
{
	struct amrpc_tx *tx = container_of(work, struct amrpc_tx, work);
	struct iov_iter it;
	bool go, inval;

	spin_lock_bh(&tx->lock);
	go = tx->state == AMRPC_TX_REPLIED && tx->resend;
	inval = tx->inval;
	tx->resend = false;
	tx->inval = false;
	spin_unlock_bh(&tx->lock);
	if (go) {
		amrpc_count(tx->an, REPLY_RETRANS);
		amrpc_buf_iter(tx->rep_data, &it);
		if (send_reply(tx, &it, inval) == -EHOSTUNREACH)
			tx_finish(tx, true);
	}
	amrpc_tx_put(tx);
}

/* ---- getreq --------------------------------------------------------------------------------------- */

/* it is in a thread's hands; port->lock held */
static void taken(struct amrpc_listen *l, struct amrpc_tx *tx)
{
	tx->state = AMRPC_TX_SERVING;
	tx->listen = l;
	l->serving++;
}

/* it is not any more; process context, the file is open */
static void released(struct amrpc_tx *tx)
{
	struct amrpc_listen *l = tx->listen;

	spin_lock_bh(&l->port->lock);
	l->serving--;
	l->last = jiffies;
	tx->listen = NULL;
	spin_unlock_bh(&l->port->lock);
}

/* the next request for this listen, with the queue's reference; sleeps */
static struct amrpc_tx *wait_request(struct amrpc_listen *l, bool nonblock, u32 timeout_ms)
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
		disarm(tx);
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
			timeout_ms ? msecs_to_jiffies(timeout_ms) : MAX_SCHEDULE_TIMEOUT);

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

	released(tx);
	spin_lock_bh(&p->lock);
	amrpc_enqueue(p, &l->queue, tx, true);
	spin_unlock_bh(&p->lock);
	if (!tx->call)
		arm(tx, AMRPC_QUEUE_MS);
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
 * -EFAULT: the request goes to the next getreq; -ENOBUFS: too many transactions open.
 */
int amrpc_getreq(struct amrpc_file *f, struct amoeba_getreq *g, struct iov_iter *recv)
{
	struct amrpc_listen *l;
	size_t room = iov_iter_count(recv);
	struct amrpc_tx *tx;
	u32 idx;
	int err;

	if (!amrpc_port_key(g->hdr.port))
		return -EINVAL;
	l = amrpc_listen_get(f, g->hdr.port);
	if (IS_ERR(l))
		return PTR_ERR(l);
	tx = wait_request(l, g->flags & AMOEBA_GETREQ_NONBLOCK, g->timeout_ms);
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
	WRITE_ONCE(tx->handle, new_handle(f, idx));

	if (amrpc_data_copy(&tx->data, recv) < 0) {
		xa_erase_bh(&f->served, idx);
		requeue(l, tx);
		amrpc_tx_put(tx);
		return -EFAULT;
	}
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

/* ---- putrep ---------------------------------------------------------------------------------------- */

static int reply_local(struct amrpc_tx *tx, struct amoeba_putrep *p, size_t len,
		       struct iov_iter *send)
{
	struct amrpc_call *call = tx->call;
	struct amrpc_buf *buf = NULL;
	bool taken = false;

	if (len) {
		buf = amrpc_buf_from_iter(send, len);
		if (IS_ERR(buf))
			return PTR_ERR(buf);
	}
	spin_lock_bh(&call->lock);
	if (call->tx == tx && call->state == AMRPC_CALL_GETREP) {
		call->rep = p->hdr;
		call->data.buf = buf;
		call->data.len = len;
		taken = true;
	}
	spin_unlock_bh(&call->lock);
	if (taken)
		amrpc_call_event(call, AMRPC_EV_REPLY);
	else
		amrpc_buf_free(buf);
	p->verdict = taken ? AMOEBA_RPC_OK : AMOEBA_RPC_FAILURE;
	spin_lock_bh(&tx->lock);
	tx->state = AMRPC_TX_DONE;
	spin_unlock_bh(&tx->lock);
	return 0;
}

/* a large reply: wait for the ACK, resend on demand */
static int await_ack(struct amrpc_tx *tx, struct amoeba_putrep *p, const struct iov_iter *send)
{
	int err = 0;

	for (;;) {
		struct iov_iter it = *send;
		bool inval;

		if (wait_event_killable(tx->wq, READ_ONCE(tx->resend) ||
					READ_ONCE(tx->state) == AMRPC_TX_DONE)) {
			tx_finish(tx, true);
			return -EINTR;
		}
		spin_lock_bh(&tx->lock);
		if (tx->state == AMRPC_TX_DONE) {
			p->verdict = tx->lost ? AMOEBA_RPC_FAILURE : AMOEBA_RPC_OK;
			spin_unlock_bh(&tx->lock);
			return 0;
		}
		inval = tx->inval;
		tx->resend = false;
		tx->inval = false;
		spin_unlock_bh(&tx->lock);
		amrpc_count(tx->an, REPLY_RETRANS);
		err = send_reply(tx, &it, inval);
		if (err) {
			tx_finish(tx, true);
			p->verdict = AMOEBA_RPC_FAILURE;
			return err == -EINTR || err == -EFAULT ? err : 0;
		}
	}
}

static int reply_remote(struct amrpc_tx *tx, struct amoeba_putrep *p, size_t len,
			struct iov_iter *send)
{
	struct amrpc_wire w = {
		.kid = tx->kid, .type = AMRPC_REPLY, .tid = tx->key.tid,
		.dest = tx->client_idx, .from = tx->idx,
	};
	bool sync = len > AMRPC_REPLY_KEEP;
	struct amrpc_buf *buf = NULL;
	struct iov_iter it = *send;
	int err;

	amrpc_wire_put(tx->rep, &w);
	err = amrpc_classic_put(tx->rep + AMRPC_HDR, &p->hdr, true);
	if (err)
		return err;
	if (len && !sync) {
		buf = amrpc_buf_from_iter(send, len);
		if (IS_ERR(buf))
			return PTR_ERR(buf);
		amrpc_buf_iter(buf, &it);
	}
	spin_lock_bh(&tx->lock);
	if (tx->state != AMRPC_TX_SERVING) {	/* given up meanwhile */
		spin_unlock_bh(&tx->lock);
		amrpc_buf_free(buf);
		p->verdict = AMOEBA_RPC_FAILURE;
		return 0;
	}
	tx->rep_data = buf;
	tx->rep_len = len;
	tx->tries = AMRPC_TRIES;
	tx->sync = sync;
	WRITE_ONCE(tx->state, AMRPC_TX_REPLIED);
	spin_unlock_bh(&tx->lock);
	p->verdict = AMOEBA_RPC_OK;

	err = send_reply(tx, &it, false);
	if (err == -EFAULT || (sync && err)) {
		tx_finish(tx, true);
		send_to_client(tx, AMRPC_FAIL, 0, 0, 0);
		amrpc_count(tx->an, FAIL_TX);
		p->verdict = AMOEBA_RPC_FAILURE;
		return err == -EFAULT || err == -EINTR ? err : 0;
	}
	if (err == -EHOSTUNREACH || err == -ENETUNREACH) {
		tx_finish(tx, true);
		p->verdict = AMOEBA_RPC_FAILURE;
		return 0;
	}
	/* often acknowledged already; otherwise somebody must ask */
	if (READ_ONCE(tx->state) != AMRPC_TX_REPLIED)
		return sync ? await_ack(tx, p, send) : 0;
	spin_lock_bh(&tx->lock);
	if (tx->state == AMRPC_TX_REPLIED)
		arm(tx, reply_ms(tx));
	spin_unlock_bh(&tx->lock);
	return sync ? await_ack(tx, p, send) : 0;
}

/**
 * amrpc_putrep() - answer a request
 * @f: open file that got it
 * @p: argument; verdict is filled
 * @len: bytes of the reply's data
 * @send: over them
 *
 * Context: process, may sleep. Return: 0; -ENOENT: no such transaction, or answered already;
 * -ERANGE: a header value does not fit the classic header of a remote client; -EFAULT; -ENOMEM;
 * -EINTR. After -ENOENT, -ERANGE, -ENOMEM and, for replies of up to 64 KiB, -EFAULT nothing was
 * answered and the handle stays valid.
 */
int amrpc_putrep(struct amrpc_file *f, struct amoeba_putrep *p, size_t len,
		 struct iov_iter *send)
{
	unsigned long idx = p->handle & 0xffff;
	enum amrpc_tx_state state;
	struct amrpc_tx *tx;
	int err;

	/* one being handed out right now has none yet */
	if (!p->handle)
		return -ENOENT;
	xa_lock_bh(&f->served);
	tx = xa_load(&f->served, idx);
	if (!tx || tx->handle != p->handle || tx->claimed) {
		xa_unlock_bh(&f->served);
		return -ENOENT;
	}
	tx->claimed = true;
	refcount_inc(&tx->ref);
	xa_unlock_bh(&f->served);

	err = tx->call ? reply_local(tx, p, len, send) : reply_remote(tx, p, len, send);

	/* once replied it stays so, or is done */
	state = READ_ONCE(tx->state);
	if (err && state != AMRPC_TX_REPLIED && state != AMRPC_TX_DONE) {
		xa_lock_bh(&f->served);
		tx->claimed = false;
		xa_unlock_bh(&f->served);
	} else {
		released(tx);
		xa_erase_bh(&f->served, idx);
		amrpc_tx_put(tx);
	}
	amrpc_tx_put(tx);
	return err;
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void abandon(struct amrpc_tx *tx)
{
	if (tx->call) {
		amrpc_call_event(tx->call, AMRPC_EV_FAIL);
		return;
	}
	/* the tx is gone first: a late ENQUIRE is answered FAIL as well */
	tx_finish(tx, false);
	amrpc_count(tx->an, FAIL_TX);
	send_to_client(tx, AMRPC_FAIL, 0, 0, 0);
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
		disarm(tx);
		if (tx->call)
			amrpc_call_event(tx->call, AMRPC_EV_REFUSED);
		else
			give_back(tx);
		amrpc_tx_put(tx);
	}
	xa_for_each(&f->served, idx, tx) {
		xa_erase_bh(&f->served, idx);
		abandon(tx);
		amrpc_tx_put(tx);
	}
}

/* the module or the namespace goes: give up what is still unacknowledged; process context */
void amrpc_server_kill(struct amrpc_net *an)
{
	struct rhashtable_iter it;
	struct amrpc_tx *tx;

	rhashtable_walk_enter(&an->txs, &it);
	rhashtable_walk_start(&it);
	while ((tx = rhashtable_walk_next(&it))) {
		if (IS_ERR(tx))
			continue;
		if (!refcount_inc_not_zero(&tx->ref))
			continue;
		rhashtable_walk_stop(&it);
		tx_finish(tx, true);
		amrpc_tx_put(tx);
		rhashtable_walk_start(&it);
	}
	rhashtable_walk_stop(&it);
	rhashtable_walk_exit(&it);
}

int amrpc_txs_init(struct amrpc_net *an)
{
	return rhashtable_init(&an->txs, &tx_params);
}

void amrpc_txs_exit(struct amrpc_net *an)
{
	rhashtable_destroy(&an->txs);
}
