// SPDX-License-Identifier: GPL-2.0-only
/* Counters, and the one place packets are dropped. */
#include <kunit/visibility.h>
#include "flip_int.h"
#include <trace/events/flip.h>

const char * const flip_stat_names[__FLIP_STAT_MAX] = {
#define S(sym, name) [FLIP_STAT_##sym] = name,
	FLIP_STAT_COUNTERS(S)
#undef S
#define D(sym, name) [FLIP_DROP_##sym] = "drop_" name,
	FLIP_DROP_REASONS(D)
#undef D
};
EXPORT_SYMBOL_IF_KUNIT(flip_stat_names);

u64 flip_stat_sum(const struct flip_ns *ns, enum flip_stat which)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(ns->stats, cpu)->c[which]);
	return sum;
}
EXPORT_SYMBOL_IF_KUNIT(flip_stat_sum);

bool flip_counter(struct net *net, unsigned int i, const char **name, u64 *value)
{
	if (i >= __FLIP_STAT_MAX)
		return false;
	*name = flip_stat_names[i];
	*value = flip_stat_sum(flip_ns(net), i);
	return true;
}
EXPORT_SYMBOL_GPL(flip_counter);

void flip_drop(struct flip_ns *ns, struct flip_network *net, struct sk_buff *skb,
	       enum flip_stat why)
{
	trace_flip_drop(ns, net, skb, why);
	this_cpu_inc(ns->stats->c[why]);
	if (net)
		this_cpu_inc(net->stats->rx_dropped);
	kfree_skb(skb);
}
