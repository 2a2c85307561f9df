# SPDX-License-Identifier: GPL-2.0-or-later
#
# A chain of five segments: every router learns its distance, messages of any size come through
#
#	h1 -- r1 -- r2 -- r3 -- r4 -- h2

ns h1 r1 r2 r3 r4 h2
chain h1 r1 r2 r3 r4 h2
echoing h2 "$tmp/h2"
h2=$address

check "over four routers" in_ns h1 "$tool" ping "$h2" 100 3
expect "distance of h2 from h1" "$(route h1 "$h2")" "*ifname=e1 *hops=15 count=1 trusted-count=1*"
for i in 1 2 3 4; do
	expect "from r$i" "$(route r$i "$h2")" "*ifname=e1 *hops=$((15 - 3 * i)) *"
done
expect "hops of what arrived" "$(grep -c '^len 100 .*hops 15 ' "$tmp/h2")" 3

for len in 0 1458 1459 100000; do
	check "$len bytes" in_ns h1 "$tool" ping "$h2" $len 2
done
expect "nothing was lost on the way" "$(stat h1 drop_reass_gap),$(stat h2 drop_reass_gap)" 0,0
for i in 1 2 3 4; do
	expect "r$i always had credits" "$(stat r$i drop_credit_full)" 0
	[ "$(stat r$i forwarded)" -ge 280 ] || fail "r$i forwarded only $(stat r$i forwarded)"
done
