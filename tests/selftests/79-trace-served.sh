#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# amctl trace on a server's machine, whose clients are on another: it names the stage in which a request
# was slow, who asked, and what became of it.
#
#	node 1: servers, and amctl trace	node 2: clients
#
# nodes: 2
# suites: trace
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
tracing=/sys/kernel/tracing
[ -d $tracing/events/amoeba ] || skip "no event tracing in this kernel"
"$amctl" net add eth0 || fail "net add"
barrier up

# on node 1 or on node 2 only
at() { [ "$NODE" != "$1" ] || "${@:2}"; }

server()
{
	"$tests/rpc_server" getport=$getport echo=1 "$@" >"$tmp/srv" 2>&1 &
	server=$!
	wait_for 30 grep -q 'waiting 1' /proc/net/amoeba/ports || fail "no server: $(cat "$tmp/srv")"
}
gone() { kill -9 "$server"; wait "$server" 2>/dev/null; }

call() { "$tests/rpc_client" port=$putport locate_ms=10000 "$@" >"$tmp/cli.$BASHPID" 2>&1; }
good() { grep -q 'verdict 0' "$tmp"/cli.* || fail "call: $(cat "$tmp"/cli.*)"; rm -f "$tmp"/cli.*; }

follow()
{
	"$amctl" trace "$@" >"$tmp/trace" 2>"$tmp/note" &
	tracer=$!
	wait_for 10 grep -q following "$tmp/note" || fail "trace does not begin: $(cat "$tmp/note")"
}

# at node 1: what was followed, with one line of what ended
seen()
{
	wait "$tracer" || fail "$1: $(cat "$tmp/note")"
	grep slowest "$tmp/trace" >"$tmp/lines"
	echo "$1: $(tail -1 "$tmp/lines")"
}

# seen WHAT, then: it is like this
is() { tail -1 "$tmp/lines" | grep -Eq "$2" || fail "$1: not '$2' but: $(cat "$tmp/trace" "$tmp/note")"; }

# one WHAT LIKE [ARG]...: a call of node 2, and how the line about it looks at node 1
one()
{
	local what=$1 like=$2
	shift 2
	at 1 follow count 1
	barrier follow
	at 2 call "$@"
	at 2 good
	at 1 seen "$what"
	at 1 is "$what" "$like"
	barrier "done"
}

set_net() { "$amctl" net set eth0 "$@" || fail "net set $*"; }

# ---- where the time goes ----------------------------------------------------------------------------

at 1 server delay_ms=300
barrier served
at 2 call
at 2 good
barrier called
one "the server sleeps" "[1-9][0-9]*  (..:){5}..  .* from (..:){7}.. .*serve [34][0-9][0-9].* ack [0-9.]+ .*slowest: serve\$"
at 1 gone
at 1 server delay_ms=1000
at 1 follow count 2 port $putport
barrier follow
if [ "$NODE" = 2 ]; then
	call & first=$!
	call & second=$!
	wait $first $second
	good
fi
at 1 seen "its thread is busy"
at 1 is "its thread is busy" "queue [1-9]"
at 1 gone
barrier busy

at 1 server
at 1 set_net delay 300
one "the way back is long" "slowest: (serve|start|send|queue)"
# the reply is gone from here, and acknowledged when its delay is over
at 1 is "the way back is long" " ack [3-9][0-9][0-9]"
at 2 set_net delay 300
at 2 head -c 4000000 /dev/zero >"$tmp/big"
one "a long reply waits for the window" "slowest: credits" data="$tmp/big" room=4000000
at 2 set_net delay 0
at 1 set_net delay 0
at 1 gone
barrier window

# where the client is has been forgotten with the network, and is asked for when that is there again
at 1 server delay_ms=1000
at 1 follow count 1
barrier follow
locating() { "$tests/flip_nl" info-get | grep -q 'locates=1 *$'; }
if [ "$NODE" = 1 ]; then
	wait_for 10 grep -q '^request 0' "$tmp/srv" || fail "no request: $(cat "$tmp/srv")"
	"$amctl" net del eth0 || fail "net del"
	wait_for 10 locating || fail "nobody is looked for: $("$tests/flip_nl" info-get)"
	sleep 2
	"$amctl" net add eth0 || fail "net add"
	seen "the client's place is not known"
	is "the client's place is not known" "flip-locate [0-9]{3,4}\..*slowest: flip-locate"
	gone
else
	call
	good
fi
barrier located

# ---- what becomes of it -----------------------------------------------------------------------------

at 1 server delay_ms=20000
at 1 follow
barrier follow
if [ "$NODE" = 2 ]; then
	"$tests/rpc_client" port=$putport locate_ms=300 >"$tmp/a" 2>&1 &
	"$tests/rpc_client" port=$putport locate_ms=300 >"$tmp/b" 2>&1 &
	wait
	cat "$tmp/a" "$tmp/b"
else
	wait_for 10 grep -q 'queued 1' /proc/net/amoeba/ports ||
		fail "no two requests: $(cat /proc/net/amoeba/ports)"
	gone
	for what in failed refused; do
		wait_for 10 grep -q " $what " "$tmp/trace" || fail "nothing $what: $(cat "$tmp/trace")"
	done
	kill -INT $tracer
	seen "a server that goes"
	grep -q " failed .*slowest: serve" "$tmp/lines" || fail "the one it had: $(cat "$tmp/trace")"
	grep -q "^  *-  .* refused .*slowest: queue" "$tmp/lines" || fail "the one in line: $(cat "$tmp/trace")"
	server delay_ms=5000	# it is gone before it is answered
	follow count 1
fi
barrier killed
if [ "$NODE" = 2 ]; then
	"$tests/rpc_client" port=$putport locate_ms=5000 >"$tmp/a" 2>&1 &
	client=$!
	barrier served
	"$amctl" net del eth0
	kill -9 $client
	wait 2>/dev/null
else
	wait_for 10 grep -q '^request 0' "$tmp/srv" || fail "no request: $(cat "$tmp/srv")"
	barrier served
	seen "a client's machine that goes"
	is "a client's machine that goes" " lost "
	gone
fi
barrier lost 90
at 2 "$amctl" net add eth0

if [ "$NODE" = 1 ]; then
	"$tests/dev_forward" serve=600 >"$tmp/back" 2>&1 & back=$!
	wait_for 10 grep -q ready "$tmp/back"
	"$tests/dev_forward" front="$(awk '/ready/ { print $1 }' "$tmp/back")" >"$tmp/front" 2>&1 & front=$!
	wait_for 10 grep -q ready "$tmp/front" || fail "front: $(cat "$tmp/front")"
fi
barrier front
at 2 "$tests/dev_forward" call=1 >"$tmp/out" 2>&1 || fail "the front: $(cat "$tmp/out")"
barrier called
if [ "$NODE" = 1 ]; then
	kill -USR1 $back
	wait_for 10 grep -q serving "$tmp/back" || fail "back: $(cat "$tmp/back")"
	follow count 2
fi
barrier follow
at 2 "$tests/dev_forward" call=1 >"$tmp/out" 2>&1 || fail "handed over: $(cat "$tmp/out")"
if [ "$NODE" = 1 ]; then
	seen "handed over"
	grep -q " forwarded " "$tmp/lines" || fail "not forwarded: $(cat "$tmp/trace")"
	[ "$(grep -vc forwarded "$tmp/lines")" = 1 ] || fail "not served by another: $(cat "$tmp/trace")"
	kill -9 $back $front
	wait $back $front 2>/dev/null
	server delay_ms=20
fi
barrier forwarded

# ---- what it prints -----------------------------------------------------------------------------------

at 1 follow count 5
barrier follow
at 2 call count=5 gap_ms=50
at 2 good
if [ "$NODE" = 1 ]; then
	seen "five"
	grep -q '^stage *requests *p50_us *p99_us *max_us *percent' "$tmp/trace" &&
		grep -q '^total  *5 ' "$tmp/trace" && grep -q '^ack  *5 .*-$' "$tmp/trace" ||
		fail "no summary: $(cat "$tmp/trace")"
	"$amctl" -j trace count 5 >"$tmp/json" 2>&1 &
	tracer=$!
	wait_for 10 sh -c "grep -q 1 $tracing/instances/amctl*/events/flip/flip_stall/enable"
	sleep 0.2
fi
barrier json
at 2 call count=5 gap_ms=50
at 2 good
if [ "$NODE" = 1 ]; then
	wait $tracer || fail "trace: $(cat "$tmp/json")"
	python3 -c '
import json, sys
o = json.load(open(sys.argv[1]))
assert o["calls"] == [] and o["stages"] == [] and len(o["requests"]) == 5, o
s = {x["stage"]: x for x in o["request_stages"]}
assert s["total"]["requests"] == 5 and s["total"]["percent"] == 100 and "percent" not in s["ack"], s
assert 20000 <= s["serve"]["p50_us"] <= s["serve"]["p99_us"] <= s["serve"]["max_us"], s
for r in o["requests"]:
    assert r["slowest"] == "serve" and r["outcome"] == "acknowledged" and r["server"] > 0, r
    # until the reply has left no time is lost or counted twice
    assert abs(sum(v for k, v in r["stages_us"].items() if k != "ack") - r["us"]) < 20, r
' "$tmp/json" || fail "JSON: $(cat "$tmp/json")"
	# no call of this machine is shown as a request, nor is what began before
	follow
	"$tests/rpc_client" port=$putport >"$tmp/cli" 2>&1
	wait_for 10 grep -q slowest "$tmp/trace"
	kill -INT $tracer
	wait $tracer
	grep -q '^total  *1 ' "$tmp/trace" && ! grep -q "from\|requests" "$tmp/trace" ||
		fail "a call here: $(cat "$tmp/trace")"
	gone
fi
barrier end
finish
