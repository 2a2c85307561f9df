# SPDX-License-Identifier: GPL-2.0-or-later
#
# A wire that doubles every frame: a message of several packets still arrives once, and whole

ns a b
link a va b vb
receiver b "$tmp/b" count 100000 timeout 1000000
b=$address
disturb a va duplicate 100%
disturb b vb duplicate 100%
check "small" in_ns a "$tool" send "$b" 1000 count 20 step 1
check "large" in_ns a "$tool" send "$b" 20000 count 12 step 1
check "huge" in_ns a "$tool" send "$b" 300000
wait_for 30 grep -q '^len 300000 ' "$tmp/b" || fail "the last did not come"
calm a va
calm b vb
for len in {1000..1019}; do
	# a datagram of one packet is what a frame is: it may come as often as that
	n=$(came "$tmp/b" $len)
	[ "$n" -ge 1 ] && [ "$n" -le 2 ] || fail "$len bytes came $n times"
done
for len in {20000..20011} 300000; do
	expect "$len bytes came so often" "$(came "$tmp/b" $len)" 1
done
grep -q DAMAGED "$tmp/b" && fail "a damaged message was delivered"
[ "$(stat b reass_duplicate)" -ge 100 ] || fail "only $(stat b reass_duplicate) duplicates seen"
# credits came twice as well: never more than there may be
[ "$(in_ns a "$nl" dump neigh-get | sed 's/.*credits=\([0-9]*\).*/\1/')" -le 8 ] ||
	fail "too many credits: $(in_ns a "$nl" dump neigh-get)"
[ "$(stat a credit_excess)" -ge 1 ] || fail "no credit was refused"
