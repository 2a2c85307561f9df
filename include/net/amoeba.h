/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transactions for other parts of the kernel: the calls of /dev/amoeba without the device, and a
 * small way to serve. What they promise is said in uapi/linux/amoeba.h; the struct amoeba_buf in
 * their arguments is not looked at, data is in iterators (iov_iter_kvec(), iov_iter_bvec()).
 *
 * All of it: process context, may sleep. Modules that use it depend on amoeba.ko; who opened or
 * started something closes or stops it, before its namespace goes (pernet exit) and before its own
 * code does.
 */
#ifndef _NET_AMOEBA_H
#define _NET_AMOEBA_H

#include <linux/amoeba.h>
#include <linux/types.h>
#include <linux/uio.h>

/* errors of standard operations, the status of a reply; facts 5 */
#define AMRPC_STD_CAPBAD	(-1000)
#define AMRPC_STD_COMBAD	(-1001)
#define AMRPC_STD_ARGBAD	(-1002)
#define AMRPC_STD_DENIED	(-1005)
#define AMRPC_STD_NOMEM		(-1006)
#define AMRPC_STD_OVERFLOW	(-1011)

struct amrpc_file;
struct amrpc_service;
struct net;

/**
 * amrpc_kopen() - a FLIP identity of the kernel's own
 * @net: namespace; not held
 *
 * Return: to be given to amrpc_kclose(), or ERR_PTR(-ENOMEM, -ENOBUFS ...).
 */
struct amrpc_file *amrpc_kopen(struct net *net);
void amrpc_kclose(struct amrpc_file *f);

/* AMOEBA_TRANS: @len bytes of @send; the reply's data goes to @recv. 0 with a verdict, or -errno */
int amrpc_trans(struct amrpc_file *f, struct amoeba_trans *t, size_t len, struct iov_iter *send,
		struct iov_iter *recv);

/**
 * struct amrpc_request - a request in the hands of a service
 * @hdr: of the request
 * @data: its data
 * @len: bytes of it
 * @trunc: it was longer, and cut
 * @rep: of the reply: begins as a copy of @hdr with a status of 0
 * @buf: for the data of the reply
 * @room: bytes there
 * @rep_len: of them, to be sent
 */
struct amrpc_request {
	struct amoeba_header	hdr;
	const void		*data;
	size_t			len;
	bool			trunc;
	struct amoeba_header	rep;
	void			*buf;
	size_t			room;
	size_t			rep_len;
};

/**
 * amrpc_service_start() - serve a port
 * @net: namespace; not held
 * @get: get-port
 * @room: bytes for the data of a request, and of a reply
 * @serve: called for each request, one after the other
 * @priv: its argument
 *
 * Return: to be given to amrpc_service_stop(), or ERR_PTR(-EINVAL: null port, -ENOMEM ...).
 */
struct amrpc_service *amrpc_service_start(struct net *net, const u8 get[AMOEBA_PORT_SIZE],
					  size_t room,
					  void (*serve)(void *priv, struct amrpc_request *rq),
					  void *priv);

/* no request is served any more when it returns; those waiting are given back */
void amrpc_service_stop(struct amrpc_service *s);

#endif /* _NET_AMOEBA_H */
