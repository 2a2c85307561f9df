#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a hostile neighbour can send: each malformed frame is dropped for its reason, floods stay
# within the bounds, and what works goes on working.
#
# nodes: 1
# suites: badwire
# timeout: 400

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
wire=$tests/flip_wire
trace=/sys/kernel/tracing
ns x b
# each drop is also an event, with its reason
events=
[ -d $trace/events ] || mount -t tracefs tracefs $trace 2>/dev/null
[ ! -e $trace/events/flip/flip_drop/enable ] || echo 1 >$trace/events/flip/flip_drop/enable && events=yes
ip link add name vx netns x type veth peer name vb netns b
ip -n x link set vx up
ip -n b link set vb up
add_net b vb
mac=$(in_ns b cat /sys/class/net/vb/address)
receiver b "$tmp/b" count 100000 echo 1 timeout 1000000
b=$address

"$wire" list >"$tmp/list"
while read -r name counter; do
	before=$(stat b "$counter")
	in_ns x "$wire" vx bad "$name" "$mac" || fail "$name is not sent"
	counted() { [ "$(stat b "$counter")" != "$before" ]; }
	wait_for 2 counted
	expect "$name counts $counter" "$(($(stat b "$counter") - before))" 1
done <"$tmp/list"
expect "nothing was learned of what was malformed" "$(in_ns b "$nl" dump neigh-get | wc -l)" 1
if [ "$events" ]; then
	echo 0 >$trace/events/flip/flip_drop/enable
	netns=$(in_ns b readlink /proc/self/ns/net)
	netns=${netns//[!0-9]/}
	sed -n "s/.* flip_drop: netns=$netns .*why=\([a-z_0-9]*\)$/drop_\1/p" $trace/trace | sort | uniq -c |
		awk '{ print $2 "=" $1 }' >"$tmp/traced"
	in_ns b "$nl" dump stat-get | sed -n 's/^name=\(drop_[a-z_0-9]*\) value=\([1-9][0-9]*\) *$/\1=\2/p' |
		sort >"$tmp/counted"
	[ "$(wc -l <"$tmp/counted")" -ge 10 ] || fail "few reasons: $(cat "$tmp/counted")"
	diff "$tmp/counted" "$tmp/traced" >"$tmp/diff" || fail "counters (<) and events (>): $(cat "$tmp/diff")"
else
	echo "# this kernel has no tracepoints"
fi

# floods: bounded tables, and the LOCATE limit
in_ns b sysctl -q net.flip.max_routes=200 net.flip.max_neighbours=50
# 100 a second are taken
begin=${EPOCHREALTIME/./}
in_ns x "$wire" vx flood locate 1000 "$mac" >/dev/null
took=$((${EPOCHREALTIME/./} - begin))
limit=$((1000 - 100 * (took / 1000000 + 2)))
enough() { [ "$(stat b drop_locate_rate)" -ge $limit ]; }
wait_for 5 enough || fail "LOCATE rate: $(stat b drop_locate_rate) dropped in $took us"
in_ns x "$wire" vx flood source 2000 "$mac" >/dev/null
in_ns x "$wire" vx flood mac 2000 "$mac" >/dev/null
in_ns x "$wire" vx flood loop 100 "$mac" >/dev/null
in_ns x "$wire" vx flood partial 500 "$mac" >/dev/null
info=$(in_ns b "$nl" info-get)
routes=$(sed 's/.* routes=\([0-9]*\).*/\1/' <<<"$info")
neighbours=$(sed 's/.*neighbours=\([0-9]*\).*/\1/' <<<"$info")
[ "$routes" -le 200 ] || fail "$routes routes"
[ "$neighbours" -le 50 ] || fail "$neighbours neighbours"
[ "$(stat b route_evicted)" -gt 0 ] || fail "no route was evicted"
[ "$(stat b neigh_evicted)" -gt 0 ] || fail "no neighbour was evicted"
in_ns x "$wire" vx flood noise "${NOISE:-20000}" "$mac" >/dev/null

check "still answers within" in_ns b "$tool" ping "$b" 5000 2
add_net x vx
check "still answers over the wire" in_ns x "$tool" ping "$b" 30000 2

# group MACs: only for what is here
expect "MCREQ for what is here" "$(in_ns x "$wire" vx mcreq "$b" "$mac" 20000)" MCACK
group=55:55:${b:4:2}:${b:6:2}:${b:8:2}:${b:10:2}
in_ns b ip maddress show dev vb | grep -q "$group" || fail "$group is not in the filter"
expect "MCREQ for what is not" "$(in_ns x "$wire" vx mcreq 1122334455667700 "$mac" 20000)" MCNAK
kill "${background[0]}"
wait "${background[0]}" 2>/dev/null
gone() { ! in_ns b ip maddress show dev vb | grep -q "$group"; }
wait_for 5 gone || fail "$group stays in the filter"
finish
