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

/*
 * Where a transaction is: what `amctl trace` reads. At the client @call says which; so it does at the
 * server of a local one; otherwise (kid, tid), which the client has as well from AMRPC_STAGE_SEND on.
 * @peer is the FLIP address of the other side, as far as it is known. Of a local one the server has nothing
 * to tell after AMRPC_STAGE_ANSWER.
 */
#ifndef AMRPC_STAGES
#define AMRPC_STAGES(X)								\
	X(BEGIN, "begin")	/* client: a call begins */				\
	X(LOCATE, "locate")	/* client: the port is looked for */			\
	X(LOCATED, "located")	/* client: or not; arg: 0 found */			\
	X(PAUSE, "pause")	/* client: the servers here have full queues */		\
	X(SEND, "send")		/* client: a copy of the request; arg: number */	\
	X(SENT, "sent")		/* client: it has left; arg: 0, or why not */		\
	X(ARRIVED, "arrived")	/* server: arg: 1: no thread waits, 0: one is woken */	\
	X(TAKEN, "taken")	/* server: a thread has it */				\
	X(ANSWER, "answer")	/* server: its answer begins to leave */		\
	X(REPLIED, "replied")	/* server: a copy has left; arg: 0, or why not */	\
	X(FORWARDED, "forwarded")	/* server: the client is sent to another */	\
	X(DONE, "done")		/* server: it forgets it; arg: 1: without an ACK */	\
	X(REPLY, "reply")	/* client: the answer is there */			\
	X(END, "end")		/* client: the call ends; arg: its verdict */

enum amrpc_stage {
#define AMRPC_STAGE_ENUM(id, name)	AMRPC_STAGE_##id,
	AMRPC_STAGES(AMRPC_STAGE_ENUM)
#undef AMRPC_STAGE_ENUM
};
#endif

#define AMRPC_STAGE_DEFINE(id, name)	TRACE_DEFINE_ENUM(AMRPC_STAGE_##id);
AMRPC_STAGES(AMRPC_STAGE_DEFINE)
#undef AMRPC_STAGE_DEFINE

#define AMRPC_STAGE_NAME(id, name)	{ AMRPC_STAGE_##id, name },
TRACE_EVENT(amrpc_stage,
	TP_PROTO(const struct amrpc_call *call, u64 kid, u32 tid, u64 port, flip_addr_t peer,
		 int stage, int arg),
	TP_ARGS(call, kid, tid, port, peer, stage, arg),
	TP_STRUCT__entry(
		__field(const void *, call)
		__field(u64, kid)
		__array(u8, peer, 8)
		__array(u8, port, AMOEBA_PORT_SIZE)
		__field(u32, tid)
		__field(int, stage)
		__field(int, arg)
	),
	TP_fast_assign(
		__entry->call = call;
		__entry->kid = kid;
		amrpc_port_bytes(port, __entry->port);
		flip_addr_store(__entry->peer, peer);
		__entry->tid = tid;
		__entry->stage = stage;
		__entry->arg = arg;
	),
	TP_printk("%s call %p kid %016llx tid %u port %s arg %d peer %s",
		  __print_symbolic(__entry->stage, AMRPC_STAGES(AMRPC_STAGE_NAME) { -1, "" }),
		  __entry->call, __entry->kid, __entry->tid, __print_hex_str(__entry->port, 6),
		  __entry->arg, __print_hex_str(__entry->peer, 8))
);
#undef AMRPC_STAGE_NAME

#ifndef AMRPC_STAGE_CALLS
#define AMRPC_STAGE_CALLS
/* at the client; any context */
static inline void amrpc_stage_call(const struct amrpc_call *call, enum amrpc_stage stage, int arg)
{
	u64 kid;

	if (!trace_amrpc_stage_enabled())
		return;
	memcpy(&kid, call->file->an->kid, sizeof(kid));
	trace_amrpc_stage(call, kid, READ_ONCE(call->tid), call->port, READ_ONCE(call->peer), stage,
			  arg);
}

/* at the server; any context */
static inline void amrpc_stage_tx(const struct amrpc_tx *tx, enum amrpc_stage stage, int arg)
{
	if (trace_amrpc_stage_enabled())
		trace_amrpc_stage(tx->call, tx->kid, tx->key.tid, tx->port, tx->key.peer, stage, arg);
}
#endif

#endif /* _AMRPC_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE rpc_trace
#include <trace/define_trace.h>
