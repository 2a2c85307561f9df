#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# builtin.sh - in a guest whose kernel has the project built in: is it there, does it work?

set -u
fail() { echo "failed: $*"; exit 1; }

[ -z "$(cut -d' ' -f1 /proc/modules | grep -E '^(flip|amoeba)')" ] || fail "loaded as modules"
[ -c /dev/amoeba ] || fail "no /dev/amoeba"
grep -qi flip /proc/net/protocols || fail "FLIP is not among the protocols"
bin=$AMOEBA_TREE/build/userland/bin
"$bin/amctl" net add eth0 || fail "amctl net add eth0"
"$bin/amctl" net list || fail "amctl net list"
out=/run/builtin
"$bin/echo_server" 1:2:3:4:5:6 >$out &
server=$!
for ((i = 0; i < 100; i++)); do
	[ -s $out ] && break
	sleep 0.05
done
text=$("$bin/echo_client" "$(cat $out)" "built in")
kill $server
[ "$text" = "built in" ] || fail "a transaction: '$text'"
