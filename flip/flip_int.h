/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of flip.ko share.
 *
 * DESIGN NOTES
 *
 * Nouns. A struct flip_ns is the FLIP of one network namespace. It has endpoints (addresses of
 * its own, flip_ep.c), networks (devices, flip_net.c), neighbours (MACs on a network,
 * flip_neigh.c), routes (addresses elsewhere, flip_route.c), each with locations (a neighbour,
 * the distance over it, and how many destinations are behind it), and pending locates
 * (flip_locate.c). The switch (flip_switch.c) reacts to each packet that arrives; flip_send.c
 * sends what starts here; both end in flip_eth.c, large UNIDATA by way of flip_credit.c.
 *
 * Locks, outermost first:
 *	RTNL		list of networks and their settings
 *	ns->lock	routes, locations and neighbours: all changes (BH)
 *	ns->locate_lock	pending locates (BH)
 *	neigh->lock	credits and what waits for them (BH)
 * No packet is sent and no upcall made under any of them. Endpoints have ep_mutex for changes.
 * Look-ups of everything are under RCU alone; objects are freed after a grace period.
 *
 * Lifetimes. A network is held by the list of its namespace and by each neighbour; a neighbour
 * by its table, each location at it, and each message sent to it. What a reader finds under RCU
 * may be dead already (->dead): the device of a dead network is touched by nobody who looked at
 * ->dead within the same read section, since the reference to it is dropped a grace period
 * after ->dead was set.
 *
 * Contexts. Frames come in softirq. Endpoints send from process context or from an upcall.
 * Upcalls run with bottom halves off, and never within another upcall on the same processor:
 * flip_upcall_begin() marks the processor, messages to addresses of the same namespace are
 * queued while it is marked and delivered when the outer upcall is done (flip_local.c).
 */
#ifndef _FLIP_INT_H
#define _FLIP_INT_H

#include <linux/etherdevice.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/flip.h>
#include <linux/flip.h>
#include <linux/flip_netlink.h>
#include "flip_stat.h"
#include "flip_wire.h"

/* bounds that are constants; those a user may change are in struct flip_tunables */
#define FLIP_MAX_NETWORKS	FLIP_NL_MAX_NETWORKS
#define FLIP_MAX_LOCS		256	/* locations of one address */
#define FLIP_LOOP_ENTRIES	1024	/* facts 1.5 */
#define FLIP_MAX_MC		256	/* group MACs taken on one network, facts 1.5 */
#define FLIP_LOCAL_QUEUE	1024	/* packets waiting for the end of an upcall, per CPU */
#define FLIP_CREDIT_WINDOW	32	/* packets one sender prepares ahead of credits */
#define FLIP_CREDITS		8	/* facts 1.9 */
#define FLIP_CREDIT_OWED	(FLIP_CREDITS - 2)
#define FLIP_CREDITS_OURS	64	/* between our kind */
#define FLIP_CREDIT_OWED_OURS	24
/* forwarded packets waiting for one neighbour's credits: from 32 others, all they may send at once */
#define FLIP_CREDIT_QUEUE	(32 * FLIP_CREDITS_OURS)
#define FLIP_CREDIT_QUEUE_ALL	32768	/* for those of all neighbours */
#define FLIP_CREDIT_LARGE	0x80	/* in the count of DATA: our window is that of our kind */
#define FLIP_CREDIT_ORDER	2	/* jiffies after which a packet is surely on the wire */
#define FLIP_CREDIT_TRIES	5
#define FLIP_CREDIT_SWEEP_MS	500
#define FLIP_CREDIT_STUCK_MS	2000
/* our kind asks earlier, doubling up to that: a packet lost is a credit lost */
#define FLIP_CREDIT_STUCK_OURS_MS 20
#define FLIP_CREDIT_TRIES_OURS	(FLIP_CREDIT_TRIES + 6)	/* as long, all in all */
#define FLIP_REASS_STILL_MS	500	/* then a partial message may make room for another */
#define FLIP_NEIGH_IDLE_S	300	/* facts 1.9 */
#define FLIP_SWEEP_S		25	/* facts 1.6 */
#define FLIP_LOCATE_MS_MIN	100	/* facts 1.8: period */

/* net.flip.*, per namespace: flip_sysctl.c has defaults and bounds */
struct flip_tunables {
	unsigned int	max_routes;
	unsigned int	max_neighbours;
	unsigned int	max_endpoints;
	unsigned int	max_locates;
	unsigned int	locate_queue_bytes;
	unsigned int	locate_rate;
	unsigned int	pin_window;
	unsigned int	route_idle_s;
	unsigned int	forwarding;
	unsigned int	rmem_default;
	unsigned long	reass_bytes;
	struct flip_gids raw_group_range;
};

/* one slot of the loop cache */
struct flip_loop {
	flip_addr_t	src;
	u32		messid;
	u32		offset;
	unsigned long	when;
};

#define FLIP_EP_MARKS		256
#define FLIP_ROUTE_FRONT	64

/**
 * struct flip_ns - the FLIP of one network namespace
 * @net: the namespace
 * @stats: counters
 * @tune: sysctls
 * @eps: endpoints by public address, several to one address
 * @ep_mutex: changes of @eps and @bcast_eps
 * @n_eps: their number
 * @ep_marks: how many have an address with this mark; a destination with none is no address of ours
 * @ep_front: with this mark, the one made last, unless it shares its address: found without @eps
 * @bcast_eps: endpoints that take all broadcasts
 * @networks: list of networks, changed under RTNL
 * @n_networks: their number
 * @next_index: number of the next network
 * @lock: routes, locations, neighbours
 * @routes: struct flip_route by address
 * @route_front: some of those used last: found without @routes. Set under @lock
 * @route_list: all of them, oldest first
 * @n_routes: their number
 * @n_locs: number of locations
 * @neighs: struct flip_neigh by network and MAC
 * @neigh_list: all of them, oldest first
 * @n_neighs: their number
 * @locate_lock: pending locates
 * @locates: hash of them
 * @n_locates: their number, read without the lock to skip the look-up
 * @locate_bytes: truesize of what is queued for them
 * @loop_lock: loop cache
 * @loops: the cache, there from the first network on
 * @seed: of all hashes
 * @reass_bytes: truesize of partial messages
 * @n_forwards: packets that wait for credits, of all neighbours
 * @sweep: ages routes and neighbours
 * @sysctl: registered table
 */
struct flip_ns {
	struct net		*net;
	struct flip_stats __percpu *stats;
	struct flip_tunables	tune;

	struct rhltable		eps;
	struct mutex		ep_mutex;
	unsigned int		n_eps;
	unsigned int		ep_marks[FLIP_EP_MARKS];
	struct flip_ep		*ep_front[FLIP_EP_MARKS];
	struct list_head	bcast_eps;

	struct list_head	networks;
	unsigned int		n_networks;
	u32			next_index;

	spinlock_t		lock;
	struct rhashtable	routes;
	struct flip_route	*route_front[FLIP_ROUTE_FRONT];
	struct list_head	route_list;
	unsigned int		n_routes;
	unsigned int		n_locs;
	struct rhashtable	neighs;
	struct list_head	neigh_list;
	unsigned int		n_neighs;

	spinlock_t		locate_lock;
	struct hlist_head	locates[64];
	atomic_t		n_locates;
	unsigned int		locate_bytes;

	spinlock_t		loop_lock;
	struct flip_loop	*loops;
	u32			seed;

	atomic64_t		reass_bytes;
	atomic_t		n_forwards;
	struct delayed_work	sweep;
	struct ctl_table_header	*sysctl;
};

extern unsigned int flip_ns_id;
extern int flip_family;
extern struct workqueue_struct *flip_wq;

static inline struct flip_ns *flip_ns(const struct net *net)
{
	return net_generic(net, flip_ns_id);
}

#define flip_stat_inc(ns, which)	this_cpu_inc((ns)->stats->c[FLIP_STAT_##which])
#define flip_stat_add(ns, which, n)	this_cpu_add((ns)->stats->c[FLIP_STAT_##which], n)

/* per-CPU counters of a network */
struct flip_network_stats {
	unsigned long	rx_packets, rx_bytes, rx_dropped;
	unsigned long	tx_packets, tx_bytes, tx_dropped;
};

/**
 * struct flip_fault - delay and loss of the frames sent on a network
 * @on: any, or frames still wait
 * @delay: ms
 * @loss: hundredths of a per cent
 * @lock: queue
 * @queue: frames that are not due yet
 * @timer: sends them
 */
struct flip_fault {
	bool			on;
	unsigned int		delay;
	unsigned int		loss;
	spinlock_t		lock;
	struct sk_buff_head	queue;
	struct timer_list	timer;
};

#define FLIP_FAULT_LOSS_ALL	10000	/* every frame */

/* what of a network is to change; negative: stays */
struct flip_network_change {
	int	weight;
	int	trusted;
	int	up;
	int	delay;
	int	loss;
};

/**
 * struct flip_network - a device FLIP runs over
 * @list: in the namespace, RCU
 * @ns: namespace
 * @dev: device, held until a grace period after @dead
 * @tracker: of that reference
 * @index: number, never 0
 * @weight: hops for crossing it
 * @trusted: SECURITY may cross it
 * @up: switched on
 * @running: packets can pass now
 * @dead: being removed
 * @fault: delay and loss on purpose
 * @mtu: payload of one packet, classic
 * @mtu_ours: the same to our kind
 * @ours: all on it are our kind, without their saying so: an overlay
 * @pt: receiver of its frames
 * @stats: counters
 * @rate_lock: of the LOCATE budget
 * @rate_stamp: begin of the current second
 * @rate_count: LOCATEs taken in it
 * @mc_lock: of @mc
 * @mc: group MACs taken (struct flip_mc)
 * @n_mc: their number
 * @mc_work: takes and gives back group MACs
 * @tell: tells those of our kind that @mtu_ours is another
 * @told: so many times by now
 * @pin_not: until then (jiffies) nothing is sent from pages of programs; 0: it may be
 * @refs: holders
 * @rcu: frees it
 */
struct flip_network {
	struct list_head	list;
	struct flip_ns		*ns;
	struct net_device	*dev;
	netdevice_tracker	tracker;
	u32			index;
	u16			weight;
	bool			trusted;
	bool			up;
	bool			running;
	bool			dead;
	struct flip_fault	fault;
	unsigned int		mtu;
	unsigned int		mtu_ours;
	bool			ours;
	struct packet_type	pt;
	struct flip_network_stats __percpu *stats;
	spinlock_t		rate_lock;
	unsigned long		rate_stamp;
	unsigned int		rate_count;
	spinlock_t		mc_lock;
	struct list_head	mc;
	unsigned int		n_mc;
	struct work_struct	mc_work;
	struct delayed_work	tell;
	unsigned int		told;
	unsigned long		pin_not;
	refcount_t		refs;
	struct rcu_head		rcu;
};

static inline bool flip_network_usable(const struct flip_network *n)
{
	return READ_ONCE(n->running) && !READ_ONCE(n->dead);
}

/* key of a neighbour */
struct flip_neigh_key {
	u32	network;
	u8	mac[ETH_ALEN];
	u16	zero;
};

/**
 * struct flip_neigh - a machine on one of our networks
 * @node: in ns->neighs
 * @key: network number and MAC
 * @list: in ns->neigh_list
 * @network: its network, held
 * @locs: locations at it (flip_loc.by_neigh), under ns->lock
 * @n_locs: their number
 * @heard: when a frame of it came last
 * @dead: no longer in the table
 * @refs: holders
 * @lock: all below
 * @ours: it said that it is our kind
 * @payload: and that it takes so much in a packet, 0: it has not said
 * @quota: credits it has given us in all
 * @credits: of them, packets we may send
 * @large: its quota for us is that of our kind
 * @owed: credits to give back
 * @held: packets of it waiting here to be forwarded (not under @lock)
 * @running: somebody is sending from the flows
 * @rerun: and shall look again
 * @tries: REQCREDITs without an answer
 * @since: when credits ran out
 * @ready: flows with a packet to send, round robin
 * @flows: all flows by destination
 * @n_queued: forwarded packets waiting
 * @n_msgs: messages being sent
 * @timer: asks for credits when stuck
 * @cpu: processor that sent last
 * @sent: and when
 * @kick: sends from there
 * @rcu: frees it
 */
struct flip_neigh {
	struct rhash_head	node;
	struct flip_neigh_key	key;
	struct list_head	list;
	struct flip_network	*network;
	struct list_head	locs;
	unsigned int		n_locs;
	unsigned long		heard;
	bool			dead;
	refcount_t		refs;

	spinlock_t		lock;
	bool			ours;
	u8			knows;
	unsigned int		payload;
	unsigned int		quota;
	unsigned int		credits;
	bool			large;
	unsigned int		owed;
	atomic_t		held;
	bool			running;
	bool			rerun;
	unsigned int		tries;
	unsigned long		since;
	struct list_head	ready;
	struct hlist_head	flows[16];
	unsigned int		n_queued;
	unsigned int		n_msgs;
	struct timer_list	timer;
	int			cpu;
	unsigned long		sent;
	struct work_struct	kick;
	struct rcu_head		rcu;
};

/* payload of one packet to a neighbour: what both devices take */
static inline unsigned int flip_neigh_room(const struct flip_neigh *neigh)
{
	unsigned int said = READ_ONCE(neigh->payload);

	return said ? min(said, READ_ONCE(neigh->network->mtu_ours)) :
		READ_ONCE(neigh->network->mtu);
}

/* state of a location in the set-up of hardware multicast, facts 1.10 */
enum flip_mc_state {
	FLIP_MC_NONE,		/* not asked */
	FLIP_MC_ASKED,		/* MCREQ sent */
	FLIP_MC_MEMBER,		/* MCACK came */
	FLIP_MC_REFUSED,	/* MCNAK came */
};

/**
 * struct flip_loc - where an address is: a location of a route
 * @list: in the route, RCU; latest learned first
 * @by_neigh: in the neighbour, under ns->lock
 * @route: route it belongs to, valid as long as the location is linked
 * @neigh: neighbour to send to, held
 * @hops: distance
 * @count: destinations behind it
 * @trusted: those reached over trusted networks only
 * @mc: state of hardware multicast
 * @mc_when: when MCREQ was sent last
 * @rcu: frees it
 */
struct flip_loc {
	struct list_head	list;
	struct list_head	by_neigh;
	struct flip_route	*route;
	struct flip_neigh	*neigh;
	u16			hops;
	u16			count;
	u16			trusted;
	u8			mc;
	unsigned long		mc_when;
	struct rcu_head		rcu;
};

/**
 * struct flip_route - an address somewhere else
 * @node: in ns->routes
 * @addr: public address
 * @list: in ns->route_list
 * @locs: its locations, RCU
 * @n_locs: their number
 * @used: when a packet came from it or went to it last
 * @rcu: frees it
 */
struct flip_route {
	struct rhash_head	node;
	flip_addr_t		addr;
	struct list_head	list;
	struct list_head	locs;
	unsigned int		n_locs;
	unsigned long		used;
	struct rcu_head		rcu;
};

/**
 * struct flip_pkt - a packet on its way through the switch
 * @h: its header
 * @net: network it came by, NULL: this machine
 * @mac: who sent it on that network
 * @neigh: the same as a neighbour, NULL: not known as one; valid under RCU
 * @host: the frame was for our MAC alone
 */
struct flip_pkt {
	struct flip_hdr		h;
	struct flip_network	*net;
	u8			mac[ETH_ALEN];
	struct flip_neigh	*neigh;
	bool			host;
};

/* what is noted in skb->cb of a packet waiting for credits */
struct flip_cb {
	struct flip_neigh	*from;	/* gets a credit back when the packet has left, or NULL */
	u32			at;	/* so much of its payload has left, in pieces */
	bool			lost;	/* no memory for the next of them */
};

static inline struct flip_cb *flip_cb(struct sk_buff *skb)
{
	return (struct flip_cb *)skb->cb;
}

/* flip_ep.c */
struct flip_ep {
	struct rhlist_head	node;
	flip_addr_t		addr;
	struct flip_ns		*ns;
	const struct flip_ep_ops *ops;
	struct module		*owner;
	void			*priv;
	atomic_t		messid;
	bool			bcast;
	bool			dead;
	struct list_head	bcast_node;
	struct rcu_head		rcu;
};

int flip_ep_ns_init(struct flip_ns *ns);
void flip_ep_ns_exit(struct flip_ns *ns);
struct flip_ep *flip_ep_lookup(struct flip_ns *ns, flip_addr_t addr);
unsigned int flip_ep_members(struct flip_ns *ns, flip_addr_t addr);
void flip_ep_listen_bcast(struct flip_ep *ep, bool on);
struct rhlist_head *flip_ep_list(struct flip_ns *ns, flip_addr_t addr);
void flip_deliver_list(struct flip_ns *ns, struct rhlist_head *list, struct sk_buff *skb,
		       const struct flip_rx *rx, bool multi, const struct flip_ep *skip);
void flip_deliver(struct flip_ns *ns, struct sk_buff *skb, const struct flip_rx *rx,
		  bool multi, const struct flip_ep *skip);
void flip_undelivered(struct flip_ns *ns, struct sk_buff *skb, const struct flip_rx *rx,
		      enum flip_undeliv why);

/* flip_local.c */
int flip_local_init(void);
void flip_local_exit(void);
bool flip_upcall_begin(void) __acquires(RCU);
void flip_upcall_end(bool outer) __releases(RCU);
void flip_local_send(struct flip_ns *ns, struct sk_buff *skb, const struct flip_rx *rx,
		     bool multi, const struct flip_ep *skip);
void flip_local_flush(void);

/* flip_neigh.c */
int flip_neigh_ns_init(struct flip_ns *ns);
void flip_neigh_ns_exit(struct flip_ns *ns);
struct flip_neigh *flip_neigh_lookup(struct flip_ns *ns, const struct flip_network *n,
				     const u8 *mac);
struct flip_neigh *flip_neigh_make(struct flip_ns *ns, struct flip_network *n, const u8 *mac,
				   struct list_head *gone);
bool flip_neigh_hold(struct flip_neigh *neigh);
void flip_neigh_put(struct flip_neigh *neigh);
void flip_neigh_unlink(struct flip_ns *ns, struct flip_neigh *neigh, struct list_head *gone);
void flip_neigh_bury(struct flip_ns *ns, struct list_head *gone);
void flip_neigh_forget(struct flip_neigh *neigh);
void flip_neigh_flush(struct flip_ns *ns, const struct flip_network *n, bool routes_only);
void flip_neigh_key_set(struct flip_neigh_key *key, const struct flip_network *n, const u8 *mac);
void flip_neigh_sweep(struct flip_ns *ns);

/* flip_route.c */
enum flip_route_why {
	FLIP_ROUTE_OK,
	FLIP_ROUTE_UNKNOWN,
	FLIP_ROUTE_TOOFAR,
	FLIP_ROUTE_UNSAFE,
};

int flip_route_ns_init(struct flip_ns *ns);
void flip_route_ns_exit(struct flip_ns *ns);
struct flip_route *flip_route_lookup(struct flip_ns *ns, flip_addr_t addr);
struct flip_loc *flip_route_best(struct flip_route *r, const struct flip_network *not_net,
				 u16 budget, bool secure, enum flip_route_why *why);
struct flip_loc *flip_route_find(struct flip_ns *ns, flip_addr_t addr,
				 const struct flip_network *not_net, u16 budget, bool secure,
				 enum flip_route_why *why);
unsigned int flip_route_count(struct flip_ns *ns, flip_addr_t addr,
			      const struct flip_network *not_net, unsigned int *trusted,
			      u16 *farthest);
void flip_route_learn(struct flip_ns *ns, struct flip_pkt *p);
void flip_route_relearn(struct flip_ns *ns, struct flip_pkt *p);
void flip_route_install(struct flip_ns *ns, struct flip_pkt *p, flip_addr_t addr, u16 hops,
			u16 count, u16 trusted, bool only);
void flip_route_remove(struct flip_ns *ns, flip_addr_t addr, const struct flip_network *except);
void flip_route_remove_at(struct flip_ns *ns, flip_addr_t addr, const struct flip_network *n,
			  const u8 *mac);
void flip_route_loc_unlink(struct flip_ns *ns, struct flip_loc *loc);
void flip_route_sweep(struct flip_ns *ns);
void flip_sweep_work(struct work_struct *work);

static inline void flip_route_touch(struct flip_route *r)
{
	unsigned long now = jiffies;

	if (READ_ONCE(r->used) != now)
		WRITE_ONCE(r->used, now);
}

/* flip_loop.c */
bool flip_loop_seen(struct flip_ns *ns, flip_addr_t src, u32 messid, u32 offset);
unsigned int flip_loop_slot(flip_addr_t src, u32 messid, u32 offset, u32 seed);

/* flip_locate.c */
struct flip_want {
	struct flip_ep		*ep;
	flip_addr_t		dst;
	u32			ltime_ms;
	u16			members;	/* of a multicast, 0: unicast */
	bool			secure;
	bool			forced;
	bool			skip_src;
	bool			hipri;
	bool			says_payload;	/* as in struct flip_send */
	u16			payload_at;
};

/**
 * struct flip_patience - how long who sends a message waits
 * @left: jiffies
 * @stop: as in struct flip_send
 * @priv: for @stop
 */
struct flip_patience {
	long		left;
	bool		(*stop)(void *priv);
	void		*priv;
};

/* is it to give up? 0, -EINTR, -ECANCELED */
static inline int flip_impatient(const struct flip_patience *p)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	return p->stop && p->stop(p->priv) ? -ECANCELED : 0;
}

/*
 * Wait for @cond, with what is left of the patience. A signal that is no reason to stop is none to wake
 * up either, so it is waited on for what cannot be overlooked. 0, -EINTR, -ECANCELED, -ETIMEDOUT.
 */
#define flip_wait(wq, cond, p) ({								\
	struct flip_patience *__p = (p);							\
	unsigned long __end = jiffies + __p->left;						\
	long __left;										\
	int __err = flip_impatient(__p);							\
												\
	if (!__err) {										\
		__left = -ERESTARTSYS;								\
		if (__p->stop)									\
			__left = flip_wait_interruptible(wq, (cond) ||				\
					(__err = flip_impatient(__p)), __p->left);		\
		if (__left == -ERESTARTSYS && !__err)						\
			__left = flip_wait_killable(wq, (cond) ||				\
					(__err = flip_impatient(__p)),				\
					__p->left == MAX_SCHEDULE_TIMEOUT ? __p->left :		\
					max_t(long, __end - jiffies, 0));			\
		if (!__err)									\
			__err = __left < 0 ? -EINTR : __left ? 0 : -ETIMEDOUT;			\
		__p->left = max(__left, 0L);							\
	}											\
	__err;											\
})

int flip_locate_ns_init(struct flip_ns *ns);
void flip_locate_ns_exit(struct flip_ns *ns);
int flip_locate_queue(struct flip_ns *ns, const struct flip_want *w, struct sk_buff *skb,
		      u32 messid);
bool flip_locate_join(struct flip_ns *ns, const struct flip_want *w, struct sk_buff *skb,
		      u32 messid);
int flip_locate_wait(struct flip_ns *ns, const struct flip_want *w, struct flip_patience *p);
void flip_locate_found(struct flip_ns *ns, flip_addr_t addr);
void flip_locate_drop_ep(struct flip_ns *ns, const struct flip_ep *ep);
void flip_locate_restart(struct flip_ns *ns);

static inline bool flip_locate_pending(const struct flip_ns *ns)
{
	return atomic_read(&ns->n_locates);
}

/* flip_locate.c: the schedule, apart so that it can be tested */
struct flip_schedule {
	u16	hops;		/* budget of the next LOCATE */
	u32	interval;	/* ms after it */
	bool	forced;
};

void flip_schedule_start(struct flip_schedule *s, bool forced, u16 first);
void flip_schedule_next(struct flip_schedule *s);

/* flip_switch.c */
void flip_switch_rx(struct flip_ns *ns, struct sk_buff *skb, struct flip_pkt *p, u8 credits);
void flip_flood(struct flip_ns *ns, struct sk_buff *skb, const struct flip_hdr *h,
		const struct flip_network *except, const struct flip_want *w);

/* flip_send.c */
void flip_say_payload(struct sk_buff *skb, const struct flip_want *w, const struct flip_network *n);
void flip_send_queued(struct flip_ns *ns, struct sk_buff *skb, const struct flip_want *w,
		      u32 messid);
void flip_rx_of(struct flip_rx *rx, const struct flip_hdr *h);

/* flip_frag.c */
int flip_xmit(struct flip_network *n, const u8 *mac, struct sk_buff *skb,
	      const struct flip_hdr *h);
int flip_xmit_neigh(struct flip_neigh *neigh, struct sk_buff *skb, const struct flip_hdr *h,
		    struct flip_neigh *from);
int flip_hdr_push(struct sk_buff *skb, const struct flip_hdr *h);
struct sk_buff *flip_cut(const struct sk_buff *skb, unsigned int skip, const struct flip_hdr *h,
			 unsigned int room, u32 *at);

/**
 * struct flip_reass_owner - whose memory a message larger than the reassembler's limit is, too
 * @charge: @bytes more, truesize; false: there is no room
 * @uncharge: of a message that was not completed
 *
 * Both are called with the reassembler's lock, which comes before theirs. What is charged for a
 * complete message goes with it (flip_msg.charge).
 */
struct flip_reass_owner {
	bool (*charge)(void *owner, unsigned int bytes);
	void (*uncharge)(void *owner, u64 bytes);
};

/* flip_reass.c */
void flip_reass_limit(struct flip_reass *r, u64 max_bytes);
void flip_reass_owned(struct flip_reass *r, const struct flip_reass_owner *ops, void *owner);

/* flip_later.c */
struct flip_later_msg;

/**
 * struct flip_later - messages of a socket that are sent without it waiting
 * @lock: all below
 * @msgs: struct flip_later_msg, in order
 * @busy: the one being sent
 * @closing: the socket goes
 * @ep: its endpoint
 * @work: sends them
 * @idle: @busy is NULL
 */
struct flip_later {
	spinlock_t		lock;
	struct list_head	msgs;
	struct flip_later_msg	*busy;
	bool			closing;
	struct flip_ep		*ep;
	struct work_struct	work;
	wait_queue_head_t	idle;
};

int flip_later_send(struct flip_later *l, struct sock *sk, struct flip_ep *ep,
		    struct iov_iter *from, struct flip_send *how);
void flip_later_stop(struct flip_later *l);
void flip_later_init(struct flip_later *l);
int flip_later_module_init(void);
void flip_later_module_exit(void);

/* flip_early.c */
struct flip_early {
	struct rb_root		runs;
	unsigned int		n_runs;
	unsigned int		packets;
};

enum flip_early_verdict {
	FLIP_EARLY_KEPT,
	FLIP_EARLY_DUP,		/* all of it is there */
	FLIP_EARLY_OVERLAP,	/* some of it is there */
	FLIP_EARLY_FULL,	/* too many gaps, or no memory */
};

enum flip_early_verdict flip_early_keep(struct flip_early *e, struct sk_buff *skb, u32 offset,
					unsigned int max_runs);
u32 flip_early_first(const struct flip_early *e);
u32 flip_early_take(struct flip_early *e, u32 next, struct sk_buff_head *to);
unsigned int flip_early_missing(const struct flip_early *e, u32 next, u32 total,
				struct flip_range *missing, unsigned int max);
void flip_early_purge(struct flip_early *e);

/* flip_credit.c */
struct flip_flow;

/**
 * struct flip_txmsg - a large message on its way to a neighbour, on its sender's stack
 * @node: in its flow, oldest first; empty once the last packet has left, or after an error
 * @flow: messages and packets to the same address
 * @neigh: neighbour, held
 * @ep: sender
 * @q: packets ready to be sent
 * @wq: its sender
 * @end: no packet will be added
 * @error: sending is over: neighbour or network gone
 */
struct flip_txmsg {
	struct list_head	node;
	struct flip_flow	*flow;
	struct flip_neigh	*neigh;
	const struct flip_ep	*ep;
	struct sk_buff_head	q;
	wait_queue_head_t	wq;
	bool			end;
	int			error;
};

/* flip_pin.c */
struct flip_pin_owner;
struct flip_pin_chunk;

/**
 * struct flip_pin - a large message sent from the pages of the program, on the sender's stack
 * @m: the message
 * @owner: of the chunks; NULL: it is copied
 * @chunk: what packets are made of now
 * @at: of it, where the next begins; bytes from its first page on
 * @left: bytes taken from the iterator and not yet in a packet
 * @bytes: of a chunk
 * @most: chunks out at a time
 * @misses: packets that could not be made of pages
 * @on: go on with pages
 */
struct flip_pin {
	struct flip_txmsg	*m;
	struct flip_pin_owner	*owner;
	struct flip_pin_chunk	*chunk;
	size_t			at;
	u32			left;
	u32			bytes;
	unsigned int		most;
	unsigned int		misses;
	bool			on;
};

void flip_pin_begin(struct flip_pin *pin, struct flip_txmsg *m, const struct iov_iter *data,
		    u32 len, const struct flip_patience *p);
struct sk_buff *flip_pin_fill(struct flip_pin *pin, const void *hdr, u32 hlen, struct iov_iter *data,
			      u32 *len, u32 room, struct flip_patience *p);
void flip_pin_end(struct flip_pin *pin, struct iov_iter *data);

void flip_credit_init(struct flip_neigh *neigh);
void flip_credit_bury(struct flip_neigh *neigh);
int flip_credit_forward(struct flip_neigh *neigh, struct sk_buff *skb, flip_addr_t dst,
			struct flip_neigh *from);
int flip_txmsg_begin(struct flip_txmsg *m, struct flip_neigh *neigh, const struct flip_want *w);
void flip_txmsg_abort(struct flip_ns *ns, const struct flip_ep *ep);
int flip_txmsg_add(struct flip_txmsg *m, struct sk_buff *skb, struct flip_patience *p);
int flip_txmsg_end(struct flip_txmsg *m, int error, struct flip_patience *p);
void flip_credit_consumed(struct flip_neigh *neigh);
void flip_credit_rx(struct flip_neigh *neigh, enum flip_fc type, unsigned int count);
unsigned int flip_credit_add(unsigned int have, unsigned int more, unsigned int quota,
			     bool *excess);
void flip_credit_data(struct flip_neigh *neigh, u8 count);
void flip_credit_ours(struct flip_neigh *neigh, bool ours, unsigned int payload);
void flip_credit_say(struct flip_network *n, const u8 *mac, enum flip_fc type, u8 count, bool ours);
void flip_credit_said(struct flip_neigh *neigh, const struct sk_buff *skb);
void flip_tell_work(struct work_struct *work);
void flip_tell_payload(struct flip_network *n);
unsigned int flip_credit_take(unsigned int *owed);

/* flip_eth.c */
extern const u8 flip_eth_bcast[ETH_ALEN];
int flip_eth_rcv(struct sk_buff *skb, struct net_device *dev, struct packet_type *pt,
		 struct net_device *orig_dev);
struct sk_buff *flip_eth_alloc(unsigned int len, gfp_t gfp);
int flip_eth_give(struct flip_network *n, struct sk_buff *skb);
int flip_eth_xmit(struct flip_network *n, struct sk_buff *skb, const u8 *mac, enum flip_fc type,
		  u8 count);
void flip_eth_control(struct flip_network *n, const u8 *mac, enum flip_fc type, u8 count,
		      const void *body, unsigned int len);

/* flip_fault.c */
int flip_fault_xmit(struct flip_network *n, struct sk_buff *skb);
void flip_fault_set(struct flip_network *n, unsigned int delay, unsigned int loss);
void flip_fault_init(struct flip_network *n);
void flip_fault_exit(struct flip_network *n);

/* flip_net.c */
int flip_net_init(void);
void flip_net_exit(void);
void flip_net_ns_exit(struct flip_ns *ns);
struct netlink_ext_ack;
struct flip_network *flip_network_add(struct flip_ns *ns, struct net_device *dev, u16 weight,
				      bool trusted, bool up, struct netlink_ext_ack *extack);
void flip_network_del(struct flip_network *n);
void flip_network_set(struct flip_network *n, const struct flip_network_change *c);
struct flip_network *flip_network_by_index(struct flip_ns *ns, u32 index);
struct flip_network *flip_network_by_dev(struct flip_ns *ns, const struct net_device *dev);
void flip_network_put(struct flip_network *n);
bool flip_network_locate_ok(struct flip_network *n);
u16 flip_network_least_weight(struct flip_ns *ns);

/* flip_udp.c */
int flip_udp_init(void);
void flip_udp_exit(void);
bool flip_udp_is(const struct net_device *dev);

/* flip_mcast.c */
void flip_mc_init(struct flip_network *n);
void flip_mc_exit(struct flip_network *n);
void flip_mc_rx(struct flip_network *n, const u8 *mac, enum flip_fc type, const u8 *body,
		unsigned int len);
void flip_mc_xmit(struct flip_ns *ns, struct sk_buff *skb, const struct flip_hdr *h,
		  struct flip_route *r, const struct flip_network *except);
void flip_mc_ep_gone(struct flip_ns *ns, flip_addr_t addr);

/* flip_sock.c, flip_proto.c */
int flip_proto_init(void);
void flip_proto_exit(void);
int flip_sock_init(void);
void flip_sock_exit(void);

/* flip_nl.c */
int flip_nl_init(void);
struct genl_info;
int flip_nl_reply_net(struct genl_info *info, struct flip_network *n, enum flip_cmd cmd);
void flip_nl_net_settings(struct genl_info *info, u16 *weight, bool *trusted, bool *up);
void flip_nl_exit(void);
void flip_nl_notify_net(struct flip_network *n, enum flip_cmd cmd, gfp_t gfp);
void flip_nl_notify_neigh(struct flip_neigh *neigh, enum flip_cmd cmd);
void flip_nl_notify_locate(struct flip_ns *ns, flip_addr_t addr);
void flip_nl_notify_route(const struct flip_loc *loc, enum flip_cmd cmd);

/* flip_nl_udp.c */
int flip_nl_fill_udp(struct sk_buff *skb, const struct net_device *dev);
int flip_nl_fill_udp_peer(struct sk_buff *skb, const struct net_device *dev, const u8 *mac);

/* flip_sysctl.c */
int flip_sysctl_ns_init(struct flip_ns *ns);
void flip_sysctl_ns_exit(struct flip_ns *ns);

/* hash of an address: eight bytes a stranger may have chosen, so the seed is secret */
static inline u32 flip_addr_hash(flip_addr_t a, u32 seed)
{
	u64 v = (__force u64)a;

	return jhash_2words((u32)v, (u32)(v >> 32), seed);
}

#endif /* _FLIP_INT_H */
