# SPDX-License-Identifier: GPL-2.0-or-later
#
# A machine dies in the middle of what it sends and gets: nothing of it stays with the others
#
#	d1, d2, d3 in turn -- b -- c

ns b c
link b e0 c e0
echoing c "$tmp/c"
c=$address
echoing b "$tmp/b"
b=$address
check "first" in_ns c "$tool" ping "$b" 100 1
transfer b "$c" "$tmp/c"
for i in 1 2 3; do
	ns d$i
	link d$i e0 b d$i
	echoing d$i "$tmp/d$i"
	d=$address
	begin "$tmp/out" in_ns d$i "$tool" flow "$b" 50000 100000 timeout 300 ltime 300
	out=$pid
	begin "$tmp/through" in_ns d$i "$tool" flow "$c" 50001 100000 timeout 300 ltime 300
	through=$pid
	begin "$tmp/in" in_ns b "$tool" flow "$d" 50002 100000 timeout 300 ltime 300
	in=$pid
	busy() { grep -q '^len 50000 ' "$tmp/b" && grep -q '^len 50001 ' "$tmp/c" &&
		grep -q '^len 50002 ' "$tmp/d$i"; }
	wait_for 20 busy || fail "no traffic with d$i"
	: >"$tmp/b"
	: >"$tmp/c"
	ip netns pids d$i | xargs -r kill -9
	ip netns del d$i
	kill $in
	wait $out $through $in 2>/dev/null
	gone() { ! ip -n b -o link show | grep -q " d$i@"; }
	wait_for 20 gone || fail "b still has its end of the cable to d$i"
done
transferred 95
expect "b's networks" "$(in_ns b "$nl" dump net-get | wc -l)" 1
expect "b's neighbours" "$(in_ns b "$nl" dump neigh-get | wc -l)" 1
still() { case $(in_ns b "$nl" info-get) in *locates=0*) ;; *) false ;; esac; }
wait_for 10 still || fail "b still looks for somebody: $(in_ns b "$nl" info-get)"
check "b and c" in_ns b "$tool" ping "$c" 30000 2
