#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Stories of FLIP, one to a file in scenarios/: the ways between machines, and wires that lose,
# double and reorder. Arguments choose among all stories: scenarios/run.
#
# nodes: 1
# suites: scenarios
# timeout: 900

[ $# -gt 0 ] || set -- 1-18
exec "$AMOEBA_TREE/tests/selftests/scenarios/run" "$@"
