# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two namespaces share one device by macvlan: each is a machine of its own on that network
#
#	c and d, on macvlans over m's e0 -- b

ns m b c d
ip link add name e0 netns m type veth peer name e0 netns b
ip -n m link set e0 up
ip -n b link set e0 up
add_net b e0
for n in c d; do
	device m link e0 name mv$n type macvlan mode bridge
	ip -n m link set mv$n netns $n
	ip -n $n link set mv$n up
	add_net $n mv$n
done
echoing b "$tmp/b"
b=$address
echoing d "$tmp/d"
d=$address
check "out" in_ns c "$tool" ping "$b" 100000 2
check "between the two" in_ns c "$tool" ping "$d" 100000 2
check "in" in_ns b "$tool" ping "$d" 100000 2
expect "c's neighbours" "$(in_ns c "$nl" dump neigh-get | grep -o 'location=[0-9a-f]*' | sort)" \
	"$(printf 'location=%s\n' "$(mac b e0)" "$(mac d mvd)" | sort)"
receiver c "$tmp/g1" bind 4444444444444400 count 10 timeout 1000000
receiver d "$tmp/g2" bind 4444444444444400 count 10 timeout 1000000
check "a group of both" in_ns b "$tool" send "$address" 500 members 2 wait 500
both() { [ "$(came "$tmp/g1" 500),$(came "$tmp/g2" 500)" = 1,1 ]; }
wait_for 10 both || fail "the group got $(came "$tmp/g1" 500),$(came "$tmp/g2" 500)"
ip -n m link del e0
gone() { [ -z "$(in_ns c "$nl" dump net-get)$(in_ns d "$nl" dump net-get)" ]; }
wait_for 10 gone || fail "networks without a device below"
