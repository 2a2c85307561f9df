#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dird: first start, every command good and bad from its own host and over the wire, clients of
# two hosts at once, random requests, clean end.
# nodes: 2
# timeout: 240

set -u
bad=0
fail() { echo "FAIL: $*"; bad=1; }
[ -c /dev/amoeba ] || modprobe amoeba || exit 1
bin=$AMOEBA_TREE/build/userland/bin
check=$AMOEBA_TREE/build/userland/tests/store_check
"$bin/amctl" net add eth0 || exit 1
work=$(mktemp -d)

# wrong use ends with one line that names object and cause
refused() {
	local want=$1; shift
	"$@" >"$work/out" 2>&1 </dev/null && fail "accepted: $*"
	[ "$(wc -l <"$work/out")" = 1 ] || fail "not one line: $(cat "$work/out")"
	grep -q -- "$want" "$work/out" || fail "no '$want' in: $(cat "$work/out")"
}

if [ "$NODE" = 1 ]; then
	"$bin/dird" --help | grep -q -- --root-file || fail "--help"
	"$bin/dird" --version | grep -q dird || fail "--version"
	refused 'threads' "$bin/dird" --threads 0
	refused 'size' "$bin/dird" --size 5X
	refused 'unexpected argument' "$bin/dird" stray
	refused '/nowhere/db' "$bin/dird" --db /nowhere/db
	echo junk >"$work/junk"
	refused 'Not a directory' "$bin/dird" --db "$work/junk"

	"$bin/dird" --db "$work/db" --root-file "$work/etc/root" --init || fail "--init"
	[ "$(stat -c %a "$work/etc/root")" = 640 ] || fail "mode of the root file"
	[ "$(wc -l <"$work/etc/root")" = 1 ] || fail "the root file is not one line"
	refused 'already' "$bin/dird" --db "$work/db" --root-file "$work/etc/root" --init
	# an empty database beside a root that is known would begin a second graph
	refused 'already names' "$bin/dird" --db "$work/db2" --root-file "$work/etc/root"

	# a root file that was lost comes back
	cp "$work/etc/root" "$work/root.was"
	rm "$work/etc/root"
	"$bin/dird" --db "$work/db" --root-file "$work/etc/root" >"$work/log" 2>&1 &
	dird=$!
	for i in $(seq 100); do [ -s "$work/etc/root" ] && break; sleep 0.1; done
	cmp "$work/etc/root" "$work/root.was" || fail "the root changed"
	refused 'another dird' "$bin/dird" --db "$work/db" --root-file "$work/etc/root"
	cp "$work/etc/root" "$SHARED/root"
fi
barrier started
AMOEBA_ROOT=$(cat "$SHARED/root"); export AMOEBA_ROOT

for path in / /profile/cap/bulletsvr /profile/pool /home /profile/cap/dirsvr/default; do
	"$check" path $path >/dev/null || fail "$path is missing"
done
if [ "$NODE" = 1 ]; then
	"$check" dir "$AMOEBA_ROOT" || fail "commands on this host"
fi
barrier local 120
if [ "$NODE" = 2 ]; then
	"$check" dir "$AMOEBA_ROOT" || fail "commands over the wire"
fi
barrier remote 120

# two clients on each host
home=$("$check" path /home)
for c in a b; do
	"$check" make-rows "$home" "n$NODE$c" 40 >"$SHARED/rows.$NODE$c" &
	eval "client_$c=$!"
done
wait $client_a || fail "first client"
wait $client_b || fail "second client"
barrier appended
sort "$SHARED"/rows.* | "$check" have-rows "$home" || fail "rows of both hosts"
[ "$(cat "$SHARED"/rows.* | wc -l)" = 160 ] || fail "number of rows"

"$check" fuzz "$AMOEBA_ROOT" 300 "$NODE" || fail "random requests"
barrier fuzzed
if [ "$NODE" = 1 ]; then
	kill $dird
	wait $dird || fail "dird ended with $?: $(cat "$work/log")"
	[ -s "$work/log" ] && fail "dird said: $(cat "$work/log")"
fi

# a full disk: the change is refused, what was acknowledged is there, and the server lives
if [ "$NODE" = 1 ]; then
	mkdir "$work/small"
	mount -t tmpfs -o size=600k small "$work/small" || fail "mount"
	"$bin/dird" --db "$work/small/db" --root-file "$work/root2" >"$work/log" 2>&1 &
	dird=$!
	for i in $(seq 100); do [ -s "$work/root2" ] && break; sleep 0.1; done
	AMOEBA_ROOT=$(cat "$work/root2")
	home=$("$check" path /home) || fail "/home on the small disk"
	"$check" make-rows "$home" full 20000 >"$work/rows" && fail "it never was full"
	[ "$(wc -l <"$work/rows")" -gt 100 ] || fail "full after $(wc -l <"$work/rows") rows"
	"$check" have-rows "$home" <"$work/rows" || fail "rows on the full disk"
	kill $dird
	wait $dird || fail "dird ended with $? on a full disk: $(cat "$work/log")"
	mount -o remount,size=16m "$work/small"
	"$bin/dird" --db "$work/small/db" --root-file "$work/root2" >"$work/log" 2>&1 &
	dird=$!
	for i in $(seq 100); do "$check" path /home >/dev/null 2>&1 && break; sleep 0.1; done
	"$check" have-rows "$home" <"$work/rows" || fail "rows after the disk was full"
	"$check" make-rows "$home" more 20 >/dev/null || fail "rows when there is room again"
	kill $dird
	wait $dird || fail "dird ended with $?: $(cat "$work/log")"
	umount "$work/small"
fi
exit $bad
