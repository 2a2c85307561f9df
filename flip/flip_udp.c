// SPDX-License-Identifier: GPL-2.0-only
/*
 * UDP overlays: networks for where a raw ethertype does not pass.
 *
 * DESIGN NOTES
 * Nouns. An overlay is a device of its own that looks like an Ethernet, so that all that is done
 * with other networks (up and down, renaming, MTU, faults, neighbours, notifications) is done with
 * it by the same code. What FLIP gives it leaves as a UDP datagram with a header of four bytes in
 * place of Ethernet's; other ethertypes go nowhere. A peer is an address and port, for FLIP a MAC
 * (flip_udp_peer.c). What is for all goes to a multicast group, to each peer the administrator
 * named, or both. Without a group only those named may speak. The MTU follows the paths to the
 * peers (flip_udp_path.c).
 *
 * Contexts. flip_udp_xmit() runs in softirq or in a sender; it notes the address in the skb and
 * puts it into a bounded queue. The rest is workers of the device, one each of tx, rx and path, in
 * flip_udp_sock.c: they may sleep, so the socket is used as by any program, an overlay cannot
 * recurse into itself however routes may lie, and what one of them does stays in order.
 *
 * Locks. u->lock (table) and u->txq.lock are taken within any other and nothing is taken within
 * them. A packet is handed up with bottom halves off and neither held.
 *
 * Lifetimes. Device and socket are made together and live in the namespace they were made in; the
 * socket does not hold it. Receiving stops with the device going down: ndo_stop waits until
 * nobody is handing up. All else ends in the destructor, which the core runs when nobody refers to
 * the device any more, after RTNL was released: workers take RTNL (path), and so does a socket
 * that leaves its group, so they can be waited for there and nowhere earlier. The core also runs it
 * before the namespace's protocols go, and waits for it before the module may (link_ops).
 */
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/rtnetlink.h>
#include "flip_udp.h"

struct workqueue_struct *flip_udp_wq;

/* count and free what was to be sent, or, @rx, has come */
void flip_udp_drop(struct flip_udp *u, struct sk_buff *skb, enum flip_stat why, bool rx)
{
	atomic_long_inc(rx ? &u->rx_dropped : &u->tx_dropped);
	flip_drop(flip_ns(dev_net(u->dev)), NULL, skb, why);
}

/* Ethernet and fc header become the overlay's, padding goes; false: malformed */
static bool flip_udp_encap(struct sk_buff *skb)
{
	unsigned int len;
	u8 type, count;

	if (!pskb_may_pull(skb, min_t(unsigned int, skb->len,
				      ETH_HLEN + FLIP_FC_LEN + FLIP_HDR_LEN)))
		return false;
	len = flip_udp_frame_len(skb->data + ETH_HLEN, skb->len - ETH_HLEN);
	if (!len || pskb_trim(skb, ETH_HLEN + len) || skb_cow_head(skb, 0))
		return false;
	type = skb->data[ETH_HLEN];
	count = skb->data[ETH_HLEN + 1];
	__skb_pull(skb, ETH_HLEN + FLIP_FC_LEN - FLIP_UDP_HDR_LEN);
	flip_udp_hdr_put(skb->data, type, count);
	return true;
}

static netdev_tx_t flip_udp_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct flip_udp *u = netdev_priv(dev);
	enum flip_stat why = FLIP_DROP_SHORT;
	u8 dest[ETH_ALEN];
	bool full;

	/* whatever else the machine says on a new device */
	if (!pskb_may_pull(skb, ETH_HLEN) ||
	    ((struct ethhdr *)skb->data)->h_proto != htons(FLIP_ETHERTYPE)) {
		atomic_long_inc(&u->tx_dropped);
		kfree_skb(skb);
		return NETDEV_TX_OK;
	}
	ether_addr_copy(dest, ((struct ethhdr *)skb->data)->h_dest);
	if (!flip_udp_encap(skb))
		goto drop;
	flip_udp_cb(skb)->all = is_multicast_ether_addr(dest);
	why = FLIP_DROP_UDP_UNKNOWN;
	if (!flip_udp_cb(skb)->all && !flip_udp_peer_find(u, dest, &flip_udp_cb(skb)->to))
		goto drop;
	why = FLIP_DROP_UDP_QUEUE;
	spin_lock_bh(&u->txq.lock);
	full = skb_queue_len(&u->txq) >= FLIP_UDP_QUEUE ||
	       u->tx_bytes + skb->truesize > FLIP_UDP_QUEUE_BYTES;
	if (!full) {
		u->tx_bytes += skb->truesize;
		__skb_queue_tail(&u->txq, skb);
	}
	spin_unlock_bh(&u->txq.lock);
	if (full)
		goto drop;
	queue_work(flip_udp_wq, &u->tx_work);
	return NETDEV_TX_OK;

drop:
	flip_udp_drop(u, skb, why, false);
	return NETDEV_TX_OK;
}

static int flip_udp_open(struct net_device *dev)
{
	return 0;
}

/* it is down: wait for who saw it up and is handing up a packet */
static int flip_udp_stop(struct net_device *dev)
{
	synchronize_net();
	return 0;
}

static int flip_udp_change_mtu(struct net_device *dev, int mtu)
{
	struct flip_udp *u = netdev_priv(dev);

	if (!u->fitting)
		u->mtu_limit = mtu;
	WRITE_ONCE(dev->mtu, mtu);
	return 0;
}

static void flip_udp_get_stats(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	struct flip_udp *u = netdev_priv(dev);

	s->rx_packets = atomic_long_read(&u->rx_packets);
	s->rx_bytes = atomic_long_read(&u->rx_octets);
	s->rx_dropped = atomic_long_read(&u->rx_dropped);
	s->tx_packets = atomic_long_read(&u->tx_packets);
	s->tx_bytes = atomic_long_read(&u->tx_octets);
	s->tx_dropped = atomic_long_read(&u->tx_dropped);
}

static const struct net_device_ops flip_udp_ops = {
	.ndo_open		= flip_udp_open,
	.ndo_stop		= flip_udp_stop,
	.ndo_start_xmit		= flip_udp_xmit,
	.ndo_change_mtu		= flip_udp_change_mtu,
	.ndo_get_stats64	= flip_udp_get_stats,
	.ndo_set_mac_address	= eth_mac_addr,
	.ndo_validate_addr	= eth_validate_addr,
};

/* only so that it can be removed as any other: ip link has no words for making one */
static struct rtnl_link_ops flip_udp_link_ops = {
	.kind		= "flip_udp",
	.dellink	= unregister_netdevice_queue,
};

bool flip_udp_is(const struct net_device *dev)
{
	return dev->netdev_ops == &flip_udp_ops;
}

static void flip_udp_setup(struct net_device *dev)
{
	struct flip_udp *u = netdev_priv(dev);

	ether_setup(dev);
	dev->netdev_ops = &flip_udp_ops;
	dev->rtnl_link_ops = &flip_udp_link_ops;
	dev->flags |= IFF_NOARP;
	/* a bridge would pass MACs on that mean nothing on the other side */
	dev->priv_flags |= IFF_NO_QUEUE | IFF_DONT_BRIDGE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->features |= NETIF_F_SG | NETIF_F_HIGHDMA;
	dev->hw_features |= NETIF_F_SG | NETIF_F_HIGHDMA;
	compat_netns_immutable(dev);
	eth_hw_addr_random(dev);
	u->dev = dev;
	skb_queue_head_init(&u->txq);
	INIT_WORK(&u->tx_work, flip_udp_tx_work);
	INIT_WORK(&u->rx_work, flip_udp_rx_work);
	INIT_DELAYED_WORK(&u->path_work, flip_udp_path_work);
	flip_udp_peer_init(u);
}

/* the core's last call before it frees the device; without RTNL */
static void flip_udp_destroy(struct net_device *dev)
{
	struct flip_udp *u = netdev_priv(dev);

	flip_udp_sock_close(u);
	flip_udp_peer_exit(u);
}

/* of one that could not be registered */
void flip_udp_free(struct net_device *dev)
{
	flip_udp_destroy(dev);
	free_netdev(dev);
}

/**
 * flip_udp_new() - make an overlay that is not registered yet
 * @net: namespace
 * @name: of its device
 * @cfg: what it is to be
 * @extack: told what is wrong
 *
 * Context: process, without RTNL. Return: the device or an error.
 */
struct net_device *flip_udp_new(struct net *net, const char *name,
				const struct flip_udp_config *cfg, struct netlink_ext_ack *extack)
{
	struct net_device *dev;
	struct flip_udp *u;
	unsigned int i;
	int err = 0;

	dev = alloc_netdev(sizeof(*u), name, NET_NAME_USER, flip_udp_setup);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	dev_net_set(dev, net);
	u = netdev_priv(dev);
	u->cfg = *cfg;
	for (i = 0; i < cfg->n_peers && !err; i++) {
		err = flip_udp_peer_name(u, &cfg->peers[i]);
		if (err == -EEXIST)
			NL_SET_ERR_MSG(extack, "a peer is named twice");
	}
	if (!err)
		err = flip_udp_sock_open(u, net, extack);
	if (err) {
		flip_udp_free(dev);
		return ERR_PTR(err == -EEXIST ? -EINVAL : err);
	}
	dev->mtu = flip_udp_path(u, net);
	dev->min_mtu = FLIP_MTU_MIN;
	dev->max_mtu = flip_udp_mtu(U16_MAX, cfg->family == AF_INET6);
	u->mtu_limit = dev->mtu;
	return dev;
}

/**
 * flip_udp_register() - make an overlay known
 * @dev: device of flip_udp_new()
 * @extack: told what is wrong
 *
 * Context: RTNL. Return: 0: unregistering the device frees it from then on. An error: the caller
 * does, with flip_udp_free(), when RTNL is released.
 */
int flip_udp_register(struct net_device *dev, struct netlink_ext_ack *extack)
{
	int err = register_netdevice(dev);

	if (err) {
		if (err == -EEXIST)
			NL_SET_ERR_MSG(extack, "there is a device of this name");
		return err;
	}
	/* not before: when registering fails the core calls it, under RTNL */
	dev->priv_destructor = flip_udp_destroy;
	dev->needs_free_netdev = true;
	flip_udp_sock_start(netdev_priv(dev));
	return 0;
}

int flip_udp_init(void)
{
	int err;

	flip_udp_wq = alloc_workqueue("flip_udp", WQ_UNBOUND, 0);
	if (!flip_udp_wq)
		return -ENOMEM;
	err = rtnl_link_register(&flip_udp_link_ops);
	if (err)
		destroy_workqueue(flip_udp_wq);
	return err;
}

/* overlays of all namespaces go, destructors included */
void flip_udp_exit(void)
{
	rtnl_link_unregister(&flip_udp_link_ops);
	destroy_workqueue(flip_udp_wq);
}
