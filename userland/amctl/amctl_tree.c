// SPDX-License-Identifier: GPL-2.0-or-later
/* Making and removing parts of the directory graph. */
#include <stdlib.h>
#include <string.h>

#include "amctl_tree.h"

const uint32_t amctl_dir_masks[AM_DIR_COLUMNS] = { 0xff, 0x06, 0x04, 0 };
const uint32_t amctl_file_masks[AM_DIR_COLUMNS] = { 0xff, AM_B_RGT_READ, AM_B_RGT_READ, 0 };

/* ---- making -------------------------------------------------------------------------------- */

static int make_one(const am_cap *dir, const char *name, const char *path, bool may_exist,
		    am_cap *out)
{
	am_cap made;
	am_status s;

	if (may_exist) {
		enum amctl_kind kind;
		char info[64];

		s = am_lookup(dir, name, out);
		if (s == AM_OK) {
			s = amctl_kind(out, &kind, info, sizeof(info));
			if (s)
				return amctl_err_status(path, s);
			if (kind != AMK_DIR)
				return amctl_err("choose another name or remove it",
						 "%s: exists and is no directory", path);
			return AMCTL_OK;
		}
		if (s != AM_STD_NOTFOUND)
			return amctl_err_status(path, s);
	}
	/* the server of the directory above makes it, so that the two live together */
	s = am_dir_create(dir, &made);
	if (s)
		return amctl_err_status(path, s);
	s = am_dir_append(dir, name, &made, amctl_dir_masks);
	if (s) {
		am_status ignored = am_dir_discard(&made);

		(void)ignored;	/* nothing names it; the first error is the one to report */
		if (s == AM_STD_EXISTS && may_exist)	/* someone was faster */
			return make_one(dir, name, path, true, out);
		return amctl_err_status(path, s);
	}
	*out = made;
	return AMCTL_OK;
}

int amctl_mkdir(const am_cap *start, const char *path, bool parents, am_cap *out)
{
	char name[AM_NAME_MAX + 1], sofar[AM_PATH_MAX];
	am_cap dir = *start, next;
	const char *p = path;
	am_status s;
	int rc;

	if (strlen(path) >= sizeof(sofar))
		return amctl_err("use a shorter one", "a name of %zu characters", strlen(path));
	if (!parents) {
		s = am_lookup_parent(start, path, &dir, name);
		if (s)
			return amctl_err_status(path, s);
		if (!*name)
			return amctl_err("choose another name", "%s: exists", path);
		return make_one(&dir, name, path, false, out ? out : &next);
	}
	for (;;) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (!n)
			break;
		if (n > AM_NAME_MAX)
			return amctl_err("use a shorter one", "%s: a part longer than %d", path,
					 AM_NAME_MAX);
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
		memcpy(sofar, path, (size_t)(p - path));
		sofar[p - path] = '\0';
		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, "..")) {
			s = am_lookup(start, sofar, &dir);
			if (s)
				return amctl_err_status(sofar, s);
			continue;
		}
		rc = make_one(&dir, name, sofar, true, &next);
		if (rc)
			return rc;
		dir = next;
	}
	if (out)
		*out = dir;
	return AMCTL_OK;
}

/* ---- listing ------------------------------------------------------------------------------- */

static int collect(const struct am_dirent *e, void *arg)
{
	struct amctl_names *names = arg;
	char **v = realloc(names->v, (names->n + 1) * sizeof(*v));

	if (!v)
		return 1;
	names->v = v;
	v[names->n] = strdup(e->name);
	return v[names->n] ? (names->n++, 0) : 1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int amctl_names(const am_cap *dir, const char *path, struct amctl_names *names)
{
	am_status s;

	names->v = NULL;
	names->n = 0;
	s = am_dir_list(dir, collect, names);
	if (s) {
		amctl_names_free(names);
		return s < 0 ? amctl_err_status(path, s) :
			       amctl_err("free some memory", "%s: out of memory", path);
	}
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), by_name);
	return AMCTL_OK;
}

void amctl_names_free(struct amctl_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	names->v = NULL;
	names->n = 0;
}

/* ---- removing ------------------------------------------------------------------------------ */

static bool enter(struct amctl_rm *o, const am_cap *c)
{
	am_cap *seen;

	for (size_t i = 0; i < o->nseen; i++)
		if (am_port_equal(&o->seen[i].port, &c->port) &&
		    am_cap_object(&o->seen[i]) == am_cap_object(c))
			return false;
	seen = realloc(o->seen, (o->nseen + 1) * sizeof(*seen));
	if (!seen)
		return false;
	o->seen = seen;
	seen[o->nseen++] = *c;
	return true;
}

void amctl_rm_done(struct amctl_rm *o)
{
	free(o->seen);
	o->seen = NULL;
	o->nseen = 0;
}

static int empty_dir(struct amctl_rm *o, const am_cap *dir, const char *path)
{
	struct amctl_names names;
	char below[AM_PATH_MAX];
	int rc = amctl_names(dir, path, &names);

	for (size_t i = 0; i < names.n && !rc; i++) {
		if (snprintf(below, sizeof(below), "%s/%s", path, names.v[i]) >=
		    (int)sizeof(below))
			rc = amctl_err("remove from within", "%s: the name is too long", path);
		else
			rc = amctl_rm_name(o, dir, names.v[i], below);
	}
	amctl_names_free(&names);
	return rc;
}

/* the root may have other names ("/a/up"): it is never emptied */
static bool is_root(const am_cap *c)
{
	am_cap root;

	return am_root(&root) == AM_OK && am_port_equal(&root.port, &c->port) &&
	       am_cap_object(&root) == am_cap_object(c);
}

static int rm_dir(struct amctl_rm *o, const am_cap *dir, const char *name, const char *path,
		  const am_cap *c)
{
	am_status s;
	int rc;

	if (is_root(c))
		return amctl_err("amctl rm -k removes the name alone", "%s: is the root", path);
	if (o->recursive && enter(o, c)) {
		rc = empty_dir(o, c, path);
		if (rc)
			return rc;
	}
	s = am_dir_discard(c);
	if (s && s != AM_STD_CAPBAD)
		return amctl_err_status(path, s);
	s = am_dir_delete(dir, name);
	return s ? amctl_err_status(path, s) : AMCTL_OK;
}

int amctl_rm_name(struct amctl_rm *o, const am_cap *dir, const char *name, const char *path)
{
	enum amctl_kind kind = AMK_UNKNOWN;
	char info[64];
	am_status s, d;
	am_cap c;

	s = am_lookup(dir, name, &c);
	if (s)
		return amctl_err_status(path, s);
	if (!o->keep) {
		s = amctl_kind(&c, &kind, info, sizeof(info));
		/* gone already: only the name is left to remove */
		if (s && s != AM_STD_CAPBAD && s != AM_RPC_NOTFOUND && s != AM_STD_DENIED)
			return amctl_err_status(path, s);
		if (s == AM_RPC_NOTFOUND)
			return amctl_err("start it, or amctl rm -k for the name alone",
					 "%s: the server of the object does not answer", path);
	}
	if (kind == AMK_DIR)
		return rm_dir(o, dir, name, path, &c);
	s = am_dir_delete(dir, name);
	if (s)
		return amctl_err_status(path, s);
	if (kind != AMK_FILE)
		return AMCTL_OK;
	d = am_std_destroy(&c);
	if (d && d != AM_STD_CAPBAD)
		return amctl_err(amctl_remedy(d), "%s: the name is removed, the file is not: %s",
				 path, am_why(d));
	return AMCTL_OK;
}

void amctl_drop_old(const am_cap *old)
{
	enum amctl_kind kind;
	char info[64];

	if (amctl_kind(old, &kind, info, sizeof(info)) == AM_OK && kind == AMK_FILE) {
		am_status ignored = am_std_destroy(old);

		(void)ignored;	/* it stays until the server's own cleaning; nothing is lost */
	}
}
