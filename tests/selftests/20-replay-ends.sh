#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the original recorded when nobody serves, when a server dies and when it is started anew:
# our kernel on either side of it (tests/replay/fields.tbl).
#
# nodes: 1
# suites: captures
# timeout: 240

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$AMOEBA_TREE/tests/replay/replay" run 03 04b 04c -s "$slack" -j "$jobs"
