#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Asynchronous calls are the same on the wire as those of a thread: what the original recorded of calls, of a
# server that is not there or ends, of lost fragments, with our client behind a socket.
#
# nodes: 1
# suites: sockets
# timeout: 240

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
export RPC_SOCKET=1
"$AMOEBA_TREE/tests/replay/replay" run -s "$slack" -j "$jobs" \
	"01 client" "02_rpc_1403 client" "02_rpc_30000 client" "03 client" "04b client" "05_loss10_4096 client"
