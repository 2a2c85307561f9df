// SPDX-License-Identifier: GPL-2.0-only
/* 6.4: iter_iov() is the current iovec of an iov_iter */

#include <linux/uio.h>

const struct iovec *probe(const struct iov_iter *it);
const struct iovec *probe(const struct iov_iter *it)
{
	return iter_iov(it);
}
