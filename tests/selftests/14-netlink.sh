#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# uapi/flip.yaml says which commands, attributes, limits, answers and notifications there are, and the
# kernel has just those.
#
# nodes: 1
# suites: netlink
# timeout: 60

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
ns a b
ip link add name e0 netns a type veth peer name e0 netns b
for n in a b; do ip -n $n link set e0 up; done
ip -n a addr add 10.77.0.1/24 dev e0
ip -n b addr add 10.77.0.2/24 dev e0
add_net a e0
add_net b e0
# overlays that have, together, all an overlay may have
amctl=$AMOEBA_TREE/build/userland/bin/amctl
check "overlay in a" in_ns a "$amctl" net add over udp group 239.8.14.6 dev e0 ttl 3 peer 10.77.0.2
check "overlay in b" in_ns b "$amctl" net add over udp group 239.8.14.6 dev e0
check "another in a" in_ns a "$amctl" net add peers udp port 8147 peer 10.77.0.2 local 10.77.0.1
receiver b "$tmp/b" count 1000 timeout 1000000
check "a neighbour" in_ns a "$tool" send "$address" 10 wait 100
receiver a "$tmp/a" bcast 1 count 1000 timeout 1000000
check "only the overlay" in_ns b "$nl" net-set ifname e0 up 0
check "a neighbour on the overlay" in_ns b "$tool" send all 100
check "and the device" in_ns b "$nl" net-set ifname e0 up 1
on_all() { in_ns a "$nl" dump neigh-get | grep -q udp-peer; }
wait_for 10 on_all || fail "nothing came over the overlay: $(in_ns a "$nl" dump neigh-get)"
receiver b "$tmp/e" count 1000 timeout 1000000 echo 1
other=$address
cat >"$tmp/events" <<end
set -e
$nl net-set ifname e0 weight 4 >/dev/null
ip link set e0 down
ip link set e0 up
$tool send 1122334455667700 10 ltime 200 wait 5000 >/dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do ! $tool ping $other 10 1 timeout 2000 >/dev/null 2>&1 || break; done
$tool send $other 10 flags 1 >/dev/null
$nl net-del ifname e0 >/dev/null
end
"$AMOEBA_TREE/tests/selftests/src/netlink_doc.py" "$AMOEBA_TREE/uapi/flip.yaml" a "$tmp/events" ||
	fail "uapi/flip.yaml"
finish
