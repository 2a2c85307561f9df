// SPDX-License-Identifier: GPL-2.0-only
/* 6.2: timer_delete() and timer_delete_sync(); del_timer*() are gone since 6.15 */

#include <linux/timer.h>

int probe(struct timer_list *t);
int probe(struct timer_list *t)
{
	return timer_delete(t) + timer_delete_sync(t);
}
