# SPDX-License-Identifier: GPL-2.0-or-later
"""Running tshark with the dissector over a capture.

From 4.4 on it runs no Lua for root, so for root it is run as nobody, on copies that nobody may read.
"""
import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LUA = os.path.normpath(os.path.join(HERE, "../../userland/wireshark/amflip.lua"))


NOBODY = 65534


class TsharkError(Exception):
    """tshark or the dissector does not run"""


@functools.lru_cache(maxsize=None)
def scratch():
    """a directory for the time of the test"""
    path = tempfile.mkdtemp(prefix="dissector.")
    atexit.register(shutil.rmtree, path)
    os.chmod(path, 0o755)
    return path


def readable(path):
    """the file, or a copy, which tshark can read"""
    copy = os.path.join(scratch(), os.path.basename(path))
    if not os.path.exists(path):
        raise TsharkError(f"no {path}")
    if not (os.path.exists(copy) and os.path.samefile(path, copy)):
        shutil.copyfile(path, copy)
        os.chmod(copy, 0o644)
    return copy


def call(args, lua=LUA):
    exe = shutil.which("tshark")
    if not exe:
        raise TsharkError("tshark is not installed: apt-get install tshark, or make deps")
    lua = readable(lua)
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    # no names for addresses, no settings of whoever runs the test, no dissector that is installed
    env = dict(os.environ, LC_ALL="C.UTF-8", HOME="/nonexistent",
               WIRESHARK_CONFIG_DIR="/nonexistent", AMFLIP_LUA=lua)
    env.pop("XDG_CONFIG_HOME", None)
    first, rest = (args[:2], args[2:]) if args[0] == "-G" else ([], args)
    p = subprocess.run([exe, *first, "-n", "-X", f"lua_script:{lua}", *rest], env=env, text=True,
                       cwd="/", timeout=300, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, **who)
    said = [s for s in p.stderr.split("\n")
            if s and not s.startswith("Running as user") and "captured" not in s]
    bad = [s for s in said if re.search(r"\blua\b", s, re.I)]
    if p.returncode or bad:
        raise TsharkError(f"tshark: {' '.join(bad or said)[:300]} (status {p.returncode})")
    return p.stdout


@functools.lru_cache(maxsize=None)
def known_fields(lua=LUA):
    """the dissector's fields, without "amflip." """
    return [f[2][len("amflip."):] for f in
            (row.split("\t") for row in call(["-G", "fields"], lua).split("\n"))
            if f[0] == "F" and f[2].startswith("amflip.")]


@functools.lru_cache(maxsize=None)
def info_column():
    """since Wireshark 4.2 its name is in lower case"""
    row = re.search(r"\(Wireshark\) (\d+)\.(\d+)", call(["--version"]))
    return "_ws.col.info" if row and tuple(map(int, row.groups())) >= (4, 2) else "_ws.col.Info"


def show(path, names, passes=1, lua=LUA, settings=()):
    """[({field: [texts]}, line)], one of each frame; @settings: preferences"""
    columns = [info_column(), "_ws.lua.error"] + ["amflip." + n for n in names]
    args = ["-r", readable(path), "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a",
            "-E", "aggregator=;"] + (["-2"] if passes == 2 else [])
    for s in settings:
        args += ["-o", s]
    for c in columns:
        args += ["-e", c]
    out = []
    for number, row in enumerate(call(args, lua).rstrip("\n").split("\n"), 1):
        values = row.split("\t")
        if len(values) != len(columns):
            raise TsharkError(f"{path}: frame {number}: {len(values)} columns")
        if values[1]:
            raise TsharkError(f"{os.path.basename(path)}: frame {number}: Lua Error"
                              + why(path, number, lua))
        out.append(({n: v.split(";") for n, v in zip(names, values[2:]) if v != ""}, values[0]))
    return out


def why(path, number, lua):
    text = call(["-r", readable(path), "-Y", f"frame.number == {number}", "-V"], lua)
    found = re.search(r"Lua Error: (.*)", text)
    return f": {found.group(1)}" if found else ""
