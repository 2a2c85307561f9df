#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Delay and loss on purpose: what is asked for happens, in order, and ends when it is asked to.
#
# nodes: 1
# leaks: scan
# suites: faults
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
amctl=$AMOEBA_TREE/build/userland/bin/amctl

# ms CMD...: how long it takes
ms() { local t=${EPOCHREALTIME/./}; "$@" >/dev/null 2>&1; echo $(((${EPOCHREALTIME/./} - t) / 1000)); }
set_a() { check "net set $*" in_ns a "$amctl" net set va "$@"; }

ns a b
link a va b vb
receiver b "$tmp/out" count 100000 echo 1
check "ping" in_ns a "$tool" ping "$address" 100 2

set_a delay 300
took=$(ms in_ns a "$tool" ping "$address" 100 2)
[ "$took" -ge 600 ] || fail "two pings with 300 ms of delay each took $took ms"
check "fragments in order, late" in_ns a "$tool" ping "$address" 300000 1
expect "it is shown" "$(in_ns a "$amctl" -j net list | tr -d ' \n')" '*"delay":300,"loss":"0"*'

# nothing arrives, all is counted, and the call ends as without a network
set_a delay 0 loss 100
before=$(stat a drop_fault)
in_ns a "$tool" ping "$address" 100 1 timeout 500 >/dev/null 2>&1 && fail "a ping with all frames lost"
[ "$(stat a drop_fault)" -gt "${before:-0}" ] || fail "lost frames are not counted"

# a fifth: some arrive, whole
set_a loss 20
ok=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	in_ns a "$tool" ping "$address" 200 1 timeout 1500 >/dev/null 2>&1 && ok=$((ok + 1))
	[ $ok = 3 ] && break
done
[ $ok -ge 3 ] || fail "with a fifth lost only $ok of 12 pings were answered"
expect "a fraction" "$(in_ns a "$amctl" net set va loss 2.5 && in_ns a "$amctl" -j net list |
	tr -d ' \n')" '*"loss":"2.5"*'

# what still waits leaves when the delay ends, and goes with the network
set_a delay 10000 loss 0
tx=$(stat a tx_unidata)
in_ns a "$tool" ping "$address" 100 1 timeout 8000 >"$tmp/ping" 2>&1 &
ping=$!
under_way() { [ "$(stat a tx_unidata)" -gt "$tx" ]; }
wait_for 5 under_way || fail "nothing was sent"
set_a delay 0
wait $ping || fail "a frame whose delay was ended did not leave: $(cat "$tmp/ping")"
set_a delay 10000
for i in 1 2 3; do in_ns a "$tool" send "$address" 100 >/dev/null 2>&1; done
check "the network goes" in_ns a "$amctl" net del va
add_net a va
check "and comes back without faults" in_ns a "$tool" ping "$address" 100 2

# bad values
for bad_value in "delay 10001" "delay -1" "delay x" "loss 100.1" "loss -1" "loss x" "loss"; do
	in_ns a "$amctl" net set va $bad_value >"$tmp/bad" 2>&1 && fail "net set $bad_value"
	[ "$(wc -l <"$tmp/bad")" -le 2 ] || fail "net set $bad_value says: $(cat "$tmp/bad")"
done
in_ns a "$amctl" net set nosuch loss 1 2>"$tmp/bad" && fail "faults on no network"
in_ns a "$nl" net-set ifname va loss 10001 >/dev/null 2>&1 && fail "the kernel takes 100.01 %"
finish
