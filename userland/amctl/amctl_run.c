// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * amctl run: a program on a host of the pool, with this terminal's streams and its exit status.
 *
 * Three threads: this one asks for output, one brings standard input, one waits for signals and
 * passes them on. A program is not started a second time unless the first attempt surely did
 * not start it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amctl_pool.h"

#define STATUS_FAILED	125	/* we could not; as env(1) and friends */
#define STATUS_NOEXEC	126
#define STATUS_NOPROG	127
#define ATTEMPTS	8	/* hosts tried */
#define NAMES_MAX	256	/* of --env, --in, --out each */

struct run {
	struct am_job job;
	const char *host;	/* --on, or NULL */
	bool	nostdin, detach, timed;
	char	*env[NAMES_MAX + 16];
	size_t	nenv;
	struct am_jobfile in[NAMES_MAX];
	bool	in_ours[NAMES_MAX];	/* stored for this job only */
	char	*out[NAMES_MAX + 1], *out_to[NAMES_MAX];
	size_t	nout;
	am_cap	store;
};

static am_cap proc;		/* the job; set before the threads start */
static atomic_bool over;

/* ---- arguments ----------------------------------------------------------------------------- */

static int need_store(struct run *r)
{
	am_status s;

	if (!am_cap_null(&r->store))
		return AMCTL_OK;
	s = am_b_server(&r->store);
	return s ? pool_err("the file server", s) : AMCTL_OK;
}

/* LOCAL[=PATH] or amoeba:STORED[=PATH] */
static int add_in(struct run *r, char *arg)
{
	struct am_jobfile *f = &r->in[r->job.nin];
	char *eq = strchr(arg, '=');
	struct stat st;
	uint64_t size;
	am_status s;
	int fd, rc;

	if (r->job.nin == NAMES_MAX)
		return amctl_bad("more than %d inputs", NAMES_MAX);
	if (eq)
		*eq = '\0';
	f->path = eq ? eq + 1 : strrchr(arg, '/') ? strrchr(arg, '/') + 1 : arg;
	if (!am_job_path_ok(f->path))
		return amctl_bad("'%s' is no path below the job's directory", f->path);
	if (!strncmp(arg, "amoeba:", 7)) {
		rc = amctl_path(arg + 7, &f->cap);
		if (rc)
			return rc;
		f->mode = S_IFREG | 0755;
		r->job.nin++;
		return AMCTL_OK;
	}
	rc = need_store(r);
	if (rc)
		return rc;
	fd = open(arg, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		rc = fd < 0 ? amctl_err(NULL, "%s: %s", arg, strerror(errno)) :
		     amctl_err("only plain files are sent", "%s: not a plain file", arg);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	s = am_b_create_fd(&r->store, fd, &f->cap, &size);
	close(fd);
	if (s)
		return pool_err(arg, s);
	f->mode = S_IFREG | (st.st_mode & 0777) | 0600;
	r->in_ours[r->job.nin++] = true;
	return AMCTL_OK;
}

/* PATH[=LOCAL] */
static int add_out(struct run *r, char *arg)
{
	char *eq = strchr(arg, '=');

	if (r->nout == NAMES_MAX)
		return amctl_bad("more than %d outputs", NAMES_MAX);
	if (eq)
		*eq = '\0';
	if (!am_job_path_ok(arg))
		return amctl_bad("'%s' is no path below the job's directory", arg);
	r->out[r->nout] = arg;
	r->out_to[r->nout++] = eq ? eq + 1 : strrchr(arg, '/') ? strrchr(arg, '/') + 1 : arg;
	return need_store(r);
}

static int add_env(struct run *r, char *arg)
{
	const char *v;
	char *both;

	if (r->nenv == NAMES_MAX)
		return amctl_bad("more than %d variables", NAMES_MAX);
	if (strchr(arg, '=') && *arg != '=') {
		r->env[r->nenv++] = arg;
		return AMCTL_OK;
	}
	v = *arg == '=' ? NULL : getenv(arg);
	if (!v)
		return amctl_bad("'%s' is neither NAME=VALUE nor a variable that is set", arg);
	if (asprintf(&both, "%s=%s", arg, v) < 0)
		return amctl_err(NULL, "out of memory");
	r->env[r->nenv++] = both;
	return AMCTL_OK;
}

/* those that say how text looks come along unless set by hand */
static void usual_env(struct run *r)
{
	static const char *const usual[] = { "TERM", "LANG", "LC_ALL", "TZ" };

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		size_t n = strlen(usual[i]), k = 0;
		const char *v = getenv(usual[i]);
		char *both;

		while (k < r->nenv && (strncmp(r->env[k], usual[i], n) || r->env[k][n] != '='))
			k++;
		if (v && k == r->nenv && asprintf(&both, "%s=%s", usual[i], v) >= 0)
			r->env[r->nenv++] = both;
	}
	r->env[r->nenv] = NULL;
}

/* "amoeba:/path": a stored program */
static int set_program(struct run *r, int argc, char **argv)
{
	static char none[] = "";
	char *name;
	int rc;

	(void)argc;
	r->job.argv = argv;
	r->job.prog = argv[0];
	if (strncmp(argv[0], "amoeba:", 7)) {
		if (!*argv[0])
			return amctl_bad("an empty name is no program");
		return AMCTL_OK;
	}
	rc = amctl_path(argv[0] + 7, &r->job.prog_cap);
	if (rc)
		return rc;
	r->job.prog = none;
	name = strrchr(argv[0], '/');
	argv[0] = name && name[1] ? name + 1 : argv[0];
	return AMCTL_OK;
}

static int parse(struct run *r, int argc, char **argv)
{
	int rc = AMCTL_OK;
	uint64_t v;

	for (; !rc && argc && argv[0][0] == '-'; argc--, argv++) {
		const char *o = argv[0];

		if (!strcmp(o, "--")) {
			argc--;
			argv++;
			break;
		} else if (!strcmp(o, "-n") || !strcmp(o, "--no-stdin")) {
			r->nostdin = true;
			continue;
		} else if (!strcmp(o, "-d") || !strcmp(o, "--detach")) {
			r->detach = true;
			continue;
		} else if (!strcmp(o, "--time")) {
			r->timed = true;
			continue;
		}
		if (argc < 2)
			return amctl_bad(strcmp(o, "--on") && strcmp(o, "--env") &&
					 strcmp(o, "--in") && strcmp(o, "--out") &&
					 strcmp(o, "--mem") && strcmp(o, "--limit") ?
					 "no option '%s'" : "%s wants a value", o);
		argc--;
		argv++;
		if (!strcmp(o, "--on")) {
			r->host = argv[0];
		} else if (!strcmp(o, "--env")) {
			rc = add_env(r, argv[0]);
		} else if (!strcmp(o, "--in")) {
			rc = add_in(r, argv[0]);
		} else if (!strcmp(o, "--out")) {
			rc = add_out(r, argv[0]);
		} else if (!strcmp(o, "--mem")) {
			rc = amctl_arg_u64("--mem", argv[0], 1, 1U << 24, &v);
			r->job.mem_mib = (uint32_t)v;
		} else if (!strcmp(o, "--limit")) {
			rc = amctl_arg_u64("--limit", argv[0], 1, 1U << 30, &v);
			r->job.wall_s = (uint32_t)v;
		} else {
			return amctl_bad("no option '%s'", o);
		}
	}
	if (rc)
		return rc;
	if (!argc)
		return amctl_bad("which program?");
	if (r->detach && r->nout)
		return amctl_bad("--detach and --out: nobody would wait for the outputs");
	return set_program(r, argc, argv);
}

/* ---- start --------------------------------------------------------------------------------- */

static bool surely_not(am_status s)
{
	return s == AM_RPC_NOTFOUND || s == AM_RPC_UNSAFE || s == AM_STD_NOTNOW;
}

/* on a host of the run server's choice, the next one when it surely did not start */
static int start_somewhere(struct run *r, char name[AM_HOST_NAME])
{
	const char *avoid[ATTEMPTS + 1] = { NULL };
	struct am_runhost h[ATTEMPTS];
	am_status s = AM_RUN_NONE, last = AM_OK;

	for (int i = 0; i < ATTEMPTS; i++) {
		s = am_run_choose((uint64_t)r->job.mem_mib * 1024, avoid, &h[i]);
		if (s)
			break;
		s = am_ps_exec(&h[i].cap, &r->job, &proc);
		if (!s) {
			strcpy(name, h[i].name);
			return AMCTL_OK;
		}
		if (!surely_not(s)) {
			pool_err(h[i].name, s);
			if (s == AM_RPC_FAILURE || s == AM_RPC_TRYAGAIN)
				amctl_note("the program may have been started; amctl ps %s",
					   h[i].name);
			return AMCTL_FAIL;
		}
		amctl_note("run: %s: %s; trying another host", h[i].name, am_ps_why(s));
		avoid[i] = h[i].name;
		last = s;
	}
	return pool_err("the pool", s == AM_RUN_NONE && last == AM_STD_NOTNOW ? last : s);
}

static int start(struct run *r, char name[AM_HOST_NAME])
{
	am_cap host;
	am_status s;

	if (!r->host)
		return start_somewhere(r, name);
	s = am_pool_host(r->host, &host);
	if (!s)
		s = am_ps_exec(&host, &r->job, &proc);
	if (s)
		return pool_host_err(r->host, s);
	snprintf(name, AM_HOST_NAME, "%s", r->host);
	return AMCTL_OK;
}

/* ---- the streams --------------------------------------------------------------------------- */

static void *bring_input(void *arg)
{
	uint64_t pos = 0;
	bool eof = false;
	am_status s = AM_OK;

	(void)arg;
	while (!over && !eof && !s) {
		char buf[32768];
		ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
		uint64_t end;

		if (n < 0 && errno == EINTR)
			continue;
		eof = n <= 0;
		end = pos + (n > 0 ? (size_t)n : 0);
		do {
			size_t done = (size_t)n - (size_t)(end - pos);
			bool last = eof;

			s = am_ps_write(&proc, &pos, n > 0 ? buf + done : buf,
					(size_t)(end - pos), &last);
			eof = eof || (last && !s);
		} while (!s && pos < end && !over);
	}
	return NULL;
}

/* each signal goes to the job; the third one of a kind that asks it to end, ends it */
static void *pass_signals(void *arg)
{
	const sigset_t *set = arg;
	int asked = 0, sig;

	while (!sigwait(set, &sig)) {
		if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT)
			asked++;
		am_ps_kill(&proc, asked >= 3 ? SIGKILL : sig);
	}
	return NULL;
}

static bool put_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EAGAIN) {
			usleep(10000);
			continue;
		}
		if (w < 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

/* until it has ended and everything was written */
static am_status copy_output(void)
{
	const uint32_t all = AM_POLL_DONE | AM_POLL_OUT_EOF | AM_POLL_ERR_EOF;
	static struct am_poll p;
	bool broken = false;
	am_status s;

	p.wait_ms = AM_PS_WAIT_MAX;
	do {
		s = am_ps_poll(&proc, &p);
		if (s)
			return s;
		if (!broken && (!put_all(STDOUT_FILENO, p.out, p.out_len) ||
				!put_all(STDERR_FILENO, p.err, p.err_len))) {
			broken = true;	/* as if the program had written there itself */
			am_ps_kill(&proc, SIGPIPE);
		}
	} while ((p.flags & all) != all);
	return AM_OK;
}

static int start_threads(const struct run *r, sigset_t *set)
{
	pthread_t t;
	int err;

	err = pthread_create(&t, NULL, pass_signals, set);
	if (!err)
		pthread_detach(t);
	if (!err && !r->nostdin) {
		err = pthread_create(&t, NULL, bring_input, NULL);
		if (!err)
			pthread_detach(t);
	}
	return err;
}

/* ---- the end ------------------------------------------------------------------------------- */

static int take_out(const struct run *r, const struct am_jobres *res)
{
	int rc = AMCTL_OK;

	for (size_t i = 0; i < r->nout && i < res->nout; i++) {
		const struct am_jobout *o = &res->out[i];
		uint64_t size;
		am_status s;
		int fd;

		if (!o->present) {
			rc = amctl_err(NULL, "%s: the program did not make it", r->out[i]);
			continue;
		}
		fd = open(r->out_to[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, o->mode & 0777);
		if (fd < 0) {
			rc = amctl_err(NULL, "%s: %s", r->out_to[i], strerror(errno));
			continue;
		}
		s = am_b_read_fd(&o->cap, fd, &size);
		if (s)
			rc = pool_err(r->out_to[i], s);
		if (close(fd) && !s)
			rc = amctl_err(NULL, "%s: %s", r->out_to[i], strerror(errno));
	}
	return rc;
}

static int verdict(const struct run *r, const char *host)
{
	struct am_jobres res;
	int rc = AMCTL_OK;
	char sig[16];
	am_status s;

	do {
		s = am_ps_wait(&proc, AM_PS_WAIT_MAX, &res);
	} while (!s && res.state != AM_JOB_DONE);
	if (s) {
		pool_err(host, s);
		return STATUS_FAILED;
	}
	if (res.error) {
		amctl_err(NULL, "%s: %s", host, *res.why ? res.why : am_ps_why(res.error));
		rc = res.error != AM_EX_NOPROG ? STATUS_FAILED :
		     strstr(res.why, "ermission") ? STATUS_NOEXEC : STATUS_NOPROG;
	} else if (res.exited) {
		rc = res.code;
	} else {
		amctl_note("run: %s: the program was ended by %s", host,
			   pool_signal_name(res.code, sig));
		rc = 128 + res.code;
	}
	if (!res.error && take_out(r, &res) && !rc)
		rc = STATUS_FAILED;
	if (r->timed)
		fprintf(stderr, "%s: %.3f s, user %.3f s, system %.3f s, %llu KiB\n", host,
			(double)res.wall_us / 1e6, (double)res.utime_us / 1e6,
			(double)res.stime_us / 1e6, (unsigned long long)res.maxrss_kib);
	am_jobres_free(&res);
	return rc;
}

static int attend(struct run *r, const char *host)
{
	static sigset_t set;
	am_status s;
	int rc, err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	err = start_threads(r, &set);
	if (err) {
		am_ps_release(&proc, false);
		amctl_err(NULL, "threads: %s", strerror(err));
		return STATUS_FAILED;
	}
	s = copy_output();
	if (s) {
		amctl_err("if the host lives, it ends the program; amctl host list",
			  "%s: contact was lost while the program ran: %s", host, am_ps_why(s));
		return STATUS_FAILED;
	}
	rc = verdict(r, host);
	over = true;
	am_ps_release(&proc, false);
	return rc;
}

static int started(const struct run *r, const char *host)
{
	unsigned int id = am_cap_object(&proc) & 0xffff;

	(void)r;
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "host", json_object_new_string(host));
		json_object_object_add(o, "id", json_object_new_uint64(id));
		return amctl_print_json(o);
	}
	printf("%s/%u\n", host, id);
	return AMCTL_OK;
}

static int cmd_run(int argc, char **argv)
{
	static struct run r;
	char host[AM_HOST_NAME];
	int rc;

	if (argc == 2 && !strcmp(argv[0], "--attach")) {
		rc = pool_job(argv[1], &proc);
		if (rc)
			return rc;
		r.nostdin = true;
		return attend(&r, argv[1]);
	}
	rc = parse(&r, argc, argv);
	if (rc)
		goto out;
	if (amctl_json && !r.detach) {
		rc = amctl_bad("-j goes with --detach only: the output is the program's");
		goto out;
	}
	usual_env(&r);
	r.job.env = r.env;
	r.job.in = r.in;
	r.job.out = r.out;
	r.job.store = r.store;
	r.job.flags = (r.detach ? AM_JOB_DETACHED : 0) |
		      (r.nostdin || r.detach ? 0 : AM_JOB_STDIN);
	rc = start(&r, host);
	if (rc)
		rc = STATUS_FAILED;
	else if (r.detach)
		rc = started(&r, host);
	else
		rc = attend(&r, host);
	if (r.detach)	/* the host still has to fetch them */
		return rc;
out:
	for (size_t i = 0; i < r.job.nin; i++)
		if (r.in_ours[i])
			am_std_destroy(&r.in[i].cap);
	return rc;
}

const struct amctl_object amctl_obj_run = {
	.name = "run",
	.help = "run a program on a host of the pool",
	.func = cmd_run,
	.args = "[OPTIONS] PROGRAM|amoeba:PATH [ARGUMENTS] | --attach HOST/NUMBER",
	.words = "--on @host --env --in --out --mem --limit --no-stdin --detach --time --attach",
	.details =
		"  --on HOST           there, instead of the least loaded one\n"
		"  --env NAME[=VALUE]  into its environment; TERM, LANG, LC_ALL, TZ come along anyway\n"
		"  --in FILE[=PATH]    put into its directory before it starts; amoeba:NAME is a\n"
		"                      stored file\n"
		"  --out PATH[=FILE]   fetched from its directory when it has ended\n"
		"  --mem MIB           limit of its memory; --limit SECONDS: of its life\n"
		"  -n, --no-stdin      its standard input is empty\n"
		"  -d, --detach        prints HOST/NUMBER and does not wait\n"
		"  --time              what it took, on standard error\n"
		"  --attach            shows the output of a job and waits for its end\n"
		"\n"
		"Output and errors are streamed, signals are passed on, the exit status is the\n"
		"program's: 128 + N for signal N, 125 when it could not be run, 126 not executable,\n"
		"127 no such program.",
};
