"""The box that everything happens in.

Mounts, network, processes and control groups of the stage are in namespaces of their own, and the
kernel takes all of them away when the first process in the box ends, in whatever way.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .failure import Missing

# Who lives in the box cannot set a clock, whatever it tries. Only what makes a new time namespace
# must still be able to.
WITHOUT_CLOCK = ("setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time")
# The node's root: the Debian one, with a layer above it that goes with the box.
ROOT = Path("/run/node")


def run(argv):
    """Runs a command in a new box, and returns its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    group = Path(control_groups()) / f"ptp-sync-check-e2e-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise Missing(f"cannot make the control group {group}: {error.strerror}") from None
    # The box ends with us, even where we are killed.
    unshare = ["setpriv", "--pdeathsig=KILL"]
    unshare += ["unshare", "--mount", "--net", "--pid", "--cgroup", "--fork", "--kill-child", "--mount-proc"]
    inside = None
    try:
        inside = subprocess.Popen([*unshare, *argv], preexec_fn=lambda: join(group))
        return wait(inside)
    finally:
        if inside:
            inside.kill()
            inside.wait()
        remove(group)


def join(group):
    (group / "cgroup.procs").write_text("0")


def wait(process):
    """Waits, and leaves Ctrl-C to the process, which gets it as well and has an account to finish."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def control_groups():
    for line in Path("/proc/mounts").read_text().splitlines():
        _, path, kind, *_ = line.split()
        if kind == "cgroup2":
            return path
    raise Missing("no cgroup2 file system is mounted")


def remove(group):
    """Removes a control group once its last process is gone."""
    groups = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
    for path in (*groups, group):
        for _ in range(100):
            try:
                path.rmdir()
                break
            except OSError:
                time.sleep(0.05)


def furnish(root, library, pod):
    """Run in the box: its own /run and control groups, and a root that can be written to."""
    for argv in (
        ("mount", "-t", "tmpfs", "tmpfs", "/run"),
        ("mkdir", "-p", "/run/systemd", "/run/change/upper", "/run/change/work", ROOT),
        ("umount", "--lazy", "/sys/fs/cgroup"),
        ("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"),
        (
            *("mount", "-t", "overlay", "overlay", ROOT),
            *("-o", f"lowerdir={root},upperdir=/run/change/upper,workdir=/run/change/work"),
        ),
        ("mkdir", ROOT / "stage"),
        ("mount", "-t", "tmpfs", "tmpfs", ROOT / "stage"),
        ("cp", library, *pod, ROOT / "stage"),
    ):
        do(*argv)
    return ROOT


def do(*argv):
    """Runs a command that builds the stage; where it fails there is no stage."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"`{' '.join(map(str, argv))}` failed: {done.stderr.strip()}")
