# SPDX-License-Identifier: GPL-2.0-or-later
#
# A message to three members waits for the third, and nobody gets it before; without, it comes back

ns a b c
segment lan
for n in a b c; do plug lan $n e0; done
receiver a "$tmp/a" bind 1111111111111100 count 100 timeout 1000000
receiver b "$tmp/b" bind 1111111111111100 count 100 timeout 1000000
group=$address
check "two of three" in_ns a "$tool" send "$group" 100 members 3 ltime 300 wait 20000
expect "two of three" "$(grep undel "$tmp/check")" "undelivered to $group len 100 reason 1 *intact"
begin "$tmp/send" in_ns a "$tool" send "$group" 101 members 3 ltime 100000 wait 100000
looking() { case $(in_ns a "$nl" info-get) in *locates=1*) ;; *) false ;; esac; }
wait_for 5 looking || fail "nobody is looked for"
expect "so far" "$(cat "$tmp/a" "$tmp/b" | grep -c '^len 101')" 0
receiver c "$tmp/c" bind 1111111111111100 count 100 timeout 1000000
all() { [ "$(cat "$tmp/a" "$tmp/b" "$tmp/c" | grep -c '^len 101 ')" = 3 ]; }
wait_for 10 all || fail "$(cat "$tmp/a" "$tmp/b" "$tmp/c" | grep -c '^len 101 ') of 3 got it"
expect "the other one" "$(cat "$tmp/a" "$tmp/b" "$tmp/c" | grep -c '^len 100 ')" 0
check "not to itself" in_ns a "$tool" send "$group" 102 members 3 flags 8 bind 1111111111111100
all() { [ "$(cat "$tmp/a" "$tmp/b" "$tmp/c" | grep -c '^len 102 ')" = 3 ]; }
wait_for 5 all || fail "$(cat "$tmp/a" "$tmp/b" "$tmp/c" | grep -c '^len 102 ') of 3 others got it"
check "this one not to itself" in_ns a "$tool" send "$group" 103 members 3 flags 8 bind 1111111111111100 cmsg 1
all() { [ "$(cat "$tmp/a" "$tmp/b" "$tmp/c" | grep -c '^len 103 ')" = 3 ]; }
wait_for 5 all || fail "$(cat "$tmp/a" "$tmp/b" "$tmp/c" | grep -c '^len 103 ') of 3 others got it"
