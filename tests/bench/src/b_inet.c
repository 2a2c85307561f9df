// SPDX-License-Identifier: GPL-2.0-or-later
/* UDP and TCP: one byte there and back; 1 MiB there, one byte back */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PORT 4600

static struct sockaddr_in address(const struct bench *b, bool any)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	if (any)
		a.sin_addr.s_addr = htonl(INADDR_ANY);
	else if (!inet_aton(b->address, &a.sin_addr))
		die("address %s", b->address);
	return a;
}

static void serve_udp(struct bench *b)
{
	struct sockaddr_in a = address(b, true);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("bind");
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, bench_buf, MIB, 0, (struct sockaddr *)&from, &len);

		if (n < 0 || sendto(fd, bench_buf, (size_t)n, 0, (struct sockaddr *)&from,
				    len) < 0)
			die("echo");
	}
}

static void connect_udp(struct bench *b)
{
	struct sockaddr_in a = address(b, false);
	struct timeval wait = { .tv_usec = 100000 };
	char c = 1;

	b->fd[0] = socket(AF_INET, SOCK_DGRAM, 0);
	if (b->fd[0] < 0 || connect(b->fd[0], (struct sockaddr *)&a, sizeof(a)))
		die("connect");
	/* until the server is there */
	if (setsockopt(b->fd[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		die("SO_RCVTIMEO");
	for (int i = 0;; i++) {
		if (send(b->fd[0], &c, 1, 0) == 1 && recv(b->fd[0], &c, 1, 0) == 1)
			break;
		if (i == 200)
			die("no answer");
		usleep(20000);
	}
	wait.tv_usec = 0;
	wait.tv_sec = 30;
	setsockopt(b->fd[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

static void call_udp(struct bench *b)
{
	ssize_t n = b->bytes ? b->bytes : 1;

	if (send(b->fd[0], bench_buf, (size_t)n, 0) != n || recv(b->fd[0], bench_buf, MIB, 0) != n)
		die("echo");
}

static void serve_tcp(struct bench *b)
{
	struct sockaddr_in a = address(b, true);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0), s;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
		die("listen");
	s = accept(fd, NULL, NULL);
	if (s < 0)
		die("accept");
	nodelay(s);
	for (;;) {
		recv_all(s, bench_buf, b->mib ? MIB : 1);
		send_all(s, bench_buf, 1);
	}
}

static void connect_tcp(struct bench *b)
{
	struct sockaddr_in a = address(b, false);

	b->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (b->fd[0] < 0)
		die("socket");
	connect_retry(b->fd[0], &a, sizeof(a));
	nodelay(b->fd[0]);
}

static void call_tcp(struct bench *b)
{
	send_all(b->fd[0], bench_buf, b->mib ? MIB : 1);
	recv_all(b->fd[0], bench_buf, 1);
}

#define UDP .serve = serve_udp, .connect = connect_udp, .call = call_udp
#define TCP .serve = serve_tcp, .connect = connect_tcp, .call = call_tcp

struct bench inet_benches[] = {
	{ .name = "udp_echo_veth", .where = VETH, UDP },
	{ .name = "udp_echo_1kib_veth", .where = VETH, .bytes = 1024, UDP },
	{ .name = "tcp_echo_veth", .where = VETH, TCP },
	{ .name = "tcp_1mib_veth", .where = VETH, .mib = true, TCP },
	{ .name = "udp_echo_guests", .where = GUESTS, UDP },
	{ .name = "tcp_echo_guests", .where = GUESTS, TCP },
	{ .name = "tcp_1mib_guests", .where = GUESTS, .mib = true, TCP },
	{ .name = NULL }
};
