// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of headers on the wire. Also built in userland (make coverage). */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "rpc_wire.h"

/* frame 3 of capture 01_null_rpc: little-endian REQUEST, from its RPC header on */
static const u8 captured_request[AMRPC_MSG_HDR] = {
	0x1e, 0xc8, 0x57, 0xfc, 0x4e, 0x93, 0x04, 0x00, 0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86,
	0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
	0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86, 0x53, 0x49, 0x47, 0x4e, 0x41, 0x54,
	0x11, 0x22, 0x33, 0xff, 0x43, 0x48, 0x45, 0x43, 0x4b, 0x46,
	0x34, 0x12, 0x44, 0x33, 0x22, 0x11, 0x00, 0x00, 0x78, 0x56,
};

static void check_header(struct kunit *test, const struct amoeba_header *h)
{
	KUNIT_EXPECT_EQ(test, 0, memcmp(h->signature, "SIGNAT\0\0", 8));
	KUNIT_EXPECT_EQ(test, 0x332211, h->object);
	KUNIT_EXPECT_EQ(test, 0xff, h->rights);
	KUNIT_EXPECT_EQ(test, 0, memcmp(h->check, "CHECKF\0\0\0\0\0\0", 12));
	KUNIT_EXPECT_EQ(test, 0x1234, h->command);
	KUNIT_EXPECT_EQ(test, 0x11223344LL, h->offset);
	KUNIT_EXPECT_EQ(test, 0ULL, h->size);
	KUNIT_EXPECT_EQ(test, 0x5678, h->extra);
}

static void wire_captured(struct kunit *test)
{
	u8 out[AMRPC_MSG_HDR];
	struct amoeba_header h;
	struct amrpc_wire w;

	amrpc_wire_get(captured_request, &w);
	KUNIT_EXPECT_EQ(test, AMRPC_REQUEST, w.type);
	KUNIT_EXPECT_EQ(test, 0, w.tid);
	KUNIT_EXPECT_EQ(test, 1, w.dest);
	KUNIT_EXPECT_EQ(test, 0, w.from);
	amrpc_classic_get(captured_request + AMRPC_HDR, &h, false, false);
	check_header(test, &h);
	amrpc_wire_put(out, &w);
	KUNIT_EXPECT_EQ(test, 0, amrpc_classic_put(out + AMRPC_HDR, &h, false));
	/* on a little-endian machine we send what the original sent */
	if (!(out[15] & AMRPC_F_BIGENDIAN))
		KUNIT_EXPECT_EQ(test, 0, memcmp(out, captured_request, sizeof(out)));
}

/* the same header, its integers the other way round and said so */
static void wire_bigendian(struct kunit *test)
{
	static const u8 at[][2] = { { 16, 4 }, { 20, 2 }, { 22, 2 }, { 46, 2 }, { 48, 4 },
				    { 52, 2 }, { 54, 2 } };
	u8 be[AMRPC_MSG_HDR];
	struct amoeba_header h;
	struct amrpc_wire w;

	memcpy(be, captured_request, sizeof(be));
	be[15] |= AMRPC_F_BIGENDIAN;
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		for (unsigned int j = 0; j < at[i][1]; j++)
			be[at[i][0] + j] = captured_request[at[i][0] + at[i][1] - 1 - j];
	amrpc_wire_get(be, &w);
	KUNIT_EXPECT_EQ(test, 1, w.dest);
	amrpc_classic_get(be + AMRPC_HDR, &h, false, true);
	check_header(test, &h);
}

static void wire_ranges(struct kunit *test)
{
	struct amoeba_header ok = {
		.object = 0xffffff, .rights = 0xff, .command = 0xffff, .extra = 0xffff,
		.offset = S32_MIN, .size = 0xffff,
	};
	struct amoeba_header h, back;
	u8 p[AMRPC_CLASSIC_HDR];

	KUNIT_EXPECT_EQ(test, 0, amrpc_classic_put(p, &ok, false));
#define BAD(field, value) do {								\
		h = ok;									\
		h.field = value;							\
		KUNIT_EXPECT_EQ_MSG(test, -ERANGE, amrpc_classic_put(p, &h, false),	\
				    #field);						\
	} while (0)
	BAD(object, 0x1000000);
	BAD(rights, 0x100);
	BAD(command, 0x10000);
	BAD(command, -1);
	BAD(extra, 0x10000);
	BAD(offset, (s64)S32_MAX + 1);
	BAD(offset, (s64)S32_MIN - 1);
	BAD(size, 0x10000);
	BAD(site, 1);
	BAD(port[6], 1);
	BAD(signature[7], 1);
	BAD(check[6], 1);
#undef BAD
	/* a status is signed */
	for (int s = -32768; s <= 32767; s += 4369) {
		h = ok;
		h.status = s;
		KUNIT_EXPECT_EQ(test, 0, amrpc_classic_put(p, &h, true));
		amrpc_classic_get(p, &back, true, IS_ENABLED(CONFIG_CPU_BIG_ENDIAN));
		KUNIT_EXPECT_EQ(test, s, back.status);
	}
	h.status = -32769;
	KUNIT_EXPECT_EQ(test, -ERANGE, amrpc_classic_put(p, &h, true));
}

static void wire_names(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, strcmp("LOCATE", amrpc_type_name(AMRPC_LOCATE)));
	KUNIT_EXPECT_EQ(test, 0, strcmp("FAIL", amrpc_type_name(AMRPC_FAIL)));
	KUNIT_EXPECT_EQ(test, 0, strcmp("?", amrpc_type_name(0)));
	KUNIT_EXPECT_EQ(test, 0, strcmp("?", amrpc_type_name(255)));
}

/* everything the classic header has no room for; each byte is another one */
static const struct amoeba_header wide_header = {
	.port = { 1, 2, 3, 4, 5, 6 }, .signature = { 7, 8, 9, 10, 11, 12 },
	.object = 0x80000001, .rights = 0xa1b2c3d4,
	.check = { 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24 },
	.site = 0x11223344, .command = -0x10203, .extra = 0x55667788,
	.offset = -0x102030405060708LL, .size = 0xf1f2f3f4f5f6f7f8ULL,
};

/* Documentation/wire.rst */
static const u8 wide_bytes[AMRPC_WIDE_HDR] = {
	1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0,
	0x01, 0, 0, 0x80, 0xd4, 0xc3, 0xb2, 0xa1,
	13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
	0x44, 0x33, 0x22, 0x11, 0xfd, 0xfd, 0xfe, 0xff, 0x88, 0x77, 0x66, 0x55,
	0xf8, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe,
	0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0xf1,
};

static void wide_there_and_back(struct kunit *test)
{
	struct amoeba_header back;
	u8 p[AMRPC_WIDE_HDR];

	memset(p, 0xee, sizeof(p));
	memset(&back, 0xee, sizeof(back));
	KUNIT_EXPECT_EQ(test, 0, amrpc_wide_put(p, &wide_header));
	KUNIT_EXPECT_EQ(test, 0, memcmp(p, wide_bytes, sizeof(p)));
	KUNIT_EXPECT_TRUE(test, amrpc_wide_get(wide_bytes, &back));
	KUNIT_EXPECT_EQ(test, 0, memcmp(&back, &wide_header, sizeof(back)));
	/* none of it fits the classic form, whichever way it goes */
	KUNIT_EXPECT_EQ(test, -ERANGE, amrpc_classic_put(p, &wide_header, false));
	KUNIT_EXPECT_EQ(test, -ERANGE, amrpc_classic_put(p, &wide_header, true));
}

/* what the classic form holds the wide one does, and gives back alike */
static void wide_holds_classic(struct kunit *test)
{
	struct amoeba_header h, back;
	u8 p[AMRPC_WIDE_HDR];

	amrpc_classic_get(captured_request + AMRPC_HDR, &h, false, false);
	KUNIT_EXPECT_EQ(test, 0, amrpc_wide_put(p, &h));
	KUNIT_EXPECT_TRUE(test, amrpc_wide_get(p, &back));
	KUNIT_EXPECT_EQ(test, 0, memcmp(&back, &h, sizeof(h)));
	check_header(test, &back);
}

static void wide_malformed(struct kunit *test)
{
	static const u8 zero[] = { 6, 7, 14, 15 };
	struct amoeba_header h;
	u8 p[AMRPC_WIDE_HDR];

	for (unsigned int i = 0; i < ARRAY_SIZE(zero); i++) {
		memcpy(p, wide_bytes, sizeof(p));
		p[zero[i]] = 0x80;
		KUNIT_EXPECT_FALSE_MSG(test, amrpc_wide_get(p, &h), "byte %u", zero[i]);
		h = wide_header;
		((u8 *)&h)[zero[i]] = 1;
		memset(p, 0xee, sizeof(p));
		KUNIT_EXPECT_EQ(test, -ERANGE, amrpc_wide_put(p, &h));
		for (unsigned int j = 0; j < sizeof(p); j++)
			KUNIT_EXPECT_EQ_MSG(test, 0xee, p[j], "byte %u is written", j);
	}
}

/* the type of a message says which form its header has, and what field stands there */
static void either_form(struct kunit *test)
{
	static const u8 types[] = { AMRPC_REQUEST, AMRPC_REPLY, AMRPC_REQUEST_WIDE,
				    AMRPC_REPLY_WIDE };
	struct amoeba_header h = { .object = 7, .status = -5 }, back;
	struct amrpc_wire w = { .flags = IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) };
	u8 p[AMRPC_WIDE_HDR];

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		bool wide = types[i] >= AMRPC_REQUEST_WIDE, reply = i & 1;

		w.type = types[i];
		KUNIT_EXPECT_EQ(test, wide, amrpc_is_wide(w.type));
		KUNIT_EXPECT_EQ(test, reply, amrpc_is_reply(w.type));
		KUNIT_EXPECT_EQ(test, !reply, amrpc_is_request(w.type));
		/* a command of -5 is one only in the wide form */
		KUNIT_EXPECT_EQ(test, wide || reply ? 0 : -ERANGE, amrpc_hdr_fits(&h, wide, reply));
		KUNIT_EXPECT_EQ(test, wide || reply ? 0 : -ERANGE, amrpc_hdr_put(p, &h, wide, reply));
		if (!wide && !reply)
			continue;
		KUNIT_EXPECT_TRUE(test, amrpc_hdr_get(p, &w, &back));
		KUNIT_EXPECT_EQ(test, 0, memcmp(&h, &back, sizeof(h)));
	}
}

/* which messages acknowledge another one, and where their data begins */
static void wire_acks(struct kunit *test)
{
	static const struct {
		u8 type, flags;
		unsigned int len;
	} lines[] = {
		{ AMRPC_REQUEST, 0, 56 }, { AMRPC_REQUEST, AMRPC_F_ACKS, 56 },
		{ AMRPC_REPLY, AMRPC_F_ACKS, 56 }, { AMRPC_REQUEST_WIDE, 0, 88 },
		{ AMRPC_REQUEST_WIDE, AMRPC_F_OURS, 88 }, { AMRPC_REQUEST_WIDE, AMRPC_F_ACKS, 96 },
		{ AMRPC_REPLY_WIDE, AMRPC_F_ACKS, 88 },
	};
	static const u8 bytes[AMRPC_ACKS_LEN] = { 0x78, 0x56, 0x34, 0x12 };
	u8 p[AMRPC_ACKS_LEN];

	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		struct amrpc_wire w = { .type = lines[i].type, .flags = lines[i].flags };

		KUNIT_EXPECT_EQ_MSG(test, lines[i].len, amrpc_hdr_len(&w), "line %u", i);
		KUNIT_EXPECT_EQ_MSG(test, lines[i].len == 96, amrpc_has_acks(&w), "line %u", i);
	}
	memset(p, 0xee, sizeof(p));
	amrpc_acks_put(p, 0x12345678);
	KUNIT_EXPECT_EQ(test, 0, memcmp(p, bytes, sizeof(p)));
	p[5] = 1;	/* is ignored */
	KUNIT_EXPECT_EQ(test, 0x12345678U, amrpc_acks_get(p));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(wire_captured),
	KUNIT_CASE(wire_bigendian),
	KUNIT_CASE(wire_ranges),
	KUNIT_CASE(wide_there_and_back),
	KUNIT_CASE(wide_holds_classic),
	KUNIT_CASE(wide_malformed),
	KUNIT_CASE(either_form),
	KUNIT_CASE(wire_acks),
	KUNIT_CASE(wire_names),
	{ }
};

static struct kunit_suite suite = {
	.name = "amoeba_rpc_wire",
	.test_cases = cases,
};
kunit_test_suite(suite);
