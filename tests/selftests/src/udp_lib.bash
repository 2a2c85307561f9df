# SPDX-License-Identifier: GPL-2.0-or-later
# What the selftests of UDP overlays share. Sourced by bash in a guest, instead of flip_lib.bash.
#
#	lan NS...	namespaces at one bridge, in namespace sw: e0, 10.0.0.N, fd00::N
#	over NS ARG...	the overlay amo0 of a namespace, anew, with these arguments
#	mtu_of NS	its MTU, as FLIP sees it
#	pings NS DST WHAT	of all sizes
#	ipv6		is there any?

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
[ -c /dev/amoeba ] || modprobe amoeba || { echo "FAIL: modprobe amoeba"; exit 1; }
amctl=$AMOEBA_TREE/build/userland/bin/amctl

lan()
{
	local n i=1
	ns sw "$@"
	ip -n sw link add br0 type bridge mcast_snooping 0
	ip -n sw link set br0 up
	for n; do
		ip link add name e0 netns "$n" type veth peer name "$n" netns sw
		ip -n sw link set dev "$n" master br0 up
		ip -n "$n" link set dev e0 up
		ip -n "$n" addr add 10.0.0.$i/24 dev e0
		ipv6 && ip -n "$n" addr add fd00::$i/64 dev e0 nodad
		i=$((i + 1))
	done
}

ipv6() { [ -e /proc/net/if_inet6 ]; }

over()
{
	local n=$1
	shift
	in_ns "$n" "$amctl" net del amo0 2>/dev/null
	in_ns "$n" "$amctl" net add amo0 udp "$@" >"$tmp/over" 2>&1 ||
		fail "overlay in $n, $*: $(cat "$tmp/over")"
}

mtu_of() { in_ns "$1" "$nl" dump net-get | sed -n 's/.*ifname=amo0 .* mtu=\([0-9]*\) .*/\1/p'; }

pings()
{
	local len
	for len in 0 1402 30000; do check "$3: $len bytes" in_ns "$1" "$tool" ping "$2" $len 1; done
	check "$3: 1 MiB there and back" in_ns "$1" "$tool" ping "$2" 1048576 1
}
