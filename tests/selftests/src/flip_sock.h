/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the test programs of FLIP sockets share: the family, sockets with an address, the clock. */
#ifndef FLIP_SOCK_H
#define FLIP_SOCK_H

#include <errno.h>
#include <linux/flip.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define FLIP_UNUSED __attribute__((unused))

static int family;	/* after flip_family() */

static FLIP_UNUSED _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

/* milliseconds of a clock that only goes forward */
static FLIP_UNUSED double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void flip_family(void)
{
	FILE *f = fopen("/sys/module/flip/parameters/family", "r");

	if (!f || fscanf(f, "%d", &family) != 1)
		die("/sys/module/flip/parameters/family (modprobe flip)");
	fclose(f);
}

/* a raw socket with an address of its own; @type: SOCK_NONBLOCK or 0 */
static FLIP_UNUSED int flip_socket(int type)
{
	struct sockaddr_flip any = { .sflip_family = (uint16_t)family };
	int fd = socket(family, SOCK_DGRAM | type, FLIPPROTO_RAW);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)))
		die("socket");
	return fd;
}

/* where to send what is to come to @fd */
static FLIP_UNUSED struct sockaddr_flip flip_address(int fd)
{
	struct sockaddr_flip me;
	socklen_t len = sizeof(me);

	if (getsockname(fd, (struct sockaddr *)&me, &len) || len != sizeof(me))
		die("getsockname");
	me.sflip_network = 0;
	return me;
}

/* a line of 16 hex digits */
static FLIP_UNUSED void flip_print(const struct sockaddr_flip *a)
{
	for (int i = 0; i < 8; i++)
		printf("%02x", a->sflip_addr[i]);
	putchar('\n');
	fflush(stdout);
}

static FLIP_UNUSED void flip_buffer(int fd, int option, int bytes, const char *name)
{
	if (setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes)))
		die(name);
}

#endif /* FLIP_SOCK_H */
