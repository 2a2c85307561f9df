/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libamoeba: transactions, capabilities, servers and their stubs.
 *
 * Every function that returns am_status gives AM_OK (0) or a negative error: a verdict of the
 * transaction (AM_RPC_*), an error of the server (AM_STD_*, AM_SP_*, ...), see am_why(). Nothing
 * here prints or exits. Functions may be called from any number of threads.
 */
#ifndef AMOEBA_H
#define AMOEBA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/amoeba.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t am_status;

/* argument @n is kept, neither read nor written by the call */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define AM_KEEPS(n) __attribute__((access(none, n)))
#else
#define AM_KEEPS(n)
#endif

#define AM_OK			0
/* verdicts, facts 3.8 */
#define AM_RPC_FAILURE		(-1)
#define AM_RPC_NOTFOUND		(-2)
#define AM_RPC_BADADDRESS	(-3)
#define AM_RPC_ABORTED		(-4)
#define AM_RPC_TRYAGAIN		(-5)
#define AM_RPC_COMBAD		(-6)
#define AM_RPC_REMOTERPC	(-7)
#define AM_RPC_BADPORT		(-8)
#define AM_RPC_UNSAFE		(-9)
/* standard errors, facts 5 */
#define AM_STD_CAPBAD		(-1000)
#define AM_STD_COMBAD		(-1001)
#define AM_STD_ARGBAD		(-1002)
#define AM_STD_NOTNOW		(-1003)
#define AM_STD_NOSPACE		(-1004)
#define AM_STD_DENIED		(-1005)
#define AM_STD_NOMEM		(-1006)
#define AM_STD_EXISTS		(-1007)
#define AM_STD_NOTFOUND		(-1008)
#define AM_STD_SYSERR		(-1009)
#define AM_STD_INTR		(-1010)
#define AM_STD_OVERFLOW		(-1011)
#define AM_STD_WRITEPROT	(-1012)
#define AM_STD_NOMEDIUM		(-1013)
/* directory service, facts 8 */
#define AM_SP_UNAVAIL		(-2101)
#define AM_SP_NOTEMPTY		(-2102)
#define AM_SP_UNREACH		(-2103)
#define AM_SP_CLASH		(-2104)

/* standard commands, facts 5 */
#define AM_STD_MONITOR		1000
#define AM_STD_AGE		1001
#define AM_STD_COPY		1002
#define AM_STD_DESTROY		1003
#define AM_STD_INFO		1004
#define AM_STD_RESTRICT		1005
#define AM_STD_STATUS		1006
#define AM_STD_TOUCH		1007
#define AM_STD_GETPARAMS	1008
#define AM_STD_SETPARAMS	1009
#define AM_STD_NTOUCH		1010

#define AM_MAX_CHUNK		(1U << 20)	/* bytes our stubs move in one transaction */

/* ---- ports and capabilities ------------------------------------------------------------- */

typedef struct am_port { uint8_t b[6]; } am_port;

/** the 16 bytes of facts 4.1, as they travel */
typedef struct am_cap {
	am_port	port;
	uint8_t	object[3];	/* little-endian */
	uint8_t	rights;
	uint8_t	check[6];
} am_cap;

bool	 am_port_null(const am_port *p);
bool	 am_port_equal(const am_port *a, const am_port *b);
void	 am_port_random(am_port *p);			/* aborts when the system has no randomness */
void	 am_one_way(const am_port *get, am_port *put);	/* priv2pub */

bool	 am_cap_null(const am_cap *c);
bool	 am_cap_equal(const am_cap *a, const am_cap *b);	/* constant time */
uint32_t am_cap_object(const am_cap *c);
/* make the capability of @object with @rights at a server */
void	 am_cap_make(am_cap *c, const am_port *put, uint32_t object, uint8_t rights,
		     const am_port *random);
/* rights of @c when its check field fits @random: AM_OK and *@rights, or AM_STD_CAPBAD */
am_status am_cap_check(const am_cap *c, const am_port *random, uint8_t *rights);
/* text "P:P:P:P:P:P/object(RIGHTS)/C:C:C:C:C:C", facts 4.4 */
#define AM_CAP_TEXT	64	/* bytes, terminating zero included */
char	*am_cap_text(const am_cap *c, char text[AM_CAP_TEXT]);	/* returns @text */
/* one or two hex digits a byte, either case, no blanks around: AM_OK or AM_STD_ARGBAD */
am_status am_cap_parse(const char *text, am_cap *c);
/* header <-> capability */
void	 am_hdr_set_cap(struct amoeba_header *h, const am_cap *c);	/* port + private part */
void	 am_hdr_get_cap(const struct amoeba_header *h, am_cap *c);	/* null: does not fit */

/* ---- transactions ------------------------------------------------------------------------ */

/*
 * One open /dev/amoeba serves the whole process; it is opened at the first call. After fork the
 * child opens its own. A call that the kernel refused (no device, no permission, a bad buffer) is
 * AM_RPC_FAILURE or the like with errno set, and am_errno_why() says it in words; errno is 0 when
 * the transaction was made and this is its verdict or the status of its reply.
 */
int	 am_open(void);			/* 0, or -errno; calls below do it themselves */
int	 am_info(struct amoeba_info *info);	/* 0 or -errno */
void	 am_set_device(const char *path);	/* before the first call; default /dev/amoeba */
/* an errno of the device in words and with a remedy, "no /dev/amoeba: load amoeba.ko"; static */
const char *am_errno_why(int err);
/* number of the AF_FLIP family on this host, or -1 with errno (flip.ko not loaded, family=0) */
int	 flip_family(void);

/**
 * One transaction. @h: request header in, reply header out (its status is returned when the
 * transaction itself succeeded and it is negative). *@rlen: in: size of @rbuf, out: bytes of the
 * reply, cut to the buffer (AM_STD_OVERFLOW when it was larger). @rbuf and @rlen may be NULL.
 */
am_status am_trans(struct amoeba_header *h, const void *data, size_t len,
		   void *rbuf, size_t *rlen);

struct am_trans_opt {
	uint32_t locate_ms;	/* 0: default */
	uint32_t timeout_ms;	/* 0: none */
	uint32_t flags;		/* AMOEBA_TRANS_* */
	uint64_t cookie;	/* its name in am_cancel(); 0: none */
};
am_status am_trans_opt(struct amoeba_header *h, const void *data, size_t len,
		       void *rbuf, size_t *rlen, const struct am_trans_opt *opt);

/** The classic three. getreq: bytes received (cut to @size) or a negative verdict. */
int64_t	 am_getreq(struct amoeba_header *h, void *buf, size_t size);
am_status am_putrep(const struct amoeba_header *h, const void *buf, size_t len);

/**
 * Several ports, and event loops. getreq_ports: as am_getreq(), for the first request to any of @n
 * get-ports (at most AMOEBA_MAX_PORTS), *@which (may be NULL) says which; @n 0: to any port
 * listened to. @flags: AMOEBA_GETREQ_NONBLOCK: AM_RPC_TRYAGAIN with errno EAGAIN when none is
 * waiting. am_listen() makes this process a server of the ports without a thread waiting, and
 * am_pollfd() has POLLIN while a request is; am_unlisten() takes that back, with @n 0 for all.
 */
int64_t	 am_getreq_ports(struct amoeba_header *h, const am_port *get, unsigned int n,
			 unsigned int *which, uint32_t flags, void *buf, size_t size);
int	 am_listen(const am_port *get, unsigned int n);		/* 0 or -errno */
int	 am_unlisten(const am_port *get, unsigned int n);	/* 0 or -errno */
int	 am_pollfd(void);	/* for poll and epoll only, not to be closed; or -errno */
/* hand the request this thread got last to the server of the same port at a FLIP address */
am_status am_forward(const uint8_t address[8]);
/* end calls of this process with that cookie: their number or -errno */
int	 am_cancel(uint64_t cookie);
/* time-outs where calls give none; the ones before come back: 0 or -errno */
int	 am_limits(struct amoeba_limits *l);

/*
 * Transactions through sockets, amoeba(7): many at once without threads. am_socket() is for SOCK_CLOEXEC and
 * SOCK_NONBLOCK; no port: a drawn one to serve, none to call. Results are >= 0 or -errno; of a call
 * that failed @m says the verdict.
 */
int	 am_socket(int flags);
int	 am_socket_bind(int fd, const am_port *get);
int	 am_socket_connect(int fd, const am_port *put);
int64_t	 am_socket_send(int fd, const struct amoeba_msg *m, const void *data, size_t len, int flags);
int64_t	 am_socket_recv(int fd, struct amoeba_msg *m, void *buf, size_t size, int flags);

/* ---- server loop ------------------------------------------------------------------------- */

/** one request in the hands of a handler */
struct am_request {
	struct amoeba_header	hdr;	/* in: request; out: reply. status 0 at entry */
	uint32_t		command;	/* of the request */
	am_cap			cap;	/* port + private part of the request */
	const uint8_t		*data;	/* of the request, not aligned */
	size_t			len;
	bool			trunc;	/* the request was larger than the buffer */
	uint8_t			*rbuf;	/* place for the data of the reply */
	size_t			rsize;
	size_t			rlen;	/* out: bytes of the reply; data may also be set */
	const uint8_t		*rdata;	/* out: reply from here instead of @rbuf when not NULL */
	void			(*rdone)(void *arg);	/* out: called when @rdata is no longer needed */
	void			*rdone_arg;	/* a reply with @rdone takes a second system call */
};

/** @return status of the reply; no data goes out with a negative one */
typedef am_status (*am_handler)(struct am_request *rq, void *arg);

struct am_server;

struct am_server_opt {
	unsigned int	threads;	/* 0: 4 */
	size_t		bufsize;	/* request buffer of each thread; 0: AM_MAX_CHUNK + 64 KiB */
	size_t		rbufsize;	/* reply buffer; 0: as bufsize */
};

/* starts the threads and returns; NULL with errno */
struct am_server *am_server_start(const am_port *get, am_handler handler, void *arg,
				  const struct am_server_opt *opt);
const am_port *am_server_port(const struct am_server *s);	/* put-port */
void	 am_server_stop(struct am_server *s);	/* requests in work are finished; frees */

/* ---- standard operations ----------------------------------------------------------------- */

/* text of the server in @buf of @size bytes, with a terminating zero, cut (AM_STD_OVERFLOW) */
am_status am_std_info(const am_cap *c, char *buf, size_t size);
am_status am_std_status(const am_cap *c, char *buf, size_t size);
am_status am_std_restrict(const am_cap *c, uint8_t mask, am_cap *out);	/* locally when it can */
am_status am_std_destroy(const am_cap *c);
am_status am_std_touch(const am_cap *c);

/* ---- errors as text ---------------------------------------------------------------------- */

const char *am_why(am_status s);	/* "rpc: server not found", ...; never NULL, static */

/* ---- marshalling, facts 4.4: little-endian, strings end with a zero ------------------------ */

struct am_buf { uint8_t *p, *end; bool bad; };	/* writing and reading; bad sticks */

void	 am_buf_init(struct am_buf *b, const void *p, size_t size) AM_KEEPS(2);
void	 am_put_u16(struct am_buf *b, uint16_t v);
void	 am_put_u32(struct am_buf *b, uint32_t v);
void	 am_put_u64(struct am_buf *b, uint64_t v);
void	 am_put_str(struct am_buf *b, const char *s);
void	 am_put_bytes(struct am_buf *b, const void *p, size_t n);
void	 am_put_cap(struct am_buf *b, const am_cap *c);
uint16_t am_get_u16(struct am_buf *b);
uint32_t am_get_u32(struct am_buf *b);
uint64_t am_get_u64(struct am_buf *b);
const char *am_get_str(struct am_buf *b);	/* points into the buffer; NULL when bad */
const void *am_get_bytes(struct am_buf *b, size_t n);
void	 am_get_cap(struct am_buf *b, am_cap *c);

/** capability set, facts 4.4, at most 8 members */
#define AM_CAPSET_MAX 8
typedef struct am_capset {
	int16_t	initial, final;
	struct { am_cap cap; int16_t current; } suite[AM_CAPSET_MAX];
} am_capset;
void	 am_capset_one(am_capset *s, const am_cap *c);
void	 am_put_capset(struct am_buf *b, const am_capset *s);
void	 am_get_capset(struct am_buf *b, am_capset *s);
/* one member: it; several: the first whose server answers STD_INFO */
am_status am_capset_choose(const am_capset *s, am_cap *c);

/* ---- directories, facts 8 ------------------------------------------------------------------ */

#define AM_DIR_CREATE	2100
#define AM_DIR_DISCARD	2101
#define AM_DIR_LIST	2102
#define AM_DIR_APPEND	2103
#define AM_DIR_CHMOD	2104
#define AM_DIR_DELETE	2105
#define AM_DIR_LOOKUP	2106
#define AM_DIR_REPLACE	2110
#define AM_DIR_RGT_MODIFY 0x40
#define AM_DIR_RGT_DELETE 0x80
#define AM_DIR_COLUMNS	4
#define AM_NAME_MAX	255
#define AM_PATH_MAX	4096

am_status am_dir_create(const am_cap *server, am_cap *dir);	/* columns owner group other */
am_status am_dir_discard(const am_cap *dir);
am_status am_dir_append(const am_cap *dir, const char *name, const am_cap *c,
			const uint32_t masks[AM_DIR_COLUMNS]);	/* NULL: 0xff each */
am_status am_dir_replace(const am_cap *dir, const char *name, const am_cap *c);
am_status am_dir_delete(const am_cap *dir, const char *name);
am_status am_dir_chmod(const am_cap *dir, const char *name,
		       const uint32_t masks[AM_DIR_COLUMNS]);
/* one step or more: resolves all of @path it can, "." and ".." and empty parts first */
am_status am_lookup(const am_cap *start, const char *path, am_cap *out);
/* directory part and last name of @path: the directory's capability, and the name */
am_status am_lookup_parent(const am_cap *start, const char *path, am_cap *dir,
			   char name[AM_NAME_MAX + 1]);

struct am_dirent {
	char		name[AM_NAME_MAX + 1];
	uint32_t	masks[AM_DIR_COLUMNS];
	unsigned int	ncols;
};
/* calls @fn for each row until it returns non-zero, which is then returned (positive) */
am_status am_dir_list(const am_cap *dir, int (*fn)(const struct am_dirent *e, void *arg),
		      void *arg);

/* ---- the root of the directory graph (design 1.1) ------------------------------------------- */

/* $AMOEBA_ROOT (a capability as text) or the line in /etc/amoeba/root; AM_STD_NOTFOUND, CAPBAD */
am_status am_root(am_cap *root);
am_status am_path(const char *path, am_cap *c);	/* am_root() + am_lookup(); "/" is the root */

/* ---- bullet files, facts 7 ------------------------------------------------------------------ */

#define AM_B_CREATE	2001
#define AM_B_MODIFY	2005
#define AM_B_READ	2006
#define AM_B_SIZE	2007
/*
 * On the wire (the classic header, so that an original bullet server can be called too, and an
 * original client can call ours):
 *
 * CREATE, MODIFY	data: the bytes. Their number is the length of the data; size repeats its low
 *		16 bits. extra: AM_B_COMMIT, AM_B_SAFETY. MODIFY: the offset as below, at most the
 *		size of the file; without data and with COMMIT it only commits. Reply: the capability
 *		in the header (MODIFY of an uncommitted file: the same file).
 * READ		the wanted number of bytes: size | extra << 16. Offset as below. Reply: the bytes,
 *		fewer only at the end of the file; size and extra as in the request for their number.
 * SIZE		reply: the size of the file as an offset.
 * offset	as the header's offset up to 2^31 - 1. Beyond: offset is -1 and signature bytes 0 to 5
 *		are the 48 bits, little-endian.
 * chunks	a server that takes requests and gives replies of more than AM_B_CLASSIC bytes says so
 *		in each reply of CREATE, MODIFY and SIZE: extra = AM_B_WIDE | log2 of its largest chunk.
 *		To others the stubs send at most AM_B_CLASSIC bytes and offsets up to 2^31 - 1. A
 *		READ that wants more than AM_B_CLASSIC goes only to a server that said so.
 *
 * am_b_put_*() and am_b_get_*() are these rules for both sides.
 */
#define AM_B_CLASSIC	29696	/* bytes an original bullet server moves in one transaction */
#define AM_B_WIDE	0xa600	/* extra of a reply: | log2 of the largest chunk, 16 to 30 */
#define AM_B_WIDE_MASK	0xff00
#define AM_B_OFFSET_MAX	((UINT64_C(1) << 48) - 1)
#define AM_B_COMMIT	0x1	/* extra: commit */
#define AM_B_SAFETY	0x2	/* extra: on disk before the reply */
#define AM_B_RGT_CREATE 0x01
#define AM_B_RGT_READ	0x02
#define AM_B_RGT_MODIFY 0x04
#define AM_B_RGT_DESTROY 0x08

/* whole files of any size, moved in chunks; committed and safe */
am_status am_b_create(const am_cap *server, const void *data, size_t len, am_cap *file);
am_status am_b_create_fd(const am_cap *server, int fd, am_cap *file, uint64_t *size);
am_status am_b_size(const am_cap *file, uint64_t *size);
am_status am_b_read(const am_cap *file, uint64_t offset, void *buf, size_t *len);
am_status am_b_read_fd(const am_cap *file, int fd, uint64_t *size);
am_status am_b_load(const am_cap *file, void **data, size_t *len);	/* malloc()ed */

/* the rules above: an offset (or SIZE's result), the wanted bytes of READ, the chunk */
void	 am_b_put_offset(struct amoeba_header *h, uint64_t offset);
am_status am_b_get_offset(const struct amoeba_header *h, uint64_t *offset);	/* or ARGBAD */
void	 am_b_put_size(struct amoeba_header *h, uint32_t size);		/* size and extra */
uint32_t am_b_get_size(const struct amoeba_header *h);
void	 am_b_put_chunk(struct amoeba_header *h, uint32_t chunk);	/* server: largest chunk */
uint32_t am_b_get_chunk(const struct amoeba_header *h);		/* client: AM_B_CLASSIC or more */

/* the default file server: "/profile/cap/bulletsvr/default" */
am_status am_b_server(am_cap *server);

#ifdef __cplusplus
}
#endif

#endif /* AMOEBA_H */
