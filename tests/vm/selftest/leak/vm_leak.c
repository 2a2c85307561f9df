// SPDX-License-Identifier: GPL-2.0-only
/* Forgets what it has allocated: does the harness notice? */
#include <linux/module.h>
#include <linux/slab.h>

static int __init leak_init(void)
{
	char *p = kmalloc(700, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	WRITE_ONCE(p[0], 1);
	return 0;
}

static void __exit leak_exit(void)
{
}

module_init(leak_init);
module_exit(leak_exit);
MODULE_DESCRIPTION("A leak, for the test of what finds leaks");
MODULE_LICENSE("GPL");
