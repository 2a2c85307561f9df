#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# guest.sh NAME ARGS - the guests' side of the harness' own tests.

set -u
name=$1
here=$(dirname "$(realpath "$0")")
fail() { echo "failed: $*"; exit 1; }

case $name in
script)
	[ "$2" = "an argument" ] && [ "$3" = '$with "quotes"' ] && [ $# = 3 ] || fail arguments
	[ "$NODE $NODES" = "1 1" ] || fail "NODE $NODE NODES $NODES"
	[ "$(id -u)" = 0 ] || fail "not root"
	[ "$(cat "$SHARED/in")" = "from the host" ] || fail "shared folder"
	echo "from node $NODE" >"$SHARED/result"
	[ -e "$AMOEBA_TREE/tests/vm/README.md" ] || fail "no tree at $AMOEBA_TREE"
	[ "$(cat /sys/class/net/eth0/address)" = 52:54:00:00:00:01 ] || fail eth0
	[ -z "$(ip -4 addr show dev eth0 | grep inet)" ] || fail "eth0 has an address"
	! grep -Eq '^(flip|amoeba)' /proc/modules || fail "modules are loaded already"
	reboot_node 1 2>/dev/null && fail "a reboot nobody allowed"
	unshare -U -r true || fail "no user namespaces"
	unshare -n ip link add v0 type veth peer name v1 || fail "no network namespaces"
	echo "sees all"
	;;
throwaway)
	: >"$here/trace" || fail "the tree takes no changes"
	[ -e "$here/trace" ] || fail "the tree forgets changes"
	# by the back door: the host's root once more, not under the overlay
	mkdir /run/back
	if grep -q hostfs /proc/filesystems; then
		# its one option has no name, which mount(8) can pass on only the old way
		LIBMOUNT_FORCE_MOUNT2=always mount -t hostfs -o / back /run/back || fail "hostfs"
	else
		mount -t 9p -o trans=virtio,version=9p2000.L root /run/back || fail "9p"
	fi
	rm -f "/run/back$here/guest.sh"
	: 2>/dev/null >"/run/back$here/trace"
	[ -s "/run/back$here/guest.sh" ] || fail "the host's root can be written to"
	umount /run/back
	# all of /usr takes minutes on a debug kernel: what a machine cannot do without
	rm -rf /usr/bin /usr/sbin /usr/lib/os-release 2>/dev/null
	[ -e /usr/bin/ls ] && fail "/usr/bin/ls is still there"
	echo "nothing left of /usr/bin"
	exit 0
	;;
segment)
	ip addr add 10.7.0.$NODE/24 dev eth0
	barrier addresses || exit 1
	for ((n = 1; n <= NODES; n++)); do
		ping -q -c 3 -i 0.2 -W 5 10.7.0.$n >/dev/null || fail "node $n does not answer"
	done
	barrier pinged || exit 1
	ip link set eth0 down
	ip link set eth0 up
	barrier again || exit 1
	for ((n = 1; n <= NODES; n++)); do
		ping -q -c 2 -i 0.2 -W 5 10.7.0.$n >/dev/null || fail "node $n is lost"
	done
	barrier done || exit 1
	echo "reached all"
	;;
barriers)
	# each turn a different node is late; nobody may run ahead of it
	for turn in 1 2 3 4 5 6; do
		if [ $((turn % NODES + 1)) = "$NODE" ]; then
			sleep 0.5
			: >"$SHARED/late.$turn"
		fi
		barrier again || exit 1
		[ -e "$SHARED/late.$turn" ] || fail "ran ahead in turn $turn"
	done
	;;
missed_barrier)
	[ "$NODE" = 2 ] && exit 0
	barrier never 30
	exit $?
	;;
worst_status)
	case $NODE in
	2) exit 5;;
	3) exit 3;;
	esac
	;;
complaint)
	echo "WARNING: possible irony detected" >/dev/kmsg
	;;
panic)
	echo c >/proc/sysrq-trigger
	sleep 30
	;;
reboots)
	echo "boot $BOOT of node $NODE"
	: >/usr/mark.$BOOT
	[ "$(ls /usr/mark.*)" = "/usr/mark.$BOOT" ] || fail "the root of another boot"
	[ "$(cat /sys/class/net/eth0/address)" = 52:54:00:00:00:0$NODE ] || fail eth0
	ip addr add 10.7.0.$NODE/24 dev eth0
	if [ "$NODE" = 1 ]; then
		barrier up || exit 1
		for ((n = 0; n < 100; n++)); do [ -s "$SHARED/alive" ] && break; sleep 0.1; done
		reboot_node 2 || fail "the power of node 2 is not cut"
		! ping -q -c 1 -W 1 10.7.0.2 >/dev/null || fail "node 2 is not off"
		barrier up.again || exit 1
		ping -q -c 3 -i 0.2 -W 5 10.7.0.2 >/dev/null || fail "node 2 is lost"
		barrier end
		exit
	fi
	case $BOOT in
	1)	barrier up || exit 1
		trap 'echo "saw it come"' EXIT TERM
		echo yes >"$SHARED/alive"	# in the cache of a machine whose power is cut
		sync "$SHARED/alive"
		echo lost >"$SHARED/lost"
		sleep 1000 ;;
	2)	[ "$(cat "$SHARED/alive")" = yes ] || fail "what was synced is lost"
		echo "BUG: of the second boot" >/dev/kmsg
		reboot_node
		fail "node 2 did not reboot" ;;
	3)	barrier up.again && barrier end ;;
	*)	fail "boot $BOOT" ;;
	esac
	;;
time_out)
	sleep 1000
	;;
travel)
	[ "$TIME_TRAVEL" = yes ] || fail "TIME_TRAVEL is '$TIME_TRAVEL'"
	begin=$(date +%s) up=$(cut -d. -f1 /proc/uptime)
	sleep 600 & sleep 300; wait
	[ $(($(date +%s) - begin)) = 600 ] || fail "600 s took $(($(date +%s) - begin)) s"
	[ $(($(cut -d. -f1 /proc/uptime) - up)) = 600 ] || fail "another clock"
	# who computes takes no time, and does not keep others from running
	i=0
	while [ $((++i)) -lt 20000 ]; do :; done
	[ $(($(date +%s) - begin)) = 600 ] || fail "computing takes time"
	timeout 50 sleep 100
	[ $? = 124 ] || fail "timeout does not end sleep"
	echo "ten minutes later"
	;;
leak_stays)
	insmod "$SHARED/vm_leak.ko" || fail "insmod"
	;;
leak_goes)
	insmod "$SHARED/vm_leak.ko" && rmmod vm_leak || fail "insmod, rmmod"
	;;
travel_late)
	sleep 1000000
	;;
travel_stuck)
	while :; do :; done
	;;
*)
	fail "no test $name"
	;;
esac
