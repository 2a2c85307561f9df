/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The classic wire format: facts 1.1 to 1.5, and the arithmetic on it that needs no state.
 *
 * A header is read into struct flip_hdr, all integers in host order, and written from it in host
 * order with the BIGENDIAN flag set to match, as every machine on the way does.
 */
#ifndef _FLIP_WIRE_H
#define _FLIP_WIRE_H

#include <linux/if_ether.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/unaligned.h>
#include <net/flip.h>
#include <linux/flip.h>

#define FLIP_ETHERTYPE		0x8146
#define FLIP_VERSION		1

/* fc types, facts 1.1 */
enum flip_fc {
	FLIP_FC_DATA		= 0,
	FLIP_FC_REQCREDIT	= 1,
	FLIP_FC_CREDIT		= 2,
	FLIP_FC_MCREQ		= 3,
	FLIP_FC_MCACK		= 4,
	FLIP_FC_MCNAK		= 5,
	FLIP_FC_ABSCREDIT	= 6,
};

#define FLIP_MCREQ_LEN		16	/* location, address */
#define FLIP_MCACK_LEN		8	/* address */

/* message types, facts 1.3 */
enum flip_type {
	FLIP_LOCATE	= 1,
	FLIP_HEREIS	= 2,
	FLIP_UNIDATA	= 3,
	FLIP_MULTIDATA	= 4,
	FLIP_NOTHERE	= 5,
	FLIP_UNTRUSTED	= 6,
};

#define FLIP_F_CODEFIELD	0x02	/* facts 1.4: announces a variable part, never used */
#define FLIP_F_KNOWN		(FLIP_F_SECURITY | FLIP_F_UNREACHABLE | FLIP_F_UNSAFE)

#define FLIP_HEREIS_LEN		4	/* u16 count, u16 trusted */

#define FLIP_WEIGHT_ETH		3	/* default weight of an Ethernet */
#define FLIP_HOPS_FORCED	(FLIP_MAX_HOPS + 1)	/* LOCATE no cache may answer */
#define FLIP_MTU_MIN		256	/* smallest device MTU taken */
#define FLIP_TOTAL_MAX		(FLIP_MAX_MSG + 128)	/* data and a protocol header */

/**
 * struct flip_hdr - a FLIP header in host order
 * @type: enum flip_type
 * @flags: FLIP_F_*, BIGENDIAN never among them
 * @act: hops so far
 * @max: hop budget
 * @dst: destination, FLIP_ADDR_NULL: broadcast
 * @src: sender, FLIP_ADDR_NULL: anonymous
 * @messid: message id
 * @length: bytes of payload in this packet
 * @offset: of this packet in the message
 * @total: bytes of the message
 */
struct flip_hdr {
	u8		type;
	u8		flags;
	u16		act;
	u16		max;
	flip_addr_t	dst;
	flip_addr_t	src;
	u32		messid;
	u32		length;
	u32		offset;
	u32		total;
};

static inline u16 flip_get16(const void *p, bool be)
{
	return be ? get_unaligned_be16(p) : get_unaligned_le16(p);
}

static inline u32 flip_get32(const void *p, bool be)
{
	return be ? get_unaligned_be32(p) : get_unaligned_le32(p);
}

static inline void flip_put16(void *p, u16 v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void flip_put32(void *p, u32 v)
{
	memcpy(p, &v, sizeof(v));
}

#ifdef __BIG_ENDIAN
#define FLIP_F_HOST	FLIP_F_BIGENDIAN
#else
#define FLIP_F_HOST	0
#endif

/* read the 40 bytes at @p; false when version or flags are not ours to understand */
static inline bool flip_hdr_get(const u8 *p, struct flip_hdr *h)
{
	bool be = p[2] & FLIP_F_BIGENDIAN;

	h->type = p[1];
	h->flags = p[2] & ~FLIP_F_BIGENDIAN;
	h->act = flip_get16(p + 4, be);
	h->max = flip_get16(p + 6, be);
	h->dst = flip_addr_load(p + 8);
	h->src = flip_addr_load(p + 16);
	h->messid = flip_get32(p + 24, be);
	h->length = flip_get32(p + 28, be);
	h->offset = flip_get32(p + 32, be);
	h->total = flip_get32(p + 36, be);
	return p[0] == FLIP_VERSION && !(h->flags & FLIP_F_CODEFIELD);
}

static inline void flip_hdr_put(u8 *p, const struct flip_hdr *h)
{
	p[0] = FLIP_VERSION;
	p[1] = h->type;
	p[2] = (h->flags & FLIP_F_KNOWN) | FLIP_F_HOST;
	p[3] = 0;
	flip_put16(p + 4, h->act);
	flip_put16(p + 6, h->max);
	flip_addr_store(p + 8, h->dst);
	flip_addr_store(p + 16, h->src);
	flip_put32(p + 24, h->messid);
	flip_put32(p + 28, h->length);
	flip_put32(p + 32, h->offset);
	flip_put32(p + 36, h->total);
}

/* the fragment lies within its message, and the message is not larger than any may be */
static inline bool flip_hdr_bounds_ok(const struct flip_hdr *h)
{
	return h->total <= FLIP_TOTAL_MAX && (u64)h->offset + h->length <= h->total &&
	       (h->length || !h->total);
}

/* facts 1.7: dropped when actual > max, or when type is not LOCATE and max > 25 */
static inline bool flip_hdr_hops_ok(const struct flip_hdr *h)
{
	return h->act <= h->max &&
	       h->max <= (h->type == FLIP_LOCATE ? FLIP_HOPS_FORCED : FLIP_MAX_HOPS);
}

/* this packet costs a credit, facts 1.9 */
static inline bool flip_hdr_credited(const struct flip_hdr *h)
{
	return h->type == FLIP_UNIDATA && h->total > FLIP_ETH_PAYLOAD;
}

/* bytes of a message one packet carries on a device of MTU @mtu */
static inline unsigned int flip_payload(unsigned int mtu)
{
	return min_t(unsigned int, FLIP_ETH_PAYLOAD, mtu - FLIP_FC_LEN - FLIP_HDR_LEN);
}

/* the same between our kind, design 5 */
static inline unsigned int flip_payload_ours(unsigned int mtu)
{
	return min_t(unsigned int, FLIP_PAYLOAD_MAX, mtu - FLIP_FC_LEN - FLIP_HDR_LEN);
}

/* number of packets for @total bytes; an empty message is one packet */
static inline u32 flip_fragments(u32 total, unsigned int payload)
{
	return total ? DIV_ROUND_UP(total, payload) : 1;
}

/* the group MAC of a multicast address, facts 1.1 */
static inline void flip_mc_mac(flip_addr_t addr, u8 mac[ETH_ALEN])
{
	u8 b[FLIP_ADDR_SIZE];

	flip_addr_store(b, addr);
	mac[0] = 0x55;
	mac[1] = 0x55;
	memcpy(mac + 2, b + 2, 4);
}

#endif /* _FLIP_WIRE_H */
