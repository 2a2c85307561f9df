#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The client and the server of README.md compile as printed there and work between machines;
# what amctl can do stands in its man page.
# nodes: 2
# timeout: 120

set -u
bad=0
fail() { echo "FAIL: $*"; bad=1; }
[ -c /dev/amoeba ] || modprobe amoeba || exit 1
amctl net add eth0 || exit 1
work=$(mktemp -d)
lib=$AMOEBA_TREE/build/userland/lib

for f in server client; do
	awk -v want="/* $f.c */" '/^```/ { on = 0 } on { print } $0 == want { on = 1 }' \
		"$AMOEBA_TREE/README.md" >"$work/$f.c"
	cc -std=c11 -Wall -Wextra -Werror -I"$AMOEBA_TREE/userland/libamoeba/include" \
		-I"$AMOEBA_TREE/uapi" -o "$work/$f" "$work/$f.c" -L"$lib" -lamoeba \
		-Wl,-rpath,"$lib" || fail "$f.c of README.md does not compile"
done
if [ "$NODE" = 1 ]; then
	"$work/server" &
	server=$!
	[ "$("$work/client")" = hello ] || fail "on one machine"
fi
barrier served
if [ "$NODE" = 2 ]; then
	[ "$("$work/client")" = hello ] || fail "between two machines"
fi
barrier called
[ "$NODE" = 1 ] && kill "$server"

page=$AMOEBA_TREE/Documentation/amctl.8
for o in $(amctl help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'); do
	grep -Eq "^\.(B|BR) \"?$o( |\$|\")" "$page" || fail "amctl.8 does not know $o"
done
exit $bad
