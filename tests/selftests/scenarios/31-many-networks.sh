# SPDX-License-Identifier: GPL-2.0-or-later
#
# As many networks as there may be, one more is refused; a router to all of them finds each host

ns r h far
for i in {1..31}; do
	ip link add name n$i netns r type veth peer name n$i netns h
	ip -n r link set n$i up
	ip -n h link set n$i up
	add_net r n$i
done
link r last far e0
expect "networks" "$(in_ns r "$nl" info-get)" "* max-networks=32 networks=32 *"
ip -n r link add name more type dummy 2>"$tmp/device" || skip "no dummy: $(cat "$tmp/device")"
expect "one more" "$(in_ns r "$nl" net-add ifname more)" "error 28: *"
echoing far "$tmp/far"
far=$address
for i in 1 17 31; do
	in_ns h "$nl" net-add ifname n$i >/dev/null || fail "net-add n$i"
	check "by network $i" in_ns h "$tool" ping "$far" 20000 1
	expect "by network $i" "$(route h "$far")" "*ifname=n$i *hops=6 *"
	in_ns h "$nl" net-del ifname n$i >/dev/null
done
tx=$(stat r tx_locate)
check "a search goes out by all of them" in_ns r "$tool" send 0102030405060708 10 ltime 0 keep 1
in_ns r "$tool" send 0102030405060708 10 ltime 100 wait 20000 >/dev/null 2>&1
tx=$(($(stat r tx_locate) - tx))
[ $tx -ge 32 ] && [ $((tx % 32)) = 0 ] || fail "$tx LOCATEs on 32 networks"
in_ns r "$nl" net-del ifname n5 >/dev/null
check "room again" in_ns r "$nl" net-add ifname n5
