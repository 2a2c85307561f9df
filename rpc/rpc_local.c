// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions within one network namespace: from the client's thread to the server's and back.
 * No FLIP, no timers: nothing is lost within one machine.
 *
 * DESIGN NOTES
 *
 * The client makes a tx, gives it to a server (rpc_port.c) and waits; call->tx says which
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
#include <linux/memcontrol.h>
#include <linux/sched/signal.h>

#include "rpc.h"
#include "rpc_trace.h"

/* comes back from a server that could not copy the data; no verdict, as AMRPC_AGAIN */
#define MISSED	3

/* data of the request: NULL when it is copied straight, or there is none */
static struct amrpc_buf *request_data(const struct amrpc_run *r)
{
	struct iov_iter it = *r->send;

	if (!r->len || r->straight)
		return NULL;
	return r->buf ? amrpc_buf_get(r->buf) : amrpc_buf_request(r->call->file, &it, r->len);
}

/* nobody else touches the call or our buffers any more; returns @ret */
static int leave(struct amrpc_run *r, int ret)
{
	struct amrpc_call *call = r->call;
	struct amrpc_tx *tx;

	/* answered, and nobody looks at our buffers: the call's end puts the tx back */
	if (ret == AMOEBA_RPC_OK && !r->offer)
		return ret;
	spin_lock_bh(&call->lock);
	tx = call->tx;
	call->tx = NULL;
	call->m.state = AMRPC_CALL_LOCATE;
	spin_unlock_bh(&call->lock);
	if (r->offer)
		amrpc_straight_over(call);
	if (tx)
		amrpc_tx_put(tx);
	return ret;
}

/* in the queue of a local server, or in the hands of its thread */
static int waits(struct amrpc_run *r)
{
	return amrpc_run_wait(r, r->queued ? msecs_to_jiffies(AMRPC_QUEUE_MS) : MAX_SCHEDULE_TIMEOUT);
}

/* give it to a server; a verdict <= 0, AMRPC_WAITS, AMRPC_AGAIN, AMRPC_BUSY, or an errno in r->err */
static int give(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;
	struct amrpc_buf *buf;
	struct amrpc_tx *tx;
	bool cancelled;
	int ret;

	r->offer = r->straight || iov_iter_count(r->recv) >= AMRPC_STRAIGHT_MIN;
	buf = request_data(r);
	if (IS_ERR(buf)) {
		r->err = PTR_ERR(buf);
		return AMOEBA_RPC_NOTFOUND;
	}
	tx = amrpc_tx_new_local(call, &r->t->req, buf, r->len);
	if (!tx) {
		amrpc_buf_free(buf);
		r->err = -ENOMEM;
		return AMOEBA_RPC_NOTFOUND;
	}
	spin_lock_bh(&call->lock);
	call->events = 0;
	call->m.state = AMRPC_CALL_GETREP;
	call->signalled = false;	/* this server has not been told */
	call->tx = tx;		/* with the reference of amrpc_tx_new_local() */
	refcount_inc(&tx->ref);
	if (r->offer)
		amrpc_straight_offer(call, r->send, r->recv);
	cancelled = call->cancelled;	/* from here on it is an event */
	spin_unlock_bh(&call->lock);
	if (cancelled) {
		amrpc_tx_put(tx);
		return leave(r, AMOEBA_RPC_ABORTED);
	}

	local_bh_disable();
	rcu_read_lock();
	ret = amrpc_port_deliver(call->file->an, call->port, r->only, tx);
	rcu_read_unlock();
	local_bh_enable();
	if (ret < 0) {
		amrpc_tx_put(tx);
		return leave(r, ret == -ENOBUFS ? AMRPC_BUSY : AMRPC_AGAIN);
	}
	r->queued = ret == 1;
	return waits(r);
}

/* nothing has come, and the thread does not want to wait any longer: @intr, or the time is up */
static int silence(struct amrpc_run *r, bool intr)
{
	/* also one that was taken is in a queue again when its server had a bad buffer */
	if (amrpc_tx_withdraw(r->call->tx)) {
		/* nobody took it: it has not left */
		if (intr)
			return AMOEBA_RPC_ABORTED;
		return amrpc_expired(r->deadline) ? AMOEBA_RPC_NOTFOUND : AMRPC_AGAIN;
	}
	if (r->queued) {
		r->queued = false;
		return waits(r);
	}
	if (intr) {
		r->err = -EINTR;
		return AMOEBA_RPC_FAILURE;
	}
	return amrpc_expired(r->deadline) ? AMOEBA_RPC_FAILURE : waits(r);
}

/* what has come; as give(), MISSED, AMRPC_FORWARDED */
static int events(struct amrpc_run *r, unsigned int ev, bool up)
{
	struct amrpc_tx *tx = r->call->tx;

	if (ev & AMRPC_EV_REPLY)
		return AMOEBA_RPC_OK;
	if (ev & AMRPC_EV_FAIL)
		return AMOEBA_RPC_FAILURE;
	if (ev & AMRPC_EV_REFUSED)
		return AMRPC_AGAIN;
	if (ev & AMRPC_EV_FORWARD)
		return AMRPC_FORWARDED;
	if (ev & AMRPC_EV_MISSED)
		return task_sigpending(current) ? AMOEBA_RPC_ABORTED : MISSED;
	if (ev & AMRPC_EV_CANCEL)
		return amrpc_tx_withdraw(tx) ? AMOEBA_RPC_ABORTED : AMOEBA_RPC_FAILURE;
	if (ev & AMRPC_EV_SIGNAL)
		WRITE_ONCE(tx->signalled, true);
	if (up || ev & (AMRPC_EV_INTR | AMRPC_EV_KILLED))
		return silence(r, ev & (AMRPC_EV_INTR | AMRPC_EV_KILLED));
	return AMRPC_WAITS;
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

/* an attempt is over, unless it waits; one that was missed has others */
static int attempted(struct amrpc_run *r, int ret)
{
	while (ret == MISSED) {
		r->straight = !r->misses++ && fault_in(r->send);
		ret = give(r);
	}
	if (ret != AMRPC_WAITS && r->only) {
		amrpc_file_put(r->only);
		r->only = NULL;
	}
	return ret;
}

/**
 * amrpc_local_begin() - try the servers of this namespace
 * @r: of the caller. What call->data does not hold of the reply is in r->recv when the verdict is RPC_OK
 *
 * Context: process. Return: a verdict <= 0, AMRPC_AGAIN (no server here, or it went away without taking
 * the request), AMRPC_BUSY, AMRPC_FORWARDED, AMRPC_AWAY, an errno in r->err, or AMRPC_WAITS:
 * amrpc_local_step() is next.
 */
int amrpc_local_begin(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;

	r->straight = r->len >= AMRPC_STRAIGHT_MIN && !r->async && current->mm &&
		      user_backed_iter(r->send);
	r->misses = 0;
	if (call->handed) {
		r->only = amrpc_file_find(call->file->an, call->forward);
		if (!r->only)
			return AMRPC_AWAY;
	}
	return attempted(r, give(r));
}

/**
 * amrpc_local_step() - the call has waited
 * @r: as amrpc_local_begin() has left it
 * @ev: AMRPC_EV_*
 * @up: the time is up
 *
 * Context: process, may sleep. Return: as amrpc_local_begin().
 */
int amrpc_local_step(struct amrpc_run *r, unsigned int ev, bool up)
{
	int ret = events(r, ev, up);

	if (ret != AMRPC_WAITS)
		ret = leave(r, ret);
	return attempted(r, ret);
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
	bool taken = false, cut = false;
	struct mem_cgroup *memcg;
	size_t room = len;
	ssize_t done = 0;

	if (len >= AMRPC_STRAIGHT_MIN) {
		done = amrpc_straight_give(tx, send, len, &room);
		if (done < 0)
			return done;
	}
	if (call->room)
		room = min(room, call->room);
	if (room > done) {
		/* the client's, who is refused its next call when it has too much */
		memcg = amrpc_call_memcg(call);
		buf = amrpc_buf_kept(memcg, call->file->user, send, room - done);
		mem_cgroup_put(memcg);
		cut = buf == ERR_PTR(-EDQUOT);
		if (cut)
			buf = NULL;
		else if (IS_ERR(buf))
			return PTR_ERR(buf);
	}
	spin_lock_bh(&call->lock);
	if (call->tx == tx && call->m.state == AMRPC_CALL_GETREP) {
		call->rep = p->hdr;
		call->data.buf = buf;
		call->data.len = len;
		call->data.done = done;
		if (cut)
			amrpc_call_cut(call);
		amrpc_stage_call(call, AMRPC_STAGE_REPLY, 0);
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
