# SPDX-License-Identifier: GPL-2.0-or-later
#
# Senders who give up within a second: credits that were lost are asked for all the same
#
#	a and x, which gives credits when it is asked
#
# waits

ns a x
ip link add name e0 netns x type veth peer name e0 netns a
ip -n x link set e0 up
ip -n a link set e0 up
add_net a e0
to=1122334455667700
begin "$tmp/x" in_ns x "$wire" e0 forget $to 30000
wait_for 5 grep -q ready "$tmp/x" || fail "no peer"
# eight credits are gone in the first message; each of the others waits 200 ms for more
begin "$tmp/flow" in_ns a "$tool" flow $to 20000 7 timeout 200 gap 700
over $pid "$tmp/flow"
expect "how they ended" "$(cat "$tmp/flow")" "sent 7 answered 0 lost 0 bounced 0 refused 7 *"
grep -q '^asked after' "$tmp/x" || fail "credits were never asked for"
[ "$(stat a tx_reqcredit)" -ge 1 ] || fail "no REQCREDIT in $SECONDS s"
begin "$tmp/patient" in_ns a "$tool" send $to 20001
sent() { grep -q '^sent 1 ' "$tmp/patient"; }
wait_for 20 sent || fail "somebody patient waits for ever"
expect "given up" "$(stat a neigh_stuck)" 0
