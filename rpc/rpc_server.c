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
 * RECEIVED and ENQUIRE find it; k->lock of its kernel makes "check the window, look it up, accept
 * it, mark it" one step. One that is new to the window is not looked up: what is there is marked. Local ones are only in file->served.
 *
 * What a tx lives by is in rpc_tx.c; threads take requests in rpc_getreq.c and answer them in
 * rpc_reply.c; here is what comes from the network.
 */
#include <linux/skbuff.h>

#include "rpc.h"

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

/**
 * amrpc_tx_refuse() - give an accepted remote request back
 * @tx: taken out of its queue, and no thread saw it
 *
 * The refusal is final; when it cannot be remembered the client is left to ask.
 * Context: any but hard interrupt.
 */
void amrpc_tx_refuse(struct amrpc_tx *tx)
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
	amrpc_tx_finish(tx, false);
}

/* ---- requests coming in ------------------------------------------------------------------------ */

static bool fill_remote(struct amrpc_tx *tx, const struct amrpc_wire *w, struct amrpc_data *d,
			const struct flip_rx *rx)
{
	if (!amrpc_data_hdr(d, w, &tx->hdr))
		return false;
	tx->wide = amrpc_is_wide(w->type);
	amrpc_port_bytes(w->port, tx->hdr.port);
	tx->port = w->port;
	tx->kid = w->kid;
	tx->key.peer = rx->src;
	tx->key.tid = w->tid;
	tx->client_idx = w->from;
	tx->req_dest = w->dest;
	tx->m.rtt = w->dest;
	tx->m.ours = w->flags & AMRPC_F_OURS || amrpc_is_wide(w->type);
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

/*
 * Refuse for good all copies up to @messid: may the NAK be sent? That of a closed file needs no
 * memory, and must not use up what there is: while a copy may be executed all go to one address, and
 * this one accepts none any more.
 */
static bool refuse(const struct amrpc_file *f, struct amrpc_kid *k, u32 tid, u32 messid)
{
	return READ_ONCE(f->dead) || amrpc_once_refuse(k, tid, messid);
}

/* one that is not accepted; the tx that is there has index @idx */
static void request_dropped(struct amrpc_file *f, const struct amrpc_wire *w,
			    const struct flip_rx *rx, enum amrpc_tx_do what,
			    enum amrpc_once once, u16 idx)
{
	struct amrpc_wire a = *w;

	if (once == AMRPC_ONCE_REFUSED)
		amrpc_count(f->an, DROP_REFUSED);
	else if (once == AMRPC_ONCE_ODD)
		amrpc_count(f->an, DROP_TID);
	else
		amrpc_count(f->an, DROP_DUP);
	if (what == AMRPC_TX_FAIL) {
		bounce(f, w, rx, AMRPC_FAIL);
	} else if (what == AMRPC_TX_ACK) {
		a.dest = idx;	/* goes back as from */
		bounce(f, &a, rx, AMRPC_ACK);
	}
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
	enum amrpc_once once;
	enum amrpc_tx_do what;
	struct amrpc_kid *k;
	bool told;
	int ret;

	amrpc_count(an, REQUEST_RX);
	tx = amrpc_tx_new(f, GFP_ATOMIC | __GFP_NOWARN);
	if (!tx) {
		amrpc_count(an, DROP_NOMEM);
		return;
	}
	if (!fill_remote(tx, w, d, rx)) {
		amrpc_count(an, DROP_WIDE);
		goto free;
	}
	k = amrpc_once_get(an, w->kid);
	if (!k)
		goto free;	/* a refusal could not be remembered */
	spin_lock(&k->lock);
	/* what is there was marked before, so of one that is new nothing is */
	once = amrpc_once_check(k, w->tid, rx->messid);
	old = once == AMRPC_ONCE_NEW ? NULL : amrpc_tx_find(an, rx->src, w->tid);
	if (old)
		once = AMRPC_ONCE_DONE;
	what = amrpc_tx_request(old, once, w->flags & AMRPC_F_RETRANS);
	if (what != AMRPC_TX_ACCEPT) {
		u16 idx = old ? old->idx : 0;

		spin_unlock(&k->lock);
		if (what == AMRPC_TX_ACK && amrpc_forward_again(old))
			what = AMRPC_TX_NOTHING;
		if (old)
			amrpc_tx_put(old);
		request_dropped(f, w, rx, what, once, idx);
		goto free;
	}
	/* accepted: visible from here on */
	ret = amrpc_tx_hash(tx);
	if (ret) {
		spin_unlock(&k->lock);
		/* one that was refused a moment ago and is there still: the client asks again */
		if (ret == -EEXIST)
			amrpc_count(an, DROP_DUP);
		else
			amrpc_count(an, DROP_NOMEM);
		goto free;
	}
	amrpc_once_mark(k, w->tid);
	refcount_inc(&tx->ref);		/* for the queue or the thread */
	ret = amrpc_port_deliver(an, w->port, f, tx);
	if (ret < 0) {
		told = refuse(f, k, w->tid, rx->messid);
		amrpc_once_unmark(k, w->tid);
		spin_unlock(&k->lock);
		if (told)
			bounce(f, w, rx, AMRPC_NAK);
		else
			amrpc_count(an, DROP_NAKS);
		amrpc_tx_unhash(tx);
		amrpc_tx_put(tx);
		goto free;
	}
	spin_unlock(&k->lock);
	if (!f->served_ours && tx->m.ours)
		WRITE_ONCE(f->served_ours, true);
	memset(d, 0, sizeof(*d));	/* kept */
	if (ret == 1)
		amrpc_tx_arm(tx, AMRPC_QUEUE_MS);
	/* several packets are acknowledged at once, one is by its reply (wire-observed 3) */
	if (rx->total > FLIP_ETH_PAYLOAD)
		amrpc_tx_send(tx, AMRPC_ACK, 0, 0, 0);
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
	struct amrpc_wire a = *w;
	enum amrpc_tx_do what;
	struct amrpc_kid *k;
	struct amrpc_tx *tx;
	bool told = false, forwarded;

	k = amrpc_once_get(an, w->kid);
	if (!k) {
		/* not executed; refuses no copy, and the client sends another */
		bounce(f, w, rx, AMRPC_NAK);
		return;
	}
	spin_lock(&k->lock);
	tx = amrpc_tx_find(an, rx->src, w->tid);
	what = amrpc_tx_received(tx, amrpc_once_executed(k, w->tid));
	if (tx)
		a.dest = tx->idx;
	if (what == AMRPC_TX_REFUSE)
		told = refuse(f, k, w->tid, rx->messid);
	spin_unlock(&k->lock);
	forwarded = tx && amrpc_forward_again(tx);
	if (tx)
		amrpc_tx_put(tx);
	if (forwarded)
		return;
	if (what == AMRPC_TX_ACK)
		bounce(f, &a, rx, AMRPC_ACK);
	else if (what == AMRPC_TX_FAIL)
		bounce(f, w, rx, AMRPC_FAIL);
	else if (told)
		bounce(f, w, rx, AMRPC_NAK);
	else
		amrpc_count(an, DROP_NAKS);
}

/* something has happened to a tx; sends what there is to send; bottom halves off */
static void tx_event(struct amrpc_tx *tx, enum amrpc_tx_in in)
{
	struct amrpc_tx_act act;
	unsigned int how = 0;

	spin_lock(&tx->lock);
	act = amrpc_txfsm(&tx->m, tx->state, READ_ONCE(tx->file->dead), in);
	if (act.what == AMRPC_TX_FINISH)
		how = amrpc_tx_end(tx, act.lost);
	spin_unlock(&tx->lock);
	if (act.what == AMRPC_TX_FINISH)
		amrpc_tx_ended(tx, how);
	else if (act.what == AMRPC_TX_RESEND)
		amrpc_reply_resend(tx, act.inval);
	else if (act.what == AMRPC_TX_ASK)
		amrpc_reply_ask(tx, &act);
}

/* ACK or NAK of a reply; bottom halves off, rcu_read_lock(); false: there is no such one */
static bool reply_event(struct amrpc_net *an, flip_addr_t peer, u32 tid, enum amrpc_tx_in in)
{
	struct amrpc_tx *tx = amrpc_tx_find(an, peer, tid);

	if (!tx || READ_ONCE(tx->state) != AMRPC_TX_REPLIED) {
		amrpc_count(an, DROP_NOTX);
		if (tx)
			amrpc_tx_put(tx);
		return false;
	}
	tx_event(tx, in);
	amrpc_tx_put(tx);
	return true;
}

/**
 * amrpc_server_acked() - a request of the same client said that a reply has arrived
 * @f: file
 * @peer: FLIP address of the client
 * @tid: the reply's transaction
 *
 * Context: bottom halves off, rcu_read_lock().
 */
void amrpc_server_acked(struct amrpc_file *f, flip_addr_t peer, u32 tid)
{
	if (reply_event(f->an, peer, tid, AMRPC_TX_IN_ACK))
		amrpc_count(f->an, ACK_TAKEN);
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
		tx = amrpc_tx_find(an, rx->src, w->tid);
		if (amrpc_tx_enquire(tx) == AMRPC_TX_FAIL) {
			bounce(f, w, rx, AMRPC_FAIL);
			return true;
		}
		if (!amrpc_forward_again(tx)) {
			if (w->flags & AMRPC_F_SIGTRANS)
				WRITE_ONCE(tx->signalled, true);
			amrpc_tx_send(tx, AMRPC_ALIVE, 0, 0, 0);
		}
		amrpc_tx_put(tx);
		return true;
	case AMRPC_ACK:
	case AMRPC_NAK:
		if (w->dest < AMRPC_SERVER_IDX)
			return false;
		reply_event(an, rx->src, w->tid,
			    w->type == AMRPC_ACK ? AMRPC_TX_IN_ACK : AMRPC_TX_IN_NAK);
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
 * Context: bottom halves off, rcu_read_lock().
 */
void amrpc_server_undelivered(struct amrpc_file *f, const struct amrpc_wire *w,
			      const struct flip_rx *rx, enum flip_undeliv why)
{
	struct amrpc_tx *tx = amrpc_tx_find(f->an, rx->dst, w->tid);
	enum amrpc_tx_in in = AMRPC_TX_IN_LOST;

	if (!tx)
		return;
	if (why == FLIP_UNDELIV_R_NOTHERE && w->type == AMRPC_RECEIVED)
		in = AMRPC_TX_IN_ASK_BACK;
	else if (why == FLIP_UNDELIV_R_NOTHERE)
		in = rx->offset ? AMRPC_TX_IN_NOTHERE_MORE : AMRPC_TX_IN_NOTHERE;
	if (READ_ONCE(tx->state) == AMRPC_TX_REPLIED)
		tx_event(tx, in);
	amrpc_tx_put(tx);
}
