// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A tree of the directory graph as local files and back. What a file was fetched from is
 * remembered, so that its bytes are never brought to the file server again; outputs that hosts
 * have stored there already only need their names.
 *
 * The directory keeps no times, and make lives by them. So the tree gets a file MANIFEST with the
 * capability and the time of each file as a build left them: what still has that capability gets
 * that time, what was stored since is new. Without one all files are of the same age.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "amctl_make.h"
#include "amctl_tree.h"

#define DEPTH_MAX 64
#define MANIFEST ".amctl-make"

/* ---- the manifest -------------------------------------------------------------------------- */

struct line {
	am_cap cap;
	struct timespec mtime;
	const char *path;	/* below the tree */
};

static struct manifest {
	char	*text;
	struct line *line;
	size_t	n;
	struct timespec now;
	size_t	skip;		/* bytes of a local path in front of the tree's part */
} man;

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->path, ((const struct line *)b)->path);
}

/* "CAP SECONDS.NANOSECONDS PATH" on each line; a manifest that makes no sense is none */
static void load_manifest(const am_cap *tree)
{
	size_t len, lines = 0;
	void *data;
	am_cap c;

	clock_gettime(CLOCK_REALTIME, &man.now);
	if (am_lookup(tree, MANIFEST, &c) || am_b_load(&c, &data, &len))
		return;
	man.text = realloc(data, len + 1);
	if (!man.text) {
		free(data);
		return;
	}
	man.text[len] = '\0';
	for (const char *p = man.text; *p; p++)
		lines += *p == '\n';
	man.line = calloc(lines + 1, sizeof(*man.line));
	if (!man.line)
		return;
	for (char *p = man.text, *end; (end = strchr(p, '\n')); p = end + 1) {
		struct line *l = &man.line[man.n];
		char cap[AM_CAP_TEXT];
		long long sec, nsec;
		int at = 0;

		*end = '\0';
		if (sscanf(p, "%63s %lld.%lld %n", cap, &sec, &nsec, &at) != 3 || !at || !p[at] ||
		    nsec < 0 || nsec > 999999999 || am_cap_parse(cap, &l->cap))
			continue;
		l->mtime.tv_sec = (time_t)sec;
		l->mtime.tv_nsec = (long)nsec;
		l->path = p + at;
		man.n++;
	}
	qsort(man.line, man.n, sizeof(*man.line), by_path);
}

static void drop_manifest(void)
{
	free(man.text);
	free(man.line);
	memset(&man, 0, sizeof(man));
}

static void set_time(int fd, const am_cap *c, const char *local)
{
	struct line key = { .path = local + man.skip }, *l = NULL;
	struct timespec t[2] = { man.now, man.now };

	if (man.n)
		l = bsearch(&key, man.line, man.n, sizeof(*man.line), by_path);
	if (l && am_cap_equal(&l->cap, c))
		t[0] = t[1] = l->mtime;
	futimens(fd, t);
}

static void write_line(FILE *f, const char *local, const char *rest)
{
	char text[AM_CAP_TEXT];
	bool in_tree;
	struct stat st;
	am_cap c;

	if (!f || stat(local, &st) || !store_is(mk.store, local, &c, &in_tree) || !in_tree ||
	    strchr(rest, '\n'))
		return;
	fprintf(f, "%s %lld.%09ld %s\n", am_cap_text(&c, text), (long long)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, rest);
}

/* ---- fetch --------------------------------------------------------------------------------- */

/* modes are not stored: what the system can run by itself is made executable */
static bool runs(int fd)
{
	char b[4];
	ssize_t n = pread(fd, b, sizeof(b), 0);

	return (n == 4 && !memcmp(b, "\177ELF", 4)) || (n >= 2 && !memcmp(b, "#!", 2));
}

static int fetch_file(const am_cap *c, const char *path, const char *local)
{
	am_status s;
	uint64_t size;
	int fd;

	fd = open(local, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return amctl_err(NULL, "%s: %s", local, strerror(errno));
	s = am_b_read_fd(c, fd, &size);
	if (!s && runs(fd))
		fchmod(fd, 0777 & ~mk.umask);
	if (!s)
		set_time(fd, c, local);
	if (close(fd) && !s)
		return amctl_err(NULL, "%s: %s", local, strerror(errno));
	if (s)
		return amctl_err_status(path, s);
	store_known(mk.store, local, c, true);
	return AMCTL_OK;
}

static int fetch_dir(const am_cap *dir, const char *path, const char *local, int depth)
{
	struct amctl_names names;
	int rc;

	if (depth > DEPTH_MAX)
		return amctl_err("a directory may name one above it", "%s: too deep", path);
	if (mkdir(local, 0777) && errno != EEXIST)
		return amctl_err(NULL, "%s: %s", local, strerror(errno));
	rc = amctl_names(dir, path, &names);
	if (rc)
		return rc;
	for (size_t i = 0; i < names.n && !rc; i++) {
		char below[AM_PATH_MAX], to[AM_PATH_MAX], info[64];
		enum amctl_kind kind;
		am_status s;
		am_cap c;

		if (!depth && !strcmp(names.v[i], MANIFEST))
			continue;
		if (!strcmp(names.v[i], ".") || !strcmp(names.v[i], "..") ||
		    strchr(names.v[i], '/') ||
		    snprintf(below, sizeof(below), "%s/%s", path, names.v[i]) >=
		    (int)sizeof(below) ||
		    snprintf(to, sizeof(to), "%s/%s", local, names.v[i]) >= (int)sizeof(to)) {
			rc = amctl_err(NULL, "%s/%s: no name for a file", path, names.v[i]);
			break;
		}
		s = am_lookup(dir, names.v[i], &c);
		if (!s)
			s = amctl_kind(&c, &kind, info, sizeof(info));
		if (s)
			rc = amctl_err_status(below, s);
		else if (kind == AMK_DIR)
			rc = fetch_dir(&c, below, to, depth + 1);
		else if (kind == AMK_FILE)
			rc = fetch_file(&c, below, to);
	}
	amctl_names_free(&names);
	return rc;
}

int tree_fetch(const char *path, const char *dir)
{
	am_cap c;
	int rc = amctl_path(path, &c);

	if (rc)
		return rc;
	load_manifest(&c);
	man.skip = strlen(dir) + 1;
	rc = fetch_dir(&c, path, dir, 0);
	drop_manifest();
	return rc;
}

/* ---- store --------------------------------------------------------------------------------- */

static int store_one(const am_cap *dir, const char *name, const char *path, const char *local,
		     unsigned int *count)
{
	am_cap cap, old;
	bool in_tree = false, known;
	uint64_t size;
	am_status s;
	int fd;

	known = store_is(mk.store, local, &cap, &in_tree);
	if (known && in_tree)
		return AMCTL_OK;
	if (!known) {
		fd = open(local, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return amctl_err(NULL, "%s: %s", local, strerror(errno));
		s = am_b_create_fd(store_server(mk.store), fd, &cap, &size);
		close(fd);
		if (s)
			return amctl_err_status(local, s);
	}
	s = am_lookup(dir, name, &old);
	if (!s) {
		s = am_dir_replace(dir, name, &cap);
		if (!s && !am_cap_equal(&old, &cap))
			amctl_drop_old(&old);
	} else if (s == AM_STD_NOTFOUND) {
		s = am_dir_append(dir, name, &cap, amctl_file_masks);
	}
	if (s)
		return amctl_err_status(path, s);
	store_known(mk.store, local, &cap, true);
	++*count;
	return AMCTL_OK;
}

struct storing {
	unsigned int count;
	size_t	skip;
	FILE	*manifest;
};

static int store_dir(struct storing *t, const am_cap *dir, const char *path, const char *local,
		     int depth)
{
	DIR *d = depth > DEPTH_MAX ? NULL : opendir(local);
	struct dirent *e;
	int rc = AMCTL_OK, err;

	if (!d)
		return amctl_err(NULL, "%s: %s", local,
				 depth > DEPTH_MAX ? "too deep" : strerror(errno));
	/* what has no place there (a name with blanks) does not keep the rest from it */
	while ((e = readdir(d))) {
		char below[AM_PATH_MAX], from[AM_PATH_MAX];
		struct stat st;
		am_cap sub;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, e->d_name) >=
		    (int)sizeof(below) ||
		    snprintf(from, sizeof(from), "%s/%s", local, e->d_name) >= (int)sizeof(from))
			continue;
		if (lstat(from, &st))
			continue;	/* went away meanwhile */
		/* a link to a file is stored as the file; other things have no place there */
		if (S_ISLNK(st.st_mode) && (stat(from, &st) || !S_ISREG(st.st_mode)))
			continue;
		if (!depth && !strcmp(e->d_name, MANIFEST))
			continue;
		if (S_ISDIR(st.st_mode)) {
			err = amctl_mkdir(dir, e->d_name, true, &sub);
			if (!err)
				err = store_dir(t, &sub, below, from, depth + 1);
		} else if (S_ISREG(st.st_mode)) {
			err = store_one(dir, e->d_name, below, from, &t->count);
			write_line(t->manifest, from, from + t->skip);
		} else {
			continue;
		}
		rc = err ? err : rc;
	}
	closedir(d);
	return rc;
}

static int store_manifest(const am_cap *tree, const char *path, const char *text, size_t len)
{
	am_cap c, old;
	am_status s;

	s = am_b_create(store_server(mk.store), text, len, &c);
	if (s)
		return amctl_err_status(path, s);
	if (!am_lookup(tree, MANIFEST, &old)) {
		s = am_dir_replace(tree, MANIFEST, &c);
		if (!s)
			amctl_drop_old(&old);
	} else {
		s = am_dir_append(tree, MANIFEST, &c, amctl_file_masks);
	}
	return s ? amctl_err_status(path, s) : AMCTL_OK;
}

int tree_store(const char *path, const char *dir, unsigned int *n)
{
	struct storing t = { .skip = strlen(dir) + 1 };
	char *text = NULL;
	size_t len = 0;
	am_cap c;
	int rc = amctl_path(path, &c);

	*n = 0;
	if (rc)
		return rc;
	t.manifest = open_memstream(&text, &len);
	rc = store_dir(&t, &c, path, dir, 0);
	*n = t.count;
	if (t.manifest && fclose(t.manifest))
		len = 0;
	if (len && store_manifest(&c, path, text, len))
		rc = AMCTL_FAIL;
	free(text);
	return rc;
}
