/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * volume.h - where the files are kept.
 *
 * DESIGN NOTES
 *
 * A volume holds the identity of the server (its get-port, the random number of the super
 * capability) and files. A file is born uncommitted: it can be written, and dies when nobody
 * writes to it for ten minutes or when the server ends. Committing makes it immutable for ever; a
 * commit with @safe set, and a destroy, are on disk when they return AM_OK. A commit without gets
 * there within VOLUME_SWEEP_S.
 *
 * get() and create() pin a file: until put() its contents stay where they are and can be read,
 * even if it is destroyed meanwhile. Every function may be called from any thread. What does not
 * return AM_OK changed nothing.
 *
 * The protocol (serve.c) knows nothing else of it, so another engine than the volume file
 * (vol_file.c) is another struct volume_ops.
 */
#ifndef BULLETD_VOLUME_H
#define BULLETD_VOLUME_H

#include <amoeba.h>

#define VOLUME_OBJECT_MAX	0xffffffu	/* 24 bits, facts 4.1 */
#define VOLUME_SWEEP_S		60		/* facts 7 */
#define VOLUME_UNCOMMITTED_S	600		/* an uncommitted file nobody changes dies, facts 7 */

struct volume_id {
	am_port	get;		/* get-port of the server: secret */
	am_port	super;		/* random number of the super capability */
};

struct volume;

/** a file; the public head of what the implementation keeps of it */
struct vfile {
	struct volume	*vol;
	uint32_t	object;
	am_port		random;
	am_cap		like;	/* the maker's: the file to compare with at commit, or null */
};

struct volume_stat {
	uint64_t	size, free;		/* bytes for files */
	uint64_t	largest;		/* largest file that fits now */
	uint64_t	files, uncommitted;
	uint64_t	inodes;			/* most files */
	uint64_t	damaged;		/* files found unusable at the start */
	uint64_t	commits;		/* groups of changes made durable */
};

struct volume_ops {
	void (*close)(struct volume *v);	/* no file is pinned; what is committed is safe */
	void (*id)(struct volume *v, struct volume_id *id);
	void (*stat)(struct volume *v, struct volume_stat *st);

	/* AM_STD_CAPBAD: there is no such file */
	am_status (*get)(struct volume *v, uint32_t object, struct vfile **f);
	void (*put)(struct volume *v, struct vfile *f);
	bool (*committed)(struct volume *v, struct vfile *f, uint64_t *size);

	/* a new uncommitted file of size 0, to which @expect bytes will probably be written */
	am_status (*create)(struct volume *v, uint64_t expect, struct vfile **f);
	/*
	 * The three change an uncommitted file, AM_STD_WRITEPROT for another: overwrite and
	 * extend at @at; make room for @len bytes at @at, filled with @p; take out.
	 * AM_STD_ARGBAD: @at lies behind the end. AM_STD_NOSPACE.
	 */
	am_status (*write)(struct volume *v, struct vfile *f, uint64_t at, const void *p,
			   size_t len);
	am_status (*insert)(struct volume *v, struct vfile *f, uint64_t at, const void *p,
			    size_t len);
	am_status (*remove)(struct volume *v, struct vfile *f, uint64_t at, uint64_t len);
	/* AM_STD_WRITEPROT: it is committed already */
	am_status (*commit)(struct volume *v, struct vfile *f, bool safe);
	am_status (*destroy)(struct volume *v, struct vfile *f);

	/* exactly @len bytes, which lie inside the file */
	am_status (*read)(struct volume *v, struct vfile *f, uint64_t at, void *p, size_t len);
	/* the same without copying, of a committed file, while it is pinned; NULL: not possible */
	const void *(*map)(struct volume *v, struct vfile *f, uint64_t at, size_t len);

	/* everything committed is on disk */
	am_status (*sync)(struct volume *v);
	/* once in a while: syncs, and destroys uncommitted files nobody changed for too long */
	void (*sweep)(struct volume *v);
};

/** head of every implementation */
struct volume {
	const struct volume_ops *ops;
};

/*
 * The volume file or block device @path. @grow: make it at least that large, 0: leave it. Returns
 * NULL with a message in @why.
 */
struct volume *volume_file_open(const char *path, uint64_t grow, char *why, size_t whysize);
/* an empty volume of @size bytes in a file that is missing or empty; 0, or -1 with @why */
int volume_file_make(const char *path, uint64_t size, uint32_t inodes, char *why, size_t whysize);

#endif /* BULLETD_VOLUME_H */
