// SPDX-License-Identifier: GPL-2.0-only
/*
 * One lost fragment costs one fragment: who receives a message asks for what is missing of it, and
 * who has sent it sends that again.
 *
 * DESIGN NOTES
 *
 * Only between our kind, only REQUEST_WIDE and REPLY_WIDE of several packets.
 *
 * The receiver. Reassembly (flip_reass.c) says when nothing more of a message came for a while, and
 * what is missing; that goes to the sender as MISSING, which names the message by its FLIP id. May it be
 * asked? When the message begins with a wide type; when its first packet is what is missing, if the
 * machine next to us on the wire said that it knows MISSING, or if we have a call with a server that said
 * so. Nothing is known of a message of which nothing came: that is what RECEIVED is for.
 *
 * The sender. A message that can be asked for is in file->sent, by id: the last copy of a call's
 * REQUEST, or the REPLY of a tx (referenced). What is asked for is kept as call->ask or tx->ask and sent
 * by who has the data: the call's runner, which waits for the reply anyway (amrpc_resend_request()), the
 * thread in putrep, or the namespace's workqueue for a reply that is kept. Ignored, and counted, is
 * who asks
 *   - while the message or parts of it are being sent: what is missing then may be on its way;
 *   - within a round trip after that, for the same reason. The receiver asks again;
 *   - for more bytes than the message has, over the time: then it had better be repeated, by RECEIVED
 *     and NAK as ever. So nobody makes us send more than twice what we meant to.
 *
 * At most once is not touched: the bytes are those of a copy that was sent before, under its id, and
 * reassembly makes one message of them or none. Only what bounces means less: of a copy parts of which
 * were sent twice, no number of bytes that come back proves that it did not arrive.
 *
 * Locks: call->lock or tx->lock guard ->ask and ->sending; file->sent has one of its own, inside of them
 * never.
 */
#include <linux/jiffies.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "rpc.h"
#include "rpc_trace.h"

/* entries of file->sent: tags xa_tag_pointer() has room for */
#define SENT_CALL	0
#define SENT_TX		1

/**
 * struct amrpc_ask - what somebody asked for
 * @n: ranges
 * @range: in order, without overlap
 */
struct amrpc_ask {
	unsigned int		n;
	struct flip_range	range[];
};

/* ---- the receiver -------------------------------------------------------------------------- */

static bool calls_one_who_knows(struct amrpc_file *f, flip_addr_t peer)
{
	struct amrpc_call *call;
	unsigned long i;

	xa_for_each(&f->calls, i, call)
		if (READ_ONCE(call->peer) == peer && READ_ONCE(call->m.copies) &&
		    READ_ONCE(call->knows) & AMRPC_KNOWS_MISSING)
			return true;
	return false;
}

static bool may_ask(void *priv, const struct sk_buff *skb, const struct flip_rx *rx)
{
	struct amrpc_file *f = priv;
	const u8 *type;
	u8 buf;

	if (rx->local)
		return false;
	if (!rx->offset) {
		type = skb_header_pointer(skb, AMRPC_TYPE_AT, 1, &buf);
		return type && amrpc_is_wide(*type);
	}
	return flip_peer_knows(f->an->net, rx) & AMRPC_KNOWS_MISSING ||
	       calls_one_who_knows(f, rx->src);
}

static void ask(void *priv, const struct flip_rx *rx, const struct flip_range *missing,
		unsigned int n)
{
	struct amrpc_file *f = priv;
	struct amrpc_wire w = { .type = AMRPC_MISSING, .tid = rx->messid };
	struct flip_send how = { .dst = rx->src, .hipri = true };
	struct sk_buff *skb;
	u8 *p;

	BUILD_BUG_ON(AMRPC_HDR + 8 * FLIP_REASS_ASK > FLIP_ETH_PAYLOAD);
	skb = alloc_skb(FLIP_HEADROOM + AMRPC_HDR + 8 * n, GFP_ATOMIC);
	if (!skb) {
		amrpc_count(f->an, DROP_NOMEM);
		return;
	}
	skb_reserve(skb, FLIP_HEADROOM);
	amrpc_wire_put(skb_put(skb, AMRPC_HDR), &w);
	for (unsigned int i = 0; i < n; i++) {
		p = skb_put(skb, 8);
		put_unaligned_le32(missing[i].from, p);
		put_unaligned_le32(missing[i].to, p + 4);
	}
	amrpc_count(f->an, MISSING_TX);
	trace_amrpc_send(f, &w, rx->src, rx->messid, skb->len);
	flip_send_skb(f->ep, skb, &how);
}

const struct flip_reass_ask amrpc_reass_ask = {
	.may	= may_ask,
	.ask	= ask,
};

/* ---- the sender: what can be asked for ------------------------------------------------------ */

static void sent_init(struct amrpc_sent *s, u32 messid, u32 total)
{
	s->known = true;
	s->sending = true;
	s->messid = messid;
	s->total = total;
	s->budget = total;
}

/**
 * amrpc_resend_call() - a REQUEST is about to be sent, whose parts may be asked for
 * @call: by its runner
 * @messid: FLIP message id it goes under
 *
 * The one before it has been forgotten. Context: process. Until amrpc_resend_sent() nobody is heard.
 * Without memory for it there is just nobody to ask.
 */
void amrpc_resend_call(struct amrpc_call *call, u32 messid)
{
	struct amrpc_file *f = call->file;

	if (!(call->knows & AMRPC_KNOWS_MISSING))
		return;
	if (xa_is_err(xa_store_bh(&f->sent, messid, xa_tag_pointer(call, SENT_CALL),
				  GFP_KERNEL_ACCOUNT)))
		return;
	spin_lock_bh(&call->lock);
	sent_init(&call->sent, messid, call->m.total);
	spin_unlock_bh(&call->lock);
}

static void sent_now(struct amrpc_sent *s, spinlock_t *lock)
{
	spin_lock_bh(lock);
	s->sending = false;
	s->when = jiffies;
	spin_unlock_bh(lock);
}

/* the REQUEST has left; its parts may be asked for from now on */
void amrpc_resend_sent(struct amrpc_call *call)
{
	sent_now(&call->sent, &call->lock);
}

/* no part of the call's REQUEST is sent again; by its runner */
void amrpc_resend_forget(struct amrpc_call *call)
{
	struct amrpc_ask *a;

	if (!call->sent.known)
		return;
	xa_erase_bh(&call->file->sent, call->sent.messid);
	spin_lock_bh(&call->lock);
	call->sent.known = false;
	a = call->sent.ask;
	call->sent.ask = NULL;
	spin_unlock_bh(&call->lock);
	kfree(a);
}

/**
 * amrpc_resend_tx() - a REPLY of several packets is about to be sent, whose parts may be asked for
 * @tx: REPLIED, referenced
 * @messid: FLIP message id it goes under
 *
 * The entry holds a reference, which amrpc_resend_tx_forget() gives back, at the latest when the
 * transaction is done. Context: process. Until amrpc_resend_tx_sent() nobody is heard.
 */
void amrpc_resend_tx(struct amrpc_tx *tx, u32 messid)
{
	struct amrpc_file *f = tx->file;
	bool late;

	amrpc_resend_tx_forget(tx);
	if (!tx->wide)
		return;
	refcount_inc(&tx->ref);
	if (xa_is_err(xa_store_bh(&f->sent, messid, xa_tag_pointer(tx, SENT_TX),
				  GFP_KERNEL_ACCOUNT))) {
		amrpc_tx_put(tx);
		return;
	}
	spin_lock_bh(&tx->lock);
	/* done meanwhile, or the workqueue sends it, too */
	late = tx->state == AMRPC_TX_DONE || tx->sent.known;
	if (!late)
		sent_init(&tx->sent, messid, amrpc_msg_hdr(true) + tx->rep_len);
	spin_unlock_bh(&tx->lock);
	if (late) {
		xa_erase_bh(&f->sent, messid);
		amrpc_tx_put(tx);
	}
}

/* the REPLY has left, or what was asked for of it */
void amrpc_resend_tx_sent(struct amrpc_tx *tx)
{
	sent_now(&tx->sent, &tx->lock);
}

/* no part of the REPLY is sent again; any context but hard interrupt, @tx referenced */
void amrpc_resend_tx_forget(struct amrpc_tx *tx)
{
	struct amrpc_ask *a;
	bool known;

	spin_lock_bh(&tx->lock);
	known = tx->sent.known;
	tx->sent.known = false;
	a = tx->sent.ask;
	tx->sent.ask = NULL;
	spin_unlock_bh(&tx->lock);
	kfree(a);
	if (known) {
		xa_erase_bh(&tx->file->sent, tx->sent.messid);
		amrpc_tx_put(tx);
	}
}

/* ---- the sender: what is asked for ----------------------------------------------------------- */

/* the ranges of a MISSING, or NULL: malformed, or no memory */
static struct amrpc_ask *read_ask(struct amrpc_net *an, const struct amrpc_data *d, u32 total)
{
	unsigned int n = (total - AMRPC_HDR) / sizeof(struct flip_range);
	size_t len = n * sizeof(struct flip_range);
	struct amrpc_ask *a;
	struct iov_iter it;
	struct kvec vec;
	u32 last = 0;

	a = kmalloc(struct_size(a, range, n), GFP_ATOMIC | __GFP_NOWARN);
	if (!a) {
		amrpc_count(an, DROP_NOMEM);
		return NULL;
	}
	a->n = n;
	vec = (struct kvec){ a->range, len };
	iov_iter_kvec(&it, ITER_DEST, &vec, 1, len);
	if (d->msg)
		flip_msg_copy(d->msg, AMRPC_HDR, &it);
	else
		skb_copy_bits(d->skb, AMRPC_HDR, a->range, len);
	for (unsigned int i = 0; i < n; i++) {
		struct flip_range *r = &a->range[i];

		r->from = get_unaligned_le32(&r->from);
		r->to = get_unaligned_le32(&r->to);
		if (r->from < last || r->from >= r->to) {
			amrpc_count(an, DROP_PROTO);
			kfree(a);
			return NULL;
		}
		last = r->to;
	}
	return a;
}

/* may this be sent? Takes @a over then. @rtt: ms */
static bool take_ask(struct amrpc_net *an, struct amrpc_sent *s, u32 messid, unsigned int rtt,
		     struct amrpc_ask *a)
{
	u32 bytes = 0;

	if (!s->known || s->messid != messid || a->range[a->n - 1].to > s->total) {
		amrpc_count(an, DROP_MISSING);
		return false;
	}
	if (s->sending || time_before(jiffies, s->when + msecs_to_jiffies(rtt))) {
		amrpc_count(an, MISSING_EARLY);
		return false;
	}
	for (unsigned int i = 0; i < a->n; i++)
		bytes += a->range[i].to - a->range[i].from;
	if (bytes > s->budget) {
		amrpc_count(an, MISSING_OVER);
		return false;
	}
	s->budget -= bytes;
	s->sending = true;
	s->ask = a;
	return true;
}

static bool ask_call(struct amrpc_call *call, u32 messid, flip_addr_t who, struct amrpc_ask *a)
{
	struct amrpc_net *an = call->file->an;
	bool taken = false;

	spin_lock(&call->lock);
	if (call->peer != who)
		amrpc_count(an, DROP_PEER);
	else if (call->m.state != AMRPC_CALL_PUTREQ || !call->m.live)
		amrpc_count(an, DROP_MISSING);
	else
		taken = take_ask(an, &call->sent, messid, call->rtt, a);
	if (taken) {
		amrpc_fsm_part(&call->m);
		amrpc_call_event_locked(call, AMRPC_EV_MISSING);
	}
	spin_unlock(&call->lock);
	return taken;
}

static bool ask_tx(struct amrpc_tx *tx, u32 messid, flip_addr_t who, struct amrpc_ask *a)
{
	bool taken = false, sync;

	spin_lock(&tx->lock);
	if (tx->key.peer != who)
		amrpc_count(tx->an, DROP_PEER);
	else if (tx->state != AMRPC_TX_REPLIED)
		amrpc_count(tx->an, DROP_MISSING);
	else
		taken = take_ask(tx->an, &tx->sent, messid, tx->m.rtt, a);
	sync = tx->sync;
	spin_unlock(&tx->lock);
	if (!taken)
		return false;
	if (sync) {
		wake_up(&tx->wq);
		return true;
	}
	amrpc_tx_work_later(tx);
	return true;
}

/**
 * amrpc_resend_receive() - a MISSING has come
 * @f: file
 * @w: its RPC header; the tid is the id of the FLIP message asked about
 * @d: the message
 * @rx: FLIP's description
 *
 * Context: bottom halves off, rcu_read_lock().
 */
void amrpc_resend_receive(struct amrpc_file *f, const struct amrpc_wire *w,
			  const struct amrpc_data *d, const struct flip_rx *rx)
{
	void *entry = xa_load(&f->sent, w->tid);
	struct amrpc_ask *a;
	struct amrpc_tx *tx;
	bool taken = false;

	amrpc_count(f->an, MISSING_RX);
	if (!entry) {
		amrpc_count(f->an, DROP_MISSING);
		return;
	}
	a = read_ask(f->an, d, rx->total);
	if (!a)
		return;
	if (xa_pointer_tag(entry) == SENT_CALL) {
		taken = ask_call(xa_untag_pointer(entry), w->tid, rx->src, a);
	} else {
		tx = xa_untag_pointer(entry);
		if (refcount_inc_not_zero(&tx->ref)) {
			taken = ask_tx(tx, w->tid, rx->src, a);
			amrpc_tx_put(tx);
		}
	}
	if (!taken)
		kfree(a);
}

/* while parts of a request are sent: it has left, so signals are passed on later */
static bool stop_parts(void *priv)
{
	const struct amrpc_call *call = priv;

	return READ_ONCE(call->cancelled);
}

/*
 * Send what was asked for of the REQUEST of @call, or else of a REPLY; @how: destination and manner, @data
 * over all of the data.
 */
static void send_ranges(struct amrpc_file *f, struct amrpc_call *call, const u8 *hdr, size_t hlen,
			const struct iov_iter *data, struct flip_send *how, u32 messid,
			const struct amrpc_ask *a, long tmo)
{
	int err;

	how->has_messid = true;
	how->messid = messid;
	for (unsigned int i = 0; i < a->n; i++) {
		struct iov_iter it = *data;

		how->from = a->range[i].from;
		how->to = a->range[i].to;
		err = call ? amrpc_call_send(call, hdr, hlen, &it, how, tmo, stop_parts) :
			flip_send_msg(f->ep, hdr, hlen, &it, how, tmo);
		/* whatever goes wrong: it will be asked for again, or given up and repeated */
		if (err)
			return;
		amrpc_count(f->an, RESENT_RANGES);
		amrpc_count_add(f->an, RESENT_BYTES, how->to - how->from);
	}
}

static struct amrpc_ask *claim(struct amrpc_sent *s, spinlock_t *lock, u32 *messid)
{
	struct amrpc_ask *a;

	spin_lock_bh(lock);
	a = s->ask;
	s->ask = NULL;
	*messid = s->messid;
	spin_unlock_bh(lock);
	return a;
}

/**
 * amrpc_resend_request() - send what is asked for of the REQUEST
 * @r: of the caller; AMRPC_EV_MISSING has come
 *
 * Context: process, sleeps.
 */
void amrpc_resend_request(const struct amrpc_run *r)
{
	long tmo = amrpc_bounded(MAX_SCHEDULE_TIMEOUT, r->deadline);
	struct flip_send how = {
		.dst = r->call->peer, .flags = r->how.flags & ~FLIP_SEND_INVAL,
	};
	struct amrpc_call *call = r->call;
	struct amrpc_ask *a;
	u32 messid;

	a = claim(&call->sent, &call->lock, &messid);
	if (!a)
		return;
	send_ranges(call->file, call, r->hdr, r->hlen, r->send, &how, messid, a, tmo);
	kfree(a);
	amrpc_resend_sent(call);
}

/**
 * amrpc_resend_patience() - how long to wait before the server is asked (RECEIVED)
 * @call: by its runner
 * @tmo: jiffies, were it not for this
 *
 * A server that has a part of the REQUEST asks for the rest itself. Return: jiffies.
 */
unsigned long amrpc_resend_patience(const struct amrpc_call *call, unsigned long tmo)
{
	if (!call->sent.known || call->m.state != AMRPC_CALL_PUTREQ)
		return tmo;
	return max(tmo, msecs_to_jiffies(AMRPC_PARTS_MS));
}

/**
 * amrpc_resend_reply() - send what is asked for of a reply
 * @tx: REPLIED
 * @data: over the data of the reply
 *
 * Context: process. Return: true when something was.
 */
bool amrpc_resend_reply(struct amrpc_tx *tx, const struct iov_iter *data)
{
	struct flip_send how = {
		.dst = tx->key.peer, .flags = tx->secure ? FLIP_SEND_SECURITY : 0,
	};
	struct amrpc_ask *a;
	u32 messid;

	a = claim(&tx->sent, &tx->lock, &messid);
	if (!a)
		return false;
	send_ranges(tx->file, NULL, tx->rep, amrpc_msg_hdr(tx->wide), data, &how, messid, a,
		    MAX_SCHEDULE_TIMEOUT);
	kfree(a);
	amrpc_resend_tx_sent(tx);
	return true;
}
