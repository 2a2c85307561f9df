// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the client's machine: every transition, one line each. Also built in userland
 * (make coverage).
 *
 * A line says: with the machine like this, when that happens, this is done, and the machine is
 * like that afterwards. What is not written is zero. Every machine has a copy named 10 with FLIP
 * message id 100 and 56 bytes unless it says otherwise.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/amoeba.h>

#include "rpc_fsm.h"

#define M(s, ...)	{ .state = AMRPC_CALL_##s, .copies = 1, .name = 10, .messid = 100,	\
			  .total = 56, .rtt = 10, __VA_ARGS__ }
#define LIVE		.live = true
#define TRIES(n)	.tries = (n)
#define FULL		TRIES(AMRPC_TRIES)
#define RTT		.wait_ms = 10 + AMRPC_RECEIVED_EXTRA
#define LONG		.wait_ms = AMRPC_ENQUIRE_MS

#define FOUND(ev)	AMRPC_IN_FOUND, (ev)
#define EV(e)		AMRPC_IN_EVENTS, AMRPC_EV_##e
#define EVS(a, b)	AMRPC_IN_EVENTS, AMRPC_EV_##a | AMRPC_EV_##b
#define TIMEOUT		AMRPC_IN_EVENTS, 0
#define SENT(err)	AMRPC_IN_SENT, (err)
#define PROBED(err)	AMRPC_IN_PROBED, (err)

#define REQUEST(...)	{ .what = AMRPC_DO_REQUEST, __VA_ARGS__ }
#define RETRANS		.retrans = true
#define INVAL		.inval = true
#define DROP		.drop = true
#define WAIT(t)		{ .what = AMRPC_DO_WAIT, .ms = (t) }
#define RECEIVED(...)	{ .what = AMRPC_DO_RECEIVED, __VA_ARGS__ }
#define ENQUIRE(...)	{ .what = AMRPC_DO_ENQUIRE, __VA_ARGS__ }
#define LOCATE		{ .what = AMRPC_DO_LOCATE, .drop = true }
#define END(v, ...)	{ .what = AMRPC_DO_END, .verdict = AMOEBA_RPC_##v, __VA_ARGS__ }

struct line {
	const char		*name;
	struct amrpc_fsm	before;
	enum amrpc_fsm_in	in;
	int			arg;
	struct amrpc_act	act;
	struct amrpc_fsm	after;
};

static const struct line lines[] = {
	/* a server is known */
	{ "first attempt", { .rtt = 10, .ours = true }, FOUND(0),
	  REQUEST(), { .rtt = 10, .ours = true, FULL } },
	{ "second attempt, all counters anew",
	  M(LOCATE, .doubted = true, .asked = true, .located = true, .naks = 4, .backs = 2,
	    .probe = 7, TRIES(3)), FOUND(0),
	  REQUEST(), M(LOCATE, .doubted = true, FULL) },
	{ "cancelled before it was sent", { .rtt = 10 }, FOUND(AMRPC_EV_CANCEL),
	  END(ABORTED), { .rtt = 10, .state = AMRPC_CALL_DONE } },

	/* the copy has left, or not */
	{ "sent", M(PUTREQ, LIVE, FULL), SENT(0),
	  WAIT(1010), M(PUTREQ, LIVE, FULL, RTT) },
	{ "no way", M(PUTREQ, LIVE, FULL), SENT(-EHOSTUNREACH),
	  LOCATE, M(LOCATE, FULL) },
	{ "network down", M(PUTREQ, LIVE, FULL), SENT(-ENETDOWN),
	  LOCATE, M(LOCATE, FULL) },
	{ "no room", M(PUTREQ, LIVE, FULL), SENT(-ENOBUFS),
	  LOCATE, M(LOCATE, FULL) },
	{ "no way for the second copy",
	  M(PUTREQ, LIVE, .was_live = true, .older = true, FULL), SENT(-EHOSTUNREACH),
	  END(FAILURE, DROP), M(DONE, LIVE, .was_live = true, FULL) },
	{ "no way for the third copy",
	  M(PUTREQ, LIVE, .was_live = true, .older = true, .was_older = true, FULL),
	  SENT(-EHOSTUNREACH), END(FAILURE, DROP),
	  M(DONE, LIVE, .was_live = true, .older = true, .was_older = true, FULL) },
	{ "only untrusted ways", M(PUTREQ, LIVE, FULL), SENT(-ENETUNREACH),
	  END(UNSAFE), M(DONE, FULL) },
	{ "only untrusted ways to our kind", M(PUTREQ, LIVE, FULL, .ours = true),
	  SENT(-ENETUNREACH), LOCATE, M(LOCATE, FULL, .ours = true, .doubted = true) },
	{ "only untrusted ways to our kind, still",
	  M(PUTREQ, LIVE, FULL, .ours = true, .doubted = true), SENT(-ENETUNREACH),
	  END(UNSAFE), M(DONE, FULL, .ours = true, .doubted = true) },
	{ "only untrusted ways for the second copy",
	  M(PUTREQ, LIVE, .was_live = true, .older = true, FULL), SENT(-ENETUNREACH),
	  END(FAILURE), M(DONE, LIVE, .was_live = true, FULL) },
	{ "out of time while sending", M(PUTREQ, LIVE, FULL), SENT(-ETIMEDOUT),
	  END(NOTFOUND), M(DONE, FULL) },
	{ "out of time while sending the second copy",
	  M(PUTREQ, LIVE, .was_live = true, .older = true, FULL), SENT(-ETIMEDOUT),
	  END(FAILURE), M(DONE, LIVE, .was_live = true, FULL) },
	{ "told to stop while sending", M(PUTREQ, LIVE, FULL), SENT(-ECANCELED),
	  END(ABORTED), M(DONE, FULL) },
	{ "the same, but one before it may be executed",
	  M(PUTREQ, LIVE, .was_live = true, .older = true, FULL), SENT(-ECANCELED),
	  END(FAILURE, .signal = true), M(DONE, LIVE, .was_live = true, FULL) },
	{ "bad memory", M(PUTREQ, LIVE, FULL), SENT(-EFAULT),
	  END(NOTFOUND, .err = -EFAULT), M(DONE, FULL) },
	{ "killed while sending", M(PUTREQ, LIVE, .was_live = true, .older = true, FULL),
	  SENT(-EINTR), END(FAILURE, .err = -EINTR), M(DONE, LIVE, .was_live = true, FULL) },

	/* our kind: four times what it took so far, but 20 ms to a second; then four round trips */
	{ "ours: sent", M(PUTREQ, LIVE, FULL, .ours = true), SENT(0),
	  WAIT(20), M(PUTREQ, LIVE, FULL, .ours = true, .wait_ms = 20, .next_ms = 40) },
	{ "ours: sent to a slow server", M(PUTREQ, LIVE, FULL, .ours = true, .resp = 60),
	  SENT(0), WAIT(240), M(PUTREQ, LIVE, FULL, .ours = true, .resp = 60, .wait_ms = 240,
				.next_ms = 40) },
	{ "ours: sent to a very slow server", M(PUTREQ, LIVE, FULL, .ours = true, .resp = 1000),
	  SENT(0), WAIT(1000), M(PUTREQ, LIVE, FULL, .ours = true, .resp = 1000,
				 .wait_ms = 1000, .next_ms = 40) },
	{ "ours: a long one sent",
	  { .state = AMRPC_CALL_PUTREQ, LIVE, .total = 512 << 10, .rtt = 300, .ours = true },
	  SENT(0), WAIT(512),
	  { .state = AMRPC_CALL_PUTREQ, LIVE, .total = 512 << 10, .rtt = 300, .ours = true,
	    .wait_ms = 512, .next_ms = 1000 } },
	{ "ours: sent again when asked for",
	  M(PUTREQ, LIVE, TRIES(8), .asked = true, .ours = true, .next_ms = 160), SENT(0),
	  WAIT(160), M(PUTREQ, LIVE, TRIES(8), .asked = true, .ours = true, .wait_ms = 160,
		       .next_ms = 320) },
	{ "ours: no answer", M(PUTREQ, LIVE, FULL, .ours = true, .wait_ms = 20, .next_ms = 40),
	  TIMEOUT, RECEIVED(), M(PUTREQ, LIVE, TRIES(9), .ours = true, .asked = true,
				 .wait_ms = 40, .next_ms = 80) },
	{ "ours: no answer for long",
	  M(PUTREQ, LIVE, TRIES(5), .ours = true, .wait_ms = 640, .next_ms = 1280), TIMEOUT,
	  RECEIVED(), M(PUTREQ, LIVE, TRIES(4), .ours = true, .asked = true, .wait_ms = 1280,
			.next_ms = 2000) },
	{ "ours: seven tries gone",
	  M(GETREP, LIVE, TRIES(4), .ours = true, .wait_ms = 1280, .next_ms = 2000), TIMEOUT,
	  ENQUIRE(INVAL), M(GETREP, LIVE, TRIES(3), .ours = true, .wait_ms = 2000,
			    .next_ms = 2000) },
	{ "ours: given up", M(GETREP, LIVE, .ours = true, .wait_ms = 2000, .next_ms = 2000),
	  TIMEOUT, END(FAILURE), M(DONE, LIVE, .ours = true, .wait_ms = 2000,
				   .next_ms = 2000) },
	{ "ours: ACK", M(PUTREQ, LIVE, TRIES(9), .ours = true, .wait_ms = 40, .next_ms = 80),
	  EV(ACK), WAIT(1000), M(GETREP, LIVE, FULL, .ours = true, .wait_ms = 1000,
				 .next_ms = 40) },
	{ "ours: ALIVE", M(GETREP, LIVE, TRIES(9), .ours = true, .wait_ms = 80,
			   .next_ms = 160),
	  EV(ALIVE), WAIT(2000), M(GETREP, LIVE, FULL, .ours = true, .wait_ms = 2000,
				   .next_ms = 40) },

	/* a signal the program handles */
	{ "GetRep: signal", M(GETREP, LIVE, FULL, LONG), EV(SIGNAL),
	  ENQUIRE(.signal = true), M(GETREP, LIVE, FULL, LONG, .signal = true, .told = true) },
	{ "PutReq: signal", M(PUTREQ, LIVE, FULL, RTT), EV(SIGNAL),
	  RECEIVED(), M(PUTREQ, LIVE, FULL, RTT, .asked = true, .signal = true) },
	{ "PutReq: signal, several packets under way",
	  { .state = AMRPC_CALL_PUTREQ, LIVE, .total = 1459, FULL, RTT }, EV(SIGNAL),
	  WAIT(1010), { .state = AMRPC_CALL_PUTREQ, LIVE, .total = 1459, FULL, RTT,
			.signal = true } },
	{ "signal and ACK", M(PUTREQ, LIVE, TRIES(3), RTT), EVS(SIGNAL, ACK),
	  ENQUIRE(.signal = true), M(GETREP, LIVE, FULL, LONG, .signal = true, .told = true) },
	{ "signal, the server does not know yet",
	  M(GETREP, LIVE, TRIES(7), LONG, .signal = true), EV(ALIVE),
	  ENQUIRE(.signal = true), M(GETREP, LIVE, FULL, LONG, .signal = true, .told = true) },
	{ "signal, no answer", M(GETREP, LIVE, TRIES(7), LONG, .signal = true, .told = true),
	  TIMEOUT, ENQUIRE(.signal = true),
	  M(GETREP, LIVE, TRIES(6), LONG, .signal = true, .told = true) },
	{ "signal, the server knows",
	  M(GETREP, LIVE, TRIES(6), LONG, .signal = true, .told = true), EV(ALIVE),
	  WAIT(20000), M(GETREP, LIVE, FULL, LONG) },
	{ "signal and REPLY", M(GETREP, LIVE, FULL, LONG), EVS(SIGNAL, REPLY),
	  END(OK), M(DONE, LIVE, FULL, LONG, .signal = true) },
	{ "signal and NAK", M(PUTREQ, FULL, RTT), EVS(SIGNAL, NAK),
	  REQUEST(), M(PUTREQ, FULL, RTT, .naks = 1, .signal = true) },

	/* the probe has left, or not */
	{ "asked", M(PUTREQ, LIVE, .asked = true, TRIES(9), RTT), PROBED(0),
	  WAIT(1010), M(PUTREQ, LIVE, .asked = true, TRIES(9), RTT) },
	{ "enquired", M(GETREP, LIVE, TRIES(9), LONG), PROBED(0),
	  WAIT(20000), M(GETREP, LIVE, TRIES(9), LONG) },
	{ "no memory to ask", M(GETREP, LIVE, TRIES(9), LONG), PROBED(-ENOBUFS),
	  WAIT(20000), M(GETREP, LIVE, TRIES(9), LONG) },
	{ "no way to ask", M(GETREP, LIVE, TRIES(9), LONG), PROBED(-EHOSTUNREACH),
	  END(FAILURE), M(DONE, LIVE, TRIES(9), LONG) },
	{ "only untrusted ways to ask", M(PUTREQ, LIVE, TRIES(9), RTT), PROBED(-ENETUNREACH),
	  END(FAILURE), M(DONE, LIVE, TRIES(9), RTT) },

	/* no answer */
	{ "PutReq: no answer", M(PUTREQ, LIVE, FULL, RTT), TIMEOUT,
	  RECEIVED(), M(PUTREQ, LIVE, .asked = true, TRIES(9), RTT) },
	{ "PutReq: no answer, not relocated yet", M(PUTREQ, LIVE, .asked = true, TRIES(7), RTT),
	  TIMEOUT, RECEIVED(), M(PUTREQ, LIVE, .asked = true, TRIES(6), RTT) },
	{ "PutReq: half the tries gone", M(PUTREQ, LIVE, .asked = true, TRIES(6), RTT), TIMEOUT,
	  RECEIVED(INVAL), M(PUTREQ, LIVE, .asked = true, TRIES(5), RTT) },
	{ "PutReq: the last try", M(PUTREQ, LIVE, .asked = true, TRIES(1), RTT), TIMEOUT,
	  RECEIVED(INVAL), M(PUTREQ, LIVE, .asked = true, RTT) },
	{ "PutReq: given up", M(PUTREQ, LIVE, .asked = true, RTT), TIMEOUT,
	  END(FAILURE), M(DONE, LIVE, .asked = true, RTT) },
	{ "GetRep: no answer", M(GETREP, LIVE, FULL, LONG), TIMEOUT,
	  ENQUIRE(), M(GETREP, LIVE, TRIES(9), LONG) },
	{ "GetRep: half the tries gone", M(GETREP, LIVE, TRIES(6), LONG), TIMEOUT,
	  ENQUIRE(INVAL), M(GETREP, LIVE, TRIES(5), LONG) },
	{ "GetRep: given up", M(GETREP, LIVE, LONG), TIMEOUT,
	  END(FAILURE), M(DONE, LIVE, LONG) },

	/* it is there */
	{ "PutReq: REPLY", M(PUTREQ, LIVE, FULL, RTT), EV(REPLY),
	  END(OK), M(DONE, LIVE, FULL, RTT) },
	{ "GetRep: REPLY", M(GETREP, LIVE, FULL, LONG), EV(REPLY),
	  END(OK), M(DONE, LIVE, FULL, LONG) },
	{ "PutReq: ACK", M(PUTREQ, LIVE, .asked = true, TRIES(3), RTT, .located = true), EV(ACK),
	  WAIT(20000), M(GETREP, LIVE, .asked = true, FULL, LONG) },
	{ "GetRep: ACK", M(GETREP, LIVE, TRIES(3), LONG), EV(ACK),
	  WAIT(20000), M(GETREP, LIVE, FULL, LONG) },
	{ "GetRep: ALIVE", M(GETREP, LIVE, TRIES(3), LONG, .located = true), EV(ALIVE),
	  WAIT(20000), M(GETREP, LIVE, FULL, LONG) },
	{ "PutReq: ALIVE", M(PUTREQ, LIVE, TRIES(3), RTT), EV(ALIVE),
	  WAIT(20000), M(GETREP, LIVE, FULL, LONG) },
	{ "PutReq: FAIL", M(PUTREQ, LIVE, FULL, RTT), EV(FAIL),
	  END(FAILURE), M(DONE, LIVE, FULL, RTT) },
	{ "GetRep: FAIL", M(GETREP, LIVE, FULL, LONG), EV(FAIL),
	  END(FAILURE), M(DONE, LIVE, FULL, LONG) },

	/* refused */
	{ "NAK", M(PUTREQ, FULL, RTT), EV(NAK),
	  REQUEST(), M(PUTREQ, FULL, RTT, .naks = 1) },
	{ "GetRep: NAK from the queue", M(GETREP, FULL, LONG), EV(NAK),
	  REQUEST(), M(GETREP, FULL, LONG, .naks = 1) },
	{ "the last NAK but one", M(PUTREQ, FULL, RTT, .naks = 3), EV(NAK),
	  REQUEST(), M(PUTREQ, FULL, RTT, .naks = 4) },
	{ "the last NAK", M(PUTREQ, FULL, RTT, .naks = 4), EV(NAK),
	  LOCATE, M(LOCATE, FULL, RTT, .naks = 4) },
	{ "NAK after RECEIVED", M(PUTREQ, .asked = true, TRIES(9), RTT, .naks = 4), EV(NAK),
	  REQUEST(RETRANS), M(PUTREQ, .asked = true, TRIES(8), RTT, .naks = 4) },
	{ "NAK after RECEIVED, no tries", M(PUTREQ, .asked = true, RTT), EV(NAK),
	  LOCATE, M(LOCATE, .asked = true, RTT) },
	{ "NAK to RECEIVED", M(PUTREQ, LIVE, .asked = true, TRIES(9), RTT), EV(NAKRCV),
	  REQUEST(RETRANS), M(PUTREQ, LIVE, .asked = true, TRIES(8), RTT) },
	{ "NAK to RECEIVED, no tries", M(PUTREQ, LIVE, .asked = true, RTT), EV(NAKRCV),
	  END(FAILURE), M(DONE, LIVE, .asked = true, RTT) },

	/* undelivered */
	{ "bounced", M(PUTREQ, FULL, RTT), EV(BOUNCED),
	  REQUEST(INVAL), M(PUTREQ, FULL, RTT, .backs = 1) },
	{ "bounced again", M(PUTREQ, FULL, RTT, .asked = true, .backs = 1), EV(BOUNCED),
	  REQUEST(RETRANS, INVAL), M(PUTREQ, FULL, RTT, .asked = true, .backs = 2) },
	{ "bounced too often", M(PUTREQ, FULL, RTT, .backs = 2), EV(BOUNCED),
	  LOCATE, M(LOCATE, FULL, RTT, .backs = 2) },
	{ "bounced too often, an older copy is live", M(PUTREQ, LIVE, FULL, RTT, .backs = 2),
	  EV(BOUNCED), END(FAILURE, DROP), M(DONE, LIVE, FULL, RTT, .backs = 2) },
	{ "bounced, our kind", M(PUTREQ, FULL, RTT, .ours = true), EV(BOUNCED),
	  LOCATE, M(LOCATE, FULL, RTT, .ours = true) },
	{ "bounced, our kind, an older copy is live", M(PUTREQ, LIVE, FULL, RTT, .ours = true),
	  EV(BOUNCED), REQUEST(INVAL), M(PUTREQ, LIVE, FULL, RTT, .ours = true, .backs = 1) },
	{ "FLIP found no way", M(PUTREQ, FULL, RTT), EV(LOST),
	  LOCATE, M(LOCATE, FULL, RTT) },
	{ "FLIP found no way, an older copy is live", M(PUTREQ, LIVE, FULL, RTT), EV(LOST),
	  END(FAILURE, DROP), M(DONE, LIVE, FULL, RTT) },
	{ "FLIP found no way for ENQUIRE", M(GETREP, LIVE, FULL, LONG), EV(LOST),
	  END(FAILURE, DROP), M(DONE, LIVE, FULL, LONG) },
	{ "came back untrusted", M(PUTREQ, FULL, RTT), EV(UNSAFE),
	  END(UNSAFE), M(DONE, FULL, RTT) },
	{ "came back untrusted, our kind", M(PUTREQ, FULL, RTT, .ours = true), EV(UNSAFE),
	  LOCATE, M(LOCATE, FULL, RTT, .ours = true, .doubted = true) },
	{ "came back untrusted, an older copy is live", M(PUTREQ, LIVE, FULL, RTT), EV(UNSAFE),
	  END(FAILURE), M(DONE, LIVE, FULL, RTT) },
	{ "RECEIVED came back", M(PUTREQ, LIVE, TRIES(8), RTT), EV(PROBE_BACK),
	  RECEIVED(), M(PUTREQ, LIVE, .asked = true, .located = true, TRIES(8), RTT) },
	{ "ENQUIRE came back", M(GETREP, LIVE, TRIES(3), LONG), EV(PROBE_BACK),
	  ENQUIRE(), M(GETREP, LIVE, .located = true, TRIES(3), LONG) },
	{ "ENQUIRE came back again", M(GETREP, LIVE, .located = true, TRIES(3), LONG),
	  EV(PROBE_BACK), END(FAILURE), M(DONE, LIVE, .located = true, TRIES(3), LONG) },

	/* sent on to another server */
	{ "PutReq: FORWARD",
	  M(PUTREQ, LIVE, .older = true, .asked = true, TRIES(2), RTT, .ours = true), EV(FORWARD),
	  { .what = AMRPC_DO_FORWARD },
	  { .state = AMRPC_CALL_PUTREQ, .name = 10, .messid = 100, .total = 56, .rtt = 10, FULL,
	    RTT, .forwards = 1 } },
	{ "GetRep: FORWARD", M(GETREP, LIVE, FULL, LONG), EV(FORWARD),
	  { .what = AMRPC_DO_FORWARD },
	  { .state = AMRPC_CALL_GETREP, .name = 10, .messid = 100, .total = 56, .rtt = 10, FULL,
	    LONG, .forwards = 1 } },
	{ "FORWARD, the last time",
	  M(PUTREQ, LIVE, FULL, RTT, .forwards = AMRPC_FORWARDS - 1), EV(FORWARD),
	  { .what = AMRPC_DO_FORWARD },
	  { .state = AMRPC_CALL_PUTREQ, .name = 10, .messid = 100, .total = 56, .rtt = 10, FULL,
	    RTT, .forwards = AMRPC_FORWARDS } },
	{ "FORWARD, once more",
	  M(PUTREQ, LIVE, FULL, RTT, .forwards = AMRPC_FORWARDS), EV(FORWARD),
	  END(NOTFOUND),
	  { .state = AMRPC_CALL_DONE, .name = 10, .messid = 100, .total = 56, .rtt = 10, FULL,
	    RTT, .forwards = AMRPC_FORWARDS } },

	/* the caller's wish */
	{ "cancelled, live", M(GETREP, LIVE, FULL, LONG), EV(CANCEL),
	  END(FAILURE, .signal = true), M(DONE, LIVE, FULL, LONG) },
	{ "cancelled, known undelivered", M(PUTREQ, FULL, RTT), EVS(CANCEL, BOUNCED),
	  END(NOTFOUND), M(DONE, FULL, RTT) },
	{ "killed", M(GETREP, LIVE, FULL, LONG), EV(KILLED),
	  END(FAILURE, .signal = true, .err = -EINTR), M(DONE, LIVE, FULL, LONG) },
	{ "killed, known undelivered", M(PUTREQ, FULL, RTT), EV(KILLED),
	  END(NOTFOUND, .err = -EINTR), M(DONE, FULL, RTT) },
	{ "out of time", M(GETREP, LIVE, FULL, LONG), EV(EXPIRED),
	  END(FAILURE), M(DONE, LIVE, FULL, LONG) },
	{ "out of time, known undelivered", M(PUTREQ, FULL, RTT), EV(EXPIRED),
	  END(NOTFOUND), M(DONE, FULL, RTT) },

	/* several at once: what says most comes first */
	{ "REPLY and FAIL", M(GETREP, LIVE, FULL, LONG), EVS(REPLY, FAIL),
	  END(OK), M(DONE, LIVE, FULL, LONG) },
	{ "REPLY and CANCEL", M(GETREP, LIVE, FULL, LONG), EVS(REPLY, CANCEL),
	  END(OK), M(DONE, LIVE, FULL, LONG) },
	{ "ACK and out of time", M(PUTREQ, LIVE, FULL, RTT), EVS(ACK, EXPIRED),
	  WAIT(20000), M(GETREP, LIVE, FULL, LONG) },
	{ "probe back and out of time", M(GETREP, LIVE, FULL, LONG), EVS(PROBE_BACK, EXPIRED),
	  END(FAILURE), M(DONE, LIVE, FULL, LONG) },
	{ "NAK and LOST", M(PUTREQ, FULL, RTT), EVS(NAK, LOST),
	  REQUEST(), M(PUTREQ, FULL, RTT, .naks = 1) },
	{ "what does not concern it", M(PUTREQ, LIVE, FULL, RTT), EV(REFUSED),
	  WAIT(1010), M(PUTREQ, LIVE, FULL, RTT) },

	/* names */
	{ "the last name",
	  { .state = AMRPC_CALL_PUTREQ, .copies = 9000, .rtt = 1000, .name = AMRPC_NAME_MAX - 1,
	    FULL, RTT }, EV(NAK), REQUEST(),
	  { .state = AMRPC_CALL_PUTREQ, .copies = 9000, .rtt = 1000, .name = AMRPC_NAME_MAX - 1,
	    FULL, RTT, .naks = 1 } },
	{ "no name left",
	  { .state = AMRPC_CALL_PUTREQ, .copies = 9000, .rtt = 1000, .name = AMRPC_NAME_MAX,
	    FULL, RTT }, EV(NAK), END(NOTFOUND, .worn = true),
	  { .state = AMRPC_CALL_DONE, .copies = 9000, .rtt = 1000, .name = AMRPC_NAME_MAX, FULL,
	    RTT, .naks = 1 } },
	{ "no name left, live",
	  { .state = AMRPC_CALL_PUTREQ, LIVE, .copies = 9000, .rtt = 1000,
	    .name = AMRPC_NAME_MAX, .asked = true, FULL, RTT }, EV(NAKRCV),
	  END(FAILURE, .worn = true),
	  { .state = AMRPC_CALL_DONE, LIVE, .copies = 9000, .rtt = 1000,
	    .name = AMRPC_NAME_MAX, .asked = true, TRIES(9), RTT } },
};

static void check_machine(struct kunit *test, const char *name, const struct amrpc_fsm *want,
			  const struct amrpc_fsm *is)
{
#define SAME(field)	KUNIT_EXPECT_EQ_MSG(test, (int)want->field, (int)is->field,	\
					    "%s: " #field, name)
	SAME(state);
	SAME(live);
	SAME(older);
	SAME(was_live);
	SAME(was_older);
	SAME(name);
	SAME(copies);
	SAME(messid);
	SAME(total);
	SAME(bounced);
	SAME(parted);
	SAME(probe);
	SAME(rtt);
	SAME(resp);
	SAME(ours);
	SAME(doubted);
	SAME(asked);
	SAME(located);
	SAME(tries);
	SAME(naks);
	SAME(backs);
	SAME(signal);
	SAME(told);
	SAME(wait_ms);
	SAME(next_ms);
#undef SAME
}

static void fsm_transitions(struct kunit *test)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct line *l = &lines[i];
		struct amrpc_fsm m = l->before;
		struct amrpc_act act = amrpc_fsm(&m, l->in, l->arg);

		KUNIT_EXPECT_EQ_MSG(test, (int)l->act.what, (int)act.what, "%s: what", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.retrans, act.retrans, "%s: retrans", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.inval, act.inval, "%s: inval", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.signal, act.signal, "%s: signal", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.drop, act.drop, "%s: drop", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.worn, act.worn, "%s: worn", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.ms, act.ms, "%s: ms", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.verdict, act.verdict, "%s: verdict", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.err, act.err, "%s: err", l->name);
		check_machine(test, l->name, &l->after, &m);
	}
}

/* a copy is named before it leaves; live and older say what may be executed */
static void fsm_copies(struct kunit *test)
{
	struct amrpc_fsm m = { .rtt = 10 };
	static const struct amrpc_fsm first = {
		.state = AMRPC_CALL_PUTREQ, LIVE, .copies = 1, .name = 10, .messid = 100,
		.total = 56, .rtt = 10,
	};
	static const struct amrpc_fsm second = {
		.state = AMRPC_CALL_PUTREQ, LIVE, .older = true, .was_live = true, .copies = 2,
		.name = 11, .messid = 101, .total = 56, .rtt = 10,
	};
	static const struct amrpc_fsm third = {
		.state = AMRPC_CALL_PUTREQ, LIVE, .older = true, .was_live = true,
		.was_older = true, .copies = 3, .name = 12, .messid = 102, .total = 56, .rtt = 2,
	};

	KUNIT_EXPECT_EQ(test, 10, (int)amrpc_fsm_copy(&m, 100, 56));
	check_machine(test, "first", &first, &m);
	m.bounced = 20;
	KUNIT_EXPECT_EQ(test, 11, (int)amrpc_fsm_copy(&m, 101, 56));
	check_machine(test, "second", &second, &m);
	/* the round trip is shorter now, the name all the same another one */
	m.rtt = 2;
	KUNIT_EXPECT_EQ(test, 12, (int)amrpc_fsm_copy(&m, 102, 56));
	check_machine(test, "third", &third, &m);
	m.rtt = 500;
	KUNIT_EXPECT_EQ(test, 503, (int)amrpc_fsm_copy(&m, 103, 56));
}

static void fsm_naks(struct kunit *test)
{
	static const struct {
		const char *name;
		struct amrpc_fsm before;
		u16 from;
		unsigned int ev;
		struct amrpc_fsm after;
	} naks[] = {
		{ "the last copy", M(PUTREQ, LIVE, .older = true), 10, AMRPC_EV_NAK, M(PUTREQ) },
		{ "the last copy, from the queue", M(GETREP, LIVE), 10, AMRPC_EV_NAK, M(GETREP) },
		{ "twice", M(PUTREQ), 10, 0, M(PUTREQ) },
		{ "an older copy", M(PUTREQ, LIVE), 9, 0, M(PUTREQ, LIVE) },
		{ "RECEIVED", M(PUTREQ, LIVE, .probe = 200), 0x4000, AMRPC_EV_NAKRCV,
		  M(PUTREQ, LIVE) },
		{ "RECEIVED, twice", M(PUTREQ, LIVE), 0x4000, 0, M(PUTREQ, LIVE) },
		{ "RECEIVED, acknowledged meanwhile", M(GETREP, LIVE, .probe = 200), 0x4000, 0,
		  M(GETREP, LIVE, .probe = 200) },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(naks); i++) {
		struct amrpc_fsm m = naks[i].before;

		KUNIT_EXPECT_EQ_MSG(test, naks[i].ev, amrpc_fsm_nak(&m, naks[i].from, 0x4000),
				    "NAK of %s", naks[i].name);
		check_machine(test, naks[i].name, &naks[i].after, &m);
	}
}

static void fsm_backs(struct kunit *test)
{
	static const struct {
		const char *name;
		struct amrpc_fsm before;
		u32 messid, offset, length;
		enum amrpc_back why;
		unsigned int ev;
		struct amrpc_fsm after;
		bool late;
	} backs[] = {
		{ "one packet", M(PUTREQ, LIVE), 100, 0, 56, AMRPC_BACK_NOTHERE,
		  AMRPC_EV_BOUNCED, M(PUTREQ, .bounced = 56) },
		{ "an older copy is live", M(PUTREQ, LIVE, .older = true), 100, 0, 56,
		  AMRPC_BACK_NOTHERE, AMRPC_EV_BOUNCED,
		  M(PUTREQ, LIVE, .older = true, .bounced = 56) },
		{ "first of two", M(PUTREQ, LIVE), 100, 0, 40, AMRPC_BACK_NOTHERE,
		  0, M(PUTREQ, LIVE, .bounced = 40) },
		{ "first of two, twice", M(PUTREQ, LIVE, .bounced = 40), 100, 0, 40,
		  AMRPC_BACK_NOTHERE, 0, M(PUTREQ, LIVE, .bounced = 40) },
		{ "second of two", M(PUTREQ, LIVE, .bounced = 40), 100, 40, 16,
		  AMRPC_BACK_NOTHERE, AMRPC_EV_BOUNCED, M(PUTREQ, .bounced = 56) },
		{ "second without the first", M(PUTREQ, LIVE), 100, 40, 16,
		  AMRPC_BACK_NOTHERE, 0, M(PUTREQ, LIVE) },
		{ "untrusted", M(PUTREQ, LIVE), 100, 0, 40, AMRPC_BACK_UNTRUSTED,
		  AMRPC_EV_UNSAFE, M(PUTREQ) },
		{ "untrusted, an older copy is live", M(PUTREQ, LIVE, .older = true), 100, 0, 40,
		  AMRPC_BACK_UNTRUSTED, AMRPC_EV_UNSAFE, M(PUTREQ, LIVE, .older = true) },
		{ "no way", M(PUTREQ, LIVE), 100, 0, 40, AMRPC_BACK_LOST,
		  AMRPC_EV_LOST, M(PUTREQ) },
		{ "refused already", M(PUTREQ), 100, 0, 56, AMRPC_BACK_NOTHERE, 0, M(PUTREQ) },
		{ "acknowledged before", M(GETREP, LIVE), 100, 0, 56, AMRPC_BACK_NOTHERE,
		  0, M(GETREP, LIVE), true },
		{ "acknowledged just now", M(PUTREQ, LIVE), 100, 0, 56, AMRPC_BACK_NOTHERE,
		  0, M(PUTREQ, LIVE), true },
		{ "left too long ago", M(PUTREQ, LIVE), 100, 0, 56, AMRPC_BACK_NOTHERE,
		  0, M(PUTREQ, LIVE), true },
		{ "left too long ago, of another network", M(PUTREQ, LIVE), 100, 0, 56,
		  AMRPC_BACK_UNTRUSTED, AMRPC_EV_UNSAFE, M(PUTREQ), true },
		{ "a probe, long after the request", M(PUTREQ, LIVE, .probe = 200), 200, 0, 24,
		  AMRPC_BACK_NOTHERE, AMRPC_EV_PROBE_BACK, M(PUTREQ, LIVE, .probe = 200), true },
		{ "acknowledged, but FLIP has not sent it", M(GETREP, LIVE, .older = true), 100, 0,
		  56, AMRPC_BACK_LOST, AMRPC_EV_LOST, M(GETREP, LIVE, .older = true), true },
		{ "ENQUIRE", M(GETREP, LIVE, .probe = 200), 200, 0, 24, AMRPC_BACK_NOTHERE,
		  AMRPC_EV_PROBE_BACK, M(GETREP, LIVE, .probe = 200), true },
		{ "an older copy", M(PUTREQ, LIVE), 99, 0, 56, AMRPC_BACK_NOTHERE,
		  0, M(PUTREQ, LIVE) },
		/* whatever comes back, some other packet of the same bytes may have arrived */
		{ "parts were sent twice", M(PUTREQ, LIVE, .parted = true), 100, 0, 56,
		  AMRPC_BACK_NOTHERE, 0, M(PUTREQ, LIVE, .parted = true) },
		{ "parts were sent twice, untrusted", M(PUTREQ, LIVE, .parted = true), 100, 0, 56,
		  AMRPC_BACK_UNTRUSTED, 0, M(PUTREQ, LIVE, .parted = true) },
		{ "parts were sent twice, but of a probe nothing was",
		  M(PUTREQ, LIVE, .parted = true, .probe = 200), 200, 0, 24, AMRPC_BACK_NOTHERE,
		  AMRPC_EV_PROBE_BACK, M(PUTREQ, LIVE, .parted = true, .probe = 200) },
		{ "RECEIVED", M(PUTREQ, LIVE, .probe = 200), 200, 0, 24, AMRPC_BACK_NOTHERE,
		  AMRPC_EV_PROBE_BACK, M(PUTREQ, LIVE, .probe = 200) },
		{ "RECEIVED, no way", M(PUTREQ, LIVE, .probe = 200), 200, 0, 24, AMRPC_BACK_LOST,
		  AMRPC_EV_LOST, M(PUTREQ, LIVE, .probe = 200) },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(backs); i++) {
		struct amrpc_fsm m = backs[i].before;

		KUNIT_EXPECT_EQ_MSG(test, backs[i].ev,
				    amrpc_fsm_back(&m, backs[i].messid, backs[i].offset,
						   backs[i].length, backs[i].why,
						   backs[i].late),
				    "back: %s", backs[i].name);
		check_machine(test, backs[i].name, &backs[i].after, &m);
	}
}

static void fsm_probes(struct kunit *test)
{
	struct amrpc_fsm m = M(GETREP, LIVE);
	static const struct amrpc_fsm after = M(GETREP, LIVE, .probe = 300);

	amrpc_fsm_probe(&m, 300);
	check_machine(test, "probe", &after, &m);
	KUNIT_EXPECT_TRUE(test, amrpc_fsm_waits(&m));
	m.state = AMRPC_CALL_PUTREQ;
	KUNIT_EXPECT_TRUE(test, amrpc_fsm_waits(&m));
	m.state = AMRPC_CALL_LOCATE;
	KUNIT_EXPECT_FALSE(test, amrpc_fsm_waits(&m));
	m.state = AMRPC_CALL_DONE;
	KUNIT_EXPECT_FALSE(test, amrpc_fsm_waits(&m));
}

/* a machine that is gone: reported in seconds by our kind, as the original does otherwise */
static void fsm_silence(struct kunit *test)
{
	for (int ours = 0; ours <= 1; ours++) {
		struct amrpc_fsm m = { .rtt = 10, .ours = ours };
		struct amrpc_act act = amrpc_fsm(&m, AMRPC_IN_FOUND, 0);
		unsigned int ms = 0, probes = 0, inval_at = 0;

		amrpc_fsm_copy(&m, 1, 56);
		amrpc_fsm(&m, AMRPC_IN_SENT, 0);
		amrpc_fsm(&m, AMRPC_IN_EVENTS, AMRPC_EV_ACK);
		act = amrpc_fsm(&m, AMRPC_IN_EVENTS, AMRPC_EV_ALIVE);
		while (act.what != AMRPC_DO_END && probes < 100) {
			ms += act.ms;
			act = amrpc_fsm(&m, AMRPC_IN_EVENTS, 0);
			if (act.what != AMRPC_DO_ENQUIRE)
				continue;
			if (act.inval && !inval_at)
				inval_at = ms;
			probes++;
			act = amrpc_fsm(&m, AMRPC_IN_PROBED, 0);
		}
		KUNIT_EXPECT_EQ(test, 10U, probes);
		KUNIT_EXPECT_EQ(test, ours ? 12520U : 220000U, ms);
		/* the relocation takes 6.3 s */
		KUNIT_EXPECT_EQ(test, ours ? 4520U : 100000U, inval_at);
	}
}

static u32 next_random(u32 *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/*
 * Whatever happens: the request goes elsewhere, and surely-not verdicts are given, only while no
 * copy is live; names only grow; and a call that hears nothing good any more ends.
 */
static void fsm_anything(struct kunit *test)
{
	static const int errors[] = { 0, 0, 0, 0, -EHOSTUNREACH, -ENETUNREACH, -ENETDOWN, -EFAULT,
				      -ETIMEDOUT, -ENOBUFS };
	static const unsigned int evs[] = {
		0, 0, AMRPC_EV_NAK, AMRPC_EV_NAKRCV, AMRPC_EV_BOUNCED, AMRPC_EV_PROBE_BACK,
		AMRPC_EV_LOST, AMRPC_EV_UNSAFE, AMRPC_EV_ACK, AMRPC_EV_ALIVE, AMRPC_EV_FAIL,
		AMRPC_EV_REPLY, AMRPC_EV_CANCEL, AMRPC_EV_EXPIRED, AMRPC_EV_KILLED,
		AMRPC_EV_REFUSED, AMRPC_EV_SIGNAL, AMRPC_EV_FORWARD,
	};
	u32 seed = 1;

	for (unsigned int i = 0; i < 5000; i++) {
		struct amrpc_fsm m = { .rtt = next_random(&seed) % 1000, .ours = i & 1 };
		struct amrpc_act act = amrpc_fsm(&m, AMRPC_IN_FOUND, 0);
		unsigned int steps = 0, ev, good = 20;
		int name = -1, err;

		while (act.what != AMRPC_DO_END && steps++ < 1000) {
			err = errors[next_random(&seed) % ARRAY_SIZE(errors)];
			switch (act.what) {
			case AMRPC_DO_FORWARD:
				name = -1;	/* another transaction */
				fallthrough;
			case AMRPC_DO_REQUEST:
				amrpc_fsm_copy(&m, steps, 56);
				KUNIT_EXPECT_GT(test, (int)m.name, name);
				name = m.name;
				act = amrpc_fsm(&m, AMRPC_IN_SENT, err);
				break;
			case AMRPC_DO_RECEIVED:
			case AMRPC_DO_ENQUIRE:
				amrpc_fsm_probe(&m, steps);
				act = amrpc_fsm(&m, AMRPC_IN_PROBED, err);
				break;
			case AMRPC_DO_WAIT:
				KUNIT_EXPECT_GT(test, act.ms, 0U);
				ev = evs[next_random(&seed) % (i % ARRAY_SIZE(evs) + 1)];
				/* what says that it is there is heard only so often */
				if (ev & (AMRPC_EV_ACK | AMRPC_EV_ALIVE | AMRPC_EV_REFUSED |
					  AMRPC_EV_SIGNAL) &&
				    !good--) {
					good = 0;
					ev = 0;
				}
				if (ev == AMRPC_EV_NAK && !amrpc_fsm_nak(&m, m.name, 0x4000))
					ev = 0;
				if (ev == AMRPC_EV_BOUNCED)
					ev = amrpc_fsm_back(&m, m.messid, m.bounced, 56,
							    AMRPC_BACK_NOTHERE,
							    m.state == AMRPC_CALL_GETREP);
				act = amrpc_fsm(&m, AMRPC_IN_EVENTS, ev);
				break;
			case AMRPC_DO_LOCATE:
				KUNIT_EXPECT_FALSE(test, m.live);
				m.rtt = next_random(&seed) % 1000;
				act = amrpc_fsm(&m, AMRPC_IN_FOUND, 0);
				break;
			case AMRPC_DO_END:
				break;
			}
		}
		/* attempts are counted by the caller: one of these may have gone round for ever */
		if (act.what != AMRPC_DO_END)
			continue;
		if (act.verdict != AMOEBA_RPC_OK && act.verdict != AMOEBA_RPC_FAILURE)
			KUNIT_EXPECT_FALSE_MSG(test, m.live, "verdict %d", act.verdict);
		KUNIT_EXPECT_EQ(test, (int)m.state, (int)AMRPC_CALL_DONE);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(fsm_transitions),
	KUNIT_CASE(fsm_copies),
	KUNIT_CASE(fsm_naks),
	KUNIT_CASE(fsm_backs),
	KUNIT_CASE(fsm_probes),
	KUNIT_CASE(fsm_silence),
	KUNIT_CASE(fsm_anything),
	{ }
};

static struct kunit_suite suite = {
	.name = "amoeba_rpc_client",
	.test_cases = cases,
};
kunit_test_suite(suite);
