#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two machines of our kind tell each other so with the first port locate: then they give each other
# more credits, and larger packets where both devices take them.
#
# nodes: 1
# suites: kind
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
nl=$tests/flip_nl

# neigh NS: what NS knows of its one neighbour
neigh() { in_ns "$1" "$nl" dump neigh-get; }

# told NS QUOTA PAYLOAD WHAT
told()
{
	case "$(neigh "$1")" in
	*" quota=$2 payload=$3 "*) ;;
	*) fail "$4: $1 has $(neigh "$1"), want quota $2, payload $3" ;;
	esac
}

# call BYTES WHAT: there and back, unchanged
call()
{
	head -c "$1" /dev/urandom >"$tmp/data"
	in_ns k1 "$tests/rpc_client" port=$putport data="$tmp/data" room=2000000 out="$tmp/back" \
		>"$tmp/cli" 2>&1
	grep -q "verdict 0 .*rep_len $1 " "$tmp/cli" && cmp -s "$tmp/data" "$tmp/back" ||
		fail "$2: $1 bytes: $(cat "$tmp/cli")"
}

calls() { local n; for n in 0 1402 1403 9000 60000 1000000; do call $n "$1"; done; }

# both MTU1 MTU2: what the devices take; routes are forgotten, so that the port is located anew
both()
{
	kill $server
	wait $server 2>/dev/null
	in_ns k1 "$amctl" net del va
	in_ns k2 "$amctl" net del vb
	ip -n k1 link set va mtu "$1" && ip -n k2 link set vb mtu "$2" || fail "mtu $1 $2"
	in_ns k1 "$amctl" net add va && in_ns k2 "$amctl" net add vb || fail "net add"
	serve k2 room=2000000 count=0
}

pair k1 k2
serve k2 room=2000000 count=0
calls "MTU 1500"
told k1 64 1458 "MTU 1500"
told k2 64 1458 "MTU 1500"

both 9000 9000
calls "MTU 9000"
told k1 64 8958 "MTU 9000"
told k2 64 8958 "MTU 9000"

both 65535 65535
calls "MTU 65535"
told k1 64 65493 "MTU 65535"

# the smaller of the two binds both
both 9000 1500
calls "MTU 9000 and 1500"
told k1 64 1458 "MTU 9000 and 1500"
told k2 64 1458 "MTU 9000 and 1500"

# a device that takes less than before is not sent more than that
both 9000 9000
call 1000000 "before"
told k1 64 8958 "before"
ip -n k1 link set va mtu 1500
ip -n k2 link set vb mtu 1500
told k1 64 1458 "smaller by now"
call 1000000 "smaller by now"

# soon MS WHAT: a megabyte there and back, in so many milliseconds at most
soon()
{
	local ms
	call 1000000 "$2"
	ms=$(sed -n 's/.* ms \([0-9]*\)\..*/\1/p' "$tmp/cli")
	[ "${ms:-99999}" -le "$1" ] || fail "$2: took $ms ms"
}
is_told() { case "$(neigh "$1")" in *" payload=$2 "*) ;; *) false ;; esac; }

# only one becomes smaller: it says so
both 9000 9000
call 1000000 "before"
told k1 64 8958 "before"
ip -n k2 link set vb mtu 1500
soon 1500 "the other's is smaller by now"
told k1 64 1458 "the other's is smaller by now"
# and even smaller than what an original sends
ip -n k2 link set vb mtu 700
soon 1500 "the other's is very small"
call 1300 "a message of one packet is cut, too"
told k1 64 658 "the other's is very small"
ip -n k2 link set vb mtu 9000
wait_for 5 is_told k1 8958 || fail "larger again: k1 has $(neigh k1)"
call 1000000 "larger again"

# in the middle of a transfer
touch "$tmp/go"
in_ns k1 "$tests/rpc_client" port=$putport data="$tmp/data" room=2000000 while="$tmp/go" >"$tmp/many" 2>&1 &
many=$!
came() { [ "$(grep -c '^call' "$tmp/many")" -ge "$1" ]; }
wait_for 20 came 3
ip -n k2 link set vb mtu 1500
wait_for 20 came $(($(grep -c '^call' "$tmp/many") + 4)) || fail "no more calls: $(cat "$tmp/many")"
rm "$tmp/go"
wait $many
grep '^call' "$tmp/many" | grep -v 'verdict 0 ' && fail "calls while the other's becomes smaller: $(cat "$tmp/many")"
slowest=$(sed 's/.* ms \([0-9]*\)\..*/\1/' "$tmp/many" | sort -n | tail -1)
[ "$slowest" -le 2000 ] || fail "a call took $slowest ms while the other's became smaller"

# one that has forgotten everybody and says nothing: what comes from who still thinks so tells it
both 9000 9000
call 1000000 "before"
told k1 64 8958 "before"
in_ns k2 "$amctl" net del vb
ip -n k2 link set vb mtu 1500
in_ns k2 "$amctl" net add vb || fail "net add vb"
told k1 64 8958 "nobody has said anything"
soon 3000 "smaller since it was away"
told k1 64 1458 "smaller since it was away"

# what an original says, nothing, takes it back
both 9000 9000
call 1000000 "before"
told k2 64 8958 "before"
old=$(in_ns k1 python3 - "$AMOEBA_TREE" va <<'PY'
import socket, sys
sys.path.insert(0, sys.argv[1] + "/tests/fuzz")
import wirepeer as wp
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[2], 0))
mac = s.getsockname()[4]
body = wp.num(wp.fw.BCAST_RPC, 4, True) + wp.rpc(wp.fw.RPC_LOCATE, 1, 0, 3, port=bytes(6))
s.send(wp.ether(wp.BCAST, wp.flip(wp.fw.MULTIDATA, bytes(8), bytes([9] * 7 + [0]), body, messid=7),
                src=mac))
PY
) || fail "locate of an original: $old"
told k2 8 1458 "an original"
call 1000000 "an original on one side"
finish
