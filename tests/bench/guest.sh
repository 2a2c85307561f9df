#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# guest.sh - what tests/bench/run runs inside the test machines.
#
# usage: guest.sh one CHUNKS TRIPS MIB_TRIPS NAME...     namespaces bench-a, bench-b in one machine
#        guest.sh two CHUNKS TRIPS MIB_TRIPS NAME...     node 1 calls, node 2 serves
#
# Lines `RESULT name best mean unit` and `FAILED name` are for tests/bench/run.

set -u
mode=$1 chunks=$2 trips=$3 mib_trips=$4
shift 4
ambench=$AMOEBA_TREE/build/bench/ambench
counts="-c $chunks -t $trips -T $mib_trips"

load()
{
	local m

	for m in amoeba_cap flip amoeba; do
		insmod "$AMOEBA_MODULES/$m.ko" || return 1
	done
}

# 60 000 addresses known on either side, at the other: packets of as many sources
routes()
{
	local wire=$AMOEBA_TREE/build/userland/tests/flip_wire a b

	a=$(ip netns exec bench-a cat /sys/class/net/veth0/address)
	b=$(ip netns exec bench-b cat /sys/class/net/veth0/address)
	ip netns exec bench-a "$wire" veth0 flood source 60000 "$b" >/dev/null
	ip netns exec bench-b "$wire" veth0 flood source 60000 "$a" >/dev/null
	echo "# routes: $(ip netns exec bench-a amctl -j route list | grep -c address)," \
		"$(ip netns exec bench-b amctl -j route list | grep -c address)"
}

# NAME, or NAME+CONDITION: +plain without the devices' offloads, +plain65535 with that MTU too,
# +routes with 60 000 routes
condition()
{
	local n now=default

	case $1 in
	plain|plain65535|routes) now=$1 ;;
	esac
	[ "$now" = "${before:-default}" ] && return
	before=$now
	for n in a b; do
		case $now in
		default|routes) ip netns exec bench-$n ethtool -K veth0 tso on gso on gro on ;;
		*) ip netns exec bench-$n ethtool -K veth0 tso off gso off gro off ;;
		esac
		case $now in
		plain65535) ip -n bench-$n link set veth0 mtu 65535 ;;
		*) ip -n bench-$n link set veth0 mtu 1500 ;;
		esac
	done
	[ $now = routes ] && routes
}

one()
{
	local n

	for n in a b; do
		ip netns add bench-$n
		ip -n bench-$n link set lo up
	done
	ip link add veth0 netns bench-a type veth peer name veth0 netns bench-b
	ip -n bench-a addr add 10.46.0.1/24 dev veth0
	ip -n bench-b addr add 10.46.0.2/24 dev veth0
	for n in a b; do
		ip -n bench-$n link set veth0 up
		ip netns exec bench-$n amctl net add veth0 || return 1
		# a hundred a second is for strangers
		ip netns exec bench-$n sysctl -qw net.flip.locate_rate=1000000
	done
	sleep 1			# duplicate address detection and the like are over
	for n; do
		condition "${n#*+}"
		# the name with its condition is the name of the result
		timeout 300 "$ambench" $counts "${n%+*}" | sed "s/^RESULT ${n%+*} /RESULT $n /"
		[ "${PIPESTATUS[0]}" = 0 ] || echo "FAILED $n"
	done
}

two()
{
	local n server

	ip addr add 10.46.1.$NODE/24 dev eth0
	amctl net add eth0 || return 1
	if modprobe tipc 2>/dev/null || [ -d /proc/sys/net/tipc ]; then
		tipc node set identity node$NODE
		tipc bearer enable media eth device eth0
	fi
	barrier ready
	for n; do
		if [ "$NODE" = 2 ]; then
			"$ambench" -s "$n" &
			server=$!
			barrier "start-$n"
			barrier "end-$n"
			kill -9 $server 2>/dev/null
			wait $server 2>/dev/null
		else
			barrier "start-$n"
			timeout 120 "$ambench" -k -a 10.46.1.2 $counts "$n" || echo "FAILED $n"
			barrier "end-$n"
		fi
	done
	return 0
}

load || exit 1
$mode "$@"
