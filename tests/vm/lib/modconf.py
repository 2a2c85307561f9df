# SPDX-License-Identifier: GPL-2.0-or-later
"""Let modprobe in a guest find the project's modules without running depmod there.

The modules lie in /lib/amoeba, outside the kernel's own module tree, which is shared and
read-only.  An `install` line for each, with what it depends on first, does the same.
"""

import glob
import os
import re
import subprocess


def modules(folder):
    return sorted(glob.glob(os.path.join(folder, "*.ko")))


def name_of(path):
    return os.path.basename(path)[:-3].replace("-", "_")


def field(path, what):
    r = subprocess.run(["modinfo", "-F", what, path], stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, text=True)
    return r.stdout.split("\n") if r.returncode == 0 else []


def write(folder, conf):
    paths = modules(folder)
    if not paths:
        return
    ours = {name_of(p) for p in paths}
    with open(conf, "w") as f:
        for p in paths:
            name = name_of(p)
            needs = [d.replace("-", "_") for line in field(p, "depends")
                     for d in line.split(",") if d]
            steps = [f"/sbin/modprobe {d}" for d in needs if d in ours]
            steps += [f"/sbin/modprobe -q {d} || :" for d in needs if d not in ours]
            steps.append(f"/sbin/insmod /lib/amoeba/{os.path.basename(p)} $CMDLINE_OPTS")
            f.write(f"install {name} [ -d /sys/module/{name} ] || "
                    f"{{ {' && '.join(steps)}; }}\n")
            f.write(f"remove {name} /sbin/rmmod {name}\n")
            for alias in field(p, "alias"):
                if alias:
                    f.write(f"alias {alias} {name}\n")


def from_a_module(trace, folder):
    """was it allocated by one of ours? Of a module that has gone, and of what runs once when it is
    loaded, only addresses without a name are left"""
    return any(b"[%s]" % name_of(p).encode() in trace for p in modules(folder)) or \
        bool(re.search(rb"^\s+(\[<[0-9a-f]+>\]\s+)?0x[0-9a-f]{8,}\s*$", trace, re.M))
