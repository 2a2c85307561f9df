// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_ports: lists of ports in AMOEBA_GETREQ.
 *
 *   dev_ports
 *
 * Within one namespace. What must come stands in uapi/linux/amoeba.h and amoeba(4).
 */
#include "dev_test.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define OLD_GETREQ	120	/* before there were lists */

static int server, client;
static uint8_t list[64][8];
static uint8_t data[64];

static struct amoeba_getreq a_getreq(unsigned int n)
{
	struct amoeba_getreq g = { .ports = n ? (uintptr_t)list : 0, .nports = n };

	g.recv.addr = (uintptr_t)data;
	g.recv.len = sizeof(data);
	g.timeout_ms = 3000;
	return g;
}

/* "we serve them all", without waiting */
static void touch(unsigned int n)
{
	struct amoeba_getreq g = a_getreq(n);

	g.flags = AMOEBA_GETREQ_NONBLOCK;
	check_errno("nothing is waiting", ioctl(server, AMOEBA_GETREQ, &g), EAGAIN);
}

static void oldest_first(void)
{
	static const unsigned int order[] = { 2, 0, 1, 2, 3 };
	struct bg_call c[5];
	uint8_t put[8];

	touch(4);
	for (int i = 0; i < 5; i++)
		bg_queue(&c[i], client, order[i], 100 + i);
	for (int i = 0; i < 5; i++) {
		struct amoeba_getreq g = a_getreq(4);

		check_errno("one of four ports", ioctl(server, AMOEBA_GETREQ, &g), 0);
		check_num("the oldest request", g.hdr.command, 100 + i);
		check_num("which port it was", g.index, order[i]);
		put_port(put, order[i]);
		check(!memcmp(put, g.hdr.port, 8), "its put-port");
		check_num("answered", answer(server, g.handle, i), 0);
		check_num("its client has the reply", bg_verdict(&c[i]), 0);
		check_num("and its own", c[i].t.rep.status, i);
	}
}

static void waiting(void)
{
	struct amoeba_getreq g = a_getreq(3);
	struct bg_call c[2];

	bg_init(&c[0], client, 1, 1);
	c[0].t.locate_ms = 2000;
	bg_start(&c[0]);	/* looks for a server while there is none waiting */
	check_errno("a request comes for a waiting thread", ioctl(server, AMOEBA_GETREQ, &g), 0);
	check_num("by its port", g.index, 1);

	/* the only thread is at work: all its ports are served, however long */
	msleep(1300);
	bg_queue(&c[1], client, 2, 2);
	check(!c[1].done, "a call of another port of the list waits for it");
	answer(server, g.handle, 0);
	check_num("the first is answered", bg_verdict(&c[0]), 0);
	g = a_getreq(3);
	check_errno("the next", ioctl(server, AMOEBA_GETREQ, &g), 0);
	check_num("is that of the other port", g.index, 2);
	answer(server, g.handle, 0);
	check_num("and answered", bg_verdict(&c[1]), 0);

	g = a_getreq(3);
	g.timeout_ms = 20;
	check_errno("none comes", ioctl(server, AMOEBA_GETREQ, &g), ETIMEDOUT);
	msleep(1200);
	bg_queue(&c[0], client, 0, 1);
	check_num("a list not waited for for a second is not there", bg_verdict(&c[0]),
		  AMOEBA_RPC_NOTFOUND);
}

static void twice(void)
{
	struct amoeba_getreq g = a_getreq(2);
	struct bg_call c;

	memcpy(list[1], list[0], 8);
	bg_init(&c, client, 0, 7);
	bg_start(&c);
	check_errno("a port that is named twice", ioctl(server, AMOEBA_GETREQ, &g), 0);
	check_num("is the first of them", g.index, 0);
	answer(server, g.handle, 0);
	check_num("its client is answered", bg_verdict(&c), 0);
	get_port(list[1], 1);
}

static void wrong(void)
{
	struct amoeba_getreq g;
	struct amoeba_putrep_getreq pg;
	struct bg_call c;
	uint8_t *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t handle;

#define WRONG(name, stmt, want)								\
	do {										\
		g = a_getreq(3);							\
		g.flags = AMOEBA_GETREQ_NONBLOCK;					\
		stmt;									\
		check_errno(name, ioctl(server, AMOEBA_GETREQ, &g), want);		\
	} while (0)
	mprotect(edge + 4096, 4096, PROT_NONE);
	memcpy(edge + 4096 - 20, list, 20);
	WRONG("a list and a port", memcpy(g.hdr.port, list, 6), EINVAL);
	WRONG("a list that is not counted", g.nports = 0, EINVAL);
	WRONG("65 ports", g.nports = 65, EINVAL);
	WRONG("2^32-1 ports", g.nports = ~0U, EINVAL);
	WRONG("a list at no address", g.ports = 0, EFAULT);
	WRONG("a list across an edge", g.ports = (uintptr_t)edge + 4096 - 20, EFAULT);
	WRONG("a list and the declared ports", g.flags |= AMOEBA_GETREQ_LISTENED, EINVAL);
	WRONG("a port and the declared ports", (g = (struct amoeba_getreq){ .flags = 3 },
						memcpy(g.hdr.port, list, 6)), EINVAL);
	memset(list[2], 0, 8);
	WRONG("a null port in the list", (void)0, EINVAL);
	list[2][6] = 1;
	WRONG("byte 6 of a port in the list", (void)0, EINVAL);
	get_port(list[2], 2);
	list[2][7] = 1;
	WRONG("byte 7 of a port in the list", (void)0, EINVAL);
	get_port(list[2], 2);
	WRONG("a list of one", g.nports = 1, EAGAIN);
	WRONG("the longest list", g.nports = 64, EAGAIN);
	WRONG("its results may be anything", g.index = ~0U, EAGAIN);

	/* with a wrong list nothing is answered */
	bg_init(&c, client, 0, 1);
	bg_start(&c);
	g = a_getreq(1);
	check_errno("a request", ioctl(server, AMOEBA_GETREQ, &g), 0);
	handle = g.handle;
	pg = (struct amoeba_putrep_getreq){ .put.handle = handle, .get = a_getreq(65) };
	check_errno("reply, and 65 ports", ioctl(server, AMOEBA_PUTREP_GETREQ, &pg), EINVAL);
	check(pg.put.handle == handle && !c.done, "nothing was answered");
	pg.get = a_getreq(2);
	pg.get.ports = (uintptr_t)edge + 4096;
	check_errno("reply, and no list there", ioctl(server, AMOEBA_PUTREP_GETREQ, &pg), EFAULT);
	check(pg.put.handle == handle && !c.done, "nothing was answered");
	pg.get = a_getreq(2);
	pg.get.timeout_ms = 10;
	check_errno("reply, and a list", ioctl(server, AMOEBA_PUTREP_GETREQ, &pg), ETIMEDOUT);
	check(!pg.put.handle, "answered now");
	check_num("its client has the reply", bg_verdict(&c), 0);
	munmap(edge, 8192);
}

/* what was built against the first header */
static void old_size(void)
{
	struct { struct amoeba_getreq g; uint8_t canary[16]; } s;
	struct bg_call c;

	memset(&s, 0xee, sizeof(s));
	memset(&s.g, 0, OLD_GETREQ);
	get_port(s.g.hdr.port, 5);
	s.g.recv.addr = (uintptr_t)data;
	s.g.recv.len = sizeof(data);
	s.g.timeout_ms = 3000;
	bg_init(&c, client, 5, 55);
	bg_start(&c);
	check_errno("a short getreq", ioctl(server, CMD(2, OLD_GETREQ), &s.g), 0);
	check_num("gets its request", s.g.hdr.command, 55);
	check(s.g.nports == 0xeeeeeeee && s.g.index == 0xeeeeeeee && s.canary[0] == 0xee,
	      "nothing is written behind it");
	answer(server, s.g.handle, 0);
	check_num("its client is answered", bg_verdict(&c), 0);
}

/* ---- many threads, many ports -------------------------------------------------------------------- */

static atomic_bool stop, closed;
static atomic_ulong served, by_port[64];

static void *serve_some(void *arg)
{
	unsigned int from = (uintptr_t)arg * 5 % 49, n = 1 + (uintptr_t)arg % 16;
	uint8_t buf[64];

	while (!closed) {
		struct amoeba_getreq g = a_getreq(n);

		g.ports = (uintptr_t)list[from];
		g.recv.addr = (uintptr_t)buf;
		g.timeout_ms = 1 + (uintptr_t)arg;
		if (ioctl(server, AMOEBA_GETREQ, &g) < 0) {
			if (errno != ETIMEDOUT)
				DIE("getreq: %s", strerror(errno));
			continue;
		}
		if (g.hdr.command != (int)(from + g.index))
			DIE("index %u from %u, but the request was for %d", g.index, from,
			    g.hdr.command);
		served++;
		by_port[from + g.index]++;
		if (answer(server, g.handle, 0) > 0)
			DIE("putrep");
	}
	return NULL;
}

static atomic_ulong answered, unsure, nobody;

static void *call_some(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!stop) {
		struct amoeba_trans t = { 0 };
		unsigned int n = rand_r(&seed) % 64;

		put_port(t.req.port, n);
		t.req.command = n;
		t.locate_ms = 30;
		if (ioctl(client, AMOEBA_TRANS, &t) < 0)
			DIE("trans: %s", strerror(errno));
		if (!t.verdict)
			answered++;
		else if (t.verdict == AMOEBA_RPC_NOTFOUND)
			nobody++;
		else
			unsure++;
	}
	return NULL;
}

static void crowd(void)
{
	pthread_t s[12], c[8];
	unsigned int ports = 0;

	close(server);		/* what was served until now is not served any more */
	server = rpc_open();
	for (uintptr_t i = 0; i < 12; i++)
		pthread_create(&s[i], NULL, serve_some, (void *)(i + 1));
	for (uintptr_t i = 0; i < 8; i++)
		pthread_create(&c[i], NULL, call_some, (void *)(i + 1));
	msleep(1500);
	stop = true;
	for (int i = 0; i < 8; i++)
		pthread_join(c[i], NULL);
	closed = true;
	for (int i = 0; i < 12; i++)
		pthread_join(s[i], NULL);
	for (int i = 0; i < 64; i++)
		ports += by_port[i] > 0;
	printf("# %lu answered, %lu served, %lu found nobody, %u ports\n", answered, served, nobody,
	       ports);
	check_num("each request is executed once", served, answered);
	check_num("nothing is unsure", unsure, 0);
	check(answered > 200 && ports > 30, "and there were many");
}

int main(void)
{
	rpc_name = "dev_ports";
	for (int i = 0; i < 64; i++)
		get_port(list[i], i);
	server = rpc_open();
	client = rpc_open();
	oldest_first();
	waiting();
	twice();
	wrong();
	old_size();
	crowd();
	return dev_done();
}
