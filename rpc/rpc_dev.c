// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/amoeba: from ioctl(2) to the calls of rpc_client.c and rpc_server.c. The rules of its
 * structures are at the head of uapi/linux/amoeba.h.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "rpc.h"

/* the first versions of the structures: shorter ones never existed */
#define MIN_SIZE	offsetofend(struct amoeba_header, size)

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

/* take the argument in: what is missing is zero, what is too much must be */
static int arg_in(void *dst, size_t ksize, const void __user *arg, size_t usize)
{
	if (usize < MIN_SIZE)
		return -EINVAL;
	return copy_struct_from_user(dst, ksize, arg, usize);
}

static int arg_out(void __user *arg, const void *src, size_t ksize, size_t usize)
{
	return copy_to_user(arg, src, min(ksize, usize)) ? -EFAULT : 0;
}

static bool header_ok(const struct amoeba_header *h)
{
	return !h->port[6] && !h->port[7] && !h->signature[6] && !h->signature[7];
}

static int do_info(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_info info = {
		.abi = AMOEBA_ABI_VERSION,
		.features = AMOEBA_FEAT_TRANS,
		.max_data = AMOEBA_MAX_DATA,
		.max_iov = AMRPC_MAX_IOV,
		.max_open = AMRPC_MAX_OPEN,
	};

	flip_addr_store(info.address, flip_ep_addr(f->ep));
	if (usize > sizeof(info) && clear_user(arg + sizeof(info), usize - sizeof(info)))
		return -EFAULT;
	return arg_out(arg, &info, sizeof(info), usize);
}

static int do_trans(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct iovec *siov = NULL, *riov = NULL;
	struct iov_iter send, recv;
	struct amoeba_trans t;
	int err;

	err = arg_in(&t, sizeof(t), arg, usize);
	if (err)
		return err;
	if (t.reserved || t.flags & ~AMOEBA_TRANS_FLAGS || !header_ok(&t.req))
		return -EINVAL;
	err = amrpc_import(&t.send, true, &siov, &send);
	if (err)
		return err;
	err = amrpc_import(&t.recv, false, &riov, &recv);
	if (!err)
		err = amrpc_trans(f, &t, iov_iter_count(&send), &send, &recv);
	if (!err)
		err = arg_out(arg, &t, sizeof(t), usize);
	kfree(siov);
	kfree(riov);
	return err;
}

static int getreq(struct amrpc_file *f, struct amoeba_getreq *g)
{
	struct iov_iter recv;
	struct iovec *iov;
	int err;

	if (g->reserved || g->flags & ~AMOEBA_GETREQ_FLAGS || !header_ok(&g->hdr))
		return -EINVAL;
	err = amrpc_import(&g->recv, false, &iov, &recv);
	if (err)
		return err;
	err = amrpc_getreq(f, g, &recv);
	kfree(iov);
	return err;
}

static int putrep(struct amrpc_file *f, struct amoeba_putrep *p)
{
	struct iov_iter send;
	struct iovec *iov;
	int err;

	if (p->flags || !header_ok(&p->hdr))
		return -EINVAL;
	err = amrpc_import(&p->send, true, &iov, &send);
	if (err)
		return err;
	err = amrpc_putrep(f, p, iov_iter_count(&send), &send);
	kfree(iov);
	return err;
}

static int do_getreq(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_getreq g;
	int err;

	err = arg_in(&g, sizeof(g), arg, usize);
	if (err)
		return err;
	err = getreq(f, &g);
	if (err)
		return err;
	return arg_out(arg, &g, sizeof(g), usize);
}

static int do_putrep(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_putrep p;
	int err;

	err = arg_in(&p, sizeof(p), arg, usize);
	if (err)
		return err;
	err = putrep(f, &p);
	if (err)
		return err;
	return arg_out(arg, &p, sizeof(p), usize);
}

static int do_putrep_getreq(struct amrpc_file *f, void __user *arg, size_t usize)
{
	struct amoeba_putrep_getreq __user *u = arg;
	struct amoeba_putrep_getreq pg;
	int err;

	err = arg_in(&pg, sizeof(pg), arg, usize);
	if (err)
		return err;
	if (pg.get.reserved || pg.get.flags & ~AMOEBA_GETREQ_FLAGS || !header_ok(&pg.get.hdr))
		return -EINVAL;		/* before anything is answered */
	if (pg.put.handle) {
		err = putrep(f, &pg.put);
		if (err)
			return err;
		/* the wait may end with an errno: say now that the reply is out */
		pg.put.handle = 0;
		if (put_user(pg.put.verdict, &u->put.verdict) ||
		    put_user(pg.put.handle, &u->put.handle))
			return -EFAULT;
	}
	err = getreq(f, &pg.get);
	if (err)
		return err;
	return arg_out(&u->get, &pg.get, sizeof(pg.get),
		       usize - offsetof(struct amoeba_putrep_getreq, get));
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
		return do_getreq(f, arg, usize);
	case _IOC_NR(AMOEBA_PUTREP):
		return do_putrep(f, arg, usize);
	case _IOC_NR(AMOEBA_PUTREP_GETREQ):
		if (usize < offsetofend(struct amoeba_putrep_getreq, get.hdr))
			return -EINVAL;
		return do_putrep_getreq(f, arg, usize);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations amrpc_fops = {
	.owner		= THIS_MODULE,
	.open		= amrpc_open,
	.release	= amrpc_release,
	.unlocked_ioctl	= amrpc_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
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
	BUILD_BUG_ON(sizeof(struct amoeba_trans) != 208);
	BUILD_BUG_ON(sizeof(struct amoeba_getreq) != 120);
	BUILD_BUG_ON(sizeof(struct amoeba_putrep) != 104);
	BUILD_BUG_ON(sizeof(struct amoeba_info) != 40);
	return misc_register(&amrpc_miscdev);
}

void amrpc_dev_exit(void)
{
	misc_deregister(&amrpc_miscdev);
}
