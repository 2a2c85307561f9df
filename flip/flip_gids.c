// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may: a range of group ids, as a sysctl of a network namespace. Used for both kinds of sockets
 * (net.flip.raw_group_range, net.amoeba.group_range).
 *
 * The ids are those of the user namespace that owns the network namespace. A first greater than the
 * last means nobody. Both are read and written together; a bad value changes neither.
 */
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/sysctl.h>
#include <linux/user_namespace.h>
#include <net/flip.h>

/**
 * flip_gids_init() - a range
 * @g: range
 * @first: of its ids
 * @last: of its ids; less than @first: nobody
 */
void flip_gids_init(struct flip_gids *g, int first, int last)
{
	seqlock_init(&g->lock);
	g->range[0] = first;
	g->range[1] = last;
}
EXPORT_SYMBOL_GPL(flip_gids_init);

static void gids_read(struct flip_gids *g, int range[2])
{
	unsigned int seq;

	do {
		seq = read_seqbegin(&g->lock);
		range[0] = g->range[0];
		range[1] = g->range[1];
	} while (read_seqretry(&g->lock, seq));
}

/**
 * flip_gids_allowed() - may the current thread?
 * @g: range
 * @net: network namespace it belongs to
 *
 * Context: process. Return: whether a group of the thread, in the user namespace that owns @net, is
 * in the range, or it has CAP_NET_RAW there.
 */
bool flip_gids_allowed(struct flip_gids *g, struct net *net)
{
	const struct cred *cred = current_cred();
	int range[2];

	gids_read(g, range);
	for (int i = -1; i < cred->group_info->ngroups && range[0] <= range[1]; i++) {
		kgid_t kgid = i < 0 ? cred->egid : cred->group_info->gid[i];
		gid_t gid = from_kgid(net->user_ns, kgid);

		if (gid != (gid_t)-1 && gid >= (gid_t)range[0] && gid <= (gid_t)range[1])
			return true;
	}
	/* last: where it is needed and used it is noted (PF_SUPERPRIV, audit) */
	return ns_capable(net->user_ns, CAP_NET_RAW);
}
EXPORT_SYMBOL_GPL(flip_gids_allowed);

/**
 * flip_gids_sysctl() - proc_handler; &ctl_table.data is a struct flip_gids
 * @table: entry; maxlen is not looked at
 * @write: or read
 * @buffer: text
 * @lenp: its length
 * @ppos: position
 *
 * Return: 0, or -EINVAL: an id is none, or there are not two.
 */
int flip_gids_sysctl(compat_ctl_table_t *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct flip_gids *g = table->data;
	static int least = 0, most = INT_MAX;
	int range[2], err;
	struct ctl_table copy = {
		.procname	= table->procname,
		.data		= range,
		.maxlen		= sizeof(range),
		.mode		= table->mode,
		.extra1		= &least,
		.extra2		= &most,
	};

	gids_read(g, range);
	if (write) {
		range[0] = -1;
		range[1] = -1;
	}
	err = proc_dointvec_minmax(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (range[0] < 0 || range[1] < 0)
		return -EINVAL;
	write_seqlock(&g->lock);
	g->range[0] = range[0];
	g->range[1] = range[1];
	write_sequnlock(&g->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(flip_gids_sysctl);
