// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A job's directory, $state/jobs/ID:
 *
 *   tmp/		the job's /tmp, its user's
 *   tmp/job/		the job's directory: inputs, outputs, working directory
 *   tmp/program	a program that came as a bullet file
 *   vartmp/		its /var/tmp
 *   root/		where a new root is put together (layout.c)
 *
 * Filled before the program starts and read after its last process ended: nobody else writes
 * there meanwhile. But what the program left may be anything: outputs are opened without
 * following a link and only taken when they are plain files of the job's user, and removal
 * copes with any depth and any mode.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "procd.h"

#define DEPTH_MAX	32	/* descriptors held by remove_tree() */
#define STORE_TRIES	3

static int jobs_dir = -1;

static int open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- removal ------------------------------------------------------------------------------- */

/*
 * Empties the directory @fd (closed at return). What is deeper than DEPTH_MAX is renamed up into
 * @top as "deep-N" and removed from there later, so that no tree is too deep.
 */
static int empty_dir(int fd, int top, int depth, unsigned int *deep)
{
	struct dirent *e;
	int rc = 0, sub;
	DIR *d;

	fchmod(fd, 0700);
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		char name[32];

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (!unlinkat(dirfd(d), e->d_name, 0))
			continue;
		if (errno != EISDIR && errno != EPERM && errno != ENOTEMPTY) {
			rc = -errno;
			continue;
		}
		if (depth >= DEPTH_MAX) {
			snprintf(name, sizeof(name), "deep-%u", (*deep)++);
			if (renameat(dirfd(d), e->d_name, top, name))
				rc = -errno;
			continue;
		}
		/* not readable for its owner: as root no matter, otherwise made so */
		fchmodat(dirfd(d), e->d_name, 0700, 0);
		sub = open_dir(dirfd(d), e->d_name);
		if (sub < 0) {
			rc = -errno;
			continue;
		}
		rc = empty_dir(sub, top, depth + 1, deep) ?: rc;
		if (unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR))
			rc = -errno;
	}
	closedir(d);
	return rc;
}

int remove_tree(int at, const char *name)
{
	unsigned int deep = 0, before;
	int rc, fd, top;

	if (!unlinkat(at, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	top = open_dir(at, name);
	if (top < 0)
		return -errno;
	do {
		before = deep;
		fd = open_dir(top, ".");
		rc = fd < 0 ? -errno : empty_dir(fd, top, 0, &deep);
	} while (!rc && deep != before);
	close(top);
	if (unlinkat(at, name, AT_REMOVEDIR))
		return -errno;
	return rc;
}

/* ---- the directory ------------------------------------------------------------------------- */

int scratch_start(void)
{
	char path[AM_PATH_MAX];
	struct dirent *e;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), "%s/jobs", conf.state);
	/* without namespaces the job itself walks through here */
	if (mkdir(path, 0711) && errno != EEXIST) {
		note("%s: %s", path, strerror(errno));
		return -1;
	}
	jobs_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = jobs_dir < 0 ? -1 : open_dir(jobs_dir, ".");
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		note("%s: %s", path, strerror(errno));
		return -1;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			remove_tree(jobs_dir, e->d_name);
	closedir(d);
	return 0;
}

static bool make_dir(int at, const char *name, mode_t mode, bool users)
{
	if (mkdirat(at, name, mode) || fchmodat(at, name, mode, 0))
		return false;
	return !users || !conf.isolate || !fchownat(at, name, conf.uid, conf.gid, 0);
}

int scratch_make(uint32_t id, char *path, size_t size)
{
	char name[16];
	int fd = -1;

	snprintf(name, sizeof(name), "%u", id);
	if ((size_t)snprintf(path, size, "%s/jobs/%s", conf.state, name) >= size)
		return -1;
	remove_tree(jobs_dir, name);
	if (make_dir(jobs_dir, name, 0711, false))
		fd = open_dir(jobs_dir, name);
	if (fd >= 0 && make_dir(fd, "tmp", 01777, true) && make_dir(fd, "tmp/job", 0755, true) &&
	    make_dir(fd, "vartmp", 01777, true) && make_dir(fd, "root", 0755, false))
		return fd;
	if (fd >= 0)
		close(fd);
	remove_tree(jobs_dir, name);
	return -1;
}

void scratch_drop(uint32_t id)
{
	char name[16];
	int rc;

	snprintf(name, sizeof(name), "%u", id);
	rc = remove_tree(jobs_dir, name);
	if (rc)
		note("%s/jobs/%s: %s: not removed", conf.state, name, strerror(-rc));
}

/* ---- inputs -------------------------------------------------------------------------------- */

/* a name below @dirfd reached without any link */
static int open_below(int dirfd, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

/*
 * The directory @path below @dirfd with all above it; existing ones are fine. Step by step, as
 * a link among the inputs must not lead a root process elsewhere. Its descriptor or -1.
 */
static int make_path(int dirfd, const char *path)
{
	char part[AM_NAME_MAX + 1];
	int at = open_dir(dirfd, "."), next, err;
	size_t n;

	while (at >= 0 && *path) {
		n = strcspn(path, "/");
		memcpy(part, path, n);
		part[n] = '\0';
		if (!make_dir(at, part, 0755, true) && errno != EEXIST)
			next = -1;
		else
			next = open_dir(at, part);
		err = errno;
		close(at);
		errno = err;
		at = next;
		path += n + (path[n] == '/');
	}
	return at;
}

/* parent directory of @path, made when absent, and its last name */
static int parent_of(int job, const char *path, const char **last)
{
	const char *slash = strrchr(path, '/');
	char dir[AM_PATH_MAX];
	int fd;

	*last = slash ? slash + 1 : path;
	if (!slash)
		return open_dir(job, ".");
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	fd = open_below(job, dir, O_PATH | O_DIRECTORY);
	return fd >= 0 || errno != ENOENT ? fd : make_path(job, dir);
}

static am_status fill_one(int job, const struct am_jobfile *f)
{
	am_status s = AM_OK;
	const char *last;
	int dir;

	if (S_ISDIR(f->mode)) {
		dir = make_path(job, f->path);
		if (dir < 0)
			return errno == ENOSPC ? AM_STD_NOSPACE : AM_STD_ARGBAD;
		close(dir);
		return AM_OK;
	}
	dir = parent_of(job, f->path, &last);
	if (dir < 0)
		return errno == ENOSPC ? AM_STD_NOSPACE : AM_STD_ARGBAD;
	if (S_ISLNK(f->mode)) {
		if (symlinkat(f->target, dir, last))
			s = errno == EEXIST ? AM_STD_EXISTS : AM_STD_SYSERR;
	} else {
		s = cache_place(&f->cap, dir, last, f->mode);
	}
	close(dir);
	return s;
}

am_status scratch_fill(int dirfd, const struct am_job *j, const atomic_bool *stop, char *why,
		       size_t size)
{
	int job = open_dir(dirfd, "tmp/job");
	am_status s = AM_OK;

	if (job < 0) {
		snprintf(why, size, "the job's directory: %s", strerror(errno));
		return AM_EX_SETUP;
	}
	if (!*j->prog) {
		s = cache_place(&j->prog_cap, dirfd, "tmp/program", 0555);
		if (s)
			snprintf(why, size, "the program: %s", am_why(s));
	}
	for (size_t i = 0; !s && i < j->nin; i++) {
		if (*stop) {
			s = AM_STD_INTR;
			snprintf(why, size, "ended before it started");
			break;
		}
		s = fill_one(job, &j->in[i]);
		if (s)
			snprintf(why, size, "%.150s: %s", j->in[i].path, am_why(s));
	}
	/* what is to be covered must be there */
	for (char **m = j->mounts; !s && *m; m++) {
		int fd = make_path(job, *m);

		if (fd < 0) {
			s = AM_EX_SETUP;
			snprintf(why, size, "%.150s: %s", *m, strerror(errno));
		} else {
			close(fd);
		}
	}
	close(job);
	/* whatever the file server said, to the client its file could not be read */
	if (s && s != AM_STD_INTR && s != AM_EX_SETUP && s != AM_STD_NOSPACE && s != AM_STD_EXISTS)
		s = AM_EX_PDREAD;
	return s;
}

/* ---- outputs ------------------------------------------------------------------------------- */

am_status scratch_store(int dirfd, const char *path, const am_cap *server, struct am_jobout *o,
			char *why, size_t size)
{
	char full[AM_PATH_MAX + 16];
	am_status s = AM_OK;
	struct stat st;
	int fd;

	memset(o, 0, sizeof(*o));
	snprintf(full, sizeof(full), "tmp/job/%s", path);
	fd = open_below(dirfd, full, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return AM_OK;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != conf.uid) {
		close(fd);
		return AM_OK;
	}
	/* after a lost reply another file with these bytes does no harm: nobody knows the first */
	for (int i = 0; i < STORE_TRIES; i++) {
		s = lseek(fd, 0, SEEK_SET) ? AM_STD_SYSERR :
		    am_b_create_fd(server, fd, &o->cap, &o->size);
		if (s != AM_RPC_FAILURE)
			break;
	}
	close(fd);
	if (s) {
		snprintf(why, size, "output %.150s: %s", path, am_why(s));
		return s;
	}
	o->present = true;
	o->mode = (st.st_mode & 0777) | S_IFREG;
	return AM_OK;
}
