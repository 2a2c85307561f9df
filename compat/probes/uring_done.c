// SPDX-License-Identifier: GPL-2.0-only
/* 6.18: io_uring_cmd_done() without a second result */

#include <linux/io_uring/cmd.h>

void probe(struct io_uring_cmd *cmd, unsigned int flags)
{
	io_uring_cmd_done(cmd, 0, flags);
}
