// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cache of bullet files: $state/cache/KEY, KEY being the 16 bytes of the capability in hex
 * and an 'x' for an executable one. A committed bullet file never changes, so what the
 * capability names can be kept under it; and only its holder can ask for it.
 *
 * An entry is ABSENT (not in the list), FETCHING (one thread reads it, others wait), or READY (in
 * the list, the most recently used first). Bytes of READY entries are at most conf.cache_max:
 * the least recently used ones go. Files are root's and read-only, jobs get hard links: an
 * evicted file lives on as long as a job has it.
 *
 * Nothing is synced, so after a crash of the machine a file might be short: the cache is
 * emptied unless $state/cache/boot names the running boot.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "procd.h"

#define KEY_LEN	33	/* 32 digits and 'x' or '-' */
#define BUCKETS	1024

struct entry {
	struct entry *hash;		/* next in the bucket */
	struct entry *newer, *older;	/* READY only */
	bool	 ready;
	uint64_t size;
	char	 key[KEY_LEN + 1];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t	change;
	int		dir;
	struct entry	*bucket[BUCKETS];
	struct entry	*newest, *oldest;
	uint64_t	files, bytes, hits, misses;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER, .dir = -1 };

static struct entry **slot(const char *key)
{
	uint32_t h = 2166136261U;

	for (const char *p = key; *p; p++)
		h = (h ^ (uint8_t)*p) * 16777619U;
	return &cache.bucket[h % BUCKETS];
}

static struct entry *find(const char *key)
{
	struct entry *e = *slot(key);

	while (e && strcmp(e->key, key))
		e = e->hash;
	return e;
}

static struct entry *add(const char *key)
{
	struct entry *e = calloc(1, sizeof(*e)), **s = slot(key);

	if (!e)
		return NULL;
	strcpy(e->key, key);
	e->hash = *s;
	*s = e;
	return e;
}

static void unhash(struct entry *e)
{
	struct entry **s = slot(e->key);

	while (*s != e)
		s = &(*s)->hash;
	*s = e->hash;
}

static void unlist(struct entry *e)
{
	*(e->newer ? &e->newer->older : &cache.newest) = e->older;
	*(e->older ? &e->older->newer : &cache.oldest) = e->newer;
	e->newer = e->older = NULL;
	cache.files--;
	cache.bytes -= e->size;
}

static void list_first(struct entry *e)
{
	e->newer = NULL;
	e->older = cache.newest;
	*(cache.newest ? &cache.newest->newer : &cache.oldest) = e;
	cache.newest = e;
	cache.files++;
	cache.bytes += e->size;
}

static void drop(struct entry *e)
{
	unlinkat(cache.dir, e->key, 0);
	unlist(e);
	unhash(e);
	free(e);
}

/* @but may stay although it is the oldest: somebody is about to link it */
static void shrink(const struct entry *but)
{
	struct entry *e = cache.oldest, *newer;

	for (; e && cache.bytes > conf.cache_max; e = newer) {
		newer = e->newer;
		if (e != but)
			drop(e);
	}
}

/* ---- start --------------------------------------------------------------------------------- */

static bool same_boot(void)
{
	char now[64] = "", then[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1, m = -1;
	bool same;

	if (fd >= 0) {
		n = read(fd, now, sizeof(now) - 1);
		close(fd);
	}
	fd = openat(cache.dir, "boot", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		m = read(fd, then, sizeof(then) - 1);
		close(fd);
	}
	same = n > 0 && n == m && !memcmp(now, then, (size_t)n);
	if (same || n <= 0)
		return same;
	fd = openat(cache.dir, "boot", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		if (write(fd, now, (size_t)n) != n)
			unlinkat(cache.dir, "boot", 0);
		close(fd);
	}
	return false;
}

static bool is_key(const char *s)
{
	return strlen(s) == KEY_LEN && strspn(s, "0123456789abcdef") == KEY_LEN - 1 &&
	       (s[KEY_LEN - 1] == 'x' || s[KEY_LEN - 1] == '-');
}

int cache_start(void)
{
	char path[AM_PATH_MAX];
	struct dirent *de;
	struct stat st;
	bool keep;
	DIR *d;

	snprintf(path, sizeof(path), "%s/cache", conf.state);
	if (mkdir(path, 0700) && errno != EEXIST) {
		note("%s: %s", path, strerror(errno));
		return -1;
	}
	cache.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = cache.dir < 0 ? NULL : opendir(path);
	if (!d) {
		note("%s: %s", path, strerror(errno));
		return -1;
	}
	keep = same_boot();
	while ((de = readdir(d))) {
		struct entry *e;

		if (de->d_name[0] == '.' || !strcmp(de->d_name, "boot"))
			continue;
		if (!keep || !is_key(de->d_name) ||
		    fstatat(cache.dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode) || !(e = add(de->d_name))) {
			unlinkat(cache.dir, de->d_name, 0);
			continue;
		}
		e->ready = true;
		e->size = (uint64_t)st.st_size;
		list_first(e);
	}
	closedir(d);
	shrink(NULL);
	return 0;
}

/* ---- a file -------------------------------------------------------------------------------- */

/* reads the file into the cache; no lock held */
static am_status fetch(const am_cap *cap, const char *key, uint64_t *size)
{
	char tmp[KEY_LEN + 8];
	am_status s;
	int fd;

	snprintf(tmp, sizeof(tmp), "new-%s", key);
	fd = openat(cache.dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return AM_STD_NOSPACE;
	s = am_b_read_fd(cap, fd, size);
	if (!s && fchmod(fd, key[KEY_LEN - 1] == 'x' ? 0555 : 0444))
		s = AM_STD_SYSERR;
	if (close(fd) && !s)
		s = AM_STD_NOSPACE;
	if (!s && renameat(cache.dir, tmp, cache.dir, key))
		s = AM_STD_SYSERR;
	if (s)
		unlinkat(cache.dir, tmp, 0);
	return s;
}

static am_status copy(int in, int to_dir, const char *to, uint32_t mode)
{
	int out = openat(to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	am_status s = AM_OK;
	ssize_t n = -1;

	if (out < 0) {
		s = errno == EEXIST ? AM_STD_EXISTS : AM_STD_SYSERR;
	} else {
		while ((n = copy_file_range(in, NULL, out, NULL, 1U << 30, 0)) > 0)
			;
		if (n < 0)
			while ((n = sendfile(out, in, NULL, 1U << 30)) > 0)
				;
		if (n < 0)
			s = errno == ENOSPC || errno == EDQUOT ? AM_STD_NOSPACE : AM_STD_SYSERR;
		else if (conf.isolate && fchown(out, conf.uid, conf.gid))
			s = AM_STD_SYSERR;
		else if (fchmod(out, mode & 0777))
			s = AM_STD_SYSERR;
	}
	if (out >= 0)
		close(out);
	return s;
}

/* the lock is held, @e is ready: nobody evicts it meanwhile */
static am_status place(const struct entry *e, int dirfd, const char *path, uint32_t mode)
{
	am_status s;
	int fd;

	if (!(mode & 0222)) {
		if (!linkat(cache.dir, e->key, dirfd, path, 0))
			return AM_OK;
		if (errno == EEXIST)
			return AM_STD_EXISTS;
	}
	/* the copy goes on without the lock: the file stays with its descriptor */
	fd = openat(cache.dir, e->key, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return AM_STD_SYSERR;
	pthread_mutex_unlock(&cache.lock);
	s = copy(fd, dirfd, path, mode);
	close(fd);
	pthread_mutex_lock(&cache.lock);
	return s;
}

am_status cache_place(const am_cap *cap, int dirfd, const char *path, uint32_t mode)
{
	const uint8_t *b = (const uint8_t *)cap;
	char key[KEY_LEN + 1];
	struct entry *e;
	uint64_t size = 0;
	am_status s;

	for (size_t i = 0; i < sizeof(*cap); i++)
		snprintf(key + 2 * i, 3, "%02x", b[i]);
	strcat(key, mode & 0111 ? "x" : "-");

	pthread_mutex_lock(&cache.lock);
	while ((e = find(key)) && !e->ready)
		pthread_cond_wait(&cache.change, &cache.lock);
	if (e) {
		cache.hits++;
		unlist(e);
		list_first(e);
		s = place(e, dirfd, path, mode);
		goto out;
	}
	cache.misses++;
	e = add(key);
	if (!e) {
		s = AM_STD_NOMEM;
		goto out;
	}
	pthread_mutex_unlock(&cache.lock);
	s = fetch(cap, key, &size);
	pthread_mutex_lock(&cache.lock);
	if (s) {
		unhash(e);
		free(e);
		pthread_cond_broadcast(&cache.change);
		goto out;
	}
	e->ready = true;
	e->size = size;
	list_first(e);
	shrink(e);
	s = place(e, dirfd, path, mode);
	shrink(NULL);
	pthread_cond_broadcast(&cache.change);
out:
	pthread_mutex_unlock(&cache.lock);
	return s;
}

void cache_figures(uint64_t *files, uint64_t *bytes, uint64_t *hits, uint64_t *misses)
{
	pthread_mutex_lock(&cache.lock);
	*files = cache.files;
	*bytes = cache.bytes;
	*hits = cache.hits;
	*misses = cache.misses;
	pthread_mutex_unlock(&cache.lock);
}
