// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bullet files, facts 7: whole files in chunks. The rules of the wire are in amoeba.h.
 *
 * How much a server takes in one transaction is learned from its replies and remembered by port;
 * a server not heard of yet gets what an original one can take.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "am_priv.h"

/* ---- the rules of the wire ------------------------------------------------------------------ */

void am_b_put_offset(struct amoeba_header *h, uint64_t offset)
{
	int i;

	memset(h->signature, 0, sizeof(h->signature));
	if (offset <= INT32_MAX) {
		h->offset = offset;
		return;
	}
	h->offset = -1;
	for (i = 0; i < 6; i++)
		h->signature[i] = offset >> (8 * i);
}

am_status am_b_get_offset(const struct amoeba_header *h, uint64_t *offset)
{
	uint64_t v = 0;
	int i;

	if (h->offset >= 0) {
		*offset = h->offset;
		return AM_OK;
	}
	if (h->offset != -1)
		return AM_STD_ARGBAD;
	for (i = 5; i >= 0; i--)
		v = v << 8 | h->signature[i];
	if (v <= INT32_MAX)	/* has a form of its own */
		return AM_STD_ARGBAD;
	*offset = v;
	return AM_OK;
}

void am_b_put_size(struct amoeba_header *h, uint32_t size)
{
	h->size = size & 0xffff;
	h->extra = size >> 16;
}

uint32_t am_b_get_size(const struct amoeba_header *h)
{
	return (h->size & 0xffff) | h->extra << 16;
}

void am_b_put_chunk(struct amoeba_header *h, uint32_t chunk)
{
	unsigned int log = 0;

	while (chunk >>= 1)
		log++;
	h->extra = log >= 16 ? AM_B_WIDE | (log < 30 ? log : 30) : 0;
}

uint32_t am_b_get_chunk(const struct amoeba_header *h)
{
	unsigned int log = h->extra & 0xff;

	if ((h->extra & ~0xffU) != AM_B_WIDE || log < 16 || log > 30)
		return AM_B_CLASSIC;
	return 1U << log;
}

/* ---- what each server takes ------------------------------------------------------------------ */

#define CHUNKS 16

static pthread_mutex_t chunk_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { am_port port; uint32_t chunk; } chunks[CHUNKS];
static unsigned int chunk_next;

/* 0: not heard of yet */
static uint32_t known_chunk(const am_port *port)
{
	uint32_t chunk = 0;
	int i;

	pthread_mutex_lock(&chunk_lock);
	for (i = 0; i < CHUNKS; i++)
		if (am_port_equal(&chunks[i].port, port))
			chunk = chunks[i].chunk;
	pthread_mutex_unlock(&chunk_lock);
	return chunk;
}

static uint32_t chunk_of(const am_port *port)
{
	uint32_t chunk = known_chunk(port);

	return chunk ? chunk : AM_B_CLASSIC;
}

/* remember what the reply @h of @port said */
static void learn(const am_port *port, const struct amoeba_header *h)
{
	uint32_t chunk = am_b_get_chunk(h);
	int i;

	if (chunk > AM_MAX_CHUNK)
		chunk = AM_MAX_CHUNK;
	pthread_mutex_lock(&chunk_lock);
	for (i = 0; i < CHUNKS; i++)
		if (am_port_equal(&chunks[i].port, port))
			break;
	if (i == CHUNKS) {
		i = chunk_next++ % CHUNKS;
		chunks[i].port = *port;
	}
	chunks[i].chunk = chunk;
	pthread_mutex_unlock(&chunk_lock);
}

/* ---- writing ---------------------------------------------------------------------------------- */

/*
 * A file in the making. Each piece is a transaction; the last one commits. MODIFY without COMMIT
 * writes the same bytes to the same place when repeated; CREATE and COMMIT are sent once.
 */
struct making {
	am_cap		cap;		/* the server, then the file */
	bool		created;
	uint64_t	size;
};

static am_status make_piece(struct making *m, const void *data, size_t len, bool last)
{
	am_port port = m->cap.port;
	struct amoeba_header h;
	am_status s;

	if (m->size + len > AM_B_OFFSET_MAX)
		return AM_STD_NOSPACE;
	am_request_hdr(&h, &m->cap, m->created ? AM_B_MODIFY : AM_B_CREATE);
	if (m->created)
		am_b_put_offset(&h, m->size);
	h.size = len & 0xffff;
	h.extra = last ? AM_B_COMMIT | AM_B_SAFETY : 0;
	if (m->created && !last)
		s = am_trans_again(&h, data, len, NULL, NULL, NULL);
	else
		s = am_trans(&h, data, len, NULL, NULL);
	if (s)
		return s;
	learn(&port, &h);
	am_hdr_get_cap(&h, &m->cap);
	if (am_cap_null(&m->cap))
		return AM_STD_SYSERR;
	m->created = true;
	m->size += len;
	return AM_OK;
}

/* give up: an uncommitted file would die by itself, but only after minutes */
static am_status make_fail(struct making *m, am_status s)
{
	if (m->created)
		am_std_destroy(&m->cap);
	return s;
}

am_status am_b_create(const am_cap *server, const void *data, size_t len, am_cap *file)
{
	struct making m = { .cap = *server };
	const uint8_t *p = data;
	am_status s;
	bool last;

	do {
		size_t n = chunk_of(&server->port);

		last = len <= n;
		if (last)
			n = len;
		s = make_piece(&m, p, n, last);
		if (s)
			return make_fail(&m, s);
		p += n;
		len -= n;
	} while (!last);
	*file = m.cap;
	return AM_OK;
}

/* up to @size bytes of @fd, fewer only at its end; or -1 with errno */
static ssize_t read_full(int fd, uint8_t *buf, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, buf + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		got += n;
	}
	return got;
}

am_status am_b_create_fd(const am_cap *server, int fd, am_cap *file, uint64_t *size)
{
	struct making m = { .cap = *server };
	uint8_t *buf = malloc(AM_MAX_CHUNK);
	am_status s = AM_OK;
	size_t have = 0;	/* read but not sent */
	bool end = false;

	if (!buf)
		return AM_STD_NOMEM;
	for (;;) {
		size_t n = chunk_of(&server->port);

		/* the last piece must be known as such: read until the buffer is full or the end */
		if (!end && have < AM_MAX_CHUNK) {
			ssize_t r = read_full(fd, buf + have, AM_MAX_CHUNK - have);

			if (r < 0) {
				s = AM_STD_SYSERR;
				break;
			}
			end = (size_t)r < AM_MAX_CHUNK - have;
			have += r;
		}
		if (n > have)
			n = have;
		s = make_piece(&m, buf, n, end && n == have);
		if (s || (end && n == have))
			break;
		have -= n;
		memmove(buf, buf + n, have);
	}
	free(buf);
	if (s)
		return make_fail(&m, s);
	*file = m.cap;
	if (size)
		*size = m.size;
	return AM_OK;
}

/* ---- reading ---------------------------------------------------------------------------------- */

am_status am_b_size(const am_cap *file, uint64_t *size)
{
	struct amoeba_header h;
	am_status s;

	am_request_hdr(&h, file, AM_B_SIZE);
	s = am_trans_again(&h, NULL, 0, NULL, NULL, NULL);
	if (s)
		return s;
	learn(&file->port, &h);
	return am_b_get_offset(&h, size) ? AM_STD_SYSERR : AM_OK;
}

/* one transaction: at most a chunk */
static am_status read_piece(const am_cap *file, uint64_t offset, void *buf, size_t *len)
{
	uint32_t chunk = chunk_of(&file->port);
	size_t want = *len < chunk ? *len : chunk;
	struct amoeba_header h;
	am_status s;

	*len = 0;
	if (offset > AM_B_OFFSET_MAX)
		return AM_STD_ARGBAD;
	am_request_hdr(&h, file, AM_B_READ);
	am_b_put_offset(&h, offset);
	am_b_put_size(&h, want);
	*len = want;
	s = am_trans_again(&h, NULL, 0, buf, len, NULL);
	if (s)
		*len = 0;
	return s;
}

am_status am_b_read(const am_cap *file, uint64_t offset, void *buf, size_t *len)
{
	uint8_t *p = buf;
	size_t want = *len, got = 0;

	*len = 0;
	if (want > AM_B_CLASSIC && !known_chunk(&file->port)) {
		uint64_t size;
		am_status s = am_b_size(file, &size);

		if (s)
			return s;
	}
	while (got < want) {
		size_t n = want - got;
		am_status s = read_piece(file, offset + got, p + got, &n);

		if (s)
			return s;
		got += n;
		*len = got;
		if (!n)
			break;
	}
	return AM_OK;
}

static int write_full(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

am_status am_b_read_fd(const am_cap *file, int fd, uint64_t *size)
{
	uint64_t total, at = 0;
	am_status s = am_b_size(file, &total);
	uint8_t *buf;

	if (s)
		return s;
	buf = malloc(AM_MAX_CHUNK);
	if (!buf)
		return AM_STD_NOMEM;
	while (at < total) {
		size_t n = total - at < AM_MAX_CHUNK ? total - at : AM_MAX_CHUNK;

		s = read_piece(file, at, buf, &n);
		if (!s && !n)
			s = AM_STD_SYSERR;	/* files do not shrink */
		if (!s && write_full(fd, buf, n))
			s = errno == ENOSPC ? AM_STD_NOSPACE : AM_STD_SYSERR;
		if (s)
			break;
		at += n;
	}
	free(buf);
	if (!s && size)
		*size = total;
	return s;
}

am_status am_b_load(const am_cap *file, void **data, size_t *len)
{
	uint64_t total;
	am_status s = am_b_size(file, &total);
	uint8_t *buf;
	size_t n;

	if (s)
		return s;
	if (total > SIZE_MAX - 1)
		return AM_STD_NOMEM;
	buf = malloc(total ? total : 1);
	if (!buf)
		return AM_STD_NOMEM;
	n = total;
	s = am_b_read(file, 0, buf, &n);
	if (!s && n != total)
		s = AM_STD_SYSERR;
	if (s) {
		free(buf);
		return s;
	}
	*data = buf;
	*len = n;
	return AM_OK;
}

am_status am_b_server(am_cap *server)
{
	return am_path("/profile/cap/bulletsvr/default", server);
}
