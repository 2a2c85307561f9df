# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each message is looked for as long as its sender said, and comes back whole when it was in vain

ns a b
link a e0 b e0
later=d70d52d1b9d01900
begin "$tmp/patient" in_ns a "$tool" send $later 100 ltime 100000 wait 100000
looking() { case $(in_ns a "$nl" info-get) in *locates=1*) ;; *) false ;; esac; }
wait_for 10 looking || fail "nothing is looked for"
check "hasty" in_ns a "$tool" send $later 200 count 3 step 1 ltime 300 wait 20000 errors 3
expect "hasty, undelivered" "$(grep -c "^undelivered to $later len 20[0-2] reason 1 errno 113 .*intact" \
	"$tmp/check")" 3
expect "in their order" "$(sed -n 's/.* len \([0-9]*\) reason.*/\1/p' "$tmp/check" | tr '\n' ' ')" \
	"200 201 202 "
expect "large" "$(in_ns a "$tool" send $later 20000 ltime 300 2>&1)" "*No route to host"
expect "not looking" "$(in_ns a "$tool" send $later 201 ltime 0 2>&1)" "*No route to host"
looking || fail "the patient one was given up too"
receiver b "$tmp/b" bind 0102030405060700 count 1 timeout 30000
wait "${background[-1]}" || fail "the patient one did not come: $(cat "$tmp/b")"
expect "came" "$(tail -1 "$tmp/b")" "len 100 *"
expect "failed" "$(stat a locate_failed)" "[2-4]"
nothing() { case $(in_ns a "$nl" info-get) in *locates=0*) ;; *) false ;; esac; }
wait_for 5 nothing || fail "still looked for: $(in_ns a "$nl" info-get)"
