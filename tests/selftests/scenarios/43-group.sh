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
	receiver $h "$tmp/$n" bind 1111111111111100 count 100 timeout 1000000
done
group=$address
# everyone N LEN: so many have got it; say NS LEN N: a message to so many, until they have it
everyone() { [ "$(cat "$tmp"/[1-6] | grep -c "^len $2 ")" = "$1" ]; }
say()
{
	begin "$tmp/say" in_ns "$1" "$tool" send "$group" "$2" members "$3" wait 100000
	wait_for 10 everyone "$3" "$2" ||
		fail "$2 bytes from $1 came to $(cat "$tmp"/[1-6] | grep -c "^len $2 ") of $3"
	kill $pid
}
say h1 500 6
expect "known at h1" "$(in_ns h1 "$nl" dump route-get | grep -c "address=$group .* count=2 ")" 2
check "several packets" in_ns h1 "$tool" send "$group" 5000 members 6
wait_for 10 everyone 6 5000 || fail "several packets came not to everyone"
say h3 600 6
say h4 6000 6
for i in 1 2 3 4 5 6; do
	expect "member $i" "$(grep -o '^len [0-9]*' "$tmp/$i" | sort | uniq -c | tr -s ' \n' ' ')" \
		" 1 len 500 1 len 5000 1 len 600 1 len 6000 "
	grep -q DAMAGED "$tmp/$i" && fail "member $i got a damaged one"
done
# one leaves: five are enough, six no longer
kill "${background[5]}"
wait "${background[5]}" 2>/dev/null
check "to six, of five" in_ns h1 "$tool" send "$group" 501 members 6 flags 1 ltime 500 wait 20000
expect "to six, of five" "$(grep undel "$tmp/check")" "*len 501 reason 1 *"
say h1 502 5
expect "to six" "$(cat "$tmp"/[1-6] | grep -c '^len 501 ')" 0
