#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ends of waiting: a signal the program handles is passed on to the server and the call goes on; one
# that ends the process does so at once, and the server is told; before the request has left, or
# while it is being sent, any signal ends the call. A slow server costs no storm of probes. (One whose machine is gone is in
# 74-long-calls.)
#
# nodes: 1
# suites: ends
# timeout: 200

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules

# server NS DELAY_MS
server()
{
	ip netns exec "$1" "$tests/rpc_server" getport=$getport echo=1 count=0 delay_ms="$2" \
		>"$tmp/srv.$1" 2>&1 &
	server=$!
	wait_for 30 serving "$1" || fail "no server in $1: $(cat "$tmp/srv.$1")"
}

# client NAME NS ARGUMENTS...: in the background, its id in $pid
client()
{
	local name=$1 ns=$2
	shift 2
	ip netns exec "$ns" "$tests/rpc_client" port=$putport "$@" >"$tmp/$name" 2>&1 &
	pid=$!
}

# ms since $since
ms() { echo $(( ($(date +%s%N) - since) / 1000000 )); }

# until a counter of the namespace is above a value: above NS NAME VALUE
above()
{
	wait_for 10 is_above "$@" || fail "$1: $2 stays $3"
}
is_above() { [ "$(stat_of "$1" "$2")" -gt "$3" ]; }

# ---- a handled signal
pair s1 s2
# busy with the first for as long as a busy machine may need to begin the second
server s2 3000
client first s1
above s2 requests_served 0
since=$(date +%s%N)
client second s1 usr1=1
second=$pid
above s2 requests_queued 0
kill -USR1 $second
wait $second
took=$(ms)
[ "$took" -ge 2900 ] || fail "the call did not go on after the signal: $took ms"
grep -q 'verdict 0' "$tmp/second" || fail "a handled signal: $(cat "$tmp/second")"
grep -q '^signal' "$tmp/second" || fail "the handler has not run: $(cat "$tmp/second")"
[ "$(stat_of s1 signals_sent)" = 1 ] || fail "signals_sent $(stat_of s1 signals_sent), not 1"
flags=$(awk '$1 == "request" && $2 == 1 { print $8 }' "$tmp/srv.s2")
[ $(( ${flags:-0} & 4 )) != 0 ] || fail "GETREQ did not say so: $(cat "$tmp/srv.s2")"
echo "handled signal: $(tr '\n' ' ' <"$tmp/second")"

# each of them took seconds to be answered: at most a probe or two, and one per second
probes=$(( $(stat_of s1 received_sent) + $(stat_of s1 enquire_sent) ))
seconds=$(awk '{ s += $6 } END { print int(s / 1000) }' "$tmp/first" "$tmp/second")
[ "$probes" -le $((5 + seconds)) ] || fail "$probes probes for two calls of $seconds s"

# ---- signals that end the process, one of them with a core file
ulimit -c 0
for sig in KILL ABRT TERM; do
	# one that takes so long that a busy machine's "at once" is not to be mistaken for its reply
	kill -9 $server
	wait $server 2>/dev/null
	quiet s2
	server s2 10000
	before=$(stat_of s1 signals_sent) served=$(stat_of s2 requests_served)
	client killed s1
	above s2 requests_served "$served"
	since=$(date +%s%N)
	kill -$sig $pid
	wait $pid 2>/dev/null
	took=$(ms)
	[ "$took" -lt 5000 ] || fail "SIG$sig: ended after $took ms"
	above s1 signals_sent "$before"
	echo "SIG$sig: $took ms"
done

# ---- a machine that is suspended: who waits is frozen where it waits, and goes on afterwards
mkdir "$tmp/cg"
if mount -t cgroup -o freezer none "$tmp/cg" 2>/dev/null; then
	mkdir "$tmp/cg/s"
	kill -9 $server
	wait $server 2>/dev/null
	quiet s2
	server s2 2000
	served=$(stat_of s2 requests_served)
	client frozen s1 usr1=1
	frozen=$pid
	above s2 requests_served "$served"
	# one that has got a signal waits on for what cannot be overlooked
	kill -USR1 $frozen
	client queued s1
	queued=$pid
	above s2 requests_queued 0
	ip netns exec s1 "$tests/rpc_server" getport=010203040506 >"$tmp/idle" 2>&1 &
	idle=$!
	wait_for 10 serving s1 || fail "no server in s1: $(cat "$tmp/idle")"
	# a socket whose wait has a time limit: a system call that ends is not repeated then
	ip netns exec s2 "$tests/rpc_server" getport=646576010700 echo=1 count=0 delay_ms=2000 \
		>"$tmp/srv.sock" 2>&1 &
	sock_server=$!
	served=$(stat_of s2 requests_served)
	ip netns exec s1 "$tests/sock_calls" call=1 command=10 timeo=60 >"$tmp/sock" 2>&1 &
	sock=$!
	above s2 requests_served "$served"
	is_state() { [ "$(cat "$tmp/cg/s/freezer.state")" = "$1" ]; }
	for p in $(ip netns pids s1) $(ip netns pids s2); do echo "$p" >"$tmp/cg/s/cgroup.procs"; done
	echo FROZEN >"$tmp/cg/s/freezer.state"
	wait_for 3 is_state FROZEN || fail "not frozen: $(cat "$tmp/cg/s/freezer.state")"
	sleep 0.5
	echo THAWED >"$tmp/cg/s/freezer.state"
	wait $frozen $queued
	kill -0 $idle 2>/dev/null || fail "a server that waited for requests has ended: $(cat "$tmp/idle")"
	wait $sock || fail "after the freeze: a socket: $(cat "$tmp/sock")"
	kill -9 $idle $sock_server
	wait $idle $sock_server 2>/dev/null
	for f in frozen queued; do
		grep -q 'verdict 0' "$tmp/$f" || fail "after the freeze: $f: $(cat "$tmp/$f")"
	done
	echo "frozen: $(head -1 "$tmp/frozen")"
	umount "$tmp/cg"
fi

# ---- it has not left whole: the server's machine says nothing any more, so credits are missing
if tc -n s2 qdisc add dev vb root netem loss 100% 2>/dev/null; then
	head -c 1000000 /dev/zero >"$tmp/large"
	for sig in USR1 TERM; do
		before=$(stat_of s1 requests_sent)
		client part s1 usr1=1 data="$tmp/large"
		above s1 requests_sent "$before"
		sleep 0.2
		since=$(date +%s%N)
		kill -$sig $pid
		wait $pid 2>/dev/null
		took=$(ms)
		[ "$took" -lt 5000 ] || fail "SIG$sig while it is sent: ended after $took ms"
		[ $sig = TERM ] || grep -q 'verdict -4' "$tmp/part" ||
			fail "SIG$sig while it is sent: $(cat "$tmp/part")"
		echo "SIG$sig while it is sent: $took ms"
	done
	tc -n s2 qdisc del dev vb root
fi

# ---- nothing has left yet
kill -9 $(ip netns pids s2) 2>/dev/null
quiet s2
client none s1 usr1=1 locate_ms=20000
above s1 locates_sent "$(stat_of s1 locates_sent)"
since=$(date +%s%N)
kill -USR1 $pid
wait $pid
took=$(ms)
grep -q 'verdict -4' "$tmp/none" || fail "before it left: $(cat "$tmp/none")"
[ "$took" -lt 5000 ] || fail "before it left: ended after $took ms"
echo "before it left: $took ms"

finish
