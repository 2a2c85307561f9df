// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's entry in the pool directory: made as soon as the directory answers, looked after as
 * long as procd runs.
 *
 * The entry holds the capability with all rights; the columns say who gets which of them: the
 * owner all, the group those to see and to run, others those to see.
 */
#include <unistd.h>

#include "procd.h"

#define RETRY_S	2
#define CHECK_S	30

static const uint32_t host_masks[AM_DIR_COLUMNS] = {
	0xff, AM_PS_RGT_READ | AM_PS_RGT_WRITE | AM_PS_RGT_EXEC, AM_PS_RGT_READ, 0,
};
static void say(am_status s)
{
	switch (s) {
	case AM_OK:
		note("%s/%s: entered", AM_POOL_DIR, conf.name);
		break;
	case AM_STD_EXISTS:
		note("%s/%s: another host has this name and is up (use --name)", AM_POOL_DIR,
		     conf.name);
		break;
	case AM_STD_NOTFOUND:
		note("%s/%s: no root of the directory here yet (amctl join LINE); trying on",
		     AM_POOL_DIR, conf.name);
		break;
	default:
		note("%s/%s: %s; trying on", AM_POOL_DIR, conf.name, am_ps_why(s));
	}
}

static void *run(void *arg)
{
	const am_cap *own = arg;
	am_status s, last = 1;
	unsigned int wait;

	while (!stopping) {
		s = am_pool_enter(conf.name, own, host_masks);
		if (s != last)
			say(s);
		last = s;
		wait = s ? RETRY_S : CHECK_S;
		for (unsigned int i = 0; i < wait * 10 && !stopping; i++)
			usleep(100000);
	}
	return NULL;
}

void pool_start(const am_cap *own)
{
	static am_cap copy;
	pthread_t t;

	copy = *own;
	if (pthread_create(&t, NULL, run, &copy)) {
		note("no thread to look after the entry in " AM_POOL_DIR);
		return;
	}
	pthread_detach(t);
}
