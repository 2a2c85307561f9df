// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * DESIGN NOTES: the server loop
 *
 * A server is N threads on one get-port. Each thread spends its life in AMOEBA_PUTREP_GETREQ:
 * one system call answers a request and waits for the next. Only a reply whose data must be
 * given back at once (am_request.rdone) is sent by AMOEBA_PUTREP first.
 *
 * Stopping. A thread blocked in the kernel is woken by a signal, the highest real-time signal
 * that has no handler when the first server starts; its handler does nothing and is installed
 * without SA_RESTART, so the call ends with EINTR. The signal is sent again until the thread has
 * ended, for it may arrive just before the call blocks. A thread that is in the handler function
 * is left alone (@waiting): its own transactions must not see the signal. It answers its request
 * with a plain PUTREP and ends. All other signals are blocked in the threads: they are the
 * program's.
 *
 * Who frees: the thread its buffers, am_server_stop() the rest, after joining the threads.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "am_priv.h"

#define SERVER_THREADS	4
#define SERVER_BUF	(AM_MAX_CHUNK + (64U << 10))

struct server_thread {
	struct am_server	*server;
	pthread_t		thread;
	atomic_bool		waiting;	/* in the kernel, for a request */
	atomic_bool		ended;
	uint8_t			*buf, *rbuf;
};

struct am_server {
	am_port			get, put;
	am_handler		handler;
	void			*arg;
	size_t			bufsize, rbufsize;
	atomic_bool		stopping;
	unsigned int		nthreads;
	struct server_thread	threads[];
};

static pthread_once_t wake_once = PTHREAD_ONCE_INIT;
static int wake_signal;

static void wake_handler(int sig)
{
	(void)sig;
}

static void wake_init(void)
{
	struct sigaction sa = { .sa_handler = wake_handler }, old;
	int sig;

	sigfillset(&sa.sa_mask);
	for (sig = SIGRTMAX; sig >= SIGRTMIN; sig--) {
		if (sigaction(sig, NULL, &old) || old.sa_handler != SIG_DFL)
			continue;
		if (!sigaction(sig, &sa, NULL)) {
			wake_signal = sig;
			return;
		}
	}
}

static void pause_ms(unsigned int ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

/* fill @put with the reply of @rq */
static void set_reply(struct amoeba_putrep *put, struct am_request *rq, uint64_t handle)
{
	memset(put, 0, sizeof(*put));
	put->hdr = rq->hdr;
	put->handle = handle;
	if (rq->hdr.status >= 0)
		put->send = am_buf_of(rq->rdata ? rq->rdata : rq->rbuf, rq->rlen);
}

/* the reply cannot be sent as it is: say so in its place */
static void refuse_reply(struct amoeba_putrep *put, int err)
{
	uint64_t handle = put->handle;

	memset(put, 0, sizeof(*put));
	put->handle = handle;
	put->hdr.status = err == ERANGE || err == EOVERFLOW || err == EMSGSIZE ?
			  AM_STD_OVERFLOW : AM_STD_SYSERR;
}

static void put_reply(struct amoeba_putrep *put)
{
	int r;

	do {
		r = am_dev_ioctl(AMOEBA_PUTREP, put);
	} while (r == -EINTR);
	if (!r)
		return;
	refuse_reply(put, -r);
	am_dev_ioctl(AMOEBA_PUTREP, put);
}

static void serve(struct server_thread *t, struct amoeba_putrep_getreq *a)
{
	struct am_server *s = t->server;
	struct am_request rq = {
		.hdr = a->get.hdr,
		.command = a->get.hdr.command,
		.data = t->buf,
		.len = a->get.len < s->bufsize ? a->get.len : s->bufsize,
		.trunc = a->get.out_flags & AMOEBA_OUT_TRUNC,
		.rbuf = t->rbuf,
		.rsize = s->rbufsize,
	};
	am_status st;

	am_hdr_get_cap(&rq.hdr, &rq.cap);
	rq.hdr.status = 0;
	st = s->handler(&rq, s->arg);
	rq.hdr.status = st;
	set_reply(&a->put, &rq, a->get.handle);
	if (rq.rdone || atomic_load(&s->stopping)) {
		put_reply(&a->put);
		a->put.handle = 0;
	}
	if (rq.rdone)
		rq.rdone(rq.rdone_arg);
}

/* one call: the reply of the last request, then wait for the next. 0 or -errno */
static int next(struct server_thread *t, struct amoeba_putrep_getreq *a)
{
	struct am_server *s = t->server;
	int r;

	memset(&a->get, 0, sizeof(a->get));
	memcpy(a->get.hdr.port, s->get.b, sizeof(s->get.b));
	a->get.recv = am_buf_of(t->buf, s->bufsize);
	atomic_store(&t->waiting, true);
	r = atomic_load(&s->stopping) ? -EINTR : am_dev_ioctl(AMOEBA_PUTREP_GETREQ, a);
	atomic_store(&t->waiting, false);
	return r;
}

static void *server_thread(void *arg)
{
	struct server_thread *t = arg;
	struct am_server *s = t->server;
	struct amoeba_putrep_getreq a = { 0 };
	int r;

	for (;;) {
		r = next(t, &a);
		if (!r) {
			a.put.handle = 0;
			serve(t, &a);
			continue;
		}
		if (atomic_load(&s->stopping))
			break;
		if (r == -EINTR)
			continue;
		if (a.put.handle) {	/* the reply was refused */
			refuse_reply(&a.put, -r);
			put_reply(&a.put);
			a.put.handle = 0;
			continue;
		}
		pause_ms(100);		/* no room in the kernel, or no device any more */
	}
	if (a.put.handle)
		put_reply(&a.put);
	atomic_store(&t->ended, true);
	return NULL;
}

static void server_free(struct am_server *s)
{
	unsigned int i;

	for (i = 0; i < s->nthreads; i++) {
		free(s->threads[i].buf);
		free(s->threads[i].rbuf);
	}
	free(s);
}

/* end and join the first @n threads */
static void server_end(struct am_server *s, unsigned int n)
{
	unsigned int i, left;

	atomic_store(&s->stopping, true);
	for (;;) {
		left = 0;
		for (i = 0; i < n; i++) {
			struct server_thread *t = &s->threads[i];

			if (atomic_load(&t->ended))
				continue;
			left++;
			if (atomic_load(&t->waiting))
				pthread_kill(t->thread, wake_signal);
		}
		if (!left)
			break;
		pause_ms(2);
	}
	for (i = 0; i < n; i++)
		pthread_join(s->threads[i].thread, NULL);
}

/* all signals but the one that wakes, and those that tell of a fault */
static void thread_signals(sigset_t *set)
{
	sigfillset(set);
	sigdelset(set, wake_signal);
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
	sigdelset(set, SIGILL);
	sigdelset(set, SIGFPE);
	sigdelset(set, SIGABRT);
}

struct am_server *am_server_start(const am_port *get, am_handler handler, void *arg,
				  const struct am_server_opt *opt)
{
	unsigned int n = opt && opt->threads ? opt->threads : SERVER_THREADS;
	struct am_server *s;
	sigset_t set, old;
	unsigned int i;
	int r;

	if (am_port_null(get) || !handler) {
		errno = EINVAL;
		return NULL;
	}
	r = am_open();
	if (r) {
		errno = -r;
		return NULL;
	}
	pthread_once(&wake_once, wake_init);
	if (!wake_signal) {
		errno = EAGAIN;
		return NULL;
	}
	s = calloc(1, sizeof(*s) + n * sizeof(s->threads[0]));
	if (!s)
		return NULL;
	s->get = *get;
	am_one_way(get, &s->put);
	s->handler = handler;
	s->arg = arg;
	s->bufsize = opt && opt->bufsize ? opt->bufsize : SERVER_BUF;
	s->rbufsize = opt && opt->rbufsize ? opt->rbufsize : s->bufsize;
	s->nthreads = n;
	for (i = 0; i < n; i++) {
		struct server_thread *t = &s->threads[i];

		t->server = s;
		t->buf = malloc(s->bufsize);
		t->rbuf = malloc(s->rbufsize);
		if (!t->buf || !t->rbuf) {
			server_free(s);
			errno = ENOMEM;
			return NULL;
		}
	}

	thread_signals(&set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	for (i = 0, r = 0; i < n && !r; i++)
		r = pthread_create(&s->threads[i].thread, NULL, server_thread, &s->threads[i]);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		server_end(s, i - 1);
		server_free(s);
		errno = r;
		return NULL;
	}
	return s;
}

const am_port *am_server_port(const struct am_server *s)
{
	return &s->put;
}

void am_server_stop(struct am_server *s)
{
	if (!s)
		return;
	server_end(s, s->nthreads);
	server_free(s);
}
