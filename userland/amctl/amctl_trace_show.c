// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl trace: a line, or an object, for each that has ended, and the summary. */
#include <stdlib.h>
#include <string.h>

#include "amctl_trace.h"

static const char *const stage_names[ST_NR] = {
	[ST_LOCATE] = "locate", [ST_FLIP] = "flip-locate", [ST_CREDITS] = "credits",
	[ST_SEND] = "send", [ST_NET] = "net", [ST_QUEUE] = "queue", [ST_START] = "start",
	[ST_SERVE] = "serve", [ST_REPLY] = "reply", [ST_WAKE] = "wake", [ST_ACK] = "ack",
	[ST_OTHER] = "other",
};

static const char *const outcome_names[] = {
	[OUT_ACKED] = "acknowledged", [OUT_LOST] = "lost", [OUT_FORWARDED] = "forwarded",
	[OUT_REFUSED] = "refused", [OUT_FAILED] = "failed",
};

struct samples {
	double *v;
	size_t n, room;
};

/* calls, or requests: their stages in the order they come, and what those took */
static struct kind {
	const char *what;	/* heading of the column of their number */
	enum trace_stage stages[ST_NR];
	size_t n;
	struct samples of[ST_NR], total;
	struct json_object *list;
} calls = {
	.what = "calls",
	.stages = { ST_LOCATE, ST_FLIP, ST_CREDITS, ST_SEND, ST_NET, ST_QUEUE, ST_START, ST_SERVE,
		    ST_REPLY, ST_WAKE, ST_OTHER },
	.n = 11,
}, requests = {
	.what = "requests",
	.stages = { ST_QUEUE, ST_START, ST_SERVE, ST_FLIP, ST_CREDITS, ST_SEND, ST_ACK },
	.n = 7,
};

struct trace_want trace_want;
uint64_t trace_shown, trace_lost, trace_forgotten;

static struct kind *kind_of(const struct trace_call *c)
{
	return c->request ? &requests : &calls;
}

/**
 * trace_wanted() - is one that has ended to be shown?
 */
bool trace_wanted(const struct trace_call *c)
{
	if (trace_want.port[0] && strcmp(trace_want.port, c->port))
		return false;
	return (c->left - c->begun) * 1e3 >= trace_want.over ||
	       c->took[ST_ACK] * 1e3 >= trace_want.over;
}

static void sample(struct samples *s, double v)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		double *more = realloc(s->v, room * sizeof(*more));

		if (!more) {
			trace_forgotten++;
			return;
		}
		s->v = more;
		s->room = room;
	}
	s->v[s->n++] = v;
}

/* of the time that is counted: an acknowledgement nobody waits for */
static enum trace_stage slowest(const struct trace_call *c)
{
	const struct kind *k = kind_of(c);
	enum trace_stage worst = c->request ? ST_SERVE : ST_OTHER;

	for (size_t i = 0; i < k->n; i++)
		if (k->stages[i] != ST_ACK && c->took[k->stages[i]] > c->took[worst])
			worst = k->stages[i];
	return worst;
}

static void add_us(struct json_object *o, const char *key, double s)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)(s * 1e6 + 0.5)));
}

static void show_json(const struct trace_call *c, struct kind *k, enum trace_stage worst)
{
	struct json_object *o = json_object_new_object(), *in = json_object_new_object();

	if (c->who >= 0)
		json_object_object_add(o, c->request ? "server" : "client",
				       json_object_new_int64(c->who));
	if (c->request)
		json_object_object_add(o, "from", json_object_new_string(c->from));
	json_object_object_add(o, "port", json_object_new_string(c->port));
	add_us(o, "us", c->left - c->begun);
	if (c->request)
		json_object_object_add(o, "outcome", json_object_new_string(outcome_names[c->outcome]));
	else
		json_object_object_add(o, "verdict", json_object_new_int(c->verdict));
	json_object_object_add(o, "slowest", json_object_new_string(stage_names[worst]));
	for (size_t i = 0; i < k->n; i++)
		if (c->took[k->stages[i]] > 0)
			add_us(in, stage_names[k->stages[i]], c->took[k->stages[i]]);
	json_object_object_add(o, "stages_us", in);
	if (!k->list)
		k->list = json_object_new_array();
	json_object_array_add(k->list, o);
}

static void show_text(const struct trace_call *c, const struct kind *k, enum trace_stage worst)
{
	if (c->who >= 0)
		printf("%7ld  ", c->who);
	else
		printf("%7s  ", "-");
	printf("%s%s%s  %10.3f ms  ", amctl_on(AMC_NAME), c->port, amctl_off(),
	       (c->left - c->begun) * 1e3);
	if (c->request)
		printf("from %s%s%s  ", amctl_on(AMC_NAME), c->from, amctl_off());
	if (c->request && c->outcome != OUT_ACKED)
		printf("%s%s%s  ", amctl_on(c->outcome == OUT_FORWARDED ? AMC_WARN : AMC_BAD),
		       outcome_names[c->outcome], amctl_off());
	if (c->verdict)
		printf("%sverdict %d%s  ", amctl_on(AMC_BAD), c->verdict, amctl_off());
	for (size_t i = 0; i < k->n; i++) {
		enum trace_stage s = k->stages[i];

		if (c->took[s] * 1e3 >= 0.001)
			printf("%s%s %.3f%s ", s == worst ? amctl_on(AMC_WARN) : "", stage_names[s],
			       c->took[s] * 1e3, s == worst ? amctl_off() : "");
	}
	printf(" slowest: %s\n", stage_names[worst]);
	fflush(stdout);
}

/**
 * trace_show() - one that has ended
 */
void trace_show(const struct trace_call *c)
{
	enum trace_stage worst = slowest(c);
	struct kind *k = kind_of(c);

	trace_shown++;
	sample(&k->total, (c->left - c->begun) * 1e6);
	for (size_t i = 0; i < k->n; i++)
		if (c->took[k->stages[i]] > 0)
			sample(&k->of[k->stages[i]], c->took[k->stages[i]] * 1e6);
	if (amctl_json)
		show_json(c, k, worst);
	else
		show_text(c, k, worst);
}

/* ---- the summary ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

static double sum(const struct samples *s)
{
	double all = 0;

	for (size_t i = 0; i < s->n; i++)
		all += s->v[i];
	return all;
}

/* @p per cent of the sorted samples are no larger */
static uint64_t percentile(const struct samples *s, unsigned int p)
{
	size_t rank = (s->n * p + 99) / 100;

	return (uint64_t)(s->v[rank ? rank - 1 : 0] + 0.5);
}

/* a row of the table, and the same in JSON; @all: what it is a part of, 0: of nothing */
static void row(struct amctl_table *t, struct json_object *a, const char *what, const char *name,
		struct samples *s, double all)
{
	struct { const char *name; uint64_t v; } cells[5];
	struct json_object *o;
	size_t n = 0;

	if (!s->n)
		return;
	qsort(s->v, s->n, sizeof(s->v[0]), compare);
	cells[n].name = what;
	cells[n++].v = s->n;
	cells[n].name = "p50_us";
	cells[n++].v = percentile(s, 50);
	cells[n].name = "p99_us";
	cells[n++].v = percentile(s, 99);
	cells[n].name = "max_us";
	cells[n++].v = (uint64_t)(s->v[s->n - 1] + 0.5);
	if (all > 0) {
		cells[n].name = "percent";
		cells[n++].v = (uint64_t)(sum(s) * 100 / all + 0.5);
	}
	amctl_row(t);
	amctl_cell(t, "stage", "%s", name);
	amctl_cell_colour(t, "stage", AMC_NAME);
	o = json_object_new_object();
	json_object_object_add(o, "stage", json_object_new_string(name));
	for (size_t i = 0; i < n; i++) {
		amctl_cell_u64(t, cells[i].name, cells[i].v);
		json_object_object_add(o, cells[i].name, json_object_new_uint64(cells[i].v));
	}
	json_object_array_add(a, o);
}

static struct json_object *rows(struct kind *k, struct amctl_table *t)
{
	struct json_object *a = json_object_new_array();
	double all = sum(&k->total);

	for (size_t i = 0; i < k->n; i++)
		row(t, a, k->what, stage_names[k->stages[i]], &k->of[k->stages[i]],
		    k->stages[i] == ST_ACK ? 0 : all);
	row(t, a, k->what, "total", &k->total, all);
	return a;
}

static struct json_object *list_of(struct kind *k)
{
	return k->list ? k->list : json_object_new_array();
}

/**
 * trace_summary() - at the end
 *
 * Return: exit status.
 */
int trace_summary(void)
{
	struct amctl_table *of_calls = amctl_table("stage +calls +p50_us +p99_us +max_us +percent");
	struct amctl_table *of_requests = amctl_table("stage +requests +p50_us +p99_us +max_us +percent");
	struct json_object *o = json_object_new_object();
	int rc;

	json_object_object_add(o, "calls", list_of(&calls));
	json_object_object_add(o, "stages", rows(&calls, of_calls));
	json_object_object_add(o, "requests", list_of(&requests));
	json_object_object_add(o, "request_stages", rows(&requests, of_requests));
	json_object_object_add(o, "lost", json_object_new_int64(trace_lost));
	json_object_object_add(o, "forgotten", json_object_new_int64(trace_forgotten));
	if (amctl_json) {
		amctl_table_drop(of_calls);
		amctl_table_drop(of_requests);
		return amctl_print_json(o);
	}
	json_object_put(o);
	if (trace_lost || trace_forgotten)
		amctl_note("%llu events were lost, %llu calls forgotten: calls are too many to follow all",
			   (unsigned long long)trace_lost, (unsigned long long)trace_forgotten);
	if (!amctl_rows(of_calls) && amctl_rows(of_requests)) {
		amctl_table_drop(of_calls);
		return amctl_table_end(of_requests, NULL);
	}
	rc = amctl_table_end(of_calls, "no call has ended");
	if (!rc && amctl_rows(of_requests))
		return amctl_table_end(of_requests, NULL);
	amctl_table_drop(of_requests);
	return rc;
}
