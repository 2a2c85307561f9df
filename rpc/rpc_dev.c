// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/amoeba: from ioctl(2) to the calls of rpc_client.c and rpc_server.c. The rules of its
 * structures are at the head of uapi/linux/amoeba.h.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "rpc.h"

/* of the structures that begin with a header; the others: their first version */
#define MIN_SIZE	offsetofend(struct amoeba_header, size)
#define MIN_LISTEN	offsetofend(struct amoeba_listen, flags)
#define MIN_LIMITS	offsetofend(struct amoeba_limits, flags)
#define MIN_FORWARD	offsetofend(struct amoeba_forward, flags)
#define MIN_CANCEL	offsetofend(struct amoeba_cancel, flags)

/* while fewer bytes of replies are kept for io_uring, another of no more may be */
#define DEV_KEEP	(4UL << 20)

static int amrpc_open(struct inode *inode, struct file *file)
{
	struct amrpc_file *f = amrpc_file_open(current->nsproxy->net_ns);

	if (IS_ERR(f))
		return PTR_ERR(f);
	file->private_data = f;
	return stream_open(inode, file);
}

static int amrpc_release(struct inode *inode, struct file *file)
{
	amrpc_file_close(file->private_data);
	return 0;
}

/*
 * Arguments are a few words of their own, and each transaction brings four of them. Moved word by word, and of
 * the structures as we know them only the fields that say something in this direction, they cost a fourth of
 * copy_from_user() and copy_to_user(), whose string instructions take long to start. Structures of another
 * size, older ones or newer, are copied whole (arg_in(), arg_out()).
 *
 * @n is constant, a multiple of a word; between user_read_access_begin() and _end(), or user_write_...
 */
#define words_get(dst, src, n, fault) do {						\
	const unsigned long __user *__s = (const void __user *)(src);			\
	unsigned long *__d = (void *)(dst);						\
											\
	BUILD_BUG_ON((n) % sizeof(long));						\
	_Pragma("GCC unroll 16")							\
	for (size_t __i = 0; __i < (n) / sizeof(long); __i++)				\
		unsafe_get_user(__d[__i], __s + __i, fault);				\
} while (0)

#define words_put(dst, src, n, fault) do {						\
	const unsigned long *__s = (const void *)(src);					\
	unsigned long __user *__d = (void __user *)(dst);				\
											\
	BUILD_BUG_ON((n) % sizeof(long));						\
	_Pragma("GCC unroll 16")							\
	for (size_t __i = 0; __i < (n) / sizeof(long); __i++)				\
		unsafe_put_user(__s[__i], __d + __i, fault);				\
} while (0)

/* bytes from field @a up to field @b, or the end */
#define bytes_from_to(type, a, b)	(offsetof(type, b) - offsetof(type, a))
#define bytes_from(type, a)		(sizeof(type) - offsetof(type, a))

/* take the argument in: what is missing is zero, what is too much must be */
static int arg_in(void *dst, size_t ksize, const void __user *arg, size_t usize, size_t least)
{
	if (usize < least)
		return -EINVAL;
	return copy_struct_from_user(dst, ksize, arg, usize);
}

static int arg_out(void __user *arg, const void *src, size_t ksize, size_t usize)
{
	return copy_to_user(arg, src, min(ksize, usize)) ? -EFAULT : 0;
}

static int do_info(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_info info = {
		.abi = AMOEBA_ABI_VERSION,
		.features = AMOEBA_FEAT_TRANS | AMOEBA_FEAT_PORTS | AMOEBA_FEAT_LISTEN |
			    AMOEBA_FEAT_CANCEL | AMOEBA_FEAT_FORWARD | AMOEBA_FEAT_LIMITS |
			    (IS_ENABLED(COMPAT_HAVE_URING_CANCEL) ? AMOEBA_FEAT_URING : 0),
		.max_data = AMOEBA_MAX_DATA,
		.max_iov = AMRPC_MAX_IOV,
		.max_open = AMRPC_MAX_OPEN,
		.max_ports = AMOEBA_MAX_PORTS,
		.max_listen = AMOEBA_MAX_LISTEN,
	};

	flip_addr_store(info.address, flip_ep_addr(f->ep));
	if (usize > sizeof(info) && clear_user(arg + sizeof(info), usize - sizeof(info)))
		return -EFAULT;
	return arg_out(arg, &info, sizeof(info), usize);
}

/* what a transaction has to say: the reply's header, when there is one, and how it has ended; 0, -EFAULT */
int amrpc_trans_out(void __user *arg, const struct amoeba_trans *t, size_t usize)
{
	struct amoeba_trans __user *u = arg;

	if (unlikely(usize != sizeof(*t)))
		return arg_out(arg, t, sizeof(*t), usize);
	if (!user_write_access_begin(u, sizeof(*u)))
		return -EFAULT;
	if (t->verdict == AMOEBA_RPC_OK)
		words_put(&u->rep, &t->rep, sizeof(t->rep), fault);
	unsafe_put_user(t->verdict, &u->verdict, fault);
	unsafe_put_user(t->rep_len, &u->rep_len, fault);
	unsafe_put_user(t->out_flags, &u->out_flags, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/* all but @t->rep and @t->rep_len, which it answers */
static int trans_get(struct amoeba_trans *t, const struct amoeba_trans __user *u)
{
	if (!user_read_access_begin(u, sizeof(*u)))
		return -EFAULT;
	words_get(&t->req, &u->req, sizeof(t->req), fault);
	words_get(&t->send, &u->send, bytes_from_to(struct amoeba_trans, send, rep_len), fault);
	words_get(&t->out_flags, &u->out_flags, bytes_from(struct amoeba_trans, out_flags), fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

/* the argument of AMOEBA_TRANS; 0, -EFAULT, -EINVAL, -E2BIG; @t->rep is not set yet */
int amrpc_trans_in(struct amoeba_trans *t, void __user *arg, size_t usize)
{
	int err = likely(usize == sizeof(*t)) ? trans_get(t, arg) :
		arg_in(t, sizeof(*t), arg, usize, MIN_SIZE);

	if (err)
		return err;
	if (t->reserved || t->flags & ~AMOEBA_TRANS_FLAGS || !amrpc_header_ok(&t->req))
		return -EINVAL;
	t->rep_len = 0;
	t->out_flags = 0;
	return 0;
}

static int do_trans(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct iovec *siov = NULL, *riov = NULL;
	struct iov_iter send __uninitialized, recv __uninitialized;
	struct amoeba_trans t __uninitialized;
	int err;

	err = amrpc_trans_in(&t, arg, usize);
	if (err)
		return err;
	err = amrpc_import(&t.send, true, &siov, &send);
	if (err)
		return err;
	err = amrpc_import(&t.recv, false, &riov, &recv);
	if (!err)
		err = amrpc_trans(f, &t, iov_iter_count(&send), &send, &recv);
	if (!err)
		err = amrpc_trans_out(arg, &t, usize);
	if (siov)
		kfree(siov);
	if (riov)
		kfree(riov);
	return err;
}

/* the ports of a call in key form, to be freed; ERR_PTR(-EINVAL), -EFAULT, -ENOMEM */
static u64 *import_ports(u64 addr, u32 nr)
{
	u8 (*raw)[8];
	u64 *ports;

	if (nr > AMOEBA_MAX_PORTS)
		return ERR_PTR(-EINVAL);
	raw = memdup_user(u64_to_user_ptr(addr), nr * sizeof(*raw));
	if (IS_ERR(raw))
		return ERR_CAST(raw);
	ports = kmalloc_array(nr, sizeof(*ports), GFP_KERNEL_ACCOUNT);
	if (!ports)
		ports = ERR_PTR(-ENOMEM);
	for (u32 i = 0; i < nr && !IS_ERR(ports); i++) {
		ports[i] = amrpc_port_key(raw[i]);
		if (!ports[i] || raw[i][6] || raw[i][7]) {
			kfree(ports);
			ports = ERR_PTR(-EINVAL);
		}
	}
	kfree_sensitive(raw);
	return ports;
}

/* which ports a getreq is for: @one, or a list to be freed, or none with AMOEBA_GETREQ_LISTENED */
static int getreq_ports(const struct amoeba_getreq *g, u64 *one, u64 **list)
{
	unsigned int ways;

	*list = NULL;
	*one = amrpc_port_key(g->hdr.port);
	if (g->reserved || g->flags & ~AMOEBA_GETREQ_FLAGS || !amrpc_header_ok(&g->hdr))
		return -EINVAL;
	ways = !!*one + !!g->nports + !!(g->flags & AMOEBA_GETREQ_LISTENED);
	if (ways != 1 || (g->ports && !g->nports))
		return -EINVAL;
	if (!g->nports)
		return 0;
	*list = import_ports(g->ports, g->nports);
	return PTR_ERR_OR_ZERO(*list);
}

/* @nonblock: -EAGAIN instead of waiting, though the caller did not ask for it */
static int getreq(struct amrpc_file *f, struct amoeba_getreq *g, const u64 *ports, bool nonblock)
{
	u32 flags = g->flags;
	struct iov_iter recv __uninitialized;
	struct iovec *iov;
	int err;

	err = amrpc_import(&g->recv, false, &iov, &recv);
	if (err)
		return err;
	if (nonblock)
		g->flags |= AMOEBA_GETREQ_NONBLOCK;
	err = amrpc_getreq(f, g, ports, &recv);
	g->flags = flags;
	if (iov)
		kfree(iov);
	return err;
}

/* the same; a reply that is not long is kept instead */
static int putrep(struct amrpc_file *f, struct amoeba_putrep *p, bool nonblock)
{
	struct iov_iter send __uninitialized;
	struct iovec *iov;
	size_t len;
	int err;

	if (p->flags || !amrpc_header_ok(&p->hdr))
		return -EINVAL;
	err = amrpc_import(&p->send, true, &iov, &send);
	if (err)
		return err;
	len = iov_iter_count(&send);
	if (nonblock && len > DEV_KEEP)
		err = -EAGAIN;
	else
		err = amrpc_putrep_keep(f, p, len, &send, nonblock ? DEV_KEEP : 0);
	if (iov)
		kfree(iov);
	return err;
}

/* what a getreq asks; of its header port and signature, which amrpc_header_ok() looks at */
#define getreq_get(g, u, fault) do {							\
	words_get(&(g)->hdr, &(u)->hdr, offsetof(struct amoeba_header, object), fault);	\
	words_get(&(g)->recv, &(u)->recv, bytes_from_to(struct amoeba_getreq, recv, handle), fault); \
	words_get(&(g)->out_flags, &(u)->out_flags, bytes_from(struct amoeba_getreq, out_flags), fault); \
} while (0)

static int getreq_in(struct amoeba_getreq *g, const void __user *arg, size_t usize)
{
	const struct amoeba_getreq __user *u = arg;

	if (unlikely(usize != sizeof(*g)))
		return arg_in(g, sizeof(*g), arg, usize, MIN_SIZE);
	if (!user_read_access_begin(u, sizeof(*u)))
		return -EFAULT;
	getreq_get(g, u, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

/* what it has got */
static int getreq_out(void __user *arg, const struct amoeba_getreq *g, size_t usize)
{
	struct amoeba_getreq __user *u = arg;

	if (unlikely(usize != sizeof(*g)))
		return arg_out(arg, g, sizeof(*g), usize);
	if (!user_write_access_begin(u, sizeof(*u)))
		return -EFAULT;
	words_put(&u->hdr, &g->hdr, sizeof(g->hdr), fault);
	words_put(&u->handle, &g->handle, bytes_from_to(struct amoeba_getreq, handle, out_flags), fault);
	unsafe_put_user(g->out_flags, &u->out_flags, fault);
	unsafe_put_user(g->index, &u->index, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

static int do_getreq(struct amrpc_file *f, void __user *arg, size_t usize, bool nonblock)
{
	struct amoeba_getreq g __uninitialized;
	u64 one, *list;
	int err;

	err = getreq_in(&g, arg, usize);
	if (err)
		return err;
	err = getreq_ports(&g, &one, &list);
	if (err)
		return err;
	err = getreq(f, &g, list ?: &one, nonblock);
	kfree_sensitive(list);
	if (err)
		return err;
	err = getreq_out(arg, &g, usize);
	if (err)
		amrpc_getreq_untold(f, g.handle);
	return err;
}

static int do_putrep(struct amrpc_file *f, void __user *arg, size_t usize, bool nonblock)
{
	struct amoeba_putrep p;
	int err;

	err = arg_in(&p, sizeof(p), arg, usize, MIN_SIZE);
	if (err)
		return err;
	err = putrep(f, &p, nonblock);
	if (err)
		return err;
	return arg_out(arg, &p, sizeof(p), usize);
}

static int putrep_getreq_in(struct amoeba_putrep_getreq *pg, const void __user *arg, size_t usize)
{
	const struct amoeba_putrep_getreq __user *u = arg;

	if (unlikely(usize != sizeof(*pg)))
		return arg_in(pg, sizeof(*pg), arg, usize,
			      offsetofend(struct amoeba_putrep_getreq, get.hdr));
	if (!user_read_access_begin(u, sizeof(*u)))
		return -EFAULT;
	words_get(&pg->put, &u->put, sizeof(pg->put), fault);
	getreq_get(&pg->get, &u->get, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static int do_putrep_getreq(struct amrpc_file *f, void __user *arg, size_t usize, bool nonblock)
{
	struct amoeba_putrep_getreq pg __uninitialized;
	struct amoeba_putrep_getreq __user *u = arg;
	u64 one, *list;
	int err;

	err = putrep_getreq_in(&pg, arg, usize);
	if (err)
		return err;
	err = getreq_ports(&pg.get, &one, &list);	/* before anything is answered */
	if (err)
		return err;
	if (pg.put.handle) {
		err = putrep(f, &pg.put, nonblock);
		if (err)
			goto free;
		/* the wait may end with an errno: say now that the reply is out */
		pg.put.handle = 0;
		err = -EFAULT;
		if (put_user(pg.put.verdict, &u->put.verdict) ||
		    put_user(pg.put.handle, &u->put.handle))
			goto free;
	}
	err = getreq(f, &pg.get, list ?: &one, nonblock);
	if (err)
		goto free;
	err = getreq_out(&u->get, &pg.get, usize - offsetof(struct amoeba_putrep_getreq, get));
	if (err)
		amrpc_getreq_untold(f, pg.get.handle);
free:
	if (list)
		kfree_sensitive(list);
	return err;
}

static int do_listen(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_listen l;
	u64 *ports = NULL;
	bool off;
	int err;

	err = arg_in(&l, sizeof(l), arg, usize, MIN_LISTEN);
	if (err)
		return err;
	off = l.flags & AMOEBA_LISTEN_OFF;
	if (l.flags & ~AMOEBA_LISTEN_FLAGS || (!l.nports && (!off || l.ports)))
		return -EINVAL;
	if (l.nports) {
		ports = import_ports(l.ports, l.nports);
		if (IS_ERR(ports))
			return PTR_ERR(ports);
	}
	err = off ? amrpc_unlisten(f, ports, l.nports) : amrpc_listen(f, ports, l.nports);
	kfree_sensitive(ports);
	return err;
}

static int do_forward(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_forward fw;
	int err;

	err = arg_in(&fw, sizeof(fw), arg, usize, MIN_FORWARD);
	if (err)
		return err;
	if (fw.flags)
		return -EINVAL;
	err = amrpc_forward(f, &fw);
	if (err)
		return err;
	return arg_out(arg, &fw, sizeof(fw), usize);
}

static int do_cancel(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_cancel c;
	int ret;

	ret = arg_in(&c, sizeof(c), arg, usize, MIN_CANCEL);
	if (ret)
		return ret;
	if (c.flags || !c.cookie)
		return -EINVAL;
	ret = amrpc_cancel(f, c.cookie);
	if (ret < 0)
		return ret;
	c.count = ret;
	return arg_out(arg, &c, sizeof(c), usize);
}

static int do_limits(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_limits l;
	int err;

	err = arg_in(&l, sizeof(l), arg, usize, MIN_LIMITS);
	if (err)
		return err;
	if (l.flags)
		return -EINVAL;
	l.locate_ms = xchg(&f->locate_ms, l.locate_ms);
	l.timeout_ms = xchg(&f->timeout_ms, l.timeout_ms);
	l.getreq_ms = xchg(&f->getreq_ms, l.getreq_ms);
	return arg_out(arg, &l, sizeof(l), usize);
}

/**
 * amrpc_dev_serve() - the calls of servers, for io_uring
 * @f: file
 * @cmd: AMOEBA_GETREQ, AMOEBA_PUTREP, AMOEBA_PUTREP_GETREQ
 * @arg: their argument
 * @nonblock: -EAGAIN instead of waiting for a request, or for a long reply to be acknowledged; nothing
 *	is lost, the caller repeats it as it is
 *
 * Return: as of the ioctl, or -EOPNOTSUPP: another call.
 */
long amrpc_dev_serve(struct amrpc_file *f, unsigned int cmd, void __user *arg, bool nonblock)
{
	size_t usize = _IOC_SIZE(cmd);

	switch (_IOC_NR(cmd)) {
	case _IOC_NR(AMOEBA_GETREQ):
		return do_getreq(f, arg, usize, nonblock);
	case _IOC_NR(AMOEBA_PUTREP):
		return do_putrep(f, arg, usize, nonblock);
	case _IOC_NR(AMOEBA_PUTREP_GETREQ):
		return do_putrep_getreq(f, arg, usize, nonblock);
	default:
		return -EOPNOTSUPP;
	}
}

static long amrpc_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	struct amrpc_file *f = file->private_data;
	void __user *arg = (void __user *)uarg;
	size_t usize = _IOC_SIZE(cmd);

	if (_IOC_TYPE(cmd) != AMOEBA_IOC_TYPE)
		return -ENOTTY;
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(AMOEBA_INFO):
		return do_info(f, arg, usize);
	case _IOC_NR(AMOEBA_TRANS):
		return do_trans(f, arg, usize);
	case _IOC_NR(AMOEBA_GETREQ):
		return do_getreq(f, arg, usize, false);
	case _IOC_NR(AMOEBA_PUTREP):
		return do_putrep(f, arg, usize, false);
	case _IOC_NR(AMOEBA_PUTREP_GETREQ):
		return do_putrep_getreq(f, arg, usize, false);
	case _IOC_NR(AMOEBA_FORWARD):
		return do_forward(f, arg, usize);
	case _IOC_NR(AMOEBA_CANCEL):
		return do_cancel(f, arg, usize);
	case _IOC_NR(AMOEBA_LISTEN):
		return do_listen(f, arg, usize);
	case _IOC_NR(AMOEBA_LIMITS):
		return do_limits(f, arg, usize);
	default:
		return -ENOTTY;
	}
}

static __poll_t amrpc_poll(struct file *file, poll_table *wait)
{
	struct amrpc_file *f = file->private_data;

	poll_wait(file, &f->wq, wait);
	return amrpc_listen_poll(f);
}

static const struct file_operations amrpc_fops = {
	.owner		= THIS_MODULE,
	.open		= amrpc_open,
	.release	= amrpc_release,
	.poll		= amrpc_poll,
	.unlocked_ioctl	= amrpc_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
#ifdef COMPAT_HAVE_URING_CANCEL
	.uring_cmd	= amrpc_uring_cmd,
#endif
};

static struct miscdevice amrpc_miscdev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "amoeba",
	.fops	= &amrpc_fops,
	.mode	= 0660,
};

int amrpc_dev_init(void)
{
	/* alike for 32 and 64 bit, for ever */
	BUILD_BUG_ON(sizeof(struct amoeba_header) != 64);
	BUILD_BUG_ON(sizeof(struct amoeba_buf) != 24);
	BUILD_BUG_ON(sizeof(struct amoeba_trans) != 216);
	BUILD_BUG_ON(sizeof(struct amoeba_getreq) != 144);
	BUILD_BUG_ON(sizeof(struct amoeba_putrep) != 104);
	BUILD_BUG_ON(sizeof(struct amoeba_forward) != 24);
	BUILD_BUG_ON(sizeof(struct amoeba_cancel) != 16);
	BUILD_BUG_ON(sizeof(struct amoeba_listen) != 16);
	BUILD_BUG_ON(sizeof(struct amoeba_limits) != 16);
	BUILD_BUG_ON(sizeof(struct amoeba_info) != 48);
	BUILD_BUG_ON(sizeof(struct amoeba_sqe) != 16);
	return misc_register(&amrpc_miscdev);
}

void amrpc_dev_exit(void)
{
	misc_deregister(&amrpc_miscdev);
}
