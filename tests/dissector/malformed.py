# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames no machine should send, and what the dissector must say of them.

cases() gives (name, [records], {expert infos of the last one}); noise() gives frames cut and
changed everywhere, of which only is asked that the dissector stands them. A record is (bytes,
length on the wire).
"""
import copy
import glob
import os
import random
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PCAP = os.path.join(HERE, "..", "replay", "pcap")
sys.path.insert(0, os.path.join(HERE, "..", "replay"))
import flipwire as fw  # noqa: E402


def captured(stem, number):
    return fw.Frame(fw.read_pcap(os.path.join(PCAP, stem + ".pcap"))[number - 1][1])


def write(path, records):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for n, (raw, length) in enumerate(records):
            f.write(struct.pack("<4I", 1000000000 + n, 0, len(raw), length))
            f.write(raw)


class Cases(list):
    """Each case has addresses of its own, so that none is taken for another's."""

    def case(self, name, expected, *frames):
        n = len(self) + 1
        records = []
        for f in frames:
            if isinstance(f, fw.Frame):
                f = copy.copy(f)	# Frame.copy() would not take what is malformed
                f.raw = bytearray(f.raw)
                for a in ("flip.src", "flip.dst"):
                    if any(f.get(a, b"")):
                        f[a] = f[a][:5] + struct.pack(">H", n) + b"\0"
                f = bytes(f.raw)
            records.append(f if isinstance(f, tuple) else (f, len(f)))
        self.append((name, records, set(expected.split())))

    def changed(self, name, expected, frame, *context, payload=None, **fields):
        """@frame with @fields changed: flip_type=7, rpc_flags=0x40; @payload: other FLIP payload;
        @context: what is seen before"""
        frame = frame.copy()
        if payload is not None:
            frame.raw[56:] = payload
            frame["flip.length"] = frame["flip.total"] = len(payload)
        for field, value in fields.items():
            frame[field.replace("_", ".", 1)] = value
        self.case(name, expected, *context, frame)


def cases():
    out = Cases()
    flip_cases(out)
    control_cases(out)
    rpc_cases(out)
    group_cases(out)
    fragment_cases(out)
    return out


def flip_cases(out):
    request = captured("01_null_rpc", 3)
    locate, hereis = captured("07_group_member1", 4), captured("07_group_member1", 5)
    raw = bytes(request.raw)

    out.case("control header of no byte", "bad.truncated", raw[:14])
    out.case("control header of one byte", "bad.truncated", raw[:15])
    out.case("FLIP header of no byte", "bad.truncated", raw[:16])
    out.case("FLIP header cut", "bad.truncated", raw[:40])
    out.case("FLIP header not captured whole", "note.cut", (raw[:40], len(raw)))
    out.case("payload not captured whole", "note.cut", (raw[:70], len(raw)))
    out.changed("length beyond the frame", "bad.truncated", request, flip_length=57, flip_total=57)
    out.changed("length beyond all", "bad.truncated bad.bounds", request, flip_length=0xffffffff)
    out.changed("version 0", "bad.version", request, flip_version=0)
    out.changed("version 2", "bad.version", request, flip_version=2)
    for t in (0, 7, 255):
        out.changed(f"FLIP type {t}", "bad.type", request, flip_type=t)
    out.changed("variable part", "bad.flags", request, flip_flags=0x02)
    out.changed("unknown flag", "note.flags", request, flip_flags=0x48)
    out.changed("actual beyond maximum", "bad.hops", request, flip_act=4)
    out.changed("maximum 26", "bad.hops", request, flip_max=26)
    out.changed("maximum 26 of a LOCATE", "", locate, flip_max=26)
    out.changed("maximum 27 of a LOCATE", "bad.hops", locate, flip_max=27)
    out.changed("both hop counts", "bad.hops", request, flip_act=65535, flip_max=65534)
    out.changed("offset beyond the message", "bad.bounds", request, flip_offset=1)
    out.changed("offset and length wrap", "bad.bounds", request, flip_offset=0xffffffc8)
    out.changed("more than 1 GiB", "bad.bounds", request, flip_total=(1 << 30) + 129)
    out.changed("nothing of something", "bad.bounds", request, flip_length=0)
    out.changed("nothing of nothing", "", request, flip_length=0, flip_total=0)
    out.changed("LOCATE of nobody", "bad.address", locate, flip_dst=bytes(8))
    out.changed("LOCATE by nobody", "bad.address", locate, flip_src=bytes(8))
    for n in (0, 2, 3, 6):
        out.changed(f"HEREIS of {n} bytes", "bad.hereis", hereis, payload=bytes(n))
    out.changed("HEREIS of none", "bad.hereis", hereis, payload=b"\0\0\0\0")
    out.changed("HEREIS trusts more", "bad.hereis", hereis, payload=b"\1\0\2\0")
    out.changed("HEREIS that trusts none", "", hereis, payload=b"\1\0\0\0")
    bounced = request.copy()
    bounced["flip.type"], bounced["flip.act"] = fw.UNTRUSTED, 0
    out.case("UNTRUSTED", "note.bounced", bounced)


def control_cases(out):
    mcreq, mcack = captured("07_group_member1", 13), captured("07_group_member1", 14)
    credit = captured("07_group_member1", 64)

    out.changed("control type 9", "bad.type", credit, fc_type=9)
    out.changed("control type 7", "", credit, fc_type=7)
    out.changed("too many credits", "note.credits", credit, fc_count=65)
    out.changed("a whole window of our kind", "", credit, fc_count=64)
    out.case("MCREQ cut", "bad.truncated", bytes(mcreq.raw[:31]))
    out.case("MCACK cut", "bad.truncated", bytes(mcack.raw[:20]))
    out.changed("MCNAK", "note.multicast", mcack, fc_type=5)


def rpc_cases(out):
    locate, hereis = captured("01_null_rpc", 1), captured("01_null_rpc", 2)
    request, reply, ack = (captured("01_null_rpc", n) for n in (3, 4, 5))
    context = (request, reply)		# tell that these addresses speak RPC

    out.changed("RPC LOCATE by our kind", "", locate, rpc_flags=0x80)
    out.changed("protocol number cut", "bad.truncated", locate, payload=b"\0\0\0")
    out.changed("protocol 7", "note.protocol", locate, bcast_protocol=7)
    out.changed("RPC header cut", "bad.truncated", locate, payload=bytes(locate.raw[56:79]))
    out.changed("RPC type 12 as a broadcast", "bad.type", locate, rpc_type=12)
    out.changed("RPC type 0", "bad.type", locate, rpc_type=0)
    out.changed("HEREIS as a broadcast", "bad.type note.unseen", locate, rpc_type=2)
    out.changed("RPC type 12", "bad.type", ack, *context, rpc_type=12)
    out.changed("RPC LOCATE as a unicast", "bad.type", ack, *context, rpc_type=1)
    out.changed("unknown RPC flag", "note.flags", ack, *context, rpc_flags=0x40)
    out.changed("REQUEST without header", "bad.length", request, *context,
                payload=bytes(request.raw[56:110]), flip_messid=77, rpc_tid=99)
    out.changed("ACK with more", "bad.length", ack, *context,
                payload=bytes(ack.raw[56:80]) + b"more")
    out.changed("FORWARD to nowhere", "bad.length note.unseen", ack, *context, rpc_type=10)
    out.changed("neither RPC nor group", "", ack, payload=b"hello, world")
    rpc_ours(out, ack, context)
    out.changed("NAK", "note.nak note.unseen", ack, rpc_type=6)
    out.changed("FAIL", "note.fail", ack, request, rpc_type=11, flip_src=hereis["flip.src"],
                flip_dst=hereis["flip.dst"])
    again = request.copy()
    again["flip.messid"] = 78
    out.case("request again", "note.retrans", request, again)
    out.case("request twice", "note.copy", request, request)


def rpc_ours(out, ack, context):
    """the types of our kind"""
    def of(rtype, body, flags=0):
        raw = bytearray(ack.raw[56:80]) + body
        raw[14], raw[16] = rtype, 99		# a transaction of its own
        raw[15] |= flags
        return bytes(raw)

    def ranges(*pairs):
        return b"".join(struct.pack("<II", *p) for p in pairs)

    wide = b"port12\0\0signat\0\0" + bytes(48)
    out.changed("REQUEST_WIDE", "", ack, *context, payload=of(32, wide))
    out.changed("REQUEST_WIDE with data", "", ack, *context, payload=of(32, wide + b"data"))
    out.changed("REPLY_WIDE", "note.unseen", ack, *context, payload=of(33, wide))
    for at in (6, 15):
        bad = bytearray(wide)
        bad[at] = 1
        out.changed(f"byte {at} of a wide header", "bad.wide", ack, *context,
                    payload=of(32, bytes(bad)))
    out.changed("REQUEST_WIDE cut", "bad.length", ack, *context, payload=of(32, wide[:63]))
    acks = bytes([98]) + bytes(7)
    out.changed("REQUEST_WIDE that acknowledges", "", ack, *context,
                payload=of(32, wide + acks + b"data", 0x20))
    out.changed("REQUEST_WIDE that acknowledges, cut", "bad.length", ack, *context,
                payload=of(32, wide + acks[:7], 0x20))
    out.changed("REPLY_WIDE cut", "bad.length note.unseen", ack, *context,
                payload=of(33, wide[:32]))
    out.changed("MISSING", "", ack, *context, payload=of(34, ranges((0, 1458), (2916, 4374))))
    out.changed("MISSING nothing", "bad.length", ack, *context, payload=of(34, b""))
    out.changed("MISSING half a range", "bad.length", ack, *context,
                payload=of(34, ranges((0, 9)) + b"1234"))
    out.changed("MISSING too many ranges", "bad.length", ack, *context,
                payload=of(34, ranges(*((2 * i, 2 * i + 1) for i in range(129)))))
    out.changed("an empty range", "bad.missing", ack, *context, payload=of(34, ranges((7, 7))))
    out.changed("ranges that overlap", "bad.missing", ack, *context,
                payload=of(34, ranges((0, 100), (99, 200))))


def group_cases(out):
    locate, joinreq = captured("07_group_member1", 1), captured("07_group_member1", 3)
    join, result = captured("07_group_member1", 6), captured("07b_group_seqcrash_member3", 27)

    out.changed("group header cut", "bad.truncated", locate, payload=bytes(locate.raw[56:79]))
    out.changed("group type 19", "bad.type", locate, grp_type=19)
    out.changed("unknown group flag", "note.flags", locate, grp_flags=2)
    out.changed("group LOCATE cut", "bad.length", locate, payload=bytes(locate.raw[56:120]))
    out.changed("JOINREQ cut", "bad.length", joinreq, joinreq,
                payload=bytes(joinreq.raw[56:100]))
    out.changed("JOIN with a broken table", "", join, payload=bytes(join.raw[56:363]))
    out.changed("JOIN without one", "bad.length", join, joinreq,
                payload=bytes(join.raw[56:120]))
    out.changed("RESULT cut", "bad.length", result, result,
                payload=bytes(result.raw[56:120]), flip_messid=7)


def fragment_cases(out):
    a, b, c = (captured("02_rpc_4096", n) for n in (3, 4, 5))

    out.case("in order", "", a, b, c)
    out.case("twice", "note.copy", a, b, b)
    out.case("one missing", "note.order", a, c)
    out.case("filled late", "note.order", a, c, b)
    inside = b.copy()
    inside["flip.offset"] = 1000
    out.case("overlap", "note.overlap note.order", a, inside)
    other = b.copy()
    other["flip.total"] = 5000
    out.case("another total", "note.total note.order", a, other)
    raw = bytes(b.raw)
    out.case("one not captured whole", "note.cut", bytes(a.raw), (raw[:100], len(raw)),
             bytes(c.raw))


def noise(seed=1):
    """every kind of frame cut at every length, on the wire and in the capture, and changed"""
    rnd = random.Random(seed)
    kinds = {}
    for path in sorted(glob.glob(os.path.join(PCAP, "*.pcap"))):
        for _, raw in fw.read_pcap(path):
            f = fw.Frame(raw)
            # of both byte orders
            kinds.setdefault((f.kind, f.get("flip.flags", 0) & 1), raw)
    for raw in kinds.values():
        for n in range(14, min(len(raw), 180)):
            yield raw[:n], n
            yield raw[:n], len(raw)
    for raw in list(kinds.values()) * 40:
        b = bytearray(raw)
        for _ in range(rnd.choice((1, 1, 2, 4, 16))):
            b[rnd.randrange(14, min(len(b), 130))] = rnd.choice((0, 1, 0x7f, 0x80, 0xff,
                                                                 rnd.randrange(256)))
        yield bytes(b), len(b)
