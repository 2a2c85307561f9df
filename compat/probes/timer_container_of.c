// SPDX-License-Identifier: GPL-2.0-only
/* 6.16: from_timer() became timer_container_of() */

#include <linux/timer.h>

struct thing {
	struct timer_list timer;
};

struct thing *probe(struct timer_list *t);
struct thing *probe(struct timer_list *t)
{
	struct thing *x = timer_container_of(x, t, timer);

	return x;
}
