#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# amctl net, route, neigh, addr, port, stat, monitor: between two machines, as text and as JSON.
# nodes: 2
# timeout: 120

set -u
bad=0
fail() { echo "FAIL: $*"; bad=1; }
# a value out of amctl -j: js 'expression over d' amctl arguments
js()
{
	local expr=$1
	shift
	amctl -j "$@" | python3 -c "import json, sys; d = json.load(sys.stdin); print($expr)"
}

[ -c /dev/amoeba ] || modprobe amoeba || exit 1
[ "$(js 'len(d)' net list)" = 0 ] || fail "networks before any was added"
[ "$(amctl net)" = "no network: amctl net add DEV" ] || fail "text of no network"

timeout 60 amctl -j monitor count 1 >/tmp/events &
monitor=$!
sleep 0.5
amctl net add eth0 weight 5 trusted off || fail "net add"
wait $monitor || fail "monitor"
python3 -c 'import json
e = json.loads(open("/tmp/events").readline())
assert e["event"] == "network up" and e["dev"] == "eth0", e' || fail "event: $(cat /tmp/events)"
[ "$(js 'd[0]["dev"], d[0]["weight"], d[0]["trusted"], d[0]["state"]' net list)" = \
	"eth0 5 False up" ] || fail "$(amctl net)"
amctl net set eth0 weight 3 trusted on || fail "net set"
[ "$(js 'd[0]["weight"], d[0]["trusted"]' net list eth0)" = "3 True" ] || fail "$(amctl net)"
amctl net set eth0 up off
[ "$(js 'd[0]["state"]' net list)" = off ] || fail "up off: $(amctl net)"
amctl net set eth0 up on
[ "$(js 'd[0]["state"]' net list)" = up ] || fail "up on: $(amctl net)"
barrier nets

echo_server=$AMOEBA_TREE/build/userland/bin/echo_server
echo_client=$AMOEBA_TREE/build/userland/bin/echo_client
if [ "$NODE" = 1 ]; then
	$echo_server 1:2:3:4:5:6 >/dev/null &
	server=$!
	sleep 0.5
	[ "$(js 'd[0]["port"], d[0]["servers"], d[0]["waiting"]' port)" = \
		"0d:6e:00:b1:2a:fe 1 1" ] || fail "port: $(amctl port)"
	[ "$(js 'len(d)' addr)" -ge 1 ] || fail "addr: $(amctl addr)"
fi
barrier served
if [ "$NODE" = 2 ]; then
	[ "$($echo_client d:6e:0:b1:2a:fe hello)" = hello ] || fail "the call"
	[ "$(js 'd[0]["port"], d[0]["state"]' port cache)" = "0d:6e:00:b1:2a:fe known" ] ||
		fail "cache: $(amctl port cache)"
	mac=$(js 'd[0]["location"]' neigh)
	[ "$mac" = 52:54:00:00:00:01 ] || fail "neigh: $(amctl neigh)"
	address=$(js 'd[0]["address"]' route)
	[ "$(js 'd[0]["location"], d[0]["dev"]' route get "$address")" = "$mac eth0" ] ||
		fail "route get $address: $(amctl route)"
	[ "$(js '[c["value"] for c in d if c["counter"] == "calls_ok"][0]' stat)" = 1 ] ||
		fail "stat: $(amctl stat)"
fi
barrier called
[ "$NODE" = 1 ] && kill "$server"
# every listing is JSON, whatever there is
for c in net route neigh addr port "port cache" stat; do
	js 'len(d)' $c >/dev/null || fail "-j $c"
	amctl $c >/dev/null || fail "$c"
done
amctl net del eth0 || fail "net del"
[ "$(js 'len(d)' net)" = 0 ] || fail "a network after it was deleted"
exit $bad
