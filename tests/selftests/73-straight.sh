#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Large data of transactions within one network namespace is copied once, from process to process:
# every size, offset and kind of memory, bad buffers on either side, processes that are killed while
# their data is copied, buffers of calls that are over, a gigabyte in a machine that has less.
#
# nodes: 1
# suites: local
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
ip link set lo up
# what is copied through the kernel for a client that has just been killed still counts for its user,
# who is ours, too: 256 MiB
sysctl -q net.amoeba.max_user_bytes=400000000 || fail "sysctl"
"$tests/rpc_straight" || fail "rpc_straight"
for n in local_straight local_missed; do
	v=$(awk -v n=$n '$1 == n { print $2 }' /proc/net/amoeba/stat)
	echo "$n $v"
	[ "${v:-0}" -gt 10 ] || fail "$n is $v: not both ways were taken"
done
finish
