// SPDX-License-Identifier: GPL-2.0-only
/* 6.15: netns_local is called netns_immutable */

#include <linux/netdevice.h>

void probe(struct net_device *dev);

void probe(struct net_device *dev)
{
	dev->netns_immutable = true;
}
