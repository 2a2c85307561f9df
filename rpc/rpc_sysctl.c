// SPDX-License-Identifier: GPL-2.0-only
/*
 * net.amoeba.*: what an administrator may change, per namespace.
 *
 *	group_range	gids that may open transaction sockets, first and last (1 0: none)
 *	linger_s	the address of a closed server answers for so long: 0 to 3600 s (25)
 *	max_cached	ports looked for or found: 16 to 65536 (4096)
 *	max_kernels	client kernels remembered for at most once: 16 to 65536 (4096)
 *	max_lingering	closed servers whose address lingers: 0 to 65536 (1024)
 *	max_user_bytes	data of a user's requests and replies in the kernel: 1 MiB to all (half of memory)
 *	max_user_calls	calls of a user under way: 16 to 1048576 (65536)
 *	max_user_files	open files of a user: 1 to 1048576 (4096)
 *	max_user_ports	ports its files serve: 1 to 1048576 (16384)
 *	max_user_queued	local requests of its clients in queues: 1 to 65536 (2048)
 *	max_user_requests  remote requests in queues of its files: 1 to 1048576 (4096)
 *	queue_bytes	data of a queue of requests: 64 KiB to 1 GiB (64 MiB)
 *	queue_len	requests of other machines in a server's queue: 1 to 65536 (256)
 *	queue_local_len	requests of this namespace in a port's queue: 1 to 65536 (4096)
 *
 * In a namespace whose owner is not the initial user namespace the limits of memory are read-only.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sysctl.h>

#include "rpc.h"

static unsigned long bytes_min = 1 << 20, bytes_max;
static unsigned int one = 1, sixteen = 16, hour = 3600, k64 = 65536, m1 = 1 << 20, g1 = 1 << 30;

#define AMRPC_UINT(_name, _min, _max)					\
	{								\
		.procname	= #_name,				\
		.data		= &((struct amrpc_tunables *)0)->_name,	\
		.maxlen		= sizeof(unsigned int),			\
		.mode		= 0644,					\
		.proc_handler	= proc_douintvec_minmax,		\
		.extra1		= _min,					\
		.extra2		= _max,					\
	}

/* ->data is the offset in struct amrpc_tunables; the copy of a namespace gets its own address */
static const struct ctl_table amrpc_sysctls[] = {
	{
		.procname	= "group_range",
		.data		= &((struct amrpc_tunables *)0)->group_range,
		.maxlen		= sizeof(struct flip_gids),
		.mode		= 0644,
		.proc_handler	= flip_gids_sysctl,
	},
	/* from here on: limits of memory */
	AMRPC_UINT(linger_s, SYSCTL_ZERO, &hour),
	AMRPC_UINT(max_cached, &sixteen, &k64),
	AMRPC_UINT(max_kernels, &sixteen, &k64),
	AMRPC_UINT(max_lingering, SYSCTL_ZERO, &k64),
	{
		.procname	= "max_user_bytes",
		.data		= &((struct amrpc_tunables *)0)->max_user_bytes,
		.maxlen		= sizeof(unsigned long),
		.mode		= 0644,
		.proc_handler	= proc_doulongvec_minmax,
		.extra1		= &bytes_min,
		.extra2		= &bytes_max,
	},
	AMRPC_UINT(max_user_calls, &sixteen, &m1),
	AMRPC_UINT(max_user_files, &one, &m1),
	AMRPC_UINT(max_user_ports, &one, &m1),
	AMRPC_UINT(max_user_queued, &one, &k64),
	AMRPC_UINT(max_user_requests, &one, &m1),
	AMRPC_UINT(queue_bytes, &k64, &g1),
	AMRPC_UINT(queue_len, &one, &k64),
	AMRPC_UINT(queue_local_len, &one, &k64),
	COMPAT_SYSCTL_SENTINEL
};

#define AMRPC_SYSCTL_LIMITS	1	/* index of the first limit of memory */

/**
 * amrpc_group_allowed() - may the current thread open a socket for transactions?
 * @net: network namespace
 *
 * By a group within net.amoeba.group_range, or CAP_NET_RAW in the user namespace that owns @net.
 * Context: process.
 */
bool amrpc_group_allowed(struct net *net)
{
	return flip_gids_allowed(&amrpc_pernet(net)->tune.group_range, net);
}

int amrpc_sysctl_init(struct amrpc_net *an)
{
	struct ctl_table *table;

	bytes_max = totalram_pages() << PAGE_SHIFT;
	an->tune = (struct amrpc_tunables){
		.linger_s = 25,
		.max_cached = 4096,
		.max_kernels = 4096,
		.max_lingering = 1024,
		.max_user_bytes = max(bytes_max / 2, bytes_min),
		.max_user_calls = 65536,
		.max_user_files = 4096,
		.max_user_ports = 16384,
		.max_user_queued = 2048,
		.max_user_requests = 4096,
		.queue_bytes = 64 << 20,
		.queue_len = 256,
		.queue_local_len = 4096,
	};
	flip_gids_init(&an->tune.group_range, 1, 0);
	table = kmemdup(amrpc_sysctls, sizeof(amrpc_sysctls), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (unsigned int i = 0; i < ARRAY_SIZE(amrpc_sysctls) && table[i].procname; i++) {
		table[i].data = (u8 *)&an->tune + (unsigned long)table[i].data;
		if (i >= AMRPC_SYSCTL_LIMITS && an->net->user_ns != &init_user_ns)
			table[i].mode = 0444;
	}
	an->sysctl = register_net_sysctl_sz(an->net, "net/amoeba", table,
					    ARRAY_SIZE(amrpc_sysctls));
	if (!an->sysctl) {
		kfree(table);
		return -ENOMEM;
	}
	return 0;
}

void amrpc_sysctl_exit(struct amrpc_net *an)
{
	const struct ctl_table *table = an->sysctl->ctl_table_arg;

	unregister_net_sysctl_table(an->sysctl);
	kfree(table);
}
