// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl net: the networks FLIP runs over. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amctl_net_udp.h"

struct settings {
	const char *dev;
	bool weight_set, trusted_set, up_set, delay_set, loss_set;
	uint64_t weight, delay;
	uint32_t loss;
	bool trusted, up;
	struct amctl_udp udp;
};

/* hundredths of a per cent */
static int read_per_cent(const char *key, const char *val, uint32_t *out)
{
	char *end;
	double v;

	if (!val)
		return amctl_bad("%s: how many per cent?", key);
	v = strtod(val, &end);
	if (end == val || (*end && strcmp(end, "%")) || !(v >= 0 && v <= 100))
		return amctl_err("for example: loss 2.5", "%s: '%s' is not from 0 to 100 per cent",
				 key, val);
	*out = (uint32_t)(v * 100 + 0.5);
	return AMCTL_OK;
}

static int read_settings(int argc, char **argv, struct settings *s)
{
	int rc;

	memset(s, 0, sizeof(*s));
	if (!argc)
		return amctl_bad("which device?");
	if (!strcmp(argv[0], "dev")) {
		argc--;
		argv++;
		if (!argc)
			return amctl_bad("which device?");
	}
	s->dev = argv[0];
	if (!*s->dev || strlen(s->dev) >= IFNAMSIZ)
		return amctl_err("ip link names the devices", "'%s' is no name of a device",
				 s->dev);
	argc--;
	argv++;
	if (argc && !strcmp(argv[0], "udp")) {
		s->udp.on = true;
		argc--;
		argv++;
	}
	for (; argc; argc -= 2, argv += 2) {
		const char *key = argv[0], *val = argc > 1 ? argv[1] : NULL;

		if (amctl_udp_key(&s->udp, key, val, &rc)) {
			;	/* read */
		} else if (!strcmp(key, "weight")) {
			rc = amctl_arg_u64(key, val, 1, FLIP_NL_MAX_WEIGHT, &s->weight);
			s->weight_set = true;
		} else if (!strcmp(key, "trusted")) {
			rc = amctl_arg_bool(key, val, &s->trusted);
			s->trusted_set = true;
		} else if (!strcmp(key, "up")) {
			rc = amctl_arg_bool(key, val, &s->up);
			s->up_set = true;
		} else if (!strcmp(key, "delay")) {
			rc = amctl_arg_u64(key, val, 0, 10000, &s->delay);
			s->delay_set = true;
		} else if (!strcmp(key, "loss")) {
			rc = read_per_cent(key, val, &s->loss);
			s->loss_set = true;
		} else {
			return amctl_bad("no key '%s'", key);
		}
		if (rc)
			return rc;
	}
	return AMCTL_OK;
}

static int change(uint8_t cmd, const struct settings *s)
{
	struct amctl_nl nl;
	struct nlmsghdr *nlh;
	int rc, err;

	rc = amctl_nl_open(&nl);
	if (rc)
		return rc;
	nlh = amctl_nl_begin(&nl, cmd, false);
	mnl_attr_put_strz(nlh, FLIP_A_NET_IFNAME, s->dev);
	if (s->weight_set)
		mnl_attr_put_u32(nlh, FLIP_A_NET_WEIGHT, (uint32_t)s->weight);
	if (s->trusted_set)
		mnl_attr_put_u8(nlh, FLIP_A_NET_TRUSTED, s->trusted);
	if (s->up_set)
		mnl_attr_put_u8(nlh, FLIP_A_NET_UP, s->up);
	if (s->delay_set)
		mnl_attr_put_u32(nlh, FLIP_A_NET_DELAY, (uint32_t)s->delay);
	if (s->loss_set)
		mnl_attr_put_u32(nlh, FLIP_A_NET_LOSS, s->loss);
	amctl_udp_put(&s->udp, nlh);
	err = amctl_nl_talk(&nl, nlh, FLIP_A_NET_MAX, NULL, NULL);
	if (err == ENOENT && (cmd == FLIP_CMD_NET_DEL || cmd == FLIP_CMD_NET_SET))
		rc = amctl_err("amctl net list shows the networks there are",
			       "%s: FLIP does not run over it", s->dev);
	else if (err)
		rc = amctl_nl_err(&nl, s->dev, err);
	amctl_nl_close(&nl);
	return rc;
}

/* FLIP does not touch the device: one that is down is a frequent surprise */
static void note_down(const char *dev)
{
	struct ifreq r = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", dev);
	if (!ioctl(fd, SIOCGIFFLAGS, &r) && !(r.ifr_flags & IFF_UP))
		amctl_note("net: %s is added but the device is down (ip link set %s up)", dev,
			   dev);
	close(fd);
}

static int net_add(int argc, char **argv)
{
	struct settings s;
	int rc = read_settings(argc, argv, &s);

	if (!rc && (s.delay_set || s.loss_set))
		rc = amctl_err("amctl net set does, once it is added",
			       "%s: delay and loss are not given with add", s.dev);
	if (!rc)
		rc = change(s.udp.on ? FLIP_CMD_NET_NEW : FLIP_CMD_NET_ADD, &s);
	if (!rc)
		note_down(s.dev);
	return rc;
}

static int net_set(int argc, char **argv)
{
	struct settings s;
	int rc = read_settings(argc, argv, &s);

	if (rc)
		return rc;
	if (s.udp.on)
		return amctl_err("amctl net del, and add it anew",
				 "%s: where an overlay goes does not change", s.dev);
	if (!s.weight_set && !s.trusted_set && !s.up_set && !s.delay_set && !s.loss_set)
		return amctl_bad("%s: what is to change?", s.dev);
	return change(FLIP_CMD_NET_SET, &s);
}

static int net_del(int argc, char **argv)
{
	struct settings s;
	int rc = read_settings(argc, argv, &s);

	if (rc)
		return rc;
	if (s.weight_set || s.trusted_set || s.up_set || s.delay_set || s.loss_set || s.udp.on)
		return amctl_bad("only the device is wanted");
	return change(FLIP_CMD_NET_DEL, &s);
}

/* ---- list ---------------------------------------------------------------------------------- */

#define COLUMNS "+net dev state weight trusted +mtu mac +rx +rx_bytes +rx_dropped +tx +tx_bytes " \
		"+tx_dropped +delay +loss udp"

struct listing {
	struct amctl_table *t;
	const char *dev;	/* only this one, or NULL */
};

static void restart(void *arg)
{
	struct listing *l = arg;

	amctl_table_drop(l->t);
	l->t = amctl_table(COLUMNS);
}

static void network(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	struct listing *l = arg;
	struct amctl_table *t = l->t;
	bool up = amctl_nl_flag(tb[FLIP_A_NET_UP]);
	bool running = amctl_nl_flag(tb[FLIP_A_NET_RUNNING]);
	bool trusted = amctl_nl_flag(tb[FLIP_A_NET_TRUSTED]);
	char mac[64];

	(void)cmd;
	if (l->dev && strcmp(l->dev, amctl_nl_str(tb[FLIP_A_NET_IFNAME])))
		return;
	amctl_row(t);
	amctl_cell_u64(t, "net", amctl_nl_u32(tb[FLIP_A_NET_INDEX]));
	amctl_cell(t, "dev", "%s", amctl_nl_str(tb[FLIP_A_NET_IFNAME]));
	amctl_cell_colour(t, "dev", AMC_NAME);
	amctl_cell(t, "state", "%s", !up ? "off" : running ? "up" : "no-carrier");
	amctl_cell_colour(t, "state", running ? AMC_GOOD : AMC_BAD);
	amctl_cell_u64(t, "weight", amctl_nl_u32(tb[FLIP_A_NET_WEIGHT]));
	amctl_cell_bool(t, "trusted", trusted, "on", "off");
	if (!trusted)
		amctl_cell_colour(t, "trusted", AMC_WARN);
	amctl_cell_u64(t, "mtu", amctl_nl_u32(tb[FLIP_A_NET_MTU]));
	amctl_cell(t, "mac", "%s", amctl_nl_hex(tb[FLIP_A_NET_MAC], ':', mac, sizeof(mac)));
	amctl_cell_u64(t, "rx", amctl_nl_u64(tb[FLIP_A_NET_RX_PACKETS]));
	amctl_cell_u64(t, "rx_bytes", amctl_nl_u64(tb[FLIP_A_NET_RX_BYTES]));
	amctl_cell_u64(t, "rx_dropped", amctl_nl_u64(tb[FLIP_A_NET_RX_DROPPED]));
	amctl_cell_u64(t, "tx", amctl_nl_u64(tb[FLIP_A_NET_TX_PACKETS]));
	amctl_cell_u64(t, "tx_bytes", amctl_nl_u64(tb[FLIP_A_NET_TX_BYTES]));
	amctl_cell_u64(t, "tx_dropped", amctl_nl_u64(tb[FLIP_A_NET_TX_DROPPED]));
	amctl_cell_u64(t, "delay", amctl_nl_u32(tb[FLIP_A_NET_DELAY]));
	amctl_cell(t, "loss", "%g", amctl_nl_u32(tb[FLIP_A_NET_LOSS]) / 100.0);
	amctl_udp_cells(t, tb);
}

static int net_list(int argc, char **argv)
{
	struct listing l = { NULL, argc ? argv[0] : NULL };
	struct amctl_nl nl;
	int rc, err;

	if (argc > 1)
		return amctl_bad("unexpected '%s'", argv[1]);
	rc = amctl_nl_open(&nl);
	if (rc)
		return rc;
	l.t = amctl_table(COLUMNS);
	err = amctl_nl_dump(&nl, FLIP_CMD_NET_GET, FLIP_A_NET_MAX, network, &l, restart);
	if (err)
		rc = amctl_nl_err(&nl, "networks", err);
	else if (l.dev && !amctl_rows(l.t))
		rc = amctl_err("amctl net list shows the networks there are",
			       "%s: FLIP does not run over it", l.dev);
	amctl_nl_close(&nl);
	if (rc)
		amctl_table_drop(l.t);
	else
		rc = amctl_table_end(l.t, "no network: amctl net add DEV");
	return rc;
}

static const struct amctl_verb verbs[] = {
	{ "list", net_list, "[DEV]", "networks with their state and counters", "@dev" },
	{ "add", net_add, "DEV [weight N] [trusted on|off] [up on|off] | NAME udp [port N] "
	  "[group ADDR [ttl N]] [dev DEV] [peer ADDR[:PORT]]... [local ADDR] ...",
	  "let FLIP run over a device, or over UDP",
	  "@dev udp port group ttl dev peer local weight trusted up on off" },
	{ "set", net_set, "DEV [weight N] [trusted on|off] [up on|off] [delay MS] [loss PERCENT]",
	  "change a network", "@dev weight trusted up on off delay loss" },
	{ "del", net_del, "DEV", "stop FLIP on a device; an overlay is removed", "@dev" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_net = {
	.name = "net",
	.help = "networks FLIP runs over: add, set, del, list",
	.verbs = verbs,
	.details =
		"  weight   hops a packet is charged for crossing it, 1 to 25 (3)\n"
		"  trusted  off: nothing that asks for security crosses it (on)\n"
		"  up       off: added but silent (on)\n"
		"  delay, loss  for experiments: each frame sent is so many ms late, 0 to 10000, or\n"
		"           lost with that probability in per cent; both 0 unless set\n"
		"The device itself is brought up as ever: ip link set DEV up.\n"
		"NAME udp makes an overlay, a device of its own, for where Ethernet frames do not pass:\n"
		"  group    multicast group all of them join; dev: over which device; ttl: for more than\n"
		"           the segment, 1 to 255\n"
		"  peer     instead, or in addition: each of the others, up to 64. Without a group only\n"
		"           these may speak\n"
		"  port     UDP port (8146); local: own address, with peers only",
};
