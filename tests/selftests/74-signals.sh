#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ends of waiting: a signal the program handles is passed on to the server and the call goes on; one
# that ends the process does so at once, and the server is told; before the request has left any
# signal ends the call. A slow server costs no storm of probes. (One whose machine is gone is in
# 74-long-calls.)
#
# nodes: 1
# suites: ends
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules

# server NS DELAY_MS
server()
{
	local i
	in_ns "$1" "$tests/rpc_server" getport=$getport echo=1 count=0 delay_ms="$2" >"$tmp/srv.$1" 2>&1 &
	for ((i = 0; i < 100; i++)); do
		in_ns "$1" grep -q 'waiting 1' /proc/net/amoeba/ports && return
		sleep 0.05
	done
	fail "no server in $1: $(cat "$tmp/srv.$1")"
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
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(stat_of "$1" "$2")" -gt "$3" ] && return
		sleep 0.02
	done
	fail "$1: $2 stays $3"
}

# ---- a handled signal
pair s1 s2
server s2 1000
client first s1
above s2 requests_served 0
since=$(date +%s%N)
client second s1 usr1=1
second=$pid
above s2 requests_queued 0
kill -USR1 $second
wait $second
took=$(ms)
[ "$took" -ge 900 ] || fail "the call did not go on after the signal: $took ms"
grep -q 'verdict 0' "$tmp/second" || fail "a handled signal: $(cat "$tmp/second")"
grep -q '^signal' "$tmp/second" || fail "the handler has not run: $(cat "$tmp/second")"
[ "$(stat_of s1 signals_sent)" = 1 ] || fail "signals_sent $(stat_of s1 signals_sent), not 1"
flags=$(awk '$1 == "request" && $2 == 1 { print $8 }' "$tmp/srv.s2")
[ $(( ${flags:-0} & 4 )) != 0 ] || fail "GETREQ did not say so: $(cat "$tmp/srv.s2")"
echo "handled signal: $(tr '\n' ' ' <"$tmp/second")"

# each of them took a second or two to be answered: at most a probe, and one per second
probes=$(( $(stat_of s1 received_sent) + $(stat_of s1 enquire_sent) ))
[ "$probes" -le 8 ] || fail "$probes probes for two calls of a second"

# ---- signals that end the process, one of them with a core file
ulimit -c 0
for sig in KILL ABRT TERM; do
	before=$(stat_of s1 signals_sent) served=$(stat_of s2 requests_served)
	client killed s1
	above s2 requests_served "$served"
	since=$(date +%s%N)
	kill -$sig $pid
	wait $pid 2>/dev/null
	took=$(ms)
	[ "$took" -lt 500 ] || fail "SIG$sig: ended after $took ms"
	above s1 signals_sent "$before"
	echo "SIG$sig: $took ms"
done

# ---- nothing has left yet
kill -9 $(ip netns pids s2) 2>/dev/null
quiet s2
client none s1 usr1=1
above s1 locates_sent "$(stat_of s1 locates_sent)"
since=$(date +%s%N)
kill -USR1 $pid
wait $pid
took=$(ms)
grep -q 'verdict -4' "$tmp/none" || fail "before it left: $(cat "$tmp/none")"
[ "$took" -lt 500 ] || fail "before it left: ended after $took ms"
echo "before it left: $took ms"

finish
