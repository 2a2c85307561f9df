// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one user may have of the things all users of a namespace share.
 *
 * DESIGN NOTES
 *
 * Nouns
 *   user   (struct amrpc_user)  an effective user id of those who opened files, in one network
 *          namespace. A file is charged to who opened it, whoever uses it later, as inotify and keys
 *          are. The kernel's own files have none, and no limit.
 *   charge what counts against net.amoeba.max_user_*, enum amrpc_user_what.
 *
 * Why a table of our own: ucounts have a fixed set of kinds, to which a module cannot add. Why for each
 * network namespace: what is shared (addresses, queues, the servers) is the namespace's, and so are the
 * limits. The key is the kernel's id, which means one user in whatever user namespace: ids of a
 * container are those its owner was given. What a user can make of namespaces is
 * limited by user.max_net_namespaces, and their memory is charged to its memory cgroup.
 *
 * Who pays
 *   A queue for servers is shared by the clients of this namespace: what waits there is the
 *   client's (QUEUED). What waits for a file from other machines is the file's (REQUESTS).
 *   Data of a local request is the client's (BYTES), and so is that of its reply: a client that is stopped
 *   would else fill the server's account. A server is not told that its client is at its limit: such a
 *   reply is delivered, and the client's next call refused. A kept reply to another machine is the server's;
 *   when it has no room, putrep waits for the acknowledgement as with a large one.
 *   Lingering addresses are not charged: a user has a quarter of them, then its oldest makes room.
 *   Places of who waits for the network are shared by a rule of their own: rpc_sends.c.
 *
 * Counters are exact near a limit; those that every transaction changes are per CPU (percpu_counter).
 * Between looking and counting others may count: a limit may be passed by the number of CPUs.
 *
 * A user is there while a file of it is, and its charges are given back before the file goes. The
 * xarray's lock guards table and last reference. Context: any but hard interrupt, where not said
 * otherwise.
 */
#include <linux/cred.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "rpc.h"

#define BATCH_CALLS	32
#define BATCH_BYTES	(1 << 20)

static __always_inline unsigned long most(const struct amrpc_user *u, enum amrpc_user_what what)
{
	const struct amrpc_tunables *t = &u->an->tune;

	switch (what) {
	case AMRPC_USER_FILES:
		return READ_ONCE(t->max_user_files);
	case AMRPC_USER_PORTS:
		return READ_ONCE(t->max_user_ports);
	case AMRPC_USER_QUEUED:
		return READ_ONCE(t->max_user_queued);
	case AMRPC_USER_REQUESTS:
		return READ_ONCE(t->max_user_requests);
	case AMRPC_USER_CALLS:
		return READ_ONCE(t->max_user_calls);
	default:
		return READ_ONCE(t->max_user_bytes);
	}
}

static __always_inline void add(struct amrpc_user *u, enum amrpc_user_what what, long n)
{
	if (what == AMRPC_USER_CALLS)
		percpu_counter_add_batch(&u->calls, n, BATCH_CALLS);
	else if (what == AMRPC_USER_BYTES)
		percpu_counter_add_batch(&u->bytes, n, BATCH_BYTES);
	else
		atomic_long_add(n, &u->used[what]);
}

/* is it more than @limit? Mostly that is sure without looking at each processor's share */
static __always_inline bool more(struct percpu_counter *c, s64 limit, s32 batch)
{
	if (percpu_counter_read(c) + (s64)batch * num_online_cpus() <= limit)
		return false;
	return __percpu_counter_compare(c, limit, batch) > 0;
}

/* has it more than its limit less @n? */
static __always_inline bool beyond(struct amrpc_user *u, enum amrpc_user_what what, long n)
{
	long limit = min_t(unsigned long, most(u, what), LONG_MAX) - n;

	if (what == AMRPC_USER_CALLS)
		return more(&u->calls, limit, BATCH_CALLS);
	if (what == AMRPC_USER_BYTES)
		return more(&u->bytes, limit, BATCH_BYTES);
	return atomic_long_read(&u->used[what]) > limit;
}

/**
 * amrpc_user_room() - may a user have more?
 * @u: user; NULL: the kernel, which may
 * @what: of what
 * @n: how much
 */
bool amrpc_user_room(struct amrpc_user *u, enum amrpc_user_what what, long n)
{
	return !u || !beyond(u, what, n);
}

/**
 * amrpc_user_add() - count without asking
 * @u: user, or NULL
 * @what: kind
 * @n: how much; negative: it is given back
 */
void amrpc_user_add(struct amrpc_user *u, enum amrpc_user_what what, long n)
{
	if (u)
		add(u, what, n);
}

/**
 * amrpc_user_charge() - count, if it is within the limit
 * @u: user, or NULL
 * @what: kind
 * @n: how much, to be given back by amrpc_user_add()
 *
 * Return: false when it is not, and nothing is counted. Two at the last place may both be refused.
 */
bool amrpc_user_charge(struct amrpc_user *u, enum amrpc_user_what what, long n)
{
	if (!u)
		return true;
	add(u, what, n);
	if (!beyond(u, what, 0))
		return true;
	add(u, what, -n);
	return false;
}

/**
 * amrpc_user_call() - a call begins: amrpc_user_room() of BYTES and amrpc_user_charge() of CALLS, in one go
 * @u: user, or NULL
 * @what: set to what it has no more of
 *
 * Return: false when it may not.
 */
bool amrpc_user_call(struct amrpc_user *u, enum amrpc_user_what *what)
{
	if (!u)
		return true;
	*what = AMRPC_USER_BYTES;
	if (unlikely(beyond(u, AMRPC_USER_BYTES, 0)))
		return false;
	add(u, AMRPC_USER_CALLS, 1);
	if (likely(!beyond(u, AMRPC_USER_CALLS, 0)))
		return true;
	add(u, AMRPC_USER_CALLS, -1);
	*what = AMRPC_USER_CALLS;
	return false;
}

static struct amrpc_user *user_new(struct amrpc_net *an, u32 uid)
{
	struct amrpc_user *u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);

	if (!u)
		return NULL;
	refcount_set(&u->ref, 1);
	u->an = an;
	u->uid = uid;
	INIT_LIST_HEAD(&u->lingering);
	amrpc_sender_init(&u->sender);
	if (percpu_counter_init(&u->calls, 0, GFP_KERNEL_ACCOUNT))
		goto free;
	if (percpu_counter_init(&u->bytes, 0, GFP_KERNEL_ACCOUNT))
		goto destroy;
	return u;

destroy:
	percpu_counter_destroy(&u->calls);
free:
	kfree(u);
	return NULL;
}

static void user_free(struct amrpc_user *u)
{
	percpu_counter_destroy(&u->bytes);
	percpu_counter_destroy(&u->calls);
	kfree(u);
}

/**
 * amrpc_user_get() - who runs the current thread
 * @an: namespace
 *
 * Context: process, may sleep. Return: user with a reference, or ERR_PTR(-ENOMEM).
 */
struct amrpc_user *amrpc_user_get(struct amrpc_net *an)
{
	u32 uid = __kuid_val(current_euid());
	struct amrpc_user *u, *new;

	xa_lock_bh(&an->users);
	u = xa_load(&an->users, uid);
	if (u)
		refcount_inc(&u->ref);	/* it is 0 under the lock only */
	xa_unlock_bh(&an->users);
	if (u)
		return u;

	new = user_new(an, uid);
	if (!new)
		return ERR_PTR(-ENOMEM);
	xa_lock_bh(&an->users);
	u = __xa_cmpxchg(&an->users, uid, NULL, new, GFP_KERNEL_ACCOUNT);
	if (u && !xa_is_err(u))
		refcount_inc(&u->ref);
	xa_unlock_bh(&an->users);
	if (!u)
		return new;
	user_free(new);
	return xa_is_err(u) ? ERR_PTR(-ENOMEM) : u;
}

void amrpc_user_put(struct amrpc_user *u)
{
	struct amrpc_net *an;

	if (!u)
		return;
	an = u->an;
	xa_lock_bh(&an->users);
	if (!refcount_dec_and_test(&u->ref))
		u = NULL;
	else
		__xa_erase(&an->users, u->uid);
	xa_unlock_bh(&an->users);
	if (!u)
		return;
	for (unsigned int i = 0; i < AMRPC_USER_NR; i++)
		WARN_ON_ONCE(atomic_long_read(&u->used[i]));
	WARN_ON_ONCE(u->sender.sending || !list_empty(&u->sender.waiting));
	WARN_ON_ONCE(percpu_counter_sum(&u->calls) || percpu_counter_sum(&u->bytes));
	user_free(u);
}

/* a line for each user, ids as the reader's user namespace has them; process context */
void amrpc_users_show(struct seq_file *m, struct amrpc_net *an)
{
	struct amrpc_user *u;
	unsigned long uid;

	xa_lock_bh(&an->users);
	xa_for_each(&an->users, uid, u)
		seq_printf(m, "uid %u files %ld calls %lld ports %ld queued %ld requests %ld bytes %lld sending %u\n",
			   from_kuid_munged(seq_user_ns(m), KUIDT_INIT(u->uid)),
			   atomic_long_read(&u->used[AMRPC_USER_FILES]),
			   percpu_counter_sum(&u->calls),
			   atomic_long_read(&u->used[AMRPC_USER_PORTS]),
			   atomic_long_read(&u->used[AMRPC_USER_QUEUED]),
			   atomic_long_read(&u->used[AMRPC_USER_REQUESTS]),
			   percpu_counter_sum(&u->bytes), READ_ONCE(u->sender.sending));
	xa_unlock_bh(&an->users);
}

void amrpc_users_init(struct amrpc_net *an)
{
	xa_init_flags(&an->users, XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
}

void amrpc_users_exit(struct amrpc_net *an)
{
	WARN_ON_ONCE(!xa_empty(&an->users));
	xa_destroy(&an->users);
}
