# SPDX-License-Identifier: GPL-2.0-or-later
#
# The cable is pulled and put in again: nothing is known meanwhile, everything works after it

ns a b
link a e0 b e0
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
begin "$tmp/events" in_ns a "$nl" events 100 60000
wait_for 5 grep -q listening "$tmp/events"
transfer a "$b" "$tmp/b" ltime 1000
for i in 1 2 3; do
	# the far end down is no carrier here
	ip -n b link set e0 down
	off() { case $(in_ns a "$nl" dump net-get) in *running=0*) ;; *) false ;; esac; }
	wait_for 10 off || fail "a does not see that the carrier is lost"
	expect "a's device is still up" "$(ip -n a -o link show e0)" "*NO-CARRIER*,UP*"
	expect "a knows nobody" "$(in_ns a "$nl" dump neigh-get)$(route a "$b")" ""
	ip -n b link set e0 up
	on() { case $(in_ns a "$nl" dump net-get) in *running=1*) ;; *) false ;; esac; }
	wait_for 10 on || fail "a does not see the carrier again"
	check "after carrier loss $i" in_ns a "$tool" ping "$b" 30000 1
done
transferred 30
grep -q "^net-down-ntf .*ifname=e0 " "$tmp/events" || fail "nobody was told that it went"
grep -q "^net-up-ntf .*ifname=e0 " "$tmp/events" || fail "nobody was told that it came"
