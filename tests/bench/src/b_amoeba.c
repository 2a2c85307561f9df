// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transactions through /dev/amoeba, straight at the interface of the kernel: a null request with
 * a null reply; 1 MiB there and a null reply.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/amoeba.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

/* one_way() of the get-port is the put-port (a published pair of vectors) */
static const unsigned char get_port[6] = { 1, 2, 3, 4, 5, 6 };
static const unsigned char put_port[6] = { 0x0d, 0x6e, 0x00, 0xb1, 0x2a, 0xfe };

static struct amoeba_trans t;

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
	int fd = device();

	(void)b;
	for (;;) {
		memset(&g.get, 0, sizeof(g.get));
		memcpy(g.get.hdr.port, get_port, 6);
		g.get.recv.addr = (uintptr_t)bench_buf;
		g.get.recv.len = MIB;
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
	if (b->mib) {
		t.send.addr = (uintptr_t)bench_buf;
		t.send.len = MIB;
	}
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

#define AMOEBA .serve = serve, .connect = start, .call = call

struct bench amoeba_benches[] = {
	{ .name = "trans_null_local", AMOEBA },
	{ .name = "trans_1mib_local", .mib = true, AMOEBA },
	{ .name = "trans_null_veth", .where = VETH, AMOEBA },
	{ .name = "trans_1mib_veth", .where = VETH, .mib = true, AMOEBA },
	{ .name = "trans_null_guests", .where = GUESTS, AMOEBA },
	{ .name = "trans_1mib_guests", .where = GUESTS, .mib = true, AMOEBA },
	{ .name = NULL }
};
