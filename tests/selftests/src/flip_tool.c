// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flip_tool - FLIP messages for the selftests
 *
 *	flip_tool recv [OPTION VALUE]...	print what comes; first the own address
 *	flip_tool send DST LEN [OPTION VALUE]...
 *	flip_tool ping DST LEN COUNT [OPTION VALUE]...	to a recv with echo 1
 *	flip_tool flow DST LEN COUNT [OPTION VALUE]...	the same, but count what fails and go on
 *	flip_tool family
 *
 * Options: bind PRIVATE (16 hex digits), count N, timeout MS, echo 1 (2: only what is intact and not
 * empty, so that no two of them echo something for ever), bcast 1, rcvbuf BYTES,
 * ltime MS, hops N, flags N, members N (all four with cmsg 1 as control messages of each message sent), wait MS (for an undeliverable message), errors N (so many
 * of them, 1), gap MS, step N (each message so many bytes longer than the one before), spread N
 * (messages take turns between N addresses from DST on), keep 1 (go on after a refused message),
 * inval 1 (flow: look for the destination anew after an answer that did not come), patience MS (how
 * long a message may take to leave), quiet 1 (recv: say nothing of what comes), while FILE (flow: begin
 * again after COUNT messages as long as FILE is there, one line for each such round), scribble 1 (send:
 * over the message as soon as the call has returned), pieces N (of an iovec; LEN is at least N * N).
 * A message of LEN bytes is filled with a pattern that recv and ping check. DST "all" broadcasts
 * with protocol number 0x7465.
 */
#include "flip_sock.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <unistd.h>

static long count = 1, timeout_ms = 60000, echo, bcast, rcvbuf, ltime = -1, hops, flags, members;
static long wait_ms, gap_ms, errors = 1, step, spread, keep, inval, patience, silent, by_cmsg;
static long scribble, pieces;
static const char *private_address, *go;

static void fail(const char *what)
{
	fprintf(stderr, "flip_tool: %s\n", what);
	exit(1);
}

static void to_bytes(const char *hex, uint8_t b[8])
{
	int i;
	unsigned int v;

	if (strlen(hex) != 16)
		fail("an address has 16 hex digits");
	for (i = 0; i < 8; i++) {
		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			fail("an address has 16 hex digits");
		b[i] = v;
	}
}

static const char *to_hex(const uint8_t b[8])
{
	static char text[4][17];
	static int next;
	char *t = text[next++ % 4];
	int i;

	for (i = 0; i < 8; i++)
		sprintf(t + 2 * i, "%02x", b[i]);
	return t;
}

/* the pattern: a message is recognised by its length alone */
static void fill(uint8_t *p, size_t len)
{
	uint32_t x = 0x9e3779b9u ^ (uint32_t)len;
	size_t i;

	for (i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = x >> 24;
	}
}

static int wrong(const uint8_t *p, size_t len)
{
	uint32_t x = 0x9e3779b9u ^ (uint32_t)len;
	size_t i;

	for (i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		if (p[i] != (uint8_t)(x >> 24))
			return 1;
	}
	return 0;
}

static void set(int fd, int option, int value)
{
	if (setsockopt(fd, SOL_FLIP, option, &value, sizeof(value)))
		die("setsockopt");
}

static void set_patience(int fd, long ms)
{
	struct timeval limit = { ms / 1000, ms % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		die("SO_SNDTIMEO");
}

static int open_socket(void)
{
	struct sockaddr_flip a = { .sflip_family = family };
	int fd = socket(family, SOCK_DGRAM, FLIPPROTO_RAW), v;

	if (fd < 0)
		die("socket");
	if (rcvbuf) {
		v = rcvbuf;
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &v, sizeof(v)))
			die("SO_RCVBUFFORCE");
	}
	set(fd, FLIP_RECVINFO, 1);
	if (bcast)
		set(fd, FLIP_BROADCAST, 1);
	if (ltime >= 0 && !by_cmsg)
		set(fd, FLIP_LTIME, ltime);
	if (hops && !by_cmsg)
		set(fd, FLIP_HOPS, hops);
	if (flags && !by_cmsg)
		set(fd, FLIP_SENDFLAGS, flags);
	if (members && !by_cmsg)
		set(fd, FLIP_MEMBERS, members);
	if (patience)
		set_patience(fd, patience);
	if (private_address)
		to_bytes(private_address, a.sflip_addr);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("bind");
	return fd;
}

static void print_address(int fd, uint8_t own[8])
{
	struct sockaddr_flip a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) || len != sizeof(a))
		die("getsockname");
	memcpy(own, a.sflip_addr, 8);
	printf("%s\n", to_hex(own));
	fflush(stdout);
}

struct received {
	struct sockaddr_flip	from;
	struct flip_recvinfo	info;
	ssize_t			len;
};

/* one message into @buf; 0 when none came within @ms */
static int receive(int fd, uint8_t *buf, size_t size, long ms, struct received *r)
{
	struct iovec iov = { buf, size };
	char control[256];
	struct msghdr m = {
		.msg_name = &r->from, .msg_namelen = sizeof(r->from), .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct cmsghdr *c;

	if (poll(&p, 1, ms) <= 0 || !(p.revents & POLLIN))
		return 0;
	r->len = recvmsg(fd, &m, 0);
	if (r->len < 0)
		die("recvmsg");
	if (m.msg_flags & MSG_TRUNC)
		fail("message longer than the buffer");
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_FLIP && c->cmsg_type == FLIP_RECVINFO)
			memcpy(&r->info, CMSG_DATA(c), sizeof(r->info));
	return 1;
}

static void add_cmsg(struct msghdr *m, int type, int value)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);

	c->cmsg_level = SOL_FLIP;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(sizeof(value));
	memcpy(CMSG_DATA(c), &value, sizeof(value));
	m->msg_controllen += CMSG_SPACE(sizeof(value));
}

/* the same bytes from an iovec of that many pieces, each a byte longer than the one before */
static ssize_t send_pieces(int fd, struct msghdr *m, const uint8_t *buf, size_t len)
{
	struct iovec *iov = calloc(pieces, sizeof(*iov));
	size_t at = 0;
	ssize_t n;
	long i;

	if (!iov)
		fail("no memory");
	for (i = 0; i < pieces; i++, at += n) {
		n = i == pieces - 1 ? len - at : len / pieces + i - pieces / 2;
		iov[i] = (struct iovec){ (void *)(buf + at), n };
	}
	m->msg_iov = iov;
	m->msg_iovlen = pieces;
	n = sendmsg(fd, m, 0);
	free(iov);
	return n;
}

static ssize_t try_send(int fd, const uint8_t dst[8], const uint8_t *buf, size_t len)
{
	struct sockaddr_flip a = { .sflip_family = family };
	_Alignas(struct cmsghdr) char control[4 * CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { (void *)buf, len };
	struct msghdr m = {
		.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control,
	};

	memcpy(a.sflip_addr, dst, 8);
	if (pieces > 1)
		return send_pieces(fd, &m, buf, len);
	if (!by_cmsg)
		return sendto(fd, buf, len, 0, (struct sockaddr *)&a, sizeof(a));
	if (ltime >= 0)
		add_cmsg(&m, FLIP_LTIME, ltime);
	if (hops)
		add_cmsg(&m, FLIP_HOPS, hops);
	if (flags)
		add_cmsg(&m, FLIP_SENDFLAGS, flags);
	if (members)
		add_cmsg(&m, FLIP_MEMBERS, members);
	return sendmsg(fd, &m, 0);
}

/* the destination of message @n; its number goes into bytes that distinguish addresses */
static void nth_address(const uint8_t dst[8], long n, uint8_t to[8])
{
	memcpy(to, dst, 8);
	if (spread) {
		n %= spread;
		to[5] += n >> 8;
		to[6] += n;
	}
}

static void send_to(int fd, const uint8_t dst[8], const uint8_t *buf, size_t len)
{
	ssize_t n = try_send(fd, dst, buf, len);

	if (n < 0)
		die("sendto");
	if ((size_t)n != len)
		fail("sendto: short count");
}

/* take one entry of the error queue if it comes within @ms, and print it, timed from @begin, unless @quiet */
static int undelivered(int fd, long ms, int quiet, double begin)
{
	struct sockaddr_flip to;
	uint8_t buf[2048];
	struct iovec iov = { buf, sizeof(buf) };
	char control[256];
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct pollfd p = { .fd = fd, .events = 0 };
	struct sock_extended_err *e;
	struct cmsghdr *c;
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return 0;
	n = recvmsg(fd, &m, MSG_ERRQUEUE);
	if (n < 0)
		die("recvmsg(MSG_ERRQUEUE)");
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (quiet || c->cmsg_level != SOL_FLIP || c->cmsg_type != FLIP_RECVERR)
			continue;
		e = (struct sock_extended_err *)CMSG_DATA(c);
		printf("undelivered to %s len %zd reason %u errno %u after %.0f ms %s\n",
		       to_hex(to.sflip_addr), n, e->ee_code, e->ee_errno, now() - begin,
		       wrong(buf, n) ? "DAMAGED" : "intact");
	}
	return 1;
}

static int do_recv(void)
{
	size_t size = rcvbuf >= (8 << 20) ? (size_t)rcvbuf + 1 : 8 << 20;
	uint8_t *buf = malloc(size);
	int fd = open_socket(), bad = 0;
	struct received r;
	uint8_t own[8];
	long n;

	if (!buf)
		fail("no memory");
	print_address(fd, own);
	for (n = 0; n < count; n++) {
		while (!receive(fd, buf, size, timeout_ms, &r)) {
			/* an answer that could not be delivered woke us */
			if (undelivered(fd, 0, 1, 0))
				continue;
			printf("timeout after %ld\n", n);
			return 2;
		}
		if (!(bcast && r.len >= 4 && !memcmp(buf, "\0\0te", 4)))
			bad |= wrong(buf, r.len);
		if (!silent) {
			printf("len %zd from %s to %s network %u hops %u flags 0x%x%s\n", r.len,
			       to_hex(r.from.sflip_addr), to_hex(r.info.dst), r.from.sflip_network,
			       r.info.hops, r.info.flags, bad ? " DAMAGED" : "");
			fflush(stdout);
		}
		/* nobody may make us talk to ourselves; whoever asked may have gone */
		if (!echo || !memcmp(r.from.sflip_addr, own, 8))
			continue;
		if (echo == 1 || (r.len && !wrong(buf, r.len)))
			try_send(fd, r.from.sflip_addr, buf, r.len);
	}
	return bad;
}

static int do_send(const char *dst, size_t len)
{
	size_t longest = len + (count > 0 ? (count - 1) * step : 0), size;
	uint8_t base[8] = {}, to[8], *buf = malloc(longest + 8);
	int fd = open_socket(), all = !strcmp(dst, "all");
	long n, refused = 0;
	double begin;

	if (!buf)
		fail("no memory");
	if (!all)
		to_bytes(dst, base);
	begin = now();
	for (n = 0; n < count; n++) {
		size = len + n * step;
		if (!n || step || scribble)
			fill(buf, size);
		if (all && size >= 4)
			memcpy(buf, "\0\0te", 4);
		if (n && gap_ms)
			usleep(gap_ms * 1000);
		nth_address(base, n, to);
		if (!keep)
			send_to(fd, to, buf, size);
		else if (try_send(fd, to, buf, size) != (ssize_t)size)
			refused++;
		if (scribble)
			memset(buf, 0xa5, size);
	}
	printf("sent %ld of %zu bytes in %.1f ms\n", count - refused, len, now() - begin);
	if (keep)
		printf("refused %ld\n", refused);
	fflush(stdout);
	/* of what was refused no more will be heard */
	if (errors > count - refused)
		errors = count - refused;
	for (n = 0; wait_ms && n < errors && undelivered(fd, wait_ms, 0, begin); n++)
		;
	if (wait_ms && !n)
		printf("no error within %ld ms\n", wait_ms);
	return 0;
}

static int do_ping(const char *dst, size_t len, long n)
{
	uint8_t to[8], *out = malloc(len + 1), *in = malloc(len + 1);
	double begin, first = 0, all;
	int fd = open_socket();
	struct received r;
	long i;

	if (!out || !in)
		fail("no memory");
	to_bytes(dst, to);
	fill(out, len);
	begin = now();
	for (i = 0; i < n; i++) {
		send_to(fd, to, out, len);
		if (!receive(fd, in, len + 1, timeout_ms, &r)) {
			printf("no answer to %ld\n", i);
			return 2;
		}
		if ((size_t)r.len != len || memcmp(in, out, len)) {
			printf("answer %ld is wrong: %zd bytes\n", i, r.len);
			return 1;
		}
		if (!i)
			first = now() - begin;
	}
	all = now() - begin;
	printf("%ld of %zu bytes: first %.2f ms, mean %.1f us, %.1f MB/s\n", n, len, first,
	       n > 1 ? (all - first) * 1e3 / (n - 1) : first * 1e3,
	       n > 1 ? 2.0 * len * (n - 1) / (all - first) / 1e3 : 2.0 * len / all / 1e3);
	return 0;
}

/* what became of one message of a flow */
enum fate { ANSWERED, LOST, WRONG, BOUNCED, REFUSED, FATES };

static enum fate answer_to(int fd, const uint8_t *out, uint8_t *in, size_t len, size_t size)
{
	double end = now() + timeout_ms;
	struct received r;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		double left = end - now();

		if (left <= 0 || poll(&p, 1, left) <= 0)
			return LOST;
		if (p.revents & POLLERR) {
			if (undelivered(fd, 0, 1, 0))
				return BOUNCED;
			continue;
		}
		if (!receive(fd, in, size, 0, &r))
			continue;
		if ((size_t)r.len != len) {
			/* to an earlier one, late; those are of other lengths when step is given */
			if (wrong(in, r.len))
				return WRONG;
			continue;
		}
		return memcmp(in, out, len) ? WRONG : ANSWERED;
	}
}

/* @n messages, each longer than the one before; true: a wrong answer came */
static int flow(int fd, const uint8_t base[8], uint8_t *out, uint8_t *in, size_t len, long n)
{
	size_t size = len + n * step + 1;
	double begin, last, longest = 0;
	long i, fates[FATES] = {};
	enum fate fate = ANSWERED;
	uint8_t to[8];

	last = begin = now();
	for (i = 0; i < n; i++, len += step) {
		if (i && gap_ms)
			usleep(gap_ms * 1000);
		/* what was bounced has been found out; silence means that the old place is dead */
		if (inval)
			set(fd, FLIP_SENDFLAGS, flags |
			    (fate == LOST || fate == REFUSED ? FLIP_SEND_INVAL : 0));
		nth_address(base, i, to);
		fill(out, len);
		fate = REFUSED;
		if (try_send(fd, to, out, len) == (ssize_t)len)
			fate = answer_to(fd, out, in, len, size);
		fates[fate]++;
		if (fate == ANSWERED) {
			if (now() - last > longest)
				longest = now() - last;
			last = now();
		}
	}
	printf("sent %ld answered %ld lost %ld bounced %ld refused %ld wrong %ld ", n,
	       fates[ANSWERED], fates[LOST], fates[BOUNCED], fates[REFUSED], fates[WRONG]);
	printf("interrupted %.0f took %.0f ms\n", longest, now() - begin);
	fflush(stdout);
	return !!fates[WRONG];
}

static int do_flow(const char *dst, size_t len, long n)
{
	size_t size = len + n * step + 1;
	uint8_t base[8], *out = malloc(size), *in = malloc(size);
	int fd = open_socket(), bad = 0;

	if (!out || !in)
		fail("no memory");
	set_patience(fd, timeout_ms);
	to_bytes(dst, base);
	do
		bad |= flow(fd, base, out, in, len, n);
	while (go && !access(go, F_OK));
	return bad;
}

static void options(char **arg)
{
	static const struct {
		const char	*name;
		long		*value;
	} names[] = {
		{ "count", &count }, { "timeout", &timeout_ms }, { "echo", &echo },
		{ "bcast", &bcast }, { "rcvbuf", &rcvbuf }, { "ltime", &ltime },
		{ "hops", &hops }, { "flags", &flags }, { "members", &members },
		{ "wait", &wait_ms }, { "gap", &gap_ms }, { "errors", &errors },
		{ "step", &step }, { "spread", &spread }, { "keep", &keep }, { "inval", &inval },
		{ "patience", &patience }, { "quiet", &silent }, { "cmsg", &by_cmsg },
		{ "scribble", &scribble }, { "pieces", &pieces },
	};
	size_t i;

	for (; arg[0]; arg += 2) {
		if (!arg[1])
			fail("option without a value");
		if (!strcmp(arg[0], "bind")) {
			private_address = arg[1];
			continue;
		}
		if (!strcmp(arg[0], "while")) {
			go = arg[1];
			continue;
		}
		for (i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (!strcmp(arg[0], names[i].name))
				break;
		if (i == sizeof(names) / sizeof(*names))
			fail("unknown option");
		*names[i].value = atol(arg[1]);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2)
		fail("usage: flip_tool recv|send|ping|flow|family ...");
	flip_family();
	if (!strcmp(argv[1], "recv")) {
		options(argv + 2);
		return do_recv();
	}
	if (!strcmp(argv[1], "send") && argc >= 4) {
		options(argv + 4);
		return do_send(argv[2], strtoul(argv[3], NULL, 0));
	}
	if (!strcmp(argv[1], "ping") && argc >= 5) {
		options(argv + 5);
		return do_ping(argv[2], strtoul(argv[3], NULL, 0), atol(argv[4]));
	}
	if (!strcmp(argv[1], "flow") && argc >= 5) {
		options(argv + 5);
		return do_flow(argv[2], strtoul(argv[3], NULL, 0), atol(argv[4]));
	}
	if (!strcmp(argv[1], "family")) {
		printf("%d\n", family);
		return 0;
	}
	fail("usage: flip_tool recv|send|ping|flow|family ...");
	return 1;
}
