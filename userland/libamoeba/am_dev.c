// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The device: one open /dev/amoeba for the whole process.
 *
 * The open file is the process's FLIP identity, so a child of fork(2) must not share it: the
 * child forgets the descriptor and opens its own at its first call. The lock is held across the
 * fork so that no child inherits it taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "am_priv.h"

static pthread_mutex_t dev_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t dev_once = PTHREAD_ONCE_INIT;
static atomic_int dev_fd = -1;
static char *dev_path;

static void fork_prepare(void)
{
	pthread_mutex_lock(&dev_lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&dev_lock);
}

static void fork_child(void)
{
	int fd = atomic_exchange(&dev_fd, -1);

	if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&dev_lock);
}

static void dev_init(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

/* the descriptor, or -errno */
static int dev_get(void)
{
	int fd = atomic_load_explicit(&dev_fd, memory_order_acquire);

	if (fd >= 0)
		return fd;
	pthread_once(&dev_once, dev_init);
	pthread_mutex_lock(&dev_lock);
	fd = atomic_load(&dev_fd);
	if (fd < 0) {
		fd = open(dev_path ? dev_path : "/dev/amoeba", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		else
			atomic_store_explicit(&dev_fd, fd, memory_order_release);
	}
	pthread_mutex_unlock(&dev_lock);
	return fd;
}

void am_set_device(const char *path)
{
	char *copy = path ? strdup(path) : NULL;
	int fd;

	pthread_mutex_lock(&dev_lock);
	free(dev_path);
	dev_path = copy;
	fd = atomic_exchange(&dev_fd, -1);
	pthread_mutex_unlock(&dev_lock);
	if (fd >= 0)
		close(fd);
}

int am_dev_ioctl(unsigned long req, void *arg)
{
	int fd;

#ifdef AM_TEST_BROKER
	int r = am_broker_ioctl(req, arg);

	if (r != -ENODEV)
		return r;
#endif
	fd = dev_get();
	if (fd < 0)
		return fd;
	return ioctl(fd, req, arg) < 0 ? -errno : 0;
}

int am_pollfd(void)
{
	return dev_get();
}

int am_open(void)
{
	struct amoeba_info info;
	int r = am_info(&info);

	if (r)
		return r;
	return info.abi == AMOEBA_ABI_VERSION ? 0 : -EPROTO;
}

int am_info(struct amoeba_info *info)
{
	memset(info, 0, sizeof(*info));
	return am_dev_ioctl(AMOEBA_INFO, info);
}

const char *am_errno_why(int err)
{
	switch (err < 0 ? -err : err) {
	case 0:
		return "no error";
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "no /dev/amoeba here: load the modules (modprobe amoeba)";
	case EACCES:
	case EPERM:
		return "no permission for /dev/amoeba: join the group amoeba or become root";
	case EMFILE:
	case ENFILE:
		return "no free file descriptor for /dev/amoeba";
	case EPROTO:
	case ENOTTY:
		return "the loaded amoeba.ko speaks another interface version than this library";
	case EBUSY:
	case ENOBUFS:
		return "too many transactions at once through this process's /dev/amoeba";
	case ENOMEM:
		return "the kernel has no memory for this transaction";
	case EFAULT:
		return "a buffer lies outside the memory of the process";
	case EMSGSIZE:
		return "the data of the message is too large";
	case ERANGE:
	case EOVERFLOW:
		return "a header field does not fit the classic header, and the peer knows no other";
	case EINTR:
		return "interrupted by a signal";
	case ECANCELED:
		return "cancelled by another thread of the program";
	case EAGAIN:
		return "no request is waiting";
	case ETIMEDOUT:
		return "no request came in time";
	case ECONNREFUSED:
		return "the server at that address does not serve the port of the request";
	default:
		return strerrordesc_np(err < 0 ? -err : err) ?: "unknown error of /dev/amoeba";
	}
}
