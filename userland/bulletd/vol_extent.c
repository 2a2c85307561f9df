// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vol_extent.c - free space: first fit, neighbours joined. The array always has room for one
 * extent more than there can be gaps between the extents in use, so giving back cannot fail.
 */
#include <stdlib.h>
#include <string.h>

#include "vol_int.h"

void free_init(struct freemap *m)
{
	memset(m, 0, sizeof(*m));
}

void free_done(struct freemap *m)
{
	free(m->e);
	memset(m, 0, sizeof(*m));
}

am_status free_room(struct freemap *m, size_t n)
{
	struct extent *e;
	size_t room;

	if (n + 2 <= m->room)
		return AM_OK;
	room = m->room ? m->room : 64;
	while (room < n + 2)
		room *= 2;
	e = realloc(m->e, room * sizeof(*e));
	if (!e)
		return AM_STD_NOMEM;
	m->e = e;
	m->room = room;
	return AM_OK;
}

/* index of the first extent that begins at or behind @start */
static size_t find(const struct freemap *m, uint64_t start)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->e[mid].start < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void drop(struct freemap *m, size_t i)
{
	m->n--;
	memmove(&m->e[i], &m->e[i + 1], (m->n - i) * sizeof(m->e[0]));
}

/* takes @len blocks from the front of extent @i */
static void take(struct freemap *m, size_t i, uint64_t len)
{
	m->e[i].start += len;
	m->e[i].len -= len;
	m->blocks -= len;
	if (!m->e[i].len)
		drop(m, i);
}

am_status free_take(struct freemap *m, uint64_t len, struct extent *e)
{
	size_t i;

	if (len > m->blocks)
		return AM_STD_NOSPACE;
	for (i = 0; i < m->n; i++) {
		if (m->e[i].len < len)
			continue;
		e->start = m->e[i].start;
		e->len = len;
		take(m, i, len);
		return AM_OK;
	}
	return AM_STD_NOSPACE;
}

bool free_extend(struct freemap *m, const struct extent *e, uint64_t more)
{
	size_t i = find(m, e->start + e->len);

	if (i == m->n || m->e[i].start != e->start + e->len || m->e[i].len < more)
		return false;
	take(m, i, more);
	return true;
}

void free_give(struct freemap *m, uint64_t start, uint64_t len)
{
	size_t i = find(m, start);
	bool before = i > 0 && m->e[i - 1].start + m->e[i - 1].len == start;
	bool behind = i < m->n && start + len == m->e[i].start;

	if (!len)
		return;
	m->blocks += len;
	if (before && behind) {
		m->e[i - 1].len += len + m->e[i].len;
		drop(m, i);
	} else if (before) {
		m->e[i - 1].len += len;
	} else if (behind) {
		m->e[i].start = start;
		m->e[i].len += len;
	} else {
		memmove(&m->e[i + 1], &m->e[i], (m->n - i) * sizeof(m->e[0]));
		m->e[i] = (struct extent){ start, len };
		m->n++;
	}
}

uint64_t free_largest(const struct freemap *m)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->e[i].len > largest)
			largest = m->e[i].len;
	return largest;
}
