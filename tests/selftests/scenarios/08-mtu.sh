# SPDX-License-Identifier: GPL-2.0-or-later
#
# MTUs differ along the way: routers cut for the next network and never join
#
#	h1 --1500-- r1 --600-- r2 --256-- r3 --9000-- h2

ns h1 r1 r2 r3 h2
chain h1 r1 r2 r3 h2
mtu() { ip -n "$1" link set e1 mtu "$3" && ip -n "$2" link set e0 mtu "$3"; }
mtu r1 r2 600
mtu r2 r3 256
mtu r3 h2 9000
expect "payload of the small one" "$(in_ns r2 "$nl" dump net-get)" "*ifname=e1 *mtu=214 *"
expect "never more than 1458" "$(in_ns h2 "$nl" dump net-get)" "*mtu=1458 *"
echoing h2 "$tmp/h2"
h2=$address

for len in 0 1 214 215 558 559 1458 1459 20000; do
	check "$len bytes" in_ns h1 "$tool" ping "$h2" $len 2
	expect "$len bytes" "$(came "$tmp/h2" $len)" 2
done
grep -q DAMAGED "$tmp/h2" && fail "damaged"
[ "$(stat r1 refragmented)" -gt 20 ] || fail "r1 cut only $(stat r1 refragmented)"
[ "$(stat r2 refragmented)" -gt 20 ] || fail "r2 cut only $(stat r2 refragmented)"
[ "$(stat r3 refragmented)" -gt 20 ] || fail "r3 cut only $(stat r3 refragmented)"
# two answers of 20000 bytes in pieces of 214 at most, as the smallest network made them
[ "$(stat h1 rx_unidata)" -ge 188 ] || fail "h1 got only $(stat h1 rx_unidata) packets"
expect "nothing was lost" "$(stat h1 drop_reass_gap),$(stat h2 drop_reass_gap)" 0,0
