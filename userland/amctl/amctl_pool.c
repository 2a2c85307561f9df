// SPDX-License-Identifier: GPL-2.0-or-later
/* What the commands about the processor pool share: the hosts and their load, jobs by name. */
#include <ctype.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "amctl_pool.h"

#define ASKERS 32	/* hosts asked at once */

/* ---- all hosts ----------------------------------------------------------------------------- */

static int add_host(const char *name, const am_cap *c, void *arg)
{
	struct pool *p = arg;
	void *mem = realloc(p->host, (p->n + 1) * sizeof(*p->host));

	if (!mem)
		return AM_STD_NOMEM;
	p->host = mem;
	memset(&p->host[p->n], 0, sizeof(*p->host));
	snprintf(p->host[p->n].name, AM_HOST_NAME, "%s", name);
	p->host[p->n++].cap = *c;
	return 0;
}

struct asking {
	pthread_mutex_t lock;
	struct pool *pool;
	size_t next;
	uint32_t timeout_ms;
};

static void *ask(void *arg)
{
	struct asking *a = arg;
	struct pool_host *h;

	for (;;) {
		pthread_mutex_lock(&a->lock);
		h = a->next < a->pool->n ? &a->pool->host[a->next++] : NULL;
		pthread_mutex_unlock(&a->lock);
		if (!h)
			return NULL;
		h->status = am_ps_load(&h->cap, a->timeout_ms, &h->load);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pool_host *)a)->name, ((const struct pool_host *)b)->name);
}

am_status pool_load(struct pool *p, uint32_t timeout_ms)
{
	struct asking a = { .lock = PTHREAD_MUTEX_INITIALIZER, .pool = p,
			    .timeout_ms = timeout_ms };
	pthread_t t[ASKERS];
	size_t n = 0;
	am_status s;

	memset(p, 0, sizeof(*p));
	s = am_pool_list(add_host, p);
	if (s) {
		pool_free(p);
		return s;
	}
	while (n < ASKERS && n < p->n && !pthread_create(&t[n], NULL, ask, &a))
		n++;
	if (!n)
		ask(&a);
	while (n)
		pthread_join(t[--n], NULL);
	if (p->n)
		qsort(p->host, p->n, sizeof(*p->host), by_name);
	return AM_OK;
}

void pool_free(struct pool *p)
{
	free(p->host);
	memset(p, 0, sizeof(*p));
}

/* ---- errors -------------------------------------------------------------------------------- */

int pool_err(const char *what, am_status s)
{
	const char *remedy = NULL;
	am_cap root;

	switch (s) {
	case AM_RUN_NOPOOL:
		remedy = "start procd on a host: it makes it";
		break;
	case AM_RUN_NONE:
		remedy = "amctl host list shows the hosts; start procd where one is down";
		break;
	case AM_RPC_NOTFOUND:
		remedy = "is procd running there? amctl host list";
		break;
	case AM_STD_NOTNOW:
		remedy = "the host has as many jobs as it takes; try later or another one";
		break;
	case AM_STD_DENIED:
		remedy = "the capability does not allow it: use the root line of an operator";
		break;
	case AM_EX_NOPROG:
		remedy = "programs come from the host's own file system, or as amoeba:/PATH";
		break;
	case AM_STD_NOTFOUND:
		/* without a root nothing is found, and that is what to say */
		if (am_root(&root))
			return amctl_root(&root);
		remedy = "amctl host list, amctl ps";
		break;
	default:
		return amctl_err_status(what, s);
	}
	return amctl_err(remedy, "%s: %s", what, am_ps_why(s));
}

int pool_host_err(const char *name, am_status s)
{
	am_cap root;

	if (s == AM_STD_NOTFOUND && !am_root(&root))
		return amctl_err("amctl host list names them", "%s: no such host", name);
	return pool_err(name, s);
}

/* ---- one job ------------------------------------------------------------------------------- */

struct wanted {
	uint32_t id;
	am_cap	cap;
};

static int is_wanted(const struct am_proc *p, void *arg)
{
	struct wanted *w = arg;

	if (p->id != w->id)
		return 0;
	w->cap = p->cap;
	return 1;
}

int pool_job(const char *text, am_cap *proc)
{
	const char *slash = strchr(text, '/');
	struct wanted w = { 0 };
	char host[AM_HOST_NAME], *end = NULL;
	am_cap cap;
	am_status s;

	if (slash && isdigit((unsigned char)slash[1]))
		w.id = (uint32_t)strtoul(slash + 1, &end, 10);
	if (!end || *end || slash == text || (size_t)(slash - text) >= sizeof(host) || !w.id)
		return amctl_bad("'%s' is no HOST/NUMBER", text);
	snprintf(host, sizeof(host), "%.*s", (int)(slash - text), text);
	s = am_pool_host(host, &cap);
	if (s)
		return pool_host_err(host, s);
	s = am_ps_list(&cap, is_wanted, &w);
	if (s < 0)
		return pool_err(host, s);
	if (!s)
		return amctl_err("amctl ps lists them", "%s: no such job", text);
	if (am_cap_null(&w.cap))
		return amctl_err("use the root line of an operator",
				 "%s: the capability of the host does not reach its jobs", text);
	*proc = w.cap;
	return AMCTL_OK;
}

int pool_signal(const char *text, int *sig)
{
	char *end;
	long v;

	if (isdigit((unsigned char)*text)) {
		v = strtol(text, &end, 10);
		if (!*end && v >= 1 && v < NSIG) {
			*sig = (int)v;
			return AMCTL_OK;
		}
	}
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int i = 1; i < NSIG; i++) {
		const char *name = sigabbrev_np(i);

		if (name && !strcasecmp(name, text)) {
			*sig = i;
			return AMCTL_OK;
		}
	}
	return amctl_bad("no signal '%s'", text);
}

const char *pool_signal_name(int sig, char buf[16])
{
	const char *name = sigabbrev_np(sig);

	if (name)
		snprintf(buf, 16, "SIG%s", name);
	else
		snprintf(buf, 16, "signal %d", sig);
	return buf;
}

char *pool_time(uint64_t us, char buf[24])
{
	uint64_t s = us / 1000000;

	if (s < 10)
		snprintf(buf, 24, "%.1fs", (double)us / 1e6);
	else if (s < 60)
		snprintf(buf, 24, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, 24, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
	else
		snprintf(buf, 24, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60,
			 s % 60);
	return buf;
}
