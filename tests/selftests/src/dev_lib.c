// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_lib: the calls of libamoeba for several ports, event loops, and the end of a call.
 *
 *   dev_lib
 */
#include "dev_test.h"

#include <poll.h>

static am_port get[3], put[3];

struct call {
	pthread_t thread;
	unsigned int port;
	uint64_t cookie;
	am_status s;
	char in[32];
	size_t len;
};

static void *run(void *arg)
{
	struct call *c = arg;
	struct amoeba_header h = { .command = 7 };
	struct am_trans_opt opt = { .locate_ms = 3000, .cookie = c->cookie };

	memcpy(h.port, put[c->port].b, 6);
	c->len = sizeof(c->in);
	c->s = am_trans_opt(&h, "hello", 5, c->in, &c->len, &opt);
	return NULL;
}

static void start(struct call *c, unsigned int port, uint64_t cookie)
{
	*c = (struct call){ .port = port, .cookie = cookie };
	if (pthread_create(&c->thread, NULL, run, c))
		DIE("a thread cannot be made");
	msleep(30);
}

static am_status end(struct call *c)
{
	pthread_join(c->thread, NULL);
	return c->s;
}

int main(void)
{
	struct amoeba_header h = { 0 };
	struct amoeba_limits l = { .getreq_ms = 50 };
	struct amoeba_info info;
	struct pollfd p;
	unsigned int which;
	struct call c;
	char buf[32];
	int64_t n;

	rpc_name = "dev_lib";
	for (int i = 0; i < 3; i++) {
		am_port_random(&get[i]);
		am_one_way(&get[i], &put[i]);
	}
	check_num("no ports", am_listen(get, 0), -EINVAL);
	check_num("listen", am_listen(get, 2), 0);
	p = (struct pollfd){ .fd = am_pollfd(), .events = POLLIN };
	check_num("nothing yet", poll(&p, 1, 10), 0);
	n = am_getreq_ports(&h, NULL, 0, NULL, AMOEBA_GETREQ_NONBLOCK, buf, sizeof(buf));
	check(n == AM_RPC_TRYAGAIN && errno == EAGAIN, "nothing to get");
	start(&c, 1, 0);
	check_num("a request", poll(&p, 1, 2000), 1);
	n = am_getreq_ports(&h, NULL, 0, NULL, AMOEBA_GETREQ_NONBLOCK, buf, sizeof(buf));
	check(n == 5 && !memcmp(buf, "hello", 5) && h.command == 7, "is got");
	n = am_getreq_ports(&h, NULL, 0, NULL, 0, buf, sizeof(buf));
	check(n == AM_RPC_FAILURE && errno == EBUSY, "its reply is owed");
	check(!am_info(&info) && am_forward(info.address) == AM_RPC_FAILURE && errno == EINVAL,
	      "nobody hands over to himself");
	h.status = 0;
	check_num("answered", am_putrep(&h, "world", 5), 0);
	check(end(&c) == AM_OK && c.len == 5 && !memcmp(c.in, "world", 5), "the reply comes");

	start(&c, 2, 0);
	n = am_getreq_ports(&h, get, 3, &which, 0, buf, sizeof(buf));
	check(n == 5 && which == 2, "a list of three, the third");
	check_num("to an address of nobody", am_forward((uint8_t[8]){ 1, 2, 3, 4, 5, 6, 7, 8 }), 0);
	n = am_forward(info.address);
	check(n == AM_RPC_FAILURE && errno == EINVAL, "nothing is owed any more");
	check_num("and nobody executes it", end(&c), AM_RPC_NOTFOUND);

	start(&c, 0, 9);
	check_num("a call is cancelled", am_cancel(9), 1);
	check_num("before it left", end(&c), AM_RPC_ABORTED);
	check_num("it is gone", am_cancel(9), -ENOENT);
	check_num("no cookie", am_cancel(0), -EINVAL);

	check_num("limits", am_limits(&l), 0);
	n = am_getreq_ports(&h, get, 3, NULL, 0, buf, sizeof(buf));
	check(n < 0 && errno == ETIMEDOUT, "end a wait");
	check(am_limits(&l) == 0 && l.getreq_ms == 50, "and are told");
	check_num("unlisten one", am_unlisten(get, 1), 0);
	check_num("twice", am_unlisten(get, 1), -ENOENT);
	check_num("unlisten the rest", am_unlisten(NULL, 0), 0);
	return dev_done();
}
