#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Stories of devices and networks that change under traffic: scenarios/run.
#
# nodes: 1
# suites: scenarios
# timeout: 900

[ $# -gt 0 ] || set -- 19-31
exec "$AMOEBA_TREE/tests/selftests/scenarios/run" "$@"
