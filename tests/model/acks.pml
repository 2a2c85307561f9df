/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acknowledgements of replies, put off and sent with other requests: does a server ever let a reply go
 * that its client waits for, or execute a request again because it has let it go?
 *
 * DESIGN NOTES
 *
 * Two threads of one file call one server: transactions 1, 3, ... of one, 2, 4, ... of the other, each
 * after the one before has ended. What is claimed
 *   kept		what an acknowledgement takes from the server nobody waits for       (LET_GO)
 *   once		no request is executed twice                                         (server())
 *
 * What models what
 *   client()	rpc_client.c: make_request(); rpc_client_rx.c: receive_reply(), receive_received();
 *		rpc_ack.c: amrpc_ack_later(), amrpc_ack_with(), send_due()
 *   server()	rpc_server.c: amrpc_server_acked(), amrpc_server_request(), reply_event();
 *		rpc_window.c: the bit of a transaction; rpc_txfsm.c: a reply that is given up
 *
 * The network is a set, as in trans.pml: what is in it arrives any number of times, in any order, late
 * or never. Time does not exist: the 5 ms, and the server's question, may come whenever there is
 * something to send. AMRPC_OWED_MAX is left out: who is told at once may be told at any time.
 */
#ifndef CALLS
#define CALLS	3
#endif
#define LAST	CALLS + 1

#define NEW	0
#define WAITS	1
#define GOT	2	/* the reply */
#define ENDED	3	/* without one */
byte st[LAST];

#define NONE	0
#define SERVING	1
#define REPLIED	2
byte tx[LAST];

bit owed[LAST];		/* amrpc_owed */
bit request[LAST], reply[LAST], ack[LAST], received[LAST];	/* in the network */
byte acks[LAST];	/* what a request brings along */
bit done[LAST];		/* the window */
bit ran[LAST];
byte executed;

#ifdef MUT_ACK_MARK
#define UNMARK	done[t] = 0
#else
#define UNMARK	skip
#endif
#define LET_GO \
	assert(st[t] != WAITS); \
	tx[t] = NONE; \
	UNMARK

/* may t be acknowledged? */
#ifdef MUT_ACK_EARLY
#define IS_HERE(t)	(st[t] != NEW)
#else
#define IS_HERE(t)	(owed[t])
#endif
#ifdef MUT_ACK_ASKED
#define NOT_WANTED	1
#else
#define NOT_WANTED	(st[t] != WAITS)
#endif

inline any()
{
	t = 1;
	do
	:: t < CALLS -> t++
	:: break
	od
}

active proctype client()
{
	byte t, other;

end:
	do
	:: atomic {
		any();
		if
		/* a call begins; it may acknowledge another one */
		:: st[t] == NEW && (t <= 2 || st[t - 2] >= GOT) ->
			other = 1;
			do
			:: other < CALLS -> other++
			:: break
			od;
			if
			:: other != t && IS_HERE(other) -> acks[t] = other; owed[other] = 0
			:: skip
			fi;
			other = 0;
			st[t] = WAITS;
			request[t] = 1
		/* the reply: to be acknowledged later, or now */
		:: st[t] == WAITS && reply[t] -> st[t] = GOT;
			if
			:: owed[t] = 1
			:: ack[t] = 1
			fi
		/* interrupted, out of time */
		:: st[t] == WAITS -> st[t] = ENDED
		/* the time is up, or the file is closed */
		:: owed[t] -> owed[t] = 0; ack[t] = 1
		/* the server asks; while it waits the answer is NAK, which sends the reply again */
		:: received[t] && NOT_WANTED -> ack[t] = 1
		:: else
		fi;
		t = 0
	}
	od
}

active proctype server()
{
	byte t, by;

end:
	do
	:: atomic {
		any();
		if
		/* what it brings, whatever becomes of itself */
		:: request[t] && acks[t] != 0 && tx[acks[t]] == REPLIED -> by = t; t = acks[by];
			by = 0; LET_GO
		:: request[t] && tx[t] == NONE && !done[t] -> done[t] = 1; tx[t] = SERVING
		:: tx[t] == SERVING ->
			executed = ran[t] + 1;
			assert(executed <= 1);
			executed = 0;
			ran[t] = 1;
			tx[t] = REPLIED;
			reply[t] = 1
		:: tx[t] == REPLIED && ack[t] -> LET_GO
		:: tx[t] == REPLIED -> received[t] = 1
		/* asked often enough: its client is gone, or told RPC_FAILURE */
		:: tx[t] == REPLIED -> tx[t] = NONE
		:: else
		fi;
		t = 0
	}
	od
}
