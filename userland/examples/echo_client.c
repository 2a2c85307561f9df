// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The smallest client: one transaction.
 *
 * usage: echo_client PORT TEXT     the put-port that echo_server printed
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <amoeba.h>

static int get_port(const char *text, am_port *p)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &p->b[0], &p->b[1], &p->b[2],
		      &p->b[3], &p->b[4], &p->b[5]) == 6;
}

int main(int argc, char **argv)
{
	struct amoeba_header h = { 0 };
	char reply[4096];
	size_t len = sizeof(reply);
	am_port put;
	am_status s;

	if (argc != 3 || !get_port(argv[1], &put)) {
		fprintf(stderr, "usage: echo_client PORT TEXT   (six hex bytes: 1:2:3:4:5:6)\n");
		return 2;
	}
	memcpy(h.port, put.b, sizeof(put.b));
	h.command = 1;
	errno = 0;
	s = am_trans(&h, argv[2], strlen(argv[2]), reply, &len);
	if (s) {
		fprintf(stderr, "echo_client: %s: %s%s%s\n", argv[1], am_why(s),
			errno ? ": " : "", errno ? am_errno_why(errno) : "");
		return 1;
	}
	printf("%.*s\n", (int)len, reply);
	return 0;
}
