#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# amctl trace at the machine of the clients names the stage that was slow: a server that sleeps, one whose
# threads are busy, a slow network, a port and an address that have to be looked for; calls here and to
# another machine. It leaves nothing behind. At the machine of the server: 79-trace-served.
#
# nodes: 1
# suites: trace
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
tracing=/sys/kernel/tracing
[ -d $tracing/instances ] || mount -t tracefs none $tracing 2>/dev/null
[ -d $tracing/events/amoeba ] || skip "no event tracing in this kernel"
none_left() { ! ls $tracing/instances | grep -q amctl; }

follow()
{
	"$amctl" trace "$@" >"$tmp/trace" 2>"$tmp/note" &
	tracer=$!
	wait_for 10 grep -q following "$tmp/note" || fail "trace does not begin: $(cat "$tmp/note")"
}

ended() { kill -INT $tracer 2>/dev/null; wait $tracer || fail "trace: $(cat "$tmp/note")"; }

# call WHERE ARG...: one call
call()
{
	local n=$1
	shift
	in_ns "$n" "$tests/rpc_client" port=$putport locate_ms=10000 "$@" >"$tmp/cli" 2>&1
	grep -q 'verdict 0' "$tmp/cli" || fail "$(cat "$tmp/cli" "$tmp/srv")"
}

# slowest WHAT STAGE: the last call shown was slow there
slowest()
{
	tail -1 "$tmp/calls" | grep -q "slowest: $2\$" ||
		fail "$1: not $2 but: $(cat "$tmp/trace" "$tmp/note")"
	echo "$1: $(tail -1 "$tmp/calls")"
}

# one WHAT STAGE NS ARG...: a single call, and what was slow in it
one()
{
	local what=$1 stage=$2
	shift 2
	follow count 1
	call "$@"
	wait $tracer || fail "$what: $(cat "$tmp/note")"
	grep slowest "$tmp/trace" >"$tmp/calls"
	slowest "$what" "$stage"
}

pair t1 t2

echo "== each message has an event"
mkdir $tracing/instances/replies
echo 1 >$tracing/instances/replies/events/amoeba/amrpc_send/enable
serve t2 echo=1
for size in 10 5000; do
	head -c $size /dev/zero >"$tmp/data"
	call t1 data="$tmp/data" room=10000
done
echo 0 >$tracing/instances/replies/events/amoeba/amrpc_send/enable
sent=$(stat_of t2 replies_sent)
grep -E 'amrpc_send: .*REPLY' $tracing/instances/replies/trace >"$tmp/replies"
[ "$(wc -l <"$tmp/replies")" = "$sent" ] || fail "$sent replies: $(cat $tracing/instances/replies/trace)"
rmdir $tracing/instances/replies
kill -9 $server; wait $server 2>/dev/null
quiet t2

echo "== the port is looked for"
follow over 300 count 1
in_ns t1 "$tests/rpc_client" port=$putport locate_ms=10000 >"$tmp/cli" 2>&1 &
client=$!
sleep 0.7
serve t2
wait $client $tracer
grep slowest "$tmp/trace" >"$tmp/calls"
slowest "a server that comes late" locate
call t1

echo "== the server"
kill -9 $server; wait $server 2>/dev/null
serve t2 delay_ms=300
call t1
one "it sleeps" serve t1
follow count 2 port $putport
in_ns t1 "$tests/rpc_client" port=$putport locate_ms=10000 count=1 >"$tmp/first" 2>&1 &
first=$!
call t1
wait $first $tracer
grep -q 'queue [1-9]' "$tmp/trace" || fail "it is busy: $(cat "$tmp/trace" "$tmp/note")"
grep queue "$tmp/trace"
kill -9 $server; wait $server 2>/dev/null

echo "== within one namespace"
serve t1 delay_ms=300
one "it sleeps" serve t1
kill -9 $server; wait $server 2>/dev/null

echo "== the network"
serve t2
call t1
delay() { in_ns "$1" "$amctl" net set "$2" delay "$3" || fail "delay $3 of $2"; }
delay t1 va 300
call t1
one "delayed" net t1
delay t1 va 0
delay t2 vb 300
one "the way back" reply t1
# nobody gives credits for so much at once, and their way is so long that nothing else counts beside it
delay t2 vb 1000
head -c 6000000 /dev/zero >"$tmp/big"
one "a long message" credits t1 data="$tmp/big" room=1
delay t2 vb 0

echo "== the address is looked for"
# a server hands its client over to one behind a router: the port is known, and where that one is nobody;
# so far away it is found with the third LOCATE, 300 ms later
ip netns add t3
namespaces+=(t3)
ip link add name vc netns t2 type veth peer name vd netns t3
ip -n t2 link set vc up && ip -n t3 link set vd up
in_ns t2 "$amctl" net add vc && in_ns t3 "$amctl" net add vd || fail "no network behind t2"
ip netns exec t3 "$tests/dev_forward" serve=600 >"$tmp/back" 2>&1 &
back=$!
wait_for 10 grep -q ready "$tmp/back" || fail "back: $(cat "$tmp/back")"
ip netns exec t2 "$tests/dev_forward" front="$(awk '/ready/ { print $1 }' "$tmp/back")" >"$tmp/front" 2>&1 &
front=$!
wait_for 10 grep -q ready "$tmp/front" || fail "front: $(cat "$tmp/front")"
handed() { in_ns t1 "$tests/dev_forward" call=1 >"$tmp/cli" 2>&1 || fail "$(cat "$tmp/cli")"; }
handed		# the first is answered by who is in front
kill -USR1 $back
wait_for 10 grep -q serving "$tmp/back" || fail "back: $(cat "$tmp/back")"
before=$(stat_of t1 locates_sent)
follow count 1
handed
wait $tracer || fail "handed over: $(cat "$tmp/note")"
grep slowest "$tmp/trace" >"$tmp/calls"
slowest "handed over to one far away" flip-locate
awk '{ for (i = 1; i < NF; i++) if ($i == "flip-locate") exit !($(i + 1) >= 100 && $(i + 1) < 5000) }' \
	"$tmp/calls" || fail "not the time it took: $(cat "$tmp/calls")"
[ "$(stat_of t1 locates_sent)" = "$before" ] || fail "the port was looked for, too"
kill -9 $back $front; wait $back $front 2>/dev/null

echo "== what it prints"
follow -n 5 -p $putport
for i in 1 2 3 4 5; do call t1; done
wait $tracer || fail "$(cat "$tmp/note")"
[ "$(grep -c slowest "$tmp/trace")" = 5 ] || fail "five calls: $(cat "$tmp/trace")"
grep -q '^total  *5 ' "$tmp/trace" || fail "no summary: $(cat "$tmp/trace")"
"$amctl" -j trace count 1 >"$tmp/json" 2>&1 &
tracer=$!
wait_for 10 sh -c "ls $tracing/instances | grep -q amctl"
wait_for 10 sh -c "grep -q 1 $tracing/instances/amctl*/events/flip/flip_stall/enable"
sleep 0.2
call t1
wait $tracer
python3 -c '
import json, sys
o = json.load(open(sys.argv[1]))
c, = o["calls"]
s = {x["stage"]: x for x in o["stages"]}
assert o["requests"] == [] and o["request_stages"] == [], o
assert s["total"]["p50_us"] <= s["total"]["max_us"] and s["total"]["percent"] == 100, s
assert c["verdict"] == 0 and c["slowest"] in c["stages_us"] and s["total"]["calls"] == 1, o
# no time is lost or counted twice
assert abs(sum(c["stages_us"].values()) - c["us"]) < 20, o
' "$tmp/json" || fail "JSON: $(cat "$tmp/json")"

echo "== errors, and its end"
none_left || fail "left: $(ls $tracing/instances)"
"$amctl" trace over x >"$tmp/out" 2>&1; [ $? = 2 ] || fail "over x: $(cat "$tmp/out")"
"$amctl" trace frob 1 >"$tmp/out" 2>&1; [ $? = 2 ] || fail "frob: $(cat "$tmp/out")"
"$amctl" trace count >"$tmp/out" 2>&1; [ $? = 2 ] || fail "count: $(cat "$tmp/out")"
setpriv --reuid 65534 --clear-groups "$amctl" trace >"$tmp/out" 2>&1 && fail "anybody may trace"
grep -q "be root" "$tmp/out" || fail "without the right: $(cat "$tmp/out")"
for sig in INT TERM HUP; do
	follow
	kill -$sig $tracer
	wait $tracer || fail "SIG$sig: $(cat "$tmp/note")"
	none_left || fail "SIG$sig leaves $(ls $tracing/instances)"
done
follow
kill -9 $tracer
wait $tracer 2>/dev/null
none_left && fail "killed, and yet it has removed its instance?"
follow count 1
call t1
wait $tracer
none_left || fail "the next one leaves what was left: $(ls $tracing/instances)"
kill -9 $server
finish
