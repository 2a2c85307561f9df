#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two machines on one Ethernet.
#
# nodes: 2
# suites: smoke
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
check "net-add eth0" "$nl" net-add ifname eth0
barrier up
if [ "$NODE" = 2 ]; then
	"$tool" recv count 100000 echo 1 timeout 100000 >"$tmp/out" &
	background+=($!)
	wait_for 10 test -s "$tmp/out"
	head -1 "$tmp/out" >"$SHARED/address"
fi
barrier ready
if [ "$NODE" = 1 ]; then
	read -r address <"$SHARED/address"
	for len in 0 1 60 1458 1459 30000 300000; do
		check "$len bytes" "$tool" ping "$address" $len 3
	done
	expect "neighbour" "$("$nl" dump neigh-get)" "*ifname=eth0 location=525400000002 *routes=1 *"
	expect "gaps" "$(stat_here() { "$nl" dump stat-get | grep -c "drop.* value=[1-9]"; }; stat_here)" 0
fi
barrier "done"
finish
