// SPDX-License-Identifier: LGPL-2.1-or-later
/* The number of the AF_FLIP family, which the module chose when it was loaded. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "am_priv.h"

int flip_family(void)
{
	FILE *f = fopen("/sys/module/flip/parameters/family", "re");
	int family = 0, n;

	if (!f) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	n = fscanf(f, "%d", &family);
	fclose(f);
	if (n != 1 || family <= 0) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return family;
}
