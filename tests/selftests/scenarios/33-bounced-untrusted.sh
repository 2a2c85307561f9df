# SPDX-License-Identifier: GPL-2.0-or-later
#
# A router knows better than the sender that the way is untrusted: SECURITY comes back
#
#	h1 -- r1 -- h2	r1's second network loses its trust

ns h1 r1 h2
chain h1 r1 h2
echoing h2 "$tmp/h2"
h2=$address
check "trusted" in_ns h1 "$tool" ping "$h2" 100 1 flags 4
in_ns r1 "$nl" net-set ifname e1 trusted 0 >/dev/null || fail "net-set"
check "r1 looks for h2 itself" in_ns r1 "$tool" ping "$h2" 10 1
expect "h1 believes in it" "$(route h1 "$h2")" "*count=1 trusted-count=1*"
check "over the route it has" in_ns h1 "$tool" send "$h2" 101 flags 4 wait 20000
expect "comes back" "$(grep undel "$tmp/check")" "*len 101 reason 3 errno 101 *intact"
expect "UNTRUSTED of r1, at h1" "$(stat r1 tx_untrusted),$(stat h1 rx_untrusted)" 1,1
expect "the route stays" "$(route h1 "$h2")" "*count=1 trusted-count=0*"
check "plain" in_ns h1 "$tool" ping "$h2" 102 1
expect "what came" "$(grep -o '^len 10[0-9] .*flags.*' "$tmp/h2" | sed 's/ from.*flags//')" \
	"$(printf 'len 100 0x4\nlen 102 0x20')"
