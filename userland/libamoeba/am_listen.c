// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ports served without a thread waiting, calls that are cancelled, time-outs of the process. */
#include <errno.h>
#include <string.h>

#include "am_priv.h"

static int listen_some(const am_port *get, unsigned int n, uint32_t flags)
{
	uint8_t list[AMOEBA_MAX_PORTS][8] = { 0 };
	struct amoeba_listen l = { .ports = (uintptr_t)list, .nports = n, .flags = flags };
	unsigned int i;

	for (i = 0; i < n; i++)
		memcpy(list[i], get[i].b, sizeof(get[i].b));
	return am_dev_ioctl(AMOEBA_LISTEN, &l);
}

int am_listen(const am_port *get, unsigned int n)
{
	return n && n <= AMOEBA_MAX_PORTS ? listen_some(get, n, 0) : -EINVAL;
}

int am_unlisten(const am_port *get, unsigned int n)
{
	struct amoeba_listen all = { .flags = AMOEBA_LISTEN_OFF };

	if (!n)
		return am_dev_ioctl(AMOEBA_LISTEN, &all);
	return n <= AMOEBA_MAX_PORTS ? listen_some(get, n, AMOEBA_LISTEN_OFF) : -EINVAL;
}

int am_cancel(uint64_t cookie)
{
	struct amoeba_cancel c = { .cookie = cookie };
	int r = am_dev_ioctl(AMOEBA_CANCEL, &c);

	return r ? r : (int)c.count;
}

int am_limits(struct amoeba_limits *l)
{
	return am_dev_ioctl(AMOEBA_LIMITS, l);
}
