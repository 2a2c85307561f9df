# SPDX-License-Identifier: GPL-2.0-or-later
# What the stories share beyond flip_lib.bash; run by ./run with the file of a story.
#
#	ns NAME...		namespaces; they are gone when the story is over
#	segment NAME...		an Ethernet of its own for any number of machines: a bridge
#	plug SEG NS IF [K V]...	a device of NS on it, FLIP over it
#	unplug SEG NS IF	silently: NS's device keeps its carrier and nothing arrives
#	chain NS...		each joined to the next one: its e1 to the other's e0
#	begin FILE CMD...	run in the background, said goes to FILE; its process is in $pid
#	over PID [FILE]		wait for it; what it said is told when it failed
#	device NS ARG...	ip link add in NS; ends the story where there are no such devices
#	mac NS IF		as flip_nl shows it
#	transfer NS DST FILE ARG...	send 100 messages in the background to who echoes into FILE,
#				wait for the first ones
#	transferred N		wait for the rest: N or more answered, none damaged
#	came FILE PATTERN	how many messages of this kind arrived
#	told FILE WORD		the number before (or behind) WORD in what flip_tool said
#	route NS ADDRESS	what NS knows of it, nothing when it does not
#	stat_grows NS NAME OLD	the counter is above OLD
#	disturb NS IF ARG...	netem on what NS sends by IF; ends the story where there is none
#	calm NS IF		no longer
#	note TEXT		to be shown beside the verdict

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
wire=$tests/flip_wire
amctl=$AMOEBA_TREE/build/userland/bin/amctl
namespaces=()
segments=0

# what a machine has counted and knows, for those who look into a failure
post_mortem()
{
	local n=$1
	[ -e "/run/netns/$n" ] || return
	in_ns "$n" "$nl" dump stat-get | sed -n 's/^name=\(.*\) value=\([1-9][0-9]*\) *$/\1=\2/p' |
		tr '\n' ' ' | sed "s/^/$n: /"
	echo
	in_ns "$n" "$nl" dump route-get | sed "s/^/$n: /"
	in_ns "$n" "$nl" dump neigh-get | sed "s/^/$n: /"
}

# a bash that ends in any way leaves no namespace and no process behind
sweep()
{
	local n p
	if [ $bad = 1 ]; then
		for n in "${namespaces[@]}"; do post_mortem "$n"; done
	fi
	for p in $(jobs -p); do kill -9 "$p" 2>/dev/null; done
	for n in "${namespaces[@]}"; do
		for p in $(ip netns pids "$n" 2>/dev/null); do kill -9 "$p" 2>/dev/null; done
		ip netns del "$n" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$tmp"
}
trap sweep EXIT
trap 'exit 124' TERM

ns()
{
	local n
	for n; do
		ip netns add "$n" && ip -n "$n" link set lo up || { fail "no namespace $n"; exit 1; }
		namespaces+=("$n")
	done
}

note() { echo "NOTE: $*"; }

segment()
{
	local s
	[ $segments = 1 ] || ns wires
	segments=1
	for s; do
		ip -n wires link add name "$s" type bridge forward_delay 0 stp_state 0 2>"$tmp/br" ||
			skip "no bridges in this kernel: $(cat "$tmp/br")"
		ip -n wires link set "$s" up
	done
}

plug()
{
	local s=$1 n=$2 i=$3
	ip link add name "$i" netns "$n" type veth peer name "$n.$i" netns wires ||
		fail "veth $i of $n"
	ip -n wires link set "$n.$i" master "$s" up
	ip -n "$n" link set "$i" up
	add_net "$n" "$i" "${@:4}"
}

unplug() { ip -n wires link set "$2.$3" nomaster; }
plug_again() { ip -n wires link set "$2.$3" master "$1"; }

chain()
{
	while [ $# -gt 1 ]; do
		link "$1" e1 "$2" e0
		shift
	done
}

begin()
{
	local file=$1
	shift
	# the process itself, not a shell that waits for it, so that it can be killed
	[ "$1" = in_ns ] && { shift; set -- ip netns exec "$@"; }
	"$@" >"$file" 2>&1 &
	pid=$!
}

over() { wait "$1" || fail "${2:+$(tail -3 "$2")}"; }

device()
{
	local n=$1
	shift
	ip -n "$n" link add "$@" 2>"$tmp/device" || skip "ip link add $*: $(head -1 "$tmp/device")"
}

mac() { in_ns "$1" cat "/sys/class/net/$2/address" | tr -d :; }

transfer()
{
	local n=$1 to=$2 file=$3
	shift 3
	# who gives up early on a busy machine loses what was not lost
	begin "$tmp/flow" in_ns "$n" "$tool" flow "$to" 2001 100 step 1 gap 10 timeout 2000 "$@"
	flow=$pid
	first() { [ "$(came "$file" "20[0-9]*")" -ge 10 ]; }
	wait_for 30 first || fail "the transfer does not begin"
}

transferred()
{
	over $flow "$tmp/flow"
	note "$(cat "$tmp/flow")"
	expect "damaged" "$(told "$tmp/flow" wrong)" 0
	[ "$(told "$tmp/flow" answered)" -ge "$1" ] ||
		fail "only $(told "$tmp/flow" answered) of 100 messages were answered"
}

came() { grep -c "^len $2 " "$1"; }

told() { sed -n "s/.*\b$2 \([0-9]\+\).*/\1/p" "$1" | tail -1; }

route() { in_ns "$1" "$nl" route-get address "$2" | grep -v ^error; }

stat_grows() { [ "$(stat "$1" "$2")" -gt "$3" ]; }

disturb()
{
	local n=$1 i=$2
	shift 2
	modprobe sch_netem 2>/dev/null
	in_ns "$n" tc qdisc replace dev "$i" root netem "$@" 2>"$tmp/tc" ||
		skip "no netem: $(head -1 "$tmp/tc")"
}

calm() { in_ns "$1" tc qdisc del dev "$2" root; }

# echoing until the end of the story, without waiting long for those who asked and went
echoing() { receiver "$1" "$2" count 1000000 echo 1 timeout 1000000 ltime 300 "${@:3}"; }

need_flip
# shellcheck disable=SC1090
. "$1"
exit $bad
