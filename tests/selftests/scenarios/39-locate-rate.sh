# SPDX-License-Identifier: GPL-2.0-or-later
#
# Who floods a network with searches is not listened to; the other network does not notice
#
#	x -- b -- c

ns x b c
ip link add name e0 netns x type veth peer name e0 netns b
ip -n x link set e0 up
ip -n b link set e0 up
add_net b e0
link b e1 c e0
in_ns b sysctl -q net.flip.locate_rate=5 || fail "sysctl"
before=$(stat b rx_locate)
in_ns x "$wire" e0 flood locate 300 "$(mac b e0)" >/dev/null
wait_for 5 stat_grows b rx_locate $((before + 299)) ||
	fail "only $(($(stat b rx_locate) - before)) of 300 came"
[ "$(stat b drop_locate_rate)" -ge 250 ] || fail "only $(stat b drop_locate_rate) of 300 dropped"

begin "$tmp/flood" in_ns x "$wire" e0 flood locate 20000 "$(mac b e0)"
flood=$pid
for i in 1 2 3; do
	# new addresses: each is a search of c
	echoing b "$tmp/b$i"
	check "search $i of c" in_ns c "$tool" ping "$address" 100 1 ltime 10000 timeout 10000
done
kill -0 $flood 2>/dev/null || note "the flood was over before the searches"
wait $flood
# one of its searches will be listened to when the second that was spoilt is over
add_net x e0
check "search of an honest x" in_ns x "$tool" ping "$address" 100 1
