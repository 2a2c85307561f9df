#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every recorded exchange once more with peers of the other byte order, and some with peers behind a
# router of another order than theirs, so that FLIP's header says one thing and the RPC header
# another. Beside it what takes long in the recorded order: the server's machine dies or is started
# anew in the middle of a call; two minutes until the client gives up, mostly silence
# (tests/replay/fields.tbl).
#
# nodes: 1
# suites: captures
# time: travel
# timeout: 360

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
replay() { "$AMOEBA_TREE/tests/replay/replay" run -s "$slack" "$@"; }
replay 04a 04d >"$tmp/native" & native=$!
replay -o other 04a 04d >"$tmp/other" & other=$!
replay -j "$jobs" -o other 01 02 03 04b 04c 05 06 08 09a || fail "peers of the other byte order"
for order in flip rpc; do
	replay -j "$jobs" -o $order 01 02_rpc_4096 04c 05_dup 06b || fail "two orders: $order"
done
wait $native || fail "a machine that dies"
wait $other || fail "a machine of the other byte order that dies"
cat "$tmp/native" "$tmp/other"
finish
