# SPDX-License-Identifier: GPL-2.0-or-later
#
# A device is removed under traffic: the messages take the other one

ns a b
link a e0 b e0
link a e1 b e1
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
way=$(route a "$b" | sed -n 's/.*ifname=\(e[01]\).*/\1/p')
begin "$tmp/events" in_ns a "$nl" events 100 60000
wait_for 5 grep -q listening "$tmp/events"
transfer a "$b" "$tmp/b"
ip -n a link del "$way"
transferred 95
expect "a's networks" "$(in_ns a "$nl" dump net-get | wc -l)" 1
expect "b's networks" "$(in_ns b "$nl" dump net-get | wc -l)" 1
wait_for 3 grep -q "^net-down-ntf .*ifname=$way .*" "$tmp/events" || fail "nobody was told"
wait_for 3 grep -q "^neigh-lost-ntf" "$tmp/events" || fail "nobody was told of the neighbour"
case $(route a "$b") in *"ifname=$way "*) fail "still over the device removed" ;; esac
ip -n a link del "$([ "$way" = e0 ] && echo e1 || echo e0)"
expect "the last one gone" "$(in_ns a "$nl" dump net-get)$(in_ns a "$nl" dump neigh-get)" ""
expect "nowhere to go" "$(in_ns a "$tool" send "$b" 10 ltime 0 2>&1)" "*No route to host"
