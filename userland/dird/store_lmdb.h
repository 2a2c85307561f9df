/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_lmdb.h - what the files of the embedded store share; see store_lmdb.c.
 */
#ifndef DIRD_STORE_LMDB_H
#define DIRD_STORE_LMDB_H

#include <lmdb.h>
#include <pthread.h>

#include "store.h"

#define LMDB_FORMAT	1
#define KEY_MAX		(4 + AM_NAME_MAX)

struct lmdb {
	struct store	st;
	MDB_env		*env;
	MDB_dbi		meta, dir, row, slot;
	int		lockfd;		/* on the folder: one server a store */

	pthread_mutex_t	lock;		/* of what follows */
	pthread_cond_t	cond;
	struct change	*queue, **tail;
	bool		busy;		/* somebody commits */
	uint64_t	changes, commits;
};

/** one change, from the call until it is durable */
struct change {
	/* 0, or the error of LMDB that spoils the transaction; @status says the rest */
	int (*apply)(struct lmdb *l, MDB_txn *txn, struct change *c);
	const struct store_ref	*dir;
	const char		*name;
	const am_capset		*set;
	const uint32_t		*masks;
	unsigned int		ncols;
	const char *const	*cols;
	const struct store_tree	*tree;
	struct store_ref	*out;
	am_status		status;
	bool			done;
	struct change		*next;
};

/** a directory as it is kept */
struct dirrec {
	struct store_dir	d;
	uint32_t		nextslot;	/* where the search for a free slot begins */
};

static inline struct lmdb *lmdb_of(struct store *st)
{
	return (struct lmdb *)st;
}

/* what a client learns of an error of LMDB; those that leave it unusable end the process */
am_status lmdb_status(int rc);

/* ---- lmdb_rec.c: keys and records; all give 0 or an error of LMDB -------------------------- */

size_t key_object(uint8_t *key, uint32_t object);
MDB_val key_dir(uint8_t *key, uint32_t object);
MDB_val key_row(uint8_t *key, uint32_t object, const char *name);
MDB_val key_slot(uint8_t *key, uint32_t object, uint32_t slot);

int dir_put(struct lmdb *l, MDB_txn *txn, const struct dirrec *r);
int dir_get(struct lmdb *l, MDB_txn *txn, uint32_t object, struct dirrec *r);
/* the directory @ref names: @status is AM_SP_UNREACH when it is not there any more */
int dir_ref(struct lmdb *l, MDB_txn *txn, const struct store_ref *ref, struct dirrec *r,
	    am_status *status);
int row_put(struct lmdb *l, MDB_txn *txn, uint32_t object, unsigned int ncols,
	    const struct store_row *r, unsigned int flags);
int row_get(struct lmdb *l, MDB_txn *txn, uint32_t object, unsigned int ncols,
	    const char *name, struct store_row *r);
int meta_put(struct lmdb *l, MDB_txn *txn, const char *name, const void *p, size_t size);
int meta_put_u32(struct lmdb *l, MDB_txn *txn, const char *name, uint32_t value);
int meta_get(struct lmdb *l, MDB_txn *txn, const char *name, void *p, size_t size);
int meta_get_u32(struct lmdb *l, MDB_txn *txn, const char *name, uint32_t *value);

/* ---- lmdb_change.c: what a change does inside the write transaction ------------------------- */

/* 0 with the change's @status, or the error of LMDB that spoils the transaction */
int apply_create(struct lmdb *l, MDB_txn *txn, struct change *c);
int apply_discard(struct lmdb *l, MDB_txn *txn, struct change *c);
int apply_append(struct lmdb *l, MDB_txn *txn, struct change *c);
int apply_edit(struct lmdb *l, MDB_txn *txn, struct change *c);
int apply_remove(struct lmdb *l, MDB_txn *txn, struct change *c);
int apply_init(struct lmdb *l, MDB_txn *txn, struct change *c);

#endif /* DIRD_STORE_LMDB_H */
