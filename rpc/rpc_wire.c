// SPDX-License-Identifier: GPL-2.0-only
/*
 * Headers of transactions on the wire. Integers go out in this machine's order, declared by
 * AMRPC_F_BIGENDIAN, and are taken in either (facts 3.2). Pure functions: any context.
 */
#include <kunit/visibility.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "rpc_wire.h"

#ifdef __BIG_ENDIAN
#define HOST_FLAG	AMRPC_F_BIGENDIAN
#else
#define HOST_FLAG	0
#endif

static void put16(u8 *p, u16 v)
{
	if (HOST_FLAG)
		put_unaligned_be16(v, p);
	else
		put_unaligned_le16(v, p);
}

static void put32(u8 *p, u32 v)
{
	if (HOST_FLAG)
		put_unaligned_be32(v, p);
	else
		put_unaligned_le32(v, p);
}

static u16 get16(const u8 *p, bool be)
{
	return be ? get_unaligned_be16(p) : get_unaligned_le16(p);
}

static u32 get32(const u8 *p, bool be)
{
	return be ? get_unaligned_be32(p) : get_unaligned_le32(p);
}

/**
 * amrpc_wire_put() - write an RPC header
 * @p: 24 bytes
 * @w: what to write; the byte order flag is added
 */
void amrpc_wire_put(u8 *p, const struct amrpc_wire *w)
{
	memcpy(p, &w->kid, 8);
	amrpc_port_bytes(w->port, p + 8);
	p[14] = w->type;
	p[15] = (w->flags & ~AMRPC_F_BIGENDIAN) | HOST_FLAG;
	put32(p + 16, w->tid);
	put16(p + 20, w->dest);
	put16(p + 22, w->from);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_wire_put);

/**
 * amrpc_wire_get() - read an RPC header
 * @p: 24 bytes
 * @w: filled; the flags as they came
 */
void amrpc_wire_get(const u8 *p, struct amrpc_wire *w)
{
	bool be = p[15] & AMRPC_F_BIGENDIAN;

	memcpy(&w->kid, p, 8);
	w->port = amrpc_port_key(p + 8);
	w->type = p[14];
	w->flags = p[15];
	w->tid = get32(p + 16, be);
	w->dest = get16(p + 20, be);
	w->from = get16(p + 22, be);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_wire_get);

static bool all_zero(const u8 *p, size_t n)
{
	u8 any = 0;

	/* a few bytes each: less than a call */
	while (n--)
		any |= *p++;
	return !any;
}

/**
 * amrpc_classic_fits() - can a transaction header be written in its classic form?
 * @h: header
 * @reply: @h->status is meant, not @h->command
 *
 * Return: 0, or -ERANGE when a value does not fit; nothing is ever cut (design 4).
 */
int amrpc_classic_fits(const struct amoeba_header *h, bool reply)
{
	if (!all_zero(h->port + 6, 2) || !all_zero(h->signature + 6, 2) ||
	    !all_zero(h->check + 6, 6) || h->site)
		return -ERANGE;
	if (h->object > 0xffffff || h->rights > 0xff || h->extra > 0xffff || h->size > 0xffff)
		return -ERANGE;
	if (h->offset < S32_MIN || h->offset > S32_MAX)
		return -ERANGE;
	if (reply ? h->status < S16_MIN || h->status > S16_MAX :
		    h->command < 0 || h->command > U16_MAX)
		return -ERANGE;
	return 0;
}

/**
 * amrpc_classic_put() - write a transaction header in its classic form
 * @p: 32 bytes
 * @h: header
 * @reply: @h->status is meant, not @h->command
 *
 * Return: as amrpc_classic_fits(); nothing is written unless it is 0.
 */
int amrpc_classic_put(u8 *p, const struct amoeba_header *h, bool reply)
{
	int err = amrpc_classic_fits(h, reply);

	if (err)
		return err;
	memcpy(p, h->port, 6);
	memcpy(p + 6, h->signature, 6);
	p[12] = h->object;
	p[13] = h->object >> 8;
	p[14] = h->object >> 16;
	p[15] = h->rights;
	memcpy(p + 16, h->check, 6);
	put16(p + 22, reply ? (u16)h->status : (u16)h->command);
	put32(p + 24, (u32)h->offset);
	put16(p + 28, h->size);
	put16(p + 30, h->extra);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_classic_put);

/**
 * amrpc_classic_get() - read a classic transaction header
 * @p: 32 bytes
 * @h: filled, every byte
 * @reply: bytes 22 and 23 are a status (signed), not a command
 * @bigendian: byte order, from the RPC header
 */
void amrpc_classic_get(const u8 *p, struct amoeba_header *h, bool reply, bool bigendian)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->port, p, 6);
	memcpy(h->signature, p + 6, 6);
	h->object = p[12] | p[13] << 8 | p[14] << 16;
	h->rights = p[15];
	memcpy(h->check, p + 16, 6);
	if (reply)
		h->status = (s16)get16(p + 22, bigendian);
	else
		h->command = get16(p + 22, bigendian);
	h->offset = (s32)get32(p + 24, bigendian);
	h->size = get16(p + 28, bigendian);
	h->extra = get16(p + 30, bigendian);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_classic_get);

static const char *const type_names[] = {
	[AMRPC_LOCATE] = "LOCATE", [AMRPC_HEREIS] = "HEREIS", [AMRPC_REQUEST] = "REQUEST",
	[AMRPC_REPLY] = "REPLY", [AMRPC_ACK] = "ACK", [AMRPC_NAK] = "NAK",
	[AMRPC_ENQUIRE] = "ENQUIRE", [AMRPC_ALIVE] = "ALIVE", [AMRPC_RECEIVED] = "RECEIVED",
	[AMRPC_FORWARD] = "FORWARD", [AMRPC_FAIL] = "FAIL",
	[AMRPC_REQUEST_WIDE] = "REQUEST_WIDE", [AMRPC_REPLY_WIDE] = "REPLY_WIDE",
	[AMRPC_MISSING] = "MISSING",
};

const char *amrpc_type_name(u8 type)
{
	if (type >= ARRAY_SIZE(type_names) || !type_names[type])
		return "?";
	return type_names[type];
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_type_name);
