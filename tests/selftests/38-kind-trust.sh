#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One machine reaches a server over an untrusted network; others, who have a trusted way, go on
# calling it. And a network that becomes trusted is so for the next call.
#
#	x -- r -- s	x does not trust its network
#	a --/
#
# nodes: 1
# suites: kind
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
[ -c /dev/amoeba ] || modprobe amoeba || { echo "FAIL: modprobe amoeba"; exit 1; }

ns x r a s
link x e0 r rx
link a e0 r ra
link s e0 r rs
serve s count=0
background+=($server)
address=$(in_ns s "$nl" dump addr-get | sed -n 's/^address=\([0-9a-f]*\) .*/\1/p')

# call NS VERDICT WHAT
call()
{
	in_ns "$1" "$tests/rpc_client" port=$putport >"$tmp/cli" 2>&1
	grep -q "verdict $2 " "$tmp/cli" || fail "$3: verdict $2 expected: $(cat "$tmp/cli")"
}

call a 0 "at first"
in_ns x "$nl" net-set ifname e0 trusted 0 >/dev/null || fail "net-set"
for i in 1 2 3; do
	check "x finds it" in_ns x "$tool" send "$address" 1 flags 1 ltime 1000
	call a 0 "after x found it"
done

# really untrusted: surely not executed; trusted again: at once
in_ns r "$nl" net-set ifname rs trusted 0 >/dev/null || fail "net-set"
call a -9 "over an untrusted network"
call a -9 "over an untrusted network"
in_ns r "$nl" net-set ifname rs trusted 1 >/dev/null || fail "net-set"
call a 0 "trusted again"
finish
