# SPDX-License-Identifier: GPL-2.0-or-later
#
# More is looked for than there may be: refused at once, and room again when the search is over

ns a b
link a e0 b e0
echoing b "$tmp/b"
b=$address
check "known" in_ns a "$tool" ping "$b" 100 1
in_ns a sysctl -q net.flip.max_locates=16 net.flip.locate_queue_bytes=65536 || fail "sysctl"
looks() { case $(in_ns a "$nl" info-get) in *locates=$1*) ;; *) false ;; esac; }

begin "$tmp/many" in_ns a "$tool" send 1122334455000000 10 count 24 spread 24 keep 1 ltime 100000 wait 100000
many=$pid
wait_for 10 grep -q '^refused' "$tmp/many" || fail "the sender waits"
expect "addresses" "$(cat "$tmp/many")" "sent 16 *refused 8"
expect "refused" "$(stat a locate_full)" 8
looks 16 || fail "$(in_ns a "$nl" info-get)"
check "who is known" in_ns a "$tool" ping "$b" 30000 1
kill $many
wait $many 2>/dev/null
wait_for 10 looks 0 || fail "the sender has gone, but: $(in_ns a "$nl" info-get)"

for i in 1 2; do
	check "bytes" in_ns a "$tool" send 1122334455000000 1400 count 100 keep 1 ltime 200 wait 20000 errors 100
	n=$(sed -n 's/^sent \([0-9]*\) .*/\1/p' "$tmp/check")
	[ "${n:-0}" -ge 10 ] && [ "$n" -le 60 ] || fail "$n messages of 1400 bytes in 64 KiB"
	expect "undelivered, of $n" "$(grep -c '^undelivered .* intact' "$tmp/check")" "$n"
done
wait_for 5 looks 0 || fail "still looked for: $(in_ns a "$nl" info-get)"
