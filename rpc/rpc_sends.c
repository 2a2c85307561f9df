// SPDX-License-Identifier: GPL-2.0-only
/*
 * Works that wait for the network: a message of several packets waits for credits, one whose destination is not
 * known until it has been found or FLIP gives it up. No more than AMRPC_SENDS do so at once in a namespace.
 *
 * DESIGN NOTES
 *
 * Nouns
 *   place   (struct amrpc_place)	what such a work has or wants: in an asynchronous call, or the reply of a
 *		transaction that is kept. wanted -> had -> left, and it may be wanted again meanwhile.
 *   sender  (struct amrpc_sender)	whose works they are: a user's, or the kernel's own.
 *
 * Fairness. Destinations that give no credits hold a place for seconds, and who calls many of them, or
 * is called by them and answers at length, would have all places. So a sender may have another place only
 * while it has fewer than are free: the first one gets half of them, the second half of the rest, and there is
 * always one for who has none. What has to wait stands in line with its sender; when a place is left the
 * senders that wait are asked in turn.
 *
 * an->sends_lock (innermost, bottom halves off) guards all of it. A place is part of what its work works
 * on, which has a reference while it is wanted or had, and to a file, and so to the user.
 */
#include "rpc.h"

static bool may_have(const struct amrpc_net *an, const struct amrpc_sender *s)
{
	lockdep_assert_held(&an->sends_lock);
	return s->sending < AMRPC_SENDS - an->nr_sends;
}

static void have(struct amrpc_net *an, struct amrpc_place *p)
{
	lockdep_assert_held(&an->sends_lock);
	an->nr_sends++;
	p->sender->sending++;
	queue_work(an->sends_wq, p->work);
}

/* the first of those that wait which may have another, or NULL */
static struct amrpc_sender *next_turn(const struct amrpc_net *an)
{
	struct amrpc_sender *s;

	list_for_each_entry(s, &an->senders, node)
		if (may_have(an, s))
			return s;
	return NULL;
}

void amrpc_sender_init(struct amrpc_sender *s)
{
	INIT_LIST_HEAD(&s->waiting);
	INIT_LIST_HEAD(&s->node);
}

/**
 * amrpc_place_init() - nobody wants it yet
 * @p: place
 * @work: to be run when it is had; calls amrpc_place_had() first and amrpc_place_leave() later
 */
void amrpc_place_init(struct amrpc_place *p, struct work_struct *work)
{
	p->work = work;
	p->wanted = false;
	INIT_LIST_HEAD(&p->node);
}

/**
 * amrpc_place_want() - have the work run, when it is its turn
 * @f: file it is done for
 * @p: place
 *
 * Context: any but hard interrupt. Return: false when it is wanted already, and has not been had yet.
 */
bool amrpc_place_want(struct amrpc_file *f, struct amrpc_place *p)
{
	struct amrpc_net *an = f->an;
	struct amrpc_sender *s = f->user ? &f->user->sender : &an->sender;
	bool was;

	spin_lock_bh(&an->sends_lock);
	was = p->wanted;
	if (!was) {
		p->wanted = true;
		p->sender = s;
		if (list_empty(&s->waiting) && may_have(an, s)) {
			have(an, p);
		} else {
			list_add_tail(&p->node, &s->waiting);
			if (list_empty(&s->node))
				list_add_tail(&s->node, &an->senders);
			amrpc_count(an, SENDS_WAITED);
		}
	}
	spin_unlock_bh(&an->sends_lock);
	return !was;
}

/**
 * amrpc_place_had() - the work runs
 * @an: namespace
 * @p: its place
 *
 * What is wanted from here on has it run once more. Return: for amrpc_place_leave().
 */
struct amrpc_sender *amrpc_place_had(struct amrpc_net *an, struct amrpc_place *p)
{
	struct amrpc_sender *s;

	spin_lock_bh(&an->sends_lock);
	p->wanted = false;
	s = p->sender;
	spin_unlock_bh(&an->sends_lock);
	return s;
}

/**
 * amrpc_place_leave() - the work waits for the network no more
 * @an: namespace
 * @s: of amrpc_place_had(); a file of that user is still there
 *
 * Context: process.
 */
void amrpc_place_leave(struct amrpc_net *an, struct amrpc_sender *s)
{
	spin_lock_bh(&an->sends_lock);
	an->nr_sends--;
	s->sending--;
	while ((s = next_turn(an))) {
		struct amrpc_place *p = list_first_entry(&s->waiting, struct amrpc_place, node);

		list_del_init(&p->node);
		if (list_empty(&s->waiting))
			list_del_init(&s->node);
		else
			list_move_tail(&s->node, &an->senders);
		have(an, p);
	}
	spin_unlock_bh(&an->sends_lock);
}

void amrpc_sends_init(struct amrpc_net *an)
{
	spin_lock_init(&an->sends_lock);
	INIT_LIST_HEAD(&an->senders);
	amrpc_sender_init(&an->sender);
}
