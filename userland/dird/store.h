/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.h - where the directories are kept.
 *
 * DESIGN NOTES
 *
 * A store holds the identity of the server (its get-port, the random number of the super
 * capability, the root directory) and the directories: for each a random number, column names and
 * rows. A row has a name, a capability set and one mask a column. The protocol (serve.c) knows
 * nothing else of it, so another engine than the embedded one (store_lmdb.c) is another
 * struct store_ops.
 *
 * Every function may be called from any thread. A change that returned AM_OK is durable: it
 * survives the loss of power. One that returned anything else changed nothing. Changes are atomic
 * against each other and against reads.
 *
 * A directory is named by a reference, object number and random number: a number that was given
 * to another directory since the caller looked does not pass for the old one.
 *
 * Rows have places (slots) that do not move while the row lives, so that a listing taken in
 * several pieces shows every row that was there all the time exactly once.
 */
#ifndef DIRD_STORE_H
#define DIRD_STORE_H

#include <amoeba.h>

#define STORE_OBJECT_MAX	0xffffffu	/* 24 bits, facts 4.1 */
#define STORE_SLOTS		0xffffu		/* slot 0xffff is "no more" on the wire */

/** names a directory; never passes for another one that got the same number later */
struct store_ref {
	uint32_t	object;
	am_port		random;
};

struct store_dir {
	struct store_ref ref;
	unsigned int	ncols;
	char		cols[AM_DIR_COLUMNS][AM_NAME_MAX + 1];
	uint32_t	nrows;
	uint64_t	seq;		/* changes since the directory was made */
	int64_t		mtime;		/* of the last change, seconds */
};

struct store_row {
	char		name[AM_NAME_MAX + 1];
	uint32_t	slot;
	uint32_t	masks[AM_DIR_COLUMNS];	/* of the directory's ncols columns */
	int64_t		mtime;
	am_capset	set;
};

struct store_id {
	am_port		get;		/* get-port of the server: secret */
	am_port		super;		/* random number of the super capability */
	uint32_t	root;		/* object number of the root directory */
};

struct store_stat {
	uint64_t	dirs;
	uint64_t	rows;
	uint64_t	used;		/* bytes */
	uint64_t	size;		/* bytes at most */
	uint64_t	changes;	/* since the store was opened */
	uint64_t	commits;	/* that made them durable */
};

/** one row of the tree a new store begins with; parent -1 is the root directory itself */
struct store_node {
	int		parent;		/* index of a node before this one that is a directory */
	const char	*name;
	uint32_t	masks[AM_DIR_COLUMNS];
	bool		super;		/* the super capability instead of a new directory */
};

struct store_tree {
	unsigned int	ncols;
	const char	*cols[AM_DIR_COLUMNS];
	const struct store_node *nodes;
	size_t		nnodes;
};

struct store;

/* called for each row; not 0 ends the walk */
typedef int (*store_row_fn)(const struct store_row *row, void *arg);

struct store_ops {
	void (*close)(struct store *st);
	/* AM_STD_NOTFOUND: the store is empty and wants init */
	am_status (*id)(struct store *st, struct store_id *id);
	am_status (*init)(struct store *st, const struct store_tree *tree);
	am_status (*stat)(struct store *st, struct store_stat *stat);

	/* AM_STD_CAPBAD: never was such a directory; AM_SP_UNREACH: it is gone */
	am_status (*dir)(struct store *st, uint32_t object, struct store_dir *dir);
	/* AM_STD_NOTFOUND: no such row; AM_SP_UNREACH: no such directory */
	am_status (*row)(struct store *st, const struct store_ref *dir, const char *name,
			 struct store_row *row);
	/* rows from slot @first on, in the order of slots, all of one moment */
	am_status (*rows)(struct store *st, const struct store_ref *dir, uint32_t first,
			  store_row_fn fn, void *arg);

	am_status (*create)(struct store *st, unsigned int ncols, const char *const cols[],
			    struct store_ref *dir);
	am_status (*discard)(struct store *st, const struct store_ref *dir);
	am_status (*append)(struct store *st, const struct store_ref *dir, const char *name,
			    const am_capset *set, const uint32_t masks[AM_DIR_COLUMNS]);
	am_status (*chmod)(struct store *st, const struct store_ref *dir, const char *name,
			   const uint32_t masks[AM_DIR_COLUMNS]);
	am_status (*replace)(struct store *st, const struct store_ref *dir, const char *name,
			     const am_capset *set);
	am_status (*remove)(struct store *st, const struct store_ref *dir, const char *name);
};

/** head of every implementation */
struct store {
	const struct store_ops *ops;
};

/* the embedded store: LMDB in folder @path, made when missing. NULL with a message in @why */
struct store *store_lmdb_open(const char *path, uint64_t size, unsigned int threads,
			      char *why, size_t whysize);

/* printable ASCII without '/', 1 to 255 of them, not "." nor ".." */
bool store_name_ok(const char *name);

#endif /* DIRD_STORE_H */
