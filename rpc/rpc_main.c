// SPDX-License-Identifier: GPL-2.0-only
/*
 * amoeba.ko: transactions that run at most once. The module and its namespaces.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/netns/generic.h>

#define CREATE_TRACE_POINTS
#include "rpc.h"
#include "rpc_trace.h"

unsigned int amrpc_net_id __read_mostly;

struct amrpc_net *amrpc_pernet(struct net *net)
{
	return net_generic(net, amrpc_net_id);
}

static int __net_init amrpc_net_init(struct net *net)
{
	struct amrpc_net *an = amrpc_pernet(net);
	int err;

	an->net = net;
	/* a new incarnation: random, last byte 0 as the original's (wire-observed 2) */
	get_random_bytes(an->kid, sizeof(an->kid) - 1);
	an->kid[7] = 0;
	mutex_init(&an->kobj_lock);
	amrpc_users_init(an);
	amrpc_sends_init(an);
	err = amrpc_files_init(an);
	if (err)
		return err;
	err = -ENOMEM;
	an->stats = alloc_percpu(struct amrpc_stats);
	if (!an->stats)
		goto exit_files;
	err = amrpc_sysctl_init(an);
	if (err)
		goto free_stats;
	err = -ENOMEM;
	an->wq = alloc_workqueue("amoeba", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!an->wq)
		goto exit_sysctl;
	an->calls_wq = alloc_workqueue("amoeba_calls", WQ_UNBOUND, 0);
	if (!an->calls_wq)
		goto free_wq;
	an->sends_wq = alloc_workqueue("amoeba_sends", WQ_UNBOUND, AMRPC_SENDS);
	if (!an->sends_wq)
		goto free_calls_wq;
	err = amrpc_ports_init(an);
	if (err)
		goto free_sends_wq;
	err = amrpc_locs_init(an);
	if (err)
		goto exit_ports;
	err = amrpc_txs_init(an);
	if (err)
		goto exit_locs;
	err = amrpc_once_init(an);
	if (err)
		goto exit_txs;
	err = amrpc_proc_init(an);
	if (err)
		goto exit_once;
	return 0;

exit_once:
	amrpc_once_exit(an);
exit_txs:
	amrpc_txs_exit(an);
exit_locs:
	amrpc_locs_exit(an);
exit_ports:
	amrpc_ports_exit(an);
free_sends_wq:
	destroy_workqueue(an->sends_wq);
free_calls_wq:
	destroy_workqueue(an->calls_wq);
free_wq:
	destroy_workqueue(an->wq);
exit_sysctl:
	amrpc_sysctl_exit(an);
free_stats:
	free_percpu(an->stats);
exit_files:
	amrpc_files_exit(an);
	return err;
}

static void __net_exit amrpc_net_exit(struct net *net)
{
	struct amrpc_net *an = amrpc_pernet(net);

	amrpc_proc_exit(an);
	amrpc_kobj_exit(an);
	amrpc_files_kill(an);
	destroy_workqueue(an->sends_wq);
	destroy_workqueue(an->calls_wq);
	destroy_workqueue(an->wq);
	amrpc_once_exit(an);
	amrpc_txs_exit(an);
	amrpc_locs_exit(an);
	amrpc_ports_exit(an);
	amrpc_sysctl_exit(an);
	free_percpu(an->stats);
	amrpc_files_exit(an);
	amrpc_users_exit(an);
}

static struct pernet_operations amrpc_net_ops = {
	.init	= amrpc_net_init,
	.exit	= amrpc_net_exit,
	.id	= &amrpc_net_id,
	.size	= sizeof(struct amrpc_net),
};

static struct flip_bcast amrpc_bcast = {
	.protocol	= FLIP_BCAST_RPC,
	.receive	= amrpc_locate_receive,
};

static int __init amrpc_init(void)
{
	int err;

	amrpc_wait_init();
	err = register_pernet_subsys(&amrpc_net_ops);
	if (err)
		return err;
	err = flip_bcast_register(&amrpc_bcast);
	if (err)
		goto unregister_net;
	err = amrpc_dev_init();
	if (err)
		goto unregister_bcast;
	err = amrpc_sock_init();
	if (err)
		goto exit_dev;
	return 0;

exit_dev:
	amrpc_dev_exit();
unregister_bcast:
	flip_bcast_unregister(&amrpc_bcast);
unregister_net:
	unregister_pernet_subsys(&amrpc_net_ops);
	return err;
}

static void __exit amrpc_exit(void)
{
	amrpc_sock_exit();
	amrpc_dev_exit();
	flip_bcast_unregister(&amrpc_bcast);
	unregister_pernet_subsys(&amrpc_net_ops);
}

module_init(amrpc_init);
module_exit(amrpc_exit);

MODULE_DESCRIPTION("Amoeba transactions: at-most-once RPC over FLIP");
MODULE_LICENSE("GPL");
MODULE_VERSION(AMOEBA_VERSION);
