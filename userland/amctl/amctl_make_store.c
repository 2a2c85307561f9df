// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files by their content. What a compilation reads is stored on the file server once, for all
 * builds and all machines: the directory $store has a row for each, named by the hash (BLAKE2b,
 * 256 bit) of the bytes.
 *
 * Two tables. KNOWN: a path with the stat(2) figures it had when its bytes were looked at. BLOB: a
 * hash and its capability; BUSY while one thread asks the servers, others wait. One lock for
 * both, not held while files are read or servers asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amctl_make.h"
#include "amctl_tree.h"

#define HASH	32
#define BUCKETS	4096
#define FILE_MAX (64U << 20)	/* larger sources are none */
#define TRIES	3

struct sign {			/* when these are the same, so are the bytes */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct known {
	struct known *next;
	struct sign sign;
	am_cap	cap;
	unsigned int gen;	/* when the server last had it */
	bool	in_tree, looked;	/* the content was looked at */
	const char *why;	/* cannot be used elsewhere */
	char	path[];
};

struct blob {
	struct blob *next;
	uint8_t	hash[HASH];
	uint64_t size;
	am_cap	cap;
	unsigned int gen;
	bool	busy;
};

struct store {
	pthread_mutex_t lock;
	pthread_cond_t	change;
	am_cap	dir, server;
	struct known *known[BUCKETS];
	struct blob *blob[BUCKETS];
	unsigned int gen;
	uint64_t files, bytes;	/* brought to the server by us */
};

/* ---- tables -------------------------------------------------------------------------------- */

static struct known **known_slot(struct store *st, const char *path)
{
	uint32_t h = 2166136261U;

	for (const char *p = path; *p; p++)
		h = (h ^ (uint8_t)*p) * 16777619U;
	return &st->known[h % BUCKETS];
}

static struct known *find_known(struct store *st, const char *path)
{
	struct known *k = *known_slot(st, path);

	while (k && strcmp(k->path, path))
		k = k->next;
	return k;
}

static struct known *need_known(struct store *st, const char *path)
{
	struct known *k = find_known(st, path), **slot = known_slot(st, path);
	size_t n = strlen(path) + 1;

	if (k)
		return k;
	k = calloc(1, sizeof(*k) + n);
	if (!k)
		return NULL;
	memcpy(k->path, path, n);
	k->next = *slot;
	*slot = k;
	return k;
}

static struct blob *need_blob(struct store *st, const uint8_t hash[HASH])
{
	struct blob **slot = &st->blob[(hash[0] | hash[1] << 8) % BUCKETS], *b = *slot;

	while (b && memcmp(b->hash, hash, HASH))
		b = b->next;
	if (b)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	memcpy(b->hash, hash, HASH);
	b->next = *slot;
	*slot = b;
	return b;
}

static struct sign sign_of(const struct stat *s)
{
	struct sign g;

	memset(&g, 0, sizeof(g));	/* compared as bytes */
	g.dev = s->st_dev;
	g.ino = s->st_ino;
	g.size = s->st_size;
	g.mtime = s->st_mtim;
	g.ctime = s->st_ctim;
	return g;
}

static bool same(const struct sign *a, const struct sign *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* ---- a file's bytes ------------------------------------------------------------------------ */

struct bytes {
	struct sign sign;
	uint8_t	*p;
	size_t	n;
};

/* NULL, or why not */
static const char *read_file(const char *path, struct bytes *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const char *why = "an input cannot be read";
	struct stat st, after;
	struct sign now;
	size_t at = 0;
	ssize_t n = 0;

	b->p = NULL;
	if (fd < 0)
		return why;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		goto out;
	why = "an input is too large";
	if (st.st_size > FILE_MAX)
		goto out;
	why = "no memory";
	b->n = (size_t)st.st_size;
	b->p = malloc(b->n + 1);
	if (!b->p)
		goto out;
	while (at < b->n && ((n = read(fd, b->p + at, b->n - at)) > 0 ||
			     (n < 0 && errno == EINTR)))
		at += n > 0 ? (size_t)n : 0;
	why = "an input changed while it was read";
	if (n < 0 || at != b->n || fstat(fd, &after))
		goto out;
	b->p[b->n] = '\0';
	b->sign = sign_of(&st);
	now = sign_of(&after);
	if (same(&b->sign, &now))
		why = NULL;
out:
	close(fd);
	if (why) {
		free(b->p);
		b->p = NULL;
	}
	return why;
}

static bool has(const struct bytes *b, const char *word)
{
	return memmem(b->p, b->n, word, strlen(word)) != NULL;
}

/*
 * "__has_include("x.h")" asks for a file that the scan names only when it is also included. With <>
 * it is asked of the distribution, as a rule, which is the same there.
 */
static bool asks_for_files(const struct bytes *b)
{
	static const char word[] = "__has_include";
	const uint8_t *p = b->p, *end = b->p + b->n;

	while ((p = memmem(p, (size_t)(end - p), word, sizeof(word) - 1))) {
		p += sizeof(word) - 1;
		if (p < end && *p == '_')	/* __has_include_next */
			return true;
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (p < end && *p == '(') {
			p++;
			while (p < end && (*p == ' ' || *p == '\t'))
				p++;
			if (p < end && *p != '<')
				return true;
		}
	}
	return false;
}

/* what makes a compilation depend on more than the files it names */
static const char *look(const struct bytes *b)
{
	if (has(b, "__TIMESTAMP__"))
		return "a source asks for its own date";
	if (has(b, ".incbin") || has(b, "#embed") || has(b, "__has_embed"))
		return "a source includes data";
	if (has(b, ".include"))
		return "a source includes assembly";
	if (asks_for_files(b))
		return "a source asks which files exist";
	return NULL;
}

/* ---- the servers --------------------------------------------------------------------------- */

static void hash_name(const uint8_t hash[HASH], char name[2 * HASH + 1])
{
	sodium_bin2hex(name, 2 * HASH + 1, hash, HASH);
}

static bool server_has(const am_cap *cap, uint64_t size)
{
	uint64_t is;

	return am_b_size(cap, &is) == AM_OK && is == size;
}

/* the file with these bytes, an old one or a new one */
static am_status obtain(struct store *st, const struct bytes *b, const uint8_t hash[HASH],
			am_cap *cap, bool *fresh)
{
	char name[2 * HASH + 1];
	am_status s;

	hash_name(hash, name);
	*fresh = false;
	s = am_lookup(&st->dir, name, cap);
	if (!s && server_has(cap, b->n))
		return AM_OK;
	if (s && s != AM_STD_NOTFOUND)
		return s;
	*fresh = true;
	if (!s) {	/* named, but the file is gone */
		s = am_b_create(&st->server, b->p, b->n, cap);
		return s ? s : am_dir_replace(&st->dir, name, cap);
	}
	s = am_b_create(&st->server, b->p, b->n, cap);
	if (s)
		return s;
	s = am_dir_append(&st->dir, name, cap, amctl_file_masks);
	if (s == AM_STD_EXISTS) {	/* another build was faster: its file will do */
		am_cap theirs;

		if (am_lookup(&st->dir, name, &theirs) == AM_OK && server_has(&theirs, b->n)) {
			am_std_destroy(cap);
			*cap = theirs;
			return AM_OK;
		}
		return am_dir_replace(&st->dir, name, cap);
	}
	return s;
}

/* the lock is held, and let go meanwhile */
static bool blob_cap(struct store *st, const struct bytes *b, am_cap *cap)
{
	uint8_t hash[HASH];
	struct blob *bl;
	unsigned int gen;
	am_status s = AM_OK;
	bool fresh;

	crypto_generichash(hash, sizeof(hash), b->p, b->n, NULL, 0);
	bl = need_blob(st, hash);
	if (!bl)
		return false;
	while (bl->busy)
		pthread_cond_wait(&st->change, &st->lock);
	if (bl->gen == st->gen) {
		*cap = bl->cap;
		return true;
	}
	bl->busy = true;
	gen = st->gen;
	pthread_mutex_unlock(&st->lock);
	/* a reply that was lost: what was done is found done */
	for (int i = 0; i < TRIES; i++) {
		s = obtain(st, b, hash, cap, &fresh);
		if (s != AM_RPC_FAILURE)
			break;
	}
	pthread_mutex_lock(&st->lock);
	bl->busy = false;
	if (!s) {
		bl->cap = *cap;
		bl->size = b->n;
		bl->gen = gen;
		if (fresh) {
			st->files++;
			st->bytes += b->n;
		}
	}
	pthread_cond_broadcast(&st->change);
	return !s;
}

/* ---- questions ----------------------------------------------------------------------------- */

/* what is known of the present bytes; true when it answers the question */
static bool answer(struct store *st, const char *path, am_cap *cap, const char **why)
{
	struct known *k;
	struct stat s;
	struct sign now;

	if (stat(path, &s))
		return false;
	now = sign_of(&s);
	k = find_known(st, path);
	if (!k || !same(&k->sign, &now) || !k->looked || (!k->why && k->gen != st->gen))
		return false;
	*why = k->why;
	*cap = k->cap;
	return true;
}

/* files of the tree that is built are on the server already: only the content is looked at */
static bool tree_file(struct store *st, const char *path, const struct bytes *b, am_cap *cap)
{
	struct known *k = find_known(st, path);
	bool there;

	if (!k || am_cap_null(&k->cap) || !same(&k->sign, &b->sign))
		return false;
	*cap = k->cap;
	pthread_mutex_unlock(&st->lock);
	there = server_has(cap, b->n);
	pthread_mutex_lock(&st->lock);
	return there;
}

const char *store_file(struct store *st, const char *path, am_cap *cap)
{
	const char *why = NULL;
	struct known *k;
	struct bytes b;
	bool got;

	pthread_mutex_lock(&st->lock);
	if (answer(st, path, cap, &why)) {
		pthread_mutex_unlock(&st->lock);
		return why;
	}
	pthread_mutex_unlock(&st->lock);
	why = read_file(path, &b);
	if (why)
		return why;
	why = look(&b);
	pthread_mutex_lock(&st->lock);
	got = why || tree_file(st, path, &b, cap) || blob_cap(st, &b, cap);
	k = got ? need_known(st, path) : NULL;
	if (k) {
		if (!same(&k->sign, &b.sign) || !am_cap_equal(&k->cap, cap))
			k->in_tree = false;
		k->sign = b.sign;
		k->looked = true;
		k->why = why;
		k->gen = st->gen;
		if (!why)
			k->cap = *cap;
	}
	pthread_mutex_unlock(&st->lock);
	free(b.p);
	return got ? why : "the file server does not take an input";
}

void store_known(struct store *st, const char *path, const am_cap *cap, bool in_tree)
{
	struct known *k;
	struct stat s;

	if (stat(path, &s))
		return;
	pthread_mutex_lock(&st->lock);
	k = need_known(st, path);
	if (k) {
		k->sign = sign_of(&s);
		k->cap = *cap;
		k->in_tree = in_tree;
		k->looked = false;
		k->why = NULL;
	}
	pthread_mutex_unlock(&st->lock);
}

bool store_is(struct store *st, const char *path, am_cap *cap, bool *in_tree)
{
	struct known *k;
	struct stat s;
	struct sign now;
	bool is;

	if (stat(path, &s))
		return false;
	now = sign_of(&s);
	pthread_mutex_lock(&st->lock);
	k = find_known(st, path);
	is = k && same(&k->sign, &now) && !am_cap_null(&k->cap);
	if (is) {
		*cap = k->cap;
		*in_tree = k->in_tree;
	}
	pthread_mutex_unlock(&st->lock);
	return is;
}

void store_doubt(struct store *st)
{
	pthread_mutex_lock(&st->lock);
	st->gen++;
	pthread_mutex_unlock(&st->lock);
}

void store_figures(struct store *st, uint64_t *files, uint64_t *bytes)
{
	pthread_mutex_lock(&st->lock);
	*files = st->files;
	*bytes = st->bytes;
	pthread_mutex_unlock(&st->lock);
}

const am_cap *store_server(const struct store *st)
{
	return &st->server;
}

/* ---- open and close ------------------------------------------------------------------------ */

/* the directory of the store, made when it is not there; prints the error line */
static int open_dir(struct store *st, const char *where)
{
	am_status s = AM_OK;
	am_cap root;
	int rc;

	for (int i = 0; i < TRIES; i++) {
		s = am_path(where, &st->dir);
		if (s != AM_RPC_FAILURE)
			break;
	}
	if (!s)
		return AMCTL_OK;
	rc = amctl_root(&root);
	return rc ? rc : amctl_mkdir(&root, where, true, &st->dir);
}

struct store *store_open(const char *where)
{
	struct store *st = calloc(1, sizeof(*st));
	am_status s;

	if (!st || sodium_init() < 0) {
		amctl_err(NULL, "out of memory or of randomness");
		free(st);
		return NULL;
	}
	pthread_mutex_init(&st->lock, NULL);
	pthread_cond_init(&st->change, NULL);
	st->gen = 1;
	s = am_b_server(&st->server);
	if (s)
		pool_err("the file server", s);
	else if (!open_dir(st, where))
		return st;
	store_close(st);
	return NULL;
}

void store_close(struct store *st)
{
	if (!st)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		struct known *k;
		struct blob *b;

		while ((k = st->known[i])) {
			st->known[i] = k->next;
			free(k);
		}
		while ((b = st->blob[i])) {
			st->blob[i] = b->next;
			free(b);
		}
	}
	pthread_mutex_destroy(&st->lock);
	pthread_cond_destroy(&st->change);
	free(st);
}
