#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# /dev/amoeba beyond the simple call: lists of ports, declared ports and poll, calls that are
# cancelled.
#
# nodes: 1
# suites: dev
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules

echo "== lists of ports"
"$tests/dev_ports" || fail "dev_ports"
echo "== declared ports"
"$tests/dev_listen" || fail "dev_listen"
echo "== cancelled"
"$tests/dev_cancel" || fail "dev_cancel"
[ -z "$(cat /proc/net/amoeba/ports)" ] || fail "ports are left: $(cat /proc/net/amoeba/ports)"

echo "== an event loop elsewhere"
pair d1 d2
put=($(in_ns d1 "$tests/dev_listen" names=2))
in_ns d2 "$tests/dev_listen" serve=4 >"$tmp/srv" 2>&1 &
wait_for 30 grep -q ready "$tmp/srv" || fail "no server: $(cat "$tmp/srv")"
sleep 1.5	# longer than a thread may be away
for p in "${put[@]}"; do
	in_ns d1 "$tests/rpc_client" port="$p" locate_ms=10000 >"$tmp/cli" 2>&1
	grep -q 'verdict 0' "$tmp/cli" || fail "port $p: $(cat "$tmp/cli" "$tmp/srv")"
done
wait $!
grep -q '^2 served' "$tmp/srv" || fail "the loop: $(cat "$tmp/srv")"
in_ns d2 "$tests/dev_listen" hold=30 >"$tmp/srv" 2>&1 &
hold=$!
wait_for 30 grep -q ready "$tmp/srv" || fail "no server: $(cat "$tmp/srv")"
in_ns d1 "$tests/dev_cancel" remote=1 || fail "dev_cancel, remote"
kill -9 $hold; wait $hold 2>/dev/null
quiet d1; quiet d2
consistent d1 || fail "d1: calls and verdicts do not add up"
finish
