# SPDX-License-Identifier: GPL-2.0-or-later
"""A private apt root: packages of other suites, checked against the machine's own keyring,
without touching the machine's configuration or installing anything."""

import fcntl
import glob
import json
import os
import re
import subprocess
import time

import cache

MAX_AGE = float(os.environ.get("AMOEBA_VM_REFRESH_DAYS", "7")) * 86400
WANTED = re.compile(r"^(linux-(image|headers|kbuild|source|binary|modules|base|compiler)-?"
                    r"[0-9a-z].*|libc6|libelf1t64|libelf1|zlib1g|libzstd1|libssl3t64|"
                    r"libcrypto3t64)$")
FIELDS = ("Package", "Version", "Depends", "Size")


class AptError(Exception):
    pass


def root():
    return os.path.join(cache.cache_dir(), "apt")


def own_source():
    """URI and keyring of the machine's own Debian archive."""
    uri, key = "http://deb.debian.org/debian", None
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        with open(path) as f:
            for stanza in re.split(r"\n\s*\n", f.read()):
                d = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.+)$", stanza, re.M))
                if re.search(r"/debian/?$", d.get("URIs", "").split(" ")[0]) and \
                        "deb" in d.get("Types", "deb").split():
                    uri, key = d["URIs"].split()[0], d.get("Signed-By")
                    break
            else:
                continue
            break
    else:
        for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")):
            try:
                with open(path) as f:
                    text = f.read()
            except OSError:
                continue
            m = re.search(r"^deb\s+(\[[^\]]*\]\s+)?(\S+/debian/?)\s", text, re.M)
            if m:
                uri = m.group(2)
                k = re.search(r"signed-by=([^\s\]]+)", m.group(1) or "")
                key = k.group(1) if k else None
                break
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    if not (key and key.startswith("/") and os.path.exists(key)):
        key = keyring
    if not os.path.exists(key):
        raise AptError(f"{key} is missing: install debian-archive-keyring")
    return uri, key


def apt(*arguments, cwd=None, check=True):
    r = root()
    command = ["apt-get", "-q",
               "-o", f"Dir::Etc::sourcelist={r}/etc/vm.sources",
               "-o", "Dir::Etc::sourceparts=-",
               "-o", f"Dir::State::lists={r}/lists",
               "-o", f"Dir::Cache={r}/cache",
               "-o", f"Dir::Cache::archives={r}/cache/archives",
               "-o", "Dir::Etc::preferencesparts=/dev/null",
               "-o", "APT::Get::List-Cleanup=0",
               "-o", "APT::Sandbox::User=root",
               "-o", "Acquire::GzipIndexes=false",
               "-o", "Acquire::Languages=none",
               "-o", "Acquire::Retries=3"] + list(arguments)
    p = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, errors="replace")
    if check and p.returncode:
        raise AptError(" ".join(arguments) + ": " + p.stdout.strip()[-500:])
    return p


def update(suites, say):
    """Fetch the lists of the suites and make the index."""
    r = root()
    for d in ("lists/partial", "cache/archives/partial", "etc"):
        os.makedirs(os.path.join(r, d), exist_ok=True)
    uri, key = own_source()
    with open(os.path.join(r, "etc", "vm.sources"), "w") as f:
        # a stanza each: a suite that is gone must not take the others along
        for s in suites:
            f.write(f"Types: deb\nURIs: {uri}\nSuites: {s}\nComponents: main\n"
                    f"Architectures: amd64\nSigned-By: {key}\n\n")
    say(f"package lists of {' '.join(suites)}")
    p = apt("update", check=False)
    packages = []
    for s in suites:
        for path in glob.glob(os.path.join(r, "lists", f"*_dists_{s}_main_binary-amd64_Packages")):
            packages += parse(path, s)
    if not packages:
        raise AptError("no package lists: " + p.stdout.strip()[-500:])
    tmp = cache.index_path() + ".new"
    with open(tmp, "w") as f:
        json.dump(packages, f, indent=0)
    os.rename(tmp, cache.index_path())
    return packages


def parse(path, suite):
    out = []
    with open(path, encoding="utf-8", errors="replace") as f:
        for stanza in f.read().split("\n\n"):
            if not stanza.startswith("Package: "):
                continue
            if not WANTED.match(stanza[9:stanza.index("\n")]):
                continue
            d = {}
            for line in stanza.split("\n"):
                k, _, v = line.partition(": ")
                if k in FIELDS:
                    d[k] = v
            out.append({"name": d["Package"], "version": d["Version"], "suite": suite,
                        "depends": d.get("Depends", ""), "size": int(d.get("Size", 0))})
    return out


def index(say, force=False):
    """The packages of interest; the lists are fetched anew when older than MAX_AGE."""
    os.makedirs(root(), exist_ok=True)
    suites = []
    for k in cache.kernels():
        suites += [s for s in k.suites if s not in suites]
    with open(os.path.join(root(), "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            age = time.time() - os.stat(cache.index_path()).st_mtime
        except OSError:
            age = None
        known = {p["suite"] for p in cache.index()}
        if age is None or age > MAX_AGE or (force and age > 60) or \
                (age > 3600 and not set(suites) <= known):
            try:
                return update(suites, say)
            except AptError as e:
                if age is None:
                    raise
                say(f"lists not refreshed, the old ones serve: {e}")
    return cache.index()


def fetch(package, say):
    """The .deb of an index entry; signature-checked by apt.  Returns its path."""
    d = os.path.join(cache.cache_dir(), "deb")
    os.makedirs(d, exist_ok=True)
    name, version = package["name"], package["version"]
    quoted = version.replace(":", "%3a")
    with open(os.path.join(d, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in glob.glob(os.path.join(glob.escape(d), f"{name}_{quoted}_*.deb")):
            if os.stat(path).st_size == package["size"]:
                return path
            os.unlink(path)
        say(f"download {name} {version} ({package['size'] >> 20} MB)")
        tmp = os.path.join(d, "partial")
        os.makedirs(tmp, exist_ok=True)
        apt("download", f"{name}={version}", cwd=tmp)
        for path in glob.glob(os.path.join(tmp, f"{name}_*.deb")):
            final = os.path.join(d, os.path.basename(path))
            os.rename(path, final)
            return final
    raise AptError(f"{name} {version}: downloaded, but no file came")


def unpack(package, where, say):
    deb = fetch(package, say)
    os.makedirs(where, exist_ok=True)
    subprocess.run(["dpkg-deb", "-x", deb, where], check=True)
