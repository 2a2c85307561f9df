# SPDX-License-Identifier: GPL-2.0-or-later
#
# Senders who give up within a second: credits that were lost are asked for all the same
#
#	a and x, which gives credits when it is asked

ns a x
ip link add name e0 netns x type veth peer name e0 netns a
ip -n x link set e0 up
ip -n a link set e0 up
add_net a e0
to=1122334455667700
begin "$tmp/x" in_ns x "$wire" e0 forget $to 30000
wait_for 5 grep -q ready "$tmp/x" || fail "no peer"
# eight credits are gone in the first message; each of the next waits 300 ms for more
begin "$tmp/flow" in_ns a "$tool" flow $to 20000 20 timeout 300
over $pid "$tmp/flow"
note "$(cat "$tmp/flow")"
wait_for 5 grep -q '^asked after' "$tmp/x" || fail "credits were never asked for"
[ "$(stat a tx_reqcredit)" -ge 1 ] || fail "no REQCREDIT"
check "somebody patient" timeout 20 ip netns exec a "$tool" send $to 20001
