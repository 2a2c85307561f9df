// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who this host is: a get-port and the random number behind its check fields, drawn once and
 * kept in $state/id (0600) as two lines of hex digits. Whoever can read it can run jobs here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "procd.h"

static void port_text(const am_port *p, char text[13])
{
	for (int i = 0; i < 6; i++)
		snprintf(text + 2 * i, 3, "%02x", p->b[i]);
}

static bool port_parse(const char *text, am_port *p)
{
	for (int i = 0; i < 6; i++) {
		unsigned int v;
		int n = 0;

		if (strspn(text + 2 * i, "0123456789abcdef") < 2 ||
		    sscanf(text + 2 * i, "%2x%n", &v, &n) != 1 || n != 2)
			return false;
		p->b[i] = (uint8_t)v;
	}
	return !am_port_null(p);
}

static int draw(struct ident *id, const char *path)
{
	char tmp[AM_PATH_MAX + 8], text[64], get[13], random[13];
	int fd, n;

	am_port_random(&id->get);
	am_port_random(&id->random);
	port_text(&id->get, get);
	port_text(&id->random, random);
	n = snprintf(text, sizeof(text), "get %s\nrandom %s\n", get, random);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fchmod(fd, 0600) || write(fd, text, (size_t)n) != n || fsync(fd)) {
		note("%s: %s (choose a writable directory with --state)", tmp, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	if (rename(tmp, path)) {
		note("%s: %s", path, strerror(errno));
		return -1;
	}
	fd = open(conf.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return 0;
}

int ident_load(struct ident *id)
{
	char path[AM_PATH_MAX], text[64], get[16], random[16];
	am_port put;
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s/id", conf.state) >= (int)sizeof(path)) {
		note("%s: the name is too long", conf.state);
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		if (draw(id, path))
			return -1;
	} else if (fd < 0) {
		note("%s: %s", path, strerror(errno));
		return -1;
	} else {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
		if (sscanf(text, "get %15s random %15s", get, random) != 2 ||
		    !port_parse(get, &id->get) || !port_parse(random, &id->random)) {
			note("%s: is not two lines of a port each (remove it and a new identity "
			     "is drawn)", path);
			return -1;
		}
	}
	am_one_way(&id->get, &put);
	am_cap_make(&id->owner, &put, 0, 0xff, &id->random);
	return 0;
}
