// SPDX-License-Identifier: GPL-2.0-only
/* 6.11: handlers of sysctls take const struct ctl_table * */

#include <linux/sysctl.h>

static int probe_handler(const struct ctl_table *t, int write, void *buf, size_t *len, loff_t *pos)
{
	return 0;
}

proc_handler *probe = probe_handler;
