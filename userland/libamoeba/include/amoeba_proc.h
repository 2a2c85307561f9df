/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libamoeba: the processor pool. Jobs, process servers (procd), the run server (rund).
 *
 * Command numbers up to 2312 and from 3000 are the classic ones (facts 9.1, 9.4); 2320 to 2323
 * belong to procd alone. The bytes of every message are in am_job.c and procd(8).
 */
#ifndef AMOEBA_PROC_H
#define AMOEBA_PROC_H

#include <sys/stat.h>
#include <amoeba.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- process server: commands, rights, errors -------------------------------------------- */

#define AM_PS_STUN		2300	/* offset: signal; negative: end all of the job at once */
#define AM_PS_EXEC		2303	/* job descriptor -> process capability */
#define AM_PS_GETLOAD		2305
#define AM_PS_SETCOMMENT	2309
#define AM_PS_GETCOMMENT	2310
#define AM_PS_POLL		2320	/* output of a job, and whether it has ended */
#define AM_PS_WRITE		2321	/* its standard input */
#define AM_PS_WAIT		2322	/* how it ended, capabilities of its outputs */
#define AM_PS_LIST		2323	/* the jobs of a host */

#define AM_PS_RGT_READ		0x01	/* load, list, output, result */
#define AM_PS_RGT_WRITE		0x02	/* standard input, comment */
#define AM_PS_RGT_CREATE	0x04
#define AM_PS_RGT_DELETE	0x08	/* STD_DESTROY of a job */
#define AM_PS_RGT_EXEC		0x10	/* on the host: start jobs */
#define AM_PS_RGT_KILL		0x20	/* signals; on the host: of every job */

/* why a job could not be run (facts 5) */
#define AM_EX_NOPROG	(-1900)	/* no such program, or it may not be executed */
#define AM_EX_PDREAD	(-1902)	/* an input cannot be read from its file server */
#define AM_EX_NOHOST	(-1906)	/* no host of the pool is up */
#define AM_EX_SETUP	(-1911)	/* the host could not make the job's surroundings */
/* finding hosts (facts 9.3) */
#define AM_RUN_NOPOOL	(-3002)
#define AM_RUN_NONE	(-3004)	/* no host fits */
#define AM_RUN_DOWN	(-3005)

/* am_why() and the errors above */
const char *am_ps_why(am_status s);

/* ---- job descriptor ------------------------------------------------------------------------ */

#define AM_JOB_DETACHED	0x1	/* lives without contact to whoever started it */
#define AM_JOB_STDIN	0x2	/* AM_PS_WRITE feeds standard input; otherwise /dev/null */
#define AM_JOB_MERGE	0x4	/* standard error goes where standard output goes */
#define AM_JOB_FLAGS	0x7

#define AM_JOB_ARGS_MAX		65536	/* arguments, and variables of the environment */
#define AM_JOB_FILES_MAX	16384	/* inputs, and outputs */
#define AM_JOB_MOUNTS_MAX	16
#define AM_JOB_COMMENT_MAX	255
#define AM_JOB_SIZE_MAX		AM_MAX_CHUNK	/* bytes of a marshalled descriptor */

#define AM_JOB_DIR	"/tmp/job"	/* where the job sees its own directory */

/**
 * struct am_jobfile - something put into the job's directory before it starts
 * @path: relative to that directory, no empty, "." or ".." part
 * @mode: S_IFREG, S_IFDIR or S_IFLNK and, for a file, its permissions. A file without any write
 *	bit is shared with the host's cache, the job cannot change it
 * @cap: S_IFREG: the bullet file
 * @target: S_IFLNK: what the link says
 */
struct am_jobfile {
	char	*path;
	uint32_t mode;
	am_cap	cap;
	char	*target;
};

/**
 * struct am_job - what to run
 * @flags: AM_JOB_*
 * @lease_ms: a job not detached ends when nobody has asked for it so long; 0: 30 s
 * @cpu_s: limit of processor time, s; 0: the host's
 * @mem_mib: limit of memory of all its processes, MiB; 0: the host's
 * @fsize_mib: limit of one file, MiB; 0: the host's
 * @wall_s: limit of its life, s; 0: none
 * @prog: path or name (looked for along PATH); "": @prog_cap
 * @prog_cap: the program as a bullet file
 * @comment: shown by ps; "": the arguments
 * @cwd: "": the job's directory; relative to it; or absolute
 * @argv: at least argv[0]; NULL ends it
 * @env: NAME=VALUE; NULL ends it. PATH, HOME, USER, TMPDIR get values when absent
 * @mounts: directories of the job's directory that it also sees at the same place under "/",
 *	where they hide what the host has there; NULL ends it
 * @in: what is put into the job's directory
 * @nin: how many
 * @out: files of the job's directory stored as bullet files when the program has ended
 * @store: the file server for @out; null: the default of the host
 */
struct am_job {
	uint32_t flags;
	uint32_t lease_ms;
	uint32_t cpu_s, mem_mib, fsize_mib, wall_s;
	char	*prog;
	am_cap	prog_cap;
	char	*comment;
	char	*cwd;
	char	**argv;
	char	**env;
	char	**mounts;
	struct am_jobfile *in;
	size_t	nin;
	char	**out;
	am_cap	store;
};

/* a relative path without empty, "." and ".." parts, as @in and @out need it */
bool	 am_job_path_ok(const char *path);
/* malloc()ed bytes; AM_STD_ARGBAD, AM_STD_OVERFLOW (too large), AM_STD_NOMEM */
am_status am_job_pack(const struct am_job *j, void **p, size_t *len);
/* checks everything that can be checked without looking at the host */
am_status am_job_unpack(const void *p, size_t len, struct am_job **j);
void	 am_job_free(struct am_job *j);	/* one of am_job_unpack() */

/* ---- a job that runs ------------------------------------------------------------------------- */

enum am_job_state { AM_JOB_FETCH, AM_JOB_RUN, AM_JOB_STORE, AM_JOB_DONE };

#define AM_POLL_OUT_EOF	0x1
#define AM_POLL_ERR_EOF	0x2
#define AM_POLL_DONE	0x4	/* ended, and its outputs are stored */
#define AM_POLL_LOST	0x8	/* a detached job wrote more than was kept */

/* largest data of AM_PS_POLL (both streams together) and AM_PS_WRITE, bytes */
#define AM_PS_IO_MAX	(64U << 10)
#define AM_PS_WAIT_MAX	5000	/* longest wait of one transaction, ms */

/**
 * struct am_poll - one look at a running job
 * @out_pos: in: bytes of standard output already had; out: those after this answer
 * @err_pos: the same of standard error
 * @wait_ms: in: how long to wait when there is nothing to say, at most AM_PS_WAIT_MAX
 * @flags: out: AM_POLL_*
 * @out: out: new bytes of standard output, inside @buf
 * @out_len: out: how many
 * @err: out: new bytes of standard error, inside @buf
 * @err_len: out: how many
 * @buf: of the call
 *
 * Asking again for the same position gives the same bytes, so a poll may be repeated.
 */
struct am_poll {
	uint64_t out_pos, err_pos;
	uint32_t wait_ms;
	uint32_t flags;
	const uint8_t *out, *err;
	uint32_t out_len, err_len;
	uint8_t	buf[AM_PS_IO_MAX + 64];
};

struct am_jobout {
	bool	present;
	uint32_t mode;
	uint64_t size;
	am_cap	cap;
};

/**
 * struct am_jobres - how a job ended
 * @state: enum am_job_state; the rest is valid with AM_JOB_DONE
 * @error: AM_OK when the program was run and its outputs were stored, otherwise why not
 * @why: the same in words, with the name of what was missing
 * @exited: it ended by itself with status @code, otherwise by signal @code
 * @core: the signal was one that dumps core
 * @wall_us: how long it ran
 * @utime_us: processor time of all its processes, user
 * @stime_us: the same, system
 * @maxrss_kib: largest of its processes
 * @nout: as many as the descriptor had
 * @out: malloc()ed
 */
struct am_jobres {
	enum am_job_state state;
	am_status error;
	char	why[256];
	bool	exited, core;
	int	code;
	uint64_t wall_us, utime_us, stime_us, maxrss_kib;
	size_t	nout;
	struct am_jobout *out;
};

am_status am_ps_exec(const am_cap *host, const struct am_job *j, am_cap *proc);
am_status am_ps_poll(const am_cap *proc, struct am_poll *p);
/*
 * Gives @len bytes that begin at *@pos of standard input; *@pos becomes what was taken so far.
 * *@eof: in: there is no more after these; out: the job reads no more.
 */
am_status am_ps_write(const am_cap *proc, uint64_t *pos, const void *data, size_t len, bool *eof);
/* waits at most @wait_ms; look at @r->state. am_jobres_free() afterwards */
am_status am_ps_wait(const am_cap *proc, uint32_t wait_ms, struct am_jobres *r);
void	 am_jobres_free(struct am_jobres *r);
am_status am_ps_kill(const am_cap *proc, int sig);	/* SIGKILL ends every process of the job */
/* ends and forgets the job; @keep: its stored outputs stay, otherwise they are destroyed */
am_status am_ps_release(const am_cap *proc, bool keep);

/* ---- a host ------------------------------------------------------------------------------------ */

#define AM_HOST_ISOLATED 0x1	/* jobs have namespaces of their own: @mounts work */
#define AM_HOST_CGROUP	0x2	/* and control groups */
#define AM_HOST_PSI	0x4	/* the pressure figures are known */
#define AM_HOST_NAME	64

struct am_load {
	uint32_t flags;		/* AM_HOST_* */
	uint32_t ncpu;
	uint32_t load;		/* load average of a minute, x 1024 */
	uint32_t runnable;	/* tasks running or ready now, x 1024 */
	uint32_t jobs, jobs_max;
	uint32_t psi_cpu, psi_mem, psi_io;	/* "some" of ten seconds, hundredths of a per cent */
	uint32_t kips;		/* speed, thousands of rounds of a fixed loop a second */
	uint64_t mem_total, mem_free;	/* KiB; free: what a new program could have */
	uint64_t uptime_s;
	uint64_t jobs_done;
	char	name[AM_HOST_NAME];	/* as it enters itself into the pool */
	char	machine[32];		/* uname -m */
	char	release[64];		/* uname -r */
	char	user[32];		/* whom jobs run as */
};
am_status am_ps_load(const am_cap *host, uint32_t timeout_ms, struct am_load *l);

struct am_proc {
	uint32_t id;
	uint32_t state;		/* enum am_job_state */
	uint32_t flags;		/* AM_JOB_* */
	uint64_t age_us, cpu_us, mem_kib;
	char	comment[AM_JOB_COMMENT_MAX + 1];
	am_cap	cap;		/* null without the right KILL on the host */
};
am_status am_ps_list(const am_cap *host, int (*fn)(const struct am_proc *p, void *arg), void *arg);

#define AM_POOL_DIR	"/profile/pool"
/* hosts as the directory names them; names with a '.' are none. Until @fn returns non-zero */
am_status am_pool_list(int (*fn)(const char *name, const am_cap *c, void *arg), void *arg);
/* the capability of one */
am_status am_pool_host(const char *name, am_cap *c);

/*
 * Makes @c the entry @name of the pool directory, which is made when absent. An entry of a server
 * that no longer answers is replaced; AM_STD_EXISTS: another one has the name and answers.
 */
am_status am_pool_enter(const char *name, const am_cap *c, const uint32_t masks[AM_DIR_COLUMNS]);

/* ---- run server ---------------------------------------------------------------------------------- */

#define AM_RUN_GETEXECCAP	3000	/* the best host */
#define AM_RUN_FINDHOST		3001	/* several, some names excepted */

#define AM_RUN_RGT_CREATE	0x01
#define AM_RUN_RGT_FINDHOST	0x02
#define AM_RUN_RGT_STATUS	0x04
#define AM_RUN_RGT_DESTROY	0x08
#define AM_RUN_RGT_ADMIN	0x80

#define AM_RUN_HOSTS_MAX	64	/* asked for at once */

struct am_runhost {
	char	name[AM_HOST_NAME];
	am_cap	cap;		/* exec capability */
	uint32_t ncpu, flags;	/* of struct am_load */
};

/* the run server's capability: $RUN_SERVER (as text), otherwise /profile/pool/.run */
am_status am_run_server(am_cap *c);
/*
 * The best hosts first, *@n: in: how many at most, out: how many. @mem_kib: memory the program
 * will want. @avoid: names not to be given, ended by NULL, or NULL.
 */
am_status am_run_findhost(const am_cap *run, uint64_t mem_kib, const char *const *avoid,
			  struct am_runhost *hosts, size_t *n);
/* one host: from the run server, or by asking the hosts of the pool when that knows none */
am_status am_run_choose(uint64_t mem_kib, const char *const *avoid, struct am_runhost *host);

#ifdef __cplusplus
}
#endif

#endif /* AMOEBA_PROC_H */
