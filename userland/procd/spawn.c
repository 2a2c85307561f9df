// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts the init of a job: pipes, a socket, namespaces and control group, in one clone3, and our
 * own binary again in the new process. Between clone3 and exec nothing is called that could need a
 * lock another thread holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "procd.h"

struct ends {
	int theirs[5];	/* 0 1 2 FD_JOB FD_CTL */
	int in, out, err, ctl;
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void shut_all(struct ends *e)
{
	for (size_t i = 0; i < 5; i++)
		shut(&e->theirs[i]);
	shut(&e->in);
	shut(&e->out);
	shut(&e->err);
	shut(&e->ctl);
}

/* out of the way of what dup2 fills */
static bool high(int *fd)
{
	int n;

	if (*fd < 0 || *fd > FD_CTL)
		return *fd >= 0;
	n = fcntl(*fd, F_DUPFD_CLOEXEC, FD_CTL + 1);
	if (n < 0)
		return false;
	close(*fd);
	*fd = n;
	return true;
}

static int descriptor(const struct init_arg *a, const void *desc, size_t len)
{
	int fd = memfd_create("job", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (write(fd, a, sizeof(*a)) != (ssize_t)sizeof(*a) ||
	    write(fd, desc, len) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool out_pipe(int *ours, int *theirs)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return false;
	*ours = fd[0];
	*theirs = fd[1];
	return !fcntl(fd[0], F_SETFL, O_NONBLOCK);
}

static bool make_ends(struct ends *e, const struct init_arg *a, const void *desc, size_t len,
		      uint32_t flags)
{
	int fd[2];

	*e = (struct ends){ .theirs = { -1, -1, -1, -1, -1 }, .in = -1, .out = -1, .err = -1,
			    .ctl = -1 };
	e->theirs[FD_JOB] = descriptor(a, desc, len);
	if (e->theirs[FD_JOB] < 0)
		return false;
	if (flags & AM_JOB_STDIN) {
		if (pipe2(fd, O_CLOEXEC))
			return false;
		e->theirs[0] = fd[0];
		e->in = fd[1];
		if (fcntl(fd[1], F_SETFL, O_NONBLOCK))
			return false;
	} else {
		e->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (!out_pipe(&e->out, &e->theirs[1]))
		return false;
	if (flags & AM_JOB_MERGE)
		e->theirs[2] = fcntl(e->theirs[1], F_DUPFD_CLOEXEC, FD_CTL + 1);
	else if (!out_pipe(&e->err, &e->theirs[2]))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		return false;
	e->ctl = fd[0];
	e->theirs[FD_CTL] = fd[1];
	for (size_t i = 0; i < 5; i++)
		if (!high(&e->theirs[i]))
			return false;
	return true;
}

am_status spawn(const struct init_arg *a, const void *desc, size_t len, uint32_t flags,
		int cgroup, struct spawned *s, char *why, size_t size)
{
	static char name[] = "procd", mode[] = "--job-init";
	char *argv[] = { name, mode, NULL };
	struct clone_args c = { 0 };
	int exe, pidfd = -1;
	sigset_t all, old;
	struct ends e;
	long pid;

	if (!make_ends(&e, a, desc, len, flags)) {
		snprintf(why, size, "descriptors of the job: %s", strerror(errno));
		shut_all(&e);
		return AM_EX_SETUP;
	}
	exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (exe >= 0 && !high(&exe))
		shut(&exe);
	if (exe < 0) {
		snprintf(why, size, "/proc/self/exe: %s", strerror(errno));
		shut_all(&e);
		return AM_EX_SETUP;
	}
	c.flags = CLONE_PIDFD;
	c.pidfd = (uint64_t)(uintptr_t)&pidfd;
	c.exit_signal = SIGCHLD;
	if (a->isolate)
		c.flags |= CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC;
	if (cgroup >= 0) {
		c.flags |= CLONE_INTO_CGROUP;
		c.cgroup = (uint64_t)cgroup;
	}
	/* no handler of ours may run in the new process */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = syscall(SYS_clone3, &c, sizeof(c));
	if (!pid) {
		for (int i = 0; i < 5; i++)
			if (dup2(e.theirs[i], i) < 0)
				_exit(126);
		sigemptyset(&old);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, _NSIG / 8);
		execveat(exe, "", argv, environ, AT_EMPTY_PATH);
		_exit(126);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(exe);
	if (pid < 0) {
		snprintf(why, size, "starting a process: %s", strerror(errno));
		shut_all(&e);
		return errno == EAGAIN ? AM_STD_NOTNOW : AM_EX_SETUP;
	}
	*s = (struct spawned){ .pid = (pid_t)pid, .pidfd = pidfd, .ctl = e.ctl, .in = e.in,
			       .out = e.out, .err = e.err };
	for (size_t i = 0; i < 5; i++)
		shut(&e.theirs[i]);
	return AM_OK;
}
