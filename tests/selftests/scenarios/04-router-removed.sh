# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two parallel routers on links of their own: one is removed, the ends see it and look anew
#
#	    /-- r1 --\
#	h1 -          - h2	four cables
#	    \-- r2 --/

ns h1 r1 r2 h2
for i in 1 2; do
	link h1 e$i r$i w
	link r$i e h2 e$i
done
echoing h2 "$tmp/h2"
h2=$address
check "first message" in_ns h1 "$tool" ping "$h2" 3000 1
way=$(route h1 "$h2" | sed -n 's/.*ifname=e\([12]\).*/\1/p')
[ -n "$way" ] || fail "no route: $(route h1 "$h2")"

# no word of INVAL: a network that goes takes the routes over it along
begin "$tmp/flow" in_ns h1 "$tool" flow "$h2" 3001 100 step 1 gap 10 timeout 2000 ltime 2000
flow=$pid
some() { [ "$(came "$tmp/h2" "30[0-9]*")" -ge 25 ]; }
wait_for 30 some || fail "the transfer does not begin"
ip netns del r$way
over $flow "$tmp/flow"
note "$(cat "$tmp/flow")"
expect "the other way" "$(route h1 "$h2")" "*ifname=e$((3 - way)) *hops=6 *"
expect "damaged" "$(told "$tmp/flow" wrong)" 0
[ "$(told "$tmp/flow" answered)" -ge 95 ] || fail "more than 5 of 100 messages were lost"
expect "h1's networks" "$(in_ns h1 "$nl" dump net-get | wc -l)" 1
