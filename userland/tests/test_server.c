// SPDX-License-Identifier: LGPL-2.1-or-later
/* Transactions and the server loop, over the broker. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "unit.h"
#include "broker/broker_run.h"

#define CMD_ECHO	1
#define CMD_LEN		2	/* status 0, size = bytes got, extra = cut */
#define CMD_FAIL	3	/* status = -extra */
#define CMD_WIDE	4	/* a reply the classic header cannot take */
#define CMD_RDATA	5	/* from elsewhere, with rdone */
#define CMD_SLOW	6	/* 300 ms */
#define CMD_REMOTE	7	/* an RPC error as status */

static atomic_int calls, done, running, most;

static void rdone(void *arg)
{
	assert_ptr_equal(arg, &done);
	atomic_fetch_add(&done, 1);
}

static am_status handler(struct am_request *rq, void *arg)
{
	static const uint8_t text[] = "elsewhere";
	am_status want;
	int n;

	assert_ptr_equal(arg, &calls);
	atomic_fetch_add(&calls, 1);
	assert_int_equal(rq->hdr.status, 0);
	switch (rq->command) {
	case CMD_ECHO:
		if (rq->len > rq->rsize)
			return AM_STD_OVERFLOW;
		memcpy(rq->rbuf, rq->data, rq->len);
		rq->rlen = rq->len;
		return AM_OK;
	case CMD_LEN:
		rq->hdr.size = rq->len;
		rq->hdr.extra = rq->trunc;
		return AM_OK;
	case CMD_FAIL:
		want = -(am_status)rq->hdr.extra;
		rq->rlen = 10;		/* must not go out */
		return want;
	case CMD_WIDE:
		rq->hdr.size = 1 << 20;
		return AM_OK;
	case CMD_RDATA:
		rq->rdata = text;
		rq->rlen = sizeof(text);
		rq->rdone = rdone;
		rq->rdone_arg = &done;
		return AM_OK;
	case CMD_SLOW:
		n = atomic_fetch_add(&running, 1) + 1;
		if (n > atomic_load(&most))
			atomic_store(&most, n);
		usleep(300000);
		atomic_fetch_sub(&running, 1);
		return AM_OK;
	case CMD_REMOTE:
		return AM_RPC_NOTFOUND;
	default:
		return AM_STD_COMBAD;
	}
}

static struct am_server *server;
static const struct am_server_opt opt = { .threads = 3, .bufsize = 4096, .rbufsize = 8192 };

static am_status ask(int command, uint32_t extra, const void *data, size_t len,
		     void *rbuf, size_t *rlen, struct amoeba_header *h)
{
	am_cap c = { .port = *am_server_port(server) };

	am_request_hdr(h, &c, command);
	h->extra = extra;
	return am_trans(h, data, len, rbuf, rlen);
}

static void echo(void **state)
{
	uint8_t data[4096], reply[4096];
	struct amoeba_header h;
	size_t len, n;

	(void)state;
	for (n = 0; n < sizeof(data); n++)
		data[n] = n * 7;
	for (n = 0; n <= sizeof(data); n = n * 3 + 1) {
		len = sizeof(reply);
		assert_int_equal(ask(CMD_ECHO, 0, data, n, reply, &len, &h), AM_OK);
		assert_int_equal(len, n);
		if (n)
			assert_memory_equal(reply, data, n);
	}
	/* cut at the client, at the server */
	len = 10;
	assert_int_equal(ask(CMD_ECHO, 0, data, 11, reply, &len, &h), AM_STD_OVERFLOW);
	assert_int_equal(len, 10);
	assert_memory_equal(reply, data, 10);
	assert_int_equal(ask(CMD_ECHO, 0, data, 11, NULL, NULL, &h), AM_OK);
	{
		static uint8_t big[5000];

		assert_int_equal(ask(CMD_LEN, 0, big, 5000, NULL, NULL, &h), AM_OK);
		assert_int_equal(h.size, 4096);
		assert_int_equal(h.extra, 1);
	}
}

static void statuses(void **state)
{
	struct amoeba_header h;
	char buf[32];
	size_t len = sizeof(buf);

	(void)state;
	assert_int_equal(ask(CMD_FAIL, 1005, NULL, 0, buf, &len, &h), AM_STD_DENIED);
	assert_int_equal(len, 0);
	assert_int_equal(ask(99, 0, NULL, 0, NULL, NULL, &h), AM_STD_COMBAD);
	assert_int_equal(ask(CMD_REMOTE, 0, NULL, 0, NULL, NULL, &h), AM_RPC_REMOTERPC);
	assert_int_equal(ask(CMD_WIDE, 0, NULL, 0, NULL, NULL, &h), AM_STD_OVERFLOW);
	len = sizeof(buf);
	assert_int_equal(ask(CMD_RDATA, 0, NULL, 0, buf, &len, &h), AM_OK);
	assert_string_equal(buf, "elsewhere");
	while (!atomic_load(&done))
		usleep(1000);
	assert_int_equal(atomic_load(&done), 1);
	/* fields that do not fit are refused before anything is sent */
	am_request_hdr(&h, &(am_cap){ .port = *am_server_port(server) }, CMD_ECHO);
	h.size = 1 << 20;
	assert_int_equal(am_trans(&h, NULL, 0, NULL, NULL), AM_STD_ARGBAD);
	memset(&h, 0, sizeof(h));
	assert_int_equal(am_trans(&h, NULL, 0, NULL, NULL), AM_RPC_BADPORT);
}

static void nobody(void **state)
{
	const struct am_trans_opt o = { .locate_ms = 50 };
	am_cap c = { .port = { { 1, 1, 1, 1, 1, 1 } } };
	struct amoeba_header h;

	(void)state;
	am_request_hdr(&h, &c, CMD_ECHO);
	assert_int_equal(am_trans_opt(&h, NULL, 0, NULL, NULL, &o), AM_RPC_NOTFOUND);
	am_request_hdr(&h, &(am_cap){ .port = *am_server_port(server) }, CMD_SLOW);
	assert_int_equal(am_trans_opt(&h, NULL, 0, NULL, NULL,
				      &(struct am_trans_opt){ .timeout_ms = 50 }),
			 AM_RPC_FAILURE);
}

static void *slow_client(void *arg)
{
	struct amoeba_header h;

	*(am_status *)arg = ask(CMD_SLOW, 0, NULL, 0, NULL, NULL, &h);
	return NULL;
}

static void threads(void **state)
{
	pthread_t t[3];
	am_status s[3];
	int i;

	(void)state;
	usleep(400000);		/* the slow call the test before gave up */
	atomic_store(&most, 0);
	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, slow_client, &s[i]);
	for (i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(s[i], AM_OK);
	}
	assert_int_equal(atomic_load(&most), 3);
}

static void stop_while_working(void **state)
{
	am_port get = { { 7, 7, 7, 7, 7, 7 } };
	struct am_server *old = server;
	struct timespec a, b;
	pthread_t t;
	am_status s = 1;
	int i;

	(void)state;
	server = am_server_start(&get, handler, &calls, &opt);
	assert_non_null(server);
	pthread_create(&t, NULL, slow_client, &s);
	while (!atomic_load(&running))
		usleep(1000);
	am_server_stop(server);		/* the request in work gets its reply */
	pthread_join(t, NULL);
	assert_int_equal(s, AM_OK);

	for (i = 0; i < 20; i++) {	/* idle: at once, wherever the threads are */
		server = am_server_start(&get, handler, &calls, &opt);
		assert_non_null(server);
		clock_gettime(CLOCK_MONOTONIC, &a);
		am_server_stop(server);
		clock_gettime(CLOCK_MONOTONIC, &b);
		assert_true(b.tv_sec - a.tv_sec < 3);
	}
	server = old;
}

static void classic(void **state)
{
	am_port get = { { 9, 9, 9, 9, 9, 9 } }, put;
	struct amoeba_header h;
	char buf[8] = "";
	size_t len = sizeof(buf);
	pid_t pid;
	int status;

	(void)state;
	am_one_way(&get, &put);
	errno = 0;
	memset(&h, 0, sizeof(h));
	assert_int_equal(am_putrep(&h, NULL, 0), AM_RPC_FAILURE);	/* nothing owed */
	assert_int_equal(am_getreq(&h, buf, sizeof(buf)), AM_RPC_BADPORT);
	pid = fork();
	if (!pid) {	/* the child has an identity of its own */
		memcpy(h.port, get.b, 6);
		if (am_getreq(&h, buf, sizeof(buf)) != 3 || memcmp(buf, "abc", 3))
			_exit(1);
		if (memcmp(h.port, put.b, 6) || h.command != 5 || h.offset != -7)
			_exit(2);
		if (am_getreq(&h, buf, sizeof(buf)) != AM_RPC_FAILURE)	/* owes a reply */
			_exit(3);
		h.status = 0;
		h.offset = 12;
		if (am_putrep(&h, "xy", 2))
			_exit(4);
		memcpy(h.port, get.b, 6);
		am_getreq(&h, buf, sizeof(buf));
		_exit(0);	/* without a reply */
	}
	memset(&h, 0, sizeof(h));
	memcpy(h.port, put.b, 6);
	h.command = 5;
	h.offset = -7;
	assert_int_equal(am_trans(&h, "abc", 3, buf, &len), AM_OK);
	assert_int_equal(len, 2);
	assert_int_equal(h.offset, 12);
	h.command = 6;
	memcpy(h.port, put.b, 6);
	assert_int_equal(am_trans(&h, NULL, 0, NULL, NULL), AM_RPC_FAILURE);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void bad_start(void **state)
{
	am_port null = { { 0 } }, get = { { 3 } };

	(void)state;
	assert_null(am_server_start(&null, handler, NULL, NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(am_server_start(&get, NULL, NULL, NULL));
	assert_int_equal(errno, EINVAL);
	am_server_stop(NULL);
}

static int setup(void **state)
{
	am_port get;

	(void)state;
	if (am_broker_run())
		return -1;
	am_port_random(&get);
	server = am_server_start(&get, handler, &calls, &opt);
	return server ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	am_server_stop(server);
	am_broker_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo),
		cmocka_unit_test(statuses),
		cmocka_unit_test(nobody),
		cmocka_unit_test(threads),
		cmocka_unit_test(stop_while_working),
		cmocka_unit_test(classic),
		cmocka_unit_test(bad_start),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
