#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Wi-Fi: an access point and two stations, each a machine of its own, on simulated radios. The stations hear
# of each other through the access point, which sends what is for all of them once more; one of them
# goes out of the door and comes back; two of them without an access point.
#
# nodes: 1
# suites: wifi
# kernels: deb-6.12 newest
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
modinfo mac80211_hwsim >/dev/null 2>&1 || skip "this kernel has no mac80211_hwsim"
need_flip
[ -c /dev/amoeba ] || modprobe amoeba || { echo "FAIL: modprobe amoeba"; exit 1; }
modprobe mac80211_hwsim radios=3 || fail "modprobe mac80211_hwsim"
ns ap s1 s2
phys=($(ls /sys/class/ieee80211))
[ ${#phys[@]} = 3 ] || fail "radios: ${phys[*]}"
i=0
for name in ap s1 s2; do
	iw phy "${phys[i]}" set netns name $name || fail "$name gets no radio"
	dev=$(in_ns $name iw dev | sed -n 's/.*Interface //p')
	ip -n $name link set "$dev" name wl0 || fail "$name: no interface '$dev'"
	i=$((i + 1))
done

# ---- an access point --------------------------------------------------------------------------
cat >"$tmp/hostapd" <<end
interface=wl0
driver=nl80211
ssid=flip
hw_mode=g
channel=1
end
ip netns exec ap hostapd "$tmp/hostapd" >"$tmp/hostapd.log" 2>&1 &
background+=($!)
wait_for 20 grep -q AP-ENABLED "$tmp/hostapd.log" || fail "hostapd: $(cat "$tmp/hostapd.log")"
# station NAME: it joins
station()
{
	ip -n "$1" link set wl0 up
	in_ns "$1" iw dev wl0 connect flip || fail "$1: connect"
	wait_for 20 linked "$1" || fail "$1: $(in_ns "$1" iw dev wl0 link)"
}
linked() { in_ns "$1" iw dev wl0 link | grep -q '^Connected' && running "$1"; }
running() { ip -n "$1" -br link show wl0 | grep -q LOWER_UP; }
runs() { in_ns "$1" "$nl" dump net-get | grep -q "ifname=wl0 .*running=$2"; }
station s1
station s2
for name in ap s1 s2; do
	in_ns $name "$nl" net-add ifname wl0 >/dev/null || fail "$name: net-add"
	wait_for 10 runs $name 1 || fail "$name: $(in_ns $name "$nl" dump net-get)"
done

# echo NS: a receiver there; exchange WHAT FROM: small and large messages to it
answerer()
{
	: >"$tmp/$1"
	ip netns exec "$1" "$tool" recv echo 1 count 100000 quiet 1 timeout 1000000 >>"$tmp/$1" 2>&1 &
	background+=($!)
	wait_for 60 test -s "$tmp/$1" || fail "receiver in $1 does not start"
	read -r address <"$tmp/$1"
}
exchange()
{
	local len
	for len in 1 1400 30000 200000; do
		in_ns "$2" "$tool" ping "$address" $len 5 >"$tmp/ping" 2>&1 ||
			fail "$1, $len bytes: $(cat "$tmp/ping")"
	done
}
answerer ap
exchange "to the access point" s1
answerer s2
exchange "between stations" s1
expect "what the access point gave back of one's own is nobody's" \
	"$(in_ns s1 "$nl" dump stat-get | grep 'drop.*value=[1-9]' | grep -v drop_loop)" ""

# transactions
serve s2 count=0
head -c 100000 /dev/urandom >"$tmp/data"
calls()
{
	in_ns s1 "$tests/rpc_client" port=$putport data="$tmp/data" room=200000 count=3 >"$tmp/cli" 2>&1
	grep -q "call 2 verdict 0" "$tmp/cli" || fail "$1: $(cat "$tmp/cli" "$tmp/srv")"
}
calls "transactions"

# a group: both stations and the access point take it
for name in ap s1 s2; do
	: >"$tmp/$name"
	ip netns exec $name "$tool" recv bind 1111111111111100 count 1 timeout 60000 >>"$tmp/$name" 2>&1 &
	background+=($!)
	wait_for 20 test -s "$tmp/$name"
done
read -r group <"$tmp/ap"
check "to a group" in_ns s1 "$tool" send "$group" 1000 members 3
got() { grep -q '^len 1000 ' "$tmp/$1"; }
for name in ap s1 s2; do wait_for 20 got $name || fail "group: $name got nothing: $(cat "$tmp/$name")"; done

# out of the door: the network does not run, a call says so; and back again
in_ns s1 iw dev wl0 disconnect || fail "disconnect"
wait_for 10 runs s1 0 || fail "the network runs without a link"
in_ns s1 "$tests/rpc_client" port=$putport locate_ms=1000 timeout_ms=3000 count=1 >"$tmp/cli" 2>&1
grep -q "verdict" "$tmp/cli" && ! grep -q "call 0 verdict 0" "$tmp/cli" || fail "out: $(cat "$tmp/cli")"
station s1
wait_for 10 runs s1 1 || fail "the network does not run again"
calls "back again"

# ---- without an access point --------------------------------------------------------------------
for name in s1 s2; do
	in_ns $name "$nl" net-del ifname wl0 >/dev/null || fail "$name: net-del"
	in_ns $name iw dev wl0 disconnect
	ip -n $name link set wl0 down
	in_ns $name iw dev wl0 set type ibss || fail "$name: set type ibss"
	ip -n $name link set wl0 up
	in_ns $name iw dev wl0 ibss join alone 2412 fixed-freq 02:ca:fe:00:00:01 || fail "$name: ibss join"
	in_ns $name "$nl" net-add ifname wl0 >/dev/null || fail "$name: net-add, ad hoc"
done
for name in s1 s2; do wait_for 20 runs $name 1 || fail "$name: ad hoc: $(in_ns $name iw dev wl0 info)"; done
calls "ad hoc"

# the radio goes with the network on it
answerer s2
exchange "ad hoc" s1
modprobe -r mac80211_hwsim || fail "modprobe -r"
gone() { [ -z "$(in_ns s1 "$nl" dump net-get)" ]; }
wait_for 10 gone || fail "the network stays: $(in_ns s1 "$nl" dump net-get)"
finish
