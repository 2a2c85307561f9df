/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Amoeba transactions: the interface of /dev/amoeba.
 *
 * Every structure has the same layout for 32 and 64 bit callers, holds no padding the compiler
 * could choose, and may grow at its end: the kernel copies min(size known, size passed), wants
 * zeros in what it does not know (E2BIG otherwise) and takes zeros for what was not passed. All
 * integers are in host byte order; ports, signatures and check fields are bytes. A structure must not
 * be shorter than its first version, or its first 64 bytes if that was longer (EINVAL).
 *
 * An errno of ioctl(2) speaks about the call; what became of a transaction is data: the call
 * returns 0 and fills @verdict. Alike for all calls: EFAULT bad address; EINVAL unknown flag, a
 * reserved field or port byte 6 or 7 not zero; E2BIG see above; EMSGSIZE more than AMOEBA_MAX_DATA
 * bytes; ERANGE a header value does not fit the classic header a remote peer gets (nothing was
 * sent); ENOBUFS too many transactions on this file; EDQUOT the user who opened it is at a limit of
 * net.amoeba.max_user_*: of files (open), calls or data kept (AMOEBA_TRANS), ports (AMOEBA_LISTEN,
 * AMOEBA_GETREQ); ENOTTY no such call; EINTR a signal: fatal for AMOEBA_TRANS and AMOEBA_PUTREP, any for
 * AMOEBA_GETREQ.
 */
#ifndef _UAPI_LINUX_AMOEBA_H
#define _UAPI_LINUX_AMOEBA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define AMOEBA_ABI_VERSION	1

#define AMOEBA_PORT_SIZE	6	/* bytes of a classic port (facts 4.1) */
#define AMOEBA_CHECK_SIZE	6	/* bytes of a classic check field */
#define AMOEBA_CAP_SIZE		16	/* bytes of a classic capability */
#define AMOEBA_MAX_DATA		(1U << 30)	/* largest data part of a message, bytes */
#define AMOEBA_LOCATE_MS	5200	/* default locate limit, ms (facts 3.3) */
#define AMOEBA_MAX_PORTS	64	/* most ports of one list */
#define AMOEBA_MAX_LISTEN	1024	/* most ports one open file serves at once */

/**
 * struct amoeba_header - the transaction header, wide form (64 bytes)
 * @port: put-port of the wanted server (request), get-port (AMOEBA_GETREQ argument); bytes 0-5,
 *	6 and 7 are zero in ABI 1
 * @signature: bytes 0-5, not interpreted by the kernel
 * @object: object number; 24 bits towards a classic peer
 * @rights: rights mask; 8 bits towards a classic peer
 * @check: check field; bytes 0-5 towards a classic peer
 * @site: where the object was created, 0 = here; 0 towards a classic peer
 * @command: request: command, 0 to 65535 towards a classic peer
 * @status: reply: 0 or a negative error, -32768 to 32767 towards a classic peer
 * @extra: 16 bits towards a classic peer
 * @offset: signed 32 bits towards a classic peer
 * @size: 16 bits towards a classic peer; independent of the length of the data
 */
struct amoeba_header {
	__u8	port[8];
	__u8	signature[8];
	__u32	object;
	__u32	rights;
	__u8	check[12];
	__u32	site;
	union {
		__s32	command;
		__s32	status;
	};
	__u32	extra;
	__s64	offset;
	__u64	size;
};

/**
 * struct amoeba_iovec - one piece of a buffer
 * @base: user address
 * @len: bytes
 */
struct amoeba_iovec {
	__aligned_u64	base;
	__aligned_u64	len;
};

/**
 * struct amoeba_buf - a buffer of the caller
 * @addr: user address of the bytes (@iovcnt is 0), or of an array of struct amoeba_iovec
 * @len: bytes at @addr (@iovcnt is 0), otherwise not used and zero
 * @iovcnt: number of pieces, 0 to 1024
 * @reserved: zero
 */
struct amoeba_buf {
	__aligned_u64	addr;
	__aligned_u64	len;
	__u32		iovcnt;
	__u32		reserved;
};

/*
 * Verdicts (facts 3.8). AMOEBA_RPC_NOTFOUND and AMOEBA_RPC_UNSAFE: the request was surely not
 * executed. AMOEBA_RPC_FAILURE: it may have been. AMOEBA_RPC_ABORTED: ended by a signal or
 * AMOEBA_CANCEL before the request left.
 */
#define AMOEBA_RPC_OK		0
#define AMOEBA_RPC_FAILURE	(-1)
#define AMOEBA_RPC_NOTFOUND	(-2)
#define AMOEBA_RPC_BADADDRESS	(-3)
#define AMOEBA_RPC_ABORTED	(-4)
#define AMOEBA_RPC_TRYAGAIN	(-5)
#define AMOEBA_RPC_COMBAD	(-6)
#define AMOEBA_RPC_REMOTERPC	(-7)
#define AMOEBA_RPC_BADPORT	(-8)
#define AMOEBA_RPC_UNSAFE	(-9)

/* out_flags */
#define AMOEBA_OUT_TRUNC	0x1	/* the data was cut to the buffer; the length is the full one */
#define AMOEBA_OUT_LOCAL	0x2	/* the peer is in this network namespace */
#define AMOEBA_OUT_SIGNAL	0x4	/* GETREQ: the client has passed on a signal */

/* flags of struct amoeba_trans */
#define AMOEBA_TRANS_INSECURE	0x1	/* may cross untrusted networks */
#define AMOEBA_TRANS_REMOTE	0x2	/* not to a server of this namespace */
#define AMOEBA_TRANS_FLAGS	0x3

/* flags of struct amoeba_getreq */
#define AMOEBA_GETREQ_NONBLOCK	0x1	/* EAGAIN when no request is waiting */
#define AMOEBA_GETREQ_LISTENED	0x2	/* any port declared by AMOEBA_LISTEN; no port is named */
#define AMOEBA_GETREQ_FLAGS	0x3

/* flags of struct amoeba_listen */
#define AMOEBA_LISTEN_OFF	0x1	/* take declarations back */
#define AMOEBA_LISTEN_FLAGS	0x1

/**
 * struct amoeba_trans - argument of AMOEBA_TRANS: one transaction
 * @req: in: request header; @req.port is the put-port
 * @rep: out: reply header, valid when @verdict is AMOEBA_RPC_OK
 * @send: in: data of the request
 * @recv: in: buffer for the data of the reply
 * @flags: in: AMOEBA_TRANS_*
 * @locate_ms: in: how long to look for a server, ms; 0: that of the file (AMOEBA_LIMITS)
 * @timeout_ms: in: limit of the whole call, ms; 0: that of the file, by default none
 * @verdict: out: AMOEBA_RPC_*
 * @rep_len: out: full length of the data of the reply, bytes
 * @out_flags: out: AMOEBA_OUT_*
 * @reserved: zero
 * @cookie: in: the caller's choice, names the call in AMOEBA_CANCEL; 0: it has no name
 */
struct amoeba_trans {
	struct amoeba_header	req;
	struct amoeba_header	rep;
	struct amoeba_buf	send;
	struct amoeba_buf	recv;
	__u32			flags;
	__u32			locate_ms;
	__u32			timeout_ms;
	__s32			verdict;
	__aligned_u64		rep_len;
	__u32			out_flags;
	__u32			reserved;
	__aligned_u64		cookie;
};

/**
 * struct amoeba_getreq - argument of AMOEBA_GETREQ: wait for a request
 * @hdr: in: @hdr.port is the get-port (secret), or null when there are @nports or with
 *	AMOEBA_GETREQ_LISTENED; out: request header, whose port is the put-port it was sent to
 * @recv: in: buffer for the data of the request
 * @flags: in: AMOEBA_GETREQ_*
 * @timeout_ms: in: how long to wait, ms; 0: the limit of the file (AMOEBA_LIMITS), by default none.
 *	The end is ETIMEDOUT
 * @handle: out: names the transaction in AMOEBA_PUTREP; never 0
 * @len: out: full length of the data of the request, bytes
 * @out_flags: out: AMOEBA_OUT_*
 * @reserved: zero
 * @ports: in: user address of @nports get-ports of 8 bytes, bytes 6 and 7 zero; 0 without a list
 * @nports: in: 0 to AMOEBA_MAX_PORTS. The oldest request for any of them is taken. EINVAL: a port is
 *	named in no way or in two, a port is null, too many. ENOBUFS: the file serves
 *	AMOEBA_MAX_LISTEN other ports
 * @index: out: which of @ports it was sent to, from 0; 0 without a list
 * @cookie: in: the caller's choice, names the wait in AMOEBA_CANCEL, which ends it with ECANCELED;
 *	0: it has no name
 */
struct amoeba_getreq {
	struct amoeba_header	hdr;
	struct amoeba_buf	recv;
	__u32			flags;
	__u32			timeout_ms;
	__aligned_u64		handle;
	__aligned_u64		len;
	__u32			out_flags;
	__u32			reserved;
	__aligned_u64		ports;
	__u32			nports;
	__u32			index;
	__aligned_u64		cookie;
};

/**
 * struct amoeba_putrep - argument of AMOEBA_PUTREP: answer a request
 * @hdr: in: reply header; @hdr.port may be anything
 * @send: in: data of the reply
 * @handle: in: from AMOEBA_GETREQ of the same open file; any thread may use it, once. ENOENT:
 *	never given out, or answered already
 * @verdict: out: AMOEBA_RPC_OK, or AMOEBA_RPC_FAILURE when the client is known to be gone
 * @flags: zero
 */
struct amoeba_putrep {
	struct amoeba_header	hdr;
	struct amoeba_buf	send;
	__aligned_u64		handle;
	__s32			verdict;
	__u32			flags;
};

/**
 * struct amoeba_putrep_getreq - argument of AMOEBA_PUTREP_GETREQ: reply, then wait
 * @put: as AMOEBA_PUTREP; with a handle of 0 nothing is answered. When the reply is refused
 *	with an errno, nothing was answered and nothing was waited for. When it was taken,
 *	@put.handle is set to 0 at once, so that a call ended by a signal can be repeated as it is
 * @get: as AMOEBA_GETREQ
 */
struct amoeba_putrep_getreq {
	struct amoeba_putrep	put;
	struct amoeba_getreq	get;
};

/**
 * struct amoeba_listen - argument of AMOEBA_LISTEN: serve ports without waiting
 * @ports: in: user address of @nports get-ports of 8 bytes, bytes 6 and 7 zero
 * @nports: in: 1 to AMOEBA_MAX_PORTS; 0 with AMOEBA_LISTEN_OFF: all that are declared
 * @flags: in: AMOEBA_LISTEN_*
 *
 * From now on locates for these ports are answered and requests wait for this file, whose poll(2)
 * shows POLLIN while one is there for AMOEBA_GETREQ. To declare a port again changes nothing. With
 * AMOEBA_LISTEN_OFF it is served no more, unless a thread waits for it, and what waits is given
 * back: surely not executed. A call that fails has changed nothing: EINVAL a null port, too many or
 * none; ENOENT AMOEBA_LISTEN_OFF of a port that is not declared; ENOBUFS this file serves
 * AMOEBA_MAX_LISTEN others; ENOMEM.
 */
struct amoeba_listen {
	__aligned_u64		ports;
	__u32			nports;
	__u32			flags;
};

/**
 * struct amoeba_forward - argument of AMOEBA_FORWARD: hand a request over to another server
 * @handle: in: from AMOEBA_GETREQ of the same open file; any thread may use it, once
 * @address: in: FLIP address of the other server, wire bytes (@address of its struct amoeba_info). It
 *	serves the same port
 * @verdict: out: AMOEBA_RPC_OK: the client sends its request there, or AMOEBA_RPC_FAILURE: the client is
 *	known to be gone
 * @flags: zero
 *
 * The transaction is over here, and was not executed. With an errno nothing has happened and the
 * handle stays valid: EINVAL the address is null or that of this file; ENOENT as AMOEBA_PUTREP;
 * ECONNREFUSED the address is one of this namespace, and the port is not served there; ERANGE the
 * header of the request does not fit the classic one, and nobody knows whether the other server
 * takes a wide one.
 */
struct amoeba_forward {
	__aligned_u64		handle;
	__u8			address[8];
	__s32			verdict;
	__u32			flags;
};

/**
 * struct amoeba_cancel - argument of AMOEBA_CANCEL: end calls of this open file
 * @cookie: in: all calls under way with this cookie; not 0 (EINVAL)
 * @count: out: how many they were; when there is none the call gives ENOENT
 * @flags: zero
 *
 * Each ends by itself, soon: AMOEBA_TRANS with what is known. ABORTED when its request has not left,
 * NOTFOUND or UNSAFE when it is surely not executed, FAILURE when it may be; and OK when the reply was
 * faster. AMOEBA_GETREQ ends with ECANCELED, or with its request when that was faster.
 */
struct amoeba_cancel {
	__aligned_u64		cookie;
	__u32			count;
	__u32			flags;
};

/**
 * struct amoeba_limits - argument of AMOEBA_LIMITS: time-outs of this open file
 * @locate_ms: where struct amoeba_trans has 0, ms; 0: AMOEBA_LOCATE_MS
 * @timeout_ms: where struct amoeba_trans has 0, ms; 0: none
 * @getreq_ms: where struct amoeba_getreq has 0, ms; 0: none
 * @flags: zero
 *
 * in: from now on, for calls that begin; out: what held before. All threads and processes that use
 * the open file are concerned. A call that wants no limit all the same says 2^32-1, 49 days.
 */
struct amoeba_limits {
	__u32		locate_ms;
	__u32		timeout_ms;
	__u32		getreq_ms;
	__u32		flags;
};

/* features of struct amoeba_info */
#define AMOEBA_FEAT_TRANS	0x1	/* AMOEBA_TRANS, GETREQ, PUTREP, PUTREP_GETREQ */
#define AMOEBA_FEAT_PORTS	0x2	/* lists of ports in struct amoeba_getreq */
#define AMOEBA_FEAT_LISTEN	0x4	/* AMOEBA_LISTEN, AMOEBA_GETREQ_LISTENED, poll */
#define AMOEBA_FEAT_CANCEL	0x8	/* AMOEBA_CANCEL, cookies */
#define AMOEBA_FEAT_FORWARD	0x10	/* AMOEBA_FORWARD */
#define AMOEBA_FEAT_LIMITS	0x20	/* AMOEBA_LIMITS */
#define AMOEBA_FEAT_URING	0x40	/* commands of io_uring */

/**
 * struct amoeba_info - result of AMOEBA_INFO
 * @abi: AMOEBA_ABI_VERSION of the kernel
 * @reserved: zero
 * @features: AMOEBA_FEAT_*
 * @max_data: largest data part, bytes
 * @max_iov: most pieces of a buffer
 * @max_open: most transactions being served or made at once by one open file
 * @address: public FLIP address of this open file, wire bytes
 * @max_ports: most ports of one list
 * @max_listen: most ports one open file serves at once
 */
struct amoeba_info {
	__u32		abi;
	__u32		reserved;
	__aligned_u64	features;
	__aligned_u64	max_data;
	__u32		max_iov;
	__u32		max_open;
	__u8		address[8];
	__u32		max_ports;
	__u32		max_listen;
};

/* ---- io_uring ------------------------------------------------------------------------------------ */

/**
 * struct amoeba_sqe - cmd of an SQE with IORING_OP_URING_CMD
 * @arg: user address of the structure
 * @reserved: zero
 *
 * cmd_op is AMOEBA_TRANS, AMOEBA_GETREQ, AMOEBA_PUTREP or AMOEBA_PUTREP_GETREQ (EOPNOTSUPP others); the result
 * is what ioctl(2) would give, 0 or a negative errno. The structure and its buffers stay where they are until
 * then, but for the request data of AMOEBA_TRANS, which is copied at once: 2 GiB of it at a time, ENOBUFS
 * beyond. Where AMOEBA_FEAT_URING is not set all give EOPNOTSUPP: use sockets. What is under way ends when its
 * ring or task does, as the calls of a process that is killed; AMOEBA_CANCEL ends what has a cookie.
 */
struct amoeba_sqe {
	__aligned_u64		arg;
	__aligned_u64		reserved;
};

/* ---- sockets ------------------------------------------------------------------------------------ */

#define SOL_AMOEBA		1047	/* level of the control message */
#define AMOEBA_MSG		1	/* its type: struct amoeba_msg, with every message but a plain request */

/* flags of struct amoeba_msg, when a client sends */
#define AMOEBA_MSG_INSECURE	0x1	/* as AMOEBA_TRANS_INSECURE */
#define AMOEBA_MSG_REMOTE	0x2	/* as AMOEBA_TRANS_REMOTE */
#define AMOEBA_MSG_CANCEL	0x4	/* no request: end all calls with this @handle; no data */
#define AMOEBA_MSG_FLAGS	0x7
/* and when a server sends */
#define AMOEBA_MSG_FORWARD	0x8	/* no reply: as AMOEBA_FORWARD, to the message's address; no data */

/* getsockopt(2), level SOL_AMOEBA */
#define AMOEBA_ADDRESS		1	/* the socket's FLIP address, 8 wire bytes, as in struct amoeba_info */

#define AMOEBA_MSG_ROOM		32768	/* @room when it is 0, bytes: more than a classic peer sends */
#define AMOEBA_MSG_MIN		112	/* its first version, bytes */

/**
 * struct amoeba_msg - control message of socket(flip_family(), SOCK_SEQPACKET, FLIPPROTO_RPC)
 * @hdr: of the request or reply. Sent by a client: @hdr.port is used when the message has no address. Sent by
 *	a server: the port may be anything
 * @handle: client: its own choice, comes back with the reply and names the call to AMOEBA_MSG_CANCEL, which
 *	wants one that is not 0; need not be unique. Server: names the transaction, goes back with the reply
 * @len: received: full length of the data, bytes, though some of it was cut
 * @verdict: client, received: AMOEBA_RPC_*; @hdr and the data are there with AMOEBA_RPC_OK only
 * @error: client, received: 0, or the errno that ended the call (ERANGE, ENOMEM ...): @verdict says what is
 *	known of it all the same
 * @flags: sent by a client: AMOEBA_MSG_*; a server: zero or AMOEBA_MSG_FORWARD; received: zero
 * @out_flags: received: AMOEBA_OUT_*
 * @locate_ms: sent by a client: as in struct amoeba_trans, 0: AMOEBA_LOCATE_MS
 * @timeout_ms: sent by a client: as in struct amoeba_trans, 0: none
 * @room: sent by a client: most bytes of the reply's data to be kept, the rest is cut; 0: AMOEBA_MSG_ROOM, or half
 *	of SO_RCVBUF if that is less. So much of SO_RCVBUF, and 2 KiB, is reserved until the reply is read
 * @reserved: zero
 *
 * May grow at its end: the kernel wants AMOEBA_MSG_MIN bytes or more (EINVAL), and zeros in what it does not
 * know (E2BIG). What is out only is not looked at when it is sent.
 */
struct amoeba_msg {
	struct amoeba_header	hdr;
	__aligned_u64		handle;
	__aligned_u64		len;
	__s32			verdict;
	__s32			error;
	__u32			flags;
	__u32			out_flags;
	__u32			locate_ms;
	__u32			timeout_ms;
	__u32			room;
	__u32			reserved;
};

/*
 * The number block is 0xA6, 0x00 to 0x1f. The kernel dispatches on type and number only, the
 * size is taken from the request, so that structures can grow.
 */
#define AMOEBA_IOC_TYPE		0xA6

#define AMOEBA_INFO		_IOR(AMOEBA_IOC_TYPE, 0x00, struct amoeba_info)
#define AMOEBA_TRANS		_IOWR(AMOEBA_IOC_TYPE, 0x01, struct amoeba_trans)
#define AMOEBA_GETREQ		_IOWR(AMOEBA_IOC_TYPE, 0x02, struct amoeba_getreq)
#define AMOEBA_PUTREP		_IOWR(AMOEBA_IOC_TYPE, 0x03, struct amoeba_putrep)
#define AMOEBA_PUTREP_GETREQ	_IOWR(AMOEBA_IOC_TYPE, 0x04, struct amoeba_putrep_getreq)
#define AMOEBA_FORWARD		_IOWR(AMOEBA_IOC_TYPE, 0x05, struct amoeba_forward)
#define AMOEBA_CANCEL		_IOWR(AMOEBA_IOC_TYPE, 0x06, struct amoeba_cancel)
#define AMOEBA_LIMITS		_IOWR(AMOEBA_IOC_TYPE, 0x08, struct amoeba_limits)
#define AMOEBA_LISTEN		_IOW(AMOEBA_IOC_TYPE, 0x07, struct amoeba_listen)

#endif /* _UAPI_LINUX_AMOEBA_H */
