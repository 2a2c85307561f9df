# SPDX-License-Identifier: GPL-2.0-or-later
"""Set a captured frame beside a live one, by the rules of fields.tbl."""
import fnmatch
import os

import flipwire as fw

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fields.tbl")
FIXED = {"mac": lambda v: bool(v[0] & 1),	# broadcast and multicast addresses
         "address": lambda v: v == bytes(8)}	# the null address
SPACE_BYTE = ("address", "kid")		# byte 7 is kept


class Mismatch(Exception):
    """a live frame differs where it must not"""


class Table:
    def __init__(self, path=TABLE):
        self.fields, self.orders, self.times = [], [], []
        self.frames, self.unused = [], []
        self.cache = {}
        with open(path, encoding="ascii") as f:
            for no, line in enumerate(f, 1):
                line = line.split("#", 1)[0].strip()
                if not line:
                    continue
                col = [c.strip() for c in line.split("|")]
                try:
                    self._line(col)
                except ValueError as e:
                    raise SystemExit(f"{path}:{no}: {e}") from None

    def _line(self, col):
        if col[0] == "frames":
            _, scenario, change, why = col
            self.frames.append((scenario, self._change(change), why))
        elif col[0] == "unused":
            _, capture, why = col
            if not why:
                raise ValueError("no reason")
            self.unused += [name.strip() for name in capture.split(",")]
        elif col[0] == "order":
            _, message, how, _ = col
            self.orders.append((message, how))
        elif col[0] == "time":
            _, message, after, low, high, _ = col
            self.times.append((message, after, compile(low, "low", "eval"),
                               compile(high, "high", "eval")))
        else:
            field, messages, role, rule, _ = col
            if role not in ("*", "endpoint", "router"):
                raise ValueError(f"no such role: {role}")
            if rule.split()[0] not in ("equal", "zero", "undefined", "map", "range", "may-set",
                                       "echo-dest", "unsafe-zero"):
                raise ValueError(f"no such rule: {rule}")
            self.fields.append((field, [m.strip() for m in messages.split(",")], role,
                                rule.split()))

    @staticmethod
    def _change(text):
        w = text.split()
        if len(w) == 2 and w[0] in ("until", "without"):
            return (w[0], *w[1].split("-"))
        if len(w) == 3 and w[1] == "after":
            return "after", w[0], w[2]
        raise ValueError(f"no such change: {text}")

    def changes(self, scenario):
        """what is changed of the captures of a scenario: (verb, number, ...)"""
        return [change for name, change, _ in self.frames if name == scenario]

    def rule(self, field, kind, role):
        """the rule words for a field of a message; @kind: Frame.row"""
        key = (field, kind, role)
        if key not in self.cache:
            self.cache[key] = self._find(*key)
        return self.cache[key]

    def _find(self, field, kind, role):
        for name, messages, r, rule in self.fields:
            if r in ("*", role) and fnmatch.fnmatchcase(field, name) and \
               any(fnmatch.fnmatchcase(kind, m) for m in messages):
                return rule
        raise Mismatch(f"fields.tbl has no line for {field} of {kind}")

    def order(self, kind):
        """"own", "credit", "answer", "early" or "" """
        return next((how for m, how in self.orders if fnmatch.fnmatchcase(kind, m)), "")

    def own_order(self, kind):
        return self.order(kind) == "own"

    def timing(self, kind, after):
        """(names the frame before, low, high) or None"""
        for message, prev, low, high in self.times:
            if fnmatch.fnmatchcase(kind, message) and \
               (prev == "-" or fnmatch.fnmatchcase(after, prev)):
                return prev != "-", low, high
        return None


class Mapping:
    """captured value <-> live value, for each space"""

    def __init__(self):
        self.to, self.back, self.clock = {}, {}, {}

    def seed(self, space, captured, live):
        self.to.setdefault(space, {})[captured] = live
        self.back.setdefault(space, {})[live] = captured

    def live(self, space, captured):
        """what stands for a captured value; a value not seen yet stands for itself"""
        if self.fixed(space, captured):
            return captured
        to = self.to.setdefault(space, {})
        if captured not in to:
            self.seed(space, captured, captured)
        return to[captured]

    @staticmethod
    def fixed(space, v):
        test = FIXED.get(space)
        return bool(test and test(v))

    def check(self, space, captured, live, counter=False):
        """learn or compare one pair; raises Mismatch"""
        if self.fixed(space, captured) or self.fixed(space, live):
            if captured != live:
                raise Mismatch(f"is {show(live)}, captured {show(captured)}, which is never mapped")
            return
        if space in SPACE_BYTE and captured[7] != live[7]:
            raise Mismatch(f"byte 7 is {live[7]:#04x}, captured {captured[7]:#04x}")
        to = self.to.setdefault(space, {})
        back = self.back.setdefault(space, {})
        if captured in to:
            if to[captured] != live:
                raise Mismatch(f"is {show(live)}; captured {show(captured)} stood for "
                               f"{show(to[captured])} before")
            return
        if live in back:
            raise Mismatch(f"is {show(live)}, captured {show(captured)}; but {show(live)} stood "
                           f"for {show(back[live])} before")
        if counter:
            for c, l in to.items():
                if before(c, captured) != before(l, live):
                    raise Mismatch(f"is {live} where {captured} was captured, and {l} was where "
                                   f"{c} was captured: not in the order of a counter")
        self.seed(space, captured, live)

    def tick(self, space, captured, live, t_live, tolerance):
        """a clock in ms: two readings differ as the times of their frames do"""
        self.check(space, captured, live)
        if space in self.clock:
            l0, t0 = self.clock[space]
            ticks = (live - l0) & 0xffffffff
            passed = 1e3 * (t_live - t0)
            if abs(ticks - passed) > tolerance:
                raise Mismatch(f"the clock went {ticks} ms while {passed:.1f} ms passed")
        else:
            self.clock[space] = (live, t_live)


def before(a, b):
    """a comes before b in a counter of 32 bits that wraps"""
    return 0 < ((b - a) & 0xffffffff) < 0x80000000


def show(v):
    return v.hex() if isinstance(v, bytes) else str(v)


def space_of(words, frame, clients):
    """(space name, key, mark) of "map NAME[@src|@dst|@client][+|~]" """
    name = words[1]
    mark = ""
    if name[-1] in "+~":
        name, mark = name[:-1], name[-1]
    if "@" in name:
        base, end = name.split("@")
        if end == "client":
            end = "src" if frame["flip.src"] in clients else "dst"
        return base, (base, frame["flip." + end]), mark
    return name, name, mark


class Comparer:
    def __init__(self, table, clients, clock_tolerance=25.0, rtt=0):
        self.table, self.clients, self.rtt = table, clients, rtt
        self.dests = {}		# (captured client, tid): live rpc.dest of the last REQUEST
        self.map = Mapping()
        self.tolerance = clock_tolerance

    def compare(self, captured, live, role):
        """raises Mismatch naming the field"""
        if captured.kind != live.kind:
            raise Mismatch(f"is a {live.kind}, captured {captured.kind}")
        if list(captured.index) != list(live.index):
            raise Mismatch("has other fields than the captured frame")
        if self.table.rule("frame.length", captured.row, role) == ["equal"] and \
           len(captured.raw) != len(live.raw):
            raise Mismatch(f"frame.length is {len(live.raw)}, captured {len(captured.raw)}")
        for name in captured.index:
            rule = self.table.rule(name, captured.row, role)
            try:
                self._field(rule, captured, live, name)
            except Mismatch as e:
                off = live.index[name][0]
                raise Mismatch(f"{name} [{off}] {e}") from None

    def _field(self, rule, captured, live, name):
        c, v = captured[name], live[name]
        word = rule[0]
        if word == "undefined":
            return
        if word == "equal":
            if c != v:
                raise Mismatch(describe(c, v))
        elif word == "zero":
            if any(v) if isinstance(v, bytes) else v:
                raise Mismatch(f"is {show(v)}, must be zero")
        elif word == "range":
            low, high = int(rule[1]), int(rule[2])
            if not low <= v <= high:
                raise Mismatch(f"is {v}, must lie in {low} to {high}")
        elif word == "echo-dest":
            want = self.dest_of(captured)
            if v != want:
                raise Mismatch(f"is {v}, the REQUEST had {want}")
        elif word == "unsafe-zero":
            want = 0 if captured["flip.flags"] & fw.FLIP_UNSAFE else c
            if v != want:
                raise Mismatch(f"is {v}, captured {c}, must be {want}")
        elif word == "may-set":
            mask = int(rule[1], 0)
            if (c ^ v) & ~mask or c & ~v:
                raise Mismatch(f"is {v:#x}, captured {c:#x}")
        else:
            # a qualified space belongs to the captured address, whose live twin is known
            base, key, mark = space_of(rule, captured, self.clients)
            if mark == "~":
                self.map.tick(key, c, v, live.t, self.tolerance)
            else:
                self.map.check(key, c, v, counter=mark == "+")

    def translate(self, captured, role):
        """the frame the peer sends in place of a captured one"""
        f = captured.copy()
        for name in captured.index:
            rule = self.table.rule(name, captured.row, role)
            if rule[0] == "map" or (rule[0] == "undefined" and name == "rpc.kid"):
                words = rule if rule[0] == "map" else ["map", "kid"]
                base, key, _ = space_of(words, captured, self.clients)
                c = captured[name]
                if words is not rule and c not in self.map.to.get(key, {}):
                    continue
                f[name] = self.map.live(key, c)
            elif rule[0] == "echo-dest":
                f[name] = self.dest_of(captured)
            elif rule[0] == "range":
                f[name] = max(captured[name], self.rtt)
        return f

    def request(self, captured, live):
        """a REQUEST has gone either way"""
        self.dests[captured["flip.src"], captured["rpc.tid"]] = live["rpc.dest"]

    def dest_of(self, captured):
        src, dst = captured["flip.src"], captured["flip.dst"]
        return self.dests.get((src if src in self.clients else dst, captured["rpc.tid"]), -1)


def describe(c, v):
    if isinstance(c, bytes) and len(c) == len(v) and len(c) > 16:
        at = next(i for i in range(len(c)) if c[i] != v[i])
        return f"differs from byte {at} on: {show(v[at:at + 8])}, captured {show(c[at:at + 8])}"
    return f"is {show(v)}, captured {show(c)}"
