/* SPDX-License-Identifier: GPL-2.0-or-later */
/* amctl trace: what is followed (amctl_trace.c) and how it is shown (amctl_trace_show.c). */
#ifndef AMCTL_TRACE_H
#define AMCTL_TRACE_H

#include "amctl.h"

enum trace_stage {
	ST_LOCATE, ST_FLIP, ST_CREDITS, ST_SEND, ST_NET, ST_QUEUE, ST_START, ST_SERVE, ST_REPLY,
	ST_WAKE, ST_ACK, ST_OTHER, ST_NR
};

/* of a request from another machine */
enum trace_outcome { OUT_ACKED, OUT_LOST, OUT_FORWARDED, OUT_REFUSED, OUT_FAILED };

struct trace_call {
	struct trace_call *by_call, *by_tid, *by_thread, *by_msg;	/* next in the bucket */
	struct trace_call *next, *prev;				/* by age */
	uint64_t call, kid;
	uint32_t tid;
	long thread;		/* that sends it, or its reply; or -1 */
	uint64_t src;		/* FLIP address it is sent from in a message that waits; or 0 */
	uint32_t messid;	/* the number of that message */
	long who;		/* thread of the client; of a request, of the server, or -1 */
	char port[20];
	bool request;		/* of a client on another machine */
	bool forwarded;
	char from[24];		/* a request: its client's FLIP address */
	enum trace_stage stage;
	enum trace_stage resume;	/* when its thread waits no longer */
	double begun, since;	/* s */
	double left;		/* it ended; a request: its reply left */
	double took[ST_NR];
	int verdict;		/* a call */
	enum trace_outcome outcome;	/* a request */
};

/* what is asked for */
extern struct trace_want {
	char port[20];		/* "0d:6e:...", or "" */
	double over;		/* ms */
	uint64_t count;		/* calls and requests; 0: until interrupted */
} trace_want;

extern uint64_t trace_shown, trace_lost, trace_forgotten;

bool trace_wanted(const struct trace_call *c);
void trace_show(const struct trace_call *c);
int trace_summary(void);

#endif /* AMCTL_TRACE_H */
