// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * register.c - entering the server in the directory.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "register.h"

#define RETRY_FIRST	1	/* seconds */
#define RETRY_LAST	30

struct entry {
	am_cap	super;
	char	path[AM_PATH_MAX];
};

/* group and others may read and create, nothing else */
static const uint32_t masks[AM_DIR_COLUMNS] = {
	0xff, AM_B_RGT_CREATE | AM_B_RGT_READ, AM_B_RGT_CREATE | AM_B_RGT_READ, 0
};

/* what time may heal: no root yet, nobody answers, the server is busy */
static bool passing(am_status s)
{
	return s == AM_RPC_NOTFOUND || s == AM_RPC_FAILURE || s == AM_RPC_TRYAGAIN ||
	       s == AM_RPC_ABORTED || s == AM_STD_NOTNOW || s == AM_SP_UNAVAIL ||
	       s == AM_SP_UNREACH;
}

static am_status enter(const struct entry *e)
{
	char name[AM_NAME_MAX + 1];
	am_cap root, dir, there;
	am_status s;

	s = am_root(&root);
	if (s)
		return AM_RPC_NOTFOUND;	/* amctl join may come */
	s = am_lookup_parent(&root, e->path, &dir, name);
	if (s)
		return s;
	s = am_dir_append(&dir, name, &e->super, masks);
	if (s != AM_STD_EXISTS)
		return s;
	/* ours from an earlier start, with the rights the masks left of it, or another server's */
	s = am_lookup(&dir, name, &there);
	if (s)
		return s;
	if (!am_port_equal(&there.port, &e->super.port))
		fprintf(stderr, "bulletd: %s names another file server and is left as it is; to use this one instead: amctl rm %s, then restart\n",
			e->path, e->path);
	return AM_OK;
}

static void *thread(void *arg)
{
	struct entry *e = arg;
	unsigned int wait = RETRY_FIRST;
	am_status s;

	while (passing(s = enter(e))) {
		sleep(wait);
		wait = 2 * wait < RETRY_LAST ? 2 * wait : RETRY_LAST;
	}
	if (s)
		fprintf(stderr, "bulletd: %s: cannot be entered in the directory: %s; the server runs, but clients will not find it there\n",
			e->path, am_why(s));
	free(e);
	return NULL;
}

int register_start(const am_cap *super, const char *path)
{
	struct entry *e = calloc(1, sizeof(*e));
	pthread_t t;
	int rc;

	if (!e)
		return ENOMEM;
	e->super = *super;
	snprintf(e->path, sizeof(e->path), "%s", path);
	rc = pthread_create(&t, NULL, thread, e);
	if (rc) {
		free(e);
		return rc;
	}
	return pthread_detach(t);
}
