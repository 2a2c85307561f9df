// SPDX-License-Identifier: LGPL-2.1-or-later
/* The root of the directory graph: $AMOEBA_ROOT, or the line in /etc/amoeba/root. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "am_priv.h"

#define ROOT_FILE "/etc/amoeba/root"

/* the capability of the first line, which may end with a newline and have blanks around */
static am_status parse_line(char *line, am_cap *c)
{
	char *s = line + strspn(line, " \t");
	size_t n = strlen(s);

	while (n && strchr(" \t\r\n", s[n - 1]))
		s[--n] = 0;
	if (am_cap_parse(s, c) || am_cap_null(c))
		return AM_STD_CAPBAD;
	return AM_OK;
}

am_status am_root(am_cap *root)
{
	const char *env = getenv("AMOEBA_ROOT");
	char line[256];
	FILE *f;
	char *got;

	if (env && *env) {
		if (strlen(env) >= sizeof(line))
			return AM_STD_CAPBAD;
		strcpy(line, env);
		return parse_line(line, root);
	}
	f = fopen(ROOT_FILE, "re");
	if (!f)
		return errno == EACCES ? AM_STD_DENIED : AM_STD_NOTFOUND;
	got = fgets(line, sizeof(line), f);
	fclose(f);
	return got ? parse_line(line, root) : AM_STD_CAPBAD;
}

am_status am_path(const char *path, am_cap *c)
{
	am_cap root;
	am_status s = am_root(&root);

	return s ? s : am_lookup(&root, path, c);
}
