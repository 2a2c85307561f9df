/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM flip

#if !defined(_TRACE_FLIP_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_FLIP_H

#include <linux/tracepoint.h>

/*
 * Every drop, locate, route change and credit event. Addresses are printed as wire bytes. The
 * structures named here are those of flip/flip_int.h, which is included before this file.
 */

#define D(sym, name) TRACE_DEFINE_ENUM(FLIP_DROP_##sym);
FLIP_DROP_REASONS(D)
#undef D

#define D(sym, name) { FLIP_DROP_##sym, name },
TRACE_EVENT(flip_drop,
	TP_PROTO(const struct flip_ns *ns, const struct flip_network *net,
		 const struct sk_buff *skb, int why),
	TP_ARGS(ns, net, skb, why),
	TP_STRUCT__entry(
		__field(const void *,	skb)
		__field(unsigned int,	netns)
		__field(u32,		network)
		__field(u32,		len)
		__field(int,		why)
	),
	TP_fast_assign(
		__entry->skb = skb;
		__entry->netns = ns->net->ns.inum;
		__entry->network = net ? net->index : 0;
		__entry->len = skb ? skb->len : 0;
		__entry->why = why;
	),
	TP_printk("netns=%u network=%u skb=%p len=%u why=%s", __entry->netns, __entry->network,
		  __entry->skb, __entry->len,
		  __print_symbolic(__entry->why, FLIP_DROP_REASONS(D) { -1, "" }))
);
#undef D

TRACE_EVENT(flip_rx,
	TP_PROTO(const struct flip_network *net, const struct flip_hdr *h),
	TP_ARGS(net, h),
	TP_STRUCT__entry(
		__field(u32,		network)
		__field(u8,		type)
		__field(u8,		flags)
		__field(u16,		act)
		__field(u16,		max)
		__array(u8,		dst, 8)
		__array(u8,		src, 8)
		__field(u32,		messid)
		__field(u32,		length)
		__field(u32,		offset)
		__field(u32,		total)
	),
	TP_fast_assign(
		__entry->network = net->index;
		__entry->type = h->type;
		__entry->flags = h->flags;
		__entry->act = h->act;
		__entry->max = h->max;
		flip_addr_store(__entry->dst, h->dst);
		flip_addr_store(__entry->src, h->src);
		__entry->messid = h->messid;
		__entry->length = h->length;
		__entry->offset = h->offset;
		__entry->total = h->total;
	),
	TP_printk("network=%u %s flags=0x%02x hop=%u/%u dst=%s src=%s messid=%u len=%u off=%u total=%u",
		  __entry->network,
		  __print_symbolic(__entry->type, { 1, "LOCATE" }, { 2, "HEREIS" },
				   { 3, "UNIDATA" }, { 4, "MULTIDATA" }, { 5, "NOTHERE" },
				   { 6, "UNTRUSTED" }),
		  __entry->flags, __entry->act, __entry->max,
		  __print_hex_str(__entry->dst, 8), __print_hex_str(__entry->src, 8),
		  __entry->messid, __entry->length, __entry->offset, __entry->total)
);

TRACE_EVENT(flip_locate,
	TP_PROTO(flip_addr_t addr, u16 hops, u32 interval, bool forced),
	TP_ARGS(addr, hops, interval, forced),
	TP_STRUCT__entry(
		__array(u8,		addr, 8)
		__field(u16,		hops)
		__field(u32,		interval)
		__field(bool,		forced)
	),
	TP_fast_assign(
		flip_addr_store(__entry->addr, addr);
		__entry->hops = hops;
		__entry->interval = interval;
		__entry->forced = forced;
	),
	TP_printk("addr=%s hops=%u interval_ms=%u forced=%d", __print_hex_str(__entry->addr, 8),
		  __entry->hops, __entry->interval, __entry->forced)
);

TRACE_EVENT(flip_locate_done,
	TP_PROTO(flip_addr_t addr, int error),
	TP_ARGS(addr, error),
	TP_STRUCT__entry(
		__array(u8,		addr, 8)
		__field(int,		error)
	),
	TP_fast_assign(
		flip_addr_store(__entry->addr, addr);
		__entry->error = error;
	),
	TP_printk("addr=%s error=%d", __print_hex_str(__entry->addr, 8), __entry->error)
);

DECLARE_EVENT_CLASS(flip_loc,
	TP_PROTO(const struct flip_route *r, const struct flip_loc *l),
	TP_ARGS(r, l),
	TP_STRUCT__entry(
		__array(u8,		addr, 8)
		__array(u8,		mac, 6)
		__field(u32,		network)
		__field(u16,		hops)
		__field(u16,		count)
		__field(u16,		trusted)
	),
	TP_fast_assign(
		flip_addr_store(__entry->addr, r->addr);
		memcpy(__entry->mac, l->neigh->key.mac, 6);
		__entry->network = l->neigh->key.network;
		__entry->hops = l->hops;
		__entry->count = l->count;
		__entry->trusted = l->trusted;
	),
	TP_printk("addr=%s network=%u mac=%s hops=%u count=%u trusted=%u",
		  __print_hex_str(__entry->addr, 8), __entry->network,
		  __print_hex_str(__entry->mac, 6), __entry->hops, __entry->count,
		  __entry->trusted)
);

DEFINE_EVENT(flip_loc, flip_route_add,
	TP_PROTO(const struct flip_route *r, const struct flip_loc *l), TP_ARGS(r, l));
DEFINE_EVENT(flip_loc, flip_route_del,
	TP_PROTO(const struct flip_route *r, const struct flip_loc *l), TP_ARGS(r, l));

/* what happened to the credits of a neighbour */
#define FLIP_CREDIT_EVENTS(E)			\
	E(WAIT,		"wait")			\
	E(CREDIT,	"credit")		\
	E(PIGGYBACK,	"piggyback")		\
	E(ABSCREDIT,	"abscredit")		\
	E(REQCREDIT,	"reqcredit")		\
	E(RETURN,	"return")		\
	E(ASK,		"ask")			\
	E(STUCK,	"stuck")		\
	E(QUOTA,		"quota")

#ifndef _TRACE_FLIP_ENUMS
#define _TRACE_FLIP_ENUMS
enum flip_credit_event {
#define E(sym, name) FLIP_CREDIT_EV_##sym,
	FLIP_CREDIT_EVENTS(E)
#undef E
};
#endif

#define E(sym, name) TRACE_DEFINE_ENUM(FLIP_CREDIT_EV_##sym);
FLIP_CREDIT_EVENTS(E)
#undef E

#define E(sym, name) { FLIP_CREDIT_EV_##sym, name },
TRACE_EVENT(flip_credit,
	TP_PROTO(const struct flip_neigh *neigh, int event, unsigned int count),
	TP_ARGS(neigh, event, count),
	TP_STRUCT__entry(
		__array(u8,		mac, 6)
		__field(u32,		network)
		__field(int,		event)
		__field(u32,		count)
		__field(u32,		credits)
		__field(u32,		owed)
	),
	TP_fast_assign(
		memcpy(__entry->mac, neigh->key.mac, 6);
		__entry->network = neigh->key.network;
		__entry->event = event;
		__entry->count = count;
		__entry->credits = neigh->credits;
		__entry->owed = neigh->owed;
	),
	TP_printk("network=%u mac=%s %s count=%u credits=%u owed=%u", __entry->network,
		  __print_hex_str(__entry->mac, 6),
		  __print_symbolic(__entry->event, FLIP_CREDIT_EVENTS(E) { -1, "" }),
		  __entry->count, __entry->credits, __entry->owed)
);
#undef E

TRACE_EVENT(flip_network,
	TP_PROTO(const struct flip_network *n, bool running),
	TP_ARGS(n, running),
	TP_STRUCT__entry(
		__field(u32,		network)
		__field(int,		ifindex)
		__field(bool,		running)
	),
	TP_fast_assign(
		__entry->network = n->index;
		__entry->ifindex = n->dev->ifindex;
		__entry->running = running;
	),
	TP_printk("network=%u ifindex=%d %s", __entry->network, __entry->ifindex,
		  __entry->running ? "up" : "down")
);

/* the current thread waits for something, or has got it; amctl trace pairs them by thread */
#ifndef FLIP_STALLS
#define FLIP_STALLS(X)								\
	X(LOCATE, "locate")	/* an address is looked for */			\
	X(CREDITS, "credits")	/* the window to a neighbour is full */		\
	X(PIN, "pages")		/* the sender's pages are still on their way */

enum flip_stall {
#define FLIP_STALL_ENUM(id, name)	FLIP_STALL_##id,
	FLIP_STALLS(FLIP_STALL_ENUM)
#undef FLIP_STALL_ENUM
};
#endif

#define E(id, name) TRACE_DEFINE_ENUM(FLIP_STALL_##id);
FLIP_STALLS(E)
#undef E

#define E(id, name) { FLIP_STALL_##id, name },
TRACE_EVENT(flip_stall,
	TP_PROTO(int what, bool begin),
	TP_ARGS(what, begin),
	TP_STRUCT__entry(
		__field(int,		what)
		__field(bool,		begin)
	),
	TP_fast_assign(
		__entry->what = what;
		__entry->begin = begin;
	),
	TP_printk("%s %s", __print_symbolic(__entry->what, FLIP_STALLS(E) { -1, "" }),
		  __entry->begin ? "begin" : "end")
);
#undef E

/* a message of one packet waits for its address, its sender does not; or it waits no longer */
TRACE_EVENT(flip_queue,
	TP_PROTO(flip_addr_t src, flip_addr_t dst, u32 messid, bool begin),
	TP_ARGS(src, dst, messid, begin),
	TP_STRUCT__entry(
		__array(u8,		src, 8)
		__array(u8,		dst, 8)
		__field(u32,		messid)
		__field(bool,		begin)
	),
	TP_fast_assign(
		flip_addr_store(__entry->src, src);
		flip_addr_store(__entry->dst, dst);
		__entry->messid = messid;
		__entry->begin = begin;
	),
	TP_printk("%s src=%s messid=%u dst=%s", __entry->begin ? "begin" : "end",
		  __print_hex_str(__entry->src, 8), __entry->messid,
		  __print_hex_str(__entry->dst, 8))
);

#endif /* _TRACE_FLIP_H */

#include <trace/define_trace.h>
