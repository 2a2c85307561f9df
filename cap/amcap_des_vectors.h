/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Published results of DES; shared by KUnit and userland tests.
 */
#ifndef _AMCAP_DES_VECTORS_H
#define _AMCAP_DES_VECTORS_H

#include <net/amcap.h>

/* in the order of bits of FIPS 46: the most significant first */
static const struct amcap_des_vector {
	u64	key;
	u64	plain;
	u64	cipher;
} amcap_des_vectors[] = {
	{ 0x133457799bbcdff1ULL, 0x0123456789abcdefULL, 0x85e813540f0ab405ULL },
	{ 0x0e329232ea6d0d73ULL, 0x8787878787878787ULL, 0x0000000000000000ULL },
	{ 0x10316e028c8f3b4aULL, 0x0000000000000000ULL, 0x82dcbafbdeab6602ULL },
	{ 0x0101010101010101ULL, 0x95f8a5e5dd31d900ULL, 0x8000000000000000ULL },
	{ 0x0101010101010101ULL, 0x8000000000000000ULL, 0x95f8a5e5dd31d900ULL },
	{ 0x8001010101010101ULL, 0x0000000000000000ULL, 0x95a8d72813daa94dULL },
	{ 0x1046913489980131ULL, 0x0000000000000000ULL, 0x88d55e54f54c97b4ULL },
	{ 0x7ca110454a1a6e57ULL, 0x01a1d6d039776742ULL, 0x690f5b0d9a26939bULL },
	{ 0x0131d9619dc1376eULL, 0x5cd54ca83def57daULL, 0x7a389d10354bd271ULL },
};

#endif /* _AMCAP_DES_VECTORS_H */
