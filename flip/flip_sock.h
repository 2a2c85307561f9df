/* SPDX-License-Identifier: GPL-2.0-only */
/* AF_FLIP sockets: what flip_sock.c and flip_sock_rx.c share. */
#ifndef _FLIP_SOCK_H
#define _FLIP_SOCK_H

#include <net/sock.h>
#include "flip_int.h"

/* what a message is sent with: options of the socket, or cmsgs */
struct flip_sock_opts {
	int	hops;
	int	ltime;
	int	flags;
	int	members;
};

struct flip_sock {
	struct sock		sk;	/* must be first */
	struct flip_ep		*ep;
	struct flip_reass	*reass;
	struct flip_sock_opts	opts;
	struct flip_later	later;
	bool			recvinfo;
	bool			bcast;
};

/* skb->cb of what waits in the receive queue */
struct flip_sock_cb {
	flip_addr_t	src;
	flip_addr_t	dst;
	u32		messid;
	u64		charge;		/* to the namespace, of a message larger than the buffer */
	u32		network;
	u16		hops;
	u8		flags;
};

static inline struct flip_sock *flip_sk(struct sock *sk)
{
	return container_of(sk, struct flip_sock, sk);
}

static inline struct flip_sock_cb *flip_sock_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct flip_sock_cb) > sizeof(skb->cb));
	return (struct flip_sock_cb *)skb->cb;
}

/* flip_sock_rx.c */
extern const struct flip_ep_ops flip_sock_ep_ops;
extern const struct flip_reass_owner flip_sock_reass_owner;

#endif /* _FLIP_SOCK_H */
