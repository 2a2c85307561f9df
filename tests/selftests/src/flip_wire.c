// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flip_wire - raw FLIP frames: malformed ones, floods, a peer that gives no credits
 *
 *	flip_wire list			the malformed frames: NAME COUNTER
 *	flip_wire IF bad NAME MAC	send one to MAC
 *	flip_wire IF flood KIND N MAC	N frames as fast as they go; KIND: locate (other sources),
 *					source (UNIDATA of other sources), mac (the same, of other
 *					MACs), partial (first fragments), loop (one LOCATE N times),
 *					noise (random bytes behind the control header)
 *	flip_wire IF miser ADDRESS MS	answer locates for ADDRESS and take fragments, but give no
 *					credits; print what came
 *	flip_wire IF forget ADDRESS MS	give credits once asked with REQCREDIT
 *	flip_wire IF mcreq ADDRESS MAC MS	ask MAC to listen to a group, print the answer
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LOCATE = 1, HEREIS, UNIDATA, MULTIDATA, NOTHERE, UNTRUSTED };

struct header {
	uint8_t	version, type, flags, reserved;
	uint16_t act, max;
	uint8_t	dst[8], src[8];
	uint32_t messid, length, offset, total;
};

static const uint8_t some[8] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0 };
static const uint8_t other[8] = { 0x99, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0 };
static const uint8_t nobody[8];

static int fd, ifindex;
static uint8_t own[6];
static uint8_t frame[2048];

static void die(const char *what)
{
	fprintf(stderr, "flip_wire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v;
	p[1] = v >> 8;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static void open_device(const char *name)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(0x8146) };
	struct ifreq ifr = {};

	fd = socket(AF_PACKET, SOCK_RAW, htons(0x8146));
	if (fd < 0)
		die("socket");
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFINDEX, &ifr))
		die(name);
	ifindex = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		die(name);
	memcpy(own, ifr.ifr_hwaddr.sa_data, 6);
	ll.sll_ifindex = ifindex;
	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)))
		die("bind");
}

static void mac_of(const char *text, uint8_t mac[6])
{
	unsigned int v, i;

	for (i = 0; i < 6; i++) {
		if (sscanf(text, "%2x", &v) != 1) {
			fprintf(stderr, "flip_wire: a MAC is wanted\n");
			exit(2);
		}
		mac[i] = v;
		text += text[2] == ':' ? 3 : 2;
	}
}

static void address_of(const char *text, uint8_t a[8])
{
	unsigned int v, i;

	for (i = 0; i < 8; i++) {
		if (sscanf(text + 2 * i, "%2x", &v) != 1) {
			fprintf(stderr, "flip_wire: an address has 16 hex digits\n");
			exit(2);
		}
		a[i] = v;
	}
}

/* a frame of @len bytes; as short as it is */
static void transmit(size_t len)
{
	if (send(fd, frame, len, 0) < 0 && errno != ENOBUFS)
		die("send");
}

static size_t ethernet(const uint8_t to[6], const uint8_t from[6], uint8_t type, uint8_t count)
{
	memset(frame, 0, sizeof(frame));
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = 0x81;
	frame[13] = 0x46;
	frame[14] = type;
	frame[15] = count;
	return 16;
}

static size_t flip(const struct header *h, size_t payload)
{
	uint8_t *p = frame + 16;

	p[0] = h->version;
	p[1] = h->type;
	p[2] = h->flags;
	p[3] = h->reserved;
	put16(p + 4, h->act);
	put16(p + 6, h->max);
	memcpy(p + 8, h->dst, 8);
	memcpy(p + 16, h->src, 8);
	put32(p + 24, h->messid);
	put32(p + 28, h->length);
	put32(p + 32, h->offset);
	put32(p + 36, h->total);
	memset(p + 40, 0xa5, payload);
	return 56 + payload;
}

static struct header good(uint8_t type)
{
	struct header h = { .version = 1, .type = type, .act = 3, .max = 3, .messid = 1 };

	memcpy(h.dst, some, 8);
	memcpy(h.src, other, 8);
	if (type == UNIDATA || type == MULTIDATA)
		h.length = h.total = 10;
	if (type == HEREIS) {
		h.length = h.total = 4;
		h.act = 0;
	}
	return h;
}

/* ---- malformed ------------------------------------------------------------------------------ */

static const struct {
	const char	*name, *counter;
} cases[] = {
	{ "runt_1", "drop_short" }, { "runt_41", "drop_short" }, { "fc_7", "drop_fc_type" },
	{ "fc_255", "drop_fc_type" }, { "mcreq_short", "drop_short" },
	{ "mcack_short", "drop_short" }, { "mcreq_foreign", "drop_mc" },
	{ "mcreq_wrong_mac", "drop_mc" }, { "version_0", "drop_version" },
	{ "version_2", "drop_version" }, { "type_0", "drop_type" }, { "type_7", "drop_type" },
	{ "codefield", "drop_flags" }, { "length_beyond_frame", "drop_length" },
	{ "length_huge", "drop_length" }, { "offset_beyond_total", "drop_bounds" },
	{ "offset_wraps", "drop_bounds" }, { "total_huge", "drop_bounds" },
	{ "empty_fragment", "drop_bounds" }, { "actual_above_max", "drop_hops" },
	{ "max_26", "drop_hops" }, { "locate_max_27", "drop_hops" },
	{ "locate_no_source", "drop_address" }, { "locate_no_destination", "drop_address" },
	{ "hereis_no_source", "drop_address" }, { "hereis_short", "drop_hereis" },
	{ "hereis_long", "drop_hereis" }, { "hereis_count_0", "drop_hereis" },
	{ "hereis_trusted_above_count", "drop_hereis" }, { "hereis_distance_0", "drop_hereis" },
	{ "hereis_stray", "drop_noroute" }, { "unidata_broadcast", "drop_address" },
	{ "unidata_to_all_macs", "drop_noroute" }, { "unidata_anonymous", "drop_noroute" },
	{ "unidata_no_hops_back", "drop_hops" }, { "multidata_unknown", "drop_noroute" },
	{ "broadcast_short", "drop_bcast_short" }, { "broadcast_protocol", "drop_bcast_proto" },
	{ "nothere_no_destination", "drop_address" }, { "nothere_stray", "drop_noroute" },
	{ "untrusted_no_destination", "drop_address" }, { "untrusted_stray", "drop_noroute" },
	{ "source_mac_multicast", "drop_address" }, { NULL, NULL }
};

static void send_bad(const char *name, const uint8_t to[6])
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	struct header h;
	size_t n;

#define IS(x) !strcmp(name, x)
	if (IS("runt_1") || IS("runt_41")) {
		ethernet(to, own, 0, 0);
		h = good(UNIDATA);
		flip(&h, 0);
		transmit(IS("runt_1") ? 15 : 14 + 41);
		return;
	}
	if (IS("fc_7") || IS("fc_255")) {
		ethernet(to, own, IS("fc_7") ? 7 : 255, 1);
		transmit(60);
		return;
	}
	if (!strncmp(name, "mc", 2)) {
		n = ethernet(to, own, IS("mcack_short") ? 4 : 3, 0);
		memcpy(frame + n, "\x55\x55\x33\x44\x55\x66\0\0", 8);
		memcpy(frame + n + 8, some, 8);
		if (IS("mcreq_wrong_mac"))
			frame[n] = 1;
		transmit(IS("mcreq_short") ? n + 15 : IS("mcack_short") ? n + 7 : 60);
		return;
	}
	h = good(UNIDATA);
	if (!strncmp(name, "locate_", 7))
		h = good(LOCATE);
	if (!strncmp(name, "hereis_", 7))
		h = good(HEREIS);
	if (!strncmp(name, "multidata_", 10) || !strncmp(name, "broadcast_", 10))
		h = good(MULTIDATA);
	if (!strncmp(name, "nothere_", 8) || !strncmp(name, "untrusted_", 10)) {
		h = good(UNIDATA);
		h.type = name[0] == 'n' ? NOTHERE : UNTRUSTED;
		h.act = 0;
	}
	h.messid = getpid();
	n = 10;
	if (IS("version_0"))
		h.version = 0;
	if (IS("version_2"))
		h.version = 2;
	if (IS("type_0"))
		h.type = 0;
	if (IS("type_7"))
		h.type = 7;
	if (IS("codefield"))
		h.flags = 2;
	if (IS("length_beyond_frame"))
		h.length = h.total = 1000;
	if (IS("length_huge"))
		h.length = h.total = 0xffffffff;
	if (IS("offset_beyond_total"))
		h.offset = 1;
	if (IS("offset_wraps"))
		h.offset = 0xfffffff8;
	if (IS("total_huge"))
		h.total = 0x40000100;
	if (IS("empty_fragment")) {
		h.length = 0;
		h.offset = 5;
	}
	if (IS("actual_above_max"))
		h.act = 4;
	if (IS("max_26"))
		h.max = 26;
	if (IS("locate_max_27"))
		h.max = 27;
	if (IS("locate_no_source") || IS("hereis_no_source"))
		memcpy(h.src, nobody, 8);
	if (IS("locate_no_destination") || IS("unidata_broadcast") ||
	    IS("nothere_no_destination") || IS("untrusted_no_destination") ||
	    !strncmp(name, "broadcast_", 10))
		memcpy(h.dst, nobody, 8);
	if (IS("hereis_short"))
		h.length = h.total = 3;
	if (IS("hereis_long"))
		h.length = h.total = 5;
	if (IS("hereis_distance_0"))
		h.act = 3;
	if (IS("unidata_anonymous"))
		memcpy(h.src, nobody, 8);
	if (IS("unidata_no_hops_back"))
		h.act = 2;
	if (IS("broadcast_short"))
		h.length = h.total = 3;
	ethernet(IS("unidata_to_all_macs") ? all : to, IS("source_mac_multicast") ? group : own,
		 0, 0);
	n = flip(&h, n);
	if (h.type == HEREIS) {
		put16(frame + 56, IS("hereis_count_0") ? 0 : 1);
		put16(frame + 58, IS("hereis_trusted_above_count") ? 2 : 0);
	}
	transmit(n < 60 ? 60 : n);
}

/* ---- floods --------------------------------------------------------------------------------- */

static void flood(const char *kind, long n, const uint8_t to[6])
{
	uint8_t from[6];
	struct header h;
	size_t len;
	long i, j;

	srandom(1);
	memcpy(from, own, 6);
	for (i = 0; i < n; i++) {
		h = good(!strcmp(kind, "locate") || !strcmp(kind, "loop") ? LOCATE : UNIDATA);
		h.messid = strcmp(kind, "loop") ? (uint32_t)i : 7;
		if (strcmp(kind, "loop"))
			put32(h.src, i + 1);
		if (!strcmp(kind, "partial")) {
			h.total = 100000;
			h.messid = i;
			h.length = 1000;
		}
		if (!strcmp(kind, "mac")) {
			from[0] = 2;
			put32(from + 1, i);
		}
		ethernet(to, from, 0, 0);
		len = flip(&h, h.length);
		if (!strcmp(kind, "noise")) {
			len = 16 + random() % 200;
			for (j = 16; j < (long)len; j++)
				frame[j] = random();
			/* mostly plausible, so that it gets further than the first check */
			frame[14] = random() % 8;
			frame[16] = 1;
			frame[17] = random() % 8;
			frame[18] &= random() & 0x35;
			if (random() % 2)
				memset(frame + 20, 0, 4);
			if (random() % 2)
				put32(frame + 44, random() % 256);
			if (random() % 2)
				memset(frame + 48, 0, 4);
			if (random() % 2)
				memcpy(frame + 52, frame + 44, 4);
			if (random() % 4 == 0)
				memset(frame + 24, 0, 8);
		}
		transmit(len);
	}
	printf("sent %ld\n", n);
}

/* ---- a peer --------------------------------------------------------------------------------- */

static void answer_locate(const uint8_t *in)
{
	struct header h = { .version = 1, .type = HEREIS, .length = 4, .total = 4 };
	uint8_t to[6];

	h.max = get16(in + 20);
	memcpy(h.dst, in + 24, 8);
	memcpy(h.src, in + 32, 8);
	h.messid = get32(in + 40);
	memcpy(to, in + 6, 6);
	h.act = 0;
	h.max = get16(in + 20);
	ethernet(to, own, 0, 0);
	flip(&h, 0);
	put16(frame + 56, 1);
	put16(frame + 58, 1);
	transmit(60);
}

static void peer(const uint8_t address[8], long ms, int give)
{
	long fragments = 0, asked = 0, locates = 0, first_burst = -1;
	double begin = now(), first = 0;
	uint8_t in[2048], to[6];

	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct sockaddr_ll ll;
		socklen_t size = sizeof(ll);
		ssize_t len;
		double left = begin + ms - now();

		if (left <= 0 || poll(&p, 1, left) <= 0)
			break;
		len = recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&ll, &size);
		if (len < 16 || ll.sll_pkttype == PACKET_OUTGOING)
			continue;
		memcpy(to, in + 6, 6);
		if (in[14] == 1) {
			if (!asked++) {
				first_burst = fragments;
				printf("asked after %.0f ms\n", now() - first);
			}
			if (give) {
				ethernet(to, own, 6, 8);
				transmit(60);
			}
			fflush(stdout);
			continue;
		}
		if (in[14] || len < 56 || memcmp(in + 24, address, 8))
			continue;
		if (in[17] == LOCATE) {
			locates++;
			answer_locate(in);
		}
		if (in[17] == UNIDATA && !fragments++)
			first = now();
	}
	printf("locates %ld fragments %ld before the first request %ld requests %ld\n", locates,
	       fragments, first_burst < 0 ? fragments : first_burst, asked);
}

static void mcreq(const uint8_t address[8], const uint8_t to[6], long ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double end = now() + ms;
	uint8_t in[2048];

	ethernet(to, own, 3, 0);
	frame[16] = frame[17] = 0x55;
	memcpy(frame + 18, address + 2, 4);
	memcpy(frame + 24, address, 8);
	transmit(60);
	while (now() < end && poll(&p, 1, end - now()) > 0) {
		if (recv(fd, in, sizeof(in), 0) < 24 || !memcmp(in + 6, own, 6))
			continue;
		if ((in[14] == 4 || in[14] == 5) && !memcmp(in + 16, address, 8)) {
			printf("%s\n", in[14] == 4 ? "MCACK" : "MCNAK");
			return;
		}
	}
	printf("silence\n");
}

int main(int argc, char **argv)
{
	uint8_t mac[6], address[8];
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (i = 0; cases[i].name; i++)
			printf("%s %s\n", cases[i].name, cases[i].counter);
		return 0;
	}
	if (argc < 5) {
		fprintf(stderr, "usage: see the head of flip_wire.c\n");
		return 2;
	}
	open_device(argv[1]);
	if (!strcmp(argv[2], "bad")) {
		mac_of(argv[4], mac);
		send_bad(argv[3], mac);
		return 0;
	}
	if (!strcmp(argv[2], "flood") && argc == 6) {
		mac_of(argv[5], mac);
		flood(argv[3], atol(argv[4]), mac);
		return 0;
	}
	address_of(argv[3], address);
	if (!strcmp(argv[2], "miser") || !strcmp(argv[2], "forget")) {
		peer(address, atol(argv[4]), argv[2][0] == 'f');
		return 0;
	}
	if (!strcmp(argv[2], "mcreq") && argc == 6) {
		mac_of(argv[4], mac);
		mcreq(address, mac, atol(argv[5]));
		return 0;
	}
	fprintf(stderr, "usage: see the head of flip_wire.c\n");
	return 2;
}
