#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bulletd: making a volume, every command good and bad from its own host and over the wire, a
# large file in pieces, clients of two hosts at once, random requests, growing, clean end.
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

refused() {
	local want=$1; shift
	"$@" >"$work/out" 2>&1 </dev/null && fail "accepted: $*"
	[ "$(wc -l <"$work/out")" = 1 ] || fail "not one line: $(cat "$work/out")"
	grep -q -- "$want" "$work/out" || fail "no '$want' in: $(cat "$work/out")"
}

start() {
	"$bin/bulletd" --volume "$work/vol" "$@" >"$work/log" 2>&1 &
	bulletd=$!
	for i in $(seq 200); do
		server=$("$check" path /profile/cap/bulletsvr/default 2>/dev/null) && break
		sleep 0.1
	done
	[ -n "$server" ] || { fail "bulletd did not register: $(cat "$work/log")"; exit 1; }
}

if [ "$NODE" = 1 ]; then
	"$bin/bulletd" --help | grep -q -- --mkfs || fail "--help"
	refused 'size' "$bin/bulletd" --size much
	refused 'register' "$bin/bulletd" --register profile
	refused 'too small' "$bin/bulletd" --volume "$work/vol" --mkfs 100K
	refused 'make its folder' "$bin/bulletd" --volume /nowhere/vol --mkfs 10M
	echo 'my diary' >"$work/diary"
	refused 'not a bullet volume' "$bin/bulletd" --volume "$work/diary" --size 10M
	refused 'not empty' "$bin/bulletd" --volume "$work/diary" --mkfs 10M
	[ "$(cat "$work/diary")" = 'my diary' ] || fail "the diary is gone"
	"$bin/bulletd" --volume "$work/vol" --mkfs 32M || fail "--mkfs"
	refused 'not empty' "$bin/bulletd" --volume "$work/vol" --mkfs 32M

	"$bin/dird" --db "$work/db" --root-file "$work/root" >"$work/dird.log" 2>&1 &
	dird=$!
	for i in $(seq 100); do [ -s "$work/root" ] && break; sleep 0.1; done
	AMOEBA_ROOT=$(cat "$work/root"); export AMOEBA_ROOT
	start
	refused 'another bulletd' "$bin/bulletd" --volume "$work/vol"
	cp "$work/root" "$SHARED/root"
fi
barrier started
AMOEBA_ROOT=$(cat "$SHARED/root"); export AMOEBA_ROOT
server=$("$check" path /profile/cap/bulletsvr/default) || fail "no server in the directory"

if [ "$NODE" = 1 ]; then
	"$check" bullet "$server" || fail "commands on this host"
fi
barrier local 120
if [ "$NODE" = 2 ]; then
	"$check" bullet "$server" || fail "commands over the wire"
fi
barrier remote 120

"$check" make-files "$server" "$NODE" 12 >"$SHARED/files.$NODE" &
client=$!
"$check" make-files "$server" $((NODE + 10)) 12 >"$SHARED/files.$((NODE + 10))" || fail "client"
wait $client || fail "other client"
barrier made 120
cat "$SHARED"/files.* | "$check" have-files || fail "files of both hosts"
"$check" fuzz "$server" 300 "$NODE" || fail "random requests"
barrier fuzzed 120

if [ "$NODE" = 1 ]; then
	kill $bulletd
	wait $bulletd || fail "bulletd ended with $?: $(cat "$work/log")"
	[ -s "$work/log" ] && fail "bulletd said: $(cat "$work/log")"
	start --size 64M
	cat "$SHARED"/files.* | "$check" have-files || fail "files after growing"
	[ "$(stat -c %s "$work/vol")" = $((64 << 20)) ] || fail "it did not grow"
	kill $bulletd
	wait $bulletd || fail "bulletd ended with $?: $(cat "$work/log")"

	# a block device
	truncate -s 16M "$work/disk"
	if disk=$(losetup -f --show "$work/disk"); then
		refused 'has only' "$bin/bulletd" --volume "$disk" --mkfs 17M
		"$bin/bulletd" --volume "$disk" --mkfs 16M || fail "--mkfs of a device"
		refused 'in use' "$bin/bulletd" --volume "$disk" --mkfs 16M
		"$bin/bulletd" --volume "$disk" --register /profile/cap/bulletsvr/disk \
			>"$work/log" 2>&1 &
		bulletd=$!
		path=/profile/cap/bulletsvr/disk
		for i in $(seq 100); do "$check" path $path >/dev/null 2>&1 && break; sleep 0.1; done
		"$check" bullet "$("$check" path $path)" || fail "commands on a device"
		kill $bulletd
		wait $bulletd || fail "bulletd ended with $?: $(cat "$work/log")"
		losetup -d "$disk"
	else
		fail "losetup"
	fi

	# a full disk under a sparse volume: refused, nothing lost, the server lives
	mkdir "$work/small"
	mount -t tmpfs -o size=4m small "$work/small" || fail "mount"
	path=/profile/cap/bulletsvr/small
	"$bin/bulletd" --volume "$work/small/vol" --size 64M --register $path >"$work/log" 2>&1 &
	bulletd=$!
	for i in $(seq 100); do "$check" path $path >/dev/null 2>&1 && break; sleep 0.1; done
	"$check" make-files "$("$check" path $path)" 5 200 >"$work/files" &&
		fail "it never was full"
	[ -s "$work/files" ] || fail "no file was made"
	"$check" have-files <"$work/files" || fail "files on the full disk"
	kill $bulletd
	wait $bulletd || fail "bulletd ended with $? on a full disk: $(cat "$work/log")"
	mount -o remount,size=80m "$work/small"
	"$bin/bulletd" --volume "$work/small/vol" --register $path >"$work/log" 2>&1 &
	bulletd=$!
	"$check" have-files <"$work/files" || fail "files after the disk was full"
	"$check" bullet "$("$check" path $path)" || fail "commands when there is room again"
	kill $bulletd $dird
	wait $bulletd || fail "bulletd ended with $?: $(cat "$work/log")"
	umount "$work/small"
	wait $dird || fail "dird ended with $?: $(cat "$work/dird.log")"
fi
barrier done
exit $bad
