// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the server's machine: what every message meets in every state, and the timer of a
 * reply from the first to the last try. Also built in userland (make coverage).
 */
#include <kunit/test.h>
#include <linux/kernel.h>

#include "rpc_txfsm.h"

static void txfsm_messages(struct kunit *test)
{
	static const struct {
		const char *name;
		bool known;
		enum amrpc_once once;
		bool retrans;
		enum amrpc_tx_do what;
	} requests[] = {
		{ "new", false, AMRPC_ONCE_NEW, false, AMRPC_TX_ACCEPT },
		{ "new, the first copy was lost", false, AMRPC_ONCE_NEW, true, AMRPC_TX_ACCEPT },
		{ "there already", true, AMRPC_ONCE_DONE, false, AMRPC_TX_NOTHING },
		{ "there already, sent again", true, AMRPC_ONCE_DONE, true, AMRPC_TX_ACK },
		{ "executed", false, AMRPC_ONCE_DONE, false, AMRPC_TX_NOTHING },
		{ "executed, sent again", false, AMRPC_ONCE_DONE, true, AMRPC_TX_FAIL },
		{ "refused", false, AMRPC_ONCE_REFUSED, false, AMRPC_TX_NOTHING },
		{ "refused, sent again", false, AMRPC_ONCE_REFUSED, true, AMRPC_TX_NOTHING },
		{ "odd", false, AMRPC_ONCE_ODD, false, AMRPC_TX_NOTHING },
		{ "odd, sent again", false, AMRPC_ONCE_ODD, true, AMRPC_TX_NOTHING },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++)
		KUNIT_EXPECT_EQ_MSG(test, (int)requests[i].what,
				    (int)amrpc_tx_request(requests[i].known, requests[i].once,
							  requests[i].retrans),
				    "REQUEST: %s", requests[i].name);

	KUNIT_EXPECT_EQ(test, (int)AMRPC_TX_ACK, (int)amrpc_tx_received(true, true));
	KUNIT_EXPECT_EQ(test, (int)AMRPC_TX_FAIL, (int)amrpc_tx_received(false, true));
	KUNIT_EXPECT_EQ(test, (int)AMRPC_TX_REFUSE, (int)amrpc_tx_received(false, false));
	KUNIT_EXPECT_EQ(test, (int)AMRPC_TX_ALIVE, (int)amrpc_tx_enquire(true));
	KUNIT_EXPECT_EQ(test, (int)AMRPC_TX_FAIL, (int)amrpc_tx_enquire(false));
}

#define M(t, b)		{ .rtt = 2, .tries = (t), .backs = (b) }
#define NOTHING		{ .what = AMRPC_TX_NOTHING }
#define WAIT(t)		{ .what = AMRPC_TX_WAIT, .ms = (t) }
#define ASK(t, ...)	{ .what = AMRPC_TX_ASK, .ms = (t), __VA_ARGS__ }
#define RESEND(...)	{ .what = AMRPC_TX_RESEND, __VA_ARGS__ }
#define FINISH(...)	{ .what = AMRPC_TX_FINISH, __VA_ARGS__ }
#define REFUSE		{ .what = AMRPC_TX_REFUSE }
#define INVAL		.inval = true
#define LOST		.lost = true
#define IN(what)	AMRPC_TX_IN_##what

struct line {
	const char		*name;
	enum amrpc_tx_state	state;
	bool			closed;
	struct amrpc_txfsm	before;
	enum amrpc_tx_in	in;
	struct amrpc_tx_act	act;
	struct amrpc_txfsm	after;
};

static const struct line lines[] = {
#define LINE(s, name, ...)	{ #s ": " name, AMRPC_TX_##s, false, __VA_ARGS__ }
#define CLOSED(s, name, ...)	{ #s ", closed: " name, AMRPC_TX_##s, true, __VA_ARGS__ }
	/* the reply leaves; sixteen round trips, clamped */
	LINE(SERVING, "reply", M(0, 0), IN(REPLY), WAIT(32), M(10, 0)),
	LINE(SERVING, "reply, rtt 0", { 0 }, IN(REPLY), WAIT(11), { .tries = 10 }),
	LINE(SERVING, "reply, rtt 1", { .rtt = 1 }, IN(REPLY), WAIT(16),
	     { .rtt = 1, .tries = 10 }),
	LINE(SERVING, "reply, rtt 65535", { .rtt = 65535 }, IN(REPLY), WAIT(30000),
	     { .rtt = 65535, .tries = 10 }),
	CLOSED(SERVING, "reply, rtt 65535", { .rtt = 65535 }, IN(REPLY), WAIT(1000),
	       { .rtt = 65535, .tries = 10 }),

	/* the timer */
	LINE(QUEUED, "timer", M(0, 0), IN(TIMER), REFUSE, M(0, 0)),
	LINE(SERVING, "timer", M(0, 0), IN(TIMER), NOTHING, M(0, 0)),
	LINE(REPLIED, "timer, first", M(10, 0), IN(TIMER), ASK(32), M(9, 0)),
	LINE(REPLIED, "timer, not relocated yet", M(6, 1), IN(TIMER), ASK(32), M(5, 1)),
	LINE(REPLIED, "timer, relocated", M(5, 0), IN(TIMER), ASK(32, INVAL), M(4, 0)),
	LINE(REPLIED, "timer, last but one", M(2, 0), IN(TIMER), ASK(32, INVAL), M(1, 0)),
	LINE(REPLIED, "timer, last", M(1, 0), IN(TIMER), FINISH(LOST), M(1, 0)),
	CLOSED(REPLIED, "timer, slow client", { .rtt = 500, .tries = 10 }, IN(TIMER), ASK(1000),
	       { .rtt = 500, .tries = 9 }),
	LINE(DONE, "timer", M(3, 0), IN(TIMER), NOTHING, M(3, 0)),

	/* our kind: twice as long each time, up to a second */
	LINE(REPLIED, "ours: timer, first", { .rtt = 10, .ours = true, .tries = 10 }, IN(TIMER),
	     ASK(320), { .rtt = 10, .ours = true, .tries = 9 }),
	LINE(REPLIED, "ours: timer, third", { .rtt = 10, .ours = true, .tries = 8 }, IN(TIMER),
	     ASK(1000), { .rtt = 10, .ours = true, .tries = 7 }),
	LINE(REPLIED, "ours: timer, far away", { .rtt = 100, .ours = true, .tries = 8 }, IN(TIMER),
	     ASK(1600), { .rtt = 100, .ours = true, .tries = 7 }),
	LINE(SERVING, "ours: reply, rtt 1", { .rtt = 1, .ours = true }, IN(REPLY), WAIT(16),
	     { .rtt = 1, .ours = true, .tries = 10 }),

	/* parts of it were asked for */
	LINE(REPLIED, "parts", M(1, 2), IN(PARTS), WAIT(32), M(10, 2)),
	CLOSED(REPLIED, "parts", { .rtt = 500, .tries = 1 }, IN(PARTS), WAIT(1000),
	       { .rtt = 500, .tries = 10 }),
	LINE(SERVING, "parts", M(0, 0), IN(PARTS), NOTHING, M(0, 0)),
	LINE(DONE, "parts", M(1, 0), IN(PARTS), NOTHING, M(1, 0)),

	/* ACK and NAK */
	LINE(QUEUED, "ACK", M(0, 0), IN(ACK), NOTHING, M(0, 0)),
	LINE(SERVING, "ACK", M(0, 0), IN(ACK), NOTHING, M(0, 0)),
	LINE(REPLIED, "ACK", M(10, 0), IN(ACK), FINISH(), M(10, 0)),
	LINE(DONE, "ACK", M(10, 0), IN(ACK), NOTHING, M(10, 0)),
	LINE(QUEUED, "NAK", M(0, 0), IN(NAK), NOTHING, M(0, 0)),
	LINE(SERVING, "NAK", M(0, 0), IN(NAK), NOTHING, M(0, 0)),
	LINE(REPLIED, "NAK", M(3, 0), IN(NAK), RESEND(), M(3, 0)),
	LINE(DONE, "NAK", M(3, 0), IN(NAK), NOTHING, M(3, 0)),

	/* it came back */
	LINE(REPLIED, "NOTHERE", M(10, 0), IN(NOTHERE), RESEND(INVAL), M(10, 1)),
	LINE(REPLIED, "NOTHERE again", M(10, 1), IN(NOTHERE), RESEND(INVAL), M(10, 2)),
	LINE(REPLIED, "NOTHERE too often", M(10, 2), IN(NOTHERE), FINISH(LOST), M(10, 2)),
	LINE(REPLIED, "NOTHERE, another packet", M(10, 2), IN(NOTHERE_MORE), NOTHING, M(10, 2)),
	LINE(REPLIED, "RECEIVED back", M(9, 0), IN(ASK_BACK), RESEND(INVAL), M(9, 1)),
	LINE(REPLIED, "RECEIVED back too often", M(9, 2), IN(ASK_BACK), FINISH(LOST), M(9, 2)),
	LINE(REPLIED, "ours: NOTHERE", { .rtt = 10, .ours = true, .tries = 10 }, IN(NOTHERE),
	     RESEND(INVAL), { .rtt = 10, .ours = true, .tries = 10, .backs = 1 }),
	LINE(REPLIED, "ours: RECEIVED back", { .rtt = 10, .ours = true, .tries = 9 }, IN(ASK_BACK),
	     ASK(320, INVAL), { .rtt = 10, .ours = true, .tries = 9, .backs = 1 }),
	CLOSED(REPLIED, "ours: RECEIVED back", { .rtt = 500, .ours = true, .tries = 9 },
	       IN(ASK_BACK), ASK(1000, INVAL),
	       { .rtt = 500, .ours = true, .tries = 9, .backs = 1 }),
	LINE(REPLIED, "ours: RECEIVED back too often",
	     { .rtt = 10, .ours = true, .tries = 9, .backs = 2 }, IN(ASK_BACK), FINISH(LOST),
	     { .rtt = 10, .ours = true, .tries = 9, .backs = 2 }),
	LINE(DONE, "RECEIVED back", M(9, 0), IN(ASK_BACK), NOTHING, M(9, 0)),
	LINE(REPLIED, "no way", M(10, 0), IN(LOST), FINISH(LOST), M(10, 0)),
	LINE(DONE, "NOTHERE", M(10, 0), IN(NOTHERE), NOTHING, M(10, 0)),
	LINE(DONE, "no way", M(10, 0), IN(LOST), NOTHING, M(10, 0)),

	/* replied to twice, or never taken: the caller has seen to that */
	LINE(REPLIED, "reply", M(3, 0), IN(REPLY), NOTHING, M(3, 0)),
	LINE(DONE, "reply", M(3, 0), IN(REPLY), NOTHING, M(3, 0)),
	LINE(QUEUED, "reply", M(0, 0), IN(REPLY), NOTHING, M(0, 0)),
};

static void txfsm_transitions(struct kunit *test)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct line *l = &lines[i];
		struct amrpc_txfsm m = l->before;
		struct amrpc_tx_act act = amrpc_txfsm(&m, l->state, l->closed, l->in);

		KUNIT_EXPECT_EQ_MSG(test, (int)l->act.what, (int)act.what, "%s: what", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.inval, act.inval, "%s: inval", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.lost, act.lost, "%s: lost", l->name);
		KUNIT_EXPECT_EQ_MSG(test, l->act.ms, act.ms, "%s: ms", l->name);
		KUNIT_EXPECT_EQ_MSG(test, (int)l->after.rtt, (int)m.rtt, "%s: rtt", l->name);
		KUNIT_EXPECT_EQ_MSG(test, (int)l->after.tries, (int)m.tries, "%s: tries", l->name);
		KUNIT_EXPECT_EQ_MSG(test, (int)l->after.backs, (int)m.backs, "%s: backs", l->name);
	}
}

/* a client that is never heard of again: nine questions, then the end */
static void txfsm_silence(struct kunit *test)
{
	for (int ours = 0; ours <= 1; ours++) {
		struct amrpc_txfsm m = { .rtt = ours ? 10 : 1, .ours = ours };
		struct amrpc_tx_act act = amrpc_txfsm(&m, AMRPC_TX_SERVING, false,
						      AMRPC_TX_IN_REPLY);
		unsigned int asked = 0, inval = 0, ms = 0;

		while (act.what != AMRPC_TX_FINISH && asked < 100) {
			ms += act.ms;
			asked += act.what == AMRPC_TX_ASK;
			inval += act.inval;
			act = amrpc_txfsm(&m, AMRPC_TX_REPLIED, false, AMRPC_TX_IN_TIMER);
		}
		KUNIT_EXPECT_TRUE(test, act.lost);
		KUNIT_EXPECT_EQ(test, 9U, asked);
		KUNIT_EXPECT_EQ(test, 4U, inval);
		KUNIT_EXPECT_EQ(test, ours ? 8120U : 160U, ms);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(txfsm_messages),
	KUNIT_CASE(txfsm_transitions),
	KUNIT_CASE(txfsm_silence),
	{ }
};

static struct kunit_suite suite = {
	.name = "amoeba_rpc_server",
	.test_cases = cases,
};
kunit_test_suite(suite);
