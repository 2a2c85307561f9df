// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests in the hands of a file's threads, by index: the lower part of their handle.
 *
 * DESIGN NOTES
 *
 * A file has few of them at a time, and each comes and goes within one call of PUTREP_GETREQ: the first
 * AMRPC_SERVED_LOW indices are an array and a word of bits, which says whose turn it is to write an entry;
 * the others an xarray. Each tx that is there has a reference.
 *
 * Who looks one up holds no lock: it gets a reference, and compares the handle again, since by then
 * the tx may be another transaction (rpc_tx.c). Which of several that have a handle answers, tx->claimed
 * says, by xchg().
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
	unsigned long used = READ_ONCE(f->served_used);
	unsigned int i;

	for (; used != AMRPC_SERVED_ALL; used = READ_ONCE(f->served_used)) {
		i = ffz(used);
		if (test_and_set_bit_lock(i, &f->served_used))
			continue;
		smp_store_release(&f->served_low[i], tx);
		*idx = i;
		return 0;
	}
	return xa_alloc_bh(&f->served, idx, tx, XA_LIMIT(AMRPC_SERVED_LOW, AMRPC_MAX_OPEN - 1),
			   GFP_KERNEL_ACCOUNT);
}

/**
 * amrpc_served_get() - the request with a handle
 * @f: open file that got it
 * @handle: from getreq, not 0
 *
 * Context: process. Return: tx with a reference, or NULL.
 */
struct amrpc_tx *amrpc_served_get(struct amrpc_file *f, u64 handle)
{
	u32 idx = handle & 0xffff;
	struct amrpc_tx *tx;

	rcu_read_lock();
	tx = idx < AMRPC_SERVED_LOW ? READ_ONCE(f->served_low[idx]) : xa_load(&f->served, idx);
	if (tx && (READ_ONCE(tx->handle) != handle || !refcount_inc_not_zero(&tx->ref)))
		tx = NULL;
	rcu_read_unlock();
	if (!tx)
		return NULL;
	smp_rmb();	/* amrpc_tx_new(): no handle of the old one with a reference to the new */
	if (smp_load_acquire(&tx->handle) == handle)
		return tx;
	amrpc_tx_put(tx);
	return NULL;
}

/* the reference is the caller's again; any context but hard interrupt */
void amrpc_served_del(struct amrpc_file *f, u32 idx)
{
	if (idx >= AMRPC_SERVED_LOW) {
		xa_erase_bh(&f->served, idx);
		return;
	}
	WRITE_ONCE(f->served_low[idx], NULL);
	clear_bit_unlock(idx, &f->served_used);
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

	if (f->served_used) {
		idx = __ffs(f->served_used);
		tx = f->served_low[idx];
	} else {
		tx = xa_find(&f->served, &idx, ULONG_MAX, XA_PRESENT);
	}
	if (tx)
		amrpc_served_del(f, idx);
	return tx;
}
