// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Marshalling, facts 4.4: integers little-endian, strings with their terminating zero. One
 * cursor for both directions; what would pass the end sets @bad, which sticks, and gives zeros.
 */
#include <string.h>

#include "am_priv.h"

void am_buf_init(struct am_buf *b, const void *p, size_t size)
{
	b->p = (uint8_t *)p;
	b->end = b->p ? b->p + size : b->p;
	b->bad = !p && size;
}

/* the next @n bytes, or NULL */
static uint8_t *take(struct am_buf *b, size_t n)
{
	uint8_t *p = b->p;

	if (b->bad || (size_t)(b->end - b->p) < n) {
		b->bad = true;
		return NULL;
	}
	if (n)
		b->p += n;
	return p;
}

static void put_le(struct am_buf *b, uint64_t v, unsigned int n)
{
	uint8_t *p = take(b, n);

	if (!p)
		return;
	while (n--) {
		*p++ = v;
		v >>= 8;
	}
}

static uint64_t get_le(struct am_buf *b, unsigned int n)
{
	const uint8_t *p = take(b, n);
	uint64_t v = 0;

	if (!p)
		return 0;
	while (n--)
		v = v << 8 | p[n];
	return v;
}

void am_put_u16(struct am_buf *b, uint16_t v)
{
	put_le(b, v, 2);
}

void am_put_u32(struct am_buf *b, uint32_t v)
{
	put_le(b, v, 4);
}

void am_put_u64(struct am_buf *b, uint64_t v)
{
	put_le(b, v, 8);
}

void am_put_bytes(struct am_buf *b, const void *p, size_t n)
{
	uint8_t *to = take(b, n);

	if (to && n)
		memcpy(to, p, n);
}

void am_put_str(struct am_buf *b, const char *s)
{
	am_put_bytes(b, s, strlen(s) + 1);
}

void am_put_cap(struct am_buf *b, const am_cap *c)
{
	am_put_bytes(b, c, sizeof(*c));
}

uint16_t am_get_u16(struct am_buf *b)
{
	return get_le(b, 2);
}

uint32_t am_get_u32(struct am_buf *b)
{
	return get_le(b, 4);
}

uint64_t am_get_u64(struct am_buf *b)
{
	return get_le(b, 8);
}

const void *am_get_bytes(struct am_buf *b, size_t n)
{
	return take(b, n);
}

const char *am_get_str(struct am_buf *b)
{
	size_t left = b->end - b->p;
	const uint8_t *zero = b->bad || !left ? NULL : memchr(b->p, 0, left);

	if (!zero) {
		b->bad = true;
		return NULL;
	}
	return (const char *)take(b, zero - b->p + 1);
}

void am_get_cap(struct am_buf *b, am_cap *c)
{
	const uint8_t *p = take(b, sizeof(*c));

	if (p)
		memcpy(c, p, sizeof(*c));
	else
		memset(c, 0, sizeof(*c));
}
