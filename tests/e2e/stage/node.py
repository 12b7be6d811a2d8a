"""The node: a container with systemd as its first process, and a root that survives a reboot."""

import json
import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

from .box import ROOT, WITHOUT_CLOCK, do
from .failure import Failure
from .wait import until

HERE = Path(__file__).resolve().parent.parent
MARKER = "/run/ptp/insync"
REPORT = "/run/ptp-sync-check/report.json"
UNITS = "/etc/systemd/system"
BORN_NOW = ("unshare", "--time", "--fork", "--kill-child")
NSPAWN = (
    *("systemd-nspawn", "--boot", "--machine=node", f"--directory={ROOT}", "--register=no", "--keep-unit"),
    *("--network-namespace-path=/run/netns/node", "--capability=CAP_NET_ADMIN"),
    *("--link-journal=no", "--settings=no", "--resolv-conf=off", "--timezone=off"),
)
# Longer than systemd waits for a command of ours: see TimeoutStartSec in the units.
PATIENCE_S = 120
STATES = ("initializing", "starting", "running", "degraded")
CONSOLE = Path("/run/console.log")


class Node:
    def __init__(self, root):
        self.root = root
        self.container = None
        self.leader = None
        self.boots = 0

    def prepare(self):
        """Makes a RHEL-like node of a Debian: its chronyd, and nothing that wakes up by itself."""
        units = self.root / "etc/systemd/system"
        shutil.rmtree(units / "timers.target.wants", ignore_errors=True)
        (units / "chronyd.service").unlink(missing_ok=True)
        shutil.copytree(HERE / "root", self.root, dirs_exist_ok=True)
        systemctl = (*WITHOUT_CLOCK, "systemctl", f"--root={self.root}", "--quiet")
        do(*systemctl, "mask", "chrony.service")
        do(*systemctl, "enable", "chronyd.service", "chrony-wait.service")

    # Boot and shutdown

    def boot(self):
        """Boots, with the time since boot counted from now, and waits until systemd is done."""
        self.boots += 1
        # An offset is in whole seconds: this is one of the moments that it is exact for.
        until("a whole second of uptime", lambda: time.clock_gettime(time.CLOCK_BOOTTIME) % 1 < 0.1)
        uptime = int(time.clock_gettime(time.CLOCK_BOOTTIME))
        with CONSOLE.open("ab") as console:
            self.container = subprocess.Popen(
                [*BORN_NOW, f"--monotonic=-{uptime}", f"--boottime=-{uptime}", *WITHOUT_CLOCK, *NSPAWN],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                # Ctrl-C is for us.
                start_new_session=True,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        self.leader = until("systemd in the container", self.find_leader)
        until("systemd to answer", lambda: self.run("systemctl", "is-system-running", check=False) in STATES)
        return self.run("systemctl", "is-system-running", "--wait", check=False)

    def find_leader(self):
        """The container's systemd, a descendant of ours."""
        if self.container.poll() is not None:
            raise Failure(f"systemd-nspawn ended:\n{CONSOLE.read_text(errors='replace')}")
        descendants = [self.container.pid]
        for pid in descendants:
            try:
                if Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                    return pid
                descendants += Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            except FileNotFoundError:
                pass
        return None

    def power_off(self):
        self.run("systemctl", "poweroff", check=False)
        until("the container to end", lambda: self.container.poll() is not None)

    # A shell on the node

    def enter(self, *argv):
        return [*WITHOUT_CLOCK, "nsenter", f"--target={self.leader}", "--all", *map(str, argv)]

    def run(self, *argv, check=True):
        """Runs a command on the node, and returns what it prints."""
        command = " ".join(map(str, argv))
        try:
            done = subprocess.run(
                self.enter(*argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"`{command}` has not ended after {PATIENCE_S} s") from None
        if check and done.returncode:
            raise Failure(f"`{command}` failed with {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def path(self, path):
        """A path on the node, for our own hands; the last name of it is not followed by lstat()."""
        return Path(f"/proc/{self.leader}/root") / str(path).lstrip("/")

    def write(self, path, content):
        path = self.path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def fill_run(self):
        """Leaves no room in /run, which is made small first."""
        self.run("mount", "-o", "remount,size=4M", "/run")
        self.run("sh", "-c", "cat /dev/zero >/run/full", check=False)

    def free_run(self):
        remove(self.path("/run/full"))
        self.run("mount", "-o", "remount,size=64M", "/run")

    # What systemd and the check say

    def show(self, unit, *properties):
        text = self.run("systemctl", "show", unit, f"--property={','.join(properties)}")
        return dict(line.split("=", 1) for line in text.splitlines())

    def settled(self, *units):
        """Have the units, and what a failure of theirs starts, come to an end?"""
        return all(self.show(unit, "ActiveState")["ActiveState"] in ("inactive", "failed") for unit in units)

    def process(self, pid):
        """The name of a process on the node; None if it is gone."""
        try:
            return self.path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return None

    def marker(self):
        try:
            mode = self.path(MARKER).lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "absent"
        kinds = {stat.S_IFREG: "there", stat.S_IFDIR: "a directory", stat.S_IFLNK: "a link", stat.S_IFIFO: "a FIFO"}
        return kinds[stat.S_IFMT(mode)]

    def report(self):
        return json.loads(self.path(REPORT).read_text())

    def cursor(self):
        """Where the journal ends."""
        text = self.run("journalctl", "--lines=0", "--show-cursor", "--quiet")
        return text.removeprefix("-- cursor: ")

    def journal(self, cursor):
        """The journal's entries behind a cursor. All of them: with a match, systemd 252 drops the first."""
        text = self.run("journalctl", "--output=json", "--quiet", f"--after-cursor={cursor}")
        return [json.loads(line) for line in text.splitlines()]

    def sources(self):
        """How many of chronyd's last eight questions were answered; 0 where no server is selected."""
        for line in self.run("chronyc", "-c", "-h", "127.0.0.1", "sources", check=False).splitlines():
            _, state, _, _, _, reach, *_ = line.split(",")
            if state == "*":
                return int(reach, 8).bit_count()
        return 0

    # The MachineConfig

    def install(self, tree, extra=()):
        """Makes the files of a MachineConfig, and only those, the node's, as its daemon would."""
        self.remove_machineconfig()
        shutil.copytree(tree, self.path("/"), dirs_exist_ok=True, symlinks=True)
        for path, content in dict(extra).items():
            self.write(path, content)
        self.run("systemctl", "daemon-reload")

    def remove_machineconfig(self):
        """Removes its files, and what scenes have put beside them."""
        for name in ("chronyd-restart.service", "chronyd-restart.timer", "ptp-sync-failsafe.service"):
            remove(self.path(f"{UNITS}/{name}"))
            remove(self.path(f"{UNITS}/{name}.d"))
        for path in (f"{UNITS}/chronyd.service.d", f"{UNITS}/timers.target.wants", "/usr/local/bin"):
            remove(self.path(path))


def remove(path):
    """Removes whatever is there, if anything."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)
