#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Three segments in a chain, then a ring: locating over routers, fragments, bounces and repair, hop
# budgets, loops, untrusted networks, a small MTU on the way.
#
#     h1 --- r1 --- r2 --- h2
#
# nodes: 1
# suites: router
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
ns h1 r1 r2 h2
link h1 e0 r1 e0
link r1 e1 r2 e0
link r2 e1 h2 e0

receiver h2 "$tmp/h2" count 100000 echo 1 timeout 1000000
h2=$address
check "over two routers" in_ns h1 "$tool" ping "$h2" 100 3
expect "distance" "$(in_ns h1 "$nl" route-get address "$h2")" "*ifname=e0*hops=9 count=1 trusted-count=1*"
expect "distance at r1" "$(in_ns r1 "$nl" route-get address "$h2")" "*ifname=e1*hops=6 *"
expect "distance at r2" "$(in_ns r2 "$nl" route-get address "$h2")" "*ifname=e1*hops=3 *"
expect "hops of what arrived" "$(grep -c 'hops 9 ' "$tmp/h2")" 3
for len in 1458 1459 30000 1048576; do
	check "$len bytes over two routers" in_ns h1 "$tool" ping "$h2" $len 2
done
expect "no gap" "$(stat h2 drop_reass_gap),$(stat h1 drop_reass_gap)" 0,0
expect "credits all came back" "$(stat r1 drop_credit_full),$(stat r2 drop_credit_full)" 0,0
[ "$(stat r1 forwarded)" -gt 1400 ] || fail "r1 forwarded $(stat r1 forwarded)"

# a small MTU in the middle: cut, never joined
ip -n r1 link set e1 mtu 600
ip -n r2 link set e0 mtu 600
for len in 400 1458 20000; do
	check "$len bytes through MTU 600" in_ns h1 "$tool" ping "$h2" $len 2
done
[ "$(stat r1 refragmented)" -gt 10 ] || fail "r1 cut nothing"
ip -n r1 link set e1 mtu 1500
ip -n r2 link set e0 mtu 1500

# broadcasts go as far as their budget
receiver h2 "$tmp/bc" bcast 1 count 10 timeout 1000000
check "broadcast of 8 hops" in_ns h1 "$tool" send all 101 hops 8
check "broadcast of 9 hops" in_ns h1 "$tool" send all 100 hops 9
wait_for 20 grep -q '^len 100' "$tmp/bc"
expect "arrived" "$(grep -c '^len 100 .*hops 9' "$tmp/bc"),$(grep -c '^len 101 ' "$tmp/bc")" 1,0

# the destination's machine goes: bounced by the last router, relocated elsewhere
receiver h2 "$tmp/mob" bind 2222222222222200 count 1 echo 1 timeout 60000
mob=$address
check "to the one who will move" in_ns h1 "$tool" ping "$mob" 50 1
wait "${background[-1]}"
expect "arrived before it moved" "$(tail -1 "$tmp/mob")" "len 50 *hops 9 *"
receiver r1 "$tmp/mob2" bind 2222222222222200 count 1 echo 1 timeout 60000
check "forced locate" in_ns h1 "$tool" ping "$mob" 51 1 flags 1
wait "${background[-1]}"
expect "found where it is now" "$(tail -1 "$tmp/mob2")" "len 51 *hops 3 *"
expect "its distance" "$(in_ns h1 "$nl" route-get address "$mob")" "*hops=3 *"

# an untrusted network in the middle: plain messages pass and are marked, SECURITY does not
in_ns r2 "$nl" net-set ifname e0 trusted 0 >/dev/null || fail "net-set"
in_ns r1 "$nl" net-set ifname e1 trusted 0 >/dev/null || fail "net-set"
check "plain over untrusted" in_ns h1 "$tool" ping "$h2" 200 1 flags 1
expect "marked UNSAFE" "$(grep -c '^len 200 .*flags 0x20' "$tmp/h2")" 1
expect "no trusted destination" "$(in_ns h1 "$nl" route-get address "$h2")" "*count=1 trusted-count=0*"
expect "SECURITY, not looking" "$(in_ns h1 "$tool" send "$h2" 10 flags 4 ltime 0 2>&1)" \
	"*Network is unreachable"
check "SECURITY, looking" in_ns h1 "$tool" send "$h2" 201 flags 4 ltime 500 wait 20000
expect "comes back as untrusted" "$(cat "$tmp/check")" "*undelivered*reason 3 errno 101*"
expect "did not arrive" "$(grep -c '^len 201 ' "$tmp/h2")" 0
# h1 believes it is trusted (an old route), r1 knows better: UNTRUSTED comes back
in_ns r2 "$nl" net-set ifname e0 trusted 1 >/dev/null
in_ns r1 "$nl" net-set ifname e1 trusted 1 >/dev/null
check "trusted again" in_ns h1 "$tool" ping "$h2" 203 1 flags 5
in_ns r1 "$nl" net-set ifname e1 trusted 0 >/dev/null
check "r1 learns h2 again" in_ns r1 "$tool" ping "$h2" 10 1
check "SECURITY over an old route" in_ns h1 "$tool" send "$h2" 204 flags 4 wait 20000
expect "comes back" "$(cat "$tmp/check")" "*undelivered*reason 3 errno 101*"
[ "$(stat h1 rx_untrusted)" -ge 1 ] || fail "no UNTRUSTED came"
in_ns r1 "$nl" net-set ifname e1 trusted 1 >/dev/null

# no forwarding
in_ns r1 sysctl -q net.flip.forwarding=0
check "not forwarded" in_ns h1 "$tool" send "$h2" 205 flags 1 ltime 300 wait 20000
expect "not found" "$(cat "$tmp/check")" "*undelivered*reason 1*"
in_ns r1 sysctl -q net.flip.forwarding=1
check "forwarded again" in_ns h1 "$tool" ping "$h2" 206 1 flags 1

# a second way, and thereby a ring: nothing circles, NOTHERE is repaired by the other network
link h1 e1 r2 e2
check "shorter way" in_ns h1 "$tool" ping "$h2" 207 1 flags 1
expect "distance" "$(in_ns h1 "$nl" route-get address "$h2")" "*ifname=e1*hops=6 *"
receiver h2 "$tmp/ring" bcast 1 count 100 timeout 1000000
before=$(stat r2 tx_multidata)
check "broadcast in a ring" in_ns h1 "$tool" send all 300 hops 25
wait_for 20 grep -q '^len 300' "$tmp/ring"
# both ways round have met, and the second copy was dropped or has come
met() { [ "$(stat r1 drop_loop)" -ge 1 ]; }
wait_for 10 met
sleep 0.2
expect "arrived once" "$(grep -c '^len 300 ' "$tmp/ring")" 1
[ $(($(stat r2 tx_multidata) - before)) -le 4 ] || fail "the broadcast circled"
[ "$(stat r1 drop_loop)" -ge 1 ] || fail "no loop seen"
# the short way is cut off behind r2's back: the route dies with the network
ip -n h1 link set e1 down
check "the long way again" in_ns h1 "$tool" ping "$h2" 208 1
expect "distance" "$(in_ns h1 "$nl" route-get address "$h2")" "*ifname=e0*hops=9 *"

finish
