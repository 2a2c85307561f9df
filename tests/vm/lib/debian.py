# SPDX-License-Identifier: GPL-2.0-or-later
"""The distribution's own kernels, unmodified: image, modules and headers, unpacked.

Headers of a newer suite run their build tools with that suite's C library, and leave out
compiler options that the compiler at hand does not know.
"""

import bz2
import glob
import gzip
import lzma
import os
import platform
import re
import shutil
import struct
import subprocess

import apt
import cache

INITMODS = ["virtio_pci", "virtio_net", "9p", "9pnet_virtio", "overlay", "virtio_console"]
LIBRARIES = ["libc6", "libelf1t64", "zlib1g", "libzstd1", "libssl3t64"]


class DebianError(Exception):
    pass


def package_set(package, packages):
    """Image, modules, headers and their helpers, all of one version."""
    release = re.sub(r"^linux-(image|binary)-", "", package["name"])
    release = re.sub(r"-unsigned$", "", release)
    by_name = {p["name"]: p for p in packages if p["suite"] == package["suite"]}
    # helpers such as kbuild may lie in a sister suite
    base = package["suite"].replace("-backports", "")
    for p in packages:
        if p["suite"].replace("-backports", "") == base:
            by_name.setdefault(p["name"], p)
    names = [package["name"], f"linux-headers-{release}"]
    for split in (f"linux-modules-{release}", f"linux-base-{release}"):
        if split in by_name and package["name"].startswith("linux-binary-"):
            names.append(split)
    headers = by_name.get(f"linux-headers-{release}")
    if not headers:
        raise DebianError(f"no linux-headers-{release} in {package['suite']}")
    names += re.findall(r"(linux-headers-[^ ,]*-common|linux-kbuild-[^ ,]*)", headers["depends"])
    missing = [n for n in names if n not in by_name]
    if missing:
        raise DebianError(f"{' '.join(missing)} not in {package['suite']}")
    return release, [by_name[n] for n in names]


def payload(bzimage):
    """The ELF kernel inside a bzImage: emulated, unpacking it in the guest takes long."""
    with open(bzimage, "rb") as f:
        data = f.read()
    setup = (data[0x1f1] or 4) + 1
    offset, length = struct.unpack_from("<II", data, 0x248)
    body = data[setup * 512 + offset:setup * 512 + offset + length]
    if body[:2] == b"\x1f\x8b":
        return gzip.decompress(body[:-4])
    if body[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMADecompressor().decompress(body)
    if body[:3] == b"BZh":
        return bz2.BZ2Decompressor().decompress(body)
    if body[:4] == b"\x28\xb5\x2f\xfd":
        r = subprocess.run(["zstd", "-dcq"], input=body[:-4], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
        return r.stdout
    return b""


def has_pvh(elf):
    """Whether an ELF kernel has the note that QEMU enters it by (Xen, PHYS32_ENTRY)."""
    return elf[:4] == b"\x7fELF" and struct.pack("<III", 4, 8, 18) + b"Xen\0" in elf \
        or struct.pack("<III", 4, 4, 18) + b"Xen\0" in elf


def make_relocatable(root):
    """Headers name /usr/src absolutely."""
    for makefile in glob.glob(os.path.join(root, "usr/src/linux-headers-*/Makefile")):
        with open(makefile) as f:
            text = f.read()
        new = re.sub(r"(?m)^((?:export )?KBUILD_OUTPUT\s*:?=\s*|include )/usr/src/",
                     rf"\g<1>{root}/usr/src/", text)
        if new != text:
            with open(makefile, "w") as f:
                f.write(new)
    for path, dirs, files in os.walk(os.path.join(root, "usr/src")):
        for name in dirs + files:
            full = os.path.join(path, name)
            if os.path.islink(full) and os.readlink(full).startswith("/usr/"):
                target = root + os.readlink(full)
                os.unlink(full)
                os.symlink(target, full)


def host_glibc():
    return tuple(int(x) for x in platform.libc_ver()[1].split(".")[:2])


def needs_newer_glibc(path):
    r = subprocess.run(["objdump", "-T", path], stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, text=True)
    versions = [tuple(map(int, v)) for v in re.findall(r"GLIBC_(\d+)\.(\d+)", r.stdout)]
    return bool(versions) and max(versions) > host_glibc()


def programs(root):
    for path, _, files in os.walk(os.path.join(root, "usr/lib")):
        if "/linux-kbuild" not in path:
            continue
        for name in files:
            full = os.path.join(path, name)
            if os.path.islink(full) or not os.access(full, os.X_OK):
                continue
            with open(full, "rb") as f:
                if f.read(4) == b"\x7fELF":
                    yield full


def wrap_tools(root, suite, packages, say):
    """Run the build tools with their own suite's C library where ours is too old."""
    tools = [p for p in programs(root) if needs_newer_glibc(p)]
    if not tools:
        return
    suite = suite.replace("-backports", "")
    libs = os.path.join(root, "newlibc")
    for name in LIBRARIES:
        p = cache.newest(packages, name, [suite])
        if p:
            apt.unpack(p, libs, say)
    where = os.path.join(libs, "usr/lib/x86_64-linux-gnu")
    loader = os.path.join(where, "ld-linux-x86-64.so.2")
    if not os.path.exists(loader):
        raise DebianError(f"{root}: build tools want a newer libc6, and {suite} is not listed")
    for tool in tools:
        os.rename(tool, tool + ".elf")
        with open(tool, "w") as f:
            f.write(f'#!/bin/sh\nexec {loader} --library-path {where} "$0.elf" "$@"\n')
        os.chmod(tool, 0o755)
    say(f"{len(tools)} build tools of {suite} run with its own C library")


def compiler_knows(option):
    return subprocess.run(["gcc", "-Werror", option, "-x", "c", "-c", "/dev/null",
                           "-o", "/dev/null"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def make_extra(kdir):
    """Arguments for make that let headers of a newer compiler work with ours."""
    extra = ["CONFIG_DEBUG_INFO_BTF_MODULES="]
    with open(os.path.join(kdir, "include/config/auto.conf")) as f:
        conf = f.read()
    if "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=y" in conf and \
            not compiler_knows("-fmin-function-alignment=16"):
        extra.append("CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=")
    return extra


def module_files(root, release, names):
    """What must be loaded before the host's root can be mounted, in order, uncompressed."""
    where = os.path.join(os.path.dirname(root), "initmods")
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    order = []
    for name in names:
        r = subprocess.run(["modprobe", "-d", root, "-S", release, "--show-depends", name],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if r.returncode:
            raise DebianError(f"{release}: no module {name}: {r.stderr.strip()}")
        for line in r.stdout.split("\n"):
            if not line.startswith("insmod "):
                continue
            path = line.split()[1]
            base = os.path.basename(path)
            base = base[:base.index(".ko") + 3]
            if base in order:
                continue
            order.append(base)
            with open(path, "rb") as f:
                data = f.read()
            if path.endswith(".xz"):
                data = lzma.decompress(data)
            elif path.endswith(".zst"):
                data = subprocess.run(["zstd", "-dcq"], input=data, check=True,
                                      stdout=subprocess.PIPE).stdout
            elif path.endswith(".gz"):
                data = gzip.decompress(data)
            with open(os.path.join(where, base), "wb") as f:
                f.write(data)
    return [os.path.join(where, m) for m in order]


def build(kernel, package, where, say, packages):
    release, parts = package_set(package, packages)
    root = os.path.join(where, "root")
    shutil.rmtree(root, ignore_errors=True)
    for p in parts:
        apt.unpack(p, root, say)
    if not os.path.exists(os.path.join(root, "lib")):
        os.symlink("usr/lib", os.path.join(root, "lib"))
    modules = os.path.join(root, "lib/modules", release)
    image = None
    for path in (f"boot/vmlinuz-{release}", f"lib/modules/{release}/vmlinuz"):
        if os.path.exists(os.path.join(root, path)):
            image = os.path.join(root, path)
    if not image:
        raise DebianError(f"no kernel image in {package['name']}")
    subprocess.run(["depmod", "-b", root, release], check=True)
    make_relocatable(root)
    wrap_tools(root, package["suite"], packages, say)
    kdir = os.path.join(root, "usr/src", f"linux-headers-{release}")
    info = {"name": kernel.name, "kind": "debian", "version": package["version"],
            "release": release, "kdir": kdir, "source": "", "arch": "x86_64", "cc": "gcc",
            "extra": " ".join(make_extra(kdir)), "modules": modules, "image": image,
            "machine": "q35,smm=off,sata=off,usb=off,vmport=off", "pci": True, "cpus": 1,
            "initmods": module_files(root, release, INITMODS),
            "parameters": ["random.trust_cpu=on"]}
    elf = payload(image)
    if has_pvh(elf):
        info["image"] = os.path.join(where, "vmlinux")
        with open(info["image"], "wb") as f:
            f.write(elf)
    return info
