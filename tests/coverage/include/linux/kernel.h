/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _COVERAGE_LINUX_KERNEL_H
#define _COVERAGE_LINUX_KERNEL_H

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <linux/errno.h>
#include <linux/types.h>

/* glibc defines both, the kernel the one that is meant */
#if __BYTE_ORDER == __BIG_ENDIAN
#define CONFIG_CPU_BIG_ENDIAN	1
#else
#define CONFIG_CPU_BIG_ENDIAN	0
#undef __BIG_ENDIAN
#endif

#define U16_MAX		UINT16_MAX
#define U32_MAX		UINT32_MAX
#define S16_MIN		INT16_MIN
#define S16_MAX		INT16_MAX
#define S32_MIN		INT32_MIN
#define S32_MAX		INT32_MAX
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define fallthrough	__attribute__((fallthrough))
#define max_t(t, a, b)	({ t _x = (a); t _y = (b); _x > _y ? _x : _y; })
#define min_t(t, a, b)	({ t _x = (a); t _y = (b); _x < _y ? _x : _y; })
#define clamp_t(t, v, lo, hi)	min_t(t, max_t(t, v, lo), hi)
#define min(a, b)	({ __auto_type _x = (a); __auto_type _y = (b); _x < _y ? _x : _y; })
#define max(a, b)	({ __auto_type _x = (a); __auto_type _y = (b); _x > _y ? _x : _y; })
#define clamp(v, lo, hi)	min(max(v, lo), hi)
/* the message is optional */
#undef static_assert
#define static_assert(e)	_Static_assert(e, #e)
#define READ_ONCE(x)	(x)
#define IS_ENABLED(x)	(x)

#endif
