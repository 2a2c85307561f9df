#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# At most once: clients number their calls, servers count executions in a file, while frames are
# lost, doubled and overtaken, servers die in the middle and are started anew, and a second host
# serves the same port. Never twice; OK is once; "not found" is never.
#
# nodes: 1
# suites: races
# timeout: 240

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
seconds=${SECONDS_EACH:-20}
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
	"$once" make "$tmp/book" 3 4 20000 || { fail "$name: no book"; return; }
	netem "$@" || { skip "no netem in this kernel"; }
	touch "$tmp/go"
	keep_serving o2 "$tmp/go" "$die" &
	local servers=$!
	for c in 0 1 2; do
		in_ns o1 "$once" client "$tmp/book" $putport $c seconds=$seconds \
			gap_us=2000 2>>"$tmp/err" &
		clients+=($!)
	done
	wait "${clients[@]}"
	rm -f "$tmp/go"
	kill -9 $(ip netns pids o2) 2>/dev/null
	wait $servers 2>/dev/null
	echo -n "$name: "
	"$once" check "$tmp/book" min_ok=$min || fail "$name"
	grep -v '^race_once: getreq: Interrupted' "$tmp/err" | sort | uniq -c | head -5
	: >"$tmp/err"
}

command -v tc >/dev/null || skip "tc is not installed (iproute2)"
pair o1 o2
modprobe sch_netem 2>/dev/null
round "no disturbance" 0 200 limit 10000
round "loss, duplicates, reordering" 0 20 limit 10000 delay 2ms 1ms loss 5% duplicate 10% reorder 20%
round "the same, and servers that die" 4000 5 limit 10000 delay 2ms 1ms loss 5% duplicate 10% reorder 20%
quiet o1
consistent o1 || fail "o1: calls and verdicts do not add up"
finish
