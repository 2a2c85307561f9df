// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * amctl - the operator's tool: finds the command in the table, gives help at each level.
 */
#include <errno.h>
#include <string.h>

#include "amctl.h"
#include "amctl_main.h"

/* in the order of `amctl help` */
static const struct amctl_group {
	const char *title;
	const struct amctl_object *obj[12];
} groups[] = {
	{ "the network", { &amctl_obj_net, &amctl_obj_route, &amctl_obj_neigh, &amctl_obj_addr,
			   &amctl_obj_port, &amctl_obj_stat, &amctl_obj_monitor,
			   &amctl_obj_trace } },
	{ "names and files", { &amctl_obj_ls, &amctl_obj_mkdir, &amctl_obj_rm, &amctl_obj_put,
			       &amctl_obj_get, &amctl_obj_cap } },
	{ "the pool", { &amctl_obj_host, &amctl_obj_run, &amctl_obj_ps, &amctl_obj_kill,
			&amctl_obj_make } },
	{ "this machine", { &amctl_obj_join, &amctl_obj_root, &amctl_obj_doctor } },
};

#define NGROUPS (sizeof(groups) / sizeof(groups[0]))
#define NPER	(sizeof(groups[0].obj) / sizeof(groups[0].obj[0]))

const struct amctl_object *amctl_object_nth(size_t n)
{
	for (size_t g = 0; g < NGROUPS; g++)
		for (size_t i = 0; i < NPER && groups[g].obj[i]; i++)
			if (n-- == 0)
				return groups[g].obj[i];
	return NULL;
}

static const struct amctl_object *find_object(const char *name)
{
	const struct amctl_object *o;

	for (size_t n = 0; (o = amctl_object_nth(n)); n++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

/* iproute2's habits: list, show and ls are one verb, so are del and delete */
static const char *const alike[][3] = {
	{ "list", "show", "ls" },
	{ "del", "delete", "rm" },
	{ "set", "change", "replace" },
};

static const struct amctl_verb *find_verb(const struct amctl_object *o, const char *name)
{
	const struct amctl_verb *v;

	for (v = o->verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	for (size_t a = 0; a < sizeof(alike) / sizeof(alike[0]); a++)
		for (size_t i = 0; i < 3; i++) {
			if (strcmp(alike[a][i], name))
				continue;
			for (v = o->verbs; v->name; v++)
				for (size_t k = 0; k < 3; k++)
					if (!strcmp(v->name, alike[a][k]))
						return v;
		}
	return NULL;
}

/* ---- help ---------------------------------------------------------------------------------- */

static int help_all(FILE *f)
{
	fprintf(f,
		"usage: amctl [-j] OBJECT [VERB] [ARGUMENTS]\n"
		"       amctl [-j] COMMAND [ARGUMENTS]\n"
		"       amctl help [OBJECT]\n"
		"\n"
		"  -j, --json     results as JSON\n"
		"  -h, --help     this text, or that of the command it follows\n"
		"  -V, --version  version\n");
	for (size_t g = 0; g < NGROUPS; g++) {
		fprintf(f, "\n%s:\n", groups[g].title);
		for (size_t i = 0; i < NPER && groups[g].obj[i]; i++)
			fprintf(f, "  %-10s %s\n", groups[g].obj[i]->name,
				groups[g].obj[i]->help);
	}
	fprintf(f, "\nother:\n"
		"  completion print the completion of the shell: . <(amctl completion)\n");
	return AMCTL_OK;
}

static int help_object(FILE *f, const struct amctl_object *o)
{
	fprintf(f, "amctl %s: %s\n\n", o->name, o->help);
	if (o->verbs) {
		for (const struct amctl_verb *v = o->verbs; v->name; v++)
			fprintf(f, "  amctl %s %s%s%s\n      %s\n", o->name, v->name,
				*v->args ? " " : "", v->args, v->help);
	} else {
		fprintf(f, "  amctl %s%s%s\n", o->name, *o->args ? " " : "", o->args);
	}
	if (o->details)
		fprintf(f, "\n%s\n", o->details);
	return AMCTL_OK;
}

static int cmd_help(int argc, char **argv)
{
	const struct amctl_object *o;

	if (!argc)
		return help_all(stdout);
	o = find_object(argv[0]);
	amctl_where = "help";
	if (!o)
		return amctl_err("amctl help names them all", "no object '%s'", argv[0]);
	return help_object(stdout, o);
}

static bool asks_help(const char *s)
{
	return !strcmp(s, "-h") || !strcmp(s, "--help");
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static char usage[256];

const char *amctl_usage_text(void)
{
	return *usage ? usage : "amctl help";
}

static void set_usage(const struct amctl_object *o, const struct amctl_verb *v)
{
	const char *args = v ? v->args : o->args;

	snprintf(usage, sizeof(usage), "usage: amctl %s%s%s%s%s", o->name, v ? " " : "",
		 v ? v->name : "", args && *args ? " " : "", args ? args : "");
}

static int run_object(const struct amctl_object *o, int argc, char **argv)
{
	const struct amctl_verb *v;

	amctl_where = o->name;
	if (argc && (asks_help(argv[0]) || (o->verbs && !strcmp(argv[0], "help"))))
		return help_object(stdout, o);
	if (!o->verbs) {
		set_usage(o, NULL);
		return o->func(argc, argv);
	}
	v = o->verbs;
	if (argc) {
		v = find_verb(o, argv[0]);
		if (!v) {
			snprintf(usage, sizeof(usage), "amctl %s help", o->name);
			return amctl_bad("no verb '%s'", argv[0]);
		}
		argc--;
		argv++;
	}
	if (argc && asks_help(argv[0]))
		return help_object(stdout, o);
	set_usage(o, v);
	return v->func(argc, argv);
}

int amctl_main(int argc, char **argv)
{
	const struct amctl_object *o;
	int rc;

	for (argc--, argv++; argc && argv[0][0] == '-' && argv[0][1]; argc--, argv++) {
		if (!strcmp(argv[0], "-j") || !strcmp(argv[0], "-json") ||
		    !strcmp(argv[0], "--json")) {
			amctl_json = true;
		} else if (asks_help(argv[0])) {
			return cmd_help(argc - 1, argv + 1);
		} else if (!strcmp(argv[0], "-V") || !strcmp(argv[0], "--version")) {
			return amctl_version();
		} else {
			return amctl_bad("no option '%s'", argv[0]);
		}
	}
	if (!argc) {
		help_all(stderr);
		return AMCTL_USAGE;
	}
	if (!strcmp(argv[0], "help"))
		return cmd_help(argc - 1, argv + 1);
	if (!strcmp(argv[0], "completion"))
		return amctl_completion(argc - 1, argv + 1);
	o = find_object(argv[0]);
	if (!o)
		return amctl_bad("no object or command '%s'", argv[0]);
	rc = run_object(o, argc - 1, argv + 1);
	if (fflush(stdout) || ferror(stdout))
		return amctl_err_errno("standard output", errno);
	return rc;
}
