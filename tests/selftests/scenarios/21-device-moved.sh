# SPDX-License-Identifier: GPL-2.0-or-later
#
# A device moves to another namespace and back: the network ends, and is begun anew by hand

ns a b c
link a e0 b e0
echoing b "$tmp/b"
b=$address
check "first" in_ns a "$tool" ping "$b" 100 1
transfer a "$b" "$tmp/b" ltime 1000
ip -n a link set e0 netns c
expect "in neither" "$(in_ns a "$nl" dump net-get)$(in_ns c "$nl" dump net-get)" ""
expect "a knows nobody" "$(in_ns a "$nl" dump neigh-get)$(in_ns a "$nl" dump route-get)" ""
ip -n c link set e0 up
expect "c does not take it by itself" "$(in_ns c "$tool" send "$b" 10 ltime 0 2>&1)" "*No route*"
add_net c e0
check "from c" in_ns c "$tool" ping "$b" 30000 2
ip -n c link set e0 netns a
ip -n a link set e0 up
add_net a e0
check "back home" in_ns a "$tool" ping "$b" 30000 2
transferred 10
expect "c has nothing left" "$(in_ns c "$nl" info-get)" "* networks=0 * routes=0 * neighbours=0 *"
