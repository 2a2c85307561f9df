#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every mistake at amctl gets one line naming object, cause and remedy, and an exit status.
# nodes: 1
# timeout: 120

set -u
bad=0
out=$(mktemp) err=$(mktemp)

# status, object, the command line
mistake()
{
	local want=$1 object=$2 got
	shift 2
	timeout 30 amctl "$@" >"$out" 2>"$err"
	got=$?
	[ $got = "$want" ] && [ ! -s "$out" ] && [ "$(wc -l <"$err")" = 1 ] &&
	grep -Eq "^amctl: ${object:+$object: }.+ \(.+\)\$" "$err" && return
	echo "FAIL: amctl $*: status $got, wanted $want; $(wc -l <"$err") lines: $(cat "$err")"
	bad=1
}

# before anything is loaded
if [ ! -c /dev/amoeba ]; then
	mistake 1 net net list
	mistake 1 stat stat
	mistake 1 port port
	mistake 1 ls ls '1:2:3:4:5:6/7(FF)/1:2:3:4:5:6'
	amctl doctor >"$out" 2>&1 && { echo "FAIL: doctor is content without modules"; bad=1; }
	modprobe amoeba || exit 1
fi

mistake 1 net net add nosuchdev
mistake 1 net net add lo weight 3
mistake 1 net net del eth0
mistake 1 net net set eth0 trusted off
mistake 1 net net list eth0
amctl net add eth0 || { echo "FAIL: net add eth0"; bad=1; }
mistake 1 net net add eth0
mistake 2 net net add eth0 weight 26
mistake 2 net net set eth0 weight -1
mistake 2 net net frobnicate
mistake 2 '' frobnicate
mistake 1 route route get 01:02:03:04:05:06:07:00
mistake 2 route route get 01:02
# no root line
rm -f /etc/amoeba/root
unset AMOEBA_ROOT
for c in ls "mkdir /a" "rm /a" "put /etc/passwd /a" "get /a" "root show"; do
	mistake 1 "${c%% *}" $c
done
mistake 1 join join nonsense
mistake 1 join join '0:0:0:0:0:0/0(0)/0:0:0:0:0:0'
# a line that is none
mkdir -p /etc/amoeba
echo nonsense >/etc/amoeba/root
mistake 1 ls ls
head -c 100000 /dev/zero | tr '\0' A >/etc/amoeba/root
mistake 1 ls ls
rm -f /etc/amoeba/root
# nobody serves it
mistake 1 ls ls '1:2:3:4:5:6/7(FF)/1:2:3:4:5:6'
# without the right to configure, without the right to the device
if id nobody >/dev/null 2>&1; then
	cp "$(command -v amctl)" /tmp/amctl 2>/dev/null
	setpriv --reuid=nobody --regid=nogroup --clear-groups amctl net del eth0 2>"$err" >"$out"
	[ $? = 1 ] && [ "$(wc -l <"$err")" = 1 ] && grep -q '(.*)$' "$err" ||
		{ echo "FAIL: net del as nobody: $(cat "$err")"; bad=1; }
	setpriv --reuid=nobody --regid=nogroup --clear-groups \
		amctl ls '1:2:3:4:5:6/7(FF)/1:2:3:4:5:6' 2>"$err" >"$out"
	[ $? = 1 ] && grep -q 'group amoeba' "$err" ||
		{ echo "FAIL: ls as nobody: $(cat "$err")"; bad=1; }
fi
# a device and names that are as long as they come
mistake 1 net net add "$(head -c 4000 /dev/zero | tr '\0' x)"
mistake 2 '' "$(head -c 4000 /dev/zero | tr '\0' x)"
amctl net del eth0 || { echo "FAIL: net del eth0"; bad=1; }
rm -f "$out" "$err"
exit $bad
