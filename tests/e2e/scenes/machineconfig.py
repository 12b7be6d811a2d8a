"""The MachineConfig is updated, and removed."""

import os

from stage.materials import UPDATED, WORK
from stage.node import MARKER, UNITS
from stage.scene import scene
from stage.stage import CHRONYD, SERVICE, TIMER, expect_equal


def max_offset_ns(stage):
    return stage.node.report()["policy"]["max_offset_ns"]


@scene
def machineconfig_is_updated(stage):
    """The MachineConfig is updated without a reboot: nothing starts, the next tick uses it"""
    stage.with_ptp()
    before = stage.chronyd()
    stage.expect("the limit in force", 100_000, lambda: max_offset_ns(stage))
    stage.step(f"the new files are there, with MAX_OFFSET={UPDATED['MAX_OFFSET']}")
    stage.node.install(WORK / "updated/node")
    stage.expect_in_sync()
    stage.step("a tick: in sync, by the new limit")
    stage.tick()
    stage.expect_in_sync()
    stage.expect("the limit in force", 150_000, lambda: max_offset_ns(stage))
    stage.expect_unchanged(before)
    stage.expect_journal()


@scene
def machineconfig_is_removed(stage):
    """The MachineConfig is removed without a reboot: chronyd can be started, and stays after a boot"""
    stage.with_ptp()
    stage.step("the files are gone: chronyd stays stopped")
    stage.node.remove_machineconfig()
    stage.node.run("systemctl", "daemon-reload")
    stage.expect("chronyd", "inactive dead, process None", stage.chronyd_line)
    stage.step("chronyd is started by hand, in spite of the marker")
    stage.expect("the marker", "there", stage.node.marker)
    stage.node.run("systemctl", "start", CHRONYD)
    stage.expect("chronyd", "active running, process chronyd", stage.chronyd_line)
    stage.step("the node boots: nothing of ours is left, and chronyd runs")
    stage.node.power_off()
    stage.expect("the system", "running", stage.node.boot)
    stage.expect_out()
    for path in (MARKER, "/run/ptp-sync-check", f"{UNITS}/{SERVICE}", f"{UNITS}/timers.target.wants/{TIMER}"):
        expect_equal(f"{path} is there", False, os.path.lexists(stage.node.path(path)))
