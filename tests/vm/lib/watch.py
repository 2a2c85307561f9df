# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the kernel's complaints in a console or dmesg text."""

import os
import re

BAD = re.compile(
    rb"BUG:|\bBUG at |WARNING:|KASAN:|UBSAN:|ODEBUG:|KCSAN:|KFENCE:|"
    rb"Kernel panic|Oops\b|Internal error|general protection fault|double fault|"
    rb"unable to handle|Kernel mode fault|kernel stack overflow|stack guard page|"
    rb"INFO: task .* blocked for more than|blocked for more than \d+ seconds|"
    rb"possible circular locking|possible recursive locking|possible irq lock inversion|"
    rb"inconsistent lock state|suspicious RCU usage|bad unlock balance|"
    rb"held lock freed|lock held when returning|nested lock was not taken|"
    rb"DEBUG_LOCKS_WARN|sleeping function called|scheduling while atomic|"
    rb"rcu.*(self-detected|detected) stall|rcu.*detected expedited stall|"
    rb"soft lockup|hard LOCKUP|workqueue lockup|refcount_t:|"
    rb"unregister_netdevice: waiting|leaked reference|page allocation failure|"
    rb"Bad page state|Out of memory: |slab .*corrupt|list_(add|del) corruption")


class Noise:
    """Reports known to come from the kernel itself: see noise.list beside the harness."""

    def __init__(self, path, kernel):
        self.rules = []
        with open(path) as f:
            for line in f:
                line = line.split("#")[0].strip()
                if not line:
                    continue
                names, rule = line.split(None, 1)
                if names == "*" or kernel in names.split(","):
                    self.rules.append(re.compile(rule.encode()))

    def covers(self, line):
        return any(r.search(line) for r in self.rules)


def noise_for(kernel, vm):
    return Noise(os.path.join(vm, "noise.list"), kernel)


def reports(text, noise):
    """The lines of text that are complaints, in order, without repeats."""
    seen, out = set(), []
    for line in text.split(b"\n"):
        if not BAD.search(line) or noise.covers(line):
            continue
        bare = re.sub(rb"^(<\d+>)?\[[^\]]*\]\s*(\[[^\]]*\]\s*)?", b"", line).strip()
        if bare and bare not in seen:
            seen.add(bare)
            out.append(bare)
    return out


def excerpt(text, noise, before=3, after=40, tail=60):
    """What to show of a console: its first complaint, who waited at the end, or the end."""
    lines = text.split(b"\n")
    for i, line in enumerate(lines):
        if BAD.search(line) and not noise.covers(line):
            return lines[max(0, i - before):i + after]
    for i, line in enumerate(lines):
        if b"vm-init: time is nearly up" in line:
            return lines[max(0, i - 20):i + after + tail]
    return lines[-tail:]
