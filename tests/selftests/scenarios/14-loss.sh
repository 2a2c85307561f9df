# SPDX-License-Identifier: GPL-2.0-or-later
#
# A wire that loses frames: messages arrive whole and once, or not at all; then all is as before

ns a b
link a va b vb
receiver b "$tmp/b" count 100000 timeout 1000000
b=$address
check "before" in_ns a "$tool" send "$b" 10
disturb a va loss 5%
disturb b vb loss 5%
check "small" in_ns a "$tool" send "$b" 1000 count 100 step 1 keep 1 gap 2
check "large" in_ns a "$tool" send "$b" 20000 count 12 step 1 keep 1
calm a va
calm b vb
check "after that" in_ns a "$tool" send "$b" 30000 count 5 step 1
whole() { [ "$(came "$tmp/b" "3000[0-4]")" = 5 ]; }
wait_for 20 whole || fail "only $(came "$tmp/b" "3000[0-4]") of 5 after the loss"
note "of 100 small $(came "$tmp/b" "1[0-9][0-9][0-9]"), of 12 large $(came "$tmp/b" "200..")"
grep -q DAMAGED "$tmp/b" && fail "a damaged message was delivered"
expect "twice" "$(grep -o '^len [0-9]*' "$tmp/b" | sort | uniq -d)" ""
[ "$(came "$tmp/b" "1[0-9][0-9][0-9]")" -ge 70 ] || fail "too few of the small ones"
[ "$(came "$tmp/b" "200..")" -ge 1 ] || fail "none of the large ones"
nothing() { case $(in_ns a "$nl" dump neigh-get) in *"queued=0 messages=0"*) ;; *) false ;; esac; }
wait_for 5 nothing || fail "something waits for ever: $(in_ns a "$nl" dump neigh-get)"
