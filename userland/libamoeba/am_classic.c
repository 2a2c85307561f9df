// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The classic server calls: a thread waits with getreq, answers with putrep, and owes the one
 * before it may do the other again.
 */
#include <errno.h>
#include <string.h>

#include "am_priv.h"

static _Thread_local uint64_t owed;	/* handle of the request this thread has not answered */

int64_t am_getreq(struct amoeba_header *h, void *buf, size_t size)
{
	struct amoeba_getreq g = { .hdr = *h, .recv = am_buf_of(buf, size) };
	int r;

	if (owed) {
		errno = EBUSY;
		return AM_RPC_FAILURE;
	}
	if (!memcmp(h->port, (uint8_t[8]){ 0 }, sizeof(h->port)))
		return AM_RPC_BADPORT;
	r = am_dev_ioctl(AMOEBA_GETREQ, &g);
	if (r) {
		errno = -r;
		return am_errno_status(-r);
	}
	owed = g.handle;
	*h = g.hdr;
	return g.len < size ? g.len : size;
}

am_status am_putrep(const struct amoeba_header *h, const void *buf, size_t len)
{
	struct amoeba_putrep p = {
		.hdr = *h,
		.send = am_buf_of(buf, len),
		.handle = owed,
	};
	int r;

	if (!owed) {
		errno = EINVAL;
		return AM_RPC_FAILURE;
	}
	r = am_dev_ioctl(AMOEBA_PUTREP, &p);
	if (!r) {
		owed = 0;
		return p.verdict;
	}
	/* refused as it is: still owed, a better reply may follow. Otherwise it is lost */
	if (r == -ENOENT || r == -EINTR)
		owed = 0;
	errno = -r;
	return am_errno_status(-r);
}
