// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which host is best: facts 9.4 for machines of today. As ever
 *
 *	min(free memory - need, MEM_TRUNC) x speed / (runnable + 1)
 *
 * where runnable is per processor: what the host said was running, at least the jobs it has, and
 * the programs sent there since. Pressure (PSI) adds to it: a processor some task has waited for
 * half of the time counts like one task more. Speed is taken to the next power of two: the
 * figure of two equal machines differs by more than the choice shall notice.
 */
#include <math.h>
#include <string.h>

#include "rund.h"

double score(const struct host *h, uint64_t need_kib)
{
	const struct am_load *l = &h->load;
	double ncpu = l->ncpu ? l->ncpu : 1;
	double busy = l->runnable / 1024.0;
	uint64_t need = need_kib + h->promised_kib;
	double free_kib, speed;

	if (l->mem_free <= need || l->jobs + h->promised >= l->jobs_max)
		return 0;
	free_kib = (double)(l->mem_free - need);
	if (free_kib > MEM_TRUNC_KIB)
		free_kib = MEM_TRUNC_KIB;
	if (busy < l->jobs)
		busy = l->jobs;
	busy = (busy + h->promised) / ncpu;
	busy += l->psi_cpu / 5000.0 + l->psi_mem / 1000.0 + l->psi_io / 5000.0;
	speed = l->kips ? exp2(round(log2(l->kips))) : 1;
	return free_kib * speed / (busy + 1);
}

static bool avoided(const char *name, const char *const *avoid)
{
	for (; avoid && *avoid; avoid++)
		if (!strcmp(name, *avoid))
			return true;
	return false;
}

static bool usable(const struct host *h, uint64_t now)
{
	return h->up && !h->gone && !(h->polling && now - h->asked_ms > OVERDUE_MS);
}

static bool taken(struct host *const *best, size_t n, const struct host *h)
{
	for (size_t i = 0; i < n; i++)
		if (best[i] == h)
			return true;
	return false;
}

size_t choose(struct host *list, uint64_t now, uint64_t need_kib, const char *const *avoid,
	      double (*random)(void), struct host **best, size_t n)
{
	size_t have = 0;

	while (have < n) {
		struct host *pick = NULL;
		size_t equal = 0;
		double top = 0;

		for (struct host *h = list; h; h = h->next)
			if (usable(h, now) && !avoided(h->name, avoid) && !taken(best, have, h) &&
			    score(h, need_kib) > top)
				top = score(h, need_kib);
		if (top <= 0)
			break;
		for (struct host *h = list; h; h = h->next) {
			if (!usable(h, now) || avoided(h->name, avoid) || taken(best, have, h) ||
			    score(h, need_kib) < top * (100 - EQUIV_PERCENT) / 100)
				continue;
			/* each of the equal ones with the same chance */
			if (random() * (double)++equal < 1)
				pick = h;
		}
		best[have++] = pick;
	}
	return have;
}
