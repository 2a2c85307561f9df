// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transactions through /dev/amoeba, straight at the interface of the kernel: a null request with
 * a null reply; 1 MiB there and a null reply; 1 GiB, which is the same MiB 1024 times on both sides;
 * null requests of a crowd of threads to one server thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/amoeba.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

/* one_way() of the get-port is the put-port (a published pair of vectors) */
static const unsigned char get_port[6] = { 1, 2, 3, 4, 5, 6 };
static const unsigned char put_port[6] = { 0x0d, 0x6e, 0x00, 0xb1, 0x2a, 0xfe };

#define CROWD	1000

static struct amoeba_trans t;
static struct amoeba_iovec gib[GIB / MIB];

static struct amoeba_buf buffer(const struct bench *b)
{
	struct amoeba_buf buf = { .addr = (uintptr_t)bench_buf, .len = MIB };

	if (!b->gib)
		return buf;
	for (size_t i = 0; i < GIB / MIB; i++)
		gib[i] = (struct amoeba_iovec){ (uintptr_t)bench_buf, MIB };
	return (struct amoeba_buf){ .addr = (uintptr_t)gib, .iovcnt = GIB / MIB };
}

static int device(void)
{
	int fd = open("/dev/amoeba", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/amoeba");
	return fd;
}

static void serve(struct bench *b)
{
	static struct amoeba_putrep_getreq g;
	struct amoeba_buf buf = buffer(b);
	int fd = device();

	for (;;) {
		memset(&g.get, 0, sizeof(g.get));
		memcpy(g.get.hdr.port, get_port, 6);
		g.get.recv = buf;
		if (ioctl(fd, AMOEBA_PUTREP_GETREQ, &g)) {
			if (errno == EINTR)
				continue;
			die("PUTREP_GETREQ");
		}
		memset(&g.put, 0, sizeof(g.put));
		g.put.handle = g.get.handle;
	}
}

static void start(struct bench *b)
{
	b->fd[0] = device();
	memset(&t, 0, sizeof(t));
	memcpy(t.req.port, put_port, 6);
	t.req.command = 1;
	if (b->where != LOCAL)
		t.flags = AMOEBA_TRANS_REMOTE;
	if (b->mib || b->gib)
		t.send = buffer(b);
	t.locate_ms = 20000;	/* the server may start later */
}

static void call(struct bench *b)
{
	if (ioctl(b->fd[0], AMOEBA_TRANS, &t))
		die("TRANS");
	if (t.verdict) {
		errno = 0;
		die("verdict %d", t.verdict);
	}
	t.rep_len = 0;
	t.out_flags = 0;
}

static _Atomic unsigned long calls;
static _Atomic bool over;

static unsigned long crowd_trips(void)
{
	return calls;
}

static void *one_of_crowd(void *arg)
{
	struct amoeba_trans mine = t;
	struct bench *b = arg;

	for (;;) {
		if (ioctl(b->fd[0], AMOEBA_TRANS, &mine))
			die("TRANS");
		if (over)
			pause();
		if (mine.verdict) {
			errno = 0;
			die("verdict %d", mine.verdict);
		}
		mine.rep_len = 0;
		mine.out_flags = 0;
		calls++;
	}
}

static void start_crowd(struct bench *b)
{
	pthread_attr_t attr;
	pthread_t th;

	start(b);
	call(b);	/* the server is there */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (int i = 0; i < CROWD; i++) {
		errno = pthread_create(&th, &attr, one_of_crowd, b);
		if (errno)
			die("thread %d", i);
	}
}

static void end_crowd(struct bench *b)
{
	(void)b;
	over = true;
}

/* sleeps while the others call, and counts what they did meanwhile */
static void crowd_call(struct bench *b)
{
	unsigned long until = calls + CROWD;

	(void)b;
	while (calls < until)
		usleep(2000);
}

#define AMOEBA .serve = serve, .connect = start, .call = call

struct bench amoeba_benches[] = {
	{ .name = "trans_null_local", AMOEBA },
	{ .name = "trans_1mib_local", .mib = true, AMOEBA },
	{ .name = "trans_1gib_local", .gib = true, AMOEBA },
	{ .name = "trans_crowd_local", .at_once = CROWD, .serve = serve, .connect = start_crowd,
	  .call = crowd_call, .trips = crowd_trips, .finish = end_crowd },
	{ .name = "trans_null_veth", .where = VETH, AMOEBA },
	{ .name = "trans_1mib_veth", .where = VETH, .mib = true, AMOEBA },
	{ .name = "trans_null_guests", .where = GUESTS, AMOEBA },
	{ .name = "trans_1mib_guests", .where = GUESTS, .mib = true, AMOEBA },
	{ .name = NULL }
};
