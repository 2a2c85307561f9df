// SPDX-License-Identifier: GPL-2.0-or-later
/* Which files a compilation reads: the compiler's own -M, run here, and what it writes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "amctl_make.h"

#define OUTPUT_MAX (16U << 20)

/* ---- a program and what it says ------------------------------------------------------------ */

static char *read_all(int fd)
{
	size_t n = 0, room = 16384;
	char *p = malloc(room);

	while (p) {
		ssize_t r;

		if (n + 1 == room) {
			char *q = room < OUTPUT_MAX ? realloc(p, room * 2) : NULL;

			if (!q)
				break;
			p = q;
			room *= 2;
		}
		r = read(fd, p + n, room - n - 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			break;
		if (!r) {
			p[n] = '\0';
			return p;
		}
		n += (size_t)r;
	}
	free(p);
	return NULL;
}

static bool prepare(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, const char *cwd,
		    int pipe_fd, int fd)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	return !posix_spawn_file_actions_addchdir_np(fa, cwd) &&
	       !posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDONLY, 0) &&
	       !posix_spawn_file_actions_addopen(fa, fd == 1 ? 2 : 1, "/dev/null", O_WRONLY, 0) &&
	       !posix_spawn_file_actions_adddup2(fa, pipe_fd, fd) &&
	       !posix_spawnattr_setsigdefault(at, &set) &&
	       !posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGDEF);
}

char *run_and_read(char *const *argv, const char *prog, const char *cwd, char *const *env, int fd)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	char *text = NULL;
	int p[2], status = 1;
	bool ok;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC))
		return NULL;
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	ok = prepare(&fa, &at, cwd, p[1], fd) && !posix_spawn(&pid, prog, &fa, &at, argv, env);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	close(p[1]);
	if (ok) {
		text = read_all(p[0]);
		if (!text)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(p[0]);
	if (!ok || status) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- the rule make would read --------------------------------------------------------------- */

/*
 * "x: a.c b\ c.h \<newline> d$$.h" -> names. A backslash protects blanks and '#', "$$" is "$"; a
 * backslash before the end of a line is nothing.
 */
char **scan_parse(const char *text)
{
	size_t len = strlen(text), n = 0, room = 2;
	const char *s = strchr(text, ':');
	char **list, *to;

	if (!s)
		return NULL;
	for (const char *q = s; *q; q++)
		room += *q == ' ' || *q == '\n';
	list = malloc((room + 1) * sizeof(*list) + len + 1);
	if (!list)
		return NULL;
	to = (char *)(list + room + 1);
	for (s++; *s;) {
		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') {
			s++;
			continue;
		}
		if (*s == '\\' && (s[1] == '\n' || (s[1] == '\r' && s[2] == '\n'))) {
			s += 2;
			continue;
		}
		if (n == room)
			break;
		list[n++] = to;
		while (*s && *s != ' ' && *s != '\t' && *s != '\n' && *s != '\r') {
			if (*s == '\\' && (s[1] == ' ' || s[1] == '#' || s[1] == '\t'))
				s++;
			else if (*s == '$' && s[1] == '$')
				s++;
			else if (*s == '\\' && s[1] == '\n')
				break;
			*to++ = *s++;
		}
		*to++ = '\0';
	}
	list[n] = NULL;
	if (n)
		return list;
	free(list);
	return NULL;
}

/* make may have more compilations under way than we have processors to scan for them */
static void turn(bool take)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
	static long at_work, most;

	pthread_mutex_lock(&lock);
	if (!most)
		most = sysconf(_SC_NPROCESSORS_ONLN) > 0 ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
	while (take && at_work >= most)
		pthread_cond_wait(&change, &lock);
	at_work += take ? 1 : -1;
	pthread_cond_signal(&change);
	pthread_mutex_unlock(&lock);
}

char **scan_inputs(const struct call *c, const struct cc *cc)
{
	char m[] = "-M", mt[] = "-MT", target[] = "x", pwd[AM_PATH_MAX + 8];
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	size_t n = 0, e = 0;
	char **env, *text, **list;

	while (cc->scan[n])
		n++;
	cc->scan[n] = m;
	cc->scan[n + 1] = mt;
	cc->scan[n + 2] = target;
	cc->scan[n + 3] = NULL;
	while (c->env[e])
		e++;
	env = calloc(e + 3, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = e = 0; c->env[i]; i++)
		if (strncmp(c->env[i], "PWD=", 4))
			env[e++] = c->env[i];
	snprintf(pwd, sizeof(pwd), "PWD=%s", c->pwd);
	env[e++] = pwd;
	env[e] = path;
	turn(true);
	text = run_and_read(cc->scan, c->compiler, c->cwd, env, 1);
	turn(false);
	cc->scan[n] = NULL;
	free(env);
	if (!text)
		return NULL;
	list = scan_parse(text);
	free(text);
	return list;
}
