// SPDX-License-Identifier: GPL-2.0-or-later
/* FLIP datagrams: one byte or 1 KiB there and back; 1 MiB there, one byte back */
#include <errno.h>
#include <linux/flip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

/* a private address and flip_oneway() of it (a published pair of vectors) */
static const unsigned char private_addr[8] = { 1, 2, 3, 4, 5, 6, 7, 0 };
static const unsigned char public_addr[8] = { 0xd7, 0x0d, 0x52, 0xd1, 0xb9, 0xd0, 0x19, 0 };

static struct sockaddr_flip to;

static int family(void)
{
	FILE *f = fopen("/sys/module/flip/parameters/family", "r");
	int n = 0;

	if (!f || fscanf(f, "%d", &n) != 1 || n <= 0)
		die("/sys/module/flip/parameters/family");
	fclose(f);
	return n;
}

static int open_socket(const unsigned char *private)
{
	struct sockaddr_flip a = { .sflip_family = (unsigned short)family() };
	int fd = socket(a.sflip_family, SOCK_DGRAM, FLIPPROTO_RAW);

	if (fd < 0)
		die("socket");
	if (private)
		memcpy(a.sflip_addr, private, 8);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("bind");
	return fd;
}

static void serve(struct bench *b)
{
	int fd = open_socket(private_addr);

	for (;;) {
		struct sockaddr_flip from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, bench_buf, MIB, 0, (struct sockaddr *)&from, &len);

		if (n < 0)
			die("receive");
		from.sflip_network = 0;
		if (b->mib)
			n = 1;
		if (sendto(fd, bench_buf, (size_t)n, 0, (struct sockaddr *)&from, len) != n)
			die("send");
	}
}

static void start(struct bench *b)
{
	struct timeval wait = { .tv_sec = 30 };

	b->fd[0] = open_socket(NULL);
	to.sflip_family = (unsigned short)family();
	memcpy(to.sflip_addr, public_addr, 8);
	if (setsockopt(b->fd[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		die("SO_RCVTIMEO");
	usleep(200000);		/* the server binds */
}

/* forget where the server is before each message */
static void start_cold(struct bench *b)
{
	int inval = FLIP_SEND_INVAL;

	start(b);
	if (setsockopt(b->fd[0], SOL_FLIP, FLIP_SENDFLAGS, &inval, sizeof(inval)))
		die("FLIP_SENDFLAGS");
}

static void call(struct bench *b)
{
	ssize_t out = b->mib ? (ssize_t)MIB : b->bytes ? b->bytes : 1;
	ssize_t in = b->mib ? 1 : out;

	if (sendto(b->fd[0], bench_buf, (size_t)out, 0, (struct sockaddr *)&to, sizeof(to)) != out)
		die("send");
	if (recv(b->fd[0], bench_buf, MIB, 0) != in)
		die("receive");
}

struct bench flip_benches[] = {
	{ .name = "flip_echo_1b_veth", .where = VETH, .serve = serve, .connect = start,
	  .call = call },
	{ .name = "flip_echo_1kib_veth", .where = VETH, .bytes = 1024, .serve = serve,
	  .connect = start, .call = call },
	{ .name = "flip_1mib_veth", .where = VETH, .mib = true, .serve = serve,
	  .connect = start, .call = call },
	{ .name = "flip_locate_veth", .where = VETH, .serve = serve, .connect = start_cold,
	  .call = call },
	{ .name = "flip_echo_1b_guests", .where = GUESTS, .serve = serve, .connect = start,
	  .call = call },
	{ .name = NULL }
};
