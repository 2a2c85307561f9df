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

#define SCAN	32768u		/* inodes read at once */

/** where a file that is not empty lies */
struct placed {
	uint64_t	start, blocks, generation;
	uint32_t	object;
};

/** an inode whose two copies differ, and which of them is to be written again */
struct fix {
	struct vol_inode	in;
	bool			table[2];
};

/** what reading the tables gave */
struct scan {
	struct placed	*placed;
	size_t		nplaced, room;
	struct fix	*fix;
	size_t		nfix, fixroom;
};

/* room for one more in an array: false when there is no memory */
static bool room_for(void **array, size_t n, size_t *room, size_t size)
{
	size_t want = *room ? 2 * *room : 256;
	void *p;

	if (n < *room)
		return true;
	p = realloc(*array, want * size);
	if (!p)
		return false;
	*array = p;
	*room = want;
	return true;
}

static void damaged(struct vol *v, uint32_t object)
{
	fprintf(stderr, "bulletd: volume %s: file %u is damaged and not served\n", v->path, object);
	v->files[object] = &vol_damaged;
	v->ndamaged++;
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

static bool file_make(struct vol *v, struct scan *sc, const struct vol_inode *in)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return false;
	pthread_mutex_init(&f->lock, NULL);
	f->refs = 1;
	f->state = F_COMMITTED;
	f->ondisk = true;
	f->pub.vol = &v->v;
	f->pub.object = in->object;
	f->pub.random = in->random;
	f->size = in->size;
	f->created = in->created;
	f->ext = (struct extent){ in->start, vol_blocks(in->size) };
	v->files[in->object] = f;
	v->nfiles++;
	if (!in->size)
		return true;
	if (!room_for((void **)&sc->placed, sc->nplaced, &sc->room, sizeof(*sc->placed)))
		return false;
	sc->placed[sc->nplaced++] = (struct placed){ in->start, f->ext.len, in->generation,
						     in->object };
	return true;
}

/* one inode, of which @a and @b are the copies on disk: false when there is no memory */
static bool inode_scan(struct vol *v, struct scan *sc, uint32_t n, const uint8_t *a,
		       const uint8_t *b)
{
	struct vol_inode in[2];
	uint8_t p[VOL_INODE] = { 0 };
	struct fix *fix;
	int best;
	bool ok[2];

	ok[0] = vol_inode_unpack(&in[0], n, a) && inode_fits(v, &in[0]);
	ok[1] = vol_inode_unpack(&in[1], n, b) && inode_fits(v, &in[1]);
	if (!ok[0] && !ok[1]) {
		damaged(v, n);
		return true;
	}
	best = !ok[0] || (ok[1] && in[1].generation > in[0].generation);
	if (in[best].generation > v->generation)
		v->generation = in[best].generation;
	if (memcmp(a, b, VOL_INODE)) {
		if (!room_for((void **)&sc->fix, sc->nfix, &sc->fixroom, sizeof(*sc->fix)))
			return false;
		if (in[best].generation)
			vol_inode_pack(&in[best], p);
		fix = &sc->fix[sc->nfix++];
		fix->in = in[best];
		fix->table[0] = memcmp(a, p, VOL_INODE);
		fix->table[1] = memcmp(b, p, VOL_INODE);
	}
	return in[best].type == INODE_FREE || file_make(v, sc, &in[best]);
}

static int tables_scan(struct vol *v, struct scan *sc)
{
	uint8_t *raw = malloc(2 * SCAN * VOL_INODE), *b = raw + SCAN * VOL_INODE;
	uint32_t first, i;
	int rc = -1;

	if (!raw)
		return -1;
	for (first = 0; first < v->sb.inodes; first += SCAN) {
		uint32_t n = v->sb.inodes - first < SCAN ? v->sb.inodes - first : SCAN;
		uint64_t at = (uint64_t)first * VOL_INODE;

		if (vol_pread(v->fd, raw, n * VOL_INODE, v->sb.table[0] * VOL_BLOCK + at) ||
		    vol_pread(v->fd, b, n * VOL_INODE, v->sb.table[1] * VOL_BLOCK + at))
			goto out;
		for (i = first ? 0 : 1; i < n; i++)
			if (!inode_scan(v, sc, first + i, raw + (size_t)i * VOL_INODE,
					b + (size_t)i * VOL_INODE)) {
				errno = ENOMEM;
				goto out;
			}
	}
	rc = 0;
out:
	free(raw);
	return rc;
}

/* makes copies that differ alike again, first in the one table, then in the other */
static int tables_repair(struct vol *v, const struct scan *sc)
{
	static const uint8_t never[VOL_INODE];

	for (unsigned int t = 0; t < 2; t++) {
		bool wrote = false;

		for (size_t i = 0; i < sc->nfix; i++) {
			const struct fix *f = &sc->fix[i];
			uint64_t at = v->sb.table[t] * VOL_BLOCK + (uint64_t)f->in.object * VOL_INODE;

			if (!f->table[t])
				continue;
			if (f->in.generation ? vol_inode_write(v, t, &f->in) :
					       vol_pwrite(v->fd, never, VOL_INODE, at))
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
	const struct placed *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void file_damaged(struct vol *v, uint32_t object)
{
	struct file *f = v->files[object];

	pthread_mutex_destroy(&f->lock);
	free(f);
	v->nfiles--;
	damaged(v, object);
}

/* sorts the files by their place; of two that overlap the older one is damaged */
static void overlaps(struct vol *v, struct scan *sc)
{
	struct placed *p = sc->placed;
	size_t kept = 0;

	if (sc->nplaced)
		qsort(p, sc->nplaced, sizeof(*p), by_start);
	for (size_t i = 0; i < sc->nplaced; i++) {
		bool lost = false;

		while (kept && p[kept - 1].start + p[kept - 1].blocks > p[i].start && !lost) {
			lost = p[kept - 1].generation >= p[i].generation;
			file_damaged(v, lost ? p[i].object : p[--kept].object);
		}
		if (!lost)
			p[kept++] = p[i];
	}
	sc->nplaced = kept;
}

static int free_make(struct vol *v, const struct scan *sc)
{
	uint64_t at = v->sb.data;

	if (free_room(&v->free, 2 * (sc->nplaced + 1)))
		return -1;
	for (size_t i = 0; i < sc->nplaced; i++) {
		free_give(&v->free, at, sc->placed[i].start - at);
		at = sc->placed[i].start + sc->placed[i].blocks;
	}
	free_give(&v->free, at, v->sb.blocks - at);
	return 0;
}

static int load(struct vol *v, const struct why *w)
{
	struct scan sc = { 0 };
	int rc = -1;

	errno = ENOMEM;
	v->files = calloc(v->sb.inodes, sizeof(*v->files));
	if (!v->files || tables_scan(v, &sc) || tables_repair(v, &sc))
		goto out;
	overlaps(v, &sc);
	errno = ENOMEM;
	if (free_make(v, &sc))
		goto out;
	rc = 0;
out:
	if (rc)
		say(w, strerror(errno));
	free(sc.placed);
	free(sc.fix);
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
