// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading arguments: numbers, switches, bytes, names of objects. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "amctl.h"

int amctl_arg_u64(const char *key, const char *text, uint64_t min, uint64_t max, uint64_t *v)
{
	char *end;

	if (!text)
		return amctl_bad("%s wants a number", key);
	errno = 0;
	*v = strtoull(text, &end, 0);
	if (errno || end == text || *end || !isdigit((unsigned char)*text))
		return amctl_bad("%s '%s' is no number", key, text);
	if (*v < min || *v > max)
		return amctl_bad("%s %s is not within %" PRIu64 " to %" PRIu64, key, text, min,
				 max);
	return AMCTL_OK;
}

int amctl_arg_bool(const char *key, const char *text, bool *v)
{
	static const char *const yes[] = { "on", "yes", "true", "1" };
	static const char *const no[] = { "off", "no", "false", "0" };

	if (!text)
		return amctl_bad("%s wants on or off", key);
	for (size_t i = 0; i < 4; i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*v = !strcmp(text, yes[i]);
			return AMCTL_OK;
		}
	}
	return amctl_bad("%s '%s' is neither on nor off", key, text);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1:02:a", one or two digits a byte, or "01020a", two digits each */
static bool read_hex(const char *s, uint8_t *p, size_t n)
{
	bool colons = strchr(s, ':') != NULL;

	for (size_t i = 0; i < n; i++) {
		int v, low;

		if (i && colons && *s++ != ':')
			return false;
		v = hex_digit(*s);
		if (v < 0)
			return false;
		low = hex_digit(*++s);
		if (low >= 0) {
			v = v * 16 + low;
			s++;
		} else if (!colons) {
			return false;
		}
		p[i] = (uint8_t)v;
	}
	return !*s;
}

int amctl_arg_hex(const char *key, const char *text, uint8_t *p, size_t n)
{
	if (!text)
		return amctl_bad("%s wants %zu bytes in hex", key, n);
	if (!read_hex(text, p, n))
		return amctl_bad("%s '%s' is not %zu bytes in hex", key, text, n);
	return AMCTL_OK;
}

/* ---- names --------------------------------------------------------------------------------- */

int amctl_root(am_cap *root)
{
	am_status s = am_root(root);

	if (s == AM_OK)
		return AMCTL_OK;
	if (s == AM_STD_NOTFOUND)
		return amctl_err("amctl join LINE, with the line of /etc/amoeba/root of a machine "
				 "that has one; or start a directory server here",
				 "this machine knows no root of the directory");
	if (s == AM_STD_DENIED)
		return amctl_err("join the group amoeba: usermod -aG amoeba USER, log in anew",
				 "/etc/amoeba/root: not readable by this user");
	return amctl_err("it holds one line, see amoeba(4); amctl join LINE force writes it anew",
			 "/etc/amoeba/root: %s", am_why(s));
}

int amctl_path(const char *path, am_cap *c)
{
	am_cap root;
	am_status s;
	int rc;

	/* a capability as text begins with a port, "1A:2:..", which no path in use does */
	if (path[0] != '/' && am_cap_parse(path, c) == AM_OK)
		return AMCTL_OK;
	if (!*path)
		return amctl_bad("empty name");
	rc = amctl_root(&root);
	if (rc)
		return rc;
	s = am_lookup(&root, path, c);
	return s ? amctl_err_status(path, s) : AMCTL_OK;
}

int amctl_parent(const char *path, am_cap *dir, char name[AM_NAME_MAX + 1])
{
	am_cap root;
	am_status s;
	int rc;

	if (!*path)
		return amctl_bad("empty name");
	rc = amctl_root(&root);
	if (rc)
		return rc;
	s = am_lookup_parent(&root, path, dir, name);
	if (s == AM_STD_ARGBAD || (!s && !*name))
		return amctl_err("name something below it: /NAME",
				 "'%s' is the root, or no name at all", path);
	return s ? amctl_err_status(path, s) : AMCTL_OK;
}

static const char *const kinds[] = {
	[AMK_UNKNOWN] = "?", [AMK_DIR] = "dir", [AMK_FILE] = "file", [AMK_OTHER] = "object",
};

const char *amctl_kind_name(enum amctl_kind k)
{
	return kinds[k];
}

am_status amctl_kind(const am_cap *c, enum amctl_kind *kind, char *info, size_t size)
{
	am_status s = am_std_info(c, info, size);

	*kind = AMK_UNKNOWN;
	if (s && s != AM_STD_OVERFLOW)
		return s;
	/* the first character tells, facts 5 */
	if (info[0] == '/' || info[0] == '%')
		*kind = AMK_DIR;
	else if (info[0] == '-')
		*kind = AMK_FILE;
	else
		*kind = AMK_OTHER;
	return AM_OK;
}
