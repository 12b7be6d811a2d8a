"""The network, and who else is in it: an NTP server and a PTP grandmaster."""

import subprocess
from pathlib import Path

from .box import WITHOUT_CLOCK, do

NTP_SERVER = """
local stratum 5
allow 192.0.2.0/24
bindcmdaddress /
cmdport 0
pidfile /run/ntp-server.pid
"""


def build():
    """Three machines: the node, and one cable each from it to the grandmaster and to the NTP server."""
    for name in ("node", "grandmaster", "ntp"):
        ip(f"netns add {name}")
        ip(f"-netns {name} link set lo up")
    for name, inside in (("grandmaster", "ptp"), ("ntp", "eth")):
        ip(f"-netns node link add {inside} type veth peer name port netns {name}")
        ip(f"-netns node link set {inside} up")
        ip(f"-netns {name} link set port up")
    ip("-netns node address add 192.0.2.2/24 dev eth")
    ip("-netns ntp address add 192.0.2.1/24 dev port")


def ip(arguments):
    do("ip", *arguments.split())


class Machine:
    """A program on another machine of the network; its files are those of the node's root."""

    def __init__(self, root, name, *argv):
        self.command = [*WITHOUT_CLOCK, "ip", "netns", "exec", name, "chroot", root, *argv]
        self.log = Path(f"/run/{name}.log")
        self.process = None

    def start(self):
        if not self.process:
            log = self.log.open("ab")
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self):
        """As if its cable were cut: it says nothing any more, and takes leave of nobody."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def ntp_server(root):
    (root / "etc/ntp-server.conf").write_text(NTP_SERVER)
    return Machine(root, "ntp", "chronyd", "-x", "-d", "-u", "root", "-f", "/etc/ntp-server.conf")


def grandmaster(root):
    argv = ("env", "LD_PRELOAD=/stage/clock.so", "ptp4l", "-f", "/stage/grandmaster.conf", "-i", "port", "-m")
    return Machine(root, "grandmaster", *argv)
