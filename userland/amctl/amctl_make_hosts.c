// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hosts a build uses. The run server says which is best; we never give one more jobs at a time
 * than it has processors, and one to fill the gaps, and leave alone for a while what failed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "amctl_make.h"

#define BAD_S		30.0	/* how long a host that is gone is left alone */
#define DOUBT_S		0.5	/* one that failed once; twice as long with each further time */
#define LIST_S		2.0	/* how old our own list of hosts may be */
#define EMPTY_S		10.0	/* the same when there was none */
#define WAIT_MS		500

/* of one compiler on one host */
struct hcompiler {
	struct hcompiler *next;
	enum { ASKING, SAME, OTHER } state;
	char	path[];
};

struct local {			/* what ours says */
	struct local *next;
	char	*text;
	char	path[];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t	change;
	struct mhost	*list;
	struct local	*local;
	double		listed;
	am_cap		run;
	bool		have_run, asking, up;
} hosts = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

static void wait_ms(unsigned int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += (long)ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&hosts.change, &hosts.lock, &t);
}

/* ---- the list ------------------------------------------------------------------------------ */

static struct mhost *need(const char *name)
{
	struct mhost *h = hosts.list;

	while (h && strcmp(h->name, name))
		h = h->next;
	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->next = hosts.list;
	hosts.list = h;
	return h;
}

/* the lock is held, and let go while servers are asked */
static void refresh(void)
{
	struct am_runhost found[AM_RUN_HOSTS_MAX];
	size_t n = AM_RUN_HOSTS_MAX;
	am_cap run = hosts.run;
	am_status s = AM_STD_NOTFOUND;
	bool have = hosts.have_run;
	struct pool p = { 0 };

	hosts.asking = true;
	pthread_mutex_unlock(&hosts.lock);
	if (!have)
		have = am_run_server(&run) == AM_OK;
	if (have)
		s = am_run_findhost(&run, 0, NULL, found, &n);
	if (s) {
		n = 0;
		pool_load(&p, 2000);	/* nobody to ask, or who knows no host yet */
	}
	pthread_mutex_lock(&hosts.lock);
	hosts.run = run;
	hosts.have_run = have && (!s || s == AM_RUN_NONE);
	for (struct mhost *h = hosts.list; h; h = h->next)
		h->slots = 0;
	for (size_t i = 0; i < n; i++) {
		struct mhost *h = found[i].flags & AM_HOST_ISOLATED ? need(found[i].name) : NULL;

		if (h) {
			h->cap = found[i].cap;
			h->slots = found[i].ncpu + 1;
		}
	}
	for (size_t i = 0; i < p.n; i++) {
		struct mhost *h = NULL;

		if (!p.host[i].status && p.host[i].load.flags & AM_HOST_ISOLATED)
			h = need(p.host[i].name);
		if (h) {
			h->cap = p.host[i].cap;
			h->slots = p.host[i].load.ncpu + 1;
		}
	}
	pool_free(&p);
	hosts.up = false;
	for (struct mhost *h = hosts.list; h; h = h->next)
		hosts.up = hosts.up || h->slots;
	hosts.asking = false;
	hosts.listed = amctl_now();
	pthread_cond_broadcast(&hosts.change);
}

static bool named(const char *name, const char *const *list)
{
	for (; list && *list; list++)
		if (!strcmp(name, *list))
			return true;
	return false;
}

/* usable at all for this job, with or without a free place now */
static bool fits(const struct mhost *h, const char *const *tried)
{
	return h->slots && h->bad_until <= amctl_now() && !named(h->name, tried);
}

/* ---- a place ------------------------------------------------------------------------------- */

/* the run server's choice among those with a free place; NULL: none of them, or nobody to ask */
static struct mhost *ask_run(const char *const *tried)
{
	const char *avoid[AM_RUN_HOSTS_MAX + 1];
	struct am_runhost best;
	am_cap run = hosts.run;
	struct mhost *h;
	size_t n = 0, one = 1;
	am_status s;

	if (!hosts.have_run)
		return NULL;
	for (h = hosts.list; h && n < AM_RUN_HOSTS_MAX; h = h->next)
		if (!fits(h, tried) || h->running >= h->slots)
			avoid[n++] = h->name;
	avoid[n] = NULL;
	pthread_mutex_unlock(&hosts.lock);
	s = am_run_findhost(&run, 0, avoid, &best, &one);
	pthread_mutex_lock(&hosts.lock);
	if (s) {
		if (s != AM_RUN_NONE)
			hosts.have_run = false;
		return NULL;
	}
	h = best.flags & AM_HOST_ISOLATED ? need(best.name) : NULL;
	if (!h)
		return NULL;
	h->cap = best.cap;
	h->slots = best.ncpu + 1;
	return fits(h, tried) && h->running < h->slots ? h : NULL;
}

static struct mhost *emptiest(const char *const *tried)
{
	struct mhost *best = NULL;

	for (struct mhost *h = hosts.list; h; h = h->next)
		if (fits(h, tried) && h->running < h->slots &&
		    (!best || h->running * best->slots < best->running * h->slots))
			best = h;
	return best;
}

struct mhost *hosts_take(const char *const *tried, bool (*gone)(void *arg), void *arg)
{
	struct mhost *best = NULL;

	pthread_mutex_lock(&hosts.lock);
	while (!gone(arg)) {
		bool any = false, free_place = false;

		if (!hosts.asking && (!hosts.listed || amctl_now() - hosts.listed >
				      (hosts.up ? LIST_S : EMPTY_S)))
			refresh();
		for (struct mhost *h = hosts.list; h; h = h->next) {
			any = any || fits(h, tried);
			free_place = free_place || (fits(h, tried) && h->running < h->slots);
		}
		if (!any && !hosts.asking)
			break;
		if (free_place)
			best = ask_run(tried);
		/* nobody to ask, or it knows less than we */
		if (free_place && !best)
			best = emptiest(tried);
		if (best)
			break;
		wait_ms(WAIT_MS);
	}
	if (best)
		best->running++;
	pthread_mutex_unlock(&hosts.lock);
	return best;
}

void hosts_give(struct mhost *h, bool done)
{
	pthread_mutex_lock(&hosts.lock);
	h->running--;
	h->jobs += done;
	if (done)
		h->failures = 0;
	pthread_cond_broadcast(&hosts.change);
	pthread_mutex_unlock(&hosts.lock);
}

void hosts_failed(struct mhost *h, const char *what, am_status s)
{
	double wait;
	bool said;

	pthread_mutex_lock(&hosts.lock);
	said = h->bad_until > amctl_now();
	if (s == AM_STD_NOTNOW)		/* full is not broken */
		wait = 1;
	else if (s == AM_RPC_NOTFOUND || h->failures > 5)
		wait = BAD_S;
	else
		wait = DOUBT_S * (1 << h->failures++);
	h->bad_until = amctl_now() + wait;
	pthread_cond_broadcast(&hosts.change);
	pthread_mutex_unlock(&hosts.lock);
	if (!said && s != AM_STD_NOTNOW)
		amctl_note("make: %s: %s; its work is done elsewhere", h->name,
			   what ? what : am_ps_why(s));
}

unsigned int hosts_slots(void)
{
	unsigned int n = 0;

	pthread_mutex_lock(&hosts.lock);
	if (!hosts.asking)
		refresh();
	for (struct mhost *h = hosts.list; h; h = h->next)
		n += h->slots;
	pthread_mutex_unlock(&hosts.lock);
	return n;
}

struct mhost *hosts_all(void)
{
	return hosts.list;
}

/* ---- the same compiler? -------------------------------------------------------------------- */

/* the words of `CC -v` here, remembered; NULL: it says nothing. The lock is held */
static const char *local_words(const struct call *c)
{
	char lang[] = "LC_ALL=C", path[] = "PATH=/usr/local/bin:/usr/bin:/bin", v[] = "-v";
	char *env[] = { lang, path, NULL }, *argv[] = { c->argv[0], v, NULL };
	struct local *l = hosts.local;

	while (l && strcmp(l->path, c->compiler))
		l = l->next;
	if (l)
		return l->text;
	l = calloc(1, sizeof(*l) + strlen(c->compiler) + 1);
	if (!l)
		return NULL;
	strcpy(l->path, c->compiler);
	l->text = run_and_read(argv, c->compiler, "/", env, 2);
	l->next = hosts.local;
	hosts.local = l;
	return l->text;
}

/* the same there: a job that writes to standard error */
static am_status remote_words(const am_cap *host, const struct call *c, const char *ours,
			      bool *equal)
{
	char lang[] = "LC_ALL=C", path[] = "PATH=/usr/local/bin:/usr/bin:/bin", v[] = "-v";
	char *env[] = { lang, path, NULL }, *argv[] = { c->argv[0], v, NULL }, *none[] = { NULL };
	struct am_job job = {
		.prog = (char *)(uintptr_t)c->compiler, .argv = argv, .env = env, .mounts = none,
		.out = none,
	};
	const uint32_t all = AM_POLL_DONE | AM_POLL_ERR_EOF;
	struct am_poll *p = calloc(1, sizeof(*p));
	size_t len = strlen(ours), at = 0;
	struct am_jobres res;
	am_status s;
	am_cap proc;

	if (!p)
		return AM_STD_NOMEM;
	s = am_ps_exec(host, &job, &proc);
	if (s)
		goto out;
	*equal = true;
	p->wait_ms = AM_PS_WAIT_MAX;
	do {
		s = am_ps_poll(&proc, p);
		if (s)
			break;
		if (p->err_len > len - at || memcmp(ours + at, p->err, p->err_len))
			*equal = false;
		else
			at += p->err_len;
	} while ((p->flags & all) != all && *equal);
	if (!s)
		s = am_ps_wait(&proc, AM_PS_WAIT_MAX, &res);
	if (!s) {
		*equal = *equal && at == len && !res.error && res.exited && !res.code;
		if (res.error && res.error != AM_EX_NOPROG)
			s = res.error;
		am_jobres_free(&res);
	}
	am_ps_release(&proc, false);
out:
	free(p);
	return s;
}

static struct hcompiler *need_compiler(struct mhost *h, const char *path, bool *fresh)
{
	struct hcompiler *k = h->compilers;

	*fresh = false;
	while (k && strcmp(k->path, path))
		k = k->next;
	if (k)
		return k;
	k = calloc(1, sizeof(*k) + strlen(path) + 1);
	if (!k)
		return NULL;
	strcpy(k->path, path);
	k->next = h->compilers;
	h->compilers = k;
	*fresh = true;
	return k;
}

bool hosts_compiler(struct mhost *h, const struct call *c)
{
	struct hcompiler *k, **at;
	const char *ours;
	bool fresh = false, equal = false;
	am_status s = AM_OK;
	am_cap cap;

	pthread_mutex_lock(&hosts.lock);
	ours = local_words(c);
	k = ours && *ours ? need_compiler(h, c->compiler, &fresh) : NULL;
	if (k && fresh) {
		cap = h->cap;
		pthread_mutex_unlock(&hosts.lock);
		s = remote_words(&cap, c, ours, &equal);
		pthread_mutex_lock(&hosts.lock);
		if (s) {	/* ask again another time */
			for (at = &h->compilers; *at != k; at = &(*at)->next)
				;
			*at = k->next;
			free(k);
			k = NULL;
		} else {
			k->state = equal ? SAME : OTHER;
		}
		pthread_cond_broadcast(&hosts.change);
	} else {
		while (k && k->state == ASKING) {
			wait_ms(WAIT_MS);
			k = h->compilers;
			while (k && strcmp(k->path, c->compiler))
				k = k->next;
		}
	}
	equal = k && k->state == SAME;
	pthread_mutex_unlock(&hosts.lock);
	if (s)
		hosts_failed(h, NULL, s);
	else if (fresh && k && !equal)
		amctl_note("make: %s: %s is not the same there: not used", h->name, c->compiler);
	return equal;
}

void hosts_free(void)
{
	struct mhost *h;
	struct local *l;

	while ((h = hosts.list)) {
		struct hcompiler *k;

		while ((k = h->compilers)) {
			h->compilers = k->next;
			free(k);
		}
		hosts.list = h->next;
		free(h);
	}
	while ((l = hosts.local)) {
		hosts.local = l->next;
		free(l->text);
		free(l);
	}
}
