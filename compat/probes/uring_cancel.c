// SPDX-License-Identifier: GPL-2.0-only
/* 6.7: commands of io_uring that are under way can be cancelled; and there is io_uring */

#include <linux/io_uring/cmd.h>

#ifndef CONFIG_IO_URING
#error
#endif

void probe(struct io_uring_cmd *cmd, unsigned int flags)
{
	if (!(flags & IO_URING_F_CANCEL))
		io_uring_cmd_mark_cancelable(cmd, flags);
}
