# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress of long work on standard error: a bar on a terminal, plain lines otherwise."""

import os
import subprocess
import sys
import threading
import time


class Progress:
    """Parts of known weight, done one after another; a fraction of the current one is shown."""

    def __init__(self, label, total):
        self.label, self.total = label, total
        self.done, self.now, self.text = 0.0, 0.0, ""
        self.tty = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.begin = time.monotonic()
        self.lock = threading.RLock()
        self.width = 0

    def draw(self):
        if not self.tty:
            return
        with self.lock:
            share = min((self.done + self.now) / self.total, 1.0)
            full = int(32 * share)
            seconds = int(time.monotonic() - self.begin)
            try:
                columns = os.get_terminal_size(2).columns - 1
            except OSError:
                columns = 79
            line = (f"{self.label} [{'#' * full}{'.' * (32 - full)}] {share * 100:3.0f}% "
                    f"{seconds // 60}:{seconds % 60:02d} {self.text}")
            sys.stderr.write("\r" + line[:columns] + "\033[K")
            sys.stderr.flush()

    def part(self, share, text=None):
        """@share of the current part's weight is done."""
        with self.lock:
            self.now = share
            if text is not None:
                self.text = text
        self.draw()

    def step(self, weight, text=""):
        """A part of @weight is done."""
        with self.lock:
            self.done += weight
            self.now, self.text = 0.0, text
        self.draw()

    def say(self, text):
        with self.lock:
            if self.tty:
                sys.stderr.write("\r\033[K")
            print(f"{self.label}: {text}", file=sys.stderr, flush=True)
        self.draw()

    def clear(self):
        if self.tty:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def command(progress, argv, weight, seconds, text, cwd=None, env=None):
    """
    Run a command that takes about @seconds; its output is shown only when it fails. Its last
    line stands beside the bar. Returns (status, output).
    """
    progress.say(text)
    begin = time.monotonic()
    p = subprocess.Popen(argv, cwd=cwd, env=env, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    output = []
    over = threading.Event()

    def tick():
        while not over.wait(0.5):
            passed = time.monotonic() - begin
            # never quite done before it is
            progress.part(weight * passed / (passed + seconds))

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    for line in p.stdout:
        output.append(line)
        last = line.decode(errors="replace").strip()
        if last:
            progress.text = last
    status = p.wait()
    over.set()
    ticker.join()
    progress.step(weight)
    return status, b"".join(output)
