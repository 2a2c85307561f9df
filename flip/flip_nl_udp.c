// SPDX-License-Identifier: GPL-2.0-only
/* UDP overlays in netlink: what is asked for, checked, and what there is. */
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "flip_nl_gen.h"
#include "flip_udp.h"

#define FLIP_NL_UDP_ADDR	16	/* IPv4 as ::ffff:a.b.c.d */
#define FLIP_NL_UDP_PEER	(FLIP_NL_UDP_ADDR + 2)

/* ---- a request -------------------------------------------------------------------------- */

static void flip_nl_udp_get_addr(const void *p, __be16 port, int ifindex, union flip_udp_addr *a)
{
	struct in6_addr addr;

	memcpy(&addr, p, sizeof(addr));
	memset(a, 0, sizeof(*a));
	if (ipv6_addr_v4mapped(&addr)) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = port;
		a->v4.sin_addr.s_addr = addr.s6_addr32[3];
		return;
	}
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = port;
	a->v6.sin6_addr = addr;
	if (__ipv6_addr_needs_scope_id(ipv6_addr_type(&addr)))
		a->v6.sin6_scope_id = ifindex;
}

static bool flip_nl_udp_is_group(const union flip_udp_addr *a)
{
	return a->sa.sa_family == AF_INET ? ipv4_is_multicast(a->v4.sin_addr.s_addr) :
		ipv6_addr_is_multicast(&a->v6.sin6_addr);
}

static bool flip_nl_udp_is_host(const union flip_udp_addr *a)
{
	if (flip_nl_udp_is_group(a))
		return false;
	if (a->sa.sa_family == AF_INET)
		return !ipv4_is_zeronet(a->v4.sin_addr.s_addr) &&
		       !ipv4_is_lbcast(a->v4.sin_addr.s_addr);
	return !ipv6_addr_any(&a->v6.sin6_addr);
}

/* all of one family, and a device where the address alone does not say which link */
static int flip_nl_udp_fits(struct flip_udp_config *cfg, const union flip_udp_addr *a,
			    struct netlink_ext_ack *extack)
{
	if (!cfg->family)
		cfg->family = a->sa.sa_family;
	if (cfg->family != a->sa.sa_family) {
		NL_SET_ERR_MSG(extack, "addresses of IPv4 and of IPv6: make one overlay of each");
		return -EINVAL;
	}
	if (cfg->family == AF_INET6 && !a->v6.sin6_scope_id &&
	    __ipv6_addr_needs_scope_id(ipv6_addr_type(&a->v6.sin6_addr))) {
		NL_SET_ERR_MSG(extack, "a link-local address or group needs a device (dev)");
		return -EINVAL;
	}
	return 0;
}

static int flip_nl_udp_get_peers(struct flip_udp_config *cfg, const struct nlattr *attr,
				 struct netlink_ext_ack *extack)
{
	unsigned int len = nla_len(attr);
	const u8 *p = nla_data(attr);
	union flip_udp_addr *a;
	__be16 port;
	int err;

	if (!len || len % FLIP_NL_UDP_PEER) {
		NL_SET_ERR_MSG(extack, "peers have 18 bytes each");
		return -EINVAL;
	}
	for (; len; len -= FLIP_NL_UDP_PEER, p += FLIP_NL_UDP_PEER) {
		a = &cfg->peers[cfg->n_peers++];
		port = get_unaligned((__be16 *)(p + FLIP_NL_UDP_ADDR));
		flip_nl_udp_get_addr(p, port ?: htons(cfg->port), cfg->ifindex, a);
		if (!flip_nl_udp_is_host(a)) {
			NL_SET_ERR_MSG(extack, "a peer is no address of a host");
			return -EINVAL;
		}
		err = flip_nl_udp_fits(cfg, a, extack);
		if (err)
			return err;
	}
	return 0;
}

static int flip_nl_udp_get_dev(struct flip_udp_config *cfg, struct net *net,
			       const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_name_rcu(net, nla_data(attr));
	if (dev)
		cfg->ifindex = dev->ifindex;
	rcu_read_unlock();
	if (dev)
		return 0;
	NL_SET_ERR_MSG(extack, "no device for the overlay to run over of this name (ip link)");
	return -ENODEV;
}

static int flip_nl_udp_get(struct flip_udp_config *cfg, struct genl_info *info)
{
	struct netlink_ext_ack *extack = info->extack;
	struct nlattr **attrs = info->attrs;
	struct in6_addr any = {};
	int err = 0;

	cfg->port = attrs[FLIP_A_NET_UDP_PORT] ? nla_get_u16(attrs[FLIP_A_NET_UDP_PORT]) :
		    FLIP_NL_UDP_PORT;
	if (attrs[FLIP_A_NET_UDP_DEV])
		err = flip_nl_udp_get_dev(cfg, genl_info_net(info), attrs[FLIP_A_NET_UDP_DEV],
					  extack);
	if (err)
		return err;
	if (!attrs[FLIP_A_NET_UDP_GROUP] && !attrs[FLIP_A_NET_UDP_PEERS]) {
		NL_SET_ERR_MSG(extack, "an overlay needs a group, peers, or both");
		return -EINVAL;
	}
	if (attrs[FLIP_A_NET_UDP_GROUP] && attrs[FLIP_A_NET_UDP_LOCAL]) {
		NL_SET_ERR_MSG(extack, "local does not go with a group: name the device (dev)");
		return -EINVAL;
	}
	if (attrs[FLIP_A_NET_UDP_TTL] && !attrs[FLIP_A_NET_UDP_GROUP]) {
		NL_SET_ERR_MSG(extack, "ttl goes with a group: routes lead to peers");
		return -EINVAL;
	}
	cfg->ttl = attrs[FLIP_A_NET_UDP_TTL] ? nla_get_u8(attrs[FLIP_A_NET_UDP_TTL]) : 1;
	if (attrs[FLIP_A_NET_UDP_GROUP]) {
		flip_nl_udp_get_addr(nla_data(attrs[FLIP_A_NET_UDP_GROUP]), htons(cfg->port),
				     cfg->ifindex, &cfg->group);
		if (!flip_nl_udp_is_group(&cfg->group)) {
			NL_SET_ERR_MSG(extack, "the group is no multicast address");
			return -EINVAL;
		}
		err = flip_nl_udp_fits(cfg, &cfg->group, extack);
	}
	if (!err && attrs[FLIP_A_NET_UDP_PEERS])
		err = flip_nl_udp_get_peers(cfg, attrs[FLIP_A_NET_UDP_PEERS], extack);
	if (err)
		return err;
	if (!attrs[FLIP_A_NET_UDP_LOCAL]) {
		if (cfg->family == AF_INET)
			ipv6_addr_set_v4mapped(htonl(INADDR_ANY), &any);
		flip_nl_udp_get_addr(&any, htons(cfg->port), 0, &cfg->local);
		return 0;
	}
	flip_nl_udp_get_addr(nla_data(attrs[FLIP_A_NET_UDP_LOCAL]), htons(cfg->port),
			     cfg->ifindex, &cfg->local);
	if (!flip_nl_udp_is_host(&cfg->local)) {
		NL_SET_ERR_MSG(extack, "local is no address of a host");
		return -EINVAL;
	}
	return flip_nl_udp_fits(cfg, &cfg->local, extack);
}

/* under RTNL; the device is freed on an error, at once or when RTNL is released: *@unregistered */
static int flip_nl_udp_add(struct genl_info *info, struct net_device *dev, bool *unregistered)
{
	struct flip_network *n;
	bool trusted, up;
	u16 weight;
	int err;

	err = flip_udp_register(dev, info->extack);
	if (err)
		return err;
	*unregistered = false;
	flip_nl_net_settings(info, &weight, &trusted, &up);
	err = dev_open(dev, info->extack);
	if (err)
		goto err_unregister;
	n = flip_network_add(flip_ns(dev_net(dev)), dev, weight, trusted, up, info->extack);
	err = PTR_ERR_OR_ZERO(n);
	if (err)
		goto err_unregister;
	return flip_nl_reply_net(info, n, FLIP_CMD_NET_NEW);

err_unregister:
	unregister_netdevice(dev);
	return err;
}

int flip_nl_net_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[FLIP_A_NET_IFNAME];
	struct net *net = genl_info_net(info);
	struct flip_udp_config *cfg;
	bool unregistered = true;
	struct net_device *dev;
	int err;

	if (!name || !dev_valid_name(nla_data(name)) || strchr(nla_data(name), '%')) {
		NL_SET_ERR_MSG(info->extack, "no name, or none for a device: give ifname");
		return -EINVAL;
	}
	cfg = kzalloc(sizeof(*cfg), GFP_KERNEL);
	if (!cfg)
		return -ENOMEM;
	err = flip_nl_udp_get(cfg, info);
	dev = err ? ERR_PTR(err) : flip_udp_new(net, nla_data(name), cfg, info->extack);
	kfree(cfg);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	rtnl_lock();
	err = flip_nl_udp_add(info, dev, &unregistered);
	rtnl_unlock();
	if (err && unregistered)
		flip_udp_free(dev);
	return err;
}

/* ---- what there is ---------------------------------------------------------------------- */

static void flip_nl_udp_put_addr(u8 *p, const union flip_udp_addr *a)
{
	struct in6_addr addr;

	if (a->sa.sa_family == AF_INET)
		ipv6_addr_set_v4mapped(a->v4.sin_addr.s_addr, &addr);
	else
		addr = a->v6.sin6_addr;
	memcpy(p, &addr, sizeof(addr));
}

static void flip_nl_udp_put_peer(u8 *p, const union flip_udp_addr *a)
{
	flip_nl_udp_put_addr(p, a);
	put_unaligned(flip_udp_port(a), (__be16 *)(p + FLIP_NL_UDP_ADDR));
}

static int flip_nl_udp_fill_addr(struct sk_buff *skb, int attr, const union flip_udp_addr *a)
{
	u8 b[FLIP_NL_UDP_ADDR];

	flip_nl_udp_put_addr(b, a);
	return nla_put(skb, attr, sizeof(b), b);
}

/* settings of an overlay; under RTNL */
int flip_nl_fill_udp(struct sk_buff *skb, const struct net_device *dev)
{
	const struct flip_udp *u = netdev_priv(dev);
	const struct flip_udp_config *cfg = &u->cfg;
	struct net_device *over = NULL;
	struct nlattr *peers;
	unsigned int i;

	if (cfg->ifindex)
		over = __dev_get_by_index(dev_net(dev), cfg->ifindex);
	if (nla_put_u16(skb, FLIP_A_NET_UDP_PORT, cfg->port) ||
	    (flip_nl_udp_is_host(&cfg->local) &&
	     flip_nl_udp_fill_addr(skb, FLIP_A_NET_UDP_LOCAL, &cfg->local)) ||
	    (cfg->group.sa.sa_family &&
	     (flip_nl_udp_fill_addr(skb, FLIP_A_NET_UDP_GROUP, &cfg->group) ||
	      nla_put_u8(skb, FLIP_A_NET_UDP_TTL, cfg->ttl))) ||
	    (over && nla_put_string(skb, FLIP_A_NET_UDP_DEV, over->name)))
		return -EMSGSIZE;
	if (!cfg->n_peers)
		return 0;
	peers = nla_reserve(skb, FLIP_A_NET_UDP_PEERS, cfg->n_peers * FLIP_NL_UDP_PEER);
	if (!peers)
		return -EMSGSIZE;
	for (i = 0; i < cfg->n_peers; i++)
		flip_nl_udp_put_peer((u8 *)nla_data(peers) + i * FLIP_NL_UDP_PEER,
				     &cfg->peers[i]);
	return 0;
}

/* who has this MAC on an overlay, if anybody has; RCU or RTNL */
int flip_nl_fill_udp_peer(struct sk_buff *skb, const struct net_device *dev, const u8 *mac)
{
	u8 b[FLIP_NL_UDP_PEER];
	union flip_udp_addr a;

	if (!flip_udp_peer_find(netdev_priv(dev), mac, &a))
		return 0;
	flip_nl_udp_put_peer(b, &a);
	return nla_put(skb, FLIP_A_NEIGH_UDP_PEER, sizeof(b), b);
}
