// SPDX-License-Identifier: GPL-2.0-only
/* before 6.13: MODULE_IMPORT_NS() takes a bare name and makes a string of it */

#include <linux/module.h>

MODULE_IMPORT_NS(PROBE);
