#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short counting test of the kind that `make soak` makes long (tests/soak/README.md): at most once,
# and honest verdicts, while frames are lost, doubled and overtaken, and servers, clients and whole
# machines die.
#
# nodes: 1
# leaks: scan
# suites: soak
# kernels: uml-debug
# time: travel
# timeout: 240

exec bash "$AMOEBA_TREE/tests/soak/guest.sh" 1000 DIE_MS=4000 KILL_S=4 REBOOT_S=6
