// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * amctl trace: where transactions spend their time.
 *
 * DESIGN NOTES
 *
 * The kernel tells of each step of a transaction (tracepoints amoeba:amrpc_stage and flip:flip_stall);
 * they are read as text from a tracing instance of our own, so that nobody else's tracing is
 * disturbed. A call is in one stage at a time; each event ends one and begins the next, and the time
 * between two is added to the stage it was spent in. Which call an event is about: the client's own
 * name it (call); those of a server elsewhere in this machine name kernel and transaction (kid, tid),
 * which the client's events have told before; waits within FLIP name none, and belong to the call
 * the same thread is sending.
 *
 *	call    one under way, in three hashes: by call, by (kid, tid), by the thread that sends it
 *	sample  what a stage took in one call that has ended, us
 *
 * A call whose beginning was not seen, or of another machine's client, is not shown.
 *
 * The instance is removed at the end, also after SIGINT, SIGTERM and SIGHUP; one that a killed amctl has
 * left is removed by the next.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amctl.h"

enum stage {
	ST_LOCATE, ST_FLIP, ST_CREDITS, ST_SEND, ST_NET, ST_QUEUE, ST_START, ST_SERVE, ST_REPLY,
	ST_WAKE, ST_OTHER, NSTAGES
};

static const char *const stage_names[NSTAGES] = {
	"locate", "flip-locate", "credits", "send", "net", "queue", "start", "serve", "reply", "wake",
	"other"
};

#define BUCKETS		4096
#define MAX_CALLS	65536	/* under way at once; older ones are forgotten */
#define INSTANCE	"amctl-trace-"

struct call {
	struct call *by_call, *by_tid, *by_thread;	/* next in the bucket */
	struct call *next, *prev;			/* by age */
	uint64_t call, kid;
	uint32_t tid;
	long thread;		/* that sends it, or -1 */
	long client;
	char port[20];
	enum stage stage;
	double begun, since;	/* s */
	double took[NSTAGES];
};

struct samples {
	double *v;
	size_t n, room;
};

static struct call *by_call[BUCKETS], *by_tid[BUCKETS], *by_thread[BUCKETS];
static struct call oldest = { .next = &oldest, .prev = &oldest };
static size_t under_way;
static struct samples samples[NSTAGES], totals;
static uint64_t shown, lost, forgotten;
static struct json_object *json_calls;
static volatile sig_atomic_t stop;

/* what is asked for */
static struct {
	char port[20];		/* "0d:6e:...", or "" */
	double over;		/* ms */
	uint64_t count;		/* calls; 0: until interrupted */
} want;

/* ---- calls under way ------------------------------------------------------------------------- */

static unsigned int hash(uint64_t a, uint64_t b)
{
	return ((a ^ b * 0x9e3779b97f4a7c15ULL) * 0x9e3779b97f4a7c15ULL) >> 52;
}

/* take @c out of a bucket; @link is the offset of its pointer */
static void unlink_from(struct call **bucket, struct call *c, size_t link)
{
	struct call **p = bucket;

	while (*p && *p != c)
		p = (struct call **)((char *)*p + link);
	if (*p)
		*p = *(struct call **)((char *)c + link);
}

static void set_tid(struct call *c, uint64_t kid, uint32_t tid)
{
	if (c->tid == tid && c->kid == kid)
		return;
	if (c->tid)
		unlink_from(&by_tid[hash(c->kid, c->tid)], c, offsetof(struct call, by_tid));
	c->kid = kid;
	c->tid = tid;
	if (!tid)
		return;
	c->by_tid = by_tid[hash(kid, tid)];
	by_tid[hash(kid, tid)] = c;
}

/* @thread sends it from here on; -1: nobody does */
static void set_thread(struct call *c, long thread)
{
	if (c->thread >= 0)
		unlink_from(&by_thread[hash(c->thread, 0)], c, offsetof(struct call, by_thread));
	c->thread = thread;
	if (thread < 0)
		return;
	c->by_thread = by_thread[hash(thread, 0)];
	by_thread[hash(thread, 0)] = c;
}

static void drop(struct call *c)
{
	set_tid(c, 0, 0);
	set_thread(c, -1);
	unlink_from(&by_call[hash(c->call, 0)], c, offsetof(struct call, by_call));
	c->prev->next = c->next;
	c->next->prev = c->prev;
	under_way--;
	free(c);
}

static struct call *find_call(uint64_t call)
{
	struct call *c = by_call[hash(call, 0)];

	while (c && c->call != call)
		c = c->by_call;
	return c;
}

static struct call *find_tid(uint64_t kid, uint32_t tid)
{
	struct call *c = tid ? by_tid[hash(kid, tid)] : NULL;

	while (c && (c->kid != kid || c->tid != tid))
		c = c->by_tid;
	return c;
}

static struct call *find_thread(long thread)
{
	struct call *c = by_thread[hash(thread, 0)];

	while (c && c->thread != thread)
		c = c->by_thread;
	return c;
}

static void begin(uint64_t call, const char *port, long client, double now)
{
	struct call *c = find_call(call);

	if (c)
		drop(c);	/* its end was lost */
	if (under_way >= MAX_CALLS) {
		drop(oldest.next);
		forgotten++;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		forgotten++;
		return;
	}
	c->call = call;
	c->thread = -1;
	c->client = client;
	snprintf(c->port, sizeof(c->port), "%s", port);
	c->stage = ST_OTHER;
	c->begun = now;
	c->since = now;
	c->by_call = by_call[hash(call, 0)];
	by_call[hash(call, 0)] = c;
	c->next = &oldest;
	c->prev = oldest.prev;
	oldest.prev->next = c;
	oldest.prev = c;
	under_way++;
}

/* from @now on it is in another stage */
static void enter(struct call *c, enum stage s, double now)
{
	/* clocks of two processors may differ by a little */
	if (now > c->since) {
		c->took[c->stage] += now - c->since;
		c->since = now;
	}
	c->stage = s;
}

/* ---- those that have ended ------------------------------------------------------------------- */

static void sample(struct samples *s, double v)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		double *more = realloc(s->v, room * sizeof(*more));

		if (!more) {
			forgotten++;
			return;
		}
		s->v = more;
		s->room = room;
	}
	s->v[s->n++] = v;
}

static void show_json(const struct call *c, double total, enum stage worst, int verdict)
{
	struct json_object *o = json_object_new_object(), *in = json_object_new_object();

	json_object_object_add(o, "client", json_object_new_int64(c->client));
	json_object_object_add(o, "port", json_object_new_string(c->port));
	json_object_object_add(o, "us", json_object_new_int64((int64_t)(total * 1e6 + 0.5)));
	json_object_object_add(o, "verdict", json_object_new_int(verdict));
	json_object_object_add(o, "slowest", json_object_new_string(stage_names[worst]));
	for (int s = 0; s < NSTAGES; s++)
		if (c->took[s] > 0)
			json_object_object_add(in, stage_names[s],
					       json_object_new_int64((int64_t)(c->took[s] * 1e6 + 0.5)));
	json_object_object_add(o, "stages_us", in);
	json_object_array_add(json_calls, o);
}

static void end(struct call *c, int verdict, double now)
{
	enum stage worst = ST_OTHER;
	double total;

	enter(c, ST_OTHER, now);
	total = now - c->begun;
	for (int s = 0; s < NSTAGES; s++)
		if (c->took[s] > c->took[worst])
			worst = s;
	if ((want.port[0] && strcmp(want.port, c->port)) || total * 1e3 < want.over) {
		drop(c);
		return;
	}
	shown++;
	sample(&totals, total * 1e6);
	for (int s = 0; s < NSTAGES; s++)
		if (c->took[s] > 0)
			sample(&samples[s], c->took[s] * 1e6);
	if (amctl_json) {
		show_json(c, total, worst, verdict);
	} else {
		printf("%7ld  %s%s%s  %10.3f ms  ", c->client, amctl_on(AMC_NAME), c->port, amctl_off(),
		       total * 1e3);
		if (verdict)
			printf("%sverdict %d%s  ", amctl_on(AMC_BAD), verdict, amctl_off());
		for (int s = 0; s < NSTAGES; s++)
			if (c->took[s] * 1e3 >= 0.001)
				printf("%s%s %.3f%s ", s == (int)worst ? amctl_on(AMC_WARN) : "",
				       stage_names[s], c->took[s] * 1e3,
				       s == (int)worst ? amctl_off() : "");
		printf(" slowest: %s\n", stage_names[worst]);
		fflush(stdout);
	}
	drop(c);
	if (want.count && shown >= want.count)
		stop = 1;
}

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

/* @p per cent of the sorted samples are no larger */
static uint64_t percentile(const struct samples *s, unsigned int p)
{
	size_t rank = (s->n * p + 99) / 100;

	return (uint64_t)(s->v[rank ? rank - 1 : 0] + 0.5);
}

static void summary_row(struct amctl_table *t, const char *name, struct samples *s, double all)
{
	double sum = 0;

	if (!s->n)
		return;
	qsort(s->v, s->n, sizeof(s->v[0]), compare);
	for (size_t i = 0; i < s->n; i++)
		sum += s->v[i];
	amctl_row(t);
	amctl_cell(t, "stage", "%s", name);
	amctl_cell_colour(t, "stage", AMC_NAME);
	amctl_cell_u64(t, "calls", s->n);
	amctl_cell_u64(t, "p50_us", percentile(s, 50));
	amctl_cell_u64(t, "p99_us", percentile(s, 99));
	amctl_cell_u64(t, "max_us", (uint64_t)(s->v[s->n - 1] + 0.5));
	amctl_cell_u64(t, "percent", all > 0 ? (uint64_t)(sum * 100 / all + 0.5) : 0);
}

static int summary(void)
{
	struct amctl_table *t;
	double all = 0;

	for (size_t i = 0; i < totals.n; i++)
		all += totals.v[i];
	if (lost || forgotten)
		amctl_note("%llu events were lost, %llu calls forgotten: calls are too many to follow all",
			   (unsigned long long)lost, (unsigned long long)forgotten);
	if (amctl_json) {
		struct json_object *o = json_object_new_object(), *a = json_object_new_array();

		for (int s = 0; s <= NSTAGES; s++) {
			struct samples *m = s < NSTAGES ? &samples[s] : &totals;
			struct json_object *r;

			if (!m->n)
				continue;
			qsort(m->v, m->n, sizeof(m->v[0]), compare);
			r = json_object_new_object();
			json_object_object_add(r, "stage", json_object_new_string(
					       s < NSTAGES ? stage_names[s] : "total"));
			json_object_object_add(r, "calls", json_object_new_int64(m->n));
			json_object_object_add(r, "p50_us", json_object_new_int64(percentile(m, 50)));
			json_object_object_add(r, "p99_us", json_object_new_int64(percentile(m, 99)));
			json_object_array_add(a, r);
		}
		json_object_object_add(o, "calls", json_calls);
		json_object_object_add(o, "stages", a);
		json_object_object_add(o, "lost", json_object_new_int64(lost));
		return amctl_print_json(o);
	}
	t = amctl_table("stage +calls +p50_us +p99_us +max_us +percent");
	for (int s = 0; s < NSTAGES; s++)
		summary_row(t, stage_names[s], &samples[s], all);
	summary_row(t, "total", &totals, all);
	return amctl_table_end(t, "no call has ended");
}

/* ---- events ---------------------------------------------------------------------------------- */

static void client_event(const char *name, struct call *c, long thread, int arg, double now)
{
	if (!strcmp(name, "locate")) {
		enter(c, ST_LOCATE, now);
	} else if (!strcmp(name, "located")) {
		enter(c, ST_OTHER, now);
	} else if (!strcmp(name, "pause")) {
		enter(c, ST_QUEUE, now);
	} else if (!strcmp(name, "send")) {
		set_thread(c, thread);
		/* another copy: the first is on its way still, or has been lost there */
		if (arg <= 1 || c->stage == ST_OTHER)
			enter(c, ST_SEND, now);
	} else if (!strcmp(name, "sent")) {
		set_thread(c, -1);
		/* on a fast network it has arrived, or is even answered */
		if (c->stage == ST_SEND || c->stage == ST_FLIP || c->stage == ST_CREDITS)
			enter(c, ST_NET, now);
	} else if (!strcmp(name, "reply")) {
		enter(c, ST_WAKE, now);
	} else if (!strcmp(name, "end")) {
		end(c, arg, now);
	}
}

static void server_event(const char *name, struct call *c, int arg, double now)
{
	/* a late copy of one that is answered changes nothing */
	if (c->stage == ST_WAKE)
		return;
	if (!strcmp(name, "arrived"))
		enter(c, arg ? ST_QUEUE : ST_START, now);
	else if (!strcmp(name, "taken"))
		enter(c, ST_SERVE, now);
	else if (!strcmp(name, "answer"))
		enter(c, ST_REPLY, now);
}

static void stage_event(const char *text, long thread, double now)
{
	char name[16], port[16], colons[20];
	unsigned long long call, kid;
	unsigned int tid;
	struct call *c;
	bool server;
	int arg, n = 0;

	if (sscanf(text, "%15s call %llx kid %llx tid %u port %15s arg %d", name, &call, &kid, &tid,
		   port, &arg) != 6)
		return;
	for (size_t i = 0; port[i] && n < 17; i++) {
		if (i && i % 2 == 0)
			colons[n++] = ':';
		colons[n++] = port[i];
	}
	colons[n] = '\0';
	if (!strcmp(name, "begin")) {
		begin(call, colons, thread, now);
		return;
	}
	server = !strcmp(name, "arrived") || !strcmp(name, "taken") || !strcmp(name, "answer");
	c = server && tid ? find_tid(kid, tid) : find_call(call);
	if (!c)
		return;
	if (server) {
		server_event(name, c, arg, now);
		return;
	}
	set_tid(c, kid, tid);
	client_event(name, c, thread, arg, now);
}

/* "locate begin", "credits end" ... of a thread that may be sending a request */
static void wait_event(const char *text, long thread, double now)
{
	struct call *c = find_thread(thread);
	char what[16], edge[16];

	if (!c || sscanf(text, "%15s %15s", what, edge) != 2)
		return;
	if (c->stage != ST_SEND && c->stage != ST_FLIP && c->stage != ST_CREDITS)
		return;
	if (strcmp(edge, "begin"))
		enter(c, ST_SEND, now);
	else
		enter(c, strcmp(what, "locate") ? ST_CREDITS : ST_FLIP, now);
}

/* "   COMMAND-PID   [CPU] FLAGS SECONDS: EVENT: TEXT"; the command may contain anything */
static void line_in(char *line)
{
	char *ev, *at, *num;
	bool stage = true;
	double now;

	at = strstr(line, " [LOST ");
	if (at && !strncmp(line, "CPU:", 4)) {
		lost += strtoull(at + 7, NULL, 10);
		return;
	}
	ev = strstr(line, ": amrpc_stage: ");
	if (!ev) {
		ev = strstr(line, ": flip_stall: ");
		stage = false;
	}
	if (!ev)
		return;
	*ev = '\0';
	num = strrchr(line, ' ');
	at = strrchr(line, '[');
	if (!num || !at || at == line)
		return;
	now = strtod(num + 1, NULL);
	while (at > line && (at[-1] == ' ' || at[-1] == '\t'))
		*--at = '\0';
	while (at > line && isdigit((unsigned char)at[-1]))
		at--;
	if (stage)
		stage_event(ev + strlen(": amrpc_stage: "), strtol(at, NULL, 10), now);
	else
		wait_event(ev + strlen(": flip_stall: "), strtol(at, NULL, 10), now);
}

/* ---- the tracing instance --------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static const char *tracefs(void)
{
	static const char *const at[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[512];

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		snprintf(path, sizeof(path), "%s/instances", at[i]);
		if (!access(path, F_OK) || errno == EACCES)
			return at[i];
	}
	return NULL;
}

/* instances of killed ones */
static void sweep(const char *root)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/instances", root);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		long pid;

		if (strncmp(e->d_name, INSTANCE, strlen(INSTANCE)))
			continue;
		pid = strtol(e->d_name + strlen(INSTANCE), NULL, 10);
		if (pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH) {
			snprintf(path, sizeof(path), "%s/instances/%s", root, e->d_name);
			rmdir(path);
		}
	}
	if (d)
		closedir(d);
}

static int put(const char *dir, const char *name, const char *text)
{
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return amctl_err(errno == ENOENT && strstr(name, "events/") ?
				 "modprobe amoeba, of this version" : NULL, "%s: %s", path, strerror(errno));
	n = write(fd, text, strlen(text));
	if (n < 0)
		amctl_err_errno(path, errno);
	close(fd);
	return n < 0 ? AMCTL_FAIL : AMCTL_OK;
}

static int follow(int fd)
{
	static char buf[65536];
	size_t have = 0;

	while (!stop) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char *line = buf, *nl;
		ssize_t n;

		poll(&p, 1, 100);
		n = read(fd, buf + have, sizeof(buf) - 1 - have);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return amctl_err_errno("trace_pipe", errno);
		have += n;
		buf[have] = '\0';
		while (!stop && (nl = memchr(line, '\n', buf + have - line))) {
			*nl = '\0';
			line_in(line);
			line = nl + 1;
		}
		have -= line - buf;
		if (have == sizeof(buf) - 1)
			have = 0;	/* no line is that long */
		memmove(buf, line, have);
	}
	return AMCTL_OK;
}

static int trace_in(const char *dir)
{
	char path[512];
	int fd, rc;

	if (put(dir, "trace_clock", "mono") || put(dir, "buffer_size_kb", "4096") ||
	    put(dir, "events/amoeba/amrpc_stage/enable", "1") ||
	    put(dir, "events/flip/flip_stall/enable", "1"))
		return AMCTL_FAIL;
	snprintf(path, sizeof(path), "%s/trace_pipe", dir);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return amctl_err_errno(path, errno);
	amctl_note("following calls; end with Ctrl-C");
	rc = follow(fd);
	close(fd);
	return rc;
}

static int trace(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	const char *root = tracefs();
	char dir[128];
	int rc;

	if (!root)
		return amctl_err("mount -t tracefs none /sys/kernel/tracing; the kernel needs "
				 "CONFIG_EVENT_TRACING", "tracefs is not there");
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGPIPE, &sa, NULL);
	sweep(root);
	snprintf(dir, sizeof(dir), "%s/instances/" INSTANCE "%ld", root, (long)getpid());
	if (mkdir(dir, 0700))
		return amctl_err(errno == EACCES || errno == EPERM ? "be root" : NULL, "%s: %s", dir,
				 strerror(errno));
	if (amctl_json)
		json_calls = json_object_new_array();
	rc = trace_in(dir);
	if (rmdir(dir))
		amctl_err(NULL, "%s: %s", dir, strerror(errno));
	return rc ? rc : summary();
}

static int cmd_trace(int argc, char **argv)
{
	for (int i = 0; i < argc; i += 2) {
		const char *key = argv[i], *text = argv[i + 1];
		uint8_t port[6];
		uint64_t v;
		int rc;

		if (i + 1 >= argc)
			return amctl_bad("'%s' has no value", key);
		if (!strcmp(key, "port") || !strcmp(key, "-p")) {
			rc = amctl_arg_hex("port", text, port, sizeof(port));
			if (!rc)
				amctl_hex(port, sizeof(port), ':', want.port, sizeof(want.port));
		} else if (!strcmp(key, "over") || !strcmp(key, "--over")) {
			rc = amctl_arg_u64("over", text, 0, 86400000, &v);
			want.over = rc ? 0 : v;
		} else if (!strcmp(key, "count") || !strcmp(key, "-n")) {
			rc = amctl_arg_u64("count", text, 1, 1000000000, &want.count);
		} else {
			return amctl_bad("'%s' is not known", key);
		}
		if (rc)
			return rc;
	}
	return trace();
}

const struct amctl_object amctl_obj_trace = {
	.name = "trace",
	.help = "where calls spend their time",
	.func = cmd_trace,
	.args = "[port PORT] [over MS] [count N]",
	.words = "port over count",
	.details =
		"Shows each call of this machine's clients as it ends, stage by stage, then a summary.\n"
		"  port PORT   calls of this put-port only      over MS   that took at least so long\n"
		"  count N     end after so many; otherwise with Ctrl-C\n"
		"stages: locate (the port is looked for), flip-locate (the address), credits (the window to a\n"
		"  neighbour is full), send, net (on its way, and all at a server elsewhere), queue (no server\n"
		"  thread is free), start (a server thread wakes), serve, reply (on its way), wake (the client's\n"
		"  thread wakes), other",
};
