// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Public FLIP addresses: the zero block, encrypted under the private address.
 */
#include "amcap_des.h"

#define AMCAP_FLIP_MASK	0x00ffffffffffffffULL	/* all but the space byte */

void amcap_flip_oneway(const u8 in[8], u8 out[8])
{
	u64 priv = amcap_load(in, 8);
	u64 pub = priv;

	if (priv & AMCAP_FLIP_MASK) {
		pub = amcap_des_encrypt(priv, 0) & AMCAP_FLIP_MASK;
		/* zero is the broadcast address; no private address is known that leads here */
		if (!pub)
			pub = amcap_des_encrypt(0, 0) & AMCAP_FLIP_MASK;
		pub |= priv & ~AMCAP_FLIP_MASK;
	}
	amcap_store(out, 8, pub);
}
EXPORT_SYMBOL_GPL(amcap_flip_oneway);
