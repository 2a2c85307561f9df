#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Devices that go down, are renamed, moved, removed, and namespaces that die, all under traffic;
# the notifications that tell of it.
#
# nodes: 1
# suites: distribution
# timeout: 400

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
ns a b
link a va b vb
receiver b "$tmp/b" count 1000000 echo 1 timeout 1000000 ltime 300
b=$address
# the one above is kept busy answering those who have gone: another for what must work
receiver b "$tmp/q" count 1000000 echo 1 timeout 1000000 ltime 300
q=$address
# large and small messages without end, failing as they may
traffic()
{
	while [ -e "$tmp/go" ]; do
		ip netns exec "$1" "$tool" ping "$2" 100000 2 timeout 300 ltime 300
		ip netns exec "$1" "$tool" ping "$2" 100 20 timeout 300 ltime 300
		ip netns exec "$1" "$tool" send "$2" 100 count 5 flags 1 ltime 200
	done >/dev/null 2>&1
}
touch "$tmp/go"
traffic a "$b" & t1=$!
traffic b "$b" & t2=$!
in_ns a "$nl" events 1000 100000 >"$tmp/events" &
background+=($!)
wait_for 5 grep -q listening "$tmp/events"

for i in 1 2 3 4 5; do
	ip -n a link set va down; sleep 0.2; ip -n a link set va up; sleep 0.3
	ip -n b link set vb down; sleep 0.1; ip -n b link set vb up; sleep 0.2
done
check "after down and up" in_ns a "$tool" ping "$q" 1000 1
grep -q "^net-down-ntf .*ifname=va .*running=0" "$tmp/events" || fail "no net-down-ntf"
grep -q "^net-up-ntf .*ifname=va .*running=1" "$tmp/events" || fail "no net-up-ntf"
grep -q "^neigh-lost-ntf" "$tmp/events" || fail "no neigh-lost-ntf"
grep -q "^neigh-new-ntf .*ifname=va" "$tmp/events" || fail "no neigh-new-ntf"
check "unanswered" in_ns a "$tool" send 0102030405060708 1 ltime 100 wait 20000
wait_for 3 grep -q "^locate-failed-ntf address=0102030405060708" "$tmp/events" ||
	fail "no locate-failed-ntf"

ip -n a link set va down
ip -n a link set va name vx
ip -n a link set vx up
wait_for 3 grep -q "^net-change-ntf .*ifname=vx" "$tmp/events" || fail "rename is not told"
expect "renamed" "$(in_ns a "$nl" dump net-get)" "*ifname=vx *running=1*"
check "after renaming" in_ns a "$tool" ping "$q" 1000 1
ip -n a link set vx mtu 1000
ip -n b link set vb mtu 1000
expect "MTU" "$(in_ns a "$nl" dump net-get)" "*mtu=958 *"
check "with a smaller MTU" in_ns a "$tool" ping "$q" 30000 1
ip -n a link set vx mtu 200
expect "MTU below 256 ends the network" "$(in_ns a "$nl" dump net-get)" ""
ip -n a link set vx mtu 1500
ip -n b link set vb mtu 1500
add_net a vx
for i in 1 2 3 4 5; do
	in_ns a "$nl" net-set ifname vx up 0 >/dev/null; sleep 0.1
	in_ns a "$nl" net-set ifname vx up 1 >/dev/null
	in_ns a "$nl" net-set ifname vx weight $((i + 1)) >/dev/null; sleep 0.1
	in_ns a "$nl" net-del ifname vx >/dev/null; sleep 0.1
	add_net a vx
done
check "after deleting and adding" in_ns a "$tool" ping "$q" 1000 1

# moved to another namespace and back: the network does not move with it
ns c
ip -n a link set vx netns c
expect "moved away" "$(in_ns a "$nl" dump net-get)$(in_ns c "$nl" dump net-get)" ""
ip -n c link set vx up
add_net c vx
check "from its new place" in_ns c "$tool" ping "$q" 30000 1
touch "$tmp/go2"
( while [ -e "$tmp/go2" ]; do
	ip netns exec c "$tool" ping "$b" 300000 1 timeout 300 ltime 300
done >/dev/null 2>&1 ) & t3=$!
sleep 0.5
ip -n c link del vx
expect "removed" "$(in_ns b "$nl" dump net-get)" ""
rm "$tmp/go2"
wait $t3
ip netns del c

# namespaces that die with sockets, networks and messages on their way
for i in 1 2 3 4 5 6; do
	ns "d$i"
	link "d$i" e0 b "f$i"
	ip netns exec "d$i" "$tool" ping "$b" 200000 1000 timeout 500 ltime 500 >/dev/null 2>&1 & p=$!
	ip netns exec "d$i" "$tool" recv bcast 1 timeout 300 >/dev/null 2>&1 &
	sleep 0.4
	ip netns del "d$i"
	# the namespace lives as long as its processes
	ip -n b link del "f$i" 2>/dev/null
	wait $p
done
rm "$tmp/go"
wait $t1 $t2
wait_for 10 sh -c "! ip -n b link show | grep -q ' f[0-9]'" || fail "veth ends remain"
expect "b has no network left" "$(in_ns b "$nl" dump net-get)" ""
expect "b knows nobody" "$(in_ns b "$nl" dump neigh-get)$(in_ns b "$nl" dump route-get)" ""
# the receivers first answer what they have got, also those who have gone
idle() { in_ns b "$nl" info-get | grep -q "locates=0"; }
wait_for 10 idle || fail "still looked for: $(in_ns b "$nl" info-get)"
finish
