// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The volume file: making, writing and committing files, restarts, growth, damage, errors of the
 * disk, many threads, and the loss of power after every write.
 */
#include "host.h"
#include "power.h"
#include "vol_int.h"

#define SIZE	(4u << 20)

static char *dir;
static char path[300];

static struct volume *open_at(const char *p, uint64_t grow)
{
	char why[512] = "";
	struct volume *v = volume_file_open(p, grow, why, sizeof(why));

	if (!v)
		fail_msg("%s", why);
	return v;
}

static int setup_size(void **state, uint64_t size)
{
	char why[512] = "";

	dir = scratch_make();
	snprintf(path, sizeof(path), "%s/vol", dir);
	if (volume_file_make(path, size, 0, why, sizeof(why)))
		fail_msg("%s", why);
	*state = open_at(path, 0);
	return 0;
}

static int setup(void **state)
{
	return setup_size(state, SIZE);
}

static int setup_small(void **state)
{
	return setup_size(state, 400 << 10);
}

static int setup_power(void **state)
{
	return setup_size(state, 1 << 20);
}

static int teardown(void **state)
{
	struct volume *v = *state;

	power_forget();
	if (v)
		v->ops->close(v);
	scratch_remove(dir);
	return 0;
}

/* contents that tell which file and which place they are of */
static void pattern(uint8_t *p, size_t len, unsigned int seed, uint64_t at)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((at + i) * 31 + ((at + i) >> 8) * 7 + seed);
}

static void fill(struct volume *v, struct vfile *f, unsigned int seed, uint64_t at, size_t len)
{
	uint8_t *p = malloc(len + 1);

	pattern(p, len, seed, at);
	assert_int_equal(v->ops->write(v, f, at, p, len), AM_OK);
	free(p);
}

static bool equals(struct volume *v, struct vfile *f, unsigned int seed, uint64_t size)
{
	uint8_t *want = malloc(size + 1), *got = malloc(size + 1);
	const void *map;
	uint64_t have;
	bool same = false;

	pattern(want, size, seed, 0);
	if (v->ops->committed(v, f, &have) && have == size &&
	    !v->ops->read(v, f, 0, got, size)) {
		map = v->ops->map(v, f, 0, size);
		same = !memcmp(want, got, size) && map && !memcmp(want, map, size);
	}
	free(want);
	free(got);
	return same;
}

/* a committed file: its number */
static uint32_t make(struct volume *v, unsigned int seed, size_t size, bool safe)
{
	struct vfile *f;
	uint32_t object;

	assert_int_equal(v->ops->create(v, size, &f), AM_OK);
	fill(v, f, seed, 0, size);
	assert_int_equal(v->ops->commit(v, f, safe), AM_OK);
	object = f->object;
	v->ops->put(v, f);
	return object;
}

static bool holds(struct volume *v, uint32_t object, unsigned int seed, uint64_t size)
{
	struct vfile *f;
	bool same;

	if (v->ops->get(v, object, &f))
		return false;
	same = equals(v, f, seed, size);
	v->ops->put(v, f);
	return same;
}

static struct volume_stat stat_of(struct volume *v)
{
	struct volume_stat st;

	v->ops->stat(v, &st);
	return st;
}

/* ---- making a volume -------------------------------------------------------------------------- */

static void test_make(void **state)
{
	char why[512], other[320];
	struct volume_id id, again;
	struct volume *v = *state;
	FILE *f;

	assert_int_equal(volume_file_make(path, SIZE, 0, why, sizeof(why)), -1);
	snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(volume_file_make(other, 4096, 0, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "too small"));
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(volume_file_make("/nowhere/x", SIZE, 0, why, sizeof(why)), -1);
	assert_int_equal(volume_file_make("/dev/null", SIZE, 0, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "neither"));

	assert_null(volume_file_open(path, 0, why, sizeof(why)));
	assert_non_null(strstr(why, "another bulletd"));
	assert_null(volume_file_open(other, 0, why, sizeof(why)));
	f = fopen(other, "w");
	fprintf(f, "not a volume at all\n");
	fclose(f);
	assert_null(volume_file_open(other, 0, why, sizeof(why)));
	assert_non_null(strstr(why, "not a bullet volume"));
	assert_int_equal(volume_file_make(other, SIZE, 0, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "not empty"));
	assert_int_equal(truncate(other, 0), 0);
	assert_int_equal(volume_file_make(other, SIZE, 100, why, sizeof(why)), 0);

	v->ops->id(v, &id);
	v->ops->close(v);
	*state = v = open_at(path, 0);
	v->ops->id(v, &again);
	assert_memory_equal(&id, &again, sizeof(id));
	assert_false(am_port_null(&id.get));

	/* cut short */
	v->ops->close(v);
	*state = NULL;
	assert_int_equal(truncate(path, SIZE / 2), 0);
	assert_null(volume_file_open(path, 0, why, sizeof(why)));
	assert_non_null(strstr(why, "shorter"));
}

static void test_grow(void **state)
{
	struct volume *v = *state;
	uint64_t size = stat_of(v).size;
	uint32_t a = make(v, 1, 100000, true), b;
	char why[512];

	v->ops->close(v);
	v = open_at(path, 16 << 20);
	assert_int_equal(stat_of(v).size, size + (12 << 20));
	assert_true(holds(v, a, 1, 100000));
	b = make(v, 2, 9 << 20, true);
	v->ops->close(v);
	*state = v = open_at(path, SIZE);	/* less than there is: left as it is */
	assert_int_equal(stat_of(v).size, size + (12 << 20));
	assert_true(holds(v, a, 1, 100000));
	assert_true(holds(v, b, 2, 9 << 20));
	(void)why;
}

/* ---- files ------------------------------------------------------------------------------------- */

static void test_life(void **state)
{
	struct volume *v = *state;
	const struct volume_ops *ops = v->ops;
	struct vfile *f, *g;
	uint64_t size, before = stat_of(v).free;
	uint8_t buf[64];

	assert_int_equal(ops->create(v, 0, &f), AM_OK);
	assert_false(ops->committed(v, f, &size));
	assert_int_equal(ops->write(v, f, 1, "x", 1), AM_STD_ARGBAD);
	assert_int_equal(ops->write(v, f, 0, "hello", 5), AM_OK);
	assert_int_equal(ops->write(v, f, 5, " world", 6), AM_OK);
	assert_int_equal(ops->write(v, f, 0, "H", 1), AM_OK);
	assert_int_equal(ops->insert(v, f, 5, ", dear", 6), AM_OK);
	assert_int_equal(ops->insert(v, f, 99, "x", 1), AM_STD_ARGBAD);
	assert_int_equal(ops->remove(v, f, 99, 1), AM_STD_ARGBAD);
	assert_int_equal(ops->remove(v, f, 1, 4), AM_OK);
	assert_int_equal(ops->remove(v, f, 10, 1000), AM_OK);
	assert_int_equal(ops->commit(v, f, true), AM_OK);
	assert_true(ops->committed(v, f, &size));
	assert_int_equal(size, 10);
	assert_int_equal(ops->read(v, f, 0, buf, 10), AM_OK);
	assert_memory_equal(buf, "H, dear wo", 10);
	assert_int_equal(ops->read(v, f, 5, buf, 6), AM_STD_ARGBAD);
	assert_int_equal(ops->read(v, f, UINT64_MAX, buf, 1), AM_STD_ARGBAD);
	assert_null(ops->map(v, f, 5, 6));

	assert_int_equal(ops->write(v, f, 0, "x", 1), AM_STD_WRITEPROT);
	assert_int_equal(ops->insert(v, f, 0, "x", 1), AM_STD_WRITEPROT);
	assert_int_equal(ops->remove(v, f, 0, 1), AM_STD_WRITEPROT);
	assert_int_equal(ops->commit(v, f, true), AM_STD_WRITEPROT);

	/* a pin keeps the contents of a destroyed file */
	assert_int_equal(ops->get(v, f->object, &g), AM_OK);
	assert_ptr_equal(f, g);
	assert_int_equal(ops->destroy(v, f), AM_OK);
	assert_int_equal(ops->destroy(v, g), AM_STD_CAPBAD);
	assert_int_equal(ops->get(v, f->object, &g), AM_STD_CAPBAD);
	make(v, 9, 3000, true);
	assert_int_equal(ops->read(v, f, 0, buf, 10), AM_OK);
	assert_memory_equal(buf, "H, dear wo", 10);
	ops->put(v, f);
	ops->put(v, f);
	assert_int_equal(stat_of(v).free, before - 4096);

	assert_int_equal(ops->get(v, 0, &g), AM_STD_CAPBAD);
	assert_int_equal(ops->get(v, 0xffffff, &g), AM_STD_CAPBAD);

	/* destroyed before it was committed */
	assert_int_equal(ops->create(v, 100, &f), AM_OK);
	assert_int_equal(ops->destroy(v, f), AM_OK);
	assert_int_equal(ops->write(v, f, 0, "x", 1), AM_STD_CAPBAD);
	assert_int_equal(ops->commit(v, f, true), AM_STD_CAPBAD);
	ops->put(v, f);
	assert_int_equal(stat_of(v).free, before - 4096);
	assert_int_equal(stat_of(v).uncommitted, 0);
}

static void test_restart(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 70000, 1000000 };
	struct volume *v = *state;
	uint32_t object[7], lost, gone;
	struct vfile *f;

	for (int i = 0; i < 7; i++)
		object[i] = make(v, (unsigned int)i, sizes[i], i & 1);
	gone = make(v, 50, 5000, true);
	assert_int_equal(v->ops->get(v, gone, &f), AM_OK);
	assert_int_equal(v->ops->destroy(v, f), AM_OK);
	v->ops->put(v, f);
	assert_int_equal(v->ops->create(v, 5000, &f), AM_OK);
	fill(v, f, 3, 0, 5000);
	lost = f->object;
	v->ops->put(v, f);

	for (int round = 0; round < 3; round++) {
		v->ops->close(v);
		*state = v = open_at(path, 0);
		for (int i = 0; i < 7; i++)
			assert_true(holds(v, object[i], (unsigned int)i, sizes[i]));
		assert_int_equal(v->ops->get(v, lost, &f), AM_STD_CAPBAD);
		assert_int_equal(v->ops->get(v, gone, &f), AM_STD_CAPBAD);
		assert_int_equal(stat_of(v).files, 7);
		assert_int_equal(stat_of(v).damaged, 0);
	}
}

/* files made in pieces, several at once, so that they get into each other's way */
static void test_pieces(void **state)
{
	struct volume *v = *state;
	struct vfile *f[3];
	uint32_t object[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(v->ops->create(v, 0, &f[i]), AM_OK);
	for (uint64_t at = 0; at < 300000; at += 10000)
		for (unsigned int i = 0; i < 3; i++)
			fill(v, f[i], 10 + i, at, 10000);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(v->ops->commit(v, f[i], i != 1), AM_OK);
		assert_true(equals(v, f[i], 10 + i, 300000));
		object[i] = f[i]->object;
		v->ops->put(v, f[i]);
	}
	assert_int_equal(stat_of(v).size - stat_of(v).free, 3 * 74 * 4096);
	v->ops->close(v);
	*state = v = open_at(path, 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(holds(v, object[i], 10 + i, 300000));
}

static void test_full(void **state)
{
	struct volume *v = *state;
	uint64_t size = stat_of(v).size;
	uint8_t *big = calloc(1, size);
	struct vfile *f;
	uint32_t n = 0;
	am_status s;

	assert_int_equal(v->ops->create(v, size + 1, &f), AM_STD_NOSPACE);
	assert_int_equal(v->ops->create(v, 0, &f), AM_OK);
	assert_int_equal(v->ops->write(v, f, 0, big, size), AM_STD_NOSPACE);
	assert_int_equal(v->ops->write(v, f, 0, big, 100), AM_OK);
	assert_int_equal(v->ops->destroy(v, f), AM_OK);
	v->ops->put(v, f);
	free(big);
	assert_int_equal(stat_of(v).free, size);

	for (;; n++) {
		s = v->ops->create(v, 4096, &f);
		if (s)
			break;
		fill(v, f, n, 0, 4096);
		assert_int_equal(v->ops->commit(v, f, false), AM_OK);
		v->ops->put(v, f);
	}
	assert_int_equal(s, AM_STD_NOSPACE);
	assert_int_equal(n, size / 4096);
	/* a hole is used again */
	assert_int_equal(v->ops->get(v, n / 2, &f), AM_OK);
	assert_int_equal(v->ops->destroy(v, f), AM_OK);
	v->ops->put(v, f);
	assert_true(make(v, 77, 4000, true) != 0);
	assert_int_equal(stat_of(v).free, 0);
	v->ops->close(v);
	*state = v = open_at(path, 0);
	assert_int_equal(stat_of(v).free, 0);
	assert_int_equal(stat_of(v).files, n);
}

static void test_inodes(void **state)
{
	struct volume *v = *state;
	struct vfile *f;
	uint64_t n = 0;

	while (!v->ops->create(v, 0, &f)) {
		assert_int_equal(v->ops->commit(v, f, false), AM_OK);
		v->ops->put(v, f);
		n++;
	}
	assert_int_equal(n, stat_of(v).inodes);
	assert_int_equal(stat_of(v).free, stat_of(v).size);
}

static void test_sweep(void **state)
{
	struct volume *v = *state;
	uint32_t lazy = make(v, 5, 1000, false);
	struct vfile *pinned, *f;

	assert_int_equal(v->ops->create(v, 100, &pinned), AM_OK);
	assert_int_equal(v->ops->create(v, 100, &f), AM_OK);
	v->ops->put(v, f);
	v->ops->sweep(v);
	assert_int_equal(stat_of(v).commits, 1);
	assert_int_equal(stat_of(v).uncommitted, 2);
	/* eleven minutes later */
	file_of(pinned)->touched -= 660;
	file_of(f)->touched -= 660;
	v->ops->sweep(v);
	assert_int_equal(stat_of(v).uncommitted, 1);
	assert_true(holds(v, lazy, 5, 1000));
	v->ops->put(v, pinned);
	v->ops->sweep(v);
	assert_int_equal(stat_of(v).uncommitted, 0);
	assert_int_equal(stat_of(v).size - stat_of(v).free, 4096);
}

/* ---- damage ------------------------------------------------------------------------------------- */

static void poke(uint64_t at, const void *p, size_t len)
{
	int fd = open(path, O_RDWR);

	assert_int_equal(pwrite(fd, p, len, (off_t)at), len);
	close(fd);
}

static void test_damage(void **state)
{
	struct volume *v = *state;
	uint32_t a = make(v, 1, 5000, true), b = make(v, 2, 5000, true), c = make(v, 3, 5000, true);
	struct vol_super sb = vol_of(v)->sb;
	struct vol_inode in;
	uint8_t junk[VOL_BLOCK], raw[VOL_INODE];
	struct vfile *f;
	char why[512];
	int fd;

	v->ops->close(v);
	/* one copy of the superblock, one copy of one inode: nothing is lost */
	memset(junk, 0x5a, sizeof(junk));
	poke(0, junk, sizeof(junk));
	poke(sb.table[0] * VOL_BLOCK + a * VOL_INODE, junk, VOL_INODE);
	poke(sb.table[1] * VOL_BLOCK + b * VOL_INODE, junk, VOL_INODE);
	v = open_at(path, 0);
	assert_true(holds(v, a, 1, 5000));
	assert_true(holds(v, b, 2, 5000));
	v->ops->close(v);
	/* and it was repaired: now the other copies may go */
	poke(sb.table[1] * VOL_BLOCK + a * VOL_INODE, junk, VOL_INODE);
	poke(sb.table[0] * VOL_BLOCK + b * VOL_INODE, junk, VOL_INODE);
	v = open_at(path, 0);
	assert_true(holds(v, a, 1, 5000));
	assert_true(holds(v, b, 2, 5000));
	v->ops->close(v);

	/* both copies of an inode: that file alone is gone, its number is not given away */
	poke(sb.table[0] * VOL_BLOCK + a * VOL_INODE, junk, VOL_INODE);
	poke(sb.table[1] * VOL_BLOCK + a * VOL_INODE, junk, VOL_INODE);
	v = open_at(path, 0);
	assert_int_equal(v->ops->get(v, a, &f), AM_STD_CAPBAD);
	assert_true(holds(v, b, 2, 5000));
	assert_int_equal(stat_of(v).damaged, 1);
	assert_int_not_equal(make(v, 4, 10, true), a);
	v->ops->close(v);

	/* an inode that claims the place of another file: the older one of the two is not believed */
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, raw, VOL_INODE, (off_t)(sb.table[0] * VOL_BLOCK + b * VOL_INODE)),
			 VOL_INODE);
	close(fd);
	assert_true(vol_inode_unpack(&in, b, raw));
	in.object = c + 10;
	in.generation = 0x1;
	vol_inode_pack(&in, raw);
	poke(sb.table[0] * VOL_BLOCK + in.object * VOL_INODE, raw, VOL_INODE);
	v = open_at(path, 0);
	assert_true(holds(v, b, 2, 5000));
	assert_true(holds(v, c, 3, 5000));
	assert_int_equal(v->ops->get(v, in.object, &f), AM_STD_CAPBAD);
	assert_int_equal(stat_of(v).damaged, 2);
	v->ops->close(v);
	*state = NULL;

	/* an extent outside the volume */
	in.object = c + 11;
	in.start = sb.blocks - 1;
	vol_inode_pack(&in, raw);
	poke(sb.table[0] * VOL_BLOCK + in.object * VOL_INODE, raw, VOL_INODE);
	poke(sb.table[1] * VOL_BLOCK + in.object * VOL_INODE, raw, VOL_INODE);
	v = open_at(path, 0);
	assert_int_equal(v->ops->get(v, in.object, &f), AM_STD_CAPBAD);
	assert_int_equal(stat_of(v).damaged, 3);
	v->ops->close(v);

	/* no superblock */
	poke(0, junk, sizeof(junk));
	poke(VOL_BLOCK, junk, sizeof(junk));
	assert_null(volume_file_open(path, 0, why, sizeof(why)));
}

/* the disk fails: whoever asked is told, reading goes on, a restart finds what was acknowledged */
static void test_disk_errors(void **state)
{
	struct volume *v = *state;
	uint32_t good = make(v, 1, 9000, true);
	struct vfile *f;

	for (int k = 1; k <= 4; k++) {
		uint32_t object;

		/* write of the data; sync; inode; sync of the inode */
		power_record(path);
		assert_int_equal(v->ops->create(v, 100, &f), AM_OK);
		power.fail_after = k;
		power.fail_errno = k == 1 ? ENOSPC : EIO;
		if (k == 1) {
			assert_int_equal(v->ops->write(v, f, 0, "abc", 3), AM_STD_NOSPACE);
			power.fail_after = 0;
			assert_int_equal(v->ops->write(v, f, 0, "abc", 3), AM_OK);
			assert_int_equal(v->ops->commit(v, f, true), AM_OK);
			v->ops->put(v, f);
			power_forget();
			continue;
		}
		assert_int_equal(v->ops->write(v, f, 0, "abc", 3), AM_OK);
		assert_int_equal(v->ops->commit(v, f, true), AM_STD_SYSERR);
		power.fail_after = 0;
		object = f->object;
		v->ops->put(v, f);
		/* it stays broken until the restart */
		assert_int_equal(v->ops->create(v, 100, &f), AM_STD_SYSERR);
		assert_true(holds(v, good, 1, 9000));
		assert_int_equal(v->ops->get(v, good, &f), AM_OK);
		assert_int_equal(v->ops->destroy(v, f), AM_STD_SYSERR);
		v->ops->put(v, f);
		assert_true(holds(v, good, 1, 9000));
		power_forget();
		v->ops->close(v);
		*state = v = open_at(path, 0);
		assert_true(holds(v, good, 1, 9000));
		(void)object;
	}
}

/* ---- many threads ---------------------------------------------------------------------------------- */

#define THREADS	6

struct worker {
	struct volume	*v;
	unsigned int	number;
	pthread_t	thread;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct volume *v = w->v;
	unsigned int seed = w->number * 7919;

	for (unsigned int i = 0; i < 60; i++) {
		unsigned int r = (unsigned int)rand_r(&seed);
		size_t size = r % 20000;
		uint32_t object = make(v, w->number, size, r & 0x10000);
		struct vfile *f;

		assert_true(holds(v, object, w->number, size));
		if (i % 4) {
			assert_int_equal(v->ops->get(v, object, &f), AM_OK);
			assert_int_equal(v->ops->destroy(v, f), AM_OK);
			assert_true(equals(v, f, w->number, size));
			v->ops->put(v, f);
		}
		if (i % 9 == 0)
			v->ops->sweep(v);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct volume *v = *state;
	struct worker w[THREADS];
	uint64_t files, used;

	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .v = v, .number = i };
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	files = stat_of(v).files;
	used = stat_of(v).free;
	assert_int_equal(files, THREADS * 15);
	v->ops->close(v);
	*state = v = open_at(path, 0);
	assert_int_equal(stat_of(v).files, files);
	assert_int_equal(stat_of(v).free, used);
	assert_int_equal(stat_of(v).damaged, 0);
}

/* ---- the power goes ---------------------------------------------------------------------------------- */

#define OPS	32

/** an operation that was acknowledged, and when; a file that was begun */
struct ack {
	size_t		begun, made, destroyed;	/* events, SIZE_MAX: never */
	size_t		destroying;
	bool		safe;
	uint32_t	object;
	am_port		random;
	unsigned int	seed;
	size_t		size;
};

static void check_cut(const char *cut, const struct ack *acks, int n, size_t event)
{
	struct volume *v = open_at(cut, 0);
	struct vfile *f;

	for (int i = 0; i < n; i++) {
		const struct ack *a = &acks[i];
		bool there = !v->ops->get(v, a->object, &f);

		/* the number may be another file's by now */
		if (there && !am_port_equal(&f->random, &a->random)) {
			v->ops->put(v, f);
			there = false;
		}
		if (a->safe && a->made <= event && a->destroying > event)
			assert_true(there);
		if (a->begun > event || a->destroyed <= event)
			assert_false(there);
		if (!there)
			continue;
		assert_true(equals(v, f, a->seed, a->size));
		v->ops->put(v, f);
	}
	assert_int_equal(stat_of(v).damaged, 0);
	make(v, 123, 5000, true);
	v->ops->close(v);
}

static void power_run(struct volume *v, struct ack *acks)
{
	power_record(path);
	for (int i = 0; i < OPS; i++) {
		struct ack *a = &acks[i], *old;
		struct vfile *f;

		*a = (struct ack){ .begun = power_now(), .destroyed = SIZE_MAX,
				   .destroying = SIZE_MAX, .seed = (unsigned int)i + 1,
				   .size = (size_t)rand() % 12000, .safe = i % 5 != 0 };
		assert_int_equal(v->ops->create(v, i % 2 ? a->size : 0, &f), AM_OK);
		a->object = f->object;
		a->random = f->random;
		fill(v, f, a->seed, 0, a->size);
		assert_int_equal(v->ops->commit(v, f, a->safe), AM_OK);
		a->made = power_now();
		v->ops->put(v, f);
		if (i % 3 != 2)
			continue;
		old = &acks[i - rand() % 3];
		if (old->destroying != SIZE_MAX || v->ops->get(v, old->object, &f))
			continue;
		old->destroying = power_now();
		assert_int_equal(v->ops->destroy(v, f), AM_OK);
		old->destroyed = power_now();
		v->ops->put(v, f);
	}
	power.on = false;
}

static void test_power(void **state)
{
	struct volume *v = *state;
	struct ack acks[OPS];
	unsigned int cuts = 0;
	char cut[320];

	srand(7);
	snprintf(cut, sizeof(cut), "%s/cut", dir);
	power_run(v, acks);
	power.quick = true;
	for (size_t event = 0; event <= power.n; event++)
		for (int mode = 0; mode < POWER_MODES; mode++)
			for (size_t sector = 512; sector <= 4096; sector += 3584) {
				power_cut(cut, event, (enum power_mode)mode, sector);
				check_cut(cut, acks, OPS, event);
				cuts++;
			}
	print_message("%zu events, %u cuts\n", power.n, cuts);
}

/* the power goes again while the repair after the first time is under way */
static void test_power_repair(void **state)
{
	struct volume *v = *state;
	struct ack acks[OPS];
	char cut[320], cut2[320];
	unsigned int cuts = 0;
	size_t n;

	srand(11);
	snprintf(cut, sizeof(cut), "%s/cut", dir);
	snprintf(cut2, sizeof(cut2), "%s/cut2", dir);
	power_run(v, acks);
	power.quick = true;
	n = power.n;
	for (size_t event = 3; event < n; event += 11) {
		struct power_event *events = power.e;
		uint8_t *base = power.base;
		size_t size = power.size;

		power_cut(cut, event, POWER_GARBAGE, 512);
		power.e = NULL;
		power.base = NULL;
		power.n = power.room = 0;
		power_record(cut);
		v = open_at(cut, 0);
		power.on = false;
		v->ops->close(v);
		for (size_t e = 0; e <= power.n; e++) {
			power_cut(cut2, e, POWER_GARBAGE, 512);
			check_cut(cut2, acks, OPS, event);
			cuts++;
		}
		power_forget();
		power.e = events;
		power.base = base;
		power.size = size;
		power.n = power.room = n;
	}
	print_message("%u cuts\n", cuts);
}

static void test_power_grow(void **state)
{
	struct volume *v = *state;
	uint32_t a = make(v, 1, 9000, true);
	char cut[320];

	v->ops->close(v);
	power_record(path);
	v = open_at(path, 2 << 20);
	power.on = false;
	v->ops->close(v);
	*state = NULL;
	power.base = realloc(power.base, 2 << 20);	/* ftruncate() itself is atomic */
	memset(power.base + power.size, 0, (2 << 20) - power.size);
	power.size = 2 << 20;
	snprintf(cut, sizeof(cut), "%s/cut", dir);
	for (size_t event = 0; event <= power.n; event++)
		for (int mode = 0; mode < POWER_MODES; mode++) {
			power_cut(cut, event, (enum power_mode)mode, 4096);
			v = open_at(cut, 0);
			assert_true(holds(v, a, 1, 9000));
			v->ops->close(v);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_make, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup_small, teardown),
		cmocka_unit_test_setup_teardown(test_inodes, setup_small, teardown),
		cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power, setup_power, teardown),
		cmocka_unit_test_setup_teardown(test_power_repair, setup_power, teardown),
		cmocka_unit_test_setup_teardown(test_power_grow, setup_power, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
