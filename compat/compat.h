/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of newer kernels for older ones.
 *
 * DESIGN NOTES
 * The modules are written for the newest kernel. This file, included before the first line of
 * every source file, supplies what an older kernel lacks, and nothing else in the tree knows
 * that kernels differ. Versions are never compared: stable and distribution kernels take
 * interfaces back. One file of compat/probes is compiled per difference; what compiled is in
 * the generated compat-config.h as COMPAT_HAVE_<FILE>.
 *
 * Only macros and declarations are here, so no header is pulled in: a macro may name what only
 * the user of it includes. Whole headers that an older kernel lacks are in compat/include,
 * which is searched after the kernel's own.
 */
#ifndef _AMOEBA_COMPAT_H
#define _AMOEBA_COMPAT_H

#ifndef AMOEBA_COMPAT_PROBE
#include "compat-config.h"

/* address argument of proto_ops.bind, .connect and of kernel_bind(), kernel_connect() */
#ifdef COMPAT_HAVE_SOCKADDR_UNSIZED
struct sockaddr_unsized;
typedef struct sockaddr_unsized flip_sockaddr_t;
#else
struct sockaddr;
typedef struct sockaddr flip_sockaddr_t;
#endif

/* table argument of a sysctl handler of our own */
struct ctl_table;
#ifdef COMPAT_HAVE_CONST_CTL_TABLE
typedef const struct ctl_table compat_ctl_table_t;
#else
typedef struct ctl_table compat_ctl_table_t;
#endif

/*
 * Registration of a sysctl table. The table ends in COMPAT_SYSCTL_SENTINEL and @n is its
 * ARRAY_SIZE(): an older kernel looks for the empty entry, a newer one refuses it.
 */
#ifdef COMPAT_HAVE_REGISTER_NET_SYSCTL_SZ
#define COMPAT_SYSCTL_SENTINEL
#else
#define COMPAT_SYSCTL_SENTINEL	{ }
#define register_net_sysctl_sz(net, path, table, n)	register_net_sysctl(net, path, table)
#endif

/* a local variable that is not cleared, though all are: it is filled before anything is read of it */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)
#define __uninitialized		__attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

#ifndef COMPAT_HAVE_TIMER_CONTAINER_OF
#define timer_container_of(var, timer, field)	container_of(timer, typeof(*(var)), field)
#endif

#ifndef COMPAT_HAVE_TIMER_DELETE
#define timer_delete(timer)		del_timer(timer)
#define timer_delete_sync(timer)	del_timer_sync(timer)
#endif

/* without it, what is about to free a timer must have stopped all that arms it */
#ifndef COMPAT_HAVE_TIMER_SHUTDOWN
#define timer_shutdown(timer)		timer_delete(timer)
#define timer_shutdown_sync(timer)	timer_delete_sync(timer)
#endif

/* without it, a suspend fails while somebody waits and must not be woken */
#ifndef COMPAT_HAVE_TASK_FREEZABLE
#define TASK_FREEZABLE	0
#endif

#ifndef COMPAT_HAVE_HRTIMER_SETUP
#define hrtimer_setup(timer, fn, clock, mode)			\
	do {							\
		struct hrtimer *_compat_timer = (timer);	\
								\
		hrtimer_init(_compat_timer, clock, mode);	\
		_compat_timer->function = (fn);			\
	} while (0)
#endif

#ifndef COMPAT_HAVE_WQ_PERCPU
#define WQ_PERCPU	0
#endif

#ifndef COMPAT_HAVE_SYSTEM_PERCPU_WQ
#define system_percpu_wq	system_wq
#define system_dfl_wq		system_unbound_wq
#endif

#ifndef COMPAT_HAVE_GET_RANDOM_U32_BELOW
#define get_random_u32_below(ceil)	prandom_u32_max(ceil)
#endif

#ifndef COMPAT_HAVE_ITER_SOURCE
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#endif

#ifndef COMPAT_HAVE_IMPORT_UBUF
#define import_ubuf(dir, buf, len, iter)					\
({										\
	void __user *_compat_buf = (buf);					\
	size_t _compat_len = min_t(size_t, len, MAX_RW_COUNT);			\
	int _compat_err = access_ok(_compat_buf, _compat_len) ? 0 : -EFAULT;	\
										\
	if (!_compat_err)							\
		iov_iter_ubuf(iter, dir, _compat_buf, _compat_len);		\
	_compat_err;								\
})
#endif

#ifndef COMPAT_HAVE_ITER_IOV
#define iter_iov(iter)	((iter)->iov)
#endif

/* pages of another process; older kernels also return their vmas */
#ifdef COMPAT_HAVE_GUP_NO_VMAS
#define compat_get_user_pages_remote	get_user_pages_remote
#define compat_pin_user_pages_remote	pin_user_pages_remote
#else
#define compat_get_user_pages_remote(mm, start, nr, flags, pages, locked)	\
	get_user_pages_remote(mm, start, nr, flags, pages, NULL, locked)
#define compat_pin_user_pages_remote(mm, start, nr, flags, pages, locked)	\
	pin_user_pages_remote(mm, start, nr, flags, pages, NULL, locked)
#endif

/*
 * Commands of io_uring: how one ends, and the function that ends it in its task,
 * COMPAT_URING_WORK(name, cmd, flags) { ... }
 */
#ifdef COMPAT_HAVE_URING_DONE
#define compat_uring_cmd_done(cmd, ret, flags)	io_uring_cmd_done(cmd, ret, flags)
#else
#define compat_uring_cmd_done(cmd, ret, flags)	io_uring_cmd_done(cmd, ret, 0, flags)
#endif
#ifdef COMPAT_HAVE_URING_TW_REQ
#define COMPAT_URING_WORK(name, cmd, flags)						\
	static void name##_work(struct io_uring_cmd *cmd, unsigned int flags);		\
	static void name(struct io_tw_req _req, io_tw_token_t _tw)			\
	{										\
		name##_work(io_uring_cmd_from_tw(_req), IO_URING_CMD_TASK_WORK_ISSUE_FLAGS); \
	}										\
	static void name##_work(struct io_uring_cmd *cmd, unsigned int flags)
#else
#define COMPAT_URING_WORK(name, cmd, flags)						\
	static void name(struct io_uring_cmd *cmd, unsigned int flags)
#endif

/* the argument of genl_family.pre_doit and .post_doit */
#ifndef COMPAT_HAVE_GENL_SPLIT_OPS
#define genl_split_ops	genl_ops
#endif

/* a device that stays in its namespace */
#ifdef COMPAT_HAVE_NETNS_IMMUTABLE
#define compat_netns_immutable(dev)	((dev)->netns_immutable = true)
#elif defined(COMPAT_HAVE_NETNS_LOCAL)
#define compat_netns_immutable(dev)	((dev)->netns_local = true)
#else
#define compat_netns_immutable(dev)	((dev)->features |= NETIF_F_NETNS_LOCAL)
#endif

#ifndef COMPAT_HAVE_SK_UID
#define sk_uid(sk)	sock_i_uid((struct sock *)(sk))
#endif

/* MODULE_IMPORT_NS() with the bare name; new kernels want a string, old ones make it one */
#ifdef COMPAT_HAVE_IMPORT_NS_BARE
#define COMPAT_IMPORT_NS(ns)	MODULE_IMPORT_NS(ns)
#else
#define COMPAT_IMPORT_NS(ns)	MODULE_IMPORT_NS(#ns)
#endif

#ifndef COMPAT_HAVE_KFREE_RCU_MIGHTSLEEP
#define kfree_rcu_mightsleep(p)		kfree_rcu(p)
#define kvfree_rcu_mightsleep(p)	kvfree_rcu(p)
#endif

#ifndef COMPAT_HAVE_SK_SKB_REASON_DROP
#define sk_skb_reason_drop(sk, skb, reason)	kfree_skb_reason(skb, reason)
#endif

/* what is told when a packet no longer needs the pages of a program: COMPAT_UBUF_OPS(name, function) */
#ifdef COMPAT_HAVE_UBUF_OPS
#define COMPAT_UBUF_OPS(name, fn)					\
	static const struct ubuf_info_ops name = { .complete = fn }
#define compat_ubuf_init(ubuf, name)	((ubuf)->ops = (name))
#else
#define COMPAT_UBUF_OPS(name, fn)					\
	static void (* const name)(struct sk_buff *, struct ubuf_info *, bool) = fn
#define compat_ubuf_init(ubuf, name)	((ubuf)->callback = *(name))
#endif

#endif /* AMOEBA_COMPAT_PROBE */
#endif /* _AMOEBA_COMPAT_H */
