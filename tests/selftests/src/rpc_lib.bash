# SPDX-License-Identifier: GPL-2.0-or-later
# What the selftests of transactions share. Sourced by bash in a guest.
#
#	need_modules		load the modules; where they are built in, nothing is to do
#	pair A B		namespaces A and B, joined by va (in A) and vb (in B), FLIP over both
#	in_ns NS CMD...		run CMD in a namespace
#	fail TEXT		note a failure; finish gives the status
#	skip TEXT		end as skipped
#	stat_of NS NAME		one counter of transactions
#	quiet NS		wait until nothing of transactions is left in the namespace
#	wait_for, serve, serving	wait.bash

set -u
. "$AMOEBA_TREE/tests/selftests/src/wait.bash"
tests=$AMOEBA_TREE/build/userland/tests
amctl=$AMOEBA_TREE/build/userland/bin/amctl
tmp=$(mktemp -d)
bad=0
namespaces=()

# what an emulated machine may add to any time, ms, and scenarios at once (tests/replay)
case ${KERNEL:-} in
uml-*)		slack=400 jobs=8 ;;
x86-debug*|x86-leak)	slack=1200 jobs=4 ;;
*)		slack=600 jobs=4 ;;
esac

fail() { echo "FAIL: $*"; bad=1; }
skip() { echo "SKIP: $*"; exit 77; }
finish() { exit $bad; }

need_modules()
{
	[ -c /dev/amoeba ] || modprobe amoeba || { fail "modprobe amoeba"; exit 1; }
	[ -c /dev/amoeba ] || { fail "amoeba.ko is loaded, but there is no /dev/amoeba"; exit 1; }
}

in_ns() { local ns=$1; shift; ip netns exec "$ns" "$@"; }

make_pair()
{
	ip link add name va netns "$1" type veth peer name vb netns "$2" &&
	ip -n "$1" link set va up && ip -n "$2" link set vb up &&
	in_ns "$1" "$amctl" net add va && in_ns "$2" "$amctl" net add vb
}

pair()
{
	ip netns add "$1" && ip netns add "$2" && make_pair "$1" "$2" ||
		{ fail "namespaces $1 and $2 cannot be joined"; exit 1; }
	namespaces+=("$1" "$2")
}

stat_of() { in_ns "$1" awk -v n="$2" '$1 == n { print $2 }' /proc/net/amoeba/stat; }

# every call that began has ended with one verdict
consistent()
{
	in_ns "$1" awk '{ v[$1] = $2 } END {
		begun = v["calls_local"] + v["calls_remote"]
		ended = v["calls_ok"] + v["calls_notfound"] + v["calls_failure"]
		ended += v["calls_aborted"] + v["calls_unsafe"]
		printf "%d calls, %d verdicts\n", begun, ended
		exit (begun == ended ? 0 : 1) }' /proc/net/amoeba/stat
}

# the last descriptor's end is worked off in the background, up to the last ACK: a closed file may
# linger for ten seconds
nothing_left()
{
	# and for 25 s more when it has served our kind; then it is small and waits for nothing
	[ -z "$(in_ns "$1" cat /proc/net/amoeba/ports)" ] &&
	[ "$(in_ns "$1" "$amctl" -j addr list | grep -o '"address"' | wc -l)" = \
		"$(stat_of "$1" files_lingering)" ]
}

quiet()
{
	wait_for 20 nothing_left "$1" && return
	fail "namespace $1: still there: $(in_ns "$1" cat /proc/net/amoeba/ports)" \
		"$(in_ns "$1" "$amctl" -j addr list)"
	return 1
}

cleanup()
{
	local p
	for p in $(jobs -p); do kill -9 "$p" 2>/dev/null; done
	wait 2>/dev/null
	for p in "${namespaces[@]}"; do ip netns del "$p" 2>/dev/null; done
	rm -rf "$tmp"
}
trap cleanup EXIT
