// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the files a compilation reads to the inputs of a job.
 *
 * A path is followed as the system would: the links met become links of the job's directory,
 * directories left by ".." become directories, so the very same text names the very same file
 * there. What belongs to the distribution stays the host's own. The topmost directories, "home" or
 * "usr/src/x", become the mounts of the job.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amctl_make.h"

#define LINKS_MAX 40

/* assumed to be on each host as it is here */
static const char *const distribution[] = {
	"/usr/include", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec",
	"/usr/share", "/usr/bin", "/lib", "/lib32", "/lib64", "/libx32", "/bin",
};

/* directories of the system in which projects may live so many levels down; 0: never */
static const struct {
	const char *name;
	int levels;
} tops[] = {
	{ "usr", 3 }, { "var", 3 }, { "run", 3 }, { "opt", 2 }, { "tmp", 2 }, { "etc", 0 },
	{ "bin", 0 }, { "sbin", 0 }, { "lib", 0 }, { "lib32", 0 }, { "lib64", 0 },
	{ "libx32", 0 }, { "boot", 0 }, { "dev", 0 }, { "proc", 0 }, { "sys", 0 },
};

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

static bool of_distribution(const char *path)
{
	for (size_t i = 0; i < sizeof(distribution) / sizeof(distribution[0]); i++)
		if (below(path, distribution[i]))
			return true;
	return !strcmp(path, "/dev/null");
}

/* ---- the set of inputs --------------------------------------------------------------------- */

static uint32_t hash_of(const char *s)
{
	uint32_t h = 2166136261U;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619U;
	return h;
}

static uint32_t *slot(struct paths *p, const char *path)
{
	size_t i = hash_of(path) & (p->hash_size - 1);

	while (p->hash[i] && strcmp(p->f[p->hash[i] - 1].path, path))
		i = (i + 1) & (p->hash_size - 1);
	return &p->hash[i];
}

static bool grow(struct paths *p)
{
	size_t room = p->room ? p->room * 2 : 64;
	struct am_jobfile *f = realloc(p->f, room * sizeof(*f));
	uint32_t *hash = f ? calloc(room * 2, sizeof(*hash)) : NULL;

	if (f)
		p->f = f;
	if (!hash)
		return false;
	p->room = room;
	free(p->hash);
	p->hash = hash;
	p->hash_size = room * 2;
	for (size_t i = 0; i < p->n; i++)
		*slot(p, p->f[i].path) = (uint32_t)i + 1;
	return true;
}

static bool add(struct paths *p, const char *path, uint32_t mode, const char *target)
{
	struct am_jobfile *f;
	uint32_t *at;

	if (p->n == p->room && !grow(p))
		return false;
	at = slot(p, path + 1);
	if (*at)
		return true;
	if (p->n == AM_JOB_FILES_MAX)
		return false;
	f = &p->f[p->n];
	memset(f, 0, sizeof(*f));
	f->path = strdup(path + 1);
	f->mode = mode;
	f->target = target ? strdup(target) : NULL;
	if (!f->path || (target && !f->target)) {
		free(f->path);
		free(f->target);
		return false;
	}
	*at = (uint32_t)++p->n;
	return true;
}

/* the directory above @path that becomes a mount; false when there can be none */
static bool add_mount(struct paths *p, const char *path)
{
	const char *end = path + 1;
	int levels = 1;

	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		char dir[32];

		snprintf(dir, sizeof(dir), "/%s", tops[i].name);
		if (below(path, dir))
			levels = tops[i].levels;
	}
	if (!levels)
		return false;
	while (levels--) {
		end += strcspn(end, "/");
		if (levels && !*end++)
			return false;
	}
	for (size_t i = 0; i < p->nmounts; i++)
		if (strlen(p->mounts[i]) == (size_t)(end - path - 1) &&
		    !strncmp(p->mounts[i], path + 1, (size_t)(end - path - 1)))
			return true;
	if (p->nmounts == AM_JOB_MOUNTS_MAX)
		return false;
	p->mounts[p->nmounts] = strndup(path + 1, (size_t)(end - path - 1));
	if (!p->mounts[p->nmounts])
		return false;
	p->nmounts++;
	return true;
}

void paths_free(struct paths *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->f[i].path);
		free(p->f[i].target);
	}
	for (size_t i = 0; i < p->nmounts; i++)
		free(p->mounts[i]);
	free(p->f);
	free(p->hash);
	memset(p, 0, sizeof(*p));
}

/* ---- following a path ---------------------------------------------------------------------- */

struct walk {
	struct paths *p;
	char at[AM_PATH_MAX];		/* where we are, no links, "" is the root */
	char rest[2 * AM_PATH_MAX];	/* what is still to be followed */
	int links;
};

/* within the distribution, unless what is left of the path leads out of it again */
static enum path_where host_own(const char *next, const char *rest)
{
	char full[3 * AM_PATH_MAX], *real;
	enum path_where where = PATH_BAD;

	if (!strstr(rest, ".."))
		return PATH_HOST;
	snprintf(full, sizeof(full), "%s%s", next, rest);
	real = realpath(full, NULL);
	if (!real)
		return errno == ENOENT || errno == ENOTDIR ? PATH_NONE : PATH_BAD;
	if (of_distribution(real))
		where = PATH_HOST;
	free(real);
	return where;
}

static enum path_where enter_link(struct walk *w, const char *next)
{
	char target[AM_PATH_MAX], left[sizeof(w->rest)];
	ssize_t n = readlink(next, target, sizeof(target) - 1);

	if (n <= 0 || ++w->links > LINKS_MAX)
		return PATH_BAD;
	target[n] = '\0';
	/* a link into the distribution is followed there like here, if it stands in our part */
	if (!add_mount(w->p, next) || !add(w->p, next, S_IFLNK, target))
		return PATH_BAD;
	strcpy(left, w->rest);
	if (snprintf(w->rest, sizeof(w->rest), "%s/%s", target, left) >= (int)sizeof(w->rest))
		return PATH_BAD;
	if (target[0] == '/')
		w->at[0] = '\0';
	return PATH_OURS;
}

/* one part of the path; @st: what it is */
static enum path_where step(struct walk *w, const char *part, size_t n, struct stat *st)
{
	char next[AM_PATH_MAX];
	enum path_where where;
	char *slash;

	if (n == 1 && part[0] == '.')
		return PATH_OURS;
	if (n == 2 && part[0] == '.' && part[1] == '.') {
		/* the directory that is left must exist there too */
		if (*w->at && add_mount(w->p, w->at) && !add(w->p, w->at, S_IFDIR | 0755, NULL))
			return PATH_BAD;
		slash = strrchr(w->at, '/');
		if (slash)
			*slash = '\0';
		return PATH_OURS;
	}
	if (snprintf(next, sizeof(next), "%s/%.*s", w->at, (int)n, part) >= (int)sizeof(next))
		return PATH_BAD;
	if (of_distribution(next))
		return host_own(next, w->rest);
	if (lstat(next, st))
		return errno == ENOENT || errno == ENOTDIR ? PATH_NONE : PATH_BAD;
	if (S_ISLNK(st->st_mode)) {
		where = enter_link(w, next);
		st->st_mode = S_IFDIR;
		return where;
	}
	strcpy(w->at, next);
	return PATH_OURS;
}

enum path_where paths_add(struct paths *p, const char *cwd, const char *path, bool file,
			  char real[AM_PATH_MAX])
{
	struct walk w = { .p = p };
	struct stat st = { .st_mode = S_IFDIR };
	enum path_where where;
	char part[AM_PATH_MAX];
	size_t n;

	if (snprintf(w.rest, sizeof(w.rest), "%s%s%s", *path == '/' ? "" : cwd,
		     *path == '/' ? "" : "/", path) >= (int)sizeof(w.rest))
		return PATH_BAD;
	for (;;) {
		size_t skip = strspn(w.rest, "/");

		memmove(w.rest, w.rest + skip, strlen(w.rest + skip) + 1);
		if (!*w.rest)
			break;
		if (!S_ISDIR(st.st_mode))
			return PATH_NONE;
		n = strcspn(w.rest, "/");
		memcpy(part, w.rest, n < sizeof(part) ? n : 0);
		if (n >= sizeof(part))
			return PATH_BAD;
		memmove(w.rest, w.rest + n, strlen(w.rest + n) + 1);
		st.st_mode = S_IFDIR;
		where = step(&w, part, n, &st);
		if (where != PATH_OURS)
			return where;
	}
	strcpy(real, *w.at ? w.at : "/");
	if (!*w.at || !add_mount(p, w.at))
		return PATH_BAD;
	if (file ? !S_ISREG(st.st_mode) : !S_ISDIR(st.st_mode))
		return PATH_BAD;
	/* a file shared with the cache of the host: no write bit; programs of it keep theirs */
	if (!add(p, w.at, file ? S_IFREG | 0444 | (st.st_mode & 0111) : S_IFDIR | 0755, NULL))
		return PATH_BAD;
	return PATH_OURS;
}
