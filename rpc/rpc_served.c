// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests in the hands of a file's threads, by index: the lower part of their handle.
 *
 * DESIGN NOTES
 *
 * A file has few of them at a time, and each comes and goes within one call of PUTREP_GETREQ: the first
 * AMRPC_SERVED_LOW indices are an array and a word of bits, the others an xarray. All under the
 * xarray's lock (bottom halves off). Each tx that is there has a reference.
 */
#include <linux/bitops.h>

#include "rpc.h"

static_assert(AMRPC_SERVED_LOW <= BITS_PER_LONG);

void amrpc_served_init(struct amrpc_file *f)
{
	xa_init_flags(&f->served, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
}

/* nothing is served any more */
void amrpc_served_exit(struct amrpc_file *f)
{
	WARN_ON_ONCE(f->served_used || !xa_empty(&f->served));
	xa_destroy(&f->served);
}

/**
 * amrpc_served_add() - a thread has got a request
 * @f: open file
 * @tx: request; the caller's reference passes on success
 * @idx: set to its index
 *
 * Context: process, may sleep. Return: 0, -EBUSY: AMRPC_MAX_OPEN are there, -ENOMEM.
 */
int amrpc_served_add(struct amrpc_file *f, struct amrpc_tx *tx, u32 *idx)
{
	unsigned int i;

	xa_lock_bh(&f->served);
	if (f->served_used != AMRPC_SERVED_ALL) {
		i = ffz(f->served_used);
		f->served_used |= BIT(i);
		f->served_low[i] = tx;
		xa_unlock_bh(&f->served);
		*idx = i;
		return 0;
	}
	xa_unlock_bh(&f->served);
	return xa_alloc_bh(&f->served, idx, tx, XA_LIMIT(AMRPC_SERVED_LOW, AMRPC_MAX_OPEN - 1),
			   GFP_KERNEL_ACCOUNT);
}

/* the request with this index, or NULL; xarray's lock held */
struct amrpc_tx *amrpc_served_get(struct amrpc_file *f, u32 idx)
{
	lockdep_assert_held(&f->served.xa_lock);
	if (idx >= AMRPC_SERVED_LOW)
		return xa_load(&f->served, idx);
	return f->served_low[idx];
}

/* the reference is the caller's again; any context but hard interrupt */
void amrpc_served_del(struct amrpc_file *f, u32 idx)
{
	if (idx >= AMRPC_SERVED_LOW) {
		xa_erase_bh(&f->served, idx);
		return;
	}
	xa_lock_bh(&f->served);
	f->served_low[idx] = NULL;
	f->served_used &= ~BIT(idx);
	xa_unlock_bh(&f->served);
}

/**
 * amrpc_served_take() - the file is closed: any of them
 * @f: file, no thread uses it any more
 *
 * Context: process. Return: tx, which is not there any more, with its reference; NULL: none is.
 */
struct amrpc_tx *amrpc_served_take(struct amrpc_file *f)
{
	struct amrpc_tx *tx;
	unsigned long idx = AMRPC_SERVED_LOW;

	xa_lock_bh(&f->served);
	if (f->served_used) {
		idx = __ffs(f->served_used);
		tx = f->served_low[idx];
	} else {
		tx = xa_find(&f->served, &idx, ULONG_MAX, XA_PRESENT);
	}
	xa_unlock_bh(&f->served);
	if (tx)
		amrpc_served_del(f, idx);
	return tx;
}
