// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * The one-way function of ports and check fields: Amoeba's 48-bit relative of DES, the zero block
 * encrypted under the argument.
 *
 * Key schedule and S-boxes are those of DES; the block is 48 bits, with an expansion and
 * permutations of its own, of which the one before the rounds does nothing to a block of zeros.
 */
#include "amcap_des.h"
#include "amcap_port_tables.h"

static inline u32 amcap_port_f(u32 r, u64 key)
{
	u64 e = amcap_port_e[0][r & 63] | amcap_port_e[1][r >> 6 & 63] |
		amcap_port_e[2][r >> 12 & 63] | amcap_port_e[3][r >> 18];

	e ^= key;
	return amcap_port_sp[0][e & 63] ^ amcap_port_sp[1][e >> 8 & 63] ^
	       amcap_port_sp[2][e >> 16 & 63] ^ amcap_port_sp[3][e >> 24 & 63] ^
	       amcap_port_sp[4][e >> 32 & 63] ^ amcap_port_sp[5][e >> 40 & 63];
}

void amcap_one_way(const u8 in[AMCAP_PORT], u8 out[AMCAP_PORT])
{
	u64 arg = amcap_load(in, AMCAP_PORT);
	struct amcap_des_key k;
	u32 l = 0, r = 0, t;
	unsigned int i;
	u64 v, key = 0;

	if (!arg) {
		amcap_store(out, AMCAP_PORT, 0);
		return;
	}

	/* six bits of the argument to each byte of the key */
	for (i = 0; i < 8; i++)
		key |= (arg >> 6 * i & 63) << 8 * i;
	amcap_des_key_init(&k, key);

	for (i = 0; i < 16; i++) {
		t = l ^ amcap_port_f(r, amcap_des_key_next(&k, i));
		l = r;
		r = t;
	}

	arg = (u64)l << 24 | r;
	for (v = 0, i = 0; i < 12; i++, arg >>= 4)
		v |= amcap_port_fp[i][arg & 15];
	/* null names nothing: no argument but null leads there */
	amcap_store(out, AMCAP_PORT, v ? v : 1);
}
EXPORT_SYMBOL_GPL(amcap_one_way);
