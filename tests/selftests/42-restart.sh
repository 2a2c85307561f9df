#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What was acknowledged survives: both servers are killed again and again while a client on each
# host works, and come back under the same ports with everything they promised.
# nodes: 2
# timeout: 300

set -u
bad=0
fail() { echo "FAIL: $*"; bad=1; }
[ -c /dev/amoeba ] || modprobe amoeba || exit 1
bin=$AMOEBA_TREE/build/userland/bin
check=$AMOEBA_TREE/build/userland/tests/store_check
"$bin/amctl" net add eth0 || exit 1
work=$(mktemp -d)
rounds=3
made=0

start_dird() {
	"$bin/dird" --db "$work/db" --root-file "$work/root" >>"$work/log" 2>&1 &
	dird=$!
}

start_bulletd() {
	"$bin/bulletd" --volume "$work/vol" --size 64M >>"$work/log" 2>&1 &
	bulletd=$!
}

answers() {
	for i in $(seq 200); do
		"$check" path "$1" >/dev/null 2>&1 && return
		sleep 0.1
	done
	fail "$1 is not there: $(cat "$work/log")"
	exit 1
}

if [ "$NODE" = 1 ]; then
	# the file server comes first and registers when the directory is there
	"$bin/dird" --db "$work/db" --root-file "$work/root" --init || fail "--init"
	AMOEBA_ROOT=$(cat "$work/root"); export AMOEBA_ROOT
	start_bulletd
	sleep 1
	start_dird
	answers /profile/cap/bulletsvr/default
	"$check" path /profile/cap/bulletsvr/default >"$SHARED/server"
	cp "$work/root" "$SHARED/root"
fi
barrier started
AMOEBA_ROOT=$(cat "$SHARED/root"); export AMOEBA_ROOT
server=$(cat "$SHARED/server")
home=$("$check" path /home) || fail "/home"

for ((r = 1; r <= rounds; r++)); do
	"$check" make-rows "$home" "r$r.n$NODE" 1000 >>"$SHARED/rows.$NODE" 2>/dev/null &
	rows=$!
	"$check" make-files "$server" $((r * 10 + NODE)) 150 >>"$SHARED/files.$NODE" 2>/dev/null &
	files=$!
	# both clients are at work on both hosts when the servers die
	for i in $(seq 300); do
		grep -q "^r$r.n$NODE" "$SHARED/rows.$NODE" &&
			[ "$(wc -l <"$SHARED/files.$NODE")" -gt "$made" ] && break
		sleep 0.1
	done
	made=$(wc -l <"$SHARED/files.$NODE")
	barrier "work$r" 60
	if [ "$NODE" = 1 ]; then
		sleep "0.$((RANDOM % 10))"
		kill -9 $dird $bulletd
		{ wait $dird $bulletd; } 2>/dev/null
	fi
	wait $rows $files
	barrier "killed$r" 60
	if [ "$NODE" = 1 ]; then
		start_dird
		start_bulletd
		answers /profile/cap/bulletsvr/default
		for i in $(seq 100); do
			"$check" fuzz "$server" 0 0 >/dev/null 2>&1 && break
			sleep 0.1
		done
	fi
	barrier "again$r" 60
done
"$check" have-rows "$home" <"$SHARED/rows.$NODE" || fail "rows were lost"
"$check" have-files <"$SHARED/files.$NODE" || fail "files were lost"
[ "$("$check" path /profile/cap/bulletsvr/default)" = "$server" ] || fail "another server"
barrier checked 120
[ -s "$SHARED/rows.$NODE" ] || fail "no rows were made at all"
[ -s "$SHARED/files.$NODE" ] || fail "no files were made at all"
if [ "$NODE" = 1 ]; then
	kill $dird $bulletd
	wait $dird || fail "dird ended with $?: $(cat "$work/log")"
	wait $bulletd || fail "bulletd ended with $?: $(cat "$work/log")"
	[ -s "$work/log" ] && fail "the servers said: $(cat "$work/log")"
fi
exit $bad
