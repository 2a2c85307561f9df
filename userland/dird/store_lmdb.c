// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * store_lmdb.c - the embedded store.
 *
 * DESIGN NOTES
 *
 * Four tables. "meta": the identity of the server and the number last given to a directory.
 * "dir": object number -> directory. "row": object number and name -> row. "slot": object number
 * and slot -> name, the order of listings. Numbers in keys are big-endian, so that LMDB's order is
 * theirs; records are the little-endian bytes of libamoeba's am_put_*.
 *
 * Reads are LMDB read transactions: they never wait and see one moment.
 *
 * Changes are committed in groups. A thread queues its change; when nobody commits it takes the
 * whole queue into one write transaction, commits (LMDB syncs the file), and wakes those whose
 * changes were in it; otherwise it waits until that is done and then looks again. A change that
 * breaks a rule puts nothing and does not disturb the others. Should the file refuse a write, the
 * group is aborted and its changes are tried one by one, so that each gets its own answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_lmdb.h"

bool store_name_ok(const char *name)
{
	size_t i;

	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (i = 0; name[i]; i++)
		if (i >= AM_NAME_MAX || name[i] < '!' || name[i] > '~' || name[i] == '/')
			return false;
	return true;
}

am_status lmdb_status(int rc)
{
	switch (rc) {
	case 0:
		return AM_OK;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return AM_STD_NOSPACE;
	case ENOMEM:
		return AM_STD_NOMEM;
	case MDB_PANIC:
		fprintf(stderr, "dird: store: the database gave up after a failed write; ending, so that a restart recovers it (nothing acknowledged is lost)\n");
		_exit(EXIT_FAILURE);
	default:
		fprintf(stderr, "dird: store: %s\n", mdb_strerror(rc));
		return AM_STD_SYSERR;
	}
}

/* ---- groups of changes -------------------------------------------------------------------- */

/* 0 when all of @list has its status and the good ones are durable; else nothing was changed */
static int group_commit(struct lmdb *l, struct change *list, unsigned int *good)
{
	struct change *c;
	MDB_txn *txn;
	int rc;

	*good = 0;
	rc = mdb_txn_begin(l->env, NULL, 0, &txn);
	if (rc)
		return rc;
	for (c = list; c; c = c->next) {
		rc = c->apply(l, txn, c);
		if (rc) {
			mdb_txn_abort(txn);
			return rc;
		}
		if (c->status == AM_OK)
			++*good;
	}
	if (*good)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return 0;
}

static void group_run(struct lmdb *l, struct change *list)
{
	struct change *c, *next;
	unsigned int good;
	int rc;

	rc = group_commit(l, list, &good);
	if (!rc) {
		__atomic_add_fetch(&l->changes, good, __ATOMIC_RELAXED);
		__atomic_add_fetch(&l->commits, !!good, __ATOMIC_RELAXED);
		return;
	}
	if (!list->next) {
		list->status = lmdb_status(rc);
		return;
	}
	for (c = list; c; c = next) {
		next = c->next;
		c->next = NULL;
		group_run(l, c);
		c->next = next;
	}
}

static am_status change_run(struct lmdb *l, struct change *c)
{
	struct change *list, *i;

	pthread_mutex_lock(&l->lock);
	c->next = NULL;
	c->done = false;
	*l->tail = c;
	l->tail = &c->next;
	while (!c->done && l->busy)
		pthread_cond_wait(&l->cond, &l->lock);
	if (!c->done) {
		list = l->queue;
		l->queue = NULL;
		l->tail = &l->queue;
		l->busy = true;
		pthread_mutex_unlock(&l->lock);
		group_run(l, list);
		pthread_mutex_lock(&l->lock);
		for (i = list; i; i = i->next)
			i->done = true;
		l->busy = false;
		pthread_cond_broadcast(&l->cond);
	}
	pthread_mutex_unlock(&l->lock);
	return c->status;
}

/* ---- the operations ----------------------------------------------------------------------- */

static am_status lmdb_init(struct store *st, const struct store_tree *tree)
{
	struct change c = { .apply = apply_init, .tree = tree };

	return change_run(lmdb_of(st), &c);
}

static am_status lmdb_create(struct store *st, unsigned int ncols, const char *const cols[],
			     struct store_ref *dir)
{
	struct change c = { .apply = apply_create, .ncols = ncols, .cols = cols, .out = dir };
	unsigned int i;

	if (!ncols || ncols > AM_DIR_COLUMNS)
		return AM_STD_ARGBAD;
	for (i = 0; i < ncols; i++)
		if (!store_name_ok(cols[i]))
			return AM_STD_ARGBAD;
	return change_run(lmdb_of(st), &c);
}

static am_status lmdb_discard(struct store *st, const struct store_ref *dir)
{
	struct change c = { .apply = apply_discard, .dir = dir };

	return change_run(lmdb_of(st), &c);
}

static am_status lmdb_append(struct store *st, const struct store_ref *dir, const char *name,
			     const am_capset *set, const uint32_t masks[AM_DIR_COLUMNS])
{
	struct change c = { .apply = apply_append, .dir = dir, .name = name, .set = set,
			    .masks = masks };

	if (!store_name_ok(name))
		return AM_STD_ARGBAD;
	return change_run(lmdb_of(st), &c);
}

static am_status lmdb_edit(struct store *st, struct change *c)
{
	c->apply = apply_edit;
	if (!store_name_ok(c->name))
		return AM_STD_ARGBAD;
	return change_run(lmdb_of(st), c);
}

static am_status lmdb_chmod(struct store *st, const struct store_ref *dir, const char *name,
			    const uint32_t masks[AM_DIR_COLUMNS])
{
	struct change c = { .dir = dir, .name = name, .masks = masks };

	return lmdb_edit(st, &c);
}

static am_status lmdb_replace(struct store *st, const struct store_ref *dir, const char *name,
			      const am_capset *set)
{
	struct change c = { .dir = dir, .name = name, .set = set };

	return lmdb_edit(st, &c);
}

static am_status lmdb_remove(struct store *st, const struct store_ref *dir, const char *name)
{
	struct change c = { .apply = apply_remove, .dir = dir, .name = name };

	if (!store_name_ok(name))
		return AM_STD_ARGBAD;
	return change_run(lmdb_of(st), &c);
}

static am_status lmdb_id(struct store *st, struct store_id *id)
{
	struct lmdb *l = lmdb_of(st);
	uint32_t format;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return lmdb_status(rc);
	rc = meta_get_u32(l, txn, "format", &format);
	if (rc == MDB_NOTFOUND) {
		mdb_txn_abort(txn);
		return AM_STD_NOTFOUND;
	}
	if (!rc && format != LMDB_FORMAT)
		rc = MDB_VERSION_MISMATCH;
	if (!rc)
		rc = meta_get(l, txn, "get", &id->get, sizeof(id->get));
	if (!rc)
		rc = meta_get(l, txn, "super", &id->super, sizeof(id->super));
	if (!rc)
		rc = meta_get_u32(l, txn, "root", &id->root);
	mdb_txn_abort(txn);
	return lmdb_status(rc);
}

static am_status lmdb_dir(struct store *st, uint32_t object, struct store_dir *dir)
{
	struct lmdb *l = lmdb_of(st);
	struct dirrec r;
	uint32_t top;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return lmdb_status(rc);
	rc = dir_get(l, txn, object, &r);
	if (rc == MDB_NOTFOUND) {
		rc = meta_get_u32(l, txn, "top", &top);
		mdb_txn_abort(txn);
		if (rc)
			return lmdb_status(rc);
		return object && object <= top ? AM_SP_UNREACH : AM_STD_CAPBAD;
	}
	mdb_txn_abort(txn);
	if (!rc)
		*dir = r.d;
	return lmdb_status(rc);
}

static am_status lmdb_row(struct store *st, const struct store_ref *dir, const char *name,
			  struct store_row *row)
{
	struct lmdb *l = lmdb_of(st);
	am_status status;
	struct dirrec r;
	MDB_txn *txn;
	int rc;

	if (!store_name_ok(name))
		return AM_STD_NOTFOUND;
	rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return lmdb_status(rc);
	rc = dir_ref(l, txn, dir, &r, &status);
	if (!rc && !status) {
		rc = row_get(l, txn, r.d.ref.object, r.d.ncols, name, row);
		if (rc == MDB_NOTFOUND) {
			status = AM_STD_NOTFOUND;
			rc = 0;
		}
	}
	mdb_txn_abort(txn);
	return rc ? lmdb_status(rc) : status;
}

static int rows_walk(struct lmdb *l, MDB_txn *txn, const struct store_dir *d, uint32_t first,
		     store_row_fn fn, void *arg)
{
	uint8_t kb[KEY_MAX], prefix[4];
	char name[AM_NAME_MAX + 1];
	struct store_row row;
	MDB_cursor *cur;
	MDB_val k, v;
	int rc;

	rc = mdb_cursor_open(txn, l->slot, &cur);
	if (rc)
		return rc;
	key_object(prefix, d->ref.object);
	k = key_slot(kb, d->ref.object, first);
	rc = mdb_cursor_get(cur, &k, &v, MDB_SET_RANGE);
	while (!rc && k.mv_size == 6 && !memcmp(k.mv_data, prefix, 4)) {
		if (v.mv_size > AM_NAME_MAX) {
			rc = MDB_CORRUPTED;
			break;
		}
		memcpy(name, v.mv_data, v.mv_size);
		name[v.mv_size] = '\0';
		rc = row_get(l, txn, d->ref.object, d->ncols, name, &row);
		if (rc) {
			rc = MDB_CORRUPTED;
			break;
		}
		if (fn(&row, arg))
			break;
		rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cur);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static am_status lmdb_rows(struct store *st, const struct store_ref *dir, uint32_t first,
			   store_row_fn fn, void *arg)
{
	struct lmdb *l = lmdb_of(st);
	am_status status;
	struct dirrec r;
	MDB_txn *txn;
	int rc;

	if (first >= STORE_SLOTS)
		return AM_STD_ARGBAD;
	rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return lmdb_status(rc);
	rc = dir_ref(l, txn, dir, &r, &status);
	if (!rc && !status)
		rc = rows_walk(l, txn, &r.d, first, fn, arg);
	mdb_txn_abort(txn);
	return rc ? lmdb_status(rc) : status;
}

static am_status lmdb_stat(struct store *st, struct store_stat *stat)
{
	struct lmdb *l = lmdb_of(st);
	MDB_envinfo info;
	MDB_stat ms;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return lmdb_status(rc);
	memset(stat, 0, sizeof(*stat));
	rc = mdb_stat(txn, l->dir, &ms);
	stat->dirs = ms.ms_entries;
	if (!rc) {
		rc = mdb_stat(txn, l->row, &ms);
		stat->rows = ms.ms_entries;
	}
	mdb_txn_abort(txn);
	if (!rc)
		rc = mdb_env_info(l->env, &info);
	if (rc)
		return lmdb_status(rc);
	stat->used = (uint64_t)(info.me_last_pgno + 1) * ms.ms_psize;
	stat->size = info.me_mapsize;
	stat->changes = __atomic_load_n(&l->changes, __ATOMIC_RELAXED);
	stat->commits = __atomic_load_n(&l->commits, __ATOMIC_RELAXED);
	return AM_OK;
}

static void lmdb_close(struct store *st)
{
	struct lmdb *l = lmdb_of(st);

	mdb_env_close(l->env);
	close(l->lockfd);
	pthread_cond_destroy(&l->cond);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static const struct store_ops lmdb_ops = {
	.close	 = lmdb_close,
	.id	 = lmdb_id,
	.init	 = lmdb_init,
	.stat	 = lmdb_stat,
	.dir	 = lmdb_dir,
	.row	 = lmdb_row,
	.rows	 = lmdb_rows,
	.create	 = lmdb_create,
	.discard = lmdb_discard,
	.append	 = lmdb_append,
	.chmod	 = lmdb_chmod,
	.replace = lmdb_replace,
	.remove	 = lmdb_remove,
};

/* ---- opening ------------------------------------------------------------------------------ */

static int tables_open(struct lmdb *l)
{
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(l->env, NULL, 0, &txn);
	if (rc)
		return rc;
	rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &l->meta);
	if (!rc)
		rc = mdb_dbi_open(txn, "dir", MDB_CREATE, &l->dir);
	if (!rc)
		rc = mdb_dbi_open(txn, "row", MDB_CREATE, &l->row);
	if (!rc)
		rc = mdb_dbi_open(txn, "slot", MDB_CREATE, &l->slot);
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

/* the folder and its entry in the folder above are on disk */
static int folder_sync(int fd)
{
	int up, rc;

	if (fsync(fd))
		return -1;
	up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up < 0)
		return errno == EACCES ? 0 : -1;
	rc = fsync(up);
	close(up);
	return rc;
}

struct store *store_lmdb_open(const char *path, uint64_t size, unsigned int threads,
			      char *why, size_t whysize)
{
	struct lmdb *l = calloc(1, sizeof(*l));
	int rc;

	if (!l) {
		snprintf(why, whysize, "database %s: out of memory", path);
		return NULL;
	}
	l->st.ops = &lmdb_ops;
	l->tail = &l->queue;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->cond, NULL);

	if (mkdir(path, 0700) && errno != EEXIST) {
		snprintf(why, whysize, "database %s: cannot make the folder: %s; make the one above it, or use --db",
			 path, strerror(errno));
		goto free;
	}
	l->lockfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->lockfd < 0) {
		snprintf(why, whysize, "database %s: cannot open the folder: %s", path,
			 strerror(errno));
		goto free;
	}
	if (flock(l->lockfd, LOCK_EX | LOCK_NB)) {
		snprintf(why, whysize, "database %s: %s", path, errno == EWOULDBLOCK ?
			 "another dird serves it; stop that one first" : strerror(errno));
		goto close;
	}

	rc = mdb_env_create(&l->env);
	if (rc) {
		snprintf(why, whysize, "database %s: %s", path, mdb_strerror(rc));
		goto close;
	}
	rc = mdb_env_set_maxdbs(l->env, 8);
	if (!rc)
		rc = mdb_env_set_maxreaders(l->env, threads + 16);
	if (!rc)
		rc = mdb_env_set_mapsize(l->env, size);
	if (!rc)
		rc = mdb_env_open(l->env, path, MDB_NOTLS, 0600);
	if (!rc)
		rc = tables_open(l);
	if (!rc && folder_sync(l->lockfd))
		rc = errno;
	if (rc) {
		snprintf(why, whysize, "database %s: %s%s", path, mdb_strerror(rc),
			 rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_VERSION_MISMATCH ?
			 "; it is damaged or not a directory database: restore it, or use another --db" : "");
		mdb_env_close(l->env);
		goto close;
	}
	return &l->st;
close:
	close(l->lockfd);
free:
	pthread_cond_destroy(&l->cond);
	pthread_mutex_destroy(&l->lock);
	free(l);
	return NULL;
}
