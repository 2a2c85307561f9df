// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own objects: its statistics, random bytes, the time of day (facts 10).
 *
 * DESIGN NOTES
 *
 * Each namespace has a server with three objects. Its port and their check fields are random and
 * known to nobody until /proc/net/amoeba/kernel is read, which only the namespace's administrator
 * may; so the server is started by the first who reads it, and before that costs nothing. It stops
 * with the namespace. an->kobj_lock serialises starting; capabilities do not change afterwards.
 *
 * Rights: READ (1) for what is asked; a capability is restricted as any other. The clock is not set
 * over the network.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched/loadavg.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/time.h>
#include <linux/utsname.h>
#include <net/amcap.h>
#include <net/amoeba.h>

#include "rpc.h"

#define KOBJ_ROOM	(32U << 10)	/* bytes of a reply: all counters fit */
#define KOBJ_READ	0x01
#define KOBJ_RANDOM_MAX	1024		/* bytes of one request; facts 10 */

/* commands: facts 5, 10 */
#define STD_INFO	1004
#define STD_RESTRICT	1005
#define STD_STATUS	1006
#define STD_TOUCH	1007
#define STD_NTOUCH	1010
#define TOD_GETTIME	2400
#define TOD_SETTIME	2401
#define SYS_KSTAT	2501
#define RND_GETRANDOM	2600
#define FSQ_READ	4052

#define PRIVATE		10	/* bytes of a capability behind its port */

enum { KOBJ_SYS = 1, KOBJ_RANDOM, KOBJ_TOD, KOBJ_END };	/* object numbers */

static const struct {
	const char *name;	/* in /proc/net/amoeba/kernel */
	const char *info;	/* facts 5 */
} kobj_desc[KOBJ_END] = {
	[KOBJ_SYS]	= { "sys", "system server" },
	[KOBJ_RANDOM]	= { "random", "random number server" },
	[KOBJ_TOD]	= { "tod", "TOD server" },
};

struct amrpc_kobj {
	struct amrpc_net	*an;
	struct amrpc_service	*service;
	u8			port[AMOEBA_PORT_SIZE];		/* put-port */
	u8			random[KOBJ_END][AMOEBA_CHECK_SIZE];
};

/* ---- texts ------------------------------------------------------------------------------------ */

struct text {
	char	*buf;
	size_t	room;
	size_t	len;
};

static __printf(2, 3) void say(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += vscnprintf(t->buf + t->len, t->room - t->len, fmt, args);
	va_end(args);
}

static void say_uptime(struct text *t)
{
	struct timespec64 up;

	ktime_get_boottime_ts64(&up);
	say(t, "up %lld s\nload", (s64)up.tv_sec);
	for (int i = 0; i < 3; i++) {
		unsigned long v = READ_ONCE(avenrun[i]) + FIXED_1 / 200;

		say(t, " %lu.%02lu", LOAD_INT(v), LOAD_FRAC(v));
	}
	say(t, "\ncpus %u\n", num_online_cpus());
}

static void say_memory(struct text *t)
{
	struct sysinfo i;

	si_meminfo(&i);
	say(t, "memory %llu KiB\nfree %llu KiB\n", (u64)i.totalram * i.mem_unit >> 10,
	    (u64)i.freeram * i.mem_unit >> 10);
}

static void say_version(struct text *t)
{
	say(t, "host %s\nkernel %s %s\namoeba " AMOEBA_VERSION "\n", init_uts_ns.name.nodename,
	    init_uts_ns.name.sysname, init_uts_ns.name.release);
}

static void say_amoeba(struct text *t, struct amrpc_net *an)
{
	for (unsigned int i = 0; i < AMRPC_NR_STATS; i++)
		say(t, "%s %llu\n", amrpc_stat_descs[i].name, amrpc_stat_sum(an, i));
}

static void say_flip(struct text *t, struct amrpc_net *an)
{
	const char *name;
	u64 value;

	for (unsigned int i = 0; flip_counter(an->net, i, &name, &value); i++)
		say(t, "%s %llu\n", name, value);
}

/* KSTAT: a letter says which; the original's letters named tables that are not here */
static bool say_table(struct text *t, struct amrpc_net *an, u32 letter)
{
	switch (letter) {
	case '?':
	case 0:
		say(t, "a counters of transactions\nf counters of FLIP\nm memory\n"
		       "u time since boot and load\nv versions\n");
		return true;
	case 'a':
		say_amoeba(t, an);
		return true;
	case 'f':
		say_flip(t, an);
		return true;
	case 'm':
		say_memory(t);
		return true;
	case 'u':
		say_uptime(t);
		return true;
	case 'v':
		say_version(t);
		return true;
	}
	return false;
}

static void status(struct text *t, unsigned int object)
{
	struct tm tm;

	switch (object) {
	case KOBJ_SYS:
		say_version(t);
		say_uptime(t);
		say_memory(t);
		break;
	case KOBJ_RANDOM:
		say(t, "up to %u bytes a request\n", KOBJ_RANDOM_MAX);
		break;
	case KOBJ_TOD:
		time64_to_tm(ktime_get_real_seconds(), 0, &tm);
		say(t, "%04ld-%02d-%02d %02d:%02d:%02d UTC\n", tm.tm_year + 1900, tm.tm_mon + 1,
		    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		break;
	}
}

/* ---- requests --------------------------------------------------------------------------------- */

/* is it a capability of ours? its object, or 0 */
static unsigned int valid(const struct amrpc_kobj *k, u32 object, u32 rights, const u8 *check)
{
	if (!object || object >= KOBJ_END || rights > AMCAP_ALL_RIGHTS)
		return 0;
	return amcap_check(rights, check, k->random[object]) ? object : 0;
}

/* h_size: in what the client has room for, out the length of the text */
static s32 reply_text(struct amrpc_request *rq, const struct text *t)
{
	u64 room = rq->hdr.size;

	rq->rep.size = t->len;
	if (t->len > room)
		return AMRPC_STD_OVERFLOW;
	rq->rep_len = t->len;
	return 0;
}

static s32 restrict_to(const struct amrpc_kobj *k, struct amrpc_request *rq, unsigned int object)
{
	u8 rights = rq->hdr.rights & (u32)rq->hdr.offset;

	memcpy(rq->rep.port, k->port, sizeof(k->port));
	rq->rep.object = object;
	rq->rep.rights = rights;
	memset(rq->rep.check, 0, sizeof(rq->rep.check));
	amcap_encode(rights, k->random[object], rq->rep.check);
	return 0;
}

static s32 touch_many(const struct amrpc_kobj *k, struct amrpc_request *rq)
{
	const u8 *p = rq->data;
	u32 done = 0;

	if (rq->trunc || rq->hdr.size * PRIVATE != rq->len)
		return AMRPC_STD_ARGBAD;
	for (u64 i = 0; i < rq->hdr.size; i++, p += PRIVATE)
		done += !!valid(k, p[0] | p[1] << 8 | p[2] << 16, p[3], p + 4);
	rq->rep.extra = done;
	return 0;
}

static s32 get_random(struct amrpc_request *rq)
{
	if (rq->hdr.size > KOBJ_RANDOM_MAX)
		return AMRPC_STD_ARGBAD;
	get_random_bytes(rq->buf, rq->hdr.size);
	rq->rep_len = rq->hdr.size;
	rq->rep.extra = 0;	/* FSQ_READ: there is always more */
	return 0;
}

/* seconds since 1970 and ms; a classic header has room for them until 2038 */
static s32 get_time(struct amrpc_request *rq)
{
	struct timespec64 now;

	ktime_get_real_ts64(&now);
	rq->rep.offset = now.tv_sec;
	rq->rep.size = now.tv_nsec / NSEC_PER_MSEC;
	rq->rep.extra = 0;	/* UTC has no summer */
	return 0;
}

/* what an object does beside the standard commands */
static s32 own_command(struct amrpc_kobj *k, struct amrpc_request *rq, unsigned int object,
		       struct text *t)
{
	u32 of = object << 16 | (rq->hdr.command & 0xffff);

	switch (of) {
	case KOBJ_SYS << 16 | SYS_KSTAT:
		if (!say_table(t, k->an, rq->hdr.extra))
			return AMRPC_STD_ARGBAD;
		return reply_text(rq, t);
	case KOBJ_RANDOM << 16 | RND_GETRANDOM:
	case KOBJ_RANDOM << 16 | FSQ_READ:
		return get_random(rq);
	case KOBJ_TOD << 16 | TOD_GETTIME:
		return get_time(rq);
	case KOBJ_TOD << 16 | TOD_SETTIME:
		return AMRPC_STD_DENIED;
	}
	return AMRPC_STD_COMBAD;
}

static s32 answer(struct amrpc_kobj *k, struct amrpc_request *rq)
{
	struct text t = { .buf = rq->buf, .room = rq->room };
	unsigned int object;

	if (rq->hdr.command < 0 || rq->hdr.command > U16_MAX)
		return AMRPC_STD_COMBAD;
	object = valid(k, rq->hdr.object, rq->hdr.rights, rq->hdr.check);
	if (!object)
		return AMRPC_STD_CAPBAD;
	switch (rq->hdr.command) {
	case STD_TOUCH:
		return 0;
	case STD_NTOUCH:
		return touch_many(k, rq);
	case STD_RESTRICT:
		return restrict_to(k, rq, object);
	}
	if (!(rq->hdr.rights & KOBJ_READ))
		return AMRPC_STD_DENIED;
	switch (rq->hdr.command) {
	case STD_INFO:
		say(&t, "%s", kobj_desc[object].info);
		return reply_text(rq, &t);
	case STD_STATUS:
		status(&t, object);
		return reply_text(rq, &t);
	}
	return own_command(k, rq, object, &t);
}

static void serve(void *priv, struct amrpc_request *rq)
{
	rq->rep.status = answer(priv, rq);
}

/* ---- life ------------------------------------------------------------------------------------- */

static struct amrpc_kobj *kobj_start(struct amrpc_net *an)
{
	struct amrpc_kobj *k = kzalloc(sizeof(*k), GFP_KERNEL_ACCOUNT);
	u8 get[AMOEBA_PORT_SIZE];
	int err;

	if (!k)
		return ERR_PTR(-ENOMEM);
	k->an = an;
	get_random_bytes(k->random, sizeof(k->random));
	get_random_bytes(get, sizeof(get));
	amcap_one_way(get, k->port);
	k->service = amrpc_service_start(an->net, get, KOBJ_ROOM, serve, k);
	memzero_explicit(get, sizeof(get));
	if (IS_ERR(k->service)) {
		err = PTR_ERR(k->service);
		kfree_sensitive(k);
		return ERR_PTR(err);
	}
	return k;
}

/**
 * amrpc_kobj_show() - the capabilities of the kernel's objects, one a line, with their names
 * @m: where to
 * @an: namespace
 *
 * Context: process. Return: 0 or what prevents the server from starting.
 */
int amrpc_kobj_show(struct seq_file *m, struct amrpc_net *an)
{
	struct amrpc_kobj *k;

	mutex_lock(&an->kobj_lock);
	k = an->kobj;
	if (!k) {
		k = kobj_start(an);
		if (!IS_ERR(k))
			an->kobj = k;
	}
	mutex_unlock(&an->kobj_lock);
	if (IS_ERR(k))
		return PTR_ERR(k);
	for (unsigned int i = 1; i < KOBJ_END; i++) {
		const u8 *p = k->port, *c = k->random[i];

		/* facts 4.4 */
		seq_printf(m, "%s %X:%X:%X:%X:%X:%X/%u(%X)/%X:%X:%X:%X:%X:%X\n", kobj_desc[i].name,
			   p[0], p[1], p[2], p[3], p[4], p[5], i, AMCAP_ALL_RIGHTS,
			   c[0], c[1], c[2], c[3], c[4], c[5]);
	}
	return 0;
}

/* the namespace goes; nobody reads /proc any more */
void amrpc_kobj_exit(struct amrpc_net *an)
{
	if (!an->kobj)
		return;
	amrpc_service_stop(an->kobj->service);
	kfree_sensitive(an->kobj);
	an->kobj = NULL;
}
