// SPDX-License-Identifier: LGPL-2.1-or-later
/* Capabilities as bytes and text, the one-way functions, restriction. */
#include <string.h>

#include "unit.h"
#include "amcap_vectors.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void one_way_vectors(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N(amcap_port_vectors); i++) {
		am_port in, out;

		memcpy(in.b, amcap_port_vectors[i].in, 6);
		am_one_way(&in, &out);
		assert_memory_equal(out.b, amcap_port_vectors[i].out, 6);
		am_one_way(&in, &in);
		assert_memory_equal(in.b, amcap_port_vectors[i].out, 6);
	}
	for (i = 0; i < N(amcap_flip_vectors); i++) {
		uint8_t pub[8];

		amcap_flip_oneway(amcap_flip_vectors[i].priv, pub);
		assert_memory_equal(pub, amcap_flip_vectors[i].pub, 8);
	}
}

static void restriction(void **state)
{
	static const am_port random = { { 1, 2, 3, 4, 5, 6 } };
	static const struct { uint8_t rights, check[6]; } v[] = {
		{ 0x01, { 0x39, 0x07, 0x10, 0xb8, 0xdd, 0x2f } },
		{ 0x02, { 0x91, 0x3d, 0x67, 0xc0, 0xd0, 0x85 } },
		{ 0x0e, { 0x4c, 0x7e, 0x76, 0x29, 0xf1, 0x79 } },
		{ 0x00, { 0x0d, 0x6e, 0x00, 0xb1, 0x2a, 0xfe } },
		{ 0x7f, { 0x3d, 0x92, 0x3b, 0xf2, 0x17, 0x49 } },
	};
	const am_port put = { { 9, 8, 7, 6, 5, 4 } };
	uint8_t rights;
	am_cap owner, c;
	size_t i;
	int bit;

	(void)state;
	am_cap_make(&owner, &put, 0x123456, 0xff, &random);
	assert_int_equal(am_cap_object(&owner), 0x123456);
	assert_memory_equal(owner.check, random.b, 6);
	assert_int_equal(am_cap_check(&owner, &random, &rights), AM_OK);
	assert_int_equal(rights, 0xff);

	for (i = 0; i < N(v); i++) {
		assert_int_equal(am_std_restrict(&owner, v[i].rights, &c), AM_OK);
		assert_memory_equal(c.check, v[i].check, 6);
		assert_true(am_port_equal(&c.port, &put));
		assert_int_equal(am_cap_object(&c), 0x123456);
		assert_int_equal(am_cap_check(&c, &random, &rights), AM_OK);
		assert_int_equal(rights, v[i].rights);
		/* more rights than the check field says, or any bit of it wrong */
		c.rights ^= 0x10;
		assert_int_equal(am_cap_check(&c, &random, &rights), AM_STD_CAPBAD);
		c.rights ^= 0x10;
		for (bit = 0; bit < 48; bit++) {
			c.check[bit / 8] ^= 1 << bit % 8;
			assert_int_equal(am_cap_check(&c, &random, &rights), AM_STD_CAPBAD);
			c.check[bit / 8] ^= 1 << bit % 8;
		}
	}
	/* in place, and with nothing to take away */
	c = owner;
	assert_int_equal(am_std_restrict(&c, 0x0e, &c), AM_OK);
	assert_memory_equal(c.check, v[2].check, 6);
	owner = c;
	assert_int_equal(am_std_restrict(&c, 0xfe, &c), AM_OK);
	assert_true(am_cap_equal(&c, &owner));
}

static void text_both_ways(void **state)
{
	static const am_cap c = {
		.port = { { 0x0d, 0x6e, 0x00, 0xb1, 0x2a, 0xfe } },
		.object = { 0xff, 0xff, 0xff }, .rights = 0xe,
		.check = { 0x4c, 0x7e, 0x76, 0x09, 0xf1, 0 },
	};
	char text[AM_CAP_TEXT];
	am_cap d;
	int i, k;

	(void)state;
	assert_string_equal(am_cap_text(&c, text),
			    "D:6E:0:B1:2A:FE/16777215(E)/4C:7E:76:9:F1:0");
	assert_int_equal(am_cap_parse(text, &d), AM_OK);
	assert_true(am_cap_equal(&c, &d));
	assert_int_equal(am_cap_parse("0d:6e:00:b1:2a:fe/16777215(0e)/4c:7e:76:09:f1:00", &d),
			 AM_OK);
	assert_true(am_cap_equal(&c, &d));
	for (i = 0; i < 200; i++) {
		am_cap r = { .rights = i };

		am_port_random(&r.port);
		am_port_random((am_port *)r.check);
		r.object[i % 3] = i;
		assert_int_equal(am_cap_parse(am_cap_text(&r, text), &d), AM_OK);
		assert_true(am_cap_equal(&r, &d));
	}
	/* the longest text fits */
	memset(&d, 0xff, sizeof(d));
	k = strlen(am_cap_text(&d, text));
	assert_true(k < AM_CAP_TEXT);
	assert_int_equal(text[k - 1], 'F');
}

static void text_malformed(void **state)
{
	static const char *const bad[] = {
		"", "/", "1", "1:2:3:4:5:6", "1:2:3:4:5:6/", "1:2:3:4:5:6/1", "1:2:3:4:5:6/1(",
		"1:2:3:4:5:6/1(FF)", "1:2:3:4:5:6/1(FF)/", "1:2:3:4:5:6/1(FF)/1:2:3:4:5",
		"1:2:3:4:5:6/1(FF)/1:2:3:4:5:6:7", "1:2:3:4:5:6/1(FF)/1:2:3:4:5:6 ",
		" 1:2:3:4:5:6/1(FF)/1:2:3:4:5:6", "1:2:3:4:5/1(FF)/1:2:3:4:5:6",
		"1:2:3:4:5:6:7/1(FF)/1:2:3:4:5:6", "1:2:3:4:5:6/16777216(FF)/1:2:3:4:5:6",
		"1:2:3:4:5:6/99999999999999999999(FF)/1:2:3:4:5:6",
		"1:2:3:4:5:6/-1(FF)/1:2:3:4:5:6", "1:2:3:4:5:6/0x1(FF)/1:2:3:4:5:6",
		"1:2:3:4:5:6/(FF)/1:2:3:4:5:6", "1:2:3:4:5:6/1()/1:2:3:4:5:6",
		"1:2:3:4:5:6/1(100)/1:2:3:4:5:6", "1:2:3:4:5:6/1(G)/1:2:3:4:5:6",
		"100:2:3:4:5:6/1(FF)/1:2:3:4:5:6", "1::3:4:5:6/1(FF)/1:2:3:4:5:6",
		"1:2:3:4:5:g/1(FF)/1:2:3:4:5:6", "1:2:3:4:5:6/1(FF)1:2:3:4:5:6",
		"1:2:3:4:5:6/1(FF)/1:2:3:4:5:6/", "1.2.3.4.5.6/1(FF)/1:2:3:4:5:6",
		"1:2:3:4:5:6/1(FF)/1:2:3:4:5:-6",
	};
	const char *good = "1:2:3:4:5:6/1(FF)/1:2:3:4:5:6";
	am_cap c = some_cap(1), before = c;
	char cut[64];
	size_t i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		assert_int_equal(am_cap_parse(bad[i], &c), AM_STD_ARGBAD);
		assert_true(am_cap_equal(&c, &before));
	}
	assert_int_equal(am_cap_parse(good, &c), AM_OK);
	for (i = 0; i < strlen(good); i++) {
		memcpy(cut, good, i);
		cut[i] = 0;
		assert_int_equal(am_cap_parse(cut, &c), AM_STD_ARGBAD);
	}
}

static void header(void **state)
{
	am_cap c = some_cap(0x21), d;
	struct amoeba_header h;

	(void)state;
	memset(&h, 0xaa, sizeof(h));
	am_hdr_set_cap(&h, &c);
	assert_int_equal(h.port[6] | h.port[7], 0);
	assert_int_equal(h.object, 0x292827);
	assert_int_equal(h.rights, 0x2a);
	assert_int_equal(h.site, 0);
	assert_int_equal(h.check[6] | h.check[11], 0);
	am_hdr_get_cap(&h, &d);
	assert_true(am_cap_equal(&c, &d));
	/* what does not fit is no capability, above all not another one */
	h.object |= 0x1000000;
	am_hdr_get_cap(&h, &d);
	assert_true(am_cap_null(&d));
	h.object &= 0xffffff;
	h.rights |= 0x100;
	am_hdr_get_cap(&h, &d);
	assert_true(am_cap_null(&d));
	h.rights &= 0xff;
	h.check[11] = 1;
	am_hdr_get_cap(&h, &d);
	assert_true(am_cap_null(&d));
	h.check[11] = 0;
	am_hdr_get_cap(&h, &d);
	assert_true(am_cap_equal(&c, &d));
}

static void nulls(void **state)
{
	am_cap c = { 0 };
	am_port p, q;

	(void)state;
	assert_true(am_cap_null(&c));
	c.rights = 1;
	assert_true(am_cap_null(&c));	/* the port alone decides */
	c.port.b[5] = 1;
	assert_false(am_cap_null(&c));
	am_port_random(&p);
	am_port_random(&q);
	assert_false(am_port_null(&p));
	assert_false(am_port_equal(&p, &q));
	assert_true(am_port_equal(&p, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_way_vectors),
		cmocka_unit_test(restriction),
		cmocka_unit_test(text_both_ways),
		cmocka_unit_test(text_malformed),
		cmocka_unit_test(header),
		cmocka_unit_test(nulls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
