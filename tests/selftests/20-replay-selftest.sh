#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Would the replay notice? Each scenario against itself, and with every compared field, every
# frame and every time wrong once. Needs no module.
#
# nodes: 1
# suites: replay-selftest
# timeout: 300

"$AMOEBA_TREE/tests/replay/replay" selftest
