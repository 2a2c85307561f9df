// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl net add NAME udp: addresses of an overlay, read and shown. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "amctl_net_udp.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* the address in @text, all of it, IPv4 as ::ffff:a.b.c.d */
static bool read_addr(const char *text, uint8_t addr[AMCTL_UDP_ADDR])
{
	memcpy(addr, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, addr + sizeof(mapped)) == 1 ||
	       inet_pton(AF_INET6, text, addr) == 1;
}

/* "ADDR", "V4:PORT", "[V6]:PORT", "[V6]" */
static int read_peer(const char *val, uint8_t peer[AMCTL_UDP_PEER])
{
	char buf[AMCTL_UDP_TEXT];
	char *addr = buf, *port = NULL;
	uint64_t n = 0;

	if (snprintf(buf, sizeof(buf), "%s", val) >= (int)sizeof(buf))
		return amctl_bad("peer '%s' is no address", val);
	if (*buf == '[') {
		addr++;
		port = strchr(addr, ']');
		if (!port || (port[1] && port[1] != ':'))
			return amctl_bad("peer '%s': after [ADDRESS] comes :PORT or nothing", val);
		*port++ = 0;
	} else if (strchr(buf, ':') == strrchr(buf, ':')) {
		port = strchr(buf, ':');
	}
	if (port && *port) {
		*port++ = 0;
		if (amctl_arg_u64("the port of a peer,", val + (port - buf), 1, 65535, &n))
			return AMCTL_USAGE;
	}
	if (!read_addr(addr, peer))
		return amctl_err("addresses are numbers: 192.0.2.1, 192.0.2.1:8146, fd00::1, "
				 "[fd00::1]:8146", "'%s' is no address of a peer", val);
	peer[AMCTL_UDP_ADDR] = (uint8_t)(n >> 8);
	peer[AMCTL_UDP_ADDR + 1] = (uint8_t)n;
	return AMCTL_OK;
}

static int read_one(const char *key, const char *val, bool *set, uint8_t addr[AMCTL_UDP_ADDR])
{
	if (*set)
		return amctl_bad("%s is given twice", key);
	if (!read_addr(val, addr))
		return amctl_err("addresses are numbers: 239.8.1.46, ff02::8146",
				 "%s: '%s' is no address", key, val);
	*set = true;
	return AMCTL_OK;
}

static int read_key(struct amctl_udp *u, const char *key, const char *val)
{
	if (!val)
		return amctl_bad("%s: which?", key);
	if (!strcmp(key, "port"))
		return amctl_arg_u64(key, val, 1, 65535, &u->port);
	if (!strcmp(key, "ttl"))
		return amctl_arg_u64(key, val, 1, 255, &u->ttl);
	if (!strcmp(key, "group"))
		return read_one(key, val, &u->group_set, u->group);
	if (!strcmp(key, "local"))
		return read_one(key, val, &u->local_set, u->local);
	if (!strcmp(key, "dev")) {
		if (!*val || strlen(val) >= IFNAMSIZ)
			return amctl_err("ip link names the devices", "'%s' is no name of a device",
					 val);
		u->dev = val;
		return AMCTL_OK;
	}
	if (u->n_peers == FLIP_NL_MAX_UDP_PEERS)
		return amctl_err("use a multicast group", "more than %d peers",
				 FLIP_NL_MAX_UDP_PEERS);
	return read_peer(val, u->peers[u->n_peers++]);
}

bool amctl_udp_key(struct amctl_udp *u, const char *key, const char *val, int *rc)
{
	static const char *const keys[] = { "port", "group", "ttl", "dev", "peer", "local" };

	for (size_t i = 0; u->on && i < sizeof(keys) / sizeof(*keys); i++) {
		if (!strcmp(key, keys[i])) {
			*rc = read_key(u, key, val);
			return true;
		}
	}
	return false;
}

void amctl_udp_put(const struct amctl_udp *u, struct nlmsghdr *nlh)
{
	if (u->port)
		mnl_attr_put_u16(nlh, FLIP_A_NET_UDP_PORT, (uint16_t)u->port);
	if (u->local_set)
		mnl_attr_put(nlh, FLIP_A_NET_UDP_LOCAL, sizeof(u->local), u->local);
	if (u->group_set)
		mnl_attr_put(nlh, FLIP_A_NET_UDP_GROUP, sizeof(u->group), u->group);
	if (u->ttl)
		mnl_attr_put_u8(nlh, FLIP_A_NET_UDP_TTL, (uint8_t)u->ttl);
	if (u->dev)
		mnl_attr_put_strz(nlh, FLIP_A_NET_UDP_DEV, u->dev);
	if (u->n_peers)
		mnl_attr_put(nlh, FLIP_A_NET_UDP_PEERS, u->n_peers * AMCTL_UDP_PEER, u->peers);
}

/* ---- shown --------------------------------------------------------------------------------- */

/* @port 0: without */
static char *text(const uint8_t *addr, unsigned int port, char buf[AMCTL_UDP_TEXT])
{
	bool v4 = !memcmp(addr, mapped, sizeof(mapped));
	char a[INET6_ADDRSTRLEN];

	if (v4)
		inet_ntop(AF_INET, addr + sizeof(mapped), a, sizeof(a));
	else
		inet_ntop(AF_INET6, addr, a, sizeof(a));
	if (!port)
		snprintf(buf, AMCTL_UDP_TEXT, "%s", a);
	else
		snprintf(buf, AMCTL_UDP_TEXT, v4 ? "%s:%u" : "[%s]:%u", a, port);
	return buf;
}

static char *peer(const uint8_t *p, char buf[AMCTL_UDP_TEXT])
{
	return text(p, (unsigned int)p[AMCTL_UDP_ADDR] << 8 | p[AMCTL_UDP_ADDR + 1], buf);
}

char *amctl_udp_peer(const struct nlattr *a, char buf[AMCTL_UDP_TEXT])
{
	*buf = 0;
	if (a && mnl_attr_get_payload_len(a) == AMCTL_UDP_PEER)
		peer(mnl_attr_get_payload(a), buf);
	return buf;
}

static bool is_addr(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == AMCTL_UDP_ADDR;
}

void amctl_udp_cells(struct amctl_table *t, const struct nlattr **tb)
{
	const struct nlattr *peers = tb[FLIP_A_NET_UDP_PEERS];
	char buf[AMCTL_UDP_TEXT], *all = NULL;
	size_t size = 0;
	FILE *f;

	if (!tb[FLIP_A_NET_UDP_PORT] ||
	    mnl_attr_get_payload_len(tb[FLIP_A_NET_UDP_PORT]) != sizeof(uint16_t))
		return;
	f = open_memstream(&all, &size);
	if (!f)
		return;
	fprintf(f, "port %u", mnl_attr_get_u16(tb[FLIP_A_NET_UDP_PORT]));
	if (is_addr(tb[FLIP_A_NET_UDP_LOCAL]))
		fprintf(f, " local %s",
			text(mnl_attr_get_payload(tb[FLIP_A_NET_UDP_LOCAL]), 0, buf));
	if (is_addr(tb[FLIP_A_NET_UDP_GROUP]))
		fprintf(f, " group %s",
			text(mnl_attr_get_payload(tb[FLIP_A_NET_UDP_GROUP]), 0, buf));
	if (tb[FLIP_A_NET_UDP_TTL] && mnl_attr_get_payload_len(tb[FLIP_A_NET_UDP_TTL]) == 1 &&
	    mnl_attr_get_u8(tb[FLIP_A_NET_UDP_TTL]) != 1)
		fprintf(f, " ttl %u", mnl_attr_get_u8(tb[FLIP_A_NET_UDP_TTL]));
	if (tb[FLIP_A_NET_UDP_DEV])
		fprintf(f, " dev %s", amctl_nl_str(tb[FLIP_A_NET_UDP_DEV]));
	for (size_t i = 0; peers && i + AMCTL_UDP_PEER <= mnl_attr_get_payload_len(peers);
	     i += AMCTL_UDP_PEER)
		fprintf(f, " peer %s", peer((const uint8_t *)mnl_attr_get_payload(peers) + i, buf));
	if (!fclose(f))
		amctl_cell(t, "udp", "%s", all);
	free(all);
}
