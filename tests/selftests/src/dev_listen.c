// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_listen: declared ports and poll.
 *
 *   dev_listen
 *   dev_listen names=N		print the put-ports of ports 0 to N-1
 *   dev_listen serve=N		an echo server for ports 0 and 1, one thread, with epoll, until it
 *				has served N requests, for a minute at most
 *   dev_listen hold=SECONDS	the same, but answers nothing, and goes on for so long
 *
 * What must come stands in uapi/linux/amoeba.h and amoeba(4).
 */
#include "dev_test.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>

static int server, client;
static uint8_t list[65][8];
static uint8_t data[64];

static int declare(int fd, unsigned int first, unsigned int n, unsigned int flags)
{
	struct amoeba_listen l = { .ports = (uintptr_t)list[first], .nports = n, .flags = flags };

	return ioctl(fd, AMOEBA_LISTEN, &l);
}

static short events(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	if (poll(&p, 1, ms) < 0)
		DIE("poll: %s", strerror(errno));
	return p.revents;
}

/* the oldest for a declared port: 0 or an errno */
static int take(int fd, struct amoeba_getreq *g)
{
	memset(g, 0, sizeof(*g));
	g->flags = AMOEBA_GETREQ_LISTENED | AMOEBA_GETREQ_NONBLOCK;
	g->recv.addr = (uintptr_t)data;
	g->recv.len = sizeof(data);
	return ioctl(fd, AMOEBA_GETREQ, g) < 0 ? errno : 0;
}

static void polling(void)
{
	struct amoeba_getreq g;
	struct bg_call c[3];

	check_num("no ports, no events", events(server, 0), 0);
	check_num("nothing declared, nothing to take", take(server, &g), EAGAIN);
	check_errno("three ports are declared", declare(server, 0, 3, 0), 0);
	check_errno("again", declare(server, 0, 3, 0), 0);
	check_num("nothing is waiting", events(server, 20), 0);
	check_num("nothing to take", take(server, &g), EAGAIN);
	msleep(1300);
	check(!events(server, 0), "an event loop sleeps longer than a thread may");
	msleep(1300);
	for (int i = 0; i < 3; i++)
		bg_queue(&c[i], client, 2 - i, 30 + i);
	check_num("requests are waiting", events(server, 1000), POLLIN);
	for (int i = 0; i < 3; i++) {
		check_num("as long as there is one", events(server, 0), POLLIN);
		check_num("one is taken", take(server, &g), 0);
		check_num("the oldest", g.hdr.command, 30 + i);
		check_num("answered", answer(server, g.handle, 0), 0);
		check_num("its client has the reply", bg_verdict(&c[i]), 0);
	}
	check_num("no more", events(server, 0), 0);
	check_num("no more to take", take(server, &g), EAGAIN);
}

static void *later(void *arg)
{
	msleep(100);
	bg_start(arg);
	return NULL;
}

/* sleepers are woken, by each of the ways to sleep */
static void wakes(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN };
	struct amoeba_getreq g = { .flags = AMOEBA_GETREQ_LISTENED, .timeout_ms = 3000 };
	struct bg_call c;
	pthread_t t;

	bg_init(&c, client, 1, 1);
	pthread_create(&t, NULL, later, &c);
	check_num("poll sleeps until a request comes", events(server, 3000), POLLIN);
	take(server, &g);
	answer(server, g.handle, 0);
	pthread_join(t, NULL);
	check_num("answered", bg_verdict(&c), 0);

	for (int edge = 0; edge < 2; edge++) {
		ev.events = EPOLLIN | (edge ? EPOLLET : 0);
		epoll_ctl(ep, edge ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, server, &ev);
		for (int i = 0; i < 2; i++) {
			bg_init(&c, client, 1, 1);
			pthread_create(&t, NULL, later, &c);
			check_num(edge ? "epoll sleeps, edge" : "epoll sleeps, level",
				  epoll_wait(ep, &ev, 1, 3000), 1);
			pthread_join(t, NULL);
			check_num("a second event without a second request",
				  epoll_wait(ep, &ev, 1, 0), !edge);
			take(server, &g);
			answer(server, g.handle, 0);
			check_num("answered", bg_verdict(&c), 0);
		}
	}
	close(ep);

	g = (struct amoeba_getreq){ .flags = AMOEBA_GETREQ_LISTENED, .timeout_ms = 3000 };
	bg_init(&c, client, 2, 1);
	pthread_create(&t, NULL, later, &c);
	check_errno("getreq sleeps for any declared port", ioctl(server, AMOEBA_GETREQ, &g), 0);
	answer(server, g.handle, 0);
	pthread_join(t, NULL);
	check_num("answered", bg_verdict(&c), 0);
	g = (struct amoeba_getreq){ .flags = AMOEBA_GETREQ_LISTENED, .timeout_ms = 20 };
	check_errno("until its time is up", ioctl(server, AMOEBA_GETREQ, &g), ETIMEDOUT);
}

/* a loop with one thread is at work for all its ports */
static void at_work(void)
{
	struct amoeba_getreq g;
	struct bg_call c[2];

	bg_queue(&c[0], client, 0, 1);
	take(server, &g);
	msleep(1200);
	bg_queue(&c[1], client, 1, 2);
	check(!c[1].done, "a call waits for a loop at work");
	answer(server, g.handle, 0);
	check_num("the one is answered", bg_verdict(&c[0]), 0);
	check_num("the other is next", take(server, &g), 0);
	answer(server, g.handle, 0);
	check_num("and answered", bg_verdict(&c[1]), 0);
}

static void shared(void)
{
	int other = rpc_open();
	struct amoeba_getreq g, h;
	struct bg_call c;

	check_errno("another file declares a port of ours", declare(other, 1, 1, 0), 0);
	bg_queue(&c, client, 1, 9);
	check(events(server, 500) == POLLIN && events(other, 500) == POLLIN, "both are told");
	check_num("the one takes it", take(other, &g), 0);
	check_num("the other finds nothing", take(server, &h), EAGAIN);
	check_num("nor an event", events(server, 0), 0);
	check_num("not its handle", answer(server, g.handle, 0), 1000 + ENOENT);
	answer(other, g.handle, 0);
	check_num("answered", bg_verdict(&c), 0);
	bg_queue(&c, client, 1, 9);
	close(other);
	check_num("a file is closed: the request is the other's", take(server, &g), 0);
	answer(server, g.handle, 0);
	check_num("answered", bg_verdict(&c), 0);
}

static void taken_back(void)
{
	struct amoeba_getreq g;
	struct bg_call c;

	bg_queue(&c, client, 2, 1);
	check_num("a request is waiting", events(server, 500), POLLIN);
	check_errno("its port is taken back", declare(server, 2, 1, AMOEBA_LISTEN_OFF), 0);
	check_num("its client looks elsewhere", bg_verdict(&c), AMOEBA_RPC_NOTFOUND);
	check(c.ms < 2000, "at once");
	check_num("no events", events(server, 0), 0);
	bg_queue(&c, client, 2, 1);
	check_num("nobody serves it", bg_verdict(&c), AMOEBA_RPC_NOTFOUND);
	check_errno("taken back twice", declare(server, 2, 1, AMOEBA_LISTEN_OFF), ENOENT);
	check_errno("one of them is not declared", declare(server, 0, 3, AMOEBA_LISTEN_OFF), ENOENT);
	bg_queue(&c, client, 0, 1);
	check_num("then all stay", take(server, &g), 0);
	/* taken back with a request of it in our hands */
	check_errno("all are taken back", declare(server, 0, 0, AMOEBA_LISTEN_OFF), EINVAL);
	struct amoeba_listen all = { .flags = AMOEBA_LISTEN_OFF };

	check_errno("all, without a list", ioctl(server, AMOEBA_LISTEN, &all), 0);
	check_num("a request in work is answered all the same", answer(server, g.handle, 0), 0);
	check_num("to its client", bg_verdict(&c), 0);
	bg_queue(&c, client, 0, 1);
	check_num("and it was the last", bg_verdict(&c), AMOEBA_RPC_NOTFOUND);
	check_errno("none is left to take back", ioctl(server, AMOEBA_LISTEN, &all), 0);

	/* a thread that waits for the port serves it with or without the declaration */
	declare(server, 0, 1, 0);
	g = (struct amoeba_getreq){ .timeout_ms = 3000 };
	memcpy(g.hdr.port, list[0], 8);
	bg_init(&c, client, 0, 1);
	pthread_t t;

	pthread_create(&t, NULL, later, &c);
	declare(server, 0, 1, AMOEBA_LISTEN_OFF);
	check_errno("getreq after that", ioctl(server, AMOEBA_GETREQ, &g), 0);
	answer(server, g.handle, 0);
	pthread_join(t, NULL);
	check_num("serves it", bg_verdict(&c), 0);
}

static void wrong(void)
{
	struct amoeba_listen l;
	uint8_t longer[64] = { 0 };

#define WRONG(name, stmt, want)						\
	do {								\
		l = (struct amoeba_listen){ .ports = (uintptr_t)list, .nports = 2 };	\
		stmt;							\
		check_errno(name, ioctl(server, AMOEBA_LISTEN, &l), want);	\
	} while (0)
	WRONG("no ports", l.nports = 0, EINVAL);
	WRONG("65 ports", l.nports = 65, EINVAL);
	WRONG("2^32-1 ports", l.nports = ~0U, EINVAL);
	WRONG("flag bit 1", l.flags = 2, EINVAL);
	WRONG("flag bit 31", l.flags = 1U << 31, EINVAL);
	WRONG("ports at no address", l.ports = 0, EFAULT);
	WRONG("ports of the kernel", l.ports = 0xffff888000001000ULL, EFAULT);
	list[1][7] = 1;
	WRONG("byte 7 of a port", (void)0, EINVAL);
	memset(list[1], 0, 8);
	WRONG("a null port", (void)0, EINVAL);
	check_errno("none of them was declared", declare(server, 0, 1, AMOEBA_LISTEN_OFF), ENOENT);
	get_port(list[1], 1);
	memcpy(longer, &(struct amoeba_listen){ (uintptr_t)list, 1, 0 }, 16);
	check_errno("a shorter structure", ioctl(server, CMD(7, 8), longer), EINVAL);
	check_errno("a longer one", ioctl(server, CMD(7, 64), longer), 0);
	longer[20] = 1;
	check_errno("a longer one with something in it", ioctl(server, CMD(7, 64), longer), E2BIG);
	check_errno("at no address", ioctl(server, AMOEBA_LISTEN, NULL), EFAULT);
	declare(server, 0, 1, AMOEBA_LISTEN_OFF);
}

static void limit(void)
{
	struct amoeba_info info;
	struct amoeba_listen all = { .flags = AMOEBA_LISTEN_OFF };
	unsigned int n;
	int err = 0;

	check_errno("info", ioctl(server, AMOEBA_INFO, &info), 0);
	check(info.max_listen == AMOEBA_MAX_LISTEN && info.max_ports == AMOEBA_MAX_PORTS &&
	      info.features & AMOEBA_FEAT_LISTEN && info.features & AMOEBA_FEAT_PORTS,
	      "says what there is");
	for (n = 0; n <= 2 * AMOEBA_MAX_LISTEN && !err; n++) {
		get_port(list[64], 100 + n);
		err = declare(server, 64, 1, 0) < 0 ? errno : 0;
	}
	check_num("too many ports", err, ENOBUFS);
	check(n > AMOEBA_MAX_LISTEN - 10 && n <= AMOEBA_MAX_LISTEN + 1, "when it is said");
	check_errno("all are taken back", ioctl(server, AMOEBA_LISTEN, &all), 0);
	check_errno("then there is room again", declare(server, 64, 1, 0), 0);
	ioctl(server, AMOEBA_LISTEN, &all);

	/* threads that come and go with ports of their own do not fill it */
	for (n = 0, err = EAGAIN; n < AMOEBA_MAX_LISTEN + 100 && err == EAGAIN; n++) {
		struct amoeba_getreq g = { .flags = AMOEBA_GETREQ_NONBLOCK };

		get_port(g.hdr.port, 3000 + n);
		err = ioctl(server, AMOEBA_GETREQ, &g) < 0 ? errno : 0;
		if (n == AMOEBA_MAX_LISTEN - 50)
			msleep(1100);	/* now they are not there any more */
	}
	check_num("ports of threads that left make room", err, EAGAIN);
}

/* a loop that does not come back counts as not there, and is there when it does */
struct deaf {
	int fd;
	struct bg_call c;
};

static void deaf_start(struct deaf *d)
{
	d->fd = rpc_open();
	check_errno("a port of a loop that does nothing", declare(d->fd, 40, 1, 0), 0);
	bg_queue(&d->c, client, 40, 1);
}

static void deaf_end(struct deaf *d)
{
	struct amoeba_getreq g;
	struct bg_call c;

	check_num("a loop that does not come is not there", bg_verdict(&d->c), AMOEBA_RPC_NOTFOUND);
	check(d->c.ms > 4500 && d->c.ms < 9000, "after five seconds");
	bg_queue(&c, client, 40, 1);
	check_num("nor for the next", bg_verdict(&c), AMOEBA_RPC_NOTFOUND);
	check(c.ms < 2500, "who need not wait");
	check_num("it polls again", events(d->fd, 0), 0);
	bg_queue(&c, client, 40, 1);
	check_num("and has a request", events(d->fd, 1000), POLLIN);
	check_num("takes it", take(d->fd, &g), 0);
	answer(d->fd, g.handle, 0);
	check_num("answers it", bg_verdict(&c), 0);
	close(d->fd);
}

/* @most: requests, 0: any number */
static int serve(double seconds, unsigned long most, bool hold)
{
	double end = rpc_ms() + seconds * 1e3;
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN };
	struct amoeba_getreq g;
	unsigned long n = 0;

	if (declare(server, 0, 2, 0) < 0)
		DIE("listen: %s", strerror(errno));
	epoll_ctl(ep, EPOLL_CTL_ADD, server, &ev);
	printf("ready\n");
	fflush(stdout);
	while (rpc_ms() < end && (!most || n < most)) {
		if (epoll_wait(ep, &ev, 1, 100) <= 0)
			continue;
		if (take(server, &g))
			continue;
		n++;
		if (hold)
			continue;
		struct amoeba_putrep p = { .handle = g.handle, .hdr.extra = g.hdr.extra };

		p.send.addr = (uintptr_t)data;
		p.send.len = g.len < sizeof(data) ? g.len : sizeof(data);
		ioctl(server, AMOEBA_PUTREP, &p);
	}
	printf("%lu served\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	const char *v;
	struct deaf d;

	rpc_name = "dev_listen";
	for (int i = 0; i < 64; i++)
		get_port(list[i], i);
	server = rpc_open();
	client = rpc_open();
	if (argc > 1) {
		if ((v = rpc_arg(argv[1], "names"))) {
			for (int i = 0; i < atoi(v); i++) {
				put_port(data, i);
				rpc_print_hex(data, 6);
				putchar('\n');
			}
			return 0;
		}
		if ((v = rpc_arg(argv[1], "hold")))
			return serve(strtod(v, NULL), 0, true);
		v = rpc_arg(argv[1], "serve");
		if (!v)
			DIE("%s: no such argument; see the head of dev_listen.c", argv[1]);
		return serve(60, strtoul(v, NULL, 0), false);
	}
	deaf_start(&d);
	polling();
	wakes();
	at_work();
	shared();
	taken_back();
	wrong();
	limit();
	deaf_end(&d);
	return dev_done();
}
