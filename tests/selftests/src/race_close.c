// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * race_close: descriptors that change under the threads that use them.
 *
 *   race_close [seconds=5] [threads=12]
 *
 * A few descriptor numbers of /dev/amoeba are shared by all threads. Some serve, some call, some
 * answer handles that may be of a file long gone, and two close the descriptors and open new ones
 * in their place. Fails on an errno that cannot come of that, on a wrong reply, and on a thread
 * that does not come back. Servers and callers use different descriptors: a call holds its file
 * open, and one that is served through that same file, by a server that has lost the number of the
 * file, waits until it is killed.
 */
#include "rpc_tool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define FDS	4

/* get-port and its one-way: wire-observed 5 */
static const uint8_t getport[6] = { 't', 'e', 's', 't', 0, 0 };
static const uint8_t putport[6] = { 0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86 };
static int fds[2 * FDS];	/* servers', callers' */
static _Atomic uint64_t last_handle;
static _Atomic bool stop;
static _Atomic unsigned long calls_ok, calls_else, served, closed;

static bool expected(int err)
{
	return err == EBADF || err == ETIMEDOUT || err == EAGAIN || err == EINTR || err == ENOENT;
}

static void wrong(const char *what, int err)
{
	DIE("%s: %s", what, strerror(err));
}

static void *serve(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	uint8_t buf[5000];

	while (!stop) {
		int fd = fds[rand_r(&seed) % FDS];
		struct amoeba_getreq g = { 0 };
		struct amoeba_putrep p = { 0 };

		memcpy(g.hdr.port, getport, 6);
		g.timeout_ms = 1 + rand_r(&seed) % 30;
		g.recv.addr = (uintptr_t)buf;
		g.recv.len = sizeof(buf);
		if (ioctl(fd, AMOEBA_GETREQ, &g) < 0) {
			if (!expected(errno))
				wrong("getreq", errno);
			continue;
		}
		last_handle = g.handle;
		if (rand_r(&seed) % 4 == 0)
			rpc_sleep_ms(rand_r(&seed) % 5);
		p.handle = g.handle;
		p.hdr.offset = g.hdr.offset;
		p.send.addr = (uintptr_t)buf;
		p.send.len = g.len;
		if (ioctl(fd, AMOEBA_PUTREP, &p) < 0) {
			if (!expected(errno))
				wrong("putrep", errno);
		} else {
			served++;
		}
	}
	return NULL;
}

static void *call(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	uint8_t out[5000], in[5000];

	while (!stop) {
		int fd = fds[FDS + rand_r(&seed) % FDS];
		struct amoeba_trans t = { 0 };

		memcpy(t.req.port, putport, 6);
		t.req.offset = rand_r(&seed);
		t.locate_ms = 1 + rand_r(&seed) % 50;
		t.send.len = rand_r(&seed) % sizeof(out);
		memset(out, rand_r(&seed), t.send.len);
		t.send.addr = (uintptr_t)out;
		t.recv.addr = (uintptr_t)in;
		t.recv.len = sizeof(in);
		if (ioctl(fd, AMOEBA_TRANS, &t) < 0) {
			if (!expected(errno))
				wrong("trans", errno);
		} else if (t.verdict) {
			if (t.verdict != AMOEBA_RPC_NOTFOUND && t.verdict != AMOEBA_RPC_FAILURE)
				DIE("trans: verdict %d", t.verdict);
			calls_else++;
		} else {
			/* a stray putrep answers with nothing and offset -1 */
			if (t.rep.offset != -1 && (t.rep.offset != t.req.offset ||
			    t.rep_len != t.send.len || memcmp(in, out, t.rep_len)))
				DIE("a reply of another call");
			calls_ok++;
		}
	}
	return NULL;
}

static void *answer(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	while (!stop) {
		struct amoeba_putrep p = { .handle = last_handle, .hdr.offset = -1 };

		if (ioctl(fds[rand_r(&seed) % FDS], AMOEBA_PUTREP, &p) < 0 && !expected(errno))
			wrong("a stray putrep", errno);
		usleep(rand_r(&seed) % 3000);
	}
	return NULL;
}

static void *swap(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	while (!stop) {
		int k = rand_r(&seed) % (2 * FDS), fd = rpc_open();

		if (rand_r(&seed) % 4) {
			dup3(fd, fds[k], O_CLOEXEC);	/* closes the old file */
		} else {
			close(fds[k]);
			usleep(rand_r(&seed) % 1000);
			dup3(fd, fds[k], O_CLOEXEC);
		}
		close(fd);
		closed++;
		usleep(rand_r(&seed) % 8000);
	}
	return NULL;
}

#define KINDS	6

static void *(*const run[KINDS])(void *) = { serve, call, call, serve, swap, answer };

static void join(pthread_t t, unsigned int i)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 20;
	if (pthread_timedjoin_np(t, NULL, &ts))
		DIE("thread %u does not come back", i);
}

int main(int argc, char **argv)
{
	unsigned int threads = 12;
	double seconds = 5;
	pthread_t *t;
	const char *v;

	rpc_name = "race_close";
	for (int i = 1; i < argc; i++) {
		if ((v = rpc_arg(argv[i], "seconds")))
			seconds = strtod(v, NULL);
		else if ((v = rpc_arg(argv[i], "threads")))
			threads = strtoul(v, NULL, 0);
		else
			DIE("%s: no such argument; see the head of race_close.c", argv[i]);
	}
	t = calloc(threads, sizeof(*t));
	/* numbers nobody else's open() takes while one is closed for a moment */
	for (int i = 0; i < 2 * FDS; i++) {
		int fd = rpc_open();

		fds[i] = 200 + i;
		dup3(fd, fds[i], O_CLOEXEC);
		close(fd);
	}
	for (uintptr_t i = 0; i < threads; i++) {
		if (pthread_create(&t[i], NULL, run[i % KINDS], (void *)(i + 1)))
			DIE("a thread cannot be made");
	}
	rpc_sleep_ms(seconds * 1e3);
	stop = true;
	/* callers come back once those who serve them are gone, with their descriptors */
	for (int callers = 0; callers < 2; callers++) {
		for (unsigned int i = 0; i < threads; i++)
			if ((run[i % KINDS] == call) == callers)
				join(t[i], i);
		for (int i = 0; i < FDS; i++)
			close(fds[i]);
	}
	printf("%lu calls answered, %lu not, %lu served, %lu descriptors closed\n",
	       calls_ok, calls_else, served, closed);
	if (!calls_ok)
		DIE("not one call was answered: the test means nothing");
	return 0;
}
