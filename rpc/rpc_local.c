// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions within one network namespace: from the client's thread to the server's and back.
 * No FLIP, no timers: nothing is lost within one machine.
 *
 * DESIGN NOTES
 *
 * The client's thread makes a tx, gives it to a server (rpc_port.c) and waits; call->tx says which
 * one, until the client stops waiting. The server's putrep puts the reply into the call under
 * call->lock, if call->tx is still it. The tx has a reference to the call, the call one to the tx.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>

#include "rpc.h"

/* in the queue of a local server: any signal ends it, as before a request leaves */
static int wait_queued(struct amrpc_call *call, unsigned long deadline)
{
	unsigned long tmo = msecs_to_jiffies(AMRPC_QUEUE_MS);
	long left;

	left = wait_event_interruptible_timeout(call->wq, READ_ONCE(call->events),
						amrpc_bounded(tmo, deadline));
	return left < 0 ? -EINTR : amrpc_call_events(call);
}

/*
 * Try the servers of this namespace. Returns a verdict <= 0, AMRPC_AGAIN (no server here, or it went away
 * without taking the request), or an errno in *err.
 */
int amrpc_local_try(struct amrpc_call *call, const struct amoeba_trans *t, size_t len,
		    const struct iov_iter *send, unsigned long deadline, int *err)
{
	struct amrpc_net *an = call->file->an;
	struct amrpc_buf *buf = NULL;
	struct iov_iter it = *send;
	struct amrpc_tx *tx;
	bool queued;
	int ret;

	if (len) {
		buf = amrpc_buf_from_iter(&it, len);
		if (IS_ERR(buf)) {
			*err = PTR_ERR(buf);
			return AMOEBA_RPC_NOTFOUND;
		}
	}
	tx = amrpc_tx_new_local(call, &t->req, buf);
	if (!tx) {
		amrpc_buf_free(buf);
		*err = -ENOMEM;
		return AMOEBA_RPC_NOTFOUND;
	}
	spin_lock_bh(&call->lock);
	call->events = 0;
	call->m.state = AMRPC_CALL_GETREP;
	call->tx = tx;		/* with the reference of amrpc_tx_new_local() */
	refcount_inc(&tx->ref);
	spin_unlock_bh(&call->lock);

	local_bh_disable();
	rcu_read_lock();
	ret = amrpc_port_deliver(an, call->port, NULL, tx);
	rcu_read_unlock();
	local_bh_enable();
	if (ret < 0) {
		amrpc_tx_put(tx);
		ret = ret == -ENOBUFS ? AMRPC_BUSY : AMRPC_AGAIN;
		goto out;
	}
	queued = ret == 1;
	for (;;) {
		ret = queued ? wait_queued(call, deadline) :
			amrpc_call_wait(call, amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline));
		if (ret <= 0 && queued) {
			/* nobody took it: it has not left */
			if (amrpc_tx_withdraw(tx)) {
				if (ret == -EINTR)
					ret = AMOEBA_RPC_ABORTED;
				else
					ret = amrpc_expired(deadline) ? AMOEBA_RPC_NOTFOUND : AMRPC_AGAIN;
				break;
			}
			queued = false;
			continue;
		}
		if (ret == -EINTR || (!ret && amrpc_expired(deadline))) {
			if (ret)
				*err = -EINTR;
			ret = AMOEBA_RPC_FAILURE;
			break;
		}
		if (ret & AMRPC_EV_REPLY) {
			ret = AMOEBA_RPC_OK;
			break;
		}
		if (ret & AMRPC_EV_FAIL) {
			ret = AMOEBA_RPC_FAILURE;
			break;
		}
		if (ret & AMRPC_EV_REFUSED) {
			ret = AMRPC_AGAIN;
			break;
		}
	}
out:
	spin_lock_bh(&call->lock);
	tx = call->tx;
	call->tx = NULL;
	call->m.state = AMRPC_CALL_LOCATE;
	spin_unlock_bh(&call->lock);
	if (tx)
		amrpc_tx_put(tx);
	return ret;
}

/**
 * amrpc_local_reply() - the server's answer to a local transaction
 * @tx: claimed by this thread
 * @p: argument; verdict is filled
 * @len: bytes of the reply's data
 * @send: over them
 *
 * Context: process, may sleep. Return: 0, -ENOMEM or -EFAULT.
 */
int amrpc_local_reply(struct amrpc_tx *tx, struct amoeba_putrep *p, size_t len,
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
	if (call->tx == tx && call->m.state == AMRPC_CALL_GETREP) {
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
