// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl doctor: looks at each thing a working machine needs, and says what to do. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <amoeba_proc.h>

#include "amctl_nl.h"

#define LOCATE_MS  3000	/* a server that is there answers its locate in milliseconds */
#define CALL_MS    6000

enum finding { GOOD, WARN, BAD };

struct doctor {
	struct amctl_table *t;	/* with -j */
	unsigned int bad, warn, good;
};

/* @remedy NULL: none needed */
__attribute__((format(printf, 5, 6)))
static void found(struct doctor *d, enum finding f, const char *check, const char *remedy,
		  const char *fmt, ...)
{
	static const char *const word[] = { "ok", "warn", "FAIL" };
	static const enum amctl_colour colour[] = { AMC_GOOD, AMC_WARN, AMC_BAD };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (f == GOOD)
		d->good++;
	else if (f == WARN)
		d->warn++;
	else
		d->bad++;
	if (d->t) {
		amctl_row(d->t);
		amctl_cell(d->t, "check", "%s", check);
		amctl_cell(d->t, "state", "%s", f == GOOD ? "ok" : f == WARN ? "warn" : "fail");
		amctl_cell(d->t, "detail", "%s", text);
		if (remedy)
			amctl_cell(d->t, "remedy", "%s", remedy);
		return;
	}
	printf("%s%-4s%s  %-10s %s\n", amctl_on(colour[f]), word[f], amctl_off(), check, text);
	if (remedy)
		printf("      %-10s %s-> %s%s\n", "", amctl_on(AMC_DIM), remedy, amctl_off());
	fflush(stdout);	/* the next look may take seconds */
}

/* ---- this machine -------------------------------------------------------------------------- */

static void look_at_modules(struct doctor *d)
{
	static const char *const names[] = { "amoeba_cap", "flip", "amoeba" };
	char missing[64] = "", path[64];
	bool device = !access("/dev/amoeba", F_OK);

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", names[i]);
		if (access(path, F_OK)) {
			strcat(missing, " ");
			strcat(missing, names[i]);
		}
	}
	if (!*missing)
		found(d, GOOD, "modules", NULL, "amoeba_cap, flip and amoeba are loaded");
	else if (device)	/* compiled into the kernel some leave no trace in /sys */
		found(d, GOOD, "modules", NULL, "in the kernel");
	else
		found(d, BAD, "modules", "modprobe amoeba (make install puts it there)",
		      "not loaded:%s", missing);
}

static bool in_group(gid_t gid)
{
	gid_t list[256];
	int n = getgroups(256, list);

	if (getegid() == gid)
		return true;
	for (int i = 0; i < n; i++)
		if (list[i] == gid)
			return true;
	return false;
}

static void look_at_group(struct doctor *d)
{
	const struct group *g = getgrnam("amoeba");
	struct stat st;

	if (!g) {
		found(d, WARN, "group", "groupadd -r amoeba, then load the modules anew",
		      "there is no group amoeba: only root can use the system");
		return;
	}
	if (!stat("/dev/amoeba", &st) && st.st_gid != g->gr_gid)
		found(d, WARN, "group", "chgrp amoeba /dev/amoeba; make install adds a udev rule",
		      "/dev/amoeba belongs to group %u, not to amoeba (%u)", st.st_gid,
		      g->gr_gid);
	else if (!geteuid() || in_group(g->gr_gid))
		found(d, GOOD, "group", NULL, "this user may use the system");
	else
		found(d, BAD, "group", "usermod -aG amoeba USER, then log in anew",
		      "this user is not in group amoeba");
}

/* can transactions be made at all? */
static bool look_at_device(struct doctor *d)
{
	struct amoeba_info info;
	struct stat st;
	int err;

	if (stat("/dev/amoeba", &st)) {
		found(d, BAD, "device", "modprobe amoeba", "/dev/amoeba: %s", strerror(errno));
		return false;
	}
	if (!S_ISCHR(st.st_mode)) {
		found(d, BAD, "device", "remove it, then load the module anew",
		      "/dev/amoeba is no device");
		return false;
	}
	err = -am_info(&info);
	if (err) {
		found(d, BAD, "device",
		      err == EACCES || err == EPERM ?
		      "usermod -aG amoeba USER, then log in anew" :
		      "rmmod amoeba flip; modprobe amoeba", "/dev/amoeba: %s", strerror(err));
		return false;
	}
	if (info.abi != AMOEBA_ABI_VERSION) {
		found(d, BAD, "device", "install modules and programs of one version",
		      "the kernel speaks version %u of the interface, the programs %u", info.abi,
		      AMOEBA_ABI_VERSION);
		return false;
	}
	found(d, GOOD, "device", NULL, "/dev/amoeba answers");
	return true;
}

/* ---- networks ------------------------------------------------------------------------------ */

struct nets {
	unsigned int all, running;
	char names[256];
};

static void net(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	struct nets *n = arg;
	size_t at = strlen(n->names);
	bool running = amctl_nl_flag(tb[FLIP_A_NET_RUNNING]);

	(void)cmd;
	n->all++;
	n->running += running;
	snprintf(n->names + at, sizeof(n->names) - at, " %s%s",
		 amctl_nl_str(tb[FLIP_A_NET_IFNAME]), running ? "" : " (down)");
}

static void forget(void *arg)
{
	memset(arg, 0, sizeof(struct nets));
}

static void neighbour(uint8_t cmd, const struct nlattr **tb, void *arg)
{
	unsigned int *n = arg;

	(void)cmd;
	(void)tb;
	(*n)++;
}

static void forget_count(void *arg)
{
	*(unsigned int *)arg = 0;
}

static void look_at_networks(struct doctor *d)
{
	struct nets n = { 0, 0, "" };
	unsigned int neighbours = 0;
	struct amctl_nl nl;
	int err;

	err = amctl_nl_connect(&nl);
	if (err) {
		found(d, BAD, "network", "modprobe flip", "%s", err == ENOENT ?
		      "FLIP is not loaded in this kernel" : strerror(err));
		return;
	}
	err = amctl_nl_dump(&nl, FLIP_CMD_NET_GET, FLIP_A_NET_MAX, net, &n, forget);
	if (!err)
		err = amctl_nl_dump(&nl, FLIP_CMD_NEIGH_GET, FLIP_A_NEIGH_MAX, neighbour,
				    &neighbours, forget_count);
	amctl_nl_close(&nl);
	if (err)
		found(d, BAD, "network", "see the kernel's log", "cannot be listed: %s",
		      strerror(err));
	else if (!n.all)
		found(d, WARN, "network", "amctl net add eth0 (this machine alone works without)",
		      "FLIP runs over no network");
	else if (!n.running)
		found(d, BAD, "network", "ip link set DEV up; is the cable in?",
		      "no network can carry packets:%s", n.names);
	else
		found(d, GOOD, "network", NULL, "up:%s; %u neighbours heard", n.names,
		      neighbours);
}

/* ---- servers ------------------------------------------------------------------------------- */

/* STD_INFO with limits of our own: a doctor does not wait five seconds for each of the dead */
static am_status ask(const am_cap *c, char *info, size_t size)
{
	const struct am_trans_opt opt = { .locate_ms = LOCATE_MS, .timeout_ms = CALL_MS };
	struct amoeba_header h = { 0 };
	size_t len = size - 1;
	am_status s;

	am_hdr_set_cap(&h, c);
	h.command = AM_STD_INFO;
	h.size = len;
	s = am_trans_opt(&h, NULL, 0, info, &len, &opt);
	if (s && s != AM_STD_OVERFLOW)
		return s;
	info[len < size ? len : size - 1] = '\0';
	return AM_OK;
}

static bool look_at_root(struct doctor *d, am_cap *root)
{
	am_status s = am_root(root);

	if (s == AM_STD_DENIED) {
		found(d, BAD, "root", "usermod -aG amoeba USER, then log in anew",
		      "/etc/amoeba/root is not readable by this user");
		return false;
	}
	if (s) {
		found(d, BAD, "root", "amctl join LINE, with what `amctl root show` prints on "
		      "another machine; or start dird here", "%s",
		      s == AM_STD_NOTFOUND ? "this machine knows no root of the directory" :
		      "/etc/amoeba/root holds no capability");
		return false;
	}
	found(d, GOOD, "root", NULL, "the root of the directory is known");
	return true;
}

static bool look_at_directory(struct doctor *d, const am_cap *root)
{
	char info[256];
	am_status s = ask(root, info, sizeof(info));

	if (s == AM_STD_CAPBAD) {
		found(d, BAD, "directory", "amctl join LINE force, with the line of today",
		      "the server does not know this root: it was made anew");
		return false;
	}
	if (s) {
		found(d, BAD, "directory", "start dird on one machine, or look why it is not heard",
		      "%s", am_why(s));
		return false;
	}
	found(d, GOOD, "directory", NULL, "answers: %s", info);
	return true;
}

static void look_at_bullet(struct doctor *d)
{
	char info[256];
	am_cap server;
	am_status s = am_b_server(&server);

	if (!s)
		s = ask(&server, info, sizeof(info));
	if (s)
		found(d, BAD, "files", "start bulletd on one machine", "no file server: %s",
		      am_why(s));
	else
		found(d, GOOD, "files", NULL, "answers: %s", info);
}

struct pool {
	struct doctor *d;
	unsigned int hosts, alive;
	char self[AM_HOST_NAME];
	bool listed;
};

static int host(const char *name, const am_cap *c, void *arg)
{
	struct pool *p = arg;
	struct am_load l;
	am_status s;

	p->hosts++;
	if (!strcmp(name, p->self))
		p->listed = true;
	s = am_ps_load(c, LOCATE_MS, &l);
	if (s) {
		found(p->d, WARN, "host", "start procd there; amctl host del HOST when it will "
		      "not come back", "%s: %s", name, am_ps_why(s));
		return 0;
	}
	p->alive++;
	if (!(l.flags & AM_HOST_ISOLATED) || !(l.flags & AM_HOST_CGROUP))
		found(p->d, WARN, "host", "procd wants namespaces and cgroup v2; see its log",
		      "%s: jobs as %s, but without %s", name, l.user,
		      l.flags & AM_HOST_ISOLATED ? "control groups" : "namespaces of their own");
	else
		found(p->d, GOOD, "host", NULL, "%s: %u processors, load %.2f, jobs as %s", name,
		      l.ncpu, l.load / 1024.0, l.user);
	return 0;
}

static void look_at_pool(struct doctor *d)
{
	struct pool p = { .d = d };
	char info[256];
	am_cap run;
	am_status s;

	if (gethostname(p.self, sizeof(p.self) - 1))
		p.self[0] = '\0';
	p.self[strcspn(p.self, ".")] = '\0';	/* as procd enters itself */
	s = am_pool_list(host, &p);
	if (s && s != AM_STD_NOTFOUND) {
		found(d, BAD, "pool", "amctl ls /profile", AM_POOL_DIR ": %s", am_why(s));
		return;
	}
	if (!p.hosts)
		found(d, WARN, "pool", "start procd on the machines that shall run programs",
		      "no host has entered itself");
	else if (!p.listed)
		found(d, WARN, "pool", "start procd here, if it shall run programs of others",
		      "%u of %u hosts answer; this machine (%s) is not among them", p.alive,
		      p.hosts, p.self);
	else
		found(d, p.alive ? GOOD : BAD, "pool", p.alive ? NULL : "start procd on the hosts",
		      "%u of %u hosts answer", p.alive, p.hosts);
	s = am_run_server(&run);
	if (!s)
		s = ask(&run, info, sizeof(info));
	if (s)
		found(d, WARN, "rund", "start rund on one machine (without it each client asks "
		      "every host itself)", "no run server: %s", am_why(s));
	else
		found(d, GOOD, "rund", NULL, "answers: %s", info);
}

static int cmd_doctor(int argc, char **argv)
{
	struct doctor d = { NULL, 0, 0, 0 };
	am_cap root;
	bool device;

	if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	if (amctl_json)
		d.t = amctl_table("check state detail remedy");
	look_at_modules(&d);
	device = look_at_device(&d);
	look_at_group(&d);
	look_at_networks(&d);
	if (look_at_root(&d, &root) && device && look_at_directory(&d, &root)) {
		look_at_bullet(&d);
		look_at_pool(&d);
	}
	if (d.t)
		amctl_table_end(d.t, NULL);
	else
		printf("\n%u well, %u to look at, %u wrong\n", d.good, d.warn, d.bad);
	return d.bad ? AMCTL_FAIL : AMCTL_OK;
}

const struct amctl_object amctl_obj_doctor = {
	.name = "doctor",
	.help = "look for what is wrong and say what to do",
	.func = cmd_doctor,
	.args = "",
	.words = "",
	.details =
		"Looks at the modules, /dev/amoeba, the group, the networks, the root line, the\n"
		"directory and file servers and each host of the pool. Exit status 1 when\n"
		"something is wrong; what only limits the system (warn) is no failure.",
};
