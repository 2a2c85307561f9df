// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ports and capabilities as bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <net/amcap.h>

#include "am_priv.h"

bool am_port_null(const am_port *p)
{
	static const am_port null;

	return !memcmp(p, &null, sizeof(null));
}

bool am_port_equal(const am_port *a, const am_port *b)
{
	return amcap_equal(a->b, b->b);
}

void am_port_random(am_port *p)
{
	do {
		ssize_t n = getrandom(p->b, sizeof(p->b), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(p->b))
			abort();
	} while (am_port_null(p));
}

void am_one_way(const am_port *get, am_port *put)
{
	amcap_one_way(get->b, put->b);
}

bool am_cap_null(const am_cap *c)
{
	return am_port_null(&c->port);
}

bool am_cap_equal(const am_cap *a, const am_cap *b)
{
	const uint8_t *p = (const uint8_t *)a, *q = (const uint8_t *)b;
	unsigned int diff = 0;
	size_t i;

	for (i = 0; i < sizeof(*a); i++)
		diff |= p[i] ^ q[i];
	return !diff;
}

uint32_t am_cap_object(const am_cap *c)
{
	return c->object[0] | c->object[1] << 8 | (uint32_t)c->object[2] << 16;
}

static void set_object(am_cap *c, uint32_t object)
{
	c->object[0] = object;
	c->object[1] = object >> 8;
	c->object[2] = object >> 16;
}

void am_cap_make(am_cap *c, const am_port *put, uint32_t object, uint8_t rights,
		 const am_port *random)
{
	uint8_t check[AMCAP_PORT];

	amcap_encode(rights, random->b, check);
	c->port = *put;
	set_object(c, object);
	c->rights = rights;
	memcpy(c->check, check, sizeof(check));
}

am_status am_cap_check(const am_cap *c, const am_port *random, uint8_t *rights)
{
	if (!amcap_check(c->rights, c->check, random->b))
		return AM_STD_CAPBAD;
	*rights = c->rights;
	return AM_OK;
}

void am_hdr_set_cap(struct amoeba_header *h, const am_cap *c)
{
	memset(h->port, 0, sizeof(h->port));
	memcpy(h->port, c->port.b, sizeof(c->port.b));
	h->object = am_cap_object(c);
	h->rights = c->rights;
	memset(h->check, 0, sizeof(h->check));
	memcpy(h->check, c->check, sizeof(c->check));
	h->site = 0;
}

/* a wider capability, which only a client of this machine can send, is none of 16 bytes */
void am_hdr_get_cap(const struct amoeba_header *h, am_cap *c)
{
	static const uint8_t zero[6];

	if (h->object > 0xffffff || h->rights > 0xff || h->site ||
	    memcmp(h->check + 6, zero, sizeof(zero))) {
		memset(c, 0, sizeof(*c));
		return;
	}
	memcpy(c->port.b, h->port, sizeof(c->port.b));
	set_object(c, h->object);
	c->rights = h->rights;
	memcpy(c->check, h->check, sizeof(c->check));
}
