# SPDX-License-Identifier: GPL-2.0-or-later
"""The initramfs of a QEMU guest: our init, and the modules it needs to reach the host."""

import os

import tools



class Cpio:
    """An archive in the format the kernel unpacks (newc)."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.inode = 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        head = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
        entry = b"070701" + b"".join(b"%08X" % v for v in head) + name.encode() + b"\0"
        self.file.write(entry + b"\0" * (-len(entry) % 4) + data + b"\0" * (-len(data) % 4))

    def close(self):
        self.add("TRAILER!!!", 0)
        self.file.close()


def make(info, path):
    c = Cpio(path)
    for d in ("dev", "proc", "mods"):
        c.add(d, 0o40755)
    c.add("dev/console", 0o20600, device=(5, 1))
    with open(tools.program("init"), "rb") as f:
        c.add("init", 0o100755, f.read())
    names = []
    for m in info.get("initmods", []):
        names.append(os.path.basename(m))
        with open(m, "rb") as f:
            c.add("mods/" + names[-1], 0o100644, f.read())
    c.add("mods/order", 0o100644, "".join(n + "\n" for n in names).encode())
    c.close()
    return path
