/* SPDX-License-Identifier: GPL-2.0-only */
/* The RPC header (24 bytes) and the classic transaction header (32 bytes): facts 3.1, 3.2. */
#ifndef _AMRPC_WIRE_H
#define _AMRPC_WIRE_H

#include <linux/string.h>
#include <linux/types.h>
#include <linux/amoeba.h>

#define AMRPC_HDR		24	/* bytes of the RPC header */
#define AMRPC_TYPE_AT		14	/* where in it the type stands */
#define AMRPC_CLASSIC_HDR	32	/* bytes of the classic transaction header */
#define AMRPC_MSG_HDR		(AMRPC_HDR + AMRPC_CLASSIC_HDR)	/* before the data */
#define AMRPC_WIDE_HDR		64	/* bytes of the wide transaction header */
#define AMRPC_ACKS_LEN		8	/* behind the wide header of a REQUEST with AMRPC_F_ACKS */
#define AMRPC_MSG_HDR_MAX	(AMRPC_HDR + AMRPC_WIDE_HDR + AMRPC_ACKS_LEN)

enum amrpc_type {
	AMRPC_LOCATE	= 1,
	AMRPC_HEREIS	= 2,
	AMRPC_REQUEST	= 3,
	AMRPC_REPLY	= 4,
	AMRPC_ACK	= 5,
	AMRPC_NAK	= 6,
	AMRPC_ENQUIRE	= 7,
	AMRPC_ALIVE	= 8,
	AMRPC_RECEIVED	= 9,
	AMRPC_FORWARD	= 10,
	AMRPC_FAIL	= 11,
	/* towards our kind only: those of originals end well below */
	AMRPC_REQUEST_WIDE = 32,
	AMRPC_REPLY_WIDE   = 33,
	AMRPC_MISSING	   = 34,
};

#define AMRPC_F_BIGENDIAN	0x01
#define AMRPC_F_RETRANS		0x02
#define AMRPC_F_REQUEST		0x04
#define AMRPC_F_REPLY		0x08
#define AMRPC_F_SIGTRANS	0x10
/*
 * REQUEST_WIDE: behind the wide header is the tid of a transaction of the same two addresses whose
 * reply has arrived (4 bytes, little-endian; 4 more are zero, and ignored). Means nothing elsewhere.
 */
#define AMRPC_F_ACKS		0x20
/*
 * LOCATE, and HEREIS in answer to one that has it: the sender is our kind. Originals write the byte
 * whole and test only the bits above (design: wire).
 */
#define AMRPC_F_OURS		0x80

/*
 * The kid field, the first of the header, of a LOCATE or HEREIS with AMRPC_F_OURS: bytes 0 to 3,
 * little-endian, the payload the sender takes in a packet of the network it leaves by, filled in there
 * (struct flip_send); byte 4 what it knows (0 from versions that say nothing); the rest
 * is zero, and ignored.
 */
#define AMRPC_PAYLOAD		0
#define AMRPC_KNOWS		4
#define AMRPC_KNOWS_WIDE	0x01	/* REQUEST_WIDE, REPLY_WIDE */
#define AMRPC_KNOWS_MISSING	0x02	/* MISSING: it sends parts of those again */
#define AMRPC_KNOWS_ACKS	0x04	/* AMRPC_F_ACKS, and that an ACK may come later */
#define AMRPC_KNOWS_ALL		(AMRPC_KNOWS_WIDE | AMRPC_KNOWS_MISSING | AMRPC_KNOWS_ACKS)

/**
 * struct amrpc_wire - an RPC header in host byte order
 * @kid: kernel id, wire bytes loaded as they stand; set in REQUEST and RECEIVED
 * @port: port in key form (amrpc_port_key()); set in LOCATE, HEREIS, REQUEST
 * @tid: transaction id; LOCATE, HEREIS: the locating client's clock, ms; MISSING: a FLIP message id
 * @dest: thread index at the receiver; REQUEST: client's round trip, ms
 * @from: thread index at the sender
 * @type: enum amrpc_type
 * @flags: AMRPC_F_*
 */
struct amrpc_wire {
	u64	kid;
	u64	port;
	u32	tid;
	u16	dest;
	u16	from;
	u8	type;
	u8	flags;
};

/* six port bytes as a number: a hash key, not arithmetic. Bytes 6 and 7 are zero. */
static inline u64 amrpc_port_key(const u8 *port)
{
	u64 v = 0;

	memcpy(&v, port, AMOEBA_PORT_SIZE);
	return v;
}

static inline void amrpc_port_bytes(u64 key, u8 *port)
{
	memcpy(port, &key, AMOEBA_PORT_SIZE);
}

void amrpc_wire_put(u8 *p, const struct amrpc_wire *w);
void amrpc_wire_get(const u8 *p, struct amrpc_wire *w);
static inline bool amrpc_is_wide(u8 type)
{
	return type == AMRPC_REQUEST_WIDE || type == AMRPC_REPLY_WIDE;
}

static inline bool amrpc_is_request(u8 type)
{
	return type == AMRPC_REQUEST || type == AMRPC_REQUEST_WIDE;
}

static inline bool amrpc_is_reply(u8 type)
{
	return type == AMRPC_REPLY || type == AMRPC_REPLY_WIDE;
}

/* bytes in front of the data */
static inline unsigned int amrpc_msg_hdr(bool wide)
{
	return wide ? AMRPC_HDR + AMRPC_WIDE_HDR : AMRPC_MSG_HDR;
}

/* does the message acknowledge another one? */
static inline bool amrpc_has_acks(const struct amrpc_wire *w)
{
	return w->type == AMRPC_REQUEST_WIDE && w->flags & AMRPC_F_ACKS;
}

/* the same of a message that has come */
static inline unsigned int amrpc_hdr_len(const struct amrpc_wire *w)
{
	return amrpc_msg_hdr(amrpc_is_wide(w->type)) + (amrpc_has_acks(w) ? AMRPC_ACKS_LEN : 0);
}

int amrpc_classic_fits(const struct amoeba_header *h, bool reply);
int amrpc_classic_put(u8 *p, const struct amoeba_header *h, bool reply);
void amrpc_classic_get(const u8 *p, struct amoeba_header *h, bool reply, bool bigendian);
int amrpc_wide_fits(const struct amoeba_header *h);
int amrpc_wide_put(u8 *p, const struct amoeba_header *h);
bool amrpc_wide_get(const u8 *p, struct amoeba_header *h);
int amrpc_hdr_fits(const struct amoeba_header *h, bool wide, bool reply);
int amrpc_hdr_put(u8 *p, const struct amoeba_header *h, bool wide, bool reply);
void amrpc_acks_put(u8 *p, u32 tid);
u32 amrpc_acks_get(const u8 *p);
bool amrpc_hdr_get(const u8 *p, const struct amrpc_wire *w, struct amoeba_header *h);
const char *amrpc_type_name(u8 type);

#endif /* _AMRPC_WIRE_H */
