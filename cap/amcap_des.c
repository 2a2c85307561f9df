// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * DES (FIPS 46), table-driven; see amcap_des.h for the order of bits.
 */
#include "amcap_des.h"
#include "amcap_des_tables.h"

void amcap_des_key_init(struct amcap_des_key *k, u64 key)
{
	unsigned int i;
	u64 cd = 0;

	for (i = 0; i < 16; i++, key >>= 4)
		cd |= amcap_des_pc1[i][key & 15];
	k->c = (u32)cd;
	k->d = (u32)(cd >> 32);
}

/* swap the bits of @v under @mask with those @n higher */
static inline u64 amcap_des_swap(u64 v, u64 mask, unsigned int n)
{
	u64 t = (v ^ v >> n) & mask;

	return v ^ t ^ t << n;
}

/* bit b of byte a goes to bit a of byte b */
static u64 amcap_des_transpose(u64 v)
{
	v = amcap_des_swap(v, 0x00aa00aa00aa00aaULL, 7);
	v = amcap_des_swap(v, 0x0000cccc0000ccccULL, 14);
	return amcap_des_swap(v, 0x00000000f0f0f0f0ULL, 28);
}

static u64 amcap_des_bswap(u64 v)
{
	v = amcap_des_swap(v, 0x00000000ffffffffULL, 32);
	v = amcap_des_swap(v, 0x0000ffff0000ffffULL, 16);
	return amcap_des_swap(v, 0x00ff00ff00ff00ffULL, 8);
}

/*
 * IP takes column k of L, from byte 7-k: bits 1, 3, 5, 7 to rows 1-4; R gets bits 0, 2, 4, 6. So
 * it is a reversal of the bytes, a transposition, and the odd rows before the even ones.
 */
static void amcap_des_ip(u64 block, u32 *l, u32 *r)
{
	u64 v = amcap_des_transpose(amcap_des_bswap(block));

	/* bytes 0-7 into the order 0 2 4 6 1 3 5 7 */
	v = amcap_des_swap(v, 0x0000ff000000ff00ULL, 8);
	v = amcap_des_swap(v, 0x00000000ffff0000ULL, 16);
	*r = (u32)v;
	*l = (u32)(v >> 32);
}

static u64 amcap_des_fp(u32 l, u32 r)
{
	u64 v = (u64)l << 32 | r;

	v = amcap_des_swap(v, 0x00000000ffff0000ULL, 16);
	v = amcap_des_swap(v, 0x0000ff000000ff00ULL, 8);
	return amcap_des_bswap(amcap_des_transpose(v));
}

static inline u32 amcap_des_f(u32 r, u64 key)
{
	/* group j is bits 4j-1 to 4j+4 of R, counted round the end */
	u64 e = (u64)r << 1 | r >> 31 | (u64)(r & 1) << 33;
	u32 f = 0;
	int j;

	for (j = 0; j < 8; j++)
		f ^= amcap_des_sp[j][(e >> 4 * j ^ key >> 8 * j) & 63];
	return f;
}

u64 amcap_des_encrypt(u64 key, u64 block)
{
	struct amcap_des_key k;
	unsigned int round;
	u32 l, r, t;

	amcap_des_key_init(&k, key);
	amcap_des_ip(block, &l, &r);
	for (round = 0; round < 16; round++) {
		t = l ^ amcap_des_f(r, amcap_des_key_next(&k, round));
		l = r;
		r = t;
	}
	return amcap_des_fp(r, l);
}
EXPORT_SYMBOL_IF_KUNIT(amcap_des_encrypt);
