// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data in kernel memory: what a local transaction carries from one process to the other, and small
 * replies kept until they are acknowledged.
 *
 * DESIGN NOTES
 *
 * Pages are charged to the memory cgroup of who asks for them, who gets ENOMEM when it is full: to kill
 * somebody because a call is large helps nobody.
 *
 * The reply of an asynchronous call waits until its program takes it, so the program's cgroup pays, as for the
 * request. But who has the data at hand is the server, or a work of all calls, and they must not wait for it:
 * to reclaim memory of a full cgroup takes long, and one may be made to take longer. So pages for it are taken
 * at once or not at all. When the cgroup is full the reply goes without its data; when it is the machine that is
 * short of memory, they are got as any others.
 */
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "rpc.h"

#define BUF_MAX_ORDER	3	/* 32 KiB with 4 KiB pages: cheap to get, few pieces */

#define BUF_GFP		(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)
#define BUF_AT_ONCE	(GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN)

/* pages for up to @left bytes; @order: how many; NULL: no memory */
static struct page *piece(size_t left, unsigned int *order, gfp_t gfp)
{
	struct page *page = NULL;

	*order = min_t(unsigned int, get_order(left), BUF_MAX_ORDER);
	if (*order)
		page = alloc_pages((gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_COMP | __GFP_NORETRY, *order);
	if (!page) {
		*order = 0;
		page = alloc_page(gfp);
	}
	return page;
}

static struct amrpc_buf *buf_begin(struct amrpc_user *user, size_t len)
{
	unsigned int max = DIV_ROUND_UP(len, PAGE_SIZE);
	struct amrpc_buf *b;

	b = kvmalloc(struct_size(b, bv, max), GFP_KERNEL_ACCOUNT);
	if (!b)
		return NULL;
	refcount_set(&b->ref, 1);
	b->user = user;
	b->len = len;
	b->nr = 0;
	amrpc_user_add(user, AMRPC_USER_BYTES, len);
	return b;
}

/* another piece of @left bytes or fewer; its length, 0: no memory */
static size_t buf_add(struct amrpc_buf *b, size_t left, gfp_t gfp)
{
	unsigned int order;
	struct page *page = piece(left, &order, gfp);
	struct bio_vec *bv = &b->bv[b->nr];

	if (!page)
		return 0;
	bv->bv_page = page;
	bv->bv_offset = 0;
	bv->bv_len = min_t(size_t, left, PAGE_SIZE << order);
	b->nr++;
	return bv->bv_len;
}

static bool cgroup_full(struct mem_cgroup *memcg)
{
#ifdef CONFIG_MEMCG
	for (; memcg; memcg = parent_mem_cgroup(memcg))
		if (page_counter_read(&memcg->memory) >= READ_ONCE(memcg->memory.max))
			return true;
#endif
	return false;
}

/* buf_add() where @memcg pays; -EDQUOT: it is full, -ENOMEM */
static ssize_t buf_add_for(struct amrpc_buf *b, size_t left, struct mem_cgroup *memcg)
{
	struct mem_cgroup *old;
	size_t n;

	if (memcg) {
		old = set_active_memcg(memcg);
		n = buf_add(b, left, BUF_AT_ONCE);
		set_active_memcg(old);
		if (n)
			return n;
		if (cgroup_full(memcg))
			return -EDQUOT;
	}
	return buf_add(b, left, BUF_GFP) ?: -ENOMEM;
}

/**
 * amrpc_buf_kept() - kernel pages for data that others pay for
 * @memcg: memory cgroup that does, or NULL: that of the current thread
 * @user: charged, if there is room or not: who asks first uses amrpc_user_room()
 * @from: source, advanced; NULL: the pages are to be filled by the caller
 * @len: bytes to take, at least 1
 *
 * Context: process, may sleep, but not for @memcg. Return: buffer, or ERR_PTR(-ENOMEM, -EFAULT, -EINTR: a
 * fatal signal, -EDQUOT: @memcg is full).
 */
struct amrpc_buf *amrpc_buf_kept(struct mem_cgroup *memcg, struct amrpc_user *user,
				 struct iov_iter *from, size_t len)
{
	struct amrpc_buf *b = buf_begin(user, len);
	size_t left = len;
	ssize_t n;

	if (!b)
		return ERR_PTR(-ENOMEM);
	while (left) {
		n = buf_add_for(b, left, memcg);
		if (n < 0)
			goto free;
		left -= n;
		if (from && copy_page_from_iter(b->bv[b->nr - 1].bv_page, 0, n, from) != n) {
			n = -EFAULT;
			goto free;
		}
		if (left && fatal_signal_pending(current)) {
			n = -EINTR;
			goto free;
		}
		cond_resched();
	}
	return b;

free:
	amrpc_buf_free(b);
	return ERR_PTR(n);
}

/**
 * amrpc_buf_request() - the data of a request, within the limit of its user
 * @f: file of the client
 * @from: source, advanced
 * @len: bytes to take, at least 1
 *
 * As amrpc_buf_from_iter(), or ERR_PTR(-EDQUOT). What is not there at all is EFAULT, also where it would
 * be too much.
 */
struct amrpc_buf *amrpc_buf_request(struct amrpc_file *f, struct iov_iter *from, size_t len)
{
	if (!amrpc_user_room(f->user, AMRPC_USER_BYTES, len)) {
		if (fault_in_iov_iter_readable(from, 1))
			return ERR_PTR(-EFAULT);
		amrpc_count(f->an, USER_BYTES);
		return ERR_PTR(-EDQUOT);
	}
	return amrpc_buf_from_iter(f->user, from, len);
}

/* of amrpc_buf_free() */
void amrpc_buf_put(struct amrpc_buf *b)
{
	if (!refcount_dec_and_test(&b->ref))
		return;
	for (unsigned int i = 0; i < b->nr; i++)
		put_page(b->bv[i].bv_page);
	amrpc_user_add(b->user, AMRPC_USER_BYTES, -(long)b->len);
	kvfree(b);
}

/* an iterator to send the buffer from */
void amrpc_buf_iter(const struct amrpc_buf *b, struct iov_iter *it)
{
	iov_iter_bvec(it, ITER_SOURCE, b->bv, b->nr, b->len);
}

static ssize_t buf_copy(const struct amrpc_buf *b, struct iov_iter *to)
{
	ssize_t done = 0;

	for (unsigned int i = 0; i < b->nr && iov_iter_count(to); i++) {
		size_t n = min_t(size_t, b->bv[i].bv_len, iov_iter_count(to));

		if (copy_page_to_iter(b->bv[i].bv_page, 0, n, to) != n)
			return -EFAULT;
		done += n;
		cond_resched();
	}
	return done;
}

/**
 * amrpc_data_copy() - copy the data of a message to the user, as much as fits
 * @d: message
 * @to: destination, advanced
 *
 * Context: process, may sleep. Return: bytes copied or -EFAULT; @d is unchanged.
 */
ssize_t amrpc_data_copy(const struct amrpc_data *d, struct iov_iter *to)
{
	size_t n = min(d->len, iov_iter_count(to));

	if (d->done) {
		iov_iter_advance(to, d->done);
		n -= d->done;
	}
	if (!n)
		return 0;
	if (d->buf)
		return buf_copy(d->buf, to);
	if (d->msg)
		return flip_msg_copy(d->msg, d->msg->rx.total - d->len, to);
	if (skb_copy_datagram_iter(d->skb, d->skb->len - d->len, to, n))
		return -EFAULT;
	return n;
}

/* of amrpc_data_free() */
void amrpc_data_release(struct amrpc_data *d)
{
	if (d->skb)
		consume_skb(d->skb);
	if (d->msg)
		flip_msg_free(d->msg);
	amrpc_buf_free(d->buf);
	memset(d, 0, sizeof(*d));
}

/**
 * amrpc_import_data() - an iterator over a buffer of the caller
 * @b: as the user gave it
 * @source: data is read from it
 * @iov: to be freed by kfree(), may become NULL
 * @it: filled
 *
 * Context: process, may sleep. Return: 0; -EINVAL: reserved field, or length given twice;
 * -EMSGSIZE: more than AMOEBA_MAX_DATA bytes; -EFAULT; -ENOMEM.
 */
int amrpc_import_data(const struct amoeba_buf *b, bool source, struct iovec **iov,
		      struct iov_iter *it)
{
	int dir = source ? ITER_SOURCE : ITER_DEST;
	struct amoeba_iovec *in;
	size_t total = 0;
	int err = 0;

	*iov = NULL;
	if (b->reserved)
		return -EINVAL;
	if (!b->iovcnt) {
		if (b->len > AMOEBA_MAX_DATA)
			return -EMSGSIZE;
		return import_ubuf(dir, u64_to_user_ptr(b->addr), b->len, it);
	}
	if (b->len || b->iovcnt > AMRPC_MAX_IOV)
		return -EINVAL;

	in = kvmalloc_array(b->iovcnt, sizeof(*in), GFP_KERNEL);
	*iov = kmalloc_array(b->iovcnt, sizeof(**iov), GFP_KERNEL);
	if (!in || !*iov) {
		err = -ENOMEM;
		goto out;
	}
	if (copy_from_user(in, u64_to_user_ptr(b->addr), b->iovcnt * sizeof(*in))) {
		err = -EFAULT;
		goto out;
	}
	for (u32 i = 0; i < b->iovcnt; i++) {
		if (in[i].len > AMOEBA_MAX_DATA || total + in[i].len > AMOEBA_MAX_DATA) {
			err = -EMSGSIZE;
			goto out;
		}
		if (in[i].len && !access_ok(u64_to_user_ptr(in[i].base), in[i].len)) {
			err = -EFAULT;
			goto out;
		}
		(*iov)[i].iov_base = in[i].len ? u64_to_user_ptr(in[i].base) : NULL;
		(*iov)[i].iov_len = in[i].len;
		total += in[i].len;
	}
	iov_iter_init(it, dir, *iov, b->iovcnt, total);
out:
	kvfree(in);
	if (err) {
		kfree(*iov);
		*iov = NULL;
	}
	return err;
}
