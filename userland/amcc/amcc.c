// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * amcc - what make finds under the names of compilers while `amctl make` runs.
 *
 * Asks `amctl make` (amcc.h) whether the compilation was done somewhere in the pool; otherwise,
 * and whenever it cannot be asked, becomes the real compiler: the next one along PATH.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <amoeba.h>

#include "amcc.h"

/* what a compiler looks at; everything else stays here */
static const char *const vars[] = {
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "COMPILER_PATH",
	"GCC_EXEC_PREFIX", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "GCC_COMPARE_DEBUG",
	"SOURCE_DATE_EPOCH", "CCC_OVERRIDE_OPTIONS", "SDKROOT", "LANG", "LC_ALL", "LC_MESSAGES",
	"LC_CTYPE", "TZ", "PWD",
};

/* the path without our own directory, and the compiler along it */
static bool find_real(const char *name, char *path, size_t path_size, char *real, size_t size)
{
	const char *mask = getenv(AMCC_MASK), *p = getenv("PATH");
	size_t at = 0;
	bool found = false;

	*path = '\0';
	if (!p)
		p = "/usr/local/bin:/usr/bin:/bin";
	for (;;) {
		size_t n = strcspn(p, ":");
		char full[4096];
		struct stat st;

		if (!(mask && strlen(mask) == n && !strncmp(p, mask, n)) &&
		    at + n + 2 < path_size) {
			at += (size_t)snprintf(path + at, path_size - at, "%s%.*s", at ? ":" : "",
					       (int)n, p);
			if (!found && n &&
			    (size_t)snprintf(full, sizeof(full), "%.*s/%s", (int)n, p, name) <
			    sizeof(full) && full[0] == '/' && !stat(full, &st) &&
			    S_ISREG(st.st_mode) && !access(full, X_OK)) {
				found = (size_t)snprintf(real, size, "%s", full) < size;
			}
		}
		if (!p[n])
			return found;
		p += n + 1;
	}
}

/* only what is compiled and not linked is worth a question */
static bool compiles(char **argv)
{
	for (argv++; *argv; argv++)
		if (!strcmp(*argv, "-c") || !strcmp(*argv, "-S"))
			return true;
	return false;
}

static bool send_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

static bool recv_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t r = recv(fd, p, n, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

static int reach(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -1;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* the length in front is written last */
static size_t make_request(uint8_t *mem, size_t size, const char *real, char **argv)
{
	uint32_t argc = 0, envc = 0;
	struct am_buf b, head;
	char cwd[4096];

	if (!getcwd(cwd, sizeof(cwd)))
		return 0;
	while (argv[argc])
		argc++;
	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++)
		envc += getenv(vars[i]) != NULL;
	am_buf_init(&b, mem, size);
	am_put_u32(&b, 0);
	am_put_str(&b, cwd);
	am_put_str(&b, real);
	am_put_u32(&b, argc);
	for (uint32_t i = 0; i < argc; i++)
		am_put_str(&b, argv[i]);
	am_put_u32(&b, envc);
	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++) {
		const char *v = getenv(vars[i]);
		char *both;

		if (!v)
			continue;
		if (asprintf(&both, "%s=%s", vars[i], v) < 0)
			return 0;
		am_put_str(&b, both);
		free(both);
	}
	if (b.bad)
		return 0;
	am_buf_init(&head, mem, 4);
	am_put_u32(&head, (uint32_t)(b.p - mem - 4));
	return (size_t)(b.p - mem);
}

static void show(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

/* does not return when the compilation was done elsewhere */
static void ask(const char *where, const char *real, char **argv)
{
	uint8_t *mem = malloc(AMCC_MAX);
	const uint8_t *out, *err;
	uint32_t len, action, status, nout, nerr;
	struct am_buf b;
	size_t n;
	int fd;

	n = mem ? make_request(mem, AMCC_MAX, real, argv) : 0;
	fd = n ? reach(where) : -1;
	if (fd < 0) {
		free(mem);
		return;
	}
	if (!send_all(fd, mem, n) || !recv_all(fd, mem, 4))
		goto out;
	am_buf_init(&b, mem, 4);
	len = am_get_u32(&b);
	if (len > AMCC_MAX || !recv_all(fd, mem, len))
		goto out;
	am_buf_init(&b, mem, len);
	action = am_get_u32(&b);
	status = am_get_u32(&b);
	nout = am_get_u32(&b);
	out = am_get_bytes(&b, nout);
	nerr = am_get_u32(&b);
	err = am_get_bytes(&b, nerr);
	if (b.bad || action != AMCC_DONE)
		goto out;
	show(1, out, nout);
	show(2, err, nerr);
	_exit((int)status);
out:
	close(fd);
	free(mem);
}

int main(int argc, char **argv)
{
	static char path[32768], real[4096];
	const char *name, *where = getenv(AMCC_SOCKET);

	if (argc < 1 || !argv[0])
		return 127;
	name = strrchr(argv[0], '/');
	name = name ? name + 1 : argv[0];
	if (!strcmp(name, "amcc")) {
		fprintf(stderr, "amcc: is run by `amctl make` under the names of compilers\n");
		return 2;
	}
	if (!find_real(name, path, sizeof(path), real, sizeof(real))) {
		fprintf(stderr, "%s: not found\n", name);
		return 127;
	}
	if (where && compiles(argv))
		ask(where, real, argv);
	/* the compiler's own helpers are not to meet us */
	setenv("PATH", path, 1);
	execv(real, argv);
	fprintf(stderr, "%s: %s: %s\n", name, real, strerror(errno));
	return 126;
}
