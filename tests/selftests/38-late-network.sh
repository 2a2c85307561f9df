#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Somebody is looked for, patiently, who is on a network that has no carrier, or is not there yet: found when
# the network comes, and not 12.8 s later.
#
# nodes: 1
# suites: locate
# time: travel
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
[ "${TIME_TRAVEL:-}" = yes ] || skip "waits for a minute: only where waiting costs nothing"

ms() { local up; read -r up _ </proc/uptime; up=${up/./}; echo "${up}0"; }

# late NAME CMD...: a message waits for 30 s, the next LOCATE is 10 s away; then CMD brings the network
late()
{
	local name=$1 came sender
	shift
	ip netns exec a "$tool" send "$address" 100 ltime 100000 wait 100000 >"$tmp/send" 2>&1 &
	sender=$!
	sleep 30
	expect "$name: it waits" "$(in_ns a "$nl" info-get)" "*locates=1*"
	"$@" || fail "$name: $*"
	came=$(ms)
	wait_for 15 grep -q '^len 100 ' "$tmp/b" || fail "$name: it did not arrive: $(cat "$tmp/b")"
	came=$(($(ms) - came))
	echo "$name: after $came ms"
	[ $came -lt 2000 ] || fail "$name: it took $came ms"
	kill $sender 2>/dev/null
	wait $sender 2>/dev/null
	: >"$tmp/b"
}

carrier() { ip -n b link set e0 up; }
another() { add_net a e1; }

ns a b
link a e0 b e0
receiver b "$tmp/b" count 100 timeout 1000000
ip -n b link set e0 down
off() { case $(in_ns a "$nl" dump net-get) in *running=0*) ;; *) false ;; esac; }
wait_for 10 off || fail "a does not see that the carrier is lost"
late "carrier" carrier

ip -n a link del e0
ip link add name e1 netns a type veth peer name e1 netns b
ip -n a link set e1 up
ip -n b link set e1 up
add_net b e1
late "a network" another
finish
