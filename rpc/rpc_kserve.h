/* SPDX-License-Identifier: GPL-2.0-only */
/* What a server within the kernel is made of: for rpc_kserve.c and its tests. */
#ifndef _AMRPC_KSERVE_H
#define _AMRPC_KSERVE_H

#include <net/amoeba.h>

#include "rpc.h"

#define AMRPC_SERVICE_WAIT	10	/* ms until a request is tried again that could not be taken */

struct amrpc_service {
	struct amrpc_file	*file;
	struct wait_queue_entry	wait;		/* in file->wq */
	struct delayed_work	work;
	struct workqueue_struct	*wq;
	void			(*serve)(void *priv, struct amrpc_request *rq);
	void			*priv;
	size_t			room;
	void			*in, *out;	/* of @room bytes */
};

#endif /* _AMRPC_KSERVE_H */
