/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of a namespace, per CPU; shown by name in /proc/net/amoeba/stat. */
#ifndef _AMRPC_STAT_H
#define _AMRPC_STAT_H

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

#define AMRPC_STATS(X)									\
	X(CALL_LOCAL, "calls_local", "transactions with a server of this namespace")	\
	X(CALL_REMOTE, "calls_remote", "transactions with a server elsewhere")		\
	X(CALL_OK, "calls_ok", "ended with a reply")					\
	X(CALL_NOTFOUND, "calls_notfound", "surely not executed: no server")		\
	X(CALL_FAILURE, "calls_failure", "maybe executed")				\
	X(CALL_ABORTED, "calls_aborted", "ended by a signal or time-out before leaving")	\
	X(CALL_UNSAFE, "calls_unsafe", "only untrusted ways")				\
	X(CALL_WORN, "calls_worn", "given up: more copies than can be told apart")	\
	X(CANCELLED, "cancelled", "calls and waits for requests told to end")		\
	X(ASYNC_BLOCKED, "async_blocked", "asynchronous: sent by who may wait for the network")	\
	X(ASYNC_CUT, "async_cut", "asynchronous: the reply has lost its data, there was no memory for it") \
	X(SENDS_WAITED, "sends_waited", "long messages sent later: too many wait for the network") \
	X(LOCATE_TX, "locates_sent", "port locates broadcast")				\
	X(LOCATE_RX, "locates_seen", "port locates received")				\
	X(HEREIS_TX, "hereis_sent", "port locates answered")				\
	X(HEREIS_RX, "hereis_seen", "answers to our port locates")			\
	X(REQUEST_TX, "requests_sent", "REQUEST messages")				\
	X(REQUEST_RETRANS, "requests_resent", "of them, repetitions")			\
	X(REQUEST_RX, "requests_received", "whole REQUEST messages")			\
	X(REPLY_TX, "replies_sent", "REPLY messages")					\
	X(REPLY_RETRANS, "replies_resent", "of them, repetitions")			\
	X(REPLY_RX, "replies_received", "whole REPLY messages")				\
	X(ACK_OWED, "acks_owed", "acknowledgements of replies put off")			\
	X(ACK_WITH, "acks_with_request", "of them, sent with a request")			\
	X(ACK_TAKEN, "acks_taken", "replies acknowledged by a request of their client")	\
	X(RECEIVED_TX, "received_sent", "RECEIVED probes sent")				\
	X(ENQUIRE_TX, "enquire_sent", "ENQUIRE probes sent")				\
	X(SIGNAL_TX, "signals_sent", "of them, with a signal for the server")		\
	X(NAK_TX, "naks_sent", "requests refused")					\
	X(NAK_RX, "naks_received", "refusals received")					\
	X(FAIL_TX, "fails_sent", "FAIL messages sent")					\
	X(FAIL_RX, "fails_received", "FAIL messages received")				\
	X(QUEUED, "requests_queued", "accepted while no thread was waiting")		\
	X(FORWARDED, "requests_forwarded", "handed over to another server by ours")	\
	X(REPLY_LOST, "replies_lost", "never acknowledged, given up")			\
	X(LINGER, "files_lingered", "closed servers whose address stayed for a while")	\
	X(LINGER_CUT, "linger_cut", "of them, ended early to make room")			\
	X(SERVED, "requests_served", "handed to a server thread")			\
	X(UNTOLD, "requests_untold", "of them, given back: the program's memory took no handle") \
	X(USER_FILES, "user_files", "refused: the user has too many open files")	\
	X(USER_CALLS, "user_calls", "refused: the user has too many calls under way")	\
	X(USER_PORTS, "user_ports", "refused: the user serves too many ports")		\
	X(USER_BYTES, "user_bytes", "refused: too much data of the user in the kernel")	\
	X(STRAIGHT, "local_straight", "data copied once, from process to process")	\
	X(STRAIGHT_MISS, "local_missed", "not to be copied so: went through the kernel")	\
	X(MISSING_TX, "missing_sent", "questions for missing parts of messages")	\
	X(MISSING_RX, "missing_received", "such questions received")			\
	X(MISSING_EARLY, "missing_early", "not heard: what is asked for may be on its way")	\
	X(MISSING_OVER, "missing_over", "not heard: more was asked for than the message has")	\
	X(RESENT_RANGES, "resent_ranges", "parts of messages sent again")		\
	X(RESENT_BYTES, "resent_bytes", "their bytes")					\
	X(DROP_SHORT, "drop_short", "message shorter than its headers")			\
	X(DROP_TYPE, "drop_type", "unknown message type")				\
	X(DROP_NOCALL, "drop_nocall", "no such transaction at the client")		\
	X(DROP_NOTX, "drop_notx", "no such transaction at the server")			\
	X(DROP_PEER, "drop_peer", "from another address than the transaction's peer")	\
	X(DROP_DUP, "drop_duplicate", "REQUEST being served or executed already")	\
	X(DROP_REFUSED, "drop_refused", "late copy of a refused REQUEST")		\
	X(DROP_NOMEM, "drop_nomem", "no memory")					\
	X(DROP_TID, "drop_tid", "transaction id leaps further than a kernel can count")	\
	X(DROP_KIDS, "drop_kids", "table of client kernels full")			\
	X(DROP_NAKS, "drop_naks", "no room to remember a refusal: not answered")	\
	X(DROP_QUEUE, "drop_queue", "queue of the server full: refused")		\
	X(DROP_USER, "drop_user", "too many requests of or for one user wait: refused")	\
	X(DROP_PROTO, "drop_proto", "message makes no sense in this state")		\
	X(DROP_BOUNCE, "drop_bounce", "NOTHERE of a request acknowledged before, or sent long ago")	\
	X(DROP_STALE_NAK, "drop_stale_nak", "refusal of an older copy")			\
	X(DROP_WIDE, "drop_wide", "wide header with bytes that must be zero")		\
	X(DROP_MISSING, "drop_missing", "asked for parts of what is not kept")		\
	X(DROP_KIND, "drop_kind", "wide reply from who has not said that it knows such")

enum amrpc_stat {
#define AMRPC_STAT_ENUM(id, name, help)	AMRPC_STAT_##id,
	AMRPC_STATS(AMRPC_STAT_ENUM)
#undef AMRPC_STAT_ENUM
	AMRPC_NR_STATS
};

struct amrpc_stats {
	u64 v[AMRPC_NR_STATS];
};

struct amrpc_stat_desc {
	const char *name;
	const char *help;
};

extern const struct amrpc_stat_desc amrpc_stat_descs[AMRPC_NR_STATS];

struct amrpc_net;
u64 amrpc_stat_sum(const struct amrpc_net *an, enum amrpc_stat which);

#define amrpc_count_add(an, id, n)	this_cpu_add((an)->stats->v[AMRPC_STAT_##id], n)
#define amrpc_count(an, id)	this_cpu_inc((an)->stats->v[AMRPC_STAT_##id])

#endif /* _AMRPC_STAT_H */
