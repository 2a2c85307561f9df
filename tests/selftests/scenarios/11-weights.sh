# SPDX-License-Identifier: GPL-2.0-or-later
#
# Weights decide between a direct network and two behind a router, and change the decision
#
#	h1 ------------ h2	direct: weight 3, then 10, then 4, then 25
#	 \---- r1 ----/		3 and 3

ns h1 r1 h2
link h1 direct h2 direct
link h1 e1 r1 e0
link r1 e1 h2 e1
weigh()
{
	local n
	for n in h1 h2; do
		in_ns $n "$nl" net-set ifname direct weight "$1" >/dev/null || fail "net-set weight"
	done
}
# an address of h2 nobody has asked for yet; the search widens, so the nearest way answers first
fresh() { echoing h2 "$tmp/$1"; new=$address; check "$1" in_ns h1 "$tool" ping "$new" 100 1; }

fresh "direct is nearest"
old=$new
expect "direct is nearest" "$(route h1 "$old")" "*ifname=direct *hops=3 *"
weigh 10
check "what was known is forgotten" in_ns h1 "$tool" ping "$old" 101 1
expect "what was known is forgotten" "$(route h1 "$old")" "*ifname=e1 *hops=6 *"
expect "hops it came" "$(grep -c '^len 101 .*hops 6 ' "$tmp/direct is nearest")" 1
weigh 4
fresh "direct is nearer again"
expect "direct is nearer again" "$(route h1 "$new")" "*ifname=direct *hops=4 *"
expect "hops it came" "$(grep -c '^len 100 .*hops 4 ' "$tmp/direct is nearer again")" 1
# so heavy that only the greatest budget pays for it, and the router is gone
weigh 25
ip -n h1 link set e1 down
ip -n h2 link set e1 down
check "far, but in reach" in_ns h1 "$tool" ping "$old" 30000 1
expect "far, but in reach" "$(route h1 "$old")" "*ifname=direct *hops=25 *"
expect "heavier than any budget" "$(in_ns h1 "$nl" net-set ifname direct weight 26)" "error 34*"
