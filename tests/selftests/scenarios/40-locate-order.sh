# SPDX-License-Identifier: GPL-2.0-or-later
#
# Messages to an address nobody has yet: they wait, and arrive in their order when it appears

ns a b
link a e0 b e0
later=d70d52d1b9d01900	# the public side of 0102030405060700
begin "$tmp/small" in_ns a "$tool" send $later 100 count 40 step 1 ltime 100000 wait 100000
small=$pid
begin "$tmp/nobody" in_ns a "$tool" send 1122334455667700 1000 count 5 step 1 ltime 100000 wait 100000
looking() { case $(in_ns a "$nl" info-get) in *locates=2*) ;; *) false ;; esac; }
wait_for 10 looking || fail "nothing is looked for: $(in_ns a "$nl" info-get)"
wait_for 10 grep -q '^sent 40 ' "$tmp/small" || fail "the sender had to wait"
begin "$tmp/large" in_ns a "$tool" send $later 50000 ltime 100000
large=$pid
receiver b "$tmp/b" bind 0102030405060700 count 41 timeout 30000
expect "its address" "$address" $later
wait "${background[-1]}" || fail "not all came: $(tail -1 "$tmp/b")"
over $large "$tmp/large"
kill $small 2>/dev/null
expect "order" "$(sed -n 's/^len \(1[0-9][0-9]\) .*/\1/p' "$tmp/b" | tr '\n' ' ')" \
	"$(echo {100..139}) "
expect "the large one" "$(came "$tmp/b" 50000)" 1
grep -q DAMAGED "$tmp/b" && fail "damaged"
expect "the other address is still looked for" "$(in_ns a "$nl" info-get)" "*locates=1*"
