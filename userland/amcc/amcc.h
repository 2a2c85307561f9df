/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between amcc, which make runs as the compiler, and `amctl make`, which decides where the
 * compilation happens.
 *
 * amcc connects to the Unix socket $AMOEBA_MAKE and sends one request:
 *	u32 bytes that follow, str working directory, str path of the real compiler,
 *	u32 n, n str arguments (argv), u32 n, n str NAME=VALUE
 * and gets one answer:
 *	u32 bytes that follow, u32 action, u32 exit status, u32 n, n bytes for standard output,
 *	u32 n, n bytes for standard error
 * Whatever goes wrong with that, amcc runs the compiler itself.
 */
#ifndef AMCC_H
#define AMCC_H

#define AMCC_SOCKET	"AMOEBA_MAKE"		/* environment: where to connect */
#define AMCC_MASK	"AMOEBA_MAKE_PATH"	/* the directory in PATH that holds our names */
#define AMCC_MAX	(4U << 20)		/* bytes of a request or an answer */

enum amcc_action { AMCC_LOCAL, AMCC_DONE };

#endif /* AMCC_H */
