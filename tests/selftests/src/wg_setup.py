#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""wg_setup - the little of wg(8) that a test needs, where that is not installed

usage: wg_setup DEV PORT                     draw a key, listen on PORT; prints the public key
       wg_setup DEV peer KEY ADDR PORT NET   add a peer; NET is allowed from and sent to it
"""
import ipaddress
import os
import socket
import struct
import sys

CTRL, GETFAMILY, FAMILY_ID, FAMILY_NAME = 16, 3, 1, 2
GET_DEVICE, SET_DEVICE = 0, 1
IFNAME, PRIVATE_KEY, PUBLIC_KEY, LISTEN_PORT, PEERS = 2, 3, 4, 6, 8
P_PUBLIC_KEY, P_ENDPOINT, P_ALLOWED_IPS = 1, 4, 9
A_FAMILY, A_IPADDR, A_CIDR = 1, 2, 3
REQUEST, ACK, DUMP = 1, 4, 0x300


def attr(kind, data):
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def nest(kind, *parts):
    return attr(kind | 0x8000, b"".join(parts))


def attrs(data):
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


class Genl:
    def __init__(self, name):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        found = dict(attrs(self.talk(CTRL, GETFAMILY, attr(FAMILY_NAME, name.encode() + b"\0"))))
        self.family = struct.unpack("=H", found[FAMILY_ID])[0]

    def talk(self, family, cmd, body, flags=ACK):
        self.sock.send(struct.pack("=IHHIIBBH", 20 + len(body), family, REQUEST | flags, 1, 0,
                                   cmd, 1, 0) + body)
        got = b""
        while True:
            data = self.sock.recv(65536)
            while data:
                size, kind = struct.unpack_from("=IH", data)
                if kind == 2:       # NLMSG_ERROR
                    err = -struct.unpack_from("=i", data, 16)[0]
                    if err:
                        raise OSError(err, os.strerror(err))
                    return got
                if kind == 3:       # NLMSG_DONE
                    return got
                got += data[20:size]
                data = data[(size + 3) & ~3:]


def main(argv):
    wg = Genl("wireguard")
    name = attr(IFNAME, argv[0].encode() + b"\0")
    if argv[1] != "peer":
        wg.talk(wg.family, SET_DEVICE, name + attr(PRIVATE_KEY, os.urandom(32)) +
                attr(LISTEN_PORT, struct.pack("=H", int(argv[1]))))
        found = dict(attrs(wg.talk(wg.family, GET_DEVICE, name, DUMP)))
        print(found[PUBLIC_KEY].hex())
        return 0
    key, addr, port, net = argv[2:6]
    net = ipaddress.ip_network(net)
    family = socket.AF_INET if net.version == 4 else socket.AF_INET6
    endpoint = struct.pack("=H", socket.AF_INET) + struct.pack("!H", int(port)) + \
        socket.inet_aton(addr) + bytes(8)
    wg.talk(wg.family, SET_DEVICE, name + nest(PEERS, nest(
        0, attr(P_PUBLIC_KEY, bytes.fromhex(key)), attr(P_ENDPOINT, endpoint),
        nest(P_ALLOWED_IPS, nest(0, attr(A_FAMILY, struct.pack("=H", family)),
                                 attr(A_IPADDR, net.network_address.packed),
                                 attr(A_CIDR, bytes([net.prefixlen])))))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
