// SPDX-License-Identifier: LGPL-2.1-or-later
/* The standard operations every server knows, facts 5. */
#include <string.h>
#include <net/amcap.h>

#include "am_priv.h"

/* INFO and STATUS: text; size is the room in the request, the full length in the reply */
static am_status get_text(const am_cap *c, int32_t command, char *buf, size_t size)
{
	struct amoeba_header h;
	am_status s;
	size_t len;

	if (!size)
		return AM_STD_ARGBAD;
	len = size - 1;
	am_request_hdr(&h, c, command);
	h.size = len < 0xffff ? len : 0xffff;
	s = am_trans_again(&h, NULL, 0, buf, &len, NULL);
	buf[len] = 0;
	return s;
}

am_status am_std_info(const am_cap *c, char *buf, size_t size)
{
	return get_text(c, AM_STD_INFO, buf, size);
}

am_status am_std_status(const am_cap *c, char *buf, size_t size)
{
	return get_text(c, AM_STD_STATUS, buf, size);
}

am_status am_std_restrict(const am_cap *c, uint8_t mask, am_cap *out)
{
	struct amoeba_header h;
	am_status s;

	if ((c->rights & mask) == c->rights) {	/* nothing to take away */
		*out = *c;
		return AM_OK;
	}
	if (c->rights == AMCAP_ALL_RIGHTS) {
		am_port put = c->port, random;	/* @out may be @c */

		memcpy(random.b, c->check, sizeof(random.b));
		am_cap_make(out, &put, am_cap_object(c), mask, &random);
		return AM_OK;
	}
	am_request_hdr(&h, c, AM_STD_RESTRICT);
	h.offset = mask;
	s = am_trans_again(&h, NULL, 0, NULL, NULL, NULL);
	if (s == AM_OK)
		am_hdr_get_cap(&h, out);
	return s;
}

am_status am_std_destroy(const am_cap *c)
{
	struct amoeba_header h;

	am_request_hdr(&h, c, AM_STD_DESTROY);
	return am_trans(&h, NULL, 0, NULL, NULL);
}

am_status am_std_touch(const am_cap *c)
{
	struct amoeba_header h;

	am_request_hdr(&h, c, AM_STD_TOUCH);
	return am_trans_again(&h, NULL, 0, NULL, NULL, NULL);
}
