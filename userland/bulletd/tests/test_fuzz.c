// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random requests, a bounded number, beside a model of the committed files: whatever is sent, the
 * handler answers with a status, stays inside its buffers, and no committed file changes. The seed
 * is printed; AMOEBA_FUZZ=SEED repeats.
 */
#include "host.h"
#include "serve.h"
#include "vol_int.h"

#define ROUNDS	20000
#define KNOWN	24

static const uint32_t commands[] = {
	AM_B_CREATE, AM_B_CREATE, B_DELETE, B_INSERT, AM_B_MODIFY, AM_B_MODIFY, AM_B_READ,
	AM_B_SIZE, B_SYNC, AM_STD_COPY, AM_STD_INFO, AM_STD_STATUS, AM_STD_RESTRICT,
	AM_STD_TOUCH, AM_STD_DESTROY, 2003, 2008, 1001, 0, 65535,
};

/** a capability that was given out, and a checksum of the contents once they are known */
struct known {
	am_cap		cap;
	bool		seen;
	uint64_t	size;
	uint32_t	crc;
};

static struct bulletd b;

/* reads a file around the protocol: false when it cannot be read now */
static bool sum(const am_cap *cap, uint64_t *size, uint32_t *crc)
{
	struct target t;
	uint8_t *buf;

	if (bulletd_target(&b, cap, &t))
		return false;
	if (!t.file || !t.committed) {
		bulletd_release(&t);
		return false;
	}
	*size = t.size;
	buf = malloc(t.size + 1);
	assert_int_equal(b.vol->ops->read(b.vol, t.file, 0, buf, t.size), AM_OK);
	*crc = vol_crc(buf, t.size);
	free(buf);
	bulletd_release(&t);
	return true;
}

static void check(struct known *k)
{
	uint64_t size;
	uint32_t crc;

	if (am_cap_null(&k->cap) || !sum(&k->cap, &size, &crc))
		return;
	if (k->seen) {
		assert_int_equal(size, k->size);
		assert_int_equal(crc, k->crc);
	}
	k->seen = true;
	k->size = size;
	k->crc = crc;
}

static void test_fuzz(void **state)
{
	const char *env = getenv("AMOEBA_FUZZ");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)getpid();
	static struct known known[KNOWN];
	char *dir = scratch_make();
	char path[300], why[512];
	struct volume_stat st;
	unsigned int ok = 0;
	uint8_t body[9000];

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	snprintf(path, sizeof(path), "%s/vol", dir);
	assert_int_equal(volume_file_make(path, 2 << 20, 0, why, sizeof(why)), 0);
	bulletd_setup(&b, volume_file_open(path, 0, why, sizeof(why)), 4);
	b.remote_max = 0;	/* no other servers here */
	am_cap_make(&known[0].cap, &b.put, 0, 0xff, &b.id.super);

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t command = commands[(size_t)rand() % (sizeof(commands) / 4)];
		const struct known *k = &known[rand() % 3 ? (size_t)rand() % KNOWN : 0];
		size_t n = (size_t)rand() % (rand() % 3 ? 100 : sizeof(body));
		struct call c;
		am_status s;

		for (size_t j = 0; j < n; j++)
			body[j] = (uint8_t)(rand() % 4 ? rand() : 0);
		if (command == B_DELETE && rand() % 4)
			n = rand() % 2 ? 4 : 8;
		if (command == AM_STD_COPY && rand() % 4) {
			memcpy(body, &known[(size_t)rand() % KNOWN].cap, 16);
			n = 16;
		}
		call_init(&c, &k->cap, command, body, n, 4096);
		c.rq.hdr.size = rand() % 8 ? n : (uint64_t)rand() & 0xffff;
		c.rq.hdr.extra = rand() % 8 ? (uint32_t)rand() % 4 : (uint32_t)rand() & 0xffff;
		c.rq.hdr.offset = rand() % 3 ? rand() % 5000 : (int32_t)((uint32_t)rand() << 1);
		if (rand() % 10 == 0)
			am_b_put_offset(&c.rq.hdr, ((uint64_t)rand() << 20) & AM_B_OFFSET_MAX);
		c.rq.trunc = !(rand() % 50);
		s = call_run(&c, bulletd_serve, &b);
		ok += !s;
		if (!s && (command == AM_B_CREATE || command == AM_B_MODIFY ||
			   command == B_INSERT || command == B_DELETE ||
			   command == AM_STD_RESTRICT || command == AM_STD_COPY)) {
			struct known *new = &known[1 + (size_t)rand() % (KNOWN - 1)];

			/* make room: what is forgotten would fill the volume */
			if (!am_cap_null(&new->cap) && rand() % 2) {
				struct call gone;

				call_init(&gone, &new->cap, AM_STD_DESTROY, NULL, 0, 16);
				call_run(&gone, bulletd_serve, &b);
				call_done(&gone);
			}
			memset(new, 0, sizeof(*new));
			new->cap = call_cap(&c);
		}
		call_done(&c);
		if (i % 16 == 0)
			for (int j = 0; j < KNOWN; j++)
				check(&known[j]);
	}
	print_message("%u of %u accepted\n", ok, ROUNDS);
	assert_true(ok > ROUNDS / 20);

	/* the volume is in order, and the files are what they were, after a restart too */
	for (int j = 0; j < KNOWN; j++)
		check(&known[j]);
	b.vol->ops->close(b.vol);
	b.vol = volume_file_open(path, 0, why, sizeof(why));
	assert_non_null(b.vol);
	b.vol->ops->stat(b.vol, &st);
	assert_int_equal(st.damaged, 0);
	for (int j = 0; j < KNOWN; j++)
		check(&known[j]);
	b.vol->ops->close(b.vol);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fuzz) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
