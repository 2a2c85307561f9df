// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tsc - the frequency of this machine's time-stamp counter, in kHz.
 *
 * An emulated guest reads the host's counter, but cannot measure it: its other clocks
 * stutter while the host is busy.
 */
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(void)
{
	struct timespec pause = { 0, 100000000 };
	double begin = now();
	unsigned long long ticks = __rdtsc();

	nanosleep(&pause, NULL);
	ticks = __rdtsc() - ticks;
	printf("%.0f\n", ticks * 1e6 / (now() - begin));
	return 0;
}
