// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the one-way functions against their published results.
 */
#include <kunit/test.h>
#include <linux/bitrev.h>
#include <linux/module.h>
#include <linux/random.h>
#include "amcap_des.h"
#include "amcap_des_vectors.h"
#include "amcap_vectors.h"

/* between the order of bits of FIPS 46 and ours */
static u64 amcap_kunit_mirror(u64 v)
{
	u64 m = 0;
	int i;

	for (i = 0; i < 8; i++, v >>= 8)
		m = m << 8 | bitrev8(v & 0xff);
	return m;
}

static void amcap_kunit_des(struct kunit *test)
{
	const struct amcap_des_vector *v = amcap_des_vectors;
	u64 got;

	for (; v < amcap_des_vectors + ARRAY_SIZE(amcap_des_vectors); v++) {
		got = amcap_des_encrypt(amcap_kunit_mirror(v->key), amcap_kunit_mirror(v->plain));
		KUNIT_EXPECT_EQ_MSG(test, amcap_kunit_mirror(got), v->cipher, "key %016llx",
				    v->key);
	}
}

static void amcap_kunit_flip(struct kunit *test)
{
	const struct amcap_flip_vector *v = amcap_flip_vectors;
	u8 out[8];

	for (; v < amcap_flip_vectors + ARRAY_SIZE(amcap_flip_vectors); v++) {
		amcap_flip_oneway(v->priv, out);
		KUNIT_EXPECT_EQ_MSG(test, 0, memcmp(out, v->pub, 8), "%8phN gives %8phN",
				    v->priv, out);
		/* in place, and not aligned */
		memcpy(out, v->priv, 8);
		amcap_flip_oneway(out, out);
		KUNIT_EXPECT_EQ(test, 0, memcmp(out, v->pub, 8));
	}
}

static void amcap_kunit_port(struct kunit *test)
{
	const struct amcap_port_vector *v = amcap_port_vectors;
	u8 out[AMCAP_PORT];

	for (; v < amcap_port_vectors + ARRAY_SIZE(amcap_port_vectors); v++) {
		amcap_one_way(v->in, out);
		KUNIT_EXPECT_EQ_MSG(test, 0, memcmp(out, v->out, AMCAP_PORT), "%6phN gives %6phN",
				    v->in, out);
		memcpy(out, v->in, AMCAP_PORT);
		amcap_one_way(out, out);
		KUNIT_EXPECT_EQ(test, 0, memcmp(out, v->out, AMCAP_PORT));
	}
}

static void amcap_kunit_check(struct kunit *test)
{
	const struct amcap_check_vector *v = amcap_check_vectors;
	const u8 *random = amcap_check_random;
	u8 out[AMCAP_PORT];
	int bit;

	for (; v < amcap_check_vectors + ARRAY_SIZE(amcap_check_vectors); v++) {
		amcap_encode(v->rights, random, out);
		KUNIT_EXPECT_EQ_MSG(test, 0, memcmp(out, v->check, AMCAP_PORT),
				    "rights %02x give %6phN", v->rights, out);
		KUNIT_EXPECT_TRUE(test, amcap_check(v->rights, v->check, random));
		/* no bit of the check field or of the rights may be changed */
		for (bit = 0; bit < 8 * AMCAP_PORT; bit++) {
			out[bit / 8] ^= 1 << bit % 8;
			KUNIT_EXPECT_FALSE(test, amcap_check(v->rights, out, random));
			out[bit / 8] ^= 1 << bit % 8;
		}
		for (bit = 0; bit < 8; bit++)
			KUNIT_EXPECT_FALSE(test, amcap_check(v->rights ^ 1 << bit, out, random));
	}
}

static void amcap_kunit_equal(struct kunit *test)
{
	u8 a[AMCAP_PORT], b[AMCAP_PORT];
	int bit;

	get_random_bytes(a, sizeof(a));
	memcpy(b, a, sizeof(b));
	KUNIT_EXPECT_TRUE(test, amcap_equal(a, b));
	for (bit = 0; bit < 8 * AMCAP_PORT; bit++) {
		b[bit / 8] ^= 1 << bit % 8;
		KUNIT_EXPECT_FALSE(test, amcap_equal(a, b));
		b[bit / 8] ^= 1 << bit % 8;
	}
}

static struct kunit_case amcap_kunit_cases[] = {
	KUNIT_CASE(amcap_kunit_des),
	KUNIT_CASE(amcap_kunit_flip),
	KUNIT_CASE(amcap_kunit_port),
	KUNIT_CASE(amcap_kunit_check),
	KUNIT_CASE(amcap_kunit_equal),
	{ }
};

static struct kunit_suite amcap_kunit_suite = {
	.name = "amoeba_cap",
	.test_cases = amcap_kunit_cases,
};
kunit_test_suite(amcap_kunit_suite);

MODULE_DESCRIPTION("Unit tests of amoeba_cap");
MODULE_LICENSE("GPL");
MODULE_VERSION(AMOEBA_VERSION);
COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
