// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TIPC between two machines: one byte there and back, by datagram and by connection; 1 MiB there
 * and one byte back. Between namespaces of one kernel TIPC takes a short cut past the network, so
 * there is no such row.
 */
#include <errno.h>
#include <linux/tipc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define SERVICE 18888

static struct sockaddr_tipc service(int kind)
{
	struct sockaddr_tipc a = {
		.family = AF_TIPC,
		.addrtype = TIPC_SERVICE_ADDR,
		.scope = TIPC_CLUSTER_SCOPE,
	};

	a.addr.name.name.type = SERVICE + (unsigned int)kind;
	a.addr.name.name.instance = 1;
	return a;
}

static int bound(const struct bench *b)
{
	struct sockaddr_tipc a = service(b->kind);
	int fd = socket(AF_TIPC, b->kind, 0);

	if (fd < 0)
		die("socket");
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("bind");
	return fd;
}

static void serve_rdm(struct bench *b)
{
	int fd = bound(b);

	for (;;) {
		struct sockaddr_tipc from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, bench_buf, MIB, 0, (struct sockaddr *)&from, &len);

		if (n < 0 || sendto(fd, bench_buf, (size_t)n, 0, (struct sockaddr *)&from,
				    len) != n)
			die("echo");
	}
}

static struct sockaddr_tipc to;

static void start_rdm(struct bench *b)
{
	struct timeval wait = { .tv_sec = 1 };
	char c = 1;

	to = service(b->kind);
	b->fd[0] = socket(AF_TIPC, b->kind, 0);
	if (b->fd[0] < 0)
		die("socket");
	if (setsockopt(b->fd[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		die("SO_RCVTIMEO");
	for (int i = 0;; i++) {	/* until the name has spread */
		if (sendto(b->fd[0], &c, 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1 &&
		    recv(b->fd[0], &c, 1, 0) == 1)
			break;
		if (i == 100)
			die("no answer");
		usleep(100000);
	}
}

static void call_rdm(struct bench *b)
{
	char c = 1;

	if (sendto(b->fd[0], &c, 1, 0, (struct sockaddr *)&to, sizeof(to)) != 1 ||
	    recv(b->fd[0], &c, 1, 0) != 1)
		die("echo");
}

static void serve_conn(struct bench *b)
{
	int fd = bound(b), s;

	if (listen(fd, 1))
		die("listen");
	s = accept(fd, NULL, NULL);
	if (s < 0)
		die("accept");
	for (;;) {
		recv_all(s, bench_buf, b->mib ? MIB : 1);
		send_all(s, bench_buf, 1);
	}
}

static void start_conn(struct bench *b)
{
	to = service(b->kind);
	b->fd[0] = socket(AF_TIPC, b->kind, 0);
	if (b->fd[0] < 0)
		die("socket");
	connect_retry(b->fd[0], &to, sizeof(to));
}

static void call_conn(struct bench *b)
{
	send_all(b->fd[0], bench_buf, b->mib ? MIB : 1);
	recv_all(b->fd[0], bench_buf, 1);
}

#define CONN .where = GUESTS, .serve = serve_conn, .connect = start_conn, .call = call_conn

struct bench tipc_benches[] = {
	{ .name = "tipc_rdm_echo_guests", .where = GUESTS, .kind = SOCK_RDM, .serve = serve_rdm,
	  .connect = start_rdm, .call = call_rdm },
	{ .name = "tipc_seqpacket_echo_guests", .kind = SOCK_SEQPACKET, CONN },
	{ .name = "tipc_stream_1mib_guests", .kind = SOCK_STREAM, .mib = true, CONN },
	{ .name = NULL }
};
