# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two VLANs on one cable are two networks, with nothing passing between them
#
#	a == b	one cable, VLAN 5 and VLAN 6

ns a b c d
ip link add name e0 netns a type veth peer name e0 netns b
for n in a b; do
	ip -n $n link set e0 up
	for v in 5 6; do
		device $n link e0 name e0.$v type vlan id $v
	done
done
# VLAN 6 is of two other machines
ip -n a link set e0.6 netns c
ip -n b link set e0.6 netns d
ip -n a link set e0.5 up
ip -n b link set e0.5 up
ip -n c link set e0.6 up
ip -n d link set e0.6 up
add_net a e0.5
add_net b e0.5
add_net c e0.6
add_net d e0.6
echoing b "$tmp/b"
b=$address
echoing d "$tmp/d"
d=$address
receiver d "$tmp/bc" bcast 1 count 10 timeout 1000000
check "in VLAN 5" in_ns a "$tool" ping "$b" 100000 2
check "in VLAN 6" in_ns c "$tool" ping "$d" 100000 2
check "across" in_ns a "$tool" send "$d" 101 ltime 300 wait 20000
expect "across" "$(grep undel "$tmp/check")" "*len 101 reason 1 *"
check "broadcast in VLAN 5" in_ns a "$tool" send all 200 hops 9
check "broadcast in VLAN 6" in_ns c "$tool" send all 201 hops 9
wait_for 10 grep -q '^len 201 ' "$tmp/bc" || fail "no broadcast in VLAN 6"
expect "of the other VLAN" "$(came "$tmp/bc" 200)" 0
# the cable goes and takes the VLANs along
ip -n a link del e0
gone() { [ -z "$(in_ns a "$nl" dump net-get)$(in_ns c "$nl" dump net-get)" ]; }
wait_for 10 gone || fail "networks without a cable"
