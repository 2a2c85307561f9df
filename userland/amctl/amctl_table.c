// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables: the same calls give aligned text and JSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "amctl.h"

enum cell_type { CELL_NONE, CELL_TEXT, CELL_NUMBER, CELL_BOOL };

struct cell {
	char *text;
	uint64_t num;
	enum cell_type type;
	enum amctl_colour colour;
};

struct column {
	char name[32];
	bool right;
};

struct amctl_table {
	struct column *cols;
	size_t ncols;
	struct cell *cells;	/* nrows * ncols */
	size_t nrows, room;
};

static void *must(void *p)
{
	if (!p) {
		amctl_err("free some memory", "out of memory");
		exit(AMCTL_FAIL);
	}
	return p;
}

struct amctl_table *amctl_table(const char *columns)
{
	struct amctl_table *t = must(calloc(1, sizeof(*t)));
	const char *p = columns;

	while (*p) {
		size_t n;
		struct column *c;

		p += strspn(p, " ");
		n = strcspn(p, " ");
		if (!n)
			break;
		t->cols = must(realloc(t->cols, (t->ncols + 1) * sizeof(*t->cols)));
		c = &t->cols[t->ncols++];
		c->right = *p == '+';
		snprintf(c->name, sizeof(c->name), "%.*s", (int)n - c->right, p + c->right);
		p += n;
	}
	return t;
}

void amctl_row(struct amctl_table *t)
{
	if (t->nrows == t->room) {
		t->room = t->room ? t->room * 2 : 16;
		t->cells = must(realloc(t->cells, t->room * t->ncols * sizeof(*t->cells)));
	}
	memset(t->cells + t->nrows * t->ncols, 0, t->ncols * sizeof(*t->cells));
	t->nrows++;
}

/* the cell of the last row; a name that is no column is a mistake of the program */
static struct cell *cell(struct amctl_table *t, const char *col)
{
	for (size_t i = 0; t->nrows && i < t->ncols; i++)
		if (!strcmp(t->cols[i].name, col))
			return &t->cells[(t->nrows - 1) * t->ncols + i];
	fprintf(stderr, "amctl: no column '%s' in this table\n", col);
	abort();
}

static void set_text(struct cell *c, char *text)
{
	free(c->text);
	c->text = text;
}

void amctl_cell(struct amctl_table *t, const char *col, const char *fmt, ...)
{
	struct cell *c = cell(t, col);
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = must(NULL);
	va_end(ap);
	set_text(c, text);
	c->type = CELL_TEXT;
}

void amctl_cell_u64(struct amctl_table *t, const char *col, uint64_t v)
{
	struct cell *c = cell(t, col);
	char *text;

	if (asprintf(&text, "%" PRIu64, v) < 0)
		text = must(NULL);
	set_text(c, text);
	c->num = v;
	c->type = CELL_NUMBER;
}

void amctl_cell_bool(struct amctl_table *t, const char *col, bool v, const char *yes,
		     const char *no)
{
	struct cell *c = cell(t, col);

	set_text(c, must(strdup(v ? yes : no)));
	c->num = v;
	c->type = CELL_BOOL;
}

void amctl_cell_colour(struct amctl_table *t, const char *col, enum amctl_colour c)
{
	cell(t, col)->colour = c;
}

size_t amctl_rows(const struct amctl_table *t)
{
	return t->nrows;
}

/* columns on the screen: UTF-8 continuation bytes take none */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void print_text(const struct amctl_table *t)
{
	size_t *w = must(calloc(t->ncols, sizeof(*w)));

	for (size_t i = 0; i < t->ncols; i++)
		w[i] = width(t->cols[i].name);
	for (size_t k = 0; k < t->nrows * t->ncols; k++) {
		const char *s = t->cells[k].text;
		size_t n = s && *s ? width(s) : 1;

		if (n > w[k % t->ncols])
			w[k % t->ncols] = n;
	}
	for (size_t r = 0; r <= t->nrows; r++) {
		for (size_t i = 0; i < t->ncols; i++) {
			const struct cell *c = r ? &t->cells[(r - 1) * t->ncols + i] : NULL;
			const char *s = !c ? t->cols[i].name : c->text && *c->text ? c->text : "-";
			int pad = (int)(w[i] - width(s));
			bool last = i + 1 == t->ncols;

			printf("%s%*s%s%s%s%*s", i ? "  " : "", t->cols[i].right ? pad : 0, "",
			       amctl_on(c ? c->colour : AMC_DIM), s, amctl_off(),
			       t->cols[i].right || last ? 0 : pad, "");
		}
		putchar('\n');
	}
	free(w);
}

static int print_json(const struct amctl_table *t)
{
	struct json_object *a = json_object_new_array();

	for (size_t r = 0; r < t->nrows; r++) {
		struct json_object *o = json_object_new_object();

		for (size_t i = 0; i < t->ncols; i++) {
			const struct cell *c = &t->cells[r * t->ncols + i];
			struct json_object *v;

			switch (c->type) {
			case CELL_TEXT:
				v = json_object_new_string(c->text);
				break;
			case CELL_NUMBER:
				v = json_object_new_uint64(c->num);
				break;
			case CELL_BOOL:
				v = json_object_new_boolean(c->num != 0);
				break;
			default:
				continue;
			}
			json_object_object_add(o, t->cols[i].name, v);
		}
		json_object_array_add(a, o);
	}
	return amctl_print_json(a);
}

void amctl_table_drop(struct amctl_table *t)
{
	for (size_t k = 0; k < t->nrows * t->ncols; k++)
		free(t->cells[k].text);
	free(t->cells);
	free(t->cols);
	free(t);
}

int amctl_table_end(struct amctl_table *t, const char *empty)
{
	int rc = AMCTL_OK;

	if (amctl_json)
		rc = print_json(t);
	else if (t->nrows || !empty)
		print_text(t);
	else
		printf("%s\n", empty);
	amctl_table_drop(t);
	return rc;
}
