// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * proc_check - a process server judged from outside: rights, wrong descriptors, wrong requests.
 *
 *   proc_check rights HOST       each right is needed for what it is for
 *   proc_check bad HOST          wrong job descriptors are refused, hostile ones come to nothing
 *   proc_check fuzz HOST N SEED  random requests and descriptors; the server answers afterwards
 *   proc_check stream HOST       output read twice, input written twice: positions make it right
 *   proc_check lease HOST        a job nobody asks for ends
 *   proc_check run-bad           wrong requests to the run server
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <amoeba_proc.h>

static int bad;

#define CHECK(what, ok) do {						\
	if (!(ok)) {							\
		printf("FAIL: %s:%d: %s\n", __func__, __LINE__, what);	\
		bad = 1;						\
	}								\
} while (0)

#define STATUS(what, got, want) do {					\
	am_status got_ = (got);						\
									\
	if (got_ != (want)) {						\
		printf("FAIL: %s:%d: %s: %d (%s), not %d\n", __func__,	\
		       __LINE__, what, got_, am_ps_why(got_), (want));	\
		bad = 1;						\
	}								\
} while (0)

static char *none[] = { NULL };

static struct am_job shell(char **argv, const char *script)
{
	static char sh[] = "/bin/sh", c[] = "-c";

	argv[0] = sh;
	argv[1] = c;
	argv[2] = (char *)(uintptr_t)script;
	argv[3] = NULL;
	return (struct am_job){ .prog = sh, .argv = argv, .env = none, .mounts = none,
				.out = none };
}

static int count(const struct am_proc *p, void *arg)
{
	(void)p;
	++*(unsigned int *)arg;
	return 0;
}

static unsigned int jobs(const am_cap *host)
{
	unsigned int n = 0;

	STATUS("list", am_ps_list(host, count, &n), AM_OK);
	return n;
}

/* runs to its end; the result is the caller's to free */
static am_status finish(const am_cap *proc, struct am_jobres *r)
{
	am_status s;
	int i = 0;

	do {
		s = am_ps_wait(proc, 2000, r);
	} while (!s && r->state != AM_JOB_DONE && ++i < 30);
	if (!s && r->state != AM_JOB_DONE)
		s = AM_RPC_FAILURE;
	return s;
}

/* one that is killed sooner has not been started, and says so */
static bool runs(const am_cap *proc)
{
	struct am_jobres r;

	for (int i = 0; i < 300; i++) {
		if (am_ps_wait(proc, 0, &r))
			return false;
		if (r.state == AM_JOB_RUN)
			return true;
		usleep(100000);
	}
	return false;
}

/* ---- rights -------------------------------------------------------------------------------- */

static am_status exec_with(const am_cap *host, uint8_t rights)
{
	char *argv[4];
	struct am_job j = shell(argv, "exit 0");
	am_cap c, proc;
	am_status s;

	s = am_std_restrict(host, rights, &c);
	if (s)
		return s;
	s = am_ps_exec(&c, &j, &proc);
	if (!s)
		am_ps_release(&proc, false);
	return s;
}

static void host_rights(const am_cap *host)
{
	unsigned int n = 0;
	struct am_load l;
	am_cap c;

	STATUS("exec", exec_with(host, AM_PS_RGT_EXEC), AM_OK);
	STATUS("exec without its right", exec_with(host, (uint8_t)~AM_PS_RGT_EXEC), AM_STD_DENIED);
	STATUS("restrict", am_std_restrict(host, AM_PS_RGT_EXEC, &c), AM_OK);
	STATUS("load", am_ps_load(&c, 3000, &l), AM_STD_DENIED);
	STATUS("list", am_ps_list(&c, count, &n), AM_STD_DENIED);
	c = *host;
	c.check[0] ^= 1;
	STATUS("forged check", exec_with(&c, 0xff), AM_STD_CAPBAD);
	c = *host;
	c.object[0] = 9;
	STATUS("no such object", am_ps_load(&c, 3000, &l), AM_STD_CAPBAD);
	/* adding rights to a restricted one */
	STATUS("restrict", am_std_restrict(host, AM_PS_RGT_READ, &c), AM_OK);
	c.rights = 0xff;
	STATUS("forged rights", am_ps_load(&c, 3000, &l), AM_STD_CAPBAD);
	STATUS("destroy the host", am_std_destroy(host), AM_STD_DENIED);
}

static int no_cap(const struct am_proc *p, void *arg)
{
	(void)arg;
	CHECK("a job's capability without the right to kill", am_cap_null(&p->cap));
	return 0;
}

static void job_rights(const am_cap *host)
{
	static struct am_poll p;
	char *argv[4], info[128];
	struct am_job j = shell(argv, "sleep 30");
	struct am_jobres r;
	uint64_t pos = 0;
	bool eof = true;
	am_cap proc, c;

	STATUS("exec", am_ps_exec(host, &j, &proc), AM_OK);
	STATUS("restrict", am_std_restrict(&proc, AM_PS_RGT_READ, &c), AM_OK);
	STATUS("poll", am_ps_poll(&c, &p), AM_OK);
	STATUS("info", am_std_info(&c, info, sizeof(info)), AM_OK);
	CHECK(info, strstr(info, "sleep 30"));
	STATUS("kill", am_ps_kill(&c, SIGKILL), AM_STD_DENIED);
	STATUS("release", am_ps_release(&c, false), AM_STD_DENIED);
	STATUS("write", am_ps_write(&c, &pos, "x", 1, &eof), AM_STD_DENIED);
	STATUS("restrict", am_std_restrict(&proc, AM_PS_RGT_KILL, &c), AM_OK);
	STATUS("poll", am_ps_poll(&c, &p), AM_STD_DENIED);
	STATUS("signal 0", am_ps_kill(&c, 0), AM_STD_ARGBAD);
	STATUS("signal 999", am_ps_kill(&c, 999), AM_STD_ARGBAD);
	STATUS("restrict", am_std_restrict(host, AM_PS_RGT_READ, &c), AM_OK);
	STATUS("list", am_ps_list(&c, no_cap, NULL), AM_OK);
	STATUS("standard input that was not asked for", am_ps_write(&proc, &pos, "x", 1, &eof),
	       AM_STD_DENIED);
	CHECK("it runs", runs(&proc));
	STATUS("kill", am_ps_kill(&proc, -1), AM_OK);
	STATUS("wait", finish(&proc, &r), AM_OK);
	if (r.exited || r.code != SIGKILL || r.error)
		printf("exited %d code %d error %d %s\n", r.exited, r.code, r.error, r.why);
	CHECK("ended by SIGKILL", !r.exited && r.code == SIGKILL && !r.error);
	STATUS("kill what has ended", am_ps_kill(&proc, SIGTERM), AM_STD_NOTFOUND);
	STATUS("release", am_ps_release(&proc, false), AM_OK);
	STATUS("poll what was released", am_ps_poll(&proc, &p), AM_STD_CAPBAD);
	am_jobres_free(&r);
}

/* ---- wrong descriptors --------------------------------------------------------------------- */

static am_status raw_exec(const am_cap *host, const void *p, size_t len)
{
	struct amoeba_header h = { 0 };
	am_status s;
	am_cap proc;

	am_hdr_set_cap(&h, host);
	h.command = AM_PS_EXEC;
	s = am_trans(&h, p, len, NULL, NULL);
	if (!s) {
		am_hdr_get_cap(&h, &proc);
		am_ps_release(&proc, false);
	}
	return s;
}

/* each prefix of a good one, and each byte of its counts changed */
static void cut(const am_cap *host)
{
	char *argv[4];
	struct am_job j = shell(argv, "exit 0");
	uint8_t *p;
	void *mem;
	size_t len;

	STATUS("pack", am_job_pack(&j, &mem, &len), AM_OK);
	p = mem;
	for (size_t n = 0; n < len; n++)
		STATUS("cut off", raw_exec(host, p, n), AM_STD_ARGBAD);
	p[0] ^= 0xff;
	STATUS("magic", raw_exec(host, p, len), AM_STD_ARGBAD);
	p[0] ^= 0xff;
	p[8] = 0xf0;
	STATUS("flags", raw_exec(host, p, len), AM_STD_ARGBAD);
	p[8] = 0;
	p = realloc(mem, len + 1);
	p[len] = 0;
	STATUS("too long", raw_exec(host, p, len + 1), AM_STD_ARGBAD);
	free(p);
	p = calloc(1, 2U << 20);
	STATUS("two MiB", raw_exec(host, p, 2U << 20), AM_STD_OVERFLOW);
	free(p);
}

static am_status run_input(const am_cap *host, struct am_jobfile *f, size_t n, char *mount,
			   const char *script, struct am_jobres *r)
{
	char *argv[4], *mounts[] = { mount, NULL };
	struct am_job j = shell(argv, script);
	am_status s;
	am_cap proc;

	j.in = f;
	j.nin = n;
	if (mount)
		j.mounts = mounts;
	memset(r, 0, sizeof(*r));
	s = am_ps_exec(host, &j, &proc);
	if (s)
		return s;
	s = finish(&proc, r);
	if (!s)
		s = r->error;
	am_ps_release(&proc, false);
	am_jobres_free(r);
	return s;
}

/* links among the inputs lead nowhere: neither inputs nor mounts nor outputs follow them */
static void links(const am_cap *host)
{
	char a[] = "a", ax[] = "a/x", etc[] = "/etc", tmp[] = "/tmp", y[] = "a/x/y";
	struct am_jobfile in[2] = {
		{ .path = a, .mode = S_IFLNK, .target = etc },
		{ .path = ax, .mode = S_IFDIR | 0755 },
	};
	struct am_jobres r;

	CHECK("directory through a link", run_input(host, in, 2, NULL, "exit 0", &r) < 0);
	in[1] = (struct am_jobfile){ .path = y, .mode = S_IFLNK, .target = tmp };
	CHECK("link through a link", run_input(host, in, 2, NULL, "exit 0", &r) < 0);
	CHECK("mount through a link", run_input(host, in, 1, ax, "exit 0", &r) < 0);
	CHECK("nothing was made in /etc", access("/etc/x", F_OK));
	STATUS("mount over /proc", run_input(host, NULL, 0, (char[]){ "proc" }, "exit 0", &r),
	       AM_STD_ARGBAD);
	STATUS("mount in /dev", run_input(host, NULL, 0, (char[]){ "dev/x" }, "exit 0", &r),
	       AM_STD_ARGBAD);
	STATUS("mount ..", run_input(host, NULL, 0, (char[]){ "a/../b" }, "exit 0", &r),
	       AM_STD_ARGBAD);
	STATUS("input twice", run_input(host, (struct am_jobfile[]){ in[0], in[0] }, 2, NULL,
					"exit 0", &r), AM_STD_EXISTS);
}

static am_status run_prog(const am_cap *host, const char *prog, struct am_jobres *r)
{
	char name[256], *argv[] = { name, NULL };
	struct am_job j = { .prog = name, .argv = argv, .env = none, .mounts = none, .out = none };
	am_status s;
	am_cap proc;

	snprintf(name, sizeof(name), "%s", prog);
	memset(r, 0, sizeof(*r));
	s = am_ps_exec(host, &j, &proc);
	if (!s)
		s = finish(&proc, r);
	if (!s)
		s = r->error;
	am_ps_release(&proc, false);
	am_jobres_free(r);
	return s;
}

static void programs(const am_cap *host)
{
	char name[] = "x", cwd[] = "/nowhere", *argv[] = { name, NULL };
	struct am_job j = { .argv = argv, .env = none, .mounts = none, .out = none };
	struct am_jobres r;
	am_cap proc;

	STATUS("absent", run_prog(host, "/nowhere/prog", &r), AM_EX_NOPROG);
	CHECK(r.why, strstr(r.why, "/nowhere/prog"));
	STATUS("absent along PATH", run_prog(host, "no-such-program", &r), AM_EX_NOPROG);
	STATUS("not executable", run_prog(host, "/etc/passwd", &r), AM_EX_NOPROG);
	CHECK(r.why, strstr(r.why, "ermission"));
	STATUS("a directory", run_prog(host, "/etc", &r), AM_EX_NOPROG);
	/* a bullet file that is none */
	j.prog_cap = *host;
	STATUS("exec", am_ps_exec(host, &j, &proc), AM_OK);
	STATUS("wait", finish(&proc, &r), AM_OK);
	STATUS("a program that is no file", r.error, AM_EX_PDREAD);
	am_jobres_free(&r);
	am_ps_release(&proc, false);
	j = shell((char *[4]){ NULL }, "exit 0");
	j.cwd = cwd;
	STATUS("exec", am_ps_exec(host, &j, &proc), AM_OK);
	STATUS("wait", finish(&proc, &r), AM_OK);
	STATUS("no such directory", r.error, AM_EX_NOPROG);
	CHECK(r.why, strstr(r.why, "/nowhere"));
	am_jobres_free(&r);
	am_ps_release(&proc, false);
}

/* outputs that are no plain files of the job's own are absent, and harm nothing */
static void outputs(const am_cap *host)
{
	static char link[] = "link", hard[] = "hard", dir[] = "dir", fifo[] = "fifo", up[] = "up/x",
		    real[] = "real";
	char *argv[4], *out[] = { link, hard, dir, fifo, up, real, NULL };
	struct am_job j = shell(argv,
		"ln -s /etc/passwd link; ln /etc/passwd hard; mkdir dir; mkfifo fifo; "
		"ln -s /etc up; echo 12345 >real; exit 3");
	struct am_jobres r;
	uint64_t size = 0;
	am_cap proc, c;

	j.out = out;
	STATUS("exec", am_ps_exec(host, &j, &proc), AM_OK);
	STATUS("wait", finish(&proc, &r), AM_OK);
	STATUS(r.why, r.error, AM_OK);
	CHECK("six outputs", r.nout == 6);
	for (size_t i = 0; i + 1 < r.nout; i++)
		CHECK(out[i], !r.out[i].present);
	if (r.nout == 6) {
		CHECK("the plain one", r.out[5].present && r.out[5].size == 6);
		STATUS("size", am_b_size(&r.out[5].cap, &size), AM_OK);
		CHECK("six bytes", size == 6);
		c = r.out[5].cap;
		STATUS("release", am_ps_release(&proc, false), AM_OK);
		CHECK("an output nobody wanted is gone", am_b_size(&c, &size) == AM_STD_CAPBAD);
	}
	CHECK("status", r.exited && r.code == 3);
	am_jobres_free(&r);
}

static void all_bad(const am_cap *host)
{
	cut(host);
	links(host);
	programs(host);
	outputs(host);
	CHECK("no job is left", !jobs(host));
}

/* ---- positions ----------------------------------------------------------------------------- */

static void streams(const am_cap *host)
{
	static struct am_poll p;
	char *argv[4], text[64] = "";
	struct am_job j = shell(argv, "cat; echo end; echo err >&2");
	struct am_jobres r;
	uint64_t pos;
	bool eof = false;
	am_cap proc;

	j.flags = AM_JOB_STDIN;
	STATUS("exec", am_ps_exec(host, &j, &proc), AM_OK);
	pos = 0;
	STATUS("write", am_ps_write(&proc, &pos, "abc\n", 4, &eof), AM_OK);
	CHECK("taken", pos == 4);
	pos = 0;	/* the same once more, and more of it */
	eof = false;
	STATUS("write again", am_ps_write(&proc, &pos, "abc\ndef\n", 8, &eof), AM_OK);
	CHECK("taken", pos == 8);
	pos = 10;	/* a gap */
	eof = false;
	STATUS("write past the end", am_ps_write(&proc, &pos, "x", 1, &eof), AM_STD_ARGBAD);
	pos = 8;
	eof = true;
	STATUS("end of file", am_ps_write(&proc, &pos, NULL, 0, &eof), AM_OK);
	STATUS("wait", finish(&proc, &r), AM_OK);
	for (int i = 0; i < 2; i++) {	/* not acknowledged: it is still there */
		p.out_pos = p.err_pos = 0;
		STATUS("poll", am_ps_poll(&proc, &p), AM_OK);
		snprintf(text, sizeof(text), "%.*s", (int)p.out_len, (const char *)p.out);
		CHECK(text, !strcmp(text, "abc\ndef\nend\n"));
		CHECK("errors", p.err_len == 4 && !memcmp(p.err, "err\n", 4));
		CHECK("ends", (p.flags & 7) == 7);
	}
	STATUS("poll at the end", am_ps_poll(&proc, &p), AM_OK);
	CHECK("nothing more", !p.out_len && !p.err_len);
	p.out_pos = 1000;
	STATUS("poll past the end", am_ps_poll(&proc, &p), AM_STD_ARGBAD);
	am_jobres_free(&r);
	STATUS("release", am_ps_release(&proc, false), AM_OK);
}

static void lease(const am_cap *host)
{
	char *argv[4];
	struct am_job j = shell(argv, "sleep 1000");
	am_cap proc;

	j.lease_ms = 3000;
	STATUS("exec", am_ps_exec(host, &j, &proc), AM_OK);
	for (int i = 0; i < 4; i++) {	/* asked for it lives, longer than its lease */
		usleep(900000);
		STATUS("touch", am_std_touch(&proc), AM_OK);
	}
	for (int i = 0; i < 300 && jobs(host); i++)	/* and ends when nobody asks */
		usleep(100000);
	STATUS("touch", am_std_touch(&proc), AM_STD_CAPBAD);
	CHECK("no job is left", !jobs(host));
}

/* ---- random -------------------------------------------------------------------------------- */

static void fuzz(const am_cap *host, unsigned int n, unsigned int seed)
{
	static const int32_t commands[] = {
		AM_PS_STUN, AM_PS_EXEC, AM_PS_EXEC, AM_PS_GETLOAD, AM_PS_POLL, AM_PS_WRITE,
		AM_PS_WAIT, AM_PS_LIST, AM_STD_INFO, AM_STD_STATUS, AM_STD_RESTRICT, AM_STD_TOUCH,
		AM_PS_SETCOMMENT, AM_PS_GETCOMMENT, 2301, 2304, 2399,
	};
	char *argv[4];
	struct am_job j = shell(argv, "sleep 600");
	uint8_t reply[70000], *base;
	struct am_load l;
	void *mem;
	size_t len;
	am_cap proc;

	srandom(seed);
	STATUS("pack", am_job_pack(&j, &mem, &len), AM_OK);
	base = mem;
	j.flags = AM_JOB_STDIN;
	STATUS("exec", am_ps_exec(host, &j, &proc), AM_OK);
	for (unsigned int i = 0; i < n; i++) {
		struct amoeba_header h = { 0 };
		size_t rlen = sizeof(reply), size = len;
		uint8_t *body = malloc(len + 512);
		am_cap made;

		am_hdr_set_cap(&h, random() & 1 ? host : &proc);
		h.command = commands[(size_t)random() % (sizeof(commands) /
							 sizeof(commands[0]))];
		h.offset = random() & 3 ? random() % 64 : (int32_t)((uint32_t)random() << 1);
		h.extra = (uint32_t)random() & 0xffff;
		h.size = (uint64_t)random() & 0xffff;
		if (h.command == AM_PS_STUN && h.offset < 0)
			h.offset = 0;	/* it is to live for the others */
		if (h.command == AM_PS_STUN)
			h.offset = h.offset % 64 == SIGKILL ? 0 : SIGWINCH;
		memcpy(body, base, len);
		if (random() % 4)
			for (int k = 0; k < 4; k++)
				body[(size_t)random() % len] = (uint8_t)random();
		if (!(random() % 4)) {
			size = (size_t)random() % (len + 512);
			for (size_t k = 0; k < size; k++)
				body[k] = (uint8_t)random();
		}
		if (h.command != AM_PS_EXEC && random() & 1)
			size = (size_t)random() % 32;
		if (am_trans(&h, body, size, reply, &rlen) == AM_OK && h.command == 0) {
			am_hdr_get_cap(&h, &made);
			if (made.object[2] == 'P' && !am_cap_equal(&made, &proc) &&
			    am_cap_object(&made) != am_cap_object(&proc))
				am_ps_release(&made, false);
		}
		free(body);
	}
	free(mem);
	STATUS("the server lives", am_ps_load(host, 5000, &l), AM_OK);
	STATUS("release", am_ps_release(&proc, false), AM_OK);
	CHECK("no job is left", !jobs(host));
}

/* ---- the run server ------------------------------------------------------------------------ */

static void run_bad(void)
{
	struct am_runhost hosts[4];
	uint8_t body[64], reply[512];
	am_cap run, c;
	size_t n;

	STATUS("run server", am_run_server(&run), AM_OK);
	n = 4;
	STATUS("find", am_run_findhost(&run, 0, NULL, hosts, &n), AM_OK);
	CHECK("a host at least", n >= 1);
	for (size_t i = 0; i < n; i++)
		CHECK("exec capability without the right to kill",
		      (hosts[i].cap.rights & (AM_PS_RGT_EXEC | AM_PS_RGT_KILL)) == AM_PS_RGT_EXEC);
	n = 4;
	STATUS("more memory than there is", am_run_findhost(&run, 1ULL << 40, NULL, hosts, &n),
	       AM_RUN_NONE);
	STATUS("restrict", am_std_restrict(&run, AM_RUN_RGT_STATUS, &c), AM_OK);
	n = 4;
	STATUS("without the right", am_run_findhost(&c, 0, NULL, hosts, &n), AM_STD_DENIED);
	c = run;
	c.check[3] ^= 4;
	n = 4;
	STATUS("forged", am_run_findhost(&c, 0, NULL, hosts, &n), AM_STD_CAPBAD);
	memset(body, 0xff, sizeof(body));
	for (size_t len = 0; len < sizeof(body); len++) {
		struct amoeba_header h = { .command = AM_RUN_FINDHOST };
		size_t rlen = sizeof(reply);

		am_hdr_set_cap(&h, &run);
		STATUS("wrong body", am_trans(&h, body, len, reply, &rlen), AM_STD_ARGBAD);
	}
	STATUS("destroy", am_std_destroy(&run), AM_STD_DENIED);
	STATUS("touch", am_std_touch(&run), AM_OK);
}

int main(int argc, char **argv)
{
	am_cap host;
	am_status s;

	if (argc == 2 && !strcmp(argv[1], "run-bad")) {
		run_bad();
		return bad;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: proc_check rights|bad|fuzz|stream|lease HOST [N SEED]\n");
		return 2;
	}
	s = am_pool_host(argv[2], &host);
	if (s) {
		printf("FAIL: %s: %s\n", argv[2], am_ps_why(s));
		return 1;
	}
	if (!strcmp(argv[1], "rights")) {
		host_rights(&host);
		job_rights(&host);
	} else if (!strcmp(argv[1], "bad")) {
		all_bad(&host);
	} else if (!strcmp(argv[1], "fuzz") && argc == 5) {
		fuzz(&host, (unsigned int)atoi(argv[3]), (unsigned int)atoi(argv[4]));
	} else if (!strcmp(argv[1], "stream")) {
		streams(&host);
	} else if (!strcmp(argv[1], "lease")) {
		lease(&host);
	} else {
		return 2;
	}
	return bad;
}
