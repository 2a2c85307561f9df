// SPDX-License-Identifier: GPL-2.0-only
/* 6.6: register_net_sysctl_sz(); the sentinel entry must go by 6.11 */

#include <net/net_namespace.h>

struct ctl_table_header *probe(struct net *net, struct ctl_table *t);
struct ctl_table_header *probe(struct net *net, struct ctl_table *t)
{
	return register_net_sysctl_sz(net, "net/probe", t, 3);
}
