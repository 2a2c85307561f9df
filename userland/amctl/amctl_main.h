/* SPDX-License-Identifier: GPL-2.0-or-later */
/* between amctl.c, its output and its completion; commands do not include this */
#ifndef AMCTL_MAIN_H
#define AMCTL_MAIN_H

#include "amctl.h"

#define AMCTL_VERSION "0.1"

int amctl_main(int argc, char **argv);
int amctl_version(void);
int amctl_completion(int argc, char **argv);
const struct amctl_object *amctl_object_nth(size_t n);	/* NULL past the last */
/* a bar stands in the line of the cursor: whoever prints there clears it first */
extern bool amctl_bar_drawn;
void amctl_bar_clear(void);
/* what amctl_bad() gives as the remedy: "usage: amctl net add DEV ..." */
const char *amctl_usage_text(void);

#endif /* AMCTL_MAIN_H */
