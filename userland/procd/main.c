// SPDX-License-Identifier: GPL-2.0-or-later
/* procd - the process server of a host: options, start, end. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "procd.h"

#define STATE_DIR	"/var/lib/amoeba/procd"
#define THREADS_MAX	128

struct conf conf = {
	.cache_max = 256U << 20, .fsize_mib = 4096, .nproc = 512, .lease_ms = 30000, .enter = true,
};
atomic_bool stopping;

void note(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "procd: %s\n", line);
}

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t now_ms(void)
{
	return now_us() / 1000;
}

/* ---- options ------------------------------------------------------------------------------- */

static const char help[] =
"usage: procd [OPTIONS]\n"
"\n"
"The process server of this host: runs programs for the holders of its capability,\n"
"as an unprivileged user, and enters itself into /profile/pool.\n"
"\n"
"  --name NAME        name in the pool (the host's name up to its first dot)\n"
"  --state DIR        identity, cache and jobs (" STATE_DIR ")\n"
"  --user USER        whom jobs run as (amjob, or nobody when there is none)\n"
"  --jobs N           jobs at once (4 for each processor, at least 8)\n"
"  --cache MIB        bullet files kept (256)\n"
"  --mem MIB          memory of one job (no limit)\n"
"  --fsize MIB        size of one file of a job (4096)\n"
"  --cpu SECONDS      processor time of one process of a job (no limit)\n"
"  --procs N          processes of one job (512)\n"
"  --lease SECONDS    a job nobody asked for so long ends (30)\n"
"  --no-pool          does not enter itself into the directory\n"
"  --device PATH      instead of /dev/amoeba\n"
"  --print-cap        prints the host's capability and ends\n"
"  -h, --help         this text\n"
"  -V, --version\n"
"\n"
"See procd(8).\n";

enum { O_NAME = 256, O_STATE, O_USER, O_JOBS, O_CACHE, O_MEM, O_FSIZE, O_CPU, O_PROCS, O_LEASE,
       O_NOPOOL, O_DEVICE, O_PRINT };

static const struct option options[] = {
	{ "name", required_argument, NULL, O_NAME },
	{ "state", required_argument, NULL, O_STATE },
	{ "user", required_argument, NULL, O_USER },
	{ "jobs", required_argument, NULL, O_JOBS },
	{ "cache", required_argument, NULL, O_CACHE },
	{ "mem", required_argument, NULL, O_MEM },
	{ "fsize", required_argument, NULL, O_FSIZE },
	{ "cpu", required_argument, NULL, O_CPU },
	{ "procs", required_argument, NULL, O_PROCS },
	{ "lease", required_argument, NULL, O_LEASE },
	{ "no-pool", no_argument, NULL, O_NOPOOL },
	{ "device", required_argument, NULL, O_DEVICE },
	{ "print-cap", no_argument, NULL, O_PRINT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static uint32_t number(const char *what, const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || v < min || v > max) {
		note("--%s '%s' is no number from %u to %u", what, text, min, max);
		exit(2);
	}
	return (uint32_t)v;
}

static void set_name(const char *name)
{
	size_t n = strlen(name);

	if (!n || n >= sizeof(conf.name) || name[0] == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != n) {
		note("'%s' is no name for a host: letters, digits, - and _, at most %zu (use "
		     "--name)", name, sizeof(conf.name) - 1);
		exit(2);
	}
	strcpy(conf.name, name);
}

static void default_name(void)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	name[strcspn(name, ".")] = '\0';
	set_name(name);
}

/* whom the jobs run as: never root */
static void find_user(const char *want)
{
	static const char *const usual[] = { "amjob", "nobody" };
	struct passwd *pw = NULL;
	gid_t all[NGROUPS];
	int n = NGROUPS;

	conf.isolate = geteuid() == 0;
	if (!conf.isolate) {
		pw = getpwuid(geteuid());
		conf.uid = geteuid();
		conf.gid = getegid();
		snprintf(conf.user, sizeof(conf.user), "%s", pw ? pw->pw_name : "?");
		if (want && strcmp(want, conf.user)) {
			note("only root runs jobs as somebody else (--user %s)", want);
			exit(2);
		}
		note("not root: jobs run as %s, not shut off from each other", conf.user);
		return;
	}
	for (size_t i = 0; want ? !i : i < 2; i++) {
		pw = getpwnam(want ? want : usual[i]);
		if (pw)
			break;
	}
	if (!pw) {
		note("there is no user '%s' to run jobs as (useradd -r -M -s /usr/sbin/nologin "
		     "amjob, or use --user)", want ? want : "amjob");
		exit(2);
	}
	if (!pw->pw_uid || !pw->pw_gid) {
		note("jobs do not run as %s: user and group 0 are not for them (use --user)",
		     pw->pw_name);
		exit(2);
	}
	conf.uid = pw->pw_uid;
	conf.gid = pw->pw_gid;
	snprintf(conf.user, sizeof(conf.user), "%s", pw->pw_name);
	if (getgrouplist(pw->pw_name, pw->pw_gid, all, &n) < 0)
		n = 0;
	for (int i = 0; i < n; i++)
		if (all[i])
			conf.groups[conf.ngroups++] = all[i];
}

static bool print_cap;

static void parse(int argc, char **argv)
{
	const char *user = NULL, *name = NULL;
	long ncpu = sysconf(_SC_NPROCESSORS_ONLN);
	int c;

	conf.jobs_max = ncpu * 4 < 8 ? 8 : (unsigned int)ncpu * 4;
	conf.state = strdup(STATE_DIR);
	while ((c = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
		switch (c) {
		case O_NAME:
			name = optarg;
			break;
		case O_STATE:
			free(conf.state);
			conf.state = strdup(optarg);
			break;
		case O_USER:
			user = optarg;
			break;
		case O_JOBS:
			conf.jobs_max = number("jobs", optarg, 1, 256);
			break;
		case O_CACHE:
			conf.cache_max = (uint64_t)number("cache", optarg, 0, 1U << 24) << 20;
			break;
		case O_MEM:
			conf.mem_mib = number("mem", optarg, 0, 1U << 24);
			break;
		case O_FSIZE:
			conf.fsize_mib = number("fsize", optarg, 0, 1U << 24);
			break;
		case O_CPU:
			conf.cpu_s = number("cpu", optarg, 0, 1U << 30);
			break;
		case O_PROCS:
			conf.nproc = number("procs", optarg, 1, 1U << 20);
			break;
		case O_LEASE:
			conf.lease_ms = number("lease", optarg, 1, 86400) * 1000;
			break;
		case O_NOPOOL:
			conf.enter = false;
			break;
		case O_DEVICE:
			am_set_device(optarg);
			break;
		case O_PRINT:
			print_cap = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		case 'V':
			puts("procd (amoeba) 0.1");
			exit(0);
		default:
			fputs("procd --help tells more\n", stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		note("what is '%s'? (procd --help)", argv[optind]);
		exit(2);
	}
	if (name)
		set_name(name);
	else
		default_name();
	if (!print_cap)
		find_user(user);
}

/* ---- start --------------------------------------------------------------------------------- */

static int make_parents(const char *path)
{
	char part[AM_PATH_MAX];

	for (size_t n = 1; path[n]; n++) {
		if (path[n] != '/')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return -1;
	}
	return 0;
}

/* the state directory, ours alone while we run; an absolute name for the mounts */
static int open_state(void)
{
	struct stat st;
	char *real;
	int fd;

	if (strlen(conf.state) > AM_PATH_MAX - 128) {
		note("--state: the name is too long");
		return -1;
	}
	if (make_parents(conf.state) ||
	    (mkdir(conf.state, conf.isolate ? 0700 : 0711) && errno != EEXIST)) {
		note("%s: %s (choose another with --state)", conf.state, strerror(errno));
		return -1;
	}
	real = realpath(conf.state, NULL);
	fd = real ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0 || fstat(fd, &st)) {
		note("%s: %s", conf.state, strerror(errno));
		free(real);
		return -1;
	}
	free(conf.state);
	conf.state = real;
	if (st.st_uid != geteuid()) {
		note("%s belongs to user %u (choose another with --state)", real, st.st_uid);
		close(fd);
		return -1;
	}
	/* jobs share a user: they are not to walk in here */
	if (conf.isolate && fchmod(fd, 0700)) {
		note("%s: %s", real, strerror(errno));
		close(fd);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		note("%s: another procd is using it (choose another with --state)", real);
		close(fd);
		return -1;
	}
	return fd;	/* open, and locked, to the end */
}

static int serve(struct ident *id)
{
	struct am_server_opt opt = { .threads = 8 + 2 * conf.jobs_max };
	struct am_server *server;
	sigset_t set;
	int sig;

	if (opt.threads > THREADS_MAX)
		opt.threads = THREADS_MAX;
	ops_start(opt.threads);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	server = am_server_start(&id->get, ops_handle, id, &opt);
	if (!server) {
		note("cannot serve: %s (is amoeba.ko loaded, and may you open /dev/amoeba?)",
		     strerror(errno));
		return 1;
	}
	jobs_start();
	if (conf.enter)
		pool_start(&id->owner);
	note("host %s: %u jobs at once as %s", conf.name, conf.jobs_max, conf.user);
	sd_notifyf(0, "READY=1\nSTATUS=serving as %s", conf.name);
	do {
		sigwait(&set, &sig);
	} while (sig == SIGHUP);
	note("%s: ending", strsignal(sig));
	sd_notify(0, "STOPPING=1");
	stopping = true;
	jobs_stop();
	am_server_stop(server);
	cgroup_stop();
	return 0;
}

int main(int argc, char **argv)
{
	static struct ident id;
	char text[AM_CAP_TEXT];

	if (argc == 2 && !strcmp(argv[1], "--job-init"))
		return child_main();
	setlinebuf(stderr);
	parse(argc, argv);
	if (print_cap) {
		if (ident_load(&id))
			return 1;
		puts(am_cap_text(&id.owner, text));
		return 0;
	}
	umask(022);
	if (open_state() < 0 || ident_load(&id) || cache_start() || scratch_start())
		return 1;
	cgroup_start();
	load_start();
	return serve(&id);
}
