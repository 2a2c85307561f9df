// SPDX-License-Identifier: GPL-2.0-only
/*
 * An open /dev/amoeba: one FLIP identity, shared by any number of threads.
 *
 * The descriptor holds one reference, each call and each accepted transaction another. The
 * endpoint lives as long as the file, so that replies still unacknowledged at close are seen
 * through; the last reference may be dropped in softirq, hence the work.
 */
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "rpc.h"

static void file_free(struct work_struct *work)
{
	struct amrpc_file *f = container_of(work, struct amrpc_file, free_work);
	struct amrpc_net *an = f->an;
	struct net *net = an->net;

	flip_ep_destroy(f->ep);
	flip_reass_destroy(f->reass);
	amrpc_spare_free(f);
	WARN_ON_ONCE(!xa_empty(&f->calls) || !xa_empty(&f->served));
	xa_destroy(&f->calls);
	xa_destroy(&f->served);

	spin_lock_bh(&an->files_lock);
	list_del(&f->node);
	if (list_empty(&an->files))
		wake_up(&an->files_wq);
	spin_unlock_bh(&an->files_lock);
	if (f->holds_net)
		put_net(net);
	kfree(f);
}

/* a file of the kernel's own: include/net/amoeba.h */
struct amrpc_file *amrpc_kopen(struct net *net)
{
	struct amrpc_net *an = amrpc_pernet(net);
	struct amrpc_file *f;
	int err = -ENOMEM;

	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return ERR_PTR(-ENOMEM);
	refcount_set(&f->ref, 1);
	f->an = an;
	/* a handle of one file is hardly ever one of another: mixed up, it is ENOENT */
	atomic_set(&f->next_handle, get_random_u32());
	spin_lock_init(&f->lock);
	INIT_LIST_HEAD(&f->listens);
	INIT_LIST_HEAD(&f->waiters);
	init_waitqueue_head(&f->wq);
	INIT_WORK(&f->free_work, file_free);
	xa_init_flags(&f->calls, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
	xa_init_flags(&f->served, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
	f->reass = flip_reass_create(net, AMRPC_REASS_BYTES, AMRPC_REASS_MSGS);
	if (!f->reass)
		goto free;
	f->ep = flip_ep_create(net, FLIP_ADDR_NULL, &amrpc_ep_ops, THIS_MODULE, f);
	if (IS_ERR(f->ep)) {
		err = PTR_ERR(f->ep);
		goto free_reass;
	}
	spin_lock_bh(&an->files_lock);
	list_add_tail(&f->node, &an->files);
	spin_unlock_bh(&an->files_lock);
	return f;

free_reass:
	flip_reass_destroy(f->reass);
free:
	kfree(f);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(amrpc_kopen);

/**
 * amrpc_file_open() - a new file
 * @net: namespace it is bound to; held until the file is freed
 *
 * Context: process. Return: file with one reference, or ERR_PTR().
 */
struct amrpc_file *amrpc_file_open(struct net *net)
{
	struct amrpc_file *f = amrpc_kopen(net);

	if (!IS_ERR(f)) {
		get_net(net);
		f->holds_net = true;
	}
	return f;
}

void amrpc_file_put(struct amrpc_file *f)
{
	if (refcount_dec_and_test(&f->ref))
		queue_work(f->an->wq, &f->free_work);
}

/* the descriptor is closed; process context, no ioctl of it runs any more */
void amrpc_file_close(struct amrpc_file *f)
{
	amrpc_server_close(f);
	amrpc_file_put(f);
}

void amrpc_kclose(struct amrpc_file *f)
{
	amrpc_file_close(f);
}
EXPORT_SYMBOL_GPL(amrpc_kclose);

/* the module or the namespace goes: end what lingers and wait for it; process context */
void amrpc_files_kill(struct amrpc_net *an)
{
	amrpc_txs_kill(an);
	wait_event(an->files_wq, list_empty_careful(&an->files));
}
