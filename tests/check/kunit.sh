#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kunit.sh - in a guest: load every KUnit module of the project, or take what is built in,
# and print the results as KUnit keeps them.  Status 1 when a suite failed.

set -u
results=/sys/kernel/debug/kunit
if [ ! -d $results ]; then
	echo "this kernel has no KUnit"
	exit 77
fi
loaded=
for m in "$AMOEBA_MODULES"/*kunit*.ko; do
	[ -e "$m" ] || continue
	m=$(basename "$m" .ko)
	modprobe "$m" || { echo "failed: modprobe $m"; exit 1; }
	loaded="$m $loaded"
done
found=0
for r in $results/*/results; do
	[ -e "$r" ] || continue
	found=1
	cat "$r"
done
[ $found = 1 ] || { echo "failed: no suite has run"; exit 1; }
grep -hq '^not ok' $results/*/results && exit 1
for m in $loaded; do
	rmmod "$m" || { echo "failed: rmmod $m"; exit 1; }
done
exit 0
