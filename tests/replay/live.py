# SPDX-License-Identifier: GPL-2.0-or-later
"""Run scenarios against the kernel this runs on: a namespace of its own stands for the machine
under test, joined to the replay by one veth pair for each segment."""
import contextlib
import ctypes
import fcntl
import mmap
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import flipwire as fw
from compare import Table
from engine import EARLY_MS, Failure, Replay, Script, cause

SERVER_GETPORT = "746573740000"		# "test", whose one-way is the captured put-port
OTHER_GETPORT = "6f7468657200"		# "other"
GAP_MS = 150.0		# between calls, at least
LAG_MS = 50.0		# half of the shortest time the original waits for an answer
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Late(Failure):
    """it failed, but the replay had not answered in time either: no proof of anything"""


class Trouble(Exception):
    """something the test needs does not work"""


LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def sh(*cmd, text="", machine=None):
    """run a command, in a machine's namespace when one is given"""
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       check=False, input=text, preexec_fn=machine.enter if machine else None)
    if r.returncode:
        raise Trouble(f"{' '.join(cmd)}: status {r.returncode}: {r.stdout.strip()}")
    return r.stdout


def set_up(dev):
    """what `ip link set dev up` does"""
    req = dev.encode().ljust(16, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags, = struct.unpack_from("H", fcntl.ioctl(s, SIOCGIFFLAGS, req + bytes(24)), 16)
        fcntl.ioctl(s, SIOCSIFFLAGS, req + struct.pack("H", flags | IFF_UP) + bytes(22))


def await_link(dev):
    """what is sent before the kernel has noticed, in the background, that both ends are up is
    lost; of a pair it attends to the end last set up first"""
    for _ in range(1000):
        with open(f"/sys/class/net/{dev}/operstate", encoding="ascii") as f:
            if f.read() == "up\n":
                return
        time.sleep(0.005)
    raise Trouble(f"{dev} is not up after 5 s")


def program(name):
    for d in (os.environ.get("RPC_TESTS", ""), os.path.join(TREE, "build/userland/tests"),
              os.path.join(TREE, "build/userland/bin")):
        path = os.path.join(d, name)
        if d and os.access(path, os.X_OK):
            return path
    found = shutil.which(name)
    if not found:
        raise Trouble(f"{name} is not built: run make")
    return found


class Machine:
    """the namespace under test, its devices, and the programs in it"""

    serial = 0

    def __init__(self, segments, untrusted=""):
        Machine.serial += 1
        self.untrusted = untrusted
        self.ns = f"replay{os.getpid()}.{Machine.serial}"
        self.dir = tempfile.mkdtemp(prefix="replay.")
        self.progs = []
        self.macs, self.near, self.far = {}, {}, {}
        self.fd = -1
        # starting a program is what takes long on an emulated machine: as few as can be
        batch = [f"netns add {self.ns}"]
        batch += [self._join(i, seg) for i, seg in enumerate(segments)]
        try:
            sh("ip", "-batch", "-", text="\n".join(batch))
            self.fd = os.open(f"/run/netns/{self.ns}", os.O_RDONLY | os.O_CLOEXEC)
            for dev in self.near.values():
                set_up(dev)
            with self.inside():
                for dev in self.far.values():
                    set_up(dev)
            for dev in self.near.values():
                await_link(dev)
            self.networks("add")
        except BaseException:
            self.close()
            raise

    def enter(self):
        """in a child before exec: into the namespace, and of ordinary priority, since the replay
        may run at a real-time one"""
        if LIBC.setns(self.fd, CLONE_NEWNET):
            os.write(2, b"setns failed\n")
            os._exit(126)
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    def _join(self, i, seg):
        pid = os.getpid()
        far, near = f"rpf{i}", f"rp{pid}.{Machine.serial}.{i}"
        mac = bytes([0x52, 0x54, pid >> 8 & 0xff, pid & 0xff, Machine.serial & 0xff, i])
        self.far[seg], self.near[seg], self.macs[seg] = far, near, mac
        return (f"link add name {near} type veth peer name {far} address {mac.hex(':')} "
                f"netns {self.ns}")

    @contextlib.contextmanager
    def inside(self):
        """this process, for a moment"""
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if LIBC.setns(self.fd, CLONE_NEWNET):
                raise Trouble(f"setns: {os.strerror(ctypes.get_errno())}")
            yield
        finally:
            LIBC.setns(home, CLONE_NEWNET)
            os.close(home)

    def read(self, path):
        """a file of the namespace's /proc/net"""
        with self.inside(), open(f"/proc/self/net/{path}", encoding="ascii") as f:
            return f.read()

    def networks(self, verb):
        for seg, dev in self.far.items():
            how = ("trusted", "off") if verb == "add" and seg in self.untrusted else ()
            sh(program("amctl"), "net", verb, dev, *how, machine=self)

    def start(self, name, *args):
        p = Program(self, name, args)
        self.progs.append(p)
        return p

    def close(self):
        for p in self.progs:
            p.kill()
        if self.fd >= 0:
            os.close(self.fd)
        batch = [f"link del {dev}" for dev in self.near.values()] + [f"netns del {self.ns}"]
        subprocess.run(["ip", "-force", "-batch", "-"], input="\n".join(batch), text=True,
                       stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


class Pulse:
    """how long this machine lets a program of ordinary priority oversleep"""

    STEP = 0.02

    def __init__(self):
        self.page = mmap.mmap(-1, 16)
        self.pid = 0
        if os.environ.get("TIME_TRAVEL"):
            return		# where only sleep takes time nobody is late
        self.pid = os.fork()
        if self.pid:
            return
        try:
            worst = 0.0
            while os.getppid() != 1:
                start = time.monotonic()
                self.page[:] = struct.pack("dd", worst, start)
                time.sleep(self.STEP)
                worst = max(worst, time.monotonic() - start - self.STEP)
        finally:
            os._exit(0)

    def stop(self):
        """the longest, ms, with the sleep it is in"""
        worst, start = struct.unpack("dd", self.page[:])
        if self.pid:
            if start:
                worst = max(worst, time.monotonic() - start - self.STEP)
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        return 1e3 * worst


class Urgent:
    """the replay answers ahead of everything else on this machine"""

    def __enter__(self):
        self._set(os.SCHED_FIFO, 10)

    def __exit__(self, *why):
        self._set(os.SCHED_OTHER, 0)

    @staticmethod
    def _set(policy, priority):
        try:
            os.sched_setscheduler(0, policy, os.sched_param(priority))
        except OSError:
            pass	# not allowed here: then it has to do without


class Program:
    def __init__(self, machine, name, args):
        self.name = name
        self.out = os.path.join(machine.dir, f"{name}.{len(machine.progs)}.out")
        self.log = os.path.join(machine.dir, f"{name}.{len(machine.progs)}.log")
        with open(self.log, "wb") as log:
            self.p = subprocess.Popen([program(name), f"out={self.out}", *args],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      preexec_fn=machine.enter)

    def lines(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()

    def await_serving(self):
        """until it sleeps in getreq"""
        end = time.time() + 30
        calm = 0
        while time.time() < end and calm < 5:
            time.sleep(0.02)
            if self.p.poll() is not None:
                raise Failure(f"{self.name} ended at once: {' / '.join(self.lines())}")
            with open(f"/proc/{self.p.pid}/stat", encoding="ascii") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
            calm = calm + 1 if state == "S" and "ready" in self.lines() else 0
        if calm < 5:
            raise Failure(f"{self.name} does not get to getreq")

    def wait(self, seconds):
        try:
            return self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds:.0f} s; it said: "
                          f"{' / '.join(self.lines())}") from None

    def kill(self):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGKILL)
            self.p.wait()


class Link:
    def __init__(self, machine):
        self.socks = {}
        for seg, dev in machine.near.items():
            self.socks[seg] = fw.open_device(dev, promisc=False)
        self.segs = {s.fileno(): seg for seg, s in self.socks.items()}
        self.poll = select.poll()
        for s in self.socks.values():
            self.poll.register(s, select.POLLIN)
        self.frames = {seg: [] for seg in self.socks}

    def now(self):
        return fw.seconds(time.time_ns())

    def send(self, seg, raw):
        t = self.now()
        self.socks[seg].send(raw)
        self.frames[seg].append((t, raw))
        return t

    def recv(self, end):
        while True:
            left = end - time.time()
            for fd, _ in self.poll.poll(max(0, left * 1e3)):
                seg = self.segs[fd]
                t, raw, outgoing = fw.receive(self.socks[seg])
                if not outgoing:
                    self.frames[seg].append((t, raw))
                    return t, seg, raw
            if left <= 0:
                return None

    def close(self):
        for s in self.socks.values():
            s.close()


# -- what the live programs are told, and must have seen: from the capture -----------------------

def message(script, first):
    """the whole data of the message whose first packet is the frame @first"""
    data = first.get("data", b"")
    for s in script.steps:
        f = s.frame
        if f.kind == "fragment" and f["flip.messid"] == first["flip.messid"] and \
           f["flip.src"] == first["flip.src"] and f["eth.src"] == first["eth.src"]:
            data += f["data"]
    return data


def signed(v, bits):
    return v - (1 << bits) if v >> (bits - 1) else v


def header_args(f, reply):
    cmd = signed(f["hdr.command"], 16) if reply else f["hdr.command"]
    return [f"sig={f['hdr.signature'].hex()}", f"check={f['hdr.check'].hex()}",
            f"object={int.from_bytes(f['hdr.object'], 'little')}", f"rights={f['hdr.rights']}",
            f"command={cmd}", f"extra={f['hdr.extra']}",
            f"offset={signed(f['hdr.offset'], 32)}", f"size={f['hdr.size']}"]


def header_text(f, reply):
    a = dict(x.split("=") for x in header_args(f, reply))
    return (f"port={f['hdr.port'].hex()} sig={a['sig']} object={a['object']} "
            f"rights={a['rights']} check={a['check']} command={a['command']} "
            f"extra={a['extra']} offset={a['offset']} size={a['size']}")


def transactions(script, ours):
    """[(first REQUEST step, last REPLY step or None)] in order, one for each tid of our client
    (@ours) or of the others, of which at least one copy of the REQUEST is whole"""
    out = {}
    for s in script.steps:
        f = s.frame
        if f.kind == "RPC REQUEST":
            if len(message(script, f)) + 56 == f["flip.total"]:
                out.setdefault((f["flip.src"], f["rpc.tid"]), [s, None])
        elif f.kind == "RPC REPLY":
            out[f["flip.dst"], f["rpc.tid"]][1] = s
    return [v for v in out.values() if v[0].ours == ours]


def words(line):
    w = line.split()
    return dict(zip(w[2::2], w[3::2]))


class Part:
    def alive(self):
        """raises Failure when a program is in trouble"""

    def settle(self):
        """all is played: wait for what ends by itself"""

    def finish(self, replay):
        """raises Failure when a program has not seen what it should"""


class Client(Part):
    """our machine is the client"""

    def __init__(self, scenario, script, machine):
        self.script, self.machine = script, machine
        self.calls = transactions(script, True)
        steps = script.steps
        args, room = [], 0
        if self.calls:
            first = self.calls[0][0].frame
            args += header_args(first, False)
            data = message(script, first)
            if data:
                path = os.path.join(machine.dir, "request")
                with open(path, "wb") as f:
                    f.write(data)
                args.append(f"data={path}")
            room = max((len(message(script, r.frame)) for _, r in self.calls if r), default=0)
        locate = next(s for s in steps if s.ours and s.frame.kind == "RPC LOCATE")
        args += [f"port={locate.frame['rpc.port'].hex()}", f"room={room}",
                 f"count={max(1, len(self.calls))}"]
        if len(self.calls) > 1:
            begun = [locate.frame.t] + [request.frame.t for request, _ in self.calls[1:]]
            gap = 1e3 * min(b - a for a, b in zip(begun, begun[1:]))
            # what else the peer has to say about a call comes before the next
            args.append(f"gap_ms={max(gap, GAP_MS):.3f}")
        self.args = args
        self.hooks = {steps[0]: lambda replay: self.start()}
        self.p = None

    def start(self):
        self.p = self.machine.start("rpc_client", *self.args)

    def alive(self):
        if self.p and self.p.p.poll():
            raise Failure(f"rpc_client: {' / '.join(self.p.lines())}")

    def settle(self):
        # nothing captured: the last locate's interval of 3200 ms is still to pass
        self.p.wait(30)

    def finish(self, replay):
        rc = self.p.wait(0)
        lines = self.p.lines()
        if rc or len(lines) != max(1, len(self.calls)):
            raise Failure(f"rpc_client: status {rc}: {' / '.join(lines)}")
        if not self.calls and self.script.steps[-1].frame.get("hereis.count"):
            self._failure(lines[0], replay)
        elif not self.calls:
            self._notfound(lines[0], replay)
        for n, (request, reply) in enumerate(self.calls):
            if reply:
                self._ok(n, lines[n], reply)
            else:
                self._failure(lines[n], replay)

    def _ok(self, n, line, reply):
        want = header_text(reply.frame, True)
        if words(line)["verdict"] != "0" or not line.endswith(want):
            raise Failure(f"call {n} got: {line}; captured reply: {want}")
        data = message(self.script, reply.frame)
        if words(line)["rep_len"] != str(len(data)):
            raise Failure(f"call {n} got {words(line)['rep_len']} bytes, captured {len(data)}")
        if n == len(self.calls) - 1:
            with open(self.p.out, "rb") as f:
                if f.read() != data:
                    raise Failure(f"call {n}: the data of the reply arrived changed")

    def _notfound(self, line, replay):
        took = float(words(line)["ms"])
        locates = [s for s in self.script.steps if s.ours]
        low = 1e3 * (locates[-1].frame.t - locates[0].frame.t) + 3200
        self._within(line, "-2", took, low - EARLY_MS, low + 100 + replay.slack)

    def _failure(self, line, replay):
        """with what the server said last, or the interval after our last LOCATE: twice the one
        before"""
        steps = self.script.steps
        locates = [s for s in steps if s.ours and s.frame.kind == "LOCATE"]
        last = locates[-1] if locates else steps[-1]
        at = 1e3 * (last.live.t - steps[0].live.t)
        if locates:
            at += 2e3 * (last.frame.t - locates[-2].frame.t)
        self._within(line, "-1" if self.calls else "-9", float(words(line)["ms"]), at - EARLY_MS,
                     at + replay.slack)

    @staticmethod
    def _within(line, verdict, took, low, high):
        if words(line)["verdict"] != verdict:
            raise Failure(f"the call got: {line}; the original: verdict {verdict}")
        if not low <= took <= high:
            raise Failure(f"the call took {took:.0f} ms, must lie in {low:.0f} to {high:.0f} ms")


class Server(Part):
    """our machine is the server"""

    def __init__(self, scenario, script, machine):
        self.script, self.machine = script, machine
        self.calls = transactions(script, False)
        self.hooks = {script.steps[0]: lambda replay: self.start()}
        self.runs = []
        args = [f"getport={SERVER_GETPORT}"]
        request, reply = self.calls[0] if self.calls else (None, None)
        if not request:
            pass	# nobody calls
        elif reply:
            args += header_args(reply.frame, True)
            data = message(script, reply.frame)
            if data and data != message(script, request.frame):
                raise Trouble("a captured reply is no echo")
            if data:
                args.append("echo=1")
        else:
            fail = next((s for s in script.steps if s.frame.kind == "RPC FAIL"), None)
            if fail:
                args.append(f"close_ms={1e3 * (fail.frame.t - request.frame.t):.3f}")
            else:
                args.append("delay_ms=1000000")
        self.args = args
        # the server is restarted before its address is called again in vain; with a transaction
        # open its machine is, and has no time to tell the client
        bounce = next((s for s in script.steps if s.ours and
                       s.frame.kind.startswith("NOTHERE")), None)
        if bounce:
            before = cause(script, script.steps.index(bounce), "", scenario.role)
            self.hooks[before] = lambda replay: self.restart(power=not reply)

    def start(self):
        self.runs.append(self.machine.start("rpc_server", *self.args))
        self.runs[-1].await_serving()

    def restart(self, power):
        if power:
            self.machine.networks("del")
        self.runs[-1].kill()
        if power:
            self.machine.networks("add")
        self.start()

    def alive(self):
        p = self.runs[-1] if self.runs else None
        if p and p.p.poll():
            raise Failure(f"rpc_server: {' / '.join(p.lines())}")

    def finish(self, replay):
        got = [x for p in self.runs for x in p.lines() if x.startswith("request")]
        if len(got) != len(self.calls):
            raise Failure(f"rpc_server got {len(got)} requests, captured {len(self.calls)}")
        for line, (request, _) in zip(got, self.calls):
            want = header_text(request.frame, False)
            data = message(self.script, request.frame)
            if not line.endswith(want) or words(line)["len"] != str(len(data)):
                raise Failure(f"rpc_server got: {line}; captured: {len(data)} bytes, {want}")
        last = next((p for p in reversed(self.runs) if len(p.lines()) > 1), None)
        if not last:
            return
        with open(last.out, "rb") as f:
            if f.read() != message(self.script, self.calls[-1][0].frame):
                raise Failure("the data of the request arrived changed")


class Silent(Part):
    """our machine serves another port, and must not say a word"""

    def __init__(self, scenario, script, machine):
        self.machine = machine
        self.hooks = {script.steps[0]: lambda replay: self.start()}

    def start(self):
        self.machine.start("rpc_server", f"getport={OTHER_GETPORT}").await_serving()

    def finish(self, replay):
        if len(self.machine.progs[0].lines()) != 1:
            raise Failure("a request reached a server nobody called")


class Router(Part):
    """our machine joins the two segments; it is restarted before the second request"""

    def __init__(self, scenario, script, machine):
        self.machine = machine
        self.hooks = {}
        bounce = next((s for s in script.steps if s.ours and
                       s.frame.kind.startswith("NOTHERE")), None)
        if bounce:
            before = cause(script, script.steps.index(bounce), "", scenario.role)
            self.hooks[before] = lambda replay: self.restart()

    def restart(self):
        self.machine.networks("del")
        self.machine.networks("add")


PARTS = {"client": Client, "server": Server, "silent": Silent, "router": Router}


def run(scenario, slack, log, keep=None, order="native"):
    """raises Failure or Trouble; @order: of the peers' bytes (engine.Script); @keep: folder for a
    capture of what went over the link"""
    table = Table()
    script = Script(scenario, table, order)
    machine = Machine(list(scenario.captures), scenario.untrusted)
    link = Link(machine)
    pulse = Pulse()
    replay = None
    try:
        part = PARTS[scenario.part](scenario, script, machine)
        replay = Replay(script, link, table, machine.macs, scenario.role, part.hooks, slack,
                        log)
        with Urgent():
            replay.run(part.alive, part.settle)
            part.finish(replay)
    except Failure as e:
        stalled = max(replay.lag if replay else 0, pulse.stop())
        if stalled > LAG_MS:
            raise Late(f"{e}\n  (but the machine stalled for {stalled:.0f} ms)") from None
        raise
    finally:
        pulse.stop()
        if keep:
            for seg, frames in link.frames.items():
                name = f"{scenario.name}_{order}_{seg}.pcap".replace(" ", "_")
                fw.write_pcap(os.path.join(keep, name), sorted(frames))
        link.close()
        machine.close()
