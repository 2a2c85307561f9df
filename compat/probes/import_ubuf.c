// SPDX-License-Identifier: GPL-2.0-only
/* 6.4: import_ubuf(); import_single_range() is gone since 6.8 */

#include <linux/uio.h>

int probe(void __user *buf, size_t len, struct iov_iter *i);
int probe(void __user *buf, size_t len, struct iov_iter *i)
{
	return import_ubuf(1, buf, len, i);
}
