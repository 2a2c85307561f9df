/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One transaction, its servers and the network between, for Spin: is it executed at most once, and
 * are the verdicts honest? (That every call ends is ends.pml.)
 *
 * DESIGN NOTES
 *
 * What is claimed, over all copies, servers, processes and incarnations of machines
 *   once		no request is handed to a server's program twice                (EXECUTE)
 *   surely not	NOTFOUND, UNSAFE, ABORTED: it was not executed, nor will it be  (EXECUTE, END)
 *   OK		it was executed, once                                           (EXECUTE, END)
 *
 * What models what
 *   client()	rpc_client.c: amrpc_trans(), remote_try(), send_request(); rpc_fsm.c: amrpc_fsm(),
 *		amrpc_fsm_copy(); each critical section is a step of its own
 *   softirq()	rpc_client_rx.c: receive_nak(), receive_reply(), amrpc_client_undelivered();
 *		rpc_fsm.c: amrpc_fsm_nak(), amrpc_fsm_back()
 *   world()	rpc_server.c: amrpc_server_request(), amrpc_tx_refuse(); rpc_once.c: evict_one();
 *		rpc_window.c: amrpc_window_check(), _mark(), _unmark(), _refuse(); rpc_port.c:
 *		amrpc_port_deliver(); rpc_getreq.c: taken(), amrpc_server_close(); a machine that
 *		is started anew. What happens under kid->lock is one step, as the lock makes it.
 *
 * The network is a set: what was sent may arrive at any time, any number of times, in any order,
 * or never. So loss, doubling, delay and overtaking need no channels, and nothing bounds how often
 * they happen. Time does not exist either: whatever a timer, a limit, a signal or a count of tries
 * may lead to may happen whenever the thread waits. README.md says what else was left out and why
 * that is sound, and which single promise the network makes (LATE_BOUNCE takes it back).
 *
 * Addresses 0 and 1 are processes of machine 0, 2 is one of machine 1. Machine 0 may be started
 * anew, which ends 0 and makes it forget all; 1 is then a process of the new incarnation.
 *
 * MUT_* take a rule away, one at a time: tests/model/mutations.
 */
#ifndef COPIES
#define COPIES	4	/* REQUESTs sent under this tid */
#endif
#ifndef PACKETS
#define PACKETS	1	/* of a REQUEST: 1, or 2 equally large ones */
#endif
/* ONE_RTT: every locate measures the same; then names need not be told apart */
#ifdef ANY_FIRST
#define OTHER	1
#else
#define OTHER	(copies > 0)	/* the first copy goes to address 0 */
#endif

#define B(n)	(1 << (n))
#define WITHOUT(set, n)	set = set & (255 - B(n))
#define MACHINE(a)	((a) / 2)

/* ---- REQUESTs, by number from 1: the order in which flip_ep_messid() named them -------------- */

byte to[COPIES + 1];	/* address */
byte name[COPIES + 1];	/* dest field */
byte net;		/* set: in the network */
byte accepted;		/* set: taken by a server */
byte naks;		/* set: refused, and the NAK is in the network */

/* ---- servers --------------------------------------------------------------------------------- */

byte queued[2];		/* struct amrpc_tx of this call, accepted: the copy, else 0; by machine */
bit done[2];		/* struct amrpc_kid: the bit of this tid */
byte refused[2];	/* and struct amrpc_nak: copies up to this one; MUT_NAK_EXACT: a set */
byte replied;		/* set: addresses whose program got it, so that a REPLY may come */
bit restarted;		/* machine 0 */
bit late;		/* the last copy left long ago: before machine 0 that has it was started anew */
bit used;		/* a copy has gone to address 1 */

byte executed;

/* ---- the client ------------------------------------------------------------------------------ */

#define LOCATE	0
#define PUTREQ	1
#define GETREP	2
#define DONE	3
byte state;		/* call->state */
bit live, older;
bit reply;		/* AMRPC_EV_REPLY in call->events */
byte peer;
byte req_dest;		/* names the last copy */
byte copies;		/* and is its number */
byte came_back;		/* set: packets of the last copy that did */
byte bounced;		/* how many that makes for the client: call->bounced */

#define V_NONE		0
#define V_OK		1
#define V_NO		2	/* NOTFOUND, UNSAFE, ABORTED */
#define V_FAILURE	3
byte verdict;

/* a mutation is to break what the table says, not something else on the way */
#ifdef ONLY_ONCE
#define HONEST(what)	skip
#else
#define HONEST(what)	assert(what)
#endif
#ifdef ONLY_HONEST
#define ONCE(what)	skip
#else
#define ONCE(what)	assert(what)
#endif

/* a thread has it: from here on its program may do what it is asked to */
#define EXECUTE \
	executed++; \
	ONCE(executed <= 1); \
	HONEST(verdict != V_NO)

/* what nobody looks at any more is cleared: fewer states */
#define END(v) \
	verdict = v; \
	ONCE(v != V_OK || executed == 1); \
	HONEST(v != V_NO || executed == 0); \
	state = DONE; live = 0; older = 0; reply = 0; peer = 0; req_dest = 0; came_back = 0; \
	bounced = 0; naks = 0; replied = 0; late = 0

#define WAITED	(verdict == V_NONE)

/* ---- servers --------------------------------------------------------------------------------- */

#ifdef MUT_NAK_EXACT
#define REFUSED(m, c)	(refused[m] & B(c))
#define REFUSE(m, c)	refused[m] = refused[m] | B(c)
#elif defined(MUT_NAK_FORGET)
#define REFUSED(m, c)	0
#define REFUSE(m, c)	skip
#else
#define REFUSED(m, c)	(c <= refused[m])
#define REFUSE(m, c)	refused[m] = (c > refused[m] -> c : refused[m])
#endif

#define NAK(c)		naks = (WAITED -> naks | B(c) : 0)

#ifdef MUT_NO_MARK
#define MARK(m)		skip
#else
#define MARK(m)		done[m] = 1
#endif

/* may a copy arrive whole at a process that is there, and would amrpc_window_check() say NEW? */
#ifdef MUT_ADDRESS
#define ARRIVES(c)	(net & B(c))
#else
#define ARRIVES(c)	(net & B(c) && !(to[c] == 0 && restarted))
#endif
#define NEW(m, c)	(queued[m] == 0 && !done[m] && !REFUSED(m, c))

/*
 * amrpc_server_request(). What is no news to the server (repeated, executed, refused) changes
 * nothing there; its ACK or FAIL is in client(). A thread that waits is a queue that is short.
 */
#define REQUEST(c) \
	:: d_step { ARRIVES(c) && NEW(MACHINE(to[c]), c) -> \
		MARK(MACHINE(to[c])); \
		queued[MACHINE(to[c])] = c; \
		accepted = accepted | B(c) } \
	/* nobody there, or no room; where it cannot be remembered nothing is said, or done */ \
	:: d_step { ARRIVES(c) && NEW(MACHINE(to[c]), c) -> \
		REFUSE(MACHINE(to[c]), c); \
		NAK(c) } \
	NO_ENTRY(c)
/* amrpc_once_get() finds no room for this kernel */
#ifdef MUT_NAK_FULL
#define NO_ENTRY(c) \
	:: d_step { ARRIVES(c) && NEW(MACHINE(to[c]), c) && refused[MACHINE(to[c])] == 0 && \
		!(naks & B(c)) -> NAK(c) }
#else
#define NO_ENTRY(c)
#endif

#ifdef MUT_UNMARK
#define REFUSE_QUEUED(m)	skip
#else
#define REFUSE_QUEUED(m)	REFUSE(m, queued[m])
#endif

#define SERVER(m) \
	/* taken() */ \
	:: d_step { queued[m] != 0 -> \
		replied = (WAITED -> replied | B(to[queued[m]]) : 0); \
		queued[m] = 0; \
		EXECUTE } \
	/* amrpc_tx_refuse(): too long in the queue, or the process ends */ \
	:: d_step { queued[m] != 0 -> \
		REFUSE_QUEUED(m); \
		done[m] = 0; \
		NAK(queued[m]); \
		queued[m] = 0 } \
	/* the same, but it cannot be remembered: it stays marked and nobody is told */ \
	:: d_step { queued[m] != 0 -> queued[m] = 0 } \
	/* evict_one() */ \
	:: d_step { queued[m] == 0 && (done[m] || refused[m] != 0) && UNUSED -> \
		CALM(m); \
		done[m] = 0; \
		refused[m] = 0 }

/*
 * AMRPC_ONCE_HOLD after the last use of an entry no copy is in the network that was sent until
 * then; and a client does not send for that long without an answer.
 */
#ifdef MUT_FORGET
#define UNUSED		1
#define CALM(m)		skip
#else
#define UNUSED		(state != PUTREQ)
#define CALM(m) \
	c = 1; \
	do \
	:: c <= COPIES -> \
		if \
		:: MACHINE(to[c]) == m -> WITHOUT(net, c) \
		:: else \
		fi; \
		c++ \
	:: else -> break \
	od; \
	c = 0
#endif

active proctype world()
{
	byte c;

end:
	do
	REQUEST(1)
	REQUEST(2)
	REQUEST(3)
#if COPIES >= 4
	REQUEST(4)
#endif
#if COPIES >= 5
	REQUEST(5)
#endif
#if COPIES >= 6
	REQUEST(6)
#endif
#if COPIES >= 7
	REQUEST(7)
#endif
	SERVER(0)
	SERVER(1)
	/* machine 0 is started anew; had 1 been there before, both were gone and nothing could follow */
	:: d_step { !restarted && !used ->
		restarted = 1; queued[0] = 0; done[0] = 0; refused[0] = 0;
		/* no machine is back so fast; of what was not accepted it does not matter */
		late = (WAITED && accepted & B(copies) && MACHINE(to[copies]) == 0 -> 1 : late) }
	od
}

/* ---- the client's softirq ------------------------------------------------------------------- */

#define ASKING	(state == PUTREQ || state == GETREP)

/* is there a NAK that names copy c the way the last one is named? */
#ifdef MUT_NAK_ANY
#define NAMES(c)	(naks & B(c) && to[c] == peer)
#elif defined(MUT_NAK_PEER)
#define NAMES(c)	(naks & B(c) && name[c] == req_dest)
#else
#define NAMES(c)	(naks & B(c) && to[c] == peer && name[c] == req_dest)
#endif

#ifdef MUT_OLD_PEER
#define REPLY_CAME	(replied != 0)
#else
#define REPLY_CAME	(replied & B(peer))
#endif

#ifdef MUT_OLDER
#define OLDER	0
#else
#define OLDER	older
#endif

/*
 * The network's promise: of a copy that was accepted some packet does not come back, and what came
 * back whole is not accepted any more. That the address of a process that has ended lingers keeps it
 * (rpc_file.c): a duplicate meets its window for as long as it may be under way. ACKED takes the
 * promise back once ACK or ALIVE has come, LATE_BOUNCE altogether. And it does not hold of what a
 * machine had that was started anew: but then AMRPC_BELIEVE_MS are over, too.
 */
#define KEPT(i)		(late || !(accepted & B(copies)) || (came_back | B(i)) != B(PACKETS) - 1)
#ifdef LATE_BOUNCE
#define MAY_BACK(i)	1
#define WITHDRAWN(c)	skip
#else
#define WITHDRAWN(c)	WITHOUT(net, c)
#if defined(ACKED) || defined(MUT_ACKED)
#define MAY_BACK(i)	(state == GETREP || KEPT(i))
#else
#define MAY_BACK(i)	KEPT(i)
#endif
#endif

/* may_have_arrived(): what was acknowledged, or left long ago, is not taken for undelivered */
#ifdef MUT_ACKED
#define BELIEVED	ASKING
#elif defined(MUT_LATE)
#define BELIEVED	(state == PUTREQ)
#else
#define BELIEVED	(state == PUTREQ && !late)
#endif

#ifdef MUT_BOUNCE_PACKET
#define ENOUGH	1
#else
#define ENOUGH	PACKETS
#endif
#ifdef MUT_BOUNCE_TWICE
#define NEXT(i)	(bounced < ENOUGH)
#else
#define NEXT(i)	(bounced == i)	/* a NOTHERE that was doubled is no other packet */
#endif

/* NOTHERE of packet i of the last copy */
#define NOTHERE(i) \
	:: d_step { live && BELIEVED && net & B(copies) && NEXT(i) && MAY_BACK(i) -> \
		came_back = came_back | B(i); \
		bounced++; \
		if \
		:: came_back == B(PACKETS) - 1 -> WITHDRAWN(copies) \
		:: else \
		fi; \
		if \
		:: bounced >= ENOUGH -> live = OLDER \
		:: else \
		fi }

active proctype softirq()
{
end:
	do
	/* amrpc_fsm_nak() */
	:: d_step { WAITED && live && !reply && (NAMES(1) || NAMES(2) || NAMES(3)
#if COPIES >= 4
		|| NAMES(4)
#endif
#if COPIES >= 5
		|| NAMES(5)
#endif
#if COPIES >= 6
		|| NAMES(6)
#endif
#if COPIES >= 7
		|| NAMES(7)
#endif
		) ->
		live = 0; older = 0 }
	/* receive_reply() */
	:: d_step { ASKING && REPLY_CAME && !reply ->
#ifdef MUT_REPLY_DEAD
		live = 0;
#endif
		reply = 1 }
	/* amrpc_fsm_back() */
	NOTHERE(0)
#if PACKETS == 2
	NOTHERE(1)
#endif
	/* FLIP has not sent it: it never found a way, or an untrusted one */
	:: d_step { live && ASKING && net & B(copies) && !(accepted & B(copies)) ->
		WITHOUT(net, copies); live = OLDER }
	od
}

/* ---- the client's thread -------------------------------------------------------------------- */

#ifdef MUT_VERDICT
#define LOST_VERDICT	V_NO
#else
#define LOST_VERDICT	(live -> V_FAILURE : V_NO)
#endif

#ifdef MUT_RELOCATE
#define STAY	0
#else
#define STAY	live
#endif

/* the first is the round trip as it is, as with the original */
#ifdef MUT_NAME
#define NAME	(rtt + copies)
#else
#define NAME	(copies > 0 && rtt + copies <= req_dest -> req_dest + 1 : rtt + copies)
#endif

active proctype client()
{
	byte p, rtt, v;
	bit was_live, was_older;

again:	/* amrpc_trans(): nothing of ours can be executed */
	atomic {
		if
		:: copies < COPIES
		:: v = V_NO; goto finish	/* nobody found, out of time, interrupted */
		fi;
		/* the cache or a HEREIS, both of which may be old; the estimate is another one */
		if
		:: p = 0
		:: OTHER -> p = 1
		:: OTHER -> p = 2
		fi;
		if
		:: p == 1 -> used = 1
		:: else
		fi;
		if
		:: rtt = 0
#ifndef ONE_RTT
		:: rtt = 1
#endif
		fi;
		/* AMRPC_IN_FOUND */
		peer = p;
		p = 0;
		reply = 0;
		state = LOCATE
	}

resend:	/* amrpc_fsm_copy(), and the sending */
	skip;
	atomic {
		if
		:: copies == COPIES -> v = LOST_VERDICT; goto finish
		:: else
		fi;
		was_live = live;
		was_older = older;
		older = older | was_live;
		req_dest = NAME;
		copies++;
		state = PUTREQ;
		to[copies] = peer;
		name[copies] = req_dest;
		came_back = 0;
		bounced = 0;
		late = 0;
		live = 1
	}
	atomic {
		if
		:: net = net | B(copies)
		:: live = was_live; older = was_older;	/* it did not leave whole */
			was_live = 0; was_older = 0;
			goto lost
		fi;
		was_live = 0; was_older = 0
	}

wait:	/* AMRPC_IN_EVENTS: what follows from an event, or from none */
	if
	:: reply -> v = V_OK; goto finish
	/* FAIL; no tries left; the server's address cannot be found; ... */
	:: v = V_FAILURE; goto finish
	/* CANCEL, a fatal signal, the limit: end_lost() */
	:: !reply -> atomic { skip; v = LOST_VERDICT; goto finish }
	/* NAK, NAK to RECEIVED, bounced: once more; in GetRep only what the last copy gave cause to */
	:: atomic { !reply && (state == PUTREQ || !live || net & B(copies)) ->
		state = PUTREQ; goto resend }
	/* NAK too often, bounced, lost: the port is forgotten */
	:: !reply -> goto lost
	/* ACK, ALIVE */
	:: atomic { !reply && state == PUTREQ -> state = GETREP; goto wait }
	fi;

lost:	/* asked for again, unless a copy may be executed yet */
	atomic {
		if
		:: STAY -> v = V_FAILURE; goto finish
		:: else -> state = LOCATE; goto again
		fi
	}

finish:
	atomic {
		rtt = 0;
		END(v);
		v = 0
	}
}
