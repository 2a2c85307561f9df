/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of a namespace, and the reasons of drops, which are counters too.
 *
 * The names are interface: netlink, amctl and the tests use them.
 */
#ifndef _FLIP_STAT_H
#define _FLIP_STAT_H

#include <linux/percpu.h>
#include <linux/skbuff.h>

/* S(enumerator, name) */
#define FLIP_STAT_COUNTERS(S)							\
	S(RX_LOCATE,		"rx_locate")					\
	S(RX_HEREIS,		"rx_hereis")					\
	S(RX_UNIDATA,		"rx_unidata")					\
	S(RX_MULTIDATA,		"rx_multidata")					\
	S(RX_NOTHERE,		"rx_nothere")					\
	S(RX_UNTRUSTED,		"rx_untrusted")					\
	S(RX_CREDIT,		"rx_credit")					\
	S(RX_REQCREDIT,		"rx_reqcredit")					\
	S(RX_ABSCREDIT,		"rx_abscredit")					\
	S(RX_MCREQ,		"rx_mcreq")					\
	S(RX_MCACK,		"rx_mcack")					\
	S(RX_MCNAK,		"rx_mcnak")					\
	S(TX_LOCATE,		"tx_locate")					\
	S(TX_HEREIS,		"tx_hereis")					\
	S(TX_UNIDATA,		"tx_unidata")					\
	S(TX_MULTIDATA,		"tx_multidata")					\
	S(TX_NOTHERE,		"tx_nothere")					\
	S(TX_UNTRUSTED,		"tx_untrusted")					\
	S(TX_CREDIT,		"tx_credit")					\
	S(TX_REQCREDIT,		"tx_reqcredit")					\
	S(TX_ABSCREDIT,		"tx_abscredit")					\
	S(TX_MCREQ,		"tx_mcreq")					\
	S(TX_MCACK,		"tx_mcack")					\
	S(TX_MCNAK,		"tx_mcnak")					\
	S(TX_FAILED,		"tx_failed")					\
	S(TX_PINNED,		"tx_pinned")	/* packets made of the sender's pages */ \
	S(PIN_LIMIT,		"pin_limit")	/* RLIMIT_MEMLOCK: copied instead */ \
	S(PIN_KEPT,		"pin_kept")	/* by a device, for long: no pages for a while */ \
	S(LOCAL,		"local")					\
	S(FORWARDED,		"forwarded")					\
	S(REFRAGMENTED,		"refragmented")					\
	S(REPAIRED,		"repaired")					\
	S(UNDELIVERED,		"undelivered")					\
	S(LOCATE_STARTED,	"locate_started")				\
	S(LOCATE_FOUND,		"locate_found")					\
	S(LOCATE_FAILED,	"locate_failed")				\
	S(LOCATE_FULL,		"locate_full")					\
	S(ROUTE_ADDED,		"route_added")					\
	S(ROUTE_REMOVED,	"route_removed")				\
	S(ROUTE_EVICTED,	"route_evicted")				\
	S(ROUTE_AGED,		"route_aged")					\
	S(ROUTE_FULL,		"route_full")					\
	S(NEIGH_ADDED,		"neigh_added")					\
	S(NEIGH_REMOVED,	"neigh_removed")				\
	S(NEIGH_EVICTED,	"neigh_evicted")				\
	S(NEIGH_STUCK,		"neigh_stuck")					\
	S(CREDIT_WAIT,		"credit_wait")					\
	S(CREDIT_EXCESS,	"credit_excess")				\
	S(REASS_DONE,		"reass_done")					\
	S(REASS_DUP,		"reass_duplicate")				\
	S(REASS_OVERLAP,	"reass_overlap")				\
	S(REASS_TIMEOUT,	"reass_timeout")				\
	S(REASS_EVICTED,	"reass_evicted")				\
	S(REASS_ASKED,		"reass_asked")	/* questions for what is missing */ \
	S(REASS_ASKED_RANGES,	"reass_asked_ranges")				\
	S(SOCK_FULL,		"sock_full")					\
	S(MC_JOINED,		"mc_joined")					\
	S(EP_FULL,		"ep_full")					\
	S(UDP_EVICTED,		"udp_evicted")

/* D(enumerator, name): what is dropped, and why; counted as drop_<name> */
#define FLIP_DROP_REASONS(D)							\
	D(OTHERHOST,		"otherhost")	/* frame for another machine */	\
	D(NOMEM,		"nomem")	/* no memory */			\
	D(SHORT,		"short")	/* shorter than its headers */	\
	D(FC_TYPE,		"fc_type")	/* unknown control type */	\
	D(VERSION,		"version")	/* FLIP version not 1 */	\
	D(TYPE,			"type")		/* unknown FLIP type */		\
	D(FLAGS,		"flags")	/* variable part announced */	\
	D(LENGTH,		"length")	/* length beyond the frame */	\
	D(BOUNDS,		"bounds")	/* fragment beyond its message */ \
	D(HOPS,			"hops")		/* actual above maximum, or above 25 */ \
	D(ADDRESS,		"address")	/* null where none may be */	\
	D(HEREIS,		"hereis")	/* bad body of a HEREIS */	\
	D(LOOP,			"loop")		/* seen before */		\
	D(LOCATE_RATE,		"locate_rate")	/* network's LOCATEs per second */ \
	D(TOOFAR,		"toofar")	/* hop budget does not reach */	\
	D(NOROUTE,		"noroute")	/* nowhere to, and no way to say so */ \
	D(UNSAFE,		"unsafe")	/* SECURITY, and no trusted way back */ \
	D(NOFORWARD,		"noforward")	/* forwarding is switched off */ \
	D(NOBODY,		"nobody")	/* local address, no receiver left */ \
	D(BCAST_PROTO,		"bcast_proto")	/* broadcast of unknown protocol */ \
	D(BCAST_SHORT,		"bcast_short")	/* broadcast without protocol */ \
	D(LOCAL_FULL,		"local_full")	/* queue between local endpoints */ \
	D(CREDIT_FULL,		"credit_full")	/* queue waiting for credits */	\
	D(NEIGH_GONE,		"neigh_gone")	/* neighbour or network lost */	\
	D(NETDOWN,		"netdown")	/* network switched off or down */ \
	D(TXQUEUE,		"txqueue")	/* refused by the device */	\
	D(FAULT,		"fault")	/* on purpose: loss, or delay too long for its queue */ \
	D(MC,			"mc")		/* bad or unwanted multicast control */ \
	D(REASS_GAP,		"reass_gap")	/* fragment missing before it */ \
	D(REASS_TOTAL,		"reass_total")	/* total changed within a message */ \
	D(REASS_BYTES,		"reass_bytes")	/* memory for reassembly is full */ \
	D(REASS_MSGS,		"reass_msgs")	/* too many partial messages */	\
	D(REASS_CGROUP,		"reass_cgroup")	/* receiver's memory cgroup is full */ \
	D(SOCK_RCVBUF,		"sock_rcvbuf")	/* receive buffer full */	\
	D(SOCK_FILTER,		"sock_filter")	/* socket filter said no */	\
	D(UNDELIVERED,		"undelivered")	/* bounced, owner gone */	\
	D(UDP_CHECKSUM,		"udp_checksum")	/* datagram damaged */		\
	D(UDP_HEADER,		"udp_header")	/* of another version, or no overlay's */ \
	D(UDP_SELF,		"udp_self")	/* our own, come back */	\
	D(UDP_SOURCE,		"udp_source")	/* from none of the peers */	\
	D(UDP_FULL,		"udp_full")	/* table of peers */		\
	D(UDP_UNKNOWN,		"udp_unknown")	/* to a peer no longer in the table */ \
	D(UDP_QUEUE,		"udp_queue")	/* of what is to be sent, full */ \
	D(UDP_TOOBIG,		"udp_toobig")	/* for the path, which is known now */ \
	D(UDP_SEND,		"udp_send")	/* refused by IP: no route, no buffer */

enum flip_stat {
	FLIP_STAT_NONE,
#define S(sym, name) FLIP_STAT_##sym,
	FLIP_STAT_COUNTERS(S)
#undef S
#define D(sym, name) FLIP_DROP_##sym,
	FLIP_DROP_REASONS(D)
#undef D
	__FLIP_STAT_MAX
};

/* unsigned long: cheap everywhere; wraps after 2^32 events on a 32-bit machine */
struct flip_stats {
	unsigned long	c[__FLIP_STAT_MAX];
};

struct flip_ns;
struct flip_network;

extern const char * const flip_stat_names[__FLIP_STAT_MAX];
u64 flip_stat_sum(const struct flip_ns *ns, enum flip_stat which);

/* free a packet, counting and tracing why; @net is where it came from or was to go, or NULL */
void flip_drop(struct flip_ns *ns, struct flip_network *net, struct sk_buff *skb,
	       enum flip_stat why);

#endif /* _FLIP_STAT_H */
