// SPDX-License-Identifier: LGPL-2.1-or-later
/* Marshalling and capability sets: byte order, ends of buffers, malformed input. */
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static void layout(void **state)
{
	static const uint8_t want[] = {
		0x02, 0x01, 0x06, 0x05, 0x04, 0x03, 8, 7, 6, 5, 4, 3, 2, 1, 'a', 'b', 0, 0,
	};
	uint8_t p[sizeof(want)];
	struct am_buf b;

	(void)state;
	am_buf_init(&b, p, sizeof(p));
	am_put_u16(&b, 0x0102);
	am_put_u32(&b, 0x03040506);
	am_put_u64(&b, 0x0102030405060708);
	am_put_str(&b, "ab");
	am_put_str(&b, "");
	assert_false(b.bad);
	assert_ptr_equal(b.p, b.end);
	assert_memory_equal(p, want, sizeof(want));

	am_buf_init(&b, p, sizeof(p));
	assert_int_equal(am_get_u16(&b), 0x0102);
	assert_int_equal(am_get_u32(&b), 0x03040506);
	assert_true(am_get_u64(&b) == 0x0102030405060708);
	assert_string_equal(am_get_str(&b), "ab");
	assert_string_equal(am_get_str(&b), "");
	assert_false(b.bad);
	assert_null(am_get_str(&b));
	assert_true(b.bad);
}

static void ends(void **state)
{
	uint8_t *p = malloc(7);
	am_cap c = some_cap(3);
	struct am_buf b;
	size_t n;

	(void)state;
	for (n = 0; n < 7; n++) {
		memset(p, 0xee, 7);
		am_buf_init(&b, p, n);
		am_put_u64(&b, ~0ULL);		/* never fits, never writes */
		assert_true(b.bad);
		assert_int_equal(p[0], 0xee);
		am_put_u16(&b, 1);		/* bad sticks */
		assert_int_equal(p[0], 0xee);
		assert_int_equal(am_get_u16(&b), 0);
		am_buf_init(&b, p, n);
		am_put_cap(&b, &c);
		assert_true(b.bad);
		memset(&c, 1, sizeof(c));
		am_get_cap(&b, &c);
		assert_true(am_cap_null(&c));
	}
	/* a string without an end */
	memset(p, 'x', 7);
	am_buf_init(&b, p, 7);
	assert_null(am_get_str(&b));
	assert_true(b.bad);
	/* nothing at all */
	am_buf_init(&b, NULL, 0);
	assert_false(b.bad);
	assert_null(am_get_str(&b));
	am_buf_init(&b, NULL, 5);
	assert_true(b.bad);
	/* a length that would wrap */
	am_buf_init(&b, p, 7);
	assert_null(am_get_bytes(&b, SIZE_MAX));
	assert_true(b.bad);
	free(p);
}

static void capset(void **state)
{
	uint8_t p[4 + AM_CAPSET_MAX * 18];
	am_cap c = some_cap(7), got;
	am_capset s, t;
	struct am_buf b;
	size_t n;
	int i;

	(void)state;
	am_capset_one(&s, &c);
	am_buf_init(&b, p, sizeof(p));
	am_put_capset(&b, &s);
	assert_int_equal(b.p - p, 4 + 18);
	assert_memory_equal(p, "\1\0\1\0", 4);
	assert_memory_equal(p + 4, &c, 16);
	assert_memory_equal(p + 20, "\1\0", 2);
	assert_int_equal(am_capset_choose(&s, &got), AM_OK);
	assert_true(am_cap_equal(&got, &c));

	s.final = s.initial = AM_CAPSET_MAX;
	for (i = 0; i < AM_CAPSET_MAX; i++) {
		s.suite[i].cap = some_cap(i * 16);
		s.suite[i].current = i & 1;
	}
	am_buf_init(&b, p, sizeof(p));
	am_put_capset(&b, &s);
	assert_false(b.bad);
	am_buf_init(&b, p, sizeof(p));
	am_get_capset(&b, &t);
	assert_false(b.bad);
	assert_memory_equal(&s, &t, sizeof(s));
	for (n = 0; n < sizeof(p); n++) {	/* cut anywhere */
		am_buf_init(&b, p, n);
		am_get_capset(&b, &t);
		assert_true(b.bad);
		assert_int_equal(t.final, 0);
	}
	/* too many, or a negative number */
	p[2] = AM_CAPSET_MAX + 1;
	am_buf_init(&b, p, sizeof(p));
	am_get_capset(&b, &t);
	assert_true(b.bad);
	p[2] = p[3] = 0xff;
	am_buf_init(&b, p, sizeof(p));
	am_get_capset(&b, &t);
	assert_true(b.bad);
	s.final = AM_CAPSET_MAX + 1;
	am_buf_init(&b, p, sizeof(p));
	am_put_capset(&b, &s);
	assert_true(b.bad);
	/* the empty set, and one without a usable member */
	memset(&s, 0, sizeof(s));
	assert_int_equal(am_capset_choose(&s, &got), AM_STD_NOTFOUND);
	am_capset_one(&s, &c);
	s.suite[0].current = 0;
	assert_int_equal(am_capset_choose(&s, &got), AM_STD_NOTFOUND);
}

static void bullet_fields(void **state)
{
	static const uint64_t offsets[] = {
		0, 1, INT32_MAX - 1, INT32_MAX, 1ULL << 31, 1ULL << 32, 5ULL << 40,
		AM_B_OFFSET_MAX,
	};
	struct amoeba_header h = { 0 };
	uint64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		am_b_put_offset(&h, offsets[i]);
		assert_true(h.offset >= -1 && h.offset <= INT32_MAX);
		assert_int_equal(h.signature[6] | h.signature[7], 0);
		assert_int_equal(am_b_get_offset(&h, &v), AM_OK);
		assert_true(v == offsets[i]);
	}
	h.offset = -2;
	assert_int_equal(am_b_get_offset(&h, &v), AM_STD_ARGBAD);
	h.offset = -1;
	memset(h.signature, 0, sizeof(h.signature));
	assert_int_equal(am_b_get_offset(&h, &v), AM_STD_ARGBAD);

	am_b_put_size(&h, 0xfffe0001);
	assert_true(h.size <= 0xffff && h.extra <= 0xffff);
	assert_int_equal(am_b_get_size(&h), 0xfffe0001);
	am_b_put_size(&h, 29696);
	assert_int_equal(h.size, 29696);
	assert_int_equal(h.extra, 0);

	am_b_put_chunk(&h, AM_MAX_CHUNK);
	assert_int_equal(h.extra, 0xa614);
	assert_int_equal(am_b_get_chunk(&h), AM_MAX_CHUNK);
	am_b_put_chunk(&h, 40000);
	assert_int_equal(am_b_get_chunk(&h), AM_B_CLASSIC);
	for (h.extra = 0; h.extra < 0xa600; h.extra++)
		assert_int_equal(am_b_get_chunk(&h), AM_B_CLASSIC);
	h.extra = 0xa61f;
	assert_int_equal(am_b_get_chunk(&h), AM_B_CLASSIC);
}

static void errors(void **state)
{
	static const am_status known[] = {
		0, -1, -2, -3, -4, -5, -6, -7, -8, -9, -20, -21, -22, -23, -24, -25, -28,
		-1000, -1001, -1002, -1003, -1004, -1005, -1006, -1007, -1008, -1009, -1010,
		-1011, -1012, -1013, -1900, -1901, -1902, -1903, -1904, -1905, -1906, -1907,
		-1908, -1909, -1910, -1911, -2101, -2102, -2103, -2104,
		-3001, -3002, -3003, -3004, -3005,
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_non_null(am_why(known[i]));
		assert_null(strstr(am_why(known[i]), "unknown error"));
		for (j = 0; j < i; j++)
			assert_string_not_equal(am_why(known[i]), am_why(known[j]));
	}
	assert_non_null(strstr(am_why(-10), "unknown"));
	assert_non_null(strstr(am_why(-1014), "unknown"));
	assert_non_null(strstr(am_why(INT32_MIN), "unknown"));
	assert_non_null(am_why(17));
	for (i = 0; i < 200; i++)
		assert_non_null(am_errno_why(-(int)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(ends),
		cmocka_unit_test(capset),
		cmocka_unit_test(bullet_fields),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
