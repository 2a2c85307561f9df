// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests to and answers from the generic netlink family `flip`. */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "amctl_nl.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define MAX_ATTR 64	/* more than any set of ours or of the controller has */
#define RETRIES  16	/* of a dump that was disturbed */

struct talk {
	uint16_t max;
	amctl_nl_fn fn;
	void *arg;
	bool disturbed;
	struct amctl_nl *nl;
};

struct attrs {
	const struct nlattr *tb[MAX_ATTR + 1];
	uint16_t max;
};

static int attr(const struct nlattr *a, void *data)
{
	struct attrs *t = data;
	uint16_t type = mnl_attr_get_type(a);

	if (type <= t->max)
		t->tb[type] = a;
	return MNL_CB_OK;
}

static int message(const struct nlmsghdr *nlh, void *data)
{
	struct talk *t = data;
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(nlh);
	struct attrs a = { .max = t->max < MAX_ATTR ? t->max : MAX_ATTR };

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		t->disturbed = true;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*g)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (mnl_attr_parse(nlh, sizeof(*g), attr, &a) < 0)
		return MNL_CB_ERROR;
	if (t->fn)
		t->fn(g->cmd, a.tb, t->arg);
	return MNL_CB_OK;
}

/* NLMSG_ERROR: keeps the kernel's words, then ends the run with its errno */
static int error(const struct nlmsghdr *nlh, void *data)
{
	struct talk *t = data;
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (!e->error)
		return MNL_CB_STOP;
	skip = sizeof(*e);
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&e->msg);
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS) {
		struct attrs a = { .max = NLMSGERR_ATTR_MSG };

		if (mnl_attr_parse(nlh, (unsigned int)skip, attr, &a) >= 0 &&
		    a.tb[NLMSGERR_ATTR_MSG])
			snprintf(t->nl->cause, sizeof(t->nl->cause), "%s",
				 mnl_attr_get_str(a.tb[NLMSGERR_ATTR_MSG]));
	}
	errno = -e->error;
	return MNL_CB_ERROR;
}

/* NLMSG_DONE: a dump that failed on its way says so here */
static int done(const struct nlmsghdr *nlh, void *data)
{
	const int *e = mnl_nlmsg_get_payload(nlh);

	(void)data;
	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*e) && *e < 0) {
		errno = -*e;
		return MNL_CB_ERROR;
	}
	return MNL_CB_STOP;
}

static int talk(struct amctl_nl *nl, struct nlmsghdr *nlh, struct talk *t)
{
	mnl_cb_t control[NLMSG_MIN_TYPE] = { [NLMSG_ERROR] = error, [NLMSG_DONE] = done };
	uint32_t seq = nlh->nlmsg_seq;
	int rc;

	nl->cause[0] = '\0';
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return errno;
	do {
		ssize_t n = mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf));

		if (n < 0) {
			if (errno == EINTR) {
				rc = MNL_CB_OK;
				continue;
			}
			return errno;
		}
		rc = mnl_cb_run2(nl->buf, (size_t)n, seq, nl->port, message, t, control,
				 NLMSG_MIN_TYPE);
	} while (rc > MNL_CB_STOP);
	return rc == MNL_CB_ERROR ? errno : 0;
}

static struct nlmsghdr *begin(struct amctl_nl *nl, uint16_t type, uint8_t cmd, uint8_t version,
			      uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++nl->seq;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = version;
	return nlh;
}

struct nlmsghdr *amctl_nl_begin(struct amctl_nl *nl, uint8_t cmd, bool dump)
{
	return begin(nl, nl->family, cmd, FLIP_GENL_VERSION, dump ? NLM_F_DUMP : 0);
}

int amctl_nl_talk(struct amctl_nl *nl, struct nlmsghdr *nlh, uint16_t max, amctl_nl_fn fn,
		  void *arg)
{
	struct talk t = { .max = max, .fn = fn, .arg = arg, .nl = nl };

	return talk(nl, nlh, &t);
}

int amctl_nl_dump(struct amctl_nl *nl, uint8_t cmd, uint16_t max, amctl_nl_fn fn, void *arg,
		  void (*restart)(void *arg))
{
	int err = 0;

	for (int i = 0; i < RETRIES; i++) {
		struct talk t = { .max = max, .fn = fn, .arg = arg, .nl = nl };

		err = talk(nl, amctl_nl_begin(nl, cmd, true), &t);
		if (err || !t.disturbed)
			return err;
		restart(arg);
	}
	return EAGAIN;
}

/* ---- the controller: numbers of the family and of its groups --------------------------------- */

static int group(const struct nlattr *a, void *data)
{
	static const char *const names[AMCTL_NL_GROUPS] = {
		[AMCTL_NL_EVENTS] = FLIP_GENL_MCGRP_EVENTS,
		[AMCTL_NL_ROUTES] = FLIP_GENL_MCGRP_ROUTES,
	};
	struct amctl_nl *nl = data;
	struct attrs g = { .max = CTRL_ATTR_MCAST_GRP_ID };

	if (mnl_attr_parse_nested(a, attr, &g) < 0)
		return MNL_CB_ERROR;
	if (!g.tb[CTRL_ATTR_MCAST_GRP_NAME] || !g.tb[CTRL_ATTR_MCAST_GRP_ID])
		return MNL_CB_OK;
	for (int i = 0; i < AMCTL_NL_GROUPS; i++)
		if (!strcmp(amctl_nl_str(g.tb[CTRL_ATTR_MCAST_GRP_NAME]), names[i]))
			nl->group[i] = amctl_nl_u32(g.tb[CTRL_ATTR_MCAST_GRP_ID]);
	return MNL_CB_OK;
}

static void family(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	struct amctl_nl *nl = arg;

	(void)cmd;
	if (tb[CTRL_ATTR_FAMILY_ID])
		nl->family = mnl_attr_get_u16(tb[CTRL_ATTR_FAMILY_ID]);
	if (tb[CTRL_ATTR_MCAST_GROUPS])
		mnl_attr_parse_nested(tb[CTRL_ATTR_MCAST_GROUPS], group, nl);
}

int amctl_nl_connect(struct amctl_nl *nl)
{
	struct nlmsghdr *nlh;
	int on = 1, err;

	memset(nl, 0, offsetof(struct amctl_nl, buf));
	nl->seq = (uint32_t)time(NULL);
	nl->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = errno;
		amctl_nl_close(nl);
		return err;
	}
	nl->port = mnl_socket_get_portid(nl->sock);
	/* an old kernel without these only says less */
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &on, sizeof(on));
	nlh = begin(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, FLIP_GENL_NAME);
	err = amctl_nl_talk(nl, nlh, CTRL_ATTR_MCAST_GROUPS, family, nl);
	if (!err && nl->family)
		return 0;
	amctl_nl_close(nl);
	return err ? err : ENOENT;
}

int amctl_nl_open(struct amctl_nl *nl)
{
	int err = amctl_nl_connect(nl);

	if (!err)
		return AMCTL_OK;
	if (err == ENOENT)
		return amctl_err("modprobe flip", "FLIP is not loaded in this kernel");
	return amctl_err_errno("netlink", err);
}

void amctl_nl_close(struct amctl_nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

int amctl_nl_listen(struct amctl_nl *nl, unsigned int groups, unsigned long count,
		    amctl_nl_fn fn, void *arg)
{
	struct talk t = { .max = MAX_ATTR, .fn = fn, .arg = arg, .nl = nl };

	for (int i = 0; i < AMCTL_NL_GROUPS; i++) {
		uint32_t g = nl->group[i];

		if (!(groups & 1U << i))
			continue;
		if (!g)
			return EOPNOTSUPP;
		if (mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP, &g, sizeof(g)) < 0)
			return errno;
	}
	for (unsigned long seen = 0; !count || seen < count; seen++) {
		ssize_t n = mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf));

		if (n < 0) {
			if (errno == ENOBUFS) {	/* the next ones still count */
				static const struct nlattr *none[MAX_ATTR + 1];

				fn(0, none, arg);
				continue;
			}
			return errno;
		}
		if (mnl_cb_run(nl->buf, (size_t)n, 0, 0, message, &t) < 0)
			return errno;
	}
	return 0;
}

/* ---- errors and attributes ------------------------------------------------------------------- */

int amctl_nl_err(const struct amctl_nl *nl, const char *what, int err)
{
	const char *remedy = NULL;

	switch (err) {
	case EPERM:
	case EACCES:
		remedy = "needs CAP_NET_ADMIN: be root";
		break;
	case ENODEV:
		remedy = "ip link names the devices";
		break;
	case EADDRINUSE:
		remedy = "for example: port 8147, the same on all of them";
		break;
	case EADDRNOTAVAIL:
		remedy = "ip address lists the addresses of this machine";
		break;
	case EAFNOSUPPORT:
		remedy = "use addresses of IPv4";
		break;
	case EEXIST:
		remedy = "amctl net list shows it; amctl net set changes it";
		break;
	case ENOSPC:
		remedy = "remove a network first: amctl net del DEV";
		break;
	case EINVAL:
		/* the kernel's words say it, if there are any */
		remedy = nl->cause[0] ? "amctl help net" :
			"FLIP wants an Ethernet-like device with an MTU of at least 256";
		break;
	case ENOENT:
	case ESRCH:
		remedy = "amctl net list, amctl route list";
		break;
	default:
		break;
	}
	if (nl->cause[0])
		return amctl_err(remedy, "%s: %s", what, nl->cause);
	return amctl_err(remedy, "%s: %s", what, strerror(err));
}

uint32_t amctl_nl_u32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : 0;
}

uint64_t amctl_nl_u64(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= 8 ? mnl_attr_get_u64(a) : 0;
}

bool amctl_nl_flag(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= 1 && mnl_attr_get_u8(a);
}

const char *amctl_nl_str(const struct nlattr *a)
{
	if (!a || mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
		return "";
	return mnl_attr_get_str(a);
}

char *amctl_nl_hex(const struct nlattr *a, char sep, char *buf, size_t size)
{
	if (!a)
		return amctl_hex("", 0, 0, buf, size);
	return amctl_hex(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), sep, buf, size);
}

void amctl_cell_idle(struct amctl_table *t, const char *col, const struct nlattr *a)
{
	uint32_t ms = amctl_nl_u32(a);

	if (!a)
		return;
	if (amctl_json)
		amctl_cell_u64(t, col, ms);
	else if (ms < 1000)
		amctl_cell(t, col, "%ums", ms);
	else if (ms < 100000)
		amctl_cell(t, col, "%.1fs", ms / 1000.0);
	else
		amctl_cell(t, col, "%um", ms / 60000);
}
