// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server in a process of its own, clients through the stubs of libamoeba: many at once, and
 * what was acknowledged when it is killed at any time.
 */
#include "../../bulletd/tests/host.h"
#include "layout.h"
#include "serve.h"

static char *dir;
static char db[300];
static pid_t broker;

static struct store *open_db(void)
{
	char why[256];
	struct store *st = store_lmdb_open(db, 64 << 20, 8, why, sizeof(why));

	if (!st)
		fprintf(stderr, "%s\n", why);
	return st;
}

static int serve(int ready, void *arg)
{
	struct store *st = open_db();
	struct dird d;
	int rc;

	(void)arg;
	if (!st || dird_setup(&d, st, 8))
		return 1;
	d.remote_ms = 300;
	rc = server_loop(&d.id.get, dird_serve, &d, 8, ready);
	st->ops->close(st);
	return rc;
}

/* the root as text into the environment, as am_root() wants it */
static int setup(void **state)
{
	char text[AM_CAP_TEXT];
	struct store *st;
	am_cap root;

	(void)state;
	dir = scratch_make();
	snprintf(db, sizeof(db), "%s/db", dir);
	st = open_db();
	assert_non_null(st);
	assert_int_equal(layout_init(st), 0);
	assert_int_equal(layout_root(st, &root), AM_OK);
	setenv("AMOEBA_ROOT", am_cap_text(&root, text), 1);
	st->ops->close(st);
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

static int count(const struct am_dirent *e, void *arg)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

static void test_stubs(void **state)
{
	static const uint32_t masks[AM_DIR_COLUMNS] = { 0xff, 2, 1, 0 };
	pid_t pid = server_fork(serve, NULL);
	am_cap root, made, out;
	char text[256];
	int n = 0;

	(void)state;
	assert_int_equal(am_root(&root), AM_OK);
	assert_int_equal(am_path("/profile/../home", &out), AM_OK);
	assert_int_equal(am_dir_create(&root, &made), AM_OK);
	assert_int_equal(am_dir_append(&out, "user", &made, masks), AM_OK);
	assert_int_equal(am_dir_append(&out, "user", &made, masks), AM_STD_EXISTS);
	assert_int_equal(am_path("/home/user", &out), AM_OK);
	assert_true(am_cap_equal(&out, &made));
	for (int i = 0; i < 600; i++) {
		snprintf(text, sizeof(text), "entry-number-%d", i);
		assert_int_equal(am_dir_append(&made, text, &root, masks), AM_OK);
	}
	assert_int_equal(am_dir_list(&made, count, &n), AM_OK);
	assert_int_equal(n, 600);
	assert_int_equal(am_std_info(&made, text, sizeof(text)), AM_OK);
	assert_string_equal(text, "/dw1234");
	assert_int_equal(am_std_status(&made, text, sizeof(text)), AM_OK);
	assert_int_equal(am_dir_discard(&made), AM_SP_NOTEMPTY);
	assert_int_equal(server_end(pid, SIGTERM), 0);
}

/* a stored capability with less than all rights is restricted by its own server, dead or alive */
static void test_remote_restrict(void **state)
{
	static const uint32_t masks[AM_DIR_COLUMNS] = { 0x07, 0, 0, 0 };
	static const am_port random = { { 1, 2, 3, 4, 5, 6 } };
	pid_t pid = server_fork(serve, NULL);
	am_cap home, dead, out;
	am_port put;

	(void)state;
	am_port_random(&put);
	am_cap_make(&dead, &put, 7, 0x0f, &random);
	assert_int_equal(am_path("/home", &home), AM_OK);
	assert_int_equal(am_dir_append(&home, "dead", &dead, masks), AM_OK);
	assert_int_equal(am_path("/home/dead", &out), AM_SP_UNREACH);
	assert_int_equal(am_path("/home", &out), AM_OK);
	assert_int_equal(server_end(pid, SIGTERM), 0);
}

/* ---- many clients, and the server killed --------------------------------------------------------- */

#define CLIENTS 4

struct client {
	am_cap		home;
	int		number;
	atomic_int	acked;		/* appends 0 .. acked - 1 were acknowledged */
	pthread_t	thread;
};

static void *append_until_dead(void *arg)
{
	struct client *c = arg;
	char name[64];
	am_status s;

	for (;; c->acked++) {
		snprintf(name, sizeof(name), "c%d.%d", c->number, c->acked);
		s = am_dir_append(&c->home, name, &c->home, NULL);
		if (s)
			return NULL;
	}
}

static void test_kill(void **state)
{
	struct client c[CLIENTS];
	int total = 0;
	am_cap out;

	(void)state;
	for (int round = 0; round < 10; round++) {
		pid_t pid = server_fork(serve, NULL);

		for (int i = 0; i < CLIENTS; i++) {
			c[i].number = round * CLIENTS + i;
			c[i].acked = 0;
			assert_int_equal(am_path("/home", &c[i].home), AM_OK);
			pthread_create(&c[i].thread, NULL, append_until_dead, &c[i]);
		}
		for (int i = 0; i < CLIENTS; i++)
			while (c[i].acked < 3)
				usleep(1000);
		usleep((useconds_t)rand() % 40000);
		assert_true(WIFSIGNALED(server_end(pid, SIGKILL)));
		for (int i = 0; i < CLIENTS; i++)
			pthread_join(c[i].thread, NULL);

		pid = server_fork(serve, NULL);
		for (int i = 0; i < CLIENTS; i++) {
			char path[64];

			total += c[i].acked;
			for (int k = 0; k < c[i].acked; k++) {
				snprintf(path, sizeof(path), "/home/c%d.%d", c[i].number, k);
				assert_int_equal(am_path(path, &out), AM_OK);
			}
		}
		assert_int_equal(server_end(pid, SIGTERM), 0);
	}
	print_message("%d acknowledged, none lost\n", total);
	assert_true(total >= 10 * CLIENTS * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stubs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remote_restrict, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
