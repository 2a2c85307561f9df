// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl make: options, the compilers' names in PATH, make itself, what is said at the end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../amcc/amcc.h"
#include "amctl_make.h"

#define ARGS_MAX	1024
#define BACKLOG		256

struct mstate mk;

static struct {
	char	dir[64];		/* of our own: socket, bin/ */
	char	tree_dir[AM_PATH_MAX];	/* the tree as local files */
	const char *tree;		/* the tree's name in the directory, or NULL */
	const char *where;		/* --store */
	const char *chdir;		/* -C, when it is a local one */
	bool	bar, here, temp_tree;
	int	tree_lock;
	char	*args[ARGS_MAX + 8];	/* of make */
	size_t	nargs;
	bool	has_j;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t	change;
	unsigned int active;
	struct amctl_bar progress;
} m = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

static int listener = -1;

void mk_say(const char *fmt, ...)
{
	char line[AM_PATH_MAX + 256];
	va_list ap;

	if (!mk.verbose)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "amctl: make: %s\n", line);
}

/* ---- calls of amcc ------------------------------------------------------------------------- */

const char *call_env(const struct call *c, const char *name)
{
	size_t n = strlen(name);

	for (char **e = c->env; *e; e++)
		if (!strncmp(*e, name, n) && (*e)[n] == '=')
			return *e + n + 1;
	return NULL;
}

static bool recv_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t r = recv(fd, p, n, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

static char **get_list(struct am_buf *b)
{
	uint32_t n = am_get_u32(b);
	char **l;

	if (b->bad || n > AMCC_MAX / 2)
		return NULL;
	l = calloc((size_t)n + 1, sizeof(*l));
	for (uint32_t i = 0; l && i < n; i++) {
		l[i] = (char *)(uintptr_t)am_get_str(b);
		if (!l[i]) {
			free(l);
			return NULL;
		}
	}
	return l;
}

static void call_free(struct call *c)
{
	free(c->argv);
	free(c->env);
	free(c->mem);
}

/* $PWD counts for the compiler when it names the same place */
static const char *the_pwd(const struct call *c)
{
	const char *pwd = call_env(c, "PWD");
	struct stat a, b;

	if (pwd && *pwd == '/' && !stat(pwd, &a) && !stat(c->cwd, &b) && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino)
		return pwd;
	return c->cwd;
}

static bool call_read(int fd, struct call *c)
{
	uint8_t head[4] = { 0 };
	struct am_buf b;
	uint32_t len;

	memset(c, 0, sizeof(*c));
	if (!recv_all(fd, head, sizeof(head)))
		return false;
	am_buf_init(&b, head, sizeof(head));
	len = am_get_u32(&b);
	if (!len || len > AMCC_MAX)
		return false;
	c->mem = malloc(len);
	if (!c->mem || !recv_all(fd, (uint8_t *)c->mem, len))
		return false;
	am_buf_init(&b, c->mem, len);
	c->cwd = am_get_str(&b);
	c->compiler = am_get_str(&b);
	if (!c->cwd || !c->compiler || *c->cwd != '/' || *c->compiler != '/')
		return false;
	c->argv = get_list(&b);
	c->env = c->argv ? get_list(&b) : NULL;
	if (!c->env || !c->argv[0])
		return false;
	c->pwd = the_pwd(c);
	return true;
}

static bool send_all(int fd, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

static bool reply(int fd, const struct answer *a)
{
	uint8_t head[16] = { 0 }, mid[4] = { 0 };
	struct am_buf b;

	am_buf_init(&b, head, sizeof(head));
	am_put_u32(&b, (uint32_t)(16 + a->nout + a->nerr));
	am_put_u32(&b, a->done ? AMCC_DONE : AMCC_LOCAL);
	am_put_u32(&b, (uint32_t)a->status);
	am_put_u32(&b, (uint32_t)a->nout);
	am_buf_init(&b, mid, sizeof(mid));
	am_put_u32(&b, (uint32_t)a->nerr);
	return send_all(fd, head, sizeof(head)) && send_all(fd, a->out, a->nout) &&
	       send_all(fd, mid, sizeof(mid)) && send_all(fd, a->err, a->nerr);
}

/* make was stopped, or killed its compilers: the connection ends */
static bool gone(void *arg)
{
	int fd = *(int *)arg;
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

	return !n || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void count(const struct answer *a)
{
	char detail[64];

	if (a->done)
		mk.remote++;
	else
		mk.local++;
	if (!m.bar)
		return;
	pthread_mutex_lock(&m.lock);
	snprintf(detail, sizeof(detail), "%u on the pool", mk.remote);
	amctl_bar_set(&m.progress, mk.remote + mk.local, detail);
	pthread_mutex_unlock(&m.lock);
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct answer a = { 0 };
	struct call c;

	if (call_read(fd, &c)) {
		remote_compile(&c, &a, gone, &fd);
		if (!reply(fd, &a) && a.done)
			mk_say("%s: nobody waited for the answer", c.compiler);
		count(&a);
	}
	free(a.out);
	free(a.err);
	call_free(&c);
	close(fd);
	pthread_mutex_lock(&m.lock);
	m.active--;
	pthread_cond_broadcast(&m.change);
	pthread_mutex_unlock(&m.lock);
	return NULL;
}

static void *accept_all(void *arg)
{
	pthread_attr_t attr;
	pthread_t t;
	int fd;

	(void)arg;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR ||
	       errno == ECONNABORTED || errno == EMFILE || errno == ENOMEM) {
		if (fd < 0) {
			if (errno != EINTR)
				usleep(10000);
			continue;
		}
		pthread_mutex_lock(&m.lock);
		m.active++;
		pthread_mutex_unlock(&m.lock);
		if (pthread_create(&t, &attr, serve, (void *)(intptr_t)fd)) {
			close(fd);	/* amcc sees that, and compiles itself */
			pthread_mutex_lock(&m.lock);
			m.active--;
			pthread_mutex_unlock(&m.lock);
		}
	}
	pthread_attr_destroy(&attr);
	return NULL;
}

/* ---- our directory ------------------------------------------------------------------------- */

/* amcc lies beside amctl */
static bool find_amcc(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 8);
	char *slash;

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	strcpy(slash + 1, "amcc");
	return !access(path, X_OK);
}

/* each compiler found along PATH gets its name in front of it */
static int make_names(const char *bin, const char *amcc)
{
	static const char re_text[] =
		"^([A-Za-z0-9_.]+-)*(cc|gcc|c\\+\\+|g\\+\\+|clang|clang\\+\\+|c89|c99)"
		"(-[0-9.]+)?$";
	const char *path = getenv("PATH");
	unsigned int n = 0;
	regex_t re;

	if (regcomp(&re, re_text, REG_EXTENDED | REG_NOSUB))
		return amctl_err(NULL, "regcomp");
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	for (;; path++) {
		size_t len = strcspn(path, ":");
		char dir[AM_PATH_MAX], name[AM_PATH_MAX];
		struct dirent *e;
		DIR *d;

		snprintf(dir, sizeof(dir), "%.*s", (int)len, path);
		d = *dir == '/' ? opendir(dir) : NULL;
		while (d && (e = readdir(d))) {
			if (regexec(&re, e->d_name, 0, NULL, 0))
				continue;
			if (snprintf(name, sizeof(name), "%s/%s", bin, e->d_name) <
			    (int)sizeof(name) && !symlink(amcc, name))
				n++;
		}
		if (d)
			closedir(d);
		path += len;
		if (!*path)
			break;
	}
	regfree(&re);
	return n ? AMCTL_OK : amctl_err("apt-get install gcc", "no compiler along PATH");
}

static int make_socket(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/socket", m.dir);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(listener, BACKLOG))
		return amctl_err(NULL, "%s: %s", sa.sun_path, strerror(errno));
	return AMCTL_OK;
}

static int make_dir(void)
{
	char amcc[AM_PATH_MAX], bin[96];

	if (!find_amcc(amcc, sizeof(amcc)))
		return amctl_err("it is installed beside amctl: make install",
				 "%s: there is no amcc", amcc);
	strcpy(m.dir, "/tmp/amctl-make.XXXXXX");
	if (!mkdtemp(m.dir)) {
		int err = errno;

		m.dir[0] = '\0';
		return amctl_err_errno("/tmp", err);
	}
	snprintf(bin, sizeof(bin), "%s/bin", m.dir);
	if (mkdir(bin, 0700))
		return amctl_err_errno(bin, errno);
	return make_names(bin, amcc) ?: make_socket();
}

static void remove_all(const char *dir);

/* @dir is ours: what make left in a temporary tree goes with it */
static void empty_dir(const char *dir)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		char path[AM_PATH_MAX];
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path) ||
		    lstat(path, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			remove_all(path);
		else
			unlink(path);
	}
	if (d)
		closedir(d);
}

static void remove_all(const char *dir)
{
	empty_dir(dir);
	rmdir(dir);
}

/* ---- arguments ----------------------------------------------------------------------------- */

static int push(char *arg)
{
	if (m.nargs == ARGS_MAX)
		return amctl_bad("more than %d arguments", ARGS_MAX);
	m.args[m.nargs++] = arg;
	return AMCTL_OK;
}

static int set_tree(const char *path)
{
	if (m.tree)
		return amctl_bad("one tree at a time");
	m.tree = path;
	return AMCTL_OK;
}

static int set_dir(const char *dir)
{
	if (!strncmp(dir, "amoeba:", 7))
		return set_tree(dir + 7);
	if (m.chdir)
		return amctl_bad("-C twice: give one path");
	m.chdir = dir;
	return AMCTL_OK;
}

static bool takes_value(const char *a)
{
	static const char *const opts[] = { "-f", "-I", "-o", "-W", "--file", "--makefile",
					    "--include-dir", "--old-file", "--what-if",
					    "--eval", "-E" };

	for (size_t i = 0; i < sizeof(opts) / sizeof(opts[0]); i++)
		if (!strcmp(a, opts[i]))
			return true;
	return false;
}

static int parse(int argc, char **argv)
{
	int rc = AMCTL_OK;

	for (int i = 0; i < argc && !rc; i++) {
		char *a = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(a, "-v")) {
			mk.verbose = true;
		} else if (!strcmp(a, "--bar")) {
			m.bar = true;
		} else if (!strcmp(a, "--here")) {
			m.here = true;
		} else if (!strcmp(a, "--tree") || !strcmp(a, "--store") || !strcmp(a, "-C") ||
			   !strcmp(a, "--directory")) {
			if (!next)
				return amctl_bad("%s wants a path", a);
			i++;
			if (!strcmp(a, "--tree"))
				rc = set_tree(strncmp(next, "amoeba:", 7) ? next : next + 7);
			else if (!strcmp(a, "--store"))
				m.where = next;
			else
				rc = set_dir(next);
		} else if (!strncmp(a, "-C", 2)) {
			rc = set_dir(a + 2);
		} else {
			m.has_j = m.has_j || !strncmp(a, "-j", 2) || !strncmp(a, "--jobs", 6);
			rc = push(a);
			/* "-j N" is one number more, "-f FILE" one name */
			if (!rc && next && (takes_value(a) ||
					    ((!strcmp(a, "-j") || !strcmp(a, "--jobs")) &&
					     strspn(next, "0123456789") == strlen(next))))
				rc = push(argv[++i]);
		}
	}
	return rc;
}

/* ---- make ---------------------------------------------------------------------------------- */

static const char *work_dir(void)
{
	return *m.tree_dir ? m.tree_dir : m.chdir;
}

/* the arguments of make in order, with what we add in front; NULL ends them */
static void make_argv(char *argv[ARGS_MAX + 16], char jobs[16], bool dry)
{
	static char name[] = "make", c[] = "-C", n[] = "-n", quiet[] = "--no-print-directory";
	size_t k = 0;

	argv[k++] = name;
	if (work_dir()) {
		argv[k++] = c;
		argv[k++] = (char *)(uintptr_t)work_dir();
		argv[k++] = quiet;
	}
	if (dry)
		argv[k++] = n;
	else if (!m.has_j && *jobs)
		argv[k++] = jobs;
	for (size_t i = 0; i < m.nargs; i++)
		argv[k++] = m.args[i];
	argv[k] = NULL;
}

/* how many compilations `make -n` announces; 0: not known */
static uint64_t estimate(void)
{
	char *argv[ARGS_MAX + 16], none[16] = "", *text, *save;
	uint64_t n = 0;

	make_argv(argv, none, true);
	text = run_and_read(argv, "/usr/bin/make", ".", environ, 1);
	for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save))
		n += strstr(l, " -c ") != NULL;
	free(text);
	return n;
}

static void become_make(char **argv) __attribute__((noreturn));
static void become_make(char **argv)
{
	const char *old = getenv("PATH");
	char *path, sock[96], bin[96];
	int null;

	snprintf(sock, sizeof(sock), "%s/socket", m.dir);
	snprintf(bin, sizeof(bin), "%s/bin", m.dir);
	if (asprintf(&path, "%s:%s", bin, old ? old : "/usr/local/bin:/usr/bin:/bin") < 0)
		_exit(125);
	setenv("PATH", path, 1);
	setenv(AMCC_SOCKET, sock, 1);
	setenv(AMCC_MASK, bin, 1);
	if (m.bar) {
		null = open("/dev/null", O_WRONLY);
		if (null >= 0)
			dup2(null, 1);
	} else if (amctl_json) {
		dup2(2, 1);
	}
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	fprintf(stderr, "amctl: make: %s (apt-get install make)\n", strerror(errno));
	_exit(127);
}

static int run_make(int *status)
{
	char *argv[ARGS_MAX + 16], jobs[16] = "";
	pthread_t t;
	pid_t pid;

	if (!m.has_j)
		snprintf(jobs, sizeof(jobs), "-j%u", mk.store ? hosts_slots() + 1 : 1);
	make_argv(argv, jobs, false);
	if (m.bar)
		amctl_bar_start(&m.progress, "compile", "files", estimate());
	fflush(stdout);
	/* ^C reaches make and its compilers; we stay to clear up */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	pid = fork();
	if (!pid)
		become_make(argv);
	if (pid < 0)
		return amctl_err_errno("make", errno);
	if (pthread_create(&t, NULL, accept_all, NULL)) {
		close(listener);	/* all is compiled here */
		listener = -1;
	}
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	if (listener >= 0) {
		shutdown(listener, SHUT_RDWR);
		pthread_join(t, NULL);
		close(listener);
	}
	pthread_mutex_lock(&m.lock);
	while (m.active)
		pthread_cond_wait(&m.change, &m.lock);
	pthread_mutex_unlock(&m.lock);
	return AMCTL_OK;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void summary_json(int rc, double seconds, unsigned int stored)
{
	struct json_object *o = json_object_new_object(), *a = json_object_new_array();
	uint64_t files = 0, bytes = 0;

	if (mk.store)
		store_figures(mk.store, &files, &bytes);
	json_object_object_add(o, "status", json_object_new_int(rc));
	json_object_object_add(o, "remote", json_object_new_uint64(mk.remote));
	json_object_object_add(o, "here", json_object_new_uint64(mk.local));
	json_object_object_add(o, "redone", json_object_new_uint64(mk.redone));
	json_object_object_add(o, "lost", json_object_new_uint64(mk.lost));
	json_object_object_add(o, "seconds", json_object_new_double(seconds));
	json_object_object_add(o, "sent_files", json_object_new_uint64(files));
	json_object_object_add(o, "sent_bytes", json_object_new_uint64(bytes));
	json_object_object_add(o, "stored_files", json_object_new_uint64(stored));
	for (struct mhost *h = hosts_all(); h; h = h->next) {
		struct json_object *r = json_object_new_object();

		json_object_object_add(r, "host", json_object_new_string(h->name));
		json_object_object_add(r, "jobs", json_object_new_uint64(h->jobs));
		json_object_array_add(a, r);
	}
	json_object_object_add(o, "hosts", a);
	amctl_print_json(o);
}

static void summary(int rc, double seconds, unsigned int stored)
{
	uint64_t files = 0, bytes = 0;
	char line[2048], size[16];
	size_t n;

	if (amctl_json) {
		summary_json(rc, seconds, stored);
		return;
	}
	n = (size_t)snprintf(line, sizeof(line), "%u compiled:", mk.remote + mk.local);
	for (struct mhost *h = hosts_all(); h && n < sizeof(line) - 128; h = h->next)
		if (h->jobs)
			n += (size_t)snprintf(line + n, sizeof(line) - n, " %s %u,", h->name,
					      h->jobs);
	n += (size_t)snprintf(line + n, sizeof(line) - n, " here %u; %.1f s", mk.local, seconds);
	if (mk.store)
		store_figures(mk.store, &files, &bytes);
	if (files)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "; %llu files, %s sent",
				      (unsigned long long)files, amctl_size(bytes, size));
	if (stored)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "; %u files stored", stored);
	if (mk.lost)
		snprintf(line + n, sizeof(line) - n, "; hosts lost %u times", mk.lost);
	fprintf(stderr, "amctl: make: %s\n", line);
}

/* ---- the command --------------------------------------------------------------------------- */

static int open_store(void)
{
	char where[128];
	struct passwd *pw = getpwuid(getuid());

	if (m.here)
		return AMCTL_OK;
	snprintf(where, sizeof(where), "/home/%.64s/.make", pw ? pw->pw_name : "nobody");
	mk.store = store_open(m.where ? m.where : where);
	if (mk.store)
		return AMCTL_OK;
	if (m.tree)
		return AMCTL_FAIL;
	amctl_note("make: no pool can be used: everything is compiled here");
	return AMCTL_OK;
}

/*
 * Where a tree lies while it is built: always at the same place, as objects and lists of
 * dependencies name it. Nobody else can write there, and one build at a time has it.
 */
static int tree_place(void)
{
	char base[48];
	struct stat st;
	size_t n;

	snprintf(base, sizeof(base), "/tmp/amctl-%u", getuid());
	if ((mkdir(base, 0700) && errno != EEXIST) || lstat(base, &st))
		return amctl_err_errno(base, errno);
	if (!S_ISDIR(st.st_mode) || st.st_uid != getuid() || st.st_mode & 022)
		return amctl_err("remove it, or choose a directory with -C",
				 "%s is not a directory of ours alone", base);
	n = (size_t)snprintf(m.tree_dir, sizeof(m.tree_dir), "%s/%s", base,
			     m.tree + strspn(m.tree, "/"));
	if (n >= sizeof(m.tree_dir))
		return amctl_bad("the name of the tree is too long");
	for (char *c = m.tree_dir + strlen(base) + 1; *c; c++)
		if (*c == '/' || *c == ':')
			*c = '+';
	if (mkdir(m.tree_dir, 0777) && errno != EEXIST)
		return amctl_err_errno(m.tree_dir, errno);
	m.tree_lock = open(m.tree_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (m.tree_lock < 0)
		return amctl_err_errno(m.tree_dir, errno);
	if (flock(m.tree_lock, LOCK_EX | LOCK_NB)) {
		*m.tree_dir = '\0';
		return amctl_err("wait for it, or choose a directory with -C",
				 "%s: another amctl make is building it", m.tree);
	}
	/* of a build that was killed; what is fetched now is all there shall be */
	m.temp_tree = true;
	empty_dir(m.tree_dir);
	return AMCTL_OK;
}

static int open_tree(void)
{
	int rc;

	if (!m.tree)
		return AMCTL_OK;
	if (m.here)
		return amctl_bad("--here and a tree: it is stored elsewhere");
	if (m.chdir) {
		char *real = realpath(m.chdir, NULL);

		if (!real)
			return amctl_err("make it first", "%s: %s", m.chdir, strerror(errno));
		snprintf(m.tree_dir, sizeof(m.tree_dir), "%s", real);
		free(real);
	} else {
		rc = tree_place();
		if (rc)
			return rc;
	}
	mk.keep_outputs = true;
	return tree_fetch(m.tree, m.tree_dir);
}

static int cmd_make(int argc, char **argv)
{
	double begun = amctl_now();
	unsigned int stored = 0;
	int rc, status = 0, err;

	rc = parse(argc, argv);
	if (rc)
		return rc;
	mk.umask = umask(0);
	umask(mk.umask);
	rc = make_dir();
	if (!rc)
		rc = open_store();
	if (!rc)
		rc = open_tree();
	if (!rc)
		rc = run_make(&status);
	if (!rc) {
		rc = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (m.bar)
			amctl_bar_end(&m.progress, NULL);
		if (m.tree) {	/* also what a make that failed has made */
			err = tree_store(m.tree, m.tree_dir, &stored);
			rc = rc ? rc : err;
		}
		summary(rc, amctl_now() - begun, stored);
	}
	hosts_free();
	store_close(mk.store);
	if (m.temp_tree)
		remove_all(m.tree_dir);
	if (*m.dir)
		remove_all(m.dir);
	return rc;
}

const struct amctl_object amctl_obj_make = {
	.name = "make",
	.help = "run make here, its compilations on the pool",
	.func = cmd_make,
	.args = "[-v] [--bar] [--tree PATH] [-C DIR|amoeba:PATH] [make arguments]",
	.words = "-v --bar --here --tree --store -C @file",
	.details =
		"  -v             which host compiled what, and why something was compiled here\n"
		"  --bar          progress instead of make's own output (make -n tells how much)\n"
		"  --tree PATH    builds the tree stored at PATH and stores what it made there;\n"
		"                 -C amoeba:PATH is the same. With -C DIR the files are kept in DIR\n"
		"  --store PATH   directory for the sources of all builds (/home/USER/.make)\n"
		"  --here         compile everything here\n"
		"\n"
		"Other arguments are make's; without -j it is given the places of the pool. Compilers are\n"
		"found by their names along PATH: CC=gcc is, CC=/usr/bin/gcc is not. Only hosts with\n"
		"the same compiler are used, and objects are those the compiler here would write.\n"
		"What cannot be done elsewhere is done here. The exit status is make's.",
};
