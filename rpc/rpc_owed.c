// SPDX-License-Identifier: GPL-2.0-only
/* Acknowledgements that are not sent yet; see rpc_owed.h. */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "rpc_owed.h"

/**
 * amrpc_owed_add() - a reply is here, and is acknowledged later
 * @o: of the file
 * @d: the reply
 *
 * Return: false when so many are owed that this one is to be acknowledged now.
 */
bool amrpc_owed_add(struct amrpc_owed *o, const struct amrpc_debt *d)
{
	if (o->nr == AMRPC_OWED_MAX)
		return false;
	o->debts[o->nr++] = *d;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_owed_add);

static void settle(struct amrpc_owed *o, unsigned int i)
{
	o->nr--;
	for (; i < o->nr; i++)
		o->debts[i] = o->debts[i + 1];
}

/**
 * amrpc_owed_to() - a request goes to an address: what is owed there goes with it
 * @o: of the file
 * @peer: FLIP address
 * @tid: set to the oldest transaction owed there, which is not any more
 *
 * Return: false when nothing is.
 */
bool amrpc_owed_to(struct amrpc_owed *o, u64 peer, u32 *tid)
{
	for (unsigned int i = 0; i < o->nr; i++) {
		if (o->debts[i].peer != peer)
			continue;
		*tid = o->debts[i].tid;
		settle(o, i);
		return true;
	}
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_owed_to);

/**
 * amrpc_owed_due() - which is to be sent by itself now?
 * @o: of the file
 * @now: jiffies
 * @all: the file is closed: nothing is waited for
 * @d: set to it; it is not owed any more
 *
 * Return: false when none is.
 */
bool amrpc_owed_due(struct amrpc_owed *o, unsigned long now, bool all, struct amrpc_debt *d)
{
	if (!o->nr || (!all && time_before(now, amrpc_owed_next(o))))
		return false;
	*d = o->debts[0];
	settle(o, 0);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_owed_due);

/* jiffies at which the oldest is due; there is one */
unsigned long amrpc_owed_next(const struct amrpc_owed *o)
{
	return o->debts[0].when + AMRPC_OWED;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_owed_next);
