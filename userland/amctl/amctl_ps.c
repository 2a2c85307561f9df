// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl ps: the jobs of all hosts. */
#include <inttypes.h>
#include <string.h>

#include "amctl_pool.h"

#define LOAD_MS 2000

struct listing {
	struct amctl_table *t;
	const char *host;
};

static const char *const states[] = { "fetch", "run", "store", "done" };

static int row(const struct am_proc *p, void *arg)
{
	struct listing *l = arg;
	char text[24];

	amctl_row(l->t);
	amctl_cell(l->t, "job", "%s/%u", l->host, p->id);
	amctl_cell_colour(l->t, "job", AMC_NAME);
	amctl_cell(l->t, "state", "%s%s", p->state < 4 ? states[p->state] : "?",
		   p->flags & AM_JOB_DETACHED && !amctl_json ? "*" : "");
	if (amctl_json) {
		amctl_cell(l->t, "age", "%.3f", (double)p->age_us / 1e6);
		amctl_cell(l->t, "cpu", "%.3f", (double)p->cpu_us / 1e6);
		amctl_cell_u64(l->t, "mem", p->mem_kib * 1024);
	} else {
		amctl_cell(l->t, "age", "%s", pool_time(p->age_us, text));
		amctl_cell(l->t, "cpu", "%s", pool_time(p->cpu_us, text));
		amctl_cell(l->t, "mem", "%s", amctl_size(p->mem_kib * 1024, text));
	}
	amctl_cell(l->t, "command", "%s", p->comment);
	return 0;
}

static bool named(const char *name, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return !argc;
}

static int cmd_ps(int argc, char **argv)
{
	struct listing l;
	struct pool p;
	int rc = AMCTL_OK;
	am_status s;

	for (int i = 0; i < argc; i++)
		if (argv[i][0] == '-')
			return amctl_bad("no option '%s'", argv[i]);
	s = pool_load(&p, LOAD_MS);
	if (s)
		return pool_err("the pool", s);
	for (int i = 0; i < argc; i++) {
		size_t k = 0;

		while (k < p.n && strcmp(p.host[k].name, argv[i]))
			k++;
		if (k == p.n)
			rc = amctl_err("amctl host list names them", "%s: no such host", argv[i]);
	}
	l.t = amctl_table("job state +age +cpu +mem command");
	for (size_t i = 0; i < p.n; i++) {
		struct pool_host *h = &p.host[i];

		if (!named(h->name, argc, argv))
			continue;
		l.host = h->name;
		s = h->status;
		if (!s)
			s = am_ps_list(&h->cap, row, &l);
		if (s && argc)
			rc = pool_err(h->name, s);
		else if (s)
			amctl_note("ps: %s: %s", h->name, am_ps_why(s));
	}
	pool_free(&p);
	return amctl_table_end(l.t, "no jobs") ?: rc;
}

const struct amctl_object amctl_obj_ps = {
	.name = "ps",
	.help = "the jobs of all hosts, or of some",
	.func = cmd_ps,
	.args = "[HOST]...",
	.words = "@host",
	.details =
		"  state  fetch: its files are on the way; run; store: its outputs are put away;\n"
		"         done: nobody has asked for the result yet. A detached one has a '*'.\n"
		"  cpu    of all its processes; mem: what they hold now (both from its control group)",
};
