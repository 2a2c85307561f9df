# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the replay fail when it should?

A Twin stands in for the machine under test: it sends what the capture has, under addresses, ids,
indices and clocks of its own, in a time of its own making (nothing sleeps). Every scenario must
pass with it; and must fail with every one of these wrong: each compared field of each frame, a
frame missing, twice, too much, out of order, too long, too early or too late. A field said to be
undefined must not make it fail. The same with peers of the other byte order, and all that is wrong
when one forgets it. And is what the replay sends as such a peer what the original would have sent?
"""
import fnmatch
import glob
import math
import os
import random

import flipwire as fw
import scenarios
from compare import Comparer, Mapping, Mismatch, Table, show, space_of
from engine import (EARLY_MS, ORDERS, PROGRAM_MS, WINDOW, Failure, Replay, Script, cause, large)

SLACK = 200.0


class Twin:
    """the link of a Replay, and the machine at its other end"""

    def __init__(self, script, macs, part, seed=1):
        self.script, self.macs, self.part = script, macs, part
        self.rnd = random.Random(seed)
        self.t = 1000.0
        self.due = []			# (time, segment, bytes)
        self.at = 0			# next step to be done, by whichever side
        self.last = None
        self.mutate = None		# (step index, function(frame) -> [bytes])
        self.shift = {}			# step index: seconds later
        self.answer = None		# step index of the peer's, answered though it should not be
        self.dests = {}			# (source, message id): rpc.dest, to be bounced as it came
        self.asked = 0			# rpc.dest of the last REQUEST
        self.names = self._names()
        self.pump()

    # -- what our machine calls things ---------------------------------------------------------

    def _names(self):
        """{(space key, captured): live} of everything that is ours"""
        names, rnd = {}, self.rnd
        client = self.part == "client"
        if self.part == "router":
            return names
        base = {"tid": rnd.randrange(1 << 31), "clock": rnd.randrange(1 << 32),
                "mid": rnd.randrange(1 << 32)}
        for s in self.script.steps:
            f = s.frame
            if not s.ours or f["fc.type"]:
                continue
            if f["flip.type"] == fw.NOTHERE:
                continue
            a = f["flip.src"] if f["flip.type"] != fw.HEREIS else f["flip.dst"]
            if ("address", a) not in names:
                names["address", a] = bytes(rnd.randrange(1, 256) for _ in range(7)) + b"\0"
            names[("messid", a), f["flip.messid"]] = \
                (base["mid"] + 3 * f["flip.messid"]) & 0xffffffff
            if "rpc.type" not in f:
                continue
            names.setdefault((("thread", a), f["rpc.from"]), rnd.randrange(1 << 16))
            if not client:
                continue
            if f["rpc.type"] == fw.RPC_LOCATE:
                names[("clock", a), f["rpc.tid"]] = (base["clock"] + f["rpc.tid"]) & 0xffffffff
            else:
                names[("tid", a), f["rpc.tid"]] = (base["tid"] + 2 * f["rpc.tid"]) & 0xffffffff
            if f["rpc.type"] in (fw.RPC_REQUEST, fw.RPC_RECEIVED):
                names.setdefault(("kid", f["rpc.kid"]),
                                 bytes(rnd.randrange(256) for _ in range(7)) + b"\0")
        return names

    def ours(self, captured, table, role):
        """the frame our machine sends in place of a captured one"""
        f = captured.copy()
        for name in captured.index:
            rule = table.rule(name, captured.row, role)
            if rule[0] == "unsafe-zero" and f["flip.flags"] & fw.FLIP_UNSAFE:
                f[name] = 0
            if rule[0] != "map":
                continue
            base, key, _ = space_of(rule, captured, self.script.clients)
            if base == "mac":
                continue
            f[name] = self.names.get((key, captured[name]), captured[name])
        if f.kind == "NOTHERE RPC REQUEST":
            f["rpc.dest"] = self.dests.get((f["flip.src"], f["flip.messid"]), f["rpc.dest"])
        return f

    # -- the link ------------------------------------------------------------------------------

    def now(self):
        return self.t

    def recv(self, end):
        if self.due and self.due[0][0] <= end:
            t, seg, raw = self.due.pop(0)
            self.t = max(self.t, t)
            return t, seg, raw
        self.t = max(self.t, end)
        return None

    def send(self, seg, raw):
        self.t += 1e-6
        if self.at >= len(self.script.steps) or self.script.steps[self.at].ours:
            return self.t	# our machine was expected to send: the replay will notice
        step = self.script.steps[self.at]
        f = fw.Frame(raw, hint="RPC")
        if f.kind == "RPC REQUEST":
            self.dests[f["flip.src"], f["flip.messid"]] = self.asked = f["rpc.dest"]
        if not self.mutate:
            self._verify(step, f)
        if self.answer == self.at:
            f = step.frame.copy()
            f["eth.dst"], f["eth.src"] = f["eth.src"], self.macs[seg]
            self.due.append((self.t + 1e-5, seg, bytes(f.raw)))
        self.at += 1
        self.last = (step.frame.t, self.t)
        self.pump()
        return self.t

    def _verify(self, step, f):
        """the replay must call our things by our names"""
        c = step.frame
        want = {"eth.dst": self.macs[step.segment] if c["eth.dst"] == self.script.ours[step.segment]
                else c["eth.dst"]}
        if not c["fc.type"]:
            for name in ("flip.dst", "flip.src"):
                want[name] = self.names.get(("address", c[name]), c[name])
        if "rpc.type" in c:
            space = "clock" if c["rpc.type"] in (fw.RPC_LOCATE, fw.RPC_HEREIS) else "tid"
            client = c["flip.src"] if c["flip.src"] in self.script.clients else c["flip.dst"]
            want["rpc.tid"] = self.names.get(((space, client), c["rpc.tid"]), c["rpc.tid"])
            if c["rpc.type"] not in (fw.RPC_REQUEST, fw.RPC_LOCATE):
                want["rpc.dest"] = self.names.get((("thread", c["flip.dst"]), c["rpc.dest"]),
                                                  c["rpc.dest"])
        for name, v in want.items():
            if f[name] != v:
                raise AssertionError(f"{step}: the replay sent {name}={show(f[name])}, ours is "
                                     f"called {show(v)}")

    def pump(self):
        steps = self.script.steps
        while self.at < len(steps) and steps[self.at].ours:
            i = self.at
            step = steps[i]
            t = self.last[1] + step.frame.t - self.last[0] if self.last else self.t + 0.05
            if step.frame.row == "RPC RECEIVED(REPLY)":
                t = self.last[1] + max(16 * self.asked, 11) / 1e3
            t = max(t + self.shift.get(i, 0.0), 0)
            f = self.ours(step.frame, TABLE, ROLE[self.part])
            f["eth.src"] = self.macs[step.segment]
            out = [bytes(f.raw)]
            if self.mutate and self.mutate[0] == i:
                out = self.mutate[1](f)
            for raw in out:
                self.due.append((t, step.segment, raw))
            self.due.sort(key=lambda d: d[0])
            self.at += 1
            self.last = (step.frame.t, t)


TABLE = Table()
ROLE = {"client": "endpoint", "server": "endpoint", "silent": "endpoint", "router": "router"}


def script_of(scenario, order):
    """as read, once; nothing has happened to it"""
    if (scenario.name, order) not in SCRIPTS:
        SCRIPTS.clear()
        SCRIPTS[scenario.name, order] = Script(scenario, TABLE, order)
    script = SCRIPTS[scenario.name, order]
    for step in script.steps:
        step.live, step.done, step.behind = None, False, 0.0
    return script


SCRIPTS = {}


def play(scenario, mutate=None, shift=None, answer=None, order="native"):
    """None, or the text of the failure"""
    script = script_of(scenario, order)
    macs = {seg: bytes([0x52, 0x54, 0, 0, 1, i]) for i, seg in enumerate(scenario.ours)}
    twin = Twin(script, macs, scenario.part)
    twin.mutate, twin.shift, twin.answer = mutate, shift or {}, answer
    if mutate or shift:		# what was due at the start was made without them
        twin.due, twin.at, twin.last, twin.t = [], 0, None, 1000.0
        twin.pump()
    try:
        Replay(script, twin, TABLE, macs, scenario.role, slack=SLACK).run()
    except Failure as e:
        return str(e)
    return None


# -- what can go wrong -------------------------------------------------------------------------

class Wrong:
    def __init__(self, what, must_fail, mutate=None, shift=None, answer=None):
        self.what, self.must_fail = what, must_fail
        self.how = mutate, shift, answer


def change(name, value):
    def f(frame):
        g = frame.copy()
        g[name] = value
        return [bytes(g.raw)]
    return f


def twisted(v, bit):
    if isinstance(v, bytes):
        b = bytearray(v)
        at = bit // 8 % len(b)
        b[at] ^= 1 << bit % 8
        return bytes(b)
    return v ^ (1 << bit)


def uses(script, role):
    """{space key: {captured value: steps it is compared in}}"""
    out = {}
    for i, s in enumerate(script.steps):
        for name in s.frame.index:
            rule = TABLE.rule(name, s.frame.row, role)
            if rule[0] != "map":
                continue
            base, key, _ = space_of(rule, s.frame, script.clients)
            if not Mapping.fixed(base, s.frame[name]):
                out.setdefault(key, {}).setdefault(s.frame[name], []).append(i)
    return out


def field_wrongs(scenario, script, twin, i, used):
    step = script.steps[i]
    c = step.frame
    live = twin.ours(c, TABLE, scenario.role)
    for name, (off, size, kind) in c.index.items():
        if not size:
            continue
        rule = TABLE.rule(name, c.row, scenario.role)
        v = live[name]
        bits = (0, 8 * size - 1)
        where = f"{step}: {name}"
        if rule[0] == "equal":
            for bit in bits:
                yield Wrong(where, True, (i, change(name, twisted(v, bit))))
        elif rule[0] == "unsafe-zero":
            for bit in bits:
                yield Wrong(where, True, (i, change(name, twisted(v, bit))))
        elif rule[0] == "zero":
            yield Wrong(where, True, (i, change(name, twisted(bytes(size) if kind == "b" else 0,
                                                              bits[1]))))
        elif rule[0] == "undefined":
            yield Wrong(where, False, (i, change(name, twisted(v, bits[0]))))
        elif rule[0] == "range":
            for bad in (int(rule[1]) - 1, int(rule[2]) + 1):
                yield Wrong(where, True, (i, change(name, bad)))
        elif rule[0] == "echo-dest":
            yield Wrong(where, True, (i, change(name, twisted(v, 0))))
        elif rule[0] == "may-set":
            mask = int(rule[1], 0)
            for bit in range(8 * size):
                if name == "flip.flags" and bit == 0:
                    continue	# another byte order, not another field
                ok = mask >> bit & 1 and not c[name] >> bit & 1
                yield Wrong(f"{where} bit {bit}", not ok, (i, change(name, twisted(v, bit))))
        else:
            yield from map_wrongs(where, i, c, name, v, rule, used, twin)


def map_wrongs(where, i, c, name, v, rule, used, twin):
    base, key, mark = space_of(rule, c, twin.script.clients)
    fresh = twisted(v, 30 if mark == "~" else 5)
    if Mapping.fixed(base, c[name]):
        yield Wrong(f"{where} another", True, (i, change(name, fresh)))
        return
    values = used[key]
    # a value that meets another frame anywhere must be the same there
    if len(values) > 1 if mark == "~" else len(values[c[name]]) > 1:
        yield Wrong(f"{where} another", True, (i, change(name, fresh)))
    if base in ("address", "kid"):
        yield Wrong(f"{where} byte 7", True, (i, change(name, v[:7] + b"\1")))
    for other in values:
        if other != c[name]:
            taken = twin.names.get((key, other), other)
            if base == "mac":
                taken = next((m for s, m in twin.macs.items() if twin.script.ours[s] == other),
                             other)
            if taken != v:
                yield Wrong(f"{where} of another", True, (i, change(name, taken)))
            break
    if mark == "+":
        seen = [x for x in values if min(values[x]) < i and x != c[name]]
        if seen:
            least = min(twin.names.get((key, x), x) for x in seen)
            yield Wrong(f"{where} falling", True, (i, change(name, (least - 1) & 0xffffffff)))


def frame_wrongs(script, i, role):
    step = script.steps[i]
    yield Wrong(f"{step} missing", True, (i, lambda f: []))
    yield Wrong(f"{step} twice", True, (i, lambda f: [bytes(f.raw)] * 2))
    yield Wrong(f"{step} a byte too long", True, (i, lambda f: [bytes(f.raw) + b"\0"]))
    yield Wrong(f"{step} a byte too short", True, (i, lambda f: [bytes(f.raw)[:-1]]))
    yield Wrong(f"{step} cut to a header", True, (i, lambda f: [bytes(f.raw)[:15]]))
    own = [s for s in script.steps[:i] if s.ours]
    rule = TABLE.timing(step.frame.row, own[-1].frame.row if own else "")
    timed = rule and i and not TABLE.own_order(step.frame.row)
    gap = 1e3 * (step.frame.t - script.steps[i - 1].frame.t)
    if timed and not rule[0] and gap < PROGRAM_MS:
        yield Wrong(f"{step} too late", True, shift={i: (2 * SLACK + 1) / 1e3})
    if timed and rule[0] and own:
        captured = 1e3 * (step.frame.t - own[-1].frame.t)
        env = {"captured": captured, "early": EARLY_MS, "slack": SLACK,
               "dest": next((s.frame["rpc.dest"] for s in reversed(own)
                             if s.frame.kind == "RPC REQUEST"), 0),
               "sixteen": 16 * math.ceil(SLACK / 16)}
        took = env["sixteen"] if step.frame.row == "RPC RECEIVED(REPLY)" else captured
        low, high = eval(rule[1], {}, env), eval(rule[2], {}, env)
        yield Wrong(f"{step} too late", True, shift={i: (high - took + EARLY_MS) / 1e3})
        if gap > took - low + EARLY_MS or took != captured:
            yield Wrong(f"{step} too early", True, shift={i: (low - took - EARLY_MS) / 1e3})
    prev = script.steps[i - 1] if i else None
    if prev and not prev.ours and not TABLE.own_order(step.frame.row):
        why = cause(script, i, TABLE.order(step.frame.row), role)
        if why is prev:
            yield Wrong(f"{step} before its cause", True, shift={i: -(gap / 1e3 + 0.000002)})
        elif prev.frame.kind == "CREDIT":
            # allowed as long as there are credits without that frame
            have = WINDOW + sum(s.frame["fc.count"] for s in script.steps[:i - 1] if not s.ours and
                                (s.frame.kind == "CREDIT" or large(s.frame)))
            used = sum(s.ours and large(s.frame) for s in script.steps[:i + 1])
            yield Wrong(f"{step} before the credit for it", used > have,
                        shift={i: -(gap / 1e3 + 0.000002)})
    nxt = script.steps[i + 1] if i + 1 < len(script.steps) else None
    if nxt and nxt.ours and not TABLE.own_order(nxt.frame.row) and \
       not TABLE.own_order(step.frame.row):
        late = 1e-6 + nxt.frame.t - step.frame.t
        yield Wrong(f"{step} after the next", True, shift={i: late, i + 1: -late})


def stray(i):
    """one frame more, of a kind the capture has"""
    def f(frame):
        g = frame.copy()
        if "flip.messid" in g:
            g["flip.messid"] = (g["flip.messid"] + 1) & 0xffffffff
        return [bytes(frame.raw), bytes(g.raw)]
    return Wrong(f"step {i}: a frame too much", True, (i, f))


def stage(scenario, order):
    """the script, who stands for our machine, and where each value is used"""
    script = script_of(scenario, order)
    macs = {seg: bytes([0x52, 0x54, 0, 0, 1, i]) for i, seg in enumerate(scenario.ours)}
    return script, Twin(script, macs, scenario.part), uses(script, scenario.role)


def wrongs(scenario):
    script, twin, used = stage(scenario, "native")
    seen = {}
    for i, step in enumerate(script.steps):
        if not step.ours:
            yield Wrong(f"{step} answered", True, answer=i)
            continue
        # of many alike, the fields of the first three and the last
        row = step.frame.row
        n = seen[row] = seen.get(row, 0) + 1
        middle = n > 3 and any(s.ours and s.frame.row == row for s in script.steps[i + 1:])
        if middle and row in ("fragment", "LOCATE", "LOCATE(forced)", "HEREIS"):
            continue
        if not middle:
            yield from field_wrongs(scenario, script, twin, i, used)
        yield from frame_wrongs(script, i, scenario.role)
        yield stray(i)


# -- the other byte order ------------------------------------------------------------------------

def swapped(frame, name):
    """the field as who does not turn it round would read or write it"""
    off, size, kind = frame.index[name]
    return int.from_bytes(frame.raw[off:off + size], "big" if kind == "<" else "little")


def order_wrongs(scenario):
    """what our machine may get wrong with a peer of the other byte order"""
    script, twin, used = stage(scenario, "other")
    seen = {}
    for i, step in enumerate(script.steps):
        row = step.frame.row
        n = seen[row] = seen.get(row, 0) + step.ours
        if not step.ours or n > 2:
            continue
        live = twin.ours(step.frame, TABLE, scenario.role)
        for flip, rpc in ((True, False), (False, True), (True, True)):
            if ("flip.flags" if flip else "rpc.flags") in step.frame:
                yield Wrong(f"{step}: order {flip} {rpc}", True,
                            (i, lambda f, t=(flip, rpc): [bytes(f.transcoded(*t).raw)]))
        for name, (_, size, kind) in step.frame.index.items():
            v = live[name]
            if kind == "b" or size < 2 or name == "frame.length" or swapped(live, name) == v:
                continue
            rule = TABLE.rule(name, row, scenario.role)
            if rule[0] in ("undefined", "range"):
                continue
            if rule[0] == "map":
                _, key, mark = space_of(rule, step.frame, script.clients)
                values = used[key]
                if len(values if mark == "~" else values[step.frame[name]]) < 2:
                    continue	# seen this once only: any value will do
            yield Wrong(f"{step}: {name} swapped", True, (i, change(name, swapped(live, name))))


# where the integers are, by the description of the original (facts 1.2, 1.4, 3.1, 3.2)
FLIP_INTS = ((20, 2), (22, 2), (40, 4), (44, 4), (48, 4), (52, 4))
HEREIS_INTS = ((56, 2), (58, 2))
RPC_INTS = ((16, 4), (20, 2), (22, 2))
HDR_INTS = ((46, 2), (48, 4), (52, 2), (54, 2))
# captures of the original in both orders, and which machine is the big-endian one in the second
NATIVE = (("01_null_rpc", "08a_BEclient_LEserver_0", "0a"),
          ("01_null_rpc", "08b_LEclient_BEserver_0", "0b"),
          ("02_rpc_0", "08a_BEclient_LEserver_0", "0a"),
          ("02_rpc_0", "08b_LEclient_BEserver_0", "0b"),
          ("02_rpc_4096", "08c_BEclient_LEserver_4096", "0a"),
          ("02_rpc_4096", "08d_LEclient_BEserver_4096", "0b"))


def frames_of(stem):
    return [fw.Frame(raw, t, "RPC") for t, raw in fw.read_pcap(scenarios.capture(stem))]


def by_hand(f, flip, rpc):
    """a frame in the other order, by offsets instead of names"""
    raw, ints = bytearray(f.raw), ()
    if flip and not raw[14]:
        ints += FLIP_INTS + (HEREIS_INTS if raw[17] == fw.HEREIS else ())
        raw[18] ^= 1
    if rpc and "rpc.type" in f:
        base = 60 if raw[17] == fw.MULTIDATA else 56
        ints += tuple((base + o, n) for o, n in RPC_INTS)
        if raw[base + 14] in (fw.RPC_REQUEST, fw.RPC_REPLY):
            ints += tuple((base + o, n) for o, n in HDR_INTS)
        raw[base + 15] ^= 1
    for off, size in ints:
        raw[off:off + size] = raw[off:off + size][::-1]
    return raw


def transcoder(out):
    """number of findings"""
    bad = n = 0
    played = {p for sc in scenarios.load() for p in sc.captures.values()}
    for path in sorted(played):
        stem = os.path.basename(path)[:-len(".pcap")]
        for no, f in enumerate(frames_of(stem), 1):
            for how in ((True, True), (True, False), (False, True)):
                n += 1
                g = f.transcoded(*how)
                flags = ("flip.flags", "rpc.flags")
                if g.transcoded(*how).raw != f.raw:
                    why = "twice is not what it was"
                elif g.raw != by_hand(f, *how):
                    why = "is not the other order"
                elif any(f[x] != g[x] for x in f.index if x not in flags) or \
                        f.kind != g.kind or list(f.index) != list(g.index):
                    why = "changes more than the order"
                else:
                    continue
                bad += 1
                out(f"not ok transcoder: {stem} no. {no}, {how}: {why}")
    out(f"{'not ok' if bad else 'ok'} transcoder: {n} frames there and back")
    for little, big, mac in NATIVE:
        why = None
        a = [f.transcoded() if f["eth.src"][5] == int(mac, 16) else f for f in frames_of(little)]
        b = frames_of(big)
        comparer = Comparer(TABLE, {f["flip.src"] for f in a if f.kind == "RPC LOCATE"})
        if len(a) != len(b):
            why = f"{len(a)} frames and {len(b)}"
        for no, (x, y) in enumerate(zip(a, b), 1):
            y["flip.reserved"] = 0	# not initialised by the original
            try:
                comparer.compare(x, y, "endpoint")
            except Mismatch as e:
                why = why or f"no. {no} ({x.kind}): {e}"
        bad += bool(why)
        out(f"{'not ok' if why else 'ok'} transcoder: {little} with {mac} big-endian is what was "
            f"captured as {big}" + (f": {why}" if why else ""))
    return bad


def complete(out):
    """every capture is played, or fields.tbl says why not; number of findings"""
    bad = 0
    names = {sc.name for sc in scenarios.load()}
    played = {p for sc in scenarios.load() for p in sc.captures.values()}
    for path in sorted(glob.glob(os.path.join(scenarios.PCAP, "*.pcap"))):
        stem = os.path.basename(path)[:-len(".pcap")]
        if path not in played and not any(fnmatch.fnmatchcase(stem, p) for p in TABLE.unused):
            out(f"not ok {stem}: no scenario plays it, and fields.tbl does not say why")
            bad += 1
    for name, _, _ in TABLE.frames:
        if name not in names:
            out(f"not ok fields.tbl: frames of {name}, which is no scenario")
            bad += 1
    if not bad:
        out(f"ok {len(played)} captures are played, for the others there is a reason")
    return bad


JUDGED = {"native": wrongs, "other": order_wrongs}


def run(todo, out):
    """number of findings"""
    bad, total = transcoder(out) + complete(out), 0
    for sc in todo:
        n = 0
        for order in ORDERS:
            failure = play(sc, order=order)
            if failure:
                out(f"not ok {sc.name}: fails against itself, byte order {order}: {failure}")
                bad += 1
                break
            for w in JUDGED.get(order, lambda sc: ())(sc):
                n += 1
                failure = play(sc, *w.how, order=order)
                if w.must_fail and failure is None:
                    out(f"not ok {sc.name}: not noticed, byte order {order}: {w.what}")
                    bad += 1
                elif not w.must_fail and failure is not None:
                    out(f"not ok {sc.name}: {w.what} is undefined, but: {failure}")
                    bad += 1
        else:
            out(f"ok {sc.name}: passes against itself, {n} corruptions judged")
        total += n
    out(f"{total} corruptions in {len(todo)} scenarios, {bad} misjudged")
    return bad
