// SPDX-License-Identifier: GPL-2.0-only
/*
 * Networks: the devices FLIP runs over, and what happens to those.
 *
 * DESIGN NOTES
 * The list of networks and their settings change under RTNL; packets see them under RCU. A
 * network goes in this order: ->dead is set, it leaves the list, its receiver is taken out, which
 * waits for a grace period, its neighbours with their routes are forgotten, its group MACs are
 * given back, the reference to the device is dropped. The structure stays until the last
 * neighbour that somebody still holds is gone.
 *
 * A device that leaves the namespace or unregisters takes its network with it; one that goes down
 * or loses its carrier keeps it, but nothing is known at it any more.
 */
#include <kunit/visibility.h>
#include <linux/if_arp.h>
#include <linux/mm.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include "flip_int.h"
#include <trace/events/flip.h>

static bool flip_network_can_run(const struct flip_network *n)
{
	return n->up && netif_running(n->dev) && netif_carrier_ok(n->dev);
}

static void flip_network_free(struct rcu_head *rcu)
{
	struct flip_network *n = container_of(rcu, struct flip_network, rcu);

	free_percpu(n->stats);
	kfree(n);
}

void flip_network_put(struct flip_network *n)
{
	if (refcount_dec_and_test(&n->refs))
		call_rcu(&n->rcu, flip_network_free);
}

struct flip_network *flip_network_by_index(struct flip_ns *ns, u32 index)
{
	struct flip_network *n;

	ASSERT_RTNL();
	list_for_each_entry(n, &ns->networks, list)
		if (n->index == index)
			return n;
	return NULL;
}

struct flip_network *flip_network_by_dev(struct flip_ns *ns, const struct net_device *dev)
{
	struct flip_network *n;

	ASSERT_RTNL();
	list_for_each_entry(n, &ns->networks, list)
		if (n->dev == dev)
			return n;
	return NULL;
}

/* smallest budget that leaves the machine */
u16 flip_network_least_weight(struct flip_ns *ns)
{
	struct flip_network *n;
	u16 least = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(n, &ns->networks, list)
		if (flip_network_usable(n) && (!least || READ_ONCE(n->weight) < least))
			least = READ_ONCE(n->weight);
	rcu_read_unlock();
	return least ?: FLIP_WEIGHT_ETH;
}

/* facts 1.5: so many LOCATEs per second from one network, no more */
bool flip_network_locate_ok(struct flip_network *n)
{
	unsigned long now = jiffies;
	bool ok;

	spin_lock(&n->rate_lock);
	if (time_after_eq(now, n->rate_stamp + HZ)) {
		n->rate_stamp = now;
		n->rate_count = 0;
	}
	ok = n->rate_count < READ_ONCE(n->ns->tune.locate_rate);
	if (ok)
		n->rate_count++;
	spin_unlock(&n->rate_lock);
	return ok;
}

/* something of the device or the settings changed: can packets pass now? */
static void flip_network_update(struct flip_network *n)
{
	bool can = flip_network_can_run(n);

	ASSERT_RTNL();
	if (can == n->running)
		return;
	WRITE_ONCE(n->running, can);
	trace_flip_network(n, can);
	if (can)
		flip_locate_restart(n->ns);
	else
		flip_neigh_flush(n->ns, n, false);
	flip_nl_notify_net(n, can ? FLIP_CMD_NET_UP_NTF : FLIP_CMD_NET_DOWN_NTF, GFP_KERNEL);
}

struct flip_network *flip_network_add(struct flip_ns *ns, struct net_device *dev, u16 weight,
				      bool trusted, bool up, struct netlink_ext_ack *extack)
{
	struct flip_network *n;
	int err;

	ASSERT_RTNL();
	if (dev->type != ARPHRD_ETHER || dev->addr_len != ETH_ALEN) {
		NL_SET_ERR_MSG(extack, "device is not Ethernet-like: FLIP needs 6-byte hardware addresses");
		return ERR_PTR(-EINVAL);
	}
	if (dev->mtu < FLIP_MTU_MIN) {
		NL_SET_ERR_MSG(extack, "MTU of the device is below 256: raise it (ip link set DEV mtu 1500)");
		return ERR_PTR(-EINVAL);
	}
	if (flip_network_by_dev(ns, dev)) {
		NL_SET_ERR_MSG(extack, "device is a FLIP network already: change it with net-set");
		return ERR_PTR(-EEXIST);
	}
	if (ns->n_networks >= FLIP_MAX_NETWORKS) {
		NL_SET_ERR_MSG(extack, "namespace has 32 FLIP networks, the most there may be");
		return ERR_PTR(-ENOSPC);
	}
	if (!ns->loops) {
		struct flip_loop *loops = kvcalloc(FLIP_LOOP_ENTRIES, sizeof(*loops), GFP_KERNEL);

		if (!loops)
			return ERR_PTR(-ENOMEM);
		/* paired with the READ_ONCE() of flip_loop_seen(), which depends on the pointer */
		smp_store_release(&ns->loops, loops);
	}
	n = kzalloc(sizeof(*n), GFP_KERNEL);
	if (!n)
		return ERR_PTR(-ENOMEM);
	err = -ENOMEM;
	n->stats = alloc_percpu(struct flip_network_stats);
	if (!n->stats)
		goto err_free;
	n->ns = ns;
	n->dev = dev;
	netdev_hold(dev, &n->tracker, GFP_KERNEL);
	n->index = ns->next_index++;
	n->weight = weight;
	n->trusted = trusted;
	n->up = up;
	n->mtu = flip_payload(dev->mtu);
	n->mtu_ours = flip_payload_ours(dev->mtu);
	n->ours = flip_udp_is(dev);
	refcount_set(&n->refs, 1);
	spin_lock_init(&n->rate_lock);
	n->rate_stamp = jiffies;
	flip_mc_init(n);
	INIT_DELAYED_WORK(&n->tell, flip_tell_work);
	flip_fault_init(n);
	n->running = flip_network_can_run(n);
	list_add_tail_rcu(&n->list, &ns->networks);
	WRITE_ONCE(ns->n_networks, ns->n_networks + 1);
	n->pt.type = htons(FLIP_ETHERTYPE);
	n->pt.dev = dev;
	n->pt.func = flip_eth_rcv;
	dev_add_pack(&n->pt);
	trace_flip_network(n, n->running);
	if (ns->n_networks == 1)
		queue_delayed_work(flip_wq, &ns->sweep, FLIP_SWEEP_S * HZ);
	if (n->running)
		flip_locate_restart(ns);
	flip_nl_notify_net(n, FLIP_CMD_NET_UP_NTF, GFP_KERNEL);
	return n;

err_free:
	kfree(n);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_IF_KUNIT(flip_network_add);

void flip_network_del(struct flip_network *n)
{
	struct flip_ns *ns = n->ns;

	ASSERT_RTNL();
	WRITE_ONCE(n->dead, true);
	WRITE_ONCE(n->running, false);
	list_del_rcu(&n->list);
	WRITE_ONCE(ns->n_networks, ns->n_networks - 1);
	trace_flip_network(n, false);
	dev_remove_pack(&n->pt);	/* waits for a grace period */
	cancel_delayed_work_sync(&n->tell);
	flip_neigh_flush(ns, n, false);
	flip_fault_exit(n);
	flip_mc_exit(n);
	flip_nl_notify_net(n, FLIP_CMD_NET_DOWN_NTF, GFP_KERNEL);
	netdev_put(n->dev, &n->tracker);
	n->dev = NULL;
	flip_network_put(n);
}
EXPORT_SYMBOL_IF_KUNIT(flip_network_del);

void flip_network_set(struct flip_network *n, const struct flip_network_change *c)
{
	bool flush = false;

	ASSERT_RTNL();
	if (c->weight >= 0 && c->weight != n->weight) {
		WRITE_ONCE(n->weight, c->weight);
		flush = true;
	}
	if (c->trusted >= 0 && c->trusted != n->trusted) {
		WRITE_ONCE(n->trusted, c->trusted);
		flush = true;
	}
	if (c->delay >= 0 || c->loss >= 0)
		flip_fault_set(n, c->delay >= 0 ? c->delay : n->fault.delay,
			       c->loss >= 0 ? c->loss : n->fault.loss);
	/* distances and counts of trusted destinations are no longer right */
	if (flush)
		flip_neigh_flush(n->ns, n, true);
	if (c->up >= 0)
		n->up = c->up;
	flip_network_update(n);
	flip_nl_notify_net(n, FLIP_CMD_NET_CHANGE_NTF, GFP_KERNEL);
}

static int flip_net_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct flip_network *n;

	n = flip_network_by_dev(flip_ns(dev_net(dev)), dev);
	if (!n)
		return NOTIFY_DONE;
	switch (event) {
	case NETDEV_UNREGISTER:		/* also when it moves to another namespace */
		flip_network_del(n);
		break;
	case NETDEV_PRE_TYPE_CHANGE:
		return notifier_from_errno(-EBUSY);
	case NETDEV_CHANGEMTU:
		if (dev->mtu < FLIP_MTU_MIN) {
			flip_network_del(n);
			break;
		}
		WRITE_ONCE(n->mtu, flip_payload(dev->mtu));
		WRITE_ONCE(n->mtu_ours, flip_payload_ours(dev->mtu));
		flip_tell_payload(n);
		flip_nl_notify_net(n, FLIP_CMD_NET_CHANGE_NTF, GFP_KERNEL);
		break;
	case NETDEV_CHANGENAME:
	case NETDEV_CHANGEADDR:
		flip_nl_notify_net(n, FLIP_CMD_NET_CHANGE_NTF, GFP_KERNEL);
		break;
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_GOING_DOWN:
	case NETDEV_CHANGE:
		flip_network_update(n);
		break;
	default:
		return NOTIFY_DONE;
	}
	return NOTIFY_OK;
}

static struct notifier_block flip_net_notifier = {
	.notifier_call = flip_net_event,
};

int flip_net_init(void)
{
	return register_netdevice_notifier(&flip_net_notifier);
}

void flip_net_exit(void)
{
	unregister_netdevice_notifier(&flip_net_notifier);
}

void flip_net_ns_exit(struct flip_ns *ns)
{
	struct flip_network *n, *next;

	rtnl_lock();
	list_for_each_entry_safe(n, next, &ns->networks, list)
		flip_network_del(n);
	rtnl_unlock();
}
