# SPDX-License-Identifier: GPL-2.0-or-later
#
# A machine dies without a word and its address comes up elsewhere: forced relocation finds it
#
#	h1, h2 and h3 on one segment

ns h1 h2 h3
segment lan
for h in h1 h2 h3; do plug lan $h e0; done
echoing h2 "$tmp/h2" bind 3333333333333300
mob=$address
check "at h2" in_ns h1 "$tool" ping "$mob" 100 1
expect "at h2" "$(route h1 "$mob")" "*location=$(mac h2 e0) *"

unplug lan h2 e0
echoing h3 "$tmp/h3" bind 3333333333333300
in_ns h1 "$tool" ping "$mob" 101 1 timeout 500 >"$tmp/lost" 2>&1 &&
	fail "a message to a dead machine was answered"
expect "still thought to be at h2" "$(route h1 "$mob")" "*location=$(mac h2 e0) *"
check "forced" in_ns h1 "$tool" ping "$mob" 102 1 flags 1
expect "at h3" "$(route h1 "$mob")" "*location=$(mac h3 e0) *"
check "from now on without force" in_ns h1 "$tool" ping "$mob" 30000 2
expect "h3 got" "$(came "$tmp/h3" 102),$(came "$tmp/h3" 30000)" 1,2
expect "h2 got" "$(came "$tmp/h2" 10[12])" 0
