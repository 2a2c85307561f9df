// SPDX-License-Identifier: GPL-2.0-only
/* The client's machine; see rpc_fsm.h. */
#include <kunit/visibility.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/amoeba.h>

#include "rpc_fsm.h"

#define ONE_PACKET	1458	/* FLIP_ETH_PAYLOAD: longer messages are acknowledged when complete */

/* ---- copies -------------------------------------------------------------------------------------- */

/* the name of the next copy: none before it had this one, whatever the round trip was then */
static u32 next_name(const struct amrpc_fsm *m)
{
	u32 name = m->rtt + m->copies;

	if (m->copies && name <= m->name)
		name = m->name + 1;
	return name;
}

/**
 * amrpc_fsm_copy() - another copy of the REQUEST is about to leave
 * @m: machine; told AMRPC_DO_REQUEST or AMRPC_DO_FORWARD
 * @messid: FLIP message id it gets
 * @total: its FLIP length
 *
 * Before it leaves: the reply may be faster. Return: its name, for the dest field.
 */
u16 amrpc_fsm_copy(struct amrpc_fsm *m, u32 messid, u32 total)
{
	m->was_live = m->live;
	m->was_older = m->older;
	m->older |= m->live;
	m->name = next_name(m);
	m->copies++;
	m->state = AMRPC_CALL_PUTREQ;
	m->messid = messid;
	m->total = total;
	m->bounced = 0;
	m->parted = false;
	m->live = true;
	return m->name;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_fsm_copy);

/**
 * amrpc_fsm_probe() - a RECEIVED or ENQUIRE is about to leave
 * @m: machine
 * @messid: FLIP message id it gets
 */
void amrpc_fsm_probe(struct amrpc_fsm *m, u32 messid)
{
	m->probe = messid;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_fsm_probe);

/**
 * amrpc_fsm_nak() - a NAK has come from the server
 * @m: machine of a call that is waiting
 * @from: the NAK's from field
 * @server_idx: the server's index, as learnt so far
 *
 * Return: the event it is, or 0 when it answers nothing that matters any more.
 */
unsigned int amrpc_fsm_nak(struct amrpc_fsm *m, u16 from, u16 server_idx)
{
	if (from == m->name && m->live) {
		/* also in GetRep: a queued request that no thread took in time */
		m->live = false;
		m->older = false;
		return AMRPC_EV_NAK;
	}
	if (m->state == AMRPC_CALL_PUTREQ && from == server_idx && m->probe) {
		m->probe = 0;
		return AMRPC_EV_NAKRCV;
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_fsm_nak);

/* a packet of the last copy, or the copy, is back */
static unsigned int copy_back(struct amrpc_fsm *m, u32 offset, u32 length, enum amrpc_back why)
{
	if (why == AMRPC_BACK_NOTHERE) {
		/* packets come back in order; one that comes twice is no other one */
		if (offset != m->bounced)
			return 0;
		m->bounced += length;
		if (m->bounced < m->total)
			return 0;
	}
	m->live = m->older;
	if (why == AMRPC_BACK_NOTHERE)
		return AMRPC_EV_BOUNCED;
	return why == AMRPC_BACK_UNTRUSTED ? AMRPC_EV_UNSAFE : AMRPC_EV_LOST;
}

/**
 * amrpc_fsm_back() - a message of the call was not delivered
 * @m: machine of a call that is waiting
 * @messid: FLIP message id
 * @offset: of the packet in its message
 * @length: of the packet
 * @why: reason
 * @late: ACK or ALIVE has come, or the copy left more than AMRPC_BELIEVE_MS ago
 *
 * The server has what it acknowledged, and may have had what left long ago: NOTHERE may be of a duplicate
 * that came too late, after its process had ended, its machine been started anew or a router forgotten
 * the way. Whether it lives the next probe will show.
 * Return: the event it is, or 0.
 */
unsigned int amrpc_fsm_back(struct amrpc_fsm *m, u32 messid, u32 offset, u32 length,
			    enum amrpc_back why, bool late)
{
	if (messid == m->messid && m->live) {
		if (m->parted || (why == AMRPC_BACK_NOTHERE && late))
			return 0;
		return copy_back(m, offset, length, why);
	}
	if (messid == m->probe)
		return why == AMRPC_BACK_NOTHERE ? AMRPC_EV_PROBE_BACK : AMRPC_EV_LOST;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_fsm_back);

/* ---- what to do ------------------------------------------------------------------------------------ */

static struct amrpc_act end(struct amrpc_fsm *m, int verdict)
{
	m->state = AMRPC_CALL_DONE;
	return (struct amrpc_act){ .what = AMRPC_DO_END, .verdict = verdict };
}

static struct amrpc_act wait(const struct amrpc_fsm *m)
{
	return (struct amrpc_act){ .what = AMRPC_DO_WAIT, .ms = m->wait_ms };
}

/* what to say when no answer came: honest about a copy that may still be executed */
static struct amrpc_act end_lost(struct amrpc_fsm *m)
{
	return end(m, m->live ? AMOEBA_RPC_FAILURE : AMOEBA_RPC_NOTFOUND);
}

/* to another server, if no copy may be executed where it went */
static struct amrpc_act elsewhere(struct amrpc_fsm *m)
{
	struct amrpc_act act = { .what = AMRPC_DO_LOCATE };

	if (m->live)
		act = end(m, AMOEBA_RPC_FAILURE);
	else
		m->state = AMRPC_CALL_LOCATE;
	act.drop = true;
	return act;
}

/*
 * Only untrusted ways are known. That may be what a third one learned, who looked for our server over
 * an untrusted network, or has changed since: our kind answers a port locate, and trust comes back
 * along with the answer. So once a call.
 */
static struct amrpc_act unsafe(struct amrpc_fsm *m)
{
	if (m->live)
		return end(m, AMOEBA_RPC_FAILURE);
	if (!m->ours || m->doubted)
		return end(m, AMOEBA_RPC_UNSAFE);
	m->doubted = true;
	return elsewhere(m);
}

/* how long to wait for an answer to the first copy: what overtakes a long one costs another */
static unsigned int first_ms(const struct amrpc_fsm *m)
{
	unsigned int ms = 4 * m->resp;

	if (!m->ours)
		return m->rtt + AMRPC_RECEIVED_EXTRA;
	/* 1 MB/s is slow */
	return clamp_t(unsigned int, ms + m->total / 1024, AMRPC_OURS_FIRST, AMRPC_OURS_FIRST_MAX);
}

/* our kind: how long to wait for the answer to a probe */
static unsigned int ask_ms(const struct amrpc_fsm *m)
{
	return clamp_t(unsigned int, 4 * m->rtt, AMRPC_OURS_FIRST, AMRPC_OURS_FIRST_MAX);
}

static unsigned int twice(unsigned int ms)
{
	return min_t(unsigned int, 2 * ms, AMRPC_OURS_MOST);
}

static struct amrpc_act request(struct amrpc_fsm *m, bool retrans, bool inval)
{
	struct amrpc_act act = { .what = AMRPC_DO_REQUEST, .retrans = retrans, .inval = inval };

	if (next_name(m) > AMRPC_NAME_MAX) {
		act = end_lost(m);
		act.worn = true;
	}
	return act;
}

/* a copy like the one before it */
static struct amrpc_act again(struct amrpc_fsm *m)
{
	return request(m, m->asked || (m->copies && m->live), false);
}

/* the program does not wait any longer: who may be executing it is told, once */
static struct amrpc_act leave(struct amrpc_fsm *m, int err)
{
	struct amrpc_act act = end_lost(m);

	act.signal = m->live;
	act.err = err;
	return act;
}

static struct amrpc_act sent(struct amrpc_fsm *m, int err)
{
	struct amrpc_act act;

	if (!err) {
		m->wait_ms = first_ms(m);
		if (!m->ours)
			return wait(m);
		/* copies that were asked for do not make us less patient */
		if (m->asked)
			m->wait_ms = max(m->wait_ms, m->next_ms);
		m->next_ms = m->asked ? twice(m->next_ms) : ask_ms(m);
		return wait(m);
	}
	/* it has not left, or not whole */
	m->live = m->was_live;
	m->older = m->was_older;
	switch (err) {
	case -EHOSTUNREACH:
	case -ENETDOWN:
	case -ENOBUFS:
		return elsewhere(m);
	case -ENETUNREACH:
		return unsafe(m);
	case -ETIMEDOUT:
		return end_lost(m);
	case -ECANCELED:
		act = leave(m, 0);
		if (!m->live)
			act.verdict = AMOEBA_RPC_ABORTED;
		return act;
	}
	act = end_lost(m);
	act.err = err;
	return act;
}

static struct amrpc_act nak(struct amrpc_fsm *m)
{
	if (m->asked ? m->tries : m->naks + 1 < AMRPC_NAKS) {
		if (m->asked)
			m->tries--;
		else
			m->naks++;
		return again(m);
	}
	return elsewhere(m);
}

/* the last copy came back */
static struct amrpc_act bounced(struct amrpc_fsm *m)
{
	if (m->backs >= AMRPC_BACKS || (m->ours && !m->live))
		return elsewhere(m);
	m->backs++;
	return request(m, m->asked, true);
}

/* FORWARD: not executed; another server, and for it another transaction */
static struct amrpc_act forward(struct amrpc_fsm *m)
{
	struct amrpc_act act;

	m->ours = false;
	m->copies = 0;
	m->live = false;
	m->older = false;
	m->asked = false;
	m->tries = AMRPC_TRIES;
	if (m->forwards >= AMRPC_FORWARDS)
		return end(m, AMOEBA_RPC_NOTFOUND);
	m->forwards++;
	act = again(m);
	act.what = AMRPC_DO_FORWARD;
	return act;
}

static struct amrpc_act probe(struct amrpc_fsm *m, bool inval)
{
	struct amrpc_act act = { .what = AMRPC_DO_ENQUIRE, .inval = inval, .signal = m->signal };

	if (m->state == AMRPC_CALL_PUTREQ) {
		act.what = AMRPC_DO_RECEIVED;
		act.signal = false;
		m->asked = true;
	}
	m->told = act.signal;
	return act;
}

/* it is there: nobody needs to ask for a while, unless there is something to say */
static struct amrpc_act heard(struct amrpc_fsm *m, bool alive)
{
	bool first = m->state != AMRPC_CALL_GETREP;

	if (alive && m->told)
		m->signal = false;
	m->told = false;
	m->state = AMRPC_CALL_GETREP;
	m->tries = AMRPC_TRIES;
	m->located = false;
	m->wait_ms = AMRPC_ENQUIRE_MS;
	if (m->ours) {
		m->wait_ms = first ? AMRPC_OURS_ENQUIRE : AMRPC_OURS_MOST;
		m->next_ms = ask_ms(m);
	}
	return m->signal ? probe(m, false) : wait(m);
}

/* nobody has answered */
static struct amrpc_act silence(struct amrpc_fsm *m)
{
	if (!m->tries)
		return end(m, AMOEBA_RPC_FAILURE);
	m->tries--;
	if (m->ours) {
		m->wait_ms = m->next_ms;
		m->next_ms = twice(m->next_ms);
	}
	return probe(m, m->tries <= (m->ours ? AMRPC_OURS_INVAL : AMRPC_TRIES_INVAL));
}

static struct amrpc_act events(struct amrpc_fsm *m, unsigned int ev)
{
	if (ev & AMRPC_EV_SIGNAL)
		m->signal = true;
	if (ev & AMRPC_EV_REPLY)
		return end(m, AMOEBA_RPC_OK);
	if (ev & AMRPC_EV_FAIL)
		return end(m, AMOEBA_RPC_FAILURE);
	if (ev & AMRPC_EV_CANCEL)
		return leave(m, 0);
	if (ev & AMRPC_EV_KILLED)
		return leave(m, -EINTR);
	if (ev & AMRPC_EV_FORWARD)
		return forward(m);
	if (ev & AMRPC_EV_UNSAFE)
		return unsafe(m);
	if (ev & AMRPC_EV_NAK)
		return nak(m);
	if (ev & AMRPC_EV_LOST)
		return elsewhere(m);
	if (ev & AMRPC_EV_BOUNCED)
		return bounced(m);
	if (ev & AMRPC_EV_NAKRCV) {
		if (!m->tries)
			return end(m, AMOEBA_RPC_FAILURE);
		m->tries--;
		return request(m, true, false);
	}
	if (ev & (AMRPC_EV_ACK | AMRPC_EV_ALIVE))
		return heard(m, ev & AMRPC_EV_ALIVE);
	if (ev & AMRPC_EV_EXPIRED)
		return end_lost(m);
	if (ev & AMRPC_EV_PROBE_BACK) {
		/* its route is gone: an ordinary locate, and if that fails, the end */
		if (m->located)
			return end(m, AMOEBA_RPC_FAILURE);
		m->located = true;
		return probe(m, false);
	}
	/* several packets are acknowledged anyhow, and nothing is to overtake them */
	if (ev & AMRPC_EV_SIGNAL && (m->state == AMRPC_CALL_GETREP || m->total <= ONE_PACKET))
		return probe(m, false);
	return ev ? wait(m) : silence(m);
}

/**
 * amrpc_fsm() - the next step
 * @m: machine
 * @in: what has happened
 * @arg: and how
 *
 * Return: what to do now. After AMRPC_DO_LOCATE comes AMRPC_IN_FOUND, after AMRPC_DO_END nothing.
 */
struct amrpc_act amrpc_fsm(struct amrpc_fsm *m, enum amrpc_fsm_in in, int arg)
{
	switch (in) {
	case AMRPC_IN_FOUND:
		if (arg & AMRPC_EV_CANCEL)
			return end(m, AMOEBA_RPC_ABORTED);
		m->tries = AMRPC_TRIES;
		m->naks = 0;
		m->backs = 0;
		m->asked = false;
		m->located = false;
		m->told = false;
		m->probe = 0;
		return again(m);
	case AMRPC_IN_SENT:
		return sent(m, arg);
	case AMRPC_IN_PROBED:
		if (arg == -EHOSTUNREACH || arg == -ENETUNREACH)
			return end(m, AMOEBA_RPC_FAILURE);
		return wait(m);
	case AMRPC_IN_EVENTS:
		break;
	}
	return events(m, arg);
}
EXPORT_SYMBOL_IF_KUNIT(amrpc_fsm);
