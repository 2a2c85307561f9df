# SPDX-License-Identifier: GPL-2.0-or-later
"""Is KVM of use here?  Only a guest that really boots with it says so."""

import os
import platform
import subprocess
import tempfile

import cache
import initrd

LIMIT = 15


def kvm_boots(info, folder):
    """Boot the kernel with KVM until it speaks; many nested or para-virtual hosts fail."""
    image = initrd.make(info, os.path.join(folder, "initrd"))
    command = ["timeout", "-s", "KILL", str(LIMIT), "qemu-system-x86_64",
               "-M", info["machine"], "-accel", "kvm", "-cpu", "host", "-m", "256M",
               "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
               "-serial", "stdio", "-kernel", info["image"], "-initrd", image,
               "-append", " ".join(["console=ttyS0", "panic=-1", "vm_probe=1"]
                                   + info.get("parameters", []))]
    r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    return b"vm-init: probe" in r.stdout


def best(info):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    # one answer per host kernel and boot; a probe costs up to LIMIT seconds
    with open("/proc/sys/kernel/random/boot_id") as f:
        mark = f"{platform.release()} {f.read().strip()}"
    note = os.path.join(cache.cache_dir(), "kvm")
    try:
        with open(note) as f:
            known, answer = f.read().rsplit("\t", 1)
        if known == mark:
            return answer.strip()
    except (OSError, ValueError):
        pass
    with tempfile.TemporaryDirectory() as folder:
        answer = "kvm" if kvm_boots(info, folder) else "tcg"
    try:
        with open(note, "w") as f:
            f.write(f"{mark}\t{answer}\n")
    except OSError:
        pass
    return answer
