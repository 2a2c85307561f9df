# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two parallel routers, one falls silent in the middle of a transfer: it goes on through the other
#
#	    /-- r1 --\
#	h1 -          - h2	two segments; nobody is told that a router has gone
#	    \-- r2 --/

ns h1 r1 r2 h2
segment west east
plug west h1 e0
for r in r1 r2; do
	plug west $r w
	plug east $r e
done
plug east h2 e0
echoing h2 "$tmp/h2"
h2=$address
check "first message" in_ns h1 "$tool" ping "$h2" 3000 1

way() { route h1 "$h2" | sed -n 's/.*location=\([0-9a-f]*\).*/\1/p'; }
old=$(way)
case $old in
"$(mac r1 w)") dies=r1 lives=r2 ;;
"$(mac r2 w)") dies=r2 lives=r1 ;;
*) fail "h2 is neither at r1 nor at r2 but at '$old'"; dies=r1 lives=r2 ;;
esac

begin "$tmp/flow" in_ns h1 "$tool" flow "$h2" 3001 100 step 1 gap 10 timeout 2000 inval 1
flow=$pid
some() { [ "$(came "$tmp/h2" "30[0-9]*")" -ge 25 ]; }
wait_for 30 some || fail "the transfer does not begin"
unplug west $dies w
unplug east $dies e
over $flow "$tmp/flow"
note "$(cat "$tmp/flow")"
expect "goes now" "$(way)" "$(mac $lives w)"
expect "damaged" "$(told "$tmp/flow" wrong)" 0
[ "$(told "$tmp/flow" answered)" -ge 95 ] || fail "more than 5 of 100 messages were lost"
grep -q DAMAGED "$tmp/h2" && fail "h2 got damaged messages"
expect "came twice" "$(grep -o '^len 3[01][0-9][0-9] ' "$tmp/h2" | sort | uniq -d | grep -v 3000)" ""
