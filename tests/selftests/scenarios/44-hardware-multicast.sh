# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two members on one segment listen to a group MAC: one frame for both; who leaves gives it back

ns a b c
segment lan
for n in a b c; do plug lan $n e0; done
receiver b "$tmp/b" bind 1111111111111100 count 1000 timeout 1000000
receiver c "$tmp/c" bind 1111111111111100 count 1000 timeout 1000000
group=$address
mc=55:55:${group:4:2}:${group:6:2}:${group:8:2}:${group:10:2}
listens() { in_ns "$1" ip maddress show dev e0 | grep -q "$mc"; }
got() { [ "$(came "$tmp/b" "$1")" = "$2" ] && [ "$(came "$tmp/c" "$1")" = "$2" ]; }

check "first" in_ns a "$tool" send "$group" 100 members 2 wait 500
wait_for 5 got 100 1 || fail "first: $(came "$tmp/b" 100),$(came "$tmp/c" 100)"
wait_for 5 listens b || fail "b does not listen to $mc"
wait_for 5 listens c || fail "c does not listen to $mc"
acked() { [ "$(stat a rx_mcack)" -ge 2 ]; }
wait_for 5 acked || fail "$(stat a rx_mcack) MCACKs"
expect "MCREQs" "$(stat a tx_mcreq)" 2
tx=$(stat a tx_multidata)
check "ten" in_ns a "$tool" send "$group" 101 members 2 count 10
wait_for 5 got 101 10 || fail "ten: $(came "$tmp/b" 101),$(came "$tmp/c" 101)"
expect "frames for ten messages" "$(($(stat a tx_multidata) - tx))" 10

kill "${background[1]}"
wait "${background[1]}" 2>/dev/null
left() { ! listens c; }
wait_for 5 left || fail "c still listens to $mc"
listens b || fail "b no longer listens to $mc"
check "to who is left" in_ns a "$tool" send "$group" 102 members 1 count 5
one() { [ "$(came "$tmp/b" 102)" = 5 ]; }
wait_for 5 one || fail "b got $(came "$tmp/b" 102) of 5"
# b's device goes: with the network its group MAC
in_ns b "$nl" net-del ifname e0 >/dev/null
left() { ! listens b; }
wait_for 5 left || fail "b still listens to $mc without a network"
