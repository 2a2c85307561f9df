#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# amctl join, ls, mkdir, put, get, rm, cap, doctor: files stored on one machine, used on another.
# nodes: 2
# suites: files
# timeout: 240

set -u
bad=0
fail() { echo "FAIL: $*"; bad=1; }
[ -c /dev/amoeba ] || modprobe amoeba || exit 1
amctl net add eth0 || exit 1
work=$(mktemp -d)

if [ "$NODE" = 1 ]; then
	mkdir -p /var/lib/amoeba
	dird >"$work/dird" 2>&1 &
	dird=$!
	for i in $(seq 100); do [ -s /etc/amoeba/root ] && break; sleep 0.1; done
	bulletd --volume "$work/volume" --size 64M >"$work/bulletd" 2>&1 &
	bulletd=$!
	for i in $(seq 100); do
		amctl ls /profile/cap/bulletsvr 2>/dev/null | grep -q default && break
		sleep 0.1
	done
	[ "$(stat -c %a /etc/amoeba/root)" = 640 ] || fail "mode of the root line"
	amctl root show >"$SHARED/root" || fail "root show"
	amctl mkdir -p /home/a/b /home/a || fail "mkdir -p"
	mkdir -p "$work/tree/deep/er" "$work/tree/empty"
	head -c 3000000 /dev/urandom >"$work/tree/large"
	: >"$work/tree/nothing"
	printf '#!/bin/sh\necho run\n' >"$work/tree/deep/script"
	printf 'x' >"$work/tree/deep/er/!name,with~signs"
	ln -s ../large "$work/tree/deep/link"
	amctl put -r "$work/tree" /home/tree 2>"$work/err" || fail "put -r: $(cat "$work/err")"
	(cd "$work/tree" && find . -type f -o -type l | sort | xargs -d '\n' cksum) \
		>"$SHARED/sums"
	ln -s ../deep "$work/tree/deep/loop"
	mkfifo "$work/tree/pipe"
	: >"$work/tree/a blank"		# no name of the original's, nor of ours
	amctl put -r "$work/tree" /home/again 2>"$work/err" && fail "a pipe was stored"
	grep -q 'a blank: bad argument (.*ASCII' "$work/err" || fail "$(cat "$work/err")"
	grep -q 'deep/loop: leads back' "$work/err" || fail "$(cat "$work/err")"
	grep -q 'pipe: neither a file nor a directory (' "$work/err" || fail "$(cat "$work/err")"
fi
barrier stored

if [ "$NODE" = 2 ]; then
	amctl join "$(cat "$SHARED/root")" 2>/dev/null || fail "join"
	amctl join "$(cat "$SHARED/root")" 2>/dev/null || fail "join again"
	amctl join '1:2:3:4:5:6/7(FF)/1:2:3:4:5:6' 2>/dev/null && fail "join with another line"
	[ "$(amctl root show)" = "$(cat "$SHARED/root")" ] || fail "root show"
	amctl get -r /home/tree "$work/got" 2>/dev/null || fail "get -r"
	(cd "$work/got" && find . -type f | sort | xargs -d '\n' cksum) >"$work/sums"
	cmp "$SHARED/sums" "$work/sums" || fail "the tree came back changed"
	[ -d "$work/got/empty" ] || fail "the empty directory"
	[ "$("$work/got/deep/script")" = run ] || fail "the script does not run"
	[ "$(amctl get /home/tree/deep/script - | head -1)" = '#!/bin/sh' ] || fail "get to stdout"
	[ "$(amctl ls /home/tree | tr '\n' ' ')" = "deep empty large nothing " ] ||
		fail "ls: $(amctl ls /home/tree)"
	amctl -j ls -l /home/tree | python3 -c 'import json, sys
d = {e["name"]: e for e in json.load(sys.stdin)}
assert d["large"]["size"] == 3000000 and d["large"]["kind"] == "file", d
assert d["nothing"]["size"] == 0 and d["deep"]["kind"] == "dir", d' || fail "-j ls -l"

	# a capability that may only read: in hand it reads, it does not destroy
	cap=$(amctl -j cap show /home/tree/large | python3 -c 'import json, sys
print(json.load(sys.stdin)["capability"])')
	read=$(amctl cap restrict "$cap" 0x02) || fail "restrict"
	[ "$(amctl get "$read" - | cksum)" = "$(cksum <"$work/got/large")" ] || fail "read by cap"
	[ "$(amctl cap restrict "$read" 0x08 | grep -c '(0)')" = 1 ] || fail "rights grew"
	none=$(amctl cap restrict "$cap" 0)
	amctl get "$none" - 2>"$work/err" >/dev/null && fail "read without the right"
	grep -q '^amctl: get: .*(.*)$' "$work/err" || fail "$(cat "$work/err")"
	amctl get "${cap%?}0" - 2>/dev/null >/dev/null && [ "${cap%?}0" != "$cap" ] &&
		fail "read with a false check field"

	# names
	amctl mkdir /home/tree 2>/dev/null && fail "mkdir of what exists"
	amctl put /etc/passwd /home/tree/deep || fail "put into a directory"
	amctl get /home/tree/deep/passwd - | cmp - /etc/passwd || fail "put into a directory"
	amctl put /etc/group /home/tree/deep/passwd || fail "put over a file"
	amctl get /home/tree/deep/passwd - | cmp - /etc/group || fail "put over a file"
	amctl put - /home/tree/input </etc/passwd || fail "put -"
	amctl get /home/tree/input - | cmp - /etc/passwd || fail "put -"
	amctl rm /home/tree 2>/dev/null && fail "rm of a full directory"
	amctl rm /home/tree/input /home/nosuch 2>/dev/null && fail "rm of what is not there"
	amctl ls /home/tree/input 2>/dev/null && fail "the name is there after rm"
	amctl rm -r /home/tree || fail "rm -r"
	amctl get "$cap" - >/dev/null 2>&1 && fail "the file is there after rm -r"
	amctl ls /home/tree 2>/dev/null && fail "the tree is there after rm -r"
	amctl rm -r / 2>/dev/null && fail "rm -r /"
	amctl ls /profile >/dev/null || fail "the graph after rm -r /"
	amctl doctor >"$work/doctor" || fail "doctor: $(cat "$work/doctor")"
	grep -Eq '^ok +directory' "$work/doctor" && grep -Eq '^ok +files' "$work/doctor" ||
		fail "doctor: $(cat "$work/doctor")"
fi
barrier done
if [ "$NODE" = 1 ]; then
	kill "$bulletd" "$dird"
	wait "$bulletd" || fail "bulletd ended with $?: $(cat "$work/bulletd")"
	wait "$dird" || fail "dird ended with $?: $(cat "$work/dird")"
fi
barrier stopped
if [ "$NODE" = 2 ]; then
	amctl doctor >"$work/doctor" && fail "doctor is content without servers"
	grep -A1 '^FAIL  directory' "$work/doctor" | grep -q -- '-> ' ||
		fail "doctor: $(cat "$work/doctor")"
	amctl ls 2>"$work/err" && fail "ls without a server"
	[ "$(wc -l <"$work/err")" = 1 ] || fail "$(cat "$work/err")"
fi
exit $bad
