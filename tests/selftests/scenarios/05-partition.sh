# SPDX-License-Identifier: GPL-2.0-or-later
#
# A segment in the middle is cut and heals: each side works by itself, then both together again
#
#	h1 -- r1 -/- r2 -- h2

ns h1 r1 r2 h2
chain h1 r1 r2 h2
echoing h2 "$tmp/h2"
h2=$address
echoing r1 "$tmp/r1"
r1=$address
check "whole" in_ns h1 "$tool" ping "$h2" 100 1

# a message that finds no way looks for one for a second: so few come back before it is healed
begin "$tmp/flow" in_ns h1 "$tool" flow "$h2" 1000 100 step 1 gap 10 timeout 2000 ltime 1000
flow=$pid
some() { [ "$(came "$tmp/h2" "10[0-9]*")" -ge "$1" ]; }
wait_for 30 some 20 || fail "the transfer does not begin"
ip -n r1 link set e1 down
check "told of the cut" in_ns h1 "$tool" send "$h2" 71 ltime 300 flags 1 wait 20000
expect "told of the cut" "$(grep undel "$tmp/check")" "*len 71 reason 1 errno 113 *intact"
check "on this side of it" in_ns h1 "$tool" ping "$r1" 5000 1
check "on the other" in_ns r2 "$tool" ping "$h2" 5000 1
expect "nobody knows the way" "$(route h1 "$h2")$(route r1 "$h2")" ""
before=$(came "$tmp/h2" "10[0-9]*")
ip -n r1 link set e1 up
over $flow "$tmp/flow"
note "$(cat "$tmp/flow")"
some $((before + 1)) || fail "the transfer did not go on: $before before"
[ "$(told "$tmp/flow" answered)" -ge 70 ] || fail "only $(told "$tmp/flow" answered) of 100 answered"
check "healed" in_ns h1 "$tool" ping "$h2" 30000 1
expect "as far as before" "$(route h1 "$h2")" "*hops=9 *"
