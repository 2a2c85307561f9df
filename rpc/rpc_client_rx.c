// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's side of a transaction: what the network says of it.
 *
 * DESIGN NOTES
 *
 * Softirq records events of a call under call->lock and wakes its runner (rpc_client.c), which is
 * the only one to change its state; of what may still be executed it takes away what it has learnt
 * not to be so (amrpc_fsm_nak(), amrpc_fsm_back()).
 *
 * A call is found by its index, under RCU and without a reference. The call may have ended and
 * its memory be that of the next transaction on the file (file->spare); so whoever found it compares
 * tid or message id under call->lock before anything is changed.
 */
#include "rpc.h"
#include "rpc_trace.h"

/*
 * Something happened to a call. Who found it through file->calls has made sure under the lock which
 * transaction it is now. Any context but hard interrupt.
 */
void amrpc_call_event_locked(struct amrpc_call *call, unsigned int ev)
{
	lockdep_assert_held(&call->lock);
	if (call->m.state == AMRPC_CALL_DONE)
		return;
	call->events |= ev;
	if (ev & AMRPC_EV_CANCEL)
		WRITE_ONCE(call->cancelled, true);
	if (unlikely(call->async))
		amrpc_async_kick(call->async);
	else
		amrpc_wake(&call->sleeper, true);
	if (ev & AMRPC_EV_CANCEL && call->sender)
		wake_up_process(call->sender);
}

/* the same for one whose reference we have */
void amrpc_call_event(struct amrpc_call *call, unsigned int ev)
{
	spin_lock_bh(&call->lock);
	amrpc_call_event_locked(call, ev);
	spin_unlock_bh(&call->lock);
}

/* something its runner waits for may have come: it looks for itself; any context */
void amrpc_call_stir(struct amrpc_call *call)
{
	WRITE_ONCE(call->stirred, true);
	if (call->async)
		amrpc_async_kick(call->async);
	else
		amrpc_wake(&call->sleeper, false);
}

/*
 * Is a call found by its index the remote transaction @tid still? One that has not been sent, or
 * that a server of this namespace has now, is no business of the network's, whatever tid it names.
 */
static bool is_still(const struct amrpc_call *call, u32 tid)
{
	lockdep_assert_held(&call->lock);
	return call->tid == tid && call->m.copies && !call->tx;
}

/* amrpc_call_event() for one found by its index; bottom halves off */
static void event_of(struct amrpc_call *call, u32 tid, unsigned int ev)
{
	spin_lock(&call->lock);
	if (is_still(call, tid))
		amrpc_call_event_locked(call, ev);
	spin_unlock(&call->lock);
}

static void receive_reply(struct amrpc_file *f, const struct amrpc_wire *w, struct amrpc_data *d,
			  const struct flip_rx *rx, struct amrpc_call *call)
{
	bool late, one;

	amrpc_count(f->an, REPLY_RX);
	if (call) {
		spin_lock(&call->lock);
		if (is_still(call, w->tid) && call->peer != rx->src &&
		    call->m.state != AMRPC_CALL_DONE) {
			spin_unlock(&call->lock);
			amrpc_count(f->an, DROP_PEER);
			return;
		}
		if (is_still(call, w->tid) && !(call->events & AMRPC_EV_REPLY) &&
		    amrpc_fsm_waits(&call->m) && !call->data.skb && !call->data.msg) {
			if (amrpc_is_wide(w->type) && !(call->knows & AMRPC_KNOWS_WIDE)) {
				spin_unlock(&call->lock);
				amrpc_count(f->an, DROP_KIND);
				return;
			}
			if (!amrpc_data_hdr(d, w, &call->rep)) {
				spin_unlock(&call->lock);
				amrpc_count(f->an, DROP_WIDE);
				return;
			}
			call->data = *d;
			memset(d, 0, sizeof(*d));
			late = call->knows & AMRPC_KNOWS_ACKS && rx->total <= FLIP_ETH_PAYLOAD;
			one = !call->data.msg;
			amrpc_stage_call(call, AMRPC_STAGE_REPLY, 0);
			spin_unlock(&call->lock);
			/* before the thread can send its next request */
			if (late)
				amrpc_ack_later(f, w, rx->src);
			else
				/* the original prepares that of one packet with its REQUEST */
				amrpc_ack_reply(f, w, rx->src, one ? FLIP_SEND_SECURITY : 0);
			event_of(call, w->tid, AMRPC_EV_REPLY);
			return;
		}
		spin_unlock(&call->lock);
	}
	/* an old one: its server only wants to hear that it arrived */
	amrpc_ack_reply(f, w, rx->src, 0);
}

/* RECEIVED(REPLY): NAK while we still wait for it, else ACK (facts 3.2) */
static void receive_received(struct amrpc_file *f, const struct amrpc_wire *w,
			     const struct flip_rx *rx, struct amrpc_call *call)
{
	struct amrpc_wire a = {
		.kid = w->kid, .type = AMRPC_ACK, .tid = w->tid, .dest = w->from, .from = w->dest,
	};

	if (call) {
		spin_lock(&call->lock);
		if (is_still(call, w->tid) && call->peer == rx->src && !call->data.skb &&
		    !call->data.msg && amrpc_fsm_waits(&call->m))
			a.type = AMRPC_NAK;
		spin_unlock(&call->lock);
	}
	amrpc_send_ctl(f, rx->src, &a, 0, 0, NULL);
}

static void receive_nak(struct amrpc_file *f, const struct amrpc_wire *w,
			struct amrpc_call *call)
{
	unsigned int ev = 0;

	amrpc_count(f->an, NAK_RX);
	spin_lock(&call->lock);
	if (is_still(call, w->tid) && call->m.state != AMRPC_CALL_DONE &&
	    !(call->events & AMRPC_EV_REPLY))
		ev = amrpc_fsm_nak(&call->m, w->from, call->server_idx);
	if (ev)
		amrpc_call_event_locked(call, ev);
	spin_unlock(&call->lock);
	if (!ev)
		amrpc_count(f->an, DROP_STALE_NAK);
}

/**
 * amrpc_client_receive() - a message for the client's side of a file
 * @f: file
 * @w: its RPC header; type REPLY, REPLY_WIDE, ACK, NAK, ALIVE, FAIL, FORWARD, or RECEIVED(REPLY)
 * @d: the message; what is kept is taken out of it
 * @rx: FLIP's description
 *
 * Context: bottom halves off, rcu_read_lock().
 */
void amrpc_client_receive(struct amrpc_file *f, const struct amrpc_wire *w, struct amrpc_data *d,
			  const struct flip_rx *rx)
{
	struct amrpc_call *call = xa_load(&f->calls, w->dest);
	u8 buf[8];
	const u8 *p;

	switch (w->type) {
	case AMRPC_REPLY:
	case AMRPC_REPLY_WIDE:
		receive_reply(f, w, d, rx, call);
		return;
	case AMRPC_RECEIVED:
		receive_received(f, w, rx, call);
		return;
	}
	if (!call || READ_ONCE(call->tid) != w->tid || !READ_ONCE(call->m.copies)) {
		amrpc_count(f->an, DROP_NOCALL);
		return;
	}
	if (call->peer != rx->src) {
		amrpc_count(f->an, DROP_PEER);
		return;
	}
	switch (w->type) {
	case AMRPC_ACK:
		spin_lock(&call->lock);
		if (is_still(call, w->tid)) {
			call->server_idx = w->from;
			amrpc_call_event_locked(call, AMRPC_EV_ACK);
		}
		spin_unlock(&call->lock);
		break;
	case AMRPC_ALIVE:
		event_of(call, w->tid, AMRPC_EV_ALIVE);
		break;
	case AMRPC_NAK:
		receive_nak(f, w, call);
		break;
	case AMRPC_FAIL:
		amrpc_count(f->an, FAIL_RX);
		event_of(call, w->tid, AMRPC_EV_FAIL);
		break;
	case AMRPC_FORWARD:
		p = d->skb && rx->total == AMRPC_HDR + 8 ?
		    skb_header_pointer(d->skb, AMRPC_HDR, 8, buf) : NULL;
		if (!p) {
			amrpc_count(f->an, DROP_SHORT);
			break;
		}
		if (flip_addr_load(p) == FLIP_ADDR_NULL) {
			amrpc_count(f->an, DROP_PROTO);
			break;
		}
		spin_lock(&call->lock);
		if (is_still(call, w->tid)) {
			call->forward = flip_addr_load(p);
			amrpc_call_event_locked(call, AMRPC_EV_FORWARD);
		}
		spin_unlock(&call->lock);
		break;
	}
}

static struct amrpc_call *find_by_messid(struct amrpc_file *f, u32 messid)
{
	struct amrpc_call *call;
	unsigned long i;

	xa_for_each(&f->calls, i, call)
		if (READ_ONCE(call->m.messid) == messid && READ_ONCE(call->m.copies))
			return call;
	return NULL;
}

/*
 * May what comes back be of a duplicate, and the request executed? The server has what it acknowledged.
 * And of one that left long ago it may be that its server's machine took it, was started anew and does
 * not know it any more.
 */
static bool may_have_arrived(const struct amrpc_call *call)
{
	if (call->m.state == AMRPC_CALL_GETREP || call->events & (AMRPC_EV_ACK | AMRPC_EV_ALIVE))
		return true;
	return !call->sender &&
	       time_after(jiffies, call->left + msecs_to_jiffies(AMRPC_BELIEVE_MS));
}

/**
 * amrpc_client_undelivered() - a message of a call came back or was never sent
 * @f: file
 * @w: its RPC header when it is at hand, or NULL (a later packet of a REQUEST)
 * @rx: FLIP's description of what was sent
 * @why: reason
 *
 * Context: bottom halves off, rcu_read_lock().
 */
void amrpc_client_undelivered(struct amrpc_file *f, const struct amrpc_wire *w,
			      const struct flip_rx *rx, enum flip_undeliv why)
{
	struct amrpc_call *call = w ? xa_load(&f->calls, w->from) : find_by_messid(f, rx->messid);
	enum amrpc_back what = AMRPC_BACK_LOST;
	unsigned int ev = 0;
	bool late;

	if (!call) {
		amrpc_count(f->an, DROP_NOCALL);
		return;
	}
	if (why == FLIP_UNDELIV_R_NOTHERE)
		what = AMRPC_BACK_NOTHERE;
	else if (why == FLIP_UNDELIV_R_UNTRUSTED)
		what = AMRPC_BACK_UNTRUSTED;
	spin_lock(&call->lock);
	late = may_have_arrived(call);
	if (call->m.state != AMRPC_CALL_DONE && call->peer == rx->dst)
		ev = amrpc_fsm_back(&call->m, rx->messid, rx->offset, rx->length, what, late);
	if (ev)
		amrpc_call_event_locked(call, ev);
	else if (late && what == AMRPC_BACK_NOTHERE)
		amrpc_count(f->an, DROP_BOUNCE);
	spin_unlock(&call->lock);
}
