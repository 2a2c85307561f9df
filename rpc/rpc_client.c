// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's side of a transaction (facts 3.5, wire-observed 3).
 *
 * DESIGN NOTES
 *
 * One thread, in amrpc_trans(), does what the call's machine says (rpc_fsm.h: the states, and what
 * is known of the copies of a request); softirq (rpc_client_rx.c) only records events in call->events
 * under call->lock and wakes it.
 *
 * A local transaction (rpc_local.c) shares the states and verdicts; it asks no machine.
 *
 * A file keeps one call that has ended, with its index, for the next transaction (file->spare). It
 * holds no reference to its file, which frees it.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/slab.h>

#include "rpc.h"
#include "rpc_trace.h"

/* the spare of a file becomes the next call: all is forgotten but its index */
static void call_reset(struct amrpc_call *call, u64 port)
{
	spin_lock_bh(&call->lock);
	memset_startat(call, 0, m);
	call->port = port;
	spin_unlock_bh(&call->lock);
}

static struct amrpc_call *call_new(struct amrpc_file *f, u64 port)
{
	struct amrpc_call *call = xchg(&f->spare, NULL);
	u32 idx;
	int err;

	if (call) {
		call_reset(call, port);
		amrpc_file_get(f);
		return call;
	}
	call = kzalloc(sizeof(*call), GFP_KERNEL_ACCOUNT);
	if (!call)
		return ERR_PTR(-ENOMEM);
	refcount_set(&call->ref, 1);
	spin_lock_init(&call->lock);
	init_waitqueue_head(&call->wq);
	mutex_init(&call->copy);
	call->port = port;
	call->file = amrpc_file_get(f);
	err = xa_alloc_bh(&f->calls, &idx, call, XA_LIMIT(0, AMRPC_MAX_OPEN - 1),
			  GFP_KERNEL_ACCOUNT);
	if (err) {
		amrpc_file_put(f);
		kfree(call);
		return ERR_PTR(err == -EBUSY ? -ENOBUFS : err);
	}
	call->idx = idx;
	return call;
}

void amrpc_call_put(struct amrpc_call *call)
{
	if (!refcount_dec_and_test(&call->ref))
		return;
	amrpc_data_free(&call->data);
	amrpc_file_put(call->file);
	kfree_rcu(call, rcu);
}

/* the file goes; process context, no call of it runs */
void amrpc_spare_free(struct amrpc_file *f)
{
	struct amrpc_call *call = xchg(&f->spare, NULL);

	if (!call)
		return;
	xa_erase_bh(&f->calls, call->idx);
	kfree_rcu(call, rcu);
}

/* no event and no reply is taken any more; called by the call's thread */
static void call_end(struct amrpc_call *call)
{
	struct amrpc_file *f = call->file;
	struct amrpc_tx *tx;

	spin_lock_bh(&call->lock);
	call->m.state = AMRPC_CALL_DONE;
	tx = call->tx;
	call->tx = NULL;
	spin_unlock_bh(&call->lock);
	if (tx)
		amrpc_tx_put(tx);
	amrpc_data_free(&call->data);
	/* ours is the only reference: no local server has it, and none can get it any more */
	if (refcount_read(&call->ref) == 1 && !cmpxchg(&f->spare, NULL, call)) {
		amrpc_file_put(f);
		return;
	}
	xa_erase_bh(&f->calls, call->idx);
	amrpc_call_put(call);
}

/* what has happened since it was last asked; by the call's thread */
unsigned int amrpc_call_events(struct amrpc_call *call)
{
	unsigned int ev;

	spin_lock_bh(&call->lock);
	ev = call->events;
	call->events = 0;
	spin_unlock_bh(&call->lock);
	return ev;
}

/* returns events, 0 when the time (jiffies) is up, -EINTR on a fatal signal */
int amrpc_call_wait(struct amrpc_call *call, unsigned long tmo)
{
	long left = wait_event_killable_timeout(call->wq, READ_ONCE(call->events), tmo);

	if (left < 0)
		return -EINTR;
	return amrpc_call_events(call);
}

/*
 * What do the signals ask for that are pending and not blocked? AMRPC_EV_KILLED: to end the process, by
 * default or with a core file; AMRPC_EV_SIGNAL: the program has a handler; 0: neither (to stop it,
 * or none at all: the freezer, work of its own).
 */
int amrpc_signals_pending(void)
{
	/* a thread that runs keeps its own */
	struct sighand_struct *hand = rcu_dereference_raw(current->sighand);
	sigset_t set;
	int ev = 0;

	if (fatal_signal_pending(current))
		return AMRPC_EV_KILLED;
	spin_lock_irq(&hand->siglock);
	sigorsets(&set, &current->pending.signal, &current->signal->shared_pending.signal);
	sigandnsets(&set, &set, &current->blocked);
	for (int sig = 1; sig <= _NSIG; sig++) {
		__sighandler_t handler = hand->action[sig - 1].sa.sa_handler;

		if (!sigismember(&set, sig) || handler == SIG_IGN)
			continue;
		if (handler != SIG_DFL)
			ev |= AMRPC_EV_SIGNAL;
		else if (!(sig < SIGRTMIN && (sig_kernel_ignore(sig) || sig_kernel_stop(sig) ||
					      sig == SIGCONT)))
			ev |= AMRPC_EV_KILLED;
	}
	spin_unlock_irq(&hand->siglock);
	return ev & AMRPC_EV_KILLED ?: ev;
}

/*
 * As amrpc_call_wait(), and a signal is an event, too: the first for which the program has a handler
 * comes as AMRPC_EV_SIGNAL; the handler runs when the call has ended. -EINTR: the process is to end.
 */
static int wait_signal(struct amrpc_call *call, unsigned long tmo)
{
	unsigned long begun = jiffies;
	long left;
	int ev;

	if (call->signalled)
		return amrpc_call_wait(call, tmo);
	left = wait_event_interruptible_timeout(call->wq, READ_ONCE(call->events), tmo);
	if (left >= 0)
		return amrpc_call_events(call);
	ev = amrpc_signals_pending();
	if (ev & AMRPC_EV_KILLED)
		return -EINTR;
	if (ev) {
		call->signalled = true;
		return amrpc_call_events(call) | ev;
	}
	return amrpc_call_wait(call, tmo - min(jiffies - begun, tmo - 1));
}

/* ---- sending ------------------------------------------------------------------------------ */

static u32 security(const struct amoeba_trans *t)
{
	return t->flags & AMOEBA_TRANS_INSECURE ? 0 : FLIP_SEND_SECURITY;
}

/* a server of our kind may take us for one */
static u8 kind(const struct amrpc_call *call)
{
	return call->ours ? AMRPC_F_OURS : 0;
}

/*
 * Send the request (again). Returns 0; -EHOSTUNREACH, -ENETUNREACH, -ENETDOWN, -ENOBUFS: this copy
 * surely did not arrive whole; other errors are the caller's (-EFAULT, -EINTR, -ETIMEDOUT, -ENOMEM),
 * and the copy did not arrive whole either, since a part of it is missing.
 */
static int send_request(struct amrpc_call *call, const struct amoeba_trans *t, size_t len,
			const struct iov_iter *send, const struct amrpc_act *act,
			unsigned long deadline)
{
	struct amrpc_file *f = call->file;
	bool wide = call->knows & AMRPC_KNOWS_WIDE;
	size_t hlen = amrpc_msg_hdr(wide);
	struct amrpc_wire w = {
		.port = call->port, .type = wide ? AMRPC_REQUEST_WIDE : AMRPC_REQUEST,
		.tid = call->tid, .from = call->idx,
		.flags = (act->retrans ? AMRPC_F_RETRANS : 0) | kind(call),
	};
	struct flip_send how = {
		.dst = call->peer, .has_messid = true,
		.flags = security(t) | (act->inval ? FLIP_SEND_INVAL : 0),
	};
	struct iov_iter it = *send;
	u8 hdr[AMRPC_MSG_HDR_MAX];
	bool may_locate;
	int err;

	memcpy(&w.kid, f->an->kid, 8);
	how.messid = flip_ep_messid(f->ep);

	spin_lock_bh(&call->lock);
	w.dest = amrpc_fsm_copy(&call->m, how.messid, hlen + len);
	spin_unlock_bh(&call->lock);

	/* where it was forwarded to they may know less */
	err = amrpc_hdr_put(hdr + AMRPC_HDR, &t->req, wide, false);
	if (err)
		return err;
	amrpc_wire_put(hdr, &w);
	amrpc_count(f->an, REQUEST_TX);
	if (call->m.copies > 1)
		amrpc_count(f->an, REQUEST_RETRANS);
	trace_amrpc_send(f, &w, call->peer, how.messid, hlen + len);
	/* where it has to be located first we wait for that: the probe's time counts from sending */
	err = -EHOSTUNREACH;
	if (hlen + len <= FLIP_ETH_PAYLOAD && !act->inval)
		err = amrpc_send_one(f, hdr, hlen, &it, len, &how);
	/*
	 * A way that is gone is what the request of another thread left when it bounced: our kind
	 * answers for the port faster than anybody for an address that may be gone, too.
	 */
	may_locate = !call->ours || call->m.was_live || act->inval;
	if ((err == -EHOSTUNREACH && (may_locate || hlen + len > FLIP_ETH_PAYLOAD)) ||
	    err == -ENETUNREACH) {
		it = *send;
		how.ltime_ms = may_locate ? AMOEBA_LOCATE_MS : 0;
		err = flip_send_msg(f->ep, hdr, hlen, &it, &how,
				    amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline));
	}
	return err;
}

static int send_probe(struct amrpc_call *call, const struct amoeba_trans *t,
		      const struct amrpc_act *act)
{
	struct amrpc_wire w = {
		.type = AMRPC_ENQUIRE, .tid = call->tid, .from = call->idx,
		.dest = call->server_idx, .flags = kind(call),
	};
	u32 messid = flip_ep_messid(call->file->ep);

	if (act->what == AMRPC_DO_RECEIVED) {
		w.type = AMRPC_RECEIVED;
		w.flags |= AMRPC_F_REQUEST;
		memcpy(&w.kid, call->file->an->kid, 8);
		amrpc_count(call->file->an, RECEIVED_TX);
	} else {
		amrpc_count(call->file->an, ENQUIRE_TX);
	}
	if (act->signal) {
		w.flags |= AMRPC_F_SIGTRANS;
		amrpc_count(call->file->an, SIGNAL_TX);
	}
	spin_lock_bh(&call->lock);
	amrpc_fsm_probe(&call->m, messid);
	spin_unlock_bh(&call->lock);
	return amrpc_send_ctl(call->file, call->peer, &w,
			      security(t) | (act->inval ? FLIP_SEND_INVAL : 0),
			      act->what == AMRPC_DO_END ? 0 : AMOEBA_LOCATE_MS, &messid);
}

/* FORWARD: the request goes to another address, as another transaction */
static void forward(struct amrpc_call *call)
{
	struct amrpc_wire w = {
		.type = AMRPC_ACK, .tid = call->tid, .from = call->idx, .dest = call->server_idx,
	};

	amrpc_send_ctl(call->file, call->peer, &w, FLIP_SEND_SECURITY, 0, NULL);
	spin_lock_bh(&call->lock);
	call->peer = call->forward;
	call->ours = false;
	call->knows = 0;
	call->tid = atomic_inc_return(&call->file->an->tid);
	call->events &= AMRPC_EV_CANCEL;
	spin_unlock_bh(&call->lock);
}

/* ---- one attempt ----------------------------------------------------------------------------- */

#define BUSY_MS	10	/* until a local server with a full queue is asked again */

/* tell the machine; what is it to be? */
static struct amrpc_act step(struct amrpc_call *call, enum amrpc_fsm_in in, int arg)
{
	enum amrpc_call_state was;
	struct amrpc_act act;

	spin_lock_bh(&call->lock);
	was = call->m.state;
	act = amrpc_fsm(&call->m, in, arg);
	spin_unlock_bh(&call->lock);
	if (call->m.state != was)
		trace_amrpc_call_state(call);
	return act;
}

static struct amrpc_act begin(struct amrpc_call *call)
{
	bool cancelled;

	spin_lock_bh(&call->lock);
	call->events = 0;
	call->m.state = AMRPC_CALL_LOCATE;
	call->m.rtt = call->rtt;
	call->m.ours = call->ours;
	call->m.resp = call->resp;
	cancelled = call->cancelled;	/* from here on it is an event */
	spin_unlock_bh(&call->lock);
	return step(call, AMRPC_IN_FOUND, cancelled ? AMRPC_EV_CANCEL : 0);
}

/* for an event, @ms, a fatal signal or the time limit */
static struct amrpc_act wait_events(struct amrpc_call *call, unsigned int ms,
				    unsigned long deadline)
{
	int ev = wait_signal(call, amrpc_bounded(msecs_to_jiffies(ms), deadline));

	if (ev == -EINTR)
		ev = AMRPC_EV_KILLED;
	if (amrpc_expired(deadline))
		ev |= AMRPC_EV_EXPIRED;
	return step(call, AMRPC_IN_EVENTS, ev);
}

/* a server of this namespace has handed the request over to one elsewhere, of which nothing is known */
static void handed_away(struct amrpc_call *call)
{
	spin_lock_bh(&call->lock);
	call->peer = call->forward;
	call->server_idx = AMRPC_SERVER_IDX;
	call->rtt = AMRPC_RTT_DEFAULT;
	call->ours = false;
	call->knows = 0;
	spin_unlock_bh(&call->lock);
}

/*
 * One remote attempt at call->peer. Returns a verdict <= 0, AMRPC_AGAIN, or an errno in *err.
 */
static int remote_try(struct amrpc_call *call, const struct amoeba_trans *t, size_t len,
		      const struct iov_iter *send, unsigned long deadline, int *err)
{
	struct amrpc_net *an = call->file->an;
	struct amrpc_act act = begin(call);
	unsigned long sent = jiffies;
	int ret;

	for (;;) {
		switch (act.what) {
		case AMRPC_DO_FORWARD:
			forward(call);
			fallthrough;
		case AMRPC_DO_REQUEST:
			ret = send_request(call, t, len, send, &act, deadline);
			sent = jiffies;
			act = step(call, AMRPC_IN_SENT, ret);
			continue;
		case AMRPC_DO_RECEIVED:
		case AMRPC_DO_ENQUIRE:
			ret = send_probe(call, t, &act);
			act = step(call, AMRPC_IN_PROBED, ret);
			continue;
		case AMRPC_DO_WAIT:
			act = wait_events(call, act.ms, deadline);
			continue;
		case AMRPC_DO_LOCATE:
		case AMRPC_DO_END:
			break;
		}
		if (act.drop)
			amrpc_loc_drop(an, call->port, call->peer);
		if (act.worn)
			amrpc_count(an, CALL_WORN);
		if (act.signal)
			send_probe(call, t, &act);
		/* of one that was sent twice we do not know which was answered */
		if (act.what == AMRPC_DO_END && act.verdict == AMOEBA_RPC_OK && call->ours &&
		    call->m.copies == 1)
			amrpc_loc_answered(call, jiffies_to_msecs(jiffies - sent));
		*err = act.err;
		return act.what == AMRPC_DO_LOCATE ? AMRPC_AGAIN : act.verdict;
	}
}

static void count_verdict(struct amrpc_net *an, int verdict)
{
	switch (verdict) {
	case AMOEBA_RPC_OK:
		amrpc_count(an, CALL_OK);
		break;
	case AMOEBA_RPC_NOTFOUND:
		amrpc_count(an, CALL_NOTFOUND);
		break;
	case AMOEBA_RPC_ABORTED:
		amrpc_count(an, CALL_ABORTED);
		break;
	case AMOEBA_RPC_UNSAFE:
		amrpc_count(an, CALL_UNSAFE);
		break;
	default:
		amrpc_count(an, CALL_FAILURE);
	}
}

/**
 * amrpc_trans() - one transaction
 * @f: open file of the client
 * @t: argument; @t->rep, verdict, rep_len and out_flags are filled
 * @len: bytes of the request's data
 * @send: over them; read again for each copy sent
 * @recv: over the reply buffer
 *
 * Context: process, sleeps. Return: 0 with a verdict; -EFAULT; -ENOMEM; -ENOBUFS: too many
 * calls on this file; -ERANGE: a header value does not fit the classic header of a remote
 * server; -EINTR: a fatal signal.
 */
int amrpc_trans(struct amrpc_file *f, struct amoeba_trans *t, size_t len, struct iov_iter *send,
		struct iov_iter *recv)
{
	bool remote_only = t->flags & AMOEBA_TRANS_REMOTE;
	u64 port = amrpc_port_key(t->req.port);
	u32 locate_ms = t->locate_ms ?: READ_ONCE(f->locate_ms) ?: AMOEBA_LOCATE_MS;
	u32 timeout_ms = t->timeout_ms ?: READ_ONCE(f->timeout_ms);
	unsigned int rounds = AMRPC_ROUNDS, busy_ms = 0;
	struct amrpc_net *an = f->an;
	unsigned long deadline = 0;
	struct amrpc_call *call;
	bool local = false;
	int verdict, err = 0;

	t->rep_len = 0;
	t->out_flags = 0;
	if (!port) {
		t->verdict = AMOEBA_RPC_BADPORT;
		return 0;
	}
	if (timeout_ms)
		deadline = (jiffies + msecs_to_jiffies(timeout_ms)) ?: 1;
	call = call_new(f, port);
	if (IS_ERR(call))
		return PTR_ERR(call);
	WRITE_ONCE(call->cookie, t->cookie);

	for (;;) {
		verdict = AMRPC_AGAIN;
		if (call->handed || (!remote_only && amrpc_port_served(an, port, NULL))) {
			local = true;
			verdict = amrpc_local_try(call, t, len, send, recv, deadline, &err);
			if (verdict == AMRPC_BUSY && busy_ms < locate_ms && !amrpc_expired(deadline)) {
				busy_ms += BUSY_MS;
				schedule_timeout_interruptible(msecs_to_jiffies(BUSY_MS));
				if (!signal_pending(current))
					continue;
				verdict = AMRPC_AGAIN;
			}
			if (verdict == AMRPC_FORWARDED && rounds--) {
				call->handed = true;
				continue;
			}
			if (verdict == AMRPC_BUSY || verdict == AMRPC_FORWARDED)
				verdict = AMOEBA_RPC_NOTFOUND;
			if (verdict != AMRPC_AGAIN && verdict != AMRPC_AWAY)
				break;
			call->handed = false;
		}
		if (signal_pending(current) || READ_ONCE(call->cancelled)) {
			verdict = AMOEBA_RPC_ABORTED;
			break;
		}
		if (amrpc_expired(deadline) || !rounds--) {
			verdict = AMOEBA_RPC_NOTFOUND;
			break;
		}
		if (verdict == AMRPC_AWAY) {
			handed_away(call);
		} else if (!amrpc_loc_lookup(call)) {
			int ret = amrpc_locate(call, locate_ms, remote_only, deadline);

			if (ret == 1)
				continue;
			if (ret == -EINTR || ret == -ECANCELED)
				verdict = AMOEBA_RPC_ABORTED;
			else if (ret == -ENOENT)
				verdict = AMOEBA_RPC_NOTFOUND;
			else if (ret)
				err = ret;
			if (ret)
				break;
		}
		local = false;
		err = amrpc_hdr_fits(&t->req, call->knows & AMRPC_KNOWS_WIDE, false);
		if (err)
			break;
		if (!call->tid)
			call->tid = atomic_inc_return(&an->tid);
		verdict = remote_try(call, t, len, send, deadline, &err);
		if (verdict != AMRPC_AGAIN)
			break;
	}
	if (local)
		amrpc_count(an, CALL_LOCAL);
	else
		amrpc_count(an, CALL_REMOTE);

	if (!err && verdict == AMOEBA_RPC_OK) {
		/* the reply is ours: softirq touches it no more once REPLY is set */
		t->rep = call->rep;
		t->rep_len = call->data.len;
		if (call->data.len > iov_iter_count(recv))
			t->out_flags |= AMOEBA_OUT_TRUNC;
		if (local)
			t->out_flags |= AMOEBA_OUT_LOCAL;
		if (amrpc_data_copy(&call->data, recv) < 0)
			err = -EFAULT;
	}
	t->verdict = verdict;
	if (!err || err == -EINTR)
		count_verdict(an, verdict);
	call_end(call);
	return err;
}
EXPORT_SYMBOL_GPL(amrpc_trans);
