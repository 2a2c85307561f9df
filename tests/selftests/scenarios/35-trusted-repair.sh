# SPDX-License-Identifier: GPL-2.0-or-later
#
# What comes back UNTRUSTED is sent again over another way as short, which is trusted
#
#	    /-- ra --\
#	h1 -          - h2	the router in use loses its trust in the network behind it
#	    \-- rb --/

ns h1 ra rb h2
for r in ra rb; do
	link h1 e$r $r w
	link $r e h2 e$r
done
echoing h2 "$tmp/h2"
h2=$address
check "ra knows h2" in_ns ra "$tool" ping "$h2" 10 1
check "rb knows h2" in_ns rb "$tool" ping "$h2" 10 1
check "h1 asks both" in_ns h1 "$tool" ping "$h2" 100 1 flags 4
both() { [ "$(in_ns h1 "$nl" dump route-get | grep -c "address=$h2 .*hops=6 ")" = 2 ]; }
wait_for 5 both || fail "h1 knows: $(in_ns h1 "$nl" dump route-get)"
before=$(stat ra rx_unidata)
check "over one of them" in_ns h1 "$tool" send "$h2" 101 flags 4
wait_for 5 grep -q '^len 101 ' "$tmp/h2" || fail "it did not come"
used=ra other=rb
[ "$(stat ra rx_unidata)" = "$before" ] && used=rb other=ra

in_ns $used "$nl" net-set ifname e trusted 0 >/dev/null || fail "net-set"
check "$used learns h2 again" in_ns $used "$tool" ping "$h2" 11 1
passed=$(stat $other forwarded)
check "sent to $used" in_ns h1 "$tool" send "$h2" 102 flags 4
wait_for 5 grep -q '^len 102 ' "$tmp/h2" || fail "it did not come over $other"
expect "the way it came" "$(grep '^len 102 ' "$tmp/h2")" "*hops 6 flags 0x4"
expect "bounced by $used, repaired by h1" "$(stat $used tx_untrusted),$(stat h1 repaired)" 1,1
[ "$(stat $other forwarded)" -gt "$passed" ] || fail "$other passed nothing on"
check "the next one goes there at once" in_ns h1 "$tool" send "$h2" 103 flags 4
wait_for 5 grep -q '^len 103 ' "$tmp/h2" || fail "the next one did not come"
expect "bounced by $used" "$(stat $used tx_untrusted)" 1
