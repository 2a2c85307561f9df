# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness's own programs, compiled on the host when older than their source."""

import fcntl
import os
import subprocess

import cache

FLAGS = {"hub": [], "init": ["-static"], "tsc": []}
SOURCE = {"hub": "hub.c", "init": "guest/init.c", "tsc": "tsc.c"}


def program(name):
    source = os.path.join(cache.VM, SOURCE[name])
    folder = os.path.join(cache.BUILD, "vm")
    target = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    with open(target + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(target) or \
                os.stat(target).st_mtime < os.stat(source).st_mtime:
            try:
                subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall"] + FLAGS[name]
                               + ["-o", target + ".new", source], check=True)
            except (OSError, subprocess.CalledProcessError) as e:
                raise SystemExit(f"tests/vm: {source} does not compile ({e}); "
                                 "scripts/install-deps installs the compiler")
            os.rename(target + ".new", target)
    return target
