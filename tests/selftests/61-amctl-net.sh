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

# amctl monitor in the background, as $monitor; until it listens
monitoring()
{
	amctl -j monitor "$@" >/tmp/events 2>&1 &
	monitor=$!
	for ((i = 0; i < 200; i++)); do
		awk -v p=$monitor '$2 == 16 && $3 == p && $4 !~ /^0+$/ { f = 1 } END { exit !f }' \
			/proc/net/netlink && return
		sleep 0.1
	done
	fail "amctl monitor does not listen"
}

# is this true of the event e that was seen?
event()
{
	python3 -c "import json, sys
e = json.loads(open('/tmp/events').readline())
sys.exit(not ($1))" || fail "event: $(cat /tmp/events)"
}

monitoring count 1
amctl net add eth0 weight 5 trusted off || fail "net add"
wait $monitor || fail "monitor"
event 'e["event"] == "network up" and e["dev"] == "eth0"'
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
	for ((i = 0; i < 100; i++)); do
		port=$(js 'd[0]["port"], d[0]["servers"], d[0]["waiting"]' port 2>/dev/null)
		[ "$port" = "0d:6e:00:b1:2a:fe 1 1" ] && break
		sleep 0.1
	done
	[ "$port" = "0d:6e:00:b1:2a:fe 1 1" ] || fail "port: $(amctl port)"
	[ "$(js 'len(d)' addr)" -ge 1 ] || fail "addr: $(amctl addr)"
fi
barrier served
if [ "$NODE" = 2 ]; then
	monitoring routes count 1
	[ "$($echo_client d:6e:0:b1:2a:fe hello)" = hello ] || fail "the call"
	wait $monitor || fail "monitor routes"
	event 'e["event"] == "route new" and e["dev"] == "eth0"'
	event 'e["location"] == "52:54:00:00:00:01" and len(e["address"]) > 15'
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
[ "$NODE" = 2 ] && monitoring routes count 1
amctl net del eth0 || fail "net del"
[ "$(js 'len(d)' net)" = 0 ] || fail "a network after it was deleted"
if [ "$NODE" = 2 ]; then
	wait $monitor || fail "monitor routes"
	event 'e["event"] == "route lost" and e["location"] == "52:54:00:00:00:01"'
fi
exit $bad
