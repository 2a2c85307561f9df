// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/amoeba/: stat (counters by name), ports (what is served in this namespace and how busy
 * it is), cache (where ports were found), users (what each has of what it may have), kernel (capabilities of the kernel's objects, for the
 * namespace's administrator). One "name value" or one record a line; never a get-port.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "rpc.h"

static int stat_show(struct seq_file *m, void *v)
{
	struct amrpc_net *an = amrpc_pernet(seq_file_single_net(m));

	for (unsigned int i = 0; i < AMRPC_NR_STATS; i++)
		seq_printf(m, "%s %llu\n", amrpc_stat_descs[i].name, amrpc_stat_sum(an, i));
	/* no counter: how many there are now */
	seq_printf(m, "files_lingering %u\n", READ_ONCE(an->nr_lingering));
	return 0;
}

static void port_show(struct seq_file *m, struct amrpc_port *p)
{
	unsigned int servers = 0, waiting = 0, queued = 0;
	struct amrpc_listen *l;
	struct list_head *pos;
	u8 put[AMOEBA_PORT_SIZE];

	spin_lock_bh(&p->lock);
	queued = p->queue.len;
	list_for_each_entry(l, &p->listens, on_port) {
		servers++;
		queued += l->queue.len;
		list_for_each(pos, &l->waiters)
			waiting++;
	}
	spin_unlock_bh(&p->lock);
	amrpc_port_bytes(p->port, put);
	seq_printf(m, "%6phN servers %u waiting %u queued %u\n", put, servers, waiting, queued);
}

static int ports_show(struct seq_file *m, void *v)
{
	struct amrpc_net *an = amrpc_pernet(seq_file_single_net(m));
	struct rhashtable_iter it;
	struct amrpc_port *p;

	rhashtable_walk_enter(&an->ports, &it);
	rhashtable_walk_start(&it);
	while ((p = rhashtable_walk_next(&it)))
		if (!IS_ERR(p))
			port_show(m, p);
	rhashtable_walk_stop(&it);
	rhashtable_walk_exit(&it);
	return 0;
}

static int cache_show(struct seq_file *m, void *v)
{
	struct amrpc_net *an = amrpc_pernet(seq_file_single_net(m));
	struct rhashtable_iter it;
	struct amrpc_loc *loc;

	rhashtable_walk_enter(&an->locs, &it);
	rhashtable_walk_start(&it);
	while ((loc = rhashtable_walk_next(&it))) {
		u8 put[AMOEBA_PORT_SIZE], addr[8];

		if (IS_ERR(loc))
			continue;
		spin_lock_bh(&loc->lock);
		amrpc_port_bytes(loc->port, put);
		flip_addr_store(addr, loc->way.addr);
		seq_printf(m, "%6phN %s address %8phN rtt_ms %u\n", put,
			   loc->known ? "known" : loc->locator ? "locating" : "unknown",
			   addr, loc->way.rtt);
		spin_unlock_bh(&loc->lock);
	}
	rhashtable_walk_stop(&it);
	rhashtable_walk_exit(&it);
	return 0;
}

static int kernel_show(struct seq_file *m, void *v)
{
	return amrpc_kobj_show(m, amrpc_pernet(seq_file_single_net(m)));
}

static int users_show(struct seq_file *m, void *v)
{
	amrpc_users_show(m, amrpc_pernet(seq_file_single_net(m)));
	return 0;
}

int amrpc_proc_init(struct amrpc_net *an)
{
	struct proc_dir_entry *dir = proc_net_mkdir(an->net, "amoeba", an->net->proc_net);

	if (!dir)
		return -ENOMEM;
	if (proc_create_net_single("stat", 0444, dir, stat_show, NULL) &&
	    proc_create_net_single("ports", 0444, dir, ports_show, NULL) &&
	    proc_create_net_single("cache", 0444, dir, cache_show, NULL) &&
	    proc_create_net_single("users", 0444, dir, users_show, NULL) &&
	    proc_create_net_single("kernel", 0400, dir, kernel_show, NULL))
		return 0;
	remove_proc_subtree("amoeba", an->net->proc_net);
	return -ENOMEM;
}

void amrpc_proc_exit(struct amrpc_net *an)
{
	remove_proc_subtree("amoeba", an->net->proc_net);
}
