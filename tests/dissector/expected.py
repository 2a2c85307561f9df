# SPDX-License-Identifier: GPL-2.0-or-later
"""What the dissector must show of a capture, according to flipwire.py.

expect(frames) gives for each frame {field: [values in order]}: every field of every header, what
each packet carries, the whole message in the last packet of each, and the line. flipwire stops at
the group header, so what follows that is read here. Values are texts as tshark prints them.
"""
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "replay"))
import flipwire as fw  # noqa: E402

# flipwire's names where the dissector's differ
NAMES = {
    "fc.type": "fc.type", "fc.count": "fc.count", "mc.location": "mc.location",
    "mc.address": "mc.address", "pad": "pad", "flip.act": "hops", "flip.max": "hops_max",
    "bcast.protocol": "protocol", "forward.address": "rpc.forward", "grp.inc": "grp.incarnation",
    "grp.seq": "grp.seqno", "data": "data",
}
HEXADECIMAL = {"flags": 2, "reserved": 2, "rpc.flags": 2, "grp.flags": 2, "grp.reserved": 4,
               "hdr.rights": 2, "rpc.knows": 2, "wide.rights": 8, "wide.site": 8}
SIGNED = {"hdr.status": 2, "hdr.offset": 4, "wide.command": 4, "wide.status": 4, "wide.offset": 8}
DATA_TYPES = (fw.UNIDATA, fw.MULTIDATA, fw.NOTHERE, fw.UNTRUSTED)

# group messages with the classic header behind theirs; a BCAST without one is an accept
GRP_CLASSIC = {"LOCATE", "JOINREQ", "JOIN", "LEAVEREQ", "LEAVE", "BCASTREQ", "BCAST", "RESULT"}

STD = {1000 + n: "STD_" + word for n, word in enumerate(
    "MONITOR AGE COPY DESTROY INFO RESTRICT STATUS TOUCH GETPARAMS SETPARAMS NTOUCH".split())}
STATUS = {0: "OK"}


def name_of(name):
    if name in NAMES:
        return NAMES[name]
    if name.startswith("missing."):
        return "rpc." + name.rsplit(".", 1)[0]
    return name[5:] if name.startswith("flip.") else name


def text_of(name, value):
    if isinstance(value, bytes):
        return value.hex()
    if name in HEXADECIMAL:
        return f"0x{value:0{HEXADECIMAL[name]}x}"
    if name in SIGNED:
        half = 1 << (8 * SIGNED[name] - 1)
        return str((value + half) % (2 * half) - half)
    return str(value)


class Shown(dict):
    """{field: [texts]}"""

    def add(self, name, value):
        self.setdefault(name, []).append(text_of(name, value))


def shown_part(shown, frame, names, data):
    """the fields of @frame among @names; @data: what its data is called"""
    for name in names:
        value = frame[name]
        if name == "hdr.object":
            value = int.from_bytes(value, "little")
        if name == "hdr.command" and frame.get("rpc.type") == fw.RPC_REPLY:
            name = "hdr.status"
        if name == "wide.command" and frame.get("rpc.type") == fw.RPC_REPLY_WIDE:
            name = "wide.status"
        name = name_of(name)
        if name in ("data", "pad") and not value:
            continue
        if name == "rpc.kid" and frame["rpc.flags"] & fw.RPC_OURS and \
                frame["rpc.type"] in (fw.RPC_LOCATE, fw.RPC_HEREIS):
            shown.add("rpc.payload", int.from_bytes(value[:4], "little"))
            shown.add("rpc.knows", value[4])
        if name != "data":
            shown.add(name, value)
    left = group_rest(shown, frame, data == "data") if "grp.type" in frame else frame.get("data")
    if left:
        shown.add(data, left)


def group_rest(shown, frame, whole):
    """What follows a group header: the classic header and the body, as wire-observed section 4 has
    them; returns what is left."""
    b = frame.get("data", b"")
    o = ">" if frame["grp.flags"] & 1 else "<"
    kind = fw.GRP_NAMES[frame["grp.type"]]

    def take(form, *names):
        nonlocal b
        for name, value in zip(names, struct.unpack_from(o + form, b)):
            shown.add(name, value)
        b = b[struct.calcsize(o + form):]

    if kind in GRP_CLASSIC and b:
        take("6s6s", "hdr.port", "hdr.signature")
        shown.add("hdr.object", int.from_bytes(b[:3], "little"))
        b = b[3:]
        take("B6sHiHH", "hdr.rights", "hdr.check", "hdr.command", "hdr.offset", "hdr.size",
             "hdr.extra")
    if not whole:
        return b
    if kind == "LOCATE":
        take("8s8s", "grp.process", "grp.address")
    elif kind == "HEREIS":
        take("HHHHIHH8s8s", "grp.max_members", "grp.log_history", "grp.log_message",
             "grp.resilience", "grp.large", "grp.index", "grp.sequencer", "grp.private",
             "grp.private_all")
    elif kind == "JOIN":
        take("8s", "grp.address")
        while len(b) > 24:
            take("8s8sIII", "grp.address", "grp.process", "grp.member.state",
                 "grp.member.expect", "grp.member.messid")
        take("8sHHIHHI", "grp.private_all", "grp.total", "grp.sequencer", "grp.next",
             "grp.new_incarnation", "grp.resilience", "grp.large")
    elif kind == "RESULT":
        while len(b) > 22:
            take("I", "grp.member.state")
        take("8s8sHHH", "grp.private", "grp.private_all", "grp.total", "grp.sequencer",
             "grp.new_incarnation")
    elif kind == "SYNC":
        while b:
            take("H", "grp.sync")
    return b


def more(frame, total):
    """what the line says beyond that of the annotated captures"""
    kind = frame.get("rpc.type")
    text = ""
    if kind in (fw.RPC_LOCATE, fw.RPC_HEREIS, fw.RPC_REQUEST, fw.RPC_REQUEST_WIDE):
        text = f" port={frame['rpc.port'].hex()}"
    elif frame.get("grp.type") == 0:
        text = f" port={frame['data'][:6].hex()}"
    if kind == fw.RPC_REQUEST:
        text += numbered("cmd", frame["hdr.command"], STD)
    elif kind == fw.RPC_REPLY:
        text += numbered("status", int(text_of("hdr.status", frame["hdr.command"])), STATUS)
    elif kind == fw.RPC_REQUEST_WIDE:
        text += numbered("cmd", int(text_of("wide.command", frame["wide.command"])), STD)
    elif kind == fw.RPC_REPLY_WIDE:
        text += numbered("status", int(text_of("wide.status", frame["wide.command"])), STATUS)
    elif kind == fw.RPC_MISSING:
        n = sum(name.startswith("missing.from.") for name in frame.index)
        text += "".join(f" {frame[f'missing.from.{i}']}-{frame[f'missing.to.{i}']}"
                        for i in range(min(n, 4)))
        text += f" and {n - 4} more" if n > 4 else ""
    elif kind == fw.RPC_FORWARD:
        text += f" to={frame['forward.address'].hex()}"
    if kind in (fw.RPC_REQUEST, fw.RPC_REPLY):
        text += f" data={total - 56}"
    elif kind in (fw.RPC_REQUEST_WIDE, fw.RPC_REPLY_WIDE):
        text += f" data={total - (96 if 'rpc.acks' in frame else 88)}"
    return text


def numbered(what, value, names):
    return f" {what}={value}" + (f" {names[value]}" if value in names else "")


def line(frame):
    """of the packet alone: flipwire's summary without size, MACs and offsets"""
    text = re.sub(r"^ *\d+ \S+ ", "", frame.summary())
    text = re.sub(r" +\[\d+\]", "", text)
    text = re.sub(r"^cr=(\d+)", lambda m: f"cr={int(m[1]) & 127}" + " ours" * (int(m[1]) > 127), text)
    return text + (more(frame, frame["flip.total"]) if "flip.total" in frame else "")


def whole_of(frame, parts):
    """the message as if it had come in one packet"""
    raw = bytearray(frame.raw[:56]) + b"".join(parts[o] for o in sorted(parts))
    o = ">" if frame["flip.flags"] & 1 else "<"
    raw[44:56] = struct.pack(o + "III", frame["flip.total"], 0, frame["flip.total"])
    return fw.Frame(raw)


def expect(records):
    """@records: [(time, bytes)] -> [({field: [texts]}, line)]"""
    out, messages = [], {}
    for number, (t, raw) in enumerate(records, 1):
        frame = fw.Frame(raw, t)
        shown = Shown()
        text = line(frame)
        kind = frame.get("flip.type")
        several = kind in DATA_TYPES and frame["flip.length"] < frame["flip.total"]
        names = [n for n in frame.index if not n.startswith("eth.")]
        shown_part(shown, frame, names, "fragment.data" if several else "data")
        if several:
            key = (kind, frame["flip.src"], frame["flip.dst"], frame["flip.messid"])
            parts, numbers = messages.setdefault(key, ({}, []))
            end = 56 + frame["flip.length"]
            new = frame["flip.offset"] not in parts
            parts[frame["flip.offset"]] = bytes(raw[56:end])
            if new:
                numbers.append(number)
            if new and sum(map(len, parts.values())) == frame["flip.total"]:
                whole = whole_of(frame, parts)
                names = [n for n in whole.index
                         if n.split(".")[0] in ("bcast", "rpc", "hdr", "wide", "missing", "forward",
                                                   "grp", "data")]
                shown_part(shown, whole, names, "data")
                text += " | whole: " + whole.summary().split(" | ")[1] + \
                    more(whole, frame["flip.total"])
                shown["fragment"] = [str(n) for n in numbers]
                shown.add("reassembled.length", frame["flip.total"])
        out.append((shown, text))
    return out
