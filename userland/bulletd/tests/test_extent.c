// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Free space: random taking, extending and giving back, beside a map with a byte for each block.
 */
#include "host.h"
#include "vol_int.h"

#define BLOCKS	500
#define HELD	60

static uint8_t used[BLOCKS];

static void check(const struct freemap *m)
{
	uint64_t sum = 0, last = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct extent *e = &m->e[i];

		assert_true(e->len > 0);
		/* in order, and never adjacent */
		assert_true(!i || e->start > last);
		assert_true(e->start + e->len <= BLOCKS);
		for (uint64_t b = e->start; b < e->start + e->len; b++)
			assert_int_equal(used[b], 0);
		sum += e->len;
		last = e->start + e->len;
	}
	assert_int_equal(sum, m->blocks);
	for (uint64_t b = 0; b < BLOCKS; b++)
		sum -= !used[b];
	assert_int_equal(sum, 0);
}

/* first place where @len free blocks are, or BLOCKS */
static uint64_t first_fit(uint64_t len)
{
	uint64_t run = 0;

	for (uint64_t b = 0; b < BLOCKS; b++) {
		run = used[b] ? 0 : run + 1;
		if (run == len)
			return b + 1 - len;
	}
	return BLOCKS;
}

static void set(const struct extent *e, uint8_t v)
{
	for (uint64_t b = e->start; b < e->start + e->len; b++) {
		assert_int_equal(used[b], !v);
		used[b] = v;
	}
}

static void test_random(void **state)
{
	struct extent held[HELD] = { { 0, 0 } };
	struct freemap m;
	size_t room;

	(void)state;
	srand(1);
	free_init(&m);
	assert_int_equal(free_room(&m, HELD), AM_OK);
	room = m.room;
	free_give(&m, 0, BLOCKS);
	for (int i = 0; i < 200000; i++) {
		struct extent *h = &held[rand() % HELD];
		uint64_t len = 1 + (uint64_t)rand() % 30;
		am_status s;

		if (!h->len) {
			s = free_take(&m, len, h);
			if (s) {
				assert_int_equal(s, AM_STD_NOSPACE);
				assert_int_equal(first_fit(len), BLOCKS);
				h->len = 0;
			} else {
				assert_int_equal(h->start, first_fit(len));
				set(h, 1);
			}
		} else if (rand() % 3 == 0) {
			struct extent more = { h->start + h->len, len };
			bool could = more.start + len <= BLOCKS;

			for (uint64_t b = more.start; could && b < more.start + len; b++)
				could = !used[b];
			assert_int_equal(free_extend(&m, h, len), could);
			if (could) {
				set(&more, 1);
				h->len += len;
			}
		} else if (rand() % 2 && h->len > 1) {
			struct extent tail = { h->start + h->len / 2, h->len - h->len / 2 };

			set(&tail, 0);
			free_give(&m, tail.start, tail.len);
			h->len /= 2;
		} else {
			set(h, 0);
			free_give(&m, h->start, h->len);
			h->len = 0;
		}
		if (i % 50 == 0)
			check(&m);
	}
	check(&m);
	assert_int_equal(m.room, room);
	assert_true(free_largest(&m) <= m.blocks);
	free_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
