# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the selftests of the processor pool: node 1 has the directory and the files, every
# node a process server, the last but one server is rund on node 1.
#
# pool_start [PROCD OPTIONS]   starts all of it and waits until every node is in the pool
# pool_stop                    ends it in order; nothing may be left behind

. "$AMOEBA_TREE/tests/selftests/src/wait.bash"
bad=0
fail() { echo "FAIL: $*"; bad=1; }
bin=$AMOEBA_TREE/build/userland/bin
check=$AMOEBA_TREE/build/userland/tests/proc_check
work=$(mktemp -d)
chmod 755 "$work"
state=/var/lib/amoeba/procd
name=node$NODE

# COMMAND succeeds within SECONDS
within() { wait_for "$@" >/dev/null 2>&1; }

# NAME WANTED GOT
same() { [ "$2" = "$3" ] || fail "$1: '$3' instead of '$2'"; }

# one line that names the cause, and the status
refused() {
	local status=$1 want=$2 got; shift 2
	"$@" >"$work/refused" 2>&1 </dev/null; got=$?
	[ $got = "$status" ] || fail "status $got, not $status: $*"
	[ "$(wc -l <"$work/refused")" = 1 ] || fail "not one line: $(cat "$work/refused")"
	grep -q -- "$want" "$work/refused" || fail "no '$want' in: $(cat "$work/refused")"
}

procd_start() {
	"$bin/procd" "$@" 2>>"$work/procd.log" &
	procd=$!
}

in_pool() { "$bin/amctl" ls /profile/pool 2>/dev/null | grep -qx "$1"; }
is_up() { "$bin/amctl" host list 2>/dev/null | grep -q "^$1 *up"; }

pool_start() {
	local n
	[ -c /dev/amoeba ] || modprobe amoeba || exit 1
	"$bin/amctl" net add eth0 || exit 1
	mkdir -p /var/lib/amoeba
	if [ "$NODE" = 1 ]; then
		"$bin/dird" >"$work/dird.log" 2>&1 &
		dird=$!
		within 20 test -s /etc/amoeba/root || { cat "$work/dird.log"; exit 1; }
		"$bin/bulletd" --volume "$work/volume" --size 128M >"$work/bulletd.log" 2>&1 &
		bulletd=$!
		"$bin/rund" >"$work/rund.log" 2>&1 &
		rund=$!
		cp /etc/amoeba/root "$SHARED/root.tmp" && mv "$SHARED/root.tmp" "$SHARED/root"
	else
		within 60 test -s "$SHARED/root" || { fail "no root line"; exit 1; }
		"$bin/amctl" join "$(cat "$SHARED/root")" || exit 1
	fi
	procd_start "$@"
	for ((n = 1; n <= NODES; n++)); do
		within 60 is_up "node$n" || {
			fail "node$n is not up: $("$bin/amctl" host list 2>&1)"
			cat "$work"/*.log
			exit 1
		}
	done
	if [ "$NODE" = 1 ]; then
		within 30 in_pool .run || { fail "no run server: $(cat "$work/rund.log")"; exit 1; }
		within 30 "$bin/amctl" ls /profile/cap/bulletsvr/default
	fi
	barrier pool-started 120
}

# processes of jobs, their directories and groups
leftovers() {
	ls "$state/jobs" 2>/dev/null
	ls -d /sys/fs/cgroup/amoeba-procd-*/job-* 2>/dev/null
	# the end of one that was orphaned is for the machine's first process to hear
	ps -eo stat=,pid=,user=,args= |
		awk '$1 !~ /^Z/ && ($3 == "nobody" || /[p]rocd --job-init/)'
}

# is a process whose arguments are exactly these alive?
alive() { ps -eo args= | grep -qxF "$*"; }
dead() { ! alive "$@"; }

nothing_left() { [ -z "$(leftovers)" ]; }

clean() {
	within 10 nothing_left || fail "$1: left behind on $name: $(leftovers | tr '\n' ' ')"
}

pool_stop() {
	clean "at the end"
	barrier pool-idle 120
	kill "$procd"
	wait "$procd" || fail "procd ended with status $?: $(cat "$work/procd.log")"
	[ -d /sys/fs/cgroup/amoeba-procd-$name ] && fail "its control group is left"
	barrier pool-stopped 120
	if [ "$NODE" = 1 ]; then
		for s in rund bulletd dird; do
			kill "${!s}"
			wait "${!s}" || fail "$s ended with status $?: $(cat "$work/$s.log")"
		done
	fi
	barrier pool-over 120
}
