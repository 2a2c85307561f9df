#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Large messages leave from the pages of the program: what it writes into them once sendmsg() has returned
# is not in the message, however long a device keeps the packets; within RLIMIT_MEMLOCK; and whoever is
# killed meanwhile leaves nothing behind.
#
# nodes: 1
# suites: pin
# kernels: uml-debug deb-6.1 newest
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
ns a b
link a e0 b e0
receiver b "$tmp/b" count 1000 timeout 1000000
slow() { tc -n a qdisc replace dev e0 root netem limit 100000 delay "$1"; }
fast() { tc -n a qdisc del dev e0 root; }
tc -n a qdisc add dev e0 root netem delay 1ms 2>/dev/null || modprobe sch_netem
tc -n a qdisc replace dev e0 root pfifo limit 10000 || fail "tc"
# for a slow device: a neighbour that has not said that it is our kind takes eight packets at a time
large=1500000 some=70000

# came TEXT: one message more, and it is whole
n=0
came()
{
	n=$((n + 1))
	arrived() { [ "$(grep -c "^len" "$tmp/b")" -ge $n ]; }
	wait_for 20 arrived || fail "$1: nothing came"
	expect "$1" "$(grep "^len" "$tmp/b" | sed -n "${n}p")" "len $2 *flags 0x0"
}
# count COUNTER: how much it has grown since it was asked for last
declare -A had=()
count()
{
	local now
	now=$(stat a "$1")
	grown=$((now - ${had[$1]:-0}))
	had[$1]=$now
}
send() { in_ns a "$tool" send "$address" "$@"; }
# without CAP_IPC_LOCK, and with so many KiB
limited() { (ulimit -l "$1" && shift && in_ns a setpriv --bounding-set -ipc_lock "$@"); }

# twice, so that no neighbour has to be made acquaintance with
send 10 >"$tmp/send" && came "a small one" 10
check "a large one" send $large scribble 1
came "a large one" $large
count tx_pinned
[ "$grown" -ge $((large / 1500 - 50)) ] || fail "only $grown packets were made of pages"
check "a message below 64 KiB" send 60000 scribble 1
came "a message below 64 KiB" 60000
count tx_pinned
expect "it was copied" "$grown" 0

# the device keeps every packet for a while: the call takes as long, and what comes is what was sent
slow 200ms
send $some scribble 1 count 2 gap 1 >"$tmp/send" || fail "slow device: $(cat "$tmp/send")"
came "slow device" $some
came "slow device, the second" $some
took=$(sed -n 's/.* in \([0-9]*\).*/\1/p' "$tmp/send")
[ "${took:-0}" -ge 600 ] || fail "slow device: $took ms"
count tx_pinned
[ "$grown" -ge 90 ] || fail "slow device: $grown packets were made of pages"
fast

# for so long that it is taken for one that keeps them until the next is sent
count pin_kept
slow 1500ms
check "keeping device" send $some scribble 1
came "keeping device" $some
count pin_kept
expect "it is counted" "$grown" 1
fast
count tx_pinned
check "after the keeping device" send $large scribble 1
came "after the keeping device" $large
count tx_pinned
expect "that network gets no pages for a while" "$grown" 0
# a network made anew does not know of it
again()
{
	in_ns a "$nl" net-del ifname e0 >/dev/null || fail "net-del"
	add_net a e0
	send 10 >"$tmp/send" && came "a small one again" 10
	count tx_pinned
}
again

# RLIMIT_MEMLOCK
[ "$(limited 64 sh -c 'ulimit -l')" = 64 ] || fail "no ulimit, or no setpriv"
count pin_limit
check "locked memory: none" limited 0 "$tool" send "$address" $large scribble 1
came "locked memory: none" $large
count tx_pinned
expect "locked memory: none, so it is copied" "$grown" 0
count pin_limit
expect "and counted" "$grown" 1
# what was given back once can be had again
check "locked memory: 1.2 MB" limited 1200 "$tool" send "$address" $large scribble 1 count 5
for i in 1 2 3 4 5; do came "locked memory: 1.2 MB, $i" $large; done
count tx_pinned
[ "$grown" -ge 5000 ] || fail "locked memory: 1.2 MB: only $grown packets were made of pages"
count pin_limit
expect "it was enough" "$grown" 0

# pieces: some end within a packet
check "in 100 pieces" send $large scribble 1 pieces 100
came "in 100 pieces" $large
check "in 7 pieces" send $large scribble 1 pieces 7
came "in 7 pieces" $large
count tx_pinned
[ "$grown" -ge 1000 ] || fail "in 7 pieces: only $grown packets were made of pages"

# switched off
in_ns a sysctl -qw net.flip.pin_window=0 || fail "sysctl"
check "without a window" send $large scribble 1
came "without a window" $large
count tx_pinned
expect "nothing of it" "$grown" 0
in_ns a sysctl -qw net.flip.pin_window=262144 || fail "sysctl"
check "a small window" send $large scribble 1 count 3
for i in 1 2 3; do came "a small window, $i" $large; done
count tx_pinned
[ "$grown" -ge 3000 ] || fail "a small window: only $grown packets were made of pages"
in_ns a sysctl -qw net.flip.pin_window=1048576

# killed while the device has some of them: it goes at once
slow 40s
ip netns exec a "$tool" send "$address" 200000 scribble 1 >"$tmp/send" 2>&1 &
pid=$!
busy() { tc -n a -s qdisc show dev e0 | grep -qE 'backlog [0-9]+[KM]?b ([89]|[1-9][0-9]+)p'; }
wait_for 20 busy || fail "killed: $(tc -n a -s qdisc show dev e0)"
kill -KILL "$pid"
begin=$SECONDS
wait "$pid" 2>/dev/null
[ $((SECONDS - begin)) -le 10 ] || fail "killed: it took $((SECONDS - begin)) s"
expect "killed: nothing was said" "$(cat "$tmp/send")" ""
fast
again
check "after it" send $large scribble 1
came "after it" $large
count tx_pinned
[ "$grown" -ge 1000 ] || fail "after it: only $grown packets were made of pages"

# the device goes, with all it has
slow 60s
ip netns exec a "$tool" send "$address" 200000 scribble 1 >"$tmp/send" 2>&1 &
pid=$!
wait_for 20 busy || fail "device: $(tc -n a -s qdisc show dev e0)"
begin=$SECONDS
ip -n a link del e0
wait "$pid"
[ $((SECONDS - begin)) -le 10 ] || fail "device: the sender waited $((SECONDS - begin)) s"
link a e0 b e0

# killed while a device has them: flip.ko stays until it has not
send 10 >"$tmp/send" && came "a small one to the new device" 10
slow 60s
ip netns exec a "$tool" send "$address" 200000 >"$tmp/send" 2>&1 &
pid=$!
wait_for 20 busy || fail "module: $(tc -n a -s qdisc show dev e0)"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
if [ -e /sys/module/flip/refcnt ]; then
	kill "${background[@]}"
	wait "${background[@]}" 2>/dev/null
	background=()
	[ ! -d /sys/module/amoeba ] || modprobe -r amoeba
	[ ! -d /sys/module/amoeba_kunit ] || modprobe -r amoeba_kunit
	[ "$(cat /sys/module/flip/refcnt)" -ge 1 ] || fail "module: nothing holds it"
	fast
	unused() { [ "$(cat /sys/module/flip/refcnt)" = 0 ]; }
	wait_for 20 unused || fail "module: still used: $(cat /sys/module/flip/refcnt)"
	check "rmmod" modprobe -r flip
	[ ! -d /sys/module/flip ] || fail "flip.ko is still there"
fi
finish
