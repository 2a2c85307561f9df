// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's side of a transaction (facts 3.5, wire-observed 3).
 *
 * DESIGN NOTES
 *
 * A call is made in steps. amrpc_run_step() does what there is to do until the call has to wait for
 * an event or a time (AMRPC_RUN_WAIT), and keeps what it needs in a struct amrpc_run; in the end that
 * holds the verdict. Who calls it is the call's only runner and waits in between: a thread, in amrpc_trans(),
 * here; nobody at all, for asynchronous calls (rpc_async.c). Remote attempts do what the call's machine says
 * (rpc_fsm.h: the states, and what is known of the copies of a request); softirq (rpc_client_rx.c) only
 * records events in call->events under call->lock and wakes the runner.
 *
 *	TOP --served here--> LOCAL --server gone--> TOP, or
 *	 |                     \-- queue full: PAUSE, then TOP
 *	 \--> known, or LOCATE --found--> REMOTE --surely not executed--> TOP
 *
 * A local transaction (rpc_local.c) shares the states and verdicts; it asks no machine.
 *
 * A step may sleep for more than memory only to send a message of several packets or one whose destination
 * has to be located. Without @may_sleep it stops before that (AMRPC_RUN_BLOCKS); the next step goes on there.
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

/* the time its thread waits for is up; softirq */
static void wait_over(struct timer_list *t)
{
	struct amrpc_call *call = timer_container_of(call, t, timer);

	WRITE_ONCE(call->stirred, true);
	amrpc_wake(&call->sleeper, false);
}

/* it has not been answered at once; soon_lock of its file held */
static void start_timer(struct amrpc_soon *s)
{
	struct amrpc_call *call = container_of(s, struct amrpc_call, soon);

	mod_timer(&call->timer, call->until);
}

/* the spare of a file becomes the next call: all is forgotten but its index */
static void call_reset(struct amrpc_call *call, u64 port)
{
	spin_lock_bh(&call->lock);
	memset_startat(call, 0, m);
	call->port = port;
	spin_unlock_bh(&call->lock);
}

static struct amrpc_call *call_make(struct amrpc_file *f, u64 port)
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
	mutex_init(&call->copy);
	INIT_LIST_HEAD(&call->soon.node);
	call->soon.start = start_timer;
	timer_setup(&call->timer, wait_over, 0);
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

/* ERR_PTR(-EDQUOT, -ENOBUFS, -ENOMEM) */
struct amrpc_call *amrpc_call_new(struct amrpc_file *f, u64 port)
{
	enum amrpc_user_what what;
	struct amrpc_call *call;

	if (!amrpc_user_call(f->user, &what)) {
		if (what == AMRPC_USER_BYTES)
			amrpc_count(f->an, USER_BYTES);
		else
			amrpc_count(f->an, USER_CALLS);
		return ERR_PTR(-EDQUOT);
	}
	call = call_make(f, port);
	if (IS_ERR(call))
		amrpc_user_add(f->user, AMRPC_USER_CALLS, -1);
	return call;
}

void amrpc_call_put(struct amrpc_call *call)
{
	if (!refcount_dec_and_test(&call->ref))
		return;
	amrpc_data_free(&call->data);
	if (call->skb)
		consume_skb(call->skb);
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
	if (call->skb)
		consume_skb(call->skb);
	kfree_rcu(call, rcu);
}

/* no event and no reply is taken any more; called by the call's runner */
void amrpc_call_end(struct amrpc_call *call)
{
	struct amrpc_file *f = call->file;
	struct amrpc_tx *tx;

	/* the machine may have ended it; nobody else has a part in these */
	if (call->m.state != AMRPC_CALL_DONE || call->async || call->tx) {
		spin_lock_bh(&call->lock);
		call->m.state = AMRPC_CALL_DONE;
		call->async = NULL;
		tx = call->tx;
		call->tx = NULL;
		spin_unlock_bh(&call->lock);
		if (tx)
			amrpc_tx_put(tx);
	}
	amrpc_resend_forget(call);
	call->skb = amrpc_data_keep(&call->data, call->skb);
	amrpc_user_add(f->user, AMRPC_USER_CALLS, -1);
	/* ours is the only reference: no local server has it, and none can get it any more */
	if (refcount_read(&call->ref) == 1 && !cmpxchg(&f->spare, NULL, call)) {
		amrpc_file_put(f);
		return;
	}
	xa_erase_bh(&f->calls, call->idx);
	amrpc_call_put(call);
}

/* what has happened since it was last asked; by the call's runner */
unsigned int amrpc_call_events(struct amrpc_call *call)
{
	unsigned int ev;

	spin_lock_bh(&call->lock);
	ev = call->events;
	call->events = 0;
	WRITE_ONCE(call->stirred, false);
	spin_unlock_bh(&call->lock);
	return ev;
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

static bool stirred(const struct amrpc_call *call)
{
	return READ_ONCE(call->events) || READ_ONCE(call->stirred);
}

/* how long, in jiffies */
static long time_left(const struct amrpc_run *r)
{
	return r->timed ? max_t(long, r->until - jiffies, 0) : MAX_SCHEDULE_TIMEOUT;
}

/* until something has happened, the time is up (0), or on a signal, or a fatal one (negative) */
static long wait_stirred(struct amrpc_run *r, bool fatal)
{
	unsigned int state = fatal ? TASK_KILLABLE : TASK_INTERRUPTIBLE;
	struct amrpc_call *call = r->call;
	long left = time_left(r);
	long err;

	if (left <= 2 * AMRPC_SOON || left == MAX_SCHEDULE_TIMEOUT)
		return amrpc_sleep(&call->sleeper, stirred(call), state, left);
	call->until = r->until;
	amrpc_soon_add(call->file, &call->soon);
	err = amrpc_sleep(&call->sleeper, stirred(call), state, MAX_SCHEDULE_TIMEOUT);
	if (!amrpc_soon_del(call->file, &call->soon))
		timer_delete_sync(&call->timer);
	return err;
}

/*
 * The thread waits for what its call waits for. A signal is an event, too: before the request left any
 * (AMRPC_EV_INTR). Afterwards the first for which the program has a handler (AMRPC_EV_SIGNAL), which runs
 * when the call has ended; it stays pending, so that from here on only a fatal one can wake us (AMRPC_EV_KILLED).
 * Task work, io_uring's, wakes as a signal does and is none: it waits as well.
 */
static unsigned int wait_events(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;
	int ev;

	if (!call->signalled) {
		if (wait_stirred(r, false) >= 0) {
			/* the usual end: step() takes it */
			if (r->at == AMRPC_AT_REMOTE && READ_ONCE(call->events) & AMRPC_EV_REPLY)
				return AMRPC_EV_REPLY;
			return amrpc_call_events(call);
		}
		if (task_sigpending(current) && r->at != AMRPC_AT_REMOTE &&
		    !(r->at == AMRPC_AT_LOCAL && !r->queued))
			return AMRPC_EV_INTR;
		ev = amrpc_signals_pending();
		if (ev & AMRPC_EV_KILLED)
			return AMRPC_EV_KILLED;
		if (ev) {
			call->signalled = true;
			return amrpc_call_events(call) | ev;
		}
	}
	if (wait_stirred(r, true) < 0)
		return AMRPC_EV_KILLED;
	return amrpc_call_events(call);
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

/**
 * amrpc_call_send() - send a message of a call that may have to wait for its way or for credits
 * @call: by its runner
 * @hdr: as all that follows for flip_send_msg()
 * @hlen: its bytes
 * @data: what follows it
 * @how: destination and manner
 * @tmo: jiffies
 * @stop: of @call: is it to give up? AMRPC_EV_CANCEL and signals make it ask
 *
 * Context: process. Return: as flip_send_msg().
 */
int amrpc_call_send(struct amrpc_call *call, const u8 *hdr, size_t hlen, struct iov_iter *data,
		    struct flip_send *how, long tmo, bool (*stop)(void *call))
{
	int err;

	how->stop = stop;
	how->priv = call;
	spin_lock_bh(&call->lock);
	call->sender = current;
	spin_unlock_bh(&call->lock);
	err = flip_send_msg(call->file->ep, hdr, hlen, data, how, tmo);
	spin_lock_bh(&call->lock);
	call->sender = NULL;
	call->left = jiffies;
	spin_unlock_bh(&call->lock);
	return err;
}

/* while a request is sent; a signal the program handles is no reason when a copy has left before */
static bool stop_request(void *priv)
{
	const struct amrpc_call *call = priv;
	unsigned int ev;

	if (READ_ONCE(call->cancelled))
		return true;
	ev = signal_pending(current) ? amrpc_signals_pending() : 0;
	return ev & AMRPC_EV_KILLED || (ev && !call->m.was_live);
}

/* another copy of the request, to be sent by transmit(); 0 or -ERANGE */
static int make_request(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;
	struct amrpc_file *f = call->file;
	bool wide = call->knows & AMRPC_KNOWS_WIDE;
	struct amrpc_wire w = {
		.port = call->port, .type = wide ? AMRPC_REQUEST_WIDE : AMRPC_REQUEST,
		.tid = call->tid, .from = call->idx,
		.flags = (r->act.retrans ? AMRPC_F_RETRANS : 0) | kind(call),
	};
	u32 acked;
	int err;

	amrpc_resend_forget(call);	/* its header goes */
	r->hlen = amrpc_msg_hdr(wide);
	memcpy(&w.kid, f->an->kid, 8);
	r->how = (struct flip_send){
		.dst = call->peer, .has_messid = true, .messid = flip_ep_messid(f->ep),
		.flags = security(r->t) | (r->act.inval ? FLIP_SEND_INVAL : 0),
	};
	/* a copy that is lost takes it along: the server asks */
	if (call->knows & AMRPC_KNOWS_ACKS && wide && !r->act.inval &&
	    r->hlen + AMRPC_ACKS_LEN + r->len <= FLIP_ETH_PAYLOAD &&
	    amrpc_ack_with(f, call->peer, &acked)) {
		w.flags |= AMRPC_F_ACKS;
		amrpc_acks_put(r->hdr + r->hlen, acked);
		r->hlen += AMRPC_ACKS_LEN;
	}

	spin_lock_bh(&call->lock);
	w.dest = amrpc_fsm_copy(&call->m, r->how.messid, r->hlen + r->len);
	call->left = jiffies;
	spin_unlock_bh(&call->lock);

	/* where it was forwarded to they may know less */
	err = amrpc_hdr_put(r->hdr + AMRPC_HDR, &r->t->req, wide, false);
	if (err)
		return err;
	amrpc_wire_put(r->hdr, &w);
	if (r->hlen + r->len > FLIP_ETH_PAYLOAD)
		amrpc_resend_call(call, r->how.messid);
	amrpc_count(f->an, REQUEST_TX);
	if (call->m.copies > 1)
		amrpc_count(f->an, REQUEST_RETRANS);
	trace_amrpc_send(f, &w, call->peer, r->how.messid, r->hlen + r->len);
	return 0;
}

/*
 * Send it. Returns 0; -EHOSTUNREACH, -ENETUNREACH, -ENETDOWN, -ENOBUFS: this copy surely did not
 * arrive whole; AMRPC_BLOCKS: to do so may sleep; other errors are the caller's (-EFAULT, -EINTR,
 * -ECANCELED, -ETIMEDOUT, -ENOMEM), and the copy did not arrive whole either, since a part of it is missing.
 */
static int transmit(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;
	struct amrpc_file *f = call->file;
	bool one = r->hlen + r->len <= FLIP_ETH_PAYLOAD;
	struct iov_iter it;
	bool may_locate;
	int err;

	/* where it has to be located first we wait for that: the probe's time counts from sending */
	err = -EHOSTUNREACH;
	if (one && !r->act.inval && !r->no_way) {
		struct sk_buff *skb = call->skb;

		call->skb = NULL;
		it = *r->send;
		err = amrpc_send_one(f, skb, r->hdr, r->hlen, &it, r->len, &r->how);
	}
	/*
	 * A way that is gone is what the request of another thread left when it bounced: our kind
	 * answers for the port faster than anybody for an address that may be gone, too.
	 */
	may_locate = !call->ours || call->m.was_live || r->act.inval;
	if ((err == -EHOSTUNREACH && (may_locate || !one)) || err == -ENETUNREACH || r->no_way) {
		r->no_way = true;
		if (!r->may_sleep)
			return AMRPC_BLOCKS;
		it = *r->send;
		r->how.ltime_ms = may_locate ? AMOEBA_LOCATE_MS : 0;
		err = amrpc_call_send(call, r->hdr, r->hlen, &it, &r->how,
				      amrpc_bounded(MAX_SCHEDULE_TIMEOUT, r->deadline), stop_request);
	}
	if (call->sent.known)
		amrpc_resend_sent(call);
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

/* tell the machine; what is it to be? */
static struct amrpc_act step(struct amrpc_call *call, enum amrpc_fsm_in in, int arg)
{
	enum amrpc_call_state was;
	struct amrpc_act act;

	spin_lock_bh(&call->lock);
	was = call->m.state;
	/* what came with a REPLY, or after it was seen */
	if (in == AMRPC_IN_EVENTS && arg & AMRPC_EV_REPLY) {
		arg |= call->events;
		call->events = 0;
		WRITE_ONCE(call->stirred, false);
	}
	act = amrpc_fsm(&call->m, in, arg);
	spin_unlock_bh(&call->lock);
	if (call->m.state != was)
		trace_amrpc_call_state(call);
	return act;
}

static struct amrpc_act begin(struct amrpc_call *call)
{
	struct amrpc_act act;

	spin_lock_bh(&call->lock);
	call->events = 0;
	call->m.state = AMRPC_CALL_LOCATE;
	call->m.rtt = call->rtt;
	call->m.ours = call->ours;
	call->m.resp = call->resp;
	/* from here on it is an event */
	act = amrpc_fsm(&call->m, AMRPC_IN_FOUND, call->cancelled ? AMRPC_EV_CANCEL : 0);
	spin_unlock_bh(&call->lock);
	if (call->m.state != AMRPC_CALL_LOCATE)
		trace_amrpc_call_state(call);
	return act;
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

void amrpc_count_verdict(struct amrpc_net *an, int verdict)
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

/* ---- steps ------------------------------------------------------------------------------------- */

#define BUSY_MS	10	/* until a local server with a full queue is asked again */

/**
 * amrpc_run_wait() - the call waits from here on
 * @r: of the caller
 * @tmo: for so many jiffies at most, or MAX_SCHEDULE_TIMEOUT; no longer than its time limit
 *
 * Return: AMRPC_WAITS.
 */
int amrpc_run_wait(struct amrpc_run *r, unsigned long tmo)
{
	r->timed = tmo != MAX_SCHEDULE_TIMEOUT || r->deadline;
	r->until = jiffies + amrpc_bounded(tmo, r->deadline);
	return AMRPC_WAITS;
}

/* the time it waits for is up */
static bool time_up(const struct amrpc_run *r)
{
	return r->timed && time_after_eq(jiffies, r->until);
}

static bool interrupted(const struct amrpc_run *r)
{
	return !r->async && task_sigpending(current);
}

static enum amrpc_ran over(struct amrpc_run *r, int verdict)
{
	r->verdict = verdict;
	r->at = AMRPC_AT_END;
	return AMRPC_RUN_END;
}

/* for an event, or as long as the machine says */
static void remote_wait(struct amrpc_run *r)
{
	amrpc_run_wait(r, amrpc_resend_patience(r->call, msecs_to_jiffies(r->act.ms)));
}

/* do what the machine says in r->act */
static enum amrpc_ran remote_do(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;
	struct amrpc_net *an = call->file->an;
	int ret;

	for (;;) {
		switch (r->act.what) {
		case AMRPC_DO_FORWARD:
			if (!r->sending)
				forward(call);
			fallthrough;
		case AMRPC_DO_REQUEST:
			ret = r->sending ? 0 : make_request(r);
			amrpc_stage_call(call, AMRPC_STAGE_SEND, call->m.copies);
			if (!ret)
				ret = transmit(r);
			r->sending = ret == AMRPC_BLOCKS;
			if (r->sending)
				return AMRPC_RUN_BLOCKS;
			amrpc_stage_call(call, AMRPC_STAGE_SENT, ret);
			r->no_way = false;
			r->sent = jiffies;
			r->act = step(call, AMRPC_IN_SENT, ret);
			continue;
		case AMRPC_DO_RECEIVED:
		case AMRPC_DO_ENQUIRE:
			ret = send_probe(call, r->t, &r->act);
			r->act = step(call, AMRPC_IN_PROBED, ret);
			continue;
		case AMRPC_DO_WAIT:
			remote_wait(r);
			return AMRPC_RUN_WAIT;
		case AMRPC_DO_LOCATE:
		case AMRPC_DO_END:
			break;
		}
		break;
	}
	if (r->act.drop)
		amrpc_loc_drop(an, call->port, call->peer);
	if (r->act.worn)
		amrpc_count(an, CALL_WORN);
	if (r->act.signal)
		send_probe(call, r->t, &r->act);
	/* of one that was sent twice we do not know which was answered */
	if (r->act.what == AMRPC_DO_END && r->act.verdict == AMOEBA_RPC_OK && call->ours &&
	    call->m.copies == 1)
		amrpc_loc_answered(call, jiffies_to_msecs(jiffies - r->sent));
	r->err = r->act.err;
	if (r->act.what == AMRPC_DO_END)
		return over(r, r->act.verdict);
	r->at = AMRPC_AT_TOP;
	return AMRPC_RUN_ON;
}

/* an attempt at call->peer */
static enum amrpc_ran remote_begin(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;

	r->local = false;
	r->err = amrpc_hdr_fits(&r->t->req, call->knows & AMRPC_KNOWS_WIDE, false);
	if (r->err)
		return over(r, AMOEBA_RPC_NOTFOUND);
	if (!call->tid)
		call->tid = atomic_inc_return(&call->file->an->tid);
	r->at = AMRPC_AT_REMOTE;
	r->act = begin(call);
	r->sent = jiffies;
	return remote_do(r);
}

static enum amrpc_ran remote_step(struct amrpc_run *r, unsigned int ev)
{
	if (r->sending && !r->ev)
		return remote_do(r);
	ev |= r->ev;
	r->ev = 0;
	if (ev & AMRPC_EV_MISSING) {
		r->sending = !r->may_sleep;
		if (r->sending) {
			r->ev = ev;
			return AMRPC_RUN_BLOCKS;
		}
		amrpc_resend_request(r);
		ev &= ~AMRPC_EV_MISSING;
		/* the server is there */
		if (!ev && !amrpc_expired(r->deadline)) {
			remote_wait(r);
			return AMRPC_RUN_WAIT;
		}
	}
	if (!ev && !time_up(r))
		return AMRPC_RUN_WAIT;
	if (amrpc_expired(r->deadline))
		ev |= AMRPC_EV_EXPIRED;
	r->act = step(r->call, AMRPC_IN_EVENTS, ev);
	return remote_do(r);
}

/* the port has been looked for */
static enum amrpc_ran located(struct amrpc_run *r, int ret)
{
	if (ret == AMRPC_WAITS)
		return AMRPC_RUN_WAIT;
	amrpc_stage_call(r->call, AMRPC_STAGE_LOCATED, ret);
	switch (ret) {
	case 0:
		return remote_begin(r);
	case 1:
		r->at = AMRPC_AT_TOP;
		return AMRPC_RUN_ON;
	case -EINTR:
	case -ECANCELED:
		return over(r, AMOEBA_RPC_ABORTED);
	case -ENOENT:
		return over(r, AMOEBA_RPC_NOTFOUND);
	}
	r->err = ret;
	return over(r, AMOEBA_RPC_NOTFOUND);
}

/* not in this namespace; @away: handed over to call->forward */
static enum amrpc_ran elsewhere(struct amrpc_run *r, bool away)
{
	struct amrpc_call *call = r->call;

	if (interrupted(r) || READ_ONCE(call->cancelled))
		return over(r, AMOEBA_RPC_ABORTED);
	if (amrpc_expired(r->deadline) || !r->rounds--)
		return over(r, AMOEBA_RPC_NOTFOUND);
	if (away) {
		handed_away(call);
	} else if (!amrpc_loc_lookup(call)) {
		r->at = AMRPC_AT_LOCATE;
		amrpc_stage_call(call, AMRPC_STAGE_LOCATE, 0);
		return located(r, amrpc_locate_begin(r));
	}
	return remote_begin(r);
}

/* what became of the attempt at the servers of this namespace */
static enum amrpc_ran local_over(struct amrpc_run *r, int ret)
{
	struct amrpc_call *call = r->call;

	if (ret == AMRPC_WAITS)
		return AMRPC_RUN_WAIT;
	if (ret == AMRPC_BUSY && r->busy_ms < r->locate_ms && !amrpc_expired(r->deadline)) {
		r->busy_ms += BUSY_MS;
		r->at = AMRPC_AT_PAUSE;
		amrpc_stage_call(call, AMRPC_STAGE_PAUSE, 0);
		amrpc_run_wait(r, msecs_to_jiffies(BUSY_MS));
		return AMRPC_RUN_WAIT;
	}
	if (ret == AMRPC_FORWARDED && r->rounds--) {
		call->handed = true;
		r->at = AMRPC_AT_TOP;
		return AMRPC_RUN_ON;
	}
	if (ret == AMRPC_BUSY || ret == AMRPC_FORWARDED)
		ret = AMOEBA_RPC_NOTFOUND;
	if (ret != AMRPC_AGAIN && ret != AMRPC_AWAY)
		return over(r, ret);
	call->handed = false;
	return elsewhere(r, ret == AMRPC_AWAY);
}

static enum amrpc_ran pause_step(struct amrpc_run *r, unsigned int ev)
{
	if (ev & AMRPC_EV_INTR || READ_ONCE(r->call->cancelled))
		return elsewhere(r, false);
	if (!time_up(r))
		return AMRPC_RUN_WAIT;
	r->at = AMRPC_AT_TOP;
	return AMRPC_RUN_ON;
}

static enum amrpc_ran top(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;

	if (call->handed || (!r->remote_only && amrpc_port_served(call->file->an, call->port, NULL))) {
		r->local = true;
		r->at = AMRPC_AT_LOCAL;
		return local_over(r, amrpc_local_begin(r));
	}
	return elsewhere(r, false);
}

/**
 * amrpc_run_step() - go on with a call
 * @r: of the caller
 * @ev: AMRPC_EV_*, what has happened while it waited; 0: nothing, or the time is up
 *
 * Context: process. Return: AMRPC_RUN_WAIT: to be called again when call->events or call->stirred is set,
 * or at r->until if r->timed; AMRPC_RUN_BLOCKS: to be called again with r->may_sleep; AMRPC_RUN_END.
 */
enum amrpc_ran amrpc_run_step(struct amrpc_run *r, unsigned int ev)
{
	enum amrpc_ran ran = AMRPC_RUN_ON;

	switch (r->at) {
	case AMRPC_AT_TOP:
		break;
	case AMRPC_AT_END:
		return AMRPC_RUN_END;
	case AMRPC_AT_PAUSE:
		ran = pause_step(r, ev);
		break;
	case AMRPC_AT_LOCAL:
		ran = local_over(r, amrpc_local_step(r, ev, time_up(r)));
		break;
	case AMRPC_AT_LOCATE:
		ran = located(r, amrpc_locate_step(r, ev, time_up(r)));
		break;
	case AMRPC_AT_REMOTE:
		ran = remote_step(r, ev);
		break;
	}
	while (ran == AMRPC_RUN_ON)
		ran = top(r);
	return ran;
}

/**
 * amrpc_run_init() - a call about to be made
 * @r: of the caller; @r->t: its argument, @r->len and @r->send: the data of the request, read again for each
 *	copy sent, @r->recv: room for that of the reply. All else is zero, as far as @r->how
 * @f: file
 *
 * Return: 0; -EDQUOT, -ENOBUFS, -ENOMEM.
 */
int amrpc_run_init(struct amrpc_run *r, struct amrpc_file *f)
{
	u32 timeout_ms = r->t->timeout_ms ?: READ_ONCE(f->timeout_ms);
	struct amrpc_call *call;

	call = amrpc_call_new(f, amrpc_port_key(r->t->req.port));
	if (IS_ERR(call))
		return PTR_ERR(call);
	WRITE_ONCE(call->cookie, r->t->cookie);
	amrpc_stage_call(call, AMRPC_STAGE_BEGIN, 0);
	r->call = call;
	r->remote_only = r->t->flags & AMOEBA_TRANS_REMOTE;
	r->locate_ms = r->t->locate_ms ?: READ_ONCE(f->locate_ms) ?: AMOEBA_LOCATE_MS;
	r->rounds = AMRPC_ROUNDS;
	if (timeout_ms)
		r->deadline = (jiffies + msecs_to_jiffies(timeout_ms)) ?: 1;
	return 0;
}

/**
 * amrpc_run_end() - count how a call has ended, and fill r->t
 * @r: AMRPC_RUN_END
 * @room: for the data of the reply, bytes
 *
 * call->data is the caller's when the verdict is AMOEBA_RPC_OK. amrpc_call_end() follows.
 */
void amrpc_run_end(struct amrpc_run *r, size_t room)
{
	struct amrpc_call *call = r->call;
	struct amrpc_net *an = call->file->an;
	struct amoeba_trans *t = r->t;

	if (r->local)
		amrpc_count(an, CALL_LOCAL);
	else
		amrpc_count(an, CALL_REMOTE);
	if (!r->err && r->verdict == AMOEBA_RPC_OK) {
		/* the reply is ours: softirq touches it no more once REPLY is set */
		t->rep = call->rep;
		t->rep_len = call->data.len;
		if (call->data.len > room)
			t->out_flags |= AMOEBA_OUT_TRUNC;
		if (r->local)
			t->out_flags |= AMOEBA_OUT_LOCAL;
	}
	t->verdict = r->verdict;
	amrpc_stage_call(call, AMRPC_STAGE_END, r->verdict);
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
 * calls on this file; -EDQUOT: too many of its user, or too much data of it in the kernel; -ERANGE: a
 * header value does not fit the classic header of a remote server; -EINTR: a fatal signal.
 */
int amrpc_trans(struct amrpc_file *f, struct amoeba_trans *t, size_t len, struct iov_iter *send,
		struct iov_iter *recv)
{
	struct amrpc_run r __uninitialized;
	unsigned int ev = 0;
	int err;

	memset(&r, 0, offsetof(struct amrpc_run, how));
	r.t = t;
	r.len = len;
	r.send = send;
	r.recv = recv;
	r.may_sleep = true;
	t->rep_len = 0;
	t->out_flags = 0;
	if (!amrpc_port_key(t->req.port)) {
		t->verdict = AMOEBA_RPC_BADPORT;
		return 0;
	}
	err = amrpc_run_init(&r, f);
	if (err)
		return err;
	while (amrpc_run_step(&r, ev) == AMRPC_RUN_WAIT)
		ev = wait_events(&r);

	amrpc_run_end(&r, iov_iter_count(recv));
	err = r.err;
	if (!err && r.verdict == AMOEBA_RPC_OK && amrpc_data_copy(&r.call->data, recv) < 0)
		err = -EFAULT;
	if (!err || err == -EINTR)
		amrpc_count_verdict(f->an, r.verdict);
	amrpc_call_end(r.call);
	return err;
}
EXPORT_SYMBOL_GPL(amrpc_trans);
