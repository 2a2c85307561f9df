# SPDX-License-Identifier: GPL-2.0-or-later
#
# FLIP over a bond of two cables: one is cut under traffic, hardly anything is lost

ns a b
for n in a b; do device $n name bond0 type bond mode active-backup miimon 20; done
for i in 0 1; do
	ip link add name e$i netns a type veth peer name e$i netns b
	ip -n a link set e$i master bond0
	ip -n b link set e$i master bond0
done
for n in a b; do
	ip -n $n link set bond0 up
	ip -n $n link set e0 up
	ip -n $n link set e1 up
	carrier() { [ "$(in_ns $n cat /sys/class/net/bond0/carrier 2>/dev/null)" = 1 ]; }
	wait_for 10 carrier || fail "bond0 of $n has no carrier"
	add_net $n bond0
done
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 30000 1 flags 1
active() { in_ns a cat /sys/class/net/bond0/bonding/active_slave; }
old=$(active)
transfer a "$b" "$tmp/b" inval 1
ip -n a link set "$old" down
changed() { [ "$(active)" != "$old" ]; }
wait_for 10 changed || fail "the bond stays with $old"
transferred 80
check "over the other cable" in_ns a "$tool" ping "$b" 30000 2
expect "one network all the time" "$(in_ns a "$nl" dump net-get)" "index=1 *ifname=bond0 *running=1*"
