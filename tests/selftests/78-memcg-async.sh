#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Memory of asynchronous calls, through sockets and io_uring, is their program's: requests and replies
# nobody has read are charged to its memory cgroup, not to the server's; and all of it comes back.
#
# nodes: 1
# suites: sockets uring
# timeout: 180

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
[ "$(cat /sys/module/flip/parameters/family)" != 0 ] || skip "no sockets: family=0"
groups=/sys/fs/cgroup
if ! mountpoint -q $groups; then
	mount -t cgroup2 none $groups || skip "no cgroups"
fi
grep -qw memory $groups/cgroup.controllers || skip "no memory cgroups in this kernel"
echo +memory >$groups/cgroup.subtree_control || fail "no control of memory"
mkdir $groups/client $groups/server
MiB=1048576
# what of it is the kernel's: not the files somebody has read
current() { awk '$1 == "kernel" { print $2 }' $groups/$1/memory.stat; }
killed() { awk '$1 == "oom_kill" { print $2 }' $groups/client/memory.events; }

pair m1 m2
# the server in namespace $1, with arguments: its process is in $served
start()
{
	local ns=$1
	shift
	( echo $BASHPID >$groups/server/cgroup.procs && exec ip netns exec "$ns" "$tests/sock_calls" "$@" ) \
		>"$tmp/served" 2>&1 &
	served=$!
	wait_for 20 grep -q ready "$tmp/served" || fail "no server: $(cat "$tmp/served")"
	was=$(current server)
}
stop() { kill -9 "$served"; wait "$served" 2>/dev/null; }

# a client in m1, in the cgroup: what it says first is in $said
client()
{
	coproc calls { echo $BASHPID >$groups/client/cgroup.procs && exec ip netns exec m1 "$@" 2>&1; }
	to=${calls[1]} from=${calls[0]} pid=$calls_PID
	read -r -t 60 -u "$from" said || said="nothing"
}
read_all() { echo >&"$to"; read -r -t 60 -u "$from" said || said="nothing"; }
# the client has, or has not, this much: MiB
has() { [ "$(current client)" -ge $(($1 * MiB)) ]; }
has_less() { [ "$(current client)" -lt $(($1 * MiB)) ]; }
leave()
{
	eval "exec $to>&-"
	wait "$pid" || fail "$1: the client ends with $?"
	wait_for 20 has_less 2 || fail "$1: $(current client) bytes are charged to a cgroup of nobody"
}
unharmed()
{
	[ "$(killed)" = 0 ] || fail "$1: somebody was killed"
	[ $(($(current server) - was)) -lt $((4 * MiB)) ] || fail "$1: the server is charged: $was, $(current server)"
}

echo "== requests, not answered"
start m1 hold=1000
client "$tests/sock_calls" pile=100 size=200000 command=10
[ "$said" = "begun 100: all" ] || fail "requests: $said"
wait_for 10 has 19 || fail "requests of 20 MB are charged with $(current client)"
unharmed requests
leave requests
stop
client "$tests/uring_calls" pile=100 size=200000
if [[ $said == begun* ]]; then
	[ "$said" = "begun 100: all" ] || fail "io_uring: $said"
	wait_for 10 has 19 || fail "requests of io_uring, 20 MB, are charged with $(current client)"
fi
leave "requests of io_uring"

for ns in m1 m2; do
	echo "== replies, not read, of a server in $ns"
	start $ns serve=0
	client "$tests/sock_calls" pile=100 size=10 command=200000 room=200000
	[ "$said" = "begun 100: all" ] || fail "replies: $said"
	wait_for 30 has 19 || fail "replies of 20 MB are charged with $(current client)"
	unharmed replies
	read_all
	[ "$said" = "good 100 cut 0 failed 0" ] || fail "replies: $said"
	wait_for 10 has_less 8 || fail "replies that were read are charged: $(current client)"
	leave replies
	stop
done

# room for a few of them: the others come without their data, and are counted; nobody is killed
echo "== replies, not read, in a full cgroup"
for ns in m1 m2; do
	start $ns serve=0
	cut=$(stat_of m1 async_cut)
	echo $((16 * MiB)) >$groups/client/memory.max
	client "$tests/sock_calls" pile=100 size=10 command=200000 room=200000
	[ "$said" = "begun 100: all" ] || fail "full, $ns: $said"
	full() { [ "$(stat_of m1 async_cut)" -gt "$cut" ]; }
	wait_for 30 full || fail "full, $ns: no reply was cut"
	sleep 2
	unharmed "full, $ns"
	read_all
	cut=$(($(stat_of m1 async_cut) - cut))
	expect="good $((100 - cut)) cut $cut failed 0"
	[ "$said" = "$expect" ] || fail "full, $ns: $said, expected $expect"
	unharmed "full, $ns, read"
	echo max >$groups/client/memory.max
	leave "full, $ns"
	stop
done

quiet m1; quiet m2
rmdir $groups/client $groups/server || fail "the cgroups stay"
finish
