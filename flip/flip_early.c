// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets of a message that came before others that belong in front of them.
 *
 * DESIGN NOTES
 * Kept as runs of packets without a gap between them, in a tree by offset: what costs time is the
 * number of gaps, and that only as its logarithm, so that a message of which each hundredth packet
 * was lost is as cheap as a whole one and a stranger's that is nothing but gaps not dear. Between two
 * runs there is always a gap; packets never overlap.
 *
 * No lock of its own: that of the reassembler.
 */
#include <linux/slab.h>
#include "flip_int.h"

/**
 * struct flip_run - packets without a gap between them
 * @node: in flip_early.runs
 * @skbs: the packets, in order
 * @from: offset of the first
 * @to: offset behind the last
 */
struct flip_run {
	struct rb_node		node;
	struct sk_buff_head	skbs;
	u32			from;
	u32			to;
};

#define flip_run_of(n)	rb_entry_safe(n, struct flip_run, node)

static void flip_run_free(struct flip_early *e, struct flip_run *run)
{
	e->packets -= skb_queue_len(&run->skbs);
	e->n_runs--;
	rb_erase(&run->node, &e->runs);
	__skb_queue_purge(&run->skbs);
	kfree(run);
}

void flip_early_purge(struct flip_early *e)
{
	struct rb_node *n;

	while ((n = rb_first(&e->runs)))
		flip_run_free(e, flip_run_of(n));
}

/* the last run that begins at @offset or before it; *@link: where one that begins there goes */
static struct flip_run *flip_run_before(struct flip_early *e, u32 offset, struct rb_node **parent,
					struct rb_node ***link)
{
	struct flip_run *run, *found = NULL;

	*link = &e->runs.rb_node;
	*parent = NULL;
	while (**link) {
		*parent = **link;
		run = flip_run_of(*parent);
		if (run->from <= offset) {
			found = run;
			*link = &(*parent)->rb_right;
		} else {
			*link = &(*parent)->rb_left;
		}
	}
	return found;
}

/**
 * flip_early_keep() - keep a packet
 * @e: where
 * @skb: packet; the caller's unless it is kept
 * @offset: of its first byte in the message
 * @max_runs: the most runs there may be
 *
 * Context: any but hard interrupt. Return: what became of it.
 */
enum flip_early_verdict flip_early_keep(struct flip_early *e, struct sk_buff *skb, u32 offset,
					unsigned int max_runs)
{
	struct flip_run *before, *behind, *run;
	struct rb_node *parent, **link;
	u32 end = offset + skb->len;

	before = flip_run_before(e, offset, &parent, &link);
	if (before && before->to >= end)
		return FLIP_EARLY_DUP;
	behind = flip_run_of(before ? rb_next(&before->node) : rb_first(&e->runs));
	if ((before && before->to > offset) || (behind && behind->from < end))
		return FLIP_EARLY_OVERLAP;
	if (before && before->to == offset) {
		__skb_queue_tail(&before->skbs, skb);
		before->to = end;
		e->packets++;
		if (behind && behind->from == end) {
			before->to = behind->to;
			/* none is purged with it, nor taken off the count */
			skb_queue_splice_tail_init(&behind->skbs, &before->skbs);
			flip_run_free(e, behind);
		}
		return FLIP_EARLY_KEPT;
	}
	if (behind && behind->from == end) {
		/* its place in the tree stays */
		__skb_queue_head(&behind->skbs, skb);
		behind->from = offset;
		e->packets++;
		return FLIP_EARLY_KEPT;
	}
	if (e->n_runs >= max_runs)
		return FLIP_EARLY_FULL;
	run = kmalloc(sizeof(*run), GFP_ATOMIC);
	if (!run)
		return FLIP_EARLY_FULL;
	__skb_queue_head_init(&run->skbs);
	__skb_queue_tail(&run->skbs, skb);
	run->from = offset;
	run->to = end;
	rb_link_node(&run->node, parent, link);
	rb_insert_color(&run->node, &e->runs);
	e->n_runs++;
	e->packets++;
	return FLIP_EARLY_KEPT;
}

/* offset of the first packet kept; U32_MAX: none is */
u32 flip_early_first(const struct flip_early *e)
{
	const struct flip_run *run = flip_run_of(rb_first(&e->runs));

	return run ? run->from : U32_MAX;
}

/* move the packets that follow on offset @next to @to; returns the offset behind them */
u32 flip_early_take(struct flip_early *e, u32 next, struct sk_buff_head *to)
{
	struct flip_run *run = flip_run_of(rb_first(&e->runs));

	if (!run || run->from != next)
		return next;
	next = run->to;
	e->packets -= skb_queue_len(&run->skbs);
	skb_queue_splice_tail_init(&run->skbs, to);
	flip_run_free(e, run);
	return next;
}

/**
 * flip_early_missing() - what is not there of a message
 * @e: its early packets
 * @next: all before this offset is there
 * @total: length of the message
 * @missing: filled in order
 * @max: with at most so many ranges
 *
 * Return: number of ranges.
 */
unsigned int flip_early_missing(const struct flip_early *e, u32 next, u32 total,
				struct flip_range *missing, unsigned int max)
{
	struct rb_node *node;
	unsigned int n = 0;

	for (node = rb_first(&e->runs); node && n < max; node = rb_next(node)) {
		missing[n++] = (struct flip_range){ next, flip_run_of(node)->from };
		next = flip_run_of(node)->to;
	}
	if (n < max && next < total)
		missing[n++] = (struct flip_range){ next, total };
	return n;
}
