/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cmocka and what it needs first. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "am_priv.h"

/* a capability with every byte set, for tests */
static inline am_cap some_cap(uint8_t seed)
{
	am_cap c;
	size_t i;

	for (i = 0; i < sizeof(c); i++)
		((uint8_t *)&c)[i] = seed + i;
	return c;
}

#endif /* UNIT_H */
