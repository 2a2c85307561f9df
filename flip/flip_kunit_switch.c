// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of the switch: every reaction of facts 1.7, and the credits of 1.9 on the way. */
#include <kunit/test.h>
#include "flip_kunit_fake.h"

#define LOC	FLIP_LOCATE
#define HERE	FLIP_HEREIS
#define UNI	FLIP_UNIDATA
#define MULTI	FLIP_MULTIDATA
#define NOT	FLIP_NOTHERE
#define UNT	FLIP_UNTRUSTED

#define SEC	FLIP_F_SECURITY
#define UNR	FLIP_F_UNREACHABLE
#define UNS	FLIP_F_UNSAFE

struct sw_scenario {
	const char		*name;
	u8			untrusted;	/* networks */
	const struct sw_step	*steps;		/* up to one that has no packet */
};

#define STEPS(...)	((const struct sw_step[]) { __VA_ARGS__, {} })

/* a step: @addr becomes known at a machine, from the answer to a LOCATE of ours */
#define KNOW(net, peer, addr, hops, count, trusted) \
	{ .in = { net, peer, HERE, 0, 0, hops, addr, ME, count, trusted } }

#define DROP(why)	.drop = FLIP_DROP_##why
#define FORWARDED	.stat = FLIP_STAT_FORWARDED
#define REPAIRED	.stat = FLIP_STAT_REPAIRED
#define RETURNED(why)	.stat = FLIP_STAT_UNDELIVERED, .back = FLIP_UNDELIV_R_##why

static const struct sw_scenario sw_unidata[] = {
	{ "known elsewhere: forwarded, source learned", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, UNI, 0, 3, 7, D, S }, { { 1, 1, UNI, 0, 7, 7, D, S } }, FORWARDED,
		  .routes = { { S, 0, 1, 3, 1, 1 }, { D, 1, 1, 4, 1, 1 } } }) },
	{ "budget and fragment are kept", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, UNI, SEC, 6, 25, D, S, .length = 9, .offset = 77, .total = 1000 },
		  { { 1, 1, UNI, SEC, 10, 25, D, S, .length = 9, .offset = 77, .total = 1000 } },
		  FORWARDED, .routes = { { S, 0, 1, 6, 1, 1 } } }) },
	{ "the nearest of several", 0, STEPS(
		KNOW(2, 1, D, 5, 1, 1), KNOW(1, 1, D, 8, 1, 1),
		{ { 0, 1, UNI, 0, 3, 25, D, S }, { { 2, 1, UNI, 0, 8, 25, D, S } }, FORWARDED }) },
	{ "out on an untrusted network: UNSAFE", BIT(1), STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, UNI, 0, 3, 7, D, S }, { { 1, 1, UNI, UNS, 7, 7, D, S } }, FORWARDED,
		  .routes = { { S, 0, 1, 3, 1, 1 } } }) },
	{ "in on an untrusted network: UNSAFE", BIT(0), STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, UNI, 0, 3, 7, D, S }, { { 1, 1, UNI, UNS, 7, 7, D, S } }, FORWARDED,
		  .routes = { { S, 0, 1, 3, 1, 0 } } }) },
	{ "unknown: NOTHERE", 0, STEPS(
		{ { 0, 1, UNI, SEC, 3, 7, D, S }, { { 0, 1, NOT, SEC, 0, 7, D, S } } }) },
	{ "known only where it comes from: NOTHERE", 0, STEPS(
		KNOW(0, 2, D, 3, 1, 1),
		{ { 0, 1, UNI, 0, 6, 25, D, S }, { { 0, 1, NOT, 0, 3, 25, D, S } } }) },
	{ "unknown, anonymous: dropped", 0, STEPS(
		{ { 0, 1, UNI, 0, 3, 7, D, NOBODY }, DROP(NOROUTE) }) },
	{ "unknown, in a frame for all: dropped", 0, STEPS(
		{ { 0, 1, UNI, 0, 3, 7, D, S, .all = true }, DROP(NOROUTE) }) },
	{ "known, anonymous: forwarded, nothing learned", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, UNI, 0, 3, 7, D, NOBODY }, { { 1, 1, UNI, 0, 7, 7, D, NOBODY } },
		  FORWARDED, .routes = { { NOBODY, 0, 1 } } }) },
	{ "too far: dropped", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, UNI, 0, 3, 6, D, S }, DROP(TOOFAR) }) },
	{ "SECURITY, untrusted network: UNTRUSTED", BIT(1), STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, UNI, SEC, 3, 7, D, S }, { { 0, 1, UNT, SEC | UNR, 0, 7, D, S } } }) },
	{ "SECURITY, untrusted behind the network: UNTRUSTED", 0, STEPS(
		KNOW(1, 1, D, 8, 2, 0),
		{ { 0, 1, UNI, SEC, 3, 25, D, S }, { { 0, 1, UNT, SEC | UNR, 0, 25, D, S } } }) },
	{ "SECURITY, only untrusted, anonymous: dropped", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 0),
		{ { 0, 1, UNI, SEC, 3, 7, D, NOBODY }, DROP(NOROUTE) }) },
	{ "SECURITY: a trusted detour", BIT(1), STEPS(
		KNOW(1, 1, D, 4, 1, 1), KNOW(2, 1, D, 6, 2, 1),
		{ { 0, 1, UNI, SEC, 3, 25, D, S }, { { 2, 1, UNI, SEC, 8, 25, D, S } },
		  FORWARDED }) },
	{ "ours", BIT(0), STEPS(
		{ { 0, 1, UNI, SEC, 3, 3, ME, S }, .got = 1,
		  .routes = { { S, 0, 1, 3, 1, 0 } } }) },
	{ "to nobody: dropped", 0, STEPS(
		{ { 0, 1, UNI, 0, 3, 3, NOBODY, S }, DROP(ADDRESS) }) },
	{ "answer on the way learned", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, UNI, 0, 3, 7, D, S }, { { 1, 1, UNI, 0, 7, 7, D, S } }, FORWARDED },
		{ { 1, 1, UNI, 0, 4, 7, S, D }, { { 0, 1, UNI, 0, 7, 7, S, D } }, FORWARDED }) },
};

static const struct sw_scenario sw_locate[] = {
	{ "passed on, source learned", 0, STEPS(
		{ { 0, 1, LOC, 0, 3, 10, D, S },
		  { { 1, EVERYONE, LOC, 0, 7, 10, D, S }, { 2, EVERYONE, LOC, 0, 8, 10, D, S } },
		  .routes = { { S, 0, 1, 3, 1, 1 } } }) },
	{ "passed on within the budget", 0, STEPS(
		{ { 0, 1, LOC, 0, 3, 7, D, S }, { { 1, EVERYONE, LOC, 0, 7, 7, D, S } } }) },
	{ "budget of 26, which no cache answers", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, LOC, 0, 22, 26, D, S }, { { 1, EVERYONE, LOC, 0, 26, 26, D, S } },
		  .routes = { { D, 1, 1 } } }) },
	{ "budget at its end, unknown: nothing", 0, STEPS(
		{ { 0, 1, LOC, 0, 3, 3, D, S }, .routes = { { S, 0, 1, 3, 1, 1 } } }) },
	{ "budget at its end, known: HEREIS", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, LOC, 0, 3, 3, D, S }, { { 0, 1, HERE, 0, 0, 7, D, S, 1, 1 } },
		  .routes = { { D, 1, 1, 4, 1, 1 } } }) },
	{ "HEREIS: all known elsewhere, the farthest", 0, STEPS(
		KNOW(1, 1, D, 4, 2, 1), KNOW(2, 1, D, 9, 3, 3), KNOW(0, 2, D, 3, 9, 9),
		{ { 0, 1, LOC, 0, 3, 3, D, S }, { { 0, 1, HERE, 0, 0, 12, D, S, 5, 4 } } }) },
	{ "known only where it comes from: nothing", 0, STEPS(
		KNOW(0, 2, D, 3, 1, 1),
		{ { 0, 1, LOC, 0, 3, 3, D, S } }) },
	{ "SECURITY: only the trusted count", 0, STEPS(
		KNOW(1, 1, D, 4, 3, 2),
		{ { 0, 1, LOC, SEC, 3, 3, D, S }, { { 0, 1, HERE, SEC, 0, 7, D, S, 2, 2 } } },
		KNOW(1, 1, D, 4, 3, 0),
		{ { 0, 1, LOC, SEC, 3, 3, D, S } }) },
	{ "budget left: known no longer but there", 0, STEPS(
		KNOW(0, 2, D, 3, 1, 1), KNOW(1, 1, D, 4, 1, 1),
		{ { 0, 1, LOC, 0, 3, 7, D, S }, { { 1, EVERYONE, LOC, 0, 7, 7, D, S } },
		  .routes = { { D, 0, 2, 3, 1, 1 }, { D, 1, 1 } } }) },
	{ "ours, budget left: HEREIS, and passed on", 0, STEPS(
		{ { 0, 1, LOC, 0, 3, 7, ME, S },
		  { { 0, 1, HERE, 0, 0, 3, ME, S, 1, 1 },
		    { 1, EVERYONE, LOC, 0, 7, 7, ME, S } } }) },
	{ "ours, and others: HEREIS counts both", 0, STEPS(
		KNOW(1, 1, ME, 4, 3, 2),
		{ { 0, 1, LOC, 0, 3, 3, ME, S }, { { 0, 1, HERE, 0, 0, 7, ME, S, 4, 3 } } }) },
	{ "in on an untrusted network: UNSAFE", BIT(0), STEPS(
		KNOW(1, 1, D, 4, 2, 2),
		{ { 0, 1, LOC, 0, 3, 3, D, S }, { { 0, 1, HERE, UNS, 0, 7, D, S, 2, 0 } },
		  .routes = { { S, 0, 1, 3, 1, 0 } } },
		{ { 0, 1, LOC, 0, 3, 7, D, S }, { { 1, EVERYONE, LOC, UNS, 7, 7, D, S } } }) },
	{ "out on an untrusted network: UNSAFE there", BIT(1), STEPS(
		{ { 0, 1, LOC, SEC, 3, 9, D, S },
		  { { 1, EVERYONE, LOC, SEC | UNS, 7, 9, D, S },
		    { 2, EVERYONE, LOC, SEC, 8, 9, D, S } } }) },
	{ "second copy: dropped, nothing learned", 0, STEPS(
		{ { 0, 1, LOC, 0, 3, 7, D, S }, { { 1, EVERYONE, LOC, 0, 7, 7, D, S } } },
		{ { 2, 1, LOC, 0, 5, 12, D, S }, DROP(LOOP), .again = true,
		  .routes = { { S, 0, 1, 3, 1, 1 }, { S, 2, 1 } } },
		{ { 2, 1, LOC, 0, 5, 8, D, S }, { { 0, EVERYONE, LOC, 0, 8, 8, D, S } } }) },
	{ "source has moved: known nowhere else", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(1, 1, S, 4, 1, 1),
		{ { 1, 2, LOC, 0, 8, 8, D, S },
		  .routes = { { S, 0, 1 }, { S, 1, 2, 8, 1, 1 } } },
		{ { 1, 2, LOC, 0, 8, 8, D, S },
		  .routes = { { S, 1, 1 }, { S, 1, 2, 8, 1, 1 } } }) },
	{ "of or for nobody: dropped", 0, STEPS(
		{ { 0, 1, LOC, 0, 3, 7, D, NOBODY }, DROP(ADDRESS) },
		{ { 0, 1, LOC, 0, 3, 7, NOBODY, S }, DROP(ADDRESS), .routes = { { S, 0, 1 } } }) },
};

static const struct sw_scenario sw_hereis[] = {
	{ "learned, and back", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, 0, 3, 11, D, S, 2, 1 }, { { 0, 1, HERE, 0, 0, 11, D, S, 2, 1 } },
		  FORWARDED, .routes = { { D, 1, 1, 8, 2, 1 } } }) },
	{ "counts: all that are behind us from there", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(2, 1, D, 5, 2, 2), KNOW(1, 2, D, 4, 4, 0),
		KNOW(0, 2, D, 3, 8, 8),
		{ { 1, 1, HERE, 0, 3, 7, D, S, 1, 1 }, { { 0, 1, HERE, 0, 0, 7, D, S, 7, 3 } },
		  FORWARDED }) },
	{ "counts: ours too", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, 0, 3, 7, ME, S, 2, 1 }, { { 0, 1, HERE, 0, 0, 7, ME, S, 3, 2 } },
		  FORWARDED }) },
	{ "UNSAFE: none is trusted", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, UNS, 3, 7, D, S, 2, 2 }, { { 0, 1, HERE, UNS, 0, 7, D, S, 2, 0 } },
		  FORWARDED, .routes = { { D, 1, 1, 4, 2, 0 } } }) },
	{ "in on an untrusted network: UNSAFE", BIT(1), STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, 0, 3, 7, D, S, 2, 2 }, { { 0, 1, HERE, UNS, 0, 7, D, S, 2, 0 } },
		  FORWARDED, .routes = { { D, 1, 1, 4, 2, 0 } } }) },
	{ "back on an untrusted network: UNSAFE", BIT(0), STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, 0, 3, 7, D, S, 2, 2 }, { { 0, 1, HERE, UNS, 0, 7, D, S, 2, 2 } },
		  FORWARDED, .routes = { { D, 1, 1, 4, 2, 2 } } }) },
	{ "for us: learned", 0, STEPS(
		{ { 1, 1, HERE, 0, 0, 4, D, ME, 0xfedc, 0x1234 },
		  .routes = { { D, 1, 1, 4, 0xfedc, 0x1234 } } }) },
	{ "bad counts: dropped", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, 0, 3, 7, D, S, 0, 0 }, DROP(HEREIS) },
		{ { 1, 1, HERE, 0, 3, 7, D, S, 0x0100, 0x0101 }, DROP(HEREIS),
		  .routes = { { D, 1, 1 } } }) },
	{ "bad body: dropped", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, 0, 3, 7, D, S, 1, 1, .length = 3 }, DROP(HEREIS) },
		{ { 1, 1, HERE, 0, 3, 7, D, S, 1, 1, .length = 5 }, DROP(HEREIS),
		  .routes = { { D, 1, 1 } } }) },
	{ "no distance: dropped", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, 0, 7, 7, D, S, 1, 1 }, DROP(HEREIS), .routes = { { D, 1, 1 } } }) },
	{ "who asked is unknown: learned, dropped", 0, STEPS(
		{ { 1, 1, HERE, 0, 3, 7, D, S, 1, 1 }, DROP(NOROUTE),
		  .routes = { { D, 1, 1, 4, 1, 1 } } }) },
	{ "who asked is known only there: dropped", 0, STEPS(
		KNOW(1, 2, S, 4, 1, 1),
		{ { 1, 1, HERE, 0, 3, 7, D, S, 1, 1 }, DROP(NOROUTE) }) },
	{ "fewer hops left than the way back takes: dropped", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, HERE, 0, 2, 7, D, S, 1, 1 }, DROP(HOPS) }) },
	{ "of or for nobody: dropped", 0, STEPS(
		{ { 1, 1, HERE, 0, 3, 7, D, NOBODY, 1, 1 }, DROP(ADDRESS),
		  .routes = { { D, 1, 1 } } },
		{ { 1, 1, HERE, 0, 3, 7, NOBODY, S, 1, 1 }, DROP(ADDRESS) }) },
};

static const struct sw_scenario sw_multidata[] = {
	{ "broadcast: delivered, passed on, source learned", 0, STEPS(
		{ { 0, 1, MULTI, 0, 3, 25, NOBODY, S }, .got = 1, FORWARDED,
		  .out = { { 1, EVERYONE, MULTI, 0, 7, 25, NOBODY, S },
			   { 2, EVERYONE, MULTI, 0, 8, 25, NOBODY, S } },
		  .routes = { { S, 0, 1, 3, 1, 1 } } }) },
	{ "broadcast within the budget", 0, STEPS(
		{ { 0, 1, MULTI, 0, 3, 7, NOBODY, S }, .got = 1, FORWARDED,
		  .out = { { 1, EVERYONE, MULTI, 0, 7, 7, NOBODY, S } } }) },
	{ "broadcast, second copy: dropped, nothing learned", 0, STEPS(
		{ { 0, 1, MULTI, 0, 3, 7, NOBODY, S }, .got = 1, FORWARDED,
		  .out = { { 1, EVERYONE, MULTI, 0, 7, 7, NOBODY, S } } },
		{ { 1, 2, MULTI, 0, 7, 7, NOBODY, S }, DROP(LOOP), .again = true,
		  .routes = { { S, 0, 1, 3, 1, 1 }, { S, 1, 2 } } }) },
	{ "broadcast, source has moved: known nowhere else", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, MULTI, 0, 4, 4, NOBODY, S }, .got = 1, FORWARDED,
		  .routes = { { S, 0, 1 }, { S, 1, 1, 4, 1, 1 } } }) },
	{ "broadcast, untrusted networks: UNSAFE", BIT(0) | BIT(2), STEPS(
		{ { 1, 1, MULTI, 0, 4, 25, NOBODY, S }, .got = 1, FORWARDED,
		  .out = { { 0, EVERYONE, MULTI, UNS, 7, 25, NOBODY, S },
			   { 2, EVERYONE, MULTI, UNS, 9, 25, NOBODY, S } } },
		{ { 2, 1, MULTI, 0, 5, 9, NOBODY, T }, .got = 1, FORWARDED,
		  .out = { { 0, EVERYONE, MULTI, UNS, 8, 9, NOBODY, T },
			   { 1, EVERYONE, MULTI, UNS, 9, 9, NOBODY, T } },
		  .routes = { { T, 2, 1, 5, 1, 0 } } }) },
	{ "broadcast, SECURITY: only over trusted networks", BIT(1), STEPS(
		{ { 0, 1, MULTI, SEC, 3, 25, NOBODY, S }, .got = 1, FORWARDED,
		  .out = { { 2, EVERYONE, MULTI, SEC, 8, 25, NOBODY, S } } }) },
	{ "group: a copy to each place but where it came from", 0, STEPS(
		KNOW(0, 2, G, 3, 1, 1), KNOW(1, 1, G, 4, 1, 1), KNOW(2, 1, G, 9, 1, 1),
		{ { 0, 1, MULTI, 0, 3, 25, G, S }, FORWARDED,
		  .out = { { 1, 1, MULTI, 0, 7, 25, G, S }, { 2, 1, MULTI, 0, 8, 25, G, S } },
		  .routes = { { S, 0, 1, 3, 1, 1 } } }) },
	{ "group, later fragment: passed on, nothing learned", 0, STEPS(
		KNOW(1, 1, G, 4, 1, 1),
		{ { 0, 1, MULTI, 0, 3, 7, G, S, .offset = 1458, .total = 2000 }, FORWARDED,
		  .out = { { 1, 1, MULTI, 0, 7, 7, G, S, .offset = 1458, .total = 2000 } },
		  .routes = { { S, 0, 1 } } }) },
	{ "group, source learned: known elsewhere still", 0, STEPS(
		KNOW(2, 2, S, 5, 1, 1), KNOW(1, 1, G, 4, 1, 1),
		{ { 0, 1, MULTI, 0, 3, 7, G, S }, { { 1, 1, MULTI, 0, 7, 7, G, S } }, FORWARDED,
		  .routes = { { S, 0, 1, 3, 1, 1 }, { S, 2, 2, 5, 1, 1 } } }) },
	{ "group, several on a network: asked to take a group MAC", 0, STEPS(
		KNOW(1, 1, G, 4, 1, 1), KNOW(1, 2, G, 4, 1, 1),
		{ { 0, 1, MULTI, 0, 3, 7, G, S }, FORWARDED,
		  .out = { { 1, 2, FC(MCREQ), .dst = G }, { 1, 2, MULTI, 0, 7, 7, G, S },
			   { 1, 1, FC(MCREQ), .dst = G }, { 1, 1, MULTI, 0, 7, 7, G, S } } },
		{ { 1, 1, FC(MCACK), .dst = G } },
		{ { 1, 2, FC(MCNAK), .dst = G } },
		{ { 0, 1, MULTI, 0, 3, 7, G, S }, FORWARDED,
		  .out = { { 1, GROUP, MULTI, 0, 7, 7, G, S },
			   { 1, 2, MULTI, 0, 7, 7, G, S } } }) },
	{ "group within the budget", 0, STEPS(
		KNOW(1, 1, G, 4, 1, 1), KNOW(2, 1, G, 5, 1, 1),
		{ { 0, 1, MULTI, 0, 3, 7, G, S }, { { 1, 1, MULTI, 0, 7, 7, G, S } },
		  FORWARDED }) },
	{ "group, untrusted network: UNSAFE, not for SECURITY", BIT(1), STEPS(
		KNOW(1, 1, G, 4, 1, 1), KNOW(2, 1, G, 5, 1, 1),
		{ { 0, 1, MULTI, 0, 3, 25, G, S }, FORWARDED,
		  .out = { { 1, 1, MULTI, UNS, 7, 25, G, S }, { 2, 1, MULTI, 0, 8, 25, G, S } } },
		{ { 0, 1, MULTI, SEC, 3, 25, G, S }, { { 2, 1, MULTI, SEC, 8, 25, G, S } },
		  FORWARDED }) },
	{ "group, ours and others", 0, STEPS(
		KNOW(1, 1, ME, 4, 1, 1),
		{ { 0, 1, MULTI, SEC, 3, 7, ME, S }, { { 1, 1, MULTI, SEC, 7, 7, ME, S } },
		  FORWARDED, .got = 1 }) },
	{ "group, ours alone", 0, STEPS(
		{ { 0, 1, MULTI, 0, 3, 7, ME, S }, .got = 1 }) },
	{ "group, unknown: dropped, no bounce", 0, STEPS(
		{ { 0, 1, MULTI, 0, 3, 7, G, S }, DROP(NOROUTE),
		  .routes = { { S, 0, 1, 3, 1, 1 } } }) },
};

static const struct sw_scenario sw_nothere[] = {
	{ "known there no longer; over another network", 0, STEPS(
		KNOW(2, 1, D, 5, 1, 1), KNOW(1, 1, D, 4, 1, 1),
		{ { 1, 1, NOT, UNR, 3, 8, D, S }, { { 2, 1, UNI, 0, 8, 8, D, S } }, REPAIRED,
		  .routes = { { D, 1, 1 }, { D, 2, 1, 5, 1, 1 } } }) },
	{ "no other: back", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(1, 1, D, 4, 1, 1),
		{ { 1, 1, NOT, SEC, 3, 7, D, S, .length = 9, .offset = 7, .total = 99 }, FORWARDED,
		  .out = { { 0, 1, NOT, SEC, 0, 7, D, S, .length = 9, .offset = 7, .total = 99 } },
		  .routes = { { D, 1, 1 } } }) },
	{ "another on the same network: back, that one stays", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(1, 1, D, 4, 1, 1), KNOW(1, 2, D, 4, 1, 1),
		{ { 1, 1, NOT, 0, 3, 7, D, S }, { { 0, 1, NOT, 0, 0, 7, D, S } }, FORWARDED,
		  .routes = { { D, 1, 1 }, { D, 1, 2, 4, 1, 1 } } }) },
	{ "another is too far: back", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(2, 1, D, 5, 1, 1),
		{ { 1, 1, NOT, 0, 3, 7, D, S }, { { 0, 1, NOT, 0, 0, 7, D, S } }, FORWARDED }) },
	{ "another is not for SECURITY: back", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(2, 1, D, 5, 1, 0),
		{ { 1, 1, NOT, SEC, 3, 25, D, S }, { { 0, 1, NOT, SEC, 0, 25, D, S } },
		  FORWARDED }) },
	{ "another on an untrusted network: UNSAFE", BIT(2), STEPS(
		KNOW(2, 1, D, 5, 1, 1),
		{ { 1, 1, NOT, 0, 3, 25, D, S }, { { 2, 1, UNI, UNS, 8, 25, D, S } }, REPAIRED }) },
	{ "SECURITY, no trusted way back: dropped", BIT(0), STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, NOT, SEC, 3, 25, D, S }, DROP(UNSAFE) }) },
	{ "ours: returned", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 1, 1, NOT, 0, 0, 4, D, ME }, RETURNED(NOTHERE), .routes = { { D, 1, 1 } } }) },
	{ "ours: over another network", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1), KNOW(2, 1, D, 5, 1, 1),
		{ { 1, 1, NOT, 0, 0, 25, D, ME }, { { 2, 1, UNI, 0, 5, 25, D, ME } }, REPAIRED }) },
	{ "no way back: dropped", 0, STEPS(
		{ { 1, 1, NOT, 0, 3, 7, D, NOBODY }, DROP(NOROUTE) },
		{ { 1, 1, NOT, 0, 3, 7, D, S }, DROP(NOROUTE), .routes = { { S, 1, 1 } } },
		KNOW(1, 2, S, 4, 1, 1),
		{ { 1, 1, NOT, 0, 3, 7, D, S }, DROP(NOROUTE) }) },
	{ "fewer hops left than the way back takes: dropped", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, NOT, 0, 2, 7, D, S }, DROP(HOPS) }) },
	{ "about nobody: dropped", 0, STEPS(
		{ { 1, 1, NOT, 0, 3, 7, NOBODY, S }, DROP(ADDRESS) }) },
};

static const struct sw_scenario sw_untrusted[] = {
	{ "untrusted from now on; a trusted alternative", 0, STEPS(
		KNOW(2, 1, D, 5, 1, 1), KNOW(1, 1, D, 4, 1, 1),
		{ { 1, 1, UNT, SEC | UNR, 3, 25, D, S }, { { 2, 1, UNI, SEC, 8, 25, D, S } },
		  REPAIRED, .routes = { { D, 1, 1, 4, 1, 0 }, { D, 2, 1, 5, 1, 1 } } }) },
	{ "no alternative: back", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(1, 1, D, 4, 2, 2),
		{ { 1, 1, UNT, SEC | UNR, 3, 25, D, S }, { { 0, 1, UNT, SEC | UNR, 0, 25, D, S } },
		  FORWARDED, .routes = { { D, 1, 1, 4, 2, 0 } } }) },
	{ "the alternative is untrusted: back", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(1, 1, D, 4, 1, 1), KNOW(2, 1, D, 5, 1, 0),
		{ { 1, 1, UNT, SEC | UNR, 3, 25, D, S }, { { 0, 1, UNT, SEC | UNR, 0, 25, D, S } },
		  FORWARDED }) },
	{ "the alternative is too far: back", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1), KNOW(1, 1, D, 4, 1, 1), KNOW(2, 1, D, 5, 1, 1),
		{ { 1, 1, UNT, SEC | UNR, 3, 7, D, S }, { { 0, 1, UNT, SEC | UNR, 0, 7, D, S } },
		  FORWARDED }) },
	{ "unknown there: learned, untrusted", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, UNT, SEC | UNR, 3, 11, D, S }, { { 0, 1, UNT, SEC | UNR, 0, 11, D, S } },
		  FORWARDED, .routes = { { D, 1, 1, 8, 1, 0 } } }) },
	{ "no trusted way back: dropped", 0, STEPS(
		KNOW(0, 1, S, 3, 1, 0),
		{ { 1, 1, UNT, SEC | UNR, 3, 25, D, S }, DROP(UNSAFE) }) },
	{ "back only on an untrusted network: dropped", BIT(0), STEPS(
		KNOW(0, 1, S, 3, 1, 1),
		{ { 1, 1, UNT, SEC | UNR, 3, 25, D, S }, DROP(UNSAFE) }) },
	{ "no way back: dropped", 0, STEPS(
		{ { 1, 1, UNT, SEC | UNR, 3, 7, D, NOBODY }, DROP(NOROUTE) },
		{ { 1, 1, UNT, SEC | UNR, 3, 7, D, S }, DROP(NOROUTE) }) },
	{ "ours: returned", 0, STEPS(
		KNOW(1, 1, D, 4, 1, 1),
		{ { 1, 1, UNT, SEC | UNR, 0, 4, D, ME }, RETURNED(UNTRUSTED),
		  .routes = { { D, 1, 1, 4, 1, 0 } } }) },
	{ "about nobody: dropped", 0, STEPS(
		{ { 1, 1, UNT, SEC | UNR, 3, 7, NOBODY, S }, DROP(ADDRESS) }) },
};

/* ---- cases ------------------------------------------------------------------------------ */

static void sw_play(struct kunit *test)
{
	const struct sw_scenario *s = test->param_value;
	const struct sw_step *step;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		flip_fake_up(test, s->untrusted, i);
		for (step = s->steps; step->in.type; step++)
			flip_fake_step(test, step);
		flip_fake_down();
	}
}

static void sw_describe(const struct sw_scenario *s, char *desc)
{
	strscpy(desc, s->name, KUNIT_PARAM_DESC_SIZE);
}

#define SW_CASE(type)							\
	KUNIT_ARRAY_PARAM(sw_##type, sw_##type, sw_describe)		\
	static void sw_on_##type(struct kunit *test)			\
	{								\
		sw_play(test);						\
	}

SW_CASE(unidata)
SW_CASE(locate)
SW_CASE(hereis)
SW_CASE(multidata)
SW_CASE(nothere)
SW_CASE(untrusted)

/* actual above maximum, and a maximum above 25, of a LOCATE 26 */
static void sw_hops(struct kunit *test)
{
	struct sw_step step = { .in = { 0, 1, .dst = ME, .src = S, .count = 1 }, DROP(HOPS) };
	struct sw_pkt *in = &step.in;

	flip_fake_up(test, 0, false);
	for (in->type = LOC; in->type <= UNT; in->type++) {
		in->act = 4;
		in->max = 3;
		flip_fake_step(test, &step);
		in->max = in->type == LOC ? 27 : 26;
		flip_fake_step(test, &step);
	}
}

/* facts 1.5: so many LOCATEs per second from one network; what is above is not learned from */
static void sw_locate_rate(struct kunit *test)
{
	static const struct sw_step ok = { { 0, 1, LOC, 0, 3, 3, D, S } };
	static const struct sw_step over = { { 0, 1, LOC, 0, 3, 3, D, T }, DROP(LOCATE_RATE),
					     .routes = { { T, 0, 1 } } };
	static const struct sw_step other = { { 1, 1, LOC, 0, 4, 4, D, S } };
	unsigned int i;

	flip_fake_up(test, 0, false);
	flip_fake_locate_rate(3);
	for (i = 0; i < 3; i++)
		flip_fake_step(test, &ok);
	flip_fake_step(test, &over);
	flip_fake_step(test, &other);
	flip_fake_second(0);
	flip_fake_step(test, &ok);
}

/* a router runs credits on each side: eight out, six given back, the ninth waits for one */
static void sw_credits(struct kunit *test)
{
	static const struct sw_step know = KNOW(1, 1, D, 4, 1, 1);
	struct sw_step step = {
		{ 0, 1, UNI, 0, 3, 7, D, S, .length = 1458, .total = 10 * 1458 }, FORWARDED,
		.out = { { 1, 1, UNI, 0, 7, 7, D, S, .length = 1458, .total = 10 * 1458 } },
	};
	static const struct sw_step ask = {
		{ 0, 1, FC(REQCREDIT) }, { { 0, 1, FC(ABSCREDIT), .credits = 7 } }, .again = true,
	};
	struct sw_step give = { { 1, 1, FC(CREDIT), .credits = 1 }, .again = true };
	static const struct sw_step answer = {
		{ 1, 1, UNI, 0, 4, 7, S, D, .length = 9, .total = 2000 },
		{ { 0, 1, UNI, 0, 7, 7, S, D, .length = 9, .total = 2000, .credits = 1 } },
		FORWARDED,
	};
	unsigned int i;

	flip_fake_up(test, 0, false);
	flip_fake_step(test, &know);
	/* what was sent from another processor would leave from there */
	migrate_disable();
	for (i = 0; i < 9; i++) {
		step.in.offset = i * 1458;
		step.out[0].offset = i * 1458;
		step.out[1] = i == 5 ? (struct sw_pkt){ 0, 1, FC(CREDIT), .credits = 6 } :
			(struct sw_pkt){};
		if (i == 8) {
			give.out[0] = step.out[0];
			step.out[0] = (struct sw_pkt){};
		}
		flip_fake_step(test, &step);
		step.again = true;
	}
	/* it is held here; all that is not may be sent, and nothing of it is owed any more */
	flip_fake_step(test, &ask);
	flip_fake_step(test, &give);
	flip_fake_step(test, &answer);
	migrate_enable();
}

/* parts of a message of our own that was sent before, wherever its header ends */
static void sw_parts(struct kunit *test)
{
	static const struct sw_step know = KNOW(1, 1, D, 4, 1, 1);
	static const struct { u32 from, to, total; } parts[] = {
		{ 0, 1, 2000 }, { 0, 87, 2000 }, { 0, 88, 2000 }, { 10, 20, 2000 },
		{ 40, 200, 2000 }, { 87, 88, 2000 }, { 88, 89, 2000 }, { 1999, 2000, 2000 },
		{ 0, 1, 200 }, { 10, 20, 200 }, { 80, 90, 200 }, { 100, 200, 200 },
	};
	struct sw_step give = { { 1, 1, FC(CREDIT), .credits = 1 } };
	struct sw_step step = { .out = { { 1, 1, UNI, 0, 4, 4, D, ME } } };

	flip_fake_up(test, 0, false);
	flip_fake_step(test, &know);
	migrate_disable();
	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
		step.out[0].offset = parts[i].from;
		step.out[0].length = parts[i].to - parts[i].from;
		step.out[0].total = parts[i].total;
		flip_fake_send_part(test, 88, &step);
		if (parts[i].total > 1458)
			flip_fake_step(test, &give);
	}
	migrate_enable();
}

static struct kunit_case sw_cases[] = {
	KUNIT_CASE(sw_hops),
	KUNIT_CASE_PARAM(sw_on_unidata, sw_unidata_gen_params),
	KUNIT_CASE_PARAM(sw_on_locate, sw_locate_gen_params),
	KUNIT_CASE_PARAM(sw_on_hereis, sw_hereis_gen_params),
	KUNIT_CASE_PARAM(sw_on_multidata, sw_multidata_gen_params),
	KUNIT_CASE_PARAM(sw_on_nothere, sw_nothere_gen_params),
	KUNIT_CASE_PARAM(sw_on_untrusted, sw_untrusted_gen_params),
	KUNIT_CASE(sw_locate_rate),
	KUNIT_CASE(sw_credits),
	KUNIT_CASE(sw_parts),
	{}
};

static struct kunit_suite sw_suite = {
	.name		= "flip_switch",
	.suite_init	= flip_fake_suite_init,
	.suite_exit	= flip_fake_suite_exit,
	.init		= flip_fake_init,
	.exit		= flip_fake_exit,
	.test_cases	= sw_cases,
};
kunit_test_suite(sw_suite);
