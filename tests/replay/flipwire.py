# SPDX-License-Identifier: GPL-2.0-or-later
"""FLIP, RPC and group messages in Ethernet frames: the fields by name, and pcap files.

A Frame keeps the bytes as they were on the wire and an index of named fields over them, so that
a frame can be compared field by field, changed field by field, and printed. Multi-byte integers
are read and written in the order the BIGENDIAN flag of the header they sit in announces.
"""
import socket
import struct
import time

ETHERTYPE = 0x8146
ETH_ZLEN = 60

FC_NAMES = {0: "DATA", 1: "REQCREDIT", 2: "CREDIT", 3: "MCREQ", 4: "MCACK", 5: "MCNAK",
            6: "ABSCREDIT", 7: "FAST_UNI", 8: "FAST_MULTI"}
FLIP_NAMES = {1: "LOCATE", 2: "HEREIS", 3: "UNIDATA", 4: "MULTIDATA", 5: "NOTHERE",
              6: "UNTRUSTED"}
FLIP_FLAGS = ((0x01, "BIGENDIAN"), (0x02, "CODEFIELD"), (0x04, "SECURITY"),
              (0x10, "UNREACHABLE"), (0x20, "UNSAFE"))
RPC_NAMES = {1: "LOCATE", 2: "HEREIS", 3: "REQUEST", 4: "REPLY", 5: "ACK", 6: "NAK",
             7: "ENQUIRE", 8: "ALIVE", 9: "RECEIVED", 10: "FORWARD", 11: "FAIL",
             32: "REQUEST_WIDE", 33: "REPLY_WIDE", 34: "MISSING"}
RPC_FLAGS = ((0x01, "BIGENDIAN"), (0x02, "RETRANS"), (0x04, "REQUEST"), (0x08, "REPLY"),
             (0x10, "SIGTRANS"), (0x80, "OURS"))
GRP_NAMES = ("LOCATE", "HEREIS", "JOINREQ", "JOIN", "LEAVEREQ", "LEAVE", "BCASTREQ", "BCAST",
             "ACK", "RETRANS", "SYNC", "STATE", "REFORMREQ", "VOTE", "RESULT", "RESULTACK",
             "ALIVE", "ALIVEREQ", "DEAD")

LOCATE, HEREIS, UNIDATA, MULTIDATA, NOTHERE, UNTRUSTED = range(1, 7)
(RPC_LOCATE, RPC_HEREIS, RPC_REQUEST, RPC_REPLY, RPC_ACK, RPC_NAK, RPC_ENQUIRE, RPC_ALIVE,
 RPC_RECEIVED, RPC_FORWARD, RPC_FAIL) = range(1, 12)
RPC_REQUEST_WIDE, RPC_REPLY_WIDE, RPC_MISSING = 32, 33, 34	# of our kind only: rpc.rst
RPC_ACKS = 0x20				# flag of REQUEST_WIDE: 8 bytes more, the tid of another one
RPC_OURS = 0x80						# flag of LOCATE and HEREIS,
RPC_KNOWS_WIDE, RPC_KNOWS_MISSING, RPC_KNOWS_ACKS = 0x01, 0x02, 0x04	# and byte 4 of their kid
FLIP_BIGENDIAN = RPC_BIGENDIAN = 0x01
FLIP_UNSAFE = 0x20
RPC_REPLY_HALF = 0x08	# what a RECEIVED asks about
MAX_HOPS = 25		# more: no cache may answer
BCAST_RPC, BCAST_GRP = 1, 2


class WireError(Exception):
    """a frame that is not what it says it is"""


class Frame:
    """One frame: .raw, .t (seconds), and the fields in wire order in .index.

    .index maps a name to (offset, size, kind); kind is "b" for bytes, "<" or ">" for an
    integer in that order.
    """

    def __init__(self, raw, t=0.0, hint=None):
        self.raw = bytearray(raw)
        self.t = t
        self.index = {}
        self.kind = "?"		# "CREDIT", "LOCATE", "RPC REQUEST", "fragment", ...
        self._parse(hint)
        self.row = self._row()	# the kind, and what more fields.tbl tells apart

    # -- reading and writing fields --------------------------------------------------------

    def __contains__(self, name):
        return name in self.index

    def __getitem__(self, name):
        off, size, kind = self.index[name]
        if kind == "b":
            return bytes(self.raw[off:off + size])
        return int.from_bytes(self.raw[off:off + size], "little" if kind == "<" else "big")

    def __setitem__(self, name, value):
        off, size, kind = self.index[name]
        if kind != "b":
            value = value.to_bytes(size, "little" if kind == "<" else "big")
        if len(value) != size:
            raise WireError(f"{name} is {size} bytes, not {len(value)}")
        self.raw[off:off + size] = value

    def get(self, name, default=None):
        return self[name] if name in self.index else default

    def copy(self):
        f = Frame(self.raw, self.t, self.hint)
        f.row = self.row
        return f

    def transcoded(self, flip=True, rpc=True):
        """this frame as a machine of the other byte order would have sent it: the integers of the
        FLIP header (and of a HEREIS), or of the RPC header and the user's header, or all"""
        if rpc and "grp.flags" in self:
            raise WireError("the messages of groups cannot be transcoded")
        raw = bytearray(self.raw)
        turned = (("flip.", "hereis.") if flip else ()) + (("rpc.", "hdr.") if rpc else ())
        for name, (off, size, kind) in self.index.items():
            if kind != "b" and name.startswith(turned):
                raw[off:off + size] = raw[off:off + size][::-1]
            if name in ("flip.flags", "rpc.flags") and name.startswith(turned):
                raw[off] ^= FLIP_BIGENDIAN
        f = Frame(raw, self.t, self.hint)
        f.row = self.row
        return f

    def _row(self):
        if self.kind == "RPC RECEIVED":
            return self.kind + ("(REPLY)" if self["rpc.flags"] & RPC_REPLY_HALF else "(REQUEST)")
        if self.kind == "LOCATE" and self["flip.max"] > MAX_HOPS:
            return "LOCATE(forced)"
        return self.kind

    def _add(self, name, off, size, kind="b"):
        if off + size > len(self.raw):
            raise WireError(f"cut short: {name} needs {off + size} bytes, the frame has "
                            f"{len(self.raw)}")
        self.index[name] = (off, size, kind)

    # -- parsing -----------------------------------------------------------------------------

    def _parse(self, hint):
        """@hint: "RPC" or "GRP": what unicasts of this address pair are; None: guess"""
        self.hint = hint
        self._add("eth.dst", 0, 6)
        self._add("eth.src", 6, 6)
        self._add("eth.type", 12, 2, ">")
        if self["eth.type"] != ETHERTYPE:
            self.kind = f"ethertype {self['eth.type']:#06x}"
            return
        self._add("fc.type", 14, 1, ">")
        self._add("fc.count", 15, 1, ">")
        fc = self["fc.type"]
        if fc:
            self.kind = FC_NAMES.get(fc, f"fc {fc}")
            end = 16
            if fc == 3:
                self._add("mc.location", 16, 8)
                self._add("mc.address", 24, 8)
                end = 32
            elif fc in (4, 5):
                self._add("mc.address", 16, 8)
                end = 24
            self._add("pad", end, len(self.raw) - end)
            return
        self._parse_flip()

    def _parse_flip(self):
        self._add("flip.version", 16, 1, ">")
        self._add("flip.type", 17, 1, ">")
        self._add("flip.flags", 18, 1, ">")
        self._add("flip.reserved", 19, 1, ">")
        o = ">" if self["flip.flags"] & FLIP_BIGENDIAN else "<"
        self._add("flip.act", 20, 2, o)
        self._add("flip.max", 22, 2, o)
        self._add("flip.dst", 24, 8)
        self._add("flip.src", 32, 8)
        self._add("flip.messid", 40, 4, o)
        self._add("flip.length", 44, 4, o)
        self._add("flip.offset", 48, 4, o)
        self._add("flip.total", 52, 4, o)
        length = self["flip.length"]
        end = 56 + length
        if end > len(self.raw):
            raise WireError(f"cut short: FLIP length {length} needs {end} bytes, the frame has "
                            f"{len(self.raw)}")
        ftype = self["flip.type"]
        self.kind = FLIP_NAMES.get(ftype, f"flip {ftype}")
        off = 56
        if ftype == HEREIS and length == 4:
            self._add("hereis.count", 56, 2, o)
            self._add("hereis.trusted", 58, 2, o)
            off = 60
        elif ftype in (UNIDATA, MULTIDATA, NOTHERE, UNTRUSTED):
            pre = "" if ftype in (UNIDATA, MULTIDATA) else self.kind + " "
            if self["flip.offset"]:
                self.kind = pre + "fragment"
            else:
                off = self._parse_payload(pre, off, length)
        if off < end:
            self._add("data", off, end - off)
        self._add("pad", end, len(self.raw) - end)

    def _parse_payload(self, pre, off, length):
        proto = BCAST_RPC
        if self["flip.type"] == MULTIDATA and self["flip.dst"] == bytes(8) and length >= 4:
            self._add("bcast.protocol", off, 4, ">")
            proto = self["bcast.protocol"]
            off += 4
            length -= 4
        elif self._is_group(off, length):
            proto = BCAST_GRP
        if proto == BCAST_RPC and length >= 24 and self.hint != "GRP":
            return self._parse_rpc(pre, off, length)
        if proto == BCAST_GRP and length >= 20:
            return self._parse_grp(pre, off)
        return off

    def _is_group(self, off, length):
        if self.hint:
            return self.hint == "GRP"
        if self["flip.type"] == MULTIDATA:
            return True
        # An RPC unicast has a type at 14 and one of few lengths; anything else is a group's.
        t = self.raw[off + 14] if length >= 24 else 0
        plain = length == 24 and t in (5, 6, 7, 8, 9, 11, 2)
        body = length >= 56 and t in (3, 4) or length >= 88 and t in (32, 33)
        total = self["flip.total"]
        asks = t == 34 and length >= 32 and not length % 8
        return not (plain or body or asks or (total == 32 and t == 10))

    def _parse_rpc(self, pre, off, length):
        self._add("rpc.kid", off, 8)
        self._add("rpc.port", off + 8, 6)
        self._add("rpc.type", off + 14, 1, ">")
        self._add("rpc.flags", off + 15, 1, ">")
        o = ">" if self["rpc.flags"] & RPC_BIGENDIAN else "<"
        self._add("rpc.tid", off + 16, 4, o)
        self._add("rpc.dest", off + 20, 2, o)
        self._add("rpc.from", off + 22, 2, o)
        rtype = self["rpc.type"]
        self.kind = pre + "RPC " + RPC_NAMES.get(rtype, str(rtype))
        off += 24
        if rtype in (RPC_REQUEST, RPC_REPLY) and length >= 56:
            self._add("hdr.port", off, 6)
            self._add("hdr.signature", off + 6, 6)
            self._add("hdr.object", off + 12, 3)
            self._add("hdr.rights", off + 15, 1, ">")
            self._add("hdr.check", off + 16, 6)
            self._add("hdr.command", off + 22, 2, o)
            self._add("hdr.offset", off + 24, 4, o)
            self._add("hdr.size", off + 28, 2, o)
            self._add("hdr.extra", off + 30, 2, o)
            off += 32
        elif rtype in (RPC_REQUEST_WIDE, RPC_REPLY_WIDE) and length >= 88:
            at = off
            for name, size, kind in (("port", 8, "b"), ("signature", 8, "b"), ("object", 4, "<"),
                                     ("rights", 4, "<"), ("check", 12, "b"), ("site", 4, "<"),
                                     ("command", 4, "<"), ("extra", 4, "<"), ("offset", 8, "<"),
                                     ("size", 8, "<")):
                self._add("wide." + name, at, size, kind)
                at += size
            off += 64
            if rtype == RPC_REQUEST_WIDE and self["rpc.flags"] & RPC_ACKS and length >= 96:
                self._add("rpc.acks", off, 4, "<")
                off += 8
        elif rtype == RPC_MISSING:
            for n in range((length - 24) // 8):
                self._add(f"missing.from.{n}", off, 4, "<")
                self._add(f"missing.to.{n}", off + 4, 4, "<")
                off += 8
        elif rtype == RPC_FORWARD and length >= 32:
            self._add("forward.address", off, 8)
            off += 8
        return off

    def _parse_grp(self, pre, off):
        self._add("grp.type", off, 1, ">")
        self._add("grp.flags", off + 1, 1, ">")
        o = ">" if self["grp.flags"] & 1 else "<"
        self._add("grp.reserved", off + 2, 2, o)
        self._add("grp.cpu", off + 4, 2, o)
        self._add("grp.inc", off + 6, 2, o)
        self._add("grp.seq", off + 8, 4, o)
        self._add("grp.messid", off + 12, 4, o)
        self._add("grp.expect", off + 16, 4, o)
        t = self["grp.type"]
        self.kind = pre + "GRP " + (GRP_NAMES[t] if t < len(GRP_NAMES) else str(t))
        return off + 20

    # -- printing ----------------------------------------------------------------------------

    def summary(self):
        """the line of the annotated captures, without number and times"""
        dst, src = self["eth.dst"], self["eth.src"]
        if dst == b"\xff" * 6:
            d = "bcast"
        elif dst[0] & 1:
            d = dst.hex(":")
        else:
            d = f"{dst[5]:02x}"
        head = f"{len(self.raw):4d} {src[5]:02x}>{d}"
        if "fc.type" not in self:
            return f"{head} {self.kind}"
        if self["fc.type"]:
            s = f"{head} FC {self.kind} cnt={self['fc.count']}"
            if "mc.location" in self:
                s += f" mc location={self['mc.location'].hex()}  [24]"
            elif "mc.address" in self:
                s += " [16]"
            if "mc.address" in self:
                s += f" flip addr={self['mc.address'].hex()}"
            return s
        be = " BE" if self["flip.flags"] & FLIP_BIGENDIAN else ""
        s = (f"{head} cr={self['fc.count']} "
             f"{FLIP_NAMES.get(self['flip.type'], self['flip.type'])} "
             f"f={flags_text(self['flip.flags'], FLIP_FLAGS)} "
             f"hop={self['flip.act']}/{self['flip.max']}{be} mid={self['flip.messid']} "
             f"len={self['flip.length']} off={self['flip.offset']} tot={self['flip.total']}")
        if "hereis.count" in self:
            s += f" count={self['hereis.count']} trusted={self['hereis.trusted']}"
        if "rpc.type" in self:
            s += (f" | RPC {RPC_NAMES.get(self['rpc.type'], self['rpc.type'])} "
                  f"f={flags_text(self['rpc.flags'], RPC_FLAGS)} tid={self['rpc.tid']} "
                  f"dest={self['rpc.dest']} from={self['rpc.from']}")
        elif "grp.type" in self:
            t = self["grp.type"]
            s += (f" | GRP {GRP_NAMES[t] if t < len(GRP_NAMES) else t} "
                  f"f={flags_text(self['grp.flags'], ((1, 'BIGENDIAN'),))} "
                  f"cpu={self['grp.cpu']} inc={self['grp.inc']} seq={self['grp.seq']} "
                  f"mid={self['grp.messid']} exp={self['grp.expect']}")
        return s

    def decode(self):
        """every field, one a line: frame offset, name, value"""
        out = []
        for name, (off, size, kind) in self.index.items():
            if name == "pad" and not size:
                continue
            v = self[name]
            if kind == "b":
                text = v[:32].hex() + ("..." if size > 32 else "")
                if name in ("data", "pad"):
                    text = f"{size} bytes: {text}"
            else:
                text = f"{v} ({v:#x})"
            out.append(f"  [{off}] {name}={text}")
        return out


def flags_text(value, names):
    words = [n for bit, n in names if value & bit]
    rest = value & ~sum(bit for bit, _ in names)
    if rest:
        words.append(f"{rest:#x}")
    return f"0x{value:02x}" + (f"({'|'.join(words)})" if words else "")


def parse(raw, t=0.0, hint=None):
    """a Frame, or None with the reason for one that does not parse"""
    try:
        return Frame(raw, t, hint), None
    except WireError as e:
        return None, str(e)


def read_pcap(path):
    """[(seconds since the epoch, bytes)] of a classic pcap file of Ethernet frames"""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 24:
        raise WireError(f"{path}: not a pcap file: {len(data)} bytes")
    magic = data[:4]
    for order in "<>":
        for number, scale in ((0xa1b2c3d4, 1e-6), (0xa1b23c4d, 1e-9)):
            if magic == struct.pack(order + "I", number):
                return _read_records(path, data, order, scale)
    raise WireError(f"{path}: not a pcap file: magic {magic.hex()}")


def _read_records(path, data, order, scale):
    link = struct.unpack(order + "I", data[20:24])[0]
    if link != 1:
        raise WireError(f"{path}: link type {link}, not Ethernet (1)")
    out, pos = [], 24
    while pos + 16 <= len(data):
        sec, frac, caplen, wirelen = struct.unpack(order + "4I", data[pos:pos + 16])
        pos += 16
        if pos + caplen > len(data):
            raise WireError(f"{path}: record {len(out) + 1} cut short")
        if caplen != wirelen:
            raise WireError(f"{path}: record {len(out) + 1} was not captured whole "
                            f"({caplen} of {wirelen} bytes)")
        out.append((sec + frac * scale, data[pos:pos + caplen]))
        pos += caplen
    return out


def write_pcap(path, frames):
    """@frames: [(seconds since the epoch, bytes)]"""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for t, raw in frames:
            us = round(t * 1e6)
            f.write(struct.pack("<4I", us // 1000000, us % 1000000, len(raw), len(raw)))
            f.write(raw)


def open_device(dev, promisc=True):
    """an AF_PACKET socket that sees every FLIP frame of @dev, those sent from it too, with
    kernel time stamps"""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)	# with a protocol: of every device
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUF, 4 << 20)
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    s.bind((dev, ETHERTYPE))
    if promisc:
        mreq = struct.pack("iHH8s", socket.if_nametoindex(dev), PACKET_MR_PROMISC, 0, bytes(8))
        s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, mreq)
    return s


SO_RCVBUF = 8
SO_TIMESTAMPNS = 35
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1


def seconds(ns):
    """of a clock, in whole microseconds: a float holds no more, and what is rounded differently
    seems to come before its cause where both take no time"""
    return ns // 1000 / 1e6


def receive(sock):
    """(seconds since the epoch, bytes, outgoing) of the next frame of open_device()"""
    raw, anc, _, addr = sock.recvmsg(65536, 256)
    t = None
    for level, kind, data in anc:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= 16:
            sec, nsec = struct.unpack("qq", data[:16])
            t = seconds(sec * 10**9 + nsec)
    if t is None:
        t = seconds(time.time_ns())
    return t, raw, addr[2] == socket.PACKET_OUTGOING
