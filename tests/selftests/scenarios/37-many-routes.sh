# SPDX-License-Identifier: GPL-2.0-or-later
#
# More senders than there is room for routes: old ones make room, who is served goes on being so
#
#	a, b and a liar x on one segment

ns a b x
segment lan
plug lan a e0
plug lan b e0
plug lan x e0
in_ns x "$nl" net-del ifname e0 >/dev/null
in_ns b sysctl -q net.flip.max_routes=16 || fail "sysctl"
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
transfer a "$b" "$tmp/b"
for i in 1 2 3 4; do
	in_ns x "$wire" e0 flood source 300 "$(mac b e0)" >/dev/null
	expect "routes" "$(in_ns b "$nl" info-get | grep -o ' routes=.* add' |
		awk -F'[= ]' '{ print $3 <= 16 }')" 1
done
transferred 80
[ "$(stat b route_evicted)" -ge 1000 ] || fail "only $(stat b route_evicted) routes evicted"
check "after that" in_ns a "$tool" ping "$b" 30000 2
