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
 *
 * A client leaves a tx only when it has an answer, when it has taken the tx out of a queue again, or
 * for good: then the whole call ends. So an event is never taken for one of another tx of the call.
 *
 * Small data goes through one kernel buffer, in amrpc_data.buf of the tx or of the call. Large data
 * is copied straight between client and server (rpc_straight.c); a request for which that did not
 * work comes back (AMRPC_EV_MISSED), is offered once more with the client's buffer faulted in, and
 * after that goes through the kernel.
 *
 * A server may hand the request over (rpc_forward.c): the client leaves that tx, which is done, and
 * begins again with the server at call->forward.
 *
 * Signals (design 6). Until a server's thread has the request any signal ends the call: it has not
 * left. Afterwards a fatal one does, and the first one the client handles is passed on: tx->signalled,
 * as for a remote client; the client waits on. A stop is no business of the server's. A cancelled call
 * is ABORTED when no thread has it, else FAILURE.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>

#include "rpc.h"

/* comes back from a server that could not copy the data; no verdict, as AMRPC_AGAIN */
#define MISSED	3

/* in the queue of a local server: any signal ends it, as before a request leaves */
static int wait_queued(struct amrpc_call *call, unsigned long deadline)
{
	unsigned long tmo = msecs_to_jiffies(AMRPC_QUEUE_MS);
	long left;

	left = wait_event_interruptible_timeout(call->wq, READ_ONCE(call->events),
						amrpc_bounded(tmo, deadline));
	return left < 0 ? -EINTR : amrpc_call_events(call);
}

/* a server's thread has it */
static int wait_taken(struct amrpc_call *call, struct amrpc_tx *tx, unsigned long deadline,
		      bool *woken)
{
	unsigned long tmo = amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline);

	if (!*woken) {
		long left = wait_event_interruptible_timeout(call->wq, READ_ONCE(call->events), tmo);
		int ev;

		if (left >= 0)
			return amrpc_call_events(call);
		ev = amrpc_signals_pending();
		if (ev & AMRPC_EV_KILLED)
			return -EINTR;
		/* it stays pending, so from here on only a fatal one can wake us */
		*woken = true;
		if (ev)
			WRITE_ONCE(tx->signalled, true);
		tmo = amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline);
	}
	return amrpc_call_wait(call, tmo);
}

/* data of the request: NULL when it is copied straight, or there is none */
static struct amrpc_buf *request_data(const struct iov_iter *send, size_t len, bool straight)
{
	struct iov_iter it = *send;

	return len && !straight ? amrpc_buf_from_iter(&it, len) : NULL;
}

/* one server; a verdict <= 0, AMRPC_AGAIN, AMRPC_BUSY, MISSED, or an errno in *err */
static int try_once(struct amrpc_call *call, const struct amoeba_trans *t, size_t len,
		    const struct iov_iter *send, const struct iov_iter *recv, bool straight,
		    struct amrpc_file *only, unsigned long deadline, int *err)
{
	bool offer = straight || iov_iter_count(recv) >= AMRPC_STRAIGHT_MIN;
	struct amrpc_net *an = call->file->an;
	bool queued, cancelled, woken = false;
	struct amrpc_buf *buf;
	struct amrpc_tx *tx;
	int ret;

	buf = request_data(send, len, straight);
	if (IS_ERR(buf)) {
		*err = PTR_ERR(buf);
		return AMOEBA_RPC_NOTFOUND;
	}
	tx = amrpc_tx_new_local(call, &t->req, buf, len);
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
	if (offer)
		amrpc_straight_offer(call, send, recv);
	cancelled = call->cancelled;	/* from here on it is an event */
	spin_unlock_bh(&call->lock);
	if (cancelled) {
		amrpc_tx_put(tx);
		ret = AMOEBA_RPC_ABORTED;
		goto out;
	}

	local_bh_disable();
	rcu_read_lock();
	ret = amrpc_port_deliver(an, call->port, only, tx);
	rcu_read_unlock();
	local_bh_enable();
	if (ret < 0) {
		amrpc_tx_put(tx);
		ret = ret == -ENOBUFS ? AMRPC_BUSY : AMRPC_AGAIN;
		goto out;
	}
	queued = ret == 1;
	for (;;) {
		ret = queued ? wait_queued(call, deadline) : wait_taken(call, tx, deadline, &woken);
		/* also one that was taken is in a queue again when its server had a bad buffer */
		if (ret <= 0 && amrpc_tx_withdraw(tx)) {
			/* nobody took it: it has not left */
			if (ret == -EINTR)
				ret = AMOEBA_RPC_ABORTED;
			else
				ret = amrpc_expired(deadline) ? AMOEBA_RPC_NOTFOUND : AMRPC_AGAIN;
			break;
		}
		if (ret <= 0 && queued) {
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
		if (ret & AMRPC_EV_FORWARD) {
			ret = AMRPC_FORWARDED;
			break;
		}
		if (ret & AMRPC_EV_CANCEL && !(ret & AMRPC_EV_MISSED)) {
			ret = amrpc_tx_withdraw(tx) ? AMOEBA_RPC_ABORTED : AMOEBA_RPC_FAILURE;
			break;
		}
		if (ret & AMRPC_EV_MISSED) {
			ret = signal_pending(current) ? AMOEBA_RPC_ABORTED : MISSED;
			break;
		}
	}
	/* answered, and nobody looks at our buffers: the call's end puts the tx back */
	if (ret == AMOEBA_RPC_OK && !offer)
		return ret;
out:
	spin_lock_bh(&call->lock);
	tx = call->tx;
	call->tx = NULL;
	call->m.state = AMRPC_CALL_LOCATE;
	spin_unlock_bh(&call->lock);
	if (offer)
		amrpc_straight_over(call);
	if (tx)
		amrpc_tx_put(tx);
	return ret;
}

/* bring a buffer of ours into memory; false when it cannot be all of it */
static bool fault_in(const struct iov_iter *send)
{
	struct iov_iter it = *send;

	while (iov_iter_count(&it)) {
		size_t n = min_t(size_t, iov_iter_count(&it), SZ_1M);

		if (fatal_signal_pending(current) || fault_in_iov_iter_readable(&it, n))
			return false;
		iov_iter_advance(&it, n);
		cond_resched();
	}
	return true;
}

/**
 * amrpc_local_try() - try the servers of this namespace
 * @call: of the current thread
 * @t: the request
 * @len: bytes of its data
 * @send: over them
 * @recv: room for the reply's; what call->data does not hold of the reply is there when the verdict
 *	is RPC_OK
 * @deadline: jiffies, 0: none
 * @err: an errno may be put here
 *
 * Context: process, sleeps. Return: a verdict <= 0, AMRPC_AGAIN (no server here, or it went away
 * without taking the request), AMRPC_BUSY, or an errno in *err.
 */
int amrpc_local_try(struct amrpc_call *call, const struct amoeba_trans *t, size_t len,
		    const struct iov_iter *send, const struct iov_iter *recv,
		    unsigned long deadline, int *err)
{
	bool straight = len >= AMRPC_STRAIGHT_MIN && current->mm && user_backed_iter(send);
	struct amrpc_file *only = NULL;
	unsigned int misses = 0;
	int ret;

	if (call->handed) {
		only = amrpc_file_find(call->file->an, call->forward);
		if (!only)
			return AMRPC_AWAY;
	}
	do {
		ret = try_once(call, t, len, send, recv, straight, only, deadline, err);
		if (ret == MISSED)
			straight = !misses++ && fault_in(send);
	} while (ret == MISSED);
	if (only)
		amrpc_file_put(only);
	return ret;
}

/**
 * amrpc_local_reply() - the server's answer to a local transaction
 * @tx: claimed by this thread
 * @p: argument; verdict is filled
 * @len: bytes of the reply's data
 * @send: over them
 *
 * Context: process, may sleep. Return: 0, -ENOMEM, -EFAULT or -EINTR.
 */
int amrpc_local_reply(struct amrpc_tx *tx, struct amoeba_putrep *p, size_t len,
		      struct iov_iter *send)
{
	struct amrpc_call *call = tx->call;
	struct amrpc_buf *buf = NULL;
	bool taken = false;
	size_t room = len;
	ssize_t done = 0;

	if (len >= AMRPC_STRAIGHT_MIN) {
		done = amrpc_straight_give(tx, send, len, &room);
		if (done < 0)
			return done;
	}
	if (room > done) {
		buf = amrpc_buf_from_iter(send, room - done);
		if (IS_ERR(buf))
			return PTR_ERR(buf);
	}
	spin_lock_bh(&call->lock);
	if (call->tx == tx && call->m.state == AMRPC_CALL_GETREP) {
		call->rep = p->hdr;
		call->data.buf = buf;
		call->data.len = len;
		call->data.done = done;
		amrpc_call_event_locked(call, AMRPC_EV_REPLY);
		taken = true;
	}
	spin_unlock_bh(&call->lock);
	if (!taken)
		amrpc_buf_free(buf);
	p->verdict = taken ? AMOEBA_RPC_OK : AMOEBA_RPC_FAILURE;
	spin_lock_bh(&tx->lock);
	tx->state = AMRPC_TX_DONE;
	spin_unlock_bh(&tx->lock);
	return 0;
}
