#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# node.sh - what `make demo` does on each machine. NODE, NODES, SHARED, AMOEBA_TREE and the
# command barrier are given by tests/vm/run, or by tests/demo/namespaces.
#
# usage: node.sh DEVICE
#
# Lines for tests/demo/run: "DEMO stage NAME", "DEMO say TEXT", "DEMO result KEY VALUE".

set -u
dev=$1
log=$SHARED/log.$NODE
mkdir -p "$log"
children=()

stage() { [ "$NODE" = 1 ] && echo "DEMO stage $*"; return 0; }
say() { echo "DEMO say $*"; }
result() { echo "DEMO result $*"; }

die()
{
	echo "DEMO fail node $NODE: $*"
	exit 1
}

# DAEMON ARGS...: runs until the demo ends
start()
{
	"$@" >"$log/$1" 2>&1 &
	children+=($!)
}

finish()
{
	local p

	for p in "${children[@]}"; do kill "$p" 2>/dev/null; done
	for p in "${children[@]}"; do wait "$p" 2>/dev/null; done
}
trap finish EXIT

# SECONDS COMMAND...: until the command succeeds
await()
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>"$log/await"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

stage load
[ -c /dev/amoeba ] || modprobe amoeba || die "the modules cannot be loaded"
# jobs never run as root; "nobody" is there on every Debian
hostname "node$NODE"
stage network
amctl net add "$dev" || die "FLIP cannot use $dev"

stage servers
if [ "$NODE" = 1 ]; then
	mkdir -p /var/lib/amoeba
	start dird
	await 20 test -s /etc/amoeba/root || die "dird: $(tail -1 "$log/dird")"
	start bulletd --size 512M
	await 20 amctl get /profile/cap/bulletsvr/default - || await 20 amctl ls -l /profile/cap/bulletsvr/default ||
		die "bulletd: $(tail -1 "$log/bulletd")"
	start rund
	amctl root show >"$SHARED/root.new" || die "no root line"
	mv "$SHARED/root.new" "$SHARED/root"
	say "node1: directory server, file server and run server are up"
fi
barrier root
if [ "$NODE" != 1 ]; then
	amctl join "$(cat "$SHARED/root")" >"$log/join" 2>&1 || die "$(tail -1 "$log/join")"
	say "node$NODE: joined the directory of node1"
fi
start procd
await 30 amctl ls "/profile/pool/node$NODE" || die "procd: $(tail -1 "$log/procd")"
barrier pool

if [ "$NODE" != 1 ]; then
	barrier built 3600
	exit 0
fi

hosts=$(amctl -j host list | grep -c '"name"')
[ "$hosts" = "$NODES" ] || die "$hosts of $NODES hosts in the pool: $(amctl host list)"
amctl host list | sed 's/^/DEMO say   /'

stage store
src=/var/tmp/demo-src
rm -rf "$src" /var/tmp/demo
mkdir -p "$src"
# what the userland is built from, without what earlier builds left
(cd "$AMOEBA_TREE" && tar -c --exclude=.git --exclude='*.o' userland cap include uapi) |
	tar -x -C "$src" || die "the sources cannot be copied"
amctl put -r "$src" /home/amoeba 2>"$log/put" || die "$(tail -1 "$log/put")"
say "$(tail -1 "$log/put")"
rm -rf "$src"
amctl get -r /home/amoeba /var/tmp/demo 2>"$log/get" || die "$(tail -1 "$log/get")"

stage build
begin=$(date +%s.%N)
cd /var/tmp/demo/userland || die "the tree did not come back"
amctl make -j "$((2 * NODES))" "${DEMO_TARGETS:-all}" >"$log/make" 2>&1 ||
	die "amctl make: $(grep -E 'error|Error|amctl:' "$log/make" | head -1)"
end=$(date +%s.%N)
result seconds "$(echo "$end - $begin" | bc)"
cp "$log/make" "$SHARED/make.log"

stage run
barrier built
