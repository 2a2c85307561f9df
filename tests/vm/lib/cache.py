# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel list, and what of it lies ready in the cache.

DESIGN NOTES

The cache (AMOEBA_VM_CACHE, default /var/cache/amoeba-vm) belongs to the machine and is
shared by all checkouts:

    apt/            private apt root: lists and the sources made from the machine's own
    apt/index.json  the few packages of interest, as of the last update of the lists
    src/PKG_VER/    unpacked kernel sources, with the place for a drop-in prepared
    kernel/NAME-VER-HASH/
        info.json   written last: its presence means "ready"
        obj/        own kernels: the object tree, good for building modules
        root/       distribution kernels: the unpacked packages

HASH covers the configuration fragments and the scripts that shape the result, so that two
checkouts with different fragments do not disturb each other.  A kernel with the project
built in is no cache content: it lives in build/ of its tree.
"""

import fnmatch
import glob
import hashlib
import json
import os
import subprocess

VM = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TREE = os.path.dirname(os.path.dirname(VM))
BUILD = os.path.join(TREE, "build")


def cache_dir():
    return os.environ.get("AMOEBA_VM_CACHE") or "/var/cache/amoeba-vm"


def safe(version):
    """A version as part of a path: make dislikes some of its characters."""
    return version.replace("~", ".").replace("+", ".").replace(":", ".")


class Kernel:
    """A line of kernels.list."""

    def __init__(self, line):
        self.name, self.kind, self.set, suites, self.package, config = line.split()
        self.suites = [] if suites == "-" else suites.split(",")
        self.config = [] if config == "-" else config.split(",")

    @property
    def is_uml(self):
        return self.kind == "um" or (self.kind == "dropin" and self.base.is_uml)

    @property
    def base(self):
        return find(self.config[0]) if self.kind == "dropin" else None

    def fragments(self):
        return [os.path.join(VM, "config", f + ".config") for f in self.config]

    def key(self):
        """Hash of everything but the package version that decides the result."""
        if self.kind == "dropin":
            return self.base.key()
        h = hashlib.sha256()
        if self.kind == "debian":
            files = [os.path.join(VM, "lib", "debian.py")]
        else:
            files = self.fragments() + [os.path.join(VM, "prepare.sh")]
            if self.kind == "um":
                files += patches()
        for f in files:
            with open(f, "rb") as fd:
                h.update(fd.read())
        return h.hexdigest()[:10]

    def dir_for(self, version):
        if self.kind == "dropin":
            return os.path.join(BUILD, "kernel", self.name)
        return os.path.join(cache_dir(), "kernel",
                            f"{self.name}-{safe(version)}-{self.key()}")

    def ready(self):
        """The info of the newest ready build of this kernel, or None."""
        if self.kind == "dropin":
            dirs = [self.dir_for("")]
        else:
            dirs = glob.glob(os.path.join(cache_dir(), "kernel",
                                          f"{self.name}-*-{self.key()}"))
        best = None
        for d in dirs:
            try:
                with open(os.path.join(d, "info.json")) as f:
                    info = json.load(f)
            except (OSError, ValueError):
                continue
            if best is None or version_less(best["version"], info["version"]):
                best = info
        return best


def patches():
    return sorted(glob.glob(os.path.join(VM, "patches", "*.patch")))


def version_less(a, b):
    return subprocess.call(["dpkg", "--compare-versions", a, "lt", b]) == 0


def kernels():
    out = []
    with open(os.path.join(VM, "kernels.list")) as f:
        for line in f:
            line = line.split("#")[0].strip()
            if line:
                out.append(Kernel(line))
    return out


def find(name):
    for k in kernels():
        if k.name == name:
            return k
    return None


def index_path():
    return os.path.join(cache_dir(), "apt", "index.json")


def index():
    try:
        with open(index_path()) as f:
            return json.load(f)
    except (OSError, ValueError):
        return []


def newest(packages, pattern, suites):
    """The newest package of the index whose name and suite match, or None."""
    best = None
    for p in packages:
        if p["suite"] not in suites or not fnmatch.fnmatchcase(p["name"], pattern):
            continue
        if any(x in p["name"] for x in ("-rt-", "-cloud-", "-dbg", "-latest", "-extra")):
            continue
        if best is None or version_less(best["version"], p["version"]):
            best = p
    return best
