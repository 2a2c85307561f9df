#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One message of 1 GiB over veth: the largest there is. For kernels without KASAN.
#
# nodes: 1
# suites: big
# kernels: deb-6.12 newest x86-fast
# mem: 6G
# timeout: 1200

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
len=${LEN:-1073741824}
ns a b
link a va b vb
sysctl -q net.flip.reass_bytes=4000000000
in_ns b sysctl -q net.flip.reass_bytes=4000000000
receiver b "$tmp/b" count 1 rcvbuf 1073741823 timeout 1000000
grep -i '^slab\|^memavail' /proc/meminfo >"$tmp/before"
in_ns a "$tool" send "$address" "$len" >"$tmp/send" 2>&1 || fail "$(cat "$tmp/send")"
cat "$tmp/send"
wait "${background[-1]}" || fail "receiver: $(cat "$tmp/b")"
expect "arrived" "$(tail -1 "$tmp/b")" "len $len from * hops 3 flags 0x0"
expect "no drops" "$(in_ns b "$nl" dump stat-get | grep 'drop.*value=[1-9]')" ""
expect "one byte more" "$(in_ns a "$tool" send "$address" 1073741825 2>&1)" "*Message too long"
finish
