#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Credits: a neighbour that gives none, one that gives them when asked, one that loses frames.
#
# nodes: 1
# suites: credit
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
wire=$tests/flip_wire
ns x b
ip link add name vx netns x type veth peer name vb netns b
ip -n x link set vx up
ip -n b link set vb up
add_net b vb
to=1122334455667700

# never: eight packets, five requests two seconds apart, then the neighbour is given up
in_ns x "$wire" vx miser $to 16000 >"$tmp/miser" &
wait_for 5 grep -q ready "$tmp/miser"
begin=$SECONDS
expect "without credits" "$(in_ns b "$tool" send $to 30000 2>&1)" "*Network is down"
took=$((SECONDS - begin))
[ $took -ge 10 ] && [ $took -le 14 ] || fail "given up after $took s"
wait $!
expect "miser" "$(tail -1 "$tmp/miser")" \
	"locates 1 fragments 8 before the first request 8 requests 5"
t=$(sed -n 's/asked after \([0-9]*\) ms/\1/p' "$tmp/miser")
[ "${t:-0}" -ge 1600 ] && [ "$t" -le 2600 ] || fail "asked after ${t:-?} ms"
expect "the neighbour is gone" "$(in_ns b "$nl" dump neigh-get)" ""
expect "and counted" "$(stat b neigh_stuck)" 1

# when asked: eight more per request
in_ns x "$wire" vx forget $to 12000 >"$tmp/forget" &
wait_for 5 grep -q ready "$tmp/forget"
check "credits on request" in_ns b "$tool" send $to 23328
kill $! 2>/dev/null
expect "nothing waits" "$(in_ns b "$nl" dump neigh-get)" "*queued=0 messages=0*"

# a killed sender leaves nothing behind
ip netns exec x "$wire" vx miser $to 60000 >"$tmp/miser" &
miser=$!
wait_for 5 grep -q ready "$tmp/miser"
ip netns exec b "$tool" send $to 100000 flags 1 &
sender=$!
waits() { in_ns b "$nl" dump neigh-get | grep -q 'credits=0 .*messages=1 '; }
wait_for 5 waits || fail "no message waits: $(in_ns b "$nl" dump neigh-get)"
kill -9 $sender
wait $sender 2>/dev/null
expect "killed" "$(in_ns b "$nl" dump neigh-get)" "*queued=0 messages=0*"
kill $miser
wait $miser 2>/dev/null

# both sides over a wire that loses frames: messages are lost whole or arrive whole, credits heal
add_net x vx
receiver b "$tmp/loss" count 100000 timeout 1000000
b=$address
if in_ns x tc qdisc add dev vx root netem loss 2% 2>"$tmp/tc"; then
	in_ns x "$tool" send "$b" 30000 count 20 >"$tmp/lossy" 2>&1 || fail "$(cat "$tmp/lossy")"
	in_ns x tc qdisc del dev vx root
	# what comes after them
	expect "all good afterwards" "$(in_ns x "$tool" send "$b" 30001 2>&1)" "sent 1 *"
	wait_for 5 grep -q '^len 30001 ' "$tmp/loss" || fail "no message after the loss"
	n=$(grep -c '^len 30000 ' "$tmp/loss")
	echo "$n of 20 messages survived 2% loss"
	[ "$n" -ge 3 ] || fail "only $n of 20 messages of 21 packets came"
	grep -q DAMAGED "$tmp/loss" && fail "a damaged message was delivered"
else
	echo "no netem: $(cat "$tmp/tc")"
fi
finish
