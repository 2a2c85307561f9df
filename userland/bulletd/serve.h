/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve.h - the bullet service: requests in, replies out (facts 5 and 7, amoeba.h).
 *
 * DESIGN NOTES
 *
 * bulletd_serve() is the handler of the server loop. It finds the command in a table, pins the
 * file the capability names, checks capability, kind of object and rights, and only then looks at
 * the arguments. It keeps no state of its own but counters, so that any number of threads may be
 * in it.
 *
 *   serve.c	dispatch, capabilities, the standard commands
 *   cmd.c	READ, SIZE, CREATE, MODIFY, INSERT, DELETE, SYNC, STD_COPY
 *
 * The data of a reply to READ goes from the page cache to the client without passing through
 * this process, unless it is so short that copying it costs less than the second system call
 * such a reply takes.
 */
#ifndef BULLETD_SERVE_H
#define BULLETD_SERVE_H

#include <stdatomic.h>

#include "volume.h"

/* beside those of amoeba.h, facts 7 */
#define B_DELETE	2002
#define B_INSERT	2004
#define B_SYNC		2009

#define READ_COPY	4096		/* bytes up to which the data of a reply is copied */

struct bulletd {
	struct volume	*vol;
	struct volume_id id;
	am_port		put;		/* the service's put-port */
	unsigned int	remote_max;	/* copies from other servers at once */
	atomic_uint	remote;
	atomic_ullong	requests, errors;
	atomic_ullong	bytes_read, bytes_written;
};

/** what the capability of a request names */
struct target {
	struct vfile	*file;		/* pinned; NULL: the super capability */
	uint8_t		rights;
	bool		committed;
	uint64_t	size;		/* when committed */
};

/* @threads: of the server loop */
void bulletd_setup(struct bulletd *b, struct volume *vol, unsigned int threads);
am_status bulletd_serve(struct am_request *rq, void *arg);

/* pins the file of @cap, or finds that it is the super capability: AM_STD_CAPBAD */
am_status bulletd_target(struct bulletd *b, const am_cap *cap, struct target *t);
void bulletd_release(struct target *t);

am_status cmd_read(struct bulletd *b, struct am_request *rq, struct target *t);
am_status cmd_size(struct bulletd *b, struct am_request *rq, struct target *t);
am_status cmd_create(struct bulletd *b, struct am_request *rq, struct target *t);
am_status cmd_modify(struct bulletd *b, struct am_request *rq, struct target *t);
am_status cmd_insert(struct bulletd *b, struct am_request *rq, struct target *t);
am_status cmd_delete(struct bulletd *b, struct am_request *rq, struct target *t);
am_status cmd_sync(struct bulletd *b, struct am_request *rq, struct target *t);
am_status cmd_copy(struct bulletd *b, struct am_request *rq, struct target *t);

#endif /* BULLETD_SERVE_H */
