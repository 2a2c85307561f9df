#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""udp_fail - make an overlay again and again, each time with another allocation failing

usage: udp_fail DEV HEADER     DEV: what it runs over; HEADER: linux/flip_netlink.h
"""
import errno
import re
import struct
import sys

from wg_setup import Genl, attr

MOST = 2000


def numbers(header):
    """enumerators of the netlink family by name"""
    found = {}
    with open(header, encoding="ascii") as f:
        for body in re.findall(r"enum \w+ \{([^}]*)\}", f.read()):
            value = 0
            for name, given in re.findall(r"^\s*(\w+)(?: = (\d+))?,", body, re.M):
                value = int(given) if given else value + 1
                found[name] = value
    return found


def never(start):
    """nothing fails any more; what takes less than the time before leaves more than one failure to
    come, and it may be this write that has it"""
    while True:
        try:
            start.write(b"0\n")
            return
        except OSError as e:
            if e.errno not in (errno.EFAULT, errno.ENOMEM):
                raise


def main(argv):
    n = numbers(argv[1])
    flip = Genl("flip")
    name = attr(n["FLIP_A_NET_IFNAME"], b"fail0\0")
    v4 = bytes(10) + b"\xff\xff"
    make = name + attr(n["FLIP_A_NET_UDP_PORT"], struct.pack("=H", 200)) + \
        attr(n["FLIP_A_NET_UDP_PEERS"], v4 + bytes([10, 0, 0, 2, 0, 0])) + \
        attr(n["FLIP_A_NET_UDP_GROUP"], v4 + bytes([239, 1, 1, 1])) + \
        attr(n["FLIP_A_NET_UDP_DEV"], argv[0].encode() + b"\0")
    failed = 0
    for nth in range(1, MOST):
        # two files: reading one when it is over allocates nothing
        with open("/proc/thread-self/fail-nth", "wb", buffering=0) as start, \
                open("/proc/thread-self/fail-nth", "rb", buffering=0) as left:
            start.write(b"%d\n" % nth)
            try:
                flip.talk(flip.family, n["FLIP_CMD_NET_NEW"], make)
            except OSError:
                failed += 1
            try:
                over = left.read(20) not in (b"0\n", b"0")
            except OSError:     # it was this reading that failed
                over = True
            never(start)
        try:
            flip.talk(flip.family, n["FLIP_CMD_NET_DEL"], name)
        except OSError:
            pass
        if over:
            print("%d allocations, %d of them needed" % (nth - 1, failed))
            return 0 if failed else 1
    print("more than %d allocations" % MOST)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
