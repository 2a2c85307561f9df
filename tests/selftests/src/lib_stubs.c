// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The directory and file stubs of libamoeba against the real servers.
 *
 * usage: lib_stubs check DIR          a list of checks in a new directory DIR; status 1 on failure
 *        lib_stubs fill DIR N         N files with known contents in a new directory DIR
 *        lib_stubs verify DIR N       all of them are there, whole, and nothing else is
 *        lib_stubs churn DIR          stores and enters files until it is killed; prints the
 *                                     number of each as soon as it is acknowledged
 *        lib_stubs acked DIR N        files 0 to N of a churn are there and whole
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <amoeba.h>

static am_cap files;		/* the file server */
static int failures;

static void report(bool good, const char *what, am_status s)
{
	printf("%s %s: %s\n", good ? "ok  " : "FAIL", what, am_why(s));
	fflush(stdout);
	failures += !good;
}

static void fill(uint8_t *p, size_t n, uint32_t seed)
{
	while (n--) {
		seed = seed * 1664525 + 1013904223;
		*p++ = seed >> 24;
	}
}

static am_status make_dir(const char *path, am_cap *dir)
{
	char name[AM_NAME_MAX + 1];
	am_cap root, parent;
	am_status s = am_root(&root);

	if (!s)
		s = am_lookup_parent(&root, path, &parent, name);
	if (!s)
		s = am_dir_create(&parent, dir);
	return s ? s : am_dir_append(&parent, name, dir, NULL);
}

/* ---- check ------------------------------------------------------------------------------------ */

static int count_row(const struct am_dirent *e, void *arg)
{
	(void)e;
	++*(unsigned int *)arg;
	return 0;
}

static int stop_at_ten(const struct am_dirent *e, void *arg)
{
	(void)e;
	return ++*(unsigned int *)arg == 10 ? 7 : 0;
}

#define ROWS 1500

static void check_dirs(const am_cap *dir)
{
	static const uint32_t masks[AM_DIR_COLUMNS] = { 0xff, 0x3, 0x1, 0 };
	am_cap sub, weak, c, d;
	char name[AM_NAME_MAX + 1];
	unsigned int n = 0, i;
	am_status s;

	s = am_dir_create(dir, &sub);
	report(!s && sub.rights == 0xff, "create a directory", s);
	s = am_dir_append(dir, "sub", &sub, NULL);
	report(!s, "append", s);
	s = am_dir_append(dir, "sub", &sub, NULL);
	report(s == AM_STD_EXISTS, "append it again", s);
	s = am_lookup(dir, "./sub/../sub//", &c);
	report(!s && am_cap_equal(&c, &sub), "look it up", s);
	s = am_lookup(dir, "sub/none/more", &c);
	report(s == AM_STD_NOTFOUND, "look up what is not there", s);
	s = am_dir_append(&sub, "file", dir, masks);
	report(!s, "append with masks", s);

	/* only the third column: what it gives is restricted to that column's mask */
	s = am_std_restrict(&sub, 0x4, &weak);
	report(!s, "restrict to a column", s);
	s = am_lookup(&weak, "file", &c);
	report(!s && c.rights == 0x1 && !am_cap_equal(&c, dir), "look up through it", s);
	s = am_dir_append(&weak, "more", &c, NULL);
	report(s == AM_STD_DENIED, "append without the right", s);
	s = am_dir_chmod(&sub, "file", (uint32_t[]){ 0xff, 0xff, 0x2, 0 });
	report(!s, "chmod", s);
	s = am_lookup(&weak, "file", &c);
	report(!s && c.rights == 0x2, "its effect", s);
	c = sub;
	c.check[0] ^= 1;
	s = am_lookup(&c, "file", &d);
	report(s == AM_STD_CAPBAD, "a forged capability", s);

	s = am_dir_discard(&sub);
	report(s == AM_SP_NOTEMPTY, "discard one with rows", s);
	s = am_dir_replace(&sub, "file", &sub);
	report(!s && !am_lookup(&sub, "file/file/file", &c) && am_cap_equal(&c, &sub),
	       "replace, by a circle", s);
	s = am_dir_replace(&sub, "none", &sub);
	report(s == AM_STD_NOTFOUND, "replace what is not there", s);
	s = am_dir_delete(&sub, "none");
	report(s == AM_STD_NOTFOUND, "delete what is not there", s);

	for (i = 0, s = AM_OK; i < ROWS && !s; i++) {
		snprintf(name, sizeof(name), "row%u", i);
		s = am_dir_append(&sub, name, dir, NULL);
	}
	report(!s, "append many rows", s);
	s = am_dir_list(&sub, count_row, &n);
	report(!s && n == ROWS + 1, "list them", s);
	n = 0;
	s = am_dir_list(&sub, stop_at_ten, &n);
	report(s == 7 && n == 10, "list a part", s < 0 ? s : AM_OK);
	for (i = 0, s = AM_OK; i < ROWS && !s; i++) {
		snprintf(name, sizeof(name), "row%u", i);
		s = am_dir_delete(&sub, name);
	}
	report(!s && !am_dir_delete(&sub, "file"), "delete them", s);
	s = am_dir_discard(&sub);
	report(!s, "discard", s);
	s = am_lookup(&sub, "file", &c);
	report(s == AM_SP_UNREACH, "and use it then", s);
	report(!am_dir_delete(dir, "sub"), "remove its name", AM_OK);
}

static const size_t sizes[] = {
	0, 1, 29695, 29696, 29697, 65535, 65536, 65537, 1 << 20, (1 << 20) + 1, 5000000,
};

#define LARGEST 5000000

static uint8_t data[LARGEST];

static void check_files(void)
{
	am_cap file, weak;
	uint64_t size;
	am_status s = AM_OK;
	char info[64], want[64];
	uint8_t buf[100];
	size_t i, len;
	void *back;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !s; i++) {
		back = NULL;
		fill(data, sizes[i], i);
		s = am_b_create(&files, data, sizes[i], &file);
		if (!s)
			s = am_b_size(&file, &size);
		if (!s && size != sizes[i])
			s = AM_STD_SYSERR;
		if (!s)
			s = am_b_load(&file, &back, &len);
		if (!s && (len != sizes[i] || memcmp(back, data, len)))
			s = AM_STD_SYSERR;
		if (s)
			printf("     at %zu bytes\n", sizes[i]);
		free(back);
		if (!s && i + 1 < sizeof(sizes) / sizeof(sizes[0]))
			s = am_std_destroy(&file);
	}
	report(!s, "files of all sizes", s);

	len = sizeof(buf);
	s = am_b_read(&file, LARGEST - 60, buf, &len);
	report(!s && len == 60 && !memcmp(buf, data + LARGEST - 60, 60), "read the end", s);
	len = sizeof(buf);
	s = am_b_read(&file, LARGEST, buf, &len);
	report(!s && !len, "read at the end", s);
	s = am_b_read(&file, LARGEST + 1, buf, &(size_t){ 10 });
	report(s == AM_STD_ARGBAD, "read behind the end", s);
	s = am_b_read(&file, 1ULL << 40, buf, &(size_t){ 10 });
	report(s == AM_STD_ARGBAD, "read far behind the end", s);
	s = am_std_info(&file, info, sizeof(info));
	snprintf(want, sizeof(want), "- %8d bytes", LARGEST);
	report(!s && !strcmp(info, want), info, s);

	s = am_std_restrict(&file, AM_B_RGT_READ, &weak);
	report(!s && !am_b_size(&weak, &size), "restrict to reading", s);
	s = am_std_destroy(&weak);
	report(s == AM_STD_DENIED, "destroy without the right", s);
	weak.rights |= AM_B_RGT_DESTROY;
	s = am_std_destroy(&weak);
	report(s == AM_STD_CAPBAD, "destroy with a right added", s);
	s = am_std_destroy(&file);
	report(!s, "destroy", s);
	s = am_b_size(&file, &size);
	report(s == AM_STD_CAPBAD, "and use it then", s);
	s = am_b_create(&weak, "x", 1, &file);
	report(s < 0, "create with a capability that is none", s);
}

#define THREADS 4

static void *store_some(void *arg)
{
	am_status *st = arg;
	size_t n = 400000, len;
	uint8_t *p = malloc(n);
	am_cap file;
	void *back;
	int i;

	*st = p ? AM_OK : AM_STD_NOMEM;
	for (i = 0; i < 4 && !*st; i++) {
		fill(p, n, (uint32_t)(uintptr_t)arg + i);
		*st = am_b_create(&files, p, n, &file);
		if (!*st)
			*st = am_b_load(&file, &back, &len);
		if (*st)
			break;
		if (len != n || memcmp(back, p, n))
			*st = AM_STD_SYSERR;
		free(back);
		am_std_destroy(&file);
	}
	free(p);
	return NULL;
}

static void check_threads(void)
{
	am_status st[THREADS], s = AM_OK;
	pthread_t t[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, store_some, &st[i]);
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		s = s ? s : st[i];
	}
	report(!s, "several threads at once", s);
}

/* ---- contents that outlive the servers ---------------------------------------------------------- */

static size_t size_of(unsigned int i)
{
	return i % 7 == 6 ? 1500000 + i : i * 997 % 50000;
}

static am_status store(const am_cap *dir, unsigned int i)
{
	char name[32];
	am_cap file;
	am_status s;

	fill(data, size_of(i), i + 1000);
	s = am_b_create(&files, data, size_of(i), &file);
	if (s)
		return s;
	snprintf(name, sizeof(name), "file%u", i);
	return am_dir_append(dir, name, &file, NULL);
}

static am_status compare(const am_cap *dir, unsigned int i)
{
	char name[32];
	am_cap file;
	void *back;
	size_t len;
	am_status s;

	snprintf(name, sizeof(name), "file%u", i);
	s = am_lookup(dir, name, &file);
	if (!s)
		s = am_b_load(&file, &back, &len);
	if (s)
		return s;
	fill(data, size_of(i), i + 1000);
	s = len == size_of(i) && !memcmp(back, data, len) ? AM_OK : AM_STD_SYSERR;
	free(back);
	return s;
}

static int many(const char *what, const char *path, unsigned int n)
{
	unsigned int i, rows = 0;
	am_cap dir;
	am_status s;
	bool all = !strcmp(what, "verify");

	if (!strcmp(what, "fill") || !strcmp(what, "churn"))
		s = make_dir(path, &dir);
	else
		s = am_path(path, &dir);
	for (i = 0; i < n && !s; i++) {
		if (!strcmp(what, "fill") || !strcmp(what, "churn"))
			s = store(&dir, i);
		else
			s = compare(&dir, i);
		if (!s && !strcmp(what, "churn")) {
			printf("%u\n", i);
			fflush(stdout);
		}
	}
	if (!s && all) {
		s = am_dir_list(&dir, count_row, &rows);
		if (!s && rows != n)
			s = AM_STD_SYSERR;
	}
	if (s)
		fprintf(stderr, "lib_stubs: %s %s: file %u, %u rows: %s\n", what, path, i, rows,
			am_why(s));
	return s != AM_OK;
}

int main(int argc, char **argv)
{
	am_cap dir;
	am_status s;

	if (argc < 3) {
		fprintf(stderr, "usage: lib_stubs check DIR | fill DIR N | verify DIR N | churn DIR |"
				" acked DIR N\n");
		return 2;
	}
	s = am_b_server(&files);
	if (s) {
		fprintf(stderr, "lib_stubs: no file server: %s\n", am_why(s));
		return 1;
	}
	if (strcmp(argv[1], "check"))
		return many(argv[1], argv[2], argc > 3 ? strtoul(argv[3], NULL, 10) : ~0U);
	s = make_dir(argv[2], &dir);
	report(!s, "make the directory", s);
	if (!s) {
		check_dirs(&dir);
		check_files();
		check_threads();
	}
	printf("%d failed\n", failures);
	return failures != 0;
}
