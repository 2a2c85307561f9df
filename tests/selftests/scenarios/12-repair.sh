# SPDX-License-Identifier: GPL-2.0-or-later
#
# One of two members of a group goes: a router repairs what comes back NOTHERE through the other
#
#	h1 -- r1 -- x1
#	        \-- x2

ns h1 r1 x1 x2
link h1 e0 r1 e0
link r1 e1 x1 e0
link r1 e2 x2 e0
receiver x1 "$tmp/x1" bind 4444444444444400 count 1000 echo 1 timeout 1000000
receiver x2 "$tmp/x2" bind 4444444444444400 count 1000 echo 1 timeout 1000000
group=$address
x=("${background[@]}")
check "to either of both" in_ns h1 "$tool" ping "$group" 100 1
both() { [ "$(in_ns r1 "$nl" dump route-get | grep -c "address=$group")" = 2 ]; }
wait_for 5 both || fail "r1 does not know both: $(in_ns r1 "$nl" dump route-get)"
case $(came "$tmp/x1" 100),$(came "$tmp/x2" 100) in
1,0) gone=0 left=x2 ;;
0,1) gone=1 left=x1 ;;
*) fail "it came to x1, x2: $(came "$tmp/x1" 100),$(came "$tmp/x2" 100)"; gone=0 left=x2 ;;
esac
kill "${x[gone]}"
wait "${x[gone]}" 2>/dev/null
check "after one has gone" in_ns h1 "$tool" ping "$group" 101 1
expect "came to the other" "$(came "$tmp/$left" 101)" 1
expect "repaired at r1" "$(stat r1 repaired)" 1
expect "h1 was told nothing" "$(stat h1 rx_nothere)" 0
both && fail "r1 still knows both"
check "the next one goes straight" in_ns h1 "$tool" ping "$group" 102 1
expect "repaired at r1" "$(stat r1 repaired)" 1
