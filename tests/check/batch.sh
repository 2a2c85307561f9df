#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# batch.sh SECONDS:TEST... - in a guest: run selftests one after the other, each as if the
# machine were fresh.  A test gets a throw-away layer over the node's root; afterwards its
# processes, links, namespaces and modules go.  $SHARED/NAME.log.NODE is what it said,
# $SHARED/NAME.status.NODE its status and seconds; a test that the machine cannot be cleaned
# of ends the batch, and the host goes on with new machines.

set -u
layers=/run/layers

clean() {
	local m n left
	# every process but init and this one
	kill -KILL -1 2>/dev/null
	for n in $(ip netns list 2>/dev/null | cut -d' ' -f1); do
		ip netns delete "$n"
	done
	for n in /sys/class/net/*; do
		n=${n##*/}
		case $n in lo|eth0) ;; *) ip link delete "$n" 2>/dev/null;; esac
	done
	tc qdisc del dev eth0 root 2>/dev/null
	tc qdisc del dev eth0 clsact 2>/dev/null
	ip addr flush dev eth0
	ip link set eth0 nomaster up 2>/dev/null
	ip link set eth0 promisc off
	for ((n = 0; n < 50; n++)); do
		left=$(cut -d' ' -f1 /proc/modules | grep -E '^(amoeba|flip)')
		[ -z "$left" ] && break
		for m in $left; do
			rmmod "$m" 2>/dev/null
		done
		sleep 0.1
	done
	if [ -n "$left" ]; then
		echo "modules still in use after the test: $left"
		return 1
	fi
	umount -R "$layers" 2>/dev/null || umount -l "$layers"
}

run() {
	local limit=$1 test=$2 d
	mkdir -p $layers
	mount -t tmpfs layers $layers || return 1
	mkdir $layers/{up,work,root}
	mount -t overlay -o "lowerdir=/,upperdir=$layers/up,workdir=$layers/work" \
		test $layers/root || return 1
	for d in proc sys dev run; do
		mount --rbind /$d $layers/root/$d
	done
	for d in /lib/amoeba "/lib/modules/$(uname -r)"; do
		[ -d "$d" ] && mkdir -p "$layers/root$d" && mount --bind "$d" "$layers/root$d"
	done
	timeout -k 5 "$limit" unshare -m bash -c '
		mount --make-rprivate / && cd "$1/root" && mount -n --move . / || exit 125
		exec chroot . bash -c "cd \"\$1\"; exec bash \"\$2\"" bash "$2" "$3"' \
		bash $layers "$AMOEBA_TREE" "$test"
}

for job in "$@"; do
	limit=${job%%:*} test=${job#*:}
	name=$(basename "$test" .sh)
	barrier "begin.$name" 120 || exit 1
	echo "check: begin $name" >/dev/kmsg
	begin=$SECONDS
	run "$limit" "$test" >"$SHARED/$name.log.$NODE" 2>&1 </dev/null
	status=$?
	[ $status = 124 ] && echo "not ok: took longer than $limit seconds" \
		>>"$SHARED/$name.log.$NODE"
	seconds=$((SECONDS - begin))
	barrier "end.$name" $((limit + 60)) || exit 1
	cd /
	if ! clean >>"$SHARED/$name.log.$NODE" 2>&1; then
		echo "$name: $(tail -n 1 "$SHARED/$name.log.$NODE")"
		echo "1 $seconds" >"$SHARED/$name.status.$NODE"
		sync
		exit 3
	fi
	echo "$status $seconds" >"$SHARED/$name.status.$NODE"
	echo "$name: status $status after $seconds s"
done
exit 0
