// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Check fields of capabilities.
 *
 * An owner capability carries the object's random number itself; a restricted one carries
 * one_way(random with the rights folded in), which its holder can make and cannot undo.
 */
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif
#include "amcap_des.h"

void amcap_encode(u8 rights, const u8 random[AMCAP_PORT], u8 check[AMCAP_PORT])
{
	u8 arg[AMCAP_PORT];

	memcpy(arg, random, AMCAP_PORT);
	if (rights == AMCAP_ALL_RIGHTS) {
		memcpy(check, arg, AMCAP_PORT);
		return;
	}
	arg[0] ^= rights;
	amcap_one_way(arg, check);
}
EXPORT_SYMBOL_GPL(amcap_encode);

bool amcap_equal(const u8 a[AMCAP_PORT], const u8 b[AMCAP_PORT])
{
	u64 differ = amcap_load(a, AMCAP_PORT) ^ amcap_load(b, AMCAP_PORT);

	return (differ - 1) >> 63;
}
EXPORT_SYMBOL_GPL(amcap_equal);

bool amcap_check(u8 rights, const u8 check[AMCAP_PORT], const u8 random[AMCAP_PORT])
{
	u8 right[AMCAP_PORT];

	amcap_encode(rights, random, right);
	return amcap_equal(check, right);
}
EXPORT_SYMBOL_GPL(amcap_check);
