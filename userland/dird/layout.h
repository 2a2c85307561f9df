/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layout.h - the first start: the tree a new store begins with, and the file with the root
 * capability.
 */
#ifndef DIRD_LAYOUT_H
#define DIRD_LAYOUT_H

#include "store.h"

/* true when @st was empty and is filled now; messages go to standard error. -1: failure */
int layout_init(struct store *st);

/* capability of the root directory with all rights */
am_status layout_root(struct store *st, am_cap *root);

/*
 * Sees to it that @path holds @root: writes it when missing; 0, or -1 with a message. A file that
 * names another root is left alone and is an error when @fresh, a warning otherwise.
 */
int layout_root_file(const char *path, const am_cap *root, bool fresh);

/* 0 when @path is missing or empty, otherwise -1 with a message: a new root would not fit */
int layout_root_file_free(const char *path);

#endif /* DIRD_LAYOUT_H */
