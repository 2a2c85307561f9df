// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sock_calls: transactions through SOCK_SEQPACKET sockets.
 *
 *   sock_calls			within this namespace: what amoeba(7) says, and every error
 *   sock_calls allowed=0|1	may this user have one?
 *   sock_calls serve=N [port=P]	an echo server with epoll for port 7, or P: N requests, 0: until killed; the reply to
 *				command C has C bytes; prints "ready" first
 *   sock_calls untold=N		the same, the first N attempts to take one with a bad control message
 *   sock_calls front=FILE	answers the first request, and forwards all others to the address in FILE (16 hex
 *				digits)
 *   sock_calls hold=N		takes N requests and answers none of them
 *   sock_calls call=N [size=BYTES] [room=BYTES] [locate_ms=MS] [command=C] [verdict=V] [to=PORT]
 *				[timeo=SECONDS: SO_RCVTIMEO]
 *				N calls at once, each with BYTES of data; all replies, whatever their order
 *   sock_calls leave=N [how=exit|kill|exec]	N calls, and ends before they do
 *   sock_calls pile=N [size=BYTES] [room=BYTES] [command=C] [to=PORT]
 *				N calls on as many sockets as it takes, or until one is refused; says "begun N: ERRNO" or
 *				"begun N: all". A line of standard input makes it read all replies and say "good N cut N
 *				failed N"; its end ends the program
 */
#include "dev_test.h"

#include <fcntl.h>
#include <linux/flip.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define BIG	(3 << 20)
#define PORT	7

static uint8_t big[BIG], in[BIG];
static int family;

static _Noreturn void die(const char *what)
{
	DIE("%s: %s", what, strerror(errno));
}

static struct sockaddr_flip address(unsigned int n, bool get)
{
	struct sockaddr_flip sf = { .sflip_family = (uint16_t)family };

	if (get)
		get_port(sf.sflip_addr, n);
	else
		put_port(sf.sflip_addr, n);
	return sf;
}

static int rpc_socket(int type)
{
	int fd = socket(family, SOCK_SEQPACKET | SOCK_CLOEXEC | type, FLIPPROTO_RPC);

	if (fd < 0)
		die("socket");
	return fd;
}

static int server_of(unsigned int n, int type)
{
	struct sockaddr_flip sf = address(n, true);
	int fd = rpc_socket(type);

	if (bind(fd, (struct sockaddr *)&sf, sizeof(sf)))
		die("bind");
	return fd;
}

static int client_of(unsigned int n, int type)
{
	struct sockaddr_flip sf = address(n, false);
	int fd = rpc_socket(type);

	if (connect(fd, (struct sockaddr *)&sf, sizeof(sf)))
		die("connect");
	return fd;
}

union control {
	char buf[CMSG_SPACE(sizeof(struct amoeba_msg) + 8)];
	struct cmsghdr align;
};

static struct msghdr message(void *data, size_t len, struct iovec *iov, union control *c,
			     const struct amoeba_msg *m, size_t size)
{
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 1 };
	struct cmsghdr *h;

	*iov = (struct iovec){ data, len };
	if (!c)
		return mh;
	memset(c, 0, sizeof(*c));
	mh.msg_control = c->buf;
	mh.msg_controllen = CMSG_SPACE(size);
	if (m) {
		h = CMSG_FIRSTHDR(&mh);
		h->cmsg_level = SOL_AMOEBA;
		h->cmsg_type = AMOEBA_MSG;
		h->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(h), m, sizeof(*m));
	}
	return mh;
}

static ssize_t put(int fd, const struct amoeba_msg *m, const void *data, size_t len, int flags)
{
	union control c;
	struct iovec iov;
	struct msghdr mh = message((void *)(uintptr_t)data, len, &iov, &c, m, sizeof(*m));

	return sendmsg(fd, &mh, flags | MSG_NOSIGNAL);
}

static int got_flags;

static ssize_t get(int fd, struct amoeba_msg *m, void *data, size_t len, int flags)
{
	union control c;
	struct iovec iov;
	struct msghdr mh = message(data, len, &iov, &c, NULL, sizeof(*m));
	ssize_t n = recvmsg(fd, &mh, flags);
	struct cmsghdr *h;

	memset(m, 0, sizeof(*m));
	got_flags = mh.msg_flags;
	if (n < 0)
		return n;
	h = CMSG_FIRSTHDR(&mh);
	if (!h || h->cmsg_level != SOL_AMOEBA || h->cmsg_type != AMOEBA_MSG ||
	    h->cmsg_len != CMSG_LEN(sizeof(*m)))
		DIE("no control message");
	memcpy(m, CMSG_DATA(h), sizeof(*m));
	return n;
}

static short events(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	if (poll(&p, 1, ms) < 0)
		DIE("poll: %s", strerror(errno));
	return p.revents;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static int call(int fd, uint64_t handle, int command, size_t len)
{
	struct amoeba_msg m = { .handle = handle, .locate_ms = 300, .hdr.command = command };

	return (int)put(fd, &m, big, len, 0);
}

/* ---- within a namespace ------------------------------------------------------------------------ */

static void echo(void)
{
	int s = server_of(1, 0), c = client_of(1, 0);
	struct sockaddr_flip name, want = address(1, false);
	socklen_t len = sizeof(name);
	struct amoeba_msg m, r;

	check_num("the server knows its put-port",
		  getsockname(s, (struct sockaddr *)&name, &len) ||
		  memcmp(&name, &want, sizeof(name)), 0);
	check_num("the client whom it calls",
		  getpeername(c, (struct sockaddr *)&name, &len) ||
		  memcmp(&name, &want, sizeof(name)), 0);
	for (size_t size = 0; size <= BIG; size = size ? size * 3 + 1 : 1) {
		m = (struct amoeba_msg){ .handle = 77 + size, .hdr.command = 5, .room = BIG,
					 .hdr.offset = -3, .hdr.size = 1ULL << 40, };
		check_num("a request", put(c, &m, big, size, 0), (long long)size);
		check_num("it comes", get(s, &r, in, BIG, 0), (long long)size);
		check(!memcmp(in, big, size), "whole");
		check(r.len == size && r.hdr.command == 5 && r.hdr.offset == -3 &&
		      r.hdr.size == 1ULL << 40 && !memcmp(r.hdr.port, want.sflip_addr, 8) &&
		      r.out_flags == AMOEBA_OUT_LOCAL, "with its header");
		check(!readable(c, 0), "no reply yet");
		memset(in, 0, size);
		r.hdr.status = -9;
		check_num("the reply", put(s, &r, big + BIG - size, size, 0), (long long)size);
		check(readable(c, 1000), "is there");
		check_num("it comes", get(c, &r, in, BIG, MSG_DONTWAIT), (long long)size);
		check(!memcmp(in, big + BIG - size, size), "whole");
		check(!r.verdict && !r.error && r.handle == 77 + size && r.hdr.status == -9 &&
		      r.len == size && r.out_flags == AMOEBA_OUT_LOCAL, "with its header");
	}
	close(s);
	close(c);
}

/* the same through the library */
static void library(void)
{
	int s = am_socket(SOCK_CLOEXEC), c = am_socket(SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct amoeba_msg m = { .handle = 4, .hdr.command = 6 };
	struct sockaddr_flip name;
	socklen_t len = sizeof(name);
	am_port put;

	check_num("a drawn port", am_socket_bind(s, NULL), 0);
	getsockname(s, (struct sockaddr *)&name, &len);
	memcpy(put.b, name.sflip_addr, sizeof(put.b));
	check(!am_port_null(&put), "has a put-port");
	check_num("it is called", am_socket_connect(c, &put), 0);
	check_num("a request", am_socket_send(c, &m, big, 10, 0), 10);
	check_num("no reply yet", am_socket_recv(c, &m, in, 10, 0), -EAGAIN);
	check_num("it comes", am_socket_recv(s, &m, in, 10, 0), 10);
	m.hdr.status = -5;
	check_num("a reply", am_socket_send(s, &m, big, 20, 0), 20);
	check(readable(c, 1000), "is there");
	check_num("and comes", am_socket_recv(c, &m, in, 10, MSG_TRUNC), 20);
	check(m.handle == 4 && m.hdr.status == -5 && !m.verdict && m.len == 20, "as it was sent");
	check_num("a server does not call", am_socket_connect(s, &put), -EINVAL);
	close(s);
	s = socket(AF_UNIX, SOCK_DGRAM, 0);
	check_num("no such socket", am_socket_send(s, &m, big, 1, 0), -ENOTCONN);
	close(s);
	close(c);
}

/* many at once on one socket, answered in another order, told apart by their handles */
static void many(void)
{
	enum { N = 300 };
	int s = server_of(2, SOCK_NONBLOCK), s2 = server_of(3, SOCK_NONBLOCK), c = client_of(2, 0);
	static struct amoeba_msg r[N];
	unsigned int seen[N] = { 0 }, good = 0, n = 0;
	struct amoeba_msg m;
	struct sockaddr_flip other = address(3, true);

	check_errno("a second port of the same server",
		    bind(s, (struct sockaddr *)&other, sizeof(other)), 0);
	close(s2);
	for (int i = 0; i < N; i++) {
		m = (struct amoeba_msg){ .handle = i, .room = 100, .hdr.command = i };
		if (i & 1)
			put_port(m.hdr.port, 3);
		good += put(c, &m, big + i, 10, 0) == 10;
	}
	check_num("requests", good, N);
	good = 0;
	while (n < N && get(s, &r[n], in, 10, 0) == 10) {
		good += r[n].hdr.command == (int)n && !memcmp(in, big + n, 10);
		n++;
	}
	check_num("are served in order", good, N);
	check_errno("and no more", (int)get(s, &m, in, 10, 0), EAGAIN);
	good = 0;
	while (n--)
		good += put(s, &r[n], &r[n].hdr.command, 4, 0) == 4;
	check_num("replies", good, N);
	good = 0;
	for (int i = 0; i < N; i++) {
		int v;

		if (get(c, &m, &v, 4, 0) == 4 && m.handle == (uint64_t)v && v < N && !m.verdict &&
		    !seen[v]++)
			good++;
	}
	check_num("come, each to its own", good, N);
	check_errno("and no more", (int)get(c, &m, in, 4, MSG_DONTWAIT), EAGAIN);
	close(s);
	close(c);
}

static void verdicts(void)
{
	int s = server_of(4, 0), c = client_of(4, 0), d;
	struct amoeba_msg m = { 0 }, r;
	struct sockaddr_flip sf = address(9, false);
	double t0;

	put_port(m.hdr.port, 99);
	m.locate_ms = 200;
	m.handle = 1;
	t0 = rpc_ms();
	put(c, &m, big, 10, 0);
	check(rpc_ms() - t0 < 150, "nobody waits for a port to be found");
	check_num("nobody has that port", get(c, &r, in, 10, 0), 0);
	check_num("surely not executed", r.verdict, AMOEBA_RPC_NOTFOUND);
	check(r.handle == 1 && !r.len && !r.error, "and nothing else");

	call(c, 2, 0, 5);
	get(s, &m, in, 10, 0);
	close(s);
	check(readable(c, 1000), "the server has gone");
	get(c, &r, in, 10, 0);
	check_num("maybe executed", r.verdict, AMOEBA_RPC_FAILURE);

	s = server_of(4, 0);
	call(c, 3, 0, 5);
	call(c, 4, 0, 5);
	get(s, &m, in, 10, 0);
	m = (struct amoeba_msg){ .handle = 4, .flags = AMOEBA_MSG_CANCEL };
	check_num("a call nobody has taken is cancelled", put(c, &m, NULL, 0, 0), 0);
	get(c, &r, in, 10, 0);
	check(r.handle == 4 && r.verdict == AMOEBA_RPC_ABORTED, "it has not left");
	m.handle = 3;
	check_num("one that is served", put(c, &m, NULL, 0, 0), 0);
	get(c, &r, in, 10, 0);
	check(r.handle == 3 && r.verdict == AMOEBA_RPC_FAILURE, "maybe executed");
	check_errno("once", (int)put(c, &m, NULL, 0, 0), ENOENT);

	m = (struct amoeba_msg){ .handle = 5, .timeout_ms = 100 };
	put(c, &m, big, 5, 0);
	get(c, &r, in, 10, 0);
	check(r.handle == 5 && r.verdict == AMOEBA_RPC_NOTFOUND, "a time limit, in the queue");
	put(c, &m, big, 5, 0);
	get(s, &r, in, 10, 0);
	get(c, &r, in, 10, 0);
	check(r.handle == 5 && r.verdict == AMOEBA_RPC_FAILURE, "a time limit, being served");

	d = rpc_socket(0);
	m = (struct amoeba_msg){ .hdr.extra = 1 };
	check_errno("to nobody", (int)put(d, &m, big, 5, 0), EDESTADDRREQ);
	check_num("to an address", sendto(d, big, 5, 0, (struct sockaddr *)&sf, sizeof(sf)), 5);
	close(d);	/* while it looks for the port */
	close(s);
	close(c);
}

/* replies longer than the room for them, requests longer than the buffer, bad buffers */
static void cuts(void)
{
	int s = server_of(5, 0), c = client_of(5, 0);
	struct amoeba_msg m = { .room = 1000, .handle = 1 }, r, q;

	for (int i = 0; i < 2; i++) {
		put(c, &m, big, 5000, 0);
		check_num("a request, cut", get(s, &q, in, 3000, i ? MSG_TRUNC : 0), i ? 5000 : 3000);
		check(got_flags & MSG_TRUNC && q.len == 5000 && q.out_flags & AMOEBA_OUT_TRUNC,
		      "and it says so");
		put(s, &q, big, 90000, 0);
		check_num("a reply, cut to its room", get(c, &r, in, 5000, i ? MSG_TRUNC : 0),
			  i ? 90000 : 1000);
		check(got_flags & MSG_TRUNC && r.len == 90000 && r.out_flags & AMOEBA_OUT_TRUNC,
		      "and it says so");
		check(!memcmp(in, big, 1000), "and is right");
	}
	put(c, &m, big, 100, 0);
	check_errno("a bad buffer for a request", (int)get(s, &q, (void *)8, 100, 0), EFAULT);
	check_num("it is there still", get(s, &q, in, 100, 0), 100);
	check_errno("a bad reply", (int)put(s, &q, (void *)8, 100, 0), EFAULT);
	check_num("a good one", put(s, &q, big, 100, 0), 100);
	check(readable(c, 1000), "is there");
	check_errno("a bad buffer for it", (int)get(c, &r, (void *)8, 100, 0), EFAULT);
	check_num("it is there still", get(c, &r, in, 50, 0), 50);
	check(r.out_flags & AMOEBA_OUT_TRUNC && r.len == 100, "cut to what it was read into");
	check_errno("a bad request", (int)put(c, &m, (void *)8, 100, 0), EFAULT);
	check_errno("answered already", (int)put(s, &q, big, 1, 0), ENOENT);
	put(c, &m, big, 100, 0);
	get(s, &q, in, 100, 0);
	close(c);
	msleep(100);
	check_errno("a client that has gone", (int)put(s, &q, big, 1, 0), ECONNRESET);
	close(s);
}

/* buffers that are full, and waiting for room */
static void full(void)
{
	int s = server_of(6, SOCK_NONBLOCK), c = client_of(6, SOCK_NONBLOCK), v = 20000;
	struct timeval tv = { .tv_usec = 100000 };
	struct amoeba_msg m = { .room = 100 }, q;
	unsigned int n = 0;
	double t0;

	check_num("a new socket can send", events(c, 0), POLLOUT);
	setsockopt(c, SOL_SOCKET, SO_SNDBUF, &v, sizeof(v));	/* twice that */
	check_errno("a request larger than the buffer", (int)put(c, &m, big, 50000, 0), EMSGSIZE);
	while (put(c, &m, big, 3000, 0) == 3000)
		n++;
	check(errno == EAGAIN && n == 8, "the send buffer is full");
	check_num("and says so", events(c, 0), 0);
	fcntl(c, F_SETFL, 0);
	setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	t0 = rpc_ms();
	check_errno("it waits for as long as it is told", (int)put(c, &m, big, 3000, 0), EAGAIN);
	check(rpc_ms() - t0 > 90, "indeed");
	while (n--) {
		get(s, &q, in, 3000, 0);
		put(s, &q, big, 10, 0);
	}
	check(readable(c, 1000), "answered: it can read");
	check_num("and send", events(c, 1000), POLLIN | POLLOUT);
	for (n = 0; n < 8; n++)
		get(c, &q, in, 100, 0);
	check_num("no more to read", events(c, 0), POLLOUT);
	setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	t0 = rpc_ms();
	check_errno("no reply comes", (int)get(c, &q, in, 10, 0), EAGAIN);
	check(rpc_ms() - t0 > 90, "in that time");
	fcntl(s, F_SETFL, 0);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	check_errno("no request comes", (int)get(s, &q, in, 10, 0), EAGAIN);

	setsockopt(c, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v));
	m.room = 1;	/* and what a call itself takes, until it is read */
	for (n = 0; n < 100 && put(c, &m, big, 1, MSG_DONTWAIT) == 1; n++) {
		check_num("a request", get(s, &q, in, 3000, 0), 1);
		put(s, &q, big, 1, 0);
	}
	check_num("replies nobody reads have an end, however small", n, 20);
	while (n--)
		get(c, &q, in, 1, 0);
	m.room = 50000;
	check_errno("more room than there can be", (int)put(c, &m, big, 1, 0), EMSGSIZE);
	m.room = 30000;
	check_num("one reply has room", put(c, &m, big, 1, 0), 1);
	check_num("so has another", put(c, &m, big, 1, 0), 1);
	check_errno("a third has not", (int)put(c, &m, big, 1, MSG_DONTWAIT), EAGAIN);
	close(c);
	close(s);
}

static int try_msg(int fd, size_t size, const struct amoeba_msg *m, int type)
{
	struct { struct amoeba_msg m; uint8_t more[8]; } long_one = { .m = *m };
	union control c;
	struct iovec iov;
	struct msghdr mh;

	long_one.more[7] = type == 99;
	mh = message(big, 1, &iov, &c, NULL, size);
	CMSG_FIRSTHDR(&mh)->cmsg_level = SOL_AMOEBA;
	CMSG_FIRSTHDR(&mh)->cmsg_type = type == 99 ? AMOEBA_MSG : type;
	CMSG_FIRSTHDR(&mh)->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), &long_one, size);
	return (int)sendmsg(fd, &mh, MSG_DONTWAIT);
}

static void errors(void)
{
	struct sockaddr_flip sf = address(8, true);
	int s = server_of(8, 0), c = client_of(8, 0), n = rpc_socket(0);
	struct amoeba_msg m = { 0 };

	check_errno("a server does not call", connect(s, (struct sockaddr *)&sf, sizeof(sf)), EINVAL);
	check_errno("a client does not serve", bind(c, (struct sockaddr *)&sf, sizeof(sf)), EINVAL);
	check_errno("a short address", bind(n, (struct sockaddr *)&sf, 20), EINVAL);
	sf.sflip_flags = 1;
	check_errno("flags of an address", bind(n, (struct sockaddr *)&sf, sizeof(sf)), EINVAL);
	sf = address(8, true);
	sf.sflip_addr[6] = 1;
	check_errno("a long port", bind(n, (struct sockaddr *)&sf, sizeof(sf)), EINVAL);
	sf = address(8, true);
	sf.sflip_family = AF_INET;
	check_errno("another family", connect(n, (struct sockaddr *)&sf, sizeof(sf)), EAFNOSUPPORT);
	check_errno("neither client nor server", (int)get(n, &m, in, 1, MSG_DONTWAIT), ENOTCONN);
	check_errno("no name", getpeername(n, (struct sockaddr *)&sf, &(socklen_t){ sizeof(sf) }),
		    ENOTCONN);
	check_errno("read(2) has no room for a handle", (int)read(c, in, 10), EINVAL);
	check_errno("write(2) of a server has none", (int)write(s, in, 10), EINVAL);
	check_errno("a handle never given", (int)put(s, &m, big, 1, 0), ENOENT);
	m.flags = 8;
	check_errno("an unknown flag", (int)put(c, &m, big, 1, 0), EINVAL);
	check_errno("a flag of a reply", (int)put(s, &m, big, 1, 0), EINVAL);
	m = (struct amoeba_msg){ .reserved = 1 };
	check_errno("a reserved field", (int)put(c, &m, big, 1, 0), EINVAL);
	m = (struct amoeba_msg){ .hdr.port[7] = 1 };
	check_errno("a long port", (int)put(c, &m, big, 1, 0), EINVAL);
	m = (struct amoeba_msg){ .flags = AMOEBA_MSG_CANCEL };
	check_errno("to cancel nothing", (int)put(c, &m, NULL, 0, 0), EINVAL);
	m.handle = 1;
	check_errno("to cancel with data", (int)put(c, &m, big, 1, 0), EINVAL);
	m = (struct amoeba_msg){ .handle = 1 };
	check_errno("a short message", try_msg(c, sizeof(m) - 8, &m, AMOEBA_MSG), EINVAL);
	check_errno("another type", try_msg(c, sizeof(m), &m, 2), EINVAL);
	check_errno("a longer message, zero at its end", try_msg(c, sizeof(m) + 8, &m, AMOEBA_MSG) < 0
		    ? -1 : 0, 0);
	check_errno("and not zero", try_msg(c, sizeof(m) + 8, &m, 99), E2BIG);
	check_errno("no peeking", (int)get(c, &m, in, 1, MSG_PEEK | MSG_DONTWAIT), EOPNOTSUPP);
	check_errno("nothing out of band", (int)put(c, &m, big, 1, MSG_OOB), EOPNOTSUPP);
	check_errno("listen(2)", listen(s, 1), EOPNOTSUPP);
	check_errno("shutdown(2)", shutdown(s, SHUT_RDWR), EOPNOTSUPP);
	check_errno("another socket type", socket(family, SOCK_STREAM, FLIPPROTO_RPC),
		    EPROTONOSUPPORT);
	close(s);
	close(c);
	close(n);
}

static int forward(int fd, uint64_t handle, const struct sockaddr_flip *to_addr, size_t len)
{
	struct amoeba_msg m = { .handle = handle, .flags = AMOEBA_MSG_FORWARD };
	struct iovec iov;
	union control c;
	struct msghdr mh = message(big, len, &iov, &c, &m, sizeof(m));

	mh.msg_name = (void *)(uintptr_t)to_addr;
	mh.msg_namelen = to_addr ? sizeof(*to_addr) : 0;
	return (int)sendmsg(fd, &mh, MSG_NOSIGNAL);
}

/* FLIP address of a socket, as the address of a message */
static struct sockaddr_flip flip_of(int fd)
{
	struct sockaddr_flip sf = { .sflip_family = (uint16_t)family };
	socklen_t len = sizeof(sf.sflip_addr);

	if (getsockopt(fd, SOL_AMOEBA, AMOEBA_ADDRESS, sf.sflip_addr, &len) || len != 8)
		die("AMOEBA_ADDRESS");
	return sf;
}

static void forwards(void)
{
	int s = server_of(13, 0), s2 = server_of(13, 0), other = server_of(14, 0);
	struct sockaddr_flip second = flip_of(s2), me = flip_of(s), wrong = flip_of(other), null = me;
	int c = client_of(13, 0), dev = rpc_open();
	struct amoeba_info info;
	struct amoeba_msg m;
	uint64_t h;
	socklen_t len = 7;

	memset(null.sflip_addr, 0, 8);
	check_errno("little room for an address",
		    getsockopt(s, SOL_AMOEBA, AMOEBA_ADDRESS, &info, &len), EINVAL);
	len = 8;
	check_errno("a bad address for it", getsockopt(s, SOL_AMOEBA, AMOEBA_ADDRESS, NULL, &len),
		    EFAULT);
	check_errno("another option", getsockopt(s, SOL_AMOEBA, 2, &info, &len), ENOPROTOOPT);
	check_errno("nothing to forward", forward(s, 5, &second, 0), ENOENT);
	for (size_t n = 10; n < 200000; n += 100000) {
		call(c, 1, 50, n);
		check_num("a request", get(s, &m, in, BIG, 0), (long)n);
		h = m.handle;
		check_errno("nowhere", forward(s, h, NULL, 0), EINVAL);
		check_errno("to nobody", forward(s, h, &null, 0), EINVAL);
		check_errno("to oneself", forward(s, h, &me, 0), EINVAL);
		check_errno("with data", forward(s, h, &second, 3), EINVAL);
		check_errno("to one of another port", forward(s, h, &wrong, 0), ECONNREFUSED);
		check_errno("by another", forward(other, h, &second, 0), ENOENT);
		check_errno("by the client", forward(c, h, &second, 0), EINVAL);
		check_errno("to another of that port", forward(s, h, &second, 0), 0);
		check_errno("once", forward(s, h, &second, 0), ENOENT);
		check_errno("nor answered", (int)put(s, &m, big, 1, 0), ENOENT);
		check_num("who gets it", get(s2, &m, in, BIG, 0), (long)n);
		check(!memcmp(in, big, n) && m.hdr.command == 50, "as it was");
		m.hdr.status = 51;
		check_num("and answers", put(s2, &m, big, 20, 0), 20);
		check_num("the client knows nothing of it", get(c, &m, in, BIG, 0), 20);
		check(!m.verdict && m.handle == 1 && m.hdr.status == 51, "nor of who");
	}

	/* to a device and back are the same addresses */
	if (ioctl(dev, AMOEBA_INFO, &info) < 0)
		die("info");
	check(memcmp(info.address, me.sflip_addr, 8), "addresses differ");
	call(c, 2, 60, 10);
	get(s, &m, in, BIG, 0);
	close(c);
	msleep(50);
	check_errno("its client is gone", forward(s, m.handle, &second, 0), ECONNRESET);
	close(s);
	close(s2);
	close(other);
	close(dev);
}

/* control message of recvmsg(2) at @control, of @room bytes */
static int get_to(int fd, void *control, size_t room)
{
	struct iovec iov = { in, 100 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = room };

	return (int)recvmsg(fd, &mh, MSG_DONTWAIT);
}

/* what cannot be written to the program's memory is neither taken nor lost */
static void untold(void)
{
	size_t room = CMSG_SPACE(sizeof(struct amoeba_msg)), page = (size_t)sysconf(_SC_PAGESIZE);
	void *fixed = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int s = server_of(12, 0), c = client_of(12, 0);
	struct amoeba_getreq *g = fixed;
	struct amoeba_putrep_getreq *pg = fixed;
	int dev = rpc_open();
	struct amoeba_msg m;

	if (fixed == MAP_FAILED)
		die("mmap");
	for (size_t len = 10; len < 100000; len += 50000) {
		call(c, 5, 77, len);
		check(readable(s, 3000), "a request");
		check_errno("nowhere for its handle", get_to(s, NULL, room), EINVAL);
		check_errno("little room", get_to(s, in, room - 8), EINVAL);
		check_errno("a bad address", get_to(s, (void *)8, room), EFAULT);
		check(readable(s, 3000), "it comes again");
		check_errno("memory not to be written to", get_to(s, fixed, room), EFAULT);
		check_num("it can be read after all", get(s, &m, in, BIG, 0), (long)len);
		check_num("and answered", put(s, &m, big, 10, 0), 10);
		check(readable(c, 3000), "a reply");
		check_errno("nowhere for it", get_to(c, NULL, room), EINVAL);
		check_errno("a bad address", get_to(c, (void *)8, room), EFAULT);
		check_num("is there still", get(c, &m, in, BIG, MSG_DONTWAIT), 10);
		check(m.handle == 5 && !m.verdict && m.hdr.command == 77, "and the one asked for");
	}
	close(s);

	/* the same of the device */
	for (int both = 0; both < 2; both++) {
		struct amoeba_getreq q = { .timeout_ms = 3000 };

		get_port(q.hdr.port, 12);
		mprotect(fixed, page, PROT_READ | PROT_WRITE);
		memset(fixed, 0, page);
		if (both)
			pg->get = q;
		else
			*g = q;
		mprotect(fixed, page, PROT_READ);
		call(c, 6, 78, 10);
		check_errno("a structure not to be written to",
			    ioctl(dev, both ? AMOEBA_PUTREP_GETREQ : AMOEBA_GETREQ, fixed), EFAULT);
		check_errno("it goes to the next", ioctl(dev, AMOEBA_GETREQ, &q), 0);
		check_num("and is answered", answer(dev, q.handle, 0), 0);
		check_num("with that", get(c, &m, in, BIG, 0), 0);
	}
	munmap(fixed, page);
	close(c);
	close(dev);
}

/* recvmsg(2) with @mh, which is at @at; what its control buffer has afterwards, whatever it returns */
static int get_at(int fd, struct msghdr *at, union control *c, struct amoeba_msg *m)
{
	struct cmsghdr *h = (struct cmsghdr *)c->buf;
	int rc;

	memset(c, 0, sizeof(*c));
	rc = (int)recvmsg(fd, at, MSG_DONTWAIT);
	memset(m, 0, sizeof(*m));
	if (h->cmsg_level == SOL_AMOEBA && h->cmsg_type == AMOEBA_MSG &&
	    h->cmsg_len == CMSG_LEN(sizeof(*m)))
		memcpy(m, CMSG_DATA(h), sizeof(*m));
	return rc;
}

/*
 * What the kernel writes when the protocol has done its part: the name, its length, the flags. It is too
 * late to take anything back then; but the control message is there, and with it the handle.
 */
static void told_late(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct msghdr *fixed = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int s = server_of(15, 0), c = client_of(15, 0);
	static union control ctl;
	struct sockaddr_flip sf;
	struct iovec iov;
	struct amoeba_msg m;

	if (fixed == MAP_FAILED)
		die("mmap");
	for (int what = 0; what < 3; what++) {
		struct msghdr bad = message(in, BIG, &iov, &ctl, NULL, sizeof(m)), *at = &bad;

		if (what < 2) {
			bad.msg_name = what ? (void *)&sf : (void *)8;
			bad.msg_namelen = sizeof(sf);
		}
		if (what) {	/* the name can be written, its length cannot; or no name, the flags cannot */
			mprotect(fixed, page, PROT_READ | PROT_WRITE);
			*fixed = bad;
			mprotect(fixed, page, PROT_READ);
			at = fixed;
		}
		call(c, 9, 80 + what, 1000);
		check(readable(s, 3000), "a request");
		memset(in, 0, 1000);
		check_errno(what ? "a message header not to be written to" : "a bad address for the name",
			    get_at(s, at, &ctl, &m), EFAULT);
		check(m.handle && m.hdr.command == 80 + what && m.len == 1000 && !memcmp(in, big, 1000),
		      "but the request is here, with its handle");
		check_errno("and nowhere else", get_at(s, &bad, &ctl, &(struct amoeba_msg){ 0 }), EAGAIN);
		m.hdr.status = 5;
		check_num("it can be answered", put(s, &m, big + 1, 2000, 0), 2000);
		check(readable(c, 3000), "a reply");
		memset(in, 0, 2000);
		check_errno("the same for it", get_at(c, at, &ctl, &m), EFAULT);
		check(m.handle == 9 && !m.verdict && m.hdr.status == 5 && m.len == 2000 &&
		      !memcmp(in, big + 1, 2000), "it is here");
		check_errno("and nowhere else", get_at(c, &bad, &ctl, &(struct amoeba_msg){ 0 }), EAGAIN);
	}
	munmap(fixed, page);
	close(s);
	close(c);
}

/* all at the same time: threads call, one serves, sockets go */
static volatile bool stop;

static void *hammer(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	while (!stop) {
		int c = client_of(10, seed & 1 ? SOCK_NONBLOCK : 0);
		struct amoeba_msg m, r;

		for (unsigned int i = 0; i < 20; i++) {
			m = (struct amoeba_msg){ .handle = 1 + i % 5, .room = 64, .locate_ms = 50,
						 .timeout_ms = i % 7 ? 0 : 1 };
			put(c, &m, big, i % 4 ? 10 : 40000, MSG_DONTWAIT);
			if (i % 3 == 0) {
				m.flags = AMOEBA_MSG_CANCEL;
				put(c, &m, NULL, 0, 0);
			}
			if (rand_r(&seed) % 4)
				get(c, &r, in + 8192, 64, MSG_DONTWAIT);
		}
		close(c);
	}
	return NULL;
}

static void races(void)
{
	pthread_t t[3];
	double end = rpc_ms() + 2000;
	unsigned long served = 0;
	int s = server_of(10, 0);
	struct amoeba_msg q;

	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, hammer, (void *)(i + 1));
	while (rpc_ms() < end) {
		for (int i = 0; i < 200 && rpc_ms() < end; i++) {
			if (!readable(s, 100) || get(s, &q, in, 4096, MSG_DONTWAIT) < 0)
				continue;
			served++;
			if (i % 5)
				put(s, &q, big, 100, MSG_DONTWAIT);
		}
		close(s);
		s = server_of(10, 0);
	}
	stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	close(s);
	check(served > 100, "many of all kinds at once");
}

/* ---- between namespaces ------------------------------------------------------------------------ */

static unsigned int to = PORT, timeo;

static int serve(int n, bool answers, int bad)
{
	int s = server_of(to, SOCK_NONBLOCK), ep = epoll_create1(EPOLL_CLOEXEC), left = n;
	struct epoll_event ev = { .events = EPOLLIN };
	struct amoeba_msg q;

	epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev);
	printf("ready\n");
	rpc_print_hex(flip_of(s).sflip_addr, 8);
	putchar('\n');
	fflush(stdout);
	while (!n || left) {
		ssize_t len;

		if (epoll_wait(ep, &ev, 1, 60000) != 1)
			return 1;
		if (bad > 0) {
			bad -= get_to(s, (void *)8, CMSG_SPACE(sizeof(q))) < 0 && errno == EFAULT;
			continue;
		}
		len = get(s, &q, in, BIG, 0);
		if (len < 0 && errno == EAGAIN)
			continue;
		if (len < 0)
			die("recvmsg");
		left--;
		if (!answers) {
			printf("took %d\n", n - left);
			fflush(stdout);
			continue;
		}
		if (len && in[len - 1] != big[len - 1])
			DIE("a wrong request");
		len = q.hdr.command;
		while (put(s, &q, big, len, 0) < 0) {
			struct pollfd p = { .fd = s, .events = POLLOUT };

			if (errno != EAGAIN)
				die("sendmsg");
			if (poll(&p, 1, 30000) != 1)
				DIE("no room for a reply");
		}
	}
	if (!answers)
		pause();
	sleep(2);	/* the last replies are sent again until they are acknowledged */
	return 0;
}

/* the client knows the way to who answers first */
static int front(const char *file)
{
	char hex[17] = "";
	struct sockaddr_flip sf = { .sflip_family = (uint16_t)family };
	int s = server_of(to, 0);
	struct amoeba_msg q;

	printf("ready\n");
	fflush(stdout);
	for (int n = 0; ; n++) {
		if (get(s, &q, in, BIG, 0) < 0)
			die("recvmsg");
		if (n == 1) {
			FILE *f = fopen(file, "r");

			if (!f || fscanf(f, "%16s", hex) != 1)
				die(file);
			fclose(f);
			rpc_hex("front", hex, sf.sflip_addr, 8);
		}
		if (n ? forward(s, q.handle, &sf, 0) : put(s, &q, big, q.hdr.command, 0) < 0)
			die("to answer or forward");
	}
}

static int calls(int n, size_t size, unsigned int room, unsigned int locate_ms, int command,
		 int verdict)
{
	int c = client_of(to, 0), good = 0;
	struct timeval tv = { .tv_sec = timeo };
	struct amoeba_msg m;
	double t0 = rpc_ms();

	setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	for (int i = 0; i < n; i++) {
		m = (struct amoeba_msg){ .handle = 1000 + i, .room = room, .locate_ms = locate_ms,
					 .hdr.command = command };
		if (put(c, &m, big, size, 0) != (ssize_t)size)
			die("sendmsg");
	}
	printf("# %d sent after %.0f ms\n", n, rpc_ms() - t0);
	for (int i = 0; i < n; i++) {
		ssize_t len = get(c, &m, in, BIG, 0), want = command;

		if (len < 0)
			die("recvmsg");
		if (room && want > room)
			want = room;
		if (m.verdict || verdict || m.error) {
			good += m.verdict == verdict && !m.error;
			if (m.verdict != verdict || m.error)
				printf("# verdict %d, error %d\n", m.verdict, m.error);
		} else {
			good += len == want && m.len == (uint64_t)command && !memcmp(in, big, len);
		}
	}
	printf("%d good of %d, %.0f ms\n", good, n, rpc_ms() - t0);
	return good != n;
}

static int pile(int n, size_t size, unsigned int room, int command)
{
	unsigned int good = 0, cut = 0, failed = 0;
	int socks[100], nr = 0, begun = 0;
	struct amoeba_msg m;

	/* where there is no memory left no page of ours may be wanted any more */
	setvbuf(stdin, NULL, _IONBF, 0);
	memset(in, 0, sizeof(in));
	if (mlockall(MCL_CURRENT))
		die("mlockall");
	reserve(true);
	errno = EAGAIN;
	while (begun < n && errno == EAGAIN && nr < 100) {
		socks[nr++] = client_of(to, SOCK_NONBLOCK);
		m = (struct amoeba_msg){ .room = room, .hdr.command = command, .locate_ms = 5000 };
		errno = EAGAIN;
		while (begun < n && put(socks[nr - 1], &m, big, size, 0) >= 0)
			begun++;
	}
	n = begun == n ? 0 : errno;
	reserve(false);
	printf("begun %d: %s\n", begun, n ? strerrorname_np(n) : "all");
	fflush(stdout);
	while (getchar() != EOF) {
		for (int i = 0; i < nr; i++) {
			while (readable(socks[i], begun > (int)(good + cut + failed) ? 500 : 0)) {
				ssize_t len = get(socks[i], &m, in, BIG, 0);

				if (len < 0)
					die("recvmsg");
				if (m.verdict || m.error || m.len != (uint64_t)command)
					failed++;
				else if (len == command && !memcmp(in, big, len))
					good++;
				else if (!len && m.out_flags & AMOEBA_OUT_TRUNC && got_flags & MSG_TRUNC)
					cut++;
				else
					failed++;
			}
		}
		printf("good %u cut %u failed %u\n", good, cut, failed);
		fflush(stdout);
	}
	return 0;
}

static int leave(int n, const char *how)
{
	int c = client_of(PORT, 0);

	for (int i = 0; i < n; i++)
		call(c, i + 1, 10, i % 2 ? 10 : 40000);
	printf("left\n");
	fflush(stdout);
	msleep(300);
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(how, "exec"))
		execl("/bin/sleep", "sleep", "1", NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const char *v;

	rpc_name = "sock_calls";
	family = flip_family();
	if (family < 0)
		die("the family of sockets (modprobe flip)");
	for (size_t i = 0; i < BIG; i++)
		big[i] = i * 7 + i / 251;
	v = argc > 1 ? argv[1] : "";
	if (!strncmp(v, "allowed=", 8)) {
		int fd = socket(family, SOCK_SEQPACKET, FLIPPROTO_RPC);

		check_errno("a socket for this user", fd, v[8] == '1' ? 0 : EPERM);
		return dev_done();
	}
	if (argc > 2)
		sscanf(argv[2], "port=%u", &to);
	if (!strncmp(v, "serve=", 6))
		return serve(atoi(v + 6), true, 0);
	if (!strncmp(v, "front=", 6))
		return front(v + 6);
	if (!strncmp(v, "untold=", 7))
		return serve(0, true, atoi(v + 7));
	if (!strncmp(v, "hold=", 5))
		return serve(atoi(v + 5), false, 0);
	if (!strncmp(v, "leave=", 6))
		return leave(atoi(v + 6), argc > 2 ? argv[2] + 4 : "exit");
	if (!strncmp(v, "call=", 5) || !strncmp(v, "pile=", 5)) {
		unsigned int size = 10, room = 0, locate_ms = 0, a;
		int command = 100, verdict = 0, b;

		for (int i = 2; i < argc; i++) {
			if (sscanf(argv[i], "size=%u", &a) == 1)
				size = a;
			else if (sscanf(argv[i], "room=%u", &a) == 1)
				room = a;
			else if (sscanf(argv[i], "locate_ms=%u", &a) == 1)
				locate_ms = a;
			else if (sscanf(argv[i], "timeo=%u", &a) == 1)
				timeo = a;
			else if (sscanf(argv[i], "to=%u", &a) == 1)
				to = a;
			else if (sscanf(argv[i], "command=%d", &b) == 1)
				command = b;
			else if (sscanf(argv[i], "verdict=%d", &b) == 1)
				verdict = b;
			else
				DIE("%s: what is that?", argv[i]);
		}
		if (*v == 'p')
			return pile(atoi(v + 5), size, room, command);
		return calls(atoi(v + 5), size, room, locate_ms, command, verdict);
	}
	echo();
	library();
	many();
	verdicts();
	cuts();
	full();
	errors();
	untold();
	told_late();
	forwards();
	races();
	return dev_done();
}
