// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bullet stubs against a small file server in this process, once speaking of large chunks and once
 * as an original one does, which knows neither them nor what extra means in a READ.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"
#include "broker/broker_run.h"

#define FILES 64
#define CHUNK (256U << 10)

static struct server {
	struct am_server	*server;
	bool			wide;
	struct {
		uint8_t		*data;
		uint64_t	size;
		bool		used, committed, safe;
	} files[FILES];
	pthread_mutex_t		lock;
	unsigned int		requests, largest, destroyed;
	int			fail_at;	/* refuse the nth MODIFY from now; 0: none */
	uint64_t		fake_size;	/* SIZE says this instead */
	uint64_t		last_offset;
} srv[2] = { { .wide = true, .lock = PTHREAD_MUTEX_INITIALIZER },
	     { .lock = PTHREAD_MUTEX_INITIALIZER } };

static const am_port random_number = { { 6, 6, 6, 6, 6, 6 } };

static am_cap object(struct server *s, uint32_t n)
{
	am_cap c;

	am_cap_make(&c, am_server_port(s->server), n, 0xff, &random_number);
	return c;
}

static am_status store(struct server *s, struct am_request *rq, uint32_t n, uint64_t offset)
{
	am_cap c = object(s, n);

	if (s->files[n].committed)
		return AM_STD_ARGBAD;
	if (offset > s->files[n].size)
		return AM_STD_ARGBAD;
	if (offset + rq->len > s->files[n].size) {
		s->files[n].size = offset + rq->len;
		s->files[n].data = realloc(s->files[n].data, s->files[n].size);
	}
	if (rq->len)
		memcpy(s->files[n].data + offset, rq->data, rq->len);
	s->files[n].committed = rq->hdr.extra & AM_B_COMMIT;
	s->files[n].safe = rq->hdr.extra & AM_B_SAFETY;
	am_hdr_set_cap(&rq->hdr, &c);
	if (s->wide)
		am_b_put_chunk(&rq->hdr, CHUNK);
	return AM_OK;
}

static am_status file_op(struct server *s, struct am_request *rq)
{
	uint32_t n = rq->hdr.object, want;
	uint64_t offset = 0;

	s->requests++;
	if (rq->len > s->largest)
		s->largest = rq->len;
	if (rq->trunc || rq->hdr.size != (rq->command == AM_B_READ ? rq->hdr.size :
					  rq->command == AM_B_SIZE ? 0 : rq->len % 65536))
		return AM_STD_ARGBAD;
	if (rq->command == AM_B_CREATE) {
		for (n = 1; n < FILES && s->files[n].used; n++)
			;
		if (n == FILES)
			return AM_STD_NOSPACE;
		memset(&s->files[n], 0, sizeof(s->files[n]));
		s->files[n].used = true;
		return store(s, rq, n, 0);
	}
	if (n >= FILES || !s->files[n].used)
		return AM_STD_CAPBAD;
	if (am_b_get_offset(&rq->hdr, &offset) || (!s->wide && rq->hdr.offset < 0))
		return AM_STD_ARGBAD;
	s->last_offset = offset;
	switch (rq->command) {
	case AM_B_MODIFY:
		if (s->fail_at && !--s->fail_at)
			return AM_STD_NOSPACE;
		return store(s, rq, n, offset);
	case AM_B_READ:
		if (!s->files[n].committed)
			return AM_STD_CAPBAD;
		want = s->wide ? am_b_get_size(&rq->hdr) : rq->hdr.size;
		if (want > (s->wide ? CHUNK : AM_B_CLASSIC))
			return AM_STD_ARGBAD;
		if (offset > s->files[n].size)
			return s->fake_size ? AM_OK : AM_STD_ARGBAD;
		if (want > s->files[n].size - offset)
			want = s->files[n].size - offset;
		if (want)
			memcpy(rq->rbuf, s->files[n].data + offset, want);
		rq->rlen = want;
		return AM_OK;
	case AM_B_SIZE:
		am_b_put_offset(&rq->hdr, s->fake_size ? s->fake_size : s->files[n].size);
		if (s->wide)
			am_b_put_chunk(&rq->hdr, CHUNK);
		return AM_OK;
	case AM_STD_DESTROY:
		free(s->files[n].data);
		s->files[n].data = NULL;
		s->files[n].used = false;
		s->destroyed++;
		return AM_OK;
	default:
		return AM_STD_COMBAD;
	}
}

static am_status handler(struct am_request *rq, void *arg)
{
	struct server *s = arg;
	am_status st;

	pthread_mutex_lock(&s->lock);
	st = file_op(s, rq);
	pthread_mutex_unlock(&s->lock);
	return st;
}

static uint8_t *pattern(size_t len)
{
	uint8_t *p = malloc(len ? len : 1);
	uint32_t x = 12345;
	size_t i;

	for (i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = x >> 24;
	}
	return p;
}

static const size_t sizes[] = {
	0, 1, 1000, AM_B_CLASSIC - 1, AM_B_CLASSIC, AM_B_CLASSIC + 1, 65535, 65536, 65537,
	CHUNK, CHUNK + 1, AM_B_CLASSIC + CHUNK, 1 << 20, (1 << 20) + 1, 3000000,
};

static void round_trip(struct server *s)
{
	am_cap server = object(s, 0), file;
	size_t i, n, m, len;
	uint64_t size;
	void *back;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *p, *q;
		int fd;

		n = sizes[i];
		p = pattern(n);
		assert_int_equal(am_b_create(&server, p, n, &file), AM_OK);
		assert_true(s->files[am_cap_object(&file)].committed);
		assert_true(s->files[am_cap_object(&file)].safe);
		assert_int_equal(am_b_size(&file, &size), AM_OK);
		assert_int_equal(size, n);
		assert_int_equal(am_b_load(&file, &back, &len), AM_OK);
		assert_int_equal(len, n);
		if (n)
			assert_memory_equal(back, p, n);
		free(back);

		/* a part, and past the end */
		q = malloc(n + 10);
		m = n / 2 + 10;
		assert_int_equal(am_b_read(&file, n / 2, q, &m), AM_OK);
		assert_int_equal(m, n - n / 2);
		if (m)
			assert_memory_equal(q, p + n / 2, m);
		m = 10;
		assert_int_equal(am_b_read(&file, n + 1, q, &m), AM_STD_ARGBAD);
		assert_int_equal(m, 0);
		assert_int_equal(am_std_destroy(&file), AM_OK);

		/* the same by descriptors */
		fd = memfd_create("t", 0);
		assert_int_equal(write(fd, p, n), n);
		lseek(fd, 0, SEEK_SET);
		assert_int_equal(am_b_create_fd(&server, fd, &file, &size), AM_OK);
		assert_int_equal(size, n);
		assert_int_equal(ftruncate(fd, 0), 0);
		lseek(fd, 0, SEEK_SET);
		assert_int_equal(am_b_read_fd(&file, fd, &size), AM_OK);
		assert_int_equal(size, n);
		assert_int_equal(lseek(fd, 0, SEEK_END), n);
		assert_int_equal(pread(fd, q, n, 0), n);
		if (n)
			assert_memory_equal(q, p, n);
		close(fd);
		assert_int_equal(am_std_destroy(&file), AM_OK);
		free(q);
		free(p);
	}
}

static void wide(void **state)
{
	(void)state;
	round_trip(&srv[0]);
	assert_int_equal(srv[0].largest, CHUNK);
}

static void original(void **state)
{
	(void)state;
	round_trip(&srv[1]);
	assert_int_equal(srv[1].largest, AM_B_CLASSIC);
}

/* a small file is one transaction, a large one to a known server as many as there are chunks */
static void counts(void **state)
{
	struct server *s = &srv[0];
	am_cap server = object(s, 0), file;
	uint8_t *p = pattern(4 * CHUNK);

	(void)state;
	s->requests = 0;
	assert_int_equal(am_b_create(&server, p, 100, &file), AM_OK);
	assert_int_equal(s->requests, 1);
	am_std_destroy(&file);
	s->requests = 0;
	assert_int_equal(am_b_create(&server, p, 4 * CHUNK, &file), AM_OK);
	assert_int_equal(s->requests, 4);
	am_std_destroy(&file);
	free(p);
}

/* an upload that fails leaves nothing behind */
static void failing(void **state)
{
	struct server *s = &srv[0];
	am_cap server = object(s, 0), file = some_cap(9), before = file;
	uint8_t *p = pattern(4 * CHUNK);
	int fd, i;

	(void)state;
	for (i = 1; i <= 3; i++) {
		s->fail_at = i;
		s->destroyed = 0;
		assert_int_equal(am_b_create(&server, p, 4 * CHUNK, &file), AM_STD_NOSPACE);
		assert_int_equal(s->destroyed, 1);
		assert_true(am_cap_equal(&file, &before));
	}
	fd = memfd_create("t", 0);
	close(fd);
	assert_int_equal(am_b_create_fd(&server, fd, &file, NULL), AM_STD_SYSERR);
	free(p);
}

static void large_offsets(void **state)
{
	struct server *s = &srv[0];
	am_cap server = object(s, 0), file;
	const uint64_t big = 5ULL << 40;
	uint64_t size;
	uint8_t buf[16];
	size_t n;
	int null;

	(void)state;
	assert_int_equal(am_b_create(&server, "abc", 3, &file), AM_OK);
	s->fake_size = big;
	assert_int_equal(am_b_size(&file, &size), AM_OK);
	assert_true(size == big);
	n = sizeof(buf);
	assert_int_equal(am_b_read(&file, big - 16, buf, &n), AM_OK);
	assert_int_equal(n, 0);
	assert_true(s->last_offset == big - 16);
	n = sizeof(buf);
	assert_int_equal(am_b_read(&file, AM_B_OFFSET_MAX + 1, buf, &n), AM_STD_ARGBAD);
	/* a server that gives less than it promised */
	null = memfd_create("t", 0);
	s->fake_size = 100;
	assert_int_equal(am_b_read_fd(&file, null, &size), AM_STD_SYSERR);
	close(null);
	s->fake_size = 0;
	am_std_destroy(&file);
}

static int setup(void **state)
{
	static const struct am_server_opt opt[2] = {
		{ .threads = 2, .bufsize = CHUNK },
		{ .threads = 2, .bufsize = AM_B_CLASSIC },	/* more would be cut */
	};
	int i;

	(void)state;
	if (am_broker_run())
		return -1;
	for (i = 0; i < 2; i++) {
		am_port get;

		am_port_random(&get);
		srv[i].server = am_server_start(&get, handler, &srv[i], &opt[i]);
		if (!srv[i].server)
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	am_server_stop(srv[0].server);
	am_server_stop(srv[1].server);
	am_broker_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wide),
		cmocka_unit_test(original),
		cmocka_unit_test(counts),
		cmocka_unit_test(failing),
		cmocka_unit_test(large_offsets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
