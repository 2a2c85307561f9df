#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# batch.sh SECONDS:NODES:TEST... - in a guest: run selftests one after the other, each on the first
# NODES machines, as if they were fresh; a machine no later one needs ends.  A test gets a throw-away layer over the node's root; afterwards its
# processes, links, namespaces and modules go.  $SHARED/NAME.log.NODE is what it said,
# $SHARED/NAME.status.NODE its status and seconds; a test that the machine cannot be cleaned
# of ends the batch, and the host goes on with new machines.

set -u
layers=/run/layers

# Starting a program takes up to a quarter of a second in an emulated debug kernel: hence few.

clean() {
	local n left links=() eth0=()
	# every process but init and this one
	kill -KILL -1 2>/dev/null
	ip -all netns delete
	for n in /sys/class/net/*; do
		[ -L "$n" ] || continue		# bonding_masters
		n=${n##*/}
		case $n in
		lo)	;;
		eth0)	eth0=("addr flush dev eth0" "link set eth0 nomaster up" "link set eth0 promisc off")
			printf 'qdisc del dev eth0 %s\n' root clsact | tc -force -batch - 2>/dev/null ;;
		*)	links+=("link delete $n") ;;
		esac
	done
	# the second end of a pair goes with the first
	printf '%s\n' "${links[@]}" "${eth0[@]}" | ip -force -batch - 2>/dev/null
	for ((n = 0; n < 150; n++)); do
		left=
		while read -r m _; do
			case $m in amoeba*|flip*) left+=" $m" ;; esac
		done </proc/modules
		[ -z "$left" ] && break
		[ $n = 0 ] || sleep 0.1
		# users first
		rmmod amoeba flip amoeba_cap 2>/dev/null
	done
	if [ -n "$left" ]; then
		echo "modules still in use after the test:$left"
		return 1
	fi
	umount -R "$layers" 2>/dev/null || umount -l "$layers"
}

run() {
	local limit=$1 test=$2 d
	local fstab="test $layers/root overlay lowerdir=/,upperdir=$layers/up,workdir=$layers/work"
	[ -d $layers ] || mkdir $layers
	mount -t tmpfs layers $layers || return 1
	for d in /proc /sys /dev /run; do
		fstab+=$'\n'"$d $layers/root$d none rbind"
	done
	for d in /lib/amoeba "/lib/modules/${release:=$(uname -r)}"; do
		[ -d "$d" ] && fstab+=$'\n'"$d $layers/root$d none bind"
	done
	mkdir $layers/{up,work,root}
	echo "$fstab" >$layers/fstab
	mount -a -T $layers/fstab || return 1
	timeout -k 5 "$limit" unshare -m bash -c '
		cd "$1/root" && mount -n --move . / || exit 125
		exec chroot . bash -c "cd \"\$1\"; exec bash \"\$2\"" bash "$2" "$3"' \
		bash $layers "$AMOEBA_TREE" "$test"
}

for job in "$@"; do
	IFS=: read -r limit NODES test <<<"$job"
	[ "$NODE" -le "$NODES" ] || continue
	export NODES
	name=${test##*/} name=${name%.sh}
	[ "$NODES" = 1 ] || barrier "begin.$name" 120 || exit 1
	echo "check: begin $name" >/dev/kmsg
	begin=$SECONDS
	run "$limit" "$test" >"$SHARED/$name.log.$NODE" 2>&1 </dev/null
	status=$?
	[ $status = 124 ] && echo "not ok: took longer than $limit seconds" \
		>>"$SHARED/$name.log.$NODE"
	seconds=$((SECONDS - begin))
	[ "$NODES" = 1 ] || barrier "end.$name" $((limit + 60)) || exit 1
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
