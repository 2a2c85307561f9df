// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hub FD... - one Ethernet segment for test guests.
 *
 * DESIGN NOTES
 *
 * Each FD is one end of an AF_UNIX datagram socketpair whose other end a guest holds
 * as its network interface: a datagram is a frame.  What comes in on one goes out on
 * all others, whatever the addresses say, as on a coaxial cable.  A guest that does
 * not read loses frames once its socket buffer is full, and holds up nobody: that is
 * counted.  Ends when every guest has gone, or at end of file of standard input,
 * and then prints one line per port.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BURST	32
#define FRAME	65600

struct port {
	int fd;
	unsigned long long in, out, lost;
};

static char data[BURST][FRAME];

int main(int argc, char **argv)
{
	int n = argc - 1, live = n, size = 4 << 20;
	struct port *port = calloc(n + 1, sizeof(*port));
	struct pollfd *poll_fd = calloc(n + 1, sizeof(*poll_fd));
	struct mmsghdr rx[BURST] = { 0 };
	struct iovec iov[BURST];

	if (n < 1 || !port || !poll_fd) {
		fprintf(stderr, "usage: hub FD...\n");
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
			for (int k = 0; k < got; k++)
				iov[k].iov_len = rx[k].msg_len;
			for (int j = 0; j < n; j++) {
				int sent;

				if (j == i || poll_fd[j].fd < 0)
					continue;
				sent = sendmmsg(port[j].fd, rx, got, MSG_DONTWAIT | MSG_NOSIGNAL);
				if (sent < 0)
					sent = 0;
				port[j].out += sent;
				port[j].lost += got - sent;
			}
		}
	}
	for (int i = 0; i < n; i++)
		printf("hub: node %d sent %llu, was sent %llu, lost %llu (not reading)\n",
		       i + 1, port[i].in, port[i].out, port[i].lost);
	return 0;
}
