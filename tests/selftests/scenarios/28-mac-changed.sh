# SPDX-License-Identifier: GPL-2.0-or-later
#
# A machine gets another MAC: found by relocation, or as soon as it says something itself

ns a b
link a e0 b e0
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
echoing a "$tmp/a"
a=$address
check "first" in_ns b "$tool" ping "$a" 100 1
begin "$tmp/events" in_ns b "$nl" events 100 60000
wait_for 5 grep -q listening "$tmp/events"

# nothing is under way, so b says nothing that would tell where it is now
ip -n b link set e0 address 02:00:00:00:0b:01
check "to the old MAC" in_ns a "$tool" send "$b" 100
wait_for 5 stat_grows b drop_otherhost 0 || fail "nothing went to the old MAC"
wait_for 3 grep -q '^net-change-ntf .*mac=020000000b01' "$tmp/events" || fail "nobody was told"
check "found anew" in_ns a "$tool" ping "$b" 30000 1 flags 1
expect "new place" "$(route a "$b")" "*location=020000000b01 *"

# in the middle of a transfer either comes first: a message lost, or an answer from the new MAC
transfer a "$b" "$tmp/b" inval 1
ip -n b link set e0 address 02:00:00:00:0b:03
transferred 95
expect "another place" "$(route a "$b")" "*location=020000000b03 *"

ip -n b link set e0 address 02:00:00:00:0b:02
# under the address a knows: a group of one here, and its message tells where it is
check "it speaks first" in_ns b "$tool" send "$a" 300 bind 5555555555555500
wait_for 5 grep -q '^len 300 ' "$tmp/a" || fail "b's message did not come"
check "a new search" in_ns a "$tool" ping "$b" 30000 1 flags 1
expect "newest place" "$(route a "$b")" "*location=020000000b02 *"
