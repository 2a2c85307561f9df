/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands about the processor pool share. */
#ifndef AMCTL_POOL_H
#define AMCTL_POOL_H

#include <amoeba_proc.h>

#include "amctl.h"

struct pool_host {
	char	 name[AM_HOST_NAME];
	am_cap	 cap;
	am_status status;	/* of the question for its load */
	struct am_load load;
};

struct pool {
	struct pool_host *host;	/* sorted by name */
	size_t	n;
};

/*
 * The hosts of the pool, each asked for its load, all at once: a dead one costs @timeout_ms
 * together with all other dead ones. The status is that of the directory; nothing is printed.
 */
am_status pool_load(struct pool *p, uint32_t timeout_ms);
void	 pool_free(struct pool *p);

/* an error line about a host, a job or the pool; AMCTL_FAIL */
int	 pool_err(const char *what, am_status s);
/* the same of looking host @name up and asking it */
int	 pool_host_err(const char *name, am_status s);

/* "HOST/ID" -> the job's capability; prints the error line */
int	 pool_job(const char *text, am_cap *proc);

/* the name of a signal or its number; prints the error line */
int	 pool_signal(const char *text, int *sig);
const char *pool_signal_name(int sig, char buf[16]);

/* 61.25 s -> "1:01", 1.5 s -> "1.5s" */
char	*pool_time(uint64_t us, char buf[24]);

#endif /* AMCTL_POOL_H */
