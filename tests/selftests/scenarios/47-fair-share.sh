# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two machines send to one: when the first is done, the other has had its share
#
#	a, c and the receiver b on one segment

ns a b c
segment lan
for n in a b c; do plug lan $n e0; done
receiver b "$tmp/b" count 80 timeout 60000
b=$address
check "a knows b" in_ns a "$tool" send "$b" 1
check "c knows b" in_ns c "$tool" send "$b" 2
begin "$tmp/a" in_ns a "$tool" send "$b" 100000 count 39
a=$pid
begin "$tmp/c" in_ns c "$tool" send "$b" 100001 count 39
over $! "$tmp/c"
over $a "$tmp/a"
wait "${background[0]}" || fail "b: $(tail -1 "$tmp/b")"
expect "all came" "$(came "$tmp/b" 100000),$(came "$tmp/b" 100001)" 39,39
share=$(awk '$1 == "len" && $2 >= 100000 { n[$2]++; if (n[$2] == 39) {
	print n[100000] < n[100001] ? n[100000] : n[100001]; exit } }' "$tmp/b")
note "when one had sent 39 messages, the other had sent $share"
[ "${share:-0}" -ge 13 ] || fail "when one had sent 39 messages, the other had sent ${share:-0}"
expect "nothing was lost" "$(stat b drop_reass_bytes),$(stat b drop_reass_msgs)" 0,0
