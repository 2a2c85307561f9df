// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vol_file.c - files in a volume file: the operations. vol_int.h has the design.
 *
 * An uncommitted file already lies in the data area, in an extent that is twice as large as before
 * each time it must move, so that making a file in pieces copies each byte a bounded number of
 * times. Nothing on disk tells of it until it is committed, when it gives back what it does not
 * fill.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vol_open.h"

#define COPY_BUF	(256u << 10)

struct file vol_damaged = { .state = F_DEAD };

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static am_status io_status(void)
{
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? AM_STD_NOSPACE :
	       AM_STD_SYSERR;
}

void file_unref(struct vol *v, struct file *f)
{
	if (--f->refs)
		return;
	if (f->ext.len)
		free_give(&v->free, f->ext.start, f->ext.len);
	v->files[f->pub.object] = NULL;
	v->nfiles--;
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* an uncommitted file goes; vol->lock is held, and nobody else is in the file */
static void drop(struct vol *v, struct file *f)
{
	f->state = F_DEAD;
	v->nuncommitted--;
	v->uncommitted -= f->ext.len;
	file_unref(v, f);
}

/* AM_OK when @f, which is locked, can still be written */
static am_status writable(struct vol *v, struct file *f)
{
	enum file_state state;

	pthread_mutex_lock(&v->lock);
	state = f->state;
	f->touched = now();
	pthread_mutex_unlock(&v->lock);
	return state == F_UNCOMMITTED ? AM_OK :
	       state == F_COMMITTED ? AM_STD_WRITEPROT : AM_STD_CAPBAD;
}

/* ---- pins ------------------------------------------------------------------------------------- */

static am_status vol_get(struct volume *vv, uint32_t object, struct vfile **pf)
{
	struct vol *v = vol_of(vv);
	am_status s = AM_STD_CAPBAD;
	struct file *f;

	pthread_mutex_lock(&v->lock);
	f = object < v->sb.inodes ? v->files[object] : NULL;
	if (f && f->state != F_DEAD) {
		f->refs++;
		*pf = &f->pub;
		s = AM_OK;
	}
	pthread_mutex_unlock(&v->lock);
	return s;
}

static void vol_put(struct volume *vv, struct vfile *f)
{
	struct vol *v = vol_of(vv);

	pthread_mutex_lock(&v->lock);
	file_unref(v, file_of(f));
	pthread_mutex_unlock(&v->lock);
}

static bool vol_committed(struct volume *vv, struct vfile *vf, uint64_t *size)
{
	struct vol *v = vol_of(vv);
	struct file *f = file_of(vf);
	bool committed;

	pthread_mutex_lock(&v->lock);
	committed = f->state != F_UNCOMMITTED;
	if (committed)
		*size = f->size;
	pthread_mutex_unlock(&v->lock);
	return committed;
}

/* ---- making a file ------------------------------------------------------------------------------ */

/* a number no file has, or 0; vol->lock is held */
static uint32_t number_new(struct vol *v)
{
	uint32_t n = v->next, tries;

	if (v->nfiles + v->ndamaged >= v->sb.inodes - 1)
		return 0;
	for (tries = 0; tries < v->sb.inodes; tries++) {
		if (n == 0 || n >= v->sb.inodes)
			n = 1;
		if (!v->files[n]) {
			v->next = n + 1;
			return n;
		}
		n++;
	}
	return 0;
}

/* most blocks uncommitted files may hold together: some room is always left for whole ones */
static uint64_t uncommitted_max(const struct vol *v)
{
	uint64_t blocks = v->sb.blocks - v->sb.data;

	return blocks - blocks / 8;
}

/* copies inside the volume, from block to block or anywhere: byte offsets */
static am_status copy(struct vol *v, uint64_t from, uint64_t to, uint64_t len)
{
	am_status s = AM_OK;
	uint8_t *buf;

	if (!len)
		return AM_OK;
	buf = malloc(COPY_BUF);
	if (!buf)
		return AM_STD_NOMEM;
	while (len && !s) {
		size_t n = len < COPY_BUF ? (size_t)len : COPY_BUF;

		if (vol_pread(v->fd, buf, n, from) || vol_pwrite(v->fd, buf, n, to))
			s = io_status();
		from += n;
		to += n;
		len -= n;
	}
	free(buf);
	return s;
}

/* @want blocks, or if that is too much @need, counted as uncommitted; vol->lock is held */
static am_status extent_take(struct vol *v, uint64_t need, uint64_t want, struct extent *e)
{
	uint64_t left = uncommitted_max(v);
	am_status s = AM_STD_NOSPACE;

	left = left > v->uncommitted ? left - v->uncommitted : 0;
	if (need > left)
		return AM_STD_NOSPACE;
	if (want <= left)
		s = free_take(&v->free, want, e);
	if (s && want > need)
		s = free_take(&v->free, need, e);
	if (!s)
		v->uncommitted += e->len;
	return s;
}

static void extent_give(struct vol *v, const struct extent *e)
{
	if (!e->len)
		return;
	free_give(&v->free, e->start, e->len);
	v->uncommitted -= e->len;
}

/* puts @e in the place of the extent of @f, which is locked */
static void extent_swap(struct vol *v, struct file *f, const struct extent *e)
{
	pthread_mutex_lock(&v->lock);
	extent_give(v, &f->ext);
	f->ext = *e;
	pthread_mutex_unlock(&v->lock);
}

/* an extent that holds @bytes, with the contents there are; @f is locked */
static am_status reserve(struct vol *v, struct file *f, uint64_t bytes)
{
	uint64_t need = vol_blocks(bytes), want = 2 * f->ext.len, more;
	struct extent e;
	am_status s;

	if (need <= f->ext.len)
		return AM_OK;
	if (want < need)
		want = need;

	pthread_mutex_lock(&v->lock);
	more = need - f->ext.len;
	if (f->ext.len && v->uncommitted + more <= uncommitted_max(v) &&
	    free_extend(&v->free, &f->ext, more)) {
		f->ext.len = need;
		v->uncommitted += more;
		pthread_mutex_unlock(&v->lock);
		return AM_OK;
	}
	s = extent_take(v, need, want, &e);
	pthread_mutex_unlock(&v->lock);
	if (s)
		return s;
	s = copy(v, f->ext.start * VOL_BLOCK, e.start * VOL_BLOCK, f->size);
	if (s) {
		pthread_mutex_lock(&v->lock);
		extent_give(v, &e);
		pthread_mutex_unlock(&v->lock);
		return s;
	}
	extent_swap(v, f, &e);
	return AM_OK;
}

static am_status vol_create(struct volume *vv, uint64_t expect, struct vfile **pf)
{
	struct vol *v = vol_of(vv);
	struct file *f = calloc(1, sizeof(*f));
	am_status s = AM_STD_NOSPACE;
	uint32_t object;

	if (!f)
		return AM_STD_NOMEM;
	f->pub.vol = vv;
	am_port_random(&f->pub.random);
	pthread_mutex_init(&f->lock, NULL);
	f->state = F_UNCOMMITTED;
	f->refs = 2;	/* the array's and the caller's */
	f->touched = now();

	pthread_mutex_lock(&v->lock);
	if (__atomic_load_n(&v->broken, __ATOMIC_RELAXED)) {
		s = AM_STD_SYSERR;
		goto fail;
	}
	object = number_new(v);
	if (!object)
		goto fail;
	/* each file has one extent, and a second one while it moves */
	s = free_room(&v->free, 2 * ((size_t)v->nfiles + 1));
	if (s)
		goto fail;
	if (expect) {
		s = extent_take(v, vol_blocks(expect), vol_blocks(expect), &f->ext);
		if (s)
			goto fail;
	}
	f->pub.object = object;
	v->files[object] = f;
	v->nfiles++;
	v->nuncommitted++;
	pthread_mutex_unlock(&v->lock);
	*pf = &f->pub;
	return AM_OK;
fail:
	pthread_mutex_unlock(&v->lock);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return s;
}

static am_status vol_write(struct volume *vv, struct vfile *vf, uint64_t at, const void *p,
			   size_t len)
{
	struct vol *v = vol_of(vv);
	struct file *f = file_of(vf);
	am_status s;

	pthread_mutex_lock(&f->lock);
	s = writable(v, f);
	if (!s && at > f->size)
		s = AM_STD_ARGBAD;
	if (!s && at + len > AM_B_OFFSET_MAX)
		s = AM_STD_NOSPACE;
	if (!s)
		s = reserve(v, f, at + len);
	if (!s && len) {
		if (vol_pwrite(v->fd, p, len, f->ext.start * VOL_BLOCK + at))
			s = io_status();
		else if (at + len > f->size)
			f->size = at + len;
		__atomic_store_n(&v->dirty, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&f->lock);
	return s;
}

/* the file becomes its first @at bytes, @p, and what follows its first @at + @skip bytes */
static am_status splice(struct vol *v, struct file *f, uint64_t at, uint64_t skip,
			const void *p, size_t len)
{
	uint64_t size = f->size - skip + len, from = f->ext.start * VOL_BLOCK, to;
	uint64_t need = vol_blocks(size);
	struct extent e = { 0 };
	am_status s = AM_OK;

	if (size > AM_B_OFFSET_MAX)
		return AM_STD_NOSPACE;
	if (need) {
		pthread_mutex_lock(&v->lock);
		s = extent_take(v, need, need, &e);
		pthread_mutex_unlock(&v->lock);
		if (s)
			return s;
	}
	to = e.start * VOL_BLOCK;
	s = copy(v, from, to, at);
	if (!s && len && vol_pwrite(v->fd, p, len, to + at))
		s = io_status();
	if (!s)
		s = copy(v, from + at + skip, to + at + len, f->size - at - skip);
	__atomic_store_n(&v->dirty, true, __ATOMIC_RELEASE);
	if (s) {
		pthread_mutex_lock(&v->lock);
		extent_give(v, &e);
		pthread_mutex_unlock(&v->lock);
		return s;
	}
	extent_swap(v, f, &e);
	f->size = size;
	return AM_OK;
}

static am_status vol_insert(struct volume *vv, struct vfile *vf, uint64_t at, const void *p,
			    size_t len)
{
	struct vol *v = vol_of(vv);
	struct file *f = file_of(vf);
	am_status s;

	pthread_mutex_lock(&f->lock);
	s = writable(v, f);
	if (!s && at > f->size)
		s = AM_STD_ARGBAD;
	if (!s)
		s = splice(v, f, at, 0, p, len);
	pthread_mutex_unlock(&f->lock);
	return s;
}

static am_status vol_remove(struct volume *vv, struct vfile *vf, uint64_t at, uint64_t len)
{
	struct vol *v = vol_of(vv);
	struct file *f = file_of(vf);
	am_status s;

	pthread_mutex_lock(&f->lock);
	s = writable(v, f);
	if (!s && at > f->size)
		s = AM_STD_ARGBAD;
	if (!s)
		s = splice(v, f, at, len < f->size - at ? len : f->size - at, NULL, 0);
	pthread_mutex_unlock(&f->lock);
	return s;
}

/* ---- the end of making --------------------------------------------------------------------------- */

static am_status vol_commit(struct volume *vv, struct vfile *vf, bool safe)
{
	struct vol *v = vol_of(vv);
	struct file *f = file_of(vf);
	uint64_t blocks;
	am_status s;

	pthread_mutex_lock(&f->lock);
	s = writable(v, f);
	if (s)
		goto out;
	blocks = vol_blocks(f->size);
	pthread_mutex_lock(&v->lock);
	if (__atomic_load_n(&v->broken, __ATOMIC_RELAXED)) {
		pthread_mutex_unlock(&v->lock);
		s = AM_STD_SYSERR;
		goto out;
	}
	if (blocks < f->ext.len) {
		free_give(&v->free, f->ext.start + blocks, f->ext.len - blocks);
		v->uncommitted -= f->ext.len - blocks;
		f->ext.len = blocks;
	}
	if (!blocks)
		f->ext.start = 0;
	f->created = (uint64_t)time(NULL);
	f->state = F_COMMITTED;
	v->nuncommitted--;
	v->uncommitted -= blocks;
	if (!safe)
		vol_later(v, f);
	pthread_mutex_unlock(&v->lock);
	if (!safe)
		goto out;

	s = vol_change(v, C_COMMIT, f);
	if (s) {
		pthread_mutex_lock(&v->lock);
		f->state = F_UNCOMMITTED;
		v->nuncommitted++;
		v->uncommitted += blocks;
		pthread_mutex_unlock(&v->lock);
	}
out:
	pthread_mutex_unlock(&f->lock);
	return s;
}

static am_status vol_destroy(struct volume *vv, struct vfile *vf)
{
	struct vol *v = vol_of(vv);
	struct file *f = file_of(vf);
	enum file_state state;
	am_status s = AM_OK;

	pthread_mutex_lock(&f->lock);
	pthread_mutex_lock(&v->lock);
	state = f->state;
	if (state == F_UNCOMMITTED)
		drop(v, f);
	pthread_mutex_unlock(&v->lock);
	if (state == F_COMMITTED)
		s = vol_change(v, C_DESTROY, f);
	else if (state == F_DEAD)
		s = AM_STD_CAPBAD;
	pthread_mutex_unlock(&f->lock);
	return s;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static am_status vol_read(struct volume *vv, struct vfile *vf, uint64_t at, void *p, size_t len)
{
	struct vol *v = vol_of(vv);
	struct file *f = file_of(vf);

	if (at > f->size || len > f->size - at)
		return AM_STD_ARGBAD;
	if (vol_pread(v->fd, p, len, f->ext.start * VOL_BLOCK + at))
		return AM_STD_SYSERR;
	return AM_OK;
}

static const void *vol_map(struct volume *vv, struct vfile *vf, uint64_t at, size_t len)
{
	struct vol *v = vol_of(vv);
	struct file *f = file_of(vf);

	if (!v->map || at > f->size || len > f->size - at)
		return NULL;
	return v->map + f->ext.start * VOL_BLOCK + at;
}

/* ---- the volume ---------------------------------------------------------------------------------------- */

static am_status vol_sync(struct volume *vv)
{
	return vol_change(vol_of(vv), C_SYNC, NULL);
}

static void vol_sweep(struct volume *vv)
{
	struct vol *v = vol_of(vv);
	int64_t limit = now() - VOLUME_UNCOMMITTED_S;
	uint32_t n, left;
	bool lazy;

	pthread_mutex_lock(&v->lock);
	left = v->nuncommitted;
	for (n = 1; left && n < v->sb.inodes; n++) {
		struct file *f = v->files[n];

		if (!f || f->state != F_UNCOMMITTED)
			continue;
		left--;
		if (f->refs == 1 && f->touched < limit)
			drop(v, f);
	}
	lazy = v->lazy;
	pthread_mutex_unlock(&v->lock);
	if (lazy)
		vol_sync(vv);
}

static void vol_id(struct volume *vv, struct volume_id *id)
{
	struct vol *v = vol_of(vv);

	id->get = v->sb.get;
	id->super = v->sb.super;
}

static void vol_stat(struct volume *vv, struct volume_stat *st)
{
	struct vol *v = vol_of(vv);

	pthread_mutex_lock(&v->lock);
	st->size = (v->sb.blocks - v->sb.data) * VOL_BLOCK;
	st->free = v->free.blocks * VOL_BLOCK;
	st->largest = free_largest(&v->free) * VOL_BLOCK;
	st->files = v->nfiles - v->nuncommitted;
	st->uncommitted = v->nuncommitted;
	st->inodes = v->sb.inodes - 1;
	st->damaged = v->ndamaged;
	st->commits = v->commits;
	pthread_mutex_unlock(&v->lock);
}

static void vol_close(struct volume *vv)
{
	vol_sync(vv);
	vol_free(vol_of(vv));
}

const struct volume_ops vol_ops = {
	.close		= vol_close,
	.id		= vol_id,
	.stat		= vol_stat,
	.get		= vol_get,
	.put		= vol_put,
	.committed	= vol_committed,
	.create		= vol_create,
	.write		= vol_write,
	.insert		= vol_insert,
	.remove		= vol_remove,
	.commit		= vol_commit,
	.destroy	= vol_destroy,
	.read		= vol_read,
	.map		= vol_map,
	.sync		= vol_sync,
	.sweep		= vol_sweep,
};
