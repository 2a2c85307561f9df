// SPDX-License-Identifier: GPL-2.0-or-later
/* The hosts: from the pool directory, polled for their load by a few threads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "rund.h"

#define RESCAN_MS 3000
#define HOSTS_MAX 4096

static struct {
	pthread_mutex_t lock;
	pthread_cond_t	change;
	struct host	*list;
	unsigned int	n;
	bool		rescan;
	am_status	last;		/* of the directory */
	pthread_t	thread[POLLERS + 1];
	unsigned int	threads;
} hosts = { .lock = PTHREAD_MUTEX_INITIALIZER, .last = 1 };

static struct timespec in_ms(uint64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

/* ---- the directory ------------------------------------------------------------------------- */

static struct host *find(const char *name)
{
	struct host *h = hosts.list;

	while (h && strcmp(h->name, name))
		h = h->next;
	return h;
}

static int seen(const char *name, const am_cap *c, void *arg)
{
	struct host *h;

	(void)arg;
	pthread_mutex_lock(&hosts.lock);
	h = find(name);
	if (!h && hosts.n < HOSTS_MAX)
		h = calloc(1, sizeof(*h));
	if (h && !*h->name) {
		strcpy(h->name, name);
		h->next = hosts.list;
		hosts.list = h;
		hosts.n++;
	}
	if (h) {
		h->listed = true;
		h->gone = false;
		if (!am_cap_equal(&h->cap, c)) {	/* new, or drawn anew */
			h->cap = *c;
			h->up = false;
			h->due_ms = 0;
			memset(&h->exec, 0, sizeof(h->exec));
		}
	}
	pthread_mutex_unlock(&hosts.lock);
	return 0;
}

/* what was not listed goes, once nobody is polling it */
static void forget(void)
{
	struct host **p = &hosts.list, *h;

	while ((h = *p)) {
		h->gone = !h->listed;
		if (!h->gone || h->polling) {
			p = &h->next;
			continue;
		}
		note("%s: no longer in the pool", h->name);
		*p = h->next;
		hosts.n--;
		free(h);
	}
}

static void *scan(void *arg)
{
	struct timespec until;
	am_status s;

	(void)arg;
	pthread_mutex_lock(&hosts.lock);
	while (!stopping) {
		hosts.rescan = false;
		for (struct host *h = hosts.list; h; h = h->next)
			h->listed = false;
		pthread_mutex_unlock(&hosts.lock);
		s = am_pool_list(seen, NULL);
		pthread_mutex_lock(&hosts.lock);
		if (s == AM_OK)
			forget();
		if (s != hosts.last)
			note(AM_POOL_DIR ": %s", s ? am_ps_why(s) : "found");
		hosts.last = s;
		pthread_cond_broadcast(&hosts.change);
		until = in_ms(RESCAN_MS);
		while (!stopping && !hosts.rescan)
			if (pthread_cond_timedwait(&hosts.change, &hosts.lock, &until))
				break;
	}
	pthread_mutex_unlock(&hosts.lock);
	return NULL;
}

/* ---- polling ------------------------------------------------------------------------------- */

/* the one that is due, or NULL and how long nothing will be */
static struct host *due(uint64_t now, uint64_t *wait)
{
	struct host *best = NULL;

	*wait = 1000;
	for (struct host *h = hosts.list; h; h = h->next)
		if (!h->polling && !h->gone && (!best || h->due_ms < best->due_ms))
			best = h;
	if (!best || best->due_ms <= now)
		return best;
	if (best->due_ms - now < *wait)
		*wait = best->due_ms - now;
	return NULL;
}

static void answer(struct host *h, am_status s, const struct am_load *l, const am_cap *exec)
{
	if (!s) {
		h->load = *l;
		h->exec = *exec;
		h->promised = 0;
		h->promised_kib = 0;
		h->up_ms = now_ms();
	}
	if (!s != h->up)
		note("%s: %s%s", h->name, s ? "down: " : "up", s ? am_ps_why(s) : "");
	h->up = !s;
	h->due_ms = now_ms() + (s ? POLL_DOWN_MS : poll_up_ms);
	h->polling = false;
}

static void *poller(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&hosts.lock);
	while (!stopping) {
		struct am_load l;
		struct timespec until;
		am_cap cap, exec;
		struct host *h;
		uint64_t wait;
		am_status s;

		h = due(now_ms(), &wait);
		if (!h) {
			until = in_ms(wait);
			pthread_cond_timedwait(&hosts.change, &hosts.lock, &until);
			continue;
		}
		h->polling = true;
		h->asked_ms = now_ms();
		cap = h->cap;
		exec = h->exec;
		pthread_mutex_unlock(&hosts.lock);
		s = am_ps_load(&cap, POLL_TIMEOUT_MS, &l);
		/* a reply that was lost is not a host that was */
		if (s == AM_RPC_FAILURE && now_ms() - h->asked_ms < POLL_TIMEOUT_MS / 2)
			s = am_ps_load(&cap, POLL_TIMEOUT_MS, &l);
		if (!s && am_cap_null(&exec))
			s = am_std_restrict(&cap, AM_PS_RGT_READ | AM_PS_RGT_WRITE |
						  AM_PS_RGT_EXEC, &exec);
		pthread_mutex_lock(&hosts.lock);
		if (am_cap_equal(&cap, &h->cap)) {
			answer(h, s, &l, &exec);
		} else {	/* the entry changed meanwhile: this was the old one */
			h->polling = false;
			h->due_ms = 0;
		}
	}
	pthread_mutex_unlock(&hosts.lock);
	return NULL;
}

/* ---- questions ----------------------------------------------------------------------------- */

static double chance(void)
{
	uint32_t v = 0;

	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		v = (uint32_t)now_ms() * 2654435761U;
	return v / 4294967296.0;
}

size_t hosts_find(uint64_t need_kib, const char *const *avoid, struct am_runhost *out, size_t n)
{
	struct host *best[AM_RUN_HOSTS_MAX];

	if (n > AM_RUN_HOSTS_MAX)
		n = AM_RUN_HOSTS_MAX;
	pthread_mutex_lock(&hosts.lock);
	n = choose(hosts.list, now_ms(), need_kib, avoid, chance, best, n);
	for (size_t i = 0; i < n; i++) {
		strcpy(out[i].name, best[i]->name);
		out[i].cap = best[i]->exec;
		out[i].ncpu = best[i]->load.ncpu;
		out[i].flags = best[i]->load.flags;
	}
	/* the first one is what a program will be sent to */
	if (n) {
		best[0]->promised++;
		best[0]->promised_kib += 2 * need_kib;
		best[0]->given++;
	}
	pthread_mutex_unlock(&hosts.lock);
	return n;
}

size_t hosts_text(char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "%-16s %-5s %4s %6s %8s %5s %8s %10s\n", "host",
				     "state", "cpus", "load", "free MiB", "jobs", "given", "score");

	pthread_mutex_lock(&hosts.lock);
	for (struct host *h = hosts.list; h && at + 160 < size; h = h->next)
		at += (size_t)snprintf(buf + at, size - at,
				       "%-16s %-5s %4u %6.2f %8llu %5u %8llu %10.0f\n", h->name,
				       h->up ? "up" : "down", h->load.ncpu, h->load.load / 1024.0,
				       (unsigned long long)h->load.mem_free / 1024,
				       h->load.jobs + h->promised, (unsigned long long)h->given,
				       h->up ? score(h, 0) / 1e6 : 0.0);
	pthread_mutex_unlock(&hosts.lock);
	return at;
}

void hosts_rescan(void)
{
	pthread_mutex_lock(&hosts.lock);
	hosts.rescan = true;
	for (struct host *h = hosts.list; h; h = h->next)
		h->due_ms = 0;
	pthread_cond_broadcast(&hosts.change);
	pthread_mutex_unlock(&hosts.lock);
}

void hosts_start(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&hosts.change, &attr);
	pthread_condattr_destroy(&attr);
	for (unsigned int i = 0; i <= POLLERS; i++) {
		if (pthread_create(&hosts.thread[i], NULL, i ? poller : scan, NULL)) {
			note("only %u threads to look after the hosts", i);
			break;
		}
		hosts.threads++;
	}
}

/* stopping is set */
void hosts_stop(void)
{
	struct host *h;

	pthread_mutex_lock(&hosts.lock);
	pthread_cond_broadcast(&hosts.change);
	pthread_mutex_unlock(&hosts.lock);
	for (unsigned int i = 0; i < hosts.threads; i++)
		pthread_join(hosts.thread[i], NULL);
	while ((h = hosts.list)) {
		hosts.list = h->next;
		free(h);
	}
}
