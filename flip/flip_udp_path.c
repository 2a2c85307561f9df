// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much a datagram of a UDP overlay may carry.
 *
 * DESIGN NOTES
 * Datagrams have DF set; a router that cannot pass one says so by ICMP, which IP keeps with the
 * route. So the routes know, and are asked: a socket connected to a peer has looked up the route to
 * it. The MTU of the device is what fits the narrowest path of all peers, since a packet for all
 * goes to each of them. It is worked out when the device is made, when IP refuses a datagram
 * as too large (whose message is lost), and, while it is lower than at first, every now and then:
 * what a router said is forgotten after ten minutes.
 *
 * The MTU changes under RTNL, as by hand, and FLIP hears of it in the same way. One set by hand is
 * never exceeded. A worker takes RTNL, so none is waited for under it.
 */
#include <linux/rtnetlink.h>
#include <net/dst.h>
#include <net/sock.h>
#include "flip_udp.h"

/* what the route to a peer takes; 0: none, or nothing known */
static unsigned int flip_udp_path_to(struct flip_udp *u, struct net *net,
				     const union flip_udp_addr *to)
{
	union flip_udp_addr from = u->cfg.local;
	unsigned int mtu = 0;
	struct dst_entry *dst;
	struct socket *sock;

	if (sock_create_kern(net, u->cfg.family, SOCK_DGRAM, IPPROTO_UDP, &sock))
		return 0;
	/* any port will do, it sends nothing */
	if (from.sa.sa_family == AF_INET)
		from.v4.sin_port = 0;
	else
		from.v6.sin6_port = 0;
	if (u->cfg.ifindex && sock_bindtoindex(sock->sk, u->cfg.ifindex, true))
		goto out;
	if (kernel_bind(sock, (flip_sockaddr_t *)&from, flip_udp_addr_len(&from)) ||
	    kernel_connect(sock, (flip_sockaddr_t *)to, flip_udp_addr_len(to), 0))
		goto out;
	dst = sk_dst_get(sock->sk);
	if (dst) {
		mtu = dst_mtu(dst);
		dst_release(dst);
	}
out:
	sock_release(sock);
	return mtu;
}

/**
 * flip_udp_path() - MTU of a device whose datagrams reach every peer
 * @u: overlay
 * @net: its namespace
 *
 * Context: process, without RTNL.
 */
unsigned int flip_udp_path(struct flip_udp *u, struct net *net)
{
	unsigned int least = 0, mtu, slot;
	union flip_udp_addr to;

	if (u->cfg.group.sa.sa_family)
		least = flip_udp_path_to(u, net, &u->cfg.group);
	for (slot = 0; flip_udp_peer_at(u, slot, &to); slot++) {
		mtu = flip_udp_path_to(u, net, &to);
		if (mtu && (!least || mtu < least))
			least = mtu;
		cond_resched();
	}
	return flip_udp_mtu(least ?: FLIP_UDP_PATH_DEFAULT, u->cfg.family == AF_INET6);
}

void flip_udp_path_work(struct work_struct *work)
{
	struct flip_udp *u = container_of(to_delayed_work(work), struct flip_udp, path_work);
	struct net_device *dev = u->dev;
	unsigned int mtu, limit;

	mtu = flip_udp_path(u, dev_net(dev));
	rtnl_lock();
	limit = u->mtu_limit;
	mtu = min(mtu, limit);
	if (dev->reg_state == NETREG_REGISTERED && mtu != dev->mtu) {
		u->fitting = true;
		dev_set_mtu(dev, mtu);
		u->fitting = false;
	}
	rtnl_unlock();
	if (mtu < limit)
		queue_delayed_work(flip_udp_wq, &u->path_work, FLIP_UDP_PATH_S * HZ);
}
