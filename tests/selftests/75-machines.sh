#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short counting test of the kind that `make soak` makes long (tests/soak/README.md): machines whose
# power is cut in the middle of what they do, and others that reboot, while programs are killed and
# frames lost, doubled and overtaken. 75-soak does the same with namespaces, where waiting costs nothing.
#
# nodes: 3
# suites: soak
# kernels: uml-debug
# reboots: yes
# timeout: 240

exec bash "$AMOEBA_TREE/tests/soak/machines.sh" 640 THREADS=16 GAP_US=150000 DIE_MS=4000 KILL_S=6 \
	REBOOT_S=2 MOST_REBOOTS=2
