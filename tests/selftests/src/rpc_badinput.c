// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rpc_badinput: every kind of wrong call of /dev/amoeba, and what must come of it.
 *
 *   rpc_badinput [slow=0]
 *
 * One line for each: "ok N - WHAT" or "not ok N - WHAT: got ..., want ...". What must come stands
 * in uapi/linux/amoeba.h: an errno speaks about the call, a verdict about the transaction. After
 * every group a sane call must still work. Built with -m32 the same program checks the interface
 * of 32-bit callers.
 */
#include "rpc_tool.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#define CMD(nr, size)	_IOC(_IOC_READ | _IOC_WRITE, AMOEBA_IOC_TYPE, nr, size)
#define NR_INFO		0
#define NR_TRANS	1
#define NR_GETREQ	2
#define NR_PUTREP	3
#define NR_BOTH		4
#define NR_LIMITS	8

/* get-port and its one-way: wire-observed 5 */
static const uint8_t getport[6] = { 't', 'e', 's', 't', 0, 0 };
static const uint8_t putport[6] = { 0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86 };
static const uint8_t nobody[6] = { 0x94, 0x1d, 0x3d, 0x69, 0x34, 0x45 };
/* a second pair, for requests this test answers itself */
static const uint8_t getown[6] = { 'g', 'r', 'p', 0, 0, 0 };
static const uint8_t putown[6] = { 0x99, 0xfe, 0xd8, 0x3a, 0x40, 0x00 };

static int fd, tests, failed;
static uint8_t *hole;		/* an address at which nothing is */
static uint8_t *edge;		/* edge[-1] is the last byte before a hole */
static uint8_t *readonly;
static uint8_t *kernel;		/* an address of the kernel's half */

static void report(bool good, const char *what, const char *got, const char *want)
{
	tests++;
	if (good) {
		printf("ok %d - %s\n", tests, what);
		return;
	}
	failed++;
	printf("not ok %d - %s: got %s, want %s\n", tests, what, got, want);
}

static const char *err_name(int err, char *buf, size_t size)
{
	if (!err)
		return "success";
	snprintf(buf, size, "%s", strerrorname_np(err) ?: "?");
	return buf;
}

static void want_errno(const char *what, int rc, int want)
{
	int err = rc < 0 ? errno : 0;
	char a[32], b[32];

	report(err == want, what, err_name(err, a, sizeof(a)), err_name(want, b, sizeof(b)));
}

/* the verdict by its address: it is not there before the call was made */
static void want_verdict(const char *what, int rc, const __s32 *verdict, int want)
{
	char a[64], b[32];

	if (rc < 0)
		snprintf(a, sizeof(a), "errno %s", strerrorname_np(errno) ?: "?");
	else
		snprintf(a, sizeof(a), "verdict %d", *verdict);
	snprintf(b, sizeof(b), "verdict %d", want);
	report(rc == 0 && *verdict == want, what, a, b);
}

static void want_true(const char *what, bool good)
{
	report(good, what, "the contrary", "that");
}

/* ---- a child that echoes ------------------------------------------------------------------- */

static pid_t server;

static void start_server(void)
{
	struct amoeba_putrep_getreq pg = { 0 };
	static uint8_t buf[65536];
	int up[2];
	char c;

	if (pipe(up) < 0)
		DIE("pipe: %s", strerror(errno));
	server = fork();
	if (server < 0)
		DIE("fork: %s", strerror(errno));
	if (server) {
		close(up[1]);
		if (read(up[0], &c, 1) != 1)
			DIE("the echo server does not come up");
		close(up[0]);
		return;
	}
	fd = rpc_open();
	memcpy(pg.get.hdr.port, getport, 6);
	pg.get.flags = AMOEBA_GETREQ_NONBLOCK;
	ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg);	/* from here on requests are queued */
	if (write(up[1], "", 1) != 1)
		_exit(2);
	for (;;) {
		memset(&pg.get, 0, sizeof(pg.get));
		memcpy(pg.get.hdr.port, getport, 6);
		pg.get.recv.addr = (uintptr_t)buf;
		pg.get.recv.len = sizeof(buf);
		if (ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg) < 0) {
			if (errno == EINTR)
				continue;
			_exit(3);
		}
		memset(&pg.put, 0, sizeof(pg.put));
		pg.put.handle = pg.get.handle;
		pg.put.hdr.extra = pg.get.hdr.extra;
		pg.put.send.addr = (uintptr_t)buf;
		pg.put.send.len = pg.get.len < sizeof(buf) ? pg.get.len : sizeof(buf);
	}
}

static struct amoeba_trans a_trans(const uint8_t *port)
{
	struct amoeba_trans t = { 0 };

	memcpy(t.req.port, port, 6);
	t.req.command = 1;
	t.locate_ms = 100;
	return t;
}

static struct amoeba_getreq a_getreq(const uint8_t *port)
{
	struct amoeba_getreq g = { 0 };

	memcpy(g.hdr.port, port, 6);
	g.timeout_ms = 50;
	return g;
}

static void still_sane(const char *after)
{
	struct amoeba_trans t = a_trans(putport);
	uint8_t out[3000], in[3000];
	char what[100];
	int rc;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = i * 3;
	t.send.addr = (uintptr_t)out;
	t.recv.addr = (uintptr_t)in;
	t.send.len = t.recv.len = sizeof(out);
	t.req.extra = 4711;
	rc = ioctl(fd, AMOEBA_TRANS, &t);
	snprintf(what, sizeof(what), "after %s a sane call works", after);
	want_verdict(what, rc, &t.verdict, AMOEBA_RPC_OK);
	snprintf(what, sizeof(what), "after %s its reply is right", after);
	want_true(what, t.rep_len == sizeof(out) && !memcmp(in, out, sizeof(out)) &&
		  t.rep.extra == 4711 && t.out_flags == AMOEBA_OUT_LOCAL);
}

/* ---- commands and sizes ------------------------------------------------------------------------ */

static void commands(void)
{
	uint8_t big[16384] = { 0 };
	struct amoeba_info info;
	char what[80];

	for (unsigned int nr = NR_LIMITS + 1; nr < 256; nr = nr < 12 ? nr + 1 : nr * 2 - 3) {
		snprintf(what, sizeof(what), "command %#x is not known", nr);
		want_errno(what, ioctl(fd, CMD(nr, 64), big), ENOTTY);
	}
	want_errno("another ioctl type is not known", ioctl(fd, _IOC(3, 0xA7, 1, 208), big), ENOTTY);
	want_errno("TCGETS is not known", ioctl(fd, 0x5401, big), ENOTTY);
	want_errno("the direction bits do not matter",
		   ioctl(fd, _IOC(0, AMOEBA_IOC_TYPE, NR_INFO, sizeof(info)), &info), 0);

	memset(&info, 0xff, sizeof(info));
	want_errno("info", ioctl(fd, AMOEBA_INFO, &info), 0);
	want_true("info says what it should", info.abi == AMOEBA_ABI_VERSION && !info.reserved &&
		  info.features & AMOEBA_FEAT_TRANS && info.max_data == AMOEBA_MAX_DATA &&
		  info.max_iov == 1024 && info.max_open);
	memset(big, 0xff, sizeof(big));
	want_errno("info in a larger structure", ioctl(fd, CMD(NR_INFO, 4096), big), 0);
	want_true("the rest of it is zero",
		  !big[sizeof(info)] && !big[4095] && big[4096] == 0xff);
	memset(big, 0xff, sizeof(big));
	want_errno("info in a smaller structure", ioctl(fd, CMD(NR_INFO, 16), big), 0);
	want_true("no more than that is written", big[16] == 0xff && big[0] == 1);
	want_errno("info to no address", ioctl(fd, AMOEBA_INFO, NULL), EFAULT);
	want_errno("info to the kernel", ioctl(fd, AMOEBA_INFO, kernel), EFAULT);
	want_errno("info to a hole", ioctl(fd, AMOEBA_INFO, hole), EFAULT);
	want_errno("info across an edge", ioctl(fd, AMOEBA_INFO, edge - 8), EFAULT);
	want_errno("info to a read-only page", ioctl(fd, AMOEBA_INFO, readonly), EFAULT);

	want_errno("read(2)", read(fd, big, 16), EINVAL);
	want_errno("write(2)", write(fd, big, 16), EINVAL);
	want_true("mmap(2) gives ENODEV",
		  mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	want_errno("lseek(2)", lseek(fd, 0, SEEK_SET) < 0 ? -1 : 0, ESPIPE);
}

static void sizes_of(unsigned int nr, const char *name, void *arg, size_t size, int want_fit)
{
	/* less than a header: there has never been such a structure */
	static const unsigned int small[] = { 0, 1, 8, 40, 63 };
	uint8_t buf[16384];
	char what[100];

	for (unsigned int i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		snprintf(what, sizeof(what), "%s with a structure of %u bytes", name, small[i]);
		want_errno(what, ioctl(fd, CMD(nr, small[i]), arg), EINVAL);
	}
	memset(buf, 0, sizeof(buf));
	memcpy(buf, arg, size);
	snprintf(what, sizeof(what), "%s, longer, with zeros", name);
	want_errno(what, ioctl(fd, CMD(nr, 8192), buf), want_fit);
	memset(buf, 0, sizeof(buf));
	memcpy(buf, arg, size);
	buf[size] = 1;
	snprintf(what, sizeof(what), "%s, longer, first byte not zero", name);
	want_errno(what, ioctl(fd, CMD(nr, 8192), buf), E2BIG);
	buf[size] = 0;
	buf[8191] = 1;
	snprintf(what, sizeof(what), "%s, longer, last byte not zero", name);
	want_errno(what, ioctl(fd, CMD(nr, 8192), buf), E2BIG);
	snprintf(what, sizeof(what), "%s, longer than there is memory", name);
	memcpy(edge - size, arg, size);
	want_errno(what, ioctl(fd, CMD(nr, size + 8), edge - size), EFAULT);
	snprintf(what, sizeof(what), "%s from no address", name);
	want_errno(what, ioctl(fd, CMD(nr, size), NULL), EFAULT);
	snprintf(what, sizeof(what), "%s from the kernel", name);
	want_errno(what, ioctl(fd, CMD(nr, size), kernel), EFAULT);
	snprintf(what, sizeof(what), "%s from a hole", name);
	want_errno(what, ioctl(fd, CMD(nr, size), hole), EFAULT);
	snprintf(what, sizeof(what), "%s across an edge", name);
	want_errno(what, ioctl(fd, CMD(nr, size), edge - size + 1), EFAULT);
	snprintf(what, sizeof(what), "%s from an odd address", name);
	memcpy(buf + 1, arg, size);
	want_errno(what, ioctl(fd, CMD(nr, size), buf + 1), want_fit);
}

static void sizes(void)
{
	struct amoeba_trans t = a_trans(putport);
	struct amoeba_getreq g = a_getreq(getown);
	struct amoeba_putrep p = { .handle = 0x123456789ULL };
	struct amoeba_putrep_getreq pg = { 0 };
	uint8_t *ro = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sizes_of(NR_TRANS, "trans", &t, sizeof(t), 0);
	g.flags = AMOEBA_GETREQ_NONBLOCK;
	sizes_of(NR_GETREQ, "getreq", &g, sizeof(g), EAGAIN);
	sizes_of(NR_PUTREP, "putrep", &p, sizeof(p), ENOENT);
	pg.get = g;
	sizes_of(NR_BOTH, "putrep_getreq", &pg, sizeof(pg), EAGAIN);

	t = a_trans(putport);
	want_errno("a shorter trans: what is missing is zero", ioctl(fd, CMD(NR_TRANS, 64), &t), 0);
	t.verdict = 99;
	t.rep_len = 99;
	want_errno("a trans as long as its verdict",
		   ioctl(fd, CMD(NR_TRANS, offsetof(struct amoeba_trans, rep_len)), &t), 0);
	want_true("gets the verdict and no more", t.verdict == 0 && t.rep_len == 99);

	t = a_trans(putport);
	t.req.port[0] = 0;
	memset(t.req.port, 0, sizeof(t.req.port));
	memcpy(ro, &t, sizeof(t));
	mprotect(ro, 4096, PROT_READ);
	want_errno("trans whose result cannot be written", ioctl(fd, AMOEBA_TRANS, ro), EFAULT);
	munmap(ro, 4096);
}

/* ---- fields ------------------------------------------------------------------------------------- */

static void fields(void)
{
	struct amoeba_trans t;
	struct amoeba_getreq g;
	struct amoeba_putrep p;
	char what[80];

#define TRANS(name, stmt, want)						\
	do {								\
		t = a_trans(putport);					\
		stmt;							\
		want_errno("trans: " name, ioctl(fd, AMOEBA_TRANS, &t), want);	\
	} while (0)
#define GETREQ(name, stmt, want)					\
	do {								\
		g = a_getreq(getown);					\
		g.flags = AMOEBA_GETREQ_NONBLOCK;			\
		stmt;							\
		want_errno("getreq: " name, ioctl(fd, AMOEBA_GETREQ, &g), want);	\
	} while (0)
#define PUTREP(name, stmt, want)					\
	do {								\
		memset(&p, 0, sizeof(p));				\
		p.handle = 0x7fff0000ULL;				\
		stmt;							\
		want_errno("putrep: " name, ioctl(fd, AMOEBA_PUTREP, &p), want);	\
	} while (0)

	TRANS("reserved", t.reserved = 1, EINVAL);
	TRANS("reserved, top bit", t.reserved = 1U << 31, EINVAL);
	TRANS("send.reserved", t.send.reserved = 1, EINVAL);
	TRANS("recv.reserved", t.recv.reserved = 1, EINVAL);
	for (int bit = 2; bit < 32; bit += 5) {
		t = a_trans(putport);
		t.flags = 1U << bit;
		snprintf(what, sizeof(what), "trans: flag bit %d", bit);
		want_errno(what, ioctl(fd, AMOEBA_TRANS, &t), EINVAL);
	}
	TRANS("port byte 6", t.req.port[6] = 1, EINVAL);
	TRANS("port byte 7", t.req.port[7] = 1, EINVAL);
	TRANS("signature byte 6", t.req.signature[6] = 1, EINVAL);
	TRANS("signature byte 7", t.req.signature[7] = 1, EINVAL);
	TRANS("what it returns may be anything", (t.verdict = 77, t.rep_len = ~0ULL,
		t.out_flags = ~0U, memset(&t.rep, 0xff, sizeof(t.rep))), 0);
	t = a_trans((const uint8_t[6]){ 0 });
	want_verdict("trans: null port", ioctl(fd, AMOEBA_TRANS, &t), &t.verdict,
		     AMOEBA_RPC_BADPORT);
	t = a_trans(nobody);
	want_verdict("trans: nobody serves it", ioctl(fd, AMOEBA_TRANS, &t), &t.verdict,
		     AMOEBA_RPC_NOTFOUND);
	t = a_trans(putport);
	t.flags = AMOEBA_TRANS_REMOTE;
	want_verdict("trans: only a server here, which is not wanted", ioctl(fd, AMOEBA_TRANS, &t),
		     &t.verdict, AMOEBA_RPC_NOTFOUND);

	GETREQ("reserved", g.reserved = 1, EINVAL);
	GETREQ("recv.reserved", g.recv.reserved = 1, EINVAL);
	GETREQ("flag bit 2", g.flags |= 4, EINVAL);
	GETREQ("a port and the declared ports", g.flags |= 2, EINVAL);
	GETREQ("flag bit 31", g.flags |= 1U << 31, EINVAL);
	GETREQ("port byte 6", g.hdr.port[6] = 1, EINVAL);
	GETREQ("port byte 7", g.hdr.port[7] = 1, EINVAL);
	GETREQ("signature byte 7", g.hdr.signature[7] = 1, EINVAL);
	GETREQ("null port", memset(g.hdr.port, 0, 8), EINVAL);
	GETREQ("nothing waiting, not to wait", (void)0, EAGAIN);
	GETREQ("nothing comes", g.flags = 0, ETIMEDOUT);

	PUTREP("a handle never given", (void)0, ENOENT);
	PUTREP("handle 0", p.handle = 0, ENOENT);
	PUTREP("the largest handle", p.handle = ~0ULL, ENOENT);
	PUTREP("flags", p.flags = 1, EINVAL);
	PUTREP("send.reserved", p.send.reserved = 1, EINVAL);
	PUTREP("signature byte 6", p.hdr.signature[6] = 1, EINVAL);
#undef TRANS
#undef GETREQ
#undef PUTREP
}

/* ---- buffers ------------------------------------------------------------------------------------ */

static void send_buffers(void)
{
	struct amoeba_iovec iov[1025];
	struct amoeba_trans t;
	uint8_t byte[2048] = { 1, 2, 3 };
	uint8_t in[64];

#define SEND(name, a, l, n, want)					\
	do {								\
		t = a_trans(putport);					\
		t.send.addr = (uintptr_t)(a);				\
		t.send.len = l;						\
		t.send.iovcnt = n;					\
		want_errno("request data: " name, ioctl(fd, AMOEBA_TRANS, &t), want);	\
	} while (0)

	for (int i = 0; i < 1025; i++)
		iov[i] = (struct amoeba_iovec){ (uintptr_t)&byte[i], 1 };
	SEND("no bytes at no address", NULL, 0, 0, 0);
	SEND("no bytes at a wild address", kernel, 0, 0, 0);
	SEND("a byte at no address", NULL, 1, 0, EFAULT);
	SEND("a byte of the kernel", kernel, 1, 0, EFAULT);
	SEND("a byte in a hole", hole, 1, 0, EFAULT);
	SEND("across an edge", edge - 10, 11, 0, EFAULT);
	SEND("across an edge, several packets", edge - 4000, 5000, 0, EFAULT);
	SEND("up to an edge", edge - 10, 10, 0, 0);
	SEND("one byte too many", byte, AMOEBA_MAX_DATA + 1ULL, 0, EMSGSIZE);
	SEND("2^32 bytes", byte, 1ULL << 32, 0, EMSGSIZE);
	SEND("2^63 bytes", byte, 1ULL << 63, 0, EMSGSIZE);
	SEND("all the bytes there are", byte, ~0ULL, 0, EMSGSIZE);
	SEND("the most allowed, which is not there", hole, AMOEBA_MAX_DATA, 0, EFAULT);
	SEND("wrapping round the address space", ~0ULL - 5, 10, 0, EFAULT);
	SEND("1024 pieces", iov, 0, 1024, 0);
	SEND("1025 pieces", iov, 0, 1025, EINVAL);
	SEND("2^32-1 pieces", iov, 0, ~0U, EINVAL);
	SEND("pieces and a length", iov, 1, 2, EINVAL);
	SEND("pieces nowhere", NULL, 0, 1, EFAULT);
	SEND("pieces in the kernel", kernel, 0, 1, EFAULT);
	SEND("pieces across an edge", edge - 8, 0, 1, EFAULT);
	iov[1] = (struct amoeba_iovec){ (uintptr_t)hole, 1 };
	SEND("a piece in a hole", iov, 0, 2, EFAULT);
	iov[1] = (struct amoeba_iovec){ (uintptr_t)kernel, 1 };
	SEND("a piece of the kernel", iov, 0, 2, EFAULT);
	iov[1] = (struct amoeba_iovec){ (uintptr_t)kernel, 0 };
	SEND("an empty piece at a wild address", iov, 0, 2, 0);
	iov[1] = (struct amoeba_iovec){ (uintptr_t)byte, AMOEBA_MAX_DATA };
	SEND("pieces that are too many bytes together", iov, 0, 2, EMSGSIZE);
	iov[1] = (struct amoeba_iovec){ (uintptr_t)byte, ~0ULL };
	SEND("pieces whose sum wraps", iov, 0, 2, EMSGSIZE);
#undef SEND

	t = a_trans(putport);
	t.send.addr = (uintptr_t)byte;
	t.send.len = 100;
	t.recv.addr = (uintptr_t)in;
	t.recv.len = 10;
	memset(in, 0x77, sizeof(in));
	want_verdict("a reply larger than the buffer", ioctl(fd, AMOEBA_TRANS, &t), &t.verdict, 0);
	want_true("is cut, and says so", t.rep_len == 100 && t.out_flags & AMOEBA_OUT_TRUNC &&
		  in[9] == byte[9] && in[10] == 0x77);
}

static void recv_buffers(void)
{
	struct amoeba_iovec iov[3];
	struct amoeba_trans t;
	uint8_t out[64] = { 9, 8, 7 }, in[64];

#define RECV(name, a, l, n, want)					\
	do {								\
		t = a_trans(putport);					\
		t.send.addr = (uintptr_t)out;				\
		t.send.len = sizeof(out);				\
		t.recv.addr = (uintptr_t)(a);				\
		t.recv.len = l;						\
		t.recv.iovcnt = n;					\
		want_errno("reply buffer: " name, ioctl(fd, AMOEBA_TRANS, &t), want);	\
	} while (0)

	RECV("none", NULL, 0, 0, 0);
	RECV("none, at a wild address", kernel, 0, 0, 0);
	RECV("at no address", NULL, 64, 0, EFAULT);
	RECV("in the kernel", kernel, 64, 0, EFAULT);
	RECV("in a hole", hole, 64, 0, EFAULT);
	RECV("read-only", readonly, 64, 0, EFAULT);
	RECV("across an edge", edge - 10, 64, 0, EFAULT);
	RECV("too large", in, AMOEBA_MAX_DATA + 1ULL, 0, EMSGSIZE);
	iov[0] = (struct amoeba_iovec){ (uintptr_t)in, 10 };
	iov[1] = (struct amoeba_iovec){ (uintptr_t)readonly, 10 };
	iov[2] = (struct amoeba_iovec){ (uintptr_t)in + 20, 44 };
	RECV("one piece read-only", iov, 0, 3, EFAULT);
	iov[1].base = (uintptr_t)in + 10;
	memset(in, 0, sizeof(in));
	RECV("three pieces", iov, 0, 3, 0);
	want_true("three pieces hold the reply", !memcmp(in, out, sizeof(in)));
#undef RECV
}

/* ---- sequences ---------------------------------------------------------------------------------- */

struct caller {
	pthread_t thread;
	struct amoeba_trans t;
	uint8_t out[200], in[200];
	int rc, err;
};

static void *caller_run(void *arg)
{
	struct caller *c = arg;

	c->rc = ioctl(fd, AMOEBA_TRANS, &c->t);
	c->err = errno;
	return NULL;
}

/* a call to ourselves that waits for its reply in another thread */
static void caller_start(struct caller *c, size_t len)
{
	memset(c, 0, sizeof(*c));
	c->t = a_trans(putown);
	c->t.locate_ms = 3000;
	memset(c->out, 0x31, sizeof(c->out));
	c->t.send.addr = (uintptr_t)c->out;
	c->t.send.len = len;
	c->t.recv.addr = (uintptr_t)c->in;
	c->t.recv.len = sizeof(c->in);
	if (pthread_create(&c->thread, NULL, caller_run, c))
		DIE("a thread cannot be made");
}

static void want_call(const char *what, struct caller *c, int want)
{
	pthread_join(c->thread, NULL);
	errno = c->err;
	want_verdict(what, c->rc, &c->t.verdict, want);
}

static void sequences(void)
{
	struct amoeba_putrep_getreq pg = { 0 };
	struct amoeba_putrep p = { 0 };
	struct amoeba_getreq g;
	struct caller c, c2;
	uint8_t buf[200];
	int other = rpc_open();

	caller_start(&c, 100);
	g = a_getreq(getown);
	g.timeout_ms = 5000;
	g.recv.addr = (uintptr_t)hole;
	g.recv.len = 100;
	want_errno("getreq into a hole", ioctl(fd, AMOEBA_GETREQ, &g), EFAULT);
	g = a_getreq(getown);
	g.timeout_ms = 5000;
	g.recv.addr = (uintptr_t)buf;
	g.recv.len = 30;
	memset(buf, 0, sizeof(buf));
	want_errno("the request is still there for the next", ioctl(fd, AMOEBA_GETREQ, &g), 0);
	want_true("it is cut to the buffer, and says so", g.len == 100 &&
		  g.out_flags == (AMOEBA_OUT_TRUNC | AMOEBA_OUT_LOCAL) && buf[29] == 0x31 &&
		  !buf[30] && g.handle);
	want_true("its port is the put-port", !memcmp(g.hdr.port, putown, 6));

	p.handle = g.handle;
	want_errno("putrep through another file", ioctl(other, AMOEBA_PUTREP, &p), ENOENT);
	p.handle = g.handle + 1;
	want_errno("putrep of the next handle", ioctl(fd, AMOEBA_PUTREP, &p), ENOENT);
	p.handle = g.handle ^ 1ULL << 40;
	want_errno("putrep of a handle not quite like it", ioctl(fd, AMOEBA_PUTREP, &p), ENOENT);
	p.handle = g.handle;
	p.send.addr = (uintptr_t)hole;
	p.send.len = 10;
	want_errno("putrep out of a hole", ioctl(fd, AMOEBA_PUTREP, &p), EFAULT);
	p.send.len = AMOEBA_MAX_DATA + 1ULL;
	want_errno("putrep of too much", ioctl(fd, AMOEBA_PUTREP, &p), EMSGSIZE);
	p.send.addr = (uintptr_t)buf;
	p.send.len = 20;
	p.hdr.extra = 12;
	p.verdict = 99;
	want_verdict("the handle is still good", ioctl(fd, AMOEBA_PUTREP, &p), &p.verdict, 0);
	want_call("and its client gets the reply", &c, AMOEBA_RPC_OK);
	want_true("which is the right one", c.t.rep_len == 20 && c.t.rep.extra == 12);
	want_errno("a second putrep", ioctl(fd, AMOEBA_PUTREP, &p), ENOENT);
	pg.put = p;
	pg.get = a_getreq(getown);
	want_errno("putrep_getreq of a used handle", ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg), ENOENT);
	want_true("waits for nothing", pg.put.handle == p.handle);

	caller_start(&c, 10);
	memset(&pg, 0, sizeof(pg));
	pg.get = a_getreq(getown);
	pg.get.timeout_ms = 5000;
	want_errno("putrep_getreq with nothing to answer", ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg), 0);
	pg.put.handle = pg.get.handle;
	pg.get = a_getreq(getown);
	pg.get.reserved = 1;
	want_errno("putrep_getreq with a bad second half", ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg),
		   EINVAL);
	want_true("answers nothing", pg.put.handle != 0);
	pg.get = a_getreq(getown);
	want_errno("putrep_getreq, nothing comes", ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg), ETIMEDOUT);
	want_true("but the reply is out and its handle cleared", !pg.put.handle);
	want_call("as its client sees", &c, AMOEBA_RPC_OK);
	want_errno("called again as it is, it only waits", ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg),
		   ETIMEDOUT);

	/* a server that goes: served = maybe executed, queued = surely not */
	close(other);
	other = rpc_open();
	g = a_getreq((const uint8_t[6]){ 'o', 't', 'h', 'e', 'r', 0 });
	caller_start(&c, 10);
	memcpy(c.t.req.port, putown, 6);
	g = a_getreq(getown);
	g.timeout_ms = 5000;
	want_errno("one request is taken", ioctl(other, AMOEBA_GETREQ, &g), 0);
	close(other);
	want_call("its server goes: maybe executed", &c, AMOEBA_RPC_FAILURE);

	other = rpc_open();
	g = a_getreq(getown);
	g.flags = AMOEBA_GETREQ_NONBLOCK;
	want_errno("a server that does not wait", ioctl(other, AMOEBA_GETREQ, &g), EAGAIN);
	caller_start(&c2, 10);
	c2.t.locate_ms = 3000;
	rpc_sleep_ms(100);
	close(other);
	want_call("it goes with the request in its queue: surely not executed", &c2,
		  AMOEBA_RPC_NOTFOUND);
}

/* ---- signals and time ---------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;
}

static void alarm_in(int ms)
{
	struct itimerval it = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	setitimer(ITIMER_REAL, &it, NULL);
}

static void waits(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct amoeba_getreq g;
	struct amoeba_trans t;
	double start;
	pid_t pid;
	int st;

	sigaction(SIGALRM, &sa, NULL);
	g = a_getreq(getown);
	g.timeout_ms = 0;
	alarm_in(100);
	want_errno("a signal ends getreq", ioctl(fd, AMOEBA_GETREQ, &g), EINTR);

	t = a_trans(nobody);
	t.locate_ms = 5000;
	alarm_in(100);
	want_verdict("a signal ends a call that has not left", ioctl(fd, AMOEBA_TRANS, &t),
		     &t.verdict, AMOEBA_RPC_ABORTED);

	t = a_trans(nobody);
	t.locate_ms = 5000;
	t.timeout_ms = 200;
	start = rpc_ms();
	st = ioctl(fd, AMOEBA_TRANS, &t);
	want_true("a limit ends a call that has not left: surely not executed", !st &&
		  (t.verdict == AMOEBA_RPC_NOTFOUND || t.verdict == AMOEBA_RPC_ABORTED));
	want_true("in its time", rpc_ms() - start > 150 && rpc_ms() - start < 2000);

	g = a_getreq(getown);
	g.timeout_ms = 150;
	start = rpc_ms();
	want_errno("getreq with a limit", ioctl(fd, AMOEBA_GETREQ, &g), ETIMEDOUT);
	want_true("waits that long", rpc_ms() - start > 140 && rpc_ms() - start < 2000);

	for (int kind = 0; kind < 3; kind++) {
		static const char *const name[] = {
			"a kill ends getreq at once", "a kill ends a locate at once",
			"a kill ends a call being served at once",
		};

		pid = fork();
		if (!pid) {
			int f = rpc_open();

			t = a_trans(kind == 1 ? nobody : putown);
			t.locate_ms = 60000;
			g = a_getreq((const uint8_t[6]){ 1, 2, 3, 4, 5, 6 });
			g.timeout_ms = 0;
			ioctl(f, kind ? AMOEBA_TRANS : AMOEBA_GETREQ,
			      kind ? (void *)&t : (void *)&g);
			_exit(0);
		}
		if (kind == 2) {
			g = a_getreq(getown);
			g.timeout_ms = 5000;
			if (ioctl(fd, AMOEBA_GETREQ, &g) < 0)
				DIE("getreq: %s", strerror(errno));
		} else {
			rpc_sleep_ms(200);
		}
		start = rpc_ms();
		kill(pid, SIGKILL);
		waitpid(pid, &st, 0);
		want_true(name[kind], WIFSIGNALED(st) && rpc_ms() - start < 1500);
	}
	struct amoeba_putrep p = { .handle = g.handle };

	want_verdict("its server hears of it", ioctl(fd, AMOEBA_PUTREP, &p), &p.verdict,
		     AMOEBA_RPC_FAILURE);
}

static void prepare(void)
{
	uint8_t *p = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		DIE("mmap: %s", strerror(errno));
	edge = p + 3 * 4096;
	hole = p + 4 * 4096;
	/* not unmapped: another mapping would take the place */
	mprotect(edge, 3 * 4096, PROT_NONE);
	readonly = p + 6 * 4096;
	mprotect(readonly, 4096, PROT_READ);
	kernel = (uint8_t *)(sizeof(void *) == 8 ? 0xffff888000001000ULL : 0xfffff000UL);
}

int main(int argc, char **argv)
{
	(void)argv;
	rpc_name = "rpc_badinput";
	if (argc > 1)
		DIE("no arguments");
	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare();
	start_server();
	fd = rpc_open();
	still_sane("nothing at all");
	commands();
	still_sane("wrong commands");
	sizes();
	still_sane("wrong sizes");
	fields();
	still_sane("wrong fields");
	send_buffers();
	recv_buffers();
	still_sane("wrong buffers");
	sequences();
	still_sane("wrong sequences");
	waits();
	still_sane("signals");
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	printf("# %d calls judged, %d wrong\n", tests, failed);
	return failed ? 1 : 0;
}
