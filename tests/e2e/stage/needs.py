"""What has to be there before anything is built, and where it comes from."""

import os
import shutil
from pathlib import Path

from .failure import Missing

PROGRAMS = {
    "cargo": "https://rustup.rs",
    "cc": "apt-get install gcc libc6-dev",
    "ip": "apt-get install iproute2",
    "mmdebstrap": "apt-get install mmdebstrap",
    "nsenter": "apt-get install util-linux",
    "setpriv": "apt-get install util-linux",
    "systemctl": "apt-get install systemd",
    "systemd-nspawn": "apt-get install systemd-container",
    "unshare": "apt-get install util-linux",
}
CAP_SYS_TIME = 1 << 25


def check():
    """Names all that is missing, not only the first."""
    missing = [f"{name} is missing: {hint}" for name, hint in PROGRAMS.items() if not shutil.which(name)]
    if os.geteuid() != 0:
        missing.append("not root: a container, its network and its mounts need it")
    elif not capabilities() & CAP_SYS_TIME:
        missing.append("no CAP_SYS_TIME: without it the container's uptime cannot begin at its boot")
    if not Path("/proc/self/ns/time").exists():
        missing.append("the kernel has no time namespaces (CONFIG_TIME_NS)")
    if missing:
        raise Missing("\n".join(missing))


def capabilities():
    status = Path("/proc/self/status").read_text()
    return int(status.split("CapEff:")[1].split()[0], 16)
