// SPDX-License-Identifier: GPL-2.0-only
/*
 * Servers within the kernel.
 *
 * DESIGN NOTES
 *
 * A service is a file of the kernel's own with one declared port (rpc_listen.c) and a work. What
 * wakes a poll(2) of the file queues the work, which takes requests without waiting until there are
 * none: no thread stands idle for a server nobody calls. One work runs at a time, so that the
 * function it calls needs no lock of its own and a slow one delays only its own clients.
 *
 * No client does: a reply of several packets is kept (amrpc_putrep_keep()) and sent by others, who wait for
 * its client's credits. While SERVICE_KEEP bytes of such are on their way, or wait to be acknowledged, others are
 * answered with AMRPC_STD_NOMEM, which is one packet.
 *
 * The file does not hold its namespace, which could never go then; services are stopped first.
 */
#include <linux/slab.h>
#include <net/amoeba.h>

#include "rpc_kserve.h"

#define SERVICE_BATCH	64	/* requests until other works have their turn */
#define SERVICE_KEEP	(256UL << 10)	/* bytes of replies larger than a packet, kept */

/* any context: a request is there */
static int service_wake(struct wait_queue_entry *wait, unsigned int mode, int flags, void *key)
{
	struct amrpc_service *s = container_of(wait, struct amrpc_service, wait);

	queue_delayed_work(s->wq, &s->work, 0);
	return 0;
}

static void reply(struct amrpc_service *s, u64 handle, const struct amrpc_request *rq)
{
	struct kvec v = { .iov_base = rq->buf, .iov_len = rq->rep_len };
	struct amoeba_putrep p = { .hdr = rq->rep, .handle = handle };
	struct iov_iter it;
	int err;

	iov_iter_kvec(&it, ITER_SOURCE, &v, 1, v.iov_len);
	err = amrpc_putrep_keep(s->file, &p, v.iov_len, &it, SERVICE_KEEP);
	if (!err || err == -ENOENT)
		return;
	/* it cannot be sent as it is: say so in its place */
	memset(&p.hdr, 0, sizeof(p.hdr));
	p.hdr.status = err == -ERANGE ? AMRPC_STD_OVERFLOW : AMRPC_STD_NOMEM;
	iov_iter_kvec(&it, ITER_SOURCE, &v, 1, 0);
	amrpc_putrep(s->file, &p, 0, &it);
}

/* serve one request; -EAGAIN when there is none */
static int serve_one(struct amrpc_service *s)
{
	struct kvec v = { .iov_base = s->in, .iov_len = s->room };
	struct amoeba_getreq g = { .flags = AMOEBA_GETREQ_NONBLOCK | AMOEBA_GETREQ_LISTENED };
	struct amrpc_request rq = { .data = s->in, .buf = s->out, .room = s->room };
	struct iov_iter it;
	int err;

	iov_iter_kvec(&it, ITER_DEST, &v, 1, v.iov_len);
	err = amrpc_getreq(s->file, &g, NULL, &it);
	if (err)
		return err;
	rq.hdr = g.hdr;
	rq.len = min_t(u64, g.len, s->room);
	rq.trunc = g.out_flags & AMOEBA_OUT_TRUNC;
	rq.rep = g.hdr;
	rq.rep.status = 0;
	s->serve(s->priv, &rq);
	if (WARN_ON_ONCE(rq.rep_len > rq.room))
		rq.rep_len = 0;
	reply(s, g.handle, &rq);
	return 0;
}

static void service_work(struct work_struct *work)
{
	struct amrpc_service *s = container_of(work, struct amrpc_service, work.work);
	int err;

	for (unsigned int n = 0; n < SERVICE_BATCH; n++) {
		err = serve_one(s);
		if (err == -EAGAIN)
			return;
		if (err) {
			/* no memory: back in its queue it woke us, but not now */
			mod_delayed_work(s->wq, &s->work, msecs_to_jiffies(AMRPC_SERVICE_WAIT));
			return;
		}
	}
	queue_delayed_work(s->wq, &s->work, 0);
}

struct amrpc_service *amrpc_service_start(struct net *net, const u8 get[AMOEBA_PORT_SIZE],
					  size_t room,
					  void (*serve)(void *priv, struct amrpc_request *rq),
					  void *priv)
{
	u64 port = amrpc_port_key(get);
	struct amrpc_service *s;
	int err = -ENOMEM;

	if (!port)
		return ERR_PTR(-EINVAL);
	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return ERR_PTR(-ENOMEM);
	s->in = kvmalloc(room, GFP_KERNEL_ACCOUNT);
	s->out = kvmalloc(room, GFP_KERNEL_ACCOUNT);
	if (!s->in || !s->out)
		goto free;
	s->room = room;
	s->serve = serve;
	s->priv = priv;
	s->file = amrpc_kopen(net);
	if (IS_ERR(s->file)) {
		err = PTR_ERR(s->file);
		goto free;
	}
	s->wq = s->file->an->wq;
	INIT_DELAYED_WORK(&s->work, service_work);
	init_waitqueue_func_entry(&s->wait, service_wake);
	add_wait_queue(&s->file->wq, &s->wait);
	err = amrpc_listen(s->file, &port, 1);
	if (err)
		goto close;
	return s;

close:
	remove_wait_queue(&s->file->wq, &s->wait);
	cancel_delayed_work_sync(&s->work);
	amrpc_kclose(s->file);
free:
	kvfree(s->in);
	kvfree(s->out);
	kfree(s);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(amrpc_service_start);

void amrpc_service_stop(struct amrpc_service *s)
{
	remove_wait_queue(&s->file->wq, &s->wait);
	cancel_delayed_work_sync(&s->work);
	amrpc_kclose(s->file);
	kvfree(s->in);
	kvfree(s->out);
	kfree(s);
}
EXPORT_SYMBOL_GPL(amrpc_service_stop);
