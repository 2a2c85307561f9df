/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * FLIP sockets (AF_FLIP).
 *
 * The family number is chosen at module load (parameter family, default 18, 0 = no sockets);
 * programs read it from /sys/module/flip/parameters/family or ask libamoeba's flip_family().
 */
#ifndef _UAPI_LINUX_FLIP_H
#define _UAPI_LINUX_FLIP_H

#include <linux/types.h>

#define FLIP_ADDR_SIZE		8
#define FLIP_MAX_MSG		(1U << 30)	/* largest message, bytes; EMSGSIZE beyond */
#define FLIP_MAX_HOPS		25		/* facts 1.5 */
#define FLIP_LOCATE_MS		5200		/* default locate limit, ms */

/* socket protocols of AF_FLIP */
#define FLIPPROTO_RAW		0		/* SOCK_DGRAM: FLIP messages */
#define FLIPPROTO_RPC		1		/* SOCK_SEQPACKET: transactions */

/**
 * struct sockaddr_flip - a FLIP address
 * @sflip_family: flip_family()
 * @sflip_flags: zero
 * @sflip_network: arrival network's number on receipt (0 = this machine); zero when sending
 * @sflip_addr: wire bytes. bind(2) takes a private address (all zero: the kernel draws one);
 *	everything else is public. All zero as a destination: broadcast. A port lies in bytes 0-5
 * @sflip_zero: zero, checked (EINVAL)
 */
struct sockaddr_flip {
	__u16	sflip_family;
	__u16	sflip_flags;
	__u32	sflip_network;
	__u8	sflip_addr[FLIP_ADDR_SIZE];
	__u8	sflip_zero[16];
};

/* socket option level and options of SOCK_DGRAM, FLIPPROTO_RAW; the same types as cmsgs */
#define SOL_FLIP		1046

#define FLIP_HOPS		1	/* int, 1 to 25: hop budget of broadcasts */
#define FLIP_LTIME		2	/* int, ms: how long to locate; 0: only known routes */
#define FLIP_SENDFLAGS		3	/* int, FLIP_SEND_* */
#define FLIP_RECVINFO		4	/* int, bool: deliver struct flip_recvinfo as a cmsg */
#define FLIP_MEMBERS		5	/* int, 0 to 65535: multicast to at least so many; 0: unicast */
#define FLIP_BROADCAST		6	/* int, bool: take broadcasts; not as a cmsg */
#define FLIP_RECVERR		7	/* cmsg of MSG_ERRQUEUE only: struct sock_extended_err */

/* FLIP_SENDFLAGS */
#define FLIP_SEND_INVAL		0x1	/* forget the route, locate anew through all routers */
#define FLIP_SEND_SECURITY	0x4	/* never cross an untrusted network */
#define FLIP_SEND_SKIP_SRC	0x8	/* no copy of a multicast back to the sender */

/**
 * struct flip_recvinfo - cmsg FLIP_RECVINFO of a received message
 * @flags: flag byte of the FLIP header (0x04 SECURITY, 0x20 UNSAFE)
 * @hops: weight of the way it came
 * @messid: message id given by the sender
 * @dst: address it was sent to, wire bytes
 */
struct flip_recvinfo {
	__u32	flags;
	__u32	hops;
	__u32	messid;
	__u32	reserved;
	__u8	dst[FLIP_ADDR_SIZE];
};

/* reasons of an undeliverable message: ee_code of the error queue (ee_origin SO_EE_ORIGIN_LOCAL) */
#define FLIP_UNDELIV_TIMEOUT	1	/* nobody answered the locate: EHOSTUNREACH */
#define FLIP_UNDELIV_NOTHERE	2	/* bounced, and not found elsewhere: EHOSTUNREACH */
#define FLIP_UNDELIV_UNTRUSTED	3	/* only over untrusted networks: ENETUNREACH */
#define FLIP_UNDELIV_NETWORK	4	/* the network went away or its neighbour is stuck: ENETDOWN */

#endif /* _UAPI_LINUX_FLIP_H */
