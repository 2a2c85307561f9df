/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * The DES core behind both one-way functions.
 *
 * DESIGN NOTES
 * Amoeba numbers the bits of bytes from the least significant, so words here are loaded
 * little-endian and bit i of FIPS 46 (counted from 1) is bit i-1 of a word. Six-bit groups stand
 * one to a byte, first bit lowest, so a round key is a u64 whose byte j belongs to S-box j+1.
 *
 * Every key is used for one block, so the schedule is run along with the rounds and never stored.
 * Table look-ups depend on the key: who shares a cache with the kernel may learn about it. The
 * 48 bits these functions protect do not carry more than that; nothing but the classic format
 * rests on them.
 */
#ifndef _AMCAP_DES_H
#define _AMCAP_DES_H

#include <net/amcap.h>

#ifdef __KERNEL__
#include <linux/module.h>
#include <kunit/visibility.h>
#else
#define EXPORT_SYMBOL_GPL(symbol)
#define EXPORT_SYMBOL_IF_KUNIT(symbol)
#endif

/* C and D of the key schedule, 28 bits each */
struct amcap_des_key {
	u32	c;
	u32	d;
};

extern const u32 amcap_des_pc2c[4][128];
extern const u32 amcap_des_pc2d[4][128];

void amcap_des_key_init(struct amcap_des_key *k, u64 key);

/* one DES encryption; no bit of @key is checked for parity */
u64 amcap_des_encrypt(u64 key, u64 block);

static inline u32 amcap_des_rotate(u32 v, unsigned int n)
{
	return (v >> n | v << (28 - n)) & 0xfffffff;
}

/* key of the next round, counted from 0 */
static inline u64 amcap_des_key_next(struct amcap_des_key *k, unsigned int round)
{
	unsigned int n = 0x8103 >> round & 1 ? 1 : 2;
	u32 c = amcap_des_rotate(k->c, n);
	u32 d = amcap_des_rotate(k->d, n);

	k->c = c;
	k->d = d;
	c = amcap_des_pc2c[0][c & 127] | amcap_des_pc2c[1][c >> 7 & 127] |
	    amcap_des_pc2c[2][c >> 14 & 127] | amcap_des_pc2c[3][c >> 21];
	d = amcap_des_pc2d[0][d & 127] | amcap_des_pc2d[1][d >> 7 & 127] |
	    amcap_des_pc2d[2][d >> 14 & 127] | amcap_des_pc2d[3][d >> 21];
	return (u64)d << 32 | c;
}

/* @n bytes, the first one lowest; no alignment asked */
static inline u64 amcap_load(const u8 *p, unsigned int n)
{
	u64 v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static inline void amcap_store(u8 *p, unsigned int n, u64 v)
{
	unsigned int i;

	for (i = 0; i < n; i++, v >>= 8)
		p[i] = (u8)v;
}

#endif /* _AMCAP_DES_H */
