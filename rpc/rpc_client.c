// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's side of a transaction (facts 3.5, wire-observed 3).
 *
 * DESIGN NOTES
 *
 * One thread, in amrpc_trans(), runs the state machine; softirq (rpc_client_rx.c) only records
 * events in call->events under call->lock and wakes it:
 *
 *	LOCATE --found--> PUTREQ --ACK--> GETREP --REPLY--> DONE
 *	   ^                |  \--REPLY---------------------^
 *	   |                |-- time-out: RECEIVED; NAK to it: same request again, RETRANS
 *	   |                |-- NAK to the request: again at once, the 5th: locate again;
 *	   |                |   after a RECEIVED as often as there are tries, with RETRANS
 *	   |                \-- bounced: again with a forced relocation, else locate again;
 *	   |                    our kind answers a port locate, so that one at once, also
 *	   |                    when the way was gone before the request left
 *	   \-- only while no copy can still be executed
 *
 * call->live says that a copy of the REQUEST may still be executed, call->older that one of
 * those before the last may. A copy is known undelivered when all its bytes came back (NOTHERE, in
 * order), when FLIP never found a way for it, or by a NAK that names it (which is final for all
 * older copies too, see rpc_once.c). Each copy carries a dest field of its own (the round trip in
 * ms plus the number of the copy, and more than the one before, since the round trip is measured
 * anew with each locate), which servers return in a NAK's from field: so a NAK that was delayed or
 * duplicated on the way is not taken for an answer to a later copy. While live, the request goes
 * to no other address, and the end of tries is RPC_FAILURE; otherwise RPC_NOTFOUND. A reply does
 * not end it: the copy was executed, and a thread that stops waiting at that moment must not take
 * it for one that never will be. All this is checked by tests/model.
 *
 * A local transaction (rpc_local.c) shares the states and verdicts and none of the timers.
 *
 * A file keeps one call that has ended, with its index, for the next transaction (file->spare). It
 * holds no reference to its file, which frees it.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "rpc.h"
#include "rpc_trace.h"

static const char *const call_state_names[] = {
	[AMRPC_CALL_LOCATE] = "Locate", [AMRPC_CALL_PUTREQ] = "PutReq",
	[AMRPC_CALL_GETREP] = "GetRep", [AMRPC_CALL_DONE]   = "Done  ",
};

const char *amrpc_call_state_name(enum amrpc_call_state s)
{
	return call_state_names[s];
}

static void set_state(struct amrpc_call *call, enum amrpc_call_state s)
{
	spin_lock_bh(&call->lock);
	call->state = s;
	spin_unlock_bh(&call->lock);
	trace_amrpc_call_state(call);
}

/* the spare of a file becomes the next call: all is forgotten but its index */
static void call_reset(struct amrpc_call *call, u64 port)
{
	spin_lock_bh(&call->lock);
	memset_startat(call, 0, state);
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
	call->state = AMRPC_CALL_DONE;
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

/* ---- sending ------------------------------------------------------------------------------ */

static u32 security(const struct amoeba_trans *t)
{
	return t->flags & AMOEBA_TRANS_INSECURE ? 0 : FLIP_SEND_SECURITY;
}

/* the dest field of the next copy: none before it had this one, whatever the round trip was then */
static u16 copy_name(const struct amrpc_call *call)
{
	u32 name = call->rtt + call->copies;

	if (call->copies)
		name = max_t(u32, name, call->req_dest + 1);
	return min_t(u32, name, AMRPC_SERVER_IDX - 1);
}

/*
 * Send the request (again). Returns 0; -EHOSTUNREACH, -ENETUNREACH, -ENETDOWN, -ENOBUFS: this copy
 * surely did not arrive whole; other errors are the caller's (-EFAULT, -EINTR, -ETIMEDOUT, -ENOMEM),
 * and the copy did not arrive whole either, since a part of it is missing.
 */
static int send_request(struct amrpc_call *call, const struct amoeba_trans *t, size_t len,
			const struct iov_iter *send, u8 wflags, u32 fflags, long tmo)
{
	struct amrpc_file *f = call->file;
	bool wide = call->knows & AMRPC_KNOWS_WIDE;
	size_t hlen = amrpc_msg_hdr(wide);
	struct amrpc_wire w = {
		.port = call->port, .type = wide ? AMRPC_REQUEST_WIDE : AMRPC_REQUEST,
		.flags = wflags, .tid = call->tid, .from = call->idx,
	};
	struct flip_send how = {
		.dst = call->peer, .flags = security(t) | fflags, .has_messid = true,
	};
	struct iov_iter it = *send;
	u8 hdr[AMRPC_MSG_HDR_MAX];
	bool was_live, was_older, may_locate;
	int err;

	/* where it was forwarded to they may know less */
	err = amrpc_hdr_put(hdr + AMRPC_HDR, &t->req, wide, false);
	if (err)
		return err;
	memcpy(&w.kid, f->an->kid, 8);
	how.messid = flip_ep_messid(f->ep);

	spin_lock_bh(&call->lock);
	was_live = call->live;
	was_older = call->older;
	call->older |= was_live;
	w.dest = copy_name(call);
	call->copies++;
	call->state = AMRPC_CALL_PUTREQ;	/* before it leaves: the reply may be faster */
	call->req_dest = w.dest;
	call->messid = how.messid;
	call->req_total = hlen + len;
	call->bounced = 0;
	call->live = true;
	spin_unlock_bh(&call->lock);

	amrpc_wire_put(hdr, &w);
	amrpc_count(f->an, REQUEST_TX);
	if (call->copies > 1)
		amrpc_count(f->an, REQUEST_RETRANS);
	trace_amrpc_send(f, &w, call->peer, how.messid, call->req_total);
	/* where it has to be located first we wait for that: the probe's time counts from sending */
	err = -EHOSTUNREACH;
	if (hlen + len <= FLIP_ETH_PAYLOAD && !(fflags & FLIP_SEND_INVAL))
		err = amrpc_send_one(f, hdr, hlen, &it, len, &how);
	/*
	 * A way that is gone is what the request of another thread left when it bounced: our kind
	 * answers for the port faster than anybody for an address that may be gone, too.
	 */
	may_locate = !call->ours || was_live || fflags & FLIP_SEND_INVAL;
	if ((err == -EHOSTUNREACH && (may_locate || hlen + len > FLIP_ETH_PAYLOAD)) ||
	    err == -ENETUNREACH) {
		it = *send;
		how.ltime_ms = may_locate ? AMOEBA_LOCATE_MS : 0;
		err = flip_send_msg(f->ep, hdr, hlen, &it, &how, tmo);
	}
	if (err) {
		spin_lock_bh(&call->lock);
		call->live = was_live;
		call->older = was_older;
		spin_unlock_bh(&call->lock);
	}
	return err;
}

static int send_probe(struct amrpc_call *call, const struct amoeba_trans *t, u8 type, u32 fflags)
{
	struct amrpc_wire w = {
		.type = type, .tid = call->tid, .from = call->idx, .dest = call->server_idx,
	};
	u32 messid = flip_ep_messid(call->file->ep);

	if (type == AMRPC_RECEIVED) {
		memcpy(&w.kid, call->file->an->kid, 8);
		w.flags = AMRPC_F_REQUEST;
		amrpc_count(call->file->an, RECEIVED_TX);
	} else {
		amrpc_count(call->file->an, ENQUIRE_TX);
	}
	spin_lock_bh(&call->lock);
	call->probe_messid = messid;
	spin_unlock_bh(&call->lock);
	return amrpc_send_ctl(call->file, call->peer, &w, security(t) | fflags,
			      AMOEBA_LOCATE_MS, &messid);
}

/* ---- one attempt ----------------------------------------------------------------------------- */

/* what to say when no answer came: honest about a copy that may still be executed */
static int lost_verdict(struct amrpc_call *call)
{
	return READ_ONCE(call->live) ? AMOEBA_RPC_FAILURE : AMOEBA_RPC_NOTFOUND;
}

#define BUSY_MS	10	/* until a local server with a full queue is asked again */

/*
 * Only untrusted ways are known. That may be what a third one learned, who looked for our server over
 * an untrusted network, or has changed since: our kind answers a port locate, and trust comes back
 * along with the answer. So once a call.
 */
static int unsafe(struct amrpc_call *call, struct amrpc_net *an)
{
	if (READ_ONCE(call->live))
		return AMOEBA_RPC_FAILURE;
	if (!call->ours || call->doubted)
		return AMOEBA_RPC_UNSAFE;
	call->doubted = true;
	amrpc_loc_drop(an, call->port, call->peer);
	return AMRPC_AGAIN;
}

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
	call->copies = 0;
	call->live = false;
	call->older = false;
	call->events = 0;
	spin_unlock_bh(&call->lock);
}

/*
 * One remote attempt at call->peer. Returns a verdict <= 0, AMRPC_AGAIN, or an errno in *err.
 */
static int remote_try(struct amrpc_call *call, const struct amoeba_trans *t, size_t len,
		      const struct iov_iter *send, unsigned long deadline, int *err)
{
	struct amrpc_net *an = call->file->an;
	unsigned int tries = AMRPC_TRIES, naks = 0, relocated = 0;
	bool probe_located = false, cancelled;
	bool asked = false;	/* after a RECEIVED every copy is RETRANS, every NAK a try */
	unsigned long tmo;
	int ev, ret;

	spin_lock_bh(&call->lock);
	call->events = 0;
	call->probe_messid = 0;
	call->state = AMRPC_CALL_LOCATE;
	cancelled = call->cancelled;	/* from here on it is an event */
	spin_unlock_bh(&call->lock);
	if (cancelled)
		return AMOEBA_RPC_ABORTED;
resend_plain:
	ret = send_request(call, t, len, send,
			   asked || (call->copies && READ_ONCE(call->live)) ? AMRPC_F_RETRANS : 0, 0,
			   deadline ? amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline) :
			   MAX_SCHEDULE_TIMEOUT);
sent:
	switch (ret) {
	case 0:
		break;
	case -EHOSTUNREACH:
	case -ENETDOWN:
	case -ENOBUFS:
		amrpc_loc_drop(an, call->port, call->peer);
		return READ_ONCE(call->live) ? AMOEBA_RPC_FAILURE : AMRPC_AGAIN;
	case -ENETUNREACH:
		return unsafe(call, an);
	case -ETIMEDOUT:
		return lost_verdict(call);
	default:
		*err = ret;
		return lost_verdict(call);
	}
	tmo = msecs_to_jiffies(call->rtt + AMRPC_RECEIVED_EXTRA);

	for (;;) {
		ev = amrpc_call_wait(call, amrpc_bounded(tmo, deadline));
		if (ev == -EINTR) {
			*err = -EINTR;
			return lost_verdict(call);
		}
		if (ev & AMRPC_EV_REPLY)
			return AMOEBA_RPC_OK;
		if (ev & AMRPC_EV_FAIL)
			return AMOEBA_RPC_FAILURE;
		if (ev & AMRPC_EV_CANCEL)
			return lost_verdict(call);
		if (ev & AMRPC_EV_FORWARD) {
			forward(call);
			asked = false;
			tries = AMRPC_TRIES;
			goto resend_plain;
		}
		if (ev & AMRPC_EV_UNSAFE)
			return unsafe(call, an);
		if (ev & AMRPC_EV_NAK) {
			if (asked ? tries-- : ++naks < AMRPC_NAKS)
				goto resend_plain;
			amrpc_loc_drop(an, call->port, call->peer);
			return call->live ? AMOEBA_RPC_FAILURE : AMRPC_AGAIN;
		}
		if (ev & AMRPC_EV_LOST) {
			amrpc_loc_drop(an, call->port, call->peer);
			return call->live ? AMOEBA_RPC_FAILURE : AMRPC_AGAIN;
		}
		if (ev & AMRPC_EV_BOUNCED) {
			if (relocated++ >= 2 || (call->ours && !call->live)) {
				amrpc_loc_drop(an, call->port, call->peer);
				return call->live ? AMOEBA_RPC_FAILURE : AMRPC_AGAIN;
			}
			ret = send_request(call, t, len, send, asked ? AMRPC_F_RETRANS : 0,
					   FLIP_SEND_INVAL,
					   amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline));
			goto sent;
		}
		if (ev & AMRPC_EV_NAKRCV) {
			if (!tries--)
				return AMOEBA_RPC_FAILURE;
			ret = send_request(call, t, len, send, AMRPC_F_RETRANS, 0,
					   amrpc_bounded(MAX_SCHEDULE_TIMEOUT, deadline));
			goto sent;
		}
		if (ev & (AMRPC_EV_ACK | AMRPC_EV_ALIVE)) {
			if (call->state == AMRPC_CALL_PUTREQ)
				set_state(call, AMRPC_CALL_GETREP);
			tries = AMRPC_TRIES;
			probe_located = false;
			tmo = msecs_to_jiffies(AMRPC_ENQUIRE_MS);
			continue;
		}
		if (amrpc_expired(deadline))
			return lost_verdict(call);
		if (ev & AMRPC_EV_PROBE_BACK) {
			/* its route is gone: an ordinary locate, and if that fails, the end */
			if (probe_located)
				return AMOEBA_RPC_FAILURE;
			probe_located = true;
		} else if (ev) {
			continue;
		} else if (!tries--) {
			return AMOEBA_RPC_FAILURE;
		}
		asked |= call->state == AMRPC_CALL_PUTREQ;
		ret = send_probe(call, t, call->state == AMRPC_CALL_PUTREQ ?
				 AMRPC_RECEIVED : AMRPC_ENQUIRE,
				 !ev && tries <= AMRPC_TRIES_INVAL ? FLIP_SEND_INVAL : 0);
		if (ret == -EHOSTUNREACH || ret == -ENETUNREACH)
			return AMOEBA_RPC_FAILURE;
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
	u32 locate_ms = t->locate_ms ?: AMOEBA_LOCATE_MS;
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
	if (t->timeout_ms)
		deadline = (jiffies + msecs_to_jiffies(t->timeout_ms)) ?: 1;
	call = call_new(f, port);
	if (IS_ERR(call))
		return PTR_ERR(call);

	for (;;) {
		verdict = AMRPC_AGAIN;
		if (!remote_only && amrpc_port_served(an, port)) {
			local = true;
			verdict = amrpc_local_try(call, t, len, send, deadline, &err);
			if (verdict == AMRPC_BUSY && busy_ms < locate_ms && !amrpc_expired(deadline)) {
				busy_ms += BUSY_MS;
				schedule_timeout_interruptible(msecs_to_jiffies(BUSY_MS));
				if (!signal_pending(current))
					continue;
				verdict = AMRPC_AGAIN;
			}
			if (verdict == AMRPC_BUSY)
				verdict = AMOEBA_RPC_NOTFOUND;
			if (verdict != AMRPC_AGAIN)
				break;
		}
		if (signal_pending(current) || READ_ONCE(call->cancelled)) {
			verdict = AMOEBA_RPC_ABORTED;
			break;
		}
		if (amrpc_expired(deadline) || !rounds--) {
			verdict = AMOEBA_RPC_NOTFOUND;
			break;
		}
		if (!amrpc_loc_lookup(call)) {
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
		set_state(call, AMRPC_CALL_LOCATE);
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
