// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The smallest server: waits on a port and gives back what comes.
 *
 * usage: echo_server PORT     six hex bytes, as 1:2:3:4:5:6: the get-port, which the server keeps
 *                             for itself; its one-way image, the put-port, is printed for clients
 */
#include <stdio.h>
#include <amoeba.h>

static int get_port(const char *text, am_port *p)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &p->b[0], &p->b[1], &p->b[2],
		      &p->b[3], &p->b[4], &p->b[5]) == 6 && !am_port_null(p);
}

int main(int argc, char **argv)
{
	static char buf[1 << 20];
	struct amoeba_header h;
	am_port get, put;
	int64_t n;

	if (argc != 2 || !get_port(argv[1], &get)) {
		fprintf(stderr, "usage: echo_server PORT   (six hex bytes: 1:2:3:4:5:6)\n");
		return 2;
	}
	am_one_way(&get, &put);
	printf("%X:%X:%X:%X:%X:%X\n", put.b[0], put.b[1], put.b[2], put.b[3], put.b[4], put.b[5]);
	fflush(stdout);

	for (;;) {
		am_hdr_set_cap(&h, &(am_cap){ .port = get });
		n = am_getreq(&h, buf, sizeof(buf));
		if (n == AM_RPC_ABORTED)
			continue;
		if (n < 0) {
			fprintf(stderr, "echo_server: getreq: %s (%m)\n", am_why(n));
			return 1;
		}
		h.status = AM_OK;
		am_putrep(&h, buf, n);
	}
}
