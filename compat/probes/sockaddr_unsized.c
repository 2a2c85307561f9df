// SPDX-License-Identifier: GPL-2.0-only
/* 6.19: proto_ops.bind and .connect take struct sockaddr_unsized * */

#include <linux/net.h>
#include <linux/socket.h>

static int probe_bind(struct socket *sock, struct sockaddr_unsized *addr, int len)
{
	return 0;
}

const struct proto_ops probe = { .bind = probe_bind };
