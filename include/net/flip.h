/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel interface of flip.ko: what amoeba.ko, later amoeba_grp.ko, and the sockets build on.
 */
#ifndef _NET_FLIP_H
#define _NET_FLIP_H

#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <net/net_namespace.h>

/*
 * A FLIP address is eight wire bytes, loaded as they stand: compare, hash and copy it, never
 * compute with it. 0 is the broadcast address.
 */
typedef u64 __bitwise flip_addr_t;

#define FLIP_ADDR_NULL	((__force flip_addr_t)0ULL)

static inline flip_addr_t flip_addr_load(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return (__force flip_addr_t)v;
}

static inline void flip_addr_store(void *p, flip_addr_t a)
{
	u64 v = (__force u64)a;

	memcpy(p, &v, sizeof(v));
}

/* printk: "%*phN" wants a pointer to the bytes */
#define FLIP_ADDR_FMT		"%8phN"

#define FLIP_HDR_LEN		40	/* facts 1.2 */
#define FLIP_FC_LEN		2	/* facts 1.1 */
#define FLIP_ETH_PAYLOAD	1458	/* classic bytes of a message in one frame */
#define FLIP_PAYLOAD_MAX	65493	/* between our kind: an MTU of 65535 */

/* flag byte of the header, facts 1.4 */
#define FLIP_F_BIGENDIAN	0x01
#define FLIP_F_SECURITY		0x04
#define FLIP_F_UNREACHABLE	0x10
#define FLIP_F_UNSAFE		0x20

/* protocols of broadcasts: first four bytes, big-endian, facts 3.3 */
#define FLIP_BCAST_RPC		1
#define FLIP_BCAST_GRP		2

/* why a message came back */
enum flip_undeliv {
	FLIP_UNDELIV_R_TIMEOUT = 1,	/* the locate found nobody */
	FLIP_UNDELIV_R_NOTHERE,		/* bounced by the machine it was sent to */
	FLIP_UNDELIV_R_UNTRUSTED,	/* SECURITY, and only untrusted ways */
	FLIP_UNDELIV_R_NETWORK,		/* device gone, or neighbour gives no credits */
};

/**
 * struct flip_rx - one received packet, all in host byte order
 * @dst: address it was sent to; FLIP_ADDR_NULL for a broadcast
 * @src: sender's address
 * @messid: message id
 * @length: bytes of the message in this packet (= skb->len)
 * @offset: where they belong in the message
 * @total: length of the whole message
 * @hops: distance it came: 0 from this namespace
 * @flags: FLIP_F_SECURITY, FLIP_F_UNSAFE
 * @local: sent by an endpoint of this namespace
 * @network: number of the network it came by, 0: this machine
 */
struct flip_rx {
	flip_addr_t	dst;
	flip_addr_t	src;
	u32		messid;
	u32		length;
	u32		offset;
	u32		total;
	u16		hops;
	u8		flags;
	bool		local;
	u32		network;
};

struct flip_ep;

/**
 * struct flip_ep_ops - upcalls of an endpoint
 * @receive: a packet of a message to this address came in. Softirq or process context, bottom
 *	halves off, under rcu_read_lock(), no FLIP lock held (sending from within is allowed). The
 *	skb (data at the first byte of the payload, linear part at least min(length, 64) bytes)
 *	belongs to the callee. Packets of one message from one sender come one after another
 *	from one path, but packets of different senders come concurrently
 * @undelivered: a message of this endpoint could not be delivered. @rx describes the packet
 *	sent (src is this endpoint, dst the peer); @skb is its payload or NULL when it is no
 *	longer at hand, and belongs to the callee. Once for each packet bounced
 *	(FLIP_UNDELIV_R_NOTHERE, before any repair at the caller's hands; FLIP's own repair
 *	through another network has been tried), once for each message queued for a locate.
 *	Contexts as @receive
 */
struct flip_ep_ops {
	void (*receive)(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx);
	void (*undelivered)(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx,
			    enum flip_undeliv why);
};

/**
 * flip_ep_create() - register an address
 * @net: network namespace
 * @priv_addr: private address, FLIP_ADDR_NULL to have one drawn
 * @ops: upcalls
 * @owner: module of @ops; held until the endpoint is freed
 * @priv: for flip_ep_priv()
 *
 * Context: process. Return: endpoint, or ERR_PTR(-ENOMEM, -ENOBUFS: too many endpoints).
 */
struct flip_ep *flip_ep_create(struct net *net, flip_addr_t priv_addr,
			       const struct flip_ep_ops *ops, struct module *owner, void *priv);

/**
 * flip_ep_destroy() - take an endpoint back
 *
 * Its address is no longer answered for from now on, messages it still has queued are dropped.
 * No upcall runs any more when this returns. Context: process, may sleep (RCU grace period);
 * do not call with a lock held that an upcall takes. One concurrent caller.
 */
void flip_ep_destroy(struct flip_ep *ep);

/**
 * flip_ep_abort() - end the messages an endpoint is sending, its owner is about to go
 * @ep: endpoint; those who wait in flip_send_msg() get -EHOSTUNREACH or -ENETDOWN, what waits for a locate
 *	is dropped without a word
 *
 * Who begins to wait now is not told. Context: process.
 */
void flip_ep_abort(struct flip_ep *ep);

flip_addr_t flip_ep_addr(const struct flip_ep *ep);	/* public address */
void *flip_ep_priv(const struct flip_ep *ep);
struct net *flip_ep_net(const struct flip_ep *ep);

/* next message id of the endpoint, the one the next send uses when flip_send.messid is NULL */
u32 flip_ep_messid(struct flip_ep *ep);

/**
 * struct flip_send - how to send a message
 * @dst: public address; FLIP_ADDR_NULL broadcasts
 * @flags: FLIP_SEND_INVAL, FLIP_SEND_SECURITY, FLIP_SEND_SKIP_SRC (uapi/linux/flip.h)
 * @ltime_ms: how long to look for @dst when no route is known; 0: not at all
 * @hops: hop budget of a broadcast, 1 to 25
 * @members: multicast to @dst, which at least that many endpoints have; 0: to one endpoint
 * @hipri: overtakes messages waiting for credits or in a queue
 * @says_payload: flip_send_skb(): four bytes of the message, little-endian, are to say how much payload the network
 *	it leaves by takes in a packet of our kind; each copy of a broadcast says that of its own. What goes to this
 *	namespace keeps what is there
 * @payload_at: where they are, in the linear part
 * @stop: flip_send_msg(): is the sender to give up? Or NULL. Asked while it waits, whenever it was woken
 *	(wake_up_process() will do) or has got a signal; must not sleep
 * @priv: for @stop
 * @from: with @to: only these bytes of the message, headers included (flip_send_msg())
 * @to: end of them; 0: all of it
 * @has_messid: use @messid, drawn before with flip_ep_messid(), else one is drawn
 * @messid: in with @has_messid; out always: id the message went under
 */
struct flip_send {
	flip_addr_t	dst;
	u32		flags;
	u32		ltime_ms;
	u16		hops;
	u16		members;
	u32		from;
	u32		to;
	bool		hipri;
	bool		says_payload;
	u16		payload_at;
	bool		has_messid;
	u32		messid;
	bool		(*stop)(void *priv);
	void		*priv;
};

/* bytes to reserve in front of the payload in an skb given to flip_send_skb() */
#define FLIP_HEADROOM	ALIGN(LL_MAX_HEADER + FLIP_FC_LEN + FLIP_HDR_LEN + 8, 16)

/**
 * flip_send_skb() - send a message that fits one packet (at most 1458 bytes)
 * @ep: sender
 * @skb: payload with FLIP_HEADROOM in front, consumed whatever is returned
 * @how: destination and manner; @how->messid is filled
 *
 * With no route and ltime_ms > 0 the message is queued (in order per destination), a locate is
 * started and 0 returned; failure comes through @undelivered.
 *
 * A message to an address of this namespace is delivered before the call returns, or, when the
 * caller is an upcall, as soon as that is done: hold no lock that @receive takes.
 *
 * Context: any but hard interrupt. Return: 0; -EHOSTUNREACH: no route and ltime_ms is 0;
 * -ENETUNREACH: SECURITY and only untrusted ways; -ENOBUFS: a queue is full; -EMSGSIZE.
 */
int flip_send_skb(struct flip_ep *ep, struct sk_buff *skb, struct flip_send *how);

/**
 * flip_send_msg() - send a message of any size and wait until its last packet has left
 * @ep: sender
 * @hdr: protocol header put in front of the data
 * @hlen: its bytes, at most 128
 * @data: iterator over the data (ITER_SOURCE), NULL for none; advanced
 * @how: as flip_send_skb()
 * @tmo: limit of the whole call in jiffies, MAX_SCHEDULE_TIMEOUT for none
 *
 * With @how->to and @how->messid the bytes of a message sent before are sent again, those of @hdr
 * like others; @hdr and @data are of the whole message. An empty range, or one that ends behind the
 * message, is -EINVAL.
 *
 * The caller sleeps while the destination is located and while credits are missing. A fatal
 * signal ends the wait; other signals do not, unless @how->stop says so.
 *
 * Context: process. Return: 0; -EHOSTUNREACH: not found; -ENETUNREACH: only untrusted ways;
 * -ENETDOWN: network or neighbour lost on the way; -EFAULT; -EINTR; -ECANCELED: @how->stop;
 * -ETIMEDOUT; -EMSGSIZE; -ENOMEM. After any error but -EHOSTUNREACH and -ENETUNREACH packets may have left.
 */
int flip_send_msg(struct flip_ep *ep, const void *hdr, size_t hlen, struct iov_iter *data,
		  struct flip_send *how, long tmo);

/**
 * flip_peer_is() - what a peer said of its kind
 * @net: namespace
 * @rx: packet it said it in
 * @ours: it runs this software
 * @payload: and takes so much in a packet on this network, bytes; 0: it has not said
 * @knows: bits for flip_peer_knows(), whose meaning is the caller's
 *
 * Concerns the neighbour it is when the packet came from no further than one network: larger
 * packets and a larger window of credits. Context: bottom halves off, rcu_read_lock().
 */
void flip_peer_is(struct net *net, const struct flip_rx *rx, bool ours, u32 payload, u8 knows);

/**
 * flip_peer_knows() - what the machine a packet came from said of itself
 * @net: namespace
 * @rx: the packet
 *
 * Context: bottom halves off, rcu_read_lock(). Return: @knows of the last flip_peer_is(); 0 when it
 * said nothing, or the packet has come further than one network.
 */
u8 flip_peer_knows(struct net *net, const struct flip_rx *rx);

/*
 * Wait for an event, as wait_event_interruptible_timeout() and wait_event_killable_timeout() do, and freeze
 * there when the machine is suspended: who waits for another machine holds no lock and may wait for long.
 */
#define flip_wait_state(wq, cond, state, tmo) ({					\
	long __ret = (tmo);								\
											\
	might_sleep();									\
	if (!___wait_cond_timeout(cond))						\
		__ret = ___wait_event(wq, ___wait_cond_timeout(cond),			\
				      ((state) | TASK_FREEZABLE), 0, tmo,		\
				      __ret = schedule_timeout(__ret));			\
	__ret;										\
})
#define flip_wait_interruptible(wq, cond, tmo)	flip_wait_state(wq, cond, TASK_INTERRUPTIBLE, tmo)
#define flip_wait_killable(wq, cond, tmo)	flip_wait_state(wq, cond, TASK_KILLABLE, tmo)

/* counter number @i of a namespace, from 0 on; false: there are no more. Any context */
bool flip_counter(struct net *net, unsigned int i, const char **name, u64 *value);

/* distance of the best known route in hops (0: this namespace), or -EHOSTUNREACH; any context */
int flip_route_distance(struct net *net, flip_addr_t dst);

/**
 * struct flip_bcast - receiver of broadcasts of one protocol
 * @protocol: FLIP_BCAST_*
 * @receive: as flip_ep_ops.receive, without an endpoint; the skb's data is the protocol number
 *	(4 bytes) and what follows. Broadcasts of endpoints of the same namespace arrive too
 *	(@rx->local)
 */
struct flip_bcast {
	u32	protocol;
	void	(*receive)(struct net *net, struct sk_buff *skb, const struct flip_rx *rx);
	struct hlist_node	node;	/* flip.ko's own */
};

int flip_bcast_register(struct flip_bcast *b);	/* -EEXIST; for all namespaces */
void flip_bcast_unregister(struct flip_bcast *b);	/* waits until no upcall runs */

/*
 * Reassembly, one library for sockets and transactions: flip_frag.c.
 *
 * A reassembler belongs to one receiver. Complete messages come out as a list of skbs holding the
 * payload in order; partial ones are bounded in number and bytes and die after FLIP_REASS_MS
 * without progress, or when more than FLIP_REASS_EARLY packets wait for one before them, unless their
 * sender is one to be asked for it.
 */
#define FLIP_REASS_MS	4000	/* facts 3.5 */
#define FLIP_REASS_EARLY 64	/* a credit window of our kind: more cannot be under way */

/**
 * struct flip_msg - a whole received message
 * @skbs: its packets in order; flip_msg_free() frees them
 * @rx: @rx.length is the length of the whole, @rx.offset 0
 * @charge: bytes of memory still charged to net.flip.reass_bytes of @net: it is larger than its
 *	reassembler's limit. flip_msg_free() gives them back
 * @net: namespace
 */
struct flip_msg {
	struct sk_buff_head	skbs;
	struct flip_rx		rx;
	u64			charge;
	struct net		*net;
};

struct flip_reass;

/**
 * flip_reass_create() - a reassembler
 * @max_bytes: of all partial messages together (payload)
 * @max_msgs: number of partial messages at once
 * Context: process. Return: reassembler or NULL.
 */
struct flip_reass *flip_reass_create(struct net *net, u64 max_bytes, unsigned int max_msgs);
void flip_reass_destroy(struct flip_reass *r);	/* process context; waits for its timer */

/**
 * flip_reass_big() - may a message come in that is larger than max_bytes?
 * @r: reassembler
 * @allow: one at a time, within net.flip.reass_bytes; it stays charged when it is whole, and the only one until
 *	flip_reass_big_done()
 */
void flip_reass_big(struct flip_reass *r, bool allow);

/* a message with a charge has been freed: another may come. Before flip_reass_destroy(); any context */
void flip_reass_big_done(struct flip_reass *r);

#define FLIP_REASS_ASK		128	/* ranges asked for at once */
#define FLIP_REASS_ASK_MS	20	/* nothing came for so long: reordering is over */
#define FLIP_REASS_ASK_MOST_MS	640	/* the time doubles with each question in vain, up to this */

/**
 * struct flip_range - bytes of a message
 * @from: the first
 * @to: behind the last
 */
struct flip_range {
	u32	from;
	u32	to;
};

/**
 * struct flip_reass_ask - how to ask for what is missing
 * @may: does the sender of this packet send ranges again? For the packet of a message that
 *	comes first, and again for the one at offset 0. Contexts as flip_reass_add(), with a lock
 *	of the reassembler held
 * @ask: nothing more of a message came for a while, and these are missing: at most
 *	FLIP_REASS_ASK, in order, each not empty. @rx describes the message. Softirq, no lock held
 */
struct flip_reass_ask {
	bool (*may)(void *priv, const struct sk_buff *skb, const struct flip_rx *rx);
	void (*ask)(void *priv, const struct flip_rx *rx, const struct flip_range *missing,
		    unsigned int n);
};

/**
 * flip_reass_asks() - ask the senders that can be asked
 * @r: reassembler, before its first packet
 * @ops: how
 * @priv: for @ops
 *
 * Context: process. Return: 0 or -ENOMEM.
 */
int flip_reass_asks(struct flip_reass *r, const struct flip_reass_ask *ops, void *priv);
void flip_reass_mute(struct flip_reass *r);	/* ask no more; process context, waits for @ask */

/* memory of a message that was charged to the namespace is free again; any context */
void flip_reass_uncharge(struct net *net, u64 charge);

/**
 * flip_reass_add() - take in one packet
 * @r: reassembler; it has a spinlock of its own
 * @skb: consumed
 * @rx: describes it
 *
 * Context: any but hard interrupt. Return: the whole message when @skb completed one (a one-packet
 * message at once), NULL otherwise; drops are counted with their reason. The caller frees the
 * message with flip_msg_free().
 */
struct flip_msg *flip_reass_add(struct flip_reass *r, struct sk_buff *skb,
				const struct flip_rx *rx);
void flip_msg_free(struct flip_msg *m);		/* any context */

/* drop @skip bytes, then copy to @to what fits; returns bytes copied or -EFAULT; may sleep */
ssize_t flip_msg_copy(const struct flip_msg *m, size_t skip, struct iov_iter *to);

/*
 * Socket types of other modules: amoeba.ko adds SOCK_SEQPACKET, FLIPPROTO_RPC.
 * Alias: MODULE_ALIAS("net-pf-18-proto-1").
 */
struct socket;
typedef int (*flip_proto_create_t)(struct net *net, struct socket *sock, int protocol, int kern);
int flip_proto_register(int type, int protocol, flip_proto_create_t create, struct module *owner);
void flip_proto_unregister(int type, int protocol);

/* ids of the groups whose members may; flip_gids.c */
struct flip_gids {
	seqlock_t	lock;
	int		range[2];	/* first and last; first > last: nobody */
};

void flip_gids_init(struct flip_gids *g, int first, int last);
bool flip_gids_allowed(struct flip_gids *g, struct net *net);
int flip_gids_sysctl(compat_ctl_table_t *table, int write, void *buffer, size_t *lenp, loff_t *ppos);

extern int flip_family;		/* number of the address family; 0: no sockets */

/* a socket address given by a program: 0, -EINVAL, -EAFNOSUPPORT */
struct sockaddr_flip;
int flip_sockaddr_get(const struct sockaddr_flip *sf, int len, flip_addr_t *addr);

/* one for a program; returns its length */
int flip_sockaddr_put(struct sockaddr_flip *sf, flip_addr_t addr, u32 network);

#endif /* _NET_FLIP_H */
