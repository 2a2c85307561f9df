/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hash and comparison for tables with keys of 64 bits. Those rhashtable takes by default call
 * memcmp() and know the length only at run time; a transaction looks something up ten times.
 */
#ifndef _AMRPC_HASH_H
#define _AMRPC_HASH_H

#include <linux/jhash.h>
#include <linux/rhashtable.h>

static inline u32 amrpc_key_hash(const void *data, u32 len, u32 seed)
{
	const u64 key = *(const u64 *)data;

	return jhash_2words((u32)key, (u32)(key >> 32), seed);
}

static inline int amrpc_key_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	return *(const u64 *)arg->key != *(const u64 *)(obj + arg->ht->p.key_offset);
}

#endif /* _AMRPC_HASH_H */
