/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _COVERAGE_LINUX_UNALIGNED_H
#define _COVERAGE_LINUX_UNALIGNED_H

#include <linux/types.h>

static inline u16 get_unaligned_le16(const u8 *p)
{
	return p[0] | p[1] << 8;
}

static inline u32 get_unaligned_le32(const u8 *p)
{
	return get_unaligned_le16(p) | (u32)get_unaligned_le16(p + 2) << 16;
}

static inline u64 get_unaligned_le64(const u8 *p)
{
	return get_unaligned_le32(p) | (u64)get_unaligned_le32(p + 4) << 32;
}

static inline u16 get_unaligned_be16(const u8 *p)
{
	return p[1] | p[0] << 8;
}

static inline u32 get_unaligned_be32(const u8 *p)
{
	return get_unaligned_be16(p + 2) | (u32)get_unaligned_be16(p) << 16;
}

static inline void put_unaligned_le16(u16 v, u8 *p)
{
	p[0] = v;
	p[1] = v >> 8;
}

static inline void put_unaligned_le32(u32 v, u8 *p)
{
	put_unaligned_le16(v, p);
	put_unaligned_le16(v >> 16, p + 2);
}

static inline void put_unaligned_le64(u64 v, u8 *p)
{
	put_unaligned_le32(v, p);
	put_unaligned_le32(v >> 32, p + 4);
}

static inline void put_unaligned_be16(u16 v, u8 *p)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline void put_unaligned_be32(u32 v, u8 *p)
{
	put_unaligned_be16(v >> 16, p);
	put_unaligned_be16(v, p + 2);
}

#endif
