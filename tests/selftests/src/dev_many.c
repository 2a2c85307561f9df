// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_many: what must cost the same however many there are: ports a file has declared, files that are
 * open. Each thing is timed with few and with many, in turns, and the best of several is compared: it may
 * be FACTOR times as much. Looking at all of them would be hundreds of times.
 */
#include "dev_test.h"

#include <poll.h>
#include <sys/resource.h>

#define FACTOR		4
#define ROUNDS		5
#define TIMES		200
#define PORTS		AMOEBA_MAX_LISTEN
#define FILES		2000

static void declare(int fd, unsigned int from, unsigned int nr)
{
	static uint8_t list[AMOEBA_MAX_PORTS][8];

	while (nr) {
		unsigned int n = nr < AMOEBA_MAX_PORTS ? nr : AMOEBA_MAX_PORTS;
		struct amoeba_listen l = { .ports = (uintptr_t)list, .nports = n };

		for (unsigned int i = 0; i < n; i++)
			get_port(list[i], from + i);
		if (ioctl(fd, AMOEBA_LISTEN, &l) < 0)
			DIE("listen: %s", strerror(errno));
		from += n;
		nr -= n;
	}
}

static void ask_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 0))
		DIE("poll: a request, or %s", strerror(errno));
}

static void ask_listened(int fd)
{
	struct amoeba_getreq g = { .flags = AMOEBA_GETREQ_LISTENED | AMOEBA_GETREQ_NONBLOCK };

	if (!ioctl(fd, AMOEBA_GETREQ, &g) || errno != EAGAIN)
		DIE("listened: %s", strerror(errno));
}

/* port 0, the first that was declared */
static void ask_port(int fd)
{
	struct amoeba_getreq g = { .flags = AMOEBA_GETREQ_NONBLOCK };

	get_port(g.hdr.port, 0);
	if (!ioctl(fd, AMOEBA_GETREQ, &g) || errno != EAGAIN)
		DIE("getreq: %s", strerror(errno));
}

/* to an address nobody has: looked for among the files, and then the header does not fit */
static struct amoeba_forward fw;

static void ask_forward(int fd)
{
	if (!ioctl(fd, AMOEBA_FORWARD, &fw) || errno != ERANGE)
		DIE("forward: %s", strerror(errno));
}

/* the best of a few, ms for all TIMES */
static double once(void (*ask)(int fd), int fd)
{
	double start = rpc_ms();

	for (int i = 0; i < TIMES; i++)
		ask(fd);
	return rpc_ms() - start;
}

static void compare(const char *what, double few, double many)
{
	check(many < FACTOR * few, what);
	printf("# %.2f us, with many %.2f us\n", few * 1e3 / TIMES, many * 1e3 / TIMES);
}

static void many_ports(const char *what, void (*ask)(int fd), int few, int many)
{
	double f = 1e9, m = 1e9, t;

	for (int i = 0; i < ROUNDS; i++) {
		t = once(ask, few);
		f = t < f ? t : f;
		t = once(ask, many);
		m = t < m ? t : m;
	}
	compare(what, f, m);
}

static bool take(int fd, struct amoeba_getreq *g)
{
	*g = (struct amoeba_getreq){ .flags = AMOEBA_GETREQ_LISTENED, .timeout_ms = 5000 };
	return ioctl(fd, AMOEBA_GETREQ, g) == 0;
}

/* of requests on many ports the oldest is next, whatever its port */
static void order(int fd, int client)
{
	static const unsigned int on[] = { 900, 3, 511, 3, 900, 77, 1, 3 };
	enum { N = sizeof(on) / sizeof(on[0]) };
	struct bg_call c[N];
	struct amoeba_getreq g;
	unsigned int good = 0, ended = 0;

	for (unsigned int i = 0; i < N; i++)
		bg_queue(&c[i], client, on[i], i);
	for (unsigned int i = 0; i < N && take(fd, &g); i++) {
		good += g.hdr.command == (int)i;
		answer(fd, g.handle, 0);
	}
	for (unsigned int i = 0; i < N; i++)
		ended += bg_verdict(&c[i]) == 0;
	check_num("the oldest of 1024 ports first", good, N);
	check_num("and all are answered", ended, N);
	ask_poll(fd);
}

static void many_files(int server, int client)
{
	static int fds[FILES];
	struct amoeba_getreq g;
	struct bg_call c;
	double few = 1e9, many = 1e9, t;
	int n = 0;

	bg_init(&c, client, 0, 1);
	c.t.req.object = 1U << 30;	/* no classic header has that */
	bg_start(&c);
	if (!take(server, &g))
		DIE("no request: %s", strerror(errno));
	fw.handle = g.handle;
	memset(fw.address, 0x5a, sizeof(fw.address));
	for (int i = 0; i < ROUNDS; i++) {
		t = once(ask_forward, server);
		few = t < few ? t : few;
	}
	for (n = 0; n < FILES; n++)
		fds[n] = rpc_open();
	for (int i = 0; i < ROUNDS; i++) {
		t = once(ask_forward, server);
		many = t < many ? t : many;
	}
	while (n)
		close(fds[--n]);
	compare("a file is found among 2000 as among two", few, many);
	answer(server, g.handle, 0);
	check_num("its client", bg_verdict(&c), 0);
}

int main(void)
{
	struct rlimit lim = { FILES + 100, FILES + 100 };
	int few, many, client;

	rpc_name = "dev_many";
	if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
		DIE("%d open files: %s", FILES, strerror(errno));
	few = rpc_open();
	many = rpc_open();
	client = rpc_open();
	declare(many, 0, PORTS);
	order(many, client);
	declare(few, 0, 1);
	many_ports("poll", ask_poll, few, many);
	many_ports("a request for any declared port", ask_listened, few, many);
	many_ports("a request for one port", ask_port, few, many);
	close(many);
	many_files(few, client);
	return dev_done();
}
