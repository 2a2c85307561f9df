#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The captured calls of the original, null and of many sizes, with its recording as our peer: as
# client and as server, field by field (tests/replay/fields.tbl).
#
# nodes: 1
# suites: replay
# timeout: 300

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$AMOEBA_TREE/tests/replay/replay" run 01 02
