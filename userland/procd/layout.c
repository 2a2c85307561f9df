// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the file system looks like to a job: the host's, with /tmp, /var/tmp and /dev/shm of its
 * own and, for each of its mounts, a directory of the job shown where the job wants it.
 *
 * A place that does not exist on the host is made without touching the host: the deepest
 * existing directory above it is replaced, in the job's mount namespace, by a tmpfs that shows
 * the same entries (bind mounts) and the missing one. When that directory is "/", the job gets a
 * new root of that kind. In directories of users (/home, ...) the other entries are left out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "procd.h"

#define ENTRIES_MAX 512		/* of a directory that is made anew */

static const char *const users[] = { "/home", "/root", "/srv", "/mnt", "/media", "/tmp" };
static const char *const never[] = { "tmp", "tmp/job" };
static const char *const kernels[] = { "proc", "sys", "dev" };

struct layout {
	char *why;
	size_t size;
	const char *dir;	/* the job's */
	bool new_root;
	dev_t ours[AM_JOB_MOUNTS_MAX + 1];	/* file systems that are the job's alone */
	size_t nours;
};

static int fail(struct layout *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct layout *l, const char *fmt, ...)
{
	int err = errno;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(l->why, l->size, fmt, ap);
	va_end(ap);
	n = strlen(l->why);
	snprintf(l->why + n, l->size - n, ": %s", strerror(err));
	return -1;
}

bool layout_ok(char *const *mounts)
{
	for (; *mounts; mounts++) {
		size_t head = strcspn(*mounts, "/");

		for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
			if (!strcmp(*mounts, never[i]))
				return false;
		for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
			if (strlen(kernels[i]) == head && !strncmp(*mounts, kernels[i], head))
				return false;
	}
	return true;
}

static int bind(const char *from, const char *to, unsigned long flags)
{
	return mount(from, to, NULL, MS_BIND | flags, NULL);
}

/* "/proc/self/fd/N", to mount from what a mount has covered since */
static const char *fd_path(int fd, char buf[32])
{
	snprintf(buf, 32, "/proc/self/fd/%d", fd);
	return buf;
}

static bool in_tmp(const char *path)
{
	return !strncmp(path, "/tmp", 4) && (!path[4] || path[4] == '/');
}

static bool of_users(const char *dir)
{
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		if (!strcmp(dir, users[i]))
			return true;
	return false;
}

/* a tmpfs at @path, noted as ours */
static int own_fs(struct layout *l, const char *path)
{
	struct stat st;

	if (mount("job", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") || stat(path, &st))
		return -1;
	l->ours[l->nours++] = st.st_dev;
	return 0;
}

/* making an entry in @path changes nothing of the host */
static bool is_ours(const struct layout *l, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	for (size_t i = 0; i < l->nours; i++)
		if (l->ours[i] == st.st_dev)
			return true;
	return false;
}

/* entry @name of directory @from appears in @to */
static int show(struct layout *l, int from, const char *to, const char *name)
{
	char src[32 + AM_NAME_MAX + 2], dst[AM_PATH_MAX], link[AM_PATH_MAX], num[32];
	struct stat st;
	ssize_t n;
	int fd;

	snprintf(src, sizeof(src), "%s/%s", fd_path(from, num), name);
	if (snprintf(dst, sizeof(dst), "%s/%s", to, name) >= (int)sizeof(dst))
		return 0;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(from, name, link, sizeof(link) - 1);
		if (n < 0)
			return 0;
		link[n] = '\0';
		return symlink(link, dst) ? fail(l, "%s", dst) : 0;
	}
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(dst, 0755))
			return fail(l, "%s", dst);
	} else {
		fd = open(dst, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			return fail(l, "%s", dst);
		close(fd);
	}
	/* what cannot be shown (a dead network mount) is simply not there */
	bind(src, dst, MS_REC);
	return 0;
}

static int show_all(struct layout *l, int from, const char *to)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0, rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return fail(l, "%s", to);
	while (!rc && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (++n > ENTRIES_MAX) {
			errno = E2BIG;
			rc = fail(l, "%s has too many entries to be made anew", to);
		} else {
			rc = show(l, from, to, e->d_name);
		}
	}
	closedir(d);
	return rc;
}

/* the root becomes a tmpfs that shows the same */
static int remake_root(struct layout *l)
{
	char stage[AM_PATH_MAX];
	int root, rc;

	snprintf(stage, sizeof(stage), "%s/root", l->dir);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || own_fs(l, stage))
		return fail(l, "%s", stage);
	/* it is not to appear within itself */
	mount(NULL, stage, NULL, MS_UNBINDABLE, NULL);
	rc = show_all(l, root, stage);
	close(root);
	if (rc)
		return rc;
	if (chdir(stage) || chroot(".") || chdir("/"))
		return fail(l, "%s", stage);
	l->new_root = true;
	return 0;
}

/* the same for a directory below it */

static int remake(struct layout *l, const char *dir)
{
	int from, rc = 0;

	if (l->nours > AM_JOB_MOUNTS_MAX) {
		errno = E2BIG;
		return fail(l, "%s", dir);
	}
	from = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (from < 0)
		return fail(l, "%s", dir);
	if (own_fs(l, dir))
		rc = fail(l, "%s", dir);
	else if (!of_users(dir))
		rc = show_all(l, from, dir);
	close(from);
	return rc;
}

/* makes directory @path, absolute, exist in our namespace; the private /tmp is in place */
static int need(struct layout *l, char *path)
{
	struct stat st;
	char *p, *slash, c;
	int rc;

	for (p = path + 1;; p++) {
		p += strcspn(p, "/");
		c = *p;
		*p = '\0';
		if (!stat(path, &st)) {
			errno = ENOTDIR;
			rc = S_ISDIR(st.st_mode) ? 0 : fail(l, "%s", path);
		} else if (errno != ENOENT) {
			rc = fail(l, "%s", path);
		} else {
			slash = strrchr(path, '/');
			*slash = '\0';
			rc = 0;
			if (!is_ours(l, *path ? path : "/") && !in_tmp(path))
				rc = remake(l, path);
			*slash = '/';
			if (!rc && mkdir(path, 0755))
				rc = fail(l, "%s", path);
		}
		*p = c;
		if (rc || !c)
			return rc;
	}
}

static int own_tmp(struct layout *l, const struct init_arg *a)
{
	char path[AM_PATH_MAX + 16], num[32], opts[64];
	int tmp, vartmp;

	/* the job's directory may itself be below /tmp or /var/tmp */
	snprintf(path, sizeof(path), "%s/tmp", l->dir);
	tmp = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/vartmp", l->dir);
	vartmp = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tmp < 0 || vartmp < 0)
		return fail(l, "%s", path);
	if (!access("/var/tmp", F_OK) && bind(fd_path(vartmp, num), "/var/tmp", 0))
		return fail(l, "/var/tmp");
	if (!access("/dev/shm", F_OK)) {
		snprintf(opts, sizeof(opts), "mode=1777,size=256m,uid=%u,gid=%u", a->uid, a->gid);
		if (mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, opts))
			return fail(l, "/dev/shm");
	}
	close(vartmp);
	return tmp;
}

int layout_make(const char *dir, char *const *mounts, const struct init_arg *a, char *why,
		size_t size)
{
	struct layout l = { .why = why, .size = size, .dir = dir };
	char path[AM_PATH_MAX + 32], num[32];
	int tmp, from[AM_JOB_MOUNTS_MAX], n = 0, rc = 0;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail(&l, "/");
	/* with a root to be made anew this comes first: its directory is seen as it is now */
	for (char *const *m = mounts; *m; m++) {
		char head[AM_PATH_MAX + 1];
		struct stat st;

		snprintf(head, sizeof(head), "/%.*s", (int)strcspn(*m, "/"), *m);
		if (!l.new_root && stat(head, &st) && errno == ENOENT && remake_root(&l))
			return -1;
	}
	/* below a new root the job's directory still has its name */
	tmp = own_tmp(&l, a);
	if (tmp < 0)
		return -1;
	for (char *const *m = mounts; *m; m++, n++) {
		snprintf(path, sizeof(path), "%s/job/%s", fd_path(tmp, num), *m);
		from[n] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (from[n] < 0)
			return fail(&l, "%s", *m);
	}
	if (bind(fd_path(tmp, num), "/tmp", 0))
		return fail(&l, "/tmp");
	close(tmp);
	n = 0;
	for (char *const *m = mounts; !rc && *m; m++, n++) {
		snprintf(path, sizeof(path), "/%s", *m);
		rc = need(&l, path);
		if (!rc && bind(fd_path(from[n], num), path, 0))
			rc = fail(&l, "%s", path);
		close(from[n]);
	}
	if (rc)
		return rc;
	/* ours shows only the job's processes; a host that forbids it leaves the old one */
	mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	return 0;
}
