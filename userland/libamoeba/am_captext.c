// SPDX-License-Identifier: LGPL-2.1-or-later
/* Capabilities as text: P:P:P:P:P:P/object(RIGHTS)/C:C:C:C:C:C, facts 4.4. */
#include <stdio.h>
#include <string.h>

#include "am_priv.h"

char *am_cap_text(const am_cap *c, char text[AM_CAP_TEXT])
{
	const uint8_t *p = c->port.b, *k = c->check;

	snprintf(text, AM_CAP_TEXT, "%X:%X:%X:%X:%X:%X/%u(%X)/%X:%X:%X:%X:%X:%X",
		 p[0], p[1], p[2], p[3], p[4], p[5], am_cap_object(c), c->rights,
		 k[0], k[1], k[2], k[3], k[4], k[5]);
	return text;
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

/* one or two hex digits; the place behind them, or NULL */
static const char *get_byte(const char *s, uint8_t *v)
{
	int hi = hex_digit(s[0]), lo;

	if (hi < 0)
		return NULL;
	lo = hex_digit(s[1]);
	if (lo < 0) {
		*v = hi;
		return s + 1;
	}
	*v = hi << 4 | lo;
	return s + 2;
}

/* six bytes with colons between */
static const char *get_six(const char *s, uint8_t v[6])
{
	int i;

	for (i = 0; i < 6; i++) {
		if (i && *s++ != ':')
			return NULL;
		s = get_byte(s, &v[i]);
		if (!s)
			return NULL;
	}
	return s;
}

static const char *get_object(const char *s, uint8_t object[3])
{
	uint32_t n = 0;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (*s - '0');
		if (n > 0xffffff)
			return NULL;
	}
	object[0] = n;
	object[1] = n >> 8;
	object[2] = n >> 16;
	return s;
}

am_status am_cap_parse(const char *text, am_cap *c)
{
	const char *s = text;
	am_cap v;

	s = get_six(s, v.port.b);
	if (!s || *s++ != '/')
		return AM_STD_ARGBAD;
	s = get_object(s, v.object);
	if (!s || *s++ != '(')
		return AM_STD_ARGBAD;
	s = get_byte(s, &v.rights);
	if (!s || *s++ != ')' || *s++ != '/')
		return AM_STD_ARGBAD;
	s = get_six(s, v.check);
	if (!s || *s)
		return AM_STD_ARGBAD;
	*c = v;
	return AM_OK;
}
