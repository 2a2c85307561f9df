#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Calls across a router that is restarted in between, and one with an untrusted network behind it,
# as the original recorded them on both segments: our kernel as client, as server and as the router
# (tests/replay/fields.tbl).
#
# nodes: 1
# suites: captures
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$AMOEBA_TREE/tests/replay/replay" run 06 -s "$slack" -j "$jobs"
