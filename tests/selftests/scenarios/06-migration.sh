# SPDX-License-Identifier: GPL-2.0-or-later
#
# An address moves to another machine while messages flow: bounced where it was, found where it is
#
#	h1, h2 and h3 on one segment

ns h1 h2 h3
segment lan
for h in h1 h2 h3; do plug lan $h e0; done
receiver h2 "$tmp/h2" bind 3333333333333300 count 25 echo 1 timeout 60000
mob=$address
begin "$tmp/flow" in_ns h1 "$tool" flow "$mob" 2000 80 step 1 gap 10 timeout 2000 ltime 1000
flow=$pid
# h2's one ends after 25 messages
wait "${background[0]}" || fail "at h2: $(tail -1 "$tmp/h2")"
echoing h3 "$tmp/h3" bind 3333333333333300
expect "the same address" "$address" "$mob"
over $flow "$tmp/flow"
note "$(cat "$tmp/flow")"
expect "damaged" "$(told "$tmp/flow" wrong)" 0
expect "came to h2" "$(came "$tmp/h2" "20[0-9]*")" 25
[ "$(told "$tmp/flow" answered)" -ge 50 ] || fail "only $(told "$tmp/flow" answered) of 80 answered"
expect "came to both" "$(cat "$tmp/h2" "$tmp/h3" | grep -o '^len [0-9]*' | sort | uniq -d)" ""
[ "$(stat h2 tx_nothere)" -ge 1 ] || fail "h2 did not say that the address has gone"
