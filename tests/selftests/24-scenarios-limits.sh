#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Stories of trust, of tables and queues that are full, of groups and of credits: scenarios/run.
#
# nodes: 1
# suites: scenarios
# timeout: 900

[ $# -gt 0 ] || set -- 32-48
exec "$AMOEBA_TREE/tests/selftests/scenarios/run" "$@"
