#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Random calls of /dev/amoeba, also through io_uring, and of transaction sockets, half of them sensible.
#
# nodes: 1
# leaks: scan
# suites: races badinput
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$tests/rpc_fuzz" calls="${CALLS:-20000}" ${SEED:+seed=$SEED} || fail "rpc_fuzz"
# what its user had has been given back
nobody() { [ -z "$(cat /proc/net/amoeba/users)" ]; }
wait_for 20 nobody || fail "still charged: $(cat /proc/net/amoeba/users)"
finish
