// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hub [-s] FD... - one Ethernet segment for test guests.
 *
 * DESIGN NOTES
 *
 * Each FD is one end of an AF_UNIX datagram socketpair whose other end a guest holds
 * as its network interface: a datagram is a frame.  What comes in on one goes out on
 * all others, whatever the addresses say, as on a coaxial cable; with -s as through a switch,
 * which sends what is for the last sender of a port to that port alone.  A guest that does
 * not read loses frames once its socket buffer is full, and holds up nobody: that is
 * counted.  Ends when every guest has gone, or at end of file of standard input,
 * and then prints one line per port.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST	32
#define FRAME	65600

#define MAC	6

struct port {
	int fd;
	unsigned char mac[MAC];		/* from which it sent last; zero: it has not */
	unsigned long long in, out, lost;
};

static char data[BURST][FRAME];

/* the port a frame is for, or -1: for all */
static int port_of(const struct port *port, int n, const char *frame)
{
	static const unsigned char nobody[MAC];

	for (int i = 0; i < n; i++)
		if (!memcmp(port[i].mac, frame, MAC) && memcmp(frame, nobody, MAC))
			return i;
	return -1;
}

int main(int argc, char **argv)
{
	bool is_switch = argc > 1 && !strcmp(argv[1], "-s") && argc-- && argv++;
	int n = argc - 1, live = n, size = 4 << 20;
	struct port *port = calloc(n + 1, sizeof(*port));
	struct pollfd *poll_fd = calloc(n + 1, sizeof(*poll_fd));
	struct mmsghdr rx[BURST] = { 0 }, tx[BURST];
	int to[BURST];
	struct iovec iov[BURST];

	if (n < 1 || !port || !poll_fd) {
		fprintf(stderr, "usage: hub [-s] FD...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		port[i].fd = atoi(argv[i + 1]);
		/* FORCE needs privilege; without it net.core.wmem_max bounds the queue */
		if (setsockopt(port[i].fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
			setsockopt(port[i].fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		poll_fd[i].fd = port[i].fd;
		poll_fd[i].events = POLLIN;
	}
	poll_fd[n].fd = 0;
	poll_fd[n].events = POLLIN;

	while (live) {
		if (poll(poll_fd, n + 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			perror("hub: poll");
			return 1;
		}
		if (poll_fd[n].revents)
			break;
		for (int i = 0; i < n; i++) {
			int got;

			if (!poll_fd[i].revents)
				continue;
			for (int k = 0; k < BURST; k++) {
				iov[k] = (struct iovec){ data[k], FRAME };
				rx[k].msg_hdr = (struct msghdr){ .msg_iov = &iov[k], .msg_iovlen = 1 };
			}
			got = recvmmsg(port[i].fd, rx, BURST, MSG_DONTWAIT, NULL);
			if (got < 0) {
				if (errno == EAGAIN || errno == EINTR)
					continue;
				poll_fd[i].fd = -1;	/* the guest has gone */
				live--;
				continue;
			}
			if (!got || (got == 1 && !rx[0].msg_len)) {
				if (poll_fd[i].revents & (POLLHUP | POLLERR)) {
					poll_fd[i].fd = -1;
					live--;
				}
				continue;
			}
			port[i].in += got;
			for (int k = 0; k < got; k++) {
				iov[k].iov_len = rx[k].msg_len;
				to[k] = -1;
				if (is_switch && rx[k].msg_len >= 2 * MAC) {
					memcpy(port[i].mac, data[k] + MAC, MAC);
					to[k] = port_of(port, n, data[k]);
				}
			}
			for (int j = 0; j < n; j++) {
				int sent, its = 0;

				if (j == i || poll_fd[j].fd < 0)
					continue;
				for (int k = 0; k < got; k++)
					if (to[k] < 0 || to[k] == j)
						tx[its++] = rx[k];
				if (!its)
					continue;
				sent = sendmmsg(port[j].fd, tx, its, MSG_DONTWAIT | MSG_NOSIGNAL);
				if (sent < 0)
					sent = 0;
				port[j].out += sent;
				port[j].lost += its - sent;
			}
		}
	}
	for (int i = 0; i < n; i++)
		printf("hub: node %d sent %llu, was sent %llu, lost %llu (not reading)\n",
		       i + 1, port[i].in, port[i].out, port[i].lost);
	return 0;
}
