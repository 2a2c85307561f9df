// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dird - the directory server. See dird(8).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "layout.h"
#include "serve.h"

#define STATE		"/var/lib/amoeba"
#define DEFAULT_DB	STATE "/dird"
#define DEFAULT_ROOT	"/etc/amoeba/root"
#define DEFAULT_SIZE	(sizeof(void *) > 4 ? (uint64_t)16 << 30 : (uint64_t)1 << 30)
#define DEFAULT_THREADS	8
#define THREADS_MAX	1024
#define REQUEST_MAX	(16 << 10)	/* a name, a set of capabilities and masks fit many times */
#define REPLY_MAX	(16 << 10)

struct options {
	const char	*db;
	const char	*root_file;
	uint64_t	size;
	unsigned int	threads;
	bool		init;
};

static const char usage[] =
"usage: dird [options]\n"
"The Amoeba directory server. Stays in the foreground; SIGTERM ends it cleanly.\n"
"\n"
"  --db DIR          folder of the database, made when missing [" DEFAULT_DB "]\n"
"  --root-file FILE  where the capability of the root directory is kept [" DEFAULT_ROOT "]\n"
"  --size BYTES      largest size of the database; suffixes K, M, G, T [16G]\n"
"  --threads N       requests served at once, 1 to 1024 [8]\n"
"  --init            fill an empty database, write the root file, and end\n"
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

static bool parse_threads(const char *s, unsigned int *threads)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || n < 1 || n > THREADS_MAX)
		return false;
	*threads = (unsigned int)n;
	return true;
}

/* 0: go on; 1: done; 2: bad usage */
static int parse(int argc, char **argv, struct options *o)
{
	enum { DB = 256, ROOT, SIZE, THREADS, INIT, VERSION, HELP };
	static const struct option longs[] = {
		{ "db", required_argument, NULL, DB },
		{ "root-file", required_argument, NULL, ROOT },
		{ "size", required_argument, NULL, SIZE },
		{ "threads", required_argument, NULL, THREADS },
		{ "init", no_argument, NULL, INIT },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case DB:
			o->db = optarg;
			break;
		case ROOT:
			o->root_file = optarg;
			break;
		case SIZE:
			if (parse_size(optarg, &o->size) && o->size >= 1 << 20 &&
			    o->size <= SIZE_MAX / 2)
				break;
			fprintf(stderr, "dird: --size %s: not a number of bytes from 1M on, like 512M or 16G\n",
				optarg);
			return 2;
		case THREADS:
			if (parse_threads(optarg, &o->threads))
				break;
			fprintf(stderr, "dird: --threads %s: not a number from 1 to %d\n", optarg,
				THREADS_MAX);
			return 2;
		case INIT:
			o->init = true;
			break;
		case VERSION:
			puts("dird (Amoeba for Linux) 1.0");
			return 1;
		case 'h':
		case HELP:
			fputs(usage, stdout);
			return 1;
		default:
			fputs("dird: see dird --help\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "dird: %s: unexpected argument; see dird --help\n", argv[optind]);
		return 2;
	}
	return 0;
}

/* fills an empty store and sees to the root file: 0, or -1 with a message */
static int prepare(struct store *st, const struct options *o)
{
	struct store_id id;
	bool fresh = false;
	am_cap root;
	am_status s;

	s = st->ops->id(st, &id);
	if (s == AM_STD_NOTFOUND) {
		if (layout_root_file_free(o->root_file) || layout_init(st))
			return -1;
		fresh = true;
	} else if (s) {
		fprintf(stderr, "dird: database %s: %s\n", o->db, am_why(s));
		return -1;
	} else if (o->init) {
		fprintf(stderr, "dird: database %s: already filled; start dird without --init\n",
			o->db);
		return -1;
	}
	s = layout_root(st, &root);
	if (s) {
		fprintf(stderr, "dird: database %s: root directory: %s\n", o->db, am_why(s));
		return -1;
	}
	return layout_root_file(o->root_file, &root, fresh);
}

/* serves until SIGTERM or SIGINT, which @stop holds and every thread has blocked */
static int run(struct store *st, const struct options *o, const sigset_t *stop)
{
	struct am_server_opt opt = { .threads = o->threads, .bufsize = REQUEST_MAX,
				     .rbufsize = REPLY_MAX };
	struct am_server *server;
	struct dird d;
	am_status s;
	int sig;

	s = dird_setup(&d, st, o->threads);
	if (s) {
		fprintf(stderr, "dird: database %s: %s\n", o->db, am_why(s));
		return EXIT_FAILURE;
	}
	server = am_server_start(&d.id.get, dird_serve, &d, &opt);
	if (!server) {
		fprintf(stderr, "dird: cannot serve: %s\n", am_errno_why(errno));
		return EXIT_FAILURE;
	}
	sd_notifyf(0, "READY=1\nSTATUS=serving %s", o->db);
	while (sigwait(stop, &sig) != 0)
		;
	sd_notify(0, "STOPPING=1\nSTATUS=finishing requests");
	am_server_stop(server);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = {
		.db = DEFAULT_DB,
		.root_file = DEFAULT_ROOT,
		.size = DEFAULT_SIZE,
		.threads = DEFAULT_THREADS,
	};
	struct store *st;
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

	/* of the folders above the database only the default one is made: the rest may be a typo */
	if (!strcmp(o.db, DEFAULT_DB))
		mkdir(STATE, 0755);
	st = store_lmdb_open(o.db, o.size, o.threads, why, sizeof(why));
	if (!st) {
		fprintf(stderr, "dird: %s\n", why);
		return EXIT_FAILURE;
	}
	rc = prepare(st, &o) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (rc == EXIT_SUCCESS && !o.init)
		rc = run(st, &o, &stop);
	st->ops->close(st);
	return rc;
}
