// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * usage: ambench [-c CHUNKS] [-t TRIPS] [-T MIB_TRIPS] NAME...     client and server here
 *        ambench -s [-a ADDRESS] NAME                              only the server
 *        ambench -k [-a ADDRESS] [-c ...] NAME...                  only the client
 *        ambench -l                                                names
 *
 * Namespaces of the *_veth benchmarks are bench-a (client) and bench-b (server), see guest.sh.
 * Prints a line `RESULT name best mean unit` for each: the best chunk and the mean of all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

unsigned char bench_buf[MIB];

static struct bench *const tables[] = {
	pipe_benches, unix_benches, inet_benches, amoeba_benches, flip_benches, tipc_benches,
};

static const char *current = "ambench";

void die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "ambench: %s: ", current);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(1);
}

void send_all(int fd, const void *p, size_t n)
{
	const char *c = p;

	while (n) {
		ssize_t k = send(fd, c, n, MSG_NOSIGNAL);

		if (k < 0)
			die("send");
		c += k;
		n -= (size_t)k;
	}
}

void recv_all(int fd, void *p, size_t n)
{
	char *c = p;

	while (n) {
		ssize_t k = recv(fd, c, n, MSG_WAITALL);

		if (k < 0)
			die("receive");
		if (!k)
			exit(0);	/* the client has enough */
		c += k;
		n -= (size_t)k;
	}
}

void nodelay(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		die("TCP_NODELAY");
}

void connect_retry(int fd, const void *addr, unsigned int len)
{
	for (int i = 0; i < 400; i++) {
		if (!connect(fd, addr, len))
			return;
		if (errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ETIMEDOUT)
			break;
		usleep(50000);
	}
	die("connect");
}

static void enter(const char *netns)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("namespace %s", netns);
	close(fd);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(struct bench *b, int chunks, int trips)
{
	double best = 0, sum = 0;

	/* caches, routes and ports are learnt, buffers grown */
	for (int i = 0; i < (b->mib || b->at_once ? 2 : 50) && !b->gib; i++)
		b->call(b);
	if (b->gib) {
		chunks = chunks / 10 + 1;
		trips = 1;
	}
	for (int c = 0; c < chunks; c++) {
		unsigned long n = b->trips ? b->trips() : 0;
		double t = now();

		for (int i = 0; i < trips; i++)
			b->call(b);
		n = b->trips ? b->trips() - n : (unsigned long)trips;
		t = (now() - t) / (double)n;
		sum += t;
		if (!c || t < best)
			best = t;
	}
	sum /= chunks;
	if (b->mib || b->gib)
		printf("RESULT %s %.1f %.1f MB/s\n", b->name, (b->gib ? GIB : MIB) / best / 1e6,
		       (b->gib ? GIB : MIB) / sum / 1e6);
	else
		printf("RESULT %s %.3f %.3f us\n", b->name, best * 1e6, sum * 1e6);
	fflush(stdout);
}

static void run_here(struct bench *b, int chunks, int trips)
{
	pid_t pid, client;
	int status;

	if (b->where == VETH)
		b->address = "10.46.0.2";
	/* the client too is a process of its own: it enters a namespace and may fail alone */
	fflush(stdout);
	client = fork();
	if (client < 0)
		die("fork");
	if (client) {
		if (waitpid(client, &status, 0) != client || status)
			printf("FAILED %s\n", b->name);
		return;
	}
	current = b->name;
	if (b->prepare)
		b->prepare(b);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (b->where == VETH)
			enter("bench-b");
		b->serve(b);
		exit(0);
	}
	if (b->where == VETH)
		enter("bench-a");
	if (b->connect)
		b->connect(b);
	measure(b, chunks, trips);
	if (b->finish)
		b->finish(b);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	exit(0);
}

static struct bench *find(const char *name)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (struct bench *b = tables[t]; b->name; b++)
			if (!strcmp(b->name, name))
				return b;
	fprintf(stderr, "ambench: no benchmark '%s' (ambench -l names them)\n", name);
	exit(2);
}

static int list(void)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (struct bench *b = tables[t]; b->name; b++)
			puts(b->name);
	return 0;
}

int main(int argc, char **argv)
{
	int chunks = 10, trips = 500, mib_trips = 8, o;
	bool serve = false, call = false;
	const char *address = "127.0.0.1";

	while ((o = getopt(argc, argv, "c:t:T:a:skl")) != -1) {
		switch (o) {
		case 'c': chunks = atoi(optarg); break;
		case 't': trips = atoi(optarg); break;
		case 'T': mib_trips = atoi(optarg); break;
		case 'a': address = optarg; break;
		case 's': serve = true; break;
		case 'k': call = true; break;
		case 'l': return list();
		default: return 2;
		}
	}
	if (chunks < 1 || trips < 1 || mib_trips < 1 || optind == argc) {
		fprintf(stderr, "usage: ambench [-sk] [-a ADDRESS] [-c CHUNKS] [-t TRIPS] "
			"[-T MIB_TRIPS] NAME...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (; optind < argc; optind++) {
		struct bench *b = find(argv[optind]);
		int n = b->mib ? mib_trips : b->at_once ? 1 : trips;

		b->address = address;
		if (!serve && !call) {
			run_here(b, chunks, n);
			continue;
		}
		current = b->name;
		if (serve) {
			b->serve(b);
		} else {
			if (b->connect)
				b->connect(b);
			measure(b, chunks, n);
		}
	}
	return 0;
}
