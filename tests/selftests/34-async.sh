#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# FLIP sockets that do not block: messages of any size that the send buffer holds, polling, closing
# with messages on their way, io_uring, and messages larger than the receive buffer.
#
# nodes: 1
# suites: async distribution
# timeout: 180

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
async=$tests/flip_async
nl=$tests/flip_nl

ns a b
link a va b vb
in_ns b "$async" serve >"$tmp/server" 2>&1 &
background+=($!)
wait_for 20 test -s "$tmp/server" || fail "no server"
read -r address <"$tmp/server"

in_ns a "$async" check "$address" || fail "over the wire"
in_ns b "$async" check "$address" || fail "within the namespace"
in_ns a "$async" nobody 0102030405060708 || fail "to nobody"

# larger than the receive buffer
in_ns a sysctl -qw net.flip.reass_bytes=67108864
ip netns exec a "$async" large >"$tmp/large" &
large=$!
wait_for 60 grep -q "never read" "$tmp/large"
cat "$tmp/large"
grep -q "^not ok" "$tmp/large" && fail "large"
[ "$(stat a drop_reass_bytes)" -gt 0 ] || fail "what was dropped is not counted"
kill $large
wait $large 2>/dev/null
# what it never read is not charged any more: nearly all of the limit is free for the next
in_ns a sysctl -qw net.flip.reass_bytes=1600000
ip netns exec a "$async" large >"$tmp/large" &
large=$!
wait_for 60 grep -q "never read" "$tmp/large" || fail "charge of a closed socket: $(cat "$tmp/large")"
kill $large
wait $large 2>/dev/null
in_ns a sysctl -qw net.flip.reass_bytes=65536
ip netns exec a "$async" large >"$tmp/large" &
large=$!
wait_for 30 grep -q "not ok larger" "$tmp/large" || fail "no limit of the namespace"
kill $large
wait $large 2>/dev/null

# what a closed socket leaves behind is nothing
expect "addresses" "$(in_ns a "$nl" dump addr-get)" ""
expect "nothing waits" "$(in_ns a "$nl" dump neigh-get)" "*queued=0 messages=0*"

# a neighbour that gives no credits
ns x c
ip link add name vx netns x type veth peer name vc netns c
ip -n x link set vx up
ip -n c link set vc up
add_net c vc
to=1122334455667700
in_ns x "$tests/flip_wire" vx miser $to 60000 >"$tmp/miser" &
background+=($!)
wait_for 10 grep -q ready "$tmp/miser"
in_ns c "$async" stuck $to || fail "stuck"
expect "nothing waits for credits" "$(in_ns c "$nl" dump neigh-get)" "*queued=0 messages=0*"
expect "addresses" "$(in_ns c "$nl" dump addr-get)" ""
finish
