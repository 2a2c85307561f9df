// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_threads: one open file and many threads, data in many pieces, time-outs of a file; and what a
 * killed process leaves behind.
 *
 *   dev_threads
 */
#include "dev_test.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define PIECES	1024
#define THREADS	12
#define CALLS	40

static int file;	/* clients and servers alike */

static void limits(void)
{
	struct amoeba_limits l = { .locate_ms = 100, .timeout_ms = 200, .getreq_ms = 300 };
	struct amoeba_trans t = { 0 };
	struct amoeba_getreq g = { 0 };
	uint8_t longer[64] = { 0 };
	int fd = rpc_open();
	double start;

	check_errno("limits of a file", ioctl(fd, AMOEBA_LIMITS, &l), 0);
	check(!l.locate_ms && !l.timeout_ms && !l.getreq_ms, "a new file has none");
	put_port(t.req.port, 1);
	start = rpc_ms();
	check_errno("a call without one", ioctl(fd, AMOEBA_TRANS, &t), 0);
	check(t.verdict == AMOEBA_RPC_NOTFOUND && rpc_ms() - start < 2000, "has that of the file");
	check(!t.locate_ms && !t.timeout_ms, "and says so to nobody");
	get_port(g.hdr.port, 1);
	start = rpc_ms();
	check_errno("so has getreq", ioctl(fd, AMOEBA_GETREQ, &g), ETIMEDOUT);
	check(rpc_ms() - start > 250 && rpc_ms() - start < 2500, "300 ms");
	g.timeout_ms = 10;
	start = rpc_ms();
	check_errno("one of its own", ioctl(fd, AMOEBA_GETREQ, &g), ETIMEDOUT);
	check(rpc_ms() - start < 250, "is the one that counts");
	l = (struct amoeba_limits){ 0 };
	check_errno("back to none", ioctl(fd, AMOEBA_LIMITS, &l), 0);
	check(l.locate_ms == 100 && l.timeout_ms == 200 && l.getreq_ms == 300, "it says what was");
	l.flags = 1;
	check_errno("a flag", ioctl(fd, AMOEBA_LIMITS, &l), EINVAL);
	check_errno("a shorter structure", ioctl(fd, CMD(8, 12), longer), EINVAL);
	check_errno("a longer one", ioctl(fd, CMD(8, 64), longer), 0);
	longer[16] = 1;
	check_errno("a longer one with something in it", ioctl(fd, CMD(8, 64), longer), E2BIG);
	close(fd);
}

/* ---- many pieces ---------------------------------------------------------------------------------- */

static uint8_t out[PIECES * 40], in[PIECES * 40], mid[PIECES * 40];

static size_t pieces(struct amoeba_iovec *v, uint8_t *p, unsigned int seed)
{
	size_t total = 0;

	for (int i = 0; i < PIECES; i++) {
		size_t len = rand_r(&seed) % 38;	/* 0 and odd ones */

		v[i] = (struct amoeba_iovec){ (uintptr_t)p + total, len };
		total += len;
	}
	return total;
}

static void many_pieces(void)
{
	static struct amoeba_iovec vout[PIECES], vin[PIECES], vmid[PIECES];
	size_t len = pieces(vout, out, 1), room = pieces(vin, in, 2), mroom = pieces(vmid, mid, 3);
	struct amoeba_getreq g = { .timeout_ms = 3000 };
	struct amoeba_putrep p = { 0 };
	struct bg_call c;

	for (size_t i = 0; i < len; i++)
		out[i] = i * 13 + i / 256;
	bg_init(&c, file, 2, 1);
	c.t.locate_ms = 2000;
	c.t.send = (struct amoeba_buf){ .addr = (uintptr_t)vout, .iovcnt = PIECES };
	c.t.recv = (struct amoeba_buf){ .addr = (uintptr_t)vin, .iovcnt = PIECES };
	bg_start(&c);
	get_port(g.hdr.port, 2);
	g.recv = (struct amoeba_buf){ .addr = (uintptr_t)vmid, .iovcnt = PIECES };
	check_errno("a request of 1024 pieces", ioctl(file, AMOEBA_GETREQ, &g), 0);
	check(g.len == len, "as long as it is");
	check(!memcmp(mid, out, len < mroom ? len : mroom), "into 1024 others");
	check(!!(g.out_flags & AMOEBA_OUT_TRUNC) == (len > mroom), "cut where there is no room");
	p.handle = g.handle;
	p.send = (struct amoeba_buf){ .addr = (uintptr_t)vout, .iovcnt = PIECES };
	check_errno("a reply of as many", ioctl(file, AMOEBA_PUTREP, &p), 0);
	check_num("it comes", bg_verdict(&c), 0);
	check(c.t.rep_len == len && !memcmp(in, out, len < room ? len : room), "whole");
}

/* ---- many threads --------------------------------------------------------------------------------- */

static int handles[2];		/* a pipe from those who take to those who answer */
static atomic_ulong wrong_replies, good;

struct job {
	uint64_t handle;
	int64_t offset;
};

static void *taker(void *arg)
{
	(void)arg;
	for (;;) {
		struct amoeba_getreq g = { .timeout_ms = 1000 };
		struct job j;

		get_port(g.hdr.port, 3);
		if (ioctl(file, AMOEBA_GETREQ, &g) < 0)
			return NULL;
		j = (struct job){ g.handle, g.hdr.offset };
		if (write(handles[1], &j, sizeof(j)) != sizeof(j))
			DIE("pipe: %s", strerror(errno));
	}
}

static void *answerer(void *arg)
{
	struct job j;

	(void)arg;
	while (read(handles[0], &j, sizeof(j)) == sizeof(j)) {
		struct amoeba_putrep p = { .handle = j.handle, .hdr.offset = ~j.offset };

		if (ioctl(file, AMOEBA_PUTREP, &p) < 0)
			DIE("putrep by another thread: %s", strerror(errno));
	}
	return NULL;
}

static void *caller(void *arg)
{
	for (int i = 0; i < CALLS; i++) {
		struct amoeba_trans t = { .locate_ms = 3000 };

		put_port(t.req.port, 3);
		t.req.offset = (int64_t)(uintptr_t)arg * 1000 + i;
		if (ioctl(file, AMOEBA_TRANS, &t) < 0)
			DIE("trans: %s", strerror(errno));
		if (!t.verdict && t.rep.offset == ~t.req.offset)
			good++;
		else
			wrong_replies++;
	}
	return NULL;
}

static void many_threads(void)
{
	pthread_t take[3], ans[3], call[THREADS];

	if (pipe(handles))
		DIE("pipe: %s", strerror(errno));
	for (int i = 0; i < 3; i++) {
		pthread_create(&take[i], NULL, taker, NULL);
		pthread_create(&ans[i], NULL, answerer, NULL);
	}
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&call[i], NULL, caller, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(call[i], NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(take[i], NULL);
	close(handles[1]);
	for (int i = 0; i < 3; i++)
		pthread_join(ans[i], NULL);
	check_num("calls of 12 threads through one file, answered by others", good, THREADS * CALLS);
	check_num("none with the reply of another", wrong_replies, 0);
}

/* ---- killed ------------------------------------------------------------------------------------------ */

/* a child that does one of these things until it is killed */
static void victim(int what)
{
	uint8_t list[4][8];
	struct amoeba_listen l = { .ports = (uintptr_t)list, .nports = 4 };
	struct amoeba_getreq g = { .ports = (uintptr_t)list, .nports = 4, .cookie = 1 };
	struct amoeba_trans t = { .cookie = 1, .locate_ms = 60000 };
	struct amoeba_info info;
	struct amoeba_forward fw = { 0 };
	int fd = rpc_open(), other = rpc_open();
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < 4; i++)
		get_port(list[i], 10 + i);
	switch (what) {
	case 0:		/* a list */
		ioctl(fd, AMOEBA_GETREQ, &g);
		break;
	case 1:		/* a poller, which takes and leaves */
		ioctl(fd, AMOEBA_LISTEN, &l);
		poll(&p, 1, -1);
		pause();
		break;
	case 2:		/* a call */
		put_port(t.req.port, 11);
		ioctl(fd, AMOEBA_TRANS, &t);
		break;
	case 3:		/* requests handed from one file to another, which does not take them */
		ioctl(fd, AMOEBA_LISTEN, &l);
		ioctl(other, AMOEBA_LISTEN, &l);
		ioctl(other, AMOEBA_INFO, &info);
		memcpy(fw.address, info.address, 8);
		for (;;) {
			g = (struct amoeba_getreq){ .flags = AMOEBA_GETREQ_LISTENED };
			if (ioctl(fd, AMOEBA_GETREQ, &g) == 0) {
				fw.handle = g.handle;
				ioctl(fd, AMOEBA_FORWARD, &fw);
			}
		}
	}
	for (;;)
		pause();
}

static void killed(void)
{
	unsigned int seed = 7, odd = 0;
	struct bg_call c[6];

	for (int round = 0; round < 12; round++) {
		pid_t pid[4];

		for (int i = 0; i < 4; i++) {
			pid[i] = fork();
			if (pid[i] < 0)
				DIE("fork: %s", strerror(errno));
			if (!pid[i])
				victim(i);
		}
		for (int i = 0; i < 6; i++) {
			bg_init(&c[i], file, 10 + i % 4, i);
			c[i].t.cookie = 1 + i % 2;
			c[i].t.locate_ms = 50;
			bg_start(&c[i]);
		}
		usleep(rand_r(&seed) % 60000);
		if (round & 1) {
			struct amoeba_cancel can = { .cookie = 1 };

			ioctl(file, AMOEBA_CANCEL, &can);
		}
		for (int i = 0; i < 4; i++) {
			kill(pid[(i + round) % 4], SIGKILL);
			usleep(rand_r(&seed) % 3000);
		}
		for (int i = 0; i < 4; i++)
			waitpid(pid[i], NULL, 0);
		for (int i = 0; i < 6; i++) {
			int v = bg_verdict(&c[i]);

			odd += v != AMOEBA_RPC_NOTFOUND && v != AMOEBA_RPC_FAILURE &&
			       v != AMOEBA_RPC_ABORTED;
		}
	}
	check_num("processes killed at what they do: every call comes back, none answered", odd, 0);
}

int main(void)
{
	rpc_name = "dev_threads";
	file = rpc_open();
	limits();
	many_pieces();
	many_threads();
	killed();
	return dev_done();
}
