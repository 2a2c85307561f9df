// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_cancel: AMOEBA_CANCEL, and cookies.
 *
 *   dev_cancel
 *   dev_cancel remote=1	the server of ports 0 and 1 is elsewhere (dev_listen hold=SECONDS)
 *   dev_cancel mute=1	the same, but its machine says nothing any more
 *
 * What must come stands in uapi/linux/amoeba.h and amoeba(4).
 */
#include "dev_test.h"

#include <stdatomic.h>

#define OLD_TRANS	208	/* before there were cookies */

static int server, client;
static uint8_t list[8][8];

static int cancel(int fd, uint64_t cookie, unsigned int *count)
{
	struct amoeba_cancel c = { .cookie = cookie, .count = 77 };
	int rc = ioctl(fd, AMOEBA_CANCEL, &c);

	if (count)
		*count = c.count;
	return rc;
}

static void start(struct bg_call *c, unsigned int port, uint64_t cookie)
{
	bg_init(c, client, port, 1);
	c->t.cookie = cookie;
	c->t.locate_ms = 20000;
	bg_start(c);
	msleep(50);
}

static void declare(unsigned int n, unsigned int flags)
{
	struct amoeba_listen l = { .ports = n ? (uintptr_t)list : 0, .nports = n, .flags = flags };

	if (ioctl(server, AMOEBA_LISTEN, &l) < 0)
		DIE("listen: %s", strerror(errno));
}

static uint64_t take(unsigned int ms)
{
	struct amoeba_getreq g = { .flags = AMOEBA_GETREQ_LISTENED, .timeout_ms = ms };

	return ioctl(server, AMOEBA_GETREQ, &g) < 0 ? 0 : g.handle;
}

static void calls(void)
{
	struct bg_call c[3];
	unsigned int n;
	uint64_t handle;
	double begin;

	start(&c[0], 7, 5);
	check_errno("a call that looks for a server is cancelled", cancel(client, 5, &n), 0);
	check_num("it is one", n, 1);
	begin = rpc_ms();
	check_num("nothing of it has left", bg_verdict(&c[0]), AMOEBA_RPC_ABORTED);
	check(rpc_ms() - begin < 2000, "it ends at once");

	declare(2, 0);
	start(&c[0], 0, 6);
	check_errno("one that waits in a queue", cancel(client, 6, &n), 0);
	check_num("has not left either", bg_verdict(&c[0]), AMOEBA_RPC_ABORTED);
	check_num("and no server gets it", take(50), 0);

	start(&c[0], 1, 7);
	handle = take(2000);
	check(handle && !c[0].done, "one that is being served");
	check_errno("is cancelled", cancel(client, 7, &n), 0);
	check_num("it may have been executed", bg_verdict(&c[0]), AMOEBA_RPC_FAILURE);
	check_num("its server hears of it", answer(server, handle, 0), AMOEBA_RPC_FAILURE);

	start(&c[0], 0, 8);
	start(&c[1], 1, 9);
	start(&c[2], 7, 8);
	check_errno("all calls of a cookie", cancel(client, 8, &n), 0);
	check_num("two of three", n, 2);
	check_num("the one ends", bg_verdict(&c[0]), AMOEBA_RPC_ABORTED);
	check_num("the other, too", bg_verdict(&c[2]), AMOEBA_RPC_ABORTED);
	check(!c[1].done, "the third does not");
	handle = take(1000);
	answer(server, handle, 0);
	check_num("but has its reply", bg_verdict(&c[1]), 0);

	check_errno("it is no call any more", cancel(client, 9, NULL), ENOENT);
	start(&c[0], 0, 10);
	check_errno("a cookie of another file", cancel(server, 10, NULL), ENOENT);
	check_errno("a cookie of nobody", cancel(client, 11, &n), ENOENT);
	check_num("counts nothing", n, 77);
	handle = take(1000);
	answer(server, handle, 0);
	check_num("the call goes on", bg_verdict(&c[0]), 0);
	/* the memory of a call is used again */
	start(&c[0], 0, 0);
	check_errno("a call without a cookie is not the one before", cancel(client, 10, NULL), ENOENT);
	handle = take(1000);
	answer(server, handle, 0);
	check_num("it goes on", bg_verdict(&c[0]), 0);
	declare(0, AMOEBA_LISTEN_OFF);
}

/* ---- threads in getreq ----------------------------------------------------------------------- */

struct waiting {
	pthread_t thread;
	struct amoeba_putrep_getreq pg;
	int err;
};

static void *wait_run(void *arg)
{
	struct waiting *w = arg;

	w->err = ioctl(server, AMOEBA_PUTREP_GETREQ, &w->pg) < 0 ? errno : 0;
	return NULL;
}

static int wait_end(struct waiting *w)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 10;
	if (pthread_timedjoin_np(w->thread, NULL, &ts))
		DIE("a getreq does not come back");
	return w->err;
}

static void getreqs(void)
{
	struct waiting w[4];
	struct bg_call c;
	unsigned int n;
	uint64_t handle;

	declare(2, 0);
	start(&c, 0, 0);
	handle = take(1000);
	memset(w, 0, sizeof(w));
	for (int i = 0; i < 4; i++)
		w[i].pg.get.cookie = 20 + (i == 3);
	w[0].pg.get.flags = AMOEBA_GETREQ_LISTENED;
	w[0].pg.put.handle = handle;
	get_port(w[1].pg.get.hdr.port, 5);
	w[2].pg.get.ports = (uintptr_t)list;
	w[2].pg.get.nports = 8;
	get_port(w[3].pg.get.hdr.port, 5);
	for (int i = 0; i < 4; i++)
		pthread_create(&w[i].thread, NULL, wait_run, &w[i]);
	msleep(100);
	check_num("a reply goes out before the wait", bg_verdict(&c), 0);
	check_errno("threads that wait for requests", cancel(server, 20, &n), 0);
	check_num("three of four", n, 3);
	check_num("for any declared port", wait_end(&w[0]), ECANCELED);
	check(!w[0].pg.put.handle, "its reply is out");
	check_num("for one port", wait_end(&w[1]), ECANCELED);
	check_num("for a list", wait_end(&w[2]), ECANCELED);
	start(&c, 5, 0);
	check_num("the fourth has the next request", wait_end(&w[3]), 0);
	answer(server, w[3].pg.get.handle, 0);
	check_num("answered", bg_verdict(&c), 0);
	check_errno("nobody waits any more", cancel(server, 21, NULL), ENOENT);
	declare(0, AMOEBA_LISTEN_OFF);
}

static void wrong(void)
{
	struct { struct amoeba_trans t; uint8_t canary[16]; } s;
	uint8_t longer[64] = { 1 };
	struct amoeba_cancel c = { 0 };

	check_errno("cookie 0", ioctl(client, AMOEBA_CANCEL, &c), EINVAL);
	c = (struct amoeba_cancel){ .cookie = 1, .flags = 1 };
	check_errno("a flag", ioctl(client, AMOEBA_CANCEL, &c), EINVAL);
	check_errno("at no address", ioctl(client, AMOEBA_CANCEL, NULL), EFAULT);
	check_errno("a shorter structure", ioctl(client, CMD(6, 8), longer), EINVAL);
	check_errno("a longer one", ioctl(client, CMD(6, 64), longer), ENOENT);
	longer[16] = 1;
	check_errno("a longer one with something in it", ioctl(client, CMD(6, 64), longer), E2BIG);

	memset(&s, 0xee, sizeof(s));
	memset(&s.t, 0, OLD_TRANS);
	put_port(s.t.req.port, 7);
	s.t.locate_ms = 10;
	check_errno("a short trans", ioctl(client, CMD(1, OLD_TRANS), &s), 0);
	check_num("has its verdict", s.t.verdict, AMOEBA_RPC_NOTFOUND);
	check(s.t.cookie == 0xeeeeeeeeeeeeeeee && s.canary[0] == 0xee, "and nothing behind it");
}

/* ---- many ----------------------------------------------------------------------------------------- */

static atomic_bool stop;
static atomic_ulong executed, ok, maybe, not_executed, cancelled, waits;

static void *serve_some(void *arg)
{
	uint64_t cookie = (uintptr_t)arg;

	for (;;) {
		struct amoeba_getreq g = { .ports = (uintptr_t)list, .nports = 4, .cookie = cookie };

		if (ioctl(server, AMOEBA_GETREQ, &g) < 0) {
			if (errno != ECANCELED)
				DIE("getreq: %s", strerror(errno));
			waits++;
			if (stop)
				return NULL;
			continue;
		}
		executed++;
		answer(server, g.handle, 0);
	}
}

static void *call_some(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!stop) {
		struct amoeba_trans t = { .cookie = (uintptr_t)arg, .locate_ms = 1000 };

		/* so that servers have to wait, too */
		if (!(rand_r(&seed) % 16))
			usleep(2000);
		put_port(t.req.port, rand_r(&seed) % 4);
		if (ioctl(client, AMOEBA_TRANS, &t) < 0)
			DIE("trans: %s", strerror(errno));
		if (!t.verdict)
			ok++;
		else if (t.verdict == AMOEBA_RPC_FAILURE)
			maybe++;
		else
			not_executed++;
	}
	return NULL;
}

/* of each kind; the last waits of all servers are ended in any case */
static bool enough(void)
{
	return ok > 50 && waits > 3 && maybe + not_executed > 3;
}

static void crowd(void)
{
	pthread_t s[3], c[6];
	unsigned int seed = 1;
	double end = rpc_ms() + 1500, late = end + 20000;

	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&s[i], NULL, serve_some, (void *)(i + 1));
	for (uintptr_t i = 0; i < 6; i++)
		pthread_create(&c[i], NULL, call_some, (void *)(i + 1));
	while (rpc_ms() < end || (!enough() && rpc_ms() < late)) {
		bool call = rand_r(&seed) & 1;
		unsigned int n;

		if (!cancel(call ? client : server, 1 + rand_r(&seed) % (call ? 6 : 3), &n))
			cancelled += n;
		usleep(rand_r(&seed) % 1000);
	}
	stop = true;
	for (int i = 0; i < 6; i++)
		pthread_join(c[i], NULL);
	for (int i = 0; i < 3; i++) {
		while (pthread_tryjoin_np(s[i], NULL)) {
			cancel(server, i + 1, NULL);
			usleep(1000);
		}
	}
	printf("# %lu told; %lu executed; %lu ok, %lu maybe, %lu not; %lu waits ended\n", cancelled,
	       executed, ok, maybe, not_executed, waits);
	check(executed >= ok && executed <= ok + maybe, "what was executed is known to be, or in doubt");
	check(enough(), "and there were many");
}

static int remote(void)
{
	struct bg_call c;
	unsigned int n;

	start(&c, 0, 3);
	msleep(700);
	check_errno("a call being served elsewhere", cancel(client, 3, &n), 0);
	check_num("is one", n, 1);
	check_num("and may have been executed", bg_verdict(&c), AMOEBA_RPC_FAILURE);
	check(c.ms < 3000, "said at once");
	return dev_done();
}

/* of a request of many packets the first window leaves; then it waits for credits */
static int mute(void)
{
	static char large[1 << 20];
	struct bg_call c;
	unsigned int n;

	bg_init(&c, client, 0, 1);
	c.t.cookie = 3;
	c.t.send.addr = (uintptr_t)large;
	c.t.send.len = sizeof(large);
	bg_start(&c);
	msleep(300);
	check_errno("a call whose request is being sent", cancel(client, 3, &n), 0);
	check_num("is one", n, 1);
	check_num("and surely not executed", bg_verdict(&c), AMOEBA_RPC_ABORTED);
	check(c.ms < 3000, "said at once");
	return dev_done();
}

int main(int argc, char **argv)
{
	rpc_name = "dev_cancel";
	for (int i = 0; i < 8; i++)
		get_port(list[i], i);
	server = rpc_open();
	client = rpc_open();
	if (argc > 1 && rpc_arg(argv[1], "remote"))
		return remote();
	if (argc > 1 && rpc_arg(argv[1], "mute"))
		return mute();
	if (argc > 1)
		DIE("%s: no such argument; see the head of dev_cancel.c", argv[1]);
	calls();
	getreqs();
	wrong();
	crowd();
	return dev_done();
}
