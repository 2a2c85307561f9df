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
	await 20 amctl cap show /profile/cap/bulletsvr/default ||
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

hosts=$(amctl -j host list | grep -c '"name"\|"host"')
[ "$hosts" = "$NODES" ] || die "$hosts of $NODES hosts in the pool: $(amctl host list)"
amctl host list | while IFS= read -r line; do result "host $line"; done

stage store
src=/var/tmp/demo-src
rm -rf "$src"
mkdir -p "$src"
(cd "$AMOEBA_TREE" && tar -c userland cap include uapi) |
	tar -x -C "$src" || die "the sources cannot be copied"
amctl put -r "$src" /home/amoeba 2>"$log/put" || die "$(tail -1 "$log/put")"
result "stored $(tail -1 "$log/put" | sed 's/^put: //') in /home/amoeba"
rm -rf "$src"

stage build
amctl make --bar --tree /home/amoeba -f userland/Makefile \
	2> >(tee "$log/make" | sed -un 's/^compile: \([0-9]*\)%.*/DEMO part \1/p')
status=$?
sleep 0.2			# tee has written
[ $status = 0 ] || die "amctl make: $(grep -E 'rror|amctl:' "$log/make" | head -3 | tr '\n' ' ')"
line=$(sed -n 's/^amctl: make: \([0-9]* compiled:.*\)/\1/p' "$log/make" | tail -1)
result "built ${line%%:*} in ${line#*; }"
line=${line#*: }
echo "${line%%;*}" | tr ',' '\n' | while read -r where count; do
	result "where $where: $count"
done

stage run
# the amctl that was just built, with the library that was just built, on another machine:
# restrict a capability whose answer is known
out=/home/amoeba/build/userland
amctl get $out/lib/libamoeba.so.1 /var/tmp/libamoeba.so.1 2>"$log/lib" ||
	die "$(tail -1 "$log/lib")"
other=node$NODES
program="amctl cap restrict 'F:89:5:C8:FE:FF/7(FF)/1:2:3:4:5:6' 0x0e"
answer=$(amctl run --on "$other" --env LD_LIBRARY_PATH=. --in /var/tmp/libamoeba.so.1=libamoeba.so.1 \
	"amoeba:$out/bin/amctl" cap restrict 'F:89:5:C8:FE:FF/7(FF)/1:2:3:4:5:6' 0x0e \
	2>"$log/run") || die "amctl run: $(tail -1 "$log/run")"
[ "$answer" = "F:89:5:C8:FE:FF/7(E)/4C:7E:76:29:F1:79" ] ||
	die "the program says '$answer'"
result "program $program, on $other"
result "output $answer"
barrier built 3600
