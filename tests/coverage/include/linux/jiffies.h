/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _COVERAGE_LINUX_JIFFIES_H
#define _COVERAGE_LINUX_JIFFIES_H

#define HZ			250
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_before(a, b)	time_after(b, a)

static inline unsigned int jiffies_to_msecs(unsigned long j)
{
	return j * (1000 / HZ);
}

#endif
