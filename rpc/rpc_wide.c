// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wide transaction header (design 4, 5): the 64 bytes of struct amoeba_header as they stand in
 * the UAPI, integers little-endian whatever the RPC header's byte order flag says.
 *
 * DESIGN NOTES
 *
 * Who gets it? A server that said in its HEREIS that it knows it (AMRPC_KNOWS_WIDE), always, whether
 * the classic header would do or not; nobody else. What it said belongs to the FLIP address found
 * (struct amrpc_loc), goes with that, is copied into the call, and forgotten when the call is
 * forwarded. So a server needs to remember nothing: a REQUEST_WIDE is itself the announcement, and
 * its reply goes as REPLY_WIDE, whatever is in it; that of a REQUEST as REPLY.
 *
 * Always, since a header sent only where the other does not fit would be a path that nobody walks,
 * and the server would have to learn from somewhere else, with every request, whether the reply may
 * be wide. It costs 32 bytes each way.
 *
 * Pure functions: any context.
 */
#include <kunit/visibility.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "rpc_wire.h"

/* the bytes of the wire stand where the UAPI has them */
static_assert(sizeof(struct amoeba_header) == AMRPC_WIDE_HDR);
static_assert(offsetof(struct amoeba_header, object) == 16);
static_assert(offsetof(struct amoeba_header, check) == 24);
static_assert(offsetof(struct amoeba_header, site) == 36);
static_assert(offsetof(struct amoeba_header, offset) == 48);

/* bytes 6 and 7 of port and signature are zero in ABI 1 */
static bool zeros_ok(const u8 *port, const u8 *signature)
{
	return !(port[6] | port[7] | signature[6] | signature[7]);
}

/**
 * amrpc_wide_fits() - can a transaction header be written in its wide form?
 * @h: header
 *
 * Return: 0, or -ERANGE: port or signature is longer than 6 bytes.
 */
int amrpc_wide_fits(const struct amoeba_header *h)
{
	return zeros_ok(h->port, h->signature) ? 0 : -ERANGE;
}

/**
 * amrpc_wide_put() - write a transaction header in its wide form
 * @p: 64 bytes
 * @h: header
 *
 * Return: as amrpc_wide_fits(); nothing is written unless it is 0.
 */
int amrpc_wide_put(u8 *p, const struct amoeba_header *h)
{
	int err = amrpc_wide_fits(h);

	if (err)
		return err;
	memcpy(p, h->port, 8);
	memcpy(p + 8, h->signature, 8);
	put_unaligned_le32(h->object, p + 16);
	put_unaligned_le32(h->rights, p + 20);
	memcpy(p + 24, h->check, 12);
	put_unaligned_le32(h->site, p + 36);
	put_unaligned_le32(h->command, p + 40);
	put_unaligned_le32(h->extra, p + 44);
	put_unaligned_le64(h->offset, p + 48);
	put_unaligned_le64(h->size, p + 56);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_wide_put);

/**
 * amrpc_wide_get() - read a wide transaction header
 * @p: 64 bytes
 * @h: filled, every byte; command and status are one field
 *
 * Return: false when it is malformed: bytes that must be zero are not.
 */
bool amrpc_wide_get(const u8 *p, struct amoeba_header *h)
{
	if (!zeros_ok(p, p + 8))
		return false;
	memcpy(h->port, p, 8);
	memcpy(h->signature, p + 8, 8);
	h->object = get_unaligned_le32(p + 16);
	h->rights = get_unaligned_le32(p + 20);
	memcpy(h->check, p + 24, 12);
	h->site = get_unaligned_le32(p + 36);
	h->command = get_unaligned_le32(p + 40);
	h->extra = get_unaligned_le32(p + 44);
	h->offset = get_unaligned_le64(p + 48);
	h->size = get_unaligned_le64(p + 56);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_wide_get);

/**
 * amrpc_acks_put() - name the transaction a request acknowledges
 * @p: 8 bytes, behind the wide header
 * @tid: transaction
 */
void amrpc_acks_put(u8 *p, u32 tid)
{
	put_unaligned_le64(tid, p);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_acks_put);

/* and which one does it? */
u32 amrpc_acks_get(const u8 *p)
{
	return get_unaligned_le32(p);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_acks_get);

/* ---- either form --------------------------------------------------------------------------- */

/* amrpc_classic_fits(), or amrpc_wide_fits() */
int amrpc_hdr_fits(const struct amoeba_header *h, bool wide, bool reply)
{
	return wide ? amrpc_wide_fits(h) : amrpc_classic_fits(h, reply);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_hdr_fits);

/* amrpc_classic_put(), or amrpc_wide_put() */
int amrpc_hdr_put(u8 *p, const struct amoeba_header *h, bool wide, bool reply)
{
	return wide ? amrpc_wide_put(p, h) : amrpc_classic_put(p, h, reply);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_hdr_put);

/**
 * amrpc_hdr_get() - read the transaction header of a message
 * @p: what follows the RPC header
 * @w: RPC header: a REQUEST or REPLY of either form
 * @h: filled
 *
 * Return: as amrpc_wide_get(); a classic header cannot be malformed.
 */
bool amrpc_hdr_get(const u8 *p, const struct amrpc_wire *w, struct amoeba_header *h)
{
	if (amrpc_is_wide(w->type))
		return amrpc_wide_get(p, h);
	amrpc_classic_get(p, h, amrpc_is_reply(w->type), w->flags & AMRPC_F_BIGENDIAN);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_hdr_get);
