// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_forward: AMOEBA_FORWARD.
 *
 *   dev_forward			everything within one namespace
 *   dev_forward serve=SECONDS
 *	prints its address; from SIGUSR1 on a server of port 0, which answers with command + 1000
 *   dev_forward front=ADDRESS
 *	a server of port 0 that answers the first request, so that its client knows it, and forwards
 *	all others to ADDRESS (16 hex digits)
 *   dev_forward call=N		N calls of port 0, to a server elsewhere
 *   dev_forward here=N		the same, to one here
 *
 * What must come stands in uapi/linux/amoeba.h and amoeba(4).
 */
#include "dev_test.h"

#include <signal.h>
#include <stdatomic.h>

static int first, second, client;
static uint8_t data[200000], big[200000];

static void declare(int fd, unsigned int port, unsigned int flags)
{
	uint8_t get[8];
	struct amoeba_listen l = { .ports = (uintptr_t)get, .nports = 1, .flags = flags };

	get_port(get, port);
	if (ioctl(fd, AMOEBA_LISTEN, &l) < 0)
		DIE("listen: %s", strerror(errno));
}

static void address_of(int fd, uint8_t *address)
{
	struct amoeba_info info;

	if (ioctl(fd, AMOEBA_INFO, &info) < 0)
		DIE("info: %s", strerror(errno));
	memcpy(address, info.address, 8);
}

static int forward(int fd, uint64_t handle, const uint8_t *address)
{
	struct amoeba_forward fw = { .handle = handle, .verdict = 77 };

	memcpy(fw.address, address, 8);
	return ioctl(fd, AMOEBA_FORWARD, &fw) < 0 ? 1000 + errno : fw.verdict;
}

static bool take(int fd, struct amoeba_getreq *g, unsigned int ms)
{
	memset(g, 0, sizeof(*g));
	g->flags = AMOEBA_GETREQ_LISTENED;
	g->timeout_ms = ms;
	g->recv.addr = (uintptr_t)data;
	g->recv.len = sizeof(data);
	return ioctl(fd, AMOEBA_GETREQ, g) == 0;
}

/* a request for @port in the hands of the first server, that of @c */
static uint64_t at_first(struct bg_call *c, unsigned int port, struct amoeba_getreq *g)
{
	declare(first, port, 0);
	bg_init(c, client, port, 42);
	bg_start(c);
	if (!take(first, g, 2000))
		DIE("no request: %s", strerror(errno));
	return g->handle;
}

static void handed(void)
{
	struct amoeba_getreq g;
	struct bg_call c;
	uint8_t a1[8], a2[8];
	uint64_t handle;

	address_of(first, a1);
	address_of(second, a2);
	handle = at_first(&c, 0, &g);
	check_num("to a server that does not serve the port", forward(first, handle, a2),
		  1000 + ECONNREFUSED);
	declare(second, 0, 0);
	check_num("to oneself", forward(first, handle, a1), 1000 + EINVAL);
	check_num("to no address", forward(first, handle, (uint8_t[8]){ 0 }), 1000 + EINVAL);
	check_num("a handle of another file", forward(second, handle, a1), 1000 + ENOENT);
	check_num("handle 0", forward(first, 0, a2), 1000 + ENOENT);
	check_num("a handle of nobody", forward(first, handle ^ 0x100000, a2), 1000 + ENOENT);
	check(!c.done, "the request is in our hands still");
	check_num("to the other server", forward(first, handle, a2), 0);
	check_num("it is handed over once", forward(first, handle, a2), 1000 + ENOENT);
	check_num("and not answered any more", answer(first, handle, 0), 1000 + ENOENT);
	check(take(second, &g, 2000), "the other has it");
	check(g.hdr.command == 42 && g.len == 64 && data[63] == 42, "whole");
	check(g.out_flags & AMOEBA_OUT_LOCAL, "from within the namespace");
	handle = g.handle;
	check(!take(first, &g, 50), "and nobody else");
	check_num("it answers", answer(second, handle, 7), 0);
	check_num("its client has a reply", bg_verdict(&c), 0);
	check_num("that of the other", c.t.rep.status, 7);
}

static void chain(void)
{
	struct amoeba_getreq g;
	struct bg_call c;
	uint8_t a[2][8];
	int fd[2] = { first, second };
	unsigned int n;

	address_of(first, a[0]);
	address_of(second, a[1]);
	declare(second, 2, 0);
	at_first(&c, 2, &g);
	/* to and fro, until the client has enough of it */
	for (n = 0; n < 20; n++) {
		if (forward(fd[n & 1], g.handle, a[~n & 1]))
			DIE("forward %u", n);
		if (!take(fd[~n & 1], &g, 300))
			break;
	}
	printf("# handed over %u times\n", n + 1);
	check(n >= 9 && n < 20, "requests that are handed to and fro come to an end");
	check_num("not executed", bg_verdict(&c), AMOEBA_RPC_NOTFOUND);
}

static void data_goes_along(void)
{
	struct amoeba_getreq g;
	struct bg_call c;
	uint8_t a2[8];

	address_of(second, a2);
	declare(first, 3, 0);
	declare(second, 3, 0);
	for (unsigned int i = 0; i < sizeof(big); i++)
		big[i] = i * 7;
	/* large data is copied from the client's memory, small through the kernel */
	for (int i = 0; i < 2; i++) {
		bg_init(&c, client, 3, 5);
		c.t.send.addr = (uintptr_t)big;
		c.t.send.len = i ? sizeof(big) : 3000;
		bg_start(&c);
		check(take(first, &g, 2000), "a request with data");
		check_num("handed over", forward(first, g.handle, a2), 0);
		memset(data, 0, sizeof(data));
		check(take(second, &g, 2000) && g.len == c.t.send.len &&
		      !memcmp(data, big, g.len), "comes with all of it");
		answer(second, g.handle, 99);
		check_num("is answered", bg_verdict(&c), 0);
		check_num("by the other", c.t.rep.status, 99);
	}
}

static void ends(void)
{
	struct amoeba_getreq g;
	struct bg_call c;
	struct amoeba_cancel can = { .cookie = 3 };
	uint8_t a2[8], nobody[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint64_t handle;
	int third;

	address_of(second, a2);
	declare(second, 4, 0);
	/* the client is gone */
	declare(first, 4, 0);
	bg_init(&c, client, 4, 1);
	c.t.cookie = 3;
	bg_start(&c);
	check(take(first, &g, 2000), "a request");
	ioctl(client, AMOEBA_CANCEL, &can);
	check_num("its client gives up", bg_verdict(&c), AMOEBA_RPC_FAILURE);
	check_num("handed over all the same", forward(first, g.handle, a2), AMOEBA_RPC_FAILURE);
	check(!take(second, &g, 50), "it does not come to the other");

	/* one that waits at the other is cancelled: nobody has it */
	bg_init(&c, client, 4, 1);
	c.t.cookie = 3;
	bg_start(&c);
	check(take(first, &g, 2000) || take(second, &g, 0), "a request");
	handle = g.handle;
	check_num("handed over", forward(first, handle, a2), 0);
	msleep(30);
	ioctl(client, AMOEBA_CANCEL, &can);
	check_num("and cancelled", bg_verdict(&c), AMOEBA_RPC_ABORTED);
	check(!take(second, &g, 50), "nobody gets it");

	/* the other goes away with it in its queue, and with it in its hands */
	for (int taken = 0; taken < 2; taken++) {
		third = rpc_open();
		declare(third, 5, 0);
		address_of(third, a2);
		declare(first, 5, 0);
		bg_init(&c, client, 5, 1);
		bg_start(&c);
		while (!take(first, &g, 20) && !take(third, &g, 20))
			;
		if (forward(first, g.handle, a2)) {	/* the third had it first */
			answer(third, g.handle, 0);
			bg_join(&c);
			close(third);
			taken--;
			continue;
		}
		declare(first, 5, AMOEBA_LISTEN_OFF);
		msleep(30);
		if (taken)
			check(take(third, &g, 1000), "the other has it");
		close(third);
		check_num(taken ? "a server that dies with it: maybe executed" :
			  "one that has it in its queue: not executed",
			  bg_verdict(&c), taken ? AMOEBA_RPC_FAILURE : AMOEBA_RPC_NOTFOUND);
	}

	/* an address that is nowhere: the client looks for it, and then for a server */
	handle = at_first(&c, 6, &g);
	check_num("to an address that is nowhere", forward(first, handle, nobody), 0);
	declare(first, 6, AMOEBA_LISTEN_OFF);
	check_num("is not executed", bg_verdict(&c), AMOEBA_RPC_NOTFOUND);

	/* what only fits a wide header goes to those of this namespace only */
	declare(first, 7, 0);
	bg_init(&c, client, 7, 1);
	c.t.req.object = 0x1000000;
	bg_start(&c);
	check(take(first, &g, 2000), "a request that needs a wide header");
	check_num("to an address elsewhere", forward(first, g.handle, nobody), 1000 + ERANGE);
	declare(second, 7, 0);
	address_of(second, a2);
	check_num("to one here", forward(first, g.handle, a2), 0);
	check(take(second, &g, 2000) && g.hdr.object == 0x1000000, "comes as it is");
	answer(second, g.handle, 0);
	check_num("and is answered", bg_verdict(&c), 0);
}

static void wrong(void)
{
	struct amoeba_forward fw = { .handle = 1, .address = { 1 }, .flags = 1 };
	uint8_t longer[64] = { 1 };

	check_errno("a flag", ioctl(first, AMOEBA_FORWARD, &fw), EINVAL);
	check_errno("at no address", ioctl(first, AMOEBA_FORWARD, NULL), EFAULT);
	longer[8] = 1;
	check_errno("a shorter structure", ioctl(first, CMD(5, 16), longer), EINVAL);
	check_errno("a longer one", ioctl(first, CMD(5, 64), longer), ENOENT);
	longer[24] = 1;
	check_errno("a longer one with something in it", ioctl(first, CMD(5, 64), longer), E2BIG);
}

/* ---- between machines ----------------------------------------------------------------------------- */

static void on_usr1(int sig)
{
	(void)sig;
}

static void reply(const struct amoeba_getreq *g)
{
	struct amoeba_putrep p = { .handle = g->handle, .hdr.status = 1000 + g->hdr.command };

	p.send.addr = (uintptr_t)data;
	p.send.len = g->len;
	if (ioctl(first, AMOEBA_PUTREP, &p) < 0)
		DIE("putrep: %s", strerror(errno));
}

static int serve(double seconds, const char *to)
{
	double end = rpc_ms() + seconds * 1e3;
	struct sigaction sa = { .sa_handler = on_usr1 };
	struct amoeba_getreq g;
	uint8_t address[8];
	unsigned long n = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	address_of(first, address);
	if (to)
		declare(first, 0, 0);
	rpc_print_hex(address, 8);
	printf(" ready\n");
	fflush(stdout);
	if (to) {
		rpc_hex("front", to, address, 8);
	} else {
		sigwaitinfo(&set, NULL);
		declare(first, 0, 0);
		printf("serving\n");
		fflush(stdout);
	}
	while (rpc_ms() < end) {
		if (!take(first, &g, 100))
			continue;
		if (!to || !n++)
			reply(&g);
		else if (forward(first, g.handle, address) > 0)
			DIE("forward");
	}
	return 0;
}

static int call(unsigned int n, unsigned int flags)
{
	struct bg_call c;

	for (unsigned int i = 0; i < n; i++) {
		bg_init(&c, client, 0, i);
		c.t.locate_ms = 2000;
		c.t.flags = flags;
		bg_start(&c);
		check_num("a call is answered", bg_verdict(&c), 0);
		check(c.t.rep.status == (int)(1000 + i) && c.t.rep_len == 64 &&
		      !memcmp(c.in, c.out, 64), "by the one it was handed to");
	}
	return dev_done();
}

int main(int argc, char **argv)
{
	const char *v;

	rpc_name = "dev_forward";
	first = rpc_open();
	second = rpc_open();
	client = rpc_open();
	if (argc > 1 && (v = rpc_arg(argv[1], "serve")))
		return serve(strtod(v, NULL), NULL);
	if (argc > 1 && (v = rpc_arg(argv[1], "front")))
		return serve(60, v);
	if (argc > 1 && (v = rpc_arg(argv[1], "call")))
		return call(atoi(v), AMOEBA_TRANS_REMOTE);
	if (argc > 1 && (v = rpc_arg(argv[1], "here")))
		return call(atoi(v), 0);
	if (argc > 1)
		DIE("%s: no such argument; see the head of dev_forward.c", argv[1]);
	handed();
	chain();
	data_goes_along();
	ends();
	wrong();
	return dev_done();
}
