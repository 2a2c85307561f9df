#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Messages of 0 bytes to 1 MiB between two namespaces and within one, groups, broadcasts, what
# cannot be delivered, and how long looking for it takes.
#
# nodes: 1
# suites: distribution
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
ns a b
link a va b vb

# found by the first LOCATE: on a busy machine the second goes out before the answer is seen, but
# not each time
for i in 1 2 3 4 5; do
	receiver b "$tmp/b" count 100000 echo 1 timeout 1000000
	b=$address
	before=$(stat a tx_locate)
	check "first message" in_ns a "$tool" ping "$b" 10 1
	asked=$(($(stat a tx_locate) - before))
	[ $asked = 1 ] && break
done
[ $asked = 1 ] || fail "the first locate needed $asked LOCATEs: it waited for a second round"
for len in 0 1 3 4 57 1457 1458 1459 2916 2917 4096 30000 65535 65536 262144 1048576; do
	check "$len bytes over veth" in_ns a "$tool" ping "$b" $len 3
	check "$len bytes within" in_ns b "$tool" ping "$b" $len 3
done
expect "nothing was lost" "$(stat a drop_reass_gap),$(stat b drop_reass_gap)" 0,0
expect "no credit too many" "$(stat a credit_excess),$(stat b credit_excess)" 0,0

# several senders of large messages to one address at once
pids=()
for i in 1 2 3 4; do
	in_ns a "$tool" ping "$b" $((100000 + i)) 20 >"$tmp/p$i" 2>&1 &
	pids+=($!)
done
for i in 1 2 3 4; do
	wait "${pids[i - 1]}" || fail "sender $i of four: $(cat "$tmp/p$i")"
done

# a buffer of 100000 bytes: what does not fit in because of its packets' overhead is a large message, too,
# and two that come at once are two or, counted, one
receiver b "$tmp/tiny" count 100000 echo 1 timeout 1000000 rcvbuf 50000
tiny=$address
for len in 30000 50000 70000 80000 90000 99999 100000 100001 150000; do
	check "$len bytes into a small buffer" in_ns a "$tool" ping "$tiny" $len 2 timeout 10000
done
receiver b "$tmp/tiny2" count 100000 timeout 1000000 rcvbuf 50000
tiny=$address
was=$(($(stat b drop_reass_bytes) + $(stat b drop_sock_rcvbuf)))
pids=()
for i in 1 2 3 4; do
	in_ns a "$tool" send "$tiny" $((200000 + i)) count 10 >"$tmp/p$i" 2>&1 &
	pids+=($!)
done
for i in 1 2 3 4; do
	wait "${pids[i - 1]}" || fail "sender $i of four: $(cat "$tmp/p$i")"
done
ended() { check "the end" in_ns a "$tool" send "$tiny" 10; grep -q '^len 10 ' "$tmp/tiny2"; }
wait_for 10 ended || fail "nothing comes any more"
got=$(grep -c '^len 20000[1-4] ' "$tmp/tiny2")
dropped=$(($(stat b drop_reass_bytes) + $(stat b drop_sock_rcvbuf) - was))
[ "$got" -ge 1 ] && { [ "$got" = 40 ] || [ "$dropped" -gt 0 ]; } ||
	fail "$got of 40 large messages came, $dropped packets were dropped"
grep -q DAMAGED "$tmp/tiny2" && fail "damaged"

# an address named by its private one: facts 1.11
receiver b "$tmp/known" bind 0102030405060700 count 1 timeout 60000
expect "one-way of a private address" "$address" d70d52d1b9d01900

# broadcast: only who asked for it, here and there, and not further than the budget
receiver b "$tmp/bc" bcast 1 count 3 timeout 1000000
receiver a "$tmp/bc2" bcast 1 count 3 timeout 1000000
check "broadcast" in_ns a "$tool" send all 100 hops 3
check "broadcast without the budget to leave" in_ns a "$tool" send all 101 hops 2
check "large broadcast" in_ns a "$tool" send all 20000 hops 3
# the last one, and so all that came before it
for f in bc bc2; do
	wait_for 10 grep -q '^len 20000 ' "$tmp/$f" || fail "no large broadcast in $f"
done
expect "broadcast here" "$(grep -c '^len 10[01] .*network 0 hops 0' "$tmp/bc2")" 2
expect "broadcast there" "$(grep -c '^len 100 .*network 1 hops 3' "$tmp/bc")" 1
expect "short one stayed" "$(grep -c '^len 101 ' "$tmp/bc")" 0
expect "large one came" "$(grep -c '^len 20000 ' "$tmp/bc")" 1

# a group: two members here, one there
receiver a "$tmp/g1" bind 1111111111111100 count 10 timeout 1000000
receiver a "$tmp/g2" bind 1111111111111100 count 10 timeout 1000000
receiver b "$tmp/g3" bind 1111111111111100 count 10 timeout 1000000
group=$address
check "multicast to three" in_ns a "$tool" send "$group" 500 members 3
check "multicast of several packets" in_ns a "$tool" send "$group" 5000 members 3
check "multicast from the other side" in_ns b "$tool" send "$group" 700 members 3
all() { [ "$(cat "$tmp"/g[123] | grep -c '^len \(500\|5000\|700\) ')" = 9 ]; }
wait_for 10 all
for i in 1 2 3; do
	expect "member $i" "$(grep -c '^len \(500\|5000\|700\) ' "$tmp/g$i")" 3
done
check "a fourth member is waited for" in_ns a "$tool" send "$group" 501 members 4 ltime 300 wait 20000
expect "and missed" "$(cat "$tmp/check")" "*undelivered to $group*reason 1*"

# nobody there: the ordinary locate ends at the first tick after 5200 ms, the forced after 6300
in_ns a "$tool" send 0102030405060708 77 wait 20000 >"$tmp/none" & none=$!
in_ns a "$tool" send 0102030405060709 77 flags 1 wait 20000 >"$tmp/forced" & forced=$!
wait $none $forced
ms() { sed -n 's/.*after \([0-9]*\) ms.*/\1/p' "$1"; }
expect "undeliverable" "$(grep undel "$tmp/none")" \
	"undelivered to 0102030405060708 len 77 reason 1 errno 113 * intact"
# a busy or an emulated machine may be late; the next tick of either is more than three seconds away
late=1500
t=$(ms "$tmp/none"); [ "${t:-0}" -ge 5250 ] && [ "$t" -le $((5300 + late)) ] || fail "ordinary locate: ${t:-?} ms"
t=$(ms "$tmp/forced"); [ "${t:-0}" -ge 6250 ] && [ "$t" -le $((6300 + late)) ] || fail "forced locate: ${t:-?} ms"
expect "without looking" "$(in_ns a "$tool" send 0102030405060708 10 ltime 0 2>&1)" "*No route to host"

# what is asked for with a message, not of the socket
expect "this one without looking" "$(in_ns a "$tool" send 0102030405060708 10 ltime 0 cmsg 1 2>&1)" \
	"*No route to host"
receiver a "$tmp/bc3" bcast 1 count 2 timeout 1000000
receiver b "$tmp/bc4" bcast 1 count 1 timeout 1000000
check "this broadcast without the budget to leave" in_ns a "$tool" send all 102 hops 2 cmsg 1
check "this broadcast with it" in_ns a "$tool" send all 103 hops 3 cmsg 1
for f in bc3 bc4; do
	wait_for 10 grep -q '^len 103 ' "$tmp/$f" || fail "no broadcast in $f"
done
expect "the short one" "$(grep -c '^len 102 ' "$tmp/bc3"),$(grep -c '^len 102 ' "$tmp/bc4")" 1,0
check "this one to three" in_ns a "$tool" send "$group" 503 members 3 cmsg 1
before=$(stat a tx_locate)
check "this one looked for anew" in_ns a "$tool" send "$group" 504 members 3 flags 1 cmsg 1
[ "$(stat a tx_locate)" -gt "$before" ] || fail "nobody was asked anew"
all() { [ "$(cat "$tmp"/g[123] | grep -c '^len 50[34] ')" = 6 ]; }
wait_for 10 all || fail "to three: $(cat "$tmp"/g[123])"

# an address that has gone: its machine says NOTHERE
receiver b "$tmp/gone" count 1 timeout 100000
gone=$address
check "to it" in_ns a "$tool" send "$gone" 100
wait "${background[-1]}"
check "after it has gone" in_ns a "$tool" send "$gone" 100 wait 20000
expect "not there" "$(grep undel "$tmp/check")" "undelivered to $gone len 100 reason 2 errno 113 * intact"
expect "no route any more" "$(in_ns a "$nl" route-get address "$gone")" "error 2:*"
finish
