// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * amctl trace: where transactions spend their time.
 *
 * DESIGN NOTES
 *
 * The kernel tells of each step of a transaction (tracepoints amoeba:amrpc_stage, flip:flip_stall and
 * flip:flip_queue); they are read as text from a tracing instance of our own, so that nobody else's tracing is
 * disturbed. A transaction is in one stage at a time; each event ends one and begins the next, and the time
 * between two is added to the stage it was spent in. Which one an event is about: the client's own
 * name it (call); those of a server elsewhere in this machine name kernel and transaction (kid, tid),
 * which the client's events have told before; waits within FLIP name none, and belong to what
 * the same thread is sending. A message that waits without its thread is known by its sender's address and its
 * number from then on.
 *
 * A request of which no client's events tell comes from another machine. From its arrival on it is followed
 * by what the server knows: until the reply has left, which is what the server took, and until it is
 * acknowledged, which our kind of client is in no hurry to do (rpc/rpc_owed.h).
 *
 *	call    one under way, or a request from elsewhere, in four hashes: by call, by (kid, tid), by
 *	        the thread that sends it, by its message that waits
 *	sample  what a stage took in one that has ended, us (amctl_trace_show.c)
 *
 * A call whose beginning was not seen is not shown, nor is such a request.
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

#include "amctl_trace.h"

#define BUCKETS		4096
#define MAX_CALLS	65536	/* under way at once; older ones are forgotten */
#define INSTANCE	"amctl-trace-"

static struct trace_call *by_call[BUCKETS], *by_tid[BUCKETS], *by_thread[BUCKETS],
	*by_msg[BUCKETS];
static struct trace_call oldest = { .next = &oldest, .prev = &oldest };
static size_t under_way;
static volatile sig_atomic_t stop;

/* ---- calls under way ------------------------------------------------------------------------- */

static unsigned int hash(uint64_t a, uint64_t b)
{
	return ((a ^ b * 0x9e3779b97f4a7c15ULL) * 0x9e3779b97f4a7c15ULL) >> 52;
}

/* take @c out of a bucket; @link is the offset of its pointer */
static void unlink_from(struct trace_call **bucket, struct trace_call *c, size_t link)
{
	struct trace_call **p = bucket;

	while (*p && *p != c)
		p = (struct trace_call **)((char *)*p + link);
	if (*p)
		*p = *(struct trace_call **)((char *)c + link);
}

static void set_tid(struct trace_call *c, uint64_t kid, uint32_t tid)
{
	if (c->tid == tid && c->kid == kid)
		return;
	if (c->tid)
		unlink_from(&by_tid[hash(c->kid, c->tid)], c, offsetof(struct trace_call, by_tid));
	c->kid = kid;
	c->tid = tid;
	if (!tid)
		return;
	c->by_tid = by_tid[hash(kid, tid)];
	by_tid[hash(kid, tid)] = c;
}

/* @thread sends it from here on; -1: nobody does */
static void set_thread(struct trace_call *c, long thread)
{
	if (c->thread >= 0)
		unlink_from(&by_thread[hash(c->thread, 0)], c, offsetof(struct trace_call, by_thread));
	c->thread = thread;
	if (thread < 0)
		return;
	c->by_thread = by_thread[hash(thread, 0)];
	by_thread[hash(thread, 0)] = c;
}

/* its message waits for an address; @src 0: it does not */
static void set_msg(struct trace_call *c, uint64_t src, uint32_t messid)
{
	if (c->src)
		unlink_from(&by_msg[hash(c->src, c->messid)], c, offsetof(struct trace_call, by_msg));
	c->src = src;
	c->messid = messid;
	if (!src)
		return;
	c->by_msg = by_msg[hash(src, messid)];
	by_msg[hash(src, messid)] = c;
}

static void drop(struct trace_call *c)
{
	set_tid(c, 0, 0);
	set_thread(c, -1);
	set_msg(c, 0, 0);
	unlink_from(&by_call[hash(c->call, 0)], c, offsetof(struct trace_call, by_call));
	c->prev->next = c->next;
	c->next->prev = c->prev;
	under_way--;
	free(c);
}

static struct trace_call *find_call(uint64_t call)
{
	struct trace_call *c = by_call[hash(call, 0)];

	while (c && c->call != call)
		c = c->by_call;
	return c;
}

static struct trace_call *find_tid(uint64_t kid, uint32_t tid)
{
	struct trace_call *c = tid ? by_tid[hash(kid, tid)] : NULL;

	while (c && (c->kid != kid || c->tid != tid))
		c = c->by_tid;
	return c;
}

static struct trace_call *find_thread(long thread)
{
	struct trace_call *c = by_thread[hash(thread, 0)];

	while (c && c->thread != thread)
		c = c->by_thread;
	return c;
}

static struct trace_call *find_msg(uint64_t src, uint32_t messid)
{
	struct trace_call *c = by_msg[hash(src, messid)];

	while (c && (c->src != src || c->messid != messid))
		c = c->by_msg;
	return c;
}

static struct trace_call *begin(const char *port, double now)
{
	struct trace_call *c;

	if (under_way >= MAX_CALLS) {
		drop(oldest.next);
		trace_forgotten++;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		trace_forgotten++;
		return NULL;
	}
	c->thread = -1;
	snprintf(c->port, sizeof(c->port), "%.17s", port);
	c->stage = ST_OTHER;
	c->begun = now;
	c->since = now;
	c->next = &oldest;
	c->prev = oldest.prev;
	oldest.prev->next = c;
	oldest.prev = c;
	under_way++;
	return c;
}

static void begin_call(uint64_t call, const char *port, long client, double now)
{
	struct trace_call *c = find_call(call);

	if (c)
		drop(c);	/* its end was lost */
	c = begin(port, now);
	if (!c)
		return;
	c->call = call;
	c->who = client;
	c->by_call = by_call[hash(call, 0)];
	by_call[hash(call, 0)] = c;
}

/* a request has come from another machine */
static struct trace_call *begin_request(uint64_t kid, uint32_t tid, const char *port, const char *from,
					double now)
{
	struct trace_call *c = begin(port, now);

	if (!c)
		return NULL;
	c->request = true;
	c->who = -1;
	snprintf(c->from, sizeof(c->from), "%.23s", from);
	set_tid(c, kid, tid);
	return c;
}

/* from @now on it is in another stage */
static void enter(struct trace_call *c, enum trace_stage s, double now)
{
	/* clocks of two processors may differ by a little */
	if (now > c->since) {
		c->took[c->stage] += now - c->since;
		c->since = now;
	}
	c->stage = s;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void ended(struct trace_call *c)
{
	if (trace_wanted(c))
		trace_show(c);
	drop(c);
	if (trace_want.count && trace_shown >= trace_want.count)
		stop = 1;
}

static bool sending(const struct trace_call *c)
{
	return c->stage == ST_SEND || c->stage == ST_FLIP || c->stage == ST_CREDITS;
}

static void client_event(const char *name, struct trace_call *c, long thread, int arg, double now)
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
		/* it may wait still; on a fast network it has arrived, or is even answered */
		if (sending(c) && !c->src)
			enter(c, ST_NET, now);
	} else if (!strcmp(name, "reply")) {
		enter(c, ST_WAKE, now);
	} else if (!strcmp(name, "end")) {
		enter(c, ST_OTHER, now);
		c->left = now;
		c->verdict = arg;
		ended(c);
	}
}

static void server_event(const char *name, struct trace_call *c, int arg, double now)
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

/* "0d6e..." to "0d:6e:..." */
static void colonize(const char *hex, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; hex[i] && n + 3 <= size; i++) {
		if (i && i % 2 == 0)
			out[n++] = ':';
		out[n++] = hex[i];
	}
	out[n] = '\0';
}

/* what became of a request that its server forgets now */
static enum trace_outcome outcome(const struct trace_call *c, bool lost)
{
	if (c->stage == ST_QUEUE || c->stage == ST_START)
		return OUT_REFUSED;	/* no thread has had it: the client looks for another server */
	if (c->stage == ST_SERVE)
		return OUT_FAILED;	/* the server went */
	if (lost)
		return OUT_LOST;
	return c->forwarded ? OUT_FORWARDED : OUT_ACKED;
}

static void left(struct trace_call *c, double now)
{
	c->left = now;
	enter(c, ST_ACK, now);
}

/* a request from another machine, at its server */
static void request_event(const char *name, struct trace_call *c, long thread, int arg, double now)
{
	if (!strcmp(name, "arrived")) {
		enter(c, arg ? ST_QUEUE : ST_START, now);
	} else if (!strcmp(name, "taken")) {
		c->who = thread;
		enter(c, ST_SERVE, now);
	} else if (!strcmp(name, "answer")) {
		set_thread(c, thread);
		enter(c, ST_SEND, now);
	} else if (!strcmp(name, "replied") || !strcmp(name, "forwarded")) {
		/* that of a further copy changes nothing */
		if (!sending(c) && c->stage != ST_SERVE)
			return;
		c->forwarded = *name == 'f';
		set_thread(c, -1);
		if (!c->src)
			left(c, now);
	} else if (!strcmp(name, "done")) {
		/* on a fast network it is acknowledged before the thread that sent it says so */
		if (!c->left)
			c->left = now;
		c->outcome = outcome(c, arg);
		enter(c, ST_OTHER, now);
		ended(c);
	}
}

static bool of_server(const char *name)
{
	static const char *const names[] = {
		"arrived", "taken", "answer", "replied", "forwarded", "done"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void stage_event(const char *text, long thread, double now)
{
	char name[16], port[16], peer[24], colons[32], from[32];
	unsigned long long call, kid;
	struct trace_call *c;
	unsigned int tid;
	int arg;

	if (sscanf(text, "%15s call %llx kid %llx tid %u port %15s arg %d peer %23s", name, &call,
		   &kid, &tid, port, &arg, peer) != 7)
		return;
	colonize(port, colons, sizeof(colons));
	colonize(peer, from, sizeof(from));
	if (!strcmp(name, "begin")) {
		begin_call(call, colons, thread, now);
		return;
	}
	if (of_server(name)) {
		c = tid ? find_tid(kid, tid) : find_call(call);
		if (!c && tid && !strcmp(name, "arrived"))
			c = begin_request(kid, tid, colons, from, now);
		if (c && c->request)
			request_event(name, c, thread, arg, now);
		else if (c)
			server_event(name, c, arg, now);
		return;
	}
	c = find_call(call);
	if (c) {
		set_tid(c, kid, tid);
		client_event(name, c, thread, arg, now);
		return;
	}
	/* its beginning was not seen, but it is of this machine */
	c = find_tid(kid, tid);
	if (c && c->request)
		drop(c);
}

/* "locate begin", "credits end" ... of a thread that may be sending something */
static void wait_event(const char *text, long thread, double now)
{
	struct trace_call *c = find_thread(thread);
	char what[16], edge[16];

	if (!c || sscanf(text, "%15s %15s", what, edge) != 2)
		return;
	if (!strcmp(edge, "begin")) {
		/* of a further copy, while the first is on its way, or lost */
		if (!sending(c) && c->stage != ST_NET)
			return;
		c->resume = c->stage == ST_NET ? ST_NET : ST_SEND;
		enter(c, strcmp(what, "locate") ? ST_CREDITS : ST_FLIP, now);
	} else if (c->stage == ST_FLIP || c->stage == ST_CREDITS) {
		enter(c, c->resume, now);
	}
}

/* "begin src=0d6e... messid=5 ...": of the thread that sends it; "end ...": of whoever */
static void queue_event(const char *text, long thread, double now)
{
	unsigned long long src;
	struct trace_call *c;
	unsigned int messid;
	char edge[8];

	if (sscanf(text, "%7s src=%llx messid=%u", edge, &src, &messid) != 3)
		return;
	if (!strcmp(edge, "begin")) {
		c = find_thread(thread);
		if (!c || !sending(c))
			return;
		set_msg(c, src, messid);
		enter(c, ST_FLIP, now);
		return;
	}
	c = find_msg(src, messid);
	if (!c)
		return;
	set_msg(c, 0, 0);
	if (c->stage != ST_FLIP)
		return;
	if (c->thread >= 0)
		enter(c, ST_SEND, now);
	else if (c->request)
		left(c, now);
	else
		enter(c, ST_NET, now);
}

/* "   COMMAND-PID   [CPU] FLAGS SECONDS: EVENT: TEXT"; the command may contain anything */
static void line_in(char *line)
{
	static const struct {
		const char *name;
		void (*event)(const char *text, long thread, double now);
	} events[] = {
		{ ": amrpc_stage: ", stage_event }, { ": flip_stall: ", wait_event },
		{ ": flip_queue: ", queue_event },
	};
	char *ev = NULL, *at, *num;
	double now;
	size_t i;

	at = strstr(line, " [LOST ");
	if (at && !strncmp(line, "CPU:", 4)) {
		trace_lost += strtoull(at + 7, NULL, 10);
		return;
	}
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		ev = strstr(line, events[i].name);
		if (ev)
			break;
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
	events[i].event(ev + strlen(events[i].name), strtol(at, NULL, 10), now);
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
	    put(dir, "events/flip/flip_queue/enable", "1") ||
	    put(dir, "events/flip/flip_stall/enable", "1"))
		return AMCTL_FAIL;
	snprintf(path, sizeof(path), "%s/trace_pipe", dir);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return amctl_err_errno(path, errno);
	amctl_note("following calls and requests; end with Ctrl-C");
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
	rc = trace_in(dir);
	if (rmdir(dir))
		amctl_err(NULL, "%s: %s", dir, strerror(errno));
	return rc ? rc : trace_summary();
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
				amctl_hex(port, sizeof(port), ':', trace_want.port, sizeof(trace_want.port));
		} else if (!strcmp(key, "over") || !strcmp(key, "--over")) {
			rc = amctl_arg_u64("over", text, 0, 86400000, &v);
			trace_want.over = rc ? 0 : v;
		} else if (!strcmp(key, "count") || !strcmp(key, "-n")) {
			rc = amctl_arg_u64("count", text, 1, 1000000000, &trace_want.count);
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
	.help = "where calls and requests spend their time",
	.func = cmd_trace,
	.args = "[port PORT] [over MS] [count N]",
	.words = "port over count",
	.details =
		"Shows each call of this machine's clients, and each request that other machines make to its\n"
		"servers, as it ends, stage by stage; then a summary of either.\n"
		"  port PORT   of this put-port only      over MS   that took at least so long\n"
		"  count N     end after so many; otherwise with Ctrl-C\n"
		"stages of a call: locate (the port is looked for), flip-locate (the address), credits (the\n"
		"  window to a neighbour, or of pages on their way, is full), send, net (on its way, and all at\n"
		"  a server elsewhere), queue (no server thread is free), start (a server thread wakes), serve,\n"
		"  reply (on its way), wake (the client's thread wakes), other\n"
		"stages of a request, from its arrival until the reply has left: queue, start, serve, and of\n"
		"  the reply flip-locate, credits, send; then ack (until it is acknowledged)",
};
