// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lookup.c - LOOKUP: walking a path, and restricting what it ends at.
 *
 * A row is read with the masks of the columns the capability shows ORed; the set found in it is
 * restricted by that. The walk goes on as long as a member of the set is a directory of this
 * server, and what is left of the path goes back to the client with the set where it stopped.
 *
 * A member with all rights is restricted here; another one only its own server can restrict, and
 * that one is asked. Such waiting is bounded in time and in the number of threads that may do it,
 * so that names of dead servers cannot stop the service (AM_STD_NOTNOW).
 */
#include <string.h>

#include "serve.h"

/* asks the server of @c, which is another one */
static am_status restrict_remote(struct dird *d, const am_cap *c, uint8_t mask, am_cap *out)
{
	struct am_trans_opt opt = { .locate_ms = d->remote_ms, .timeout_ms = 5 * d->remote_ms };
	struct amoeba_header h;
	am_status s;

	if (atomic_fetch_add(&d->remote, 1) >= d->remote_max) {
		atomic_fetch_sub(&d->remote, 1);
		return AM_STD_NOTNOW;
	}
	memset(&h, 0, sizeof(h));
	am_hdr_set_cap(&h, c);
	h.command = AM_STD_RESTRICT;
	h.offset = mask;
	s = am_trans_opt(&h, NULL, 0, NULL, NULL, &opt);
	atomic_fetch_sub(&d->remote, 1);
	if (s)
		return s;
	am_hdr_get_cap(&h, out);
	out->port = c->port;
	return AM_OK;
}

static am_status restrict_one(struct dird *d, const am_cap *c, uint8_t mask, am_cap *out)
{
	am_port random;
	struct target t;
	am_status s;

	if ((c->rights & mask) == c->rights) {
		*out = *c;
		return AM_OK;
	}
	if (c->rights == 0xff) {
		memcpy(&random, c->check, sizeof(random));
		am_cap_make(out, &c->port, am_cap_object(c), mask, &random);
		return AM_OK;
	}
	if (!am_port_equal(&c->port, &d->put))
		return restrict_remote(d, c, mask, out);
	s = dird_target(d, c, &t);
	if (s)
		return s;
	am_cap_make(out, &c->port, am_cap_object(c), t.rights & mask, &t.random);
	return AM_OK;
}

/* members that cannot be restricted are left out; none left is an error */
static am_status restrict_set(struct dird *d, const am_capset *in, uint8_t mask, am_capset *out)
{
	am_status s, why = AM_SP_UNREACH;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < in->final; i++) {
		s = restrict_one(d, &in->suite[i].cap, mask, &out->suite[out->final].cap);
		if (s == AM_STD_NOTNOW)
			why = s;
		if (s)
			continue;
		out->suite[out->final].current = in->suite[i].current;
		if (i < in->initial)
			out->initial++;
		out->final++;
	}
	return out->final ? AM_OK : why;
}

/*
 * The directory of this server that @set names. AM_STD_NOTFOUND: none, the client has to ask
 * another server; else why the walk ends.
 */
static am_status step(struct dird *d, const am_capset *set, uint8_t mask, struct target *t)
{
	bool foreign = false;
	am_status s = AM_SP_UNREACH;

	for (int i = 0; i < set->final; i++) {
		const am_cap *c = &set->suite[i].cap;

		if (!am_port_equal(&c->port, &d->put)) {
			foreign = true;
			continue;
		}
		s = dird_target(d, c, t);
		if (s)
			continue;
		if (t->super) {
			s = AM_STD_COMBAD;
			continue;
		}
		t->rights &= mask;
		return dird_visible(t);
	}
	return foreign ? AM_STD_NOTFOUND : s;
}

/* next component of *@path, which moves behind it and the slashes that follow; "" at the end */
static bool component(const char **path, char name[AM_NAME_MAX + 1])
{
	const char *p = *path + strspn(*path, "/");
	size_t n = strcspn(p, "/");

	if (n > AM_NAME_MAX)
		return false;
	memcpy(name, p, n);
	name[n] = '\0';
	p += n;
	*path = p + strspn(p, "/");
	return true;
}

/* masks of the columns that @rights shows, ORed */
static uint8_t row_mask(const struct store_row *row, const struct target *t)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < t->dir.ncols; i++)
		if (t->rights & (1u << i))
			mask |= row->masks[i];
	return (uint8_t)mask;
}

/* @at: where the walk begins, moved along; @path: moved behind what was resolved */
static am_status walk(struct dird *d, struct target *at, const char **path, am_capset *set)
{
	char name[AM_NAME_MAX + 1];
	struct store_row row;
	struct target next;
	uint8_t mask;
	am_status s;

	for (;;) {
		if (!component(path, name))
			return AM_STD_NOTFOUND;
		s = d->st->ops->row(d->st, &at->dir.ref, name, &row);
		if (s)
			return s;
		mask = row_mask(&row, at);
		if (!**path)
			break;
		s = step(d, &row.set, mask, &next);
		if (s == AM_STD_NOTFOUND)
			break;
		if (s)
			return s;
		*at = next;
	}
	return restrict_set(d, &row.set, mask, set);
}

am_status cmd_lookup(struct dird *d, struct am_request *rq, const struct target *t)
{
	struct target at = *t;
	const char *path;
	struct am_buf b;
	am_capset set;
	am_status s;

	am_buf_init(&b, rq->data, rq->len);
	path = am_get_str(&b);
	if (b.bad || !path || b.p != b.end || strlen(path) > AM_PATH_MAX)
		return AM_STD_ARGBAD;
	path += strspn(path, "/");
	if (*path) {
		s = walk(d, &at, &path, &set);
		if (s)
			return s;
	} else {
		am_capset_one(&set, &rq->cap);
	}
	am_buf_init(&b, rq->rbuf, rq->rsize);
	am_put_str(&b, path);
	am_put_capset(&b, &set);
	if (b.bad)
		return AM_STD_OVERFLOW;
	rq->rlen = (size_t)(b.p - rq->rbuf);
	return AM_OK;
}
