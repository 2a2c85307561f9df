# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel with this tree at net/amoeba and everything in it =y.

Starts from a copy of the base kernel's object tree, so that only what the new options touch
is compiled.  In a mount namespace of its own the copy lies where the original was built and
the project where prepare.sh left a place for it: every path is the one make remembers.
"""

import json
import os
import re
import shutil
import subprocess

import cache
import own


class DropinError(Exception):
    pass


def options():
    """The options of the project's Kconfig."""
    with open(os.path.join(cache.TREE, "Kconfig")) as f:
        return re.findall(r"^config (\w+)", f.read(), re.M)


def build(kernel, say):
    base = kernel.base.ready()
    if not base:
        raise DropinError(f"{kernel.base.name} must be there first")
    where = kernel.dir_for("")
    obj = os.path.join(where, "obj")
    log = os.path.join(where, "build.log")
    mark = os.path.join(where, "base")
    os.makedirs(where, exist_ok=True)
    open(log, "wb").close()
    try:
        with open(mark) as f:
            same = f.read() == base["kdir"]
    except OSError:
        same = False
    if not same:
        say(f"copy of the objects of {kernel.base.name}")
        shutil.rmtree(obj, ignore_errors=True)
        own.run(["cp", "-a", "--reflink=auto", base["kdir"], obj], log)
        with open(mark, "w") as f:
            f.write(base["kdir"])
    src, place = base["source"], os.path.join(base["source"], "net/amoeba")
    if not os.path.isdir(place):
        raise DropinError(f"{place} is missing: the source was not prepared")
    settings = "".join(f" -e {o}" for o in options())
    make = f"make -C {base['kdir']} ARCH={base['arch']} -j{own.JOBS}"
    script = f"""set -e
mount --make-rprivate /
mount --bind {obj} {base['kdir']}
mount --bind {cache.TREE} {place}
{src}/scripts/config --file {base['kdir']}/.config{settings}
{make} -s olddefconfig
{make} vmlinux
"""
    say("build")
    own.compile(["unshare", "-m", "sh", "-c", script], [], log, say)
    got = own.configuration(os.path.join(obj, ".config"))
    off = [o for o in options() if got.get("CONFIG_" + o) != "y"]
    if off:
        raise DropinError(f"not built in: {' '.join(off)} (dependencies?)")
    info = dict(base, name=kernel.name, kind="dropin", image=os.path.join(obj, "vmlinux"),
                kdir=obj)
    with open(os.path.join(where, "info.json"), "w") as f:
        json.dump(info, f, indent=1)
    return info


def complaints(where):
    """Compiler warnings about the project's files."""
    with open(os.path.join(where, "build.log"), errors="replace") as f:
        return [line.strip() for line in f if re.search(r"net/amoeba/.*(warning|error):", line)]
