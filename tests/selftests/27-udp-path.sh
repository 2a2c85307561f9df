#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# UDP overlays over paths that take less than the device, and inside WireGuard.
#
#	a and b at one bridge; d -- r -- b, narrow beyond r
#
# nodes: 1
# suites: path
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/udp_lib.bash"
lan a b
ns d r
receiver b "$tmp/b" count 100000 echo 1 timeout 1000000
b=$address

# ---- narrow paths: beyond r only 1300 bytes pass, and nobody said so ---------------------------
ip link add name e0 netns d type veth peer name d netns r
ip link add name e1 netns b type veth peer name b netns r
for x in "d e0" "b e1" "r d" "r b"; do ip -n ${x% *} link set dev ${x#* } up; done
ip -n r link set dev b mtu 1300
ip -n b link set dev e1 mtu 1300
ip -n d addr add 10.1.0.1/24 dev e0
ip -n r addr add 10.1.0.2/24 dev d
ip -n r addr add 10.2.0.2/24 dev b
ip -n b addr add 10.2.0.1/24 dev e1
ip -n d route add 10.2.0.0/24 via 10.1.0.2
ip -n b route add 10.1.0.0/24 via 10.2.0.2
in_ns r sysctl -qw net.ipv4.ip_forward=1
# narrow WHAT MTU MTU-AT-FIRST: what the first messages teach
narrow()
{
	expect "$1: MTU at first" "$(mtu_of d)" "$3"
	wait_for 20 in_ns d "$tool" ping "$b" 100000 1 timeout 1000 || fail "$1: nothing gets through"
	expect "$1: MTU learnt" "$(mtu_of d)" "$2"
	pings d "$b" "$1"
	expect "$1: MTU stays" "$(mtu_of d)" "$2"
}
over d peer 10.2.0.1
over b peer 10.1.0.1
narrow "narrow path" 1228 1428
[ "$(stat d drop_udp_toobig)" -ge 1 ] || fail "nothing was too large"
expect "r has cut nothing, and said so" \
	"$(in_ns r awk '/^Ip: [0-9]/ { print $18, $19, $20 }' /proc/net/snmp)" "0 [1-9]* 0"
if ipv6; then
	for x in "d e0 1::1" "r d 1::2" "r b 2::2" "b e1 2::1"; do
		set -- $x
		ip -n $1 addr add fd00:$3/64 dev $2 nodad
	done
	ip -n d route add fd00:2::/64 via fd00:1::2
	ip -n b route add fd00:1::/64 via fd00:2::2
	in_ns r sysctl -qw net.ipv6.conf.all.forwarding=1
	over d peer fd00:2::1
	over b peer fd00:1::1
	narrow "narrow IPv6" 1208 1408
fi
in_ns d "$amctl" net del amo0

# ---- inside WireGuard -------------------------------------------------------------------------
if ip -n a link add wg0 type wireguard 2>"$tmp/wg" && ip -n b link add wg0 type wireguard; then
	wg() { in_ns $1 python3 "$AMOEBA_TREE/tests/selftests/src/wg_setup.py" wg0 "${@:2}"; }
	ka=$(wg a 51820) kb=$(wg b 51820)
	check "WireGuard in a" wg a peer "$kb" 10.0.0.2 51820 10.9.0.2/32
	check "WireGuard in b" wg b peer "$ka" 10.0.0.1 51820 10.9.0.1/32
	ip -n a addr add 10.9.0.1/24 dev wg0
	ip -n b addr add 10.9.0.2/24 dev wg0
	ip -n a link set wg0 up
	ip -n b link set wg0 up
	over a peer 10.9.0.2
	over b peer 10.9.0.1
	expect "MTU inside" "$(mtu_of a)" 1348
	pings a "$b" "inside WireGuard"
	[ "$(in_ns a cat /sys/class/net/wg0/statistics/tx_bytes)" -gt 1000000 ] ||
		fail "it did not go through WireGuard"
else
	echo "no WireGuard here: $(cat "$tmp/wg")"
fi
finish
