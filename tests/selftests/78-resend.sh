#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A lost fragment costs a fragment: large messages through loss come whole without being repeated, and
# disorder makes nobody ask. SIZE=BYTES for other sizes.
#
# nodes: 1
# suites: kind
# mem: 768M
# timeout: 180

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
size=${SIZE:-8388608} count=1

pair k1 k2
tc -n k1 qdisc add dev va root netem limit 10000 2>/dev/null || skip "no netem"
in_ns k2 "$tests/rpc_server" getport=$getport echo=1 room="$size" count=0 >"$tmp/srv" 2>&1 &
wait_for 10 in_ns k2 grep -q 'waiting 1' /proc/net/amoeba/ports || fail "no server: $(cat "$tmp/srv")"
head -c "$size" /dev/urandom >"$tmp/data"

# through WHAT NETEM...: all of it there and back, unchanged, and nothing repeated as a whole
through()
{
	local what=$1 start ns name; shift
	tc -n k1 qdisc replace dev va root netem limit 10000 "$@" &&
		tc -n k2 qdisc replace dev vb root netem limit 10000 "$@" || fail "tc $*"
	for ns in k1 k2; do in_ns $ns cat /proc/net/amoeba/stat >"$tmp/$ns"; done
	start=$(date +%s%N)
	in_ns k1 "$tests/rpc_client" port=$putport data="$tmp/data" room="$size" out="$tmp/back" \
		count=$count >"$tmp/cli" 2>&1
	echo "$what: $(((($(date +%s%N) - start)) / 1000000)) ms"
	[ "$(grep -c "verdict 0 .*rep_len $size " "$tmp/cli")" = $count ] || fail "$what: $(cat "$tmp/cli")"
	cmp -s "$tmp/data" "$tmp/back" || fail "$what: what came back is something else"
	for ns in k1 k2; do
		for name in requests_resent replies_resent missing_over drop_proto; do
			[ "$(moved $ns $name)" = 0 ] || fail "$what: $ns: $name $(moved $ns $name)"
		done
		echo "  $ns: asked $(moved $ns missing_sent) times, sent again" \
			"$(moved $ns resent_ranges) parts, $(moved $ns resent_bytes) bytes"
	done
}

# how far a counter has moved meanwhile
moved() { echo $(($(stat_of "$1" "$2") - $(awk -v n="$2" '$1 == n { print $2 }' "$tmp/$1"))); }

# between WHAT LEAST MOST: of a thousand bytes so many were sent again
between()
{
	local ns n
	for ns in k1 k2; do
		n=$(($(moved $ns resent_bytes) * 1000 / size))
		[ "$n" -ge "$2" ] && [ "$n" -le "$3" ] ||
			fail "$1: $ns: $n of 1000 bytes were sent again, not $2 to $3"
	done
}

through "without loss" delay 0ms
between "without loss" 0 0
through "1 % lost" loss 1%
between "1 % lost" 5 20
through "in disorder" delay 3ms 2ms
between "in disorder" 0 0
for ns in k1 k2; do
	# a machine that pauses is a pause in the stream; no more than one question for a hundred packets
	[ "$(moved $ns missing_sent)" -le $((size / 145800)) ] ||
		fail "in disorder: $ns asked $(moved $ns missing_sent) times"
done
through "5 % lost, doubled and in disorder" delay 3ms 2ms loss 5% duplicate 5%
between "5 % lost" 30 100

# replies the kernel keeps are sent again from there
size=60000 count=30
head -c $size /dev/urandom >"$tmp/data"
through "small, 3 % lost" loss 3%

# and through sockets, where no thread waits at either end
if [ "$(cat /sys/module/flip/parameters/family)" != 0 ]; then
	in_ns k2 "$tests/sock_calls" serve=0 >"$tmp/served" 2>&1 &
	wait_for 20 grep -q ready "$tmp/served" || fail "no server: $(cat "$tmp/served")"
	for ns in k1 k2; do in_ns $ns cat /proc/net/amoeba/stat >"$tmp/$ns"; done
	in_ns k1 "$tests/sock_calls" call=30 size=100000 command=100000 room=100000 ||
		fail "calls through a socket"
	for ns in k1 k2; do
		for name in requests_resent replies_resent missing_over; do
			[ "$(moved $ns $name)" = 0 ] || fail "sockets: $ns: $name $(moved $ns $name)"
		done
		[ "$(moved $ns resent_ranges)" -gt 0 ] || fail "sockets: $ns has sent nothing again"
		echo "sockets: $ns: sent again $(moved $ns resent_ranges) parts"
	done
fi
finish
