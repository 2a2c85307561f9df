// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pool directory and the run server.
 *
 * FINDHOST > u32 count, u64 memory (KiB), u32 n, n str names to avoid
 *          < u32 n, n times {str name, cap, u32 ncpu, u32 flags}, the best first
 * GETEXECCAP > nothing < header: exec capability; str name
 */
#include <stdlib.h>
#include <string.h>

#include <amoeba_proc.h>

#define LOAD_MS 2000	/* a host that has not told its load by then is down */

/* ---- the pool directory -------------------------------------------------------------------- */

struct names {
	char (*name)[AM_NAME_MAX + 1];
	size_t n;
};

static int add_name(const struct am_dirent *e, void *arg)
{
	struct names *l = arg;
	void *p;

	if (strchr(e->name, '.') || strlen(e->name) >= AM_HOST_NAME)
		return 0;
	p = realloc(l->name, (l->n + 1) * sizeof(*l->name));
	if (!p)
		return 1;
	l->name = p;
	strcpy(l->name[l->n++], e->name);
	return 0;
}

static am_status pool_dir(am_cap *dir)
{
	am_status s = am_path(AM_POOL_DIR, dir);

	return s == AM_STD_NOTFOUND ? AM_RUN_NOPOOL : s;
}

am_status am_pool_list(int (*fn)(const char *name, const am_cap *c, void *arg), void *arg)
{
	struct names l = { 0 };
	am_cap dir, c;
	am_status s;

	s = pool_dir(&dir);
	if (s)
		return s;
	s = am_dir_list(&dir, add_name, &l);
	if (s > 0)
		s = AM_STD_NOMEM;
	for (size_t i = 0; !s && i < l.n; i++) {
		s = am_lookup(&dir, l.name[i], &c);
		if (s == AM_STD_NOTFOUND) {	/* went away meanwhile */
			s = AM_OK;
			continue;
		}
		if (!s)
			s = fn(l.name[i], &c, arg);
	}
	free(l.name);
	return s;
}

am_status am_pool_host(const char *name, am_cap *c)
{
	am_cap dir;
	am_status s;

	if (!*name || strchr(name, '/') || strchr(name, '.'))
		return AM_STD_NOTFOUND;
	s = pool_dir(&dir);
	return s ? s : am_lookup(&dir, name, c);
}

static const uint32_t dir_masks[AM_DIR_COLUMNS] = { 0xff, 0x06, 0x04, 0 };

/* the directory @name of @parent, made when it is not there */
static am_status need_dir(const am_cap *parent, const char *name, am_cap *dir)
{
	am_status s = am_lookup(parent, name, dir);

	if (s != AM_STD_NOTFOUND)
		return s;
	s = am_dir_create(parent, dir);
	if (s)
		return s;
	s = am_dir_append(parent, name, dir, dir_masks);
	if (s == AM_STD_EXISTS) {	/* somebody else was faster */
		am_dir_discard(dir);
		return am_lookup(parent, name, dir);
	}
	return s;
}

am_status am_pool_enter(const char *name, const am_cap *c, const uint32_t masks[AM_DIR_COLUMNS])
{
	am_cap root, dir, old;
	char info[256];
	am_status s;

	s = am_root(&root);
	if (s)
		return s;
	s = need_dir(&root, "profile", &dir);
	if (!s)
		s = need_dir(&dir, "pool", &dir);
	if (s)
		return s;
	s = am_lookup(&dir, name, &old);
	if (s == AM_STD_NOTFOUND)
		return am_dir_append(&dir, name, c, masks);
	if (s)
		return s;
	if (am_cap_equal(&old, c))
		return AM_OK;
	/* another server under this name: it stays when it lives */
	if (!am_port_equal(&old.port, &c->port) &&
	    am_std_info(&old, info, sizeof(info)) == AM_OK)
		return AM_STD_EXISTS;
	s = am_dir_replace(&dir, name, c);
	if (s)
		return s;
	return am_dir_chmod(&dir, name, masks);
}

/* ---- the run server ------------------------------------------------------------------------ */

am_status am_run_server(am_cap *c)
{
	const char *text = getenv("RUN_SERVER");
	am_cap dir;
	am_status s;

	if (text && *text && *text != '/')
		return am_cap_parse(text, c);
	if (text && *text == '/')
		return am_path(text, c);
	s = pool_dir(&dir);
	return s ? s : am_lookup(&dir, ".run", c);
}

am_status am_run_findhost(const am_cap *run, uint64_t mem_kib, const char *const *avoid,
			  struct am_runhost *hosts, size_t *n)
{
	struct am_trans_opt opt = { .locate_ms = 2000, .timeout_ms = 5000 };
	struct amoeba_header h = { 0 };
	uint8_t body[8192] = { 0 };
	uint8_t reply[AM_RUN_HOSTS_MAX * (AM_HOST_NAME + 24) + 4];
	size_t rlen = sizeof(reply);
	uint32_t navoid = 0, got;
	struct am_buf b;
	am_status s;

	for (; avoid && avoid[navoid]; navoid++)
		;
	if (!*n || *n > AM_RUN_HOSTS_MAX)
		return AM_STD_ARGBAD;
	am_buf_init(&b, body, sizeof(body));
	am_put_u32(&b, (uint32_t)*n);
	am_put_u64(&b, mem_kib);
	am_put_u32(&b, navoid);
	for (uint32_t i = 0; i < navoid; i++)
		am_put_str(&b, avoid[i]);
	if (b.bad)
		return AM_STD_OVERFLOW;
	am_hdr_set_cap(&h, run);
	h.command = AM_RUN_FINDHOST;
	s = am_trans_opt(&h, body, (size_t)(b.p - body), reply, &rlen, &opt);
	if (s)
		return s;
	am_buf_init(&b, reply, rlen);
	got = am_get_u32(&b);
	if (b.bad || got > *n)
		return AM_STD_SYSERR;
	for (uint32_t i = 0; i < got; i++) {
		const char *name = am_get_str(&b);

		if (!name || strlen(name) >= AM_HOST_NAME)
			return AM_STD_SYSERR;
		strcpy(hosts[i].name, name);
		am_get_cap(&b, &hosts[i].cap);
		hosts[i].ncpu = am_get_u32(&b);
		hosts[i].flags = am_get_u32(&b);
	}
	if (b.bad)
		return AM_STD_SYSERR;
	*n = got;
	return got ? AM_OK : AM_RUN_NONE;
}

/* ---- without a run server ------------------------------------------------------------------ */

struct best {
	const char *const *avoid;
	uint64_t mem_kib;
	double load;
	bool any;
	struct am_runhost host;
};

static int try_host(const char *name, const am_cap *c, void *arg)
{
	struct best *b = arg;
	struct am_load l;
	double load;

	for (const char *const *a = b->avoid; a && *a; a++)
		if (!strcmp(*a, name))
			return 0;
	if (am_ps_load(c, LOAD_MS, &l) || l.jobs >= l.jobs_max || l.mem_free < b->mem_kib)
		return 0;
	load = ((double)l.runnable / 1024 + l.jobs) / (l.ncpu ? l.ncpu : 1);
	if (b->any && load >= b->load)
		return 0;
	b->any = true;
	b->load = load;
	strcpy(b->host.name, name);
	b->host.cap = *c;
	b->host.ncpu = l.ncpu;
	b->host.flags = l.flags;
	return 0;
}

am_status am_run_choose(uint64_t mem_kib, const char *const *avoid, struct am_runhost *host)
{
	struct best b = { .avoid = avoid, .mem_kib = mem_kib };
	size_t n = 1;
	am_status s;
	am_cap run;

	s = am_run_server(&run);
	if (!s) {
		s = am_run_findhost(&run, mem_kib, avoid, host, &n);
		if (s == AM_OK)
			return s;
	}
	/* none, or it knows of no host: it may not have heard of the newest ones */
	s = am_pool_list(try_host, &b);
	if (s)
		return s;
	if (!b.any)
		return AM_RUN_NONE;
	*host = b.host;
	return AM_OK;
}
