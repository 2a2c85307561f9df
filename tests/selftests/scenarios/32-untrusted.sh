# SPDX-License-Identifier: GPL-2.0-or-later
#
# An untrusted network on the way: plain messages pass and are marked, SECURITY is refused
#
#	h1 -- r1 --untrusted-- r2 -- h2

ns h1 r1 r2 h2
chain h1 r1 r2 h2
trust()
{
	in_ns r1 "$nl" net-set ifname e1 trusted "$1" >/dev/null &&
		in_ns r2 "$nl" net-set ifname e0 trusted "$1" >/dev/null || fail "net-set"
}
trust 0
echoing h2 "$tmp/h2"
h2=$address
receiver h1 "$tmp/h1" count 1 timeout 60000
h1=$address
check "plain" in_ns h1 "$tool" ping "$h2" 200 1
expect "marked" "$(grep '^len 200 ' "$tmp/h2")" "*flags 0x20"
begin "$tmp/back" in_ns h2 "$tool" send "$h1" 201 wait 60000
wait_for 5 grep -q '^len 201 ' "$tmp/h1" || fail "nothing came back: $(cat "$tmp/back")"
kill $pid
expect "marked as well" "$(grep '^len 201 ' "$tmp/h1")" "*flags 0x20"
expect "no trusted destination" "$(route h1 "$h2")" "*count=1 trusted-count=0*"

expect "at once" "$(in_ns h1 "$tool" send "$h2" 10 flags 4 ltime 0 2>&1)" "*Network is unreachable"
check "after looking" in_ns h1 "$tool" send "$h2" 202 flags 4 ltime 300 wait 20000
expect "after looking" "$(grep undel "$tmp/check")" "*len 202 reason 3 errno 101 *intact"
expect "large" "$(in_ns h1 "$tool" send "$h2" 20202 flags 4 ltime 300 2>&1)" "*Network is unreachable"
check "broadcast" in_ns h1 "$tool" send all 203 flags 4 hops 25
expect "what came to h2" "$(came "$tmp/h2" "[12]0[0-9]*")" 1
trust 1
check "trusted again" in_ns h1 "$tool" ping "$h2" 204 1 flags 5
expect "not marked" "$(grep '^len 204 ' "$tmp/h2")" "*flags 0x4"
