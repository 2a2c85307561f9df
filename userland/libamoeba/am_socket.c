// SPDX-License-Identifier: LGPL-2.1-or-later
/* Transactions through sockets: the control message, and addresses that are ports. amoeba(7). */
#include <errno.h>
#include <linux/flip.h>
#include <string.h>
#include <sys/socket.h>

#include "am_priv.h"

union control {
	char buf[CMSG_SPACE(sizeof(struct amoeba_msg))];
	struct cmsghdr align;
};

static struct sockaddr_flip address(const am_port *port)
{
	struct sockaddr_flip sf = { .sflip_family = (uint16_t)flip_family() };

	if (port)
		memcpy(sf.sflip_addr, port->b, sizeof(port->b));
	return sf;
}

int am_socket(int flags)
{
	int family = flip_family(), fd;

	if (family < 0)
		return -errno;
	fd = socket(family, SOCK_SEQPACKET | flags, FLIPPROTO_RPC);
	return fd < 0 ? -errno : fd;
}

int am_socket_bind(int fd, const am_port *get)
{
	struct sockaddr_flip sf = address(get);

	return bind(fd, (struct sockaddr *)&sf, sizeof(sf)) ? -errno : 0;
}

int am_socket_connect(int fd, const am_port *put)
{
	struct sockaddr_flip sf = address(put);

	return connect(fd, (struct sockaddr *)&sf, sizeof(sf)) ? -errno : 0;
}

int64_t am_socket_send(int fd, const struct amoeba_msg *m, const void *data, size_t len, int flags)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	union control c = { 0 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.buf,
			     .msg_controllen = sizeof(c.buf) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&mh);
	ssize_t n;

	h->cmsg_level = SOL_AMOEBA;
	h->cmsg_type = AMOEBA_MSG;
	h->cmsg_len = CMSG_LEN(sizeof(*m));
	memcpy(CMSG_DATA(h), m, sizeof(*m));
	n = sendmsg(fd, &mh, flags | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

int64_t am_socket_recv(int fd, struct amoeba_msg *m, void *buf, size_t size, int flags)
{
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	union control c = { 0 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.buf,
			     .msg_controllen = sizeof(c.buf) };
	struct cmsghdr *h;
	ssize_t n;

	n = recvmsg(fd, &mh, flags);
	if (n < 0)
		return -errno;
	h = CMSG_FIRSTHDR(&mh);
	if (!h || h->cmsg_level != SOL_AMOEBA || h->cmsg_type != AMOEBA_MSG ||
	    h->cmsg_len < CMSG_LEN(sizeof(*m)))
		return -EPROTO;	/* a socket of another kind */
	memcpy(m, CMSG_DATA(h), sizeof(*m));
	return n;
}
