// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The job descriptor: struct am_job <-> bytes.
 *
 * DESIGN NOTES
 *
 * Little-endian, strings end with a zero:
 *
 *   magic "amjob-1" and a zero, 8 bytes
 *   u32 flags, lease_ms, cpu_s, mem_mib, fsize_mib, wall_s
 *   str prog, cap prog_cap, str comment, str cwd, cap store
 *   u32 n, n str      argv
 *   u32 n, n str      env
 *   u32 n, n str      mounts
 *   u32 n, n times    inputs: u32 mode, str path, then cap (file) or str (link) or nothing (dir)
 *   u32 n, n str      outputs
 *
 * am_job_unpack() is where a descriptor that came over the network is judged: everything in a
 * struct am_job it returned obeys the limits and the rules for names of amoeba_proc.h. Strings
 * point into one copy of the bytes, kept in front of the structure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <amoeba_proc.h>

static const char magic[8] = "amjob-1";

struct jobmem {
	struct am_job job;
	char *bytes;
};

bool am_job_path_ok(const char *path)
{
	const char *p = path;
	size_t n;

	if (!*path || strlen(path) >= AM_PATH_MAX)
		return false;
	for (;;) {
		n = strcspn(p, "/");
		if (!n || n > AM_NAME_MAX || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

/* ---- pack ---------------------------------------------------------------------------------- */

static size_t list_count(char *const *l)
{
	size_t n = 0;

	while (l && l[n])
		n++;
	return n;
}

static size_t list_size(char *const *l)
{
	size_t size = 4;

	for (; l && *l; l++)
		size += strlen(*l) + 1;
	return size;
}

static const char *text(const char *s)
{
	return s ? s : "";
}

static size_t job_size(const struct am_job *j)
{
	size_t size = sizeof(magic) + 6 * 4 + 2 * sizeof(am_cap) + strlen(text(j->prog)) + 1 +
		      strlen(text(j->comment)) + 1 + strlen(text(j->cwd)) + 1;

	size += list_size(j->argv) + list_size(j->env) + list_size(j->mounts) +
		list_size(j->out) + 4;
	for (size_t i = 0; i < j->nin; i++) {
		size += 4 + strlen(j->in[i].path) + 1;
		if (S_ISREG(j->in[i].mode))
			size += sizeof(am_cap);
		else if (S_ISLNK(j->in[i].mode))
			size += strlen(text(j->in[i].target)) + 1;
	}
	return size;
}

static void put_list(struct am_buf *b, char *const *l)
{
	am_put_u32(b, (uint32_t)list_count(l));
	for (; l && *l; l++)
		am_put_str(b, *l);
}

am_status am_job_pack(const struct am_job *j, void **p, size_t *len)
{
	struct am_job *check;
	struct am_buf b;
	size_t size = job_size(j);
	uint8_t *mem;
	am_status s;

	if (size > AM_JOB_SIZE_MAX)
		return AM_STD_OVERFLOW;
	mem = malloc(size);
	if (!mem)
		return AM_STD_NOMEM;
	am_buf_init(&b, mem, size);
	am_put_bytes(&b, magic, sizeof(magic));
	am_put_u32(&b, j->flags);
	am_put_u32(&b, j->lease_ms);
	am_put_u32(&b, j->cpu_s);
	am_put_u32(&b, j->mem_mib);
	am_put_u32(&b, j->fsize_mib);
	am_put_u32(&b, j->wall_s);
	am_put_str(&b, text(j->prog));
	am_put_cap(&b, &j->prog_cap);
	am_put_str(&b, text(j->comment));
	am_put_str(&b, text(j->cwd));
	am_put_cap(&b, &j->store);
	put_list(&b, j->argv);
	put_list(&b, j->env);
	put_list(&b, j->mounts);
	am_put_u32(&b, (uint32_t)j->nin);
	for (size_t i = 0; i < j->nin; i++) {
		am_put_u32(&b, j->in[i].mode);
		am_put_str(&b, j->in[i].path);
		if (S_ISREG(j->in[i].mode))
			am_put_cap(&b, &j->in[i].cap);
		else if (S_ISLNK(j->in[i].mode))
			am_put_str(&b, text(j->in[i].target));
	}
	put_list(&b, j->out);
	if (b.bad || b.p != mem + size) {
		free(mem);
		return AM_STD_SYSERR;
	}
	/* the other side would refuse the same, later and in fewer words */
	s = am_job_unpack(mem, size, &check);
	if (s) {
		free(mem);
		return s;
	}
	am_job_free(check);
	*p = mem;
	*len = size;
	return AM_OK;
}

/* ---- unpack -------------------------------------------------------------------------------- */

/*
 * A list of at most @max strings. Each takes a byte at least, so the count is checked against
 * what is left before anything is allocated.
 */
static char **get_list(struct am_buf *b, uint32_t max)
{
	uint32_t n = am_get_u32(b);
	char **l;

	if (b->bad || n > max || n > (size_t)(b->end - b->p)) {
		b->bad = true;
		return NULL;
	}
	l = calloc((size_t)n + 1, sizeof(*l));
	if (!l) {
		b->bad = true;
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		l[i] = (char *)(uintptr_t)am_get_str(b);
		if (!l[i]) {
			b->bad = true;
			break;
		}
	}
	return l;
}

static void get_inputs(struct am_buf *b, struct am_job *j)
{
	uint32_t n = am_get_u32(b);

	if (b->bad || n > AM_JOB_FILES_MAX || n > (size_t)(b->end - b->p) / 6) {
		b->bad = b->bad || n;
		return;
	}
	j->in = calloc((size_t)n + 1, sizeof(*j->in));
	if (!j->in) {
		b->bad = true;
		return;
	}
	for (uint32_t i = 0; i < n && !b->bad; i++) {
		struct am_jobfile *f = &j->in[i];

		f->mode = am_get_u32(b);
		f->path = (char *)(uintptr_t)am_get_str(b);
		if (S_ISREG(f->mode))
			am_get_cap(b, &f->cap);
		else if (S_ISLNK(f->mode))
			f->target = (char *)(uintptr_t)am_get_str(b);
		j->nin++;
	}
}

static bool input_ok(const struct am_jobfile *f)
{
	if (!f->path || !am_job_path_ok(f->path) || (f->mode & ~(S_IFMT | 0777U)))
		return false;
	switch (f->mode & S_IFMT) {
	case S_IFREG:
		return !am_cap_null(&f->cap);
	case S_IFDIR:
		return true;
	case S_IFLNK:
		return f->target && *f->target && strlen(f->target) < AM_PATH_MAX;
	}
	return false;
}

static bool job_ok(const struct am_job *j)
{
	if ((j->flags & ~AM_JOB_FLAGS) || !j->argv[0])
		return false;
	if (strlen(j->prog) >= AM_PATH_MAX || strlen(j->comment) > AM_JOB_COMMENT_MAX ||
	    strlen(j->cwd) >= AM_PATH_MAX)
		return false;
	if (!*j->prog == am_cap_null(&j->prog_cap))
		return false;
	for (char **e = j->env; *e; e++)
		if (**e == '=' || !strchr(*e, '='))
			return false;
	for (char **m = j->mounts; *m; m++)
		if (!am_job_path_ok(*m))
			return false;
	for (char **o = j->out; *o; o++)
		if (!am_job_path_ok(*o))
			return false;
	for (size_t i = 0; i < j->nin; i++)
		if (!input_ok(&j->in[i]))
			return false;
	return true;
}

am_status am_job_unpack(const void *p, size_t len, struct am_job **out)
{
	struct jobmem *m;
	struct am_job *j;
	struct am_buf b;
	const void *mg;

	if (len > AM_JOB_SIZE_MAX)
		return AM_STD_OVERFLOW;
	m = calloc(1, sizeof(*m));
	if (!m)
		return AM_STD_NOMEM;
	m->bytes = malloc(len ? len : 1);
	if (!m->bytes) {
		free(m);
		return AM_STD_NOMEM;
	}
	if (len)
		memcpy(m->bytes, p, len);
	j = &m->job;
	am_buf_init(&b, m->bytes, len);
	mg = am_get_bytes(&b, sizeof(magic));
	if (!mg || memcmp(mg, magic, sizeof(magic)))
		goto bad;
	j->flags = am_get_u32(&b);
	j->lease_ms = am_get_u32(&b);
	j->cpu_s = am_get_u32(&b);
	j->mem_mib = am_get_u32(&b);
	j->fsize_mib = am_get_u32(&b);
	j->wall_s = am_get_u32(&b);
	j->prog = (char *)(uintptr_t)am_get_str(&b);
	am_get_cap(&b, &j->prog_cap);
	j->comment = (char *)(uintptr_t)am_get_str(&b);
	j->cwd = (char *)(uintptr_t)am_get_str(&b);
	am_get_cap(&b, &j->store);
	if (b.bad)
		goto bad;
	j->argv = get_list(&b, AM_JOB_ARGS_MAX);
	if (!b.bad)
		j->env = get_list(&b, AM_JOB_ARGS_MAX);
	if (!b.bad)
		j->mounts = get_list(&b, AM_JOB_MOUNTS_MAX);
	if (!b.bad)
		get_inputs(&b, j);
	if (!b.bad)
		j->out = get_list(&b, AM_JOB_FILES_MAX);
	if (b.bad || b.p != b.end || !job_ok(j))
		goto bad;
	*out = j;
	return AM_OK;
bad:
	am_job_free(j);
	return AM_STD_ARGBAD;
}

void am_job_free(struct am_job *j)
{
	struct jobmem *m = (struct jobmem *)(void *)j;

	if (!j)
		return;
	free(j->argv);
	free(j->env);
	free(j->mounts);
	free(j->in);
	free(j->out);
	free(m->bytes);
	free(m);
}
