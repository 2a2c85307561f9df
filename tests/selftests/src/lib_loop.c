// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libamoeba against the real device.
 *
 * usage: lib_loop serve GETPORT [THREADS]    until SIGTERM; prints the put-port, then "served N"
 *        lib_loop check PUTPORT    a list of checks, one line each; status 1 on failure
 *        lib_loop count PUTPORT              how many requests the server has counted
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amoeba.h>

enum { CMD_ECHO = 1, CMD_SUM, CMD_FAIL, CMD_WIDE, CMD_RDATA, CMD_SLOW, CMD_COUNT };

#define BUFSIZE (4U << 20)

static atomic_uint served, freed;

static uint32_t sum(const uint8_t *p, size_t n)
{
	uint32_t s = 1;

	while (n--)
		s = s * 31 + *p++;
	return s;
}

static void fill(uint8_t *p, size_t n, uint32_t seed)
{
	while (n--) {
		seed = seed * 1664525 + 1013904223;
		*p++ = seed >> 24;
	}
}

/* ---- the server ----------------------------------------------------------------------------- */

static void rdone(void *arg)
{
	free(arg);
	atomic_fetch_add(&freed, 1);
}

static am_status handler(struct am_request *rq, void *arg)
{
	uint8_t *p;
	size_t n;

	(void)arg;
	atomic_fetch_add(&served, 1);
	switch (rq->command) {
	case CMD_ECHO:
		if (rq->len > rq->rsize)
			return AM_STD_OVERFLOW;
		memcpy(rq->rbuf, rq->data, rq->len);
		rq->rlen = rq->len;
		return AM_OK;
	case CMD_SUM:
		rq->hdr.offset = (int32_t)sum(rq->data, rq->len);
		rq->hdr.extra = rq->trunc;
		return AM_OK;
	case CMD_FAIL:
		return -(am_status)rq->hdr.extra;
	case CMD_WIDE:
		rq->hdr.size = 1 << 20;
		return AM_OK;
	case CMD_RDATA:
		n = (size_t)rq->hdr.extra << 10;
		p = malloc(n);
		if (!p)
			return AM_STD_NOMEM;
		fill(p, n, n);
		rq->rdata = p;
		rq->rlen = n;
		rq->rdone = rdone;
		rq->rdone_arg = p;
		return AM_OK;
	case CMD_SLOW:
		usleep(rq->hdr.extra * 1000);
		return AM_OK;
	case CMD_COUNT:
		rq->hdr.offset = atomic_load(&served);
		rq->hdr.extra = atomic_load(&freed);
		return AM_OK;
	default:
		return AM_STD_COMBAD;
	}
}

static int serve(const am_port *get, unsigned int threads)
{
	struct am_server_opt opt = { .threads = threads, .bufsize = BUFSIZE };
	struct am_server *s;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s = am_server_start(get, handler, NULL, &opt);
	if (!s) {
		fprintf(stderr, "lib_loop: %s\n", am_errno_why(errno));
		return 1;
	}
	const uint8_t *p = am_server_port(s)->b;

	printf("%X:%X:%X:%X:%X:%X\n", p[0], p[1], p[2], p[3], p[4], p[5]);
	fflush(stdout);
	sigwait(&set, &sig);
	am_server_stop(s);
	printf("served %u\n", atomic_load(&served));
	return 0;
}

/* ---- the client ------------------------------------------------------------------------------ */

static am_cap target;
static int failures;

static void report(bool good, const char *what, am_status s)
{
	printf("%s %s: %s\n", good ? "ok  " : "FAIL", what, am_why(s));
	failures += !good;
}

static am_status ask(int command, uint32_t extra, const void *data, size_t len, void *rbuf,
		     size_t *rlen, struct amoeba_header *h)
{
	memset(h, 0, sizeof(*h));
	am_hdr_set_cap(h, &target);
	h->command = command;
	h->extra = extra;
	return am_trans(h, data, len, rbuf, rlen);
}

static void check_echo(void)
{
	static const size_t sizes[] = {
		0, 1, 100, 1402, 1403, 4096, 29696, 30000, 65536, 65537, 300000, 1 << 20,
		BUFSIZE,
	};
	static uint8_t data[BUFSIZE], back[BUFSIZE];
	struct amoeba_header h;
	am_status s = AM_OK;
	size_t i, len = 0;

	fill(data, sizeof(data), 1);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !s; i++) {
		memset(back, 0, sizeof(back));
		len = sizeof(back);
		s = ask(CMD_ECHO, 0, data, sizes[i], back, &len, &h);
		if (s || len != sizes[i] || memcmp(back, data, len)) {
			printf("     at %zu bytes: got %zu\n", sizes[i], len);
			break;
		}
	}
	report(!s && i == sizeof(sizes) / sizeof(sizes[0]), "echo of all sizes", s);

	s = ask(CMD_SUM, 0, data, 300000, NULL, NULL, &h);
	report(!s && h.offset == (int32_t)sum(data, 300000), "sum", s);
	len = 1000;
	s = ask(CMD_ECHO, 0, data, 5000, back, &len, &h);
	report(s == AM_STD_OVERFLOW && len == 1000 && !memcmp(back, data, 1000),
	       "a reply larger than the buffer", s);
	len = sizeof(back);
	s = ask(CMD_RDATA, 700, NULL, 0, back, &len, &h);
	fill(data, 700 << 10, 700 << 10);
	report(!s && len == 700 << 10 && !memcmp(back, data, len), "data given by rdata", s);
	/* the server's thread does that after its reply has left */
	for (i = 0; i < 200; i++) {
		s = ask(CMD_COUNT, 0, NULL, 0, NULL, NULL, &h);
		if (s || h.extra >= 1)
			break;
		usleep(10000);
	}
	report(!s && h.extra >= 1, "and given back by rdone", s);
}

static void check_errors(void)
{
	const struct am_trans_opt brief = { .locate_ms = 300 };
	struct amoeba_header h;
	char buf[16];
	size_t len = sizeof(buf);
	am_status s;

	s = ask(CMD_FAIL, 1005, NULL, 0, buf, &len, &h);
	report(s == AM_STD_DENIED && !len, "an error as status", s);
	s = ask(99, 0, NULL, 0, NULL, NULL, &h);
	report(s == AM_STD_COMBAD, "unknown command", s);
	s = ask(CMD_FAIL, 2, NULL, 0, NULL, NULL, &h);
	report(s == AM_RPC_REMOTERPC, "a verdict as status", s);
	s = ask(CMD_WIDE, 0, NULL, 0, NULL, NULL, &h);
	report(!s && h.size == 1 << 20, "a wide reply header stays whole", s);

	memset(&h, 0, sizeof(h));
	am_hdr_set_cap(&h, &target);
	h.command = CMD_ECHO;
	h.size = 1 << 20;
	s = am_trans(&h, NULL, 0, NULL, NULL);
	report(!s && h.size == 1 << 20, "a wide request header stays whole", s);

	memset(&h, 0, sizeof(h));
	s = am_trans(&h, NULL, 0, NULL, NULL);
	report(s == AM_RPC_BADPORT, "null port", s);
	memset(h.port, 0x5a, 6);
	s = am_trans_opt(&h, NULL, 0, NULL, NULL, &brief);
	report(s == AM_RPC_NOTFOUND, "a port nobody serves", s);
	memset(&h, 0, sizeof(h));
	am_hdr_set_cap(&h, &target);
	h.command = CMD_ECHO;
	s = am_trans(&h, (void *)16, 100, NULL, NULL);
	report(s == AM_RPC_BADADDRESS && errno == EFAULT, "a bad buffer", s);
	memset(&h, 0, sizeof(h));
	s = am_putrep(&h, NULL, 0);
	report(s == AM_RPC_FAILURE && errno == EINVAL, "putrep without getreq", s);
}

#define THREADS 4
#define CALLS 100

static void *many(void *arg)
{
	unsigned int i, *bad = arg;

	for (i = 0; i < CALLS; i++) {
		uint8_t data[2000], back[2000];
		size_t n = i * 20, len = sizeof(back);
		struct amoeba_header h;

		fill(data, n, (uint32_t)(uintptr_t)arg + i);
		if (ask(CMD_ECHO, 0, data, n, back, &len, &h) || len != n ||
		    memcmp(data, back, n))
			++*bad;
	}
	return NULL;
}

static void check_threads(void)
{
	unsigned int bad[THREADS] = { 0 }, total = 0;
	struct amoeba_header h;
	pthread_t t[THREADS];
	int64_t before, after;
	int i;

	ask(CMD_COUNT, 0, NULL, 0, NULL, NULL, &h);
	before = h.offset;
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, many, &bad[i]);
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		total += bad[i];
	}
	report(!total, "calls of several threads at once", total ? AM_RPC_FAILURE : AM_OK);
	ask(CMD_COUNT, 0, NULL, 0, NULL, NULL, &h);
	after = h.offset;
	report(after - before == THREADS * CALLS + 1, "each executed once", AM_OK);
}

static void check_fork(void)
{
	struct amoeba_info mine, its;
	struct amoeba_header h;
	int fd[2], status = 1;
	bool good;
	pid_t pid;

	if (am_info(&mine) || pipe(fd)) {
		report(false, "info", AM_RPC_FAILURE);
		return;
	}
	pid = fork();
	if (!pid) {
		am_status s = ask(CMD_ECHO, 0, NULL, 0, NULL, NULL, &h);

		memset(&its, 0, sizeof(its));
		if (am_info(&its) || write(fd[1], &its, sizeof(its)) != sizeof(its))
			_exit(2);
		_exit(s ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	good = read(fd[0], &its, sizeof(its)) == sizeof(its) && !status &&
	       memcmp(mine.address, its.address, sizeof(mine.address));
	report(good, "a child has an identity of its own", AM_OK);
	report(!ask(CMD_ECHO, 0, NULL, 0, NULL, NULL, &h), "and the parent keeps its own", AM_OK);
}

static void nothing(int sig)
{
	(void)sig;
}

static void check_signals(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct amoeba_header h;
	am_status s;

	sigaction(SIGALRM, &sa, NULL);
	/* after the request has left the client stays */
	ualarm(200000, 0);
	s = ask(CMD_SLOW, 800, NULL, 0, NULL, NULL, &h);
	report(!s, "a signal while the server works", s);
	/* before: aborted */
	memset(&h, 0, sizeof(h));
	memset(h.port, 0x5a, 6);
	ualarm(200000, 0);
	s = am_trans(&h, NULL, 0, NULL, NULL);
	report(s == AM_RPC_ABORTED, "a signal while looking for the server", s);
	s = am_trans_opt(&h, NULL, 0, NULL, NULL, &(struct am_trans_opt){ .locate_ms = 100 });
	report(s == AM_RPC_NOTFOUND, "and without one", s);
	memset(&h, 0, sizeof(h));
	am_hdr_set_cap(&h, &target);
	h.command = CMD_SLOW;
	h.extra = 600;
	s = am_trans_opt(&h, NULL, 0, NULL, NULL, &(struct am_trans_opt){ .timeout_ms = 100 });
	report(s == AM_RPC_FAILURE && !errno, "a call that takes longer than it may", s);
}

int main(int argc, char **argv)
{
	struct amoeba_header h;
	am_port port;
	am_status s;

	if (argc < 3 || sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &port.b[0], &port.b[1],
			       &port.b[2], &port.b[3], &port.b[4], &port.b[5]) != 6) {
		fprintf(stderr, "usage: lib_loop serve GETPORT [THREADS] | check PUTPORT"
				" | count PUTPORT\n");
		return 2;
	}
	if (!strcmp(argv[1], "serve"))
		return serve(&port, argc > 3 ? atoi(argv[3]) : 0);
	target.port = port;
	if (!strcmp(argv[1], "count")) {
		s = ask(CMD_COUNT, 0, NULL, 0, NULL, NULL, &h);
		printf("%s %lld\n", am_why(s), (long long)h.offset);
		return s != AM_OK;
	}
	check_echo();
	check_errors();
	check_threads();
	check_fork();
	check_signals();
	printf("%d failed\n", failures);
	return failures != 0;
}
