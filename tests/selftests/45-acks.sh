#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Between our kind a reply is acknowledged by the client's next request, or a little later: nobody has
# to ask for it, nothing is kept that is not wanted, and nothing is executed twice.
#
# nodes: 1
# suites: kind
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
pair c s

# what NS has counted since the last call of mark
declare -A was
mark() { local n; for n in "$@"; do was[$n]=$(stat_of "${n%%.*}" "${n#*.}"); done; }
since() { echo $(($(stat_of "${1%%.*}" "${1#*.}") - was[$1])); }
all="c.acks_owed c.acks_with_request s.acks_taken s.received_sent s.drop_notx s.requests_served
	s.replies_resent s.replies_lost"
is() { [ "$(since "$1")" "$2" "$3" ] || fail "$what: $1 moved by $(since "$1"), not $2 $3"; }
call() { in_ns c "$tests/rpc_client" port=$putport "$@" >"$tmp/cli" 2>&1; }
good() { [ "$(grep -c "verdict 0" "$tmp/cli")" = "$1" ] || fail "$what: $(cat "$tmp/cli")"; }
# how many control messages the server has got
acks() { echo $(($(in_ns s "$tests/flip_nl" dump net-get | grep -o 'rx-packets=[0-9]*' | tr -dc 0-9))); }
settled() { local n; n=$(acks); sleep 0.3; [ "$n" = "$(acks)" ]; }

serve s count=0 combined=1
call && good 1

what="one after the other"
mark $all
before=$(acks)
call count=300 && good 300
wait_for 5 settled
is c.acks_owed -eq 300
is s.requests_served -eq 300
is s.received_sent -eq 0
is s.drop_notx -eq 0
[ "$(since c.acks_with_request)" = "$(since s.acks_taken)" ] ||
	fail "$what: $(since c.acks_with_request) said, $(since s.acks_taken) heard"
# on a busy machine some take more time than an acknowledgement waits
is c.acks_with_request -ge 200
packets=$(($(acks) - before))
[ $packets -eq $((600 - $(since s.acks_taken))) ] ||
	fail "$what: $packets packets for 300 requests, $(since s.acks_taken) acknowledgements in them"
echo "300 calls: $packets packets to the server"

what="each by itself"
mark $all
call count=5 gap_ms=150 && good 5
wait_for 5 settled
is c.acks_owed -eq 5
is c.acks_with_request -eq 0
is s.received_sent -eq 0
is s.drop_notx -eq 0

what="more than a packet"
head -c 3000 /dev/urandom >"$tmp/data"
mark $all
call count=5 data="$tmp/data" room=4000 && good 5
wait_for 5 settled
is c.acks_owed -eq 0
is s.received_sent -eq 0

# clients that are killed: the end of the file acknowledges what it has
what="killed"
mark $all
for i in 1 2 3; do
	ip netns exec c "$tests/rpc_client" port=$putport count=100000 >/dev/null 2>&1 &
	client=$!
	sleep 0.2
	kill -9 $client
	wait $client 2>/dev/null
done
wait_for 5 settled
is s.replies_lost -eq 0
is c.acks_owed -ge 3
quiet c

# a request that is lost takes an acknowledgement along, and so may an ACK be: then the server asks
what="loss"
mark $all
in_ns c "$amctl" net set va loss 15 || fail "no loss"
in_ns s "$amctl" net set vb loss 15 || fail "no loss"
call count=25 && good 25
in_ns c "$amctl" net set va loss 0
in_ns s "$amctl" net set vb loss 0
is s.requests_served -eq 25
is s.received_sent -gt 0
echo "25 calls through loss: $(since s.received_sent) questions, $(since s.acks_taken) with a request"
kill $server
wait_for 20 nothing_left s || fail "replies of $what are still kept"
finish
