#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A call that takes ten minutes succeeds: within a machine, to one of our kind, to an original, from
# an original. A server that is killed meanwhile is reported at once. A server's machine that vanishes
# without a word is reported in the time Documentation/rpc.rst promises.
#
# nodes: 1
# leaks: scan
# suites: long
# kernels: uml-debug
# time: travel
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
[ "${TIME_TRAVEL:-}" = yes ] || skip "half an hour of waiting: run with --time-travel"
need_modules
command -v tc >/dev/null || skip "tc is not installed (iproute2)"

# of ours, ms: the clients of a killed server are told; a machine that is gone is given up (rpc.rst)
killed_ms=3000 gone_ms=14000

serve()
{
	local i
	in_ns "$1" "$tests/rpc_server" getport=$getport echo=1 delay_ms="$2" >"$tmp/srv" 2>&1 &
	server=$!
	for ((i = 0; i < 100; i++)); do
		in_ns "$1" grep -q 'waiting 1' /proc/net/amoeba/ports && return
		sleep 0.1
	done
	fail "no server: $(cat "$tmp/srv")"
}

# call NS: begin one. ended LOW HIGH VERDICT WHAT: it ends so many ms after $since, with that verdict
call()
{
	in_ns "$1" "$tests/rpc_client" port=$putport >"$tmp/cli" 2>&1 &
	client=$!
	since=$(now)
}
now() { echo $(($(date +%s%N) / 1000000)); }
ended()
{
	local verdict ms
	wait $client
	ms=$(($(now) - since))
	verdict=$(awk '/verdict/ { print $4 }' "$tmp/cli")
	if [ "$verdict" = "$3" ] && [ $ms -ge "$1" ] && [ $ms -le "$2" ]; then
		echo "ok $4: verdict $verdict after $ms ms"
	else
		fail "$4: verdict $verdict after $ms ms, expected $3 in $1 to $2: $(cat "$tmp/cli" "$tmp/srv")"
	fi
}
stop() { pkill -9 -P $server; wait $server 2>/dev/null; }

pair l1 l2

serve l2 600000
call l1
ended 600000 601000 0 "ten minutes, our kind"
echo "# $(stat_of l1 enquire_sent) ENQUIREs"
call l2
ended 600000 601000 0 "ten minutes, one machine"

# killed while it executes the call
call l1
sleep 300
since=$(now)
stop
ended 0 $killed_ms -1 "killed after five minutes, our kind"
serve l2 600000
call l2
sleep 300
since=$(now)
stop
ended 0 $killed_ms -1 "killed after five minutes, one machine"

# nothing comes from its machine any more, not even that it does not come
serve l2 600000
call l1
sleep 300
in_ns l1 tc qdisc add dev va root netem loss 100% &&
in_ns l2 tc qdisc add dev vb root netem loss 100% || fail "netem"
since=$(now)
ended 5000 $gone_ms -1 "vanished after five minutes, our kind"
stop
in_ns l1 tc qdisc del dev va root
in_ns l2 tc qdisc del dev vb root

"$AMOEBA_TREE/tests/fuzz/longcall" || fail "with an original"
finish
