#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Directory and file stubs from node 2 to the servers of node 1, which are killed and started
# again: what was acknowledged is there afterwards.
#
# nodes: 2
# suites: stubs
# timeout: 900

set -u
tests=$AMOEBA_TREE/build/userland/tests
bad=0
fail() { echo "FAIL: $*"; bad=1; }

[ -c /dev/amoeba ] || modprobe amoeba || exit 1
amctl net add eth0 || exit 1
work=/run/lib_stubs
mkdir -p "$work"

servers()
{
	dird --db "$work/dird" --root-file "$work/root" >>"$work/log" 2>&1 &
	dird=$!
	for ((i = 0; i < 200; i++)); do
		[ -s "$work/root" ] && break
		sleep 0.05
	done
	export AMOEBA_ROOT=$(cat "$work/root")
	bulletd --volume "$work/volume" --size 256M >>"$work/log" 2>&1 &
	bulletd=$!
	for ((i = 0; i < 200; i++)); do
		amctl ls /profile/cap/bulletsvr 2>/dev/null | grep -q default && return 0
		sleep 0.1
	done
	fail "the servers do not come up: $(tail -n 5 "$work/log")"
	return 1
}

kill_servers() { kill "$1" $dird $bulletd; { wait $dird; wait $bulletd; } 2>/dev/null; }

if [ "$NODE" = 1 ]; then
	servers
	cp "$work/root" "$SHARED/root.lib_stubs"
fi
barrier up 120
export AMOEBA_ROOT=$(cat "$SHARED/root.lib_stubs")

if [ "$NODE" = 2 ]; then
	"$tests/lib_stubs" check /stubs || fail "checks from node 2"
	"$tests/lib_stubs" fill /kept 15 || fail "fill"
	"$tests/lib_stubs" churn /churn >"$work/acked" 2>"$work/err" &
	churn=$!
	for ((i = 0; i < 300; i++)); do
		[ "$(wc -l <"$work/acked")" -ge 10 ] && break
		sleep 0.2
	done
fi
barrier kill 600
[ "$NODE" = 1 ] && kill_servers -9
if [ "$NODE" = 2 ]; then
	wait $churn && fail "churn ended without an error though the servers died"
	cat "$work/err"
fi
barrier dead 120
[ "$NODE" = 1 ] && servers
barrier again 120
if [ "$NODE" = 2 ]; then
	n=$(wc -l <"$work/acked")
	echo "$n files were acknowledged before the kill"
	[ "$n" -ge 10 ] || fail "only $n files acknowledged in a minute"
	"$tests/lib_stubs" verify /kept 15 || fail "a file is lost or changed"
	"$tests/lib_stubs" acked /churn "$n" || fail "an acknowledged file is lost"
fi
barrier verified 300
if [ "$NODE" = 1 ]; then
	"$tests/lib_stubs" verify /kept 15 || fail "seen from the servers' own node"
	kill $dird $bulletd
	wait $dird || fail "dird did not end cleanly: $(tail -n 3 "$work/log")"
	wait $bulletd || fail "bulletd did not end cleanly: $(tail -n 3 "$work/log")"
fi
exit $bad
