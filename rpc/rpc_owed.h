/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a client owes: acknowledgements of replies it has and has not acknowledged yet.
 *
 * DESIGN NOTES
 *
 * Pure (see rpc_fsm.h): time is an argument, in jiffies, the lock that of struct amrpc_debts.
 *
 * The ACK of a reply is all that a transaction needs besides request and reply. It does nothing but let
 * the server forget the reply (and the client its name there), so it is in no hurry: our kind
 * that said so (AMRPC_KNOWS_ACKS) gets it with the next request this file sends it, or by itself
 * after AMRPC_OWED. An original gets it at once, and so does everybody who does not say it, or whose
 * reply was more than one packet: there somebody may be waiting, and memory is held.
 *
 *	reply --- not small, not our kind, or AMRPC_OWED_MAX are owed ---> ACK at once
 *	   \----> owed --- the file's next request to that address, in one packet ---> with it
 *	              \--- AMRPC_OWED over, or the file is closed ---> ACK
 *	              \--- client killed, its machine gone, request lost ---> the server asks (RECEIVED)
 *
 * At most once does not depend on it. That a transaction was executed its server knows by the window
 * of the kernel (rpc_window.h), which no ACK touches; an ACK names a transaction whose reply
 * is here, by the address and tid, so what is let go nobody wants any more; one that is lost is
 * asked for, and one that comes twice or late meets nothing.
 *
 * The server keeps a reply of at most a packet for AMRPC_OWED longer than it would, of each file at
 * most AMRPC_OWED_MAX.
 */
#ifndef _AMRPC_OWED_H
#define _AMRPC_OWED_H

#include <linux/jiffies.h>
#include <linux/types.h>

#define AMRPC_OWED_MAX	8	/* of a file: as many threads as share a connection profitably */
/*
 * Below the 11 ms after which a server asks at the earliest (AMRPC_REPLY_MIN), wherever a jiffy is not
 * longer than that: up to 8 ms with HZ 250.
 */
#define AMRPC_OWED	((5 * HZ + 999) / 1000)

/**
 * struct amrpc_debt - a reply that is here
 * @peer: FLIP address of its server
 * @tid: transaction
 * @when: jiffies, when it came
 * @server_idx: its index there
 * @client_idx: and here
 */
struct amrpc_debt {
	u64		peer;
	u32		tid;
	unsigned long	when;
	u16		server_idx;
	u16		client_idx;
};

/* those of a file, the oldest first */
struct amrpc_owed {
	unsigned int		nr;
	struct amrpc_debt	debts[AMRPC_OWED_MAX];
};

bool amrpc_owed_add(struct amrpc_owed *o, const struct amrpc_debt *d);
bool amrpc_owed_to(struct amrpc_owed *o, u64 peer, u32 *tid);
bool amrpc_owed_due(struct amrpc_owed *o, unsigned long now, bool all, struct amrpc_debt *d);
unsigned long amrpc_owed_next(const struct amrpc_owed *o);

#endif /* _AMRPC_OWED_H */
