/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - what the tests of the servers share: a scratch folder, requests made by hand, and
 * servers in processes of their own that meet at a broker.
 */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <amoeba.h>

/* ---- a folder ------------------------------------------------------------------------------ */

static inline char *scratch_make(void)
{
	static char path[256];
	const char *tmp = getenv("TMPDIR");

	/* in memory if possible: syncs cost nothing there */
	if (!tmp)
		tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	snprintf(path, sizeof(path), "%s/amtest.XXXXXX", tmp);
	assert_non_null(mkdtemp(path));
	return path;
}

static inline void scratch_remove(const char *path)
{
	char cmd[PATH_MAX + 16];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", path);
	assert_int_equal(system(cmd), 0);
}

/* ---- a request in the hands of a handler ------------------------------------------------------ */

/** a request, its body and the reply, all on heap blocks of their exact size for ASan */
struct call {
	struct am_request rq;
	uint8_t	*body, *room;
};

static inline void call_init(struct call *c, const am_cap *cap, uint32_t command,
			     const void *body, size_t len, size_t room)
{
	memset(c, 0, sizeof(*c));
	c->body = malloc(len);
	c->room = malloc(room);
	assert_true((c->body || !len) && c->room);
	if (len)
		memcpy(c->body, body, len);
	am_hdr_set_cap(&c->rq.hdr, cap);
	c->rq.cap = *cap;
	c->rq.command = command;
	c->rq.data = c->body;
	c->rq.len = len;
	c->rq.hdr.size = len;
	c->rq.rbuf = c->room;
	c->rq.rsize = room;
}

static inline am_status call_run(struct call *c, am_handler fn, void *arg)
{
	am_status s = fn(&c->rq, arg);

	assert_true(s <= 0);
	assert_true(c->rq.rlen <= c->rq.rsize || c->rq.rdata);
	return s;
}

/* the reply went out */
static inline void call_done(struct call *c)
{
	if (c->rq.rdone)
		c->rq.rdone(c->rq.rdone_arg);
	free(c->body);
	free(c->room);
}

static inline am_cap call_cap(struct call *c)
{
	am_cap cap;

	am_hdr_get_cap(&c->rq.hdr, &cap);
	return cap;
}

/* ---- broker and servers ------------------------------------------------------------------------- */

static inline pid_t broker_start(const char *dir)
{
	char self[PATH_MAX], prog[PATH_MAX + 32], sock[PATH_MAX];
	const char *build = getenv("AM_BUILD");
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t pid;

	assert_true(n > 0);
	self[n] = '\0';
	if (build) {
		snprintf(prog, sizeof(prog), "%s/testlib/am_broker", build);
	} else {
		/* BUILD/unit/PROGRAM/TEST */
		for (int i = 0; i < 3; i++)
			*strrchr(self, '/') = '\0';
		snprintf(prog, sizeof(prog), "%s/testlib/am_broker", self);
	}
	snprintf(sock, sizeof(sock), "%s/broker", dir);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(prog, prog, sock, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 500 && access(sock, F_OK); i++)
		usleep(10000);
	assert_int_equal(access(sock, F_OK), 0);
	setenv("AMOEBA_TEST_BROKER", sock, 1);
	return pid;
}

/*
 * A server in a process of its own: @serve starts it and returns when SIGTERM came; the process
 * says that it serves by writing a byte to the descriptor. The parent returns when it did.
 */
static inline pid_t server_fork(int (*serve)(int ready, void *arg), void *arg)
{
	int fds[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		_exit(serve(fds[1], arg));
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

/* ends it with @sig: its status as of waitpid() */
static inline int server_end(pid_t pid, int sig)
{
	int status;

	assert_int_equal(kill(pid, sig), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* runs a handler until SIGTERM: the body of a server process */
static inline int server_loop(const am_port *get, am_handler fn, void *arg, unsigned int threads,
			      int ready)
{
	const struct am_server_opt opt = { .threads = threads };
	struct am_server *server;
	sigset_t stop;
	int sig;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	server = am_server_start(get, fn, arg, &opt);
	if (!server || write(ready, "", 1) != 1)
		return 1;
	close(ready);
	sigwait(&stop, &sig);
	am_server_stop(server);
	return 0;
}

#endif /* TEST_HOST_H */
