// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vol_commit.c - making changes durable, in groups. vol_int.h has the order of writes.
 *
 * A thread queues its change; when nobody leads a group it becomes the leader, takes the queue and
 * the commits that were put off, and writes them without holding a lock; the others wait. A sync
 * or a write of inodes that failed leaves the disk in a state nobody knows; then the volume is
 * broken: what it holds can be read, nothing can be changed until a restart has looked at it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vol_int.h"

/** a group being written */
struct group {
	struct vol_change	*changes;
	struct file		*lazy;
	struct vol_inode	*inodes;
	size_t			n;
};

static void record(struct vol *v, struct group *g, const struct file *f, uint32_t type)
{
	struct vol_inode *in = &g->inodes[g->n++];

	memset(in, 0, sizeof(*in));
	in->type = type;
	in->object = f->pub.object;
	in->generation = ++v->generation;
	if (type == INODE_FREE)
		return;
	in->start = f->ext.start;
	in->size = f->size;
	in->created = f->created;
	in->random = f->pub.random;
}

/* takes what is waiting; vol->lock is held */
static am_status group_begin(struct vol *v, struct group *g)
{
	struct vol_change *c;
	struct file *f;
	size_t n = 0;

	g->changes = v->queue;
	v->queue = NULL;
	v->tail = &v->queue;
	g->lazy = v->lazy;
	v->lazy = NULL;
	for (c = g->changes; c; c = c->next)
		n++;
	for (f = g->lazy; f; f = f->lazy)
		n++;
	g->n = 0;
	g->inodes = calloc(n ? n : 1, sizeof(*g->inodes));
	if (!g->inodes)
		return AM_STD_NOMEM;
	for (c = g->changes; c; c = c->next) {
		if (c->kind == C_COMMIT)
			record(v, g, c->file, INODE_FILE);
		if (c->kind != C_DESTROY)
			continue;
		c->file->state = F_DEAD;
		if (c->file->ondisk)
			record(v, g, c->file, INODE_FREE);
	}
	for (f = g->lazy; f; f = f->lazy)
		if (f->state == F_COMMITTED)
			record(v, g, f, INODE_FILE);
	return v->broken ? AM_STD_SYSERR : AM_OK;
}

static am_status broken(struct vol *v, const char *what)
{
	fprintf(stderr, "bulletd: volume %s: %s: %s; nothing can be changed any more, look at the disk and restart\n",
		v->path, what, strerror(errno));
	__atomic_store_n(&v->broken, true, __ATOMIC_RELAXED);
	return AM_STD_SYSERR;
}

static am_status group_write(struct vol *v, const struct group *g)
{
	size_t i;

	if (__atomic_exchange_n(&v->dirty, false, __ATOMIC_ACQ_REL) && fdatasync(v->fd))
		return broken(v, "files cannot be synced");
	if (!g->n)
		return AM_OK;
	for (i = 0; i < g->n; i++)
		if (vol_inode_write(v, 0, &g->inodes[i]))
			return broken(v, "inodes cannot be written");
	if (fdatasync(v->fd))
		return broken(v, "inodes cannot be synced");
	/* the group is durable; the other table follows with the sync of the next group */
	for (i = 0; i < g->n; i++)
		if (vol_inode_write(v, 1, &g->inodes[i])) {
			broken(v, "second copies of inodes cannot be written");
			break;
		}
	__atomic_store_n(&v->dirty, true, __ATOMIC_RELEASE);
	return AM_OK;
}

/* hands out what became of the group; vol->lock is held */
static void group_end(struct vol *v, struct group *g, am_status s)
{
	struct vol_change *c, *cnext;
	struct file *f, *fnext;

	for (c = g->changes; c; c = cnext) {
		cnext = c->next;
		if (s) {
			if (c->kind == C_DESTROY)
				c->file->state = F_COMMITTED;
		} else if (c->kind == C_COMMIT) {
			c->file->ondisk = true;
		} else if (c->kind == C_DESTROY) {
			file_unref(v, c->file);
		}
		c->status = s;
		c->done = true;
	}
	for (f = g->lazy; f; f = fnext) {
		fnext = f->lazy;
		if (s && f->state == F_COMMITTED) {
			f->lazy = v->lazy;
			v->lazy = f;
			continue;
		}
		if (f->state == F_COMMITTED)
			f->ondisk = true;
		file_unref(v, f);
	}
	if (!s && g->n)
		v->commits++;
	free(g->inodes);
}

am_status vol_change(struct vol *v, enum change_kind kind, struct file *f)
{
	struct vol_change c = { .kind = kind, .file = f };
	struct group g;
	am_status s;

	pthread_mutex_lock(&v->lock);
	*v->tail = &c;
	v->tail = &c.next;
	while (!c.done && v->busy)
		pthread_cond_wait(&v->cond, &v->lock);
	if (!c.done) {
		v->busy = true;
		s = group_begin(v, &g);
		pthread_mutex_unlock(&v->lock);
		if (!s)
			s = group_write(v, &g);
		pthread_mutex_lock(&v->lock);
		group_end(v, &g, s);
		v->busy = false;
		pthread_cond_broadcast(&v->cond);
	}
	pthread_mutex_unlock(&v->lock);
	return c.status;
}

void vol_later(struct vol *v, struct file *f)
{
	f->refs++;
	f->lazy = v->lazy;
	v->lazy = f;
}
