// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * serve.c - dispatch, capabilities, the standard commands.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "serve.h"

#define ON_SUPER	0x1	/* the command makes sense on the super capability */
#define ON_DIR		0x2	/* on a directory */
#define NEED_COLUMN	0x4	/* on a directory: a visible column */

struct command {
	uint32_t	number;
	unsigned int	flags;
	uint8_t		rights;		/* all of them are needed */
	am_status (*fn)(struct dird *d, struct am_request *rq, const struct target *t);
};

am_status dird_target(struct dird *d, const am_cap *cap, struct target *t)
{
	uint32_t object = am_cap_object(cap);
	am_status s;

	t->super = object == 0;
	if (t->super) {
		t->random = d->id.super;
	} else {
		s = d->st->ops->dir(d->st, object, &t->dir);
		if (s)
			return s;
		t->random = t->dir.ref.random;
	}
	return am_cap_check(cap, &t->random, &t->rights);
}

am_status dird_visible(const struct target *t)
{
	uint8_t columns = (uint8_t)((1u << t->dir.ncols) - 1);

	return t->rights & columns ? AM_OK : AM_STD_DENIED;
}

/* ---- standard commands ------------------------------------------------------------------- */

/* h_size: in what the client has room for, out the length of the text */
static am_status reply_text(struct am_request *rq, const char *text, size_t len)
{
	uint64_t room = rq->hdr.size;

	rq->hdr.size = len;
	if (len > room || len > rq->rsize)
		return AM_STD_OVERFLOW;
	memcpy(rq->rbuf, text, len);
	rq->rlen = len;
	return AM_OK;
}

static am_status std_info(struct dird *d, struct am_request *rq, const struct target *t)
{
	static const char super[] = "soap generic capability";
	char text[8] = "/dw1234";

	(void)d;
	if (t->super)
		return reply_text(rq, super, strlen(super));
	if (!(t->rights & AM_DIR_RGT_DELETE))
		text[1] = '-';
	if (!(t->rights & AM_DIR_RGT_MODIFY))
		text[2] = '-';
	for (unsigned int i = 0; i < AM_DIR_COLUMNS; i++)
		if (!(t->rights & (1u << i)))
			text[3 + i] = '-';
	return reply_text(rq, text, strlen(text));
}

static am_status std_status(struct dird *d, struct am_request *rq, const struct target *t)
{
	struct store_stat st;
	char text[512];
	am_status s;
	int n;

	if (!t->super) {
		n = snprintf(text, sizeof(text),
			     "rows      %10" PRIu32 "\ncolumns   %10u\nsequence  %10" PRIu64 "\n",
			     t->dir.nrows, t->dir.ncols, t->dir.seq);
		return reply_text(rq, text, (size_t)n);
	}
	s = d->st->ops->stat(d->st, &st);
	if (s)
		return s;
	n = snprintf(text, sizeof(text),
		     "directories %10" PRIu64 "\nrows        %10" PRIu64 "\n"
		     "bytes       %10" PRIu64 " of %" PRIu64 "\nrequests    %10llu\n"
		     "errors      %10llu\nchanges     %10" PRIu64 "\ncommits     %10" PRIu64 "\n",
		     st.dirs, st.rows, st.used, st.size,
		     (unsigned long long)atomic_load(&d->requests),
		     (unsigned long long)atomic_load(&d->errors), st.changes, st.commits);
	return reply_text(rq, text, (size_t)n);
}

static am_status std_restrict(struct dird *d, struct am_request *rq, const struct target *t)
{
	uint8_t mask = (uint8_t)rq->hdr.offset;
	am_cap c;

	(void)d;
	am_cap_make(&c, &rq->cap.port, am_cap_object(&rq->cap), t->rights & mask, &t->random);
	am_hdr_set_cap(&rq->hdr, &c);
	return AM_OK;
}

static am_status std_touch(struct dird *d, struct am_request *rq, const struct target *t)
{
	(void)d;
	(void)rq;
	(void)t;
	return AM_OK;
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static const struct command commands[] = {
	{ AM_DIR_CREATE, ON_SUPER | ON_DIR | NEED_COLUMN, AM_DIR_RGT_MODIFY, cmd_create },
	{ AM_DIR_DISCARD, ON_DIR | NEED_COLUMN, AM_DIR_RGT_DELETE, cmd_discard },
	{ AM_DIR_LIST, ON_DIR | NEED_COLUMN, 0, cmd_list },
	{ AM_DIR_APPEND, ON_DIR | NEED_COLUMN, AM_DIR_RGT_MODIFY, cmd_append },
	{ AM_DIR_CHMOD, ON_DIR | NEED_COLUMN, AM_DIR_RGT_MODIFY, cmd_chmod },
	{ AM_DIR_DELETE, ON_DIR | NEED_COLUMN, AM_DIR_RGT_MODIFY, cmd_delete },
	{ AM_DIR_LOOKUP, ON_DIR | NEED_COLUMN, 0, cmd_lookup },
	{ AM_DIR_REPLACE, ON_DIR | NEED_COLUMN, AM_DIR_RGT_MODIFY, cmd_replace },
	{ DIR_GETMASKS, ON_DIR | NEED_COLUMN, 0, cmd_getmasks },
	{ DIR_GETSEQNR, ON_DIR | NEED_COLUMN, 0, cmd_getseqnr },
	{ AM_STD_INFO, ON_SUPER | ON_DIR | NEED_COLUMN, 0, std_info },
	{ AM_STD_STATUS, ON_SUPER | ON_DIR | NEED_COLUMN, 0, std_status },
	{ AM_STD_RESTRICT, ON_SUPER | ON_DIR, 0, std_restrict },
	{ AM_STD_TOUCH, ON_SUPER | ON_DIR, 0, std_touch },
	{ AM_STD_DESTROY, ON_DIR | NEED_COLUMN, AM_DIR_RGT_DELETE, cmd_discard },
};

static am_status serve(struct dird *d, struct am_request *rq)
{
	const struct command *c = NULL;
	struct target t;
	am_status s;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]) && !c; i++)
		if (commands[i].number == rq->command)
			c = &commands[i];
	if (!c)
		return AM_STD_COMBAD;
	s = dird_target(d, &rq->cap, &t);
	if (s)
		return s;
	if (!(c->flags & (t.super ? ON_SUPER : ON_DIR)))
		return AM_STD_COMBAD;
	if (!t.super && (c->flags & NEED_COLUMN)) {
		s = dird_visible(&t);
		if (s)
			return s;
	}
	if ((t.rights & c->rights) != c->rights)
		return AM_STD_DENIED;
	if (rq->trunc)
		return AM_STD_ARGBAD;
	return c->fn(d, rq, &t);
}

am_status dird_serve(struct am_request *rq, void *arg)
{
	struct dird *d = arg;
	am_status s = serve(d, rq);

	atomic_fetch_add_explicit(&d->requests, 1, memory_order_relaxed);
	if (s)
		atomic_fetch_add_explicit(&d->errors, 1, memory_order_relaxed);
	return s;
}

am_status dird_setup(struct dird *d, struct store *st, unsigned int threads)
{
	am_status s;

	memset(d, 0, sizeof(*d));
	d->st = st;
	s = st->ops->id(st, &d->id);
	if (s)
		return s;
	am_one_way(&d->id.get, &d->put);
	/* of several threads, some are always left for those who need no other server */
	d->remote_max = threads > 1 ? threads / 2 : 1;
	d->remote_ms = 2000;
	return AM_OK;
}
