#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# /dev/amoeba beyond the simple call: lists of ports, declared ports and poll, calls that are
# cancelled, requests that are handed over.
#
# nodes: 1
# suites: dev
# timeout: 240

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules

echo "== lists of ports"
"$tests/dev_ports" || fail "dev_ports"
echo "== declared ports"
"$tests/dev_listen" || fail "dev_listen"
echo "== cancelled"
"$tests/dev_cancel" || fail "dev_cancel"
echo "== many"
"$tests/dev_many" || fail "dev_many"
echo "== threads, pieces, limits"
"$tests/dev_threads" || fail "dev_threads"
echo "== handed over"
"$tests/dev_forward" || fail "dev_forward"
echo "== libamoeba"
"$tests/dev_lib" || fail "dev_lib"
[ -z "$(cat /proc/net/amoeba/ports)" ] || fail "ports are left: $(cat /proc/net/amoeba/ports)"

echo "== an event loop elsewhere"
pair d1 d2
put=($(in_ns d1 "$tests/dev_listen" names=2))
in_ns d2 "$tests/dev_listen" serve=2 >"$tmp/srv" 2>&1 &
wait_for 30 grep -q ready "$tmp/srv" || fail "no server: $(cat "$tmp/srv")"
sleep 1.5	# longer than a thread may be away
for p in "${put[@]}"; do
	in_ns d1 "$tests/rpc_client" port="$p" locate_ms=10000 >"$tmp/cli" 2>&1
	grep -q 'verdict 0' "$tmp/cli" || fail "port $p: $(cat "$tmp/cli" "$tmp/srv")"
done
wait $!
grep -q '^2 served' "$tmp/srv" || fail "the loop: $(cat "$tmp/srv")"
ip netns exec d2 "$tests/dev_listen" hold=30 >"$tmp/srv" 2>&1 &	# not in_ns: $! is the program
hold=$!
wait_for 30 grep -q ready "$tmp/srv" || fail "no server: $(cat "$tmp/srv")"
in_ns d1 "$tests/dev_cancel" remote=1 || fail "dev_cancel, remote"
if tc -n d2 qdisc add dev vb root netem loss 100% 2>/dev/null; then
	in_ns d1 "$tests/dev_cancel" mute=1 || fail "dev_cancel, mute"
	tc -n d2 qdisc del dev vb root
fi
kill -9 $hold; wait $hold 2>/dev/null

echo "== handed over between machines"
# $1 NS, $2 FILE, $3 argument; waits until it has an address
server()
{
	local i
	ip netns exec "$1" "$tests/dev_forward" "$3" >"$tmp/$2" 2>&1 &
	servers+=($!)
	for ((i = 0; i < 50; i++)); do grep -q ready "$tmp/$2" && break; sleep 0.05; done
}

# calls from d1, $1 of them, of the front in d2, which hands them to the one behind it
calls()
{
	local before=$(stat_of d2 requests_forwarded)
	in_ns d1 "$tests/dev_forward" call="$1" || fail "calls from d1"
	[ $(($(stat_of d2 requests_forwarded) - before)) -ge "$1" ] || fail "they were not handed over"
}

for at in d2 d1; do
	servers=()
	server $at back serve=60
	server d2 front front="$(awk '/ready/ { print $1 }' "$tmp/back")"
	in_ns d1 "$tests/dev_forward" call=1 || fail "the front in d2"
	kill -USR1 "${servers[0]}"
	for ((i = 0; i < 50; i++)); do grep -q serving "$tmp/back" && break; sleep 0.05; done
	calls 10
	if [ $at = d1 ]; then	# from here to there
		in_ns d2 "$tests/dev_forward" here=5 || fail "calls from d2"
	elif tc -n d2 qdisc add dev vb root netem loss 25% 2>/dev/null; then
		calls 20
		tc -n d2 qdisc del dev vb root
	fi
	kill -9 "${servers[@]}"; wait "${servers[@]}" 2>/dev/null
done
echo "== handed over, and not acknowledged"
"$AMOEBA_TREE/tests/fuzz/forwarded" "$("$tests/dev_listen" names=1)" || fail "forwarded"
quiet d1; quiet d2
consistent d1 || fail "d1: calls and verdicts do not add up"
finish
