// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Directory stubs, facts 8. What changes a directory is sent once: after AM_RPC_FAILURE it may or
 * may not have happened and only the caller can find out.
 */
#include <stdlib.h>
#include <string.h>

#include "am_priv.h"

#define LIST_BUF	(64U << 10)
#define NO_MORE_ROWS	0xffff

static const uint32_t all_masks[AM_DIR_COLUMNS] = { 0xff, 0xff, 0xff, 0xff };

/* facts 8: printable ASCII without a slash, 1 to 255 bytes, and neither "." nor ".." */
static am_status check_name(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (i == AM_NAME_MAX || name[i] < '!' || name[i] > '~' || name[i] == '/')
			return AM_STD_ARGBAD;
	if (!i || !strcmp(name, ".") || !strcmp(name, ".."))
		return AM_STD_ARGBAD;
	return AM_OK;
}

/* the request for one row: name, and what else the command takes */
static am_status row(const am_cap *dir, int32_t command, const char *name, const am_cap *c,
		     const uint32_t *masks)
{
	struct amoeba_header h;
	uint8_t data[AM_NAME_MAX + 1 + 64];
	struct am_buf b;
	am_status s = check_name(name);
	int i;

	if (s)
		return s;
	am_buf_init(&b, data, sizeof(data));
	am_put_str(&b, name);
	if (c) {
		am_capset set;

		am_capset_one(&set, c);
		am_put_capset(&b, &set);
	}
	for (i = 0; masks && i < AM_DIR_COLUMNS; i++)
		am_put_u32(&b, masks[i]);
	if (b.bad)
		return AM_STD_ARGBAD;
	am_request_hdr(&h, dir, command);
	h.size = b.p - data;
	return am_trans(&h, data, b.p - data, NULL, NULL);
}

am_status am_dir_create(const am_cap *server, am_cap *dir)
{
	static const char columns[] = "owner\0group\0other";
	struct amoeba_header h;
	am_status s;

	am_request_hdr(&h, server, AM_DIR_CREATE);
	h.size = sizeof(columns);
	s = am_trans(&h, columns, sizeof(columns), NULL, NULL);
	if (s == AM_OK)
		am_hdr_get_cap(&h, dir);
	return s;
}

am_status am_dir_discard(const am_cap *dir)
{
	struct amoeba_header h;

	am_request_hdr(&h, dir, AM_DIR_DISCARD);
	return am_trans(&h, NULL, 0, NULL, NULL);
}

am_status am_dir_append(const am_cap *dir, const char *name, const am_cap *c,
			const uint32_t masks[AM_DIR_COLUMNS])
{
	return row(dir, AM_DIR_APPEND, name, c, masks ? masks : all_masks);
}

am_status am_dir_replace(const am_cap *dir, const char *name, const am_cap *c)
{
	return row(dir, AM_DIR_REPLACE, name, c, NULL);
}

am_status am_dir_delete(const am_cap *dir, const char *name)
{
	return row(dir, AM_DIR_DELETE, name, NULL, NULL);
}

am_status am_dir_chmod(const am_cap *dir, const char *name,
		       const uint32_t masks[AM_DIR_COLUMNS])
{
	return row(dir, AM_DIR_CHMOD, name, NULL, masks);
}

/* rows of one reply; 0 goes on, positive is @fn's end, negative a malformed reply */
static am_status list_rows(struct am_buf *b, int (*fn)(const struct am_dirent *, void *),
			   void *arg, unsigned int *nrows)
{
	struct am_dirent e;
	unsigned int i, j;

	e.ncols = am_get_u16(b);
	*nrows = am_get_u16(b);
	if (b->bad || e.ncols > AM_DIR_COLUMNS)
		return AM_STD_SYSERR;
	for (i = 0; i < e.ncols; i++)
		am_get_str(b);
	for (i = 0; i < *nrows; i++) {
		const char *name = am_get_str(b);
		int r;

		memset(e.masks, 0, sizeof(e.masks));
		for (j = 0; j < e.ncols; j++)
			e.masks[j] = am_get_u32(b);
		if (b->bad || strlen(name) > AM_NAME_MAX)
			return AM_STD_SYSERR;
		strcpy(e.name, name);
		r = fn(&e, arg);
		if (r)
			return r;
	}
	return AM_OK;
}

am_status am_dir_list(const am_cap *dir, int (*fn)(const struct am_dirent *e, void *arg),
		      void *arg)
{
	uint8_t *data = malloc(LIST_BUF);
	unsigned int first = 0;
	am_status s;

	if (!data)
		return AM_STD_NOMEM;
	for (;;) {
		struct amoeba_header h;
		size_t len = LIST_BUF;
		unsigned int n;
		struct am_buf b;

		am_request_hdr(&h, dir, AM_DIR_LIST);
		h.extra = first;
		s = am_trans_again(&h, NULL, 0, data, &len, NULL);
		if (s)
			break;
		am_buf_init(&b, data, len);
		s = list_rows(&b, fn, arg, &n);
		if (s || h.extra == NO_MORE_ROWS)
			break;
		if (!n || h.extra <= first) {	/* would never end */
			s = AM_STD_SYSERR;
			break;
		}
		first = h.extra;
	}
	free(data);
	return s;
}
