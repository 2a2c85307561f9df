#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What only a wide header holds goes from one machine of our kind to the other and back.
#
# nodes: 1
# suites: kind
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules

# wide headers that have been sent, from what NS heard
pair w1 w2
request="object=2147483648 rights=4294967295 check=0102030405060708090a0b0c site=3735928559"
request="$request command=-2 extra=305419896 offset=1099511627776 size=18446744073709551615"
reply="object=4294967295 rights=256 check=f1f2f3f4f5f6f7f8f9fafbfc site=1"
reply="$reply command=-100000 extra=65536 offset=-1099511627776 size=4294967296"
serve w2 room=200000 count=0 $reply

# there and back: what was sent is what arrives, in one packet and in many
for n in 0 1369 1370 1371 1402 1403 100000; do
	head -c "$n" /dev/urandom >"$tmp/data"
	in_ns w1 "$tests/rpc_client" port=$putport $request data="$tmp/data" room=200000 \
		out="$tmp/back" >"$tmp/cli" 2>&1
	grep -q "verdict 0 .*rep_len $n .* $reply\$" "$tmp/cli" && cmp -s "$tmp/data" "$tmp/back" ||
		fail "$n bytes, at the client: $(cat "$tmp/cli")"
	tail -1 "$tmp/srv" | grep -q "^request .* len $n .* port=$putport .* $request\$" ||
		fail "$n bytes, at the server: $(tail -1 "$tmp/srv")"
done
echo "w1 has received $(stat_of w1 replies_received) replies"

# within the machine there is no wire to be too narrow for it
in_ns w2 "$tests/rpc_client" port=$putport $request >"$tmp/cli" 2>&1
grep -q "verdict 0 .* $reply\$" "$tmp/cli" || fail "local: $(cat "$tmp/cli")"

# a port of eight bytes is none yet
for ns in w1 w2; do
	[ "$(stat_of $ns drop_wide)" = 0 ] || fail "$ns: drop_wide"
	[ "$(stat_of $ns drop_kind)" = 0 ] || fail "$ns: drop_kind"
done
finish
