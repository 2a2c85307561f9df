// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bulletd - the file server. See bulletd(8).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "register.h"
#include "serve.h"

#define STATE		"/var/lib/amoeba"
#define DEFAULT_VOLUME	STATE "/bulletd/volume"
#define DEFAULT_SIZE	((uint64_t)1 << 30)	/* of a volume that is made */
#define DEFAULT_THREADS	8
#define THREADS_MAX	1024

struct options {
	const char	*volume;
	const char	*reg;		/* NULL: do not register */
	uint64_t	size;		/* 0: not given */
	uint64_t	mkfs;		/* 0: not given */
	uint32_t	inodes;		/* 0: by the size */
	unsigned int	threads;
};

static const char usage[] =
"usage: bulletd [options]\n"
"       bulletd --mkfs SIZE [--volume FILE] [--inodes N]\n"
"The Amoeba file server. Stays in the foreground; SIGTERM ends it cleanly.\n"
"\n"
"  --volume FILE     file or block device with the files [" DEFAULT_VOLUME "]\n"
"  --size BYTES      make the volume of this size when FILE is missing [1G], make it grow\n"
"                    to this size when it is smaller; suffixes K, M, G, T\n"
"  --mkfs BYTES      make an empty volume of this size, and end\n"
"  --inodes N        with --mkfs or --size: most files of a new volume [one per 8 KiB]\n"
"  --register PATH   where to enter the server in the directory, or none\n"
"                    [" REGISTER_PATH "]\n"
"  --threads N       requests served at once, 1 to 1024 [8]\n"
"  --version, --help\n";

static bool parse_size(const char *s, uint64_t *size)
{
	static const char suffix[] = "KMGT";
	const char *p;
	char *end;
	uint64_t n;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno || !n)
		return false;
	if (*end) {
		p = strchr(suffix, *end);
		if (!p || end[1])
			return false;
		for (; p >= suffix; p--) {
			if (n > UINT64_MAX >> 10)
				return false;
			n <<= 10;
		}
	}
	*size = n;
	return true;
}

static bool parse_number(const char *s, unsigned long max, uint32_t *number)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || errno || n < 1 || n > max)
		return false;
	*number = (uint32_t)n;
	return true;
}

static int bad(const char *option, const char *value, const char *wanted)
{
	fprintf(stderr, "bulletd: --%s %s: not %s\n", option, value, wanted);
	return 2;
}

/* 0: go on; 1: done; 2: bad usage */
static int parse(int argc, char **argv, struct options *o)
{
	enum { VOLUME = 256, SIZE, MKFS, INODES, REGISTER, THREADS, VERSION, HELP };
	static const struct option longs[] = {
		{ "volume", required_argument, NULL, VOLUME },
		{ "size", required_argument, NULL, SIZE },
		{ "mkfs", required_argument, NULL, MKFS },
		{ "inodes", required_argument, NULL, INODES },
		{ "register", required_argument, NULL, REGISTER },
		{ "threads", required_argument, NULL, THREADS },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case VOLUME:
			o->volume = optarg;
			break;
		case SIZE:
			if (!parse_size(optarg, &o->size))
				return bad("size", optarg, "a number of bytes like 512M or 16G");
			break;
		case MKFS:
			if (!parse_size(optarg, &o->mkfs))
				return bad("mkfs", optarg, "a number of bytes like 512M or 16G");
			break;
		case INODES:
			if (!parse_number(optarg, VOLUME_OBJECT_MAX, &o->inodes))
				return bad("inodes", optarg, "a number from 1 to 16777215");
			break;
		case REGISTER:
			o->reg = strcmp(optarg, "none") ? optarg : NULL;
			if (o->reg && (*o->reg != '/' || strlen(o->reg) >= AM_PATH_MAX))
				return bad("register", optarg, "a path that begins with / or none");
			break;
		case THREADS:
			if (!parse_number(optarg, THREADS_MAX, &o->threads))
				return bad("threads", optarg, "a number from 1 to 1024");
			break;
		case VERSION:
			puts("bulletd (Amoeba for Linux) 1.0");
			return 1;
		case 'h':
		case HELP:
			fputs(usage, stdout);
			return 1;
		default:
			fputs("bulletd: see bulletd --help\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "bulletd: %s: unexpected argument; see bulletd --help\n",
			argv[optind]);
		return 2;
	}
	return 0;
}

/* the volume, made when it is missing and its size is given; NULL with a message */
static struct volume *volume_open(const struct options *o)
{
	struct volume *vol;
	char why[512];

	if (access(o->volume, F_OK) && errno == ENOENT) {
		if (volume_file_make(o->volume, o->size ? o->size : DEFAULT_SIZE, o->inodes, why,
				     sizeof(why))) {
			fprintf(stderr, "bulletd: %s\n", why);
			return NULL;
		}
	}
	vol = volume_file_open(o->volume, o->size, why, sizeof(why));
	if (!vol)
		fprintf(stderr, "bulletd: %s\n", why);
	return vol;
}

/* serves until SIGTERM or SIGINT, which @stop holds and every thread has blocked */
static int run(struct volume *vol, const struct options *o, const sigset_t *stop)
{
	/* requests: a chunk; replies: what is copied, and whole chunks should mapping fail */
	struct am_server_opt opt = { .threads = o->threads, .rbufsize = AM_MAX_CHUNK };
	const struct timespec sweep = { .tv_sec = VOLUME_SWEEP_S };
	struct am_server *server;
	struct bulletd b;
	am_cap super;
	int rc;

	bulletd_setup(&b, vol, o->threads);
	server = am_server_start(&b.id.get, bulletd_serve, &b, &opt);
	if (!server) {
		fprintf(stderr, "bulletd: cannot serve: %s\n", am_errno_why(errno));
		return EXIT_FAILURE;
	}
	am_cap_make(&super, &b.put, 0, 0xff, &b.id.super);
	rc = o->reg ? register_start(&super, o->reg) : 0;
	if (rc)
		fprintf(stderr, "bulletd: %s: cannot be entered in the directory: %s\n", o->reg,
			strerror(rc));
	sd_notifyf(0, "READY=1\nSTATUS=serving %s", o->volume);
	while (sigtimedwait(stop, NULL, &sweep) < 0)
		if (errno == EAGAIN)
			vol->ops->sweep(vol);
	sd_notify(0, "STOPPING=1\nSTATUS=finishing requests");
	am_server_stop(server);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = {
		.volume = DEFAULT_VOLUME,
		.reg = REGISTER_PATH,
		.threads = DEFAULT_THREADS,
	};
	struct volume *vol;
	char why[512];
	sigset_t stop;
	int rc;

	rc = parse(argc, argv, &o);
	if (rc)
		return rc == 1 ? EXIT_SUCCESS : 2;

	umask(022);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);

	/* of the folders above a volume only the default ones are made: the rest may be a typo */
	if (!strcmp(o.volume, DEFAULT_VOLUME)) {
		mkdir(STATE, 0755);
		mkdir(STATE "/bulletd", 0700);
	}
	if (o.mkfs) {
		rc = volume_file_make(o.volume, o.mkfs, o.inodes, why, sizeof(why));
		if (rc)
			fprintf(stderr, "bulletd: %s\n", why);
		return rc ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	vol = volume_open(&o);
	if (!vol)
		return EXIT_FAILURE;
	rc = run(vol, &o, &stop);
	vol->ops->close(vol);
	return rc;
}
