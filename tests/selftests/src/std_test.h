/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of what a server answers: a line for each that is wrong, and bad = 1. */
#ifndef STD_TEST_H
#define STD_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <amoeba.h>

static int bad;

static void check(const char *what, am_status got, am_status want)
{
	if (got == want)
		return;
	printf("FAIL: %s: %s, expected: %s\n", what, am_why(got), am_why(want));
	bad = 1;
}

static void check_true(const char *what, bool ok)
{
	if (ok)
		return;
	printf("FAIL: %s\n", what);
	bad = 1;
}

/* the capability @text is; the program ends when it is none */
static am_cap parse(const char *text)
{
	am_cap c;

	if (!am_cap_parse(text, &c))
		return c;
	fprintf(stderr, "%s: not a capability\n", text);
	exit(2);
}

#endif /* STD_TEST_H */
