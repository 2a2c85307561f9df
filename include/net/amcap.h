/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * One-way functions and check fields (amoeba_cap.ko); the same C files are compiled into
 * libamoeba. Nothing here allocates, sleeps or takes a lock: any context.
 */
#ifndef _NET_AMCAP_H
#define _NET_AMCAP_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

#define AMCAP_PORT	6	/* bytes of a port or check field */
#define AMCAP_ALL_RIGHTS 0xff

/* put-port or check = one_way(48 bits), facts 4.3; null maps to null. @out may be @in. */
void amcap_one_way(const u8 in[AMCAP_PORT], u8 out[AMCAP_PORT]);

/* public FLIP address = oneway(private), facts 1.11. @out may be @in. */
void amcap_flip_oneway(const u8 in[8], u8 out[8]);

/* check field of a capability with @rights over an object whose random number is @random */
void amcap_encode(u8 rights, const u8 random[AMCAP_PORT], u8 check[AMCAP_PORT]);

/* true when @check is right for @rights and @random; takes the same time either way */
bool amcap_check(u8 rights, const u8 check[AMCAP_PORT], const u8 random[AMCAP_PORT]);

/* constant-time comparison of two 48-bit values */
bool amcap_equal(const u8 a[AMCAP_PORT], const u8 b[AMCAP_PORT]);

#endif /* _NET_AMCAP_H */
