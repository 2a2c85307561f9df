#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The captured calls of the original with its recording as our peer: null and of many sizes, of
# machines of either byte order, of a busy server; as client and as server, field by field
# (tests/replay/fields.tbl).
#
# nodes: 1
# suites: captures
# time: travel
# timeout: 360

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$AMOEBA_TREE/tests/replay/replay" run 01 02 08 09a -s "$slack" -j "$jobs"
