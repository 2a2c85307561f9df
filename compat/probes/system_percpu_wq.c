// SPDX-License-Identifier: GPL-2.0-only
/* 6.17: system_wq became system_percpu_wq, system_unbound_wq system_dfl_wq */

#include <linux/workqueue.h>

struct workqueue_struct *probe(int unbound);
struct workqueue_struct *probe(int unbound)
{
	return unbound ? system_dfl_wq : system_percpu_wq;
}
