// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The classic server calls: a thread waits with getreq, answers with putrep, and owes the one
 * before it may do the other again.
 */
#include <errno.h>
#include <string.h>

#include "am_priv.h"

static _Thread_local uint64_t owed;	/* handle of the request this thread has not answered */

static int64_t getreq(struct amoeba_getreq *g, struct amoeba_header *h, size_t size)
{
	int r;

	if (owed) {
		errno = EBUSY;
		return AM_RPC_FAILURE;
	}
	r = am_dev_ioctl(AMOEBA_GETREQ, g);
	if (r) {
		errno = -r;
		return am_errno_status(-r);
	}
	owed = g->handle;
	*h = g->hdr;
	return g->len < size ? g->len : size;
}

int64_t am_getreq(struct amoeba_header *h, void *buf, size_t size)
{
	struct amoeba_getreq g = { .hdr = *h, .recv = am_buf_of(buf, size) };

	if (!owed && !memcmp(h->port, (uint8_t[8]){ 0 }, sizeof(h->port)))
		return AM_RPC_BADPORT;
	return getreq(&g, h, size);
}

int64_t am_getreq_ports(struct amoeba_header *h, const am_port *get, unsigned int n,
			unsigned int *which, uint32_t flags, void *buf, size_t size)
{
	uint8_t list[AMOEBA_MAX_PORTS][8] = { 0 };
	struct amoeba_getreq g = { .recv = am_buf_of(buf, size), .flags = flags };
	unsigned int i;
	int64_t r;

	if (n > AMOEBA_MAX_PORTS) {
		errno = EINVAL;
		return AM_RPC_FAILURE;
	}
	for (i = 0; i < n; i++) {
		if (!owed && am_port_null(&get[i]))
			return AM_RPC_BADPORT;
		memcpy(list[i], get[i].b, sizeof(get[i].b));
	}
	if (n) {
		g.ports = (uintptr_t)list;
		g.nports = n;
	} else {
		g.flags |= AMOEBA_GETREQ_LISTENED;
	}
	r = getreq(&g, h, size);
	if (r >= 0 && which)
		*which = g.index;
	return r;
}

am_status am_forward(const uint8_t address[8])
{
	struct amoeba_forward fw = { .handle = owed };
	int r;

	if (!owed) {
		errno = EINVAL;
		return AM_RPC_FAILURE;
	}
	memcpy(fw.address, address, sizeof(fw.address));
	r = am_dev_ioctl(AMOEBA_FORWARD, &fw);
	if (!r || r == -ENOENT)
		owed = 0;
	errno = -r;
	return r ? am_errno_status(-r) : fw.verdict;
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
