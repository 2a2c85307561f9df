// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_FLIP, SOCK_DGRAM: FLIP messages for programs; Documentation/flip.7.
 *
 * DESIGN NOTES
 * A socket has an endpoint from bind(2), or the first message sent, to its release; the pointer
 * is set once, so sendmsg(2) uses it without a lock. What comes in: flip_sock_rx.c.
 *
 * A message of one packet is sent or queued for a locate at once; its failure is told on the error
 * queue. A larger one keeps the caller until its last packet has left; its failure is an errno. With
 * MSG_DONTWAIT it is copied into the send buffer and left to a worker (flip_later.c).
 */
#include <linux/errqueue.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/swap.h>
#include <net/sock.h>
#include "flip_sock.h"

#define FLIP_SOCK_PARTIAL	64	/* messages coming in at once */

static atomic_long_t flip_memory_allocated;
static DEFINE_PER_CPU(int, flip_memory_per_cpu_fw_alloc);
static long flip_mem[3];
/* what a socket may always have, also when all together have too much; sock.c follows the pointers */
static int flip_mem_min = PAGE_SIZE;

/* no memory_pressure: that is for those who count their sockets, sock.c follows that pointer, too */
static struct proto flip_raw_proto = {
	.name			= "FLIP",
	.owner			= THIS_MODULE,
	.obj_size		= sizeof(struct flip_sock),
	.memory_allocated	= &flip_memory_allocated,
	.per_cpu_fw_alloc	= &flip_memory_per_cpu_fw_alloc,
	.sysctl_mem		= flip_mem,
	.sysctl_wmem		= &flip_mem_min,
	.sysctl_rmem		= &flip_mem_min,
};

static struct lock_class_key flip_slock_key, flip_lock_key;

static void flip_sock_name(struct msghdr *msg, flip_addr_t addr, u32 network)
{
	struct sockaddr_flip *sf = msg->msg_name;

	if (!sf)
		return;
	msg->msg_namelen = flip_sockaddr_put(sf, addr, network);
}

static int flip_sock_recverr(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct sk_buff *skb = sock_dequeue_err_skb(sk);
	size_t copied;
	int err;

	if (!skb)
		return -EAGAIN;
	copied = min_t(size_t, len, skb->len);
	if (copied < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	err = skb_copy_datagram_msg(skb, 0, msg, copied);
	if (!err) {
		flip_sock_name(msg, flip_addr_load(skb_network_header(skb)), 0);
		put_cmsg(msg, SOL_FLIP, FLIP_RECVERR, sizeof(SKB_EXT_ERR(skb)->ee),
			 &SKB_EXT_ERR(skb)->ee);
		msg->msg_flags |= MSG_ERRQUEUE;
	}
	kfree_skb(skb);
	return err ?: copied;
}

static int flip_sock_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)
{
	struct sock *sk = sock->sk;
	struct flip_sock_cb *cb;
	struct sk_buff *skb;
	size_t copied;
	int err;

	if (flags & ~(MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE | MSG_CMSG_CLOEXEC |
		      MSG_CMSG_COMPAT | MSG_NOSIGNAL | MSG_WAITALL))
		return -EOPNOTSUPP;
	if (flags & MSG_ERRQUEUE)
		return flip_sock_recverr(sk, msg, len);
	skb = skb_recv_datagram(sk, flags, &err);
	if (!skb)
		return err;
	copied = min_t(size_t, len, skb->len);
	if (copied < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	err = skb_copy_datagram_msg(skb, 0, msg, copied);
	if (err)
		goto out;
	cb = flip_sock_cb(skb);
	flip_sock_name(msg, cb->src, cb->network);
	if (READ_ONCE(flip_sk(sk)->recvinfo)) {
		struct flip_recvinfo info = {
			.flags = cb->flags, .hops = cb->hops, .messid = cb->messid,
		};

		flip_addr_store(info.dst, cb->dst);
		put_cmsg(msg, SOL_FLIP, FLIP_RECVINFO, sizeof(info), &info);
	}
	err = flags & MSG_TRUNC ? skb->len : copied;
out:
	skb_free_datagram(sk, skb);
	return err;
}

/* ---- sending ---------------------------------------------------------------------------- */

static int flip_sock_opt_check(int opt, int v)
{
	switch (opt) {
	case FLIP_HOPS:
		return v >= 1 && v <= FLIP_MAX_HOPS ? 0 : -EINVAL;
	case FLIP_LTIME:
		return v >= 0 && v <= 24 * 3600 * 1000 ? 0 : -EINVAL;
	case FLIP_SENDFLAGS:
		return v & ~(FLIP_SEND_INVAL | FLIP_SEND_SECURITY | FLIP_SEND_SKIP_SRC) ?
			-EINVAL : 0;
	case FLIP_MEMBERS:
		return v >= 0 && v <= U16_MAX ? 0 : -EINVAL;
	case FLIP_RECVINFO:
	case FLIP_BROADCAST:
		return v == 0 || v == 1 ? 0 : -EINVAL;
	default:
		return -ENOPROTOOPT;
	}
}

static int *flip_sock_opt(struct flip_sock_opts *o, int opt)
{
	switch (opt) {
	case FLIP_HOPS:
		return &o->hops;
	case FLIP_LTIME:
		return &o->ltime;
	case FLIP_SENDFLAGS:
		return &o->flags;
	case FLIP_MEMBERS:
		return &o->members;
	default:
		return NULL;
	}
}

static int flip_sock_cmsgs(struct msghdr *msg, struct flip_sock_opts *o)
{
	struct cmsghdr *c;
	int *opt, v;

	for_each_cmsghdr(c, msg) {
		if (!CMSG_OK(msg, c))
			return -EINVAL;
		if (c->cmsg_level != SOL_FLIP)
			continue;
		opt = flip_sock_opt(o, c->cmsg_type);
		if (!opt || c->cmsg_len != CMSG_LEN(sizeof(int)))
			return -EINVAL;
		memcpy(&v, CMSG_DATA(c), sizeof(v));
		if (flip_sock_opt_check(c->cmsg_type, v))
			return -EINVAL;
		*opt = v;
	}
	return 0;
}

static int flip_sock_make_ep(struct sock *sk, flip_addr_t priv)
{
	struct flip_sock *fs = flip_sk(sk);
	struct flip_reass *reass;
	struct flip_ep *ep;

	sock_owned_by_me(sk);
	if (fs->ep)
		return -EINVAL;
	reass = flip_reass_create(sock_net(sk), sk->sk_rcvbuf, FLIP_SOCK_PARTIAL);
	if (!reass)
		return -ENOMEM;
	flip_reass_owned(reass, &flip_sock_reass_owner, sk);
	flip_reass_big(reass, true);
	fs->reass = reass;	/* the first upcall may come before we are back */
	ep = flip_ep_create(sock_net(sk), priv, &flip_sock_ep_ops, THIS_MODULE, sk);
	if (IS_ERR(ep)) {
		fs->reass = NULL;
		flip_reass_destroy(reass);
		return PTR_ERR(ep);
	}
	/* several sockets may send from one address: their message ids must not be the same */
	atomic_set(&ep->messid, get_random_u32());
	flip_ep_listen_bcast(ep, fs->bcast);
	/* pairs with the smp_load_acquire() of who sends or asks for the name without the lock */
	smp_store_release(&fs->ep, ep);
	return 0;
}

static int flip_sock_autobind(struct sock *sk)
{
	int err = 0;

	lock_sock(sk);
	if (!flip_sk(sk)->ep)
		err = flip_sock_make_ep(sk, FLIP_ADDR_NULL);
	release_sock(sk);
	return err;
}

static int flip_sock_send_small(struct sock *sk, struct flip_ep *ep, struct msghdr *msg,
				size_t len, struct flip_send *how)
{
	struct sk_buff *skb;
	int err;

	skb = sock_alloc_send_skb(sk, FLIP_HEADROOM + max_t(size_t, len, 32),
				  msg->msg_flags & MSG_DONTWAIT, &err);
	if (!skb)
		return err;
	skb_reserve(skb, FLIP_HEADROOM);
	skb->priority = READ_ONCE(sk->sk_priority);
	if (memcpy_from_msg(skb_put(skb, len), msg, len)) {
		kfree_skb(skb);
		return -EFAULT;
	}
	return flip_send_skb(ep, skb, how);
}

static int flip_sock_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct flip_sock *fs = flip_sk(sk);
	struct flip_sock_opts o = fs->opts;
	struct flip_send how = {};
	struct flip_ep *ep;
	int err;

	if (msg->msg_flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_COMPAT))
		return -EOPNOTSUPP;
	if (!msg->msg_name)
		return -EDESTADDRREQ;
	err = flip_sockaddr_get(msg->msg_name, msg->msg_namelen, &how.dst);
	if (err)
		return err;
	if (len > FLIP_MAX_MSG)
		return -EMSGSIZE;
	if (msg->msg_controllen) {
		err = flip_sock_cmsgs(msg, &o);
		if (err)
			return err;
	}
	ep = smp_load_acquire(&fs->ep);
	if (!ep) {
		err = flip_sock_autobind(sk);
		if (err)
			return err;
		ep = fs->ep;
	}
	how.flags = o.flags;
	how.ltime_ms = o.ltime;
	how.hops = o.hops;
	how.members = o.members;
	if (len <= FLIP_ETH_PAYLOAD)
		err = flip_sock_send_small(sk, ep, msg, len, &how);
	else if (msg->msg_flags & MSG_DONTWAIT)
		err = flip_later_send(&fs->later, sk, ep, &msg->msg_iter, &how);
	else
		err = flip_send_msg(ep, NULL, 0, &msg->msg_iter, &how,
				    sock_sndtimeo(sk, false));
	if (err == -ETIMEDOUT)
		err = -EAGAIN;	/* SO_SNDTIMEO */
	return err ?: len;
}

/* ---- the rest --------------------------------------------------------------------------- */

static int flip_sock_bind(struct socket *sock, flip_sockaddr_t *addr, int len)
{
	struct sock *sk = sock->sk;
	flip_addr_t priv;
	int err;

	err = flip_sockaddr_get((struct sockaddr_flip *)addr, len, &priv);
	if (err)
		return err;
	lock_sock(sk);
	err = flip_sock_make_ep(sk, priv);
	release_sock(sk);
	return err;
}

static int flip_sock_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	struct flip_ep *ep = smp_load_acquire(&flip_sk(sock->sk)->ep);

	if (peer)
		return -ENOTCONN;
	return flip_sockaddr_put((struct sockaddr_flip *)addr, ep ? ep->addr : FLIP_ADDR_NULL, 0);
}

static int flip_sock_setsockopt(struct socket *sock, int level, int optname, sockptr_t optval,
				unsigned int optlen)
{
	struct sock *sk = sock->sk;
	struct flip_sock *fs = flip_sk(sk);
	int v, err;

	if (level != SOL_FLIP)
		return -ENOPROTOOPT;
	err = flip_sock_opt_check(optname, 1);
	if (err == -ENOPROTOOPT)
		return err;
	if (optlen != sizeof(v))
		return -EINVAL;
	if (copy_from_sockptr(&v, optval, sizeof(v)))
		return -EFAULT;
	err = flip_sock_opt_check(optname, v);
	if (err)
		return err;
	lock_sock(sk);
	switch (optname) {
	case FLIP_RECVINFO:
		WRITE_ONCE(fs->recvinfo, v);
		break;
	case FLIP_BROADCAST:
		fs->bcast = v;
		if (fs->ep)
			flip_ep_listen_bcast(fs->ep, v);
		break;
	default:
		WRITE_ONCE(*flip_sock_opt(&fs->opts, optname), v);
	}
	release_sock(sk);
	return 0;
}

static int flip_sock_getsockopt(struct socket *sock, int level, int optname, char __user *optval,
				int __user *optlen)
{
	struct flip_sock *fs = flip_sk(sock->sk);
	int v, len, *opt;

	if (level != SOL_FLIP)
		return -ENOPROTOOPT;
	if (get_user(len, optlen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	opt = flip_sock_opt(&fs->opts, optname);
	if (opt)
		v = READ_ONCE(*opt);
	else if (optname == FLIP_RECVINFO)
		v = READ_ONCE(fs->recvinfo);
	else if (optname == FLIP_BROADCAST)
		v = READ_ONCE(fs->bcast);
	else
		return -ENOPROTOOPT;
	len = min_t(int, len, sizeof(v));
	if (put_user(len, optlen) || copy_to_user(optval, &v, len))
		return -EFAULT;
	return 0;
}

static int flip_sock_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct flip_sock *fs;

	if (!sk)
		return 0;
	fs = flip_sk(sk);
	lock_sock(sk);
	sock_orphan(sk);
	sock->sk = NULL;
	release_sock(sk);
	if (fs->ep) {
		flip_later_stop(&fs->later);
		flip_ep_destroy(fs->ep);	/* no upcall from here on */
		/* a large message gives its place back */
		skb_queue_purge(&sk->sk_receive_queue);
		flip_reass_destroy(fs->reass);
	}
	sock_put(sk);
	return 0;
}

static void flip_sock_destruct(struct sock *sk)
{
	skb_queue_purge(&sk->sk_receive_queue);
	skb_queue_purge(&sk->sk_error_queue);
	WARN_ON_ONCE(atomic_read(&sk->sk_rmem_alloc));
	sk_mem_reclaim_final(sk);
	WARN_ON_ONCE(sk->sk_forward_alloc);
}

static const struct proto_ops flip_sock_ops = {
	.family		= PF_UNSPEC,
	.owner		= THIS_MODULE,
	.release	= flip_sock_release,
	.bind		= flip_sock_bind,
	.connect	= sock_no_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= sock_no_accept,
	.getname	= flip_sock_getname,
	.poll		= datagram_poll,
	.ioctl		= sock_no_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= sock_no_listen,
	.shutdown	= sock_no_shutdown,
	.setsockopt	= flip_sock_setsockopt,
	.getsockopt	= flip_sock_getsockopt,
	.sendmsg	= flip_sock_sendmsg,
	.recvmsg	= flip_sock_recvmsg,
	.mmap		= sock_no_mmap,
};

static int flip_sock_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	struct flip_sock *fs;
	struct sock *sk;

	/* such a socket can forge any message: design 4 */
	if (!kern && !flip_gids_allowed(&flip_ns(net)->tune.raw_group_range, net))
		return -EPERM;
	sk = sk_alloc(net, flip_family, GFP_KERNEL, &flip_raw_proto, kern);
	if (!sk)
		return -ENOBUFS;
	sock->ops = &flip_sock_ops;
	sock_init_data(sock, sk);
	sock_lock_init_class_and_name(sk, "slock-AF_FLIP", &flip_slock_key, "sk_lock-AF_FLIP",
				      &flip_lock_key);
	sk->sk_protocol = protocol;
	sk->sk_destruct = flip_sock_destruct;
	WRITE_ONCE(sk->sk_rcvbuf, READ_ONCE(flip_ns(net)->tune.rmem_default));
	fs = flip_sk(sk);
	fs->ep = NULL;
	fs->reass = NULL;
	fs->recvinfo = false;
	fs->bcast = false;
	flip_later_init(&fs->later);
	fs->opts = (struct flip_sock_opts){ .hops = FLIP_MAX_HOPS, .ltime = FLIP_LOCATE_MS };
	return 0;
}

int flip_sock_init(void)
{
	unsigned long limit = max(nr_free_buffer_pages() / 2, 256UL);
	int err;

	if (!flip_family)
		return 0;
	flip_mem[0] = flip_mem[1] = flip_mem[2] = limit;
	err = flip_later_module_init();
	if (err)
		return err;
	err = proto_register(&flip_raw_proto, 1);
	if (err)
		goto err_later;
	err = flip_proto_register(SOCK_DGRAM, FLIPPROTO_RAW, flip_sock_create, THIS_MODULE);
	if (err)
		goto err_proto;
	return 0;

err_proto:
	proto_unregister(&flip_raw_proto);
err_later:
	flip_later_module_exit();
	return err;
}

void flip_sock_exit(void)
{
	if (!flip_family)
		return;
	flip_proto_unregister(SOCK_DGRAM, FLIPPROTO_RAW);
	proto_unregister(&flip_raw_proto);
	flip_later_module_exit();
}
