# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two ways are known, the short one untrusted: plain messages take it, SECURITY the long one
#
#	h1 --untrusted-- h2
#	 \---- r1 ------/

ns h1 r1 h2
link h1 short h2 short
link h1 e1 r1 e0
link r1 e1 h2 e1
for n in h1 h2; do
	in_ns $n "$nl" net-set ifname short trusted 0 >/dev/null || fail "net-set"
done
echoing h2 "$tmp/h2"
h2=$address
# h2 answers a search once, by the way it comes first; the other is learned from r1's memory
check "r1 knows h2" in_ns r1 "$tool" ping "$h2" 10 1
check "plain" in_ns h1 "$tool" ping "$h2" 100 1
both() { [ "$(in_ns h1 "$nl" dump route-get | grep -c "address=$h2")" = 2 ]; }
wait_for 5 both || fail "h1 knows: $(in_ns h1 "$nl" dump route-get)"
check "SECURITY" in_ns h1 "$tool" ping "$h2" 101 1 flags 4
check "large SECURITY" in_ns h1 "$tool" ping "$h2" 20000 1 flags 4
expect "plain went" "$(grep '^len 100 ' "$tmp/h2")" "*hops 3 flags 0x20"
expect "SECURITY went" "$(grep '^len 101 ' "$tmp/h2")" "*hops 6 flags 0x4"
expect "large SECURITY went" "$(grep '^len 20000 ' "$tmp/h2")" "*hops 6 flags 0x4"
ip -n h1 link set e1 down
expect "no other way" "$(in_ns h1 "$tool" send "$h2" 102 flags 4 ltime 0 2>&1)" "*Network is unreachable"
check "plain" in_ns h1 "$tool" ping "$h2" 103 1
expect "what came" "$(came "$tmp/h2" 102),$(came "$tmp/h2" 103)" 0,1
