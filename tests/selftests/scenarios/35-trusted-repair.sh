# SPDX-License-Identifier: GPL-2.0-or-later
#
# What comes back UNTRUSTED is sent again over the other, trusted way
#
#	    /-- ra --\		the way over ra is shorter, and loses its trust
#	h1 -          - h2
#	    \-- rb --/

ns h1 ra rb h2
link h1 a ra w
link ra e h2 a
link h1 b rb w
link rb e h2 b
in_ns rb "$nl" net-set ifname e weight 4 >/dev/null
in_ns h2 "$nl" net-set ifname b weight 4 >/dev/null
echoing h2 "$tmp/h2"
h2=$address
check "ra knows h2" in_ns ra "$tool" ping "$h2" 10 1
check "rb knows h2" in_ns rb "$tool" ping "$h2" 10 1
check "h1 asks both" in_ns h1 "$tool" ping "$h2" 100 1 flags 4
both() { [ "$(in_ns h1 "$nl" dump route-get | grep -c "address=$h2")" = 2 ]; }
both || fail "h1 knows: $(in_ns h1 "$nl" dump route-get)"
in_ns ra "$nl" net-set ifname e trusted 0 >/dev/null || fail "net-set"
check "ra learns h2 again" in_ns ra "$tool" ping "$h2" 10 1
check "sent to ra" in_ns h1 "$tool" send "$h2" 101 flags 4
wait_for 5 grep -q '^len 101 ' "$tmp/h2" || fail "it did not come over rb"
expect "the way it came" "$(grep '^len 101 ' "$tmp/h2")" "*flags 0x4"
expect "bounced by ra, repaired by h1" "$(stat ra tx_untrusted),$(stat h1 repaired)" 1,1
expect "forwarded by rb" "$(stat rb drop_unsafe)$(stat rb drop_toofar)" 00
check "the next one goes there at once" in_ns h1 "$tool" send "$h2" 102 flags 4
wait_for 5 grep -q '^len 102 ' "$tmp/h2" || fail "the next one did not come"
expect "bounced by ra" "$(stat ra tx_untrusted)" 1
