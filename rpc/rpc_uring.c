// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/amoeba through io_uring: IORING_OP_URING_CMD, whose SQE has the ioctl's number and, in struct
 * amoeba_sqe, the address of its structure. Only where io_uring cancels such commands; elsewhere
 * they give EOPNOTSUPP.
 *
 * DESIGN NOTES
 *
 * TRANS is an asynchronous call (rpc_async.c). The request's data is copied when it is submitted; when it has
 * ended, task work of the submitter copies the reply and the structure out. What all requests of a file take
 * is bounded (URING_BYTES).
 *
 * PUTREP and GETREQ are tried at once: the reply is kept and sent by the workqueue, a request that is
 * waiting is taken. What would wait, -EAGAIN sends to io-wq, a thread that may; it is interrupted
 * when the command is cancelled. A program with many ports declares them (AMOEBA_LISTEN) and polls.
 *
 * The end. A ring or task that goes cancels what is under way (IO_URING_F_CANCEL; a program uses
 * AMOEBA_CANCEL) and waits for all its commands. Nobody looks at the outcome then, so the command ends at once
 * and the call, told to end as well, goes on by itself until it has (GONE). u->lock decides who of the two is
 * first; the other frees:
 *
 *	CALLING --the call has ended--> ENDED: task work completes the command and frees both
 *	   \-----IO_URING_F_CANCEL----> GONE: the command is complete; the end of the call frees both
 *
 * In a thread of io-wq the lock of the ring is not held, so a command may be cancelled from the moment
 * it can be, before its call has begun: that ends instead of beginning, as one that could not
 * begin does, and both go the same way as any other (uring_ended()). What *priv() points to is there while
 * the command can be cancelled: it is freed by task work, which has the lock of the ring, or after GONE.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "rpc.h"

#ifdef COMPAT_HAVE_URING_CANCEL

#include <linux/io_uring/cmd.h>

#define URING_BYTES	(2ULL * AMOEBA_MAX_DATA)	/* requests under way, of one file */

struct amrpc_uring {
	spinlock_t		lock;
	enum { CALLING, ENDED, GONE } state;
	struct amrpc_async	*a;
	struct io_uring_cmd	*cmd;
	struct amrpc_file	*file;		/* the command holds it; ours while the call lasts */
	struct mm_struct	*mm;		/* the submitter's, to compare */
	void __user		*arg;
	size_t			usize;
	struct iovec		*iov;		/* of @recv, or NULL */
	struct iov_iter		recv;
};

static struct amrpc_uring **priv(struct io_uring_cmd *cmd)
{
	return io_uring_cmd_to_pdu(cmd, struct amrpc_uring *);
}

static void uring_free(struct amrpc_uring *u)
{
	atomic64_sub(u->a->run.len, &u->file->submitted);
	/* its data is charged to a user the file holds */
	amrpc_async_free(u->a);
	amrpc_file_put(u->file);
	kfree(u->iov);
	kfree(u);
}

/* the outcome, to the program; 0 or an errno */
static int give(struct amrpc_uring *u)
{
	struct amrpc_async *a = u->a;

	if (a->run.err)
		return a->run.err;
	/* it has ended before its command was cancelled, and its memory is not here */
	if (current->mm != u->mm)
		return -ECANCELED;
	if (a->t.verdict == AMOEBA_RPC_OK && a->room && amrpc_data_copy(&a->data, &u->recv) < 0)
		return -EFAULT;
	return amrpc_trans_out(u->arg, &a->t, u->usize);
}

COMPAT_URING_WORK(uring_give, cmd, flags)
{
	struct amrpc_uring *u = *priv(cmd);
	int err = give(u);

	uring_free(u);
	compat_uring_cmd_done(cmd, err, flags);
}

static void uring_ended(struct amrpc_async *a)
{
	struct amrpc_uring *u = a->priv;
	bool gone;

	spin_lock(&u->lock);
	gone = u->state == GONE;
	if (!gone)
		u->state = ENDED;
	spin_unlock(&u->lock);
	if (gone)
		uring_free(u);
	else
		io_uring_cmd_complete_in_task(u->cmd, uring_give);
}

/* under the lock of the ring, as is uring_give() */
static void uring_cancel(struct io_uring_cmd *cmd, unsigned int flags)
{
	struct amrpc_uring *u = *priv(cmd);
	bool under_way;

	spin_lock(&u->lock);
	under_way = u->state == CALLING;
	if (under_way) {
		u->state = GONE;
		amrpc_async_cancel(u->a);
	}
	spin_unlock(&u->lock);
	if (under_way)
		compat_uring_cmd_done(cmd, -ECANCELED, flags);
}

static struct amrpc_buf *take_data(struct amrpc_file *f, const struct amoeba_buf *b, size_t *len)
{
	struct amrpc_buf *buf = NULL;
	struct iov_iter send;
	struct iovec *iov;
	int err;

	*len = 0;
	err = amrpc_import(b, true, &iov, &send);
	if (err)
		return ERR_PTR(err);
	*len = iov_iter_count(&send);
	if (atomic64_add_return(*len, &f->submitted) > URING_BYTES)
		buf = ERR_PTR(-ENOBUFS);
	else if (*len)
		buf = amrpc_buf_request(f, &send, *len);
	if (IS_ERR(buf))
		atomic64_sub(*len, &f->submitted);
	kfree(iov);
	return buf;
}

static int uring_trans(struct amrpc_file *f, struct io_uring_cmd *cmd, void __user *arg,
		       size_t usize, unsigned int flags)
{
	struct amoeba_trans t = {};
	struct amrpc_uring *u;
	struct amrpc_buf *buf;
	size_t len;
	int err;

	err = amrpc_trans_in(&t, arg, usize);
	if (err)
		return err;
	u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	if (!u)
		return -ENOMEM;
	err = amrpc_import(&t.recv, false, &u->iov, &u->recv);
	if (err)
		goto free;
	buf = take_data(f, &t.send, &len);
	err = PTR_ERR_OR_ZERO(buf);
	if (err)
		goto free;
	u->a = amrpc_async_new(buf, iov_iter_count(&u->recv) ?: 1, uring_ended, u);
	if (!u->a) {
		amrpc_buf_free(buf);
		atomic64_sub(len, &f->submitted);
		err = -ENOMEM;
		goto free;
	}
	spin_lock_init(&u->lock);
	u->a->t = t;
	u->cmd = cmd;
	u->file = amrpc_file_get(f);
	u->mm = current->mm;
	u->arg = arg;
	u->usize = usize;
	*priv(cmd) = u;
	/* from here on it can be cancelled, and has to be ended by uring_ended() */
	io_uring_cmd_mark_cancelable(cmd, flags);
	err = amrpc_async_start(u->a, f);
	if (err) {
		u->a->run.err = err;
		uring_ended(u->a);
	}
	return -EIOCBQUEUED;

free:
	kfree(u->iov);
	kfree(u);
	return err;
}

int amrpc_uring_cmd(struct io_uring_cmd *cmd, unsigned int flags)
{
	struct amrpc_file *f = cmd->file->private_data;
	const struct amoeba_sqe *sqe;
	u32 op = cmd->cmd_op;
	void __user *arg;

	if (flags & IO_URING_F_CANCEL) {
		uring_cancel(cmd, flags);
		return 0;
	}
	sqe = (const void *)cmd->sqe->cmd;
	if (READ_ONCE(sqe->reserved))
		return -EINVAL;
	arg = u64_to_user_ptr(READ_ONCE(sqe->arg));
	if (_IOC_TYPE(op) != AMOEBA_IOC_TYPE)
		return -ENOTTY;
	if (_IOC_NR(op) == _IOC_NR(AMOEBA_TRANS))
		return uring_trans(f, cmd, arg, _IOC_SIZE(op), flags);
	return amrpc_dev_serve(f, op, arg, flags & IO_URING_F_NONBLOCK);
}

#endif /* COMPAT_HAVE_URING_CANCEL */
