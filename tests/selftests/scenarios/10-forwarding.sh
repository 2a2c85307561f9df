# SPDX-License-Identifier: GPL-2.0-or-later
#
# Forwarding is switched off: what came through is bounced, nothing is found or passed on; then on
#
#	h1 -- r1 -- h2

ns h1 r1 h2
chain h1 r1 h2
echoing h2 "$tmp/h2"
h2=$address
echoing r1 "$tmp/r1"
r1=$address
receiver h2 "$tmp/bc" bcast 1 count 100 timeout 1000000
check "at first" in_ns h1 "$tool" ping "$h2" 100 1
check "broadcast" in_ns h1 "$tool" send all 200 hops 9
wait_for 10 grep -q '^len 200 ' "$tmp/bc" || fail "no broadcast"

in_ns r1 sysctl -q net.flip.forwarding=0 || fail "sysctl"
passed=$(stat r1 forwarded)
check "over the route that was" in_ns h1 "$tool" send "$h2" 101 wait 20000
expect "bounced" "$(grep undel "$tmp/check")" "*len 101 reason 2 errno 113 *intact"
check "looking for it" in_ns h1 "$tool" send "$h2" 102 ltime 300 wait 20000
expect "not found" "$(grep undel "$tmp/check")" "*len 102 reason 1 *intact"
check "broadcast" in_ns h1 "$tool" send all 201 hops 9
check "r1 itself" in_ns h1 "$tool" ping "$r1" 5000 1
expect "passed on" "$(($(stat r1 forwarded) - passed))" 0

in_ns r1 sysctl -q net.flip.forwarding=1
check "again" in_ns h1 "$tool" ping "$h2" 103 1
check "broadcast" in_ns h1 "$tool" send all 202 hops 9
wait_for 10 grep -q '^len 202 ' "$tmp/bc" || fail "no broadcast after that"
expect "the one in between" "$(came "$tmp/bc" 201)" 0
expect "h2 got" "$(came "$tmp/h2" "10[0-3]")" 2
