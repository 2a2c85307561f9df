#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Transactions through sockets: what they promise, every error, who may have one; between machines, in
# both directions, long and many; ends of clients and servers with calls under way.
#
# nodes: 1
# leaks: scan
# suites: sockets distribution
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
[ "$(cat /sys/module/flip/parameters/family)" != 0 ] || skip "no sockets: family=0"

echo "== within a namespace"
"$tests/sock_calls" || fail "sock_calls"

echo "== who may have one"
as() { setpriv --reuid 1234 --regid "$1" --clear-groups "$tests/sock_calls" allowed="$2"; }
as 2000 0 || fail "anybody may have one"
echo 2000 2010 >/proc/sys/net/amoeba/group_range || fail "group_range"
as 2000 1 || fail "of the group"
as 2011 0 || fail "not of the group"
(echo "-1 5" >/proc/sys/net/amoeba/group_range) 2>/dev/null && fail "a negative group"
echo 1 0 >/proc/sys/net/amoeba/group_range

echo "== between machines"
pair s1 s2
# the server in s2 with arguments $@: its process is in $served
start()
{
	ip netns exec s2 "$tests/sock_calls" "$@" >"$tmp/served" 2>&1 &
	served=$!
	wait_for 20 grep -q ready "$tmp/served" || fail "no server: $(cat "$tmp/served")"
}
start serve=0
# $1: what
calls() { in_ns s1 "$tests/sock_calls" "$@" || fail "calls: $*"; }
calls call=1
calls call=200 room=200
calls call=20 size=40000 command=60000 room=100000
calls call=4 size=1000000 command=1000000 room=1000000
calls call=3 command=300000 room=5000
calls call=1 size=0 command=0
blocked=$(stat_of s1 async_blocked)
[ "$blocked" -ge 24 ] || fail "long messages were not left to who may wait: $blocked"
if tc -n s2 qdisc add dev vb root netem loss 20% 2>/dev/null; then
	echo "== with loss"
	calls call=60 room=200
	calls call=10 size=2000 command=2000
	tc -n s2 qdisc del dev vb root
fi
kill -9 "$served"; wait "$served" 2>/dev/null
quiet s2

echo "== a server that cannot be told of its requests"
start untold=3
calls call=2
[ "$(stat_of s2 requests_untold)" = 3 ] || fail "$(stat_of s2 requests_untold) given back, not 3"
kill -9 "$served"; wait "$served" 2>/dev/null

echo "== handed over"
start front="$tmp/address"
front=$served
calls call=1		# from now on the client knows who is in front
start serve=0
grep -xE '[0-9a-f]{16}' "$tmp/served" >"$tmp/address" || fail "no address: $(cat "$tmp/served")"
forwarded=$(stat_of s2 requests_forwarded)
calls call=20
calls call=2 size=50000
[ $(($(stat_of s2 requests_forwarded) - forwarded)) -ge 1 ] || fail "nothing was handed over"
kill -9 "$served" "$front"; wait "$served" "$front" 2>/dev/null

echo "== nobody there"
calls call=30 locate_ms=300 verdict=-2 room=10

echo "== the server dies"
start hold=5
in_ns s1 "$tests/sock_calls" call=5 verdict=-1 >"$tmp/dies" &
client=$!
wait_for 20 grep -q "took 5" "$tmp/served" || fail "not taken: $(cat "$tmp/served")"
kill -9 "$served"; wait "$served" 2>/dev/null
wait $client || fail "they are not told: $(cat "$tmp/dies")"

echo "== clients end with calls under way"
for how in exit kill exec; do
	start hold=4
	before=$(stat_of s1 signals_sent)
	in_ns s1 "$tests/sock_calls" leave=4 how=$how 2>/dev/null
	[ $(($(stat_of s1 signals_sent) - before)) -ge 3 ] || fail "$how: the server is not told"
	kill -9 "$served"; wait "$served" 2>/dev/null
done
quiet s1; quiet s2
consistent s1 || fail "s1: calls and verdicts do not add up"
finish
