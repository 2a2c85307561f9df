// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The embedded store: every operation good and bad, listing in pieces while it changes, groups of
 * changes by many threads, and the loss of power after every write.
 */
#include "../../bulletd/tests/host.h"
#include "../../bulletd/tests/power.h"
#include "layout.h"
#include "store.h"

static char *dir;
static char db[PATH_MAX];

static const char *const cols[] = { "owner", "group", "other" };
static const uint32_t masks[AM_DIR_COLUMNS] = { 0xff, 0x0f, 0x03, 0 };

static struct store *open_at(const char *path)
{
	char why[256] = "";
	struct store *st = store_lmdb_open(path, 64 << 20, 8, why, sizeof(why));

	if (!st)
		fail_msg("%s", why);
	return st;
}

static am_capset set_of(uint32_t object)
{
	am_port put = { { 1, 2, 3, 4, 5, 6 } }, random = { { 6, 5, 4, 3, 2, 1 } };
	am_capset set;
	am_cap c;

	am_cap_make(&c, &put, object, 0xff, &random);
	am_capset_one(&set, &c);
	return set;
}

static int setup(void **state)
{
	dir = scratch_make();
	snprintf(db, sizeof(db), "%s/db", dir);
	*state = open_at(db);
	assert_int_equal(layout_init(*state), 0);
	return 0;
}

static int teardown(void **state)
{
	struct store *st = *state;

	if (st)
		st->ops->close(st);
	power_forget();
	scratch_remove(dir);
	return 0;
}

static struct store_ref make_dir(struct store *st)
{
	struct store_ref ref;

	assert_int_equal(st->ops->create(st, 3, cols, &ref), AM_OK);
	return ref;
}

static void test_names(void **state)
{
	char name[300];

	(void)state;
	assert_true(store_name_ok("a"));
	assert_true(store_name_ok("!~"));
	assert_true(store_name_ok("..."));
	assert_false(store_name_ok(""));
	assert_false(store_name_ok("."));
	assert_false(store_name_ok(".."));
	assert_false(store_name_ok("a/b"));
	assert_false(store_name_ok("a b"));
	assert_false(store_name_ok("a\x7f"));
	assert_false(store_name_ok("\xc3\xa4"));
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	assert_true(store_name_ok(name));
	name[255] = 'x';
	name[256] = '\0';
	assert_false(store_name_ok(name));
}

static void test_identity(void **state)
{
	struct store *st = *state;
	struct store_id id, again;

	assert_int_equal(st->ops->id(st, &id), AM_OK);
	assert_false(am_port_null(&id.get));
	assert_false(am_port_null(&id.super));
	assert_int_equal(layout_init(st), -1);	/* once only */
	st->ops->close(st);
	*state = st = open_at(db);
	assert_int_equal(st->ops->id(st, &again), AM_OK);
	assert_memory_equal(&id, &again, sizeof(id));
}

static void test_one_server(void **state)
{
	char why[256];

	(void)state;
	assert_null(store_lmdb_open(db, 1 << 20, 4, why, sizeof(why)));
	assert_non_null(strstr(why, "another dird"));
	assert_null(store_lmdb_open("/nowhere/at/all", 1 << 20, 4, why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
}

static void test_directories(void **state)
{
	static const char *const none[] = { "" };
	struct store *st = *state;
	struct store_dir d;
	struct store_id id;
	struct store_ref ref, other;

	assert_int_equal(st->ops->create(st, 0, cols, &ref), AM_STD_ARGBAD);
	assert_int_equal(st->ops->create(st, 5, cols, &ref), AM_STD_ARGBAD);
	assert_int_equal(st->ops->create(st, 1, none, &ref), AM_STD_ARGBAD);
	ref = make_dir(st);
	assert_int_equal(st->ops->dir(st, ref.object, &d), AM_OK);
	assert_int_equal(d.ncols, 3);
	assert_string_equal(d.cols[2], "other");
	assert_int_equal(d.nrows, 0);

	other = ref;
	other.random.b[0] ^= 1;
	assert_int_equal(st->ops->discard(st, &other), AM_SP_UNREACH);
	assert_int_equal(st->ops->discard(st, &ref), AM_OK);
	assert_int_equal(st->ops->discard(st, &ref), AM_SP_UNREACH);
	assert_int_equal(st->ops->dir(st, ref.object, &d), AM_SP_UNREACH);
	assert_int_equal(st->ops->dir(st, ref.object + 1000, &d), AM_STD_CAPBAD);
	assert_int_equal(st->ops->dir(st, 0, &d), AM_STD_CAPBAD);
	/* the number is not given away again at once */
	other = make_dir(st);
	assert_int_not_equal(other.object, ref.object);

	st->ops->id(st, &id);
	assert_int_equal(st->ops->dir(st, id.root, &d), AM_OK);
	assert_int_equal(st->ops->discard(st, &d.ref), AM_SP_NOTEMPTY);
	assert_int_equal(st->ops->remove(st, &d.ref, "home"), AM_OK);
	assert_int_equal(st->ops->remove(st, &d.ref, "profile"), AM_OK);
	assert_int_equal(st->ops->discard(st, &d.ref), AM_STD_DENIED);
}

static void test_rows(void **state)
{
	static const uint32_t fewer[AM_DIR_COLUMNS] = { 1, 2, 3, 4 };
	struct store *st = *state;
	struct store_ref ref = make_dir(st), gone = ref;
	am_capset a = set_of(1), b = set_of(2);
	struct store_row row;
	struct store_dir d;

	gone.random.b[5] ^= 0x80;
	assert_int_equal(st->ops->append(st, &gone, "x", &a, masks), AM_SP_UNREACH);
	assert_int_equal(st->ops->append(st, &ref, "x/y", &a, masks), AM_STD_ARGBAD);
	assert_int_equal(st->ops->append(st, &ref, "x", &a, masks), AM_OK);
	assert_int_equal(st->ops->append(st, &ref, "x", &b, masks), AM_STD_EXISTS);
	assert_int_equal(st->ops->row(st, &ref, "x", &row), AM_OK);
	assert_memory_equal(&row.set, &a, sizeof(a));
	assert_int_equal(row.masks[1], 0x0f);
	assert_int_equal(row.masks[3], 0);

	assert_int_equal(st->ops->replace(st, &ref, "y", &b), AM_STD_NOTFOUND);
	assert_int_equal(st->ops->replace(st, &ref, "x", &b), AM_OK);
	assert_int_equal(st->ops->chmod(st, &ref, "y", fewer), AM_STD_NOTFOUND);
	assert_int_equal(st->ops->chmod(st, &ref, "x", fewer), AM_OK);
	assert_int_equal(st->ops->row(st, &ref, "x", &row), AM_OK);
	assert_memory_equal(&row.set, &b, sizeof(b));
	assert_int_equal(row.masks[0], 1);
	assert_int_equal(row.masks[2], 3);
	assert_int_equal(row.masks[3], 0);	/* there is no fourth column */

	assert_int_equal(st->ops->discard(st, &ref), AM_SP_NOTEMPTY);
	assert_int_equal(st->ops->remove(st, &ref, "y"), AM_STD_NOTFOUND);
	assert_int_equal(st->ops->dir(st, ref.object, &d), AM_OK);
	assert_int_equal(d.seq, 3);
	assert_int_equal(d.nrows, 1);
	assert_int_equal(st->ops->remove(st, &ref, "x"), AM_OK);
	assert_int_equal(st->ops->row(st, &ref, "x", &row), AM_STD_NOTFOUND);
	assert_int_equal(st->ops->row(st, &gone, "x", &row), AM_SP_UNREACH);
	assert_int_equal(st->ops->discard(st, &ref), AM_OK);
}

static void test_full_set(void **state)
{
	struct store *st = *state;
	struct store_ref ref = make_dir(st);
	am_capset set = set_of(7);
	struct store_row row;
	char name[256];

	for (int i = 1; i < AM_CAPSET_MAX; i++) {
		set.suite[i] = set.suite[0];
		set.suite[i].current = (int16_t)(i & 1);
	}
	set.final = AM_CAPSET_MAX;
	set.initial = 3;
	memset(name, '~', 255);
	name[255] = '\0';
	assert_int_equal(st->ops->append(st, &ref, name, &set, masks), AM_OK);
	assert_int_equal(st->ops->row(st, &ref, name, &row), AM_OK);
	assert_memory_equal(&row.set, &set, sizeof(set));
	assert_string_equal(row.name, name);
}

/** what a listing in pieces saw */
struct seen {
	unsigned int	count[200];
	unsigned int	left;	/* rows until this piece ends */
	uint32_t	next;
};

static int see(const struct store_row *row, void *arg)
{
	struct seen *s = arg;
	int n;

	if (!s->left--) {
		s->next = row->slot;
		return 1;
	}
	if (sscanf(row->name, "r%d", &n) == 1)
		s->count[n]++;
	return 0;
}

static void test_list_stable(void **state)
{
	struct store *st = *state;
	struct store_ref ref = make_dir(st);
	am_capset set = set_of(1);
	struct seen s = { 0 };
	unsigned int round = 0;
	char name[32];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		assert_int_equal(st->ops->append(st, &ref, name, &set, masks), AM_OK);
	}
	/* between two pieces every row with an odd number goes, and others come */
	do {
		s.left = 7;
		uint32_t first = s.next;

		s.next = STORE_SLOTS;
		assert_int_equal(st->ops->rows(st, &ref, first, see, &s), AM_OK);
		for (int i = 0; i < 10; i++, round++) {
			snprintf(name, sizeof(name), "r%u", 2 * round + 1);
			if (round < 50)
				assert_int_equal(st->ops->remove(st, &ref, name), AM_OK);
			snprintf(name, sizeof(name), "new%u", round);
			assert_int_equal(st->ops->append(st, &ref, name, &set, masks), AM_OK);
		}
		assert_true(round < 2000);
	} while (s.next != STORE_SLOTS && round < 400);
	for (int i = 0; i < 100; i += 2)
		assert_int_equal(s.count[i], 1);
	assert_int_equal(st->ops->rows(st, &ref, STORE_SLOTS, see, &s), AM_STD_ARGBAD);
}

static int count_row(const struct store_row *row, void *arg)
{
	(void)row;
	++*(unsigned int *)arg;
	return 0;
}

/* slots move on while rows come and go, and none is counted twice */
static void test_slots(void **state)
{
	struct store *st = *state;
	struct store_ref ref = make_dir(st);
	am_capset set = set_of(1);
	char name[32];

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(st->ops->append(st, &ref, name, &set, masks), AM_OK);
		if (i >= 5) {
			snprintf(name, sizeof(name), "n%d", i - 5);
			assert_int_equal(st->ops->remove(st, &ref, name), AM_OK);
		}
	}
	unsigned int n = 0;

	assert_int_equal(st->ops->rows(st, &ref, 0, count_row, &n), AM_OK);
	assert_int_equal(n, 5);
}

static void test_no_space(void **state)
{
	struct store *st = *state;
	struct store_ref ref;
	am_capset set = set_of(1);
	struct store_stat stat;
	am_status s = AM_OK;
	char why[256], path[PATH_MAX + 8], name[256];
	unsigned int n = 0;

	snprintf(path, sizeof(path), "%s/small", dir);
	st = store_lmdb_open(path, 1 << 20, 4, why, sizeof(why));
	assert_non_null(st);
	assert_int_equal(layout_init(st), 0);
	ref = make_dir(st);
	memset(name, 'n', 255);
	name[255] = '\0';
	while (!s) {
		snprintf(name, 8, "%06u_", n);
		name[7] = 'n';
		s = st->ops->append(st, &ref, name, &set, masks);
		n += !s;
		assert_true(n < 100000);
	}
	assert_int_equal(s, AM_STD_NOSPACE);
	assert_int_equal(st->ops->stat(st, &stat), AM_OK);
	assert_true(stat.used <= stat.size);
	/* nothing was lost or half done, and removing makes room */
	unsigned int rows = 0;

	assert_int_equal(st->ops->rows(st, &ref, 0, count_row, &rows), AM_OK);
	assert_int_equal(rows, n);
	st->ops->close(st);
}

/* ---- many threads ------------------------------------------------------------------------------ */

#define THREADS	8
#define EACH	60

struct worker {
	struct store		*st;
	struct store_ref	ref;
	int			number;
	int			won;
	pthread_t		thread;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	am_capset set = set_of((uint32_t)w->number + 1);
	struct store_row row;
	char name[32];

	for (int i = 0; i < EACH; i++) {
		snprintf(name, sizeof(name), "own%d.%d", w->number, i);
		assert_int_equal(w->st->ops->append(w->st, &w->ref, name, &set, masks), AM_OK);
		assert_int_equal(w->st->ops->row(w->st, &w->ref, name, &row), AM_OK);
		/* all want this one, one gets it */
		snprintf(name, sizeof(name), "all%d", i);
		if (!w->st->ops->append(w->st, &w->ref, name, &set, masks))
			w->won++;
	}
	return NULL;
}

/* all threads at once on one directory: every change is there, each once */
static void one_crowd(struct store *st)
{
	struct store_ref ref = make_dir(st);
	struct worker w[THREADS];
	struct store_dir d;
	unsigned int rows = 0;
	int won = 0;

	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .st = st, .ref = ref, .number = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		won += w[i].won;
	}
	assert_int_equal(won, EACH);
	assert_int_equal(st->ops->dir(st, ref.object, &d), AM_OK);
	assert_int_equal(d.nrows, THREADS * EACH + EACH);
	assert_int_equal(d.seq, d.nrows);
	assert_int_equal(st->ops->rows(st, &ref, 0, count_row, &rows), AM_OK);
	assert_int_equal(rows, d.nrows);
}

static void test_threads(void **state)
{
	struct store *st = *state;
	struct store_stat stat;
	int crowds = 0;

	/* they share commits when the scheduler lets them meet: with a fast disk not in every crowd */
	do {
		one_crowd(st);
		st->ops->stat(st, &stat);
		assert_true(stat.commits <= stat.changes);
	} while (stat.commits == stat.changes && ++crowds < 50);
	print_message("%llu changes in %llu commits\n", (unsigned long long)stat.changes,
		      (unsigned long long)stat.commits);
	assert_true(stat.commits < stat.changes);
}

/* ---- the power goes ------------------------------------------------------------------------------ */

#define OPS	24

/** an operation that was acknowledged, and when */
struct ack {
	size_t	event;
	char	name[32];
	bool	there;		/* appended, or removed */
	uint32_t object;
};

static void check_cut(const char *path, const struct store_ref *ref, const struct ack *acks,
		      int nacks, size_t event)
{
	struct store *st = open_at(path);
	struct store_row row;
	struct store_dir d;
	unsigned int rows = 0;

	assert_int_equal(st->ops->dir(st, ref->object, &d), AM_OK);
	for (int i = 0; i < nacks; i++) {
		bool later = false;
		am_status s;

		if (acks[i].event > event)
			continue;
		/* what was begun afterwards may or may not have happened */
		for (int k = i + 1; k < nacks; k++)
			if (!strcmp(acks[k].name, acks[i].name))
				later = true;
		if (later)
			continue;
		s = st->ops->row(st, ref, acks[i].name, &row);
		assert_int_equal(s, acks[i].there ? AM_OK : AM_STD_NOTFOUND);
		if (acks[i].there)
			assert_int_equal(am_cap_object(&row.set.suite[0].cap), acks[i].object);
	}
	assert_int_equal(st->ops->rows(st, ref, 0, count_row, &rows), AM_OK);
	assert_int_equal(rows, d.nrows);
	/* and it goes on from there */
	am_capset set = set_of(99);

	assert_int_equal(st->ops->append(st, ref, "afterwards", &set, masks), AM_OK);
	st->ops->close(st);
}

static void test_power(void **state)
{
	struct store *st = *state;
	struct store_ref ref = make_dir(st);
	char data[PATH_MAX + 16], cut[PATH_MAX], cutdata[PATH_MAX + 16];
	struct ack acks[2 * OPS];
	int n = 0;

	snprintf(data, sizeof(data), "%s/data.mdb", db);
	snprintf(cut, sizeof(cut), "%s/cut", dir);
	snprintf(cutdata, sizeof(cutdata), "%s/data.mdb", cut);
	power_record(data);
	for (int i = 0; i < OPS; i++) {
		am_capset set = set_of((uint32_t)i);
		struct ack *a = &acks[n++];

		memset(a, 0, sizeof(*a));
		snprintf(a->name, sizeof(a->name), "row%d", i);
		a->there = true;
		a->object = (uint32_t)i;
		assert_int_equal(st->ops->append(st, &ref, a->name, &set, masks), AM_OK);
		a->event = power_now();
		if (i % 3)
			continue;
		a = &acks[n++];
		*a = acks[n - 2];
		a->there = false;
		assert_int_equal(st->ops->remove(st, &ref, a->name), AM_OK);
		a->event = power_now();
	}
	power.on = false;
	power.quick = true;
	assert_true(power.n > 2 * OPS);
	/* LMDB counts on sectors that are written whole or not at all: no garbage here */
	for (size_t event = 0; event <= power.n; event++)
		for (int mode = POWER_NONE; mode <= POWER_SOME; mode++) {
			assert_int_equal(mkdir(cut, 0700), 0);
			power_cut(cutdata, event, (enum power_mode)mode, 512);
			check_cut(cut, &ref, acks, n, event);
			scratch_remove(cut);
		}
	print_message("%zu events\n", power.n);
}

/* writes fail: the client is told, the store is as before */
static void test_write_errors(void **state)
{
	struct store *st = *state;
	struct store_ref ref = make_dir(st);
	am_capset set = set_of(1);
	char data[PATH_MAX + 16];
	unsigned int rows = 0;

	snprintf(data, sizeof(data), "%s/data.mdb", db);
	assert_int_equal(st->ops->append(st, &ref, "before", &set, masks), AM_OK);
	power_record(data);
	power.fail_after = 1;
	power.fail_errno = ENOSPC;
	assert_int_equal(st->ops->append(st, &ref, "fails", &set, masks), AM_STD_NOSPACE);
	power_forget();
	assert_int_equal(st->ops->rows(st, &ref, 0, count_row, &rows), AM_OK);
	assert_int_equal(rows, 1);
	assert_int_equal(st->ops->append(st, &ref, "fails", &set, masks), AM_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_server, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_set, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_stable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_errors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
