#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A machine that was started anew sends back what is for an address of before (NOTHERE). Promptly: the
# request surely was not executed, and goes to another server within the call. More than a second after
# it left: the machine may have executed it before, and this may be a duplicate; so nobody else gets it,
# and the client is told "maybe".
#
# nodes: 1
# kernels: uml-debug
# time: travel

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"

# boot NS MAC: a machine on the bridge; again: the same MAC, another kernel
boot()
{
	ip netns del "$1" 2>/dev/null
	ip netns add "$1" &&
	ip link add name "p$1" netns mid type veth peer name e0 address "$2" netns "$1" &&
	ip -n mid link set "p$1" master br0 up && ip -n "$1" link set e0 up &&
	in_ns "$1" "$amctl" net add e0 || { fail "$1 does not boot"; exit 1; }
}

# after MS: the server's machine is started anew, and what it sends takes MS; what becomes of a call
after()
{
	serve s count=0
	in_ns c "$tests/rpc_client" port=$putport >"$tmp/cli" 2>&1
	grep -q 'verdict 0' "$tmp/cli" || fail "$1 ms, before: $(cat "$tmp/cli")"
	kill -9 $(ip netns pids s)
	wait $server 2>/dev/null
	boot s 02:00:00:00:00:02
	serve s count=0
	in_ns s tc qdisc add dev e0 root netem delay "$1"ms
	in_ns c "$tests/rpc_client" port=$putport >"$tmp/cli" 2>&1
	echo "NOTHERE after $1 ms: $(head -1 "$tmp/cli")"
	in_ns s tc qdisc del dev e0 root
	kill -9 $(ip netns pids s)
	wait $server 2>/dev/null
}

command -v tc >/dev/null || skip "tc is not installed (iproute2)"
need_modules
modprobe sch_netem 2>/dev/null
namespaces+=(mid c s)
ip netns add mid && ip -n mid link add br0 type bridge && ip -n mid link set br0 up || exit 1
boot c 02:00:00:00:00:01
boot s 02:00:00:00:00:02

after 300
grep -q 'verdict 0 ' "$tmp/cli" || fail "an honest NOTHERE is not believed: $(cat "$tmp/cli")"
before=$(stat_of c drop_bounce)
after 1500
grep -q 'verdict -1 ' "$tmp/cli" || fail "a late NOTHERE: $(cat "$tmp/cli")"
[ "$(stat_of c drop_bounce)" -gt "$before" ] || fail "no NOTHERE came late"
finish
