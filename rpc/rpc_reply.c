// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reply of a transaction: putrep, and sending it until it is acknowledged (facts 3.6).
 *
 * A reply of up to AMRPC_REPLY_KEEP bytes is copied and putrep returns; the timer asks for the
 * missing ACK (16 round trips, clamped) and the namespace's workqueue resends what does not fit
 * one packet, or what of it the client asks for (rpc_resend.c). A larger reply is sent from the
 * caller's memory, who waits for the ACK and resends it on demand; for a caller that cannot wait
 * (amrpc_putrep_keep()) it is kept as well, and of what does not fit one packet the workqueue sends the
 * first copy, too. One of several packets for which the user has no room (net.amoeba.max_user_bytes) is
 * treated as a larger one, and refused (EDQUOT) of who cannot wait.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>

#include "rpc.h"
#include "rpc_trace.h"

/* is it more than a packet, so that to send it may mean to wait for the network? */
static bool several(const struct amrpc_tx *tx)
{
	return amrpc_msg_hdr(tx->wide) + tx->rep_len > FLIP_ETH_PAYLOAD;
}

/**
 * amrpc_tx_work_later() - send a kept reply, or parts of it
 * @tx: REPLIED, referenced
 *
 * Context: any but hard interrupt; tx->lock not held.
 */
void amrpc_tx_work_later(struct amrpc_tx *tx)
{
	bool queued;

	refcount_inc(&tx->ref);
	if (several(tx))
		queued = amrpc_place_want(tx->file, &tx->place);
	else
		queued = queue_work(tx->an->wq, &tx->work);
	if (!queued)
		amrpc_tx_put(tx);
}

/* what is sent is in tx->rep; @how gets a message id, to be told from other copies */
static void trace_reply(const struct amrpc_tx *tx, struct flip_send *how)
{
	struct amrpc_wire w = {
		.kid = tx->kid, .type = tx->forwarded ? AMRPC_FORWARD :
			tx->wide ? AMRPC_REPLY_WIDE : AMRPC_REPLY,
		.tid = tx->key.tid, .dest = tx->client_idx, .from = tx->idx,
	};

	if (!how->has_messid) {
		how->has_messid = true;
		how->messid = flip_ep_messid(tx->file->ep);
	}
	trace_amrpc_send(tx->file, &w, tx->key.peer, how->messid,
			 tx->forwarded ? AMRPC_HDR + 8 : amrpc_msg_hdr(tx->wide) + tx->rep_len);
}

/**
 * amrpc_reply_resend() - the reply is wanted again
 * @tx: referenced
 * @inval: look for the client first, its place is not known any more
 *
 * What fits one packet goes out at once. Context: softirq.
 */
void amrpc_reply_resend(struct amrpc_tx *tx, bool inval)
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
		if (trace_amrpc_send_enabled())
			trace_reply(tx, &how);
		amrpc_send_one(tx->file, NULL, tx->rep,
			       tx->forwarded ? AMRPC_HDR + 8 : amrpc_msg_hdr(tx->wide), NULL, 0,
			       &how);
		return;
	}
	amrpc_tx_work_later(tx);
}

/* how long to wait for the ACK before asking: who has a part of the reply asks for the rest */
static unsigned int wait_ms(const struct amrpc_tx *tx, unsigned int ms)
{
	return READ_ONCE(tx->sent.known) ? max(ms, AMRPC_PARTS_MS) : ms;
}

/* parts of it have left again: from now on the ACK is waited for */
static void parts_sent(struct amrpc_tx *tx)
{
	struct amrpc_tx_act act;

	spin_lock_bh(&tx->lock);
	act = amrpc_txfsm(&tx->m, tx->state, READ_ONCE(tx->file->dead), AMRPC_TX_IN_PARTS);
	if (act.what == AMRPC_TX_WAIT)
		amrpc_tx_arm(tx, wait_ms(tx, act.ms));
	spin_unlock_bh(&tx->lock);
}

/**
 * amrpc_reply_ask() - ask the client whether it has the reply
 * @tx: referenced
 * @act: AMRPC_TX_ASK
 *
 * Context: any but hard interrupt.
 */
void amrpc_reply_ask(struct amrpc_tx *tx, const struct amrpc_tx_act *act)
{
	spin_lock_bh(&tx->lock);
	if (tx->state == AMRPC_TX_REPLIED)
		amrpc_tx_arm(tx, wait_ms(tx, act->ms));
	spin_unlock_bh(&tx->lock);
	amrpc_count(tx->an, RECEIVED_TX);
	amrpc_tx_send(tx, AMRPC_RECEIVED, AMRPC_F_REPLY,
		      (tx->secure ? FLIP_SEND_SECURITY : 0) |
		      (act->inval ? FLIP_SEND_INVAL : 0),
		      AMOEBA_LOCATE_MS);
}

/**
 * amrpc_tx_timer() - too long in the queue, or no ACK yet
 * @t: timer of a tx, with a reference of its own
 *
 * Context: softirq.
 */
void amrpc_tx_timer(struct timer_list *t)
{
	struct amrpc_tx *tx = timer_container_of(tx, t, timer);
	struct amrpc_tx_act act;

	spin_lock_bh(&tx->lock);
	if (tx->state == AMRPC_TX_REPLIED && tx->sent.known && tx->sent.sending) {
		/* the client is being sent what it asked for */
		act = (struct amrpc_tx_act){ .what = AMRPC_TX_NOTHING };
		amrpc_tx_arm(tx, AMRPC_PARTS_MS);
	} else {
		act = amrpc_txfsm(&tx->m, READ_ONCE(tx->state), READ_ONCE(tx->file->dead),
				  AMRPC_TX_IN_TIMER);
	}
	spin_unlock_bh(&tx->lock);
	switch (act.what) {
	case AMRPC_TX_REFUSE:
		/* unless a thread was faster */
		if (amrpc_tx_withdraw(tx))
			amrpc_tx_refuse(tx);
		break;
	case AMRPC_TX_ASK:
		amrpc_reply_ask(tx, &act);
		break;
	case AMRPC_TX_FINISH:
		amrpc_tx_finish(tx, act.lost);
		break;
	default:
		break;
	}
	amrpc_tx_put(tx);
}

/* send the kept reply, in @skb or NULL; -EHOSTUNREACH and the like when the client cannot be found */
static int send_reply(struct amrpc_tx *tx, struct sk_buff *skb, struct iov_iter *from, bool inval)
{
	size_t hlen = amrpc_msg_hdr(tx->wide);
	struct amrpc_file *f = tx->file;
	struct flip_send how = {
		.dst = tx->key.peer,
		.flags = (tx->secure ? FLIP_SEND_SECURITY : 0) |
			 (inval ? FLIP_SEND_INVAL : 0),
		.ltime_ms = AMOEBA_LOCATE_MS,
	};
	int err;

	amrpc_count(f->an, REPLY_TX);
	if (hlen + tx->rep_len > FLIP_ETH_PAYLOAD) {
		how.has_messid = true;
		how.messid = flip_ep_messid(f->ep);
	}
	if (trace_amrpc_send_enabled())
		trace_reply(tx, &how);
	if (hlen + tx->rep_len <= FLIP_ETH_PAYLOAD) {
		err = amrpc_send_one(f, skb, tx->rep, hlen, from, tx->rep_len, &how);
	} else {
		if (skb)
			consume_skb(skb);
		amrpc_resend_tx(tx, how.messid);
		err = flip_send_msg(f->ep, tx->rep, hlen, from, &how, MAX_SCHEDULE_TIMEOUT);
		amrpc_resend_tx_sent(tx);
	}
	amrpc_stage_tx(tx, AMRPC_STAGE_REPLIED, err);
	return err;
}

/* often acknowledged already; otherwise somebody must ask */
static void ask_later(struct amrpc_tx *tx, unsigned int ms)
{
	if (READ_ONCE(tx->state) == AMRPC_TX_REPLIED)
		amrpc_tx_arm_soon(tx, wait_ms(tx, ms));
}

/* amrpc_reply_resend() in process context, and the first copy of a kept reply */
void amrpc_tx_work(struct work_struct *work)
{
	struct amrpc_tx *tx = container_of(work, struct amrpc_tx, work);
	struct amrpc_sender *place = several(tx) ? amrpc_place_had(tx->an, &tx->place) : NULL;
	bool go, inval, first;
	struct iov_iter it;
	int err;

	spin_lock_bh(&tx->lock);
	go = tx->state == AMRPC_TX_REPLIED && tx->resend;
	first = tx->unsent;
	tx->unsent = false;
	inval = tx->inval;
	tx->resend = false;
	tx->inval = false;
	spin_unlock_bh(&tx->lock);
	if (go) {
		if (!first)
			amrpc_count(tx->an, REPLY_RETRANS);
		amrpc_buf_iter(tx->rep_data, &it);
		err = send_reply(tx, NULL, &it, inval);
		if (err == -EHOSTUNREACH || (first && err))
			amrpc_tx_finish(tx, true);
		else if (first)
			ask_later(tx, tx->ask_ms);
	} else if (READ_ONCE(tx->sent.ask)) {
		amrpc_buf_iter(tx->rep_data, &it);
		if (amrpc_resend_reply(tx, &it))
			parts_sent(tx);
	}
	if (place)
		amrpc_place_leave(tx->an, place);
	amrpc_tx_put(tx);
}

/* ---- putrep ------------------------------------------------------------------------------------ */

static bool wanted(const struct amrpc_tx *tx)
{
	return READ_ONCE(tx->resend) || READ_ONCE(tx->sent.ask) ||
	       READ_ONCE(tx->state) == AMRPC_TX_DONE;
}

/* a large reply: wait for the ACK, resend on demand */
static int await_ack(struct amrpc_tx *tx, struct amoeba_putrep *p, const struct iov_iter *send)
{
	int err = 0;

	for (;;) {
		struct iov_iter it = *send;
		bool inval, whole;

		if (flip_wait_killable(tx->wq, wanted(tx), MAX_SCHEDULE_TIMEOUT) < 0) {
			amrpc_tx_finish(tx, true);
			return -EINTR;
		}
		spin_lock_bh(&tx->lock);
		if (tx->state == AMRPC_TX_DONE) {
			p->verdict = tx->lost ? AMOEBA_RPC_FAILURE : AMOEBA_RPC_OK;
			spin_unlock_bh(&tx->lock);
			return 0;
		}
		inval = tx->inval;
		whole = tx->resend;
		tx->resend = false;
		tx->inval = false;
		spin_unlock_bh(&tx->lock);
		if (!whole) {
			if (amrpc_resend_reply(tx, &it))
				parts_sent(tx);
			continue;
		}
		amrpc_count(tx->an, REPLY_RETRANS);
		err = send_reply(tx, NULL, &it, inval);
		if (err) {
			amrpc_tx_finish(tx, true);
			p->verdict = AMOEBA_RPC_FAILURE;
			return err == -EINTR || err == -EFAULT ? err : 0;
		}
	}
}

/* the reply is kept for the workqueue to send: count it; false: too much is kept already */
static bool keep_reply(struct amrpc_tx *tx, size_t len, size_t most)
{
	struct amrpc_file *f = tx->file;

	/* the last one may go beyond, so that poll(2) knows without its length */
	if (atomic_long_add_return(len, &f->kept) - len < most)
		return true;
	atomic_long_sub(len, &f->kept);
	return false;
}

static int reply_remote(struct amrpc_tx *tx, struct amoeba_putrep *p, size_t len,
			struct iov_iter *send, size_t keep)
{
	struct amrpc_wire w = {
		.kid = tx->kid, .type = tx->wide ? AMRPC_REPLY_WIDE : AMRPC_REPLY,
		.tid = tx->key.tid, .dest = tx->client_idx, .from = tx->idx,
	};
	bool packets = amrpc_msg_hdr(tx->wide) + len > FLIP_ETH_PAYLOAD;
	struct amrpc_user *user = tx->file->user;
	/* no room to keep it: wait, as with a large one */
	bool full = packets && !amrpc_user_room(user, AMRPC_USER_BYTES, len);
	bool later = keep && packets;
	bool sync = (len > AMRPC_REPLY_KEEP || full) && !keep;
	struct amrpc_buf *buf = NULL;
	struct iov_iter it = *send;
	struct amrpc_tx_act act;
	struct sk_buff *skb;
	int err;

	amrpc_wire_put(tx->rep, &w);
	err = amrpc_hdr_put(tx->rep + AMRPC_HDR, &p->hdr, tx->wide, true);
	if (err)
		return err;
	if (full && (keep || len <= AMRPC_REPLY_KEEP))
		amrpc_count(tx->an, USER_BYTES);
	if (later && full)
		return -EDQUOT;
	if (later && !keep_reply(tx, len, keep))
		return -EAGAIN;
	if (len && !sync) {
		buf = amrpc_buf_from_iter(user, send, len);
		if (IS_ERR(buf)) {
			if (later)
				atomic_long_sub(len, &tx->file->kept);
			return PTR_ERR(buf);
		}
		amrpc_buf_iter(buf, &it);
	}
	spin_lock_bh(&tx->lock);
	if (tx->state != AMRPC_TX_SERVING) {	/* given up meanwhile */
		spin_unlock_bh(&tx->lock);
		if (later)
			atomic_long_sub(len, &tx->file->kept);
		amrpc_buf_free(buf);
		p->verdict = AMOEBA_RPC_FAILURE;
		return 0;
	}
	tx->rep_data = buf;
	tx->rep_len = len;
	tx->kept = later;
	act = amrpc_txfsm(&tx->m, tx->state, READ_ONCE(tx->file->dead), AMRPC_TX_IN_REPLY);
	tx->sync = sync;
	tx->unsent = later;
	tx->resend = later;
	tx->ask_ms = act.ms;
	WRITE_ONCE(tx->state, AMRPC_TX_REPLIED);
	spin_unlock_bh(&tx->lock);
	p->verdict = AMOEBA_RPC_OK;
	if (later) {
		amrpc_tx_work_later(tx);
		return 0;
	}

	/* this thread has claimed it: nobody else looks */
	skb = tx->skb;
	tx->skb = NULL;
	err = send_reply(tx, skb, &it, false);
	if (err == -EFAULT || (sync && err)) {
		amrpc_tx_finish(tx, true);
		amrpc_tx_send(tx, AMRPC_FAIL, 0, 0, 0);
		amrpc_count(tx->an, FAIL_TX);
		p->verdict = AMOEBA_RPC_FAILURE;
		return err == -EFAULT || err == -EINTR ? err : 0;
	}
	if (err == -EHOSTUNREACH || err == -ENETUNREACH) {
		amrpc_tx_finish(tx, true);
		p->verdict = AMOEBA_RPC_FAILURE;
		return 0;
	}
	ask_later(tx, act.ms);
	return sync ? await_ack(tx, p, send) : 0;
}

/**
 * amrpc_served_claim() - this thread is going to end a transaction
 * @f: open file that got the request
 * @handle: from getreq
 *
 * Context: process. Return: tx with a reference, to be ended by amrpc_served_end(), or NULL: no such
 * one, or somebody else does so.
 */
struct amrpc_tx *amrpc_served_claim(struct amrpc_file *f, u64 handle)
{
	/* one being handed out right now has none yet */
	struct amrpc_tx *tx = handle ? amrpc_served_get(f, handle) : NULL;

	if (!tx || !xchg(&tx->claimed, true))
		return tx;
	amrpc_tx_put(tx);
	return NULL;
}

/**
 * amrpc_served_end() - what this thread had to say to the client is said
 * @f: open file
 * @tx: claimed; the reference is dropped
 * @err: an error: if nothing was said the handle stays valid
 *
 * Context: process.
 */
void amrpc_served_end(struct amrpc_file *f, struct amrpc_tx *tx, int err)
{
	/* once replied it stays so, or is done */
	enum amrpc_tx_state state = READ_ONCE(tx->state);

	if (err && state != AMRPC_TX_REPLIED && state != AMRPC_TX_DONE) {
		smp_store_release(&tx->claimed, false);
	} else {
		amrpc_listen_released(tx);
		amrpc_served_del(f, tx->handle & 0xffff);
		amrpc_tx_put(tx);
	}
	amrpc_tx_put(tx);
}

/**
 * amrpc_putrep() - answer a request
 * @f: open file that got it
 * @p: argument; verdict is filled
 * @len: bytes of the reply's data
 * @send: over them
 *
 * Context: process, may sleep. Return: 0; -ENOENT: no such transaction, or answered already;
 * -ERANGE: a header value does not fit the header a remote client takes; -EFAULT; -ENOMEM;
 * -EINTR. After -ENOENT, -ERANGE, -ENOMEM and, for replies of up to 64 KiB, -EFAULT nothing was
 * answered and the handle stays valid.
 */
int amrpc_putrep(struct amrpc_file *f, struct amoeba_putrep *p, size_t len,
		 struct iov_iter *send)
{
	return amrpc_putrep_keep(f, p, len, send, 0);
}

/**
 * amrpc_putrep_keep() - answer a request without waiting for the network
 * @f: open file that got it
 * @p: argument; verdict is filled, and says less: a client that goes now may go unnoticed
 * @len: bytes of the reply's data
 * @send: over them
 * @keep: while fewer bytes of replies larger than a packet are kept, for all transactions of the file, another
 *	may be, until it is acknowledged; 0: wait, as amrpc_putrep() does
 *
 * Context: process, may sleep for memory. Return: as amrpc_putrep(), or -EAGAIN: too much is kept, now;
 * with @keep the handle stays valid after every error.
 */
int amrpc_putrep_keep(struct amrpc_file *f, struct amoeba_putrep *p, size_t len,
		      struct iov_iter *send, size_t keep)
{
	struct amrpc_tx *tx = amrpc_served_claim(f, p->handle);
	int err;

	if (!tx)
		return -ENOENT;
	amrpc_stage_tx(tx, AMRPC_STAGE_ANSWER, 0);
	err = tx->call ? amrpc_local_reply(tx, p, len, send) : reply_remote(tx, p, len, send, keep);
	amrpc_served_end(f, tx, err);
	return err;
}
