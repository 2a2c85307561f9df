# SPDX-License-Identifier: GPL-2.0-or-later
#
# A ring of four routers: a broadcast is seen once, and what comes round is dropped
#
#	h1 -- r1 -- r2
#	       |    |
#	      r4 -- r3 -- h2

ns h1 r1 r2 r3 r4 h2
chain r1 r2 r3 r4
link r4 e1 r1 e0
link h1 e0 r1 e2
link h2 e0 r3 e2
routers="r1 r2 r3 r4"

sum()
{
	local r n=0
	for r in $routers; do n=$((n + $(stat $r "$1"))); done
	echo $n
}

receiver h2 "$tmp/h2" bcast 1 count 100 timeout 1000000
receiver r3 "$tmp/r3" bcast 1 count 100 timeout 1000000
tx=$(sum tx_multidata) loops=$(sum drop_loop)
check "broadcasts" in_ns h1 "$tool" send all 200 count 5 step 1 hops 25
arrived() { [ "$(came "$tmp/h2" "20[0-4]")" = 5 ] && [ "$(came "$tmp/r3" "20[0-4]")" = 5 ]; }
wait_for 20 arrived || fail "$(came "$tmp/h2" "20[0-4]") of 5 broadcasts arrived"
came_round() { [ "$(sum drop_loop)" -ge $((loops + 10)) ]; }
wait_for 10 came_round || true
# r1 sends a broadcast two ways, its neighbours on to r3, r3 to h2 and the other neighbour
expect "sent by the routers, for each broadcast" "$(($(sum tx_multidata) - tx))" 30
expect "dropped as seen before" "$(($(sum drop_loop) - loops))" 10
arrived || fail "a broadcast came twice"

# a search circles as little: each budget is a new one, and goes once over each network
tx=$(sum tx_locate) asked=$(stat h1 tx_locate)
check "search for nobody" in_ns h1 "$tool" send 0102030405060708 10 ltime 1500 wait 20000
asked=$(($(stat h1 tx_locate) - asked)) tx=$(($(sum tx_locate) - tx))
[ $asked -ge 5 ] || fail "only $asked LOCATEs"
[ $tx -le $((6 * asked)) ] || fail "$tx LOCATEs were passed on for $asked"

echoing h2 "$tmp/echo"
check "messages" in_ns h1 "$tool" ping "$address" 30000 2
expect "half way round" "$(route h1 "$address")" "*hops=12 *"
