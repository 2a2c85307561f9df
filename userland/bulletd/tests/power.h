/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * power.h - the loss of power, for tests of stores. Include it in one file of a test program.
 *
 * While recording, every positioned write to one file and every sync of it is written down (the functions
 * are defined here, in place of those of the C library). Afterwards power_cut() makes the file as
 * it may be found when the power went after any number of these events: what was written before
 * the last sync is there; each sector written since then has its old contents, its new ones or
 * garbage.
 */
#ifndef TEST_POWER_H
#define TEST_POWER_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/** a write, or with a @data of NULL a sync */
struct power_event {
	uint8_t		*data;
	size_t		len;
	uint64_t	at;
};

enum power_mode {
	POWER_NONE,		/* nothing since the last sync got to the disk */
	POWER_ALL,		/* everything did */
	POWER_SOME,		/* some sectors did */
	POWER_GARBAGE,		/* some did, some not, some hold garbage */
	POWER_MODES
};

static struct {
	pthread_mutex_t		lock;
	bool			on;
	dev_t			dev;
	ino_t			ino;
	uint8_t			*base;	/* contents when recording began */
	size_t			size;
	struct power_event	*e;
	size_t			n, room;
	int			fail_after;	/* > 0: the nth pwrite or sync from now on fails */
	int			fail_errno;
	bool			quick;	/* other files are not synced: they are scratch */
} power = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool power_mine(int fd)
{
	struct stat st;

	return power.on && !fstat(fd, &st) && st.st_dev == power.dev && st.st_ino == power.ino;
}

static void power_add(const void *p, size_t len, uint64_t at)
{
	struct power_event *e;

	if (power.n == power.room) {
		power.room = power.room ? 2 * power.room : 256;
		power.e = realloc(power.e, power.room * sizeof(*power.e));
		if (!power.e)
			abort();
	}
	e = &power.e[power.n++];
	memset(e, 0, sizeof(*e));
	if (!p)
		return;
	e->data = malloc(len ? len : 1);
	if (!e->data)
		abort();
	memcpy(e->data, p, len);
	e->len = len;
	e->at = at;
}

/* true: this call is the one that is to fail */
static bool power_fails(void)
{
	if (!power.fail_after || --power.fail_after)
		return false;
	power.fail_after = 1;	/* and all that follow */
	errno = power.fail_errno;
	return true;
}

static ssize_t power_pwrite(int fd, const void *p, size_t len, off_t at)
{
	ssize_t n;

	if (!power_mine(fd))
		return syscall(SYS_pwrite64, fd, p, len, at);
	pthread_mutex_lock(&power.lock);
	if (power_fails()) {
		n = -1;
	} else {
		n = syscall(SYS_pwrite64, fd, p, len, at);
		if (n > 0)
			power_add(p, (size_t)n, (uint64_t)at);
		if (n > 0 && fcntl(fd, F_GETFL) & O_DSYNC)
			power_add(NULL, 0, 0);
	}
	pthread_mutex_unlock(&power.lock);
	return n;
}

static int power_sync(int fd, long call)
{
	int rc;

	if (!power_mine(fd))
		return power.quick ? 0 : (int)syscall(call, fd);
	pthread_mutex_lock(&power.lock);
	if (power_fails()) {
		rc = -1;
	} else {
		rc = 0;		/* the test's disk is memory: nothing to wait for */
		power_add(NULL, 0, 0);
	}
	pthread_mutex_unlock(&power.lock);
	return rc;
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	return power_pwrite(fd, p, len, at);
}

ssize_t pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	return power_pwrite(fd, p, len, at);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	ssize_t sum = 0, r;

	for (int i = 0; i < n; i++) {
		r = power_pwrite(fd, iov[i].iov_base, iov[i].iov_len, at + sum);
		if (r < 0)
			return sum ? sum : -1;
		sum += r;
		if ((size_t)r < iov[i].iov_len)
			break;
	}
	return sum;
}

ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t at)
{
	return pwritev(fd, iov, n, at);
}

/* at the place lseek(2) has set, as LMDB does */
ssize_t writev(int fd, const struct iovec *iov, int n)
{
	off_t at;
	ssize_t sum;

	if (!power_mine(fd))
		return syscall(SYS_writev, fd, iov, n);
	at = lseek(fd, 0, SEEK_CUR);
	sum = pwritev(fd, iov, n, at);
	if (sum > 0)
		lseek(fd, at + sum, SEEK_SET);
	return sum;
}

int fdatasync(int fd)
{
	return power_sync(fd, SYS_fdatasync);
}

int fsync(int fd)
{
	return power_sync(fd, SYS_fsync);
}

static inline uint8_t *power_load(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *p;

	if (fd < 0 || fstat(fd, &st))
		abort();
	*size = (size_t)st.st_size;
	p = malloc(*size + 1);
	if (!p || read(fd, p, *size) != st.st_size)
		abort();
	close(fd);
	return p;
}

static inline void power_forget(void)
{
	for (size_t i = 0; i < power.n; i++)
		free(power.e[i].data);
	free(power.e);
	free(power.base);
	power.e = NULL;
	power.base = NULL;
	power.n = 0;
	power.room = 0;
	power.on = false;
	power.fail_after = 0;
	power.quick = false;
}

/* starts writing down what happens to @path, which is on disk as it is */
static inline void power_record(const char *path)
{
	struct stat st;

	power_forget();
	power.base = power_load(path, &power.size);
	if (stat(path, &st))
		abort();
	power.dev = st.st_dev;
	power.ino = st.st_ino;
	power.on = true;
}

/* events so far: an acknowledgement now is one the first this many events must keep */
static inline size_t power_now(void)
{
	size_t n;

	pthread_mutex_lock(&power.lock);
	n = power.n;
	pthread_mutex_unlock(&power.lock);
	return n;
}

static inline void power_apply(uint8_t *image, size_t size, const struct power_event *e,
			       enum power_mode mode, size_t sector)
{
	size_t at = (size_t)e->at, end = at + e->len;

	if (end > size)
		abort();
	while (at < end) {
		size_t stop = (at / sector + 1) * sector;
		int what = mode == POWER_ALL ? 1 : mode == POWER_SOME ? rand() % 2 : rand() % 3;

		if (stop > end)
			stop = end;
		if (what == 1)
			memcpy(image + at, e->data + (at - e->at), stop - at);
		if (what == 2) {
			size_t from = at / sector * sector, to = from + sector;

			for (size_t i = from; i < to && i < size; i++)
				image[i] = (uint8_t)rand();
		}
		at = stop;
	}
}

/* writes to @path the disk as it may be when the power went after @events of the events */
static inline void power_cut(const char *path, size_t events, enum power_mode mode, size_t sector)
{
	size_t size = power.size, synced = 0, i;
	uint8_t *image;
	FILE *f;

	for (i = 0; i < events; i++) {
		if (!power.e[i].data)
			synced = i;
		else if (power.e[i].at + power.e[i].len > size)
			size = (size_t)(power.e[i].at + power.e[i].len);
	}
	image = calloc(1, size + 1);
	if (!image)
		abort();
	memcpy(image, power.base, power.size);
	for (i = 0; i < events; i++) {
		if (!power.e[i].data)
			continue;
		if (i < synced)
			power_apply(image, size, &power.e[i], POWER_ALL, sector);
		else if (mode != POWER_NONE)
			power_apply(image, size, &power.e[i], mode, sector);
	}
	f = fopen(path, "we");
	if (!f || fwrite(image, 1, size, f) != size || fclose(f))
		abort();
	free(image);
}

#endif /* TEST_POWER_H */
