// SPDX-License-Identifier: GPL-2.0-or-later
/* one byte there and back through two pipes */
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

static void prepare(struct bench *b)
{
	if (pipe(b->fd) || pipe(b->fd + 2))
		die("pipe");
}

static void serve(struct bench *b)
{
	char c;

	while (read(b->fd[0], &c, 1) == 1)
		if (write(b->fd[3], &c, 1) != 1)
			die("write");
}

static void call(struct bench *b)
{
	char c = 1;

	if (write(b->fd[1], &c, 1) != 1 || read(b->fd[2], &c, 1) != 1)
		die("pipe");
}

struct bench pipe_benches[] = {
	{ .name = "pipe_pingpong", .prepare = prepare, .serve = serve, .call = call },
	{ .name = NULL }
};
