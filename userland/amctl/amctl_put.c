// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * amctl put: local files into the file server, their names into the directory.
 *
 * A tree is walked by one thread, which makes the directories; four workers store the files, so
 * that the disks of the two servers and the network are busy at once. A file counts as stored
 * when both servers have said that it is on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amctl_tree.h"

#define WORKERS	4
#define QUEUE	32
#define DEPTH	256	/* of a local tree; deeper is refused */

static int bullet(am_cap *server)
{
	am_status s = am_b_server(server);

	if (!s)
		return AMCTL_OK;
	return amctl_err("start bulletd on one machine; amctl doctor",
			 "no file server (/profile/cap/bulletsvr/default): %s", am_why(s));
}

/* stores @fd and lets @name in @dir mean it; what the name meant before is destroyed */
static int store(const am_cap *server, int fd, const am_cap *dir, const char *name,
		 const char *path, bool keep, uint64_t *size)
{
	am_cap file, old;
	am_status s;

	s = am_b_create_fd(server, fd, &file, size);
	if (s)
		return amctl_err_status(path, s);
	s = am_dir_append(dir, name, &file, amctl_file_masks);
	if (s == AM_STD_EXISTS) {
		bool had = am_lookup(dir, name, &old) == AM_OK;

		if (had) {
			enum amctl_kind kind;
			char info[64];

			if (!amctl_kind(&old, &kind, info, sizeof(info)) && kind == AMK_DIR) {
				amctl_drop_old(&file);
				return amctl_err("choose another name or amctl rm -r it",
						 "%s: is a directory", path);
			}
		}
		s = am_dir_replace(dir, name, &file);
		if (!s && had && !keep)
			amctl_drop_old(&old);
	}
	if (s) {
		amctl_drop_old(&file);
		return amctl_err_status(path, s);
	}
	return AMCTL_OK;
}

/* ---- one file ------------------------------------------------------------------------------ */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int put_one(const char *src, const char *dest, bool keep)
{
	char name[AM_NAME_MAX + 1], path[AM_PATH_MAX];
	bool in = !strcmp(src, "-");
	enum amctl_kind kind;
	struct stat st;
	uint64_t size = 0;
	am_cap server, root, dir;
	char info[64];
	int fd, rc;

	fd = in ? STDIN_FILENO : open(src, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return amctl_err_errno(src, errno);
	if (fstat(fd, &st)) {
		rc = amctl_err_errno(src, errno);
		goto out;
	}
	if (S_ISDIR(st.st_mode)) {
		rc = amctl_err("amctl put -r stores directories", "%s: is a directory", src);
		goto out;
	}
	rc = amctl_root(&root);
	if (!rc)
		rc = bullet(&server);
	if (rc)
		goto out;
	snprintf(path, sizeof(path), "%s", dest);
	/* into a directory under its own name, as cp does */
	if (!am_lookup(&root, dest, &dir) && !amctl_kind(&dir, &kind, info, sizeof(info)) &&
	    kind == AMK_DIR) {
		if (in) {
			rc = amctl_err("name the file: DIR/NAME", "%s: is a directory", dest);
			goto out;
		}
		if (strlen(last_part(src)) > AM_NAME_MAX ||
		    snprintf(path, sizeof(path), "%s/%s", dest, last_part(src)) >=
		    (int)sizeof(path)) {
			rc = amctl_err("use a shorter name", "%s: the name is too long", src);
			goto out;
		}
		snprintf(name, sizeof(name), "%s", last_part(src));
	} else {
		rc = amctl_parent(dest, &dir, name);
	}
	if (!rc)
		rc = store(&server, fd, &dir, name, path, keep, &size);
	if (!rc && amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "files", json_object_new_int(1));
		json_object_object_add(o, "bytes", json_object_new_uint64(size));
		amctl_print_json(o);
	}
out:
	if (!in)
		close(fd);
	return rc;
}

/* ---- a tree -------------------------------------------------------------------------------- */

struct job {
	char *src, *path;	/* path: how error lines call it */
	am_cap dir;
	char name[AM_NAME_MAX + 1];
};

struct put {
	am_cap server;
	bool keep;
	pthread_mutex_t lock;	/* everything below, and standard error */
	pthread_cond_t more, room;
	struct job queue[QUEUE];
	size_t head, count;
	bool closed;
	uint64_t files, bytes, dirs, failed, total;
	struct amctl_bar bar;
};

static void failed(struct put *p)
{
	pthread_mutex_lock(&p->lock);
	p->failed++;
	pthread_mutex_unlock(&p->lock);
}

static void work_on(struct put *p, struct job *j)
{
	uint64_t size = 0;
	int fd = open(j->src, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0) {
		rc = amctl_err_errno(j->src, errno);
	} else {
		rc = store(&p->server, fd, &j->dir, j->name, j->path, p->keep, &size);
		close(fd);
	}
	pthread_mutex_lock(&p->lock);
	if (rc) {
		p->failed++;
	} else {
		p->files++;
		p->bytes += size;
	}
	amctl_bar_set(&p->bar, p->files + p->failed, j->path);
	pthread_mutex_unlock(&p->lock);
}

static void *worker(void *arg)
{
	struct put *p = arg;

	for (;;) {
		struct job j;

		pthread_mutex_lock(&p->lock);
		while (!p->count && !p->closed)
			pthread_cond_wait(&p->more, &p->lock);
		if (!p->count) {
			pthread_mutex_unlock(&p->lock);
			return NULL;
		}
		j = p->queue[p->head];
		p->head = (p->head + 1) % QUEUE;
		p->count--;
		pthread_cond_signal(&p->room);
		pthread_mutex_unlock(&p->lock);
		work_on(p, &j);
		free(j.src);
		free(j.path);
	}
}

static int submit(struct put *p, const FTSENT *e, const am_cap *dir, const char *path)
{
	struct job *j;
	char *src, *copy;

	if (e->fts_namelen > AM_NAME_MAX) {
		failed(p);
		return amctl_err("rename it", "%s: the name is too long", e->fts_path);
	}
	src = strdup(e->fts_accpath);
	copy = strdup(path);
	if (!src || !copy) {
		free(src);
		free(copy);
		failed(p);
		return amctl_err("free some memory", "out of memory");
	}
	pthread_mutex_lock(&p->lock);
	while (p->count == QUEUE)
		pthread_cond_wait(&p->room, &p->lock);
	j = &p->queue[(p->head + p->count++) % QUEUE];
	j->src = src;
	j->path = copy;
	j->dir = *dir;
	memcpy(j->name, e->fts_name, e->fts_namelen);
	j->name[e->fts_namelen] = '\0';
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	return AMCTL_OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static FTS *walk(char *src)
{
	char *paths[] = { src, NULL };

	/* symbolic links are stored as what they lead to: the servers have none */
	return fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
}

static uint64_t count_files(char *src)
{
	FTS *f = walk(src);
	uint64_t n = 0;
	FTSENT *e;

	if (!f)
		return 0;
	while ((e = fts_read(f)))
		n += e->fts_info == FTS_F;
	fts_close(f);
	return n;
}

/* where @e lies below @dest in the directory */
static bool path_of(const FTSENT *e, size_t skip, const char *dest, char path[AM_PATH_MAX])
{
	const char *rel = e->fts_path + skip;
	size_t n = strlen(dest);

	while (n > 1 && dest[n - 1] == '/')
		n--;
	while (*rel == '/')
		rel++;
	return snprintf(path, AM_PATH_MAX, "%.*s%s%s", (int)n, dest,
			*rel && !(n == 1 && *dest == '/') ? "/" : "", rel) < AM_PATH_MAX;
}

static void visit(struct put *p, FTS *f, FTSENT *e, am_cap *dirs, const char *path)
{
	int level = e->fts_level;

	switch (e->fts_info) {
	case FTS_D:
		if (!level)
			return;
		if (level >= DEPTH) {
			amctl_err("store it in parts", "%s: too deep", e->fts_path);
		} else if (e->fts_namelen > AM_NAME_MAX) {
			amctl_err("rename it", "%s: the name is too long", e->fts_path);
		} else if (!amctl_mkdir(&dirs[level - 1], e->fts_name, true, &dirs[level])) {
			p->dirs++;
			return;
		}
		failed(p);
		fts_set(f, e, FTS_SKIP);
		return;
	case FTS_F:
		/* what is wrong with it was said, and counted */
		(void)submit(p, e, &dirs[level - 1], path);
		return;
	case FTS_DP:
	case FTS_DOT:
		return;
	case FTS_DC:
		amctl_err("remove the link", "%s: leads back to a directory above it",
			  e->fts_path);
		break;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		amctl_err_errno(e->fts_path, e->fts_errno);
		break;
	case FTS_SLNONE:
		amctl_err("remove the link", "%s: leads nowhere", e->fts_path);
		break;
	default:
		amctl_err("remove it", "%s: neither a file nor a directory", e->fts_path);
	}
	failed(p);
}

static int walk_and_store(struct put *p, char *src, const char *dest, const am_cap *top)
{
	char path[AM_PATH_MAX];
	am_cap *dirs = calloc(DEPTH, sizeof(*dirs));
	size_t skip = strlen(src);
	FTS *f = dirs ? walk(src) : NULL;
	FTSENT *e;
	int rc = AMCTL_OK;

	if (!f) {
		rc = amctl_err_errno(src, errno);
		free(dirs);
		return rc;
	}
	dirs[0] = *top;
	errno = 0;
	while ((e = fts_read(f))) {
		if (!path_of(e, skip, dest, path)) {
			amctl_err("store it in parts", "%s: the name is too long", e->fts_path);
			failed(p);
			fts_set(f, e, FTS_SKIP);
			continue;
		}
		visit(p, f, e, dirs, path);
		errno = 0;
	}
	if (errno)
		rc = amctl_err_errno(src, errno);
	fts_close(f);
	free(dirs);
	return rc;
}

static int put_tree(char *src, const char *dest, bool keep)
{
	struct put p = { .keep = keep, .lock = PTHREAD_MUTEX_INITIALIZER,
			 .more = PTHREAD_COND_INITIALIZER, .room = PTHREAD_COND_INITIALIZER };
	pthread_t thread[WORKERS];
	am_cap root, top;
	struct stat st;
	char size[16], text[160];
	size_t n = strlen(src);
	int rc, started = 0;

	while (n > 1 && src[n - 1] == '/')
		src[--n] = '\0';
	if (stat(src, &st))
		return amctl_err_errno(src, errno);
	if (!S_ISDIR(st.st_mode))
		return put_one(src, dest, keep);
	rc = amctl_root(&root);
	if (!rc)
		rc = bullet(&p.server);
	if (!rc)
		rc = amctl_mkdir(&root, dest, true, &top);
	if (rc)
		return rc;
	p.total = count_files(src);
	amctl_bar_start(&p.bar, "put", "files", p.total);
	while (started < WORKERS && !pthread_create(&thread[started], NULL, worker, &p))
		started++;
	if (!started)
		return amctl_err("the limit of processes is reached", "no thread can be started");
	rc = walk_and_store(&p, src, dest, &top);
	pthread_mutex_lock(&p.lock);
	p.closed = true;
	pthread_cond_broadcast(&p.more);
	pthread_mutex_unlock(&p.lock);
	while (started)
		pthread_join(thread[--started], NULL);
	snprintf(text, sizeof(text), "%llu files, %llu directories, %s bytes in %.1f s",
		 (unsigned long long)p.files, (unsigned long long)p.dirs,
		 amctl_size(p.bytes, size), amctl_now() - p.bar.start);
	amctl_bar_end(&p.bar, text);
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "files", json_object_new_uint64(p.files));
		json_object_object_add(o, "directories", json_object_new_uint64(p.dirs));
		json_object_object_add(o, "bytes", json_object_new_uint64(p.bytes));
		json_object_object_add(o, "failed", json_object_new_uint64(p.failed));
		amctl_print_json(o);
	}
	return p.failed ? AMCTL_FAIL : rc;
}

static int cmd_put(int argc, char **argv)
{
	bool recursive = false, keep = false;

	for (; argc && argv[0][0] == '-' && argv[0][1]; argc--, argv++) {
		for (const char *o = argv[0] + 1; *o; o++) {
			if (*o == 'r')
				recursive = true;
			else if (*o == 'k')
				keep = true;
			else
				return amctl_bad("no option '%s'", argv[0]);
		}
	}
	if (argc != 2)
		return amctl_bad("a local file and a name are wanted");
	if (!*argv[0] || !*argv[1])
		return amctl_bad("empty name");
	return recursive ? put_tree(argv[0], argv[1], keep) : put_one(argv[0], argv[1], keep);
}

const struct amctl_object amctl_obj_put = {
	.name = "put",
	.help = "store local files",
	.func = cmd_put,
	.args = "[-rk] FILE|DIR PATH",
	.words = "-r -k @file @path",
	.details =
		"  -r  the contents of DIR as the directory PATH, made when it is not there\n"
		"  -k  keep the files whose names are given to new ones\n"
		"FILE '-' is standard input. Contents and names are stored, modes, times and\n"
		"owners are not; a symbolic link is stored as what it leads to.",
};
