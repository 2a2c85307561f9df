/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the dev_* test programs share: "ok N - WHAT" lines, ports, clients in threads of their own.
 * One call of a program is one table of such checks; its status is 1 when one was wrong.
 */
#ifndef DEV_TEST_H
#define DEV_TEST_H

#include "rpc_tool.h"

#include <amoeba.h>
#include <pthread.h>
#include <stddef.h>

#define CMD(nr, size)	_IOC(_IOC_READ | _IOC_WRITE, AMOEBA_IOC_TYPE, nr, size)

static int dev_tests, dev_failed;

static RPC_UNUSED void check(bool good, const char *what)
{
	dev_tests++;
	dev_failed += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", dev_tests, what);
	fflush(stdout);
}

static RPC_UNUSED void check_num(const char *what, long long got, long long want)
{
	check(got == want, what);
	if (got != want)
		printf("# got %lld, want %lld\n", got, want);
}

/* @want: 0 or an errno */
static RPC_UNUSED void check_errno(const char *what, int rc, int want)
{
	int got = rc < 0 ? errno : 0;

	check(got == want, what);
	if (got != want)
		printf("# got %s, want %s\n", got ? strerrorname_np(got) : "success",
		       want ? strerrorname_np(want) : "success");
}

static RPC_UNUSED int dev_done(void)
{
	printf("# %d judged, %d wrong\n", dev_tests, dev_failed);
	return dev_failed ? 1 : 0;
}

/* get-port number @n of this program, 8 bytes; and its put-port */
static RPC_UNUSED void get_port(uint8_t *get, unsigned int n)
{
	memset(get, 0, 8);
	memcpy(get, "dev", 3);
	get[3] = 1 + n / 256;
	get[4] = n;
}

static RPC_UNUSED void put_port(uint8_t *put, unsigned int n)
{
	uint8_t get[8];
	am_port g, p;

	get_port(get, n);
	memcpy(g.b, get, 6);
	am_one_way(&g, &p);
	memset(put, 0, 8);
	memcpy(put, p.b, 6);
}

static RPC_UNUSED void msleep(unsigned int ms)
{
	rpc_sleep_ms(ms);
}

/*
 * Memory to go on with when the memory cgroup is full: who is refused more touches other pages of its own, and
 * is killed when there is none for them. Taken with @on, given back without.
 */
static RPC_UNUSED void reserve(bool on)
{
	static void *kept;

	if (on) {
		kept = malloc(1 << 20);
		memset(kept, 1, 1 << 20);
	} else {
		free(kept);
	}
}

/* a call under way in a thread */
struct bg_call {
	pthread_t		thread;
	int			fd;
	struct amoeba_trans	t;
	uint8_t			in[64], out[64];
	int			err;
	double			ms;	/* it took */
	volatile bool		done;
};

static RPC_UNUSED void *bg_run(void *arg)
{
	struct bg_call *c = arg;
	double start = rpc_ms();

	c->err = ioctl(c->fd, AMOEBA_TRANS, &c->t) < 0 ? errno : 0;
	c->ms = rpc_ms() - start;
	c->done = true;
	return NULL;
}

/* fill @c; the caller may change c->t before bg_start() */
static RPC_UNUSED void bg_init(struct bg_call *c, int fd, unsigned int port, unsigned int command)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	put_port(c->t.req.port, port);
	c->t.req.command = command;
	memset(c->out, command, sizeof(c->out));
	c->t.send.addr = (uintptr_t)c->out;
	c->t.send.len = sizeof(c->out);
	c->t.recv.addr = (uintptr_t)c->in;
	c->t.recv.len = sizeof(c->in);
	c->t.locate_ms = 300;
}

static RPC_UNUSED void bg_start(struct bg_call *c)
{
	if (pthread_create(&c->thread, NULL, bg_run, c))
		DIE("a thread cannot be made");
}

/* start it and give it time to stand in a queue */
static RPC_UNUSED void bg_queue(struct bg_call *c, int fd, unsigned int port, unsigned int command)
{
	bg_init(c, fd, port, command);
	bg_start(c);
	msleep(30);
}

static RPC_UNUSED void bg_join(struct bg_call *c)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 30;
	if (pthread_timedjoin_np(c->thread, NULL, &ts))
		DIE("a call does not come back");
}

/* the outcome of @c: its verdict, or 1000 + errno */
static RPC_UNUSED int bg_verdict(struct bg_call *c)
{
	bg_join(c);
	return c->err ? 1000 + c->err : c->t.verdict;
}

/* answer @handle; status of the reply is @status */
static RPC_UNUSED int answer(int fd, uint64_t handle, int status)
{
	struct amoeba_putrep p = { .handle = handle };

	p.hdr.status = status;
	if (ioctl(fd, AMOEBA_PUTREP, &p) < 0)
		return 1000 + errno;
	return p.verdict;
}

#endif /* DEV_TEST_H */
