// SPDX-License-Identifier: GPL-2.0-only
/* 6.1: TASK_FREEZABLE */

#include <linux/sched.h>

unsigned int probe(void);
unsigned int probe(void)
{
	return TASK_FREEZABLE;
}
