// SPDX-License-Identifier: GPL-2.0-only
/*
 * socket(flip_family(), SOCK_SEQPACKET, FLIPPROTO_RPC): transactions for event loops; Documentation/amoeba.7.
 *
 * DESIGN NOTES
 *
 * A socket is an open file of its own (struct amrpc_file, one FLIP identity) in another dress. The first
 * bind(2) makes it a server, the first connect(2) or request a client, for good.
 *
 * Server. Its ports are declared ones (rpc_listen.c); recvmsg(2) is getreq for any of them, sendmsg(2) is
 * putrep. Without waiting (MSG_DONTWAIT), replies of several packets are kept and sent by the workqueue.
 *
 * Client. sendmsg(2) starts an asynchronous call (rpc_async.c), which joins rs->ended when it is over;
 * recvmsg(2) takes them from there. What a call may take is taken before it begins: its request, and
 * itself, from SO_SNDBUF until it has ended; the room for its reply, and itself once more, from SO_RCVBUF until
 * that is read. So a reply never finds the buffer full, and nothing grows with what others send. While there is
 * anything left of both, a call may begin, so each is exceeded by less than one call, none of which is larger
 * than a buffer.
 *
 * Locks. lock_sock() covers the role; rs->lock (spin; done in process context only) the counts and the list.
 * Neither is held while anything sleeps for the network. The wait queue of the socket is told of
 * both: rs->told stands in file->wq, whose users may hold a port->lock, and passes on.
 *
 * Closing. Calls under way are told to end, as those of a process that is killed, and free themselves: each
 * has a reference to the socket, which has the network namespace and the module. The file goes with the
 * last of them.
 */
#include <linux/module.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/amcap.h>
#include <net/compat.h>
#include <net/sock.h>

#include "rpc.h"

MODULE_ALIAS("net-pf-18-proto-1");

#define SOCK_BUF	(4U << 20)	/* SO_SNDBUF and SO_RCVBUF of a new one, bytes */
#define SOCK_CALL	2048		/* a call, besides its data; rounded up */

enum role {
	SOCK_NEW,
	SOCK_SERVER,
	SOCK_CLIENT,
};

struct amrpc_sock {
	struct sock		sk;		/* must be first */
	struct amrpc_file	*file;
	enum role		role;		/* lock_sock() to change it */
	u64			port;		/* put-port connected to, or the first one served; 0 */
	struct wait_queue_entry	told;		/* in file->wq */
	spinlock_t		lock;
	struct list_head	ended;		/* struct amrpc_async, not read */
	bool			closed;
	size_t			sent;		/* bytes of SO_SNDBUF in use */
	size_t			reserved;	/* bytes of SO_RCVBUF */
};

static struct proto amrpc_proto = {
	.name		= "AMOEBA",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct amrpc_sock),
};

static struct lock_class_key amrpc_slock_key, amrpc_lock_key;

static struct amrpc_sock *amrpc_sk(const struct socket *sock)
{
	return container_of(sock->sk, struct amrpc_sock, sk);
}

/* ---- waking ------------------------------------------------------------------------------------ */

/* any context */
static void wake(struct amrpc_sock *rs, __poll_t key)
{
	struct socket_wq *wq;

	rcu_read_lock();
	wq = rcu_dereference(rs->sk.sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, key);
	if (key & EPOLLIN)
		sk_wake_async(&rs->sk, SOCK_WAKE_WAITD, POLL_IN);
	rcu_read_unlock();
}

static int told(struct wait_queue_entry *wait, unsigned int mode, int flags, void *key)
{
	wake(container_of(wait, struct amrpc_sock, told), key_to_poll(key));
	return 0;
}

/* ---- control messages ---------------------------------------------------------------------------- */

static size_t cmsg_least(unsigned int flags)
{
#ifdef CONFIG_COMPAT
	if (flags & MSG_CMSG_COMPAT)
		return sizeof(struct compat_cmsghdr) + sizeof(struct amoeba_msg);
#endif
	return CMSG_LEN(sizeof(struct amoeba_msg));
}

/* take it in; 1: there was one, 0: none, @m is zero */
static int cmsg_in(struct msghdr *msg, struct amoeba_msg *m)
{
	struct cmsghdr *c;
	bool seen = false;
	size_t n;

	BUILD_BUG_ON(sizeof(*m) != AMOEBA_MSG_MIN);
	memset(m, 0, sizeof(*m));
	if (!msg->msg_controllen)
		return 0;
	for_each_cmsghdr(c, msg) {
		if (!CMSG_OK(msg, c))
			return -EINVAL;
		if (c->cmsg_level != SOL_AMOEBA)
			continue;
		n = c->cmsg_len - sizeof(*c);
		if (c->cmsg_type != AMOEBA_MSG || seen || n < AMOEBA_MSG_MIN)
			return -EINVAL;
		seen = true;
		memcpy(m, CMSG_DATA(c), sizeof(*m));
		if (memchr_inv(CMSG_DATA(c) + sizeof(*m), 0, n - sizeof(*m)))
			return -E2BIG;
	}
	if (m->reserved || !amrpc_header_ok(&m->hdr))
		return -EINVAL;
	return seen;
}

/* the data has been copied, @port is what was called; the result of recvmsg(2), or -EFAULT */
static int msg_out(struct msghdr *msg, struct amoeba_msg *m, const u8 port[8], size_t copied,
		   int flags)
{
	int err = put_cmsg(msg, SOL_AMOEBA, AMOEBA_MSG, sizeof(*m), m);

	if (err)
		return err;
	if (msg->msg_name)
		msg->msg_namelen = flip_sockaddr_put(msg->msg_name, flip_addr_load(port), 0);
	if (m->len > copied)
		msg->msg_flags |= MSG_TRUNC;
	return flags & MSG_TRUNC ? m->len : copied;
}

/* ---- clients ------------------------------------------------------------------------------------ */

/* may a call begin? The last one may go beyond, so that poll(2) knows without its length */
static bool may_begin(const struct amrpc_sock *rs)
{
	return rs->sent < READ_ONCE(rs->sk.sk_sndbuf) && rs->reserved < READ_ONCE(rs->sk.sk_rcvbuf);
}

static bool charge(struct amrpc_sock *rs, size_t bytes, size_t room)
{
	bool ok;

	spin_lock(&rs->lock);
	ok = may_begin(rs);
	if (ok) {
		rs->sent += bytes;
		rs->reserved += room;
	}
	spin_unlock(&rs->lock);
	return ok;
}

static void uncharge(struct amrpc_sock *rs, size_t bytes, size_t room)
{
	spin_lock(&rs->lock);
	rs->sent -= bytes;
	rs->reserved -= room;
	spin_unlock(&rs->lock);
	wake(rs, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
}

/* a call has ended: for recvmsg(2), or nobody wants to know; process context */
static void ended(struct amrpc_async *a)
{
	struct amrpc_sock *rs = a->priv;
	bool closed;

	spin_lock(&rs->lock);
	closed = rs->closed;
	if (!closed) {
		list_add_tail(&a->node, &rs->ended);
		rs->sent -= a->charge;
	}
	spin_unlock(&rs->lock);
	if (closed)
		amrpc_async_free(a);
	else
		wake(rs, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	sock_put(&rs->sk);
}

/* wait for the room a call takes; 0, or -EAGAIN, -EINTR ... */
static int wait_room(struct amrpc_sock *rs, size_t bytes, size_t room, bool nonblock)
{
	long timeo = sock_sndtimeo(&rs->sk, nonblock);
	bool ok = charge(rs, bytes, room);
	long left;

	if (ok)
		return 0;
	if (nonblock)
		return -EAGAIN;
	left = flip_wait_interruptible(*sk_sleep(&rs->sk), (ok = charge(rs, bytes, room)), timeo);
	if (ok)
		return 0;
	return left < 0 ? sock_intr_errno(timeo) : -EAGAIN;
}

/* which port is a request for? */
static int find_port(const struct amrpc_sock *rs, struct msghdr *msg, struct amoeba_header *h)
{
	flip_addr_t addr;
	int err;

	if (msg->msg_name) {
		err = flip_sockaddr_get(msg->msg_name, msg->msg_namelen, &addr);
		if (err)
			return err;
		flip_addr_store(h->port, addr);
		if (!amrpc_header_ok(h))
			return -EINVAL;
	} else if (!amrpc_port_key(h->port) && READ_ONCE(rs->port)) {
		amrpc_port_bytes(READ_ONCE(rs->port), h->port);
	}
	return amrpc_port_key(h->port) ? 0 : -EDESTADDRREQ;
}

static int client_send(struct amrpc_sock *rs, struct msghdr *msg, size_t len,
		       struct amoeba_msg *m)
{
	size_t room = m->room, bytes = len + SOCK_CALL, reserved;
	struct amrpc_buf *buf = NULL;
	struct amrpc_async *a;
	int err;

	if (m->flags & ~AMOEBA_MSG_FLAGS)
		return -EINVAL;
	if (m->flags & AMOEBA_MSG_CANCEL) {
		if (!m->handle || len || msg->msg_name)
			return -EINVAL;
		return min(amrpc_cancel(rs->file, m->handle), 0);
	}
	err = find_port(rs, msg, &m->hdr);
	if (err)
		return err;
	if (!room)
		room = min(AMOEBA_MSG_ROOM, READ_ONCE(rs->sk.sk_rcvbuf) / 2);
	if (len > READ_ONCE(rs->sk.sk_sndbuf) || room > READ_ONCE(rs->sk.sk_rcvbuf) ||
	    len > AMOEBA_MAX_DATA)
		return -EMSGSIZE;
	reserved = room + SOCK_CALL;
	err = wait_room(rs, bytes, reserved, msg->msg_flags & MSG_DONTWAIT);
	if (err)
		return err;
	if (len) {
		buf = amrpc_buf_request(rs->file, &msg->msg_iter, len);
		if (IS_ERR(buf)) {
			err = PTR_ERR(buf);
			goto uncharge;
		}
	}
	err = -ENOMEM;
	a = amrpc_async_new(buf, room, ended, rs);
	if (!a) {
		amrpc_buf_free(buf);
		goto uncharge;
	}
	a->charge = bytes;
	a->reserved = reserved;
	a->keeps = true;
	a->t.req = m->hdr;
	a->t.flags = m->flags & AMOEBA_TRANS_FLAGS;
	a->t.locate_ms = m->locate_ms;
	a->t.timeout_ms = m->timeout_ms;
	a->t.cookie = m->handle;
	sock_hold(&rs->sk);
	err = amrpc_async_start(a, rs->file);
	if (!err)
		return len;
	amrpc_async_free(a);
	sock_put(&rs->sk);
uncharge:
	uncharge(rs, bytes, reserved);
	return err;
}

static struct amrpc_async *next_ended(struct amrpc_sock *rs)
{
	struct amrpc_async *a;

	spin_lock(&rs->lock);
	a = list_first_entry_or_null(&rs->ended, struct amrpc_async, node);
	if (a)
		list_del(&a->node);
	spin_unlock(&rs->lock);
	return a;
}

/* it was not read after all */
static void put_back(struct amrpc_sock *rs, struct amrpc_async *a)
{
	spin_lock(&rs->lock);
	list_add(&a->node, &rs->ended);
	spin_unlock(&rs->lock);
	wake(rs, EPOLLIN | EPOLLRDNORM);
}

static int client_recv(struct amrpc_sock *rs, struct msghdr *msg, int flags)
{
	bool nonblock = flags & MSG_DONTWAIT;
	long left = 0, timeo = sock_rcvtimeo(&rs->sk, nonblock);
	struct amrpc_async *a = next_ended(rs);
	struct amoeba_msg m = {};
	size_t reserved;
	ssize_t copied = 0;

	if (!a && !nonblock)
		left = flip_wait_interruptible(*sk_sleep(&rs->sk), (a = next_ended(rs)), timeo);
	if (!a)
		return left < 0 ? sock_intr_errno(timeo) : -EAGAIN;
	if (a->data.len) {
		struct iov_iter it = msg->msg_iter;

		iov_iter_truncate(&it, a->room);
		copied = a->room ? amrpc_data_copy(&a->data, &it) : 0;
	}
	if (copied < 0) {
		put_back(rs, a);
		return copied;
	}
	m.handle = a->t.cookie;
	m.verdict = a->t.verdict;
	m.error = -a->run.err;
	if (!m.error && m.verdict == AMOEBA_RPC_OK) {
		m.hdr = a->t.rep;
		m.len = a->t.rep_len;
		m.out_flags = a->t.out_flags & ~AMOEBA_OUT_TRUNC;
		if (m.len > copied)
			m.out_flags |= AMOEBA_OUT_TRUNC;
	}
	copied = msg_out(msg, &m, a->t.req.port, copied, flags);
	if (copied < 0) {
		put_back(rs, a);
		return copied;
	}
	reserved = a->reserved;
	amrpc_async_free(a);
	uncharge(rs, 0, reserved);
	return copied;
}

/* ---- servers ------------------------------------------------------------------------------------ */

/* hand a request over to the server with the message's FLIP address */
static int server_forward(struct amrpc_sock *rs, struct msghdr *msg, size_t len, u64 handle)
{
	struct amoeba_forward fw = { .handle = handle };
	flip_addr_t addr;
	int err;

	if (len || !msg->msg_name)
		return -EINVAL;
	err = flip_sockaddr_get(msg->msg_name, msg->msg_namelen, &addr);
	if (err)
		return err;
	flip_addr_store(fw.address, addr);
	err = amrpc_forward(rs->file, &fw);
	if (err)
		return err;
	return fw.verdict == AMOEBA_RPC_OK ? 0 : -ECONNRESET;
}

static int server_send(struct amrpc_sock *rs, struct msghdr *msg, size_t len,
		       const struct amoeba_msg *m)
{
	struct amoeba_putrep p = { .hdr = m->hdr, .handle = m->handle };
	size_t keep = 0;
	int err;

	if (m->flags == AMOEBA_MSG_FORWARD)
		return server_forward(rs, msg, len, m->handle);
	if (m->flags || msg->msg_name)
		return -EINVAL;
	if (len > AMOEBA_MAX_DATA)
		return -EMSGSIZE;
	if (msg->msg_flags & MSG_DONTWAIT) {
		keep = READ_ONCE(rs->sk.sk_sndbuf);
		if (len > keep)
			return -EMSGSIZE;
	}
	err = amrpc_putrep_keep(rs->file, &p, len, &msg->msg_iter, keep);
	if (err)
		return err;
	return p.verdict == AMOEBA_RPC_OK ? len : -ECONNRESET;
}

static int server_recv(struct amrpc_sock *rs, struct msghdr *msg, int flags)
{
	bool nonblock = flags & MSG_DONTWAIT;
	struct amoeba_getreq g = { .flags = AMOEBA_GETREQ_LISTENED };
	long timeo = sock_rcvtimeo(&rs->sk, nonblock);
	size_t room = iov_iter_count(&msg->msg_iter);
	struct amoeba_msg m = {};
	int err;

	if (nonblock)
		g.flags |= AMOEBA_GETREQ_NONBLOCK;
	else if (timeo != MAX_SCHEDULE_TIMEOUT)
		g.timeout_ms = max(jiffies_to_msecs(timeo), 1U);
	err = amrpc_getreq(rs->file, &g, NULL, &msg->msg_iter);
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	if (err == -EINTR)
		return sock_intr_errno(timeo);
	if (err)
		return err;
	m.hdr = g.hdr;
	m.handle = g.handle;
	m.len = g.len;
	m.out_flags = g.out_flags;
	err = msg_out(msg, &m, m.hdr.port, min_t(u64, g.len, room), flags);
	if (err < 0)
		amrpc_getreq_untold(rs->file, g.handle);
	return err;
}

/* ---- the socket --------------------------------------------------------------------------------- */

/* it is going to be one; false: it is another */
static bool take_role(struct amrpc_sock *rs, enum role role)
{
	sock_owned_by_me(&rs->sk);
	if (rs->role == SOCK_NEW)
		WRITE_ONCE(rs->role, role);
	return rs->role == role;
}

static int amrpc_sock_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct amrpc_sock *rs = amrpc_sk(sock);
	struct amoeba_msg m;
	int ret;

	if (msg->msg_flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR | MSG_CMSG_COMPAT))
		return -EOPNOTSUPP;
	ret = cmsg_in(msg, &m);
	if (ret < 0)
		return ret;
	if (READ_ONCE(rs->role) == SOCK_SERVER)
		return ret ? server_send(rs, msg, len, &m) : -EINVAL;
	if (READ_ONCE(rs->role) == SOCK_NEW) {
		bool ok;

		lock_sock(&rs->sk);
		ok = take_role(rs, SOCK_CLIENT);
		release_sock(&rs->sk);
		if (!ok)	/* just bound */
			return -EINVAL;
	}
	return client_send(rs, msg, len, &m);
}

static int amrpc_sock_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)
{
	struct amrpc_sock *rs = amrpc_sk(sock);

	if (flags & ~(MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC | MSG_CMSG_COMPAT |
		      MSG_NOSIGNAL | MSG_WAITALL))
		return -EOPNOTSUPP;
	/* what nobody could answer, or tell from others, is not taken */
	if (!msg->msg_control || msg->msg_controllen < cmsg_least(flags))
		return -EINVAL;
	switch (READ_ONCE(rs->role)) {
	case SOCK_SERVER:
		return server_recv(rs, msg, flags);
	case SOCK_CLIENT:
		return client_recv(rs, msg, flags);
	default:
		return -ENOTCONN;
	}
}

/* a port given as an address, in key form; 0: null */
static int addr_port(flip_sockaddr_t *addr, int len, u64 *port)
{
	struct amoeba_header h = {};
	flip_addr_t a;
	int err;

	err = flip_sockaddr_get((struct sockaddr_flip *)addr, len, &a);
	if (err)
		return err;
	flip_addr_store(h.port, a);
	*port = amrpc_port_key(h.port);
	return amrpc_header_ok(&h) ? 0 : -EINVAL;
}

static int amrpc_sock_bind(struct socket *sock, flip_sockaddr_t *addr, int len)
{
	struct amrpc_sock *rs = amrpc_sk(sock);
	u8 get[AMOEBA_PORT_SIZE], put[AMOEBA_PORT_SIZE];
	u64 port;
	int err;

	err = addr_port(addr, len, &port);
	if (err)
		return err;
	while (!port) {
		get_random_bytes(get, sizeof(get));
		port = amrpc_port_key(get);
	}
	lock_sock(&rs->sk);
	err = -EINVAL;
	if (rs->role != SOCK_CLIENT)
		err = amrpc_listen(rs->file, &port, 1);
	if (!err && take_role(rs, SOCK_SERVER) && !rs->port) {
		amrpc_port_bytes(port, get);
		amcap_one_way(get, put);
		WRITE_ONCE(rs->port, amrpc_port_key(put));
	}
	release_sock(&rs->sk);
	memzero_explicit(get, sizeof(get));
	return err;
}

static int amrpc_sock_connect(struct socket *sock, flip_sockaddr_t *addr, int len, int flags)
{
	struct amrpc_sock *rs = amrpc_sk(sock);
	u64 port;
	int err;

	err = addr_port(addr, len, &port);
	if (err)
		return err;
	lock_sock(&rs->sk);
	if (take_role(rs, SOCK_CLIENT))
		WRITE_ONCE(rs->port, port);	/* null: to none again */
	else
		err = -EINVAL;
	release_sock(&rs->sk);
	return err;
}

static int amrpc_sock_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	struct amrpc_sock *rs = amrpc_sk(sock);
	u64 port = READ_ONCE(rs->port);
	u8 bytes[FLIP_ADDR_SIZE] = {};

	if (peer && (READ_ONCE(rs->role) != SOCK_CLIENT || !port))
		return -ENOTCONN;
	if (peer || READ_ONCE(rs->role) == SOCK_SERVER)
		amrpc_port_bytes(port, bytes);
	return flip_sockaddr_put((struct sockaddr_flip *)addr, flip_addr_load(bytes), 0);
}

static int amrpc_sock_getsockopt(struct socket *sock, int level, int name, char __user *optval,
				 int __user *optlen)
{
	u8 addr[FLIP_ADDR_SIZE];
	int len;

	if (level != SOL_AMOEBA || name != AMOEBA_ADDRESS)
		return -ENOPROTOOPT;
	if (get_user(len, optlen))
		return -EFAULT;
	if (len < (int)sizeof(addr))
		return -EINVAL;
	flip_addr_store(addr, flip_ep_addr(amrpc_sk(sock)->file->ep));
	if (put_user((int)sizeof(addr), optlen) || copy_to_user(optval, addr, sizeof(addr)))
		return -EFAULT;
	return 0;
}

static __poll_t amrpc_sock_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct amrpc_sock *rs = amrpc_sk(sock);
	__poll_t mask = 0;
	bool out;

	sock_poll_wait(file, sock, wait);
	if (READ_ONCE(rs->role) == SOCK_SERVER) {
		out = atomic_long_read(&rs->file->kept) < READ_ONCE(rs->sk.sk_sndbuf);
		mask = amrpc_listen_poll(rs->file);
	} else {
		spin_lock(&rs->lock);
		if (!list_empty(&rs->ended))
			mask = EPOLLIN | EPOLLRDNORM;
		out = may_begin(rs);
		spin_unlock(&rs->lock);
	}
	if (out)
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return mask;
}

static int amrpc_sock_release(struct socket *sock)
{
	struct amrpc_async *a, *next;
	struct amrpc_sock *rs;
	LIST_HEAD(unread);

	if (!sock->sk)
		return 0;
	rs = amrpc_sk(sock);
	remove_wait_queue(&rs->file->wq, &rs->told);
	spin_lock(&rs->lock);
	rs->closed = true;
	list_splice_init(&rs->ended, &unread);
	spin_unlock(&rs->lock);
	list_for_each_entry_safe(a, next, &unread, node)
		amrpc_async_free(a);
	sock_orphan(&rs->sk);
	sock->sk = NULL;
	if (rs->role == SOCK_CLIENT) {
		amrpc_cancel_all(rs->file);
		flip_ep_abort(rs->file->ep);
	}
	amrpc_file_close(rs->file);
	rs->file = NULL;
	sock_put(&rs->sk);
	return 0;
}

static const struct proto_ops amrpc_sock_ops = {
	.family		= PF_UNSPEC,
	.owner		= THIS_MODULE,
	.release	= amrpc_sock_release,
	.bind		= amrpc_sock_bind,
	.connect	= amrpc_sock_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= sock_no_accept,
	.getname	= amrpc_sock_getname,
	.poll		= amrpc_sock_poll,
	.ioctl		= sock_no_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= sock_no_listen,
	.shutdown	= sock_no_shutdown,
	.getsockopt	= amrpc_sock_getsockopt,
	.sendmsg	= amrpc_sock_sendmsg,
	.recvmsg	= amrpc_sock_recvmsg,
	.mmap		= sock_no_mmap,
};

static int amrpc_sock_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	struct amrpc_file *f;
	struct amrpc_sock *rs;
	struct sock *sk;

	if (!kern && !amrpc_group_allowed(net))
		return -EPERM;
	f = amrpc_file_open(net);
	if (IS_ERR(f))
		return PTR_ERR(f);
	sk = sk_alloc(net, flip_family, GFP_KERNEL, &amrpc_proto, kern);
	if (!sk) {
		amrpc_file_close(f);
		return -ENOBUFS;
	}
	sock->ops = &amrpc_sock_ops;
	sock_init_data(sock, sk);
	sock_lock_init_class_and_name(sk, "slock-AF_FLIP-RPC", &amrpc_slock_key,
				      "sk_lock-AF_FLIP-RPC", &amrpc_lock_key);
	sk->sk_protocol = protocol;
	WRITE_ONCE(sk->sk_sndbuf, SOCK_BUF);
	WRITE_ONCE(sk->sk_rcvbuf, SOCK_BUF);
	rs = amrpc_sk(sock);
	rs->file = f;
	rs->role = SOCK_NEW;
	rs->port = 0;
	spin_lock_init(&rs->lock);
	INIT_LIST_HEAD(&rs->ended);
	rs->closed = false;
	rs->sent = 0;
	rs->reserved = 0;
	init_waitqueue_func_entry(&rs->told, told);
	add_wait_queue(&f->wq, &rs->told);
	return 0;
}

int amrpc_sock_init(void)
{
	int err;

	if (!flip_family)
		return 0;
	err = proto_register(&amrpc_proto, 1);
	if (err)
		return err;
	err = flip_proto_register(SOCK_SEQPACKET, FLIPPROTO_RPC, amrpc_sock_create, THIS_MODULE);
	if (err)
		proto_unregister(&amrpc_proto);
	return err;
}

void amrpc_sock_exit(void)
{
	if (!flip_family)
		return;
	flip_proto_unregister(SOCK_SEQPACKET, FLIPPROTO_RPC);
	proto_unregister(&amrpc_proto);
}
