// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * serve.c - dispatch, capabilities, the standard commands.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "serve.h"

#define ON_SUPER	0x1	/* the command makes sense on the super capability */
#define ON_FILE		0x2	/* on a committed file */
#define ON_MAKING	0x4	/* on an uncommitted file */

struct command {
	uint32_t	number;
	unsigned int	flags;
	uint8_t		rights;		/* all of them are needed */
	am_status (*fn)(struct bulletd *b, struct am_request *rq, struct target *t);
};

am_status bulletd_target(struct bulletd *b, const am_cap *cap, struct target *t)
{
	uint32_t object = am_cap_object(cap);
	am_status s;

	memset(t, 0, sizeof(*t));
	if (!object)
		return am_cap_check(cap, &b->id.super, &t->rights);
	s = b->vol->ops->get(b->vol, object, &t->file);
	if (s)
		return s;
	s = am_cap_check(cap, &t->file->random, &t->rights);
	if (s)
		bulletd_release(t);
	else
		t->committed = b->vol->ops->committed(b->vol, t->file, &t->size);
	return s;
}

void bulletd_release(struct target *t)
{
	if (t->file)
		t->file->vol->ops->put(t->file->vol, t->file);
	t->file = NULL;
}

/* ---- standard commands -------------------------------------------------------------------- */

/* h_size: in what the client has room for, out the length of the text */
static am_status reply_text(struct am_request *rq, const char *text, int len)
{
	uint64_t room = rq->hdr.size;

	rq->hdr.size = (uint64_t)len;
	if ((uint64_t)len > room || (size_t)len > rq->rsize)
		return AM_STD_OVERFLOW;
	memcpy(rq->rbuf, text, (size_t)len);
	rq->rlen = (size_t)len;
	return AM_OK;
}

static am_status std_info(struct bulletd *b, struct am_request *rq, struct target *t)
{
	char text[64];
	int n;

	(void)b;
	if (t->file)
		n = snprintf(text, sizeof(text), "- %8" PRIu64 " bytes", t->size);
	else
		n = snprintf(text, sizeof(text), "bullet server");
	return reply_text(rq, text, n);
}

static am_status std_status(struct bulletd *b, struct am_request *rq, struct target *t)
{
	struct volume_stat st;
	char text[1024];
	int n;

	if (t->file) {
		n = snprintf(text, sizeof(text), "size %" PRIu64 "\n", t->size);
		return reply_text(rq, text, n);
	}
	b->vol->ops->stat(b->vol, &st);
	n = snprintf(text, sizeof(text),
		     "files         %10" PRIu64 " of %" PRIu64 "\n"
		     "uncommitted   %10" PRIu64 "\n"
		     "damaged       %10" PRIu64 "\n"
		     "bytes free    %10" PRIu64 " of %" PRIu64 "\n"
		     "largest hole  %10" PRIu64 "\n"
		     "requests      %10llu\n"
		     "errors        %10llu\n"
		     "bytes read    %10llu\n"
		     "bytes written %10llu\n"
		     "commits       %10" PRIu64 "\n",
		     st.files, st.inodes, st.uncommitted, st.damaged, st.free, st.size, st.largest,
		     (unsigned long long)atomic_load(&b->requests),
		     (unsigned long long)atomic_load(&b->errors),
		     (unsigned long long)atomic_load(&b->bytes_read),
		     (unsigned long long)atomic_load(&b->bytes_written), st.commits);
	return reply_text(rq, text, n);
}

static am_status std_restrict(struct bulletd *b, struct am_request *rq, struct target *t)
{
	uint8_t mask = (uint8_t)rq->hdr.offset;
	am_cap c;

	am_cap_make(&c, &rq->cap.port, am_cap_object(&rq->cap), t->rights & mask,
		    t->file ? &t->file->random : &b->id.super);
	am_hdr_set_cap(&rq->hdr, &c);
	return AM_OK;
}

static am_status std_touch(struct bulletd *b, struct am_request *rq, struct target *t)
{
	(void)b;
	(void)rq;
	(void)t;
	return AM_OK;
}

static am_status std_destroy(struct bulletd *b, struct am_request *rq, struct target *t)
{
	(void)rq;
	return b->vol->ops->destroy(b->vol, t->file);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

#define EDIT	(AM_B_RGT_READ | AM_B_RGT_MODIFY)

static const struct command commands[] = {
	{ AM_B_READ, ON_FILE, AM_B_RGT_READ, cmd_read },
	{ AM_B_SIZE, ON_FILE, AM_B_RGT_READ, cmd_size },
	{ AM_B_CREATE, ON_SUPER | ON_FILE, AM_B_RGT_CREATE, cmd_create },
	{ AM_B_MODIFY, ON_FILE | ON_MAKING, EDIT, cmd_modify },
	{ B_INSERT, ON_FILE | ON_MAKING, EDIT, cmd_insert },
	{ B_DELETE, ON_FILE | ON_MAKING, EDIT, cmd_delete },
	{ B_SYNC, ON_SUPER, 0, cmd_sync },
	{ AM_STD_COPY, ON_SUPER, AM_B_RGT_CREATE, cmd_copy },
	{ AM_STD_INFO, ON_SUPER | ON_FILE, AM_B_RGT_READ, std_info },
	{ AM_STD_STATUS, ON_SUPER | ON_FILE, AM_B_RGT_READ, std_status },
	{ AM_STD_RESTRICT, ON_SUPER | ON_FILE, 0, std_restrict },
	{ AM_STD_TOUCH, ON_SUPER | ON_FILE, 0, std_touch },
	{ AM_STD_DESTROY, ON_FILE | ON_MAKING, AM_B_RGT_DESTROY, std_destroy },
};

/* facts 7: what wants a file and gets the server, what wants the server and gets a file */
static am_status kind(const struct command *c, const struct target *t)
{
	if (!t->file)
		return c->flags & ON_SUPER ? AM_OK : AM_STD_COMBAD;
	return c->flags & (t->committed ? ON_FILE : ON_MAKING) ? AM_OK : AM_STD_CAPBAD;
}

static am_status serve(struct bulletd *b, struct am_request *rq)
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
	s = bulletd_target(b, &rq->cap, &t);
	if (s)
		return s;
	s = kind(c, &t);
	if (!s && (t.rights & c->rights) != c->rights)
		s = AM_STD_DENIED;
	if (!s && rq->trunc)
		s = AM_STD_ARGBAD;
	if (!s)
		s = c->fn(b, rq, &t);
	bulletd_release(&t);
	return s;
}

am_status bulletd_serve(struct am_request *rq, void *arg)
{
	struct bulletd *b = arg;
	am_status s = serve(b, rq);

	atomic_fetch_add_explicit(&b->requests, 1, memory_order_relaxed);
	if (s)
		atomic_fetch_add_explicit(&b->errors, 1, memory_order_relaxed);
	return s;
}

void bulletd_setup(struct bulletd *b, struct volume *vol, unsigned int threads)
{
	memset(b, 0, sizeof(*b));
	b->vol = vol;
	vol->ops->id(vol, &b->id);
	am_one_way(&b->id.get, &b->put);
	/* of several threads, some are always left for those who need no other server */
	b->remote_max = threads > 1 ? threads / 2 : 1;
}
