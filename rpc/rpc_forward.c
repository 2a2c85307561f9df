// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMOEBA_FORWARD: a server hands a request over to another one, which serves the same port.
 *
 * DESIGN NOTES
 *
 * The request is not passed on: its client is told where to send it, and sends it as another
 * transaction. Here the first one is done and was not executed; its tid stays marked in the window
 * of the client's kernel, so that no late copy of it is executed either.
 *
 * A remote client gets FORWARD, 8 bytes of FLIP address behind the RPC header (facts 3.2), and
 * acknowledges it (wire-observed 3). To the machine of rpc_txfsm.h it is a reply: without an ACK the
 * client is asked by RECEIVED(REPLY), says NAK as long as it waits for this transaction, and gets it
 * again; the original does the same. A client that asks by itself (RECEIVED, ENQUIRE, a repeated
 * REQUEST) is answered with FORWARD. Once it was given up, or is forgotten with its file, such a
 * question is answered FAIL: the client says RPC_FAILURE, less than could be known, but never wrong.
 *
 * A client of this namespace gets an event (rpc_local.c) and the address in call->forward. It tries
 * the file with that address, or, when there is none here, sends a REQUEST.
 */
#include "rpc.h"
#include "rpc_trace.h"

static bool forward_local(struct amrpc_tx *tx, flip_addr_t addr)
{
	struct amrpc_call *call = tx->call;
	bool taken;

	spin_lock_bh(&tx->lock);
	WRITE_ONCE(tx->state, AMRPC_TX_DONE);
	spin_unlock_bh(&tx->lock);
	spin_lock_bh(&call->lock);
	taken = call->tx == tx && call->m.state == AMRPC_CALL_GETREP;
	if (taken) {
		call->forward = addr;
		amrpc_call_event_locked(call, AMRPC_EV_FORWARD);
	}
	spin_unlock_bh(&call->lock);
	return taken;
}

static bool forward_remote(struct amrpc_tx *tx, flip_addr_t addr)
{
	struct amrpc_wire w = {
		.kid = tx->kid, .type = AMRPC_FORWARD, .tid = tx->key.tid,
		.dest = tx->client_idx, .from = tx->idx,
	};
	struct flip_send how = {
		.dst = tx->key.peer, .flags = tx->secure ? FLIP_SEND_SECURITY : 0,
		.ltime_ms = AMOEBA_LOCATE_MS, .hipri = true,
	};
	struct amrpc_tx_act act;
	int err;

	spin_lock_bh(&tx->lock);
	if (tx->state != AMRPC_TX_SERVING) {	/* given up meanwhile */
		spin_unlock_bh(&tx->lock);
		return false;
	}
	amrpc_wire_put(tx->rep, &w);
	flip_addr_store(tx->rep + AMRPC_HDR, addr);
	act = amrpc_txfsm(&tx->m, tx->state, READ_ONCE(tx->file->dead), AMRPC_TX_IN_REPLY);
	WRITE_ONCE(tx->forwarded, true);
	WRITE_ONCE(tx->state, AMRPC_TX_REPLIED);
	spin_unlock_bh(&tx->lock);

	trace_amrpc_send(tx->file, &w, tx->key.peer, 0, AMRPC_HDR + 8);
	err = amrpc_send_one(tx->file, NULL, tx->rep, AMRPC_HDR + 8, NULL, 0, &how);
	if (err == -EHOSTUNREACH || err == -ENETUNREACH) {
		amrpc_tx_finish(tx, true);
		return false;
	}
	amrpc_stage_tx(tx, AMRPC_STAGE_FORWARDED, 0);
	spin_lock_bh(&tx->lock);
	if (tx->state == AMRPC_TX_REPLIED)
		amrpc_tx_arm(tx, act.ms);
	spin_unlock_bh(&tx->lock);
	return true;
}

/**
 * amrpc_forward() - hand a request over
 * @f: open file that got it
 * @fw: argument; verdict is filled
 *
 * Context: process, may sleep. Return: 0; -EINVAL, -ENOENT, -ECONNREFUSED, -ERANGE as at struct
 * amoeba_forward: nothing was said to the client then.
 */
int amrpc_forward(struct amrpc_file *f, struct amoeba_forward *fw)
{
	flip_addr_t addr = flip_addr_load(fw->address);
	struct amrpc_file *to;
	struct amrpc_tx *tx;
	int err = 0;
	bool told;

	if (addr == FLIP_ADDR_NULL || addr == flip_ep_addr(f->ep))
		return -EINVAL;
	tx = amrpc_served_claim(f, fw->handle);
	if (!tx)
		return -ENOENT;
	to = amrpc_file_find(f->an, addr);
	if (to && !amrpc_port_served(f->an, tx->port, to))
		err = -ECONNREFUSED;
	else if (!to || !tx->call)
		err = amrpc_hdr_fits(&tx->hdr, false, false);
	if (to)
		amrpc_file_put(to);
	if (!err) {
		told = tx->call ? forward_local(tx, addr) : forward_remote(tx, addr);
		fw->verdict = told ? AMOEBA_RPC_OK : AMOEBA_RPC_FAILURE;
		amrpc_count(f->an, FORWARDED);
	}
	amrpc_served_end(f, tx, err);
	return err;
}

/**
 * amrpc_forward_again() - a client asks for a transaction that may have been forwarded
 * @tx: of that client
 *
 * Context: rcu_read_lock(). Return: true when it was, and its client is told again.
 */
bool amrpc_forward_again(struct amrpc_tx *tx)
{
	if (!READ_ONCE(tx->forwarded) || !refcount_inc_not_zero(&tx->ref))
		return false;
	amrpc_reply_resend(tx, false);
	amrpc_tx_put(tx);
	return true;
}
