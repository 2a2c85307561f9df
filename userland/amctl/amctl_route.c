// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl route, neigh, addr, stat, monitor: what the FLIP layer knows and counts. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "amctl_net_udp.h"

#define ADDR_HEX 24	/* eight bytes with colons and a zero */

struct listing {
	struct amctl_table *t;
	const char *columns;
	const char *only;	/* a word the row must have, or NULL */
	bool all;		/* with what is zero */
};

static void restart(void *arg)
{
	struct listing *l = arg;

	amctl_table_drop(l->t);
	l->t = amctl_table(l->columns);
}

static int dump(struct listing *l, uint8_t cmd, uint16_t max, amctl_nl_fn fn, const char *what,
		const char *empty)
{
	struct amctl_nl nl;
	int rc, err;

	rc = amctl_nl_open(&nl);
	if (rc)
		return rc;
	l->t = amctl_table(l->columns);
	err = amctl_nl_dump(&nl, cmd, max, fn, l, restart);
	if (err) {
		rc = amctl_nl_err(&nl, what, err);
		amctl_table_drop(l->t);
	} else {
		rc = amctl_table_end(l->t, empty);
	}
	amctl_nl_close(&nl);
	return rc;
}

/* ---- route --------------------------------------------------------------------------------- */

#define ROUTE_COLUMNS "address dev location +hops +count +trusted idle"

static void route(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	struct listing *l = arg;
	char text[64];

	(void)cmd;
	if (l->only && strcmp(l->only, amctl_nl_str(tb[FLIP_A_ROUTE_IFNAME])))
		return;
	amctl_row(l->t);
	amctl_cell(l->t, "address", "%s",
		   amctl_nl_hex(tb[FLIP_A_ROUTE_ADDRESS], ':', text, sizeof(text)));
	amctl_cell_colour(l->t, "address", AMC_NAME);
	amctl_cell(l->t, "dev", "%s", amctl_nl_str(tb[FLIP_A_ROUTE_IFNAME]));
	amctl_cell(l->t, "location", "%s",
		   amctl_nl_hex(tb[FLIP_A_ROUTE_LOCATION], ':', text, sizeof(text)));
	amctl_cell_u64(l->t, "hops", amctl_nl_u32(tb[FLIP_A_ROUTE_HOPS]));
	amctl_cell_u64(l->t, "count", amctl_nl_u32(tb[FLIP_A_ROUTE_COUNT]));
	amctl_cell_u64(l->t, "trusted", amctl_nl_u32(tb[FLIP_A_ROUTE_TRUSTED_COUNT]));
	amctl_cell_idle(l->t, "idle", tb[FLIP_A_ROUTE_IDLE_MS]);
}

static int route_list(int argc, char **argv)
{
	struct listing l = { .columns = ROUTE_COLUMNS };

	if (argc == 2 && !strcmp(argv[0], "dev"))
		l.only = argv[1];
	else if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	return dump(&l, FLIP_CMD_ROUTE_GET, FLIP_A_ROUTE_MAX, route, "routes",
		    "no route: addresses are located when they are first used");
}

static int route_get(int argc, char **argv)
{
	struct listing l = { .columns = ROUTE_COLUMNS };
	struct amctl_nl nl;
	struct nlmsghdr *nlh;
	uint8_t addr[8];
	int rc, err;

	if (argc != 1)
		return amctl_bad(argc ? "one address at a time" : "which address?");
	rc = amctl_arg_hex("address", argv[0], addr, sizeof(addr));
	if (!rc)
		rc = amctl_nl_open(&nl);
	if (rc)
		return rc;
	l.t = amctl_table(l.columns);
	nlh = amctl_nl_begin(&nl, FLIP_CMD_ROUTE_GET, false);
	mnl_attr_put(nlh, FLIP_A_ROUTE_ADDRESS, sizeof(addr), addr);
	err = amctl_nl_talk(&nl, nlh, FLIP_A_ROUTE_MAX, route, &l);
	if (err == ENOENT)
		rc = amctl_err("it is located when it is first used; amctl route list",
			       "%s: no route is known", argv[0]);
	else if (err)
		rc = amctl_nl_err(&nl, argv[0], err);
	amctl_nl_close(&nl);
	if (!rc)
		return amctl_table_end(l.t, "");
	amctl_table_drop(l.t);
	return rc;
}

static const struct amctl_verb route_verbs[] = {
	{ "list", route_list, "[dev DEV]", "where other machines' addresses were last seen",
	  "dev @dev" },
	{ "get", route_get, "ADDRESS", "the best way to one address", "" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_route = {
	.name = "route",
	.help = "where FLIP addresses were last seen: list, get",
	.verbs = route_verbs,
	.details =
		"An ADDRESS is eight bytes in hex, public as on the wire. count: how many hold it\n"
		"there; trusted: how many of them are reached over trusted networks only.",
};

/* ---- neigh --------------------------------------------------------------------------------- */

static void neigh(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	struct listing *l = arg;
	uint32_t tries = amctl_nl_u32(tb[FLIP_A_NEIGH_TRIES]);
	char mac[64], peer[AMCTL_UDP_TEXT];

	(void)cmd;
	if (l->only && strcmp(l->only, amctl_nl_str(tb[FLIP_A_NEIGH_IFNAME])))
		return;
	amctl_row(l->t);
	amctl_cell(l->t, "location", "%s",
		   amctl_nl_hex(tb[FLIP_A_NEIGH_LOCATION], ':', mac, sizeof(mac)));
	amctl_cell_colour(l->t, "location", AMC_NAME);
	amctl_cell(l->t, "dev", "%s", amctl_nl_str(tb[FLIP_A_NEIGH_IFNAME]));
	amctl_cell_u64(l->t, "routes", amctl_nl_u32(tb[FLIP_A_NEIGH_ROUTES]));
	amctl_cell_u64(l->t, "credits", amctl_nl_u32(tb[FLIP_A_NEIGH_CREDITS]));
	amctl_cell_u64(l->t, "quota", amctl_nl_u32(tb[FLIP_A_NEIGH_QUOTA]));
	amctl_cell_u64(l->t, "payload", amctl_nl_u32(tb[FLIP_A_NEIGH_PAYLOAD]));
	amctl_cell_u64(l->t, "owed", amctl_nl_u32(tb[FLIP_A_NEIGH_OWED]));
	amctl_cell_u64(l->t, "queued", amctl_nl_u32(tb[FLIP_A_NEIGH_QUEUED]));
	amctl_cell_u64(l->t, "messages", amctl_nl_u32(tb[FLIP_A_NEIGH_MESSAGES]));
	amctl_cell_u64(l->t, "tries", tries);
	if (tries)
		amctl_cell_colour(l->t, "tries", AMC_WARN);
	amctl_cell_idle(l->t, "idle", tb[FLIP_A_NEIGH_IDLE_MS]);
	if (*amctl_udp_peer(tb[FLIP_A_NEIGH_UDP_PEER], peer))
		amctl_cell(l->t, "peer", "%s", peer);
}

static int neigh_list(int argc, char **argv)
{
	struct listing l = {
		.columns = "location dev +routes +credits +quota +payload +owed +queued +messages +tries idle "
			   "peer",
	};

	if (argc == 2 && !strcmp(argv[0], "dev"))
		l.only = argv[1];
	else if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	return dump(&l, FLIP_CMD_NEIGH_GET, FLIP_A_NEIGH_MAX, neigh, "neighbours",
		    "no neighbour heard yet");
}

static const struct amctl_verb neigh_verbs[] = {
	{ "list", neigh_list, "[dev DEV]", "machines on the own networks, and their credits",
	  "dev @dev" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_neigh = {
	.name = "neigh",
	.help = "machines on the own networks and the credits between us",
	.verbs = neigh_verbs,
	.details =
		"  routes    FLIP addresses known there\n"
		"  credits   fragments we may still send, of quota in all; owed: those we have to give back\n"
		"  payload   bytes of a message in one fragment; more than 1458 only between our kind\n"
		"  queued    fragments that wait for credits; messages: that wait their turn\n"
		"  tries     unanswered requests for credits: above 0 the neighbour is stuck\n"
		"  peer      address and port, on an overlay",
};

/* ---- addr ---------------------------------------------------------------------------------- */

static void addr(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	struct listing *l = arg;
	char text[ADDR_HEX];

	(void)cmd;
	amctl_row(l->t);
	amctl_cell(l->t, "address", "%s",
		   amctl_nl_hex(tb[FLIP_A_ADDR_ADDRESS], ':', text, sizeof(text)));
	amctl_cell_colour(l->t, "address", AMC_NAME);
	amctl_cell(l->t, "owner", "%s", amctl_nl_str(tb[FLIP_A_ADDR_OWNER]));
	amctl_cell_bool(l->t, "broadcasts", amctl_nl_flag(tb[FLIP_A_ADDR_BROADCASTS]), "yes",
			"no");
	amctl_cell_u64(l->t, "messid", amctl_nl_u32(tb[FLIP_A_ADDR_MESSID]));
}

static int addr_list(int argc, char **argv)
{
	struct listing l = { .columns = "address owner broadcasts +messid" };

	if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	return dump(&l, FLIP_CMD_ADDR_GET, FLIP_A_ADDR_MAX, addr, "addresses",
		    "no address: no program of this namespace uses FLIP");
}

static const struct amctl_verb addr_verbs[] = {
	{ "list", addr_list, "", "FLIP addresses of this machine", "" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_addr = {
	.name = "addr",
	.help = "FLIP addresses of this machine",
	.verbs = addr_verbs,
	.details = "An open /dev/amoeba or FLIP socket has one; it is drawn, and shown as the\n"
		   "others see it.",
};

/* ---- stat ---------------------------------------------------------------------------------- */

static void counter(struct listing *l, const char *layer, const char *name, uint64_t v)
{
	if (!l->all && !v)
		return;
	if (l->only && !strstr(name, l->only) && strcmp(layer, l->only))
		return;
	amctl_row(l->t);
	amctl_cell(l->t, "layer", "%s", layer);
	amctl_cell(l->t, "counter", "%s", name);
	amctl_cell_u64(l->t, "value", v);
	if (v && strstr(name, "drop"))
		amctl_cell_colour(l->t, "value", AMC_WARN);
}

static void stat(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	(void)cmd;
	counter(arg, "flip", amctl_nl_str(tb[FLIP_A_STAT_NAME]),
		amctl_nl_u64(tb[FLIP_A_STAT_VALUE]));
}

/* those of transactions; a kernel with FLIP alone has none */
static void rpc_counters(struct listing *l)
{
	FILE *f = fopen("/proc/net/amoeba/stat", "re");
	char name[64];
	uint64_t v;

	if (!f)
		return;
	while (fscanf(f, "%63s %" SCNu64, name, &v) == 2)
		counter(l, "amoeba", name, v);
	fclose(f);
}

static int stat_list(int argc, char **argv)
{
	struct listing l = { .columns = "layer counter +value", .all = amctl_json };
	struct amctl_nl nl;
	int rc, err;

	for (; argc; argc--, argv++) {
		if (!strcmp(argv[0], "all"))
			l.all = true;
		else if (!l.only)
			l.only = argv[0];
		else
			return amctl_bad("unexpected '%s'", argv[0]);
	}
	rc = amctl_nl_open(&nl);
	if (rc)
		return rc;
	l.t = amctl_table(l.columns);
	err = amctl_nl_dump(&nl, FLIP_CMD_STAT_GET, FLIP_A_STAT_MAX, stat, &l, restart);
	amctl_nl_close(&nl);
	if (err) {
		amctl_table_drop(l.t);
		return amctl_nl_err(&nl, "counters", err);
	}
	rpc_counters(&l);
	return amctl_table_end(l.t, "every counter is zero");
}

static const struct amctl_verb stat_verbs[] = {
	{ "list", stat_list, "[all] [flip|amoeba|WORD]",
	  "counters; all: with those that are zero", "all flip amoeba" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_stat = {
	.name = "stat",
	.help = "counters of FLIP and of transactions, drops by reason",
	.verbs = stat_verbs,
	.details = "flip, amoeba: one layer. WORD: only counters whose name holds it. With -j also\n"
		   "those that are zero.",
};

/* ---- monitor ------------------------------------------------------------------------------- */

static void event(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	static const char *const name[] = {
		[0] = "events lost",
		[FLIP_CMD_NET_UP_NTF] = "network up",
		[FLIP_CMD_NET_DOWN_NTF] = "network down",
		[FLIP_CMD_NET_CHANGE_NTF] = "network changed",
		[FLIP_CMD_LOCATE_FAILED_NTF] = "locate failed",
		[FLIP_CMD_NEIGH_NEW_NTF] = "neighbour seen",
		[FLIP_CMD_NEIGH_LOST_NTF] = "neighbour lost",
		[FLIP_CMD_ROUTE_NEW_NTF] = "route new",
		[FLIP_CMD_ROUTE_LOST_NTF] = "route lost",
	};
	const struct nlattr *dev = NULL, *where = NULL, *via = NULL;
	char text[64], mac[32], when[32];
	struct timespec now;
	struct tm tm;

	(void)arg;
	if (cmd >= sizeof(name) / sizeof(name[0]) || !name[cmd])
		return;
	switch (cmd) {
	case FLIP_CMD_LOCATE_FAILED_NTF:
		where = tb[FLIP_A_ROUTE_ADDRESS];
		break;
	case FLIP_CMD_NEIGH_NEW_NTF:
	case FLIP_CMD_NEIGH_LOST_NTF:
		dev = tb[FLIP_A_NEIGH_IFNAME];
		where = tb[FLIP_A_NEIGH_LOCATION];
		break;
	case FLIP_CMD_ROUTE_NEW_NTF:
	case FLIP_CMD_ROUTE_LOST_NTF:
		dev = tb[FLIP_A_ROUTE_IFNAME];
		where = tb[FLIP_A_ROUTE_ADDRESS];
		via = tb[FLIP_A_ROUTE_LOCATION];
		break;
	default:
		dev = tb[FLIP_A_NET_IFNAME];
		where = tb[FLIP_A_NET_MAC];
	}
	amctl_nl_hex(where, ':', text, sizeof(text));
	amctl_nl_hex(via, ':', mac, sizeof(mac));
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "time", json_object_new_double(
			(double)now.tv_sec + (double)now.tv_nsec / 1e9));
		json_object_object_add(o, "event", json_object_new_string(name[cmd]));
		if (dev)
			json_object_object_add(o, "dev",
				json_object_new_string(amctl_nl_str(dev)));
		if (where)
			json_object_object_add(o, "address", json_object_new_string(text));
		if (via)
			json_object_object_add(o, "location", json_object_new_string(mac));
		/* one event a line, so that a reader need not wait for the end */
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
		json_object_put(o);
	} else {
		printf("%s.%03ld  %s%s%s%s%s%s%s%s%s\n", when, now.tv_nsec / 1000000,
		       amctl_on(strstr(name[cmd], "down") || strstr(name[cmd], "lost") ||
				strstr(name[cmd], "failed") ? AMC_WARN : AMC_GOOD),
		       name[cmd], amctl_off(), dev ? "  " : "", dev ? amctl_nl_str(dev) : "",
		       where ? "  " : "", where ? text : "", via ? "  " : "", via ? mac : "");
	}
	fflush(stdout);
}

static int cmd_monitor(int argc, char **argv)
{
	unsigned int groups = 0;
	struct amctl_nl nl;
	uint64_t count = 0;
	int rc, err;

	for (; argc; argc--, argv++) {
		if (!strcmp(argv[0], "events")) {
			groups |= 1U << AMCTL_NL_EVENTS;
		} else if (!strcmp(argv[0], "routes")) {
			groups |= 1U << AMCTL_NL_ROUTES;
		} else if (!strcmp(argv[0], "count") && argc > 1) {
			rc = amctl_arg_u64("count", argv[1], 1, UINT32_MAX, &count);
			if (rc)
				return rc;
			argc--;
			argv++;
		} else {
			return amctl_bad("unexpected '%s'", argv[0]);
		}
	}
	if (!groups)
		groups = 1U << AMCTL_NL_EVENTS;
	rc = amctl_nl_open(&nl);
	if (rc)
		return rc;
	err = amctl_nl_listen(&nl, groups, count, event, NULL);
	if (err)
		rc = amctl_nl_err(&nl, "events", err);
	amctl_nl_close(&nl);
	return rc;
}

const struct amctl_object amctl_obj_monitor = {
	.name = "monitor",
	.help = "show events of the network layer as they happen",
	.func = cmd_monitor,
	.args = "[events] [routes] [count N]",
	.words = "events routes count",
	.details =
		"events, the default: networks up, down and changed; neighbours seen and lost;\n"
		"addresses that nobody answered for. routes: addresses found and forgotten, which\n"
		"are many on a busy machine. With -j one JSON object a line. Ends after N of them,\n"
		"or by ^C; 'events lost' when they came faster than they could be shown.",
};
