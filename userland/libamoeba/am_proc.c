// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Stubs of the process server.
 *
 * DESIGN NOTES: bodies of the messages, little-endian
 *
 *   EXEC     > job descriptor (am_job.c)                        < header: the job's capability
 *   POLL     > u64 out_pos, u64 err_pos, u32 wait_ms
 *            < u32 flags, u64 out_pos, u64 err_pos, u32 n, n bytes, u32 n, n bytes
 *   WRITE    > u64 position, u32 flags (1: end of file), data
 *            < u64 taken so far, u32 flags (1: the job reads no more)
 *   WAIT     > offset: ms
 *            < u32 state; when done: i32 error, str why, u32 kind (0 none, 1 exit, 2 signal,
 *              3 signal with core), u32 code, u64 wall, user, system (us), u64 maxrss (KiB),
 *              u32 n, n times {u32 mode, 0 when absent; u64 size, cap}
 *   STUN     > offset: signal, or negative                      <
 *   DESTROY  > extra 1: the outputs stay                        <
 *   LIST     > offset: first number wanted
 *            < offset: next number, 0 at the end; u32 n, n times {u32 id, state, flags;
 *              u64 age, cpu (us), memory (KiB); str comment; cap}
 *   GETLOAD  < extra, offset, size: as ever (facts 9.1), cut to what the classic fields hold;
 *              u32 flags, ncpu, load, runnable, jobs, jobs_max, psi_cpu, psi_mem, psi_io, kips;
 *              u64 mem_total, mem_free, uptime, jobs_done; str name, machine, release, user
 *
 * POLL, WRITE, WAIT and LIST name positions, so doing one twice is harmless: after a verdict that
 * leaves it open whether the server did it they are simply sent again, a few times.
 */
#include <stdlib.h>
#include <string.h>

#include <amoeba_proc.h>

#define TRIES	3

static void header(struct amoeba_header *h, const am_cap *c, int32_t command)
{
	memset(h, 0, sizeof(*h));
	am_hdr_set_cap(h, c);
	h->command = command;
}

/* one that may be repeated; a header and a buffer are consumed by each attempt */
static am_status ask(const am_cap *c, int32_t command, struct amoeba_header *h, const void *data,
		     size_t len, void *rbuf, size_t *rlen, const struct am_trans_opt *opt)
{
	struct amoeba_header first = *h;
	size_t room = rlen ? *rlen : 0;
	am_status s = AM_RPC_FAILURE;

	for (int i = 0; i < TRIES; i++) {
		*h = first;
		am_hdr_set_cap(h, c);
		h->command = command;
		if (rlen)
			*rlen = room;
		s = am_trans_opt(h, data, len, rbuf, rlen, opt);
		if (s != AM_RPC_FAILURE && s != AM_RPC_TRYAGAIN)
			break;
	}
	return s;
}

am_status am_ps_exec(const am_cap *host, const struct am_job *j, am_cap *proc)
{
	struct am_trans_opt opt = { .locate_ms = 3000 };
	struct amoeba_header h;
	am_status s;
	size_t len;
	void *p;

	s = am_job_pack(j, &p, &len);
	if (s)
		return s;
	header(&h, host, AM_PS_EXEC);
	s = am_trans_opt(&h, p, len, NULL, NULL, &opt);
	free(p);
	if (s)
		return s;
	am_hdr_get_cap(&h, proc);
	return AM_OK;
}

am_status am_ps_poll(const am_cap *proc, struct am_poll *p)
{
	struct amoeba_header h = { 0 };
	size_t rlen = sizeof(p->buf);
	uint64_t out_pos, err_pos;
	uint8_t body[20] = { 0 };
	struct am_buf b;
	am_status s;

	am_buf_init(&b, body, sizeof(body));
	am_put_u64(&b, p->out_pos);
	am_put_u64(&b, p->err_pos);
	am_put_u32(&b, p->wait_ms);
	s = ask(proc, AM_PS_POLL, &h, body, sizeof(body), p->buf, &rlen, NULL);
	if (s)
		return s;
	am_buf_init(&b, p->buf, rlen);
	p->flags = am_get_u32(&b);
	out_pos = am_get_u64(&b);
	err_pos = am_get_u64(&b);
	p->out_len = am_get_u32(&b);
	p->out = am_get_bytes(&b, p->out_len);
	p->err_len = am_get_u32(&b);
	p->err = am_get_bytes(&b, p->err_len);
	if (b.bad)
		return AM_STD_SYSERR;
	p->out_pos = out_pos;
	p->err_pos = err_pos;
	return AM_OK;
}

am_status am_ps_write(const am_cap *proc, uint64_t *pos, const void *data, size_t len, bool *eof)
{
	struct amoeba_header h = { 0 };
	uint8_t reply[12] = { 0 };
	size_t rlen = sizeof(reply);
	struct am_buf b;
	uint8_t *body;
	uint64_t got;
	am_status s;

	if (len > AM_PS_IO_MAX)
		return AM_STD_ARGBAD;
	body = malloc(12 + len);
	if (!body)
		return AM_STD_NOMEM;
	am_buf_init(&b, body, 12 + len);
	am_put_u64(&b, *pos);
	am_put_u32(&b, *eof);
	am_put_bytes(&b, data, len);
	s = ask(proc, AM_PS_WRITE, &h, body, 12 + len, reply, &rlen, NULL);
	free(body);
	if (s)
		return s;
	am_buf_init(&b, reply, rlen);
	got = am_get_u64(&b);
	*eof = am_get_u32(&b) & 1;
	if (b.bad || got < *pos || got > *pos + len)
		return AM_STD_SYSERR;
	*pos = got;
	return AM_OK;
}

static am_status get_outputs(struct am_buf *b, struct am_jobres *r)
{
	uint32_t n = am_get_u32(b);

	if (b->bad || n > AM_JOB_FILES_MAX)
		return AM_STD_SYSERR;
	r->out = calloc((size_t)n + 1, sizeof(*r->out));
	if (!r->out)
		return AM_STD_NOMEM;
	r->nout = n;
	for (uint32_t i = 0; i < n; i++) {
		r->out[i].mode = am_get_u32(b);
		r->out[i].size = am_get_u64(b);
		am_get_cap(b, &r->out[i].cap);
		r->out[i].present = r->out[i].mode != 0;
	}
	return b->bad ? AM_STD_SYSERR : AM_OK;
}

am_status am_ps_wait(const am_cap *proc, uint32_t wait_ms, struct am_jobres *r)
{
	struct amoeba_header h = { 0 };
	size_t rlen = 4096 + AM_JOB_FILES_MAX * (12 + sizeof(am_cap));
	uint8_t *body = malloc(rlen);
	const char *why;
	struct am_buf b;
	uint32_t kind;
	am_status s;

	memset(r, 0, sizeof(*r));
	if (!body)
		return AM_STD_NOMEM;
	h.offset = wait_ms;
	s = ask(proc, AM_PS_WAIT, &h, NULL, 0, body, &rlen, NULL);
	if (s)
		goto out;
	am_buf_init(&b, body, rlen);
	r->state = am_get_u32(&b);
	if (r->state != AM_JOB_DONE) {
		s = b.bad || r->state > AM_JOB_DONE ? AM_STD_SYSERR : AM_OK;
		goto out;
	}
	r->error = (am_status)am_get_u32(&b);
	why = am_get_str(&b);
	kind = am_get_u32(&b);
	r->code = (int)am_get_u32(&b);
	r->wall_us = am_get_u64(&b);
	r->utime_us = am_get_u64(&b);
	r->stime_us = am_get_u64(&b);
	r->maxrss_kib = am_get_u64(&b);
	r->exited = kind == 1;
	r->core = kind == 3;
	s = b.bad || !why ? AM_STD_SYSERR : get_outputs(&b, r);
	if (!s) {
		strncpy(r->why, why, sizeof(r->why) - 1);
	} else {
		am_jobres_free(r);
		memset(r, 0, sizeof(*r));
	}
out:
	free(body);
	return s;
}

void am_jobres_free(struct am_jobres *r)
{
	free(r->out);
	r->out = NULL;
	r->nout = 0;
}

am_status am_ps_kill(const am_cap *proc, int sig)
{
	struct amoeba_header h;

	header(&h, proc, AM_PS_STUN);
	h.offset = sig;
	return am_trans(&h, NULL, 0, NULL, NULL);
}

am_status am_ps_release(const am_cap *proc, bool keep)
{
	struct amoeba_header h;

	header(&h, proc, AM_STD_DESTROY);
	h.extra = keep;
	return am_trans(&h, NULL, 0, NULL, NULL);
}

/* ---- hosts --------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = from ? strlen(from) : 0;

	if (n >= size)
		n = size - 1;
	if (n)
		memcpy(to, from, n);
	to[n] = '\0';
}

am_status am_ps_load(const am_cap *host, uint32_t timeout_ms, struct am_load *l)
{
	struct am_trans_opt opt = { .locate_ms = timeout_ms, .timeout_ms = timeout_ms };
	struct amoeba_header h;
	uint8_t body[1024];
	size_t rlen = sizeof(body);
	struct am_buf b;
	am_status s;

	memset(l, 0, sizeof(*l));
	header(&h, host, AM_PS_GETLOAD);
	s = am_trans_opt(&h, NULL, 0, body, &rlen, &opt);
	if (s)
		return s;
	am_buf_init(&b, body, rlen);
	l->flags = am_get_u32(&b);
	l->ncpu = am_get_u32(&b);
	l->load = am_get_u32(&b);
	l->runnable = am_get_u32(&b);
	l->jobs = am_get_u32(&b);
	l->jobs_max = am_get_u32(&b);
	l->psi_cpu = am_get_u32(&b);
	l->psi_mem = am_get_u32(&b);
	l->psi_io = am_get_u32(&b);
	l->kips = am_get_u32(&b);
	l->mem_total = am_get_u64(&b);
	l->mem_free = am_get_u64(&b);
	l->uptime_s = am_get_u64(&b);
	l->jobs_done = am_get_u64(&b);
	copy_text(l->name, sizeof(l->name), am_get_str(&b));
	copy_text(l->machine, sizeof(l->machine), am_get_str(&b));
	copy_text(l->release, sizeof(l->release), am_get_str(&b));
	copy_text(l->user, sizeof(l->user), am_get_str(&b));
	return b.bad ? AM_STD_SYSERR : AM_OK;
}

/* the rows of one answer; @next: 0 after the last. A positive value of @fn ends it */
static am_status list_some(const am_cap *host, int64_t *next,
			   int (*fn)(const struct am_proc *p, void *arg), void *arg)
{
	struct amoeba_header h = { .offset = *next };
	uint8_t *body = malloc(AM_PS_IO_MAX);
	size_t rlen = AM_PS_IO_MAX;
	struct am_buf b;
	am_status s;
	uint32_t n;

	if (!body)
		return AM_STD_NOMEM;
	s = ask(host, AM_PS_LIST, &h, NULL, 0, body, &rlen, NULL);
	if (s)
		goto out;
	if (h.offset && h.offset <= *next) {	/* would never end */
		s = AM_STD_SYSERR;
		goto out;
	}
	*next = h.offset;
	am_buf_init(&b, body, rlen);
	n = am_get_u32(&b);
	while (!b.bad && n--) {
		struct am_proc p = { 0 };

		p.id = am_get_u32(&b);
		p.state = am_get_u32(&b);
		p.flags = am_get_u32(&b);
		p.age_us = am_get_u64(&b);
		p.cpu_us = am_get_u64(&b);
		p.mem_kib = am_get_u64(&b);
		copy_text(p.comment, sizeof(p.comment), am_get_str(&b));
		am_get_cap(&b, &p.cap);
		if (b.bad)
			break;
		s = fn(&p, arg);
		if (s)
			goto out;
	}
	if (b.bad)
		s = AM_STD_SYSERR;
out:
	free(body);
	return s;
}

am_status am_ps_list(const am_cap *host, int (*fn)(const struct am_proc *p, void *arg), void *arg)
{
	int64_t next = 0;
	am_status s;

	do {
		s = list_some(host, &next, fn, arg);
	} while (!s && next);
	return s;
}

const char *am_ps_why(am_status s)
{
	switch (s) {
	case AM_EX_NOPROG:
		return "no such program";
	case AM_EX_PDREAD:
		return "an input cannot be read from its file server";
	case AM_EX_NOHOST:
		return "no host of the pool is up";
	case AM_EX_SETUP:
		return "the host could not set the job up";
	case AM_RUN_NOPOOL:
		return "there is no " AM_POOL_DIR " in the directory";
	case AM_RUN_NONE:
		return "no host of the pool fits";
	case AM_RUN_DOWN:
		return "the host is down";
	}
	return am_why(s);
}
