/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the test build of libamoeba and am_broker say to each other over a stream socket: this
 * structure and @len bytes of data. A thread has one connection and one call on it at a time.
 */
#ifndef BROKER_H
#define BROKER_H

#include <stdint.h>
#include <linux/amoeba.h>

enum broker_op { BROKER_TRANS = 1, BROKER_GETREQ, BROKER_PUTREP, BROKER_CANCEL };

struct broker_msg {
	uint32_t	op;		/* to the broker */
	int32_t		err;		/* from the broker: 0 or -errno */
	int32_t		verdict;
	uint32_t	out_flags;
	uint32_t	locate_ms;
	uint32_t	timeout_ms;
	uint32_t	nonblock;
	uint32_t	reserved;
	uint64_t	handle;
	uint64_t	room;		/* of the receiving buffer */
	uint64_t	full;		/* length of the data before it was cut */
	uint64_t	len;		/* bytes that follow */
	struct amoeba_header hdr;
};

#endif /* BROKER_H */
