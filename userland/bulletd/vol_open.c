// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vol_open.c - opening a volume: which copies count, which files there are, what is free.
 *
 * Copies that differ are made alike again before anything else is written, one table after the
 * other, so that the order vol_int.h promises holds from the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vol_open.h"

/** a message about the volume for the caller */
struct why {
	char	*text;
	size_t	size;
	const char *path;
};

static void say(const struct why *w, const char *what)
{
	snprintf(w->text, w->size, "volume %s: %s", w->path, what);
}

/* ---- size and superblock ------------------------------------------------------------------------ */

static int size_of(int fd, uint64_t *size, bool *file)
{
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	*file = S_ISREG(st.st_mode);
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, size);
	if (!*file) {
		errno = ENODEV;
		return -1;
	}
	*size = (uint64_t)st.st_size;
	return 0;
}

static int super_read(struct vol *v, const struct why *w)
{
	uint8_t block[VOL_BLOCK];
	struct vol_super sb;
	bool found = false;

	for (unsigned int i = 0; i < 2; i++) {
		if (vol_pread(v->fd, block, VOL_BLOCK, i * VOL_BLOCK) ||
		    !vol_super_unpack(&sb, block))
			continue;
		if (!found || sb.generation > v->sb.generation)
			v->sb = sb;
		found = true;
	}
	if (found)
		return 0;
	say(w, "no superblock: this is not a bullet volume, or its first blocks are damaged");
	return -1;
}

/* what the superblock claims is there; with @grow, the volume becomes that large if it is less */
static int super_fit(struct vol *v, uint64_t grow, const struct why *w)
{
	uint64_t size, blocks = grow / VOL_BLOCK;
	bool file;

	if (size_of(v->fd, &size, &file)) {
		say(w, strerror(errno));
		return -1;
	}
	if (size / VOL_BLOCK < v->sb.blocks) {
		say(w, "shorter than its superblock says: it was cut; restore it");
		return -1;
	}
	if (blocks <= v->sb.blocks)
		return 0;
	if (blocks > INT64_MAX / VOL_BLOCK || (!file && size / VOL_BLOCK < blocks)) {
		say(w, "cannot grow: the device is not that large");
		return -1;
	}
	if (file && size / VOL_BLOCK < blocks && ftruncate(v->fd, (off_t)(blocks * VOL_BLOCK))) {
		say(w, strerror(errno));
		return -1;
	}
	v->sb.blocks = blocks;
	if (fsync(v->fd) || vol_super_write(v->fd, &v->sb)) {
		say(w, strerror(errno));
		return -1;
	}
	return 0;
}

/* ---- inodes -------------------------------------------------------------------------------------- */

/** both tables, and what counts of them */
struct tables {
	uint8_t			*raw[2];
	struct vol_inode	*best;
	bool			*bad;
};

static int tables_read(struct vol *v, struct tables *t)
{
	size_t len = (size_t)v->sb.inodes * VOL_INODE;

	for (int i = 0; i < 2; i++) {
		t->raw[i] = malloc(len);
		if (!t->raw[i] || vol_pread(v->fd, t->raw[i], len, v->sb.table[i] * VOL_BLOCK))
			return -1;
	}
	t->best = calloc(v->sb.inodes, sizeof(*t->best));
	t->bad = calloc(v->sb.inodes, sizeof(*t->bad));
	return t->best && t->bad ? 0 : -1;
}

static void tables_free(struct tables *t)
{
	free(t->raw[0]);
	free(t->raw[1]);
	free(t->best);
	free(t->bad);
}

/* the extent of a file is inside the data area */
static bool inode_fits(const struct vol *v, const struct vol_inode *in)
{
	uint64_t blocks = vol_blocks(in->size);

	if (in->type == INODE_FREE)
		return true;
	if (!in->size)
		return in->start == 0;
	return in->size <= AM_B_OFFSET_MAX && in->start >= v->sb.data &&
	       in->start < v->sb.blocks && blocks <= v->sb.blocks - in->start;
}

static void tables_choose(struct vol *v, struct tables *t)
{
	for (uint32_t n = 1; n < v->sb.inodes; n++) {
		struct vol_inode in[2];
		bool ok[2];

		for (int i = 0; i < 2; i++)
			ok[i] = vol_inode_unpack(&in[i], n, t->raw[i] + (size_t)n * VOL_INODE) &&
				inode_fits(v, &in[i]);
		if (!ok[0] && !ok[1]) {
			t->bad[n] = true;
			continue;
		}
		t->best[n] = ok[0] && (!ok[1] || in[0].generation >= in[1].generation) ?
			     in[0] : in[1];
		if (t->best[n].generation > v->generation)
			v->generation = t->best[n].generation;
	}
}

/* makes both copies alike: the numbers of files and free inodes whose copies differ */
static int tables_repair(struct vol *v, const struct tables *t)
{
	for (unsigned int i = 0; i < 2; i++) {
		bool wrote = false;

		for (uint32_t n = 1; n < v->sb.inodes; n++) {
			uint8_t p[VOL_INODE];
			size_t at = (size_t)n * VOL_INODE;

			if (t->bad[n] || !memcmp(t->raw[0] + at, t->raw[1] + at, VOL_INODE))
				continue;
			memset(p, 0, sizeof(p));
			if (t->best[n].generation)
				vol_inode_pack(&t->best[n], p);
			if (!memcmp(p, t->raw[i] + at, VOL_INODE))
				continue;
			if (vol_pwrite(v->fd, p, VOL_INODE, v->sb.table[i] * VOL_BLOCK + at))
				return -1;
			wrote = true;
		}
		if (wrote && fdatasync(v->fd))
			return -1;
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct vol_inode *const *x = a, *const *y = b;

	return (*x)->start < (*y)->start ? -1 : (*x)->start > (*y)->start;
}

/*
 * The inodes of files that are not empty in the order of their place, with a count. Of two that
 * overlap the older one is damaged.
 */
static struct vol_inode **placed(struct vol *v, struct tables *t, size_t *count)
{
	struct vol_inode **list = malloc((size_t)v->sb.inodes * sizeof(*list));
	size_t n = 0, kept = 0, i;

	if (!list)
		return NULL;
	for (uint32_t k = 1; k < v->sb.inodes; k++)
		if (!t->bad[k] && t->best[k].type == INODE_FILE && t->best[k].size)
			list[n++] = &t->best[k];
	qsort(list, n, sizeof(*list), by_start);
	for (i = 0; i < n; i++) {
		struct vol_inode *last = kept ? list[kept - 1] : NULL;

		if (!last || last->start + vol_blocks(last->size) <= list[i]->start) {
			list[kept++] = list[i];
			continue;
		}
		if (last->generation < list[i]->generation) {
			t->bad[last->object] = true;
			/* what the new one is measured against is the one before */
			kept--;
			i--;
		} else {
			t->bad[list[i]->object] = true;
		}
	}
	*count = kept;
	return list;
}

static int files_make(struct vol *v, const struct tables *t)
{
	for (uint32_t n = 1; n < v->sb.inodes; n++) {
		const struct vol_inode *in = &t->best[n];
		struct file *f;

		if (t->bad[n]) {
			fprintf(stderr, "bulletd: volume %s: file %u is damaged and not served\n",
				v->path, n);
			v->files[n] = &vol_damaged;
			v->ndamaged++;
			continue;
		}
		if (in->type == INODE_FREE)
			continue;
		f = calloc(1, sizeof(*f));
		if (!f)
			return -1;
		pthread_mutex_init(&f->lock, NULL);
		f->refs = 1;
		f->state = F_COMMITTED;
		f->ondisk = true;
		f->pub.vol = &v->v;
		f->pub.object = n;
		f->pub.random = in->random;
		f->size = in->size;
		f->created = in->created;
		f->ext = (struct extent){ in->start, vol_blocks(in->size) };
		v->files[n] = f;
		v->nfiles++;
	}
	return 0;
}

static int free_make(struct vol *v, struct vol_inode **list, size_t n)
{
	uint64_t at = v->sb.data;

	if (free_room(&v->free, 2 * (n + 1)))
		return -1;
	for (size_t i = 0; i < n; i++) {
		free_give(&v->free, at, list[i]->start - at);
		at = list[i]->start + vol_blocks(list[i]->size);
	}
	free_give(&v->free, at, v->sb.blocks - at);
	return 0;
}

static int load(struct vol *v, const struct why *w)
{
	struct vol_inode **list = NULL;
	struct tables t = { 0 };
	size_t n;
	int rc = -1;

	errno = ENOMEM;
	v->files = calloc(v->sb.inodes, sizeof(*v->files));
	if (!v->files || tables_read(v, &t))
		goto out;
	tables_choose(v, &t);
	if (tables_repair(v, &t))
		goto out;
	errno = ENOMEM;
	list = placed(v, &t, &n);
	if (!list || files_make(v, &t) || free_make(v, list, n))
		goto out;
	rc = 0;
out:
	if (rc)
		say(w, strerror(errno));
	free(list);
	tables_free(&t);
	return rc;
}

/* ---- the volume -------------------------------------------------------------------------------------- */

void vol_free(struct vol *v)
{
	if (v->files)
		for (uint32_t n = 1; n < v->sb.inodes; n++) {
			struct file *f = v->files[n];

			if (!f || f == &vol_damaged)
				continue;
			pthread_mutex_destroy(&f->lock);
			free(f);
		}
	if (v->map)
		munmap((void *)(uintptr_t)v->map, v->mapsize);
	if (v->fd >= 0) {
		if (v->dirty && fdatasync(v->fd))
			perror("bulletd: volume");
		close(v->fd);
	}
	free_done(&v->free);
	free(v->files);
	free(v->path);
	pthread_cond_destroy(&v->cond);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

struct volume *volume_file_open(const char *path, uint64_t grow, char *why, size_t whysize)
{
	const struct why w = { why, whysize, path };
	struct vol *v = calloc(1, sizeof(*v));
	void *map;

	if (!v) {
		say(&w, "out of memory");
		return NULL;
	}
	v->v.ops = &vol_ops;
	v->tail = &v->queue;
	v->next = 1;
	free_init(&v->free);
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->cond, NULL);
	v->path = strdup(path);
	v->fd = open(path, O_RDWR | O_CLOEXEC);
	if (!v->path || v->fd < 0) {
		say(&w, strerror(errno));
		goto fail;
	}
	if (flock(v->fd, LOCK_EX | LOCK_NB)) {
		say(&w, errno == EWOULDBLOCK ? "another bulletd serves it; stop that one first" :
		    strerror(errno));
		goto fail;
	}
	if (super_read(v, &w) || super_fit(v, grow, &w) || load(v, &w))
		goto fail;

	/* without a mapping reads are copied */
	v->mapsize = v->sb.blocks <= SIZE_MAX / VOL_BLOCK ? (size_t)(v->sb.blocks * VOL_BLOCK) : 0;
	map = v->mapsize ? mmap(NULL, v->mapsize, PROT_READ, MAP_SHARED, v->fd, 0) : MAP_FAILED;
	if (map != MAP_FAILED)
		v->map = map;
	return &v->v;
fail:
	vol_free(v);
	return NULL;
}
