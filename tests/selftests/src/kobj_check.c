// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's own objects, asked with their capabilities.
 *
 * usage: kobj_check SYS RANDOM TOD	capabilities as text, from /proc/net/amoeba/kernel
 *        kobj_check fuzz CAP N SEED	N random requests to the server of CAP, which must live on
 *        kobj_check nomem SYS N	N long replies asked for, while its server may have no memory for
 *					them; prints how many came, and how many "no memory"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "std_test.h"

#define TOD_GETTIME	2400
#define TOD_SETTIME	2401
#define SYS_KSTAT	2501
#define RND_GETRANDOM	2600
#define FSQ_READ	4052
#define PRIVATE		10

/* @h: extra and size are set; the reply's length in *@len */
static am_status ask(const am_cap *c, int32_t command, struct amoeba_header *h, void *buf, size_t *len)
{
	am_hdr_set_cap(h, c);
	h->command = command;
	return am_trans(h, NULL, 0, buf, len);
}

static void table(const am_cap *sys, char letter, const char *has)
{
	struct amoeba_header h = { .extra = (uint8_t)letter, .size = 32768 };
	static char buf[32769];
	size_t len = sizeof(buf) - 1;

	check("KSTAT", ask(sys, SYS_KSTAT, &h, buf, &len), AM_OK);
	buf[len] = 0;
	if (strstr(buf, has) && h.size == len)
		return;
	printf("FAIL: KSTAT %c: no '%s' in '%s'\n", letter, has, buf);
	bad = 1;
}

static void info(const am_cap *c, const char *want, const char *status)
{
	char text[1024];

	check("STD_INFO", am_std_info(c, text, sizeof(text)), AM_OK);
	check_true(want, !strcmp(text, want));
	check("STD_STATUS", am_std_status(c, text, sizeof(text)), AM_OK);
	if (!strstr(text, status)) {
		printf("FAIL: status of %s: '%s' has no '%s'\n", want, text, status);
		bad = 1;
	}
	check("STD_TOUCH", am_std_touch(c), AM_OK);
}

static void set_object(am_cap *c, uint32_t object)
{
	c->object[0] = (uint8_t)object;
	c->object[1] = (uint8_t)(object >> 8);
	c->object[2] = (uint8_t)(object >> 16);
}

/* the server restricts what is no owner's capability */
static void rights(const am_cap *sys)
{
	struct amoeba_header h = { .size = 100 };
	am_cap some, none, forged = *sys;
	char text[100];
	size_t len = sizeof(text);

	check("restrict by hand", am_std_restrict(sys, 0x03, &some), AM_OK);
	check("its info", am_std_info(&some, text, sizeof(text)), AM_OK);
	check("restrict by the server", am_std_restrict(&some, 0xfe, &none), AM_OK);
	check_true("rights of both", none.rights == 0x02);
	check("without READ", am_std_info(&none, text, sizeof(text)), AM_STD_DENIED);
	check("touch needs none", am_std_touch(&none), AM_OK);
	check("KSTAT without READ", ask(&none, SYS_KSTAT, &h, text, &len), AM_STD_DENIED);
	none.rights |= 1;
	check("rights added", am_std_info(&none, text, sizeof(text)), AM_STD_CAPBAD);
	forged.check[3] ^= 4;
	check("a forged check field", am_std_touch(&forged), AM_STD_CAPBAD);
	forged = *sys;
	set_object(&forged, 2);
	check("of another object", am_std_touch(&forged), AM_STD_CAPBAD);
	set_object(&forged, 0);
	check("object 0", am_std_touch(&forged), AM_STD_CAPBAD);
	set_object(&forged, 0xffffff);
	check("object 2^24 - 1", am_std_touch(&forged), AM_STD_CAPBAD);
}

static void limits(const am_cap *sys, const am_cap *random)
{
	struct amoeba_header h = { .size = 3 };
	uint8_t priv[3 * PRIVATE] = { 1, 0, 0, 0xff };
	char buf[2000];
	size_t len = sizeof(buf);

	check("a small buffer", ask(sys, AM_STD_INFO, &h, buf, &len), AM_STD_OVERFLOW);
	check_true("its size", h.size == strlen("system server"));
	h = (struct amoeba_header){ .extra = '!', .size = 2000 };
	check("an unknown table", ask(sys, SYS_KSTAT, &h, buf, &len), AM_STD_ARGBAD);
	h = (struct amoeba_header){ .size = 10 };
	check("random bytes of sys", ask(sys, RND_GETRANDOM, &h, buf, &len), AM_STD_COMBAD);
	h = (struct amoeba_header){ .size = 1025 };
	check("1025 random bytes", ask(random, RND_GETRANDOM, &h, buf, &len), AM_STD_ARGBAD);
	h = (struct amoeba_header){ .size = 10 };
	check("no command", ask(sys, 0, &h, buf, &len), AM_STD_COMBAD);
	check("destroy", am_std_destroy(sys), AM_STD_COMBAD);

	h = (struct amoeba_header){ .command = AM_STD_NTOUCH, .size = 3 };
	am_hdr_set_cap(&h, sys);
	memcpy(priv + 4, sys->check, 6);
	memcpy(priv + PRIVATE, priv, PRIVATE);
	check("touch many", am_trans(&h, priv, sizeof(priv), NULL, NULL), AM_OK);
	check_true("two of three", h.extra == 2);
	h = (struct amoeba_header){ .command = AM_STD_NTOUCH, .size = 4 };
	am_hdr_set_cap(&h, sys);
	check("touch more than there is", am_trans(&h, priv, sizeof(priv), NULL, NULL), AM_STD_ARGBAD);
}

static int fuzz(am_cap cap, long n, unsigned int seed)
{
	static const int32_t bases[] = { 0, 1000, 2400, 2500, 2600, 4050, -1000, 65530 };
	char text[100];

	srand(seed);
	while (n--) {
		static uint8_t body[40000], reply[40000];
		size_t len = (size_t)rand() % (rand() % 8 ? 100 : sizeof(body));
		size_t room = (size_t)rand() % sizeof(reply);
		struct amoeba_header h;
		am_cap c = cap;

		if (rand() % 4 == 0)
			((uint8_t *)&c)[6 + (size_t)rand() % 10] ^= (uint8_t)(1 << rand() % 8);
		if (rand() % 2)
			set_object(&c, (uint32_t)rand() % 5);
		for (size_t i = 0; i < len; i += 1 + (size_t)rand() % 64)
			body[i] = (uint8_t)rand();
		h = (struct amoeba_header){
			.extra = (uint32_t)rand() % (rand() % 2 ? 128 : 65536),
			.offset = rand() - RAND_MAX / 2,
			.size = (uint64_t)(rand() % (rand() % 2 ? 2000 : 65536)),
			.command = bases[rand() % 8] + rand() % 12,
		};
		am_hdr_set_cap(&h, &c);
		if (rand() % 16 == 0) {
			h.object = (uint32_t)rand();
			h.rights = (uint32_t)rand();
		}
		am_trans(&h, body, len, reply, &room);
	}
	check("info after random requests", am_std_info(&cap, text, sizeof(text)), AM_OK);
	return bad;
}

static int no_memory(const am_cap *sys, long n)
{
	unsigned int good = 0, nomem = 0;

	while (n--) {
		struct amoeba_header h = { .extra = 'f', .size = 32768 };
		static char buf[32768];
		size_t len = sizeof(buf);
		am_status st = ask(sys, SYS_KSTAT, &h, buf, &len);

		if (!st && len == h.size && len > 1458) {
			good++;
		} else if (st == AM_STD_NOMEM && !len) {
			nomem++;
		} else {
			printf("FAIL: KSTAT: status %d, %zu bytes of %llu\n", st, len,
			       (unsigned long long)h.size);
			bad = 1;
		}
	}
	printf("good %u nomem %u\n", good, nomem);
	return bad;
}

int main(int argc, char **argv)
{
	struct amoeba_header h = { .size = 1024 };
	am_cap sys, random, tod;
	uint8_t a[1024], b[1024];
	size_t len;
	time_t now;

	if (argc == 5 && !strcmp(argv[1], "fuzz"))
		return fuzz(parse(argv[2]), atol(argv[3]), (unsigned int)atol(argv[4]));
	if (argc == 4 && !strcmp(argv[1], "nomem")) {
		sys = parse(argv[2]);
		return no_memory(&sys, atol(argv[3]));
	}
	if (argc != 4) {
		fprintf(stderr, "usage: kobj_check SYS RANDOM TOD | fuzz CAP N SEED | nomem SYS N\n");
		return 2;
	}
	sys = parse(argv[1]);
	random = parse(argv[2]);
	tod = parse(argv[3]);
	info(&sys, "system server", "kernel Linux ");
	info(&random, "random number server", "1024 bytes");
	info(&tod, "TOD server", " UTC\n");

	table(&sys, 'a', "calls_ok ");
	table(&sys, 'f', "rx_locate ");
	table(&sys, 'm', "memory ");
	table(&sys, 'u', "\nload ");
	table(&sys, 'v', "\namoeba ");
	table(&sys, '?', "a counters");

	len = sizeof(a);
	check("random", ask(&random, RND_GETRANDOM, &h, a, &len), AM_OK);
	check_true("1024 of them", len == sizeof(a));
	h = (struct amoeba_header){ .size = 1024 };
	check("read as a file", ask(&random, FSQ_READ, &h, b, &len), AM_OK);
	check_true("1024 more, no end", len == sizeof(b) && h.size == len && !h.extra);
	check_true("all different", memcmp(a, b, sizeof(a)));

	now = time(NULL);
	h = (struct amoeba_header){ 0 };
	check("time", ask(&tod, TOD_GETTIME, &h, NULL, NULL), AM_OK);
	check_true("near enough", h.offset >= now && h.offset <= time(NULL) + 1 && h.size < 1000);
	h = (struct amoeba_header){ .offset = 1 };
	check("the clock is not set", ask(&tod, TOD_SETTIME, &h, NULL, NULL), AM_STD_DENIED);

	rights(&sys);
	limits(&sys, &random);
	return bad;
}
