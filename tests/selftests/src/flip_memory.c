// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flip_memory: sockets that keep what they got.
 *
 *   flip_memory fill SOCKETS RCVBUF SIZE COUNT	so many sockets, each sent COUNT messages of SIZE
 *						bytes, and nobody reads
 *   flip_memory hold RCVBUF			one, which prints its address
 *   flip_memory storm THREADS SECONDS		many send to one that reads in THREADS threads, closed
 *						and made anew now and then, for so long and until
 *						some of it was read
 *
 * "holding" says that all has been sent. A line of standard input makes "hold" read one message and
 * print its length, or "none"; its end ends the program.
 */
#include "flip_sock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

static atomic_int target = -1;
static struct sockaddr_flip target_addr;
static pthread_rwlock_t target_lock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_bool over;
static atomic_long got, sent;

static int make(int rcvbuf, struct sockaddr_flip *me)
{
	int fd = flip_socket(0);

	if (rcvbuf)
		flip_buffer(fd, SO_RCVBUFFORCE, rcvbuf, "SO_RCVBUFFORCE");
	*me = flip_address(fd);
	return fd;
}

static void fill(int sockets, int rcvbuf, size_t size, int count)
{
	struct sockaddr_flip me, to;
	uint8_t *data = calloc(1, size);
	int from = make(0, &me);

	if (!data)
		die("memory");
	for (int i = 0; i < sockets; i++) {
		make(rcvbuf, &to);
		for (int n = 0; n < count; n++)
			if (sendto(from, data, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
				die("send");
	}
	puts("holding");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

static void hold(int rcvbuf)
{
	static uint8_t byte;
	struct sockaddr_flip me;
	int fd = make(rcvbuf, &me), c;

	flip_print(&me);
	puts("holding");
	fflush(stdout);
	while ((c = getchar()) != EOF) {
		ssize_t n;

		if (c != '\n')
			continue;
		n = recv(fd, &byte, 1, MSG_TRUNC | MSG_DONTWAIT);
		if (n < 0)
			puts("none");
		else
			printf("%zd\n", n);
		fflush(stdout);
	}
}

static void *reader(void *arg)
{
	static _Thread_local uint8_t data[65536];

	(void)arg;
	while (!over)
		if (recv(target, data, sizeof(data), MSG_DONTWAIT) >= 0)
			got++;
	return NULL;
}

static void *sender(void *arg)
{
	static const size_t sizes[] = { 1, 100, 1458, 5000, 30000, 300000 };
	unsigned int n = (unsigned int)(uintptr_t)arg;
	static uint8_t data[300000];
	struct sockaddr_flip me;
	int fd = make(0, &me);

	while (!over) {
		pthread_rwlock_rdlock(&target_lock);
		me = target_addr;
		pthread_rwlock_unlock(&target_lock);
		if (sendto(fd, data, sizes[n++ % 6], 0, (struct sockaddr *)&me, sizeof(me)) >= 0)
			sent++;
	}
	return NULL;
}

static void storm(int threads, int seconds)
{
	pthread_t *t = calloc(2 * (size_t)threads, sizeof(*t));
	struct sockaddr_flip addr;
	time_t end = time(NULL) + seconds;

	if (!t)
		die("memory");
	target = make(100000, &target_addr);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&t[2 * i], NULL, sender, (void *)(uintptr_t)i) ||
		    pthread_create(&t[2 * i + 1], NULL, reader, NULL))
			die("thread");
	/* a processor that others use too may be given to readers only for a while */
	while (time(NULL) < end || (got < 10 && time(NULL) < end + 60)) {
		int fd;

		usleep(300000);
		fd = make(100000, &addr);
		pthread_rwlock_wrlock(&target_lock);
		target_addr = addr;
		pthread_rwlock_unlock(&target_lock);
		/* the descriptor is the same, the socket behind it another: the old one is released */
		if (dup2(fd, target) < 0 || close(fd))
			die("dup2");
	}
	over = true;
	for (int i = 0; i < 2 * threads; i++)
		pthread_join(t[i], NULL);
	printf("sent %ld, read %ld\n", sent, got);
	if (got < 10)
		exit(1);
}

int main(int argc, char **argv)
{
	flip_family();
	if (argc == 6 && !strcmp(argv[1], "fill"))
		fill(atoi(argv[2]), atoi(argv[3]), (size_t)atol(argv[4]), atoi(argv[5]));
	else if (argc == 3 && !strcmp(argv[1], "hold"))
		hold(atoi(argv[2]));
	else if (argc == 4 && !strcmp(argv[1], "storm"))
		storm(atoi(argv[2]), atoi(argv[3]));
	else
		fprintf(stderr, "usage: see the head of flip_memory.c\n");
	return 0;
}
