// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uring_calls: /dev/amoeba through io_uring.
 *
 *   uring_calls			within this namespace: calls, errors, ends with commands under way
 *   uring_calls race			commands that are cancelled, or refused, while threads begin them;
 *					net.amoeba.max_user_calls is 16
 *   uring_calls remote=PORTHEX		N calls of an echo server elsewhere, small and large
 *   uring_calls pile=N size=BYTES		N calls of port 7, or until one is refused; says "begun N: ERRNO" or
 *						"begun N: all", and lives until the end of standard input
 *
 * Where the kernel cannot cancel commands all must give EOPNOTSUPP.
 */
#include "dev_test.h"

#include <linux/io_uring.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ENTRIES	512
#define BIG	(3 << 20)

struct ring {
	int fd;
	unsigned int *sq_head, *sq_tail, *sq_mask, *sq_array;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	unsigned int *sq_flags;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	bool polled;
};

static uint8_t out[BIG], in[BIG], in2[BIG];
static int server, client;

static void ring_open(struct ring *r, unsigned int flags)
{
	struct io_uring_params p = { .flags = flags, .sq_thread_idle = 50 };
	uint8_t *sq, *cq;

	r->fd = (int)syscall(__NR_io_uring_setup, ENTRIES, &p);
	if (r->fd < 0)
		DIE("io_uring_setup: %s", strerror(errno));
	fcntl(r->fd, F_SETFD, FD_CLOEXEC);
	r->polled = flags & IORING_SETUP_SQPOLL;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE,
		  MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes), PROT_READ | PROT_WRITE,
		  MAP_SHARED, r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, p.sq_entries * sizeof(*r->sqes), PROT_READ | PROT_WRITE, MAP_SHARED,
		       r->fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || r->sqes == MAP_FAILED)
		DIE("the rings: %s", strerror(errno));
	/* children have rings of their own; UML's kernel 7.3.4 loses count of pages of a ring that is forked */
	madvise(sq, p.sq_off.array + p.sq_entries * 4, MADV_DONTFORK);
	madvise(cq, p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes), MADV_DONTFORK);
	madvise(r->sqes, p.sq_entries * sizeof(*r->sqes), MADV_DONTFORK);
	r->sq_head = (void *)(sq + p.sq_off.head);
	r->sq_tail = (void *)(sq + p.sq_off.tail);
	r->sq_mask = (void *)(sq + p.sq_off.ring_mask);
	r->sq_flags = (void *)(sq + p.sq_off.flags);
	r->sq_array = (void *)(sq + p.sq_off.array);
	r->cq_head = (void *)(cq + p.cq_off.head);
	r->cq_tail = (void *)(cq + p.cq_off.tail);
	r->cq_mask = (void *)(cq + p.cq_off.ring_mask);
	r->cqes = (void *)(cq + p.cq_off.cqes);
}

/* one command; it is submitted when this returns */
static struct amoeba_sqe *put(struct ring *r, int fd, unsigned long op, const void *arg, uint64_t tag)
{
	unsigned int tail = *r->sq_tail, i = tail & *r->sq_mask;
	struct io_uring_sqe *s = &r->sqes[i];
	struct amoeba_sqe *a = (void *)((char *)s + offsetof(struct io_uring_sqe, addr3));

	memset(s, 0, sizeof(*s));
	s->opcode = IORING_OP_URING_CMD;
	s->fd = fd;
	s->cmd_op = (uint32_t)op;
	s->user_data = tag;
	a->arg = (uintptr_t)arg;
	r->sq_array[i] = i;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
	return a;
}

static void enter(struct ring *r, unsigned int n)
{
	unsigned int flags = 0;

	if (r->polled) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!(__atomic_load_n(r->sq_flags, __ATOMIC_ACQUIRE) & IORING_SQ_NEED_WAKEUP))
			return;
		flags = IORING_ENTER_SQ_WAKEUP;
	}
	if (syscall(__NR_io_uring_enter, r->fd, n, 0, flags, NULL, 0) < 0)
		DIE("io_uring_enter: %s", strerror(errno));
}

static bool ready(struct ring *r)
{
	return *r->cq_head != __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE);
}

/* the next completion; -1000 when none comes */
static int take(struct ring *r, uint64_t *tag)
{
	double end = rpc_ms() + 20000;
	struct io_uring_cqe *c;
	int res;

	while (!ready(r)) {
		if (rpc_ms() > end)
			return -1000;
		syscall(__NR_io_uring_enter, r->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		msleep(1);
	}
	c = &r->cqes[*r->cq_head & *r->cq_mask];
	res = c->res;
	if (tag)
		*tag = c->user_data;
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
	return res;
}

/* submit one, and wait for it */
static int one(struct ring *r, int fd, unsigned long op, const void *arg)
{
	put(r, fd, op, arg, 1);
	enter(r, 1);
	return take(r, NULL);
}

static void trans_init(struct amoeba_trans *t, unsigned int port, size_t len, size_t room, void *to)
{
	memset(t, 0, sizeof(*t));
	put_port(t->req.port, port);
	t->req.command = 3;
	t->send.addr = (uintptr_t)out;
	t->send.len = len;
	t->recv.addr = (uintptr_t)to;
	t->recv.len = room;
	t->locate_ms = 300;
}

static void getreq_init(struct amoeba_getreq *g, unsigned int port, size_t room)
{
	memset(g, 0, sizeof(*g));
	get_port(g->hdr.port, port);
	g->recv.addr = (uintptr_t)in;
	g->recv.len = room;
}

/* a call, its request and its reply, in one ring */
static void echo(unsigned int flags)
{
	struct amoeba_putrep_getreq pg = { 0 };
	struct amoeba_trans t, t2;
	struct amoeba_getreq g;
	struct amoeba_putrep p;
	uint64_t tag = 0;
	struct ring r;

	ring_open(&r, flags);
	for (size_t len = 0; len <= BIG; len = len ? 5 * len + 7 : 1) {
		trans_init(&t, 1, len, BIG, in2);
		getreq_init(&g, 1, BIG);
		put(&r, server, AMOEBA_GETREQ, &g, 10);
		enter(&r, 1);
		msleep(20);
		put(&r, client, AMOEBA_TRANS, &t, 11);
		enter(&r, 1);
		check_num("a request", take(&r, &tag), 0);
		check(tag == 10 && g.len == len && g.hdr.command == 3 && !memcmp(in, out, len),
		      "is as it was sent");
		check(!ready(&r), "no reply yet");
		p = (struct amoeba_putrep){ .handle = g.handle, .hdr.status = -4 };
		p.send.addr = (uintptr_t)(out + BIG - len);
		p.send.len = len;
		put(&r, server, AMOEBA_PUTREP, &p, 12);
		enter(&r, 1);
		for (int i = 0; i < 2; i++)
			check_num("the reply, and that it is taken", take(&r, &tag), 0);
		check(!p.verdict && !t.verdict && t.rep_len == len && t.rep.status == -4 &&
		      !memcmp(in2, out + BIG - len, len), "is as it was sent");
	}
	/* reply, and wait for the next: before and after there is one */
	trans_init(&t, 1, 10, 5, in2);
	trans_init(&t2, 1, 10, 5, in2 + 5);
	put(&r, client, AMOEBA_TRANS, &t, 20);
	enter(&r, 1);
	getreq_init(&pg.get, 1, 10);
	check_num("no reply, a request", one(&r, server, AMOEBA_PUTREP_GETREQ, &pg), 0);
	pg.put.handle = pg.get.handle;
	pg.put.send.addr = (uintptr_t)out;
	pg.put.send.len = 8;
	getreq_init(&pg.get, 1, 10);
	put(&r, server, AMOEBA_PUTREP_GETREQ, &pg, 21);
	enter(&r, 1);
	check_num("a reply", take(&r, &tag), 0);
	check(tag == 20 && t.rep_len == 8 && t.out_flags & AMOEBA_OUT_TRUNC, "cut to its buffer");
	check(!ready(&r), "its server waits for the next");
	put(&r, client, AMOEBA_TRANS, &t2, 22);
	enter(&r, 1);
	check_num("which comes", take(&r, &tag), 0);
	check(tag == 21 && !pg.put.handle && pg.get.handle, "with nothing to be said twice");
	answer(server, pg.get.handle, 0);
	check_num("and is answered", take(&r, &tag), 0);
	close(r.fd);
}

static void many(void)
{
	enum { N = 300 };
	static struct amoeba_trans t[N];
	static uint8_t reply[N][8];
	unsigned int good = 0;
	struct amoeba_getreq g;
	uint64_t tag;
	struct ring r;

	ring_open(&r, 0);
	getreq_init(&g, 2, 10);
	g.flags = AMOEBA_GETREQ_NONBLOCK;
	check_num("nobody has called yet", one(&r, server, AMOEBA_GETREQ, &g), -EAGAIN);
	for (int i = 0; i < N; i++) {
		trans_init(&t[i], 2, 10, 8, reply[i]);
		t[i].req.command = i;
		put(&r, client, AMOEBA_TRANS, &t[i], i);
	}
	enter(&r, N);
	for (int i = 0; i < N; i++) {
		struct amoeba_putrep p = { 0 };
		int rc;

		getreq_init(&g, 2, 10);
		g.timeout_ms = 5000;
		do	/* the end of a command interrupts its task */
			rc = ioctl(server, AMOEBA_GETREQ, &g);
		while (rc < 0 && errno == EINTR);
		if (rc < 0)
			DIE("getreq %d: %s", i, strerror(errno));
		p.handle = g.handle;
		p.send.addr = (uintptr_t)&g.hdr.command;
		p.send.len = 4;
		ioctl(server, AMOEBA_PUTREP, &p);
	}
	for (int i = 0; i < N; i++) {
		int v;

		if (take(&r, &tag) || tag >= N || t[tag].verdict)
			continue;
		memcpy(&v, reply[tag], 4);
		good += v == (int)tag;
	}
	check_num("many at once, each with its own reply", good, N);
	close(r.fd);
}

static void errors(void)
{
	struct { struct amoeba_trans t; uint64_t more; } big_t;
	struct amoeba_cancel c = { .cookie = 99 };
	struct amoeba_getreq g;
	struct amoeba_trans t;
	struct ring r;
	uint64_t tag;

	ring_open(&r, 0);
	trans_init(&t, 9, 10, 10, in2);
	put(&r, client, AMOEBA_TRANS, &t, 1)->reserved = 1;
	enter(&r, 1);
	check_num("a reserved field", take(&r, NULL), -EINVAL);
	check_num("another call", one(&r, client, AMOEBA_INFO, in), -EOPNOTSUPP);
	check_num("no call", one(&r, client, _IO('x', 1), in), -ENOTTY);
	check_num("a bad argument", one(&r, client, AMOEBA_TRANS, (void *)8), -EFAULT);
	check_num("a short one", one(&r, client, CMD(1, 32), &t), -EINVAL);
	big_t.t = t;
	big_t.more = 1;
	check_num("a longer one", one(&r, client, CMD(1, sizeof(big_t)), &big_t), -E2BIG);
	t.send.addr = 8;
	check_num("bad data", one(&r, client, AMOEBA_TRANS, &t), -EFAULT);
	trans_init(&t, 9, 10, 10, in2);
	t.flags = 0x80;
	check_num("a flag", one(&r, client, AMOEBA_TRANS, &t), -EINVAL);
	trans_init(&t, 9, 10, 10, in2);
	check_num("nobody has that port", one(&r, client, AMOEBA_TRANS, &t), 0);
	check_num("surely not executed", t.verdict, AMOEBA_RPC_NOTFOUND);
	memset(t.req.port, 0, 8);
	check_num("no port", one(&r, client, AMOEBA_TRANS, &t), 0);
	check_num("is bad", t.verdict, AMOEBA_RPC_BADPORT);

	getreq_init(&g, 3, 10);
	g.cookie = 99;
	put(&r, server, AMOEBA_GETREQ, &g, 5);
	enter(&r, 1);
	msleep(100);
	check_errno("a wait is cancelled", ioctl(server, AMOEBA_CANCEL, &c), 0);
	check_num("and ends", take(&r, NULL), -ECANCELED);

	getreq_init(&g, 3, 10);
	trans_init(&t, 3, 10, 10, (void *)8);
	put(&r, client, AMOEBA_TRANS, &t, 6);
	enter(&r, 1);
	check_num("a request", one(&r, server, AMOEBA_GETREQ, &g), 0);
	{
		struct amoeba_putrep p = { .handle = g.handle };

		p.send.addr = (uintptr_t)out;
		p.send.len = 10;
		ioctl(server, AMOEBA_PUTREP, &p);
	}
	check_num("a bad buffer for the reply", take(&r, &tag), -EFAULT);

	trans_init(&t, 3, 10, 10, in2);
	t.cookie = 99;
	getreq_init(&g, 3, 10);
	put(&r, client, AMOEBA_TRANS, &t, 6);
	enter(&r, 1);
	check_num("a request", one(&r, server, AMOEBA_GETREQ, &g), 0);
	check_errno("its call is cancelled", ioctl(client, AMOEBA_CANCEL, &c), 0);
	check_num("and ends", take(&r, &tag), 0);
	check_num("maybe executed", t.verdict, AMOEBA_RPC_FAILURE);
	check_num("the reply is late", answer(server, g.handle, 0), AMOEBA_RPC_FAILURE);
	close(r.fd);
}

/* commands of every kind, under way when their ring, task or program goes */
static void child(const char *how)
{
	static struct amoeba_trans t[6];
	static struct amoeba_getreq g[3];
	struct ring r;
	int fd = rpc_open(), fd2 = rpc_open();

	ring_open(&r, !strcmp(how, "sqpoll") ? IORING_SETUP_SQPOLL : 0);
	for (int i = 0; i < 6; i++) {
		trans_init(&t[i], i < 4 ? 4 : 90 + i, i % 2 ? 10 : 100000, BIG, in);
		t[i].locate_ms = 20000;		/* 4, 5: nobody is there */
		put(&r, fd, AMOEBA_TRANS, &t[i], i);
	}
	for (int i = 0; i < 3; i++) {
		getreq_init(&g[i], 50 + i, 10);
		put(&r, fd2, AMOEBA_GETREQ, &g[i], 10 + i);
	}
	enter(&r, 9);
	msleep(150);
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(how, "exec"))
		execl("/bin/true", "true", NULL);
	if (!strcmp(how, "close")) {
		close(r.fd);
		munmap(r.sqes, ENTRIES * sizeof(*r.sqes));
		close(fd);
		close(fd2);
		msleep(100);
	}
	_exit(0);
}

static void ends(void)
{
	static const char *const how[] = { "exit", "kill", "exec", "close", "sqpoll" };

	for (unsigned int i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		struct amoeba_getreq g[4];
		double t0 = rpc_ms();
		char what[64];
		pid_t pid;

		pid = fork();
		if (!pid)
			child(how[i]);
		/* two are in our hands, two in the queue, two look for a server */
		for (int n = 0; n < 2; n++) {
			getreq_init(&g[n], 4, BIG);
			g[n].timeout_ms = 10000;
			check_errno("a request of one that will go", ioctl(server, AMOEBA_GETREQ, &g[n]), 0);
		}
		waitpid(pid, NULL, 0);
		snprintf(what, sizeof(what), "%s: at once", how[i]);
		check(rpc_ms() - t0 < 3000, what);
		msleep(150);
		for (int n = 0; n < 2; n++)
			check_num("its client is gone", answer(server, g[n].handle, 0),
				  AMOEBA_RPC_FAILURE);
		getreq_init(&g[2], 4, BIG);
		g[2].flags = AMOEBA_GETREQ_NONBLOCK;
		check_errno("and takes back what was not served", ioctl(server, AMOEBA_GETREQ, &g[2]),
			    EAGAIN);
	}
}

/* net.amoeba.users: calls of root that have not ended */
static int calls_left(void)
{
	FILE *f = fopen("/proc/net/amoeba/users", "r");
	char line[256];
	int n = -1;

	if (!f)
		DIE("/proc/net/amoeba/users: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		sscanf(line, "uid 0 files %*d calls %d", &n);
	fclose(f);
	return n;
}

/* none of them would end by itself for 20 s */
static void begin_many(struct ring *r, int fd, struct amoeba_trans *t, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		trans_init(&t[i], 70 + i % 5, 10, 10, in);
		t[i].locate_ms = 20000;
		put(r, fd, AMOEBA_TRANS, &t[i], i);
		r->sqes[(*r->sq_tail - 1) & *r->sq_mask].flags = IOSQE_ASYNC;
	}
	enter(r, n);
}

enum { N = 24, MOST = 16, ROUNDS = 150 };

static struct amoeba_trans race_t[N];

/* in a process of its own, whose end is that of its ring */
static int refusals(void)
{
	struct amoeba_trans *t = race_t;
	unsigned int refused = 0;
	struct ring r;

	ring_open(&r, 0);
	begin_many(&r, client, t, N);
	while (refused < N - MOST && take(&r, NULL) == -EDQUOT)
		refused++;
	check_num("in threads, and no more than a user may have", refused, N - MOST);
	msleep(100);
	check(!ready(&r), "each is refused once");
	check_num("the others are under way", calls_left(), MOST);
	return dev_done();
}

static int race(void)
{
	struct ring r;
	double t0;
	int status;

	if (!fork())
		_exit(refusals());
	wait(&status);
	if (status)
		return 1;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();

		if (!pid) {
			int fd = rpc_open();

			ring_open(&r, 0);
			begin_many(&r, fd, race_t, i % 3 ? 4 : N);
			usleep(i % 10 * 100);	/* their threads begin */
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	t0 = rpc_ms();
	while (calls_left() > 0 && rpc_ms() < t0 + 8000)
		msleep(20);
	check_num("calls whose programs are gone", calls_left(), 0);
	return dev_done();
}

static int remote(const char *hex)
{
	static const size_t lens[] = { 0, 10, 1000, 5000, 30000, 300000, 1000000 };
	static struct amoeba_trans t[64];
	unsigned int good = 0;
	struct ring r;

	ring_open(&r, 0);
	for (unsigned int i = 0; i < 7; i++) {
		trans_init(&t[0], 0, lens[i], BIG, in);
		rpc_hex("remote", hex, t[0].req.port, 6);
		t[0].locate_ms = 0;
		memset(in, 0, lens[i]);
		check_num("a call", one(&r, client, AMOEBA_TRANS, &t[0]), 0);
		check(!t[0].verdict && t[0].rep_len == lens[i] && !memcmp(in, out, lens[i]),
		      "comes back as it was");
	}
	for (unsigned int i = 0; i < 64; i++) {
		trans_init(&t[i], 0, 100 + i, 4096, in + 4096 * i);
		rpc_hex("remote", hex, t[i].req.port, 6);
		t[i].locate_ms = 0;
		put(&r, client, AMOEBA_TRANS, &t[i], i);
	}
	enter(&r, 64);
	for (unsigned int i = 0; i < 64; i++) {
		uint64_t tag;

		good += !take(&r, &tag) && !t[tag].verdict && t[tag].rep_len == 100 + tag &&
			!memcmp(in + 4096 * tag, out, 100 + tag);
	}
	check_num("64 at once", good, 64);
	return dev_done();
}

static int pile(unsigned int n, size_t size)
{
	static struct amoeba_trans t[ENTRIES];
	unsigned int begun = 0;
	struct ring r;
	int err = 0;

	reserve(true);
	ring_open(&r, 0);
	while (begun < n && begun < ENTRIES && !err) {
		trans_init(&t[begun], 7, size, 10, in2);
		t[begun].locate_ms = 20000;
		put(&r, client, AMOEBA_TRANS, &t[begun], begun);
		enter(&r, 1);
		err = ready(&r) ? -take(&r, NULL) : 0;
		begun += !err;
	}
	reserve(false);
	printf("begun %u: %s\n", begun, err ? strerrorname_np(err) : "all");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

int main(int argc, char **argv)
{
	struct amoeba_info info;
	struct ring r;

	rpc_name = "uring_calls";
	server = rpc_open();
	client = rpc_open();
	for (size_t i = 0; i < BIG; i++)
		out[i] = i * 5 + i / 253;
	if (ioctl(client, AMOEBA_INFO, &info) < 0)
		DIE("INFO: %s", strerror(errno));
	if (!(info.features & AMOEBA_FEAT_URING)) {
		struct amoeba_trans t;

		trans_init(&t, 1, 10, 10, in);
		ring_open(&r, 0);
		check_num("no commands here", one(&r, client, AMOEBA_TRANS, &t), -EOPNOTSUPP);
		return dev_done();
	}
	if (argc > 1 && !strncmp(argv[1], "remote=", 7))
		return remote(argv[1] + 7);
	if (argc > 2 && !strncmp(argv[1], "pile=", 5) && !strncmp(argv[2], "size=", 5))
		return pile(atoi(argv[1] + 5), strtoul(argv[2] + 5, NULL, 0));
	if (argc > 1 && !strcmp(argv[1], "race"))
		return race();
	echo(0);
	echo(IORING_SETUP_SQPOLL);
	echo(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	many();
	errors();
	ends();
	return dev_done();
}
