// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of jobs and the thread that leads each of them through its life. The nouns, locks
 * and references are in procd.h.
 *
 * The thread sleeps in poll(2) on the job's pipes, the control socket, the pidfd of the init and
 * an eventfd (job->wake) with which operations ask for attention: input came, room was made, a
 * signal is pending, the job is to end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "procd.h"

#define TABLE_MAX	512	/* jobs known, ended ones included */
#define SPACE_MIN	(32U << 20)	/* free bytes a new job wants to find */
#define DETACHED_KEEP_MS (600 * 1000)	/* how long the result of a detached job is kept */
#define ID_MAX		0xffff

static struct {
	pthread_mutex_t lock;
	pthread_cond_t	change;
	struct job	*list;
	unsigned int	known;		/* in memory */
	unsigned int	busy;		/* not yet DONE */
	uint64_t	done;
	uint32_t	last_id;
} jobs = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

/* ---- table --------------------------------------------------------------------------------- */

static void job_free(struct job *j)
{
	stream_free(&j->out);
	stream_free(&j->err);
	am_jobres_free(&j->res);
	am_job_free(j->job);
	if (j->wake >= 0)
		close(j->wake);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->change);
	free(j->in);
	free(j->desc);
	free(j);
}

void job_put(struct job *j)
{
	bool last;

	pthread_mutex_lock(&jobs.lock);
	last = !--j->refs;
	if (last)
		jobs.known--;
	pthread_mutex_unlock(&jobs.lock);
	if (last)
		job_free(j);
}

static struct job *find_locked(uint32_t id)
{
	struct job *j = jobs.list;

	while (j && j->id != id)
		j = j->next;
	return j;
}

struct job *job_find(uint32_t id)
{
	struct job *j;

	pthread_mutex_lock(&jobs.lock);
	j = find_locked(id);
	if (j)
		j->refs++;
	pthread_mutex_unlock(&jobs.lock);
	return j;
}

struct job *job_next(uint32_t id)
{
	struct job *best = NULL;

	pthread_mutex_lock(&jobs.lock);
	for (struct job *j = jobs.list; j; j = j->next)
		if (j->id >= id && (!best || j->id < best->id))
			best = j;
	if (best)
		best->refs++;
	pthread_mutex_unlock(&jobs.lock);
	return best;
}

void jobs_count(unsigned int *now, uint64_t *done)
{
	pthread_mutex_lock(&jobs.lock);
	*now = jobs.busy;
	*done = jobs.done;
	pthread_mutex_unlock(&jobs.lock);
}

static void wake(struct job *j)
{
	uint64_t one = 1;

	if (write(j->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		note("job %u: eventfd: %s", j->id, strerror(errno));
}

/* ---- how a job ends ------------------------------------------------------------------------ */

static void set_result(struct job *j, am_status s, const char *why)
{
	pthread_mutex_lock(&j->lock);
	if (!j->res.error) {
		j->res.error = s;
		snprintf(j->res.why, sizeof(j->res.why), "%s", why);
	}
	pthread_mutex_unlock(&j->lock);
}

static void set_state(struct job *j, enum am_job_state state)
{
	pthread_mutex_lock(&j->lock);
	j->state = state;
	if (state == AM_JOB_RUN)
		j->run_us = now_us();
	if (state == AM_JOB_STORE)
		j->res.wall_us = now_us() - j->run_us;
	if (state == AM_JOB_DONE) {
		j->out.eof = j->err.eof = true;
		j->done_ms = now_ms();
		j->res.state = AM_JOB_DONE;
	}
	pthread_cond_broadcast(&j->change);
	pthread_mutex_unlock(&j->lock);
}

static void take_ctl(struct job *j, const struct ctl *c)
{
	pthread_mutex_lock(&j->lock);
	if (c->type == CTL_ERROR) {
		j->res.error = c->value < 0 ? c->value : AM_EX_SETUP;
		snprintf(j->res.why, sizeof(j->res.why), "%.*s", (int)sizeof(c->why) - 1, c->why);
	} else if (c->type == CTL_EXIT) {
		j->res.exited = WIFEXITED(c->value);
		j->res.code = WIFEXITED(c->value) ? WEXITSTATUS(c->value) : WTERMSIG(c->value);
		/* all are killed one after the other: a shell may say so of its child before its turn */
		if (j->kill && j->res.exited && j->res.code == 128 + SIGKILL) {
			j->res.exited = false;
			j->res.code = SIGKILL;
		}
		j->res.core = WIFSIGNALED(c->value) && WCOREDUMP(c->value);
		j->res.utime_us = c->utime_us;
		j->res.stime_us = c->stime_us;
		j->res.maxrss_kib = c->maxrss_kib;
		j->started = true;
	}
	pthread_mutex_unlock(&j->lock);
}

/* ---- the thread: RUN ----------------------------------------------------------------------- */

struct pump {
	struct spawned s;
	bool told;	/* how it ended */
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* from a pipe into a stream as long as there is room; closes at the end */
static void read_stream(struct job *j, int *fd, struct stream *s)
{
	bool ring = j->job->flags & AM_JOB_DETACHED;
	uint8_t buf[16384];
	size_t room;
	ssize_t n;

	for (;;) {
		pthread_mutex_lock(&j->lock);
		room = ring ? sizeof(buf) : stream_room(s);
		pthread_mutex_unlock(&j->lock);
		if (!room)
			return;
		n = read(*fd, buf, room < sizeof(buf) ? room : sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		pthread_mutex_lock(&j->lock);
		if (n > 0)
			stream_put(s, buf, (size_t)n, ring);
		else
			s->eof = true;
		pthread_cond_broadcast(&j->change);
		pthread_mutex_unlock(&j->lock);
		if (n <= 0) {
			shut(fd);
			return;
		}
	}
}

/* from the buffer into standard input; closes when the client has no more */
static void feed(struct job *j, int *fd)
{
	struct input *in = j->in;
	ssize_t n;

	pthread_mutex_lock(&j->lock);
	while (in->len) {
		n = write(*fd, in->buf + in->start, in->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN) {	/* nobody reads any more */
				in->shut = true;
				in->len = 0;
			}
			break;
		}
		in->start += (size_t)n;
		in->len -= (size_t)n;
	}
	if (!in->len) {
		in->start = 0;
		if (in->eof || in->shut) {
			in->shut = true;
			shut(fd);
		}
	}
	pthread_cond_broadcast(&j->change);
	pthread_mutex_unlock(&j->lock);
}

static void read_ctl(struct job *j, struct pump *p)
{
	struct ctl c;
	ssize_t n = recv(p->s.ctl, &c, sizeof(c), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(c)) {
		p->told = true;
		take_ctl(j, &c);
		return;
	}
	shut(&p->s.ctl);
}

static void send_signal(struct job *j, struct pump *p)
{
	struct ctl c = { .type = CTL_SIGNAL };

	pthread_mutex_lock(&j->lock);
	c.value = j->sig;
	j->sig = 0;
	pthread_mutex_unlock(&j->lock);
	if (c.value && p->s.ctl >= 0)
		send(p->s.ctl, &c, sizeof(c), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void end_all(struct job *j, struct pump *p)
{
	cgroup_kill(j->cgroup);
	/* without a process namespace its init must live to end the others: it sees the socket
	 * end
	 */
	if (conf.isolate)
		kill(p->s.pid, SIGKILL);
	shut(&p->s.ctl);
}

static bool has_room(struct job *j, const struct stream *s)
{
	bool room;

	pthread_mutex_lock(&j->lock);
	room = (j->job->flags & AM_JOB_DETACHED) || stream_room(s);
	pthread_mutex_unlock(&j->lock);
	return room;
}

static bool has_input(struct job *j)
{
	bool any;

	if (!j->in)
		return false;
	pthread_mutex_lock(&j->lock);
	any = j->in->len || j->in->eof;
	pthread_mutex_unlock(&j->lock);
	return any;
}

static void arm(struct job *j, struct pump *p, struct pollfd f[6])
{
	f[0] = (struct pollfd){ .fd = j->wake, .events = POLLIN };
	f[1] = (struct pollfd){ .fd = p->s.pidfd, .events = POLLIN };
	f[2] = (struct pollfd){ .fd = p->s.ctl, .events = POLLIN };
	f[3] = (struct pollfd){ .fd = has_room(j, &j->out) ? p->s.out : -1, .events = POLLIN };
	f[4] = (struct pollfd){ .fd = has_room(j, &j->err) ? p->s.err : -1, .events = POLLIN };
	f[5] = (struct pollfd){ .fd = has_input(j) ? p->s.in : -1, .events = POLLOUT };
}

/* until the init has ended; then everything of the job has, and what its pipes hold is read */
static void pump(struct job *j, struct pump *p)
{
	uint64_t wall = j->job->wall_s, begun = now_ms(), v;
	bool ending = false, gone = false;
	struct pollfd f[6];

	while (!gone) {
		arm(j, p, f);
		if (poll(f, 6, wall && !ending ? 1000 : -1) < 0 && errno != EINTR)
			break;
		if (f[0].revents && read(j->wake, &v, sizeof(v)) < 0 && errno != EAGAIN)
			break;
		if (f[2].revents)
			read_ctl(j, p);
		if (f[3].revents)
			read_stream(j, &p->s.out, &j->out);
		if (f[4].revents)
			read_stream(j, &p->s.err, &j->err);
		if (f[5].revents || (p->s.in >= 0 && has_input(j)))
			feed(j, &p->s.in);
		send_signal(j, p);
		if (wall && now_ms() - begun > wall * 1000 && !ending) {
			set_result(j, AM_STD_INTR, "its time was over");
			j->kill = true;
		}
		if (j->kill && !ending) {
			end_all(j, p);
			ending = true;
		}
		gone = f[1].revents & POLLIN;
	}
	if (!gone)
		end_all(j, p);
	if (p->s.ctl >= 0)
		read_ctl(j, p);
}

/*
 * After the end: every writer has ended, so a pipe has data or an end to tell at once, and what is
 * waited for is room, that is the client. A job that is to go waits for nobody.
 */
static void drain(struct job *j, struct pump *p)
{
	struct pollfd f[6];
	uint64_t v;
	int n;

	while ((p->s.out >= 0 || p->s.err >= 0) && !j->kill) {
		arm(j, p, f);
		f[1].fd = f[2].fd = f[5].fd = -1;
		n = poll(f, 6, f[3].fd < 0 && f[4].fd < 0 ? -1 : 1000);
		if (!n || (n < 0 && errno != EINTR))	/* a process got away with the pipe */
			break;
		if (f[0].revents && read(j->wake, &v, sizeof(v)) < 0 && errno != EAGAIN)
			break;
		if (f[3].revents)
			read_stream(j, &p->s.out, &j->out);
		if (f[4].revents)
			read_stream(j, &p->s.err, &j->err);
	}
}

static am_status run(struct job *j, const char *dir, char *why, size_t size)
{
	struct init_arg a = {
		.size = sizeof(a), .isolate = conf.isolate, .uid = conf.uid, .gid = conf.gid,
		.cpu_s = conf.cpu_s, .fsize_mib = conf.fsize_mib, .nproc = conf.nproc,
		.has_prog = !*j->job->prog, .ngroups = (uint32_t)conf.ngroups,
	};
	struct pump p = { .s = { .ctl = -1 } };
	am_status s;
	int status;

	for (int i = 0; i < conf.ngroups; i++)
		a.groups[i] = conf.groups[i];
	snprintf(a.dir, sizeof(a.dir), "%s", dir);
	j->cgroup = cgroup_make(j->id, j->job->mem_mib ? j->job->mem_mib : conf.mem_mib);
	if (j->cgroup < 0 && cgroup_have()) {
		snprintf(why, size, "its control group: %s", strerror(errno));
		return AM_EX_SETUP;
	}
	s = spawn(&a, j->desc, j->desc_len, j->job->flags, j->cgroup, &p.s, why, size);
	if (s)
		return s;
	set_state(j, AM_JOB_RUN);
	pump(j, &p);
	while (waitpid(p.s.pid, &status, 0) < 0 && errno == EINTR)
		;
	drain(j, &p);
	if (!p.told) {
		pthread_mutex_lock(&j->lock);
		if (j->kill) {	/* we ended it, the init with it */
			j->res.exited = false;
			j->res.code = SIGKILL;
			j->started = true;
		} else {
			s = AM_EX_SETUP;
			snprintf(why, size, "its first process ended with status %#x", status);
		}
		pthread_mutex_unlock(&j->lock);
	}
	shut(&p.s.in);
	shut(&p.s.out);
	shut(&p.s.err);
	shut(&p.s.ctl);
	shut(&p.s.pidfd);
	return s;
}

/* ---- the thread: STORE and the whole ------------------------------------------------------- */

static am_status store(struct job *j, int dirfd, char *why, size_t size)
{
	am_cap server = j->job->store;
	struct am_jobout *out;
	am_status s = AM_OK;
	size_t n = 0;

	while (j->job->out[n])
		n++;
	if (!n)
		return AM_OK;
	out = calloc(n, sizeof(*out));
	if (!out) {
		snprintf(why, size, "memory");
		return AM_STD_NOMEM;
	}
	if (am_cap_null(&server))
		s = am_b_server(&server);
	if (s)
		snprintf(why, size, "the file server for outputs: %s", am_why(s));
	for (size_t i = 0; !s && i < n && !j->kill; i++)
		s = scratch_store(dirfd, j->job->out[i], &server, &out[i], why, size);
	if (!s && j->kill) {
		s = AM_STD_INTR;
		snprintf(why, size, "ended while its outputs were stored");
	}
	if (s) {
		for (size_t i = 0; i < n; i++)
			if (out[i].present)
				am_std_destroy(&out[i].cap);
		free(out);
		return s;
	}
	pthread_mutex_lock(&j->lock);
	j->res.out = out;
	j->res.nout = n;
	pthread_mutex_unlock(&j->lock);
	return AM_OK;
}

static bool space_left(const char *dir)
{
	struct statvfs v;

	return statvfs(dir, &v) || (uint64_t)v.f_bavail * v.f_frsize >= SPACE_MIN;
}

static void *life(void *arg)
{
	struct job *j = arg;
	char dir[AM_PATH_MAX], why[200] = "";
	am_status s = AM_OK;
	int dirfd;

	dirfd = scratch_make(j->id, dir, sizeof(dir));
	if (dirfd < 0) {
		snprintf(why, sizeof(why), "its directory: %s", strerror(errno));
		s = AM_EX_SETUP;
	} else if (!space_left(dir)) {
		snprintf(why, sizeof(why), "no room left in %.150s", conf.state);
		s = AM_STD_NOSPACE;
	}
	if (!s)
		s = scratch_fill(dirfd, j->job, &j->kill, why, sizeof(why));
	if (!s && j->kill) {
		s = AM_STD_INTR;
		snprintf(why, sizeof(why), "ended before it started");
	}
	if (!s)
		s = run(j, dir, why, sizeof(why));
	if (s)
		set_result(j, s, why);
	cgroup_drop(j->cgroup, j->id);
	set_state(j, AM_JOB_STORE);
	if (j->started && !j->res.error) {
		s = store(j, dirfd, why, sizeof(why));
		if (s)
			set_result(j, s, why);
	}
	if (dirfd >= 0) {
		close(dirfd);
		scratch_drop(j->id);
	}
	pthread_mutex_lock(&jobs.lock);
	jobs.busy--;
	jobs.done++;
	pthread_cond_broadcast(&jobs.change);
	pthread_mutex_unlock(&jobs.lock);
	set_state(j, AM_JOB_DONE);
	job_put(j);
	return NULL;
}

/* ---- operations ---------------------------------------------------------------------------- */

/* what ps shows when nothing was said */
static void make_comment(struct job *j)
{
	size_t n = 0;

	if (*j->job->comment) {
		snprintf(j->comment, sizeof(j->comment), "%s", j->job->comment);
		return;
	}
	for (char **a = j->job->argv; *a && n < sizeof(j->comment) - 1; a++)
		n += (size_t)snprintf(j->comment + n, sizeof(j->comment) - n, "%s%s", n ? " " : "",
				      *a);
	for (char *c = j->comment; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static bool init_sync(struct job *j)
{
	pthread_condattr_t attr;

	j->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->wake < 0)
		return false;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->change, &attr);
	pthread_condattr_destroy(&attr);
	return true;
}

/* puts @j into the table under a free number; false when there is no place */
static bool enlist(struct job *j)
{
	bool ok;

	pthread_mutex_lock(&jobs.lock);
	ok = !stopping && jobs.busy < conf.jobs_max && jobs.known < TABLE_MAX;
	if (ok) {
		do {
			jobs.last_id = jobs.last_id % ID_MAX + 1;
		} while (find_locked(jobs.last_id));
		j->id = jobs.last_id;
		j->refs = 3;	/* the table, the thread, the caller */
		j->listed = true;
		j->next = jobs.list;
		jobs.list = j;
		jobs.known++;
		jobs.busy++;
	}
	pthread_mutex_unlock(&jobs.lock);
	return ok;
}

/* out of the table; true for the one who did it and now owns the table's reference */
static bool delist(struct job *j)
{
	struct job **p;
	bool was;

	pthread_mutex_lock(&jobs.lock);
	was = j->listed;
	j->listed = false;
	for (p = &jobs.list; was && *p != j; p = &(*p)->next)
		;
	if (was)
		*p = j->next;
	pthread_mutex_unlock(&jobs.lock);
	return was;
}

struct job *job_new(const void *desc, size_t len, am_status *s)
{
	struct job *j = calloc(1, sizeof(*j));
	pthread_t t;

	*s = AM_STD_NOMEM;
	if (!j)
		return NULL;
	j->cgroup = j->wake = -1;
	*s = am_job_unpack(desc, len, &j->job);
	if (*s)
		goto bad;
	*s = AM_STD_ARGBAD;
	if (!layout_ok(j->job->mounts))
		goto bad;
	*s = AM_STD_NOTNOW;
	if (*j->job->mounts && !conf.isolate)
		goto bad;
	*s = AM_STD_NOMEM;
	j->desc = malloc(len);
	j->desc_len = len;
	if (j->job->flags & AM_JOB_STDIN)
		j->in = calloc(1, sizeof(*j->in));
	if (!j->desc || (!j->in && (j->job->flags & AM_JOB_STDIN)) || !init_sync(j))
		goto bad;
	memcpy(j->desc, desc, len);
	am_port_random(&j->random);
	make_comment(j);
	if (j->job->flags & AM_JOB_MERGE)
		j->err.eof = true;
	j->born_us = now_us();
	j->touched_ms = now_ms();
	*s = AM_STD_NOTNOW;
	if (!enlist(j)) {
		job_free(j);
		return NULL;
	}
	if (pthread_create(&t, NULL, life, j)) {
		*s = AM_STD_NOMEM;
		delist(j);
		pthread_mutex_lock(&jobs.lock);
		jobs.busy--;
		j->refs = 1;
		pthread_mutex_unlock(&jobs.lock);
		job_put(j);
		return NULL;
	}
	pthread_detach(t);
	*s = AM_OK;
	return j;
bad:
	if (j->wake >= 0)
		close(j->wake);
	am_job_free(j->job);
	free(j->in);
	free(j->desc);
	free(j);
	return NULL;
}

void job_kill(struct job *j, int sig)
{
	pthread_mutex_lock(&j->lock);
	if (sig == SIGKILL || (sig && j->state == AM_JOB_FETCH))
		j->kill = true;
	else if (sig)
		j->sig = sig;
	pthread_mutex_unlock(&j->lock);
	wake(j);
}

static void destroy_outputs(struct job *j)
{
	for (size_t i = 0; i < j->res.nout; i++)
		if (j->res.out[i].present)
			am_std_destroy(&j->res.out[i].cap);
}

void job_forget(struct job *j, bool keep)
{
	struct timespec until;

	if (!delist(j))
		return;
	job_kill(j, SIGKILL);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&j->lock);
	while (j->state != AM_JOB_DONE)
		if (pthread_cond_timedwait(&j->change, &j->lock, &until))
			break;
	keep = keep && j->state == AM_JOB_DONE;
	pthread_mutex_unlock(&j->lock);
	if (!keep && j->state == AM_JOB_DONE)
		destroy_outputs(j);
	job_put(j);
}

/* ---- leases -------------------------------------------------------------------------------- */

static bool expired(struct job *j, uint64_t now)
{
	uint64_t lease = j->job->lease_ms ? j->job->lease_ms : conf.lease_ms;
	bool gone;

	pthread_mutex_lock(&j->lock);
	if (j->job->flags & AM_JOB_DETACHED)
		gone = j->state == AM_JOB_DONE && now > j->done_ms + DETACHED_KEEP_MS &&
		       now > j->touched_ms + DETACHED_KEEP_MS;
	else
		gone = now > j->touched_ms + lease;
	pthread_mutex_unlock(&j->lock);
	return gone;
}

static void *look_after(void *arg)
{
	uint32_t id;
	struct job *j;

	(void)arg;
	while (!stopping) {
		usleep(250000);
		for (id = 0; (j = job_next(id)); id++) {
			id = j->id;
			if (expired(j, now_ms())) {
				note("job %u: nobody asked for it any more: ended (%s)", id,
				     j->comment);
				job_forget(j, false);
			}
			job_put(j);
		}
	}
	return NULL;
}

void jobs_start(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, look_after, NULL))
		note("no thread for leases: jobs nobody asks for run on");
	else
		pthread_detach(t);
}

/* stopping is set: no job is added any more */
void jobs_stop(void)
{
	struct timespec until;
	uint32_t id;
	struct job *j;

	for (id = 0; (j = job_next(id)); id++) {
		id = j->id;
		job_kill(j, SIGKILL);
		job_put(j);
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&jobs.lock);
	while (jobs.busy)
		if (pthread_cond_timedwait(&jobs.change, &jobs.lock, &until))
			break;
	if (jobs.busy)
		note("%u jobs did not end", jobs.busy);
	pthread_mutex_unlock(&jobs.lock);
}
