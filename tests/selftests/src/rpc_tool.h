/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rpc_* and race_* test programs share: arguments KEY=VALUE, hex, headers, the device. */
#ifndef RPC_TOOL_H
#define RPC_TOOL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/amoeba.h>

#define RPC_UNUSED __attribute__((unused))

#define DIE(...)						\
	do {							\
		fprintf(stderr, "%s: ", rpc_name);		\
		fprintf(stderr, __VA_ARGS__);			\
		fputc('\n', stderr);				\
		exit(2);					\
	} while (0)

static const char *rpc_name = "rpc";

static RPC_UNUSED int rpc_open(void)
{
	const char *path = getenv("AMOEBA_DEVICE");
	int fd;

	if (!path)
		path = "/dev/amoeba";
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		DIE("%s: %s; is amoeba.ko loaded?", path, strerror(errno));
	return fd;
}

/* milliseconds of a clock that only goes forward */
static RPC_UNUSED double rpc_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static RPC_UNUSED void rpc_sleep_ms(double ms)
{
	struct timespec ts;

	if (ms <= 0)
		return;
	ts.tv_sec = (time_t)(ms / 1e3);
	ts.tv_nsec = (long)((ms - ts.tv_sec * 1e3) * 1e6);
	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

static RPC_UNUSED void rpc_hex(const char *key, const char *s, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int v;

		if (sscanf(s + 2 * i, "%2x", &v) != 1)
			DIE("%s=%s: %zu bytes in hex are wanted", key, s, n);
		out[i] = v;
	}
	if (s[2 * n])
		DIE("%s=%s: more than %zu bytes", key, s, n);
}

static RPC_UNUSED void rpc_print_hex(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
}

static RPC_UNUSED void rpc_print_hdr(const struct amoeba_header *h)
{
	printf("port=");
	rpc_print_hex(h->port, 6);
	printf(" sig=");
	rpc_print_hex(h->signature, 6);
	printf(" object=%u rights=%u check=", h->object, h->rights);
	rpc_print_hex(h->check, memcmp(h->check + 6, "\0\0\0\0\0", 6) ? 12 : 6);
	if (h->site)
		printf(" site=%u", h->site);
	printf(" command=%d extra=%u offset=%lld size=%llu", h->command, h->extra,
	       (long long)h->offset, (unsigned long long)h->size);
}

/* one argument KEY=VALUE: the value when @arg is of @key, else NULL */
static RPC_UNUSED const char *rpc_arg(const char *arg, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(arg, key, n) && arg[n] == '=' ? arg + n + 1 : NULL;
}

/* takes a header argument; false when it is none */
static RPC_UNUSED bool rpc_hdr_arg(struct amoeba_header *h, const char *arg)
{
	const char *v;

	if ((v = rpc_arg(arg, "port")))
		rpc_hex("port", v, h->port, 6);
	else if ((v = rpc_arg(arg, "sig")))
		rpc_hex("sig", v, h->signature, 6);
	else if ((v = rpc_arg(arg, "check")))
		rpc_hex("check", v, h->check, strlen(v) == 24 ? 12 : 6);
	else if ((v = rpc_arg(arg, "site")))
		h->site = strtoul(v, NULL, 0);
	else if ((v = rpc_arg(arg, "object")))
		h->object = strtoul(v, NULL, 0);
	else if ((v = rpc_arg(arg, "rights")))
		h->rights = strtoul(v, NULL, 0);
	else if ((v = rpc_arg(arg, "command")))
		h->command = strtol(v, NULL, 0);
	else if ((v = rpc_arg(arg, "extra")))
		h->extra = strtoul(v, NULL, 0);
	else if ((v = rpc_arg(arg, "offset")))
		h->offset = strtoll(v, NULL, 0);
	else if ((v = rpc_arg(arg, "size")))
		h->size = strtoull(v, NULL, 0);
	else
		return false;
	return true;
}

/* a whole file in memory */
static RPC_UNUSED uint8_t *rpc_load(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	size_t size = 0, room = 65536;
	uint8_t *p = malloc(room);

	if (!f)
		DIE("%s: %s", path, strerror(errno));
	while (p) {
		size += fread(p + size, 1, room - size, f);
		if (size < room)
			break;
		room *= 2;
		p = realloc(p, room);
	}
	if (!p)
		DIE("%s: out of memory", path);
	fclose(f);
	*len = size;
	return p;
}

static RPC_UNUSED void rpc_save(const char *path, const void *p, size_t len)
{
	FILE *f = fopen(path, "wb");

	if (!f || (len && fwrite(p, 1, len, f) != len) || fclose(f))
		DIE("%s: %s", path, strerror(errno));
}

#endif /* RPC_TOOL_H */
