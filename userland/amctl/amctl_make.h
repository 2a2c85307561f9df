/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * amctl make: GNU make here, its compilations on the pool.
 *
 * DESIGN NOTES
 *
 * make runs on this machine with a directory in front of PATH in which each compiler's name is
 * amcc (../amcc), which connects to us and says what it was called with. For each such call:
 *
 *   cc.c      is it a compilation that can be done elsewhere? what does it write?
 *   scan.c    `cc -M` here tells which files it reads
 *   paths.c   those become inputs of a job, at the same absolute paths, symbolic links included
 *   store.c   each version of a file goes to the file server once, named in a directory by its hash
 *   hosts.c   the run server names a host, each with as many jobs as it has processors and one
 *   remote.c  the job: same arguments, same directory; its outputs are fetched and moved in place
 *
 * The job sees the files at the paths they have here, so what it writes is, byte for byte, what
 * the compiler here would have written. A host whose compiler says other words to -v is not used.
 *
 * Never silently wrong: what is not understood is compiled here. A compilation that fails
 * elsewhere is done again here, and what the compiler here says counts. A host that goes away
 * costs time only: a compilation writes nothing but its outputs, which count when all are here,
 * so doing it twice is harmless.
 *
 * One thread for each call of amcc; the structures below have locks of their own.
 */
#ifndef AMCTL_MAKE_H
#define AMCTL_MAKE_H

#include <pthread.h>
#include <stdatomic.h>

#include "amctl_pool.h"

/* ---- a call of the compiler ---------------------------------------------------------------- */

struct call {
	char	*mem;		/* the request; the rest points into it */
	const char *cwd;	/* by getcwd() */
	const char *compiler;	/* absolute */
	char	**argv;		/* NULL ends it */
	char	**env;
	const char *pwd;	/* $PWD when it is the same place as @cwd, otherwise @cwd */
};

const char *call_env(const struct call *c, const char *name);	/* value or NULL */

/* ---- amctl_make_cc.c: what a command line means -------------------------------------------- */

#define CC_DIRS	256

struct cc {
	const char *source;
	char	*object;	/* malloc()ed, as the compiler would name it */
	char	*dep;		/* file of dependencies, or NULL */
	bool	 preprocess;	/* the source is read by the preprocessor */
	bool	 assembler;	/* the source is assembly */
	char	**scan;		/* argv of the scan, malloc()ed array, NULL ends it */
	const char *dirs[CC_DIRS];	/* searched for headers */
	size_t	 ndirs;
};

/* NULL when it can be done elsewhere, otherwise why not (a constant text) */
const char *cc_parse(const struct call *c, struct cc *cc);
void	 cc_free(struct cc *cc);

/* ---- amctl_make_scan.c ----------------------------------------------------------------------- */

/* runs the scan; the files read, NULL ends it, one malloc()ed block; NULL: it failed */
char	**scan_inputs(const struct call *c, const struct cc *cc);
/* takes apart what -M wrote */
char	**scan_parse(const char *text);
/* standard output (@fd 1) or error (2) of a program run in @cwd, malloc()ed; NULL: it failed */
char	*run_and_read(char *const *argv, const char *prog, const char *cwd, char *const *env, int fd);

/* ---- amctl_make_paths.c ---------------------------------------------------------------------- */

struct paths {
	struct am_jobfile *f;	/* paths without the leading '/'; files have no capability yet */
	size_t	n, room;
	uint32_t *hash;		/* open addressing, index + 1 */
	size_t	hash_size;
	char	*mounts[AM_JOB_MOUNTS_MAX + 1];
	size_t	nmounts;
};

enum path_where {
	PATH_OURS,	/* is, or will be, in the job's directory */
	PATH_HOST,	/* part of the distribution: each host has it */
	PATH_NONE,	/* does not exist */
	PATH_BAD,	/* cannot be shown to a job */
};

/*
 * Follows @path, relative to @cwd, as the system would, and notes the links and directories on
 * the way; @file: and the plain file it ends at. @real gets the place it is, without links.
 */
enum path_where paths_add(struct paths *p, const char *cwd, const char *path, bool file,
			  char real[AM_PATH_MAX]);
void	 paths_free(struct paths *p);

/* ---- amctl_make_store.c ---------------------------------------------------------------------- */

struct store;

/*
 * Files known by their content: each is a row of the directory @where (made when absent), named
 * by the hash of its bytes. NULL with the error line printed.
 */
struct store *store_open(const char *where);
/* the capability of the bytes now in @path; NULL or why not (a constant text) */
const char *store_file(struct store *st, const char *path, am_cap *cap);
/* the present bytes of @path are those of @cap; @in_tree: and the tree has them so */
void	 store_known(struct store *st, const char *path, const am_cap *cap, bool in_tree);
/* does store_known() still hold of @path? */
bool	 store_is(struct store *st, const char *path, am_cap *cap, bool *in_tree);
/* a host could not read a file: ask the file server before one is used again */
void	 store_doubt(struct store *st);
void	 store_figures(struct store *st, uint64_t *files, uint64_t *bytes);
const am_cap *store_server(const struct store *st);
void	 store_close(struct store *st);

/* ---- amctl_make_hosts.c ---------------------------------------------------------------------- */

struct mhost {
	struct mhost *next;
	char	 name[AM_HOST_NAME];
	am_cap	 cap;
	unsigned int slots, running;
	unsigned int jobs;	/* done there */
	unsigned int failures;	/* since the last one */
	double	 bad_until;	/* not asked before */
	struct hcompiler *compilers;	/* what we know of its compilers */
};

/*
 * A host with a free place for a job, not one of @tried (NULL ends it); waits for a place while
 * there are hosts. NULL: there is none to be had. @gone is asked while it waits.
 */
struct mhost *hosts_take(const char *const *tried, bool (*gone)(void *arg), void *arg);
void	 hosts_give(struct mhost *h, bool done);	/* @done: the job was done there */
void	 hosts_failed(struct mhost *h, const char *what, am_status s);	/* not asked for a while */
/* the same compiler there as here? asked once for each */
bool	 hosts_compiler(struct mhost *h, const struct call *c);
unsigned int hosts_slots(void);		/* of all hosts up now */
struct mhost *hosts_all(void);
void	 hosts_free(void);

/* ---- amctl_make_remote.c --------------------------------------------------------------------- */

struct answer {
	bool	 done;		/* elsewhere */
	int	 status;
	char	*out, *err;
	size_t	 nout, nerr;
	const char *why;	/* of doing it here, NULL: nothing to say */
};

void	 remote_compile(const struct call *c, struct answer *a, bool (*gone)(void *arg), void *arg);

/* ---- amctl_make_tree.c ----------------------------------------------------------------------- */

/* the tree stored at @path becomes files below @dir; an exit status */
int	 tree_fetch(const char *path, const char *dir);
/* what was made or changed below @dir is stored; @n: how many files. An exit status */
int	 tree_store(const char *path, const char *dir, unsigned int *n);

/* ---- amctl_make.c ------------------------------------------------------------------------------ */

struct mstate {
	struct store *store;	/* NULL: everything is done here */
	bool	verbose;
	bool	keep_outputs;	/* the tree is stored back: outputs stay on the file server */
	atomic_uint remote, local, redone, lost;
	mode_t	umask;
};
extern struct mstate mk;

void	 mk_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* with -v */

#endif /* AMCTL_MAKE_H */
