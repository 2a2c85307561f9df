# SPDX-License-Identifier: GPL-2.0-or-later
#
# Loss, doubling and reordering at once, over a router, both ways: whole or not at all
#
#	h1 -- r1 -- h2

ns h1 r1 h2
chain h1 r1 h2
echoing h2 "$tmp/h2"
h2=$address
check "before" in_ns h1 "$tool" ping "$h2" 100 1
for w in "h1 e1" "r1 e0" "r1 e1" "h2 e0"; do
	disturb $w delay 3ms loss 1% duplicate 10% reorder 50%
done
begin "$tmp/small" in_ns h1 "$tool" flow "$h2" 500 60 step 1 timeout 300
small=$pid
begin "$tmp/large" in_ns h1 "$tool" flow "$h2" 5000 30 step 1 timeout 600
over $! "$tmp/large"
over $small "$tmp/small"
for w in "h1 e1" "r1 e0" "r1 e1" "h2 e0"; do calm $w; done
note "small: $(cat "$tmp/small")"
note "large: $(cat "$tmp/large")"
expect "damaged" "$(told "$tmp/small" wrong),$(told "$tmp/large" wrong)" 0,0
grep -q DAMAGED "$tmp/h2" && fail "a damaged message was delivered"
# a message all of whose packets were doubled on the way may come twice: there is no telling
[ "$(told "$tmp/small" answered)" -ge 40 ] || fail "too few of the small ones answered"
[ "$(told "$tmp/large" answered)" -ge 8 ] || fail "too few of the large ones answered"
check "after that" in_ns h1 "$tool" ping "$h2" 30000 3 timeout 20000
