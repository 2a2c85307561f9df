// SPDX-License-Identifier: GPL-2.0-only
/* 6.3: kfree_rcu() and kvfree_rcu() with one argument became ..._mightsleep() */

#include <linux/rcupdate.h>
#include <linux/slab.h>

void probe(void *p, void *q);
void probe(void *p, void *q)
{
	kfree_rcu_mightsleep(p);
	kvfree_rcu_mightsleep(q);
}
