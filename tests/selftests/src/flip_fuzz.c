// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flip_fuzz - malformed and hostile frames by the million, the same for the same seed
 *
 *	flip_fuzz IF MAC N SEED [WHAT VALUE]...	send N frames by IF to the machine at MAC
 *	flip_fuzz IF MAC N SEED skip K ...	only those from frame K on: to find the one that hurts
 *
 * WHAT: own ADDRESS	an address of that machine: is written to and spoken for
 *	 other ADDRESS	an address behind it: is written to, searched, bounced, but not spoken for
 *	 spoof ADDRESS	an address of somebody else, in whose name frames are sent too
 *	 port PORT	a put-port (12 hex digits) that is served there
 *
 * A frame is a good one of a kind chosen at random, of either byte order, and mostly bent in one
 * to three ways: a header field at a bound, cut short, padded, bytes overwritten. The kinds are
 * datagrams, pieces of large messages (out of order, overlapping, twice, never all), broadcasts
 * and multicasts, LOCATEs of invented sources, forged HEREIS, bounces of what nobody sent, credit
 * control, group MAC control, and transactions of all types to the ports given.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH		32
#define FRAME_MAX	1600
#define ADDRESSES	64
#define PORTS		8
#define STREAMS		8		/* large messages under way */
#define N(a)		(sizeof(a) / sizeof(*(a)))

enum { LOCATE = 1, HEREIS, UNIDATA, MULTIDATA, NOTHERE, UNTRUSTED };
enum { REQCREDIT = 1, CREDIT, MCREQ, MCACK, MCNAK, ABSCREDIT };

/* where bugs like to be */
static const uint32_t bounds[] = {
	0, 1, 2, 3, 4, 5, 7, 8, 23, 24, 25, 26, 27, 28, 39, 40, 55, 56, 57, 255, 256, 1457, 1458,
	1459, 2916, 0x7fff, 0x8000, 0xffff, 0x10000, 0x3fffffff, 0x40000000, 0x40000001,
	0x40000080, 0x40000081, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff,
};

struct header {
	uint8_t	version, type, flags, reserved;
	uint16_t act, max;
	uint8_t	dst[8], src[8];
	uint32_t messid, length, offset, total;
};

/* a list of addresses; the first @n are valid */
struct set {
	uint8_t	a[ADDRESSES][8];
	size_t	n;
};

/* a message of many pieces, sent a piece at a time */
struct stream {
	uint8_t		dst[8], src[8];
	uint32_t	messid, total, piece;
};

static struct set own, other, spoof;
static uint8_t ports[PORTS][6];
static size_t n_ports;
static struct stream streams[STREAMS];
static uint8_t my_mac[6], to_mac[6];
static uint8_t frames[BATCH][FRAME_MAX];
static struct iovec iov[BATCH];
static struct mmsghdr msgs[BATCH];
static uint64_t state;
static int fd;

static void die(const char *what)
{
	fprintf(stderr, "flip_fuzz: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(const char *what)
{
	fprintf(stderr, "flip_fuzz: %s; see the head of flip_fuzz.c\n", what);
	exit(2);
}

/* ---- chance --------------------------------------------------------------------------------- */

/* xorshift64*: good enough, and the same everywhere */
static uint32_t any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 2685821657736338717ull) >> 32;
}

static uint32_t below(uint32_t n)
{
	return (uint64_t)any() * n >> 32;
}

/* one time in @n */
static int once_in(uint32_t n)
{
	return !below(n);
}

static uint32_t bound(void)
{
	return once_in(8) ? any() : bounds[below(N(bounds))];
}

static void noise(uint8_t *p, size_t len)
{
	while (len--)
		*p++ = any();
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* nobody's; few enough that some are met again */
static void invent(uint8_t a[8])
{
	uint32_t v = below(1 << 16);

	memset(a, 0x5a, 8);
	memcpy(a + 1, &v, 4);
	a[7] = 0;
	if (once_in(16))
		noise(a, 8);
}

static void pick(const struct set *s, uint8_t a[8])
{
	if (s->n)
		memcpy(a, s->a[below(s->n)], 8);
	else
		invent(a);
}

/* whom to write to: mostly somebody real */
static void whom(uint8_t a[8])
{
	switch (below(8)) {
	case 0:
		invent(a);
		break;
	case 1:
		memset(a, 0, 8);
		break;
	case 2:
	case 3:
		pick(&other, a);
		break;
	default:
		pick(&own, a);
	}
}

/* in whose name */
static void who(uint8_t a[8])
{
	if (spoof.n && once_in(3))
		pick(&spoof, a);
	else if (once_in(8))
		pick(&own, a);
	else if (once_in(32))
		memset(a, 0, 8);
	else
		invent(a);
}

/* ---- frames --------------------------------------------------------------------------------- */

static void put16(uint8_t *p, uint16_t v, int be)
{
	p[be] = v;
	p[!be] = v >> 8;
}

static void put32(uint8_t *p, uint32_t v, int be)
{
	put16(p + (be ? 2 : 0), v, be);
	put16(p + (be ? 0 : 2), v >> 16, be);
}

static void put_mac(uint8_t *p, const uint8_t mac[6])
{
	memcpy(p, mac, 6);
}

static size_t ethernet(uint8_t *f, uint8_t type, uint8_t count)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t group[6] = { 0x55, 0x55, 1, 2, 3, 4 };

	put_mac(f, to_mac);
	put_mac(f + 6, my_mac);
	if (once_in(16))
		put_mac(f, once_in(2) ? all : group);
	if (once_in(256))
		noise(f, 6);
	if (once_in(8)) {
		/* a neighbour more */
		f[6] = 2;
		f[7] = 0xf0;
		put16(f + 10, below(4096), 1);
	}
	if (once_in(256))
		put_mac(f + 6, once_in(3) ? all : once_in(2) ? group : to_mac);
	f[12] = 0x81;
	f[13] = 0x46;
	f[14] = type;
	f[15] = count;
	return 16;
}

static size_t flip(uint8_t *f, const struct header *h, size_t payload)
{
	int be = h->flags & 1;
	uint8_t *p = f + 16;

	p[0] = h->version;
	p[1] = h->type;
	p[2] = h->flags;
	p[3] = h->reserved;
	put16(p + 4, h->act, be);
	put16(p + 6, h->max, be);
	memcpy(p + 8, h->dst, 8);
	memcpy(p + 16, h->src, 8);
	put32(p + 24, h->messid, be);
	put32(p + 28, h->length, be);
	put32(p + 32, h->offset, be);
	put32(p + 36, h->total, be);
	if (payload > FRAME_MAX - 56)
		payload = FRAME_MAX - 56;
	return 56 + payload;
}

static struct header begin(uint8_t type)
{
	struct header h = { .version = 1, .type = type, .messid = any() };
	static const uint8_t flags[] = { 0x04, 0x10, 0x20, 0x24, 0x34, 0x08, 0x40, 0x80, 0xfc };

	h.flags = once_in(2);
	if (once_in(8))
		h.flags |= flags[below(N(flags))];
	h.act = 3;
	h.max = once_in(4) ? 3 + below(23) : 3;
	whom(h.dst);
	who(h.src);
	return h;
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static size_t datagram(uint8_t *f)
{
	struct header h = begin(UNIDATA);

	h.length = h.total = once_in(8) ? 0 : below(1459);
	if (!memcmp(h.dst, "\0\0\0\0\0\0\0", 8))
		pick(&own, h.dst);
	return flip(f, &h, h.length);
}

/* the next piece of one of the messages under way, which is often not the one that is wanted */
static size_t piece(uint8_t *f)
{
	static const uint32_t totals[] = {
		1459, 1460, 2916, 2917, 11664, 11665, 65536, 300000, 4 << 20, 1 << 30,
		(1 << 30) + 56, (1u << 30) + 128,
	};
	struct stream *s = &streams[below(STREAMS)];
	struct header h = begin(UNIDATA);
	uint32_t last;

	if (!s->total || once_in(40)) {
		memcpy(s->dst, h.dst, 8);
		if (once_in(2))
			pick(&own, s->dst);
		memcpy(s->src, h.src, 8);
		s->messid = h.messid;
		s->total = totals[below(N(totals))];
		s->piece = 0;
	}
	memcpy(h.dst, s->dst, 8);
	memcpy(h.src, s->src, 8);
	h.messid = s->messid;
	h.total = s->total;
	last = (s->total - 1) / 1458;
	switch (below(16)) {
	case 0:		/* any */
		h.offset = below(last + 1) * 1458;
		break;
	case 1:		/* again */
		h.offset = (s->piece ? s->piece - 1 : 0) * 1458;
		break;
	case 2:		/* ahead */
		h.offset = (s->piece + below(12)) * 1458;
		break;
	case 3:		/* across two */
		h.offset = s->piece * 1458 + below(1458);
		break;
	case 4:		/* the last one */
		h.offset = last * 1458;
		break;
	default:
		h.offset = s->piece * 1458;
		s->piece = s->piece < last ? s->piece + 1 : 0;
	}
	h.length = 1458;
	if (h.offset < h.total && h.length > h.total - h.offset)
		h.length = h.total - h.offset;
	if (once_in(24))
		h.length = 1 + below(1458);
	if (once_in(64))
		h.total = bound();
	f[15] = once_in(4) ? any() : 0;		/* credits along with it */
	return flip(f, &h, h.length);
}

static size_t multi(uint8_t *f)
{
	struct header h = begin(MULTIDATA);

	h.length = h.total = once_in(8) ? below(4) : 4 + below(1455);
	if (once_in(2))
		memset(h.dst, 0, 8);
	if (once_in(8)) {
		h.total = 1458 * (1 + below(4));
		h.offset = h.total - 1458;
		h.length = 1458;
	}
	/* a protocol, mostly a known one */
	put32(f + 56, once_in(4) ? bound() : below(3), 1);
	return flip(f, &h, h.length);
}

static size_t locate(uint8_t *f)
{
	struct header h = begin(LOCATE);

	h.max = once_in(3) ? below(28) : 3;
	if (h.max < 3)
		h.max = 3;
	return flip(f, &h, once_in(4) ? below(1459) : 0);
}

static size_t hereis(uint8_t *f)
{
	struct header h = begin(HEREIS);

	/* what it speaks of is the destination */
	who(h.dst);
	pick(&own, h.src);
	h.act = below(4);
	h.max = below(26);
	h.length = h.total = 4;
	put16(f + 56, once_in(2) ? 1 : bound(), h.flags & 1);
	put16(f + 58, once_in(2) ? 1 : bound(), h.flags & 1);
	return flip(f, &h, 4);
}

static size_t bounce(uint8_t *f)
{
	struct header h = begin(once_in(2) ? NOTHERE : UNTRUSTED);

	/* of what an address there, or behind it, is said to have sent */
	if (once_in(4))
		pick(&other, h.src);
	else
		pick(&own, h.src);
	h.act = below(8);
	h.max = h.act + below(26);
	h.length = h.total = below(1459);
	return flip(f, &h, h.length);
}

static size_t credit(uint8_t *f)
{
	static const uint8_t counts[] = { 0, 1, 6, 7, 8, 9, 127, 128, 254, 255 };

	f[14] = once_in(3) ? REQCREDIT : once_in(2) ? CREDIT : ABSCREDIT;
	f[15] = counts[below(N(counts))];
	return once_in(8) ? 16 + below(64) : 60;
}

static size_t group_mac(uint8_t *f)
{
	uint8_t a[8];

	f[14] = MCREQ + below(3);
	whom(a);
	if (f[14] != MCREQ) {
		memcpy(f + 16, a, 8);
		return once_in(8) ? 16 + below(64) : 60;
	}
	f[16] = f[17] = 0x55;
	memcpy(f + 18, a + 2, 4);
	memcpy(f + 24, a, 8);
	if (once_in(4))
		f[16 + below(6)] = any();
	return once_in(8) ? 16 + below(64) : 60;
}

static size_t control(uint8_t *f)
{
	f[14] = any();
	f[15] = any();
	noise(f + 16, 44);
	return 15 + below(200);
}

/* a transaction's message: RPC header, mostly a header of the user and data behind it */
static size_t transaction(uint8_t *f)
{
	struct header h = begin(UNIDATA);
	uint8_t *p = f + 56;
	int be = once_in(2), wide = 0;
	uint32_t data = once_in(2) ? below(1402) : 0;

	pick(&own, h.dst);
	if (once_in(4)) {
		/* who serves this port? */
		h.type = MULTIDATA;
		memset(h.dst, 0, 8);
		put32(p, 1, 1);
		p += 4;
	}
	noise(p, 112);
	/* few kernels and ids, so that some meet a transaction there is */
	memset(p, 0x77, 8);
	p[0] = below(4);
	if (n_ports)
		memcpy(p + 8, ports[below(n_ports)], 6);
	p[14] = once_in(8) ? any() : h.type == MULTIDATA ? 1 : below(48);
	if (h.type != MULTIDATA && !once_in(4))
		p[14] = 1 + below(11);
	if (h.type != MULTIDATA && once_in(4)) {
		/* those of our kind, and the bytes that must be zero mostly are */
		wide = 1;
		p[14] = 32 + below(3);
		memset(p + 24 + 6, once_in(8), 2);
		memset(p + 24 + 14, once_in(8), 2);
	}
	p[15] = once_in(4) ? any() : (below(8) << 1) | be;
	put32(p + 16, once_in(8) ? bound() : below(64), be);
	put16(p + 20, below(once_in(2) ? 8 : 65536), be);
	put16(p + 22, below(once_in(2) ? 8 : 65536), be);
	h.length = h.total = (p - f) - 56 + (h.type == MULTIDATA ? 24 : once_in(4) ? 24 :
		(wide ? 88 : 56) + data);
	if (once_in(16))
		h.total = bound();
	if (once_in(16))
		h.length = below(90);
	if (h.length > 1458)
		h.length = 1458;
	return flip(f, &h, h.length);
}

static const struct kind {
	size_t	(*make)(uint8_t *f);
	int	weight;
} kinds[] = {
	{ datagram, 14 }, { piece, 30 }, { multi, 8 }, { locate, 8 }, { hereis, 6 }, { bounce, 8 },
	{ credit, 8 }, { group_mac, 4 }, { control, 2 }, { transaction, 12 },
};

/* ---- bending -------------------------------------------------------------------------------- */

static const struct {
	uint8_t	at, size;
} fields[] = {
	{ 16, 1 }, { 17, 1 }, { 18, 1 }, { 19, 1 }, { 20, 2 }, { 22, 2 }, { 24, 8 }, { 32, 8 },
	{ 40, 4 }, { 44, 4 }, { 48, 4 }, { 52, 4 }, { 14, 1 }, { 15, 1 }, { 56, 2 }, { 58, 2 },
};

static size_t bend(uint8_t *f, size_t len)
{
	int be = once_in(2), i;
	uint32_t v;

	switch (below(8)) {
	case 0:		/* cut short */
		return 15 + below(len - 14);
	case 1:		/* padded */
		v = below(FRAME_MAX - len + 1);
		noise(f + len, v);
		return len + v > 1514 ? 1514 : len + v;
	case 2:		/* overwritten */
		noise(f + 16 + below(40), 1 + below(8));
		return len;
	default:
		i = below(N(fields));
		v = bound();
		if (fields[i].size == 1)
			f[fields[i].at] = v;
		if (fields[i].size == 2)
			put16(f + fields[i].at, v, be);
		if (fields[i].size == 4)
			put32(f + fields[i].at, v, be);
		if (fields[i].size == 8)
			whom(f + fields[i].at);
		return len;
	}
}

/* it says of its destination that it is where the frame came from */
static int speaks(uint8_t type)
{
	return type == HEREIS || type == UNTRUSTED;
}

/* nobody but those may be spoken for: what was made, or bent, of source or of what is spoken of */
static int impersonates(const uint8_t *f, size_t len)
{
	size_t i;

	if (spoof.n || len < 56 || f[14])
		return 0;
	for (i = 0; i < other.n; i++)
		if (!memcmp(f + 32, other.a[i], 8) && f[17] != NOTHERE && f[17] != UNTRUSTED)
			return 1;
		else if (!memcmp(f + 24, other.a[i], 8) && speaks(f[17]))
			return 1;
	return 0;
}

static size_t make(uint8_t *f)
{
	static int sum;
	size_t i, len;
	int n;

	if (!sum)
		for (i = 0; i < N(kinds); i++)
			sum += kinds[i].weight;
	memset(f, 0xa5, FRAME_MAX);
	ethernet(f, 0, 0);
	n = below(sum);
	for (i = 0; n >= kinds[i].weight; i++)
		n -= kinds[i].weight;
	len = kinds[i].make(f);
	for (n = once_in(3) ? 0 : 1 + below(3); n; n--)
		len = bend(f, len);
	if (len > 1514)
		len = 1514;
	if (impersonates(f, len))
		invent(f + (speaks(f[17]) ? 24 : 32));
	return len < 15 ? 15 : len;
}

/* ---- sending -------------------------------------------------------------------------------- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void flush(unsigned int n)
{
	unsigned int at = 0;
	int done;

	while (at < n) {
		done = sendmmsg(fd, msgs + at, n - at, 0);
		if (done > 0)
			at += done;
		else if (errno != ENOBUFS && errno != EINTR)
			die("sendmmsg");
	}
}

static void open_device(const char *name)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET };
	struct ifreq ifr = {};
	int one = 1, size = 4 << 20;

	/* protocol 0: nothing is received */
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0)
		die("socket");
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFINDEX, &ifr))
		die(name);
	ll.sll_ifindex = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		die(name);
	put_mac(my_mac, (uint8_t *)ifr.ifr_hwaddr.sa_data);
	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)))
		die("bind");
	/* as fast as it goes, and no queue in which frames get lost */
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void hex(const char *text, uint8_t *to, size_t n)
{
	unsigned int v;

	while (n--) {
		if (sscanf(text, "%2x", &v) != 1)
			usage("hex digits are missing");
		*to++ = v;
		text += text[2] == ':' ? 3 : 2;
	}
}

static void add(struct set *s, const char *text)
{
	if (s->n == ADDRESSES)
		usage("too many addresses");
	hex(text, s->a[s->n++], 8);
}

int main(int argc, char **argv)
{
	uint64_t seed, n, i, skip = 0;
	unsigned int in = 0;
	double began;
	int arg;

	if (argc < 5)
		usage("arguments are missing");
	open_device(argv[1]);
	hex(argv[2], to_mac, 6);
	n = strtoull(argv[3], NULL, 0);
	seed = strtoull(argv[4], NULL, 0);
	for (arg = 5; arg + 1 < argc; arg += 2) {
		if (!strcmp(argv[arg], "own"))
			add(&own, argv[arg + 1]);
		else if (!strcmp(argv[arg], "other"))
			add(&other, argv[arg + 1]);
		else if (!strcmp(argv[arg], "spoof"))
			add(&spoof, argv[arg + 1]);
		else if (!strcmp(argv[arg], "port") && n_ports < PORTS)
			hex(argv[arg + 1], ports[n_ports++], 6);
		else if (!strcmp(argv[arg], "skip"))
			skip = strtoull(argv[arg + 1], NULL, 0);
		else
			usage("unknown argument");
	}
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	for (i = 0; i < BATCH; i++) {
		iov[i].iov_base = frames[i];
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	began = now();
	for (i = 0; i < n; i++) {
		iov[in].iov_len = make(frames[in]);
		if (i >= skip)
			in++;
		if (in == BATCH) {
			flush(in);
			in = 0;
		}
	}
	flush(in);
	printf("sent %llu frames in %.1f s, %.0f a second\n", (unsigned long long)(n - skip),
	       now() - began, (n - skip) / (now() - began));
	return 0;
}
