// SPDX-License-Identifier: GPL-2.0-only
/* The server's machine; see rpc_txfsm.h. */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/minmax.h>

#include "rpc_txfsm.h"

/**
 * amrpc_tx_request() - a whole REQUEST has arrived
 * @known: its transaction is there
 * @once: if not, what the window says of it
 * @retrans: AMRPC_F_RETRANS
 *
 * Return: ACCEPT; ACK, FAIL; or NOTHING: it is dropped.
 */
enum amrpc_tx_do amrpc_tx_request(bool known, enum amrpc_once once, bool retrans)
{
	if (known)
		return retrans ? AMRPC_TX_ACK : AMRPC_TX_NOTHING;
	switch (once) {
	case AMRPC_ONCE_NEW:
		return AMRPC_TX_ACCEPT;
	case AMRPC_ONCE_DONE:
		return retrans ? AMRPC_TX_FAIL : AMRPC_TX_NOTHING;
	case AMRPC_ONCE_REFUSED:
	case AMRPC_ONCE_ODD:
		break;
	}
	return AMRPC_TX_NOTHING;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_tx_request);

/**
 * amrpc_tx_received() - has my request arrived?
 * @known: its transaction is there
 * @executed: it was
 *
 * Return: ACK, FAIL or REFUSE.
 */
enum amrpc_tx_do amrpc_tx_received(bool known, bool executed)
{
	if (known)
		return AMRPC_TX_ACK;
	return executed ? AMRPC_TX_FAIL : AMRPC_TX_REFUSE;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_tx_received);

/**
 * amrpc_tx_enquire() - is it still being executed?
 * @known: its transaction is there
 *
 * Return: ALIVE or FAIL.
 */
enum amrpc_tx_do amrpc_tx_enquire(bool known)
{
	return known ? AMRPC_TX_ALIVE : AMRPC_TX_FAIL;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_tx_enquire);

/* until the client is asked, or asked again: @asked questions have been */
static unsigned int reply_ms(const struct amrpc_txfsm *m, bool closed, unsigned int asked)
{
	unsigned int ms = 16U * m->rtt;

	if (m->ours && ms < AMRPC_REPLY_OURS)
		ms = min_t(unsigned int, ms << asked, AMRPC_REPLY_OURS);
	return clamp_t(unsigned int, ms, AMRPC_REPLY_MIN,
		       closed ? AMRPC_LINGER_MS : AMRPC_REPLY_MAX);
}

static struct amrpc_tx_act finish(bool lost)
{
	return (struct amrpc_tx_act){ .what = AMRPC_TX_FINISH, .lost = lost };
}

/* no ACK yet */
static struct amrpc_tx_act ask(struct amrpc_txfsm *m, bool closed)
{
	struct amrpc_tx_act act = { .what = AMRPC_TX_ASK };

	if (m->tries <= 1)
		return finish(true);
	m->tries--;
	act.ms = reply_ms(m, closed, AMRPC_TRIES - m->tries);
	act.inval = m->tries < AMRPC_TRIES_INVAL;
	return act;
}

/*
 * From a router that forgot the way: once more with a forced relocation. From a machine where the
 * client has ended: the relocation finds nobody, and that is the end of it. What came back is what is
 * sent again: of a reply that most likely has arrived, and whose ACK was lost, the question. Originals
 * get the reply.
 */
static struct amrpc_tx_act back(struct amrpc_txfsm *m, bool closed, bool asked)
{
	if (m->backs >= AMRPC_REPLY_BACKS)
		return finish(true);
	m->backs++;
	if (asked && m->ours)
		return (struct amrpc_tx_act){ .what = AMRPC_TX_ASK, .inval = true,
					      .ms = reply_ms(m, closed, AMRPC_TRIES - m->tries) };
	return (struct amrpc_tx_act){ .what = AMRPC_TX_RESEND, .inval = true };
}

/**
 * amrpc_txfsm() - something happens to a transaction
 * @m: its machine
 * @state: where it is
 * @closed: the server's file is
 * @in: what happens
 *
 * Return: what to do.
 */
struct amrpc_tx_act amrpc_txfsm(struct amrpc_txfsm *m, enum amrpc_tx_state state, bool closed,
				enum amrpc_tx_in in)
{
	struct amrpc_tx_act nothing = { .what = AMRPC_TX_NOTHING };

	if (in == AMRPC_TX_IN_REPLY && state == AMRPC_TX_SERVING) {
		m->tries = AMRPC_TRIES;
		m->backs = 0;
		return (struct amrpc_tx_act){ .what = AMRPC_TX_WAIT, .ms = reply_ms(m, closed, 0) };
	}
	if (in == AMRPC_TX_IN_TIMER && state == AMRPC_TX_QUEUED)
		return (struct amrpc_tx_act){ .what = AMRPC_TX_REFUSE };
	if (state != AMRPC_TX_REPLIED)
		return nothing;
	switch (in) {
	case AMRPC_TX_IN_PARTS:
		m->tries = AMRPC_TRIES;
		return (struct amrpc_tx_act){ .what = AMRPC_TX_WAIT,
					      .ms = reply_ms(m, closed, 0) };
	case AMRPC_TX_IN_TIMER:
		return ask(m, closed);
	case AMRPC_TX_IN_ACK:
		return finish(false);
	case AMRPC_TX_IN_NAK:
		return (struct amrpc_tx_act){ .what = AMRPC_TX_RESEND };
	case AMRPC_TX_IN_NOTHERE:
	case AMRPC_TX_IN_ASK_BACK:
		return back(m, closed, in == AMRPC_TX_IN_ASK_BACK);
	case AMRPC_TX_IN_LOST:
		return finish(true);
	case AMRPC_TX_IN_NOTHERE_MORE:	/* the first will be told */
	case AMRPC_TX_IN_REPLY:
		break;
	}
	return nothing;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_txfsm);
