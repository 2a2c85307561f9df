#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A million malformed and hostile frames at a router and at servers on it, from one of its networks,
# while machines on the others go on being served. A seed is drawn and told; to repeat one:
# SEED=N; FRAMES=N sends so many. Where processors are emulated and all checkers are on, frames come too
# slowly to be a flood.
#
#	x, the liar -- r -- a
#	                \-- b
#
# nodes: 1
# suites: badwire
# kernels: uml-debug deb-6.1 deb-6.12 x86-debug newest
# timeout: 900

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
[ -c /dev/amoeba ] || modprobe amoeba || { echo "FAIL: modprobe amoeba"; exit 1; }
fuzz=$tests/flip_fuzz
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
# how many, and how long an honest sender pauses: where a frame takes milliseconds, honest ones every
# 50 ms would be all there is; and how many of them it counts at once
case $KERNEL in
uml-debug) frames=${FRAMES:-1000000} gap=50 round=20 rate=100 ;;
*-debug) frames=${FRAMES:-20000} gap=1000 round=4 rate=2 ;;
*) frames=${FRAMES:-20000} gap=50 round=20 rate=100 ;;
esac
# a record of every allocation is a third of what a frame costs, and nobody looks for leaks here
[ ! -w /sys/kernel/debug/kmemleak ] || echo off >/sys/kernel/debug/kmemleak
getport=746573740000 putport=5884075ce686		# of b
getport2=677270000000 putport2=99fed83a4000		# of r
max_routes=2000 max_neighbours=500
echo "seed $seed"

ns x r a b
ip link add name vx netns x type veth peer name vr netns r
ip -n x link set vx up
ip -n r link set vr up
# no mounts for each
in_ns() { local n=$1; shift; nsenter --net="/run/netns/$n" "$@"; }
in_ns r sysctl -q net.flip.max_routes=$max_routes net.flip.max_neighbours=$max_neighbours \
	net.flip.reass_bytes=8000000 net.flip.locate_queue_bytes=1000000 \
	net.flip.locate_rate=$rate || fail "sysctl"
add_net r vr
link r ra a e0
link r rb b e0
mac=$(ip -n r -br link show vr)
mac=$(grep -o '..:..:..:..:..:..' <<<"$mac" | head -1)

# what is shot at: servers on r, and some behind it
receiver r "$tmp/target" echo 2 count 100000000 quiet 1 timeout 1000000 ltime 100
target=$address
# answers everything, so that large messages go to who gives credits as it pleases
receiver r "$tmp/mirror" echo 1 count 100000000 quiet 1 timeout 1000000 ltime 50 patience 50
receiver r "$tmp/group" bind 1111111111111100 bcast 1 count 100000000 quiet 1 timeout 1000000
group=$address
receiver b "$tmp/behind" echo 2 count 100000000 quiet 1 timeout 1000000 ltime 100
behind=$address
ip netns exec r "$tests/rpc_server" getport=$getport2 echo=1 count=0 >"$tmp/server2" 2>&1 &
background+=($!)
ip netns exec b "$tests/rpc_server" getport=$getport echo=1 count=0 >"$tmp/server" 2>&1 &
background+=($!)
wait_for 10 grep -q ready "$tmp/server" && wait_for 10 grep -q ready "$tmp/server2" ||
	fail "no servers of transactions"
addresses() { in_ns "$1" "$nl" dump addr-get | sed -n "s/^address=\([0-9a-f]*\) .*/$2 \1/p"; }
aims="$(addresses r own) $(addresses b other) port $putport port $putport2"
# nobody tells the liar of these
receiver r "$tmp/quiet" echo 2 count 100000000 quiet 1 timeout 1000000 ltime 100
quiet=$address
receiver b "$tmp/quiet2" echo 2 count 100000000 quiet 1 timeout 1000000 ltime 100
quiet2=$address

# honest work without end, of three kinds: lines of what became of it
honest()
{
	ip netns exec a "$tool" flow "$1" "$2" $round step 1 gap $gap timeout 1000 ltime 2000 inval 1 \
		while "$tmp/go" >"$3" 2>&1
}
calls()
{
	ip netns exec a "$tests/rpc_client" port=$1 count=$round gap_ms=$gap locate_ms=5000 \
		while="$tmp/go" >"$2" 2>&1
}
ping_all()
{
	local n
	for n in "$quiet" "$quiet2" "$target" "$behind"; do
		check "$1: $n is served" in_ns a "$tool" ping "$n" 20000 2 flags 1 timeout 20000
	done
	for n in $putport $putport2; do
		in_ns a "$tests/rpc_client" port=$n >"$tmp/call" 2>&1
		grep -q 'verdict 0' "$tmp/call" || fail "$1: port $n is not served: $(cat "$tmp/call")"
	done
}
# what took how long
laps= lap=${EPOCHREALTIME/./}
lap() { local now=${EPOCHREALTIME/./}; laps+="$1 $(((now - lap) / 1000)) ms, "; lap=$now; }
# a socket takes in so many messages at once: those of the liar that were never complete die after 4 s
flood_over() { over=${EPOCHREALTIME/./}; }
settle()
{
	local left=$((5000000 - (${EPOCHREALTIME/./} - over)))
	[ $left -le 0 ] || sleep "$((left / 1000000)).$(printf %06d $((left % 1000000)))"
}
available() { awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }
# what has been answered of what was tried
share() { awk '{ for (i = 1; i < NF; i++) n[$i] += $(i + 1) } END {
	printf "%d of %d", n["answered"], n["sent"]; exit !(n["answered"] * 100 >= n["sent"] * '"$2"') }' "$1"; }

lap "begin"
ping_all "before"
before=$(available)
lap "pings"

# ---- nine tenths in nobody's name but the liar's ----------------------------------------------

touch "$tmp/go"
honest "$quiet" 1000 "$tmp/h1" & workers=($!)
honest "$quiet2" 5000 "$tmp/h2" & workers+=($!)
calls $putport "$tmp/h3" & workers+=($!)
calls $putport2 "$tmp/h4" & workers+=($!)
# shellcheck disable=SC2086
in_ns x "$fuzz" vx "$mac" $((frames / 10 * 9)) "$seed" $aims >"$tmp/fuzz" 2>&1 ||
	fail "flip_fuzz: $(cat "$tmp/fuzz")"
flood_over
lap "flood"
cat "$tmp/fuzz"
info=$(in_ns r "$nl" info-get)
rm "$tmp/go"
wait "${workers[@]}"
value() { [[ $info =~ \ $1=([0-9]+) ]] && echo "${BASH_REMATCH[1]}"; }
[ "$(value routes)" -le $max_routes ] || fail "$(value routes) routes"
[ "$(value neighbours)" -le $max_neighbours ] || fail "$(value neighbours) neighbours"
echo "meanwhile, answered: $(share "$tmp/h1" 0) at r, $(share "$tmp/h2" 0) behind it"
share "$tmp/h1" 90 >/dev/null || fail "at r only $(share "$tmp/h1" 90)"
share "$tmp/h2" 75 >/dev/null || fail "behind r only $(share "$tmp/h2" 75)"
for f in h3 h4; do
	read -r good all others < <(awk '/^call / { n[$3 " " $4]++; all++ } END {
		printf "%d %d", n["verdict 0"], all
		for (v in n) if (v != "verdict 0") printf " %d %s", n[v], v
		print "" }' "$tmp/$f")
	echo "calls: $good of $all $others"
	[ $((good * 10)) -ge $((all * 9)) ] && [ "$good" -ge 10 ] || fail "$good of $all calls"
done
settle
lap "honest ones end"
ping_all "after the first"
lap "pings"

# ---- the rest in everybody's name: routes are stolen, so only afterwards all is well ----------

# shellcheck disable=SC2086
in_ns x "$fuzz" vx "$mac" $((frames / 10)) $((seed + 1)) $aims \
	spoof "$quiet" spoof "$quiet2" spoof "$behind" spoof "$target" spoof "$group" \
	>"$tmp/fuzz" 2>&1 || fail "flip_fuzz: $(cat "$tmp/fuzz")"
flood_over
lap "flood"
cat "$tmp/fuzz"
nothing() { case $(in_ns r "$nl" info-get) in *locates=0*) ;; *) false ;; esac; }
wait_for 20 nothing || fail "still looking: $(in_ns r "$nl" info-get)"
settle
lap "peace"
ping_all "in the end"
lap "pings"

# ---- the books ---------------------------------------------------------------------------------

in_ns r "$nl" dump stat-get | sed -n 's/^name=\(.*\) value=\([1-9][0-9]*\) *$/\1 \2/p' >"$tmp/stat"
in_ns r "$nl" dump net-get | sed -n 's/.*rx-packets=\([0-9]*\) .*/packets \1/p' >"$tmp/nets"
# every frame is of a type that is counted, or was dropped before; for some reasons later, too
awk '
	FILENAME ~ /nets/ { came += $2; next }
	$1 ~ /^rx_/ { taken += $2 }
	$1 ~ /^drop_(otherhost|fc_type|version|type|flags|length|bounds)$/ { early += $2 }
	$1 ~ /^drop_(short|hops|address|nomem|netdown)$/ { perhaps += $2 }
	END {
		printf "%d frames came: %d taken, %d dropped at once, up to %d more\n",
		       came, taken, early, perhaps
		exit !(taken + early <= came && came <= taken + early + perhaps)
	}' "$tmp/nets" "$tmp/stat" || fail "the books do not balance"
info=$(in_ns r "$nl" info-get)
came=$(head -1 "$tmp/nets")
[ "${came#packets }" -ge $((frames / 10 * 9)) ] || fail "only ${came#packets } of $frames frames came"
[ "$(value routes)" -le $max_routes ] || fail "$(value routes) routes"
[ "$(value neighbours)" -le $max_neighbours ] || fail "$(value neighbours) neighbours"
wait_for 20 nothing || fail "still looking: $(in_ns r "$nl" info-get)"
after=$(available)
echo "memory available: $before kB, then $after kB"
# the checkers of the kernel keep freed memory aside
[ $((before - after)) -le 65536 ] || fail "$((before - after)) kB are gone"
for r in drop_locate_rate drop_bounds drop_hops drop_length drop_reass_gap route_evicted neigh_evicted; do
	grep -q "^$r " "$tmp/stat" || fail "no $r in so many frames"
done
tr '\n' ' ' <"$tmp/stat" | sed 's/^/counted at r: /'
echo
lap "books"
echo "$laps"
finish
