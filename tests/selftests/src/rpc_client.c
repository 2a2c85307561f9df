// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rpc_client: transactions by hand.
 *
 *   rpc_client port=HEX [sig= check= object= rights= site= command= extra= offset= size=]
 *              [data=FILE] [room=BYTES] [out=FILE] [count=N] [gap_ms=MS]
 *              [locate_ms=MS] [timeout_ms=MS] [flags=N] [usr1=1] [while=FILE]
 *
 * Makes @count calls, each beginning @gap_ms after the one before began or when that has ended,
 * whichever is later. One line each: "call N verdict V ms T rep_len L out_flags F" and the reply
 * header; RPC_SOCKET=1 in the environment: through a socket instead of the device. out=FILE keeps the data of the last reply. Status 0 however the calls end, 1 when an
 * ioctl gives an errno ("call N errno E"). usr1=1: handles SIGUSR1 and prints "signal" when it does.
 * while=FILE: @count calls again and again as long as the file is there.
 */
#include "rpc_tool.h"

#include <amoeba.h>
#include <signal.h>
#include <sys/socket.h>

static void on_signal(int sig)
{
	static const char text[] = "signal\n";

	(void)sig;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(3);
}

static int open_socket(void)
{
	int fd = am_socket(SOCK_CLOEXEC);

	if (fd < 0)
		DIE("a socket: %s", strerror(-fd));
	return fd;
}

/* AMOEBA_TRANS by an asynchronous call */
static int socket_trans(int fd, struct amoeba_trans *t)
{
	struct amoeba_msg m = { .hdr = t->req, .flags = t->flags, .handle = 1 };
	int64_t n;

	m.locate_ms = t->locate_ms;
	m.timeout_ms = t->timeout_ms;
	m.room = t->recv.len ? t->recv.len : 1;
	n = am_socket_send(fd, &m, (void *)(uintptr_t)t->send.addr, t->send.len, 0);
	if (n >= 0)
		n = am_socket_recv(fd, &m, (void *)(uintptr_t)t->recv.addr, t->recv.len, 0);
	if (n < 0 || m.error) {
		errno = n < 0 ? (int)-n : m.error;
		return -1;
	}
	t->rep = m.hdr;
	t->verdict = m.verdict;
	t->rep_len = m.len;
	t->out_flags = m.out_flags;
	return 0;
}

int main(int argc, char **argv)
{
	bool through_socket = getenv("RPC_SOCKET");
	struct amoeba_trans t, proto = { 0 };
	const char *v, *out = NULL, *go = NULL;
	size_t len = 0, room = 0;
	uint8_t *data = NULL, *reply;
	double gap = 0, start, next = 0;
	unsigned int count = 1, n = 0, end;
	int fd, status = 0;

	rpc_name = "rpc_client";
	for (int i = 1; i < argc; i++) {
		if (rpc_hdr_arg(&proto.req, argv[i]))
			continue;
		if ((v = rpc_arg(argv[i], "data")))
			data = rpc_load(v, &len);
		else if ((v = rpc_arg(argv[i], "room")))
			room = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "out")))
			out = v;
		else if ((v = rpc_arg(argv[i], "count")))
			count = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "gap_ms")))
			gap = strtod(v, NULL);
		else if ((v = rpc_arg(argv[i], "locate_ms")))
			proto.locate_ms = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "timeout_ms")))
			proto.timeout_ms = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "usr1")))
			signal(SIGUSR1, on_signal);
		else if ((v = rpc_arg(argv[i], "while")))
			go = v;
		else if ((v = rpc_arg(argv[i], "flags")))
			proto.flags = strtoul(v, NULL, 0);
		else
			DIE("%s: no such argument; see the head of rpc_client.c", argv[i]);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	reply = calloc(1, room + 1);
	if (!reply)
		DIE("room=%zu: out of memory", room);
	fd = through_socket ? open_socket() : rpc_open();
	proto.send.addr = (uintptr_t)data;
	proto.send.len = len;
	proto.recv.addr = (uintptr_t)reply;
	proto.recv.len = room;

	end = count;
again:
	for (; n < end; n++) {
		rpc_sleep_ms(next - rpc_ms());
		start = rpc_ms();
		next = start + gap;
		t = proto;
		if ((through_socket ? socket_trans(fd, &t) : ioctl(fd, AMOEBA_TRANS, &t)) < 0) {
			printf("call %u errno %d ms %.3f\n", n, errno, rpc_ms() - start);
			status = 1;
			continue;
		}
		printf("call %u verdict %d ms %.3f rep_len %llu out_flags %u ", n, t.verdict,
		       rpc_ms() - start, (unsigned long long)t.rep_len, t.out_flags);
		rpc_print_hdr(&t.rep);
		putchar('\n');
		if (out && t.verdict == AMOEBA_RPC_OK)
			rpc_save(out, reply, t.rep_len < room ? t.rep_len : room);
	}
	end += count;
	if (go && !access(go, F_OK))
		goto again;
	return status;
}
