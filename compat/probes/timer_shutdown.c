// SPDX-License-Identifier: GPL-2.0-only
/* 6.2: timer_shutdown() and timer_shutdown_sync() */

#include <linux/timer.h>

int probe(struct timer_list *t);
int probe(struct timer_list *t)
{
	return timer_shutdown(t) + timer_shutdown_sync(t);
}
