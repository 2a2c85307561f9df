// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The one-way functions of cap/, as compiled into the library, against their published results.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../cap/amcap_des.h"
#include "../../cap/amcap_des_vectors.h"
#include "../../cap/amcap_vectors.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* between the order of bits of FIPS 46 and ours */
static u64 mirror(u64 v)
{
	u64 m = 0;
	int byte, bit;

	for (byte = 0; byte < 8; byte++)
		for (bit = 0; bit < 8; bit++)
			if (v >> (8 * byte + bit) & 1)
				m |= 1ULL << (8 * (7 - byte) + 7 - bit);
	return m;
}

static void test_des(void **state)
{
	const struct amcap_des_vector *v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(amcap_des_vectors); i++) {
		v = &amcap_des_vectors[i];
		assert_int_equal(mirror(amcap_des_encrypt(mirror(v->key), mirror(v->plain))),
				 v->cipher);
	}
}

static void test_flip(void **state)
{
	const struct amcap_flip_vector *v;
	u8 out[9];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(amcap_flip_vectors); i++) {
		v = &amcap_flip_vectors[i];
		amcap_flip_oneway(v->priv, out);
		assert_memory_equal(out, v->pub, 8);
		/* in place, and not aligned */
		memcpy(out + 1, v->priv, 8);
		amcap_flip_oneway(out + 1, out + 1);
		assert_memory_equal(out + 1, v->pub, 8);
	}
}

static void test_port(void **state)
{
	const struct amcap_port_vector *v;
	u8 out[AMCAP_PORT + 1];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(amcap_port_vectors); i++) {
		v = &amcap_port_vectors[i];
		amcap_one_way(v->in, out);
		assert_memory_equal(out, v->out, AMCAP_PORT);
		memcpy(out + 1, v->in, AMCAP_PORT);
		amcap_one_way(out + 1, out + 1);
		assert_memory_equal(out + 1, v->out, AMCAP_PORT);
	}
}

static void test_check(void **state)
{
	const struct amcap_check_vector *v;
	u8 out[AMCAP_PORT];
	unsigned int bit;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(amcap_check_vectors); i++) {
		v = &amcap_check_vectors[i];
		amcap_encode(v->rights, amcap_check_random, out);
		assert_memory_equal(out, v->check, AMCAP_PORT);
		assert_true(amcap_check(v->rights, v->check, amcap_check_random));
		/* no bit of the check field or of the rights may be changed */
		for (bit = 0; bit < 8 * AMCAP_PORT; bit++) {
			out[bit / 8] ^= 1U << bit % 8;
			assert_false(amcap_equal(out, v->check));
			assert_false(amcap_check(v->rights, out, amcap_check_random));
			out[bit / 8] ^= 1U << bit % 8;
		}
		assert_true(amcap_equal(out, v->check));
		for (bit = 0; bit < 8; bit++)
			assert_false(amcap_check(v->rights ^ 1U << bit, out, amcap_check_random));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_des),
		cmocka_unit_test(test_flip),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
