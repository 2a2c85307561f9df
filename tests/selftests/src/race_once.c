// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * race_once: is every call executed at most once?
 *
 *   race_once make FILE CLIENTS THREADS CALLS [max_data=BYTES]
 *   race_once server FILE GETPORT THREADS [die_ms=MS] [again=1] [log=LOG]
 *   race_once client FILE PORT CLIENT [seconds=S] [min_ok=N] [gap_us=US] [flags=N] [log=LOG]
 *   race_once reached FILE N
 *   race_once gather FILE LOG...
 *   race_once check FILE [min_ok=N] [running=1]
 *   race_once progress FILE
 *
 * FILE is mapped by all of them and outlives each: a slot for every call of every thread of every
 * client, in which servers count executions and the client notes the verdict. The call is named in
 * the request header (object = client, offset = slot) and in the data, which is of a size of the
 * call's own, from none to BYTES (12000: several packets); the reply carries it back changed, so that
 * a reply of another call is noticed.
 *
 * A server executes (counts) as soon as it has a request, then now and then waits a little before
 * it replies. die_ms=MS: it kills itself after a random time up to MS, in the middle of whatever
 * its threads do; again=1: and another process takes its place. A client goes on where one of its
 * number before it was killed; it ends after so many seconds and when, with those of the others,
 * min_ok calls have gone well: a test that wants calls waits for them, however long they take.
 * reached says whether there are so many already, progress how many have begun and how many servers
 * with again=1 have died. check prints totals and every slot that breaks the promise:
 *
 *	executions > 1				whatever the verdict
 *	verdict OK		executions != 1
 *	NOTFOUND, ABORTED, UNSAFE	executions != 0
 *	a wrong reply
 *
 * Where machines lose their power the mapped file goes with them. log=LOG: what happens is also
 * written to a file that is kept elsewhere, of this boot of this machine alone, a record at a time,
 * and is there before this goes on:
 *
 *	a call has begun	before it is made: nobody makes it again, and who was executed was called
 *	it was executed		when the request has come, before anything else is done for it: to be
 *				executed is to be in the log. So no reply is of a call that is not, and
 *				a request that came in the instant of the cut has done nothing
 *	a verdict		when it is known; without it the client was killed
 *
 * gather adds the logs up in FILE, as if all had happened on one machine; a record cut in the middle,
 * at a log's end, was not written. While machines run (check running=1) give the logs of the clients
 * first: then whatever was executed for a verdict is there; of what was executed since, the call may be
 * missing.
 */
#include "rpc_tool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MAGIC		0x6f6e6365
#define MAX_DATA	12000
#define LOG_BUFFER	65536

enum { UNUSED, CALLING, ENDED };

struct slot {
	_Atomic uint32_t executed;
	_Atomic uint16_t state;
	int16_t verdict;
};

struct book {
	uint32_t magic;
	uint32_t clients, threads, calls, max_data;
	_Atomic uint32_t went_well, wrong_reply, wrong_request, ioctl_errors, deaths;
	struct slot slots[];
};

enum kind { BEGUN = 1, EXECUTED, VERDICT, DIED, WRONG_REQUEST, WRONG_REPLY, IOCTL_ERROR };

struct record {
	uint32_t slot;
	int16_t verdict;
	uint8_t kind;
	uint8_t sum;		/* of a record that is one */
};

static struct book *book;
static size_t book_size;
static int log_fd = -1;
static bool running;
static int dev;
static uint8_t port[6];
static uint32_t client_no, gap_us, trans_flags;
static unsigned long min_ok;
static double stop_at;

static struct book *map(const char *path)
{
	struct stat st;
	struct book *b;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		DIE("%s: %s", path, strerror(errno));
	book_size = st.st_size;
	b = mmap(NULL, book_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (b == MAP_FAILED)
		DIE("%s: mmap: %s", path, strerror(errno));
	if (book_size < sizeof(*b) || b->magic != MAGIC)
		DIE("%s: not made by race_once make", path);
	close(fd);
	return b;
}

static size_t slots(const struct book *b)
{
	return (size_t)b->clients * b->threads * b->calls;
}

static void make(const char *path, uint32_t clients, uint32_t threads, uint32_t calls,
		 uint32_t max_data)
{
	struct book b = {
		.magic = MAGIC, .clients = clients, .threads = threads, .calls = calls,
		.max_data = max_data,
	};
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(b) + slots(&b) * sizeof(struct slot)) < 0 ||
	    write(fd, &b, sizeof(b)) != sizeof(b))
		DIE("%s: %s", path, strerror(errno));
	close(fd);
}

/* ---- log --------------------------------------------------------------------------------- */

static uint8_t sum(const struct record *r)
{
	uint32_t x = r->slot ^ (uint16_t)r->verdict ^ r->kind;

	return 0xa5 ^ x ^ x >> 8 ^ x >> 16 ^ x >> 24;
}

static void open_log(const char *path)
{
	log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log_fd < 0)
		DIE("%s: %s", path, strerror(errno));
}

/* when this returns a machine that loses its power does not take it along */
static void note(enum kind kind, uint32_t slot, int16_t verdict)
{
	struct record r = { .slot = slot, .verdict = verdict, .kind = kind };

	if (log_fd < 0)
		return;
	r.sum = sum(&r);
	if (write(log_fd, &r, sizeof(r)) != sizeof(r))
		DIE("log: %s", strerror(errno));
	if (sync_file_range(log_fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			    SYNC_FILE_RANGE_WAIT_AFTER))
		DIE("log: %s", strerror(errno));
}

static void gather_one(const struct record *r, const char *path)
{
	struct slot *s;

	if (r->sum != sum(r) || r->slot >= slots(book))
		DIE("%s: not a log of race_once, or a damaged one", path);
	s = &book->slots[r->slot];
	switch (r->kind) {
	case BEGUN:
		if (s->state != UNUSED)
			DIE("%s: call %u has begun twice", path, r->slot);
		s->state = CALLING;
		break;
	case EXECUTED:
		s->executed++;
		break;
	case VERDICT:
		if (s->state != CALLING)
			DIE("%s: a verdict of call %u, which is not under way", path, r->slot);
		s->state = ENDED;
		s->verdict = r->verdict;
		if (!r->verdict)
			book->went_well++;
		break;
	case DIED:
		book->deaths++;
		break;
	case WRONG_REQUEST:
		book->wrong_request++;
		break;
	case WRONG_REPLY:
		book->wrong_reply++;
		break;
	case IOCTL_ERROR:
		book->ioctl_errors++;
		break;
	default:
		DIE("%s: a record of kind %u", path, r->kind);
	}
}

static void gather(const char *path)
{
	struct record *buf = malloc(LOG_BUFFER);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n = -1;

	if (!buf || fd < 0)
		DIE("%s: %s", path, strerror(errno));
	while ((n = read(fd, (char *)buf + have, LOG_BUFFER - have)) > 0) {
		size_t whole = (have + n) / sizeof(*buf);

		for (size_t i = 0; i < whole; i++)
			gather_one(&buf[i], path);
		have = (have + n) % sizeof(*buf);
		memmove(buf, &buf[whole], have);
	}
	if (n < 0)
		DIE("%s: %s", path, strerror(errno));
	close(fd);
	free(buf);
}

/* a number that depends on nothing but the slot */
static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352d;
	x ^= x >> 15;
	x *= 0x846ca68b;
	return x ^ x >> 16;
}

static size_t data_len(uint32_t slot)
{
	uint32_t r = mix(slot);

	switch (r & 7) {
	case 0: case 1: case 2:
		return 0;
	case 3: case 4:
		return 8 + r % 200;
	case 5:
		return 1395 + r % 12;	/* around one packet */
	default:
		return 8 + r % (book->max_data - 8);
	}
}

static void fill(uint8_t *p, size_t len, uint32_t slot, uint32_t salt)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(mix(slot ^ salt) + i * 7);
}

static bool filled(const uint8_t *p, size_t len, uint32_t slot, uint32_t salt)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != (uint8_t)(mix(slot ^ salt) + i * 7))
			return false;
	return true;
}

/* ---- server ------------------------------------------------------------------------------ */

static void *serve(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg ^ (unsigned int)getpid();
	uint8_t *buf = malloc(2 * MAX_DATA);
	struct amoeba_getreq g;
	struct amoeba_putrep p;

	for (;;) {
		uint64_t slot;

		memset(&g, 0, sizeof(g));
		memcpy(g.hdr.port, port, 6);
		g.recv.addr = (uintptr_t)buf;
		g.recv.len = 2 * MAX_DATA;
		if (ioctl(dev, AMOEBA_GETREQ, &g) < 0) {
			if (errno == EINTR)
				continue;
			note(IOCTL_ERROR, 0, 0);
			atomic_fetch_add(&book->ioctl_errors, 1);
			DIE("getreq: %s", strerror(errno));
		}
		slot = (uint64_t)g.hdr.offset;
		if (slot >= slots(book)) {
			note(WRONG_REQUEST, 0, 0);
			atomic_fetch_add(&book->wrong_request, 1);
			slot = 0;
		} else {
			note(EXECUTED, slot, 0);
			atomic_fetch_add(&book->slots[slot].executed, 1);
			if (g.len != data_len(slot) ||
			    !filled(buf, g.len, slot, 0x5eed) || g.hdr.command != 77) {
				note(WRONG_REQUEST, slot, 0);
				atomic_fetch_add(&book->wrong_request, 1);
			}
		}
		if (rand_r(&seed) % 16 == 0)
			rpc_sleep_ms(rand_r(&seed) % 40);
		memset(&p, 0, sizeof(p));
		p.handle = g.handle;
		p.hdr.offset = slot;
		p.hdr.status = (int16_t)mix(slot);
		p.send.len = data_len(slot ^ 1);
		p.send.addr = (uintptr_t)buf;
		fill(buf, p.send.len, slot, 0xbee);
		if (ioctl(dev, AMOEBA_PUTREP, &p) < 0 && errno != EINTR) {
			note(IOCTL_ERROR, slot, 0);
			atomic_fetch_add(&book->ioctl_errors, 1);
			DIE("putrep: %s", strerror(errno));
		}
	}
	return NULL;
}

/* returns in a process that is to serve, again and again */
static void keep_serving(void)
{
	pid_t child;

	for (;; atomic_fetch_add(&book->deaths, 1)) {
		child = fork();
		if (child < 0)
			DIE("fork: %s", strerror(errno));
		if (!child)
			break;
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		note(DIED, 0, 0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* who kills the one kills both */
	if (getppid() == 1)
		exit(1);
}

static void run_server(unsigned int threads, double die_ms)
{
	struct timespec now;
	pthread_t t;

	clock_gettime(CLOCK_REALTIME, &now);
	dev = rpc_open();
	for (uintptr_t i = 0; i < threads; i++)
		if (pthread_create(&t, NULL, serve, (void *)i))
			DIE("a thread cannot be made");
	if (die_ms > 0) {
		unsigned int seed = (unsigned int)now.tv_nsec ^ (unsigned int)getpid();

		rpc_sleep_ms(die_ms * (rand_r(&seed) % 1000) / 1000.0);
		kill(getpid(), SIGKILL);
	}
	for (;;)
		pause();
}

/* ---- client -------------------------------------------------------------------------------- */

static void one_call(uint64_t slot, uint8_t *out, uint8_t *in)
{
	struct slot *s = &book->slots[slot];
	struct amoeba_trans t = { 0 };

	memcpy(t.req.port, port, 6);
	t.req.object = client_no;
	t.req.offset = slot;
	t.req.command = 77;
	t.flags = trans_flags;
	t.send.len = data_len(slot);
	t.send.addr = (uintptr_t)out;
	fill(out, t.send.len, slot, 0x5eed);
	t.recv.addr = (uintptr_t)in;
	t.recv.len = MAX_DATA;
	/* this order: whoever is killed in between has not called, nor will anybody else */
	atomic_store(&s->state, CALLING);
	note(BEGUN, slot, 0);
	if (ioctl(dev, AMOEBA_TRANS, &t) < 0) {
		note(IOCTL_ERROR, slot, 0);
		atomic_fetch_add(&book->ioctl_errors, 1);
		fprintf(stderr, "race_once: trans: %s\n", strerror(errno));
		s->verdict = 1;
	} else {
		s->verdict = t.verdict;
	}
	if (!s->verdict && ((uint64_t)t.rep.offset != slot ||
			    t.rep.status != (int16_t)mix(slot) ||
			    t.rep_len != data_len(slot ^ 1) ||
			    !filled(in, t.rep_len, slot, 0xbee))) {
		note(WRONG_REPLY, slot, 0);
		atomic_fetch_add(&book->wrong_reply, 1);
	}
	note(VERDICT, slot, s->verdict);
	if (!s->verdict)
		atomic_fetch_add(&book->went_well, 1);
	atomic_store(&s->state, ENDED);
}

static void *call(void *arg)
{
	uint64_t thread = (uintptr_t)arg;
	uint64_t first = (client_no * (uint64_t)book->threads + thread) * book->calls;
	uint8_t *out = malloc(MAX_DATA), *in = malloc(MAX_DATA);

	for (uint64_t i = 0; i < book->calls; i++) {
		if (rpc_ms() >= stop_at && book->went_well >= min_ok)
			break;
		/* a client before us that was killed came as far as this */
		if (atomic_load(&book->slots[first + i].state) != UNUSED)
			continue;
		one_call(first + i, out, in);
		if (gap_us)
			usleep(gap_us);
	}
	free(out);
	free(in);
	return NULL;
}

static void run_client(double seconds)
{
	pthread_t *t = calloc(book->threads, sizeof(*t));

	stop_at = rpc_ms() + seconds * 1e3;
	dev = rpc_open();
	for (uintptr_t i = 0; i < book->threads; i++)
		if (pthread_create(&t[i], NULL, call, (void *)i))
			DIE("a thread cannot be made");
	for (uint32_t i = 0; i < book->threads; i++)
		pthread_join(t[i], NULL);
	free(t);
}

/* ---- check ----------------------------------------------------------------------------------- */

static const char *broken(const struct slot *s)
{
	if (s->executed > 1)
		return "executed more than once";
	if (s->state == UNUSED)
		return s->executed && !running ? "executed though never called" : NULL;
	if (s->state == CALLING)
		return NULL;		/* the client was killed: anything up to once */
	switch (s->verdict) {
	case AMOEBA_RPC_OK:
		return s->executed == 1 ? NULL : "said to be executed";
	case AMOEBA_RPC_FAILURE:
	case 1:
		return NULL;
	case AMOEBA_RPC_NOTFOUND:
	case AMOEBA_RPC_ABORTED:
	case AMOEBA_RPC_UNSAFE:
		return s->executed ? "said not to be executed" : NULL;
	}
	return "a verdict that cannot be";
}

static int check(void)
{
	unsigned long calls = 0, ok = 0, failure = 0, notfound = 0, other = 0, bad = 0, killed = 0;

	for (size_t i = 0; i < slots(book); i++) {
		const struct slot *s = &book->slots[i];
		const char *why = broken(s);

		if (why && bad++ < 20)
			printf("call %zu: verdict %d, executed %u times: %s\n", i, s->verdict,
			       s->executed, why);
		if (s->state == UNUSED)
			continue;
		calls++;
		if (s->state == CALLING)
			killed++;
		else if (s->verdict == AMOEBA_RPC_OK)
			ok++;
		else if (s->verdict == AMOEBA_RPC_FAILURE)
			failure++;
		else if (s->verdict == AMOEBA_RPC_NOTFOUND)
			notfound++;
		else
			other++;
	}
	printf("%lu calls: %lu ok, %lu maybe executed, %lu not found, %lu other, %lu of killed "
	       "clients; %lu broken promises, %u wrong requests, %u wrong replies, %u errors of "
	       "ioctl\n", calls, ok, failure, notfound, other, killed, bad, book->wrong_request,
	       book->wrong_reply, book->ioctl_errors);
	if (ok < min_ok) {
		printf("only %lu calls went well, %lu are wanted for the test to mean something\n",
		       ok, min_ok);
		return 1;
	}
	return bad || book->wrong_request || book->wrong_reply || book->ioctl_errors;
}

static int progress(void)
{
	unsigned long begun = 0;

	for (size_t i = 0; i < slots(book); i++)
		begun += atomic_load(&book->slots[i].state) != UNUSED;
	printf("%lu %u\n", begun, book->deaths);
	return 0;
}

int main(int argc, char **argv)
{
	double die_ms = 0, seconds = 1e9;
	bool again = false;
	const char *v = NULL;
	int fixed;

	rpc_name = "race_once";
	if (argc < 3)
		DIE("see the head of race_once.c");
	if (!strcmp(argv[1], "make")) {
		uint32_t max_data = MAX_DATA;

		if (argc > 6 && (v = rpc_arg(argv[6], "max_data")))
			max_data = strtoul(v, NULL, 0);
		if (argc < 6 || argc > 7 || (argc == 7 && !v) || max_data < 1500 ||
		    max_data > MAX_DATA)
			DIE("make FILE CLIENTS THREADS CALLS [max_data=1500 to %u]", MAX_DATA);
		make(argv[2], strtoul(argv[3], NULL, 0), strtoul(argv[4], NULL, 0),
		     strtoul(argv[5], NULL, 0), max_data);
		return 0;
	}
	book = map(argv[2]);
	if (!strcmp(argv[1], "progress"))
		return progress();
	if (!strcmp(argv[1], "gather")) {
		for (int i = 3; i < argc; i++)
			gather(argv[i]);
		return 0;
	}
	fixed = strcmp(argv[1], "check") ? 5 : 3;
	if (!strcmp(argv[1], "reached") && argc == 4)
		return book->went_well < strtoul(argv[3], NULL, 0);
	if (argc < fixed)
		DIE("%s: arguments are missing", argv[1]);
	if (fixed == 3)
		min_ok = 1;
	for (int i = fixed; i < argc; i++) {
		if ((v = rpc_arg(argv[i], "die_ms")))
			die_ms = strtod(v, NULL);
		else if ((v = rpc_arg(argv[i], "again")))
			again = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "seconds")))
			seconds = strtod(v, NULL);
		else if ((v = rpc_arg(argv[i], "gap_us")))
			gap_us = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "flags")))
			trans_flags = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "min_ok")))
			min_ok = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "running")))
			running = strtoul(v, NULL, 0);
		else if ((v = rpc_arg(argv[i], "log")))
			open_log(v);
		else
			DIE("%s: no such argument", argv[i]);
	}
	if (!strcmp(argv[1], "check"))
		return check();
	rpc_hex("port", argv[3], port, 6);
	if (!strcmp(argv[1], "server")) {
		if (again)
			keep_serving();
		run_server(strtoul(argv[4], NULL, 0), die_ms);
	} else if (!strcmp(argv[1], "client")) {
		client_no = strtoul(argv[4], NULL, 0);
		if (client_no >= book->clients)
			DIE("client %u: the file has room for %u", client_no, book->clients);
		run_client(seconds);
	} else {
		DIE("%s: no such command", argv[1]);
	}
	return 0;
}
