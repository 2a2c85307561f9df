#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What idle networks, a wire and an overlay, cost: nothing sent, and no timer or work more than once
# a second.
#
# nodes: 1
# suites: idle distribution
# time: travel
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
nl=$tests/flip_nl
trace=/sys/kernel/tracing
seconds=12
[ "${TIME_TRAVEL:-}" = yes ] && seconds=120	# costs nothing

packets() { in_ns "$1" "$nl" dump net-get | grep -o '[rt]x-packets=[0-9]*' | tr '\n' ' '; }

pair i1 i2
# two networks, one of them an overlay
ip -n i1 addr add 10.77.0.1/24 dev va
ip -n i2 addr add 10.77.0.2/24 dev vb
in_ns i1 "$amctl" net add over udp peer 10.77.0.2 && in_ns i2 "$amctl" net add over udp peer 10.77.0.1 ||
	fail "overlay"
# they know each other, and have a server, routes and credits
serve i2 count=0
head -c 100000 /dev/urandom >"$tmp/data"
in_ns i1 "$tests/rpc_client" port=$putport data="$tmp/data" room=200000 count=3 >"$tmp/cli" 2>&1
grep -q "call 2 verdict 0" "$tmp/cli" || fail "calls: $(cat "$tmp/cli" "$tmp/srv")"
# the last acknowledgements and the sweeps after them
settled()
{
	local was
	was="$(packets i1)$(packets i2)"
	sleep 4
	[ "$was" = "$(packets i1)$(packets i2)" ]
}
wait_for 20 settled || fail "there is always something to be said"

[ -d $trace/events ] || mount -t tracefs tracefs $trace 2>/dev/null
on=
for e in timer/timer_expire_entry workqueue/workqueue_execute_start; do
	[ -e $trace/events/$e/enable ] && echo 1 >$trace/events/$e/enable && on=1
done
before="$(packets i1)$(packets i2)"
begin=$SECONDS
sleep $seconds
[ -n "$on" ] && echo 0 >$trace/events/enable
seconds=$((SECONDS - begin))		# as long as it really was
after="$(packets i1)$(packets i2)"
if [ -n "$on" ]; then
	grep -oE 'function=(flip|amrpc)[a-z_0-9]*' $trace/trace | sort | uniq -c >"$tmp/ran"
	cat "$tmp/ran"
	ran=$(awk '{ n += $1 } END { print n + 0 }' "$tmp/ran")
	[ "$ran" -le $seconds ] || fail "$ran timers and works in $seconds s"
else
	echo "# this kernel does not trace timers and works"
fi
[ "$before" = "$after" ] || fail "packets on an idle network: $before, then $after"
echo "$after"
finish
