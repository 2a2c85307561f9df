// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl make: what command lines mean, what the scan says, how paths become inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "amctl_make.h"

/* ---- command lines ------------------------------------------------------------------------- */

/* "cc -c x.c" -> "" or why not; @object and @dep get the outputs */
static const char *parse(const char *line, char *object, char *dep)
{
	static char mem[4096], *argv[64], *env[] = { NULL };
	struct call c = { .cwd = "/", .pwd = "/", .compiler = "/usr/bin/cc", .argv = argv,
			  .env = env };
	struct cc cc;
	const char *why;
	size_t n = 0;

	strcpy(mem, line);
	for (char *w = strtok(mem, " "); w; w = strtok(NULL, " "))
		argv[n++] = w;
	argv[n] = NULL;
	why = cc_parse(&c, &cc);
	*object = *dep = '\0';
	if (!why) {
		strcpy(object, cc.object);
		strcpy(dep, cc.dep ? cc.dep : "");
	}
	cc_free(&cc);
	return why ? why : "";
}

static void outputs(void **state)
{
	static const struct {
		const char *line, *object, *dep;
	} t[] = {
		{ "cc -c a.c", "a.o", "" },
		{ "cc -c ../x/a.b.cc", "a.b.o", "" },
		{ "cc -c a.c -o o/b.o -MD", "o/b.o", "o/b.d" },
		{ "cc -c a.c -oo/b.obj -MMD", "o/b.obj", "o/b.d" },
		{ "cc -c a.c -MD", "a.o", "a.d" },
		{ "cc -c d.x/a -o d.x/b -x c -MD", "d.x/b", "d.x/b.d" },
		{ "cc -c a.c -o b.o -MD -MF deps/x -MT y -MP", "b.o", "deps/x" },
		{ "cc -Wp,-MMD,.b.o.d -c -o b.o a.c", "b.o", ".b.o.d" },
		{ "cc -S a.c", "a.s", "" },
		{ "cc -c a.S -Iinc -I inc2 -isystem x -DA=b -D B", "a.o", "" },
		{ "cc -c -x c++ a.weird -o a.o", "a.o", "" },
		{ "cc -MF x.d -c a.c", "a.o", "" },
	};
	char object[256], dep[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_string_equal(parse(t[i].line, object, dep), "");
		assert_string_equal(object, t[i].object);
		assert_string_equal(dep, t[i].dep);
	}
}

static void left_here(void **state)
{
	static const char *const t[] = {
		"cc a.c", "cc -E a.c", "cc -M -c a.c", "cc -MM -c a.c", "cc -c a.c b.c", "cc -c",
		"cc -c -", "cc -c a.o", "cc -c a", "cc -c a.c -o", "cc -c a.c -o -",
		"cc -c a.c -o /dev/null", "cc -c a.c -march=native", "cc -c -save-temps=obj a.c",
		"cc -c --coverage a.c", "cc -c -fprofile-use=x a.c", "cc -c -gsplit-dwarf a.c",
		"cc @args -c a.c", "cc -c a.c -fplugin=x.so", "cc -c a.c -Wp,-DX", "cc -c a.c -B/x",
		"cc -c a.c -MD -MF -", "cc -c a.c -MG -MD", "cc -c a.c -dD", "cc -c -x ada a.c",
		"cc -c a.c --sysroot=/x", "cc -c a.c -Wa,-adhln=x", "cc -c a.f90",
	};
	char object[256], dep[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (!*parse(t[i], object, dep))
			fail_msg("accepted: %s", t[i]);
	}
}

/* ---- the scan ------------------------------------------------------------------------------ */

static void rule(void **state)
{
	char **l = scan_parse("x: a.c /usr/include/b.h \\\n  c\\ d.h \\\n e$$f.h g\\#h.h\n");

	(void)state;
	assert_non_null(l);
	assert_string_equal(l[0], "a.c");
	assert_string_equal(l[1], "/usr/include/b.h");
	assert_string_equal(l[2], "c d.h");
	assert_string_equal(l[3], "e$f.h");
	assert_string_equal(l[4], "g#h.h");
	assert_null(l[5]);
	free(l);
	assert_null(scan_parse(""));
	assert_null(scan_parse("x:"));
	assert_null(scan_parse("x: \\\n"));
	l = scan_parse("x: a\\");
	assert_non_null(l);
	assert_string_equal(l[0], "a\\");
	free(l);
}

/* ---- paths --------------------------------------------------------------------------------- */

static char top[64];

static void touch(const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static const struct am_jobfile *find(const struct paths *p, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", top + 1, name);
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->f[i].path, path))
			return &p->f[i];
	return NULL;
}

static void walking(void **state)
{
	char real[AM_PATH_MAX], path[256];
	struct paths p = { 0 };

	(void)state;
	strcpy(top, "/tmp/test_make.XXXXXX");
	assert_non_null(mkdtemp(top));
	assert_int_equal(chdir(top), 0);
	assert_int_equal(mkdir("d", 0755) | mkdir("d/e", 0755), 0);
	assert_int_equal(symlink("d/e", "l") | symlink("/usr/include", "sys") |
			 symlink("loop", "loop"), 0);
	touch("d/e/f.h");
	touch("d/g.h");

	assert_int_equal(paths_add(&p, top, "d/../l/../g.h", true, real), PATH_OURS);
	snprintf(path, sizeof(path), "%s/d/g.h", top);
	assert_string_equal(real, path);	/* ".." of where the link leads */
	assert_true(S_ISLNK(find(&p, "l")->mode));
	assert_string_equal(find(&p, "l")->target, "d/e");
	assert_true(S_ISDIR(find(&p, "d")->mode));
	assert_true(S_ISDIR(find(&p, "d/e")->mode));
	assert_int_equal(find(&p, "d/g.h")->mode, S_IFREG | 0444);
	assert_int_equal(p.n, 4);
	assert_int_equal(paths_add(&p, top, "./d//g.h", true, real), PATH_OURS);
	assert_int_equal(p.n, 4);		/* once each */
	assert_int_equal(p.nmounts, 1);
	assert_string_equal(p.mounts[0], top + 1);

	assert_int_equal(paths_add(&p, top, "nosuch.h", true, real), PATH_NONE);
	assert_int_equal(paths_add(&p, top, "d/g.h/x", true, real), PATH_NONE);
	assert_int_equal(paths_add(&p, top, "loop", true, real), PATH_BAD);
	assert_int_equal(paths_add(&p, top, "d", true, real), PATH_BAD);
	assert_int_equal(paths_add(&p, top, "d/g.h", false, real), PATH_BAD);
	assert_int_equal(paths_add(&p, top, "/usr/include/stdio.h", true, real), PATH_HOST);
	assert_int_equal(paths_add(&p, top, "/dev/null", true, real), PATH_HOST);
	assert_int_equal(paths_add(&p, top, "/proc/version", true, real), PATH_BAD);
	assert_int_equal(paths_add(&p, top, "/etc/passwd", true, real), PATH_BAD);
	/* into the distribution by a link of ours, and out of it again */
	assert_int_equal(paths_add(&p, top, "sys/stdio.h", true, real), PATH_HOST);
	assert_true(S_ISLNK(find(&p, "sys")->mode));
	snprintf(path, sizeof(path), "/usr/include/../..%s/d/g.h", top);
	assert_int_equal(paths_add(&p, top, path, true, real), PATH_BAD);
	paths_free(&p);

	unlink("d/e/f.h");
	unlink("d/g.h");
	unlink("l");
	unlink("sys");
	unlink("loop");
	rmdir("d/e");
	rmdir("d");
	assert_int_equal(chdir("/"), 0);
	rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs), cmocka_unit_test(left_here), cmocka_unit_test(rule),
		cmocka_unit_test(walking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
