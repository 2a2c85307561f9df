/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hash and comparison for tables of FLIP addresses. Those rhashtable takes by default call
 * memcmp() and know the length only at run time; every packet looks up several addresses.
 */
#ifndef _FLIP_HASH_H
#define _FLIP_HASH_H

#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <net/flip.h>

static inline u32 flip_key_hash(const void *data, u32 len, u32 seed)
{
	const u64 addr = (__force u64)*(const flip_addr_t *)data;

	return jhash_2words((u32)addr, (u32)(addr >> 32), seed);
}

static inline int flip_key_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	return *(const flip_addr_t *)arg->key !=
	       *(const flip_addr_t *)(obj + arg->ht->p.key_offset);
}

#endif /* _FLIP_HASH_H */
