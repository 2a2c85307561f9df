// SPDX-License-Identifier: GPL-2.0-only
/* Names of the counters, and their sums. */
#include "rpc.h"

const struct amrpc_stat_desc amrpc_stat_descs[AMRPC_NR_STATS] = {
#define AMRPC_STAT_DESC(id, n, h)	[AMRPC_STAT_##id] = { .name = n, .help = h },
	AMRPC_STATS(AMRPC_STAT_DESC)
#undef AMRPC_STAT_DESC
};

u64 amrpc_stat_sum(const struct amrpc_net *an, enum amrpc_stat which)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(an->stats, cpu)->v[which]);
	return sum;
}
