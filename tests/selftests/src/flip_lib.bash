# SPDX-License-Identifier: GPL-2.0-or-later
# What the selftests of FLIP share. Sourced by bash in a guest.
#
#	need_flip		load flip; where it is built in, nothing is to do
#	ns NAME...		namespaces
#	link NSA IFA NSB IFB	a veth pair between them, up, FLIP over both ends
#	in_ns NS CMD...		run a command there
#	receiver NS FILE ARG...	start flip_tool recv in the background; its address is in $address
#	stat NS NAME		one counter
#	check WHAT CMD...	CMD must succeed
#	expect WHAT TEXT PATTERN	TEXT must match the glob
#	wait_for, serve, serving	wait.bash
#	fail TEXT, skip TEXT, finish

set -u
. "$AMOEBA_TREE/tests/selftests/src/wait.bash"
tests=$AMOEBA_TREE/build/userland/tests
tool=$tests/flip_tool
nl=$tests/flip_nl
tmp=$(mktemp -d)
bad=0
background=()

fail() { echo "FAIL: $*"; bad=1; }
skip() { echo "SKIP: $*"; exit 77; }

finish()
{
	local pid
	for pid in "${background[@]}"; do kill "$pid" 2>/dev/null; done
	rm -rf "$tmp"
	[ $bad = 0 ] && echo "ok"
	exit $bad
}

need_flip()
{
	[ -d /sys/module/flip ] || modprobe flip || { echo "FAIL: modprobe flip"; exit 1; }
	[ -x "$tool" ] || { echo "FAIL: $tool is not built (make userland)"; exit 1; }
}

in_ns() { local n=$1; shift; ip netns exec "$n" "$@"; }

ns() { local n; for n; do ip netns add "$n" && ip -n "$n" link set lo up; done; }

add_net() { in_ns "$1" "$nl" net-add ifname "$2" "${@:3}" >/dev/null || fail "net-add $2 in $1"; }

link()
{
	ip link add name "$2" netns "$1" type veth peer name "$4" netns "$3" ||
		fail "veth $2 $4"
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
	add_net "$1" "$2"
	add_net "$3" "$4"
}

receiver()
{
	local n=$1 file=$2
	shift 2
	: >"$file"
	# behind what is there, so that the file may be emptied
	ip netns exec "$n" "$tool" recv "$@" >>"$file" 2>&1 &
	background+=($!)
	wait_for 60 test -s "$file" || fail "receiver in $n does not start"
	read -r address <"$file"
}

stat() { in_ns "$1" "$nl" dump stat-get | sed -n "s/^name=$2 value=\([0-9]*\) *$/\1/p"; }

check() { local what=$1; shift; "$@" >"$tmp/check" 2>&1 || fail "$what: $(cat "$tmp/check")"; }

# shellcheck disable=SC2254
expect() { case "$2" in $3) ;; *) fail "$1: got '$2', expected '$3'" ;; esac; }
