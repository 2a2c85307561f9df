// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd.c - the directory commands on one directory: bodies in, one call of the store, bodies out.
 */
#include <string.h>

#include "serve.h"

static size_t left(const struct am_buf *b)
{
	return (size_t)(b->end - b->p);
}

/* a string with its terminating zero: NULL when there is none before the end */
static const char *take_str(struct am_buf *b)
{
	const char *s = am_get_str(b);

	return b->bad ? NULL : s;
}

/* a name a row may have */
static const char *take_name(struct am_buf *b)
{
	const char *s = take_str(b);

	return s && store_name_ok(s) ? s : NULL;
}

/*
 * The 1 to 4 masks up to the end of the body. Missing ones are 0, those of columns the directory
 * has not are ignored by the store; a mask has 8 bits, what a sender that sign-extends puts above
 * them does not count.
 */
static bool take_masks(struct am_buf *b, uint32_t masks[AM_DIR_COLUMNS])
{
	size_t n = left(b) / 4;

	if (left(b) % 4 || n < 1 || n > AM_DIR_COLUMNS)
		return false;
	memset(masks, 0, AM_DIR_COLUMNS * sizeof(masks[0]));
	for (size_t i = 0; i < n; i++)
		masks[i] = am_get_u32(b) & 0xff;
	return !b->bad;
}

/* a set of 1 to AM_CAPSET_MAX members, each with a port */
static bool take_set(struct am_buf *b, am_capset *set)
{
	am_get_capset(b, set);
	if (b->bad || set->final < 1 || set->final > AM_CAPSET_MAX || set->initial < 0 ||
	    set->initial > set->final)
		return false;
	for (int i = 0; i < set->final; i++)
		if (am_cap_null(&set->suite[i].cap))
			return false;
	return true;
}

am_status cmd_create(struct dird *d, struct am_request *rq, const struct target *t)
{
	const char *cols[AM_DIR_COLUMNS];
	unsigned int ncols = 0;
	struct store_ref ref;
	struct am_buf b;
	am_status s;
	am_cap c;

	(void)t;
	am_buf_init(&b, rq->data, rq->len);
	while (left(&b)) {
		if (ncols == AM_DIR_COLUMNS)
			return AM_STD_ARGBAD;
		cols[ncols] = take_name(&b);
		if (!cols[ncols])
			return AM_STD_ARGBAD;
		ncols++;
	}
	if (!ncols)
		return AM_STD_ARGBAD;
	s = d->st->ops->create(d->st, ncols, cols, &ref);
	if (s)
		return s;
	am_cap_make(&c, &d->put, ref.object, 0xff, &ref.random);
	am_hdr_set_cap(&rq->hdr, &c);
	return AM_OK;
}

am_status cmd_discard(struct dird *d, struct am_request *rq, const struct target *t)
{
	(void)rq;
	return d->st->ops->discard(d->st, &t->dir.ref);
}

/** a listing being written */
struct list {
	struct am_buf	b;
	unsigned int	ncols;
	unsigned int	nrows;
	uint32_t	next;
};

static int list_row(const struct store_row *row, void *arg)
{
	struct list *l = arg;

	if (l->nrows == INT16_MAX ||
	    left(&l->b) < strlen(row->name) + 1 + 4 * (size_t)l->ncols) {
		l->next = row->slot;
		return 1;
	}
	am_put_str(&l->b, row->name);
	for (unsigned int i = 0; i < l->ncols; i++)
		am_put_u32(&l->b, row->masks[i]);
	l->nrows++;
	return 0;
}

am_status cmd_list(struct dird *d, struct am_request *rq, const struct target *t)
{
	struct list l = { .ncols = t->dir.ncols, .next = STORE_SLOTS };
	struct am_buf count;
	am_status s;

	am_buf_init(&l.b, rq->rbuf, rq->rsize < LIST_ROOM ? rq->rsize : LIST_ROOM);
	am_put_u16(&l.b, (uint16_t)l.ncols);
	count = l.b;
	am_put_u16(&l.b, 0);
	for (unsigned int i = 0; i < l.ncols; i++)
		am_put_str(&l.b, t->dir.cols[i]);
	if (l.b.bad)
		return AM_STD_OVERFLOW;
	s = d->st->ops->rows(d->st, &t->dir.ref, rq->hdr.extra, list_row, &l);
	if (s)
		return s;
	am_put_u16(&count, (uint16_t)l.nrows);
	rq->hdr.extra = l.next;
	rq->rlen = (size_t)(l.b.p - rq->rbuf);
	return AM_OK;
}

am_status cmd_append(struct dird *d, struct am_request *rq, const struct target *t)
{
	uint32_t masks[AM_DIR_COLUMNS];
	const char *name;
	struct am_buf b;
	am_capset set;

	am_buf_init(&b, rq->data, rq->len);
	name = take_name(&b);
	if (!name || !take_set(&b, &set) || !take_masks(&b, masks))
		return AM_STD_ARGBAD;
	return d->st->ops->append(d->st, &t->dir.ref, name, &set, masks);
}

am_status cmd_chmod(struct dird *d, struct am_request *rq, const struct target *t)
{
	uint32_t masks[AM_DIR_COLUMNS];
	const char *name;
	struct am_buf b;

	am_buf_init(&b, rq->data, rq->len);
	name = take_name(&b);
	if (!name || !take_masks(&b, masks))
		return AM_STD_ARGBAD;
	return d->st->ops->chmod(d->st, &t->dir.ref, name, masks);
}

am_status cmd_delete(struct dird *d, struct am_request *rq, const struct target *t)
{
	const char *name;
	struct am_buf b;

	am_buf_init(&b, rq->data, rq->len);
	name = take_name(&b);
	if (!name || left(&b))
		return AM_STD_ARGBAD;
	return d->st->ops->remove(d->st, &t->dir.ref, name);
}

am_status cmd_replace(struct dird *d, struct am_request *rq, const struct target *t)
{
	const char *name;
	struct am_buf b;
	am_capset set;

	am_buf_init(&b, rq->data, rq->len);
	name = take_name(&b);
	if (!name || !take_set(&b, &set) || left(&b))
		return AM_STD_ARGBAD;
	return d->st->ops->replace(d->st, &t->dir.ref, name, &set);
}

am_status cmd_getmasks(struct dird *d, struct am_request *rq, const struct target *t)
{
	struct store_row row;
	const char *name;
	struct am_buf b;
	am_status s;

	am_buf_init(&b, rq->data, rq->len);
	name = take_name(&b);
	if (!name || left(&b))
		return AM_STD_ARGBAD;
	s = d->st->ops->row(d->st, &t->dir.ref, name, &row);
	if (s)
		return s;
	am_buf_init(&b, rq->rbuf, rq->rsize);
	for (unsigned int i = 0; i < t->dir.ncols; i++)
		am_put_u32(&b, row.masks[i]);
	if (b.bad)
		return AM_STD_OVERFLOW;
	rq->rlen = (size_t)(b.p - rq->rbuf);
	return AM_OK;
}

am_status cmd_getseqnr(struct dird *d, struct am_request *rq, const struct target *t)
{
	struct am_buf b;

	(void)d;
	am_buf_init(&b, rq->rbuf, rq->rsize);
	am_put_u64(&b, t->dir.seq);
	if (b.bad)
		return AM_STD_OVERFLOW;
	rq->rlen = (size_t)(b.p - rq->rbuf);
	return AM_OK;
}
