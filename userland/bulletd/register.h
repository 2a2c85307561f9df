/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * register.h - entering the server in the directory, so that clients find it.
 */
#ifndef BULLETD_REGISTER_H
#define BULLETD_REGISTER_H

#include <amoeba.h>

#define REGISTER_PATH	"/profile/cap/bulletsvr/default"

/*
 * Starts a thread that enters @super at @path unless something is there, and tries again while
 * the root is not known or no directory server answers. 0, or an errno.
 */
int register_start(const am_cap *super, const char *path);

#endif /* BULLETD_REGISTER_H */
