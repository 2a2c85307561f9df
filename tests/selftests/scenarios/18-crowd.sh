# SPDX-License-Identifier: GPL-2.0-or-later
#
# Four hosts around a router, each sends to each at once: nothing is lost, all credits come home
#
#	h1 h2 h3 h4, each on a network of its own, all at r

hosts="h1 h2 h3 h4"
ns r $hosts
for h in $hosts; do
	link $h e0 r $h
	echoing $h "$tmp/$h"
	declare "$h=$address"
done
# a LOCATE on its way makes routers forget the address, and what meets it there bounces: all are found
# before, so that nothing may be lost afterwards
for h in $hosts; do
	for to in $hosts; do
		[ $h = $to ] || check "$h finds $to" in_ns $h "$tool" ping "${!to}" 10 1 timeout 20000
	done
done
flows=()
for h in $hosts; do
	for to in $hosts; do
		[ $h = $to ] && continue
		begin "$tmp/$h$to" in_ns $h "$tool" ping "${!to}" 20000 5 timeout 20000
		flows+=($pid)
	done
done
for f in "${flows[@]}"; do wait $f || bad=1; done
for h in $hosts; do
	for to in $hosts; do
		[ $h = $to ] || expect "$h to $to" "$(tail -1 "$tmp/$h$to")" "5 of 20000 bytes*"
	done
done
expect "no queue was too short" "$(stat r drop_credit_full)" 0
for h in r $hosts; do
	rest() { ! in_ns $h "$nl" dump neigh-get | grep -v 'queued=0 messages=0 ' | grep -q .; }
	wait_for 5 rest || fail "$h still waits: $(in_ns $h "$nl" dump neigh-get)"
	in_ns $h "$nl" dump neigh-get | grep -o 'credits=[0-9]* owed=[0-9]*' >"$tmp/credits"
	# what is not there is owed by the other side: at most 5, or it would have been sent
	grep -qv 'credits=[3-8] owed=[0-5]$' "$tmp/credits" && fail "$h: $(cat "$tmp/credits")"
done
