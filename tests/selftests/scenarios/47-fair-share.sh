# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two machines send to one: as long as both do, neither gets less than a third of what the other gets
#
#	a, c and the receiver b on one segment

ns a b c
segment lan
for n in a b c; do plug lan $n e0; done
# who reads late is not to lose anything
receiver b "$tmp/b" count 202 rcvbuf 50000000 timeout 60000
b=$address
check "a knows b" in_ns a "$tool" send "$b" 1
check "c knows b" in_ns c "$tool" send "$b" 2
begin "$tmp/a" in_ns a "$tool" send "$b" 60000 count 100
a=$pid
begin "$tmp/c" in_ns c "$tool" send "$b" 60001 count 100
over $! "$tmp/c"
over $a "$tmp/a"
wait "${background[0]}" || fail "b: $(tail -1 "$tmp/b")"
expect "all came" "$(came "$tmp/b" 60000),$(came "$tmp/b" 60001)" 100,100
# from when both had begun until one had done
read -r fewer more < <(awk '$1 == "len" && $2 >= 60000 {
	if (n[60000] && n[60001]) m[$2]++
	if (++n[$2] == 100) {
		print (m[60000] < m[60001] ? m[60000] " " m[60001] : m[60001] " " m[60000])
		exit
	} }' "$tmp/b")
note "while both were sending: $fewer and $more messages"
[ "${more:-0}" -ge 20 ] || fail "they were hardly sending together: $fewer and $more"
[ $((fewer * 3)) -ge "$more" ] || fail "no fair share: $fewer and $more"
expect "nothing was lost" "$(stat b drop_reass_bytes),$(stat b drop_reass_msgs)" 0,0
