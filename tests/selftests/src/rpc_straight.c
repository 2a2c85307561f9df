// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rpc_straight: large data of transactions within one network namespace, which the kernel copies from
 * process to process.
 *
 *   rpc_straight
 *
 * One line for each: "ok N - WHAT" or "not ok N - WHAT: ...". The server is another process or
 * another thread of this one, and knows what it is to get, in which buffer, and what to answer. Every
 * byte is checked. Data too large for the machine is 1 MiB, many times over, by iovecs.
 */
#include "rpc_tool.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define KIB	1024UL
#define MIB	(1024 * KIB)
#define LIMIT	(16 * KIB)	/* AMRPC_STRAIGHT_MIN */

/* get-port and its one-way: wire-observed 5 */
static const uint8_t getport[6] = { 't', 'e', 's', 't', 0, 0 };
static const uint8_t putport[6] = { 0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86 };

static int tests, failed;
static long page;

__attribute__((format(printf, 2, 3)))
static bool check(bool good, const char *what, ...)
{
	va_list ap;

	printf("%s %d - ", good ? "ok" : "not ok", ++tests);
	va_start(ap, what);
	vprintf(what, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	failed += !good;
	return good;
}

/* ---- data --------------------------------------------------------------------------------------- */

static uint8_t pattern(size_t i, unsigned int seed)
{
	return (uint8_t)(i * 131 + (i >> 8) * 7 + (i >> 16) + seed);
}

static void fill(uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(i, seed);
}

static bool filled(const uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != pattern(i, seed))
			return false;
	return true;
}

static bool all(const uint8_t *p, size_t n, uint8_t byte)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static uint8_t *map_as(size_t n, int prot, int flags)
{
	uint8_t *p = mmap(NULL, n, prot, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		DIE("mmap of %zu: %s", n, strerror(errno));
	return p;
}

static uint8_t *map(size_t n)
{
	return map_as(n, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

/* n bytes in pieces of odd sizes, some of them empty, in order and without gaps */
static struct amoeba_buf pieces(struct amoeba_iovec *v, unsigned int max, uint8_t *p, size_t n)
{
	static const size_t sizes[] = { 0, 1, 4095, 0, 70001, 4096, 3, 33333, 0, 8193 };
	struct amoeba_buf b = { .addr = (uintptr_t)v };

	while (n) {
		size_t k = sizes[b.iovcnt % 10];

		if (k > n || b.iovcnt == max - 1)
			k = n;
		v[b.iovcnt++] = (struct amoeba_iovec){ (uintptr_t)p, k };
		p += k;
		n -= k;
	}
	return b;
}

static struct amoeba_buf flat(const void *p, size_t n)
{
	return (struct amoeba_buf){ .addr = (uintptr_t)p, .len = n };
}

/* the same MiB @n times */
static struct amoeba_buf many(struct amoeba_iovec *v, uint8_t *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		v[i] = (struct amoeba_iovec){ (uintptr_t)p, MIB };
	return (struct amoeba_buf){ .addr = (uintptr_t)v, .iovcnt = n };
}

/* ---- the two sides ------------------------------------------------------------------------------ */

static int getreq(int fd, struct amoeba_getreq *g, struct amoeba_buf recv, unsigned int ms)
{
	*g = (struct amoeba_getreq){ .recv = recv, .timeout_ms = ms };
	memcpy(g->hdr.port, getport, 6);
	return ioctl(fd, AMOEBA_GETREQ, g) ? errno : 0;
}

static int putrep(int fd, const struct amoeba_getreq *g, struct amoeba_buf send, int *verdict)
{
	struct amoeba_putrep p = { .handle = g->handle, .send = send };
	int err;

	p.hdr.status = 7;
	err = ioctl(fd, AMOEBA_PUTREP, &p) ? errno : 0;
	if (verdict)
		*verdict = p.verdict;
	return err;
}

static int trans_for(int fd, struct amoeba_trans *t, struct amoeba_buf send, struct amoeba_buf recv,
		     unsigned int ms)
{
	*t = (struct amoeba_trans){ .send = send, .recv = recv, .locate_ms = 5000, .timeout_ms = ms };
	memcpy(t->req.port, putport, 6);
	t->req.command = 1;
	return ioctl(fd, AMOEBA_TRANS, t) ? errno : 0;
}

static int trans(int fd, struct amoeba_trans *t, struct amoeba_buf send, struct amoeba_buf recv)
{
	return trans_for(fd, t, send, recv, 30000);
}

/* one request as it must be, and the answer to it */
struct job {
	size_t len, room, answer;	/* bytes of the request, of our buffer, of the reply */
	unsigned int off;		/* of our buffer in its page */
	bool split;			/* it is an iovec */
	unsigned int seed;		/* of the request; + 1: of the reply */
};

/* 0, or what was wrong */
static const char *serve(const struct job *j)
{
	size_t size = (j->room > j->answer ? j->room : j->answer) + 2 * (size_t)page;
	struct amoeba_iovec *v = calloc(1024, sizeof(*v));
	uint8_t *base = map(size), *p = base + j->off;
	size_t cut = j->len < j->room ? j->len : j->room;
	const char *why = NULL;
	struct amoeba_getreq g;
	int fd = rpc_open(), verdict, err;

	memset(base, 0xee, size);
	err = getreq(fd, &g, j->split ? pieces(v, 1024, p, j->room) : flat(p, j->room), 20000);
	if (err)
		why = strerror(err);
	else if (g.len != j->len)
		why = "length of the request";
	else if (!(g.out_flags & AMOEBA_OUT_TRUNC) != (j->len <= j->room))
		why = "TRUNC of the request";
	else if (!filled(p, cut, j->seed))
		why = "bytes of the request";
	else if (!all(base, j->off, 0xee) || !all(p + cut, size - j->off - cut, 0xee))
		why = "bytes around the server's buffer";
	if (!err) {
		fill(p, j->answer, j->seed + 1);
		err = putrep(fd, &g, j->split ? pieces(v, 1024, p, j->answer) : flat(p, j->answer),
			     &verdict);
		if (!why && err)
			why = strerror(err);
		else if (!why && verdict)
			why = "verdict of the reply";
	}
	close(fd);
	munmap(base, size);
	free(v);
	return why;
}

static void *serve_thread(void *job)
{
	return (void *)serve(job);
}

static pid_t serve_process(const struct job *j)
{
	const char *why;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	why = serve(j);
	if (why)
		fprintf(stderr, "server: %s\n", why);
	_exit(why ? 1 : 0);
}

static bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && !status;
}

/* a transaction as it should be; the client's buffers are at @send and @recv */
static bool exchange(int fd, const struct job *j, bool thread, uint8_t *send, uint8_t *recv,
		     size_t room, bool split)
{
	struct amoeba_iovec *v = calloc(2048, sizeof(*v));
	size_t cut = j->answer < room ? j->answer : room;
	struct amoeba_trans t;
	bool good, served;
	pthread_t th;
	pid_t pid = 0;
	void *why;
	int err;

	fill(send, j->len, j->seed);
	memset(recv, 0xdd, room + 64);
	if (thread)
		pthread_create(&th, NULL, serve_thread, (void *)j);
	else
		pid = serve_process(j);
	err = trans(fd, &t, split ? pieces(v, 1024, send, j->len) : flat(send, j->len),
		    split ? pieces(v + 1024, 1024, recv, room) : flat(recv, room));
	if (thread) {
		pthread_join(th, &why);
		served = !why;
		if (why)
			fprintf(stderr, "server: %s\n", (char *)why);
	} else {
		served = ended_well(pid);
	}
	good = !err && !t.verdict && t.rep.status == 7 && t.rep_len == j->answer &&
	       !(t.out_flags & AMOEBA_OUT_TRUNC) == (j->answer <= room) &&
	       filled(recv, cut, j->seed + 1) && all(recv + cut, room + 64 - cut, 0xdd);
	if (!good)
		fprintf(stderr, "client: errno %d verdict %d length %llu flags %x\n", err, t.verdict,
			(unsigned long long)t.rep_len, t.out_flags);
	free(v);
	return good && served;
}

/* ---- what works ---------------------------------------------------------------------------------- */

static void sizes(int fd)
{
	static const size_t len[] = { 0, 1, LIMIT - 1, LIMIT, LIMIT + 1, 64 * KIB - 1, 64 * KIB,
				      64 * KIB + 1, 128 * KIB + 4095, MIB + 3 };
	static const unsigned int offs[] = { 0, 1, 4095 };
	uint8_t *send = map(2 * MIB), *recv = map(2 * MIB);

	for (size_t i = 0; i < sizeof(len) / sizeof(*len); i++) {
		bool good = true;

		for (unsigned int o = 0; o < 9 && good; o++) {
			struct job j = { .len = len[i], .room = len[i], .answer = len[i],
					 .off = offs[o / 3], .split = o & 1, .seed = i + o };

			good = exchange(fd, &j, o % 3 == 1, send + offs[o % 3], recv + offs[o % 3],
					len[i], o & 2);
		}
		check(good, "%zu bytes there and back, odd offsets, iovecs", len[i]);
	}
	for (unsigned int i = 0; i < 4; i++) {
		struct job j = { .len = 200000, .room = i & 1 ? 70001 : 5, .answer = 300001,
				 .split = i & 2, .seed = i };

		check(exchange(fd, &j, i & 1, send + 77, recv + 5, i & 1 ? 90001 : 20, i & 2),
		      "cut to the buffers: %zu of 200000 and %d of 300001", j.room, i & 1 ? 90001 : 20);
	}
	munmap(send, 2 * MIB);
	munmap(recv, 2 * MIB);
}

static void memories(int fd)
{
	size_t len = 300 * KIB;
	struct job j = { .len = len, .room = len, .answer = len, .seed = 5 };
	uint8_t *send, *recv, *copy;
	FILE *f = tmpfile();
	struct amoeba_trans t;
	pid_t pid, child;
	int status;

	recv = map(2 * MIB);
	copy = malloc(len);
	fill(copy, len, 5);
	if (!f || fwrite(copy, 1, len, f) != len || fflush(f))
		DIE("temporary file: %s", strerror(errno));

	send = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fileno(f), 0);
	pid = serve_process(&j);
	check(!trans(fd, &t, flat(send, len), flat(recv, len)) && !t.verdict && ended_well(pid) &&
	      filled(recv, len, 6), "from a file's pages that are mapped only now, to fresh memory");
	pid = serve_process(&j);
	check(!trans(fd, &t, flat(send, len), flat(recv, len)) && !t.verdict && ended_well(pid) &&
	      filled(recv, len, 6), "from a file's pages, read-only");
	munmap(send, len);
	munmap(recv, 2 * MIB);

	send = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	recv = map_as(2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid = serve_process(&j);
	check(!trans(fd, &t, flat(send, len), flat(recv, len)) && !t.verdict && ended_well(pid) &&
	      filled(recv, len, 6), "from and to shared memory");
	munmap(recv, 2 * MIB);
	pid = serve_process(&j);
	check(!trans(fd, &t, flat(send, len), flat(send, len)) && !t.verdict && ended_well(pid) &&
	      filled(send, len, 6), "request and reply in one buffer");
	munmap(send, len);
	fclose(f);

	/* a child has the pages too: it must not see what comes in */
	send = map(2 * MIB);
	recv = map(2 * MIB);
	fill(send, len, 5);
	memset(recv, 0x33, len);
	child = fork();
	if (!child) {
		raise(SIGSTOP);
		_exit(all(recv, len, 0x33) && filled(send, len, 5) ? 0 : 1);
	}
	waitpid(child, &status, WUNTRACED);
	pid = serve_process(&j);
	check(!trans(fd, &t, flat(send, len), flat(recv, len)) && !t.verdict && ended_well(pid) &&
	      filled(recv, len, 6), "pages shared with a child");
	kill(child, SIGCONT);
	check(ended_well(child), "the child's are as they were");
	munmap(send, 2 * MIB);
	munmap(recv, 2 * MIB);
	free(copy);
}

/* a request of which nobody has touched the pages: zeros */
static void zeros(int fd)
{
	uint8_t *send = map(MIB), *mine = map(MIB);
	struct amoeba_trans t;
	struct amoeba_getreq g;
	int status, sfd;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		sfd = rpc_open();
		memset(mine, 1, MIB);
		_exit(getreq(sfd, &g, flat(mine, MIB), 9000) || !all(mine, MIB, 0) ||
		      putrep(sfd, &g, flat(NULL, 0), NULL));
	}
	check(!trans(fd, &t, flat(send, MIB), flat(NULL, 0)) && !t.verdict &&
	      waitpid(pid, &status, 0) == pid && !status, "memory never touched reads as zeros");
	munmap(send, MIB);
	munmap(mine, MIB);
}

/* does the kernel look at what a page may be used for? UML does not when it copies for us */
static bool minds_protection(void)
{
	uint8_t *p = map((size_t)page);
	int fds[2];
	bool minds;

	*p = 1;
	if (pipe(fds) || mprotect(p, (size_t)page, PROT_NONE))
		DIE("pipe: %s", strerror(errno));
	minds = write(fds[1], p, 1) < 0;
	close(fds[0]);
	close(fds[1]);
	munmap(p, (size_t)page);
	return minds;
}

/* one page in the middle cannot be read */
static void spoil(uint8_t *p)
{
	if (minds_protection())
		mprotect(p, (size_t)page, PROT_NONE);
	else
		munmap(p, (size_t)page);
}

/* ---- bad buffers ---------------------------------------------------------------------------------- */

struct caller {
	int fd, err;
	struct amoeba_buf send, recv;
	struct amoeba_trans t;
	pthread_t th;
};

static void *caller_main(void *arg)
{
	struct caller *c = arg;

	c->err = trans(c->fd, &c->t, c->send, c->recv);
	return NULL;
}

static void start(struct caller *c, int fd, struct amoeba_buf send, struct amoeba_buf recv)
{
	*c = (struct caller){ .fd = fd, .send = send, .recv = recv };
	pthread_create(&c->th, NULL, caller_main, c);
}

static void bad_client(int fd)
{
	size_t len = 256 * KIB;
	uint8_t *send = map(len), *recv = map(len), *mine = map(len), *good = map(len);
	struct amoeba_getreq g;
	int sfd = rpc_open(), verdict;
	struct caller c, d;

	fill(good, len, 3);
	getreq(sfd, &g, flat(mine, len), 1);	/* from now on it serves */

	/* all of it, the end, or one page in the middle is not there or not readable */
	for (int i = 0; i < 3; i++) {
		fill(send, len, 1);
		if (i == 0)
			munmap(send, len);
		else if (i == 1)
			munmap(send + len / 2, len / 2);
		else
			spoil(send + len / 2);
		start(&c, fd, flat(send, len), flat(recv, len));
		start(&d, fd, flat(good, len), flat(NULL, 0));
		/* the server never notices: it gets the good one */
		check(!getreq(sfd, &g, flat(mine, len), 9000) && g.len == len &&
		      filled(mine, len, 3) && !putrep(sfd, &g, flat(NULL, 0), NULL),
		      "client's buffer bad (%d): the server gets the next request", i);
		/* the bad one may have come second */
		check(getreq(sfd, &g, flat(mine, len), 200) == ETIMEDOUT,
		      "client's buffer bad (%d): and no other", i);
		pthread_join(c.th, NULL);
		pthread_join(d.th, NULL);
		check(c.err == EFAULT && !d.err && !d.t.verdict,
		      "client's buffer bad (%d): EFAULT: %d; the other: %d, verdict %d", i, c.err,
		      d.err, d.t.verdict);
		munmap(send, len);
		send = map(len);
	}

	/* its own thread takes the buffer away while the request is queued */
	fill(send, len, 1);
	start(&c, fd, flat(send, len), flat(recv, len));
	rpc_sleep_ms(50);
	munmap(send, len);
	check(getreq(sfd, &g, flat(mine, len), 300) == ETIMEDOUT, "unmapped in the queue: no request");
	pthread_join(c.th, NULL);
	check(c.err == EFAULT, "unmapped in the queue: EFAULT: %d", c.err);
	send = map(len);

	/* room for the reply: read-only, the end unmapped, unmapped by another thread meanwhile */
	for (int i = 0; i < 3; i++) {
		fill(send, len, 1);
		memset(recv, 0, len);
		if (i == 0)
			mprotect(recv, len, PROT_READ);
		else if (i == 1)
			munmap(recv + len - 10 * page, 10 * (size_t)page);
		start(&c, fd, flat(send, len), flat(recv, len));
		check(!getreq(sfd, &g, flat(mine, len), 9000) && filled(mine, len, 1),
		      "bad room (%d): the request comes", i);
		if (i == 2)
			munmap(recv + len / 2, len / 2);
		check(!putrep(sfd, &g, flat(good, len), &verdict) && !verdict,
		      "bad room (%d): the server has answered", i);
		pthread_join(c.th, NULL);
		check(c.err == EFAULT, "bad room (%d): EFAULT: %d", i, c.err);
		munmap(recv, len);
		recv = map(len);
	}
	close(sfd);
	munmap(send, len);
	munmap(recv, len);
	munmap(mine, len);
	munmap(good, len);
}

static void bad_server(int fd)
{
	size_t len = 256 * KIB;
	uint8_t *send = map(len), *recv = map(len), *mine = map(len), *bad = map(len);
	struct amoeba_getreq g;
	int sfd = rpc_open(), verdict;
	struct caller c;

	fill(send, len, 1);
	fill(mine, len, 3);
	getreq(sfd, &g, flat(mine, len), 1);
	start(&c, fd, flat(send, len), flat(recv, len));
	rpc_sleep_ms(50);
	mprotect(bad + 100 * KIB, (size_t)page, PROT_READ);
	check(getreq(sfd, &g, flat(bad, len), 9000) == EFAULT, "server's buffer read-only: EFAULT");
	munmap(bad, len);
	check(getreq(sfd, &g, flat(bad, len), 9000) == EFAULT, "server's buffer unmapped: EFAULT");
	memset(mine, 0, len);
	check(!getreq(sfd, &g, flat(mine, len), 9000) && filled(mine, len, 1),
	      "the request is there for the next getreq");
	fill(mine, len, 3);
	check(putrep(sfd, &g, flat(bad, len), NULL) == EFAULT, "reply unmapped: EFAULT");
	bad = map(len);
	memset(bad, 1, len);
	spoil(bad + 200 * KIB);
	check(putrep(sfd, &g, flat(bad, len), NULL) == EFAULT, "a page of the reply not readable: EFAULT");
	check(!putrep(sfd, &g, flat(mine, len), &verdict) && !verdict, "answered by another putrep");
	pthread_join(c.th, NULL);
	check(!c.err && !c.t.verdict && filled(recv, len, 3), "and the client has that");
	close(sfd);
	munmap(send, len);
	munmap(recv, len);
	munmap(mine, len);
	munmap(bad, len);
}

/* ---- ends in the middle ---------------------------------------------------------------------------- */

/* shared with the servers */
static struct {
	_Atomic int got, signals;
} *seen;

static void forget(void)
{
	seen->got = 0;
	seen->signals = 0;
}

static struct amoeba_iovec hugev[1024];
static uint8_t *hugebuf;

/* serves @n requests of 256 MiB, with as large replies if @answer */
static pid_t huge_server(int n, bool answer)
{
	struct amoeba_getreq g;
	struct amoeba_buf b;
	pid_t pid;
	int fd;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	fd = rpc_open();
	hugebuf = map(MIB);
	memset(hugebuf, 0xaa, MIB);
	b = many(hugev, hugebuf, 256);
	while (n--) {
		if (getreq(fd, &g, b, 20000))
			_exit(1);
		if (g.out_flags & AMOEBA_OUT_SIGNAL)
			seen->signals++;
		seen->got++;
		memset(hugebuf, 0xaa, MIB);
		if (putrep(fd, &g, answer ? b : flat(NULL, 0), NULL))
			_exit(2);
	}
	_exit(0);
}

static pid_t huge_client(bool answer)
{
	struct amoeba_trans t;
	struct amoeba_buf b;
	pid_t pid;
	int fd;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	fd = rpc_open();
	b = many(hugev, hugebuf, 256);
	if (trans(fd, &t, answer ? flat(NULL, 0) : b, answer ? b : flat(NULL, 0)))
		_exit(9);
	_exit(-t.verdict);
}

static void kills(int fd)
{
	struct amoeba_trans t;
	double took = 0;
	pid_t server, client;
	int status, i;
	bool good;

	hugebuf = map(MIB);
	memset(hugebuf, 1, MIB);
	for (int answer = 0; answer < 2; answer++) {
		forget();
		server = huge_server(1000, answer);
		for (i = 0; i < 6; i++) {
			double ms;

			client = huge_client(answer);
			rpc_sleep_ms(2 + 10 * i);
			ms = rpc_ms();
			kill(client, SIGKILL);
			waitpid(client, &status, 0);
			ms = rpc_ms() - ms;
			if (ms > took)
				took = ms;
		}
		check(took < 2000, "client killed while %s is copied: it ends within %.0f ms",
		      answer ? "a reply" : "a request", took);
		check(!trans(fd, &t, flat(hugebuf, MIB), flat(NULL, 0)) && !t.verdict,
		      "the server goes on to the next");
		kill(server, SIGKILL);
		waitpid(server, &status, 0);
	}

	/* the server ends in the middle */
	good = true;
	for (i = 0; i < 6 && good; i++) {
		forget();
		server = huge_server(1, i & 1);
		client = huge_client(i & 1);
		rpc_sleep_ms(2 + 10 * i);
		kill(server, SIGKILL);
		waitpid(server, &status, 0);
		/* surely not executed: it looks for another one */
		rpc_sleep_ms(20);
		if (waitpid(client, &status, WNOHANG) == client) {
			good = WIFEXITED(status) && (WEXITSTATUS(status) == 1 ||
						     (!WEXITSTATUS(status) && seen->got));
		} else {
			good = !seen->got;
			server = huge_server(1, i & 1);
			waitpid(client, &status, 0);
			good = good && WIFEXITED(status) && !WEXITSTATUS(status);
			waitpid(server, &status, 0);
		}
	}
	check(good, "server killed in the middle (%d): an honest verdict, or the next server has it", i);
}

/* a call that has ended: nothing is written into its buffer any more */
static void late(int fd)
{
	struct amoeba_iovec *v = calloc(256, sizeof(*v));
	bool good = true, cut = false, whole = false;
	struct amoeba_trans t;
	pid_t server;
	int i;

	forget();
	server = huge_server(1000, true);
	hugebuf = map(MIB);
	for (i = 0; i < 8 && good; i++) {
		int err = trans_for(fd, &t, flat(NULL, 0), many(v, hugebuf, 256), 10 + 20 * i);

		memset(hugebuf, 0x11, MIB);
		cut |= !err && t.verdict;
		whole |= !err && !t.verdict;
		for (int k = 0; k < 4 && good; k++) {
			rpc_sleep_ms(3);
			good = all(hugebuf, MIB, 0x11);
		}
		good = good && !err && (!t.verdict || t.verdict == AMOEBA_RPC_FAILURE ||
					t.verdict == AMOEBA_RPC_NOTFOUND);
	}
	check(good && cut, "time-out while a reply is copied (%d): not a byte afterwards%s", i,
	      whole ? ", some in time" : "");
	kill(server, SIGKILL);
	waitpid(server, &i, 0);
	munmap(hugebuf, MIB);
	free(v);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* a signal the client handles goes to the server, and the call goes on */
static void signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int status, ok = 0, i;
	pid_t server, client;

	sigaction(SIGUSR1, &sa, NULL);
	forget();
	hugebuf = map(MIB);
	memset(hugebuf, 1, MIB);
	server = huge_server(1000, false);
	for (i = 0; i < 20 && !seen->signals; i++) {
		client = huge_client(false);
		rpc_sleep_ms(10 + 5 * i);
		kill(client, SIGUSR1);
		waitpid(client, &status, 0);
		/* before it left: aborted */
		ok += WIFEXITED(status) && (!WEXITSTATUS(status) ||
					    WEXITSTATUS(status) == -AMOEBA_RPC_ABORTED);
	}
	check(ok == i && seen->signals, "a handled signal while it is served is passed on (%d)", i);
	seen->signals = 0;
	client = huge_client(false);
	rpc_sleep_ms(20);
	kill(client, SIGSTOP);
	rpc_sleep_ms(20);
	kill(client, SIGCONT);
	waitpid(client, &status, 0);
	check(WIFEXITED(status) && !WEXITSTATUS(status) && !seen->signals,
	      "stopped and continued: the server does not hear of it");
	kill(server, SIGKILL);
	waitpid(server, &status, 0);
	munmap(hugebuf, MIB);
}

/* more than the machine has */
static void gigabyte(int fd)
{
	struct amoeba_iovec *v = calloc(1024, sizeof(*v));
	struct amoeba_trans t;
	struct amoeba_getreq g;
	uint8_t *p = map(MIB);
	int status, sfd, err;
	double ms;
	pid_t pid;

	fill(p, MIB, 8);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		uint8_t *mine = map(MIB);

		sfd = rpc_open();
		if (getreq(sfd, &g, many(v, mine, 1024), 20000) || g.len != 1024 * MIB ||
		    !filled(mine, MIB, 8))
			_exit(1);
		fill(mine, MIB, 9);
		_exit(putrep(sfd, &g, many(v, mine, 1024), NULL));
	}
	ms = rpc_ms();
	err = trans_for(fd, &t, many(v, p, 1024), many(v, p, 1024), 0);
	ms = rpc_ms() - ms;
	waitpid(pid, &status, 0);
	check(!err && !t.verdict && !status && t.rep_len == 1024 * MIB && filled(p, MIB, 9),
	      "1 GiB there and back in %.0f ms", ms);
	munmap(p, MIB);
	free(v);
}

/* ---- many at once ------------------------------------------------------------------------------- */

static _Atomic bool stop, stop_servers;
static _Atomic unsigned long calls, wrong;

static void *crowd_server(void *arg)
{
	int fd = *(int *)arg;
	uint8_t *p = map(MIB);
	struct amoeba_getreq g;

	while (!stop_servers) {
		if (getreq(fd, &g, flat(p, MIB), 100))
			continue;
		if (putrep(fd, &g, flat(p, g.len), NULL))
			wrong++;
	}
	munmap(p, MIB);
	return NULL;
}

static void *crowd_client(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	int fd = rpc_open();

	while (!stop) {
		size_t len = (size_t)rand_r(&seed) % (300 * KIB), off = (size_t)rand_r(&seed) % 5000;
		uint8_t *p = map(MIB);		/* and each time the mm changes */
		struct amoeba_trans t;

		fill(p + off, len, seed);
		if (trans(fd, &t, flat(p + off, len), flat(p + off + 1, len)) || t.verdict ||
		    t.rep_len != len || !filled(p + off + 1, len, seed))
			wrong++;
		calls++;
		munmap(p, MIB);
	}
	close(fd);
	return NULL;
}

static void crowd(void)
{
	pthread_t th[6];
	int fd = rpc_open(), i;

	for (i = 0; i < 6; i++)
		pthread_create(&th[i], NULL, i < 2 ? crowd_server : crowd_client,
			       i < 2 ? (void *)&fd : (void *)(uintptr_t)i);
	for (i = 0; i < 8 || (calls <= 50 && !wrong); i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		rpc_sleep_ms(60);
		waitpid(pid, NULL, 0);
	}
	stop = true;
	for (i = 2; i < 6; i++)
		pthread_join(th[i], NULL);
	stop_servers = true;
	for (i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	check(!wrong && calls > 50, "servers and clients in one process that maps, unmaps and forks: "
	      "%lu calls, %lu wrong", calls, wrong);
	close(fd);
}

int main(void)
{
	int fd;

	rpc_name = "rpc_straight";
	page = sysconf(_SC_PAGESIZE);
	seen = (void *)map_as((size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED);
	fd = rpc_open();
	sizes(fd);
	memories(fd);
	zeros(fd);
	bad_client(fd);
	bad_server(fd);
	kills(fd);
	late(fd);
	signals();
	gigabyte(fd);
	crowd();
	printf("%d tests, %d failed\n", tests, failed);
	return failed ? 1 : 0;
}
