// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_users: what one user may have (net.amoeba.max_user_*), and that another has what it needs while
 * the first is at each of its limits. A file is charged to who opened it.
 */
#include "dev_test.h"

#include <sys/stat.h>
#include <sys/syscall.h>

enum { ONE = 1001, OTHER = 1002 };

/* this thread only: others of the process stay who they are */
static int open_as(unsigned int uid)
{
	int fd, err;

	if (syscall(SYS_setresuid, -1, uid, -1) < 0)
		DIE("seteuid %u: %s", uid, strerror(errno));
	fd = open("/dev/amoeba", O_RDWR | O_CLOEXEC);
	err = errno;
	if (syscall(SYS_setresuid, -1, 0, -1) < 0)
		DIE("seteuid: %s", strerror(errno));
	errno = err;
	return fd;
}

static void limit(const char *name, unsigned long value)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/amoeba/max_user_%s", name);
	f = fopen(path, "w");
	if (!f || fprintf(f, "%lu\n", value) < 0 || fclose(f))
		DIE("%s: %s", path, strerror(errno));
}

static long counter(const char *name)
{
	FILE *f = fopen("/proc/net/amoeba/stat", "r");
	char key[64];
	long v, found = -1;

	while (f && fscanf(f, "%63s %ld", key, &v) == 2)
		if (!strcmp(key, name))
			found = v;
	if (f)
		fclose(f);
	return found;
}

/* what /proc/net/amoeba/users says @uid has of something; 0 when it is not there */
static long used(unsigned int uid, const char *name)
{
	FILE *f = fopen("/proc/net/amoeba/users", "r");
	char line[200], *p, want[32];
	long v = 0;

	snprintf(want, sizeof(want), " %s ", name);
	while (f && fgets(line, sizeof(line), f)) {
		if (strtoul(line + 4, NULL, 10) != uid)
			continue;
		p = strstr(line, want);
		if (p)
			v = strtol(p + strlen(want), NULL, 10);
	}
	if (f)
		fclose(f);
	return v;
}

/* until it has @want of it, at most two seconds */
static bool comes_to(unsigned int uid, const char *name, long want)
{
	for (int i = 0; i < 200; i++) {
		if (used(uid, name) == want)
			return true;
		msleep(10);
	}
	printf("# uid %u has %ld %s\n", uid, used(uid, name), name);
	return false;
}

static int declare(int fd, unsigned int port)
{
	uint8_t get[8];
	struct amoeba_listen l = { .ports = (uintptr_t)get, .nports = 1 };

	get_port(get, port);
	return ioctl(fd, AMOEBA_LISTEN, &l);
}

static bool take(int fd, struct amoeba_getreq *g)
{
	*g = (struct amoeba_getreq){ .flags = AMOEBA_GETREQ_LISTENED, .timeout_ms = 3000 };
	return ioctl(fd, AMOEBA_GETREQ, g) == 0;
}

static void files(void)
{
	long before = counter("user_files");
	int fds[9], other;

	limit("files", 8);
	for (int i = 0; i < 9; i++)
		fds[i] = open_as(ONE);
	check(fds[7] >= 0, "eight files");
	check_errno("not a ninth", fds[8], EDQUOT);
	check_num("which is counted", counter("user_files") - before, 1);
	check_num("they are shown", used(ONE, "files"), 8);
	other = open_as(OTHER);
	check(other >= 0, "another user opens one");
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	close(other);
	check(comes_to(ONE, "files", 0), "and all are given back");
	limit("files", 4096);
}

static void ports(void)
{
	int one = open_as(ONE), two = open_as(ONE), other = open_as(OTHER), i, rc = 0;
	long before = counter("user_ports");

	limit("ports", 32);
	for (i = 0; i < 40 && rc == 0; i++)
		rc = declare(i % 2 ? one : two, 100 + i);
	check_errno("ports of two files of a user", rc, EDQUOT);
	check_num("there are 32", i - 1, 32);
	check_num("which is counted", counter("user_ports") - before, 1);
	check_errno("another user has its own", declare(other, 300), 0);
	close(two);
	check(comes_to(ONE, "ports", 16), "a closed file gives them back");
	check_errno("and there is room", declare(one, 200), 0);
	close(one);
	close(other);
	limit("ports", 16384);
}

/* answer all there are, until nobody asks for @ms */
static unsigned int answer_all(int server, unsigned int ms)
{
	struct amoeba_getreq g;
	unsigned int n = 0;

	for (;;) {
		g = (struct amoeba_getreq){ .flags = AMOEBA_GETREQ_LISTENED, .timeout_ms = ms };
		if (ioctl(server, AMOEBA_GETREQ, &g))
			return n;
		answer(server, g.handle, 0);
		n++;
	}
}

static void calls(void)
{
	int server = rpc_open(), one = open_as(ONE), two = open_as(ONE), other = open_as(OTHER);
	struct bg_call c[17], o;
	struct amoeba_getreq g;
	long before = counter("user_calls");

	limit("calls", 16);
	declare(server, 1);
	for (int i = 0; i < 16; i++) {
		bg_init(&c[i], i % 2 ? one : two, 1, i);
		bg_start(&c[i]);
	}
	check(comes_to(ONE, "calls", 16), "sixteen calls");
	bg_init(&c[16], one, 1, 1);
	bg_start(&c[16]);
	check_num("not another", bg_verdict(&c[16]), 1000 + EDQUOT);
	check_num("which is counted", counter("user_calls") - before, 1);
	bg_init(&o, other, 1, 99);
	bg_start(&o);
	check(comes_to(OTHER, "calls", 1), "another user calls");
	answer_all(server, 300);
	check_num("and is answered", bg_verdict(&o), 0);
	for (int i = 0; i < 16; i++)
		bg_join(&c[i]);
	check_num("no call is left", used(ONE, "calls"), 0);
	bg_init(&c[16], one, 1, 1);
	bg_start(&c[16]);
	check(take(server, &g), "then it calls again");
	answer(server, g.handle, 0);
	check_num("and is answered", bg_verdict(&c[16]), 0);
	limit("calls", 65536);
	close(server);
	close(one);
	close(two);
	close(other);
}

/* a crowd of one user, far longer than its share of the queue: another's call is behind that, not behind all */
static void queued(void)
{
	int server = rpc_open(), one = open_as(ONE), other = open_as(OTHER);
	static struct bg_call c[100];
	struct amoeba_getreq g;
	struct bg_call o;
	long before = counter("drop_user");
	unsigned int n = 0;

	limit("queued", 4);
	declare(server, 2);
	for (int i = 0; i < 100; i++) {
		bg_init(&c[i], one, 2, 1);
		c[i].t.locate_ms = 20000;
		bg_start(&c[i]);
	}
	check(comes_to(ONE, "queued", 4), "four of a hundred wait in the queue");
	check(comes_to(ONE, "calls", 100), "the others outside");
	check(counter("drop_user") > before, "which is counted");
	bg_init(&o, other, 2, 2);
	bg_start(&o);
	check(comes_to(OTHER, "queued", 1), "another user's has a place at once");
	while (take(server, &g)) {
		answer(server, g.handle, 0);
		n++;
		if (g.hdr.command == 2)
			break;
	}
	check_num("and its turn after those that were there", n, 5);
	check_num("and is answered", bg_verdict(&o), 0);
	n += answer_all(server, 300);
	check_num("all are", n, 101);
	for (int i = 0, bad = 0; i < 100; i++) {
		bad += bg_verdict(&c[i]) != 0;
		if (i == 99)
			check_num("none has failed", bad, 0);
	}
	limit("queued", 2048);
	close(server);
	close(one);
	close(other);
}

static void bytes(void)
{
	static uint8_t data[12000];
	int server = rpc_open(), one = open_as(ONE), other = open_as(OTHER);
	static struct bg_call c[100];
	struct bg_call o;
	unsigned int refused = 0, good = 0;
	long before = counter("user_bytes");

	limit("bytes", 1 << 20);
	declare(server, 3);
	for (int i = 0; i < 100; i++) {
		bg_init(&c[i], one, 3, 1);
		c[i].t.send.addr = (uintptr_t)data;
		c[i].t.send.len = sizeof(data);
		bg_start(&c[i]);
	}
	for (int i = 0; i < 100 && counter("user_bytes") == before; i++)
		msleep(10);
	check(counter("user_bytes") > before, "a megabyte in the kernel, and no more");
	check(used(ONE, "bytes") <= 1 << 20, "which is shown");
	bg_init(&o, other, 3, 1);
	o.t.send.addr = (uintptr_t)data;
	o.t.send.len = sizeof(data);
	bg_start(&o);
	check(comes_to(OTHER, "bytes", sizeof(data)), "another user's is taken");
	answer_all(server, 300);
	check_num("and answered", bg_verdict(&o), 0);
	for (int i = 0; i < 100; i++) {
		int v = bg_verdict(&c[i]);

		good += v == 0;
		refused += v == 1000 + EDQUOT;
	}
	check_num("each is answered or refused", good + refused, 100);
	check(good >= 80 && good <= 87, "as many as fit");
	check_num("nothing is left", used(ONE, "bytes"), 0);
	limit("bytes", 64 << 20);
	close(server);
	close(one);
	close(other);
}

int main(void)
{
	rpc_name = "dev_users";
	if (chmod("/dev/amoeba", 0666))
		DIE("/dev/amoeba: %s", strerror(errno));
	files();
	ports();
	calls();
	queued();
	bytes();
	check(comes_to(ONE, "files", 0) && comes_to(OTHER, "files", 0), "nobody has anything any more");
	chmod("/dev/amoeba", 0660);
	return dev_done();
}
