#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every sysctl is in Documentation/sysctl.rst, with its unit, the default a new namespace has, and its
# bounds, which hold.
#
# nodes: 1
# suites: limits
# timeout: 60

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
ip netns add s1
namespaces+=(s1)
in_ns s1 "$AMOEBA_TREE/tests/selftests/src/sysctl_doc.py" "$AMOEBA_TREE/Documentation/sysctl.rst" \
	/proc/sys/net/flip /proc/sys/net/amoeba || fail "sysctl.rst does not say what is so"
finish
