#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# UDP overlays: peers and groups, IPv4 and IPv6, three machines, beside an Ethernet, transactions.
#
#	a, b and c at one bridge; a -- e, an Ethernet of FLIP
#
# nodes: 1
# suites: distribution
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/udp_lib.bash"
lan a b c
ns e

# ---- peers ----------------------------------------------------------------------------------
over a peer 10.0.0.2
over b peer 10.0.0.1:8146 local 10.0.0.2
receiver b "$tmp/b" count 100000 echo 1 timeout 1000000
b=$address
pings a "$b" "IPv4 peers"
expect "neighbour" "$(in_ns a "$nl" dump neigh-get)" \
	"*ifname=amo0 *quota=64 payload=1428 udp-peer=00000000000000000000ffff0a0000021fd2*"
expect "its address" "$(in_ns a "$amctl" -j neigh | tr -d ' \n')" '*"peer":"10.0.0.2:8146"*'
expect "the overlay" "$(in_ns b "$amctl" -j net | tr -d '\n')" \
	'*"udp":"port 8146 local 10.0.0.2 peer 10.0.0.1:8146"*'
expect "MTU" "$(mtu_of a),$(mtu_of b)" 1428,1428
expect "no gap, nothing dropped" "$(for n in a b; do
	in_ns $n "$nl" dump stat-get | grep 'drop_.* value=[1-9]'; done)" ""
check "late" in_ns a "$amctl" net set amo0 delay 100
check "a late ping" in_ns a "$tool" ping "$b" 30000 1
check "in time" in_ns a "$amctl" net set amo0 delay 0

# ---- three machines and a router -------------------------------------------------------------
# all have the same list, which names each of them too
all="peer 10.0.0.1 peer 10.0.0.2 peer 10.0.0.3"
for n in a b c; do over $n $all; done
receiver c "$tmp/c" count 100000 echo 1 timeout 1000000
c=$address
check "a to b" in_ns a "$tool" ping "$b" 30000 1
check "a to c" in_ns a "$tool" ping "$c" 30000 1
check "b to c" in_ns b "$tool" ping "$c" 30000 1
[ "$(stat a drop_udp_self)" -ge 1 ] || fail "what a machine sends to itself is not noticed"
link a f0 e f0
check "Ethernet to overlay" in_ns e "$tool" ping "$b" 100000 1
receiver e "$tmp/e" count 100000 echo 1 timeout 1000000
check "overlay to Ethernet" in_ns c "$tool" ping "$address" 100000 1
expect "distance" "$(in_ns c "$nl" route-get address "$address")" "*ifname=amo0*hops=6 *"

# a transaction
serve b room=200000 count=0
head -c 200000 /dev/urandom >"$tmp/data"
for n in a c e; do
	in_ns $n "$tests/rpc_client" port=$putport data="$tmp/data" room=200000 \
		out="$tmp/back" >"$tmp/cli" 2>&1
	grep -q "verdict 0" "$tmp/cli" && cmp -s "$tmp/data" "$tmp/back" ||
		fail "transaction of $n: $(cat "$tmp/cli")"
done
kill $server

# a group of FLIP, members in b and c: by one frame to its MAC once they listen to it
receiver b "$tmp/g1" bind 3333333333333300 count 100 timeout 1000000
receiver c "$tmp/g2" bind 3333333333333300 count 100 timeout 1000000
# what waits to be sent goes with its socket: stay until both have been found
check "to a group" in_ns a "$tool" send "$address" 1000 members 2 wait 1000
first() { grep -q '^len 1000 ' "$tmp/g1" && grep -q '^len 1000 ' "$tmp/g2"; }
wait_for 10 first || fail "the first group message did not come"
check "to a group again" in_ns a "$tool" send "$address" 1001 members 2
for f in g1 g2; do
	wait_for 10 grep -q '^len 1001 ' "$tmp/$f" || fail "no group message in $f: $(cat "$tmp/$f")"
done
in_ns e "$amctl" net del f0

# ---- multicast, and IPv6 ---------------------------------------------------------------------
for n in a b c; do over $n group 239.8.1.46 dev e0; done
pings a "$b" "IPv4 group"
check "IPv4 group: to c" in_ns a "$tool" ping "$c" 30000 1
in_ns b timeout 60 python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800))
s.bind(("e0", 0x800))
print("ready", flush=True)
while True:
    p = s.recv(2000)
    if p[16:20] == bytes([239, 8, 1, 46]):
        print("ttl", p[8], flush=True)
' >"$tmp/ttl" 2>&1 &
background+=($!)
wait_for 20 grep -q ready "$tmp/ttl" || fail "no ear: $(cat "$tmp/ttl")"
in_ns a "$tool" send 7777777777777777 10 ltime 100
wait_for 10 grep -qx "ttl 1" "$tmp/ttl" || fail "not for the segment only: $(cat "$tmp/ttl")"
over a group 239.8.1.46 dev e0 ttl 4
expect "ttl" "$(in_ns a "$amctl" -j net | tr -d '\n')" '*"udp":"port 8146 group 239.8.1.46 ttl 4 dev e0"*'
in_ns a "$tool" send 7777777777777777 10 ltime 100
wait_for 10 grep -qx "ttl 4" "$tmp/ttl" || fail "not beyond the segment: $(cat "$tmp/ttl")"
kill "${background[-1]}"
expect "one datagram for all" "$(stat a drop_udp_self),$(stat a drop_udp_source)" "*,0"
if ipv6; then
	for n in a b c; do over $n group ff02::8146 dev e0 port 8147; done
	pings a "$b" "IPv6 group"
	check "IPv6 group: to c" in_ns a "$tool" ping "$c" 30000 1
	expect "MTU" "$(mtu_of a)" 1408
	over a peer fd00::2
	over b peer '[fd00::1]:8146' local fd00::2
	pings a "$b" "IPv6 peers"
	expect "its address" "$(in_ns a "$amctl" -j neigh | tr -d ' \n')" '*"peer":"\[fd00::2\]:8146"*'
else
	echo "no IPv6 here"
fi
finish
