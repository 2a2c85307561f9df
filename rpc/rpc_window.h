/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one client kernel has had executed here, and which of its requests were refused for good.
 * Pure (see rpc_fsm.h): time is an argument, in jiffies, the lock that of struct amrpc_kid. What
 * it is for and how long it must be kept is at the head of rpc_once.c.
 */
#ifndef _AMRPC_WINDOW_H
#define _AMRPC_WINDOW_H

#include <linux/bitmap.h>
#include <linux/types.h>

#define AMRPC_ONCE_WINDOW	8192	/* transactions of one kernel, bits */
#define AMRPC_ONCE_NAKS		64	/* refusals remembered per kernel */
#define AMRPC_ONCE_HOLD		(172 * HZ)	/* see rpc_once.c */

enum amrpc_once {
	AMRPC_ONCE_NEW,		/* never executed: may be */
	AMRPC_ONCE_DONE,	/* executed, or too old to know */
	AMRPC_ONCE_REFUSED,	/* a copy we have refused for good */
	AMRPC_ONCE_ODD,		/* no kernel can have counted that far meanwhile */
};

struct amrpc_nak {
	u32		tid;
	u32		messid;
	unsigned long	when;
	bool		used;
};

struct amrpc_window {
	bool			any;		/* @top is valid */
	u32			top;		/* highest tid executed */
	unsigned long		top_when;	/* jiffies, when it was */
	DECLARE_BITMAP(done, AMRPC_ONCE_WINDOW);
	unsigned int		nr_naks;	/* of @naks: those behind were never used */
	struct amrpc_nak	naks[AMRPC_ONCE_NAKS];
};

bool amrpc_window_executed(const struct amrpc_window *w, u32 tid);
enum amrpc_once amrpc_window_check(const struct amrpc_window *w, u32 tid, u32 messid,
				   unsigned long now);
void amrpc_window_mark(struct amrpc_window *w, u32 tid, unsigned long now);
void amrpc_window_unmark(struct amrpc_window *w, u32 tid);
bool amrpc_window_refuse(struct amrpc_window *w, u32 tid, u32 messid, unsigned long now);

#endif /* _AMRPC_WINDOW_H */
