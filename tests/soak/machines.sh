#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# machines.sh CALLS [NAME=VALUE...] - on every node of a run with --reboots, until a file
# $SHARED/stop appears: is every one of CALLS calls executed at most once, and is each told the truth
# about it, when machines lose their power? See README.md.
#
# DESIGN NOTES
#
# Node 1 is of clients, and directs; nodes 2 to SERVERS + 1 are of servers; others of clients. What
# a machine sends passes its netem: LOSS, DUPLICATE and REORDER percent. All servers serve one port.
# Until all calls are made
#
#	servers		kill themselves at a random time up to DIE_MS, and others take their place;
#	clients		are killed, on each node one every KILL_S seconds on average, and go on;
#	machines	but node 1 are rebooted, one every REBOOT_S seconds on average: half of them are cut
#			off as they stand (reboot_node NODE, by node 1), the others find shut.NODE, kill
#			their programs, so that the others are told, and reboot by themselves.
#
# The books are logs of tests/selftests/src/race_once.c, one of each boot of each node, in $SHARED,
# which is the host's: c.NODE.BOOT of clients, s.NODE.BOOT of servers. A machine of clients that comes
# up gathers its own, so as not to make a call again.
#
# Files in $SHARED:	c.* s.* events.NODE	the books; a line for each kill and reboot
#			done.NODE		of clients: all calls are made
#			shut.NODE		from node 1: reboot; the node removes it
#			over			from node 1: it is the end
#			stop			from the host: make it the end

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
calls=${1:-10000}
shift
for setting in "$@"; do declare "$setting" || exit 2; done
servers=${SERVERS:-2} clients=$((NODES - ${SERVERS:-2})) threads=${THREADS:-48} processes=2
gap_us=${GAP_US:-0} reboots=${MOST_REBOOTS:-}
loss=${LOSS:-10} duplicate=${DUPLICATE:-10} reorder=${REORDER:-10}
die_ms=${DIE_MS:-6000} kill_s=${KILL_S:-20} reboot_s=${REBOOT_S:-15}
seed=${SEED:-1} each=$((calls / clients / threads + 1)) min_ok=$((calls / 2))
RANDOM=$((seed + NODE * 257 + BOOT * 17))
once=$tests/race_once
book=$tmp/book events=$SHARED/events.$NODE

# log KIND: of this boot
log() { echo "$SHARED/$1.$NODE.$BOOT"; }

# pause MS: without a fork
exec 8<> <(:)
pause() { read -r -t "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))" -u 8 || :; }

over() { [ -e "$SHARED/over" ]; }

# all programs of this node; those that others start meanwhile too
kill_all()
{
	local job
	for job in $(jobs -p); do kill -9 "$job" 2>/dev/null; done
	wait 2>/dev/null
	while pkill_once; do pause 20; done
}

# kills this machine's race_once processes; fails when there is none
pkill_once()
{
	local comm pid found=1
	for comm in /proc/[0-9]*/comm; do
		read -r name 2>/dev/null <"$comm" || continue
		[ "$name" = race_once ] || continue
		pid=${comm#/proc/}
		kill -9 "${pid%/comm}" 2>/dev/null && found=0
	done
	return $found
}

# has node 1 asked for a reboot? Then this does not return
obey()
{
	[ -e "$SHARED/shut.$NODE" ] || return
	kill_all
	echo "reboot" >>"$events"
	rm -f "$SHARED/shut.$NODE"
	reboot_node
	fail "node $NODE does not reboot"
	exit 1
}

serve()
{
	local i
	for ((i = 0; i < processes; i++)); do
		"$once" server "$book" $getport 32 die_ms=$die_ms again=1 log="$(log s)" &
		disown		# nobody wants to be told who was killed
	done
	until over; do obey; pause 200; done
}

call()
{
	until over || "$once" client "$book" $putport "$1" gap_us=$gap_us log="$(log c)"; do :; done
	over || : >"$SHARED/done.$NODE"
}

# one step of a machine of clients
step()
{
	obey
	pause 200
	[ $kill_s -gt 0 ] && [ $SECONDS -ge $next_kill ] || return
	next_kill=$((SECONDS + RANDOM % (2 * kill_s) + 1))
	pkill_once && echo "client" >>"$events"
}

# one step of the director
direct()
{
	local m
	step
	[ $reboot_s -gt 0 ] && [ $SECONDS -ge $next_boot ] && [ $turn != "$reboots" ] || return
	next_boot=$((SECONDS + RANDOM % (2 * reboot_s) + 1))
	m=$((2 + RANDOM % (NODES - 1)))
	[ ! -e "$SHARED/shut.$m" ] || return	# it is on its way down
	# one of each first, so that a short story has both
	if [ $((turn++ < 2 ? turn : RANDOM % 2)) = 1 ]; then
		reboot_node $m && echo "cut" >>"$events"
	else
		: >"$SHARED/shut.$m"
	fi
}

all_done()
{
	local n
	for n in 1 $(seq $((servers + 2)) "$NODES"); do [ -e "$SHARED/done.$n" ] || return 1; done
}

command -v tc >/dev/null || skip "tc is not installed (iproute2)"
need_modules
modprobe sch_netem 2>/dev/null
"$once" make "$book" $clients $threads $each \
	max_data="${MAX_DATA:-2000}" &&
tc qdisc add dev eth0 root netem limit 10000 delay 1ms loss $loss% duplicate $duplicate% \
	reorder $((100 - reorder))% && "$amctl" net add eth0 || { fail "node $NODE does not boot"; exit 1; }
turn=0
next_kill=$((SECONDS + RANDOM % (2 * kill_s + 1))) next_boot=$((SECONDS + reboot_s))
if [ "$NODE" -gt 1 ] && [ "$NODE" -le $((servers + 1)) ]; then
	serve
else
	c=$((NODE == 1 ? 0 : NODE - servers - 1))
	[ "$BOOT" = 1 ] || "$once" gather "$book" "$SHARED/c.$NODE".* || exit 1
	call $c 2>"$tmp/err" &
	if [ "$NODE" = 1 ]; then
		echo "seed $seed: $calls calls, $clients x $threads threads, $servers machines of" \
			"servers; loss $loss %, duplicates $duplicate %, reordering $reorder %"
		until all_done || [ -e "$SHARED/stop" ]; do direct; done
		[ -e "$SHARED/stop" ] || [ $reboot_s = 0 ] ||
			{ grep -q cut "$events" && grep -q reboot "$SHARED"/events.*; } ||
			fail "seed $seed: over before a machine was cut off and another rebooted"
		all_done || { echo "told to stop"; min_ok=0; }
		: >"$SHARED/over"
	else
		until over; do step; done
	fi
fi
kill_all
grep -v Killed "$tmp/err" 2>/dev/null | sort | uniq -c | sort -rn | head -5
barrier over 120 || exit 1
[ "$NODE" = 1 ] || finish
bash "$AMOEBA_TREE/tests/soak/count.sh" "$SHARED" "$clients" "$threads" "$each" \
	"${MAX_DATA:-2000}" min_ok=$min_ok || fail "seed $seed: a promise is broken"
finish
