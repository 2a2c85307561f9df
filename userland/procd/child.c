// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The init of a job: `procd --job-init`, the first process of its namespaces.
 *
 * Descriptors: 0 1 2 the job's, FD_JOB struct init_arg and the job descriptor, FD_CTL the socket
 * to procd. It makes the surroundings, starts the program as the job's user, becomes that
 * user itself, and then waits: for signals to pass on, and for the end of the program, upon which
 * everything else in the job ends too. When procd goes away the socket ends, and so does the job.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "procd.h"

static char job_dir[AM_PATH_MAX + 16];	/* as the job sees it */
static char tmp_dir[AM_PATH_MAX + 16];

static void tell(const struct ctl *c)
{
	while (send(FD_CTL, c, sizeof(*c), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void give_up(am_status s, const char *what) __attribute__((noreturn));
static void give_up(am_status s, const char *what)
{
	struct ctl c = { .type = CTL_ERROR, .value = s };

	snprintf(c.why, sizeof(c.why), "%.190s", what);
	tell(&c);
	_exit(1);
}

static void give_up_errno(am_status s, const char *what) __attribute__((noreturn));
static void give_up_errno(am_status s, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%.140s: %s", what, strerror(errno));
	give_up(s, text);
}

/* ---- what procd tells us ------------------------------------------------------------------- */

static struct am_job *read_job(struct init_arg *a)
{
	struct am_job *j;
	struct stat st;
	size_t len;
	void *p;

	if (fstat(FD_JOB, &st) || st.st_size < (off_t)sizeof(*a) ||
	    pread(FD_JOB, a, sizeof(*a), 0) != (ssize_t)sizeof(*a) || a->size != sizeof(*a) ||
	    a->ngroups > NGROUPS)
		give_up(AM_EX_SETUP, "procd was replaced by another version while it ran");
	len = (size_t)st.st_size - sizeof(*a);
	p = malloc(len ? len : 1);
	if (!p || pread(FD_JOB, p, len, sizeof(*a)) != (ssize_t)len || am_job_unpack(p, len, &j))
		give_up(AM_EX_SETUP, "the job descriptor did not arrive");
	free(p);
	close(FD_JOB);
	return j;
}

/* ---- the program --------------------------------------------------------------------------- */

static void limit(int what, uint64_t soft, uint64_t hard)
{
	struct rlimit old, r;

	if (getrlimit((__rlimit_resource_t)what, &old))
		return;
	r.rlim_max = hard < old.rlim_max ? hard : old.rlim_max;
	r.rlim_cur = soft < r.rlim_max ? soft : r.rlim_max;
	setrlimit((__rlimit_resource_t)what, &r);
}

static uint32_t stricter(uint32_t a, uint32_t b)
{
	return !a || (b && b < a) ? b : a;
}

static void set_limits(const struct init_arg *a, const struct am_job *j)
{
	uint32_t cpu = stricter(a->cpu_s, j->cpu_s);
	uint32_t fsize = stricter(a->fsize_mib, j->fsize_mib);

	limit(RLIMIT_CORE, 0, 0);
	limit(RLIMIT_NOFILE, 1024, 65536);
	limit(RLIMIT_MEMLOCK, 64U << 10, 64U << 10);
	limit(RLIMIT_MSGQUEUE, 0, 0);
	limit(RLIMIT_NICE, 0, 0);
	limit(RLIMIT_RTPRIO, 0, 0);
	limit(RLIMIT_SIGPENDING, 1024, 1024);
	if (cpu)
		limit(RLIMIT_CPU, cpu, (uint64_t)cpu + 5);
	if (fsize)
		limit(RLIMIT_FSIZE, (uint64_t)fsize << 20, (uint64_t)fsize << 20);
	if (a->nproc)	/* of all jobs of the user: the group's limit is the finer one */
		limit(RLIMIT_NPROC, (uint64_t)a->nproc * 64, (uint64_t)a->nproc * 64);
}

/* becomes the job's user for good; false with errno */
static bool drop(const struct init_arg *a)
{
	gid_t groups[NGROUPS];

	if (a->isolate) {
		for (uint32_t i = 0; i < a->ngroups; i++)
			groups[i] = a->groups[i];
		if (setgroups(a->ngroups, groups) || setresgid(a->gid, a->gid, a->gid) ||
		    setresuid(a->uid, a->uid, a->uid))
			return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return false;
	/* never, whatever was asked for */
	if (!getuid() || !geteuid() || !getgid() || !getegid()) {
		errno = EPERM;
		return false;
	}
	return true;
}

static bool has_var(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; *env; env++)
		if (!strncmp(*env, name, n) && (*env)[n] == '=')
			return true;
	return false;
}

static char **make_env(const struct am_job *j)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	static char home[sizeof(job_dir) + 8], tmp[sizeof(tmp_dir) + 8], job[sizeof(job_dir) + 16];
	static char user[40];
	size_t n = 0;
	char **env;

	while (j->env[n])
		n++;
	env = calloc(n + 6, sizeof(*env));
	if (!env)
		return NULL;
	memcpy(env, j->env, n * sizeof(*env));
	snprintf(home, sizeof(home), "HOME=%s", job_dir);
	snprintf(tmp, sizeof(tmp), "TMPDIR=%s", tmp_dir);
	snprintf(job, sizeof(job), "AMOEBA_JOB=%s", job_dir);
	snprintf(user, sizeof(user), "USER=job");
	if (!has_var(j->env, "PATH"))
		env[n++] = path;
	if (!has_var(j->env, "HOME"))
		env[n++] = home;
	if (!has_var(j->env, "TMPDIR"))
		env[n++] = tmp;
	if (!has_var(j->env, "USER"))
		env[n++] = user;
	if (!has_var(j->env, "AMOEBA_JOB"))
		env[n++] = job;
	return env;
}

/* a thread of procd may, for a moment, have passed the writing end of a new program file on */
static void exec_one(const char *prog, char **argv, char **env)
{
	for (int i = 0; i < 50; i++) {
		execve(prog, argv, env);
		if (errno != ETXTBSY)
			return;
		usleep(10000);
	}
}

/* execve along PATH; returns with errno */
static void exec_path(const char *prog, char **argv, char **env)
{
	const char *path = "/usr/local/bin:/usr/bin:/bin";
	char full[2 * AM_PATH_MAX];
	int err = ENOENT;

	if (strchr(prog, '/')) {
		exec_one(prog, argv, env);
		return;
	}
	for (char **e = env; *e; e++)
		if (!strncmp(*e, "PATH=", 5))
			path = *e + 5;
	for (;;) {
		size_t n = strcspn(path, ":");

		if (snprintf(full, sizeof(full), "%.*s%s%s", (int)n, path, n ? "/" : "./", prog) <
		    (int)sizeof(full)) {
			exec_one(full, argv, env);
			if (errno != ENOENT && errno != ENOTDIR)
				err = errno;
		}
		if (!path[n])
			break;
		path += n + 1;
	}
	errno = err;
}

static void report(int fd, const char *what) __attribute__((noreturn));
static void report(int fd, const char *what)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%.140s: %s", what, strerror(errno));

	if (write(fd, text, (size_t)n) != n)
		_exit(126);
	_exit(127);
}

static void program(const struct init_arg *a, const struct am_job *j, int fd)
	__attribute__((noreturn));
static void program(const struct init_arg *a, const struct am_job *j, int fd)
{
	char prog[AM_PATH_MAX + 32];
	sigset_t none;
	char **env;

	setsid();
	set_limits(a, j);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	if (!drop(a))
		report(fd, "giving up privileges");
	if (chdir(job_dir))
		report(fd, job_dir);
	if (*j->cwd && chdir(j->cwd))
		report(fd, j->cwd);
	env = make_env(j);
	if (!env)
		report(fd, "memory");
	snprintf(prog, sizeof(prog), "%s", j->prog);
	if (a->has_prog)
		snprintf(prog, sizeof(prog), "%s/program", tmp_dir);
	exec_path(prog, j->argv, env);
	report(fd, a->has_prog ? "the program" : prog);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* a process namespace ends with us; without one the children are looked for */
static void end_rest(const struct init_arg *a, pid_t main_pid)
{
	char path[64];

	if (a->isolate) {
		kill(-1, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
			;
		return;
	}
	kill(-main_pid, SIGKILL);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	for (int i = 0; i < 500; i++) {
		FILE *f;
		long pid;
		pid_t w;

		while ((w = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (w < 0 && errno == ECHILD)
			return;
		f = fopen(path, "re");
		while (f && fscanf(f, "%ld", &pid) == 1)
			kill((pid_t)pid, SIGKILL);
		if (f)
			fclose(f);
		usleep(i < 50 ? 1000 : 10000);
	}
}

/* a signal for the job, or the end of procd; false: end everything */
static bool control(pid_t pid)
{
	struct ctl c;
	ssize_t n = recv(FD_CTL, &c, sizeof(c), 0);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n != sizeof(c) || c.type != CTL_SIGNAL || c.value == SIGKILL)
		return false;
	/* a group of its own while it lives: it began a session */
	if (kill(-pid, c.value) && errno == ESRCH)
		kill(pid, c.value);
	return true;
}

static void wait_for(const struct init_arg *a, pid_t pid, int sigfd) __attribute__((noreturn));
static void wait_for(const struct init_arg *a, pid_t pid, int sigfd)
{
	struct pollfd p[2] = {
		{ .fd = FD_CTL, .events = POLLIN }, { .fd = sigfd, .events = POLLIN },
	};
	struct ctl c = { .type = CTL_EXIT };
	struct signalfd_siginfo si;
	struct rusage ru;
	bool ended = false;
	int status = 0, st;
	pid_t w;

	while (!ended) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if ((p[0].revents & (POLLIN | POLLHUP | POLLERR)) && !control(pid)) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			p[0].fd = -1;
		}
		while (read(sigfd, &si, sizeof(si)) > 0)
			;
		while ((w = waitpid(-1, &st, WNOHANG)) > 0) {
			if (w == pid) {
				status = st;
				ended = true;
			}
		}
	}
	end_rest(a, pid);
	getrusage(RUSAGE_CHILDREN, &ru);
	c.value = status;
	c.utime_us = (uint64_t)ru.ru_utime.tv_sec * 1000000 + (uint64_t)ru.ru_utime.tv_usec;
	c.stime_us = (uint64_t)ru.ru_stime.tv_sec * 1000000 + (uint64_t)ru.ru_stime.tv_usec;
	c.maxrss_kib = (uint64_t)ru.ru_maxrss;
	tell(&c);
	_exit(0);
}

/* ---- main ---------------------------------------------------------------------------------- */

static void where(const struct init_arg *a)
{
	if (a->isolate) {
		strcpy(tmp_dir, "/tmp");
		strcpy(job_dir, AM_JOB_DIR);
	} else {
		snprintf(tmp_dir, sizeof(tmp_dir), "%s/tmp", a->dir);
		snprintf(job_dir, sizeof(job_dir), "%s/tmp/job", a->dir);
	}
}

int child_main(void)
{
	static struct init_arg a;
	char why[200] = "";
	struct am_job *j;
	sigset_t chld;
	int sigfd, fd[2];
	ssize_t n;
	pid_t pid;

	if (fcntl(FD_JOB, F_GETFD) < 0 || fcntl(FD_CTL, F_GETFD) < 0) {
		fprintf(stderr, "procd: --job-init is for procd itself\n");
		return 2;
	}
	fcntl(FD_CTL, F_SETFD, FD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	j = read_job(&a);
	where(&a);
	/* no terminal, no group of procd's: a signal to procd is not one to its jobs */
	setsid();
	if (a.isolate) {
		if (layout_make(a.dir, j->mounts, &a, why, sizeof(why)))
			give_up(AM_EX_SETUP, why);
	} else {
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	}
	/* the output is the program's alone: it ends when the job's processes have ended */
	if (pipe2(fd, O_CLOEXEC))
		give_up_errno(AM_EX_SETUP, "a pipe");
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sigfd < 0)
		give_up_errno(AM_EX_SETUP, "signals");

	pid = fork();
	if (pid < 0)
		give_up_errno(AM_EX_SETUP, "a process for the program");
	if (!pid) {
		close(fd[0]);
		program(&a, j, fd[1]);
	}
	close(fd[1]);
	close(0);
	close(1);
	close(2);
	if (chdir("/") || !drop(&a)) {
		kill(pid, SIGKILL);
		give_up_errno(AM_EX_SETUP, "giving up privileges");
	}
	n = read(fd[0], why, sizeof(why) - 1);
	if (n > 0) {
		why[n] = '\0';
		waitpid(pid, NULL, 0);
		give_up(AM_EX_NOPROG, why);
	}
	close(fd[0]);
	wait_for(&a, pid, sigfd);
}
