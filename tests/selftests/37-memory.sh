#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Memory of FLIP sockets: many on several processors, more than all of them may have together, and
# messages larger than the receive buffer, which are charged to the receiver's memory cgroup.
#
# nodes: 1
# suites: smoke
# timeout: 300
# mem: 512M

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
memory=$tests/flip_memory
groups=/sys/fs/cgroup
ns a b
link a va b vb

# a socket that is released with its accounts wrong makes the kernel say so
in_ns a "$memory" storm 4 4 || fail "storm"
# the rest needs no second processor
[ "$KERNEL" = x86-debug ] && finish

# far more than all sockets together get: dropped and counted
coproc fill { ip netns exec a "$memory" fill 60 8000000 200000 60 2>&1; }
read -r -t 300 -u "${fill[0]}" line || line=
expect "filled" "$line" holding
[ "$(stat a drop_sock_rcvbuf)" -gt 0 ] || fail "all sockets together have no limit"
check "others are served" in_ns b true
eval "exec ${fill[1]}>&-"
wait "$fill_PID"

# in a memory cgroup
if ! mountpoint -q $groups; then
	mount -t cgroup2 none $groups || skip "no cgroups"
fi
grep -qw memory $groups/cgroup.controllers || skip "no memory cgroups in this kernel"
echo +memory >$groups/cgroup.subtree_control || fail "no control of memory"
mkdir $groups/flip-test
sock_of() { awk '$1 == "sock" { print $2 }' $groups/flip-test/memory.stat; }

coproc hold { echo $BASHPID >$groups/flip-test/cgroup.procs && exec ip netns exec b "$memory" hold 65536; }
hold=("${hold[@]}") pid=$hold_PID
read -r -t 20 -u "${hold[0]}" address
read -r -t 20 -u "${hold[0]}" line
expect "one that holds" "$line" holding
took() { echo >&"${hold[1]}"; read -r -t 20 -u "${hold[0]}" line; echo "$line"; }

before=$(sock_of)
check "8 MB to a buffer of 64 KiB" in_ns a "$tool" send "$address" 8000000
charged() { after=$(sock_of); [ $((after - before)) -ge 8000000 ]; }
free() { after=$(sock_of); [ $((after - before)) -lt 1000000 ]; }
wait_for 5 charged || fail "a message of 8 MB is charged with $((after - before))"
expect "it is read" "$(took)" 8000000
wait_for 5 free || fail "a message read is still charged: $((after - before))"

# the group is full: the message goes, its receiver does not
echo 4M >$groups/flip-test/memory.max
in_ns a "$tool" send "$address" 8000000 >/dev/null
refused() { [ "$(stat b drop_reass_cgroup)" -gt 0 ]; }
wait_for 5 refused || fail "a full cgroup is not counted: $(sock_of)"
expect "nothing came" "$(took)" none
expect "nobody was killed" "$(grep oom_kill "$groups/flip-test/memory.events" | head -1)" "oom_kill 0"
echo max >$groups/flip-test/memory.max
check "8 MB again" in_ns a "$tool" send "$address" 8000000
wait_for 5 charged || fail "8 MB again are charged with $((after - before))"
expect "it is read, too" "$(took)" 8000000

# and one that is not read, but its socket closed
check "8 MB, unread" in_ns a "$tool" send "$address" 8000000
eval "exec ${hold[1]}>&-"
wait "$pid"
before=0
wait_for 5 free || fail "a closed socket is still charged: $(sock_of)"
rmdir $groups/flip-test || fail "the cgroup stays"
finish
