// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The device's double: with $AMOEBA_TEST_BROKER naming its socket, each ioctl becomes a message to
 * am_broker. Only in the test build of the library.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "am_priv.h"
#include "broker.h"

/* a thread's connection; in a list so that a forked child can close those it inherits */
struct link {
	int		fd;
	struct link	*next;
};

static pthread_mutex_t links_lock = PTHREAD_MUTEX_INITIALIZER;
static struct link *links;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void link_drop(void *arg)
{
	struct link *l = arg, **p;

	pthread_mutex_lock(&links_lock);
	for (p = &links; *p != l; p = &(*p)->next)
		;
	*p = l->next;
	pthread_mutex_unlock(&links_lock);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

static void fork_prepare(void)
{
	pthread_mutex_lock(&links_lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&links_lock);
}

static void fork_child(void)
{
	struct link *l;

	for (l = links; l; l = l->next) {
		if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
	}
	pthread_mutex_unlock(&links_lock);
}

static void init(void)
{
	pthread_key_create(&key, link_drop);
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static int dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *path = getenv("AMOEBA_TEST_BROKER");
	int fd;

	if (!path || strlen(path) >= sizeof(a.sun_path))
		return -ENODEV;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static int link_get(struct link **lp)
{
	struct link *l;
	char c;

	pthread_once(&once, init);
	l = pthread_getspecific(key);
	if (!l) {
		l = malloc(sizeof(*l));
		if (!l)
			return -ENOMEM;
		l->fd = -1;
		pthread_mutex_lock(&links_lock);
		l->next = links;
		links = l;
		pthread_mutex_unlock(&links_lock);
		pthread_setspecific(key, l);
	}
	if (l->fd >= 0 && !recv(l->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT)) {
		close(l->fd);	/* to a broker that has ended; there may be another */
		l->fd = -1;
	}
	if (l->fd < 0)
		l->fd = dial();
	*lp = l;
	return l->fd < 0 ? l->fd : 0;
}

static int send_all(int fd, const void *p, size_t n)
{
	const char *s = p;

	while (n) {
		ssize_t r = send(fd, s, n, MSG_NOSIGNAL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -EIO;
		s += r;
		n -= r;
	}
	return 0;
}

/* a signal while nothing has been read yet asks the broker to end the call */
static int recv_all(int fd, void *p, size_t n, bool cancel)
{
	char *s = p;
	size_t got = 0;

	while (got < n) {
		ssize_t r = recv(fd, s + got, n - got, 0);

		if (r < 0 && errno == EINTR) {
			struct broker_msg c = { .op = BROKER_CANCEL };

			if (cancel && !got && send_all(fd, &c, sizeof(c)))
				return -EIO;
			continue;
		}
		if (r <= 0)
			return -EIO;
		got += r;
	}
	return 0;
}

/* one call: @m and data out, @m and at most @room bytes in */
static int call(struct broker_msg *m, const struct amoeba_buf *out, const struct amoeba_buf *in)
{
	struct link *l;
	int r;

	if ((out && out->iovcnt) || (in && in->iovcnt))
		return -EINVAL;
	r = link_get(&l);
	if (r)
		return r;
	m->len = out ? out->len : 0;
	m->room = in ? in->len : 0;
	r = send_all(l->fd, m, sizeof(*m));
	if (!r && m->len)
		r = send_all(l->fd, (void *)(uintptr_t)out->addr, m->len);
	if (!r)
		r = recv_all(l->fd, m, sizeof(*m), true);
	if (!r && m->len)
		r = recv_all(l->fd, (void *)(uintptr_t)in->addr, m->len, false);
	if (r) {
		close(l->fd);
		l->fd = -1;
		return r;
	}
	return m->err;
}

static int do_trans(struct amoeba_trans *t)
{
	struct broker_msg m = {
		.op = BROKER_TRANS,
		.hdr = t->req,
		.locate_ms = t->locate_ms,
		.timeout_ms = t->timeout_ms,
	};
	int r = call(&m, &t->send, &t->recv);

	if (r)
		return r;
	t->verdict = m.verdict;
	t->rep = m.hdr;
	t->rep_len = m.full;
	t->out_flags = m.out_flags;
	return 0;
}

static int do_getreq(struct amoeba_getreq *g)
{
	struct broker_msg m = {
		.op = BROKER_GETREQ,
		.hdr = g->hdr,
		.timeout_ms = g->timeout_ms,
		.nonblock = g->flags & AMOEBA_GETREQ_NONBLOCK,
	};
	am_port get, put;
	int r;

	memcpy(get.b, g->hdr.port, sizeof(get.b));
	am_one_way(&get, &put);
	memcpy(m.hdr.port, put.b, sizeof(put.b));
	r = call(&m, NULL, &g->recv);
	if (r)
		return r;
	g->hdr = m.hdr;
	g->handle = m.handle;
	g->len = m.full;
	g->out_flags = m.out_flags;
	return 0;
}

static int do_putrep(struct amoeba_putrep *p)
{
	struct broker_msg m = { .op = BROKER_PUTREP, .hdr = p->hdr, .handle = p->handle };
	int r = call(&m, &p->send, NULL);

	if (!r)
		p->verdict = m.verdict;
	return r;
}

int am_broker_ioctl(unsigned long req, void *arg)
{
	struct amoeba_putrep_getreq *pg = arg;
	struct amoeba_info *info = arg;
	struct link *l;
	int r;

	if (!getenv("AMOEBA_TEST_BROKER"))
		return -ENODEV;
	switch (req) {
	case AMOEBA_INFO:
		r = link_get(&l);
		if (r)
			return r;
		*info = (struct amoeba_info){
			.abi = AMOEBA_ABI_VERSION, .features = AMOEBA_FEAT_TRANS,
			.max_data = AMOEBA_MAX_DATA, .max_open = 256,
		};
		return 0;
	case AMOEBA_TRANS:
		return do_trans(arg);
	case AMOEBA_GETREQ:
		return do_getreq(arg);
	case AMOEBA_PUTREP:
		return do_putrep(arg);
	case AMOEBA_PUTREP_GETREQ:
		if (pg->put.handle) {
			r = do_putrep(&pg->put);
			if (r)
				return r;
			pg->put.handle = 0;
		}
		return do_getreq(&pg->get);
	default:
		return -ENOTTY;
	}
}
