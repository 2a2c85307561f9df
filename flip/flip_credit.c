// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flow control on a network: credits, facts 1.9 and wire-observed 2.
 *
 * DESIGN NOTES
 * A packet of a UNIDATA message larger than one frame costs a credit of the neighbour it is sent
 * to; nothing else does. Each neighbour starts with FLIP_CREDITS and gives back what it has
 * consumed: in a CREDIT frame when it owes FLIP_CREDIT_OWED, or in the count byte of a packet that
 * costs a credit itself.
 *
 * What waits is ordered by destination address: a struct flip_flow has the messages of our own
 * senders (struct flip_txmsg, on the sender's stack), of which only the oldest sends, so that the
 * fragments of a message stay together, and the packets forwarded to that address. Flows with a
 * packet at hand are on neigh->ready and take turns.
 *
 * A sender prepares up to FLIP_CREDIT_WINDOW packets and sleeps; whoever brings credits, mostly
 * a softirq, sends them and wakes the sender when half are gone. So the pipe stays full without
 * a wake-up per credit, and a message of any size occupies a few dozen packets.
 *
 * neigh->lock covers all of it. Packets are sent without it, by one task at a time
 * (neigh->running), so that they stay in order; who comes second leaves a note (->rerun).
 *
 * Packets sent from different processors may overtake each other, in the queues of a device or of
 * the receiving processors, and a classic receiver gives up a message whose fragments are not in
 * order. So whoever wants to send while packets sent elsewhere may still be under way leaves it
 * to a worker there (neigh->kick). A CREDIT frame is the exception: it says that all but two
 * of those packets have arrived.
 *
 * Our kind, which is all there is on an overlay, has a quota of FLIP_CREDITS_OURS. The sender says
 * so in the high bit of each count, for then credits come back in larger numbers; originals never
 * give back so many that it is set.
 *
 * Both sides of our kind know what the other's device takes in a packet from what was told with a port locate.
 * It may become less, and then what is larger is lost before anybody here sees it. So each CREDIT and
 * ABSCREDIT frame to our kind says it, too, in four bytes where originals have padding; and when the MTU of
 * a network changes its neighbours are told at once by such a frame that brings no credits, and again a few
 * times, for nobody acknowledges it (flip_tell_work()). If all of them are lost the next credits say it, the
 * answer to a REQCREDIT at the latest; and one whom we have forgotten is told with the first packet of
 * his that says what he takes us for.
 *
 * When credits are missing for FLIP_CREDIT_STUCK_MS and somebody waits a REQCREDIT is sent, after
 * FLIP_CREDIT_TRIES without an answer the neighbour is forgotten and what waited is lost. Our kind is
 * asked after FLIP_CREDIT_STUCK_OURS_MS first, since each packet the network loses has taken a credit
 * with it and what else it lost is sent again at once. The timer holds a reference to the neighbour.
 */
#include <kunit/visibility.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "flip_int.h"
#include <trace/events/flip.h>

/**
 * struct flip_flow - what goes to one address over one neighbour
 * @hash: in neigh->flows
 * @ready: in neigh->ready
 * @dst: address
 * @msgs: struct flip_txmsg, oldest first
 * @fwd: forwarded packets
 * @fwd_turn: a forwarded packet goes next
 */
struct flip_flow {
	struct hlist_node	hash;
	struct list_head	ready;
	flip_addr_t		dst;
	struct list_head	msgs;
	struct sk_buff_head	fwd;
	bool			fwd_turn;
};

/* ---- arithmetic ------------------------------------------------------------------------- */

/* more credits; never above the quota, whatever a neighbour says */
unsigned int flip_credit_add(unsigned int have, unsigned int more, unsigned int quota,
			     bool *excess)
{
	*excess = more > quota - min(have, quota);
	return *excess ? quota : have + more;
}
EXPORT_SYMBOL_IF_KUNIT(flip_credit_add);

/* how many to give back in a count byte; the high bit has a meaning of its own */
unsigned int flip_credit_take(unsigned int *owed)
{
	unsigned int n = min(*owed, FLIP_CREDIT_LARGE - 1U);

	*owed -= n;
	return n;
}
EXPORT_SYMBOL_IF_KUNIT(flip_credit_take);

/* ---- flows ------------------------------------------------------------------------------ */

static struct hlist_head *flip_flow_bucket(struct flip_neigh *neigh, flip_addr_t dst)
{
	u32 hash = flip_addr_hash(dst, neigh->network->ns->seed);

	return &neigh->flows[hash % ARRAY_SIZE(neigh->flows)];
}

static struct flip_flow *flip_flow_get(struct flip_neigh *neigh, flip_addr_t dst)
{
	struct hlist_head *bucket = flip_flow_bucket(neigh, dst);
	struct flip_flow *flow;

	lockdep_assert_held(&neigh->lock);
	hlist_for_each_entry(flow, bucket, hash)
		if (flow->dst == dst)
			return flow;
	flow = kmalloc(sizeof(*flow), GFP_ATOMIC);
	if (!flow)
		return NULL;
	flow->dst = dst;
	flow->fwd_turn = false;
	INIT_LIST_HEAD(&flow->ready);
	INIT_LIST_HEAD(&flow->msgs);
	__skb_queue_head_init(&flow->fwd);
	hlist_add_head(&flow->hash, bucket);
	return flow;
}

static void flip_flow_put(struct flip_flow *flow)
{
	if (!list_empty(&flow->msgs) || !skb_queue_empty(&flow->fwd))
		return;
	list_del(&flow->ready);
	hlist_del(&flow->hash);
	kfree(flow);
}

static struct flip_txmsg *flip_flow_msg(struct flip_flow *flow)
{
	return list_first_entry_or_null(&flow->msgs, struct flip_txmsg, node);
}

static bool flip_flow_has_packet(struct flip_flow *flow)
{
	struct flip_txmsg *m = flip_flow_msg(flow);

	return !skb_queue_empty(&flow->fwd) || (m && !skb_queue_empty(&m->q));
}

static void flip_flow_make_ready(struct flip_neigh *neigh, struct flip_flow *flow)
{
	if (list_empty(&flow->ready) && flip_flow_has_packet(flow))
		list_add_tail(&flow->ready, &neigh->ready);
}

/* a message has no more to send: the next of its flow takes over */
static void flip_txmsg_unlink(struct flip_txmsg *m)
{
	list_del_init(&m->node);
	m->neigh->n_msgs--;
	wake_up(&m->wq);
}

/*
 * The first packet of a queue, or the next piece of it when it is larger than the neighbour takes;
 * *@gone: the packet is no longer in the queue.
 */
static struct sk_buff *flip_credit_next(struct flip_neigh *neigh, struct sk_buff_head *q, bool *gone)
{
	struct flip_ns *ns = neigh->network->ns;
	struct sk_buff *skb = skb_peek(q), *piece;
	unsigned int room = flip_neigh_room(neigh);
	struct flip_cb *cb = flip_cb(skb);
	struct flip_hdr h;

	*gone = true;
	if (likely(skb->len <= FLIP_HDR_LEN + room && !cb->at)) {
		__skb_unlink(skb, q);
		return skb;
	}
	flip_hdr_get(skb->data, &h);
	if (cb->at)
		flip_stat_inc(ns, TX_UNIDATA);
	else
		flip_stat_inc(ns, REFRAGMENTED);
	piece = flip_cut(skb, FLIP_HDR_LEN, &h, room, &cb->at);
	if (!piece) {
		__skb_unlink(skb, q);
		cb->lost = true;
		return skb;
	}
	*flip_cb(piece) = (struct flip_cb){};
	*gone = cb->at == h.length;
	if (*gone) {
		__skb_unlink(skb, q);
		flip_cb(piece)->from = cb->from;
		consume_skb(skb);
	}
	return piece;
}

/* the next packet of whoever is next; NULL: nobody has one */
static struct sk_buff *flip_credit_pick(struct flip_neigh *neigh)
{
	struct flip_flow *flow;
	struct flip_txmsg *m;
	struct sk_buff *skb;
	bool gone;

	lockdep_assert_held(&neigh->lock);
	flow = list_first_entry_or_null(&neigh->ready, struct flip_flow, ready);
	if (!flow)
		return NULL;
	m = flip_flow_msg(flow);
	if (m && !skb_queue_empty(&m->q) && (skb_queue_empty(&flow->fwd) || !flow->fwd_turn)) {
		skb = flip_credit_next(neigh, &m->q, &gone);
		flow->fwd_turn = true;
		if (skb_queue_empty(&m->q) && m->end)
			flip_txmsg_unlink(m);
		else if (gone && skb_queue_len(&m->q) == FLIP_CREDIT_WINDOW / 2)
			wake_up(&m->wq);
	} else {
		skb = flip_credit_next(neigh, &flow->fwd, &gone);
		flow->fwd_turn = false;
		if (gone) {
			neigh->n_queued--;
			atomic_dec(&neigh->network->ns->n_forwards);
		}
	}
	list_del_init(&flow->ready);
	flip_flow_make_ready(neigh, flow);
	flip_flow_put(flow);
	return skb;
}

/* ---- sending ---------------------------------------------------------------------------- */

/* how long credits are waited for before they are asked for (again) */
static unsigned int flip_credit_patience(const struct flip_neigh *neigh)
{
	if (!neigh->ours)
		return FLIP_CREDIT_STUCK_MS;
	return min(FLIP_CREDIT_STUCK_OURS_MS << min(neigh->tries, 7U), FLIP_CREDIT_STUCK_MS);
}

/* have credits been missing for so long that they are asked for? */
static bool flip_credit_overdue(const struct flip_neigh *neigh)
{
	return time_after_eq(jiffies, neigh->since + msecs_to_jiffies(flip_credit_patience(neigh)));
}

static void flip_credit_arm(struct flip_neigh *neigh)
{
	unsigned long delay = msecs_to_jiffies(min(FLIP_CREDIT_SWEEP_MS,
						   flip_credit_patience(neigh)));

	lockdep_assert_held(&neigh->lock);
	/* those who wait now may not have the patience to be there at the next sweep */
	if (!mod_timer(&neigh->timer, jiffies + (flip_credit_overdue(neigh) ? 0 : delay)))
		refcount_inc(&neigh->refs);
}

/* may packets sent from another processor still be under way, more than @slack of them? */
static bool flip_credit_elsewhere(const struct flip_neigh *neigh, unsigned int slack)
{
	return neigh->credits + slack < neigh->quota && neigh->cpu != smp_processor_id() &&
	       time_before(jiffies, neigh->sent + FLIP_CREDIT_ORDER) && cpu_online(neigh->cpu);
}

static void flip_credit_done(struct flip_neigh *neigh, bool held);

/* a packet is about to leave; its count byte */
static u8 flip_credit_spend(struct flip_neigh *neigh)
{
	unsigned int count = flip_credit_take(&neigh->owed);

	if (!--neigh->credits)
		neigh->since = jiffies;
	neigh->cpu = smp_processor_id();
	neigh->sent = jiffies;
	if (count)
		trace_flip_credit(neigh, FLIP_CREDIT_EV_PIGGYBACK, count);
	return neigh->ours ? count | FLIP_CREDIT_LARGE : count;
}

/* send what credits allow, @skb first, for which one is there */
static void flip_credit_run(struct flip_neigh *neigh, struct sk_buff *skb,
			    struct flip_neigh *skb_from)
{
	struct flip_network *n = neigh->network;
	struct flip_neigh *from;
	unsigned int count;
	bool lost;

	lockdep_assert_held(&neigh->lock);
	if (neigh->running) {
		neigh->rerun = true;
		return;
	}
	neigh->running = true;
	rcu_read_lock();
	do {
		neigh->rerun = false;
		while (neigh->credits && (skb || (skb = flip_credit_pick(neigh)))) {
			from = skb_from ? NULL : flip_cb(skb)->from;
			lost = flip_cb(skb)->lost;
			count = lost ? 0 : flip_credit_spend(neigh);
			/* bottom halves stay off */
			spin_unlock(&neigh->lock);
			if (unlikely(lost))
				flip_drop(n->ns, n, skb, FLIP_DROP_NOMEM);
			else
				flip_eth_xmit(n, skb, neigh->key.mac, FLIP_FC_DATA, count);
			if (skb_from)
				flip_credit_done(skb_from, false);
			if (from) {
				flip_credit_done(from, true);
				flip_neigh_put(from);
			}
			skb = NULL;
			skb_from = NULL;
			spin_lock(&neigh->lock);
		}
	} while (neigh->rerun);
	neigh->running = false;
	rcu_read_unlock();
	if (!neigh->credits && !list_empty(&neigh->ready) && !timer_pending(&neigh->timer) &&
	    !READ_ONCE(neigh->dead)) {
		flip_stat_inc(n->ns, CREDIT_WAIT);
		trace_flip_credit(neigh, FLIP_CREDIT_EV_WAIT, 0);
		/* so long ago that jiffies went round */
		if (time_after(neigh->since, jiffies))
			neigh->since = jiffies;
		flip_credit_arm(neigh);
	}
}

/* the same, from here or from where packets were sent last */
static void flip_credit_push(struct flip_neigh *neigh, unsigned int slack)
{
	lockdep_assert_held(&neigh->lock);
	if (list_empty(&neigh->ready) || !flip_credit_elsewhere(neigh, slack) || !neigh->credits) {
		flip_credit_run(neigh, NULL, NULL);
		return;
	}
	refcount_inc(&neigh->refs);
	if (!queue_work_on(neigh->cpu, flip_wq, &neigh->kick))
		flip_neigh_put(neigh);
}

static void flip_credit_kick(struct work_struct *work)
{
	struct flip_neigh *neigh = container_of(work, struct flip_neigh, kick);

	spin_lock_bh(&neigh->lock);
	if (!READ_ONCE(neigh->dead))
		flip_credit_run(neigh, NULL, NULL);
	spin_unlock_bh(&neigh->lock);
	flip_neigh_put(neigh);
}

/**
 * flip_credit_forward() - send a packet that costs a credit, or queue it until there is one
 * @neigh: neighbour
 * @skb: packet with its header, consumed
 * @dst: address it goes to
 * @from: neighbour to give a credit back to when it has left, or NULL
 *
 * Context: RCU, any but hard interrupt. Return: 0 or -ENOBUFS, -ENETDOWN; @from gets its credit
 * either way.
 */
int flip_credit_forward(struct flip_neigh *neigh, struct sk_buff *skb, flip_addr_t dst,
			struct flip_neigh *from)
{
	struct flip_ns *ns = neigh->network->ns;
	enum flip_stat why = FLIP_DROP_CREDIT_FULL;
	struct flip_flow *flow;

	spin_lock_bh(&neigh->lock);
	if (READ_ONCE(neigh->dead)) {
		why = FLIP_DROP_NEIGH_GONE;
		goto drop;
	}
	*flip_cb(skb) = (struct flip_cb){};
	if (neigh->credits && !neigh->running && list_empty(&neigh->ready) &&
	    skb->len <= FLIP_HDR_LEN + flip_neigh_room(neigh) && !flip_credit_elsewhere(neigh, 0)) {
		flip_credit_run(neigh, skb, from);
		spin_unlock_bh(&neigh->lock);
		return 0;
	}
	if (neigh->n_queued >= FLIP_CREDIT_QUEUE ||
	    atomic_read(&ns->n_forwards) >= FLIP_CREDIT_QUEUE_ALL)
		goto drop;
	flow = flip_flow_get(neigh, dst);
	if (!flow)
		goto drop;
	if (from && flip_neigh_hold(from)) {
		flip_cb(skb)->from = from;
		atomic_inc(&from->held);
	}
	__skb_queue_tail(&flow->fwd, skb);
	neigh->n_queued++;
	atomic_inc(&ns->n_forwards);
	flip_flow_make_ready(neigh, flow);
	flip_credit_push(neigh, 0);
	spin_unlock_bh(&neigh->lock);
	return 0;

drop:
	spin_unlock_bh(&neigh->lock);
	flip_drop(ns, neigh->network, skb, why);
	if (from)
		flip_credit_done(from, false);
	return why == FLIP_DROP_NEIGH_GONE ? -ENETDOWN : -ENOBUFS;
}

/* ---- messages --------------------------------------------------------------------------- */

/**
 * flip_txmsg_begin() - get in line with a large message
 * @m: the message
 * @neigh: neighbour it goes to; a reference is taken
 * @w: whose it is and its destination; ->hipri: before messages that have not begun
 *
 * Context: process. Return: 0, -ENETDOWN, -ENOMEM.
 */
int flip_txmsg_begin(struct flip_txmsg *m, struct flip_neigh *neigh, const struct flip_want *w)
{
	struct flip_txmsg *first;
	int err = 0;

	__skb_queue_head_init(&m->q);
	init_waitqueue_head(&m->wq);
	INIT_LIST_HEAD(&m->node);
	m->neigh = neigh;
	m->ep = w->ep;
	m->end = false;
	m->error = 0;
	if (!flip_neigh_hold(neigh))
		return -ENETDOWN;
	spin_lock_bh(&neigh->lock);
	m->flow = NULL;
	if (READ_ONCE(neigh->dead))
		err = -ENETDOWN;
	else
		m->flow = flip_flow_get(neigh, w->dst);
	if (m->flow) {
		first = flip_flow_msg(m->flow);
		if (first && w->hipri)
			list_add(&m->node, &first->node);
		else
			list_add_tail(&m->node, &m->flow->msgs);
		neigh->n_msgs++;
	} else if (!err) {
		err = -ENOMEM;
	}
	spin_unlock_bh(&neigh->lock);
	if (err)
		flip_neigh_put(neigh);
	return err;
}

/**
 * flip_txmsg_add() - the next packet of a message
 * @m: the message
 * @skb: packet with its header, consumed
 * @p: how long it waits
 *
 * Sleeps while the window is full. Context: process. Return: 0, -ENETDOWN, -EINTR, -ECANCELED,
 * -ETIMEDOUT.
 */
int flip_txmsg_add(struct flip_txmsg *m, struct sk_buff *skb, struct flip_patience *p)
{
	struct flip_neigh *neigh = m->neigh;
	int err;

	if (skb_queue_len_lockless(&m->q) >= FLIP_CREDIT_WINDOW) {
		trace_flip_stall(FLIP_STALL_CREDITS, true);
		err = flip_wait(m->wq,
				skb_queue_len_lockless(&m->q) <= FLIP_CREDIT_WINDOW / 2 ||
				READ_ONCE(m->error), p);
		trace_flip_stall(FLIP_STALL_CREDITS, false);
		if (err) {
			kfree_skb(skb);
			return err;
		}
	}
	*flip_cb(skb) = (struct flip_cb){};
	spin_lock_bh(&neigh->lock);
	err = m->error;
	if (!err) {
		__skb_queue_tail(&m->q, skb);
		flip_flow_make_ready(neigh, m->flow);
		flip_credit_push(neigh, 0);
	}
	spin_unlock_bh(&neigh->lock);
	if (err)
		kfree_skb(skb);
	return err;
}

/**
 * flip_txmsg_end() - wait until the last packet has left
 * @m: the message
 * @error: do not wait, take the rest back: the message failed
 * @p: how long it waits
 *
 * Context: process. Return: @error, or 0, -ENETDOWN, -EINTR, -ECANCELED, -ETIMEDOUT.
 */
int flip_txmsg_end(struct flip_txmsg *m, int error, struct flip_patience *p)
{
	struct flip_neigh *neigh = m->neigh;
	bool wait = false;

	if (!error) {
		spin_lock_bh(&neigh->lock);
		m->end = true;
		wait = !list_empty(&m->node) && !skb_queue_empty(&m->q);
		spin_unlock_bh(&neigh->lock);
		if (wait) {
			trace_flip_stall(FLIP_STALL_CREDITS, true);
			error = flip_wait(m->wq, list_empty_careful(&m->node), p);
			trace_flip_stall(FLIP_STALL_CREDITS, false);
		}
	}
	/* whoever unlinks the message wakes us under the lock, so it is done with us after this */
	spin_lock_bh(&neigh->lock);
	if (!list_empty(&m->node)) {
		__skb_queue_purge(&m->q);
		flip_txmsg_unlink(m);
		list_del_init(&m->flow->ready);
		flip_flow_make_ready(neigh, m->flow);
		flip_flow_put(m->flow);
		/* the next message of the flow may have been waiting for its turn */
		flip_credit_push(neigh, 0);
	} else if (wait) {
		/* given up in the moment the last packet left: it may arrive */
		error = 0;
	}
	if (!error)
		error = m->error;
	spin_unlock_bh(&neigh->lock);
	flip_neigh_put(neigh);
	return error;
}

/* end the messages of an endpoint at this neighbour */
static void flip_txmsg_abort_at(struct flip_neigh *neigh, const struct flip_ep *ep)
{
	struct flip_txmsg *m, *mnext;
	struct flip_flow *flow;
	struct hlist_node *next;
	unsigned int i;

	spin_lock(&neigh->lock);
	for (i = 0; i < ARRAY_SIZE(neigh->flows); i++) {
		hlist_for_each_entry_safe(flow, next, &neigh->flows[i], hash) {
			list_for_each_entry_safe(m, mnext, &flow->msgs, node) {
				if (m->ep != ep)
					continue;
				WRITE_ONCE(m->error, -ENETDOWN);
				__skb_queue_purge(&m->q);
				flip_txmsg_unlink(m);
			}
			/* the next message, of another sender, may have a packet */
			list_del_init(&flow->ready);
			flip_flow_make_ready(neigh, flow);
			flip_flow_put(flow);
		}
	}
	spin_unlock(&neigh->lock);
	/* no packet leaves under ns->lock */
	refcount_inc(&neigh->refs);
	if (!queue_work(flip_wq, &neigh->kick))
		flip_neigh_put(neigh);
}

/**
 * flip_txmsg_abort() - end the messages an endpoint is sending
 * @ns: namespace
 * @ep: its senders get -ENETDOWN
 *
 * Context: process.
 */
void flip_txmsg_abort(struct flip_ns *ns, const struct flip_ep *ep)
{
	struct flip_neigh *neigh;

	spin_lock_bh(&ns->lock);
	list_for_each_entry(neigh, &ns->neigh_list, list)
		if (READ_ONCE(neigh->n_msgs))
			flip_txmsg_abort_at(neigh, ep);
	spin_unlock_bh(&ns->lock);
}

/* ---- giving back ------------------------------------------------------------------------ */

/* a CREDIT or ABSCREDIT, which says to our kind what we take; RCU */
void flip_credit_say(struct flip_network *n, const u8 *mac, enum flip_fc type, u8 count, bool ours)
{
	__le32 payload = cpu_to_le32(READ_ONCE(n->mtu_ours));

	flip_eth_control(n, mac, type, count, &payload, ours ? sizeof(payload) : 0);
}

static void flip_credit_give(struct flip_neigh *neigh, enum flip_fc type, u8 count)
{
	flip_credit_say(neigh->network, neigh->key.mac, type, count,
			READ_ONCE(neigh->ours) || READ_ONCE(neigh->large));
}

static void flip_credit_done(struct flip_neigh *neigh, bool held)
{
	unsigned int give = 0;

	if (held)
		atomic_dec(&neigh->held);
	spin_lock_bh(&neigh->lock);
	neigh->owed++;
	if (neigh->owed >= (neigh->large ? FLIP_CREDIT_OWED_OURS : FLIP_CREDIT_OWED)) {
		give = flip_credit_take(&neigh->owed);
		trace_flip_credit(neigh, FLIP_CREDIT_EV_RETURN, give);
	}
	spin_unlock_bh(&neigh->lock);
	if (give) {
		rcu_read_lock();
		if (flip_network_usable(neigh->network))
			flip_credit_give(neigh, FLIP_FC_CREDIT, give);
		rcu_read_unlock();
	}
}

/* we are done with a packet of @neigh that cost it a credit; any context but hard interrupt */
void flip_credit_consumed(struct flip_neigh *neigh)
{
	flip_credit_done(neigh, false);
}

/**
 * flip_credit_rx() - credits came, or are asked for
 * @neigh: neighbour
 * @type: fc type; FLIP_FC_DATA: piggybacked
 * @count: fc count
 *
 * Context: RCU, any but hard interrupt.
 */
void flip_credit_rx(struct flip_neigh *neigh, enum flip_fc type, unsigned int count)
{
	struct flip_ns *ns = neigh->network->ns;
	unsigned int answer, quota;
	bool excess = false;

	spin_lock_bh(&neigh->lock);
	if (type == FLIP_FC_REQCREDIT) {
		quota = neigh->large ? FLIP_CREDITS_OURS : FLIP_CREDITS;
		answer = quota - min_t(unsigned int, atomic_read(&neigh->held), quota);
		neigh->owed = 0;
		trace_flip_credit(neigh, FLIP_CREDIT_EV_REQCREDIT, answer);
		spin_unlock_bh(&neigh->lock);
		flip_credit_give(neigh, FLIP_FC_ABSCREDIT, answer);
		return;
	}
	if (type == FLIP_FC_ABSCREDIT)
		neigh->credits = flip_credit_add(0, count, neigh->quota, &excess);
	else
		neigh->credits = flip_credit_add(neigh->credits, count, neigh->quota, &excess);
	trace_flip_credit(neigh, type == FLIP_FC_ABSCREDIT ? FLIP_CREDIT_EV_ABSCREDIT :
			  FLIP_CREDIT_EV_CREDIT, count);
	neigh->tries = 0;
	neigh->since = jiffies;
	if (!list_empty(&neigh->ready))
		flip_credit_push(neigh, type == FLIP_FC_DATA ? 0 :
				 FLIP_CREDITS - FLIP_CREDIT_OWED);
	spin_unlock_bh(&neigh->lock);
	if (excess)
		flip_stat_inc(ns, CREDIT_EXCESS);
}

/**
 * flip_credit_data() - a packet came that has cost a neighbour a credit
 * @neigh: neighbour
 * @count: fc count of its frame
 *
 * Context: RCU, softirq.
 */
void flip_credit_data(struct flip_neigh *neigh, u8 count)
{
	bool large = count & FLIP_CREDIT_LARGE;

	if (unlikely(READ_ONCE(neigh->large) != large)) {
		spin_lock_bh(&neigh->lock);
		WRITE_ONCE(neigh->large, large);
		spin_unlock_bh(&neigh->lock);
		/* what it knows of us may be older than what we know of it */
		if (large)
			flip_credit_give(neigh, FLIP_FC_CREDIT, 0);
	}
	count &= ~FLIP_CREDIT_LARGE;
	if (count)
		flip_credit_rx(neigh, FLIP_FC_DATA, count);
}

/**
 * flip_credit_ours() - a neighbour said what it is
 * @neigh: neighbour
 * @ours: our kind
 * @payload: what it takes in a packet, 0: it has not said
 *
 * Context: any but hard interrupt.
 */
void flip_credit_ours(struct flip_neigh *neigh, bool ours, unsigned int payload)
{
	if (!ours)
		payload = 0;
	/* nobody has networks of less, and may not make us send more packets than that */
	if (payload)
		payload = clamp(payload, flip_payload_ours(FLIP_MTU_MIN), FLIP_PAYLOAD_MAX);
	ours |= neigh->network->ours;
	if (READ_ONCE(neigh->ours) == ours && READ_ONCE(neigh->payload) == payload)
		return;
	spin_lock_bh(&neigh->lock);
	WRITE_ONCE(neigh->payload, payload);
	if (neigh->ours != ours) {
		neigh->ours = ours;
		neigh->quota = ours ? FLIP_CREDITS_OURS : FLIP_CREDITS;
		if (ours)
			neigh->credits += FLIP_CREDITS_OURS - FLIP_CREDITS;
		else
			neigh->credits = min(neigh->credits, neigh->quota);
		trace_flip_credit(neigh, FLIP_CREDIT_EV_QUOTA, neigh->quota);
		if (!list_empty(&neigh->ready))
			flip_credit_push(neigh, 0);
	}
	spin_unlock_bh(&neigh->lock);
}

/**
 * flip_credit_said() - a CREDIT or ABSCREDIT came
 * @neigh: neighbour
 * @skb: the frame, from its control header on
 *
 * Only who has said with a port locate that it is our kind is believed: behind the two bytes of an original is
 * whatever it had there. Zero, from versions that do not know of this, says nothing. Context: RCU, softirq.
 */
void flip_credit_said(struct flip_neigh *neigh, const struct sk_buff *skb)
{
	__le32 said;

	if (!READ_ONCE(neigh->ours) || skb_copy_bits(skb, FLIP_FC_LEN, &said, sizeof(said)) || !said)
		return;
	flip_credit_ours(neigh, true, le32_to_cpu(said));
}

/* how long after the change, and then after the time before, ms */
static const unsigned int flip_tell_ms[] = { 50, 200, 1000, 5000 };

void flip_tell_work(struct work_struct *work)
{
	struct flip_network *n = container_of(work, struct flip_network, tell.work);
	struct rhashtable_iter iter;
	struct flip_neigh *neigh;

	rhashtable_walk_enter(&n->ns->neighs, &iter);
	rhashtable_walk_start(&iter);		/* takes the RCU lock */
	while ((neigh = rhashtable_walk_next(&iter))) {
		/* the table is being resized: twice does no harm */
		if (IS_ERR(neigh))
			continue;
		if (neigh->network == n && flip_network_usable(n) &&
		    (READ_ONCE(neigh->ours) || READ_ONCE(neigh->large)))
			flip_credit_give(neigh, FLIP_FC_CREDIT, 0);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
	if (n->told < ARRAY_SIZE(flip_tell_ms))
		queue_delayed_work(flip_wq, &n->tell, msecs_to_jiffies(flip_tell_ms[n->told++]));
}

/**
 * flip_tell_payload() - a network takes more or less in a packet than it did
 * @n: network
 *
 * Its neighbours of our kind are told, now and a few times later. Context: RTNL.
 */
void flip_tell_payload(struct flip_network *n)
{
	cancel_delayed_work_sync(&n->tell);
	n->told = 0;
	queue_delayed_work(flip_wq, &n->tell, 0);
}

/* ---- stuck ------------------------------------------------------------------------------ */

static void flip_credit_tick(struct timer_list *t)
{
	struct flip_neigh *neigh = timer_container_of(neigh, t, timer);
	struct flip_network *n = neigh->network;
	bool ask = false, stuck = false;

	spin_lock_bh(&neigh->lock);
	if (READ_ONCE(neigh->dead) || neigh->credits || list_empty(&neigh->ready))
		goto out;
	if (flip_credit_overdue(neigh)) {
		stuck = neigh->tries >= (neigh->ours ? FLIP_CREDIT_TRIES_OURS : FLIP_CREDIT_TRIES);
		ask = !stuck;
		trace_flip_credit(neigh, stuck ? FLIP_CREDIT_EV_STUCK : FLIP_CREDIT_EV_ASK,
				  neigh->tries);
		neigh->tries++;
		neigh->since = jiffies;
	}
	if (!stuck)
		flip_credit_arm(neigh);
out:
	spin_unlock_bh(&neigh->lock);
	if (ask) {
		rcu_read_lock();
		if (flip_network_usable(n))
			flip_eth_control(n, neigh->key.mac, FLIP_FC_REQCREDIT, 0, NULL, 0);
		rcu_read_unlock();
	}
	if (stuck) {
		flip_stat_inc(n->ns, NEIGH_STUCK);
		flip_neigh_forget(neigh);
	}
	flip_neigh_put(neigh);
}

/* everything that waits is lost: the neighbour is dead and out of the table */
void flip_credit_bury(struct flip_neigh *neigh)
{
	struct flip_ns *ns = neigh->network->ns;
	struct flip_txmsg *m, *mnext;
	struct sk_buff_head lost;
	struct flip_flow *flow;
	struct hlist_node *next;
	struct sk_buff *skb;
	unsigned int i;

	__skb_queue_head_init(&lost);
	spin_lock_bh(&neigh->lock);
	for (i = 0; i < ARRAY_SIZE(neigh->flows); i++) {
		hlist_for_each_entry_safe(flow, next, &neigh->flows[i], hash) {
			list_for_each_entry_safe(m, mnext, &flow->msgs, node) {
				WRITE_ONCE(m->error, -ENETDOWN);
				__skb_queue_purge(&m->q);
				flip_txmsg_unlink(m);
			}
			skb_queue_splice_tail_init(&flow->fwd, &lost);
			flip_flow_put(flow);
		}
	}
	atomic_sub(neigh->n_queued, &ns->n_forwards);
	neigh->n_queued = 0;
	if (timer_delete(&neigh->timer))
		flip_neigh_put(neigh);
	spin_unlock_bh(&neigh->lock);

	while ((skb = __skb_dequeue(&lost))) {
		struct flip_neigh *from = flip_cb(skb)->from;

		flip_drop(ns, neigh->network, skb, FLIP_DROP_NEIGH_GONE);
		if (from) {
			flip_credit_done(from, true);
			flip_neigh_put(from);
		}
	}
}

void flip_credit_init(struct flip_neigh *neigh)
{
	unsigned int i;

	spin_lock_init(&neigh->lock);
	neigh->ours = neigh->network->ours;
	neigh->quota = neigh->ours ? FLIP_CREDITS_OURS : FLIP_CREDITS;
	neigh->credits = neigh->quota;
	INIT_LIST_HEAD(&neigh->ready);
	for (i = 0; i < ARRAY_SIZE(neigh->flows); i++)
		INIT_HLIST_HEAD(&neigh->flows[i]);
	timer_setup(&neigh->timer, flip_credit_tick, 0);
	INIT_WORK(&neigh->kick, flip_credit_kick);
}
