// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of servers within the kernel.
 *
 * DESIGN NOTES
 *
 * A service has one request in its hands at a time, and its buffers are there, so there is always room
 * to take one: for the test of what it does when there is none, all places of its file are filled with
 * what is no request (fill()). Nobody looks at them: handles are made for requests only.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <net/amcap.h>
#include <net/net_namespace.h>

#include "rpc_kserve.h"

#define ROOM	4096

static const u8 get_port[AMOEBA_PORT_SIZE] = { 'k', 's', 'e', 'r', 'v', 'e' };

/* one call, by a thread of its own */
struct client {
	struct amrpc_file	*file;
	struct amoeba_trans	t;
	u8			out[ROOM], in[ROOM];
	int			err;
	struct completion	done;
};

static int client_thread(void *arg)
{
	struct client *c = arg;
	struct kvec out = { c->out, sizeof(c->out) }, in = { c->in, sizeof(c->in) };
	struct iov_iter send, recv;

	iov_iter_kvec(&send, ITER_SOURCE, &out, 1, out.iov_len);
	iov_iter_kvec(&recv, ITER_DEST, &in, 1, in.iov_len);
	c->err = amrpc_trans(c->file, &c->t, out.iov_len, &send, &recv);
	complete(&c->done);
	return 0;
}

static struct client *client_start(struct kunit *test, struct amrpc_file *f)
{
	struct client *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct task_struct *task;

	KUNIT_ASSERT_NOT_NULL(test, c);
	init_completion(&c->done);
	c->file = f;
	amcap_one_way(get_port, c->t.req.port);
	c->t.req.command = 7;
	c->t.locate_ms = 20000;
	memset(c->out, 0x5a, sizeof(c->out));
	task = kthread_run(client_thread, c, "amoeba_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	return c;
}

static void client_ends(struct kunit *test, struct client *c)
{
	wait_for_completion(&c->done);
	KUNIT_EXPECT_EQ(test, 0, c->err);
	KUNIT_EXPECT_EQ(test, AMOEBA_RPC_OK, c->t.verdict);
	KUNIT_EXPECT_EQ(test, 8, c->t.rep.status);
	KUNIT_EXPECT_EQ(test, (u64)ROOM, c->t.rep_len);
	KUNIT_EXPECT_EQ(test, 0, memcmp(c->in, c->out, ROOM));
}

/* the server: sends back what it gets, and counts */
static void serve(void *priv, struct amrpc_request *rq)
{
	atomic_inc((atomic_t *)priv);
	rq->rep.status = rq->hdr.command + 1;
	rq->rep_len = rq->len;
	memcpy(rq->buf, rq->data, rq->len);
}

static void kserve_served(struct kunit *test)
{
	struct amrpc_file *f = amrpc_kopen(&init_net);
	struct amrpc_service *s;
	atomic_t served = ATOMIC_INIT(0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(f));
	s = amrpc_service_start(&init_net, get_port, ROOM, serve, &served);
	KUNIT_ASSERT_FALSE(test, IS_ERR(s));
	for (int i = 1; i <= 3; i++) {
		client_ends(test, client_start(test, f));
		KUNIT_EXPECT_EQ(test, i, atomic_read(&served));
	}
	amrpc_service_stop(s);
	amrpc_kclose(f);
}

/* a wait queue entry that counts how often the file is told of a request */
struct tells {
	struct wait_queue_entry	wait;
	atomic_t		nr;
};

static int count_tell(struct wait_queue_entry *wait, unsigned int mode, int flags, void *key)
{
	atomic_inc(&container_of(wait, struct tells, wait)->nr);
	return 0;
}

static int fill(struct amrpc_file *f)
{
	int err = 0;

	xa_lock_bh(&f->served);
	f->served_used = AMRPC_SERVED_ALL;
	xa_unlock_bh(&f->served);
	for (unsigned long i = AMRPC_SERVED_LOW; i < AMRPC_MAX_OPEN && !err; i++)
		err = xa_err(xa_store_bh(&f->served, i, xa_mk_value(0), GFP_KERNEL));
	return err;
}

static void empty(struct amrpc_file *f)
{
	for (unsigned long i = AMRPC_SERVED_LOW; i < AMRPC_MAX_OPEN; i++)
		xa_erase_bh(&f->served, i);
	xa_lock_bh(&f->served);
	f->served_used = 0;
	xa_unlock_bh(&f->served);
}

/* a request that cannot be taken is tried again, and not before its time */
static void kserve_retries(struct kunit *test)
{
	struct amrpc_file *f = amrpc_kopen(&init_net);
	atomic_t served = ATOMIC_INIT(0);
	struct tells tells = {};
	unsigned int ms, tried;
	struct amrpc_service *s;
	unsigned long begin;
	struct client *c;

	KUNIT_ASSERT_FALSE(test, IS_ERR(f));
	s = amrpc_service_start(&init_net, get_port, ROOM, serve, &served);
	KUNIT_ASSERT_FALSE(test, IS_ERR(s));
	init_waitqueue_func_entry(&tells.wait, count_tell);
	add_wait_queue(&s->file->wq, &tells.wait);
	KUNIT_EXPECT_EQ(test, 0, fill(s->file));
	begin = jiffies;
	c = client_start(test, f);
	msleep(30 * AMRPC_SERVICE_WAIT);
	/* told when the request came, and each time it went back */
	tried = atomic_read(&tells.nr);
	ms = jiffies_to_msecs(jiffies - begin) + jiffies_to_msecs(1);
	KUNIT_EXPECT_GE(test, tried, 3U);
	KUNIT_EXPECT_LE(test, tried, 3 + ms / AMRPC_SERVICE_WAIT);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&served));
	KUNIT_EXPECT_FALSE(test, completion_done(&c->done));

	empty(s->file);
	client_ends(test, c);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&served));
	/* and that is all: nothing runs for a request that is not there */
	tried = atomic_read(&tells.nr);
	msleep(3 * AMRPC_SERVICE_WAIT);
	KUNIT_EXPECT_EQ(test, tried, (unsigned int)atomic_read(&tells.nr));
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&s->work));
	remove_wait_queue(&s->file->wq, &tells.wait);
	amrpc_service_stop(s);
	amrpc_kclose(f);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(kserve_served),
	KUNIT_CASE(kserve_retries),
	{ }
};

static struct kunit_suite suite = {
	.name = "amoeba_rpc_kserve",
	.test_cases = cases,
};
kunit_test_suite(suite);
