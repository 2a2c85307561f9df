// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One compilation on a host of the pool. Whatever goes wrong, the answer is that it was not
 * done, and why; then amcc runs the compiler here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amctl_make.h"

#define TRIES	3		/* hosts */
#define POLL_MS	1000		/* how soon we notice that make went away */
#define TEXT_MAX (1U << 20)	/* of warnings */
#define LEASE_MS 20000

struct work {
	const struct call *c;
	struct cc cc;
	struct paths paths;
	char	object[AM_PATH_MAX], dep[AM_PATH_MAX];	/* where they go here, absolute */
	char	*out[3];		/* the same in the job */
	char	*env[32];
	char	pwd[AM_PATH_MAX + 8];
	bool	(*gone)(void *arg);
	void	*arg;
};

/* ---- what it needs ------------------------------------------------------------------------- */

static const char *bad_path(enum path_where where)
{
	return where == PATH_NONE ? "a file it needs is not there" :
	       "a file it needs is in a place jobs cannot see";
}

/* where an output goes: its directory must be ours, and nothing but a plain file in its way */
static const char *output_place(struct work *w, const char *name, char place[AM_PATH_MAX])
{
	const char *slash = strrchr(name, '/');
	char dir[AM_PATH_MAX], real[AM_PATH_MAX];
	enum path_where where;
	struct stat st;

	if (strlen(name) >= sizeof(dir))
		return "a name is too long";
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - name + 1) : 1, slash ? name : ".");
	where = paths_add(&w->paths, w->c->cwd, dir, false, real);
	if (where != PATH_OURS)
		return where == PATH_HOST ? "it writes into the distribution" : bad_path(where);
	if (snprintf(place, AM_PATH_MAX, "%s/%s", real, slash ? slash + 1 : name) >= AM_PATH_MAX)
		return "a name is too long";
	if (!lstat(place, &st) && !S_ISREG(st.st_mode))
		return "its output is no plain file";
	return NULL;
}

static const char *add_inputs(struct work *w)
{
	char **list = NULL, *only[2] = { (char *)(uintptr_t)w->cc.source, NULL };
	char real[AM_PATH_MAX];
	const char *why = NULL;

	if (w->cc.preprocess) {
		list = scan_inputs(w->c, &w->cc);
		if (!list)
			return "its headers cannot be found";
	}
	for (char **f = list ? list : only; *f && !why; f++) {
		enum path_where where = paths_add(&w->paths, w->c->cwd, *f, true, real);

		if (where != PATH_OURS && where != PATH_HOST)
			why = bad_path(where);
	}
	free(list);
	return why;
}

static const char *add_places(struct work *w)
{
	char real[AM_PATH_MAX];
	enum path_where where;
	const char *why;

	where = paths_add(&w->paths, "/", w->c->pwd, false, real);
	if (where == PATH_OURS)
		where = paths_add(&w->paths, "/", w->c->cwd, false, real);
	if (where != PATH_OURS)
		return "its directory is in a place jobs cannot see";
	for (size_t i = 0; i < w->cc.ndirs; i++) {
		/* absent here is absent there; searched in vain in the same way */
		where = paths_add(&w->paths, w->c->cwd, w->cc.dirs[i], false, real);
		if (where == PATH_BAD)
			return "it searches a directory jobs cannot see";
	}
	why = output_place(w, w->cc.object, w->object);
	if (!why && w->cc.dep)
		why = output_place(w, w->cc.dep, w->dep);
	return why;
}

/* every input is on the file server, or is brought there */
static const char *store_inputs(struct work *w)
{
	char path[AM_PATH_MAX + 1];
	const char *why = NULL;

	for (size_t i = 0; i < w->paths.n && !why; i++) {
		struct am_jobfile *f = &w->paths.f[i];

		if (!S_ISREG(f->mode))
			continue;
		snprintf(path, sizeof(path), "/%s", f->path);
		why = store_file(mk.store, path, &f->cap);
	}
	return why;
}

static void make_env(struct work *w)
{
	size_t n = 0, max = sizeof(w->env) / sizeof(w->env[0]) - 2;

	for (char **e = w->c->env; *e && n < max; e++)
		if (strncmp(*e, "PWD=", 4) && strncmp(*e, "PATH=", 5))
			w->env[n++] = *e;
	snprintf(w->pwd, sizeof(w->pwd), "PWD=%s", w->c->pwd);
	w->env[n++] = w->pwd;
	w->env[n] = NULL;
}

/* ---- the job ------------------------------------------------------------------------------- */

enum verdict {
	V_DONE,		/* compiled, the outputs are here */
	V_HERE,		/* to be done here, a->why says why */
	V_NEXT,		/* to be tried on another host */
};

static bool append(char **text, size_t *n, const uint8_t *p, size_t len)
{
	char *q;

	if (!len)
		return true;
	if (*n + len > TEXT_MAX)
		return false;
	q = realloc(*text, *n + len);
	if (!q)
		return false;
	memcpy(q + *n, p, len);
	*text = q;
	*n += len;
	return true;
}

/* until it has ended; with its output in @a */
static am_status attend(struct work *w, const am_cap *proc, struct answer *a, bool *too_much)
{
	const uint32_t all = AM_POLL_DONE | AM_POLL_OUT_EOF | AM_POLL_ERR_EOF;
	struct am_poll *p = calloc(1, sizeof(*p));
	am_status s;

	if (!p)
		return AM_STD_NOMEM;
	*too_much = false;
	do {
		p->wait_ms = POLL_MS;
		s = am_ps_poll(proc, p);
		if (s)
			break;
		if (!append(&a->out, &a->nout, p->out, p->out_len) ||
		    !append(&a->err, &a->nerr, p->err, p->err_len))
			*too_much = true;
		if (w->gone(w->arg))
			s = AM_RPC_ABORTED;
	} while (!s && !*too_much && (p->flags & all) != all);
	free(p);
	return s;
}

/* an output takes its place complete or not at all */
static am_status fetch(const struct am_jobout *o, const char *place, char tmp[AM_PATH_MAX + 16])
{
	am_status s = AM_OK;
	uint64_t size;
	int fd;

	snprintf(tmp, AM_PATH_MAX + 16, "%s.XXXXXX", place);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		*tmp = '\0';
		return AM_STD_SYSERR;
	}
	s = am_b_read_fd(&o->cap, fd, &size);
	if (!s && size != o->size)
		s = AM_STD_SYSERR;
	if (fchmod(fd, 0666 & ~mk.umask) && !s)
		s = AM_STD_SYSERR;
	if (close(fd) && !s)
		s = AM_STD_SYSERR;
	return s;
}

static am_status fetch_all(struct work *w, const struct am_jobres *r)
{
	char tmp[2][AM_PATH_MAX + 16] = { "", "" };
	const char *place[2] = { w->object, w->dep };
	size_t n = w->cc.dep ? 2 : 1;
	am_status s = AM_OK;

	for (size_t i = 0; i < n && !s; i++)
		s = fetch(&r->out[i], place[i], tmp[i]);
	/* the object last: with it everything is there */
	for (size_t i = n; i-- && !s;)
		if (rename(tmp[i], place[i]))
			s = AM_STD_SYSERR;
		else
			*tmp[i] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (*tmp[i])
			unlink(tmp[i]);
		else if (!s && mk.keep_outputs)
			store_known(mk.store, place[i], &r->out[i].cap, false);
	}
	return s;
}

static enum verdict judge(struct work *w, struct mhost *h, const struct am_jobres *r,
			  struct answer *a)
{
	am_status s;

	if (r->error == AM_EX_PDREAD) {
		store_doubt(mk.store);
		a->why = "a host could not read an input";
		return V_NEXT;
	}
	if (r->error) {
		hosts_failed(h, *r->why ? r->why : NULL, r->error);
		a->why = "the host could not run it";
		return V_NEXT;
	}
	if (!r->exited || r->code || r->nout < 1 || !r->out[0].present ||
	    (w->cc.dep && (r->nout < 2 || !r->out[1].present))) {
		a->why = "it failed there; what the compiler here says counts";
		mk.redone++;
		return V_HERE;
	}
	s = fetch_all(w, r);
	if (s) {
		a->why = "its outputs could not be fetched";
		return V_HERE;
	}
	return V_DONE;
}

static void drop_text(struct answer *a)
{
	free(a->out);
	free(a->err);
	a->out = a->err = NULL;
	a->nout = a->nerr = 0;
}

static enum verdict on_host(struct work *w, struct mhost *h, struct answer *a)
{
	struct am_job job = {
		.lease_ms = LEASE_MS, .prog = (char *)(uintptr_t)w->c->compiler,
		.cwd = (char *)(uintptr_t)w->c->pwd, .argv = w->c->argv, .env = w->env,
		.mounts = w->paths.mounts, .in = w->paths.f, .nin = w->paths.n, .out = w->out,
		.store = *store_server(mk.store),
	};
	struct am_jobres r = { 0 };
	enum verdict v = V_NEXT;
	bool too_much = false;
	am_status s;
	am_cap proc;

	s = am_ps_exec(&h->cap, &job, &proc);
	if (s == AM_STD_OVERFLOW || s == AM_STD_ARGBAD) {
		a->why = "its description is too large for a job";
		return V_HERE;
	}
	if (s) {
		/* perhaps it runs there: it changes nothing, and ends with its lease */
		hosts_failed(h, NULL, s);
		if (s != AM_STD_NOTNOW)
			mk.lost++;
		a->why = "a host did not take it";
		return V_NEXT;
	}
	s = attend(w, &proc, a, &too_much);
	if (s == AM_RPC_ABORTED && w->gone(w->arg)) {
		am_ps_release(&proc, false);
		a->why = "make went away";
		return V_HERE;
	}
	if (!s && too_much) {
		am_ps_release(&proc, false);
		drop_text(a);
		a->why = "it says too much";
		return V_HERE;
	}
	if (!s)
		s = am_ps_wait(&proc, AM_PS_WAIT_MAX, &r);
	if (!s && r.state != AM_JOB_DONE)
		s = AM_STD_SYSERR;
	if (s) {
		hosts_failed(h, NULL, s);
		mk.lost++;
		a->why = "a host was lost";
	} else {
		v = judge(w, h, &r, a);
	}
	if (v != V_DONE)
		drop_text(a);
	am_ps_release(&proc, v == V_DONE && mk.keep_outputs);
	am_jobres_free(&r);
	return v;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void try_hosts(struct work *w, struct answer *a)
{
	const char *tried[AM_RUN_HOSTS_MAX + 1] = { NULL };
	size_t n = 0, failures = 0;
	enum verdict v = V_NEXT;

	while (v == V_NEXT && failures < TRIES && n < AM_RUN_HOSTS_MAX) {
		double begun = amctl_now();
		struct mhost *h = hosts_take(tried, w->gone, w->arg);
		const char *why;

		if (!h) {
			if (!a->why)
				a->why = "no host is there for it";
			return;
		}
		tried[n++] = h->name;
		if (!hosts_compiler(h, w->c)) {
			hosts_give(h, false);
			continue;
		}
		a->why = NULL;
		v = on_host(w, h, a);
		hosts_give(h, v == V_DONE);
		if (v == V_DONE) {
			a->done = true;
			mk_say("%s: %s, %.2f s", w->cc.source, h->name, amctl_now() - begun);
		} else if (v == V_NEXT) {
			mk_say("%s: %s: %s", w->cc.source, h->name, a->why);
			failures++;
			/* a file the server has lost is brought there again */
			why = store_inputs(w);
			if (why) {
				a->why = why;
				return;
			}
		}
	}
}

void remote_compile(const struct call *c, struct answer *a, bool (*gone)(void *arg), void *arg)
{
	struct work *w = calloc(1, sizeof(*w));

	memset(a, 0, sizeof(*a));
	if (!w) {
		a->why = "no memory";
		return;
	}
	w->c = c;
	w->gone = gone;
	w->arg = arg;
	a->why = cc_parse(c, &w->cc);
	if (!a->why && !mk.store)
		a->why = "there is no pool";
	if (!a->why)
		a->why = add_places(w);
	if (!a->why)
		a->why = add_inputs(w);
	if (!a->why)
		a->why = store_inputs(w);
	if (!a->why) {
		w->out[0] = w->object + 1;
		w->out[1] = w->cc.dep ? w->dep + 1 : NULL;
		make_env(w);
		try_hosts(w, a);
	}
	if (!a->done)
		mk_say("%s: here: %s", w->cc.source ? w->cc.source : c->argv[0],
		       a->why ? a->why : "no host did it");
	paths_free(&w->paths);
	cc_free(&w->cc);
	free(w);
}
