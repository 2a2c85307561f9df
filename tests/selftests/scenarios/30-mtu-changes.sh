# SPDX-License-Identifier: GPL-2.0-or-later
#
# The MTU changes under traffic, both ends together; one below 256 ends the network

ns a b
link a e0 b e0
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
mtu() { ip -n a link set e0 mtu "$1"; ip -n b link set e0 mtu "$1"; }
transfer a "$b" "$tmp/b" inval 1 timeout 600
for m in 600 1500 256 9000 1500; do
	mtu $m
	check "MTU $m" in_ns a "$tool" ping "$b" 20000 1 timeout 10000
done
# frames too long for what the device now takes are lost, and their credits: asked for after 2 s
transferred 40
expect "MTU" "$(in_ns a "$nl" dump net-get)" "*mtu=1458 *"
ip -n a link set e0 mtu 255
expect "too small" "$(in_ns a "$nl" dump net-get)" ""
expect "cannot be added" "$(in_ns a "$nl" net-add ifname e0)" "error 22: *below 256*"
mtu 1500
add_net a e0
check "large enough again" in_ns a "$tool" ping "$b" 30000 1
