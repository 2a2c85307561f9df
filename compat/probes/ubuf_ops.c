// SPDX-License-Identifier: GPL-2.0-only
/* 6.10: a ubuf_info has operations instead of a function */

#include <linux/skbuff.h>

const struct ubuf_info_ops probe = { .link_skb = NULL };
