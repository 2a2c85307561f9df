# SPDX-License-Identifier: GPL-2.0-or-later
#
# A group of six on three segments, two of them behind a router: everyone gets each message once
#
#	h1, h2 and r on one segment; r -- h3, r -- h4

ns h1 h2 h3 h4 r
segment lan
plug lan h1 e0
plug lan h2 e0
plug lan r e0
link r e1 h3 e0
link r e2 h4 e0
n=0
for h in h1 h1 h2 h2 h3 h4; do
	n=$((n + 1))
	receiver $h "$tmp/$n" bind 1111111111111100 count 100 timeout 60000
done
group=$address
check "to six" in_ns h1 "$tool" send "$group" 500 members 6 wait 500
expect "known at h1" "$(in_ns h1 "$nl" dump route-get | grep -c "address=$group .* count=2 ")" 2
check "several packets" in_ns h1 "$tool" send "$group" 5000 members 6
check "from behind the router" in_ns h3 "$tool" send "$group" 600 members 6 wait 500
check "from there, several packets" in_ns h4 "$tool" send "$group" 6000 members 6 wait 500
all() { [ "$(cat "$tmp"/[1-6] | grep -c '^len \(500\|600\) ')" = 12 ] &&
	grep -q '^len 5000 ' "$tmp/5" && grep -q '^len 5000 ' "$tmp/6"; }
wait_for 10 all || fail "not everyone got everything"
for i in 1 2 3 4 5 6; do
	expect "member $i" "$(grep -o '^len [0-9]*' "$tmp/$i" | sort | uniq -c | tr -s ' \n' ' ')" \
		" 1 len 500 1 len 5000 1 len 600 *"
	grep -q DAMAGED "$tmp/$i" && fail "member $i got a damaged one"
done
# one leaves: five are enough, six no longer
kill "${background[5]}"
wait "${background[5]}" 2>/dev/null
check "to six, of five" in_ns h1 "$tool" send "$group" 501 members 6 flags 1 ltime 500 wait 5000
expect "to six, of five" "$(grep undel "$tmp/check")" "*len 501 reason 1 *"
check "to five" in_ns h1 "$tool" send "$group" 502 members 5 wait 500
five() { [ "$(cat "$tmp"/[1-6] | grep -c '^len 502 ')" = 5 ]; }
wait_for 10 five || fail "$(cat "$tmp"/[1-6] | grep -c '^len 502 ') got it"
expect "to six" "$(cat "$tmp"/[1-6] | grep -c '^len 501 ')" 0
