// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server in a process of its own, clients through the stubs of libamoeba: files of many sizes,
 * many clients at once, a copy from another server, and what was acknowledged when it is killed at
 * any time.
 */
#include "host.h"
#include "serve.h"

/** where a server's volume is */
struct place {
	char	path[300];
	am_cap	super;
};

static char *dir;
static struct place place[2];
static pid_t broker;

static int serve(int ready, void *arg)
{
	const struct place *p = arg;
	struct volume *vol;
	struct bulletd b;
	char why[512];
	int rc;

	vol = volume_file_open(p->path, 0, why, sizeof(why));
	if (!vol) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	bulletd_setup(&b, vol, 6);
	rc = server_loop(&b.id.get, bulletd_serve, &b, 6, ready);
	vol->ops->close(vol);
	return rc;
}

static int setup(void **state)
{
	struct volume_id id;
	struct volume *vol;
	char why[512] = "";
	am_port put;

	(void)state;
	dir = scratch_make();
	for (int i = 0; i < 2; i++) {
		snprintf(place[i].path, sizeof(place[i].path), "%s/vol%d", dir, i);
		if (volume_file_make(place[i].path, 64 << 20, 0, why, sizeof(why)))
			fail_msg("%s", why);
		vol = volume_file_open(place[i].path, 0, why, sizeof(why));
		assert_non_null(vol);
		vol->ops->id(vol, &id);
		vol->ops->close(vol);
		am_one_way(&id.get, &put);
		am_cap_make(&place[i].super, &put, 0, 0xff, &id.super);
	}
	broker = broker_start(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	server_end(broker, SIGTERM);
	scratch_remove(dir);
	return 0;
}

static uint8_t *data_of(size_t len, unsigned int seed)
{
	uint8_t *p = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * seed + (i >> 9) + seed);
	return p;
}

static am_status make(const am_cap *super, size_t len, unsigned int seed, am_cap *file)
{
	uint8_t *p = data_of(len, seed);
	am_status s = am_b_create(super, p, len, file);

	free(p);
	return s;
}

static void holds(const am_cap *file, size_t len, unsigned int seed)
{
	uint8_t *want = data_of(len, seed);
	void *got;
	size_t n;

	assert_int_equal(am_b_load(file, &got, &n), AM_OK);
	assert_int_equal(n, len);
	assert_memory_equal(got, want, len);
	free(got);
	free(want);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, 4097, 29696, 29697, 65535, 65536, 1 << 20,
					(1 << 20) + 1, 5000000, 20 << 20 };
	pid_t pid = server_fork(serve, &place[0]);
	am_cap file[12];
	uint64_t size;
	char text[1024];

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		assert_int_equal(make(&place[0].super, sizes[i], i + 1, &file[i]), AM_OK);
		assert_int_equal(am_b_size(&file[i], &size), AM_OK);
		assert_int_equal(size, sizes[i]);
	}
	for (unsigned int i = 0; i < 12; i++)
		holds(&file[i], sizes[i], i + 1);
	assert_int_equal(am_std_info(&file[6], text, sizeof(text)), AM_OK);
	assert_string_equal(text, "-    65535 bytes");
	assert_int_equal(am_std_status(&place[0].super, text, sizeof(text)), AM_OK);
	assert_int_equal(server_end(pid, SIGTERM), 0);

	pid = server_fork(serve, &place[0]);
	for (unsigned int i = 0; i < 12; i++)
		holds(&file[i], sizes[i], i + 1);
	assert_int_equal(am_std_destroy(&file[3]), AM_OK);
	assert_int_equal(am_b_size(&file[3], &size), AM_STD_CAPBAD);
	assert_int_equal(server_end(pid, SIGTERM), 0);
}

static void test_copy(void **state)
{
	pid_t a = server_fork(serve, &place[0]), c = server_fork(serve, &place[1]);
	struct amoeba_header h;
	am_cap file, copy;
	uint64_t size;

	(void)state;
	assert_int_equal(make(&place[0].super, 3000000, 3, &file), AM_OK);
	memset(&h, 0, sizeof(h));
	am_hdr_set_cap(&h, &place[1].super);
	h.command = AM_STD_COPY;
	assert_int_equal(am_trans(&h, &file, sizeof(file), NULL, NULL), AM_OK);
	am_hdr_get_cap(&h, &copy);
	assert_true(am_port_equal(&copy.port, &place[1].super.port));
	assert_int_equal(am_std_destroy(&file), AM_OK);
	assert_int_equal(am_b_size(&file, &size), AM_STD_CAPBAD);
	holds(&copy, 3000000, 3);
	assert_int_equal(server_end(a, SIGTERM), 0);
	assert_int_equal(server_end(c, SIGTERM), 0);
}

/* ---- many clients, and the server killed --------------------------------------------------------------- */

#define CLIENTS	4
#define MOST	100

struct client {
	unsigned int	number;
	atomic_int	acked;
	struct { am_cap cap; size_t len; unsigned int seed; } file[MOST];
	pthread_t	thread;
};

static void *make_until_dead(void *arg)
{
	struct client *c = arg;
	unsigned int rnd = c->number;

	for (; c->acked < MOST; c->acked++) {
		size_t len = (size_t)rand_r(&rnd) % 50000;

		c->file[c->acked].len = len;
		c->file[c->acked].seed = rnd;
		if (make(&place[0].super, len, rnd, &c->file[c->acked].cap))
			break;
		if (c->acked % 3 == 2) {
			am_cap gone = c->file[c->acked].cap;

			c->file[c->acked].cap.port = (am_port){ { 0 } };
			if (am_std_destroy(&gone))
				break;
		}
	}
	return NULL;
}

static void test_kill(void **state)
{
	static struct client c[CLIENTS];
	int total = 0;

	(void)state;
	for (unsigned int round = 0; round < 8; round++) {
		pid_t pid = server_fork(serve, &place[0]);

		for (unsigned int i = 0; i < CLIENTS; i++) {
			c[i].number = round * CLIENTS + i;
			c[i].acked = 0;
			pthread_create(&c[i].thread, NULL, make_until_dead, &c[i]);
		}
		for (unsigned int i = 0; i < CLIENTS; i++)
			while (c[i].acked < 3)
				usleep(1000);
		usleep((useconds_t)rand() % 40000);
		assert_true(WIFSIGNALED(server_end(pid, SIGKILL)));
		for (unsigned int i = 0; i < CLIENTS; i++)
			pthread_join(c[i].thread, NULL);

		pid = server_fork(serve, &place[0]);
		for (unsigned int i = 0; i < CLIENTS; i++) {
			total += c[i].acked;
			for (int k = 0; k < c[i].acked; k++)
				if (!am_cap_null(&c[i].file[k].cap))
					holds(&c[i].file[k].cap, c[i].file[k].len,
					      c[i].file[k].seed);
		}
		assert_int_equal(server_end(pid, SIGTERM), 0);
	}
	print_message("%d acknowledged, none lost\n", total);
	assert_true(total >= 8 * CLIENTS * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
