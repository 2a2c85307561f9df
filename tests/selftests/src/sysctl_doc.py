#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sysctl_doc - does Documentation/sysctl.rst say the truth of this namespace's sysctls?

usage: sysctl_doc FILE DIRECTORY...

Each row of the tables in FILE, under a heading that names /proc/sys/net/NAME, must be a file in
DIRECTORY and the other way round; a new namespace has the default, the bounds are taken, and what
is beyond them is refused and changes nothing.
"""
import os
import re
import sys


def tables(text):
    """{"net/flip": {name: (unit, default, bounds)}}"""
    found, lines, at = {}, text.split("\n"), 0
    while at < len(lines):
        head = re.match(r"name \(in ``/proc/sys/(\S+)``\)", lines[at])
        if not head:
            at += 1
            continue
        edges = [m.span() for m in re.finditer("=+", lines[at - 1])]
        at += 2
        rows = []
        while not lines[at].startswith("==="):
            cells = [lines[at][a:b].strip() for a, b in edges]
            if cells[0]:
                rows.append(cells)
            else:
                rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells)]
            at += 1
        found[head.group(1)] = {r[0].strip("`"): r[1:4] for r in rows}
    return found


def put(path, value):
    try:
        with open(path, "w") as f:
            f.write(f"{value}\n")
        return True
    except OSError:
        return False


def get(path):
    with open(path) as f:
        return " ".join(f.read().split())


def check(path, unit, default, bounds):
    """What is wrong with one."""
    was = get(path)
    if not unit:
        yield "no unit"
    if re.fullmatch(r"[0-9 ]+", default) and was != default:
        yield f"the default is {was}, not {default}"
    m = re.fullmatch(r"(\d+)(?: to|,) (\d+|all of memory)", bounds)
    if not m:
        yield f"bounds '{bounds}'"
        return
    if " " in was:      # a first and a last one
        return
    low, high = int(m.group(1)), m.group(2)
    for value, good in ((low, True), (low - 1, False)) + (
            ((int(high), True), (int(high) + 1, False)) if high.isdigit() else ()):
        before = get(path)
        if put(path, value) != good:
            yield f"{value} is {'refused' if good else 'taken'}"
        elif get(path) != (str(value) if good else before):
            yield f"{value} makes it {get(path)}"
    put(path, was)


def main(argv):
    with open(argv[0]) as f:
        documented = tables(f.read())
    bad = 0
    for directory in argv[1:]:
        rows = documented.get(directory.removeprefix("/proc/sys/"), {})
        here = set(os.listdir(directory))
        for name in sorted(here ^ set(rows)):
            print(f"{name}: {'not documented' if name in here else 'not there'}")
            bad += 1
        for name in sorted(here & set(rows)):
            for what in check(os.path.join(directory, name), *rows[name]):
                print(f"{name}: {what}")
                bad += 1
        print(f"{directory}: {len(here)} sysctls")
        bad += not here
    return bad > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
