#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A million random calls of /dev/amoeba, also through io_uring, and of transaction sockets: 72-fuzz-ioctl, at
# length, where a call costs least with all checkers on.
#
# nodes: 1
# suites: badinput
# kernels: uml-debug
# timeout: 900

CALLS=${CALLS:-1000000}
. "$AMOEBA_TREE/tests/selftests/72-fuzz-ioctl.sh"
