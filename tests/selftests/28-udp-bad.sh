#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# UDP overlays: bad requests and bad datagrams; going away under traffic.
#
#	a, b and c at one bridge
#
# nodes: 1
# suites: badinput
# timeout: 400

. "$AMOEBA_TREE/tests/selftests/src/udp_lib.bash"
lan a b c

# refused WORDS ARG...: in namespace a
refused()
{
	local words=$1
	shift
	in_ns a "$amctl" net add bad0 udp "$@" >"$tmp/refused" 2>&1 && fail "taken: $*"
	grep -q -- "$words" "$tmp/refused" || fail "udp $*: got $(cat "$tmp/refused"), want $words"
}

receiver b "$tmp/b" count 100000 echo 1 timeout 1000000
b=$address

# ---- bad requests -----------------------------------------------------------------------------
over a peer 10.0.0.2
over b peer 10.0.0.1
refused "UDP port is in use" peer 10.0.0.2
refused "needs a group, peers" port 99
refused "no multicast address" group 10.0.0.2
refused "no address of a host" peer 239.1.1.1
refused "no address of a host" peer 0.0.0.0
refused "named twice" port 99 peer 10.0.0.2 peer 10.0.0.3 peer 10.0.0.2:99
refused "none of this namespace" port 99 local 10.0.0.77 peer 10.0.0.2
refused "local does not go" port 99 local 10.0.0.1 group 239.1.1.1
refused "ttl goes with a group" port 99 ttl 4 peer 10.0.0.2
refused "not within" ttl 256 group 239.1.1.1
refused "no device for the overlay" port 99 peer 10.0.0.2 dev nosuch
if ipv6; then
	refused "link-local" group ff02::8146
	refused "link-local" peer fe80::1
	refused "IPv4 and of IPv6" peer 10.0.0.2 peer fd00::2
fi
refused "not within" port 0 peer 10.0.0.2
refused "not within" port 65536 peer 10.0.0.2
refused "no address of a peer" peer 10.0.0.2.3
refused "more than 64 peers" $(for i in $(seq 65); do echo peer 10.7.0.$i; done)
in_ns a setpriv --reuid 65534 --regid 65534 --clear-groups "$amctl" net add bad0 udp port 99 \
	peer 10.0.0.2 >"$tmp/refused" 2>&1 && fail "anybody makes an overlay"
grep -q CAP_NET_ADMIN "$tmp/refused" || fail "no right to: $(cat "$tmp/refused")"
check "64 peers" in_ns a "$amctl" net add many0 udp port 99 $(for i in $(seq 64); do echo peer 10.7.0.$i; done)
expect "all are shown" "$(in_ns a "$amctl" -j net list many0 | grep -o 'peer 10.7' | wc -l)" 64
check "ip link removes it too" ip -n a link del many0
in_ns a "$amctl" net add amo0 udp port 99 peer 10.0.0.2 >"$tmp/refused" 2>&1 && fail "a name twice"
grep -q "device of this name" "$tmp/refused" || fail "a name twice: $(cat "$tmp/refused")"
ip -n a link set amo0 netns b 2>/dev/null && fail "an overlay changes its namespace"
ip -n a link add bad0 type flip_udp 2>/dev/null && fail "ip link makes an overlay of nothing"
for x in "udp-peers 00" "udp-peers 00000000000000000000ffff0a000002" "udp-group 00" "udp-local 00" \
	"udp-port 0 udp-peers 00000000000000000000ffff0a0000020000" "udp-dev e0" \
	"udp-peers $(printf '%037d' 0)"; do
	out=$(in_ns a "$nl" net-new ifname bad0 $x) && fail "net-new takes $x: $out"
done
out=$(in_ns a "$nl" net-new udp-peers 00000000000000000000ffff0a0000020000) && fail "no name: $out"
out=$(in_ns a "$nl" net-new ifname a/b udp-peers 00000000000000000000ffff0a0000020000) &&
	fail "a name with a slash: $out"
ip -n a link show bad0 >/dev/null 2>&1 && fail "refused, and a device is there"

# no memory, at each place where some is wanted
if [ -e /sys/kernel/debug/failslab ]; then
	echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
	echo 0 >/sys/kernel/debug/failslab/verbose
	check "without memory" in_ns a python3 "$AMOEBA_TREE/tests/selftests/src/udp_fail.py" e0 \
		"$AMOEBA_TREE/uapi/linux/flip_netlink.h"
	cat "$tmp/check"
	ip -n a link show fail0 >/dev/null 2>&1 && fail "an overlay that was not made is there"
	in_ns a ss -nulH | grep -q ':200 ' && fail "a socket of an overlay that was not made"
else
	echo "no failslab here"
fi

# ---- bad datagrams ----------------------------------------------------------------------------
cat >"$tmp/flood.py" <<'PY'
import os, random, socket, sys
to = (sys.argv[2], 8146)
random.seed(1)

def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    return s

def send(s, data):
    for i in range(100):
        try:
            return s.sendto(data, to)
        except OSError:
            pass

if sys.argv[1] == "bad":        # from the port of the overlay that was here
    s = udp(8146)
    for i in range(20):
        send(s, b""); send(s, b"\1"); send(s, b"\1\0\0")
        send(s, b"\0\0\0\0"); send(s, b"\2\0\0\0"); send(s, b"\1\0\1\0"); send(s, b"\1\0\xff\xff")
        send(s, b"\1\7\0\0"); send(s, b"\1\xff\0\0")
        send(s, b"\1\0\0\0"); send(s, b"\1\0\0\0" + bytes(40)); send(s, b"\1\3\0\0" + bytes(15))
        send(s, b"\1\0\0\0\1\3\0\0\3\0\3\0" + bytes(16) + b"\0\0\0\0\xff\xff\xff\xff" + bytes(8))
    for i in range(2000):
        send(s, bytes([1, random.randrange(8), 0, random.randrange(256)]) +
             os.urandom(random.randrange(100)))
    for i in range(200):
        send(s, os.urandom(random.randrange(1400)))
elif sys.argv[1] == "stranger":
    s = udp(8199)
    for i in range(50):
        send(s, b"\1\0\0\0\1\1\0\0" + bytes(36))
else:                           # more than the table holds
    for port in range(10000, 11200):
        s = udp(port)
        send(s, b"\1\2\0\1")
        s.close()
PY
# rises NAME: a counter of b has grown since $before
before=$(in_ns b "$nl" dump stat-get)
rises()
{
	local was
	was=$(sed -n "s/^name=$1 value=\([0-9]*\) *$/\1/p" <<<"$before")
	[ "$(stat b "$1")" -gt "$was" ]
}
in_ns c python3 "$tmp/flood.py" stranger 10.0.0.2
wait_for 10 rises drop_udp_source || fail "a stranger is not noticed"
in_ns a "$amctl" net del amo0
in_ns a python3 "$tmp/flood.py" bad 10.0.0.2
for x in short udp_header fc_type version; do
	wait_for 10 rises drop_$x || fail "drop_$x does not count: $(stat b drop_$x)"
done
over a peer 10.0.0.2
check "after bad datagrams" in_ns a "$tool" ping "$b" 30000 1

for n in a b; do over $n group 239.8.1.46 dev e0; done
check "a and b know each other" in_ns a "$tool" ping "$b" 30000 1
in_ns c python3 "$tmp/flood.py" many 10.0.0.2
# on a slow machine the first of them may have been silent for long when the last come
full() { rises drop_udp_full || rises udp_evicted; }
wait_for 10 full || fail "the table of peers is never full"
check "and still do" wait_for 30 in_ns a "$tool" ping "$b" 30000 1 timeout 2000

# ---- going away -------------------------------------------------------------------------------
touch "$tmp/go"
( while [ -e "$tmp/go" ]; do
	ip netns exec a "$tool" ping "$b" 100000 2 timeout 300 ltime 300 patience 300
	ip netns exec a "$tool" send all 100 count 5
done >/dev/null 2>&1 ) & traffic=$!
for i in 1 2 3; do
	ip -n b link set amo0 down; sleep 0.1; ip -n b link set amo0 up; sleep 0.1
	over b group 239.8.1.46 dev e0; sleep 0.1
	over a group 239.8.1.46 dev e0; sleep 0.1
	ip -n a link set amo0 mtu $((400 + i)); sleep 0.1
	ip -n a link del amo0; sleep 0.1
	over a group 239.8.1.46 dev e0
done
ip -n a link set e0 down; sleep 0.2; ip -n a link set dev e0 up
ip -n a link set amo0 down
ip -n a link set amo0 name amo1
ip -n a link set amo1 up
check "after all that" wait_for 10 in_ns a "$tool" ping "$b" 30000 1
expect "renamed" "$(in_ns a "$nl" dump net-get)" "*ifname=amo1 *udp-port=8146 *"
ip -n sw link del dev a			# the device below goes
sleep 0.3
rm "$tmp/go"
wait $traffic
# namespaces die with overlays, sockets and messages
for i in 1 2 3; do
	ns "x$i"
	ip link add name e0 netns "x$i" type veth peer name "x$i" netns sw
	ip -n sw link set dev "x$i" master br0 up
	ip -n "x$i" link set dev e0 up
	ip -n "x$i" addr add 10.0.0.1$i/24 dev e0
	over "x$i" group 239.8.1.46 dev e0
	ip netns exec "x$i" "$tool" ping "$b" 200000 1000 timeout 500 ltime 500 patience 500 >/dev/null 2>&1 & p=$!
	sleep 0.3
	ip netns del "x$i"
	kill $p 2>/dev/null
	wait $p 2>/dev/null
done
gone() { ! ip -n sw link show | grep -q ' x[0-9]@'; }
wait_for 20 gone || fail "a namespace does not die: $(ip -n sw link show)"

# the module goes with overlays in use, where it is one
if grep -q '^flip ' /proc/modules; then
	over c group 239.8.1.46 dev e0
	for pid in "${background[@]}"; do kill "$pid"; done
	wait
	background=()
	wait_for 10 rmmod amoeba 2>/dev/null || fail "amoeba stays: $(grep ^amoeba /proc/modules)"
	wait_for 10 rmmod flip 2>/dev/null || fail "flip stays: $(grep ^flip /proc/modules)"
	ip -n c link show amo0 >/dev/null 2>&1 && fail "an overlay of nobody's"
fi
finish
