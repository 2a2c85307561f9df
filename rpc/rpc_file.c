// SPDX-License-Identifier: GPL-2.0-only
/*
 * An open /dev/amoeba: one FLIP identity, shared by any number of threads.
 *
 * The descriptor holds one reference, each call and each accepted transaction another. The
 * endpoint lives as long as the file, so that replies still unacknowledged at close are seen
 * through; the last reference may be dropped in softirq, hence the work.
 *
 * A file without references that has executed for a client of our kind lingers: its endpoint stays for
 * as long as a packet may be in the network (net.amoeba.linger_s: 25 s, see rpc_once.c). A late
 * duplicate of what it executed would else come back as NOTHERE, and the client take its request for
 * undelivered and have it executed elsewhere. What comes meanwhile meets a file without ports: known to
 * the window, it is dropped or answered FAIL; new, it is refused for good (NAK), which sends the client on
 * as NOTHERE would. Whoever lingers holds neither the module nor the namespace, whose ends end it at once;
 * there are net.amoeba.max_lingering at most, and the oldest makes room for others and for an address that
 * is wanted.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "rpc.h"
#include "rpc_hash.h"

static const struct rhashtable_params addr_params = {
	.key_len	= sizeof(flip_addr_t),
	.key_offset	= offsetof(struct amrpc_file, addr),
	.head_offset	= offsetof(struct amrpc_file, by_addr),
	.hashfn		= amrpc_key_hash,
	.obj_cmpfn	= amrpc_key_cmp,
	.automatic_shrinking = true,
};

/* sleeps; nobody has it any more */
static void destroy(struct amrpc_file *f)
{
	struct amrpc_net *an = f->an;

	flip_reass_mute(f->reass);	/* it sends from the endpoint */
	rhashtable_remove_fast(&an->file_addrs, &f->by_addr, addr_params);
	amrpc_ack_exit(f);
	amrpc_soon_exit(f);
	flip_ep_destroy(f->ep);
	flip_reass_destroy(f->reass);
	amrpc_spare_free(f);
	amrpc_spare_tx_free(f);
	WARN_ON_ONCE(!xa_empty(&f->calls));
	WARN_ON_ONCE(!xa_empty(&f->sent));
	xa_destroy(&f->sent);
	xa_destroy(&f->calls);
	amrpc_served_exit(f);

	if (f->charged)
		amrpc_user_add(f->user, AMRPC_USER_FILES, -1);
	amrpc_user_put(f->user);

	spin_lock_bh(&an->files_lock);
	list_del(&f->node);
	if (list_empty(&an->files))
		wake_up(&an->files_wq);
	spin_unlock_bh(&an->files_lock);
	kfree_rcu(f, rcu);
}

/* how long until one that lingers is let go, jiffies; 0: now. A new linger_s counts for all. */
static unsigned long linger_left(const struct amrpc_file *f)
{
	unsigned long hold = READ_ONCE(f->an->tune.linger_s) * HZ, over = jiffies - f->linger_since;

	return hold > over ? hold - over : 0;
}

/* the oldest that lingers, of @user if not NULL, if its time is up, or @early; taken out of the lists */
static struct amrpc_file *linger_next(struct amrpc_net *an, struct amrpc_user *user, bool early)
{
	struct amrpc_file *f;

	spin_lock_bh(&an->files_lock);
	if (user)
		f = list_first_entry_or_null(&user->lingering, struct amrpc_file, linger_user);
	else
		f = list_first_entry_or_null(&an->lingering, struct amrpc_file, linger);
	if (f && !early && linger_left(f))
		f = NULL;
	if (f) {
		list_del(&f->linger);
		an->nr_lingering--;
		if (f->user) {
			list_del(&f->linger_user);
			f->user->nr_lingering--;
		}
	}
	spin_unlock_bh(&an->files_lock);
	return f;
}

/* look again when the oldest may be let go; files_lock held */
static void linger_arm(struct amrpc_net *an)
{
	struct amrpc_file *f = list_first_entry_or_null(&an->lingering, struct amrpc_file, linger);

	lockdep_assert_held(&an->files_lock);
	if (f && !an->going)
		mod_delayed_work(an->wq, &an->linger_work, max(linger_left(f), 1UL));
}

static void linger_work(struct work_struct *work)
{
	struct amrpc_net *an = container_of(work, struct amrpc_net, linger_work.work);
	struct amrpc_file *f;

	while ((f = linger_next(an, NULL, false)))
		destroy(f);
	spin_lock_bh(&an->files_lock);
	linger_arm(an);
	spin_unlock_bh(&an->files_lock);
}

/* make room for another, of @user if not NULL; false when none lingers */
static bool linger_cut(struct amrpc_net *an, struct amrpc_user *user)
{
	struct amrpc_file *f = linger_next(an, user, true);

	if (!f)
		return false;
	amrpc_count(an, LINGER_CUT);
	destroy(f);
	return true;
}

/* keep the address for a while? Then it holds neither module nor namespace. */
static bool linger(struct amrpc_file *f)
{
	struct amrpc_user *user = f->user;
	struct amrpc_net *an = f->an;
	unsigned int most = READ_ONCE(an->tune.max_lingering);
	bool full, share = false;

	if (!READ_ONCE(f->served_ours) || !READ_ONCE(an->tune.linger_s))
		return false;
	spin_lock_bh(&an->files_lock);
	if (an->going) {
		spin_unlock_bh(&an->files_lock);
		return false;
	}
	f->linger_since = jiffies;
	list_add_tail(&f->linger, &an->lingering);
	full = ++an->nr_lingering > most;
	if (user) {
		list_add_tail(&f->linger_user, &user->lingering);
		share = ++user->nr_lingering > DIV_ROUND_UP(most, 4);
		amrpc_user_add(user, AMRPC_USER_FILES, -1);
		f->charged = false;
		refcount_inc(&user->ref);	/* the file may be gone before the next lines */
	}
	linger_arm(an);
	spin_unlock_bh(&an->files_lock);
	amrpc_count(an, LINGER);
	/* nobody pushes others' out: who has more than a share begins with its own */
	if (share)
		linger_cut(an, user);
	else if (full)
		linger_cut(an, NULL);
	amrpc_user_put(user);
	return true;
}

static void file_free(struct work_struct *work)
{
	struct amrpc_file *f = container_of(work, struct amrpc_file, free_work);
	struct net *net = f->an->net;
	bool holds = f->holds;

	if (!linger(f))
		destroy(f);
	if (!holds)
		return;
	/* what we still run is in a workqueue that outlives all files */
	put_net(net);
	module_put(THIS_MODULE);
}

/* takes @user over on success */
static struct amrpc_file *file_new(struct net *net, struct amrpc_user *user)
{
	struct amrpc_net *an = amrpc_pernet(net);
	struct amrpc_file *f;
	int err = -ENOMEM;

	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return ERR_PTR(-ENOMEM);
	refcount_set(&f->ref, 1);
	f->an = an;
	f->user = user;
	f->charged = user;
	/* a handle of one file is hardly ever one of another: mixed up, it is ENOENT */
	atomic_set(&f->next_handle, get_random_u32());
	spin_lock_init(&f->lock);
	spin_lock_init(&f->ready_lock);
	f->ready = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&f->listens);
	INIT_LIST_HEAD(&f->waiters);
	init_waitqueue_head(&f->wq);
	INIT_WORK(&f->free_work, file_free);
	amrpc_ack_init(f);
	amrpc_soon_init(f);
	xa_init_flags(&f->calls, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
	xa_init_flags(&f->sent, XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
	amrpc_served_init(f);
	f->reass = flip_reass_create(net, AMRPC_REASS_BYTES, AMRPC_REASS_MSGS);
	if (!f->reass)
		goto free;
	if (flip_reass_asks(f->reass, &amrpc_reass_ask, f))
		goto free_reass;
	/* the file holds the module itself, but not while it lingers */
	do
		f->ep = flip_ep_create(net, FLIP_ADDR_NULL, &amrpc_ep_ops, NULL, f);
	while (f->ep == ERR_PTR(-ENOBUFS) && linger_cut(an, NULL));
	if (IS_ERR(f->ep)) {
		err = PTR_ERR(f->ep);
		goto free_reass;
	}
	f->addr = flip_ep_addr(f->ep);
	err = rhashtable_insert_fast(&an->file_addrs, &f->by_addr, addr_params);
	if (err)
		goto free_ep;
	spin_lock_bh(&an->files_lock);
	list_add_tail(&f->node, &an->files);
	spin_unlock_bh(&an->files_lock);
	return f;

free_ep:
	flip_ep_destroy(f->ep);
free_reass:
	flip_reass_destroy(f->reass);
free:
	kfree(f);
	return ERR_PTR(err);
}

/* a file of the kernel's own: include/net/amoeba.h */
struct amrpc_file *amrpc_kopen(struct net *net)
{
	return file_new(net, NULL);
}
EXPORT_SYMBOL_GPL(amrpc_kopen);

/**
 * amrpc_file_open() - a new file of the current thread's user
 * @net: namespace it is bound to; held until the file is freed
 *
 * Context: process. Return: file with one reference, or ERR_PTR(): -EDQUOT: the user has
 * net.amoeba.max_user_files; -ENOBUFS: net.flip.max_endpoints; -ENOMEM.
 */
struct amrpc_file *amrpc_file_open(struct net *net)
{
	struct amrpc_net *an = amrpc_pernet(net);
	struct amrpc_user *user = amrpc_user_get(an);
	struct amrpc_file *f;

	if (IS_ERR(user))
		return ERR_CAST(user);
	if (!amrpc_user_charge(user, AMRPC_USER_FILES, 1)) {
		amrpc_count(an, USER_FILES);
		amrpc_user_put(user);
		return ERR_PTR(-EDQUOT);
	}
	f = file_new(net, user);
	if (IS_ERR(f)) {
		amrpc_user_add(user, AMRPC_USER_FILES, -1);
		amrpc_user_put(user);
		return f;
	}
	get_net(net);
	__module_get(THIS_MODULE);
	f->holds = true;
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
	amrpc_ack_close(f);
	amrpc_file_put(f);
}

void amrpc_kclose(struct amrpc_file *f)
{
	amrpc_file_close(f);
}
EXPORT_SYMBOL_GPL(amrpc_kclose);

int amrpc_files_init(struct amrpc_net *an)
{
	spin_lock_init(&an->files_lock);
	INIT_LIST_HEAD(&an->files);
	INIT_LIST_HEAD(&an->lingering);
	init_waitqueue_head(&an->files_wq);
	INIT_DELAYED_WORK(&an->linger_work, linger_work);
	return rhashtable_init(&an->file_addrs, &addr_params);
}

void amrpc_files_exit(struct amrpc_net *an)
{
	rhashtable_destroy(&an->file_addrs);
}

/**
 * amrpc_file_find() - the open file with a FLIP address
 * @an: namespace
 * @addr: its public address
 *
 * Context: any but hard interrupt. Return: file with a reference, or NULL.
 */
struct amrpc_file *amrpc_file_find(struct amrpc_net *an, flip_addr_t addr)
{
	struct amrpc_file *f;

	rcu_read_lock();
	f = rhashtable_lookup(&an->file_addrs, &addr, addr_params);
	/* one that is being freed is in the table still */
	if (f && !refcount_inc_not_zero(&f->ref))
		f = NULL;
	rcu_read_unlock();
	return f;
}

/* the module or the namespace goes: end what lingers and wait for it; process context */
void amrpc_files_kill(struct amrpc_net *an)
{
	struct amrpc_file *f;

	spin_lock_bh(&an->files_lock);
	an->going = true;
	spin_unlock_bh(&an->files_lock);
	cancel_delayed_work_sync(&an->linger_work);
	while ((f = linger_next(an, NULL, true)))
		destroy(f);
	amrpc_txs_kill(an);
	wait_event(an->files_wq, list_empty_careful(&an->files));
}
