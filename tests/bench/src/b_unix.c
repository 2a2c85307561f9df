// SPDX-License-Identifier: GPL-2.0-or-later
/* AF_UNIX: one byte there and back; 1 MiB there, one byte back */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

static void prepare(struct bench *b)
{
	if (socketpair(AF_UNIX, b->mib ? SOCK_STREAM : SOCK_SEQPACKET, 0, b->fd))
		die("socketpair");
}

static void serve(struct bench *b)
{
	close(b->fd[0]);
	for (;;) {
		recv_all(b->fd[1], bench_buf, b->mib ? MIB : 1);
		send_all(b->fd[1], bench_buf, 1);
	}
}

static void call(struct bench *b)
{
	send_all(b->fd[0], bench_buf, b->mib ? MIB : 1);
	recv_all(b->fd[0], bench_buf, 1);
}

struct bench unix_benches[] = {
	{ .name = "unix_seqpacket_echo", .prepare = prepare, .serve = serve, .call = call },
	{ .name = "unix_stream_1mib", .mib = true, .prepare = prepare, .serve = serve,
	  .call = call },
	{ .name = NULL }
};
