#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What net.amoeba.* says: bounds, who may write it, and what happens at each limit.
#
# nodes: 1
# suites: distribution limits
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
dir=/proc/sys/net/amoeba
value() { in_ns "$1" cat $dir/"$2"; }
refused() { in_ns l1 sysctl -qw "net.amoeba.$1=$2" 2>/dev/null && fail "net.amoeba.$1: $2 is taken"; }
set_to() { in_ns "$1" sysctl -qw "net.amoeba.$2=$3" || fail "net.amoeba.$2: $3 is refused"; }

pair l1 l2

echo "== bounds"
# no process for each value
cat >"$tmp/bounds" <<-'END'
	cd /proc/sys/net/amoeba
	set_to() { echo $2 2>/dev/null >$1; }
	while read -r name least most default; do
		[ "$(<$name)" = $default ] || echo "$name is $(<$name) by default"
		for bad_value in $((least - 1)) $((most + 1)) -1 4294967296 x; do
			set_to $name $bad_value 2>/dev/null && echo "$name: $bad_value is taken"
		done
		[ "$(<$name)" = $default ] || echo "$name: a bad value has changed it"
		for good in $least $most $default; do
			set_to $name $good || echo "$name: $good is refused"
			[ "$(<$name)" = $good ] || echo "$name: $(<$name), not $good"
		done
	done
END
cat >"$tmp/table" <<-'END'
	linger_s 0 3600 25
	max_cached 16 65536 4096
	max_kernels 16 65536 4096
	max_lingering 0 65536 1024
	max_user_calls 16 1048576 65536
	max_user_files 1 1048576 4096
	max_user_ports 1 1048576 16384
	max_user_queued 1 65536 2048
	max_user_requests 1 1048576 4096
	queue_bytes 65536 1073741824 67108864
	queue_len 1 65536 256
	queue_local_len 1 65536 4096
END
in_ns l1 bash "$tmp/bounds" <"$tmp/table" >"$tmp/out" 2>&1
[ -s "$tmp/out" ] && fail "$(cat "$tmp/out")"
# half of memory; less than a megabyte is refused
[ "$(value l1 max_user_bytes)" -gt 100000000 ] || fail "max_user_bytes is $(value l1 max_user_bytes)"
refused max_user_bytes 1048575
set_to l1 max_user_bytes 1048576
set_to l1 max_user_bytes 100000000
known="group_range max_user_bytes $(cut -d' ' -f1 "$tmp/table" | tr '\n' ' ')"
for name in $(in_ns l1 ls $dir); do
	case "$known" in *"$name "*) ;; *) fail "$name has no test" ;; esac
	grep -q "^\`\`$name\`\`  *[a-z–/]" "$AMOEBA_TREE/Documentation/sysctl.rst" ||
		fail "$name is not in sysctl.rst"
done

echo "== two ids at once"
range() { in_ns l1 cat $dir/group_range | tr '\t' ' '; }
[ "$(range)" = "1 0" ] || fail "group_range is $(range) by default"
set_to l1 group_range "100 200"
for bad_value in "5" "-1 7" "7 -1" "7 x" "300 2147483648" ""; do refused group_range "$bad_value"; done
[ "$(range)" = "100 200" ] || fail "group_range: a bad value has made it $(range)"
[ "$(in_ns l2 cat $dir/group_range | tr '\t' ' ')" = "1 0" ] || fail "it is the neighbour's, too"

echo "== users of their own"
unshare -U -r -n sh -c '
	cd /proc/sys/net/amoeba && echo 1 0 >group_range || echo "not group_range"
	for n in *; do
		[ $n = group_range ] || ! echo 1000 >$n || echo "limit $n is writable"
	done' >"$tmp/userns" 2>/dev/null || echo "no user namespaces here" >>"$tmp/userns"
[ -s "$tmp/userns" ] && fail "in a user namespace: $(cat "$tmp/userns")"
setpriv --reuid 65534 --clear-groups sh -c "echo 1 >$dir/queue_len" 2>/dev/null && fail "anybody writes"

echo "== queues"
# a server that is busy for a while, so that the others' requests wait or find no room
busy()
{
	serve "$1" delay_ms=300
	for i in 1 2 3 4 5; do
		in_ns l1 "$tests/rpc_client" port=$putport locate_ms=15000 >"$tmp/cli$i" 2>&1 &
		clients[i]=$!
	done
	wait "${clients[@]}"
	grep -L 'verdict 0' "$tmp"/cli[1-5] | while read -r f; do echo "FAIL: $(cat "$f")"; done
	[ -z "$(grep -L 'verdict 0' "$tmp"/cli[1-5])" ] || bad=1
	kill -9 $server
	wait $server 2>/dev/null
}
set_to l2 queue_len 2
busy l2
[ "$(stat_of l2 drop_queue)" -gt 0 ] || fail "five requests have waited in a queue of two"
set_to l1 queue_local_len 2
busy l1
[ "$(stat_of l1 drop_queue)" -gt 0 ] || fail "five requests of ours have waited in a queue of two"

echo "== users"
"$tests/dev_users" || fail "dev_users"
# one's server that takes nothing, and many of another machine that call it; another user's beside it
set_to l2 queue_len 256
set_to l2 max_user_requests 2
serve l2 delay_ms=500
# from here on requests go straight to its address
in_ns l1 "$tests/rpc_client" port=$putport locate_ms=15000 >"$tmp/cli" 2>&1
ip netns exec l1 sh -c 'for i in 1 2 3 4 5; do
		"$1" port=$2 locate_ms=15000 >"$3$i" 2>&1 &
	done; wait' x "$tests/rpc_client" $putport "$tmp/cli" &
clients=$!
chmod 666 /dev/amoeba
full() { in_ns l2 grep -q '^uid 0 .* requests 2 ' /proc/net/amoeba/users; }
wait_for 10 full || fail "no two wait: $(in_ns l2 cat /proc/net/amoeba/users)"
ip netns exec l2 setpriv --reuid 1001 --clear-groups \
	"$tests/rpc_server" getport=$getport2 echo=1 >"$tmp/srv2" 2>&1 &
second=$!
in_ns l1 "$tests/rpc_client" port=$putport2 locate_ms=10000 >"$tmp/cli" 2>&1
grep -q 'verdict 0' "$tmp/cli" || fail "beside one at its limit: $(cat "$tmp/cli" "$tmp/srv2")"
wait $clients
[ -z "$(grep -L 'verdict 0' "$tmp"/cli[1-5])" ] || fail "$(cat "$tmp"/cli[1-5])"
[ "$(stat_of l2 drop_user)" -gt 0 ] || fail "five have waited where two may"
kill -9 $server $second
wait $server $second 2>/dev/null
chmod 660 /dev/amoeba
set_to l2 max_user_requests 4096

echo "== waiting for the network"
# one user's long messages go where nobody takes them; another's go elsewhere
if [ "$(cat /sys/module/flip/parameters/family)" != 0 ]; then
	set_to l1 group_range "0 0"
	ip netns add l3 && namespaces+=(l3)
	ip link add name vc netns l1 type veth peer name vd netns l3
	ip -n l1 link set vc up && ip -n l3 link set vd up
	in_ns l1 "$amctl" net add vc && in_ns l3 "$amctl" net add vd || fail "no third namespace"
	ip netns exec l2 "$tests/sock_calls" serve=0 port=8 >"$tmp/srv8" 2>&1 &
	servers=$!
	ip netns exec l3 "$tests/sock_calls" serve=0 >"$tmp/srv7" 2>&1 &
	servers="$servers $!"
	wait_for 20 grep -q ready "$tmp/srv8" "$tmp/srv7" || fail "no servers"
	in_ns l1 "$tests/sock_calls" call=1 to=8 locate_ms=15000 >"$tmp/cli" || fail "$(cat "$tmp/cli")"
	in_ns l1 "$tests/sock_calls" call=1 locate_ms=15000 >"$tmp/cli" || fail "$(cat "$tmp/cli")"
	in_ns l1 "$amctl" net set va loss 100
	hogs=
	for i in 1 2 3 4; do
		ip netns exec l1 "$tests/sock_calls" call=90 size=40000 to=8 >"$tmp/hog" 2>&1 &
		hogs="$hogs $!"
	done
	half() { in_ns l1 grep -q '^uid 0 .* sending 128$' /proc/net/amoeba/users; }
	wait_for 10 half || fail "one alone has not half of the places: $(in_ns l1 cat /proc/net/amoeba/users)"
	in_ns l1 setpriv --reuid 1001 --clear-groups "$tests/sock_calls" call=20 size=40000 \
		command=40000 room=50000 >"$tmp/cli" || fail "another user: $(cat "$tmp/cli")"
	took=$(sed -n 's/^20 good of 20, \([0-9]*\) ms$/\1/p' "$tmp/cli")
	[ "${took:-99999}" -lt $((3000 + 5 * slack)) ] || fail "another user waits for $took ms beside one with many"
	half || fail "that was too late: $(in_ns l1 cat /proc/net/amoeba/users)"
	[ "$(stat_of l1 sends_waited)" -gt 100 ] || fail "$(stat_of l1 sends_waited) have waited"
	kill -9 $hogs $servers
	wait $hogs $servers 2>/dev/null
	in_ns l1 "$amctl" net set va loss 0
	quiet l3
fi

echo "== addresses that linger"
lingers() { [ "$(stat_of l2 files_lingering)" = "$1" ]; }
closed()
{
	serve l2
	in_ns l1 "$tests/rpc_client" port=$putport locate_ms=15000 >"$tmp/cli" 2>&1
	grep -q 'verdict 0' "$tmp/cli" || fail "$(cat "$tmp/cli")"
	kill -9 $server
	wait $server 2>/dev/null
}
# those before, too
set_to l2 linger_s 1
closed
wait_for 10 lingers 0 || fail "a second is over, and $(stat_of l2 files_lingering) linger"
set_to l2 linger_s 25
closed
quiet l2
lingers 1 || fail "$(stat_of l2 files_lingering) linger"
set_to l2 linger_s 0
closed
quiet l2
lingers 1 || fail "one more lingers for no time"
set_to l2 linger_s 25
# a user has a quarter: one
set_to l2 max_lingering 4
cut=$(stat_of l2 linger_cut)
closed
quiet l2
lingers 1 || fail "$(stat_of l2 files_lingering) of a user linger, of four"
[ "$(stat_of l2 linger_cut)" = $((cut + 1)) ] || fail "the oldest is not counted"
set_to l2 max_lingering 1024

echo "== caches"
# calls for ports nobody serves, from $1 to $2, at once
looked_for()
{
	local i pids=()
	for i in $(seq "$1" "$2"); do
		in_ns l1 "$tests/rpc_client" port=1122334455$i locate_ms=1 >>"$tmp/cli" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
}
cached() { in_ns l1 sh -c 'wc -l </proc/net/amoeba/cache'; }
: >"$tmp/cli"
looked_for 10 30
had=$(cached)
[ "$had" -ge 20 ] || fail "$had are remembered"
set_to l1 max_cached 16
for i in 31 33 35 37 39; do looked_for $i $((i + 1)); done
[ "$(cached)" -le 16 ] || fail "$(cached) ports are remembered, of 16"
[ "$(grep -c 'verdict -2' "$tmp/cli")" = 31 ] || fail "$(cat "$tmp/cli")"
quiet l1
quiet l2
finish
