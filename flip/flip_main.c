// SPDX-License-Identifier: GPL-2.0-only
/* The module and its part in each network namespace. */
#include <kunit/visibility.h>
#include <linux/module.h>
#include <linux/random.h>
#include "flip_int.h"

unsigned int flip_ns_id;
EXPORT_SYMBOL_IF_KUNIT(flip_ns_id);
struct workqueue_struct *flip_wq;

static int __net_init flip_ns_init(struct net *net)
{
	struct flip_ns *ns = flip_ns(net);
	int err;

	ns->net = net;
	ns->seed = get_random_u32();
	INIT_LIST_HEAD(&ns->networks);
	ns->next_index = 1;
	spin_lock_init(&ns->loop_lock);
	atomic64_set(&ns->reass_bytes, 0);
	INIT_DELAYED_WORK(&ns->sweep, flip_sweep_work);

	ns->stats = alloc_percpu(struct flip_stats);
	if (!ns->stats)
		return -ENOMEM;
	err = flip_ep_ns_init(ns);
	if (err)
		goto err_stats;
	err = flip_neigh_ns_init(ns);
	if (err)
		goto err_ep;
	err = flip_route_ns_init(ns);
	if (err)
		goto err_neigh;
	err = flip_locate_ns_init(ns);
	if (err)
		goto err_route;
	err = flip_sysctl_ns_init(ns);
	if (err)
		goto err_locate;
	return 0;

err_locate:
	flip_locate_ns_exit(ns);
err_route:
	flip_route_ns_exit(ns);
err_neigh:
	flip_neigh_ns_exit(ns);
err_ep:
	flip_ep_ns_exit(ns);
err_stats:
	free_percpu(ns->stats);
	return err;
}

/*
 * Networks go first, then nothing arrives any more. Endpoints are gone already: sockets and
 * device files hold the namespace, and a module above gives its own back in its own exit, which
 * runs before this one.
 */
static void __net_exit flip_ns_exit(struct net *net)
{
	struct flip_ns *ns = flip_ns(net);

	flip_net_ns_exit(ns);
	cancel_delayed_work_sync(&ns->sweep);
	flip_local_flush();
	flip_sysctl_ns_exit(ns);
	flip_locate_ns_exit(ns);
	flip_route_ns_exit(ns);
	flip_neigh_ns_exit(ns);
	flip_ep_ns_exit(ns);
	kvfree(ns->loops);
	free_percpu(ns->stats);
}

static struct pernet_operations flip_ns_ops = {
	.init	= flip_ns_init,
	.exit	= flip_ns_exit,
	.id	= &flip_ns_id,
	.size	= sizeof(struct flip_ns),
};

static int __init flip_init(void)
{
	int err;

	flip_wq = alloc_workqueue("flip", WQ_PERCPU | WQ_HIGHPRI, 0);
	if (!flip_wq)
		return -ENOMEM;
	err = flip_local_init();
	if (err)
		goto err_wq;
	err = register_pernet_subsys(&flip_ns_ops);
	if (err)
		goto err_local;
	err = flip_net_init();
	if (err)
		goto err_ns;
	err = flip_udp_init();
	if (err)
		goto err_net;
	err = flip_nl_init();
	if (err)
		goto err_udp;
	err = flip_proto_init();
	if (err)
		goto err_nl;
	err = flip_sock_init();
	if (err)
		goto err_proto;
	return 0;

err_proto:
	flip_proto_exit();
err_nl:
	flip_nl_exit();
err_udp:
	flip_udp_exit();
err_net:
	flip_net_exit();
err_ns:
	unregister_pernet_subsys(&flip_ns_ops);
err_local:
	flip_local_exit();
err_wq:
	destroy_workqueue(flip_wq);
	return err;
}

static void __exit flip_exit(void)
{
	flip_sock_exit();
	flip_proto_exit();
	flip_nl_exit();
	flip_udp_exit();
	flip_net_exit();
	unregister_pernet_subsys(&flip_ns_ops);
	flip_local_exit();
	destroy_workqueue(flip_wq);
	/* until whoever let go of flip.ko last has left flip_pin_chunk_free() */
	synchronize_rcu();
	rcu_barrier();
}

module_init(flip_init);
module_exit(flip_exit);

MODULE_DESCRIPTION("FLIP, the network layer of Amoeba");
MODULE_AUTHOR("The Amoeba for Linux authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(AMOEBA_VERSION);
