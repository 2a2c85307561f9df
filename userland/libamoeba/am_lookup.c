// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Path lookup. A server resolves as much of a path as it holds itself and gives back the rest with
 * the capability of where it stopped; "." and ".." and empty parts are resolved here, by text,
 * before anything is sent (facts 8).
 */
#include <string.h>

#include "am_priv.h"

/* bytes of a path in one request; the original's servers take 255 and so each step sends that */
#define STEP_MAX 255

/*
 * @path without empty parts, "." and "..", into @out of AM_PATH_MAX bytes: "a/b/c", or "" for
 * the start itself. ".." at the start stays there, as in "/..".
 */
static am_status normalize(const char *path, char *out)
{
	size_t len = 0;

	while (*path) {
		size_t n = strcspn(path, "/");
		size_t i;

		if (!n || (n == 1 && path[0] == '.')) {
			path += n ? n : 1;
			continue;
		}
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (len && out[len - 1] != '/')
				len--;
			if (len)
				len--;
			path += n;
			continue;
		}
		if (n > AM_NAME_MAX)
			return AM_STD_ARGBAD;
		for (i = 0; i < n; i++)
			if (path[i] < '!' || path[i] > '~')
				return AM_STD_ARGBAD;
		if (len + n + 2 > AM_PATH_MAX)
			return AM_STD_ARGBAD;
		if (len)
			out[len++] = '/';
		memcpy(out + len, path, n);
		len += n;
		path += n;
	}
	out[len] = 0;
	return AM_OK;
}

/* bytes of @path that go into one request: all, or whole names up to STEP_MAX */
static size_t step_len(const char *path)
{
	size_t n = strlen(path);

	if (n <= STEP_MAX)
		return n;
	n = STEP_MAX + 1;
	while (n && path[n] != '/')
		n--;
	return n ? n : strcspn(path, "/");
}

/*
 * One request: resolve the first @n bytes of @path at @c. *@left: bytes of these still unresolved,
 * less than @n; a reply that resolved nothing is malformed.
 */
static am_status step(am_cap *c, const char *path, size_t n, size_t *left)
{
	uint8_t data[AM_NAME_MAX + 2], reply[AM_NAME_MAX + 2 + 4 + AM_CAPSET_MAX * 18];
	size_t len = sizeof(reply), rest_len;
	struct amoeba_header h;
	struct am_buf b;
	const char *rest;
	am_capset set;
	am_status s;

	memcpy(data, path, n);
	data[n] = 0;
	am_request_hdr(&h, c, AM_DIR_LOOKUP);
	h.size = n + 1;
	s = am_trans_again(&h, data, n + 1, reply, &len, NULL);
	if (s)
		return s;
	am_buf_init(&b, reply, len);
	rest = am_get_str(&b);
	am_get_capset(&b, &set);
	if (b.bad)
		return AM_STD_SYSERR;
	while (*rest == '/')
		rest++;
	rest_len = strlen(rest);
	if (rest_len >= n || memcmp(path + n - rest_len, rest, rest_len))
		return AM_STD_SYSERR;
	*left = rest_len;
	return am_capset_choose(&set, c);
}

/* resolve a normalized path */
static am_status walk(const am_cap *start, const char *path, am_cap *out)
{
	am_cap c = *start;
	am_status s;
	int steps;

	for (steps = 0; *path; steps++) {
		size_t n = step_len(path), left;

		if (steps == AM_DIR_STEPS + AM_PATH_MAX / STEP_MAX)
			return AM_STD_OVERFLOW;
		s = step(&c, path, n, &left);
		if (s)
			return s;
		path += n - left;
		while (*path == '/')
			path++;
	}
	*out = c;
	return AM_OK;
}

am_status am_lookup(const am_cap *start, const char *path, am_cap *out)
{
	char norm[AM_PATH_MAX];
	am_status s = normalize(path, norm);

	return s ? s : walk(start, norm, out);
}

am_status am_lookup_parent(const am_cap *start, const char *path, am_cap *dir,
			   char name[AM_NAME_MAX + 1])
{
	char norm[AM_PATH_MAX];
	am_status s = normalize(path, norm);
	char *slash;

	if (s)
		return s;
	if (!norm[0])		/* the start itself has no name */
		return AM_STD_ARGBAD;
	slash = strrchr(norm, '/');
	strcpy(name, slash ? slash + 1 : norm);
	if (slash)
		*slash = 0;
	else
		norm[0] = 0;
	return walk(start, norm, dir);
}
