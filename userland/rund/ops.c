// SPDX-License-Identifier: GPL-2.0-or-later
/* The requests to the run server; layouts in am_run.c. */
#include <stdlib.h>
#include <string.h>

#include "rund.h"

#define AVOID_MAX 256

static am_status op_find(struct am_request *rq)
{
	struct am_runhost found[AM_RUN_HOSTS_MAX];
	const char *avoid[AVOID_MAX + 1];
	uint32_t count, navoid;
	uint64_t need;
	struct am_buf b;
	size_t n;

	am_buf_init(&b, rq->data, rq->len);
	count = am_get_u32(&b);
	need = am_get_u64(&b);
	navoid = am_get_u32(&b);
	if (b.bad || rq->trunc || !count || count > AM_RUN_HOSTS_MAX || navoid > AVOID_MAX)
		return AM_STD_ARGBAD;
	for (uint32_t i = 0; i < navoid; i++) {
		avoid[i] = am_get_str(&b);
		if (!avoid[i])
			return AM_STD_ARGBAD;
	}
	avoid[navoid] = NULL;
	if (b.bad || b.p != b.end)
		return AM_STD_ARGBAD;
	n = hosts_find(need, avoid, found, count);
	if (!n) {
		if (!navoid)	/* one may just have come */
			hosts_rescan();
		return AM_RUN_NONE;
	}
	am_buf_init(&b, rq->rbuf, rq->rsize);
	am_put_u32(&b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		am_put_str(&b, found[i].name);
		am_put_cap(&b, &found[i].cap);
		am_put_u32(&b, found[i].ncpu);
		am_put_u32(&b, found[i].flags);
	}
	rq->rlen = (size_t)(b.p - rq->rbuf);
	return b.bad ? AM_STD_SYSERR : AM_OK;
}

static am_status op_getexeccap(struct am_request *rq)
{
	struct am_runhost h;
	struct am_buf b;

	if (rq->len)
		return AM_STD_ARGBAD;
	if (!hosts_find(0, NULL, &h, 1))
		return AM_RUN_NONE;
	am_hdr_set_cap(&rq->hdr, &h.cap);
	am_buf_init(&b, rq->rbuf, rq->rsize);
	am_put_str(&b, h.name);
	rq->rlen = (size_t)(b.p - rq->rbuf);
	return b.bad ? AM_STD_SYSERR : AM_OK;
}

static am_status op_restrict(struct am_request *rq, const struct ident *id, uint8_t rights)
{
	am_cap c;

	am_cap_make(&c, &rq->cap.port, 0, rights & (uint8_t)rq->hdr.offset, &id->random);
	am_hdr_set_cap(&rq->hdr, &c);
	rq->hdr.offset = 0;
	return AM_OK;
}

static am_status op_info(struct am_request *rq)
{
	static const char text[] = "run server";

	memcpy(rq->rbuf, text, sizeof(text) - 1);
	rq->rlen = sizeof(text) - 1;
	rq->hdr.size = rq->rlen;
	return AM_OK;
}

static am_status op_status(struct am_request *rq)
{
	size_t room = rq->rsize < UINT16_MAX ? rq->rsize : UINT16_MAX;

	rq->rlen = hosts_text((char *)rq->rbuf, room);
	rq->hdr.size = rq->rlen;
	return AM_OK;
}

am_status ops_handle(struct am_request *rq, void *arg)
{
	const struct ident *id = arg;
	uint8_t rights;
	am_status s;

	if (am_cap_object(&rq->cap))
		return AM_STD_CAPBAD;
	s = am_cap_check(&rq->cap, &id->random, &rights);
	if (s)
		return s;
	switch (rq->command) {
	case AM_RUN_FINDHOST:
		return rights & AM_RUN_RGT_FINDHOST ? op_find(rq) : AM_STD_DENIED;
	case AM_RUN_GETEXECCAP:
		return rights & AM_RUN_RGT_FINDHOST ? op_getexeccap(rq) : AM_STD_DENIED;
	case AM_STD_INFO:
		return op_info(rq);
	case AM_STD_STATUS:
		return rights & AM_RUN_RGT_STATUS ? op_status(rq) : AM_STD_DENIED;
	case AM_STD_TOUCH:
		hosts_rescan();
		return AM_OK;
	case AM_STD_AGE:
		return AM_OK;
	case AM_STD_RESTRICT:
		return op_restrict(rq, id, rights);
	case AM_STD_DESTROY:
		return AM_STD_DENIED;
	}
	return AM_STD_COMBAD;
}
