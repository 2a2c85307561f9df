// SPDX-License-Identifier: LGPL-2.1-or-later
/* The client's side: one transaction, and the repetition of what may be repeated. */
#include <errno.h>
#include <string.h>

#include "am_priv.h"

struct amoeba_buf am_buf_of(const void *p, size_t len)
{
	return (struct amoeba_buf){ .addr = len ? (uintptr_t)p : 0, .len = len };
}

am_status am_errno_status(int err)
{
	switch (err) {
	case EFAULT:
		return AM_RPC_BADADDRESS;
	case EINTR:
	case ECANCELED:
		return AM_RPC_ABORTED;
	case ERANGE:		/* a field the peer could not take; nothing was sent */
	case EMSGSIZE:
		return AM_STD_ARGBAD;
	case EAGAIN:
	case EBUSY:
	case ENOBUFS:
	case ENOMEM:
		return AM_RPC_TRYAGAIN;
	default:
		return AM_RPC_FAILURE;
	}
}

am_status am_trans_opt(struct amoeba_header *h, const void *data, size_t len,
		       void *rbuf, size_t *rlen, const struct am_trans_opt *opt)
{
	size_t size = rbuf && rlen ? *rlen : 0;
	struct amoeba_trans t = {
		.req = *h,
		.send = am_buf_of(data, len),
		.recv = am_buf_of(rbuf, size),
	};
	int r;

	if (opt) {
		t.flags = opt->flags;
		t.locate_ms = opt->locate_ms;
		t.timeout_ms = opt->timeout_ms;
		t.cookie = opt->cookie;
	}
	if (rlen)
		*rlen = 0;
	if (!memcmp(h->port, (uint8_t[8]){ 0 }, sizeof(h->port)))
		return AM_RPC_BADPORT;
	r = am_dev_ioctl(AMOEBA_TRANS, &t);
	if (r) {
		errno = -r;
		return am_errno_status(-r);
	}
	errno = 0;
	if (t.verdict)
		return t.verdict;

	*h = t.rep;
	if (rlen)
		*rlen = t.rep_len < size ? t.rep_len : size;
	if (h->status < 0 && h->status >= AM_RPC_UNSAFE)
		return AM_RPC_REMOTERPC;	/* a transaction of the server failed, not this one */
	if (h->status < 0)
		return h->status;
	if (rbuf && t.rep_len > size)
		return AM_STD_OVERFLOW;
	return AM_OK;
}

am_status am_trans(struct amoeba_header *h, const void *data, size_t len,
		   void *rbuf, size_t *rlen)
{
	return am_trans_opt(h, data, len, rbuf, rlen, NULL);
}

void am_request_hdr(struct amoeba_header *h, const am_cap *c, int32_t command)
{
	memset(h, 0, sizeof(*h));
	am_hdr_set_cap(h, c);
	h->command = command;
}

/*
 * AM_RPC_FAILURE may have been executed and AM_RPC_TRYAGAIN was not for want of room: another
 * try can help. AM_RPC_NOTFOUND has already looked for the server for the whole locate limit.
 */
am_status am_trans_again(struct amoeba_header *h, const void *data, size_t len,
			 void *rbuf, size_t *rlen, const struct am_trans_opt *opt)
{
	const struct amoeba_header req = *h;
	size_t size = rlen ? *rlen : 0;
	am_status s;
	int i;

	for (i = 0; i < AM_TRIES; i++) {
		*h = req;
		if (rlen)
			*rlen = size;
		s = am_trans_opt(h, data, len, rbuf, rlen, opt);
		if (s != AM_RPC_FAILURE && s != AM_RPC_TRYAGAIN)
			return s;
		if (s == AM_RPC_FAILURE && errno)	/* the call, not the transaction */
			return s;
	}
	return s;
}
