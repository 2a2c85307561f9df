# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the replay fail when it should?

A Twin stands in for the machine under test: it sends what the capture has, under addresses, ids,
indices and clocks of its own, in a time of its own making (nothing sleeps). Every scenario must
pass with it; and must fail with every one of these wrong: each compared field of each frame, a
frame missing, twice, too much, out of order, too long, too early or too late. A field said to be
undefined must not make it fail.
"""
import random

import flipwire as fw
from compare import Mapping, Table, show, space_of
from engine import EARLY_MS, PROGRAM_MS, WINDOW, Failure, Replay, Script, cause, large

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
            rule = table.rule(name, captured.kind, role)
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
            self.dests[f["flip.src"], f["flip.messid"]] = f["rpc.dest"]
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


def play(scenario, mutate=None, shift=None, answer=None):
    """None, or the text of the failure"""
    script = Script(scenario.captures, scenario.ours)
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
            rule = TABLE.rule(name, s.frame.kind, role)
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
        rule = TABLE.rule(name, c.kind, scenario.role)
        v = live[name]
        bits = (0, 8 * size - 1)
        where = f"{step}: {name}"
        if rule[0] == "equal":
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
    rule = TABLE.timing(step.frame.kind, own[-1].frame.kind if own else None)
    timed = rule and i and not TABLE.own_order(step.frame.kind)
    gap = 1e3 * (step.frame.t - script.steps[i - 1].frame.t)
    if timed and (rule[0] or gap < PROGRAM_MS):
        yield Wrong(f"{step} too late", True, shift={i: (2 * SLACK + 1) / 1e3})
    if timed and rule[0] and gap > 100 + 2 * EARLY_MS:
        yield Wrong(f"{step} too early", True, shift={i: -(100 + 2 * EARLY_MS) / 1e3})
    prev = script.steps[i - 1] if i else None
    if prev and not prev.ours and not TABLE.own_order(step.frame.kind):
        why = cause(script, i, TABLE.order(step.frame.kind), role)
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
    if nxt and nxt.ours and not TABLE.own_order(nxt.frame.kind) and \
       not TABLE.own_order(step.frame.kind):
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


def wrongs(scenario):
    script = Script(scenario.captures, scenario.ours)
    macs = {seg: bytes([0x52, 0x54, 0, 0, 1, i]) for i, seg in enumerate(scenario.ours)}
    twin = Twin(script, macs, scenario.part)
    used = uses(script, scenario.role)
    seen = {}
    for i, step in enumerate(script.steps):
        if not step.ours:
            yield Wrong(f"{step} answered", True, answer=i)
            continue
        # of a long run of fragments alike, the first three and the last
        n = seen[step.frame.kind] = seen.get(step.frame.kind, 0) + 1
        rest = sum(s.ours and s.frame.kind == step.frame.kind for s in script.steps[i + 1:])
        if n > 3 and rest and step.frame.kind == "fragment":
            continue
        yield from field_wrongs(scenario, script, twin, i, used)
        yield from frame_wrongs(script, i, scenario.role)
        yield stray(i)


def run(scenarios, out):
    """number of findings"""
    bad = total = 0
    for sc in scenarios:
        failure = play(sc)
        if failure:
            out(f"not ok {sc.name}: fails against itself: {failure}")
            bad += 1
            continue
        n = 0
        for w in wrongs(sc):
            n += 1
            failure = play(sc, *w.how)
            if w.must_fail and failure is None:
                out(f"not ok {sc.name}: not noticed: {w.what}")
                bad += 1
            elif not w.must_fail and failure is not None:
                out(f"not ok {sc.name}: {w.what} is undefined, but: {failure}")
                bad += 1
        total += n
        out(f"ok {sc.name}: passes against itself, {n} corruptions judged")
    out(f"{total} corruptions in {len(scenarios)} scenarios, {bad} misjudged")
    return bad
