/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rund: the run server. Which host of the pool shall run the next program?
 *
 * DESIGN NOTES
 *
 * A *host* is an entry of /profile/pool whose name has no '.'. It is UP from an answer to GETLOAD
 * until one fails, DOWN otherwise; only hosts that are up, and not overdue with an answer, are
 * given out. An entry that is gone from the directory is forgotten.
 *
 * Each choice makes its host a little worse until its next answer tells how it really is:
 * otherwise all programs of those seconds went to one host.
 *
 * One lock, hosts.lock, for the table. Nothing is asked of anybody with it held: a host that is
 * being polled is marked so, and stays in the table meanwhile.
 */
#ifndef RUND_H
#define RUND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <amoeba_proc.h>

#define EQUIV_PERCENT	5		/* hosts so close to the best are as good */
#define MEM_TRUNC_KIB	(1U << 20)	/* more free memory than this makes no host better */
#define POLL_UP_MS	3000
#define POLL_DOWN_MS	10000
#define POLL_TIMEOUT_MS	2000
#define OVERDUE_MS	1000		/* a poll that takes longer: not given out */
#define POLLERS		4

struct host {
	struct host *next;
	char	 name[AM_HOST_NAME];
	am_cap	 cap;		/* as the directory has it */
	am_cap	 exec;		/* what is given out */
	bool	 up, polling, listed, gone;
	uint64_t asked_ms, due_ms, up_ms;
	uint64_t given;
	struct am_load load;
	uint32_t promised;	/* programs sent there since the last answer */
	uint64_t promised_kib;
};

extern atomic_bool stopping;
extern uint32_t poll_up_ms;
void	 note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t now_ms(void);

/* choose.c */
double	 score(const struct host *h, uint64_t need_kib);
/*
 * The best @n of the hosts in @list, for @need_kib of memory, without the names of @avoid;
 * @random in [0, 1) decides between equals. How many there are.
 */
size_t	 choose(struct host *list, uint64_t now, uint64_t need_kib, const char *const *avoid,
		double (*random)(void), struct host **best, size_t n);

/* hosts.c */
void	 hosts_start(void);
void	 hosts_stop(void);
void	 hosts_rescan(void);	/* looks into the directory at once */
size_t	 hosts_find(uint64_t need_kib, const char *const *avoid, struct am_runhost *out, size_t n);
size_t	 hosts_text(char *buf, size_t size);	/* a table for STD_STATUS */

/* ops.c */
struct ident {
	am_port get, random;
	am_cap	owner;
};
am_status ops_handle(struct am_request *rq, void *arg);

#endif /* RUND_H */
