# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest machine: how to start it, for UML and for QEMU."""

import os
import shutil
import socket
import struct
import subprocess
import sys

import tools

LIB = os.path.dirname(os.path.abspath(__file__))
BUFFER = 4 << 20
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
MCONSOLE_MAGIC, MCONSOLE_VERSION, MCONSOLE_DATA = 0xcafebabe, 2, 512


def mac(node):
    return "52:54:00:00:%02x:%02x" % (node >> 8, node & 255)


def frame_pair():
    """A datagram socketpair with room for a burst of frames: (guest's end, hub's end)."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for s in pair:
        for force, plain in ((SO_SNDBUFFORCE, socket.SO_SNDBUF),
                             (SO_RCVBUFFORCE, socket.SO_RCVBUF)):
            try:
                s.setsockopt(socket.SOL_SOCKET, force, BUFFER)
            except OSError:
                s.setsockopt(socket.SOL_SOCKET, plain, BUFFER)
    return pair


class Guest:
    """State of a node.  `out` is our end of the script's output port, `console` a pipe."""

    def __init__(self, node, kernel, info, options, run_dir, shared):
        self.node, self.kernel, self.info = node, kernel, info
        self.options, self.run_dir, self.shared = options, run_dir, shared
        self.nic, self.segment = frame_pair()
        self.out, self.out_guest = socket.socketpair()
        self.process = None
        self.console = None
        self.pending = {"out": b"", "console": b""}	# after the last newline
        self.started = None	# uptime at which the script started
        self.status = None	# the script's, once known
        self.gone = False
        self.boot = 1

    def renew(self):
        """For the next boot; the segment's end is the same, as the machine is."""
        self.boot += 1
        self.out, self.out_guest = socket.socketpair()
        self.pending = {"out": b"", "console": b""}
        self.started, self.gone = None, False

    def lose_frames(self):
        """What the segment has for a machine that is off."""
        try:
            for _ in range(1000):
                self.nic.recv(1, socket.MSG_DONTWAIT)
        except OSError:
            pass
        return True

    def common_parameters(self):
        # drivers built in would make a device each that nobody asked for
        return ["panic=-1", "loglevel=5", "dummy.numdummies=0", "ifb.numifbs=0",
                "bonding.max_bonds=0", f"vm_node={self.node}"]

    def start(self):
        fds = [self.nic.fileno(), self.out_guest.fileno()]
        command = [sys.executable, "-I", os.path.join(LIB, "jail.py"),
                   self.run_dir, self.shared, "--"] + self.command()
        if self.options.pin is not None and shutil.which("taskset"):
            command = ["taskset", "-c", self.options.pin] + command
        elif self.kernel.is_uml and shutil.which("taskset"):
            # a wake-up across CPUs costs more than sharing one
            cpus = sorted(os.sched_getaffinity(0))
            cpu = cpus[(os.getpid() + self.node) % len(cpus)]
            command = ["taskset", "-c", str(cpu)] + command
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, pass_fds=fds, start_new_session=True,
            env=dict(os.environ, TMPDIR="/dev/shm"), cwd=self.run_dir)
        self.console = self.process.stdout
        os.set_blocking(self.console.fileno(), False)
        if not self.options.reboots:
            self.nic.close()
        self.out_guest.close()
        self.out.setblocking(False)

    def kill(self):
        """The guest and its helpers: one session, ours."""
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, 9)
            except ProcessLookupError:
                pass
            self.process.wait()


class UmlGuest(Guest):
    def environment(self):
        return {"out": "/dev/tty1", "kernel_modules": self.info["modules"]}

    def command(self):
        uml_dir = os.path.join(self.run_dir, "uml")
        os.makedirs(uml_dir, exist_ok=True)
        nic, out = self.nic.fileno(), self.out_guest.fileno()
        return [self.info["image"], f"mem={self.options.mem}",
                "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
                "init=" + tools.program("init"),
                f"vm_run={self.run_dir}", f"vm_shared={self.shared}", f"umid=node{self.node}",
                f"uml_dir={uml_dir}/",
                "con=null", "con0=null,fd:1", f"con1=fd:{out},fd:{out}", "ssl=null",
                f"vec0:transport=fd,fd={nic},depth=64,mac={mac(self.node)}",
                ] + (["time-travel=inf-cpu"] if self.options.time_travel else []) \
            + self.common_parameters() + self.options.append.split()

    def last_words(self):
        """What runs, who holds which locks: asked from outside, so that a machine whose clock
        stands still, because something never waits, answers too."""
        where = os.path.join(self.run_dir, "uml", f"node{self.node}", "mconsole")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.bind("")		# it answers to the name it was asked from
            # not w and t: they read other tasks' stacks, which on UML may fault, and this is
            # an interrupt
            for key in "pd":
                command = f"sysrq {key}".encode()
                try:
                    s.sendto(struct.pack(f"III{MCONSOLE_DATA}s", MCONSOLE_MAGIC, MCONSOLE_VERSION,
                                         len(command), command), where)
                    s.recv(4096)
                except OSError as e:
                    print(f"vm: node {self.node} does not say what it does: {e}", file=sys.stderr)
                    return


class QemuGuest(Guest):
    def environment(self):
        return {"out": "/dev/vport*"}

    def command(self):
        o, i = self.options, self.info
        nic, out = self.nic.fileno(), self.out_guest.fileno()
        bus = "pci" if i["pci"] else "device"
        c = ["qemu-system-x86_64", "-M", i["machine"], "-accel", o.accel,
             "-cpu", "host" if o.accel == "kvm" else "max,la57=off", "-smp", str(o.cpus),
             "-m", o.mem, "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
             "-serial", "stdio", "-kernel", i["image"],
             "-initrd", os.path.join(self.run_dir, "initrd")]
        rom = ",romfile=" if i["pci"] else ""
        c += ["-netdev", f"dgram,id=net,local.type=fd,local.str={nic}",
              "-device", f"virtio-net-{bus},netdev=net,mac={mac(self.node)}{rom}"]
        c += ["-chardev", f"socket,id=out,fd={out}", "-device", f"virtio-serial-{bus}",
              "-device", "virtserialport,chardev=out,name=out"]
        shares = [("root", "/", True), ("run", self.run_dir, False),
                  ("shared", self.shared, False)]
        if i.get("modules"):
            shares.append(("modules", i["modules"], True))
        for tag, path, readonly in shares:
            c += ["-fsdev", f"local,id={tag},path={path},security_model=none,"
                  f"multidevs=remap,readonly={'on' if readonly else 'off'}",
                  "-device", f"virtio-9p-{bus},fsdev={tag},mount_tag={tag}"]
        c += o.qemu.split()
        c += ["-append", " ".join(["console=ttyS0", "reboot=t", "mitigations=off",
                                   "nokaslr", "no_timer_check", "tsc=reliable"]
                                  + o.tsc + i.get("parameters", []) + self.common_parameters()
                                  + o.append.split())]
        return c


def make(node, kernel, info, options, run_dir, shared):
    cls = UmlGuest if kernel.is_uml else QemuGuest
    return cls(node, kernel, info, options, run_dir, shared)
