#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The modules come and go: alone, with namespaces and networks, with another family and none.
#
# nodes: 1
# leaks: scan
# suites: load
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
[ -d /sys/module/flip ] && [ ! -d /sys/module/flip/holders ] && skip "flip is built in"
rmmod amoeba 2>/dev/null
rmmod flip 2>/dev/null
family() { cat /sys/module/flip/parameters/family; }

check "modprobe flip" modprobe flip
expect "family" "$(family)" 18
[ -d /proc/sys/net/flip ] || fail "no net.flip sysctls"
check "unused, it unloads" rmmod flip
[ -d /proc/sys/net/flip ] && fail "sysctls outlive the module"

# namespaces made before and after
ns early
check "again" modprobe flip
ns late
link early e0 late l0
receiver late "$tmp/out" count 1000 echo 1
check "ping" in_ns early "$tool" ping "$address" 100 3
rmmod flip 2>/dev/null && fail "unloads under an open socket"
kill "${background[0]}"
wait "${background[0]}" 2>/dev/null
background=()
check "unloads with networks and routes in use" wait_for 5 rmmod flip
ip netns del early
ip netns del late

# other families
check "family=0" modprobe flip family=0
expect "family" "$(family)" 0
python3 - <<'PY' || fail "family=0 still has sockets"
import socket, sys
try:
    socket.socket(18, socket.SOCK_DGRAM)
    sys.exit(1)
except OSError as e:
    import errno
    sys.exit(e.errno != errno.EAFNOSUPPORT)
PY
# all else is there: networks, and transactions over them
check "family=0: amoeba" modprobe amoeba
ns zero nil
link zero z0 nil n0
serve nil count=1
check "family=0: a call" in_ns zero "$tests/rpc_client" port=$putport
grep -q "verdict 0" "$tmp/check" || fail "family=0: $(cat "$tmp/check")"
wait $server
ip netns del zero
ip netns del nil
check "family=0: without amoeba" wait_for 10 rmmod amoeba
check "unload" rmmod flip
check "family=22" modprobe flip family=22
expect "family" "$(in_ns_none() { "$tool" family; }; in_ns_none)" 22
ns one
receiver one "$tmp/out" count 1 timeout 100
expect "address" "$address" "????????????????"
wait "${background[-1]}"
background=()
ip netns del one
check "unload" rmmod flip
modprobe flip family=2 2>/dev/null && fail "takes the number of IPv4"
[ -d /sys/module/flip ] && fail "half loaded after a failure"

# many times, with what it does at once
for i in 1 2 3 4 5; do
	modprobe flip && ip link add name dm0 type dummy && ip link set dm0 up &&
		"$nl" net-add ifname dm0 >/dev/null && rmmod flip && ip link del dm0 ||
		{ fail "round $i"; break; }
done
check "autoload by family number" modprobe -n --resolve-alias net-pf-18
finish
