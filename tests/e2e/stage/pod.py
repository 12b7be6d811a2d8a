"""The pod of linuxptp-daemon, its container's log in kubelet's places, and the card below it."""

import re
import struct
import time

from .node import remove
from .wait import until

PODS = "/var/log/pods"
CONTAINER = "linuxptp-daemon-container"
KNOBS = "/stage/knobs"


class Card:
    """What can be turned on the simulated clocks; the layout is that of clock.c."""

    def __init__(self, root):
        self.path = root / KNOBS.lstrip("/")
        self.set()

    def set(self, offset_ns=0, wall_shift_s=0):
        """A change of the offset is a step of the card's clock."""
        content = struct.pack("=qq", offset_ns, wall_shift_s * 1_000_000_000)
        with self.path.open("r+b" if self.path.exists() else "wb") as knobs:
            knobs.write(content)


class Pod:
    """One pod with one container, which conmon runs and whose output it logs."""

    count = 0

    def __init__(self, node, namespace="openshift-ptp"):
        Pod.count += 1
        self.node = node
        self.uid = f"5c1f2a9e-0000-4000-8000-{Pod.count:012}"
        self.directory = f"{PODS}/{namespace}_linuxptp-daemon-{Pod.count:05}_{self.uid}"
        self.restarts = -1
        self.bundle = None
        self.boot = None

    def start(self, free_running=False, reduce=""):
        """Starts the container, or starts it again: then it logs into a new file."""
        self.restarts += 1
        self.boot = self.node.boots
        tag = "[ptp4l.0.config:{level}]" if self.levels_are_known() else "[ptp4l.0.config]"
        name = f"{self.uid}-{self.restarts}"
        self.bundle = f"/stage/{name}"
        self.node.path(self.container()).mkdir(parents=True, exist_ok=True)
        # Never opened: phc2sys looks since 4.0 whether the name is there, and the clock answers.
        self.node.path("/dev/ptp0").touch()
        config = self.node.path("/stage/ptp4l.conf").read_text()
        config += f"uds_address {self.bundle}/ptp4l.socket\nfree_running {int(free_running)}\n"
        self.node.write(f"{self.bundle}/ptp4l.conf", config)
        process = f"#!/bin/sh\nexec /stage/linuxptp-daemon '{tag}' {self.bundle}/ptp4l.conf {reduce}\n"
        self.node.write(f"{self.bundle}/process", process)
        self.node.path(f"{self.bundle}/process").chmod(0o755)
        # As CRI-O starts it; the preloaded clock is for conmon's time stamps, too.
        self.node.run(
            *("env", "LD_PRELOAD=/stage/clock.so", "conmon", "--cid", name, "--cuuid", name, "--name", name),
            *("--runtime", "/stage/runtime", "--bundle", self.bundle, "--container-pidfile", f"{self.bundle}/pid"),
            *("--conmon-pidfile", f"{self.bundle}/conmon.pid", "--log-path", f"k8s-file:{self.log()}"),
            *("--exit-dir", self.bundle, "--socket-dir-path", self.bundle, "--full-attach"),
        )
        return self

    def levels_are_known(self):
        """linuxptp puts the level of a line in the place of {level} since 4.2, which is in no 3.x."""
        return not self.node.run("ptp4l", "-v").startswith("3.")

    def container(self):
        return f"{self.directory}/{CONTAINER}"

    def log(self):
        return f"{self.container()}/{self.restarts}.log"

    def is_running(self):
        """Of this boot, and conmon has not noted its end?"""
        ended = self.node.path(f"{self.bundle}/{self.uid}-{self.restarts}")
        return self.boot == self.node.boots and not ended.exists()

    def kill_program(self, name):
        """Kills ptp4l or phc2sys; linuxptp-daemon lives on."""
        pid = self.node.path(f"{self.bundle}/pid").read_text().strip()
        for child in self.node.path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if self.node.process(child) == name:
                self.node.run("sh", "-c", f"kill -KILL {child}")

    def freeze(self):
        """The container says nothing for a while."""
        self.signal("STOP")

    def thaw(self):
        self.signal("CONT")

    def signal(self, name):
        """To all processes of the container. Its own shell has the command: Debian's minimum has no kill."""
        pid = self.node.path(f"{self.bundle}/pid").read_text().strip()
        self.node.run("sh", "-c", f"kill -{name} -{pid}")

    def kill(self):
        """Kills the container; conmon notes its end, and goes."""
        if self.is_running():
            self.signal("KILL")
            until("conmon to note the container's end", lambda: not self.is_running())

    def delete(self):
        """Kills the container and removes its logs, as kubelet does with a pod."""
        self.kill()
        remove(self.node.path(self.directory))

    def rotate(self):
        """Rotates the log as kubelet and the runtime do; returns the old file's new name."""
        old = until("a new second", self.free_name)
        self.node.path(self.log()).rename(self.node.path(old))
        # conmon's word for "open the log anew".
        self.node.path(f"{self.bundle}/ctl").write_text("2 0 0\n")
        until("conmon to open the log anew", self.node.path(self.log()).exists)
        return old

    def free_name(self):
        """A rotated log is named by the second, of which there is only one."""
        name = f"{self.log()}.{time.strftime('%Y%m%d-%H%M%S')}"
        taken = self.node.path(name).exists() or self.node.path(f"{name}.gz").exists()
        return None if taken else name

    # What the log says

    def lines(self, count=400):
        """The newest lines, newest first."""
        try:
            with self.node.path(self.log()).open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - count * 150))
                return log.read().decode(errors="replace").splitlines()[1:][::-1]
        except FileNotFoundError:
            return []

    def position(self):
        """Where the log ends, to look for what comes later."""
        return self.node.path(self.log()).stat().st_size

    def wait_for(self, pattern, after=0):
        """Waits for a line, and returns what matched."""

        def found():
            with self.node.path(self.log()).open("rb") as log:
                log.seek(after)
                return re.search(pattern, log.read().decode(errors="replace"), re.M)

        return until(f"a line like {pattern} in {self.log()}", found)

    def wait_for_lock(self):
        """Waits until both programs print what counts as in sync."""
        until("ptp4l and phc2sys to be locked and within 80 us", lambda: self.newest_are_good())

    def newest_are_good(self):
        """For the last second, since a servo that swings passes through zero, too."""
        good = {"ptp4l": [], "phc2sys": []}
        for line in self.lines():
            sample = re.search(r" (ptp4l|phc2sys)\[.* offset +(-?\d+) s(\d)", line)
            if sample:
                good[sample[1]].append(sample[3] == "2" and abs(int(sample[2])) < 80_000)
        return all(len(samples) >= 8 and all(samples[:8]) for samples in good.values())
