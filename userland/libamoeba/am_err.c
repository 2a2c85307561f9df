// SPDX-License-Identifier: LGPL-2.1-or-later
/* Errors in words. One sorted-by-family table: who says it, and what. */
#include <stddef.h>

#include "am_priv.h"

static const struct {
	am_status	status;
	const char	*why;
} errors[] = {
	{ AM_OK,		"no error" },
	/* the transaction, facts 3.8 */
	{ AM_RPC_FAILURE,	"rpc: no reply; the request may have been executed" },
	{ AM_RPC_NOTFOUND,	"rpc: server not found; the request was not executed" },
	{ AM_RPC_BADADDRESS,	"rpc: bad buffer or header address" },
	{ AM_RPC_ABORTED,	"rpc: interrupted before the request left" },
	{ AM_RPC_TRYAGAIN,	"rpc: no resources at the moment, try again" },
	{ AM_RPC_COMBAD,	"rpc: the command is an error code" },
	{ AM_RPC_REMOTERPC,	"rpc: a transaction of the server failed" },
	{ AM_RPC_BADPORT,	"rpc: null port" },
	{ AM_RPC_UNSAFE,	"rpc: only an untrusted path to the server; not executed" },
	/* groups, facts 6.1 */
	{ -20,			"group: failure" },
	{ -21,			"group: aborted" },
	{ -22,			"group: message too big" },
	{ -23,			"group: bad port" },
	{ -24,			"group: no such group" },
	{ -25,			"group: too many groups or members" },
	{ -28,			"group: reset not needed or already running" },
	/* standard, facts 5 */
	{ AM_STD_CAPBAD,	"invalid capability" },
	{ AM_STD_COMBAD,	"command unknown to this server" },
	{ AM_STD_ARGBAD,	"bad argument" },
	{ AM_STD_NOTNOW,	"not now, the server is busy" },
	{ AM_STD_NOSPACE,	"no space left at the server" },
	{ AM_STD_DENIED,	"the capability lacks the right" },
	{ AM_STD_NOMEM,		"out of memory" },
	{ AM_STD_EXISTS,	"exists already" },
	{ AM_STD_NOTFOUND,	"not found" },
	{ AM_STD_SYSERR,	"internal error of the server" },
	{ AM_STD_INTR,		"interrupted" },
	{ AM_STD_OVERFLOW,	"does not fit the buffer" },
	{ AM_STD_WRITEPROT,	"medium is write protected" },
	{ AM_STD_NOMEDIUM,	"no medium" },
	/* execution, facts 5 */
	{ -1900,		"exec: no program given" },
	{ -1901,		"exec: program not found" },
	{ -1902,		"exec: cannot read the program" },
	{ -1903,		"exec: process descriptor is cut short" },
	{ -1904,		"exec: process descriptor has the wrong size" },
	{ -1905,		"exec: no capability environment" },
	{ -1906,		"exec: no host found" },
	{ -1907,		"exec: host does not tell its memory layout" },
	{ -1908,		"exec: out of memory" },
	{ -1909,		"exec: arguments and environment exceed the stack" },
	{ -1910,		"exec: cannot create a segment" },
	{ -1911,		"exec: cannot write a segment" },
	/* directories, facts 8 */
	{ AM_SP_UNAVAIL,	"directory: not enough replicas to serve" },
	{ AM_SP_NOTEMPTY,	"directory: not empty" },
	{ AM_SP_UNREACH,	"directory: gone, or none of its servers answers" },
	{ AM_SP_CLASH,		"directory: the entry was changed by someone else" },
	/* finding a host, facts 9.3 */
	{ -3001,		"run: no host of this architecture" },
	{ -3002,		"run: no pool directory" },
	{ -3003,		"run: bad pool directory" },
	{ -3004,		"run: no host available" },
	{ -3005,		"run: host is down" },
};

const char *am_why(am_status s)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].status == s)
			return errors[i].why;
	if (s > 0)
		return "no error (a positive result)";
	if (s > AM_STD_CAPBAD)
		return "unknown error of a transaction";
	return "unknown error of the server";
}
