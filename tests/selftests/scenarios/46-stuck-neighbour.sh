# SPDX-License-Identifier: GPL-2.0-or-later
#
# A neighbour that gives no credits is given up in the end; meanwhile nobody else waits
#
#	a, b and x, which takes and never gives, on one segment
#
# waits

ns a b x
segment lan
for n in a b x; do plug lan $n e0; done
in_ns x "$nl" net-del ifname e0 >/dev/null
stuck=1122334455667700
begin "$tmp/miser" in_ns x "$wire" e0 miser $stuck 30000
wait_for 5 grep -q ready "$tmp/miser" || fail "no miser"
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 30000 1
since=$SECONDS
begin "$tmp/stuck" in_ns a "$tool" send $stuck 100000
stuck_pid=$pid
begin "$tmp/stuck2" in_ns a "$tool" send $stuck 100001
waits() { in_ns a "$nl" dump neigh-get | grep -q 'credits=0 .*messages=2 '; }
wait_for 10 waits || fail "nobody waits: $(in_ns a "$nl" dump neigh-get)"
# a busy machine may interrupt one transfer, not three of them
for i in 1 2 3; do
	transfer a "$b" "$tmp/b"
	transferred 100
	[ "$(told "$tmp/flow" interrupted)" -lt 1000 ] && break
done
[ "$(told "$tmp/flow" interrupted)" -lt 1000 ] || fail "others had to wait"
check "small ones to it need no credit" in_ns a "$tool" send $stuck 10
wait $stuck_pid && fail "sent to who gives no credits"
expect "told" "$(cat "$tmp/stuck")" "*Network is down"
took=$((SECONDS - since))
[ $took -ge 10 ] && [ $took -le 20 ] || fail "given up after $took s"
expect "stuck" "$(stat a neigh_stuck)" 1
expect "a's neighbours" "$(in_ns a "$nl" dump neigh-get)" "*location=$(mac b e0) *messages=0*"
check "after that" in_ns a "$tool" ping "$b" 30000 1
