/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * amctl: what its files share.
 *
 * DESIGN NOTES
 *
 * `amctl [-j] OBJECT VERB [key value]...`. An object is one struct amctl_object in a file of its
 * own, named in the table of amctl.c; it has either verbs (net add, net list) or is a command by
 * itself (ls, put). Help, usage errors and the shell completion come from these tables only.
 *
 * A command gets its arguments after the verb, argv[0] being the first of them, and returns an
 * exit status: AMCTL_OK, AMCTL_FAIL, AMCTL_USAGE. Results go to standard output; with -j they are
 * JSON and nothing else goes there. Errors are one line on standard error, `amctl: OBJECT: cause
 * (remedy)`, and so is progress. Colours and bars appear on terminals only.
 */
#ifndef AMCTL_H
#define AMCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <json-c/json.h>
#include <amoeba.h>

#define AMCTL_OK	0
#define AMCTL_FAIL	1
#define AMCTL_USAGE	2

/* ---- command tables ------------------------------------------------------------------------ */

struct amctl_verb {
	const char *name;	/* NULL ends a table */
	int (*func)(int argc, char **argv);
	const char *args;	/* "DEV [weight N] [trusted on|off]", "" when there are none */
	const char *help;	/* one line, lower case, no full stop */
	/* words the shell may offer after the verb, blank separated; "@file", "@path", "@dev" and
	 * "@host" stand for local files, names in the directory, network devices, hosts */
	const char *words;
};

struct amctl_object {
	const char *name;
	const char *help;		/* one line, for `amctl help` */
	const char *details;		/* further lines of `amctl help OBJECT`, or NULL */
	const struct amctl_verb *verbs;	/* the first one is taken when none is given */
	/* a command by itself: verbs == NULL and these four as in struct amctl_verb */
	int (*func)(int argc, char **argv);
	const char *args;
	const char *words;
};

extern const struct amctl_object amctl_obj_net, amctl_obj_route, amctl_obj_neigh,
	amctl_obj_addr, amctl_obj_port, amctl_obj_stat, amctl_obj_monitor, amctl_obj_trace,
	amctl_obj_cap,
	amctl_obj_ls,
	amctl_obj_mkdir, amctl_obj_rm, amctl_obj_put, amctl_obj_get, amctl_obj_join,
	amctl_obj_root, amctl_obj_doctor;
/* of the processor pool */
extern const struct amctl_object amctl_obj_host, amctl_obj_run, amctl_obj_ps, amctl_obj_kill,
	amctl_obj_make;

/* ---- output -------------------------------------------------------------------------------- */

extern bool amctl_json;		/* -j */
extern const char *amctl_where;	/* OBJECT of the command being run, for error lines */

/*
 * One line on standard error: "amctl: OBJECT: cause (remedy)". @remedy may be NULL. The first
 * returns AMCTL_FAIL, the second AMCTL_USAGE with the usage of the command as the remedy, so
 * that a command can `return amctl_err(...)`.
 */
int amctl_err(const char *remedy, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int amctl_bad(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* a failed call of libamoeba about @what; cause and remedy come from @s. AMCTL_FAIL */
int amctl_err_status(const char *what, am_status s);
/* a failed system call about @what. @err is an errno value. AMCTL_FAIL */
int amctl_err_errno(const char *what, int err);
/* what to do about @s, or NULL */
const char *amctl_remedy(am_status s);
/* a line on standard error that is no error: "amctl: ...". Not with -j */
void amctl_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum amctl_colour { AMC_NONE, AMC_GOOD, AMC_WARN, AMC_BAD, AMC_NAME, AMC_DIM };
/* escape sequences for standard output, "" unless it is a terminal (and NO_COLOR is unset) */
const char *amctl_on(enum amctl_colour c);
const char *amctl_off(void);

/* prints @o and drops it */
int amctl_print_json(struct json_object *o);

/*
 * A table: columns with names; text is aligned under a heading, with -j it is an array of
 * objects whose keys are the names. A number column is right aligned. Cells are set in any
 * order; an empty cell is '-' in text and absent in JSON.
 */
struct amctl_table;
/* "name type" is a text column, "+routes" a number column: names blank separated */
struct amctl_table *amctl_table(const char *columns);
void amctl_row(struct amctl_table *t);				/* starts the next row */
void amctl_cell(struct amctl_table *t, const char *col, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void amctl_cell_u64(struct amctl_table *t, const char *col, uint64_t v);
void amctl_cell_bool(struct amctl_table *t, const char *col, bool v,
		     const char *yes, const char *no);
void amctl_cell_colour(struct amctl_table *t, const char *col, enum amctl_colour c);
size_t amctl_rows(const struct amctl_table *t);
/* prints, frees; @empty is the text shown instead of an empty table (not with -j) */
int amctl_table_end(struct amctl_table *t, const char *empty);
void amctl_table_drop(struct amctl_table *t);	/* frees without printing */

/* 1536 -> "1.5K"; @buf is returned */
char *amctl_size(uint64_t bytes, char buf[16]);
/* bytes as hex, @sep between them or 0 */
char *amctl_hex(const void *p, size_t n, char sep, char *buf, size_t size);

/*
 * Progress of long work, on standard error: a bar redrawn in place on a terminal, otherwise a
 * plain line each tenth of the way. Nothing with -j. @total 0: unknown, then only counts.
 */
struct amctl_bar {
	const char *label;
	const char *unit;	/* "files", "jobs"; "bytes" are shown as K, M, G */
	uint64_t total, done;
	double start, drawn;
	int tenth;
	bool tty, quiet;
};
void amctl_bar_start(struct amctl_bar *b, const char *label, const char *unit, uint64_t total);
void amctl_bar_set(struct amctl_bar *b, uint64_t done, const char *detail);
/* erases the bar so that a line can be printed; the next amctl_bar_set() draws it again */
void amctl_bar_hide(struct amctl_bar *b);
void amctl_bar_end(struct amctl_bar *b, const char *summary);	/* NULL: no closing line */

double amctl_now(void);		/* monotonic, seconds */

/* ---- arguments ----------------------------------------------------------------------------- */

/*
 * Reads `key value` pairs and options. Each returns AMCTL_OK or the status of the error line it
 * printed.
 */
int amctl_arg_u64(const char *key, const char *text, uint64_t min, uint64_t max, uint64_t *v);
int amctl_arg_bool(const char *key, const char *text, bool *v);	/* on|off, yes|no, 1|0 */
int amctl_arg_hex(const char *key, const char *text, uint8_t *p, size_t n); /* 01:02.. or 0102.. */

/* a name in the directory graph, or a capability as text: its capability */
int amctl_path(const char *path, am_cap *c);
/* the directory @path is or would be in, its capability and its last name */
int amctl_parent(const char *path, am_cap *dir, char name[AM_NAME_MAX + 1]);
/* where names begin: the root, with an error line when there is none */
int amctl_root(am_cap *root);

/* what an object is, by STD_INFO: "dir", "file", "host", ... and the server's own text */
enum amctl_kind { AMK_UNKNOWN, AMK_DIR, AMK_FILE, AMK_OTHER };
am_status amctl_kind(const am_cap *c, enum amctl_kind *kind, char *info, size_t size);
const char *amctl_kind_name(enum amctl_kind k);

#endif /* AMCTL_H */
