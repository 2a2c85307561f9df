#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# procd: its identity, whom jobs run as and what they see, rights, wrong descriptors and requests,
# what it leaves behind when a job, a client or procd itself ends or is killed.
# nodes: 2
# timeout: 500

set -u
. "$AMOEBA_TREE/tests/selftests/src/pool_lib.bash"

"$bin/procd" --help | grep -q -- --lease || fail "--help"
"$bin/procd" --version | grep -q procd || fail "--version"
refused 2 'no number' "$bin/procd" --jobs 0
refused 2 'no number' "$bin/procd" --cache -1
refused 2 'no user' "$bin/procd" --user nosuchuser
refused 2 'user and group 0' "$bin/procd" --user root
refused 2 'no name for a host' "$bin/procd" --name a/b
refused 2 "what is 'stray'" "$bin/procd" stray
refused 1 'Not a directory' "$bin/procd" --state /etc/passwd/x
refused 2 'for procd itself' "$bin/procd" --job-init

pool_start
amctl="$bin/amctl"
on() { local h=$1; shift; "$amctl" run -n --on "$h" "$@"; }

# identity: drawn once, secret, kept
same "mode of the identity" 600 "$(stat -c %a $state/id)"
same "mode of the state" 700 "$(stat -c %a $state)"
cap=$("$bin/procd" --print-cap)
refused 1 'another procd is using it' "$bin/procd"
if [ "$NODE" = 1 ]; then
	[ "$cap" != "$(on node2 cat /dev/null; cat "$SHARED/cap.2" 2>/dev/null)" ] ||
		fail "two hosts, one capability"

	# whom, where, how
	same "user" "nobody" "$(on node2 id -un)"
	same "root anywhere" "0" "$(on node2 sh -c 'ps -eo uid= | grep -cw 0')"
	same "no new privileges" "1" "$(on node2 sed -n 's/^NoNewPrivs:\t//p' /proc/self/status)"
	same "capabilities" "0000000000000000" \
		"$(on node2 sed -n 's/^CapPrm:\t//p' /proc/self/status)"
	same "directory" "/tmp/job" "$(on node2 pwd)"
	same "group" "1" "$(on node2 grep -c amoeba-procd-node2/job- /proc/self/cgroup)"
	same "files" "" "$(on node2 sh -c 'ls -A /tmp/job /var/tmp /dev/shm | grep -v :')"
	same "environment" "PATH=/usr/local/bin:/usr/bin:/bin" "$(on node2 env | grep ^PATH=)"
	same "secrets" "" "$(PASSWORD=x "$amctl" run -n --on node2 env | grep PASSWORD)"
	same "variable" "A=b" "$("$amctl" run -n --on node2 --env A=b env | grep ^A=)"
	on node2 cat $state/id 2>/dev/null && fail "a job reads the identity"
	on node2 ls $state 2>/dev/null && fail "a job reads the state"
	on node2 cat /etc/amoeba/root 2>/dev/null && fail "a job reads the root line"
	on node2 sh -c 'echo x >/etc/job' 2>/dev/null && fail "a job writes to /etc"
	on node2 cat /dev/amoeba 2>/dev/null && fail "a job opens the device"

	for c in rights bad stream lease; do
		"$check" $c node2 || fail "proc_check $c over the wire"
		"$check" $c node1 || fail "proc_check $c here"
	done
	"$check" run-bad || fail "proc_check run-bad"
	"$check" fuzz node2 300 1 || fail "random requests over the wire"
	"$check" fuzz node1 300 2 || fail "random requests here"
fi
barrier checked 200
clean "after the checks"
barrier clean

# a job that tries to outlive itself: a session of its own, ignoring signals
if [ "$NODE" = 1 ]; then
	on node2 sh -c 'trap "" HUP TERM INT; setsid sleep 777 & (setsid sleep 778 &) ; exit 5'
	same "status" 5 $?
fi
barrier escaped
alive sleep 777 && fail "a process outlived its job"
alive sleep 778 && fail "a process outlived its job"
clean "after an escape"
barrier clean

# a client that is killed: its job ends with its lease
if [ "$NODE" = 1 ]; then
	"$amctl" run -n --on node2 sleep 779 &
	client=$!
fi
barrier client-started
[ "$NODE" = 1 ] || within 10 alive sleep 779 || fail "the job did not start"
barrier client-seen
if [ "$NODE" = 1 ]; then
	kill -9 $client
	wait $client 2>/dev/null
fi
[ "$NODE" = 1 ] || within 60 dead sleep 779 || fail "the job outlived its lease"
barrier client-gone 120

# procd is killed: its jobs end; it comes back with the same capability and clears up
if [ "$NODE" = 1 ]; then
	"$amctl" run -n --on node2 sleep 780 2>"$work/err" &
	client=$!
fi
barrier victim-started
if [ "$NODE" = 2 ]; then
	within 10 alive sleep 780 || fail "the job did not start"
	kill -9 $procd
	wait $procd 2>/dev/null
	within 10 dead sleep 780 || fail "a job outlived procd"
	procd_start
	within 30 is_up node2 || fail "node2 did not come back: $(cat "$work/procd.log")"
	same "capability after a restart" "$cap" "$("$bin/procd" --print-cap)"
fi
barrier victim-over 120
if [ "$NODE" = 1 ]; then
	wait $client
	same "status of a run whose host was lost" 125 $?
	grep -q 'contact was lost' "$work/err" || fail "no word of it: $(cat "$work/err")"
	same "afterwards" ok "$(on node2 echo ok)"
fi
barrier again

# an entry that is lost comes back; a name that is taken is not taken away
if [ "$NODE" = 2 ]; then
	"$bin/procd" --name node1 --state "$work/second" 2>"$work/second.log" &
	second=$!
	within 20 grep -q 'another host has this name' "$work/second.log" ||
		fail "no complaint about the name: $(cat "$work/second.log")"
	kill $second; wait $second || fail "the second procd: status $?"
fi
pool_stop
exit $bad
