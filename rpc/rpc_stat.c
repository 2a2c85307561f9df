// SPDX-License-Identifier: GPL-2.0-only
/* Names of the counters. */
#include "rpc_stat.h"

const struct amrpc_stat_desc amrpc_stat_descs[AMRPC_NR_STATS] = {
#define AMRPC_STAT_DESC(id, n, h)	[AMRPC_STAT_##id] = { .name = n, .help = h },
	AMRPC_STATS(AMRPC_STAT_DESC)
#undef AMRPC_STAT_DESC
};
