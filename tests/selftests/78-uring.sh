#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# /dev/amoeba through io_uring: calls, errors, rings and programs that end with commands under way; and calls
# of another machine. Where the kernel cannot cancel commands: that all are refused.
#
# nodes: 1
# leaks: scan
# suites: uring distribution
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
echo "== within a namespace"
"$tests/uring_calls" || fail "uring_calls"
pair u1 u2
echo "== cancelled while they begin"
in_ns u1 sysctl -qw net.amoeba.max_user_calls=16
in_ns u1 "$tests/uring_calls" race || fail "uring_calls race"
quiet u1
in_ns u1 sysctl -qw net.amoeba.max_user_calls=65536
echo "== between machines"
serve u2 count=0
in_ns u1 "$tests/uring_calls" remote=$putport || fail "uring_calls, remote"
kill -9 "$server"; wait "$server" 2>/dev/null
quiet u1; quiet u2
consistent u1 || fail "u1: calls and verdicts do not add up"
finish
