#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# guest.sh CALLS [NAME=VALUE...] - in a test machine, until a file $SHARED/stop appears: is every one of CALLS calls executed at most once, and is each
# told the truth about it? See README.md.
#
# DESIGN NOTES
#
# Machines are network namespaces on one bridge, c1.. of clients and s1.. of servers. All servers
# serve one port. What a machine sends passes its netem: LOSS, DUPLICATE and REORDER percent. Until
# all calls are made
#
#	servers		kill themselves at a random time up to DIE_MS, and others take their place;
#	clients		are killed, one every KILL_S seconds on average, and go on;
#	machines	are rebooted, one every REBOOT_S seconds on average: the cable goes (the others are
#			told nothing) or else the programs are killed first (they are told), then the
#			namespace, and a new one comes up with the same MAC and another kernel id.
#
# The book (tests/selftests/src/race_once.c) is a mapped file of the machine that holds all of them: a
# slot for each call, in which the server counts before it answers. It outlives all that is killed.
#
# Each client has a supervisor in the background; it ends when its machine's file up.MACHINE.TURN goes,
# or when all its calls are made. A line of `events` for each client and machine that was killed.

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
calls=${1:-10000}
shift
for setting in "$@"; do declare "$setting" || exit 2; done
servers=${SERVERS:-3} clients=${CLIENTS:-3} threads=${THREADS:-24} processes=2
loss=${LOSS:-10} duplicate=${DUPLICATE:-10} reorder=${REORDER:-10}
die_ms=${DIE_MS:-6000} kill_s=${KILL_S:-10} reboot_s=${REBOOT_S:-15}
seed=${SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
RANDOM=$seed
once=$tests/race_once
book=$tmp/book events=$tmp/events

# every pause of the story is drawn here: up to twice $1 seconds
pause() { local ms=$((RANDOM % (2000 * $1) + 1)); sleep $((ms / 1000)).$(printf %03d $((ms % 1000))); }

# boot MACHINE: what a machine is from power-on
boot()
{
	local m=$1 n=${1#?} kind=${1%%[0-9]*} mac i
	[ $kind = c ] && mac=02:00:00:00:01:0$n || mac=02:00:00:00:02:0$n
	turn[$m]=$((${turn[$m]:-0} + 1))
	ip netns add "$m" &&
	ip link add name "p$m" netns soak type veth peer name e0 address $mac netns "$m" &&
	ip -n soak link set "p$m" master br0 up && ip -n "$m" link set e0 up &&
	in_ns "$m" tc qdisc add dev e0 root netem limit 10000 delay 1ms loss $loss% \
		duplicate $duplicate% reorder $((100 - reorder))% &&
	in_ns "$m" "$amctl" net add e0 || { fail "$m does not boot"; return 1; }
	if [ $kind = s ]; then
		for ((i = 0; i < processes; i++)); do
			in_ns "$m" "$once" server "$book" $getport 8 die_ms=$die_ms again=1 \
				2>>"$tmp/err" &
		done
	else
		: >"$tmp/up.$m.${turn[$m]}"
		call "$m" $((n - 1)) "$tmp/up.$m.${turn[$m]}" &
	fi
}


call()
{
	while [ -e "$3" ] && [ ! -e "$tmp/done.$1" ]; do
		in_ns "$1" "$once" client "$book" $putport "$2" 2>>"$tmp/err" && : >"$tmp/done.$1"
	done
}

# shut MACHINE: as it comes down; the programs have gone when this returns
shut()
{
	local m=$1 i
	rm -f "$tmp/up.$m.${turn[$m]}"
	[ $((RANDOM % 2)) = 0 ] && ip -n soak link del "p$m" 2>/dev/null
	for ((i = 0; i < 50; i++)); do
		kill -9 $(ip netns pids "$m") 2>/dev/null || break
		sleep 0.02
	done
	ip -n soak link del "p$m" 2>/dev/null
	ip netns del "$m"
}

all_done()
{
	local m
	for m in "${clienthosts[@]}"; do [ -e "$tmp/done.$m" ] || return 1; done
}

# state [MIN_OK]: how things stand; fails when a promise is broken, which is as true in between
state()
{
	local made deaths status
	"$once" check "$book" min_ok="${1:-0}" >"$tmp/state"
	status=$?
	read -r made deaths < <("$once" progress "$book")
	echo "$(($(date +%s) - begin)) s: $(cat "$tmp/state")"
	echo "    killed: $deaths servers, $(grep -c client "$events") clients;" \
		"rebooted: $(grep -c machine "$events") machines"
	return $status
}

command -v tc >/dev/null || skip "tc is not installed (iproute2)"
need_modules
modprobe sch_netem 2>/dev/null
declare -A turn=()
serverhosts=() clienthosts=()
for ((i = 1; i <= servers; i++)); do serverhosts+=(s$i); done
for ((i = 1; i <= clients; i++)); do clienthosts+=(c$i); done
machines=("${serverhosts[@]}" "${clienthosts[@]}")
namespaces+=(soak "${machines[@]}")
"$once" make "$book" $clients $threads $((calls / clients / threads + 1)) \
	max_data="${MAX_DATA:-2000}" || exit 1
: >"$events" >"$tmp/err"
ip netns add soak && ip -n soak link add br0 type bridge && ip -n soak link set br0 up || exit 1
begin=$(date +%s)
for m in "${machines[@]}"; do boot "$m" || exit 1; done

echo "seed $seed: $calls calls, $clients x $threads threads, $servers machines of servers;" \
	"loss $loss %, duplicates $duplicate %, reordering $reorder %"
next_kill=$SECONDS next_boot=$((SECONDS + reboot_s)) next_word=$((SECONDS + ${WORD_S:-60}))
while ! all_done; do
	pause 1
	if [ $kill_s -gt 0 ] && [ $SECONDS -ge $next_kill ]; then
		next_kill=$((SECONDS + RANDOM % (2 * kill_s) + 1))
		m=${clienthosts[RANDOM % clients]}
		pids=($(ip netns pids "$m"))
		[ ${#pids[@]} -gt 0 ] && kill -9 "${pids[@]}" 2>/dev/null && echo client >>"$events"
	fi
	if [ $reboot_s -gt 0 ] && [ $SECONDS -ge $next_boot ]; then
		next_boot=$((SECONDS + RANDOM % (2 * reboot_s) + 1))
		m=${machines[RANDOM % ${#machines[@]}]}
		shut "$m"
		echo machine >>"$events"
		boot "$m" || break
	fi
	if [ $SECONDS -ge $next_word ]; then
		next_word=$((SECONDS + ${WORD_S:-60}))
		state || break
	fi
	[ -e "$SHARED/stop" ] && { echo "told to stop"; calls=0; break; }
done
for m in "${machines[@]}"; do shut "$m"; done 2>/dev/null
wait 2>/dev/null
state $((calls / 2)) || fail "seed $seed: a promise is broken"
grep -v Killed "$tmp/err" | sort | uniq -c | sort -rn | head -5
finish
