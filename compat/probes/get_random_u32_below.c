// SPDX-License-Identifier: GPL-2.0-only
/* 6.2: prandom_u32_max() became get_random_u32_below() */

#include <linux/random.h>

u32 probe(u32 n);
u32 probe(u32 n)
{
	return get_random_u32_below(n);
}
