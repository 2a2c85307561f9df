// SPDX-License-Identifier: GPL-2.0-or-later
/* rund - the run server: options, start, its entry in the pool directory, end. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "rund.h"

atomic_bool stopping;
uint32_t poll_up_ms = POLL_UP_MS;

void note(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "rund: %s\n", line);
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static const char help[] =
"usage: rund [OPTIONS]\n"
"\n"
"The run server: asks the hosts of /profile/pool for their load and gives out the\n"
"capability of the best one. It enters itself as /profile/pool/.run; a second rund\n"
"waits until the first one no longer answers.\n"
"\n"
"  --poll SECONDS     how often each host is asked (3)\n"
"  --no-pool          does not enter itself; prints its capability\n"
"  --device PATH      instead of /dev/amoeba\n"
"  -h, --help         this text\n"
"  -V, --version\n"
"\n"
"See rund(8).\n";

enum { O_POLL = 256, O_NOPOOL, O_DEVICE };

static const struct option options[] = {
	{ "poll", required_argument, NULL, O_POLL },
	{ "no-pool", no_argument, NULL, O_NOPOOL },
	{ "device", required_argument, NULL, O_DEVICE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static bool enter = true;

static void parse(int argc, char **argv)
{
	char *end;
	long v;
	int c;

	while ((c = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
		switch (c) {
		case O_POLL:
			v = strtol(optarg, &end, 10);
			if (end == optarg || *end || v < 1 || v > 3600) {
				note("--poll '%s' is no number from 1 to 3600", optarg);
				exit(2);
			}
			poll_up_ms = (uint32_t)v * 1000;
			break;
		case O_NOPOOL:
			enter = false;
			break;
		case O_DEVICE:
			am_set_device(optarg);
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		case 'V':
			puts("rund (amoeba) 0.1");
			exit(0);
		default:
			fputs("rund --help tells more\n", stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		note("what is '%s'? (rund --help)", argv[optind]);
		exit(2);
	}
}

/* ---- the entry ----------------------------------------------------------------------------- */

static const uint32_t run_masks[AM_DIR_COLUMNS] = {
	0xff, AM_RUN_RGT_FINDHOST | AM_RUN_RGT_STATUS, AM_RUN_RGT_FINDHOST | AM_RUN_RGT_STATUS, 0,
};

static void *look_after(void *arg)
{
	const struct ident *id = arg;
	am_status s, last = 1;

	while (!stopping) {
		s = am_pool_enter(".run", &id->owner, run_masks);
		if (s != last && s == AM_STD_EXISTS)
			note(AM_POOL_DIR "/.run: another run server is up; standing by");
		else if (s != last)
			note(AM_POOL_DIR "/.run: %s", s ? am_ps_why(s) : "entered");
		last = s;
		for (int i = 0; i < (s ? 20 : 100) && !stopping; i++)
			usleep(100000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct am_server_opt opt = { .threads = 8, .bufsize = 64U << 10, .rbufsize = 64U << 10 };
	static struct ident id;
	struct am_server *server;
	char text[AM_CAP_TEXT];
	am_port put;
	pthread_t t;
	sigset_t set;
	int sig;

	setlinebuf(stderr);
	parse(argc, argv);
	am_port_random(&id.get);
	am_port_random(&id.random);
	am_one_way(&id.get, &put);
	am_cap_make(&id.owner, &put, 0, 0xff, &id.random);

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	hosts_start();
	server = am_server_start(&id.get, ops_handle, &id, &opt);
	if (!server) {
		note("cannot serve: %s (is amoeba.ko loaded, and may you open /dev/amoeba?)",
		     strerror(errno));
		return 1;
	}
	if (!enter) {
		puts(am_cap_text(&id.owner, text));
		fflush(stdout);
	} else if (pthread_create(&t, NULL, look_after, &id)) {
		note("no thread to look after " AM_POOL_DIR "/.run");
	} else {
		pthread_detach(t);
	}
	sd_notify(0, "READY=1");
	sigwait(&set, &sig);
	note("%s: ending", strsignal(sig));
	sd_notify(0, "STOPPING=1");
	stopping = true;
	hosts_stop();
	am_server_stop(server);
	return 0;
}
