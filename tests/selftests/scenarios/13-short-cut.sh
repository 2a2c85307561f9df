# SPDX-License-Identifier: GPL-2.0-or-later
#
# A shorter way appears: what works is kept until somebody asks for a new search
#
#	h1 -- r1 -- r2 -- h2
#	 \---------/		later

ns h1 r1 r2 h2
chain h1 r1 r2 h2
echoing h2 "$tmp/h2"
h2=$address
check "the long way" in_ns h1 "$tool" ping "$h2" 100 1
expect "the long way" "$(route h1 "$h2")" "*ifname=e1 *hops=9 *"
link h1 cut r2 cut
check "still" in_ns h1 "$tool" ping "$h2" 101 1
expect "still" "$(route h1 "$h2")" "*ifname=e1 *hops=9 *"
check "new search" in_ns h1 "$tool" ping "$h2" 102 1 flags 1
expect "the short way" "$(route h1 "$h2")" "*ifname=cut *hops=6 *"
expect "both came" "$(grep -c '^len 10[01] .*hops 9 ' "$tmp/h2"),$(grep -c '^len 102 .*hops 6 ' "$tmp/h2")" 2,1
ip -n h1 link set cut down
check "the long way remains" in_ns h1 "$tool" ping "$h2" 30000 1
expect "the long way remains" "$(route h1 "$h2")" "*ifname=e1 *hops=9 *"
