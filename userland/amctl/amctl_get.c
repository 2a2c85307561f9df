// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl get: stored files to local ones. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amctl_tree.h"

/* modes are not stored: what the system can run by itself is made executable */
static bool runs(int fd)
{
	char b[4];
	ssize_t n = pread(fd, b, sizeof(b), 0);

	return (n == 4 && !memcmp(b, "\177ELF", 4)) || (n >= 2 && !memcmp(b, "#!", 2));
}

/* complete under its name or not there at all: written beside it first */
static int fetch(const am_cap *file, const char *path, const char *dest, uint64_t *size)
{
	char tmp[AM_PATH_MAX + 16];
	mode_t mask = umask(0);
	am_status s;
	int fd, err;

	umask(mask);
	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", dest) >= (int)sizeof(tmp))
		return amctl_err("use a shorter one", "%s: the name is too long", dest);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return amctl_err_errno(dest, errno);
	s = am_b_read_fd(file, fd, size);
	if (s) {
		err = errno;
		close(fd);
		unlink(tmp);
		if (s == AM_STD_SYSERR && err)
			return amctl_err_errno(dest, err);
		return amctl_err_status(path, s);
	}
	if (fchmod(fd, (runs(fd) ? 0777 : 0666) & ~mask) || close(fd) || rename(tmp, dest)) {
		err = errno;
		unlink(tmp);
		return amctl_err_errno(dest, err);
	}
	return AMCTL_OK;
}

static int to_stdout(const am_cap *file, const char *path)
{
	uint64_t size;
	am_status s;

	fflush(stdout);
	s = am_b_read_fd(file, STDOUT_FILENO, &size);
	return s ? amctl_err_status(path, s) : AMCTL_OK;
}

/* ---- a tree -------------------------------------------------------------------------------- */

struct get {
	uint64_t files, dirs, bytes;
	struct amctl_bar bar;
};

struct level {
	const struct level *up;
	am_cap dir;
};

static int get_dir(struct get *g, const struct level *up, const am_cap *dir, const char *path,
		   const char *dest);

static int get_name(struct get *g, const struct level *here, const char *name,
		    const char *path, const char *dest)
{
	char below[AM_PATH_MAX], local[AM_PATH_MAX], info[64];
	enum amctl_kind kind;
	uint64_t size = 0;
	am_status s;
	am_cap c;
	int rc;

	/* the directory is another machine's word: it must not lead out of DIR */
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
		return amctl_err("fetch it alone, under another name",
				 "%s: '%s' is no name for a local file", path, name);
	if (snprintf(below, sizeof(below), "%s/%s", path, name) >= (int)sizeof(below) ||
	    snprintf(local, sizeof(local), "%s/%s", dest, name) >= (int)sizeof(local))
		return amctl_err("fetch it alone", "%s: the name is too long", path);
	s = am_lookup(&here->dir, name, &c);
	if (!s)
		s = amctl_kind(&c, &kind, info, sizeof(info));
	if (s)
		return amctl_err_status(below, s);
	if (kind == AMK_DIR)
		return get_dir(g, here, &c, below, local);
	if (kind != AMK_FILE) {
		amctl_note("%s: no file and no directory, left out: %s", below, info);
		return AMCTL_OK;
	}
	rc = fetch(&c, below, local, &size);
	if (rc)
		return rc;
	g->files++;
	g->bytes += size;
	amctl_bar_set(&g->bar, g->files, below);
	return AMCTL_OK;
}

static int get_dir(struct get *g, const struct level *up, const am_cap *dir, const char *path,
		   const char *dest)
{
	struct level here = { up, *dir };
	struct amctl_names names;
	int rc;

	for (const struct level *l = up; l; l = l->up)
		if (am_port_equal(&l->dir.port, &dir->port) &&
		    am_cap_object(&l->dir) == am_cap_object(dir)) {
			amctl_note("%s: leads back to a directory above it, left out", path);
			return AMCTL_OK;
		}
	if (mkdir(dest, 0777) && errno != EEXIST)
		return amctl_err_errno(dest, errno);
	rc = amctl_names(dir, path, &names);
	if (rc)
		return rc;
	g->dirs++;
	for (size_t i = 0; i < names.n; i++) {
		int one = get_name(g, &here, names.v[i], path, dest);

		if (one)	/* the others are fetched all the same */
			rc = one;
	}
	amctl_names_free(&names);
	return rc;
}

static int get_tree(const am_cap *dir, const char *path, const char *dest)
{
	struct get g = { 0, 0, 0, { 0 } };
	char size[16], text[160];
	int rc;

	amctl_bar_start(&g.bar, "get", "files", 0);
	rc = get_dir(&g, NULL, dir, path, dest);
	snprintf(text, sizeof(text), "%llu files, %llu directories, %s bytes in %.1f s",
		 (unsigned long long)g.files, (unsigned long long)g.dirs,
		 amctl_size(g.bytes, size), amctl_now() - g.bar.start);
	amctl_bar_end(&g.bar, text);
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "files", json_object_new_uint64(g.files));
		json_object_object_add(o, "directories", json_object_new_uint64(g.dirs));
		json_object_object_add(o, "bytes", json_object_new_uint64(g.bytes));
		amctl_print_json(o);
	}
	return rc;
}

static int cmd_get(int argc, char **argv)
{
	char dest[AM_PATH_MAX], info[64];
	const char *path, *base;
	enum amctl_kind kind;
	bool recursive = false;
	struct stat st;
	uint64_t size;
	am_status s;
	am_cap c;
	int rc;

	for (; argc && argv[0][0] == '-' && argv[0][1]; argc--, argv++) {
		if (strcmp(argv[0], "-r"))
			return amctl_bad("no option '%s'", argv[0]);
		recursive = true;
	}
	if (argc < 1 || argc > 2)
		return amctl_bad(argc ? "one name at a time" : "which name?");
	path = argv[0];
	rc = amctl_path(path, &c);
	if (rc)
		return rc;
	s = amctl_kind(&c, &kind, info, sizeof(info));
	if (s)
		return amctl_err_status(path, s);
	if (kind != AMK_DIR && kind != AMK_FILE)
		return amctl_err("amctl cap show tells what it is",
				 "%s: neither a file nor a directory", path);
	if (kind == AMK_DIR && !recursive)
		return amctl_err("amctl get -r fetches directories", "%s: is a directory", path);
	if (argc > 1 && !strcmp(argv[1], "-")) {
		if (kind == AMK_DIR)
			return amctl_err("name a local directory", "%s: is a directory", path);
		return to_stdout(&c, path);
	}
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	if (argc < 2 && (!*base || !strcmp(base, "..") || !strcmp(base, ".") ||
			 path[0] != '/'))
		return amctl_bad("%s: under which local name?", path);
	if (snprintf(dest, sizeof(dest), "%s", argc > 1 ? argv[1] : base) >= (int)sizeof(dest))
		return amctl_err("use a shorter one", "the local name is too long");
	if (kind == AMK_DIR)
		return get_tree(&c, path, dest);
	if (argc > 1 && !stat(dest, &st) && S_ISDIR(st.st_mode) &&
	    (!*base || snprintf(dest, sizeof(dest), "%s/%s", argv[1], base) >=
		       (int)sizeof(dest)))
		return amctl_err("name the local file", "%s: is a directory", argv[1]);
	rc = fetch(&c, path, dest, &size);
	if (!rc && amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "files", json_object_new_int(1));
		json_object_object_add(o, "bytes", json_object_new_uint64(size));
		amctl_print_json(o);
	}
	return rc;
}

const struct amctl_object amctl_obj_get = {
	.name = "get",
	.help = "fetch stored files",
	.func = cmd_get,
	.args = "[-r] PATH|CAP [FILE|DIR]",
	.words = "-r @path @file",
	.details =
		"  -r  a directory with all that is in it, as the local DIR\n"
		"FILE '-' is standard output. Scripts and programs are made executable; a local\n"
		"file is replaced only when the whole new one has arrived.",
};
