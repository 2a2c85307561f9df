# SPDX-License-Identifier: GPL-2.0-or-later
"""Which capture is played with whom in the place of the machine under test."""
import glob
import os

import flipwire as fw

HERE = os.path.dirname(os.path.abspath(__file__))
PCAP = os.path.join(HERE, "pcap")


class Scenario:
    """
    @name: "CAPTURE ROLE"
    @captures: {segment: file}
    @ours: {segment: last byte of the captured MAC that is ours, in hex}
    @part: what our machine does: "client", "server", "silent", "router"
    @untrusted: segments that are so to our machine
    """

    def __init__(self, name, captures, ours, part, untrusted=""):
        self.name, self.captures, self.ours, self.part = name, captures, ours, part
        self.untrusted = untrusted

    @property
    def role(self):
        return "router" if self.part == "router" else "endpoint"

    def seconds(self):
        """how long the captures are"""
        times = [t for path in self.captures.values() for t, _ in fw.read_pcap(path)]
        return max(times) - min(times)


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
    for stem in ("04a_server_sigkill", "04b_server_orderly_death", "04c_server_restart_nothere",
                 "04d_server_crash_reboot_during_op"):
        out += both(stem)
    # captured at both ends of a link that loses and doubles frames: each end as it saw it
    for stem in ("05_dup_null", "05_loss10_null", "05_loss10_4096"):
        out += [Scenario(f"{stem} client", {"A": capture(f"{stem}_sideA")}, {"A": "0a"}, "client"),
                Scenario(f"{stem} server", {"B": capture(f"{stem}_sideB")}, {"B": "0b"}, "server")]
    for stem, untrusted in (("06_router", ""), ("06b_router_null", ""), ("06c_untrusted", "B")):
        short = stem.split("_")[0]
        a, b = capture(f"{stem}_segA"), capture(f"{stem}_segB")
        out += [Scenario(f"{short} client", {"A": a}, {"A": "0a"}, "client"),
                Scenario(f"{short} server", {"B": b}, {"B": "0b"}, "server"),
                Scenario(f"{short} router", {"A": a, "B": b}, {"A": "e0", "B": "e1"}, "router",
                         untrusted)]
    # a peer of the other byte order; ours is the little-endian side
    for stem, part in (("08a_BEclient_LEserver_0", "server"), ("08b_LEclient_BEserver_0", "client"),
                       ("08c_BEclient_LEserver_4096", "server"),
                       ("08d_LEclient_BEserver_4096", "client")):
        out.append(Scenario(f"{stem[:3]} {part}", {"A": capture(stem)},
                            {"A": "0a" if part == "client" else "0b"}, part))
    stem = "08e_BEclient_LErouter_seg"
    out.append(Scenario("08e router", {"A": capture(stem + "A"), "B": capture(stem + "B")},
                        {"A": "e0", "B": "e1"}, "router"))
    # our server would queue the request its one thread cannot take: no server's part here
    out.append(Scenario("09a client", {"A": capture("09a_busy_server_nak")}, {"A": "02"},
                        "client"))
    return out
