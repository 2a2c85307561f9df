/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vol_open.h - opening and freeing a volume file.
 */
#ifndef BULLETD_VOL_OPEN_H
#define BULLETD_VOL_OPEN_H

#include "vol_int.h"

extern const struct volume_ops vol_ops;		/* vol_file.c */

void vol_free(struct vol *v);			/* memory and descriptors; syncs what was written */

#endif /* BULLETD_VOL_OPEN_H */
