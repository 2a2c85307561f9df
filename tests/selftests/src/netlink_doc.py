#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""netlink_doc - does the kernel's family "flip" say and take what uapi/flip.yaml says?

usage: netlink_doc FILE NAMESPACE EVENTS

In NAMESPACE, which has networks of both kinds, a route and a neighbour: the commands, who may give them, what
attributes they take within which limits, and all that is in their answers, and in the notifications while the
shell script EVENTS runs. Each attribute and each notification that the file has must be seen.
"""
import os
import socket
import struct
import subprocess
import sys

import yaml

CTRL, CTRL_GETFAMILY, CTRL_GETPOLICY = 16, 3, 10
CAP_ADMIN_UNS, CAP_DO, CAP_DUMP, CAP_HASPOL = 0x10, 2, 4, 8
REQUEST, ACK, DUMP = 1, 4, 0x300
# NL_ATTR_TYPE_* of policies
POLICY = {"u8": (2,), "u16": (3,), "u32": (4,), "u64": (5,), "binary": (10,), "string": (11, 12), "nest": (13,)}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}
bad = 0


def fail(text):
    global bad
    bad = 1
    print(f"FAIL: {text}")


def attrs(data):
    """[(number, bytes)]"""
    found = []
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4 or size > len(data):
            fail(f"an attribute of {size} bytes where {len(data)} are left")
            break
        found.append((kind & 0x3fff, data[4:size]))
        data = data[(size + 3) & ~3:]
    return found


def attr(number, data):
    return struct.pack("=HH", 4 + len(data), number) + data + b"\0" * (-len(data) % 4)


class Netlink:
    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind((0, 0))
        self.seq = 0

    def ask(self, family, cmd, data=b"", dump=False):
        """[(command, attributes)] of the answer"""
        self.seq += 1
        flags = REQUEST | (DUMP if dump else ACK)
        self.sock.send(struct.pack("=IHHII", 20 + len(data), family, flags, self.seq, 0) +
                       struct.pack("=BBH", cmd, 1, 0) + data)
        found = []
        while True:
            for kind, seq, body in self.messages():
                if seq != self.seq:
                    continue
                if kind == 3:
                    return found
                if kind == 2:
                    error = struct.unpack_from("=i", body)[0]
                    if error:
                        raise OSError(-error, os.strerror(-error))
                    return found
                found.append((body[0], body[4:]))

    def messages(self):
        data = self.sock.recv(1 << 18)
        while len(data) >= 16:
            size, kind, _, seq, _ = struct.unpack_from("=IHHII", data)
            yield kind, seq, data[16:size]
            data = data[(size + 3) & ~3:]


class Spec:
    def __init__(self, path):
        with open(path) as f:
            d = yaml.safe_load(f)
        # pad is for alignment, and in no list of what an answer has
        self.sets = {s["name"]: {i: a for i, a in enumerate(s["attributes"], 1)}
                     for s in d["attribute-sets"]}
        self.ops = {i: op for i, op in enumerate(d["operations"]["list"], 1)}
        self.names = {op["name"]: op for op in self.ops.values()}
        self.groups = [g["name"] for g in d["mcast-groups"]["list"]]
        self.seen = {}

    def answer(self, op):
        """(attribute set, names) of what a command, or a notification, says"""
        if "notify" in op:
            return self.answer(self.names[op["notify"]])
        if "event" in op:
            return op["attribute-set"], op["event"]["attributes"]
        how = op.get("do", {}).get("reply") or op.get("dump", {}).get("reply") or {}
        return op["attribute-set"], how.get("attributes", [])

    def check(self, cmd, data):
        """one message: its command and its attributes"""
        op = self.ops.get(cmd)
        if not op:
            fail(f"command {cmd} is not in the file")
            return
        name = op["name"]
        which, may = self.answer(op)
        for number, value in attrs(data):
            a = self.sets[which].get(number)
            if not a:
                fail(f"{name}: attribute {number} is not in the file")
                continue
            if a["type"] == "pad":
                continue
            if a["name"] not in may:
                fail(f"{name}: {a['name']} is not said to be in it")
            size = SIZES.get(a["type"])
            if size and len(value) != size:
                fail(f"{name}: {a['name']} has {len(value)} bytes, a {a['type']} is said")
            if a["type"] == "string" and (not value or value[-1] or 0 in value[:-1]):
                fail(f"{name}: {a['name']} is no string: {value!r}")
            self.seen.setdefault(name, set()).add(a["name"])
        self.seen.setdefault(name, set())


def family(nl, spec):
    found = dict(attrs(nl.ask(CTRL, CTRL_GETFAMILY, attr(2, b"flip\0"))[0][1]))
    number = struct.unpack("=H", found[1])[0]
    groups = {}
    for _, group in attrs(found[7]):
        g = dict(attrs(group))
        groups[g[1].rstrip(b"\0").decode()] = struct.unpack("=I", g[2])[0]
    if list(groups) != spec.groups:
        fail(f"groups: {list(groups)}, the file has {spec.groups}")
    there = {}
    for _, op in attrs(found[6]):
        o = dict(attrs(op))
        there[struct.unpack("=I", o[1])[0]] = struct.unpack("=I", o[2])[0]
    said = {i: op for i, op in spec.ops.items() if "do" in op or "dump" in op}
    if set(there) != set(said):
        fail(f"commands {sorted(there)}, the file has {sorted(said)}")
    for i in set(there) & set(said):
        op = said[i]
        want = (CAP_DO if "do" in op else 0) | (CAP_DUMP if "dump" in op else 0) | \
            (CAP_ADMIN_UNS if "uns-admin-perm" in op.get("flags", []) else 0)
        if there[i] & ~CAP_HASPOL != want:
            fail(f"{op['name']}: flags {there[i]:#x}, the file says {want:#x}")
    return number, groups


def policies(nl, spec, number):
    table, which = {}, {}
    for _, data in nl.ask(CTRL, CTRL_GETPOLICY, attr(1, struct.pack("=H", number)), dump=True):
        for kind, value in attrs(data):
            if kind == 8:
                for idx, policy in attrs(value):
                    for a, limits in attrs(policy):
                        table.setdefault(idx, {})[a] = dict(attrs(limits))
            elif kind == 9:
                for op, how in attrs(value):
                    which[op] = {k: struct.unpack("=I", v)[0] for k, v in attrs(how)}
    checked = 0
    for i, op in spec.ops.items():
        takes = op.get("do", {}).get("request", {}).get("attributes", [])
        if not takes:
            continue
        has = table.get(which.get(i, {}).get(1), {})
        names = {a["name"]: n for n, a in spec.sets[op["attribute-set"]].items()}
        taken = {n for n, limits in has.items() if struct.unpack("=I", limits[1])[0]}
        if taken != {names[t] for t in takes}:
            fail(f"{op['name']} takes attributes {sorted(taken)}, the file has {takes}")
        for t in takes:
            a, limits = spec.sets[op["attribute-set"]][names[t]], has.get(names[t])
            if not limits:
                continue
            kind = struct.unpack("=I", limits[1])[0]
            if kind not in POLICY.get(a["type"], ()):
                fail(f"{op['name']}: {t} is of type {kind}, the file has {a['type']}")
            checks = a.get("checks", {})
            # NL_POLICY_TYPE_ATTR_MIN_VALUE_U, _MAX_VALUE_U
            for key, at in (("min", 4), ("max", 5)):
                if key in checks and at in limits and \
                   struct.unpack("=Q", limits[at])[0] != checks[key]:
                    fail(f"{op['name']}: {t} {key} {limits[at]!r}, the file has {checks[key]}")
            checked += 1
    print(f"{checked} attributes of requests")


def answers(nl, spec, number):
    for i, op in spec.ops.items():
        if "dump" in op:
            for cmd, data in nl.ask(number, i, dump=True):
                spec.check(cmd, data)
        elif "do" in op and "request" not in op["do"]:
            for cmd, data in nl.ask(number, i):
                spec.check(cmd, data)


def events(spec, groups, script):
    nl = Netlink()
    for g in groups.values():
        nl.sock.setsockopt(270, 1, g)
    nl.sock.settimeout(5)
    # what the script makes is made by others: net-add and net-new answer only whom they are asked by
    subprocess.run(["bash", script], check=True)
    wanted = {op["name"] for op in spec.ops.values() if "mcgrp" in op}
    try:
        while wanted - set(spec.seen):
            for kind, _, body in nl.messages():
                if kind > 16:
                    spec.check(body[0], body[4:])
    except TimeoutError:
        fail(f"never told: {' '.join(sorted(wanted - set(spec.seen)))}")


def main():
    spec = Spec(sys.argv[1])
    with open(f"/run/netns/{sys.argv[2]}") as f:
        if hasattr(os, "setns"):
            os.setns(f.fileno(), 0x40000000)
        else:
            import ctypes
            if ctypes.CDLL(None).setns(f.fileno(), 0x40000000):
                sys.exit(f"setns: {sys.argv[2]}")
    nl = Netlink()
    number, groups = family(nl, spec)
    policies(nl, spec, number)
    answers(nl, spec, number)
    for op in spec.ops.values():
        _, may = spec.answer(op)
        missing = set(may) - spec.seen.get(op["name"], set())
        if "dump" in op and missing:
            fail(f"{op['name']}: never seen: {' '.join(sorted(missing))}")
    events(spec, groups, sys.argv[3])
    print(f"{len(spec.seen)} kinds of messages, {sum(len(s) for s in spec.seen.values())} attributes")
    sys.exit(bad)


main()
