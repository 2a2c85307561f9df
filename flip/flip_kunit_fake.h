/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fake networks for the unit tests of FLIP.
 *
 * Three devices that keep what is sent on them. A step is a frame that comes in on one of them,
 * all frames that must leave for it, byte for byte, the one reason for which a packet may be
 * dropped, and what must be known of addresses afterwards.
 */
#ifndef _FLIP_KUNIT_FAKE_H
#define _FLIP_KUNIT_FAKE_H

#include "flip_int.h"

struct kunit;
struct kunit_suite;

#define FLIP_FAKES	3	/* their weights are 3, 4, 5 */

/* type of a control frame, beside those of packets */
#define FC(type)	(0x80 | FLIP_FC_##type)

/* to whom a frame leaves, beside machines */
#define EVERYONE	0xff	/* broadcast MAC */
#define GROUP		0xfe	/* group MAC of the destination */

/* addresses; ME: an endpoint here, NOBODY: null */
enum { NOBODY, S, T, D, G, ME };

/* a frame: from machine @peer when it comes in, to it when it leaves */
struct sw_pkt {
	u8	net, peer;
	u8	type, flags;
	u16	act, max;
	u8	dst, src;
	u16	count, trusted;		/* of a HEREIS */
	u8	credits;		/* count of the fc header */
	bool	all;			/* comes to the broadcast MAC */
	u16	length;			/* 0: what is usual for the type */
	u32	offset, total;		/* 0: only packet of its message */
};

/* what is known of an address at a machine; no hops: it is not known there */
struct sw_route {
	u8	addr, net, peer;
	u16	hops, count, trusted;
};

struct sw_step {
	struct sw_pkt	in, out[4];
	struct sw_route	routes[2];
	enum flip_stat	drop;		/* counted once, no other drop */
	enum flip_stat	stat;		/* the same of forwarded, repaired, undelivered */
	u8		got;		/* packets delivered here */
	u8		back;		/* returned to an endpoint here, and why */
	bool		again;		/* same message id as in the step before */
};

void flip_fake_up(struct kunit *test, u8 untrusted, bool be);
void flip_fake_down(void);
void flip_fake_step(struct kunit *test, const struct sw_step *step);
void flip_fake_send_part(struct kunit *test, u32 hlen, const struct sw_step *step);
void flip_fake_locate_rate(unsigned int rate);
void flip_fake_second(unsigned int net);

int flip_fake_suite_init(struct kunit_suite *suite);
void flip_fake_suite_exit(struct kunit_suite *suite);
int flip_fake_init(struct kunit *test);
void flip_fake_exit(struct kunit *test);

#endif /* _FLIP_KUNIT_FAKE_H */
