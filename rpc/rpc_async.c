// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions no thread waits for.
 *
 * DESIGN NOTES
 *
 * An asynchronous call (struct amrpc_async) is a call whose runner (rpc_client.c) is a work. It has a copy of
 * the request's data in kernel pages, charged to who started it, and takes @room bytes of the reply's at
 * most. When it has ended, @done is called once, in process context; the call is its owner's then.
 *
 * The token. Whoever brings a->kicks from 0 to 1 has it and runs the call, until that waits and nobody has
 * kicked in between (2 -> 1: once more; 1 -> 0: over). Softirq and timers kick: the one that gets the
 * token queues the work. So one runner at a time, none without need, and no lock. Who starts a call has
 * the token and does the first steps: the request leaves before it returns.
 *
 *	idle (0) --event, time: work queued--> running (1) <--another--> kicked (2)
 *
 * What may sleep. Steps run in an->calls_wq and never wait for the network. One that has to (a message of
 * several packets: credits; an address to be located) stops before (AMRPC_RUN_BLOCKS), and the work goes, token
 * and all, to those of which some run at once (rpc_sends.c), for one step; what is kicked meanwhile is looked at
 * when it has left. So a destination that does not answer holds up other long messages, no call that has been
 * sent and none of one packet. FLIP bounds each such wait, and flip_ep_abort() ends those of a file.
 *
 * Who frees what. The call holds its file, as a thread's does. The struct is its owner's before
 * amrpc_async_start() and from @done on; between, it is the runner's. It is kicked under call->lock
 * while the call is not DONE, by its timer, or through loc->wq; @done is called when all three are over.
 * It may be cancelled by others from the moment its owner lets them know of it, which may be before it begins:
 * a->lock makes that one of two things, a call that is told, or one that ends instead of beginning.
 */
#include <linux/jiffies.h>
#include <linux/memcontrol.h>
#include <linux/slab.h>

#include "rpc.h"

/* any context */
void amrpc_async_kick(struct amrpc_async *a)
{
	int old = atomic_read(&a->kicks);

	do
		if (old == 2)
			return;
	while (!atomic_try_cmpxchg(&a->kicks, &old, old + 1));
	if (!old)
		queue_work(a->an->calls_wq, &a->work);
}

static void async_timer(struct timer_list *t)
{
	amrpc_async_kick(timer_container_of((struct amrpc_async *)NULL, t, timer));
}

/* the reply goes without its data */
static void cut_all(struct amrpc_async *a)
{
	a->room = 0;
	amrpc_count(a->an, ASYNC_CUT);
}

/*
 * A message of several packets is in memory nobody was charged with. Keep no more of it than there is room
 * for, and if it is to be kept for long, in memory that is.
 */
static void settle(struct amrpc_async *a, struct amrpc_user *user)
{
	struct amrpc_data *d = &a->data;
	struct amrpc_buf *buf;
	struct iov_iter it;

	/* one packet is no more than its skb, and in a buffer is only what we take */
	if (!d->msg || (d->len <= a->room && !a->keeps))
		return;
	buf = amrpc_buf_kept(a->memcg, user, NULL, min(d->len, a->room));
	if (!IS_ERR(buf)) {
		iov_iter_bvec(&it, ITER_DEST, buf->bv, buf->nr, buf->len);
		amrpc_data_copy(d, &it);	/* to kernel memory: it does not fail */
	} else {
		buf = NULL;
		cut_all(a);
		a->t.out_flags |= AMOEBA_OUT_TRUNC;
	}
	flip_msg_free(d->msg);
	d->msg = NULL;
	d->buf = buf;
}

/**
 * amrpc_call_memcg() - who pays for the data of a local call's reply
 * @call: a server has a request of it
 *
 * Context: process. Return: memory cgroup with a reference, to be given back by mem_cgroup_put(); NULL: of an
 * ordinary call, whose thread takes it at once.
 */
struct mem_cgroup *amrpc_call_memcg(struct amrpc_call *call)
{
	struct mem_cgroup *memcg = NULL;

	if (!READ_ONCE(call->async))
		return NULL;
	spin_lock_bh(&call->lock);
	if (call->async)
		memcg = call->async->memcg;
#ifdef CONFIG_MEMCG
	if (memcg)
		css_get(&memcg->css);
#endif
	spin_unlock_bh(&call->lock);
	return memcg;
}

/**
 * amrpc_call_cut() - there was no memory for the data of a reply
 * @call: asynchronous, the reply is being given to it
 *
 * Context: call->lock held, the call has not ended.
 */
void amrpc_call_cut(struct amrpc_call *call)
{
	lockdep_assert_held(&call->lock);
	cut_all(call->async);
}

/*
 * Tell it to end; any context but hard interrupt, until the return of @done. One that has not begun yet ends
 * when it would: AMOEBA_RPC_ABORTED.
 */
void amrpc_async_cancel(struct amrpc_async *a)
{
	spin_lock_bh(&a->lock);
	a->cancelled = true;
	if (a->ours)
		amrpc_call_event(a->run.call, AMRPC_EV_CANCEL);
	spin_unlock_bh(&a->lock);
}

static void finish(struct amrpc_async *a)
{
	struct amrpc_run *r = &a->run;
	struct amrpc_call *call = r->call;
	/* data of the reply is charged to its user */
	struct amrpc_file *f = amrpc_file_get(call->file);

	spin_lock_bh(&a->lock);
	a->ours = false;
	spin_unlock_bh(&a->lock);
	amrpc_run_end(r, a->room);
	if (!r->err) {
		amrpc_count_verdict(a->an, r->verdict);
		if (r->verdict == AMOEBA_RPC_OK) {
			a->data = call->data;
			memset(&call->data, 0, sizeof(call->data));
			settle(a, f->user);
		}
	}
	amrpc_call_end(call);
	timer_shutdown_sync(&a->timer);
	amrpc_buf_free(r->buf);
	r->buf = NULL;
	a->done(a);
	amrpc_file_put(f);
}

/* by who has the token, and gives it away; @place: the first step may sleep */
static void run(struct amrpc_async *a, struct amrpc_sender *place)
{
	struct amrpc_run *r = &a->run;
	enum amrpc_ran ran;

	do {
		r->may_sleep = place;
		ran = amrpc_run_step(r, r->sending ? 0 : amrpc_call_events(r->call));
		if (place)
			amrpc_place_leave(a->an, place);
		place = NULL;
		switch (ran) {
		case AMRPC_RUN_END:
			finish(a);
			return;
		case AMRPC_RUN_BLOCKS:
			amrpc_count(a->an, ASYNC_BLOCKED);
			amrpc_place_want(r->call->file, &a->place);
			return;
		default:
			break;
		}
		if (r->timed)
			mod_timer(&a->timer, r->until);
		else
			timer_delete(&a->timer);
	} while (atomic_dec_return(&a->kicks));
}

static void async_work(struct work_struct *work)
{
	struct amrpc_async *a = container_of(work, struct amrpc_async, work);

	run(a, a->run.sending ? amrpc_place_had(a->an, &a->place) : NULL);
}

/**
 * amrpc_async_new() - an asynchronous call of nobody yet
 * @data: of the request, or NULL; its reference passes on success
 * @room: most bytes of the reply's data to be kept
 * @done: called when it has ended
 * @priv: for @done
 *
 * Context: process. Return: call whose @t is to be filled in, or NULL. What it returns goes to
 * amrpc_async_start() or amrpc_async_free().
 */
struct amrpc_async *amrpc_async_new(struct amrpc_buf *data, size_t room,
				    void (*done)(struct amrpc_async *a), void *priv)
{
	struct amrpc_async *a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);

	if (!a)
		return NULL;
	a->room = room;
	a->memcg = get_mem_cgroup_from_mm(current->mm);
	a->done = done;
	a->priv = priv;
	a->run.async = true;
	a->run.t = &a->t;
	a->run.buf = data;
	a->run.send = &a->send;
	a->run.recv = &a->recv;
	if (data) {
		a->run.len = data->len;
		amrpc_buf_iter(data, &a->send);
	} else {
		iov_iter_kvec(&a->send, ITER_SOURCE, NULL, 0, 0);
	}
	iov_iter_kvec(&a->recv, ITER_DEST, NULL, 0, 0);
	spin_lock_init(&a->lock);
	INIT_WORK(&a->work, async_work);
	amrpc_place_init(&a->place, &a->work);
	timer_setup(&a->timer, async_timer, 0);
	return a;
}

/**
 * amrpc_async_start() - begin it
 * @a: new, @a->t is filled in; its buffers are not looked at
 * @f: file, open
 *
 * @a->done may be called before it returns. Then @a->run.err is an errno (as of amrpc_trans()), or 0
 * and @a->t says how it has ended; @a->data is the reply's.
 * Context: process. Return: 0; -EDQUOT, -ENOBUFS, -ENOMEM: nothing has begun.
 */
int amrpc_async_start(struct amrpc_async *a, struct amrpc_file *f)
{
	struct amrpc_call *call;
	int err;

	a->an = f->an;
	if (!amrpc_port_key(a->t.req.port)) {
		a->t.verdict = AMOEBA_RPC_BADPORT;
		timer_shutdown_sync(&a->timer);
		a->done(a);
		return 0;
	}
	err = amrpc_run_init(&a->run, f);
	if (err)
		return err;
	atomic_set(&a->kicks, 1);
	call = a->run.call;
	spin_lock_bh(&call->lock);
	call->room = a->room;
	call->async = a;
	spin_unlock_bh(&call->lock);
	spin_lock_bh(&a->lock);
	a->ours = true;
	if (a->cancelled) {
		a->run.verdict = AMOEBA_RPC_ABORTED;
		a->run.at = AMRPC_AT_END;
	}
	spin_unlock_bh(&a->lock);
	run(a, NULL);
	return 0;
}

/* one that was never begun, or has ended; any context */
void amrpc_async_free(struct amrpc_async *a)
{
	amrpc_data_free(&a->data);
	amrpc_buf_free(a->run.buf);
	mem_cgroup_put(a->memcg);
	kfree(a);
}
