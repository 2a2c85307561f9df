# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels of our own: configured from fragments, built from the distribution's source."""

import glob
import os
import re
import shutil
import subprocess
import tarfile
import time

import apt
import cache

ARCH = {"um": "um", "x86": "x86_64"}
BASE = {"um": "defconfig", "x86": "tinyconfig"}
TARGETS = {"um": ["vmlinux", "modules"], "x86": ["bzImage", "vmlinux", "modules"]}
JOBS = os.environ.get("AMOEBA_VM_JOBS") or str(os.cpu_count() or 1)


class BuildError(Exception):
    pass


def run(command, log, **kw):
    with open(log, "ab") as f:
        f.write(("$ " + " ".join(command) + "\n").encode())
        f.flush()
        r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=f,
                           stderr=subprocess.STDOUT, **kw)
    if r.returncode:
        raise BuildError(f"{command[0]} {command[-1]} failed; the end of {log}:\n" + tail(log))


def tail(log, lines=25):
    with open(log, "rb") as f:
        return b"\n".join(f.read().split(b"\n")[-lines:]).decode(errors="replace")


def source(package, say):
    """The prepared source tree of a linux-source package."""
    top = os.path.join(cache.cache_dir(), "src")
    where = os.path.join(top, f"{package['name']}_{cache.safe(package['version'])}")
    if os.path.isdir(where):
        return where
    deb = apt.fetch(package, say)
    say(f"unpack {package['name']} {package['version']}")
    tmp = where + ".new"
    shutil.rmtree(tmp, ignore_errors=True)
    os.makedirs(tmp)
    p = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=p.stdout, mode="r|") as outer:
        for member in outer:
            if re.search(r"/linux-source-[^/]*\.tar\.\w+$", member.name):
                inner = os.path.join(tmp, ".tar")
                with open(inner, "wb") as f:
                    shutil.copyfileobj(outer.extractfile(member), f)
                subprocess.run(["tar", "-C", tmp, "--strip-components=1", "-xf", inner],
                               check=True)
                os.unlink(inner)
    p.stdout.close()
    p.wait()
    if not os.path.exists(os.path.join(tmp, "Kconfig")):
        raise BuildError(f"{deb}: no kernel source inside")
    prepare = os.path.join(cache.VM, "prepare.sh")
    r = subprocess.run(["sh", prepare, tmp] + cache.patches(), stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        raise BuildError(f"{prepare} failed: {r.stdout}")
    os.rename(tmp, where)
    return where


def wishes(fragments):
    """What the fragments ask for, the last word counting."""
    want = {}
    for path in fragments:
        with open(path) as f:
            for line in f:
                m = re.match(r"(CONFIG_\w+)=(.*)", line)
                if m:
                    want[m.group(1)] = "" if m.group(2) == "n" else m.group(2)
    return want


def configuration(path):
    with open(path) as f:
        return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", f.read(), re.M))


def configure(kind, src, obj, fragments, log):
    env = dict(os.environ, ARCH=ARCH[kind])
    make = ["make", "-s", "-C", src, f"ARCH={ARCH[kind]}", f"O={obj}"]
    run(make + [BASE[kind]], log)
    run([os.path.join(src, "scripts/kconfig/merge_config.sh"), "-m", "-O", obj,
         os.path.join(obj, ".config")] + fragments, log, env=env, cwd=obj)
    run(make + ["olddefconfig"], log)
    got = configuration(os.path.join(obj, ".config"))
    return sorted(k for k, v in wishes(fragments).items() if got.get(k, "") != v)


def release(obj):
    with open(os.path.join(obj, "include/config/kernel.release")) as f:
        return f.read().strip()


def compile(make, targets, log, say):
    """make, with a word a minute; kernel builds take long."""
    with open(log, "ab") as f:
        p = subprocess.Popen(make + targets, stdin=subprocess.DEVNULL, stdout=f,
                             stderr=subprocess.STDOUT)
        begin = time.monotonic()
        try:
            while True:
                try:
                    status = p.wait(60)
                    break
                except subprocess.TimeoutExpired:
                    with open(log, "rb") as g:
                        n = len(re.findall(rb"^  (CC|AS|AR) ", g.read(), re.M))
                    say(f"{int(time.monotonic() - begin) // 60} min, {n} objects")
        except BaseException:
            p.terminate()
            p.wait()
            raise
    if status:
        raise BuildError(f"make failed; the end of {log}:\n" + tail(log))


def build(kernel, package, where, say):
    """Build `kernel` from a linux-source package into `where`; returns its info."""
    kind = kernel.kind
    src = source(package, say)
    obj = os.path.join(where, "obj")
    log = os.path.join(where, "build.log")
    os.makedirs(obj, exist_ok=True)
    open(log, "wb").close()
    missed = configure(kind, src, obj, kernel.fragments(), log)
    with open(os.path.join(where, "not-as-asked"), "w") as f:
        f.writelines(k + "\n" for k in missed)
    if missed:
        say("options this version does not have as asked: "
            + " ".join(k[len("CONFIG_"):] for k in missed))
    say(f"build with -j{JOBS} (about {'8' if kind == 'um' else '12'} minutes on 2 cores)")
    compile(["make", "-C", obj, f"ARCH={ARCH[kind]}", f"-j{JOBS}"], TARGETS[kind], log, say)
    return describe(kernel, package, src, obj)


def describe(kernel, package, src, obj):
    kind = kernel.kind
    info = {"name": kernel.name, "kind": kind, "version": package["version"],
            "release": release(obj), "source": src, "kdir": obj, "arch": ARCH[kind],
            "cc": "gcc", "extra": "", "modules": "",
            "image": os.path.join(obj, "vmlinux")}
    if kind == "x86":
        # the clock chip's interrupt is a virtio device's, so its driver stays away;
        # the debug kernel of 6.1 exits at once when entered through PVH: take the bzImage
        info.update(image=os.path.join(obj, "arch/x86/boot/bzImage"),
                    machine="microvm,acpi=off", pci=False,
                    parameters=["initcall_blacklist=cmos_init"], initmods=[])
        if "preempt" in kernel.config:
            info["cpus"] = 2
    return info


def unused_sources():
    """Source trees no ready kernel was built from."""
    used = {(k.ready() or {}).get("source") for k in cache.kernels()}
    return [d for d in glob.glob(os.path.join(cache.cache_dir(), "src", "*")) if d not in used]
