#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Malformed and forged RPC messages on the wire: counted drops and defined answers, and service
# goes on; then random frames.
#
# nodes: 1
# suites: badinput
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$AMOEBA_TREE/tests/fuzz/badwire" || fail "badwire"
"$AMOEBA_TREE/tests/fuzz/wirefuzz" -n "${WIREFUZZ:-5000}" || fail "wirefuzz"
finish
