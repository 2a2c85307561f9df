// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rpc_server: one thread that serves by hand.
 *
 *   rpc_server getport=HEX [reply header: sig= check= object= rights= site= command= extra= offset=
 *              size=] [data=FILE|echo=1] [room=BYTES] [out=FILE] [count=N] [delay_ms=MS]
 *              [combined=1] [close_ms=MS]
 *
 * Prints "ready", then one line for each request: "request N handle H len L out_flags F" and its
 * header; out=FILE keeps its data. Replies with the header given and data=FILE, or what came
 * (echo=1). combined=1 uses PUTREP_GETREQ. close_ms=MS: instead of replying, closes the device that
 * long after the first request came, prints "closed" and sleeps. After @count replies it prints
 * "done", closes and leaves with status 0 (count=0: never).
 */
#include "rpc_tool.h"

static struct amoeba_header reply;
static const char *out;
static uint8_t *data, *buf;
static size_t len, room = 1 << 20;
static bool echo;

static void show(unsigned int n, const struct amoeba_getreq *g)
{
	printf("request %u handle %llu len %llu out_flags %u ", n, (unsigned long long)g->handle,
	       (unsigned long long)g->len, g->out_flags);
	rpc_print_hdr(&g->hdr);
	putchar('\n');
	if (out)
		rpc_save(out, buf, g->len < room ? g->len : room);
}

static void fill_get(struct amoeba_getreq *g, const uint8_t *port)
{
	memset(g, 0, sizeof(*g));
	memcpy(g->hdr.port, port, 6);
	g->recv.addr = (uintptr_t)buf;
	g->recv.len = room;
}

static void fill_put(struct amoeba_putrep *p, const struct amoeba_getreq *g)
{
	memset(p, 0, sizeof(*p));
	p->hdr = reply;
	p->handle = g->handle;
	p->send.addr = (uintptr_t)(echo ? buf : data);
	p->send.len = echo ? (g->len < room ? g->len : room) : len;
	if (!p->send.len)
		p->send.addr = 0;
}

int main(int argc, char **argv)
{
	unsigned int count = 0, n = 0;
	struct amoeba_putrep_getreq pg;
	struct amoeba_getreq g;
	uint8_t getport[6] = { 0 };
	double delay = 0, close_ms = -1;
	bool combined = false;
	const char *v;
	int fd;

	rpc_name = "rpc_server";
	for (int i = 1; i < argc; i++) {
		if ((v = rpc_arg(argv[i], "getport")))
			rpc_hex("getport", v, getport, 6);
		else if (rpc_hdr_arg(&reply, argv[i]))
			continue;
		else if ((v = rpc_arg(argv[i], "data")))
			data = rpc_load(v, &len);
		else if ((v = rpc_arg(argv[i], "echo")))
			echo = atoi(v);
		else if ((v = rpc_arg(argv[i], "room")))
			room = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "out")))
			out = v;
		else if ((v = rpc_arg(argv[i], "count")))
			count = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "delay_ms")))
			delay = strtod(v, NULL);
		else if ((v = rpc_arg(argv[i], "close_ms")))
			close_ms = strtod(v, NULL);
		else if ((v = rpc_arg(argv[i], "combined")))
			combined = atoi(v);
		else
			DIE("%s: no such argument; see the head of rpc_server.c", argv[i]);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	buf = malloc(room + 1);
	if (!buf)
		DIE("room=%zu: out of memory", room);
	fd = rpc_open();
	printf("ready\n");

	fill_get(&g, getport);
	if (ioctl(fd, AMOEBA_GETREQ, &g) < 0)
		DIE("getreq: %s", strerror(errno));
	for (;;) {
		show(n, &g);
		if (close_ms >= 0) {
			rpc_sleep_ms(close_ms);
			close(fd);
			printf("closed\n");
			for (;;)
				pause();
		}
		rpc_sleep_ms(delay);
		if (++n == count)
			combined = false;
		memset(&pg, 0, sizeof(pg));
		fill_put(&pg.put, &g);
		fill_get(&pg.get, getport);
		if (combined) {
			if (ioctl(fd, AMOEBA_PUTREP_GETREQ, &pg) < 0)
				DIE("putrep_getreq: %s", strerror(errno));
			g = pg.get;
			continue;
		}
		if (ioctl(fd, AMOEBA_PUTREP, &pg.put) < 0)
			DIE("putrep: %s", strerror(errno));
		if (pg.put.verdict)
			printf("putrep verdict %d\n", pg.put.verdict);
		if (n == count)
			break;
		g = pg.get;
		if (ioctl(fd, AMOEBA_GETREQ, &g) < 0)
			DIE("getreq: %s", strerror(errno));
	}
	close(fd);
	printf("done\n");
	return 0;
}
