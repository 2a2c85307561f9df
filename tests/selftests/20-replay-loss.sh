#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Calls over a link that loses and doubles frames, as the original recorded them at both ends: our
# kernel at either, retransmissions, credits and all (tests/replay/fields.tbl).
#
# nodes: 1
# suites: captures
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$AMOEBA_TREE/tests/replay/replay" run 05 -s "$slack" -j "$jobs"
