#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Five machines of our kind, each with 64 credits at a router and packets as large as its network, send
# to one behind it that is slow, gives eight credits and takes 1458 bytes: all of it waits at the router,
# nothing is lost.
#
#	s1 s2 s3 s4 s5, each on a network of its own with MTU 65535, all at r; r -- d, 1500, 2 ms
#
# The router's queue to d takes its turn by arrival: 80 packets of 45 pieces, eight in 4 ms, are 1.8 s. A sender
# whose second packet comes behind all others' must not be kept for the 4 s after which d gives up its message;
# with 5 ms that was seen.
#
# nodes: 1
# suites: kind
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
[ -c /dev/amoeba ] || modprobe amoeba || { echo "FAIL: modprobe amoeba"; exit 1; }
amctl=$AMOEBA_TREE/build/userland/bin/amctl
sources="s1 s2 s3 s4 s5"

ns r d $sources
link d e0 r rd
for s in $sources; do
	link "$s" e0 r "$s"
	ip -n "$s" link set e0 mtu 65535
	ip -n r link set "$s" mtu 65535
done
receiver d "$tmp/out" count 100000 echo 1 rcvbuf 8000000

# each calls a server on the router: so both know their kind
serve r count=0
background+=($server)
for s in $sources; do
	in_ns "$s" "$tests/rpc_client" port=$putport >"$tmp/cli" 2>&1
	grep -q "verdict 0" "$tmp/cli" || fail "$s: $(cat "$tmp/cli")"
	# each network takes what it takes, whatever the router's others do
	expect "the router for $s" "$(in_ns "$s" "$nl" dump neigh-get)" "* quota=64 payload=65493 *"
	expect "$s for the router" "$(in_ns r "$nl" dump neigh-get | grep "ifname=$s ")" \
		"* quota=64 payload=65493 *"
	check "$s finds d" in_ns "$s" "$tool" ping "$address" 10 1 timeout 20000
done
check "slow" in_ns r "$amctl" net set rd delay 2
expect "d is not known to be our kind" "$(in_ns r "$nl" dump neigh-get | grep 'ifname=rd ')" \
	"* quota=8 payload=1458 *"

pids=()
for s in $sources; do
	ip netns exec "$s" "$tool" ping "$address" 1000000 1 timeout 60000 rcvbuf 4000000 >"$tmp/$s" 2>&1 &
	pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "a message was lost: $(cat "$tmp"/s?)"; done
[ "$(stat r refragmented)" -ge 70 ] || fail "the router cut only $(stat r refragmented)"
expect "the router's queue was long enough" "$(stat r drop_credit_full)" 0
finish
