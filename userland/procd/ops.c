// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The requests: who may ask what, and the answers. Layouts in am_proc.c.
 *
 * Object 0 is the host, 'P' << 16 | number a job. A thread of the server that waits for a job
 * (POLL, WAIT, WRITE) is not there for others, so only so many may wait at once; the rest are
 * answered at once with what there is and ask again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "procd.h"

#define OBJECT(id)	(((uint32_t)'P' << 16) | (id))
#define JOB_RIGHTS	(AM_PS_RGT_READ | AM_PS_RGT_WRITE | AM_PS_RGT_DELETE | AM_PS_RGT_KILL)
#define NO_TURN_MS	20	/* how long one waits who found all turns taken */

static atomic_int turns;	/* threads that may still go to sleep */

void ops_start(unsigned int threads)
{
	turns = (int)threads - 4;
}

/* ---- waiting ------------------------------------------------------------------------------- */

static struct timespec deadline(uint32_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

/* until @ready, at most @ms; job->lock is held */
static void wait_for(struct job *j, uint32_t ms, bool (*ready)(struct job *j, const void *arg),
		     const void *arg)
{
	uint32_t lease = j->job->lease_ms ? j->job->lease_ms : conf.lease_ms;
	struct timespec until;
	bool turn;

	if (!ms || ready(j, arg))
		return;
	turn = atomic_fetch_sub(&turns, 1) > 0;
	if (ms > AM_PS_WAIT_MAX)
		ms = AM_PS_WAIT_MAX;
	if (ms > lease / 2)
		ms = lease / 2;
	if (!turn && ms > NO_TURN_MS)
		ms = NO_TURN_MS;
	until = deadline(ms);
	while (!stopping && !ready(j, arg))
		if (pthread_cond_timedwait(&j->change, &j->lock, &until))
			break;
	atomic_fetch_add(&turns, 1);
	j->touched_ms = now_ms();
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static void wake(struct job *j)
{
	job_kill(j, 0);		/* no signal: only looks up */
}

struct seen {
	uint64_t out, err;
};

static bool more_output(struct job *j, const void *arg)
{
	const struct seen *s = arg;

	return j->state == AM_JOB_DONE || j->out.base + j->out.len > s->out ||
	       j->err.base + j->err.len > s->err;
}

static am_status op_poll(struct am_request *rq, struct job *j)
{
	struct am_buf in, out;
	struct seen s;
	uint8_t *count, *end;
	uint64_t pos;
	uint32_t ms, flags = 0;
	size_t n, most = AM_PS_IO_MAX;

	am_buf_init(&in, rq->data, rq->len);
	s.out = am_get_u64(&in);
	s.err = am_get_u64(&in);
	ms = am_get_u32(&in);
	if (in.bad || in.p != in.end)
		return AM_STD_ARGBAD;
	pthread_mutex_lock(&j->lock);
	if (s.out > j->out.base + j->out.len || s.err > j->err.base + j->err.len) {
		pthread_mutex_unlock(&j->lock);
		return AM_STD_ARGBAD;
	}
	stream_ack(&j->out, s.out);
	stream_ack(&j->err, s.err);
	pthread_mutex_unlock(&j->lock);
	wake(j);	/* there may be room now */

	pthread_mutex_lock(&j->lock);
	wait_for(j, ms, more_output, &s);
	am_buf_init(&out, rq->rbuf, rq->rsize);
	end = rq->rbuf;
	am_put_u32(&out, 0);
	am_put_u64(&out, 0);
	am_put_u64(&out, 0);
	for (int i = 0; i < 2; i++) {
		struct stream *st = i ? &j->err : &j->out;

		pos = i ? s.err : s.out;
		/* the first stream leaves the other a quarter */
		n = i ? most : most - most / 4;
		count = out.p;
		am_put_u32(&out, 0);
		if (out.bad || (size_t)(out.end - out.p) < n) {
			pthread_mutex_unlock(&j->lock);
			return AM_STD_SYSERR;
		}
		n = stream_peek(st, &pos, out.p, n);
		out.p += n;
		most -= n;
		end = out.p;
		am_buf_init(&out, count, 4);
		am_put_u32(&out, (uint32_t)n);
		am_buf_init(&out, end, (size_t)(rq->rbuf + rq->rsize - end));
		*(i ? &s.err : &s.out) = pos + n;
		if (st->eof && pos + n >= st->base + st->len)
			flags |= i ? AM_POLL_ERR_EOF : AM_POLL_OUT_EOF;
		if (st->lost)
			flags |= AM_POLL_LOST;
	}
	if (j->state == AM_JOB_DONE)
		flags |= AM_POLL_DONE;
	pthread_mutex_unlock(&j->lock);
	rq->rlen = (size_t)(end - rq->rbuf);
	am_buf_init(&out, rq->rbuf, rq->rlen);
	am_put_u32(&out, flags);
	am_put_u64(&out, s.out);
	am_put_u64(&out, s.err);
	return AM_OK;
}

static bool takes_input(struct job *j, const void *arg)
{
	(void)arg;
	return j->state == AM_JOB_DONE || j->in->shut || j->in->len < sizeof(j->in->buf);
}

static am_status op_write(struct am_request *rq, struct job *j)
{
	struct input *in = j->in;
	const uint8_t *p;
	struct am_buf b;
	uint32_t flags;
	uint64_t pos;
	size_t len, n;
	bool eof;

	if (!in)
		return AM_STD_DENIED;
	am_buf_init(&b, rq->data, rq->len);
	pos = am_get_u64(&b);
	flags = am_get_u32(&b);
	if (b.bad || rq->trunc || (flags & ~1U))
		return AM_STD_ARGBAD;
	eof = flags & 1;
	p = b.p;
	len = (size_t)(b.end - b.p);
	if (len > AM_PS_IO_MAX)
		return AM_STD_ARGBAD;
	pthread_mutex_lock(&j->lock);
	if (pos > in->pos) {
		pthread_mutex_unlock(&j->lock);
		return AM_STD_ARGBAD;
	}
	/* what an earlier copy of this request brought is here already */
	if (in->pos - pos >= len) {
		p += len;
		len = 0;
	} else {
		p += in->pos - pos;
		len -= in->pos - pos;
	}
	if (len && !in->shut)
		wait_for(j, AM_PS_WAIT_MAX / 2, takes_input, NULL);
	if (in->shut || in->eof || j->state >= AM_JOB_STORE) {
		/* as a shell's pipe into a program that does not read: taken and gone */
		in->pos += len;
		flags = 1;	/* no need to send more */
	} else {
		flags = 0;
		if (in->start + in->len + len > sizeof(in->buf)) {
			memmove(in->buf, in->buf + in->start, in->len);
			in->start = 0;
		}
		n = sizeof(in->buf) - in->len;
		if (n > len)
			n = len;
		memcpy(in->buf + in->start + in->len, p, n);
		in->len += n;
		in->pos += n;
		len -= n;
		if (eof && !len)
			in->eof = true;
	}
	pos = in->pos;
	pthread_mutex_unlock(&j->lock);
	wake(j);
	am_buf_init(&b, rq->rbuf, rq->rsize);
	am_put_u64(&b, pos);
	am_put_u32(&b, flags);
	rq->rlen = (size_t)(b.p - rq->rbuf);
	return b.bad ? AM_STD_SYSERR : AM_OK;
}

static bool is_done(struct job *j, const void *arg)
{
	(void)arg;
	return j->state == AM_JOB_DONE;
}

static am_status op_wait(struct am_request *rq, struct job *j)
{
	const struct am_jobres *r = &j->res;
	struct am_buf b;

	if (rq->hdr.offset < 0)
		return AM_STD_ARGBAD;
	am_buf_init(&b, rq->rbuf, rq->rsize);
	pthread_mutex_lock(&j->lock);
	wait_for(j, rq->hdr.offset > AM_PS_WAIT_MAX ? AM_PS_WAIT_MAX : (uint32_t)rq->hdr.offset,
		 is_done, NULL);
	am_put_u32(&b, j->state);
	if (j->state == AM_JOB_DONE) {
		am_put_u32(&b, (uint32_t)r->error);
		am_put_str(&b, r->why);
		am_put_u32(&b, !j->started ? 0 : r->exited ? 1 : r->core ? 3 : 2);
		am_put_u32(&b, (uint32_t)r->code);
		am_put_u64(&b, r->wall_us);
		am_put_u64(&b, r->utime_us);
		am_put_u64(&b, r->stime_us);
		am_put_u64(&b, r->maxrss_kib);
		am_put_u32(&b, (uint32_t)r->nout);
		for (size_t i = 0; i < r->nout; i++) {
			am_put_u32(&b, r->out[i].present ? r->out[i].mode : 0);
			am_put_u64(&b, r->out[i].size);
			am_put_cap(&b, &r->out[i].cap);
		}
	}
	pthread_mutex_unlock(&j->lock);
	if (b.bad)
		return AM_STD_SYSERR;
	rq->rlen = (size_t)(b.p - rq->rbuf);
	rq->hdr.offset = 0;
	return AM_OK;
}

static const char *const prefix[] = {
	[AM_JOB_FETCH] = "Get", [AM_JOB_RUN] = "Run", [AM_JOB_STORE] = "Put", [AM_JOB_DONE] = "Die",
};

static am_status text(struct am_request *rq, const char *s)
{
	size_t n = strlen(s);

	if (n > rq->rsize)
		return AM_STD_OVERFLOW;
	memcpy(rq->rbuf, s, n);
	rq->rlen = n;
	rq->hdr.size = n;
	return AM_OK;
}

static am_status job_info(struct am_request *rq, struct job *j)
{
	char line[AM_JOB_COMMENT_MAX + 16];

	pthread_mutex_lock(&j->lock);
	snprintf(line, sizeof(line), "%s: %s", prefix[j->state], j->comment);
	pthread_mutex_unlock(&j->lock);
	return text(rq, line);
}

static am_status job_status(struct am_request *rq, struct job *j)
{
	uint64_t cpu, mem;
	char lines[1024];

	pthread_mutex_lock(&j->lock);
	/* the group is there exactly while the job runs */
	if (j->state == AM_JOB_RUN)
		cgroup_usage(j->cgroup, &cpu, &mem);
	else
		cpu = mem = 0;
	snprintf(lines, sizeof(lines),
		 "state %s\ncommand %s\nage %.3f s\nprocessor %.3f s\nmemory %llu KiB\n"
		 "inputs %zu\nerror %s\n", prefix[j->state], j->comment,
		 (double)(now_us() - j->born_us) / 1e6,
		 (double)(j->state == AM_JOB_DONE ? j->res.utime_us + j->res.stime_us : cpu) / 1e6,
		 (unsigned long long)mem, j->job->nin, j->res.error ? j->res.why : "none");
	pthread_mutex_unlock(&j->lock);
	return text(rq, lines);
}

static am_status op_stun(struct am_request *rq, struct job *j)
{
	int64_t sig = rq->hdr.offset;

	rq->hdr.offset = 0;
	if (sig < 0)
		sig = SIGKILL;
	if (sig < 1 || sig >= _NSIG)
		return AM_STD_ARGBAD;
	if (j->state == AM_JOB_DONE)
		return AM_STD_NOTFOUND;
	job_kill(j, (int)sig);
	return AM_OK;
}

static am_status op_comment(struct am_request *rq, struct job *j)
{
	struct am_buf b;
	const char *s;

	am_buf_init(&b, rq->data, rq->len);
	s = am_get_str(&b);
	if (!s || b.p != b.end || strlen(s) > AM_JOB_COMMENT_MAX)
		return AM_STD_ARGBAD;
	pthread_mutex_lock(&j->lock);
	strcpy(j->comment, s);
	pthread_mutex_unlock(&j->lock);
	return AM_OK;
}

static am_status get_comment(struct am_request *rq, struct job *j)
{
	struct am_buf b;

	am_buf_init(&b, rq->rbuf, rq->rsize);
	pthread_mutex_lock(&j->lock);
	am_put_str(&b, j->comment);
	pthread_mutex_unlock(&j->lock);
	rq->rlen = (size_t)(b.p - rq->rbuf);
	return b.bad ? AM_STD_OVERFLOW : AM_OK;
}

static am_status restrict_cap(struct am_request *rq, const am_port *random)
{
	uint8_t rights;
	am_cap c;
	am_status s;

	s = am_cap_check(&rq->cap, random, &rights);
	if (s)
		return s;
	am_cap_make(&c, &rq->cap.port, am_cap_object(&rq->cap),
		    rights & (uint8_t)rq->hdr.offset, random);
	am_hdr_set_cap(&rq->hdr, &c);
	rq->hdr.offset = 0;
	return AM_OK;
}

static bool allowed(uint8_t rights, uint8_t need)
{
	return (rights & need) == need;
}

static am_status job_op(struct am_request *rq, struct job *j)
{
	uint8_t rights;
	am_status s;

	s = am_cap_check(&rq->cap, &j->random, &rights);
	if (s)
		return s;
	pthread_mutex_lock(&j->lock);
	j->touched_ms = now_ms();
	pthread_mutex_unlock(&j->lock);

	switch (rq->command) {
	case AM_PS_POLL:
		return allowed(rights, AM_PS_RGT_READ) ? op_poll(rq, j) : AM_STD_DENIED;
	case AM_PS_WAIT:
		return allowed(rights, AM_PS_RGT_READ) ? op_wait(rq, j) : AM_STD_DENIED;
	case AM_PS_WRITE:
		return allowed(rights, AM_PS_RGT_WRITE) ? op_write(rq, j) : AM_STD_DENIED;
	case AM_PS_STUN:
		return allowed(rights, AM_PS_RGT_KILL) ? op_stun(rq, j) : AM_STD_DENIED;
	case AM_PS_SETCOMMENT:
		return allowed(rights, AM_PS_RGT_WRITE) ? op_comment(rq, j) : AM_STD_DENIED;
	case AM_PS_GETCOMMENT:
		return allowed(rights, AM_PS_RGT_READ) ? get_comment(rq, j) : AM_STD_DENIED;
	case AM_STD_INFO:
		return allowed(rights, AM_PS_RGT_READ) ? job_info(rq, j) : AM_STD_DENIED;
	case AM_STD_STATUS:
		return allowed(rights, AM_PS_RGT_READ) ? job_status(rq, j) : AM_STD_DENIED;
	case AM_STD_TOUCH:
		return AM_OK;
	case AM_STD_RESTRICT:
		return restrict_cap(rq, &j->random);
	case AM_STD_DESTROY:
		if (!allowed(rights, AM_PS_RGT_DELETE))
			return AM_STD_DENIED;
		job_forget(j, rq->hdr.extra & 1);
		return AM_OK;
	}
	return AM_STD_COMBAD;
}

/* ---- the host ------------------------------------------------------------------------------ */

static am_status op_exec(struct am_request *rq)
{
	struct job *j;
	am_status s;
	am_cap c;

	if (rq->trunc)
		return AM_STD_OVERFLOW;
	j = job_new(rq->data, rq->len, &s);
	if (!j)
		return s;
	am_cap_make(&c, &rq->cap.port, OBJECT(j->id), JOB_RIGHTS, &j->random);
	am_hdr_set_cap(&rq->hdr, &c);
	job_put(j);
	return AM_OK;
}

static int64_t at_most(uint64_t v, int64_t max)
{
	return v > (uint64_t)max ? max : (int64_t)v;
}

static am_status op_load(struct am_request *rq)
{
	struct am_load l;
	struct am_buf b;

	load_get(&l);
	am_buf_init(&b, rq->rbuf, rq->rsize);
	am_put_u32(&b, l.flags);
	am_put_u32(&b, l.ncpu);
	am_put_u32(&b, l.load);
	am_put_u32(&b, l.runnable);
	am_put_u32(&b, l.jobs);
	am_put_u32(&b, l.jobs_max);
	am_put_u32(&b, l.psi_cpu);
	am_put_u32(&b, l.psi_mem);
	am_put_u32(&b, l.psi_io);
	am_put_u32(&b, l.kips);
	am_put_u64(&b, l.mem_total);
	am_put_u64(&b, l.mem_free);
	am_put_u64(&b, l.uptime_s);
	am_put_u64(&b, l.jobs_done);
	am_put_str(&b, l.name);
	am_put_str(&b, l.machine);
	am_put_str(&b, l.release);
	am_put_str(&b, l.user);
	rq->rlen = (size_t)(b.p - rq->rbuf);
	/* what an original client looks at, in fields as wide as it has them */
	rq->hdr.extra = (uint32_t)at_most(l.kips, UINT16_MAX);
	rq->hdr.offset = at_most(l.mem_free * 1024, INT32_MAX);
	rq->hdr.size = (uint64_t)at_most(l.load, UINT16_MAX);
	return b.bad ? AM_STD_SYSERR : AM_OK;
}

static void put_job(struct am_buf *b, const struct am_request *rq, struct job *j, uint8_t rights)
{
	uint64_t cpu = 0, mem = 0;
	am_cap c = { 0 };

	if (rights & AM_PS_RGT_KILL)
		am_cap_make(&c, &rq->cap.port, OBJECT(j->id), JOB_RIGHTS, &j->random);
	pthread_mutex_lock(&j->lock);
	if (j->state == AM_JOB_RUN)
		cgroup_usage(j->cgroup, &cpu, &mem);
	else if (j->state == AM_JOB_DONE)
		cpu = j->res.utime_us + j->res.stime_us;
	am_put_u32(b, j->id);
	am_put_u32(b, j->state);
	am_put_u32(b, j->job->flags);
	am_put_u64(b, now_us() - j->born_us);
	am_put_u64(b, cpu);
	am_put_u64(b, mem);
	am_put_str(b, j->comment);
	am_put_cap(b, &c);
	pthread_mutex_unlock(&j->lock);
}

static am_status op_list(struct am_request *rq, uint8_t rights)
{
	size_t room = rq->rsize < AM_PS_IO_MAX ? rq->rsize : AM_PS_IO_MAX;
	struct am_buf b, head;
	uint32_t id, n = 0;
	struct job *j;

	if (rq->hdr.offset < 0 || rq->hdr.offset > UINT16_MAX)
		return AM_STD_ARGBAD;
	id = (uint32_t)rq->hdr.offset;
	am_buf_init(&b, rq->rbuf, room);
	am_put_u32(&b, 0);
	while ((j = job_next(id))) {
		if ((size_t)(b.end - b.p) < AM_JOB_COMMENT_MAX + 64) {
			job_put(j);
			break;
		}
		put_job(&b, rq, j, rights);
		id = j->id + 1;
		n++;
		job_put(j);
	}
	rq->rlen = (size_t)(b.p - rq->rbuf);
	rq->hdr.offset = j ? id : 0;
	am_buf_init(&head, rq->rbuf, 4);
	am_put_u32(&head, n);
	return b.bad ? AM_STD_SYSERR : AM_OK;
}

static am_status host_status(struct am_request *rq)
{
	uint64_t files, bytes, hits, misses;
	struct am_load l;
	char lines[2048];

	load_get(&l);
	cache_figures(&files, &bytes, &hits, &misses);
	snprintf(lines, sizeof(lines),
		 "host %s\nkernel %s %s\nprocessors %u\nload %.2f\nmemory %llu of %llu KiB free\n"
		 "pressure cpu %.2f memory %.2f io %.2f\njobs %u of %u, %llu done\nuser %s\n"
		 "isolation %s\ncontrol groups %s\n"
		 "cache %llu files, %llu of %llu bytes, %llu hits, %llu misses\n",
		 l.name, l.release, l.machine, l.ncpu, l.load / 1024.0,
		 (unsigned long long)l.mem_free, (unsigned long long)l.mem_total,
		 l.psi_cpu / 100.0, l.psi_mem / 100.0, l.psi_io / 100.0, l.jobs, l.jobs_max,
		 (unsigned long long)l.jobs_done, l.user,
		 l.flags & AM_HOST_ISOLATED ? "yes" : "no",
		 l.flags & AM_HOST_CGROUP ? "yes" : "no", (unsigned long long)files,
		 (unsigned long long)bytes, (unsigned long long)conf.cache_max,
		 (unsigned long long)hits, (unsigned long long)misses);
	return text(rq, lines);
}

static am_status host_op(struct am_request *rq, const struct ident *id)
{
	uint8_t rights;
	am_status s;

	s = am_cap_check(&rq->cap, &id->random, &rights);
	if (s)
		return s;
	switch (rq->command) {
	case AM_PS_EXEC:
		return allowed(rights, AM_PS_RGT_EXEC) ? op_exec(rq) : AM_STD_DENIED;
	case AM_PS_GETLOAD:
		return allowed(rights, AM_PS_RGT_READ) ? op_load(rq) : AM_STD_DENIED;
	case AM_PS_LIST:
		return allowed(rights, AM_PS_RGT_READ) ? op_list(rq, rights) : AM_STD_DENIED;
	case AM_STD_INFO:
		if (!allowed(rights, AM_PS_RGT_READ))
			return AM_STD_DENIED;
		return text(rq, "process/segment server");
	case AM_STD_STATUS:
		return allowed(rights, AM_PS_RGT_READ) ? host_status(rq) : AM_STD_DENIED;
	case AM_STD_TOUCH:
	case AM_STD_AGE:
		return AM_OK;
	case AM_STD_RESTRICT:
		return restrict_cap(rq, &id->random);
	case AM_STD_DESTROY:
		return AM_STD_DENIED;
	}
	return AM_STD_COMBAD;
}

am_status ops_handle(struct am_request *rq, void *arg)
{
	uint32_t object = am_cap_object(&rq->cap);
	struct job *j;
	am_status s;

	if (!object)
		return host_op(rq, arg);
	if (object >> 16 != 'P')
		return AM_STD_CAPBAD;
	j = job_find(object & 0xffff);
	if (!j)
		return AM_STD_CAPBAD;
	s = job_op(rq, j);
	job_put(j);
	return s;
}
