/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve.h - the directory service: requests in, replies out (facts 5 and 8).
 *
 * DESIGN NOTES
 *
 * dird_serve() is the handler of the server loop. It finds the command in a table, checks the
 * capability (that it fits the object's random number), the kind of object, the rights, and only
 * then looks at the body; the store is asked for one change at most. It keeps no state of its own
 * but counters, so that any number of threads may be in it.
 *
 *   serve.c	dispatch, capabilities, the standard commands
 *   cmd.c	the directory commands on one directory
 *   lookup.c	LOOKUP: walking a path, and restricting what it ends at
 */
#ifndef DIRD_SERVE_H
#define DIRD_SERVE_H

#include <stdatomic.h>

#include "store.h"

/* beside those of amoeba.h, facts 8 */
#define DIR_GETMASKS	2111
#define DIR_GETSEQNR	2112

#define DIR_RGT_COLUMNS	0x0f

/* bytes of a listing in one reply: what a client of the original has room for */
#define LIST_ROOM	8192

struct dird {
	struct store	*st;
	struct store_id	id;
	am_port		put;		/* the service's put-port */
	unsigned int	remote_max;	/* restrictions asked of other servers at once */
	unsigned int	remote_ms;	/* how long to look for such a server, ms */
	atomic_uint	remote;
	atomic_ullong	requests;
	atomic_ullong	errors;
};

/** what the capability of a request names */
struct target {
	bool		super;
	uint8_t		rights;
	am_port		random;
	struct store_dir dir;		/* unless @super */
};

/* @threads: of the server loop */
am_status dird_setup(struct dird *d, struct store *st, unsigned int threads);
am_status dird_serve(struct am_request *rq, void *arg);

/* checks @cap: AM_STD_CAPBAD, AM_SP_UNREACH (the directory is gone) */
am_status dird_target(struct dird *d, const am_cap *cap, struct target *t);
/* AM_STD_DENIED unless a column is visible with the rights of @t */
am_status dird_visible(const struct target *t);

am_status cmd_create(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_discard(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_list(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_append(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_chmod(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_delete(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_replace(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_getmasks(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_getseqnr(struct dird *d, struct am_request *rq, const struct target *t);
am_status cmd_lookup(struct dird *d, struct am_request *rq, const struct target *t);

#endif /* DIRD_SERVE_H */
