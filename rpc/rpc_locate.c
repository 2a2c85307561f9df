// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which FLIP address serves a port: the cache, and asking the network (facts 3.3).
 *
 * One call at a time looks for a port (loc->locator); others that want it wait for what it finds
 * and, should it give up or be interrupted, take its place with the time they have left. Each has an
 * entry in loc->wq, which stirs the call's runner: it looks for itself what there is.
 *
 * LOCATEs are broadcast with a hop budget of 3, 7, 15, 25, 25, ...: 100 ms apart, doubling after
 * the second 25, and the limit is looked at after each interval. The original's first
 * attempt has budget 1, never leaves the machine and costs 100 ms; here the namespace's own ports
 * are looked up first and the network is asked at once.
 *
 * Context: process, except amrpc_locate_hereis() and amrpc_locate_receive() (softirq).
 * Locks: an->locs_lock (LRU) and loc->lock, not nested in one another's critical section.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "rpc.h"
#include "rpc_hash.h"

static const struct rhashtable_params loc_params = {
	.key_len	= sizeof(u64),
	.key_offset	= offsetof(struct amrpc_loc, port),
	.head_offset	= offsetof(struct amrpc_loc, node),
	.hashfn		= amrpc_key_hash,
	.obj_cmpfn	= amrpc_key_cmp,
	.automatic_shrinking = true,
};

/* under rcu_read_lock() */
static struct amrpc_loc *loc_lookup(struct amrpc_net *an, u64 port)
{
	struct amrpc_loc *loc = READ_ONCE(an->loc_front[amrpc_front(port)]);

	if (loc && loc->port == port)
		return loc;
	return rhashtable_lookup(&an->locs, &port, loc_params);
}

static void loc_put(struct amrpc_loc *loc)
{
	if (refcount_dec_and_test(&loc->ref))
		kfree_rcu(loc, rcu);
}

/* what a loc says has changed; it may be what a call keeps from its predecessor */
static void changed(struct amrpc_net *an)
{
	atomic_inc_return(&an->ways);	/* a full barrier */
}

/* make room: the oldest not used since we came by last; locs_lock held */
static struct amrpc_loc *evict(struct amrpc_net *an)
{
	lockdep_assert_held(&an->locs_lock);
	for (unsigned int i = 0; i < 32; i++) {
		struct amrpc_loc *loc = list_first_entry_or_null(&an->locs_lru,
								 struct amrpc_loc, lru);

		if (!loc)
			return NULL;
		if (refcount_read(&loc->ref) == 1 && (i >= 16 || !READ_ONCE(loc->used))) {
			list_del_init(&loc->lru);
			loc->hashed = false;
			rhashtable_remove_fast(&an->locs, &loc->node, loc_params);
			if (an->loc_front[amrpc_front(loc->port)] == loc)
				WRITE_ONCE(an->loc_front[amrpc_front(loc->port)], NULL);
			an->nr_locs--;
			changed(an);
			return loc;
		}
		WRITE_ONCE(loc->used, false);
		list_move_tail(&loc->lru, &an->locs_lru);
	}
	return NULL;
}

/*
 * Room for one more? One goes for one that comes, two while the limit was made smaller; false: all are
 * in use right now.
 */
static bool make_room(struct amrpc_net *an, struct amrpc_loc *gone[2])
{
	unsigned int most = READ_ONCE(an->tune.max_cached);

	if (an->nr_locs < most)
		return true;
	gone[0] = evict(an);
	if (gone[0] && an->nr_locs >= most)
		gone[1] = evict(an);
	return gone[0];
}

static struct amrpc_loc *loc_find(struct amrpc_net *an, u64 port)
{
	struct amrpc_loc *loc;

	rcu_read_lock();
	loc = loc_lookup(an, port);
	if (loc && !refcount_inc_not_zero(&loc->ref))
		loc = NULL;
	rcu_read_unlock();
	return loc;
}

static struct amrpc_loc *loc_get(struct amrpc_net *an, u64 port)
{
	struct amrpc_loc *loc = loc_find(an, port), *old, *gone[2] = { };

	if (loc)
		return loc;
	loc = kzalloc(sizeof(*loc), GFP_KERNEL_ACCOUNT);
	if (!loc)
		return NULL;
	loc->port = port;
	refcount_set(&loc->ref, 2);
	spin_lock_init(&loc->lock);
	init_waitqueue_head(&loc->wq);

	spin_lock_bh(&an->locs_lock);
	if (!make_room(an, gone)) {
		spin_unlock_bh(&an->locs_lock);
		kfree(loc);
		return NULL;
	}
	old = rhashtable_lookup_get_insert_fast(&an->locs, &loc->node, loc_params);
	if (old) {
		if (IS_ERR(old) || !refcount_inc_not_zero(&old->ref))
			old = NULL;
		spin_unlock_bh(&an->locs_lock);
		kfree(loc);
		loc = old;
	} else {
		loc->hashed = true;
		list_add_tail(&loc->lru, &an->locs_lru);
		an->nr_locs++;
		smp_store_release(&an->loc_front[amrpc_front(port)], loc);
		spin_unlock_bh(&an->locs_lock);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(gone); i++)
		if (gone[i])
			loc_put(gone[i]);
	return loc;
}

static void take(struct amrpc_call *call, const struct amrpc_way *way)
{
	call->peer = way->addr;
	call->rtt = way->rtt;
	call->server_idx = way->server_idx;
	call->resp = way->resp;
	call->ours = way->ours;
	call->knows = way->knows;
}

/* the call goes there, if its server is known; loc->lock held */
static bool direct(struct amrpc_call *call, const struct amrpc_loc *loc)
{
	lockdep_assert_held(&loc->lock);
	if (loc->known)
		take(call, &loc->way);
	return loc->known;
}

/**
 * amrpc_loc_lookup() - where was the port of a call served last?
 * @call: as for amrpc_locate()
 *
 * That the call before it, of the same file, learnt within this jiffy is right still unless anything has
 * changed; once in a jiffy the cache is asked, and knows what is used.
 * Context: process; by the call's runner. Return: true when that is known.
 */
bool amrpc_loc_lookup(struct amrpc_call *call)
{
	struct amrpc_net *an = call->file->an;
	u32 age = atomic_read_acquire(&an->ways);
	struct amrpc_loc *loc;
	bool known = false;

	if (call->last.port == call->port && call->last.age == age && call->last.when == jiffies) {
		take(call, &call->last.way);
		return true;
	}
	call->last.port = 0;
	rcu_read_lock();
	loc = loc_lookup(an, call->port);
	if (loc) {
		spin_lock_bh(&loc->lock);
		known = direct(call, loc);
		if (known)
			call->last.way = loc->way;
		spin_unlock_bh(&loc->lock);
		if (!READ_ONCE(loc->used))
			WRITE_ONCE(loc->used, true);
	}
	rcu_read_unlock();
	if (known) {
		call->last.port = call->port;
		call->last.age = age;
		call->last.when = jiffies;
	}
	return known;
}

/* it is not there any more: forget it, unless somebody has found it elsewhere meanwhile */
void amrpc_loc_drop(struct amrpc_net *an, u64 port, flip_addr_t addr)
{
	struct amrpc_loc *loc;

	rcu_read_lock();
	loc = loc_lookup(an, port);
	if (loc) {
		spin_lock_bh(&loc->lock);
		if (loc->way.addr == addr)
			loc->known = false;
		changed(an);
		spin_unlock_bh(&loc->lock);
	}
	rcu_read_unlock();
}

/**
 * amrpc_loc_answered() - what a server took to answer
 * @call: of our kind; a REPLY has come
 * @ms: after its REQUEST left
 *
 * Becomes longer quickly, shorter slowly; what is a tick or nothing is not worth a look-up.
 * Context: process.
 */
void amrpc_loc_answered(const struct amrpc_call *call, unsigned int ms)
{
	struct amrpc_net *an = call->file->an;
	struct amrpc_loc *loc;

	ms = min_t(unsigned int, ms, AMRPC_OURS_FIRST_MAX);
	if (ms <= AMRPC_OURS_FIRST / 4 && call->resp <= AMRPC_OURS_FIRST / 4)
		return;
	rcu_read_lock();
	loc = loc_lookup(an, call->port);
	if (loc) {
		spin_lock_bh(&loc->lock);
		if (loc->way.addr == call->peer)
			loc->way.resp = ms > loc->way.resp ? (loc->way.resp + ms + 1) / 2 :
							     (7 * loc->way.resp + ms) / 8;
		changed(an);
		spin_unlock_bh(&loc->lock);
	}
	rcu_read_unlock();
}

/* a server of this namespace is about to wait: those looking for it want to know; after the waiter
 * was added, with a full barrier in between
 */
void amrpc_loc_wake(struct amrpc_net *an, u64 port)
{
	struct amrpc_loc *loc;

	if (!atomic_read(&an->locating))
		return;
	rcu_read_lock();
	loc = loc_lookup(an, port);
	if (loc)
		wake_up_all(&loc->wq);
	rcu_read_unlock();
}

static u32 clock_ms(void)
{
	return (u32)ktime_to_ms(ktime_get());
}

/* the kid field of a LOCATE or HEREIS of our kind: what it knows; what it takes in a packet depends on the network */
static void say_kind(struct amrpc_wire *w)
{
	u8 *p = (u8 *)&w->kid;

	w->kid = 0;
	if (!(w->flags & AMRPC_F_OURS))
		return;
	p[AMRPC_KNOWS] = AMRPC_KNOWS_ALL;
}

static u8 what_it_knows(const struct amrpc_wire *w)
{
	return w->flags & AMRPC_F_OURS ? ((const u8 *)&w->kid)[AMRPC_KNOWS] : 0;
}

static void said_kind(const struct amrpc_wire *w, struct net *net, const struct flip_rx *rx)
{
	bool ours = w->flags & AMRPC_F_OURS;

	if (!rx->local)
		flip_peer_is(net, rx, ours, ours ? get_unaligned_le32(&w->kid) : 0,
			     what_it_knows(w));
}

static void send_locate(struct amrpc_call *call, u16 hops)
{
	struct amrpc_wire w = {
		.port = call->port, .type = AMRPC_LOCATE, .flags = AMRPC_F_OURS,
		.tid = clock_ms(), .from = call->idx,
	};
	struct flip_send how = {
		.dst = FLIP_ADDR_NULL, .hops = hops, .hipri = true,
		.says_payload = true, .payload_at = 4 + AMRPC_PAYLOAD,
	};
	u8 p[4 + AMRPC_HDR];

	say_kind(&w);
	put_unaligned_be32(FLIP_BCAST_RPC, p);
	amrpc_wire_put(p + 4, &w);
	amrpc_send_one(call->file, NULL, p, sizeof(p), NULL, 0, &how);
	amrpc_count(call->file->an, LOCATE_TX);
}

static bool served_here(const struct amrpc_run *r)
{
	return !r->remote_only && amrpc_port_served(r->call->file->an, r->call->port, NULL);
}

/* is there anything new for one that waits? */
static bool settled(const struct amrpc_run *r)
{
	return READ_ONCE(r->loc->known) || (!r->locator && !READ_ONCE(r->loc->locator)) ||
	       served_here(r);
}

/* loc->wq was woken; any context */
static int loc_wake(struct wait_queue_entry *wait, unsigned int mode, int flags, void *key)
{
	amrpc_call_stir(container_of(wait, struct amrpc_run, loc_wait)->call);
	return 0;
}

static int locate_over(struct amrpc_run *r, int ret)
{
	struct amrpc_loc *loc = r->loc;

	remove_wait_queue(&loc->wq, &r->loc_wait);
	if (r->locator) {
		spin_lock_bh(&loc->lock);
		loc->locator = NULL;
		spin_unlock_bh(&loc->lock);
		wake_up_all(&loc->wq);
	}
	atomic_dec(&r->call->file->an->locating);
	loc_put(loc);
	r->loc = NULL;
	return ret;
}

/* look, ask if it is our turn, and wait */
static int locate_ask(struct amrpc_run *r)
{
	struct amrpc_call *call = r->call;
	struct amrpc_loc *loc = r->loc;
	unsigned int ms = r->step;

	spin_lock_bh(&loc->lock);
	if (direct(call, loc)) {
		spin_unlock_bh(&loc->lock);
		return locate_over(r, 0);
	}
	if (!loc->locator) {
		loc->locator = call;
		r->locator = true;
	}
	spin_unlock_bh(&loc->lock);

	if (served_here(r))
		return locate_over(r, 1);
	if (r->elapsed >= r->locate_ms || amrpc_expired(r->deadline))
		return locate_over(r, -ENOENT);
	if (r->locator)
		send_locate(call, r->hops);
	/* a limit other than the default is kept to the letter */
	if (r->locate_ms != AMOEBA_LOCATE_MS)
		ms = min(ms, r->locate_ms - r->elapsed);
	r->since = jiffies;
	return amrpc_run_wait(r, msecs_to_jiffies(ms));
}

/**
 * amrpc_locate_begin() - find a server of a call's port on the network
 * @r: its call's peer, rtt, server_idx and ours are filled
 *
 * For r->locate_ms at most. Context: process. Return: 0: found; 1: a server came up in this namespace;
 * -ENOENT: not found; -EINTR: a signal is pending; -ECANCELED: the call is to end; -ENOMEM; AMRPC_WAITS:
 * amrpc_locate_step() is next.
 */
int amrpc_locate_begin(struct amrpc_run *r)
{
	r->loc = loc_get(r->call->file->an, r->call->port);
	if (!r->loc)
		return -ENOMEM;
	r->hops = 3;
	r->step = AMRPC_LOCATE_STEP;
	r->elapsed = 0;
	r->locator = false;
	atomic_inc(&r->call->file->an->locating);
	smp_mb__after_atomic();		/* before looking at the ports, see amrpc_loc_wake() */
	init_waitqueue_func_entry(&r->loc_wait, loc_wake);
	add_wait_queue(&r->loc->wq, &r->loc_wait);
	return locate_ask(r);
}

/**
 * amrpc_locate_step() - the call has waited
 * @r: as amrpc_locate_begin() has left it
 * @ev: AMRPC_EV_*
 * @up: the time is up
 *
 * Context and return: as amrpc_locate_begin().
 */
int amrpc_locate_step(struct amrpc_run *r, unsigned int ev, bool up)
{
	if (ev & AMRPC_EV_INTR)
		return locate_over(r, -EINTR);
	if (READ_ONCE(r->call->cancelled))
		return locate_over(r, -ECANCELED);
	if (up) {
		r->elapsed += r->step;
		if (r->hops < FLIP_MAX_HOPS)
			r->hops = min(2 * r->hops + 1, FLIP_MAX_HOPS);
		else
			r->step *= 2;
		return locate_ask(r);
	}
	if (!settled(r))
		return AMRPC_WAITS;
	/* not our schedule: count only the time */
	if (!r->locator)
		r->elapsed += min(r->step, jiffies_to_msecs(jiffies - r->since));
	return locate_ask(r);
}

/* an answer to a LOCATE of one of our calls; softirq */
void amrpc_locate_hereis(struct amrpc_file *f, const struct amrpc_wire *w,
			 const struct flip_rx *rx)
{
	struct amrpc_net *an = f->an;
	s32 rtt = (s32)(clock_ms() - w->tid);
	struct amrpc_loc *loc;

	amrpc_count(an, HEREIS_RX);
	rcu_read_lock();
	said_kind(w, an->net, rx);
	loc = loc_lookup(an, w->port);
	if (!loc) {
		amrpc_count(an, DROP_NOCALL);
		goto out;
	}
	spin_lock_bh(&loc->lock);
	/* only while one of this file's calls is asking; the first answer counts */
	if (!loc->known && loc->locator && loc->locator->file == f &&
	    loc->locator->idx == w->dest && !rx->local) {
		loc->way = (struct amrpc_way){
			.addr = rx->src, .server_idx = w->from,
			.rtt = rtt <= 0 ? AMRPC_RTT_DEFAULT : min_t(s32, rtt, AMRPC_RTT_MAX),
			.ours = w->flags & AMRPC_F_OURS, .knows = what_it_knows(w),
		};
		WRITE_ONCE(loc->known, true);
		changed(an);
	}
	spin_unlock_bh(&loc->lock);
	wake_up_all(&loc->wq);
out:
	rcu_read_unlock();
}

/* a broadcast with protocol number 1: somebody looks for a port; softirq */
void amrpc_locate_receive(struct net *net, struct sk_buff *skb, const struct flip_rx *rx)
{
	struct amrpc_net *an = amrpc_pernet(net);
	u8 buf[AMRPC_HDR];
	const u8 *p;
	struct amrpc_file *f;
	struct amrpc_wire w;
	u16 idx;

	if (rx->local)		/* our own: local ports were looked at before asking */
		goto drop;
	p = rx->total == 4 + AMRPC_HDR && rx->offset == 0 ?
	    skb_header_pointer(skb, 4, sizeof(buf), buf) : NULL;
	if (!p) {
		amrpc_count(an, DROP_SHORT);
		goto drop;
	}
	amrpc_wire_get(p, &w);
	if (w.type != AMRPC_LOCATE) {
		amrpc_count(an, DROP_TYPE);
		goto drop;
	}
	amrpc_count(an, LOCATE_RX);
	rcu_read_lock();
	said_kind(&w, net, rx);
	if (amrpc_port_answer(an, w.port, &idx, &f)) {
		w.type = AMRPC_HEREIS;
		w.flags &= AMRPC_F_OURS;
		w.dest = w.from;
		w.from = idx;
		say_kind(&w);
		amrpc_send_ctl(f, rx->src, &w, 0, 0, NULL);
		amrpc_count(an, HEREIS_TX);
		amrpc_file_put(f);
	}
	rcu_read_unlock();
drop:
	kfree_skb(skb);
}

int amrpc_locs_init(struct amrpc_net *an)
{
	spin_lock_init(&an->locs_lock);
	INIT_LIST_HEAD(&an->locs_lru);
	return rhashtable_init(&an->locs, &loc_params);
}

static void free_loc(void *ptr, void *arg)
{
	kfree(ptr);
}

void amrpc_locs_exit(struct amrpc_net *an)
{
	rhashtable_free_and_destroy(&an->locs, free_loc, NULL);
}
