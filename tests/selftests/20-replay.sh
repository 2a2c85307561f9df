#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where all the 20-replay-* take too long, one recorded exchange of each kind: our kernel as client,
# server and router, one packet and several, peers of either byte order, an address that is gone,
# losses (tests/replay/fields.tbl).
#
# nodes: 1
# suites: replay
# timeout: 120
# kernels: deb-6.1 deb-6.12 newest x86-debug

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
"$AMOEBA_TREE/tests/replay/replay" run 01 02_rpc_4096 04c 05_loss10_4096 06b 08a 08d 08e \
	-s "$slack" -j "$jobs"
