// SPDX-License-Identifier: GPL-2.0-or-later
/* What the host has to give: processors, load, pressure, memory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "procd.h"

#define SPEED_MS	4	/* how long the speed is measured, and how often: the best */
#define SPEED_TIMES	5	/* one was not interrupted */

static uint32_t kips;

static ssize_t slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

/* thousands of rounds of a small loop a second: compares hosts of a pool, nothing else */
void load_start(void)
{
	volatile uint32_t sink = 1;

	for (int i = 0; i < SPEED_TIMES; i++) {
		uint64_t begun = now_us(), rounds = 0, passed;
		uint32_t v;

		do {
			for (int k = 0; k < 1000; k++)
				sink = sink * 1664525 + 1013904223;
			rounds++;
			passed = now_us() - begun;
		} while (passed < SPEED_MS * 1000);
		v = (uint32_t)(rounds * 1000000 / passed);
		if (v > kips)
			kips = v;
	}
}

/* "some avg10=1.23 ..." -> 123 */
static bool psi(const char *path, uint32_t *v)
{
	char buf[256], *p;

	if (slurp(path, buf, sizeof(buf)) <= 0)
		return false;
	p = strstr(buf, "some avg10=");
	if (!p)
		return false;
	*v = (uint32_t)(strtod(p + 11, NULL) * 100 + 0.5);
	return true;
}

static uint64_t meminfo(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

void load_get(struct am_load *l)
{
	char buf[4096], *p;
	struct utsname u;
	double avg = 0, up = 0;
	unsigned int running = 1;
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	bool has_psi;

	memset(l, 0, sizeof(*l));
	l->ncpu = n > 0 ? (uint32_t)n : 1;
	if (slurp("/proc/loadavg", buf, sizeof(buf)) > 0 &&
	    sscanf(buf, "%lf %*f %*f %u/", &avg, &running) >= 1) {
		l->load = (uint32_t)(avg * 1024);
		/* not we who are asking */
		l->runnable = (running ? running - 1 : 0) * 1024;
	}
	if (slurp("/proc/meminfo", buf, sizeof(buf)) > 0) {
		l->mem_total = meminfo(buf, "MemTotal:");
		l->mem_free = meminfo(buf, "MemAvailable:");
	}
	if (slurp("/proc/uptime", buf, sizeof(buf)) > 0) {
		up = strtod(buf, &p);
		l->uptime_s = up > 0 ? (uint64_t)up : 0;
	}
	has_psi = psi("/proc/pressure/cpu", &l->psi_cpu);
	has_psi = psi("/proc/pressure/memory", &l->psi_mem) && has_psi;
	has_psi = psi("/proc/pressure/io", &l->psi_io) && has_psi;
	jobs_count(&l->jobs, &l->jobs_done);
	l->jobs_max = conf.jobs_max;
	l->kips = kips;
	l->flags = (conf.isolate ? AM_HOST_ISOLATED : 0) | (cgroup_have() ? AM_HOST_CGROUP : 0) |
		   (has_psi ? AM_HOST_PSI : 0);
	strcpy(l->name, conf.name);
	strcpy(l->user, conf.user);
	if (!uname(&u)) {
		snprintf(l->machine, sizeof(l->machine), "%.31s", u.machine);
		snprintf(l->release, sizeof(l->release), "%.63s", u.release);
	}
}
