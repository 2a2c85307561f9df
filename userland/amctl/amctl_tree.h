/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work on the directory graph that several commands do. Error lines are printed here. */
#ifndef AMCTL_TREE_H
#define AMCTL_TREE_H

#include "amctl.h"

/*
 * What the columns owner, group, other of a row let through: of a directory the columns below
 * the own one, of a file reading.
 */
extern const uint32_t amctl_dir_masks[AM_DIR_COLUMNS], amctl_file_masks[AM_DIR_COLUMNS];

/*
 * Makes the directory @path below @start. With @parents also what lacks above it, and one that
 * is there already will do. @out may be NULL. An exit status.
 */
int amctl_mkdir(const am_cap *start, const char *path, bool parents, am_cap *out);

/* the names in a directory, sorted */
struct amctl_names {
	char **v;
	size_t n;
};

/* an exit status; @path is how the error line calls @dir */
int amctl_names(const am_cap *dir, const char *path, struct amctl_names *names);
void amctl_names_free(struct amctl_names *names);

struct amctl_rm {
	bool recursive, keep;
	am_cap *seen;		/* directories entered, so that a circle ends */
	size_t nseen;
};

/* removes @name from @dir; @path is how error lines call it. An exit status. */
int amctl_rm_name(struct amctl_rm *o, const am_cap *dir, const char *name, const char *path);
void amctl_rm_done(struct amctl_rm *o);

/* destroys what a name had before it was given away to a new file; only bullet files */
void amctl_drop_old(const am_cap *old);

#endif /* AMCTL_TREE_H */
