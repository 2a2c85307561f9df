// SPDX-License-Identifier: GPL-2.0-or-later
/* The ring of an output stream against a plain copy of everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "procd.h"

struct conf conf;
atomic_bool stopping;
void note(const char *fmt, ...) { (void)fmt; }
uint64_t now_ms(void) { return 0; }
uint64_t now_us(void) { return 0; }

#define TOTAL (4U << 20)

static uint8_t byte_at(uint64_t pos)
{
	return (uint8_t)(pos * 2654435761U >> 13);
}

static void fill(uint8_t *p, uint64_t pos, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = byte_at(pos + i);
}

static void check(const uint8_t *p, uint64_t pos, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], byte_at(pos + i));
}

/* a writer that waits for room, a reader that acknowledges late: nothing is lost or twice */
static void acknowledged(void **state)
{
	static uint8_t buf[70000];
	struct stream s = { 0 };
	uint64_t written = 0, read = 0, acked = 0;

	(void)state;
	srandom(2);
	while (read < TOTAL) {
		size_t n = (size_t)random() % sizeof(buf);

		if (n > stream_room(&s))
			n = stream_room(&s);
		if (n > TOTAL - written)
			n = TOTAL - written;
		fill(buf, written, n);
		if (n)
			stream_put(&s, buf, n, false);
		written += n;
		n = stream_peek(&s, &read, buf, (size_t)random() % sizeof(buf));
		check(buf, read, n);
		read += n;
		if (random() & 1) {
			acked = read;
			stream_ack(&s, acked);
		}
		if (!stream_room(&s)) {	/* asking again gives the same */
			uint64_t again = acked;

			n = stream_peek(&s, &again, buf, 1000);
			assert_true(again == acked);
			check(buf, again, n);
			stream_ack(&s, read);
			acked = read;
		}
	}
	assert_false(s.lost);
	assert_true(s.base + s.len == TOTAL);
	stream_ack(&s, TOTAL + 5);	/* not past what there was */
	assert_true(s.base == TOTAL);
	stream_free(&s);
}

/* nobody reads: the newest bytes stay */
static void ring(void **state)
{
	static uint8_t buf[300000];
	struct stream s = { 0 };
	uint64_t written = 0, pos = 0;
	size_t n;

	(void)state;
	srandom(3);
	for (int i = 0; i < 60; i++) {
		n = (size_t)random() % (i % 7 ? 5000 : sizeof(buf));
		fill(buf, written, n);
		stream_put(&s, buf, n, true);
		written += n;
	}
	assert_true(s.lost);
	assert_true(s.base + s.len == written);
	n = stream_peek(&s, &pos, buf, sizeof(buf));
	assert_int_equal(n, STREAM_MAX);
	assert_true(pos == written - STREAM_MAX);
	check(buf, pos, n);
	stream_free(&s);
}

/* what must not be covered for a job */
static void mounts(void **state)
{
	static const struct {
		char *name;
		bool ok;
	} t[] = {
		{ "home", true }, { "tmp/x", true }, { "usr/src/x", true }, { "development", true },
		{ "proc", false }, { "proc/x", false }, { "sys/fs", false }, { "dev", false },
		{ "dev/shm", false }, { "tmp", false }, { "tmp/job", false }, { "procs/x", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *list[] = { t[i].name, NULL };

		assert_int_equal(layout_ok(list), t[i].ok);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledged), cmocka_unit_test(ring), cmocka_unit_test(mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
