#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Processes that are killed, descriptors closed under their users, networks taken away under load,
# namespaces that die with traffic in them, modules unloaded while in use and afterwards. Nothing
# may be left behind, no promise broken; the kernel's complaints are the harness's business.
#
# nodes: 1
# suites: races
# timeout: 600

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
once=$tests/race_once
# Where processors are emulated, most of the time goes into starting programs; and beside forty
# threads that never rest, a kill took ten seconds to come.
gap_us=500 each=4
case ${KERNEL:-} in
uml-*)	seconds=5 rounds=3 ;;
x86-debug) seconds=3 rounds=1 gap_us=50000 each=2 ;;
*)	seconds=3 rounds=2 ;;
esac
seconds=${SECONDS_EACH:-$seconds}

# while $tmp/go is there: keep NS COMMAND...
keep() { while [ -e "$tmp/go" ]; do in_ns "$@" 2>>"$tmp/err"; done; }

# traffic in both directions between $1 and $2, locally too; killed at random
traffic()
{
	local ns c
	clients=()
	"$once" make "$tmp/book" $((2 * each)) 4 20000 || fail "no book"
	touch "$tmp/go"
	for ns in "$1" "$2"; do
		keep "$ns" "$once" server "$tmp/book" $getport 3 die_ms=1500 &
		keep "$ns" "$once" server "$tmp/book" $getport2 3 die_ms=900 &
	done
	for ((c = 0; c < each; c++)); do
		ip netns exec "$1" "$once" client "$tmp/book" $putport $c gap_us=$gap_us 2>>"$tmp/err" &
		clients+=($!)
	done
	for ((; c < 2 * each; c++)); do
		ip netns exec "$2" "$once" client "$tmp/book" $putport2 $c gap_us=$gap_us 2>>"$tmp/err" &
		clients+=($!)
	done
	wait_for 60 "$once" reached "$tmp/book" 20 || fail "no traffic"
}

no_traffic()
{
	rm -f "$tmp/go"
	# also who was only on the way into a namespace
	wait_for 30 nobody_left "$@" || fail "processes that cannot be killed: $(jobs -l)"
	wait 2>/dev/null
}

nobody_left()
{
	local ns
	for ns in "$@"; do kill -9 $(ip netns pids "$ns" 2>/dev/null) 2>/dev/null; done
	[ -z "$(jobs -rp)" ]
}

judge()
{
	echo -n "$1: "
	"$once" check "$tmp/book" min_ok="$2" || fail "$1"
}

works()
{
	serve "$2" count=1
	in_ns "$1" "$tests/rpc_client" port=$putport locate_ms=5000 >"$tmp/cli" 2>&1
	grep -q 'verdict 0' "$tmp/cli" || fail "$3: a call does not work: $(cat "$tmp/cli" "$tmp/srv")"
	kill $server 2>/dev/null
	wait 2>/dev/null
}

echo "== processes killed (${SECONDS} s)"
pair r1 r2
traffic r1 r2
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ]; do
	sleep 0.3
	pids=($(ip netns pids r1) $(ip netns pids r2))
	[ ${#pids[@]} -gt 4 ] && kill -9 "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null
done
no_traffic r1 r2
judge "killed" 20
quiet r1; quiet r2
works r1 r2 "after the killing"

echo "== descriptors closed (${SECONDS} s)"
in_ns r1 "$tests/race_close" seconds=$seconds || fail "race_close"
quiet r1
consistent r1 || fail "r1: calls and verdicts do not add up"

echo "== networks taken away (${SECONDS} s)"
traffic r1 r2
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ]; do
	case $((RANDOM % 4)) in
	0) in_ns r1 "$amctl" net del va; sleep 0.2; in_ns r1 "$amctl" net add va ;;
	1) in_ns r2 "$amctl" net del vb; in_ns r2 "$amctl" net add vb ;;
	2) ip -n r1 link set va down; sleep 0.1; ip -n r1 link set va up ;;
	3) ip -n r1 link del va; make_pair r1 r2 ;;
	esac || fail "the network does not come back"
	sleep 0.5
done
no_traffic r1 r2
judge "networks" 5
quiet r1; quiet r2
works r1 r2 "after the networks"

echo "== namespaces die (${SECONDS} s)"
for ((i = 0; i < rounds; i++)); do
	pair d1.$i d2.$i
	traffic d1.$i d2.$i
	sleep 0.$i
	rm -f "$tmp/go"
	pids=($(ip netns pids d1.$i) $(ip netns pids d2.$i))
	ip netns del d1.$i
	# a client that was on its way there, too; a server ends by itself
	kill -9 "${pids[@]}" "${clients[@]}" 2>/dev/null
	ip netns del d2.$i
	wait 2>/dev/null
	judge "namespaces $i" 20
done

echo "== modules (${SECONDS} s)"
if [ ! -d /sys/module/amoeba/holders ] || [ ! -e /sys/module/amoeba/refcnt ]; then
	echo "# unloading: the modules are built in"
	finish
fi
exec 7<>/dev/amoeba || fail "/dev/amoeba does not open"
rmmod amoeba 2>"$tmp/err" && fail "amoeba unloads with an open descriptor"
rmmod flip 2>>"$tmp/err" && fail "flip unloads under amoeba"
traffic r1 r2
rmmod amoeba 2>>"$tmp/err" && fail "amoeba unloads under traffic"
no_traffic r1 r2
exec 7>&-
quiet r1; quiet r2
for ((i = 0; i < (rounds + 1) / 2; i++)); do
	# a killed process closes its descriptors a little later
	for ((j = 0; j < 100; j++)); do
		[ "$(cat /sys/module/amoeba/refcnt)" = 0 ] && break
		sleep 0.1
	done
	rmmod amoeba || fail "amoeba does not unload when nobody uses it"
	rmmod flip || fail "flip does not unload when nobody uses it"
	modprobe amoeba || fail "modprobe amoeba, again"
	in_ns r1 "$amctl" net add va && in_ns r2 "$amctl" net add vb || fail "net add, again"
	works r1 r2 "loaded again"
	quiet r1; quiet r2
done
echo "unloaded and loaded $i times"
finish
