# SPDX-License-Identifier: GPL-2.0-or-later
#
# A wire that reorders: the packets of a message find their places

ns a b
link a va b vb
receiver b "$tmp/b" count 100000 timeout 1000000
b=$address
check "before" in_ns a "$tool" send "$b" 10
disturb a va delay 20ms reorder 40% 50%
check "large" in_ns a "$tool" send "$b" 20000 count 10 step 1
check "small" in_ns a "$tool" send "$b" 1000 count 30 step 1 gap 3
check "huge" in_ns a "$tool" send "$b" 200000
wait_for 30 grep -q '^len 200000 ' "$tmp/b" || fail "the last did not come"
all() { [ "$(came "$tmp/b" "10[0-9][0-9]")" = 30 ]; }
wait_for 10 all || fail "only $(came "$tmp/b" "10[0-9][0-9]") of 30 small ones"
calm a va
for len in {20000..20009} 200000; do
	expect "$len bytes came so often" "$(came "$tmp/b" $len)" 1
done
grep -q DAMAGED "$tmp/b" && fail "a damaged message was delivered"
expect "twice" "$(grep -o '^len [0-9]*' "$tmp/b" | sort | uniq -d)" ""
grep '^len 10[0-9][0-9] ' "$tmp/b" | cut -d' ' -f2 >"$tmp/order"
sort -n "$tmp/order" | cmp -s - "$tmp/order" && note "the small ones kept their order"
