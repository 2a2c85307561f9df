# SPDX-License-Identifier: GPL-2.0-or-later
"""Which capture is played with whom in the place of the machine under test."""
import glob
import os

HERE = os.path.dirname(os.path.abspath(__file__))
PCAP = os.path.join(HERE, "pcap")


class Scenario:
    """
    @name: "CAPTURE ROLE"
    @captures: {segment: file}
    @ours: {segment: last byte of the captured MAC that is ours, in hex}
    @part: what our machine does: "client", "server", "silent", "router"
    """

    def __init__(self, name, captures, ours, part):
        self.name, self.captures, self.ours, self.part = name, captures, ours, part

    @property
    def role(self):
        return "router" if self.part == "router" else "endpoint"


def capture(stem):
    return os.path.join(PCAP, stem + ".pcap")


def both(stem, server="server"):
    short = stem if stem.startswith("02_") else stem.split("_")[0]
    return [Scenario(f"{short} client", {"A": capture(stem)}, {"A": "0a"}, "client"),
            Scenario(f"{short} {server}", {"A": capture(stem)}, {"A": "0b"}, server)]


def load():
    out = both("01_null_rpc")
    sizes = sorted(int(os.path.basename(p).split("_")[2].split(".")[0])
                   for p in glob.glob(os.path.join(PCAP, "02_rpc_*.pcap")))
    for n in sizes:
        out += both(f"02_rpc_{n}")
    out += both("03_nobody_serves", "silent")
    out += both("04b_server_orderly_death")
    out += both("04c_server_restart_nothere")
    a, b = capture("06b_router_null_segA"), capture("06b_router_null_segB")
    out += [Scenario("06b client", {"A": a}, {"A": "0a"}, "client"),
            Scenario("06b server", {"B": b}, {"B": "0b"}, "server"),
            Scenario("06b router", {"A": a, "B": b}, {"A": "e0", "B": "e1"}, "router")]
    return out
