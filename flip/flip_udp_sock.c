// SPDX-License-Identifier: GPL-2.0-only
/* The socket of a UDP overlay: frames into datagrams, datagrams into frames. */
#include <linux/bvec.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/udp.h>
#include "flip_udp.h"

#define FLIP_UDP_RX_BATCH	64	/* datagrams before others get the processor */
#define FLIP_UDP_SEND_WAIT	(HZ / 10 + 1)	/* for room in the send buffer */

/* ---- sending ---------------------------------------------------------------------------- */

static int flip_udp_send(struct flip_udp *u, struct sk_buff *skb, const struct bio_vec *bv,
			 unsigned int n, const union flip_udp_addr *to)
{
	struct msghdr msg = {
		.msg_name = (void *)to,
		.msg_namelen = flip_udp_addr_len(to),
		.msg_flags = MSG_NOSIGNAL,
	};
	int err;

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, n, skb->len);
	err = sock_sendmsg(u->sock, &msg);
	/* ask the routes what does fit */
	if (err == -EMSGSIZE)
		mod_delayed_work(flip_udp_wq, &u->path_work, 0);
	return min(err, 0);
}

/* to the group and to each peer named; one that cannot be reached does not keep it from others */
static int flip_udp_send_all(struct flip_udp *u, struct sk_buff *skb, const struct bio_vec *bv,
			     unsigned int n)
{
	const struct flip_udp_config *cfg = &u->cfg;
	int err = 0, one;
	unsigned int i;

	if (cfg->group.sa.sa_family)
		err = flip_udp_send(u, skb, bv, n, &cfg->group);
	for (i = 0; i < cfg->n_peers && !READ_ONCE(u->closing); i++) {
		one = flip_udp_send(u, skb, bv, n, &cfg->peers[i]);
		err = err ?: one;
	}
	return err;
}

static void flip_udp_tx(struct flip_udp *u, struct sk_buff *skb)
{
	struct flip_udp_cb *cb = flip_udp_cb(skb);
	struct bio_vec bv[MAX_SKB_FRAGS + 1];
	unsigned int i, n = 0;
	int err = -ENOMEM;

	if (skb_has_frag_list(skb) && skb_linearize(skb))
		goto drop;
	bv[n++] = (struct bio_vec){
		.bv_page = virt_to_page(skb->data), .bv_len = skb_headlen(skb),
		.bv_offset = offset_in_page(skb->data),
	};
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *f = &skb_shinfo(skb)->frags[i];

		bv[n++] = (struct bio_vec){
			.bv_page = skb_frag_page(f), .bv_len = skb_frag_size(f),
			.bv_offset = skb_frag_off(f),
		};
	}
	err = cb->all ? flip_udp_send_all(u, skb, bv, n) : flip_udp_send(u, skb, bv, n, &cb->to);
	if (err)
		goto drop;
	atomic_long_inc(&u->tx_packets);
	atomic_long_add(skb->len, &u->tx_octets);
	consume_skb(skb);
	return;

drop:
	flip_udp_drop(u, skb, err == -EMSGSIZE ? FLIP_DROP_UDP_TOOBIG : FLIP_DROP_UDP_SEND, false);
}

static struct sk_buff *flip_udp_tx_next(struct flip_udp *u)
{
	struct sk_buff *skb;

	spin_lock_bh(&u->txq.lock);
	skb = __skb_dequeue(&u->txq);
	if (skb)
		u->tx_bytes -= skb->truesize;
	spin_unlock_bh(&u->txq.lock);
	return skb;
}

void flip_udp_tx_work(struct work_struct *work)
{
	struct flip_udp *u = container_of(work, struct flip_udp, tx_work);
	struct sk_buff *skb;

	while (!READ_ONCE(u->closing) && (skb = flip_udp_tx_next(u))) {
		flip_udp_tx(u, skb);
		cond_resched();
	}
}

/* ---- receiving -------------------------------------------------------------------------- */

/* who sent it, whether it was sent to a group, and whether it was us */
static void flip_udp_from(const struct flip_udp *u, const struct sk_buff *skb,
			  union flip_udp_addr *from, bool *all, bool *self)
{
	const struct in6_addr *src, *dst;

	memset(from, 0, sizeof(*from));
	from->sa.sa_family = u->cfg.family;
	if (u->cfg.family == AF_INET) {
		from->v4.sin_port = udp_hdr(skb)->source;
		from->v4.sin_addr.s_addr = ip_hdr(skb)->saddr;
		*all = ipv4_is_multicast(ip_hdr(skb)->daddr);
		*self = ip_hdr(skb)->saddr == ip_hdr(skb)->daddr ||
			ip_hdr(skb)->saddr == u->cfg.local.v4.sin_addr.s_addr;
	} else {
		src = &ipv6_hdr(skb)->saddr;
		dst = &ipv6_hdr(skb)->daddr;
		from->v6.sin6_port = udp_hdr(skb)->source;
		from->v6.sin6_addr = *src;
		from->v6.sin6_scope_id = ipv6_iface_scope_id(src, inet6_iif(skb));
		*all = ipv6_addr_is_multicast(dst);
		*self = ipv6_addr_equal(src, dst) ||
			ipv6_addr_equal(src, &u->cfg.local.v6.sin6_addr);
	}
	*self &= flip_udp_port(from) == htons(u->cfg.port);
}

/* a frame as flip_eth.c knows it, in place of what IP left */
static bool flip_udp_frame(struct flip_udp *u, struct sk_buff *skb, const u8 *mac, bool all,
			   u8 type, u8 count)
{
	struct ethhdr *eth;

	skb_orphan(skb);
	skb_scrub_packet(skb, true);
	skb->ip_summed = CHECKSUM_NONE;
	skb->encapsulation = 0;
	/* also when others have the datagram too */
	if (skb_cow_head(skb, ETH_HLEN))
		return false;
	__skb_pull(skb, FLIP_UDP_HDR_LEN - FLIP_FC_LEN);
	skb->data[0] = type;
	skb->data[1] = count;
	eth = skb_push(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, all ? flip_eth_bcast : u->dev->dev_addr);
	ether_addr_copy(eth->h_source, mac);
	eth->h_proto = htons(FLIP_ETHERTYPE);
	skb->protocol = eth_type_trans(skb, u->dev);
	skb_reset_network_header(skb);
	skb_reset_transport_header(skb);
	return true;
}

static void flip_udp_rx(struct flip_udp *u, struct sk_buff *skb)
{
	enum flip_stat why = FLIP_DROP_UDP_CHECKSUM;
	unsigned int len = skb->len;
	union flip_udp_addr from;
	u8 mac[ETH_ALEN];
	u8 type, count;
	bool all, self;

	/* the socket has used the place for something else */
	skb->dev = u->dev;
	if (!skb_csum_unnecessary(skb) && __skb_checksum_complete(skb))
		goto drop;
	flip_udp_from(u, skb, &from, &all, &self);
	why = FLIP_DROP_UDP_SELF;
	if (self)
		goto drop;
	why = FLIP_DROP_SHORT;
	if (!pskb_may_pull(skb, FLIP_UDP_HDR_LEN))
		goto drop;
	why = FLIP_DROP_UDP_HEADER;
	if (!flip_udp_hdr_get(skb->data, &type, &count))
		goto drop;
	why = FLIP_DROP_FC_TYPE;
	if (type > FLIP_FC_ABSCREDIT)
		goto drop;
	why = flip_udp_peer_heard(u, &from, mac);
	if (why)
		goto drop;
	why = FLIP_DROP_NOMEM;
	if (!flip_udp_frame(u, skb, mac, all, type, count))
		goto drop;

	/* ndo_stop waits for this section, so nothing reaches a device that is going */
	local_bh_disable();
	rcu_read_lock();
	if (netif_running(u->dev)) {
		atomic_long_inc(&u->rx_packets);
		atomic_long_add(len, &u->rx_octets);
		netif_receive_skb(skb);
		skb = NULL;
	}
	rcu_read_unlock();
	local_bh_enable();
	if (!skb)
		return;
	why = FLIP_DROP_NETDOWN;
drop:
	flip_udp_drop(u, skb, why, true);
}

void flip_udp_rx_work(struct work_struct *work)
{
	struct flip_udp *u = container_of(work, struct flip_udp, rx_work);
	struct sk_buff *skb;
	unsigned int i;
	int err;

	for (i = 0; i < FLIP_UDP_RX_BATCH; i++) {
		skb = skb_recv_udp(u->sock->sk, MSG_DONTWAIT, &err);
		if (skb)
			flip_udp_rx(u, skb);
		else if (err == -EAGAIN)
			return;
	}
	queue_work(flip_udp_wq, &u->rx_work);
}

static void flip_udp_data_ready(struct sock *sk)
{
	struct flip_udp *u;

	read_lock_bh(&sk->sk_callback_lock);
	u = sk->sk_user_data;
	if (u)
		queue_work(flip_udp_wq, &u->rx_work);
	read_unlock_bh(&sk->sk_callback_lock);
}

/* ---- from making to closing ------------------------------------------------------------- */

static int flip_udp_opt(struct socket *sock, int level, int opt, void *val, int len)
{
	return READ_ONCE(sock->ops)->setsockopt(sock, level, opt, KERNEL_SOCKPTR(val), len);
}

static int flip_udp_opt_int(struct socket *sock, int level, int opt, int val)
{
	return flip_udp_opt(sock, level, opt, &val, sizeof(val));
}

static int flip_udp_join4(struct flip_udp *u)
{
	struct ip_mreqn req = {
		.imr_multiaddr = u->cfg.group.v4.sin_addr,
		.imr_ifindex = u->cfg.ifindex,
	};
	int err;

	/* not those that other programs have joined, and not what we send */
	err = flip_udp_opt_int(u->sock, SOL_IP, IP_MULTICAST_ALL, 0);
	if (!err)
		err = flip_udp_opt_int(u->sock, SOL_IP, IP_MULTICAST_LOOP, 0);
	if (!err)
		err = flip_udp_opt_int(u->sock, SOL_IP, IP_MULTICAST_TTL, u->cfg.ttl);
	if (!err && req.imr_ifindex)
		err = flip_udp_opt(u->sock, SOL_IP, IP_MULTICAST_IF, &req, sizeof(req));
	return err ?: flip_udp_opt(u->sock, SOL_IP, IP_ADD_MEMBERSHIP, &req, sizeof(req));
}

static int flip_udp_join6(struct flip_udp *u)
{
	struct ipv6_mreq req = {
		.ipv6mr_multiaddr = u->cfg.group.v6.sin6_addr,
		.ipv6mr_ifindex = u->cfg.ifindex,
	};
	int err;

	err = flip_udp_opt_int(u->sock, SOL_IPV6, IPV6_MULTICAST_ALL, 0);
	if (!err)
		err = flip_udp_opt_int(u->sock, SOL_IPV6, IPV6_MULTICAST_LOOP, 0);
	if (!err)
		err = flip_udp_opt_int(u->sock, SOL_IPV6, IPV6_MULTICAST_HOPS, u->cfg.ttl);
	if (!err && req.ipv6mr_ifindex)
		err = flip_udp_opt_int(u->sock, SOL_IPV6, IPV6_MULTICAST_IF, req.ipv6mr_ifindex);
	return err ?: flip_udp_opt(u->sock, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &req, sizeof(req));
}

/* DF in all that leaves, and nothing larger than the path is known to take */
static int flip_udp_no_fragments(struct flip_udp *u)
{
	int err;

	if (u->cfg.family == AF_INET)
		return flip_udp_opt_int(u->sock, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	err = flip_udp_opt_int(u->sock, SOL_IPV6, IPV6_V6ONLY, 1);
	return err ?: flip_udp_opt_int(u->sock, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
}

/**
 * flip_udp_sock_open() - make the socket; nothing is received yet
 * @u: overlay with its configuration
 * @net: namespace; the socket does not hold it
 * @extack: told what is wrong
 *
 * Context: process, without RTNL. Return: 0 or a negative error, flip_udp_sock_close() either way.
 */
int flip_udp_sock_open(struct flip_udp *u, struct net *net, struct netlink_ext_ack *extack)
{
	const struct flip_udp_config *cfg = &u->cfg;
	int err;

	err = sock_create_kern(net, cfg->family, SOCK_DGRAM, IPPROTO_UDP, &u->sock);
	if (err) {
		u->sock = NULL;
		if (err == -EAFNOSUPPORT)
			NL_SET_ERR_MSG(extack, "this kernel has no IPv6, or it is switched off");
		return err;
	}
	WRITE_ONCE(u->sock->sk->sk_sndtimeo, FLIP_UDP_SEND_WAIT);
	sock_set_rcvbuf(u->sock->sk, FLIP_UDP_RCVBUF);
	err = flip_udp_no_fragments(u);
	if (!err && cfg->ifindex)
		err = sock_bindtoindex(u->sock->sk, cfg->ifindex, true);
	if (err) {
		NL_SET_ERR_MSG(extack, "socket cannot be set up");
		return err;
	}
	err = kernel_bind(u->sock, (flip_sockaddr_t *)&cfg->local, flip_udp_addr_len(&cfg->local));
	if (err == -EADDRINUSE)
		NL_SET_ERR_MSG(extack, "UDP port is in use: give another (ss -ulnp shows by whom)");
	else if (err == -EADDRNOTAVAIL)
		NL_SET_ERR_MSG(extack, "local address is none of this namespace (ip address)");
	else if (err)
		NL_SET_ERR_MSG(extack, "port or local address is refused");
	if (err || !cfg->group.sa.sa_family)
		return err;
	err = cfg->family == AF_INET ? flip_udp_join4(u) : flip_udp_join6(u);
	if (err)
		NL_SET_ERR_MSG(extack, "group cannot be joined: is there a route to it, or a device given?");
	return err;
}

/* from now on datagrams are taken */
void flip_udp_sock_start(struct flip_udp *u)
{
	struct sock *sk = u->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	u->data_ready = sk->sk_data_ready;
	sk->sk_user_data = u;
	sk->sk_data_ready = flip_udp_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	/* some have come already */
	queue_work(flip_udp_wq, &u->rx_work);
}

/* nothing is sent or received any more; process context, without RTNL */
void flip_udp_sock_close(struct flip_udp *u)
{
	struct sock *sk;

	WRITE_ONCE(u->closing, true);
	if (u->sock && u->data_ready) {
		sk = u->sock->sk;
		write_lock_bh(&sk->sk_callback_lock);
		sk->sk_data_ready = u->data_ready;
		sk->sk_user_data = NULL;
		write_unlock_bh(&sk->sk_callback_lock);
	}
	cancel_work_sync(&u->rx_work);
	cancel_work_sync(&u->tx_work);
	cancel_delayed_work_sync(&u->path_work);
	if (u->sock)
		sock_release(u->sock);
	__skb_queue_purge(&u->txq);
}
