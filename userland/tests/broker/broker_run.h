/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For unit tests: a broker of the test's own. am_broker is looked for in $AM_BUILD/testlib, which
 * tests/run-units sets, or from the test program's own place.
 */
#ifndef BROKER_RUN_H
#define BROKER_RUN_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t am_broker_pid;
static char am_broker_dir[32];

static inline void am_broker_find(char *path, size_t size)
{
	const char *build = getenv("AM_BUILD");
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *unit;

	self[n > 0 ? n : 0] = 0;
	unit = strstr(self, "/unit/");
	if (unit)
		*unit = 0;
	snprintf(path, size, "%s/testlib/am_broker", build ? build : self);
}

/* @options: NULL, or one option of am_broker such as "-l3". 0, or -1 */
static inline int am_broker_run_opt(const char *options)
{
	char program[4096 + 32], sock[64];
	int i;

	strcpy(am_broker_dir, "/tmp/am_unit.XXXXXX");
	if (!mkdtemp(am_broker_dir))
		return -1;
	snprintf(sock, sizeof(sock), "%s/socket", am_broker_dir);
	am_broker_find(program, sizeof(program));
	am_broker_pid = fork();
	if (am_broker_pid < 0)
		return -1;
	if (!am_broker_pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (options)
			execl(program, program, options, sock, (char *)NULL);
		else
			execl(program, program, sock, (char *)NULL);
		fprintf(stderr, "%s: %m\n", program);
		_exit(127);
	}
	setenv("AMOEBA_TEST_BROKER", sock, 1);
	for (i = 0; i < 1000; i++) {
		if (!access(sock, F_OK))
			return 0;
		if (waitpid(am_broker_pid, NULL, WNOHANG) == am_broker_pid)
			break;
		usleep(10000);
	}
	return -1;
}

static inline int am_broker_run(void)
{
	return am_broker_run_opt(NULL);
}

static inline void am_broker_end(void)
{
	kill(am_broker_pid, SIGTERM);
	waitpid(am_broker_pid, NULL, 0);
	unsetenv("AMOEBA_TEST_BROKER");
	rmdir(am_broker_dir);
}

#endif /* BROKER_RUN_H */
