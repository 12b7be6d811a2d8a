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
# A minute is long for a person, and short for a node: with these a loss takes seconds.
FAST = {"SYNC_AGE": "5s", "HOLDOVER": "3s"}
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


def binary():
    """The program as it ships."""
    target = f"{os.uname().machine}-unknown-linux-musl"
    command("cargo", "build", "--locked", "--release", "--bin", "ptp-sync-check", "--target", target)
    return WORK.parent / target / "release/ptp-sync-check"


def machineconfig(binary, into, settings, *options):
    """What a node gets: a MachineConfig built now, and unpacked."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    settings = [f"--set={name}={value}" for name, value in settings.items()]
    build = ("cargo", "machineconfig", "--role", "worker", "--arch", os.uname().machine)
    command(*build, "--binary", binary, "--out", into, *settings, *options)
    manifest = into / "05-chronyd-dynamic-worker.yaml"
    command("cargo", "machineconfig", "unpack", manifest, "--root", into / "node")
    return into / "node"
