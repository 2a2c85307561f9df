// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One output stream of a job: a ring of bytes with positions, the bytes before an acknowledged
 * position gone. The caller holds job->lock.
 */
#include <stdlib.h>
#include <string.h>

#include "procd.h"

size_t stream_room(const struct stream *s)
{
	return STREAM_MAX - s->len;
}

/* @ring: what does not fit pushes the oldest out; otherwise the caller has looked at the room */
void stream_put(struct stream *s, const void *p, size_t n, bool ring)
{
	const uint8_t *from = p;
	size_t at, part;

	if (!s->buf) {
		s->buf = malloc(STREAM_MAX);
		if (!s->buf) {
			s->lost = true;
			s->base += n;
			return;
		}
	}
	if (n > STREAM_MAX) {
		s->base += s->len + n - STREAM_MAX;
		s->start = s->len = 0;
		s->lost = true;
		from += n - STREAM_MAX;
		n = STREAM_MAX;
	}
	if (n > stream_room(s)) {
		size_t drop = n - stream_room(s);

		if (!ring) {
			n = stream_room(s);
			s->lost = true;
		} else {
			s->start = (s->start + drop) % STREAM_MAX;
			s->len -= drop;
			s->base += drop;
			s->lost = true;
		}
	}
	at = (s->start + s->len) % STREAM_MAX;
	part = STREAM_MAX - at < n ? STREAM_MAX - at : n;
	memcpy(s->buf + at, from, part);
	memcpy(s->buf, from + part, n - part);
	s->len += n;
}

/* the client has everything before @pos */
void stream_ack(struct stream *s, uint64_t pos)
{
	size_t n;

	if (pos <= s->base)
		return;
	n = pos - s->base < s->len ? (size_t)(pos - s->base) : s->len;
	s->start = (s->start + n) % STREAM_MAX;
	s->len -= n;
	s->base += n;
}

/* up to @n bytes from *@pos on, which moves up when they are gone */
size_t stream_peek(const struct stream *s, uint64_t *pos, void *p, size_t n)
{
	size_t skip, at, part;

	if (*pos < s->base)
		*pos = s->base;
	if (*pos >= s->base + s->len)
		return 0;
	skip = (size_t)(*pos - s->base);
	if (n > s->len - skip)
		n = s->len - skip;
	at = (s->start + skip) % STREAM_MAX;
	part = STREAM_MAX - at < n ? STREAM_MAX - at : n;
	memcpy(p, s->buf + at, part);
	memcpy((uint8_t *)p + part, s->buf, n - part);
	return n;
}

void stream_free(struct stream *s)
{
	free(s->buf);
	s->buf = NULL;
}
