// SPDX-License-Identifier: GPL-2.0-only
/* At most once, for one client kernel; see rpc_window.h. */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "rpc_window.h"

#define AMRPC_ONCE_LEAP		(1U << 20)	/* and a million a second on top */

/**
 * amrpc_window_executed() - has this transaction been accepted before?
 * @w: window
 * @tid: transaction
 */
bool amrpc_window_executed(const struct amrpc_window *w, u32 tid)
{
	s32 d = (s32)(tid - w->top);

	if (!w->any || d > 0)
		return false;
	if (d <= -AMRPC_ONCE_WINDOW)
		return true;
	return test_bit(tid % AMRPC_ONCE_WINDOW, w->done);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_window_executed);

/* the refusal of a transaction, or AMRPC_ONCE_NAKS */
static unsigned int find_nak(const struct amrpc_window *w, u32 tid)
{
	for (unsigned int i = 0; i < w->nr_naks; i++)
		if (w->naks[i].used && w->naks[i].tid == tid)
			return i;
	return AMRPC_ONCE_NAKS;
}

/*
 * How far the counter of a kernel can have come since its last transaction here. A header read in
 * the wrong byte order, or a forged one, would else move the window away from the real ones.
 */
static u64 once_leap(const struct amrpc_window *w, unsigned long now)
{
	return AMRPC_ONCE_LEAP + 1000ULL * jiffies_to_msecs(now - w->top_when);
}

/**
 * amrpc_window_check() - may this copy of a request be executed?
 * @w: window
 * @tid: transaction
 * @messid: FLIP message id of the copy
 * @now: jiffies
 */
enum amrpc_once amrpc_window_check(const struct amrpc_window *w, u32 tid, u32 messid,
				   unsigned long now)
{
	unsigned int n;

	if (amrpc_window_executed(w, tid))
		return AMRPC_ONCE_DONE;
	n = find_nak(w, tid);
	if (n < AMRPC_ONCE_NAKS && (s32)(messid - w->naks[n].messid) <= 0)
		return AMRPC_ONCE_REFUSED;
	if (w->any && (s32)(tid - w->top) > 0 && tid - w->top > once_leap(w, now))
		return AMRPC_ONCE_ODD;
	return AMRPC_ONCE_NEW;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_window_check);

/**
 * amrpc_window_mark() - a request is accepted: from now on it counts as executed
 * @w: window
 * @tid: transaction
 * @now: jiffies
 */
void amrpc_window_mark(struct amrpc_window *w, u32 tid, unsigned long now)
{
	if (!w->any) {
		w->any = true;
		w->top = tid;
		bitmap_zero(w->done, AMRPC_ONCE_WINDOW);
	} else if ((s32)(tid - w->top) > 0) {
		u32 n = tid - w->top;

		if (n >= AMRPC_ONCE_WINDOW) {
			bitmap_zero(w->done, AMRPC_ONCE_WINDOW);
		} else {
			for (u32 t = w->top + 1; t != tid; t++)
				__clear_bit(t % AMRPC_ONCE_WINDOW, w->done);
		}
		w->top = tid;
	}
	if (w->top == tid)
		w->top_when = now;
	__set_bit(tid % AMRPC_ONCE_WINDOW, w->done);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_window_mark);

/**
 * amrpc_window_unmark() - a request is given back unexecuted
 * @w: window
 * @tid: transaction; the caller refuses it in the same breath
 */
void amrpc_window_unmark(struct amrpc_window *w, u32 tid)
{
	if (w->any && (s32)(tid - w->top) > -AMRPC_ONCE_WINDOW && (s32)(tid - w->top) <= 0)
		__clear_bit(tid % AMRPC_ONCE_WINDOW, w->done);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_window_unmark);

/* a place for another refusal: never used, outlived, or of one that was executed after all */
static unsigned int free_nak(const struct amrpc_window *w, unsigned long now)
{
	unsigned int i;

	for (i = 0; i < w->nr_naks; i++)
		if (time_after(now, w->naks[i].when + AMRPC_ONCE_HOLD) ||
		    amrpc_window_executed(w, w->naks[i].tid))
			break;
	return i;
}

/**
 * amrpc_window_refuse() - remember that all copies up to @messid are refused for good
 * @w: window
 * @tid: transaction
 * @messid: FLIP message id answered
 * @now: jiffies
 *
 * Return: true when it is remembered and the NAK may be sent.
 */
bool amrpc_window_refuse(struct amrpc_window *w, u32 tid, u32 messid, unsigned long now)
{
	unsigned int n = find_nak(w, tid);
	struct amrpc_nak *nak;

	if (n == AMRPC_ONCE_NAKS) {
		n = free_nak(w, now);
		if (n == AMRPC_ONCE_NAKS)
			return false;
		nak = &w->naks[n];
		w->nr_naks = max(w->nr_naks, n + 1);
		nak->used = true;
		nak->tid = tid;
		nak->messid = messid;
	} else {
		nak = &w->naks[n];
		if ((s32)(messid - nak->messid) > 0)
			nak->messid = messid;
	}
	nak->when = now;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_window_refuse);
