# SPDX-License-Identifier: GPL-2.0-or-later
"""Play one side of a capture against whatever stands on the other side of a link.

A Script is the frames of one capture (or of the captures of two segments, by time). Those sent
by the MAC addresses named "ours" are expected from the machine under test; the others are sent
to it, when everything of ours captured before them has arrived, and not earlier after that than
captured. What arrives is compared by the rules of fields.tbl.
"""
import math

import flipwire as fw
from compare import Comparer, Mismatch

EARLY_MS = 15.0		# a 10 ms tick of the original, and measuring
PROGRAM_MS = 10.0	# captured later than this after its cause: the program's doing
LINGER_MS = 700.0	# nothing more may come
WINDOW = 8		# credits each side has at first
EARLY_LOCATE = 0.1	# the attempt with one hop took the original so long
PATIENCE_MS = 15000.0	# for a frame of ours without a time of its own


def large(f):
    """a packet that costs a credit (facts 1.9)"""
    return f["fc.type"] == 0 and f["flip.type"] == fw.UNIDATA and f["flip.total"] > 1458


class Step:
    def __init__(self, no, seg, frame, ours):
        self.no, self.seg, self.frame, self.ours = no, seg, frame, ours
        self.live = None	# the frame that met it, or was sent for it
        self.behind = 0.0	# how late we were with it, ms: the next of a series is not
        self.done = False

    def __str__(self):
        return f"no. {self.no}{self.seg} ({self.frame.kind})"


ORDERS = ("native", "other", "flip", "rpc")
PACKET = ("flip.src", "flip.messid", "flip.offset")


class Script:
    """
    @scenario: captures, which side of them is ours, and its name
    @table: with what is changed of the captures (FRAMES of fields.tbl)
    @order: the byte order of the peers: "native" as captured, "other", or another in one of their
            headers only, "flip" or "rpc"
    """

    def __init__(self, scenario, table, order="native"):
        captures = scenario.captures
        self.ours = {s: bytes.fromhex("0200000000" + m) for s, m in scenario.ours.items()}
        self.role, self.order = scenario.role, order
        frames = []
        for seg, path in captures.items():
            for no, (t, raw) in enumerate(fw.read_pcap(path), 1):
                frames.append((t, seg, no, raw))
        frames.sort(key=lambda x: x[0])
        self.steps = []
        for t, seg, no, raw in frames:
            f = fw.Frame(raw, t, "RPC")
            own = f["eth.src"] == self.ours[seg]
            self.steps.append(Step(no, seg if len(captures) > 1 else "", f, own))
            self.steps[-1].segment = seg
        for change in table.changes(scenario.name):
            self._change(*change)
        self._tell_naks()
        self._early(table)
        # who calls; their addresses qualify transaction ids and clocks
        self.clients = {s.frame["flip.src"] for s in self.steps
                        if s.frame.kind in ("RPC LOCATE", "RPC REQUEST")}
        self._transcode()

    def find(self, name):
        """the step called @name: number, and segment where there are several"""
        for s in self.steps:
            if name == f"{s.no}{s.seg}":
                return s
        raise ValueError(f"no frame {name}")

    def _change(self, what, *names):
        first, last = [self.steps.index(self.find(n)) for n in (names * 2)[:2]]
        if what == "until":
            del self.steps[first + 1:]
        elif what == "without":
            # and without the time they took
            took = self.steps[last].frame.t - self.steps[first - 1].frame.t
            del self.steps[first:last + 1]
            for s in self.steps[first:]:
                s.frame.t -= took
        else:	# "after"
            step = self.steps[first]
            step.frame.t = self.steps[last].frame.t + 1e-6
            self.steps.insert(last + 1, step)
            del self.steps[first]

    def _tell_naks(self):
        """a NAK answers the REQUEST or the RECEIVED that came before it"""
        asked = {}
        for s in self.steps:
            f = s.frame
            if f.kind in ("RPC REQUEST", "RPC RECEIVED"):
                asked[f["flip.src"], f["flip.dst"], f["rpc.tid"]] = f.kind[4:]
            elif f.kind == "RPC NAK":
                what = asked.get((f["flip.dst"], f["flip.src"], f["rpc.tid"]))
                f.row = f"RPC NAK({what})"

    def _early(self, table):
        """what leaves at once where the original took its time is set before what came
        meanwhile, but for what it answers"""
        for i, s in enumerate(self.steps):
            f = s.frame
            if not s.ours or self.role == "router" or table.order(f.row) != "early" or \
               f["flip.act"] != f["flip.max"]:
                continue
            at = i
            while at and f.t - self.steps[at - 1].frame.t < EARLY_LOCATE and \
                    self.steps[at - 1].frame.kind not in ("RPC NAK", "RPC LOCATE"):
                at -= 1
            if at == i:
                continue
            t = self.steps[at - 1].frame.t + 1e-6 if at else self.steps[0].frame.t
            clock, earlier = f["rpc.tid"], round(1e3 * (f.t - t))
            for x in self.steps:
                if x.frame.kind in ("RPC LOCATE", "RPC HEREIS") and x.frame["rpc.tid"] == clock:
                    x.frame["rpc.tid"] = clock - earlier & 0xffffffff
            f.t = t
            # the message id of the attempt nobody hears
            f["flip.messid"] = 1 + next(x.frame["flip.messid"] for x in reversed(self.steps[:at])
                                        if x.frame.get("flip.src") == f["flip.src"] and x.ours)
            self.steps.insert(at, self.steps.pop(i))

    def _transcode(self):
        """FLIP's header is in the order of who sent the frame last, the RPC header in that of who
        wrote it, also in what comes back or is passed on"""
        flip, rpc = self.order in ("flip", "other"), self.order in ("rpc", "other")
        mine = set()
        if self.role != "router":
            mine = {s.frame["flip.src"] for s in self.steps if s.ours and
                    s.frame.get("flip.type") in (fw.UNIDATA, fw.MULTIDATA)}
        for s in self.steps:
            theirs = flip and not s.ours, rpc and s.frame.get("flip.src") not in mine
            if any(theirs):
                s.frame = s.frame.transcoded(*theirs)


def cause(script, i, how, role):
    """the step of the peer that our step @i may not come before, or None; @how: Table.order()"""
    step = script.steps[i]
    f = step.frame
    peers = [s for s in script.steps[:i] if not s.ours]
    if f.kind.startswith("NOTHERE"):
        return next(s for s in reversed(peers) if s.segment == step.segment and
                    all(s.frame.get(n) == f[n] for n in PACKET))
    if role == "router" and "flip.messid" in f:
        same = [s for s in peers if s.segment != step.segment and
                all(s.frame.get(n) == f[n] for n in ("flip.type", *PACKET))]
        peers = same or peers
    elif how == "answer":
        nth = answer(script, step, peers)
        if nth:
            return nth
    elif how == "credit":
        first = next((s for s in script.steps[:i] if s.ours and s.frame.get("flip.offset") == 0 and
                      all(s.frame[n] == f[n] for n in PACKET[:2])), None)
        if first:
            return cause(script, script.steps.index(first), "", role)
    peers = [s for n, s in enumerate(peers) if not repeats(s, peers[:n])] or peers
    return peers[-1] if peers else None


def repeats(step, before):
    """the same packet once more"""
    return "flip.messid" in step.frame and \
        any(s.frame.raw == step.frame.raw and s.segment == step.segment for s in before)


def answer(script, step, peers):
    """of the REPLYs of a transaction the one that the ACK @step is the answer to, its last packet:
    the nth ACK answers the nth that came whole"""
    f = step.frame
    got, whole = {}, []
    for s in peers:
        p = s.frame
        packet = p.get("flip.src"), p.get("flip.messid")
        if p.kind == "RPC REPLY" and p["rpc.tid"] == f["rpc.tid"] and \
           p["flip.dst"] == f["flip.src"]:
            got[packet] = 0
        if packet in got:
            got[packet] += p["flip.length"]
            if got[packet] == p["flip.total"]:
                whole.append(s)
    acks = [s for s in script.steps if s.ours and s.frame.kind == "RPC ACK" and
            s.frame["rpc.tid"] == f["rpc.tid"] and s.frame["flip.src"] == f["flip.src"]]
    n = acks.index(step)
    return whole[n] if n < len(whole) else None


class Failure(Exception):
    pass


class Replay:
    """
    @link: how frames go out and come in: now() in seconds, send(segment, bytes) -> time,
           recv(deadline) -> (time, segment, bytes) or None
    @macs: {segment: live MAC of the machine under test}
    @role: "endpoint" or "router"
    @hooks: {step: function called before it is sent or waited for}
    @slack: ms the machine under test may add to any time
    """

    def __init__(self, script, link, table, macs, role="endpoint", hooks=None, slack=400.0,
                 log=None):
        self.script, self.link, self.table = script, link, table
        self.role, self.hooks, self.slack = role, hooks or {}, slack
        self.log = log or (lambda text: None)
        self.comparer = Comparer(table, script.clients, max(25.0, slack / 4),
                                 0 if role == "router" else math.ceil(slack / 16))
        self.lag = 0.0		# longest time the replay itself came late with a frame, ms
        for seg, mac in macs.items():
            self.comparer.map.seed("mac", script.ours[seg], mac)
        self.macs = macs
        self.queue = []		# frames that came and met no step yet
        self.dest = 0		# of our last REQUEST
        self.asked = 0		# the same of the peer's
        self.last = None	# (captured, live) time of the last step done
        self.sent = {}		# segment: times of the large fragments sent
        self.returned = {}	# segment: credits that came back
        self.window = {}	# segment: [(time, credits we were given)]
        self.used = {}		# segment: credits our fragments have cost

    # -- the run ---------------------------------------------------------------------------

    def run(self, alive=None, settle=None):
        """raises Failure; @alive() raises Failure when the program under test is in trouble,
        @settle() waits for its end before the wait for frames too many begins"""
        self.alive = alive or (lambda: None)
        for i, step in enumerate(self.script.steps):
            if step in self.hooks:
                self.hooks[step](self)
            if step.ours:
                self._expect(i, step)
            else:
                self._play(i, step)
        if settle:
            settle()
        self.linger(LINGER_MS + self.slack)

    def linger(self, ms):
        end = self.link.now() + ms / 1e3
        while True:
            self._take(end)
            if self.queue:
                seg, f = self.queue[0]
                raise Failure(f"a frame the original did not send: {f.summary()}")
            if self.link.now() >= end:
                return

    # -- our frames --------------------------------------------------------------------------

    def _expect(self, i, step):
        patience = PATIENCE_MS
        if self.last:
            patience += 1e3 * (step.frame.t - self.last[0])
        end = self.link.now() + (patience + self.slack) / 1e3
        while True:
            f = self._pick(step)
            if f:
                break
            if not self._take(end):
                self.alive()
                if self.link.now() >= end:
                    raise Failure(f"{step}: nothing came within {patience:.0f} ms"
                                  + self._waiting(step))
        self._meet(i, step, f)

    def _waiting(self, step):
        rest = [f.summary() for seg, f in self.queue]
        return "; waiting instead: " + " / ".join(rest[:3]) if rest else ""

    def _pick(self, step):
        """the queued frame that stands for @step"""
        own = self.table.own_order(step.frame.row)
        for n, (seg, f) in enumerate(self.queue):
            if seg != step.segment:
                continue
            if own and f.kind != step.frame.kind:
                continue
            if not own and self.table.own_order(f.row):
                continue
            del self.queue[n]
            return f
        return None

    def _meet(self, i, step, f):
        step.live = f
        self.log(f"got  {step.no:3d}{step.seg} {f.summary()}")
        try:
            self.comparer.compare(step.frame, f, self.role)
        except Mismatch as e:
            raise Failure(f"{step}: {e}\n  captured {step.frame.summary()}\n"
                          f"  got      {f.summary()}") from None
        self._order(i, step, f)
        self._time(i, step, f)
        if f.kind == "RPC REQUEST":
            self.dest = f["rpc.dest"]
            self.comparer.request(step.frame, f)
        step.done = True
        self.last = (step.frame.t, f.t)

    def _order(self, i, step, f):
        how = self.table.order(step.frame.row)
        if how == "own":
            return	# checked as it came in
        prev = cause(self.script, i, how, self.role)
        if prev and f.t < prev.live.t:
            raise Failure(f"{step}: came {1e3 * (prev.live.t - f.t):.3f} ms before {prev}, to "
                          f"which it is the answer, was sent")

    def _time(self, i, step, f):
        before = [s for s in self.script.steps[:i] if s.ours]
        own = before[-1] if before else None
        # of what the peer had sent by then, the last
        peer = next((s for s in reversed(self.script.steps[:i]) if not s.ours and
                     s.live.t <= f.t), None)
        self._behind(i, step, own)
        rule = self.table.timing(step.frame.row, own.frame.row if own else "")
        if not rule:
            return
        named, low, high = rule
        ref = own if named else peer
        if not ref or (not named and
                       1e3 * (step.frame.t - self.script.steps[i - 1].frame.t) >= PROGRAM_MS):
            return
        if self.table.own_order(step.frame.row):
            return
        if not named and i:
            prev = self.script.steps[i - 1]
            if prev.ours and prev.live.t > ref.live.t:
                ref = prev
        captured = 1e3 * (step.frame.t - ref.frame.t)
        took = 1e3 * (f.t - ref.live.t)
        env = {"captured": captured, "dest": self.dest, "slack": self.slack, "early": EARLY_MS,
               "sixteen": min(max(16 * self.asked, 11), 30000)}
        a, b = eval(low, {}, env), eval(high, {}, env)
        if named and own.frame.row == step.frame.row:
            a -= own.behind
        if not a <= took <= b:
            raise Failure(f"{step}: came {took:.1f} ms after {ref}, captured {captured:.1f} ms, "
                          f"must lie in {a:.0f} to {b:.0f} ms")

    def _behind(self, i, step, own):
        """each locate of a series is due at its time, whenever the one before really left"""
        if step.frame.kind not in ("LOCATE", "RPC LOCATE"):
            return
        prev = self.script.steps[i - 1] if i else None
        late = 0.0
        if own and own.frame.row == step.frame.row:
            prev, late = own, own.behind
        if prev and (prev is own or not prev.ours):
            late += 1e3 * (step.live.t - prev.live.t - step.frame.t + prev.frame.t)
        step.behind = min(max(late, 0.0), self.slack)

    # -- the peer's frames ---------------------------------------------------------------------

    def _play(self, i, step):
        if self.last:
            wait = step.frame.t - self.last[0]
            if 1e3 * wait >= 2.0:
                end = self.last[1] + wait
                while self._take(end) or self.link.now() < end:
                    self.alive()
        f = self._bounced(step) or self.comparer.translate(step.frame, self.role)
        f.t = self.link.now()
        if self.last:
            due = self.last[1] + (step.frame.t - self.last[0])
            self.lag = max(self.lag, 1e3 * (f.t - due))
        t = self.link.send(step.segment, bytes(f.raw))
        if t is not None:
            f.t = t
        if large(f):
            self.sent.setdefault(step.segment, []).append(f.t)
        self._granted(step.segment, f)
        self.log(f"sent {step.no:3d}{step.seg} {f.summary()}")
        if f.kind == "RPC REQUEST":
            self.asked = f["rpc.dest"]
            self.comparer.request(step.frame, f)
        step.live = f
        step.done = True
        self.last = (step.frame.t, f.t)

    def _bounced(self, step):
        """a NOTHERE carries back the frame it got, not the captured one"""
        if step.frame["fc.type"] or step.frame["flip.type"] != fw.NOTHERE:
            return None
        for s in self.script.steps:
            if s.ours and s.live and s.segment == step.segment and \
               s.frame.get("flip.messid") == step.frame["flip.messid"] and \
               s.frame.get("flip.src") == step.frame["flip.src"] and \
               s.frame.get("flip.offset") == step.frame["flip.offset"]:
                f = s.live.copy()
                f["eth.dst"], f["eth.src"] = f["eth.src"], f["eth.dst"]
                turned = (step.frame["flip.flags"] ^ f["flip.flags"]) & fw.FLIP_BIGENDIAN
                f = f.transcoded(bool(turned), False)
                for name in ("flip.type", "flip.act", "flip.max"):
                    f[name] = step.frame[name]
                return fw.Frame(f.raw, hint="RPC")
        return None

    # -- what comes in -------------------------------------------------------------------------

    def _take(self, end):
        """queue what comes until @end; False when nothing did"""
        got = self.link.recv(end)
        if not got:
            return False
        t, seg, raw = got
        try:
            f = fw.Frame(raw, t, "RPC")
        except fw.WireError as e:
            raise Failure(f"a malformed frame came: {e}: {raw.hex()}") from None
        if "fc.type" not in f:
            raise Failure(f"not a FLIP frame: {f.summary()}")
        if f["eth.src"] != self.macs[seg]:
            raise Failure(f"a frame came from {f['eth.src'].hex(':')}, the machine under test is "
                          f"{self.macs[seg].hex(':')}: {f.summary()}")
        self._credits(seg, f)
        self.queue.append((seg, f))
        return True

    def _granted(self, seg, f):
        """the peer's frame @f gives credits to us"""
        if f["fc.type"] == 2 or (large(f) and f["fc.count"]):
            self.window.setdefault(seg, [(0.0, WINDOW)]).append((f.t, f["fc.count"]))
        elif f["fc.type"] == 6:
            self.window[seg] = [(f.t, f["fc.count"] + self.used.get(seg, 0))]

    def _credits(self, seg, f):
        if large(f):
            self.used[seg] = self.used.get(seg, 0) + 1
            have = sum(n for t, n in self.window.get(seg, [(0.0, WINDOW)]) if t <= f.t)
            if self.used[seg] > have:
                raise Failure(f"a fragment more than the {have} credits there were: "
                              f"{f.summary()}")
        back = 0
        if f["fc.type"] == 2 or large(f):
            back = f["fc.count"]
        if back:
            self.returned[seg] = self.returned.get(seg, 0) + back
            sent = sum(t <= f.t for t in self.sent.get(seg, []))
            if self.returned[seg] > sent:
                raise Failure(f"{self.returned[seg]} credits came back for {sent} fragments: "
                              f"{f.summary()}")
