#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Wrong calls of /dev/amoeba: pointers, sizes, flags, commands, sequences, from 64-bit and from
# 32-bit callers. Each gets what uapi/linux/amoeba.h says.
#
# nodes: 1
# suites: distribution badinput
# timeout: 180

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$tests/rpc_badinput" || fail "rpc_badinput"
"$tests/rpc_compat"
case $? in
0) ;;
77) echo "# 32-bit callers: not here, see above" ;;
*) fail "rpc_compat" ;;
esac
finish
