// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl host: the machines of the processor pool. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "amctl_nl.h"
#include "amctl_pool.h"

#define LOAD_MS 2000

/* ---- list ---------------------------------------------------------------------------------- */

#define COLUMNS "host state +cpus load +free +jobs user kernel machine"

static void host_row(struct amctl_table *t, const struct pool_host *h)
{
	const struct am_load *l = &h->load;
	char size[16];

	amctl_row(t);
	amctl_cell(t, "host", "%s", h->name);
	amctl_cell_colour(t, "host", AMC_NAME);
	if (h->status) {
		amctl_cell(t, "state", "%s", h->status == AM_RPC_NOTFOUND ? "down" :
			   am_ps_why(h->status));
		amctl_cell_colour(t, "state", AMC_BAD);
		return;
	}
	amctl_cell(t, "state", "up");
	amctl_cell_colour(t, "state", AMC_GOOD);
	amctl_cell_u64(t, "cpus", l->ncpu);
	amctl_cell(t, "load", "%.2f", l->load / 1024.0);
	if (amctl_json)
		amctl_cell_u64(t, "free", l->mem_free * 1024);
	else
		amctl_cell(t, "free", "%s", amctl_size(l->mem_free * 1024, size));
	amctl_cell_u64(t, "jobs", l->jobs);
	amctl_cell(t, "user", "%s", l->user);
	amctl_cell(t, "kernel", "%s", l->release);
	amctl_cell(t, "machine", "%s", l->machine);
}

/* without a directory: who else speaks FLIP on our networks */
struct neighbours {
	struct amctl_table *t;
};

static void neighbour(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	struct neighbours *n = arg;
	char mac[64];

	(void)cmd;
	amctl_row(n->t);
	amctl_cell(n->t, "host", "%s",
		   amctl_nl_hex(tb[FLIP_A_NEIGH_LOCATION], ':', mac, sizeof(mac)));
	amctl_cell(n->t, "state", "neighbour");
	amctl_cell_colour(n->t, "state", AMC_WARN);
	amctl_cell(n->t, "dev", "%s", amctl_nl_str(tb[FLIP_A_NEIGH_IFNAME]));
	amctl_cell_u64(n->t, "routes", amctl_nl_u32(tb[FLIP_A_NEIGH_ROUTES]));
}

static void restart(void *arg)
{
	struct neighbours *n = arg;

	amctl_table_drop(n->t);
	n->t = amctl_table("host state dev +routes");
}

static int list_neighbours(am_status why)
{
	struct neighbours n;
	struct amctl_nl nl;
	int rc, err;

	amctl_note("%s; these are the FLIP neighbours, what they run is not known",
		   why == AM_STD_NOTFOUND ? "no root of the directory is known here (amctl join)" :
		   am_ps_why(why));
	rc = amctl_nl_open(&nl);
	if (rc)
		return rc;
	n.t = amctl_table("host state dev +routes");
	err = amctl_nl_dump(&nl, FLIP_CMD_NEIGH_GET, FLIP_A_NEIGH_MAX, neighbour, &n, restart);
	if (err) {
		rc = amctl_nl_err(&nl, "neighbours", err);
		amctl_table_drop(n.t);
	} else {
		rc = amctl_table_end(n.t, "no neighbour heard yet");
	}
	amctl_nl_close(&nl);
	return rc;
}

static int host_list(int argc, char **argv)
{
	struct amctl_table *t;
	struct pool p;
	am_status s;

	if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	s = pool_load(&p, LOAD_MS);
	if (s)
		return list_neighbours(s);
	t = amctl_table(COLUMNS);
	for (size_t i = 0; i < p.n; i++)
		host_row(t, &p.host[i]);
	pool_free(&p);
	return amctl_table_end(t, "no host in " AM_POOL_DIR ": start procd on the machines that "
			       "shall run programs");
}

/* ---- one host ------------------------------------------------------------------------------ */

static int host_status(int argc, char **argv)
{
	struct json_object *o;
	char text[4096], *line, *save;
	am_cap c;
	am_status s;

	if (argc != 1)
		return amctl_bad(argc ? "one host at a time" : "which host?");
	s = am_pool_host(argv[0], &c);
	if (!s)
		s = am_std_status(&c, text, sizeof(text));
	if (s)
		return pool_host_err(argv[0], s);
	if (!amctl_json) {
		fputs(text, stdout);
		return AMCTL_OK;
	}
	o = json_object_new_object();
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *blank = strrchr(line, ' ');
		/* "control groups yes": the keys of more than one word are these */
		char *key_end = !strncmp(line, "control groups ", 15) ? line + 14 :
				strchr(line, ' ');

		if (!blank || !key_end)
			continue;
		*key_end = '\0';
		json_object_object_add(o, line, json_object_new_string(key_end + 1));
	}
	return amctl_print_json(o);
}

static int host_del(int argc, char **argv)
{
	struct am_load l;
	bool force = argc == 2 && !strcmp(argv[1], "force");
	am_cap dir, c;
	am_status s;

	if (argc != 1 && !force)
		return amctl_bad(argc ? "unexpected '%s'" : "which host?", argc > 1 ? argv[1] : "");
	s = am_path(AM_POOL_DIR, &dir);
	if (!s)
		s = am_pool_host(argv[0], &c);
	if (s)
		return pool_host_err(argv[0], s);
	if (!force && am_ps_load(&c, LOAD_MS, &l) == AM_OK)
		return amctl_err("stop its procd first, or it enters itself again; or say force",
				 "%s is up", argv[0]);
	s = am_dir_delete(&dir, argv[0]);
	return s ? pool_host_err(argv[0], s) : AMCTL_OK;
}

static int host_best(int argc, char **argv)
{
	struct am_runhost h;
	am_status s;

	if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	s = am_run_choose(0, NULL, &h);
	if (s)
		return pool_err("the pool", s);
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "host", json_object_new_string(h.name));
		json_object_object_add(o, "cpus", json_object_new_uint64(h.ncpu));
		return amctl_print_json(o);
	}
	puts(h.name);
	return AMCTL_OK;
}

static const struct amctl_verb verbs[] = {
	{ "list", host_list, "", "the hosts of the pool and their load", "" },
	{ "status", host_status, "HOST", "what its process server says of itself", "@host" },
	{ "best", host_best, "", "where the next program would run", "" },
	{ "del", host_del, "HOST [force]", "forget a host that will not come back", "@host force" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_host = {
	.name = "host",
	.help = "machines of the processor pool: list, status, best, del",
	.verbs = verbs,
	.details =
		"Hosts enter themselves: procd on each of them writes " AM_POOL_DIR "/HOST. Where no\n"
		"directory answers, list shows the FLIP neighbours, marked so.\n"
		"  load   average of a minute; free: memory a program could have",
};
