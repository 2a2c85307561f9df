/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints of amoeba.ko: /sys/kernel/tracing/events/amoeba/ */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM amoeba

#if !defined(_AMRPC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _AMRPC_TRACE_H

#include <linux/tracepoint.h>

#include "rpc.h"

#define show_amrpc_type(t) __print_symbolic(t,						\
	{ AMRPC_LOCATE, "LOCATE" }, { AMRPC_HEREIS, "HEREIS" },				\
	{ AMRPC_REQUEST, "REQUEST" }, { AMRPC_REPLY, "REPLY" }, { AMRPC_ACK, "ACK" },	\
	{ AMRPC_NAK, "NAK" }, { AMRPC_ENQUIRE, "ENQUIRE" }, { AMRPC_ALIVE, "ALIVE" },	\
	{ AMRPC_RECEIVED, "RECEIVED" }, { AMRPC_FORWARD, "FORWARD" },			\
	{ AMRPC_FAIL, "FAIL" }, { AMRPC_REQUEST_WIDE, "REQUEST_WIDE" },			\
	{ AMRPC_REPLY_WIDE, "REPLY_WIDE" }, { AMRPC_MISSING, "MISSING" })

DECLARE_EVENT_CLASS(amrpc_message,
	TP_PROTO(const struct amrpc_file *f, const struct amrpc_wire *w, flip_addr_t peer,
		 u32 messid, u32 info),
	TP_ARGS(f, w, peer, messid, info),
	TP_STRUCT__entry(
		__field(const void *, file)
		__array(u8, peer, 8)
		__field(u32, tid)
		__field(u32, messid)
		__field(u32, info)
		__field(u16, dest)
		__field(u16, from)
		__field(u8, type)
		__field(u8, flags)
	),
	TP_fast_assign(
		__entry->file = f;
		flip_addr_store(__entry->peer, peer);
		__entry->tid = w->tid;
		__entry->messid = messid;
		__entry->info = info;
		__entry->dest = w->dest;
		__entry->from = w->from;
		__entry->type = w->type;
		__entry->flags = w->flags;
	),
	TP_printk("file %p %s flags 0x%02x tid %u dest %u from %u peer %s messid %u info %u",
		  __entry->file, show_amrpc_type(__entry->type), __entry->flags, __entry->tid,
		  __entry->dest, __entry->from, __print_hex_str(__entry->peer, 8),
		  __entry->messid, __entry->info)
);

/* info: length of the FLIP message */
DEFINE_EVENT(amrpc_message, amrpc_send,
	TP_PROTO(const struct amrpc_file *f, const struct amrpc_wire *w, flip_addr_t peer,
		 u32 messid, u32 info),
	TP_ARGS(f, w, peer, messid, info));

DEFINE_EVENT(amrpc_message, amrpc_receive,
	TP_PROTO(const struct amrpc_file *f, const struct amrpc_wire *w, flip_addr_t peer,
		 u32 messid, u32 info),
	TP_ARGS(f, w, peer, messid, info));

/* info: enum flip_undeliv */
DEFINE_EVENT(amrpc_message, amrpc_undelivered,
	TP_PROTO(const struct amrpc_file *f, const struct amrpc_wire *w, flip_addr_t peer,
		 u32 messid, u32 info),
	TP_ARGS(f, w, peer, messid, info));

TRACE_EVENT(amrpc_call_state,
	TP_PROTO(const struct amrpc_call *call),
	TP_ARGS(call),
	TP_STRUCT__entry(
		__field(const void *, call)
		__field(u32, tid)
		__field(u32, state)
		__field(u32, copies)
		__field(bool, live)
	),
	TP_fast_assign(
		__entry->call = call;
		__entry->tid = call->tid;
		__entry->state = call->m.state;
		__entry->copies = call->m.copies;
		__entry->live = call->m.live;
	),
	TP_printk("call %p tid %u %s copies %u live %d", __entry->call, __entry->tid,
		  __print_symbolic(__entry->state,
				   { AMRPC_CALL_LOCATE, "Locate" },
				   { AMRPC_CALL_PUTREQ, "PutReq" },
				   { AMRPC_CALL_GETREP, "GetRep" },
				   { AMRPC_CALL_DONE, "Done" }),
		  __entry->copies, __entry->live)
);

#endif /* _AMRPC_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE rpc_trace
#include <trace/define_trace.h>
