// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large messages straight from the pages of the program that sends them.
 *
 * DESIGN NOTES
 * The pages are taken a chunk at a time, so that they cost one walk of the page tables and one account,
 * and cut into packets. A chunk (struct flip_pin_chunk) is what the kernel calls a ubuf_info: every packet with a
 * fragment of it has a reference, who makes packets of it another; the last one to go, in any context but hard
 * interrupt, gives its bytes of RLIMIT_MEMLOCK back and tells the sender. What a packet shows are references of
 * its own to the pages, so nothing but the account depends on when that happens.
 *
 * A program may change its buffer once sendmsg() has returned. So the sender, whatever became of
 * the message, waits until the last packet is gone or has been copied, as it is where it comes back into
 * this machine (flip_eth_own()). Only SIGKILL ends that; then the owner (struct flip_pin_owner), for
 * which each chunk has a reference, outlives the sender, and flip.ko stays.
 *
 * No more than net.flip.pin_window bytes are out at a time. The sender waits when there are, as it does for
 * credits; if none of its packets waits for credits and nothing comes back for FLIP_PIN_KEPT_MS all the same,
 * it is the device that keeps them, some until the next packet is sent. Then the rest of the message is copied
 * and the network is left alone with pages for a while (->pin_not).
 *
 * Pages are not worth it, and the message is copied as it leaves: below FLIP_PIN_MIN, to our own namespace and to
 * groups, where the sender does not wait, from a device that cannot gather, beyond RLIMIT_MEMLOCK.
 * One packet is copied where the segments of an iovec are too short for it.
 */
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "flip_int.h"
#include <trace/events/flip.h>

#define FLIP_PIN_MIN		(64 << 10)	/* bytes of a message */
#define FLIP_PIN_WINDOW_MIN	(256 << 10)	/* two of the largest packets at a time, and some */
#define FLIP_PIN_PAGES		64U		/* of a chunk */
#define FLIP_PIN_KEPT_MS	500		/* a device that keeps packets for longer... */
#define FLIP_PIN_NOT_S		60		/* ...gets no pages for so long */
#define FLIP_PIN_MISSES		8		/* packets that could not be made of pages, then it is given up */

/**
 * struct flip_pin_owner - whom the end of a chunk is told
 * @refs: the sender and each chunk
 * @chunks: on their way
 * @wq: the sender
 */
struct flip_pin_owner {
	refcount_t		refs;
	atomic_t		chunks;
	wait_queue_head_t	wq;
};

/**
 * struct flip_pin_chunk - pages taken at once
 * @ubuf: its references
 * @locked: the account of RLIMIT_MEMLOCK
 * @owner: holds one
 * @n: number of @pages, of which the sender has references until all packets are made
 * @pages: they
 */
struct flip_pin_chunk {
	struct ubuf_info	ubuf;
	struct mmpin		locked;
	struct flip_pin_owner	*owner;
	unsigned int		n;
	struct page		*pages[FLIP_PIN_PAGES];
};

static void flip_pin_owner_put(struct flip_pin_owner *owner)
{
	if (refcount_dec_and_test(&owner->refs))
		kfree(owner);
}

static void flip_pin_chunk_free(struct flip_pin_chunk *c)
{
	struct flip_pin_owner *owner = c->owner;

	mm_unaccount_pinned_pages(&c->locked);
	kfree(c);
	rcu_read_lock();
	atomic_dec(&owner->chunks);
	/* the owner stays until we are done with it */
	wake_up(&owner->wq);
	flip_pin_owner_put(owner);
	/* the sender may be gone; flip.ko waits for readers when it goes */
	module_put(THIS_MODULE);
	rcu_read_unlock();
}

/* a packet is gone, or has a copy */
static void flip_pin_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool zerocopy)
{
	if (refcount_dec_and_test(&ubuf->refcnt))
		flip_pin_chunk_free(container_of(ubuf, struct flip_pin_chunk, ubuf));
}

COMPAT_UBUF_OPS(flip_pin_ops, flip_pin_complete);

/* the sender makes no more packets of its chunk */
static void flip_pin_done(struct flip_pin *pin)
{
	struct flip_pin_chunk *c = pin->chunk;
	unsigned int i;

	if (!c)
		return;
	for (i = 0; i < c->n; i++)
		put_page(c->pages[i]);
	pin->chunk = NULL;
	flip_pin_complete(NULL, &c->ubuf, true);
}

/* from now on the message is copied: what was taken and not sent is still to be read */
static void flip_pin_stop(struct flip_pin *pin, struct iov_iter *data)
{
	pin->on = false;
	if (pin->left)
		iov_iter_revert(data, pin->left);
	pin->left = 0;
	flip_pin_done(pin);
}

static bool flip_pin_gathers(struct flip_network *n)
{
	unsigned long not = READ_ONCE(n->pin_not);
	bool yes;

	if (unlikely(not)) {
		if (time_before(jiffies, not))
			return false;
		WRITE_ONCE(n->pin_not, 0);
	}
	rcu_read_lock();
	yes = flip_network_usable(n) && n->dev->features & NETIF_F_SG;
	rcu_read_unlock();
	return yes;
}

/**
 * flip_pin_begin() - is a message sent from the pages of the program?
 * @pin: filled; flip_pin_end() must follow
 * @m: the message
 * @data: what is sent
 * @len: how many bytes of it
 * @p: how long the sender waits
 *
 * Context: process, that of the program.
 */
void flip_pin_begin(struct flip_pin *pin, struct flip_txmsg *m, const struct iov_iter *data,
		    u32 len, const struct flip_patience *p)
{
	struct flip_network *n = m->neigh->network;
	unsigned int window = READ_ONCE(n->ns->tune.pin_window);

	*pin = (struct flip_pin){ .m = m };
	if (len < FLIP_PIN_MIN || window < FLIP_PIN_WINDOW_MIN || !p->left || !data ||
	    !user_backed_iter(data) || !flip_pin_gathers(n))
		return;
	pin->owner = kmalloc(sizeof(*pin->owner), GFP_KERNEL);
	if (!pin->owner)
		return;
	refcount_set(&pin->owner->refs, 1);
	atomic_set(&pin->owner->chunks, 0);
	init_waitqueue_head(&pin->owner->wq);
	/* two at least, so that one can be filled while another leaves */
	pin->bytes = min_t(unsigned int, window / 2, FLIP_PIN_PAGES << PAGE_SHIFT) & PAGE_MASK;
	pin->most = window / pin->bytes;
	pin->on = true;
}

/* a device keeps what it was given: no pages for its network for a while */
static void flip_pin_kept(struct flip_network *n)
{
	flip_stat_inc(n->ns, PIN_KEPT);
	WRITE_ONCE(n->pin_not, (jiffies + FLIP_PIN_NOT_S * HZ) | 1);
}

static bool flip_pin_room(const struct flip_pin *pin)
{
	return atomic_read(&pin->owner->chunks) < pin->most;
}

/* wait until the window is open: 0, -ENOBUFS: the device keeps what it was given, or as flip_wait() */
static int flip_pin_wait(struct flip_pin *pin, struct flip_patience *p)
{
	struct flip_txmsg *m = pin->m;
	struct flip_patience some = *p;
	long slice;
	int err;

	if (flip_pin_room(pin))
		return 0;
	trace_flip_stall(FLIP_STALL_PIN, true);
	do {
		slice = min_t(long, p->left, msecs_to_jiffies(FLIP_PIN_KEPT_MS));
		some.left = slice;
		err = flip_wait(pin->owner->wq, flip_pin_room(pin) || READ_ONCE(m->error), &some);
		if (p->left != MAX_SCHEDULE_TIMEOUT)
			p->left -= slice - some.left;
		if (err == -ETIMEDOUT && skb_queue_empty_lockless(&m->q)) {
			flip_pin_kept(m->neigh->network);
			err = -ENOBUFS;
		}
	} while (err == -ETIMEDOUT && p->left);
	trace_flip_stall(FLIP_STALL_PIN, false);
	return err ?: READ_ONCE(m->error);
}

/* the next chunk, @len bytes of it are wanted now: 0, -EAGAIN: not this packet, -ENOBUFS: none any more */
static int flip_pin_take(struct flip_pin *pin, struct iov_iter *data, u32 len, u32 room,
			 struct flip_patience *p)
{
	/* the first page may begin anywhere */
	u32 want = max_t(u32, pin->bytes - PAGE_SIZE, room);
	struct flip_ns *ns = pin->m->neigh->network->ns;
	struct flip_pin_chunk *c;
	ssize_t got;
	int err;

	/* whole packets */
	want -= want % room;
	want = min_t(size_t, want - (room - len), iov_iter_count(data));
	err = flip_pin_wait(pin, p);
	if (err)
		return err;
	c = kmalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOBUFS;
	c->locked = (struct mmpin){};
	/* what it may be at most, before the pages are taken */
	if (mm_account_pinned_pages(&c->locked, want + PAGE_SIZE)) {
		flip_stat_inc(ns, PIN_LIMIT);
		kfree(c);
		return -ENOBUFS;
	}
	got = iov_iter_get_pages2(data, c->pages, want, FLIP_PIN_PAGES, &pin->at);
	if (got <= 0) {
		/* copying says what is wrong */
		mm_unaccount_pinned_pages(&c->locked);
		kfree(c);
		return -ENOBUFS;
	}
	c->n = DIV_ROUND_UP(pin->at + got, PAGE_SIZE);
	compat_ubuf_init(&c->ubuf, &flip_pin_ops);
	refcount_set(&c->ubuf.refcnt, 1);
	/* no copy of it for each clone */
	c->ubuf.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
	c->owner = pin->owner;
	/* whoever sends has an endpoint, and so flip.ko */
	__module_get(THIS_MODULE);
	refcount_inc(&pin->owner->refs);
	atomic_inc(&pin->owner->chunks);
	pin->chunk = c;
	pin->left = got;
	if (got >= len)
		return 0;
	/* the segment ends within the packet */
	iov_iter_revert(data, got);
	pin->left = 0;
	flip_pin_done(pin);
	return -EAGAIN;
}

/* how many of @len bytes fit into the fragments of one skb, from @at of a page on */
static u32 flip_pin_fits(size_t at, u32 len)
{
	return min_t(size_t, len, MAX_SKB_FRAGS * PAGE_SIZE - offset_in_page(at));
}

static void flip_pin_attach(struct flip_pin *pin, struct sk_buff *skb, u32 len)
{
	struct flip_pin_chunk *c = pin->chunk;
	unsigned int i = 0;
	u32 n;

	skb->len += len;
	skb->data_len += len;
	skb->truesize += len;
	pin->left -= len;
	for (; len; len -= n, pin->at += n) {
		struct page *page = c->pages[pin->at >> PAGE_SHIFT];

		n = min_t(u32, len, PAGE_SIZE - offset_in_page(pin->at));
		get_page(page);
		skb_fill_page_desc(skb, i++, page, offset_in_page(pin->at), n);
	}
	skb_zcopy_set(skb, &c->ubuf, NULL);
	if (!pin->left)
		flip_pin_done(pin);
}

/**
 * flip_pin_fill() - the next packet of a message, made of the pages of the program
 * @pin: as flip_pin_begin() left it
 * @hdr: of the protocol header, what is of this packet; not looked at when that is nothing
 * @hlen: bytes of it
 * @data: what is sent
 * @len: bytes of the packet, @hlen among them; may become less
 * @room: what a packet takes at most
 * @p: how long the sender waits
 *
 * Context: process, that of the program. Return: the skb, NULL: the packet is to be copied, or an error.
 */
struct sk_buff *flip_pin_fill(struct flip_pin *pin, const void *hdr, u32 hlen, struct iov_iter *data,
			      u32 *len, u32 room, struct flip_patience *p)
{
	struct flip_ns *ns = pin->m->neigh->network->ns;
	u32 want = *len - hlen;
	struct sk_buff *skb;
	int err;

	if (!pin->on || !want)
		return NULL;
	if (!pin->left) {
		err = flip_pin_take(pin, data, want, room, p);
		if (err == -EAGAIN && ++pin->misses < FLIP_PIN_MISSES)
			return NULL;
		if (err == -EAGAIN || err == -ENOBUFS) {
			flip_pin_stop(pin, data);
			return NULL;
		}
		if (err)
			return ERR_PTR(err);
	}
	want = flip_pin_fits(pin->at, min(want, pin->left));
	skb = flip_eth_alloc(hlen, GFP_KERNEL);
	if (!skb)
		return ERR_PTR(-ENOMEM);
	if (hlen)
		skb_put_data(skb, hdr, hlen);
	flip_pin_attach(pin, skb, want);
	flip_stat_inc(ns, TX_PINNED);
	*len = hlen + want;
	return skb;
}

/**
 * flip_pin_end() - the message has left, or has failed; wait until its pages are the program's again
 * @pin: as flip_pin_begin() left it
 * @data: what was sent
 *
 * Context: process, that of the program, without locks. Ends early when it is killed.
 */
void flip_pin_end(struct flip_pin *pin, struct iov_iter *data)
{
	struct flip_pin_owner *owner = pin->owner;
	long left;

	if (!owner)
		return;
	flip_pin_stop(pin, data);
	if (atomic_read(&owner->chunks)) {
		trace_flip_stall(FLIP_STALL_PIN, true);
		left = flip_wait_killable(owner->wq, !atomic_read(&owner->chunks),
					  msecs_to_jiffies(FLIP_PIN_KEPT_MS));
		if (!left) {
			flip_pin_kept(pin->m->neigh->network);
			flip_wait_killable(owner->wq, !atomic_read(&owner->chunks), MAX_SCHEDULE_TIMEOUT);
		}
		trace_flip_stall(FLIP_STALL_PIN, false);
	}
	flip_pin_owner_put(owner);
}
