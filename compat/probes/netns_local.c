// SPDX-License-Identifier: GPL-2.0-only
/* 6.12: NETIF_F_NETNS_LOCAL is a member of struct net_device */

#include <linux/netdevice.h>

void probe(struct net_device *dev);

void probe(struct net_device *dev)
{
	dev->netns_local = true;
}
