// SPDX-License-Identifier: GPL-2.0-only
/* 6.2: ITER_SOURCE and ITER_DEST instead of WRITE and READ */

#include <linux/uio.h>

int probe[] = { ITER_SOURCE, ITER_DEST };
