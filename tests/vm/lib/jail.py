#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""jail.py DIR... -- COMMAND... - run a guest so that it can write nothing but DIRs.

In a mount namespace of its own the whole tree is read-only, except DIRs and a fresh
/dev/shm.  The guest's view of the host's root is read-only by its own doing already; this
holds even when its root user mounts the host's root again.  The guest dies with its parent.

Without the privilege for a mount namespace the command runs all the same.
"""

import ctypes
import os
import signal
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
SYS_MOUNT_SETATTR = 442
MOUNT_ATTR_RDONLY = 1


def check(result, what):
    if result:
        e = ctypes.get_errno()
        raise OSError(e, f"{what}: {os.strerror(e)}")


def mount(source, target, fstype, flags, data=None):
    check(libc.mount(source and source.encode(), target.encode(),
                     fstype and fstype.encode(), ctypes.c_ulong(flags),
                     data and data.encode()), f"mount {target}")


def set_readonly(path, on, flags=0):
    attr = struct.pack("QQQQ", MOUNT_ATTR_RDONLY if on else 0,
                       0 if on else MOUNT_ATTR_RDONLY, 0, 0)
    check(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, attr, len(attr)),
          f"mount_setattr {path}")


def enclose(dirs):
    check(libc.unshare(CLONE_NEWNS), "unshare")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    for d in dirs:
        mount(d, d, None, MS_BIND)
    mount("shm", "/dev/shm", "tmpfs", 0, "mode=1777,size=100%")
    set_readonly("/", True, AT_RECURSIVE)
    for d in dirs + ["/dev/shm"]:
        set_readonly(d, False)


def main():
    split = sys.argv.index("--")
    dirs, command = sys.argv[1:split], sys.argv[split + 1:]
    parent = os.getppid()
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return 1
    try:
        enclose(dirs)
    except OSError as e:
        print(f"vm: no mount namespace ({e}); the guest's own read-only mounts "
              "alone protect the host", file=sys.stderr)
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
