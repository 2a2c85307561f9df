// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large data of a transaction within one namespace, copied once: by the server's thread, between
 * the pages of the client, which is blocked in its call, and the server's own buffer.
 *
 * DESIGN NOTES
 *
 * Nouns
 *   offer   call->mm, call->send and call->recv: where the client's buffers are. Made by the client's
 *           thread before a server can see the tx, and over with call->tx, which that thread clears.
 *           No reference is in it: the thread that is blocked in the call holds its mm, and the
 *           iovecs are its own. In-kernel clients, whose data is no user's, make none.
 *   piece   up to STRAIGHT_PAGES pages of the client, held while they are copied and no longer.
 *   miss    pages that are not to be had at once. Nobody waits for them here: see below.
 *
 * Who holds what, and the order
 *   call->copy (mutex) is held while a piece is copied; so whoever clears call->tx and then takes and
 *   gives back call->copy knows that no byte is copied afterwards. A copier looks at call->tx under
 *   it, for each piece. All that can wait for long is done without it: the client's pages are looked
 *   up before, our own are faulted in between two attempts, and the copy itself runs with page
 *   faults disabled. So a client that is killed waits for the copying of one piece at most, however
 *   slow the server's memory is (a userfault, a file of a dead file system).
 *   call->copy is taken before call->lock. Of mmap_locks one at a time: the client's is given back
 *   before our own memory is touched; client and server may be threads of one process.
 *
 * A server never waits for a client's memory either: that would let any client hang any server.
 *   The mmap_lock is only tried; pages are faulted in only where that can not be made to wait
 *   (anonymous memory, FOLL_NOWAIT), and what is written is private memory of the client, since to
 *   make others' pages dirty takes their locks. Everything else is a miss. Of a request: the server
 *   gives it back (AMRPC_EV_MISSED; surely not executed) and takes the next; the client faults its
 *   buffer in, in its own time, and offers it once more; after the second miss it copies the data
 *   into the kernel, which is also where it learns that it has unmapped its buffer (EFAULT). Of a
 *   reply: the rest goes through the kernel (call->data.buf, behind the first call->data.done bytes),
 *   and the client copies it, or gets the EFAULT.
 *   The server has the client's mm for the length of the copy, as process_vm_readv(2) does, and
 *   drops it by mmput_async(): to take an mm apart is not the server's work either.
 *
 * What is read are the pages as they are then, not when the call began: a client whose other threads
 * change the buffer meanwhile gets what it deserves, as in a remote call, which reads it again for
 * each copy it sends. What was written by a putrep that ended in EFAULT stays in the client's buffer
 * until the next one: its content counts only when the verdict is RPC_OK.
 *
 * A memory cgroup is charged as if the client had touched its buffer itself; nothing else is
 * allocated, so a gigabyte takes as little as 64 KiB.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "rpc.h"

#define STRAIGHT_PAGES	16	/* of a piece */

/* the client's side of a copy */
struct client {
	struct amrpc_tx *tx;
	struct amrpc_call *call;
	struct mm_struct *mm;
	struct iov_iter it;	/* points to iovecs of the call: used under call->copy, after alive() */
	bool write;
};

static bool alive(const struct client *c)
{
	lockdep_assert_held(&c->call->copy);
	return READ_ONCE(c->call->tx) == c->tx;
}

/**
 * amrpc_straight_offer() - the client's buffers, for servers to copy from and to
 * @call: of the current thread; call->lock held, no server has it yet
 * @send: request data
 * @recv: room for the reply
 *
 * They must stay until amrpc_straight_over().
 */
void amrpc_straight_offer(struct amrpc_call *call, const struct iov_iter *send,
			  const struct iov_iter *recv)
{
	lockdep_assert_held(&call->lock);
	call->mm = current->mm;
	call->send = user_backed_iter(send) ? send : NULL;
	call->recv = user_backed_iter(recv) ? recv : NULL;
}

/**
 * amrpc_straight_over() - nothing is copied from or to the client's buffers any more
 * @call: of the current thread, which has cleared call->tx
 *
 * Context: process; waits for the copying of one piece at most.
 */
void amrpc_straight_over(struct amrpc_call *call)
{
	mutex_lock(&call->copy);
	call->mm = NULL;
	call->send = NULL;
	call->recv = NULL;
	mutex_unlock(&call->copy);
}

static void client_put(struct client *c)
{
	if (c->mm)
		mmput_async(c->mm);
}

/* false: there is no client any more, or it offers nothing */
static bool client_get(struct client *c, struct amrpc_tx *tx, bool write)
{
	struct amrpc_call *call = tx->call;
	const struct iov_iter *it;

	*c = (struct client) { .tx = tx, .call = call, .write = write };
	mutex_lock(&call->copy);
	it = write ? call->recv : call->send;
	if (alive(c) && call->mm && it && mmget_not_zero(call->mm)) {
		c->mm = call->mm;
		c->it = *it;
		iov_iter_advance(&c->it, 0);	/* past empty pieces */
	}
	mutex_unlock(&call->copy);
	return c->mm;
}

/* where the client's next bytes are: how many there are in one piece, 0: it is gone */
static size_t next_piece(struct client *c, size_t want, unsigned long *addr)
{
	size_t n = 0;

	mutex_lock(&c->call->copy);
	if (alive(c)) {
		if (iter_is_ubuf(&c->it)) {
			*addr = (unsigned long)c->it.ubuf + c->it.iov_offset;
			n = iov_iter_count(&c->it);
		} else {
			*addr = (unsigned long)iter_iov(&c->it)->iov_base + c->it.iov_offset;
			n = iov_iter_single_seg_count(&c->it);
		}
	}
	mutex_unlock(&c->call->copy);
	return min3(n, want, STRAIGHT_PAGES * PAGE_SIZE - offset_in_page(*addr));
}

/*
 * Pages of the client from @addr on, without waiting. Returns how many; 0: a miss. A tagged address
 * is one as well.
 */
static long get_pages(struct client *c, unsigned long addr, size_t n, struct page **pages)
{
	unsigned int flags = c->write ? FOLL_WRITE : 0;
	struct vm_area_struct *vma;
	unsigned long last;
	long nr = 0;

	if (!mmap_read_trylock(c->mm))
		return 0;
	vma = find_vma(c->mm, addr);
	if (!vma || vma->vm_start > addr || (c->write && vma->vm_flags & VM_SHARED))
		goto unlock;
	flags |= vma_is_anonymous(vma) ? FOLL_NOWAIT : FOLL_NOFAULT;
	last = min(addr + n, vma->vm_end) - 1;
	nr = (last >> PAGE_SHIFT) - (addr >> PAGE_SHIFT) + 1;
	/* to read, a reference will do: a pin would first unshare what a fork has shared */
	if (c->write)
		nr = compat_pin_user_pages_remote(c->mm, addr & PAGE_MASK, nr, flags, pages, NULL);
	else
		nr = compat_get_user_pages_remote(c->mm, addr & PAGE_MASK, nr, flags, pages, NULL);
unlock:
	mmap_read_unlock(c->mm);
	return max(nr, 0L);
}

static void put_pages(struct client *c, struct page **pages, long nr)
{
	if (c->write) {
		unpin_user_pages_dirty_lock(pages, nr, true);
		return;
	}
	for (long i = 0; i < nr; i++)
		put_page(pages[i]);
}

/* copy without a page fault; returns how much */
static size_t copy_pages(struct client *c, struct page **pages, size_t off, size_t n,
			 struct iov_iter *mine)
{
	size_t done = 0;

	pagefault_disable();
	while (done < n) {
		size_t part = min_t(size_t, n - done, PAGE_SIZE - offset_in_page(off));
		struct page *page = pages[off >> PAGE_SHIFT];
		size_t k;

		if (c->write)
			k = copy_page_from_iter(page, offset_in_page(off), part, mine);
		else
			k = copy_page_to_iter(page, offset_in_page(off), part, mine);
		done += k;
		off += k;
		if (k != part)
			break;
	}
	pagefault_enable();
	return done;
}

/* one piece, all of it: 0, -EAGAIN: the client is gone, -EFAULT: our own buffer, -EINTR */
static int copy_piece(struct client *c, struct page **pages, size_t off, size_t n,
		      struct iov_iter *mine)
{
	size_t left, k;

	for (;;) {
		mutex_lock(&c->call->copy);
		if (!alive(c)) {
			mutex_unlock(&c->call->copy);
			return -EAGAIN;
		}
		k = copy_pages(c, pages, off, n, mine);
		iov_iter_advance(&c->it, k);
		mutex_unlock(&c->call->copy);
		off += k;
		n -= k;
		if (!n)
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		left = c->write ? fault_in_iov_iter_readable(mine, n) :
			fault_in_iov_iter_writeable(mine, n);
		if (left == n)
			return -EFAULT;
	}
}

/*
 * Copy @want bytes between the client's buffer and ours; *done is how many were. Returns 0, -EAGAIN:
 * the client is gone or it was a miss, -EFAULT: our own buffer is bad, -EINTR: a fatal signal.
 */
static int copy_straight(struct client *c, size_t want, struct iov_iter *mine, size_t *done)
{
	struct page *pages[STRAIGHT_PAGES];
	unsigned long addr = 0;
	int err = 0;

	*done = 0;
	while (*done < want && !err) {
		size_t n;
		long nr;

		if (fatal_signal_pending(current))
			return -EINTR;
		n = next_piece(c, want - *done, &addr);
		if (!n)
			return -EAGAIN;
		nr = get_pages(c, addr, n, pages);
		if (!nr)
			return -EAGAIN;
		n = min_t(size_t, n, nr * PAGE_SIZE - offset_in_page(addr));
		err = copy_piece(c, pages, offset_in_page(addr), n, mine);
		put_pages(c, pages, nr);
		if (!err)
			*done += n;
		cond_resched();
	}
	return err;
}

/**
 * amrpc_straight_take() - the data of a request, from the client's buffer to the server's
 * @tx: straight, in the hands of the current thread
 * @recv: the server's buffer; advanced
 *
 * Context: process, sleeps. Return: 0: all that fits is there; -EAGAIN: the data is not to be had
 * like this, or the client is gone: give it back by amrpc_straight_miss(); -EFAULT: bad buffer of the
 * server; -EINTR: a fatal signal.
 */
int amrpc_straight_take(struct amrpc_tx *tx, struct iov_iter *recv)
{
	size_t want = min(tx->data.len, iov_iter_count(recv));
	struct client c;
	size_t done;
	int err;

	if (!client_get(&c, tx, false))
		return -EAGAIN;
	err = copy_straight(&c, want, recv, &done);
	client_put(&c);
	if (!err)
		amrpc_count(tx->an, STRAIGHT);
	return err;
}

/**
 * amrpc_straight_miss() - a request goes back to its client, which has to hand over the data
 * @tx: no server has it or can get it any more, and none has seen it
 */
void amrpc_straight_miss(struct amrpc_tx *tx)
{
	amrpc_count(tx->an, STRAIGHT_MISS);
	amrpc_call_event(tx->call, AMRPC_EV_MISSED);
}

/**
 * amrpc_straight_give() - the data of a reply, from the server's buffer to the client's
 * @tx: local, claimed by the current thread
 * @send: the server's buffer; advanced
 * @len: bytes of the reply
 * @room: set to how many of them the client takes
 *
 * Context: process, sleeps. Return: bytes that are in the client's buffer, 0 when it is gone or offers
 * nothing; those missing up to @room go through the kernel. -EFAULT: bad buffer of the server;
 * -EINTR: a fatal signal.
 */
ssize_t amrpc_straight_give(struct amrpc_tx *tx, struct iov_iter *send, size_t len, size_t *room)
{
	struct client c;
	size_t done;
	int err;

	*room = len;
	if (!client_get(&c, tx, true))
		return 0;
	*room = min(len, iov_iter_count(&c.it));
	err = copy_straight(&c, *room, send, &done);
	client_put(&c);
	if (err == -EAGAIN) {
		if (READ_ONCE(tx->call->tx) != tx)
			*room = done;	/* nobody wants the rest */
		amrpc_count(tx->an, STRAIGHT_MISS);
		err = 0;
	} else if (!err) {
		amrpc_count(tx->an, STRAIGHT);
	}
	return err ?: done;
}
