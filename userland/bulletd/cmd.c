// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd.c - the commands on files.
 */
#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define PIECE	(256u << 10)	/* bytes compared or copied at once */

/* ---- reading ------------------------------------------------------------------------------ */

/* the reply is with the client: the file is no longer needed */
static void read_done(void *arg)
{
	struct vfile *f = arg;

	f->vol->ops->put(f->vol, f);
}

am_status cmd_read(struct bulletd *b, struct am_request *rq, struct target *t)
{
	const struct volume_ops *ops = b->vol->ops;
	uint64_t at, n = am_b_get_size(&rq->hdr);
	const void *p = NULL;
	am_status s;

	s = am_b_get_offset(&rq->hdr, &at);
	if (s)
		return s;
	if (at > t->size || n > AMOEBA_MAX_DATA)
		return AM_STD_ARGBAD;
	if (n > t->size - at)
		n = t->size - at;
	am_b_put_size(&rq->hdr, (uint32_t)n);
	if (n > READ_COPY)
		p = ops->map(b->vol, t->file, at, (size_t)n);
	if (p) {
		rq->rdata = p;
		rq->rdone = read_done;
		rq->rdone_arg = t->file;
		t->file = NULL;		/* the pin is read_done()'s */
	} else {
		if (n > rq->rsize)
			return AM_STD_NOMEM;
		s = ops->read(b->vol, t->file, at, rq->rbuf, (size_t)n);
		if (s)
			return s;
	}
	rq->rlen = (size_t)n;
	atomic_fetch_add_explicit(&b->bytes_read, n, memory_order_relaxed);
	return AM_OK;
}

am_status cmd_size(struct bulletd *b, struct am_request *rq, struct target *t)
{
	(void)b;
	am_b_put_offset(&rq->hdr, t->size);
	am_b_put_chunk(&rq->hdr, AM_MAX_CHUNK);
	return AM_OK;
}

/* ---- comparing and copying ------------------------------------------------------------------ */

/* 1: the first @len bytes of @f are @p; 0: not; or an error */
static am_status same_bytes(struct vfile *f, const uint8_t *p, size_t len)
{
	uint8_t *buf = malloc(PIECE);
	am_status s = 1;

	if (!buf)
		return AM_STD_NOMEM;
	for (size_t at = 0; at < len && s == 1; at += PIECE) {
		size_t n = len - at < PIECE ? len - at : PIECE;

		s = f->vol->ops->read(f->vol, f, at, buf, n);
		if (!s)
			s = !memcmp(buf, p + at, n);
	}
	free(buf);
	return s;
}

/* the same for two committed files of @size bytes */
static am_status same_files(struct vfile *f, struct vfile *g, uint64_t size)
{
	uint8_t *buf = malloc(2 * PIECE);
	am_status s = 1;

	if (!buf)
		return AM_STD_NOMEM;
	for (uint64_t at = 0; at < size && s == 1; at += PIECE) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

		s = f->vol->ops->read(f->vol, f, at, buf, n);
		if (!s)
			s = g->vol->ops->read(g->vol, g, at, buf + PIECE, n);
		if (!s)
			s = !memcmp(buf, buf + PIECE, n);
	}
	free(buf);
	return s;
}

/* appends the @size bytes of the committed file @from to the empty file @to */
static am_status copy_file(struct bulletd *b, struct vfile *from, uint64_t size, struct vfile *to)
{
	uint8_t *buf = malloc(PIECE);
	am_status s = AM_OK;

	if (!buf)
		return AM_STD_NOMEM;
	for (uint64_t at = 0; at < size && !s; at += PIECE) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

		s = b->vol->ops->read(b->vol, from, at, buf, n);
		if (!s)
			s = b->vol->ops->write(b->vol, to, at, buf, n);
	}
	free(buf);
	return s;
}

/* ---- making files ---------------------------------------------------------------------------- */

/* size repeats the low 16 bits of the length; no other flags than the two */
static bool body_ok(const struct am_request *rq)
{
	return (rq->hdr.size & 0xffff) == (rq->len & 0xffff) &&
	       !(rq->hdr.extra & ~(uint32_t)(AM_B_COMMIT | AM_B_SAFETY));
}

/* the capability of @f with all rights */
static void owner_cap(struct bulletd *b, const struct vfile *f, am_cap *c)
{
	am_cap_make(c, &b->put, f->object, 0xff, &f->random);
}

/*
 * Commits @f if the flags say so. When it was made after another file and equals it, it goes, and
 * *@c becomes the capability of that one.
 */
static am_status finish(struct bulletd *b, struct vfile *f, uint32_t flags, am_cap *c)
{
	const struct volume_ops *ops = b->vol->ops;
	bool compare = !am_cap_null(&f->like), same = false;
	struct target like;
	uint64_t size;
	am_status s;

	if (!(flags & AM_B_COMMIT))
		return AM_OK;
	s = ops->commit(b->vol, f, !compare && (flags & AM_B_SAFETY));
	if (s || !compare)
		return s;

	ops->committed(b->vol, f, &size);
	if (!bulletd_target(b, &f->like, &like)) {
		if (like.file && like.committed && like.size == size)
			same = same_files(f, like.file, size) == 1;
		bulletd_release(&like);
	}
	if (same) {
		*c = f->like;
		return ops->destroy(b->vol, f);
	}
	return flags & AM_B_SAFETY ? ops->sync(b->vol) : AM_OK;
}

static void reply_file(struct bulletd *b, struct am_request *rq, const am_cap *c)
{
	am_hdr_set_cap(&rq->hdr, c);
	am_b_put_chunk(&rq->hdr, AM_MAX_CHUNK);
	atomic_fetch_add_explicit(&b->bytes_written, rq->len, memory_order_relaxed);
}

am_status cmd_create(struct bulletd *b, struct am_request *rq, struct target *t)
{
	const struct volume_ops *ops = b->vol->ops;
	bool compare = t->file && (t->rights & AM_B_RGT_READ);
	uint32_t flags = rq->hdr.extra;
	struct vfile *f;
	am_status s;
	am_cap c;

	if (!body_ok(rq))
		return AM_STD_ARGBAD;
	/* the whole file is here: whether it is the same is known without making it */
	if (compare && (flags & AM_B_COMMIT)) {
		if (t->size == rq->len && same_bytes(t->file, rq->data, rq->len) == 1) {
			reply_file(b, rq, &rq->cap);
			return AM_OK;
		}
		compare = false;
	}

	s = ops->create(b->vol, rq->len, &f);
	if (s)
		return s;
	owner_cap(b, f, &c);
	if (compare)
		f->like = rq->cap;
	s = ops->write(b->vol, f, 0, rq->data, rq->len);
	if (!s)
		s = finish(b, f, flags, &c);
	if (s)
		ops->destroy(b->vol, f);
	else
		reply_file(b, rq, &c);
	ops->put(b->vol, f);
	return s;
}

enum edit_kind { E_WRITE, E_INSERT, E_REMOVE };

/** what MODIFY, INSERT and DELETE do to a file */
struct edit {
	enum edit_kind	kind;
	uint64_t	at;
	const uint8_t	*p;
	uint64_t	len;
};

static am_status edit_apply(struct bulletd *b, struct vfile *f, const struct edit *e)
{
	const struct volume_ops *ops = b->vol->ops;

	switch (e->kind) {
	case E_WRITE:
		return ops->write(b->vol, f, e->at, e->p, (size_t)e->len);
	case E_INSERT:
		return ops->insert(b->vol, f, e->at, e->p, (size_t)e->len);
	case E_REMOVE:
		return ops->remove(b->vol, f, e->at, e->len);
	}
	return AM_STD_SYSERR;
}

/* a new file that is @t, which is committed, with the edit done */
static am_status edit_copy(struct bulletd *b, struct target *t, const struct edit *e,
			   uint32_t flags, am_cap *c)
{
	const struct volume_ops *ops = b->vol->ops;
	uint64_t expect = t->size;
	struct vfile *f;
	am_status s;

	if (e->at > t->size)
		return AM_STD_ARGBAD;
	if (e->kind == E_WRITE && e->at + e->len > expect)
		expect = e->at + e->len;
	s = ops->create(b->vol, expect, &f);
	if (s)
		return s;
	owner_cap(b, f, c);
	s = copy_file(b, t->file, t->size, f);
	if (!s)
		s = edit_apply(b, f, e);
	if (!s)
		s = finish(b, f, flags, c);
	if (s)
		ops->destroy(b->vol, f);
	ops->put(b->vol, f);
	return s;
}

static am_status edit(struct bulletd *b, struct am_request *rq, struct target *t,
		      const struct edit *e)
{
	uint32_t flags = rq->hdr.extra;
	am_cap c = rq->cap;
	am_status s = AM_STD_WRITEPROT;

	if (!t->committed) {
		s = edit_apply(b, t->file, e);
		if (!s)
			s = finish(b, t->file, flags, &c);
	}
	/* committed already, or by somebody else since the request began */
	if (s == AM_STD_WRITEPROT) {
		t->committed = b->vol->ops->committed(b->vol, t->file, &t->size);
		s = edit_copy(b, t, e, flags, &c);
	}
	if (!s)
		reply_file(b, rq, &c);
	return s;
}

am_status cmd_modify(struct bulletd *b, struct am_request *rq, struct target *t)
{
	struct edit e = { .kind = E_WRITE, .p = rq->data, .len = rq->len };
	am_status s;

	if (!body_ok(rq))
		return AM_STD_ARGBAD;
	s = am_b_get_offset(&rq->hdr, &e.at);
	if (s)
		return s;
	/* without data the offset has no meaning; clients leave anything in it */
	if (!e.len)
		e.at = 0;
	return edit(b, rq, t, &e);
}

am_status cmd_insert(struct bulletd *b, struct am_request *rq, struct target *t)
{
	struct edit e = { .kind = E_INSERT, .p = rq->data, .len = rq->len };
	am_status s;

	if (!body_ok(rq) || !rq->len)
		return AM_STD_ARGBAD;
	s = am_b_get_offset(&rq->hdr, &e.at);
	return s ? s : edit(b, rq, t, &e);
}

/* the body is the number of bytes, 4 bytes as in the original, or 8 */
am_status cmd_delete(struct bulletd *b, struct am_request *rq, struct target *t)
{
	struct edit e = { .kind = E_REMOVE };
	struct am_buf buf;
	am_status s;

	if (rq->hdr.extra & ~(uint32_t)(AM_B_COMMIT | AM_B_SAFETY))
		return AM_STD_ARGBAD;
	am_buf_init(&buf, rq->data, rq->len);
	if (rq->len == 4)
		e.len = am_get_u32(&buf);
	else if (rq->len == 8)
		e.len = am_get_u64(&buf);
	if (!e.len || (rq->len == 4 && e.len > INT32_MAX))
		return AM_STD_ARGBAD;
	s = am_b_get_offset(&rq->hdr, &e.at);
	return s ? s : edit(b, rq, t, &e);
}

am_status cmd_sync(struct bulletd *b, struct am_request *rq, struct target *t)
{
	(void)rq;
	(void)t;
	return b->vol->ops->sync(b->vol);
}

/* ---- copies from elsewhere --------------------------------------------------------------------- */

/* fills the empty file @f with what @orig names at another server */
static am_status copy_remote(struct bulletd *b, const am_cap *orig, struct vfile *f)
{
	uint64_t size, at = 0;
	uint8_t *buf;
	am_status s;

	s = am_b_size(orig, &size);
	if (s)
		return s;
	buf = malloc(AM_MAX_CHUNK);
	if (!buf)
		return AM_STD_NOMEM;
	while (at < size && !s) {
		size_t n = size - at < AM_MAX_CHUNK ? (size_t)(size - at) : AM_MAX_CHUNK;

		s = am_b_read(orig, at, buf, &n);
		if (!s && !n)
			s = AM_STD_SYSERR;
		if (!s)
			s = b->vol->ops->write(b->vol, f, at, buf, n);
		at += n;
	}
	free(buf);
	return s;
}

static am_status copy_local(struct bulletd *b, const am_cap *orig, struct vfile *f)
{
	struct target t;
	am_status s;

	s = bulletd_target(b, orig, &t);
	if (s)
		return s;
	if (!t.file)
		s = AM_STD_COMBAD;
	else if (!t.committed)
		s = AM_STD_CAPBAD;
	else if (!(t.rights & AM_B_RGT_READ))
		s = AM_STD_DENIED;
	else
		s = copy_file(b, t.file, t.size, f);
	bulletd_release(&t);
	return s;
}

am_status cmd_copy(struct bulletd *b, struct am_request *rq, struct target *t)
{
	const struct volume_ops *ops = b->vol->ops;
	struct am_buf buf;
	struct vfile *f;
	am_status s;
	am_cap orig, c;

	(void)t;
	am_buf_init(&buf, rq->data, rq->len);
	am_get_cap(&buf, &orig);
	if (buf.bad || buf.p != buf.end || am_cap_null(&orig))
		return AM_STD_ARGBAD;
	s = ops->create(b->vol, 0, &f);
	if (s)
		return s;
	if (am_port_equal(&orig.port, &b->put)) {
		s = copy_local(b, &orig, f);
	} else if (atomic_fetch_add(&b->remote, 1) < b->remote_max) {
		s = copy_remote(b, &orig, f);
		atomic_fetch_sub(&b->remote, 1);
	} else {
		atomic_fetch_sub(&b->remote, 1);
		s = AM_STD_NOTNOW;
	}
	if (!s)
		s = ops->commit(b->vol, f, true);
	if (s) {
		ops->destroy(b->vol, f);
	} else {
		owner_cap(b, f, &c);
		am_hdr_set_cap(&rq->hdr, &c);
	}
	ops->put(b->vol, f);
	return s;
}
