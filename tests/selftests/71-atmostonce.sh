#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# At most once: clients number their calls, servers count executions in a file, while frames are
# lost, doubled and overtaken, servers die in the middle and are started anew, and a second host
# serves the same port. Never twice; OK is once; "not found" is never.
#
# nodes: 1
# suites: races
# timeout: 500

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
# longer rounds bring more calls where a processor is not emulated
case ${KERNEL:-} in
uml-*)	seconds=${SECONDS_EACH:-8} ;;
*)	seconds=${SECONDS_EACH:-4} ;;
esac
once=$tests/race_once

netem()
{
	in_ns o1 tc qdisc replace dev va root netem "$@" &&
	in_ns o2 tc qdisc replace dev vb root netem "$@"
}

# servers in namespace $1 that die and come back until the file $2 is gone
keep_serving()
{
	while [ -e "$2" ]; do
		in_ns "$1" "$once" server "$tmp/book" $getport 3 die_ms="$3" 2>>"$tmp/err"
	done
}

# round NAME SERVERS_DIE_MS MIN_OK NETEM...
round()
{
	local name=$1 die=$2 min=$3 c clients=()
	shift 3
	"$once" make "$tmp/book" 3 8 10000 || { fail "$name: no book"; return; }
	netem "$@" || { skip "no netem in this kernel"; }
	touch "$tmp/go"
	keep_serving o2 "$tmp/go" "$die" &
	local servers=$!
	for c in 0 1 2; do
		ip netns exec o1 "$once" client "$tmp/book" $putport $c seconds=$seconds \
			min_ok=$min gap_us=2000 2>>"$tmp/err" &
		clients+=($!)
	done
	# a call in trouble takes its time: those still under way then are of killed clients
	( sleep $seconds; wait_for 60 "$once" reached "$tmp/book" "$min"; sleep 8
	  kill -9 "${clients[@]}" ) 2>/dev/null &
	local end=$!
	wait "${clients[@]}" 2>/dev/null
	kill $end 2>/dev/null
	rm -f "$tmp/go"
	kill -9 $(ip netns pids o2) 2>/dev/null
	wait $servers 2>/dev/null
	echo -n "$name: "
	"$once" check "$tmp/book" min_ok=$min || fail "$name"
	grep -v Killed "$tmp/err" | sort | uniq -c | head -5
	: >"$tmp/err"
}

# the next call meets an address that is gone: asks for the port anew, at once. An original would
# look for the address itself for 6300 ms first, and 20-replay-ends shows that we do with originals.
# So does one that finds no way there, because what somebody else sent came back before.
restarted()
{
	local way size old
	: >"$tmp/0"
	head -c 20000 /dev/zero >"$tmp/20000"
	serve o2 count=0
	in_ns o1 "$tests/rpc_client" port=$putport >"$tmp/cli" 2>&1
	for way in known gone; do for size in 0 20000; do
		# the address of a closed server answers for a while yet, and must not here
		[ $way = known ] || in_ns o2 sysctl -qw net.amoeba.linger_s=0
		old=$(in_ns o1 awk -v p=$putport '$1 == p { print $4 }' /proc/net/amoeba/cache)
		kill -9 $(ip netns pids o2)
		wait $server 2>/dev/null
		quiet o2
		serve o2 count=0
		if [ $way = gone ]; then
			in_ns o1 "$tests/flip_tool" send "$old" 1 wait 1000 >/dev/null 2>&1
			case $(in_ns o1 "$amctl" route list) in
			*$old*) fail "restarted: still a way to $old" ;;
			esac
		fi
		in_ns o1 "$tests/rpc_client" port=$putport data="$tmp/$size" >"$tmp/cli" 2>&1
		awk '/verdict 0/ && $6 < 5000 { ok = 1 } END { exit !ok }' "$tmp/cli" ||
			fail "restarted, way $way, $size bytes: $(cat "$tmp/cli" "$tmp/srv")"
	done; done
	in_ns o2 sysctl -qw net.amoeba.linger_s=25
	kill -9 $(ip netns pids o2)
	wait $server 2>/dev/null
	echo "restarted: $(cat "$tmp/cli")"
}

command -v tc >/dev/null || skip "tc is not installed (iproute2)"
pair o1 o2
modprobe sch_netem 2>/dev/null
# where a processor is emulated the last round, which has what the others have
case ${KERNEL:-} in
x86-debug) ;;
*)	restarted ;;
esac
case ${KERNEL:-} in
uml-*)
	round "no disturbance" 0 300 limit 10000
	round "loss and duplicates" 0 60 limit 10000 delay 1ms loss 3% duplicate 10%
	round "reordering, too" 0 40 limit 10000 delay 2ms loss 1% duplicate 10% reorder 90%
	;;
esac
round "and servers that die" 4000 20 limit 10000 delay 2ms loss 2% duplicate 10% reorder 90%
quiet o1
finish
