// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the parts of amoeba.ko that are pure, and of what nothing outside the kernel can bring
 * about; one file for each: rpc_*_kunit.c.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("Unit tests of amoeba.ko");
MODULE_LICENSE("GPL");
MODULE_VERSION(AMOEBA_VERSION);
COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
