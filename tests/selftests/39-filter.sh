#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Filters of the kernel's on FLIP sockets: messages refused and cut, of one packet, of several, and
# larger than the receive buffer; what they refuse is counted.
#
# nodes: 1
# suites: sockets
# timeout: 60

. "$AMOEBA_TREE/tests/selftests/src/flip_lib.bash"
need_flip
ns a
in_ns a "$tests/flip_filter" || fail "filters"
expect "refused" "$(stat a drop_sock_filter)" 6
case "$(in_ns a "$nl" dump addr-get)" in ?*) fail "an address is left" ;; esac
finish
