# SPDX-License-Identifier: GPL-2.0-or-later
#
# A broadcast goes as far as its budget, and everyone within gets it once
#
#	h1 -- r1 -- r2 -- h2

ns h1 r1 r2 h2
chain h1 r1 r2 h2
for h in h1 r1 r2 h2; do receiver $h "$tmp/$h" bcast 1 count 100 timeout 1000000; done
for hops in 2 3 5 6 8 9 25; do
	check "budget $hops" in_ns h1 "$tool" send all $((100 + hops)) hops $hops
done
check "of several packets" in_ns h1 "$tool" send all 20000 hops 9
for h in h1 r1 r2 h2; do
	wait_for 20 grep -q '^len 20000 ' "$tmp/$h" || fail "the last one did not come to $h"
done
got() { grep -o '^len [0-9]* .* hops [0-9]*' "$1" | sed 's/^len \([0-9]*\) .* hops /\1:/' |
	tr '\n' ' '; }
expect "here" "$(got "$tmp/h1")" "102:0 103:0 105:0 106:0 108:0 109:0 125:0 20000:0 "
expect "one network away" "$(got "$tmp/r1")" "103:3 105:3 106:3 108:3 109:3 125:3 20000:3 "
expect "two networks away" "$(got "$tmp/r2")" "106:6 108:6 109:6 125:6 20000:6 "
expect "three networks away" "$(got "$tmp/h2")" "109:9 125:9 20000:9 "
