// SPDX-License-Identifier: LGPL-2.1-or-later
/* Capability sets, facts 4.4: one object, several servers that hold it. */
#include <string.h>

#include "am_priv.h"

#define CHOOSE_MS 4000	/* how long a member may take to answer, facts 4.4 */

void am_capset_one(am_capset *s, const am_cap *c)
{
	memset(s, 0, sizeof(*s));
	s->initial = 1;
	s->final = 1;
	s->suite[0].cap = *c;
	s->suite[0].current = 1;
}

void am_put_capset(struct am_buf *b, const am_capset *s)
{
	int i;

	if (s->final < 0 || s->final > AM_CAPSET_MAX) {
		b->bad = true;
		return;
	}
	am_put_u16(b, s->initial);
	am_put_u16(b, s->final);
	for (i = 0; i < s->final; i++) {
		am_put_cap(b, &s->suite[i].cap);
		am_put_u16(b, s->suite[i].current);
	}
}

void am_get_capset(struct am_buf *b, am_capset *s)
{
	int i;

	memset(s, 0, sizeof(*s));
	s->initial = am_get_u16(b);
	s->final = am_get_u16(b);
	if (s->final < 0 || s->final > AM_CAPSET_MAX || s->initial < 0 ||
	    s->initial > AM_CAPSET_MAX)
		b->bad = true;
	for (i = 0; !b->bad && i < s->final; i++) {
		am_get_cap(b, &s->suite[i].cap);
		s->suite[i].current = am_get_u16(b);
	}
	if (b->bad)
		memset(s, 0, sizeof(*s));
}

am_status am_capset_choose(const am_capset *s, am_cap *c)
{
	const struct am_trans_opt opt = { .locate_ms = CHOOSE_MS, .timeout_ms = CHOOSE_MS };
	am_status st = AM_SP_UNREACH;
	int i, n = 0, last = 0;

	for (i = 0; i < s->final && i < AM_CAPSET_MAX; i++) {
		if (!s->suite[i].current || am_cap_null(&s->suite[i].cap))
			continue;
		n++;
		last = i;
	}
	if (n == 1) {
		*c = s->suite[last].cap;
		return AM_OK;
	}
	for (i = 0; n && i <= last; i++) {
		struct amoeba_header h;
		char info[256];
		size_t len = sizeof(info);

		if (!s->suite[i].current || am_cap_null(&s->suite[i].cap))
			continue;
		am_request_hdr(&h, &s->suite[i].cap, AM_STD_INFO);
		h.size = sizeof(info);
		st = am_trans_opt(&h, NULL, 0, info, &len, &opt);
		if (st == AM_OK || st == AM_STD_OVERFLOW) {
			*c = s->suite[i].cap;
			return AM_OK;
		}
	}
	return n > 1 ? AM_SP_UNREACH : AM_STD_NOTFOUND;
}
