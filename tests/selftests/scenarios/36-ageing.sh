# SPDX-License-Identifier: GPL-2.0-or-later
#
# A route not used for ten seconds is forgotten by the sweep, one in use is not
#
# waits

ns a b
link a e0 b e0
in_ns a sysctl -q net.flip.route_idle_s=10
echoing b "$tmp/idle"
idle=$address
echoing b "$tmp/busy"
busy=$address
check "one" in_ns a "$tool" ping "$idle" 100 1
begin "$tmp/flow" in_ns a "$tool" flow "$busy" 10 50 step 1 gap 1000
wait_for 10 grep -q '^len 11 ' "$tmp/busy" || fail "no flow"
[ -n "$(route a "$idle")" ] || fail "forgotten at once"
forgotten() { ! in_ns a "$nl" dump route-get | grep -q "address=$idle"; }
# the sweep comes every 25 s
wait_for 60 forgotten || fail "still there: $(in_ns a "$nl" dump route-get)"
[ $SECONDS -ge 10 ] || fail "forgotten after $SECONDS s"
expect "the one in use" "$(in_ns a "$nl" dump route-get)" "*address=$busy *"
expect "aged" "$(stat a route_aged)" 1
check "found again" in_ns a "$tool" ping "$idle" 101 1
