// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * layout.c - the first start.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"

/*
 * Directories: the owner has all rights; the group sees the columns group and other, the rest
 * only other. Neither may change anything, unless somebody widens the masks.
 */
#define DIR_MASKS	{ 0xff, 0x06, 0x04, 0 }
#define SUPER_MASKS	{ 0xff, AM_DIR_RGT_MODIFY, AM_DIR_RGT_MODIFY, 0 }

enum { N_PROFILE, N_CAP, N_POOL, N_BULLET, N_DIR, N_DIR_DEFAULT, N_RUN, N_HOME };

static const struct store_node nodes[] = {
	[N_PROFILE]	= { -1, "profile", DIR_MASKS, false },
	[N_CAP]		= { N_PROFILE, "cap", DIR_MASKS, false },
	[N_POOL]	= { N_PROFILE, "pool", DIR_MASKS, false },
	[N_BULLET]	= { N_CAP, "bulletsvr", DIR_MASKS, false },
	[N_DIR]		= { N_CAP, "dirsvr", DIR_MASKS, false },
	[N_DIR_DEFAULT]	= { N_DIR, "default", SUPER_MASKS, true },
	[N_RUN]		= { N_CAP, "runsvr", DIR_MASKS, false },
	[N_HOME]	= { -1, "home", DIR_MASKS, false },
};

static const struct store_tree tree = {
	.ncols	= 3,
	.cols	= { "owner", "group", "other" },
	.nodes	= nodes,
	.nnodes	= sizeof(nodes) / sizeof(nodes[0]),
};

int layout_init(struct store *st)
{
	am_status s = st->ops->init(st, &tree);

	if (!s)
		return 0;
	fprintf(stderr, "dird: the database cannot be filled: %s\n", am_why(s));
	return -1;
}

am_status layout_root(struct store *st, am_cap *root)
{
	struct store_dir dir;
	struct store_id id;
	am_port put;
	am_status s;

	s = st->ops->id(st, &id);
	if (!s)
		s = st->ops->dir(st, id.root, &dir);
	if (s)
		return s;
	am_one_way(&id.get, &put);
	am_cap_make(root, &put, id.root, 0xff, &dir.ref.random);
	return AM_OK;
}

/* first line of @path without blanks: its length, 0 when there is none, -1 on an error */
static int line_read(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n;

	line[0] = '\0';
	if (!f) {
		if (errno == ENOENT)
			return 0;
		fprintf(stderr, "dird: root file %s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!fgets(line, (int)size, f))
		line[0] = '\0';
	fclose(f);
	n = strcspn(line, " \t\r\n");
	line[n] = '\0';
	return (int)n;
}

int layout_root_file_free(const char *path)
{
	char line[AM_CAP_TEXT + 8];
	int n = line_read(path, line, sizeof(line));

	if (n <= 0)
		return n;
	fprintf(stderr, "dird: root file %s already names a root directory, and the database is empty; move the file away to begin a new graph, or give the right --db\n",
		path);
	return -1;
}

static int folder_sync(const char *path)
{
	char copy[PATH_MAX];
	int fd, rc;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* @path and what is missing above it */
static int folder_make(const char *path)
{
	char copy[PATH_MAX], *slash;

	snprintf(copy, sizeof(copy), "%s", path);
	for (slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return 0;
}

static int root_write(const char *path, const char *text)
{
	const struct group *gr = getgrnam("amoeba");
	char tmp[PATH_MAX];
	int fd, n;

	n = snprintf(tmp, sizeof(tmp), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (folder_make(path))
		return -1;
	if (unlink(tmp) && errno != ENOENT)
		return -1;
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	/* without the group the file stays root's alone, or the user's who runs this */
	if (gr && fchown(fd, (uid_t)-1, gr->gr_gid))
		fprintf(stderr, "dird: root file %s: group amoeba cannot be set: %s\n", path,
			strerror(errno));
	if (dprintf(fd, "%s\n", text) < 0 || fchmod(fd, 0640) || fsync(fd)) {
		close(fd);
		goto fail;
	}
	if (close(fd) || rename(tmp, path) || folder_sync(path))
		goto fail;
	return 0;
fail:
	n = errno;
	unlink(tmp);
	errno = n;
	return -1;
}

int layout_root_file(const char *path, const am_cap *root, bool fresh)
{
	char text[AM_CAP_TEXT], line[AM_CAP_TEXT + 8];
	am_cap there;
	int n;

	am_cap_text(root, text);
	n = line_read(path, line, sizeof(line));
	if (n < 0)
		return -1;
	if (!n) {
		if (!root_write(path, text))
			return 0;
		fprintf(stderr, "dird: root file %s cannot be written: %s; use --root-file\n", path,
			strerror(errno));
		return -1;
	}
	if (!am_cap_parse(line, &there) && am_cap_equal(&there, root))
		return 0;
	fprintf(stderr, "dird: root file %s does not name the root directory of this database%s\n",
		path, fresh ? "" : "; left as it is");
	return fresh ? -1 : 0;
}
