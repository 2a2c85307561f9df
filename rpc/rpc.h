/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * amoeba.ko: what its files share.
 *
 * DESIGN NOTES
 *
 * Nouns
 *   file   (struct amrpc_file)   an open /dev/amoeba: one FLIP endpoint, any number of threads.
 *   call   (struct amrpc_call)   the client's side of one transaction. Lives on behalf of one
 *                                thread in AMOEBA_TRANS; index in file->calls is the "thread
 *                                index" of the wire.
 *   tx     (struct amrpc_tx)     the server's side of one transaction, from acceptance until its
 *                                reply is acknowledged. Remote ones are found by (client
 *                                address, tid), all by handle in file->served.
 *   port   (struct amrpc_port)   a put-port served in this namespace; listen (struct
 *                                amrpc_listen) is one file serving it, with its waiting threads
 *                                and its bounded queue of accepted requests.
 *   user   (struct amrpc_user)   who opened files, with what it has of what all share.
 *   loc    (struct amrpc_loc)    cache entry: which FLIP address serves a port, or who is
 *                                looking for it.
 *   kid    (struct amrpc_kid)    a client kernel and the transactions it has had executed here.
 *
 * Contexts
 *   Packets arrive in softirq (or process context with bottom halves off) through
 *   amrpc_receive(); everything that can block, copy user memory or send more than one packet
 *   happens in the thread that called ioctl, or in the namespace's workqueue (retransmission of
 *   a multi-packet reply). Softirq only records what happened and wakes.
 *
 * Locks, in this order (all spin, bottom halves off)
 *   kid->lock     window, refusals; makes "was it executed? no: then execute it" one step
 *   port->lock    listens, their waiters and queues, and tx->state while QUEUED
 *   tx->lock      tx->state afterwards, tx->m (its machine), reply
 *   call->lock    call->m (its machine), events, reply
 *   file->ready_lock  file->ready
 *   file->owed_lock  replies whose ACK is put off; nothing is locked within
 *   file->soon_lock  what may want a timer; tx->lock within
 *   Nothing is sent with one of them held.
 *
 * Who frees what
 *   file  refcount: the descriptor, each tx, each running call. The last put queues destruction
 *         (flip_ep_destroy() sleeps). A closed file whose replies are not yet acknowledged
 *         lingers until they are or the tries are used up, which takes ten seconds at most,
 *         however slow the client claims to be.
 *   call  refcount: its runner, and the tx of a local transaction. Freed by RCU, since softirq
 *         finds it through file->calls.
 *   tx    refcount: file->served until answered, hash until done, its timer or work while
 *         pending. Freed by RCU, or kept for the next one of its file: rpc_tx.c.
 *   port  by the last listen, RCU. listen by its file.
 *   loc   refcount and RCU, LRU of bounded length. kid: RCU, never before AMRPC_ONCE_HOLD.
 */
#ifndef _AMRPC_H
#define _AMRPC_H

#include <linux/bvec.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu_counter.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/amoeba.h>
#include <net/flip.h>
#include <net/net_namespace.h>
#include <linux/amoeba.h>
#include <linux/flip.h>

#include "rpc_fsm.h"
#include "rpc_owed.h"
#include "rpc_stat.h"
#include "rpc_txfsm.h"
#include "rpc_window.h"
#include "rpc_wire.h"

/* wait limits, ms; facts 3.3, 3.5, 3.6, wire-observed 3 */
#define AMRPC_LOCATE_STEP	100	/* first interval between port locates */
#define AMRPC_RTT_DEFAULT	10	/* when measured as 0 */
#define AMRPC_RTT_MAX		1000
#define AMRPC_ROUNDS		10	/* port locates of one call */

/* a queued request not picked up for this long is refused (NAK), ms */
#define AMRPC_QUEUE_MS		5000
/* a server that has had no thread waiting and no request in work for this long is not there */
#define AMRPC_IDLE		HZ
#define AMRPC_REPLY_KEEP	(64U << 10)	/* larger replies: putrep waits for the ACK */
#define AMRPC_REASS_BYTES	(2ULL * AMOEBA_MAX_DATA)
#define AMRPC_REASS_MSGS	256
#define AMRPC_PARTS_MS		1000	/* before RECEIVED(REPLY): whoever has a part of it asks for the rest */
#define AMRPC_MAX_OPEN		16384		/* calls, and transactions served, per file */
#define AMRPC_MAX_IOV		1024

/*
 * Thread indices: both kinds are "thread index at the receiver" on the wire; a process that is
 * client and server of the same peer tells an ACK of its request from an ACK of its reply by them.
 */
#define AMRPC_SERVER_IDX	(AMRPC_NAME_MAX + 1)

/* net.amoeba.*, per namespace: rpc_sysctl.c has defaults and bounds */
struct amrpc_tunables {
	struct flip_gids group_range;
	unsigned int	linger_s;
	unsigned int	max_cached;
	unsigned int	max_kernels;
	unsigned int	max_lingering;
	/* of each user: enum amrpc_user_what */
	unsigned int	max_user_files;
	unsigned int	max_user_calls;
	unsigned int	max_user_ports;
	unsigned int	max_user_queued;
	unsigned int	max_user_requests;
	unsigned long	max_user_bytes;
	unsigned int	queue_bytes;		/* data of one queue */
	unsigned int	queue_len;		/* remote requests, per listen */
	unsigned int	queue_local_len;	/* local ones, per port: each a thread that waits */
};

/* ---- rpc_sends.c: what waits for the network ---------------------------------------------------- */

#define AMRPC_SENDS	256	/* at once, per namespace */

struct amrpc_sender {
	unsigned int		sending;	/* places it has */
	struct list_head	waiting;	/* struct amrpc_place, those it wants besides */
	struct list_head	node;		/* an->senders, while there are some */
};

struct amrpc_place {
	struct work_struct	*work;
	bool			wanted;
	struct list_head	node;		/* sender->waiting */
	struct amrpc_sender	*sender;
};

/*
 * Most machines are clients and servers of a few ports: of those with the same low bits the one that came last
 * is at hand without its hash table. Set and cleared under the lock of the table.
 */
#define AMRPC_FRONT	64

static inline unsigned int amrpc_front(u64 key)
{
	return (u32)(key ^ key >> 32) % AMRPC_FRONT;
}

struct amrpc_net {
	struct net		*net;
	u8			kid[8];
	atomic_t		tid;
	atomic64_t		arrivals;	/* requests queued so far: their order */
	struct rhashtable	ports;
	struct rhashtable	listens;	/* by file and get-port */
	struct rhashtable	txs;		/* those not in @tx_front */
	struct rhashtable	locs;
	struct rhashtable	kids;
	struct amrpc_port	*port_front[AMRPC_FRONT];
	struct amrpc_loc	*loc_front[AMRPC_FRONT];
	struct amrpc_kid	*kid_front[AMRPC_FRONT];
	struct amrpc_tx		*tx_front[AMRPC_FRONT];		/* rpc_tx.c */
	spinlock_t		ports_lock;	/* insert and remove of ports */
	spinlock_t		locs_lock;	/* lru, nr_locs */
	struct list_head	locs_lru;
	unsigned int		nr_locs;
	atomic_t		ways;		/* changed with each of what locs say */
	atomic_t		locating;	/* calls that look for a port */
	spinlock_t		kids_lock;	/* lru, nr_kids */
	struct list_head	kids_lru;
	unsigned int		nr_kids;
	spinlock_t		files_lock;
	struct list_head	files;
	struct rhashtable	file_addrs;	/* the same, by FLIP address */
	wait_queue_head_t	files_wq;	/* files has become empty */
	struct xarray		users;
	struct list_head	lingering;	/* closed ones, oldest first; files_lock */
	unsigned int		nr_lingering;
	bool			going;		/* none lingers any more */
	struct delayed_work	linger_work;
	struct workqueue_struct	*wq;
	struct workqueue_struct	*calls_wq;	/* steps of asynchronous calls */
	struct workqueue_struct	*sends_wq;	/* what waits for the network: rpc_sends.c */
	spinlock_t		sends_lock;	/* innermost */
	unsigned int		nr_sends;
	struct list_head	senders;	/* those of whom something waits for a place */
	struct amrpc_sender	sender;		/* the kernel's own */
	struct mutex		kobj_lock;	/* to start the server of the kernel's objects */
	struct amrpc_kobj	*kobj;
	struct amrpc_stats __percpu *stats;
	struct amrpc_tunables	tune;
	struct ctl_table_header	*sysctl;
};

void amrpc_sender_init(struct amrpc_sender *s);
void amrpc_place_init(struct amrpc_place *p, struct work_struct *work);
bool amrpc_place_want(struct amrpc_file *f, struct amrpc_place *p);
struct amrpc_sender *amrpc_place_had(struct amrpc_net *an, struct amrpc_place *p);
void amrpc_place_leave(struct amrpc_net *an, struct amrpc_sender *s);
void amrpc_sends_init(struct amrpc_net *an);

extern unsigned int amrpc_net_id;
struct amrpc_net *amrpc_pernet(struct net *net);

/* ---- rpc_copy.c: data kept in kernel memory ------------------------------------------------ */

struct amrpc_user;

struct amrpc_buf {
	refcount_t	ref;
	struct amrpc_user *user;	/* charged; a file of it outlives the buffer */
	size_t		len;
	unsigned int	nr;
	struct bio_vec	bv[];
};

struct amrpc_buf *amrpc_buf_kept(struct mem_cgroup *memcg, struct amrpc_user *user,
				 struct iov_iter *from, size_t len);
/* copy user data into kernel pages, for which the current thread pays; as amrpc_buf_kept() */
static inline struct amrpc_buf *amrpc_buf_from_iter(struct amrpc_user *user, struct iov_iter *from,
						    size_t len)
{
	return amrpc_buf_kept(NULL, user, from, len);
}

struct amrpc_buf *amrpc_buf_request(struct amrpc_file *f, struct iov_iter *from, size_t len);
static inline struct amrpc_buf *amrpc_buf_get(struct amrpc_buf *b)
{
	refcount_inc(&b->ref);
	return b;
}
void amrpc_buf_put(struct amrpc_buf *b);

/* drop a reference; any context */
static inline void amrpc_buf_free(struct amrpc_buf *b)
{
	if (b)
		amrpc_buf_put(b);
}

void amrpc_buf_iter(const struct amrpc_buf *b, struct iov_iter *it);
int amrpc_import_data(const struct amoeba_buf *b, bool source, struct iovec **iov, struct iov_iter *it);

/* amrpc_import_data(), and usually there is none */
static inline int amrpc_import(const struct amoeba_buf *b, bool source, struct iovec **iov,
			       struct iov_iter *it)
{
	if (b->len || b->iovcnt || b->reserved)
		return amrpc_import_data(b, source, iov, it);
	*iov = NULL;
	/* no bytes: the address does not matter */
	iov_iter_ubuf(it, source ? ITER_SOURCE : ITER_DEST, NULL, 0);
	return 0;
}

/* bytes no port or signature has yet are zero */
static inline bool amrpc_header_ok(const struct amoeba_header *h)
{
	return !h->port[6] && !h->port[7] && !h->signature[6] && !h->signature[7];
}

/* data of a received message: exactly one of the three, or none */
struct amrpc_data {
	struct sk_buff		*skb;		/* one packet, data at the RPC header */
	struct flip_msg		*msg;		/* several */
	struct amrpc_buf	*buf;		/* local */
	size_t			len;		/* of the data proper */
	size_t			done;		/* of them, in the client's buffer already: not in @buf */
};

ssize_t amrpc_data_copy(const struct amrpc_data *d, struct iov_iter *to);
bool amrpc_data_hdr(const struct amrpc_data *d, const struct amrpc_wire *w,
		    struct amoeba_header *h);
void amrpc_data_release(struct amrpc_data *d);

/* the message is not needed any more, if there is one; any context */
static inline void amrpc_data_free(struct amrpc_data *d)
{
	if (d->skb || d->msg || d->buf)
		amrpc_data_release(d);
	d->len = 0;
	d->done = 0;
}

struct sk_buff *amrpc_skb_keep(struct sk_buff *skb);

/* the same; the packet it came in, if one is kept and @kept is none yet */
static inline struct sk_buff *amrpc_data_keep(struct amrpc_data *d, struct sk_buff *kept)
{
	if (d->skb && !kept) {
		kept = amrpc_skb_keep(d->skb);
		d->skb = NULL;
	}
	amrpc_data_free(d);
	return kept;
}

/* ---- rpc_wait.c -------------------------------------------------------------------------------- */

struct amrpc_sleeper {
	struct task_struct	*task;		/* that sleeps; NULL: none */
};

void amrpc_wait_init(void);
void amrpc_wake(struct amrpc_sleeper *s, bool sync);
void amrpc_wake_task(struct task_struct *task, bool sync);

/*
 * Sleep until @cond, as flip_wait_state() does, but where only one thread does so at a time: jiffies left of
 * @tmo, at least 1, or 0, or -ERESTARTSYS.
 */
#define amrpc_sleep(s, cond, state, tmo) ({						\
	struct amrpc_sleeper *__s = (s);						\
	long __ret = (tmo);								\
											\
	might_sleep();									\
	if (!___wait_cond_timeout(cond)) {						\
		WRITE_ONCE(__s->task, current);						\
		for (;;) {								\
			/* a barrier, as the one in amrpc_wake() */			\
			set_current_state((state) | TASK_FREEZABLE);			\
			if (___wait_cond_timeout(cond))					\
				break;							\
			if (signal_pending_state(state, current)) {			\
				__ret = -ERESTARTSYS;					\
				break;							\
			}								\
			__ret = schedule_timeout(__ret);				\
		}									\
		__set_current_state(TASK_RUNNING);					\
		WRITE_ONCE(__s->task, NULL);						\
	}										\
	__ret;										\
})

/* ---- rpc_user.c --------------------------------------------------------------------------------- */

enum amrpc_user_what {
	AMRPC_USER_FILES,
	AMRPC_USER_PORTS,
	AMRPC_USER_QUEUED,	/* local requests of its clients, in queues */
	AMRPC_USER_REQUESTS,	/* requests of other machines, in queues of its files */
	AMRPC_USER_NR,
	AMRPC_USER_CALLS = AMRPC_USER_NR,	/* from here on percpu_counters */
	AMRPC_USER_BYTES,	/* kernel memory with data of requests and replies */
};

struct amrpc_user {
	refcount_t		ref;
	struct amrpc_net	*an;
	u32			uid;		/* of the initial user namespace */
	atomic_long_t		used[AMRPC_USER_NR];
	struct percpu_counter	calls;
	struct percpu_counter	bytes;
	struct list_head	lingering;	/* files, oldest first; an->files_lock */
	unsigned int		nr_lingering;
	struct amrpc_sender	sender;
};

struct seq_file;
struct amrpc_user *amrpc_user_get(struct amrpc_net *an);
void amrpc_user_put(struct amrpc_user *u);
bool amrpc_user_room(struct amrpc_user *u, enum amrpc_user_what what, long n);
bool amrpc_user_charge(struct amrpc_user *u, enum amrpc_user_what what, long n);
bool amrpc_user_call(struct amrpc_user *u, enum amrpc_user_what *what);
void amrpc_user_add(struct amrpc_user *u, enum amrpc_user_what what, long n);
void amrpc_users_show(struct seq_file *m, struct amrpc_net *an);
void amrpc_users_init(struct amrpc_net *an);
void amrpc_users_exit(struct amrpc_net *an);

/* ---- rpc_soon.c --------------------------------------------------------------------------------- */

#define AMRPC_SOON	((8 * HZ + 999) / 1000)	/* jiffies; one or two */

/* what wants a timer unless it is over before */
struct amrpc_soon {
	struct list_head	node;		/* file->soon, unless it is file->soon_first */
	bool			added;		/* at all, since its owner said that it was not */
	unsigned long		when;		/* jiffies, when it is to be started */
	void			(*start)(struct amrpc_soon *s);
};

void amrpc_soon_add(struct amrpc_file *f, struct amrpc_soon *s);
bool amrpc_soon_del(struct amrpc_file *f, struct amrpc_soon *s);
void amrpc_soon_init(struct amrpc_file *f);
void amrpc_soon_exit(struct amrpc_file *f);

/* ---- rpc_file.c, rpc_served.c --------------------------------------------------------------------- */

/* requests in work at a time that are found fastest */
#define AMRPC_SERVED_LOW	16
#define AMRPC_SERVED_ALL	((1UL << AMRPC_SERVED_LOW) - 1)

struct amrpc_file {
	refcount_t		ref;
	struct amrpc_net	*an;
	struct flip_ep		*ep;
	struct flip_reass	*reass;
	struct xarray		calls;		/* by client index */
	struct xarray		sent;		/* what may be asked for again, by FLIP message id */
	struct amrpc_call	*spare;		/* one that has ended, for the next; xchg() */
	struct amrpc_tx		*spare_tx;	/* the same of a server; xchg() */
	spinlock_t		owed_lock;	/* rpc_ack.c */
	struct amrpc_owed	owed;
	struct timer_list	owed_timer;
	struct xarray		served;		/* by server index: rpc_served.c */
	struct amrpc_tx		*served_low[AMRPC_SERVED_LOW];	/* the first of them */
	unsigned long		served_used;	/* which of @served_low are, or are being set */
	struct amrpc_soon	*soon_first;	/* rpc_soon.c; cmpxchg() */
	spinlock_t		soon_lock;
	struct list_head	soon;
	struct timer_list	soon_timer;
	atomic_t		next_handle;	/* generation of handles */
	spinlock_t		lock;		/* listens, waiters, dead */
	struct list_head	listens;
	struct amrpc_listen	*recent;	/* the one found last */
	unsigned int		nr_listens;
	struct list_head	waiters;	/* threads in getreq that have a cookie */
	bool			dead;
	u32			locate_ms;	/* AMOEBA_LIMITS; 0: none was set */
	u32			timeout_ms;
	u32			getreq_ms;
	atomic64_t		submitted;	/* bytes of requests under way, io_uring's */
	atomic_long_t		kept;		/* bytes of replies kept for amrpc_putrep_keep() */
	/* declared ports: rpc_listen.c */
	wait_queue_head_t	wq;		/* told of requests on them */
	atomic_t		serving;	/* requests in work taken through one */
	spinlock_t		ready_lock;	/* innermost */
	struct rb_root_cached	ready;		/* those that may have one waiting, the oldest first */
	unsigned long		told;		/* jiffies when first told, no sign of life since; 0 */
	bool			served_ours;	/* has accepted a request of our kind */
	struct list_head	node;		/* an->files */
	struct rhash_head	by_addr;	/* an->file_addrs */
	flip_addr_t		addr;
	struct rcu_head		rcu;
	bool			holds;		/* namespace and module; not the kernel's own */
	struct work_struct	free_work;
	struct amrpc_user	*user;		/* who opened it, or NULL: the kernel */
	bool			charged;	/* to it; not while it lingers */
	struct list_head	linger;		/* an->lingering */
	struct list_head	linger_user;	/* user->lingering */
	unsigned long		linger_since;	/* jiffies */
};

struct amrpc_file *amrpc_file_open(struct net *net);
void amrpc_file_close(struct amrpc_file *f);
static inline struct amrpc_file *amrpc_file_get(struct amrpc_file *f)
{
	refcount_inc(&f->ref);
	return f;
}
void amrpc_file_put(struct amrpc_file *f);
int amrpc_files_init(struct amrpc_net *an);
void amrpc_files_exit(struct amrpc_net *an);
struct amrpc_file *amrpc_file_find(struct amrpc_net *an, flip_addr_t addr);
void amrpc_files_kill(struct amrpc_net *an);

/* ---- rpc_resend.c: parts of a message again --------------------------------------------------- */

/**
 * struct amrpc_sent - a message of several packets whose parts may be asked for
 * @known: it is in file->sent
 * @sending: it is under way, all or parts of it: no question is heard
 * @messid: its FLIP message id
 * @total: its length
 * @budget: bytes that may still be sent again
 * @when: jiffies, when it, or the last part asked for, had left
 * @ask: what is asked for
 */
struct amrpc_sent {
	bool			known;
	bool			sending;
	u32			messid;
	u32			total;
	u32			budget;
	unsigned long		when;
	struct amrpc_ask	*ask;
};

struct amrpc_call;
struct amrpc_run;
struct amrpc_tx;
extern const struct flip_reass_ask amrpc_reass_ask;
void amrpc_resend_call(struct amrpc_call *call, u32 messid);
void amrpc_resend_sent(struct amrpc_call *call);
void amrpc_resend_forget(struct amrpc_call *call);
unsigned long amrpc_resend_patience(const struct amrpc_call *call, unsigned long tmo);
void amrpc_resend_request(const struct amrpc_run *r);
void amrpc_resend_tx(struct amrpc_tx *tx, u32 messid);
void amrpc_resend_tx_sent(struct amrpc_tx *tx);
void amrpc_resend_tx_forget(struct amrpc_tx *tx);
bool amrpc_resend_reply(struct amrpc_tx *tx, const struct iov_iter *data);
void amrpc_resend_receive(struct amrpc_file *f, const struct amrpc_wire *w,
			  const struct amrpc_data *d, const struct flip_rx *rx);

/* ---- rpc_client.c ----------------------------------------------------------------------------- */

/* where a port is served, and what is known of the server */
struct amrpc_way {
	flip_addr_t		addr;
	u16			server_idx;
	u16			rtt;
	u16			resp;		/* our kind: time from REQUEST to REPLY, smoothed, ms */
	bool			ours;		/* it said that it is our kind */
	u8			knows;		/* and what it knows, AMRPC_KNOWS_* */
};

struct amrpc_call {
	refcount_t		ref;
	struct amrpc_file	*file;
	spinlock_t		lock;
	struct amrpc_sleeper	sleeper;	/* its thread */
	u16			idx;
	struct mutex		copy;		/* of data straight from or to the client */
	struct amrpc_soon	soon;		/* its thread waits; then */
	struct timer_list	timer;		/* started at */
	unsigned long		until;		/* jiffies */
	struct rcu_head		rcu;
	struct sk_buff		*skb;		/* of an earlier reply, for the next request; its runner's */
	struct amoeba_header	rep;		/* with a REPLY */
	struct {				/* of the call before this one: amrpc_loc_lookup() */
		u64		port;		/* 0: none */
		u32		age;		/* an->ways */
		unsigned long	when;		/* jiffies */
		struct amrpc_way way;
	} last;
	/* from here on cleared for the next call when this one was kept */
	struct amrpc_fsm	m;
	unsigned int		events;		/* AMRPC_EV_* */
	struct amrpc_async	*async;		/* its runner, when that is no thread */
	size_t			room;		/* most data of a reply it takes; 0: all */
	bool			stirred;	/* something it waits for may have come, no event */
	bool			cancelled;	/* AMRPC_EV_CANCEL, once and for all */
	bool			signalled;	/* by one the program handles; its runner's */
	u64			cookie;		/* of the caller, or 0 */
	bool			handed;		/* by a local server to @forward: try that first */
	u64			port;		/* put-port, key form */
	u32			tid;
	u16			server_idx;	/* learnt from HEREIS, ACK */
	u16			rtt;		/* ms */
	u16			resp;		/* our kind: what it takes to answer, ms */
	bool			ours;		/* the peer said that it is our kind */
	u8			knows;		/* and what it knows, AMRPC_KNOWS_* */
	flip_addr_t		peer;
	struct amrpc_sent	sent;		/* the last REQUEST, when it is one of several packets */
	struct task_struct	*sender;	/* sleeps in flip_send_msg(), perhaps */
	unsigned long		left;		/* the last REQUEST, whole; jiffies */
	flip_addr_t		forward;
	struct amrpc_data	data;		/* of the reply */
	struct amrpc_tx		*tx;		/* local: where it is being served */
	/* local, over with @tx (rpc_straight.c) */
	struct mm_struct	*mm;		/* of the client */
	const struct iov_iter	*send;		/* its buffers */
	const struct iov_iter	*recv;
};

void amrpc_call_put(struct amrpc_call *call);
void amrpc_spare_free(struct amrpc_file *f);
void amrpc_call_event(struct amrpc_call *call, unsigned int ev);
void amrpc_call_stir(struct amrpc_call *call);
void amrpc_call_event_locked(struct amrpc_call *call, unsigned int ev);
void amrpc_client_receive(struct amrpc_file *f, const struct amrpc_wire *w, struct amrpc_data *d,
			  const struct flip_rx *rx);
void amrpc_client_undelivered(struct amrpc_file *f, const struct amrpc_wire *w,
			      const struct flip_rx *rx, enum flip_undeliv why);
struct amrpc_call *amrpc_call_new(struct amrpc_file *f, u64 port);
void amrpc_call_end(struct amrpc_call *call);
unsigned int amrpc_call_events(struct amrpc_call *call);
int amrpc_call_send(struct amrpc_call *call, const u8 *hdr, size_t hlen, struct iov_iter *data,
		    struct flip_send *how, long tmo, bool (*stop)(void *call));
int amrpc_signals_pending(void);
void amrpc_count_verdict(struct amrpc_net *an, int verdict);

/* not verdicts: surely not executed, look for a server again */
#define AMRPC_AGAIN	1
#define AMRPC_FORWARDED	4	/* surely not executed, call->forward is where to try */
#define AMRPC_AWAY	5	/* and that is not in this namespace */
#define AMRPC_BUSY	2	/* the same, after a while: the servers here have full queues */
/* nor these: it goes on later */
#define AMRPC_WAITS	6	/* for an event, or the time of amrpc_run_wait() */
#define AMRPC_BLOCKS	7	/* to go on may sleep */

/* where a call is */
enum amrpc_at {
	AMRPC_AT_TOP,		/* nowhere: is there a server? */
	AMRPC_AT_LOCAL,		/* with one of this namespace, or in its queue */
	AMRPC_AT_PAUSE,		/* all of these have full queues */
	AMRPC_AT_LOCATE,	/* looking for one */
	AMRPC_AT_REMOTE,	/* what the machine says */
	AMRPC_AT_END,
};

/* what became of a step */
enum amrpc_ran {
	AMRPC_RUN_WAIT,
	AMRPC_RUN_BLOCKS,
	AMRPC_RUN_END,
	AMRPC_RUN_ON,		/* between steps */
};

/* a call being made: its runner's, between two steps (rpc_client.c) */
struct amrpc_run {
	struct amrpc_call	*call;
	struct amoeba_trans	*t;
	size_t			len;		/* of the request's data */
	const struct iov_iter	*send;		/* over it */
	const struct iov_iter	*recv;		/* room for that of the reply */
	struct amrpc_buf	*buf;		/* what @send is over, when that is the kernel's */
	bool			async;		/* no thread waits */
	bool			may_sleep;
	bool			remote_only;
	u32			locate_ms;
	unsigned long		deadline;	/* jiffies, 0: none */
	unsigned int		rounds;		/* left */
	unsigned int		busy_ms;	/* waited for a place in a queue */
	enum amrpc_at		at;
	bool			timed;		/* it waits until @until at most */
	unsigned long		until;
	bool			local;
	int			verdict;
	int			err;		/* errno for the program, instead of a verdict */
	/* at LOCAL */
	struct amrpc_file	*only;		/* handed over to, or NULL */
	unsigned int		misses;
	bool			straight;	/* the request's data, for this attempt */
	bool			offer;		/* our buffers are with call->tx */
	bool			queued;		/* and no thread has that */
	/* at LOCATE */
	struct amrpc_loc	*loc;
	struct wait_queue_entry	loc_wait;
	bool			locator;
	u16			hops;
	unsigned int		step;		/* ms */
	unsigned int		elapsed;	/* ms */
	unsigned long		since;		/* jiffies */
	/* at REMOTE */
	struct amrpc_act	act;
	bool			sending;	/* a copy is made and has not left, or parts of it */
	unsigned int		ev;		/* what has come before those were sent */
	bool			no_way;		/* for it, at the first attempt */
	unsigned long		sent;		/* jiffies */
	/* from here on not cleared: of a copy, once it is made */
	struct flip_send	how;
	size_t			hlen;
	u8			hdr[AMRPC_MSG_HDR_MAX];
};

int amrpc_run_init(struct amrpc_run *r, struct amrpc_file *f);
enum amrpc_ran amrpc_run_step(struct amrpc_run *r, unsigned int ev);
int amrpc_run_wait(struct amrpc_run *r, unsigned long tmo);
void amrpc_run_end(struct amrpc_run *r, size_t room);

/* jiffies to wait for at most; @deadline 0: none */
static inline unsigned long amrpc_bounded(unsigned long tmo, unsigned long deadline)
{
	if (!deadline)
		return tmo;
	return clamp_t(long, deadline - jiffies, 1, tmo);
}

static inline bool amrpc_expired(unsigned long deadline)
{
	return deadline && time_after_eq(jiffies, deadline);
}

/* ---- rpc_async.c ------------------------------------------------------------------------------ */

/* a call no thread waits for */
struct amrpc_async {
	struct amrpc_net	*an;
	spinlock_t		lock;
	bool			ours;		/* the call is: it has begun and is not over; lock */
	bool			cancelled;	/* lock */
	atomic_t		kicks;		/* 0: idle, 1: it is run, 2: to be run once more */
	struct work_struct	work;
	struct amrpc_place	place;
	struct timer_list	timer;
	struct amoeba_trans	t;		/* what is asked, and how it has ended */
	struct iov_iter		send;
	struct iov_iter		recv;		/* nowhere */
	size_t			room;
	bool			keeps;		/* it is not taken at once: the reply is to be charged */
	struct mem_cgroup	*memcg;		/* of who started it, or NULL */
	struct amrpc_data	data;		/* of the reply, once it has ended */
	void			(*done)(struct amrpc_async *a);
	void			*priv;		/* the owner's, */
	struct list_head	node;		/* this, */
	size_t			charge;		/* and these */
	size_t			reserved;
	struct amrpc_run	run;
};

struct amrpc_async *amrpc_async_new(struct amrpc_buf *data, size_t room,
				    void (*done)(struct amrpc_async *a), void *priv);
int amrpc_async_start(struct amrpc_async *a, struct amrpc_file *f);
void amrpc_async_kick(struct amrpc_async *a);
void amrpc_async_cancel(struct amrpc_async *a);
void amrpc_async_free(struct amrpc_async *a);
struct mem_cgroup *amrpc_call_memcg(struct amrpc_call *call);
void amrpc_call_cut(struct amrpc_call *call);

/* ---- rpc_ack.c --------------------------------------------------------------------------------- */

void amrpc_ack_reply(struct amrpc_file *f, const struct amrpc_wire *w, flip_addr_t peer, u32 flags);
void amrpc_ack_later(struct amrpc_file *f, const struct amrpc_wire *w, flip_addr_t peer);
bool amrpc_ack_with(struct amrpc_file *f, flip_addr_t peer, u32 *tid);
void amrpc_ack_init(struct amrpc_file *f);
void amrpc_ack_close(struct amrpc_file *f);
void amrpc_ack_exit(struct amrpc_file *f);

/* ---- rpc_local.c ------------------------------------------------------------------------------ */

int amrpc_local_begin(struct amrpc_run *r);
int amrpc_local_step(struct amrpc_run *r, unsigned int ev, bool up);
int amrpc_local_reply(struct amrpc_tx *tx, struct amoeba_putrep *p, size_t len,
		      struct iov_iter *send);

/* ---- rpc_straight.c ---------------------------------------------------------------------------- */

/* data of at least that many bytes is copied once; what it costs is in performance.md */
#define AMRPC_STRAIGHT_MIN	(16U << 10)

void amrpc_straight_offer(struct amrpc_call *call, const struct iov_iter *send,
			  const struct iov_iter *recv);
void amrpc_straight_over(struct amrpc_call *call);
int amrpc_straight_take(struct amrpc_tx *tx, struct iov_iter *recv);
void amrpc_straight_miss(struct amrpc_tx *tx);
ssize_t amrpc_straight_give(struct amrpc_tx *tx, struct iov_iter *send, size_t len, size_t *room);

/* ---- rpc_locate.c ----------------------------------------------------------------------------- */

struct amrpc_loc {
	struct rhash_head	node;
	u64			port;
	refcount_t		ref;
	spinlock_t		lock;
	bool			known;
	bool			used;		/* since the LRU looked last */
	bool			hashed;
	struct amrpc_call	*locator;	/* the call that sends LOCATEs */
	struct amrpc_way	way;
	wait_queue_head_t	wq;
	struct list_head	lru;
	struct rcu_head		rcu;
};

bool amrpc_loc_lookup(struct amrpc_call *call);
void amrpc_loc_drop(struct amrpc_net *an, u64 port, flip_addr_t addr);
void amrpc_loc_wake(struct amrpc_net *an, u64 port);
void amrpc_loc_answered(const struct amrpc_call *call, unsigned int ms);
int amrpc_locate_begin(struct amrpc_run *r);
int amrpc_locate_step(struct amrpc_run *r, unsigned int ev, bool up);
void amrpc_locate_hereis(struct amrpc_file *f, const struct amrpc_wire *w,
			 const struct flip_rx *rx);
void amrpc_locate_receive(struct net *net, struct sk_buff *skb, const struct flip_rx *rx);
int amrpc_locs_init(struct amrpc_net *an);
void amrpc_locs_exit(struct amrpc_net *an);

/* ---- rpc_once.c -------------------------------------------------------------------------------- */

struct amrpc_kid {
	struct rhash_head	node;
	u64			kid;
	spinlock_t		lock;
	unsigned long		last;		/* jiffies of the last use */
	bool			gone;		/* taken out of the table, or about to be */
	struct list_head	lru;
	struct amrpc_window	window;
	struct rcu_head		rcu;
};

struct amrpc_kid *amrpc_once_get(struct amrpc_net *an, u64 kid);

/* those of rpc_window.c, now; k->lock held */
static inline enum amrpc_once amrpc_once_check(struct amrpc_kid *k, u32 tid, u32 messid)
{
	lockdep_assert_held(&k->lock);
	return amrpc_window_check(&k->window, tid, messid, jiffies);
}

static inline bool amrpc_once_executed(struct amrpc_kid *k, u32 tid)
{
	lockdep_assert_held(&k->lock);
	return amrpc_window_executed(&k->window, tid);
}

static inline void amrpc_once_mark(struct amrpc_kid *k, u32 tid)
{
	lockdep_assert_held(&k->lock);
	amrpc_window_mark(&k->window, tid, jiffies);
}

static inline void amrpc_once_unmark(struct amrpc_kid *k, u32 tid)
{
	lockdep_assert_held(&k->lock);
	amrpc_window_unmark(&k->window, tid);
}

static inline bool amrpc_once_refuse(struct amrpc_kid *k, u32 tid, u32 messid)
{
	lockdep_assert_held(&k->lock);
	return amrpc_window_refuse(&k->window, tid, messid, jiffies);
}

int amrpc_once_init(struct amrpc_net *an);
void amrpc_once_exit(struct amrpc_net *an);

/* ---- rpc_tx.c ----------------------------------------------------------------------------------- */

struct amrpc_tx {
	refcount_t		ref;
	struct amrpc_net	*an;
	spinlock_t		lock;
	struct rhash_head	hash;
	wait_queue_head_t	wq;		/* putrep of a large reply */
	struct timer_list	timer;
	struct amrpc_soon	soon;		/* REPLIED, and @timer not started yet */
	struct work_struct	work;
	struct amrpc_place	place;		/* of @work, when it sends several packets */
	struct rcu_head		rcu;
	struct amoeba_header	hdr;		/* of the request */
	u8			rep[AMRPC_MSG_HDR_MAX];	/* headers of the reply, once there is one */
	/* from here on cleared for the next transaction when this one was kept */
	struct amrpc_file	*file;		/* NULL for a local one in port->queue */
	struct amrpc_queue	*queue;		/* it stands in; port->lock */
	struct amrpc_listen	*listen;	/* it was taken through, while SERVING */
	struct list_head	node;		/* queue->list */
	u64			seq;		/* order of arrival among the port's queues */
	enum amrpc_tx_state	state;
	u32			claimed;	/* by a putrep; xchg() */
	u64			handle;		/* generation << 16 | idx */
	struct amrpc_data	data;
	bool			straight;	/* local: the data is in the client's buffer still */
	struct amrpc_call	*call;		/* local client, or NULL */
	/* remote client */
	struct {
		flip_addr_t	peer;
		u32		tid;
		u32		zero;
	} key;
	u64			kid;
	u64			port;
	u32			req_messid;
	u16			req_dest;
	u16			client_idx;
	u16			idx;
	bool			hashed;
	bool			in_front;	/* in an->tx_front, not an->txs; while @hashed */
	bool			secure;
	bool			signalled;	/* the client has passed on a signal */
	bool			declared;	/* counted in file->serving */
	unsigned int		nr_on;
	struct amrpc_wait_on	*on;		/* @nr_on listens the thread that has it is at work for */
	/* reply */
	bool			wide;		/* as the request, so the reply */
	bool			forwarded;	/* the reply is a FORWARD */
	struct sk_buff		*skb;		/* the request came in it, for the reply; who serves it */
	struct amrpc_buf	*rep_data;
	size_t			rep_len;
	struct amrpc_txfsm	m;
	struct amrpc_sent	sent;		/* the reply, when it is one of several packets */
	bool			sync;		/* large reply: its putrep waits and resends */
	unsigned int		ask_ms;		/* after it: when to ask for the ACK */
	bool			unsent;		/* tx->work sends the first copy */
	bool			kept;		/* large, and counted in file->kept */
	bool			resend;		/* asked for again (NAK), or came back */
	bool			inval;		/* the resent one relocates the client */
	bool			lost;		/* ended without an acknowledgement */
	unsigned long		ask_at;		/* jiffies */
};

struct amrpc_tx *amrpc_tx_new(struct amrpc_file *f, gfp_t gfp);
void amrpc_spare_tx_free(struct amrpc_file *f);
struct amrpc_tx *amrpc_tx_new_local(struct amrpc_call *call, const struct amoeba_header *req,
				    struct amrpc_buf *buf, size_t len);
void amrpc_tx_put(struct amrpc_tx *tx);
void amrpc_tx_arm(struct amrpc_tx *tx, unsigned int ms);
void amrpc_tx_arm_soon(struct amrpc_tx *tx, unsigned int ms);
void amrpc_tx_disarm(struct amrpc_tx *tx);
struct amrpc_tx *amrpc_tx_find(struct amrpc_net *an, flip_addr_t peer, u32 tid);
int amrpc_tx_hash(struct amrpc_tx *tx);
void amrpc_tx_unhash(struct amrpc_tx *tx);
void amrpc_tx_finish(struct amrpc_tx *tx, bool lost);
unsigned int amrpc_tx_end(struct amrpc_tx *tx, bool lost);
void amrpc_tx_ended(struct amrpc_tx *tx, unsigned int how);
bool amrpc_tx_withdraw(struct amrpc_tx *tx);
void amrpc_tx_send(struct amrpc_tx *tx, u8 type, u8 wflags, u32 fflags, u32 ltime);
void amrpc_txs_hurry(const struct amrpc_file *f);
void amrpc_txs_kill(struct amrpc_net *an);
int amrpc_txs_init(struct amrpc_net *an);
void amrpc_txs_exit(struct amrpc_net *an);

/* ---- rpc_server.c, rpc_getreq.c, rpc_served.c, rpc_reply.c ---------------------------------------------------- */

void amrpc_server_request(struct amrpc_file *f, const struct amrpc_wire *w,
			  struct amrpc_data *d, const struct flip_rx *rx);
bool amrpc_server_receive(struct amrpc_file *f, const struct amrpc_wire *w,
			  const struct flip_rx *rx);
void amrpc_server_acked(struct amrpc_file *f, flip_addr_t peer, u32 tid);
void amrpc_server_undelivered(struct amrpc_file *f, const struct amrpc_wire *w,
			      const struct flip_rx *rx, enum flip_undeliv why);
void amrpc_tx_refuse(struct amrpc_tx *tx);

int amrpc_getreq(struct amrpc_file *f, struct amoeba_getreq *g, const u64 *ports,
		 struct iov_iter *recv);
void amrpc_getreq_untold(struct amrpc_file *f, u64 handle);
void amrpc_give_back(struct list_head *queue);
void amrpc_listen_released(struct amrpc_tx *tx);
void amrpc_server_close(struct amrpc_file *f);

int amrpc_putrep(struct amrpc_file *f, struct amoeba_putrep *p, size_t len,
		 struct iov_iter *send);
int amrpc_putrep_keep(struct amrpc_file *f, struct amoeba_putrep *p, size_t len,
		      struct iov_iter *send, size_t keep);
void amrpc_served_init(struct amrpc_file *f);
void amrpc_served_exit(struct amrpc_file *f);
int amrpc_served_add(struct amrpc_file *f, struct amrpc_tx *tx, u32 *idx);
struct amrpc_tx *amrpc_served_get(struct amrpc_file *f, u64 handle);
void amrpc_served_del(struct amrpc_file *f, u32 idx);
struct amrpc_tx *amrpc_served_take(struct amrpc_file *f);
struct amrpc_tx *amrpc_served_claim(struct amrpc_file *f, u64 handle);
void amrpc_served_end(struct amrpc_file *f, struct amrpc_tx *tx, int err);
void amrpc_reply_resend(struct amrpc_tx *tx, bool inval);
void amrpc_reply_ask(struct amrpc_tx *tx, const struct amrpc_tx_act *act);
void amrpc_tx_timer(struct timer_list *t);
void amrpc_tx_work(struct work_struct *work);
void amrpc_tx_work_later(struct amrpc_tx *tx);

/* ---- rpc_port.c -------------------------------------------------------------------------------- */

/* accepted requests no thread has taken yet; port->lock */
struct amrpc_queue {
	struct list_head	list;		/* struct amrpc_tx */
	unsigned int		len;
	size_t			bytes;
};

struct amrpc_port {
	struct rhash_head	node;
	u64			port;		/* put-port */
	spinlock_t		lock;
	struct list_head	listens;
	struct amrpc_queue	queue;		/* local requests: for any of the listens */
	struct rcu_head		rcu;
};

struct amrpc_listen {
	struct amrpc_port	*port;
	struct rhash_head	by_get;		/* an->listens; changed under file->lock */
	struct {
		struct amrpc_file	*file;
		u64			get;	/* get-port; never leaves the kernel */
	} key;
	struct amrpc_file	*file;
	struct list_head	on_port;
	struct list_head	on_file;
	atomic_t		users;		/* threads that work with it; negative: it is going */
	struct list_head	waiters;	/* struct amrpc_wait_on */
	struct amrpc_queue	queue;		/* remote requests: addressed to this file */
	atomic_t		serving;	/* taken, through it or its list, and not answered; raised under
						 * port->lock
						 */
	unsigned long		last;		/* jiffies of the last getreq or putrep */
	bool			declared;	/* by AMOEBA_LISTEN; file->lock and port->lock */
	bool			off;		/* taken back, and not waited for since */
	struct rb_node		ready;		/* file->ready */
	u64			ready_seq;	/* nothing that waits for it came earlier */
	struct rcu_head		rcu;
};

/* a thread in getreq; it stands in line at each of its ports, and whoever sets @tx first has it */
struct amrpc_waiter {
	struct amrpc_sleeper	sleeper;
	struct task_struct	*task;		/* whose it is */
	struct amrpc_tx		*tx;		/* cmpxchg() from NULL: its request, or why none */
	u64			cookie;		/* of the caller, or 0 */
	bool			cancelled;	/* not to be waited any more; file->lock */
	struct list_head	on_file;	/* file->waiters */
	unsigned int		nr;
	struct amrpc_wait_on	*on;		/* @nr of them */
};

struct amrpc_wait_on {
	struct list_head	node;		/* listen->waiters; port->lock */
	struct amrpc_listen	*listen;
	struct amrpc_waiter	*w;
};

struct amrpc_listen *amrpc_listen_find(struct amrpc_file *f, u64 get);
struct amrpc_listen *amrpc_listen_get(struct amrpc_file *f, u64 get);
void amrpc_listen_put(struct amrpc_listen *l);
void amrpc_listen_free(struct amrpc_listen *l, struct list_head *queue);
bool amrpc_listen_alive(const struct amrpc_listen *l);
void amrpc_listen_take(struct amrpc_listen *l, struct amrpc_tx *tx);
void amrpc_listen_purge(struct amrpc_listen *l, struct list_head *to);
void amrpc_enqueue(struct amrpc_port *p, struct amrpc_queue *q, struct amrpc_tx *tx, bool head);
void amrpc_unqueue(struct amrpc_tx *tx);
bool amrpc_port_peek(struct amrpc_listen *l, u64 *seq);
struct amrpc_tx *amrpc_port_next(struct amrpc_listen *l);
void amrpc_port_return(struct amrpc_listen *l, struct amrpc_tx *tx);
struct amrpc_port *amrpc_port_find(struct amrpc_net *an, u64 port);	/* rcu */
bool amrpc_port_served(struct amrpc_net *an, u64 port, const struct amrpc_file *only);
int amrpc_port_deliver(struct amrpc_net *an, u64 port, struct amrpc_file *only,
		       struct amrpc_tx *tx);
struct flip_ep *amrpc_port_answer(struct amrpc_net *an, u64 port, u16 *idx,
				  struct amrpc_file **file);
int amrpc_ports_init(struct amrpc_net *an);
void amrpc_ports_exit(struct amrpc_net *an);

/* ---- rpc_listen.c ------------------------------------------------------------------------------- */

int amrpc_listen(struct amrpc_file *f, const u64 *ports, unsigned int nr);
int amrpc_unlisten(struct amrpc_file *f, const u64 *ports, unsigned int nr);
__poll_t amrpc_listen_poll(struct amrpc_file *f);
struct amrpc_tx *amrpc_listened_next(struct amrpc_file *f);
void amrpc_listen_ready(struct amrpc_listen *l, u64 seq);
void amrpc_listen_unready(struct amrpc_listen *l);
void amrpc_listen_reap(struct amrpc_file *f);

/* a file that serves shows that it lives */
static inline void amrpc_file_lives(struct amrpc_file *f)
{
	if (READ_ONCE(f->told))
		WRITE_ONCE(f->told, 0);
}

/* ---- rpc_forward.c ------------------------------------------------------------------------------ */

int amrpc_forward(struct amrpc_file *f, struct amoeba_forward *fw);
bool amrpc_forward_again(struct amrpc_tx *tx);

/* ---- rpc_cancel.c ------------------------------------------------------------------------------- */

int amrpc_cancel(struct amrpc_file *f, u64 cookie);
void amrpc_cancel_all(struct amrpc_file *f);

/* ---- rpc_rx.c ------------------------------------------------------------------------------------ */

extern const struct flip_ep_ops amrpc_ep_ops;

int amrpc_send_ctl(struct amrpc_file *f, flip_addr_t to, const struct amrpc_wire *w, u32 flags,
		   u32 ltime_ms, u32 *messid);
int amrpc_send_one(struct amrpc_file *f, struct sk_buff *skb, const void *hdr, size_t hlen,
		   struct iov_iter *data, size_t len, struct flip_send *how);

/* ---- rpc_skb.c ----------------------------------------------------------------------------------- */

struct sk_buff *amrpc_skb_again(struct sk_buff *skb, size_t len);

/* ---- rpc_kobj.c ---------------------------------------------------------------------------------- */

struct seq_file;
int amrpc_kobj_show(struct seq_file *m, struct amrpc_net *an);
void amrpc_kobj_exit(struct amrpc_net *an);

/* ---- rpc_sock.c ------------------------------------------------------------------------------------ */

int amrpc_sock_init(void);
void amrpc_sock_exit(void);

/* ---- rpc_dev.c, rpc_uring.c, rpc_proc.c ---------------------------------------------------------------------- */

struct io_uring_cmd;
int amrpc_uring_cmd(struct io_uring_cmd *cmd, unsigned int flags);
int amrpc_trans_in(struct amoeba_trans *t, void __user *arg, size_t usize);
int amrpc_trans_out(void __user *arg, const struct amoeba_trans *t, size_t usize);
long amrpc_dev_serve(struct amrpc_file *f, unsigned int cmd, void __user *arg, bool nonblock);
int amrpc_dev_init(void);
void amrpc_dev_exit(void);
int amrpc_proc_init(struct amrpc_net *an);
void amrpc_proc_exit(struct amrpc_net *an);

/* ---- rpc_sysctl.c ------------------------------------------------------------------------------- */

bool amrpc_group_allowed(struct net *net);
int amrpc_sysctl_init(struct amrpc_net *an);
void amrpc_sysctl_exit(struct amrpc_net *an);

#endif /* _AMRPC_H */
