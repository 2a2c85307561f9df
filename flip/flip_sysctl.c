// SPDX-License-Identifier: GPL-2.0-only
/*
 * net.flip.*: what an administrator may change, per namespace.
 *
 *	forwarding		pass packets between networks: 0 or 1 (1)
 *	locate_queue_bytes	memory of messages waiting for a locate: 64 KiB to 1 GiB (4 MiB)
 *	locate_rate		LOCATEs taken from one network per second: 1 to 1000000 (100)
 *	max_endpoints		addresses of the namespace: 16 to 1048576 (65536)
 *	max_locates		addresses looked for at once: 16 to 65536 (4096)
 *	max_neighbours		machines known: 16 to 65536 (4096)
 *	max_routes		addresses elsewhere known: 16 to 1048576 (65536)
 *	pin_window		bytes of a sender's pages on their way: 0 to 1 GiB (1 MiB)
 *	raw_group_range		gids that may open FLIP sockets, first and last (1 0: none)
 *	reass_bytes		memory of partial messages: 64 KiB to all (a quarter of all)
 *	rmem_default		receive buffer of a new socket, bytes: 4 KiB to 1 GiB (4 MiB)
 *	route_idle_s		a route not used for so long is forgotten: 10 to 86400 s (3600)
 *
 * In a namespace whose owner is not the initial user namespace the limits of memory are read-only.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include "flip_int.h"

static unsigned int one = 1, ten = 10, sixteen = 16, day = 86400, k4 = 4096, k64 = 65536,
		    m1 = 1 << 20, million = 1000000, g1 = 1 << 30;
static unsigned long reass_min = 65536, reass_max;

#define FLIP_UINT(_name, _min, _max)					\
	{								\
		.procname	= #_name,				\
		.data		= &((struct flip_tunables *)0)->_name,	\
		.maxlen		= sizeof(unsigned int),			\
		.mode		= 0644,					\
		.proc_handler	= proc_douintvec_minmax,		\
		.extra1		= _min,					\
		.extra2		= _max,					\
	}

/* ->data is the offset in struct flip_tunables; the copy of a namespace gets its own address */
static const struct ctl_table flip_sysctls[] = {
	{
		.procname	= "forwarding",
		.data		= &((struct flip_tunables *)0)->forwarding,
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
	{
		.procname	= "raw_group_range",
		.data		= &((struct flip_tunables *)0)->raw_group_range,
		.maxlen		= sizeof(struct flip_gids),
		.mode		= 0644,
		.proc_handler	= flip_gids_sysctl,
	},
	/* from here on: limits of memory */
	{
		.procname	= "reass_bytes",
		.data		= &((struct flip_tunables *)0)->reass_bytes,
		.maxlen		= sizeof(unsigned long),
		.mode		= 0644,
		.proc_handler	= proc_doulongvec_minmax,
		.extra1		= &reass_min,
		.extra2		= &reass_max,
	},
	FLIP_UINT(locate_queue_bytes, &k64, &g1),
	FLIP_UINT(locate_rate, &one, &million),
	FLIP_UINT(max_endpoints, &sixteen, &m1),
	FLIP_UINT(max_locates, &sixteen, &k64),
	FLIP_UINT(max_neighbours, &sixteen, &k64),
	FLIP_UINT(max_routes, &sixteen, &m1),
	FLIP_UINT(pin_window, SYSCTL_ZERO, &g1),
	FLIP_UINT(rmem_default, &k4, &g1),
	FLIP_UINT(route_idle_s, &ten, &day),
	COMPAT_SYSCTL_SENTINEL
};

#define FLIP_SYSCTL_LIMITS	2	/* index of the first limit of memory */

int flip_sysctl_ns_init(struct flip_ns *ns)
{
	struct ctl_table *table;
	unsigned int i;

	reass_max = totalram_pages() << PAGE_SHIFT;
	ns->tune = (struct flip_tunables){
		.max_routes = 65536,
		.max_neighbours = 4096,
		.max_endpoints = 65536,
		.max_locates = 4096,
		.locate_queue_bytes = 4 << 20,
		.locate_rate = 100,
		.pin_window = 1 << 20,
		.route_idle_s = 3600,
		.forwarding = 1,
		.rmem_default = 4 << 20,
		.reass_bytes = max(reass_max / 4, reass_min),
	};
	flip_gids_init(&ns->tune.raw_group_range, 1, 0);
	table = kmemdup(flip_sysctls, sizeof(flip_sysctls), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(flip_sysctls) && table[i].procname; i++) {
		table[i].data = (u8 *)&ns->tune + (unsigned long)table[i].data;
		if (i >= FLIP_SYSCTL_LIMITS && ns->net->user_ns != &init_user_ns)
			table[i].mode = 0444;
	}
	ns->sysctl = register_net_sysctl_sz(ns->net, "net/flip", table, ARRAY_SIZE(flip_sysctls));
	if (!ns->sysctl) {
		kfree(table);
		return -ENOMEM;
	}
	return 0;
}

void flip_sysctl_ns_exit(struct flip_ns *ns)
{
	const struct ctl_table *table = ns->sysctl->ctl_table_arg;

	unregister_net_sysctl_table(ns->sysctl);
	kfree(table);
}
