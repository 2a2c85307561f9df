// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flip_filter: SO_ATTACH_FILTER and SO_ATTACH_BPF on a FLIP socket: what a filter refuses does not
 * come, what it cuts comes cut, of messages of one packet, of several, and of one larger than the
 * receive buffer. One line for each check; status 1 when one failed.
 */
#include "flip_sock.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LARGE	1000000

static int failed, in, out;
static struct sockaddr_flip to;
static uint8_t data[LARGE], back[LARGE];
static const size_t sizes[] = { 100, 10000, LARGE };

/* a message of @len bytes beginning with @first: what comes of it within @ms, -1: nothing */
static ssize_t pass(size_t len, uint8_t first, int ms)
{
	struct pollfd p = { .fd = in, .events = POLLIN };

	data[0] = first;
	if (sendto(out, data, len, 0, (struct sockaddr *)&to, sizeof(to)) != (ssize_t)len)
		die("send");
	if (poll(&p, 1, ms) <= 0)
		return -1;
	return recv(in, back, sizeof(back), 0);
}

static void expect(const char *what, size_t len, uint8_t first, ssize_t want)
{
	ssize_t n = pass(len, first, want < 0 ? 300 : 20000);
	bool ok = n == want && (n < 0 || !memcmp(data, back, (size_t)n));

	printf("%s %s, %zu bytes: %zd\n", ok ? "ok" : "not ok", what, len, n);
	failed |= !ok;
}

static int bpf_returning(int v)
{
	struct bpf_insn prog[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = v },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)prog;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t)"GPL";
	fd = (int)syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		die("BPF_PROG_LOAD");
	return fd;
}

static void attach(int prog)
{
	if (setsockopt(in, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)))
		die("SO_ATTACH_BPF");
	close(prog);
}

int main(void)
{
	struct sock_filter only_a[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog classic = { .len = 4, .filter = only_a };

	flip_family();
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8));
	in = flip_socket(0);
	flip_buffer(in, SO_RCVBUF, 65536, "SO_RCVBUF");
	out = flip_socket(0);
	to = flip_address(in);

	for (int i = 0; i < 3; i++) {
		size_t n = sizes[i];

		expect("no filter", n, 'b', (ssize_t)n);
		if (setsockopt(in, SOL_SOCKET, SO_ATTACH_FILTER, &classic, sizeof(classic)))
			die("SO_ATTACH_FILTER");
		expect("passed by its first byte", n, 'a', (ssize_t)n);
		expect("refused by its first byte", n, 'b', -1);
		attach(bpf_returning(0));
		expect("refused", n, 'a', -1);
		attach(bpf_returning(7));
		expect("cut", n, 'a', 7);
		attach(bpf_returning(5000));
		expect("cut in the middle", n, 'a', n < 5000 ? (ssize_t)n : 5000);
		if (setsockopt(in, SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, sizeof(int)))
			die("SO_DETACH_FILTER");
		expect("no filter again", n, 'b', (ssize_t)n);
	}
	return failed;
}
