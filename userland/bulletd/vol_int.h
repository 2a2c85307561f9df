/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vol_int.h - what the files of the volume file share.
 *
 * DESIGN NOTES
 *
 * On disk (integers little-endian, blocks of 4096 bytes):
 *
 *   block 0, 1		two copies of the superblock
 *   table A, table B	two copies of the inode table, 64 bytes an inode
 *   data		files, each contiguous
 *
 * Superblocks and inodes carry a generation and a checksum; the valid copy with the higher
 * generation counts. A file is on disk when its inode is. The object number is the inode's; inode
 * 0 is not used. What is free is not written down: it is what no inode covers.
 *
 * Power may go at any instant, and then each write since the last sync may have happened, not
 * happened, or left garbage in the sectors it touched. So changes go in groups (vol_commit.c):
 *
 *   1. sync: the data of new files is on disk, and table B is as table A was
 *   2. write the inodes of the group to table A; sync: the group is durable
 *   3. write them to table B
 *
 * In step 2 only table A is at risk and table B holds all that went before; in step 3 it is the
 * other way round. Space and number of a destroyed file are used again only after step 2.
 *
 * In memory: a struct file for each file, in an array by number. It has a count of references:
 * one of the array, one of each pin. Its extent is freed with the last of them.
 *
 * Locks: file->lock (writing, committing one file) is taken before vol->lock (array, free space,
 * queue, everything small). Nothing is written or synced under vol->lock. The leader of a group
 * holds neither while it writes; what it writes of a file does not change any more.
 */
#ifndef BULLETD_VOL_INT_H
#define BULLETD_VOL_INT_H

#include <pthread.h>

#include "volume.h"

#define VOL_BLOCK	4096u
#define VOL_INODE	64u
#define VOL_INODES_MIN	1024u

/** contents of the superblock */
struct vol_super {
	uint64_t	generation;
	uint64_t	blocks;		/* of the whole volume */
	uint32_t	inodes;		/* inode 0 included */
	uint64_t	table[2];	/* first block of table A, table B */
	uint64_t	data;		/* first block of the data */
	am_port		get, super;
};

enum { INODE_FREE = 0, INODE_FILE = 1 };

/** contents of an inode */
struct vol_inode {
	uint32_t	type;		/* INODE_* */
	uint32_t	object;
	uint64_t	generation;
	uint64_t	start;		/* block; 0 for an empty file */
	uint64_t	size;		/* bytes */
	uint64_t	created;	/* seconds */
	am_port		random;
};

/** a piece of the data area, in blocks */
struct extent {
	uint64_t	start, len;
};

/** free space: extents in the order of their place, no two of them adjacent */
struct freemap {
	struct extent	*e;
	size_t		n, room;
	uint64_t	blocks;		/* sum */
};

enum file_state {
	F_UNCOMMITTED,
	F_COMMITTED,
	F_DEAD,			/* destroyed, or being destroyed */
};

struct file {
	struct vfile	pub;
	unsigned int	refs;		/* vol->lock */
	enum file_state	state;		/* vol->lock, and file->lock to leave F_UNCOMMITTED */
	pthread_mutex_t	lock;
	struct extent	ext;		/* changes with both locks, until committed */
	uint64_t	size;		/* bytes; likewise */
	uint64_t	created;
	int64_t		touched;	/* monotonic seconds; vol->lock */
	bool		ondisk;		/* an inode of type file was written; leader */
	struct file	*lazy;		/* next of those to be written some time */
};

enum change_kind { C_COMMIT, C_DESTROY, C_SYNC };

/** a change waiting for its group */
struct vol_change {
	enum change_kind	kind;
	struct file		*file;
	am_status		status;
	bool			done;
	struct vol_change	*next;
};

struct vol {
	struct volume		v;
	int			fd;
	char			*path;
	struct vol_super	sb;
	const uint8_t		*map;		/* all of the volume, or NULL */
	size_t			mapsize;

	pthread_mutex_t		lock;
	pthread_cond_t		cond;
	struct file		**files;	/* by object number */
	uint32_t		next;		/* where the search for a free number begins */
	uint32_t		nfiles, nuncommitted, ndamaged;
	uint64_t		uncommitted;	/* blocks */
	struct freemap		free;

	struct vol_change	*queue, **tail;
	struct file		*lazy;
	bool			busy;		/* somebody leads a group */
	bool			dirty;		/* data or table B written since the last sync */
	bool			broken;		/* a sync failed: nothing can be changed any more */
	uint64_t		generation;
	uint64_t		commits;
};

/* marks the number of an inode that is unusable, so that it is not given away */
extern struct file vol_damaged;

static inline struct vol *vol_of(struct volume *v)
{
	return (struct vol *)v;
}

static inline struct file *file_of(struct vfile *f)
{
	return (struct file *)f;
}

static inline uint64_t vol_blocks(uint64_t bytes)
{
	return bytes / VOL_BLOCK + !!(bytes % VOL_BLOCK);
}

/* ---- vol_disk.c: bytes on disk ----------------------------------------------------------- */

uint32_t vol_crc(const void *p, size_t len);
/* all of it, or -1 with errno */
int vol_pread(int fd, void *p, size_t len, uint64_t at);
int vol_pwrite(int fd, const void *p, size_t len, uint64_t at);
void vol_super_pack(const struct vol_super *sb, uint8_t block[VOL_BLOCK]);
bool vol_super_unpack(struct vol_super *sb, const uint8_t block[VOL_BLOCK]);
/* both copies, one after the other; 0 or -1 with errno */
int vol_super_write(int fd, struct vol_super *sb);
void vol_inode_pack(const struct vol_inode *in, uint8_t p[VOL_INODE]);
/* false: damaged. An inode never written is a free one of generation 0 */
bool vol_inode_unpack(struct vol_inode *in, uint32_t object, const uint8_t p[VOL_INODE]);
int vol_inode_write(struct vol *v, unsigned int table, const struct vol_inode *in);

/* ---- vol_extent.c: free space; the caller holds vol->lock ----------------------------------- */

void free_init(struct freemap *m);
void free_done(struct freemap *m);
/* AM_STD_NOSPACE, AM_STD_NOMEM; @len is not 0 */
am_status free_take(struct freemap *m, uint64_t len, struct extent *e);
/* takes the @more blocks behind @e, if they are free */
bool free_extend(struct freemap *m, const struct extent *e, uint64_t more);
/* never fails: there is always room for one more than there are extents in use */
void free_give(struct freemap *m, uint64_t start, uint64_t len);
/* room for @n extents in use: AM_STD_NOMEM */
am_status free_room(struct freemap *m, size_t n);
uint64_t free_largest(const struct freemap *m);

/* ---- vol_commit.c --------------------------------------------------------------------------- */

/* queues the change and waits for its end */
am_status vol_change(struct vol *v, enum change_kind kind, struct file *f);
/* a commit that need not be on disk yet; the caller holds vol->lock */
void vol_later(struct vol *v, struct file *f);

/* ---- vol_file.c ----------------------------------------------------------------------------- */

/* one reference less; vol->lock is held. The last one frees extent, number and memory */
void file_unref(struct vol *v, struct file *f);

#endif /* BULLETD_VOL_INT_H */
