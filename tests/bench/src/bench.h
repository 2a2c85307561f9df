/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ambench: round trips of one kind, many times over, and what each costs.
 *
 * A benchmark is a pair: serve() answers for ever in a process of its own, call() makes one round
 * trip. prepare() runs before the two part (socket pairs), connect() in the client afterwards.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIB (1U << 20)
#define GIB (1U << 30)

enum where { LOCAL, VETH, GUESTS };

struct bench {
	const char *name;
	enum where where;	/* one namespace, two joined by a veth, two machines */
	bool mib;		/* each trip carries 1 MiB one way: the result is MB/s */
	bool gib;		/* 1 GiB instead */
	int at_once;		/* that many threads at once; call() waits for about as many trips */
	unsigned long (*trips)(void);	/* how many there were until now */
	int bytes;		/* there and back, of those that can do more than one; 0: 1 */
	void (*prepare)(struct bench *b);
	void (*serve)(struct bench *b);
	void (*connect)(struct bench *b);
	void (*call)(struct bench *b);
	void (*finish)(struct bench *b);	/* the server goes now */
	int fd[4];
	const char *address;	/* IPv4 address of the server */
	int kind;		/* of the file the benchmark is in */
};

extern struct bench pipe_benches[], unix_benches[], inet_benches[], amoeba_benches[],
	flip_benches[], tipc_benches[];

extern unsigned char bench_buf[MIB];

/* prints the cause with errno and ends the process */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void send_all(int fd, const void *p, size_t n);
void recv_all(int fd, void *p, size_t n);
void nodelay(int fd);
/* connects again until the server is there, at most 20 s */
void connect_retry(int fd, const void *addr, unsigned int len);

#endif /* BENCH_H */
