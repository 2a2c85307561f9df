// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl ls, mkdir, rm: names in the directory graph. */
#include <stdlib.h>
#include <string.h>

#include "amctl.h"
#include "amctl_tree.h"

/* ---- ls ------------------------------------------------------------------------------------ */

struct listing {
	const am_cap *dir;
	struct amctl_table *t;
	bool details;		/* ask every object's server */
	am_status dead[8];	/* unused slots are 0 */
	am_port deadport[8];	/* servers that did not answer: asked once, not per row */
	size_t ndead;
};

static const am_status *known_dead(const struct listing *l, const am_cap *c)
{
	for (size_t i = 0; i < l->ndead; i++)
		if (am_port_equal(&l->deadport[i], &c->port))
			return &l->dead[i];
	return NULL;
}

static void describe(struct listing *l, const am_cap *c)
{
	const am_status *dead = known_dead(l, c);
	enum amctl_kind kind = AMK_UNKNOWN;
	char info[256];
	am_status s = dead ? *dead : amctl_kind(c, &kind, info, sizeof(info));

	if (s) {
		amctl_cell(l->t, "kind", "?");
		amctl_cell(l->t, "info", "%s", am_why(s));
		amctl_cell_colour(l->t, "info", AMC_WARN);
		if (!dead && (s == AM_RPC_NOTFOUND || s == AM_RPC_FAILURE) && l->ndead < 8) {
			l->deadport[l->ndead] = c->port;
			l->dead[l->ndead++] = s;
		}
		return;
	}
	amctl_cell(l->t, "kind", "%s", amctl_kind_name(kind));
	if (kind == AMK_FILE) {
		char *end;
		uint64_t size = strtoull(info + 1, &end, 10);

		if (end != info + 1)
			amctl_cell_u64(l->t, "size", size);
	}
	if (kind == AMK_DIR)
		amctl_cell_colour(l->t, "name", AMC_NAME);
	amctl_cell(l->t, "info", "%s", info);
}

static void row(struct listing *l, const struct am_dirent *e)
{
	char rights[40] = "";
	size_t at = 0;
	am_status s;
	am_cap c;

	amctl_row(l->t);
	amctl_cell(l->t, "name", "%s", e->name);
	if (!l->details)
		return;
	for (unsigned int i = 0; i < e->ncols && at + 12 < sizeof(rights); i++)
		at += (size_t)snprintf(rights + at, sizeof(rights) - at, "%s%02x", i ? ":" : "",
				       e->masks[i]);
	if (e->ncols)
		amctl_cell(l->t, "rights", "%s", rights);
	s = am_lookup(l->dir, e->name, &c);
	if (s)
		amctl_cell(l->t, "info", "%s", am_why(s));
	else
		describe(l, &c);
}

struct entries {
	struct am_dirent *v;
	size_t n, room;
};

static int keep(const struct am_dirent *e, void *arg)
{
	struct entries *all = arg;

	if (all->n == all->room) {
		size_t room = all->room ? all->room * 2 : 32;
		struct am_dirent *v = realloc(all->v, room * sizeof(*v));

		if (!v)
			return 1;
		all->v = v;
		all->room = room;
	}
	all->v[all->n++] = *e;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct am_dirent *)a)->name, ((const struct am_dirent *)b)->name);
}

static am_status rows(struct listing *l)
{
	struct entries all = { NULL, 0, 0 };
	am_status s = am_dir_list(l->dir, keep, &all);

	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_name);
	for (size_t i = 0; i < all.n; i++)
		row(l, &all.v[i]);
	free(all.v);
	return s > 0 ? AM_STD_NOMEM : s;
}

/* names alone, one a line: for people and for pipes */
static int list_plain(const char *path, const am_cap *dir)
{
	struct amctl_names names;
	int rc = amctl_names(dir, path, &names);

	if (rc)
		return rc;
	for (size_t i = 0; i < names.n; i++)
		puts(names.v[i]);
	amctl_names_free(&names);
	return AMCTL_OK;
}

static int list_one(const char *path, bool details)
{
	struct listing l = { .details = details };
	enum amctl_kind kind;
	char info[256];
	am_status s;
	am_cap c;
	int rc;

	rc = amctl_path(path, &c);
	if (rc)
		return rc;
	s = amctl_kind(&c, &kind, info, sizeof(info));
	if (s)
		return amctl_err_status(path, s);
	if (kind == AMK_DIR && !details && !amctl_json)
		return list_plain(path, &c);
	l.t = amctl_table(details ? "kind rights +size name info" : "name");
	l.dir = &c;
	if (kind == AMK_DIR) {
		s = rows(&l);
	} else {
		amctl_row(l.t);
		amctl_cell(l.t, "name", "%s", path);
		if (details)
			describe(&l, &c);
	}
	rc = amctl_table_end(l.t, "");
	return s < 0 ? amctl_err_status(path, s) : rc;
}

static int cmd_ls(int argc, char **argv)
{
	bool details = false, many;
	int rc, worst = AMCTL_OK;

	while (argc && argv[0][0] == '-') {
		if (!strcmp(argv[0], "-l"))
			details = true;
		else
			return amctl_bad("no option '%s'", argv[0]);
		argc--;
		argv++;
	}
	if (!argc)
		return list_one("/", details);
	many = argc > 1;
	if (many && amctl_json)
		return amctl_bad("one name at a time with -j");
	for (int i = 0; i < argc; i++) {
		if (many)
			printf("%s%s:\n", i ? "\n" : "", argv[i]);
		rc = list_one(argv[i], details);
		if (rc > worst)
			worst = rc;
	}
	return worst;
}

const struct amctl_object amctl_obj_ls = {
	.name = "ls",
	.help = "list names in the directory graph",
	.func = cmd_ls,
	.args = "[-l] [PATH|CAP]...",
	.words = "-l @path",
	.details = "  -l  kind, rights masks of the columns, size and the server's own text",
};

/* ---- mkdir --------------------------------------------------------------------------------- */

static int cmd_mkdir(int argc, char **argv)
{
	bool parents = false;
	int rc, worst = AMCTL_OK;
	am_cap root;

	if (argc && !strcmp(argv[0], "-p")) {
		parents = true;
		argc--;
		argv++;
	}
	if (!argc)
		return amctl_bad("which directory?");
	for (int i = 0; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1])
			return amctl_bad("no option '%s'", argv[i]);
		if (!*argv[i])
			return amctl_bad("empty name");
	}
	rc = amctl_root(&root);
	if (rc)
		return rc;
	for (int i = 0; i < argc; i++) {
		rc = amctl_mkdir(&root, argv[i], parents, NULL);
		if (rc > worst)
			worst = rc;
	}
	return worst;
}

const struct amctl_object amctl_obj_mkdir = {
	.name = "mkdir",
	.help = "make directories",
	.func = cmd_mkdir,
	.args = "[-p] PATH...",
	.words = "-p @path",
	.details = "  -p  with those above it; one that exists is no error",
};

/* ---- rm ------------------------------------------------------------------------------------ */

static int cmd_rm(int argc, char **argv)
{
	struct amctl_rm o = { false, false, NULL, 0 };
	int rc, worst = AMCTL_OK;

	for (; argc && argv[0][0] == '-' && argv[0][1]; argc--, argv++) {
		for (const char *p = argv[0] + 1; *p; p++) {
			if (*p == 'r')
				o.recursive = true;
			else if (*p == 'k')
				o.keep = true;
			else
				return amctl_bad("no option '%s'", argv[0]);
		}
	}
	if (!argc)
		return amctl_bad("which name?");
	for (int i = 0; i < argc; i++) {
		am_cap dir;
		char name[AM_NAME_MAX + 1];

		rc = amctl_parent(argv[i], &dir, name);
		if (!rc)
			rc = amctl_rm_name(&o, &dir, name, argv[i]);
		if (rc > worst)
			worst = rc;
	}
	amctl_rm_done(&o);
	return worst;
}

const struct amctl_object amctl_obj_rm = {
	.name = "rm",
	.help = "remove names, and the files and directories they name",
	.func = cmd_rm,
	.args = "[-rk] PATH...",
	.words = "-r -k @path",
	.details =
		"  -r  directories with all that is in them\n"
		"  -k  keep the objects, remove only the names\n"
		"Of objects that are neither file nor directory only the name goes. A file that\n"
		"has a second name is gone under that name too, unless -k.",
};
