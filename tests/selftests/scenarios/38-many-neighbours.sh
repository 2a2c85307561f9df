# SPDX-License-Identifier: GPL-2.0-or-later
#
# More MACs than there is room for neighbours: the silent ones make room, honest ones are served
#
#	a, b and a liar x on one segment

ns a b x
segment lan
plug lan a e0
plug lan b e0
plug lan x e0
in_ns x "$nl" net-del ifname e0 >/dev/null
in_ns b sysctl -q net.flip.max_neighbours=16 || fail "sysctl"
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
transfer a "$b" "$tmp/b" inval 1
for i in 1 2 3 4; do
	in_ns x "$wire" e0 flood mac 300 "$(mac b e0)" >/dev/null
	n=$(in_ns b "$nl" dump neigh-get | wc -l)
	[ "$n" -le 16 ] || fail "$n neighbours"
done
transferred 60
[ "$(stat b neigh_evicted)" -ge 1000 ] || fail "only $(stat b neigh_evicted) neighbours evicted"
check "after that" in_ns a "$tool" ping "$b" 30000 2
