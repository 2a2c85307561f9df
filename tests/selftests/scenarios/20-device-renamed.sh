# SPDX-License-Identifier: GPL-2.0-or-later
#
# A device is renamed under traffic: the network has the new name and what is known stays

ns a b
link a e0 b e0
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
begin "$tmp/events" in_ns a "$nl" events 100 60000
wait_for 5 grep -q listening "$tmp/events"
transfer a "$b" "$tmp/b"
if ip -n a link set e0 name wan 2>/dev/null; then
	index=$(in_ns a "$nl" dump net-get | sed 's/index=\([0-9]*\) .*/\1/')
	expect "renamed while up" "$(in_ns a "$nl" dump net-get)" "index=$index *ifname=wan *running=1*"
	least=100
else
	note "this kernel renames a device only when it is down"
	ip -n a link set e0 down
	ip -n a link set e0 name wan
	ip -n a link set wan up
	least=90
fi
transferred $least
expect "name" "$(in_ns a "$nl" dump net-get)" "*ifname=wan *running=1*"
expect "the route's" "$(route a "$b")" "*ifname=wan *hops=3 *"
wait_for 3 grep -q "^net-change-ntf .*ifname=wan" "$tmp/events" || fail "nobody was told"
expect "by the old name" "$(in_ns a "$nl" net-set ifname e0 weight 4)" "error *"
check "by the new name" in_ns a "$nl" net-set ifname wan weight 4
