// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink family "flip"; uapi/flip.yaml says what it is, flip_nl_gen.c checks the
 * attributes.
 */
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/sock.h>
#include "flip_int.h"
#include "flip_nl_gen.h"

static u32 flip_nl_ms_since(unsigned long when)
{
	long d = jiffies - when;

	return d > 0 ? min_t(u64, jiffies_to_msecs(d), U32_MAX) : 0;
}

static int flip_nl_put_addr(struct sk_buff *skb, int attr, flip_addr_t addr)
{
	u8 b[FLIP_ADDR_SIZE];

	flip_addr_store(b, addr);
	return nla_put(skb, attr, sizeof(b), b);
}

static void *flip_nl_start(struct sk_buff *skb, struct netlink_callback *cb, enum flip_cmd cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &flip_nl_family,
			   NLM_F_MULTI, cmd);
}

/* ---- networks --------------------------------------------------------------------------- */

static u64 flip_nl_network_sum(struct flip_network *n, size_t offset)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*(unsigned long *)((u8 *)per_cpu_ptr(n->stats, cpu) + offset));
	return sum;
}

#define FLIP_NL_NET_STAT(skb, n, attr, field)					\
	nla_put_u64_64bit(skb, FLIP_A_NET_##attr,				\
			  flip_nl_network_sum(n, offsetof(struct flip_network_stats, field)), \
			  FLIP_A_NET_PAD)

/* under RTNL */
static int flip_nl_fill_net(struct sk_buff *skb, struct flip_network *n)
{
	if (nla_put_u32(skb, FLIP_A_NET_INDEX, n->index) ||
	    nla_put_u32(skb, FLIP_A_NET_IFINDEX, n->dev->ifindex) ||
	    nla_put_string(skb, FLIP_A_NET_IFNAME, n->dev->name) ||
	    nla_put_u32(skb, FLIP_A_NET_WEIGHT, n->weight) ||
	    nla_put_u8(skb, FLIP_A_NET_TRUSTED, n->trusted) ||
	    nla_put_u8(skb, FLIP_A_NET_UP, n->up) ||
	    nla_put_u8(skb, FLIP_A_NET_RUNNING, n->running) ||
	    nla_put_u32(skb, FLIP_A_NET_MTU, n->mtu) ||
	    nla_put(skb, FLIP_A_NET_MAC, ETH_ALEN, n->dev->dev_addr) ||
	    FLIP_NL_NET_STAT(skb, n, RX_PACKETS, rx_packets) ||
	    FLIP_NL_NET_STAT(skb, n, RX_BYTES, rx_bytes) ||
	    FLIP_NL_NET_STAT(skb, n, RX_DROPPED, rx_dropped) ||
	    FLIP_NL_NET_STAT(skb, n, TX_PACKETS, tx_packets) ||
	    FLIP_NL_NET_STAT(skb, n, TX_BYTES, tx_bytes) ||
	    FLIP_NL_NET_STAT(skb, n, TX_DROPPED, tx_dropped) ||
	    nla_put_u32(skb, FLIP_A_NET_DELAY, n->fault.delay) ||
	    nla_put_u32(skb, FLIP_A_NET_LOSS, n->fault.loss))
		return -EMSGSIZE;
	return flip_udp_is(n->dev) ? flip_nl_fill_udp(skb, n->dev) : 0;
}

int flip_nl_reply_net(struct genl_info *info, struct flip_network *n, enum flip_cmd cmd)
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &flip_nl_family, 0, cmd);
	if (!hdr || flip_nl_fill_net(msg, n)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* the device a request names; under RTNL */
static struct net_device *flip_nl_dev(struct genl_info *info)
{
	struct nlattr *index = info->attrs[FLIP_A_NET_IFINDEX];
	struct nlattr *name = info->attrs[FLIP_A_NET_IFNAME];
	struct net *net = genl_info_net(info);
	struct net_device *dev = NULL;

	if (!index && !name) {
		NL_SET_ERR_MSG(info->extack, "no device named: give ifname or ifindex");
		return ERR_PTR(-EINVAL);
	}
	if (index)
		dev = __dev_get_by_index(net, nla_get_u32(index));
	else
		dev = __dev_get_by_name(net, nla_data(name));
	if (!dev) {
		NL_SET_ERR_MSG(info->extack, "no such device in this network namespace (ip link)");
		return ERR_PTR(-ENODEV);
	}
	if (name && strcmp(dev->name, nla_data(name))) {
		NL_SET_ERR_MSG(info->extack, "ifindex and ifname name different devices");
		return ERR_PTR(-EINVAL);
	}
	return dev;
}

/* the network a request names; under RTNL */
static struct flip_network *flip_nl_network(struct genl_info *info)
{
	struct flip_ns *ns = flip_ns(genl_info_net(info));
	struct flip_network *n;
	struct net_device *dev;

	if (info->attrs[FLIP_A_NET_INDEX]) {
		n = flip_network_by_index(ns, nla_get_u32(info->attrs[FLIP_A_NET_INDEX]));
	} else {
		dev = flip_nl_dev(info);
		if (IS_ERR(dev))
			return ERR_CAST(dev);
		n = flip_network_by_dev(ns, dev);
	}
	if (!n) {
		NL_SET_ERR_MSG(info->extack, "not a FLIP network: add it with net-add (amctl net add DEV)");
		return ERR_PTR(-ENOENT);
	}
	return n;
}

/* settings of a new network: as asked, or the defaults */
void flip_nl_net_settings(struct genl_info *info, u16 *weight, bool *trusted, bool *up)
{
	struct nlattr **a = info->attrs;

	*weight = a[FLIP_A_NET_WEIGHT] ? nla_get_u32(a[FLIP_A_NET_WEIGHT]) :
		  FLIP_NL_DEFAULT_WEIGHT;
	*trusted = !a[FLIP_A_NET_TRUSTED] || nla_get_u8(a[FLIP_A_NET_TRUSTED]);
	*up = !a[FLIP_A_NET_UP] || nla_get_u8(a[FLIP_A_NET_UP]);
}

int flip_nl_net_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct flip_ns *ns = flip_ns(genl_info_net(info));
	struct flip_network *n;
	struct net_device *dev;
	bool trusted, up;
	u16 weight;
	int err;

	flip_nl_net_settings(info, &weight, &trusted, &up);
	rtnl_lock();
	dev = flip_nl_dev(info);
	err = PTR_ERR_OR_ZERO(dev);
	if (!err) {
		n = flip_network_add(ns, dev, weight, trusted, up, info->extack);
		err = PTR_ERR_OR_ZERO(n);
	}
	if (!err)
		err = flip_nl_reply_net(info, n, FLIP_CMD_NET_ADD);
	rtnl_unlock();
	return err;
}

/* an overlay has no other purpose: its device goes too */
int flip_nl_net_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct flip_network *n;
	struct net_device *dev;
	int err;

	rtnl_lock();
	n = flip_nl_network(info);
	err = PTR_ERR_OR_ZERO(n);
	if (!err) {
		dev = n->dev;
		flip_network_del(n);
		if (flip_udp_is(dev))
			unregister_netdevice(dev);
	}
	rtnl_unlock();
	return err;
}

int flip_nl_net_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *weight = info->attrs[FLIP_A_NET_WEIGHT];
	struct nlattr *trusted = info->attrs[FLIP_A_NET_TRUSTED];
	struct nlattr *up = info->attrs[FLIP_A_NET_UP];
	struct nlattr *delay = info->attrs[FLIP_A_NET_DELAY];
	struct nlattr *loss = info->attrs[FLIP_A_NET_LOSS];
	struct flip_network_change c = {
		.weight = weight ? nla_get_u32(weight) : -1,
		.trusted = trusted ? nla_get_u8(trusted) : -1,
		.up = up ? nla_get_u8(up) : -1,
		.delay = delay ? nla_get_u32(delay) : -1,
		.loss = loss ? nla_get_u32(loss) : -1,
	};
	struct flip_network *n;
	int err;

	if (!weight && !trusted && !up && !delay && !loss) {
		NL_SET_ERR_MSG(info->extack,
			       "nothing to change: give weight, trusted, up, delay or loss");
		return -EINVAL;
	}
	rtnl_lock();
	n = flip_nl_network(info);
	err = PTR_ERR_OR_ZERO(n);
	if (!err)
		flip_network_set(n, &c);
	rtnl_unlock();
	return err;
}

int flip_nl_net_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct flip_network *n;
	int err;

	rtnl_lock();
	n = flip_nl_network(info);
	err = PTR_ERR_OR_ZERO(n);
	if (!err)
		err = flip_nl_reply_net(info, n, FLIP_CMD_NET_GET);
	rtnl_unlock();
	return err;
}

/* cb->args[0]: networks with an index up to this have been sent */
int flip_nl_net_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct flip_ns *ns = flip_ns(sock_net(skb->sk));
	struct flip_network *n;
	void *hdr;

	rtnl_lock();
	list_for_each_entry(n, &ns->networks, list) {
		if (n->index <= cb->args[0])
			continue;
		hdr = flip_nl_start(skb, cb, FLIP_CMD_NET_GET);
		if (!hdr)
			break;
		if (flip_nl_fill_net(skb, n)) {
			genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
		cb->args[0] = n->index;
	}
	rtnl_unlock();
	return skb->len;
}

/* ---- routes ----------------------------------------------------------------------------- */

/* ns->lock or RCU */
static int flip_nl_fill_loc(struct sk_buff *skb, const struct flip_route *r,
			    const struct flip_loc *loc)
{
	struct flip_network *n = loc->neigh->network;
	u8 where[FLIP_ADDR_SIZE] = {};
	struct net_device *dev;

	ether_addr_copy(where, loc->neigh->key.mac);
	dev = READ_ONCE(n->dead) ? NULL : READ_ONCE(n->dev);
	if (flip_nl_put_addr(skb, FLIP_A_ROUTE_ADDRESS, r->addr) ||
	    nla_put_u32(skb, FLIP_A_ROUTE_NET, n->index) ||
	    (dev && nla_put_string(skb, FLIP_A_ROUTE_IFNAME, dev->name)) ||
	    nla_put(skb, FLIP_A_ROUTE_LOCATION, ETH_ALEN, where) ||
	    nla_put_u32(skb, FLIP_A_ROUTE_HOPS, loc->hops) ||
	    nla_put_u32(skb, FLIP_A_ROUTE_COUNT, loc->count) ||
	    nla_put_u32(skb, FLIP_A_ROUTE_TRUSTED_COUNT, loc->trusted) ||
	    nla_put_u32(skb, FLIP_A_ROUTE_IDLE_MS, flip_nl_ms_since(READ_ONCE(r->used))))
		return -EMSGSIZE;
	return 0;
}

int flip_nl_route_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct flip_ns *ns = flip_ns(genl_info_net(info));
	enum flip_route_why why;
	struct flip_route *r;
	struct flip_loc *loc;
	struct sk_buff *msg;
	void *hdr;
	int err;

	if (!info->attrs[FLIP_A_ROUTE_ADDRESS]) {
		NL_SET_ERR_MSG(info->extack, "no address given");
		return -EINVAL;
	}
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	err = -EMSGSIZE;
	hdr = genlmsg_put_reply(msg, info, &flip_nl_family, 0, FLIP_CMD_ROUTE_GET);
	if (!hdr)
		goto err;
	rcu_read_lock();
	err = -ENOENT;
	r = flip_route_lookup(ns, flip_addr_load(nla_data(info->attrs[FLIP_A_ROUTE_ADDRESS])));
	loc = r ? flip_route_best(r, NULL, U16_MAX, false, &why) : NULL;
	if (loc)
		err = flip_nl_fill_loc(msg, r, loc);
	rcu_read_unlock();
	if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, "no route to this address: nothing was sent to it lately");
	if (err)
		goto err;
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
err:
	nlmsg_free(msg);
	return err;
}

/*
 * Tables are dumped by walking their hash, which tolerates changes in between: an entry may then
 * be seen twice or, when the table is resized, missed.
 */
struct flip_nl_walk {
	struct rhashtable_iter	iter;
	unsigned int		parts;	/* of the current entry that are sent already */
	bool			end;
};

typedef int (*flip_nl_fill_t)(struct sk_buff *skb, struct netlink_callback *cb, void *entry,
			      unsigned int *parts);

static int flip_nl_walk_start(struct netlink_callback *cb, struct rhashtable *ht)
{
	struct flip_nl_walk *w = kzalloc(sizeof(*w), GFP_KERNEL);

	if (!w)
		return -ENOMEM;
	rhashtable_walk_enter(ht, &w->iter);
	cb->args[0] = (long)w;
	return 0;
}

int flip_nl_walk_done(struct netlink_callback *cb)
{
	struct flip_nl_walk *w = (struct flip_nl_walk *)cb->args[0];

	rhashtable_walk_exit(&w->iter);
	kfree(w);
	return 0;
}

/* @fill returns -EMSGSIZE when the entry has more to say in the next message */
static int flip_nl_walk(struct sk_buff *skb, struct netlink_callback *cb, flip_nl_fill_t fill)
{
	struct flip_nl_walk *w = (struct flip_nl_walk *)cb->args[0];
	void *entry;

	if (w->end)
		return skb->len;
	rhashtable_walk_start(&w->iter);
	for (entry = rhashtable_walk_peek(&w->iter); entry;
	     entry = rhashtable_walk_next(&w->iter)) {
		if (IS_ERR(entry)) {
			if (PTR_ERR(entry) == -EAGAIN)
				continue;
			break;
		}
		if (fill(skb, cb, entry, &w->parts))
			goto out;
		w->parts = 0;
	}
	w->end = true;
out:
	rhashtable_walk_stop(&w->iter);
	return skb->len;
}

int flip_nl_route_start(struct netlink_callback *cb)
{
	return flip_nl_walk_start(cb, &flip_ns(sock_net(cb->skb->sk))->routes);
}

static int flip_nl_dump_route(struct sk_buff *skb, struct netlink_callback *cb, void *entry,
			      unsigned int *parts)
{
	struct flip_route *r = entry;
	struct flip_loc *loc;
	unsigned int i = 0;
	void *hdr;

	list_for_each_entry_rcu(loc, &r->locs, list) {
		if (i++ < *parts)
			continue;
		hdr = flip_nl_start(skb, cb, FLIP_CMD_ROUTE_GET);
		if (!hdr)
			return -EMSGSIZE;
		if (flip_nl_fill_loc(skb, r, loc)) {
			genlmsg_cancel(skb, hdr);
			return -EMSGSIZE;
		}
		genlmsg_end(skb, hdr);
		*parts = i;
	}
	return 0;
}

int flip_nl_route_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return flip_nl_walk(skb, cb, flip_nl_dump_route);
}

/* ---- addresses and neighbours ----------------------------------------------------------- */

int flip_nl_addr_start(struct netlink_callback *cb)
{
	return flip_nl_walk_start(cb, &flip_ns(sock_net(cb->skb->sk))->eps.ht);
}

static int flip_nl_dump_addr(struct sk_buff *skb, struct netlink_callback *cb, void *entry,
			     unsigned int *parts)
{
	struct flip_ep *ep = entry;
	void *hdr = flip_nl_start(skb, cb, FLIP_CMD_ADDR_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (flip_nl_put_addr(skb, FLIP_A_ADDR_ADDRESS, ep->addr) ||
	    nla_put_string(skb, FLIP_A_ADDR_OWNER, ep->owner ? ep->owner->name : "kernel") ||
	    nla_put_u8(skb, FLIP_A_ADDR_BROADCASTS, READ_ONCE(ep->bcast)) ||
	    nla_put_u32(skb, FLIP_A_ADDR_MESSID, atomic_read(&ep->messid))) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int flip_nl_addr_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return flip_nl_walk(skb, cb, flip_nl_dump_addr);
}

int flip_nl_neigh_start(struct netlink_callback *cb)
{
	return flip_nl_walk_start(cb, &flip_ns(sock_net(cb->skb->sk))->neighs);
}

/* RCU */
static int flip_nl_fill_neigh(struct sk_buff *skb, struct flip_neigh *neigh)
{
	struct flip_network *n = neigh->network;
	struct net_device *dev;

	dev = READ_ONCE(n->dead) ? NULL : READ_ONCE(n->dev);
	if (nla_put_u32(skb, FLIP_A_NEIGH_NET, n->index) ||
	    (dev && nla_put_string(skb, FLIP_A_NEIGH_IFNAME, dev->name)) ||
	    nla_put(skb, FLIP_A_NEIGH_LOCATION, ETH_ALEN, neigh->key.mac) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_CREDITS, READ_ONCE(neigh->credits)) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_OWED, READ_ONCE(neigh->owed)) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_QUEUED, READ_ONCE(neigh->n_queued)) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_MESSAGES, READ_ONCE(neigh->n_msgs)) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_TRIES, READ_ONCE(neigh->tries)) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_ROUTES, READ_ONCE(neigh->n_locs)) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_IDLE_MS, flip_nl_ms_since(READ_ONCE(neigh->heard))) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_QUOTA, READ_ONCE(neigh->quota)) ||
	    nla_put_u32(skb, FLIP_A_NEIGH_PAYLOAD, flip_neigh_room(neigh)))
		return -EMSGSIZE;
	return dev && flip_udp_is(dev) ? flip_nl_fill_udp_peer(skb, dev, neigh->key.mac) : 0;
}

static int flip_nl_dump_neigh(struct sk_buff *skb, struct netlink_callback *cb, void *entry,
			      unsigned int *parts)
{
	void *hdr = flip_nl_start(skb, cb, FLIP_CMD_NEIGH_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (flip_nl_fill_neigh(skb, entry)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int flip_nl_neigh_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return flip_nl_walk(skb, cb, flip_nl_dump_neigh);
}

/* ---- counters and facts ----------------------------------------------------------------- */

int flip_nl_stat_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct flip_ns *ns = flip_ns(sock_net(skb->sk));
	unsigned int i;
	void *hdr;

	for (i = cb->args[0] ?: FLIP_STAT_NONE + 1; i < __FLIP_STAT_MAX; i++) {
		hdr = flip_nl_start(skb, cb, FLIP_CMD_STAT_GET);
		if (!hdr)
			break;
		if (nla_put_string(skb, FLIP_A_STAT_NAME, flip_stat_names[i]) ||
		    nla_put_u64_64bit(skb, FLIP_A_STAT_VALUE, flip_stat_sum(ns, i),
				      FLIP_A_STAT_PAD)) {
			genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
	}
	cb->args[0] = i;
	return skb->len;
}

int flip_nl_info_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct flip_ns *ns = flip_ns(genl_info_net(info));
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &flip_nl_family, 0, FLIP_CMD_INFO_GET);
	if (!hdr ||
	    nla_put_string(msg, FLIP_A_INFO_VERSION, AMOEBA_VERSION) ||
	    nla_put_u32(msg, FLIP_A_INFO_FAMILY, flip_family) ||
	    nla_put_u32(msg, FLIP_A_INFO_MAX_MESSAGE, FLIP_MAX_MSG) ||
	    nla_put_u32(msg, FLIP_A_INFO_MAX_HOPS, FLIP_MAX_HOPS) ||
	    nla_put_u32(msg, FLIP_A_INFO_MAX_NETWORKS, FLIP_MAX_NETWORKS) ||
	    nla_put_u32(msg, FLIP_A_INFO_NETWORKS, READ_ONCE(ns->n_networks)) ||
	    nla_put_u32(msg, FLIP_A_INFO_MAX_ROUTES, READ_ONCE(ns->tune.max_routes)) ||
	    nla_put_u32(msg, FLIP_A_INFO_ROUTES, READ_ONCE(ns->n_routes)) ||
	    nla_put_u32(msg, FLIP_A_INFO_ADDRESSES, READ_ONCE(ns->n_eps)) ||
	    nla_put_u32(msg, FLIP_A_INFO_NEIGHBOURS, READ_ONCE(ns->n_neighs)) ||
	    nla_put_u32(msg, FLIP_A_INFO_LOCATES, atomic_read(&ns->n_locates))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* ---- notifications ---------------------------------------------------------------------- */

static bool flip_nl_live;	/* the family is registered */

static bool flip_nl_heard(struct flip_ns *ns, unsigned int group)
{
	return READ_ONCE(flip_nl_live) && genl_has_listeners(&flip_nl_family, ns->net, group);
}

static void *flip_nl_event(struct sk_buff **msg, enum flip_cmd cmd, gfp_t gfp)
{
	void *hdr;

	*msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, gfp);
	if (!*msg)
		return NULL;
	hdr = genlmsg_put(*msg, 0, 0, &flip_nl_family, 0, cmd);
	if (!hdr)
		nlmsg_free(*msg);
	return hdr;
}

static void flip_nl_event_send(struct flip_ns *ns, unsigned int group, struct sk_buff *msg,
			       void *hdr, int err, gfp_t gfp)
{
	if (err) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast_netns(&flip_nl_family, ns->net, msg, 0, group, gfp);
}

/* under RTNL */
void flip_nl_notify_net(struct flip_network *n, enum flip_cmd cmd, gfp_t gfp)
{
	struct sk_buff *msg;
	void *hdr;

	if (!flip_nl_heard(n->ns, FLIP_NLGRP_EVENTS))
		return;
	hdr = flip_nl_event(&msg, cmd, gfp);
	if (hdr)
		flip_nl_event_send(n->ns, FLIP_NLGRP_EVENTS, msg, hdr, flip_nl_fill_net(msg, n),
				   gfp);
}

void flip_nl_notify_neigh(struct flip_neigh *neigh, enum flip_cmd cmd)
{
	struct flip_ns *ns = neigh->network->ns;
	struct sk_buff *msg;
	void *hdr;

	if (!flip_nl_heard(ns, FLIP_NLGRP_EVENTS))
		return;
	hdr = flip_nl_event(&msg, cmd, GFP_ATOMIC);
	if (!hdr)
		return;
	rcu_read_lock();
	flip_nl_event_send(ns, FLIP_NLGRP_EVENTS, msg, hdr, flip_nl_fill_neigh(msg, neigh),
			   GFP_ATOMIC);
	rcu_read_unlock();
}

void flip_nl_notify_locate(struct flip_ns *ns, flip_addr_t addr)
{
	struct sk_buff *msg;
	void *hdr;

	if (!flip_nl_heard(ns, FLIP_NLGRP_EVENTS))
		return;
	hdr = flip_nl_event(&msg, FLIP_CMD_LOCATE_FAILED_NTF, GFP_ATOMIC);
	if (hdr)
		flip_nl_event_send(ns, FLIP_NLGRP_EVENTS, msg, hdr,
				   flip_nl_put_addr(msg, FLIP_A_ROUTE_ADDRESS, addr), GFP_ATOMIC);
}

/* ns->lock held: what is told is told in order */
void flip_nl_notify_route(const struct flip_loc *loc, enum flip_cmd cmd)
{
	struct flip_ns *ns = loc->neigh->network->ns;
	struct sk_buff *msg;
	void *hdr;

	if (!flip_nl_heard(ns, FLIP_NLGRP_ROUTES))
		return;
	hdr = flip_nl_event(&msg, cmd, GFP_ATOMIC);
	if (!hdr)
		return;
	rcu_read_lock();
	flip_nl_event_send(ns, FLIP_NLGRP_ROUTES, msg, hdr,
			   flip_nl_fill_loc(msg, loc->route, loc), GFP_ATOMIC);
	rcu_read_unlock();
}

int flip_nl_init(void)
{
	int err = genl_register_family(&flip_nl_family);

	if (!err)
		WRITE_ONCE(flip_nl_live, true);
	return err;
}

void flip_nl_exit(void)
{
	WRITE_ONCE(flip_nl_live, false);
	genl_unregister_family(&flip_nl_family);
}
