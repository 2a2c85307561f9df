/* SPDX-License-Identifier: GPL-2.0-only */
/* UDP overlays: what flip_udp*.c share; the DESIGN NOTES are in flip_udp.c. */
#ifndef _FLIP_UDP_H
#define _FLIP_UDP_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/net.h>
#include <linux/udp.h>
#include "flip_int.h"

#define FLIP_UDP_VERSION	1
#define FLIP_UDP_HDR_LEN	4	/* version, fc type, u16 count */
#define FLIP_UDP_PEERS		FLIP_NL_MAX_UDP_PEERS	/* those named by the administrator */
#define FLIP_UDP_SLOTS		1024	/* peers known at once */
#define FLIP_UDP_FRESH_S	10	/* heard since: does not make room for another */
#define FLIP_UDP_QUEUE		2048	/* frames waiting to be sent */
#define FLIP_UDP_QUEUE_BYTES	(8 << 20)	/* their truesize */
#define FLIP_UDP_RCVBUF		(1 << 20)
#define FLIP_UDP_PATH_S		610	/* what routers said of a path is forgotten after 600 */
#define FLIP_UDP_PATH_DEFAULT	1500	/* of a path nothing is known of */

/* ---- wire ------------------------------------------------------------------------------- */

static inline void flip_udp_hdr_put(u8 *p, u8 type, u8 count)
{
	p[0] = FLIP_UDP_VERSION;
	p[1] = type;
	put_unaligned_be16(count, p + 2);
}

/* false: not of this version, or a count that no frame can have */
static inline bool flip_udp_hdr_get(const u8 *p, u8 *type, u8 *count)
{
	u16 n = get_unaligned_be16(p + 2);

	*type = p[1];
	*count = n;
	return p[0] == FLIP_UDP_VERSION && n <= U8_MAX;
}

/* MTU of a device whose datagrams fit a path of @path bytes */
static inline unsigned int flip_udp_mtu(unsigned int path, bool v6)
{
	unsigned int headers = (v6 ? 40 : 20) + sizeof(struct udphdr) + FLIP_UDP_HDR_LEN;

	path = clamp(path, FLIP_MTU_MIN + headers, 65535U);
	return path - headers + FLIP_FC_LEN;
}

/* of @have bytes from the fc header on, those that are no padding; 0: malformed */
static inline unsigned int flip_udp_frame_len(const u8 *fc, unsigned int have)
{
	unsigned int len = FLIP_FC_LEN;
	struct flip_hdr h;

	if (have < len)
		return 0;
	switch (fc[0]) {
	case FLIP_FC_DATA:
		len += FLIP_HDR_LEN;
		if (have < len || !flip_hdr_get(fc + FLIP_FC_LEN, &h) || h.length > have - len)
			return 0;
		return len + h.length;
	case FLIP_FC_MCREQ:
		len += FLIP_MCREQ_LEN;
		break;
	case FLIP_FC_MCACK:
	case FLIP_FC_MCNAK:
		len += FLIP_MCACK_LEN;
		break;
	case FLIP_FC_CREDIT:
	case FLIP_FC_ABSCREDIT:
		/* what its sender takes in a packet: never zero, as padding is */
		if (have >= len + sizeof(__le32) && get_unaligned_le32(fc + len))
			len += sizeof(__le32);
		break;
	}
	return len <= have ? len : 0;
}

/* ---- the device ------------------------------------------------------------------------- */

union flip_udp_addr {
	struct sockaddr		sa;
	struct sockaddr_in	v4;
	struct sockaddr_in6	v6;
};

/**
 * struct flip_udp_config - what the administrator asked for; does not change
 * @family: AF_INET or AF_INET6, of all addresses
 * @port: ours, and that of peers named without one
 * @ifindex: device all of it goes over; 0: as routes say
 * @local: own address, any if none was named
 * @group: multicast group; its family is 0 when there is none
 * @ttl: IP hops of a datagram to the group
 * @n_peers: number of
 * @peers: who gets what is for all, and, without a group, may speak
 */
struct flip_udp_config {
	sa_family_t		family;
	u16			port;
	int			ifindex;
	union flip_udp_addr	local;
	union flip_udp_addr	group;
	u8			ttl;
	unsigned int		n_peers;
	union flip_udp_addr	peers[FLIP_UDP_PEERS];
};

/**
 * struct flip_udp_peer - an address and port, and the MAC it has for FLIP
 * @hash: in u->hash
 * @addr: where it is
 * @mac: index and generation of its slot
 * @named: by the administrator, stays
 * @heard: when a datagram of it came last
 */
struct flip_udp_peer {
	struct hlist_node	hash;
	union flip_udp_addr	addr;
	u8			mac[ETH_ALEN];
	bool			named;
	unsigned long		heard;
};

/**
 * struct flip_udp - private part of the device of an overlay
 * @dev: the device
 * @cfg: what it was made with
 * @sock: its socket
 * @data_ready: the callback of the socket before ours
 * @closing: nothing more is sent
 * @lock: of the table
 * @seed: of @hash
 * @hash: peers by address
 * @slots: peers by index, filled from the front
 * @gens: generation of each slot, so that the MAC of who left means nobody
 * @n_slots: how many of @slots have been filled
 * @hand: slot looked at last for one to reuse
 * @txq: frames to be sent; its lock also covers @tx_bytes
 * @tx_bytes: their truesize
 * @tx_work: sends them
 * @rx_work: takes datagrams from the socket
 * @path_work: fits the MTU to the paths
 * @mtu_limit: greatest MTU, that at the beginning or one set by hand
 * @fitting: it is @path_work that changes the MTU; under RTNL
 * @rx_packets: to @tx_dropped: for ip-link
 */
struct flip_udp {
	struct net_device	*dev;
	struct flip_udp_config	cfg;
	struct socket		*sock;
	void			(*data_ready)(struct sock *sk);
	bool			closing;

	spinlock_t		lock;
	u32			seed;
	struct hlist_head	hash[256];
	struct flip_udp_peer	*slots[FLIP_UDP_SLOTS];
	u16			gens[FLIP_UDP_SLOTS];
	unsigned int		n_slots;
	unsigned int		hand;

	struct sk_buff_head	txq;
	unsigned int		tx_bytes;
	struct work_struct	tx_work;
	struct work_struct	rx_work;
	struct delayed_work	path_work;
	unsigned int		mtu_limit;
	bool			fitting;

	atomic_long_t		rx_packets, rx_octets, rx_dropped;
	atomic_long_t		tx_packets, tx_octets, tx_dropped;
};

/* in skb->cb of what is in the queue: where to */
struct flip_udp_cb {
	union flip_udp_addr	to;
	bool			all;
};

static inline struct flip_udp_cb *flip_udp_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct flip_udp_cb) > sizeof_field(struct sk_buff, cb));
	return (struct flip_udp_cb *)skb->cb;
}

static inline int flip_udp_addr_len(const union flip_udp_addr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static inline __be16 flip_udp_port(const union flip_udp_addr *a)
{
	return a->sa.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port;
}

/* flip_udp.c */
struct netlink_ext_ack;
extern struct workqueue_struct *flip_udp_wq;
struct net_device *flip_udp_new(struct net *net, const char *name,
				const struct flip_udp_config *cfg, struct netlink_ext_ack *extack);
int flip_udp_register(struct net_device *dev, struct netlink_ext_ack *extack);
void flip_udp_free(struct net_device *dev);
void flip_udp_drop(struct flip_udp *u, struct sk_buff *skb, enum flip_stat why, bool rx);

/* flip_udp_sock.c */
int flip_udp_sock_open(struct flip_udp *u, struct net *net, struct netlink_ext_ack *extack);
void flip_udp_sock_start(struct flip_udp *u);
void flip_udp_sock_close(struct flip_udp *u);
void flip_udp_tx_work(struct work_struct *work);
void flip_udp_rx_work(struct work_struct *work);

/* flip_udp_path.c */
unsigned int flip_udp_path(struct flip_udp *u, struct net *net);
void flip_udp_path_work(struct work_struct *work);

/* flip_udp_peer.c */
void flip_udp_peer_init(struct flip_udp *u);
int flip_udp_peer_name(struct flip_udp *u, const union flip_udp_addr *a);
enum flip_stat flip_udp_peer_heard(struct flip_udp *u, const union flip_udp_addr *a,
				   u8 mac[ETH_ALEN]);
bool flip_udp_peer_find(struct flip_udp *u, const u8 *mac, union flip_udp_addr *a);
bool flip_udp_peer_at(struct flip_udp *u, unsigned int slot, union flip_udp_addr *a);
bool flip_udp_addr_equal(const union flip_udp_addr *a, const union flip_udp_addr *b);
void flip_udp_peer_exit(struct flip_udp *u);

#endif /* _FLIP_UDP_H */
