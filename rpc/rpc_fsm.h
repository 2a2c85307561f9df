/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client's machine: what its thread does next, and what becomes of the copies of a REQUEST.
 *
 * DESIGN NOTES
 *
 * Pure: no locks, no sleeping, no clock, nothing of the kernel but types; the same file is in
 * amoeba.ko, in its KUnit tests, and in userland under gcov (make coverage).
 *
 * rpc_client.c carries out what amrpc_fsm() says and comes back with the outcome, until it is
 * told to locate the port again or to end. rpc_client_rx.c asks what a NAK or a copy that came back
 * means, and records the event. Whoever has a machine of a call calls with call->lock held.
 *
 *	LOCATE --found--> PUTREQ --ACK--> GETREP --REPLY--> DONE
 *	   ^                |  \--REPLY---------------------^
 *	   |                |-- time-out: RECEIVED; NAK to it: same request again, RETRANS
 *	   |                |-- NAK to the request: again at once, the 5th: locate again;
 *	   |                |   after a RECEIVED as often as there are tries, with RETRANS
 *	   |                \-- bounced: again with a forced relocation, else locate again;
 *	   |                    our kind answers a port locate, so that one at once, also
 *	   |                    when the way was gone before the request left
 *	   \-- only while no copy can still be executed
 *
 * A signal the program handles goes to the server with an ENQUIRE, which may be sent only in GETREP:
 * a server that does not have the request would answer it with FAIL. So in PUTREQ comes RECEIVED first,
 * at once. It is said again until ALIVE.
 *
 * live says that a copy of the REQUEST may still be executed, older that one of those before
 * the last may. A copy is known undelivered when all its bytes came back (NOTHERE, in order) and
 * it was not acknowledged before, when
 * FLIP never found a way for it, or by a NAK that names it (which is final for all older copies
 * too, see rpc_once.c). Each copy has a name of its own, the dest field (the round trip in ms plus
 * the number of the copy, and more than the one before, since the round trip is measured anew
 * with each locate), which servers return in a NAK's from field: so a NAK that was delayed or
 * duplicated on the way is not taken for an answer to a later copy. While live, the request goes
 * to no other address, and the end of tries is RPC_FAILURE; otherwise RPC_NOTFOUND. A reply does
 * not end it: the copy was executed, and a thread that stops waiting at that moment must not take
 * it for one that never will be. All this is checked by tests/model.
 */
#ifndef _AMRPC_FSM_H
#define _AMRPC_FSM_H

#include <linux/types.h>

/* wait limits, ms; facts 3.5, wire-observed 3 */
#define AMRPC_RECEIVED_EXTRA	1000	/* beyond the round trip, before RECEIVED(REQUEST) */
#define AMRPC_ENQUIRE_MS	20000	/* between ENQUIREs */
/*
 * The same towards our own kind. The first RECEIVED comes after four times what the server took to
 * answer so far, with a floor of some ticks: a packet that is lost costs 20 ms and not a second, a
 * thread that works for a second one probe, and a server that always takes long none. Probes are
 * answered in softirq: the second comes after four round trips, each further one waits twice
 * as long. ENQUIREs are 1 s, then 2 s apart. Of a machine that is gone the client knows after 2 s +
 * 40 + 80 + ... + 1280 + 4 * 2000 ms, and when the relocation that begins with the seventh probe
 * finds nobody: 11 s.
 */
#define AMRPC_OURS_FIRST	20	/* least, before RECEIVED(REQUEST) */
#define AMRPC_OURS_FIRST_MAX	1000
#define AMRPC_OURS_MOST		2000	/* between two probes */
#define AMRPC_OURS_ENQUIRE	1000	/* before the first ENQUIRE, then AMRPC_OURS_MOST */
#define AMRPC_OURS_INVAL	3	/* this many tries left: forced FLIP relocation */
#define AMRPC_TRIES		10
#define AMRPC_TRIES_INVAL	5	/* this many left: forced FLIP relocation */
#define AMRPC_NAKS		5	/* then the port is dropped and located again */
#define AMRPC_BACKS		2	/* forced relocations of a request that came back */
#define AMRPC_FORWARDS		10	/* servers a call is handed on by: they may do so in a circle */
/*
 * NOTHERE of a request counts for so long after it left: no machine that has lost its memory is back on
 * its network sooner, to say NOTHERE of a duplicate of what it executed before; an honest one takes a
 * round trip.
 */
#define AMRPC_BELIEVE_MS	1000

/* the last name a copy can have: those of transactions at the server follow (AMRPC_SERVER_IDX) */
#define AMRPC_NAME_MAX		0x3fff

enum amrpc_call_state {
	AMRPC_CALL_LOCATE,	/* looking for a server; nothing of ours is under way */
	AMRPC_CALL_PUTREQ,	/* request sent, not known to have arrived */
	AMRPC_CALL_GETREP,	/* acknowledged: being executed */
	AMRPC_CALL_DONE,
};

#define AMRPC_EV_REPLY		0x01
#define AMRPC_EV_FAIL		0x02	/* FAIL, or local server gone while executing */
#define AMRPC_EV_NAK		0x04	/* the last copy is refused */
#define AMRPC_EV_NAKRCV		0x08	/* RECEIVED answered by NAK */
#define AMRPC_EV_ACK		0x10
#define AMRPC_EV_ALIVE		0x20
#define AMRPC_EV_BOUNCED	0x40	/* the last copy came back whole */
#define AMRPC_EV_PROBE_BACK	0x80	/* RECEIVED or ENQUIRE came back */
#define AMRPC_EV_LOST		0x100	/* FLIP cannot find the server */
#define AMRPC_EV_UNSAFE		0x200	/* only untrusted ways */
#define AMRPC_EV_FORWARD	0x400
#define AMRPC_EV_REFUSED	0x800	/* local server gone before it took the request */
/*
 * The program wants the call to end now: ABORTED while nothing of it is under way, NOTFOUND when
 * it surely will not be executed any more, else FAILURE; a reply that is there is given. It holds
 * for the rest of the call (call->cancelled), wherever that waits.
 */
#define AMRPC_EV_CANCEL		0x1000
/* what the waiting thread adds to them */
#define AMRPC_EV_EXPIRED	0x2000	/* the call's time limit */
#define AMRPC_EV_KILLED		0x4000	/* a fatal signal */
#define AMRPC_EV_SIGNAL		0x8000	/* one the program handles */
/* of a server of this namespace */
#define AMRPC_EV_MISSED		0x10000	/* could not copy the request: not executed */
/* never of a machine: a signal before the request left */
#define AMRPC_EV_INTR		0x20000
/* nor these: parts of the REQUEST are to be sent again (rpc_resend.c) */
#define AMRPC_EV_MISSING	0x40000

/* what a machine is told */
enum amrpc_fsm_in {
	AMRPC_IN_FOUND,		/* a server's address; @rtt and @ours are set; AMRPC_EV_CANCEL or 0 */
	AMRPC_IN_EVENTS,	/* AMRPC_EV_*, 0 when the time was up */
	AMRPC_IN_SENT,		/* the REQUEST has left: 0, or the errno */
	AMRPC_IN_PROBED,	/* so for RECEIVED or ENQUIRE */
};

/* what it wants done */
enum amrpc_fsm_do {
	AMRPC_DO_REQUEST,	/* send a copy; then AMRPC_IN_SENT */
	AMRPC_DO_FORWARD,	/* acknowledge, take the new address and a new tid; then as REQUEST */
	AMRPC_DO_RECEIVED,	/* ask whether it has arrived; then AMRPC_IN_PROBED */
	AMRPC_DO_ENQUIRE,	/* ask whether it is being executed; then AMRPC_IN_PROBED */
	AMRPC_DO_WAIT,		/* for an event or @ms; then AMRPC_IN_EVENTS */
	AMRPC_DO_LOCATE,	/* surely not executed: look for a server again */
	AMRPC_DO_END,		/* with @verdict, or @err */
};

/**
 * struct amrpc_act - the next thing to do
 * @what: enum amrpc_fsm_do
 * @retrans: REQUEST: with AMRPC_F_RETRANS
 * @inval: REQUEST, RECEIVED, ENQUIRE: the server is to be found anew (FLIP_SEND_INVAL)
 * @signal: ENQUIRE: with AMRPC_F_SIGTRANS; END: send such an ENQUIRE where the server is now
 * @drop: LOCATE, END: the port is not where the cache says
 * @worn: END: all names of copies are used up
 * @ms: WAIT: how long
 * @verdict: END: AMOEBA_RPC_*
 * @err: END: errno for the caller, or 0
 */
struct amrpc_act {
	enum amrpc_fsm_do	what;
	bool			retrans;
	bool			inval;
	bool			signal;
	bool			drop;
	bool			worn;
	unsigned int		ms;
	int			verdict;
	int			err;
};

/**
 * struct amrpc_fsm - the machine of one call; all zero is a new one
 * @state: where it is
 * @live: a copy may still be executed
 * @older: one before the last may
 * @was_live: @live before the copy being sent
 * @was_older: @older before it
 * @name: dest field of the last copy
 * @copies: REQUESTs sent under this tid
 * @messid: FLIP message id of the last copy
 * @total: its FLIP length
 * @bounced: bytes of it that came back
 * @parted: parts of it were sent twice: what comes back proves nothing
 * @probe: message id of the last RECEIVED or ENQUIRE, 0 for none
 * @rtt: round trip to the server, ms
 * @resp: our kind: what the server takes to answer, smoothed, ms
 * @ours: the server is our kind
 * @doubted: that only untrusted ways lead there: located anew once
 * @forwards: how often it was handed on to another server
 * @asked: after a RECEIVED every copy is RETRANS, every NAK a try
 * @located: a probe came back, and its way has been looked for
 * @tries: probes and copies left
 * @naks: refusals
 * @backs: copies that came back
 * @signal: the program has got a signal its server does not know of
 * @told: the last ENQUIRE said so
 * @wait_ms: how long it waits for events
 * @next_ms: our kind: how long after the next probe, or until it
 *
 * @doubted, @forwards and what is said of the copies is of the whole call, the rest of one attempt.
 */
struct amrpc_fsm {
	enum amrpc_call_state	state;
	bool			live;
	bool			older;
	bool			was_live;
	bool			was_older;
	u16			name;
	u32			copies;
	u32			messid;
	u32			total;
	u32			bounced;
	bool			parted;
	u32			probe;
	u16			rtt;
	u16			resp;
	bool			ours;
	bool			doubted;
	u8			forwards;
	bool			asked;
	bool			located;
	u8			tries;
	u8			naks;
	u8			backs;
	bool			signal;
	bool			told;
	unsigned int		wait_ms;
	unsigned int		next_ms;
};

/* why something came back */
enum amrpc_back {
	AMRPC_BACK_NOTHERE,	/* this packet, from where the address is not known */
	AMRPC_BACK_UNTRUSTED,	/* it would have had to cross an untrusted network */
	AMRPC_BACK_LOST,	/* FLIP has not sent the message: no way was found */
};

struct amrpc_act amrpc_fsm(struct amrpc_fsm *m, enum amrpc_fsm_in in, int arg);
u16 amrpc_fsm_copy(struct amrpc_fsm *m, u32 messid, u32 total);
void amrpc_fsm_probe(struct amrpc_fsm *m, u32 messid);
unsigned int amrpc_fsm_nak(struct amrpc_fsm *m, u16 from, u16 server_idx);
unsigned int amrpc_fsm_back(struct amrpc_fsm *m, u32 messid, u32 offset, u32 length,
			    enum amrpc_back why, bool late);

/* parts of the last copy are sent again */
static inline void amrpc_fsm_part(struct amrpc_fsm *m)
{
	m->parted = true;
}

/* the request may be answered: a reply is taken, and missed when its server asks */
static inline bool amrpc_fsm_waits(const struct amrpc_fsm *m)
{
	return m->state == AMRPC_CALL_PUTREQ || m->state == AMRPC_CALL_GETREP;
}

#endif /* _AMRPC_FSM_H */
