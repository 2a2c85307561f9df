// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flip_badinput - every wrong call on an AF_FLIP socket, and the errno it must get
 *
 * Prints one line per failure; exits with their number. Run as root in a namespace with flip.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/flip.h>

static int family, bad, total;

static void expect(const char *what, long got, int want)
{
	int e = got < 0 ? errno : 0;

	total++;
	if (e == want)
		return;
	bad++;
	printf("%s: %s", what, strerror(e));
	printf(", expected %s\n", want ? strerror(want) : "success");
}

static int make(void)
{
	int fd = socket(family, SOCK_DGRAM, FLIPPROTO_RAW);

	if (fd < 0) {
		perror("socket");
		exit(99);
	}
	return fd;
}

static struct sockaddr_flip name_of(unsigned char first)
{
	struct sockaddr_flip a = { .sflip_family = family };

	a.sflip_addr[0] = first;
	a.sflip_addr[1] = first ? 0x42 : 0;
	return a;
}

static void sockets(void)
{
	expect("SOCK_STREAM", socket(family, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
	expect("SOCK_RAW", socket(family, SOCK_RAW, 0), ESOCKTNOSUPPORT);
	expect("protocol 7", socket(family, SOCK_DGRAM, 7), EPROTONOSUPPORT);
	expect("protocol -1", socket(family, SOCK_DGRAM, -1), EINVAL);
	expect("protocol 256", socket(family, SOCK_DGRAM, 256), EINVAL);
	expect("protocol INT_MAX", socket(family, SOCK_DGRAM, 0x7fffffff), EINVAL);
	expect("socketpair", socketpair(family, SOCK_DGRAM, 0, (int[2]){}), EOPNOTSUPP);
}

static void names(void)
{
	struct sockaddr_flip a = name_of(1), b;
	struct sockaddr_storage big = {};
	socklen_t len;
	int fd = make();

	expect("bind short", bind(fd, (void *)&a, sizeof(a) - 1), EINVAL);
	expect("bind length 0", bind(fd, (void *)&a, 0), EINVAL);
	expect("bind length -1", bind(fd, (void *)&a, -1), EINVAL);
	expect("bind NULL", bind(fd, NULL, sizeof(a)), EFAULT);
	a.sflip_family = AF_INET;
	expect("bind AF_INET", bind(fd, (void *)&a, sizeof(a)), EAFNOSUPPORT);
	a = name_of(1);
	a.sflip_flags = 1;
	expect("bind flags", bind(fd, (void *)&a, sizeof(a)), EINVAL);
	a = name_of(1);
	a.sflip_network = 1;
	expect("bind network", bind(fd, (void *)&a, sizeof(a)), EINVAL);
	a = name_of(1);
	a.sflip_zero[15] = 1;
	expect("bind zero bytes", bind(fd, (void *)&a, sizeof(a)), EINVAL);
	len = sizeof(b);
	expect("getsockname unbound", getsockname(fd, (void *)&b, &len), 0);
	if (b.sflip_addr[0] || len != sizeof(b))
		bad++;
	a = name_of(1);
	memcpy(&big, &a, sizeof(a));
	expect("bind, long name", bind(fd, (void *)&big, sizeof(big)), 0);
	expect("bind twice", bind(fd, (void *)&a, sizeof(a)), EINVAL);
	expect("getpeername", getpeername(fd, (void *)&b, &len), ENOTCONN);
	expect("connect", connect(fd, (void *)&a, sizeof(a)), EOPNOTSUPP);
	expect("listen", listen(fd, 1), EOPNOTSUPP);
	expect("accept", accept(fd, NULL, NULL), EOPNOTSUPP);
	expect("shutdown", shutdown(fd, SHUT_RDWR), EOPNOTSUPP);
	expect("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0,
	       ENODEV);
	len = sizeof(b);
	expect("getsockname NULL", getsockname(fd, NULL, &len), EFAULT);
	close(fd);
}

static void options(void)
{
	static const struct {
		const char	*name;
		int		option, value, want;
	} o[] = {
		{ "hops 0", FLIP_HOPS, 0, EINVAL }, { "hops 26", FLIP_HOPS, 26, EINVAL },
		{ "hops 25", FLIP_HOPS, 25, 0 }, { "ltime -1", FLIP_LTIME, -1, EINVAL },
		{ "ltime 0", FLIP_LTIME, 0, 0 }, { "ltime day", FLIP_LTIME, 86400000, 0 },
		{ "ltime more", FLIP_LTIME, 86400001, EINVAL },
		{ "flags 2", FLIP_SENDFLAGS, 2, EINVAL }, { "flags 13", FLIP_SENDFLAGS, 13, 0 },
		{ "flags -1", FLIP_SENDFLAGS, -1, EINVAL },
		{ "members -1", FLIP_MEMBERS, -1, EINVAL },
		{ "members 65536", FLIP_MEMBERS, 65536, EINVAL },
		{ "recvinfo 2", FLIP_RECVINFO, 2, EINVAL }, { "recvinfo 1", FLIP_RECVINFO, 1, 0 },
		{ "broadcast 2", FLIP_BROADCAST, 2, EINVAL },
		{ "broadcast 1", FLIP_BROADCAST, 1, 0 }, { "broadcast 1 again", FLIP_BROADCAST, 1, 0 },
		{ "broadcast 0", FLIP_BROADCAST, 0, 0 },
		{ "recverr", FLIP_RECVERR, 1, ENOPROTOOPT }, { "option 99", 99, 1, ENOPROTOOPT },
	};
	int fd = make(), v = 1;
	struct sockaddr_flip a = name_of(0);
	socklen_t len = sizeof(v);
	size_t i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < sizeof(o) / sizeof(*o); i++)
			expect(o[i].name, setsockopt(fd, SOL_FLIP, o[i].option, &o[i].value,
						     sizeof(int)), o[i].want);
		expect("bind", bind(fd, (void *)&a, sizeof(a)), round ? EINVAL : 0);
	}
	expect("level 1045", setsockopt(fd, SOL_FLIP - 1, FLIP_HOPS, &v, sizeof(v)), ENOPROTOOPT);
	expect("short", setsockopt(fd, SOL_FLIP, FLIP_HOPS, &v, 2), EINVAL);
	expect("long", setsockopt(fd, SOL_FLIP, FLIP_HOPS, &v, 8), EINVAL);
	expect("NULL", setsockopt(fd, SOL_FLIP, FLIP_HOPS, NULL, sizeof(v)), EFAULT);
	expect("get", getsockopt(fd, SOL_FLIP, FLIP_HOPS, &v, &len), 0);
	if (v != 25 || len != sizeof(v)) {
		printf("getsockopt: %d\n", v);
		bad++;
	}
	expect("get 99", getsockopt(fd, SOL_FLIP, 99, &v, &len), ENOPROTOOPT);
	expect("get NULL", getsockopt(fd, SOL_FLIP, FLIP_HOPS, NULL, &len), EFAULT);
	expect("get NULL length", getsockopt(fd, SOL_FLIP, FLIP_HOPS, &v, NULL), EFAULT);
	len = -1;
	expect("get length -1", getsockopt(fd, SOL_FLIP, FLIP_HOPS, &v, &len), EINVAL);
	close(fd);
}

/* one sendmsg with a control message of @size bytes whose header says @len */
static long with_cmsg(int fd, int type, int value, size_t len, size_t size)
{
	union {
		struct cmsghdr	h;
		char		room[256];
	} c = {};
	struct sockaddr_flip a = name_of(3);
	struct iovec iov = { "x", 1 };
	struct msghdr m = {
		.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &c, .msg_controllen = size,
	};

	c.h.cmsg_level = SOL_FLIP;
	c.h.cmsg_type = type;
	c.h.cmsg_len = len;
	memcpy(CMSG_DATA(&c.h), &value, sizeof(value));
	return sendmsg(fd, &m, 0);
}

static void sending(void)
{
	struct sockaddr_flip a = name_of(2), mine;
	struct timeval tv = { .tv_usec = 300000 };
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char buf[100000];
	struct iovec iov[2] = { { buf, 10 }, { NULL, 10 } };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = iov,
			    .msg_iovlen = 2 };
	socklen_t len = sizeof(mine);
	int fd = make(), v = 0;
	char *huge;

	munmap(page + 4096, 4096);
	expect("send without a name", send(fd, "x", 1, 0), EDESTADDRREQ);
	expect("sendto short name", sendto(fd, "x", 1, 0, (void *)&a, 31), EINVAL);
	a.sflip_network = 1;
	expect("sendto network", sendto(fd, "x", 1, 0, (void *)&a, sizeof(a)), EINVAL);
	a = name_of(2);
	a.sflip_family = AF_UNIX;
	expect("sendto AF_UNIX", sendto(fd, "x", 1, 0, (void *)&a, sizeof(a)), EAFNOSUPPORT);
	a = name_of(2);
	expect("MSG_OOB", sendto(fd, "x", 1, MSG_OOB, (void *)&a, sizeof(a)), EOPNOTSUPP);
	expect("MSG_MORE", sendto(fd, "x", 1, MSG_MORE, (void *)&a, sizeof(a)), EOPNOTSUPP);
	expect("MSG_EOR", sendto(fd, "x", 1, MSG_EOR, (void *)&a, sizeof(a)), EOPNOTSUPP);
	expect("bad data", sendto(fd, (void *)8, 10, 0, (void *)&a, sizeof(a)), EFAULT);
	expect("data ends in a hole", sendto(fd, page + 4090, 100, 0, (void *)&a, sizeof(a)),
	       EFAULT);
	expect("bad iovec", sendmsg(fd, &m, 0), EFAULT);

	setsockopt(fd, SOL_FLIP, FLIP_LTIME, &v, sizeof(v));
	expect("unknown, not looking", sendto(fd, "x", 1, 0, (void *)&a, sizeof(a)), EHOSTUNREACH);
	expect("large, unknown, not looking", sendto(fd, buf, sizeof(buf), 0, (void *)&a,
						      sizeof(a)), EHOSTUNREACH);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 20000 }, sizeof(int));
	expect("more than the send buffer, not blocking", sendto(fd, buf, sizeof(buf), MSG_DONTWAIT,
								 (void *)&a, sizeof(a)), EMSGSIZE);
	expect("bad data, not blocking", sendto(fd, (void *)8, 2000, MSG_DONTWAIT, (void *)&a,
						sizeof(a)), EFAULT);
	v = 60000;
	setsockopt(fd, SOL_FLIP, FLIP_LTIME, &v, sizeof(v));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	expect("large, unknown, SO_SNDTIMEO", sendto(fd, buf, sizeof(buf), 0, (void *)&a,
						     sizeof(a)), EAGAIN);
	huge = mmap(NULL, (1UL << 30) + 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
		    MAP_NORESERVE, -1, 0);
	expect("more than 1 GiB", sendto(fd, huge, (1UL << 30) + 1, 0, (void *)&a, sizeof(a)),
	       EMSGSIZE);
	munmap(huge, (1UL << 30) + 4096);

	/* to ourselves, ending in a hole: some packets, then EFAULT, and nothing is received */
	getsockname(fd, (void *)&mine, &len);
	expect("large, ends in a hole", sendto(fd, page + 1000, 4000, 0, (void *)&mine,
					       sizeof(mine)), EFAULT);
	expect("nothing came of it", recv(fd, buf, 10, MSG_DONTWAIT), EAGAIN);

	v = 25;
	expect("cmsg", with_cmsg(fd, FLIP_HOPS, 25, CMSG_LEN(4), CMSG_SPACE(4)), 0);
	expect("cmsg bad value", with_cmsg(fd, FLIP_HOPS, 0, CMSG_LEN(4), CMSG_SPACE(4)), EINVAL);
	expect("cmsg bad type", with_cmsg(fd, 77, 0, CMSG_LEN(4), CMSG_SPACE(4)), EINVAL);
	expect("cmsg recvinfo", with_cmsg(fd, FLIP_RECVINFO, 1, CMSG_LEN(4), CMSG_SPACE(4)),
	       EINVAL);
	expect("cmsg short", with_cmsg(fd, FLIP_HOPS, 1, CMSG_LEN(2), CMSG_SPACE(4)), EINVAL);
	expect("cmsg long", with_cmsg(fd, FLIP_HOPS, 1, CMSG_LEN(12), CMSG_SPACE(12)), EINVAL);
	expect("cmsg beyond", with_cmsg(fd, FLIP_HOPS, 1, 200, CMSG_SPACE(4)), EINVAL);
	expect("cmsg length 0", with_cmsg(fd, FLIP_HOPS, 1, 0, CMSG_SPACE(4)), EINVAL);
	close(fd);
	munmap(page, 4096);
}

static void receiving(void)
{
	struct sockaddr_flip mine, from;
	char buf[64], control[8];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	socklen_t len = sizeof(mine);
	int fd = make(), one = 1;
	struct timeval tv = { .tv_usec = 100000 };

	expect("unbound, not blocking", recv(fd, buf, 10, MSG_DONTWAIT), EAGAIN);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	expect("SO_RCVTIMEO", recv(fd, buf, 10, 0), EAGAIN);
	expect("MSG_OOB", recv(fd, buf, 10, MSG_OOB), EOPNOTSUPP);
	expect("no error waiting", recv(fd, buf, 10, MSG_ERRQUEUE), EAGAIN);
	mine = name_of(0);
	expect("bind", bind(fd, (void *)&mine, sizeof(mine)), 0);
	getsockname(fd, (void *)&mine, &len);
	setsockopt(fd, SOL_FLIP, FLIP_RECVINFO, &one, sizeof(one));
	expect("to myself", sendto(fd, "0123456789", 10, 0, (void *)&mine, sizeof(mine)), 0);
	expect("peek", recv(fd, buf, 4, MSG_PEEK), 0);
	if (recv(fd, buf, 4, MSG_PEEK | MSG_TRUNC) != 10) {
		printf("MSG_TRUNC does not tell the length\n");
		bad++;
	}
	len = 4;
	expect("short name", recvfrom(fd, buf, 10, MSG_PEEK, (void *)&from, &len), 0);
	if (len != sizeof(from)) {
		printf("the full length of the name is %u\n", len);
		bad++;
	}
	expect("no room for the cmsg", recvmsg(fd, &m, MSG_PEEK), 0);
	if (!(m.msg_flags & MSG_CTRUNC)) {
		printf("MSG_CTRUNC is missing\n");
		bad++;
	}
	expect("bad buffer", recv(fd, (void *)8, 10, MSG_PEEK), EFAULT);
	expect("cut", recv(fd, buf, 4, 0), 0);
	expect("the rest is gone", recv(fd, buf, 10, MSG_DONTWAIT), EAGAIN);
	close(fd);
}

/* who may: CAP_NET_RAW, or a group of net.flip.raw_group_range */
static int unprivileged(int gid)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		gid_t groups[1] = { gid };

		if (setgroups(gid > 0, groups) || setgid(65534) || setuid(65534))
			_exit(98);
		_exit(socket(family, SOCK_DGRAM, 0) < 0 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

static void set_range(const char *text)
{
	int fd = open("/proc/sys/net/flip/raw_group_range", O_WRONLY);

	expect("raw_group_range", write(fd, text, strlen(text)), 0);
	close(fd);
}

static void permission(void)
{
	expect("nobody", unprivileged(0), EPERM);
	set_range("100 200");
	expect("gid 150", unprivileged(150), 0);
	expect("gid 99", unprivileged(99), EPERM);
	expect("gid 201", unprivileged(201), EPERM);
	set_range("1 0");
	expect("gid 150, empty range", unprivileged(150), EPERM);
}

int main(void)
{
	FILE *f = fopen("/sys/module/flip/parameters/family", "r");

	if (!f || fscanf(f, "%d", &family) != 1)
		return 99;
	sockets();
	names();
	options();
	sending();
	receiving();
	permission();
	printf("%d of %d calls got the wrong answer\n", bad, total);
	return bad > 98 ? 98 : bad;
}
