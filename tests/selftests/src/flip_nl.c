// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flip_nl - generic netlink family flip, for the selftests
 *
 *	flip_nl CMD [ATTR VALUE]...	do, prints one line "attr=value ..." per message
 *	flip_nl dump CMD		dump
 *	flip_nl events COUNT MS		print notifications of the group "events"
 *	flip_nl routes COUNT MS		of the group "routes"
 *
 * CMD and ATTR as in uapi/flip.yaml: net-add ifname va trusted 0. An error prints
 * "error N: text of the kernel" and exits with 1.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/flip_netlink.h>

enum { U8, U16, U32, U64, STR, HEX };

struct attr {
	const char	*name;
	int		number;
	int		type;
};

static const struct attr net_attrs[] = {
	{ "index", FLIP_A_NET_INDEX, U32 }, { "ifindex", FLIP_A_NET_IFINDEX, U32 },
	{ "ifname", FLIP_A_NET_IFNAME, STR }, { "weight", FLIP_A_NET_WEIGHT, U32 },
	{ "trusted", FLIP_A_NET_TRUSTED, U8 }, { "up", FLIP_A_NET_UP, U8 },
	{ "running", FLIP_A_NET_RUNNING, U8 }, { "mtu", FLIP_A_NET_MTU, U32 },
	{ "mac", FLIP_A_NET_MAC, HEX },
	{ "rx-packets", FLIP_A_NET_RX_PACKETS, U64 }, { "rx-bytes", FLIP_A_NET_RX_BYTES, U64 },
	{ "rx-dropped", FLIP_A_NET_RX_DROPPED, U64 },
	{ "tx-packets", FLIP_A_NET_TX_PACKETS, U64 }, { "tx-bytes", FLIP_A_NET_TX_BYTES, U64 },
	{ "tx-dropped", FLIP_A_NET_TX_DROPPED, U64 }, { "delay", FLIP_A_NET_DELAY, U32 },
	{ "loss", FLIP_A_NET_LOSS, U32 },
	{ "udp-port", FLIP_A_NET_UDP_PORT, U16 }, { "udp-local", FLIP_A_NET_UDP_LOCAL, HEX },
	{ "udp-group", FLIP_A_NET_UDP_GROUP, HEX }, { "udp-dev", FLIP_A_NET_UDP_DEV, STR },
	{ "udp-peers", FLIP_A_NET_UDP_PEERS, HEX }, { "udp-ttl", FLIP_A_NET_UDP_TTL, U8 }, {}
};

static const struct attr route_attrs[] = {
	{ "address", FLIP_A_ROUTE_ADDRESS, HEX }, { "net", FLIP_A_ROUTE_NET, U32 },
	{ "ifname", FLIP_A_ROUTE_IFNAME, STR }, { "location", FLIP_A_ROUTE_LOCATION, HEX },
	{ "hops", FLIP_A_ROUTE_HOPS, U32 }, { "count", FLIP_A_ROUTE_COUNT, U32 },
	{ "trusted-count", FLIP_A_ROUTE_TRUSTED_COUNT, U32 },
	{ "idle-ms", FLIP_A_ROUTE_IDLE_MS, U32 }, {}
};

static const struct attr addr_attrs[] = {
	{ "address", FLIP_A_ADDR_ADDRESS, HEX }, { "owner", FLIP_A_ADDR_OWNER, STR },
	{ "broadcasts", FLIP_A_ADDR_BROADCASTS, U8 }, { "messid", FLIP_A_ADDR_MESSID, U32 }, {}
};

static const struct attr neigh_attrs[] = {
	{ "net", FLIP_A_NEIGH_NET, U32 }, { "ifname", FLIP_A_NEIGH_IFNAME, STR },
	{ "location", FLIP_A_NEIGH_LOCATION, HEX }, { "credits", FLIP_A_NEIGH_CREDITS, U32 },
	{ "owed", FLIP_A_NEIGH_OWED, U32 }, { "queued", FLIP_A_NEIGH_QUEUED, U32 },
	{ "messages", FLIP_A_NEIGH_MESSAGES, U32 }, { "tries", FLIP_A_NEIGH_TRIES, U32 },
	{ "routes", FLIP_A_NEIGH_ROUTES, U32 }, { "idle-ms", FLIP_A_NEIGH_IDLE_MS, U32 },
	{ "quota", FLIP_A_NEIGH_QUOTA, U32 }, { "payload", FLIP_A_NEIGH_PAYLOAD, U32 },
	{ "udp-peer", FLIP_A_NEIGH_UDP_PEER, HEX }, {}
};

static const struct attr stat_attrs[] = {
	{ "name", FLIP_A_STAT_NAME, STR }, { "value", FLIP_A_STAT_VALUE, U64 }, {}
};

static const struct attr info_attrs[] = {
	{ "version", FLIP_A_INFO_VERSION, STR }, { "family", FLIP_A_INFO_FAMILY, U32 },
	{ "max-message", FLIP_A_INFO_MAX_MESSAGE, U32 }, { "max-hops", FLIP_A_INFO_MAX_HOPS, U32 },
	{ "max-networks", FLIP_A_INFO_MAX_NETWORKS, U32 },
	{ "networks", FLIP_A_INFO_NETWORKS, U32 }, { "max-routes", FLIP_A_INFO_MAX_ROUTES, U32 },
	{ "routes", FLIP_A_INFO_ROUTES, U32 }, { "addresses", FLIP_A_INFO_ADDRESSES, U32 },
	{ "neighbours", FLIP_A_INFO_NEIGHBOURS, U32 }, { "locates", FLIP_A_INFO_LOCATES, U32 }, {}
};

static const struct command {
	const char		*name;
	int			number;
	const struct attr	*attrs;
} commands[] = {
	{ "net-add", FLIP_CMD_NET_ADD, net_attrs }, { "net-del", FLIP_CMD_NET_DEL, net_attrs },
	{ "net-new", FLIP_CMD_NET_NEW, net_attrs },
	{ "net-set", FLIP_CMD_NET_SET, net_attrs }, { "net-get", FLIP_CMD_NET_GET, net_attrs },
	{ "route-get", FLIP_CMD_ROUTE_GET, route_attrs },
	{ "addr-get", FLIP_CMD_ADDR_GET, addr_attrs },
	{ "neigh-get", FLIP_CMD_NEIGH_GET, neigh_attrs },
	{ "stat-get", FLIP_CMD_STAT_GET, stat_attrs },
	{ "info-get", FLIP_CMD_INFO_GET, info_attrs },
	{ "net-up-ntf", FLIP_CMD_NET_UP_NTF, net_attrs },
	{ "net-down-ntf", FLIP_CMD_NET_DOWN_NTF, net_attrs },
	{ "net-change-ntf", FLIP_CMD_NET_CHANGE_NTF, net_attrs },
	{ "locate-failed-ntf", FLIP_CMD_LOCATE_FAILED_NTF, route_attrs },
	{ "neigh-new-ntf", FLIP_CMD_NEIGH_NEW_NTF, neigh_attrs },
	{ "neigh-lost-ntf", FLIP_CMD_NEIGH_LOST_NTF, neigh_attrs },
	{ "route-new-ntf", FLIP_CMD_ROUTE_NEW_NTF, route_attrs },
	{ "route-lost-ntf", FLIP_CMD_ROUTE_LOST_NTF, route_attrs }, {}
};

static int fd;
static char buf[1 << 17];

static void fail(const char *what)
{
	fprintf(stderr, "flip_nl: %s\n", what);
	exit(2);
}

static const struct command *command(const char *name, int number)
{
	const struct command *c;

	for (c = commands; c->name; c++)
		if (name ? !strcmp(c->name, name) : c->number == number)
			return c;
	fail("unknown command");
	return NULL;
}

static const struct attr *attribute(const struct attr *a, const char *name, int number)
{
	for (; a->name; a++)
		if (name ? !strcmp(a->name, name) : a->number == number)
			return a;
	return NULL;
}

static struct nlmsghdr *message(int type, int flags, int cmd)
{
	struct nlmsghdr *n = (struct nlmsghdr *)buf;
	struct genlmsghdr *g = NLMSG_DATA(n);

	memset(buf, 0, 4096);
	n->nlmsg_len = NLMSG_LENGTH(sizeof(*g));
	n->nlmsg_type = type;
	n->nlmsg_flags = NLM_F_REQUEST | flags;
	n->nlmsg_seq = 1;
	g->cmd = cmd;
	g->version = 1;
	return n;
}

static void put(struct nlmsghdr *n, int type, const void *data, int len)
{
	struct nlattr *a = (struct nlattr *)((char *)n + NLMSG_ALIGN(n->nlmsg_len));

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy((char *)a + NLA_HDRLEN, data, len);
	n->nlmsg_len = NLMSG_ALIGN(n->nlmsg_len) + NLA_ALIGN(a->nla_len);
}

static void put_value(struct nlmsghdr *n, const struct attr *a, const char *text)
{
	uint8_t bytes[2048], u8;
	unsigned int v;
	uint16_t u16;
	uint32_t u32;
	int i;

	switch (a->type) {
	case U8:
		u8 = strtoul(text, NULL, 0);
		put(n, a->number, &u8, 1);
		break;
	case U16:
		u16 = strtoul(text, NULL, 0);
		put(n, a->number, &u16, 2);
		break;
	case U32:
		u32 = strtoul(text, NULL, 0);
		put(n, a->number, &u32, 4);
		break;
	case STR:
		put(n, a->number, text, strlen(text) + 1);
		break;
	case HEX:
		for (i = 0; i < (int)sizeof(bytes) && sscanf(text + 2 * i, "%2x", &v) == 1; i++)
			bytes[i] = v;
		put(n, a->number, bytes, i);
		break;
	}
}

static void print_attrs(const struct attr *set, const char *p, int len)
{
	int i;

	while (len >= NLA_HDRLEN) {
		const struct nlattr *n = (const struct nlattr *)p;
		const struct attr *a = attribute(set, NULL, n->nla_type & NLA_TYPE_MASK);
		const uint8_t *v = (const uint8_t *)p + NLA_HDRLEN;
		uint64_t u64;
		uint16_t u16;
		uint32_t u32;

		if (n->nla_len < NLA_HDRLEN || n->nla_len > len)
			fail("bad attribute");
		if (a) {
			printf("%s=", a->name);
			switch (a->type) {
			case U8:
				printf("%u ", *v);
				break;
			case U16:
				memcpy(&u16, v, 2);
				printf("%u ", u16);
				break;
			case U32:
				memcpy(&u32, v, 4);
				printf("%u ", u32);
				break;
			case U64:
				memcpy(&u64, v, 8);
				printf("%llu ", (unsigned long long)u64);
				break;
			case STR:
				printf("%s ", (const char *)v);
				break;
			case HEX:
				for (i = 0; i < n->nla_len - NLA_HDRLEN; i++)
					printf("%02x", v[i]);
				printf(" ");
			}
		}
		p += NLA_ALIGN(n->nla_len);
		len -= NLA_ALIGN(n->nla_len);
	}
	printf("\n");
}

static const char *kernel_says(struct nlmsghdr *n, struct nlmsgerr *e)
{
	char *p = (char *)(e + 1), *end = (char *)n + n->nlmsg_len;

	if (!(n->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	if (!(n->nlmsg_flags & NLM_F_CAPPED))
		p += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	while (p + NLA_HDRLEN <= end) {
		struct nlattr *a = (struct nlattr *)p;

		if (a->nla_type == NLMSGERR_ATTR_MSG)
			return p + NLA_HDRLEN;
		p += NLA_ALIGN(a->nla_len) ? NLA_ALIGN(a->nla_len) : NLA_HDRLEN;
	}
	return "";
}

static const char *group_wanted = "events";

/* the id of the group wanted, among those in a nest of nests */
static void find_group(char *p, char *end, int *group)
{
	char *q, *g;

	for (; p < end; p += NLA_ALIGN(((struct nlattr *)p)->nla_len)) {
		const char *name = "";
		int id = 0;

		g = p + ((struct nlattr *)p)->nla_len;
		for (q = p + NLA_HDRLEN; q < g; q += NLA_ALIGN(((struct nlattr *)q)->nla_len)) {
			if (((struct nlattr *)q)->nla_type == CTRL_ATTR_MCAST_GRP_NAME)
				name = q + NLA_HDRLEN;
			else if (((struct nlattr *)q)->nla_type == CTRL_ATTR_MCAST_GRP_ID)
				id = *(uint32_t *)(q + NLA_HDRLEN);
		}
		if (!strcmp(name, group_wanted))
			*group = id;
	}
}

/* print what comes until it ends; @set NULL: the family's number is wanted */
static int answer(const struct attr *set, int *family, int *group)
{
	for (;;) {
		struct nlmsghdr *n = (struct nlmsghdr *)buf;
		ssize_t len = recv(fd, buf, sizeof(buf), 0);

		if (len < 0)
			fail("recv");
		for (; NLMSG_OK(n, len); n = NLMSG_NEXT(n, len)) {
			char *p = (char *)NLMSG_DATA(n) + GENL_HDRLEN;
			int left = n->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN;

			if (n->nlmsg_type == NLMSG_DONE)
				return 0;
			if (n->nlmsg_type == NLMSG_ERROR) {
				struct nlmsgerr *e = NLMSG_DATA(n);

				if (e->error)
					printf("error %d: %s\n", -e->error, kernel_says(n, e));
				return !!e->error;
			}
			if (set) {
				print_attrs(set, p, left);
				continue;
			}
			while (left >= NLA_HDRLEN) {
				struct nlattr *a = (struct nlattr *)p;

				if (a->nla_type == CTRL_ATTR_FAMILY_ID)
					*family = *(uint16_t *)(p + NLA_HDRLEN);
				if (a->nla_type == CTRL_ATTR_MCAST_GROUPS)
					find_group(p + NLA_HDRLEN, p + a->nla_len, group);
				p += NLA_ALIGN(a->nla_len);
				left -= NLA_ALIGN(a->nla_len);
			}
		}
	}
}

static void events(int group, long count, long ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		fail("NETLINK_ADD_MEMBERSHIP");
	printf("listening\n");
	fflush(stdout);
	while (count-- > 0 && poll(&pfd, 1, ms) == 1) {
		ssize_t len = recv(fd, buf, sizeof(buf), 0);
		struct nlmsghdr *n = (struct nlmsghdr *)buf;
		struct genlmsghdr *g = NLMSG_DATA(n);
		const struct command *c;

		if (len < (ssize_t)(NLMSG_HDRLEN + GENL_HDRLEN))
			fail("short event");
		c = command(NULL, g->cmd);
		printf("%s ", c->name);
		print_attrs(c->attrs, (char *)g + GENL_HDRLEN,
			    n->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	int family = 0, group = 0, one = 1, i, dump;
	const struct command *c;
	struct nlmsghdr *n;

	if (argc < 2)
		fail("usage: flip_nl CMD [ATTR VALUE]... | dump CMD | events|routes COUNT MS");
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	if (!strcmp(argv[1], "routes"))
		group_wanted = "routes";
	n = message(GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY);
	put(n, CTRL_ATTR_FAMILY_NAME, FLIP_GENL_NAME, sizeof(FLIP_GENL_NAME));
	if (send(fd, n, n->nlmsg_len, 0) < 0 || answer(NULL, &family, &group) || !family)
		fail("no family flip: modprobe flip");
	if (!strcmp(argv[1], group_wanted)) {
		events(group, argc > 2 ? atol(argv[2]) : 1, argc > 3 ? atol(argv[3]) : 5000);
		return 0;
	}
	dump = !strcmp(argv[1], "dump");
	if (dump && argc < 3)
		fail("dump what?");
	c = command(argv[1 + dump], 0);
	n = message(family, dump ? NLM_F_DUMP : NLM_F_ACK, c->number);
	for (i = 2 + dump; i + 1 < argc; i += 2) {
		const struct attr *a = attribute(c->attrs, argv[i], 0);

		if (!a)
			fail("unknown attribute");
		put_value(n, a, argv[i + 1]);
	}
	if (send(fd, n, n->nlmsg_len, 0) < 0)
		fail("send");
	return answer(c->attrs, NULL, NULL);
}
