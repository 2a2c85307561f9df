/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generic netlink family `flip` (uapi/flip.yaml), spoken through libmnl. */
#ifndef AMCTL_NL_H
#define AMCTL_NL_H

#include <libmnl/libmnl.h>
#include <linux/flip_netlink.h>

#include "amctl.h"

/* multicast groups, and the bits to ask for them */
enum { AMCTL_NL_EVENTS, AMCTL_NL_ROUTES, AMCTL_NL_GROUPS };

struct amctl_nl {
	struct mnl_socket *sock;
	uint16_t family;
	uint32_t group[AMCTL_NL_GROUPS];	/* ids, 0: this kernel has none */
	uint32_t port, seq;
	char cause[256];	/* what the kernel said beside the last errno, or "" */
	char buf[16384];
};

/* 0 or an errno value, ENOENT when FLIP is not in this kernel; prints nothing */
int amctl_nl_connect(struct amctl_nl *nl);
/* an exit status; the error line names the remedy when FLIP is not there */
int amctl_nl_open(struct amctl_nl *nl);
void amctl_nl_close(struct amctl_nl *nl);

/* begins a request in nl->buf; attributes are added with mnl_attr_put*() */
struct nlmsghdr *amctl_nl_begin(struct amctl_nl *nl, uint8_t cmd, bool dump);

/* one answer: its command and attributes by type, absent ones NULL */
typedef void (*amctl_nl_fn)(uint8_t cmd, const struct nlattr **tb, void *arg);

/*
 * Sends what was begun and calls @fn for each answer. @max is the last attribute type of the
 * set. 0 or an errno value, nl->cause then holds the kernel's own words.
 */
int amctl_nl_talk(struct amctl_nl *nl, struct nlmsghdr *nlh, uint16_t max, amctl_nl_fn fn,
		  void *arg);
/* a dump that was disturbed is begun again: @restart drops what @fn has got so far */
int amctl_nl_dump(struct amctl_nl *nl, uint8_t cmd, uint16_t max, amctl_nl_fn fn, void *arg,
		  void (*restart)(void *arg));

/*
 * Waits for notifications of @groups (1 << AMCTL_NL_*) until @fn has seen @count of them (0: for
 * ever); errno or 0. Where the reader was too slow and some are lost, @fn is called with command 0.
 */
int amctl_nl_listen(struct amctl_nl *nl, unsigned int groups, unsigned long count,
		    amctl_nl_fn fn, void *arg);

/* an error line about @what from an errno of amctl_nl_talk(); AMCTL_FAIL */
int amctl_nl_err(const struct amctl_nl *nl, const char *what, int err);

/* attributes; 0 or "" when absent or of the wrong size */
uint32_t amctl_nl_u32(const struct nlattr *a);
uint64_t amctl_nl_u64(const struct nlattr *a);
bool amctl_nl_flag(const struct nlattr *a);
const char *amctl_nl_str(const struct nlattr *a);
char *amctl_nl_hex(const struct nlattr *a, char sep, char *buf, size_t size);
/* 1500 -> "1.5s": times since something was last seen */
void amctl_cell_idle(struct amctl_table *t, const char *col, const struct nlattr *a);

#endif /* AMCTL_NL_H */
