/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server's machine: what a message of a client meets, and what the timer of a reply does.
 *
 * DESIGN NOTES
 *
 * Pure, as the client's (rpc_fsm.h). A transaction here is a struct amrpc_tx from acceptance to DONE;
 * before and after it there is none, and what is left is the window of its kernel (rpc_window.h).
 *
 *	           REQUEST           RECEIVED   ENQUIRE  ACK      NAK        timer
 *	none       window says       FAIL, NAK  FAIL     -        -
 *	QUEUED     dropped; RETRANS: ACK   ACK  ALIVE    -        -          refused: NAK
 *	SERVING    the same          ACK        ALIVE    -        -          -
 *	REPLIED    the same          ACK        ALIVE    DONE     sent again RECEIVED, 10 tries
 *
 * What moves a transaction from one state to the next is in rpc_server.c, rpc_getreq.c and
 * rpc_reply.c; whoever asks the machine about one that is there holds tx->lock.
 */
#ifndef _AMRPC_TXFSM_H
#define _AMRPC_TXFSM_H

#include <linux/types.h>

#include "rpc_fsm.h"
#include "rpc_window.h"

/* wait limits, ms; facts 3.6 */
#define AMRPC_REPLY_MIN		11	/* before RECEIVED(REPLY): 16 round trips, clamped */
#define AMRPC_REPLY_MAX		30000
#define AMRPC_LINGER_MS		1000	/* the same, at most, when the server's file is closed */
/*
 * A client of our kind says a round trip it has measured, or 10 ms: 16 of them are 160 ms. Each
 * further question waits twice as long, up to this, so that a reply outlives an interruption of some
 * seconds, as its client does (AMRPC_OURS_MOST).
 */
#define AMRPC_REPLY_OURS	1000
#define AMRPC_REPLY_BACKS	2	/* forced relocations of a reply that came back */

enum amrpc_tx_state {
	AMRPC_TX_QUEUED,	/* accepted, no thread has it */
	AMRPC_TX_SERVING,	/* a thread of the file has it */
	AMRPC_TX_REPLIED,	/* reply sent, not acknowledged */
	AMRPC_TX_DONE,
};

/* what happens to a transaction that is there */
enum amrpc_tx_in {
	AMRPC_TX_IN_REPLY,	/* its reply is about to leave */
	AMRPC_TX_IN_PARTS,	/* the client has asked for parts of it, and they have left */
	AMRPC_TX_IN_TIMER,
	AMRPC_TX_IN_ACK,
	AMRPC_TX_IN_NAK,
	AMRPC_TX_IN_NOTHERE,	/* the first packet of its reply came back */
	AMRPC_TX_IN_NOTHERE_MORE,	/* another packet of the reply did */
	AMRPC_TX_IN_ASK_BACK,	/* RECEIVED did */
	AMRPC_TX_IN_LOST,	/* FLIP cannot find the client */
};

/* and what is done about it, or about a message */
enum amrpc_tx_do {
	AMRPC_TX_NOTHING,
	AMRPC_TX_ACCEPT,	/* a request: execute it once */
	AMRPC_TX_ACK,		/* say so */
	AMRPC_TX_FAIL,
	AMRPC_TX_ALIVE,
	AMRPC_TX_REFUSE,	/* for good; if that can be remembered, NAK */
	AMRPC_TX_ASK,		/* RECEIVED(REPLY), and start the timer for @ms */
	AMRPC_TX_WAIT,		/* start the timer for @ms */
	AMRPC_TX_RESEND,	/* the reply */
	AMRPC_TX_FINISH,	/* acknowledged, or @lost */
};

/**
 * struct amrpc_tx_act - what to do
 * @what: enum amrpc_tx_do
 * @inval: ASK, RESEND: the client is to be found anew (FLIP_SEND_INVAL)
 * @lost: FINISH: given up
 * @ms: ASK, WAIT: until the timer is to run
 */
struct amrpc_tx_act {
	enum amrpc_tx_do	what;
	bool			inval;
	bool			lost;
	unsigned int		ms;
};

/**
 * struct amrpc_txfsm - the machine of a reply
 * @rtt: the client's round trip, the dest field of its REQUEST, ms
 * @ours: it is our kind
 * @tries: how often the client is asked yet
 * @backs: how often the reply, or RECEIVED, came back
 */
struct amrpc_txfsm {
	u16	rtt;
	bool	ours;
	u8	tries;
	u8	backs;
};

enum amrpc_tx_do amrpc_tx_request(bool known, enum amrpc_once once, bool retrans);
enum amrpc_tx_do amrpc_tx_received(bool known, bool executed);
enum amrpc_tx_do amrpc_tx_enquire(bool known);
struct amrpc_tx_act amrpc_txfsm(struct amrpc_txfsm *m, enum amrpc_tx_state state, bool closed,
				enum amrpc_tx_in in);

#endif /* _AMRPC_TXFSM_H */
