#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Wrong calls on FLIP sockets, on the netlink family and on the sysctls: each has its errno, and the
# netlink errors say what to do.
#
# nodes: 1
# suites: badinput
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
ns a
check "sockets" in_ns a "$tests/flip_badinput"

bad_nl() { local what=$1 want=$2; shift 2; expect "$what" "$(in_ns a "$nl" "$@" 2>&1)" "$want"; }
ip -n a link add name d0 type dummy
ip -n a link add name small type dummy
ip -n a link set d0 up
ip -n a link set small mtu 200
bad_nl "no device named" "error 22: no device named*" net-add
bad_nl "no such device" "error 19: no such device*" net-add ifname nix
bad_nl "no such index" "error 19: no such device*" net-add ifindex 4711
bad_nl "name too long" "error 22: Attribute failed policy*" net-add ifname aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
bad_nl "not Ethernet" "error 22: device is not Ethernet-like*" net-add ifname lo
bad_nl "small MTU" "error 22: MTU of the device is below 256*" net-add ifname small
bad_nl "weight 0" "error 34: *" net-add ifname d0 weight 0
bad_nl "weight 26" "error 34: *" net-add ifname d0 weight 26
bad_nl "trusted 2" "error 34: *" net-add ifname d0 trusted 2
bad_nl "not a network" "error 2: not a FLIP network*" net-set ifname d0 weight 3
bad_nl "not a network" "error 2: not a FLIP network*" net-del ifname d0
bad_nl "no such number" "error 2: not a FLIP network*" net-get index 99
bad_nl "added" "index=1 *ifname=d0 weight=25 trusted=0 up=1 running=1 *" \
	net-add ifname d0 weight 25 trusted 0
bad_nl "twice" "error 17: device is a FLIP network already*" net-add ifname d0
bad_nl "nothing to change" "error 22: nothing to change*" net-set ifname d0
bad_nl "two devices" "error 22: ifindex and ifname name different*" \
	net-get ifname d0 ifindex 1
bad_nl "no address" "error 22: no address given*" route-get
bad_nl "short address" "error 34: *" route-get address 112233
bad_nl "no route" "error 2: no route to this address*" route-get address 1122334455667788
for i in $(seq 2 32); do
	ip -n a link add name "n$i" type dummy
	in_ns a "$nl" net-add ifname "n$i" >/dev/null || fail "network $i"
done
ip -n a link add name n33 type dummy
bad_nl "33 networks" "error 28: namespace has 32 FLIP networks*" net-add ifname n33
expect "dump" "$(in_ns a "$nl" dump net-get | grep -c ifname=)" 32
bad_nl "deleted" "" net-del ifname n32
bad_nl "number is not used again" "index=33 *" net-add ifname n33

# without the right to configure: another user, and root of a user namespace that does not own ours
expect "nobody" "$(in_ns a setpriv --reuid 65534 --clear-groups "$nl" net-del index 1 2>&1)" "error 1:*"
expect "nobody may look" "$(in_ns a setpriv --reuid 65534 --clear-groups "$nl" dump net-get |
	grep -c ifname=)" 32
expect "foreign root" "$(in_ns a unshare -U -r "$nl" net-del index 1 2>&1)" "error 1:*"
# and with it, but only there: limits of memory are not the guest's
unshare -U -r -n bash -c '
	"$1" info-get >/dev/null || echo "no info"
	ip link add d0 type dummy && ip link set d0 up || echo "no device"
	"$1" net-add ifname d0 >/dev/null || echo "cannot add"
	"$2" family >/dev/null || echo "no family"
	echo 7 >/proc/sys/net/flip/max_routes && echo "limit is writable"
	true' x "$nl" "$tool" >"$tmp/userns" 2>/dev/null
expect "own user namespace" "$(cat "$tmp/userns")" ""

# sysctls
sys() { in_ns a sh -c "echo $2 >/proc/sys/net/flip/$1" 2>/dev/null; }
for v in "forwarding 2" "forwarding -1" "max_routes 1" "max_routes 99999999" "locate_rate 0" \
	"route_idle_s 9" "rmem_default 100" "reass_bytes 1" "raw_group_range -1" "raw_group_range 7" "max_locates x"; do
	sys $v && fail "net.flip.$v is taken"
done
sys max_routes 1000 || fail "net.flip.max_routes 1000"
expect "limits in info" "$(in_ns a "$nl" info-get)" "*family=* max-message=1073741824 max-hops=25 max-networks=32 networks=32 max-routes=1000 *"
"$AMOEBA_TREE/flip/gen/flip-nl-gen" --check || fail "generated netlink files are stale"
finish
