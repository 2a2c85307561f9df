/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * procd: the process server of a host.
 *
 * DESIGN NOTES
 *
 * Nouns. A *job* is one program a holder of the host's exec capability had started, with all its
 * descendants, its directory, its control group and its streams. The *init* of a job is the
 * first process in its namespaces: procd's own binary run as `procd --job-init` (child.c), which
 * makes the surroundings, starts the program as the unprivileged user, passes signals on and
 * tells how the program ended. The *cache* keeps bullet files by capability.
 *
 * Life of a job (enum am_job_state): FETCH inputs -> RUN -> STORE outputs -> DONE -> forgotten.
 * A thread of its own takes it from FETCH to DONE, whatever happens, and at DONE nothing of it is
 * left on the host but what the client has still to ask for: result, unread output. It is
 * forgotten at STD_DESTROY, or when nobody asked for it during its lease.
 *
 * Locks. jobs.lock (job.c) guards the table, the numbers and every reference count; job->lock
 * guards the rest of a job and is taken after it or alone. cache.lock stands alone. A
 * transaction is never made with a lock held.
 *
 * References. The table holds one, the job's thread one, every operation at work one; the last
 * frees (job_put).
 *
 * Privileges. procd runs as root to make namespaces, groups and mounts; the init drops them all
 * before it waits, and the program never has them. Without root the jobs run as procd's own user,
 * without namespaces; as user 0 they do not run.
 */
#ifndef PROCD_H
#define PROCD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <amoeba_proc.h>

#define NGROUPS		32	/* supplementary groups of a job at most */
#define STREAM_MAX	(256U << 10)	/* bytes of output kept until the client has them */

struct conf {
	char	name[AM_HOST_NAME];	/* in the pool */
	char	*state;			/* directory: id, cache/, jobs/ */
	char	user[32];
	uid_t	uid;
	gid_t	gid;
	gid_t	groups[NGROUPS];
	int	ngroups;
	bool	isolate;		/* we are root: namespaces */
	bool	enter;			/* the pool */
	unsigned int jobs_max;
	uint64_t cache_max;		/* bytes */
	uint32_t mem_mib, fsize_mib, cpu_s, nproc;	/* limits of a job; 0: none */
	uint32_t lease_ms;
};

extern struct conf conf;
extern atomic_bool stopping;

void	 note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t now_ms(void);			/* monotonic */
uint64_t now_us(void);

/* ---- ident.c: who we are ------------------------------------------------------------------- */

struct ident {
	am_port	get;		/* secret */
	am_port	random;		/* of the check fields of the host's capabilities */
	am_cap	owner;		/* all rights */
};

/* reads $state/id, draws it the first time; 0, or -1 with the reason printed */
int	 ident_load(struct ident *id);

/* ---- pool.c: our entry in the directory ---------------------------------------------------- */

void	 pool_start(const am_cap *own);	/* tries until it stands there, then looks after it */

/* ---- cgroup.c ------------------------------------------------------------------------------ */

void	 cgroup_start(void);		/* finds or mounts cgroup2; says so when there is none */
void	 cgroup_stop(void);
bool	 cgroup_have(void);
/* a group for job @id: an open directory, or -1 when there are no groups */
int	 cgroup_make(uint32_t id, uint32_t mem_mib);
void	 cgroup_kill(int fd);		/* every process in it */
bool	 cgroup_signal(int fd, int sig);
void	 cgroup_usage(int fd, uint64_t *cpu_us, uint64_t *mem_kib);
void	 cgroup_drop(int fd, uint32_t id);	/* kills, waits, removes; closes @fd */

/* ---- cache.c: bullet files by capability --------------------------------------------------- */

int	 cache_start(void);
/*
 * Puts the file @cap at @path below @dirfd. @mode without a write bit: shared with the cache;
 * otherwise a copy that belongs to the job's user.
 */
am_status cache_place(const am_cap *cap, int dirfd, const char *path, uint32_t mode);
void	 cache_figures(uint64_t *files, uint64_t *bytes, uint64_t *hits, uint64_t *misses);

/* ---- scratch.c: a job's directory ---------------------------------------------------------- */

int	 scratch_start(void);		/* removes what an earlier procd left */
/* $state/jobs/ID with tmp/, tmp/job/, vartmp/, root/; the job's directory open, or -1 */
int	 scratch_make(uint32_t id, char *path, size_t size);
void	 scratch_drop(uint32_t id);
int	 remove_tree(int dirfd, const char *name);	/* whatever it holds; 0 or -errno */
/* makes the inputs; on failure @why says which and why. @stop is looked at between two files */
am_status scratch_fill(int dirfd, const struct am_job *j, const atomic_bool *stop,
		       char *why, size_t size);
/* stores output @path: absent outputs are no error */
am_status scratch_store(int dirfd, const char *path, const am_cap *server, struct am_jobout *o,
			char *why, size_t size);

/* ---- spawn.c, child.c, layout.c: the init of a job ----------------------------------------- */

/* messages over the control socket, SOCK_SEQPACKET */
enum ctl_type { CTL_SIGNAL, CTL_ERROR, CTL_EXIT };
struct ctl {
	uint32_t type;		/* enum ctl_type */
	int32_t	 value;		/* signal; am_status; how it ended as in wait(2) */
	uint64_t utime_us, stime_us, maxrss_kib;
	char	 why[200];	/* CTL_ERROR */
};

/* how the init is called: fixed descriptors, the rest as text */
enum { FD_JOB = 3, FD_CTL = 4 };

struct init_arg {		/* written in front of the job descriptor into FD_JOB */
	uint32_t size;		/* of this structure */
	uint32_t isolate;
	uint32_t uid, gid, ngroups;
	uint32_t groups[NGROUPS];
	uint32_t cpu_s, fsize_mib, nproc;
	uint32_t has_prog;	/* the program is tmp/program */
	char	 dir[AM_PATH_MAX];	/* $state/jobs/ID */
};

struct spawned {
	pid_t	pid;
	int	pidfd;
	int	ctl;
	int	in, out, err;	/* our ends; -1 when there is none */
};

am_status spawn(const struct init_arg *a, const void *desc, size_t len, uint32_t flags,
		int cgroup, struct spawned *s, char *why, size_t size);
int	 child_main(void);	/* of --job-init; never returns to a job */
/* in the job's own mount namespace, as root; 0, or -1 with the reason in @why */
int	 layout_make(const char *dir, char *const *mounts, const struct init_arg *a,
		     char *why, size_t size);
/* what may not be covered for a job; judged when the job is handed in */
bool	 layout_ok(char *const *mounts);

/* ---- job.c ----------------------------------------------------------------------------------- */

struct stream {
	uint8_t	*buf;		/* STREAM_MAX, allocated at the first byte */
	size_t	start, len;	/* ring */
	uint64_t base;		/* position of the first byte kept */
	bool	eof, lost;
};

struct input {
	uint8_t	 buf[AM_PS_IO_MAX];
	size_t	 start, len;
	uint64_t pos;		/* of the byte after the last one taken */
	bool	 eof;		/* the client has no more */
	bool	 shut;		/* the job reads no more */
};

struct job {
	struct job *next;
	unsigned int refs;	/* jobs.lock */
	bool	 listed;	/* jobs.lock: in the table */
	uint32_t id;
	am_port	 random;
	uint8_t	 *desc;
	size_t	 desc_len;
	struct am_job *job;

	pthread_mutex_t lock;
	pthread_cond_t	change;	/* state, data, room */
	enum am_job_state state;
	int	 wake;		/* eventfd of the thread */
	atomic_bool kill;	/* end it */
	int	 sig;		/* pending for the init, 0: none */
	bool	 started;
	bool	 keep;		/* outputs were claimed */
	uint64_t born_us, run_us, touched_ms, done_ms;
	int	 cgroup;
	struct stream out, err;
	struct input *in;
	struct am_jobres res;
	char	 comment[AM_JOB_COMMENT_MAX + 1];
};

/* NULL with *@s: the table is full, memory, the host is stopping */
struct job *job_new(const void *desc, size_t len, am_status *s);
struct job *job_find(uint32_t id);	/* takes a reference */
void	 job_put(struct job *j);
/* the job with the smallest number >= @id that is in the table */
struct job *job_next(uint32_t id);
void	 job_kill(struct job *j, int sig);	/* 0: its thread only looks up */
void	 job_forget(struct job *j, bool keep);	/* out of the table, ended, waits for the end */
void	 jobs_start(void);
void	 jobs_stop(void);		/* ends all and waits */
void	 jobs_count(unsigned int *now, uint64_t *done);

/* stream.c */
void	 stream_put(struct stream *s, const void *p, size_t n, bool ring);
size_t	 stream_room(const struct stream *s);
void	 stream_ack(struct stream *s, uint64_t pos);
size_t	 stream_peek(const struct stream *s, uint64_t *pos, void *p, size_t n);
void	 stream_free(struct stream *s);

/* ---- load.c, ops.c --------------------------------------------------------------------------- */

void	 load_start(void);		/* measures the speed */
void	 load_get(struct am_load *l);
am_status ops_handle(struct am_request *rq, void *arg);	/* arg: struct ident */
void	 ops_start(unsigned int threads);

#endif /* PROCD_H */
