// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl port: what is served here, and where other ports were found (/proc/net/amoeba). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "amctl.h"

/* "0d6e00b12afe" -> "0d:6e:00:b1:2a:fe" */
static const char *with_colons(const char *hex, char buf[32])
{
	size_t at = 0;

	for (size_t i = 0; hex[i] && at < 29; i++) {
		if (i && i % 2 == 0)
			buf[at++] = ':';
		buf[at++] = hex[i];
	}
	buf[at] = '\0';
	return buf;
}

static FILE *open_proc(const char *path, int *rc)
{
	FILE *f = fopen(path, "re");

	*rc = AMCTL_OK;
	if (!f)
		*rc = amctl_err(errno == ENOENT ? "modprobe amoeba" : NULL, "%s: %s", path,
				strerror(errno));
	return f;
}

static int port_list(int argc, char **argv)
{
	char hex[17], text[32], line[256];
	unsigned int servers, waiting, queued;
	struct amctl_table *t;
	FILE *f;
	int rc;

	if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	f = open_proc("/proc/net/amoeba/ports", &rc);
	if (!f)
		return rc;
	t = amctl_table("port +servers +waiting +queued");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%16[0-9a-f] servers %u waiting %u queued %u", hex, &servers,
			   &waiting, &queued) != 4)
			continue;
		amctl_row(t);
		amctl_cell(t, "port", "%s", with_colons(hex, text));
		amctl_cell_colour(t, "port", AMC_NAME);
		amctl_cell_u64(t, "servers", servers);
		amctl_cell_u64(t, "waiting", waiting);
		amctl_cell_u64(t, "queued", queued);
		if (queued && !waiting)
			amctl_cell_colour(t, "queued", AMC_WARN);
	}
	fclose(f);
	return amctl_table_end(t, "no port is served on this machine");
}

static int port_cache(int argc, char **argv)
{
	char hex[17], addr[17], state[16], text[32], line[256];
	unsigned int rtt;
	struct amctl_table *t;
	FILE *f;
	int rc;

	if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	f = open_proc("/proc/net/amoeba/cache", &rc);
	if (!f)
		return rc;
	t = amctl_table("port state address +rtt_ms");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%16[0-9a-f] %15s address %16[0-9a-f] rtt_ms %u", hex, state,
			   addr, &rtt) != 4)
			continue;
		amctl_row(t);
		amctl_cell(t, "port", "%s", with_colons(hex, text));
		amctl_cell_colour(t, "port", AMC_NAME);
		amctl_cell(t, "state", "%s", state);
		if (strcmp(state, "known"))
			continue;
		amctl_cell(t, "address", "%s", with_colons(addr, text));
		amctl_cell_u64(t, "rtt_ms", rtt);
	}
	fclose(f);
	return amctl_table_end(t, "no port of another machine was asked for yet");
}

static const struct amctl_verb verbs[] = {
	{ "list", port_list, "", "ports served on this machine, and how busy their servers are",
	  "" },
	{ "cache", port_cache, "", "where ports of other machines were found", "" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_port = {
	.name = "port",
	.help = "ports served here, and ports found elsewhere",
	.verbs = verbs,
	.details =
		"  servers   open files that serve the port; waiting: threads that wait for requests\n"
		"  queued    requests that wait for a thread\n"
		"Ports are put-ports; the secret get-ports never leave the kernel.",
};
