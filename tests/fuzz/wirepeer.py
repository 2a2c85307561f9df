# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer written by hand: builds FLIP and RPC frames of any kind, right or wrong, and speaks them
to a namespace under test (../replay/live.py)."""
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "replay"))
import flipwire as fw  # noqa: E402
import live  # noqa: E402

PUTPORT = bytes.fromhex("5884075ce686")
PEER_MAC = bytes.fromhex("02000000000b")
BCAST = b"\xff" * 6


class Failed(Exception):
    pass


def num(v, size, be):
    return (v & ((1 << 8 * size) - 1)).to_bytes(size, "big" if be else "little")


def flip(ftype, dst, src, payload=b"", messid=0, flags=0, act=3, hop=3, length=None, offset=0,
         total=None, be=False, version=1, reserved=0):
    """FLIP header and payload"""
    if be:
        flags |= fw.FLIP_BIGENDIAN
    length = len(payload) if length is None else length
    total = length if total is None else total
    return (bytes([version, ftype, flags, reserved]) + num(act, 2, be) + num(hop, 2, be) + dst +
            src + num(messid, 4, be) + num(length, 4, be) + num(offset, 4, be) +
            num(total, 4, be) + payload)


def rpc(rtype, tid=0, dest=0, frm=0, kid=bytes(8), port=bytes(6), flags=0, be=False, body=b""):
    """RPC header and what follows"""
    if be:
        flags |= fw.RPC_BIGENDIAN
    return (kid + port + bytes([rtype, flags]) + num(tid, 4, be) + num(dest, 2, be) +
            num(frm, 2, be) + body)


def header(port=PUTPORT, command=1, offset=0, size=0, extra=0, be=False, sig=bytes(6),
           obj=bytes(3), rights=0, check=bytes(6)):
    """the classic transaction header"""
    return (port + sig + obj + bytes([rights]) + check + num(command, 2, be) +
            num(offset, 4, be) + num(size, 2, be) + num(extra, 2, be))


def wide(port=PUTPORT + bytes(2), sig=bytes(8), obj=0, rights=0, check=bytes(12), site=0, command=1,
         extra=0, offset=0, size=0):
    """the wide transaction header: little-endian whatever else is"""
    return (port + sig + num(obj, 4, False) + num(rights, 4, False) + check + num(site, 4, False) +
            num(command, 4, False) + num(extra, 4, False) + num(offset, 8, False) +
            num(size, 8, False))


def ours(knows=fw.RPC_KNOWS_WIDE, payload=1458):
    """the kid field of a LOCATE or HEREIS of our kind"""
    return num(payload, 4, False) + bytes([knows]) + bytes(3)


def ether(dst, payload, src=PEER_MAC, fc=(0, 0), ethertype=fw.ETHERTYPE):
    f = dst + src + num(ethertype, 2, True) + bytes(fc) + payload
    return f + bytes(max(0, fw.ETH_ZLEN - len(f)))


class Peer:
    """one FLIP address behind one MAC, on the near end of the machine's link"""

    def __init__(self, machine, seg="A", mac=PEER_MAC, seed=1):
        self.machine, self.seg, self.mac = machine, seg, mac
        self.link = live.Link(machine)
        self.addr = bytes([0x40 + seed, 2, 3, 4, 5, 6, 7, 0])
        self.kid = bytes([seed, 9, 9, 9, 9, 9, 9, 0])
        self.messid = 1000 * seed
        self.tid = 0

    def close(self):
        self.link.close()

    def raw(self, frame):
        self.link.send(self.seg, frame)

    def send(self, payload, dst, ftype=fw.UNIDATA, mac=None, src=None, **kw):
        """one packet to our machine; returns its message id"""
        if "messid" not in kw:
            self.messid += 1
            kw["messid"] = self.messid
        if mac is None:
            mac = self.machine.macs[self.seg]
        self.raw(ether(mac, flip(ftype, dst, src or self.addr, payload, **kw), self.mac))
        return kw["messid"]

    def broadcast(self, payload, protocol=fw.BCAST_RPC, **kw):
        return self.send(num(protocol, 4, True) + payload, bytes(8), fw.MULTIDATA, BCAST, **kw)

    def courtesy(self, f):
        """what any FLIP host does by itself: it says where its address is"""
        if f.kind == "LOCATE" and f["flip.dst"] == self.addr:
            self.raw(ether(f["eth.src"],
                           flip(fw.HEREIS, self.addr, f["flip.src"], num(1, 2, False) * 2,
                                messid=f["flip.messid"], act=0, hop=f["flip.act"]), self.mac))

    def await_frame(self, want, ms=2000.0):
        """the next frame for which @want(frame) is true, or None"""
        end = time.time() + ms / 1e3
        while True:
            got = self.link.recv(end)
            if not got:
                return None
            t, _, raw = got
            f = fw.Frame(raw, t, "RPC")
            self.courtesy(f)
            if want(f):
                return f

    def drain(self, ms=100.0, patience=0.0):
        """what comes for so long; with @patience, from when the first came within that"""
        out = []
        end = time.time() + ms / 1e3
        if patience:
            got = self.link.recv(time.time() + patience / 1e3)
            end = time.time() + ms / 1e3
            if got:
                out.append(fw.Frame(got[2], got[0], "RPC"))
                self.courtesy(out[-1])
        while True:
            got = self.link.recv(end)
            if not got:
                return out
            out.append(fw.Frame(got[2], got[0], "RPC"))
            self.courtesy(out[-1])

    # -- a client ------------------------------------------------------------------------------

    def locate(self, port=PUTPORT, be=False, ms=5000.0):
        """(FLIP address, thread index) of who serves @port, or None"""
        end = time.time() + ms / 1e3
        while time.time() < end:
            self.broadcast(rpc(fw.RPC_LOCATE, 1234, 0, 7, port=port, be=be), be=be)
            f = self.await_frame(lambda f: f.kind == "RPC HEREIS" and f["rpc.port"] == port, 300)
            if f:
                return f["flip.src"], f["rpc.from"]
        return None

    def call(self, server, be=False, flip_be=None, command=1, offset=0, extra=0, data=b"",
             ms=5000.0):
        """a whole transaction of one packet; the REPLY frame"""
        self.tid += 1
        self.send(rpc(fw.RPC_REQUEST, self.tid, 10, 7, self.kid, PUTPORT, be=be,
                      body=header(command=command, offset=offset, extra=extra, be=be) + data),
                  server, flags=4, be=be if flip_be is None else flip_be)
        f = self.await_frame(lambda f: f.kind == "RPC REPLY" and f["rpc.tid"] == self.tid, ms)
        if f:
            self.send(rpc(fw.RPC_ACK, self.tid, f["rpc.from"], 7, be=be), server, flags=4, be=be)
        return f


def counters(machine):
    """the RPC counters of the machine under test"""
    return {k: int(v) for k, v in
            (line.split() for line in machine.read("amoeba/stat").splitlines())}


def flip_counters(machine):
    """those of FLIP"""
    out = live.sh(live.program("amctl"), "-j", "stat", "list", "all", "flip", machine=machine)
    return {row["counter"]: row["value"] for row in json.loads(out)}


def addresses(machine):
    """the FLIP addresses of its endpoints"""
    out = live.sh(live.program("amctl"), "-j", "addr", "list", machine=machine)
    return [bytes.fromhex(row["address"].replace(":", "")) for row in json.loads(out)]


def changed(before, after):
    return {k: after[k] - before[k] for k in after if after[k] != before[k]}


def settled(read, want, seconds=5.0):
    """what @read() gives, as soon as it is @want, or in the end"""
    end = time.time() + seconds
    while True:
        got = read()
        if got == want or time.time() >= end:
            return got
        time.sleep(0.02)
