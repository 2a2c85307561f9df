/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does every call end? The client's thread against anything: servers, network and timers set any
 * event at any time, or none ever.
 *
 * DESIGN NOTES
 *
 * What models what
 *   client()	rpc_fsm.c: amrpc_fsm(), and rpc_client.c: amrpc_trans() without servers of the same
 *		namespace, remote_try(): every branch, in their order, with every counter
 *   anything()	rpc_client_rx.c, amrpc_fsm_nak(), amrpc_fsm_back(): all that sets an event or
 *		changes live
 *
 * Claimed are: no deadlock (Spin's invalid end states: only DONE is an end), and no cycle (pan -l
 * with no progress state in sight reports any). What may happen for ever by design is
 * bounded here: ALIVE, as often as the server likes, by CALLS_ALIVE; FORWARD is not sent by our
 * servers. So a call ends after at most so many steps when answers to ENQUIRE cease.
 *
 * Events: amrpc_fsm() takes all there are and acts on the first in its order; what was there besides is
 * forgotten. So of call->events only that first one is kept, and no event is set while one before it
 * is. That leaves out what such an event does besides: live falls with NAK, after which none of them
 * changes it, or stays, for older has not changed; of alive and probe there is then more than there
 * might be, which only allows more events. REPLY and FAIL both end the call. With a set of bits, as in
 * the code, there are fifty times as many states and no other ways.
 *
 * That a signal, CANCEL or the time limit end it at once needs no model: each wait can end so, and
 * here they never help.
 *
 * Counters have the values of rpc.h and rpc_fsm.h; -D may choose smaller ones.
 */
#ifndef ROUNDS
#define ROUNDS		10	/* AMRPC_ROUNDS */
#endif
#ifndef TRIES
#define TRIES		10	/* AMRPC_TRIES */
#endif
#ifndef NAKS
#define NAKS		5	/* AMRPC_NAKS */
#endif
#ifndef BACKS
#define BACKS		2	/* AMRPC_BACKS */
#endif
#ifndef CALLS_ALIVE
#define CALLS_ALIVE	1
#endif

#define LOCATE	0
#define PUTREQ	1
#define GETREP	2
#define DONE	3

/* in the order in which amrpc_fsm() asks for them: what is asked for first makes the rest unseen */
#define EV_PROBE_BACK	1
#define EV_ACK		2	/* and ALIVE */
#define EV_NAKRCV	3
#define EV_BOUNCED	4
#define EV_LOST		5	/* and UNSAFE */
#define EV_NAK		6
#define EV_FAIL		7	/* and REPLY */

byte state;
byte events;		/* call->events, or the first of it that counts */
bit live, older;
bit probe;		/* call->probe_messid is not 0 */
byte alive = CALLS_ALIVE;
#ifdef SIGNALS
bit signal = 1;		/* one the program handles may come; only the first of a call counts */
#endif

#define ASKING	(state == PUTREQ || state == GETREP)
#define EVENT(e, guard) \
	:: d_step { ASKING && events < e && guard -> events = e }

/* a bit twice set is once set: so nothing here can go on for ever by itself */
active proctype anything()
{
end:
	do
	EVENT(EV_FAIL, 1)
	:: d_step { ASKING && events < EV_NAK && live -> live = 0; older = 0; events = EV_NAK }
	:: d_step { state == PUTREQ && events < EV_NAKRCV && probe -> probe = 0; events = EV_NAKRCV }
	:: d_step { ASKING && events < EV_ACK && alive > 0 -> alive--; events = EV_ACK }
	:: d_step { ASKING && events < EV_BOUNCED && live -> live = older; events = EV_BOUNCED }
	:: d_step { ASKING && events < EV_LOST && live -> live = older; events = EV_LOST }
	EVENT(EV_PROBE_BACK, probe)
	EVENT(EV_LOST, probe)
	:: break
	od;
end_silence:
	false
}

active proctype client()
{
	byte rounds = ROUNDS, tries, naks, backs, ev;
	bit probe_located, was_live, was_older;

again:
	atomic {
		if
		:: rounds == 0 -> goto ended
		:: rounds > 0 -> rounds--
		fi;
		if
		:: goto ended		/* amrpc_locate() found nobody: it is bounded by locate_ms */
		:: skip
		fi;
		events = 0;
		probe = 0;
		state = LOCATE;
		tries = TRIES; naks = 0; backs = 0; probe_located = 0
	}

resend:
	atomic {
		was_live = live;
		was_older = older;
		older = older | live;
		state = PUTREQ;
		live = 1
	}
	atomic {
		if
		:: skip
		:: live = was_live; older = was_older; was_live = 0; was_older = 0; goto lost
		:: goto ended		/* -EFAULT and the like */
		fi;
		was_live = 0; was_older = 0
	}

wait:
	atomic {
		if
#ifndef MUT_DEAF
		:: events == 0 -> skip
#endif
		:: events != 0 -> ev = events; events = 0
#ifdef SIGNALS
		:: signal -> signal = 0; goto ask
#endif
		fi
	}
	atomic {
		if
		:: ev == EV_FAIL -> goto ended
		:: else
		fi;
		if
		:: ev == EV_NAK ->
			ev = 0;
#ifndef MUT_NAKS
			naks++;
#endif
			if
			:: naks < NAKS -> goto resend
			:: else -> goto lost
			fi
		:: else
		fi;
		if
		:: ev == EV_LOST -> goto lost
		:: else
		fi;
		if
		:: ev == EV_BOUNCED ->
			ev = 0;
			if
			:: !live -> goto lost		/* our kind */
			:: backs >= BACKS -> goto lost
#ifdef MUT_BACKS
			:: backs < BACKS -> goto resend
#else
			:: backs < BACKS -> backs++; goto resend
#endif
			fi
		:: else
		fi;
		if
		:: ev == EV_NAKRCV ->
			ev = 0;
			if
			:: tries == 0 -> goto ended
			:: else -> tries--; goto resend
			fi
		:: else
		fi;
		if
		:: ev == EV_ACK ->
			ev = 0;
			if
			:: state == PUTREQ -> state = GETREP
			:: else
			fi;
			tries = TRIES;
			probe_located = 0;
			if
			:: goto wait
			:: goto ask		/* a signal is not known there yet */
			fi
		:: else
		fi;
		if
		:: ev == EV_PROBE_BACK ->
			ev = 0;
			if
			:: probe_located -> goto ended
#ifdef MUT_LOCATED
			:: else
#else
			:: else -> probe_located = 1
#endif
			fi
		:: else ->
			if
			:: tries == 0 -> goto ended
#ifdef MUT_TRIES
			:: else
#else
			:: else -> tries--
#endif
			fi
		fi;
		goto ask
	}

ask:
	atomic {
		if
		:: goto ended			/* send_probe() found no way */
		:: probe = 1; goto wait
		fi
	}

lost:
	atomic {
		ev = 0;
		if
		:: live -> goto ended
#ifdef MUT_ROUNDS
		:: else -> rounds++; state = LOCATE; goto again
#else
		:: else -> state = LOCATE; goto again
#endif
		fi
	}

ended:
	atomic {
		state = DONE; events = 0; live = 0; older = 0; probe = 0; alive = 0;
		rounds = 0; tries = 0; naks = 0; backs = 0; ev = 0; probe_located = 0;
		was_live = 0; was_older = 0
	}
}
