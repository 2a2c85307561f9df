// SPDX-License-Identifier: GPL-2.0-only
/* 6.17: WQ_PERCPU; later kernels warn when neither it nor WQ_UNBOUND is given */

#include <linux/workqueue.h>

int probe = WQ_PERCPU;
