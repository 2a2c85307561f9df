#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an idle network costs: nothing on the wire, and no timer or work more than once a second.
#
# nodes: 1
# suites: idle distribution
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
nl=$tests/flip_nl
trace=/sys/kernel/tracing
seconds=12

packets() { in_ns "$1" "$nl" dump net-get | grep -o '[rt]x-packets=[0-9]*' | tr '\n' ' '; }

pair i1 i2
# they know each other, and have a server, routes and credits
in_ns i2 "$tests/rpc_server" getport=$getport echo=1 count=0 >"$tmp/srv" 2>&1 &
for ((i = 0; i < 100; i++)); do
	in_ns i2 grep -q 'waiting 1' /proc/net/amoeba/ports && break
	sleep 0.1
done
head -c 100000 /dev/urandom >"$tmp/data"
in_ns i1 "$tests/rpc_client" port=$putport data="$tmp/data" room=200000 count=3 >"$tmp/cli" 2>&1
grep -q "call 2 verdict 0" "$tmp/cli" || fail "calls: $(cat "$tmp/cli" "$tmp/srv")"
# the last acknowledgements and the sweeps after them
sleep 5

[ -d $trace/events ] || mount -t tracefs tracefs $trace 2>/dev/null
on=
for e in timer/timer_expire_entry workqueue/workqueue_execute_start; do
	[ -e $trace/events/$e/enable ] && echo 1 >$trace/events/$e/enable && on=1
done
before="$(packets i1)$(packets i2)"
sleep $seconds
after="$(packets i1)$(packets i2)"
if [ -n "$on" ]; then
	echo 0 >$trace/events/enable
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
