"""What the stage is built of, kept below target/e2e from run to run."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from .failure import Missing

HERE = Path(__file__).resolve().parent.parent
PROJECT = HERE.parent.parent
WORK = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target")).resolve() / "e2e"

CLOCK = WORK / "clock.so"

PACKAGES = ("systemd", "systemd-sysv", "dbus", "chrony", "linuxptp", "conmon", "python3-minimal")
# The settings of the stage: with these a loss takes seconds.
SYNC_AGE_S = 5
HOLDOVER_S = 3
FAST = {"SYNC_AGE": f"{SYNC_AGE_S}s", "HOLDOVER": f"{HOLDOVER_S}s"}
# Another release of the same: one setting differs.
UPDATED = {**FAST, "MAX_OFFSET": "150us", "OFFSET_THRESHOLD": "30us"}


def claim():
    """Two runs at once would build over each other's work. Holds until it is closed."""
    WORK.mkdir(parents=True, exist_ok=True)
    lock = (WORK / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Missing(f"another run is using {WORK}: wait for it, or set CARGO_TARGET_DIR") from None
    return lock


def command(*argv):
    """Runs a command that builds something, and shows what it says only if it fails."""
    done = subprocess.run(argv, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise Missing(f"`{' '.join(map(str, argv))}` failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def debian(suite):
    """A Debian root with the real programs, made once."""
    key = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]
    root = WORK / f"{suite}-{key}"
    if not root.exists():
        unfinished = root.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        command("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, unfinished)
        unfinished.rename(root)
    return root


def clock():
    """The simulated clock."""
    command("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", CLOCK, HERE / "clock.c")


def machineconfig(into, settings, *options):
    """What a node gets: a MachineConfig built now, with its binary unless one is given, and unpacked."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    settings = [f"--set={name}={value}" for name, value in settings.items()]
    build = ("cargo", "machineconfig", "--role=worker", f"--arch={os.uname().machine}", f"--out={into}")
    command(*build, *settings, *options)
    command("cargo", "machineconfig", "unpack", into / "05-chronyd-dynamic-worker.yaml", "--root", into / "node")
