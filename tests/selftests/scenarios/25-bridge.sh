# SPDX-License-Identifier: GPL-2.0-or-later
#
# FLIP over a bridge: the machines at its ports are neighbours, and the bridge's own is one too
#
#	a -- m -- b	m bridges, FLIP is on the bridge

ns a m b
ip link add name e0 netns a type veth peer name pa netns m
ip link add name e0 netns b type veth peer name pb netns m
device m name br0 type bridge forward_delay 0 stp_state 0
ip -n m link set pa master br0 up
ip -n m link set pb master br0 up
ip -n m link set br0 up
ip -n a link set e0 up
ip -n b link set e0 up
add_net a e0
add_net b e0
add_net m br0
echoing m "$tmp/m"
m=$address
echoing b "$tmp/b"
b=$address
check "to the bridge" in_ns a "$tool" ping "$m" 100000 2
check "over the bridge" in_ns a "$tool" ping "$b" 100000 2
check "from the bridge" in_ns m "$tool" ping "$b" 100000 2
expect "one network from a to b" "$(route a "$b")" "*location=$(mac b e0) hops=3 *"
expect "m did not forward" "$(stat m forwarded)" 0
# the port of b goes
ip -n m link set pb nomaster
in_ns a "$tool" ping "$b" 100 1 timeout 300 >/dev/null && fail "b answers without a port"
ip -n m link set pb master br0
check "plugged in again" in_ns a "$tool" ping "$b" 30000 1 flags 1
