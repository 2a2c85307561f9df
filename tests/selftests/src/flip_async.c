// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flip_async: FLIP sockets that do not block, and io_uring on them.
 *
 *   flip_async serve			prints its address; answers each message with 16 bytes: its
 *					length and a sum, in network order
 *   flip_async check ADDRESS		all the checks below against a server
 *   flip_async nobody ADDRESS		nobody has this address
 *   flip_async stuck ADDRESS		a neighbour that gives no credits has it
 *   flip_async large			messages larger than the receive buffer; leaves one unread
 *
 * One line for each check: "ok what" or "not ok what: why". Status 1 when one failed.
 */
#include "flip_sock.h"

#include <fcntl.h>
#include <liburing.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <unistd.h>

#define BIG	(1 << 20)

static int failed;
static struct sockaddr_flip to;
static uint8_t *data;

static void __attribute__((format(printf, 2, 3))) result(bool good, const char *fmt, ...)
{
	va_list ap;

	printf(good ? "ok " : "not ok ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	failed |= !good;
}

static uint32_t sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i++)
		s = s * 31 + p[i];
	return s;
}

static int make(int sndbuf)
{
	int fd = flip_socket(SOCK_NONBLOCK);

	if (sndbuf)
		flip_buffer(fd, SO_SNDBUFFORCE, sndbuf, "SO_SNDBUFFORCE");
	return fd;
}

static ssize_t put(int fd, size_t len)
{
	return sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof(to));
}

static bool wait_for(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) == 1 && p.revents & events;
}

static bool answer_is(const uint8_t *a, ssize_t n, size_t len)
{
	uint32_t v[2];

	memcpy(v, a, sizeof(v));
	return n == 16 && v[0] == len && v[1] == sum(data, len);
}

/* the answer to a message of @len bytes, unless it is lost */
static bool answered(int fd, size_t len)
{
	uint8_t a[16];

	if (!wait_for(fd, POLLIN, 20000))
		return false;
	return answer_is(a, recv(fd, a, sizeof(a), 0), len);
}

static _Noreturn void serve(void)
{
	struct sockaddr_flip me;
	uint32_t v[4] = { 0 };
	int fd = make(0);

	fcntl(fd, F_SETFL, 0);
	flip_buffer(fd, SO_RCVBUFFORCE, 64 << 20, "SO_RCVBUFFORCE");
	me = flip_address(fd);
	flip_print(&me);
	for (;;) {
		struct sockaddr_flip from;
		socklen_t len = sizeof(from);
		ssize_t n;

		n = recvfrom(fd, data, 8 * BIG, 0, (struct sockaddr *)&from, &len);
		if (n < 0)
			die("receive");
		v[0] = (uint32_t)n;
		v[1] = sum(data, (size_t)n);
		from.sflip_network = 0;
		if (sendto(fd, v, sizeof(v), 0, (struct sockaddr *)&from, len) < 0)
			die("send");
	}
}

static void nonblocking(void)
{
	static const size_t sizes[] = { 1459, 30000, 65536, 300001, BIG };
	int fd = make(4 * BIG), small = make(40000), busy = 0, n = 0;
	double t;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		result(put(fd, sizes[i]) == (ssize_t)sizes[i] && answered(fd, sizes[i]),
		       "%zu bytes without waiting", sizes[i]);
	for (int i = 0; i < 4; i++)
		n += put(fd, 100000 + (size_t)i) == 100000 + i;
	result(n == 4, "several at once: %d of 4 taken", n);
	for (int i = 0; i < n; i++)
		if (!answered(fd, 100000 + (size_t)i))
			result(false, "and answered in order: number %d", i);

	result(put(small, 90000) < 0 && errno == EMSGSIZE, "larger than the send buffer: EMSGSIZE");
	t = now();
	n = 0;
	while (now() - t < 20000 && n < 20) {
		if (put(small, 60000) == 60000) {
			n++;
			continue;
		}
		if (errno != EAGAIN)
			break;
		busy++;
		if (!wait_for(small, POLLOUT, 10000))
			break;
	}
	result(n == 20 && busy < 1000, "20 through a small buffer with EAGAIN and POLLOUT (%d, %d "
	       "times full)", n, busy);
	for (int i = 0; i < n; i++)
		if (!answered(small, 60000)) {
			result(false, "number %d of them is not answered", i);
			break;
		}
	t = now();
	put(fd, BIG);
	put(fd, BIG);
	close(fd);
	close(small);
	result(now() - t < 5000, "closed with messages on their way, in %.0f ms", now() - t);
}

static void uring(void)
{
	struct sockaddr_flip from;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	uint8_t a[16];
	struct iovec out = { data, BIG }, in = { a, sizeof(a) };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &out,
			    .msg_iovlen = 1 };
	struct msghdr r = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &in,
			    .msg_iovlen = 1 };
	int fd = make(4 * BIG), err = io_uring_queue_init(8, &ring, 0), res[3] = { 0 };

	if (err) {
		printf("# io_uring is not to be had: %s\n", strerror(-err));
		return;
	}
	/* the receive is there before anything to receive; the sends as io_uring likes them best */
	io_uring_prep_recvmsg(io_uring_get_sqe(&ring), fd, &r, 0);
	io_uring_submit(&ring);
	io_uring_prep_sendmsg(io_uring_get_sqe(&ring), fd, &m, 0);
	io_uring_submit(&ring);
	for (int i = 0; i < 2; i++) {
		struct __kernel_timespec ts = { .tv_sec = 30 };

		if (io_uring_wait_cqe_timeout(&ring, &cqe, &ts)) {
			result(false, "io_uring: completion %d does not come", i);
			return;
		}
		res[i] = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
	result((res[0] == BIG && res[1] == 16) || (res[0] == 16 && res[1] == BIG),
	       "io_uring SENDMSG of 1 MiB and RECVMSG: %d, %d", res[0], res[1]);
	result(answer_is(a, 16, BIG) && from.sflip_family == family, "and what came is right");
	/* pending when the ring and the socket go */
	io_uring_prep_recvmsg(io_uring_get_sqe(&ring), fd, &r, 0);
	io_uring_submit(&ring);
	io_uring_queue_exit(&ring);
	close(fd);
	result(true, "io_uring with a receive pending ends");
}

static void nobody(void)
{
	struct sock_extended_err *e = NULL;
	uint8_t control[256], byte[64];
	struct iovec v = { byte, sizeof(byte) };
	struct sockaddr_flip whose;
	struct msghdr m = { .msg_name = &whose, .msg_namelen = sizeof(whose), .msg_iov = &v,
			    .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int fd = make(BIG), ltime = 300;
	ssize_t n;

	if (setsockopt(fd, SOL_FLIP, FLIP_LTIME, &ltime, sizeof(ltime)))
		die("FLIP_LTIME");
	result(put(fd, 50000) == 50000, "to nobody: taken");
	result(wait_for(fd, POLLERR, 20000), "and POLLERR");
	n = recvmsg(fd, &m, MSG_ERRQUEUE);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_FLIP && c->cmsg_type == FLIP_RECVERR)
			e = (struct sock_extended_err *)CMSG_DATA(c);
	result(!n && e && e->ee_errno == EHOSTUNREACH && e->ee_code == FLIP_UNDELIV_TIMEOUT &&
	       !memcmp(whose.sflip_addr, to.sflip_addr, 8),
	       "the error queue says which message and why");
	close(fd);
}

static void stuck(void)
{
	int fd = make(4 * BIG);
	double t;

	result(put(fd, BIG) == BIG && put(fd, BIG) == BIG, "to a stuck neighbour: taken");
	usleep(500000);
	t = now();
	close(fd);
	result(now() - t < 2000, "the socket closes in %.0f ms", now() - t);
	/* looking for an address for an hour */
	fd = make(BIG);
	if (setsockopt(fd, SOL_FLIP, FLIP_LTIME, &(int){ 3600000 }, sizeof(int)))
		die("FLIP_LTIME");
	to.sflip_addr[0] ^= 0x55;
	result(put(fd, 50000) == 50000, "to nobody, looking for an hour: taken");
	usleep(200000);
	t = now();
	close(fd);
	result(now() - t < 2000, "the socket closes in %.0f ms", now() - t);
}

/* one that is larger than the receive buffer at a time, unless the namespace has no room */
static void large(void)
{
	int in = make(0), out = make(4 * BIG);
	ssize_t n;

	fcntl(out, F_SETFL, 0);
	flip_buffer(in, SO_RCVBUF, 8192, "SO_RCVBUF");
	to = flip_address(in);
	for (int i = 0; i < 3; i++) {
		result(put(out, BIG) == BIG && wait_for(in, POLLIN, 20000), "larger than SO_RCVBUF");
		result(put(out, BIG) == BIG, "a second while the first is unread");
		n = recv(in, data + BIG, 2 * BIG, MSG_PEEK);
		result(n == BIG && !memcmp(data, data + BIG, BIG), "MSG_PEEK: %zd", n);
		memset(data + BIG, 0, BIG);
		n = recv(in, data + BIG, 2 * BIG, 0);
		result(n == BIG && !memcmp(data, data + BIG, BIG), "is read: %zd", n);
		result(!wait_for(in, POLLIN, 300), "the second was dropped");
		result(put(out, 3000) == 3000 && wait_for(in, POLLIN, 20000) &&
		       recv(in, data + BIG, 100, MSG_TRUNC) == 3000, "a small one, cut");
	}
	put(out, BIG);
	result(wait_for(in, POLLIN, 20000), "one more, never read");
	pause();
}

int main(int argc, char **argv)
{
	unsigned int v;

	flip_family();
	data = malloc(8 * BIG);
	if (!data)
		die("memory");
	for (size_t i = 0; i < BIG; i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8));
	if (argc == 2 && !strcmp(argv[1], "serve"))
		serve();
	if (argc == 2 && !strcmp(argv[1], "large"))
		large();
	if (argc != 3 || strlen(argv[2]) != 16) {
		fprintf(stderr, "usage: flip_async serve|large|check ADDRESS|nobody ADDRESS|stuck ADDRESS\n");
		return 2;
	}
	to.sflip_family = (uint16_t)family;
	for (int i = 0; i < 8; i++) {
		if (sscanf(argv[2] + 2 * i, "%2x", &v) != 1)
			die("address");
		to.sflip_addr[i] = (uint8_t)v;
	}
	if (!strcmp(argv[1], "check")) {
		nonblocking();
		uring();
	} else if (!strcmp(argv[1], "nobody")) {
		nobody();
	} else if (!strcmp(argv[1], "stuck")) {
		stuck();
	}
	return failed;
}
