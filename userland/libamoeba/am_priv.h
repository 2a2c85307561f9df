/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libamoeba share and programs do not see. */
#ifndef AM_PRIV_H
#define AM_PRIV_H

#include <amoeba.h>

#define AM_TRIES	3	/* of an idempotent request, facts 8 */
#define AM_DIR_STEPS	10	/* requests one path may take, facts 8 */

#define AM_HIDDEN __attribute__((visibility("hidden")))

/* one ioctl(2) on the device of this process, opened when needed: 0 or -errno */
AM_HIDDEN int am_dev_ioctl(unsigned long req, void *arg);

/* what a call that failed with @err tells about its transaction */
AM_HIDDEN am_status am_errno_status(int err);

AM_HIDDEN struct amoeba_buf am_buf_of(const void *p, size_t len);

/* header of a request to the server of @c */
AM_HIDDEN void am_request_hdr(struct amoeba_header *h, const am_cap *c, int32_t command);

/* am_trans() repeated while the verdict may be cured by repeating; only for what may run twice */
AM_HIDDEN am_status am_trans_again(struct amoeba_header *h, const void *data, size_t len,
				   void *rbuf, size_t *rlen, const struct am_trans_opt *opt);

#ifdef AM_TEST_BROKER
/* tests/broker: -ENODEV when no broker is named */
int am_broker_ioctl(unsigned long req, void *arg);
#endif

#endif /* AM_PRIV_H */
