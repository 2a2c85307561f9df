// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rpc_fuzz: random calls of /dev/amoeba, also through io_uring, and of transaction sockets.
 *
 *   rpc_fuzz [calls=20000] [seed=N] [verbose=1]
 *
 * Half-sensible arguments (ports that are served, live handles, buffers that exist) mixed with
 * every kind of nonsense: commands, sizes, pointers, lengths, flags, reserved fields. A child
 * serves a port properly all the while. verbose=1 prints each call and looks at the guards after
 * each. Fails when a buffer is written outside its bounds, when an argument the kernel may not
 * write has changed, when a call gives an errno nobody documents, or when after all of it a sane
 * call does not work. What the kernel says on its console is the harness's business. The same seed
 * makes the same calls.
 */
#include "rpc_tool.h"

#include <amoeba.h>
#include <linux/flip.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#define ROOM	(64 * 1024)
#define GUARD	4096
#define MOAT	(4 << 20)	/* no access; more than the longest reply */
#define CANARY	0xa5

/* a get-port and its one-way: wire-observed 5 */
static const uint8_t getport[6] = { 't', 'e', 's', 't', 0, 0 };
static const uint8_t putport[6] = { 0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86 };
static uint64_t state;
static uint8_t *arena;		/* guard, ROOM bytes, guard */
static uint8_t *readonly;	/* a page that cannot be written */
static uint8_t *edge;		/* the last byte before a page of no access is edge[-1] */
/* the commands there are; all other numbers are ENOTTY */
static const unsigned int known[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
#define NR_KNOWN	(sizeof(known) / sizeof(known[0]))
#define MAX_KNOWN	32

static int fds[3];
static uint64_t handles[16];
static unsigned int nr_handles;

static uint64_t rnd(void)
{
	state += 0x9e3779b97f4a7c15ULL;
	uint64_t z = state;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static unsigned int below(unsigned int n)
{
	return rnd() % n;
}

/* get-ports that are called, and one that is not */
static void a_getport(uint8_t *port)
{
	port[below(3) ? 0 : 5] = 1 + !below(8);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* what was done last; for a death of our own, which is somebody's fault */
static unsigned long now_call, now_cmd;
static void *now_ptr;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	static char maps[65536];
	int fd = open("/proc/self/maps", O_RDONLY);
	ssize_t n;

	(void)context;
	dprintf(2, "rpc_fuzz: signal %d, code %d at %p, in call %lu (cmd %#lx, 0: of a socket; ptr %p)\n",
		sig, info->si_code, info->si_addr, now_call, now_cmd, now_ptr);
	while ((n = read(fd, maps, sizeof(maps))) > 0)
		if (write(2, maps, n) != n)
			break;
	_exit(1);
}

/* ---- the child that serves -------------------------------------------------------------------- */

static void serve_forever(int ready)
{
	uint8_t *buf = malloc(1 << 20);
	struct amoeba_putrep_getreq pg;
	int fd = rpc_open();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(&pg, 0, sizeof(pg));
	memcpy(pg.get.hdr.port, getport, 6);
	pg.get.recv.addr = (uintptr_t)buf;
	pg.get.recv.len = 1 << 20;
	pg.get.flags = AMOEBA_GETREQ_NONBLOCK;
	ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg);	/* the port is known from here on */
	if (write(ready, "", 1) != 1)
		_exit(2);
	for (;;) {
		memset(&pg.get, 0, sizeof(pg.get));
		memcpy(pg.get.hdr.port, getport, 6);
		pg.get.recv.addr = (uintptr_t)buf;
		pg.get.recv.len = 1 << 20;
		if (ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg) < 0) {
			if (errno == EINTR)
				continue;
			fprintf(stderr, "rpc_fuzz: server: %s\n", strerror(errno));
			_exit(3);
		}
		memset(&pg.put, 0, sizeof(pg.put));
		pg.put.handle = pg.get.handle;
		pg.put.hdr = pg.get.hdr;
		pg.put.hdr.status = 0;
		pg.put.send.addr = (uintptr_t)buf;
		pg.put.send.len = pg.get.len < 1 << 20 ? pg.get.len : 1 << 20;
	}
}

/* the child that calls the ports our own getreqs wait on, so that there are handles to answer */
static void call_forever(void)
{
	static const uint8_t ports[2][6] = {	/* of 010000000000 and of 000000000001: ditto */
		{ 0x0f, 0x89, 0x05, 0xc8, 0xfe, 0xff }, { 0xca, 0x32, 0xf8, 0x5a, 0xa5, 0xe6 },
	};
	uint8_t data[3000] = { 0 };
	int fd = rpc_open();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int n = 0;; n++) {
		struct amoeba_trans t = { 0 };

		memcpy(t.req.port, ports[n & 1], 6);
		t.send.addr = t.recv.addr = (uintptr_t)data;
		t.send.len = t.recv.len = n * 37 % sizeof(data);
		t.locate_ms = 20;
		t.timeout_ms = 40;
		ioctl(fd, AMOEBA_TRANS, &t);
	}
}

/* a thread that waits on our descriptors, so that there is something to cancel */
static void *wait_forever(void *arg)
{
	sigset_t set;

	(void)arg;
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (unsigned int n = 0;; n++) {
		struct amoeba_getreq g = { .timeout_ms = 50, .cookie = 1 + n % 3 };

		g.hdr.port[0] = 9;
		if (ioctl(fds[n / 3 % 3], AMOEBA_GETREQ, &g) < 0 && errno == EBADF)
			usleep(1000);
	}
	return NULL;
}

/* ---- arguments ----------------------------------------------------------------------------------- */

static uint64_t a_pointer(__u64 *len)
{
	*len = below(4) ? below(ROOM) : below(64);
	switch (below(16)) {
	case 0:
		return 0;
	case 1:
		return 0xffff888000000000ULL + rnd() % (1ULL << 40);
	case 2:
		return rnd();
	case 3:
		*len = 1 + below(8192);
		return (uintptr_t)edge - below(*len + 1);
	case 4:
		*len = below(4096);
		return (uintptr_t)readonly;
	case 5:
		*len = rnd() >> below(64);
		return (uintptr_t)arena + GUARD;
	case 6:
		return 0x7ffffffff000ULL - below(8);
	default:
		*len = below(ROOM + 1);
		return (uintptr_t)arena + GUARD + below(ROOM - *len + 1);
	}
}

static struct amoeba_iovec iovs[1100];

static void a_buf(struct amoeba_buf *b)
{
	memset(b, 0, sizeof(*b));
	if (below(3)) {
		b->addr = a_pointer(&b->len);
	} else {
		b->iovcnt = below(8) ? below(12) : below(1100);
		for (unsigned int i = 0; i < b->iovcnt; i++) {
			iovs[i].base = a_pointer(&iovs[i].len);
			if (b->iovcnt > 20)
				iovs[i].len &= 63;
		}
		b->addr = below(12) ? (uintptr_t)iovs : a_pointer(&b->len);
		if (below(16))
			b->len = 0;
	}
	if (!below(24))
		b->reserved = rnd();
	if (!below(48))
		b->iovcnt = rnd();
}

static void a_header(struct amoeba_header *h, const uint8_t *port)
{
	memset(h, 0, sizeof(*h));
	if (below(4))
		memcpy(h->port, port, 6);
	else if (below(2))
		for (int i = 0; i < 6; i++)
			h->port[i] = rnd();
	if (!below(24))
		h->port[6 + below(2)] = rnd();
	if (!below(24))
		h->signature[below(8)] = rnd();
	if (!below(4)) {
		h->object = rnd();
		h->rights = rnd();
		h->site = below(2) ? rnd() : 0;
		h->check[below(12)] = rnd();
	}
	h->command = below(2) ? below(65536) : rnd();
	h->extra = rnd() >> below(64);
	h->offset = rnd() >> below(64);
	h->size = rnd() >> below(64);
}

static uint64_t a_handle(void)
{
	if (nr_handles && below(4))
		return handles[below(nr_handles)];
	return below(2) ? rnd() >> below(64) : below(8);
}

/* a list of ports: where it is, and how many */
static uint64_t a_list(uint32_t *nr)
{
	static uint8_t list[64][8];
	__u64 len;

	*nr = below(12) ? 1 + below(6) : below(2) ? below(80) : rnd();
	for (unsigned int i = 0; i < 64; i++) {
		memset(list[i], 0, 8);
		a_getport(list[i]);
		if (!below(64))
			list[i][below(8)] = rnd();
	}
	return below(12) ? (uintptr_t)list : a_pointer(&len);
}

static void an_argument(unsigned int nr, void *arg)
{
	struct amoeba_listen *l = arg;
	struct amoeba_cancel *c = arg;
	struct amoeba_limits *lim = arg;
	struct amoeba_forward *fw = arg;
	struct amoeba_trans *t = arg;
	struct amoeba_getreq *g = arg;
	struct amoeba_putrep *p = arg;
	struct amoeba_putrep_getreq *pg = arg;

	memset(arg, 0, 1024);
	switch (nr) {
	case 1:
		a_header(&t->req, putport);
		a_buf(&t->send);
		a_buf(&t->recv);
		t->flags = below(8) ? below(4) : rnd();
		t->locate_ms = below(2) ? 1 + below(20) : rnd();
		t->timeout_ms = below(4) ? 1 + below(50) : rnd();
		/*
		 * Who calls a port whose requests it takes itself, by a command of io_uring, waits for itself,
		 * and a signal only asks it to answer: then not for weeks.
		 */
		if (!below(2) || !memcmp(t->req.port, putport, 6))
			t->timeout_ms = 1 + t->timeout_ms % 3000;
		t->reserved = below(24) ? 0 : rnd();
		t->cookie = below(4);
		break;
	case 2:
		a_getport(g->hdr.port);
		if (!below(8))
			a_header(&g->hdr, getport);
		a_buf(&g->recv);
		g->flags = below(8) ? below(2) : rnd();
		g->timeout_ms = 1 + below(20);
		g->reserved = below(24) ? 0 : rnd();
		g->index = rnd();
		g->cookie = below(4);
		switch (below(6)) {
		case 0:
		case 1:
			memset(g->hdr.port, 0, below(16) ? 8 : 0);
			g->ports = a_list(&g->nports);
			break;
		case 2:
			memset(g->hdr.port, 0, below(16) ? 8 : 0);
			g->flags |= AMOEBA_GETREQ_LISTENED;
			break;
		}
		break;
	case 3:
		a_header(&p->hdr, getport);
		a_buf(&p->send);
		p->handle = a_handle();
		p->flags = below(24) ? 0 : rnd();
		break;
	case 4:
		an_argument(3, &pg->put);
		memset(&pg->get, 0, sizeof(pg->get));
		a_getport(pg->get.hdr.port);
		a_buf(&pg->get.recv);
		pg->get.flags = below(2);
		pg->get.timeout_ms = 1 + below(20);
		if (!below(3)) {
			memset(pg->get.hdr.port, 0, 8);
			pg->get.ports = a_list(&pg->get.nports);
		}
		break;
	case 5:
		fw->handle = a_handle();
		if (below(2)) {		/* an address of this namespace: our own */
			struct amoeba_info info;

			if (!ioctl(fds[below(3)], AMOEBA_INFO, &info))
				memcpy(fw->address, info.address, 8);
		} else {
			fw->address[below(8)] = rnd();
		}
		fw->verdict = rnd();
		fw->flags = below(12) ? 0 : rnd();
		break;
	case 6:
		c->cookie = below(8) ? 1 + below(3) : rnd();
		c->count = rnd();
		c->flags = below(8) ? 0 : rnd();
		break;
	case 8:
		lim->locate_ms = 1 + below(20);
		lim->timeout_ms = 1 + below(50);
		lim->getreq_ms = 1 + below(20);
		lim->flags = below(8) ? 0 : rnd();
		break;
	case 7:
		l->ports = a_list(&l->nports);
		l->flags = below(8) ? below(2) : rnd();
		if (!below(8))
			memset(l, 0, 12);
		break;
	default:
		for (unsigned int i = 0; i < 1024 / 8; i++)
			((uint64_t *)arg)[i] = below(2) ? 0 : rnd();
	}
}

static unsigned int size_of(unsigned int nr)
{
	static const unsigned int size[] = {
		sizeof(struct amoeba_info), sizeof(struct amoeba_trans),
		sizeof(struct amoeba_getreq), sizeof(struct amoeba_putrep),
		sizeof(struct amoeba_putrep_getreq), sizeof(struct amoeba_forward),
		sizeof(struct amoeba_cancel),
		sizeof(struct amoeba_listen), sizeof(struct amoeba_limits),
	};

	return nr < sizeof(size) / sizeof(size[0]) ? size[nr] : 8;
}

static const char *name_of(unsigned int nr)
{
	static const char *const name[] = {
		"info", "trans", "getreq", "putrep", "putrep_getreq", "forward", "cancel", "listen",
		"limits",
	};

	return name[nr];
}

static bool is_known(unsigned int nr)
{
	for (unsigned int i = 0; i < NR_KNOWN; i++)
		if (known[i] == nr)
			return true;
	return false;
}

/* ---- what may come of it ---------------------------------------------------------------------------- */

static bool documented(int err)
{
	switch (err) {
	case EFAULT: case EINVAL: case E2BIG: case ENOTTY: case EMSGSIZE: case EINTR:
	case EAGAIN: case ETIMEDOUT: case ENOMEM: case ENOBUFS: case ENOENT: case EBADF:
	case ERANGE: case EBUSY: case EPERM: case ECANCELED: case EDQUOT:
	case ECONNREFUSED:
		return true;
	}
	return false;
}

static void check_guards(unsigned long n)
{
	for (unsigned int i = 0; i < GUARD; i++) {
		if (arena[i] != CANARY || arena[GUARD + ROOM + i] != CANARY)
			DIE("call %lu: memory outside the buffers was written", n);
		if (readonly[i])
			DIE("call %lu: a page that cannot be written was written", n);
	}
}

static void fill_guards(void)
{
	memset(arena, CANARY, GUARD);
	memset(arena + GUARD + ROOM, CANARY, GUARD);
}

static bool hits_guard(uint64_t base, uint64_t len)
{
	uint64_t low = (uintptr_t)arena, high = low + GUARD + ROOM;

	if (!len || base >= high + GUARD)
		return false;
	if (base >= high)
		return true;
	return base < low + GUARD ? base > low || len > low - base : len > high - base;
}

/* the buffer that a command fills */
static struct amoeba_buf *filled(unsigned int nr, void *arg)
{
	struct amoeba_trans *t = arg;
	struct amoeba_getreq *g = arg;
	struct amoeba_putrep_getreq *pg = arg;

	return nr == 1 ? &t->recv : nr == 2 ? &g->recv : nr == 4 ? &pg->get.recv : NULL;
}

/* is a guard part of it? */
static bool offers_guard(unsigned int nr, void *arg)
{
	const struct amoeba_buf *b = filled(nr, arg);

	if (!b)
		return false;
	if (!b->iovcnt)
		return hits_guard(b->addr, b->len);
	if (b->addr != (uintptr_t)iovs)
		return true;
	for (unsigned int i = 0; i < b->iovcnt && i < sizeof(iovs) / sizeof(iovs[0]); i++)
		if (hits_guard(iovs[i].base, iovs[i].len))
			return true;
	return false;
}

/* ---- sockets --------------------------------------------------------------------------------------- */

static int socks[3], family;	/* a client, a server, what becomes of it; 0: there are none */
static uint64_t sock_handle;

static void a_sockaddr(struct sockaddr_flip *sf, const uint8_t *port)
{
	memset(sf, 0, sizeof(*sf));
	sf->sflip_family = below(32) ? (uint16_t)family : (uint16_t)rnd();
	if (below(8))
		memcpy(sf->sflip_addr, port, 6);
	if (!below(32))
		((uint8_t *)sf)[below(sizeof(*sf))] = rnd();
}

static void open_socket(int i)
{
	struct sockaddr_flip sf;

	socks[i] = socket(family, SOCK_SEQPACKET, FLIPPROTO_RPC);
	if (socks[i] < 0)
		DIE("a socket: %s", strerror(errno));
	if (i == 1) {
		uint8_t port[6] = { 0 };

		port[below(2) ? 0 : 5] = 1;
		a_sockaddr(&sf, port);
		bind(socks[i], (struct sockaddr *)&sf, sizeof(sf));
	}
}

static void open_sockets(void)
{
	family = flip_family();
	if (family <= 0)
		family = 0;
	for (int i = 0; i < 3 && family; i++)
		open_socket(i);
}

/* a message, with what may stand in it; returns whether a guard is part of its data */
static bool a_message(struct msghdr *mh, bool sends, int who)
{
	static struct sockaddr_flip sf;
	static struct iovec iov[4];
	static union { char buf[512]; struct cmsghdr h; } c;
	struct amoeba_msg m = { .handle = below(3) ? sock_handle : below(5) };
	bool guard = false;
	__u64 len;

	memset(mh, 0, sizeof(*mh));
	mh->msg_iov = iov;
	mh->msg_iovlen = below(8) ? 1 : below(5);
	for (unsigned int i = 0; i < mh->msg_iovlen; i++) {
		iov[i].iov_base = (void *)(uintptr_t)a_pointer(&len);
		iov[i].iov_len = len;
		guard |= hits_guard((uintptr_t)iov[i].iov_base, len);
	}
	if (!below(4)) {
		a_sockaddr(&sf, putport);
		mh->msg_name = &sf;
		mh->msg_namelen = below(8) ? sizeof(sf) : below(128);
	}
	mh->msg_control = c.buf;
	mh->msg_controllen = below(12) ? CMSG_SPACE(sizeof(m)) : below(sizeof(c.buf));
	if (!sends)
		return guard;
	memset(&c, 0, sizeof(c));
	a_header(&m.hdr, putport);
	if (!below(8))
		m.flags = below(8) ? 1U << below(4) : rnd();
	if (who == 1 && below(8))
		m.flags = 0;
	m.locate_ms = 1 + below(20);
	m.timeout_ms = below(4) ? 1 + below(50) : 0;
	m.room = below(4) ? below(ROOM) : below(4) ? 0 : rnd();
	m.reserved = below(24) ? 0 : rnd();
	c.h.cmsg_level = below(32) ? SOL_AMOEBA : rnd();
	c.h.cmsg_type = below(32) ? AMOEBA_MSG : below(4);
	c.h.cmsg_len = below(16) ? CMSG_LEN(sizeof(m)) : below(16) ? below(600) : rnd();
	memcpy(CMSG_DATA(&c.h), &m, sizeof(m));
	if (!below(8))
		c.buf[below(sizeof(c.buf))] = rnd();
	return guard;
}

/* one call of a socket: 0, or an errno */
static int a_socket_call(void)
{
	static const int flags[] = { MSG_TRUNC, MSG_PEEK, MSG_WAITALL, MSG_OOB, MSG_EOR, MSG_ERRQUEUE };
	int i = below(3), fd = socks[i], rc, f = MSG_DONTWAIT | MSG_NOSIGNAL;
	uint8_t port[8] = { 0 };
	struct sockaddr_flip sf;
	struct msghdr mh;
	bool guard;

	if (!below(16))
		f |= flags[below(6)];
	if (!below(64))
		f = (int)rnd() | MSG_DONTWAIT;
	a_getport(port);
	switch (below(16)) {
	case 0:
		a_sockaddr(&sf, port);
		rc = bind(fd, (struct sockaddr *)&sf, below(16) ? sizeof(sf) : below(64));
		break;
	case 1:
		a_sockaddr(&sf, putport);
		rc = connect(fd, (struct sockaddr *)&sf, below(16) ? sizeof(sf) : below(64));
		break;
	case 2: {
		int v = (int)(below(2) ? below(100000) : rnd());

		rc = setsockopt(fd, SOL_SOCKET, below(2) ? SO_SNDBUF : SO_RCVBUF, &v, sizeof(v));
		break;
	}
	case 3: {
		struct pollfd p = { .fd = fd, .events = (short)rnd() };
		socklen_t len = sizeof(sf);

		rc = poll(&p, 1, below(2));
		if (rc >= 0)
			rc = below(2) ? getsockname(fd, (struct sockaddr *)&sf, &len) :
					getpeername(fd, (struct sockaddr *)&sf, &len);
		break;
	}
	case 4:
		if (!below(4)) {
			close(fd);
			open_socket(i);
		}
		rc = 0;
		break;
	case 5: case 6: case 7: case 8: case 9:
		guard = a_message(&mh, false, i);
		rc = (int)recvmsg(fd, &mh, f);
		if (rc >= 0 && i == 1 && mh.msg_controllen >= CMSG_LEN(sizeof(struct amoeba_msg)))
			memcpy(&sock_handle, (uint8_t *)CMSG_DATA((struct cmsghdr *)mh.msg_control) +
			       offsetof(struct amoeba_msg, handle), 8);
		if (guard)
			fill_guards();
		break;
	default:
		a_message(&mh, true, i);
		rc = (int)sendmsg(fd, &mh, f);
	}
	if (rc >= 0)
		return 0;
	switch (errno) {
	case EOPNOTSUPP: case ENOTCONN: case EDESTADDRREQ: case EAFNOSUPPORT: case ECONNRESET:
		return errno;
	}
	if (!documented(errno))
		DIE("socket %d: errno %d (%s)", i, errno, strerror(errno));
	return errno;
}

/* ---- io_uring -------------------------------------------------------------------------------------- */

#define SLOTS	48
#define MAX_IOV	(sizeof(iovs) / sizeof(iovs[0]))

/* a command under way: what it points to stays as it is until it has ended */
struct slot {
	uint64_t		busy;
	uint32_t		nr;
	int			fd;
	uint8_t			arg[1024];
	struct amoeba_iovec	iovs[MAX_IOV];
};

static struct io_uring ring;
static struct slot *slots;	/* NULL: commands cannot be cancelled here, so there are none */
static unsigned long uring_cmds, uring_errs, uring_cancels, uring_closes, uring_exits;
static unsigned long uring_done[MAX_KNOWN];
static struct { uint64_t handle; int fd; } uring_last;	/* request taken */

/*
 * A ring that was closed cancels its commands in its own time, and they may write to their slots until
 * then. So another one has slots elsewhere; what the old ones' memory was is none of ours any more.
 */
static void ring_open(void)
{
	static const unsigned int flags[] = {
		0, 0, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_COOP_TASKRUN, IORING_SETUP_SQPOLL,
	};
	struct io_uring_params p = { .flags = flags[below(5)], .sq_thread_idle = 20 };
	struct slot *old = slots;
	int err = io_uring_queue_init_params(64, &ring, &p);

	if (err)
		DIE("a ring: %s", strerror(-err));
	io_uring_ring_dontfork(&ring);	/* see uring_calls.c */
	slots = mmap(NULL, SLOTS * sizeof(*slots), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED)
		DIE("mmap: %s", strerror(errno));
	if (old)
		munmap(old, SLOTS * sizeof(*slots));
}

static void command_ended(struct slot *s, int res)
{
	s->busy = 0;
	if (res < 0) {
		uring_errs++;
		if (!documented(-res) && res != -EOPNOTSUPP)
			DIE("a command of io_uring, number %u: errno %d (%s)", s->nr, -res, strerror(-res));
		return;
	}
	/* on a file of somebody else: /dev/null takes any command, and that is our standard input */
	if (s->fd != fds[0] && s->fd != fds[1] && s->fd != fds[2])
		return;
	if (res || !s->nr || s->nr >= MAX_KNOWN)
		DIE("a command of io_uring, number %u, gives %d", s->nr, res);
	uring_done[s->nr]++;
	if (s->nr != 2)
		return;
	uring_last.handle = ((struct amoeba_getreq *)s->arg)->handle;
	uring_last.fd = s->fd;
	handles[nr_handles < 16 ? nr_handles++ : below(16)] = uring_last.handle;
}

/* take what has ended; user_data is the slot's number and 1, 0 of a cancellation */
static void reap(void)
{
	struct io_uring_cqe *c;

	while (!io_uring_peek_cqe(&ring, &c)) {
		uint64_t tag = c->user_data;
		int res = c->res;

		io_uring_cqe_seen(&ring, c);
		if (tag)
			command_ended(&slots[tag - 1], res);
		else if (res < 0 && res != -ENOENT && res != -EALREADY && res != -EINVAL &&
			 res != -EBADF && res != -ECANCELED)
			DIE("a cancellation gives %d (%s)", -res, strerror(-res));
	}
}

static void submit(void)
{
	int err = io_uring_submit(&ring);

	if (err < 0 && err != -EINTR && err != -EAGAIN && err != -EBUSY)
		DIE("io_uring_submit: %s", strerror(-err));
}

static void a_command(struct io_uring_sqe *e, unsigned int i)
{
	static const uint8_t mostly[] = { 1, 1, 1, 2, 2, 3, 3, 4 };
	struct slot *s = &slots[i];
	unsigned int nr = below(8) ? mostly[below(8)] : below(2) ? known[below(NR_KNOWN)] : below(256);
	unsigned int size = below(8) ? size_of(nr) : below(1024);
	uint64_t arg = (uintptr_t)s->arg;
	struct amoeba_sqe *cmd = (void *)((uint8_t *)e + offsetof(struct io_uring_sqe, addr3));
	struct amoeba_buf *b;
	__u64 len;

	do {	/* nothing may write to a guard, whenever it happens */
		an_argument(nr, s->arg);
		b = filled(nr, s->arg);
	} while (offers_guard(nr, s->arg));
	if (b && b->iovcnt) {
		memcpy(s->iovs, iovs, sizeof(iovs));
		b->addr = (uintptr_t)s->iovs;
	}
	s->fd = below(64) ? fds[below(3)] : (int)below(64);
	if (nr == 3 && below(2)) {
		((struct amoeba_putrep *)s->arg)->handle = uring_last.handle;
		s->fd = uring_last.fd;
	}
	if (!below(32))
		arg = a_pointer(&len);
	io_uring_prep_rw(IORING_OP_URING_CMD, e, s->fd, NULL, 0, 0);
	/* see amoeba_sqe; garbage where nothing is asked for is the ring's to refuse */
	e->cmd_op = (uint32_t)_IOC(below(4), below(64) ? AMOEBA_IOC_TYPE : below(256), nr, size);
	cmd->arg = arg;
	cmd->reserved = below(24) ? 0 : rnd();
	e->user_data = i + 1;
	if (!below(6))
		e->flags |= IOSQE_ASYNC;
	if (!below(24))
		e->flags |= below(2) ? IOSQE_IO_LINK : IOSQE_IO_HARDLINK;
	if (!below(96))
		e->flags |= IOSQE_IO_DRAIN;
	if (!below(64))
		e->flags |= IOSQE_FIXED_FILE;
	if (!below(48))
		e->ioprio = (uint16_t)rnd();
	if (!below(48))
		e->rw_flags = (int)rnd();	/* uring_cmd_flags */
	if (!below(48))
		e->__pad1 = (uint32_t)rnd();
	if (!below(48))
		e->buf_index = (uint16_t)rnd();
	s->nr = nr;
	s->busy = 1;
	uring_cmds++;
}

static void some_commands(unsigned int most)
{
	unsigned int left = 1 + below(most);

	for (unsigned int i = below(SLOTS), n = 0; n < SLOTS && left; n++, i = (i + 1) % SLOTS) {
		struct io_uring_sqe *e = slots[i].busy ? NULL : io_uring_get_sqe(&ring);

		if (!e)
			continue;
		a_command(e, i);
		left--;
	}
	if (left) {	/* all are under way: those that would be for long must end */
		struct io_uring_sqe *e = io_uring_get_sqe(&ring);

		if (e)
			io_uring_prep_cancel64(e, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
		if (e)
			e->user_data = 0;
	}
	submit();
}

static void a_cancellation(void)
{
	struct io_uring_sqe *e = io_uring_get_sqe(&ring);

	if (!e)
		return submit();
	if (below(3))
		io_uring_prep_cancel64(e, 1 + below(SLOTS), 0);
	else
		io_uring_prep_cancel_fd(e, fds[below(3)], below(2) ? IORING_ASYNC_CANCEL_ALL : 0);
	if (!below(24))
		e->cancel_flags = (uint32_t)rnd();
	e->user_data = 0;
	uring_cancels++;
	submit();
}

/* another program with commands under way, which ends */
static void a_short_life(void)
{
	pid_t pid = fork();
	int how = below(3);

	if (pid < 0)
		DIE("fork: %s", strerror(errno));
	if (!pid) {
		memset(&ring, 0, sizeof(ring));
		slots = NULL;
		ring_open();
		some_commands(SLOTS);
		if (how == 1)
			kill(getpid(), SIGKILL);
		if (how == 2)
			execl("/bin/true", "true", NULL);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	uring_exits++;
}

static void a_uring_call(void)
{
	reap();
	switch (below(32)) {
	case 0: case 1: case 2: case 3:
		a_cancellation();
		break;
	case 4: {
		int k = below(3);

		if (below(8))
			break;
		close(fds[k]);
		fds[k] = rpc_open();
		break;
	}
	case 5:
		if (below(16))
			break;
		uring_closes++;
		io_uring_queue_exit(&ring);
		ring_open();
		break;
	case 6:
		if (!below(12))
			a_short_life();
		break;
	default:
		some_commands(below(8) ? 2 : 12);
	}
	reap();
}

static void *page_area(size_t pages)
{
	uint8_t *p = mmap(NULL, (pages + 1) * 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		DIE("mmap: %s", strerror(errno));
	return p;
}

static void prepare(void)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval it = { .it_interval = { 0, 20000 }, .it_value = { 0, 20000 } };

	/* a length that was changed must not make the kernel write into our libraries */
	arena = mmap(NULL, 2 * MOAT + 2 * GUARD + ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	if (arena == MAP_FAILED)
		DIE("mmap: %s", strerror(errno));
	arena += MOAT;
	if (mprotect(arena, 2 * GUARD + ROOM, PROT_READ | PROT_WRITE))
		DIE("mprotect: %s", strerror(errno));
	fill_guards();
	readonly = page_area(1);
	mprotect(readonly, 4096, PROT_READ);
	edge = (uint8_t *)page_area(2) + 8192;
	mprotect(edge, 4096, PROT_NONE);
	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGBUS, &fault, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

static void sane_call(int fd)
{
	struct itimerval off = { 0 };
	uint8_t in[100], out[100];
	struct amoeba_trans t = { 0 };

	/* no signal any more: on a slow machine the call takes longer than a tick */
	setitimer(ITIMER_REAL, &off, NULL);
	memset(out, 0x42, sizeof(out));
	for (int tries = 0; tries < 50; tries++) {
		memset(&t, 0, sizeof(t));
		memcpy(t.req.port, putport, 6);
		t.req.command = 1;
		t.send.addr = (uintptr_t)out;
		t.send.len = sizeof(out);
		t.recv.addr = (uintptr_t)in;
		t.recv.len = sizeof(in);
		if (ioctl(fd, AMOEBA_TRANS, &t) < 0)
			DIE("a sane call at the end: %s", strerror(errno));
		if (!t.verdict)
			break;
		if (t.verdict != AMOEBA_RPC_ABORTED)
			DIE("a sane call at the end: verdict %d", t.verdict);
	}
	if (t.verdict || t.rep_len != sizeof(out) || memcmp(in, out, sizeof(out)))
		DIE("a sane call at the end: wrong reply");
}

int main(int argc, char **argv)
{
	unsigned long calls = 20000, errs = 0, on_sockets = 0, sock_errs = 0, done[MAX_KNOWN] = { 0 };
	uint64_t seed = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	bool verbose = false;
	uint8_t arg[2048] __attribute__((aligned(16)));
	int ready[2];
	const char *v;
	struct amoeba_info info;
	pid_t server, client;
	pthread_t waiter;

	rpc_name = "rpc_fuzz";
	for (int i = 1; i < argc; i++) {
		if ((v = rpc_arg(argv[i], "calls")))
			calls = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "seed")))
			seed = strtoull(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "verbose")))
			verbose = atoi(v);
		else
			DIE("%s: no such argument; see the head of rpc_fuzz.c", argv[i]);
	}
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	state = seed;
	if (pipe(ready) < 0)
		DIE("pipe: %s", strerror(errno));
	server = fork();
	if (server < 0)
		DIE("fork: %s", strerror(errno));
	if (!server)
		serve_forever(ready[1]);
	if (read(ready[0], arg, 1) != 1)
		DIE("the server does not come up");
	client = fork();
	if (!client)
		call_forever();
	prepare();
	for (int i = 0; i < 3; i++)
		fds[i] = rpc_open();
	open_sockets();
	if (ioctl(fds[0], AMOEBA_INFO, &info) < 0)
		DIE("info: %s", strerror(errno));
	if (info.features & AMOEBA_FEAT_URING)
		ring_open();
	if (pthread_create(&waiter, NULL, wait_forever, NULL))
		DIE("a thread cannot be made");

	for (unsigned long n = 0; n < calls; n++) {
		unsigned int nr = below(16) ? known[below(NR_KNOWN)] : below(256);
		unsigned int type = below(64) ? AMOEBA_IOC_TYPE : below(256);
		unsigned int size = below(8) ? size_of(nr) : below(1024);
		unsigned long cmd;
		void *ptr = arg;
		int fd = fds[below(3)], rc;
		struct amoeba_buf *b, keep;
		bool offered;
		__u64 len;

		now_call = n;
		now_cmd = 0;
		if (family && !below(5)) {
			on_sockets++;
			check_guards(n);
			sock_errs += !!a_socket_call();
			check_guards(n);
			continue;
		}
		if (slots && !below(6)) {
			a_uring_call();
			check_guards(n);
			continue;
		}
		an_argument(nr, arg);
		b = filled(nr, arg);
		if (b)
			keep = *b;
		if (!below(8))
			arg[below(size_of(nr) + 1)] = rnd();
		if (b) {	/* another address might be our own stack */
			b->addr = keep.addr;
			b->iovcnt = keep.iovcnt;
		}
		if (!below(32))
			ptr = (void *)(uintptr_t)a_pointer(&len);
		/* what is longer than the kernel knows must be zero, or E2BIG */
		cmd = _IOC(below(4), type, nr, size);
		if (verbose) {
			printf("%lu: cmd %#lx ptr %p arena %p\n", n, cmd, ptr, (void *)arena);
			fflush(stdout);
		}
		/* where the caller itself says that a guard may be written, it proves nothing */
		offered = ptr != arg || offers_guard(nr, arg);
		if (offered)
			check_guards(n);
		now_cmd = cmd;
		now_ptr = ptr;
		rc = ioctl(fd, cmd, ptr);
		if (offered)
			fill_guards();
		if (rc < 0) {
			errs++;
			if (type == AMOEBA_IOC_TYPE && !documented(errno))
				DIE("call %lu (seed %llu): cmd %#lx: errno %d (%s)", n,
				    (unsigned long long)seed, cmd, errno, strerror(errno));
		} else if (type == AMOEBA_IOC_TYPE) {
			if (!is_known(nr))
				DIE("call %lu: command %#x is not known, but works", n, nr);
			done[nr]++;
			if (nr == 2 && ptr == arg && size == size_of(2))
				handles[nr_handles < 16 ? nr_handles++ : below(16)] =
					((struct amoeba_getreq *)arg)->handle;
		}
		if (!below(200)) {
			int k = below(3);

			close(fds[k]);
			fds[k] = rpc_open();
		}
		if (verbose || !(n & 63))
			check_guards(n);
	}
	if (slots)
		io_uring_queue_exit(&ring);
	check_guards(calls);
	sane_call(fds[0]);
	kill(server, SIGKILL);
	kill(client, SIGKILL);
	waitpid(server, NULL, 0);
	waitpid(client, NULL, 0);
	printf("%lu calls: %lu refused; done:", calls, errs);
	for (unsigned int i = 0; i < NR_KNOWN; i++)
		printf(" %s %lu", name_of(known[i]), done[known[i]]);
	printf("; on sockets %lu, %lu refused", on_sockets, sock_errs);
	putchar('\n');
	if (slots) {
		printf("of io_uring %lu, %lu refused, %lu cancelled, rings closed %lu, programs ended %lu; done:",
		       uring_cmds, uring_errs, uring_cancels, uring_closes, uring_exits);
		for (unsigned int i = 1; i < 5; i++) {
			printf(" %s %lu", name_of(i), uring_done[i]);
			/* of a request that is there, and answers it, are few: one in 20000 or none */
			if (calls >= (i == 4 ? 400000 : 10000) && !uring_done[i])
				DIE("not one %s of io_uring succeeded: the test means little", name_of(i));
		}
		putchar('\n');
	}
	for (unsigned int i = 0; i < NR_KNOWN; i++)
		if (calls >= 10000 && !done[known[i]])
			DIE("not one call of %s succeeded: the test means little", name_of(known[i]));
	return 0;
}
