// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * am_broker: a stand-in for amoeba.ko on a host without it. Processes linked with the test build
 * of libamoeba meet here and make transactions with each other, with the verdicts the kernel would
 * give: NOTFOUND when nobody waited on the port in time, FAILURE when the server ended without a
 * reply, ABORTED when a signal came before the request was taken.
 *
 * As between machines that speak the classic header, fields that do not fit it are refused with
 * ERANGE, so that tests on one host find what would fail on two.
 *
 * usage: am_broker [-e] [-l N] [-r N] SOCKET
 *        am_broker [-l N] [-r N] -- COMMAND [ARGUMENT]...
 *   -e    end at the end of standard input
 *   -l N  lose each Nth reply: the request was executed, the client gets FAILURE
 *   -r N  lose each Nth request: not executed, the client gets FAILURE
 * With a COMMAND the broker makes a socket of its own, runs the command with AMOEBA_TEST_BROKER
 * and LD_LIBRARY_PATH set, and ends with its status.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"

#define CONNS 1024

enum state { IDLE, WAITS_REQUEST, WAITS_SERVER, WAITS_REPLY };

/* a thread of some process, and the call it is in */
struct conn {
	int			fd;
	pid_t			pid;
	enum state		state;
	struct broker_msg	m;		/* the call, or a message being received */
	uint8_t			*data;		/* of a request not yet taken, or being received */
	size_t			got;		/* bytes received of the message and its data */
	uint64_t		order;		/* when the wait began: first come, first served */
	uint64_t		locate_end, end;	/* ms; 0: none */
	struct conn		*server;	/* WAITS_REPLY: who has the request */
};

static struct conn conns[CONNS];
static uint64_t clock_order, next_handle = 1;
static unsigned int lose_reply, lose_request, replies, requests;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static bool fits_classic(const struct amoeba_header *h, bool reply)
{
	static const uint8_t zero[6];

	return !memcmp(h->port + 6, zero, 2) && !memcmp(h->signature + 6, zero, 2) &&
	       !memcmp(h->check + 6, zero, 6) && !h->site && h->object <= 0xffffff &&
	       h->rights <= 0xff && h->extra <= 0xffff && h->size <= 0xffff &&
	       h->offset >= INT32_MIN && h->offset <= INT32_MAX &&
	       (reply ? h->status >= INT16_MIN && h->status <= INT16_MAX :
			h->command >= 0 && h->command <= UINT16_MAX);
}

/* end the call of @c; a peer that does not take it is found out by poll */
static void answer(struct conn *c, struct broker_msg *m, const uint8_t *data)
{
	size_t len = data ? m->full : 0, at = 0;

	if (len > c->m.room)
		len = c->m.room;
	m->len = len;
	c->state = IDLE;
	c->server = NULL;
	free(c->data);
	c->data = NULL;
	c->got = 0;
	if (send(c->fd, m, sizeof(*m), MSG_NOSIGNAL) != sizeof(*m))
		return;
	while (at < len) {
		ssize_t n = send(c->fd, data + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		at += n;
	}
}

static void answer_err(struct conn *c, int err)
{
	answer(c, &(struct broker_msg){ .err = -err }, NULL);
}

static void answer_verdict(struct conn *c, int verdict)
{
	answer(c, &(struct broker_msg){ .verdict = verdict }, NULL);
}

/* give the request of @client to @server */
static void deliver(struct conn *client, struct conn *server)
{
	struct broker_msg m = { .hdr = client->m.hdr, .full = client->m.len };
	uint8_t *data = client->data;

	m.handle = client->m.handle = next_handle++;
	m.out_flags = AMOEBA_OUT_LOCAL;
	if (m.full > server->m.room)
		m.out_flags |= AMOEBA_OUT_TRUNC;
	client->data = NULL;
	client->state = WAITS_REPLY;
	client->server = server;
	answer(server, &m, data);
	free(data);
}

/* the longest waiting connection in @state on the port of @h */
static struct conn *find(enum state state, const struct amoeba_header *h)
{
	struct conn *best = NULL;
	int i;

	for (i = 0; i < CONNS; i++) {
		struct conn *c = &conns[i];

		if (c->fd < 0 || c->state != state || memcmp(c->m.hdr.port, h->port, 6))
			continue;
		if (!best || c->order < best->order)
			best = c;
	}
	return best;
}

static void do_trans(struct conn *c)
{
	struct conn *server;

	if (!fits_classic(&c->m.hdr, false)) {
		answer_err(c, ERANGE);
		return;
	}
	if (c->m.len > AMOEBA_MAX_DATA) {
		answer_err(c, EMSGSIZE);
		return;
	}
	if (lose_request && ++requests % lose_request == 0) {
		answer_verdict(c, AMOEBA_RPC_FAILURE);
		return;
	}
	c->state = WAITS_SERVER;
	c->order = ++clock_order;
	c->locate_end = now_ms() + (c->m.locate_ms ? c->m.locate_ms : AMOEBA_LOCATE_MS);
	c->end = c->m.timeout_ms ? now_ms() + c->m.timeout_ms : 0;
	server = find(WAITS_REQUEST, &c->m.hdr);
	if (server)
		deliver(c, server);
}

static void do_getreq(struct conn *c)
{
	struct conn *client;

	c->state = WAITS_REQUEST;
	c->order = ++clock_order;
	c->end = c->m.timeout_ms ? now_ms() + c->m.timeout_ms : 0;
	client = find(WAITS_SERVER, &c->m.hdr);
	if (client)
		deliver(client, c);
	else if (c->m.nonblock)
		answer_err(c, EAGAIN);
}

static void do_putrep(struct conn *c)
{
	struct broker_msg m = { .hdr = c->m.hdr, .full = c->m.len };
	uint8_t *data = c->data;
	int i;

	if (!c->m.handle || c->m.handle >= next_handle) {
		answer_err(c, ENOENT);
		return;
	}
	if (!fits_classic(&c->m.hdr, true)) {
		answer_err(c, ERANGE);
		return;
	}
	for (i = 0; i < CONNS; i++) {
		struct conn *p = &conns[i];

		if (p->fd < 0 || p->state != WAITS_REPLY || p->m.handle != c->m.handle)
			continue;
		if (p->server && p->server->pid != c->pid) {
			answer_err(c, ENOENT);
			return;
		}
		if (lose_reply && ++replies % lose_reply == 0) {
			answer_verdict(p, AMOEBA_RPC_FAILURE);
			break;
		}
		m.out_flags = AMOEBA_OUT_LOCAL;
		if (m.full > p->m.room)
			m.out_flags |= AMOEBA_OUT_TRUNC;
		answer(p, &m, data);
		break;
	}
	answer_verdict(c, i < CONNS ? AMOEBA_RPC_OK : AMOEBA_RPC_FAILURE);
}

static void do_cancel(struct conn *c)
{
	if (c->state == WAITS_REQUEST)
		answer_err(c, EINTR);
	else if (c->state == WAITS_SERVER)
		answer_verdict(c, AMOEBA_RPC_ABORTED);
}

static void hang_up(struct conn *c)
{
	int i;

	close(c->fd);
	c->fd = -1;
	free(c->data);
	c->data = NULL;
	for (i = 0; i < CONNS; i++)
		if (conns[i].fd >= 0 && conns[i].state == WAITS_REPLY && conns[i].server == c)
			answer_verdict(&conns[i], AMOEBA_RPC_FAILURE);
}

/* read what is there; -1 at the end of the connection */
static int receive(struct conn *c)
{
	ssize_t n;

	if (c->state != IDLE) {		/* in a call: only CANCEL can come */
		struct broker_msg m;

		n = recv(c->fd, &m, sizeof(m), MSG_WAITALL);
		if (n != sizeof(m) || m.op != BROKER_CANCEL)
			return -1;
		do_cancel(c);
		return 0;
	}
	if (c->got < sizeof(c->m))
		n = recv(c->fd, (uint8_t *)&c->m + c->got, sizeof(c->m) - c->got, 0);
	else
		n = recv(c->fd, c->data + c->got - sizeof(c->m),
			 c->m.len - (c->got - sizeof(c->m)), 0);
	if (n <= 0)
		return -1;
	c->got += n;
	if (c->got < sizeof(c->m))
		return 0;
	if (c->m.len && !c->data) {
		c->data = c->m.len <= AMOEBA_MAX_DATA ? malloc(c->m.len) : NULL;
		if (!c->data)
			return -1;
	}
	if (c->got < sizeof(c->m) + c->m.len)
		return 0;
	c->got = 0;
	switch (c->m.op) {
	case BROKER_TRANS:
		do_trans(c);
		return 0;
	case BROKER_GETREQ:
		do_getreq(c);
		return 0;
	case BROKER_PUTREP:
		do_putrep(c);
		return 0;
	case BROKER_CANCEL:		/* its call has ended meanwhile */
		return 0;
	default:
		return -1;
	}
}

static void time_out(struct conn *c, uint64_t now)
{
	switch (c->state) {
	case WAITS_REQUEST:
		if (c->end && now >= c->end)
			answer_err(c, ETIMEDOUT);
		break;
	case WAITS_SERVER:
		if (now >= c->locate_end || (c->end && now >= c->end))
			answer_verdict(c, AMOEBA_RPC_NOTFOUND);
		break;
	case WAITS_REPLY:
		if (c->end && now >= c->end)
			answer_verdict(c, AMOEBA_RPC_FAILURE);
		break;
	default:
		break;
	}
}

static void greet(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), i;
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (fd < 0)
		return;
	for (i = 0; i < CONNS && conns[i].fd >= 0; i++)
		;
	if (i == CONNS) {
		close(fd);
		return;
	}
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	conns[i] = (struct conn){ .fd = fd, .pid = cred.pid };
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* appears under its name when it takes connections */
	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s.new", path) >=
	    (int)sizeof(a.sun_path)) {
		fprintf(stderr, "am_broker: %s: path too long for a socket\n", path);
		exit(1);
	}
	unlink(a.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 128) ||
	    rename(a.sun_path, path)) {
		fprintf(stderr, "am_broker: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static pid_t run(char **argv, const char *path)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t pid = fork();

	if (pid)
		return pid;
	self[n > 0 ? n : 0] = 0;
	if (strrchr(self, '/'))
		*strrchr(self, '/') = 0;
	setenv("LD_LIBRARY_PATH", self, 1);
	setenv("AMOEBA_TEST_BROKER", path, 1);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &(sigset_t){ 0 }, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "am_broker: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int serve(int listener, int signals, int input, pid_t child)
{
	static struct pollfd p[CONNS + 3];
	int i, status;

	for (;;) {
		bool timed = false;
		uint64_t now;

		p[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = signals, .events = POLLIN };
		p[2] = (struct pollfd){ .fd = input, .events = POLLIN };
		for (i = 0; i < CONNS; i++)
			p[i + 3] = (struct pollfd){ .fd = conns[i].fd, .events = POLLIN };
		for (i = 0; i < CONNS; i++)
			timed |= conns[i].fd >= 0 &&
				 (conns[i].state == WAITS_SERVER ||
				  (conns[i].state != IDLE && conns[i].end));
		poll(p, CONNS + 3, timed ? 20 : -1);
		for (i = 0; i < CONNS; i++)
			if (p[i + 3].revents && conns[i].fd >= 0 && receive(&conns[i]))
				hang_up(&conns[i]);
		now = now_ms();
		for (i = 0; i < CONNS; i++)
			if (conns[i].fd >= 0)
				time_out(&conns[i], now);
		if (p[0].revents)
			greet(listener);
		if (p[1].revents) {
			struct signalfd_siginfo si;

			if (read(signals, &si, sizeof(si)) != sizeof(si))
				continue;
			if (si.ssi_signo != SIGCHLD)
				return child ? 128 + si.ssi_signo : 0;
			if (child && waitpid(child, &status, WNOHANG) == child)
				return WIFEXITED(status) ? WEXITSTATUS(status) :
							   128 + WTERMSIG(status);
		}
		if (p[2].revents) {
			char c;

			if (read(input, &c, 1) <= 0)
				return 0;
		}
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: am_broker [-e] [-l N] [-r N] SOCKET\n"
			"       am_broker [-l N] [-r N] -- COMMAND [ARGUMENT]...\n");
	return 2;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/am_broker.XXXXXX", own[64];
	const char *path = own;
	int listener, signals, i, status;
	bool end_at_eof = false, command;
	pid_t child = 0;
	sigset_t set;

	while ((i = getopt(argc, argv, "+el:r:")) != -1) {
		if (i == 'e')
			end_at_eof = true;
		else if (i == 'l')
			lose_reply = atoi(optarg);
		else if (i == 'r')
			lose_request = atoi(optarg);
		else
			return usage();
	}
	command = optind > 1 && !strcmp(argv[optind - 1], "--");
	if (optind >= argc || (!command && optind != argc - 1))
		return usage();
	if (!command) {
		path = argv[optind];
	} else if (!mkdtemp(dir)) {
		perror("am_broker: /tmp");
		return 1;
	} else {
		snprintf(own, sizeof(own), "%s/socket", dir);
	}
	for (i = 0; i < CONNS; i++)
		conns[i].fd = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	listener = listen_at(path);
	if (command)
		child = run(argv + optind, path);
	status = serve(listener, signals, end_at_eof ? 0 : -1, child);
	for (i = 0; i < CONNS; i++)
		if (conns[i].fd >= 0)
			hang_up(&conns[i]);
	unlink(path);
	if (command)
		rmdir(dir);
	return status;
}
