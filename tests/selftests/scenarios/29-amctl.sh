# SPDX-License-Identifier: GPL-2.0-or-later
#
# An operator switches networks off and on, takes them away and gives them back, under traffic

ns a b
ip link add name e0 netns a type veth peer name e0 netns b
ip -n a link set e0 up
ip -n b link set e0 up
check "net add" in_ns a "$amctl" net add e0
check "net add" in_ns b "$amctl" net add e0
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
js() { in_ns a "$amctl" -j net list | python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"; }
expect "state" "$(js 'd[0]["state"]')" up
transfer a "$b" "$tmp/b" ltime 1000

check "off" in_ns a "$amctl" net set e0 up off
expect "state" "$(js 'd[0]["state"]')" off
expect "nobody known" "$(in_ns a "$nl" dump neigh-get)$(route a "$b")" ""
dropped=$(stat a drop_netdown)
# the other side does not know, and sends
in_ns b "$tool" send 0102030405060708 10 ltime 200 >/dev/null 2>&1
dropped() { [ "$(stat a drop_netdown)" -gt $dropped ]; }
wait_for 5 dropped || fail "what comes to a network switched off is not dropped"
check "on" in_ns a "$amctl" net set e0 up on
check "works" in_ns a "$tool" ping "$b" 30000 1
check "taken away" in_ns a "$amctl" net del e0
expect "networks" "$(js 'len(d)')" 0
expect "again" "$(in_ns a "$amctl" net del e0 2>&1)" "*e0*"
check "given back" in_ns a "$amctl" net add e0 weight 5 trusted off
expect "as told" "$(js 'd[0]["weight"], d[0]["trusted"]')" "5 False"
check "the same at the other end" in_ns b "$amctl" net set e0 weight 5
check "works" in_ns a "$tool" ping "$b" 30000 1
expect "hops" "$(route a "$b")" "*hops=5 count=1 trusted-count=0 *"
transferred 20
