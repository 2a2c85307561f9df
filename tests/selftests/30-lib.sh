#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# libamoeba against the real device: within one host, then from host to host.
#
# nodes: 2
# suites: distribution
# timeout: 400

set -u
get=1:2:3:4:5:6 put=D:6E:0:B1:2A:FE
out=/run/lib_loop.$NODE
tests=$AMOEBA_TREE/build/userland/tests
bin=$AMOEBA_TREE/build/userland/bin
bad=0

fail() { echo "FAIL: $*"; bad=1; }

modprobe amoeba || { fail "modprobe amoeba"; exit 1; }

# a library of another interface version, or no device, must have been noticed by now
[ -c /dev/amoeba ] || { fail "no /dev/amoeba"; exit 1; }

# a file left from the last server, not truncated yet by the next, would be taken for its word
rm -f "$out"
# local, with a get-port of each node's own
local_get=$NODE:1:1:1:1:1
"$tests/lib_loop" serve $local_get 4 >"$out" &
server=$!
for ((i = 0; i < 600; i++)); do
	[ -s "$out" ] && break
	sleep 0.05
done
"$tests/lib_loop" check "$(head -n 1 "$out")" || fail "local checks"
kill $server
wait $server || fail "server did not stop cleanly"
grep '^served' "$out" || fail "no count from the server"

# the two examples, as the README shows them
rm -f "$out"
"$bin/echo_server" $NODE:2:2:2:2:2 >"$out" &
server=$!
for ((i = 0; i < 600; i++)); do
	[ -s "$out" ] && break
	sleep 0.05
done
text=$("$bin/echo_client" "$(cat "$out")" "hello from node $NODE")
[ "$text" = "hello from node $NODE" ] || fail "echo example: '$text'"
disown $server; kill -9 $server

# remote
"$bin/amctl" net add eth0 || fail "amctl net add eth0"
barrier net 300
if [ "$NODE" = 1 ]; then
	"$tests/lib_loop" serve $get 4 >"$out.r" &
	server=$!
fi
barrier served
if [ "$NODE" = 2 ]; then
	"$tests/lib_loop" check $put || fail "remote checks"
	text=$("$bin/echo_client" $put "over the wire") || fail "no reply over the wire"
fi
barrier checked 300
if [ "$NODE" = 1 ]; then
	kill $server
	wait $server || fail "server did not stop cleanly"
	grep '^served' "$out.r" || fail "no count from the server"
fi
barrier stopped
if [ "$NODE" = 2 ]; then
	"$bin/echo_client" $put "is anybody there" 2>"$out" && fail "a reply from a stopped server"
	grep -q 'not found' "$out" || fail "verdict of a stopped server: $(cat "$out")"
fi
exit $bad
