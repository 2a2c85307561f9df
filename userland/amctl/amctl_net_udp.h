/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What amctl net add NAME udp takes beside the settings of every network. */
#ifndef AMCTL_NET_UDP_H
#define AMCTL_NET_UDP_H

#include "amctl_nl.h"

#define AMCTL_UDP_ADDR	16			/* IPv4 as ::ffff:a.b.c.d */
#define AMCTL_UDP_PEER	(AMCTL_UDP_ADDR + 2)	/* and the port, big-endian */
#define AMCTL_UDP_TEXT	80

struct amctl_udp {
	bool on;
	uint64_t port, ttl;		/* 0: the default */
	bool group_set, local_set;
	uint8_t group[AMCTL_UDP_ADDR], local[AMCTL_UDP_ADDR];
	const char *dev;
	size_t n_peers;
	uint8_t peers[FLIP_NL_MAX_UDP_PEERS][AMCTL_UDP_PEER];
};

/* takes a key that is an overlay's: true, and *@rc an exit status */
bool amctl_udp_key(struct amctl_udp *u, const char *key, const char *val, int *rc);
void amctl_udp_put(const struct amctl_udp *u, struct nlmsghdr *nlh);
/* "192.0.2.1:8146", "[fd00::1]:8146", "" when absent; @buf is returned */
char *amctl_udp_peer(const struct nlattr *a, char buf[AMCTL_UDP_TEXT]);
/* cells of the network being listed, if it is an overlay: "udp" */
void amctl_udp_cells(struct amctl_table *t, const struct nlattr **tb);

#endif /* AMCTL_NET_UDP_H */
